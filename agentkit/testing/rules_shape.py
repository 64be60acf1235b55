"""Rules E1, E2, E3 and E12: is the body a request at all? As strict and as lenient as the service's own JSON parser.

Lenient in names (`snake_case`, enums in lower case, one object for a list, null for absent), strict in structure.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, cast

from agentkit.testing.finding import Backend, Finding, make_finding
from agentkit.testing.issued import decode_base64
from agentkit.testing.messages import ENUMS, MESSAGES, Field

__all__ = ["DATA_FIELDS", "read_body"]

DATA_FIELDS: Final = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
"""The keys of a part of which exactly one must be there."""

_PACKAGE: Final = {"google": "google.ai.generativelanguage.v1beta", "vertex": "google.cloud.aiplatform.v1beta1"}
# The service's parser gives up at this depth; no source names the number, which is protobuf's own default.
_DEEPEST: Final = 100


def read_body(
    body: object, *, backend: Backend, message: str = "GenerateContentRequest"
) -> tuple[dict[str, Any], list[Finding]]:
    """Return `body` in one spelling (camelCase, upper-case enums, real lists, no nulls) and all that is wrong with it.

    What is wrong is left out of the returned body.
    """
    if not isinstance(body, Mapping):
        fix = "Send a JSON object."
        return {}, [make_finding("parse.root", "", fix, backend=backend, value=_shown(body))]
    if (name := _name_below(_DEEPEST, cast("Mapping[str, object]", body))) is not None:
        fix = f"Send JSON of at most {_DEEPEST} levels."
        return {}, [make_finding("parse.depth", "", fix, backend=backend, name=name)]
    reader = _Reader(backend)
    return reader.message(message, cast("Mapping[str, Any]", body), ""), reader.findings


def _name_below(deepest: int, body: Mapping[str, object]) -> str | None:
    """Return the key of something that lies deeper than `deepest` levels. A loop: Python's stack is short."""
    level: list[tuple[str, object]] = [("", body)]
    for _ in range(deepest):
        inner: list[tuple[str, object]] = []
        for name, value in level:
            if isinstance(value, Mapping):
                inner.extend(cast("Mapping[str, object]", value).items())
            elif isinstance(value, list):
                inner.extend((name, each) for each in cast("list[object]", value))
        level = inner
    return level[0][0] if level else None


class _Reader:
    """Walks a body along the sheet of messages and collects every violation, as the service does."""

    def __init__(self, backend: Backend) -> None:
        self._backend: Backend = backend
        self.findings: list[Finding] = []

    def message(self, name: str, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        known = _keys_of(name)
        read: dict[str, Any] = {}
        for key, item in value.items():
            proper = known.get(key)
            field = MESSAGES[name][proper] if proper else None
            if proper is None or field is None or field.only not in (None, self._backend):
                self._unknown(key, path, name)
            elif item is not None:
                self._field(proper, field, item, path, read)
        if name == "Part":
            self._one_data_field(read, path)
        return read

    def _field(self, name: str, field: Field, item: object, path: str, read: dict[str, Any]) -> None:
        inner = f"{path}.{_snake(name)}" if path else _snake(name)
        if field.repeated:
            items = cast("list[object]", item) if isinstance(item, list) else [item]
            values = [self._value(field, name, each, f"{inner}[{i}]", path) for i, each in enumerate(items)]
            read[name] = [value for value in values if value is not _WRONG]
        elif field.mapped:
            if isinstance(item, Mapping):
                entries = cast("Mapping[str, object]", item).items()
                pairs = [
                    (key, self._value(field, name, each, f"{inner}[{i}].value", path))
                    for i, (key, each) in enumerate(entries)
                ]
                read[name] = {key: value for key, value in pairs if value is not _WRONG}
            else:
                self._wrong(inner, f"Map<string, {field.type}>", item, "Send an object.")
        elif (value := self._value(field, name, item, inner, path)) is not _WRONG:
            read[name] = value

    def _value(self, field: Field, name: str, item: object, path: str, parent: str) -> object:
        if field.type == "any":
            return item
        if isinstance(item, list):
            mistake = "response.list" if path.endswith(_RESPONSE) else "parse.list_for_scalar"
            self._add(mistake, parent, f"Send one value for {name!r}.", name=name)
            return _WRONG
        if field.type == "struct" or field.type in MESSAGES:
            return self._object(field.type, item, path)
        if field.type in ENUMS:
            return self._enum(field.type, item, path)
        return self._scalar(field.type, item, path)

    def _object(self, kind: str, item: object, path: str) -> object:
        if not isinstance(item, Mapping):
            full = "google.protobuf.Struct" if kind == "struct" else f"{_PACKAGE[self._backend]}.{kind}"
            self._wrong(path, f"type.googleapis.com/{full}", item, "Send a JSON object.")
            return _WRONG
        value = cast("Mapping[str, Any]", item)
        return dict(value) if kind == "struct" else self.message(kind, value, path)

    def _enum(self, kind: str, item: object, path: str) -> object:
        if isinstance(item, int) and not isinstance(item, bool):
            # proto3 JSON takes an enum's number as well; of Schema's types the sheet's order is their numbers.
            return ENUMS[kind][item] if kind == "Type" and 0 <= item < len(ENUMS[kind]) else item
        if isinstance(item, str):
            for spelled in (item, item.upper(), item.lower()):
                if spelled in ENUMS[kind]:
                    return spelled
        allowed = ", ".join(sorted(value for value in ENUMS[kind] if "UNSPECIFIED" not in value.upper()))
        self._wrong(path, f"type.googleapis.com/{_PACKAGE[self._backend]}.{kind}", item, f"Send one of: {allowed}.")
        return _WRONG

    def _scalar(self, kind: str, item: object, path: str) -> object:
        read = _READ_SCALAR[kind](item)
        if read is None:
            self._wrong(path, _PROTO_TYPE[kind], item, f"Send a value of type {kind}.")
            return _WRONG
        if kind == "bytes" and decode_base64(str(read)) is None:
            self._add("parse.base64", path, "Send base64, exactly as it was received.", value=_shown(read))
            return _WRONG
        return read

    def _one_data_field(self, part: dict[str, Any], path: str) -> None:
        there = [name for name in DATA_FIELDS if name in part]
        for extra in there[1:]:
            self._add("parse.oneof", path, f"Send {there[0]!r} and {extra!r} as two parts.", name=extra)

    def _unknown(self, key: str, path: str, message: str) -> None:
        at = f" at '{path}'" if path else ""
        fix = "Leave it out." if key not in _keys_of(message) else "Leave it out: only the other backend knows it."
        if message == "Schema":
            fix += " In parametersJsonSchema and responseJsonSchema every JSON Schema keyword may stand."
        is_flag = _keys_of(message).get(key) == "includeServerSideToolInvocations"
        self._add("tools.flag_unknown" if is_flag else "parse.unknown_field", path, fix, name=key, at=at)

    def _wrong(self, path: str, expected: str, item: object, fix: str) -> None:
        mistake = "response.no_object" if path.endswith(_RESPONSE) else "parse.value"
        self._add(mistake, path, fix, expected=expected, value=_shown(item))

    def _add(self, mistake: str, path: str, fix: str, **values: object) -> None:
        self.findings.append(make_finding(mistake, path, fix, backend=self._backend, severity=None, **values))


_WRONG: Final = object()
_RESPONSE: Final = "function_response.response"


def _shown(item: object) -> str:
    text = json.dumps(item, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "..."


@cache
def _keys_of(message: str) -> Mapping[str, str]:
    """Every accepted spelling of a message's keys, with the camelCase name it stands for."""
    names = MESSAGES[message]
    return {_snake(name): name for name in names} | {name: name for name in names}


@cache
def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _read_string(item: object) -> str | None:
    return item if isinstance(item, str) else None


def _read_bool(item: object) -> bool | None:
    if isinstance(item, bool):
        return item
    return {"true": True, "false": False}.get(item) if isinstance(item, str) else None


def _read_number(item: object) -> int | float | None:
    if isinstance(item, bool) or not isinstance(item, str | int | float):
        return None
    if isinstance(item, str) and not _NUMBER.fullmatch(item):
        return None
    try:
        number = float(item)
    except OverflowError:
        return None
    return number if isinstance(item, str) else item


def _read_int(item: object, bits: int = 32) -> int | None:
    number = _read_number(item)
    if isinstance(number, float):
        number = int(number) if number.is_integer() else None
    return number if number is not None and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def _read_int64(item: object) -> int | None:
    return _read_int(item, bits=64)


def _read_duration(item: object) -> str | None:
    return item if isinstance(item, str) and _DURATION.fullmatch(item) else None


_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|-?Infinity")
_DURATION: Final = re.compile(r"-?\d+(?:\.\d{1,9})?s")

_READ_SCALAR: Final[Mapping[str, Callable[[object], object]]] = {
    "string": _read_string,
    "bytes": _read_string,
    "bool": _read_bool,
    "int": _read_int,
    "int64": _read_int64,
    "number": _read_number,
    "duration": _read_duration,
}
_PROTO_TYPE: Final = {
    "string": "TYPE_STRING",
    "bool": "TYPE_BOOL",
    "int": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "number": "TYPE_DOUBLE",
    "bytes": "TYPE_BYTES",
    "duration": "type.googleapis.com/google.protobuf.Duration",
}
