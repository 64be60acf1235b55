"""One call of a tool, within its time, and what the model is told of it. Nothing a tool does gets past here unseen."""

import functools
import traceback
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, cast

import anyio

from agentkit._arguments import without_surrogates
from agentkit._jsonable import NotJsonable, Taker, to_jsonable
from agentkit._log import get_logger
from agentkit._steps import Patience, run_in_task, watch_steps
from agentkit._threads import TooManyThreads, threads_left_behind
from agentkit.errors import ToolError, ToolFailed
from agentkit.run import Run
from agentkit.schema import ArgumentsInvalid
from agentkit.state import PendingCall, ToolFailure
from agentkit.tool import Tool
from agentkit.tool_media import MediaTaker

__all__ = ["as_response", "invoke"]

log = get_logger("calls")

AnyTool = Tool[..., Any]
AnyRun = Run[Any, Any]
Response = Mapping[str, Any]

LONGEST_STEP_S = 1.0  # a tool that does not await for so long blocks every run of this event loop
GRACE_S = 1.0  # a tool that swallows its cancellation for so long is left where it stands


async def invoke(
    run: AnyRun, call: PendingCall, tool: AnyTool, args: Mapping[str, Any], trouble: list[str]
) -> Response:
    """Call the tool; turn its result, or what it raised, into the object that the model reads.

    `trouble` takes what went wrong in full, for the event.
    """
    timeout_s = tool.timeout_s if tool.timeout_s is not None else run.tool_timeout_s
    tell = functools.partial(_tell_blocked, run, tool)
    patience = Patience(GRACE_S)

    def work() -> Awaitable[object]:
        return watch_steps(tool.invoke(args, run.context(call)), LONGEST_STEP_S, tell, patience)

    try:
        with anyio.move_on_after(timeout_s):
            try:
                taken = MediaTaker(tool.name, run.state.model)
                return taken.attach(as_response(await run_in_task(work, patience), taken))
            finally:
                if patience.is_over:
                    _tell_stubborn(run, tool)
        trouble.append(f"timed out after {timeout_s:g} s{_left_behind(patience)}")
        return {"error": f"{tool.name} timed out after {timeout_s:g} s."}
    except Exception as error:
        sentences = [_explain(run, call, tool, member, trouble) for member in _members(error)]
        return {"error": without_surrogates("\n".join(dict.fromkeys(sentences)))}


def as_response(result: object, take: Taker | None = None) -> Response:
    """Return a JSON object as it is and anything else as `{"output": value}`; `take` is that of `to_jsonable`.

    Raises:
        NotJsonable: It holds something that JSON cannot.
    """
    value: Any = to_jsonable(result, take=take)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"output": value}


def _members(error: Exception) -> Iterator[Exception]:
    """Yield the exceptions in a group of groups, or the one exception: task groups wrap what their tasks raise."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for member in cast("ExceptionGroup[Exception]", error).exceptions:
        yield from _members(member)


def _explain(run: AnyRun, call: PendingCall, tool: AnyTool, error: Exception, trouble: list[str]) -> str:
    """Return what the model is told of an exception."""
    if isinstance(error, ArgumentsInvalid | ToolError | TooManyThreads):
        trouble.append(str(error))
        return str(error)
    if isinstance(error, NotJsonable):
        trouble.append(str(error))
        return f"{tool.name} ran, but its result cannot be shown: {error}"
    text = run.client.redact(_text_of(error))
    trouble.append(f"{type(error).__name__}: {text}")
    return _explain_failure(run, call, tool, error, text)


def _left_behind(patience: Patience) -> str:
    if patience.is_over:
        return "; it swallowed its cancellation and was left where it stood"
    threads = threads_left_behind()
    return f"; threads of timed-out calls that still run: {threads}" if threads else ""


def _tell_blocked(run: AnyRun, tool: AnyTool, took_s: float) -> None:
    """Name the tool that kept the event loop from everybody else."""
    advice = "await inside it, or make it a plain function: those run in threads"
    log.warning("tool.blocked_loop", tool=tool.name, seconds=round(took_s, 3), advice=advice, run_id=run.state.run_id)


def _tell_stubborn(run: AnyRun, tool: AnyTool) -> None:
    """Name the tool that could only be left behind."""
    advice = "let the cancellation out: catch Exception, not BaseException"
    log.warning("tool.not_cancellable", tool=tool.name, grace_s=GRACE_S, advice=advice, run_id=run.state.run_id)


def _text_of(error: Exception) -> str:
    """Return what an exception says; one whose own `__str__` raises says nothing."""
    try:
        return str(error)
    except Exception:
        return ""


def _traceback(run: AnyRun, error: Exception) -> dict[str, Any]:
    """Return what the log gets of an exception: itself, or only what it says where it says a secret."""
    written = "".join(traceback.format_exception(error))
    shown = run.client.redact(written)
    return {"exc_info": error} if shown == written else {"traceback": shown}


def _explain_failure(run: AnyRun, call: PendingCall, tool: AnyTool, error: Exception, text: str) -> str:
    """Tell the model as much about an unexpected exception as the error mode allows; the text may hold secrets."""
    kind = type(error).__name__
    log.warning("tool.failed", tool=tool.name, error=kind, run_id=run.state.run_id, **_traceback(run, error))
    run.state.failures.append(ToolFailure(key=call.key, tool=tool.name, error_type=kind, text=text))
    mode = tool.errors or run.errors
    if mode == "raise":
        raise ToolFailed(tool.name, f"{kind}: {text}") from error
    return f"{tool.name} failed ({kind})" + (f": {text}" if mode == "show" and text else "")
