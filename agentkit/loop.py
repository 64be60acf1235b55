"""THE LOOP. Streaming watches it, resuming starts it with open calls, the blocking methods wait for it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

from agentkit._log import get_logger
from agentkit.calls import answer_calls
from agentkit.errors import AgentKitError, DeadlineExceeded, OutputInvalid
from agentkit.events import RunFinished, RunStarted
from agentkit.middleware import Middleware
from agentkit.result import RunResult
from agentkit.run import Run
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
    try:
        result = await _within_deadline(run)
    except AgentKitError as error:
        error.state = run.state
        log.info("run.end", run_id=run.state.run_id, error=type(error).__name__)
        raise
    log.info("run.end", run_id=run.state.run_id, stop=result.stop, turns=run.state.usage.turns)
    if not result.paused:
        await run.emit(RunFinished(run_id=run.state.run_id, stop=result.stop, usage=run.state.usage))
    return result


async def _within_deadline(run: Run[Deps, Out]) -> RunResult[Out]:
    limit_s = run.limits.deadline_s
    if limit_s is None:
        return await _through_middleware(run)
    run.deadline = anyio.current_time() + limit_s
    result: RunResult[Out] | None = None
    with anyio.CancelScope(deadline=run.deadline):
        result = await _through_middleware(run)
    if result is None:
        raise DeadlineExceeded("the whole run", limit_s)
    return result


async def _through_middleware(run: Run[Deps, Out]) -> RunResult[Out]:
    async def start() -> RunResult[Out]:
        return await _drive(run)

    def wrap(middleware: Middleware, proceed: Callable[[], Awaitable[RunResult[Out]]]) -> Any:
        return lambda: middleware.around_run(run.context(), proceed)

    proceed: Callable[[], Awaitable[RunResult[Out]]] = start
    for middleware in reversed(run.middleware):
        proceed = wrap(middleware, proceed)
    return await proceed()


async def _drive(run: Run[Deps, Out]) -> RunResult[Out]:
    state = run.state
    async with run.client.connect() as connection, run.toolbox:
        while True:
            if not state.pending:  # a resumed run may begin with open calls
                state.closing = run.limits.check(state.usage) and len(run.toolbox) > 0
                response, refused = await ask_model(run, connection)
                state.accept(response, refused=refused)
            if state.pending:
                await answer_calls(run)
                if state.waiting:
                    return RunResult(state=state)
                state.close_calls()  # one user content: exactly one response per call, in the order asked
                if state.final is None:
                    continue
            try:
                answer = run.output.parse(state.contents[-1], state.final)
            except OutputInvalid as error:
                state.repair(error)
            else:
                state.end()
                return RunResult(state=state, answer=answer)
