"""Show a typed answer while it comes in: the object so far, then the checked value."""

import anyio
from pydantic import BaseModel, Field

from agentkit import Agent, PartialOutput


class Trip(BaseModel):
    """A journey."""

    title: str
    days: int
    stops: list[str] = Field(description="Towns, in order.")


agent = Agent("gemini-3-flash-preview", output=Trip)


async def main() -> None:
    """Print what is known of the trip, each time that more of it is."""
    async with agent.stream('Plan a trip called "By the fjords": 7 days, stops "Oslo", "Bergen".') as run:
        async for event in run:
            if isinstance(event, PartialOutput):
                print("so far:", event.value)
        trip = (await run.result()).output
    print(f"{trip.title}: {trip.days} days, {len(trip.stops)} stops")


if __name__ == "__main__":
    anyio.run(main)
