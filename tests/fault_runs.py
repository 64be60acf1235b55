"""Agents that ask a faulty server: with short waits between attempts, and the two ways to run them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentkit import Agent, GeminiClient, GeminiError, Limits, Retry
from tests.faultserver import FaultServer, Scenario, answer, chunk, stream

__all__ = ["FAST", "FINE", "FINE_STREAM", "KEY", "MODEL", "ONCE", "WAYS", "Way", "agent_for", "client_for", "error_of",
           "fine_for", "watched", "whole"]  # fmt: skip

KEY = "sesame-0123456789-open"
MODEL = "gemini-3-flash-preview"
FAST = Retry(first_delay_s=0.001, rate_limit_delay_s=0.001)
ONCE = Retry(attempts=1)
FINE = answer(chunk("fine", finish="STOP"))
FINE_STREAM = stream(chunk("fi"), chunk("ne", finish="STOP"))

Way = Callable[[Agent[None, str]], Awaitable[str]]


def client_for(server: FaultServer, **settings: Any) -> GeminiClient:
    """Return a client of this server."""
    return GeminiClient(**{"api_key": KEY, "base_url": server.url, "retry": FAST, **settings})


def agent_for(server: FaultServer, limits: Limits | None = None, **settings: Any) -> Agent[None, str]:
    """Return an agent that asks this server; `settings` are those of its client."""
    return Agent(MODEL, client=client_for(server, **settings), limits=limits or Limits())


async def whole(agent: Agent[None, str]) -> str:
    """Run, and return the answer."""
    return (await agent.run("Who is there?")).output


async def watched(agent: Agent[None, str]) -> str:
    """Run with a streamed answer, and return it."""
    async with agent.stream("Who is there?") as run:
        return (await run.result()).output


WAYS = pytest.mark.parametrize("way", [whole, watched], ids=["whole", "streamed"])


def fine_for(way: Way) -> Scenario:
    """Return a good answer to this way of asking."""
    return FINE if way is whole else FINE_STREAM


async def error_of(agent: Agent[None, str], way: Way = whole) -> GeminiError:
    """Run, and return the error that ended the run."""
    with pytest.raises(GeminiError) as caught:
        await way(agent)
    return caught.value
