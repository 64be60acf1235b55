"""Who is asked before a call runs, and why: policies of tools, middlewares, and checks that fail."""

from typing import Any

import pydantic
import pytest

from agentkit import (
    Agent,
    GeminiClient,
    Middleware,
    Paused,
    RunContext,
    RunState,
    ToolCall,
    ToolDefinitionError,
    approve,
    deny,
    tool,
)
from agentkit.testing import Emulator, call, text
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


class Till:
    """A tool that remembers what was paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    def pay(self, amount: int) -> str:
        self.paid.append(amount)
        return f"paid {amount}"


class Rule(Middleware):
    """Asks with this reason; raises it, if it is an exception."""

    def __init__(self, reason: object) -> None:
        self.reason = reason

    def consent(self, context: RunContext[Any], call: ToolCall) -> str | None:
        if isinstance(self.reason, Exception):
            raise self.reason
        return self.reason  # type: ignore[return-value]


def policy(answer: object) -> Any:
    def decide(ctx: RunContext[Any], args: dict[str, Any]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return decide


FAILED = "The approval policy of pay failed (KeyError)."
BROKEN = "The check of Rule failed (KeyError)."

ASKED = [
    pytest.param(True, [], "", id="always"),
    pytest.param(policy(True), [], "", id="a-policy-that-says-yes"),
    pytest.param(policy("More than 100."), [], "More than 100.", id="a-policy-with-a-reason"),
    pytest.param(policy(KeyError("x")), [], FAILED, id="a-policy-that-fails"),
    pytest.param(False, ["New payee."], "New payee.", id="a-middleware-with-a-reason"),
    pytest.param(False, [""], "", id="a-middleware-with-an-empty-reason"),
    pytest.param(False, [KeyError("x")], BROKEN, id="a-middleware-that-fails"),
    pytest.param(True, ["New payee."], "New payee.", id="a-middleware-beside-a-policy"),
    pytest.param(policy("More."), ["New.", None, KeyError("x")], f"More. New. {BROKEN}", id="all-reasons-are-told"),
]


@pytest.mark.rows("R8")
@pytest.mark.parametrize(("needs_approval", "reasons", "told_reason"), ASKED)
async def test_a_person_is_asked_and_told_why(
    emulator: Emulator, client: GeminiClient, needs_approval: Any, reasons: list[object], told_reason: str
) -> None:
    till = Till()
    emulator.reply(call("pay", amount=500))
    pay = tool(needs_approval=needs_approval)(till.pay)

    result = await Agent(MODEL, tools=[pay], client=client, middleware=[*map(Rule, reasons)]).run("Pay.")

    [request] = result.paused
    assert (request.tool, request.args, request.reason) == ("pay", {"amount": 500}, told_reason)
    assert not till.paid


NOT_ASKED = [
    pytest.param(False, [], id="nobody-wants-to-know"),
    pytest.param(policy(False), [None, None], id="everybody-says-no"),
    pytest.param(policy(""), [], id="an-empty-reason-of-a-policy-is-a-no"),
    pytest.param(policy(None), [], id="a-policy-that-says-nothing"),
]


@pytest.mark.parametrize(("needs_approval", "reasons"), NOT_ASKED)
async def test_nobody_is_asked_where_nothing_says_so(
    emulator: Emulator, client: GeminiClient, needs_approval: Any, reasons: list[object]
) -> None:
    till = Till()
    emulator.reply(call("pay", amount=5))
    emulator.reply(text("Done."))
    pay = tool(needs_approval=needs_approval)(till.pay)

    result = await Agent(MODEL, tools=[pay], client=client, middleware=[*map(Rule, reasons)]).run("Pay.")

    assert (result.output, till.paid) == ("Done.", [5])


async def test_the_reason_is_saved_with_the_run(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("pay", amount=500))
    agent = Agent(MODEL, tools=[Till().pay], client=client, middleware=[Rule("New payee.")])

    paused = await agent.run("Pay.")

    assert [asked.reason for asked in RunState.load_json(paused.state.dump_json()).waiting] == ["New payee."]


async def test_a_watcher_sees_the_reason(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("pay", amount=500))

    async with Agent(MODEL, tools=[Till().pay], client=client, middleware=[Rule("New payee.")]).stream("Pay.") as run:
        [paused] = [event async for event in run if isinstance(event, Paused)]

    assert paused.to_json()["requests"][0]["reason"] == "New payee."


DECISIONS = [
    pytest.param(approve(), {"output": "paid 500"}, [500], id="approved"),
    pytest.param(deny("Too much."), {"error": "A person denied this call: Too much."}, [], id="denied"),
    pytest.param(deny(), {"error": "A person denied this call."}, [], id="denied-without-a-reason"),
]


@pytest.mark.parametrize(("decision", "response", "paid"), DECISIONS)
async def test_a_decision_stands_against_what_the_rule_says_again(
    emulator: Emulator, client: GeminiClient, decision: Any, response: dict[str, str], paid: list[int]
) -> None:
    till = Till()
    emulator.reply(call("pay", amount=500))
    agent = Agent(MODEL, tools=[till.pay], client=client, middleware=[Rule("New payee.")])
    paused = await agent.run("Pay.")
    emulator.reply(text("Done."))

    result = await agent.resume(paused.state, decisions={paused.paused[0].key: decision})

    assert result.output == "Done."
    assert told(emulator) == [response]
    assert till.paid == paid


async def test_all_calls_of_an_answer_are_judged_before_the_first_runs(
    emulator: Emulator, client: GeminiClient
) -> None:
    till = Till()

    class After(Middleware):
        def consent(self, context: RunContext[Any], call: ToolCall) -> str | None:
            return "It has begun." if till.paid else None

    emulator.reply(call("pay", amount=1), call("pay", amount=2))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[tool(effects="write")(till.pay)], client=client, middleware=[After()]).run("Pay.")

    assert till.paid == [1, 2]


async def test_nobody_is_asked_about_a_call_that_cannot_run(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("pay", amount="much"), call("pay", amount=1, colour="red"))
    emulator.reply(text("Sorry."))

    result = await Agent(MODEL, tools=[Till().pay], client=client, middleware=[Rule("New payee.")]).run("Pay.")

    assert result.output == "Sorry."
    assert ["error" in response for response in told(emulator)] == [True, True]


async def test_arguments_that_cannot_be_checked_without_running_are_asked_about(
    emulator: Emulator, client: GeminiClient
) -> None:
    class Order(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def look_up(cls, number: int) -> int:
            raise OSError("The database is away.")

    @tool(needs_approval=True)
    def send(order: Order) -> None:
        """Send it."""

    emulator.reply(call("send", order={"number": 1}))

    result = await Agent(MODEL, tools=[send], client=client).run("Send.")

    assert [request.tool for request in result.paused] == ["send"]


@pytest.mark.rows(84)
async def test_what_is_asked_about_cannot_be_changed_by_who_asks(emulator: Emulator, client: GeminiClient) -> None:
    till = Till()

    class Meddle(Middleware):
        def consent(self, context: RunContext[Any], call: ToolCall) -> str | None:
            call.args["amount"] = 1  # type: ignore[index]  # a Mapping, on purpose
            return None

    def meddle(ctx: RunContext[Any], args: dict[str, Any]) -> bool:
        args["amount"] = 2
        return False

    emulator.reply(call("pay", amount=3))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[tool(needs_approval=meddle)(till.pay)], client=client, middleware=[Meddle()]).run("Pay.")

    assert till.paid == [3]


async def ask_later(ctx: RunContext[Any], args: dict[str, Any]) -> bool:
    return True


@pytest.mark.parametrize("needs_approval", ["always", None, 1, ask_later], ids=["text", "none", "number", "async"])
def test_a_policy_that_cannot_be_asked_is_refused_at_decoration(needs_approval: Any) -> None:
    with pytest.raises(ToolDefinitionError, match="cannot be asked"):
        tool(needs_approval=needs_approval)(Till().pay)
