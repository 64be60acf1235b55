"""A JSON Schema in the older dialect has only the keys of that dialect, and says the rest in words."""

import dataclasses
import enum
import json
from datetime import datetime
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit.schema import describe_type, to_openapi

ALLOWED = {
    *("type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties"),
    *("required", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength", "pattern"),
    *("example", "anyOf", "propertyOrdering", "default"),
}
TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("STRING", "INTEGER", "NUMBER", "BOOLEAN"))
ANYTHING = {"anyOf": [STRING, NUMBER, BOOLEAN]}


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Node(BaseModel):
    """A node."""

    value: int
    next: Optional["Node"] = None


@dataclasses.dataclass
class Point:
    x: float
    label: str | None = None


@pytest.mark.parametrize(
    ("tp", "expected"),
    [
        pytest.param(str, STRING, id="types are upper case"),
        pytest.param(int | None, {"type": "INTEGER", "nullable": True}, id="a null form becomes nullable"),
        pytest.param(int | str, {"anyOf": [INTEGER, STRING]}, id="a union stays a union"),
        pytest.param(int | str | None, {"anyOf": [INTEGER, STRING], "nullable": True}, id="a nullable union"),
        pytest.param(Colour, {"type": "STRING", "format": "enum", "enum": ["red"]}, id="texts stay an enum"),
        pytest.param(Level, {"type": "INTEGER", "description": "One of: 1, 2."}, id="numbers are told"),
        pytest.param(
            Literal["a", 1, None],
            {
                "anyOf": [
                    {"type": "STRING", "format": "enum", "enum": ["a"]},
                    {"type": "INTEGER", "description": "One of: 1."},
                ],
                "nullable": True,
            },
            id="mixed literals",
        ),
        pytest.param(
            Literal["a", ""],
            {
                "anyOf": [
                    {"type": "STRING", "format": "enum", "enum": ["a"]},
                    {"type": "STRING", "description": "May be an empty text."},
                ]
            },
            id="an empty text cannot be listed",
        ),
        pytest.param(datetime, {"type": "STRING", "format": "date-time"}, id="known formats stay"),
        pytest.param(UUID, {"type": "STRING", "description": "Format: uuid."}, id="other formats are told"),
        pytest.param(
            Annotated[int, Field(gt=3, lt=9)],
            {"type": "INTEGER", "minimum": 4, "maximum": 8},
            id="open bounds of whole numbers are moved",
        ),
        pytest.param(
            Annotated[float, Field(gt=0, description="Weight.")],
            {"type": "NUMBER", "description": "Weight. Greater than 0."},
            id="other open bounds are told",
        ),
        pytest.param(
            tuple[int, str, int],
            {"type": "ARRAY", "items": {"anyOf": [INTEGER, STRING]}, "minItems": 3, "maxItems": 3},
            id="a tuple is an array of its types",
        ),
        pytest.param(list, {"type": "ARRAY", "items": ANYTHING}, id="an array always says what is in it"),
        pytest.param(
            dict[str, int],
            {"type": "OBJECT", "description": "All keys are free; each value is an integer."},
            id="free keys are told",
        ),
        pytest.param(Any, ANYTHING, id="anything is a union"),
        pytest.param(
            Point,
            {
                "type": "OBJECT",
                "properties": {"x": NUMBER, "label": {"type": "STRING", "default": None, "nullable": True}},
                "required": ["x"],
            },
            id="an object",
        ),
    ],
)
def test_a_type_in_the_older_dialect(tp: object, expected: object) -> None:
    assert to_openapi(describe_type(tp, mode="validation")) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}, id="a list of types"),
        pytest.param(
            {"type": ["string", "integer"], "title": "T"}, {"anyOf": [STRING, INTEGER], "title": "T"}, id="two types"
        ),
        pytest.param({"const": "a"}, {"type": "STRING", "format": "enum", "enum": ["a"]}, id="const"),
        pytest.param({"const": True}, {"type": "BOOLEAN", "description": "One of: true."}, id="const bool"),
        pytest.param({"const": None}, {"type": "NULL"}, id="const null"),
        pytest.param(
            {"properties": {"a": True}}, {"type": "OBJECT", "properties": {"a": ANYTHING}}, id="no type given"
        ),
        pytest.param({"type": "object", "required": ["a"]}, {"type": "OBJECT"}, id="required without a property"),
        pytest.param({"oneOf": [{"type": "string"}, {"type": "string"}]}, STRING, id="equal forms are one"),
        pytest.param({"$ref": "#/definitions/a/b"}, {"type": "STRING"}, id="a reference to nowhere"),
        pytest.param(
            {
                "allOf": [
                    {"$ref": "#/definitions/a~1b"},
                    {"properties": {"y": {"type": "integer"}}, "required": ["y"]},
                ],
                "definitions": {"a/b": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}},
            },
            {"type": "OBJECT", "properties": {"x": STRING, "y": INTEGER}, "required": ["x", "y"]},
            id="allOf is merged",
        ),
        pytest.param(
            {"type": "string", "$schema": "x", "examples": ["a"], "deprecated": True, "not": {}},
            STRING,
            id="other keys",
        ),
    ],
)
def test_schemas_of_other_writers(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    found = to_openapi(schema)

    assert {key: value for key, value in found.items() if "$ref" not in schema or key == "type"} == expected


def test_recursion_is_written_out_twice_and_then_cut_with_a_note() -> None:
    first = to_openapi(describe_type(Node, mode="validation"))

    second = first["properties"]["next"]
    third = second["properties"]["next"]
    last = third["properties"]["next"]
    assert second["nullable"] is True
    assert last == {
        "type": "OBJECT",
        "description": "A node. Node again, not described further; may be left out.",
        "nullable": True,
        "default": None,
    }


def test_branching_recursion_stays_small() -> None:
    names = [f"N{number}" for number in range(12)]
    node = {"type": "object", "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names}}
    schema = {"$ref": "#/$defs/N0", "$defs": dict.fromkeys(names, node)}

    assert len(json.dumps(to_openapi(schema))) < 1_000_000


def _check(node: Any) -> None:
    assert set(node) <= ALLOWED
    assert ("type" in node) != ("anyOf" in node)
    kind = node.get("type")
    assert kind is None or kind in TYPES
    assert "enum" not in node or (kind == "STRING" and all(isinstance(text, str) and text for text in node["enum"]))
    assert ("items" in node) == (kind == "ARRAY")
    assert "properties" not in node or (kind == "OBJECT" and node["properties"])
    assert set(node.get("required", ())) <= set(node.get("properties", ()))
    assert isinstance(node.get("nullable", True), bool)
    for inner in [
        *node.get("anyOf", ()),
        *node.get("properties", {}).values(),
        *([node["items"]] if "items" in node else []),
    ]:
        _check(inner)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
)
NAMES = st.sampled_from(["a", "b", "type", "$ref"])
KEYWORDS = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "file"])
    | st.lists(st.sampled_from(["string", "integer", "null", "array"]), max_size=3),
    "format": st.sampled_from(["uuid", "date-time", "int32", "double"]),
    "enum": st.lists(VALUES, max_size=3),
    "const": VALUES,
    "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/properties/a", "other.json"]),
    "required": st.lists(NAMES, max_size=3),
    "description": st.text(max_size=5),
    "default": VALUES,
    **dict.fromkeys(["minimum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxLength"], VALUES),
    **dict.fromkeys(["pattern", "title", "not", "if", "propertyNames", "patternProperties", "uniqueItems"], VALUES),
}


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nested = {
        **dict.fromkeys(["items", "additionalProperties"], inner | st.booleans()),
        **dict.fromkeys(["properties", "$defs"], st.dictionaries(NAMES, inner, max_size=2)),
        **dict.fromkeys(["anyOf", "oneOf", "allOf", "prefixItems"], st.lists(inner, max_size=2)),
    }
    return st.fixed_dictionaries({}, optional={**KEYWORDS, **nested})


SCHEMAS = st.recursive(st.fixed_dictionaries({}, optional=KEYWORDS), _schemas, max_leaves=6)


@given(SCHEMAS)
def test_no_key_ever_leaves_the_dialect(schema: dict[str, Any]) -> None:
    _check(to_openapi(schema))


@given(st.dictionaries(st.sampled_from([*KEYWORDS, "items", "properties", "anyOf", "allOf", "prefixItems"]), VALUES))
def test_a_schema_that_is_none_does_no_harm(schema: dict[str, Any]) -> None:
    _check(to_openapi(schema))
