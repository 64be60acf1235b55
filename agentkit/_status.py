"""From an error answer of the service to a typed error: what it says, whether to ask again, and what helps.

Four dialects arrive here, and bodies that are no JSON at all:

```text
Google     {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "...", "details": [{"@type": ...}]}}
Vertex     the same, often as a list with one element
CometAPI   {"error": {"code": "invalid_request", "type": "comet_api_error", "message": "... (request id: 2025...)"}}
           or with a number as code, or with another of these objects, as a string, in `message`
```
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

from agentkit._frozen import frozen
from agentkit._log import conceal, redact
from agentkit.errors import AuthenticationFailed, InvalidRequest, NotFound, RateLimited, ServerError, StatusError

__all__ = ["Asked", "as_error_object", "excerpt", "status_error"]

_CODES = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ABORTED": 409, "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499, "INTERNAL": 500, "UNKNOWN": 500, "DATA_LOSS": 500, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504, "invalid_request": 400,
}  # fmt: skip
_RETRYABLE = {408, 429, 500, 502, 503, 504, 524}
_GATEWAY_CLIENT_ERROR = "invalid_request"  # CometAPI sends it with 500, too
_REQUEST_ID = re.compile(r"\(request id: ([^)\s]+)\)")
_REQUEST_ID_HEADERS = ("x-request-id", "x-oneapi-request-id", "x-goog-request-id", "request-id")
_DURATION = re.compile(r"(\d{1,12}(?:\.\d+)?)s")
_RETRY_IN_TEXT = re.compile(r"retry in (\d{1,12}(?:\.\d+)?) ?s", re.IGNORECASE)
_STATUS = re.compile(r"\d{1,9}")  # the interpreter itself refuses to read thousands of digits
_DOCTOR = "`agentkit doctor --save FILE` finds out what an endpoint lacks, for GeminiClient(capabilities=FILE)."
_CACHE_GONE = r"cached? ?content\b.*(not found|expired)|not found: cached content"
# Compiled when they are first needed: most programs see none of these errors.
_HINTS: Sequence[tuple[str, str]] = (
    (
        r"unknown name \W*(parameters|response)_?json_?schema",
        'It does not know JSON Schema here: use GeminiClient(schema_dialect="openapi"). ' + _DOCTOR,
    ),
    (
        r"unknown name \W*id\b",
        "It does not take the ids of calls back. " + _DOCTOR,
    ),
    (
        r"unknown name \W*include_?server_?side_?tool",
        "This endpoint cannot combine built-in tools with functions: say so by GeminiClient(endpoint='vertex').",
    ),
    (
        r"include_?server_?side_?tool|tool use with function|tool call context circulation|all search tools",
        "Built-in tools beside functions need Gemini 3+ at Google's; else GeminiClient(endpoint='vertex').",
    ),
    (
        r"thinking_?\s?(level|budget)|\bbudget -?\d+ is invalid|thinking mode",
        "What a model can think differs: try another `thinking=`, or leave it out.",
    ),
    (
        r"thought_?\s?signature",
        "Send the model's contents back unchanged, every part with its `thoughtSignature`.",
    ),
    (r"unsupported.*mime type: 'application/json'|mime type: 'application/json' is unsupported",
     "Typed output beside tools needs Gemini 3 or newer."),
    (r"exceeds the maximum number of tokens", "Shorten the conversation or the tool results."),
    (r"cached? ?content model|and cachedcontent \(models",
     "A cached content serves only the model that it was made for."),
    (r"payload size exceeds|(entity|content) too large",
     "Send less inline: upload files (await client.files.upload(path)), or link to them (Image.from_url)."),
    (r"user location is not supported", "Google does not serve this country: use another endpoint."),
    (r"ending with a model turn", "The last content must be the user's; tool results stand alone in theirs."),
)  # fmt: skip


@frozen
class Asked:
    """What error messages may tell about the request, and the secrets sent with it, which they must not."""

    model: str
    base_url: str
    key_source: str
    key: str = field(repr=False)
    more_secrets: Sequence[str] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """Return `text` without the secrets."""
        return redact(text, self.key, *self.more_secrets)

    def conceal(self, error: BaseException, outer: BaseException | None) -> None:
        """Take the secrets out of an error; see `_log.conceal`."""
        conceal(error, outer, self.key, *self.more_secrets)


def as_error_object(answer: object) -> Mapping[str, object] | None:
    """Return the error object in a decoded JSON answer, or None if the answer is no error."""
    if isinstance(answer, list):
        elements = cast(list[object], answer)
        return as_error_object(elements[0]) if len(elements) == 1 else None
    if not isinstance(answer, dict):
        return None
    error = cast(dict[str, object], answer).get("error")
    if isinstance(error, str) and error:
        return {"message": error}
    return cast(dict[str, object], error) if isinstance(error, dict) and error else None


def status_error(status: int, headers: Mapping[str, str], body: bytes, asked: Asked) -> StatusError:
    """Return the error that an answer means.

    Args:
        status: Of the HTTP answer; 200 for an error object inside a good answer, which then brings its own code.
        headers: With lower-case names.
        body: Whatever came.
        asked: What the message may tell about the request.
    """
    said = _read(asked.redact(body.decode("utf-8", "replace")))
    said.message = _escaped(said.message) or _reason(status)
    status = _true_status(status, said)
    kind = _kind(status, said)
    request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), "")
    in_text = _REQUEST_ID.search(said.message)
    error = kind(
        status,
        said.code,
        said.message,
        _retry_after_s(headers, said),
        said.details,
        _hint(kind, status, said, asked),
        request_id or (in_text.group(1) if in_text else ""),
    )
    if not isinstance(error, RateLimited):  # it knows by itself
        error.retryable = status in _RETRYABLE and said.code != _GATEWAY_CLIENT_ERROR
    return error


def excerpt(text: str, limit: int = 200) -> str:
    """Return the beginning of a foreign text on one line, fit for a terminal: control characters are escaped."""
    line = " ".join(text[: limit * 4].split())[:limit]
    return _escaped(line)


def _escaped(text: str) -> str:
    """Return `text` with control characters (of a terminal, say) made visible; line ends stay."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


@dataclass
class _Said:
    """What the body says."""

    status: int = 0
    code: str = ""
    message: str = ""
    details: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    is_json: bool = True


def _read(text: str, depth: int = 0) -> _Said:
    """Read a body, or a message that holds another body as a string."""
    try:
        answer: object = json.loads(text)
    except (ValueError, RecursionError):
        return _Said(message="" if text.lstrip().startswith("<") else excerpt(text), is_json=False)
    error = as_error_object(answer)
    if error is None:
        error = cast(dict[str, object], answer) if isinstance(answer, dict) else {"message": excerpt(text)}
    code, details = error.get("code"), error.get("details")
    status = code if isinstance(code, int) else int(code) if isinstance(code, str) and _STATUS.fullmatch(code) else 0
    name = error.get("status") or (code if isinstance(code, str) and not status else "")
    said = _Said(status=status, code=str(name or ""), message=str(error.get("message") or error.get("detail") or ""))
    if isinstance(details, list):
        said.details = [cast(dict[str, object], one) for one in cast(list[object], details) if isinstance(one, dict)]
    if depth < 3 and said.message.lstrip().startswith(("{", "[")):
        inner = _read(said.message, depth + 1)
        if inner.message and (inner.status or inner.code):
            return _Said(inner.status or said.status, inner.code or said.code, inner.message, inner.details)
    return said


def _true_status(status: int, said: _Said) -> int:
    """The status of the HTTP answer counts, except where a gateway hides another one behind it."""
    named = said.status if 400 <= said.status <= 599 else _CODES.get(said.code, 0)
    if status < 400:
        return named or 500
    return named if status >= 500 and 400 <= named < 500 and said.code != _GATEWAY_CLIENT_ERROR else status


def _kind(status: int, said: _Said) -> type[StatusError]:
    bad_key = any(detail.get("reason") == "API_KEY_INVALID" for detail in said.details)
    if status in (401, 403) or (status == 400 and (bad_key or "api key not valid" in said.message.lower())):
        return AuthenticationFailed
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status in (402, 429):
        return RateLimited
    return ServerError if status >= 500 and said.code != _GATEWAY_CLIENT_ERROR else InvalidRequest


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "A timeout occurred" if status == 524 else ""


def _hint(kind: type[StatusError], status: int, said: _Said, asked: Asked) -> str:
    if status in (400, 403, 404) and re.search(_CACHE_GONE, said.message, re.IGNORECASE):
        return "It has expired, was deleted, or was made with another key: make it anew with client.caches.create(...)."
    if kind is AuthenticationFailed:
        return (
            f"The key came from {asked.key_source}; requests go to {asked.base_url}. Do they belong together? "
            "`agentkit doctor` tries every way to send it."
        )
    if kind is NotFound:
        return f"Asked for {asked.model!r} at {asked.base_url}." if asked.model else f"Asked at {asked.base_url}."
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return "The credit is used up: add some in the console of your provider."
    if kind is RateLimited:
        return "A quota is used up: wait, send less at once, or ask your provider for more."
    known = next((hint for pattern, hint in _HINTS if re.search(pattern, said.message, re.IGNORECASE)), "")
    is_final = status not in _RETRYABLE and (kind is InvalidRequest or status == HTTPStatus.NOT_IMPLEMENTED)
    if is_final and not known and not said.is_json:
        return f"That is no error of the Gemini API; requests go to {asked.base_url}. Is base_url right?"
    return known


def _retry_after_s(headers: Mapping[str, str], said: _Said) -> float | None:
    """Return the longest wait that the service asks for; what cannot be read is ignored."""
    infos = [str(detail.get("retryDelay")) for detail in said.details if "RetryInfo" in str(detail.get("@type"))]
    delays = [float(found.group(1)) for info in infos if (found := _DURATION.fullmatch(info))]
    if (header := _header_delay_s(headers.get("retry-after", "").strip())) is not None:
        delays.append(header)
    if not delays and (found := _RETRY_IN_TEXT.search(said.message)):
        delays.append(float(found.group(1)))
    return max(delays, default=None)


def _header_delay_s(value: str) -> float | None:
    """Read `3`, `0.5` or `Sun, 22 Nov 2026 10:00:00 GMT`."""
    try:
        delay = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # the latter for a year or a zone of many digits
            return None
        delay = max((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
    return delay if 0 <= delay < math.inf else None
