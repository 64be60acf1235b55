"""Scripted answers as plain data: what a model says, and what can go wrong on the way.

    emulator.reply(thought("Oslo first."), call("weather", city="Oslo"))     # one answer
    emulator.reply(error(503))                                               # the next one
    emulator.reply(stream("It is ", "4 degrees."))

Ids, thought signatures, token counts and the shape of chunks are left to the emulator.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.testing.finding import Finding

__all__ = [
    "Asked",
    "Brain",
    "Item",
    "Part",
    "Reply",
    "blocked",
    "call",
    "call_args",
    "code",
    "cut",
    "delay",
    "empty",
    "error",
    "finish",
    "grounding",
    "part",
    "recorded",
    "reply",
    "reply_raw",
    "stream",
    "text",
    "thought",
    "usage",
]

Part = Mapping[str, Any]
"""One part of a content, as JSON."""


@dataclass(frozen=True)
class Say:
    """Parts of the answer, one chunk each. `exact` parts are sent as they are, signed or not, asked for or not."""

    parts: tuple[Part, ...]
    exact: bool = False


@dataclass(frozen=True)
class Wait:
    """A pause of `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Fail:
    """An error: an HTTP status if nothing was sent yet, otherwise an error object in the stream."""

    status: int
    message: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    gateway: bool = False


@dataclass(frozen=True)
class End:
    """The finish reason and message."""

    reason: str
    message: str | None = None


@dataclass(frozen=True)
class Counts:
    """Token counts to report instead of the estimated ones."""

    counts: Mapping[str, int | None]


@dataclass(frozen=True)
class Ground:
    """Grounding metadata of the answer."""

    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Verbatim:
    """Whole responses, sent as they are; one chunk each."""

    chunks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Block:
    """The prompt is refused: an answer without candidates."""

    reason: str


@dataclass(frozen=True)
class Cut:
    """The stream ends here, without a finish reason."""


@dataclass(frozen=True)
class Raw:
    """Any HTTP answer at all."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Item = Say | Wait | Fail | End | Counts | Ground | Verbatim | Block | Cut | Raw
"""One thing that an answer is made of; made by the functions of this module."""


@dataclass(frozen=True)
class Reply:
    """One whole answer. See `reply`."""

    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as the emulator received it; what a brain answers to.

    Attributes:
        index: Its number among the generate requests, from 0.
        method: `"generateContent"`, `"streamGenerateContent"` or `"countTokens"`.
        model: The model's id from the address.
        path: The path and query, without keys.
        headers: In lower case, without keys.
        body: The JSON body as it came; empty if it was no JSON object.
        findings: What the rules said about it.
        at_s: Seconds since the emulator was made.
    """

    index: int
    method: str
    model: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    findings: tuple[Finding, ...]
    at_s: float


Brain = Callable[[Asked], Reply | Sequence[Part] | Awaitable[Reply | Sequence[Part]]]
"""Answers when no reply is queued: with a `Reply`, or with the parts of the answer."""


def reply(*items: Item | Reply) -> Reply:
    """Return one answer made of `items`, in this order. Replies among them are taken apart."""
    flat: list[Item] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Reply) else (item,))
    return Reply(tuple(flat))


def text(words: str, thoughts: str | None = None) -> Item:
    """Return a text in one piece, after `thoughts` if there are any."""
    said = {"text": words}
    return Say((said,)) if thoughts is None else Say(({"text": thoughts, "thought": True}, said))


def stream(*pieces: str) -> Item:
    """Return a text that arrives in these pieces when it is streamed."""
    return Say(tuple({"text": piece} for piece in pieces))


def thought(summary: str) -> Item:
    """Return a thought summary. It is sent only if the request asks for thoughts, and counted always."""
    return Say(({"text": summary, "thought": True},))


def call(name: str, /, **args: object) -> Item:
    """Return a call of the function `name`."""
    return call_args(name, args)


def call_args(name: str, args: Mapping[str, object]) -> Item:
    """Return a call of the function `name`, for arguments whose names are no Python names."""
    return Say(({"functionCall": {"name": name, "args": dict(args)}},))


def code(source: str, output: str, outcome: str = "OUTCOME_OK") -> Item:
    """Return a run of Gemini's code execution: the program and what came out."""
    ran = {"executableCode": {"language": "PYTHON", "code": source}}
    return Say((ran, {"codeExecutionResult": {"outcome": outcome, "output": output}}))


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
) -> Item:
    """Return a failure: the answer to the request, or, after other items, an error inside the stream.

    Args:
        status: The HTTP status.
        message: The text; the service's usual one for this status if not given.
        code: Google's status name, or the gateway's code.
        retry_after_s: When to come back, told as the service tells it (`RetryInfo`), or as a header by a gateway.
        details: Google's `error.details`, instead of the usual ones.
        gateway: Whether the error has the gateway's shape, like OpenAI's.
    """
    return Fail(status, message, code, retry_after_s, tuple(details or ()), gateway)


def delay(seconds: float) -> Item:
    """Return a pause at this place of the answer."""
    return Wait(seconds)


def finish(reason: str, message: str | None = None) -> Item:
    """Return the finish reason, instead of the one that fits."""
    return End(reason, message)


def usage(**counts: int | None) -> Item:
    """Return token counts (`promptTokenCount=...`) to report instead of the estimated ones; `None` leaves one out."""
    return Counts(counts)


def grounding(metadata: Mapping[str, Any]) -> Item:
    """Return grounding metadata for the answer."""
    return Ground(metadata)


def recorded(chunks: Sequence[Mapping[str, Any]]) -> Item:
    """Return whole `GenerateContentResponse` objects that are sent exactly as they are."""
    return Verbatim(tuple(chunks))


def blocked(reason: str = "SAFETY") -> Item:
    """Return a refused prompt: an answer without candidates."""
    return Block(reason)


def empty() -> Item:
    """Return an answer that stops with nothing said."""
    return End("STOP")


def cut() -> Item:
    """Return the end of a stream that never says why it ended."""
    return Cut()


def reply_raw(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Item:
    """Return any HTTP answer at all: an HTML page, an empty body, a redirect."""
    return Raw(body, status, content_type, dict(headers or {}))
