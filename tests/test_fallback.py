"""A chain of models: which failures the next one is asked after, and what goes over to it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    Event,
    GeminiError,
    GoogleSearch,
    Image,
    InvalidRequest,
    ModelChanged,
    NotFound,
    ProtocolError,
    RateLimited,
    ResponseBlocked,
    RunState,
    ServerError,
    StreamInterrupted,
    TextDelta,
    approve,
    tool,
)
from agentkit.fallback import fallback_reason
from agentkit.foreign import as_read_by
from agentkit.history import PLACEHOLDER
from agentkit.models import facts
from agentkit.testing import FakeGemini, blocked, calls, close, error, reply, says, stream, when
from agentkit.testing.finding import Profile
from agentkit.testing.steps import Answer
from agentkit.wire import Content, History

FIRST, SECOND, OLD = "gemini-3.6-flash", "gemini-4-argon", "gemini-2.5-flash"
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
GONE = "models/gemini-x is not found for API version v1beta, or is not supported for generateContent."
GONE_AT_VERTEX = "Publisher Model `projects/p/locations/us-central1/publishers/google/models/gemini-x` not found."


@tool
def look() -> str:
    """Look."""
    return "seen"


def of(model: str, answer: Answer) -> Any:
    """A step for a request to one model."""
    return when(lambda asked: asked.model == model, answer)


def models_asked(gemini: FakeGemini) -> list[str]:
    return [asked.model for asked in gemini.asked]


def parts_of(body: Any) -> list[dict[str, Any]]:
    return [part for content in body["contents"] for part in content["parts"]]


FAILURES = [
    pytest.param(ServerError(503, "UNAVAILABLE", "busy"), True, "overload", id="503"),
    pytest.param(ServerError(529, "", "overloaded"), True, "overload", id="529"),
    pytest.param(ServerError(500, "INTERNAL", "An internal error has occurred."), True, "overload", id="500"),
    pytest.param(ServerError(502, "", "Bad Gateway"), True, "overload", id="502"),
    pytest.param(ServerError(504, "DEADLINE_EXCEEDED", "too slow"), True, "overload", id="504"),
    pytest.param(ServerError(501, "UNIMPLEMENTED", "no"), False, None, id="501-is-no-overload"),
    pytest.param(NotFound(404, "NOT_FOUND", GONE), False, "not_found", id="404-of-the-model"),
    pytest.param(NotFound(404, "NOT_FOUND", GONE_AT_VERTEX), False, "not_found", id="404-of-the-model-at-vertex"),
    pytest.param(
        NotFound(404, "NOT_FOUND", "Not found: cache content metadata 8754364356910645200."),
        False,
        None,
        id="404-cache",
    ),
    pytest.param(NotFound(404, "", "Not Found"), False, None, id="404-of-a-wrong-address"),
    pytest.param(RateLimited(429, "RESOURCE_EXHAUSTED", "slow down"), True, "quota", id="429"),
    pytest.param(RateLimited(402, "RESOURCE_EXHAUSTED", "no credit"), False, None, id="402-credit-is-not-of-a-model"),
    pytest.param(InvalidRequest(400, "INVALID_ARGUMENT", "The model is overloaded"), False, None, id="400"),
    pytest.param(AuthenticationFailed(401, "UNAUTHENTICATED", "no"), False, None, id="401"),
    pytest.param(AuthenticationFailed(403, "PERMISSION_DENIED", "no"), False, None, id="403"),
    pytest.param(ConnectionFailed("no host"), True, None, id="no-connection"),
    pytest.param(DeadlineExceeded("the answer", 3.0), True, None, id="no-time"),
    pytest.param(ProtocolError("html"), False, None, id="no-gemini-api"),
    pytest.param(StreamInterrupted("reset", "half"), True, None, id="a-stream-that-broke-off"),
]


@pytest.mark.parametrize(("failure", "retryable", "reason"), FAILURES)
def test_a_failure_that_another_model_may_not_have_falls_back(
    failure: GeminiError, retryable: bool, reason: str | None
) -> None:
    if not isinstance(failure, RateLimited):  # it knows by itself
        failure.retryable = retryable

    assert fallback_reason(failure) == reason


REASONS = [
    pytest.param(error(503), 4, "overload", id="overload"),
    pytest.param(error(500), 4, "overload", id="internal"),
    pytest.param(error(404), 1, "not_found", id="not-found"),
    pytest.param(error(404, gateway=True), 1, "not_found", id="not-found-by-a-gateway"),
    pytest.param(error(429), 4, "quota", id="quota"),
    pytest.param(error(429, quota="RequestsPerDayPerModel-FreeTier"), 1, "quota", id="quota-per-day-is-not-retried"),
]


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("failure", "attempts", "reason"), REASONS)
async def test_a_run_goes_on_with_the_next_model(
    profile: Profile, streamed: bool, failure: Answer, attempts: int, reason: str
) -> None:
    steps = [*[of(FIRST, failure)] * attempts, of(SECOND, says("Hi."))]
    events: list[Event] = []

    with FakeGemini(*steps, profile=profile) as gemini:
        agent = Agent([FIRST, SECOND], client=gemini.client)
        if streamed:
            async with agent.stream("Hello.") as run:
                events = [event async for event in run]
                result = await run.result()
        else:
            result = await agent.run("Hello.")

    assert (result.output, result.model, result.model_version) == ("Hi.", SECOND, SECOND)
    assert models_asked(gemini) == [FIRST] * attempts + [SECOND]
    if streamed:
        [change] = [event for event in events if isinstance(event, ModelChanged)]
        assert (change.old, change.new, change.reason) == (FIRST, SECOND, reason)
        assert change.to_json()["type"] == "model_changed"


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
async def test_calls_of_the_first_model_go_to_the_next_one_with_the_placeholder(profile: Profile) -> None:
    two_calls = reply(calls("look"), calls("look"))
    gone = error(404, GONE)
    steps = [of(FIRST, two_calls), of(FIRST, gone), of(SECOND, calls("look")), of(SECOND, says("Done."))]

    with FakeGemini(*steps, profile=profile) as gemini:
        result = await Agent([FIRST, SECOND], tools=[look], client=gemini.client).run("Go.")

    _, before, after, last = gemini.requests
    own = [part.get("thoughtSignature") for part in parts_of(before) if "functionCall" in part]
    sent = [part.get("thoughtSignature") for part in parts_of(after) if "functionCall" in part]
    third = [part.get("thoughtSignature") for part in parts_of(last) if "functionCall" in part]
    assert own[0] != PLACEHOLDER
    assert sent == [PLACEHOLDER, None]
    assert third[:2] == sent
    assert third[2] not in (None, PLACEHOLDER)  # the new model's own
    kept = [part.thought_signature for content in result.contents for part in content.parts or [] if part.function_call]
    assert kept == [*own, third[2]]
    gemini.assert_valid(warnings=True)


@pytest.mark.anyio
async def test_settings_are_resolved_again_for_the_next_model() -> None:
    with FakeGemini(of(FIRST, error(404, GONE)), of(OLD, says("Hi."))) as gemini:
        await Agent([FIRST, OLD], thinking="low", client=gemini.client).run("Hello.")

    assert [body["generationConfig"] for body in gemini.requests] == [
        {"thinkingConfig": {"thinkingLevel": "LOW"}},
        {"thinkingConfig": {"thinkingBudget": 1024}},
    ]
    gemini.assert_valid(warnings=True)


@dataclasses.dataclass
class Town:
    name: str


@pytest.mark.anyio
async def test_the_way_to_a_typed_answer_is_chosen_again_for_the_next_model() -> None:
    answer = calls("final_answer", name="Oslo")

    with FakeGemini(of(FIRST, error(404, GONE)), of(OLD, answer)) as gemini:
        result = await Agent([FIRST, OLD], output=Town, tools=[look], client=gemini.client).run("Which town?")

    assert result.output == Town("Oslo")
    assert "responseJsonSchema" in gemini.requests[0]["generationConfig"]
    assert gemini.requests[1]["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"
    gemini.assert_valid(warnings=True)


@pytest.mark.anyio
async def test_what_one_model_of_the_chain_cannot_combine_is_refused_before_any_request() -> None:
    with FakeGemini() as gemini:
        agent = Agent([FIRST, OLD], tools=[look, GoogleSearch()], combine="together", client=gemini.client)
        with pytest.raises(ConfigurationError, match=rf"{OLD} cannot combine built-in tools"):
            await agent.run("Go.")

    assert not gemini.asked


@pytest.mark.anyio
async def test_what_one_model_of_the_chain_cannot_combine_is_a_function_for_all() -> None:
    steps = [of(FIRST, error(404, GONE)), of(OLD, calls("search_web", query="Euro")), of(OLD, says("Spain."))]
    with FakeGemini(*steps, of(OLD, says("It was Spain."))) as gemini:
        agent = Agent([FIRST, OLD], tools=[look, GoogleSearch()], client=gemini.client)
        result = await agent.run("Go.")

    assert result.output == "It was Spain."
    tools = [body["tools"] for body in gemini.requests]
    assert [tools[0], tools[1], tools[3]] == [tools[0]] * 3
    assert [declared["name"] for declared in tools[0][0]["functionDeclarations"]] == ["look", "search_web"]
    assert tools[2] == [{"googleSearch": {}}]


@pytest.mark.anyio
async def test_a_resumed_run_stays_with_its_model() -> None:
    @tool(needs_approval=True)
    def publish() -> str:
        """Publish."""
        return "published"

    steps = [of(FIRST, error(404, GONE)), of(SECOND, calls("publish")), of(SECOND, says("Done."))]
    with FakeGemini(*steps) as gemini:
        agent = Agent([FIRST, SECOND], tools=[publish], client=gemini.client)
        paused = await agent.run("Publish.")
        state = RunState.load_json(paused.state.dump_json())
        result = await agent.resume(state, decisions={request.key: approve() for request in state.waiting})

    assert (state.model, state.model_since) == (SECOND, 1)
    assert (result.output, result.model) == ("Done.", SECOND)
    assert models_asked(gemini) == [FIRST, SECOND, SECOND]
    gemini.assert_valid(warnings=True)


@pytest.mark.anyio
async def test_a_failed_run_is_resumed_with_the_model_that_failed_last() -> None:
    daily = error(429, quota="RequestsPerDayPerModel")

    with FakeGemini(of(FIRST, daily), of(SECOND, daily), of(SECOND, says("Hi."))) as gemini:
        agent = Agent([FIRST, SECOND], client=gemini.client)
        with pytest.raises(RateLimited) as caught:
            await agent.run("Hello.")
        result = await agent.resume(caught.value.state)

    assert result.output == "Hi."
    assert models_asked(gemini) == [FIRST, SECOND, SECOND]


@pytest.mark.anyio
async def test_when_all_fail_the_last_error_names_all_that_were_tried() -> None:
    steps = [of(FIRST, error(404, GONE)), *[of(SECOND, error(503))] * 4, of(OLD, error(429, quota="PerDay"))]

    with FakeGemini(*steps) as gemini, pytest.raises(RateLimited) as caught:
        await Agent([FIRST, SECOND, OLD], client=gemini.client).run("Hello.")

    assert caught.value.tried == (FIRST, SECOND, OLD)
    assert str(caught.value).endswith(f"Models tried: '{FIRST}', '{SECOND}', '{OLD}'.")
    assert caught.value.state.model == OLD


@pytest.mark.anyio
async def test_the_error_of_a_single_model_names_no_chain() -> None:
    with FakeGemini(error(404, GONE)) as gemini, pytest.raises(NotFound) as caught:
        await Agent(FIRST, client=gemini.client).run("Hello.")

    assert caught.value.tried == ()
    assert "tried" not in str(caught.value)


NEVER = [
    pytest.param(error(400), InvalidRequest, id="a-bad-request"),
    pytest.param(error(402), RateLimited, id="no-credit"),
    pytest.param(error(403), AuthenticationFailed, id="a-wrong-key"),
    pytest.param(blocked("SAFETY"), ResponseBlocked, id="a-blocked-prompt"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("failure", "kind"), NEVER)
async def test_what_another_model_would_answer_alike_is_raised(failure: Answer, kind: type[Exception]) -> None:
    with FakeGemini(failure) as gemini, pytest.raises(kind):
        await Agent([FIRST, SECOND], client=gemini.client).run("Hello.")

    assert models_asked(gemini) == [FIRST]


@pytest.mark.anyio
async def test_text_that_was_handed_out_before_a_fallback_is_taken_back() -> None:
    broken = reply(stream("Hel", "lo"), error(503))

    with FakeGemini(of(FIRST, broken), of(SECOND, says("Good day."))) as gemini:
        async with Agent([FIRST, SECOND], client=gemini.client).stream("Hello.") as run:
            events = [event async for event in run]
            result = await run.result()

    kept: list[str] = []
    for event in events:
        if isinstance(event, TextDelta):
            kept.append(event.text)
        elif isinstance(event, ModelChanged) and event.discard_text:
            kept.clear()
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert deltas[0] == "Hel"
    assert "".join(kept) == result.output == "Good day."
    assert len(result.contents) == 2


@pytest.mark.anyio
async def test_a_stream_that_breaks_off_is_not_asked_of_another_model() -> None:
    with FakeGemini(reply(stream("Hel", "lo"), close())) as gemini, pytest.raises(StreamInterrupted):
        async with Agent([FIRST, SECOND], client=gemini.client).stream("Hello.") as run:
            await run.result()

    assert models_asked(gemini) == [FIRST]


@pytest.mark.parametrize("models", [[], "", ["a", ""], ["a", 3], None, 7], ids=repr)
def test_what_is_no_chain_of_models_is_refused(models: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no model id"):
        Agent(models)


@tool
def shot() -> Image:
    """Take a picture."""
    return Image(b"hi", "image/png", display_name="a.png")


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
async def test_a_chat_goes_on_with_its_first_model_after_a_newer_one_saw_a_picture_of_a_tool(profile: Profile) -> None:
    steps = [of(OLD, error(404, GONE)), of(FIRST, calls("shot")), of(FIRST, says("Nice.")), of(OLD, says("Yes."))]

    with FakeGemini(*steps, profile=profile) as gemini:
        chat = Agent([OLD, FIRST], tools=[shot], client=gemini.client).chat()
        seen, again = await chat.run("Look."), await chat.run("Do you like it?")

    assert [seen.model, again.model] == [FIRST, OLD]
    assert [one.media.data for one in seen.tool_media] == [b"hi"]
    assert parts_of(gemini.asked[-1].body)[3:5] == [{"text": "'a.png', returned by shot:"}, UNNAMED]
    gemini.assert_valid(warnings=True)


@pytest.mark.anyio
async def test_media_that_a_later_model_does_not_take_are_refused_before_any_request() -> None:
    pixel = Image(b"hi", "image/png", media_resolution="low")

    with FakeGemini() as gemini, pytest.raises(ConfigurationError, match=f"{OLD} knows no media_resolution"):
        await Agent([FIRST, OLD], client=gemini.client).run(["What is it?", pixel])

    assert not gemini.asked


PIXEL = {"inlineData": {"mimeType": "image/png", "data": "aGk=", "displayName": "a.png"}}
UNNAMED = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
WORDS = {"inlineData": {"mimeType": "application/vnd.oasis.opendocument.text", "data": "aGk=", "displayName": "a.odt"}}
SHOWN = {"functionResponse": {"name": "shot", "response": {"output": "one"}, "parts": [PIXEL]}}
PLAIN = {"functionResponse": {"name": "look", "response": {"output": "two"}}}


def test_media_in_a_response_become_a_content_of_their_own_for_a_model_that_does_not_take_them() -> None:
    asked = {"role": "user", "parts": [SHOWN, PLAIN]}
    contents = History([Content.parse(asked)])

    for_old, for_new = (as_read_by(facts(model), contents).to_wire() for model in (OLD, SECOND))

    shown = {"functionResponse": {"name": "shot", "response": {"output": "one"}}}
    assert for_old == [
        {"role": "user", "parts": [shown, PLAIN]},
        {"role": "user", "parts": [{"text": "'a.png', returned by shot:"}, UNNAMED]},
    ]
    assert for_new == [asked]


def test_of_media_in_a_response_those_stay_whose_type_the_next_model_takes() -> None:
    response = {"name": "shot", "response": {"output": "one"}}
    asked = {"role": "user", "parts": [{"functionResponse": {**response, "parts": [PIXEL, WORDS]}}, PLAIN]}
    contents = History([Content.parse(asked)])

    for_third, for_fourth = (as_read_by(facts(model), contents).to_wire() for model in (FIRST, SECOND))

    unnamed = {"inlineData": {name: WORDS["inlineData"][name] for name in ("mimeType", "data")}}
    assert for_third == [
        {"role": "user", "parts": [{"functionResponse": {**response, "parts": [PIXEL]}}, PLAIN]},
        {"role": "user", "parts": [{"text": "'a.odt', returned by shot:"}, unnamed]},
    ]
    assert for_fourth == [asked]


parts = st.lists(
    st.sampled_from(
        [
            {"text": "Hm.", "thought": True},
            {"text": ""},
            {"functionCall": {"name": "f", "args": {}}},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"executableCode": {"code": "1", "language": "PYTHON"}},
        ]
    ).flatmap(lambda part: st.sampled_from([part, {**part, "thoughtSignature": "QQ=="}])),
    min_size=1,
    max_size=5,
)


@given(st.lists(parts, max_size=4), st.sampled_from([OLD, FIRST, SECOND]))
def test_nothing_foreign_is_left_and_nothing_else_is_changed(turns: list[list[dict[str, Any]]], model: str) -> None:
    contents = History([Content.parse({"role": "model", "parts": turn}) for turn in turns])

    read = as_read_by(facts(model), contents)

    sent = [part for content in read.to_wire() for part in content["parts"]]
    plain = [{key: value for key, value in part.items() if key != "thoughtSignature"} for part in sent]
    assert plain == [{k: v for k, v in part.items() if k != "thoughtSignature"} for turn in turns for part in turn]
    assert {part.get("thoughtSignature") for part in sent} <= {None, PLACEHOLDER}
    assert as_read_by(facts(model), read).encode() == read.encode()
    firsts = [next((part for part in turn["parts"] if "functionCall" in part), {}) for turn in read.to_wire()]
    assert all(part.get("thoughtSignature") == PLACEHOLDER for part in firsts if part)


FOREIGN: Sequence[dict[str, Any]] = [
    {"text": "Let me see.", "thought": True},
    {"text": "", "thoughtSignature": "QQ=="},
    {"toolCall": {"id": "t", "toolType": "URL_CONTEXT", "args": {}}, "thoughtSignature": "Qg=="},
    {"toolResponse": {"id": "t", "toolType": "URL_CONTEXT", "response": {}}, "thoughtSignature": "Qw=="},
    {"functionCall": {"name": "look", "args": {}}},
    {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "RA=="},
]


def test_foreign_signatures_go_and_every_part_keeps_its_place() -> None:
    contents = History([Content.parse({"role": "model", "parts": FOREIGN})])

    [read] = as_read_by(facts(SECOND), contents).to_wire()

    assert read["parts"] == [
        FOREIGN[0],
        {"text": ""},
        FOREIGN[2],
        FOREIGN[3],
        {**FOREIGN[4], "thoughtSignature": PLACEHOLDER},
        FOREIGN[4],
    ]
    assert contents.to_wire() == [{"role": "model", "parts": FOREIGN}]
