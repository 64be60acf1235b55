"""The schema in a functionDeclaration that was written elsewhere, in either of the two dialects."""

import json
from collections.abc import Mapping
from typing import Any, cast

from agentkit.errors import ToolDefinitionError

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_ABOUT = ("title", "description", "default")
_NO_SCHEMAS = ("enum", "required", "default", "propertyOrdering")
_OPEN = "type_unspecified"
_TYPES = (_OPEN, "string", "number", "integer", "boolean", "array", "object", "null")  # by number, as protobuf has them


def read_schema(declaration: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return a copy of the schema of a declaration; None if it has none.

    Raises:
        ToolDefinitionError: It is not JSON, or not the schema of an object.
    """
    given = (declaration.get(key) for key in ("parametersJsonSchema", "parameters_json_schema"))
    schema = next((one for one in given if one is not None), None)
    try:
        if schema is None:
            schema = _from_openapi(declaration.get("parameters"))
        schema = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolDefinitionError(name, f"its schema is not JSON ({error}).", "Give plain JSON.") from error
    if schema is None or _describes_object(schema):
        return cast("dict[str, Any] | None", schema)
    shown = json.dumps(schema)[:100]
    raise ToolDefinitionError(
        name, f"its schema {shown} is not that of an object.", 'Give {"type": "object", "properties": {...}}.'
    )


def _describes_object(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    node = cast("dict[str, Any]", schema)
    return (
        node.get("type", "object") == "object"
        and isinstance(node.get("properties") or {}, dict)
        and isinstance(node.get("required") or [], list)
    )


def _from_openapi(schema: object) -> Any:
    """Turn the older dialect into JSON Schema: types in lower case, `nullable` as a null type, counts as numbers."""
    if isinstance(schema, list):
        return [_from_openapi(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    turned: dict[str, Any] = {}
    for key, value in cast("Mapping[str, Any]", schema).items():
        if key == "properties" and isinstance(value, dict):
            children = cast("dict[str, object]", value)
            turned[key] = {name: _from_openapi(child) for name, child in children.items()}
        elif key == "type" and value in range(len(_TYPES)):
            turned[key] = _TYPES[value]
        elif key == "type" and isinstance(value, str):
            turned[key] = value.lower()
        elif key in _COUNTS and isinstance(value, str) and value.isdecimal():  # an int64 is written as text
            turned[key] = int(value)
        elif key not in ("nullable", "example"):
            turned[key] = value if key in _NO_SCHEMAS else _from_openapi(value)
    if turned.get("type") == _OPEN:
        del turned["type"]
    return _or_null(turned) if cast("Mapping[str, Any]", schema).get("nullable") else turned


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema that takes null as well."""
    null = {"type": "null"}
    if "anyOf" in node:
        return {**node, "anyOf": [*node["anyOf"], null]}
    if "enum" in node:  # which null would have to stand in
        about = {key: node[key] for key in _ABOUT if key in node}
        return {**about, "anyOf": [{key: value for key, value in node.items() if key not in about}, null]}
    return {**node, "type": [node["type"], "null"]} if isinstance(node.get("type"), str) else node
