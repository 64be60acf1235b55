"""Blocking tools: threads of their own, which keep nobody waiting."""

import contextvars
import subprocess
import sys
import threading

import anyio
import pytest

from agentkit import Agent, GeminiClient, RunContext
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
