"""The calls of one answer: consent, stages, errors. Every call ends in exactly one response, or waits for a person."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import anyio

from agentkit import wire
from agentkit._arguments import detached
from agentkit._jsonable import NotJsonable
from agentkit._log import get_logger
from agentkit._tasks import ProgramEnd, task_group
from agentkit.clip import clipped
from agentkit.consent import as_seen, denial, misfit, reason_to_ask, sent_args
from agentkit.errors import ConfigurationError, OutputInvalid
from agentkit.events import ToolFinished, ToolStarted
from agentkit.final import take_final_call
from agentkit.invoke import as_response, invoke
from agentkit.middleware import Middleware, ToolCall
from agentkit.output import FINAL_ANSWER
from agentkit.run import Run
from agentkit.schema import ArgumentsInvalid
from agentkit.state import PendingCall, meant_name
from agentkit.tool import Tool
from agentkit.tool_media import split_media

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
    ids = [call.call.id for call in run.state.pending if call.call.id is not None]
    if len(set(ids)) < len(ids):  # they are told apart by their places
        log.warning("call.same_id", calls=len(ids), ids=len(set(ids)), run_id=run.state.run_id)
    jobs = [job for call in run.state.pending if call.response is None and (job := await _prepare(run, call))]
    limiter = anyio.CapacityLimiter(run.parallel_calls)
    for stage in _stages(jobs):
        await _run_stage(run, [job for job in stage if not job.call.waiting], limiter)
        if any(job.call.waiting and _runs_alone(job.tool) for job in stage):
            break


async def _run_stage(run: AnyRun, stage: list[_Job], limiter: anyio.CapacityLimiter) -> None:
    """Run calls side by side. Where several end the run at the same moment, one of them speaks for all."""
    try:
        async with task_group() as group:
            for jobs in _by_lock(stage):
                group.start_soon(_answer_in_turn, run, jobs, limiter)
    except (BaseExceptionGroup, ProgramEnd) as failure:
        weightiest = _weightiest(failure)
        raise weightiest from weightiest.__cause__
    for job in stage:
        if job.call.response is None:  # on asyncio a task can raise a cancellation that nobody asked for
            sentence = f"{job.tool.name} failed (CancelledError)"
            await _finish(run, job.call, {"error": sentence}, time.monotonic(), sentence)


def _weightiest(failure: BaseException) -> BaseException:
    """Return what ends the program, if that is among the failures, else the first of them."""
    if isinstance(failure, ProgramEnd):
        return failure.end
    if not isinstance(failure, BaseExceptionGroup):
        return failure
    leaves = [_weightiest(nested) for nested in cast("BaseExceptionGroup[BaseException]", failure).exceptions]
    return next((leaf for leaf in leaves if not isinstance(leaf, Exception)), leaves[0])


async def _prepare(run: AnyRun, call: PendingCall) -> _Job | None:
    """Answer at once what needs no tool; ask for consent where it is needed; return what may run."""
    if run.output_mode == "function" and call.name == FINAL_ANSWER and not call.refused:
        await _take_final_answer(run, call)
        return None
    tool = run.toolbox.find(call.name)
    if tool is None or call.refused or run.state.closing:
        sentence = _refusal(run, call, tool)
        log.warning("call.refused", tool=call.name[:80], known=tool is not None, run_id=run.state.run_id)
        await _finish(run, call, {"error": sentence}, time.monotonic(), sentence)
        return None
    if tool.name != call.name:
        log.warning("call.renamed", asked=call.name, tool=tool.name, run_id=run.state.run_id)
    decision = run.decisions.get(call.key)
    if decision is not None and not decision.approved:
        await _finish(run, call, {"error": denial(decision)}, time.monotonic(), "denied")
        return None
    if decision is not None:
        call.waiting = False
    elif not call.waiting:  # once asked, it waits for a decision, whatever a policy would say now
        reason = reason_to_ask(run, tool, call)
        if reason is not None and (sentence := misfit(run, tool, call)):
            await _finish(run, call, {"error": sentence}, time.monotonic(), sentence)
            return None
        call.waiting, call.reason = reason is not None, reason or ""
    return _Job(call, tool)


def _refusal(run: AnyRun, call: PendingCall, tool: AnyTool | None) -> str:
    """Say why a call is not run."""
    if tool is None:
        return run.toolbox.explain_unknown(call.name)
    return call.refused or f"This call was not run: it is the last turn. Call {FINAL_ANSWER!r}."


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


def _by_lock(stage: list[_Job]) -> list[list[_Job]]:
    """Put calls that share a lock behind one another, in the order asked; all others stand by themselves."""
    groups: dict[object, list[_Job]] = {}
    for number, job in enumerate(stage):
        lock = _lock_of(job)
        groups.setdefault(number if lock is None else lock, []).append(job)
    return list(groups.values())


def _lock_of(job: _Job) -> str | None:
    """Return what the call must have for itself; None if nothing. A lock that fails is the tool itself."""
    lock = job.tool.lock
    if callable(lock):
        try:
            wanted = lock(sent_args(job.call))
            return None if wanted is None else str(wanted)
        except Exception as error:  # the user's code, on arguments that may not fit
            log.warning("call.lock_failed", tool=job.tool.name, error=type(error).__name__)
            return f"tool {job.tool.name}"
    return lock


async def _answer_in_turn(run: AnyRun, jobs: list[_Job], limiter: anyio.CapacityLimiter) -> None:
    for job in jobs:
        async with task_group() as group:  # on asyncio a tool can cancel its own task, but not the call after it
            group.start_soon(_answer, run, job, limiter)


async def _answer(run: AnyRun, job: _Job, limiter: anyio.CapacityLimiter) -> None:
    """Run one call through the middlewares and keep its response."""
    call, tool = job.call, job.tool
    async with limiter:
        await run.emit(ToolStarted(key=call.key, tool=tool.name, args=sent_args(call)))
        started = time.monotonic()
        trouble: list[str] = []

        async def proceed(asked: ToolCall) -> Response:
            return await invoke(run, call, tool, asked.args, trouble)

        through: Callable[[ToolCall], Awaitable[Response]] = proceed
        for middleware in reversed(run.middleware):
            through = _wrapped(run, call, middleware, through)
        try:
            response = await through(as_seen(tool, call))
        except (KeyboardInterrupt, SystemExit) as end:
            raise ProgramEnd(end) from None
        if run.middleware:
            response = _checked(response)
        run.state.usage += run.nesting.take()
        response, media = split_media(response)
        short = clipped(response, tool.max_result_bytes, call.key)
        if short is not response:
            run.state.whole_results[call.key] = response
        await _finish(run, call, short, started, "; ".join(trouble), media)


def _checked(response: object) -> Response:
    """Return what the middlewares answered, if that can be sent."""
    try:
        return as_response(response)
    except NotJsonable as error:
        raise ConfigurationError(f"A middleware answered a call with something that cannot be sent: {error}") from error


def _wrapped(
    run: AnyRun, call: PendingCall, middleware: Middleware, proceed: Callable[[ToolCall], Awaitable[Response]]
) -> Callable[[ToolCall], Awaitable[Response]]:
    return lambda asked: middleware.around_tool(run.context(call), asked, proceed)


async def _take_final_answer(run: AnyRun, call: PendingCall) -> None:
    """Accept the final-answer call, or tell the model what is wrong with it.

    Raises:
        OutputInvalid: It was told so often enough. The call is answered all the same, for a run that is resumed.
    """
    started = time.monotonic()
    try:
        await take_final_call(run, detached(call.call.args))
    except (ArgumentsInvalid, OutputInvalid) as error:
        invalid = error if isinstance(error, OutputInvalid) else OutputInvalid(str(error), "")
        await _finish(run, call, {"error": invalid.problem}, started, invalid.problem)
        run.state.count_repair(invalid, most=run.output.retries)
    else:
        await _finish(run, call, {"output": "accepted"}, started, "")


async def _finish(
    run: AnyRun,
    call: PendingCall,
    response: Response,
    started: float,
    error: str,
    media: Sequence[wire.FunctionResponsePart] = (),
) -> None:
    """Keep the response, with the id that the model gave (none is made up), and tell who watches."""
    call.waiting = False
    answer = wire.FunctionResponse(name=call.name, response=dict(response))
    answer = answer.replace(parts=list(media)) if media else answer
    call.response = answer if call.call.id is None else answer.replace(id=call.call.id)
    shown = answer.to_wire()["response"] if run.streamed else response  # who watches may change what it gets
    await run.emit(
        ToolFinished(
            key=call.key,
            tool=meant_name(call.name),
            response=shown,
            failed="error" in response and bool(error),
            elapsed_s=time.monotonic() - started,
            error=error,
        )
    )
