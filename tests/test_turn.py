"""One usable answer from as many requests as it takes; nothing of a bad answer is run."""

from typing import Any

import pytest

from agentkit import (
    Agent,
    EmptyResponse,
    GeminiClient,
    MalformedCall,
    ResponseBlocked,
    ResponseTruncated,
    Retry,
    Retrying,
    RunResult,
    TextDelta,
    TurnFinished,
)
from agentkit.testing import (
    Emulator,
    Reply,
    blocked,
    call,
    empty,
    error,
    finish,
    part,
    recorded,
    reply,
    stream,
    text,
    usage,
)
from agentkit.testing import thought as think
from agentkit.testing.server import serve
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # the documented dummy

MALFORMED = reply(finish("MALFORMED_FUNCTION_CALL", "Malformed function call: print("))


class Counter:
    """A tool that counts how often it ran."""

    def __init__(self) -> None:
        self.ran = 0

    def count(self, word: str = "") -> str:
        """Count."""
        self.ran += 1
        return word


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def agent(client: GeminiClient, counter: Counter) -> Agent[Any, str]:
    return Agent(MODEL, tools=[counter.count], client=client)


def config(emulator: Emulator, request: int) -> tuple[object, object]:
    """Return the temperature and the calling mode of a request."""
    body = emulator.requests[request]
    mode = body.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode")
    return body.get("generationConfig", {}).get("temperature"), mode


@pytest.mark.rows(50)
async def test_a_malformed_call_is_asked_again_colder(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(MALFORMED)
    emulator.reply(text("Fine."))

    result = await agent.run("Go.")

    assert result.output == "Fine."
    assert [config(emulator, 0), config(emulator, 1)] == [(None, "VALIDATED"), (0, "VALIDATED")]
    assert (result.usage.turns, result.usage.requests) == (1, 2)


@pytest.mark.rows(50)
async def test_the_third_attempt_forces_a_call(emulator: Emulator, agent: Agent[Any, str], counter: Counter) -> None:
    emulator.reply(MALFORMED)
    emulator.reply(MALFORMED)
    emulator.reply(call("count"))
    emulator.reply(text("Fine."))

    await agent.run("Go.")

    left_open = (None, "VALIDATED")
    assert [config(emulator, n) for n in range(4)] == [left_open, (0, "VALIDATED"), (0, "ANY"), left_open]
    assert counter.ran == 1


@pytest.mark.rows(50, "R5")
async def test_after_three_malformed_calls_the_run_ends_with_the_services_words(
    emulator: Emulator, agent: Agent[Any, str], counter: Counter
) -> None:
    for _ in range(3):
        emulator.reply(MALFORMED)

    with pytest.raises(MalformedCall, match=r"in 3 attempts .*print\(") as caught:
        await agent.run("Go.")

    assert len(caught.value.state.contents) == 1
    assert counter.ran == 0


BAD_ANSWERS = [
    pytest.param(reply(call("count"), finish("MALFORMED_FUNCTION_CALL")), id="beside-a-malformed-call"),
    pytest.param(reply(call("count"), finish("MALFORMED_RESPONSE")), id="in-a-malformed-response"),
    pytest.param(reply(call("count"), finish("RECITATION")), id="in-a-recitation"),
    pytest.param(reply(call("count"), finish("MAX_TOKENS")), id="in-a-cut-answer"),
    pytest.param(reply(call("count"), finish("OTHER")), id="in-an-answer-with-another-end"),
    pytest.param(reply(call("count"), finish("UNEXPECTED_TOOL_CALL")), id="in-an-unexpected-call"),
]


@pytest.mark.rows(50, 51, 55, "R6")
@pytest.mark.parametrize("bad", BAD_ANSWERS)
async def test_no_call_of_a_bad_answer_runs(
    emulator: Emulator, agent: Agent[Any, str], counter: Counter, bad: Reply
) -> None:
    emulator.reply(bad)
    emulator.reply(text("Fine."))

    assert (await agent.run("Go.")).output == "Fine."
    assert counter.ran == 0


@pytest.mark.rows(55, "R6")
async def test_a_cut_call_is_explained_to_the_model_once(
    emulator: Emulator, agent: Agent[Any, str], counter: Counter
) -> None:
    emulator.reply(call("count"), finish("MAX_TOKENS"))
    emulator.reply(call("count"), finish("MAX_TOKENS"))

    with pytest.raises(ResponseTruncated, match="within a function call, twice"):
        await agent.run("Go.")

    assert "was cut at the output limit" in told(emulator, 1)[0]["error"]
    assert counter.ran == 0


@pytest.mark.rows(51)
async def test_an_unexpected_call_of_a_known_function_is_told_what_to_do(
    emulator: Emulator, agent: Agent[Any, str]
) -> None:
    emulator.reply(call("count"), call("conut"), finish("UNEXPECTED_TOOL_CALL", "undeclared function: conut"))
    emulator.reply(text("Fine."))

    await agent.run("Go.")

    known, unknown = (response["error"] for response in told(emulator))
    assert known == "This call was not run: the service did not expect it. Call again if it is still needed."
    assert unknown == "There is no function 'conut'. Did you mean 'count'? Available: count."


@pytest.mark.rows(66)
async def test_calls_where_no_functions_were_offered_are_not_run(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("count"))
    emulator.reply(text("Fine."))

    assert (await Agent(MODEL, client=client).run("Go.")).output == "Fine."
    assert config(emulator, 1) == (0, None)


@pytest.mark.rows(53)
async def test_an_empty_answer_is_asked_for_once_more(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(empty())
    emulator.reply(text("Fine."))

    assert (await agent.run("Go.")).output == "Fine."
    assert emulator.requests[0] == emulator.requests[1]


@pytest.mark.rows(53)
async def test_two_empty_answers_end_the_run(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(empty())
    emulator.reply(empty())

    with pytest.raises(EmptyResponse, match=r"empty answer 2 times \(finish reason STOP\)"):
        await agent.run("Go.")


@pytest.mark.rows(53)
async def test_thoughts_alone_are_an_empty_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(think("Hm."))
    emulator.reply(think("Hm."))

    with pytest.raises(EmptyResponse):
        await Agent(MODEL, client=client, include_thoughts=True).run("Go.")


@pytest.mark.rows(56)
async def test_a_blocked_prompt_is_not_sent_again(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(blocked("PROHIBITED_CONTENT"))

    with pytest.raises(ResponseBlocked, match="blocked the prompt: PROHIBITED_CONTENT"):
        await agent.run("Go.")

    assert len(emulator.requests) == 1


@pytest.mark.rows(56, "R5")
async def test_a_blocked_answer_keeps_its_half_text_out_of_the_history(
    emulator: Emulator, agent: Agent[Any, str]
) -> None:
    emulator.reply(text("Half"), finish("SAFETY"))

    with pytest.raises(ResponseBlocked) as caught:
        await agent.run("Go.")

    assert caught.value.partial == "Half"
    assert len(caught.value.state.contents) == 1


@pytest.mark.rows(55)
async def test_a_cut_text_is_an_answer_that_says_so(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Once upon"), finish("MAX_TOKENS"))

    result = await agent.run("Tell.")

    assert (result.output, result.stop) == ("Once upon", "truncated")


@pytest.mark.rows(65)
async def test_text_beside_a_call_is_kept_but_is_not_the_answer(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(text("Let me look."), call("count", word="x"))
    emulator.reply(text("Done."))

    result = await agent.run("Go.")

    assert result.output == "Done."
    sent = emulator.requests[1]["contents"][1]["parts"]
    assert [next(iter(said.keys() - {"thoughtSignature"})) for said in sent] == ["text", "functionCall"]


@pytest.mark.rows(67)
async def test_the_first_of_several_candidates_counts(
    emulator: Emulator, agent: Agent[Any, str], counter: Counter
) -> None:
    chosen = {"content": {"role": "model", "parts": [{"text": "First."}]}, "finishReason": "STOP", "index": 0}
    other = {"content": {"role": "model", "parts": [{"functionCall": {"name": "count"}}]}, "index": 1}
    emulator.reply(recorded([{"candidates": [other, chosen]}]))

    assert (await agent.run("Go.")).output == "First."
    assert counter.ran == 0


@pytest.mark.rows(53, 70)
async def test_a_content_without_its_role_goes_back_as_the_models(
    emulator: Emulator, agent: Agent[Any, str], counter: Counter
) -> None:
    said = {"content": {"parts": [{"functionCall": {"name": "count", "args": {}}, "thoughtSignature": SIGNATURE}]}}
    emulator.reply(recorded([{"candidates": [{**said, "finishReason": "STOP"}]}]))
    emulator.reply(text("Done."))

    assert (await agent.run("Go.")).output == "Done."
    assert counter.ran == 1


@pytest.mark.rows(70)
async def test_the_served_version_is_reported(emulator: Emulator, agent: Agent[Any, str]) -> None:
    said = {"content": {"role": "model", "parts": [{"text": "Hi."}]}, "finishReason": "STOP"}
    emulator.reply(recorded([{"candidates": [said], "modelVersion": "gemini-9"}]))

    assert (await agent.run("Go.")).state.model_version == "gemini-9"


def hop(words: str, token: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": words}]}, "finishReason": "STOP"}
    if token is not None:
        candidate |= {"finishReason": "CONTINUATION", "continuationToken": token}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 2, "totalTokenCount": 3}}


async def test_a_long_answer_in_hops_is_joined(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(recorded([hop("One, ", "dG9rZW4x")]))
    emulator.reply(recorded([hop("two, ", "dG9rZW4y")]))
    emulator.reply(recorded([hop("three.", None)]))

    result = await agent.run("Count.")

    assert result.output == "One, two, three."
    assert [request.get("continuationToken") for request in emulator.requests] == [None, "dG9rZW4x", "dG9rZW4y"]
    assert (result.usage.requests, result.usage.turns, result.usage.total_tokens) == (3, 1, 9)


async def watch(agent: Agent[Any, str]) -> tuple[list[Any], RunResult[str]]:
    async with agent.stream("Go.") as run:
        return [event async for event in run], await run.result()


async def test_a_watcher_is_told_to_take_text_back(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(stream("Half "), finish("MALFORMED_RESPONSE"))
    emulator.reply(stream("Whole."))

    events, result = await watch(agent)

    [again] = [event for event in events if isinstance(event, Retrying)]
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert (again.discard_text, again.attempt) == (True, 1)
    assert (texts, result.output) == (["Half ", "Whole."], "Whole.")


async def test_a_watcher_is_told_of_a_busy_service(emulator: Emulator, client: GeminiClient) -> None:
    patient = GeminiClient(api_key="key", base_url=emulator.url, retry=Retry(first_delay_s=0.01))
    emulator.reply(error(503))
    emulator.reply(text("Here."))

    events, result = await watch(Agent(MODEL, client=patient))

    [again] = [event for event in events if isinstance(event, Retrying)]
    assert (again.attempt, again.discard_text, "503" in again.reason) == (1, False, True)
    assert result.output == "Here."


async def test_a_turn_reports_what_it_spent(emulator: Emulator, agent: Agent[Any, str]) -> None:
    emulator.reply(call("count"), usage(promptTokenCount=10, candidatesTokenCount=5, thoughtsTokenCount=1))
    emulator.reply(text("Done."), usage(promptTokenCount=20, candidatesTokenCount=7))

    events, result = await watch(agent)

    turns = [event for event in events if isinstance(event, TurnFinished)]
    assert [(t.turn, t.usage.input_tokens, t.usage.output_tokens) for t in turns] == [(1, 10, 5), (2, 20, 7)]
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.thought_tokens) == (30, 12, 1)


@pytest.mark.rows(58)
async def test_unknown_parts_and_fields_go_back_as_they_came(counter: Counter) -> None:
    content = {
        "role": "model",
        "parts": [
            {
                "functionCall": {"name": "count", "args": {}, "new": [1]},
                "thoughtSignature": SIGNATURE,
                "later": {"a": None},
            }
        ],
        "extra": True,
    }
    answer = {"candidates": [{"content": content, "finishReason": "STOP", "mood": "good"}], "more": 1}

    with serve(Emulator(strict=False)) as emulator:  # the service knows its own new fields; the judge does not
        emulator.reply(recorded([answer]))
        emulator.reply(text("Done."))
        await Agent(MODEL, tools=[counter.count], client=GeminiClient(api_key="key", base_url=emulator.url)).run("Go.")

    assert emulator.requests[1]["contents"][1] == content


@pytest.mark.rows(62)
async def test_parts_are_neither_merged_nor_moved(emulator: Emulator, agent: Agent[Any, str]) -> None:
    said = [
        {"text": "a"},
        {"text": "b", "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "count", "args": {}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "count", "args": {"word": "x"}}},
        {"text": "", "thoughtSignature": SIGNATURE},
    ]
    emulator.reply(*(part(piece) for piece in said))
    emulator.reply(text("Done."))

    await watch(agent)

    assert emulator.requests[1]["contents"][1]["parts"] == said
