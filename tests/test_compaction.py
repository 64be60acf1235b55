"""`Compaction`: long conversations go out short, whole turns at a time, and the state keeps everything."""

import itertools
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AutoCache,
    Compaction,
    ConfigurationError,
    GeminiClient,
    Limits,
    Retry,
    RunContext,
    TextDelta,
    tool,
)
from agentkit.history import starts_turn
from agentkit.testing import Emulator, call, empty, error, finish, reply, stream, text, thought, usage
from agentkit.testing.finding import Profile
from agentkit.testing.rules import check_request
from agentkit.testing.server import serve
from agentkit.wire import Content, GenerateContentRequest, GenerateContentResponse, Part

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
LONG = "It was a long story. " * 100  # about 500 tokens
SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
NO_RETRY = Retry(attempts=1)


@tool(effects="read")
def population(city: str) -> int:
    """How many live in a city."""
    return 717_710


def user(*texts: str) -> Content:
    return Content(role="user", parts=[Part(text=one) for one in texts])


def model(*texts: str) -> Content:
    return Content(role="model", parts=[Part(text=one) for one in texts])


def talk(turns: int) -> list[Content]:
    """A history of so many turns with about 500 tokens each."""
    return [content for n in range(turns) for content in (user(f"Question {n}?"), model(f"Answer {n}. {LONG}"))]


def texts(request: Any) -> list[str]:
    """The beginning of each content of a request."""
    return [content["parts"][0].get("text", "-")[:12].strip() for content in request["contents"]]


def texts_of_turns(*numbers: int) -> list[str]:
    return [one for number in numbers for one in (f"Question {number}?", f"Answer {number}. It")]


async def ask(emulator: Emulator, client: GeminiClient, middleware: Compaction, history: Sequence[Content]) -> Any:
    emulator.reply(text("Fine."))
    agent = Agent(MODEL, instructions="Be brief.", client=client, middleware=[middleware])
    return await agent.run("And now?", history=history)


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
async def test_old_turns_are_left_out_and_the_state_keeps_them(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=profile)

        result = await ask(emulator, client, Compaction(at_tokens=2000, keep_turns=3), talk(6))

    [sent] = emulator.requests
    assert texts(sent) == ["Question 0?", "[7 contents", *texts_of_turns(4, 5), "And now?"]
    assert sent["contents"][1] == {
        "role": "user",
        "parts": [
            {"text": "[7 contents of this conversation stood here and were left out, because it has become long.]"}
        ],
    }
    assert [content.to_wire() for content in result.contents[:12]] == [content.to_wire() for content in talk(6)]
    assert len(result.contents) == 14
    assert not emulator.findings


async def test_a_short_conversation_goes_out_as_it_is(emulator: Emulator, client: GeminiClient) -> None:
    await ask(emulator, client, Compaction(at_tokens=5000), talk(6))

    assert len(emulator.requests[0]["contents"]) == 13


async def test_the_last_turns_are_never_left_out(emulator: Emulator, client: GeminiClient) -> None:
    await ask(emulator, client, Compaction(at_tokens=1, keep_turns=7), talk(6))
    await ask(emulator, client, Compaction(at_tokens=1, keep_turns=1), [])

    assert [len(request["contents"]) for request in emulator.requests] == [13, 1]


async def test_later_turns_and_runs_begin_with_the_same_bytes(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, tools=[population], client=client, middleware=[Compaction(at_tokens=2500, keep_turns=2)])
    chat = agent.chat(talk(5))
    for number in range(2):
        emulator.reply(call("population", city="Oslo"))
        emulator.reply(text(f"Answer {5 + number}."))
        await chat.run(f"Question {5 + number}?")

    requests = [request["contents"] for request in emulator.requests]
    for before, after in itertools.pairwise(requests):
        assert after[: len(before)] == before
    assert texts(emulator.requests[-1])[:3] == ["Question 0?", "[7 contents", "Question 4?"]
    assert not emulator.findings


async def test_it_is_shortened_again_when_it_has_become_long_again(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client, middleware=[Compaction(at_tokens=2500, keep_turns=2)])
    chat = agent.chat(talk(5))
    for number in range(5, 10):
        emulator.reply(text(f"Answer {number}. {LONG}"))
        await chat.run(f"Question {number}?")

    notes = [texts(request)[1] for request in emulator.requests]
    assert notes == [*["[7 contents"] * 4, "[15 contents"]
    assert texts(emulator.requests[-1]) == ["Question 0?", "[15 contents", "Question 8?", "Answer 8. It", "Question 9?"]


async def test_a_turn_with_calls_stays_whole(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, tools=[population], client=client, middleware=[Compaction(at_tokens=500, keep_turns=1)])
    chat = agent.chat()
    for number in range(2):
        emulator.reply(call("population", city="Oslo"), call("population", city="Rome"))
        emulator.reply(call("population", city="Bonn"))
        emulator.reply(text(f"Answer {number}. {LONG}"))
        await chat.run(f"Question {number}?")

    assert texts(emulator.requests[-1])[:3] == ["Question 0?", "[5 contents", "Question 1?"]
    assert len(emulator.requests[-1]["contents"]) == 7
    assert not emulator.findings


SUMMARY = "The user asked five questions."


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
async def test_a_summary_is_asked_for_once_and_counted(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=profile)
        compaction = Compaction(at_tokens=2500, keep_turns=2, how="summarise")
        agent = Agent(
            MODEL, instructions="Be brief.", tools=[population], client=client, middleware=[compaction],
            temperature=0,
        )  # fmt: skip
        chat = agent.chat(talk(6))
        emulator.reply(thought("Hm."), text(SUMMARY), usage(promptTokenCount=3000, candidatesTokenCount=50))
        emulator.reply(text("Fine."))
        emulator.reply(text("Good."))

        first = await chat.run("And now?")
        await chat.run("And then?")

    asked, answered, later = emulator.requests
    assert texts(asked)[:2] == ["Question 0?", "Answer 0. It"]
    assert len(asked["contents"]) == 11
    assert "replaced by a summary" in asked["contents"][-1]["parts"][0]["text"]
    assert (asked["systemInstruction"], asked["tools"]) == (answered["systemInstruction"], answered["tools"])
    assert asked["toolConfig"] == {"functionCallingConfig": {"mode": "NONE"}}
    assert "generationConfig" not in asked
    assert texts(answered) == ["Question 0?", "[What was sa", "Question 5?", "Answer 5. It", "And now?"]
    assert answered["contents"][1]["parts"][0]["text"].endswith(f"\n\n{SUMMARY}")
    assert later["contents"][:5] == answered["contents"]
    assert (first.usage.requests, first.usage.turns) == (2, 1)
    assert first.usage.input_tokens > 3000
    assert not emulator.findings


async def test_the_next_summary_is_made_of_the_last_one(emulator: Emulator, client: GeminiClient) -> None:
    compaction = Compaction(at_tokens=2500, keep_turns=2, how="summarise")
    chat = Agent(MODEL, client=client, middleware=[compaction]).chat(talk(5))
    emulator.reply(text(SUMMARY))
    for number in range(5, 9):
        emulator.reply(text(f"Answer {number}. {LONG}"))
        await chat.run(f"Question {number}?")
    emulator.reply(text("A second summary."))
    emulator.reply(text("Fine."))

    await chat.run("Question 9?")

    asked, answered = emulator.requests[-2:]
    assert texts(asked)[:4] == ["Question 0?", "[What was sa", "Question 4?", "Answer 4. It"]
    assert answered["contents"][1]["parts"][0]["text"].endswith("A second summary.")


@pytest.mark.parametrize(
    "failure",
    [reply(error(500, "Internal error.")), reply(empty()), reply(text("Half"), finish("MAX_TOKENS"))],
    ids=["500", "empty", "cut"],
)
async def test_without_a_summary_the_whole_conversation_is_sent(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, failure: Any
) -> None:
    from_now_on = Compaction(at_tokens=2500, keep_turns=2, how="summarise")
    client = GeminiClient(api_key="test-key", base_url=emulator.url, retry=NO_RETRY)
    emulator.reply(failure)

    with caplog.at_level("WARNING", "agentkit"):
        result = await ask(emulator, client, from_now_on, talk(6))

    assert result.output == "Fine."
    assert len(emulator.requests[-1]["contents"]) == 13
    assert [record.event for record in caplog.records] == ["compaction.no_summary"]  # type: ignore[attr-defined]


async def test_whoever_watches_the_run_does_not_see_the_summary_grow(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, client=client, middleware=[Compaction(at_tokens=2500, keep_turns=2, how="summarise")])
    emulator.reply(text(SUMMARY))
    emulator.reply(stream("Fine", " so far."))

    async with agent.stream("And now?", history=talk(6)) as run:
        seen = [event.text async for event in run if isinstance(event, TextDelta)]

    assert seen == ["Fine", " so far."]
    assert [asked.method for asked in emulator.asked] == ["generateContent", "streamGenerateContent"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("said", "sent"), [("Five questions.", 6), ("", 5)], ids=["text", "nothing"])
async def test_a_function_says_what_stands_for_the_old_turns(
    emulator: Emulator, client: GeminiClient, is_async: bool, said: str, sent: int
) -> None:
    given: list[Sequence[Content]] = []

    def tell(old: Sequence[Content]) -> str:
        given.append(old)
        return said

    async def tell_later(old: Sequence[Content]) -> str:
        await anyio.lowlevel.checkpoint()
        return tell(old)

    await ask(emulator, client, Compaction(at_tokens=2500, keep_turns=2, how=tell_later if is_async else tell), talk(6))

    assert [list(old) for old in given] == [talk(6)[:10]]
    assert len(emulator.requests[0]["contents"]) == sent - 1
    assert texts(emulator.requests[0])[1] == (said[:12] if said else "Question 5?")


async def test_the_length_is_put_right_by_what_the_service_counted(emulator: Emulator, client: GeminiClient) -> None:
    """A picture is short for whoever counts its bytes as text, and a word of another script is not."""
    agent = Agent(MODEL, client=client, middleware=[Compaction(at_tokens=5000, keep_turns=2)])
    chat = agent.chat(talk(4))
    emulator.reply(text("Fine."), usage(promptTokenCount=20_000))
    emulator.reply(text("Fine."))

    await chat.run("Question 4?")
    await chat.run("Question 5?")

    assert [len(request["contents"]) for request in emulator.requests] == [9, 5]


async def test_media_do_not_count_by_their_bytes(emulator: Emulator, client: GeminiClient) -> None:
    picture = Part.parse({"inlineData": {"mimeType": "image/png", "data": "A" * 40_000}})
    history = [Content(role="user", parts=[picture]), model("A house."), *talk(3)]

    await ask(emulator, client, Compaction(at_tokens=4000, keep_turns=1), history)

    assert len(emulator.requests[0]["contents"]) == 9


async def test_media_that_tools_returned_do_not_count_by_their_bytes(emulator: Emulator, client: GeminiClient) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * 40_000, "displayName": "a.png"}}
    asked = Part.parse({"functionCall": {"name": "look", "args": {}}, "thoughtSignature": SIGNATURE})
    answered = Part.parse({"functionResponse": {"name": "look", "response": {"output": 1}, "parts": [picture]}})
    look = [user("Look."), Content(role="model", parts=[asked]), Content(role="user", parts=[answered]), model("Seen.")]

    await ask(emulator, client, Compaction(at_tokens=4000, keep_turns=1), [*look, *talk(3)])

    assert len(emulator.requests[0]["contents"]) == 11


async def test_who_keeps_too_much_is_told(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "agentkit.compaction"):
        await ask(emulator, client, Compaction(at_tokens=1000, keep_turns=4), talk(6))

    assert [record.event for record in caplog.records] == ["compaction.done", "compaction.still_long"]  # type: ignore[attr-defined]


async def test_what_is_short_can_be_cached_by_a_middleware_behind(emulator: Emulator, client: GeminiClient) -> None:
    cache = AutoCache(min_tokens=1024)
    agent = Agent(MODEL, client=client, middleware=[Compaction(at_tokens=6000, keep_turns=5), cache])
    chat = agent.chat(talk(12))
    for number in range(4):
        emulator.reply(text("Fine."))
        await chat.run(f"And {number}?")

    assert "cachedContent" in emulator.requests[-1]
    assert len(cache.caches) == 1
    assert not emulator.findings


async def test_a_limit_on_the_input_looks_at_what_is_sent(emulator: Emulator) -> None:
    client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint="google")
    compaction = Compaction(at_tokens=2000, keep_turns=1)
    emulator.reply(text("Fine."))

    agent = Agent(MODEL, client=client, middleware=[compaction], limits=Limits(input_tokens=500))

    assert (await agent.run("And now?", history=talk(6))).output == "Fine."


@pytest.mark.parametrize(
    "options",
    [{"at_tokens": 0}, {"keep_turns": 0}, {"keep_turns": 1.5}, {"how": "squeeze"}, {"how": None}],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        Compaction(**options)


async def test_a_function_that_returns_no_text_is_an_error_of_the_program(
    emulator: Emulator, client: GeminiClient
) -> None:
    how: Any = len

    with pytest.raises(ConfigurationError, match="the function returned int"):
        await Agent(MODEL, client=client, middleware=[Compaction(at_tokens=1, keep_turns=1, how=how)]).run(
            "And now?", history=talk(2)
        )


# Any conversation of whole turns, as the service would have had it: each call signed and answered in its place.

words = st.sampled_from(["Yes.", "No, because of the rain.", LONG])
names = st.sampled_from(["population", "weather"])


@st.composite
def steps(draw: st.DrawFn, number: int) -> list[Content]:
    """One answer of the model with calls, and the content that answers them."""
    called = [(f"call-{number}-{at}", draw(names)) for at in range(draw(st.integers(1, 3)))]
    parts: list[dict[str, Any]] = [{"text": draw(words)}] if draw(st.booleans()) else []
    for at, (call_id, name) in enumerate(called):
        part: dict[str, Any] = {"functionCall": {"id": call_id, "name": name, "args": {"city": "Oslo"}}}
        parts.append(part if at else {**part, "thoughtSignature": SIGNATURE})
    answers = [{"functionResponse": {"id": i, "name": name, "response": {"output": draw(words)}}} for i, name in called]
    return [Content.parse({"role": "model", "parts": parts}), Content.parse({"role": "user", "parts": answers})]


@st.composite
def turns(draw: st.DrawFn, number: int, *, is_last: bool) -> list[Content]:
    """A prompt in one content or some, steps, and the answer, which the last turn may lack."""
    contents = [user(draw(words)) for _ in range(draw(st.integers(1, 2)))]
    for step in range(draw(st.integers(0, 2))):
        contents += draw(steps(10 * number + step))
    return contents if is_last else [*contents, model(draw(words))]


@st.composite
def histories(draw: st.DrawFn) -> list[Content]:
    last = draw(st.integers(0, 7))
    opening = [model("Welcome.")] if draw(st.booleans()) else []
    return opening + [one for number in range(last + 1) for one in draw(turns(number, is_last=number == last))]


DECLARED = {"functionDeclarations": [{"name": name, "description": "Tells."} for name in ("population", "weather")]}


@given(
    contents=histories(),
    keep=st.integers(1, 4),
    at=st.sampled_from([1, 800, 3000]),
    how=st.sampled_from(["drop", "summarise"]),
    model_id=st.sampled_from(["gemini-2.5-flash", "gemini-3-flash-preview", "gemini-3.6-flash"]),
    profile=st.sampled_from(["google", "vertex", "comet"]),
)
def test_every_conversation_of_whole_turns_becomes_a_request_that_breaks_no_rule(
    contents: list[Content], keep: int, at: int, how: Any, model_id: str, profile: Profile
) -> None:
    request = GenerateContentRequest.parse({"contents": [c.to_wire() for c in contents], "tools": [DECLARED]})
    sent: list[Any] = []

    async def proceed(asked: GenerateContentRequest) -> GenerateContentResponse:
        sent.append(asked.to_wire())
        answer = {"role": "model", "parts": [{"text": "In short."}]}
        return GenerateContentResponse.parse({"candidates": [{"content": answer, "finishReason": "STOP"}]})

    async def go() -> None:
        compaction = Compaction(at_tokens=at, keep_turns=keep, how=how)
        await compaction.around_model(RunContext(deps=None, run_id="r", model=model_id), request, proceed)
        await compaction.around_model(RunContext(deps=None, run_id="r", model=model_id), request, proceed)

    anyio.run(go)

    whole = request.to_wire()
    assert not [f for f in check_request(whole, model=model_id, profile=profile) if f.severity == "error"]
    for asked in sent:
        assert not [f for f in check_request(asked, model=model_id, profile=profile) if f.severity == "error"]
    assert sent[-1] == sent[-2]  # the second time nothing is asked for
    prompts = [at for at, one in enumerate(contents) if starts(contents, at)]
    kept = contents[prompts[-keep] if len(prompts) > keep else 0 :]
    assert sent[-1]["contents"][-len(kept) :] == [one.to_wire() for one in kept]
    assert contents[prompts[0]].to_wire() in sent[-1]["contents"]
    if at == 1 and len(prompts) > keep:
        assert len(sent[-1]["contents"]) == len(kept) + 2


@given(
    contents=histories(),
    model_id=st.sampled_from(["gemini-2.5-flash", "gemini-3-flash-preview", "gemini-3.6-flash"]),
    profile=st.sampled_from(["google", "vertex", "comet"]),
)
def test_a_conversation_can_be_cut_where_a_turn_starts(
    contents: list[Content], model_id: str, profile: Profile
) -> None:
    """What stands behind the cut is a request of its own: so a cached content may hold what stands before it."""
    found = [at for at in range(len(contents)) if starts_turn(contents, at)]

    assert found == [at for at in range(len(contents)) if starts(contents, at)]
    for at in found:
        rest = {"contents": [content.to_wire() for content in contents[at:]], "tools": [DECLARED]}
        assert not [f for f in check_request(rest, model=model_id, profile=profile) if f.severity == "error"]


def starts(contents: Sequence[Content], at: int) -> bool:
    follows_model = at == 0 or contents[at - 1].role == "model"
    answers = any(part.function_response is not None for part in contents[at].parts or [])
    return contents[at].role == "user" and follows_model and not answers
