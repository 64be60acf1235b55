"""Connections to one server that are lent out one by one."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Generic, Protocol, TypeVar

import anyio

__all__ = ["Lanes"]


class _Closable(Protocol):
    async def aclose(self) -> None: ...


Lane = TypeVar("Lane", bound=_Closable)

_MOST = 256
_CLOSE_S = 1.0


class Lanes(Generic[Lane]):
    """The connections to one server, at most 256. Each has a pool of httpx's for itself, and serves one at a time.

    In a common pool each request looks at all connections, and for each idle one again at all: 1,000 runs at once
    would take minutes.
    """

    def __init__(self, open_lane: Callable[[], Lane], *, idle_s: float) -> None:
        """Open the first lane; others follow as they are needed. One that is idle for `idle_s` is closed."""
        self._open_lane, self._idle_s = open_lane, idle_s
        self._free = anyio.Semaphore(_MOST)
        self._idle = deque([(float("inf"), open_lane())])  # with the time when it is too old; the oldest first
        self._lanes = {lane for _, lane in self._idle}

    @asynccontextmanager
    async def take(self, waiting: AbstractContextManager[object]) -> AsyncGenerator[Lane, None]:
        """Lend the lane that was used last, or a new one; while all are taken, wait inside `waiting`."""
        with waiting:
            await self._free.acquire()
        try:
            lane = self._idle.pop()[1] if self._idle else self._open_lane()
            self._lanes.add(lane)
            try:
                yield lane
            finally:
                self._idle.append((anyio.current_time() + self._idle_s, lane))
                await self._close_old()
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Close all connections, also those that serve a request."""
        for lane in list(self._lanes):
            await lane.aclose()

    async def _close_old(self) -> None:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            while self._idle and self._idle[0][0] < anyio.current_time():
                _, lane = self._idle.popleft()
                self._lanes.discard(lane)
                await lane.aclose()
