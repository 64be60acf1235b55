"""How scripted replies become answers: chunks, ids, signatures, counts; streamed and whole."""

from typing import Any

import pytest

from agentkit.models import facts
from agentkit.testing.answer import compose, merge_chunks
from agentkit.testing.finding import Profile, Request, backend_of
from agentkit.testing.issued import Issued
from agentkit.testing.items import Fail, Item, Wait
from agentkit.testing.script import (
    blocked,
    call,
    call_args,
    code,
    cut,
    delay,
    empty,
    error,
    finish,
    grounding,
    part,
    recorded,
    reply,
    stream,
    text,
    thought,
    usage,
)
from tests.testing.requests_made import WEATHER, ask

Json = dict[str, Any]
THOUGHTS = {"thinkingConfig": {"includeThoughts": True}}


def chunks_of(
    *items: Item,
    model: str = "gemini-3-flash-preview",
    profile: Profile = "google",
    streamed: bool = True,
    **body: Any,
) -> list[Any]:
    request = Request(
        body=ask(tools=[WEATHER], **body), model=facts(model), backend=backend_of(profile), issued=Issued(seed=1)
    )
    return list(compose(reply(*items), request, profile=profile, streamed=streamed))


def parts_of(chunk: Json) -> list[Json]:
    parts: list[Json] = chunk["candidates"][0]["content"]["parts"]
    return parts


def whole(*items: Item, **options: Any) -> Json:
    [answer] = chunks_of(*items, streamed=False, **options)
    candidate: Json = answer["candidates"][0]
    return candidate


def test_a_streamed_text_ends_with_a_signed_empty_text() -> None:
    first, second, last = chunks_of(stream("It is ", "cold."))

    assert [parts_of(chunk)[0]["text"] for chunk in (first, second, last)] == ["It is ", "cold.", ""]
    assert [("thoughtSignature" in parts_of(chunk)[0]) for chunk in (first, second, last)] == [False, False, True]
    assert [chunk["candidates"][0].get("finishReason") for chunk in (first, second, last)] == [None, None, "STOP"]


def test_a_whole_text_is_one_signed_part() -> None:
    [only] = whole(stream("It is ", "cold."))["content"]["parts"]

    assert only["text"] == "It is cold."
    assert only["thoughtSignature"]


def test_a_streamed_call_has_a_chunk_of_its_own_before_the_end() -> None:
    called, last = chunks_of(call("weather", city="Oslo"))

    assert parts_of(called)[0]["functionCall"] | {"id": ""} == {"name": "weather", "args": {"city": "Oslo"}, "id": ""}
    assert parts_of(last) == [{"text": ""}]
    assert last["candidates"][0]["finishReason"] == "STOP"


def test_before_generation_3_the_call_and_the_end_share_a_chunk_and_there_is_no_id() -> None:
    [only] = chunks_of(call("weather", city="Oslo"), model="gemini-2.5-flash")

    assert only["candidates"][0]["finishReason"] == "STOP"
    assert "id" not in parts_of(only)[0]["functionCall"]
    assert parts_of(only)[0]["thoughtSignature"]


def test_2_5_does_not_sign_when_thinking_is_off() -> None:
    [only] = chunks_of(
        call("weather"), model="gemini-2.5-flash", generationConfig={"thinkingConfig": {"thinkingBudget": 0}}
    )

    assert "thoughtSignature" not in parts_of(only)[0]


def test_only_the_first_of_several_calls_is_signed_and_each_has_an_id() -> None:
    parts = whole(call("weather", city="Oslo"), call("weather", city="Rome"))["content"]["parts"]

    assert [("thoughtSignature" in part) for part in parts] == [True, False]
    assert len({part["functionCall"]["id"] for part in parts}) == 2
    assert all(len(part["functionCall"]["id"]) == 8 for part in parts)


def test_thoughts_come_first_when_asked_for_and_are_counted_always() -> None:
    shown, *_ = chunks_of(text("Cold.", thoughts="Oslo is north."), generationConfig=THOUGHTS)
    hidden, *_ = chunks_of(text("Cold.", thoughts="Oslo is north."))

    assert parts_of(shown) == [{"text": "Oslo is north.", "thought": True}]
    assert parts_of(hidden) == [{"text": "Cold."}]
    assert hidden["usageMetadata"]["thoughtsTokenCount"] == 4


def test_counts_grow_from_chunk_to_chunk_and_add_up() -> None:
    counts = [chunk["usageMetadata"] for chunk in chunks_of(thought("Hm, hm."), stream("abcd", "efgh", "ijkl"))]

    assert [count["candidatesTokenCount"] for count in counts] == [1, 2, 3, 3]
    for count in counts:
        parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
        assert count["totalTokenCount"] == sum(count[key] for key in parts)


def test_counts_can_be_given() -> None:
    *_, last = chunks_of(text("x"), usage(promptTokenCount=7, candidatesTokenCount=5, promptTokensDetails=None))

    assert last["usageMetadata"] == {
        "totalTokenCount": 12,
        "promptTokenCount": 7,
        "candidatesTokenCount": 5,
        "serviceTier": "standard",
    }


def test_a_part_given_as_it_is_stays_as_it_is() -> None:
    given = {"functionCall": {"name": "weather"}, "x-new": 1}

    [only, _] = chunks_of(part(given))

    assert parts_of(only) == [given]


def test_arguments_may_have_any_name() -> None:
    parts = whole(call_args("weather", {"the city": 1}))["content"]["parts"]

    assert parts[0]["functionCall"]["args"] == {"the city": 1}


def test_code_and_its_result_share_an_id_and_the_code_is_signed() -> None:
    ran, result = whole(code("print(4)", "4\n"), text("Four."))["content"]["parts"][:2]

    assert ran["executableCode"]["id"] == result["codeExecutionResult"]["id"]
    assert "thoughtSignature" in ran
    assert result["codeExecutionResult"] | {"id": ""} == {"outcome": "OUTCOME_OK", "output": "4\n", "id": ""}


@pytest.mark.parametrize(
    ("items", "candidate"),
    [
        pytest.param([empty()], {"content": {"role": "model"}, "finishReason": "STOP"}, id="empty"),
        pytest.param(
            [finish("MALFORMED_FUNCTION_CALL", "Malformed")],
            {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed"},
            id="malformed-has-no-content",
        ),
        pytest.param([finish("SAFETY")], {"content": {}, "finishReason": "SAFETY"}, id="safety-has-empty-content"),
    ],
)
def test_an_answer_without_parts_has_the_recorded_shape(items: list[Item], candidate: Json) -> None:
    assert whole(*items) == candidate | {"index": 0}


def test_a_refused_prompt_has_no_candidates() -> None:
    [answer] = chunks_of(blocked("PROHIBITED_CONTENT"))

    assert answer["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in answer


def test_a_cut_stream_has_no_finish_reason() -> None:
    chunks = chunks_of(stream("a", "b"), cut())

    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None, None]


def test_an_error_ends_the_answer_where_it_stands() -> None:
    steps = chunks_of(text("a"), delay(0.1), error(503))

    assert [type(step) for step in steps] == [dict, Wait, Fail]


def test_a_recorded_answer_is_sent_as_it_is() -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "x", "odd": 1}]}, "finishReason": "NEW"}], "more": True}

    assert chunks_of(recorded([chunk])) == [chunk]
    assert chunks_of(recorded([chunk]), streamed=False) == [chunk]


def test_grounding_stands_in_the_last_chunk() -> None:
    first, last = chunks_of(text("x"), grounding({"webSearchQueries": ["x"]}))

    assert "groundingMetadata" not in first["candidates"][0]
    assert last["candidates"][0]["groundingMetadata"] == {"webSearchQueries": ["x"]}


def test_a_call_of_an_undeclared_function_ends_as_each_backend_was_recorded_to_end_it() -> None:
    assert whole(call("nope"))["finishReason"] == "STOP"
    assert whole(call("nope"), profile="vertex")["finishReason"] == "UNEXPECTED_TOOL_CALL"
    assert whole(call("nope"), finish("STOP"), profile="vertex")["finishReason"] == "STOP"


def test_a_call_while_calls_are_switched_off_is_not_sent() -> None:
    answer = whole(call("weather"), toolConfig={"functionCallingConfig": {"mode": "NONE"}})

    assert answer["finishReason"] == "UNEXPECTED_TOOL_CALL"
    assert answer["content"] == {}


def test_vertex_and_the_gateway_add_what_only_they_add() -> None:
    [answer] = chunks_of(text("x"), profile="comet", streamed=False)

    assert answer["usageMetadata"]["trafficType"] == "ON_DEMAND"
    assert answer["createTime"].endswith("Z")
    assert "index" not in answer["candidates"][0]


def test_merging_keeps_thoughts_and_texts_apart() -> None:
    chunks = chunks_of(thought("Hm. "), thought("Yes."), stream("a", "b"), generationConfig=THOUGHTS)

    thoughts, said = merge_chunks(chunks)["candidates"][0]["content"]["parts"]

    assert thoughts == {"text": "Hm. Yes.", "thought": True}
    assert said["text"] == "ab"


def test_the_same_seed_makes_the_same_ids() -> None:
    assert chunks_of(call("weather")) == chunks_of(call("weather"))
