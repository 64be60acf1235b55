"""Check an answer against what only the program knows, and let the model try again."""

from pydantic import BaseModel

from agentkit import Agent, RunContext, ToolError

FREE = {"2026-12-04": 2, "2026-12-11": 8}  # seats by day


class Booking(BaseModel):
    """A table in the restaurant."""

    day: str
    guests: int


def is_free(ctx: RunContext[dict[str, int]], booking: Booking) -> None:
    """Refuse a day without enough seats; the model reads the words and answers again."""
    seats = ctx.deps.get(booking.day, 0)
    if seats < booking.guests:
        free = " or ".join(day for day, left in ctx.deps.items() if left >= booking.guests) or "another week"
        raise ToolError(f"Take {free} for {booking.guests} guests: on {booking.day} there are {seats} seats left.")


agent = Agent(
    "gemini-3-flash-preview", output=Booking, deps_type=dict[str, int], output_check=is_free, output_retries=3
)

if __name__ == "__main__":
    result = agent.run_sync("A table for 4 guests on 2026-12-04, please.", deps=FREE)
    print(result.output)
    print(f"asked {result.usage.requests} times, as {result.output_mode}")
