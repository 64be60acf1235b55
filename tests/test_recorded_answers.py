"""Every recorded answer through the client and the loop: a result, or an error of ours, and nothing else."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio

from agentkit import Agent, AgentKitError, GeminiClient, Retry
from agentkit.testing import Asked, Emulator, Reply, recorded, reply
from agentkit.testing.server import serve
from tests.traffic import answers, needs_traffic, payloads


def chunks(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk for chunk in payloads(exchange["response"]) if isinstance(chunk, dict)]


@needs_traffic
def test_every_recorded_answer_gives_a_result_or_one_of_our_errors(show: Callable[[str], None]) -> None:
    current: list[dict[str, Any]] = []
    outcomes: Counter[str] = Counter()

    def repeat(asked: Asked) -> Reply:
        return reply(recorded(current))

    async def ask_all(url: str) -> None:
        async with GeminiClient(api_key="test-key", base_url=url, retry=Retry(attempts=1)) as client:
            agent = Agent("gemini-3-flash-preview", client=client)
            for exchange in answers():
                if not chunks(exchange):  # broken on purpose: no JSON object in it
                    continue
                current[:] = chunks(exchange)
                try:
                    if "sse" in exchange["response"]:
                        async with agent.stream("Go.") as run:
                            await run.result()
                    else:
                        await agent.run("Go.")
                except AgentKitError as error:  # anything else fails the test
                    outcomes[type(error).__name__] += 1
                else:
                    outcomes["a result"] += 1

    with serve(Emulator(strict=False, brain=repeat)) as service:
        anyio.run(ask_all, service.url)

    assert outcomes["a result"] > outcomes.total() / 2
    shown = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
    show(f"{outcomes.total()} recorded answers: {shown}")
