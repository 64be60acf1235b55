"""What an agent says about every request, checked and in the form of the wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit._log import get_logger
from agentkit.errors import ConfigurationError
from agentkit.models import resolve_thinking
from agentkit.wire import GenerationConfig, SafetySetting

__all__ = ["read_settings"]

log = get_logger("agent")


def read_settings(
    model: str,
    generation: GenerationConfig | Mapping[str, Any] | None,
    safety: Sequence[SafetySetting | Mapping[str, Any]],
    thinking: str | int | None,
    *,
    include_thoughts: bool,
) -> dict[str, Any]:
    """Return the fields of a request that the agent fixes."""
    config = _read_generation(generation)
    thoughts: dict[str, Any] = {}
    if thinking is not None:
        try:
            resolved, note = resolve_thinking(thinking, model)
        except ValueError as error:
            raise ConfigurationError(f"thinking={thinking!r}: {error}") from error
        if note:
            log.warning("thinking.clamped", model=model, note=note)
        thoughts.update(resolved)
    if include_thoughts:
        thoughts["includeThoughts"] = True
    if thoughts:
        config["thinkingConfig"] = {**config.get("thinkingConfig", {}), **thoughts}
    if {"thinkingLevel", "thinkingBudget"} <= config.get("thinkingConfig", {}).keys():
        raise ConfigurationError("No model takes a thinkingLevel and a thinkingBudget together. Use thinking=...")
    settings: dict[str, Any] = {"generation_config": GenerationConfig.parse(config)}
    if safety:
        settings["safety_settings"] = [
            entry if isinstance(entry, SafetySetting) else SafetySetting.parse(entry) for entry in safety
        ]
    return settings


def _read_generation(generation: GenerationConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return `generationConfig` in the names of the wire; Python's names are taken too. Unknown fields are kept."""
    if isinstance(generation, GenerationConfig):
        return generation.to_wire()
    given = dict(generation or {})
    read = GenerationConfig.parse(given)
    known = {name: getattr(read, name) for name in sorted(read.fields_set)}
    config = GenerationConfig(**known).to_wire()
    for (name, value), wire_name in zip(known.items(), config, strict=True):
        sent = given.get(wire_name, given.get(name))
        if value is None and sent is not None:
            raise ConfigurationError(f"generation={{{name!r}: {sent!r}}}: the value is of the wrong kind.")
    return config | dict(read.unknown)
