"""Drives a coroutine step by step, in a task of its own.

One that keeps the event loop for itself is noticed: one long step blocks every other run. One that does not let itself
be cancelled is left where it stands, as blocking calls are in their threads.
"""

import threading
import time
import types
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar, cast

import anyio

__all__ = ["Patience", "run_in_task", "watch_steps"]

T = TypeVar("T")

_OFTEN = 10  # clean-up swallows a cancellation once or twice; what swallows more does not mean to end


class Patience:
    """How long a coroutine may go on swallowing cancellations, once it is to end.

    Attributes:
        is_over: Whether the coroutine was left where it stood.
    """

    def __init__(self, grace_s: float) -> None:
        self.is_over = False
        self._grace_s = grace_s
        self._ends_s: float | None = None
        self._swallowed = 0

    def begin(self) -> None:
        """From now on the coroutine is to end."""
        self._ends_s = time.monotonic() + self._grace_s

    def ends_with(self, error: object) -> bool:
        """Tell whether to give up, rather than to hand `error` to the coroutine once more."""
        if self._ends_s is not None and isinstance(error, anyio.get_cancelled_exc_class()):
            self._swallowed += 1
            self.is_over = self._swallowed > _OFTEN and time.monotonic() > self._ends_s
        return self.is_over


async def run_in_task(call: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Await `call()` in a task of its own. When the wait is cancelled, so is the task, and `patience` begins."""
    outcome, ended = Future[T](), anyio.Event()
    cancellation: BaseException | None = None

    async def work() -> None:
        try:
            outcome.set_result(await call())
        except BaseException as error:
            if cancellation is not None:
                raise
            outcome.set_exception(error)
        finally:
            ended.set()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            try:
                await ended.wait()
            except BaseException as error:
                cancellation = error
                patience.begin()
                raise
    except BaseException:
        if patience.is_over and cancellation is not None:  # not that the task has left scopes open
            raise cancellation from None
        raise
    return outcome.result()


def watch_steps(
    awaitable: Awaitable[T], longest_s: float, tell: Callable[[float], None], patience: Patience | None = None
) -> Awaitable[T]:
    """Return `awaitable`, such that `tell` hears of each step between two awaits that took longer than `longest_s`.

    When `patience` is over, the awaitable goes on no more, and the cancellation leaves in its place.
    """
    return _steps(awaitable, longest_s, tell, patience)


@types.coroutine
def _steps(
    awaitable: Awaitable[T], longest_s: float, tell: Callable[[float], None], patience: Patience | None
) -> Generator[Any, Any, T]:
    steps: Any = awaitable.__await__()
    go_on, given = steps.send, None
    while True:
        began_s = time.monotonic()
        try:
            wanted = go_on(given)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            if (took_s := time.monotonic() - began_s) > longest_s:
                tell(took_s)
        try:
            given = yield wanted
            go_on, error = steps.send, getattr(given, "error", None)  # trio sends an outcome
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as thrown:  # a cancellation, say: it belongs to the coroutine
            go_on, given, error = steps.throw, thrown, thrown
        if error is not None and patience is not None and patience.ends_with(error):
            _keep_for_ever(steps)
            raise error


def _keep_for_ever(steps: object) -> None:
    """Hold on to a coroutine that swallows everything.

    Python closes what nobody holds, also at its exit. This one would swallow that too and, without an event loop to
    wait for, run for ever. What the frame of a daemon thread holds is never closed.
    """

    def hold(_steps: object) -> None:
        threading.Event().wait()

    threading.Thread(target=hold, args=(steps,), name="agentkit tool left behind", daemon=True).start()
