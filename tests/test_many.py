"""Many prompts through one agent: bounded, in order, and an outcome for each."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    AgentKitError,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    Job,
    Outcome,
    Progress,
    RunContext,
    RunFailed,
    RunResult,
    RunState,
    StateInvalid,
    approve,
    tool,
)
from agentkit.testing import Asked, Emulator, Reply, call, error, reply, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import Content, Part

MODEL = "gemini-3-flash-preview"

pytestmark = pytest.mark.anyio


def prompt_of(asked: Asked) -> str:
    said: str = asked.body["contents"][-1]["parts"][0].get("text", "")
    return said


def echo(asked: Asked) -> Reply:
    """Answer with the prompt; refuse one that says so."""
    said = prompt_of(asked)
    return reply(error(400, "no")) if said.startswith("bad") else reply(text(said.upper()))


@pytest.fixture
def echoing() -> Iterator[Emulator]:
    with serve(Emulator(brain=echo)) as emulator:
        yield emulator


def agent_for(emulator: Emulator, **options: Any) -> Agent[Any, str]:
    client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=emulator.profile)
    return Agent(MODEL, client=client, **options)


@pytest.mark.parametrize(("profile", "count"), [("google", 1000), ("vertex", 100), ("comet", 100)])
async def test_a_thousand_prompts_are_answered_in_their_order(profile: Profile, count: int) -> None:
    told: list[Progress[str]] = []
    with serve(Emulator(profile=profile, brain=echo)) as emulator:
        outcomes = await agent_for(emulator).run_many([f"prompt {n}" for n in range(count)], on_progress=told.append)

    assert [outcome.output for outcome in outcomes] == [f"PROMPT {n}" for n in range(count)]
    assert [outcome.index for outcome in outcomes] == list(range(count))
    assert [progress.done for progress in told] == list(range(1, count + 1))
    assert (told[-1].failed, told[-1].total, told[-1].usage.turns) == (0, count, count)
    assert not emulator.findings


async def test_no_more_runs_go_on_at_once_than_the_limit_says() -> None:
    under_way, most = 0, 0

    @tool
    async def work() -> str:
        """Work."""
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.01)
        under_way -= 1
        return "done"

    with serve(Emulator(brain=lambda asked: reply(call("work") if prompt_of(asked) else text("ok")))) as emulator:
        await agent_for(emulator, tools=[work]).run_many(["go"] * 20, limit=4)

    assert most == 4


async def test_all_runs_share_one_pool_of_connections(echoing: Emulator) -> None:
    opened = 0
    client = GeminiClient(api_key="test-key", base_url=echoing.url)
    make = client._new_transport

    def counted() -> Any:
        nonlocal opened
        opened += 1
        return make()

    client._new_transport = counted
    await Agent(MODEL, client=client).run_many(["a"] * 30, limit=10)

    assert opened == 1


async def test_a_prompt_that_fails_leaves_the_others_alone(echoing: Emulator) -> None:
    told: list[Progress[str]] = []

    outcomes = await agent_for(echoing).run_many(["one", "bad", "", "two"], on_progress=told.append)

    assert [type(outcome.error) for outcome in outcomes] == [type(None), InvalidRequest, ConfigurationError, type(None)]
    assert [outcome.output for outcome in (outcomes[0], outcomes[3])] == ["ONE", "TWO"]
    assert (told[-1].done, told[-1].failed) == (4, 2)
    with pytest.raises(InvalidRequest):
        _ = outcomes[1].output


async def test_after_the_first_error_no_further_run_begins_if_it_is_said_so(echoing: Emulator) -> None:
    outcomes = await agent_for(echoing).run_many(["one", "bad", "two", "three"], limit=1, stop_on_error=True)

    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert len(echoing.requests) == 2


async def test_stopping_does_not_wait_for_a_source_that_is_slow(echoing: Emulator) -> None:
    async def prompts() -> AsyncIterator[str]:
        yield "bad"
        await anyio.sleep_forever()

    outcomes = await agent_for(echoing).run_many(prompts(), stop_on_error=True)

    assert len(outcomes) == 1


async def test_an_endless_source_is_read_no_further_than_runs_go_on(echoing: Emulator) -> None:
    read: list[int] = []

    def prompts() -> Iterator[str]:
        while True:
            read.append(len(read))
            yield f"prompt {len(read)}"

    async with agent_for(echoing).run_each(prompts(), limit=3) as outcomes:
        found = [await anext(outcomes) for _ in range(20)]

    assert len({outcome.index for outcome in found}) == 20
    assert len(read) <= 20 + 3
    assert outcomes.progress.done == 20
    assert outcomes.progress.total is None


async def test_an_asynchronous_source_is_read_too(echoing: Emulator) -> None:
    async def prompts() -> AsyncIterator[str]:
        for name in "abc":
            await anyio.sleep(0)
            yield name

    outcomes = await agent_for(echoing).run_many(prompts())

    assert [outcome.output for outcome in outcomes] == ["A", "B", "C"]


async def test_outcomes_that_were_read_do_not_stay_in_memory(echoing: Emulator) -> None:
    seen: list[weakref.ref[RunState]] = []
    alive: list[int] = []

    async with agent_for(echoing).run_each((f"prompt {n}" for n in range(300)), limit=5) as outcomes:
        async for outcome in outcomes:
            assert outcome.state is not None
            seen.append(weakref.ref(outcome.state))
            if len(seen) % 50 == 0:
                gc.collect()
                alive.append(sum(state() is not None for state in seen))

    assert len(alive) == 6
    assert max(alive) <= 2 + 5  # the one at hand, that of `outcomes.progress`, and those of runs that are just ending


async def test_what_the_source_raises_comes_after_the_outcomes_of_what_had_begun(echoing: Emulator) -> None:
    def prompts() -> Iterator[str]:
        yield "one"
        yield "two"
        raise OSError("the disk is gone")

    found: list[str] = []

    async def read() -> None:
        async with agent_for(echoing).run_each(prompts()) as outcomes:
            async for outcome in outcomes:
                found.append(outcome.output)  # one by one, until it raises

    with pytest.raises(OSError, match="the disk is gone"):
        await read()

    assert sorted(found) == ["ONE", "TWO"]


async def test_a_prompt_may_have_its_own_history_and_deps() -> None:
    @tool
    def whose(ctx: RunContext[str]) -> str:
        """Tell whose it is."""
        return ctx.deps

    def brain(asked: Asked) -> Reply:
        parts = asked.body["contents"][-1]["parts"]
        if "functionResponse" in parts[0]:
            return reply(text(parts[0]["functionResponse"]["response"]["output"]))
        return reply(call("whose"))

    history = [Content(role="user", parts=[Part(text="Hi.")]), Content(role="model", parts=[Part(text="Hello.")])]
    with serve(Emulator(brain=brain)) as emulator:
        outcomes = await agent_for(emulator, tools=[whose]).run_many(
            ["a", Job("b", deps="Bo"), Job("c", history=history)], deps="Al"
        )

    assert [outcome.output for outcome in outcomes] == ["Al", "Bo", "Al"]
    assert [len(outcome.state.contents) for outcome in outcomes if outcome.state] == [4, 4, 6]


@tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded {order}"


def refunding(asked: Asked) -> Reply:
    parts = asked.body["contents"][-1]["parts"]
    if "functionResponse" in parts[0]:
        return reply(text(str(parts[0]["functionResponse"]["response"]["output"])))
    return reply(call("refund", order=7))


async def test_a_pause_is_an_outcome_and_goes_on_with_the_decision() -> None:
    told: list[Progress[str]] = []
    with serve(Emulator(brain=refunding)) as emulator:
        agent = agent_for(emulator, tools=[refund])
        [first] = await agent.run_many(["Refund order 7"], on_progress=told.append)
        assert first.result is not None
        decisions = {request.key: approve() for request in first.result.paused}
        [second, third] = await agent.run_many([Job(first.state, decisions=decisions), first.again])

    assert (told[-1].paused, told[-1].failed) == (1, 0)
    assert second.output == "refunded 7"
    assert third.result is not None
    assert third.result.paused
    assert second.usage.turns == 1


async def test_what_failed_can_be_given_to_another_run_many() -> None:
    served = iter([reply(error(400, "no")), reply(text("fine"))])
    with serve(Emulator(brain=lambda _: next(served))) as emulator:
        agent = agent_for(emulator)
        [failed, empty] = await agent.run_many(["one", " "])
        assert failed.state is not None
        saved = RunState.load_json(failed.state.dump_json())
        [again] = await agent.run_many([saved])

    assert again.output == "fine"
    assert failed.again.prompt is failed.state
    assert empty.again.prompt == " "


async def test_a_run_that_has_its_answer_is_an_error_of_its_own(echoing: Emulator) -> None:
    agent = agent_for(echoing)
    done = await agent.run("hi")

    outcomes = await agent.run_many([done.state, "ho"])

    assert isinstance(outcomes[0].error, StateInvalid)
    assert outcomes[1].output == "HO"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Job("hi", decisions={"a": approve()}), "about a saved run"),
        (Job(3), "A prompt is"),
        (Job(RunState.begin(MODEL, Content(role="user", parts=[Part(text="hi")])), history=[Content()]), "history"),
        (None, "A prompt is"),
    ],
)
async def test_a_job_that_cannot_be_is_an_error_of_its_own(echoing: Emulator, job: Any, said: str) -> None:
    [outcome] = await agent_for(echoing).run_many([job])

    assert isinstance(outcome.error, ConfigurationError)
    assert said in str(outcome.error)


@pytest.mark.parametrize("prompts", ["one text", b"bytes", Job("x"), {"a": "b"}, 3, None], ids=repr)
async def test_what_is_not_many_prompts_is_refused_before_sending(echoing: Emulator, prompts: Any) -> None:
    with pytest.raises(ConfigurationError, match="prompts"):
        await agent_for(echoing).run_many(prompts)

    assert not echoing.asked


async def test_a_client_that_is_none_is_refused_before_sending(echoing: Emulator) -> None:
    client: Any = "a-key"

    with pytest.raises(ConfigurationError, match="client must be a GeminiClient"):
        await agent_for(echoing).run_many(["hi"], client=client)
    with pytest.raises(ConfigurationError, match="client must be a GeminiClient"):
        await agent_for(echoing).run_batch(["hi"], client=client)


@pytest.mark.parametrize("on_progress", [3, "print"], ids=repr)
async def test_what_cannot_be_told_of_progress_is_refused_before_sending(echoing: Emulator, on_progress: Any) -> None:
    with pytest.raises(ConfigurationError, match="on_progress must be a function"):
        await agent_for(echoing).run_many(["hi"], on_progress=on_progress)
    with pytest.raises(ConfigurationError, match="on_progress must be a function"):
        await agent_for(echoing).run_batch(["hi"], on_progress=on_progress)

    assert not echoing.asked


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None], ids=repr)
async def test_a_limit_that_is_none_is_refused(echoing: Emulator, limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="limit="):
        await agent_for(echoing).run_many(["a"], limit=limit)


async def test_no_prompts_give_no_outcomes(echoing: Emulator) -> None:
    assert await agent_for(echoing).run_many([]) == []


async def test_cancelling_ends_the_runs_and_what_was_told_stays() -> None:
    found: list[Outcome[str]] = []
    hanging = 0

    async def brain(asked: Asked) -> Reply:
        nonlocal hanging
        if prompt_of(asked) == "slow":
            hanging += 1
            await anyio.sleep_forever()
        return reply(text("quick"))

    with serve(Emulator(brain=brain)) as emulator:
        with anyio.CancelScope() as scope:

            def tell(progress: Progress[str]) -> None:
                assert progress.outcome is not None
                found.append(progress.outcome)
                if progress.done == 2:
                    scope.cancel()

            await agent_for(emulator).run_many(["a", "slow", "b", "slow"], on_progress=tell)

    assert scope.cancelled_caught
    assert sorted(outcome.index for outcome in found) == [0, 2]


async def test_leaving_the_block_early_ends_the_runs(echoing: Emulator) -> None:
    async with agent_for(echoing).run_each((f"prompt {n}" for n in range(1000)), limit=2) as outcomes:
        async for _ in outcomes:
            break

    with pytest.raises(ConfigurationError, match="over"):
        await anext(outcomes)
    assert len(echoing.requests) <= 4


@pytest.mark.parametrize("raises", [False, True])
async def test_a_block_that_reads_nothing_ends_at_once(echoing: Emulator, raises: bool) -> None:
    with contextlib.suppress(LookupError):
        async with agent_for(echoing).run_each((f"prompt {n}" for n in range(1000)), limit=2):
            if raises:
                raise LookupError

    assert len(echoing.requests) <= 2


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "after a wait"])
async def test_what_on_progress_raises_costs_no_outcome_and_is_logged_once(
    echoing: Emulator, caplog: pytest.LogCaptureFixture, waits: bool
) -> None:
    told: list[int] = []

    def tell(progress: Progress[str]) -> object:
        told.append(progress.done)
        return tell_later(progress) if waits else fail(progress)

    async def tell_later(progress: Progress[str]) -> None:
        await anyio.sleep(0)
        fail(progress)

    def fail(progress: Progress[str]) -> None:
        if progress.done == 2:
            raise LookupError("mine")

    with caplog.at_level("WARNING", "agentkit"):
        outcomes = await agent_for(echoing).run_many(["a", "b", "c", "d"], on_progress=tell)

    assert [outcome.output for outcome in outcomes] == ["A", "B", "C", "D"]
    assert told == [1, 2]
    assert [record.getMessage() for record in caplog.records] == ["progress.failed error='LookupError' done=2"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
async def test_who_ends_the_program_in_on_progress_is_obeyed(echoing: Emulator, end: type[BaseException]) -> None:
    def tell(progress: Progress[str]) -> None:
        raise end

    with pytest.raises(end):
        await agent_for(echoing).run_many(["a", "b"], on_progress=tell)


async def test_a_keyboard_interrupt_in_a_tool_ends_all() -> None:
    @tool
    def stop() -> str:
        """Stop."""
        raise KeyboardInterrupt

    with serve(Emulator(brain=lambda _: reply(call("stop")))) as emulator, pytest.raises(KeyboardInterrupt):
        await agent_for(emulator, tools=[stop]).run_many(["a"] * 5, limit=2)

    assert len(emulator.requests) <= 4


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_run_in_which_something_else_was_cancelled_is_an_error_and_not_lost(echoing: Emulator) -> None:
    def instructions(ctx: RunContext[Any]) -> str:
        raise asyncio.CancelledError

    outcomes = await agent_for(echoing, instructions=instructions).run_many(["a", "b"])

    assert [type(outcome.error) for outcome in outcomes] == [RunFailed, RunFailed]


def test_it_can_be_waited_for_without_async(echoing: Emulator) -> None:
    outcomes = agent_for(echoing).run_many_sync(["a", "b"], limit=1)

    assert [outcome.output for outcome in outcomes] == ["A", "B"]


def test_the_values_show_what_they_hold() -> None:
    result: RunResult[str] = RunResult(state=RunState.begin(MODEL, Content(role="user", parts=[Part(text="x")])))

    outcome = Outcome(index=0, job=Job("x"), result=result)

    assert repr(outcome).startswith("Outcome(index=0, job=Job(prompt='x'")
    with pytest.raises(AgentKitError):
        _ = outcome.output
