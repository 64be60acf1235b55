"""A JSON document in pieces: what is shown of it stays, and is the document in the end."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentkit._partial_json import PartialJson

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
)


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, str]:
    """A value and one way to write it."""
    value = draw(documents)
    indent, ascii_only = draw(st.sampled_from([None, 2])), draw(st.booleans())
    return value, json.dumps(value, indent=indent, ensure_ascii=ascii_only)


def begins(early: object, late: object) -> bool:
    """Whether `late` may grow out of `early` without taking anything back."""
    if isinstance(early, str) and isinstance(late, str):
        return late.startswith(early)
    if isinstance(early, list) and isinstance(late, list):
        return len(early) <= len(late) and members_begin(early, late)
    if isinstance(early, dict) and isinstance(late, dict):
        same_keys = list(late)[: len(early)] == list(early)
        return same_keys and members_begin(list(early.values()), list(late.values()))
    return type(early) is type(late) and early == late


def members_begin(early: list[Any], late: list[Any]) -> bool:
    """Only the last of the early members may still grow."""
    last = max(0, len(early) - 1)
    return early[:last] == late[:last] and all(map(begins, early[last:], late[last:]))


def shown_by(pieces: list[str]) -> list[Any]:
    """Everything that is shown while the pieces come in, and at the end."""
    document = PartialJson()
    shown = [document.snapshot() for piece in pieces if document.add(piece)]
    return [*shown, document.snapshot()] if document.finish() else shown


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(ends)]


@given(written(), st.lists(st.integers(min_value=0), max_size=12))
def test_however_a_document_is_cut_each_value_grows_out_of_the_one_before(
    document: tuple[Any, str], places: list[int]
) -> None:
    value, text = document

    shown = shown_by(cut(text, places))

    assert all(map(begins, shown, [*shown[1:], value]))
    assert shown[-1] == value


@given(written(), st.integers(min_value=0))
def test_a_document_that_ends_early_shows_the_beginning_of_it(document: tuple[Any, str], place: int) -> None:
    value, text = document

    shown = shown_by(list(text[: place % (len(text) + 1)]))

    # A number that is cut reads like a shorter one; only the end of the stream tells that it is the whole document.
    assert isinstance(value, int | float) or all(begins(one, value) for one in shown)


@given(written())
def test_no_two_values_in_a_row_are_the_same(document: tuple[Any, str]) -> None:
    shown = [json.dumps(value) for value in shown_by(list(document[1]))]

    assert all(early != late for early, late in itertools.pairwise(shown))


@given(st.text(alphabet='{}[]",:\\u0dD8eE+-.1tfn `\n', max_size=40) | st.text(max_size=40), st.integers(1, 9))
@example("[" * 5000, 1)
@example("9" * 5000, 3)
@example('"\\ud800', 1)
@example("1e999", 1)
@example("[1e999]", 1)
@example('{"a": NaN}', 1)
@example("```python\n{}", 1)
def test_whatever_comes_in_nothing_is_raised_and_what_is_shown_can_be_printed(text: str, size: int) -> None:
    shown = shown_by([text[at : at + size] for at in range(0, len(text), size)])

    assert all(json.dumps(value, allow_nan=False).encode() for value in shown)


SHOWN = [
    pytest.param('{"title": "Os', [{"title": "Os"}], id="an-open-text"),
    pytest.param('{"title": "Oslo", "da', [{"title": "Oslo"}], id="an-open-key"),
    pytest.param('{"days": 12', [{}], id="a-number-that-may-go-on"),
    pytest.param('{"days": 12,', [{"days": 12}], id="a-number-that-is-whole"),
    pytest.param('{"sure": tru', [{}], id="a-word-that-is-not-whole"),
    pytest.param('[{"a": []}, {"b": [1, 2', [[{"a": []}, {"b": [1]}]], id="nested"),
    pytest.param('"caf\\u00', ["caf"], id="an-escape-that-is-not-whole"),
    pytest.param('"\\ud83d', [""], id="half-a-character"),
    pytest.param('"\\ud83d\\ude00', ["\N{GRINNING FACE}"], id="both-halves"),
    pytest.param('"\\ud83d!', ["\ufffd!"], id="a-half-without-the-other"),
    pytest.param("12", [12], id="a-number-alone"),
    pytest.param("true", [True], id="a-word-alone"),
    pytest.param(" null\n", [None], id="null-alone"),
    pytest.param("12 towns", [], id="text-that-begins-with-a-number"),
    pytest.param("I will look.", [], id="text"),
    pytest.param('```json\n{"a": 1}\n```', [{"a": 1}], id="fenced"),
    pytest.param('```\n{"a": 1}\n```', [{"a": 1}], id="fenced-without-a-name"),
    pytest.param('{"a": 1} Enjoy!', [{"a": 1}], id="text-behind-it"),
    pytest.param('{"a": 1, oops', [{"a": 1}], id="broken"),
    pytest.param("", [], id="nothing"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_is_known_so_far_is_shown(text: str, shown: list[Any]) -> None:
    assert shown_by([text]) == shown


def test_values_that_were_shown_do_not_change() -> None:
    document = PartialJson()
    shown, then = [], []
    for character in '{"days": [{"town": "Oslo"}, {"town": "Rome"}]}':
        if document.add(character):
            shown.append(document.snapshot())
            then.append(json.dumps(shown[-1]))

    assert [json.dumps(value) for value in shown] == then


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(list(range(20_000))), id="a-long-list"),
        pytest.param(json.dumps({str(number): None for number in range(10_000)}), id="a-wide-object"),
        pytest.param(json.dumps("word " * 40_000), id="a-long-text"),
        pytest.param(json.dumps([{"name": "Oslo", "days": 2}] * 4_000), id="a-list-of-objects"),
    ],
)
def test_what_is_copied_grows_with_the_document_and_not_with_its_square(text: str) -> None:
    shown = shown_by(list(text))

    copied = sum(len(value) // 32 if isinstance(value, str) else len(value) for value in shown)
    assert copied <= 17 * len(text)
    assert shown[-1] == json.loads(text)
