"""Runs inside runs: a tool may run an agent. The inner run stands within the outer one's time, and counts for it."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Self

from agentkit.errors import LimitExceeded
from agentkit.usage import Limits, Usage

__all__ = ["Nesting", "nested"]


@dataclass(kw_only=True)
class Nesting:
    """What a run hands down to the runs that its tools start, and gets back from them.

    Attributes:
        depth: 1 for a run that no other started.
        most: How deep runs may be nested: the least that this run and those around it allow.
        ends_s: When the time of this run and those around it is over, on the monotonic clock; infinite for no limit.
        find_untrusted: Tells which sources that strangers write to this run and those around it have read.
    """

    depth: int = 1
    most: float = float("inf")
    ends_s: float = float("inf")
    find_untrusted: Callable[[], tuple[str, ...]] = tuple
    _around: Self | None = None
    _spent: list[Usage] = field(default_factory=list[Usage])

    def report(self, usage: Usage) -> None:
        """Tell the run around, if there is one, what this one has spent; from any thread."""
        if self._around is not None:
            self._around._spent.append(replace(usage, turns=0, tool_calls=0))

    def untrusted_around(self) -> tuple[str, ...]:
        """Return the sources of the runs around: the prompt of this one may hold their words."""
        return () if self._around is None else self._around.find_untrusted()

    def take(self) -> Usage:
        """Return what inner runs have spent since this was last asked: requests and tokens."""
        total = Usage()
        while self._spent:
            total += self._spent.pop()
        return total


_AROUND: ContextVar[Nesting | None] = ContextVar("agentkit_run", default=None)


@contextmanager
def nested(limits: Limits) -> Generator[Nesting, None, None]:
    """Stand for one run while the block goes on, within the run around it, if there is one.

    Raises:
        LimitExceeded: Runs are nested deeper than `limits` allow: most likely an agent calls itself.
    """
    around = _AROUND.get() or Nesting(depth=0)
    most = min(limits.depth, around.most)
    if around.depth >= most:
        raise LimitExceeded("depth", around.depth + 1, most)
    own_s = float("inf") if limits.deadline_s is None else time.monotonic() + limits.deadline_s
    inner = Nesting(depth=around.depth + 1, most=most, ends_s=min(own_s, around.ends_s), _around=around)
    token = _AROUND.set(inner)
    try:
        yield inner
    finally:
        _AROUND.reset(token)
