"""The judge never fails itself: whatever JSON comes, it says what is wrong with it, and leaves it as it was."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.models import known_models
from agentkit.testing import check_request
from agentkit.testing.catalog import CATALOG
from agentkit.testing.finding import Finding, Profile
from agentkit.testing.issued import Issued
from agentkit.testing.messages import ENUMS, MESSAGES, Field
from tests.testing.bad_requests import BAD_REQUESTS, deep
from tests.testing.requests_made import SIGNATURE, Json, ask, judge

ISSUED = Issued(seed=3)
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
MODELS = [known.id for known in known_models()] + ["", "someone/elses-model", "gemini-9"]

# `st.text` makes halves of surrogate pairs as well, as JSON may hold them.
texts = st.text(st.characters(), max_size=5) | st.sampled_from(
    ["object", "#/$defs/a", "#", "a", SIGNATURE, "1s", "user"]
)
numbers = st.integers() | st.floats() | st.just(10**400)
leaves = st.none() | st.booleans() | numbers | texts
schema_keys = st.sampled_from(
    ["$ref", "$defs", "properties", "required", "items", "type", "enum", "anyOf", "maxItems", "a"]
)
any_json = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(schema_keys | texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def messages(draw: st.DrawFn, name: str = "GenerateContentRequest", levels: int = 7) -> Json:
    """A message whose keys exist and whose values have the right type as a rule, so that the shape hides little."""
    fields = MESSAGES[name]
    keys = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)) if fields and levels else []
    return {key: draw(_values(fields[key], levels - 1)) for key in keys}


def _values(field: Field, levels: int) -> st.SearchStrategy[Any]:
    one = _one(field.type, levels)
    if field.repeated:
        return st.lists(one, max_size=3)
    return st.dictionaries(texts, one, max_size=2) if field.mapped else one


def _one(kind: str, levels: int) -> st.SearchStrategy[Any]:
    if kind in MESSAGES:
        return messages(kind, levels)
    if kind in ENUMS:
        return st.sampled_from(ENUMS[kind])
    return {
        "any": any_json,
        "struct": st.dictionaries(texts, any_json, max_size=2),
        "bool": st.booleans(),
        "int": st.integers(-3, 2**31 - 1),
        "int64": st.integers(-3, 2**63 - 1),
        "number": st.floats() | st.integers(),
        "duration": st.just("1.5s"),
        "bytes": st.sampled_from(["", "AAAA", SIGNATURE, ISSUED.new_signature(), ISSUED.new_continuation_token({})]),
        "string": texts,
    }[kind]


@st.composite
def mutations(draw: st.DrawFn) -> object:
    """One of the bad requests, with something in it replaced, left out, or wrapped into a list."""
    body = copy.deepcopy(draw(st.sampled_from([bad.body for bad in BAD_REQUESTS if isinstance(bad.body, dict)])))
    node: Any = body
    for _ in range(draw(st.integers(0, 8))):
        inner = [key for key, value in _items(node) if isinstance(value, dict | list) and value]
        if not inner:
            break
        node = node[draw(st.sampled_from(inner))]
    keys = [key for key, _ in _items(node)]
    if keys:
        key = draw(st.sampled_from(keys))
        node[key] = draw(any_json | st.just([node[key]]) | st.just({"a": node[key]}))
    return body


def _items(node: Any) -> list[tuple[Any, Any]]:
    return list(node.items()) if isinstance(node, dict) else list(enumerate(node))


def judged_by_all(body: object, on: str) -> list[Finding]:
    return [
        finding
        for profile in PROFILES
        for streamed in (False, True)
        for finding in check_request(body, model=on, profile=profile, issued=ISSUED, streamed=streamed)
    ]


def are_sound(findings: list[Finding]) -> bool:
    """Whether each has a code of the catalog, words and a fix, and can be sent as UTF-8."""
    return all(
        finding.code in CATALOG and finding.message and finding.fix and str(finding).encode() for finding in findings
    )


@settings(max_examples=100, deadline=None)
@given(body=any_json, on=st.sampled_from(MODELS))
def test_any_json_is_judged_without_a_crash(body: object, on: str) -> None:
    assert are_sound(judged_by_all(body, on))


@settings(max_examples=120, deadline=None)
@given(body=messages(), on=st.sampled_from(MODELS))
def test_odd_values_in_the_right_places_are_judged_without_a_crash(body: Json, on: str) -> None:
    assert are_sound(judged_by_all(body, on))


@settings(max_examples=100, deadline=None)
@given(schema=st.dictionaries(schema_keys, any_json, max_size=5), on=st.sampled_from(MODELS))
def test_any_json_is_judged_as_a_schema_without_a_crash(schema: Json, on: str) -> None:
    settings = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    body = ask(
        tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}], generationConfig=settings
    )

    assert are_sound(judged_by_all(body, on))


@settings(max_examples=120, deadline=None)
@given(body=mutations(), on=st.sampled_from(MODELS))
def test_a_request_with_something_replaced_is_judged_without_a_crash(body: object, on: str) -> None:
    assert are_sound(judged_by_all(body, on))


@settings(max_examples=50, deadline=None)
@given(body=messages() | mutations())
def test_judging_changes_nothing(body: object) -> None:
    before = json.dumps(body)

    judge(body)

    assert json.dumps(body) == before


@settings(max_examples=50, deadline=None)
@given(body=messages() | mutations())
def test_judging_twice_says_the_same(body: object) -> None:
    assert judge(body) == judge(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(deep(100_000), id="an-object"),
        pytest.param(ask(generationConfig={"responseJsonSchema": deep(50_000)}), id="in-a-free-value"),
        pytest.param(ask(labels={"a": [deep(50_000)]}), id="in-a-list"),
    ],
)
def test_json_that_is_too_deep_for_the_service_is_refused_and_not_walked(body: Json) -> None:
    assert [finding.mistake for finding in judge(body)] == ["parse.depth"]


def test_a_chain_of_references_is_followed_however_long_it_is() -> None:
    links = {f"n{i}": {"required": ["x"], "properties": {"x": {"$ref": f"#/$defs/n{i + 1}"}}} for i in range(1_500)}
    schema = {"$ref": "#/$defs/n0", "$defs": {**links, "n1500": {"type": "string"}}}
    body = ask(generationConfig={"responseMimeType": "application/json", "responseJsonSchema": schema})

    assert judge(body) == []
