"""Name several models: when one is overloaded, gone or out of quota, the run goes on with the next one."""

import anyio

from agentkit import Agent, ModelChanged, TextDelta


def population(city: str) -> int:
    """Number of people living in a city."""
    return {"Oslo": 717_710, "Rome": 2_754_719}[city]


# Settings are portable: each model is told "low" in its own way.
agent = Agent(["gemini-4-hydrogen", "gemini-3.6-flash", "gemini-2.5-flash-lite"], tools=[population], thinking="low")


async def main() -> None:
    async with agent.stream("How many people live in Oslo?") as run:
        async for event in run:
            match event:
                case ModelChanged(old=old, new=new, reason=reason):
                    print(f"{old}: {reason}; going on with {new}")
                case TextDelta(text=text):
                    print(text, end="")
                case _:
                    pass
        result = await run.result()
    print(f"\nanswered by {result.model_version}")


if __name__ == "__main__":
    anyio.run(main)
