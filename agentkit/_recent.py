"""What was met lately, and no more of it than fits: memory of objects that serve many runs."""

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Recent"]

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by a digest or an id; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[bytes | str, Value] = OrderedDict()

    def __contains__(self, key: bytes | str) -> bool:
        return key in self._values

    def get(self, key: bytes | str) -> Value | None:
        """Return a value; None if it was forgotten, or never there."""
        return self._values.get(key)

    def put(self, key: bytes | str, value: Value) -> None:
        """Remember a value as the newest."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def values(self) -> list[Value]:
        """Return all that is remembered, the oldest first."""
        return list(self._values.values())
