"""Get a value of a type instead of text."""

from typing import Literal

from pydantic import BaseModel, Field

from agentkit import Agent


class Ticket(BaseModel):
    """A support ticket."""

    subject: str = Field(description="In at most ten words.")
    priority: Literal["low", "high"]
    order: int | None = Field(None, description="The number of the order, if one is named.")


agent = Agent("gemini-3-flash-preview", output=Ticket, instructions="Turn the message into a ticket.")

if __name__ == "__main__":
    ticket = agent.run_sync("My order 7 has not arrived and I need it today! Priority high.").output
    print(type(ticket).__name__, ticket.priority, ticket.order)
    print(ticket.model_dump_json(indent=2))
