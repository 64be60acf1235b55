"""Tools that belong together, and the tools of one run."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self

from agentkit import wire
from agentkit.errors import ConfigurationError
from agentkit.state import meant_name
from agentkit.tool import Tool, as_tool

__all__ = ["Toolbox", "Toolset", "filtered", "prefixed"]

AnyTool = Tool[..., Any]


class Toolset:
    """A group of tools. Subclasses may open something for the time of a run: override `open`."""

    def __init__(self, *tools: object) -> None:
        self.tools: tuple[AnyTool, ...] = tuple(as_tool(candidate) for candidate in tools)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sequence[AnyTool], None]:
        """Give the tools for one run. What is opened here is closed when the run ends."""
        yield self.tools


class _Changed(Toolset):
    """A toolset seen through a function over its tools."""

    def __init__(self, inner: Toolset, change: Callable[[Iterable[AnyTool]], Iterable[AnyTool]]) -> None:
        super().__init__(*change(inner.tools))
        self._inner, self._change = inner, change

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sequence[AnyTool], None]:
        async with self._inner.open() as tools:
            yield tuple(self._change(tools))


def prefixed(toolset: Toolset, prefix: str) -> Toolset:
    """Return the toolset with `prefix` before each tool's name, so that two toolsets with equal names can meet."""
    return _Changed(toolset, lambda tools: (dataclasses.replace(tool, name=prefix + tool.name) for tool in tools))


def filtered(toolset: Toolset, keep: Callable[[AnyTool], bool]) -> Toolset:
    """Return the toolset without the tools for which `keep` is false."""
    return _Changed(toolset, lambda tools: filter(keep, tools))


class Toolbox:
    """The tools of one run, by name. An async context: it opens and closes the toolsets.

    Args:
        tools: Declared to the model.
        toolsets: Likewise.
        undeclared: Called by the model all the same: the service declares them itself.
    """

    def __init__(
        self,
        tools: Iterable[AnyTool] = (),
        toolsets: Iterable[Toolset] = (),
        undeclared: Iterable[AnyTool] = (),
    ) -> None:
        self._fixed, self._toolsets, self._undeclared = tuple(tools), tuple(toolsets), tuple(undeclared)
        self._by_name: dict[str, AnyTool] = {}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            tools = list(self._fixed)
            for toolset in self._toolsets:
                tools += await opening.enter_async_context(toolset.open())
            self._by_name = by_name([*tools, *self._undeclared])
            self._opened = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def names(self) -> Sequence[str]:
        """The names of all tools."""
        return list(self._by_name)

    @property
    def declared(self) -> Sequence[AnyTool]:
        """The tools that are declared to the model, in the order given."""
        return [tool for tool in self._by_name.values() if tool not in self._undeclared]

    def add(self, tools: Iterable[AnyTool]) -> None:
        """Add tools to an open toolbox.

        Raises:
            ConfigurationError: A name is taken.
        """
        self._by_name = by_name([*self._by_name.values(), *tools])

    def declarations(self, dialect: Literal["json_schema", "openapi"]) -> list[wire.FunctionDeclaration]:
        """Return what is sent to the model, in the order given."""
        return [tool.declare(dialect) for tool in self.declared]

    def find(self, name: str) -> AnyTool | None:
        """Return the tool that the model means, or None."""
        return self._by_name.get(name) or self._by_name.get(meant_name(name))

    def explain_unknown(self, name: str) -> str:
        """Return the sentence that tells the model which names exist."""
        shown = repr(name if len(name) <= 80 else name[:77] + "...")
        if not self._by_name:
            return f"There is no function {shown}; no functions are available. Answer in text."
        close = difflib.get_close_matches(name[:200], self._by_name, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"There is no function {shown}.{hint} Available: {', '.join(self._by_name)}."


def by_name(tools: Iterable[AnyTool]) -> dict[str, AnyTool]:
    """Return the tools by name.

    Raises:
        ConfigurationError: Two tools have the same name.
    """
    named: dict[str, AnyTool] = {}
    for tool in tools:
        if tool.name in named and named[tool.name] is not tool:
            raise ConfigurationError(
                f"Two tools are called {tool.name!r}. Rename one with @tool(name=...), or use prefixed(toolset, ...)."
            )
        named[tool.name] = tool
    return named
