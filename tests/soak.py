"""Many runs with mixed faults in one process: `python -m tests.soak --runs 20000 --seed 1 --concurrency 50`.

Ends with exit code 1 if a run ended in anything but an answer, a pause, an error of agentkit or the cancellation it was
given, if a history would be refused by the service, if a request was refused that a person did not ask for, or if
anything is left: sockets, threads, tasks, memory.
"""

import argparse
import asyncio
import ctypes
import gc
import logging
import os
import pickle
import random
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import trio

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    Retry,
    RunFailed,
    RunState,
    StateInvalid,
    ToolError,
)
from agentkit.testing import Asked, Emulator, Faults, Finding, check_request
from agentkit.testing.server import serve
from tests.soak_model import STALL_S, Model, tag_of
from tests.soak_runs import AGENTS, WAYS, Ending, Job, World, decide, end_of

__all__ = ["Report", "soak"]

KEY: Final = "sesame-0123456789-open"
BATCH: Final = 500  # runs of one emulator, client and event loop
HUNG_S: Final = 60.0
_M_ARENA_MAX: Final = -8  # of malloc.h
CHANCE: Final = 0.02  # of a fault in front of a plan
NOT_TAKEN_BACK: Final = {"E2": "arguments as text", "E13": "a call without a signature"}
UNEXPECTED: Final = (RunFailed, ConfigurationError, StateInvalid, ToolError)  # nothing here gives cause for these


@dataclass
class Report:
    """What a soak has come to."""

    runs: int = 0
    requests: int = 0
    again: int = 0
    seconds: float = 0.0
    endings: Counter[str] = field(default_factory=Counter)
    resumed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    untrimmed_mb: list[float] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep what is wrong; of many, the first hundred."""
        if len(self.wrong) < 100:
            self.wrong.append(problem)

    @property
    def warm_mb(self) -> float:
        """The memory after the warm-up, the first fifth of the batches."""
        return self.rss_mb[len(self.rss_mb) // 5]

    @property
    def growth(self) -> float:
        """How much memory grew after the warm-up, as a share."""
        return self.rss_mb[-1] / self.warm_mb - 1

    def __str__(self) -> str:
        runs_s, requests_s = self.runs / self.seconds, self.requests / self.seconds
        lines = [
            f"{self.runs:,} runs in {self.seconds:,.0f} s ({runs_s:.1f}/s)",
            f"{self.requests:,} requests ({requests_s:.0f}/s), {self.again:,} of them asked again",
            *_table("endings", self.endings),
            *_table("resumed after", self.resumed),
            *_table("faults and tools", self.faults),
            f"memory: {self.warm_mb:.1f} MB after the warm-up, {self.rss_mb[-1]:.1f} MB at the end: {self.growth:+.1%}",
            f"  (with what the allocator keeps for later: {self.untrimmed_mb[-1]:.1f} MB at the end)",
            f"left behind: {', '.join(self.left) or 'nothing'} (descriptors, threads and tasks, after each batch)",
            f"wrong: {len(self.wrong) or 'nothing'}",
            *self.wrong,
        ]
        return "\n".join(lines)


def _table(title: str, counts: Counter[str]) -> list[str]:
    return [f"{title} ({counts.total():,}):", *(f"  {count:8,}  {name}" for name, count in counts.most_common())]


def soak(
    runs: int,
    seed: int,
    concurrency: int = 50,
    *,
    backends: Sequence[str] = ("asyncio", "asyncio", "asyncio", "trio"),
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run everything, in batches that take turns on `backends`, and return what came of it."""
    report, began_s = Report(), time.monotonic()
    with _noise(report):
        for number, first in enumerate(range(0, runs, BATCH)):
            before = _open()
            batch = _Batch(report, seed, range(first, min(first + BATCH, runs)), concurrency)
            batch.play(backends[number % len(backends)])
            _check_left(report, before, f"batch {number}")
            report.untrimmed_mb.append(_rss_mb())
            _give_back()
            report.rss_mb.append(_rss_mb())
            report.seconds = time.monotonic() - began_s
            tell(f"{report.runs:,} runs, {report.seconds:.0f} s, {report.rss_mb[-1]:.0f} MB, {len(report.wrong)} wrong")
    if report.runs != runs:
        report.note(f"{runs - report.runs} runs never came to an end")
    return report


class _Batch:
    """Some runs with an emulator, a client and an event loop of their own: the retry budget is full again."""

    def __init__(self, report: Report, seed: int, numbers: range, concurrency: int) -> None:
        self._report, self._seed, self._numbers, self._concurrency = report, seed, numbers, concurrency
        self._model = Model(seed)
        self._faults = Faults(
            rate=CHANCE,
            seed=seed + numbers.start,
            kinds=("busy", "overloaded", "page", "reset", "cut", "error_in_stream", "empty", "malformed", "stall"),
            stall_s=0.05,
        )

    def play(self, backend: str) -> None:
        """Play the runs of this batch, and judge what the emulator was asked."""
        with serve(Emulator(brain=self._model, faults=self._faults, seed=self._seed)) as emulator:
            anyio.run(self._play, emulator.url, backend=backend)
        self._judge(emulator)

    async def _play(self, url: str) -> None:
        def client(timeout_s: float) -> GeminiClient:
            retry = Retry(first_delay_s=0.002, rate_limit_delay_s=0.002, max_delay_s=0.01, budget=5_000)
            return GeminiClient(api_key=KEY, base_url=url, retry=retry, timeout_s=timeout_s)

        patient, hasty, shared = client(20.0), client(STALL_S / 3), client(20.0)
        numbers, tasks = iter(self._numbers), _tasks()
        async with shared, anyio.create_task_group() as group:
            for _ in range(self._concurrency):
                group.start_soon(self._work, numbers, patient, hasty, shared)
        await anyio.sleep(0)
        if _tasks() > tasks:
            self._report.left.append(f"{_tasks() - tasks} tasks")

    async def _work(self, numbers: Iterator[int], *clients: GeminiClient) -> None:
        for number in numbers:
            tag = f"run {number}"
            try:
                with anyio.fail_after(HUNG_S):
                    await self._live(tag, *clients)
            except BaseException as error:  # is judged here: it is what nobody may see
                self._report.note(f"{tag}: {''.join(traceback.format_exception(error))}")
                if not isinstance(error, Exception | asyncio.CancelledError):
                    raise
            self._report.runs += 1

    async def _live(self, tag: str, patient: GeminiClient, hasty: GeminiClient, shared: GeminiClient) -> None:
        """Start a run; resume it as long as it pauses, and at times when it was left, cancelled or failed."""
        dice = random.Random(f"{self._seed}:{tag}:caller")
        is_slow = any(name.startswith("stall") for name in self._model.plan(tag))
        name = dice.choice(list(AGENTS))
        agent, client = AGENTS[name], hasty if is_slow else dice.choice((patient, shared))
        job = Job(agent=agent, world=World(tag, client), prompt=f"{tag}: go on")
        for _ in range(5):
            way = dice.choices(list(WAYS), [weight for _, weight in WAYS.values()])[0]
            ending = await end_of(way, job, dice)
            self._report.endings[ending.kind] += 1
            for problem in self._problems(tag, agent, ending):
                self._report.note(f"{tag} ({name}, {way}, {ending.kind}): {problem}")
            if ending.state is None or ending.state.stop or (ending.kind != "pause" and dice.random() < 0.5):
                return
            self._report.resumed[ending.kind] += 1
            state = RunState.load_json(ending.state.dump_json())
            job = Job(agent=agent, world=job.world, prompt="", state=state, decisions=decide(state, dice))

    def _problems(self, tag: str, agent: Agent[World, Any], ending: Ending) -> Iterator[str]:
        """Yield what is wrong with the end of a run."""
        error, state = ending.error, ending.state
        if error is not None:
            said = f"{error} {error!r}"
            if isinstance(error, UNEXPECTED):
                yield f"no such error was to be expected: {''.join(traceback.format_exception(error))}"
            if state is None:
                yield f"the run so far is lost: {said}"
            if KEY in said:
                yield f"the key is shown: {said}"
            if str(pickle.loads(pickle.dumps(error))) != str(error):
                yield f"it changes when it is pickled: {said}"
        if state is not None:
            if RunState.load_json(state.dump_json()).dump_json() != state.dump_json():
                yield "the state changes when it is saved"
            for finding in check_request(_next_request(state), model=agent.model):
                if finding.severity == "error" and not self._is_own_fault(tag, finding):
                    yield f"the history would be refused: {finding}"

    def _is_own_fault(self, tag: str, finding: Finding) -> bool:
        """Whether the model itself sent what it does not take back: its content goes back as it came."""
        return NOT_TAKEN_BACK.get(finding.rule) in self._model.of.get(tag, ())

    def _judge(self, emulator: Emulator) -> None:
        """Judge what was asked: no rule may be broken."""
        report = self._report
        report.requests += len(emulator.asked)
        report.faults += self._model.played
        report.faults["by chance"] += sum(self._faults.strike(asked.index) is not None for asked in emulator.asked)
        last: dict[str, Asked] = {}
        for asked in emulator.asked:
            if not asked.body:  # the client was cancelled while it sent
                continue
            tag = tag_of(asked)
            if tag in last and last[tag].body["contents"] == asked.body["contents"]:
                report.again += 1
            last[tag] = asked
            for finding in asked.findings:
                if finding.severity == "error" and not self._is_own_fault(tag, finding):
                    report.note(f"{tag}: a request broke a rule: {finding}")
        for asked in emulator.unexpected:
            report.note(f"{tag_of(asked)}: the model of this soak failed: {asked.path}")


def _next_request(state: RunState) -> dict[str, Any]:
    """Return what would be sent next: open calls get an answer, and the user has the last word."""
    contents = [content.to_wire() for content in state.contents]
    if state.pending:
        parts = []
        for open_call in state.pending:
            answer: dict[str, Any] = {"name": open_call.name, "response": {}}
            if open_call.call.id is not None:
                answer["id"] = open_call.call.id
            parts.append({"functionResponse": open_call.response.to_wire() if open_call.response else answer})
        contents.append({"role": "user", "parts": parts})
    elif contents[-1].get("role") == "model":
        contents.append({"role": "user", "parts": [{"text": "Go on."}]})
    return {"contents": contents}


# -- What is left ------------------------------------------------------------------------------------------------------


def _open() -> Counter[str]:
    """Count what is open in this process: descriptors and threads. Trio keeps its idle threads for a while."""
    threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith("Trio thread")]
    return Counter({"descriptors": len(os.listdir("/proc/self/fd")), "threads": len(threads)})


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


def _check_left(report: Report, before: Counter[str], where: str) -> None:
    """Wait for what ends by itself, such as a thread that was left behind, and note what does not."""
    gc.collect()
    for _ in range(1_000):
        more = _open() - before
        if not more:
            return
        time.sleep(0.01)
    frames = sys._current_frames()
    threads = [thread for thread in threading.enumerate() if thread.ident in frames]
    stacks = [f"{thread.name}: {''.join(traceback.format_stack(frames[thread.ident or 0])[-4:])}" for thread in threads]
    report.left.append("\n".join([f"{where}: {dict(more)}", *stacks]))


def _give_back() -> None:
    """Let the C library return what is free, so that what is measured is held."""
    with suppress(AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def _use_one_arena() -> None:
    """Let all threads share one heap: glibc has one for each of several threads, and a hole in one serves no other."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def _noise(report: Report) -> Generator[None, None, None]:
    """Note what Python and asyncio complain about while nobody listens: lost errors, lost coroutines, open sockets."""

    class Complaints(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.note(f"asyncio: {self.format(record)}")

    def unraisable(lost: Any) -> None:
        report.note(f"lost: {lost.err_msg or ''} {lost.object!r}: {lost.exc_value!r}")

    def in_thread(lost: threading.ExceptHookArgs) -> None:
        report.note(f"lost in thread {lost.thread}: {lost.exc_value!r}")

    interval_s = sys.getswitchinterval()
    handler, hooks = Complaints(level=logging.WARNING), (sys.unraisablehook, threading.excepthook)
    logging.getLogger("asyncio").addHandler(handler)
    sys.unraisablehook, threading.excepthook = unraisable, in_thread
    sys.setswitchinterval(0.0005)  # the emulator's thread and ours wait for each other at every packet
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        logging.getLogger("asyncio").removeHandler(handler)
        sys.unraisablehook, threading.excepthook = hooks
        sys.setswitchinterval(interval_s)


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Many runs with mixed faults.")
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=50)
    asked = parser.parse_args()
    _use_one_arena()
    report = soak(asked.runs, asked.seed, asked.concurrency, tell=lambda line: print(line, flush=True))
    if report.growth > 0.05:
        report.left.append(f"memory: {report.growth:+.1%}")
    print(report)
    return 1 if report.wrong or report.left else 0


if __name__ == "__main__":
    sys.exit(main())
