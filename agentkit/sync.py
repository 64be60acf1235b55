"""The blocking facade: ways to wait for the one loop from code that is not async."""

from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

from agentkit._blocks import block
from agentkit.errors import ConfigurationError
from agentkit.events import Event
from agentkit.result import RunResult
from agentkit.state import RunState
from agentkit.stream import RunStream

__all__ = ["SyncRunStream", "open_stream_sync", "run_sync"]

T = TypeVar("T")
Out = TypeVar("Out")


def run_sync(start: Callable[[], Awaitable[T]], *, instead: str) -> T:
    """Run `start` on an event loop of its own and return its result.

    Raises:
        ConfigurationError: This thread runs an event loop already; `instead` says what to call.
    """
    if _inside_event_loop():
        raise ConfigurationError(f"An event loop is running in this thread. Use `{instead}` here.")
    return anyio.run(start)


class SyncRunStream(Generic[Out]):
    """`RunStream` for code that is not async: iterate over it, then call `result()`."""

    def __init__(self, stream: RunStream[Out], portal: anyio.from_thread.BlockingPortal) -> None:
        self._stream, self._portal = stream, portal
        self._is_open = True

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """Return the next event; raises as `RunStream` does."""
        self._check_open()
        try:
            return self._portal.call(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    @property
    def state(self) -> RunState:
        """The run so far, as a copy; also after the block was left early. `agent.resume_sync` goes on."""
        try:
            return self._portal.call(lambda: self._stream.state)
        except RuntimeError:  # the block is left: nothing changes it any more
            return self._stream.state

    @property
    def finished(self) -> RunResult[Out] | None:
        """The result, if the run has come to its end and its last event was read; else None."""
        return self._stream.finished

    def result(self) -> RunResult[Out]:
        """Wait for the end and return the result; raises as `RunStream` does."""
        if self._stream.finished is not None:  # also after the block
            return self._stream.finished
        self._check_open()
        return self._portal.call(self._stream.result)

    def close(self) -> None:
        """Give nothing out any more: the block is left."""
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise ConfigurationError("The stream is closed. Read it within `with agent.stream_sync(...)`.")


@block("with agent.stream_sync(...) as run:")
def open_stream_sync(
    stream: AbstractAsyncContextManager[RunStream[Out]], *, instead: str
) -> Generator[SyncRunStream[Out], None, None]:
    """Open a stream on an event loop in a thread of its own, for the time of the block.

    Raises:
        ConfigurationError: This thread runs an event loop already; `instead` says what to call.
    """
    if _inside_event_loop():
        raise ConfigurationError(f"An event loop is running in this thread. Use `{instead}` here.")
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(stream) as opened:
        run = SyncRunStream(opened, portal)
        try:
            yield run
        finally:
            run.close()


def _inside_event_loop() -> bool:
    try:
        anyio.lowlevel.current_token()
    except RuntimeError:
        return False
    return True
