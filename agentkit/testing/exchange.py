"""One HTTP exchange over ASGI: reads the request, and writes answers in the service's framing."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from math import isfinite
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

import anyio
import anyio.lowlevel

from agentkit.testing.door import KEY_HEADERS
from agentkit.testing.envelope import HttpError
from agentkit.testing.items import Raw

__all__ = ["ABORT", "Exchange", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORT: Final = "agentkit.testing.abort"
"""The ASGI extension of `server`: a function that ends the connection, with a reset if its argument is true."""

_JSON: Final = "application/json; charset=UTF-8"


class Exchange:
    """A request that was read, and the answer that is being written.

    Attributes:
        verb: `"GET"`, `"POST"`.
        path: The path without its query.
        query: The query's parameters.
        headers: In lower case.
        content: The body's bytes.
        body: The parsed body; `None` if it is no JSON object.
        fault: Why it is none, in the service's words.
        streams: Whether the answer is a stream; set by who reads the address.
        lists_errors: Whether an error inside a stream is the only element of a list.
        piece_bytes: How much is written at a time; everything at once if `None`.
    """

    def __init__(self, scope: Scope, content: bytes, receive: Receive, send: Send) -> None:
        self.verb: str = scope["method"]
        self.path: str = scope["path"]
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.content = content
        self.body, self.fault = _parse(content)
        self.streams = self.lists_errors = False
        self.piece_bytes: int | None = None
        extensions: Mapping[str, Any] = scope.get("extensions") or {}
        self._abort: Callable[[bool], None] | None = extensions.get(ABORT)
        self._receive, self._send = receive, send
        self._has_begun = self._has_ended = self._has_chunks = self._is_torn = False

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

    async def send_json(self, status: int, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        await self._begin(status, _JSON, headers)
        await self._finish(_pretty(value))

    async def begin(self) -> None:
        """Send the status and the headers of a good answer now."""
        await self._begin(200, "text/event-stream" if self._is_sse else _JSON)

    async def send_chunk(self, chunk: Mapping[str, Any], *, only_bytes: int | None = None) -> None:
        """Send a whole answer, or one piece of a stream: an event, or without `alt=sse` an element of a JSON array.

        Args:
            chunk: The JSON object.
            only_bytes: How much of it is sent; nothing can follow a piece that is torn.
        """
        if self._is_sse:
            line = json.dumps(chunk, ensure_ascii=False, separators=(",", ": "))
            data = _encode(f"data: {line}\r\n\r\n")
        elif self.streams:
            data = (b"\n,\n" if self._has_chunks else b"[") + _pretty(chunk).rstrip(b"\n")
        else:
            data = _pretty(chunk)
        self._has_chunks, self._is_torn = True, only_bytes is not None
        await self.begin()
        await self._write(data[:only_bytes])

    async def send_comment(self, text: str) -> None:
        """Send a comment line, if the answer is a stream of events."""
        if self._is_sse:
            await self.begin()
            await self._write(_encode(f": {text}\n\n"))

    async def send_error(self, error: HttpError) -> None:
        """Send an error: as the answer, or, once a stream has begun, as a bare object at its end."""
        if self._has_begun:
            envelope = error.envelope or {}
            if self.streams and not self._is_sse:
                await self.send_chunk(envelope)
                await self.end()
            else:
                await self._finish(_pretty([envelope] if self.lists_errors else envelope))
        elif error.envelope is None:
            await self._begin(error.status, "text/html; charset=UTF-8", error.headers)
            await self._finish(_encode(error.page))
        elif self._is_sse:  # recorded: bare JSON under the stream's content type
            await self._begin(error.status, "text/event-stream", error.headers)
            await self._finish(_pretty(error.envelope))
        else:
            await self._begin(error.status, _JSON, error.headers)
            await self._finish(_pretty([error.envelope] if self.streams else error.envelope))

    async def send_raw(self, raw: Raw) -> None:
        """Send these bytes: as the whole answer, or as the end of a stream that has begun."""
        await self._begin(raw.status, raw.content_type, raw.headers)
        await self._finish(raw.body)

    async def end(self) -> None:
        """End the answer, if it has not ended yet; a stream in which nothing was sent is empty."""
        if self._has_ended:
            return
        await self.begin()
        is_open_list = self._has_chunks and self.streams and not (self._is_sse or self._is_torn)
        await self._finish(b"\n]\n" if is_open_list else b"")

    async def abort(self, *, resets: bool) -> None:
        """End the connection: with a reset, or just closed.

        Raises:
            ConnectionResetError: The server cannot do it; most servers close the connection when the app fails.
        """
        if self._abort is None:
            raise ConnectionResetError(
                "The script ends the connection here, which this server cannot do. "
                "Serve the emulator with agentkit.testing.server.serve()."
            )
        self._has_ended = True
        self._abort(resets)
        while (await self._receive())["type"] != "http.disconnect":
            pass

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

    async def _begin(self, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        raw = [(b"content-type", content_type.encode("latin-1"))]
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, data: bytes) -> None:
        size = self.piece_bytes or max(len(data), 1)
        for start in range(0, len(data), size):
            await self._send({"type": "http.response.body", "body": data[start : start + size], "more_body": True})
            if self.piece_bytes is not None:
                await anyio.lowlevel.checkpoint()  # else the pieces may leave in one packet

    async def _finish(self, data: bytes) -> None:
        self._has_ended = True
        if self.piece_bytes is not None:
            await self._write(data)
            data = b""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})


def _parse(content: bytes) -> tuple[Mapping[str, Any] | None, str]:
    """Return the JSON object, or `None` and the reason. As strict as protobuf's parser: there is no NaN."""
    try:
        value: object = json.loads(content.decode(), parse_constant=_read_finite, parse_float=_read_finite)
    except RecursionError:
        return None, "Message too deep. Max recursion depth reached."
    except ValueError:
        return None, "Expected a JSON object."
    if not isinstance(value, dict):
        return None, "Expected a JSON object."
    return cast("dict[str, Any]", value), ""


def _read_finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def _pretty(value: object) -> bytes:
    return _encode(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")  # half of a surrogate pair may come in JSON, and go back in an error
