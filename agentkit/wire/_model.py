"""What every message of the wire is: a typed, read-only view of one JSON object.

The object stays as it came, so nothing that is unknown, odd or from next year is lost on the way back. Fields are read
when they are asked for: a chunk of a stream costs little more than its JSON, and importing a hundred messages costs
a few milliseconds. (As pydantic models they took 45 ms to define, a quarter of what importing the core packages takes.)
In a pydantic model a message may stand as the type of a field.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from inspect import get_annotations
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    NoReturn,
    Self,
    TypeGuard,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic_core import CoreSchema, core_schema, from_json, to_json

__all__ = [
    "ENUM",
    "Field",
    "Kind",
    "Number",
    "Reader",
    "WireError",
    "WireModel",
    "is_array",
    "is_object",
    "is_sequence",
    "load_json",
]

Reader = Callable[[Any], Any]  # JSON value -> value of the annotated type; None if it is of another kind


class WireError(ValueError):
    """Something is not what the protocol documents, so that no message could be made of it. One sentence."""


class Kind:
    """In an annotation: how to read a value, where its Python type alone does not say it."""

    def __init__(self, read: Reader) -> None:
        self.read = read


def _scalar(*types: type) -> Reader:
    def read(value: Any) -> Any:
        # JSON's true is no number, although Python's is.
        return value if isinstance(value, types) and (bool in types or not isinstance(value, bool)) else None

    return read


# Unknown names must survive, and numbers too: some gateways send enums as integers.
ENUM = Kind(_scalar(str, int))
# An integer stays an integer: 5 must not go back as 5.0.
Number = Annotated[float, Kind(_scalar(int, float))]


class Field:
    """One field of a message: the attribute that reads it."""

    __slots__ = ("_owner", "_reader", "default", "name", "wire_name")

    def __init__(self, owner: "type[WireModel]", name: str) -> None:
        first, *rest = name.split("_")
        self.name, self.wire_name = name, first + "".join(word.capitalize() for word in rest)
        self._owner = owner
        self.default = getattr(owner, name)
        self._reader: Reader | None = None

    def read(self, value: Any) -> Any:
        """Return `value` as what is annotated; None if it is of another kind."""
        if self._reader is None:  # not earlier: resolving the annotation is most of what a field costs
            self._reader = _reader_of(get_type_hints(self._owner, include_extras=True)[self.name])
        return self._reader(value)

    def __get__(self, message: "WireModel | None", owner: "type[WireModel]") -> Any:
        if message is None:
            return self.default
        try:
            return message._seen[self.name]  # pyright: ignore[reportPrivateUsage]  # a field is part of its message
        except KeyError:
            return message.read_field(self)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class WireModel:
    """A message of the protocol: an immutable value with snake_case attributes, camelCase on the wire.

    Only what was set is sent; a null that was set is sent as null. An attribute is None if its field is absent, null,
    or of a kind that is not documented; the field itself is kept and goes back as it came. The constructor takes
    attribute names and checks them; `parse` is for data from outside and takes any JSON object.
    """

    __slots__ = ("__weakref__", "_raw", "_seen")
    _raw: dict[str, Any]
    _seen: dict[str, Any]  # what was read from it
    __hash__ = None  # type: ignore[assignment]  # messages hold lists and dicts
    _fields: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        fields = {name: Field(cls, name) for name in get_annotations(cls)}
        for name, field in fields.items():
            setattr(cls, name, field)
        cls._fields = fields

    def __init__(self, **values: Any) -> None:
        raw: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        for name, value in values.items():
            field = self._field(name)
            seen[name] = None if value is None else field.read(value)
            if seen[name] is None and value is not None:
                raise WireError(f"{type(self).__name__}({name}=...) cannot be of type {type(value).__name__}.")
            raw[field.wire_name] = _raw_of(seen[name])
        object.__setattr__(self, "_raw", raw)
        object.__setattr__(self, "_seen", seen)

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any]) -> Self:
        """Return the message that this JSON text, or this parsed JSON object, holds.

        Raises:
            WireError: It is not JSON, or not a JSON object.
        """
        value = load_json(cls.__name__, data) if isinstance(data, bytes | str) else _copy(data)
        if not is_object(value):
            raise WireError(f"{cls.__name__} expected, which is a JSON object, but this is {_kind_of(value)}.")
        return cls.of_raw(value)

    @classmethod
    def of_raw(cls, raw: dict[str, Any]) -> Self:
        """Return the message over this JSON object, which is not copied and must not change any more."""
        new = cls.__new__(cls)
        object.__setattr__(new, "_raw", raw)
        object.__setattr__(new, "_seen", {})
        return new

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Let messages stand in pydantic models, and in whatever is built on them."""
        return core_schema.no_info_plain_validator_function(
            cls._taken,
            json_schema_input_schema=core_schema.dict_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_wire),
        )

    @classmethod
    def _taken(cls, value: object) -> Self:
        return value if isinstance(value, cls) else cls.parse(cast("Mapping[str, Any]", value))

    @property
    def raw(self) -> Mapping[str, Any]:
        """The JSON object itself. It must not be changed; `to_wire` gives a copy."""
        return self._raw

    @property
    def fields_set(self) -> AbstractSet[str]:
        """The names of the fields that are there, null or not."""
        return {name for name, field in self._fields.items() if field.wire_name in self._raw or name in self._raw}

    @property
    def unknown(self) -> Mapping[str, Any]:
        """What is there and has no field here, by its name on the wire."""
        known = {field.wire_name for field in self._fields.values()}.union(self._fields)
        return {name: value for name, value in self._raw.items() if name not in known}

    def to_wire(self) -> dict[str, Any]:
        """Return the message as a JSON object: what was parsed, or what was set, and nothing else."""
        return cast(dict[str, Any], _copy(self))

    def encode(self) -> bytes:
        """Return the message as compact, valid UTF-8 JSON: half characters become U+FFFD, NaN and infinity null.

        Raises:
            WireError: A free-form value (`args`, `response` ...) holds what JSON cannot hold.
        """
        try:
            return to_json(self._raw, inf_nan_mode="null")
        except ValueError:  # a lone surrogate, deep nesting, or no JSON at all
            return _encode_slowly(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these fields set. Shallow, and the values are not checked again."""
        new = self.without(*changes)
        for name, value in changes.items():
            new._raw[self._field(name).wire_name] = _raw_of(value)
            new._seen[name] = value
        return new

    def without(self, *names: str) -> Self:
        """Return a copy in which these fields, or unknown keys, are not set."""
        gone = {*names, *(self._fields[name].wire_name for name in names if name in self._fields)}
        new = self.of_raw({key: value for key, value in self._raw.items() if key not in gone})
        new._seen.update((name, value) for name, value in self._seen.items() if name not in gone)
        return new

    def read_field(self, field: Field) -> Any:
        """Return the value of a field, and remember it: what its attribute does when it is first asked for."""
        value = self._raw.get(field.wire_name)
        if value is None:
            value = self._raw.get(field.name)  # snake_case is understood as well
        self._seen[field.name] = found = field.default if value is None else field.read(value)
        return found

    def _field(self, name: str) -> Field:
        if name not in self._fields:
            raise TypeError(f"{type(self).__name__} has no field {name!r}. Send unknown fields with .parse({{...}}).")
        return self._fields[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed. Make a copy: .replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed. Make a copy: .without({name!r})")

    def __eq__(self, other: object) -> bool:
        return self.to_wire() == other.to_wire() if isinstance(other, type(self)) else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}.parse({self.to_wire()!r})"

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return type(self).of_raw, (self.to_wire(),)


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
        return _clean(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise WireError(f"{what} expected, but this is not JSON that can be read: {error}") from error


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether this is what JSON calls an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Tell whether this is what JSON calls an array."""
    return isinstance(value, list | tuple)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether this is a sequence of values, such as a History, and not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _kind_of(value: object) -> str:
    return "null" if value is None else "a list" if is_array(value) else type(value).__name__


def _reader_of(hint: Any) -> Reader:
    """Return what reads values of this annotation."""
    arguments = get_args(hint)
    origin = get_origin(hint)
    if origin is Annotated:
        return cast(Kind, arguments[1]).read
    if origin is Union or origin is UnionType:
        [inner] = [argument for argument in arguments if argument is not NoneType]
        return _reader_of(inner)
    if origin is list:
        return _list_of(_reader_of(arguments[0]))
    if origin is dict:
        return _map_of(_reader_of(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, WireModel):
        return _message_of(hint)
    return _anything if hint is Any else _scalar(cast(type, hint))


def _anything(value: Any) -> Any:
    return value


def _message_of(cls: type[WireModel]) -> Reader:
    def read(value: Any) -> WireModel | None:
        if isinstance(value, cls):
            return value
        return cls.of_raw(value) if is_object(value) else None

    return read


def _list_of(read: Reader) -> Reader:
    def read_all(values: Any) -> list[Any] | None:
        found = [read(value) for value in values] if is_array(values) else [None]
        return None if None in found else found

    return read_all


def _map_of(read: Reader) -> Reader:
    def read_all(values: Any) -> dict[str, Any] | None:
        found = {name: read(value) for name, value in values.items()} if is_object(values) else {"": None}
        return None if None in found.values() else found

    return read_all


def _raw_of(value: Any) -> Any:
    """Return what stands in the JSON object for this value of a field."""
    if isinstance(value, WireModel):
        return value.raw
    if is_object(value) and any(isinstance(item, WireModel) for item in value.values()):
        return {name: _raw_of(item) for name, item in value.items()}
    if is_array(value) and any(isinstance(item, WireModel) for item in value):
        return [_raw_of(item) for item in value]
    return value


def _encode_slowly(message: WireModel) -> bytes:
    try:
        plain = _clean(message.to_wire())
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        what = f"{type(message).__name__} holds what JSON cannot hold"
        raise WireError(f"{what}: {error}. Convert it to plain JSON values first.") from error


def _copy(value: Any) -> Any:
    """Return an independent copy in JSON's own types; what JSON has no type for stays as it is."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, WireModel):
        return {name: _copy(item) for name, item in value.raw.items()}
    if isinstance(value, Mapping):
        return {name: _copy(item) for name, item in cast(Mapping[str, Any], value).items()}
    return [_copy(item) for item in value] if is_sequence(value) else value


_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def _clean(value: Any) -> Any:
    """Return a copy that valid JSON can hold: U+FFFD for lone surrogates, None for NaN and infinity."""
    if isinstance(value, str):
        return _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_object(value):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if is_array(value) else value
