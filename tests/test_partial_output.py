"""A typed answer while it streams in: the object so far, as events."""

import json
from typing import Any, Literal

import pydantic
import pytest

from agentkit import Agent, Event, GeminiClient, PartialOutput, ResponseTruncated, Retrying, RunStream, TextDelta
from agentkit.testing import Emulator, call, continuation, finish, stream, text, thought

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


class Plan(pydantic.BaseModel):
    title: str
    towns: list[str]
    days: int


SAID = '{"title": "Norway", "towns": ["Oslo", "Bergen"], "days": 12}'


def look(word: str = "") -> str:
    return "seen"


async def watch(agent: Agent[Any, Any]) -> list[Event]:
    async with agent.stream("Go.") as run:
        return [event async for event in run]


async def partials(agent: Agent[Any, Any]) -> list[Any]:
    return [event.value for event in await watch(agent) if isinstance(event, PartialOutput)]


async def test_the_object_so_far_is_told_as_its_json_comes_in(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(stream('{"title": "Nor', 'way", "to', 'wns": ["Oslo", "Ber', 'gen"], "days": 1', "2}"))
    agent = Agent(NEW, output=Plan, tools=[look], client=client)

    async with agent.stream("Go.") as run:
        seen = [event.value async for event in run if isinstance(event, PartialOutput)]
        result = await run.result()

    assert seen == [
        {"title": "Nor"},
        {"title": "Norway"},
        {"title": "Norway", "towns": ["Oslo", "Ber"]},
        {"title": "Norway", "towns": ["Oslo", "Bergen"]},
        {"title": "Norway", "towns": ["Oslo", "Bergen"], "days": 12},
    ]
    assert result.output == Plan(title="Norway", towns=["Oslo", "Bergen"], days=12)


async def test_the_text_itself_is_told_first_and_whole(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(stream(*SAID))

    events = await watch(Agent(NEW, output=Plan, client=client))

    told = [event for event in events if isinstance(event, TextDelta | PartialOutput)]
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == SAID
    assert isinstance(told[0], TextDelta)
    assert next(event.value for event in reversed(told) if isinstance(event, PartialOutput)) == json.loads(SAID)


async def test_the_event_is_plain_json(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text(SAID))

    [event] = [one for one in await watch(Agent(NEW, output=Plan, client=client)) if isinstance(one, PartialOutput)]

    assert event.to_json() == {"type": "partial_output", "value": json.loads(SAID)}


ALONE = [
    pytest.param(int, ["1", "2"], [12], id="a-number-is-told-when-it-is-whole"),
    pytest.param(bool, ["tr", "ue"], [True], id="a-word-is-told-when-it-is-whole"),
    pytest.param(list[int], ["[1", ", 2", "]"], [[], [1], [1, 2]], id="a-list"),
    pytest.param(int | str, ['"a', 'b"'], ["a", "ab"], id="a-text"),
    pytest.param(Plan, ["```json\n", SAID, "\n```"], [json.loads(SAID)], id="a-fence-is-passed-over"),
]


@pytest.mark.parametrize(("output", "pieces", "seen"), ALONE)
async def test_other_values_are_told_too(
    emulator: Emulator, client: GeminiClient, output: Any, pieces: list[str], seen: list[Any]
) -> None:
    emulator.reply(stream(*pieces))

    assert await partials(Agent(NEW, output=output, client=client)) == seen


SILENT = [
    pytest.param(NEW, str, [text(SAID)], id="text"),
    pytest.param(NEW, Literal["red", "blue"], [text("red")], id="one-word-of-an-enum"),
    pytest.param(OLD, int, [call("final_answer", value=7)], id="a-final-answer-function"),
]


@pytest.mark.parametrize(("model", "output", "reply"), SILENT)
async def test_other_ways_tell_no_partial_objects(
    emulator: Emulator, client: GeminiClient, model: str, output: Any, reply: list[Any]
) -> None:
    emulator.reply(*reply)
    tools = [look] if model == OLD else []

    assert await partials(Agent(model, output=output, tools=tools, client=client)) == []


async def test_thoughts_and_words_before_a_call_are_no_objects(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("I will look."), call("look"))
    emulator.reply(thought('{"title": "Hm"'), text("7"))
    agent: Agent[Any, int] = Agent(NEW, output=int, tools=[look], include_thoughts=True, client=client)

    assert await partials(agent) == [7]


async def test_an_answer_that_is_asked_for_again_begins_anew(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(stream('{"title": "Os', 'lo"}'))
    emulator.reply(text(SAID))
    agent = Agent(NEW, output=Plan, client=client)

    events = [event for event in await watch(agent) if isinstance(event, PartialOutput | Retrying)]

    assert [event.value if isinstance(event, PartialOutput) else event.discard_text for event in events] == [
        {"title": "Os"},
        {"title": "Oslo"},
        True,
        json.loads(SAID),
    ]


async def test_an_answer_that_is_cut_was_told_as_far_as_it_came(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('{"title": "Nor'), finish("MAX_TOKENS"))

    seen: list[Any] = []

    async def read() -> None:
        async with Agent(NEW, output=Plan, client=client).stream("Go.") as run:
            async for event in run:
                seen.append(event)

    with pytest.raises(ResponseTruncated):
        await read()

    assert [event.value for event in seen if isinstance(event, PartialOutput)] == [{"title": "Nor"}]


async def test_a_reader_that_wants_only_the_result_need_not_read_them(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(stream(*json.dumps(list(range(1_000)))))

    async with Agent(NEW, output=list[int], client=client).stream("Go.") as run:
        opened: RunStream[list[int]] = run
        assert (await opened.result()).output == list(range(1_000))


async def test_a_long_answer_in_hops_is_one_object(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('{"title": "Nor'), continuation())
    emulator.reply(text('way", "towns": [], "days": 2}'))
    agent = Agent("gemini-4-neon", output=Plan, client=client)

    assert (await partials(agent))[-1] == {"title": "Norway", "towns": [], "days": 2}
