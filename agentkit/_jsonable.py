"""Any Python value as plain JSON, taken at the moment of the call and detached from the original.

```text
pydantic model         as the model itself says, by alias    bytes                 base64, standard alphabet
dataclass, NamedTuple  object by field names                 datetime, date, time  ISO 8601
Enum                   its value                             timedelta             ISO 8601 duration
list, tuple, deque     array                                 UUID, Path, URL, IP   text
set, frozenset         array, sorted if that is possible     exception             "ValueError: what it says"
mapping                object; keys become text              secrets of pydantic   asterisks
NaN, Infinity          null                                  NumPy                 by `.tolist()`
Decimal                number if a JSON number shows the     pandas                series: array, frame: array of rows
                       same value, else text                 anything else         NotJsonable
```

Lone surrogates in texts become U+FFFD. Iterators are not consumed: they are refused, like coroutines and files.
"""

import base64
import dataclasses
import inspect
import json
import math
import re
from collections import deque
from collections.abc import (
    AsyncIterator,
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any, Protocol, cast
from uuid import UUID

import pydantic
from pydantic_core import to_jsonable_python

_SURROGATES = re.compile("[\ud800-\udfff]")
_IP = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_WRITTEN_AS_TEXT = (UUID, PurePath, *_IP)
# Pydantic's URLs and secrets, by where they are defined: importing them costs more than all of this package.
_TEXTS_OF_PYDANTIC = ("pydantic.networks", "pydantic.types")
_ARRAYS = (Sequence, deque, KeysView, ValuesView, ItemsView)
_MOST_BITS = 4096  # integers of thousands of digits cannot be written: the interpreter itself refuses
_LONGEST_SAFE_INT = 2**53
_COMPOSITE = object()


class NotJsonable(TypeError):
    """A value holds something that JSON cannot.

    Attributes:
        where: The path to it, for example `result.items[3].handle`.
        found: What stands there, for example "of type generator".
        fix: What to return in its place.
    """

    def __init__(self, where: str, found: str, fix: str) -> None:
        super().__init__(where, found, fix)
        self.where, self.found, self.fix = where, found, fix

    def __str__(self) -> str:
        return f"{self.where} is {self.found}, which JSON cannot hold. {self.fix}"


class Taker(Protocol):
    """Takes some values out, and says what stands in their place."""

    def takes(self, value: object) -> bool:
        """Tell whether this is one of them."""
        ...

    def __call__(self, value: object) -> Any:
        """Take it, and return the JSON to put in its place."""
        ...


def to_jsonable(value: object, *, max_depth: int = 100, take: Taker | None = None) -> Any:
    """Return `value` as None, bool, int, float, str, list or dict, all the way down and sharing nothing with `value`.

    `json.dumps(..., allow_nan=False)` takes whatever comes back. The head of this file says what becomes what.

    Args:
        value: Anything.
        max_depth: How deep it may be nested.
        take: Asked first about each value that is no plain one.

    Raises:
        NotJsonable: Something inside cannot be JSON, contains itself, or is nested deeper than `max_depth`.
    """
    conversion = _Conversion(max_depth, take)
    try:
        return conversion.convert(value)
    except RecursionError as error:
        raise conversion.refuse("nested too deeply", "Return less, or a flatter shape.") from error


class _Conversion:
    """One walk over one value: knows the way to where it stands, and which containers are open."""

    def __init__(self, max_depth: int, take: Taker | None) -> None:
        self._max_depth, self._take = max_depth, take
        self._path: list[str] = ["result"]
        self._open: set[int] = set()

    def refuse(self, found: str, fix: str) -> NotJsonable:
        return NotJsonable("".join(self._path), found, fix)

    def convert(self, value: object) -> Any:
        plain = self._scalar(value)
        if plain is not _COMPOSITE:
            return plain
        if id(value) in self._open:
            raise self.refuse(f"of type {_type_name(value)} and contains itself", "Return a copy without the cycle.")
        if len(self._open) >= self._max_depth:
            raise self.refuse(f"nested deeper than {self._max_depth} levels", "Return less, or a flatter shape.")
        self._open.add(id(value))
        converted = self._composite(value)
        self._open.remove(id(value))
        return converted

    def _scalar(self, value: object) -> Any:
        match value:
            case None | bool():
                return value
            case Enum():
                return _COMPOSITE
            case str():
                return _text(value)
            case int():
                return self._integer(int(value))
            case float():
                return float(value) if math.isfinite(value) else None
            case Decimal():
                return _decimal(value)
            case bytes() | bytearray() | memoryview():
                return base64.b64encode(bytes(cast(bytes, value))).decode("ascii")
            case date() | time() | timedelta():
                return _moment(value)
            case BaseException():
                said = self._ask(lambda: str(value))
                return _text(f"{type(value).__name__}: {said}" if said else type(value).__name__)
            case _:
                return _text(str(value)) if _is_written_as_text(value) else _COMPOSITE

    def _integer(self, value: int) -> int:
        if value.bit_length() > _MOST_BITS:
            raise self.refuse(f"an integer of {value.bit_length():,} bits", "Return it as text.")
        return value

    def _composite(self, value: object) -> Any:
        if self._take is not None and self._take.takes(value):
            return self._take(value)
        if isinstance(value, Enum):
            return self.convert(value.value)
        if isinstance(value, pydantic.BaseModel):
            return self._model(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._fields(value, [field.name for field in dataclasses.fields(value)])
        if isinstance(value, tuple) and hasattr(cast(object, value), "_fields"):
            return self._fields(cast(object, value), list(cast(Any, value)._fields))
        if isinstance(value, Mapping):
            return self._object(self._ask(lambda: list(cast(Mapping[object, object], value).items())))
        if isinstance(value, _ARRAYS):
            return self._array(self._ask(lambda: list(cast(Sequence[object], value))))
        if isinstance(value, Set):
            return _sorted(self._array(self._ask(lambda: list(cast(Set[object], value)))))
        return self._foreign(value)

    def _model(self, value: "pydantic.BaseModel") -> Any:
        """Ask the model first: it may have serializers of its own. If they fail, its fields are taken as they are.

        Not in pydantic's JSON mode: that consumes iterators, and has other rules for bytes and decimals. A model that
        holds what is to be taken is not asked: it would turn that into an object.
        """
        names = [*type(value).model_fields, *(value.model_extra or {})]
        if self._take is not None and _reaches(value, self._take.takes):
            return self._fields(value, names)
        try:
            plain = value.model_dump(by_alias=True, warnings=False)
        except Exception:  # whatever a user's serializer raises
            return self._fields(value, names)
        return self.convert(plain)

    def _fields(self, value: object, names: list[str]) -> dict[str, Any]:
        return self._object([(name, self._ask(partial(getattr, value, name))) for name in names])

    def _object(self, items: list[tuple[object, object]]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for key, value in items:
            name = self._key(key)
            if name in converted:
                raise self.refuse(f"a mapping with two keys that become {name!r}", "Return keys that differ as text.")
            self._path.append(f".{name}" if name.isidentifier() else f"[{name!r}]")
            converted[name] = self.convert(value)
            self._path.pop()
        return converted

    def _key(self, key: object) -> str:
        self._path.append(f"[key of type {_type_name(key)}]")
        plain = self.convert(key)
        self._path.pop()
        return plain if isinstance(plain, str) else json.dumps(plain)

    def _array(self, items: list[object]) -> list[Any]:
        """Convert the items in their own list: there may be millions, and most of them need no change."""
        converted: list[Any] = items
        for index, item in enumerate(items):
            if not _is_plain(item):
                self._path.append(f"[{index}]")
                converted[index] = self.convert(item)
                self._path.pop()
        return converted

    def _foreign(self, value: object) -> Any:
        """Values of libraries that are not imported here, known by their methods."""
        if isinstance(value, type):
            raise self.refuse(f"the class {value.__name__!r}", "Return an instance or its name.")
        if type(value).__name__ in ("NAType", "NaTType"):
            return None
        if hasattr(value, "to_dict") and hasattr(value, "columns"):
            return self.convert(self._ask(lambda: cast(Any, value).to_dict(orient="records")))
        for method in ("tolist", "item"):
            if callable(getattr(value, method, None)):
                return self.convert(self._ask(getattr(value, method)))
        if inspect.isawaitable(value):
            raise self.refuse("a coroutine that was not awaited", "Await it and return what comes back.")
        if isinstance(value, Iterator | AsyncIterator):
            raise self.refuse(
                f"of type {_type_name(cast(object, value))}", "It is not consumed here: return `list(...)` of it."
            )
        raise self.refuse(
            f"of type {_type_name(value)}", "Return a dict, a list, a text, a dataclass or a pydantic model."
        )

    def _ask(self, answer: Callable[[], Any]) -> Any:
        """Run code of the value's own class; whatever it raises means that the value cannot be told."""
        try:
            return answer()
        except Exception as error:
            raise self.refuse(f"a value that raised {type(error).__name__} when read", "Return plain data.") from error


def _reaches(value: object, is_meant: Callable[[object], bool], depth: int = 6) -> bool:
    """Tell whether a model holds such a value, also in its lists, dicts and models; six levels are looked at."""
    if is_meant(value):
        return True
    if isinstance(value, pydantic.BaseModel):
        held: Iterable[object] = vars(value).values()
    elif isinstance(value, dict):
        held = cast("dict[object, object]", value).values()
    else:
        held = cast("Iterable[object]", value) if isinstance(value, list | tuple | set) else ()
    return depth > 0 and any(_reaches(one, is_meant, depth - 1) for one in held if not _is_plain(one))


def _is_plain(value: object) -> bool:
    """Tell, quickly, of what is most of all values whether JSON has it as it is."""
    kind = type(value)
    if kind is str:
        return cast(str, value).isascii()
    if kind is int:
        return -_LONGEST_SAFE_INT < cast(int, value) < _LONGEST_SAFE_INT
    if kind is float:
        return math.isfinite(cast(float, value))
    return kind is bool or value is None


def _is_written_as_text(value: object) -> bool:
    if isinstance(value, pydantic.BaseModel):
        return False
    return isinstance(value, _WRITTEN_AS_TEXT) or any(
        base.__module__ in _TEXTS_OF_PYDANTIC for base in type(value).__mro__
    )


def _moment(value: date | time | timedelta) -> str | None:
    """ISO 8601. pandas' NaT passes for a moment by its type, and is the only one that differs from itself."""
    if value != value:
        return None
    return str(to_jsonable_python(value)) if isinstance(value, timedelta) else value.isoformat()


def _decimal(value: Decimal) -> int | float | str | None:
    """`Decimal("0.10")` -> 0.1, `Decimal("3")` -> 3; text when a reader of the number would see another value."""
    if not value.is_finite():
        return None
    if value.copy_abs() < _LONGEST_SAFE_INT and value == int(value):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) and Decimal(repr(number)) == value else str(value)


def _sorted(items: list[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:  # mixed types have an order as texts only
        return sorted(items, key=json.dumps)


def _text(value: str) -> str:
    text = str.__str__(value)  # also makes a plain `str` of a subclass
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _type_name(value: object) -> str:
    return type(value).__qualname__
