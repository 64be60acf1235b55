"""Runs against a network and a server that fail in every way of the fault matrix, section 1.

What a row asks of the transport or the client alone is shown in `test_transport.py` and `test_client.py`; here is what
a run makes of it, and the rules that hold in every row.
"""

import gc
import gzip
import json
import pickle
import socket
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AgentKitError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiClient,
    GeminiError,
    InvalidRequest,
    Limits,
    ProtocolError,
    RateLimited,
    ResponseTooLarge,
    Retry,
    Retrying,
    ServerError,
    StreamInterrupted,
    TextDelta,
)
from agentkit.wire import GenerateContentRequest, GenerateContentResponse, SseParser, user_text
from tests.certificates import make_certificate, server_context
from tests.fault_runs import (
    FAST,
    FINE,
    FINE_STREAM,
    KEY,
    MODEL,
    ONCE,
    WAYS,
    Way,
    agent_for,
    client_for,
    error_of,
    fine_for,
    watched,
    whole,
)
from tests.faultserver import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    Scenario,
    answer,
    chunk,
    chunked,
    drip,
    full_listener,
    google_error,
    head,
    http_chunk,
    raw,
    refuse_early,
    reset_after,
    silent,
    sse,
    status,
    stream,
    then_drop,
)

pytestmark = pytest.mark.anyio


# -- Connecting --------------------------------------------------------------------------------------------------------


@pytest.mark.rows(2)
@pytest.mark.parametrize(
    ("code", "attempts"),
    [
        pytest.param(socket.EAI_NONAME, 1, id="there is no such name"),
        pytest.param(socket.EAI_NODATA, 1, id="the name has no address"),
        pytest.param(socket.EAI_AGAIN, 4, id="the resolver says: try again"),
        pytest.param(socket.EAI_FAIL, 4, id="the resolver fails"),
    ],
)
async def test_a_name_is_looked_up_again_only_if_that_may_help(
    code: int, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver is the system's; the look-up is replaced because none may leave the machine."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "The resolver's words")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    client = GeminiClient(api_key=KEY, base_url="http://gone.test", allow_insecure_http=True, retry=FAST)

    error = await error_of(Agent(MODEL, client=client))

    assert isinstance(error, ConnectionFailed)
    assert error.attempts == attempts
    assert "gone.test" in str(error)


@pytest.mark.rows(3)
async def test_a_connection_that_nobody_accepts_has_a_time_limit_of_its_own() -> None:
    with full_listener() as port:
        client = GeminiClient(
            api_key=KEY,
            base_url=f"http://127.0.0.1:{port}",
            connect_timeout_s=0.1,
            timeout_s=60,
            retry=Retry(attempts=2),
        )
        with anyio.fail_after(10):
            error = await error_of(Agent(MODEL, client=client))

    assert isinstance(error, ConnectionFailed)
    assert "within 0.1 s" in str(error)
    assert error.attempts == 2


@pytest.mark.rows(4)
@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        pytest.param({}, False, "self.signed certificate", id="nobody vouches for it"),
        pytest.param({"days": 30}, True, "certificate has expired", id="it has expired"),
        pytest.param({"address": "127.0.0.9"}, True, "not valid for '127.0.0.1'", id="it is for another name"),
    ],
)
async def test_a_bad_certificate_is_refused_once_with_its_fault_and_a_way_out(
    certificate: Any, is_trusted: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_certificate(tmp_path / "certificate.pem", **certificate)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with FaultServer(FINE, tls=server_context(path)) as server:
        error = await error_of(agent_for(server))

    assert isinstance(error, ConnectionFailed)
    assert reason in str(error).replace("self-signed", "self.signed")
    assert "set SSL_CERT_FILE" in str(error)
    assert error.attempts == 1
    assert not server.requests


@pytest.mark.rows(4)
async def test_a_certificate_of_the_bundle_that_the_message_names_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with FaultServer(FINE, tls=server_context(path)) as server:
        assert await whole(agent_for(server)) == "fine"


@pytest.mark.rows(9)
@pytest.mark.parametrize("drop", [Peer.finish, Peer.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["at once", "while idle"])
async def test_a_dropped_connection_costs_the_next_run_no_attempt(drop: Any, pause_s: float) -> None:
    with FaultServer(then_drop(FINE, drop), FINE) as server:
        agent = agent_for(server, retry=ONCE)
        async with agent.client:
            await whole(agent)
            await anyio.sleep(pause_s)
            assert await whole(agent) == "fine"


# -- Waiting -----------------------------------------------------------------------------------------------------------


THOUGHT = {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]}


@WAYS
@pytest.mark.rows(5, 6, 7, 21, "R4")
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(silent(), id="nothing at all (row 5)"),
        pytest.param(drip(STREAM_HEAD, http_chunk(b" ")), id="a body byte by byte (row 6)"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nx-slow: ", b"x"), id="a header byte by byte (row 7)"),
        pytest.param(drip(STREAM_HEAD, http_chunk(b": keep-alive\n\n")), id="comments only (row 21)"),
        pytest.param(drip(STREAM_HEAD, http_chunk(sse({}))), id="empty events only (row 21)"),
        pytest.param(
            drip(STREAM_HEAD, http_chunk(sse(THOUGHT))), id="thoughts only (row 21)"
        ),
        pytest.param(status(429, retry_after="0.2"), id="one refusal after the other"),
    ],
)  # fmt: skip
async def test_nothing_keeps_a_run_beyond_its_deadline(scenario: Scenario, way: Way) -> None:
    with FaultServer(scenario) as server:
        agent = agent_for(server, Limits(deadline_s=0.3), timeout_s=60)
        with anyio.fail_after(5):
            error = await error_of(agent, way)

        assert isinstance(error, DeadlineExceeded | RateLimited)  # a wait beyond the deadline is not begun
        assert error.state.contents == [user_text("Who is there?")]
        assert server.nothing_is_open(within_s=0.5)


@pytest.mark.rows(7)
async def test_headers_without_end_are_refused() -> None:
    """The limit is the HTTP library's, 100 KiB in place of 64; what counts is that there is one."""
    with FaultServer(raw(b"HTTP/1.1 200 OK\r\n", b"x-more: yes\r\n" * 20_000, then=Peer.pause_long)) as server:
        error = await error_of(agent_for(server, timeout_s=20))

        assert isinstance(error, ProtocolError)
        assert server.client_left()


@pytest.mark.rows(21)
async def test_a_stream_that_makes_no_progress_is_given_up_before_any_limit_of_bytes_or_time() -> None:
    with FaultServer(drip(STREAM_HEAD, http_chunk(sse({"candidates": [{}]}) * 500), every_s=0.0001)) as server:
        error = await error_of(agent_for(server), watched)

        assert isinstance(error, StreamInterrupted)
        assert "10,001 empty events" in str(error)
        assert server.client_left()


# -- Broken answers ----------------------------------------------------------------------------------------------------

SHORT_BODY = raw(head(200, {"content-length": "99"}), b'{"candi', then=Peer.finish)
CUT_GZIP = gzip.compress(json.dumps(chunk("x" * 500, finish="STOP")).encode())[:-12]


LASTING: dict[str, tuple[Scenario, type[GeminiError]]] = {
    "a reset before the answer (row 8)": (reset_after(), ConnectionFailed),
    "a body that is too short (row 10)": (SHORT_BODY, ProtocolError),
    "a false encoding (row 24)": (answer(b"plain", headers={"content-encoding": "gzip"}), ProtocolError),
    "a cut gzip (row 24)": (answer(CUT_GZIP, headers={"content-encoding": "gzip"}), ProtocolError),
    "an empty body (row 27)": (answer(b""), ProtocolError),
    "a truncated body (row 27)": (answer(b'{"candidates": ['), ProtocolError),
    "an error under status 200 (row 28)": (answer(google_error(503, "UNAVAILABLE")), ServerError),
    "500 (row 30)": (status(500), ServerError),
    "504 (row 30)": (status(504), ServerError),
    "429 without a hint": (status(429), RateLimited),
}
LASTING_IN_STREAMS: dict[str, tuple[Scenario, type[GeminiError]]] = {
    "an end before the first event (row 12)": (chunked(b": nothing yet\n\n"), ProtocolError),
    "a cut event (row 13)": (chunked(b'data: {"candidates": [{"con'), ProtocolError),
    "an error event (row 14)": (stream(google_error(503, "UNAVAILABLE")), ServerError),
}


@pytest.mark.rows(8, 10, 12, 13, 14, 24, 27, 28, 30)
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        *(pytest.param(whole, fault, id=name) for name, fault in LASTING.items()),
        *(pytest.param(watched, fault, id=f"{name}, streamed") for name, fault in LASTING.items()),
        *(pytest.param(watched, fault, id=name) for name, fault in LASTING_IN_STREAMS.items()),
    ],
)
async def test_a_fault_that_lasts_is_met_four_times_and_then_told(
    way: Way, fault: tuple[Scenario, type[GeminiError]]
) -> None:
    scenario, expected = fault
    with FaultServer(scenario) as server:
        error = await error_of(agent_for(server), way)

    assert isinstance(error, expected)
    assert error.attempts == len(server.requests) == 4


@pytest.mark.rows(30)
async def test_the_waits_between_attempts_are_those_that_were_told_with_bounds_that_double() -> None:
    with FaultServer(status(503), status(503), status(503), FINE_STREAM) as server:
        async with agent_for(server, retry=Retry(first_delay_s=0.02, max_delay_s=0.05)).stream("Go.") as run:
            told = [event async for event in run if isinstance(event, Retrying)]

    gaps = [later.at_s - earlier.at_s for earlier, later in pairwise(server.requests)]
    assert [notice.attempt for notice in told] == [1, 2, 3]
    assert all(notice.delay_s <= bound for notice, bound in zip(told, (0.02, 0.04, 0.05), strict=True))
    assert all(gap >= notice.delay_s for gap, notice in zip(gaps, told, strict=True))


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.15s"}


@pytest.mark.rows(31, 32)
@pytest.mark.parametrize(
    ("refusal", "hint_s"),
    [
        pytest.param(status(429, retry_after="0.15"), 0.15, id="a header"),
        pytest.param(status(503, retry_after="0.15"), 0.15, id="a header beside a 503"),
        pytest.param(status(429, google_error(429, "", "", RETRY_INFO)), 0.15, id="RetryInfo (row 32)"),
        pytest.param(
            status(429, google_error(429, "", "", RETRY_INFO), retry_after="0.1"), 0.15, id="the larger of both"
        ),
        pytest.param(status(429, retry_after="in a while"), 0.0, id="garbage is ignored"),
        pytest.param(status(429, retry_after="-3"), 0.0, id="a negative one is ignored"),
        pytest.param(status(429, retry_after="1e999"), 0.0, id="an infinite one is ignored"),
    ],
)
async def test_a_hint_of_the_server_is_waited_for_and_not_more_than_jitter_longer(
    refusal: Scenario, hint_s: float
) -> None:
    with FaultServer(refusal, FINE_STREAM) as server:
        retry = Retry(first_delay_s=0.01, rate_limit_delay_s=0.01)
        async with agent_for(server, retry=retry).stream("Go.") as run:
            [notice] = [event async for event in run if isinstance(event, Retrying)]

    first, second = server.requests
    assert hint_s <= notice.delay_s <= hint_s + 0.01
    assert second.at_s - first.at_s >= hint_s


@WAYS
@pytest.mark.rows(33, "R2")
@pytest.mark.parametrize(
    ("limits", "hint_s"),
    [
        pytest.param(None, 3600.0, id="an hour"),
        pytest.param(Limits(deadline_s=20), 30.0, id="beyond the deadline of the run"),
    ],
)
async def test_a_wait_without_hope_is_not_begun(limits: Limits | None, hint_s: float, way: Way) -> None:
    with FaultServer(status(429, google_error(429, "RESOURCE_EXHAUSTED"), retry_after=f"{hint_s:g}")) as server:
        with anyio.fail_after(10):
            error = await error_of(agent_for(server, limits), way)

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == hint_s
    assert f"Try again in {hint_s:g} s." in str(error)
    assert len(server.requests) == 1


# -- After the first event ---------------------------------------------------------------------------------------------


def flushed(data: bytes) -> bytes:
    """The beginning of a gzip stream, as far as `data`."""
    squeeze = zlib.compressobj(wbits=31)
    return squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)


HELLO = sse(chunk("Hel")) + sse(chunk("lo"))
SILENT_LATER = raw(STREAM_HEAD, http_chunk(HELLO), then=Peer.pause_long)
LATE: dict[str, tuple[Scenario, type[GeminiError]]] = {
    "a reset (row 11)": (reset_after(STREAM_HEAD, http_chunk(HELLO)), StreamInterrupted),
    "a close": (raw(STREAM_HEAD, http_chunk(HELLO), then=Peer.finish), StreamInterrupted),
    "an end without a reason (row 12)": (chunked(HELLO), StreamInterrupted),
    "a cut event (row 13)": (chunked(HELLO + b'data: {"candi'), StreamInterrupted),
    "an event that is no JSON": (chunked(HELLO + b"data: <html>\n\n"), StreamInterrupted),
    "an error event (row 14)": (chunked(HELLO + sse(google_error(503, "UNAVAILABLE"))), ServerError),
    "an error in bare JSON": (chunked(HELLO + json.dumps(google_error(429, "X"), indent=1).encode()), RateLimited),
    "silence": (SILENT_LATER, DeadlineExceeded),
    "too much": (
        raw(STREAM_HEAD, http_chunk(HELLO), http_chunk(sse(chunk("x" * 5000))), pause_s=0.05, then=Peer.finish),
        ResponseTooLarge,
    ),
    "damaged gzip": (
        raw(
            head(200, {"content-encoding": "gzip", "transfer-encoding": "chunked"}),
            http_chunk(flushed(HELLO)), http_chunk(b"no gzip"), pause_s=0.05, then=Peer.finish,
        ),
        StreamInterrupted,
    ),
}  # fmt: skip


@pytest.mark.rows(11, 12, 13, 14, "R2", "R5", "R9")
@pytest.mark.parametrize(("fault", "expected"), LATE.values(), ids=LATE.keys())
async def test_what_fails_after_an_event_is_not_asked_again_and_the_run_can_go_on(
    fault: Scenario, expected: type[GeminiError]
) -> None:
    texts: list[str] = []
    with FaultServer(fault, FINE) as server:
        agent = agent_for(server, timeout_s=1, max_response_bytes=4000)

        async def read() -> None:
            async with agent.stream("Who is there?") as run:
                async for event in run:
                    texts.extend([event.text] if isinstance(event, TextDelta) else [])

        with pytest.raises(expected) as caught:
            await read()
        error = caught.value

        assert len(server.requests) == error.attempts == 1
        assert error.partial == "".join(texts) == "Hello"
        assert error.state.contents == [user_text("Who is there?")]
        assert server.nothing_is_open()
        assert (await agent.resume(error.state)).output == "fine"


@pytest.mark.rows("R6", 12)
@pytest.mark.parametrize("end", [b"", b'data: {"candi'], ids=["an end without a reason", "a cut event"])
async def test_a_call_in_an_answer_that_was_cut_is_not_executed(end: bytes) -> None:
    ran: list[str] = []

    def erase(path: str) -> None:
        """Erase a file."""
        ran.append(path)

    call = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "erase", "args": {"path": "/"}}}]}}]}
    with FaultServer(chunked(sse(call) + end)) as server:
        error = await error_of(Agent(MODEL, tools=[erase], client=client_for(server)), watched)

    assert isinstance(error, StreamInterrupted)
    assert error.state.contents == [user_text("Who is there?")]
    assert not ran


# -- What is read all the same -----------------------------------------------------------------------------------------

TEXT = "wéll €😀\u2028\u2029\u0085!"  # characters of one to four bytes, and line ends that are none here
WELL = json.dumps(chunk(TEXT, finish="STOP"), ensure_ascii=False)
STREAMS = {
    "CRLF (row 17)": f"data: {WELL}\r\n\r\n",
    "LF": f"data: {WELL}\n\n",
    "CR": f"data: {WELL}\r\r",
    "mixed": f"data: {WELL}\r\n\n",
    "comments and other fields (row 18)": f": hi\r\n\r\nevent: x\nid: 7\nretry: 1\n\nid: 8\n\ndata: {WELL}\n\n: bye\n",
    "a byte order mark": f"\ufeffdata: {WELL}\n\n",
    "no space (row 19)": f"data:{WELL}\n\n",
    "many lines for one event": "data: " + json.dumps(json.loads(WELL), indent=2).replace("\n", "\ndata: ") + "\n\n",
}


@pytest.mark.rows(15, 16, 17, 18, 19)
@pytest.mark.parametrize("size", [1, 7, 10_000], ids="{} bytes in a packet".format)
@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
async def test_every_legal_way_to_write_a_stream_is_read(body: str, size: int) -> None:
    with FaultServer(chunked(body.encode(), size=size)) as server:
        output = await watched(agent_for(server, retry=ONCE))

    assert output == TEXT


@WAYS
@pytest.mark.rows(25)
@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/html; charset=latin-1", "", None])
async def test_an_answer_is_known_by_its_content_not_by_its_type(kind: str | None, way: Way) -> None:
    body = WELL.encode() if way is whole else STREAMS["LF"].encode()
    headers = {} if kind is None else {"content-type": kind}
    with FaultServer(raw(head(200, {**headers, "content-length": str(len(body))}) + body)) as server:
        assert await way(agent_for(server, retry=ONCE)) == TEXT


@WAYS
@pytest.mark.rows(25)
async def test_latin_1_is_not_guessed(way: Way) -> None:
    body = WELL.replace(TEXT, "Grüße").encode("latin-1")
    with FaultServer(answer(body if way is whole else b"data: " + body + b"\n\n")) as server:
        assert isinstance(await error_of(agent_for(server), way), ProtocolError)


@WAYS
@pytest.mark.rows(26)
async def test_a_page_in_place_of_an_answer_is_quoted_at_its_beginning_and_asked_once(way: Way) -> None:
    """Control characters are escaped. Tags are not: the text is for terminals and logs, a page must escape it."""
    page = b"<html>\x1b[31m<title>Log in</title>" + b"<p>secret</p>" * 500
    with FaultServer(answer(page, kind="text/html")) as server:
        error = await error_of(agent_for(server), way)

    assert isinstance(error, ProtocolError)
    assert all(quoted in str(error) for quoted in ("HTTP 200", "text/html", "<title>Log in</title>"))
    assert str(error).isprintable()
    assert len(str(error)) < 450
    assert len(server.requests) == 1


@WAYS
@pytest.mark.rows(29)
async def test_the_page_of_a_502_is_not_in_the_error(way: Way) -> None:
    with FaultServer(status(502, b"<html>Bad gateway</html>", content_type="text/html")) as server:
        error = await error_of(agent_for(server), way)

    assert str(error) == "HTTP 502: Bad Gateway"
    assert len(server.requests) == 4


@WAYS
@pytest.mark.rows(22)
@pytest.mark.parametrize("wbits", [31, 15, -15], ids=["gzip", "deflate", "deflate without header"])
async def test_packed_answers_are_read_in_any_pieces(wbits: int, way: Way) -> None:
    squeeze = zlib.compressobj(wbits=wbits)
    pieces = [WELL] if way is whole else [STREAMS["CRLF (row 17)"], ": bye\n\n"]
    body = b"".join(squeeze.compress(piece.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH) for piece in pieces)
    encoding = {"content-encoding": "gzip" if wbits == 31 else "deflate"}
    with FaultServer(chunked(body + squeeze.flush(), headers=encoding, size=7)) as server:
        assert await way(agent_for(server, retry=ONCE)) == TEXT


# -- Size --------------------------------------------------------------------------------------------------------------

MIB = 1 << 20


def reading_cost_s(mebibytes: int) -> float:
    """Return the least processor time of three readings of one event, in pieces of 1 KiB."""

    def read(pieces: list[bytes]) -> float:
        parser, begun = SseParser(), time.process_time()
        found = [event for piece in pieces for event in parser.feed(piece)]
        assert len(GenerateContentResponse.parse(found[0]).text) == mebibytes * MIB
        return time.process_time() - begun

    body = sse(chunk("x" * mebibytes * MIB, finish="STOP"))
    pieces = [body[start : start + 1024] for start in range(0, len(body), 1024)]
    return min(read(pieces) for _ in range(3))


@pytest.mark.rows(20)
def test_eight_mebibytes_in_one_event_cost_about_eight_times_one() -> None:
    """If each piece cost as much as all before it, they would cost 64 times as much."""
    assert reading_cost_s(8) < 30 * reading_cost_s(1)


@WAYS
@pytest.mark.rows(20)
async def test_an_answer_of_eight_mebibytes_is_read(way: Way) -> None:
    large = chunk("x" * 8 * MIB, finish="STOP")
    with FaultServer(answer(large) if way is whole else stream(large)) as server:
        assert len(await way(agent_for(server))) == 8 * MIB


@pytest.mark.rows(20)
async def test_an_event_above_64_mebibytes_is_cut_off_without_being_asked_for() -> None:
    with FaultServer(drip(STREAM_HEAD + http_chunk(b"data: "), http_chunk(b"x" * MIB), every_s=0.0001)) as server:
        error = await error_of(agent_for(server), watched)

        assert isinstance(error, ResponseTooLarge)
        assert "67,108,864 bytes" in str(error)
        assert len(server.requests) == 1
        assert server.nothing_is_open()


# -- Redirects and refusals --------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.rows(36)
@pytest.mark.parametrize("location", ["/elsewhere", "", None], ids=["the same host", "an empty place", "no place"])
async def test_a_redirect_within_the_same_host_is_not_followed_either(location: str | None, way: Way) -> None:
    headers = {} if location is None else {"location": location}
    with FaultServer(status(308, **headers), FINE) as server:
        error = await error_of(agent_for(server), way)

    assert isinstance(error, ProtocolError)
    assert "redirect (HTTP 308) to the same host" in str(error)
    assert len(server.requests) == 1


@pytest.mark.rows(38)
@pytest.mark.parametrize("reads_on", [True, False], ids=["then reads the rest", "then closes at once"])
async def test_a_refusal_before_the_request_was_read_is_reported(reads_on: bool, anyio_backend: str) -> None:
    """50 MB. Servers read on for a while because a reset can destroy what they have sent. If one does not, the refusal
    arrives on Trio; asyncio drops it as soon as its own write fails, and then the error names the likely reason."""
    refusal = answer(google_error(413, "", "Too big."), 413, {"connection": "close"})
    with FaultServer(on_connect=refuse_early(refusal, reads_on=reads_on)) as server:
        agent = agent_for(server, retry=ONCE)
        with pytest.raises(GeminiError) as caught:
            await agent.run("x" * 50_000_000)

    error = caught.value
    if isinstance(error, ConnectionFailed):
        assert (anyio_backend, reads_on) == ("asyncio", False)
        assert "The request has 50,000," in str(error)
    else:
        assert isinstance(error, InvalidRequest)
        assert (error.status, error.message) == (413, "Too big.")


# -- Leaving -----------------------------------------------------------------------------------------------------------

MIDSTREAM = raw(STREAM_HEAD, http_chunk(sse(chunk("x"))), then=Peer.pause_long)


@pytest.mark.rows(42, "R9")
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        pytest.param(whole, silent(), id="before the answer"),
        pytest.param(whole, raw(head(200, {"content-length": "99"}), b"{", then=Peer.pause_long), id="in the answer"),
        pytest.param(watched, MIDSTREAM, id="in mid-stream"),
        pytest.param(whole, status(503, retry_after="50"), id="in a back-off"),
    ],
)
async def test_a_cancelled_run_ends_as_cancelled_and_closes_its_connection(way: Way, fault: Scenario) -> None:
    outcomes: list[BaseException] = []

    async def run(agent: Agent[None, str]) -> None:
        try:
            await way(agent)
        except BaseException as error:
            outcomes.append(error)
            raise

    with FaultServer(fault, fine_for(way)) as server:
        agent = agent_for(server)
        async with anyio.create_task_group() as group:
            group.start_soon(run, agent)
            while not server.requests:
                await anyio.sleep(0.01)
            await anyio.sleep(0.05)
            group.cancel_scope.cancel()

        assert [type(outcome) for outcome in outcomes] == [anyio.get_cancelled_exc_class()]
        assert server.client_left(within_s=0.5)
        assert await way(agent) == "fine"
    assert len(server.requests) == 2


@pytest.mark.rows(43, "R9")
async def test_a_reader_who_leaves_closes_the_connection() -> None:
    with FaultServer(drip(STREAM_HEAD, http_chunk(sse(chunk("x")))), FINE) as server:
        agent = agent_for(server)
        async with agent.client:
            async with agent.stream("Go.") as run:
                async for event in run:
                    if isinstance(event, TextDelta):
                        break

            assert server.client_left(within_s=0.5)
            assert await whole(agent) == "fine"


@pytest.mark.rows(43)
@pytest.mark.filterwarnings("ignore:Async generator")
async def test_a_stream_that_is_dropped_without_a_word_is_closed_by_its_finaliser() -> None:
    """Trio warns of it. asyncio does not: it runs the finaliser as if the reader had closed the stream himself."""
    with FaultServer(drip(STREAM_HEAD, http_chunk(sse(chunk("x"))))) as server:
        chunks: AsyncGenerator[GenerateContentResponse, None] | None = client_for(server).stream(
            MODEL, GenerateContentRequest(contents=[user_text("Go.")])
        )
        assert chunks is not None
        await anext(chunks)
        chunks = None
        gc.collect()
        await anyio.sleep(0.05)

        assert server.client_left(within_s=0.5)


# -- In every row ------------------------------------------------------------------------------------------------------

FAULTS: dict[str, Scenario] = {
    **{name: fault for name, (fault, _) in LATE.items() if fault is not SILENT_LATER},
    "a reset": reset_after(),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then=Peer.finish),
    "a short body": SHORT_BODY,
    "an empty body": answer(b""),
    "a page": answer(b"<html>Log in</html>", kind="text/html"),
    "null": answer(b"null"),
    "deep JSON": answer(b'{"a":' * 100_000),
    "a false encoding": answer(b"x", headers={"content-encoding": "br"}),
    "a redirect": status(302, location="http://elsewhere.test/"),
    "400": status(400, google_error(400, "INVALID_ARGUMENT", "No,\nnever.")),
    "401": status(401),
    "404": status(404),
    "429": status(429, google_error(429, "RESOURCE_EXHAUSTED"), retry_after="0.001"),
    "500": status(500, b"\x00\x1b[31m\xff"),
    "599": status(599),
    "a status that is none": raw(b"HTTP/1.1 099 What\r\n\r\n", then=Peer.finish),
    "a length that is none": raw(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", then=Peer.finish),
}


@pytest.mark.rows("R1", "R2", "R9")
@pytest.mark.parametrize(
    ("way", "fault", "timeout_s"),
    [
        *(pytest.param(whole, fault, 50, id=name) for name, fault in FAULTS.items()),
        *(pytest.param(watched, fault, 50, id=f"{name}, streamed") for name, fault in FAULTS.items()),
        pytest.param(whole, silent(), 0.6, id="silence"),
        pytest.param(watched, SILENT_LATER, 0.6, id="silence after an event, streamed"),
    ],
)
async def test_every_fault_is_an_error_of_ours_and_the_same_agent_serves_the_next_run(
    way: Way, fault: Scenario, timeout_s: float
) -> None:
    with FaultServer(fault) as server:
        agent = agent_for(server, timeout_s=timeout_s, max_response_bytes=300_000)
        async with agent.client:
            error = await error_of(agent, way)
            asked = len(server.requests)
            server.scenarios = (fine_for(way),)
            answered = await way(agent)

        assert answered == "fine"
        assert error.attempts == asked
        assert server.nothing_is_open()
    assert isinstance(error.retryable, bool)
    assert error.elapsed_s > 0
    assert error.state.contents == [user_text("Who is there?")]
    assert str(error).isprintable()
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.attempts, copy.partial) == (str(error), error.attempts, error.partial)


PIECES = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Busy\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/9", b"\r\n", b"\r\n\r\n",
    b"content-length: 20\r\n", b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n", b"location: \xff\r\n",
    b"retry-after: 0.001\r\n", b"5\r\ndata:\r\n", b"0\r\n\r\n", http_chunk(HELLO), http_chunk(sse({})),
    b"data: {}\n\n", b'{"error": ', b'{"candidates": [', b'{"candidates": {"a": 1}}', b'{"candidates": [null]}', b'"a"',
    b"5}", b"]}", gzip.compress(HELLO), b"\x1f\x8b", b"\xff\xfe", b"\x00",
])  # fmt: skip


@pytest.mark.rows("R1", "R9")
@settings(deadline=None, max_examples=60)
@given(
    start=st.sampled_from([b"", STREAM_HEAD, head(200, {}), head(200, {"content-encoding": "deflate"})]), data=st.data()
)
@pytest.mark.parametrize("way", [whole, watched], ids=["whole", "streamed"])
def test_any_bytes_from_a_server_give_an_answer_or_an_error_of_ours(
    start: bytes, data: st.DataObject, way: Way
) -> None:
    packets = data.draw(st.lists(PIECES | st.binary(max_size=30), max_size=8))
    with FaultServer(raw(start + b"".join(packets), then=Peer.finish)) as server:

        async def run() -> None:
            with suppress(AgentKitError):
                await way(agent_for(server, retry=ONCE, timeout_s=5))

        anyio.run(run)
