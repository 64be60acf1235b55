"""The calls of an answer: what runs, what is refused, and what the model is told."""

import contextvars
import dataclasses
import datetime
import decimal
import enum
import functools
import gc
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pydantic
import pytest

from agentkit import (
    Agent,
    GeminiClient,
    RunContext,
    Tool,
    ToolDefinitionError,
    ToolError,
    ToolFailed,
    ToolFinished,
    ToolProgress,
    tool,
)
from agentkit._threads import MAX_LEFT_BEHIND, threads_left_behind
from agentkit.testing import Emulator, call, call_args, part, text
from agentkit.testing.server import serve
from tests.answered import answers, told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
SECRET = "sk-very-secret"
SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # the documented dummy

Ask = Callable[..., Any]


@pytest.fixture
def ask(emulator: Emulator, client: GeminiClient) -> Ask:
    """Let the model make calls and then say "Done."; return what it was told about them."""

    async def ask(tools: list[object], *calls: Any, **options: Any) -> list[Mapping[str, Any]]:
        emulator.reply(*calls)
        emulator.reply(text("Done."))
        await Agent(MODEL, tools=tools, client=client, **options).run("Go.")
        return told(emulator)

    return ask


@dataclasses.dataclass
class Town:
    name: str
    people: int


class Weather(pydantic.BaseModel):
    degrees: float = pydantic.Field(alias="deg")


class Colour(enum.Enum):
    RED = "red"


RESULTS = [
    pytest.param("warm", {"output": "warm"}, id="text"),
    pytest.param("", {"output": ""}, id="empty-text"),
    pytest.param(None, {"output": None}, id="none"),
    pytest.param(7, {"output": 7}, id="number"),
    pytest.param([1, (2, 3)], {"output": [1, [2, 3]]}, id="lists-and-tuples"),
    pytest.param({"a": 1}, {"a": 1}, id="an-object-goes-as-it-is"),
    pytest.param({}, {}, id="an-empty-object-too"),
    pytest.param({1: "x"}, {"1": "x"}, id="keys-become-text"),
    pytest.param(Town("Oslo", 7), {"name": "Oslo", "people": 7}, id="dataclass"),
    pytest.param(Weather(deg=4), {"deg": 4.0}, id="model-by-alias"),
    pytest.param(Colour.RED, {"output": "red"}, id="enum"),
    pytest.param(datetime.date(2026, 1, 2), {"output": "2026-01-02"}, id="date"),
    pytest.param(decimal.Decimal("1.50"), {"output": 1.5}, id="decimal"),
    pytest.param({3, 1, 2}, {"output": [1, 2, 3]}, id="set"),
    pytest.param(float("nan"), {"output": None}, id="nan-is-null"),
    pytest.param(b"hi", {"output": "aGk="}, id="bytes"),
    pytest.param("\ud800", {"output": "\ufffd"}, id="half-a-character"),
]


@pytest.mark.rows(79, 83)
@pytest.mark.parametrize(("result", "response"), RESULTS)
async def test_a_result_reaches_the_model_as_json(ask: Ask, result: object, response: object) -> None:
    def show() -> Any:
        return result

    assert await ask([show], call("show")) == [response]


@pytest.mark.rows(79)
async def test_a_result_that_json_cannot_hold_is_explained_to_the_model(ask: Ask) -> None:
    def numbers() -> Any:
        return (number for number in range(3))

    [response] = await ask([numbers], call("numbers"))

    assert response["error"].startswith("numbers ran, but its result cannot be shown: result is of type generator")


async def test_a_result_is_taken_when_its_call_returns(ask: Ask) -> None:
    basket: list[str] = []

    @tool(parallel=False)
    def add(item: str) -> list[str]:
        basket.append(item)
        return basket

    assert await ask([add], call("add", item="a"), call("add", item="b")) == [{"output": ["a"]}, {"output": ["a", "b"]}]


async def test_a_tool_error_is_told_word_for_word(ask: Ask) -> None:
    def population(city: str) -> int:
        raise ToolError(f"No city {city!r}. Ask for one that exists.")

    assert await ask([population], call("population", city="Atlantis")) == [
        {"error": "No city 'Atlantis'. Ask for one that exists."}
    ]


def broken() -> str:
    raise ValueError(f"bad token {SECRET}")


@pytest.mark.rows(73)
async def test_the_text_of_an_exception_is_hidden_from_the_model_but_kept(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("broken"))
    emulator.reply(text("Sorry."))

    result = await Agent(MODEL, tools=[broken], client=client).run("Go.")

    assert told(emulator) == [{"error": "broken failed (ValueError)"}]
    assert SECRET not in str(emulator.requests)
    [failure] = result.tool_failures
    assert (failure.tool, failure.error_type, failure.text) == ("broken", "ValueError", f"bad token {SECRET}")


@pytest.mark.rows(73)
async def test_a_watcher_sees_the_exception_in_full(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("broken"))
    emulator.reply(text("Sorry."))

    async with Agent(MODEL, tools=[broken], client=client).stream("Go.") as run:
        [finished] = [event async for event in run if isinstance(event, ToolFinished)]

    assert (finished.failed, finished.error) == (True, f"ValueError: bad token {SECRET}")
    assert finished.response == {"error": "broken failed (ValueError)"}


async def test_show_tells_the_text(ask: Ask) -> None:
    assert await ask([broken], call("broken"), errors="show") == [
        {"error": f"broken failed (ValueError): bad token {SECRET}"}
    ]


async def test_raise_ends_the_run_with_the_exception_as_cause(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("broken"))

    with pytest.raises(ToolFailed, match="'broken' failed: ValueError") as caught:
        await Agent(MODEL, tools=[broken], client=client, errors="raise").run("Go.")

    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.state.pending


async def test_two_calls_that_end_the_run_at_once_raise_one_error(emulator: Emulator, client: GeminiClient) -> None:
    async def fail(number: int) -> None:
        raise ValueError(str(number))

    emulator.reply(call("fail", number=1), call("fail", number=2))

    with pytest.raises(ToolFailed, match=r"ValueError: [12]") as caught:
        await Agent(MODEL, tools=[fail], client=client, errors="raise").run("Go.")

    assert caught.value.state is not None


async def test_the_mode_of_a_tool_is_stronger_than_that_of_the_agent(ask: Ask) -> None:
    shown = tool(errors="show")(broken)

    assert await ask([shown], call("broken"), errors="raise") == [
        {"error": f"broken failed (ValueError): bad token {SECRET}"}
    ]


@pytest.mark.rows(74)
async def test_each_member_of_a_group_of_exceptions_is_a_failure_like_any_other(ask: Ask) -> None:
    async def group() -> None:
        raise ExceptionGroup("both", [ValueError(SECRET), KeyError(SECRET)])

    assert await ask([group], call("group")) == [{"error": "group failed (ValueError)\ngroup failed (KeyError)"}]


def weather(city: str, days: int = 1) -> str:
    return f"{city} {days}"


UNKNOWN = [
    pytest.param("wether", "Did you mean 'weather'?", id="a-close-match-is-named"),
    pytest.param("zzz", "Available: weather, broken.", id="all-names-are-listed"),
    pytest.param("x" * 10_000, "xxx...'", id="a-long-name-is-cut"),
]


@pytest.mark.rows(44)
@pytest.mark.parametrize(("name", "hint"), UNKNOWN)
async def test_an_unknown_name_is_answered(ask: Ask, name: str, hint: str) -> None:
    [response] = await ask([weather, broken], part({"functionCall": {"name": name}, "thoughtSignature": SIGNATURE}))

    assert response["error"].startswith("There is no function ")
    assert hint in response["error"]
    assert len(response["error"]) < 300


@pytest.mark.rows(44)
@pytest.mark.parametrize("name", ["default_api.weather", " weather "])
async def test_a_name_with_decoration_finds_its_tool(emulator: Emulator, ask: Ask, name: str) -> None:
    said = {"functionCall": {"name": name, "args": {"city": "Oslo"}}, "thoughtSignature": SIGNATURE}

    assert await ask([weather], part(said)) == [{"output": "Oslo 1"}]
    assert answers(emulator)[0]["name"] == name


WRONG = [
    pytest.param({}, "'city': is required", id="missing"),
    pytest.param({"city": 5}, "'city': expected a valid string, got 5", id="wrong-type"),
    pytest.param({"city": "Oslo", "days": "many"}, "'days': expected a valid integer", id="no-number"),
    pytest.param({"city": "Oslo", "days": True}, "'days': expected a number, got true", id="bool-for-int"),
    pytest.param({"city": "Oslo", "colour": 1}, "'colour': is not known here; known are: city, days", id="unknown"),
]


@pytest.mark.rows(45, 46)
@pytest.mark.parametrize(("args", "sentence"), WRONG)
async def test_wrong_arguments_are_explained_and_nothing_runs(ask: Ask, args: dict[str, Any], sentence: str) -> None:
    ran: list[str] = []

    def weather(city: str, days: int = 1) -> None:
        ran.append(city)

    [response] = await ask([weather], call_args("weather", args))

    assert sentence in response["error"]
    assert not ran


def nested(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), "x")


ODD = [
    pytest.param({"city": "Oslo", "days": 1.0}, "Oslo 1", id="a-whole-float"),
    pytest.param({"city": "Oslo", "days": None}, "Oslo 1", id="null-for-an-option"),
    pytest.param('{"city": "Oslo"}', "Oslo 1", id="json-in-a-text"),
    pytest.param(["Oslo"], "must be a JSON object", id="a-list"),
    pytest.param("Oslo", "must be a JSON object", id="a-text"),
    pytest.param(None, "'city': is required", id="null"),
    pytest.param({"city": nested(150)}, "nested deeper than 100 levels", id="deep"),
]


@pytest.mark.rows(47)
@pytest.mark.parametrize(("args", "said"), ODD)
async def test_arguments_of_any_shape_are_taken_or_explained(args: Any, said: str) -> None:
    asked = {"functionCall": {"name": "weather", "args": args}, "thoughtSignature": SIGNATURE}

    with serve(Emulator(strict=False)) as emulator:  # Google itself would not take some of these back
        emulator.reply(part(asked))
        emulator.reply(text("Done."))
        await Agent(MODEL, tools=[weather], client=GeminiClient(api_key="key", base_url=emulator.url)).run("Go.")

    assert said in str(told(emulator))


@pytest.mark.rows(47)
async def test_a_call_without_arguments_runs(ask: Ask) -> None:
    def now() -> str:
        return "noon"

    assert await ask([now], part({"functionCall": {"name": "now"}, "thoughtSignature": SIGNATURE})) == [
        {"output": "noon"}
    ]


@pytest.mark.rows(76)
async def test_an_async_tool_that_takes_too_long_is_cancelled(ask: Ask) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    async def fast() -> str:
        return "here"

    responses = await ask([slow, fast], call("slow"), call("fast"), tool_timeout_s=0.05)

    assert responses == [{"error": "slow timed out after 0.05 s."}, {"output": "here"}]
    assert ended == ["cancelled"]


@pytest.mark.rows(77)
async def test_a_sync_tool_that_takes_too_long_is_left_behind(ask: Ask) -> None:
    released = threading.Event()

    @tool(timeout_s=0.05)
    def stuck() -> None:
        released.wait(5)

    try:
        assert await ask([stuck], call("stuck")) == [{"error": "stuck timed out after 0.05 s."}]
    finally:
        released.set()


async def test_a_timeout_error_of_the_tool_itself_is_its_failure(ask: Ask) -> None:
    def late() -> None:
        raise TimeoutError("upstream")

    assert await ask([late], call("late")) == [{"error": "late failed (TimeoutError)"}]


@pytest.mark.rows(84)
async def test_what_a_tool_does_to_its_arguments_stays_there(emulator: Emulator, ask: Ask) -> None:
    def take(items: list[str], options: dict[str, Any]) -> int:
        items.append("more")
        options["x"] = "changed"
        return len(items)

    def take_all(args: dict[str, Any]) -> int:
        args["items"].append("more")
        return len(args["items"])

    loose = Tool.from_declaration({"name": "loose"}, take_all)
    sent = {"items": ["a"], "options": {"x": 1}}
    await ask([take, loose], call_args("take", sent), call_args("loose", sent))

    calls = [said["functionCall"]["args"] for said in emulator.requests[1]["contents"][1]["parts"]]
    assert calls == [sent, sent]


@pytest.mark.rows(84)
async def test_a_saved_run_shows_the_arguments_as_they_were_sent(emulator: Emulator, client: GeminiClient) -> None:
    def take(args: dict[str, Any]) -> None:
        args["items"].append("more")
        raise ValueError

    emulator.reply(call("take", items=["a"]))
    agent = Agent(MODEL, tools=[Tool.from_declaration({"name": "take"}, take)], client=client, errors="raise")

    with pytest.raises(ToolFailed) as caught:
        await agent.run("Go.")

    assert caught.value.state.pending[0].call.args == {"items": ["a"]}


@pytest.mark.rows(84)
async def test_a_tool_cannot_change_the_conversation(emulator: Emulator, client: GeminiClient) -> None:
    def meddle(ctx: RunContext[Any]) -> None:
        ctx.contents.append(ctx.contents[0])  # type: ignore[attr-defined]  # a Sequence, on purpose

    emulator.reply(call("meddle"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[meddle], client=client).run("Go.")

    assert len(emulator.requests[1]["contents"]) == 3


user: contextvars.ContextVar[str] = contextvars.ContextVar("user")


async def test_a_sync_tool_sees_the_context_variables_of_the_caller(ask: Ask) -> None:
    def who() -> str:
        return user.get()

    user.set("ada")

    assert await ask([who], call("who")) == [{"output": "ada"}]


async def test_a_tool_knows_its_run_and_its_call(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[RunContext[str]] = []

    async def look(ctx: RunContext[str], word: str) -> None:
        seen.append(ctx)

    emulator.reply(call("look", word="a"), call("look", word="b"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[look], client=client).run("Go.", deps="the deps")

    run_id = result.state.run_id
    assert sorted(ctx.call_key for ctx in seen) == [f"{run_id}:0:0", f"{run_id}:0:1"]
    assert [ctx.idempotency_key for ctx in seen] == [ctx.call_key for ctx in seen]
    assert {(ctx.deps, ctx.run_id, ctx.tool, ctx.usage.turns, len(ctx.contents)) for ctx in seen} == {
        ("the deps", run_id, "look", 1, 2)
    }
    assert emulator.requests[0]["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]["required"] == ["word"]


async def test_progress_is_an_event(emulator: Emulator, client: GeminiClient) -> None:
    async def count(ctx: RunContext[None]) -> None:
        await ctx.progress("half", fraction=0.5)

    def count_sync(ctx: RunContext[None]) -> None:
        ctx.progress_sync("all")

    emulator.reply(call("count"), call("count_sync"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[count, count_sync], client=client).stream("Go.") as run:
        told = {(event.tool, event.message, event.fraction) async for event in run if isinstance(event, ToolProgress)}

    assert told == {("count", "half", 0.5), ("count_sync", "all", None)}


@pytest.mark.rows(74)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_what_ends_the_program_is_not_swallowed(
    emulator: Emulator, client: GeminiClient, kind: type[BaseException], is_async: bool
) -> None:
    async def leave_async() -> None:
        raise kind

    def leave_sync() -> None:
        raise kind

    leave = leave_async if is_async else leave_sync
    emulator.reply(call(leave.__name__))

    with pytest.raises(kind):
        Agent(MODEL, tools=[leave], client=client, errors="hide").run_sync("Go.")

    gc.collect()  # asyncio complains about such a task when it is collected: here, and not within another test


async def test_a_tool_that_cancels_itself_fails_alone(emulator: Emulator, client: GeminiClient) -> None:
    async def give_up() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep(1)
        raise ValueError("gave up")

    emulator.reply(call("give_up"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[give_up], client=client).run("Go.")

    assert result.output == "Done."


@pytest.mark.rows(75)
def test_a_cancelled_error_of_the_tools_own_is_a_failure_of_that_tool(emulator: Emulator, client: GeminiClient) -> None:
    async def give_up() -> None:
        raise anyio.get_cancelled_exc_class()()

    emulator.reply(call("give_up"))
    emulator.reply(text("Done."))

    assert Agent(MODEL, tools=[give_up], client=client).run_sync("Go.").output == "Done."
    assert told(emulator) == [{"error": "give_up failed (CancelledError)"}]


@pytest.mark.rows(73)
async def test_an_exception_that_cannot_say_what_it_is_is_a_failure_like_others(ask: Ask) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def fail() -> str:
        """Fail."""
        raise Mute

    assert await ask([fail], call("fail"), errors="show") == [{"error": "fail failed (Mute)"}]


# -- Locks -------------------------------------------------------------------------------------------------------------


def by_account(args: dict[str, Any]) -> object:
    return args["account"]


def broken_lock(args: dict[str, Any]) -> object:
    raise KeyError("nothing")


LOCKS = [
    pytest.param("the till", id="a-text"),
    pytest.param(by_account, id="by-argument"),
    pytest.param(broken_lock, id="a-lock-that-fails-is-the-tool"),
]


@pytest.mark.rows(88)
@pytest.mark.parametrize("lock", LOCKS)
async def test_calls_with_an_equal_lock_run_one_after_the_other(ask: Ask, lock: Any) -> None:
    diary: list[str] = []

    @tool(lock=lock)
    async def book(account: str, note: str) -> str:
        diary.append(f"{note} begins")
        await anyio.sleep(0.01)
        diary.append(f"{note} ends")
        return note

    responses = await ask([book], *(call("book", account="1", note=note) for note in "abc"))

    assert diary == [f"{note} {does}" for note in "abc" for does in ("begins", "ends")]
    assert responses == [{"output": note} for note in "abc"]


async def test_two_tools_may_share_a_lock(ask: Ask) -> None:
    diary: list[str] = []

    async def work(note: str) -> None:
        diary.append(f"{note} begins")
        await anyio.sleep(0.01)
        diary.append(f"{note} ends")

    tools = [tool(name=name, lock=lock)(work) for name, lock in (("book", by_note), ("cancel", "till"))]
    await ask([*tools], call("book", note="till"), call("cancel", note="b"))

    assert diary == ["till begins", "till ends", "b begins", "b ends"]


def by_note(args: dict[str, Any]) -> object:
    return args["note"]


async def test_calls_with_other_locks_or_none_run_side_by_side(ask: Ask) -> None:
    here: set[str] = set()
    all_here = anyio.Event()

    async def meet(note: str) -> str:
        here.add(note)
        if len(here) == 3:
            all_here.set()
        with anyio.fail_after(5):
            await all_here.wait()
        return note

    locked, free = tool(lock=by_note)(meet), tool(name="free")(meet)
    responses = await ask([locked, free], call("meet", note="a"), call("meet", note="b"), call("free", note="c"))

    assert responses == [{"output": note} for note in "abc"]


async def test_a_call_that_fails_sets_its_lock_free(ask: Ask) -> None:
    @tool(lock="till")
    async def book(note: str) -> str:
        if note == "a":
            await anyio.sleep_forever()
        if note == "b":
            raise ValueError
        return note

    responses = await ask([book], *(call("book", note=note) for note in "abc"), tool_timeout_s=0.05)

    assert responses == [
        {"error": "book timed out after 0.05 s."},
        {"error": "book failed (ValueError)"},
        {"output": "c"},
    ]


@pytest.mark.rows(75)
def test_a_call_that_cancels_itself_sets_its_lock_free(emulator: Emulator, client: GeminiClient) -> None:
    @tool(lock="till")
    async def book(note: str) -> str:
        if note == "a":
            raise anyio.get_cancelled_exc_class()()
        return note

    emulator.reply(call("book", note="a"), call("book", note="b"))
    emulator.reply(text("Done."))

    Agent(MODEL, tools=[book], client=client).run_sync("Go.")

    assert told(emulator) == [{"error": "book failed (CancelledError)"}, {"output": "b"}]


@pytest.mark.rows(88)
async def test_a_call_that_fails_or_hangs_leaves_the_others_alone(ask: Ask) -> None:
    async def hang() -> None:
        await anyio.sleep_forever()

    def fine() -> str:
        return "here"

    responses = await ask([broken, hang, fine], call("broken"), call("hang"), call("fine"), tool_timeout_s=0.05)

    assert responses == [
        {"error": "broken failed (ValueError)"},
        {"error": "hang timed out after 0.05 s."},
        {"output": "here"},
    ]


OPTIONS = [
    pytest.param({"lock": 7}, "Give a text, or a function of the arguments", id="a-number-as-lock"),
    pytest.param({"lock": ["till"]}, "Give a text, or a function of the arguments", id="a-list-as-lock"),
    pytest.param({"unknown_args": "ignore"}, 'Use "refuse" or "drop"', id="another-word-for-unknown-arguments"),
    pytest.param({"unknown_args": None}, 'Use "refuse" or "drop"', id="no-word-for-unknown-arguments"),
]


@pytest.mark.parametrize(("options", "sentence"), OPTIONS)
def test_an_option_of_a_call_that_means_nothing_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ToolDefinitionError, match=sentence):
        tool(**options)(broken)


# -- Arguments that a function does not have ---------------------------------------------------------------------------


@pytest.mark.rows(46)
async def test_arguments_that_are_not_known_can_be_dropped_and_that_is_logged(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    loose = tool(unknown_args="drop")(weather)

    with caplog.at_level(logging.WARNING, "agentkit"):
        responses = await ask([loose], call("weather", city="Oslo", colour="red", unit=1))

    assert responses == [{"output": "Oslo 1"}]
    assert "arguments.dropped tool='weather' names=['colour', 'unit']" in caplog.text


@pytest.mark.rows(46)
async def test_dropping_leaves_wrong_arguments_refused(ask: Ask) -> None:
    [response] = await ask([tool(unknown_args="drop")(weather)], call("weather", town="Oslo"))

    assert response == {"error": "'city': is required, but was left out."}


@pytest.mark.rows(46)
@pytest.mark.parametrize("unknown_args", ["refuse", "drop"])
async def test_a_function_that_takes_any_argument_by_name_gets_them(ask: Ask, unknown_args: Any) -> None:
    @tool(unknown_args=unknown_args)
    def order(town: str, **amounts: int) -> str:
        return f"{town} {amounts}"

    assert await ask([order], call("order", town="Oslo", eggs=3)) == [{"output": "Oslo {'eggs': 3}"}]


async def test_a_person_is_asked_about_a_call_that_runs_once_the_unknown_is_dropped(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("weather", city="Oslo", colour="red"))
    guarded = tool(unknown_args="drop", needs_approval=True)(weather)

    result = await Agent(MODEL, tools=[guarded], client=client).run("Go.")

    assert [request.args for request in result.paused] == [{"city": "Oslo", "colour": "red"}]


class Clinic:
    @tool(unknown_args="drop", lock="door")
    def visit(self, name: str) -> str:
        return name


async def test_a_method_keeps_the_options_of_its_tool(ask: Ask) -> None:
    assert Clinic().visit.lock == "door"
    assert await ask([Clinic().visit], call("visit", name="Ada", colour="red")) == [{"output": "Ada"}]


# -- Numbers -----------------------------------------------------------------------------------------------------------


class Trip(pydantic.BaseModel):
    length: float


def take_float(x: float) -> str:
    return repr(x)


def take_int(x: int) -> str:
    return repr(x)


def take_either(x: float | int) -> str:
    return repr(x)


def take_list(x: list[float]) -> str:
    return repr(x)


def take_trip(x: Trip) -> str:
    return repr(x.length)


def take_decimal(x: decimal.Decimal) -> str:
    return str(x)


ODD_INTEGER = 2**53 + 1  # the first that no float can hold

NUMBERS = [
    pytest.param(take_int, ODD_INTEGER, "9007199254740993", id="an-integer-stays-one"),
    pytest.param(take_either, ODD_INTEGER, "9007199254740993", id="an-integer-where-both-may-come"),
    pytest.param(take_decimal, ODD_INTEGER, "9007199254740993", id="an-integer-as-decimal"),
    pytest.param(take_float, 2**53, "9007199254740992.0", id="the-last-integer-that-fits"),
    pytest.param(take_float, 2**60, "1.152921504606847e+18", id="a-power-of-two-fits"),
    pytest.param(take_float, 5, "5.0", id="a-small-integer"),
    pytest.param(take_int, 5.0, "5", id="a-whole-float-as-integer"),
]


@pytest.mark.rows(48)
@pytest.mark.parametrize(("function", "sent", "taken"), NUMBERS)
async def test_a_number_arrives_as_it_was_sent(ask: Ask, function: Callable[..., str], sent: Any, taken: str) -> None:
    assert await ask([function], call(function.__name__, x=sent)) == [{"output": taken}]


LOSSY = [
    pytest.param(take_float, ODD_INTEGER, "'x': 9007199254740993 has", id="an-argument"),
    pytest.param(take_float, -ODD_INTEGER, "'x': -9007199254740993 has", id="below-zero"),
    pytest.param(take_list, [1, ODD_INTEGER], "'x[1]': 9007199254740993 has", id="in-a-list"),
    pytest.param(take_trip, {"length": ODD_INTEGER}, "'x.length': 9007199254740993 has", id="in-a-model"),
]


@pytest.mark.rows(48)
@pytest.mark.parametrize(("function", "sent", "sentence"), LOSSY)
async def test_an_integer_that_a_float_cannot_hold_is_refused(
    ask: Ask, function: Callable[..., str], sent: Any, sentence: str
) -> None:
    [response] = await ask([function], call(function.__name__, x=sent))

    assert response["error"].startswith(sentence)
    assert response["error"].endswith("more digits than a float can hold. Send it rounded.")


# -- Threads that are left behind --------------------------------------------------------------------------------------


@pytest.mark.rows(77)
async def test_threads_left_behind_are_counted_and_bounded(emulator: Emulator, client: GeminiClient) -> None:
    go_on = threading.Event()
    free = MAX_LEFT_BEHIND - threads_left_behind()

    def stick() -> None:
        go_on.wait(20)

    async def wait() -> str:
        return "here"

    emulator.reply(*(call("stick") for _ in range(free)))
    emulator.reply(call("stick"), call("wait"))
    emulator.reply(text("Done."))
    agent = Agent(MODEL, tools=[stick, wait], client=client, tool_timeout_s=0.1, parallel_calls=free)

    try:
        async with agent.stream("Go.") as run:
            errors = [event.error async for event in run if isinstance(event, ToolFinished)]
    finally:
        go_on.set()

    refusal = f"This was not run: {MAX_LEFT_BEHIND} earlier calls ran out of time and still hold their threads."
    assert told(emulator, 1) == [{"error": "stick timed out after 0.1 s."}] * free
    assert told(emulator, 2) == [{"error": f"{refusal} Go on without functions that take long."}, {"output": "here"}]
    assert f"threads of timed-out calls that still run: {MAX_LEFT_BEHIND}" in errors[free - 1]

    with anyio.fail_after(10):
        while threads_left_behind():
            await anyio.sleep(0.01)
    emulator.reply(call("stick"))
    emulator.reply(text("Done."))
    await agent.run("Again.")
    assert told(emulator) == [{"output": None}]
