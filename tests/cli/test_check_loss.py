"""What `--schema` tells about a JSON Schema is what its conversion to the older dialect does."""

import json
from typing import Any

import pytest

from agentkit.cli.check_loss import losses_of
from agentkit.schema import to_openapi

Json = dict[str, Any]

CASES: list[tuple[str, Json, list[tuple[str, str, str]]]] = [
    ("a-pattern-is-kept", {"type": "string", "pattern": "^a"}, []),
    ("bounds-are-kept", {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3}, []),
    ("an-optional-type", {"type": ["string", "null"]}, [("#", "type", "rewritten")]),
    ("a-union", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, []),
    ("one-of", {"oneOf": [{"type": "string"}]}, [("#", "oneOf", "rewritten")]),
    ("all-of", {"allOf": [{"type": "string"}]}, [("#", "allOf", "rewritten")]),
    ("beside-a-union", {"anyOf": [{"type": "string"}], "maxLength": 3}, [("#", "maxLength", "lost")]),
    ("a-constant-text", {"const": "a"}, [("#", "const", "rewritten")]),
    ("a-constant-number", {"const": 7}, [("#", "const", "in words")]),
    ("texts", {"enum": ["a", "b"]}, []),
    ("numbers", {"type": "integer", "enum": [1, 2]}, [("#", "enum", "in words")]),
    ("texts-or-null", {"enum": ["a", None]}, [("#", "enum", "rewritten")]),
    ("an-empty-text", {"enum": ["a", ""]}, [("#", "enum", "in words")]),
    ("anything", {}, [("#", "type", "lost")]),
    ("a-list-of-anything", {"type": "array"}, [("#", "items", "lost")]),
    (
        "places",
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        [("#", "prefixItems", "lost")],
    ),
    ("closed", {"type": "object", "additionalProperties": False}, [("#", "additionalProperties", "lost")]),
    (
        "a-map",
        {"type": "object", "additionalProperties": {"type": "integer"}},
        [("#", "additionalProperties", "in words")],
    ),
    ("above-a-whole-number", {"type": "integer", "exclusiveMinimum": 3}, [("#", "exclusiveMinimum", "rewritten")]),
    ("above-a-number", {"type": "number", "exclusiveMinimum": 3}, [("#", "exclusiveMinimum", "in words")]),
    ("a-format", {"type": "string", "format": "date"}, [("#", "format", "in words")]),
    ("a-format-that-is-known", {"type": "string", "format": "date-time"}, []),
    ("a-step", {"type": "integer", "multipleOf": 5}, [("#", "multipleOf", "lost")]),
    ("a-key-of-no-standard", {"type": "string", "x-order": 3}, [("#", "x-order", "lost")]),
    ("a-bound-of-another-type", {"type": "string", "minimum": 3}, [("#", "minimum", "lost")]),
    (
        "a-definition",
        {"type": "object", "properties": {"a/b": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
        [("#/properties/a~1b", "$ref", "rewritten")],
    ),
    (
        "a-tree",
        {"$ref": "#/$defs/T", "$defs": {"T": {"type": "array", "items": {"$ref": "#/$defs/T"}}}},
        [("#", "$ref", "lost"), ("#/$defs/T/items", "$ref", "lost")],
    ),
    ("a-definition-that-is-missing", {"$ref": "#/$defs/Gone"}, [("#", "$ref", "lost")]),
]


@pytest.mark.parametrize(("schema", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_keyword_that_does_not_pass_is_told_with_its_fate(
    schema: Json, expected: list[tuple[str, str, str]]
) -> None:
    assert [(loss.path, loss.keyword, loss.fate) for loss in losses_of(schema)] == expected


def keywords_in(node: object) -> set[str]:
    """Every key of a schema in the older dialect, names of properties left out."""
    if isinstance(node, list):
        return set().union(*map(keywords_in, node))
    if not isinstance(node, dict):
        return set()
    inner = [
        keywords_in(list(value.values()) if key == "properties" else value)
        for key, value in node.items()
        if key != "enum"
    ]
    return set(node).union(*inner)


@pytest.mark.parametrize(
    "schema", [case[1] for case in CASES if not case[2]], ids=[case[0] for case in CASES if not case[2]]
)
def test_where_nothing_is_told_every_keyword_is_still_there(schema: Json) -> None:
    assert keywords_in(schema) <= keywords_in(to_openapi(schema))


@pytest.mark.parametrize(
    ("keyword", "schema"),
    [
        pytest.param(keyword, schema, id=f"{name}-{keyword}")
        for name, schema, told in CASES
        for _, keyword, fate in told
        if fate != "rewritten" and keyword not in ("type", "items", "enum")
    ],
)
def test_a_keyword_that_is_told_about_is_gone_from_what_is_sent(keyword: str, schema: Json) -> None:
    assert keyword not in keywords_in(to_openapi(schema))


@pytest.mark.parametrize(
    "schema",
    [pytest.param(schema, id=name) for name, schema, told in CASES if any(fate == "in words" for *_, fate in told)],
)
def test_what_is_told_in_words_stands_in_the_description(schema: Json) -> None:
    assert '"description"' in json.dumps(to_openapi(schema))


@pytest.mark.parametrize(("levels", "is_cut"), [(24, False), (25, True)])
def test_what_is_nested_too_deeply_is_told_where_the_conversion_cuts_it(levels: int, is_cut: bool) -> None:
    schema: Json = {"type": "string", "maxLength": 7}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}

    told = [(loss.path, loss.keyword) for loss in losses_of(schema)]

    assert told == ([("#" + "/items" * 25, "(levels)")] if is_cut else [])
    assert ("maxLength" not in json.dumps(to_openapi(schema))) is is_cut


def test_no_keyword_is_told_twice_at_one_place() -> None:
    beside = {"const": 1, "format": "x", "uniqueItems": True, "additionalProperties": False, "type": "object"}

    told = [(loss.path, loss.keyword) for loss in losses_of({"anyOf": [{}], **beside})]

    assert {keyword for path, keyword in told if path == "#"} == set(beside)
    assert len(told) == len(set(told))
