"""Give tools what they need (a database, a user) without showing it to the model."""

from dataclasses import dataclass

from agentkit import Agent, RunContext


@dataclass
class Shop:
    """What the tools of this agent work on."""

    orders: dict[int, str]
    customer: str


async def order_status(ctx: RunContext[Shop], order: int) -> str:
    """Where an order is.

    Args:
        order: The number of the order.
    """
    await ctx.progress(f"looking up order {order}")
    return ctx.deps.orders.get(order, "unknown order")


agent = Agent(
    "gemini-3-flash-preview",
    deps_type=Shop,
    tools=[order_status],
    instructions=lambda ctx: f"You help {ctx.deps.customer}.",
)

if __name__ == "__main__":
    shop = Shop(orders={7: "shipped on Monday"}, customer="Kim")
    print(agent.run_sync("What is the order status of order 7?", deps=shop).output)
