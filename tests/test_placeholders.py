"""Calls without a thought signature: asked again once with the documented placeholder, and then told which it is."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit import (
    Agent,
    GeminiClient,
    InvalidRequest,
    MalformedCall,
    Retrying,
    RunState,
    TextDelta,
    approve,
    tool,
)
from agentkit.history import PLACEHOLDER
from agentkit.testing import Emulator, call, error, finish, part, text
from agentkit.testing.server import serve
from agentkit.wire import Content

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
UNSIGNED = {"functionCall": {"name": "look", "args": {}}}


def look() -> str:
    """Look."""
    return "seen"


def signatures(body: Any) -> list[object]:
    """Of all calls in a request, in order."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [part.get("thoughtSignature") for part in parts if "functionCall" in part]


FOREIGN = [
    Content.parse({"role": "user", "parts": [{"text": "Hi."}]}),
    Content.parse({"role": "model", "parts": [UNSIGNED]}),
    Content.parse({"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"output": "x"}}}]}),
]


@pytest.fixture(params=["google", "vertex", "comet"])
def judge(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """The strict emulator in each of its profiles: they miss a signature in words of their own."""
    with serve(Emulator(profile=request.param)) as emulator:
        yield emulator
        assert not emulator.unexpected


@pytest.mark.rows(52, "R5")
async def test_a_refused_call_without_signature_is_sent_again_with_the_placeholder(
    judge: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    judge.reply(part(UNSIGNED))
    judge.reply(text("Done."))
    client = GeminiClient(api_key="key", base_url=judge.url)

    with caplog.at_level(logging.WARNING, "agentkit"):
        result = await Agent(MODEL, tools=[look], client=client).run("Go.")

    assert result.output == "Done."
    assert [signatures(body) for body in judge.requests] == [[], [None], [PLACEHOLDER]]
    assert "signature.placeholder index=1" in caplog.text
    assert "thoughtSignature" not in str(result.contents[1].to_wire())  # kept as it came


async def test_the_next_turns_begin_with_the_placeholder(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(2):
        emulator.reply(part(UNSIGNED))
    emulator.reply(call("look"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[look], client=client).run("Go.")

    sent = [signatures(body) for body in emulator.requests]
    assert sent[:4] == [[], [None], [PLACEHOLDER], [PLACEHOLDER, PLACEHOLDER]]
    assert sent[4][:2] == [PLACEHOLDER, PLACEHOLDER]
    assert sent[4][2] not in (None, PLACEHOLDER)


async def test_a_saved_run_remembers_that_it_needs_the_placeholder(emulator: Emulator, client: GeminiClient) -> None:
    @tool(needs_approval=True)
    def ask() -> str:
        """Ask the boss."""
        return "Go on."

    agent = Agent(MODEL, tools=[look, ask], client=client)
    emulator.reply(part(UNSIGNED))
    emulator.reply(call("ask"))
    paused = await agent.run("Go.")
    emulator.reply(text("Done."))
    saved = RunState.load_json(paused.state.dump_json())

    result = await agent.resume(saved, decisions={paused.paused[0].key: approve()})

    assert (result.output, saved.placeholders) == ("Done.", True)
    assert len(emulator.requests) == 4
    assert signatures(emulator.requests[3])[0] == PLACEHOLDER


@pytest.mark.rows(52)
async def test_an_answer_that_misses_a_signature_is_asked_for_again_with_the_placeholder(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(finish("MISSING_THOUGHT_SIGNATURE"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[look], client=client).run("Go.", history=FOREIGN)

    assert result.output == "Done."
    assert [signatures(body) for body in emulator.requests] == [[None], [PLACEHOLDER]]
    assert result.usage.requests == 2


async def test_a_watcher_is_told_to_take_back_the_text_of_such_an_answer(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(text("Half"), finish("MISSING_THOUGHT_SIGNATURE"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[look], client=client).stream("Go.", history=FOREIGN) as run:
        events = [event async for event in run if isinstance(event, TextDelta | Retrying)]

    before, retrying, after = events
    assert isinstance(retrying, Retrying)
    assert (before, after) == (TextDelta(text="Half"), TextDelta(text="Done."))
    assert retrying.discard_text
    assert retrying.reason == "contents[1] holds a call without its thoughtSignature; asking with the placeholder"


MISSING = "Function call is missing a thought_signature in functionCall parts."


@pytest.mark.rows(52)
async def test_a_placeholder_that_does_not_help_is_sent_once_and_the_turn_is_named(
    emulator: Emulator, client: GeminiClient
) -> None:
    for _ in range(2):
        emulator.reply(error(400, MISSING))

    with pytest.raises(InvalidRequest, match=r"contents\[1\] holds a call without its thoughtSignature") as caught:
        await Agent(MODEL, tools=[look], client=client).run("Go.", history=FOREIGN)

    assert len(emulator.requests) == 2
    assert (caught.value.status, caught.value.message) == (400, MISSING)
    assert caught.value.state.placeholders


@pytest.mark.rows(52)
async def test_an_answer_that_goes_on_missing_it_names_the_turn(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(2):
        emulator.reply(finish("MISSING_THOUGHT_SIGNATURE"))

    with pytest.raises(MalformedCall, match=r"contents\[1\] holds a call without") as caught:
        await Agent(MODEL, tools=[look], client=client).run("Go.", history=FOREIGN)

    assert (len(emulator.requests), caught.value.reason) == (2, "MISSING_THOUGHT_SIGNATURE")
    assert caught.value.attempts == 2


OTHER = [
    pytest.param(error(400, "Thought signature is not valid."), FOREIGN, id="a-wrong-signature"),
    pytest.param(error(400, "Something else."), FOREIGN, id="something-else"),
    pytest.param(error(400, MISSING), [], id="a-history-in-which-none-is-missing"),
]


@pytest.mark.parametrize(("refusal", "history"), OTHER)
async def test_other_refusals_are_not_asked_again(
    emulator: Emulator, client: GeminiClient, refusal: Any, history: list[Content]
) -> None:
    emulator.reply(refusal)

    with pytest.raises(InvalidRequest) as caught:
        await Agent(MODEL, tools=[look], client=client).run("Go.", history=history)

    assert len(emulator.requests) == 1
    assert not caught.value.state.placeholders


async def test_a_finish_reason_that_no_call_explains_is_not_asked_again(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(finish("MISSING_THOUGHT_SIGNATURE"))

    with pytest.raises(MalformedCall, match="MISSING_THOUGHT_SIGNATURE"):
        await Agent(MODEL, tools=[look], client=client).run("Go.")

    assert len(emulator.requests) == 1
