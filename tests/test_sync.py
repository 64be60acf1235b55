"""The blocking methods: the same run, waited for."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agentkit import (
    Agent,
    Chat,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    RunContext,
    RunFinished,
    TextDelta,
    ToolProgress,
    approve,
    tool,
)
from agentkit.testing import Emulator, call, error, stream, text
from tests.faultserver import STREAM_HEAD, FaultServer, Peer, chunk, http_chunk, raw, sse

MODEL = "gemini-3-flash-preview"


@tool(needs_approval=True)
def pay(amount: int) -> str:
    return f"paid {amount}"


@pytest.fixture
def agent(client: GeminiClient) -> Agent[Any, str]:
    return Agent(MODEL, tools=[pay], client=client)


def test_a_run_blocks_until_its_answer(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))

    assert agent.run_sync("Hello.").output == "Hi."


@pytest.mark.rows(124)
def test_an_agent_runs_again_and_again(emulator: Emulator, agent: Agent[Any, str]) -> None:
    for number in range(3):
        emulator.reply(text(str(number)))

    assert [agent.run_sync("Count.").output for _ in range(3)] == ["0", "1", "2"]


@pytest.mark.rows(124)
def test_an_agent_runs_in_several_threads(emulator: Emulator, agent: Agent[Any, str]) -> None:
    for _ in range(6):
        emulator.reply(text("Hi."))

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(agent.run_sync, ["Hello."] * 6))

    assert [result.output for result in results] == ["Hi."] * 6
    assert len({result.state.run_id for result in results}) == 6


def test_a_paused_run_is_resumed(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    paused = agent.run_sync("Pay.")

    result = agent.resume_sync(paused.state, decisions={paused.paused[0].key: approve()})

    assert result.output == "Paid."


def test_a_resumed_run_is_read_with_a_plain_loop(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Paid."))
    paused = agent.run_sync("Pay.")

    with agent.resume_stream_sync(paused.state, decisions={paused.paused[0].key: approve()}) as run:
        texts = [event.text for event in run if isinstance(event, TextDelta)]

    assert texts == ["Paid."]


@pytest.mark.parametrize("owner", [Agent, Chat])
def test_what_waits_has_a_blocking_twin_with_the_same_arguments(owner: type) -> None:
    waiting = [name for name in vars(owner) if f"{name}_sync" in dir(owner)]

    assert set(waiting) >= {"run", "stream", "resume", "resume_stream"}
    for name in waiting:
        one, other = (inspect.signature(getattr(owner, each)).parameters for each in (name, f"{name}_sync"))
        assert list(one) == list(other), name


def test_an_error_is_raised_as_itself(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(error(400, "bad request"))

    with pytest.raises(InvalidRequest, match="bad request") as caught:
        agent.run_sync("Go.")

    assert caught.value.state is not None


def test_a_stream_is_read_with_a_plain_loop(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(stream("4 ", "degrees."))

    with agent.stream_sync("Go.") as run:
        events = list(run)
        result = run.result()

    assert [event.text for event in events if isinstance(event, TextDelta)] == ["4 ", "degrees."]
    assert isinstance(events[-1], RunFinished)
    assert (result.output, run.finished) == ("4 degrees.", result)


def test_the_result_of_a_stream_can_be_had_without_reading(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))

    with agent.stream_sync("Go.") as run:
        assert run.result().output == "Hi."


def test_an_error_of_a_stream_reaches_the_reader(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(error(400, "bad request"))

    with agent.stream_sync("Go.") as run, pytest.raises(InvalidRequest, match="bad request"):
        list(run)


def test_leaving_a_stream_early_closes_the_connection() -> None:
    endless = raw(STREAM_HEAD, http_chunk(sse(chunk("Once "))), then=Peer.pause_long)

    with FaultServer(endless) as server:
        agent = Agent(MODEL, client=GeminiClient(api_key="key", base_url=server.url))
        with agent.stream_sync("Tell.") as run:
            next(event for event in run if isinstance(event, TextDelta))

        assert server.client_left()


def test_a_stream_leaves_no_thread_behind(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hi."))
    before = set(threading.enumerate())

    with agent.stream_sync("Go.") as run:
        run.result()

    assert not [thread for thread in set(threading.enumerate()) - before if not thread.daemon]


def test_a_sync_tool_tells_how_far_it_is(emulator: Emulator, client: GeminiClient) -> None:
    def count(ctx: RunContext[None]) -> None:
        ctx.progress_sync("half", fraction=0.5)

    emulator.reply(call("count"))
    emulator.reply(text("Done."))

    with Agent(MODEL, tools=[count], client=client).stream_sync("Go.") as run:
        assert [event.message for event in run if isinstance(event, ToolProgress)] == ["half"]


@pytest.mark.anyio
class TestInsideARunningLoop:
    """Blocking here would stop the loop: the error says what to call instead."""

    async def test_run_sync_says_what_to_call(self, agent: Agent[Any, str]) -> None:
        with pytest.raises(ConfigurationError, match=r"Use `await agent.run\(...\)` here"):
            agent.run_sync("Go.")

    async def test_stream_sync_says_what_to_call(self, agent: Agent[Any, str]) -> None:
        with (
            pytest.raises(ConfigurationError, match=r"Use `async with agent.stream\(...\)` here"),
            agent.stream_sync("Go."),
        ):
            pass

    async def test_resume_sync_says_what_to_call(self, emulator: Emulator, agent: Agent[Any, str]) -> None:
        emulator.reply(call("pay", amount=3))
        paused = await agent.run("Pay.")

        with pytest.raises(ConfigurationError, match=r"Use `await agent.resume\(...\)` here"):
            agent.resume_sync(paused.state)

    async def test_resume_stream_sync_says_what_to_call(self, emulator: Emulator, agent: Agent[Any, str]) -> None:
        emulator.reply(call("pay", amount=3))
        paused = await agent.run("Pay.")

        with (
            pytest.raises(ConfigurationError, match=r"Use `async with agent.resume_stream\(...\)` here"),
            agent.resume_stream_sync(paused.state),
        ):
            pass

    async def test_count_tokens_sync_says_what_to_call(self, agent: Agent[Any, str]) -> None:
        with pytest.raises(ConfigurationError, match=r"Use `await agent.count_tokens\(...\)` here"):
            agent.count_tokens_sync("Hi.")

    async def test_the_error_is_all_that_happens(self, emulator: Emulator, agent: Agent[Any, str]) -> None:
        with pytest.raises(ConfigurationError):
            agent.run_sync("Go.")

        assert not emulator.requests
