"""Blocking calls, each in a thread of its own that may be left behind.

A thread cannot be stopped. anyio's worker threads are waited for when the interpreter ends, so that one tool that never
returns, or returns after its run, would keep a program from exiting. These are daemons: nobody waits for them.
"""

import contextvars
import inspect
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.from_thread
from anyio.lowlevel import EventLoopToken, current_token

__all__ = [
    "MAX_LEFT_BEHIND",
    "TooManyThreads",
    "call_function",
    "run_from_thread",
    "run_in_thread",
    "threads_left_behind",
]

T = TypeVar("T")

MAX_LEFT_BEHIND = 32
_LEFT_BEHIND: set[Future[Any]] = set()


class TooManyThreads(RuntimeError):
    """So many calls were left behind in their threads that no further one is begun."""


def threads_left_behind() -> int:
    """Return how many calls nobody waits for any more still run."""
    return len(_LEFT_BEHIND)


class _Desk:
    """Where a call in a thread has its event loop run something: whoever waits for the call does it meanwhile.

    `anyio.from_thread.run` would wait for ever if asyncio's loop takes the call but ends before it comes to it. Here
    everybody who waits is let go when the desk is closed.
    """

    def __init__(self, token: EventLoopToken) -> None:
        self.token = token
        self._lock = threading.Lock()
        self._asked = deque[tuple[Callable[[], Coroutine[Any, Any, None]], Future[None]]]()
        self._is_closed = False
        self._news = anyio.Event()

    def ask(self, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """From the thread: have `call` run, and wait until it has, or until the desk is closed."""
        answer = Future[None]()
        with self._lock:
            if self._is_closed:
                return
            self._asked.append((call, answer))
        self.ring()
        answer.result()

    def ring(self) -> None:
        """From the thread: say that there is something to do."""
        _tell(self.token, lambda: self._news.set())  # the event of then, not of now

    async def serve(self, until: Callable[[], bool]) -> None:
        """Run what is asked for, one after the other, until there is no need to."""
        while not until():
            await self._news.wait()
            self._news = anyio.Event()
            while self._asked:
                call, answer = self._asked.popleft()
                try:
                    await call()
                except Exception as error:
                    answer.set_exception(error)
                finally:
                    if not answer.done():
                        answer.set_result(None)

    def close(self) -> None:
        """Let go who waits, and whoever asks later."""
        with self._lock:
            self._is_closed = True
        for _, answer in self._asked:
            answer.set_result(None)


_DESK: contextvars.ContextVar[_Desk | None] = contextvars.ContextVar("agentkit_desk", default=None)


def run_from_thread(call: Callable[[], Coroutine[Any, Any, None]], token: EventLoopToken | None) -> None:
    """From a thread, have the event loop of `token` run `call`, and wait for that.

    From a thread of `run_in_thread` whose call is over, or waited for no more, nothing is run.

    Raises:
        RuntimeError: This is that event loop's own thread.
    """
    if token is not None and _running_token() == token:  # asyncio would wait for itself, for ever
        raise RuntimeError("This waits for the event loop, and was called in its thread. Await the async one instead.")
    desk = _DESK.get()
    if desk is not None and desk.token == token:
        desk.ask(call)
    else:  # a thread of the user's own, or of another event loop
        anyio.from_thread.run(call, token=token)


def _running_token() -> EventLoopToken | None:
    try:
        return current_token()
    except RuntimeError:  # there is no event loop in this thread
        return None


async def call_function(call: Callable[[], Any], is_async: bool) -> Any:
    """Run a function of the user's: async ones here, others in a thread with the caller's context variables.

    A thread cannot be stopped, so at a time limit it is left behind and its result is dropped.
    """
    result = call() if is_async else await run_in_thread(call)
    return await result if inspect.isawaitable(result) else result


async def run_in_thread(call: Callable[[], T]) -> T:
    """Run `call` with the caller's context variables. When the wait is cancelled, the thread goes on by itself.

    Raises:
        TooManyThreads: `MAX_LEFT_BEHIND` calls go on by themselves already; nothing was run.
    """
    if threads_left_behind() >= MAX_LEFT_BEHIND:
        raise TooManyThreads(
            f"This was not run: {MAX_LEFT_BEHIND} earlier calls ran out of time and still hold their threads. "
            "Go on without functions that take long."
        )
    desk, outcome, context = _Desk(current_token()), Future[T](), _context_of_a_thread()
    context.run(_DESK.set, desk)

    def work() -> None:
        try:
            outcome.set_result(context.run(call))
        except BaseException as error:  # handed to the caller
            outcome.set_exception(error)
        desk.ring()

    threading.Thread(target=work, name="agentkit tool", daemon=True).start()
    try:
        await desk.serve(outcome.done)
    except BaseException:  # cancelled
        _LEFT_BEHIND.add(outcome)
        outcome.add_done_callback(_LEFT_BEHIND.discard)
        raise
    finally:
        desk.close()
    return outcome.result()


def _tell(token: EventLoopToken, call: Callable[[], object]) -> None:
    """Have the event loop make a call, and do not wait for it.

    `anyio.from_thread` waits: for ever, if asyncio's loop takes the call but ends before it comes to it.
    """
    loop: Any = token.native_token  # of asyncio, or Trio's token
    tell = loop.run_sync_soon if hasattr(loop, "run_sync_soon") else loop.call_soon_threadsafe
    with suppress(RuntimeError):  # it has ended: nobody waits any more
        tell(call)


def _context_of_a_thread() -> contextvars.Context:
    """Return a copy of the context without sniffio's mark (where it is installed), which says "in an event loop"."""
    context = contextvars.copy_context()
    for variable in context:
        if variable.name == "current_async_library_cvar":
            context.run(variable.set, None)
    return context
