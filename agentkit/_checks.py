"""What callers without type checkers may give by mistake, refused before any request."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard, cast

from agentkit.errors import ConfigurationError

__all__ = ["check_choice", "check_kind", "check_kinds", "is_number", "is_whole"]


def check_kind(name: str, value: object, kinds: Any, wanted: str) -> None:
    """Refuse what would fail in the middle of a run. The value is not shown: it may be a key."""
    if not isinstance(value, kinds):
        raise ConfigurationError(f"{name} must be {wanted}, not {type(value).__name__}.")


def check_kinds(name: str, values: object, kinds: Any, wanted: str) -> None:
    """Do the same for a list."""
    check_kind(name, values, Sequence, "a list")
    for index, value in enumerate(cast("Sequence[object]", values)):
        check_kind(f"{name}[{index}]", value, kinds, wanted)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of `choices`."""
    if value not in choices:
        raise ConfigurationError(f"{name}={value!r} is not known. Choose one of {', '.join(map(repr, choices))}.")


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether `value` is a finite number. Truth values are none."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether `value` is an integer. Truth values are none."""
    return isinstance(value, int) and not isinstance(value, bool)
