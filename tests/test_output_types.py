"""Types of answers: what each is asked for as and read from, in every mode, dialect and profile; what is refused."""

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import sys
import typing
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Required, TypeVar

import pydantic
import pytest
from typing_extensions import TypeAliasType, TypedDict

from agentkit import Agent, ConfigurationError, GeminiClient
from agentkit.testing import Emulator, call_args, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"

T = TypeVar("T")


class Plan(pydantic.BaseModel):
    title: str
    days: int = pydantic.Field(gt=0)


class Tree(pydantic.BaseModel):
    name: str
    children: list["Tree"] = []


class Box(pydantic.BaseModel, Generic[T]):
    inside: T


class Names(pydantic.RootModel[list[str]]):
    pass


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    barks: bool


@dataclasses.dataclass
class Town:
    name: str


@dataclasses.dataclass
class Country:
    towns: list[Town]
    capital: Town | None = None


class Movie(TypedDict):
    title: str
    year: int


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


UserId = NewType("UserId", int)
Pairs = TypeAliasType("Pairs", dict[str, list[int]])
Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
DAY = datetime.date(2026, 11, 23)
ID = uuid.UUID(int=7)

# The type, the JSON that the model writes, the answer.
OUTPUTS = [
    pytest.param(Plan, {"title": "Oslo", "days": 2}, Plan(title="Oslo", days=2), id="model"),
    pytest.param(
        Tree,
        {"name": "a", "children": [{"name": "b", "children": []}]},
        Tree(name="a", children=[Tree(name="b")]),
        id="recursive-model",
    ),
    pytest.param(Box[int], {"inside": 7}, Box[int](inside=7), id="generic-model"),
    pytest.param(Names, ["Ada"], Names(["Ada"]), id="root-model"),
    pytest.param(Town, {"name": "Oslo"}, Town("Oslo"), id="dataclass"),
    pytest.param(Country, {"towns": [{"name": "Oslo"}]}, Country([Town("Oslo")]), id="nested-dataclass"),
    pytest.param(Movie, {"title": "Up", "year": 2009}, {"title": "Up", "year": 2009}, id="typed-dict"),
    pytest.param(Point, [1, 2], Point(1, 2), id="named-tuple"),
    pytest.param(dict[str, int], {"a": 1}, {"a": 1}, id="dict"),
    pytest.param(dict, {"a": [1, None]}, {"a": [1, None]}, id="bare-dict"),
    pytest.param(Any, {"a": [1, None]}, {"a": [1, None]}, id="anything"),
    pytest.param(list[int], [1, 2], [1, 2], id="list"),
    pytest.param(list, [1, "a"], [1, "a"], id="bare-list"),
    pytest.param(list[Town], [{"name": "Oslo"}], [Town("Oslo")], id="list-of-objects"),
    pytest.param(tuple[int, str], [1, "a"], (1, "a"), id="tuple"),
    pytest.param(set[int], [1, 2], {1, 2}, id="set"),
    pytest.param(collections.deque[int], [1, 2], collections.deque([1, 2]), id="deque"),
    pytest.param(int, 7, 7, id="int"),
    pytest.param(bool, True, True, id="bool"),
    pytest.param(float, 1.5, 1.5, id="float"),
    pytest.param(Annotated[int, pydantic.Field(ge=1, le=9)], 7, 7, id="bounded-int"),
    pytest.param(UserId, 7, 7, id="new-type"),
    pytest.param(Pairs, {"a": [1]}, {"a": [1]}, id="alias"),
    pytest.param(decimal.Decimal, "1.10", decimal.Decimal("1.10"), id="decimal"),
    pytest.param(datetime.date, "2026-11-23", DAY, id="date"),
    pytest.param(uuid.UUID, str(ID), ID, id="uuid"),
    pytest.param(bytes, "aGk=", b"hi", id="bytes"),
    pytest.param(Path, "a/b", Path("a/b"), id="path"),
    pytest.param(Colour, "red", Colour.RED, id="enum"),
    pytest.param(Level, 2, Level.HIGH, id="int-enum"),
    pytest.param(Literal["yes", "no"], "yes", "yes", id="literal"),
    pytest.param(Literal["yes", 1, None], 1, 1, id="mixed-literal"),
    pytest.param(list[Literal["a", "b"]], ["b"], ["b"], id="list-of-literals"),
    pytest.param(Plan | Town, {"name": "Oslo"}, Town("Oslo"), id="union"),
    pytest.param(Pet, {"kind": "dog", "barks": True}, Dog(kind="dog", barks=True), id="tagged-union"),
    pytest.param(int | str, "seven", "seven", id="union-of-primitives"),
    pytest.param(int | None, None, None, id="optional"),
]
OBJECTS = (Plan, Tree, Box[int], Town, Country, Movie, dict[str, int], dict, Pairs)


def tool(word: str = "") -> str:
    return word


async def ask(emulator: Emulator, agent: Agent[Any, Any], **settings: Any) -> Any:
    """Run the agent against the strict emulator; nothing it asks may break a rule."""
    client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=emulator.profile, **settings)
    result = await agent.run("Go.", client=client)
    assert not [finding for finding in emulator.findings if finding.severity == "error"]
    return result


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
@pytest.mark.parametrize(("output", "said", "answer"), OUTPUTS)
class TestEveryType:
    @pytest.fixture
    def anyio_backend(self) -> str:
        """One is enough: how a type is read does not depend on it."""
        return "asyncio"

    async def test_is_asked_for_as_json_beside_tools_on_newer_models(
        self, profile: Profile, output: Any, said: object, answer: object
    ) -> None:
        with serve(Emulator(profile=profile)) as emulator:
            emulator.reply(text(json.dumps(said)))

            result = await ask(emulator, Agent(NEW, output=output, tools=[tool]))

            assert (result.output, type(result.output)) == (answer, type(answer))
            assert result.output_mode == "native"
            config = emulator.requests[0]["generationConfig"]
            assert config["responseMimeType"] == "application/json"
            assert ("responseJsonSchema" in config) == (output is not Any)
            assert len(emulator.requests[0]["tools"][0]["functionDeclarations"]) == 1

    async def test_is_asked_for_in_the_older_dialect(
        self, profile: Profile, output: Any, said: object, answer: object
    ) -> None:
        with serve(Emulator(profile=profile)) as emulator:
            emulator.reply(text(json.dumps(said)))

            result = await ask(
                emulator, Agent(NEW, output=output, tools=[tool], output_mode="native"), schema_dialect="openapi"
            )

            assert (result.output, result.output_mode) == (answer, "native")
            assert "responseJsonSchema" not in emulator.requests[0]["generationConfig"]

    @pytest.mark.parametrize("dialect", ["json_schema", "openapi"])
    async def test_is_asked_for_by_a_function_beside_tools_on_older_models(
        self, profile: Profile, output: Any, said: Any, answer: object, dialect: str
    ) -> None:
        with serve(Emulator(profile=profile)) as emulator:
            emulator.reply(call_args("final_answer", said if output in OBJECTS else {"value": said}))

            result = await ask(emulator, Agent(OLD, output=output, tools=[tool]), schema_dialect=dialect)

            assert (result.output, type(result.output)) == (answer, type(answer))
            assert result.output_mode == "function"
            body = emulator.requests[0]
            assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY"}
            declared = body["tools"][0]["functionDeclarations"][-1]
            schema = declared["parametersJsonSchema" if dialect == "json_schema" else "parameters"]
            assert (declared["name"], schema["type"].lower()) == ("final_answer", "object")
            assert "responseMimeType" not in body.get("generationConfig", {})


class Opaque:
    pass


class Holder(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    name: str
    secret_thing: Opaque


@dataclasses.dataclass
class Job:
    name: str
    run: Callable[[int], int]


class Stream(pydantic.BaseModel):
    items: Iterable[int]


class Choice(TypedDict):
    label: NotRequired[str]
    of: Required[type[Plan]]


class OldChoice(typing.TypedDict):
    label: NotRequired[str]


async def produce() -> AsyncIterator[int]:
    yield 1


def plan(days: int) -> Plan:
    return Plan(title="Oslo", days=days)


NO_TYPES = [
    pytest.param(Opaque, "output=Opaque: The type Opaque cannot be described as JSON", id="opaque-class"),
    pytest.param(Holder, "output=Holder, field 'secret_thing': The type Opaque cannot", id="non-json-field"),
    pytest.param(list[Holder], "field 'secret_thing' of Holder: The type Opaque", id="non-json-field-in-a-list"),
    pytest.param(Plan | Job, "field 'run' of Job: The type", id="callable-field-in-a-union"),
    pytest.param(Job, "output=Job, field 'run': The type .* cannot be described as JSON", id="callable-field"),
    pytest.param(Stream, "output=Stream, field 'items': .* cannot be read .* write list", id="generator-field"),
    pytest.param(Choice, "output=Choice, field 'of': .* a class cannot be written as JSON", id="class-field"),
    pytest.param(
        OldChoice,
        "output=OldChoice: .* Import TypedDict from typing_extensions",
        id="typed-dict",
        marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="works there"),
    ),
    pytest.param(Callable[[int], int], "cannot be described as JSON", id="callable"),
    pytest.param(Iterable[int], r"Iterable\[int\] cannot be read from JSON: .* write list", id="iterable"),
    pytest.param(Generator[int, None, None], "cannot be read from JSON: .* write list", id="generator"),
    pytest.param(AsyncIterator[int], "cannot be described as JSON", id="async-iterator"),
    pytest.param(Awaitable[int], "cannot be described as JSON", id="awaitable"),
    pytest.param(type[Plan], "a class cannot be written as JSON; name the choices", id="class-of-classes"),
    pytest.param(typing.NoReturn, "cannot be described as JSON", id="never"),
    pytest.param(plan, "output=plan is a function. .* output_check=plan", id="function"),
    pytest.param(lambda: 7, "is a function", id="lambda"),
    pytest.param(produce, "output=produce is a function", id="generator-function"),
    pytest.param(functools.partial(plan, 2), "is a function", id="partial"),
    pytest.param(len, "output=len is a function", id="built-in-function"),
    pytest.param((n for n in [1]), "cannot be described as JSON", id="generator-object"),
    pytest.param(None, "output=None is no type. Leave it out", id="none"),
    pytest.param("Plan", "output='Plan' is a text. Give the type itself", id="name-in-quotes"),
    pytest.param("", "output='' is a text", id="empty-text"),
    pytest.param([Plan], r"Write output=list\[Plan\]", id="list-of-a-type"),
    pytest.param((int, str), r"Write output=tuple\[int, str\]", id="tuple-of-types"),
    pytest.param({"days": int}, "output=.* is a dict. Give a type", id="dict-of-types"),
    pytest.param(Plan(title="Oslo", days=2), "is a value. Give its type: output=Plan", id="model-instance"),
    pytest.param(Town("Oslo"), "is a value. Give its type: output=Town", id="dataclass-instance"),
    pytest.param(Colour.RED, "is a value. Give its type: output=Colour", id="enum-member"),
    pytest.param(7, "output=7 is a value. Give its type: output=int", id="number"),
    pytest.param(json, "cannot be described", id="module"),
    pytest.param(Literal[()], "cannot be described", id="empty-literal"),
    pytest.param(enum.Enum("Nothing", []), "output=Nothing is an Enum without members", id="empty-enum"),
]


@pytest.mark.parametrize(("output", "said"), NO_TYPES)
def test_what_cannot_be_an_answer_is_refused_at_construction(output: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Agent(NEW, output=output)
