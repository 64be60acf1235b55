"""Recorded streams, split anywhere and cut anywhere: the whole answer, or an error of ours; never a third thing."""

import functools
import itertools
import json
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import GeminiClient, GeminiError
from agentkit.transport import HttpRequest, HttpResponse
from agentkit.wire import GenerateContentRequest, GenerateContentResponse, merge, user_text
from tests.fault_runs import KEY, MODEL, ONCE, client_for
from tests.faultserver import STREAM_HEAD, FaultServer, Peer, Scenario, chunk, http_chunk, raw, sse
from tests.traffic import answers, needs_traffic, payloads

QUESTION = GenerateContentRequest(contents=[user_text("Go.")])
OWN = (
    sse(chunk("Hé"))
    + b": keep-alive\r\n\r\n"
    + sse(chunk("llo €😀", finish="STOP", usageMetadata={"totalTokenCount": 9}))
)
SMALL, LARGE = 400, 12_000


class Replayed:
    """A transport that answers each request with these pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        async def chunks() -> AsyncGenerator[bytes, None]:
            for piece in self._pieces:
                yield piece

        yield HttpResponse(status=200, headers={"content-type": "text/event-stream"}, chunks=chunks)

    async def aclose(self) -> None:
        """Nothing is open."""


def replaying(*pieces: bytes) -> GeminiClient:
    return GeminiClient(api_key=KEY, base_url="http://127.0.0.1:1", retry=ONCE, transport=lambda: Replayed(pieces))


async def read(client: GeminiClient) -> tuple[list[GenerateContentResponse], GeminiError | None]:
    """Return the pieces that were handed out, and the error after them."""
    found: list[GenerateContentResponse] = []
    try:
        async with aclosing(client.stream(MODEL, QUESTION)) as chunks:
            async for piece in chunks:
                found.append(piece)
    except GeminiError as error:
        return found, error
    return found, None


async def answer_of(client: GeminiClient) -> tuple[object, list[object], str] | None:
    """Return the content, the reason it ended and its text; None for an error of ours."""
    found, error = await read(client)
    if error is not None:
        assert error.partial == "".join(piece.text for piece in found)
        return None
    merged = merge(found)
    contents = [candidate.content.to_wire() for candidate in merged.candidates or [] if candidate.content]
    reasons = [candidate.finish_reason for candidate in merged.candidates or []]
    feedback = merged.prompt_feedback
    return contents, [*reasons, feedback.block_reason if feedback else None], merged.text


@functools.cache
def recorded_streams() -> list[bytes]:
    """Return the smallest recorded stream for each set of features and each way to write streams."""
    found: dict[object, bytes] = {}
    streams = [exchange for exchange in answers() if "sse" in exchange["response"]]
    for exchange in sorted(streams, key=lambda exchange: len(exchange["response"]["raw"])):
        body, events = exchange["response"]["raw"], payloads(exchange["response"])
        if len(body) <= LARGE and not _says_more_after_its_end(events):
            shape = ("\r" in body, len(events) > 1)
            found.setdefault((VARIETY & set(exchange["features"]), shape), body.encode())
    return [OWN, *found.values()]


VARIETY = frozenset({
    "function-call-out", "parallel-calls", "call-id", "thought-signature", "grounding", "code-execution",
    "partial-args", "server-tool-parts", "prompt-blocked", "error-in-stream", "citations", "max-tokens",
    "finish:SAFETY", "malformed-function-call",
})  # fmt: skip


def _says_more_after_its_end(events: list[dict[str, Any]]) -> bool:
    """Older models wrote a finish reason into every event. Whether such a stream is whole, only HTTP can tell."""
    candidates = [candidate for event in events for candidate in event.get("candidates") or []]
    return any(candidate.get("finishReason") for candidate in candidates[:-1])


def cuts_of(body: bytes, seed: int) -> list[int]:
    """Return every place to cut a small stream at; of a large one a sample, half of it around the ends of its lines."""
    if len(body) <= SMALL:
        return list(range(len(body)))
    ends = [place + step for place, byte in enumerate(body[:-1]) if byte == ord("\n") for step in (-1, 0, 1)]
    draw = random.Random(seed)
    return sorted(
        {*draw.sample(range(len(body)), 40), *draw.sample(ends, min(40, len(ends))), *range(len(body) - 5, len(body))}
    )


@needs_traffic
@pytest.mark.rows(12, 13, "R1")
def test_a_recorded_stream_cut_anywhere_is_the_whole_answer_or_an_error(show: Callable[[str], None]) -> None:
    """What stands after the finish reason may be missing: it is no part of the answer."""
    outcomes = {"whole": 0, "error": 0}

    async def cut_all() -> None:
        for number, body in enumerate(recorded_streams()):
            uncut = await answer_of(replaying(body))
            for cut in cuts_of(body, number):
                found = await answer_of(replaying(body[:cut]))
                assert found in (None, uncut), (body, cut)
                outcomes["whole" if found else "error"] += 1

    anyio.run(cut_all)
    assert outcomes["error"] > outcomes["whole"] > 0
    show(f"{sum(outcomes.values())} cuts of {len(recorded_streams())} recorded streams: {outcomes}")


def cut_at(body: bytes, how: str) -> Scenario:
    """The beginning of a stream, and then an end that HTTP calls a good one, or none at all."""
    framed = [http_chunk(body)] if body else []
    return raw(STREAM_HEAD, *framed, *([b"0\r\n\r\n"] if how == "ended" else []), then=Peer.finish)


@pytest.mark.anyio
@pytest.mark.rows(10, 11, 12, 13, "R1")
@pytest.mark.parametrize("how", ["ended", "closed"])
async def test_a_stream_cut_at_any_byte_on_the_wire_is_the_whole_answer_or_an_error(how: str) -> None:
    uncut = await answer_of(replaying(OWN))

    with FaultServer() as server:
        client = client_for(server, retry=ONCE)
        for cut in range(len(OWN) + 1):
            server.scenarios = (cut_at(OWN[:cut], how),)
            found = await answer_of(client)
            ends_well = how == "ended" and cut >= len(OWN.rstrip())
            assert found == (uncut if ends_well else None), cut
        assert len(server.requests) == len(OWN) + 1


def split(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return (body[begin:end] for begin, end in itertools.pairwise(edges))


@needs_traffic
@pytest.mark.rows(15, 16, 17)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_recorded_stream_split_anywhere_gives_the_same_pieces_and_the_same_answer(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(recorded_streams()))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=40))

    async def compare() -> None:
        expected, refusal = await read(replaying(body))
        found, error = await read(replaying(*split(body, cuts)))
        assert [piece.to_wire() for piece in found] == [piece.to_wire() for piece in expected]
        assert str(error).replace(str(len(body)), "") == str(refusal).replace(str(len(body)), "")
        assert json.dumps(merge(found).to_wire()) == json.dumps(merge(expected).to_wire())

    anyio.run(compare)
