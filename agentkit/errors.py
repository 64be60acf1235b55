"""Every error that agentkit raises on purpose.

```text
AgentKitError
├── ConfigurationError              the program is wired wrongly; raised before any request
│   ├── ToolDefinitionError         names the function, the parameter and the fix
│   └── MissingExtra (ImportError)  names the pip command
├── StateInvalid                    a saved run that cannot be loaded or continued
├── GeminiError                     the API could not be asked or did not answer as documented
│   ├── ConnectionFailed, ProtocolError, ResponseTooLarge, StreamInterrupted, DeadlineExceeded, BatchFailed, NotOffered
│   └── StatusError                 the API answered with an error
│       └── InvalidRequest, AuthenticationFailed, NotFound, RateLimited, ServerError
├── MediaFailed                     a file could not be downloaded, or the service could not use it
├── RunError                        a run ended without an answer
│   └── ResponseBlocked, ResponseTruncated, EmptyResponse, MalformedCall, OutputInvalid, LimitExceeded,
│       LoopDetected, ToolFailed, RunFailed
└── ToolError                       raised BY a tool, read by the model
```

Errors are plain data: all constructor arguments go to `super().__init__`, so they survive `pickle`; the sentence is
made in `__str__`. What is learned later (`state`, `attempts`, `elapsed_s`) is set as an attribute and pickles as well.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AgentKitError",
    "AuthenticationFailed",
    "BatchFailed",
    "ConfigurationError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "EmptyResponse",
    "GeminiError",
    "InvalidRequest",
    "LimitExceeded",
    "LoopDetected",
    "MalformedCall",
    "MediaFailed",
    "MissingExtra",
    "NotFound",
    "NotOffered",
    "OutputInvalid",
    "ProtocolError",
    "RateLimited",
    "ResponseBlocked",
    "ResponseTooLarge",
    "ResponseTruncated",
    "RunError",
    "RunFailed",
    "ServerError",
    "StateInvalid",
    "StatusError",
    "StreamInterrupted",
    "ToolDefinitionError",
    "ToolError",
    "ToolFailed",
]


class AgentKitError(Exception):
    """The root of the tree.

    Attributes:
        state: The run so far (a `RunState`) if the error ended a run, else None. `agent.resume(error.state)` goes on.
        retryable: Whether the same request may succeed later without a change.
    """

    state: Any = None  # a RunState; typed loosely because errors stand below everything else
    retryable: bool = False


class ConfigurationError(AgentKitError):
    """The program is wired wrongly: a missing key, an impossible combination, a wrong setting."""


class ToolDefinitionError(ConfigurationError):
    """A callable cannot be declared to the model. The message names the function, the parameter and the fix."""

    def __init__(self, tool: str, problem: str, fix: str, parameter: str | None = None) -> None:
        super().__init__(tool, problem, fix, parameter)
        self.tool, self.problem, self.fix, self.parameter = tool, problem, fix, parameter

    def __str__(self) -> str:
        where = f"Tool {self.tool!r}" + (f", parameter {self.parameter!r}" if self.parameter else "")
        return f"{where}: {self.problem} {self.fix}"


class MissingExtra(ConfigurationError, ImportError):
    """A package that only an extra needs is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package, self.extra = package, extra

    def __str__(self) -> str:
        return f"{self.package!r} is not installed. Run: pip install 'agentkit[{self.extra}]'"


class StateInvalid(AgentKitError):
    """A saved run is damaged, of a newer version, or does not fit the agent that should continue it."""


class MediaFailed(AgentKitError):
    """A file could not be downloaded, or the service could not use it.

    Attributes:
        what: Its address without the query, or its name.
        reason: What went wrong.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        stop = "" if self.reason.endswith((".", "?")) else "."
        return f"{self.what!r} cannot be used: {self.reason}{stop}"


class GeminiError(AgentKitError):
    """The API could not be asked, or did not answer as documented.

    Attributes:
        attempts: How many requests were sent.
        elapsed_s: Seconds from the first attempt to this error.
        partial: The text of a stream that had been handed out before; such a stream is not asked again.
        tried: The models that were asked in turn, if there were several; the last of them raised this.
    """

    attempts: int = 1
    elapsed_s: float = 0.0
    partial: str = ""
    tried: Sequence[str] = ()


class ConnectionFailed(GeminiError):
    """No connection, or it broke before a whole answer had arrived."""

    retryable = True


class ProtocolError(GeminiError):
    """The answer is not what the protocol documents: HTML, a redirect, an empty or cut body."""


class ResponseTooLarge(GeminiError):
    """The answer is larger than the limits of the client allow."""

    def __init__(self, what: str, max_bytes: int) -> None:
        super().__init__(what, max_bytes)
        self.what, self.max_bytes = what, max_bytes

    def __str__(self) -> str:
        return f"The {self.what} is larger than {self.max_bytes:,} bytes. Raise the client's limit if that is expected."


class StreamInterrupted(GeminiError):
    """A stream broke off after parts of it had been handed out, so it was not asked again. `partial` is its text."""

    retryable = True

    def __init__(self, reason: str, partial: str = "") -> None:
        super().__init__(reason, partial)
        self.reason, self.partial = reason, partial

    def __str__(self) -> str:
        return f"The stream broke off after {len(self.partial):,} characters: {self.reason}"


class DeadlineExceeded(GeminiError):
    """A time limit ran out: of one request, or of the whole run."""

    retryable = True

    def __init__(self, waiting_for: str, limit_s: float) -> None:
        super().__init__(waiting_for, limit_s)
        self.waiting_for, self.limit_s = waiting_for, limit_s

    def __str__(self) -> str:
        return f"Time ran out after {self.limit_s:g} s, waiting for {self.waiting_for}."


class BatchFailed(GeminiError):
    """A batch of requests ended before this one had its answer: it failed, was cancelled, or expired.

    Attributes:
        name: The batch, `"batches/..."`.
        batch_state: How it ended, for example `"BATCH_STATE_EXPIRED"`; `state` is the run's.
        message: What the service says about it; may be empty.
    """

    def __init__(self, name: str, batch_state: str, message: str = "") -> None:
        super().__init__(name, batch_state, message)
        self.name, self.batch_state, self.message = name, batch_state, message

    def __str__(self) -> str:
        said = f" ({' '.join(self.message.split())})" if self.message else ""
        return f"{self.name} ended with {self.batch_state}{said}, without this answer. Hand the request in again."


class NotOffered(GeminiError):
    """The endpoint has no such part of the API. Gateways often pass on answers of models, and nothing else.

    Attributes:
        what: The part: `"cached contents"`.
        base_url: The endpoint.
        answer: What came instead; empty if it was not asked, because it is known.
        instead: What works there.
    """

    def __init__(self, what: str, base_url: str, answer: str, instead: str) -> None:
        super().__init__(what, base_url, answer, instead)
        self.what, self.base_url, self.answer, self.instead = what, base_url, answer, instead

    def __str__(self) -> str:
        answered = f" (it answered: {self.answer})" if self.answer else ""
        return f"{self.base_url} has no {self.what}{answered}. {self.instead}"


class StatusError(GeminiError):
    """The API answered with an error.

    Attributes:
        status: The HTTP status, 400 to 599.
        code: Google's status name (`INVALID_ARGUMENT`) or the gateway's code (`invalid_request`); may be empty.
        message: The service's own words.
        retry_after_s: Seconds the service asks to wait, if it said so.
        details: The `details` list of Google's error envelope.
        hint: What to do, where we know it.
        request_id: The id of the request at the gateway, if it gave one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        retry_after_s: float | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        hint: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(status, code, message, retry_after_s, details, hint, request_id)
        self.status, self.code, self.message = status, code, message
        self.retry_after_s, self.details = retry_after_s, list(details)
        self.hint, self.request_id = hint, request_id

    def __str__(self) -> str:
        code = " ".join(["", *self.code.split()])
        message = " ".join(self.message.split()) or "no message"
        wait = f" Try again in {self.retry_after_s:g} s." if self.retry_after_s is not None else ""
        hint = f" {self.hint}" if self.hint else ""
        tried = f" Models tried: {', '.join(map(repr, self.tried))}." if self.tried else ""
        more = f"{wait}{hint}{tried}"
        stop = "." if more and (message[-1].isalnum() or message[-1] == ")") else ""
        return f"HTTP {self.status}{code}: {message}{stop}{more}"


class InvalidRequest(StatusError):
    """The service refused the request as wrong (400 and other 4xx). Asking again does not help."""


class AuthenticationFailed(StatusError):
    """The key is missing, wrong or not allowed (401, 403, or 400 with `API_KEY_INVALID`)."""


class NotFound(StatusError):
    """The model or resource does not exist at this base URL (404)."""


class RateLimited(StatusError):
    """A quota is used up (429), or the credit is (402)."""

    @property
    def retryable(self) -> bool:  # type: ignore[override]  # 402 and per-day quotas do not heal by waiting a little
        """True for 429; False for 402."""
        return self.status == 429


class ServerError(StatusError):
    """The service failed or is overloaded (5xx)."""

    retryable = True


class RunError(AgentKitError):
    """A run ended without an answer."""


class ResponseBlocked(RunError):
    """The service withheld the answer, or refused the prompt, by policy. It is never asked again.

    Attributes:
        reason: The finish or block reason, for example `SAFETY`.
        where: `"prompt"` or `"answer"`.
        partial: Text that arrived before the block.
        ratings: The safety ratings as the service gave them, if it did:
            `{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": true}`.
    """

    def __init__(
        self,
        reason: str,
        where: str,
        message: str = "",
        partial: str = "",
        ratings: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(reason, where, message, partial, ratings)
        self.reason, self.where, self.message, self.partial = reason, where, message, partial
        self.ratings = list(ratings)

    def __str__(self) -> str:
        said = f" ({self.message})" if self.message else ""
        return f"Gemini blocked the {self.where}: {self.reason}{said}. Change the prompt or the safety settings."


class ResponseTruncated(RunError):
    """The answer was cut by the output limit where half an answer is of no use.

    Attributes:
        partial: The text that arrived.
    """

    def __init__(self, what: str, partial: str = "") -> None:
        super().__init__(what, partial)
        self.what, self.partial = what, partial

    def __str__(self) -> str:
        return (
            f"The answer was cut by the output limit (MAX_TOKENS): {self.what}. "
            "Thinking counts against the limit: raise `max_output_tokens`, or think less."
        )


class EmptyResponse(RunError):
    """The model answered with nothing: no text, no call, no media, also when asked again."""

    def __init__(self, reason: str, attempts: int) -> None:
        super().__init__(reason, attempts)
        self.reason, self.attempts = reason, attempts

    def __str__(self) -> str:
        return f"Gemini gave an empty answer {self.attempts} times (finish reason {self.reason}). Rephrase the prompt."


class MalformedCall(RunError):
    """The model wrote a function call that the service could not read, also when asked again.

    Attributes:
        reason: The finish reason, for example `MALFORMED_FUNCTION_CALL`.
        message: The service's finish message.
    """

    def __init__(self, reason: str, message: str, attempts: int) -> None:
        super().__init__(reason, message, attempts)
        self.reason, self.message, self.attempts = reason, message, attempts

    def __str__(self) -> str:
        return (
            f"Gemini could not make a valid function call in {self.attempts} attempts ({self.reason}): {self.message}"
        )


class OutputInvalid(RunError):
    """The final answer does not fit the output type, or the agent's own check refused it.

    Attributes:
        problem: What is wrong, as told to the model.
        text: The raw answer.
    """

    def __init__(self, problem: str, text: str) -> None:
        super().__init__(problem, text)
        self.problem, self.text = problem, text

    def __str__(self) -> str:
        return f"The answer could not be used, also when asked again: {self.problem}"


class LimitExceeded(RunError):
    """A limit of the run was reached and `Limits(on_limit="raise")` was set, or nothing could be answered.

    Attributes:
        limit: The name of the limit in `Limits`, for example `"turns"`.
        used: How much was used; not a number where that is not known.
        allowed: How much was allowed.
    """

    def __init__(self, limit: str, used: float, allowed: float) -> None:
        super().__init__(limit, used, allowed)
        self.limit, self.used, self.allowed = limit, used, allowed

    def __str__(self) -> str:
        if math.isnan(self.used):  # an answer came whose price is not known
            return (
                f"It is no longer known what the run costs, so that `Limits({self.limit}={self.allowed:g})` cannot be "
                "kept. Give the price of the model that answers: GeminiClient(prices={...})."
            )
        return f"The run used {self.used:g} of {self.allowed:g} {self.limit}. Raise `Limits({self.limit}=...)`."


class LoopDetected(RunError):
    """The model went round in circles, also after it was told so, and `Limits(on_limit="raise")` was set.

    Attributes:
        pattern: `"call"`: the same calls with the same results; `"cycle"`: a few of them in turn; `"error"`: nothing
            but errors.
        tools: The functions of one round.
        times: How often it came.
    """

    def __init__(self, pattern: str, tools: Sequence[str], times: int) -> None:
        super().__init__(pattern, tools, times)
        self.pattern, self.tools, self.times = pattern, tuple(tools), times

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(self.tools))
        what = "got nothing but errors from" if self.pattern == "error" else "got the same results again and again from"
        return (
            f"The model {what} {names}, {self.times} times in a row, and went on after a warning. "
            "Change what the tools answer, or raise `Limits(repeats=...)`."
        )


class RunFailed(RunError):
    """Code that runs inside the run raised: a middleware, a toolset that opens, a validator. It is the `__cause__`."""

    def __init__(self, error_type: str, text: str) -> None:
        super().__init__(error_type, text)
        self.error_type, self.text = error_type, text

    def __str__(self) -> str:
        said = f": {self.text}" if self.text else ""
        return f"Code inside the run (a middleware, a toolset, a validator) raised {self.error_type}{said}"


class ToolFailed(RunError):
    """A tool raised and its error mode is `"raise"`. The tool's exception is the `__cause__`."""

    def __init__(self, tool: str, error: str) -> None:
        super().__init__(tool, error)
        self.tool, self.error = tool, error

    def __str__(self) -> str:
        return f"Tool {self.tool!r} failed: {self.error}"


class ToolError(AgentKitError):
    """Raised by a tool: a sentence that the model reads word for word. Say what would work instead."""
