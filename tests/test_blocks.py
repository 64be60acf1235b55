"""What is used before its `with` or `async with` says how it is opened."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, GeminiClient
from agentkit.testing import Emulator, text

MODEL = "gemini-3-flash-preview"


@pytest.fixture
def agent(client: GeminiClient) -> Agent[Any, str]:
    return Agent(MODEL, client=client)


async def iterate_later(unopened: Any) -> None:
    async for _ in unopened:
        pass


async def wait(unopened: Any) -> None:
    await unopened


async def enter_now(unopened: Any) -> None:
    with unopened:
        pass


async def enter_later(unopened: Any) -> None:
    async with unopened:
        pass


async def iterate_now(unopened: Any) -> None:
    for _ in unopened:
        pass


async def take_one(unopened: Any) -> None:
    next(unopened)


async def ask_result(unopened: Any) -> None:
    await unopened.result()


async def ask_result_now(unopened: Any) -> None:
    unopened.result()


async def ask_state(unopened: Any) -> None:
    _ = unopened.state


Use = Callable[[Any], Awaitable[None]]
LATER: list[Use] = [iterate_later, wait, enter_now, ask_result, ask_state]
NOW: list[Use] = [iterate_now, take_one, enter_later, ask_result_now, ask_state]


@pytest.mark.anyio
@pytest.mark.parametrize("use", LATER)
async def test_an_async_stream_that_is_not_open_says_how_to_open_it(
    emulator: Emulator, agent: Agent[Any, str], use: Use
) -> None:
    with pytest.raises(ConfigurationError, match=r"`async with agent\.stream\(\.\.\.\) as run:`"):
        await use(agent.stream("Hi."))
    with pytest.raises(ConfigurationError, match=r"`async with chat\.stream\(\.\.\.\) as run:`"):
        await use(agent.chat().stream("Hi."))
    with pytest.raises(ConfigurationError, match=r"`async with agent\.run_each\(\.\.\.\) as outcomes:`"):
        await use(agent.run_each(["Hi."]))

    assert not emulator.asked


@pytest.mark.anyio
@pytest.mark.parametrize("use", NOW)
async def test_a_blocking_stream_that_is_not_open_says_how_to_open_it(
    emulator: Emulator, agent: Agent[Any, str], use: Use
) -> None:
    with pytest.raises(ConfigurationError, match=r"`with agent\.stream_sync\(\.\.\.\) as run:`"):
        await use(agent.stream_sync("Hi."))
    with pytest.raises(ConfigurationError, match=r"`with chat\.stream_sync\(\.\.\.\) as run:`"):
        await use(agent.chat().stream_sync("Hi."))

    assert not emulator.asked


def test_who_only_looks_at_what_is_not_open_is_not_refused(agent: Agent[Any, str]) -> None:
    unopened = agent.stream("Hi.")

    assert isinstance(unopened, AbstractAsyncContextManager)
    assert not hasattr(unopened, "_repr_html_")
    assert "Block" in repr(unopened)
    assert list(inspect.signature(agent.chat().stream).parameters) == ["prompt", "deps"]


def test_a_blocking_stream_keeps_its_result_after_the_block(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hello."))

    with agent.stream_sync("Hi.") as run:
        run.result()

    assert run.result().output == "Hello."


def test_a_blocking_stream_that_was_left_says_where_it_can_be_read(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Hello."))

    with agent.stream_sync("Hi.") as run:
        pass

    with pytest.raises(ConfigurationError, match=r"is closed. Read it within `with agent\.stream_sync"):
        run.result()
    with pytest.raises(ConfigurationError, match=r"is closed. Read it within `with agent\.stream_sync"):
        next(run)
