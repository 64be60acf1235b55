"""The service's batch endpoint: many requests handed in at once, answered within a day, at half the price.

Sources: ai.google.dev/api/batch-api, ai.google.dev/gemini-api/docs/batch-api, and recorded exchanges. Requests travel
inside the call (20 MB at most). A batch that has not ended after 48 hours expires.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import anyio

from agentkit import wire
from agentkit._checks import check_kind, is_number
from agentkit._endpoint import EndpointKind, model_path
from agentkit._frozen import frozen
from agentkit._log import get_logger
from agentkit._offered import offered
from agentkit._pages import read_pages
from agentkit._status import Asked, status_error
from agentkit.errors import (
    BatchFailed,
    ConfigurationError,
    DeadlineExceeded,
    GeminiError,
    NotOffered,
    ProtocolError,
)

__all__ = ["MAX_BATCH_BYTES", "Batch", "BatchAnswer", "Batches", "check_wait", "encode_request"]

MAX_BATCH_BYTES = 20_000_000
ENDED = ("BATCH_STATE_SUCCEEDED", "BATCH_STATE_FAILED", "BATCH_STATE_CANCELLED", "BATCH_STATE_EXPIRED")
_FAILED_POLLS = 10  # in a row; a wait of hours outlives a network that is away for a while
_INSTEAD = "Use agent.run_many(...), which asks directly, or Google's own endpoint (set GEMINI_API_KEY)."
_NAME = re.compile(r"(?:batches/)?([A-Za-z0-9_-]+)")
# google.rpc.Status has the codes of gRPC, where everything else here has those of HTTP.
_STATUSES: Mapping[int, tuple[int, str]] = {
    1: (499, "CANCELLED"), 2: (500, "UNKNOWN"), 3: (400, "INVALID_ARGUMENT"), 4: (504, "DEADLINE_EXCEEDED"),
    5: (404, "NOT_FOUND"), 6: (409, "ALREADY_EXISTS"), 7: (403, "PERMISSION_DENIED"), 8: (429, "RESOURCE_EXHAUSTED"),
    9: (400, "FAILED_PRECONDITION"), 10: (409, "ABORTED"), 11: (400, "OUT_OF_RANGE"), 12: (501, "UNIMPLEMENTED"),
    13: (500, "INTERNAL"), 14: (503, "UNAVAILABLE"), 15: (500, "DATA_LOSS"), 16: (401, "UNAUTHENTICATED"),
}  # fmt: skip

Message = TypeVar("Message", bound="wire.WireModel")
Requests = Sequence["wire.GenerateContentRequest | str"] | Mapping[str, "wire.GenerateContentRequest | str"]

log = get_logger("batches")


@frozen
class Batch:
    """A batch at the service, as it was when it was asked for.

    Attributes:
        name: `"batches/..."`: all that another process needs to go on.
        state: `"BATCH_STATE_PENDING"`, `"..._RUNNING"`, `"..._SUCCEEDED"`, `"..._FAILED"`, `"..._CANCELLED"`,
            `"..._EXPIRED"`; a state that is not documented is kept as it came.
        model: The model's path, `"models/..."`.
        display_name: Its name for people.
        requests: How many requests it has.
        succeeded: How many of them have their answer.
        failed: How many of them ended with an error.
        pending: How many are not answered yet.
        created: When it was made; None if the service did not tell.
        ended: When it ended; None before.
        message: What the service says about the failure of the whole; empty if it says nothing.
        operation: The message of the service, with everything that is in it.
    """

    name: str
    state: wire.BatchState
    model: str
    display_name: str
    requests: int
    succeeded: int
    failed: int
    pending: int
    created: datetime | None
    ended: datetime | None
    message: str
    operation: wire.BatchOperation = field(repr=False)

    @property
    def is_ended(self) -> bool:
        """Whether nothing will happen any more, well or badly."""
        return self.state in ENDED or bool(self.operation.done)


@frozen
class BatchAnswer:
    """What came of one request of a batch: a response or an error.

    Attributes:
        key: The key that was sent with the request; by default its number, `"0"`.
        response: The answer; None if there is an error.
        error: What `client.generate` would have raised; `BatchFailed` if the batch ended before this request's turn.
        metadata: All that was sent with the request and came back.
    """

    key: str
    response: wire.GenerateContentResponse | None = None
    error: GeminiError | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


class _Connection(Protocol):
    async def call(
        self, method: str, url: str, kind: type[Message], body: bytes = b"", *, model: str = "", repeats: bool = True
    ) -> Message: ...


class _Client(Protocol):
    """What batches need of a client. The words are `GeminiClient`'s."""

    @property
    def base_url(self) -> str: ...
    @property
    def endpoint(self) -> EndpointKind: ...
    @property
    def key_source(self) -> str: ...
    def connect(self) -> AbstractAsyncContextManager[_Connection]: ...
    def redact(self, text: str) -> str: ...


class Batches:
    """The batches of one client's endpoint: `client.batches`.

    All methods raise `NotOffered` where the endpoint has no batches, and other `GeminiError`s as every request.
    """

    def __init__(self, client: _Client) -> None:
        self._client = client

    async def create(self, model: str, requests: Requests, *, display_name: str = "agentkit") -> Batch:
        """Hand in requests for one model. They are paid for from here on, whether anybody waits or not.

        It is not asked twice where the first may have arrived: look for it with `list()` if this fails.

        Args:
            model: With or without `models/`.
            requests: Requests, or plain prompts; by keys of your own, or in a list, where the keys are "0", "1", ...
            display_name: Its name for people.

        Raises:
            ConfigurationError: No requests, or more than 20 MB of them.
        """
        check_kind("requests", requests, Sequence | Mapping, "a list of requests, or a dict")
        check_kind("display_name", display_name, str, "a text")
        keyed = requests if isinstance(requests, Mapping) else {str(key): one for key, one in enumerate(requests)}
        if isinstance(requests, str) or not keyed:
            raise ConfigurationError("A batch needs a list of at least one request.")
        path = model_path(model)
        entries = [_entry(key, encode_request(path, request)) for key, request in keyed.items()]
        body = b'{"batch":{"displayName":%b,"inputConfig":{"requests":{"requests":[%b]}}}}' % (
            json.dumps(display_name).encode(),
            b",".join(entries),
        )
        if len(body) > MAX_BATCH_BYTES:
            raise ConfigurationError(
                f"The {len(entries):,} requests have {len(body):,} bytes; a batch takes {MAX_BATCH_BYTES:,}. "
                "Hand them in as several batches."
            )
        made = _read(await self._call("POST", f"{path}:batchGenerateContent", wire.BatchOperation, body, model=model))
        log.info("batch.created", batch=made.name, requests=len(entries))
        return made

    async def get(self, name: str) -> Batch:
        """Return a batch as it is now, with the answers if it has ended."""
        return _read(await self._call("GET", _path(name), wire.BatchOperation))

    async def wait(
        self,
        batch: Batch | str,
        *,
        poll_s: float = 30.0,
        deadline_s: float = 48 * 3600,
        on_poll: Callable[[Batch], Awaitable[None]] | None = None,
    ) -> Batch:
        """Ask for a batch every `poll_s` seconds until it has ended, and return it, however it ended.

        Raises:
            DeadlineExceeded: It has not ended after `deadline_s` seconds. It goes on at the service.
        """
        check_wait(poll_s, deadline_s)
        name = _path(batch.name if isinstance(batch, Batch) else batch)
        failures, state = 0, "not known"
        with anyio.move_on_after(deadline_s):
            while True:
                try:
                    found = await self.get(name)
                except GeminiError as error:
                    failures += 1
                    if not error.retryable or failures > _FAILED_POLLS:
                        raise
                    log.warning("batch.unreachable", batch=name, error=type(error).__name__, attempt=failures)
                else:
                    failures, state = 0, str(found.state)
                    if on_poll is not None:
                        await on_poll(found)
                    if found.is_ended:
                        return found
                await anyio.sleep(poll_s)
        raise DeadlineExceeded(f"{name} (its state is {state}; it goes on at the service)", deadline_s)

    async def results(self, batch: Batch | str, *, keys: Sequence[str] | None = None) -> list[BatchAnswer]:
        """Return what came of each request of a batch that has ended.

        Args:
            batch: The batch, or its name.
            keys: The keys of the requests, in the order that is wanted; a key without an answer gets an error. By
                default the order of the requests.

        Raises:
            BatchFailed: The batch ended without any answer, and no keys are given.
            ConfigurationError: It has not ended, or its answers are in a file.
        """
        if not isinstance(batch, Batch):
            batch = await self.get(batch)
        if not batch.is_ended:
            raise ConfigurationError(
                f"{batch.name} has not ended: it is {batch.state}. Wait for it: client.batches.wait(...)."
            )
        found = [self._answer(one, number, batch) for number, one in enumerate(_inlined(batch.operation))]
        if keys is not None:
            by_key = {answer.key: answer for answer in reversed(found)}  # the first of two counts
            return [by_key.get(key) or BatchAnswer(key=key, error=_lost(batch, key)) for key in keys]
        if not found:
            raise _lost(batch, "")
        numbered = all(answer.key.isdecimal() for answer in found)
        return sorted(found, key=lambda answer: (len(answer.key), answer.key)) if numbered else found

    async def cancel(self, name: str) -> None:
        """End a batch that waits or runs. What was answered may have to be paid for."""
        await self._call("POST", f"{_path(name)}:cancel", wire.WireModel, b"{}")

    async def delete(self, name: str) -> None:
        """Let the service forget a batch and its answers. One that runs is not stopped by this."""
        await self._call("DELETE", _path(name), wire.WireModel)

    async def list(self) -> list[Batch]:
        """Return all batches of the key's project that the service remembers."""
        pages = await read_pages(
            lambda query: self._call("GET", query, wire.ListBatchesResponse),
            "batches",
            lambda page: page.next_page_token,
            size=100,
            what="batches",
            where=self._client.base_url,
        )
        return [_read(operation) for page in pages for operation in page.operations or []]

    async def _call(self, verb: str, path: str, kind: type[Message], body: bytes = b"", *, model: str = "") -> Message:
        base_url = self._client.base_url
        if self._client.endpoint == "vertex":
            raise NotOffered("batches", base_url, "", f"Vertex AI's own read Cloud Storage. {_INSTEAD}")
        with offered("batches", base_url, _INSTEAD):
            async with self._client.connect() as connection:
                repeats = not model  # only what makes a batch names a model
                return await connection.call(verb, path, kind, body, model=model, repeats=repeats)

    def _answer(self, one: wire.InlinedResponse, number: int, batch: Batch) -> BatchAnswer:
        metadata = one.metadata or {}
        texts = [value for value in metadata.values() if isinstance(value, str)]
        key = metadata.get("key", texts[0] if len(texts) == 1 else str(number))  # other programs name it otherwise
        error: GeminiError | None = None
        if one.error is not None:
            status, name = _STATUSES.get(one.error.code or 2, (one.error.code or 500, one.error.status or ""))
            told = {"code": status, "status": name, **{n: one.error.raw.get(n) for n in ("message", "details")}}
            asked = Asked(model=batch.model, base_url=self._client.base_url, key_source=self._client.key_source, key="")
            body = self._client.redact(json.dumps({"error": told}))
            error = status_error(status, {}, body.encode(), asked)
        elif one.response is None:
            error = ProtocolError(f"{batch.name} holds neither a response nor an error for request {key!r}.")
        response = None if error is not None else one.response
        return BatchAnswer(key=str(key), response=response, error=error, metadata=metadata)


def check_wait(poll_s: float, deadline_s: float) -> None:
    """Refuse times that are none."""
    for name, value in (("poll_s", poll_s), ("deadline_s", deadline_s)):
        if not is_number(value) or value <= 0:
            raise ConfigurationError(f"{name}={value!r} is no time. Give seconds above 0.")


def encode_request(path: str, request: wire.GenerateContentRequest | str) -> bytes:
    """Return a request as it stands in a batch: with its model.

    Raises:
        ConfigurationError: It is none, or cannot be written as JSON.
    """
    made = wire.GenerateContentRequest(contents=[wire.user_text(request)]) if isinstance(request, str) else request
    check_kind(
        "requests", made, wire.GenerateContentRequest, "requests (agentkit.wire.GenerateContentRequest) or texts"
    )
    try:
        body = made.encode()
    except wire.WireError as error:
        raise ConfigurationError(f"The request cannot be written as JSON: {error}") from error
    return b'{"model":%b%b' % (json.dumps(path).encode(), b"}" if body == b"{}" else b"," + body[1:])


def _entry(key: object, request: bytes) -> bytes:
    check_kind("the key of a request", key, str, "a text")
    return b'{"request":%b,"metadata":{"key":%b}}' % (request, json.dumps(key).encode())


def _path(name: object) -> str:
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigurationError(f"{name!r} is no name of a batch. Give batch.name, for example 'batches/7yja2e8t'.")
    return f"batches/{found[1]}"


def _read(operation: wire.BatchOperation) -> Batch:
    metadata = operation.metadata or wire.GenerateContentBatch()
    stats = metadata.batch_stats or wire.BatchStats()
    name = operation.name or metadata.name
    if not name:
        raise ProtocolError("The service answered with a batch that has no name.")
    return Batch(
        name=name,
        state=metadata.state or "BATCH_STATE_UNSPECIFIED",
        model=metadata.model or "",
        display_name=metadata.display_name or "",
        requests=stats.request_count or 0,
        succeeded=stats.successful_request_count or 0,
        failed=stats.failed_request_count or 0,
        pending=stats.pending_request_count or 0,
        created=_moment(metadata.create_time),
        ended=_moment(metadata.end_time),
        message=(operation.error.message or "") if operation.error else "",
        operation=operation,
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _inlined(operation: wire.BatchOperation) -> Sequence[wire.InlinedResponse]:
    """Return the answers, from whichever of the two places holds them."""
    metadata = operation.metadata or wire.GenerateContentBatch()
    for output in (metadata.output, operation.response):
        if output is not None and output.inlined_responses is not None:
            return output.inlined_responses.inlined_responses or []
        if output is not None and output.responses_file:
            file = output.responses_file
            raise ConfigurationError(f"{operation.name} has its answers in the file {file!r}. Download that file.")
    return []


def _lost(batch: Batch, key: str) -> GeminiError:
    """Return why a request has no answer."""
    if batch.state == "BATCH_STATE_SUCCEEDED":
        which = f"no answer for request {key!r}" if key else "no answers"
        return ProtocolError(f"{batch.name} has ended well and holds {which}.")
    return BatchFailed(batch.name, str(batch.state), batch.message)
