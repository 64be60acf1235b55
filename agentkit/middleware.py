"""The one seam: around a run, around each request to the model, around each tool call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from agentkit import wire
from agentkit._frozen import frozen
from agentkit.context import RunContext

__all__ = ["Middleware", "ToolCall"]

T = TypeVar("T")


@frozen
class ToolCall:
    """One call, as middleware sees it.

    Attributes:
        key: `{run_id}:{turn}:{index}`; the same in every repetition.
        tool: The name of the tool.
        args: The arguments as the model sent them.
        effects: What the tool declares: `"read"`, `"idempotent"`, `"write"`; None counts as a write.
    """

    key: str
    tool: str
    args: Mapping[str, Any]
    effects: str | None


class Middleware:
    """Wraps what a run does to the world. Override what you need; call `proceed` to go on, or answer by yourself.

    The first middleware of an agent is the outermost. What goes through is plain data: a request and a response of
    the wire, a call and the JSON object that answers it.
    """

    def consent(self, context: RunContext[Any], call: ToolCall) -> str | None:
        """Return why a person must allow this call before it runs; None if nobody has to be asked.

        Asked before anything runs, in every answer; with a reason, the run pauses. One that raises means yes.
        """
        return None

    async def around_run(self, context: RunContext[Any], proceed: Callable[[], Awaitable[T]]) -> T:
        """Wrap a run from its start, or from a resume, to its answer or pause."""
        return await proceed()

    async def around_model(
        self,
        context: RunContext[Any],
        request: wire.GenerateContentRequest,
        proceed: Callable[[wire.GenerateContentRequest], Awaitable[wire.GenerateContentResponse]],
    ) -> wire.GenerateContentResponse:
        """Wrap one request. A streamed answer comes back merged; its deltas are watched through events.

        In a side request, which a function makes in the place of a built-in tool, `context.tool` is its name. It has
        contents of its own: what looks at the conversation must let it pass.
        """
        return await proceed(request)

    async def around_tool(
        self,
        context: RunContext[Any],
        call: ToolCall,
        proceed: Callable[[ToolCall], Awaitable[Mapping[str, Any]]],
    ) -> Mapping[str, Any]:
        """Wrap one call. The result is the `response` object for the model, `{"error": ...}` for a failure."""
        return await proceed(call)
