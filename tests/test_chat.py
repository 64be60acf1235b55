"""A conversation keeps its history, and only what went well gets into it."""

from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    Chat,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    Paused,
    RunFinished,
    TextDelta,
    approve,
    tool,
)
from agentkit.testing import Emulator, call, error, stream, text

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


@tool(needs_approval=True)
def pay(amount: int) -> str:
    return f"paid {amount}"


@pytest.fixture
def chat(client: GeminiClient) -> Chat[Any, str]:
    return Agent(MODEL, tools=[pay], client=client).chat()


def said(emulator: Emulator, request: int = -1) -> list[str]:
    """Return the texts of a request's contents."""
    return [content["parts"][0].get("text", "") for content in emulator.requests[request]["contents"]]


async def test_each_prompt_sees_what_was_said_before(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(text("Hello Ada."))
    emulator.reply(text("Ada."))

    await chat.run("I am Ada.")
    await chat.run("Who am I?")

    assert said(emulator) == ["I am Ada.", "Hello Ada.", "Who am I?"]
    assert len(chat.contents) == 4


async def test_a_result_belongs_to_its_own_prompt(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(text("One."))
    emulator.reply(text("Two."))

    first, second = await chat.run("1"), await chat.run("2")

    assert (first.output, second.output, first.usage.turns, second.usage.turns) == ("One.", "Two.", 1, 1)
    assert len(first.contents) == 2


async def test_a_failed_prompt_leaves_the_history_as_it_was(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(text("One."))
    emulator.reply(error(400, "bad"))
    emulator.reply(text("Three."))

    await chat.run("1")
    with pytest.raises(InvalidRequest):
        await chat.run("2")
    await chat.run("3")

    assert said(emulator) == ["1", "One.", "3"]


async def test_a_conversation_can_be_taken_up_again(
    emulator: Emulator, client: GeminiClient, chat: Chat[Any, str]
) -> None:
    emulator.reply(text("One."))
    emulator.reply(text("Two."))
    await chat.run("1")

    await Agent(MODEL, client=client).chat(chat.contents).run("2")

    assert said(emulator) == ["1", "One.", "2"]
    assert len(chat.contents) == 2


async def test_a_pause_must_be_decided_before_the_next_prompt(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    paused = await chat.run("Pay.")
    assert chat.paused == paused.paused

    with pytest.raises(ConfigurationError, match=r"Use chat.resume\(decisions\) first"):
        await chat.run("Next.")
    result = await chat.resume({chat.paused[0].key: approve()})

    assert (result.output, chat.paused, len(chat.contents)) == ("Paid.", [], 4)


async def test_there_is_nothing_to_resume_without_a_pause(chat: Chat[Any, str]) -> None:
    with pytest.raises(ConfigurationError, match="does not wait for a decision"):
        await chat.resume({})


async def test_a_watched_prompt_is_kept(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(stream("One", "."))

    async with chat.stream("1") as run:
        texts = [event.text async for event in run if isinstance(event, TextDelta)]

    assert (texts, len(chat.contents)) == (["One", "."], 2)


async def test_a_prompt_that_was_watched_to_its_last_event_is_kept(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(text("One."))

    async with chat.stream("1") as run:
        async for event in run:
            if isinstance(event, RunFinished):
                break

    assert len(chat.contents) == 2


async def test_a_prompt_that_was_watched_to_its_pause_can_be_resumed(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))

    async with chat.stream("Pay.") as run:
        async for event in run:
            if isinstance(event, Paused):
                break
    result = await chat.resume({chat.paused[0].key: approve()})

    assert (result.output, len(chat.contents)) == ("Paid.", 4)


async def test_a_pause_can_be_watched_as_it_goes_on(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    await chat.run("Pay.")

    async with chat.resume_stream({chat.paused[0].key: approve()}) as run:
        texts = [event.text async for event in run if isinstance(event, TextDelta)]

    assert (texts, chat.paused, len(chat.contents)) == (["Paid."], [], 4)


async def test_a_resumed_prompt_that_was_left_early_is_paused_as_before(
    emulator: Emulator, chat: Chat[Any, str]
) -> None:
    emulator.reply(call("pay", amount=3))
    paused = (await chat.run("Pay.")).paused

    async with chat.resume_stream({paused[0].key: approve()}) as run:
        await anext(aiter(run))

    assert (chat.paused, len(chat.contents)) == (paused, 0)


async def test_a_prompt_that_was_left_early_is_forgotten(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(stream("One", "."))
    emulator.reply(text("Two."))

    async with chat.stream("1") as run:
        await anext(aiter(run))
    await chat.run("2")

    assert said(emulator) == ["2"]


@pytest.mark.rows(123)
async def test_two_prompts_at_once_are_refused(emulator: Emulator, client: GeminiClient) -> None:
    began, end = anyio.Event(), anyio.Event()

    async def wait() -> None:
        began.set()
        await end.wait()

    emulator.reply(call("wait"))
    emulator.reply(text("Done."))
    chat = Agent(MODEL, tools=[wait], client=client).chat()

    async with anyio.create_task_group() as group:
        group.start_soon(chat.run, "1")
        await began.wait()
        with pytest.raises(ConfigurationError, match="answering another prompt"):
            await chat.run("2")
        end.set()

    assert len(chat.contents) == 4


async def test_a_typed_answer_by_function_is_a_good_history(emulator: Emulator, client: GeminiClient) -> None:
    def look() -> None:
        return

    chat = Agent[Any, int]("gemini-2.5-flash", output=int, tools=[look], client=client).chat()
    for number in (1, 2):
        emulator.reply(call("final_answer", value=number))

    assert [(await chat.run(prompt)).output for prompt in ("One?", "Two?")] == [1, 2]


def test_the_blocking_methods_share_the_history(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    emulator.reply(text("Two."))

    chat.run_sync("1")
    chat.resume_sync({chat.paused[0].key: approve()})
    with chat.stream_sync("2") as run:
        list(run)

    assert [content.role for content in chat.contents] == ["user", "model", "user", "model", "user", "model"]


def test_a_pause_can_be_watched_without_an_event_loop(emulator: Emulator, chat: Chat[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    chat.run_sync("Pay.")

    with chat.resume_stream_sync({chat.paused[0].key: approve()}) as run:
        assert run.result().output == "Paid."

    assert (chat.paused, len(chat.contents)) == ([], 4)
