"""Context managers of ours that say how they are opened, where Python's own would only miss an attribute."""

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Generic, NoReturn, ParamSpec, TypeVar

from agentkit.errors import ConfigurationError

__all__ = ["async_block", "block"]

P = ParamSpec("P")
T = TypeVar("T")

Kind = type[BaseException] | None
Caught = BaseException | None
Trace = TracebackType | None


def async_block(how: str) -> Callable[[Callable[P, AsyncGenerator[T]]], Callable[P, AbstractAsyncContextManager[T]]]:
    """Do what `asynccontextmanager` does. `how` it is opened is told to who uses it without: the line of code."""

    def decorate(make: Callable[P, AsyncGenerator[T]]) -> Callable[P, AbstractAsyncContextManager[T]]:
        opening = asynccontextmanager(make)

        @functools.wraps(make)
        def opened(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[T]:
            return _AsyncBlock(opening(*args, **kwargs), how)

        return opened

    return decorate


def block(how: str) -> Callable[[Callable[P, Generator[T]]], Callable[P, AbstractContextManager[T]]]:
    """Do what `contextmanager` does, with the same help as `async_block`."""

    def decorate(make: Callable[P, Generator[T]]) -> Callable[P, AbstractContextManager[T]]:
        opening = contextmanager(make)

        @functools.wraps(make)
        def opened(*args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[T]:
            return _Block(opening(*args, **kwargs), how)

        return opened

    return decorate


class _Unopened:
    """Refuses what only works within the block."""

    _how: str

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigurationError(f"This is not open yet. Write `{self._how}`, and use what it gives within that block.")

    __iter__ = __next__ = __aiter__ = __anext__ = __await__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python itself looks for
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        self._refuse()


class _AsyncBlock(_Unopened, AbstractAsyncContextManager[T], Generic[T]):
    def __init__(self, inner: AbstractAsyncContextManager[T], how: str) -> None:
        self._inner, self._how = inner, how

    async def __aenter__(self) -> T:
        return await self._inner.__aenter__()

    async def __aexit__(self, kind: Kind, error: Caught, trace: Trace) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)

    __enter__ = __exit__ = _Unopened._refuse  # `with` in place of `async with`


class _Block(_Unopened, AbstractContextManager[T], Generic[T]):
    def __init__(self, inner: AbstractContextManager[T], how: str) -> None:
        self._inner, self._how = inner, how

    def __enter__(self) -> T:
        return self._inner.__enter__()

    def __exit__(self, kind: Kind, error: Caught, trace: Trace) -> bool | None:
        return self._inner.__exit__(kind, error, trace)

    __aenter__ = __aexit__ = _Unopened._refuse  # `async with` in place of `with`
