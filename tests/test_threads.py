"""Blocking tools: threads of their own, which keep nobody waiting."""

import contextvars
import functools
import subprocess
import sys
import threading
from collections.abc import Iterator

import anyio
import pytest
from anyio.lowlevel import checkpoint, current_token

from agentkit import Agent, Event, GeminiClient, RunContext, ToolProgress
from agentkit._threads import run_in_thread
from agentkit.testing import Emulator, call, text

USER = contextvars.ContextVar("USER", default="nobody")

NEVER_RETURNS = """
import threading
from agentkit import Agent, GeminiClient
from agentkit.testing import Emulator, call, text
from agentkit.testing.server import serve

def hang() -> str:
    "Wait for ever."
    threading.Event().wait()
    return "never"

with serve(Emulator()) as gemini:
    gemini.reply(call("hang"))
    gemini.reply(text("done"))
    client = GeminiClient(api_key="test-key", base_url=gemini.url)
    print(Agent("gemini-3-flash-preview", tools=[hang], client=client, tool_timeout_s=0.1).run_sync("go").output)
"""


@pytest.mark.rows(77)
def test_a_tool_that_never_returns_ends_neither_the_run_nor_keeps_the_interpreter() -> None:
    done = subprocess.run([sys.executable, "-c", NEVER_RETURNS], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "done\n"


@pytest.mark.rows(77)
@pytest.mark.anyio
async def test_a_tool_that_returns_after_its_time_limit_is_dropped(emulator: Emulator, client: GeminiClient) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def late() -> str:
        """Return too late."""
        go_on.wait(10)
        ended.set()
        return "late"

    emulator.reply(call("late"))
    emulator.reply(text("done"))

    result = await Agent("gemini-3-flash-preview", tools=[late], client=client, tool_timeout_s=0.05).run("go")
    go_on.set()

    assert result.output == "done"
    assert await anyio.to_thread.run_sync(ended.wait, 10)
    [answered] = emulator.requests[1]["contents"][-1]["parts"]
    assert answered["functionResponse"]["response"] == {"error": "late timed out after 0.05 s."}


@pytest.mark.anyio
async def test_a_blocking_tool_sees_the_callers_context_and_can_run_an_agent_of_its_own(
    emulator: Emulator, client: GeminiClient
) -> None:
    inner = Agent("gemini-3-flash-preview", client=client)

    def ask(ctx: RunContext[None]) -> str:
        """Ask another agent."""
        ctx.progress_sync("asking")
        return f"{USER.get()}: {inner.run_sync('who?').output}"

    emulator.reply(call("ask"))
    emulator.reply(text("me"))
    emulator.reply(text("done"))
    USER.set("Kim")

    await Agent("gemini-3-flash-preview", tools=[ask], client=client).run("go")

    [answered] = emulator.requests[2]["contents"][-1]["parts"]
    assert answered["functionResponse"]["response"] == {"output": "Kim: me"}


async def read_slowly(event: Event) -> None:
    """Take an event, in more than one step of the event loop."""
    await checkpoint()


@pytest.fixture
def threads_take_turns_often() -> Iterator[None]:
    """Races are lost more often so."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.rows("R9")
@pytest.mark.usefixtures("threads_take_turns_often")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_thread_that_reports_progress_while_its_event_loop_ends_is_let_go_however_it_falls(backend: str) -> None:
    threads = list[threading.Thread]()

    def report(ctx: RunContext[None]) -> None:
        threads.append(threading.current_thread())
        for _ in range(100):  # far more than are heard
            ctx.progress_sync("more")

    async def leave(steps: int) -> None:
        context = RunContext(deps=None, run_id="run", token=current_token(), emit=read_slowly)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(run_in_thread, functools.partial(report, context))
            for _ in range(steps):
                await checkpoint()
            group.cancel_scope.cancel()

    for number in range(100):
        anyio.run(leave, number % 10 + 2, backend=backend)
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads), number
        threads.clear()


@pytest.mark.anyio
async def test_progress_of_a_blocking_tool_is_told_in_order_and_before_its_end(
    emulator: Emulator, client: GeminiClient
) -> None:
    def count(ctx: RunContext[None]) -> str:
        """Count."""
        for number in range(20):
            ctx.progress_sync(str(number))
        return "counted"

    emulator.reply(call("count"))
    emulator.reply(text("done"))

    async with Agent("gemini-3-flash-preview", tools=[count], client=client).stream("go") as run:
        events = [event async for event in run]

    told = [event.message for event in events if isinstance(event, ToolProgress)]
    assert told == [str(number) for number in range(20)]


@pytest.mark.anyio
async def test_an_async_tool_that_reports_progress_as_a_blocking_one_would_is_told_so(
    emulator: Emulator, client: GeminiClient
) -> None:
    async def mixed_up(ctx: RunContext[None]) -> str:
        """Report."""
        ctx.progress_sync("half")
        return "told"

    emulator.reply(call("mixed_up"))
    emulator.reply(text("done"))

    await Agent("gemini-3-flash-preview", tools=[mixed_up], client=client, errors="show").run("go")

    [answered] = emulator.requests[1]["contents"][-1]["parts"]
    assert "Await the async one instead." in answered["functionResponse"]["response"]["error"]
