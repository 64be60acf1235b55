"""`PrefixGuard`: what changed in the beginning of requests, and what that cost."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agentkit import (
    Agent,
    AutoCache,
    CodeExecution,
    Compaction,
    ConfigurationError,
    GeminiClient,
    GoogleSearch,
    Limits,
    Middleware,
    PrefixGuard,
    PrefixReport,
    tool,
)
from agentkit.testing import Emulator, call, text, usage
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import Content, GenerateContentRequest, GenerateContentResponse, Part

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"


@tool(effects="read")
def population(city: str) -> int:
    """How many live in a city."""
    return 717_710


@tool(effects="read")
def weather(city: str) -> str:
    """The weather in a city."""
    return "rain"


@tool(name="weather")
def sky(city: str) -> str:
    """The weather in a city, or in a village."""
    return "rain"


def said(*texts: str) -> list[Content]:
    """Contents of the user's and the model's in turn."""
    roles = ("user", "model")
    return [Content(role=roles[at % 2], parts=[Part(text=one)]) for at, one in enumerate(texts)]


def changes(guard: PrefixGuard) -> list[tuple[str, ...]]:
    return [report.changed for report in guard.reports]


async def ask(
    emulator: Emulator,
    client: GeminiClient,
    guard: PrefixGuard,
    history: Iterable[Content] = (),
    model: str = MODEL,
    prompt: str = "How are you?",
    **options: Any,
) -> None:
    emulator.reply(text("Fine."))
    await Agent(model, client=client, middleware=[guard], **options).run(prompt, history=list(history))


async def test_a_conversation_that_only_grows_is_not_reported(emulator: Emulator, client: GeminiClient) -> None:
    guard = PrefixGuard()
    agent = Agent(MODEL, instructions="Be brief.", tools=[population], client=client, middleware=[guard])
    chat = agent.chat()
    for number in range(3):
        emulator.reply(call("population", city="Oslo"))
        emulator.reply(text(f"Answer {number}."))
        await chat.run("How many in Oslo?")

    assert list(guard.reports) == []


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param({"instructions": "It is 9:00."}, {"instructions": "It is 9:01."}, ["instructions"], id="a-time"),
        pytest.param({"tools": [weather]}, {"tools": [weather, population]}, ["tools: population added"], id="added"),
        pytest.param({"tools": [weather, population]}, {"tools": [weather]}, ["tools: population removed"], id="gone"),
        pytest.param(
            {"tools": [weather, population]},
            {"tools": [population, weather]},
            ["tools: population moved", "tools: weather moved"],
            id="order",
        ),
        pytest.param(
            {"tools": [weather, population]},
            {"tools": [sky, population]},
            ["tools: weather changed"],
            id="changed",
        ),
        pytest.param({}, {"tools": [CodeExecution()]}, ["tools: codeExecution added"], id="built-in"),
        pytest.param({"model": MODEL}, {"model": "gemini-3.6-flash"}, ["model"], id="model"),
        pytest.param({"temperature": 0}, {"temperature": 1}, [], id="not-the-prefix"),
    ],
)
async def test_what_changed_between_two_runs_is_named(
    emulator: Emulator, client: GeminiClient, before: Any, after: Any, changed: list[str]
) -> None:
    guard = PrefixGuard()
    await ask(emulator, client, guard, **before)

    await ask(emulator, client, guard, **after)

    assert changes(guard) == ([tuple(changed)] if changed else [])


HISTORY = said("Hello.", "Hi.", "What is a fjord?", "A long inlet.")


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        pytest.param([*HISTORY, *said("And a lake?", "Still water.")], [], id="gone-on-with"),
        pytest.param(HISTORY, [], id="another-prompt-on-the-same-history"),
        pytest.param(said("Who are you?", "A model."), [], id="another-conversation"),
        pytest.param([*said("Hello!"), *HISTORY[1:]], [("contents[0]",)], id="edited-at-the-start"),
        pytest.param([*HISTORY[:1], *said("", "Hey.")[1:], *HISTORY[2:]], [("contents[1]",)], id="edited-inside"),
        pytest.param(HISTORY[2:], [("contents[0]",)], id="cut-at-the-start"),
        pytest.param([*HISTORY[:1], *HISTORY[3:]], [("contents[1]",)], id="cut-inside"),
    ],
)
async def test_a_history_that_was_changed_is_told_from_one_that_goes_another_way(
    emulator: Emulator, client: GeminiClient, after: list[Content], changed: list[tuple[str, ...]]
) -> None:
    guard = PrefixGuard()
    await ask(emulator, client, guard, HISTORY)

    await ask(emulator, client, guard, after, prompt="And a river?")

    assert changes(guard) == changed


class Editor(Middleware):
    """Changes the first content in every turn."""

    def __init__(self) -> None:
        self.turn = 0

    async def around_model(
        self, context: Any, request: GenerateContentRequest, proceed: Callable[[GenerateContentRequest], Any]
    ) -> GenerateContentResponse:
        self.turn += 1
        first = Content(role="user", parts=[Part(text=f"Turn {self.turn}")])
        response: GenerateContentResponse = await proceed(request.replace(contents=[first, *request.contents[1:]]))
        return response


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
async def test_lost_tokens_are_the_difference_of_what_the_service_counted(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=profile)
        guard = PrefixGuard()
        agent = Agent(MODEL, tools=[population], client=client, middleware=[Editor(), guard])
        emulator.reply(call("population", city="Oslo"), usage(promptTokenCount=6000, cachedContentTokenCount=5120))
        emulator.reply(text("717,710."), usage(promptTokenCount=6100, cachedContentTokenCount=1024))

        await agent.run("How many in Oslo?")

    [report] = guard.reports
    assert report == PrefixReport(
        run_id=report.run_id,
        within_run=True,
        changed=("contents[0]",),
        cached_before=5120,
        cached_after=1024,
        lost_tokens=4096,
        is_estimate=False,
    )
    assert str(report) == "Between two turns the prefix changed (contents[0]): 4,096 cached tokens were lost."


@pytest.mark.parametrize(("prompt", "lost"), [(6000, 6000), (1000, 0)], ids=["large", "too-small-for-any-cache"])
async def test_where_nothing_was_cached_before_the_loss_is_an_estimate(
    emulator: Emulator, client: GeminiClient, prompt: int, lost: int
) -> None:
    guard = PrefixGuard()
    agent = Agent(MODEL, tools=[population], client=client, middleware=[Editor(), guard])
    emulator.reply(call("population", city="Oslo"), usage(promptTokenCount=prompt))
    emulator.reply(text("717,710."), usage(promptTokenCount=prompt + 100))

    await agent.run("How many in Oslo?")

    [report] = guard.reports
    assert (report.lost_tokens, report.is_estimate) == (lost, True)
    assert f"{f'about {lost:,}' if lost else 'no'} cached tokens were lost." in str(report)


async def test_the_last_turn_at_a_limit_is_reported_for_its_instructions(
    emulator: Emulator, client: GeminiClient
) -> None:
    guard = PrefixGuard()
    emulator.reply(call("population", city="Oslo"))
    emulator.reply(text("717,710."))

    await Agent(MODEL, tools=[population], client=client, middleware=[guard], limits=Limits(turns=2)).run("Go.")

    assert changes(guard) == [("instructions",)]


@pytest.mark.parametrize("is_async", [False, True])
async def test_whoever_wants_to_know_is_told(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    told: list[PrefixReport] = []

    async def tell(report: PrefixReport) -> None:
        told.append(report)

    guard = PrefixGuard(tell if is_async else told.append)
    with caplog.at_level("WARNING", "agentkit"):
        await ask(emulator, client, guard, instructions="It is 9:00.")
        await ask(emulator, client, guard, instructions="It is 9:01.")

    assert told == list(guard.reports)
    [record] = caplog.records
    assert (record.event, record.facts["changed"]) == ("prefix.changed", ["instructions"])  # type: ignore[attr-defined]
    assert "9:0" not in caplog.text


async def test_a_summary_that_is_asked_for_is_no_part_of_the_conversation(
    emulator: Emulator, client: GeminiClient
) -> None:
    guard = PrefixGuard()
    summarise = Compaction(at_tokens=1000, keep_turns=1, how="summarise")
    agent = Agent(MODEL, tools=[population], client=client, middleware=[summarise, guard])
    chat = agent.chat(said("Hello.", "Hi."))
    emulator.reply(call("population", city="Oslo"), usage(promptTokenCount=6000, cachedContentTokenCount=5120))
    emulator.reply(text("The user said hello."))
    emulator.reply(text("717,710."), usage(promptTokenCount=500, cachedContentTokenCount=0))

    await chat.run("How many in Oslo?")

    [report] = guard.reports
    assert (report.changed, report.within_run, report.lost_tokens) == (("contents[1]",), True, 5120)


async def test_a_side_request_of_a_call_is_no_part_of_the_conversation(
    emulator: Emulator, client: GeminiClient
) -> None:
    guard = PrefixGuard()
    emulator.reply(call("search_web", query="rain"))
    emulator.reply(text("It rains."))
    emulator.reply(text("Rain."))
    agent = Agent("gemini-2.5-flash", tools=[weather, GoogleSearch()], client=client, middleware=[guard])

    await agent.run("What is the weather?")

    assert len(emulator.requests) == 3
    assert not guard.reports


async def test_a_guard_before_an_automatic_cache_sees_the_whole_request(
    emulator: Emulator, client: GeminiClient
) -> None:
    guard = PrefixGuard()
    rules = "Be kind, and say where you know it from. " * 150
    agent = Agent(MODEL, instructions=rules, client=client, middleware=[guard, AutoCache(min_tokens=1024)])
    for _ in range(3):
        emulator.reply(text("Fine."))
        await agent.run("How are you?")

    assert list(guard.reports) == []
    assert "cachedContent" in emulator.requests[-1]


async def test_a_guard_behind_an_automatic_cache_sees_its_name_come(emulator: Emulator, client: GeminiClient) -> None:
    guard = PrefixGuard()
    rules = "Be kind, and say where you know it from. " * 150
    agent = Agent(MODEL, instructions=rules, client=client, middleware=[AutoCache(min_tokens=1024), guard])
    for _ in range(3):
        emulator.reply(text("Fine."))
        await agent.run("How are you?")

    assert changes(guard) == [("cachedContent", "instructions")]


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="on_change must be a function"):
        PrefixGuard("print")  # type: ignore[arg-type]
