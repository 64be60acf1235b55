"""Rules E1, E2, E3 and E12: is the body a request at all? As strict and as lenient as the service's own JSON parser.

Lenient in names (`snake_case`, enums in lower case, one object for a list, null for absent), strict in structure.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

from agentkit.testing.finding import Backend, Finding
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
_RULE_OF_KEY: Final = {"includeServerSideToolInvocations": "E22"}


def read_body(
    body: object, *, backend: Backend, message: str = "GenerateContentRequest"
) -> tuple[dict[str, Any], list[Finding]]:
    """Return `body` in one spelling (camelCase, upper-case enums, real lists, no nulls) and all that is wrong with it.

    What is wrong is left out of the returned body.
    """
    if not isinstance(body, Mapping):
        text = f"Invalid JSON payload received. Root element must be a message, got {_shown(body)}"
        return {}, [Finding(rule="E2", path="", message=text, fix="Send a JSON object.")]
    reader = _Reader(backend)
    return reader.message(message, cast("Mapping[str, Any]", body), ""), reader.findings


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
            text = f"Unknown name \"{name}\" at '{parent}': Proto field is not repeating, cannot start list."
            self._add(_rule_at(path), parent, f"Invalid JSON payload received. {text}", f"Send one value for {name!r}.")
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
            text = f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for {_shown(read)}"
            self._add("E2", path, text, "Send base64, exactly as it was received.")
            return _WRONG
        return read

    def _one_data_field(self, part: dict[str, Any], path: str) -> None:
        there = [name for name in DATA_FIELDS if name in part]
        for extra in there[1:]:
            text = f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{extra}'"
            self._add("E3", path, text, f"Send {there[0]!r} and {extra!r} as two parts.")

    def _unknown(self, key: str, path: str, message: str) -> None:
        at = f" at '{path}'" if path else ""
        fix = "Leave it out." if key not in _keys_of(message) else "Leave it out: only the other backend knows it."
        if message == "Schema":
            fix += " In parametersJsonSchema and responseJsonSchema every JSON Schema keyword may stand."
        text = f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.'
        self._add(_RULE_OF_KEY.get(key, "E1"), path, text, fix)

    def _wrong(self, path: str, expected: str, item: object, fix: str) -> None:
        self._add(_rule_at(path), path, f"Invalid value at '{path}' ({expected}), {_shown(item)}", fix)

    def _add(self, rule: str, path: str, message: str, fix: str) -> None:
        self.findings.append(Finding(rule=rule, path=path, message=message, fix=fix))


_WRONG: Final = object()


def _rule_at(path: str) -> str:
    return "E12" if path.endswith("function_response.response") else "E2"


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
    if isinstance(item, bool):
        return None
    if isinstance(item, int | float):
        return item
    try:
        return float(item) if isinstance(item, str) else None
    except ValueError:
        return None


def _read_int(item: object) -> int | None:
    number = _read_number(item)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


_READ_SCALAR: Final = {
    "string": _read_string,
    "bytes": _read_string,
    "bool": _read_bool,
    "int": _read_int,
    "number": _read_number,
}
_PROTO_TYPE: Final = {
    "string": "TYPE_STRING",
    "bool": "TYPE_BOOL",
    "int": "TYPE_INT32",
    "number": "TYPE_DOUBLE",
    "bytes": "TYPE_BYTES",
}
