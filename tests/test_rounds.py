"""`agent.run_batch`: many runs through the batch endpoint, what all of them ask next in one batch."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    BatchFailed,
    ConfigurationError,
    DeadlineExceeded,
    GeminiClient,
    GoogleSearch,
    Job,
    Limits,
    Middleware,
    NotOffered,
    Outcome,
    Price,
    Progress,
    RateLimited,
    Retry,
    RunContext,
    RunState,
    approve,
    tool,
)
from agentkit.testing import Asked, Emulator, Reply, call, empty, error, reply, search, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve

MODEL = "gemini-3-flash-preview"

pytestmark = pytest.mark.anyio


@tool
def population(city: str) -> int:
    """Tell how many live in a city."""
    return len(city) * 1000


@tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded {order}"


def town(asked: Asked) -> Reply:
    """Answer by the last part: what a function returned, or which one shall be called."""
    last = asked.body["contents"][-1]["parts"][0]
    if "functionResponse" in last:
        return reply(text(f"It is {last['functionResponse']['response'].get('output')}."))
    said: str = last["text"]
    if said == "hi":
        return reply(text("Hello."))
    if said == "busy":
        return reply(error(429, retry_after_s=3))
    if said == "refund":
        return reply(call("refund", order=7))
    return reply(call("population", city=said))


@pytest.fixture
def towns() -> Iterator[Emulator]:
    with serve(Emulator(brain=town)) as emulator:
        yield emulator


def agent_for(emulator: Emulator, **options: Any) -> Agent[Any, str]:
    retry = Retry(first_delay_s=0, rate_limit_delay_s=0)
    client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=emulator.profile, retry=retry)
    return Agent(MODEL, client=client, **{"tools": [population, refund], **options})


def said(outcomes: list[Outcome[str]]) -> list[object]:
    return [outcome.error or outcome.output for outcome in outcomes]


async def test_what_all_runs_ask_next_is_one_batch(towns: Emulator) -> None:
    told: list[Progress[str]] = []

    outcomes = await agent_for(towns).run_batch(
        ["Oslo", "hi", "Rome"], poll_s=0.001, display_name="towns", on_progress=told.append
    )

    assert said(outcomes) == ["It is 4000.", "Hello.", "It is 4000."]
    assert {asked.method for asked in towns.asked} == {"batchGenerateContent"}
    batches = await agent_for(towns).client.batches.list()
    assert [(batch.display_name, batch.requests) for batch in batches] == [("towns", 2), ("towns", 3)]
    assert [outcome.usage.turns for outcome in outcomes] == [2, 1, 2]
    assert [outcome.usage.requests for outcome in outcomes] == [2, 1, 2]
    assert told[-1].usage.tool_calls == 2
    assert (told[-1].done, told[-1].total) == (3, 3)
    assert [progress.batch.state for progress in told if progress.batch] == [
        "BATCH_STATE_RUNNING",
        "BATCH_STATE_SUCCEEDED",
    ] * 2
    assert all((progress.batch is None) != (progress.outcome is None) for progress in told)
    assert not towns.findings


async def test_a_hundred_prompts_take_as_many_batches_as_turns(towns: Emulator) -> None:
    outcomes = await agent_for(towns).run_batch([f"City {n}" for n in range(100)], poll_s=0.001, limit=7)

    assert said(outcomes) == [f"It is {len(f'City {n}') * 1000}." for n in range(100)]
    assert len(await agent_for(towns).client.batches.list()) == 2


async def test_no_more_runs_work_at_once_than_the_limit_says(towns: Emulator) -> None:
    under_way, most = 0, 0

    @tool
    async def population(city: str) -> int:
        """Tell how many live in a city."""
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.005)
        under_way -= 1
        return 1

    await agent_for(towns, tools=[population]).run_batch(["x"] * 12, poll_s=0.001, limit=3)

    assert most == 3


async def test_a_request_that_failed_is_the_error_of_its_run_and_can_go_on(towns: Emulator) -> None:
    agent = agent_for(towns)

    outcomes = await agent.run_batch(["hi", "busy", "busy", ""], poll_s=0.001)

    assert [type(outcome.error) for outcome in outcomes] == [type(None), RateLimited, RateLimited, ConfigurationError]
    states = [outcome.state for outcome in outcomes[1:3]]
    assert all(isinstance(state, RunState) for state in states)
    assert states[0] is not states[1]
    with serve(Emulator(brain=lambda _: reply(text("fine")))) as calmer:
        again = await agent_for(calmer).run_batch([outcome.again for outcome in outcomes[1:3]], poll_s=0.001)
    assert said(again) == ["fine", "fine"]


async def test_a_batch_that_fails_ends_its_runs_each_with_its_own_state(towns: Emulator) -> None:
    towns.batches.fail_next()

    outcomes = await agent_for(towns).run_batch(["Oslo", "Rome"], poll_s=0.001)

    errors = [outcome.error for outcome in outcomes]
    assert all(isinstance(one, BatchFailed) for one in errors)
    prompts = [outcome.state.contents[0].text for outcome in outcomes if outcome.state]
    assert prompts == ["Oslo", "Rome"]


async def test_a_pause_ends_a_run_and_the_others_go_on(towns: Emulator) -> None:
    agent = agent_for(towns)

    first = await agent.run_batch(["refund", "Oslo"], poll_s=0.001)
    assert first[0].result is not None
    decisions = {request.key: approve() for request in first[0].result.paused}
    [second] = await agent.run_batch([Job(first[0].state, decisions=decisions)], poll_s=0.001)

    assert first[1].output == "It is 4000."
    assert second.output == "It is refunded 7."


async def test_an_empty_answer_is_asked_again_in_the_next_batch(towns: Emulator) -> None:
    towns.reply(empty())

    outcomes = await agent_for(towns).run_batch(["hi", "hi"], poll_s=0.001)

    assert said(outcomes) == ["Hello.", "Hello."]
    assert [batch.requests for batch in await agent_for(towns).client.batches.list()] == [1, 2]


async def test_a_wait_that_is_too_long_ends_the_runs_and_names_the_batch(towns: Emulator) -> None:
    towns.batches.polls = 10**9

    outcomes = await agent_for(towns).run_batch(["Oslo", "hi"], poll_s=0.01, deadline_s=0.3)

    assert all(isinstance(outcome.error, DeadlineExceeded) for outcome in outcomes)
    [batch] = await agent_for(towns).client.batches.list()
    assert all(batch.name in str(outcome.error) for outcome in outcomes)


async def test_runs_whose_own_time_is_over_do_not_wait_for_the_batch(towns: Emulator) -> None:
    towns.batches.polls = 10**9

    outcomes = await agent_for(towns, limits=Limits(deadline_s=0.3)).run_batch(["Oslo", "hi"], poll_s=0.01)

    assert [str(outcome.error) for outcome in outcomes] == ["Time ran out after 0.3 s, waiting for the whole run."] * 2


class Impatient(Middleware):
    """Gives a request up after a while, and asks twice at once then."""

    async def around_model(self, ctx: RunContext[Any], request: Any, proceed: Any) -> Any:
        with anyio.move_on_after(0.1):
            return await proceed(request)
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await proceed(request))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
        return answers[0]


async def test_a_middleware_may_give_up_and_ask_again(towns: Emulator) -> None:
    towns.batches.polls = 10

    outcomes = await agent_for(towns, middleware=[Impatient()]).run_batch(["hi", "hi"], poll_s=0.02)

    assert said(outcomes) == ["Hello.", "Hello."]


async def test_a_batch_that_an_earlier_process_handed_in_is_waited_for(towns: Emulator) -> None:
    names: list[str] = []
    with anyio.CancelScope() as scope:

        def stop(progress: Progress[str]) -> None:
            if progress.batch is not None:
                names.append(progress.batch.name)
                scope.cancel()

        await agent_for(towns).run_batch(["Oslo", "hi"], poll_s=0.001, on_progress=stop)
    assert scope.cancelled_caught

    outcomes = await agent_for(towns).run_batch(["Oslo", "hi"], poll_s=0.001, batches=names)

    assert said(outcomes) == ["It is 4000.", "Hello."]
    assert [batch.requests for batch in await agent_for(towns).client.batches.list()] == [1, 2]


async def test_what_on_progress_raises_costs_no_outcome(towns: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Progress[str]] = []

    def tell(progress: Progress[str]) -> None:
        told.append(progress)
        raise LookupError("mine")

    with caplog.at_level("WARNING", "agentkit"):
        outcomes = await agent_for(towns).run_batch(["Oslo", "hi"], poll_s=0.001, on_progress=tell)

    assert said(outcomes) == ["It is 4000.", "Hello."]
    assert len(told) == 1
    assert [record.event for record in caplog.records] == ["progress.failed"]  # type: ignore[attr-defined]


async def test_requests_that_do_not_fit_into_one_batch_are_handed_in_as_several() -> None:
    long = "x" * 3_900_000
    with serve(Emulator(brain=lambda _: reply(text("read")))) as emulator:
        outcomes = await agent_for(emulator).run_batch([long] * 6, poll_s=0.001)
        batches = await agent_for(emulator).client.batches.list()

    assert said(outcomes) == ["read"] * 6
    assert sorted(batch.requests for batch in batches) == [1, 5]


async def test_one_request_that_is_too_large_is_the_error_of_its_run() -> None:
    with serve(Emulator(brain=lambda _: reply(text("read")))) as emulator:
        large, small = await agent_for(emulator).run_batch(["x" * 20_000_000, "hi"], poll_s=0.001)

    assert isinstance(large.error, ConfigurationError)
    assert "20,000,000" in str(large.error)
    assert small.output == "read"


async def test_models_are_asked_in_batches_of_their_own(towns: Emulator) -> None:
    other = Agent("gemini-2.5-flash", client=agent_for(towns).client)
    state = other._begin("hi", [])

    outcomes = await agent_for(towns).run_batch(["hi", state], poll_s=0.001)

    assert said(outcomes) == ["Hello.", "Hello."]
    models = {batch.model for batch in await agent_for(towns).client.batches.list()}
    assert models == {"models/gemini-2.5-flash", f"models/{MODEL}"}


async def test_a_side_request_of_a_call_is_asked_directly_and_waits_for_no_batch() -> None:
    def brain(asked: Asked) -> Reply:
        if "googleSearch" in asked.body["tools"][0]:
            return reply(text("Rain."), search("rain", pages={"a.example": "https://a.example/1"}))
        is_answered = "functionResponse" in asked.body["contents"][-1]["parts"][0]
        return reply(text("It rains.") if is_answered else call("search_web", query="rain"))

    with serve(Emulator(brain=brain)) as emulator:
        client = agent_for(emulator).client
        old = Agent("gemini-2.5-flash", client=client, tools=[population, GoogleSearch()])
        outcomes = await old.run_batch(["one", "two"], poll_s=0.001)
        batches = await client.batches.list()

    assert said(outcomes) == ["It rains.", "It rains."]
    assert [outcome.result.searches for outcome in outcomes if outcome.result] == [["rain"], ["rain"]]
    assert [batch.requests for batch in batches] == [2, 2]


async def test_what_a_batch_costs_is_not_guessed_by_the_prices_of_single_requests(towns: Emulator) -> None:
    client = GeminiClient(
        api_key="test-key", base_url=towns.url, endpoint="google", prices={MODEL: Price(input=1, output=1)}
    )
    agent = Agent(MODEL, client=client)
    limited = Agent(MODEL, client=client, limits=Limits(cost_usd=1))

    [single], [batched] = await agent.run_many(["hi"]), await agent.run_batch(["hi"], poll_s=0.001)
    [refused] = await limited.run_batch(["hi"], poll_s=0.001)

    assert single.usage.cost
    assert batched.usage.cost is None
    assert isinstance(refused.error, ConfigurationError)
    assert "Limits(total_tokens=...)" in str(refused.error)


@pytest.mark.parametrize("profile", ["vertex", "comet"])
async def test_an_endpoint_without_batches_is_told_once_and_not_for_each_prompt(profile: Profile) -> None:
    with serve(Emulator(profile=profile, brain=town)) as emulator:
        with pytest.raises(NotOffered, match=r"no batches.*run_many"):
            await agent_for(emulator).run_batch(["hi", "Oslo"], poll_s=0.001)
        outcomes = await agent_for(emulator).run_many(["hi", "Oslo"])

    assert said(outcomes) == ["Hello.", "It is 4000."]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"limit": 0}, "limit=0"),
        ({"batches": "batches/x"}, "batches"),
        ({"batches": [3]}, "batches"),
        ({"batches": ["no name"]}, "no name of a batch"),
        ({"poll_s": 0}, "poll_s=0"),
        ({"deadline_s": -1}, "deadline_s=-1"),
        ({"display_name": 3}, "display_name"),
        ({"prompts": "one text"}, "prompts is one str"),
    ],
    ids=repr,
)
async def test_wrong_settings_are_refused_before_sending(
    towns: Emulator, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        await agent_for(towns).run_batch(**{"prompts": ["hi"], **options})

    assert not towns.asked


async def test_no_prompts_make_no_batch(towns: Emulator) -> None:
    assert await agent_for(towns).run_batch([]) == []
    assert await agent_for(towns).client.batches.list() == []


async def test_deps_reach_the_tools(towns: Emulator) -> None:
    @tool
    def population(ctx: RunContext[str], city: str) -> str:
        """Tell how many live in a city."""
        return f"{ctx.deps}:{city}"

    outcomes = await agent_for(towns, tools=[population]).run_batch(
        ["Oslo", Job("Rome", deps="b")], deps="a", poll_s=0.001
    )

    assert said(outcomes) == ["It is a:Oslo.", "It is b:Rome."]


async def test_a_keyboard_interrupt_in_a_tool_ends_all(towns: Emulator) -> None:
    @tool
    def population(city: str) -> str:
        """Tell how many live in a city."""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await agent_for(towns, tools=[population]).run_batch(["Oslo", "Rome", "hi"], poll_s=0.001)


def test_it_can_be_waited_for_without_async(towns: Emulator) -> None:
    outcomes = agent_for(towns).run_batch_sync(iter(["hi", "Oslo"]), poll_s=0.001)

    assert said(outcomes) == ["Hello.", "It is 4000."]
