"""The callers of a soak: agents with tools of every temper, and the ways in which runs are begun, left and resumed."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import anyio
import anyio.to_thread
from pydantic import BaseModel

from agentkit import (
    Agent,
    AgentKitError,
    Decision,
    GeminiClient,
    Limits,
    RunContext,
    RunResult,
    RunState,
    RunStream,
    ToolError,
    approve,
    deny,
    tool,
)

__all__ = ["AGENTS", "WAYS", "Ending", "Job", "World", "decide", "end_of"]


class Total(BaseModel):
    """A typed answer."""

    total: int


@dataclass(frozen=True)
class World:
    """What the tools of a run know: the tag of its conversation and the client to ask with."""

    tag: str
    client: GeminiClient


# -- Tools -------------------------------------------------------------------------------------------------------------


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
async def look(town: str) -> Mapping[str, object]:
    """Look at a town."""
    await anyio.sleep(0.001)
    if town == "nowhere":
        raise ToolError("There is no such town.")
    return {"town": town, "people": 7}


@tool
def fail() -> str:
    """Raise."""
    raise ValueError("a bug")


@tool(timeout_s=0.02)
async def hang() -> None:
    """Never return."""
    await anyio.sleep_forever()


@tool(timeout_s=0.02)
def block() -> None:
    """Return too late, in a thread."""
    time.sleep(0.05)


@tool(timeout_s=0.02)
async def swallow() -> str:
    """Take no notice of being cancelled."""
    with suppress(BaseException):
        await anyio.sleep_forever()
    return "Here I am."


@tool
async def give_up() -> None:
    """Raise a cancellation that nobody asked for."""
    raise anyio.get_cancelled_exc_class()


@tool
async def tell(ctx: RunContext[World]) -> str:
    """Report progress."""
    await ctx.progress("half", fraction=0.5)
    await anyio.to_thread.run_sync(ctx.progress_sync, "nearly")
    return "told"


@tool(timeout_s=0.02)
def tell_late(ctx: RunContext[World]) -> str:
    """Report progress from a thread in which nobody waits any more."""
    time.sleep(0.03)
    ctx.progress_sync("too late")
    return "told"


@tool
def long() -> str:
    """Return more than a model should read."""
    return "many words " * 10_000


@tool
def odd(kind: str) -> object:
    """Return what JSON has no words for."""
    cycle: list[object] = []
    cycle.append(cycle)
    kinds: Mapping[str, object] = {
        "object": object(),
        "nan": float("nan"),
        "cycle": cycle,
        "generator": (number for number in range(3)),
        "surrogate": "\ud800 \x00",
        "bytes": b"\xff\x00",
        "none": None,
        "set": {1, 2},
    }
    return kinds[kind]


@tool(effects="write", needs_approval=lambda _ctx, args: args["amount"] > 100)
async def pay(amount: int) -> str:
    """Pay; a person decides about large amounts."""
    return f"paid {amount}"


INNER: Final[Agent[World, str]] = Agent("gemini-3-flash-preview", tools=[add, look, fail])


@tool
async def ask(ctx: RunContext[World]) -> str:
    """Ask another agent."""
    return (await INNER.run(f"{ctx.deps.tag}/inner: go on", deps=ctx.deps, client=ctx.deps.client)).output


@tool
def ask_blocking(ctx: RunContext[World]) -> str:
    """Ask another agent from a thread."""
    return INNER.run_sync(f"{ctx.deps.tag}/inner: go on", deps=ctx.deps, client=ctx.deps.client).output


# -- Agents ------------------------------------------------------------------------------------------------------------

TOOLS: Final = (add, look, fail, hang, block, swallow, give_up, tell, tell_late, long, odd, pay, ask, ask_blocking)

AGENTS: Final[Mapping[str, Agent[World, Any]]] = MappingProxyType(
    {
        "plain": Agent("gemini-3-flash-preview", tools=TOOLS, instructions="Be brief."),
        "thinking": Agent("gemini-3.8-flash", tools=TOOLS, include_thoughts=True, thinking="low"),
        "newest": Agent("gemini-4-argon", tools=TOOLS),
        "old": Agent("gemini-2.5-flash", tools=TOOLS, thinking=0),
        "typed": Agent("gemini-3.6-flash", tools=TOOLS, output=Total),
        "typed by a call": Agent("gemini-2.5-flash", tools=TOOLS, output=Total),
        "raising": Agent("gemini-3-flash-preview", tools=TOOLS, errors="raise"),
        "tight": Agent("gemini-3-flash-preview", tools=TOOLS, limits=Limits(turns=3, tool_calls=3, on_limit="raise")),
        "hurried": Agent("gemini-3-flash-preview", tools=TOOLS, limits=Limits(turns=4, deadline_s=0.15)),
    }
)


# -- Ways --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to be started, or to be resumed if there is a state."""

    agent: Agent[World, Any]
    world: World
    prompt: str
    state: RunState | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    @property
    def _given(self) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.state is None else {"decisions": self.decisions}
        return {"deps": self.world, "client": self.world.client, **own}

    def run(self) -> Awaitable[RunResult[Any]]:
        start = self.agent.run if self.state is None else self.agent.resume
        return start(self.prompt if self.state is None else self.state, **self._given)  # type: ignore[arg-type, operator]

    def stream(self) -> AbstractAsyncContextManager[RunStream[Any]]:
        if self.state is None:
            return self.agent.stream(self.prompt, **self._given)
        return self.agent.resume_stream(self.state, **self._given)

    def run_sync(self) -> RunResult[Any]:
        if self.state is None:
            return self.agent.run_sync(self.prompt, **self._given)
        return self.agent.resume_sync(self.state, **self._given)

    def stream_sync(self) -> AbstractContextManager[Any]:
        return self.agent.stream_sync(self.prompt, **self._given)


@dataclass(frozen=True)
class Ending:
    """How a run ended: in a word, with its state if it can be had, and with the error if there was one."""

    kind: str
    state: RunState | None = None
    error: AgentKitError | None = None


Way = Callable[[Job, random.Random], Awaitable[RunResult[Any] | Ending]]


async def wait(job: Job, _dice: random.Random) -> RunResult[Any]:
    return await job.run()


async def watch(job: Job, _dice: random.Random) -> RunResult[Any]:
    async with job.stream() as run:
        async for _event in run:
            pass
        return await run.result()


async def leave(job: Job, dice: random.Random) -> RunResult[Any] | Ending:
    events = dice.randint(0, 8)
    async with job.stream() as run:
        async for _event in run:
            events -= 1
            if events < 0:
                break
        if run.finished is not None:
            return run.finished
    return Ending("left early", run.state)


async def cancel(job: Job, dice: random.Random) -> RunResult[Any] | Ending:
    with anyio.move_on_after(dice.uniform(0, 0.1)):
        return await job.run()
    return Ending("cancelled")


async def cancel_watched(job: Job, dice: random.Random) -> RunResult[Any] | Ending:
    watched: list[RunStream[Any]] = []
    with anyio.move_on_after(dice.uniform(0, 0.1)):
        async with job.stream() as run:
            watched.append(run)
            async for _event in run:
                await anyio.sleep(0.001)
            return await run.result()
    return Ending("cancelled", watched[0].state if watched else None)


async def cancel_task(job: Job, dice: random.Random) -> RunResult[Any] | Ending:
    """Cancel as asyncio itself does; on Trio, where there is no such thing, a scope."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return await cancel(job, dice)
    task = asyncio.ensure_future(job.run())
    await asyncio.wait([task], timeout=dice.uniform(0, 0.1))
    is_ours = task.cancel()
    await asyncio.wait([task])
    if task.cancelled() and is_ours:
        return Ending("cancelled")
    return await task


async def stay_in_thread(job: Job, _dice: random.Random) -> RunResult[Any]:
    return await anyio.to_thread.run_sync(job.run_sync)


async def watch_in_thread(job: Job, dice: random.Random) -> RunResult[Any] | Ending:
    if job.state is not None:  # there is no blocking way to watch a resumed run
        return await stay_in_thread(job, dice)
    events = dice.choice((3, 1_000_000))

    def work() -> RunResult[Any] | Ending:
        with job.stream_sync() as run:
            for number, _event in enumerate(run):
                if number == events:
                    break
            else:
                return run.result()
        return Ending("left early", run.state)

    return await anyio.to_thread.run_sync(work)


WAYS: Final[Mapping[str, tuple[Way, int]]] = MappingProxyType(
    {
        "run": (wait, 26),
        "stream": (watch, 24),
        "stream, left early": (leave, 12),
        "run, cancelled": (cancel, 10),
        "stream, cancelled": (cancel_watched, 10),
        "task, cancelled": (cancel_task, 6),
        "run_sync": (stay_in_thread, 7),
        "stream_sync": (watch_in_thread, 5),
    }
)
"""Each with its weight."""


async def end_of(way: str, job: Job, dice: random.Random) -> Ending:
    """Return how a run ended. What is neither an answer, a pause, an error of ours nor our own cancellation, leaves."""
    try:
        result = await WAYS[way][0](job, dice)
    except AgentKitError as error:
        return Ending(type(error).__name__, error.state, error)
    if isinstance(result, Ending):
        return result
    return Ending("pause" if result.paused else result.stop, result.state)


def decide(state: RunState, dice: random.Random) -> Mapping[str, Decision]:
    """Return what a person says about the waiting calls."""
    return {request.key: dice.choice((approve(), deny("too much"))) for request in state.waiting}
