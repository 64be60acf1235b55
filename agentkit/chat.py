"""A conversation: one agent, many prompts, one history."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any, Generic, Protocol, TypeVar

from agentkit import wire
from agentkit._blocks import async_block, block
from agentkit._checks import check_kinds
from agentkit.approval import ApprovalRequest, Decision
from agentkit.client import GeminiClient
from agentkit.errors import ConfigurationError
from agentkit.result import RunResult
from agentkit.state import RunState
from agentkit.stream import RunStream
from agentkit.sync import SyncRunStream

__all__ = ["Chat"]

Deps = TypeVar("Deps")
Out = TypeVar("Out")


class _Agent(Protocol[Deps, Out]):  # type: ignore[misc]  # invariant on purpose, as Agent is
    """What a conversation needs of an agent. The words are `Agent`'s."""

    async def run(
        self, prompt: Any, *, deps: Deps | None, history: Sequence[wire.Content], client: GeminiClient | None
    ) -> RunResult[Out]: ...

    async def resume(
        self, state: RunState, *, decisions: Mapping[str, Decision], deps: Deps | None, client: GeminiClient | None
    ) -> RunResult[Out]: ...

    def run_sync(
        self, prompt: Any, *, deps: Deps | None, history: Sequence[wire.Content], client: GeminiClient | None
    ) -> RunResult[Out]: ...

    def resume_sync(
        self, state: RunState, *, decisions: Mapping[str, Decision], deps: Deps | None, client: GeminiClient | None
    ) -> RunResult[Out]: ...

    def stream(
        self, prompt: Any, *, deps: Deps | None, history: Sequence[wire.Content], client: GeminiClient | None
    ) -> AbstractAsyncContextManager[RunStream[Out]]: ...

    def resume_stream(
        self, state: RunState, *, decisions: Mapping[str, Decision], deps: Deps | None, client: GeminiClient | None
    ) -> AbstractAsyncContextManager[RunStream[Out]]: ...

    def stream_sync(
        self, prompt: Any, *, deps: Deps | None, history: Sequence[wire.Content], client: GeminiClient | None
    ) -> AbstractContextManager[SyncRunStream[Out]]: ...

    def resume_stream_sync(
        self, state: RunState, *, decisions: Mapping[str, Decision], deps: Deps | None, client: GeminiClient | None
    ) -> AbstractContextManager[SyncRunStream[Out]]: ...


class Chat(Generic[Deps, Out]):
    """Keeps the history between prompts. A prompt that fails or is left early leaves it as it was before.

    Attributes:
        contents: The conversation so far. `agent.chat(contents)` goes on with it.
    """

    def __init__(
        self, agent: _Agent[Deps, Out], history: Sequence[wire.Content] = (), client: GeminiClient | None = None
    ) -> None:
        if not isinstance(history, wire.History):  # that one holds nothing else
            check_kinds("history", history, wire.Content, "a Content; Content.parse(...) reads JSON")
        self._agent, self._client = agent, client
        self.contents: wire.History = wire.History(history)
        self._paused: RunState | None = None
        self._busy = False

    @property
    def paused(self) -> list[ApprovalRequest]:
        """The calls of the last prompt that a person must decide about before the next prompt."""
        return self._paused.waiting if self._paused else []

    async def run(self, prompt: Any, *, deps: Deps | None = None) -> RunResult[Out]:
        """Do what `Agent.run` does, with and into this history."""
        with self._turn():
            return self._keep(await self._agent.run(prompt, deps=deps, history=self.contents, client=self._client))

    async def resume(self, decisions: Mapping[str, Decision], *, deps: Deps | None = None) -> RunResult[Out]:
        """Go on with the prompt that paused."""
        with self._turn(resumes=True) as state:
            return self._keep(await self._agent.resume(state, decisions=decisions, deps=deps, client=self._client))

    def run_sync(self, prompt: Any, *, deps: Deps | None = None) -> RunResult[Out]:
        """Do what `run` does, and block until it is done."""
        with self._turn():
            return self._keep(self._agent.run_sync(prompt, deps=deps, history=self.contents, client=self._client))

    def resume_sync(self, decisions: Mapping[str, Decision], *, deps: Deps | None = None) -> RunResult[Out]:
        """Do what `resume` does, and block until it is done."""
        with self._turn(resumes=True) as state:
            return self._keep(self._agent.resume_sync(state, decisions=decisions, deps=deps, client=self._client))

    @async_block("async with chat.stream(...) as run:")
    async def stream(self, prompt: Any, *, deps: Deps | None = None) -> AsyncGenerator[RunStream[Out], None]:
        """Do what `Agent.stream` does, with and into this history."""
        with self._turn():
            async with self._agent.stream(prompt, deps=deps, history=self.contents, client=self._client) as run:
                yield run
                self._keep_finished(run.finished)

    @async_block("async with chat.resume_stream(...) as run:")
    async def resume_stream(
        self, decisions: Mapping[str, Decision], *, deps: Deps | None = None
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Do what `resume` does, and watch it as with `stream`. Left early, the prompt is still paused."""
        with self._turn(resumes=True) as state:
            opening = self._agent.resume_stream(state, decisions=decisions, deps=deps, client=self._client)
            async with opening as run:
                yield run
                self._keep_finished(run.finished)

    @block("with chat.stream_sync(...) as run:")
    def stream_sync(self, prompt: Any, *, deps: Deps | None = None) -> Generator[SyncRunStream[Out], None, None]:
        """Do what `stream` does, for code that is not async."""
        with (
            self._turn(),
            self._agent.stream_sync(prompt, deps=deps, history=self.contents, client=self._client) as run,
        ):
            yield run
            self._keep_finished(run.finished)

    @block("with chat.resume_stream_sync(...) as run:")
    def resume_stream_sync(
        self, decisions: Mapping[str, Decision], *, deps: Deps | None = None
    ) -> Generator[SyncRunStream[Out], None, None]:
        """Do what `resume_stream` does, for code that is not async."""
        with self._turn(resumes=True) as state:
            opening = self._agent.resume_stream_sync(state, decisions=decisions, deps=deps, client=self._client)
            with opening as run:
                yield run
                self._keep_finished(run.finished)

    @contextmanager
    def _turn(self, *, resumes: bool = False) -> Generator[Any, None, None]:
        """Let one prompt at a time in: interleaved turns would make a history that the API refuses."""
        if self._busy:
            raise ConfigurationError("This chat is answering another prompt. Wait for it, or use a second chat.")
        if resumes and self._paused is None:
            raise ConfigurationError("This chat does not wait for a decision. Use chat.run(prompt).")
        if not resumes and self._paused is not None:
            raise ConfigurationError("This chat waits for decisions (chat.paused). Use chat.resume(decisions) first.")
        self._busy = True
        try:
            yield self._paused
        finally:
            self._busy = False

    def _keep_finished(self, result: RunResult[Out] | None) -> None:
        if result is not None:
            self._keep(result)

    def _keep(self, result: RunResult[Out]) -> RunResult[Out]:
        self._paused = result.state if result.paused else None
        if not result.paused:
            self.contents = result.state.contents.copy()
        return result
