"""A run that is watched while it goes on."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint

from agentkit._blocks import async_block
from agentkit._tasks import task_group
from agentkit.errors import ConfigurationError, RunFailed
from agentkit.events import Event, PartialOutput, Paused, RunFinished, TextDelta, ThoughtDelta
from agentkit.result import RunResult
from agentkit.state import RunState

__all__ = ["RunStream", "open_stream"]

Out = TypeVar("Out")

Emit = Callable[[Event], Awaitable[None]]

AHEAD = 16  # pieces of text; handing over each by itself would halve the speed of a stream of small chunks
_TEXT = (TextDelta, PartialOutput, ThoughtDelta)


class _Channel:
    """From a run to its reader. An event is handed over before the run goes on; text may be a little ahead."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._sent = self._taken = 0
        self._news, self._progress = anyio.Event(), anyio.Event()
        self.is_ended = False

    async def send(self, event: Event) -> None:
        """Give an event to the reader, and wait until it has it; pieces of text are waited for only in bulk."""
        if self.is_ended:  # a tool that was left behind in its thread still tells how far it is: nobody hears it
            await checkpoint()
            return
        self._events.append(event)
        self._sent = number = self._sent + 1
        self._news.set()
        if isinstance(event, _TEXT) and len(self._events) < AHEAD:
            return
        while self._taken < number and not self.is_ended:
            if self._progress.is_set():
                self._progress = anyio.Event()
            await self._progress.wait()

    async def receive(self) -> Event | None:
        """Return the next event; None after the last one."""
        while not self._events:
            if self.is_ended:
                return None
            self._news = anyio.Event()
            await self._news.wait()
        self._taken += 1
        event = self._events.popleft()
        if not self._events or not isinstance(event, _TEXT):
            self._progress.set()
        return event

    def end(self) -> None:
        """Say that no event will follow, and let go who still waits to give one."""
        self.is_ended = True
        self._news.set()
        self._progress.set()


class RunStream(Generic[Out]):
    """The events of one run, in order, and its result. A slow reader slows the network, not the memory."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._events = _Channel()
        self._result: RunResult[Out] | None = None
        self._error: Exception | KeyboardInterrupt | SystemExit | None = None
        self._ended = anyio.Event()
        self._is_open = True

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """Return the next event.

        Raises:
            AgentKitError: The run ended without an answer.
        """
        if not self._is_open:
            raise ConfigurationError("The stream is closed. Read it within `async with agent.stream(...)`.")
        event = await self._events.receive()
        if event is None:
            if self._error is not None:
                raise self._error from None
            if self._result is None:
                await checkpoint()  # the run was cancelled, and so is its reader
            raise StopAsyncIteration
        if isinstance(event, RunFinished | Paused):  # the last one: whoever leaves now finds the result
            await self._ended.wait()
        return event

    @property
    def state(self) -> RunState:
        """The run so far, as a copy; also after the block was left early or cancelled. `agent.resume` goes on."""
        return self._state.copy()

    @property
    def finished(self) -> RunResult[Out] | None:
        """The result, if the run has come to its end and its last event was read; else None."""
        return self._result

    async def result(self) -> RunResult[Out]:
        """Wait for the end, passing over events that nobody read, and return the result.

        Raises:
            AgentKitError: The run ended without an answer.
        """
        while self._result is None:
            if self._error is not None:
                raise self._error
            try:
                await self.__anext__()
            except StopAsyncIteration:
                continue
        return self._result

    async def run(self, start: Callable[[Emit], Awaitable[RunResult[Out]]]) -> None:
        """Drive the run and keep its outcome for whoever reads."""
        try:
            self._result = await start(self._events.send)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # handed to the reader, who asked for it
            self._error = error
        except anyio.get_cancelled_exc_class():
            await checkpoint()  # raises once more if it is the run that was cancelled, as it nearly always is
            self._error = RunFailed("CancelledError", "something that the run awaited was cancelled, not the run")
            self._error.state = self._state
        finally:
            self._ended.set()
            self._events.end()

    def close(self) -> None:
        """Give nothing out any more: the block is left."""
        self._is_open = False
        self._events.end()


@async_block("async with agent.stream(...) as run:")
async def open_stream(
    state: RunState, start: Callable[[Emit], Awaitable[RunResult[Out]]]
) -> AsyncGenerator[RunStream[Out], None]:
    """Run `start`, which works on `state`, beside the block. Leaving the block early cancels it; nothing is lost."""
    stream: RunStream[Out] = RunStream(state)
    async with task_group() as group:
        group.start_soon(stream.run, start)
        try:
            yield stream
        finally:
            group.cancel_scope.cancel()  # before the stream ends, which would let the run go a step further
            stream.close()
