"""`Agent`: what it refuses at construction, and how its settings reach the request."""

import pickle
from collections.abc import Callable
from typing import Any

import pydantic
import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    GoogleSearch,
    Limits,
    Middleware,
    RunContext,
    RunFailed,
    RunState,
    Toolset,
    tool,
)
from agentkit.testing import Emulator, call, text
from agentkit.testing.server import serve
from agentkit.wire import Content, Part, user_text

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


def echo(word: str) -> str:
    """Say it again."""
    return word


@tool(name="echo")
def another(word: str) -> str:
    return word


class Host:
    def greet(self) -> str:
        return "Hi."


REFUSED = [
    pytest.param({"model": ""}, "is no model id", id="no-model"),
    pytest.param({"model": None}, "is no model id", id="a-model-of-none"),
    pytest.param({"errors": "tell"}, 'Use "hide", "show" or "raise"', id="an-unknown-error-mode"),
    pytest.param({"tool_timeout_s": 0}, "Give seconds above 0", id="no-time"),
    pytest.param({"tool_timeout_s": "5"}, "Give seconds above 0", id="time-as-text"),
    pytest.param({"tool_timeout_s": float("nan")}, "Give seconds above 0", id="time-that-is-no-number"),
    pytest.param({"tool_timeout_s": float("inf")}, "Give seconds above 0", id="endless-time"),
    pytest.param({"parallel_calls": 0}, "Give 1 or more", id="no-calls-at-once"),
    pytest.param({"parallel_calls": 1.5}, "Give 1 or more", id="half-a-call"),
    pytest.param({"parallel_calls": True}, "Give 1 or more", id="a-yes-for-a-number"),
    pytest.param({"thinking": "hard"}, "thinking='hard'", id="an-unknown-way-to-think"),
    pytest.param({"thinking": -7}, "thinking=-7", id="negative-thinking"),
    pytest.param({"tools": echo}, r"tools=\[...\]", id="a-tool-without-a-list"),
    pytest.param({"tools": Toolset(echo)}, r"tools=\[...\]", id="a-toolset-without-a-list"),
    pytest.param({"tools": "echo"}, r"tools=\[...\]", id="tools-as-text"),
    pytest.param({"tools": [7]}, "not 7", id="a-number-as-tool"),
    pytest.param({"tools": [GoogleSearch]}, "GoogleSearch", id="a-built-in-tool-without-brackets"),
    pytest.param({"tools": [echo, another]}, "Two tools are called 'echo'", id="equal-names"),
    pytest.param({"tools": [Toolset(echo), another]}, "Two tools are called 'echo'", id="equal-names-in-a-toolset"),
    pytest.param({"tools": [GoogleSearch(), GoogleSearch()]}, "stands twice", id="a-built-in-tool-twice"),
]


@pytest.mark.rows(121)
@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_cannot_work_is_refused_at_construction(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(**{"model": MODEL, **options})


def test_an_agent_needs_no_key_until_it_runs() -> None:
    assert repr(Agent(MODEL, tools=[echo, GoogleSearch()])) == f"Agent({MODEL!r}, tools=[echo, GoogleSearch])"


@pytest.mark.rows(114)
async def test_a_missing_key_is_told_before_any_request(emulator: Emulator) -> None:
    with pytest.raises(ConfigurationError, match="COMETAPI_KEY"):
        await Agent(MODEL).run("Hi.")

    assert not emulator.asked


PROMPTS = [
    pytest.param("Hi.", [{"text": "Hi."}], id="text"),
    pytest.param([Part(text="Hi."), Part(text="Ho.")], [{"text": "Hi."}, {"text": "Ho."}], id="parts"),
    pytest.param(Content(role="user", parts=[Part(text="Hi.")]), [{"text": "Hi."}], id="content"),
]


@pytest.mark.parametrize(("prompt", "parts"), PROMPTS)
async def test_a_prompt_becomes_one_user_content(
    emulator: Emulator, client: GeminiClient, prompt: Any, parts: list[dict[str, str]]
) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client).run(prompt)

    assert emulator.requests[0]["contents"] == [{"role": "user", "parts": parts}]


@pytest.mark.rows(120)
@pytest.mark.parametrize("prompt", ["", " \n", [], [""], None, 7], ids=repr)
async def test_a_prompt_that_says_nothing_is_refused(emulator: Emulator, client: GeminiClient, prompt: Any) -> None:
    with pytest.raises(ConfigurationError, match="prompt"):
        await Agent(MODEL, client=client).run(prompt)

    assert not emulator.requests


async def test_a_bare_agent_sends_nothing_but_the_prompt(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client).run("Hi.")

    assert emulator.requests[0].keys() == {"contents"}
    assert emulator.asked[0].model == MODEL


async def test_instructions_are_the_system_instruction(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, instructions="Be brief.").run("Hi.")

    assert emulator.requests[0]["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


async def test_instructions_can_be_made_for_each_run(emulator: Emulator, client: GeminiClient) -> None:
    def instructions(ctx: RunContext[str]) -> str:
        return f"You help {ctx.deps}."

    agent = Agent(MODEL, client=client, instructions=instructions)
    for name in ("Ada", "Bob"):
        emulator.reply(text("Hello."))
        await agent.run("Hi.", deps=name)

    said = [body["systemInstruction"]["parts"][0]["text"] for body in emulator.requests]
    assert said == ["You help Ada.", "You help Bob."]


async def test_instructions_that_are_no_text_are_refused(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(ConfigurationError, match="instructions"):
        await Agent(MODEL, client=client, instructions=lambda _: 7).run("Hi.")  # type: ignore[arg-type,return-value]

    assert not emulator.requests


THINKING = [
    pytest.param(MODEL, "low", {"thinkingLevel": "LOW"}, id="a-level-for-3"),
    pytest.param(MODEL, "off", {"thinkingLevel": "MINIMAL"}, id="off-is-the-least-that-3-can"),
    pytest.param(MODEL, "xhigh", {"thinkingLevel": "HIGH"}, id="too-much-is-clamped"),
    pytest.param(MODEL, 1024, {"thinkingLevel": "LOW"}, id="a-budget-becomes-a-level"),
    pytest.param("gemini-2.5-flash", "off", {"thinkingBudget": 0}, id="a-budget-for-2.5"),
    pytest.param("gemini-2.5-flash", "dynamic", {"thinkingBudget": -1}, id="dynamic"),
    pytest.param("gemini-2.5-pro", 1, {"thinkingBudget": 128}, id="too-little-is-clamped"),
]


@pytest.mark.rows(117)
@pytest.mark.parametrize(("model", "thinking", "config"), THINKING)
async def test_thinking_is_said_as_the_model_takes_it(
    emulator: Emulator, client: GeminiClient, model: str, thinking: Any, config: dict[str, Any]
) -> None:
    emulator.reply(text("Hello."))

    await Agent(model, client=client, thinking=thinking).run("Hi.")

    assert emulator.requests[0]["generationConfig"]["thinkingConfig"] == config


async def test_thoughts_can_be_asked_for(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello.", thoughts="They say hi."))

    result = await Agent(MODEL, client=client, thinking="low", include_thoughts=True).run("Hi.")

    assert (result.output, result.thoughts) == ("Hello.", "They say hi.")
    assert emulator.requests[0]["generationConfig"]["thinkingConfig"] == {
        "thinkingLevel": "LOW",
        "includeThoughts": True,
    }


async def test_tools_are_declared_in_the_order_given(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello."))
    agent = Agent(MODEL, client=client, tools=[echo, Toolset(Host().greet)])

    await agent.run("Hi.")

    [declared] = emulator.requests[0]["tools"]
    assert [declaration["name"] for declaration in declared["functionDeclarations"]] == ["echo", "greet"]
    assert [known.name for known in agent.tools] == ["echo", "greet"]


async def test_tools_may_come_from_a_generator(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client, tools=(each for each in [echo]))  # type: ignore[arg-type]

    assert [known.name for known in agent.tools] == ["echo"]


async def test_history_stands_before_the_prompt(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello."))
    emulator.reply(text("Hi again."))
    agent = Agent(MODEL, client=client)
    first = await agent.run("Hi.")

    second = await agent.run("Me again.", history=first.contents)

    assert [content["role"] for content in emulator.requests[1]["contents"]] == ["user", "model", "user"]
    assert (len(first.contents), len(second.contents)) == (2, 4)
    assert (second.text, second.usage.turns) == ("Hi again.", 1)


async def test_the_same_state_gives_the_same_request(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client, tools=[echo], instructions="Be brief.", limits=Limits(turns=3))
    for _ in range(2):
        emulator.reply(text("Hello."))
        await agent.run("Hi.")

    assert emulator.requests[0] == emulator.requests[1]


async def test_the_older_schema_dialect_can_be_chosen(emulator: Emulator) -> None:
    client = GeminiClient(api_key="key", base_url=emulator.url, schema_dialect="openapi")
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, tools=[echo]).run("Hi.")

    [declaration] = emulator.requests[0]["tools"][0]["functionDeclarations"]
    assert declaration["parameters"]["properties"]["word"]["type"] == "STRING"
    assert "parametersJsonSchema" not in declaration


async def by_run(agent: Agent[Any, str], client: GeminiClient) -> str:
    return (await agent.run("Hi.", client=client)).output


async def by_resume(agent: Agent[Any, str], client: GeminiClient) -> str:
    return (await agent.resume(RunState.begin(MODEL, user_text("Hi.")), client=client)).output


async def by_stream(agent: Agent[Any, str], client: GeminiClient) -> str:
    async with agent.stream("Hi.", client=client) as run:
        return (await run.result()).output


async def by_resume_stream(agent: Agent[Any, str], client: GeminiClient) -> str:
    async with agent.resume_stream(RunState.begin(MODEL, user_text("Hi.")), client=client) as run:
        return (await run.result()).output


@pytest.mark.parametrize("ask", [by_run, by_resume, by_stream, by_resume_stream])
async def test_a_run_can_ask_elsewhere(emulator: Emulator, client: GeminiClient, ask: Callable[..., Any]) -> None:
    with serve(Emulator()) as other:
        emulator.reply(text("From the agent's client."))
        other.reply(text("From another."))
        agent = Agent(MODEL, client=client)

        assert await ask(agent, GeminiClient(api_key="another", base_url=other.url)) == "From another."
        assert (await agent.run("Hi.")).output == "From the agent's client."


def by_run_sync(agent: Agent[Any, str], client: GeminiClient) -> str:
    return agent.run_sync("Hi.", client=client).output


def by_resume_sync(agent: Agent[Any, str], client: GeminiClient) -> str:
    return agent.resume_sync(RunState.begin(MODEL, user_text("Hi.")), client=client).output


def by_stream_sync(agent: Agent[Any, str], client: GeminiClient) -> str:
    with agent.stream_sync("Hi.", client=client) as run:
        return run.result().output


@pytest.mark.parametrize("ask", [by_run_sync, by_resume_sync, by_stream_sync])
def test_an_agent_without_a_key_runs_with_the_client_of_the_run(
    emulator: Emulator, client: GeminiClient, ask: Callable[..., str]
) -> None:
    emulator.reply(text("Hello."))

    assert ask(Agent(MODEL), client) == "Hello."


async def test_the_client_of_the_run_decides_about_the_dialect(emulator: Emulator, client: GeminiClient) -> None:
    other = GeminiClient(api_key="key", base_url=emulator.url, schema_dialect="openapi")
    agent = Agent(MODEL, client=client, tools=[echo])
    for _ in range(2):
        emulator.reply(text("Hello."))

    await agent.run("Hi.", client=other)
    await agent.run("Hi.")

    declared = [body["tools"][0]["functionDeclarations"][0] for body in emulator.requests]
    assert ["parametersJsonSchema" in declaration for declaration in declared] == [False, True]


class Fails(Middleware):
    """Raises in one of its places."""

    def __init__(self, place: str) -> None:
        self._place = place

    async def around_run(self, context: RunContext[Any], proceed: Any) -> Any:
        self._raise_in("run")
        return await proceed()

    async def around_model(self, context: RunContext[Any], request: Any, proceed: Any) -> Any:
        self._raise_in("model")
        return await proceed(request)

    async def around_tool(self, context: RunContext[Any], call: Any, proceed: Any) -> Any:
        self._raise_in("tool")
        return await proceed(call)

    def _raise_in(self, place: str) -> None:
        if place == self._place:
            raise KeyError("sk-0123456789abcdef0123 is no key\nand more")


@pytest.mark.rows("R1", "R3")
@pytest.mark.parametrize(("place", "requests"), [("run", 0), ("model", 0), ("tool", 1)])
async def test_code_that_raises_inside_a_run_ends_it_with_an_error_of_ours(
    emulator: Emulator, client: GeminiClient, place: str, requests: int
) -> None:
    if requests:
        emulator.reply(call("echo", word="a"))

    with pytest.raises(RunFailed) as caught:
        await Agent(MODEL, client=client, tools=[echo], middleware=[Fails(place)]).run("Hi.")

    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert str(copy).startswith(
        "Code inside the run (a middleware, a toolset, a validator) raised KeyError: '[redacted]"
    )
    assert isinstance(caught.value.__cause__, KeyError)
    assert (copy.error_type, copy.retryable, copy.state.contents[0].text) == ("KeyError", False, "Hi.")
    assert len(emulator.requests) == requests


class Order(pydantic.BaseModel):
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def look_up(cls, number: int) -> int:
        raise OSError("The database is away.")


@pytest.mark.rows("R1", "R9")
async def test_a_validator_of_the_answer_that_raises_loses_nothing(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('{"number": 1}'))
    with pytest.raises(RunFailed, match="raised OSError: The database is away") as caught:
        await Agent(MODEL, client=client, output=Order).run("Which?")
    emulator.reply(text('{"number": 1}'))

    result = await Agent(MODEL, client=client, output=dict[str, int]).resume(caught.value.state)

    assert result.output == {"number": 1}
