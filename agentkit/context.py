"""What tools and policies may know about the run they serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Generic, TypeVar

from anyio.lowlevel import EventLoopToken

from agentkit import wire
from agentkit._frozen import frozen
from agentkit._threads import run_from_thread
from agentkit.client import GeminiClient
from agentkit.events import Event, ToolProgress
from agentkit.usage import Usage

__all__ = ["RunContext"]

Deps = TypeVar("Deps")


async def emit_nowhere(_event: Event) -> None:
    """Drop an event: nobody watches."""


@frozen
class RunContext(Generic[Deps]):
    """The run, as seen by one tool call. It may stand anywhere in a signature and never reaches the schema.

    Attributes:
        deps: What the caller gave to `run(..., deps=...)`. What is marked as secret here or in a result, by pydantic's
            `SecretStr` or `SecretBytes`, is shown, logged, stored and sent as asterisks only; an argument so marked is
            hidden from the tool on, but stands in the conversation as the model wrote it.
        run_id: The run.
        model: The model that this run asks.
        client: Where this run asks; it never shows its key, and `client.redact(text)` takes it out of a text. What is
            asked here directly counts for no limit and no usage. None in a context that no run made.
        tool: The name of the tool; empty outside a call.
        call_key: `{run_id}:{turn}:{index}`, the same when the call is repeated after a crash; empty outside a call.
        usage: Spent so far.
        deadline: When the run's time is over, on the event loop's clock (`anyio.current_time()`); None for no limit.
        token: The event loop of the run: `anyio.from_thread.run(..., token=ctx.token)` calls into it from a thread.
        contents: The conversation so far, the model's request for this call included.
        whole_results: By call key, what tools returned where the model got only head and tail.
    """

    deps: Deps
    run_id: str
    model: str = ""
    client: GeminiClient | None = field(default=None, repr=False, compare=False)
    tool: str = ""
    call_key: str = ""
    usage: Usage = field(default_factory=Usage)
    deadline: float | None = None
    contents: Sequence[wire.Content] = field(default=(), repr=False)
    whole_results: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    token: EventLoopToken | None = field(default=None, repr=False, compare=False)
    emit: Callable[[Event], Awaitable[None]] = field(default=emit_nowhere, repr=False)
    find_untrusted: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def untrusted(self) -> tuple[str, ...]:
        """Whose words this run has read that strangers write: tools marked `untrusted`, Gemini's search and such."""
        return self.find_untrusted()

    @property
    def idempotency_key(self) -> str:
        """A key that is equal in every repetition of this call: hand it to the payment service."""
        return self.call_key

    async def progress(self, message: str, *, fraction: float | None = None) -> None:
        """Tell whoever watches the run how far this call is."""
        await self.emit(ToolProgress(key=self.call_key, tool=self.tool, message=message, fraction=fraction))

    def progress_sync(self, message: str, *, fraction: float | None = None) -> None:
        """Do what `progress` does, from a tool that is not async. A call that has run out of time is not heard.

        Raises:
            RuntimeError: It is async: `await ctx.progress(...)`.
        """
        run_from_thread(lambda: self.progress(message, fraction=fraction), self.token)
