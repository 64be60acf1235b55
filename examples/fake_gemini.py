"""Test an agent without a key: the steps of the model are scripted, everything else is real."""

from agentkit import Agent, tool
from agentkit.testing import FakeGemini, calls, error, says

REFUNDED: list[int] = []


@tool(effects="write")
def refund(order: int) -> str:
    """Refund an order."""
    REFUNDED.append(order)
    return f"refunded order {order}"


agent = Agent("gemini-3-flash-preview", tools=[refund])


def test_a_busy_service_does_not_refund_twice() -> None:
    with FakeGemini(calls("refund", order=7), error(503), says("Done.")) as gemini:
        result = agent.run_sync("Refund order 7", client=gemini.client)

    assert result.output == "Done."
    assert REFUNDED == [7]
    gemini.assert_valid()


if __name__ == "__main__":
    test_a_busy_service_does_not_refund_twice()
    print("passed")
