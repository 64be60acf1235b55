"""An open pool of connections and what is asked over it: answers, streams, counts, and what stands beside the models.

Retries and errors are here; HTTP itself is in `transport.py`, the messages are in `wire/`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import TypeVar, cast
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from agentkit import wire
from agentkit._answer import parse_answer, read_body, read_stream, refuse_failure
from agentkit._attempts import Attempts, OnRetry
from agentkit._endpoint import EndpointKind, SecretText, model_path
from agentkit._frozen import frozen
from agentkit._log import get_logger
from agentkit._pages import read_pages
from agentkit._status import Asked
from agentkit._token import TokenSource
from agentkit._upload import Answered
from agentkit.caches import Caches
from agentkit.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    GeminiError,
    ProtocolError,
    StatusError,
    StreamInterrupted,
)
from agentkit.retry import Retry, RetryBudget
from agentkit.transport import HttpRequest, HttpResponse, Transport

__all__ = ["ClientSettings", "Connection"]

Message = TypeVar("Message", bound="wire.WireModel")
Whole = TypeVar("Whole")

_COUNTED_OUTSIDE_GOOGLE = ("contents", "systemInstruction", "tools", "generationConfig")
_REFUSED = (429, 503)  # nothing was done

log = get_logger("client")


@frozen
class ClientSettings:
    """What connections take from their client."""

    root: str
    key: SecretText
    more_secrets: Sequence[str]
    token: TokenSource | None
    key_source: str
    endpoint: EndpointKind
    headers: Mapping[str, str]
    retry: Retry
    budget: RetryBudget
    max_response_bytes: int
    max_stream_bytes: int


class Connection:
    """An open pool of connections with the settings of its client. Made by `GeminiClient.connect`."""

    def __init__(self, settings: ClientSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport

    async def generate(
        self, model: str, request: wire.GenerateContentRequest, *, on_retry: OnRetry | None = None
    ) -> wire.GenerateContentResponse:
        """Ask for a whole answer; failures that may heal are asked again.

        Args:
            model: With or without `models/`.
            request: Sent as it is.
            on_retry: Awaited before each wait for another attempt.

        Raises:
            GeminiError: With `attempts` and `elapsed_s`.
            ConfigurationError: No model can have this name.
        """
        post = self._post(model, "generateContent", _encoded(request))
        return await self._ask(post, self._asked(model), wire.GenerateContentResponse, on_retry)

    async def stream(
        self, model: str, request: wire.GenerateContentRequest, *, on_retry: OnRetry | None = None
    ) -> AsyncGenerator[wire.GenerateContentResponse, None]:
        """Yield the pieces of an answer as they come. Iterate inside `aclosing`.

        Failures are asked again until the first piece was handed out, never after it.

        Raises:
            StreamInterrupted: The stream broke off or ended without a finish reason.
            GeminiError: Any other failure. All have `attempts` and `elapsed_s`, and as `partial` the text so far.
        """
        asked, settings = self._asked(model), self._settings
        post = self._post(model, "streamGenerateContent?alt=sse", _encoded(request))
        attempts = self._attempts(asked, on_retry)
        texts: list[str] = []
        while True:
            try:
                async with self._answer(post, asked) as response:
                    chunks = read_stream(
                        response,
                        asked,
                        max_bytes=settings.max_stream_bytes,
                        max_event_bytes=settings.max_response_bytes,
                    )
                    async with aclosing(chunks):
                        async for chunk in chunks:
                            texts.append(chunk.text)
                            yield chunk
                attempts.succeeded()
                return
            except GeminiError as error:
                failure = error
            if texts:  # one for each piece that was handed out, empty or not
                raise attempts.over(_interrupted(failure, "".join(texts)))
            await attempts.failed(failure)

    async def count_tokens(self, model: str, request: wire.GenerateContentRequest) -> wire.CountTokensResponse:
        """Return how many tokens `request` would cost as input: tools, instructions and cached content included."""
        fields = cast(dict[str, object], json.loads(_encoded(request)))
        if self._settings.endpoint == "google":
            counted: dict[str, object] = {"generateContentRequest": {"model": model_path(model), **fields}}
        else:
            counted = {name: fields[name] for name in _COUNTED_OUTSIDE_GOOGLE if name in fields}
        body = json.dumps(counted).encode()
        post = self._post(model, "countTokens", body)
        answer = await self._ask(post, self._asked(model), wire.CountTokensResponse, None)
        if request.cached_content is None or self._settings.endpoint == "google":
            return answer
        cached = (await Caches(self.call, self._settings.root, "json_schema").get(request.cached_content)).tokens
        rest = answer.total_tokens
        return answer.replace(total_tokens=rest and rest + cached, cached_content_token_count=cached)

    async def list_models(self) -> list[wire.Model]:
        """Return all models that the key may use.

        Raises:
            GeminiError: As `generate`; `ProtocolError` for the list of another API.
        """
        pages = await read_pages(
            lambda query: self.call("GET", query, wire.ListModelsResponse),
            "models",
            lambda page: page.next_page_token,
            size=1000,
            what="models",
            where=self._settings.root,
        )
        for page in pages:
            told = {name for name, value in page.raw.items() if value is not None}
            if page.models is None and told - {"nextPageToken"}:  # Google writes an empty list as {}
                raise ProtocolError(
                    f"{self._settings.root}/models answered with JSON that lists no models of the Gemini API. "
                    "Is base_url right?"
                )
        return [model for page in pages for model in page.models or []]

    async def exchange(
        self, request: HttpRequest, *, again: Callable[[], Awaitable[HttpRequest]] | None = None
    ) -> Answered:
        """Send any request and return the whole of a good answer; failures that may heal are asked again.

        The headers of the client, its key among them, go along to its own host only.

        Args:
            request: Without the key.
            again: Makes the request for each further attempt; the same one is sent if it is not given.

        Raises:
            GeminiError: With `attempts` and `elapsed_s`.
        """

        def read(response: HttpResponse, body: bytes) -> Answered:
            return Answered(headers=response.headers, body=body)

        return await self._repeat(request, self._asked(""), read, again=again)

    async def call(
        self, method: str, url: str, kind: type[Message], body: bytes = b"", *, model: str = "", repeats: bool = True
    ) -> Message:
        """Ask for what stands beside the models.

        Args:
            method: `"GET"`, `"POST"`, `"PATCH"` or `"DELETE"`.
            url: Below the version, with its query: `"batches/x"`; or a whole address. The headers of the client, its
                key among them, go along to its own host only.
            kind: The message that is answered. An empty answer to a DELETE counts as `{}`.
            body: JSON.
            model: The model it is about, for error messages.
            repeats: Whether asking twice does no harm. If not, only what the service refused is asked again.

        Raises:
            GeminiError: As `generate`.
        """
        return await self._ask(self._request(method, url, body), self._asked(model), kind, None, repeats=repeats)

    async def _ask(
        self,
        request: HttpRequest,
        asked: Asked,
        kind: type[Message],
        on_retry: OnRetry | None,
        *,
        repeats: bool = True,
    ) -> Message:
        """Return a message."""

        def read(response: HttpResponse, body: bytes) -> Message:
            if request.method == "DELETE" and not body.strip():
                body = b"{}"
            return parse_answer(kind, body, response, asked)

        return await self._repeat(request, asked, read, on_retry, repeats=repeats)

    async def _repeat(
        self,
        request: HttpRequest,
        asked: Asked,
        read: Callable[[HttpResponse, bytes], Whole],
        on_retry: OnRetry | None = None,
        *,
        again: Callable[[], Awaitable[HttpRequest]] | None = None,
        repeats: bool = True,
    ) -> Whole:
        """Return what `read` makes of a whole answer, asking again as long as that makes sense."""
        attempts = self._attempts(asked, on_retry)
        while True:
            try:
                async with self._answer(request, asked) as response:
                    whole = read(response, await read_body(response, self._settings.max_response_bytes))
            except GeminiError as error:
                failure = error
            else:
                attempts.succeeded()
                return whole
            if not repeats and not (isinstance(failure, StatusError) and failure.status in _REFUSED):
                raise attempts.over(failure)
            await attempts.failed(failure)
            request = request if again is None else await again()

    def _attempts(self, asked: Asked, on_retry: OnRetry | None) -> Attempts:
        settings = self._settings
        return Attempts(settings.retry, settings.budget, on_retry, asked, renews=settings.token is not None)

    @asynccontextmanager
    async def _answer(self, request: HttpRequest, asked: Asked) -> AsyncGenerator[HttpResponse, None]:
        """Send one request, to the client's host with its headers; inside the block the answer has a good status."""
        is_ours = self._is_ours(request.url)
        token = self._settings.token if is_ours else None
        headers = {**(self._settings.headers if is_ours else {}), **request.headers}
        request = HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body)
        await checkpoint_if_cancelled()  # a run that is over sends nothing
        request = request if token is None else await token.sign(request)
        begun = anyio.current_time()
        try:
            async with self._transport.send(request) as response:
                elapsed_s = round(anyio.current_time() - begun, 3)
                log.debug("request.answered", url=request.url, status=response.status, elapsed_s=elapsed_s)
                await refuse_failure(response, asked)
                yield response
        except AuthenticationFailed as error:
            if token is not None and error.status == HTTPStatus.UNAUTHORIZED:
                token.refused(request)
            raise

    def _is_ours(self, url: str) -> bool:
        """Whether the headers of the client may go there, its key among them."""
        return urlsplit(url)[:2] == urlsplit(self._settings.root)[:2]

    def _asked(self, model: str) -> Asked:
        settings = self._settings
        return Asked(
            model=model,
            base_url=settings.root,
            key_source=settings.key_source,
            key=settings.key,
            more_secrets=settings.more_secrets,
        )

    def _post(self, model: str, method: str, body: bytes) -> HttpRequest:
        return self._request("POST", f"{model_path(model)}:{method}", body)

    def _request(self, method: str, place: str, body: bytes = b"") -> HttpRequest:
        url = place if place.startswith(("https://", "http://")) else f"{self._settings.root}/{place}"
        return HttpRequest(method=method, url=url, headers={}, body=body)


def _interrupted(error: GeminiError, partial: str) -> GeminiError:
    """What a failure means after parts were handed out. Errors that say more than "it broke off" stay themselves."""
    if not isinstance(error, ConnectionFailed | ProtocolError):
        error.partial = partial
        return error
    interrupted = StreamInterrupted(str(error), partial)
    interrupted.__cause__ = error
    return interrupted


def _encoded(request: wire.GenerateContentRequest) -> bytes:
    try:
        return request.encode()
    except wire.WireError as error:
        raise ConfigurationError(f"The request cannot be written as JSON: {error}") from error
