"""The calls of one answer: consent, stages, errors. Every call ends in exactly one response, or waits for a person."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import anyio

from agentkit._arguments import detached
from agentkit._jsonable import NotJsonable, to_jsonable
from agentkit._log import get_logger
from agentkit._tasks import task_group
from agentkit.approval import Decision
from agentkit.errors import ConfigurationError, OutputInvalid, ToolError, ToolFailed
from agentkit.events import Paused, ToolFinished, ToolStarted
from agentkit.middleware import Middleware, ToolCall
from agentkit.output import FINAL_ANSWER
from agentkit.run import Run
from agentkit.schema import ArgumentsInvalid
from agentkit.state import PendingCall, ToolFailure
from agentkit.tool import Tool
from agentkit.wire import FunctionResponse

__all__ = ["answer_calls"]

log = get_logger("calls")

AnyTool = Tool[..., Any]
AnyRun = Run[Any, Any]
Response = Mapping[str, Any]


@dataclass(frozen=True)
class _Job:
    """A call that may run: its tool is known and nobody has to be asked any more."""

    call: PendingCall
    tool: AnyTool


async def answer_calls(run: AnyRun) -> None:
    """Give each open call its response, side by side where that is allowed.

    Calls that need a person are marked as waiting and stay open; so does what was asked after a waiting call that
    must run alone. `state.waiting` tells whether the run has to pause.
    """
    jobs = [job for call in run.state.pending if call.response is None and (job := await _prepare(run, call))]
    limiter = anyio.CapacityLimiter(run.parallel_calls)
    for stage in _stages(jobs):
        await _run_stage(run, [job for job in stage if not job.call.waiting], limiter)
        if any(job.call.waiting and _runs_alone(job.tool) for job in stage):
            break
    if run.state.waiting:
        await run.emit(Paused(requests=tuple(run.state.waiting)))


async def _run_stage(run: AnyRun, stage: list[_Job], limiter: anyio.CapacityLimiter) -> None:
    """Run calls side by side. Where several end the run at the same moment, one of them speaks for all."""
    try:
        async with task_group() as group:
            for job in stage:
                group.start_soon(_answer, run, job, limiter)
    except BaseExceptionGroup as failures:
        weightiest = _weightiest(failures)
        raise weightiest from weightiest.__cause__
    for job in stage:
        if job.call.response is None:  # on asyncio a task can raise a cancellation that nobody asked for
            sentence = f"{job.tool.name} failed (CancelledError)"
            await _finish(run, job.call, {"error": sentence}, time.monotonic(), sentence)


def _weightiest(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what ends the program, if that is among the failures, else the first of them."""
    leaves: list[BaseException] = []
    for failure in failures.exceptions:
        nested = cast("BaseExceptionGroup[BaseException]", failure)
        leaves.append(_weightiest(nested) if isinstance(failure, BaseExceptionGroup) else failure)
    return next((leaf for leaf in leaves if not isinstance(leaf, Exception)), leaves[0])


async def _prepare(run: AnyRun, call: PendingCall) -> _Job | None:
    """Answer at once what needs no tool; ask for consent where it is needed; return what may run."""
    if run.output_mode == "function" and call.name == FINAL_ANSWER and not call.refused:
        response = _take_final_answer(run, call)
        await _finish(run, call, response, time.monotonic(), str(response.get("error", "")))
        return None
    tool = run.toolbox.find(call.name)
    if tool is None or call.refused or run.state.closing:
        sentence = _refusal(run, call, tool)
        log.warning("call.refused", tool=call.name[:80], known=tool is not None, run_id=run.state.run_id)
        await _finish(run, call, {"error": sentence}, time.monotonic(), sentence)
        return None
    decision = run.decisions.get(call.key)
    if decision is not None and not decision.approved:
        await _finish(run, call, {"error": _denial(decision)}, time.monotonic(), "denied")
        return None
    if decision is None and tool.needs_approval is not False:
        if misfit := _misfit(run, tool, call):  # nobody needs to be asked about a call that cannot run
            await _finish(run, call, {"error": misfit}, time.monotonic(), misfit)
            return None
        # Once asked, it waits for a decision, whatever the policy would say now.
        call.waiting = call.waiting or _needs_person(run, tool, call)
    else:
        call.waiting = False
    return _Job(call, tool)


def _refusal(run: AnyRun, call: PendingCall, tool: AnyTool | None) -> str:
    """Say why a call is not run."""
    if tool is None:
        return run.toolbox.explain_unknown(call.name)
    return call.refused or f"This call was not run: it is the last turn. Call {FINAL_ANSWER!r}."


def _misfit(run: AnyRun, tool: AnyTool, call: PendingCall) -> str:
    """Say what is wrong with the arguments; empty if nothing is, or if only running the call can tell."""
    try:
        if tool.signature is not None:
            tool.signature.bind(call.call.args, run.context(call))
    except ArgumentsInvalid as error:
        return str(error)
    except Exception as error:  # a validator of the user's may raise anything; it will again when the call runs
        log.debug("call.not_checked", tool=tool.name, error=type(error).__name__, run_id=run.state.run_id)
    return ""


def _sent(call: PendingCall) -> Any:
    """Return the arguments as the model sent them, as a copy: whoever gets it may change it."""
    return call.call.to_wire().get("args") or {}


def _needs_person(run: AnyRun, tool: AnyTool, call: PendingCall) -> bool:
    """Ask the tool's policy. A policy that fails means yes: a check that cannot be made does not let a call through."""
    if isinstance(tool.needs_approval, bool):
        return tool.needs_approval
    try:
        return bool(tool.needs_approval(run.context(call), _sent(call)))
    except Exception as error:  # a policy is the user's code and may raise anything
        log.warning("approval.policy_failed", tool=tool.name, error=type(error).__name__, run_id=run.state.run_id)
        return True


def _denial(decision: Decision) -> str:
    return "A person denied this call" + (f": {decision.reason}" if decision.reason else ".")


def _runs_alone(tool: AnyTool) -> bool:
    return tool.effects == "write" or not tool.parallel


def _stages(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Split the calls, in the order asked, into groups that may run side by side."""
    together: list[_Job] = []
    for job in jobs:
        if not _runs_alone(job.tool):
            together.append(job)
            continue
        if together:
            yield together
        yield [job]
        together = []
    if together:
        yield together


async def _answer(run: AnyRun, job: _Job, limiter: anyio.CapacityLimiter) -> None:
    """Run one call through the middlewares and keep its response."""
    call, tool = job.call, job.tool
    async with limiter:
        await run.emit(ToolStarted(key=call.key, tool=tool.name, args=_sent(call)))
        started = time.monotonic()
        trouble: list[str] = []

        async def invoke(asked: ToolCall) -> Response:
            return await _invoke(run, call, tool, asked.args, trouble)

        proceed: Callable[[ToolCall], Awaitable[Response]] = invoke
        for middleware in reversed(run.middleware):
            proceed = _wrapped(run, call, middleware, proceed)
        response = await proceed(ToolCall(key=call.key, tool=tool.name, args=_sent(call), effects=tool.effects))
        if run.middleware:
            response = _checked(response)
        await _finish(run, call, response, started, "; ".join(trouble))


def _checked(response: object) -> Response:
    """Return what the middlewares answered, if that can be sent."""
    try:
        return _as_response(response)
    except NotJsonable as error:
        raise ConfigurationError(f"A middleware answered a call with something that cannot be sent: {error}") from error


def _wrapped(
    run: AnyRun, call: PendingCall, middleware: Middleware, proceed: Callable[[ToolCall], Awaitable[Response]]
) -> Callable[[ToolCall], Awaitable[Response]]:
    return lambda asked: middleware.around_tool(run.context(call), asked, proceed)


async def _invoke(
    run: AnyRun, call: PendingCall, tool: AnyTool, args: Mapping[str, Any], trouble: list[str]
) -> Response:
    """Call the tool; turn its result, or what it raised, into the object that the model reads.

    `trouble` takes what went wrong in full, for the event.
    """
    timeout_s = tool.timeout_s if tool.timeout_s is not None else run.tool_timeout_s
    try:
        with anyio.move_on_after(timeout_s):
            return _as_response(await tool.invoke(args, run.context(call)))
        trouble.append(f"timed out after {timeout_s:g} s")
        return {"error": f"{tool.name} timed out after {timeout_s:g} s."}
    except ArgumentsInvalid as error:
        trouble.append(str(error))
        return {"error": str(error)}
    except ToolError as error:
        trouble.append(str(error))
        return {"error": str(error)}
    except NotJsonable as error:
        trouble.append(str(error))
        return {"error": f"{tool.name} ran, but its result cannot be shown: {error}"}
    except Exception as error:
        text = _text_of(error)
        trouble.append(f"{type(error).__name__}: {text}")
        return _explain_failure(run, call, tool, error, text)


def _text_of(error: Exception) -> str:
    """Return what an exception says; one whose own `__str__` raises says nothing."""
    try:
        return str(error)
    except Exception:
        return ""


def _explain_failure(run: AnyRun, call: PendingCall, tool: AnyTool, error: Exception, text: str) -> Response:
    """Tell the model as much about an unexpected exception as the error mode allows; the text may hold secrets."""
    kind = type(error).__name__
    log.warning("tool.failed", tool=tool.name, error=kind, run_id=run.state.run_id, exc_info=error)
    run.state.failures.append(ToolFailure(key=call.key, tool=tool.name, error_type=kind, text=text))
    mode = tool.errors or run.errors
    if mode == "raise":
        raise ToolFailed(tool.name, f"{kind}: {text}") from error
    return {"error": f"{tool.name} failed ({kind})" + (f": {text}" if mode == "show" and text else "")}


def _as_response(result: object) -> Response:
    """Return a JSON object as it is and anything else as `{"output": value}`."""
    value: Any = to_jsonable(result)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"output": value}


def _take_final_answer(run: AnyRun, call: PendingCall) -> Response:
    """Accept the final-answer call, or tell the model what is wrong with it."""
    try:
        args = detached(call.call.args)
        run.output.read_call(args)
    except (ArgumentsInvalid, OutputInvalid) as error:
        invalid = error if isinstance(error, OutputInvalid) else OutputInvalid(str(error), "")
        run.state.count_repair(invalid)
        return {"error": invalid.problem}
    run.state.final = args
    return {"output": "accepted"}


async def _finish(run: AnyRun, call: PendingCall, response: Response, started: float, error: str) -> None:
    """Keep the response, with the id that the model gave (none is made up), and tell who watches."""
    call.waiting = False
    answer = FunctionResponse(name=call.name, response=dict(response))
    call.response = answer if call.call.id is None else answer.replace(id=call.call.id)
    await run.emit(
        ToolFinished(
            key=call.key,
            tool=call.name,
            response=response,
            failed="error" in response and bool(error),
            elapsed_s=time.monotonic() - started,
            error=error,
        )
    )
