"""One HTTP exchange over ASGI: reads the request, and writes answers in the service's framing."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

import anyio

from agentkit.testing.door import KEY_HEADERS
from agentkit.testing.envelope import HttpError
from agentkit.testing.script import Raw

__all__ = ["Exchange", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON: Final = "application/json; charset=UTF-8"


class Exchange:
    """A request that was read, and the answer that is being written.

    Attributes:
        verb: `"GET"`, `"POST"`.
        path: The path without its query.
        query: The query's parameters.
        headers: In lower case.
        body: The parsed body; `None` if it is no JSON object.
        streams: Whether the answer is a stream; set by who reads the address.
    """

    def __init__(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        self.verb: str = scope["method"]
        self.path: str = scope["path"]
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.body = _parse(body)
        self.streams = False
        self._receive, self._send = receive, send
        self._has_begun = self._has_ended = False

    @classmethod
    async def read(cls, scope: Scope, receive: Receive, send: Send) -> "Exchange":
        """Return the exchange that `scope` opens, its body read to the end."""
        pieces: list[bytes] = []
        while True:
            message = await receive()
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return cls(scope, b"".join(pieces), receive, send)

    @property
    def public_path(self) -> str:
        """The path with its query, without a key."""
        rest = {name: value for name, value in self.query.items() if name != "key"}
        return f"{self.path}?{urlencode(rest)}" if rest else self.path

    @property
    def public_headers(self) -> dict[str, str]:
        """The headers without keys."""
        return {name: value for name, value in self.headers.items() if name not in KEY_HEADERS}

    async def send_json(self, status: int, value: Mapping[str, Any]) -> None:
        """Send a whole answer."""
        await self._begin(status, _JSON)
        await self._finish(_pretty(value))

    async def send_chunk(self, chunk: Mapping[str, Any]) -> None:
        """Send one piece of a stream: an event, or without `alt=sse` an element of a JSON array."""
        if self._is_sse:
            if not self._has_begun:
                await self._begin(200, "text/event-stream")
            line = json.dumps(chunk, ensure_ascii=False, separators=(",", ": "))
            await self._write(f"data: {line}\r\n\r\n".encode())
        else:
            await self._write_element(chunk)

    async def send_error(self, error: HttpError) -> None:
        """Send an error: as the answer, or, once a stream has begun, as a bare object at its end."""
        if self._has_begun:
            if self._is_sse:
                await self._finish(_pretty(error.envelope or {}))
            else:
                await self._write_element(error.envelope or {})
                await self.end()
            return
        if error.envelope is None:
            await self._begin(error.status, "text/html; charset=UTF-8", error.headers)
            await self._finish(error.page.encode())
        elif self._is_sse:  # recorded: bare JSON under the stream's content type
            await self._begin(error.status, "text/event-stream", error.headers)
            await self._finish(_pretty(error.envelope))
        else:
            await self._begin(error.status, _JSON, error.headers)
            await self._finish(_pretty([error.envelope] if self.streams else error.envelope))

    async def send_raw(self, raw: Raw) -> None:
        """Send these bytes: as the whole answer, or as the end of a stream that has begun."""
        if not self._has_begun:
            await self._begin(raw.status, raw.content_type, raw.headers)
        await self._finish(raw.body)

    async def end(self) -> None:
        """End the answer, if it has not ended yet; a stream in which nothing was sent is empty."""
        if self._has_ended:
            return
        if not self._has_begun:
            await self._begin(200, "text/event-stream" if self._is_sse else _JSON)
            await self._finish(b"")
        else:
            await self._finish(b"" if self._is_sse else b"\n]\n")

    async def is_gone_within(self, seconds: float) -> bool:
        """Wait for `seconds`; return early, and true, when the client has gone."""
        with anyio.move_on_after(seconds):
            while (await self._receive())["type"] != "http.disconnect":
                pass
            return True
        return False

    @property
    def _is_sse(self) -> bool:
        return self.streams and self.query.get("alt") == "sse"

    async def _write_element(self, value: Mapping[str, Any]) -> None:
        opening = b"\n,\n"
        if not self._has_begun:
            await self._begin(200, _JSON)
            opening = b"["
        await self._write(opening + _pretty(value).rstrip(b"\n"))

    async def _begin(self, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._has_begun = True
        raw = [(b"content-type", content_type.encode("latin-1"))]
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _finish(self, data: bytes) -> None:
        self._has_ended = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})


def _parse(body: bytes) -> Mapping[str, Any] | None:
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _pretty(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
