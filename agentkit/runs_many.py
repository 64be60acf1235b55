"""What `Agent` can do with many prompts: run them side by side, or as batches of the service."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from agentkit import wire  # noqa: F401  # pyright: ignore[reportUnusedImport]  # Prompt names its messages
from agentkit.client import GeminiClient
from agentkit.loop import drive
from agentkit.many import Job, OnProgress, Outcome, Outcomes, gather_outcomes, open_outcomes
from agentkit.prompt import Prompt
from agentkit.result import RunResult
from agentkit.rounds import run_rounds
from agentkit.run import Ask, Run
from agentkit.state import RunState
from agentkit.sync import run_sync

__all__ = ["RunsMany"]

Deps = TypeVar("Deps")
Out = TypeVar("Out")

Prompts = Iterable[Prompt | RunState | Job] | AsyncIterable[Prompt | RunState | Job]


class RunsMany(ABC, Generic[Deps, Out]):
    """The ways to run many prompts. An agent knows how to start each of them."""

    @abstractmethod
    def _chosen(self, client: GeminiClient | None) -> GeminiClient:
        """Return the client of a run: the given one, or the agent's own."""

    @abstractmethod
    def _start_job(self, job: Job, deps: Deps | None, client: GeminiClient | None, ask: Ask | None) -> Run[Deps, Out]:
        """Return a run that can be driven."""

    async def run_many(
        self,
        prompts: Prompts,
        *,
        limit: int = 50,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
        on_progress: OnProgress[Out] | None = None,
        stop_on_error: bool = False,
    ) -> list[Outcome[Out]]:
        """Run many prompts, `limit` of them at once over one pool of connections. Outcomes are in their order.

        A prompt that fails does not stop the others: its outcome holds the error. What raises is what is wrong with
        all of them, and the source of the prompts. When this is cancelled, what has ended was told to `on_progress`.

        Args:
            prompts: Any iterable, also an asynchronous one, of prompts, of saved runs to go on with, and of `Job`s
                (a prompt with its own history or deps). It is read as places become free.
            limit: How many runs go on at once.
            deps: As for `run`, for all of them.
            client: As for `run`.
            on_progress: Called, and awaited if need be, after each run with the `Progress`. Once it raises, that is
                logged as a warning, it is called no more, and the runs go on: no outcome is lost.
            stop_on_error: Begin no further run after the first error; those under way go on to their ends.
        """
        opening = self.run_each(prompts, limit=limit, deps=deps, client=client, stop_on_error=stop_on_error)
        return await gather_outcomes(opening, on_progress)

    def run_each(
        self,
        prompts: Prompts,
        *,
        limit: int = 50,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
        stop_on_error: bool = False,
    ) -> AbstractAsyncContextManager[Outcomes[Out]]:
        """Do what `run_many` does, and give each outcome as soon as it is there; the prompts may be endless.

        `async with agent.run_each(prompts) as outcomes: async for outcome in outcomes: ...`. At most `limit` outcomes
        wait to be read. Leaving the block early cancels the runs under way.
        """

        async def run(_index: int, job: Job) -> RunResult[Out]:
            return await drive(self._start_job(job, deps, client, None))

        return open_outcomes(prompts, run, client=self._chosen(client), limit=limit, stop_on_error=stop_on_error)

    async def run_batch(
        self,
        prompts: Prompts,
        *,
        limit: int = 50,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
        on_progress: OnProgress[Out] | None = None,
        display_name: str = "agentkit",
        poll_s: float = 30.0,
        deadline_s: float = 48 * 3600,
        batches: Sequence[str] = (),
    ) -> list[Outcome[Out]]:
        """Do what `run_many` does through the service's batch endpoint: at half the price, within a day.

        The first requests of all runs are one batch. Functions that the answers call run here, at most `limit` runs at
        once; what the runs ask then is the next batch, and so on. All prompts are read at once. A `Limits(deadline_s=)`
        counts the time in batches, too. When this is cancelled, the batch goes on at the service; its name is in
        `Progress.batch`, and the log.

        Args:
            prompts: As for `run_many`, but not endless.
            limit: How many runs work at once between two batches.
            deps: As for `run`, for all of them.
            client: As for `run`.
            on_progress: As for `run_many`; called also each time a batch was asked for.
            display_name: Names the batches for people.
            poll_s: Seconds between two questions whether a batch has ended.
            deadline_s: Seconds to wait for one batch. After that its runs end with `DeadlineExceeded`.
            batches: Names of batches that an earlier process has handed in for the same prompts: they are waited for
                in place of the first round.

        Raises:
            NotOffered: The endpoint has no batches.
        """
        pool = self._chosen(client)
        return await run_rounds(
            prompts,
            lambda job, ask: drive(self._start_job(job, deps, client, ask)),
            pool=pool,
            batches=pool.batches,
            names=batches,
            limit=limit,
            display_name=display_name,
            poll_s=poll_s,
            deadline_s=deadline_s,
            on_progress=on_progress,
        )

    def run_many_sync(
        self,
        prompts: Prompts,
        *,
        limit: int = 50,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
        on_progress: OnProgress[Out] | None = None,
        stop_on_error: bool = False,
    ) -> list[Outcome[Out]]:
        """Do what `run_many` does, and block until it is done."""
        return run_sync(
            lambda: self.run_many(
                prompts, limit=limit, deps=deps, client=client, on_progress=on_progress, stop_on_error=stop_on_error
            ),
            instead="await agent.run_many(...)",
        )

    def run_batch_sync(
        self,
        prompts: Prompts,
        *,
        limit: int = 50,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
        on_progress: OnProgress[Out] | None = None,
        display_name: str = "agentkit",
        poll_s: float = 30.0,
        deadline_s: float = 48 * 3600,
        batches: Sequence[str] = (),
    ) -> list[Outcome[Out]]:
        """Do what `run_batch` does, and block until it is done."""
        return run_sync(
            lambda: self.run_batch(
                prompts,
                limit=limit,
                deps=deps,
                client=client,
                on_progress=on_progress,
                display_name=display_name,
                poll_s=poll_s,
                deadline_s=deadline_s,
                batches=batches,
            ),
            instead="await agent.run_batch(...)",
        )
