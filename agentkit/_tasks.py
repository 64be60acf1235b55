"""A task group whose one failure leaves as itself, not wrapped in a group."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
from anyio.abc import TaskGroup


class ProgramEnd(BaseException):
    """Carries a `KeyboardInterrupt` or `SystemExit` out of a task, to be raised again where the task was waited for.

    As themselves they would leave asyncio's loop at once, whatever task they come from, and those around it never end.
    """

    def __init__(self, end: KeyboardInterrupt | SystemExit) -> None:
        super().__init__(end)
        self.end = end


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup, None]:
    """Open an anyio task group. If one task fails, its exception is raised bare; several stay a group."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as failures:
        failure = _only(failures)
        if failure is failures:
            raise
        raise failure from failure.__cause__


def _only(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one exception in a group of groups, or the group if it holds several."""
    if len(failures.exceptions) != 1:
        return failures
    [failure] = failures.exceptions
    nested: BaseException = failure
    if not isinstance(nested, BaseExceptionGroup):
        return nested
    return _only(cast("BaseExceptionGroup[BaseException]", nested))
