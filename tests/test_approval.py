"""A person decides: pause, save, resume, deny; and what may run meanwhile."""

import json
import subprocess
import sys
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    Paused,
    RunContext,
    RunError,
    RunResult,
    RunState,
    approve,
    deny,
    tool,
)
from agentkit.testing import Emulator, call, text
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


class Bank:
    """Tools that remember what was done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    @tool(needs_approval=True, effects="write")
    def pay(self, amount: int) -> str:
        """Pay."""
        self.done.append(f"pay {amount}")
        return f"paid {amount}"

    @tool(needs_approval=True)
    def peek(self, name: str) -> str:
        """Look at what is private."""
        self.done.append(f"peek {name}")
        return name

    def look(self) -> str:
        """Look."""
        self.done.append("look")
        return "seen"


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def agent(client: GeminiClient, bank: Bank) -> Agent[Any, str]:
    return Agent(MODEL, tools=[bank.pay, bank.peek, bank.look], client=client)


async def test_a_call_that_needs_a_person_pauses_the_run(
    emulator: Emulator, agent: Agent[Any, str], bank: Bank
) -> None:
    emulator.reply(call("pay", amount=3))

    result = await agent.run("Pay 3.")

    [request] = result.paused
    assert (request.tool, request.args, request.key) == ("pay", {"amount": 3}, f"{result.state.run_id}:0:0")
    assert (result.stop, bank.done) == ("paused", [])
    with pytest.raises(RunError, match=r"paused for decisions .* agent.resume\(result.state"):
        _ = result.output


async def paused_for(emulator: Emulator, agent: Agent[Any, str], *calls: Any) -> RunResult[str]:
    emulator.reply(*calls)
    result = await agent.run("Go.")
    assert result.paused
    return result


async def test_an_approved_call_runs(emulator: Emulator, agent: Agent[Any, str], bank: Bank) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))
    emulator.reply(text("Paid."))

    result = await agent.resume(paused.state, decisions={paused.paused[0].key: approve()})

    assert (result.output, bank.done, told(emulator)) == ("Paid.", ["pay 3"], [{"output": "paid 3"}])


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("over your limit", "A person denied this call: over your limit"), ("", "A person denied this call.")],
)
async def test_a_denied_call_is_answered_with_the_reason(
    emulator: Emulator, agent: Agent[Any, str], bank: Bank, reason: str, sentence: str
) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))
    emulator.reply(text("Not paid."))

    await agent.resume(paused.state, decisions={paused.paused[0].key: deny(reason)})

    assert (bank.done, told(emulator)) == ([], [{"error": sentence}])


@pytest.mark.rows(112)
async def test_a_paused_run_survives_as_json(emulator: Emulator, agent: Agent[Any, str]) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))

    loaded = RunState.load_json(json.dumps(json.loads(paused.state.dump_json())))

    assert loaded == paused.state
    assert loaded.waiting == paused.paused


@pytest.mark.rows(112)
async def test_a_decision_about_no_waiting_call_is_refused(emulator: Emulator, agent: Agent[Any, str]) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))

    with pytest.raises(ConfigurationError, match=f"No call waits under the key 'x'. Waiting: '{paused.paused[0].key}'"):
        await agent.resume(paused.state, decisions={"x": approve()})

    assert len(emulator.requests) == 1


async def test_a_run_without_a_decision_stays_paused(emulator: Emulator, agent: Agent[Any, str], bank: Bank) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))

    again = await agent.resume(paused.state)

    assert (again.paused, bank.done) == (paused.paused, [])


async def test_what_needs_no_person_runs_meanwhile(emulator: Emulator, agent: Agent[Any, str], bank: Bank) -> None:
    paused = await paused_for(emulator, agent, call("look"), call("peek", name="a"), call("look"))
    assert bank.done == ["look", "look"]
    emulator.reply(text("Done."))

    await agent.resume(paused.state, decisions={paused.paused[0].key: approve()})

    assert bank.done == ["look", "look", "peek a"]
    assert told(emulator) == [{"output": "seen"}, {"output": "a"}, {"output": "seen"}]


async def test_a_waiting_write_holds_back_what_was_asked_after_it(
    emulator: Emulator, agent: Agent[Any, str], bank: Bank
) -> None:
    paused = await paused_for(emulator, agent, call("look"), call("pay", amount=3), call("look"))
    assert bank.done == ["look"]
    emulator.reply(text("Done."))

    await agent.resume(paused.state, decisions={paused.paused[0].key: approve()})

    assert bank.done == ["look", "pay 3", "look"]


async def test_calls_are_decided_one_by_one(emulator: Emulator, agent: Agent[Any, str], bank: Bank) -> None:
    paused = await paused_for(emulator, agent, call("peek", name="a"), call("peek", name="b"))
    first, second = paused.paused

    half = await agent.resume(paused.state, decisions={second.key: approve()})
    assert ([request.key for request in half.paused], bank.done) == ([first.key], ["peek b"])
    emulator.reply(text("Done."))
    await agent.resume(half.state, decisions={first.key: deny()})

    assert bank.done == ["peek b"]
    assert told(emulator) == [{"error": "A person denied this call."}, {"output": "b"}]


@pytest.mark.rows(112)
async def test_a_decision_cannot_be_used_twice(emulator: Emulator, agent: Agent[Any, str], bank: Bank) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))
    decisions = {paused.paused[0].key: approve()}
    emulator.reply(call("pay", amount=3))

    again = await agent.resume(paused.state, decisions=decisions)

    assert (len(again.paused), bank.done) == (1, ["pay 3"])
    with pytest.raises(ConfigurationError, match="No call waits"):
        await agent.resume(again.state, decisions=decisions)


WRONG = [
    pytest.param({}, "'amount': is required", id="missing"),
    pytest.param({"amount": "much"}, "'amount': expected a valid integer", id="wrong-type"),
]


@pytest.mark.parametrize(("args", "sentence"), WRONG)
async def test_nobody_is_asked_about_arguments_that_do_not_fit(
    emulator: Emulator, agent: Agent[Any, str], bank: Bank, args: dict[str, Any], sentence: str
) -> None:
    emulator.reply(call("pay", **args))
    emulator.reply(text("Sorry."))

    result = await agent.run("Pay.")

    assert (result.output, bank.done) == ("Sorry.", [])
    assert sentence in told(emulator)[0]["error"]


def transfer(amount: int) -> str:
    return f"sent {amount}"


async def test_a_policy_decides_by_context_and_arguments(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[tuple[Any, ...]] = []

    def policy(ctx: RunContext[int], args: dict[str, Any]) -> bool:
        seen.append((ctx.tool, ctx.deps, dict(args)))
        return bool(args.pop("amount") > ctx.deps)  # what it does to them stays with it

    agent = Agent(MODEL, tools=[tool(needs_approval=policy)(transfer)], client=client)
    emulator.reply(call("transfer", amount=5), call("transfer", amount=50))

    paused = await agent.run("Go.", deps=10)

    assert [request.args for request in paused.paused] == [{"amount": 50}]
    assert seen == [("transfer", 10, {"amount": 5}), ("transfer", 10, {"amount": 50})]
    assert paused.state.pending[0].response is not None


@pytest.mark.rows(128)
async def test_a_policy_that_fails_means_that_a_person_is_asked(emulator: Emulator, client: GeminiClient) -> None:
    def policy(_ctx: RunContext[Any], args: dict[str, Any]) -> bool:
        return bool(args["no such"])

    agent = Agent(MODEL, tools=[tool(needs_approval=policy)(transfer)], client=client)

    assert await paused_for(emulator, agent, call("transfer", amount=5))


async def test_a_call_that_waits_goes_on_waiting_whatever_the_policy_says_later(
    emulator: Emulator, client: GeminiClient
) -> None:
    agent = Agent(MODEL, tools=[tool(needs_approval=lambda ctx, _: ctx.deps == "strict")(transfer)], client=client)
    emulator.reply(call("transfer", amount=5))
    paused = await agent.run("Go.", deps="strict")

    again = await agent.resume(paused.state, deps="lax")

    assert again.paused == paused.paused


async def test_a_watcher_sees_the_pause(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))

    async with agent.stream("Pay.") as run:
        events = [event async for event in run]
        result = await run.result()

    assert isinstance(events[-1], Paused)
    assert list(events[-1].requests) == result.paused


async def test_the_pause_can_be_resumed_once_its_event_was_read(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))

    async with agent.stream("Pay.") as run:
        async for event in run:
            if isinstance(event, Paused):
                break
        result = run.finished

    assert result is not None
    assert [request.tool for request in result.paused] == ["pay"]


async def test_a_resumed_run_can_be_watched(emulator: Emulator, agent: Agent[Any, str]) -> None:
    paused = await paused_for(emulator, agent, call("pay", amount=3))
    emulator.reply(text("Paid."))

    async with agent.resume_stream(paused.state, decisions={paused.paused[0].key: approve()}) as run:
        kinds = [event.type async for event in run]

    assert kinds[:3] == ["run_started", "tool_started", "tool_finished"]
    assert kinds[-1] == "run_finished"


RESUME = """
import sys
from agentkit import Agent, GeminiClient, RunState, approve, tool

@tool(needs_approval=True, effects="write")
def pay(amount: int) -> str:
    return f"paid {amount} elsewhere"

state = RunState.load_json(sys.stdin.buffer.read())
agent = Agent(state.model, tools=[pay], client=GeminiClient(api_key="key", base_url=sys.argv[1]))
print(agent.resume_sync(state, decisions={request.key: approve() for request in state.waiting}).output)
"""


@pytest.mark.rows(112)
def test_another_process_can_take_the_decision(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("pay", amount=3))
    paused = agent.run_sync("Pay.")
    emulator.reply(text("Paid."))

    done = subprocess.run(
        [sys.executable, "-c", RESUME, emulator.url], input=paused.state.dump_json(), capture_output=True, check=False
    )

    assert (done.stdout.decode().strip(), done.stderr.decode()) == ("Paid.", "")
    assert told(emulator) == [{"output": "paid 3 elsewhere"}]


@pytest.mark.parametrize(
    "decisions",
    [pytest.param(lambda key: {key: True}, id="true"), pytest.param(lambda key: [key], id="a-list")],
)
async def test_what_is_no_decision_is_refused_and_nothing_runs(
    decisions: Any, emulator: Emulator, client: GeminiClient
) -> None:
    bank = Bank()
    emulator.reply(call("pay", amount=3))
    agent = Agent(MODEL, tools=[bank.pay], client=client)
    result = await agent.run("Pay.")

    with pytest.raises(ConfigurationError, match=r"give approve\(\) or deny\(...\)"):
        await agent.resume(result.state, decisions=decisions(result.paused[0].key))

    assert bank.done == []
    assert "paused" in repr(result)
