"""A thousand runs with mixed faults: none ends in a surprise, none leaves anything behind. And what soaks found."""

import asyncio
import functools
import logging
import threading
import time
from typing import Any

import anyio
import pytest
from anyio.lowlevel import current_token

from agentkit import Agent, GeminiClient, RunContext, ToolStarted, tool
from agentkit._threads import run_in_thread
from agentkit.testing import Emulator, call, text
from tests.soak import soak


@pytest.mark.timeout(240)
@pytest.mark.rows("R1", "R5", "R9")
def test_runs_with_mixed_faults_end_as_documented_and_leave_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="agentkit")  # else every record, with its frames, is kept to the end

    report = soak(runs=1_000, seed=1, backends=("asyncio", "trio"))

    assert not report.wrong, report
    assert not report.left, report
    assert report.growth < 0.5, report  # a bound for a short run; `python -m tests.soak` has a strict one
    assert {"answer", "pause", "cancelled", "left early", "LimitExceeded", "ToolFailed"} <= report.endings.keys()


@pytest.mark.anyio
@pytest.mark.rows("R9")
async def test_a_thread_that_reports_progress_after_its_stream_was_left_is_let_go(
    emulator: Emulator, client: GeminiClient
) -> None:
    go_on, ended = threading.Event(), threading.Event()

    @tool
    def report(ctx: RunContext[Any]) -> None:
        go_on.wait(10)
        ctx.progress_sync("nobody listens")
        ended.set()

    emulator.reply(call("report"))
    async with Agent("gemini-3-flash-preview", tools=[report], client=client).stream("Go") as run:
        async for event in run:
            if isinstance(event, ToolStarted):
                break

    go_on.set()

    assert await anyio.to_thread.run_sync(ended.wait, 10)


@pytest.mark.anyio
@pytest.mark.rows("R9")
async def test_a_thread_that_reports_progress_after_its_run_has_ended_is_let_go(
    emulator: Emulator, client: GeminiClient
) -> None:
    go_on, ended = threading.Event(), threading.Event()

    @tool(timeout_s=0.02)
    def report(ctx: RunContext[Any]) -> None:
        go_on.wait(10)
        ctx.progress_sync("nobody listens")
        ended.set()

    emulator.reply(call("report"))
    emulator.reply(text("Done."))
    async with Agent("gemini-3-flash-preview", tools=[report], client=client).stream("Go") as run:
        assert (await run.result()).output == "Done."

        go_on.set()

        assert await anyio.to_thread.run_sync(ended.wait, 10)


@pytest.mark.rows("R9")
def test_a_call_that_ends_while_its_event_loop_is_closed_leaves_no_thread() -> None:
    """asyncio takes calls from other threads until it is closed, but does not come to the last ones."""
    go_on, threads = threading.Event(), list[threading.Thread]()

    class Loop(asyncio.SelectorEventLoop):
        def close(self) -> None:
            go_on.set()
            time.sleep(0.05)  # the thread has time to come to its end
            super().close()

    def work(ctx: RunContext[Any]) -> None:
        threads.append(threading.current_thread())
        go_on.wait(10)
        ctx.progress_sync("nobody listens")

    async def leave() -> None:
        context = RunContext(deps=None, run_id="run", token=current_token())
        with anyio.move_on_after(0.02):
            await run_in_thread(functools.partial(work, context))

    anyio.run(leave, backend_options={"loop_factory": Loop})

    threads[0].join(10)
    assert not threads[0].is_alive()
