"""A run as data: saved, loaded, damaged, and taken up again after every kind of failure."""

import json
import string
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AgentKitError,
    DeadlineExceeded,
    GeminiClient,
    Limits,
    Retry,
    RunState,
    StateInvalid,
    ToolError,
    Usage,
    approve,
    tool,
)
from agentkit.state import PendingCall, ToolFailure
from agentkit.testing import Emulator, Reply, blocked, call, delay, empty, error, finish, reply, reply_raw, text
from agentkit.wire import Candidate, Content, FunctionCall, FunctionResponse, History
from tests.answered import told

MODEL = "gemini-3-flash-preview"

words = st.text(max_size=8)
counts = st.integers(min_value=0, max_value=2**40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=6), values, max_size=3)
parts = st.one_of(
    st.fixed_dictionaries({"text": words}, optional={"thought": st.booleans(), "thoughtSignature": words}),
    st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": words, "args": objects})}),
    st.fixed_dictionaries({"functionResponse": st.fixed_dictionaries({"name": words, "response": objects})}),
    objects,
)
contents = st.builds(
    lambda role, said: Content.parse({"role": role, "parts": said}),
    st.sampled_from(["user", "model"]),
    st.lists(parts, max_size=3),
)
calls = st.builds(
    PendingCall,
    key=words,
    call=st.builds(lambda name, args: FunctionCall(name=name, args=args), words, objects),
    response=st.none() | st.builds(lambda name, said: FunctionResponse(name=name, response=said), words, objects),
    waiting=st.booleans(),
    refused=words,
)
states = st.builds(
    RunState,
    run_id=words,
    model=words,
    contents=st.lists(contents, min_size=1, max_size=3).map(History),
    pending=st.lists(calls, max_size=2),
    usage=st.builds(
        Usage,
        turns=counts,
        input_tokens=counts,
        total_tokens=counts,
        cost=st.none() | st.decimals(0, 10**6, allow_nan=False, places=12),
    ),
    model_since=st.integers(0, 1),
    stop=st.sampled_from([None, "answer", "limit", "truncated"]),
    final=st.none() | objects,
    closing=st.booleans(),
    repairs=st.integers(0, 2),
    cut=st.booleans(),
    cut_calls=st.integers(0, 2),
    failures=st.lists(st.builds(ToolFailure, key=words, tool=words, error_type=words, text=words), max_size=2),
    asides=st.dictionaries(
        words, objects.map(lambda said: Candidate.parse({"content": {"parts": [said]}})), max_size=2
    ),
    grounding=st.lists(objects.map(lambda grounded: Candidate.parse({"groundingMetadata": grounded})), max_size=2),
    model_version=words,
)


def as_sent(state: RunState) -> object:
    """The state as JSON data: half characters cannot be sent, so they count as replaced."""
    return json.loads(state.dump_json())


@given(states)
def test_a_saved_run_loads_as_it_was(state: RunState) -> None:
    loaded = RunState.load_json(state.dump_json())

    assert loaded == state
    assert as_sent(loaded) == as_sent(state)


def begun() -> RunState:
    state = RunState.begin(MODEL, Content.parse({"role": "user", "parts": [{"text": "Hi."}]}))
    state.pending = [PendingCall(key="k", call=FunctionCall(name="f", args={}), waiting=True)]
    return state


def test_a_copy_goes_its_own_way() -> None:
    state = begun()
    copy = state.copy()

    copy.pending[0].waiting = False
    copy.contents.append(copy.contents[0])
    copy.failures.append(ToolFailure(key="k", tool="f", error_type="E", text="t"))

    assert (state.pending[0].waiting, len(state.contents), state.failures) == (True, 1, [])


@pytest.mark.rows(103)
def test_a_run_cut_at_any_byte_is_refused() -> None:
    saved = begun().dump_json()

    for length in range(len(saved)):
        with pytest.raises(StateInvalid, match="not a whole saved run"):
            RunState.load_json(saved[:length])


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(begun().dump_json()), **fields})


def as_saved() -> dict[str, Any]:
    usage: dict[str, Any] = json.loads(begun().dump_json())["usage"]
    return usage


def without(name: str) -> str:
    saved = json.loads(begun().dump_json())
    del saved[name]
    return json.dumps(saved)


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"\xff\xfe", id="no-text"),
    pytest.param("null", id="null"),
    pytest.param("[]", id="a-list"),
    pytest.param("{}", id="of-another-program"),
    pytest.param("[" * 100_000, id="nested-without-end"),
    pytest.param(without("usage"), id="a-field-is-gone"),
    pytest.param(changed(extra=1), id="a-field-too-many"),
    pytest.param(changed(version="1"), id="a-version-as-text"),
    pytest.param(changed(repairs="2"), id="a-count-as-text"),
    pytest.param(changed(stop="never"), id="an-unknown-stop"),
    pytest.param(changed(usage={"coins": 1}), id="unknown-usage"),
    pytest.param(changed(asides={"k": 1}), id="an-aside-that-is-no-answer"),
    pytest.param(changed(usage={**as_saved(), "cost": "a lot"}), id="a-cost-that-is-none"),
    pytest.param(changed(usage={**as_saved(), "cost": 0.1}), id="a-cost-as-number"),
    pytest.param(changed(model_since=7), id="a-model-from-behind-the-end"),
    pytest.param(changed(pending=[{"key": "k"}]), id="half-a-call"),
    pytest.param(
        changed(pending=[{"key": "k", "call": {}, "response": None, "waiting": "yes", "refused": ""}]),
        id="a-call-with-a-wrong-flag",
    ),
    pytest.param(changed(failures=[{"key": "k"}]), id="half-a-failure"),
    pytest.param(changed(contents=[]), id="no-contents"),
    pytest.param(changed(contents=["Hi"]), id="contents-of-text"),
    pytest.param(changed(start=5), id="a-start-behind-the-end"),
]


@pytest.mark.rows(103)
@pytest.mark.parametrize("data", DAMAGED)
def test_damaged_data_is_refused(data: bytes | str) -> None:
    with pytest.raises(StateInvalid) as caught:
        RunState.load_json(data)

    assert "\n" not in str(caught.value)


@pytest.mark.rows(104)
def test_a_newer_version_is_refused_with_both_versions_named() -> None:
    with pytest.raises(StateInvalid, match=r"version 99; this agentkit reads up to 3. Update agentkit"):
        RunState.load_json(changed(version=99))


def test_a_run_that_the_second_version_saved_is_read_with_a_cost_that_nobody_counted() -> None:
    stored = json.loads(changed(version=2))
    del stored["model_since"], stored["asides"], stored["usage"]["cost"]

    state = RunState.load_json(json.dumps(stored))

    assert (state.model_since, state.asides, state.usage.cost, state.usage.turns) == (0, {}, None, 0)


@pytest.mark.rows(104)
def test_a_run_that_the_first_version_saved_is_read() -> None:
    stored = json.loads(changed(version=1))
    del stored["usage"]["cost"]
    for name in ("loops", "loop_start", "whole_results", "placeholders", "asides", "model_since"):
        del stored[name]
    for stored_call in stored["pending"]:
        del stored_call["reason"]

    state = RunState.load_json(json.dumps(stored))

    assert (state.loops, state.whole_results, state.placeholders, state.usage.cost) == (0, {}, False, None)
    assert json.loads(state.dump_json())["version"] == 3


@pytest.mark.anyio
async def test_a_finished_run_cannot_go_on(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hi."))
    agent = Agent(MODEL, client=client)
    result = await agent.run("Hello.")

    with pytest.raises(StateInvalid, match="has its answer already"):
        await agent.resume(result.state)


# -- After every kind of failure ---------------------------------------------------------------------------------------


def fail_first() -> Callable[..., str]:
    tries: list[str] = []

    def work(word: str = "") -> str:
        tries.append(word)
        if len(tries) == 1:
            raise ValueError("first try")
        return "worked"

    return work


MALFORMED = reply(finish("MALFORMED_FUNCTION_CALL"))
FAILURES = [
    pytest.param([reply(error(400, "bad"))], id="a-refused-request"),
    pytest.param([reply(error(503)), reply(error(503))], id="a-busy-service"),
    pytest.param([reply(reply_raw(b"<html>"))], id="a-page"),
    pytest.param([reply(blocked())], id="a-blocked-prompt"),
    pytest.param([reply(text("Half"), finish("SAFETY"))], id="a-blocked-answer"),
    pytest.param([reply(empty()), reply(empty())], id="empty-answers"),
    pytest.param([MALFORMED, MALFORMED, MALFORMED], id="malformed-calls"),
    pytest.param([reply(finish("MAX_TOKENS"))], id="a-cut-thought"),
    pytest.param([reply(call("work"))], id="a-broken-tool"),
]


@pytest.mark.rows("R5")
@pytest.mark.anyio
@pytest.mark.parametrize("bad", FAILURES)
async def test_a_run_goes_on_after_a_failure(emulator: Emulator, bad: list[Reply]) -> None:
    client = GeminiClient(
        api_key="key", base_url=emulator.url, retry=Retry(attempts=2, first_delay_s=0.01, max_delay_s=0.01)
    )
    agent = Agent(MODEL, tools=[fail_first()], client=client, errors="raise")
    for answer in bad:
        emulator.reply(answer)

    with pytest.raises(AgentKitError) as caught:
        await agent.run("Go.")
    state = RunState.load_json(caught.value.state.dump_json())
    emulator.reply(text("At last."))

    assert (await agent.resume(state)).output == "At last."


@pytest.mark.rows(127)
@pytest.mark.anyio
async def test_a_run_goes_on_after_its_deadline(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(delay(5), text("Late."))
    with pytest.raises(DeadlineExceeded) as caught:
        await Agent(MODEL, client=client, limits=Limits(deadline_s=0.1)).run("Go.")
    emulator.reply(text("At last."))

    assert (await Agent(MODEL, client=client).resume(caught.value.state)).output == "At last."


@pytest.mark.anyio
@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash"])
async def test_a_run_goes_on_after_an_invalid_answer(emulator: Emulator, client: GeminiClient, model: str) -> None:
    def look() -> None:
        return

    agent: Agent[Any, int] = Agent(model, output=int, tools=[look], client=client)
    by_call = model != MODEL
    for _ in range(3):
        emulator.reply(call("final_answer", value="many") if by_call else text("many"))
    with pytest.raises(AgentKitError) as caught:
        await agent.run("How many?")
    emulator.reply(call("final_answer", value=7) if by_call else text("7"))

    assert (await agent.resume(caught.value.state)).output == 7


@pytest.mark.anyio
async def test_resuming_leaves_the_saved_run_as_it_is(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(error(400, "bad"))
    agent = Agent(MODEL, client=client)
    with pytest.raises(AgentKitError) as caught:
        await agent.run("Go.")
    before = caught.value.state.dump_json()

    for _ in range(2):
        emulator.reply(text("At last."))
        assert (await agent.resume(caught.value.state)).output == "At last."

    assert caught.value.state.dump_json() == before


@pytest.mark.rows("R7")
@pytest.mark.anyio
async def test_calls_that_were_answered_are_not_made_again(emulator: Emulator, client: GeminiClient) -> None:
    ran: list[str] = []

    @tool(parallel=False)
    def first() -> str:
        ran.append("first")
        return "one"

    @tool(parallel=False)
    def second() -> str:
        ran.append("second")
        if ran.count("second") == 1:
            raise ValueError
        return "two"

    emulator.reply(call("first"), call("second"))
    agent = Agent(MODEL, tools=[first, second], client=client, errors="raise")
    with pytest.raises(AgentKitError) as caught:
        await agent.run("Go.")
    emulator.reply(text("Done."))

    await agent.resume(caught.value.state)

    assert ran == ["first", "second", "second"]
    assert told(emulator) == [{"output": "one"}, {"output": "two"}]


@pytest.mark.anyio
async def test_a_tool_that_is_gone_is_answered(emulator: Emulator, client: GeminiClient) -> None:
    @tool(needs_approval=True)
    def pay(amount: int) -> None:
        raise ToolError("never")

    emulator.reply(call("pay", amount=3))
    paused = await Agent(MODEL, tools=[pay], client=client).run("Pay.")
    emulator.reply(text("Cannot."))

    def other() -> None:
        return

    decisions = {paused.paused[0].key: approve()}
    result = await Agent(MODEL, tools=[other], client=client).resume(paused.state, decisions=decisions)

    assert result.output == "Cannot."
    assert told(emulator)[0]["error"].startswith("There is no function 'pay'")


RESUME = """
import sys
from agentkit import Agent, GeminiClient, RunState

def work(word: str = "") -> str:
    return "worked elsewhere"

agent = Agent("gemini-3-flash-preview", tools=[work], client=GeminiClient(api_key="key", base_url=sys.argv[1]))
print(agent.resume_sync(RunState.load_json(sys.stdin.buffer.read())).output)
"""


def test_another_process_goes_on(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("work"))
    with pytest.raises(AgentKitError) as caught:
        Agent(MODEL, tools=[fail_first()], client=client, errors="raise").run_sync("Go.")
    emulator.reply(text("At last."))

    done = subprocess.run(
        [sys.executable, "-c", RESUME, emulator.url],
        input=caught.value.state.dump_json(),
        capture_output=True,
        check=False,
    )

    assert (done.stdout.decode().strip(), done.stderr.decode()) == ("At last.", "")
    assert told(emulator) == [{"output": "worked elsewhere"}]
