"""What may stand in `output=...`: a type whose values can be asked for as JSON. All else is refused, with a fix."""

import dataclasses
import functools
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, NotRequired, Required, cast, get_args, get_origin, get_type_hints

from agentkit._describe import type_name
from agentkit.errors import ConfigurationError
from agentkit.schema import TypeReader

__all__ = ["read_output_type"]

# What pydantic reads, but not into a value that JSON holds, by the names of its core schemas.
_NO_VALUES: Mapping[str, str] = {
    "generator": "its items would be read only when somebody asks for them; write list[...]",
    "is-subclass": "a class cannot be written as JSON; name the choices with Literal[...] or an Enum",
    "callable": "a function cannot be written as JSON",
}
_NO_SCHEMAS = frozenset({"metadata", "default", "expected"})  # keys under which the user's own values stand


def read_output_type(output: object) -> TypeReader[Any]:
    """Return the reader of a type.

    Raises:
        ConfigurationError: It is no type, or JSON cannot hold its values. The message names the field and the fix.
    """
    _refuse_what_is_no_type(output)
    try:
        return _make_reader(output)
    except ConfigurationError as error:
        raise ConfigurationError(f"output={type_name(output)}{_blamed(output) or f': {error}'}") from error


def _make_reader(tp: object) -> TypeReader[Any]:
    try:
        reader: TypeReader[Any] = TypeReader(tp)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever pydantic, or code of the type, makes of what it does not expect
        said = str(error).partition("\n")[0] or type(error).__name__
        fix = "Use texts, numbers, booleans, lists, dicts, enums, dates, dataclasses or pydantic models."
        raise ConfigurationError(f"The type {type_name(tp)} cannot be described ({said}). {fix}") from error
    for kind in _kinds(reader.core_schema):
        if kind in _NO_VALUES:
            raise ConfigurationError(f"The type {type_name(tp)} cannot be read from JSON: {_NO_VALUES[kind]}.")
    return reader


def _refuse_what_is_no_type(output: object) -> None:
    """Refuse, with the likely fix, what people write in place of a type."""
    if output is None:
        raise ConfigurationError("output=None is no type. Leave it out to get text.")
    if isinstance(output, str):
        raise ConfigurationError(f"output={output!r} is a text. Give the type itself, without quotes.")
    if inspect.isroutine(output) or isinstance(output, functools.partial):
        name = getattr(cast("object", output), "__name__", "the_function")
        raise ConfigurationError(
            f"output={name} is a function. Give the type of the answer; what checks an answer stands in "
            f"output_check={name}."
        )
    if isinstance(output, list | tuple | set):
        members = [type_name(member) for member in cast("list[object] | tuple[object] | set[object]", output)]
        kind = _kind(cast("object", output))
        raise ConfigurationError(f"output={output!r} is a {kind} of types. Write output={kind}[{', '.join(members)}].")
    if isinstance(output, dict):
        raise ConfigurationError(
            "output={...} is a dict. Give a type: dict[str, int], a TypedDict, a dataclass or a pydantic model."
        )
    if isinstance(output, type):
        if issubclass(output, Enum) and not list(output):
            raise ConfigurationError(f"output={type_name(output)} is an Enum without members. Name the choices in it.")
    elif isinstance(output, int | float | bytes | Enum) or _is_instance(output):
        raise ConfigurationError(f"output={output!r} is a value. Give its type: output={_kind(output)}.")


def _kind(value: object) -> str:
    return type(value).__qualname__


def _is_instance(output: object) -> bool:
    """Tell whether this is an object of a dataclass or a model; types that are written in brackets are none."""
    return dataclasses.is_dataclass(output) or hasattr(type(output), "__pydantic_core_schema__")


def _blamed(output: object) -> str:
    """Return which field of a class, or of a class that a list or union holds, is to blame, and for what."""
    for owner in (output, *get_args(output)):
        for name, hint in _fields(owner):
            try:
                _make_reader(hint)
            except ConfigurationError as error:
                return f", field {name!r}{'' if owner is output else f' of {type_name(owner)}'}: {error}"
    return ""


def _fields(owner: object) -> list[tuple[str, Any]]:
    if not isinstance(owner, type):
        return []
    try:
        hints = get_type_hints(owner, include_extras=True)
    except Exception:  # names that nobody knows: the error about the whole says so
        return []
    return [(name, _bare(hint)) for name, hint in hints.items() if name[0] != "_" and get_origin(hint) is not ClassVar]


def _bare(hint: Any) -> Any:
    """Return the type of a TypedDict's field, which only stands within one as `NotRequired[...]`."""
    return get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint


def _kinds(core_schema: object) -> Iterator[str]:
    """Yield the kinds of all schemas in one of pydantic's."""
    ahead = [core_schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Mapping):
            inside = cast("Mapping[str, object]", node)
            if isinstance(kind := inside.get("type"), str):
                yield kind
            ahead += [value for key, value in inside.items() if key not in _NO_SCHEMAS]
        elif isinstance(node, list | tuple):
            ahead += cast("list[object]", node)
