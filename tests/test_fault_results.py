"""What tools return, however odd or large, reaches the service as strict JSON, or as a sentence about it.

The server parses strictly, and knows nothing of agentkit. What becomes of which type is shown in `test_jsonable.py`.
"""

import io
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit import Agent, GeminiClient, RunState, ToolError, tool
from agentkit._jsonable import NotJsonable, to_jsonable
from agentkit.clip import MAX_RESULT_BYTES
from agentkit.testing import Emulator, call, text
from tests.answered import told
from tests.fault_runs import FINE, MODEL, client_for
from tests.faultserver import FaultServer, Received, Scenario, answer
from tests.test_jsonable import VALUES

SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # the documented dummy

Ask = Callable[..., Awaitable[Any]]


def calls(name: str, *args: Mapping[str, object]) -> Scenario:
    """An answer that asks for a function once with each of these arguments."""
    parts: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": arguments}} for arguments in args]
    parts[0]["thoughtSignature"] = SIGNATURE
    return answer({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]})


def strictly(request: Received) -> Any:
    """The body of a request, parsed as a strict parser does: UTF-8, and no NaN."""
    return json.loads(request.body.decode("utf-8", "strict"), parse_constant=refuse)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def read_answers(request: Received) -> list[Any]:
    """What the model was told in a request."""
    return [part["functionResponse"]["response"] for part in strictly(request)["contents"][-1]["parts"]]


# -- 79, 80: anything at all -------------------------------------------------------------------------------------------


class Rude(Mapping[str, Any]):
    """A mapping that fails whenever it is asked."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Endless(Sequence[Any]):
    """A list that holds itself, each time anew."""

    def __getitem__(self, index: Any) -> Any:
        return [Endless()][index]

    def __len__(self) -> int:
        return 1


def cyclic() -> list[Any]:
    items: list[Any] = [1]
    items.append({"again": items})
    return items


NUMBERS = st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 2**64])
KEYS = st.text(st.characters()) | st.floats()
SOME = st.recursive(
    VALUES | NUMBERS | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ODD = SOME | st.builds(Rude) | st.builds(Endless) | st.builds(cyclic) | st.builds(int, st.just("9" * 4300))


def expected(value: object) -> Any:
    """What the model is told about a value, as far as it can be known."""
    try:
        plain = to_jsonable(value)
    except NotJsonable as error:
        return {"error": f"show ran, but its result cannot be shown: {error}".encode("utf-8", "replace").decode()}
    return plain if isinstance(plain, dict) else {"output": plain}


@pytest.mark.rows(79, 80, 81)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ODD, min_size=1, max_size=12))
def test_whatever_a_tool_returns_the_request_is_strict_json_and_the_run_can_be_stored(values: list[object]) -> None:
    """Many results in one answer, so that each example costs one run."""

    @tool(max_result_bytes=None)
    def show(index: int) -> Any:
        return values[index]

    with FaultServer(calls("show", *({"index": index} for index in range(len(values)))), FINE) as server:
        result = Agent(MODEL, tools=[show], client=client_for(server)).run_sync("Go.")

    responses = read_answers(server.requests[1])
    assert result.output == "fine"
    for response, value in zip(responses, values, strict=True):
        wanted = expected(value)
        assert json.dumps(response) == json.dumps(wanted) or (
            "error" in wanted and "cannot be shown" in response["error"]
        )
    stored = result.state.dump_json()
    assert RunState.load_json(stored).dump_json() == stored
    assert RunState.load_json(stored).contents.to_wire()[-2] == strictly(server.requests[1])["contents"][-1]


async def later(value: object) -> object:
    await anyio.sleep(0)
    return value


UNTOLD = [
    pytest.param(lambda: (number for number in ()), "of type generator", id="generator"),
    pytest.param(lambda: iter([1]), "of type list_iterator", id="iterator"),
    pytest.param(lambda: print, "of type builtin_function_or_method", id="function"),
    pytest.param(io.StringIO, "of type StringIO", id="file"),
    pytest.param(cyclic, "contains itself", id="cyclic-list"),
    pytest.param(Endless, "nested deeper than 100 levels", id="a-list-without-a-bottom"),
    pytest.param(Rude, "a value that raised RuntimeError when read", id="a-mapping-that-raises"),
    pytest.param(lambda: 10**5000, "an integer of 16,610 bits", id="an-integer-too-long-to-write"),
]


@pytest.mark.anyio
@pytest.mark.rows(79)
@pytest.mark.parametrize(("make", "sentence"), UNTOLD)
async def test_a_result_that_cannot_be_told_is_described(
    emulator: Emulator, client: GeminiClient, make: Callable[[], object], sentence: str
) -> None:
    made: list[Any] = []

    def show() -> Any:
        made.append(make())
        return made[0]

    emulator.reply(call("show"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[show], client=client).run("Go.")

    assert result.output == "Done."
    [response] = told(emulator)
    assert response["error"].startswith("show ran, but its result cannot be shown: result")
    assert sentence in response["error"]
    assert not result.tool_failures
    if hasattr(made[0], "close"):
        made[0].close()


@pytest.mark.anyio
@pytest.mark.rows(79)
async def test_a_coroutine_that_a_plain_function_returns_is_awaited(emulator: Emulator, client: GeminiClient) -> None:
    def show() -> Awaitable[object]:
        return later("here")

    emulator.reply(call("show"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[show], client=client).run("Go.")

    assert told(emulator) == [{"output": "here"}]


# -- 81: texts ---------------------------------------------------------------------------------------------------------


TEXTS = [
    pytest.param("a\ud800b", "a\ufffdb", id="half-a-character"),
    pytest.param("\udc00\ud800", "\ufffd\ufffd", id="two-halves-the-wrong-way-round"),
    pytest.param("a\x00b", "a\x00b", id="NUL"),
    pytest.param("".join(map(chr, range(32))), "".join(map(chr, range(32))), id="control-characters"),
    pytest.param("\x7f\x80\x9f\u2028\u2029", "\x7f\x80\x9f\u2028\u2029", id="later-control-characters-and-line-ends"),
    pytest.param("\ufeffa", "\ufeffa", id="byte-order-mark"),
    pytest.param("\u202eabc\u202c\u200f\u2066", "\u202eabc\u202c\u200f\u2066", id="bidi-marks"),
    pytest.param("\ufffe\uffff\U0010ffff", "\ufffe\uffff\U0010ffff", id="no-characters"),
    pytest.param('"\\/\b\f\n\r\t</script>', '"\\/\b\f\n\r\t</script>', id="what-json-escapes"),
]


@pytest.mark.anyio
@pytest.mark.rows(81)
@pytest.mark.parametrize(("said", "arrives"), TEXTS)
async def test_any_text_arrives_as_valid_utf8_from_wherever_a_tool_says_it(said: str, arrives: str) -> None:
    def give() -> str:
        return said

    def give_nested() -> dict[str, list[str]]:
        return {said: [said]}

    def refuse() -> None:
        raise ToolError(said)

    @tool(errors="show")
    def fail() -> None:
        raise ValueError(said)

    tools = [give, give_nested, refuse, fail]
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": name}} for name in ("give", "give_nested", "refuse", "fail")
    ]
    parts[0]["thoughtSignature"] = SIGNATURE
    asked = answer({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]})

    with FaultServer(asked, FINE) as server:
        result = await Agent(MODEL, tools=tools, client=client_for(server)).run("Go.")

    assert read_answers(server.requests[1]) == [
        {"output": arrives},
        {arrives: [arrives]},
        {"error": arrives},
        {"error": f"fail failed (ValueError): {arrives}"},
    ]
    loaded = RunState.load_json(result.state.dump_json())
    assert loaded.contents.to_wire() == json.loads(loaded.contents.encode())
    assert loaded.contents.to_wire()[2] == strictly(server.requests[1])["contents"][2]


# -- 82: large results -------------------------------------------------------------------------------------------------


LARGE = """
import re, sys
from agentkit import Agent, GeminiClient

def memory_mb(field: str) -> float:
    with open("/proc/self/status") as status:
        return int(re.search(rf"{field}:\\s+(\\d+)", status.read())[1]) / 1000

kind = sys.argv[1]
made = []

def make() -> object:
    made.append(memory_mb("VmRSS"))
    made.append("x" * 100_000_000 if kind == "text" else [*range(10_000_000)])
    made.append(memory_mb("VmRSS"))
    return made[1]

client = GeminiClient(api_key="test-key", base_url=sys.argv[2])
result = Agent("gemini-3-flash-preview", tools=[make], client=client).run_sync("Go.")
[whole] = result.whole_results.values()
before, value, after = made
print((memory_mb("VmHWM") - after) / (after - before), whole["output"] == value, whole["output"] is value)
"""


@pytest.mark.rows(82)
@pytest.mark.parametrize(("kind", "most", "is_same"), [("text", 0.2, True), ("list", 1.5, False)], ids=["text", "list"])
def test_a_huge_result_costs_no_more_than_one_copy_and_is_cut_for_the_model(
    emulator: Emulator, kind: str, most: float, is_same: bool
) -> None:
    """100 MB of text are never copied; 10 million items are copied once, and written as JSON once to be cut.

    The result stays the caller's: in `result.whole_results`.
    """
    emulator.reply(call("make"))
    emulator.reply(text("Done."))

    ended = subprocess.run(
        [sys.executable, "-c", LARGE, kind, emulator.url], capture_output=True, text=True, timeout=50, check=True
    )

    beside, whole_is_equal, whole_is_same = ended.stdout.split()
    assert float(beside) < most
    assert (whole_is_equal, whole_is_same) == ("True", str(is_same))
    [response] = told(emulator)
    assert MAX_RESULT_BYTES <= len(response["output"]) < MAX_RESULT_BYTES + 200
    assert "characters left out; the whole result is kept as" in response["output"]
    assert len(json.dumps(emulator.requests[1])) < 80_000
