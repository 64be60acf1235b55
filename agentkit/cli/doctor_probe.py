"""Requests as bare as they can be, for `agentkit doctor`: what a client would mend or hide is what it looks for."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import anyio

from agentkit import HttpRequest, HttpxTransport, RateLimited, ServerError, StatusError
from agentkit._endpoint import Credential, SecretText, model_path
from agentkit._status import Asked, excerpt, status_error
from agentkit.testing.lenient import as_list, as_object
from agentkit.transport import Timeouts
from agentkit.wire import EventTooLarge, SseParser

__all__ = ["Answer", "AuthForm", "Probe", "open_probe"]

AuthForm = Literal["x-goog-api-key", "bearer", "query"]

_SHOWN: Final = 130  # characters of a message of the service
_LARGEST: Final = 8_000_000  # bytes of an answer that are read
_TRIES: Final = 3
_LONGEST_WAIT_S: Final = 30.0
_TIMEOUTS: Final = Timeouts(first_byte_s=90.0, between_chunks_s=60.0, total_s=120.0)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, good or bad.

    Attributes:
        status: The HTTP status, or the one that an error object names instead.
        kind: The content type.
        body: The bytes.
        error: What it means, if it is an error.
    """

    status: int
    kind: str
    body: bytes
    error: StatusError | None

    @property
    def json(self) -> object:
        """The body as JSON, or None."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        if isinstance(value, list):
            items = cast("list[object]", value)
            return items[0] if len(items) == 1 else items
        return value

    @property
    def good(self) -> bool:
        """Whether it is a JSON object, and none of an error."""
        return self.error is None and self.status == 200 and isinstance(self.json, dict)

    @property
    def refuses_key(self) -> bool:
        """Whether it is about the key, and not about the request."""
        said = self.error
        if said is None:
            return False
        bad_key = "api key" in said.message.lower() or any("API_KEY" in str(one.get("reason")) for one in said.details)
        return self.status == 401 or (self.status in (400, 403) and bad_key)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may go well later: nothing is known about the endpoint then."""
        return isinstance(self.error, RateLimited | ServerError) and self.status not in (501, 405)

    @property
    def said(self) -> str:
        """What the service said, on one line: its error, or what came in place of JSON."""
        if self.error is None:
            kind = excerpt(self.kind.partition(";")[0], 40) or "no content type"
            return f"{self.short} with {kind}, which is no answer to this."
        words = excerpt(self.error.message, _SHOWN + 1)
        return f"{self.short}: {words if len(words) <= _SHOWN else words[:_SHOWN].rpartition(' ')[0] + ' ...'}"

    @property
    def short(self) -> str:
        return f"HTTP {self.status}"

    @property
    def parts(self) -> list[dict[str, object]]:
        """The parts of the first candidate."""
        return [as_object(part) for part in as_list(self.content.get("parts"))]

    @property
    def content(self) -> dict[str, object]:
        """The content of the first candidate."""
        return as_object(self.candidate.get("content"))

    @property
    def candidate(self) -> dict[str, object]:
        """The first candidate."""
        candidates = as_list(as_object(self.json).get("candidates"))
        return as_object(candidates[0]) if candidates else {}

    @property
    def text(self) -> str:
        """What it says, thoughts left out."""
        return "".join(str(part.get("text", "")) for part in self.parts if not part.get("thought"))

    @property
    def events(self) -> list[dict[str, object]]:
        """The JSON objects of a stream."""
        parser, found = SseParser(_LARGEST), list[dict[str, object]]()
        try:
            payloads = [*parser.feed(self.body), *parser.close()]
        except EventTooLarge:
            return []
        for payload in payloads:
            try:
                found.append(as_object(json.loads(payload)))
            except (ValueError, RecursionError):
                found.append({})
        return found


class Probe:
    """An endpoint that is asked: the forms of the key, and what all of it has cost.

    Attributes:
        form: How the key is sent, once that is known.
        requests: How many were sent.
        tokens: What the answers said they cost.
    """

    def __init__(self, transport: HttpxTransport, root: str, credential: Credential, model: str) -> None:
        self.root, self.model = root, model
        self.form: AuthForm = "x-goog-api-key"
        self.requests = self.tokens = 0
        self._transport, self._key = transport, credential.key
        self._asked = Asked(model=model, base_url=root, key_source=credential.source, key=credential.key)

    @property
    def resources(self) -> str:
        """The URL below which files and caches stand: those of Vertex AI belong to no publisher."""
        return self.root.removesuffix("/publishers/google")

    async def generate(self, body: Mapping[str, Any], *, form: AuthForm | None = None, model: str = "") -> Answer:
        """Ask for a whole answer."""
        return await self.post("generateContent", body, form=form, model=model)

    async def post(
        self, method: str, body: Mapping[str, Any], *, form: AuthForm | None = None, model: str = ""
    ) -> Answer:
        """Call a method of the model."""
        url = f"{self.root}/{model_path(model or self.model)}:{method}"
        return await self._patiently("POST", url, json.dumps(body).encode(), form)

    async def get(self, url: str) -> Answer:
        """Read a list."""
        return await self._patiently("GET", url, b"", None)

    async def _patiently(self, verb: str, url: str, body: bytes, form: AuthForm | None) -> Answer:
        """Ask again where the service is only busy."""
        tries = 1
        while True:
            answer = await self._send(verb, url, body, form or self.form)
            if not answer.may_pass or tries == _TRIES:
                return answer
            wait_s = answer.error.retry_after_s if answer.error else None
            await anyio.sleep(min(tries * 2.0 if wait_s is None else wait_s, _LONGEST_WAIT_S))
            tries += 1

    async def _send(self, verb: str, url: str, body: bytes, form: AuthForm) -> Answer:
        headers = {"content-type": "application/json", "user-agent": "agentkit"}
        if form == "x-goog-api-key":
            headers[form] = self._key
        elif form == "bearer":
            headers["authorization"] = SecretText(f"Bearer {self._key}")
        else:
            url = SecretText(f"{url}{'&' if '?' in url else '?'}key={self._key}")
        self.requests += 1
        request = HttpRequest(method=verb, url=url, headers=headers, body=body)
        async with self._transport.send(request) as response:
            received = bytearray()
            async with aclosing(response.chunks()) as chunks:
                async for chunk in chunks:
                    received += chunk
                    if len(received) > _LARGEST:
                        break
            answered = bytes(received)
        error = None
        if response.status >= 400 or _holds_error(answered):
            error = status_error(response.status, response.headers, answered, self._asked)
        kind = self._asked.redact(response.headers.get("content-type", ""))
        status = response.status if error is None else error.status
        answer = Answer(status=status, kind=kind, body=answered, error=error)
        self.tokens += _total_tokens(answer)
        return answer


@asynccontextmanager
async def open_probe(root: str, credential: Credential, model: str) -> AsyncGenerator[Probe, None]:
    """Give a probe; its connections are closed at the end."""
    transport = HttpxTransport(timeouts=_TIMEOUTS)
    try:
        yield Probe(transport, root, credential, model)
    finally:
        await transport.aclose()


def _holds_error(body: bytes) -> bool:
    """Whether a body is an error object, whatever the status says."""
    if not body.lstrip().startswith((b"{", b"[")):
        return False
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return False
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return len(items) == 1 and bool(as_object(items[0]).get("error"))


def _total_tokens(answer: Answer) -> int:
    told = [
        as_object(one.get("usageMetadata")).get("totalTokenCount") for one in (as_object(answer.json), *answer.events)
    ]
    return max((count for count in told if isinstance(count, int)), default=0)
