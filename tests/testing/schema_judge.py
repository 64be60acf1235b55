"""Whether a JSON value is valid against a JSON Schema, written apart from the code under test."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

__all__ = ["is_valid"]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_FORMATS = {
    "date": lambda text: date.fromisoformat(text),
    "date-time": lambda text: datetime.fromisoformat(text),
    "email": lambda text: re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", text),
    "uri": lambda text: re.fullmatch(r"\w+://\S+", text),
}


def is_valid(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> bool:
    """Judge `value`; the keywords are those that the service documents, and a few more that pydantic writes."""
    root = schema if root is None else root
    if "$ref" in schema:
        return is_valid(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema and not any(is_valid(value, one, root) for one in schema["anyOf"]):
        return False
    if "allOf" in schema and not all(is_valid(value, one, root) for one in schema["allOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "type" in schema and not _is_of_type(value, schema["type"]):
        return False
    match value:
        case str():
            return _is_text(value, schema)
        case bool() | None:
            return True
        case int() | float():
            return _is_number(value, schema)
        case list():
            return _is_list(value, schema, root)
        case dict():
            inner = schema.get("properties", {})
            known = "additionalProperties" not in schema or set(value) <= set(inner)
            missing = set(schema.get("required", ())) - set(value)
            return (
                known and not missing and all(is_valid(one, inner.get(name, {}), root) for name, one in value.items())
            )
    return False


def _is_of_type(value: Any, named: Any) -> bool:
    names = [named] if isinstance(named, str) else named
    allowed = tuple(one for name in names for one in _TYPES[name.lower()])
    return isinstance(value, allowed) and (not isinstance(value, bool) or bool in allowed)


def _is_text(value: str, schema: Mapping[str, Any]) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        return False
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    try:
        return schema.get("format") not in _FORMATS or bool(_FORMATS[schema["format"]](value))
    except ValueError:
        return False


def _is_number(value: float, schema: Mapping[str, Any]) -> bool:
    return (
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
        and value % schema.get("multipleOf", 1 if isinstance(value, int) else value or 1) == 0
    )


def _is_list(value: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        return False
    if schema.get("uniqueItems") and any(one in value[:place] for place, one in enumerate(value)):
        return False
    first = schema.get("prefixItems", [])
    rest = value[len(first) :]
    return all(is_valid(one, inner, root) for one, inner in zip(value, first, strict=False)) and all(
        is_valid(one, schema.get("items", {}), root) for one in rest
    )
