"""Any Python value becomes plain JSON, or is refused with the path to what JSON cannot hold."""

import asyncio
import dataclasses
import enum
import io
import json
import math
from collections import OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr, field_serializer
from pydantic import dataclasses as pydantic_dataclasses

from agentkit._jsonable import NotJsonable, to_jsonable


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Town(BaseModel):
    name: str
    founded: date = date(1048, 1, 1)


class Aliased(BaseModel):
    town_name: str = Field(alias="townName")


class Shouting(BaseModel):
    word: str

    @field_serializer("word")
    def loud(self, word: str) -> str:
        return word.upper()


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    payload: Any


class Broken(BaseModel):
    word: str

    @field_serializer("word")
    def fail(self, word: str) -> str:
        raise KeyError(word)


@dataclasses.dataclass
class Point:
    x: int
    tags: set[str] = dataclasses.field(default_factory=set)


@pydantic_dataclasses.dataclass
class Checked:
    at: datetime


class Row(NamedTuple):
    id: int
    name: str


OldRow = namedtuple("OldRow", "id name")


class Array:
    """Behaves like a NumPy array or scalar, as far as is asked."""

    def __init__(self, values: object) -> None:
        self.values = values

    def tolist(self) -> object:
        return self.values


class Frame:
    columns = ("a",)

    def to_dict(self, orient: str) -> list[dict[str, object]]:
        return [{"a": math.nan}] if orient == "records" else []


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not me"


CASES = [
    pytest.param(None, None, id="None"),
    pytest.param(True, True, id="bool"),
    pytest.param(2**60, 2**60, id="large integers stay integers"),
    pytest.param(-0.5, -0.5, id="float"),
    pytest.param(math.nan, None, id="NaN is null"),
    pytest.param(-math.inf, None, id="infinity is null"),
    pytest.param("a\ud800b", "a\ufffdb", id="lone surrogates are replaced"),
    pytest.param("\x00é😀", "\x00é😀", id="any other text stays"),
    pytest.param(Text("abc"), "abc", id="a subclass of str is its text"),
    pytest.param(b"\xff\xfe", "//4=", id="bytes are base64"),
    pytest.param(bytearray(b"hi"), "aGk=", id="bytearray is base64"),
    pytest.param(memoryview(b"hixx")[::2], "aHg=", id="memoryview is base64"),
    pytest.param(Colour.RED, "red", id="enum member is its value"),
    pytest.param(Colour.PAIR, [1, 2], id="enum member of a tuple"),
    pytest.param(Level.LOW, 1, id="IntEnum member is a number"),
    pytest.param(datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00", id="datetime"),
    pytest.param(date(2026, 1, 2), "2026-01-02", id="date"),
    pytest.param(time(3, 4), "03:04:00", id="time"),
    pytest.param(timedelta(hours=1, seconds=5), "PT1H5S", id="timedelta is an ISO duration"),
    pytest.param(Decimal("0.10"), 0.1, id="decimal as number when it reads the same"),
    pytest.param(Decimal("3"), 3, id="whole decimal is an integer"),
    pytest.param(Decimal("0.1234567890123456789"), "0.1234567890123456789", id="decimal as text when digits would go"),
    pytest.param(Decimal("1E+999999"), "1E+999999", id="huge decimal is text"),
    pytest.param(Decimal("sNaN"), None, id="decimal NaN is null"),
    pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="UUID"),
    pytest.param(PurePosixPath("a/b"), "a/b", id="path"),
    pytest.param(ip_address("::1"), "::1", id="IP address"),
    pytest.param(SecretStr("key"), "**********", id="a secret stays one"),
    pytest.param(ValueError("no town"), "ValueError: no town", id="exception is text"),
    pytest.param(KeyError(), "KeyError", id="exception without a text"),
    pytest.param((1, (2,)), [1, [2]], id="tuples are arrays"),
    pytest.param({3, 1, 2}, [1, 2, 3], id="sets are sorted"),
    pytest.param(frozenset({"b", 1}), ["b", 1], id="sets of mixed types have an order too"),
    pytest.param(deque([1]), [1], id="deque"),
    pytest.param(range(3), [0, 1, 2], id="range"),
    pytest.param({"a": 1}.keys(), ["a"], id="keys of a dict"),
    pytest.param({"a": 1}.items(), [["a", 1]], id="items of a dict"),
    pytest.param(OrderedDict(b=1, a=2), {"b": 1, "a": 2}, id="mappings keep their order"),
    pytest.param(MappingProxyType({"a": 1}), {"a": 1}, id="read-only mapping"),
    pytest.param(
        {1: "a", None: "b", False: "c", 0.5: "d"},
        {"1": "a", "null": "b", "false": "c", "0.5": "d"},
        id="keys become text",
    ),
    pytest.param(
        {(1, 2): "a", Colour.RED: "b", date(2026, 1, 1): "c"},
        {"[1, 2]": "a", "red": "b", "2026-01-01": "c"},
        id="odd keys",
    ),
    pytest.param(Town(name="Oslo"), {"name": "Oslo", "founded": "1048-01-01"}, id="pydantic model"),
    pytest.param(Aliased(townName="Oslo"), {"townName": "Oslo"}, id="pydantic model by alias"),
    pytest.param(Shouting(word="hi"), {"word": "HI"}, id="pydantic model with its own serializer"),
    pytest.param(RootModel[list[int]]([1]), [1], id="pydantic root model"),
    pytest.param(
        Holder(payload=b"\xff", more=math.nan), {"payload": "/w==", "more": None}, id="a model that cannot write itself"
    ),
    pytest.param(Point(1, {"b", "a"}), {"x": 1, "tags": ["a", "b"]}, id="dataclass"),
    pytest.param(Checked(datetime(2026, 1, 1)), {"at": "2026-01-01T00:00:00"}, id="pydantic dataclass"),
    pytest.param(Row(1, "a"), {"id": 1, "name": "a"}, id="NamedTuple is an object"),
    pytest.param(OldRow(1, "a"), {"id": 1, "name": "a"}, id="namedtuple is an object"),
    pytest.param(Array([1.5, math.inf]), [1.5, None], id="NumPy array"),
    pytest.param(Array(3), 3, id="NumPy scalar"),
    pytest.param(Frame(), [{"a": None}], id="pandas frame is a list of rows"),
]


@pytest.mark.rows(79, 80, 81, 83)
@pytest.mark.parametrize(("value", "expected"), CASES)
def test_what_becomes_what(value: object, expected: object) -> None:
    converted = to_jsonable(value)

    assert json.dumps(converted, allow_nan=False) == json.dumps(expected)


async def _coroutine() -> None: ...


def _cycle() -> list[object]:
    items: list[object] = []
    items.append({"again": items})
    return items


class Rude:
    def tolist(self) -> object:
        raise RuntimeError("no")


@pytest.mark.rows(79)
@pytest.mark.parametrize(
    ("value", "where", "found"),
    [
        pytest.param(
            {"items": [1, 2, 3, {"handle": io.BytesIO()}]}, "result.items[3].handle", "of type BytesIO", id="file"
        ),
        pytest.param({"a b": object()}, "result['a b']", "of type object", id="key that is no identifier"),
        pytest.param((i for i in ()), "result", "of type generator", id="generator"),
        pytest.param(iter([1]), "result", "of type list_iterator", id="iterator"),
        pytest.param([len], "result[0]", "of type builtin_function_or_method", id="function"),
        pytest.param({"kind": int}, "result.kind", "the class 'int'", id="class"),
        pytest.param(_cycle(), "result[0].again", "of type list and contains itself", id="cycle"),
        pytest.param({1: "a", "1": "b"}, "result", "a mapping with two keys that become '1'", id="keys that collide"),
        pytest.param({object(): 1}, "result[key of type object]", "of type object", id="key without a text"),
        pytest.param(10**5000, "result", "an integer of 16,610 bits", id="integer that cannot be written"),
        pytest.param(Rude(), "result", "a value that raised RuntimeError when read", id="a value that raises"),
        pytest.param(Holder(payload=[object()]), "result.payload[0]", "of type object", id="inside a model"),
        pytest.param(1j, "result", "of type complex", id="complex number"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value: object, where: str, found: str) -> None:
    with pytest.raises(NotJsonable) as raised:
        to_jsonable(value)

    assert (raised.value.where, raised.value.found) == (where, found)
    assert str(raised.value).startswith(f"{where} is {found}, which JSON cannot hold. ")


def test_an_unawaited_coroutine_is_named_as_such() -> None:
    coroutine = _coroutine()

    with pytest.raises(NotJsonable, match="was not awaited"):
        to_jsonable([coroutine])
    asyncio.run(coroutine)


def test_an_iterator_is_not_consumed() -> None:
    numbers = iter([1, 2])

    with pytest.raises(NotJsonable):
        to_jsonable(numbers)

    assert list(numbers) == [1, 2]


def test_a_serializer_that_fails_does_not_hide_the_data() -> None:
    assert to_jsonable(Broken(word="hi")) == {"word": "hi"}


def test_the_result_shares_nothing_with_the_value() -> None:
    value = {"a": [1, {"b": [2]}]}

    converted = to_jsonable(value)
    value["a"].append(3)
    value["a"][1]["b"].append(4)  # type: ignore[index]

    assert converted == {"a": [1, {"b": [2]}]}


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = [1]

    assert to_jsonable([shared, shared]) == [[1], [1]]


@pytest.mark.parametrize(("levels", "fits"), [(100, True), (101, False)])
def test_the_depth_is_limited(levels: int, fits: bool) -> None:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]

    if fits:
        assert json.dumps(to_jsonable(value)) == "[" * levels + "]" * levels
    else:
        with pytest.raises(NotJsonable, match="nested deeper than 100 levels"):
            to_jsonable(value)


def test_a_depth_beyond_the_interpreter_is_refused_too() -> None:
    value: list[Any] = []
    for _ in range(50_000):
        value = [value]

    with pytest.raises(NotJsonable, match="nested too deeply"):
        to_jsonable(value, max_depth=100_000)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from(Colour)
    | st.complex_numbers()
    | st.fractions()
    | st.builds(object)
    | st.builds(ValueError, st.text())
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.booleans() | st.none() | st.dates(), inner, max_size=4)
        | st.builds(Holder, payload=inner)
        | st.builds(Array, inner)
        | st.sets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.rows(79, 80, 81)
@given(VALUES)
def test_what_comes_back_can_always_be_written_as_strict_json(value: object) -> None:
    try:
        converted = to_jsonable(value)
    except NotJsonable:
        return

    json.dumps(converted, allow_nan=False).encode()
    json.dumps(converted, allow_nan=False, ensure_ascii=False).encode()
