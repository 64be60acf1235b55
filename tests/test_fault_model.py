"""What a run makes of a model that answers in every way of the fault matrix, section 2.

Shown where the code is, and not again here: malformed and empty answers (`test_turn.py`, `test_verdict.py`), odd
arguments (`test_calls.py`, `test_arguments.py`), circles (`test_repeats.py`), limits (`test_loop.py`), typed answers
(`test_output.py`), missing signatures (`test_placeholders.py`).
"""

import base64
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AgentKitError,
    EmptyResponse,
    GeminiClient,
    GoogleSearch,
    LimitExceeded,
    Limits,
    MalformedCall,
    Middleware,
    ProtocolError,
    ResponseBlocked,
    Retry,
    RunContext,
    RunResult,
    RunState,
    StreamInterrupted,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from agentkit.testing import (
    Asked,
    Emulator,
    Reply,
    call,
    candidate,
    code,
    finish,
    part,
    recorded,
    reply,
    reply_raw,
    server_tool,
    text,
    thought,
    usage,
)
from agentkit.testing.server import serve
from agentkit.wire import Content, GenerateContentRequest, GenerateContentResponse, Part
from tests.answered import answers, told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
WITHOUT_IDS = "gemini-2.5-flash"
SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # the documented dummy
ANOTHER = base64.b64encode(b"context_engineering_is_the_way_to_go").decode()  # the other one

Json = dict[str, Any]
Way = Callable[[Agent[Any, str]], Awaitable[RunResult[str]]]


async def whole(agent: Agent[Any, str]) -> RunResult[str]:
    return await agent.run("Go.")


async def watched(agent: Agent[Any, str]) -> RunResult[str]:
    async with agent.stream("Go.") as run:
        return await run.result()


BOTH_WAYS = pytest.mark.parametrize("way", [whole, watched], ids=["whole", "streamed"])


async def deltas(agent: Agent[Any, str], kind: type[TextDelta | ThoughtDelta] = TextDelta) -> list[str]:
    """Run and return the pieces of text as a watcher sees them."""
    async with agent.stream("Go.") as run:
        return [event.text async for event in run if isinstance(event, kind)]


def said(*parts: Json, reason: object = "STOP", **fields: Any) -> Json:
    """Return an answer, or a chunk of one if there is no reason, in the shape of the wire."""
    one: Json = {"content": {"role": "model", "parts": list(parts)}, **fields}
    return {"candidates": [one if reason is None else {**one, "finishReason": reason}]}


def asks(name: str, call_id: str | None = None, *, signature: str = SIGNATURE, **args: object) -> Json:
    call = {"name": name, "args": args} | ({} if call_id is None else {"id": call_id})
    return {"functionCall": call, "thoughtSignature": signature}


def client_of(emulator: Emulator) -> GeminiClient:
    return GeminiClient(api_key="test-key", base_url=emulator.url, retry=Retry(attempts=2, first_delay_s=0.001))


class Town:
    """Tools that write down what they did."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def visit(self, place: str = "", days: int = 1) -> str:
        """Visit a place."""
        self.done.append(place)
        return f"saw {place}"

    def measure(self, length: float) -> str:
        """Measure a length."""
        self.done.append(length)
        return repr(length)


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def agent(emulator: Emulator, town: Town) -> Agent[Any, str]:
    return Agent(MODEL, tools=[town.visit, town.measure], client=client_of(emulator))


# -- Names (row 44) ----------------------------------------------------------------------------------------------------

ALMOST = [
    pytest.param("Visit", id="another-case"),
    pytest.param("town.visit", id="dots"),
    pytest.param("visit()", id="brackets"),
    pytest.param("other_api.visit", id="another-prefix"),
    pytest.param("v" * 10_000, id="ten-thousand-characters"),
]


@pytest.mark.rows(44)
@pytest.mark.parametrize("name", ALMOST)
async def test_a_name_that_is_almost_right_runs_nothing_and_is_answered_with_the_right_ones(
    emulator: Emulator, agent: Agent[Any, str], town: Town, name: str
) -> None:
    emulator.reply(part(asks(name, place="Oslo")))
    emulator.reply(text("Done."))

    assert (await agent.run("Go.")).output == "Done."
    [response] = told(emulator)
    assert response["error"].endswith("Available: visit, measure.")
    assert len(response["error"]) < 200
    assert not town.done


@pytest.mark.rows(44)
@pytest.mark.parametrize("name", ["default_api.visit", "visit "], ids=["prefix", "trailing-space"])
async def test_a_name_with_decoration_is_mapped_and_that_is_logged(
    emulator: Emulator, agent: Agent[Any, str], town: Town, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The matrix would refuse a trailing space. It cannot mean another tool: no name may hold one."""
    emulator.reply(part(asks(name, place="Oslo")))
    emulator.reply(text("Done."))

    with caplog.at_level(logging.WARNING, "agentkit"):
        await agent.run("Go.")

    assert town.done == ["Oslo"]
    assert f"call.renamed asked={name!r} tool='visit'" in caplog.text


# -- Arguments (rows 48, 49) -------------------------------------------------------------------------------------------


async def after_raw_args(town: Town, name: str, args: str) -> tuple[Any, RunResult[str]]:
    """Let the model call with arguments in these very bytes; return what it was told, and the result."""
    body = json.dumps(said(asks(name, at="here"))).replace('{"at": "here"}', args)
    with serve(Emulator(strict=False)) as emulator:  # the service itself would not send some of these
        emulator.reply(reply_raw(body.encode()))
        emulator.reply(text("Done."))
        agent: Agent[Any, str] = Agent(MODEL, tools=[town.visit, town.measure], client=client_of(emulator))
        result = await agent.run("Go.")
        return told(emulator)[0], result


NUMBERS = [
    pytest.param("measure", '{"length": NaN}', "finite numbers, got NaN", [], id="nan"),
    pytest.param("measure", '{"length": 1e400}', "finite numbers, got Infinity", [], id="beyond-all-floats"),
    pytest.param("measure", '{"length": -Infinity}', "finite numbers, got -Infinity", [], id="infinity"),
    pytest.param("measure", '{"length": -0.0}', "-0.0", [-0.0], id="minus-zero"),
    pytest.param("measure", '{"length": true}', "expected a number, got true", [], id="a-bool-for-a-float"),
    pytest.param("visit", '{"place": "a", "days": 9223372036854775808}', "saw a", ["a"], id="above-63-bits"),
    pytest.param("visit", '{"place": "a", "days": 5.0}', "saw a", ["a"], id="a-whole-float"),
    pytest.param("visit", '{"place": "a", "days": 1e400}', "finite numbers, got Infinity", [], id="infinite-days"),
]


@pytest.mark.rows(48)
@pytest.mark.parametrize(("name", "args", "answer", "done"), NUMBERS)
async def test_a_number_on_the_wire_is_taken_whole_or_refused(
    town: Town, name: str, args: str, answer: str, done: list[object]
) -> None:
    response, _ = await after_raw_args(town, name, args)

    assert answer in str(response)
    assert town.done == done


@pytest.mark.rows(49)
async def test_of_two_equal_keys_the_last_counts(town: Town) -> None:
    """It is not logged: a hook that sees both keys would more than double the cost of reading every answer."""
    response, _ = await after_raw_args(town, "visit", '{"place": "Oslo", "place": "Rome"}')

    assert response == {"output": "saw Rome"}


HUGE = [
    pytest.param('{"place": ' + "[" * 150 + "]" * 150 + "}", "nested deeper than 100 levels", id="150-levels"),
    pytest.param('{"place": "' + "x" * (3 << 20) + '"}', "at most 1,048,576 are taken", id="3-megabytes"),
]


@pytest.mark.rows(49)
@pytest.mark.parametrize(("args", "sentence"), HUGE)
async def test_huge_arguments_are_refused_in_a_result_and_the_run_can_be_saved(
    town: Town, args: str, sentence: str
) -> None:
    """Ten megabytes, as in the matrix, fit into no model's context when they go back."""
    response, result = await after_raw_args(town, "visit", args)

    assert sentence in response["error"]
    assert not town.done
    assert RunState.load_json(result.state.dump_json()).contents == result.contents


@pytest.mark.rows(49)
@pytest.mark.parametrize("levels", [1_000, 100_000])
async def test_an_answer_deeper_than_python_can_read_is_an_error_of_the_protocol(town: Town, levels: int) -> None:
    """No result goes to the model: what cannot be read cannot be kept either, and its call would have no content."""
    deep = '{"place": ' + "[" * levels + "]" * levels + "}"

    with serve(Emulator(strict=False)) as emulator:
        for _ in range(2):
            body = json.dumps(said(asks("visit", at="here"))).replace('{"at": "here"}', deep)
            emulator.reply(reply_raw(body.encode()))
        with pytest.raises(ProtocolError) as caught:
            await Agent(MODEL, tools=[town.visit], client=client_of(emulator)).run("Go.")

    assert len(caught.value.state.contents) == 1
    assert not town.done


# -- Calls that the service could not read (rows 50, 51) ---------------------------------------------------------------

BAD_ENDS = [
    pytest.param("MALFORMED_FUNCTION_CALL", ["VALIDATED", "VALIDATED", "ANY"], id="malformed-call"),
    pytest.param("UNEXPECTED_TOOL_CALL", ["VALIDATED", "VALIDATED", "ANY"], id="unexpected-call"),
    pytest.param("MALFORMED_RESPONSE", ["VALIDATED"] * 2, id="malformed-response"),
    pytest.param("TOO_MANY_TOOL_CALLS", ["VALIDATED"], id="too-many-calls"),
]


@pytest.mark.rows(50, 51, "R5")
@BOTH_WAYS
@pytest.mark.parametrize(("reason", "modes"), BAD_ENDS)
async def test_each_bad_end_has_its_own_reason_and_as_many_tries_as_help(
    emulator: Emulator, agent: Agent[Any, str], way: Way, reason: str, modes: list[str]
) -> None:
    """Beside the matrix in two points.

    An unexpected call gets the forced mode too: that mode allows the offered names only, which is what went wrong.
    Too many calls are not asked for again: they are a loop within the service, which nothing we send would change.
    """
    for _ in modes:
        emulator.reply(finish(reason, "print(default_api.visit("))

    with pytest.raises(MalformedCall) as caught:
        await way(agent)

    error = caught.value
    assert (error.reason, error.message, error.attempts) == (reason, "print(default_api.visit(", len(modes))
    configs = [request.get("toolConfig", {}).get("functionCallingConfig", {}) for request in emulator.requests]
    assert [config.get("mode") for config in configs] == modes
    assert len(error.state.contents) == 1


# -- Empty answers (rows 53, 54) ---------------------------------------------------------------------------------------

LONE_SIGNATURE = {"text": "", "thoughtSignature": SIGNATURE}
THOUGHT = {"text": "Hm.", "thought": True}
WITHOUT_END = [
    pytest.param({}, id="no-candidates"),
    pytest.param({"candidates": []}, id="an-empty-list"),
    pytest.param({"candidates": [{}]}, id="an-empty-candidate"),
    pytest.param(said(reason=None), id="no-parts-and-no-reason"),
]
EMPTY = [
    pytest.param({"candidates": [{"finishReason": "STOP"}]}, id="no-content"),
    pytest.param({"candidates": [{"finishReason": "STOP", "content": {}}]}, id="no-parts-and-no-role"),
    pytest.param(said(), id="an-empty-list-of-parts"),
    pytest.param(said({}), id="an-empty-part"),
    pytest.param(said({"text": ""}), id="an-empty-text"),
    pytest.param(said(THOUGHT), id="thoughts-only"),
    pytest.param(said(LONE_SIGNATURE), id="a-lone-signature"),
    pytest.param(said(THOUGHT, LONE_SIGNATURE), id="a-thought-and-a-signature"),
]
EMPTY_BOTH_WAYS = pytest.mark.parametrize(
    ("way", "empty"),
    [
        *(pytest.param(whole, *one.values, id=f"{one.id}-whole") for one in (*WITHOUT_END, *EMPTY)),
        *(pytest.param(watched, *one.values, id=f"{one.id}-streamed") for one in EMPTY),
    ],
)


@pytest.mark.rows(53, 54, "R5")
@EMPTY_BOTH_WAYS
async def test_an_empty_answer_is_asked_for_once_more_and_never_kept(
    emulator: Emulator, agent: Agent[Any, str], way: Way, empty: Json
) -> None:
    """Also a lone signature: the same request is asked again, and two contents of the model in a row are refused."""
    emulator.reply(recorded([empty]))
    emulator.reply(text("Fine."))

    result = await way(agent)

    assert result.output == "Fine."
    assert [content.role for content in result.contents] == ["user", "model"]
    assert emulator.requests[0] == emulator.requests[1]


@pytest.mark.rows(53, 54, "R5")
@EMPTY_BOTH_WAYS
async def test_two_empty_answers_are_no_success(
    emulator: Emulator, agent: Agent[Any, str], way: Way, empty: Json
) -> None:
    for _ in range(2):
        emulator.reply(recorded([empty]))

    with pytest.raises(EmptyResponse) as caught:
        await way(agent)

    assert caught.value.attempts == 2
    assert len(caught.value.state.contents) == 1


@pytest.mark.rows(53, "R5")
@pytest.mark.parametrize("empty", WITHOUT_END)
async def test_a_stream_of_nothing_that_has_no_end_is_an_interrupted_one(
    emulator: Emulator, agent: Agent[Any, str], empty: Json
) -> None:
    """It is not asked for again, unlike in the matrix: a piece of it has been handed out, though an empty one."""
    emulator.reply(recorded([empty]))

    with pytest.raises(StreamInterrupted, match="without a finish reason") as caught:
        await watched(agent)

    assert caught.value.retryable
    assert len(caught.value.state.contents) == 1


@pytest.mark.rows(54)
@BOTH_WAYS
async def test_white_space_is_an_answer(emulator: Emulator, agent: Agent[Any, str], way: Way) -> None:
    emulator.reply(recorded([said({"text": " \n"})]))

    assert (await way(agent)).output == " \n"


@pytest.mark.rows(54, 62)
async def test_a_lone_signature_behind_a_text_is_kept(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(recorded([said({"text": "Hi."}, reason=None), said(LONE_SIGNATURE)]))

    result = await watched(agent)

    assert [one.to_wire() for one in result.contents[1].parts or []] == [{"text": "Hi."}, LONE_SIGNATURE]


# -- Half an answer (rows 55, 56) --------------------------------------------------------------------------------------


@pytest.mark.rows(55, "R6")
async def test_a_call_that_was_cut_while_it_was_streamed_is_not_run(town: Town) -> None:
    """Vertex AI streams the arguments of a call in pieces."""
    begun = {"functionCall": {"name": "visit", "willContinue": True}, "thoughtSignature": SIGNATURE}
    half = {"partialArgs": [{"jsonPath": "$.place", "stringValue": "Os", "willContinue": True}], "willContinue": True}

    with serve(Emulator(strict=False)) as emulator:
        emulator.reply(recorded([said(begun, reason=None), said({"functionCall": half}, reason="MAX_TOKENS")]))
        emulator.reply(text("Done."))
        await watched(Agent(MODEL, tools=[town.visit], client=client_of(emulator)))
        [response] = told(emulator)

    assert "was cut at the output limit" in response["error"]
    assert not town.done


def hop(words: str, **fields: Any) -> Json:
    return said({"text": words}, reason="CONTINUATION", **fields)


TOKEN = "dG9rZW4x"
TORN = [
    pytest.param([hop("Half")], id="no-token-to-ask-with"),
    pytest.param([hop("Ha", continuationToken=TOKEN), hop("lf")], id="no-token-the-second-time"),
    pytest.param(
        [hop("Half", continuationToken=TOKEN), {"candidates": [{"finishReason": "MAX_TOKENS"}]}], id="a-limit"
    ),
]


@pytest.mark.rows(55)
@BOTH_WAYS
@pytest.mark.parametrize("hops", TORN)
async def test_a_long_answer_whose_rest_cannot_be_had_says_that_it_was_cut(
    emulator: Emulator, agent: Agent[Any, str], way: Way, hops: list[Json]
) -> None:
    for one in hops:
        emulator.reply(recorded([one]))

    result = await way(agent)

    assert (result.output, result.stop) == ("Half", "truncated")
    assert len(emulator.requests) == len(hops)


@pytest.mark.rows(55, "R6")
async def test_a_call_in_a_long_answer_whose_rest_cannot_be_had_is_not_run(
    emulator: Emulator, agent: Agent[Any, str], town: Town
) -> None:
    emulator.reply(recorded([said(asks("visit", place="Oslo"), reason="CONTINUATION")]))
    emulator.reply(text("Done."))

    await agent.run("Go.")

    assert "was cut at the output limit" in told(emulator)[0]["error"]
    assert not town.done


RATINGS = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}]
BLOCK_REASONS = [
    *("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"),
    "A_REASON_OF_NEXT_YEAR",
]


@pytest.mark.rows(56, 58)
@BOTH_WAYS
@pytest.mark.parametrize("reason", BLOCK_REASONS)
async def test_a_blocked_prompt_tells_reason_and_ratings_and_is_not_sent_again(
    emulator: Emulator, agent: Agent[Any, str], way: Way, reason: str
) -> None:
    emulator.reply(recorded([{"promptFeedback": {"blockReason": reason, "safetyRatings": RATINGS}}]))

    with pytest.raises(ResponseBlocked) as caught:
        await way(agent)

    error = caught.value
    assert (error.reason, error.where, error.ratings, error.partial) == (reason, "prompt", RATINGS, "")
    assert len(emulator.requests) == 1


@pytest.mark.rows(56)
@BOTH_WAYS
async def test_a_blocked_answer_tells_ratings_and_half_a_text(
    emulator: Emulator, agent: Agent[Any, str], way: Way
) -> None:
    emulator.reply(text("Half"), finish("SAFETY"), candidate(safetyRatings=RATINGS))

    with pytest.raises(ResponseBlocked) as caught:
        await way(agent)

    error = caught.value
    assert (error.reason, error.where, error.ratings, error.partial) == ("SAFETY", "answer", RATINGS, "Half")
    assert len(error.state.contents) == 1


BLOCKED_LATE = [
    pytest.param([[said({"text": "Half"}, reason=None), {"promptFeedback": {"blockReason": "SAFETY"}}]], id="a-stream"),
    pytest.param([[hop("Half", continuationToken=TOKEN)], [{"promptFeedback": {"blockReason": "SAFETY"}}]], id="a-hop"),
]


@pytest.mark.rows(56)
@pytest.mark.parametrize("chunks", BLOCKED_LATE)
async def test_half_an_answer_to_a_prompt_that_was_blocked_late_is_no_answer(
    emulator: Emulator, agent: Agent[Any, str], chunks: list[list[Json]]
) -> None:
    for one in chunks:
        emulator.reply(recorded(one))

    with pytest.raises(ResponseBlocked) as caught:
        await watched(agent)

    assert (caught.value.where, caught.value.partial) == ("prompt", "Half")
    assert len(caught.value.state.contents) == 1


# -- Other ends (rows 57, 58) ------------------------------------------------------------------------------------------

ENDS_IN_VAIN = [
    pytest.param("RECITATION", ResponseBlocked, 2, id="recitation"),
    pytest.param("LANGUAGE", ResponseBlocked, 1, id="language"),
    pytest.param("OTHER", EmptyResponse, 2, id="other"),
    pytest.param("NO_IMAGE", EmptyResponse, 2, id="no-image"),
    pytest.param("A_REASON_OF_NEXT_YEAR", EmptyResponse, 2, id="unknown"),
    pytest.param(77, EmptyResponse, 2, id="an-unknown-number"),
]


@pytest.mark.rows(57, 58)
@BOTH_WAYS
@pytest.mark.parametrize(("reason", "error", "requests"), ENDS_IN_VAIN)
async def test_an_abnormal_end_without_content_is_an_error_with_its_reason(
    emulator: Emulator, agent: Agent[Any, str], way: Way, reason: object, error: type[AgentKitError], requests: int
) -> None:
    for _ in range(requests):
        emulator.reply(recorded([said(reason=reason)]))

    with pytest.raises(error, match=str(reason)) as caught:
        await way(agent)

    assert caught.value.reason == str(reason)  # type: ignore[attr-defined]
    assert len(emulator.requests) == requests


@pytest.mark.rows(57, 58)
@pytest.mark.parametrize("reason", ["OTHER", "A_REASON_OF_NEXT_YEAR"])
async def test_a_text_counts_also_where_the_end_is_odd(emulator: Emulator, agent: Agent[Any, str], reason: str) -> None:
    """The matrix would make `OTHER` an error. The rule of the house is to decide by the parts: a text that came is
    worth more than the loss of it, and new reasons appear each year. Calls are another matter: those are not run.
    """
    emulator.reply(text("Here."), finish(reason))

    assert (await agent.run("Go.")).output == "Here."


BY_NUMBER = [
    pytest.param(1, "answer", id="stop"),
    pytest.param(2, "truncated", id="max-tokens"),
    pytest.param(3, "SAFETY", id="safety"),
    pytest.param(5, "answer", id="other"),
]


@pytest.mark.rows(56, 58)
@BOTH_WAYS
@pytest.mark.parametrize(("number", "outcome"), BY_NUMBER)
async def test_a_finish_reason_as_number_means_the_same(
    emulator: Emulator, agent: Agent[Any, str], way: Way, number: int, outcome: str
) -> None:
    """Some gateways send enums so. Above 5 the numbers differ between Google and Vertex AI."""
    emulator.reply(recorded([said({"text": "Half"}, reason=number)]))

    try:
        ended: str = (await way(agent)).stop
    except ResponseBlocked as error:
        ended = error.reason

    assert ended == outcome


@pytest.mark.rows(58, "R6")
async def test_a_call_with_an_unknown_end_is_not_run(emulator: Emulator, agent: Agent[Any, str], town: Town) -> None:
    emulator.reply(call("visit", place="Oslo"), finish("A_REASON_OF_NEXT_YEAR"))
    emulator.reply(text("Done."))

    await agent.run("Go.")

    assert "did not end well (A_REASON_OF_NEXT_YEAR)" in told(emulator)[0]["error"]
    assert not town.done


finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
unknown = st.dictionaries(words.map("new {}".format), anything, max_size=2)  # no known name has a space


@st.composite
def from_next_year(draw: st.DrawFn) -> Json:
    """Return an answer with unknown fields at each level, unknown parts, and unknown values of enums."""

    def more(known: Json) -> Json:
        pairs = [*known.items(), *draw(unknown).items()]
        return dict(draw(st.permutations(pairs)))

    asked = more({"functionCall": more({"name": "visit", "args": {"place": "Oslo"}}), "thoughtSignature": SIGNATURE})
    other = draw(st.lists(st.builds(lambda kind, value: {f"new {kind}": value}, words, anything), max_size=2))
    ran = more({"executableCode": more({"language": "LATIN", "code": "x"})})
    parts = draw(st.permutations([asked, ran, more({"text": "Hm.", "thought": True}), *map(more, other)]))
    one = more({"content": more({"role": "model", "parts": list(parts)}), "finishReason": "STOP"})
    return more({"candidates": [one], "usageMetadata": more({"totalTokenCount": 3, "trafficType": "BY_PIGEON"})})


@pytest.mark.rows(58)
@pytest.mark.parametrize("way", [whole, watched], ids=["whole", "streamed"])
def test_what_nobody_knows_yet_is_kept_and_goes_back_byte_for_byte(way: Way) -> None:
    """The chunks of a stream are put together anew: there the order of the fields may be another one."""
    in_order = way is whole

    @settings(max_examples=20, deadline=None)
    @given(from_next_year())
    def holds(answer: Json) -> None:
        town = Town()
        emulator.reply(recorded([answer]))
        emulator.reply(text("Done."))
        agent: Agent[Any, str] = Agent(MODEL, tools=[town.visit], client=client_of(emulator))

        result = anyio.run(way, agent)

        content = json.dumps(answer["candidates"][0]["content"], sort_keys=not in_order)
        saved = RunState.load_json(result.state.dump_json())
        assert json.dumps(emulator.requests[-1]["contents"][1], sort_keys=not in_order) == content
        assert json.dumps(saved.contents[1].to_wire(), sort_keys=not in_order) == content
        assert town.done == ["Oslo"]

    with serve(Emulator(strict=False)) as emulator:  # the judge does not know next year's fields
        holds()


# -- Without an end (rows 59 to 61) ------------------------------------------------------------------------------------

BOUNDS = [
    pytest.param(Limits(turns=4, on_limit="raise"), "turns", 4, id="turns"),
    pytest.param(Limits(tool_calls=6, on_limit="raise"), "tool_calls", 3, id="tool-calls"),
    pytest.param(Limits(total_tokens=50, on_limit="raise"), "total_tokens", 5, id="tokens"),
]


@pytest.mark.rows(59, 60, "R5")
@pytest.mark.parametrize(("limits", "name", "requests"), BOUNDS)
async def test_calls_that_differ_in_a_counter_are_bounded_by_each_limit(
    town: Town, limits: Limits, name: str, requests: int
) -> None:
    """There is no limit in money: prices are not told on the wire and change; tokens are what they are counted in."""

    def count_on(asked: Asked) -> Reply:
        number = len(asked.body["contents"])
        pair = (call("visit", place=f"{number}a"), call("visit", place=f"{number}b"))
        return reply(*pair, usage(totalTokenCount=10))

    with serve(Emulator(brain=count_on)) as emulator:
        with pytest.raises(LimitExceeded) as caught:
            await Agent(MODEL, tools=[town.visit], client=client_of(emulator), limits=limits).run("Go.")

        assert len(emulator.requests) == requests
    error = caught.value
    assert error.limit == name
    assert (error.state.usage.turns, len(error.state.contents)) == (requests, 1 + 2 * requests)


# -- Several calls (rows 63 to 65) -------------------------------------------------------------------------------------


@pytest.mark.rows(63)
@BOTH_WAYS
@pytest.mark.parametrize("model", [MODEL, WITHOUT_IDS], ids=["with-ids", "without-ids"])
async def test_three_calls_of_one_function_are_answered_in_their_order_whichever_ends_first(
    emulator: Emulator, way: Way, model: str
) -> None:
    ended = {name: anyio.Event() for name in "abc"}
    order: list[str] = []

    async def work(name: str) -> str:
        """Work, after the one that was asked for next."""
        if name != "c":
            await ended[chr(ord(name) + 1)].wait()
        order.append(name)
        ended[name].set()
        return name

    emulator.reply(*(call("work", name=name) for name in "abc"))
    emulator.reply(text("Done."))

    await way(Agent(model, tools=[work], client=client_of(emulator)))

    asked = [one["functionCall"] for one in emulator.requests[1]["contents"][1]["parts"]]
    given = answers(emulator)
    assert order == ["c", "b", "a"]
    assert [answer["response"] for answer in given] == [{"output": "a"}, {"output": "b"}, {"output": "c"}]
    assert [answer.get("id", "none") for answer in given] == [call.get("id", "none") for call in asked]
    assert all(("id" in answer) == (model == MODEL) for answer in given)


@pytest.mark.rows(64)
@BOTH_WAYS
async def test_two_calls_with_one_id_are_two_calls(
    emulator: Emulator, agent: Agent[Any, str], town: Town, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    second = asks("visit", "1", signature=ANOTHER, place="Rome")
    emulator.reply(recorded([said(asks("visit", "1", place="Oslo"), second)]))
    emulator.reply(text("Done."))

    with caplog.at_level(logging.WARNING, "agentkit"):
        await way(agent)

    assert sorted(map(str, town.done)) == ["Oslo", "Rome"]
    assert told(emulator) == [{"output": "saw Oslo"}, {"output": "saw Rome"}]
    assert "call.same_id calls=2 ids=1" in caplog.text


@pytest.mark.rows(64)
async def test_an_id_of_an_earlier_turn_means_the_new_call(
    emulator: Emulator, agent: Agent[Any, str], town: Town
) -> None:
    """It is not logged: nothing hangs on it, and to look for it each turn would read the whole history again."""
    emulator.reply(recorded([said(asks("visit", "1", place="Oslo"))]))
    emulator.reply(recorded([said(asks("visit", "1", signature=ANOTHER, place="Rome"))]))
    emulator.reply(text("Done."))

    await agent.run("Go.")

    assert town.done == ["Oslo", "Rome"]
    assert [told(emulator, request) for request in (1, 2)] == [[{"output": "saw Oslo"}], [{"output": "saw Rome"}]]


@pytest.mark.rows(65)
async def test_text_and_thoughts_beside_a_call_are_streamed_and_kept_in_order_but_are_not_the_answer(
    emulator: Emulator, town: Town
) -> None:
    agent: Agent[Any, str] = Agent(MODEL, tools=[town.visit], client=client_of(emulator), include_thoughts=True)
    emulator.reply(thought("Where?"), text("Let me look."), call("visit", place="Oslo"), text("Soon."))
    emulator.reply(text("Done."))

    async with agent.stream("Go.") as run:
        events = [event async for event in run if isinstance(event, TextDelta | ThoughtDelta)]
        result = await run.result()

    assert [event.text for event in events] == ["Where?", "Let me look.", "Soon.", "Done."]
    kept = [
        next(iter(one.keys() - {"thoughtSignature", "thought"})) for one in emulator.requests[1]["contents"][1]["parts"]
    ]
    assert kept == ["text", "text", "functionCall", "text"]
    assert result.output == "Done."


# -- Several candidates (row 67) ---------------------------------------------------------------------------------------


class Keep(Middleware):
    """Keeps the answers of the model as they came."""

    def __init__(self) -> None:
        self.seen: list[GenerateContentResponse] = []

    async def around_model(
        self,
        context: RunContext[Any],
        request: GenerateContentRequest,
        proceed: Callable[[GenerateContentRequest], Awaitable[GenerateContentResponse]],
    ) -> GenerateContentResponse:
        self.seen.append(await proceed(request))
        return self.seen[-1]


def of(index: int, *parts: Json, reason: str | None = None) -> Json:
    [one] = said(*parts, reason=reason, index=index)["candidates"]
    return dict(one)


@pytest.mark.rows(67, 70)
@BOTH_WAYS
async def test_the_first_candidate_counts_and_a_middleware_sees_the_others(
    emulator: Emulator, town: Town, way: Way
) -> None:
    keep = Keep()
    other = of(1, asks("visit", place="Rome"), reason="STOP")
    emulator.reply(recorded([{"candidates": [other, of(0, {"text": "First."}, reason="STOP")]}]))

    result = await way(Agent(MODEL, tools=[town.visit], client=client_of(emulator), middleware=[keep]))

    assert (result.output, town.done) == ("First.", [])
    assert [one.index for one in keep.seen[0].candidates or []] == [1, 0]


@pytest.mark.rows(67)
async def test_a_watcher_sees_the_text_of_the_first_candidate_only(emulator: Emulator, agent: Agent[Any, str]) -> None:
    pieces = [
        of(0, {"text": "a"}),
        of(1, {"text": "X"}),
        of(1, {"text": "Y"}, reason="STOP"),
        of(0, {"text": "b"}, reason="STOP"),
    ]
    emulator.reply(recorded([{"candidates": [piece]} for piece in pieces]))

    assert await deltas(agent) == ["a", "b"]


# -- Counts, roles, versions (rows 69, 70) -----------------------------------------------------------------------------

COUNTED = [
    pytest.param([{"totalTokenCount": 3}, {"totalTokenCount": 5}, {"totalTokenCount": 9}], 9, id="growing"),
    pytest.param([None, None, {"totalTokenCount": 9}], 9, id="in-the-last-only"),
    pytest.param([{"totalTokenCount": 9}, {"totalTokenCount": 0}, {}], 9, id="zero-at-the-end"),
    pytest.param([{"totalTokenCount": 9}, None, None], 9, id="absent-at-the-end"),
    pytest.param([{"totalTokenCount": -4}, None, None], 0, id="negative"),
    pytest.param([{"totalTokenCount": "9"}, None, {"totalTokenCount": True}], 0, id="no-numbers"),
    pytest.param([None, None, None], 0, id="absent"),
]


@pytest.mark.rows(69)
@pytest.mark.parametrize(("counts", "total"), COUNTED)
async def test_the_counts_of_a_stream_are_counted_once_and_never_negative(
    emulator: Emulator, agent: Agent[Any, str], counts: list[Json | None], total: int
) -> None:
    """The matrix wants None for a count that the service did not give. A usage is a sum over turns, and there is no sum
    with None in it; what one answer said is in the middleware's `response.usage_metadata`.
    """
    ends = [None, None, "STOP"]
    chunks = [said({"text": "a"}, reason=end) for end in ends]
    emulator.reply(
        recorded(
            [
                {**one, **({} if count is None else {"usageMetadata": count})}
                for one, count in zip(chunks, counts, strict=True)
            ]
        )
    )

    spent = (await watched(agent)).usage

    assert spent == Usage(turns=1, requests=1, total_tokens=total, cost=None)


@pytest.mark.rows(70)
@BOTH_WAYS
@pytest.mark.parametrize("role", ["user", "assistant", "", None, 7], ids=repr)
async def test_an_answer_in_another_role_goes_back_as_the_models(
    emulator: Emulator, agent: Agent[Any, str], way: Way, role: object
) -> None:
    content = {"parts": [asks("visit", place="Oslo")]} | ({} if role is None else {"role": role})
    emulator.reply(recorded([{"candidates": [{"content": content, "finishReason": "STOP"}]}]))
    emulator.reply(text("Done."))

    assert (await way(agent)).output == "Done."
    assert emulator.requests[1]["contents"][1] == {**content, "role": "model"}


# -- What Gemini runs itself (row 71) ----------------------------------------------------------------------------------


@pytest.mark.rows(71)
@BOTH_WAYS
async def test_what_gemini_ran_beside_a_call_goes_back_whole_and_is_not_run_here(
    emulator: Emulator, town: Town, way: Way
) -> None:
    keep = Keep()
    emulator.reply(
        server_tool("GOOGLE_SEARCH_WEB", {"queries": ["Oslo"]}, {"search_suggestions": "<div>"}),
        code("import os; os.abort()", ""),
        call("visit", place="Oslo"),
    )
    emulator.reply(text("Done."))

    await way(Agent(MODEL, tools=[town.visit, GoogleSearch()], client=client_of(emulator), middleware=[keep]))

    sent_back = emulator.requests[1]["contents"][1]
    kinds = [next(iter(one.keys() - {"thoughtSignature"})) for one in sent_back["parts"]]
    assert kinds == ["toolCall", "toolResponse", "executableCode", "codeExecutionResult", "functionCall"]
    assert keep.seen[0].content is not None
    assert sent_back == keep.seen[0].content.to_wire()
    assert told(emulator) == [{"output": "saw Oslo"}]


# -- Secrets in the model's own words (row 72) -------------------------------------------------------------------------

SECRET = "sesame-0123456789"


class Redact(Middleware):
    """Takes a secret out of each answer before the run sees it."""

    async def around_model(
        self,
        context: RunContext[Any],
        request: GenerateContentRequest,
        proceed: Callable[[GenerateContentRequest], Awaitable[GenerateContentResponse]],
    ) -> GenerateContentResponse:
        response = await proceed(request)
        assert response.candidate is not None
        clean = Content(role="model", parts=[Part(text=response.text.replace(SECRET, "[redacted]"))])
        return response.replace(candidates=[response.candidate.replace(content=clean)])


@pytest.mark.rows(72)
@BOTH_WAYS
async def test_what_a_middleware_takes_out_is_in_no_answer_no_history_and_no_saved_run(
    emulator: Emulator, way: Way
) -> None:
    """Redaction is not built in: only the program knows its secrets. A middleware sees a streamed answer whole, so that
    no border of a chunk hides a secret from it.
    """
    chunks = [said({"text": f"It is {SECRET[:7]}"}, reason=None), said({"text": f"{SECRET[7:]}!"})]
    emulator.reply(recorded(chunks if way is watched else [said({"text": f"It is {SECRET}!"})]))

    result = await way(Agent(MODEL, client=client_of(emulator), middleware=[Redact()]))

    assert result.output == "It is [redacted]!"
    assert SECRET.encode() not in result.state.dump_json()


@pytest.mark.rows(72)
async def test_deltas_are_the_models_own_words_whatever_a_middleware_makes_of_them(emulator: Emulator) -> None:
    """Deltas are told before the answer is whole, and so before a middleware sees it. Who shows them and has secrets to
    hide filters what is joined, and holds back as many characters as a secret is long.
    """
    emulator.reply(recorded([said({"text": SECRET[:7]}, reason=None), said({"text": SECRET[7:]})]))

    pieces = await deltas(Agent(MODEL, client=client_of(emulator), middleware=[Redact()]))

    assert pieces == [SECRET[:7], SECRET[7:]]
