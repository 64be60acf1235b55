"""Ask a person before a call runs. The run pauses and goes on where it stopped."""

from decimal import Decimal
from typing import Any

from agentkit import Agent, RunContext, approve, deny, tool


def is_large(ctx: RunContext[Any], args: dict[str, Any]) -> bool:
    """Ask about refunds above 100."""
    return float(args["amount"]) > 100


@tool(effects="write", needs_approval=is_large)
def refund(order: int, amount: Decimal) -> str:
    """Refund an order.

    Args:
        order: The number of the order.
        amount: How much, in euros.
    """
    return f"refunded {amount} euros for order {order}"


agent = Agent("gemini-3-flash-preview", tools=[refund])

if __name__ == "__main__":
    result = agent.run_sync("Refund order 7 with an amount of 250 euros.")
    while result.paused:
        decisions = {}
        for call in result.paused:
            print(f"May {call.tool} run with {dict(call.args)}?")
            decisions[call.key] = approve() if float(call.args["amount"]) <= 500 else deny("over 500 euros")
        result = agent.resume_sync(result.state, decisions=decisions)
    print(result.output)
