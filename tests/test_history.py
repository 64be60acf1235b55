"""Foreign histories: what is mended, what is refused, and that the service takes what comes out."""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, ConfigurationError, GeminiClient, RunState
from agentkit.history import NOT_KEPT, PLACEHOLDER, first_unsigned, mended, with_placeholders
from agentkit.testing import Emulator, call, check_request, text
from agentkit.wire import Content, History

MODEL = "gemini-3-flash-preview"
JUDGES = [
    ("gemini-2.5-flash", "google"),
    (MODEL, "google"),
    ("gemini-3.8-flash", "google"),
    ("gemini-3.8-flash", "vertex"),
]

Json = dict[str, Any]


def says(words: str) -> Json:
    return {"text": words}


def asks(name: str, call_id: str | None = None, signature: str | None = PLACEHOLDER) -> Json:
    made = {"name": name, "args": {}} | ({"id": call_id} if call_id else {})
    return {"functionCall": made} | ({"thoughtSignature": signature} if signature else {})


def answers(name: str, call_id: str | None = None, output: object = "ok") -> Json:
    return {"functionResponse": {"name": name, "response": {"output": output}} | ({"id": call_id} if call_id else {})}


def lost(name: str, call_id: str | None = None) -> Json:
    return {"functionResponse": {"name": name, "response": {"error": NOT_KEPT}} | ({"id": call_id} if call_id else {})}


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def read(contents: Iterable[Json]) -> list[Content]:
    return [Content.parse(content) for content in contents]


def written(contents: Iterable[Content]) -> list[Json]:
    return [dict(content.to_wire()) for content in contents]


HI, GO_ON = user(says("Hi.")), user(says("Go on."))
EMPTY = user(says(""))

MENDED = [
    pytest.param(
        [HI, model(asks("f"))],
        [HI, model(asks("f")), user(lost("f"))],
        id="a-call-that-nobody-answered",
    ),
    pytest.param(
        [HI, model(asks("f", "1"), asks("g", "2")), user(answers("g", "2"))],
        [HI, model(asks("f", "1"), asks("g", "2")), user(lost("f", "1"), answers("g", "2"))],
        id="a-call-of-two-that-nobody-answered",
    ),
    pytest.param(
        [HI, model(asks("f")), model(says("Never mind."))],
        [HI, model(asks("f")), user(lost("f")), model(says("Never mind."))],
        id="a-call-that-the-model-itself-gave-up",
    ),
    pytest.param(
        [HI, model(asks("f", "1"), asks("f", "2")), user(answers("f", "2", "b"), answers("f", "1", "a"))],
        [HI, model(asks("f", "1"), asks("f", "2")), user(answers("f", "1", "a"), answers("f", "2", "b"))],
        id="answers-in-another-order-by-id",
    ),
    pytest.param(
        [HI, model(asks("f"), asks("g")), user(answers("g"), answers("f"))],
        [HI, model(asks("f"), asks("g")), user(answers("f"), answers("g"))],
        id="answers-in-another-order-by-name",
    ),
    pytest.param(
        [HI, model(asks("f", "1"), asks("f")), user(answers("f", None, "b"), answers("f", "1", "a"))],
        [HI, model(asks("f", "1"), asks("f")), user(answers("f", "1", "a"), answers("f", None, "b"))],
        id="an-id-is-stronger-than-a-name",
    ),
    pytest.param(
        [HI, model(asks("f")), user(answers("f"), says("And hurry."))],
        [HI, model(asks("f")), user(answers("f")), user(says("And hurry."))],
        id="text-behind-an-answer",
    ),
    pytest.param(
        [HI, model(asks("f"), asks("g")), user(answers("f"), says("And hurry."), answers("g"))],
        [HI, model(asks("f"), asks("g")), user(answers("f"), answers("g")), user(says("And hurry."))],
        id="text-between-answers",
    ),
    pytest.param(
        [HI, model(asks("f"), asks("g")), user(answers("f")), user(answers("g"))],
        [HI, model(asks("f"), asks("g")), user(answers("f"), answers("g"))],
        id="answers-in-neighbouring-contents",
    ),
    pytest.param(
        [model(asks("f")), user(answers("f"))],
        [EMPTY, model(asks("f")), user(answers("f"))],
        id="a-call-in-the-first-content",
    ),
    pytest.param(
        [model(says("Let me see.")), model(asks("f")), user(answers("f"))],
        [EMPTY, model(says("Let me see.")), model(asks("f")), user(answers("f"))],
        id="a-call-in-the-first-turn",
    ),
    pytest.param(
        [user(), model(asks("f")), user(answers("f"))],
        [EMPTY, model(asks("f")), user(answers("f"))],
        id="a-call-behind-an-empty-first-content",
    ),
    pytest.param([HI, model(), model(says("Yes?"))], [HI, model(says("Yes?"))], id="a-content-without-parts"),
    pytest.param(
        [HI, model(asks("f")), {"role": "function", "parts": [answers("f")]}],
        [HI, model(asks("f")), user(answers("f"))],
        id="the-role-function",
    ),
]


@pytest.mark.rows("R5")
@pytest.mark.parametrize(("history", "contents"), MENDED)
def test_a_history_that_the_service_would_refuse_is_mended_and_that_is_logged(
    history: list[Json], contents: list[Json], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "agentkit"):
        whole, start = mended(read(history), Content.parse(GO_ON))

    assert written(whole) == [*contents, GO_ON]
    assert whole[start].text == "Go on."
    assert "history.mended" in caplog.text


KEPT = [
    pytest.param([], id="nothing"),
    pytest.param([HI, model(says("Hello."))], id="texts"),
    pytest.param([HI, GO_ON], id="two-contents-of-the-user"),
    pytest.param([model(says("Hello."))], id="the-model-begins-with-text"),
    pytest.param([HI, model(asks("f", "1"), asks("g", "2")), user(answers("f", "1"), answers("g", "2"))], id="calls"),
    pytest.param([HI, model(asks("f"), asks("f")), user(answers("f"), answers("f"))], id="calls-without-ids"),
    pytest.param([HI, model(asks("f")), user(says("Here: "), answers("f"))], id="text-before-an-answer"),
    pytest.param([HI, model(asks("f", "1"), answers("f", "1"), says("Seen."))], id="a-call-that-the-service-ran"),
    pytest.param([HI, model(asks("f"), answers("f"), says("Seen."))], id="such-a-call-without-id"),
    pytest.param([HI, model({"newKind": {"x": 1}})], id="unknown-parts"),
    pytest.param([{"parts": [says("Hi.")]}], id="no-role"),
]


@pytest.mark.parametrize("history", KEPT)
def test_a_history_that_is_right_is_left_alone(history: list[Json], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "agentkit"):
        whole, start = mended(read(history), Content.parse(GO_ON))

    assert (written(whole), start) == ([*history, GO_ON], len(history))
    assert not caplog.records


REFUSED = [
    pytest.param([HI, {"role": "system", "parts": [says("Obey.")]}], r"history\[1\] has the role 'system'", id="role"),
    pytest.param([user(asks("f"))], r"history\[0\] holds a call, but is of role 'user'", id="a-call-of-the-user"),
    pytest.param([{"parts": [asks("f")]}], r"history\[0\] holds a call, but is of role None", id="a-call-of-nobody"),
    pytest.param([HI, user(answers("f"))], r"history\[1\] answers 'f'", id="an-answer-without-a-call"),
    pytest.param(
        [HI, model(asks("f")), user(answers("f")), user(answers("f"))], r"history\[3\] answers 'f'", id="twice"
    ),
    pytest.param([HI, model(asks("f")), user(answers("g"))], r"history\[2\] answers 'g'", id="another-name"),
    pytest.param([HI, model(asks("f", "1")), user(answers("f", "2"))], r"history\[2\] answers 'f'", id="another-id"),
]


@pytest.mark.parametrize(("history", "sentence"), REFUSED)
def test_a_history_beyond_mending_is_refused_with_the_index(history: list[Json], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        mended(read(history), Content.parse(GO_ON))


PROMPTS = [
    pytest.param(model(says("Hi.")), 'role "model"', id="of-the-model"),
    pytest.param(user(answers("f")), "The prompt answers 'f'", id="an-answer-without-a-call"),
    pytest.param(user(), "The prompt is empty", id="without-parts"),
]


@pytest.mark.parametrize(("prompt", "sentence"), PROMPTS)
def test_a_prompt_that_the_service_would_refuse_is_refused(prompt: Json, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        mended([], Content.parse(prompt))


def test_a_prompt_may_answer_the_calls_at_the_end_of_the_history() -> None:
    prompt = user(answers("g", "2"), answers("f", "1"), says("Go on."))

    whole, start = mended(read([HI, model(asks("f", "1"), asks("g", "2"))]), Content.parse(prompt))

    assert written(whole)[start:] == [user(answers("f", "1"), answers("g", "2")), GO_ON]


def test_a_history_of_our_own_is_not_encoded_again() -> None:
    history = History(read([HI, model(says("Hello."))]))

    whole, _ = mended(history, Content.parse(GO_ON))

    assert [id(content) for content in whole[:2]] == [id(content) for content in history]
    assert len(history) == 2


@pytest.mark.anyio
async def test_a_run_with_a_torn_history_goes_on(emulator: Emulator, client: GeminiClient) -> None:
    def look() -> str:
        return "seen"

    emulator.reply(call("look"))
    emulator.reply(text("Done."))
    torn = read([HI, model(asks("f", "1"), asks("g", "2"))])

    result = await Agent(MODEL, tools=[look], client=client).run("Go on.", history=torn)

    assert result.output == "Done."
    assert emulator.requests[0]["contents"] == [
        HI,
        model(asks("f", "1"), asks("g", "2")),
        user(lost("f", "1"), lost("g", "2")),
        GO_ON,
    ]
    assert [content.text for content in result.contents[result.state.start :]] == ["Go on.", "", "", "Done."]


def test_the_first_call_without_a_signature_is_found() -> None:
    history = read(
        [HI, model(asks("f"), asks("g", signature=None)), user(answers("f")), model(asks("h", signature=None))]
    )

    assert first_unsigned(history) == 3
    assert first_unsigned(history[:3]) is None


def test_placeholders_stand_only_where_a_first_call_has_no_signature() -> None:
    unsigned = [
        HI,
        model(says("Hm."), asks("f", signature=None), asks("g", signature=None)),
        model(asks("h", signature="c2ln")),
    ]

    signed = written(with_placeholders(read(unsigned)))

    assert signed == [HI, model(says("Hm."), asks("f"), asks("g", signature=None)), unsigned[2]]


# -- Any history at all ------------------------------------------------------------------------------------------------

names = st.sampled_from(["f", "g"])
ids = st.sampled_from([None, "1", "2"])


def by_call_id(part: Json) -> object:
    """No model gives one id to two calls of one answer."""
    return part.get("functionCall", {}).get("id") or object()


def is_by_one_side(content: Json) -> bool:
    """Only with MCP servers, which the judge does not see here, the model's content holds answers."""
    return content["role"] != "model" or not any("functionResponse" in part for part in content["parts"])


calls = st.lists(st.builds(asks, names, ids), min_size=1, max_size=3, unique_by=by_call_id)
parts = st.one_of(st.just(says("Hm.")), st.builds(asks, names, ids), st.builds(answers, names, ids))
roles = st.sampled_from(["user", "model", "function", None, "system"])
said = st.lists(parts, max_size=3, unique_by=by_call_id)
anything = st.fixed_dictionaries({"role": roles, "parts": said}).filter(is_by_one_side).map(lambda one: [one])
texts = st.sampled_from([[user(says("Hm."))], [model(says("Hm."))]])


@st.composite
def steps(draw: st.DrawFn) -> list[Json]:
    """Calls and what may have become of their answers: lost, in another order, between texts, in several contents."""
    asked = draw(calls)
    given_back = [answers(one["functionCall"]["name"], one["functionCall"].get("id")) for one in asked]
    kept = draw(st.permutations(given_back))[: draw(st.integers(0, len(given_back)))]
    around = draw(st.lists(st.just(says("Hm.")), max_size=2))
    told = draw(st.permutations([*kept, *around]))
    cut = draw(st.integers(0, len(told)))
    return [model(*asked), *(user(*some) for some in (told[:cut], told[cut:]) if some)]


def joined(pieces: Sequence[list[Json]]) -> list[Content]:
    return read(content for piece in pieces for content in piece)


histories = st.lists(st.one_of(texts, steps(), steps(), anything), max_size=5).map(joined)
prompts = st.one_of(st.just([GO_ON]), steps(), anything).map(lambda piece: read(piece)[-1])


@pytest.mark.rows("R5")
@given(histories, prompts)
def test_what_is_not_refused_passes_every_judge(history: list[Content], prompt: Content) -> None:
    try:
        contents = written(mended(history, prompt)[0])
    except ConfigurationError:
        return

    for name, profile in JUDGES:
        findings = check_request({"contents": contents}, model=name, profile=profile)  # type: ignore[arg-type]
        assert not [finding for finding in findings if finding.severity == "error"], contents


@given(histories, prompts)
def test_mending_what_was_mended_changes_nothing(history: list[Content], prompt: Content) -> None:
    try:
        once, start = mended(history, prompt)
    except ConfigurationError:
        return

    again, _ = mended(once[:-1], once[-1])

    assert again == once
    assert 0 <= start < len(once)


@given(histories)
def test_nothing_that_was_said_is_lost(history: list[Content]) -> None:
    try:
        state = RunState.begin(MODEL, Content.parse(GO_ON), history)
    except ConfigurationError:
        return

    def spoken(contents: Iterable[Content]) -> list[str]:
        kept = [str(part.to_wire()) for content in contents for part in content.parts or []]
        return sorted(re.sub(", 'id': '.'", "", one) for one in kept if NOT_KEPT not in one and one != str(says("")))

    assert spoken(state.contents[:-1]) == spoken(history)
