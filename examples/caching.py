"""What many prompts begin with is kept at the service: said once, named later, billed less."""

import anyio

from agentkit import Agent, AutoCache, GeminiClient, tool

MODEL = "gemini-3-flash-preview"
RULE = "Section {n}: a parcel of {n} kg may wait {n} days before it goes back to its sender.\n"
BOOK = "".join(RULE.format(n=n) for n in range(1, 301))


@tool(effects="read")
def parcel(number: int) -> dict[str, float]:
    """Return the weight and the waiting time of the parcel with this number."""
    return {"weight_kg": 3.0, "waited_days": 4.0}


cache = AutoCache(min_tokens=4096)
agent = Agent(MODEL, instructions=BOOK, tools=[parcel], middleware=[cache])


async def by_itself(client: GeminiClient) -> None:
    async with cache:  # deletes at the end what it made
        for question in ("How long may 2 kg wait?", "And 9 kg?", "And 20 kg?"):
            print((await agent.run(question, client=client)).output)
    print(f"{cache.saved_tokens:,} tokens came from the cache")


async def by_hand(client: GeminiClient) -> None:
    kept = await client.caches.create(MODEL, BOOK, instructions="Quote the section.", tools=[parcel], ttl_s=300)
    print(f"kept {kept.tokens:,} tokens until {kept.expires:%H:%M}")
    result = await Agent(MODEL, tools=[parcel], cached_content=kept, client=client).run("May parcel 7 stay?")
    print(f"{result.output} ({result.usage.cached_tokens:,} of {result.usage.input_tokens:,} tokens from the cache)")
    await client.caches.delete(kept)


async def main() -> None:
    async with GeminiClient() as client:
        await by_itself(client)
        await by_hand(client)


if __name__ == "__main__":
    anyio.run(main)
