"""Recorded answers that thought: their summaries and their tokens reach the result."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio

from agentkit import Agent, AgentKitError, GeminiClient, Retry, ThoughtDelta
from agentkit.testing import Asked, Emulator, Reply, recorded, reply
from agentkit.testing.server import serve
from tests.traffic import answers, needs_traffic, payloads


def thought_texts(chunks: list[dict[str, Any]]) -> str:
    """Return all text that is marked as thought, as it stands in the recording."""
    parts = [part for chunk in chunks for part in candidate_parts(chunk)]
    return "".join(part.get("text", "") for part in parts if part.get("thought"))


def candidate_parts(chunk: dict[str, Any]) -> list[dict[str, Any]]:
    candidate = (chunk.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    return [part for part in parts if isinstance(part, dict)]


def thought_tokens(chunks: list[dict[str, Any]]) -> int:
    """Return the last count that is there: counts are running totals."""
    counts = [(chunk.get("usageMetadata") or {}).get("thoughtsTokenCount") for chunk in chunks]
    return int(next((count for count in reversed(counts) if count), 0))


@needs_traffic
def test_recorded_thoughts_and_their_tokens_reach_the_result(show: Callable[[str], None]) -> None:
    found: Counter[str] = Counter()
    current: list[dict[str, Any]] = []

    def repeat(asked: Asked) -> Reply:
        return reply(recorded(current))

    async def ask_all(url: str) -> None:
        async with GeminiClient(api_key="test-key", base_url=url, retry=Retry(attempts=1)) as client:
            agent = Agent("gemini-3-flash-preview", client=client)
            for exchange in answers():
                chunks = [chunk for chunk in payloads(exchange["response"]) if isinstance(chunk, dict)]
                if not (thought_texts(chunks) or thought_tokens(chunks)):
                    continue
                current[:] = chunks
                deltas: list[str] = []
                try:
                    async with agent.stream("Go.") as run:
                        deltas += [event.text async for event in run if isinstance(event, ThoughtDelta)]
                        result = await run.result()
                except AgentKitError:  # its answer holds calls, or did not end well: other tests see to those
                    found["no result"] += 1
                    continue
                assert result.usage.thought_tokens == thought_tokens(chunks), exchange["id"]
                assert result.thoughts.replace("\n", "") == thought_texts(chunks).replace("\n", ""), exchange["id"]
                assert "".join(deltas) == thought_texts(chunks), exchange["id"]
                found["with summaries" if thought_texts(chunks) else "with a count only"] += 1

    with serve(Emulator(strict=False, brain=repeat)) as service:
        anyio.run(ask_all, service.url)

    assert found["with summaries"]
    assert found["with a count only"]
    show(f"{found.total()} recorded answers that thought: {dict(found.most_common())}")
