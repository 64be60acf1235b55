"""What a scripted answer is made of, as plain data, and what a request looks like to a brain. Made by `script`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.testing.finding import Finding

__all__ = [
    "Abort",
    "Asked",
    "Begin",
    "Block",
    "Brain",
    "Comment",
    "Counts",
    "Cut",
    "End",
    "Fail",
    "Ground",
    "Hop",
    "Item",
    "OnCandidate",
    "Part",
    "Raw",
    "Reply",
    "Say",
    "Split",
    "Verbatim",
    "Wait",
    "Without",
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
class Begin:
    """Status and headers go out now, before anything else is there."""


@dataclass(frozen=True)
class Comment:
    """A comment line between the events of a stream, as proxies send them to keep a connection open."""

    text: str


@dataclass(frozen=True)
class Split:
    """The whole body is written so many bytes at a time."""

    bytes: int


@dataclass(frozen=True)
class Fail:
    """An error: an HTTP status if nothing was sent yet, otherwise an error object in the stream."""

    status: int
    message: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    gateway: bool = False
    quota: str | None = None


@dataclass(frozen=True)
class End:
    """The finish reason and message."""

    reason: str
    message: str | None = None


@dataclass(frozen=True)
class Hop:
    """The answer is one hop of several: it ends with `CONTINUATION` and a token to go on with."""


@dataclass(frozen=True)
class Counts:
    """Token counts to report instead of the estimated ones."""

    counts: Mapping[str, int | None]


@dataclass(frozen=True)
class Ground:
    """Grounding metadata of the answer; `supported`: its chunks support the whole text, and that is told, too."""

    metadata: Mapping[str, Any]
    supported: bool = False


@dataclass(frozen=True)
class OnCandidate:
    """Further fields of the last candidate."""

    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Without:
    """Fields that are left out of every chunk and candidate."""

    names: frozenset[str]


@dataclass(frozen=True)
class Verbatim:
    """Whole responses, sent as they are; one chunk each."""

    chunks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Block:
    """The prompt is refused: an answer without candidates."""

    reason: str
    message: str | None = None


@dataclass(frozen=True)
class Cut:
    """The answer ends here, without a finish reason; with `after_bytes` its last chunk is torn as well."""

    after_bytes: int | None = None


@dataclass(frozen=True)
class Abort:
    """The connection ends here: with a reset (RST), or closed before the answer is complete."""

    resets: bool


@dataclass(frozen=True)
class Raw:
    """Any HTTP answer at all."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Item = (
    Say
    | Wait
    | Begin
    | Comment
    | Split
    | Fail
    | End
    | Hop
    | Counts
    | Ground
    | OnCandidate
    | Without
    | Verbatim
    | Block
    | Cut
    | Abort
    | Raw
)
"""One thing that an answer is made of."""


@dataclass(frozen=True)
class Reply:
    """One whole answer. See `script.reply`."""

    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as the emulator received it; what a brain answers to.

    Attributes:
        index: Its number among the generate requests, from 0.
        method: `"generateContent"`, `"streamGenerateContent"`, `"countTokens"`, or `"batchGenerateContent"` for each
            request of a batch.
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
