"""Whose words a run has read: sources that strangers write to, as far as they can be told from the run itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentkit import wire
from agentkit.builtin import BuiltinTool, CodeExecution
from agentkit.state import RunState
from agentkit.toolset import Toolbox

__all__ = ["untrusted_sources"]


def untrusted_sources(state: RunState, toolbox: Toolbox, builtins: Sequence[BuiltinTool]) -> tuple[str, ...]:
    """Return the names of untrusted sources that have entered the run, each once, in the order they came.

    These are tools marked `untrusted`, and what Gemini searched, fetched or asked an MCP server for by itself. In the
    history of earlier runs it cannot always be told what Gemini has read, or what a function was that is unknown now:
    both count.
    """
    found: dict[str, None] = {}
    for index, content in enumerate(state.contents):
        found.update(dict.fromkeys(_of_content(content, toolbox, is_history=index < state.start)))
    for candidate in (*state.grounding, *state.asides.values()):
        if candidate.grounding_metadata:
            found["grounding"] = None
        if candidate.url_context_metadata:
            found["URL context"] = None
    if any(content.role == "model" for content in state.contents[: state.start]):
        readers = [builtin for builtin in builtins if not isinstance(builtin, CodeExecution)]  # that has no network
        found.update(dict.fromkeys(f"{type(builtin).__name__} in earlier turns" for builtin in readers))
    return tuple(found)


def _of_content(content: wire.Content, toolbox: Toolbox, *, is_history: bool) -> Iterator[str]:
    for part in content.parts or []:
        if part.tool_response is not None:
            yield str(part.tool_response.tool_type or "a tool of Gemini's")
        if part.function_response is None:
            continue
        name = part.function_response.name or ""
        tool = toolbox.find(name)
        by_service = content.role == "model"  # of an MCP server that Gemini has asked
        if by_service or (tool.untrusted if tool is not None else is_history):
            yield name
