"""Watch a run while it goes on: text as it arrives, and each call with its result."""

import anyio

from agentkit import Agent, TextDelta, ToolFinished, ToolStarted


def population(city: str) -> int:
    """Number of people living in a city."""
    return {"Oslo": 717_710, "Rome": 2_754_719}[city]


agent = Agent("gemini-3-flash-preview", tools=[population])


async def main() -> None:
    """Print events as they come."""
    async with agent.stream("What is the population of Oslo and of Rome?") as run:
        async for event in run:
            match event:
                case TextDelta(text=text):
                    print(text, end="", flush=True)
                case ToolStarted(tool=tool, args=args):
                    print(f"-> {tool}({args})")
                case ToolFinished(tool=tool, response=response, elapsed_s=elapsed_s):
                    print(f"<- {tool}: {response} in {elapsed_s:.3f} s")
                case _:
                    pass
        result = await run.result()
    print(f"\n{result.usage.turns} turns, {result.usage.tool_calls} calls")


if __name__ == "__main__":
    anyio.run(main)
