"""What stands in `extra` beside a parameter that says the same: refused, for one of the two would be lost unheard."""

from collections.abc import Mapping
from typing import Any, cast

from agentkit._settings import Settings, python_name
from agentkit.errors import ConfigurationError

__all__ = ["refuse_said_twice"]

# Where in a request stands what a parameter says. Those of `generationConfig` and of the request itself have its names.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "instructions": ("systemInstruction",),
    "tools": ("tools",),
    "tool_choice": ("toolConfig.functionCallingConfig",),
    "thinking": (
        "generationConfig.thinkingConfig.thinkingLevel",
        "generationConfig.thinkingConfig.thinkingBudget",
    ),
    "include_thoughts": ("generationConfig.thinkingConfig.includeThoughts",),
    "output": (
        "generationConfig.responseMimeType",
        "generationConfig.responseSchema",
        "generationConfig.responseJsonSchema",
        "generationConfig._responseJsonSchema",
        "generationConfig.responseFormat",
    ),
    "speech": ("generationConfig.speechConfig",),
    "aspect_ratio": ("generationConfig.imageConfig.aspectRatio",),
    "image_size": ("generationConfig.imageConfig.imageSize",),
}
_RENAMED: Mapping[str, str] = {"safety_settings": "safety"}


def refuse_said_twice(settings: Settings, **others: object) -> None:
    """Refuse what an agent says by a parameter and in `extra`. Objects whose fields differ are merged and may stay.

    Args:
        settings: The agent's, with what it was given as `extra`.
        others: Its other parameters by their names. None was not given.

    Raises:
        ConfigurationError: The message names the parameter and the field in `extra`.
    """
    given = {**others, "thinking": settings.thinking, "include_thoughts": settings.include_thoughts or None}
    said = [(name, place, value) for name, value in given.items() for place in _PLACES[name] if value is not None]
    said += [(python_name(name), f"generationConfig.{name}", value) for name, value in settings.generation.items()]
    said += [(python_name(name), name, value) for name, value in settings.others.items()]
    for name, place, value in said:
        if path := _path_of_both(settings.extra, place, value):
            raise ConfigurationError(
                f"extra: {path!r} is said by {_RENAMED.get(name, name)}=..., too, and one of the two would be lost. "
                "Leave one of them out."
            )


def _path_of_both(extra: Mapping[str, Any], place: str, value: object) -> str:
    """Return the dotted path of what `extra` says in place of `value`; empty if it says nothing there."""
    found: object = extra
    steps: list[str] = []
    for step in place.split("."):
        if not isinstance(found, Mapping):  # it replaces all that is said within it
            break
        if step not in found:
            return ""
        found = cast("Mapping[str, object]", found)[step]
        steps.append(step)
    path = ".".join(steps)
    if not isinstance(found, Mapping) or not isinstance(value, Mapping):
        return path
    fields, more = cast("Mapping[str, object]", value), cast("Mapping[str, Any]", found)
    return next((f"{path}.{inner}" for name in fields if (inner := _path_of_both(more, name, fields[name]))), "")
