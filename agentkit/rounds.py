"""Many runs through the service's batch endpoint, round by round: what all of them ask next is one batch.

A run is the same loop as ever; only its request waits until every other run that goes on has one, too. Answers that
call functions are carried out between two rounds, and what the runs ask then is the next batch.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import anyio

from agentkit import wire
from agentkit._checks import check_kinds
from agentkit._tasks import task_group
from agentkit.batches import MAX_BATCH_BYTES, Batch, BatchAnswer, Batches, check_wait, encode_request
from agentkit.errors import ConfigurationError, GeminiError, NotOffered, ProtocolError
from agentkit.many import (
    Job,
    OnProgress,
    Outcome,
    Progress,
    Teller,
    check_limit,
    gather_outcomes,
    open_outcomes,
    read_jobs,
)
from agentkit.result import RunResult
from agentkit.run import Ask

__all__ = ["run_rounds"]

Out = TypeVar("Out")

_FRAME_BYTES = 1_000  # around all requests of a batch
_ENTRY_BYTES = 100  # around each

StartJob = Callable[[Job, Ask], Awaitable[RunResult[Out]]]


async def run_rounds(
    prompts: object,
    start: StartJob[Out],
    *,
    pool: AbstractAsyncContextManager[object],
    batches: Batches,
    names: Sequence[str],
    limit: int,
    display_name: str,
    poll_s: float,
    deadline_s: float,
    on_progress: OnProgress[Out] | None,
) -> list[Outcome[Out]]:
    """Run all prompts in rounds and return their outcomes in order; `Agent.run_batch` tells of the arguments."""
    if isinstance(names, str):
        raise ConfigurationError(f"batches={names!r} is one name. Give a list of names.")
    check_kinds("batches", names, str, "the name of a batch")
    check_wait(poll_s, deadline_s)
    check_limit(limit)
    tell = Teller(on_progress)
    jobs = await read_jobs(prompts)
    latest: Progress[Out] = Progress(total=len(jobs))
    one_at_a_time = anyio.Lock()

    async def tell_outcome(progress: Progress[Out]) -> None:
        nonlocal latest
        latest = progress
        async with one_at_a_time:
            await tell(progress)

    async def tell_batch(batch: Batch) -> None:
        async with one_at_a_time:
            await tell(replace(latest, batch=batch, outcome=None))

    async def hand_in(name: str, model: str, asks: Sequence[_Asking]) -> list[BatchAnswer]:
        keys = [str(ask.index) for ask in asks]
        if not name:
            requests = {str(ask.index): ask.request for ask in asks}
            name = (await batches.create(model, requests, display_name=display_name)).name
        ended = await batches.wait(name, poll_s=poll_s, deadline_s=deadline_s, on_poll=tell_batch)
        return await batches.results(ended, keys=keys)

    rounds = _Rounds(len(jobs), hand_in, names=list(names), limit=limit)

    async def run(index: int, job: Job) -> RunResult[Out]:
        return await rounds.run(index, lambda ask: start(job, ask))

    opening = open_outcomes(jobs, run, client=pool, limit=max(len(jobs), 1), stop_on_error=False)
    async with task_group() as group:
        group.start_soon(rounds.serve)
        found = await gather_outcomes(opening, tell_outcome)
        group.cancel_scope.cancel()  # nobody waits any more for a batch whose runs were out of time
    return found


@dataclass(kw_only=True)
class _Asking:
    """One run's request, on its way through a batch."""

    index: int
    model: str
    request: wire.GenerateContentRequest
    size: int
    is_answered: anyio.Event = field(default_factory=anyio.Event)
    response: wire.GenerateContentResponse | None = None
    error: GeminiError | None = None


HandIn = Callable[[str, str, Sequence[_Asking]], Awaitable[list[BatchAnswer]]]


class _Rounds:
    """Waits until all runs that go on have asked, has their requests answered together, and begins anew."""

    def __init__(self, total: int, hand_in: HandIn, *, names: list[str], limit: int) -> None:
        self._going, self._hand_in, self._names = total, hand_in, names
        self._working = anyio.Semaphore(limit)
        self._asking: dict[int, _Asking] = {}
        self._changed = anyio.Event()

    async def run(self, index: int, start: Callable[[Ask], Awaitable[RunResult[Out]]]) -> RunResult[Out]:
        """Run one run to its end. It counts as working, except while it waits for an answer."""
        works, asks = False, anyio.Lock()

        async def ask(model: str, request: wire.GenerateContentRequest) -> wire.GenerateContentResponse:
            nonlocal works
            async with asks:  # a middleware may ask twice at once
                self._working.release()
                works = False
                answer = await self._answer(index, model, request)
                await self._working.acquire()
                works = True
                return answer

        try:
            await self._working.acquire()
            works = True
            return await start(ask)
        finally:
            if works:
                self._working.release()
            self._going -= 1
            self._changed.set()

    async def serve(self) -> None:
        """Hold one round after the other, each as soon as all runs that go on wait for it."""
        while True:
            while not self._asking or len(self._asking) < self._going:
                self._changed = anyio.Event()
                await self._changed.wait()
            await self._hold_round()

    async def _answer(
        self, index: int, model: str, request: wire.GenerateContentRequest
    ) -> wire.GenerateContentResponse:
        size = len(encode_request(model, request)) + _ENTRY_BYTES
        if size + _FRAME_BYTES > MAX_BATCH_BYTES:
            raise ConfigurationError(
                f"This request has {size:,} bytes; a batch takes {MAX_BATCH_BYTES:,}. Send large files by their URI."
            )
        asking = _Asking(index=index, model=model, request=request, size=size)
        self._asking[index] = asking
        self._changed.set()
        try:
            await asking.is_answered.wait()
        finally:
            self._forget(asking)
        if asking.response is None:
            raise copy.copy(asking.error or ProtocolError("A batch held no answer."))  # each run adds its own state
        return asking.response

    async def _hold_round(self) -> None:
        asks = [self._asking[index] for index in sorted(self._asking)]
        names, self._names = self._names, []  # only the first round can have been handed in before
        async with task_group() as group:
            for number, pack in enumerate(_packs(asks)):
                group.start_soon(self._serve_pack, names[number] if number < len(names) else "", pack)

    async def _serve_pack(self, name: str, asks: Sequence[_Asking]) -> None:
        try:
            answers = await self._hand_in(name, asks[0].model, asks)
        except NotOffered:  # told once: it is so for all of them
            raise
        except GeminiError as error:  # each run ends with it, and can go on later
            answers = [BatchAnswer(key=str(ask.index), error=error) for ask in asks]
        for ask, answer in zip(asks, answers, strict=True):
            self._forget(ask)
            ask.response, ask.error = answer.response, answer.error
            ask.is_answered.set()

    def _forget(self, asking: _Asking) -> None:
        if self._asking.get(asking.index) is asking:  # else its run gave up, and asks something else by now
            del self._asking[asking.index]


def _packs(asks: Sequence[_Asking]) -> Iterator[list[_Asking]]:
    """Yield the requests in order, in packs of one model each that fit into a batch."""
    for model in dict.fromkeys(ask.model for ask in asks):
        pack: list[_Asking] = []
        size = _FRAME_BYTES
        for ask in (ask for ask in asks if ask.model == model):
            if pack and size + ask.size > MAX_BATCH_BYTES:
                yield pack
                pack, size = [], _FRAME_BYTES
            pack.append(ask)
            size += ask.size
        yield pack
