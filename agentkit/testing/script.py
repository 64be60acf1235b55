"""Scripted answers as plain data: what a model says, and what can go wrong on the way.

    emulator.reply(thought("Oslo first."), call("weather", city="Oslo"))     # one answer
    emulator.reply(error(503))                                               # the next one
    emulator.reply(stream("It is ", "4 degrees."))

Ids, thought signatures, token counts and the shape of chunks are left to the emulator. What can be scripted:

    a text, a thought, a call           text, stream, thought, call, call_args
    Gemini's own tools                  code, server_tool, search, places, read_urls, grounding
    images and speech                   media
    any finish reason                   finish("SAFETY"), finish("MALFORMED_FUNCTION_CALL", "Malformed ..."), empty
    one hop of a long answer            continuation
    a blocked prompt                    blocked
    a call of an unknown function       call("nope"): each backend ends it as it was recorded to
    odd parts: no args, 5.0, a new kind part({"functionCall": {"name": "f"}}), part({"newKind": {}})
    odd answers: {"text": ""}, {}, []   recorded([{"candidates": []}])
    fields more or fewer                candidate(safetyRatings=[...]), without("index", "usageMetadata"), usage
    HTTP errors, also inside a stream   error(503), error(429, retry_after_s=3, quota="...PerDay...")
    pages, redirects, any bytes         reply_raw(b"<html>", status=502), reply_raw(b"", status=301, headers=...)
    a stall before the headers          delay(30), text("Hi")
    a stall after them, or in between   begin(), delay(30), text("Hi")
    an end in the middle                cut(), cut(after_bytes=20), close(), reset()
    small or late packets               split(1), keep_alive()
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.testing.items import (
    Abort,
    Begin,
    Block,
    Comment,
    Counts,
    Cut,
    End,
    Fail,
    Ground,
    Hop,
    Item,
    OnCandidate,
    Part,
    Raw,
    Reply,
    Say,
    Split,
    Verbatim,
    Wait,
    Without,
)

__all__ = [
    "begin",
    "blocked",
    "call",
    "call_args",
    "candidate",
    "close",
    "code",
    "continuation",
    "cut",
    "delay",
    "empty",
    "error",
    "finish",
    "grounding",
    "keep_alive",
    "media",
    "part",
    "places",
    "read_urls",
    "recorded",
    "reply",
    "reply_raw",
    "reset",
    "search",
    "server_tool",
    "split",
    "stream",
    "text",
    "thought",
    "usage",
    "without",
]


def reply(*items: Item | Reply) -> Reply:
    """Return one answer made of `items`, in this order. Replies among them are taken apart."""
    flat: list[Item] = []
    for item in items:
        if not isinstance(item, Item | Reply):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
            raise TypeError(f"reply() takes items such as text(...) and call(...), not {item!r:.100}.")
        flat.extend(item.items if isinstance(item, Reply) else (item,))
    return Reply(tuple(flat))


def text(words: str, thoughts: str | None = None) -> Item:
    """Return a text in one piece, after `thoughts` if there are any."""
    _check_text(words)
    said = {"text": words}
    return Say((said,)) if thoughts is None else Say(({"text": thoughts, "thought": True}, said))


def stream(*pieces: str) -> Item:
    """Return a text that arrives in these pieces when it is streamed."""
    _check_text(*pieces)
    return Say(tuple({"text": piece} for piece in pieces))


def thought(summary: str) -> Item:
    """Return a thought summary. It is sent only if the request asks for thoughts, and counted always."""
    return Say(({"text": summary, "thought": True},))


def call(name: str, /, **args: object) -> Item:
    """Return a call of the function `name`."""
    return call_args(name, args)


def call_args(name: str, args: Mapping[str, object]) -> Item:
    """Return a call of the function `name`, for arguments whose names are no Python names.

    Raises:
        TypeError: An argument is no JSON. A model sends nothing else: write dates and decimals as texts.
    """
    _check_text(name)
    for key, value in args.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"call({name!r}): {key}={value!r} is no JSON. Give what a model would send.") from error
    return Say(({"functionCall": {"name": name, "args": dict(args)}},))


def _check_text(*words: object) -> None:
    for one in words:
        if not isinstance(one, str):
            raise TypeError(f"{one!r} is no text. A model says texts only.")


def code(source: str, output: str, outcome: str = "OUTCOME_OK") -> Item:
    """Return a run of Gemini's code execution: the program and what came out. A plot follows as `media`."""
    ran = {"executableCode": {"language": "PYTHON", "code": source}}
    return Say((ran, {"codeExecutionResult": {"outcome": outcome, "output": output}}))


def server_tool(kind: str, args: Mapping[str, Any] | None = None, response: Mapping[str, Any] | None = None) -> Item:
    """Return a call that Gemini answered itself beside functions, and its response.

    Args:
        kind: For example `"GOOGLE_SEARCH_WEB"`.
        args: What was asked for; file search has none.
        response: What came back; file search has none.
    """
    called = {"toolType": kind} | ({} if args is None else {"args": dict(args)})
    answered = {"toolType": kind} | ({} if response is None else {"response": dict(response)})
    return Say(({"toolCall": called}, {"toolResponse": answered}))


def media(data: bytes | str, mime_type: str) -> Item:
    """Return an image or speech; `data` is the file's bytes, or its base64.

    Raises:
        TypeError: It is neither.
    """
    if not isinstance(data, bytes | bytearray | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise TypeError(f"media() takes the bytes of a file, or its base64, not {type(data).__name__}.")
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    return Say(({"inlineData": {"mimeType": mime_type, "data": encoded}},))


def part(content: Part) -> Item:
    """Return any part, sent exactly as it is: no id, no signature is added."""
    return Say((content,), exact=True)


def error(
    status: int,
    message: str | None = None,
    *,
    code: str | None = None,
    retry_after_s: float | None = None,
    details: Sequence[Mapping[str, Any]] | None = None,
    gateway: bool = False,
    quota: str | None = None,
) -> Item:
    """Return a failure: the answer to the request, or, after other items, an error inside the stream.

    Args:
        status: The HTTP status.
        message: The text; the service's usual one for this status if not given: that of 404 names the model.
        code: Google's status name, or the gateway's code.
        retry_after_s: When to come back, told as the service tells it (`RetryInfo`), or as a header by a gateway.
        details: Google's `error.details`, instead of the usual ones.
        gateway: Whether the error has the gateway's shape, like OpenAI's.
        quota: The id of the quota that is used up, for example `"GenerateRequestsPerDayPerProjectPerModel-FreeTier"`;
            told as the service tells it (`QuotaFailure`).
    """
    return Fail(status, message, code, retry_after_s, tuple(details or ()), gateway, quota)


def delay(seconds: float) -> Item:
    """Return a pause at this place of the answer; a whole answer is sent after all of its pauses."""
    return Wait(seconds)


def begin() -> Item:
    """Return the moment at which status and headers go out, though nothing else is there yet."""
    return Begin()


def keep_alive(comment: str = "keep-alive") -> Item:
    """Return a comment between two events, as proxies send them; only streams with `alt=sse` have comments."""
    return Comment(comment)


def split(size: int) -> Item:
    """Return that the body is written `size` bytes at a time, whatever it holds.

    Raises:
        ValueError: If `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"A body is written at least one byte at a time, got split({size}).")
    return Split(size)


def finish(reason: str, message: str | None = None) -> Item:
    """Return the finish reason, instead of the one that fits."""
    return End(reason, message)


def continuation() -> Item:
    """Return that the answer is not complete: it ends with `CONTINUATION` and a token to ask for the rest."""
    return Hop()


def usage(**counts: int | None) -> Item:
    """Return token counts (`promptTokenCount=...`) to report instead of the estimated ones; `None` leaves one out."""
    return Counts(counts)


def grounding(metadata: Mapping[str, Any]) -> Item:
    """Return grounding metadata for the answer."""
    return Ground(metadata)


def search(*queries: str, pages: Mapping[str, str]) -> Item:
    """Return the grounding of a web search whose `pages` (title to URI) support the whole text."""
    chunks = [{"web": {"uri": uri, "title": title}} for title, uri in pages.items()]
    entry = {"renderedContent": "<div>" + ", ".join(queries) + "</div>"}
    return Ground({"webSearchQueries": list(queries), "searchEntryPoint": entry, "groundingChunks": chunks}, True)


def places(query: str, found: Mapping[str, str]) -> Item:
    """Return the grounding of a search in Google Maps whose places (title to URI) support the whole text."""
    chunks = [
        {"maps": {"uri": uri, "title": title, "placeId": f"places/{index}"}}
        for index, (title, uri) in enumerate(found.items(), 1)
    ]
    return Ground({"retrievalQueries": [query], "groundingChunks": chunks}, True)


def read_urls(*urls: str, status: str = "URL_RETRIEVAL_STATUS_SUCCESS") -> Item:
    """Return what URL context says about the pages it fetched."""
    read = [{"retrievedUrl": url, "urlRetrievalStatus": status} for url in urls]
    return OnCandidate({"urlContextMetadata": {"urlMetadata": read}})


def candidate(**fields: object) -> Item:
    """Return further fields of the last candidate, such as `safetyRatings` or `avgLogprobs`."""
    return OnCandidate(fields)


def without(*names: str) -> Item:
    """Return that these fields are missing in every chunk and candidate, for example `"index"`."""
    return Without(frozenset(names))


def recorded(chunks: Sequence[Mapping[str, Any]]) -> Item:
    """Return whole `GenerateContentResponse` objects that are sent exactly as they are."""
    return Verbatim(tuple(chunks))


def blocked(reason: str = "SAFETY", message: str | None = None) -> Item:
    """Return a refused prompt: an answer without candidates. Only Vertex AI gives a message."""
    return Block(reason, message)


def empty() -> Item:
    """Return an answer that stops with nothing said."""
    return End("STOP")


def cut(after_bytes: int | None = None) -> Item:
    """Return the end of an answer that never says why it ended.

    Args:
        after_bytes: So many bytes of the last chunk are sent; all of them if not given.
    """
    return Cut(after_bytes)


def close() -> Item:
    """Return the end of the connection: it is closed before the answer is complete."""
    return Abort(resets=False)


def reset() -> Item:
    """Return the rude end of the connection: it is reset (RST)."""
    return Abort(resets=True)


def reply_raw(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Item:
    """Return any HTTP answer at all: an HTML page, an empty body, a redirect."""
    return Raw(body, status, content_type, dict(headers or {}))
