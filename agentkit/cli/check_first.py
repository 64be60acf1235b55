"""The first request of an agent, made exactly as a run makes it, and not sent."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import anyio
from anyio.lowlevel import checkpoint

from agentkit import (
    Agent,
    AgentKitError,
    ConfigurationError,
    ConnectionFailed,
    GeminiClient,
    HttpRequest,
    HttpResponse,
    Retry,
    RunFailed,
    known_prices,
)
from agentkit.cli.service import STAND_IN_KEY

__all__ = ["NOWHERE", "PROFILES", "CannotStart", "Profile", "first_request"]

Profile = Literal["google", "vertex", "comet"]
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")

NOWHERE = "http://127.0.0.1:9"  # an address of its own, to which nothing is ever sent


class CannotStart(ConfigurationError):
    """The agent fails on the way to its first request, wherever that would go."""


def first_request(agent: Agent[Any, Any], name: str, prompt: str, profile: Profile) -> object:
    """Return the body of the agent's first request, as it goes to the endpoint of `profile`.

    Deps are not there; an agent that needs them gets a stand-in.

    Args:
        agent: Its own client gives only the dialect of schemas and what it knows about its endpoint.
        name: What the agent is called in messages.
        prompt: What it is asked.
        profile: Where it asks.

    Raises:
        CannotStart: Its own code raised, or answered in place of the model.
        ConfigurationError: The request cannot be made for this endpoint.
    """
    try:
        try:
            kept = anyio.run(_run, agent, prompt, profile, None)
        except RunFailed:  # code of the agent's, which may need more of its deps
            kept = anyio.run(_run, agent, prompt, profile, _AnyDeps())
    except ConfigurationError:
        raise
    except AgentKitError as error:
        cause = error.__cause__ if isinstance(error, RunFailed) and error.__cause__ else error
        said = " ".join(str(cause).split())[:300]
        raise CannotStart(f"{name} does not get to its first request: {type(cause).__name__}: {said}") from error
    if kept is None:
        raise CannotStart(f"{name} sends no request: a middleware answers in place of the model.")
    return json.loads(kept.body)


async def _run(agent: Agent[Any, Any], prompt: str, profile: Profile, deps: object) -> HttpRequest | None:
    scope = anyio.CancelScope()
    kept = _Kept(scope)
    client = GeminiClient(
        api_key=STAND_IN_KEY,
        base_url=NOWHERE,
        endpoint=profile,
        schema_dialect=agent.client.schema_dialect,
        capabilities=replace(agent.client.capabilities, base_url=""),  # which is not NOWHERE
        transport=lambda: kept,
        retry=Retry(attempts=1),
        prices={**known_prices(), **agent.client.prices},  # for agents with a limit in USD
    )
    try:
        with scope:
            await agent.run(prompt, deps=deps, client=client)
    except Exception:
        if kept.request is None:  # else a middleware shielded itself, and the run went on to fail
            raise
    return kept.request


class _Kept:
    """A transport that keeps the first request and ends the run, past whatever would ask again."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self.request: HttpRequest | None = None

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        self.request = self.request or request
        self._scope.cancel()
        await checkpoint()
        raise ConnectionFailed("Nothing is sent while checking.")  # under a shield
        yield

    async def aclose(self) -> None:
        pass


class _AnyDeps:
    """Stands in for deps: has every attribute, item and method, and reads as `(deps)`."""

    def __getattr__(self, name: str) -> "_AnyDeps":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> "_AnyDeps":
        return self

    def __call__(self, *args: object, **kwargs: object) -> "_AnyDeps":
        return self

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __str__(self) -> str:
        return "(deps)"

    def __format__(self, spec: str) -> str:
        return str(self)
