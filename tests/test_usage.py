"""What a run may spend, and how what it spent is counted."""

from decimal import Decimal
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, GeminiClient, LimitExceeded, Limits, Usage
from agentkit.testing import Emulator, empty, recorded, reply, stream, text, usage
from agentkit.wire import UsageMetadata

MODEL = "gemini-3-flash-preview"

WRONG = [
    pytest.param({name: value}, name, id=f"{name}={value!r}")
    for name in ("turns", "tool_calls", "total_tokens", "deadline_s")
    for value in (0, -1, True, "5", float("nan"), float("inf"))
]


@pytest.mark.rows(121)
@pytest.mark.parametrize(("options", "name"), WRONG)
def test_a_limit_that_is_no_amount_is_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"Limits\({name}=.*must be a"):
        Limits(**options)


@pytest.mark.rows(121)
@pytest.mark.parametrize("options", [{"turns": 1.5}, {"turns": None}, {"on_limit": "stop"}], ids=str)
def test_a_limit_of_the_wrong_kind_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        Limits(**options)


DECISIONS = [
    pytest.param(Limits(turns=3), Usage(turns=1), False, id="turns-left"),
    pytest.param(Limits(turns=3), Usage(turns=2), True, id="the-last-turn-is-reserved"),
    pytest.param(Limits(turns=1), Usage(), True, id="the-only-turn-is-the-last"),
    pytest.param(Limits(turns=3, on_limit="raise"), Usage(turns=2), False, id="nothing-is-reserved-when-raising"),
    pytest.param(Limits(tool_calls=2), Usage(tool_calls=1), False, id="calls-left"),
    pytest.param(Limits(tool_calls=2), Usage(tool_calls=3), True, id="calls-used-up"),
    pytest.param(Limits(total_tokens=10), Usage(total_tokens=9), False, id="tokens-left"),
    pytest.param(Limits(total_tokens=10), Usage(total_tokens=10), True, id="tokens-used-up"),
    pytest.param(Limits(cost_usd="0.1"), Usage(cost=Decimal("0.09999")), False, id="money-left"),
    pytest.param(Limits(cost_usd=0.1), Usage(cost=Decimal("0.1")), True, id="money-used-up"),
    pytest.param(Limits(cost_usd=5), Usage(cost=None), True, id="money-nobody-can-count"),
]


@pytest.mark.parametrize(("limits", "spent", "is_last"), DECISIONS)
def test_limits_decide_about_the_next_turn(limits: Limits, spent: Usage, is_last: bool) -> None:
    assert limits.check(spent) is is_last


EXCEEDED = [
    pytest.param(Limits(turns=2), Usage(turns=2), "turns", id="not-even-a-last-turn"),
    pytest.param(Limits(turns=2, on_limit="raise"), Usage(turns=2), "turns", id="turns"),
    pytest.param(Limits(tool_calls=1, on_limit="raise"), Usage(tool_calls=1), "tool_calls", id="calls"),
    pytest.param(Limits(total_tokens=1, on_limit="raise"), Usage(total_tokens=5), "total_tokens", id="tokens"),
    pytest.param(Limits(cost_usd=1, on_limit="raise"), Usage(cost=Decimal(2)), "cost_usd", id="money"),
]


@pytest.mark.parametrize(("limits", "spent", "name"), EXCEEDED)
def test_limits_end_a_run(limits: Limits, spent: Usage, name: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        limits.check(spent)

    assert caught.value.limit == name


COUNTS = [
    pytest.param(None, Usage(requests=1, cost=None), id="absent"),
    pytest.param({}, Usage(requests=1, cost=None), id="empty"),
    pytest.param({"promptTokenCount": -5, "totalTokenCount": -1}, Usage(requests=1, cost=None), id="negative"),
    pytest.param({"promptTokenCount": "many"}, Usage(requests=1, cost=None), id="no-number"),
    pytest.param(
        {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
        Usage(requests=1, input_tokens=5, output_tokens=2, total_tokens=7, cost=None),
        id="plain",
    ),
    pytest.param(
        {"promptTokenCount": 5, "toolUsePromptTokenCount": 3, "cachedContentTokenCount": 4, "thoughtsTokenCount": 6},
        Usage(requests=1, input_tokens=8, thought_tokens=6, cached_tokens=4, total_tokens=14, cost=None),
        id="a-total-that-is-left-out-is-the-sum",
    ),
]


@pytest.mark.parametrize(("metadata", "counted"), COUNTS)
def test_tokens_of_an_answer_are_counted(metadata: dict[str, Any] | None, counted: Usage) -> None:
    assert Usage.of_answer(None if metadata is None else UsageMetadata.parse(metadata)) == counted


def test_usage_adds_up_field_by_field() -> None:
    assert Usage(turns=1, input_tokens=2) + Usage(turns=1, output_tokens=3) == Usage(
        turns=2, input_tokens=2, output_tokens=3
    )


def test_costs_add_up_unless_one_is_not_known() -> None:
    tenth, unknown = Usage(cost=Decimal("0.1")), Usage(cost=None)

    assert (tenth + tenth).cost == Decimal("0.2")
    assert (tenth - tenth).cost == 0
    assert [(tenth + unknown).cost, (unknown + tenth).cost, (unknown - tenth).cost] == [None] * 3


@pytest.mark.anyio
async def test_a_stream_is_counted_once(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(stream("a", "b", "c"), usage(promptTokenCount=5, candidatesTokenCount=3))

    async with Agent(MODEL, client=client).stream("Go.") as run:
        spent = (await run.result()).usage

    assert (spent.requests, spent.input_tokens, spent.output_tokens, spent.total_tokens) == (1, 5, 3, 8)


@pytest.mark.anyio
async def test_unusable_answers_are_paid_for_too(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(empty(), usage(promptTokenCount=5, totalTokenCount=5))
    emulator.reply(text("Hi."), usage(promptTokenCount=5, totalTokenCount=6))

    spent = (await Agent(MODEL, client=client).run("Go.")).usage

    assert (spent.requests, spent.turns, spent.total_tokens) == (2, 1, 11)


@pytest.mark.anyio
async def test_an_answer_without_counts_costs_a_turn(emulator: Emulator, client: GeminiClient) -> None:
    said = {"content": {"role": "model", "parts": [{"text": "Hi."}]}, "finishReason": "STOP"}
    emulator.reply(reply(recorded([{"candidates": [said]}])))

    assert (await Agent(MODEL, client=client).run("Go.")).usage == Usage(turns=1, requests=1, cost=None)
