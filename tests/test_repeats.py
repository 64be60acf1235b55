"""Going round in circles: what counts as a repeat, and how the model is warned and then stopped."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, ConfigurationError, GeminiClient, Limits, LoopDetected, LoopFound, RunState, ToolError
from agentkit.repeats import LONGEST_CYCLE, find_repeat
from agentkit.testing import Emulator, call, call_args, text
from agentkit.wire import FunctionResponse, GenerateContentResponse, user_text
from tests.answered import told

MODEL = "gemini-3-flash-preview"
OK, BAD = {"output": "same"}, {"error": "No."}

Round = list[tuple[str, dict[str, Any], dict[str, Any]]]  # name, arguments, what was told


def after(*rounds: Round, open_calls: bool = True) -> RunState:
    """A run in which the model has asked, and was told, all this; the last round is not closed yet."""
    state = RunState.begin(MODEL, user_text("Go."))
    for number, one in enumerate(rounds, 1):
        parts = [{"functionCall": {"name": name, "args": args}} for name, args, _ in one]
        answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
        state.accept(GenerateContentResponse.parse(answer))
        for pending, (name, _, response) in zip(state.pending, one, strict=True):
            pending.response = FunctionResponse(name=name, response=response)
        if number < len(rounds) or not open_calls:
            state.close_calls()
    return state


def look(place: int = 1, response: Any = OK) -> Round:
    return [("look", {"place": place}, response)]


def read(response: Any = OK) -> Round:
    return [("read", {}, response)]


REPEATS = [
    pytest.param([look()] * 3, ("call", ("look",)), id="one-call"),
    pytest.param([look(9), look(), look(), look()], ("call", ("look",)), id="one-call-after-others"),
    pytest.param([[*look(), *read()]] * 3, ("call", ("look", "read")), id="two-calls-in-one-answer"),
    pytest.param([look(), read()] * 3, ("cycle", ("look", "read")), id="a-cycle-of-two"),
    pytest.param([look(), look(2), read()] * 3, ("cycle", ("look", "look", "read")), id="a-cycle-of-three"),
    pytest.param([look(1, BAD), look(2, BAD), look(3, BAD)], ("error", ("look",)), id="errors-of-one-function"),
    pytest.param([look(1, BAD), read(BAD), look(2, BAD)], ("error", ("look",)), id="one-error-of-several-functions"),
    pytest.param([look(1, {"error": "a"}), look(2, {"error": "b"}), look(3, BAD)], ("error", ("look",)), id="errors"),
]


@pytest.mark.rows(59, 60)
@pytest.mark.parametrize("open_calls", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize(("rounds", "found"), REPEATS)
def test_a_repeat_is_found(rounds: list[Round], found: tuple[str, tuple[str, ...]], open_calls: bool) -> None:
    repeat = find_repeat(after(*rounds, open_calls=open_calls), 3)

    assert repeat is not None
    assert (repeat.kind, repeat.tools, repeat.times) == (*found, 3)


NO_REPEATS = [
    pytest.param([], id="nothing"),
    pytest.param([look()] * 2, id="twice"),
    pytest.param([look(1), look(2), look(3)], id="other-arguments"),
    pytest.param([look(1, {"output": n}) for n in range(3)], id="other-results"),
    pytest.param([look(), look(), look(2)], id="something-new-at-the-end"),
    pytest.param([look(), look(), read(), look()], id="something-new-in-between"),
    pytest.param([look(), read(), look(), read(), look()], id="two-and-a-half-cycles"),
    pytest.param([look(1), look(2), look(3), read()] * 3, id="a-cycle-of-four"),
    pytest.param([look(1, BAD), read({"error": "Other."}), look(2, BAD)], id="several-errors-of-several-functions"),
    pytest.param([[*look(n, BAD), *read()] for n in range(3)], id="errors-beside-a-success"),
]


@pytest.mark.parametrize("rounds", NO_REPEATS)
def test_work_that_goes_on_is_no_repeat(rounds: list[Round]) -> None:
    assert find_repeat(after(*rounds), 3) is None


def test_what_the_history_holds_is_no_repeat_of_this_run() -> None:
    earlier = after(look(), look(), open_calls=False).contents
    state = RunState.begin(MODEL, earlier[-1], earlier[:-1])  # the prompt answers the last call
    state.accept(GenerateContentResponse.parse({"candidates": [{"content": earlier[1].to_wire()}]}))
    state.pending[0].response = FunctionResponse(name="look", response=OK)

    assert find_repeat(state, 2) is None
    assert find_repeat(after(look(), look(), look()), 2) is not None


rounds = st.sampled_from([look(1), look(2), look(1, BAD), look(2, BAD), read(), read({"error": "Other."})])


@given(
    st.lists(st.lists(rounds, max_size=6), max_size=4).map(lambda parts: [*itertools.chain(*parts)]), st.integers(2, 4)
)
def test_nothing_is_found_that_did_not_come_so_often(done: list[Round], times: int) -> None:
    repeat = find_repeat(after(*done), times)

    if repeat is None:
        assert not is_repeated(done, 1, times)
    elif repeat.kind == "error":
        assert all("error" in one[0][2] for one in done[-times:])
        assert len(done) >= times
    else:
        periods = [1] if repeat.kind == "call" else range(2, LONGEST_CYCLE + 1)
        assert any(is_repeated(done, period, times) for period in periods)


def is_repeated(done: list[Round], period: int, times: int) -> bool:
    """Tell whether the last rounds are the same `period` rounds, `times` over."""
    written = [json.dumps(one) for one in done]
    return len(written) >= period * times and written[-period * times :] == written[-period:] * times


@given(st.lists(rounds, max_size=2), rounds, st.integers(2, 5))
def test_equal_rounds_are_found_when_they_came_so_often_and_not_before(
    before: list[Round], one: Round, times: int
) -> None:
    if one in before or "error" in one[0][2]:
        before = []

    assert find_repeat(after(*before, *[one] * (times - 1)), times) is None
    assert find_repeat(after(*before, *[one] * times), times) is not None


# -- In a run ----------------------------------------------------------------------------------------------------------


def echo(word: str) -> str:
    return word


def fail(number: int) -> str:
    raise ToolError("No.")


def notes(emulator: Emulator) -> list[int]:
    """The numbers of the requests whose last content holds a warning."""
    return [
        number
        for number, body in enumerate(emulator.requests)
        if any("note" in part.get("functionResponse", {}).get("response", {}) for part in body["contents"][-1]["parts"])
    ]


@pytest.mark.anyio
@pytest.mark.rows(59)
async def test_the_model_is_told_that_it_goes_round(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(3):
        emulator.reply(call("echo", word="a"), call("echo", word="b"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client).run("Go.")

    assert (result.output, result.stop) == ("Done.", "answer")
    assert notes(emulator) == [3]
    assert told(emulator) == [
        {"output": "a"},
        {
            "output": "b",
            "note": "You have called echo 3 times with the same arguments and the same results. "
            "Calling again will not change them. Do something else, or answer with what you know.",
        },
    ]


@pytest.mark.anyio
@pytest.mark.rows(59)
async def test_a_model_that_goes_on_after_the_warning_gets_a_last_turn(
    emulator: Emulator, client: GeminiClient
) -> None:
    for _ in range(6):
        emulator.reply(call("echo", word="a"))
    emulator.reply(text("The best I know."))

    async with Agent(MODEL, tools=[echo], client=client).stream("Go.") as run:
        found = [event async for event in run if isinstance(event, LoopFound)]
        result = await run.result()

    assert [(event.pattern, event.tools, event.times, event.stopped) for event in found] == [
        ("call", ("echo",), 3, False),
        ("call", ("echo",), 3, True),
    ]
    assert (result.output, result.stop) == ("The best I know.", "loop")
    assert notes(emulator) == [3, 6]
    assert emulator.requests[-1]["toolConfig"]["functionCallingConfig"] == {"mode": "NONE"}


@pytest.mark.anyio
@pytest.mark.rows(59)
async def test_a_model_that_goes_on_after_the_warning_can_end_the_run(emulator: Emulator, client: GeminiClient) -> None:
    for number in range(4):
        emulator.reply(call("fail", number=number))

    with pytest.raises(
        LoopDetected, match=r"nothing but errors from fail, 2 times .* `Limits\(repeats=...\)`"
    ) as caught:
        await Agent(MODEL, tools=[fail], client=client, limits=Limits(repeats=2, on_limit="raise")).run("Go.")

    assert (caught.value.pattern, caught.value.tools, caught.value.times) == ("error", ("fail",), 2)
    assert (len(emulator.requests), caught.value.state.usage.turns) == (4, 4)


@pytest.mark.anyio
@pytest.mark.rows("R5")
async def test_a_run_that_was_stopped_in_a_circle_goes_on(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(4):
        emulator.reply(call("echo", word="a"))
    agent = Agent(MODEL, tools=[echo], client=client, limits=Limits(repeats=2, on_limit="raise"))
    with pytest.raises(LoopDetected) as caught:
        await agent.run("Go.")
    emulator.reply(text("Done."))

    result = await agent.resume(RunState.load_json(caught.value.state.dump_json()))

    assert result.output == "Done."
    assert told(emulator) == [{"output": "a"}]


@pytest.mark.anyio
async def test_the_rounds_before_a_warning_do_not_count_for_the_next(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(5):
        emulator.reply(call("echo", word="a"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client).run("Go.")

    assert (result.stop, notes(emulator)) == ("answer", [3])


@pytest.mark.anyio
async def test_repeats_need_not_be_watched(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(7):
        emulator.reply(call("echo", word="a"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, limits=Limits(repeats=None)).run("Go.")

    assert (result.stop, notes(emulator)) == ("answer", [])


ODD_CALLS = [
    pytest.param("ekho", "word", "There is no function 'ekho'. Did you mean 'echo'?", id="an-unknown-name"),
    pytest.param("echo", "wort", "'wort': is not known here", id="wrong-arguments"),
]


@pytest.mark.anyio
@pytest.mark.rows(44, 45)
@pytest.mark.parametrize(("name", "parameter", "sentence"), ODD_CALLS)
async def test_a_mistake_that_comes_again_and_again_is_warned_about_and_then_ends_the_calls(
    emulator: Emulator, client: GeminiClient, name: str, parameter: str, sentence: str
) -> None:
    """The matrix would end the run after three. One warning more costs little and saves runs; the turns are bounded."""
    for number in range(6):
        emulator.reply(call_args(name, {parameter: str(number)}))
    emulator.reply(text("The best I know."))

    result = await Agent(MODEL, tools=[echo], client=client).run("Go.")

    assert (result.stop, notes(emulator)) == ("loop", [3, 6])
    [response] = told(emulator)
    assert sentence in response["error"]
    assert response["note"].startswith(f"{name} failed 3 times in a row.")


@pytest.mark.parametrize("repeats", [1, 0, -3, True, 2.5, "3"], ids=repr)
def test_a_number_of_repeats_that_is_none_is_refused(repeats: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Limits\(repeats="):
        Limits(repeats=repeats)
