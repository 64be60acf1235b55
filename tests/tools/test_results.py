"""`read_result`: the pieces of a kept result, and what is told when there is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, GeminiClient, RunContext, ToolError, tool
from agentkit.testing import Asked, Emulator, call, text
from agentkit.testing.server import serve
from agentkit_tools.results import TOOLS, read_result
from tests.answered import told

MODEL = "gemini-3-flash-preview"


def context(**kept: Any) -> RunContext[None]:
    return RunContext(deps=None, run_id="run", whole_results=kept)


WHOLE = [
    pytest.param({"output": "abcdef"}, "abcdef", id="a-text-as-it-is"),
    pytest.param({"error": "abcdef"}, "abcdef", id="an-error-too"),
    pytest.param({"output": ["\u20ac", 1]}, '["\u20ac", 1]', id="anything-else-as-json"),
    pytest.param({"output": "x", "more": 1}, '{"output": "x", "more": 1}', id="an-object-as-json"),
    pytest.param({"page": "x"}, '{"page": "x"}', id="an-object-with-one-field"),
]


@pytest.mark.parametrize(("kept", "whole"), WHOLE)
def test_a_kept_result_is_read_as_it_was_shortened(kept: dict[str, Any], whole: str) -> None:
    assert read_result(context(key=kept), "key") == {"text": whole, "total": len(whole)}


@given(st.text(min_size=1), st.integers(1, 7))
def test_the_pieces_are_the_whole(whole: str, length: int) -> None:
    pieces: list[str] = []
    offset: int | None = 0
    while offset is not None:
        read = read_result(context(key={"output": whole}), "key", offset, length)
        pieces.append(read["text"])
        offset = read.get("next_offset")

    assert "".join(pieces) == whole
    assert all(len(piece) == length for piece in pieces[:-1])


WRONG = [
    pytest.param({"key": "c"}, r"No result is kept as 'c'. Kept are: 'a', 'b'.", id="an-unknown-key"),
    pytest.param({"key": "a", "offset": -1}, r"offset=-1 .* Give 0 to 2.", id="before-the-beginning"),
    pytest.param({"key": "a", "offset": 3}, r"offset=3 .* Give 0 to 2.", id="behind-the-end"),
    pytest.param({"key": "a", "length": 0}, r"length=0 .* Give 1 to 50000.", id="nothing"),
    pytest.param({"key": "a", "length": 50_001}, r"length=50001 .* Give 1 to 50000.", id="too-much-at-once"),
]


@pytest.mark.parametrize(("args", "sentence"), WRONG)
def test_what_cannot_be_read_is_told_with_what_can(args: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ToolError, match=sentence):
        read_result(context(a={"output": "abc"}, b={"output": "x"}), **args)


def test_without_kept_results_that_is_told() -> None:
    with pytest.raises(ToolError, match="None was shortened"):
        read_result(context(), "key")


@pytest.mark.anyio
async def test_a_model_reads_on_by_the_key_in_the_note() -> None:
    page = "".join(f"line {number}\n" for number in range(20_000))

    @tool(effects="read", untrusted=True)
    def fetch() -> str:
        """Fetch a page."""
        return page

    def read_on(asked: Asked) -> list[dict[str, Any]]:
        said = asked.body["contents"][-1]["parts"][0]
        if "functionResponse" not in said:
            return [{"functionCall": {"name": "fetch", "args": {}}}]
        response = said["functionResponse"]["response"]
        if "next_offset" not in response and "text" in response:
            return [{"text": "Read."}]
        first = asked.body["contents"][2]["parts"][0]["functionResponse"]["response"]["output"]
        args = {"key": first.split("kept as '")[1].split("'")[0], "offset": response.get("next_offset", 0)}
        return [{"functionCall": {"name": "read_result", "args": {**args, "length": 50_000}}}]

    with serve(Emulator(brain=read_on)) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url)
        result = await Agent(MODEL, tools=[fetch, *TOOLS], client=client).run("Read it.")

    contents = emulator.requests[-1]["contents"][4::2]
    assert result.output == "Read."
    assert "".join(one["parts"][0]["functionResponse"]["response"]["text"] for one in contents) == page


@pytest.mark.anyio
async def test_a_wrong_key_is_answered_with_the_right_one(emulator: Emulator, client: GeminiClient) -> None:
    def fetch() -> str:
        """Fetch a page."""
        return "x" * 100_000

    emulator.reply(call("fetch"))
    emulator.reply(call("read_result", key="nope"))
    emulator.reply(text("Sorry."))

    result = await Agent(MODEL, tools=[fetch, read_result], client=client).run("Read it.")

    assert told(emulator) == [{"error": f"No result is kept as 'nope'. Kept are: '{result.state.run_id}:0:0'."}]
