"""What a model sends is read as it was meant, or refused with a sentence that it can act on."""

import enum
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit.schema import ArgumentsInvalid, Signature, read_signature


class Level(enum.IntEnum):
    LOW = 1


class Item(BaseModel):
    name: str
    count: int = Field(default=1, alias="howMany")
    parts: list["Item"] = []


class Nothing:
    """No parameter has this type."""


def signature_of(tp: object, default: bool = False) -> Signature:
    def required(x: object) -> None: ...
    def optional(x: object = 1) -> None: ...

    tool = optional if default else required
    tool.__annotations__["x"] = tp
    return read_signature(tool, context_type=Nothing)


def read(tp: object, sent: object) -> Any:
    return signature_of(tp).bind({"x": sent}, None)[1]["x"]


def order(city: str, days: Annotated[int, Field(ge=1)], units: Literal["C", "F"] = "C") -> None: ...


ORDER = read_signature(order, context_type=Nothing)
GOOD = {"city": "Oslo", "days": 1}


@pytest.mark.parametrize(
    ("tp", "sent", "arrives"),
    [
        pytest.param(int, 5.0, 5, id="5.0 as 5"),
        pytest.param(int, -0.0, 0, id="-0.0 as 0"),
        pytest.param(int, 2**63, 2**63, id="an integer beyond 64 bits"),
        pytest.param(float, 5, 5.0, id="5 as 5.0"),
        pytest.param(int, "5", 5, id="digits as a number"),
        pytest.param(float, "5.5", 5.5, id="text as a float"),
        pytest.param(Decimal, "0.10", Decimal("0.10"), id="text as a decimal"),
        pytest.param(bool, "true", True, id="text as a bool"),
        pytest.param(Level, 1.0, Level.LOW, id="1.0 as an enum member"),
        pytest.param(dict[str, int], '{"a": 1}', {"a": 1}, id="object sent as text"),
        pytest.param(list[int], "[1, 2]", [1, 2], id="array sent as text"),
        pytest.param(set[int], "[1, 1]", {1}, id="set sent as text"),
        pytest.param(Iterable[int], [1.0, 2], [1, 2], id="any iterable as a list"),
        pytest.param(Annotated[Iterable[int] | None, Field(description="Some.")], [1], [1], id="optional iterable"),
        pytest.param(Item, '{"name": "a"}', Item(name="a"), id="model sent as text"),
        pytest.param(Item | None, '{"name": "a"}', Item(name="a"), id="optional model sent as text"),
        pytest.param(Item | list[int], "[1]", [1], id="member of a union sent as text"),
        pytest.param(list[Item], ['{"name": "a"}'], [Item(name="a")], id="model inside a list sent as text"),
        pytest.param(
            Item,
            {"name": "a", "parts": '[{"name": "b", "parts": "[]"}]'},
            Item(name="a", parts=[Item(name="b")]),
            id="text inside text",
        ),
        pytest.param(str, '{"a": 1}', '{"a": 1}', id="text stays text where text is expected"),
        pytest.param(Any, '{"a": 1}', '{"a": 1}', id="text stays text where anything is expected"),
        pytest.param(Any, True, True, id="a bool stays a bool where anything is expected"),
        pytest.param(bool | int, True, True, id="a bool stays a bool where both are expected"),
        pytest.param(str, "a\ud800", "a\ufffd", id="lone surrogates are replaced"),
        pytest.param(str, "\x00\u202e", "\x00\u202e", id="control characters stay"),
    ],
)
def test_what_is_plainly_meant_is_accepted(tp: object, sent: object, arrives: object) -> None:
    found = read(tp, sent)

    assert found == arrives
    assert type(found) is type(arrives)


@pytest.mark.rows(45, 48)
@pytest.mark.parametrize(
    ("tp", "sent", "said"),
    [
        pytest.param(int, True, "'x': expected a number, got true.", id="bool for an int"),
        pytest.param(float, False, "'x': expected a number, got false.", id="bool for a float"),
        pytest.param(list[int], [1, True], "'x[1]': expected a number, got true.", id="bool in a list"),
        pytest.param(set[int], [1, True], "'x[1]': expected a number, got true.", id="bool in a set"),
        pytest.param(tuple[int, bool], [True, True], "'x[0]': expected a number, got true.", id="bool in a tuple"),
        pytest.param(dict[int, int], {"7": True}, "'x.7': expected a number, got true.", id="bool in a dict"),
        pytest.param(Level, True, "'x': expected a number, got true.", id="bool for an IntEnum"),
        pytest.param(Literal[1, 2], True, "'x': expected a number, got true.", id="bool for a literal number"),
        pytest.param(
            Item,
            {"name": "a", "parts": [{"name": "b", "howMany": True}]},
            "'x.parts[0].howMany': expected a number, got true.",
            id="bool in a model, by alias",
        ),
        pytest.param(int, 5.5, "'x': expected a valid integer, got 5.5.", id="fraction for an int"),
        pytest.param(int, "five", """'x': expected a valid integer, got "five".""", id="word for an int"),
        pytest.param(str, 5, "'x': expected a valid string, got 5.", id="number for a text"),
        pytest.param(str, None, "'x': expected a valid string, got null.", id="null for a text"),
        pytest.param(float, math.inf, "'x': expected JSON with finite numbers, got Infinity.", id="infinity"),
        pytest.param(Any, [math.nan], "'x': expected JSON with finite numbers, got [NaN].", id="NaN deep inside"),
        pytest.param(float, "inf", """'x': expected a finite number, got "inf".""", id="infinity as text"),
        pytest.param(float, 10**400, "'x': expected a finite number, got 1000", id="integer beyond all floats"),
        pytest.param(dict[str, int], "{", "'x': expected an object, got \"{\".", id="text that is no JSON"),
        pytest.param(list[int], "5", "'x': expected a valid array, got \"5\".", id="text of the wrong JSON"),
        pytest.param(Iterable[int], ["a"], """'x[0]': expected a valid integer, got "a".""", id="word in an iterable"),
        pytest.param(list[float], "[NaN]", "'x': expected a valid array, got \"[NaN]\".", id="text with NaN"),
        pytest.param(
            Item | list[int],
            "x",
            "'x': expected an object, or expected a valid array, got \"x\".",
            id="no union member",
        ),
        pytest.param(
            list[Item], [{"name": "a"}, {}], "'x[1].name': is required, but was left out.", id="missing deep inside"
        ),
        pytest.param(
            str, ["a" * 500], "'x': expected a valid string, got [\"" + "a" * 75 + "....", id="long values are cut"
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_field_expectation_and_value(tp: object, sent: object, said: str) -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        read(tp, sent)

    assert str(raised.value).startswith(said)


@pytest.mark.rows(45, 46, 47, 49)
@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param({}, "'city': is required, but was left out. 'days': is required, but was left out.", id="nothing"),
        pytest.param(None, "'city': is required, but was left out. 'days'", id="null"),
        pytest.param({**GOOD, "unit": "K"}, "'unit': is not known here; known are: city, days, units.", id="extra"),
        pytest.param({**GOOD, "units": "K"}, "'units': expected 'C' or 'F', got \"K\".", id="not in the list"),
        pytest.param({**GOOD, "days": 0}, "'days': expected greater than or equal to 1, got 0.", id="out of range"),
        pytest.param([], "The arguments must be a JSON object, got [].", id="a list"),
        pytest.param(7, "The arguments must be a JSON object, got 7.", id="a number"),
        pytest.param("Oslo", 'The arguments must be a JSON object, got the text "Oslo".', id="text"),
        pytest.param('["Oslo"]', 'The arguments must be a JSON object, got ["Oslo"].', id="text of a list"),
        pytest.param("[" * 100_000, "The arguments must be a JSON object, got the text", id="text without an end"),
        pytest.param({**GOOD, "city": {1, 2}}, "'city': expected JSON with finite numbers", id="no JSON"),
        pytest.param({**GOOD, "days": 10**5000}, "'days': expected JSON with finite", id="a number of 5,001 digits"),
        pytest.param(
            {**GOOD, "city": "x" * 2**20},
            "The arguments have 1,048,599 bytes; at most 1,048,576",
            id="more than a mebibyte",
        ),
    ],
)
def test_arguments_that_do_not_fit_the_function_are_refused(args: Any, said: str) -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        ORDER.bind(args, None)

    assert str(raised.value).startswith(said)


@pytest.mark.rows(47)
def test_arguments_may_come_as_json_text() -> None:
    assert ORDER.bind('{"city": "Oslo", "days": "2"}', None) == ([], {"city": "Oslo", "days": 2})


def test_at_most_five_problems_are_told() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        read(list[int], ["a"] * 8)

    assert str(raised.value).count("expected a valid integer") == 5
    assert str(raised.value).endswith("And 3 more.")


@pytest.mark.rows(49)
@pytest.mark.parametrize(("levels", "fits"), [(99, True), (100, False), (5000, False)])
def test_the_depth_of_arguments_is_limited(levels: int, fits: bool) -> None:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]

    if fits:
        assert read(Any, value) == value
    else:
        with pytest.raises(ArgumentsInvalid, match="nested deeper than 100 levels"):
            read(Any, value)


def test_a_structure_hidden_in_text_is_limited_too() -> None:
    with pytest.raises(ArgumentsInvalid):
        read(list[Any], "[" * 300 + "]" * 300)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.rows(48)
@given(JSON)
def test_a_number_is_never_made_of_anything_but_a_finite_number_or_its_text(sent: object) -> None:
    try:
        found = read(int, sent)
    except ArgumentsInvalid:
        return

    assert type(found) is int
    assert type(sent) in (int, float, str)
    assert float(sent) == float(found)  # type: ignore[arg-type]


@given(JSON)
def test_any_json_arrives_as_it_was_sent_or_is_refused(sent: object) -> None:
    try:
        found = read(Any, sent)
    except ArgumentsInvalid:
        return

    assert repr(found).encode() == repr(sent).encode("utf-8", "replace") or "\\ud" in repr(sent)


@pytest.mark.rows(47, 48)
@given(st.dictionaries(st.sampled_from(["city", "days", "units", "x"]) | st.text(), JSON, max_size=4) | JSON)
def test_no_arguments_cause_any_other_error(args: Any) -> None:
    try:
        _, named = ORDER.bind(args, None)
    except ArgumentsInvalid:
        return

    assert named["days"] >= 1
