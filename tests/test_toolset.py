"""Tools that belong together: prefixed, filtered, opened for a run and closed with it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    RunFailed,
    Tool,
    ToolDefinitionError,
    Toolset,
    approve,
    filtered,
    prefixed,
    tool,
)
from agentkit.testing import Emulator, call, error, text
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


def read(path: str) -> str:
    return f"read {path}"


@tool(effects="write")
def write(path: str) -> str:
    return f"wrote {path}"


class Log(Toolset):
    """Writes down when it is opened and closed; its tool works only in between."""

    def __init__(self, log: list[str], name: str = "log") -> None:
        super().__init__()
        self.log, self.name = log, name

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sequence[Tool[..., Any]], None]:
        self.log.append(f"open {self.name}")

        @tool(name=f"use_{self.name}")
        def use() -> str:
            self.log.append(f"use {self.name}")
            return self.name

        try:
            yield [use]
        finally:
            self.log.append(f"close {self.name}")


class Broken(Toolset):
    """Cannot be opened."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sequence[Tool[..., Any]], None]:
        if True:
            raise OSError("no such server")
        yield ()


def declared(emulator: Emulator) -> list[str]:
    return [declaration["name"] for declaration in emulator.requests[-1]["tools"][0]["functionDeclarations"]]


async def test_a_prefix_keeps_equal_names_apart(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("a_read", path="x"), call("b_read", path="y"))
    emulator.reply(text("Done."))
    files = Toolset(read)

    await Agent(MODEL, tools=[prefixed(files, "a_"), prefixed(files, "b_")], client=client).run("Go.")

    assert declared(emulator) == ["a_read", "b_read"]
    assert told(emulator) == [{"output": "read x"}, {"output": "read y"}]


async def test_a_filter_leaves_tools_out(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("write", path="x"))
    emulator.reply(text("Done."))
    only_reading = filtered(Toolset(read, write), lambda known: known.effects != "write")

    await Agent(MODEL, tools=[only_reading], client=client).run("Go.")

    assert declared(emulator) == ["read"]
    assert told(emulator)[0]["error"].startswith("There is no function 'write'.")


def test_prefixed_tools_keep_their_options() -> None:
    [changed] = prefixed(Toolset(write), "files_").tools

    assert (changed.name, changed.effects, changed("x")) == ("files_write", "write", "wrote x")
    assert changed.declaration["name"] == "files_write"


def test_a_prefix_that_makes_a_name_illegal_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="'my files: read': the name is not allowed"):
        prefixed(Toolset(read), "my files: ")


async def test_changes_can_be_stacked_on_what_opens(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    emulator.reply(call("x_use_log"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[filtered(prefixed(Log(log), "x_"), lambda _: True)], client=client).run("Go.")

    assert log == ["open log", "use log", "close log"]


async def test_a_toolset_is_open_for_the_time_of_a_run(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    agent = Agent(MODEL, tools=[Log(log)], client=client)
    for _ in range(2):
        emulator.reply(call("use_log"))
        emulator.reply(text("Done."))
        await agent.run("Go.")

    assert log == ["open log", "use log", "close log"] * 2


async def test_toolsets_close_in_the_opposite_order(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[Log(log, "a"), Log(log, "b")], client=client).run("Go.")

    assert log == ["open a", "open b", "close b", "close a"]


async def test_a_toolset_is_closed_after_an_error(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    emulator.reply(error(400, "bad"))

    with pytest.raises(InvalidRequest):
        await Agent(MODEL, tools=[Log(log)], client=client).run("Go.")

    assert log == ["open log", "close log"]


async def test_a_toolset_is_closed_when_a_stream_is_left_early(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[Log(log)], client=client).stream("Go.") as run:
        async for event in run:
            if event.type == "turn_started":
                break

    assert log == ["open log", "close log"]


async def test_what_was_opened_is_closed_when_the_next_cannot_open(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []

    with pytest.raises(RunFailed, match="OSError: no such server"):
        await Agent(MODEL, tools=[Log(log), Broken()], client=client).run("Go.")

    assert log == ["open log", "close log"]
    assert not emulator.requests


@pytest.mark.rows(89)
async def test_equal_names_that_show_at_opening_are_refused(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []

    with pytest.raises(ConfigurationError, match="Two tools are called 'use_log'"):
        await Agent(MODEL, tools=[Log(log), Log(log)], client=client).run("Go.")

    assert log == ["open log", "open log", "close log", "close log"]
    assert not emulator.requests


async def test_a_resumed_run_opens_its_toolsets_again(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []

    @tool(needs_approval=True)
    def pay() -> None:
        log.append("pay")

    agent = Agent(MODEL, tools=[Log(log), pay], client=client)
    emulator.reply(call("pay"))
    paused = await agent.run("Go.")
    emulator.reply(text("Done."))

    await agent.resume(paused.state, decisions={paused.paused[0].key: approve()})

    assert log == ["open log", "close log", "open log", "pay", "close log"]


def test_a_toolset_takes_what_an_agent_takes() -> None:
    with pytest.raises(ConfigurationError, match="not 7"):
        Toolset(7)
