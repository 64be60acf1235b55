"""What can be scripted, as it comes over real HTTP: odd answers, stalls, torn bytes, ends of connections."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentkit.testing import Emulator, cut, delay, error, reply_raw, stream, text
from agentkit.testing.faults import Faults
from agentkit.testing.items import Item
from agentkit.testing.script import (
    begin,
    close,
    keep_alive,
    reset,
    split,
)
from agentkit.testing.server import serve
from tests.testing.asking import generate, send
from tests.testing.requests_made import ask

MODEL = "gemini-3-flash-preview"
WHOLE = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
IMAGE = "iVBORw0KGgo="

Json = dict[str, Any]


@pytest.fixture
def served() -> Iterator[Emulator]:
    with serve(Emulator()) as emulator:
        yield emulator


@pytest.fixture
def client(served: Emulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers={"x-goog-api-key": "a-key"}, timeout=5) as client:
        yield client


def stream_of(client: httpx.Client) -> httpx.Response:
    return client.post(STREAM, json=ask())


def test_a_reset_in_the_middle_of_a_stream_comes_after_what_was_said(served: Emulator, client: httpx.Client) -> None:
    served.reply(text("first"), delay(0.05), reset())

    with client.stream("POST", STREAM, json=ask()) as answer:
        pieces = answer.iter_raw()
        got = next(pieces)
        with pytest.raises(httpx.ReadError):
            next(pieces)

    assert json.loads(got.removeprefix(b"data: "))["candidates"][0]["content"]["parts"] == [{"text": "first"}]


def test_a_connection_that_is_closed_early_is_no_complete_answer(served: Emulator, client: httpx.Client) -> None:
    served.reply(text("first"), delay(0.05), close())

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        stream_of(client)


@pytest.mark.parametrize("end", [reset(), close()], ids=["reset", "close"])
def test_a_connection_can_end_before_any_answer(served: Emulator, client: httpx.Client, end: Item) -> None:
    served.reply(end)
    served.reply(text("Hi."))

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        stream_of(client)

    assert stream_of(client).status_code == 200


def test_a_whole_answer_can_be_torn_before_the_connection_ends(served: Emulator, client: httpx.Client) -> None:
    served.reply(text("first"), cut(after_bytes=20), delay(0.05), close())

    with pytest.raises(httpx.RemoteProtocolError):
        client.post(WHOLE, json=ask())


def test_a_fault_can_reset_the_connection() -> None:
    with serve(Emulator(faults=Faults(rate=1, kinds=("reset",)))) as emulator, pytest.raises(httpx.ReadError):
        httpx.post(f"{emulator.url}/v1beta/models/{MODEL}:generateContent", json=ask(), headers={"x-goog-api-key": "k"})


@pytest.mark.anyio
async def test_a_server_that_cannot_end_connections_is_told_how_to() -> None:
    emulator = Emulator()
    emulator.reply(reset())

    with pytest.raises(ConnectionResetError, match=r"agentkit\.testing\.server\.serve"):
        await generate(emulator, ask())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_split_at_any_width_is_the_same(served: Emulator, client: httpx.Client, size: int) -> None:
    served.reply(stream("é", "ü\u2028"), split(size))

    events = stream_of(client).content.split(b"\r\n\r\n")

    texts = [json.loads(event[6:])["candidates"][0]["content"]["parts"][0]["text"] for event in events if event]
    assert texts == ["é", "ü\u2028", ""]


def test_a_body_split_into_bytes_arrives_in_many_pieces(served: Emulator, client: httpx.Client) -> None:
    served.reply(text("Hi."), split(1))

    with client.stream("POST", WHOLE, json=ask()) as answer:
        pieces = list(answer.iter_raw())

    assert json.loads(b"".join(pieces))
    assert len(pieces) > 10


def test_a_split_of_nothing_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"split\(0\)"):
        split(0)


def test_a_chunk_can_be_torn_anywhere(served: Emulator, client: httpx.Client) -> None:
    served.reply(stream("a", "b"), cut(after_bytes=10))

    *events, torn = stream_of(client).content.split(b"\r\n\r\n")

    assert len(events) == 1
    assert (torn, len(torn)) == (b'data: {"ca', 10)


def test_headers_can_come_long_before_the_body(served: Emulator, client: httpx.Client) -> None:
    served.reply(begin(), delay(30), text("late"))

    with client.stream("POST", STREAM, json=ask()) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")


def test_a_stall_in_mid_stream_is_felt_after_the_first_event(served: Emulator, client: httpx.Client) -> None:
    served.reply(text("first"), delay(30), text("second"))

    with client.stream("POST", STREAM, json=ask(), timeout=0.2) as answer:
        pieces = answer.iter_raw()
        first = next(pieces)
        with pytest.raises(httpx.ReadTimeout):
            next(pieces)

    assert b"first" in first


def test_comments_stand_between_events(served: Emulator, client: httpx.Client) -> None:
    served.reply(keep_alive(), text("Hi."), keep_alive("still here"))

    answer = stream_of(client).text

    assert answer.startswith(": keep-alive\n\ndata: {")
    assert "\r\n\r\n: still here\n\ndata: {" in answer


@pytest.mark.anyio
async def test_an_error_in_a_stream_of_vertex_is_the_one_element_of_a_list() -> None:
    emulator = Emulator(profile="vertex")
    emulator.reply(text("a"), error(499))

    answer = await generate(emulator, ask(), streamed=True)

    [told] = json.loads(answer.text.rpartition("\r\n\r\n")[2])
    assert told["error"]["status"] == "CANCELLED"


@pytest.mark.anyio
async def test_an_error_in_a_json_array_is_its_last_element() -> None:
    emulator = Emulator()
    emulator.reply(text("a"), error(503))

    answer = await send(emulator, "POST", f"/v1beta/models/{MODEL}:streamGenerateContent", ask())

    assert [next(iter(element)) for element in answer.json()] == ["candidates", "error"]


@pytest.mark.anyio
async def test_a_used_up_quota_is_told_as_the_service_tells_it() -> None:
    emulator = Emulator()
    emulator.reply(error(429, quota="GenerateRequestsPerDayPerProjectPerModel-FreeTier", retry_after_s=34.4))

    told = (await generate(emulator, ask())).json()["error"]

    help_, quota, retry = told["details"]
    assert help_["@type"].endswith("google.rpc.Help")
    assert quota["violations"][0]["quotaId"] == "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    assert quota["violations"][0]["quotaDimensions"]["model"] == "gemini-3.8-flash"
    assert retry["retryDelay"] == "34.4s"
    assert told["message"].endswith("\nPlease retry in 34.4s.")


@pytest.mark.anyio
async def test_vertex_has_its_own_words() -> None:
    emulator = Emulator(profile="vertex", api_keys={"good"}, models=["other"])
    emulator.reply(error(429))
    place = "projects/p/locations/global/"
    path = f"/v1beta1/{place}publishers/google/models/{MODEL}:generateContent"

    wrong_key = await send(emulator, "POST", path, ask())
    no_model = await send(emulator, "POST", path, ask(), key={"authorization": "Bearer good"})

    assert "API keys are not supported by this API." in wrong_key.json()["error"]["message"]
    assert no_model.json()["error"]["message"] == (
        f"Publisher Model `{place}publishers/google/models/{MODEL}` not found."
    )


@pytest.mark.anyio
async def test_a_page_or_a_redirect_can_come_instead() -> None:
    emulator = Emulator()
    emulator.reply(reply_raw(b"", status=301, content_type="text/html", headers={"location": "/"}))

    answer = await generate(emulator, ask())

    assert (answer.status_code, answer.headers["location"]) == (301, "/")
