"""Damaged answers for the client and the loop: a result or an error of agentkit, in time, and a run that can be saved.

The damage is the same in every run. Recorded answers take part where they are present.
"""

import functools
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit import Agent, AgentKitError, GeminiClient, Limits, ProtocolError, Retry, RunState, Transport, tool
from agentkit.testing import Emulator, blocked, call, code, finish, grounding, stream, text, thought
from agentkit.transport import HttpRequest, HttpResponse
from agentkit.wire import Content, GenerateContentRequest, merge, user_text
from tests.faultserver import FaultServer, raw
from tests.testing.damage import cut_up, damaged_bytes, damaged_json, with_each_value_wrong
from tests.testing.requests_made import WEATHER, ask
from tests.traffic import answers, payloads

same_every_time = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

MODEL = "gemini-3.8-flash"
QUESTION = GenerateContentRequest(contents=[user_text("Weather?")])
SOON_S = 5.0

Json = dict[str, Any]


# -- Sound answers to begin with ---------------------------------------------------------------------------------------

SAID: Mapping[str, Sequence[Any]] = {
    "a text": [thought("Hm."), stream("4 degrees", " in Oslo \N{SNOWMAN}, ", "\u2028 é.")],
    "calls": [thought("Two."), call("weather", city="Oslo"), call("weather", city="Rome", days=2)],
    "a program": [code("print(4)", "4\n"), text("Four.")],
    "sources": [
        text("Four."),
        grounding(
            {"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "https://example.com", "title": "E"}}]}
        ),
    ],
    "nothing": [finish("MAX_TOKENS")],
    "a refusal": [blocked()],
}


def emulated(items: Sequence[Any], method: str) -> bytes:
    """Return the body of the emulator's answer."""
    emulator = Emulator(seed=1)
    emulator.reply(*items)
    body = ask(tools=[WEATHER], generationConfig={"thinkingConfig": {"includeThoughts": True}})

    async def post() -> bytes:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url="http://emulator") as client:
            headers = {"x-goog-api-key": "a-key"}
            return (await client.post(f"/v1beta/models/{MODEL}:{method}", json=body, headers=headers)).content

    return anyio.run(post)


@functools.cache
def sound_answers() -> list[list[Json]]:
    """Return answers as the chunks of their streams: the emulator's, and every 40th recorded one."""
    made = [json.loads(emulated(items, "streamGenerateContent")) for items in SAID.values()]
    kept = [payloads(exchange["response"]) for exchange in answers()[::40]]
    return [*made, *(chunks for chunks in kept if chunks and len(json.dumps(chunks)) < 6000)]


# -- Damaged answers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Canned:
    """A transport that answers every request with the same bytes, in the same pieces."""

    status: int
    headers: Mapping[str, str]
    pieces: Sequence[bytes]

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        async def chunks() -> AsyncGenerator[bytes, None]:
            for piece in self.pieces:
                yield piece

        yield HttpResponse(status=self.status, headers=self.headers, chunks=chunks)

    async def aclose(self) -> None:
        """Nothing is open."""


def client_of(transport: Transport) -> GeminiClient:
    return GeminiClient(
        api_key="a-key", base_url="http://127.0.0.1:1", retry=Retry(attempts=1), transport=lambda: transport
    )


def framed(chunks: Sequence[str], framing: str) -> bytes:
    if framing == "one":
        return chunks[0].encode()
    if framing == "array":
        return f"[{','.join(chunks)}]".encode()
    return b"".join(f"data: {chunk}\r\n\r\n".encode() for chunk in chunks)


@st.composite
def damaged_answers(draw: st.DrawFn) -> Canned:
    sound = draw(st.sampled_from(sound_answers()))
    body = framed(
        [draw(damaged_json([chunk], most=2)) for chunk in sound],
        draw(st.sampled_from(("events", "events", "one", "array"))),
    )
    return Canned(
        status=draw(st.sampled_from((200, 200, 200, 200, 204, 301, 400, 404, 429, 500, 503, 777))),
        headers=draw(
            st.fixed_dictionaries(
                {"content-type": st.sampled_from(("application/json", "text/event-stream", "text/html", "", "\xff"))},
                optional={
                    "retry-after": st.sampled_from(("1", "-1", "nan", "1e999", "Wed, 99 Foo", "\u0661")),
                    "location": st.sampled_from(("/", "http://[", "https://example.com:99999")),
                },
            )
        ),
        pieces=draw(st.one_of(st.just(body), damaged_bytes(body)).flatmap(cut_up)),
    )


# -- Ways of asking ----------------------------------------------------------------------------------------------------


@tool
def weather(city: str, days: int = 1) -> str:
    """Weather of a town."""
    return f"4 degrees in {city} for {days} days"


def agent_for(client: GeminiClient) -> Agent[Any, str]:
    return Agent(MODEL, tools=[weather], client=client, limits=Limits(turns=3, deadline_s=SOON_S))


async def generate(client: GeminiClient) -> None:
    answer = await client.generate(MODEL, QUESTION)
    assert isinstance(answer.text, str)


async def read_stream(client: GeminiClient) -> None:
    async with aclosing(client.stream(MODEL, QUESTION)) as chunks:
        merged = merge([chunk async for chunk in chunks])
    assert isinstance(merged.text, str)


async def run(client: GeminiClient) -> None:
    check_state((await agent_for(client).run("Weather?")).state)


async def watch(client: GeminiClient) -> None:
    async with agent_for(client).stream("Weather?") as events:
        async for event in events:
            repr(event)
        check_state((await events.result()).state)


WAYS = {"generate": generate, "stream": read_stream, "run": run, "watch": watch}


def check_state(state: RunState | None) -> None:
    """A run can be saved and loaded, however it ended."""
    assert state is not None
    saved = state.dump_json()
    assert RunState.load_json(saved).dump_json() == saved


async def survive(client: GeminiClient, way: str) -> None:
    """Ask, and accept a result or an error of ours; anything else escapes, and so does a hang."""
    with anyio.fail_after(SOON_S):
        try:
            await WAYS[way](client)
        except AgentKitError as error:
            told, state = str(error), error.state
        else:
            return
    assert told
    if way in ("run", "watch"):
        check_state(state)


@settings(same_every_time, max_examples=300)
@given(canned=damaged_answers(), way=st.sampled_from(list(WAYS)))
def test_any_answer_gives_a_result_or_an_error_of_ours(canned: Canned, way: str) -> None:
    anyio.run(survive, client_of(canned), way)


def test_a_redirect_to_what_is_no_address_is_told_as_a_redirect() -> None:
    canned = Canned(301, {"location": "http://["}, [])

    with pytest.raises(ProtocolError, match=r"redirect \(HTTP 301\)"):
        anyio.run(generate, client_of(canned))


@pytest.mark.parametrize(
    ("said", "keys"),
    [("calls", {"candidates"}), ("sources", {"candidates", "usageMetadata"})],
    ids=["calls", "a text with sources"],
)
def test_every_place_of_an_answer_may_hold_anything(said: str, keys: set[str]) -> None:
    whole = json.loads(emulated(SAID[said], "generateContent"))
    sound = {key: value for key, value in whole.items() if key in keys}

    async def ask_each() -> None:
        for damaged in with_each_value_wrong(sound):
            canned = Canned(200, {"content-type": "application/json"}, [damaged.encode()])
            await survive(client_of(canned), "run")

    anyio.run(ask_each)


@st.composite
def http_answers(draw: st.DrawFn) -> list[bytes]:
    """An answer as it goes over the wire, its head damaged as well; the connection then ends."""
    body = framed([json.dumps(chunk) for chunk in draw(st.sampled_from(sound_answers()))], "events")
    head = draw(
        st.sampled_from(
            (
                b"content-type: text/event-stream\r\ncontent-length: %d" % len(body),
                b"content-type: text/event-stream\r\ntransfer-encoding: chunked",
                b"content-encoding: gzip",
                b"content-type: text/event-stream",
            )
        )
    )
    if b"chunked" in head:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return draw(damaged_bytes(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body).flatmap(cut_up))


@pytest.mark.parametrize("way", WAYS)
def test_any_bytes_on_the_wire_give_a_result_or_an_error_of_ours(way: str) -> None:
    packets: list[bytes] = []

    with FaultServer(lambda peer: raw(*packets, then=type(peer).finish)(peer)) as server:
        client = GeminiClient(api_key="a-key", base_url=server.url, retry=Retry(attempts=1), timeout_s=2)

        @settings(same_every_time, max_examples=40)
        @given(sent=http_answers())
        def ask_again(sent: list[bytes]) -> None:
            packets[:] = sent
            anyio.run(survive, client, way)

        ask_again()


# -- Streams cut anywhere ----------------------------------------------------------------------------------------------


async def merged_content(pieces: Sequence[bytes]) -> Content | None:
    canned = Canned(200, {"content-type": "text/event-stream"}, pieces)
    async with aclosing(client_of(canned).stream(MODEL, QUESTION)) as chunks:
        return merge([chunk async for chunk in chunks]).content


def test_a_stream_cut_in_two_anywhere_gives_the_same_content() -> None:
    body = emulated(SAID["a text"], "streamGenerateContent?alt=sse")

    async def cut_everywhere() -> list[int]:
        whole = await merged_content([body])
        return [at for at in range(len(body)) if await merged_content([body[:at], body[at:]]) != whole]

    assert anyio.run(cut_everywhere) == []


@settings(same_every_time, max_examples=60)
@given(data=st.data(), said=st.sampled_from(list(SAID)))
def test_a_stream_cut_into_many_pieces_gives_the_same_content(data: st.DataObject, said: str) -> None:
    body = emulated(SAID[said], "streamGenerateContent?alt=sse")
    pieces = data.draw(cut_up(body, 30))

    assert anyio.run(merged_content, pieces) == anyio.run(merged_content, [body])


def test_a_stream_byte_by_byte_gives_the_whole_answer() -> None:
    whole = json.loads(emulated(SAID["calls"], "generateContent"))["candidates"][0]["content"]
    body = emulated(SAID["calls"], "streamGenerateContent?alt=sse")

    content = anyio.run(merged_content, [bytes([byte]) for byte in body])

    assert content is not None
    assert [part for part in content.to_wire()["parts"] if part != {"text": ""}] == whole["parts"]
