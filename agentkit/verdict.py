"""What one answer of the model is worth: usable, worth asking again, or the end of the run. Pure decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agentkit import wire
from agentkit._frozen import frozen
from agentkit.errors import EmptyResponse, MalformedCall, ResponseBlocked, ResponseTruncated, RunError

__all__ = ["CUT_ENDS", "Verdict", "end_of", "judge"]

CUT_ENDS = ("MAX_TOKENS", "CONTINUATION")  # the second where the rest of a long answer could not be had
# Some gateways send enums as numbers. Up to 5 they mean the same at Google and on Vertex AI.
_BY_NUMBER: Mapping[object, str] = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
_BLOCKED = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
    "MODEL_ARMOR",
)
_BAD_CALLS = (
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
)


@frozen
class Verdict:
    """What to do with an answer.

    Attributes:
        error: None if the answer is usable; else what to raise when asking again did not help.
        tries: How often to ask in all before raising; 1 means not again.
        change: How to change the next request: not at all, or the ladder for malformed calls (temperature 0, then a
            forced call).
        refused: The answer is usable, but its calls must not run, and this is what the model is told.
    """

    error: RunError | None = None
    tries: int = 1
    change: Literal["nothing", "ladder"] = "nothing"
    refused: str = ""


def judge(
    response: wire.GenerateContentResponse,
    *,
    attempt: int = 1,
    structured: bool = False,
    cut_before: bool = False,
    calls_allowed: bool = True,
) -> Verdict:
    """Judge an answer by its parts first and its finish reason second.

    Args:
        response: A whole answer; a stream's chunks merged.
        attempt: How often this turn was asked; the first is 1.
        structured: Whether the answer must be JSON, so that half of one is of no use.
        cut_before: Whether an answer of this run was cut within a call already.
        calls_allowed: Whether functions were offered in this turn.
    """
    candidate = response.candidate
    feedback = response.prompt_feedback
    reason = end_of(candidate) if candidate is not None else "none"
    content = candidate.content if candidate is not None else None
    says_something = content is not None and _says_something(content)
    partial = content.text if content is not None else ""
    if feedback is not None and feedback.block_reason and not (says_something and reason == "STOP"):
        message, ratings = feedback.block_reason_message or "", _plain(feedback.safety_ratings)
        return Verdict(error=ResponseBlocked(str(feedback.block_reason), "prompt", message, partial, ratings))
    if candidate is None:
        return Verdict(error=EmptyResponse("none, no candidate", attempt), tries=2)
    if reason in _BLOCKED:
        message, ratings = candidate.finish_message or "", _plain(candidate.safety_ratings)
        error = ResponseBlocked(reason, "answer", message, partial, ratings)
        return Verdict(error=error, tries=2 if reason == "RECITATION" else 1)
    if reason in CUT_ENDS:
        return _judge_cut(content, structured=structured, cut_before=cut_before)
    has_calls = content is not None and bool(content.function_calls)
    if reason in _BAD_CALLS or (has_calls and not calls_allowed):
        return _judge_bad_call(candidate, reason, attempt, calls_allowed=calls_allowed)
    if not says_something:
        return Verdict(error=EmptyResponse(reason, attempt), tries=2)
    if has_calls and reason != "STOP":
        if cut_before:
            return Verdict(
                error=MalformedCall(reason, candidate.finish_message or "the answer did not end well", attempt)
            )
        return Verdict(refused=f"This call was not run, because your answer did not end well ({reason}). Call again.")
    return Verdict()


def end_of(candidate: wire.Candidate) -> str:
    """Return the finish reason by its name; "none" if there is none."""
    reason = candidate.finish_reason
    return "none" if reason is None else _BY_NUMBER.get(reason, str(reason))


def _judge_cut(content: wire.Content | None, *, structured: bool, cut_before: bool) -> Verdict:
    if content is None or not _says_something(content):
        return Verdict(error=ResponseTruncated("thinking used up the whole budget"))
    if content.function_calls:
        if cut_before:
            return Verdict(error=ResponseTruncated("within a function call, twice", content.text))
        return Verdict(refused="This call was not run, because your answer was cut at the output limit. Be shorter.")
    if structured:
        return Verdict(error=ResponseTruncated("the JSON is not whole", content.text))
    return Verdict()


def _judge_bad_call(candidate: wire.Candidate, name: str, attempt: int, *, calls_allowed: bool) -> Verdict:
    content = candidate.content
    if name == "UNEXPECTED_TOOL_CALL" and calls_allowed and content is not None and content.function_calls:
        # Telling the model which functions exist works (recorded with status 200) and costs no more than asking again.
        return Verdict(
            refused="This call was not run: the service did not expect it. Call again if it is still needed."
        )
    message = candidate.finish_message or "no details"
    error = MalformedCall(name, message, attempt)
    if name in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "STOP"):
        return Verdict(error=error, tries=3 if calls_allowed else 2, change="ladder")
    return Verdict(error=error, tries=2 if name == "MALFORMED_RESPONSE" else 1)


def _plain(ratings: Sequence[wire.SafetyRating] | None) -> list[dict[str, Any]]:
    return [rating.to_wire() for rating in ratings or []]


def _says_something(content: wire.Content) -> bool:
    """Tell whether there is more than thoughts, empty text and lone signatures. White space counts as text."""
    return any(not part.thought and (part.text or part.kind not in ("text", None)) for part in content.parts or [])
