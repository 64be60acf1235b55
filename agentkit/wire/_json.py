"""JSON as messages hold it: what is read, what is refused, what is written instead of what JSON cannot hold."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

from pydantic_core import from_json

__all__ = ["WireError", "clean_json", "is_array", "is_object", "is_sequence", "kind_of", "load_json"]

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class WireError(ValueError):
    """Something is not what the protocol documents, so that no message could be made of it. One sentence."""


def load_json(what: str, text: bytes | str) -> Any:
    """Return the JSON value of `text`. Half characters become U+FFFD, and the deepest nesting is what Python can hold.

    Raises:
        WireError: It is not JSON. `what` says what was expected.
    """
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        pass
    try:
        return clean_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise WireError(f"{what} expected, but this is not JSON that can be read: {error}") from error


def clean_json(value: Any) -> Any:
    """Return a copy that valid JSON can hold: U+FFFD for lone surrogates, None for NaN and infinity."""
    if isinstance(value, str):
        return _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_object(value):
        return {clean_json(key): clean_json(item) for key, item in value.items()}
    return [clean_json(item) for item in value] if is_array(value) else value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether this is what JSON calls an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Tell whether this is what JSON calls an array."""
    return isinstance(value, list | tuple)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether this is a sequence of values, such as a History, and not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def kind_of(value: object) -> str:
    """Return what a sentence calls a value of this kind."""
    return "null" if value is None else "a list" if is_array(value) else type(value).__name__
