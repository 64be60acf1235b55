"""Batches: requests that are handed in together and answered later, each by itself. Google's own endpoint only."""

import random
import re
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from agentkit.testing.envelope import HttpError, Refused, error_of_findings, refusal
from agentkit.testing.items import Asked
from agentkit.testing.listing import page_of, timestamp
from agentkit.testing.rules_shape import read_body

__all__ = ["Batches", "Inlined", "read_inlined", "status_of"]

_LIVES: Final = timedelta(hours=48)
_LARGEST: Final = 20 * 1024**2
_LETTERS: Final = string.ascii_lowercase + string.digits
_TYPE: Final = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"  # as recorded
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
# Inside a batch errors are google.rpc.Status, whose codes are gRPC's.
_GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 499: 1, 500: 13, 501: 12, 503: 14, 504: 4}

Answer = Callable[[Asked], Awaitable[Mapping[str, Any]]]
"""Answers one request of a batch: `{"response": ...}` or `{"error": ...}`."""


@dataclass(frozen=True, kw_only=True)
class Inlined:
    """One request of a batch: the generate request, and what comes back beside its answer."""

    request: Mapping[str, Any]
    metadata: Mapping[str, Any] | None


@dataclass(kw_only=True)
class _Batch:
    name: str
    model: str
    display_name: str
    asked: Sequence[tuple[Asked, Mapping[str, Any] | None]]
    created: datetime
    updated: datetime
    polls: int
    fails: bool
    state: str = "PENDING"
    is_answering: bool = False
    ended: datetime | None = None
    responses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Batches:
    """The batches of one emulator.

    Attributes:
        polls: How many times a batch says `BATCH_STATE_RUNNING` when it is asked for, before its requests are answered.
    """

    def __init__(self, *, clock: Callable[[], datetime], seed: int | None, answer: Answer) -> None:
        self.polls = 1
        self._clock, self._answer = clock, answer
        self._random = random.Random(seed)  # noqa: S311 - readable ids for tests, no secrets
        self._batches: dict[str, _Batch] = {}
        self._fails_next = False

    def fail_next(self) -> None:
        """Let the next batch fail as a whole."""
        self._fails_next = True

    def create(
        self, model: str, display_name: str, asked: Sequence[tuple[Asked, Mapping[str, Any] | None]]
    ) -> dict[str, Any]:
        """Keep these requests, each with its metadata, and return the operation."""
        now = self._clock()
        made = _Batch(
            name=f"batches/{''.join(self._random.choices(_LETTERS, k=36))}",
            model=model,
            display_name=display_name,
            asked=asked,
            created=now,
            updated=now,
            polls=self.polls,
            fails=self._fails_next,
        )
        self._fails_next = False
        self._batches[made.name] = made
        return _describe(made)

    async def get(self, name: str) -> dict[str, Any]:
        """Return a batch as an operation, and let it go one step further.

        Raises:
            Refused: There is none.
        """
        found = self._find(name)
        if found.state not in _ENDED:
            await self._go_on(found)
        return _describe(found)

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the batches, newest first."""
        there = [*reversed(self._batches.values())]
        page, following = page_of(there, query, usual=50, most=1000, profile="google")
        return ({"operations": [_describe(found) for found in page]} if page else {}) | following

    def cancel(self, name: str) -> dict[str, Any]:
        """End a batch that waits or runs, and return the empty answer.

        Raises:
            Refused: There is none, or it has ended.
        """
        found = self._find(name)
        if found.state in _ENDED:
            message = f"The batch {name} has ended (BATCH_STATE_{found.state}) and cannot be cancelled."
            raise Refused(refusal("google", 400, message, code="FAILED_PRECONDITION"))
        self._end(found, "CANCELLED")
        return {}

    def delete(self, name: str) -> dict[str, Any]:
        """Forget a batch, and return the empty answer.

        Raises:
            Refused: There is none.
        """
        del self._batches[self._find(name).name]
        return {}

    async def _go_on(self, found: _Batch) -> None:
        if self._clock() >= found.created + _LIVES:
            self._end(found, "EXPIRED")
        elif found.polls > 0 or found.is_answering:
            found.polls -= 1
            found.state = "RUNNING"
        elif found.fails:
            self._end(found, "FAILED")
        else:
            found.is_answering = True  # who asks meanwhile hears that it runs
            for asked, metadata in found.asked:
                answered = dict(await self._answer(asked))
                found.responses.append(answered if metadata is None else {**answered, "metadata": metadata})
            if found.state not in _ENDED:
                self._end(found, "SUCCEEDED")

    def _end(self, found: _Batch, state: str) -> None:
        found.state, found.ended = state, self._clock()
        found.updated = found.ended

    def _find(self, name: str) -> _Batch:
        if name not in self._batches:
            raise Refused(refusal("google", 404))
        return self._batches[name]


def read_inlined(body: Mapping[str, Any], size: int) -> tuple[str, list[Inlined]]:
    """Return the display name and the requests of a batch that is to be made, in one spelling.

    Raises:
        Refused: The body is no such request, is larger than 20 MB, or holds none.
    """
    if size > _LARGEST:
        raise Refused(refusal("google", 400, f"Request payload size exceeds the limit: {_LARGEST} bytes."))
    read, findings = read_body(body, backend="google", message="BatchGenerateContentRequest")
    if findings:
        raise Refused(error_of_findings(findings, "google"))
    batch: dict[str, Any] = read.get("batch", {})
    source: dict[str, Any] = batch.get("inputConfig", {})
    if "fileName" in source:
        raise Refused(refusal("google", 501, "agentkit emulator: batches of uploaded files are not emulated."))
    entries: list[dict[str, Any]] = source.get("requests", {}).get("requests", [])
    if not entries or not all("request" in entry for entry in entries):
        where = "BatchGenerateContentRequest.batch.input_config"
        raise Refused(refusal("google", 400, f"* {where}: at least one request is required, and none may be empty.\n"))
    made = [Inlined(request=entry["request"], metadata=entry.get("metadata")) for entry in entries]
    return batch.get("displayName", ""), made


def status_of(error: HttpError) -> dict[str, Any]:
    """Return an error as it stands inside a batch: `{"code": 3, "message": "..."}`, with gRPC's number as its code."""
    told: Mapping[str, Any] = (error.envelope or {}).get("error", {})
    message = str(told.get("message") or re.sub(r"<[^>]*>", " ", error.page))
    status = {"code": _GRPC_CODES.get(error.status, 2), "message": message}
    return status | ({"details": told["details"]} if told.get("details") else {})


def _describe(found: _Batch) -> dict[str, Any]:
    """Return a batch as the operation that was recorded; counts that are 0 are left out."""
    output = {"inlinedResponses": {"inlinedResponses": found.responses}}
    metadata: dict[str, Any] = {"@type": _TYPE, "model": f"models/{found.model}", "displayName": found.display_name}
    if found.state == "SUCCEEDED":
        metadata["output"] = output
    metadata["createTime"] = timestamp(found.created)
    if found.ended is not None:
        metadata["endTime"] = timestamp(found.ended)
    metadata |= {
        "updateTime": timestamp(found.updated),
        "batchStats": _count(found),
        "state": f"BATCH_STATE_{found.state}",
        "name": found.name,
    }
    told: dict[str, Any] = {"name": found.name, "metadata": metadata}
    if found.state == "SUCCEEDED":
        told |= {"done": True, "response": {"@type": f"{_TYPE}Output", **output}}
    elif found.state in _ENDED:
        code = {"CANCELLED": 1, "EXPIRED": 4}.get(found.state, 13)
        told |= {"done": True, "error": {"code": code, "message": f"The batch has ended: {found.state.lower()}."}}
    return told


def _count(found: _Batch) -> dict[str, str]:
    failed = sum("error" in response for response in found.responses)
    counts = {
        "requestCount": len(found.asked),
        "successfulRequestCount": len(found.responses) - failed,
        "failedRequestCount": failed,
        "pendingRequestCount": len(found.asked) - len(found.responses),
    }
    return {name: str(count) for name, count in counts.items() if count}  # 64-bit numbers are texts in JSON
