"""`Agent`: what it refuses at construction, and how its settings reach the request."""

from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, GeminiClient, GoogleSearch, Limits, RunContext, Toolset, tool
from agentkit.testing import Emulator, text
from agentkit.wire import Content, GenerationConfig, Part, SafetySetting

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
    pytest.param({"generation": {"temperature": "hot"}}, "generation", id="a-temperature-as-text"),
    pytest.param({"tools": echo}, r"tools=\[...\]", id="a-tool-without-a-list"),
    pytest.param({"tools": Toolset(echo)}, r"tools=\[...\]", id="a-toolset-without-a-list"),
    pytest.param({"tools": "echo"}, r"tools=\[...\]", id="tools-as-text"),
    pytest.param({"tools": [7]}, "not 7", id="a-number-as-tool"),
    pytest.param({"tools": [GoogleSearch]}, "GoogleSearch", id="a-built-in-tool-without-brackets"),
    pytest.param({"tools": [echo, another]}, "Two tools are called 'echo'", id="equal-names"),
    pytest.param({"tools": [Toolset(echo), another]}, "Two tools are called 'echo'", id="equal-names-in-a-toolset"),
    pytest.param({"tools": [GoogleSearch(), GoogleSearch()]}, "stands twice", id="a-built-in-tool-twice"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_cannot_work_is_refused_at_construction(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(**{"model": MODEL, **options})


def test_an_agent_needs_no_key_until_it_runs() -> None:
    assert repr(Agent(MODEL, tools=[echo, GoogleSearch()])) == f"Agent({MODEL!r}, tools=[echo, GoogleSearch])"


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


@pytest.mark.parametrize("prompt", ["", " \n", [], ["Hi."], None, 7], ids=repr)
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


GENERATION = [
    pytest.param({"temperature": 0, "maxOutputTokens": 50}, id="a-dict"),
    pytest.param({"temperature": 0, "max_output_tokens": 50}, id="a-dict-with-python-names"),
    pytest.param(GenerationConfig(temperature=0, max_output_tokens=50), id="a-value"),
]


@pytest.mark.parametrize("generation", GENERATION)
async def test_generation_settings_are_sent(emulator: Emulator, client: GeminiClient, generation: Any) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, generation=generation).run("Hi.")

    assert emulator.requests[0]["generationConfig"] == {"temperature": 0, "maxOutputTokens": 50}


async def test_thinking_joins_the_generation_settings(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hello."))
    generation = {"temperature": 0, "thinkingConfig": {"includeThoughts": True}}

    await Agent(MODEL, client=client, generation=generation, thinking="low").run("Hi.")

    assert emulator.requests[0]["generationConfig"] == {
        "temperature": 0,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
    }


SAFETY = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}


@pytest.mark.parametrize("safety", [SAFETY, SafetySetting.parse(SAFETY)], ids=["a-dict", "a-value"])
async def test_safety_settings_are_sent(emulator: Emulator, client: GeminiClient, safety: Any) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, safety=[safety]).run("Hi.")

    assert emulator.requests[0]["safetySettings"] == [SAFETY]


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
