"""Answers that fit the type and are still refused: by the agent's check, or by a validator, within a bound."""

import functools
from collections.abc import Callable
from typing import Any

import anyio
import pydantic
import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    OutputInvalid,
    RateLimited,
    Retrying,
    RunContext,
    RunFailed,
    RunState,
    TextDelta,
    ToolError,
    ToolFinished,
    approve,
    tool,
)
from agentkit.testing import Emulator, call, error, text
from tests.answered import told

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"
WORDS = "No town is called 'Osloo'.\nTry \"Oslo\"."


class Trip(pydantic.BaseModel):
    town: str


class CheckedTrip(Trip):
    @pydantic.field_validator("town")
    @classmethod
    def exists(cls, town: str) -> str:
        if town == "Osloo":
            raise ToolError(WORDS)
        return town


def known(_ctx: RunContext[Any], trip: Trip) -> None:
    if trip.town == "Osloo":
        raise ToolError(WORDS)


async def known_async(ctx: RunContext[Any], trip: Trip) -> None:
    await anyio.sleep(0)
    known(ctx, trip)


class Check:
    def __call__(self, ctx: RunContext[Any], trip: Trip) -> None:
        known(ctx, trip)


def look(word: str = "") -> str:
    return "seen"


CHECKS = [
    pytest.param({"output": Trip, "output_check": known}, id="a-function"),
    pytest.param({"output": Trip, "output_check": known_async}, id="an-async-function"),
    pytest.param({"output": Trip, "output_check": lambda ctx, trip: known_async(ctx, trip)}, id="a-lambda-to-await"),
    pytest.param({"output": Trip, "output_check": Check()}, id="an-object"),
    pytest.param({"output": Trip, "output_check": functools.partial(known)}, id="a-partial"),
    pytest.param({"output": CheckedTrip}, id="a-validator"),
]


@pytest.mark.parametrize("settings", CHECKS)
async def test_the_words_of_a_tool_error_go_to_the_model_which_answers_again(
    emulator: Emulator, client: GeminiClient, settings: dict[str, Any]
) -> None:
    emulator.reply(text('{"town": "Osloo"}'))
    emulator.reply(text('{"town": "Oslo"}'))

    result = await Agent(NEW, client=client, **settings).run("Where?")

    assert result.output.town == "Oslo"
    assert WORDS in emulator.requests[1]["contents"][-1]["parts"][0]["text"]
    assert not emulator.findings


@pytest.mark.parametrize("settings", CHECKS)
async def test_a_final_answer_function_is_answered_with_the_words(
    emulator: Emulator, client: GeminiClient, settings: dict[str, Any]
) -> None:
    emulator.reply(call("final_answer", town="Osloo"))
    emulator.reply(call("final_answer", town="Oslo"))

    result = await Agent(OLD, tools=[look], client=client, **settings).run("Where?")

    assert result.output.town == "Oslo"
    assert told(emulator) == [{"error": WORDS}]


async def test_what_a_check_returns_replaces_the_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7"))
    emulator.reply(text("Hi."))

    number = await Agent(NEW, output=int, output_check=lambda _ctx, value: value * 2, client=client).run("Go.")
    words = await Agent(NEW, output_check=lambda _ctx, value: value.upper(), client=client).run("Go.")

    assert (number.output, words.output) == (14, "HI.")


@pytest.mark.parametrize("model", [NEW, OLD])
async def test_an_answer_is_validated_and_checked_once(emulator: Emulator, client: GeminiClient, model: str) -> None:
    validated, checked = [], []

    class Seen(pydantic.BaseModel):
        town: str

        @pydantic.field_validator("town")
        @classmethod
        def see(cls, town: str) -> str:
            validated.append(town)
            return town

    emulator.reply(call("look"))
    emulator.reply(call("final_answer", town="Oslo") if model == OLD else text('{"town": "Oslo"}'))

    def check(_ctx: object, seen: Seen) -> Seen:
        checked.append(seen)
        return seen

    result = await Agent(model, output=Seen, tools=[look], output_check=check, client=client).run("Where?")

    assert validated == ["Oslo"]
    assert checked == [result.output]
    assert result.output is checked[0]


async def test_text_can_be_checked_too(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("A very long answer."))
    emulator.reply(text("Short."))

    def short(_ctx: RunContext[Any], said: str) -> None:
        if len(said) > 10:
            raise ToolError("At most ten characters.")

    result = await Agent(NEW, output_check=short, client=client).run("Go.")

    assert result.output == "Short."


async def test_a_check_knows_the_run(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7"))
    seen: list[RunContext[str]] = []
    agent = Agent(NEW, output=int, deps_type=str, output_check=lambda ctx, _value: seen.append(ctx), client=client)

    result = await agent.run("Go.", deps="ada")

    [context] = seen
    assert (context.deps, context.run_id, context.contents[-1].text) == ("ada", result.state.run_id, "7")


@pytest.mark.rows(68)
@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("by_call", [False, True], ids=["in-json", "by-a-function"])
async def test_after_the_bound_the_run_ends_with_its_state(
    emulator: Emulator, client: GeminiClient, retries: int, by_call: bool
) -> None:
    for _ in range(retries + 1):
        emulator.reply(call("final_answer", town="Osloo") if by_call else text('{"town": "Osloo"}'))
    agent: Agent[Any, Trip] = Agent(
        OLD if by_call else NEW, output=Trip, tools=[look], output_retries=retries, output_check=known, client=client
    )

    with pytest.raises(OutputInvalid) as caught:
        await agent.run("Where?")

    assert len(emulator.requests) == retries + 1
    assert caught.value.problem == WORDS
    assert "Osloo" in caught.value.text
    emulator.reply(call("final_answer", town="Oslo") if by_call else text('{"town": "Oslo"}'))
    resumed = await agent.resume(RunState.load_json(caught.value.state.dump_json()))
    assert resumed.output == Trip(town="Oslo")


async def test_who_watches_is_told_to_take_the_text_back(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('{"town": "Osloo"}'))
    emulator.reply(text('{"town": "Oslo"}'))
    agent = Agent(NEW, output=Trip, output_check=known, client=client)

    said = ""
    async with agent.stream("Where?") as run:
        async for event in run:
            if isinstance(event, TextDelta):
                said += event.text
            elif isinstance(event, Retrying) and event.discard_text:
                said = ""

    assert said == '{"town": "Oslo"}'


async def test_a_refused_call_is_seen_as_failed(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("final_answer", town="Osloo"))
    emulator.reply(call("final_answer", town="Oslo"))
    agent = Agent(OLD, output=Trip, tools=[look], output_check=known, client=client)

    async with agent.stream("Where?") as run:
        finished = [(event.failed, event.error) async for event in run if isinstance(event, ToolFinished)]

    assert finished == [(True, WORDS), (False, "")]


def divide(_ctx: object, _value: object) -> None:
    raise ZeroDivisionError("by zero")


class Dividing(pydantic.BaseModel):
    town: str

    @pydantic.field_validator("town")
    @classmethod
    def divide(cls, town: str) -> str:
        raise ZeroDivisionError("by zero")


@pytest.mark.parametrize("model", [NEW, OLD])
@pytest.mark.parametrize(
    "settings", [{"output": Trip, "output_check": divide}, {"output": Dividing}], ids=["check", "validator"]
)
async def test_what_else_is_raised_ends_the_run_with_its_state(
    emulator: Emulator, client: GeminiClient, model: str, settings: dict[str, Any]
) -> None:
    emulator.reply(call("final_answer", town="Oslo") if model == OLD else text('{"town": "Oslo"}'))

    with pytest.raises(RunFailed, match="ZeroDivisionError: by zero") as caught:
        await Agent(model, tools=[look], client=client, **settings).run("Where?")

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.state.contents[-1].role == "model"


def inner_agent(client: GeminiClient) -> Agent[Any, int]:
    return Agent(NEW, output=int, output_retries=0, client=client)


async def test_a_run_inside_a_check_counts_and_its_bad_answer_is_not_this_ones(
    emulator: Emulator, client: GeminiClient
) -> None:
    async def ask(_ctx: object, _value: int) -> int:
        return (await inner_agent(client).run("Sure?")).output

    emulator.reply(text("7"))
    emulator.reply(text("8"))
    emulator.reply(text("7"))
    emulator.reply(text("eight"))

    result = await Agent(NEW, output=int, output_check=ask, client=client).run("Go.")
    with pytest.raises(RunFailed, match="OutputInvalid"):
        await Agent(NEW, output=int, output_check=ask, client=client).run("Go.")

    assert (result.output, result.usage.requests) == (8, 2)


async def test_an_error_of_the_service_inside_a_check_leaves_as_itself(emulator: Emulator) -> None:
    client = GeminiClient(api_key="k", base_url=emulator.url, retry=None)

    async def ask(_ctx: object, _value: int) -> int:
        return (await inner_agent(client).run("Sure?")).output

    emulator.reply(text("7"))
    emulator.reply(error(402, "no credit"))

    with pytest.raises(RateLimited):
        await Agent(NEW, output=int, output_check=ask, client=client).run("Go.")


async def test_a_check_that_does_not_end_ends_the_run(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7"))

    async def wait(_ctx: object, _value: object) -> None:
        await anyio.sleep_forever()

    with pytest.raises(RunFailed, match=r"output_check did not end within 0\.01 s \(tool_timeout_s\)"):
        await Agent(NEW, output=int, output_check=wait, tool_timeout_s=0.01, client=client).run("Go.")


@tool(needs_approval=True)
def pay(euros: int) -> str:
    return "paid"


@pytest.mark.parametrize("check", [None, known], ids=["unchecked", "checked"])
async def test_an_accepted_final_answer_survives_a_pause(
    emulator: Emulator, client: GeminiClient, check: Callable[..., Any] | None
) -> None:
    emulator.reply(call("pay", euros=7), call("final_answer", town="Oslo"))
    agent = Agent(OLD, output=Trip, tools=[pay], output_check=check, client=client)

    paused = await agent.run("Pay.")
    state = RunState.load_json(paused.state.dump_json())
    result = await agent.resume(state, decisions={paused.paused[0].key: approve()})

    assert result.output == Trip(town="Oslo")


async def test_a_check_that_only_says_yes_or_no_is_told_what_to_do(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7"))

    with pytest.raises(ConfigurationError, match=r"output_check returned True\. Return None to take the answer"):
        await Agent(NEW, output=int, output_check=lambda _ctx, number: number > 0, client=client).run("Go.")
