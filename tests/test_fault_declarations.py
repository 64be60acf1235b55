"""What an agent declares, and what it takes for arguments: refused when it is built, or taken by every service.

How types and signatures are read one by one is shown in `test_schema.py` and `test_schema_types.py`.
"""

import dataclasses
import enum
import types
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union, get_args, get_origin
from uuid import UUID

import pytest
import typing_extensions as te
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from agentkit import Agent, ConfigurationError, GeminiClient, Tool, ToolDefinitionError, tool
from agentkit.schema import ArgumentsInvalid
from agentkit.testing import Emulator, check_request, text

MODEL = "gemini-3-flash-preview"
SERVICES: list[Literal["google", "vertex"]] = ["google", "vertex"]
DIALECTS: list[Literal["json_schema", "openapi"]] = ["json_schema", "openapi"]
WIRES = [(service, dialect) for service in SERVICES for dialect in DIALECTS]


# -- 89: what can be wrong with a function -----------------------------------------------------------------------------


def fine(city: str) -> str:
    return city


def untyped(city) -> str:  # type: ignore[no-untyped-def]
    return str(city)


def untyped_stars(*cities) -> str:  # type: ignore[no-untyped-def]
    return str(cities)


def forward(city: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    return str(city)


def undescribable(city: str, found: Callable[[], str]) -> str:
    return city


def url_context(city: str) -> str:
    return city


def straße(city: str) -> str:
    return city


REFUSED = [
    pytest.param([fine, tool(name="fine")(url_context)], "Two tools are called 'fine'", id="two-with-one-name"),
    pytest.param([url_context], "Tool 'url_context': the name belongs to Gemini", id="a-name-of-geminis-own"),
    pytest.param([straße], "Tool 'straße': the name is not allowed", id="a-name-that-is-not-ascii"),
    pytest.param([lambda city: city], "a lambda has no name", id="no-name"),
    pytest.param([untyped], "Tool 'untyped', parameter 'city': it has no type", id="no-type"),
    pytest.param([untyped_stars], "Tool 'untyped_stars', parameter 'cities': it has no type", id="stars-only"),
    pytest.param([forward], "Tool 'forward', parameter 'city': the name 'Nowhere'", id="a-type-that-is-not-there"),
    pytest.param([undescribable], "Tool 'undescribable', parameter 'found': the type", id="a-type-that-is-no-data"),
    pytest.param([42], "not 42", id="no-function"),
    pytest.param("fine", "must be a list", id="a-text-for-a-list"),
]  # fmt: skip


@pytest.mark.rows(89)
@pytest.mark.parametrize(("tools", "sentence"), REFUSED)
def test_what_cannot_be_declared_is_refused_when_the_agent_is_built(tools: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(MODEL, tools=tools)


def undocumented(city: str) -> str:
    return city


def positional(city: str, days: int = 1, /) -> str:
    return city * days


def starred(*cities: str) -> str:
    return "".join(cities)


def double_starred(**days: int) -> str:
    return str(days)


def mutable(cities: list[str] = ["Oslo"]) -> str:  # noqa: B006
    cities.append("Rome")
    return "".join(cities)


def later(cities: "list[Named]") -> str:
    return str(cities)


class Named(BaseModel):
    name: str


TAKEN = [undocumented, positional, starred, double_starred, mutable, later]


@pytest.mark.rows(89)
@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_what_python_allows_and_json_can_say_is_declared(
    emulator: Emulator, client: GeminiClient, function: Callable[..., str]
) -> None:
    emulator.reply(text("Done."))

    assert Agent(MODEL, tools=[function], client=client).run_sync("Go.").output == "Done."
    assert [finding.severity for finding in emulator.asked[0].findings] in ([], ["warning"]), "no docstring"


@pytest.mark.rows(89)
def test_a_default_that_a_call_changes_is_declared_as_it_was(emulator: Emulator, client: GeminiClient) -> None:
    made = tool(mutable)
    before = str(made.declaration)

    mutable()

    assert "['Oslo']" in before
    assert str(tool(name="mutable")(made.function).declaration) != before, "Python keeps such a default, and so do we"
    assert str(made.declaration) == before


@pytest.mark.rows(89)
def test_an_agent_may_have_200_tools(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Done."))
    tools = [tool(name=f"fine_{number}")(fine) for number in range(200)]

    assert Agent(MODEL, tools=tools, client=client).run_sync("Go.").output == "Done."
    assert len(emulator.requests[0]["tools"][0]["functionDeclarations"]) == 200


# -- 90: types ---------------------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


class Ring(BaseModel):
    """A circle over two models, and no way out of it."""

    next: "Link"


class Link(BaseModel):
    ring: Ring


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    owner: Optional["Dog"] = None


class Deep(BaseModel):
    """References to models that refer to models."""

    pets: dict[str, list[Annotated[Cat | Dog, Field(discriminator="kind")]]]
    tree: Tree | None = None
    trees: list[Tree] = []
    more: Optional["Deep"] = None


class Keywords(BaseModel):
    """Fields that are called like the words of a schema."""

    type: str
    properties: dict[str, int]
    required: list[str]
    ref: str = Field(alias="$ref")


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Options(te.TypedDict):
    size: te.Required[int]
    tags: te.NotRequired[list[str]]


class Pair(NamedTuple):
    key: str
    count: int = 1


Json = te.TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | float | bool | None")
Lists = te.TypeAliasType("Lists", "list[Lists]")
Even = te.TypeAliasType("Even", "list[Odd] | None")
Odd = te.TypeAliasType("Odd", "tuple[Even, Cat] | None")

PLAIN: list[Any] = [str, int, float, bool, Colour, Level, date, Literal["a", "b"], Literal[1, "x", None], Decimal, UUID]
STRUCTURED: list[Any] = [
    Closed,
    Open,
    Cat,
    Dog,
    Deep,
    Keywords,
    Tree,
    Ring,
    Point,
    Options,
    Pair,
    Json,
    Lists,
    Even,
    Any,
    bytes,
]
HINTS = st.recursive(
    st.sampled_from(PLAIN + STRUCTURED),
    lambda inner: (
        inner.map(lambda hint: list[hint])  # type: ignore[valid-type]
        | inner.map(lambda hint: dict[str, hint])  # type: ignore[valid-type]
        | inner.map(lambda hint: Optional[hint])  # noqa: UP045
        | st.tuples(inner, inner).map(lambda hints: Union[hints])  # noqa: UP007
        | st.tuples(inner, inner).map(lambda hints: tuple[hints])  # type: ignore[valid-type]
    ),
    max_leaves=4,
)


def taking(hint: Any) -> Tool[..., Any]:
    """A tool that takes one value of this type."""

    def take(value: Any) -> None:
        """Take it."""

    take.__annotations__["value"] = hint
    return tool(take)


def problems(made: Tool[..., Any]) -> list[object]:
    """What the services would find wrong with the declaration, in either dialect."""
    found: list[object] = []
    for service, dialect in WIRES:
        contents = [{"role": "user", "parts": [{"text": "Go."}]}]
        body = {"contents": contents, "tools": [{"functionDeclarations": [made.declare(dialect).to_wire()]}]}
        found += check_request(body, model=MODEL, profile=service)
    return found


@pytest.mark.rows(90)
@pytest.mark.parametrize("hint", PLAIN + STRUCTURED, ids=str)
def test_a_type_is_declared_as_every_service_takes_it(hint: Any) -> None:
    assert problems(taking(hint)) == []


@pytest.mark.rows(90)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(HINTS)
def test_types_of_types_are_declared_as_every_service_takes_them(hint: Any) -> None:
    assert problems(taking(hint)) == []


UNDESCRIBABLE = [
    pytest.param(Callable[[], int], "value", id="a-function"),
    pytest.param(type, "value", id="a-class"),
    pytest.param(dict[str, list[Callable[[], int]]], "value", id="deep-inside"),
    pytest.param("Missing", "value", id="a-name-that-is-not-there"),
]


@pytest.mark.rows(90)
@pytest.mark.parametrize(("hint", "parameter"), UNDESCRIBABLE)
def test_a_type_that_no_json_describes_is_refused_at_decoration(hint: Any, parameter: str) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        taking(hint)

    assert (caught.value.tool, caught.value.parameter) == ("take", parameter)


# -- 45 to 47: any JSON as arguments -----------------------------------------------------------------------------------


WORDS = st.sampled_from(["a", "red", "1", "cat", "value", "name", "kind", "x", "size", "key"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats() | WORDS | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def fits(hint: Any, value: object) -> bool:
    """Whether a value is of a type, told without any of the code that is tested."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, te.TypeAliasType):
        return True
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin in (Union, types.UnionType):
        return any(fits(one, value) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(inner[0], one) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(k, str) and fits(inner[1], v) for k, v in value.items())
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(fits, inner, value))
    if te.is_typeddict(hint):
        return isinstance(value, dict) and type(value.get("size")) is int
    return type(value) is (type(None) if hint is None else hint)


@pytest.mark.rows(45, 46, 47, 79)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(HINTS, JSON, st.booleans())
def test_arguments_of_any_json_are_refused_in_words_or_are_of_the_declared_type(
    hint: Any, sent: Any, is_value: bool
) -> None:
    signature = taking(hint).signature
    assert signature is not None

    try:
        _, named = signature.bind({"value": sent} if is_value else sent, None)
    except ArgumentsInvalid:
        return

    assert named.keys() == {"value"}
    assert fits(hint, named["value"])
