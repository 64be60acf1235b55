"""What one answer is worth: judged by its parts first and its finish reason second."""

from typing import Any

import pytest

from agentkit import EmptyResponse, MalformedCall, ResponseBlocked, ResponseTruncated
from agentkit.verdict import Verdict, judge
from agentkit.wire import GenerateContentResponse

TEXT = {"text": "Hi."}
CALL = {"functionCall": {"name": "f", "args": {}}}
THOUGHT = {"text": "Hm.", "thought": True}
LONE_SIGNATURE = {"text": "", "thoughtSignature": "AAAA"}
UNKNOWN_PART = {"hologram": {"size": 3}}


def answer(*parts: dict[str, Any], reason: Any = "STOP", **fields: Any) -> GenerateContentResponse:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **fields}
    if reason is not None:
        candidate["finishReason"] = reason
    return GenerateContentResponse.parse({"candidates": [candidate]})


def raw(**response: Any) -> GenerateContentResponse:
    return GenerateContentResponse.parse(response)


USABLE = [
    pytest.param(answer(TEXT), id="text"),
    pytest.param(answer(CALL), id="a-call"),
    pytest.param(answer(TEXT, THOUGHT, CALL), id="text-thoughts-and-a-call"),
    pytest.param(answer({"text": "  "}), id="white-space-is-text"),
    pytest.param(answer(TEXT, reason=1), id="a-reason-as-number"),
    pytest.param(answer(TEXT, reason=None), id="text-without-a-reason"),
    pytest.param(answer(TEXT, reason="BRAND_NEW"), id="text-with-an-unknown-reason"),
    pytest.param(answer(TEXT, reason="MAX_TOKENS"), id="text-that-was-cut"),
    pytest.param(answer(UNKNOWN_PART), id="a-part-of-an-unknown-kind"),
    pytest.param(answer({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}), id="an-image"),
    pytest.param(answer(TEXT, finishMessage="Model generated function call(s)."), id="a-message-beside-stop"),
]


@pytest.mark.parametrize("response", USABLE)
def test_an_answer_that_says_something_is_usable(response: GenerateContentResponse) -> None:
    assert judge(response) == Verdict()


EMPTY = [
    pytest.param(raw(), id="no-candidates"),
    pytest.param(raw(candidates=[]), id="an-empty-list"),
    pytest.param(raw(candidates=[{"finishReason": "STOP"}]), id="no-content"),
    pytest.param(raw(candidates=[{"finishReason": "STOP", "content": {}}]), id="no-parts-and-no-role"),
    pytest.param(answer(), id="an-empty-list-of-parts"),
    pytest.param(answer(THOUGHT), id="thoughts-only"),
    pytest.param(answer(LONE_SIGNATURE), id="a-lone-signature"),
    pytest.param(answer({}), id="an-empty-part"),
    pytest.param(answer(reason="BRAND_NEW"), id="an-unknown-reason-and-nothing-else"),
    pytest.param(answer(reason="OTHER"), id="other"),
]


@pytest.mark.rows(53, 54)
@pytest.mark.parametrize("response", EMPTY)
def test_an_answer_that_says_nothing_is_asked_for_once_more(response: GenerateContentResponse) -> None:
    verdict = judge(response)

    assert isinstance(verdict.error, EmptyResponse)
    assert (verdict.tries, verdict.change) == (2, "nothing")


BLOCKED = [
    *("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"),
    *("IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
]


@pytest.mark.rows(56)
@pytest.mark.parametrize("reason", BLOCKED)
def test_a_blocked_answer_is_never_asked_for_again(reason: str) -> None:
    verdict = judge(answer({"text": "Half"}, reason=reason, finishMessage="policy"))

    assert isinstance(verdict.error, ResponseBlocked)
    assert (verdict.error.reason, verdict.error.where, verdict.error.partial) == (reason, "answer", "Half")
    assert verdict.tries == 1


@pytest.mark.rows(57)
def test_a_recitation_is_asked_for_once_more() -> None:
    verdict = judge(answer(reason="RECITATION"))

    assert isinstance(verdict.error, ResponseBlocked)
    assert verdict.tries == 2


@pytest.mark.rows(56)
def test_a_blocked_prompt_says_so() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}

    verdict = judge(raw(promptFeedback=feedback))

    assert isinstance(verdict.error, ResponseBlocked)
    assert (verdict.error.where, verdict.error.reason, verdict.error.message) == ("prompt", "PROHIBITED_CONTENT", "no")
    assert verdict.tries == 1


LADDER = [
    pytest.param("MALFORMED_FUNCTION_CALL", 3, "ladder", id="malformed-call"),
    pytest.param("UNEXPECTED_TOOL_CALL", 3, "ladder", id="unexpected-call-without-its-part"),
    pytest.param("MALFORMED_RESPONSE", 2, "nothing", id="malformed-response"),
    pytest.param("TOO_MANY_TOOL_CALLS", 1, "nothing", id="too-many-calls"),
    pytest.param("MISSING_THOUGHT_SIGNATURE", 1, "nothing", id="missing-signature"),
]


@pytest.mark.rows(50, 51)
@pytest.mark.parametrize(("reason", "tries", "change"), LADDER)
def test_a_bad_call_is_asked_for_again_as_often_as_it_helps(reason: str, tries: int, change: str) -> None:
    verdict = judge(answer(reason=reason, finishMessage="print("))

    assert isinstance(verdict.error, MalformedCall)
    assert (verdict.error.reason, verdict.error.message) == (reason, "print(")
    assert (verdict.tries, verdict.change) == (tries, change)


@pytest.mark.rows(50, "R6")
def test_a_call_that_came_along_with_a_malformed_one_is_not_usable() -> None:
    assert isinstance(judge(answer(CALL, reason="MALFORMED_FUNCTION_CALL")).error, MalformedCall)


def test_an_unexpected_call_is_answered() -> None:
    verdict = judge(answer(CALL, reason="UNEXPECTED_TOOL_CALL"))

    assert verdict.error is None
    assert verdict.refused.startswith("This call was not run")


@pytest.mark.rows(66)
def test_a_call_that_was_not_allowed_is_a_bad_call() -> None:
    verdict = judge(answer(CALL), calls_allowed=False)

    assert isinstance(verdict.error, MalformedCall)
    assert verdict.tries == 2


@pytest.mark.rows(55, 58, "R6")
@pytest.mark.parametrize("reason", ["MAX_TOKENS", "OTHER", None, "BRAND_NEW"])
def test_a_call_of_an_answer_that_did_not_end_well_is_refused_once_then_an_error(reason: str | None) -> None:
    first, second = (judge(answer(CALL, reason=reason), cut_before=before) for before in (False, True))

    assert first.error is None
    assert first.refused.startswith("This call was not run")
    assert isinstance(second.error, ResponseTruncated | MalformedCall)


@pytest.mark.rows(55)
def test_thoughts_that_used_up_the_budget_are_named() -> None:
    error = judge(answer(THOUGHT, reason="MAX_TOKENS")).error

    assert isinstance(error, ResponseTruncated)
    assert "Thinking counts against the limit" in str(error)


@pytest.mark.rows(55)
def test_half_a_json_is_of_no_use() -> None:
    verdict = judge(answer({"text": '{"a": '}, reason="MAX_TOKENS"), structured=True)

    assert isinstance(verdict.error, ResponseTruncated)
    assert verdict.error.partial == '{"a": '
