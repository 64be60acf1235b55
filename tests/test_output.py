"""Typed answers: JSON mode or a final-answer function, repairs within bounds."""

from typing import Any

import pydantic
import pytest

from agentkit import (
    Agent,
    CodeExecution,
    ConfigurationError,
    GeminiClient,
    OutputInvalid,
    ResponseTruncated,
    ToolFinished,
)
from agentkit.testing import Emulator, call, call_args, finish, part, text
from agentkit.testing.server import serve
from tests.answered import told

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


class Plan(pydantic.BaseModel):
    title: str
    days: int


def look(word: str = "") -> str:
    return "seen"


async def test_older_models_without_tools_answer_in_json(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7"))

    assert (await Agent(OLD, output=int, client=client).run("Go.")).output == 7
    assert "tools" not in emulator.requests[0]


async def test_older_models_call_tools_before_the_final_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("look"))
    emulator.reply(call("final_answer", value=7))

    result = await Agent(OLD, output=int, tools=[look], client=client).run("Go.")

    assert (result.output, result.usage.turns, result.stop) == (7, 2, "answer")


async def test_what_was_asked_beside_the_final_answer_is_answered(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("look"), call("final_answer", value=7))

    result = await Agent(OLD, output=int, tools=[look], client=client).run("Go.")

    said = result.contents[-1].to_wire()["parts"]
    assert [answer["functionResponse"]["response"] for answer in said] == [{"output": "seen"}, {"output": "accepted"}]


INVALID = [
    pytest.param("Seven.", "expected", id="no-json"),
    pytest.param('{"title": "Oslo"}', "'days': is required", id="a-missing-field"),
    pytest.param('{"title": "Oslo", "days": true}', "'days': expected a number", id="a-bool-for-an-int"),
    pytest.param('{"title": "Oslo", "days": 2} Enjoy!', "", id="text-behind-it"),
]


@pytest.mark.rows(68)
@pytest.mark.parametrize(("said", "problem"), INVALID)
async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_reason(
    emulator: Emulator, client: GeminiClient, said: str, problem: str
) -> None:
    emulator.reply(text(said))
    emulator.reply(text('{"title": "Oslo", "days": 2}'))

    result = await Agent(NEW, output=Plan, client=client).run("Plan.")

    assert result.output == Plan(title="Oslo", days=2)
    asked_again = emulator.requests[1]["contents"][-1]
    assert asked_again["role"] == "user"
    assert problem.lower() in asked_again["parts"][0]["text"].lower()


@pytest.mark.rows(68)
async def test_repairs_end(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(3):
        emulator.reply(text("many"))

    with pytest.raises(OutputInvalid) as caught:
        await Agent(NEW, output=int, client=client).run("How many?")

    assert caught.value.text == "many"
    assert len(emulator.requests) == 3


BAD_ARGUMENTS = [
    pytest.param({"value": "many"}, "integer", id="wrong-type"),
    pytest.param({}, "integer", id="left-out"),
]


@pytest.mark.rows(68)
@pytest.mark.parametrize(("args", "problem"), BAD_ARGUMENTS)
async def test_a_final_answer_that_does_not_fit_is_answered_with_the_reason(
    emulator: Emulator, client: GeminiClient, args: dict[str, Any], problem: str
) -> None:
    emulator.reply(call_args("final_answer", args))
    emulator.reply(call("final_answer", value=7))

    result = await Agent(OLD, output=int, tools=[look], client=client).run("How many?")

    assert result.output == 7
    assert problem in told(emulator)[0]["error"]


@pytest.mark.parametrize("args", ["seven", [7]], ids=["a-text", "a-list"])
async def test_a_final_answer_of_an_odd_shape_is_answered_too(args: object) -> None:
    with serve(Emulator(strict=False)) as emulator:  # the service itself would not take such a call back
        emulator.reply(part({"functionCall": {"name": "final_answer", "args": args}}))
        emulator.reply(call("final_answer", value=7))
        agent: Agent[Any, int] = Agent(
            OLD, output=int, tools=[look], client=GeminiClient(api_key="key", base_url=emulator.url)
        )

        assert (await agent.run("How many?")).output == 7


async def test_a_refused_final_answer_is_seen_as_failed(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("final_answer", value="many"))
    emulator.reply(call("final_answer", value=7))
    agent: Agent[Any, int] = Agent(OLD, output=int, tools=[look], client=client)

    async with agent.stream("Go.") as run:
        finished = [event.failed async for event in run if isinstance(event, ToolFinished)]

    assert finished == [True, False]


@pytest.mark.rows(55, 68)
async def test_json_that_was_cut_is_no_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('{"title": "Os'), finish("MAX_TOKENS"))

    with pytest.raises(ResponseTruncated) as caught:
        await Agent(NEW, output=Plan, client=client).run("Plan.")

    assert caught.value.partial == '{"title": "Os'


@pytest.mark.rows(68)
@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}\n```", "  {}\n"], ids=["json-fence", "fence", "blanks"])
async def test_json_in_a_fence_is_read(emulator: Emulator, client: GeminiClient, fence: str) -> None:
    emulator.reply(text(fence.replace("{}", '{"title": "Oslo", "days": 2}')))

    assert (await Agent(NEW, output=Plan, client=client).run("Plan.")).output.days == 2


async def test_plain_text_is_returned_as_it_is(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text('  {"a": 1}\n'))

    assert (await Agent(NEW, client=client).run("Go.")).output == '  {"a": 1}\n'


async def test_thoughts_are_no_part_of_a_typed_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("7", thoughts="Six or seven?"))

    result = await Agent(NEW, output=int, client=client, include_thoughts=True).run("How many?")

    assert (result.output, result.thoughts, result.text) == (7, "Six or seven?", "7")


def test_a_tool_may_not_take_the_name_of_the_final_answer() -> None:
    def final_answer() -> None:
        return

    with pytest.raises(ConfigurationError, match=r"'final_answer', which typed outputs need. Rename the tool"):
        Agent(NEW, output=int, tools=[final_answer])


async def test_a_typed_answer_beside_built_in_tools_of_an_older_model_is_refused_before_sending(
    emulator: Emulator, client: GeminiClient
) -> None:
    agent: Agent[Any, int] = Agent(OLD, output=int, tools=[CodeExecution()], combine="together", client=client)

    with pytest.raises(ConfigurationError, match=r"cannot combine .*\(CodeExecution\) with a typed output"):
        await agent.run("Go.")

    assert not emulator.requests
