"""THE LOOP. Streaming watches it, resuming starts it with open calls, the blocking methods wait for it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

from agentkit._log import get_logger
from agentkit._nesting import nested
from agentkit.calls import answer_calls
from agentkit.errors import AgentKitError, ConfigurationError, DeadlineExceeded, LoopDetected, OutputInvalid, RunFailed
from agentkit.events import LoopFound, Paused, RunFinished, RunStarted
from agentkit.final import ask_again, final_answer
from agentkit.middleware import Middleware
from agentkit.repeats import find_repeat
from agentkit.result import RunResult
from agentkit.run import Run
from agentkit.side_request import part_builtins
from agentkit.turn import ask_model

Deps = TypeVar("Deps")
Out = TypeVar("Out")

log = get_logger("run")


async def drive(run: Run[Deps, Out]) -> RunResult[Out]:
    """Take a run to its answer or its pause.

    Raises:
        AgentKitError: The run ended without an answer. `error.state` is the run so far; `agent.resume` goes on.
    """
    log.info("run.begin", run_id=run.state.run_id, model=run.state.model)
    await run.emit(RunStarted(run_id=run.state.run_id, model=run.state.model))
    spent_before = run.state.usage
    try:
        with nested(run.limits) as run.nesting:
            run.nesting.find_untrusted = run.find_untrusted
            try:
                result = await _within_deadline(run)
            finally:
                run.state.usage += run.nesting.take()
                run.nesting.report(run.state.usage - spent_before)
    except Exception as error:
        said = run.client.redact(_said(error))
        failure = error if isinstance(error, AgentKitError) else RunFailed(type(error).__name__, said)
        failure.state = run.state
        log.info("run.end", run_id=run.state.run_id, error=type(failure).__name__)
        if failure is error:
            raise
        raise failure from error
    log.info("run.end", run_id=run.state.run_id, stop=result.stop, turns=run.state.usage.turns)
    if result.paused:
        await run.emit(Paused(requests=tuple(result.paused)))
    else:
        await run.emit(RunFinished(run_id=run.state.run_id, stop=result.stop, usage=run.state.usage))
    return result


async def _within_deadline(run: Run[Deps, Out]) -> RunResult[Out]:
    limit_s = run.nesting.ends_s - time.monotonic()
    if limit_s == float("inf"):
        return await _through_middleware(run)
    run.deadline = anyio.current_time() + limit_s
    result: RunResult[Out] | None = None
    with anyio.CancelScope(deadline=run.deadline):
        result = await _through_middleware(run)
    if result is None:
        raise DeadlineExceeded("the whole run", round(limit_s, 3))
    return result


def _said(error: Exception) -> str:
    """Return the first line of what an exception says; one whose own `__str__` raises says nothing."""
    try:
        return str(error).partition("\n")[0][:500]
    except Exception:
        return ""


async def _through_middleware(run: Run[Deps, Out]) -> RunResult[Out]:
    async def start() -> RunResult[Out]:
        return await _drive(run)

    def wrap(middleware: Middleware, proceed: Callable[[], Awaitable[RunResult[Out]]]) -> Any:
        return lambda: middleware.around_run(run.context(), proceed)

    proceed: Callable[[], Awaitable[RunResult[Out]]] = start
    for middleware in reversed(run.middleware):
        proceed = wrap(middleware, proceed)
    result = await proceed()
    if not isinstance(result, RunResult):  # pyright: ignore[reportUnnecessaryIsInstance]  # middlewares without types
        kind = type(result).__name__
        raise ConfigurationError(f"A middleware's around_run returned {kind}. Return what `await proceed()` returns.")
    return result


async def _drive(run: Run[Deps, Out]) -> RunResult[Out]:
    state = run.state
    async with run.client.connect() as connection, run.toolbox:
        part_builtins(run, connection)
        run.check_fallbacks()
        while True:
            if not state.pending:  # a resumed run may begin with open calls
                state.closing = (run.limits.check(state.usage) or _is_stopped(run)) and len(run.toolbox) > 0
                response, refused = await ask_model(run, connection)
                state.accept(response, refused=refused)
            if state.pending:
                await answer_calls(run)
                if state.waiting:
                    return RunResult(state=state, output_mode=run.output_mode)
                note = await _heed_repeats(run)
                state.close_calls(note)  # one user content: exactly one response per call, in the order asked
                if state.final is None:
                    continue
            try:
                answer = await final_answer(run)
            except OutputInvalid as error:
                await ask_again(run, error)
            else:
                state.end()
                return RunResult(state=state, answer=answer, output_mode=run.output_mode)


async def _heed_repeats(run: Run[Any, Any]) -> str:
    """Return what to tell a model that goes round in circles; empty if it does not.

    Raises:
        LoopDetected: It is the second time, and limits raise.
    """
    state, times = run.state, run.limits.repeats
    found = find_repeat(state, times) if times is not None else None
    if found is None:
        return ""
    stopped = state.loops > 0
    log.warning("run.loop", pattern=found.kind, tools=list(found.tools), stopped=stopped, run_id=state.run_id)
    await run.emit(LoopFound(pattern=found.kind, tools=found.tools, times=found.times, stopped=stopped))
    state.loops += 1  # not before: a run that is cancelled while it tells of the circle finds it once more
    state.loop_start = len(state.contents)
    if stopped and run.limits.on_limit == "raise":
        raise LoopDetected(found.kind, found.tools, found.times)
    return found.note


def _is_stopped(run: Run[Any, Any]) -> bool:
    """Tell whether the model was warned and went round all the same, so that its next turn is the last."""
    return run.state.loops > 1 and run.limits.on_limit == "answer"
