"""Many prompts through one agent: a bounded number at once, and an outcome for each."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
    Sized,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import Any, Generic, TypeVar, cast

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from agentkit import wire
from agentkit._blocks import async_block
from agentkit._checks import check_kind, is_whole
from agentkit._frozen import frozen
from agentkit._log import get_logger
from agentkit._tasks import task_group
from agentkit.approval import Decision
from agentkit.batches import Batch
from agentkit.errors import AgentKitError, ConfigurationError, RunFailed
from agentkit.result import RunResult
from agentkit.state import RunState
from agentkit.usage import Usage

__all__ = [
    "Job",
    "OnProgress",
    "Outcome",
    "Outcomes",
    "Progress",
    "Teller",
    "check_limit",
    "gather_outcomes",
    "open_outcomes",
    "read_jobs",
]

Out = TypeVar("Out")

log = get_logger("many")


@frozen
class Job:
    """One of many prompts, where it needs more than its words.

    Attributes:
        prompt: What `agent.run` takes, or a `RunState` to go on with.
        history: What was said before this prompt.
        deps: What tools find in `RunContext.deps`, instead of what all runs share.
        decisions: For a paused `RunState`: what people said, by `request.key`.
    """

    prompt: Any = field(kw_only=False)
    history: Sequence[wire.Content] = ()
    deps: Any = None
    decisions: Mapping[str, Decision] | None = None


@frozen
class Outcome(Generic[Out]):
    """What became of one prompt: a result (an answer or a pause), or an error.

    Attributes:
        index: The place of the prompt among all, from 0.
        job: The prompt, with what belongs to it.
        result: What `agent.run` would have returned; None if it would have raised.
        error: What it would have raised; None if it would have returned.
    """

    index: int
    job: Job
    result: RunResult[Out] | None = None
    error: AgentKitError | None = None

    @property
    def prompt(self) -> Any:
        """What was asked, as it was given; a `RunState` if a run was gone on with."""
        return self.job.prompt

    @property
    def output(self) -> Out:
        """The answer.

        Raises:
            AgentKitError: `error`, if there is one; or the run is paused.
        """
        if self.result is None:
            raise self.error or ConfigurationError("An outcome has a result or an error.")
        return self.result.output

    @property
    def state(self) -> RunState | None:
        """The run as data; None if it could not even begin."""
        if self.result is not None:
            return self.result.state
        return None if self.error is None else cast("RunState | None", self.error.state)

    @property
    def again(self) -> Job:
        """What goes on with a run that failed or is paused, among the prompts of another `run_many`."""
        state = self.state
        return self.job if state is None else Job(state, deps=self.job.deps)

    @property
    def usage(self) -> Usage:
        """What this run has spent; for a run that was gone on with, since then."""
        before = self.prompt.usage if isinstance(self.prompt, RunState) else Usage()
        return Usage() if self.state is None else self.state.usage - before


@frozen
class Progress(Generic[Out]):
    """How far many runs have come.

    Attributes:
        done: How many have ended, failed and paused ones included.
        failed: How many of them ended with an error.
        paused: How many of them wait for a person.
        total: How many prompts there are; None if the source does not tell.
        usage: What the runs that have ended have spent.
        outcome: The run that has just ended; None if this tells of a batch.
        batch: With `run_batch`: the batch at the service that the runs wait for, each time it was asked for.
    """

    done: int = 0
    failed: int = 0
    paused: int = 0
    total: int | None = None
    usage: Usage = field(default_factory=Usage)
    outcome: Outcome[Out] | None = None
    batch: Batch | None = None


OnProgress = Callable[[Progress[Out]], object]
RunJob = Callable[[int, Job], Awaitable[RunResult[Out]]]


class Teller(Generic[Out]):
    """Tells the caller's function, which may be asynchronous, of progress. What it raises must not cost the runs."""

    def __init__(self, on_progress: OnProgress[Out] | None) -> None:
        check_kind("on_progress", on_progress, Callable | None, "a function")
        self._on_progress = on_progress

    async def __call__(self, progress: Progress[Out]) -> None:
        """Call the function; after its first exception, which is logged, never again."""
        if self._on_progress is None:
            return
        try:
            told = self._on_progress(progress)
            if inspect.isawaitable(told):
                await told
        except Exception as error:
            self._on_progress = None
            log.warning("progress.failed", error=type(error).__name__, done=progress.done)


class Outcomes(Generic[Out]):
    """The outcomes of many runs, each as soon as it is there: `async for outcome in outcomes`."""

    def __init__(self, prompts: object, run: RunJob[Out], *, limit: int, stop_on_error: bool) -> None:
        self._prompts, self._run, self._stop_on_error = _Prompts(prompts), run, stop_on_error
        self._slots = anyio.Semaphore(limit)
        self._outbox, self._inbox = anyio.create_memory_object_stream[Outcome[Out]](0)
        self._reading = anyio.CancelScope()
        self._failure: BaseException | None = None
        self._progress: Progress[Out] = Progress(total=self._prompts.total)

    @property
    def progress(self) -> Progress[Out]:
        """How far the runs have come, as far as their outcomes were read."""
        return self._progress

    def __aiter__(self) -> AsyncIterator[Outcome[Out]]:
        return self

    async def __anext__(self) -> Outcome[Out]:
        """Return the next outcome. A run's place is free again only then: a slow reader slows the runs.

        Raises:
            Exception: What the source of the prompts raised, after the outcomes of all runs that had begun.
        """
        try:
            outcome = await self._inbox.receive()
        except anyio.EndOfStream:
            if self._failure is not None:
                raise self._failure from None
            raise StopAsyncIteration from None
        except anyio.ClosedResourceError:
            raise ConfigurationError("The runs are over. Read within `async with agent.run_each(...)`.") from None
        before = self._progress
        self._progress = Progress(
            done=before.done + 1,
            failed=before.failed + (outcome.error is not None),
            paused=before.paused + (outcome.result is not None and bool(outcome.result.paused)),
            total=before.total,
            usage=before.usage + outcome.usage,
            outcome=outcome,
        )
        return outcome

    async def feed(self) -> None:
        """Begin the runs, one for each place that is free, until there are no more prompts; wait for their ends."""
        async with self._outbox, task_group() as runs:
            with self._reading:
                await self._begin_all(runs)

    def close(self) -> None:
        """Give nothing out any more: the block is left."""
        self._inbox.close()

    async def _begin_all(self, runs: TaskGroup) -> None:
        index = 0
        while True:
            await self._slots.acquire()  # before the prompt is read: an endless source is read no further
            try:
                prompt = await self._prompts.next()
            except StopAsyncIteration:
                return
            except Exception as error:  # the caller's code; what was begun before is not lost
                self._failure = error
                return
            runs.start_soon(self._one, index, _as_job(prompt), runs)
            index += 1

    async def _one(self, index: int, job: Job, runs: TaskGroup) -> None:
        try:
            outcome = await self._outcome(index, job)
        except (KeyboardInterrupt, SystemExit) as end:  # for whoever waits for the runs, as if raised there
            self._failure = end
            runs.cancel_scope.cancel()
            return
        if outcome.error is not None and self._stop_on_error:
            self._reading.cancel()
        await self._outbox.send(outcome)
        self._slots.release()

    async def _outcome(self, index: int, job: Job) -> Outcome[Out]:
        try:
            return Outcome(index=index, job=job, result=await self._run(index, job))
        except AgentKitError as error:
            return Outcome(index=index, job=job, error=error)
        except anyio.get_cancelled_exc_class():
            await checkpoint()  # raises once more if it is the run that was cancelled, as it nearly always is
            said = "something that the run awaited was cancelled, not the run"
            return Outcome(index=index, job=job, error=RunFailed("CancelledError", said))


@async_block("async with agent.run_each(...) as outcomes:")
async def open_outcomes(
    prompts: object,
    run: RunJob[Out],
    *,
    client: AbstractAsyncContextManager[object],
    limit: int,
    stop_on_error: bool,
) -> AsyncGenerator[Outcomes[Out], None]:
    """Run `run` for each of `prompts` beside the block, over one pool of connections. Leaving the block cancels."""
    check_limit(limit)
    outcomes = Outcomes(prompts, run, limit=limit, stop_on_error=stop_on_error)
    async with client, task_group() as group:
        group.start_soon(outcomes.feed)
        try:
            yield outcomes
        finally:
            group.cancel_scope.cancel()
            outcomes.close()


async def gather_outcomes(
    opening: AbstractAsyncContextManager[Outcomes[Out]], on_progress: OnProgress[Out] | None
) -> list[Outcome[Out]]:
    """Return all outcomes in the order of the prompts, telling of each as it comes."""
    tell = Teller(on_progress)
    found: list[Outcome[Out]] = []
    async with opening as outcomes:
        async for outcome in outcomes:
            found.append(outcome)
            await tell(outcomes.progress)
    return sorted(found, key=lambda outcome: outcome.index)


def check_limit(limit: object) -> None:
    """Refuse what is no number of runs at once."""
    if not is_whole(limit) or limit < 1:
        raise ConfigurationError(f"limit={limit!r} is no number of runs at once. Give 1 or more.")


async def read_jobs(prompts: object) -> list[Job]:
    """Return all prompts as jobs."""
    source, jobs = _Prompts(prompts), list[Job]()
    while True:
        try:
            jobs.append(_as_job(await source.next()))
        except StopAsyncIteration:
            return jobs


def _as_job(prompt: object) -> Job:
    """Return a prompt, or a state to go on with, as a job; whether the prompt is one is found when it is begun."""
    return prompt if isinstance(prompt, Job) else Job(prompt)


class _Prompts:
    """The source of the prompts, read one by one."""

    def __init__(self, prompts: object) -> None:
        one = (str, bytes, wire.Content, wire.Part, Job, RunState, Mapping)
        if isinstance(prompts, one):
            found = type(cast(object, prompts)).__name__
            said = f"prompts is one {found}, not many. Give a list of prompts, or use agent.run(...)."
            raise ConfigurationError(said)
        check_kind("prompts", prompts, Iterable | AsyncIterable, "a list, a generator, or an asynchronous one")
        self._later = aiter(cast("AsyncIterable[object]", prompts)) if hasattr(prompts, "__aiter__") else None
        self._now = iter(cast("Iterable[object]", prompts)) if self._later is None else iter(())
        self.total = len(prompts) if isinstance(prompts, Sized) else None

    async def next(self) -> object:
        """Return the next prompt; raises StopAsyncIteration after the last."""
        if self._later is not None:
            return await anext(self._later)
        for prompt in self._now:
            return prompt
        raise StopAsyncIteration
