"""`@tool` and what may stand in its place: declared exactly, still callable, refused where it cannot work."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, GeminiClient, RunContext, Tool, ToolDefinitionError, Toolset, tool
from agentkit.testing import Emulator, call, text
from agentkit.tool import as_tool
from tests.answered import told
from tests.faultserver import FaultServer, answer, chunk

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


def greet(name: str, times: int = 1) -> str:
    """Greet somebody.

    Args:
        name: Who.
        times: How often.
    """
    return f"Hi {name}!" * times


GREET = {
    "name": "greet",
    "description": "Greet somebody.",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Who."},
            "times": {"type": "integer", "description": "How often.", "default": 1},
        },
        "required": ["name"],
    },
}


async def greet_async(name: str) -> str:
    return f"Hi {name}!"


class Greeter:
    """Greets in one language."""

    word = "Hello"

    def __init__(self, word: str = "Hej") -> None:
        self.word = word

    def plain(self, name: str) -> str:
        return f"{self.word} {name}!"

    @tool
    def decorated(self, name: str) -> str:
        return f"{self.word} {name}!"

    @tool(effects="read")
    async def decorated_async(self, name: str) -> str:
        return f"{self.word} {name}!"

    @classmethod
    def of_class(cls, name: str) -> str:
        return f"{cls.word} {name}!"

    @classmethod
    @tool
    def decorated_of_class(cls, name: str) -> str:
        return f"{cls.word} {name}!"

    @staticmethod
    def static(name: str) -> str:
        return f"Hi {name}!"

    @staticmethod
    @tool
    def decorated_static(name: str) -> str:
        return f"Hi {name}!"

    def __call__(self, name: str) -> str:
        """Greet."""
        return f"{self.word} {name}!"


def greet_in(word: str, name: str) -> str:
    return f"{word} {name}!"


FORMS = [
    pytest.param(greet, "Hi Ada!", id="function"),
    pytest.param(greet_async, "Hi Ada!", id="async-function"),
    pytest.param(tool(greet), "Hi Ada!", id="decorated"),
    pytest.param(tool(timeout_s=5, effects="read")(greet), "Hi Ada!", id="decorated-with-options"),
    pytest.param(tool()(greet_async), "Hi Ada!", id="decorated-async"),
    pytest.param(Greeter().plain, "Hej Ada!", id="bound-method"),
    pytest.param(Greeter().decorated, "Hej Ada!", id="decorated-method"),
    pytest.param(Greeter().decorated_async, "Hej Ada!", id="decorated-async-method"),
    pytest.param(Greeter.of_class, "Hello Ada!", id="classmethod"),
    pytest.param(Greeter.decorated_of_class, "Hello Ada!", id="decorated-classmethod"),
    pytest.param(Greeter().decorated_of_class, "Hello Ada!", id="decorated-classmethod-of-an-object"),
    pytest.param(Greeter.static, "Hi Ada!", id="staticmethod"),
    pytest.param(Greeter.decorated_static, "Hi Ada!", id="decorated-staticmethod"),
    pytest.param(functools.partial(greet_in, "Ciao"), "Ciao Ada!", id="partial"),
    pytest.param(functools.partial(greet_in, word="Ciao"), "Ciao Ada!", id="partial-by-name"),
    pytest.param(Greeter("Servus"), "Servus Ada!", id="callable-object"),
    pytest.param(Tool.from_function(greet, name="hi"), "Hi Ada!", id="from-function"),
]


@pytest.mark.parametrize(("form", "answer"), FORMS)
async def test_a_callable_of_any_form_can_be_called_by_the_model(
    emulator: Emulator, client: GeminiClient, form: Any, answer: str
) -> None:
    made = as_tool(form)
    emulator.reply(call(made.name, name="Ada"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[form], client=client).run("Go.")

    assert told(emulator) == [{"output": answer}]
    [declared] = emulator.requests[0]["tools"][0]["functionDeclarations"]
    assert declared == made.declaration
    assert "self" not in str(declared)


def test_a_decorated_function_is_still_a_function() -> None:
    decorated = tool(greet)

    assert decorated("Ada", times=2) == "Hi Ada!Hi Ada!"
    assert (decorated.__name__, decorated.__doc__, decorated.__module__) == ("greet", greet.__doc__, __name__)


async def test_a_decorated_async_function_is_still_awaited() -> None:
    assert await tool(greet_async)("Ada") == "Hi Ada!"


def test_a_decorated_method_is_still_a_method() -> None:
    assert Greeter("Hej").decorated("Ada") == "Hej Ada!"
    assert Greeter.decorated(Greeter("Hoi"), "Ada") == "Hoi Ada!"
    assert Greeter.decorated_of_class("Ada") == "Hello Ada!"


def test_the_declaration_is_exact() -> None:
    assert tool(greet).declaration == GREET


def test_options_beside_the_function_are_those_of_the_decorator() -> None:
    made = tool(greet, name="hello", needs_approval=True, effects="write", timeout_s=3, errors="show")

    assert (made.name, made.needs_approval, made.effects, made.timeout_s, made.errors) == (
        "hello",
        True,
        "write",
        3,
        "show",
    )
    assert made("Ada") == "Hi Ada!"
    with pytest.raises(ToolDefinitionError, match="timeout_s=-1"):
        tool(greet, timeout_s=-1)


def test_a_function_without_parameters_declares_none() -> None:
    def now() -> str:
        """Tell the time."""
        return "noon"

    assert tool(now).declaration == {"name": "now", "description": "Tell the time."}


def test_name_and_description_can_be_chosen() -> None:
    declared = tool(name="say_hi", description="Say hi.")(greet).declaration

    assert (declared["name"], declared["description"]) == ("say_hi", "Say hi.")


def test_the_context_is_not_declared() -> None:
    def who(ctx: RunContext[str], word: str) -> str:
        return ctx.deps + word

    assert list(tool(who).declaration["parametersJsonSchema"]["properties"]) == ["word"]


BAD_OPTIONS = [
    pytest.param({"timeout_s": 0}, "Give seconds above 0", id="no-time"),
    pytest.param({"timeout_s": -1}, "Give seconds above 0", id="negative-time"),
    pytest.param({"timeout_s": float("nan")}, "Give seconds above 0", id="time-that-is-no-number"),
    pytest.param({"timeout_s": "5"}, "Give seconds above 0", id="time-as-text"),
    pytest.param({"effects": "delete"}, 'Use "read", "idempotent" or "write"', id="unknown-effects"),
    pytest.param({"errors": "tell"}, 'Use "hide", "show" or "raise"', id="unknown-error-mode"),
    pytest.param({"needs_approval": "yes"}, "needs_approval='yes'", id="approval-as-text"),
    pytest.param({"needs_approval": greet_async}, "Give True, False, or a plain function", id="an-async-policy"),
    pytest.param({"name": "say hi"}, "name is not allowed", id="a-name-with-a-blank"),
    pytest.param({"name": "google_search"}, "belongs to Gemini", id="a-name-of-geminis-own"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD_OPTIONS)
def test_an_option_that_cannot_work_is_refused_at_decoration(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ToolDefinitionError, match=sentence):
        tool(**options)(greet)


def untyped(name):  # type: ignore[no-untyped-def]
    return name


def generator(name: str) -> Any:
    yield name


BAD_FUNCTIONS = [
    pytest.param(untyped, "parameter 'name': it has no type", id="no-type"),
    pytest.param(generator, "it is a generator function", id="a-generator"),
    pytest.param(lambda: 1, "a lambda has no name", id="a-lambda"),
]


@pytest.mark.rows(89, 91)
@pytest.mark.parametrize(("function", "sentence"), BAD_FUNCTIONS)
def test_a_function_that_cannot_be_declared_is_refused(function: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(ToolDefinitionError, match=sentence):
        tool(function)


NO_TOOLS = [
    pytest.param(Greeter, "Greeter", id="a-class"),
    pytest.param(7, "not 7", id="a-number"),
    pytest.param(Greeter.decorated, "Pass the bound method: `your_object.decorated`", id="a-method-without-its-object"),
    pytest.param(Greeter.plain, "Pass the bound method: `your_object.plain`", id="a-plain-method-without-its-object"),
    pytest.param(Greeter.__dict__["of_class"], "Pass it as `YourClass.method`", id="a-classmethod-that-is-not-bound"),
]


@pytest.mark.parametrize(("candidate", "sentence"), NO_TOOLS)
def test_what_is_no_tool_is_refused(candidate: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(MODEL, tools=[candidate])


def test_a_function_whose_signature_cannot_be_read_is_refused() -> None:
    @functools.wraps(tool(greet))
    def around(*args: Any, **kwargs: Any) -> str:
        return greet(*args, **kwargs)

    with pytest.raises(ToolDefinitionError, match="signature cannot be read"):
        tool(around)


def test_a_tool_may_stand_twice_if_it_is_the_same() -> None:
    one = tool(greet)

    assert [known.name for known in Agent(MODEL, tools=[one, Toolset(one)]).tools] == ["greet", "greet"]


REMOTE = {
    "name": "files.read-all",
    "description": "Read a file.",
    "parametersJsonSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_a_tool_can_be_made_from_a_declaration(emulator: Emulator, client: GeminiClient, is_async: bool) -> None:
    async def read_async(args: dict[str, Any]) -> dict[str, Any]:
        return {"read": args["path"]}

    def read_sync(args: dict[str, Any]) -> dict[str, Any]:
        return {"read": args["path"]}

    emulator.reply(call("files.read-all", path="/a"), call("files.read-all"))
    emulator.reply(text("Done."))
    remote = Tool.from_declaration(REMOTE, read_async if is_async else read_sync)

    await Agent(MODEL, tools=[remote], client=client).run("Go.")

    assert told(emulator) == [{"read": "/a"}, {"error": "Missing required arguments: path."}]
    assert emulator.requests[0]["tools"][0]["functionDeclarations"] == [REMOTE]


@pytest.mark.parametrize(
    ("args", "response"),
    [
        ('{"path": "/a"}', {"read": "/a"}),
        ("/a", {"error": 'The arguments must be a JSON object, got the text "/a".'}),
        (["path"], {"error": 'The arguments must be a JSON object, got ["path"].'}),
        (5, {"error": "The arguments must be a JSON object, got 5."}),
        ({"path": math.inf}, {"error": "'path': expected JSON with finite numbers, got Infinity."}),
    ],
)
@pytest.mark.rows(47, 48)
async def test_arguments_of_any_kind_reach_a_tool_from_a_declaration_as_an_object_or_not_at_all(
    args: Any, response: Any
) -> None:
    remote = Tool.from_declaration(REMOTE, lambda args: {"read": args["path"]})
    content = {"role": "model", "parts": [{"functionCall": {"name": REMOTE["name"], "args": args}}]}
    calls = answer({"candidates": [{"content": content, "finishReason": "STOP"}]})

    with FaultServer(calls, answer(chunk("Done.", finish="STOP"))) as server:
        client = GeminiClient(api_key="sesame-0123456789", base_url=server.url)
        await Agent(MODEL, tools=[remote], client=client).run("Go.")

    said = server.requests[1].json["contents"][-1]["parts"][0]["functionResponse"]
    assert said["response"] == response


def test_a_declaration_in_the_older_dialect_is_turned() -> None:
    older = {
        "name": "pick",
        "description": "",
        "parameters": {
            "type": "OBJECT",
            "properties": {
                "type": {"type": "STRING", "nullable": True},
                "tags": {"type": "ARRAY", "items": {"type": "STRING"}},
            },
        },
    }

    declared = Tool.from_declaration(older, lambda args: args).declaration

    assert declared["parametersJsonSchema"] == {
        "type": "object",
        "properties": {"type": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}},
    }
    assert "parameters" not in declared


STRING = {"type": "string"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("older", "turned"),
    [
        pytest.param(
            {"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [STRING, NULL]}, id="a union that may be null"
        ),
        pytest.param(
            {"type": "STRING", "enum": ["a"], "description": "Which.", "nullable": True},
            {"description": "Which.", "anyOf": [{**STRING, "enum": ["a"]}, NULL]},
            id="an enum that may be null",
        ),
        pytest.param(
            {"type": "ARRAY", "minItems": "1", "maxItems": "3"},
            {"type": "array", "minItems": 1, "maxItems": 3},
            id="counts that are written as text",
        ),
        pytest.param({"type": 5, "items": {"type": 1}}, {"type": "array", "items": STRING}, id="types by number"),
        pytest.param({"type": "TYPE_UNSPECIFIED", "title": "Any"}, {"title": "Any"}, id="a type that is left open"),
        pytest.param(
            {"type": "OBJECT", "default": {"type": "NEW", "nullable": True}},
            {"type": "object", "default": {"type": "NEW", "nullable": True}},
            id="a default that looks like a schema",
        ),
    ],
)
def test_what_the_older_dialect_says_otherwise_is_said_in_json_schema(older: Any, turned: Any) -> None:
    declaration = {"name": "pick", "parameters": {"type": "OBJECT", "properties": {"x": older}}}

    assert Tool.from_declaration(declaration, dict).parameters == {"type": "object", "properties": {"x": turned}}


def test_a_declaration_may_be_written_with_the_names_of_python() -> None:
    written = {"name": "read", "parameters_json_schema": REMOTE["parametersJsonSchema"]}

    assert Tool.from_declaration(written, dict).parameters == REMOTE["parametersJsonSchema"]


def test_a_declaration_that_is_changed_later_changes_no_tool() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "string"}}}
    made = Tool.from_declaration({"name": "read", "parametersJsonSchema": schema}, dict)

    schema["properties"].clear()

    assert made.parameters == {"type": "object", "properties": {"x": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (True, "not that of an object"),
        ([], "not that of an object"),
        ({"type": "string"}, "not that of an object"),
        ({"type": "object", "required": "path"}, "not that of an object"),
        ({"type": "object", "properties": {"x": {"default": math.nan}}}, "not JSON"),
        ({"type": "object", "properties": {"x": {"default": object()}}}, "not JSON"),
    ],
)
def test_a_declaration_whose_schema_cannot_be_sent_is_refused(schema: Any, sentence: str) -> None:
    with pytest.raises(ToolDefinitionError, match=sentence):
        Tool.from_declaration({"name": "read", "parametersJsonSchema": schema}, dict)


@pytest.mark.parametrize(("declaration", "invoke"), [(None, dict), ("read", dict), (REMOTE, None)])
def test_what_is_no_declaration_or_function_is_refused(declaration: Any, invoke: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a"):
        Tool.from_declaration(declaration, invoke)


@pytest.mark.parametrize("name", ["", "1st", "two words", "x" * 65])
def test_a_declaration_with_a_name_that_is_not_allowed_is_refused(name: str) -> None:
    with pytest.raises(ToolDefinitionError, match="the name is not allowed"):
        Tool.from_declaration({"name": name}, lambda args: args)
