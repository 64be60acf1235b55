"""Runs inside runs: an agent as a tool, its depth, its time and what it spends."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    DeadlineExceeded,
    GeminiClient,
    LimitExceeded,
    Limits,
    RunContext,
    RunFinished,
    RunResult,
    Tool,
    Toolset,
    tool,
)
from agentkit.testing import Asked, Emulator, call, delay, error, text, usage
from agentkit.testing.server import serve
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"

WAYS = ["async", "thread", "stream"]


def asking(inner: Agent[Any, str], way: str) -> Tool[..., Any]:
    """A tool that runs `inner`: in the same event loop, in a thread with a loop of its own, or as a stream."""

    async def ask() -> str:
        return (await inner.run("Go.")).output

    def ask_in_thread() -> str:
        return inner.run_sync("Go.").output

    async def ask_stream() -> str:
        async with inner.stream("Go.") as run:
            return (await run.result()).output

    return tool(name="ask", errors="show")({"async": ask, "thread": ask_in_thread, "stream": ask_stream}[way])


def call_once(asked: Asked) -> list[dict[str, Any]]:
    """Let the model call `ask`, and then repeat what it was told."""
    [said] = asked.body["contents"][-1]["parts"]
    if "functionResponse" in said:
        return [{"text": str(said["functionResponse"]["response"])}]
    return [{"functionCall": {"name": "ask", "args": {}}}]


class Itself(Toolset):
    """A tool that exists only after its agent: it is found when a run opens it."""

    def __init__(self, find: Callable[[], Tool[..., Any]]) -> None:
        super().__init__()
        self._find = find

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[list[Tool[..., Any]], None]:
        yield [self._find()]


@pytest.mark.rows(86)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("limits", [Limits(depth=1), Limits(depth=2), Limits()], ids=["1", "2", "5-by-default"])
async def test_an_agent_that_calls_itself_ends_at_the_depth_limit(way: str, limits: Limits) -> None:
    with serve(Emulator(brain=call_once)) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url)
        agent: Agent[Any, str] = Agent(MODEL, tools=[Itself(lambda: asking(agent, way))], client=client, limits=limits)

        result = await agent.run("Go.")

    beginnings = [body for body in emulator.requests if len(body["contents"]) == 1]
    assert len(beginnings) == limits.depth
    assert f"The run used {limits.depth + 1} of {limits.depth} depth. Raise `Limits(depth=...)`." in result.output


async def test_an_agent_can_refuse_to_be_run_inside_another(emulator: Emulator, client: GeminiClient) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client, limits=Limits(depth=1))
    emulator.reply(call("ask"))
    emulator.reply(text("Done."))
    await Agent(MODEL, tools=[asking(inner, "async")], client=client).run("Go.")
    emulator.reply(text("Alone."))

    assert "2 of 1 depth" in told(emulator)[0]["error"]
    assert (await inner.run("Go.")).output == "Alone."


async def test_after_an_inner_run_the_depth_is_as_before(emulator: Emulator, client: GeminiClient) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client, limits=Limits(depth=2))

    async def ask_twice() -> list[str]:
        outputs: list[str] = []
        for _ in range(2):
            with anyio.move_on_after(5):
                outputs.append((await inner.run("Go.")).output)
        return outputs

    emulator.reply(call("ask_twice"))
    for word in ("one", "two", "Done."):
        emulator.reply(text(word))

    await Agent(MODEL, tools=[ask_twice], client=client).run("Go.")

    assert told(emulator) == [{"output": ["one", "two"]}]


async def test_a_run_that_was_refused_for_its_depth_carries_its_state(emulator: Emulator, client: GeminiClient) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client, limits=Limits(depth=1))
    caught: list[LimitExceeded] = []

    async def ask() -> None:
        with pytest.raises(LimitExceeded) as refused:
            await inner.run("Go.")
        caught.append(refused.value)

    emulator.reply(call("ask"))
    emulator.reply(text("Done."))
    await Agent(MODEL, tools=[ask], client=client).run("Go.")
    emulator.reply(text("Alone."))

    assert (caught[0].limit, caught[0].used, caught[0].allowed) == ("depth", 2, 1)
    assert (await inner.resume(caught[0].state)).output == "Alone."


# -- Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.rows(86)
@pytest.mark.parametrize("way", WAYS)
async def test_an_inner_run_ends_with_the_time_of_the_outer_one(
    emulator: Emulator, client: GeminiClient, way: str
) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client)
    emulator.reply(call("ask"))
    emulator.reply(delay(5), text("Late."))
    began_s = time.monotonic()

    with pytest.raises(DeadlineExceeded, match="the whole run") as caught:
        await Agent(MODEL, tools=[asking(inner, way)], client=client, limits=Limits(deadline_s=0.3)).run("Go.")

    assert time.monotonic() - began_s < 4
    assert [pending.name for pending in caught.value.state.pending] == ["ask"]


async def deadline_inside(emulator: Emulator, client: GeminiClient, outer: Limits, inner: Limits) -> tuple[Any, Any]:
    """The deadlines that a tool of an outer run and one of its inner run see."""
    seen: list[float | None] = []

    def look(ctx: RunContext[None]) -> None:
        seen.append(ctx.deadline)

    within: Agent[Any, str] = Agent(MODEL, tools=[look], client=client, limits=inner)

    async def ask(ctx: RunContext[None]) -> str:
        seen.append(ctx.deadline)
        return (await within.run("Go.")).output

    for reply in (call("ask"), call("look"), text("Seen."), text("Done.")):
        emulator.reply(reply)
    await Agent(MODEL, tools=[ask], client=client, limits=outer).run("Go.")
    return seen[0], seen[1]


async def test_the_deadline_is_handed_down(emulator: Emulator, client: GeminiClient) -> None:
    outer_s, inner_s = await deadline_inside(emulator, client, Limits(deadline_s=60), Limits())

    assert inner_s == pytest.approx(outer_s, abs=0.5)


async def test_a_later_deadline_of_the_inner_run_counts_for_nothing(emulator: Emulator, client: GeminiClient) -> None:
    outer_s, inner_s = await deadline_inside(emulator, client, Limits(deadline_s=60), Limits(deadline_s=600))

    assert inner_s == pytest.approx(outer_s, abs=0.5)


async def test_an_earlier_deadline_of_the_inner_run_stays_its_own(emulator: Emulator, client: GeminiClient) -> None:
    outer_s, inner_s = await deadline_inside(emulator, client, Limits(deadline_s=600), Limits(deadline_s=60))

    assert outer_s - inner_s == pytest.approx(540, abs=30)


async def test_without_any_limit_there_is_no_deadline(emulator: Emulator, client: GeminiClient) -> None:
    assert await deadline_inside(emulator, client, Limits(), Limits()) == (None, None)


async def test_an_inner_run_that_is_out_of_time_by_itself_is_a_failure_of_the_tool(
    emulator: Emulator, client: GeminiClient
) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client, limits=Limits(deadline_s=0.05))
    emulator.reply(call("ask"))
    emulator.reply(delay(2), text("Late."))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[asking(inner, "async")], client=client).run("Go.")

    assert result.output == "Done."
    assert told(emulator) == [
        {"error": "ask failed (DeadlineExceeded): Time ran out after 0.05 s, waiting for the whole run."}
    ]


# -- What it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.rows(86)
@pytest.mark.parametrize("way", WAYS)
async def test_what_an_inner_run_spends_counts_for_the_outer_one(
    emulator: Emulator, client: GeminiClient, way: str
) -> None:
    def echo(word: str) -> str:
        return word

    inner: Agent[Any, str] = Agent(MODEL, tools=[echo], client=client)
    emulator.reply(call("ask"), usage(totalTokenCount=1))
    emulator.reply(call("echo", word="a"), usage(totalTokenCount=10))
    emulator.reply(text("Inner."), usage(totalTokenCount=100))
    emulator.reply(text("Done."), usage(totalTokenCount=1000))

    async with Agent(MODEL, tools=[asking(inner, way)], client=client).stream("Go.") as run:
        [finished] = [event async for event in run if isinstance(event, RunFinished)]
        result = await run.result()

    spent = result.usage
    assert (spent.total_tokens, spent.requests, spent.turns, spent.tool_calls) == (1111, 4, 2, 1)
    assert finished.usage == spent


async def test_what_a_failed_inner_run_spent_counts_too(emulator: Emulator, client: GeminiClient) -> None:
    def echo(word: str) -> str:
        return word

    inner: Agent[Any, str] = Agent(MODEL, tools=[echo], client=client)
    emulator.reply(call("ask"), usage(totalTokenCount=1))
    emulator.reply(call("echo", word="a"), usage(totalTokenCount=10))
    emulator.reply(error(400, "Bad."))
    emulator.reply(text("Done."), usage(totalTokenCount=1000))

    result = await Agent(MODEL, tools=[asking(inner, "async")], client=client).run("Go.")

    assert (result.usage.total_tokens, result.usage.turns) == (1011, 2)


async def test_a_resumed_inner_run_counts_only_what_it_spends_from_then_on(
    emulator: Emulator, client: GeminiClient
) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client)
    emulator.reply(error(400, "Bad."))
    with pytest.raises(Exception, match="Bad") as caught:
        await inner.run("Go.")
    state = caught.value.state  # type: ignore[attr-defined]
    state.usage += type(state.usage)(total_tokens=50_000)

    async def go_on() -> str:
        return (await inner.resume(state)).output

    emulator.reply(call("go_on"), usage(totalTokenCount=1))
    emulator.reply(text("Inner."), usage(totalTokenCount=10))
    emulator.reply(text("Done."), usage(totalTokenCount=100))

    result = await Agent(MODEL, tools=[go_on], client=client).run("Go.")

    assert result.usage.total_tokens == 111


async def test_tokens_of_inner_runs_come_to_the_limit_of_the_outer_one(
    emulator: Emulator, client: GeminiClient
) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client)
    emulator.reply(call("ask"), usage(totalTokenCount=10))
    emulator.reply(text("Inner."), usage(totalTokenCount=500))

    with pytest.raises(LimitExceeded, match="used 510 of 400 total_tokens"):
        await Agent(
            MODEL, tools=[asking(inner, "async")], client=client, limits=Limits(total_tokens=400, on_limit="raise")
        ).run("Go.")


async def test_inner_runs_side_by_side_count_once_each(emulator: Emulator, client: GeminiClient) -> None:
    inner: Agent[Any, str] = Agent(MODEL, client=client)
    emulator.reply(*(call("ask") for _ in range(4)), usage(totalTokenCount=1))
    for _ in range(4):
        emulator.reply(text("Inner."), usage(totalTokenCount=10))
    emulator.reply(text("Done."), usage(totalTokenCount=100))

    result = await Agent(MODEL, tools=[asking(inner, "thread")], client=client).run("Go.")

    assert (result.usage.total_tokens, result.usage.requests) == (141, 6)


async def test_runs_that_only_stand_beside_each_other_do_not_count_for_one_another(
    emulator: Emulator, client: GeminiClient
) -> None:
    agent: Agent[Any, str] = Agent(MODEL, client=client, limits=Limits(depth=1))
    for _ in range(3):
        emulator.reply(text("Hi."))
    results: list[RunResult[str]] = []

    async def run() -> None:
        results.append(await agent.run("Hi."))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(run)

    assert [result.usage.requests for result in results] == [1, 1, 1]
