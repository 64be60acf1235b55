"""What every message of the wire is: a pydantic model that holds its JSON object as it came.

Pydantic reads an object at once, into values of its own, and writes it anew. A message must go back exactly as it came,
with whatever is unknown, odd or from next year, so here the object itself is kept: a field is read from it when it is
first asked for, and the object is what is written. So a chunk of a stream costs little more than its JSON.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NoReturn,
    Self,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, SerializationInfo, model_serializer, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import SchemaSerializer, core_schema, to_json

from agentkit.wire._json import WireError, clean_json, is_array, is_object, is_sequence, kind_of, load_json

__all__ = ["ENUM", "Kind", "Number", "Reader", "WireModel"]

Reader = Callable[[Any], Any]  # JSON value -> value of the annotated type; None if it is of another kind


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


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class _Field:
    """How a field of a message is read: `read` returns a value as what is annotated, or None if it is no such value."""

    __slots__ = ("_info", "default", "read", "wire_name")

    def __init__(self, name: str, info: FieldInfo) -> None:
        self.wire_name, self.default = _camel(name), info.default
        self._info = info
        self.read: Reader = self._read_first  # of most messages most fields are never read

    def _read_first(self, value: Any) -> Any:
        kinds = [kind for kind in self._info.metadata if isinstance(kind, Kind)]
        self.read = kinds[0].read if kinds else _reader_of(self._info.annotation)
        return self.read(value)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class WireModel(BaseModel):
    """A message of the protocol: an immutable value with snake_case attributes, camelCase on the wire.

    Only what was set is written, by `to_wire`, `encode` and pydantic's `model_dump`; a null that was set is written
    as null. An attribute is None if its field is absent, null, or of a kind that is not documented; the field itself is
    kept and goes back as it came. The constructor takes attribute names and checks them; `parse`, like pydantic's
    `model_validate`, is for data from outside and takes any JSON object.
    """

    model_config = ConfigDict(alias_generator=_camel, defer_build=True, extra="allow", protected_namespaces=())
    __slots__ = ("__weakref__", "_raw")
    _wire_fields: ClassVar[Mapping[str, _Field]] = {}

    _raw: ClassVar[dict[str, Any]]  # of each message: it stands in its slot, of which pydantic need not know

    if not TYPE_CHECKING:  # an attribute that is no field is a mistake

        def __getattr__(self, name):
            field = self._wire_fields.get(name)
            if field is None:
                raise AttributeError(f"{type(self).__name__} has no field {name!r}.", name=name, obj=self)
            raw = self._raw
            value = raw.get(field.wire_name)
            if value is None:
                value = raw.get(name)  # snake_case is understood as well
            self.__dict__[name] = found = field.default if value is None else field.read(value)
            return found

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        _check_class(cls)
        cls._wire_fields = {name: _Field(name, info) for name, info in cls.__pydantic_fields__.items()}

    def __init__(self, /, **values: Any) -> None:
        raw: dict[str, Any] = {}
        for name, value in values.items():
            field = self._field(name)
            vars(self)[name] = found = None if value is None else field.read(value)
            if found is None and value is not None:
                raise WireError(f"{type(self).__name__}({name}=...) cannot be of type {type(value).__name__}.")
            raw[field.wire_name] = _raw_of(found)
        _keep(self, raw)

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any]) -> Self:
        """Return the message that this JSON text, or this parsed JSON object, holds.

        Raises:
            WireError: It is not JSON, or not a JSON object.
        """
        value = load_json(cls.__name__, data) if isinstance(data, bytes | str) else _copy(data)
        if not is_object(value):
            raise WireError(f"{cls.__name__} expected, which is a JSON object, but this is {kind_of(value)}.")
        return cls.of_raw(value)

    @classmethod
    def of_raw(cls, raw: dict[str, Any]) -> Self:
        """Return the message over this JSON object, which is not copied and must not change any more."""
        new = cls.__new__(cls)
        _keep(new, raw)
        return new

    @property
    def raw(self) -> Mapping[str, Any]:
        """The JSON object itself. It must not be changed; `to_wire` gives a copy."""
        return self._raw

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
            vars(new)[name] = value
        return new

    def without(self, *names: str) -> Self:
        """Return a copy in which these fields, or unknown keys, are not set."""
        gone = {*names, *(self._wire_fields[name].wire_name for name in names if name in self._wire_fields)}
        new = self.of_raw({key: value for key, value in self._raw.items() if key not in gone})
        read = vars(self).items()
        vars(new).update((name, value) for name, value in read if name in self._wire_fields and name not in gone)
        return new

    def _field(self, name: str) -> _Field:
        if name not in self._wire_fields:
            meant = [known for known, field in self._wire_fields.items() if field.wire_name == name]
            advice = f"Write {meant[0]}=..." if meant else "Send unknown fields with .parse({...})."
            raise TypeError(f"{type(self).__name__} has no field {name!r}. {advice}")
        return self._wire_fields[name]

    # What pydantic's own methods do for models that hold their values apart.

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that are there, null or not."""
        return {name for name, field in self._wire_fields.items() if field.wire_name in self._raw or name in self._raw}

    @property
    def model_extra(self) -> dict[str, Any]:
        """What is there and has no field here, by its name on the wire."""
        known = {field.wire_name for field in self._wire_fields.values()}.union(self._wire_fields)
        return {name: value for name, value in self._raw.items() if name not in known}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with these fields set, as `replace` does."""
        return (copy.deepcopy(self) if deep else self).replace(**(update or {}))

    @classmethod
    def model_construct(  # type: ignore[override]  # pydantic's plugin for mypy names the parameters in its own way
        cls, _fields_set: set[str] | None = None, **values: Any
    ) -> Self:
        """Return a message of values that are not checked."""
        return cls().replace(**values)

    @model_validator(mode="wrap")
    @classmethod
    def _taken(cls, value: Any, _: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, WireModel) and not issubclass(cls, type(value)):
            raise WireError(f"{cls.__name__} expected, but this is {kind_of(value)}.")  # else a union takes its first
        return cls.parse(cast(Any, value))

    @model_serializer(mode="wrap")
    def _dumped(self, _: object, info: SerializationInfo):  # type: ignore[no-untyped-def]  # it would be the JSON schema
        value = clean_json(self.to_wire()) if info.mode_is_json() else self.to_wire()
        if info.include is None and info.exclude is None:
            return value
        # Messages inside take what is said about their own fields.
        inside = {self._key_of(name): found for name, found in self if _raw_of(found) is not found}
        include, exclude = self._keys(info.include), self._keys(info.exclude)
        return _PLAIN.to_python(value | inside, mode=info.mode, include=include, exclude=exclude)

    def _key_of(self, name: str) -> str:
        """Return under which key the value stands that this attribute reads."""
        wire_name = self._wire_fields[name].wire_name
        return name if self._raw.get(wire_name) is None else wire_name

    def _keys(self, names: Any) -> Any:
        """Return what to keep or leave out, which pydantic says by attributes, by the keys of the JSON object too."""
        if names is None:
            return None
        said: Iterable[tuple[Any, Any]] = names.items() if is_object(names) else ((name, ...) for name in names)
        keys = {name: {name, field.wire_name} for name, field in self._wire_fields.items()}
        keys |= {field.wire_name: keys[name] for name, field in self._wire_fields.items()}
        return {key: what for name, what in said for key in keys.get(name, {name})}

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed. Make a copy: .replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed. Make a copy: .without({name!r})")

    def __eq__(self, other: object) -> bool:
        return self.to_wire() == other.to_wire() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> NoReturn:  # None would give way to pydantic's, which reads no field
        raise TypeError(f"unhashable type: {type(self).__name__!r}")

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        there = self.model_fields_set
        yield from ((name, getattr(self, name)) for name in self._wire_fields if name in there)
        yield from self.model_extra.items()

    def __repr_name__(self) -> str:
        return f"{type(self).__name__}.parse"

    def __repr_args__(self) -> list[tuple[None, dict[str, Any]]]:
        return [(None, self.to_wire())]

    def __str__(self) -> str:
        return repr(self)

    def __copy__(self) -> Self:
        return self.of_raw(self._raw)

    def __deepcopy__(self, memo: object = None) -> Self:
        return self.parse(self._raw)

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return type(self).of_raw, (self.to_wire(),)


_keep: Callable[[WireModel, dict[str, Any]], None] = cast(Any, WireModel)._raw.__set__  # past `__setattr__`
_PLAIN = SchemaSerializer(core_schema.any_schema())


def _check_class(cls: type[WireModel]) -> None:
    """Refuse what pydantic offers to models that hold their values apart, and what would do nothing here."""
    for name, info in cls.__pydantic_fields__.items():
        if info.is_required() or info.default_factory is not None:
            raise TypeError(f"{cls.__name__}.{name}: a field of a message may be absent. Give a default like None.")
    has = cls.__pydantic_decorators__
    idle = [*cls.__private_attributes__, *has.field_validators, *has.field_serializers, *has.computed_fields]
    if idle:
        raise TypeError(
            f"{cls.__name__}.{idle[0]}: a message is its JSON object, without private attributes, computed fields and "
            "validators or serializers of fields. Use a property, a model_validator, or a model that holds the message."
        )


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
        if isinstance(value, dict):
            return cls.of_raw(cast("dict[str, Any]", value))
        return value if isinstance(value, cls) else None

    return read


def _list_of(read: Reader) -> Reader:
    def read_all(values: Any) -> list[Any] | None:
        if not is_array(values):
            return None
        found: list[Any] = []
        for value in values:
            if (item := read(value)) is None:
                return None
            found.append(item)
        return found

    return read_all


def _map_of(read: Reader) -> Reader:
    def read_all(values: Any) -> dict[str, Any] | None:
        if not is_object(values):
            return None
        found = {name: read(value) for name, value in values.items()}
        return None if any(item is None for item in found.values()) else found

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
        plain = clean_json(message.to_wire())
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        what = f"{type(message).__name__} holds what JSON cannot hold"
        raise WireError(f"{what}: {error}. Convert it to plain JSON values first.") from error


def _copy(value: Any) -> Any:
    """Return an independent copy in JSON's own types; what JSON has no type for stays as it is."""
    if value is None or isinstance(value, str | int | float):
        return value
    if is_object(value):
        return {name: _copy(item) for name, item in value.items()}
    if is_array(value):
        return [_copy(item) for item in value]
    if isinstance(value, WireModel):
        return _copy(value.raw)
    if isinstance(value, Mapping):
        return {name: _copy(item) for name, item in cast(Mapping[str, Any], value).items()}
    return [_copy(item) for item in value] if is_sequence(value) else value
