"""Every type that JSON can hold has a schema that Gemini reads, and samples of it arrive as the right Python values."""

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Union
from uuid import UUID

import pytest
import typing_extensions as te
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json

from agentkit.errors import ConfigurationError
from agentkit.schema import ArgumentsInvalid, Signature, TypeReader, describe_type, read_signature


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """How loud."""

    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Town(BaseModel):
    """A town."""

    name: str = Field(description="Without the country.")
    people: int = 0


class Node(BaseModel):
    value: int
    children: list["Node"]


class Optionally(BaseModel):
    inner: Optional["Optionally"] = None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Very strict")
    day: date


class Titled(BaseModel):
    name: str = Field(title="Full name")


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Documented:
    """A documented dataclass."""

    x: int


class Options(te.TypedDict):
    size: te.Required[int]
    tags: te.NotRequired[list[str]]


class Pair(NamedTuple):
    key: str
    count: int = 1


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


UserId = NewType("UserId", int)
Names = te.TypeAliasType("Names", list[str])
Tree = te.TypeAliasType("Tree", "dict[str, Tree] | int")

STRING, INTEGER, NUMBER, BOOLEAN, NULL = ({"type": t} for t in ("string", "integer", "number", "boolean", "null"))
TOWN = {
    "type": "object",
    "description": "A town.",
    "properties": {
        "name": {"type": "string", "description": "Without the country."},
        "people": {"type": "integer", "default": 0},
    },
    "required": ["name"],
}
NODE = {
    "type": "object",
    "properties": {"value": INTEGER, "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    "required": ["value"],
}
CLOSED = {"additionalProperties": False}

CASES = [
    pytest.param(str, STRING, "a", "a", id="str"),
    pytest.param(int, INTEGER, 5, 5, id="int"),
    pytest.param(float, NUMBER, 5, 5.0, id="float from a whole number"),
    pytest.param(bool, BOOLEAN, True, True, id="bool"),
    pytest.param(None, NULL, None, None, id="None"),
    pytest.param(Any, {}, [1, {"a": True}], [1, {"a": True}], id="Any"),
    pytest.param(object, {}, "x", "x", id="object"),
    pytest.param(Optional[int], {"anyOf": [INTEGER, NULL]}, None, None, id="Optional"),  # noqa: UP045
    pytest.param(int | None, {"anyOf": [INTEGER, NULL]}, 3, 3, id="int or None"),
    pytest.param(Union[int, str], {"anyOf": [INTEGER, STRING]}, "a", "a", id="Union"),  # noqa: UP007
    pytest.param(Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b", id="Literal"),
    pytest.param(Literal["a"], {"type": "string", "enum": ["a"]}, "a", "a", id="Literal of one is no const"),
    pytest.param(Literal[1, "a"], {"type": ["integer", "string"], "enum": [1, "a"]}, 1, 1, id="Literal of two types"),
    pytest.param(
        Literal["a", None], {"anyOf": [{"type": "string", "enum": ["a"]}, NULL]}, None, None, id="Literal with None"
    ),
    pytest.param(Literal[True], {"type": "boolean", "description": "Always true."}, True, True, id="Literal of a bool"),
    pytest.param(Colour, {"type": "string", "enum": ["red", "blue"]}, "red", Colour.RED, id="Enum"),
    pytest.param(
        Level, {"type": "integer", "description": "How loud.", "enum": [1, 2]}, 2, Level.HIGH, id="IntEnum with docs"
    ),
    pytest.param(Mixed, {"type": ["integer", "string"], "enum": [1, "two"]}, "two", Mixed.TWO, id="Enum of two types"),
    pytest.param(
        Annotated[int, Field(ge=1, lt=9)],
        {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        3,
        3,
        id="number with bounds",
    ),
    pytest.param(
        Annotated[str, Field(max_length=3, pattern="^a")],
        {"type": "string", "maxLength": 3, "pattern": "^a"},
        "ab",
        "ab",
        id="text with limits",
    ),
    pytest.param(Annotated[int, AfterValidator(abs)], INTEGER, -1, 1, id="own validator"),
    pytest.param(list[int], {"type": "array", "items": INTEGER}, [1], [1], id="list"),
    pytest.param(list, {"type": "array", "items": {}}, [1, "a"], [1, "a"], id="bare list"),
    pytest.param(set[int], {"type": "array", "items": INTEGER, "uniqueItems": True}, [1, 1], {1}, id="set"),
    pytest.param(
        frozenset[str],
        {"type": "array", "items": STRING, "uniqueItems": True},
        ["a"],
        frozenset("a"),
        id="frozenset",
    ),
    pytest.param(
        tuple[int, str],
        {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2},
        [1, "a"],
        (1, "a"),
        id="fixed tuple",
    ),
    pytest.param(tuple[int, ...], {"type": "array", "items": INTEGER}, [1, 2], (1, 2), id="variadic tuple"),
    pytest.param(
        Pair,
        {
            "type": "array",
            "prefixItems": [
                {"type": "string", "description": "key"},
                {"type": "integer", "description": "count", "default": 1},
            ],
            "minItems": 1,
            "maxItems": 2,
        },
        ["a", 2],
        Pair("a", 2),
        id="NamedTuple",
    ),
    pytest.param(
        dict[str, int], {"type": "object", "additionalProperties": INTEGER}, {"a": 1}, {"a": 1}, id="dict of int"
    ),
    pytest.param(
        dict[str, Any], {"type": "object", "additionalProperties": True}, {"a": [1]}, {"a": [1]}, id="dict of anything"
    ),
    pytest.param(
        dict[int, bool],
        {"type": "object", "additionalProperties": BOOLEAN},
        {"1": True},
        {1: True},
        id="dict with keys that are no text",
    ),
    pytest.param(
        datetime,
        {"type": "string", "format": "date-time"},
        "2026-01-02T03:04:05Z",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        id="datetime",
    ),
    pytest.param(date, {"type": "string", "format": "date"}, "2026-01-02", date(2026, 1, 2), id="date"),
    pytest.param(time, {"type": "string", "format": "time"}, "03:04", time(3, 4), id="time"),
    pytest.param(timedelta, {"type": "string", "format": "duration"}, "PT1H", timedelta(hours=1), id="timedelta"),
    pytest.param(UUID, {"type": "string", "format": "uuid"}, str(UUID(int=7)), UUID(int=7), id="UUID"),
    pytest.param(Decimal, {"anyOf": [NUMBER, STRING]}, 0.1, Decimal("0.1"), id="Decimal from a number"),
    pytest.param(Path, {"type": "string", "format": "path"}, "a/b", Path("a/b"), id="Path"),
    pytest.param(bytes, {"type": "string", "format": "base64url"}, "_-8=", b"\xff\xef", id="bytes"),
    pytest.param(UserId, INTEGER, 4, 4, id="NewType"),
    pytest.param(Names, {"type": "array", "items": STRING}, ["a"], ["a"], id="type alias"),
    pytest.param(Json[list[int]], STRING, "[1]", [1], id="JSON text"),
    pytest.param(Town, TOWN, {"name": "Oslo"}, Town(name="Oslo"), id="model"),
    pytest.param(list[Town], {"type": "array", "items": TOWN}, [{"name": "A"}], [Town(name="A")], id="list of models"),
    pytest.param(
        Strict,
        {
            "type": "object",
            "title": "Very strict",
            "properties": {"day": {"type": "string", "format": "date"}},
            "required": ["day"],
            **CLOSED,
        },
        {"day": "2026-01-02"},
        Strict(day=date(2026, 1, 2)),
        id="model with a title of its own",
    ),
    pytest.param(
        Titled,
        {"type": "object", "properties": {"name": {"type": "string", "title": "Full name"}}, "required": ["name"]},
        {"name": "a"},
        Titled(name="a"),
        id="field with a title of its own",
    ),
    pytest.param(
        Point,
        {
            "type": "object",
            "properties": {"x": NUMBER, "y": {"type": "number", "default": 0.0}},
            "required": ["x"],
            **CLOSED,
        },
        {"x": 1},
        Point(1.0),
        id="dataclass without the docs that Python generates",
    ),
    pytest.param(
        Documented,
        {
            "type": "object",
            "description": "A documented dataclass.",
            "properties": {"x": INTEGER},
            "required": ["x"],
            **CLOSED,
        },
        {"x": 1},
        Documented(1),
        id="dataclass with docs",
    ),
    pytest.param(
        Options,
        {
            "type": "object",
            "properties": {"size": INTEGER, "tags": {"type": "array", "items": STRING}},
            "required": ["size"],
            **CLOSED,
        },
        {"size": 1},
        {"size": 1},
        id="TypedDict",
    ),
    pytest.param(
        Annotated[Cat | Dog, Field(discriminator="kind")],
        {
            "anyOf": [
                {"type": "object", "properties": {"kind": {"type": "string", "enum": [kind]}}, "required": ["kind"]}
                for kind in ("cat", "dog")
            ]
        },
        {"kind": "dog"},
        Dog(kind="dog"),
        id="discriminated union is an anyOf",
    ),
]


def signature_of(tp: object) -> Signature:
    def tool(value: object) -> None: ...

    tool.__annotations__["value"] = tp
    return read_signature(tool, context_type=type("Context", (), {}))


@pytest.mark.parametrize(("tp", "declared", "sent", "arrives"), CASES)
def test_a_type_is_declared_and_read(tp: object, declared: object, sent: object, arrives: object) -> None:
    signature = signature_of(tp)

    assert signature.parameters is not None
    assert signature.parameters["properties"] == {"value": declared}
    args, kwargs = signature.bind({"value": sent}, None)
    assert (args, kwargs) == ([], {"value": arrives})
    assert type(kwargs["value"]) is type(arrives)


def test_a_recursive_model_keeps_its_definition_and_closes_the_circle_by_an_optional_property() -> None:
    parameters = signature_of(Node).parameters

    assert parameters == {
        "type": "object",
        "properties": {"value": {"$ref": "#/$defs/Node"}},
        "required": ["value"],
        "$defs": {"Node": NODE},
    }


def test_a_recursive_model_is_still_read_strictly() -> None:
    signature = signature_of(Node)

    _, kwargs = signature.bind({"value": {"value": 1, "children": [{"value": 2, "children": []}]}}, None)
    assert kwargs["value"].children[0].value == 2
    with pytest.raises(ArgumentsInvalid, match=r"'value\.children': is required"):
        signature.bind({"value": {"value": 1}}, None)


def test_a_recursive_alias_is_declared_and_read() -> None:
    signature = signature_of(Tree)

    assert signature.parameters is not None
    assert set(signature.parameters["$defs"]) == {"Tree"}
    assert signature.bind({"value": {"a": {"b": 1}}}, None) == ([], {"value": {"a": {"b": 1}}})


def test_a_definition_used_twice_stays_a_definition_and_its_references_stand_alone() -> None:
    def move(start: Town, end: Annotated[Town, Field(description="Where to.")]) -> None: ...

    parameters = read_signature(move, context_type=Colour).parameters

    assert parameters == {
        "type": "object",
        "properties": {
            "start": {"$ref": "#/$defs/Town"},
            "end": {"description": "Where to.", "anyOf": [{"$ref": "#/$defs/Town"}]},
        },
        "required": ["start", "end"],
        "$defs": {"Town": TOWN},
    }


def test_the_description_of_a_parameter_wins_over_that_of_its_type() -> None:
    parameters = signature_of(Annotated[Town, Field(description="Where from.")]).parameters

    assert parameters is not None
    assert parameters["properties"]["value"] == {**TOWN, "description": "Where from."}


def test_properties_that_are_called_like_keywords_survive() -> None:
    class Odd(BaseModel):
        title: str
        const: int
        enum: list[str]

    described = describe_type(Odd, mode="validation")

    assert described["properties"] == {
        "title": STRING,
        "const": INTEGER,
        "enum": {"type": "array", "items": STRING},
    }


@pytest.mark.parametrize(("mode", "declared"), [("validation", {"anyOf": [NUMBER, STRING]}), ("serialization", STRING)])
def test_a_type_may_be_read_and_written_differently(mode: Any, declared: object) -> None:
    described = describe_type(Decimal, mode=mode)

    assert {key: value for key, value in described.items() if key != "pattern"} == declared


def test_a_root_reference_is_opened_so_that_the_root_is_an_object() -> None:
    assert describe_type(Node, mode="validation") == {**NODE, "$defs": {"Node": NODE}}


@pytest.mark.rows(90)
@pytest.mark.parametrize(
    "tp",
    [
        pytest.param(type(lambda: 0), id="function type"),
        pytest.param(5, id="a value"),
        pytest.param(complex | Path.__init__.__class__, id="union with a slot type"),
    ],
)
def test_a_type_that_json_cannot_hold_is_refused_by_name(tp: object) -> None:
    with pytest.raises(ConfigurationError, match="cannot be described as JSON"):
        describe_type(tp, mode="validation")


class Size(enum.Enum):
    SMALL = (1, 2)


class Day(enum.Enum):
    FIRST = date(2026, 1, 1)


class OfColour(BaseModel):
    colour: Literal[Colour.RED] = Colour.RED


@pytest.mark.parametrize(
    ("tp", "said"),
    [
        pytest.param(Size, "Size.SMALL is not read from [1, 2]", id="an enum of tuples"),
        pytest.param(list[Day], 'Day.FIRST is not read from "2026-01-01"', id="an enum of dates"),
        pytest.param(Literal[Colour.RED], 'Colour.RED is not read from "red"', id="a member of a plain enum"),
        pytest.param(OfColour, 'Colour.RED is not read from "red"', id="a member in a model"),
        pytest.param(Literal[b"x"], "b'x' is not read from \"x\"", id="bytes"),
    ],
)
@pytest.mark.rows(90)
def test_a_value_that_would_be_refused_is_not_declared(tp: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        describe_type(tp, mode="validation")

    assert said in str(caught.value)
    assert "StrEnum" in str(caught.value)
    assert describe_type(tp, mode="serialization")


def test_members_of_an_enum_of_texts_or_numbers_stand_in_a_literal() -> None:
    class Kind(enum.StrEnum):
        CAT = "cat"

    assert TypeReader[Kind](Literal[Kind.CAT]).parse_json('"cat"') is Kind.CAT
    assert TypeReader[Level](Literal[Level.LOW]).parse_json("1") is Level.LOW


class TestTypeReader:
    def test_reads_json_text_as_a_value_of_the_type(self) -> None:
        reader = TypeReader[Town](Town)

        assert reader.schema == TOWN
        assert reader.parse_json('{"name": "Oslo", "people": 7.0}') == Town(name="Oslo", people=7)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            pytest.param('{"people": 1}', "'[0].name': is required, but was left out.", id="missing"),
            pytest.param('{"name": 1}', "'[0].name': expected a valid string, got 1.", id="wrong type"),
            pytest.param('{"name": "a", "people": true}', "'[0].people': expected a number, got true.", id="bool"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, text: str, said: str) -> None:
        with pytest.raises(ArgumentsInvalid) as raised:
            TypeReader[list[Town]](list[Town]).parse_json(f"[{text}]")

        assert str(raised.value) == said

    @pytest.mark.parametrize("text", ["", "{", "[" * 5000, '"\ud800', "nope"])
    def test_refuses_what_is_no_json(self, text: str) -> None:
        with pytest.raises(ArgumentsInvalid, match="Invalid JSON"):
            TypeReader[Town](Town).parse_json(text)

    def test_bytes_travel_as_base64(self) -> None:
        assert TypeReader[bytes](bytes).parse_json('"aGk="') == b"hi"


SIMPLE = st.sampled_from(
    [str, int, float, bool, None, date, Colour, Level, Town, Node, Optionally, Point, Options, Pair]
)
TYPES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds(lambda t: list[t], inner)  # type: ignore[valid-type]
        | st.builds(lambda t: dict[str, t], inner)  # type: ignore[valid-type]
        | st.builds(lambda a, b: tuple[a, b], inner, inner)  # type: ignore[valid-type]
        | st.builds(lambda a, b: Union[a, b], inner, inner)  # noqa: UP007
        | st.builds(lambda t: Annotated[t, Field(description="About it.")], inner)
    ),
    max_leaves=6,
)


def _nodes(schema: Any) -> list[Any]:
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [*schema.get("anyOf", []), *schema.get("prefixItems", [])]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return [schema, *(node for part in inner for node in _nodes(part))]


READ_BY_GEMINI = {
    *("$defs", "$ref", "type", "title", "description", "format", "enum", "anyOf", "properties", "required"),
    *("additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum"),
}
IGNORED_BY_GEMINI = {"default", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum", "pattern"}


@pytest.mark.rows(90)
@given(TYPES)
def test_every_schema_keeps_to_what_gemini_reads(tp: object) -> None:
    schema = describe_type(tp, mode="validation")

    nodes = _nodes(schema)
    assert all(set(node) <= READ_BY_GEMINI | IGNORED_BY_GEMINI for node in nodes)
    assert all(len(node) == 1 for node in nodes if "$ref" in node)
    assert {node["$ref"] for node in nodes if "$ref" in node} == {f"#/$defs/{name}" for name in schema.get("$defs", {})}
    assert describe_type(tp, mode="validation") == schema
