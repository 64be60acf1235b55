"""Batches: an operation, the batch it stands for, and what came of each request.

{"name": "batches/7yj…", "done": true, "metadata": {"state": "BATCH_STATE_SUCCEEDED", "batchStats": {"requestCount":
"2", "successfulRequestCount": "2"}, "output": {"inlinedResponses": {"inlinedResponses": [{"response": {…},
"metadata": {"key": "0"}}]}}}, "response": {"inlinedResponses": …}}
"""

from typing import Annotated, Any

from agentkit.wire._model import Kind, WireModel
from agentkit.wire.enums import BatchState
from agentkit.wire.response import GenerateContentResponse, Status

__all__ = [
    "BatchOperation",
    "BatchStats",
    "GenerateContentBatch",
    "GenerateContentBatchOutput",
    "InlinedResponse",
    "InlinedResponses",
    "ListBatchesResponse",
]


def _read_int64(value: object) -> int | None:
    """Read a 64-bit number, which JSON carries as a text: `"2"`."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Int64 = Annotated[int, Kind(_read_int64)]


class BatchStats(WireModel):
    """Counts of requests. One that is 0 is left out."""

    request_count: Int64 | None = None
    successful_request_count: Int64 | None = None
    failed_request_count: Int64 | None = None
    pending_request_count: Int64 | None = None


class InlinedResponse(WireModel):
    """What came of one request: `response` or `error`, whose `code` is gRPC's; `metadata` is what was sent with it."""

    response: GenerateContentResponse | None = None
    error: Status | None = None
    metadata: dict[str, Any] | None = None


class InlinedResponses(WireModel):
    inlined_responses: list[InlinedResponse] | None = None


class GenerateContentBatchOutput(WireModel):
    """The answers themselves, or the name of the file that holds them."""

    inlined_responses: InlinedResponses | None = None
    responses_file: str | None = None


class GenerateContentBatch(WireModel):
    model: str | None = None
    name: str | None = None
    display_name: str | None = None
    state: BatchState | None = None
    create_time: str | None = None
    update_time: str | None = None
    end_time: str | None = None
    batch_stats: BatchStats | None = None
    output: GenerateContentBatchOutput | None = None


class BatchOperation(WireModel):
    """What `batchGenerateContent` and `batches.get` answer; the output stands in `metadata` and in `response`."""

    name: str | None = None
    metadata: GenerateContentBatch | None = None
    done: bool | None = None
    error: Status | None = None
    response: GenerateContentBatchOutput | None = None


class ListBatchesResponse(WireModel):
    """One page of `batches.list`."""

    operations: list[BatchOperation] | None = None
    next_page_token: str | None = None
