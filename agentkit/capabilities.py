"""What an endpoint can do, as `agentkit doctor` found it: a file that the client and `agentkit check` go by.

```json
{"agentkit_capabilities": 1, "base_url": "https://api.cometapi.com/v1beta", "model": "gemini-3-flash-preview",
 "probed_at": "2026-11-22T10:00:00Z", "endpoint": "comet", "auth": ["x-goog-api-key", "bearer"], "stream": true,
 "schema_dialect": "json_schema", "call_ids": true, "takes_call_ids": true, "signatures": true, "errors": "openai",
 "builtins": ["googleSearch", "codeExecution"], "builtins_with_functions": false,
 "files": false, "caches": null, "count_tokens": true, "list_models": true}
```
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError

__all__ = ["Capabilities"]

_VERSION: Final = 1
_MARK: Final = "agentkit_capabilities"
_LARGEST: Final = 1_000_000  # bytes
_AGAIN: Final = "Make a new one: agentkit doctor --save FILE."


@frozen
class Capabilities:
    """What one endpoint can do with one model. What is `None` was not found out, and is taken as usual.

    Attributes:
        base_url: Where it was asked, with the version.
        model: Who was asked.
        probed_at: When, in UTC: `2026-11-22T10:00:00Z`.
        endpoint: Whose dialect it is: `"google"`, `"vertex"`, `"comet"` or `"other"`.
        auth: Where it looks for a key: `"x-goog-api-key"`, `"bearer"`, `"query"`.
        stream: Whether it streams events that end as they should.
        schema_dialect: The better one of those in which it takes functions: `"json_schema"` or `"openapi"`.
        call_ids: Whether its calls have ids, where the model gives them.
        takes_call_ids: Whether calls and responses may be sent with their ids.
        signatures: Whether its calls are signed, where the model signs them.
        builtins: The built-in tools that it takes, by their names on the wire: `"googleSearch"`.
        builtins_with_functions: Whether it takes built-in tools beside functions.
        errors: How its errors look: `"google"`, `"openai"`, or `"other"`.
        files: Whether it has the Files API.
        caches: Whether it has cached contents.
        count_tokens: Whether it counts tokens.
        list_models: Whether it lists its models.
    """

    base_url: str = ""
    model: str = ""
    probed_at: str = ""
    endpoint: Literal["google", "vertex", "comet", "other"] | None = None
    auth: tuple[str, ...] | None = None
    stream: bool | None = None
    schema_dialect: Literal["json_schema", "openapi"] | None = None
    call_ids: bool | None = None
    takes_call_ids: bool | None = None
    signatures: bool | None = None
    builtins: tuple[str, ...] | None = None
    builtins_with_functions: bool | None = None
    errors: Literal["google", "openai", "other"] | None = None
    files: bool | None = None
    caches: bool | None = None
    count_tokens: bool | None = None
    list_models: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the file."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        for name in _LISTS:
            fields[name] = None if fields[name] is None else list(fields[name])
        return {_MARK: _VERSION, **fields}

    @classmethod
    def from_json(cls, value: object, source: str = "The file") -> Self:
        """Return what `to_json` made. Fields that are not known are ignored: later versions may add some.

        Raises:
            ConfigurationError: It is something else, of a later format, or holds a value that is not known.
        """
        if not isinstance(value, dict) or _MARK not in value:
            raise ConfigurationError(f"{source} is no capability file: it has no {_MARK!r}. {_AGAIN}")
        given = cast("Mapping[str, object]", value)
        version = given[_MARK]
        if version != _VERSION:
            raise ConfigurationError(
                f"{source} is a capability file of format {version!r}; this agentkit reads format {_VERSION}. "
                "Update agentkit, or make a new one: agentkit doctor --save FILE."
            )
        fields: dict[str, Any] = {name: given[name] for name in _FIELDS if given.get(name) is not None}
        return cls(**{name: _read(name, value, source) for name, value in fields.items()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file: beside its place first, so that a crash leaves the old one whole.

        Raises:
            ConfigurationError: It cannot be written.
        """
        target = Path(path)
        beside = target.with_name(f"{target.name}.new")
        try:
            beside.write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
            beside.replace(target)
        except OSError as error:
            raise ConfigurationError(f"{target} cannot be written: {error.strerror or error}.") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `agentkit doctor --save` made.

        Raises:
            ConfigurationError: There is none, or it is cut, of a later format, or something else.
        """
        source = Path(path)
        try:
            if source.stat().st_size > _LARGEST:
                raise ConfigurationError(f"{source} is no capability file: it is larger than a megabyte. {_AGAIN}")
            text = source.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise ConfigurationError(f"{source} cannot be read: {error.strerror or error}. {_AGAIN}") from error
        except ValueError as error:
            raise ConfigurationError(f"{source} is no capability file: it is no text in UTF-8. {_AGAIN}") from error
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{source} is cut or damaged: it is no JSON. {_AGAIN}") from error
        return cls.from_json(value, str(source))

    @property
    def bearer(self) -> bool:
        """Whether keys are to be sent as bearer: it looks there, and not in the header of their own."""
        return self.auth is not None and "bearer" in self.auth and "x-goog-api-key" not in self.auth


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "endpoint": ("google", "vertex", "comet", "other"),
    "schema_dialect": ("json_schema", "openapi"),
    "errors": ("google", "openai", "other"),
}
_TEXTS: Final = ("base_url", "model", "probed_at")
_LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "auth": ("x-goog-api-key", "bearer", "query"),
    "builtins": ("googleSearch", "codeExecution", "urlContext", "googleMaps", "fileSearch", "computerUse"),
}
_FIELDS: Final = tuple(Capabilities.__annotations__)


def _read(name: str, value: Any, source: str) -> Any:
    shown = str(value)[:100]
    if name in _CHOICES:
        fits, wanted = value in _CHOICES[name], f"one of {', '.join(_CHOICES[name])}"
    elif name in _TEXTS:
        fits, wanted = isinstance(value, str), "a text"
    elif name in _LISTS:
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        fits, wanted = all(item in _LISTS[name] for item in items), f"a list of any of {', '.join(_LISTS[name])}"
        value = tuple(items)
    else:
        fits, wanted = isinstance(value, bool), "true, false or null"
    if not fits:
        raise ConfigurationError(f"{source}: {name!r} must be {wanted}, not {shown!r}. {_AGAIN}")
    return value
