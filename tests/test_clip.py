"""Long results: what the model gets of them, and that the run keeps the whole."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, GeminiClient, RunContext, RunState, ToolDefinitionError, ToolFinished, approve, tool
from agentkit.clip import MAX_RESULT_BYTES, clipped
from agentkit.testing import Emulator, call, text
from tests.answered import told

MODEL = "gemini-3-flash-preview"
NOTE = re.compile(
    r"(.*)\n\[\.\.\. ([\d,]+) of ([\d,]+) characters left out; the whole result is kept as '(.*?)' \.\.\.\]\n(.*)", re.S
)


def pieces(shown: str) -> tuple[str, str, int, int]:
    """Head, tail, how many characters were left out, and of how many."""
    match = NOTE.fullmatch(shown)
    assert match is not None, shown[:200]
    head, left_out, total, _, tail = match.groups()
    return head, tail, int(left_out.replace(",", "")), int(total.replace(",", ""))


SHORT = [
    pytest.param({"output": "x" * 100}, 100, id="a-text-of-just-the-limit"),
    pytest.param({"output": "\u20ac" * 33}, 100, id="measured-in-bytes"),
    pytest.param({"output": "x" * 10_000}, None, id="no-limit"),
    pytest.param({"a": "x" * 80, "b": 1}, 100, id="an-object"),
    pytest.param({}, 100, id="nothing"),
]


@pytest.mark.parametrize(("response", "max_bytes"), SHORT)
def test_what_fits_is_left_alone(response: dict[str, Any], max_bytes: int | None) -> None:
    assert clipped(response, max_bytes, "key") is response


LONG = [
    pytest.param({"output": "x" * 101}, "output", "x" * 101, id="a-text"),
    pytest.param({"output": "\u20ac" * 34}, "output", "\u20ac" * 34, id="a-text-of-few-but-long-characters"),
    pytest.param({"output": "x" * 98 + "\u20ac"}, "output", "x" * 70, id="a-text-with-one-long-character"),
    pytest.param({"error": "y" * 500}, "error", "y" * 500, id="an-error-stays-an-error"),
    pytest.param({"output": ["\u20ac"] * 50}, "output", '["\u20ac", ', id="a-list-as-json"),
    pytest.param({"text": "x" * 200}, "output", '{"text": "xxx', id="an-object-as-json"),
    pytest.param({"error": "no", "hint": "x" * 200}, "error", '{"error": "no", ', id="an-object-that-is-an-error"),
]


@pytest.mark.parametrize(("response", "field", "begins"), LONG)
def test_what_is_too_long_keeps_head_and_tail(response: dict[str, Any], field: str, begins: str) -> None:
    short = clipped(response, 100, "run:0:1")

    assert list(short) == [field]
    assert short[field].startswith(begins[:12])
    assert "kept as 'run:0:1'" in short[field]


@pytest.mark.rows(82)
@given(
    st.text(alphabet=st.sampled_from("xyz\n\u00e9\u20ac\U0001f600"), min_size=40, max_size=200), st.integers(-30, 200)
)
def test_head_and_tail_fill_the_limit_and_no_more(whole: str, more_bytes: int) -> None:
    max_bytes = len(whole) + more_bytes
    short = clipped({"output": whole}, max_bytes, "key")

    if len(whole.encode()) <= max_bytes:
        assert short == {"output": whole}
        return
    head, tail, left_out, total = pieces(short["output"])
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert (total, left_out) == (len(whole), len(whole) - len(head) - len(tail))
    # A character has up to 4 bytes, so that up to 3 of each end may not be used.
    assert max_bytes - 6 <= len((head + tail).encode()) <= max_bytes
    assert len(tail.encode()) >= max_bytes // 4 - 3


@pytest.mark.anyio
@pytest.mark.rows(82)
async def test_the_model_gets_head_and_tail_and_the_caller_the_whole(emulator: Emulator, client: GeminiClient) -> None:
    page = "begin " + "x" * 3_000_000 + " end"

    def fetch() -> str:
        return page

    emulator.reply(call("fetch"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[fetch], client=client).stream("Go.") as run:
        [finished] = [event async for event in run if isinstance(event, ToolFinished)]
        result = await run.result()

    [response] = told(emulator)
    head, tail, left_out, total = pieces(response["output"])
    assert (head[:6], tail[-4:]) == ("begin ", " end")
    assert (len(head + tail), total, left_out) == (MAX_RESULT_BYTES, len(page), len(page) - MAX_RESULT_BYTES)
    assert (finished.response, finished.failed) == (response, False)
    key = f"{result.state.run_id}:0:0"
    assert result.whole_results == {key: {"output": page}}
    assert repr(key) in response["output"]


@pytest.mark.anyio
async def test_a_tool_has_a_limit_of_its_own(emulator: Emulator, client: GeminiClient) -> None:
    @tool(max_result_bytes=1024)
    def short() -> str:
        return "x" * 2000

    @tool(max_result_bytes=None)
    def long() -> str:
        return "x" * 100_000

    emulator.reply(call("short"), call("long"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[short, long], client=client).run("Go.")

    assert [len(response["output"]) > 2000 for response in told(emulator)] == [False, True]
    assert list(result.whole_results) == [f"{result.state.run_id}:0:0"]


@pytest.mark.anyio
async def test_later_calls_and_saved_runs_know_the_whole(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[RunContext[None]] = []

    @tool(max_result_bytes=1024)
    def fetch() -> list[int]:
        return [*range(1000)]

    @tool(needs_approval=True)
    def look(ctx: RunContext[None]) -> None:
        seen.append(ctx)

    emulator.reply(call("fetch"))
    emulator.reply(call("look"))
    agent = Agent(MODEL, tools=[fetch, look], client=client)
    paused = await agent.run("Go.")
    emulator.reply(text("Done."))
    [asked] = paused.paused
    saved = RunState.load_json(paused.state.dump_json())

    result = await agent.resume(saved, decisions={asked.key: approve()})

    whole = {f"{result.state.run_id}:0:0": {"output": [*range(1000)]}}
    assert [context.whole_results for context in seen] == [whole]
    assert json.loads(saved.dump_json())["whole_results"] == whole


@pytest.mark.anyio
@pytest.mark.rows(84)
async def test_a_tool_cannot_take_what_the_run_keeps(emulator: Emulator, client: GeminiClient) -> None:
    @tool(max_result_bytes=1024)
    def fetch() -> str:
        return "x" * 2000

    def meddle(ctx: RunContext[None]) -> None:
        ctx.whole_results.clear()  # type: ignore[attr-defined]  # a Mapping, on purpose

    emulator.reply(call("fetch"))
    emulator.reply(call("meddle"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[fetch, meddle], client=client).run("Go.")

    assert len(result.whole_results) == 1


@pytest.mark.parametrize("size", [0, 1023, -1, True, 2048.0, "64K"], ids=repr)
def test_a_limit_that_is_none_is_refused(size: Any) -> None:
    with pytest.raises(ToolDefinitionError, match="Give 1024 or more, or None"):

        @tool(max_result_bytes=size)
        def fetch() -> str:
            return ""
