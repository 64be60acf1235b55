"""Cassettes: what was recorded over real HTTP comes back the same, without a server, a network or a key."""

import base64
import threading
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConnectionFailed,
    DeadlineExceeded,
    Event,
    GeminiClient,
    GeminiError,
    InvalidRequest,
    ProtocolError,
    RateLimited,
    Retry,
    RunResult,
    StreamInterrupted,
    tool,
)
from agentkit.testing import Asked, Emulator, call, cut, error, part, reply_raw, stream, text, thought
from agentkit.testing.cassette import Cassette, CassetteError
from agentkit.testing.server import serve
from tests.faultserver import STREAM_HEAD, FaultServer, Peer, http_chunk, raw
from tests.testing.canned import MODEL, QUESTION, Canned, event, replaying, written

pytestmark = pytest.mark.anyio

KEY = "canary-0123456789-sesame"
FAST = Retry(first_delay_s=0.001, rate_limit_delay_s=0.001)
ONCE = Retry(attempts=1)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "weather.json"


@tool
def weather(city: str) -> dict[str, object]:
    """Weather of a town."""
    return {"city": city, "degrees": 4.0, "wind": None}


def agent_of(cassette: Cassette, **settings: Any) -> Agent[None, str]:
    return Agent(MODEL, tools=[weather], client=cassette.client, **settings)


def recording(path: Path, url: str, **settings: Any) -> Cassette:
    return Cassette(path, **{"base_url": url, "retry": FAST, **settings})


def told(result: RunResult[str]) -> tuple[object, ...]:
    return result.output, result.usage, [content.raw for content in result.state.contents]


def comparable(events: list[Event]) -> list[tuple[object, ...]]:
    """Events without what is new in each run: its id, and how long things took."""
    new = ("run_id", "call_key", "key", "elapsed_s", "seconds", "delay_s", "result")
    return [
        (type(event), str({name: value for name, value in vars(event).items() if name not in new})) for event in events
    ]


def permanent(error: ConnectionFailed) -> ConnectionFailed:
    error.retryable = False
    return error


ROUND = (
    [thought("Two towns."), call("weather", city="Oslo"), call("weather", city="Rome")],
    [stream("Rome is ", "warmer: ", "4 degrees.")],
)
# The events of calls that run side by side come in any order.
ONE_CALL = ([thought("One town."), call("weather", city="Oslo")], ROUND[1])


def queue(emulator: Emulator, *replies: list[Any]) -> None:
    for items in replies:
        emulator.reply(*items)


# -- The same run again ------------------------------------------------------------------------------------------------


async def test_a_run_replays_with_the_same_answer_usage_and_contents(path: Path) -> None:
    with serve(Emulator()) as emulator:
        queue(emulator, *ROUND)
        async with recording(path, emulator.url) as cassette:
            first = await agent_of(cassette).run("Where is it warmer?")

    async with replaying(path) as cassette:
        again = await agent_of(cassette).run("Where is it warmer?")
        unused = cassette.unused

    assert first.output == "Rome is warmer: 4 degrees."
    assert told(again) == told(first)
    assert unused == []


async def test_a_streamed_run_replays_with_the_same_events(path: Path) -> None:
    async def watch(cassette: Cassette) -> list[Event]:
        async with agent_of(cassette, thinking="low").stream("Where is it warmer?") as run:
            return [event async for event in run]

    with serve(Emulator()) as emulator:
        queue(emulator, *ONE_CALL)
        async with recording(path, emulator.url) as cassette:
            first = await watch(cassette)

    async with replaying(path) as cassette:
        again = await watch(cassette)

    assert len(first) > 8
    assert comparable(again) == comparable(first)


def test_blocking_runs_replay(path: Path) -> None:
    with serve(Emulator()) as emulator:
        queue(emulator, *ROUND, *ONE_CALL)
        with recording(path, emulator.url) as cassette:
            first = agent_of(cassette).run_sync("Where is it warmer?")
            with agent_of(cassette).stream_sync("And where is it colder?") as run:
                first_events = list(run)

    with replaying(path) as cassette:
        again = agent_of(cassette).run_sync("Where is it warmer?")
        with agent_of(cassette).stream_sync("And where is it colder?") as run:
            events = list(run)

    assert told(again) == told(first)
    assert comparable(events) == comparable(first_events)


def test_threads_share_a_cassette(path: Path) -> None:
    def run_all(cassette: Cassette) -> dict[int, str]:
        outputs: dict[int, str] = {}

        def one(number: int) -> None:
            outputs[number] = agent_of(cassette).run_sync(f"Say {number}").output

        threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outputs

    def echo(asked: Asked) -> list[dict[str, Any]]:
        return [{"text": asked.body["contents"][0]["parts"][0]["text"]}]

    with serve(Emulator(brain=echo)) as emulator, recording(path, emulator.url) as cassette:
        first = run_all(cassette)

    with replaying(path) as cassette:
        assert run_all(cassette) == first == {number: f"Say {number}" for number in range(6)}


async def test_a_client_of_ones_own_takes_the_transport_of_a_cassette(path: Path) -> None:
    with serve(Emulator()) as emulator:
        emulator.reply(text("4 degrees."))
        async with Cassette(path) as cassette:
            client = GeminiClient(api_key=KEY, base_url=emulator.url, transport=cassette.transport)
            await Agent(MODEL, client=client).run("Weather?")

    async with replaying(path) as cassette:
        client = GeminiClient(api_key="any-key", base_url="https://else.invalid", transport=cassette.transport)
        async with client:
            result = await Agent(MODEL, client=client).run("Weather?")

    assert result.output == "4 degrees."


async def test_a_replay_needs_no_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Emulator()) as emulator:
        emulator.reply(text("4 degrees."))
        async with recording(path, emulator.url) as cassette:
            await agent_of(cassette).run("Weather?")
    monkeypatch.delenv("GEMINI_API_KEY")

    async with Cassette(path) as cassette:
        assert (await agent_of(cassette).run("Weather?")).output == "4 degrees."
    assert KEY not in path.read_text()


async def test_a_replay_speaks_the_dialect_of_the_endpoint_that_was_recorded(path: Path) -> None:
    async with Cassette(path, record_with=lambda: Canned([b'{"totalTokens": 3}'])) as cassette:
        recorded = cassette.client
        await recorded.count_tokens(MODEL, QUESTION)

    async with replaying(path) as cassette:
        assert (await cassette.client.count_tokens(MODEL, QUESTION)).total_tokens == 3
        assert cassette.client.endpoint == recorded.endpoint == "google"
    assert "googleapis" not in path.read_text()


# -- What goes wrong replays too ---------------------------------------------------------------------------------------


async def test_each_attempt_is_an_exchange_of_its_own(path: Path) -> None:
    with serve(Emulator()) as emulator:
        queue(emulator, [error(429, retry_after_s=0)], [error(503)], [text("4 degrees.")])
        async with recording(path, emulator.url) as cassette:
            await agent_of(cassette).run("Weather?")

    async with replaying(path, retry=FAST) as cassette:
        result = await agent_of(cassette).run("Weather?")

    assert result.output == "4 degrees."
    assert [exchange["answer"]["status"] for exchange in written(path)["exchanges"]] == [429, 503, 200]


async def test_an_error_replays_with_all_that_it_said(path: Path) -> None:
    async def fail(cassette: Cassette) -> GeminiError:
        with pytest.raises(GeminiError) as caught:
            await agent_of(cassette).run("Weather?")
        return caught.value

    with serve(Emulator()) as emulator:
        emulator.reply(error(400, "No such field."))
        emulator.reply(error(429, retry_after_s=3000, gateway=True))
        async with recording(path, emulator.url) as cassette:
            first = [await fail(cassette), await fail(cassette)]

    async with replaying(path) as cassette:
        again = [await fail(cassette), await fail(cassette)]

    assert [type(error) for error in first] == [InvalidRequest, RateLimited]
    assert [error.args for error in again] == [error.args for error in first]


async def test_a_stream_without_an_end_replays_as_such(path: Path) -> None:
    async def partial(cassette: Cassette) -> str:
        with pytest.raises(StreamInterrupted) as caught:
            async with agent_of(cassette).stream("Weather?") as run:
                await run.result()
        return caught.value.partial

    with serve(Emulator()) as emulator:
        queue(emulator, [stream("4 ", "degr"), cut()])
        async with recording(path, emulator.url) as cassette:
            first = await partial(cassette)

    async with replaying(path) as cassette:
        assert await partial(cassette) == first == "4 degr"


async def test_a_connection_that_breaks_inside_a_stream_breaks_there_again(path: Path) -> None:
    async def partial(cassette: Cassette) -> tuple[str, str]:
        with pytest.raises(StreamInterrupted) as caught:
            async with agent_of(cassette).stream("Weather?") as run:
                await run.result()
        return caught.value.partial, caught.value.reason

    with FaultServer(raw(STREAM_HEAD + http_chunk(event("4 ")), then=Peer.finish)) as server:
        async with recording(path, server.url) as cassette:
            first = await partial(cassette)

    async with replaying(path) as cassette:
        assert await partial(cassette) == first
    assert first[0] == "4 "


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param(ConnectionFailed("The connection to host:1 broke: reset."), id="a connection that broke"),
        pytest.param(permanent(ConnectionFailed("There is no host of this name.")), id="a host that does not exist"),
        pytest.param(DeadlineExceeded("the first byte of the answer", 2.5), id="a time limit"),
        pytest.param(ProtocolError("It does not speak HTTP."), id="a server that does not speak HTTP"),
    ],
)
async def test_a_service_that_was_not_there_is_not_recorded(path: Path, raised: GeminiError) -> None:
    async with Cassette(path, retry=ONCE, record_with=lambda: Canned([], failing=raised)) as cassette:
        with pytest.raises(type(raised)):
            await agent_of(cassette).run("Weather?")

    assert not path.exists()


async def test_reading_on_where_the_first_reader_left_is_told(path: Path) -> None:
    async with (
        Cassette(path, record_with=lambda: Canned([event("4 "), event("degrees.")])) as cassette,
        aclosing(cassette.client.stream(MODEL, QUESTION)) as chunks,
    ):
        await anext(chunks)

    async with replaying(path) as cassette:
        with pytest.raises(CassetteError, match="the reader left"):
            async with aclosing(cassette.client.stream(MODEL, QUESTION)) as chunks:
                assert [chunk.text async for chunk in chunks] == ["4 "]


async def test_a_page_of_html_replays(path: Path) -> None:
    async def fail(cassette: Cassette) -> str:
        with pytest.raises(ProtocolError) as caught:
            await agent_of(cassette).run("Weather?")
        return str(caught.value).partition("came with")[2]

    page = b"<!DOCTYPE html>\n<p>Busy: caf\xe9</p>\n"
    with serve(Emulator()) as emulator:
        emulator.reply(reply_raw(page, content_type="text/html"))
        async with recording(path, emulator.url) as cassette:
            first = await fail(cassette)

    async with replaying(path) as cassette:
        assert await fail(cassette) == first
    assert "text/html" in first


# -- Media -------------------------------------------------------------------------------------------------------------


async def test_images_replay_from_files_of_their_own(path: Path) -> None:
    image = bytes(range(256)) * 8
    drawn = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(image).decode()}}
    with serve(Emulator()) as emulator:
        emulator.reply(part(drawn), text("A square."))
        async with recording(path, emulator.url) as cassette:
            await agent_of(cassette).run("Draw.")

    async with replaying(path) as cassette:
        result = await agent_of(cassette).run("Draw.")

    assert [(one.data, one.mime_type) for one in result.images] == [(image, "image/png")]
    assert [file.read_bytes() for file in (path.parent / "media").iterdir()] == [image]
