"""Vertex AI: where requests go, and tokens that a function gives, which run out."""

import logging
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    AuthenticationFailed,
    ConfigurationError,
    GeminiClient,
    HttpRequest,
    Retry,
)
from agentkit.testing import Emulator, call, error, text
from agentkit.testing.server import serve
from agentkit.wire import GenerateContentRequest, user_text

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
QUESTION = GenerateContentRequest(contents=[user_text("Who is there?")])
OLD, NEW = "old-token-0123456789", "new-token-0123456789"
PLACE = "/v1/projects/shop-1/locations/us-central1/publishers/google/models/gemini-3-flash-preview"


class Tokens:
    """Gives one token after another, the last one for ever."""

    def __init__(self, *tokens: Any) -> None:
        self.tokens, self.asked = list(tokens), 0

    def __call__(self) -> Any:
        self.asked += 1
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]


@pytest.fixture
def vertex() -> Iterator[Emulator]:
    """Vertex AI, to which only the new token gives access."""
    with serve(Emulator(profile="vertex", api_keys={NEW})) as emulator:
        yield emulator
        assert not emulator.unexpected


def client_at(emulator: Emulator, token: Any, **options: Any) -> GeminiClient:
    options = {"project": "shop-1", "location": "us-central1", "base_url": emulator.url, **options}
    return GeminiClient.vertex(token=token, **options)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        pytest.param(
            {"project": "shop-1"},
            "https://aiplatform.googleapis.com/v1/projects/shop-1/locations/global/publishers/google",
            id="global-has-a-host-without-a-region",
        ),
        pytest.param(
            {"project": "shop-1", "location": "europe-west4"},
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/shop-1/locations/europe-west4/publishers/google",
            id="a-region-has-its-own-host",
        ),
        pytest.param(
            {"project": "shop-1", "location": "eu"},
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/shop-1/locations/eu/publishers/google",
            id="a-multi-region-has-a-host-of-another-form",
        ),
        pytest.param(
            {"project": "shop-1", "api_version": "v1beta1", "base_url": "https://proxy.example/google"},
            "https://proxy.example/google/v1beta1/projects/shop-1/locations/global/publishers/google",
            id="a-proxy-stands-in-front-of-the-path",
        ),
    ],
)
async def test_a_project_and_a_location_make_the_address(options: dict[str, Any], url: str) -> None:
    client = GeminiClient.vertex(token=lambda: NEW, **options)

    assert (client.base_url, client.endpoint) == (url, "vertex")
    assert repr(client) == f"GeminiClient(base_url={url!r}, key from the token function)"


async def test_an_express_key_needs_no_project() -> None:
    client = GeminiClient.vertex(api_key="AQ.express-0123456789")

    assert client.base_url == "https://aiplatform.googleapis.com/v1/publishers/google"


async def test_an_express_key_goes_in_its_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", NEW)
    with serve(Emulator(profile="vertex", api_keys={NEW})) as emulator:
        monkeypatch.setenv("AGENTKIT_BASE_URL", emulator.url)
        emulator.reply(text("Hi."))

        answer = await GeminiClient.vertex().generate(MODEL, QUESTION)

        assert answer.text == "Hi."
        assert emulator.asked[0].path == f"/v1/publishers/google/models/{MODEL}:generateContent"


async def test_the_gateways_key_is_not_sent_to_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMETAPI_KEY", OLD)

    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY, GOOGLE_API_KEY"):
        GeminiClient.vertex(base_url="https://proxy.example")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"project": "p-1"}, "a project and a token", id="a-project-without-a-token"),
        pytest.param({"token": lambda: NEW}, "a project and a token", id="a-token-without-a-project"),
        pytest.param({"project": "p-1", "token": lambda: NEW, "api_key": NEW}, "API key alone", id="both-credentials"),
        pytest.param({"project": "p/../q", "token": lambda: NEW}, "project='p/../q' is not", id="a-path-as-project"),
        pytest.param({"project": "", "token": lambda: NEW}, "project='' is not", id="an-empty-project"),
        pytest.param(
            {"project": "p-1", "token": lambda: NEW, "location": "evil.example/"}, "is not a location", id="a-host"
        ),
        pytest.param({"api_key": NEW, "location": "us-central1"}, "express mode", id="express-in-a-region"),
        pytest.param({"project": "p-1", "token": NEW}, "must be a function", id="a-token-that-is-no-function"),
        pytest.param(
            {"project": "p-1", "token": lambda: NEW, "base_url": "http://proxy.example"}, "unencrypted", id="http"
        ),
    ],
)
async def test_what_cannot_be_right_is_refused_before_any_request(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GeminiClient.vertex(**options)

    assert words in str(caught.value)
    assert NEW not in str(caught.value)


async def test_a_key_and_a_token_together_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        GeminiClient(api_key=NEW, token=lambda: NEW)


async def test_a_token_without_an_address_is_for_google() -> None:
    assert GeminiClient(token=lambda: NEW).endpoint == "google"


async def test_a_run_over_the_regional_path_calls_tools_streams_and_counts(vertex: Emulator) -> None:
    vertex.reply(call("double", number=4))
    vertex.reply(text("8"))
    tokens = Tokens(NEW)
    client = client_at(vertex, tokens)

    def double(number: int) -> int:
        """Twice a number."""
        return 2 * number

    async with Agent(MODEL, tools=[double], client=client).stream("Double 4") as run:
        result = await run.result()
    counted = await client.count_tokens(MODEL, QUESTION)

    assert result.output == "8"
    assert counted.total_tokens
    assert [asked.path for asked in vertex.asked] == [
        f"{PLACE}:streamGenerateContent?alt=sse",
        f"{PLACE}:streamGenerateContent?alt=sse",
        f"{PLACE}:countTokens",
    ]
    assert tokens.asked == 1
    assert not vertex.findings


async def test_an_async_function_may_give_the_token(vertex: Emulator) -> None:
    async def fetch() -> tuple[str, float]:
        await anyio.lowlevel.checkpoint()
        return NEW, 3600.0

    vertex.reply(text("Hi."))

    assert (await client_at(vertex, fetch).generate(MODEL, QUESTION)).text == "Hi."


async def test_a_token_is_kept_until_a_minute_before_its_end(vertex: Emulator) -> None:
    tokens = Tokens((NEW, 59), (NEW, 3600))
    client = client_at(vertex, tokens)

    for _ in range(4):
        vertex.reply(text("Hi."))
        await client.generate(MODEL, QUESTION)

    assert tokens.asked == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_expired_token_is_renewed_and_the_request_sent_again(vertex: Emulator, streamed: bool) -> None:
    tokens = Tokens(OLD, NEW)
    client = client_at(vertex, tokens, retry=Retry(attempts=1))
    vertex.reply(text("Hi."))

    if streamed:
        async with aclosing(client.stream(MODEL, QUESTION)) as chunks:
            said = "".join([chunk.text async for chunk in chunks])
    else:
        said = (await client.generate(MODEL, QUESTION)).text

    assert (said, tokens.asked, len(vertex.asked)) == ("Hi.", 2, 2)


async def test_a_second_401_is_told_and_nothing_more_is_tried(vertex: Emulator) -> None:
    tokens = Tokens(OLD)

    with pytest.raises(AuthenticationFailed) as caught:
        await client_at(vertex, tokens).generate(MODEL, QUESTION)

    assert (caught.value.status, caught.value.attempts, tokens.asked, len(vertex.asked)) == (401, 2, 2, 2)
    assert "the token function" in str(caught.value)


async def test_a_permission_that_is_missing_is_no_reason_for_another_token(vertex: Emulator) -> None:
    tokens = Tokens(NEW)
    vertex.reply(error(403))

    with pytest.raises(AuthenticationFailed):
        await client_at(vertex, tokens).generate(MODEL, QUESTION)

    assert (tokens.asked, len(vertex.asked)) == (1, 1)


async def test_a_busy_service_is_asked_again_after_the_renewal_too(vertex: Emulator) -> None:
    vertex.reply(error(503))
    vertex.reply(text("Hi."))
    client = client_at(vertex, Tokens(OLD, NEW), retry=Retry(attempts=2, first_delay_s=0.001))

    assert (await client.generate(MODEL, QUESTION)).text == "Hi."


async def test_many_requests_at_once_ask_for_one_token(vertex: Emulator) -> None:
    tokens = Tokens(OLD, NEW)
    client = client_at(vertex, tokens)
    for _ in range(20):
        vertex.reply(text("Hi."))

    async with client, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(client.generate, MODEL, QUESTION)

    assert tokens.asked == 2


def test_a_client_serves_one_event_loop_after_another(vertex: Emulator) -> None:
    tokens = Tokens((NEW, 1), NEW)
    client = client_at(vertex, tokens)
    for _ in range(4):
        vertex.reply(text("Hi."))

    said = [anyio.run(client.generate, MODEL, QUESTION, backend=loop).text for loop in ("asyncio", "trio") * 2]

    assert (said, tokens.asked) == (["Hi."] * 4, 2)


async def test_a_token_function_may_use_a_client_with_a_token_of_its_own(vertex: Emulator) -> None:
    inner = client_at(vertex, lambda: NEW)

    async def ask() -> str:
        return (await inner.generate(MODEL, QUESTION)).text

    vertex.reply(text(NEW))
    vertex.reply(text("Hi."))

    with anyio.fail_after(20):
        assert (await client_at(vertex, ask).generate(MODEL, QUESTION)).text == "Hi."


async def test_a_slow_function_that_blocks_does_not_block_the_loop(vertex: Emulator) -> None:
    ticks = 0

    def slow() -> str:
        begun = ticks
        while ticks < begun + 3:  # ends only because the loop goes on
            time.sleep(0.001)
        return NEW

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.sleep(0.001)

    vertex.reply(text("Hi."))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            await client_at(vertex, slow).generate(MODEL, QUESTION)
            group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(None, "must be a string, not NoneType", id="nothing"),
        pytest.param("", "is empty", id="an-empty-text"),
        pytest.param("two words 0123", "holds blanks", id="a-text-with-blanks"),
        pytest.param("${TOKEN}", "placeholder", id="a-variable-that-was-not-filled-in"),
        pytest.param((NEW, "soon"), "seconds for which it is good", id="a-lifetime-that-is-no-number"),
        pytest.param((NEW, 1, 2), "seconds for which it is good", id="three-things"),
    ],
)
async def test_a_function_that_returns_no_token_is_told_and_nothing_is_sent(
    vertex: Emulator, given: object, words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await client_at(vertex, lambda: given).generate(MODEL, QUESTION)

    assert words in str(caught.value)
    assert NEW not in str(caught.value)
    assert not vertex.asked


async def test_a_function_that_fails_is_named_and_its_text_is_not_told(vertex: Emulator) -> None:
    def fail() -> str:
        raise OSError("secret of the vault")

    with pytest.raises(ConfigurationError) as caught:
        await client_at(vertex, fail).generate(MODEL, QUESTION)

    assert "The token function failed (OSError)" in str(caught.value)
    assert "vault" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_token_is_in_no_message_repr_or_log(vertex: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vertex.reply(error(400, f"Bad token {NEW}"))
    client = client_at(vertex, lambda: NEW)

    with pytest.raises(Exception, match="Bad token") as caught:
        await client.generate(MODEL, QUESTION)

    shown = f"{caught.value} {caught.value!r} {vars(caught.value)} {client!r} {client.redact(NEW)} {vars(client)!r}"
    assert NEW not in shown + caplog.text


async def test_a_transport_gets_the_token_as_bearer_and_no_key() -> None:
    sent: list[HttpRequest] = []

    class Kept:
        """Keeps the request and fails."""

        def send(self, request: HttpRequest) -> Any:
            sent.append(request)
            raise ConfigurationError("kept")

        async def aclose(self) -> None:
            pass

    client = GeminiClient.vertex(project="p-1", token=lambda: NEW, transport=Kept)
    with pytest.raises(ConfigurationError, match="kept"):
        await client.generate(MODEL, QUESTION)

    assert sent[0].headers["authorization"] == f"Bearer {NEW}"
    assert "x-goog-api-key" not in sent[0].headers
    assert NEW not in repr(sent[0].headers["authorization"])
