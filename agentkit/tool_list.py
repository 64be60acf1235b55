"""What stands in `tools=[...]`: functions, toolsets and Gemini's own tools, apart and checked."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from agentkit.builtin import BuiltinTool, ComputerUse
from agentkit.errors import ConfigurationError
from agentkit.output import FINAL_ANSWER, OutputSpec
from agentkit.tool import Tool, as_tool
from agentkit.toolset import Toolset, by_name

__all__ = ["read_actions", "sort_tools"]


def sort_tools(
    candidates: Sequence[object], output: OutputSpec[Any]
) -> tuple[tuple[Tool[..., Any], ...], tuple[Toolset, ...], tuple[BuiltinTool, ...]]:
    """Return functions, toolsets and built-in tools apart, having refused equal names."""
    if isinstance(candidates, str) or not isinstance(candidates, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise ConfigurationError(f"tools={candidates!r} must be a list: tools=[...].")
    candidates = tuple(candidates)
    builtins = tuple(candidate for candidate in candidates if isinstance(candidate, BuiltinTool))
    toolsets = tuple(candidate for candidate in candidates if isinstance(candidate, Toolset))
    tools = tuple(as_tool(candidate) for candidate in candidates if not isinstance(candidate, BuiltinTool | Toolset))
    names = by_name([*tools, *(tool for toolset in toolsets for tool in toolset.tools)])
    if output.reader is not None and FINAL_ANSWER in names:
        raise ConfigurationError(f"A tool is called {FINAL_ANSWER!r}, which typed outputs need. Rename the tool.")
    kinds = [type(builtin) for builtin in builtins]
    if len(set(kinds)) != len(kinds):
        raise ConfigurationError("A built-in tool stands twice in tools=[...]. Give each kind once.")
    return tools, toolsets, builtins


def read_actions(builtins: Iterable[BuiltinTool], tools: Sequence[Tool[..., Any]]) -> tuple[Tool[..., Any], ...]:
    """Return the functions behind computer use, having refused names that are taken or excluded."""
    screens = [builtin for builtin in builtins if isinstance(builtin, ComputerUse)]
    # What a screen shows, strangers may have written.
    actions = tuple(replace(as_tool(action), untrusted=True) for screen in screens for action in screen.actions)
    by_name([*tools, *actions])
    if both := [action.name for screen in screens for action in actions if action.name in screen.exclude]:
        raise ConfigurationError(
            f"ComputerUse: {both[0]!r} stands in actions=[...] and in exclude=[...]. Take it out of one of them."
        )
    return actions
