"""Whatever is asked and declared: the stand-in answers with a text or with legal calls, and every talk ends."""

import itertools
import json
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit.testing.offline import answer
from tests.testing.offline_talk import BASICS, SHOP, Json, Talk, ask, calls_in, mode, structured
from tests.testing.schema_judge import is_valid

WORDS = [
    *("find", "the", "weather", "in", "and", "then", "add them", "its population", "of", "how many", "days", "it"),
    *("which", "is larger", "the warmest", "of the two", "until", "today", "tomorrow", "next Friday", "in 3 days"),
    *("( 3 +", "* 4 )", "twelve times", "?", "Oslo", "Rome", "order 7", "$20", "17% of 2480", "2026-11-22", "there"),
    *("ada@example.com", '"Dune"', "Paris and Rome", "5 km", "to miles", "saying hi", "by Queen", "SELECT 1", "on"),
    *("off", "red", "2 pizzas and 3 colas", "milk, eggs and bread", "the capital of"),
]
PROMPTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), st.text(max_size=60))
NUMBERS = st.one_of(
    st.builds(
        lambda kind, low, size: {"type": kind, "minimum": low, "maximum": low + size},
        st.sampled_from(["integer", "number"]),
        st.integers(-9, 9),
        st.integers(0, 5),
    ),
    st.builds(
        lambda low: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + 2}, st.integers(-5, 5)
    ),
    st.just({"type": "number", "exclusiveMinimum": 0}),
    st.just({"type": "number", "minimum": -0.75, "maximum": -0.5}),
    st.just({"type": "integer", "multipleOf": 5, "minimum": 3}),
)
TEXTS = st.one_of(
    st.builds(
        lambda named: {"type": "string", "format": named}, st.sampled_from(["date", "date-time", "email", "uri"])
    ),
    st.builds(
        lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size},
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    st.builds(
        lambda pattern: {"type": "string", "pattern": pattern},
        st.sampled_from(["^[A-Z]{3}$", r"^\d+-\w{2}$", "^a.c?$"]),
    ),
    st.just({"type": "string", "enum": ["red", "green"]}),
)
SCALARS = st.one_of(
    st.sampled_from(
        [{"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]
    ),
    NUMBERS,
    TEXTS,
    st.sampled_from(
        [{"enum": [3, 5]}, {"type": ["string", "null"]}, {"anyOf": [{"type": "null"}, {"type": "number"}]}, {}]
    ),
)
PARAMETERS = [
    *("city", "order_id", "amount", "expression", "start", "end", "query", "notify", "to", "a", "count"),
    *("from_unit", "to_unit", "on", "title", "ticker", "sql"),
]
NAMES = ["weather", "population", "refund", "addThings", "calculate", "days", "x", "final_answer", "play_song"]


def lists_of(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    bounded = st.builds(
        lambda items, low, size: {"type": "array", "items": items, "minItems": low, "maxItems": low + size},
        inner,
        st.integers(0, 3),
        st.integers(0, 3),
    )
    pair = st.builds(
        lambda one, two: {"type": "array", "prefixItems": [one, two], "minItems": 2, "maxItems": 2}, inner, inner
    )
    distinct = st.just({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True})
    return st.one_of(inner.map(lambda items: {"type": "array", "items": items}), bounded, pair, distinct)


@st.composite
def objects_of(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    properties = draw(st.dictionaries(st.sampled_from(PARAMETERS), inner, max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    closed: Json = draw(st.sampled_from([{}, {"additionalProperties": False}]))
    return {"type": "object", "properties": properties, "required": required, **closed}


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        lists_of(inner),
        objects_of(inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda choices: {"anyOf": choices}),
    ),
    max_leaves=5,
)
TREE: Json = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                "parent": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            },
            "required": ["name", "children"],
        }
    },
    "$ref": "#/$defs/Node",
}


@st.composite
def declarations(draw: st.DrawFn) -> Json:
    name = draw(st.sampled_from(NAMES))
    key = draw(st.sampled_from(["parameters", "parametersJsonSchema"]))
    return {
        "name": name,
        "description": draw(st.sampled_from(["", "Weather of a city."])),
        key: draw(objects_of(SCHEMAS)),
    }


FUNCTIONS = st.lists(
    st.one_of(declarations(), st.sampled_from([*BASICS, *SHOP])), max_size=4, unique_by=lambda one: one["name"]
)
RESPONSES = st.one_of(
    st.builds(lambda value: {"output": value}, st.one_of(st.integers(), st.floats(), st.text(max_size=10), st.none())),
    st.sampled_from([{"error": "No."}, {"error": "Unknown city 'oslo'. Known: Oslo, Rome."}, {"error": {"code": 3}}]),
    st.dictionaries(st.sampled_from(PARAMETERS), st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
)
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)


def assert_legal(parts: Sequence[Json], functions: Sequence[Json]) -> None:
    """One text, or calls of declared functions with valid arguments."""
    declared = {one["name"]: one.get("parameters") or one.get("parametersJsonSchema", {}) for one in functions}
    if calls := calls_in(parts):
        assert len(calls) == len(parts)
        for name, args in calls:
            assert name in declared
            assert is_valid(args, declared[name]), (name, args)
    else:
        [part] = parts
        assert isinstance(part["text"], str)
        assert part["text"]


@slow
@given(PROMPTS, FUNCTIONS, st.lists(RESPONSES, min_size=1, max_size=4))
def test_every_call_is_legal_and_every_conversation_ends(
    prompt: str, functions: list[Json], responses: list[Json]
) -> None:
    """Some calls may fail while others succeed; none is made twice."""
    turn = itertools.cycle(responses)
    talk = Talk(functions, lambda _name, _args: next(turn))

    talk.say(prompt, turns=len(prompt.split()) + 6)

    for content in talk.contents:
        if content["role"] == "model":
            assert_legal(content["parts"], functions)
    made = [json.dumps(call, sort_keys=True) for calls in talk.rounds for call in calls]
    assert len(made) == len(set(made))


@slow
@given(PROMPTS, FUNCTIONS, st.sampled_from(["AUTO", "ANY", "NONE", "VALIDATED"]), st.data())
def test_the_calling_mode_is_obeyed(prompt: str, functions: list[Json], name: str, data: st.DataObject) -> None:
    names = [one["name"] for one in functions]
    allowed = data.draw(st.lists(st.sampled_from(names), unique=True)) if names and name in ("ANY", "VALIDATED") else []

    parts = ask(prompt, functions, toolConfig=mode(name, *allowed))

    assert_legal(parts, [one for one in functions if not allowed or one["name"] in allowed])
    if name == "ANY" and functions:
        assert calls_in(parts)
    if name == "NONE":
        assert not calls_in(parts)


@slow
@given(PROMPTS, SCHEMAS)
def test_a_structured_answer_is_always_valid(prompt: str, schema: Json) -> None:
    [part] = ask(prompt, [], generationConfig=structured(schema))

    assert is_valid(json.loads(part["text"]), schema)


def test_a_structured_answer_may_be_of_a_type_that_holds_itself() -> None:
    [part] = ask("Make a tree", [], generationConfig=structured(TREE))

    assert is_valid(json.loads(part["text"]), TREE)


class Level(Enum):
    LOW = "low"
    HIGH = "high"


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=30)]
    age: Annotated[int, Field(gt=0, lt=150)]


class Order(BaseModel):
    buyer: Person
    level: Level
    kind: Literal["online", "shop"]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4}$")]
    lines: Annotated[list[tuple[str, int]], Field(min_length=1)]
    tags: set[str] = set()
    gift: bool
    share: Annotated[float, Field(ge=0.1, le=0.9)]
    related: "Order | None" = None
    notes: dict[str, str]


@pytest.mark.parametrize(
    "prompt",
    ["", "Ada, 36, buys 2 books online", "priority high, share 0.5, code AB-1234", "order 7 for Bob as a gift"],
)
def test_a_pydantic_model_reads_its_structured_answer(prompt: str) -> None:
    [part] = ask(prompt, [], generationConfig=structured(Order.model_json_schema()))

    assert Order.model_validate_json(part["text"])


@given(PROMPTS, FUNCTIONS)
@slow
def test_the_same_request_has_the_same_answer(prompt: str, functions: list[Json]) -> None:
    assert ask(prompt, functions) == ask(prompt, functions)


@slow
@given(PROMPTS, declarations())
def test_a_request_in_snake_case_is_read_alike(prompt: str, function: Json) -> None:
    schema = function.get("parameters") or function["parametersJsonSchema"]
    camel = {"name": function["name"], "description": "", "parametersJsonSchema": schema}
    snake = {"name": function["name"], "description": "", "parameters_json_schema": schema}
    contents = [{"role": "user", "parts": [{"text": prompt}]}]

    assert answer({"contents": contents, "tools": [{"function_declarations": [snake]}]}) == answer(
        {"contents": contents, "tools": [{"functionDeclarations": [camel]}]}
    )
