"""Which tools count on deps. A script gives them, `agent.run(..., deps=...)`; the command line has none to give."""

import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from agentkit import RunContext, Tool, ToolDefinitionError
from agentkit._signature import read_parameters

__all__ = ["missing_deps"]


def missing_deps(tools: Iterable[Tool[..., Any]]) -> str:
    """Return a sentence about the tools that take a `RunContext` with deps; empty if there are none."""
    names = [tool.name for tool in tools if any(not _may_be_none(deps) for deps in _deps_of(tool))]
    if not names:
        return ""
    take = "takes" if len(names) == 1 else "take"
    return (
        f"{', '.join(names)} {take} a RunContext with deps, and the command line gives no deps: ctx.deps is None. "
        "A script can give them: agent.run(..., deps=...)."
    )


def _deps_of(tool: Tool[..., Any]) -> Iterator[object]:
    """Yield `Deps` of each parameter `RunContext[Deps]`."""
    if tool.signature is None:  # made from a declaration: its function takes a dict
        return
    try:
        taken = read_parameters(tool.function, tool.name, RunContext)
    except ToolDefinitionError:  # its types were known only while it was defined
        return
    for parameter in taken.parameters:
        if parameter.is_context:
            yield from _deps_in(parameter.hint)


def _deps_in(hint: Any) -> Iterator[object]:
    hint = getattr(hint, "__value__", hint)  # `type Ctx = RunContext[Deps]`
    if get_origin(hint) is RunContext:
        yield get_args(hint)[0]
    elif get_origin(hint) is Annotated:
        yield from _deps_in(get_args(hint)[0])
    elif _is_union(hint):
        for member in get_args(hint):
            yield from _deps_in(member)


def _may_be_none(deps: Any) -> bool:
    deps = getattr(deps, "__value__", deps)
    if _is_union(deps):
        return any(_may_be_none(member) for member in get_args(deps))
    return deps in (None, types.NoneType, Any, object) or isinstance(deps, TypeVar)


def _is_union(hint: object) -> bool:
    return get_origin(hint) in (Union, types.UnionType)
