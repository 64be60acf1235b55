"""Tokens counted before sending: `agent.count_tokens` and `Limits(input_tokens=...)`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    LimitExceeded,
    Limits,
    ProtocolError,
    RunContext,
    Tool,
    Toolset,
    tool,
)
from agentkit.testing import Emulator, call, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import Content, Part
from tests.faultserver import FaultServer, answer

pytestmark = pytest.mark.anyio

MODEL = "gemini-2.5-flash"
BOOK = "Once upon a time there was a house. " * 200
PATHS: dict[Profile, str] = {
    "google": "",
    "vertex": "/v1beta1/projects/p/locations/global/publishers/google",
    "comet": "",
}


@pytest.fixture
def client(emulator: Emulator) -> GeminiClient:
    """Counting has a dialect of its own on Google's endpoint, and the address does not tell that this is one."""
    return GeminiClient(api_key="test-key", base_url=emulator.url, endpoint="google")


@tool(effects="read")
def population(city: str) -> int:
    """How many live in a city."""
    return 717_710


@pytest.mark.parametrize("profile", PATHS)
async def test_a_count_is_that_of_the_request_that_would_be_sent(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url + PATHS[profile], endpoint=profile)
        history = [Content(role=role, parts=[Part(text="Hello there.")]) for role in ("user", "model")]
        agent = Agent(MODEL, instructions=lambda ctx: f"Help {ctx.deps}.", tools=[population], client=client)
        emulator.reply(text("Fine."))

        counted = await agent.count_tokens("How are you?", history=history, deps="Kim")
        result = await agent.run("How are you?", history=history, deps="Kim")

    assert counted == result.usage.input_tokens > 20
    assert emulator.findings == []


@pytest.mark.parametrize("profile", ["google", "vertex"])
async def test_a_cached_content_is_counted_everywhere(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url + PATHS[profile], endpoint=profile)
        cache = await client.caches.create(MODEL, BOOK)
        agent = Agent(MODEL, cached_content=cache, client=client)
        emulator.reply(text("A tale."))

        counted = await agent.count_tokens("What is it?")
        result = await agent.run("What is it?")

    assert result.usage.cached_tokens == cache.tokens > 1024
    assert abs(counted - result.usage.input_tokens) <= 1  # characters of both are rounded to tokens apart


def test_tokens_are_counted_without_an_event_loop(client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client)

    assert agent.count_tokens_sync("How are you, and how is Ada?") > agent.count_tokens_sync("Hi.") > 0


async def test_toolsets_are_opened_for_the_count(client: GeminiClient) -> None:
    class Opened(Toolset):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[list[Tool[..., Any]], None]:
            yield [population]

    with_tools = await Agent(MODEL, tools=[Opened()], client=client).count_tokens("Hi.")

    assert with_tools == await Agent(MODEL, tools=[population], client=client).count_tokens("Hi.")


async def test_an_empty_prompt_is_not_counted(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(ConfigurationError, match="The prompt is empty"):
        await Agent(MODEL, client=client).count_tokens("  ")


async def test_a_request_above_the_limit_is_not_sent(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client, limits=Limits(input_tokens=1000))

    with pytest.raises(LimitExceeded, match=r"Raise `Limits\(input_tokens=...\)`") as caught:
        await agent.run(BOOK)

    assert (caught.value.limit, caught.value.used, caught.value.allowed) == ("input_tokens", 1801, 1000)
    assert emulator.requests == []
    emulator.reply(text("A tale."))
    assert (await Agent(MODEL, client=client).resume(caught.value.state)).output == "A tale."


async def test_a_count_without_a_number_lets_nothing_pass() -> None:
    with FaultServer(answer({"note": "counting is not for free"})) as server:
        client = GeminiClient(api_key="test-key", base_url=server.url)

        with pytest.raises(ProtocolError, match="came without a number"):
            await Agent(MODEL, client=client, limits=Limits(input_tokens=1000)).run("Hi.")
        with pytest.raises(ProtocolError, match="came without a number"):
            await Agent(MODEL, client=client).count_tokens("Hi.")

    assert [request.target.rpartition(":")[2] for request in server.requests] == ["countTokens"] * 2


async def test_every_turn_is_counted_before_it_is_sent(emulator: Emulator, client: GeminiClient) -> None:
    def read(ctx: RunContext[Any]) -> str:
        return BOOK

    emulator.reply(call("read"))

    with pytest.raises(LimitExceeded):
        await Agent(MODEL, tools=[read], client=client, limits=Limits(input_tokens=1000)).run("Read.")

    assert [asked.method for asked in emulator.asked] == ["countTokens", "generateContent", "countTokens"]


async def test_without_the_limit_nothing_is_counted(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hi."))

    await Agent(MODEL, client=client).run("Hi.")

    assert [asked.method for asked in emulator.asked] == ["generateContent"]


@pytest.mark.parametrize("tokens", [0, -1, 1.5, True, "9"])
def test_a_limit_that_is_no_number_of_tokens_is_refused(tokens: Any) -> None:
    with pytest.raises(ConfigurationError, match="input_tokens"):
        Limits(input_tokens=tokens)
