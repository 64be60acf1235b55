"""Who must be asked before a call runs, and why. Nothing here runs a tool."""

import inspect
from collections.abc import Iterator
from typing import Any

from agentkit._log import get_logger
from agentkit.approval import Decision
from agentkit.middleware import ToolCall
from agentkit.run import Run
from agentkit.schema import ArgumentsInvalid
from agentkit.state import PendingCall
from agentkit.tool import Tool

__all__ = ["as_seen", "denial", "misfit", "reason_to_ask", "sent_args"]

log = get_logger("consent")

AnyTool = Tool[..., Any]
AnyRun = Run[Any, Any]


def reason_to_ask(run: AnyRun, tool: AnyTool, call: PendingCall) -> str | None:
    """Return why a person must decide about the call, all reasons in one; None if nobody has to.

    Asked are the tool's own policy and every middleware. One that fails means yes: a check that cannot be made does
    not let a call through.
    """
    reasons = [*_policy(run, tool, call), *_middlewares(run, tool, call)]
    return " ".join(filter(None, reasons)) if reasons else None


def _policy(run: AnyRun, tool: AnyTool, call: PendingCall) -> Iterator[str]:
    if isinstance(tool.needs_approval, bool):
        wanted: object = tool.needs_approval
    else:
        try:
            wanted = tool.needs_approval(run.context(call), sent_args(call))
        except Exception as error:  # a policy is the user's code and may raise anything
            log.warning("approval.policy_failed", tool=tool.name, error=type(error).__name__, run_id=run.state.run_id)
            wanted = f"The approval policy of {tool.name} failed ({type(error).__name__})."
    if wanted:
        yield wanted if isinstance(wanted, str) else ""


def _middlewares(run: AnyRun, tool: AnyTool, call: PendingCall) -> Iterator[str]:
    for middleware in run.middleware:
        name = type(middleware).__name__
        try:
            reason = _text_or_none(middleware.consent(run.context(call), as_seen(tool, call)))
        except Exception as error:  # the same
            log.warning("approval.policy_failed", tool=tool.name, error=type(error).__name__, run_id=run.state.run_id)
            reason = f"The check of {name} failed ({type(error).__name__})."
        if reason is not None:
            yield reason


def _text_or_none(reason: object) -> str | None:
    if reason is not None and not isinstance(reason, str):
        if inspect.iscoroutine(reason):
            reason.close()
        raise TypeError(f"consent() must be a plain function that returns a text or None, not {type(reason).__name__}")
    return reason


def misfit(run: AnyRun, tool: AnyTool, call: PendingCall) -> str:
    """Say what is wrong with the arguments; empty if nothing is, or if only running the call can tell.

    Nobody needs to be asked about a call that cannot run.
    """
    try:
        if tool.signature is not None:
            tool.signature.bind(call.call.args, run.context(call), drop_unknown=tool.unknown_args == "drop")
    except ArgumentsInvalid as error:
        return str(error)
    except Exception as error:  # a validator of the user's may raise anything; it will again when the call runs
        log.debug("call.not_checked", tool=tool.name, error=type(error).__name__, run_id=run.state.run_id)
    return ""


def as_seen(tool: AnyTool, call: PendingCall) -> ToolCall:
    """Return the call as middleware sees it."""
    return ToolCall(key=call.key, tool=tool.name, args=sent_args(call), effects=tool.effects)


def sent_args(call: PendingCall) -> Any:
    """Return the arguments as the model sent them, as a copy: whoever gets it may change it."""
    return call.call.to_wire().get("args") or {}


def denial(decision: Decision) -> str:
    """Return what the model is told about a call that a person denied."""
    return "A person denied this call" + (f": {decision.reason}" if decision.reason else ".")
