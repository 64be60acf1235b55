"""Blocking calls, each in a thread of its own that may be left behind.

A thread cannot be stopped. anyio's worker threads are waited for when the interpreter ends, so that one tool that never
returns, or returns after its run, would keep a program from exiting. These are daemons: nobody waits for them.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token

__all__ = ["run_in_thread"]

T = TypeVar("T")


async def run_in_thread(call: Callable[[], T]) -> T:
    """Run `call` with the caller's context variables. When the wait is cancelled, the thread goes on by itself."""
    token, finished, outcome = current_token(), anyio.Event(), Future[T]()
    context = _context_of_a_thread()

    def work() -> None:
        try:
            outcome.set_result(context.run(call))
        except BaseException as error:  # handed to the caller
            outcome.set_exception(error)
        with suppress(RuntimeError):  # the event loop has ended: nobody waits any more
            anyio.from_thread.run_sync(finished.set, token=token)

    threading.Thread(target=work, name="agentkit tool", daemon=True).start()
    await finished.wait()
    return outcome.result()


def _context_of_a_thread() -> contextvars.Context:
    """Return a copy of the context without sniffio's mark (where it is installed), which says "in an event loop"."""
    context = contextvars.copy_context()
    for variable in context:
        if variable.name == "current_async_library_cvar":
            context.run(variable.set, None)
    return context
