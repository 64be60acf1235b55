"""Questions that a middleware asks for itself: nobody who watches the run sees their answers grow."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["aside", "is_aside"]

_aside: ContextVar[bool] = ContextVar("agentkit_aside", default=False)


@contextmanager
def aside() -> Generator[None, None, None]:
    """Inside, `proceed` of `around_model` asks for whole answers and tells no deltas, also in a streamed run."""
    token = _aside.set(True)
    try:
        yield
    finally:
        _aside.reset(token)


def is_aside() -> bool:
    """Tell whether the request under way is such a question."""
    return _aside.get()
