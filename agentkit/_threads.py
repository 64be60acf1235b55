"""Blocking calls, each in a thread of its own that may be left behind.

A thread cannot be stopped. anyio's worker threads are waited for when the interpreter ends, so that one tool that never
returns, or returns after its run, would keep a program from exiting. These are daemons: nobody waits for them.
"""

import contextvars
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

__all__ = [
    "MAX_LEFT_BEHIND",
    "TooManyThreads",
    "call_function",
    "is_left_behind",
    "run_in_thread",
    "threads_left_behind",
]

T = TypeVar("T")

MAX_LEFT_BEHIND = 32
_LEFT_BEHIND: set[Future[Any]] = set()
_IS_LEFT: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("agentkit_thread", default=None)


class TooManyThreads(RuntimeError):
    """So many calls were left behind in their threads that no further one is begun."""


def threads_left_behind() -> int:
    """Return how many calls nobody waits for any more still run."""
    return len(_LEFT_BEHIND)


def is_left_behind() -> bool:
    """Whether this is called from a call in a thread that nobody waits for any more."""
    is_left = _IS_LEFT.get()
    return is_left is not None and is_left.is_set()


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
    token, finished, outcome = current_token(), anyio.Event(), Future[T]()
    context, is_left = _context_of_a_thread(), threading.Event()
    context.run(_IS_LEFT.set, is_left)

    def work() -> None:
        try:
            outcome.set_result(context.run(call))
        except BaseException as error:  # handed to the caller
            outcome.set_exception(error)
        _tell(token, finished.set)

    threading.Thread(target=work, name="agentkit tool", daemon=True).start()
    try:
        await finished.wait()
    except BaseException:  # cancelled
        is_left.set()
        _LEFT_BEHIND.add(outcome)
        outcome.add_done_callback(_LEFT_BEHIND.discard)
        raise
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
