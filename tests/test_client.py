"""The client against a server that answers rightly, wrongly, late, in pieces or not at all."""

import asyncio
import copy
import json
import logging
import math
import pickle
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit._endpoint import model_path
from agentkit._status import Asked, status_error
from agentkit.client import GeminiClient, RetryNotice
from agentkit.connection import Connection
from agentkit.errors import (
    AgentKitError,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiError,
    InvalidRequest,
    NotFound,
    ProtocolError,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    StatusError,
    StreamInterrupted,
)
from agentkit.retry import Retry
from agentkit.transport import HttpRequest, HttpResponse, HttpxTransport, Transport
from agentkit.wire import GenerateContentRequest, WireModel, user_text
from tests.faultserver import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    Scenario,
    answer,
    chunk,
    chunked,
    drip,
    google_error,
    http_chunk,
    raw,
    reset_after,
    silent,
    sse,
    status,
    stream,
)

pytestmark = pytest.mark.anyio

KEY = "sesame-0123456789-open"
MODEL = "gemini-test"
QUESTION = GenerateContentRequest(contents=[user_text("Who is there?")])
FAST = Retry(first_delay_s=0.001, rate_limit_delay_s=0.001)
FINE = answer(chunk("fine", finish="STOP"))
FINE_STREAM = stream(chunk("fi"), chunk("ne", finish="STOP"))


def client_for(server: FaultServer, **settings: Any) -> GeminiClient:
    return GeminiClient(**{"api_key": KEY, "base_url": server.url, "retry": FAST, **settings})


async def collect(client: GeminiClient | Connection, **options: Any) -> str:
    """Stream one answer to its end."""
    async with aclosing(client.stream(MODEL, QUESTION, **options)) as chunks:
        return "".join([chunk.text async for chunk in chunks])


async def ask(client: GeminiClient | Connection) -> str:
    return (await client.generate(MODEL, QUESTION)).text


async def error_of(client: GeminiClient, way: Callable[[GeminiClient], Any] = ask) -> GeminiError:
    with pytest.raises(GeminiError) as caught:
        await way(client)
    return caught.value


# -- What is asked -----------------------------------------------------------------------------------------------------


async def test_a_question_is_posted_with_the_key_in_its_header() -> None:
    with FaultServer(FINE) as server:
        assert await ask(client_for(server, headers={"X-Team": "blue"})) == "fine"

    [received] = server.requests
    assert (received.method, received.target) == ("POST", "/v1beta/models/gemini-test:generateContent")
    assert received.json == {"contents": [{"role": "user", "parts": [{"text": "Who is there?"}]}]}
    assert received.headers["x-goog-api-key"] == KEY
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-team"] == "blue"
    assert "authorization" not in received.headers


async def test_a_bearer_key_goes_into_its_own_header_only() -> None:
    with FaultServer(FINE) as server:
        await ask(client_for(server, bearer=True))

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "x-goog-api-key" not in server.requests[0].headers


async def test_a_stream_asks_for_events_and_yields_them_as_they_come() -> None:
    with FaultServer(FINE_STREAM) as server:
        assert await collect(client_for(server)) == "fine"

    assert server.requests[0].target == "/v1beta/models/gemini-test:streamGenerateContent?alt=sse"


async def test_tokens_are_counted_inside_a_request_on_google_and_at_the_top_elsewhere() -> None:
    question = QUESTION.replace(tool_config=None, system_instruction=user_text("Be brief."))
    with FaultServer(answer({"totalTokens": 31})) as server:
        counted = await client_for(server, endpoint="google").count_tokens(MODEL, question)
        await client_for(server).count_tokens(MODEL, question)

    inside, top = (request.json for request in server.requests)
    assert counted.total_tokens == 31
    assert inside["generateContentRequest"]["model"] == "models/gemini-test"
    assert set(inside["generateContentRequest"]) == {"model", "contents", "systemInstruction", "toolConfig"}
    assert set(top) == {"contents", "systemInstruction"}


async def test_models_are_listed_over_all_pages() -> None:
    pages = [{"models": [{"name": "models/a"}], "nextPageToken": "t&1"}, {"models": [{"name": "models/b"}]}]
    with FaultServer(*map(answer, pages)) as server:
        models = await client_for(server).list_models()

    assert [model.name for model in models] == ["models/a", "models/b"]
    assert [request.target for request in server.requests] == [
        "/v1beta/models?pageSize=1000", "/v1beta/models?pageSize=1000&pageToken=t%261",
    ]  # fmt: skip


async def test_a_list_of_models_without_end_is_a_protocol_error() -> None:
    with FaultServer(answer({"models": [], "nextPageToken": "again"})) as server:
        error = await error_of(client_for(server), lambda client: client.list_models())

    assert isinstance(error, ProtocolError)
    assert "no end" in str(error)


@pytest.mark.parametrize("body", [{"object": "list", "data": [{"id": "gpt"}]}, {"models": "all"}])
async def test_the_list_of_another_api_is_a_protocol_error(body: object) -> None:
    with FaultServer(answer(body)) as server:
        error = await error_of(client_for(server), lambda client: client.list_models())

    assert isinstance(error, ProtocolError)
    assert "Is base_url right?" in str(error)


@pytest.mark.parametrize("body", [{}, {"models": []}, {"models": None}, {"nextPageToken": ""}])
async def test_a_list_of_models_may_be_empty(body: object) -> None:
    with FaultServer(answer(body)) as server:
        assert await client_for(server).list_models() == []


# -- Asking again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [ask, collect], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(503, google_error(503, "UNAVAILABLE")), id="503 (row 30)"),
        pytest.param(status(504), id="504 (row 30)"),
        pytest.param(status(524), id="524, a time-out of the gateway"),
        pytest.param(status(408), id="408"),
        pytest.param(status(502, b"<html>Bad gateway</html>", content_type="text/html"), id="502 with a page (row 29)"),
        pytest.param(status(429, google_error(429, "RESOURCE_EXHAUSTED")), id="429 without a hint (row 31)"),
        pytest.param(reset_after(), id="a reset (row 8)"),
        pytest.param(raw(then=Peer.finish), id="an early close (row 8)"),
        pytest.param(answer(b""), id="an empty body (row 27)"),
        pytest.param(answer(b'{"candidates": [{"con'), id="a truncated body (row 27)"),
        pytest.param(answer(b"{}", headers={"content-length": "50"}, kind="x"), id="a short body (row 10)"),
        pytest.param(answer(google_error(503, "UNAVAILABLE")), id="an error under status 200 (rows 14 and 28)"),
        pytest.param(answer([google_error(503, "UNAVAILABLE")]), id="the same in a list"),
    ],
)  # fmt: skip
@pytest.mark.rows(8, 10, 14, 27, 28, 29, 30, 31)
async def test_a_fault_before_any_answer_is_asked_again(fault: Scenario, way: Callable[..., Any]) -> None:
    with FaultServer(closing(fault), FINE if way is ask else FINE_STREAM) as server:
        assert await way(client_for(server)) == "fine"

    assert len(server.requests) == 2


def closing(fault: Scenario) -> Scenario:
    """The fault, and then the end of the connection, for bodies that promise more than they hold."""

    def scenario(peer: Peer) -> None:
        fault(peer)
        if peer.is_open:
            peer.finish()

    return scenario


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(chunked(b""), id="no event at all"),
        pytest.param(chunked(b": keep-alive\n\n"), id="comments only"),
        pytest.param(chunked(sse(chunk("x"))[:20]), id="half an event (row 13)"),
        pytest.param(chunked(json.dumps(google_error(503, "UNAVAILABLE"), indent=2).encode()), id="a bare error"),
        pytest.param(chunked(sse(google_error(429, "RESOURCE_EXHAUSTED"))), id="an error event (row 14)"),
    ],
)
@pytest.mark.rows(12, 13, 14)
async def test_a_stream_that_fails_before_its_first_event_is_asked_again(fault: Scenario) -> None:
    with FaultServer(fault, FINE_STREAM) as server:
        assert await collect(client_for(server)) == "fine"

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            reset_after(STREAM_HEAD, http_chunk(sse(chunk("Hel"))), http_chunk(sse(chunk("lo")))), id="a reset (row 11)"
        ),
        pytest.param(stream(chunk("Hel"), chunk("lo")), id="an end without a finish reason (row 12)"),
        pytest.param(
            chunked(sse(chunk("Hel")) + sse(chunk("lo")) + b'data: {"candi'), id="an event cut in its middle (row 13)"
        ),
        pytest.param(chunked(sse(chunk("Hel")) + sse(chunk("lo")) + b"data: {{}\n\n"), id="an event that is no JSON"),
        pytest.param(
            raw(STREAM_HEAD, http_chunk(sse(chunk("Hel")) + sse(chunk("lo"))), b"99\r\nx", then=Peer.finish),
            id="a cut chunk",
        ),
    ],
)
@pytest.mark.rows(11, 12, 13)
async def test_a_stream_that_breaks_off_later_is_interrupted_and_never_asked_again(fault: Scenario) -> None:
    with FaultServer(fault) as server:
        error = await error_of(client_for(server), collect)

    assert isinstance(error, StreamInterrupted)
    assert isinstance(error.__cause__, GeminiError)
    assert error.partial == "Hello"
    assert error.attempts == len(server.requests) == 1


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(sse(google_error(503, "UNAVAILABLE", "busy")), id="as an event"),
        pytest.param(json.dumps(google_error(503, "UNAVAILABLE", "busy"), indent=2).encode(), id="as bare JSON"),
    ],
)
@pytest.mark.rows(14)
async def test_an_error_object_in_a_stream_is_the_error_of_its_code(late: bytes) -> None:
    """Fault matrix row 14."""
    with FaultServer(chunked(sse(chunk("Hel")) + late)) as server:
        error = await error_of(client_for(server), collect)

    assert isinstance(error, ServerError)
    assert (error.status, error.code, error.message) == (503, "UNAVAILABLE", "busy")
    assert error.__cause__ is not error
    assert len(server.requests) == 1


async def test_a_blocked_prompt_ends_a_stream_well() -> None:
    with FaultServer(stream({"promptFeedback": {"blockReason": "SAFETY"}})) as server:
        assert await collect(client_for(server)) == ""


async def test_a_json_array_is_read_as_a_stream() -> None:
    with FaultServer(answer([chunk("fi"), chunk("ne", finish="STOP")])) as server:
        assert await collect(client_for(server)) == "fine"


@pytest.mark.parametrize("wrap", [lambda whole: [whole], lambda whole: whole], ids=["in a list", "bare"])
async def test_a_whole_answer_may_come_in_a_list_of_one(wrap: Callable[[object], object]) -> None:
    with FaultServer(answer(wrap(chunk("fine", finish="STOP")), kind="text/plain")) as server:
        assert await ask(client_for(server)) == "fine"


@pytest.mark.rows(15, 16)
async def test_characters_survive_a_stream_of_single_bytes() -> None:
    """Fault matrix rows 15 and 16."""
    text = "aß€😀\u2028\u2029\u0085z"
    with FaultServer(chunked(sse(chunk(text, finish="STOP")), size=1)) as server:
        assert await collect(client_for(server)) == text


@pytest.mark.rows(30, "R2")
async def test_after_four_attempts_the_error_says_how_many_and_how_long() -> None:
    """Fault matrix row 30."""
    with FaultServer(status(500, google_error(500, "INTERNAL"))) as server:
        error = await error_of(client_for(server))

    assert isinstance(error, ServerError)
    assert error.attempts == len(server.requests) == 4
    assert error.elapsed_s > 0


@pytest.mark.rows(30)
async def test_success_after_two_failures_is_success() -> None:
    """Fault matrix row 30."""
    with FaultServer(status(503), status(503), FINE) as server:
        assert await ask(client_for(server)) == "fine"


@pytest.mark.rows(1)
async def test_nothing_listening_is_tried_four_times() -> None:
    """Fault matrix row 1."""
    with FaultServer() as server:
        client = client_for(server)

    error = await error_of(client)

    assert isinstance(error, ConnectionFailed)
    assert error.attempts == 4
    assert str(server_port(client)) in str(error)


def server_port(client: GeminiClient) -> str:
    return client.base_url.rpartition(":")[2].partition("/")[0]


def in_two_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize(
    ("header", "delay", "at_least", "at_most"),
    [
        pytest.param("0.2", None, 0.2, 0.2, id="seconds"),
        pytest.param(None, "0.2s", 0.2, 0.2, id="RetryInfo (row 32)"),
        pytest.param("0.1", "0.2s", 0.2, 0.2, id="the larger of both"),
        pytest.param("soon", "soon", None, None, id="garbage is ignored"),
        pytest.param("-5", "-5s", None, None, id="negative is ignored"),
        pytest.param("nan", None, None, None, id="nan is ignored"),
        pytest.param("Mon, 23 Nov 99999999999999 23:59:59 GMT", None, None, None, id="a year that no date has"),
        pytest.param("Mon, 23 Nov 2026 23:59:59 -99999999999999999", None, None, None, id="a zone that no date has"),
        pytest.param(None, "9" * 400 + "s", None, None, id="more digits than a number has"),
        pytest.param(in_two_seconds, None, 1.0, 2.0, id="a date"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", None, 0.0, 0.0, id="a date in the past"),
    ],
)  # fmt: skip
@pytest.mark.rows(31, 32)
def test_how_long_the_service_asks_to_wait(
    header: str | Callable[[], str] | None, delay: str | None, at_least: float | None, at_most: float | None
) -> None:
    """Fault matrix rows 31 and 32."""
    headers = {"retry-after": header() if callable(header) else header} if header else {}
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = json.dumps(google_error(429, "RESOURCE_EXHAUSTED", "slow", *([info] if delay else []))).encode()

    error = status_error(429, headers, body, Asked(model=MODEL, base_url="https://x", key_source="y", key=KEY))

    if at_least is None or at_most is None:
        assert error.retry_after_s is None
    else:
        assert error.retry_after_s is not None
        assert at_least <= error.retry_after_s <= at_most


@pytest.mark.parametrize("way", [ask, collect], ids=["whole", "streamed"])
@pytest.mark.rows(31)
async def test_a_hint_is_waited_for(way: Callable[..., Any]) -> None:
    """Fault matrix row 31; asserted on what the server saw."""
    with FaultServer(status(429, retry_after="0.2"), FINE if way is ask else FINE_STREAM) as server:
        await way(client_for(server))

    first, second = server.requests
    assert second.at_s - first.at_s >= 0.2


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(status(429, retry_after="3600"), id="an hour"),
        pytest.param(
            status(429, google_error(429, "RESOURCE_EXHAUSTED", "used up", {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay"}]
            })), id="a quota per day",
        ),
        pytest.param(status(402, google_error(402, "RESOURCE_EXHAUSTED")), id="no credit"),
    ],
)  # fmt: skip
@pytest.mark.rows(33)
async def test_what_waiting_does_not_heal_is_raised_at_once(refusal: Scenario) -> None:
    """Fault matrix row 33."""
    with FaultServer(refusal) as server:
        error = await error_of(client_for(server))

    assert isinstance(error, RateLimited)
    assert len(server.requests) == 1


@pytest.mark.rows(33)
async def test_a_hint_beyond_the_deadline_is_raised_at_once() -> None:
    with FaultServer(status(429, retry_after="30")) as server:
        with anyio.fail_after(10):
            error = await error_of(client_for(server))

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 30
    assert len(server.requests) == 1


@pytest.mark.rows(34)
async def test_runs_share_one_budget_for_retries_while_the_server_is_down() -> None:
    """Fault matrix row 34: 20 runs could ask 80 times."""
    with FaultServer(status(500)) as server:
        client = client_for(server, retry=Retry(first_delay_s=0.001, budget=140))
        async with client, anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(error_of, client)

    assert len(server.requests) == 30


@pytest.mark.rows(5)
async def test_a_silent_server_is_asked_twice() -> None:
    """Fault matrix row 5: read time-outs are asked again once."""
    with FaultServer(silent()) as server:
        error = await error_of(client_for(server, timeout_s=0.15))

        assert isinstance(error, DeadlineExceeded)
        assert error.attempts == len(server.requests) == 2
        assert server.client_left(0)
        assert server.client_left(1)


async def test_retries_are_told_before_their_wait() -> None:
    told: list[RetryNotice] = []

    async def tell(notice: RetryNotice) -> None:
        told.append(notice)

    with FaultServer(status(503), status(429), FINE_STREAM) as server:
        await collect(client_for(server), on_retry=tell)

    assert [(notice.attempt, type(notice.error)) for notice in told] == [(1, ServerError), (2, RateLimited)]
    assert all(notice.delay_s >= 0 for notice in told)


# -- What is not asked again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [ask, collect], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        (400, "INVALID_ARGUMENT", InvalidRequest),
        (401, "UNAUTHENTICATED", AuthenticationFailed),
        (403, "PERMISSION_DENIED", AuthenticationFailed),
        (404, "NOT_FOUND", NotFound),
        (413, "", InvalidRequest),
        (422, "", InvalidRequest),
        (501, "UNIMPLEMENTED", ServerError),
    ],
)
@pytest.mark.rows(35)
async def test_a_refusal_is_asked_once_and_keeps_the_words_of_the_service(
    code: int, name: str, expected: type[StatusError], way: Callable[..., Any]
) -> None:
    """Fault matrix row 35."""
    violation = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "contents"}]}
    refusal = answer(google_error(code, name, "No,\nnever.", violation), code, kind="text/event-stream")
    with FaultServer(refusal) as server:
        error = await error_of(client_for(server), way)

    assert type(error) is expected
    assert (error.status, error.code, error.message) == (code, name, "No,\nnever.")
    assert error.details == [violation]
    assert error.attempts == len(server.requests) == 1
    assert "\n" not in str(error)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("way", [ask, collect], ids=["whole", "streamed"])
@pytest.mark.rows(36)
async def test_a_redirect_is_not_followed(code: int, way: Callable[..., Any]) -> None:
    """Fault matrix row 36."""
    with FaultServer(FINE) as other, FaultServer(status(code, location=f"{other.url}/x?key=1")) as server:
        error = await error_of(client_for(server), way)

    assert isinstance(error, ProtocolError)
    assert "127.0.0.1" in str(error)
    assert len(server.requests) == 1
    assert not other.requests


@pytest.mark.parametrize("way", [ask, collect], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        pytest.param(
            b"<html><title>Log in</title>\x1b[2J</html>", "<html><title>Log in</title>\\\\x1b[2J", id="HTML (row 26)"
        ),
        pytest.param(b"null", "null", id="null (row 27)"),
        pytest.param(b"[]", "[]", id="an empty list (row 27)"),
        pytest.param(b'"text"', "text", id="a string (row 27)"),
    ],
)
@pytest.mark.rows(26, 27)
async def test_what_is_no_answer_of_the_api_is_quoted(body: bytes, quoted: str, way: Callable[..., Any]) -> None:
    with FaultServer(answer(body + b" " * 5000, kind="text/html; charset=x")) as server:
        error = await error_of(client_for(server), way)

    assert isinstance(error, ProtocolError)
    assert "HTTP 200" in str(error)
    assert "text/html; charset=x" in str(error)
    assert quoted in str(error)
    assert len(str(error)) < 500
    assert len(server.requests) == 1


@pytest.mark.rows(25)
async def test_latin_1_is_no_json() -> None:
    """Fault matrix row 25."""
    with FaultServer(answer('{"candidates": "ü"}'.encode("latin-1"))) as server:
        assert isinstance(await error_of(client_for(server)), ProtocolError)


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        pytest.param(ask, answer(chunk("x" * 3000, finish="STOP")), id="a whole answer"),
        pytest.param(collect, stream(chunk("x" * 3000, finish="STOP")), id="an event (row 20)"),
        pytest.param(
            collect, drip(STREAM_HEAD, http_chunk(sse(chunk("x" * 500))), 0.001), id="an endless stream (row 21)"
        ),
    ],
)
@pytest.mark.rows(20, 21)
async def test_answers_beyond_the_limits_are_cut_off(way: Callable[..., Any], fault: Scenario) -> None:
    with FaultServer(fault) as server:
        error = await error_of(client_for(server, max_response_bytes=2000, max_stream_bytes=20_000), way)

        assert isinstance(error, ResponseTooLarge)
        assert error.attempts == 1
        assert way is ask or server.client_left()


# -- What errors say ---------------------------------------------------------------------------------------------------


def comet(message: str, code: object = "invalid_request") -> dict[str, Any]:
    return {"error": {"message": message, "type": "comet_api_error", "param": "", "code": code}}


def said(code: int, body: object, **headers: str) -> StatusError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = Asked(model=MODEL, base_url="https://api.test/v1beta", key_source="the X variable", key=KEY)
    return status_error(code, headers, data, asked)


def test_the_gateways_500_for_a_wrong_request_is_not_asked_again() -> None:
    error = said(500, comet("model name is required (request id: 2025abc)"))

    assert type(error) is InvalidRequest
    assert not error.retryable
    assert (error.status, error.code, error.request_id) == (500, "invalid_request", "2025abc")


@pytest.mark.parametrize("code", ["", "server_error", None])
def test_any_other_500_of_the_gateway_is_asked_again(code: object) -> None:
    assert said(500, comet("oops", code)).retryable


def test_an_error_of_google_that_the_gateway_wrapped_is_unwrapped() -> None:
    inner = google_error(429, "RESOURCE_EXHAUSTED", "Slow down.", {"@type": "x.RetryInfo", "retryDelay": "7s"})

    error = said(500, comet(json.dumps(inner), 500))

    assert isinstance(error, RateLimited)
    assert (error.status, error.code, error.message, error.retry_after_s) == (
        429,
        "RESOURCE_EXHAUSTED",
        "Slow down.",
        7,
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param([google_error(503, "UNAVAILABLE", "busy")], "busy", id="a list of one"),
        pytest.param({"error": "busy"}, "busy", id="a string"),
        pytest.param({"message": "busy"}, "busy", id="no envelope"),
        pytest.param({"detail": "busy"}, "busy", id="another envelope"),
        pytest.param({"error": {"code": "9" * 5000, "message": "busy"}}, "busy", id="a code of thousands of digits"),
        pytest.param(b"busy\x1b[31m", "busy\\x1b[31m", id="plain text, control characters made visible"),
        pytest.param(b"<html>busy</html>", "Service Unavailable", id="a page is not quoted (row 29)"),
        pytest.param(b"", "Service Unavailable", id="nothing"),
        pytest.param(b"\xff\xfe{", "\ufffd\ufffd{", id="garbage"),
        pytest.param(b"[" * 100_000, "[" * 200, id="deep garbage"),
    ],
)
@pytest.mark.rows(29)
def test_every_dialect_of_errors_is_read(body: object, message: str) -> None:
    error = said(503, body)

    assert isinstance(error, ServerError)
    assert error.message == message
    assert error.retryable


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["error", "code", "status", "message", "details", "@type", "retryDelay", "reason"]), inner
        ),
    ),
    st.sampled_from([200, 400, 404, 429, 500, 503, 599]),
    st.text(max_size=20),
)  # fmt: skip
@pytest.mark.rows("R1")
def test_any_json_becomes_a_typed_error_that_pickles(body: object, code: int, retry_after: str) -> None:
    error = said(code, body, **{"retry-after": retry_after})

    assert 400 <= error.status <= 599
    assert "\n" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert error.retry_after_s is None or 0 <= error.retry_after_s < math.inf


@pytest.mark.rows(35)
def test_a_wrong_key_is_an_authentication_failure_although_google_says_400() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}

    error = said(400, google_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info))

    assert isinstance(error, AuthenticationFailed)
    assert "the X variable" in str(error)
    assert "https://api.test/v1beta" in str(error)


@pytest.mark.rows(35)
def test_a_missing_model_is_named_with_the_place_where_it_is_missing() -> None:
    error = said(404, google_error(404, "NOT_FOUND", "models/x is not found"))

    assert "'gemini-test' at https://api.test/v1beta" in str(error)


@pytest.mark.rows(29)
@pytest.mark.parametrize("body", [b"<html>nginx</html>", b"", b"Use GET."], ids=["a page", "nothing", "plain text"])
@pytest.mark.parametrize("code", [400, 405, 418, 501])
def test_a_server_that_does_not_speak_the_api_is_named_as_such(code: int, body: bytes) -> None:
    error = said(code, body)

    assert str(error).endswith("; requests go to https://api.test/v1beta. Is base_url right?")
    assert not error.retryable


def test_an_error_of_the_api_and_a_busy_or_too_small_door_do_not_blame_the_base_url() -> None:
    errors = [said(501, google_error(501, "UNIMPLEMENTED", "no")), said(502, b"<html>"), said(408, b""), said(413, b"")]

    assert not [error for error in errors if "base_url" in str(error)]
    assert "Send less inline" in str(errors[-1])


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Unknown name \"parametersJsonSchema\" at 'tools[0]': Cannot find field.", 'schema_dialect="openapi"'),
        ("Unknown name \"includeServerSideToolInvocations\" at 'tool_config': Cannot find field.", "cannot combine"),
        ("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools", "Gemini 3+"),
        ("Thinking level MINIMAL is not supported for this model.", "`thinking=`"),
        ("Budget 0 is invalid. This model only works in thinking mode.", "`thinking=`"),
        ("Function call is missing a thought_signature in functionCall parts.", "back unchanged"),
    ],
)  # fmt: skip
def test_what_helps_is_said(message: str, hint: str) -> None:
    assert hint in str(said(400, google_error(400, "INVALID_ARGUMENT", message)))


@pytest.mark.rows("R3", 35)
@pytest.mark.parametrize(
    "way", [ask, collect, lambda client: client.count_tokens(MODEL, QUESTION), lambda client: client.list_models()]
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            status(400, google_error(400, "INVALID_ARGUMENT", f"Your key {KEY} is wrong", {"k": KEY})), id="JSON"
        ),
        pytest.param(status(500, f"oops {KEY}".encode()), id="text"),
        pytest.param(answer(f"<p>{KEY}".encode()), id="a page"),
        pytest.param(status(302, location=f"http://{KEY}/"), id="a redirect"),
        pytest.param(stream(google_error(500, "INTERNAL", KEY)), id="an event"),
    ],
)
async def test_the_key_is_in_no_error_log_or_pickle(
    fault: Scenario, way: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Rule R3 and fault matrix row 35."""
    caplog.set_level(logging.DEBUG, logger="agentkit")
    with FaultServer(fault) as server:
        error: BaseException | None = await error_of(client_for(server, retry=Retry(attempts=1)), way)

    assert KEY.encode() not in pickle.dumps(error)
    while error is not None:
        assert KEY not in f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__
    assert KEY not in caplog.text


@pytest.mark.rows("R3")
async def test_no_variable_of_a_traceback_shows_the_key() -> None:
    """Rule R3: tools that print the variables of each frame must not find it."""
    with FaultServer(reset_after()) as server:
        error: BaseException | None = await error_of(client_for(server))

    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals["__name__"] != __name__:
                assert KEY not in repr(traceback.tb_frame.f_locals)
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__


# -- Settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.rows(114)
def test_no_key_names_the_places_looked_at() -> None:
    """Fault matrix row 114."""
    with pytest.raises(ConfigurationError, match="api_key argument, COMETAPI_KEY, GEMINI_API_KEY, GOOGLE_API_KEY"):
        GeminiClient()


@pytest.mark.rows(114, 115)
@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("two words-sesame", "blanks"),
        ("sesame\nx", "control"),
        ("sesame\0x", "control"),
        ("sésame", "non-ASCII"),
        ("<SESAME>", "placeholder"),
        ("YOUR_API_KEY", "placeholder"),
        (b"sesame", "string"),
    ],
)
@pytest.mark.parametrize("place", ["argument", "variable"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(
    key: Any, problem: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault matrix rows 114 and 115."""
    if place == "variable" and (not isinstance(key, str) or "\0" in key):
        pytest.skip("no variable can hold this")
    if place == "variable":
        monkeypatch.setenv("COMETAPI_KEY", key)

    with pytest.raises(ConfigurationError, match=problem) as caught:
        GeminiClient(api_key=key if place == "argument" else None)

    assert "sesame" not in str(caught.value).lower()


@pytest.mark.rows(114)
def test_blanks_around_a_key_are_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Fault matrix row 114."""
    client = GeminiClient(api_key=f" {KEY}\n")

    assert "key.stripped" in caplog.text
    assert KEY not in caplog.text + repr(client)


@pytest.mark.parametrize(
    ("variables", "settings", "source", "url"),
    [
        (["COMETAPI_KEY", "GEMINI_API_KEY"], {}, "the COMETAPI_KEY variable", "https://api.cometapi.com/v1beta"),
        (["GEMINI_API_KEY", "GOOGLE_API_KEY"], {}, "the GEMINI_API_KEY variable", "https://generativelanguage.googleapis.com/v1beta"),
        (["GOOGLE_API_KEY"], {}, "the GOOGLE_API_KEY variable", "https://generativelanguage.googleapis.com/v1beta"),
        ([], {"api_key": KEY}, "the api_key argument", "https://api.cometapi.com/v1beta"),
        ([], {"api_key": "AIza" + "x" * 35}, "the api_key argument", "https://generativelanguage.googleapis.com/v1beta"),
        (
            ["COMETAPI_KEY", "GEMINI_API_KEY"], {"base_url": "https://generativelanguage.googleapis.com"},
            "the GEMINI_API_KEY variable", "https://generativelanguage.googleapis.com/v1beta",
        ),
        (["COMETAPI_KEY"], {"base_url": "https://gate.test"}, "the COMETAPI_KEY variable", "https://gate.test/v1beta"),
    ],
)  # fmt: skip
def test_where_the_key_comes_from_and_goes_to(
    variables: list[str], settings: Any, source: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables:
        monkeypatch.setenv(name, KEY)

    client = GeminiClient(**settings)

    assert (client.key_source, client.base_url) == (source, url)


@pytest.mark.parametrize("host", ["https://api.cometapi.com", "https://generativelanguage.googleapis.com"])
def test_the_key_of_one_provider_is_not_sent_to_the_other_by_itself(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY" if "comet" in host else "COMETAPI_KEY", KEY)

    with pytest.raises(ConfigurationError, match="No API key"):
        GeminiClient(base_url=host)


@pytest.mark.parametrize(
    ("given_url", "root"),
    [
        ("https://host", "https://host/v1beta"),
        ("https://host/", "https://host/v1beta"),
        ("https://host/v1beta", "https://host/v1beta"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/gemini//x/", "https://host/gemini/x/v1beta"),
        ("https://host/gemini/v1alpha", "https://host/gemini/v1alpha"),
        ("HTTPS://Host:8443", "https://host:8443/v1beta"),
        ("https://[2001:DB8::1]:99/x", "https://[2001:db8::1]:99/x/v1beta"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80/v1beta"),
        ("http://[::1]", "http://[::1]/v1beta"),
        ("http://localhost", "http://localhost/v1beta"),
        (
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
        ),
    ],
)
@pytest.mark.rows(40)
def test_base_urls_are_joined(given_url: str, root: str) -> None:
    """Fault matrix row 40."""
    assert GeminiClient(api_key=KEY, base_url=given_url).base_url == root


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://far.test", "allow_insecure_http"),
        ("http://127.0.0.1.far.test", "allow_insecure_http"),
        ("http://localhost.far.test", "allow_insecure_http"),
        ("https://user:sesame@host", "user name"),
        ("https://sesame@host", "user name"),
        ("https://host?key=sesame", "'?'"),
        ("https://host/#sesame", "'#'"),
        ("https://host/?", "'?'"),
        ("host", "not an http"),
        ("ftp://host", "not an http"),
        ("https://", "not an http"),
        ("https://a..b", "not an http"),
        ("https://host:99999", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://host/../x", "misread"),
        ("https://host/%2e%2E/x", "misread"),
        ("https://host/a%2fb", "misread"),
        ("https://host\\@evil.test", "backslashes"),
        ("https://host/\r\nx: y", "control"),
        ("https://höst", "non-ASCII"),
        (5, "string"),
    ],
)
@pytest.mark.rows(40)
def test_base_urls_that_no_key_should_go_to_are_refused(url: Any, problem: str) -> None:
    """Fault matrix row 40."""
    with pytest.raises(ConfigurationError) as caught:
        GeminiClient(api_key=KEY, base_url=url)

    assert problem in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://[::1", 5, b"https://host"])
@pytest.mark.rows(40)
def test_a_base_url_that_is_none_is_refused_also_when_the_key_is_in_a_variable(
    url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMETAPI_KEY", KEY)

    with pytest.raises(ConfigurationError, match="base_url"):
        GeminiClient(base_url=url)


@pytest.mark.rows(40)
def test_an_unencrypted_host_can_be_asked_for() -> None:
    client = GeminiClient(api_key=KEY, base_url="http://far.test", allow_insecure_http=True)

    assert client.base_url == "http://far.test/v1beta"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://generativelanguage.googleapis.com", "google"),
        ("https://us-central1-aiplatform.googleapis.com", "vertex"),
        ("https://aiplatform.googleapis.com", "vertex"),
        ("https://api.cometapi.com", "comet"),
        ("https://cometapi.com.evil.test", "other"),
        ("https://evilcometapi.com", "other"),
        ("http://127.0.0.1:1", "other"),
    ],
)
def test_the_host_tells_whose_dialect_is_spoken(url: str, kind: str) -> None:
    assert GeminiClient(api_key=KEY, base_url=url).endpoint == kind
    assert GeminiClient(api_key=KEY, base_url=url, endpoint="vertex").endpoint == "vertex"


@pytest.mark.rows(115)
@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nb: c"},
        {"x\r\ny": "1"},
        {"x y": "1"},
        {"": "1"},
        {"x": "ü"},
        {"x": "\0"},
        {"x": " a"},
        {"x": 5},
        {b"x": "1"},
    ],
    ids=repr,
)
def test_headers_that_could_smuggle_others_are_refused(headers: Any) -> None:
    """Fault matrix row 115."""
    with pytest.raises(ConfigurationError, match="headers:"):
        GeminiClient(api_key=KEY, headers=headers)


@pytest.mark.rows(115)
@pytest.mark.parametrize("name", ["X-Goog-Api-Key", "authorization", "Host", "Content-Length", "Transfer-Encoding"])
def test_headers_that_the_client_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        GeminiClient(api_key=KEY, headers={name: "1"})


@pytest.mark.rows(116)
@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-flash-preview", "models/gemini-3-flash-preview"),
        ("models/gemini-x", "models/gemini-x"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("gemini@001", "models/gemini@001"),
        ("gemini:x", "models/gemini%3Ax"),
        ("modèle", "models/mod%C3%A8le"),
    ],
)
def test_model_names_become_paths(model: str, path: str) -> None:
    """Fault matrix row 116."""
    assert model_path(model) == path


@pytest.mark.rows(115, 116)
@pytest.mark.parametrize(
    "model",
    ["", "models/", "a/b", "..", "models/..", "a?b", "a#b", "a%2eb", "a b", "a\nb", "\\", "x" * 300, "\ud800", 5, None],
    ids=lambda model: repr(model)[:20],
)
async def test_model_names_that_could_change_the_request_are_refused_before_it(model: Any) -> None:
    """Fault matrix row 116."""
    with FaultServer(FINE) as server, pytest.raises(ConfigurationError, match="model"):
        await client_for(server).generate(model, QUESTION)

    assert not server.requests


@pytest.mark.rows(116)
@given(st.text(max_size=40))
def test_no_model_name_leaves_its_place_in_the_path(model: str) -> None:
    """Fault matrix row 116."""
    try:
        path = model_path(model)
    except ConfigurationError:
        return
    assert path.startswith(("models/", "tunedModels/", "dynamic/"))
    assert not set(path.partition("/")[2]) & set("/?#\\ \r\n")
    assert path.partition("/")[2] not in ("", ".", "..")


@pytest.mark.rows(121)
@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0}, {"timeout_s": math.inf}, {"timeout_s": "5"}, {"connect_timeout_s": -1},
        {"max_response_bytes": 0}, {"max_stream_bytes": 1.5}, {"schema_dialect": "yaml"},
        {"endpoint": "azure"}, {"api_version": "../v1"}, {"api_version": "v1\n"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_at_once(settings: Any) -> None:
    """Fault matrix row 121."""
    with pytest.raises(ConfigurationError):
        GeminiClient(api_key=KEY, **settings)


@pytest.mark.rows("R3")
def test_a_client_shows_where_it_asks_and_never_the_key() -> None:
    client = GeminiClient(api_key=KEY, headers={"x-secret": "open-sesame"})

    assert repr(client) == "GeminiClient(base_url='https://api.cometapi.com/v1beta', key from the api_key argument)"
    assert KEY not in str(vars(client))
    assert "open-sesame" not in str(vars(client))


@pytest.mark.rows("R3")
@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_client_cannot_be_pickled(way: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="holds an API key"):
        way(GeminiClient(api_key=KEY))


@pytest.mark.parametrize("options", [{}, {"bearer": True}, {"headers": {"x-tenant": "sesame"}}])
async def test_the_key_goes_to_the_clients_own_host_only(options: dict[str, Any]) -> None:
    with FaultServer(answer({})) as elsewhere, FaultServer(answer({})) as server:
        async with client_for(server, **options).connect() as connection:
            for url in (f"{server.url}/v1beta/x", f"{elsewhere.url}/v1beta/x"):
                await connection.call("GET", url, WireModel)

    [here], [there] = server.requests, elsewhere.requests
    assert "sesame" in str(here.headers)
    assert "sesame" not in str(there.headers)


# -- Pools, loops and cancellation -------------------------------------------------------------------------------------


async def test_each_run_has_connections_of_its_own_and_leaves_none() -> None:
    with FaultServer(FINE) as server:
        client = client_for(server)
        for _ in range(2):
            async with client.connect() as connection:
                await ask(connection)
                await ask(connection)

        assert [request.connection for request in server.requests] == [0, 0, 1, 1]
        assert server.client_left(0)
        assert server.client_left(1)


async def test_runs_inside_the_clients_block_share_its_connections() -> None:
    with FaultServer(FINE) as server:
        client = client_for(server)
        async with client:
            await ask(client)
            async with client:
                await ask(client)
            await ask(client)

        assert [request.connection for request in server.requests] == [0, 0, 0]
        assert server.client_left(0)


@pytest.mark.rows(124)
async def test_another_event_loop_does_not_share_the_block() -> None:
    """Fault matrix row 124."""
    with FaultServer(FINE) as server:
        client = client_for(server)
        async with client:
            await ask(client)
            await anyio.to_thread.run_sync(lambda: asyncio.run(ask(client)))
            await ask(client)

    assert [request.connection for request in server.requests] == [0, 1, 0]


@pytest.mark.rows(124)
def test_one_client_serves_loop_after_loop_and_thread_beside_thread() -> None:
    """Fault matrix row 124."""
    answers: list[str] = []
    with FaultServer(FINE) as server:
        client = client_for(server)

        def run(backend: str) -> None:
            for _ in range(3):
                answers.append(anyio.run(ask, client, backend=backend))

        threads = [threading.Thread(target=run, args=(backend,)) for backend in ("asyncio", "trio", "asyncio")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == ["fine"] * 9


@pytest.mark.rows(42, 126)
@pytest.mark.parametrize(
    ("way", "fault", "retry"),
    [
        pytest.param(ask, silent(), FAST, id="while waiting for the answer"),
        pytest.param(
            collect, raw(STREAM_HEAD, http_chunk(sse(chunk("x"))), then=Peer.pause_long), FAST, id="in mid-stream"
        ),
        pytest.param(ask, status(503), Retry(first_delay_s=20), id="in a back-off"),
    ],
)
async def test_cancellation_passes_and_closes_the_connection(
    way: Callable[..., Any], fault: Scenario, retry: Retry
) -> None:
    """Fault matrix rows 42 and 126."""
    with FaultServer(fault) as server:
        client = client_for(server, retry=retry)
        async with anyio.create_task_group() as group:
            group.start_soon(way, client)
            await anyio.sleep(0.15)
            group.cancel_scope.cancel()

        assert server.client_left(within_s=0.5)


@pytest.mark.rows(126)
async def test_a_run_that_is_over_before_it_begins_sends_nothing() -> None:
    """Fault matrix row 126."""
    with FaultServer(FINE) as server:
        with anyio.move_on_after(-1) as scope:
            await ask(client_for(server))

    assert scope.cancelled_caught
    assert not server.peers


@pytest.mark.rows(43)
async def test_leaving_a_stream_closes_its_connection() -> None:
    """Fault matrix row 43."""
    with FaultServer(drip(STREAM_HEAD, http_chunk(sse(chunk("x"))))) as server:
        async with aclosing(client_for(server).stream(MODEL, QUESTION)) as chunks:
            await anext(chunks)

        assert server.client_left(within_s=0.5)


@pytest.mark.rows("R9")
async def test_after_a_failure_the_same_client_serves_the_next_run() -> None:
    """Rule R9."""
    with FaultServer(stream(chunk("Hel")), FINE) as server:
        client = client_for(server)
        async with client:
            await error_of(client, collect)
            assert await ask(client) == "fine"


async def test_a_transport_can_be_wrapped_to_watch_the_traffic() -> None:
    seen: list[str] = []

    class Watched:
        def __init__(self, inner: Transport) -> None:
            self._inner = inner

        @asynccontextmanager
        async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
            seen.append(request.method)
            async with self._inner.send(request) as response:
                seen.append(str(response.status))
                yield response

        async def aclose(self) -> None:
            await self._inner.aclose()
            seen.append("closed")

    with FaultServer(status(503), FINE) as server:
        client = client_for(server, transport=lambda: Watched(HttpxTransport()))
        await ask(client)

    assert seen == ["POST", "503", "POST", "200", "closed"]


async def test_a_request_that_is_no_json_is_refused_before_it_is_sent() -> None:
    with FaultServer(FINE) as server, pytest.raises(AgentKitError, match="cannot be written as JSON"):
        await client_for(server).generate(MODEL, QUESTION.replace(labels={"x": object()}))

    assert not server.requests


async def test_requests_and_retries_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentkit")
    with FaultServer(status(503), FINE) as server:
        await ask(client_for(server))

    lines = [record.getMessage() for record in caplog.records if record.name == "agentkit.client"]
    assert [line.partition(" ")[0] for line in lines] == ["request.answered", "request.retry", "request.answered"]
    assert "Who is there?" not in caplog.text
