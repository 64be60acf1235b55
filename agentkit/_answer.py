"""Reads answers of the service: whole bodies, streams of events, and everything that only looks like them.

An answer is judged by what it holds: gateways send errors with status 200, JSON as text and HTML as JSON.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import TypeVar, cast
from urllib.parse import urlsplit

from agentkit import wire
from agentkit._log import REDACTED
from agentkit._status import Asked, excerpt, status_error
from agentkit.errors import GeminiError, ProtocolError, ResponseTooLarge
from agentkit.transport import HttpResponse

__all__ = ["parse_answer", "read_body", "read_stream", "refuse_failure"]

Message = TypeVar("Message", bound="wire.WireModel")

_ERROR_BYTES = 1024 * 1024
_EMPTY_EVENTS = 10_000  # in a row; a gateway that keeps a connection alive by them sends a few hundred


def _host_of(location: str, asked: Asked) -> str:
    if asked.redact(location) != location:  # a host is read in lower case, in which the key would not be found
        return REDACTED
    try:
        return urlsplit(location).hostname or "the same host"
    except ValueError:
        return "an address that is none"


async def refuse_failure(response: HttpResponse, asked: Asked) -> None:
    """Return if the status is a good one, else raise what it means.

    The status comes before the content: errors of a stream are plain JSON, though they say `text/event-stream`.
    """
    if 200 <= response.status < 300:
        return
    if response.status < 400:
        target = excerpt(_host_of(response.headers.get("location", ""), asked))
        raise ProtocolError(
            f"{asked.base_url} answered with a redirect (HTTP {response.status}) to {target}. "
            "It was not followed: nothing was sent there. Correct base_url."
        )
    body = bytearray()
    try:
        async with aclosing(response.chunks()) as chunks:
            async for piece in chunks:
                body += piece
                if len(body) >= _ERROR_BYTES:
                    break
    except GeminiError:
        pass  # the status alone says enough; what came of the body is used
    raise status_error(response.status, response.headers, bytes(body), asked)


async def read_body(response: HttpResponse, max_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        ResponseTooLarge: It has more than `max_bytes`; the rest was not read.
    """
    pieces: list[bytes] = []
    size = 0
    async with aclosing(response.chunks()) as chunks:
        async for piece in chunks:
            size += len(piece)
            if size > max_bytes:
                raise ResponseTooLarge("answer", max_bytes)
            pieces.append(piece)
    return b"".join(pieces)


def parse_answer(kind: type[Message], body: bytes, response: HttpResponse, asked: Asked) -> Message:
    """Return the message in a body.

    Raises:
        StatusError: The body is an error object, whatever the HTTP status said.
        ProtocolError: The body is something else. Empty and cut bodies are worth another attempt.
    """
    message: Message | None = None
    # Not kept as a cause: at its end hangs the whole body, and the body may repeat the key.
    with suppress(wire.WireError):
        message = kind.parse(_unwrapped(body))
    if message is None:
        raise _unreadable(body, response, asked)
    if message.raw.get("error") and not message.raw.get("name"):  # what has a name (a batch, a file) may have failed
        raise status_error(response.status, response.headers, body, asked)
    return message


async def read_stream(
    response: HttpResponse, asked: Asked, *, max_bytes: int, max_event_bytes: int
) -> AsyncGenerator[wire.GenerateContentResponse, None]:
    """Yield the events of a stream as messages. Iterate inside `aclosing`.

    Raises:
        ProtocolError: The stream ended without a finish reason, or an event was cut: half an answer is no answer. Or
            nothing but empty events came, for too long.
        StatusError: An event was an error object.
        ResponseTooLarge: One event or all together are larger than allowed.
    """
    has_ended, empty = False, 0
    async with aclosing(_events(response, asked, max_bytes, max_event_bytes)) as events:
        async for event in events:
            chunk = parse_answer(wire.GenerateContentResponse, event, response, asked)
            feedback = chunk.prompt_feedback
            has_ended = has_ended or bool(chunk.finish_reason or (feedback and feedback.block_reason))
            empty = 0 if _says_something(chunk) else empty + 1
            if empty > _EMPTY_EVENTS:
                raise ProtocolError(f"The stream from {asked.base_url} has sent {empty:,} empty events in a row.")
            yield chunk
    if not has_ended:
        raise _again(ProtocolError(f"The stream from {asked.base_url} ended without a finish reason."))


def _says_something(chunk: wire.GenerateContentResponse) -> bool:
    parts = (chunk.content.parts if chunk.content else None) or []
    return any(part.raw.get("text") or part.raw.keys() - {"text", "thought"} for part in parts)


async def _events(
    response: HttpResponse, asked: Asked, max_bytes: int, max_event_bytes: int
) -> AsyncGenerator[bytes, None]:
    """Yield the JSON of each event."""
    parser = wire.SseParser(max_event_bytes)
    start, size, count = b"", 0, 0
    async with aclosing(response.chunks()) as chunks:
        async for piece in chunks:
            start = start or piece
            size += len(piece)
            if size > max_bytes:
                raise ResponseTooLarge("stream", max_bytes)
            try:
                events = parser.feed(piece)
            except wire.EventTooLarge as error:
                raise ResponseTooLarge("event of the stream", max_event_bytes) from error
            count += len(events)
            for event in events:
                yield event
    for event in parser.close():
        count += 1
        yield event
    if parser.incomplete:
        raise _again(ProtocolError(f"The stream from {asked.base_url} ended in the middle of an event."))
    if count == 0 and not start.startswith((b":", b"data:", b"event:", b"id:", b"retry:")):
        raise _unreadable(start, response, asked)


def _unwrapped(body: bytes) -> bytes | Mapping[str, object]:
    """Take the answer out of the list of one that Vertex and some gateways put it into."""
    if not body.lstrip().startswith(b"["):
        return body
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        return body
    elements = cast(list[object], answer)
    first = elements[0] if len(elements) == 1 else None
    return cast(dict[str, object], first) if isinstance(first, dict) else body


def _unreadable(body: bytes, response: HttpResponse, asked: Asked) -> ProtocolError:
    """Say what came instead of a message."""
    start = f"HTTP {response.status} from {asked.base_url} came with"
    if not body.strip():
        return _again(ProtocolError(f"{start} an empty body."))
    text = excerpt(asked.redact(body[:2000].decode("utf-8", "replace")))
    kind = excerpt(response.headers.get("content-type", "")) or "no content type"
    failed = ProtocolError(f"{start} no answer of the Gemini API ({kind}): {text!r}. Is base_url right?")
    if body.lstrip().startswith((b"{", b"[")):
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return _again(ProtocolError(f"{start} JSON that is cut or damaged ({len(body):,} bytes): {text!r}."))
    return failed


def _again(error: ProtocolError) -> ProtocolError:
    """Mark an error as one that another attempt may not meet."""
    error.retryable = True
    return error
