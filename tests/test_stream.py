"""Watching a run: its events in order, leaving early, errors, and slow readers."""

from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    Event,
    GeminiClient,
    InvalidRequest,
    ResponseBlocked,
    RunFinished,
    StreamInterrupted,
    TextDelta,
    ThoughtDelta,
    ToolFinished,
    ToolStarted,
)
from agentkit.testing import Emulator, call, cut, error, finish, stream, text, thought
from tests.faultserver import STREAM_HEAD as HEAD
from tests.faultserver import FaultServer, Peer, chunk, http_chunk, raw, sse

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


def weather(city: str) -> str:
    return f"4 degrees in {city}"


@pytest.fixture
def agent(client: GeminiClient) -> Agent[Any, str]:
    return Agent(MODEL, tools=[weather], client=client, include_thoughts=True)


async def watch(agent: Agent[Any, str]) -> list[Event]:
    async with agent.stream("Go.") as run:
        return [event async for event in run]


async def test_events_come_in_the_order_in_which_things_happen(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(thought("Hm."), call("weather", city="Oslo"))
    emulator.reply(stream("4 ", "degrees."))

    events = await watch(agent)

    assert [event.type for event in events] == [
        *("run_started", "turn_started", "thought_delta", "turn_finished", "tool_started", "tool_finished"),
        *("turn_started", "text_delta", "text_delta", "turn_finished", "run_finished"),
    ]


async def test_events_tell_what_happened(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("weather", city="Oslo"))
    emulator.reply(text("Cold."))

    told = {event.type: event.to_json() for event in await watch(agent)}

    assert (told["tool_started"]["tool"], told["tool_started"]["args"]) == ("weather", {"city": "Oslo"})
    finished = told["tool_finished"]
    assert (finished["response"], finished["failed"], finished["error"]) == ({"output": "4 degrees in Oslo"}, False, "")
    assert finished["key"] == told["tool_started"]["key"]
    assert told["turn_finished"]["finish_reason"] == "STOP"
    assert (told["run_finished"]["stop"], told["run_finished"]["usage"]["turns"]) == ("answer", 2)


async def test_deltas_add_up_to_the_answer(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(thought("Let me "), thought("think."), stream("Grüße ", "aus ", "Oslo 🌍"))

    async with agent.stream("Go.") as run:
        events = [event async for event in run]
        result = await run.result()

    assert (
        "".join(event.text for event in events if isinstance(event, TextDelta)) == result.output == "Grüße aus Oslo 🌍"
    )
    assert "".join(event.text for event in events if isinstance(event, ThoughtDelta)) == "Let me think."


async def test_a_watched_run_asks_for_streams_and_sends_the_same(emulator: Emulator, agent: Agent[Any, str]) -> None:
    for _ in range(2):
        emulator.reply(text("Hi."))

    await watch(agent)
    await agent.run("Go.")

    assert [asked.method for asked in emulator.asked] == ["streamGenerateContent", "generateContent"]
    assert emulator.requests[0] == emulator.requests[1]


async def test_the_result_can_be_had_without_reading(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("weather", city="Oslo"))
    emulator.reply(stream("4 ", "degrees."))

    async with agent.stream("Go.") as run:
        assert run.finished is None
        result = await run.result()
        assert await run.result() is result

    assert result.output == "4 degrees."
    assert run.finished is result


async def test_the_result_is_there_once_the_last_event_was_read(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))

    async with agent.stream("Go.") as run:
        async for event in run:
            if isinstance(event, RunFinished):
                break

    assert run.finished is not None
    assert run.finished.output == "Hi."


async def test_leaving_early_cancels_the_run_and_closes_the_connection() -> None:
    endless = raw(HEAD, http_chunk(sse(chunk("Once "))), then=Peer.pause_long)

    with FaultServer(endless) as server:
        agent = Agent(MODEL, client=GeminiClient(api_key="key", base_url=server.url))
        async with agent.stream("Tell.") as run:
            async for event in run:
                if isinstance(event, TextDelta):
                    break

        assert await anyio.to_thread.run_sync(server.client_left)
        assert run.finished is None


async def test_leaving_early_cancels_a_tool(emulator: Emulator, client: GeminiClient) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("slow")

    emulator.reply(call("slow"))

    async with Agent(MODEL, tools=[slow], client=client).stream("Go.") as run:
        async for event in run:
            if isinstance(event, ToolStarted):
                await anyio.wait_all_tasks_blocked()
                break

    assert ended == ["slow"]


async def test_an_exception_in_the_block_leaves_as_itself(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))

    with pytest.raises(KeyError, match="mine"):
        async with agent.stream("Go."):
            raise KeyError("mine")


async def test_an_error_reaches_the_reader(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(error(400, "bad request"))

    async with agent.stream("Go.") as run:
        with pytest.raises(InvalidRequest, match="bad request") as caught:
            async for _ in run:
                pass

    assert caught.value.state is not None


async def test_an_error_reaches_whoever_asks_for_the_result(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Half"), finish("SAFETY"))

    async with agent.stream("Go.") as run:
        for _ in range(2):
            with pytest.raises(ResponseBlocked):
                await run.result()

    assert run.finished is None


async def test_a_stream_that_breaks_off_is_told_with_what_had_arrived(
    emulator: Emulator, agent: Agent[Any, str]
) -> None:
    emulator.reply(stream("Once ", "upon "), cut())

    with pytest.raises(StreamInterrupted) as caught:
        await watch(agent)

    assert caught.value.partial == "Once upon "
    assert len(caught.value.state.contents) == 1


async def test_an_error_inside_a_stream_has_its_own_type(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(stream("Once "), error(400, "too long"))

    with pytest.raises(InvalidRequest, match="too long"):
        await watch(agent)


async def test_a_run_does_not_get_far_ahead_of_a_slow_reader(emulator: Emulator, client: GeminiClient) -> None:
    ran: list[str] = []

    def work() -> None:
        ran.append("work")

    emulator.reply(stream(*("word " for _ in range(60))), call("work"))

    async with Agent(MODEL, tools=[work], client=client).stream("Go.") as run:
        async for event in run:
            if isinstance(event, TextDelta):
                await anyio.sleep(0.1)
                break

        assert not ran


async def test_two_streams_at_once_do_not_meet(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("First."))
    emulator.reply(text("Second."))

    async with agent.stream("One.") as one:
        first = await one.result()
        async with agent.stream("Two.") as two:
            second = await two.result()

    assert (first.output, second.output) == ("First.", "Second.")


async def test_a_closed_stream_says_where_it_can_be_read(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))
    async with agent.stream("Go.") as run:
        pass

    with pytest.raises(ConfigurationError, match=r"Read it within `async with agent\.stream"):
        await anext(aiter(run))


async def test_who_watches_cannot_change_what_the_model_is_told(emulator: Emulator, client: GeminiClient) -> None:
    def forecast() -> dict[str, list[int]]:
        return {"degrees": [4, 5]}

    emulator.reply(call("forecast"))
    emulator.reply(text("Cold."))

    async with Agent("gemini-3-flash-preview", tools=[forecast], client=client).stream("Go.") as run:
        async for event in run:
            if isinstance(event, ToolFinished):
                event.response["degrees"].clear()

    [answered] = emulator.requests[1]["contents"][2]["parts"]
    assert answered["functionResponse"]["response"] == {"degrees": [4, 5]}
