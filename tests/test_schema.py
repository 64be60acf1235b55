"""A callable's signature is declared to the model, and the model's arguments become a call."""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Generic, Optional, TypeVar

import pytest
import typing_extensions as te
from pydantic import BaseModel, Field

from agentkit.errors import ToolDefinitionError
from agentkit.schema import ArgumentsInvalid, Signature, read_signature

Deps = TypeVar("Deps")


class Context(Generic[Deps]):
    """Stands for what the framework gives to tools."""


CONTEXT = Context[int]()
STRING, INTEGER, NUMBER = ({"type": t} for t in ("string", "integer", "number"))


def read(function: Callable[..., object], **options: Any) -> Signature:
    return read_signature(function, context_type=Context, **options)


def properties(function: Callable[..., object]) -> Any:
    return (read(function).parameters or {}).get("properties")


def call(function: Callable[..., Any], args: Any) -> Any:
    positional, named = read(function).bind(args, CONTEXT)
    return function(*positional, **named)


def weather(city: str, days: int = 3, *, units: str = "C") -> str:
    """Tell the weather.

    In any town.

    Args:
        city: Town and country.
        days: How many days.

    Returns:
        A sentence.
    """
    return f"{city} {days} {units}"


class Desk:
    def __init__(self, name: str = "front") -> None:
        self.name = name

    def ask(self, question: str) -> str:
        """Ask the desk."""
        return f"{self.name}: {question}"

    @classmethod
    def open(cls, hour: int) -> str:
        return f"{cls.__name__} {hour}"

    @staticmethod
    def add(a: int, b: int = 1) -> int:
        return a + b


class Greeter:
    """Greets people."""

    def __call__(self, name: str) -> str:
        return f"hello {name}"


class AsyncGreeter:
    async def __call__(self, name: str) -> str:
        """Greet slowly."""
        return name


@dataclasses.dataclass
class Configured:
    greeting: str

    def __call__(self, name: str) -> str:
        return f"{self.greeting} {name}"


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return "logged " + function(*args, **kwargs)

    return wrapper


async def fetch(url: str) -> str:
    return url


class TestDescription:
    def test_a_function_is_declared_with_what_its_docstring_says(self) -> None:
        signature = read(weather)

        assert signature.name == "weather"
        assert signature.description == "Tell the weather.\n\nIn any town."
        assert signature.returns == "A sentence."
        assert signature.parameters == {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Town and country."},
                "days": {"type": "integer", "description": "How many days.", "default": 3},
                "units": {"type": "string", "default": "C"},
            },
            "required": ["city"],
        }

    def test_name_and_description_can_be_given(self) -> None:
        signature = read(weather, name="forecast", description="Look ahead.")

        assert (signature.name, signature.description) == ("forecast", "Look ahead.")

    def test_a_description_beside_the_type_wins_over_the_docstring(self) -> None:
        def tool(city: Annotated[str, Field(description="From the type.")]) -> None:
            """Do.

            Args:
                city: From the docstring.
            """

        assert properties(tool) == {"city": {"type": "string", "description": "From the type."}}

    def test_the_schema_follows_the_order_of_the_signature(self) -> None:
        def tool(z: int, *, b: int, a: int = 1) -> None: ...

        assert list(properties(tool)) == ["z", "b", "a"]

    def test_nothing_is_declared_for_a_function_without_parameters(self) -> None:
        def tool(context: Context[int]) -> str:
            return "done"

        assert read(tool).parameters is None
        assert call(tool, {}) == call(tool, None) == "done"


@pytest.mark.parametrize(
    ("function", "name", "args", "returned"),
    [
        pytest.param(weather, "weather", {"city": "Oslo", "units": "F"}, "Oslo 3 F", id="function"),
        pytest.param(Desk("back").ask, "ask", {"question": "why"}, "back: why", id="bound method"),
        pytest.param(Desk.open, "open", {"hour": 8}, "Desk 8", id="class method"),
        pytest.param(Desk.add, "add", {"a": 1}, 2, id="static method"),
        pytest.param(Desk.__dict__["add"], "add", {"a": 1}, 2, id="static method in the class body"),
        pytest.param(Greeter(), "Greeter", {"name": "you"}, "hello you", id="callable object"),
        pytest.param(Configured("hi"), "Configured", {"name": "you"}, "hi you", id="callable dataclass"),
        pytest.param(functools.partial(weather, "Oslo"), "weather", {"days": 1}, "Oslo 1 C", id="partial by position"),
        pytest.param(
            functools.partial(weather, days=9), "weather", {"city": "Oslo"}, "Oslo 9 C", id="partial by keyword"
        ),
        pytest.param(
            functools.partial(functools.partial(weather, "Oslo"), units="K"),
            "weather",
            {},
            "Oslo 3 K",
            id="partial of a partial",
        ),
        pytest.param(
            functools.partial(Desk.ask, Desk("side")), "ask", {"question": "?"}, "side: ?", id="partial of self"
        ),
        pytest.param(logged(weather), "weather", {"city": "Oslo"}, "logged Oslo 3 C", id="the wrapper is called"),
        pytest.param(logged(logged(weather)), "weather", {"city": "A"}, "logged logged A 3 C", id="wrapped twice"),
        pytest.param(functools.lru_cache(weather), "weather", {"city": "Oslo"}, "Oslo 3 C", id="cached function"),
    ],
)
def test_a_callable_is_named_and_called(function: Callable[..., Any], name: str, args: Any, returned: object) -> None:
    assert read(function).name == name
    assert call(function, args) == returned


@pytest.mark.parametrize(
    ("function", "description"),
    [
        pytest.param(Desk().ask, "Ask the desk.", id="method"),
        pytest.param(Greeter(), "Greets people.", id="object without docs on __call__"),
        pytest.param(AsyncGreeter(), "Greet slowly.", id="object with docs on __call__"),
        pytest.param(Configured("hi"), "", id="docs that Python generated are none"),
        pytest.param(functools.partial(weather, "Oslo"), "Tell the weather.\n\nIn any town.", id="partial"),
        pytest.param(logged(weather), "Tell the weather.\n\nIn any town.", id="wrapped"),
        pytest.param(fetch, "", id="nothing said"),
    ],
)
def test_the_description_is_found_where_it_was_written(function: Callable[..., Any], description: str) -> None:
    assert read(function).description == description


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        pytest.param(weather, False, id="function"),
        pytest.param(fetch, True, id="async function"),
        pytest.param(functools.partial(fetch, "x"), True, id="partial of an async function"),
        pytest.param(AsyncGreeter(), True, id="object with async __call__"),
        pytest.param(functools.partial(AsyncGreeter(), "x"), True, id="partial of such an object"),
        pytest.param(Greeter(), False, id="object"),
    ],
)
def test_async_is_known(function: Callable[..., Any], is_async: bool) -> None:
    assert read(function).is_async is is_async


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(functools.partial(weather, days=9), id="partial by keyword"),
        pytest.param(functools.partial(weather, "Oslo"), id="partial by position"),
    ],
)
def test_bound_arguments_vanish_and_cannot_be_given(function: functools.partial[str]) -> None:
    bound = "days" if function.keywords else "city"

    assert bound not in properties(function)
    with pytest.raises(ArgumentsInvalid, match=f"'{bound}': is not known here"):
        read(function).bind({bound: 1, "city": "Oslo"}, CONTEXT)


class TestParameters:
    def test_positional_only_ones_are_passed_by_position_and_gaps_are_filled(self) -> None:
        def tool(a: int, b: int = 2, c: int = 3, /, d: int = 4) -> tuple[int, ...]:
            return (a, b, c, d)

        assert read(tool).bind({"a": 1, "c": 9}, CONTEXT) == ([1, 2, 9], {})
        assert call(tool, {"a": 1, "d": 5}) == (1, 2, 3, 5)

    def test_star_args_are_an_array(self) -> None:
        def tool(first: int, second: int = 2, *more: float) -> tuple[float, ...]:
            return (first, second, *more)

        assert properties(tool)["more"] == {"type": "array", "items": NUMBER}
        assert call(tool, {"first": 1, "more": [3, "4.5"]}) == (1, 2, 3.0, 4.5)
        assert call(tool, {"first": 1}) == call(tool, {"first": 1, "more": None}) == (1, 2)

    def test_typed_kwargs_are_additional_properties(self) -> None:
        def tool(city: str, **limits: int) -> object:
            """Do.

            Args:
                **limits: At most.
            """
            return city, limits

        assert read(tool).parameters == {
            "type": "object",
            "properties": {"city": STRING},
            "required": ["city"],
            "additionalProperties": {"type": "integer", "description": "At most."},
        }
        assert call(tool, {"city": "a", "x": "1", "limits": 2, "**": 3}) == ("a", {"x": 1, "limits": 2, "**": 3})
        with pytest.raises(ArgumentsInvalid, match="'x': expected a valid integer"):
            call(tool, {"city": "a", "x": "one"})

    def test_kwargs_of_any_type_are_open(self) -> None:
        def tool(**rest: Any) -> object:
            return rest

        assert read(tool).parameters == {"type": "object", "properties": {}, "additionalProperties": True}
        assert call(tool, {"a": [1]}) == {"a": [1]}

    def test_kwargs_do_not_take_what_is_injected_or_bound(self) -> None:
        def tool(self: object, context: Context[int], /, key: str, **rest: int) -> None: ...

        signature = read(functools.partial(tool, None, key="secret"))

        for name in ("context", "key", "self"):
            with pytest.raises(ArgumentsInvalid, match=f"'{name}': cannot be given here"):
                signature.bind({name: 1}, CONTEXT)

    @pytest.mark.parametrize("unpack", [te.Unpack, __import__("typing").Unpack], ids=["typing_extensions", "typing"])
    def test_an_unpacked_typed_dict_is_keyword_parameters(self, unpack: Any) -> None:
        class Options(te.TypedDict):
            size: int
            tag: te.NotRequired[Annotated[str, Field(description="A word.")]]

        def tool(**options: Any) -> object:
            return options

        tool.__annotations__["options"] = unpack[Options]

        assert read(tool).parameters == {
            "type": "object",
            "properties": {"size": INTEGER, "tag": {"type": "string", "description": "A word."}},
            "required": ["size"],
        }
        assert call(tool, {"size": "1", "tag": None}) == {"size": 1}

    def test_field_as_default_gives_constraints_and_the_default(self) -> None:
        def tool(
            a: int = Field(3, ge=1, description="How many."), *, b: Annotated[list[int], Field(default_factory=list)]
        ) -> object:
            return a, b

        assert properties(tool)["a"] == {"type": "integer", "description": "How many.", "minimum": 1, "default": 3}
        assert "required" not in (read(tool).parameters or {})
        assert call(tool, {}) == (3, [])
        assert call(tool, {})[1] is not call(tool, {})[1]

    def test_names_that_pydantic_keeps_for_itself_are_usual_names(self) -> None:
        def tool(json: int, copy: int, model_config: int, _private: int, schema: int = 1, p0: int = 2) -> object:
            return json, copy, model_config, _private, schema, p0

        names = ("json", "copy", "model_config", "_private", "p0")

        assert call(tool, {name: number for number, name in enumerate(names)}) == (0, 1, 2, 3, 1, 4)


class TestDefaults:
    @pytest.mark.parametrize(
        ("default", "declared"),
        [
            pytest.param(None, {"default": None}, id="None"),
            pytest.param([1], {"default": [1]}, id="list"),
            pytest.param({"a": {"b": 1}}, {"default": {"a": {"b": 1}}}, id="dict"),
            pytest.param(Desk, {}, id="class"),
            pytest.param(object(), {}, id="sentinel"),
            pytest.param((1, 2), {}, id="tuple"),
            pytest.param(math.nan, {}, id="NaN"),
            pytest.param({1: 2}, {}, id="keys that are no text"),
            pytest.param(Configured("x"), {}, id="dataclass instance"),
            pytest.param(HTTPStatus.OK, {"default": 200}, id="enum member by its value"),
        ],
    )
    def test_a_default_is_told_when_it_is_plain_json_and_used_as_it_is(self, default: Any, declared: Any) -> None:
        def tool(value: Any = default) -> object:
            return value

        assert properties(tool) == {"value": declared}
        assert call(tool, {}) is default

    def test_null_for_an_argument_with_a_default_counts_as_left_out(self) -> None:
        assert call(weather, {"city": "Oslo", "days": None, "units": None}) == "Oslo 3 C"

    def test_null_is_passed_where_the_type_takes_it(self) -> None:
        def tool(limit: int | None = 5) -> object:
            return limit

        assert call(tool, {"limit": None}) is None

    def test_null_for_a_required_argument_is_refused(self) -> None:
        with pytest.raises(ArgumentsInvalid, match="'city': expected a valid string, got null"):
            call(weather, {"city": None})


class TestContext:
    def test_the_context_is_injected_wherever_it_stands(self) -> None:
        def tool(
            a: int,
            first: Context[int],
            *,
            second: "Context[str]",
            third: Optional[Context[int]] = None,  # noqa: UP045
            fourth: Context[Any] | None = None,
            fifth: Annotated["Context[int]", "note"],
            sixth: Context,  # type: ignore[type-arg]
        ) -> object:
            return a, first, second, third, fourth, fifth, sixth

        assert properties(tool) == {"a": INTEGER}
        assert call(tool, {"a": 1}) == (1, *[CONTEXT] * 6)

    def test_the_context_may_be_positional_only(self) -> None:
        def tool(context: Context[int], /, a: int = 1) -> object:
            return context, a

        assert call(tool, {}) == (CONTEXT, 1)

    def test_the_context_may_stand_in_an_unpacked_typed_dict(self) -> None:
        class Options(te.TypedDict):
            a: int
            context: te.NotRequired[Context[int]]

        def tool(**options: te.Unpack[Options]) -> object:
            return options

        assert properties(tool) == {"a": INTEGER}
        assert call(tool, {"a": 1}) == {"a": 1, "context": CONTEXT}

    def test_an_alias_of_the_context_is_the_context(self) -> None:
        alias = te.TypeAliasType("alias", Context[int])

        def tool(context: alias) -> object:  # type: ignore[valid-type]
            return context

        assert read(tool).parameters is None

    def test_the_model_cannot_give_the_context(self) -> None:
        def tool(context: Context[int], a: int = 1) -> None: ...

        with pytest.raises(ArgumentsInvalid, match="'context': is not known here; known are: a"):
            read(tool).bind({"context": {}}, CONTEXT)


class TestNamesInTypes:
    def test_local_classes_are_found_from_a_function_that_still_runs(self) -> None:
        class Shadow(BaseModel):
            inner: "Inner | None" = None

        class Inner(BaseModel):
            x: int

        def tool(value: "Shadow", many: "list[Inner]") -> object:
            return value, many

        value, many = call(tool, {"value": {"inner": {"x": 1}}, "many": [{"x": 2}]})
        assert (value.inner.x, many[0].x) == (1, 2)

    def test_local_dataclasses_and_typed_dicts_may_refer_to_each_other(self) -> None:
        class Options(te.TypedDict):
            node: "Node"

        @dataclasses.dataclass
        class Node:
            children: "list[Node]"

        def tool(options: Options) -> object:
            return options

        assert call(tool, {"options": {"node": {"children": [{"children": []}]}}}) == {"node": Node([Node([])])}

    def test_a_method_finds_the_names_of_its_module(self) -> None:
        class Holder:
            def tool(self, value: "Configured") -> object:
                return value

        assert call(Holder().tool, {"value": {"greeting": "hi"}}) == Configured("hi")


def _generator() -> Any:
    yield 1


async def _async_generator() -> Any:
    yield 1


def _unannotated(a: int, city) -> None: ...  # type: ignore[no-untyped-def]
def _unannotated_args(*names) -> None: ...  # type: ignore[no-untyped-def]
def _unannotated_kwargs(**options) -> None: ...  # type: ignore[no-untyped-def]
def _unknown(city: "Citty") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _malformed(city: "list[") -> None: ...  # type: ignore[syntax]  # noqa: F722
def _undescribable(days: int, callback: Callable[[], int]) -> None: ...
def _unknown_class(days: int, desk: Desk) -> None: ...
def _umlaut(größe: int) -> None: ...
def _many_contexts(*contexts: Context[int]) -> None: ...
def _unpacked_list(**options: te.Unpack[list[int]]) -> None: ...  # type: ignore[misc]


@pytest.mark.rows(89, 91)
@pytest.mark.parametrize(
    ("function", "options", "parameter", "said"),
    [
        pytest.param(_unannotated, {}, "city", "has no type. Write `city: str`", id="no type"),
        pytest.param(_unannotated_args, {}, "names", "Write `*names: str`", id="*args without a type"),
        pytest.param(_unannotated_kwargs, {}, "options", "Write `**options: str`", id="**kwargs without a type"),
        pytest.param(Desk.ask, {}, "self", "Pass the bound method", id="method without its object"),
        pytest.param(_unknown, {}, "city", "'Citty' in its type is unknown. Import or define it", id="unknown name"),
        pytest.param(_malformed, {}, "city", "'list[' cannot be read", id="no expression"),
        pytest.param(_undescribable, {}, "callback", "Callable[[], int] cannot be described as JSON", id="callback"),
        pytest.param(_unknown_class, {}, "desk", "the type Desk cannot be described as JSON", id="any class"),
        pytest.param(_umlaut, {}, "größe", "Use a letter or _ first", id="name that is not ASCII"),
        pytest.param(_many_contexts, {}, "contexts", "Take it without a star", id="starred context"),
        pytest.param(_unpacked_list, {}, "options", "Unpack a TypedDict", id="Unpack of something else"),
        pytest.param(lambda x: x, {}, None, 'Add `name="..."`', id="lambda"),
        pytest.param(_generator, {}, None, "return a list", id="generator"),
        pytest.param(_async_generator, {}, None, "return a list", id="async generator"),
        pytest.param(functools.partial(_generator), {}, None, "return a list", id="partial of a generator"),
        pytest.param(Desk, {}, None, "it is a class", id="class"),
        pytest.param(operator.itemgetter(1), {"name": "pick"}, None, "type", id="builtin object"),
        pytest.param(dict.fromkeys, {}, None, "type", id="builtin method"),
        pytest.param(max, {}, None, "its signature cannot be read", id="builtin without signature"),
        pytest.param(42, {"name": "answer"}, None, "cannot be called", id="no callable"),
        pytest.param(weather, {"name": "get weather"}, None, 'add `name="..."`', id="name with a space"),
        pytest.param(weather, {"name": "a" * 65}, None, "at most 64", id="name too long"),
        pytest.param(weather, {"name": "1st"}, None, "letter or _ first", id="name with a digit first"),
        pytest.param(weather, {"name": ""}, None, "is not allowed", id="empty name"),
        pytest.param(weather, {"name": "google_search"}, None, "belongs to Gemini", id="name of a built-in tool"),
        pytest.param(weather, {"name": "default_api"}, None, "belongs to Gemini", id="name of the model's own prompt"),
    ],
)
def test_what_cannot_be_declared_is_refused_with_the_fix(
    function: Any, options: dict[str, str], parameter: str | None, said: str
) -> None:
    with pytest.raises(ToolDefinitionError) as raised:
        read(function, **options)

    assert said in str(raised.value)
    if parameter is not None:
        assert raised.value.parameter == parameter


def test_a_lambda_with_a_name_still_needs_types() -> None:
    with pytest.raises(ToolDefinitionError, match=r"Tool 'double', parameter 'x': it has no type"):
        read(lambda x: x, name="double")


@pytest.mark.rows(84)
def test_the_values_given_share_nothing_with_what_was_sent() -> None:
    def tool(items: Any, table: dict[str, Any]) -> None:
        items[0]["a"].append(2)
        table["b"]["c"] = 2

    sent = {"items": [{"a": [1]}], "table": {"b": {}}}

    call(tool, sent)

    assert sent == {"items": [{"a": [1]}], "table": {"b": {}}}


def test_a_signature_reads_many_calls_without_mixing_them() -> None:
    signature = read(weather)

    first = signature.bind({"city": "Oslo", "days": 1}, CONTEXT)
    second = signature.bind({"city": "Rome"}, CONTEXT)

    assert (first[1], second[1]) == ({"city": "Oslo", "days": 1}, {"city": "Rome"})
