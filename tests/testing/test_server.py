"""The emulator over real HTTP: with a bare client, and with Google's own."""

import json
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from agentkit.testing import Emulator, call, cut, delay, error, stream, text
from agentkit.testing.server import serve
from tests.testing.requests_made import WEATHER, ask

MODEL = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "a-key"}


@pytest.fixture
def served() -> Iterator[Emulator]:
    with serve(Emulator()) as emulator:
        yield emulator


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    """Google's own client, pointed at the emulator."""
    options = types.HttpOptions(base_url=served.url, api_version="v1beta")
    with genai.Client(api_key="a-key", http_options=options) as client:
        yield client


def test_it_answers_on_loopback_only_while_the_block_runs() -> None:
    with serve(Emulator(models=["m"])) as emulator:
        url = emulator.url
        listed = httpx.get(f"{url}/v1beta/models", headers=KEY)

    assert listed.json()["models"][0]["name"] == "models/m"
    assert url.startswith("http://127.0.0.1:")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with pytest.raises(RuntimeError):
        _ = emulator.url


def test_nothing_is_left_when_it_stops() -> None:
    before = threading.active_count()

    with serve(Emulator()) as emulator, httpx.Client(headers=KEY) as client:
        client.get(f"{emulator.url}/v1beta/models")

    assert threading.active_count() == before


def test_a_request_that_is_still_being_answered_does_not_hold_up_the_end() -> None:
    emulator = Emulator()
    emulator.reply(text("a"), delay(600), text("b"))

    with serve(emulator), httpx.Client(headers=KEY) as client:
        url = f"{emulator.url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
        with client.stream("POST", url, json=ask()) as answer:
            first = next(answer.iter_raw())

    assert first.startswith(b"data: ")


def test_it_ends_on_a_keyboard_interrupt() -> None:
    before = threading.active_count()

    with pytest.raises(KeyboardInterrupt), serve(Emulator()):
        signal.raise_signal(signal.SIGINT)

    assert threading.active_count() == before


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]

        with pytest.raises(OSError, match="in use"), serve(Emulator(), port=port):
            pass


def test_it_is_silent(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "uvicorn")

    with serve(Emulator()) as emulator:
        httpx.post(f"{emulator.url}/v1beta/models/{MODEL}:generateContent", headers=KEY, json=ask())

    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_each_chunk_leaves_as_soon_as_it_is_said(served: Emulator) -> None:
    served.reply(text("first"), delay(600))

    with httpx.Client(headers=KEY) as client:
        url = f"{served.url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
        with client.stream("POST", url, json=ask()) as answer:
            event = next(answer.iter_raw())

    assert json.loads(event.removeprefix(b"data: "))["candidates"][0]["content"]["parts"] == [{"text": "first"}]


def test_a_second_server_runs_beside_the_first(served: Emulator) -> None:
    with serve(Emulator(models=["other"])) as second:
        assert second.url != served.url
        assert "other" in httpx.get(f"{second.url}/v1beta/models", headers=KEY).text


def test_googles_client_gets_a_text(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4 degrees."))

    answer = google.models.generate_content(model=MODEL, contents="Weather?")

    assert answer.text == "4 degrees."
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.total_token_count
    assert served.findings == []


def test_googles_client_reads_the_stream(served: Emulator, google: genai.Client) -> None:
    served.reply(stream("4 ", "degrees."))

    chunks = list(google.models.generate_content_stream(model=MODEL, contents="Weather?"))

    assert "".join(chunk.text or "" for chunk in chunks) == "4 degrees."
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize("on", ["gemini-2.5-flash", "gemini-3-flash-preview", "gemini-4-neon"])
def test_googles_client_makes_a_round_of_calls_that_the_judge_takes(
    served: Emulator, google: genai.Client, on: str
) -> None:
    served.reply(call("weather", city="Oslo"), call("weather", city="Rome"))
    served.reply(text("Rome is warmer."))
    config = types.GenerateContentConfig(tools=[types.Tool.model_validate(WEATHER)])
    history: list[Any] = [types.UserContent("Where is it warmer?")]

    first = google.models.generate_content(model=on, contents=history, config=config)
    assert first.candidates is not None
    assert first.function_calls is not None
    responses = [
        types.Part(function_response=types.FunctionResponse(id=made.id, name=made.name, response={"output": 4}))
        for made in first.function_calls
    ]
    history += [first.candidates[0].content, types.UserContent(responses)]
    second = google.models.generate_content(model=on, contents=history, config=config)

    assert second.text == "Rome is warmer."
    assert served.findings == []


def test_googles_client_runs_python_functions_by_itself(served: Emulator, google: genai.Client) -> None:
    def weather(city: str) -> str:
        """Weather of a town."""
        return f"4 degrees in {city}"

    served.reply(call("weather", city="Oslo"))
    served.reply(text("4 degrees."))

    answer = google.models.generate_content(
        model=MODEL, contents="Weather?", config=types.GenerateContentConfig(tools=[weather])
    )

    assert answer.text == "4 degrees."
    [response] = served.requests[1]["contents"][-1]["parts"]
    assert response["functionResponse"]["response"] == {"result": "4 degrees in Oslo"}


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [(429, errors.ClientError, "RESOURCE_EXHAUSTED"), (503, errors.ServerError, "UNAVAILABLE")],
)
def test_googles_client_raises_its_own_errors(
    served: Emulator, google: genai.Client, status: int, kind: type[errors.APIError], name: str
) -> None:
    served.reply(error(status, retry_after_s=1))

    with pytest.raises(kind) as raised:
        google.models.generate_content(model=MODEL, contents="Weather?")

    assert (raised.value.code, raised.value.status) == (status, name)


def test_googles_client_raises_an_error_that_comes_inside_a_stream(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4 "), error(499))

    with pytest.raises(errors.APIError, match="The operation was cancelled"):
        list(google.models.generate_content_stream(model=MODEL, contents="Weather?"))


def test_googles_client_sees_a_stream_without_an_end(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4 "), cut())

    [chunk] = google.models.generate_content_stream(model=MODEL, contents="Weather?")

    assert chunk.candidates is not None
    assert chunk.candidates[0].finish_reason is None


def test_googles_client_lists_models_and_counts_tokens(served: Emulator, google: genai.Client) -> None:
    assert MODEL in [(model.name or "").removeprefix("models/") for model in google.models.list()]
    assert google.models.count_tokens(model=MODEL, contents="x" * 40).total_tokens in range(10, 13)
