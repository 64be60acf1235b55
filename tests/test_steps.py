"""A coroutine that keeps the event loop for itself is noticed, and is not disturbed by being watched."""

import logging
import time
import types
from collections.abc import Generator
from typing import Any

import anyio
import pytest

from agentkit import Agent, GeminiClient
from agentkit._steps import watch_steps
from agentkit.testing import Emulator, call, text
from tests.answered import told

pytestmark = pytest.mark.anyio

LONG_S = 0.02


async def test_each_long_step_is_told_and_short_ones_are_not() -> None:
    told_s: list[float] = []

    async def work() -> str:
        await anyio.sleep(0)
        time.sleep(LONG_S)
        await anyio.sleep(0)
        time.sleep(LONG_S)
        await anyio.sleep(2 * LONG_S)  # a wait blocks nobody
        return "done"

    assert await watch_steps(work(), LONG_S / 2, told_s.append) == "done"
    assert len(told_s) == 2
    assert min(told_s) >= LONG_S


async def test_a_long_step_that_ends_in_an_error_is_told() -> None:
    told_s: list[float] = []

    async def work() -> None:
        time.sleep(LONG_S)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await watch_steps(work(), LONG_S / 2, told_s.append)

    assert len(told_s) == 1


async def test_an_error_of_what_is_awaited_reaches_the_coroutine() -> None:
    async def fail() -> None:
        await anyio.sleep(0)
        raise ValueError("broken")

    async def work() -> str:
        try:
            await fail()
        except ValueError:
            return "mended"
        return "whole"

    assert await watch_steps(work(), 5, lambda _: None) == "mended"


async def test_a_cancellation_reaches_the_coroutine_and_its_clean_up() -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
                log.append("cleaned up")

    with anyio.move_on_after(0.01) as scope:
        await watch_steps(work(), 5, lambda _: None)

    assert (scope.cancelled_caught, log) == (True, ["cleaned up"])


async def test_a_coroutine_may_open_tasks_of_its_own() -> None:
    async def work() -> list[int]:
        done: list[int] = []

        async def add(number: int) -> None:
            await anyio.sleep(0)
            done.append(number)

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(add, number)
        return sorted(done)

    assert await watch_steps(work(), 5, lambda _: None) == [0, 1, 2]


@types.coroutine
def stop() -> Generator[None, None, None]:
    """Wait as an event loop sees it: once."""
    yield


def test_what_the_event_loop_throws_reaches_the_coroutine() -> None:
    async def work() -> str:
        try:
            await stop()
        except KeyError:
            await stop()
            return "mended"
        return "whole"

    steps: Any = watch_steps(work(), 5, lambda _: None)
    steps.send(None)
    steps.throw(KeyError("x"))

    with pytest.raises(StopIteration) as end:
        steps.send(None)
    assert end.value.value == "mended"


def test_a_coroutine_that_is_closed_cleans_up_at_once() -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await stop()
        finally:
            log.append("cleaned up")

    coroutine = work()
    steps: Any = watch_steps(coroutine, 5, lambda _: None)
    steps.send(None)
    steps.close()

    assert log == ["cleaned up"]
    assert coroutine.cr_frame is None


@pytest.mark.rows(78)
async def test_a_tool_that_blocks_the_event_loop_is_named(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def block() -> str:
        time.sleep(1.05)
        return "done"

    async def wait() -> str:
        await anyio.sleep(0)
        return "done"

    def compute() -> str:
        time.sleep(0.1)
        return "done"

    emulator.reply(call("block"), call("wait"), call("compute"))
    emulator.reply(text("Done."))

    with caplog.at_level(logging.WARNING, "agentkit"):
        await Agent("gemini-3-flash-preview", tools=[block, wait, compute], client=client).run("Go.")

    assert told(emulator) == [{"output": "done"}] * 3
    [line] = [record.getMessage() for record in caplog.records if "tool.blocked_loop" in record.getMessage()]
    assert "tool='block' seconds=1." in line
    assert "await inside it, or make it a plain function" in line
