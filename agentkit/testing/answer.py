"""Turns a scripted reply into what the service sends: chunks with signatures, ids, counts and a finish reason.

The layout is the recorded one. On Google's endpoint, from Gemini 3 on, each part has a chunk of its own and the last
chunk is an empty text with the finish reason, signed unless there were calls. Elsewhere, and before, the finish reason
stands in the last part's chunk, and the calls of one answer share a chunk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

from agentkit.testing.budget import Said, fit_budget
from agentkit.testing.finding import Profile, Request
from agentkit.testing.items import (
    Abort,
    Begin,
    Block,
    Comment,
    Counts,
    Cut,
    End,
    Fail,
    Ground,
    Hop,
    Item,
    OnCandidate,
    Part,
    Raw,
    Reply,
    Say,
    Split,
    Verbatim,
    Wait,
    Without,
)
from agentkit.testing.listing import timestamp
from agentkit.testing.metering import Meter

__all__ = ["Chunk", "Step", "Torn", "compose", "merge_chunks"]

Chunk = dict[str, Any]


@dataclass(frozen=True)
class Torn:
    """A chunk of which only the first bytes are sent."""

    chunk: Chunk
    bytes: int


Step = Chunk | Torn | Wait | Begin | Comment | Fail | Raw | Abort
"""What happens next in an answer: a chunk is sent, time passes, or it fails."""

# With nothing said, the content of a candidate is missing, `{}`, or has only a role: recorded for these reasons.
_NO_CONTENT: Final = frozenset(
    {"MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "OTHER", "MALFORMED_RESPONSE", "RECITATION"}
)
_ROLE_ONLY: Final = frozenset({"STOP", "MAX_TOKENS", "CONTINUATION"})


def compose(
    reply: Reply, request: Request, *, profile: Profile, streamed: bool, cached: Mapping[str, int] | None = None
) -> list[Step]:
    """Return the steps of the answer to `request`, in order; what is sent is remembered as issued.

    When nothing is streamed, there is at most one chunk: the whole answer, after all waits.

    Args:
        reply: What is answered.
        request: What was asked, a cached content included.
        profile: Whose habits.
        streamed: Whether chunks are sent one by one.
        cached: How many tokens of the prompt came from a cached content, by modality.
    """
    composer = _Composer(reply, request, profile, streamed, cached or {})
    steps = composer.steps() if streamed else _as_one(composer.steps(), composer)
    missing = frozenset(name for item in _all(reply, Without) for name in item.names)
    return [_drop(step, missing) if isinstance(step, dict) else step for step in steps] if missing else steps


def _as_one(steps: Sequence[Step], composer: "_Composer") -> list[Step]:
    chunks = [step.chunk if isinstance(step, Torn) else step for step in steps if isinstance(step, dict | Torn)]
    first = [step for step in steps if isinstance(step, Wait | Begin)]
    ends = [step for step in steps if isinstance(step, Fail | Raw | Abort)]
    torn = [step for step in steps if isinstance(step, Torn)]
    if not chunks or (ends and not torn):
        return [*first, *ends]
    whole = composer.issue(merge_chunks(chunks))
    return [*first, Torn(whole, torn[0].bytes) if torn else whole, *ends]


class _Composer:
    """One answer in the making."""

    def __init__(
        self, reply: Reply, request: Request, profile: Profile, streamed: bool, cached: Mapping[str, int]
    ) -> None:
        if request.issued is None:
            raise ValueError("An answer needs Issued to mint its ids and signatures; pass issued=Issued().")
        self._issued, self._request, self._streamed = request.issued, request, streamed
        self._profile: Profile = profile
        self._modern = request.model.call_ids
        self._closes_apart = self._modern and profile == "google"
        self._moves = [move for item in reply.items for move in _moves_of(item)]
        self._said = [move for move in self._moves if isinstance(move, Said)]
        self._given = {key: count for item in _all(reply, Counts) for key, count in item.counts.items()}
        self._fields = {key: value for item in _all(reply, OnCandidate) for key, value in item.fields.items()}
        self._grounding = next(iter(reversed(_all(reply, Ground))), None)
        self._end = self._choose_end(reply)
        self._meter = Meter(request, profile, cached)
        self._text = ""
        self._response_id = self._issued.new_response_id()
        self._steps: list[Step] = []

    def steps(self) -> list[Step]:
        """Return the steps of the streamed form."""
        self._hide_unasked_thoughts()
        self._give_ids()
        self._sign()
        is_open = not any(isinstance(move, Verbatim | Block) for move in self._moves)
        for index, move in enumerate(self._moves):
            match move:
                case Said():
                    self._say(move)
                case Verbatim(chunks=chunks):
                    self._steps += [self.issue(chunk) for chunk in chunks]
                case Block():
                    self._steps.append(self._with_frame(_blocked(move, self._profile), None, is_last=True))
                case Fail() | Raw() | Abort():
                    return [*self._steps, move]
                case Cut():
                    self._tear(move)
                    return [*self._steps, *(move for move in self._moves[index:] if isinstance(move, Wait | Abort))]
                case Wait() | Begin() | Comment():
                    self._steps.append(move)
                case _:
                    pass
        if is_open:
            self._close()
        return self._steps

    def _choose_end(self, reply: Reply) -> End:
        """The finish reason: of the script, of a budget that is too small, or the one that fits."""
        if _all(reply, Hop):
            self._fields["continuationToken"] = self._issued.new_continuation_token(self._request.body)
            return End("CONTINUATION")
        if ends := _all(reply, End):
            return ends[-1]
        if spent := fit_budget(self._said, self._request.generation_config.get("maxOutputTokens")):
            self._moves = [move for move in self._moves if not isinstance(move, Said) or move in self._said]
            return spent
        return self._fitting_end()

    def _fitting_end(self) -> End:
        """Calls that may not be made end as they were recorded."""
        names = [move.part["functionCall"].get("name", "") for move in self._said if move.holds("functionCall")]
        config = self._request.body.get("toolConfig", {}).get("functionCallingConfig", {})
        if names and config.get("mode") == "NONE":
            for move in self._said:
                move.sent = not move.holds("functionCall")
            text = "Unexpected tool call: Model tried to call a function although calls are switched off: "
            return End("UNEXPECTED_TOOL_CALL", text + names[0])
        declared = {declaration.get("name") for _, declaration in self._request.declarations}
        unknown = [] if self._request.offers_actions else [name for name in names if name not in declared]
        if unknown and self._profile != "google":  # Google's own endpoint was recorded to say STOP
            text = f"Unexpected tool call: Model tried to call an undeclared function: {unknown[0]}"
            return End("UNEXPECTED_TOOL_CALL", text)
        ends_with_call = self._profile == "google" and self._request.generation >= (2, 5)
        # On Gemini 3 a stream ends with an empty text, which is no function call.
        told = names and ends_with_call and not (self._streamed and self._modern)
        return End("STOP", "Model generated function call(s)." if told else None)

    def _hide_unasked_thoughts(self) -> None:
        wanted = self._request.generation_config.get("thinkingConfig", {}).get("includeThoughts", False)
        for move in self._said:
            if move.part.get("thought") and not move.exact and not wanted:
                move.sent = False

    def _give_ids(self) -> None:
        """From Gemini 3 on calls have ids; a program and its result, a server's tool and its response share one."""
        shared = self._issued.new_call_id()
        for move in self._said:
            key = next((key for key in _WITH_IDS if move.holds(key)), None)
            if key is None or move.exact or not self._modern:
                continue
            if key not in _SHARING_IDS:
                shared = self._issued.new_call_id()
            move.part = {**move.part, key: {**move.part[key], "id": move.part[key].get("id") or shared}}

    def _sign(self) -> None:
        """Sign the parts that the service signs; only the first of several calls carries a signature."""
        sent = [move for move in self._said if move.sent and not move.part.get("thought")]
        if self._request.model.signatures_enforced:
            to_sign = [move for move in sent if any(move.holds(key) for key in _ALWAYS_SIGNED)]
            to_sign += [move for move in sent if move.holds("functionCall")][:1]
            if not self._closes_apart and sent and sent[-1].is_text:
                to_sign.append(sent[-1])
        else:
            to_sign = sent[:1] if self._signs_before_3() else []
        for move in to_sign:
            if not move.exact:
                move.part = {**move.part, "thoughtSignature": self._issued.new_signature()}

    def _signs_before_3(self) -> bool:
        """2.5 signs when it thinks and functions are declared."""
        rule = self._request.model.thinking
        config = self._request.generation_config.get("thinkingConfig", {})
        thinks = rule.control == "budget" and config.get("thinkingBudget", rule.default) != 0
        return thinks and bool(self._request.declarations)

    def _say(self, said: Said) -> None:
        self._meter.add(said.part)
        if not said.sent:
            return
        self._text += said.part["text"] if said.is_text else ""
        last = self._steps[-1] if self._steps else None
        if said.holds("functionCall") and not self._closes_apart and isinstance(last, dict):
            before = _parts_of(last["candidates"][0])
            if before and "functionCall" in before[-1]:
                self._steps[-1] = self._chunk([*before, said.part])
                return
        self._steps.append(self._chunk([said.part]))

    def _tear(self, cut: Cut) -> None:
        last = self._steps[-1] if self._steps else None
        if cut.after_bytes is not None and isinstance(last, dict):
            self._steps[-1] = Torn(last, cut.after_bytes)

    def _close(self) -> None:
        """Add the finish reason, in a chunk of its own where the model does it so."""
        sent = [move for move in self._said if move.sent]
        last = self._steps[-1] if self._steps else None
        if not sent or self._end.reason in _NO_CONTENT:
            self._steps.append(self._chunk([], end=self._end))
        elif not self._closes_apart and isinstance(last, dict):
            self._steps[-1] = self._chunk(_parts_of(last["candidates"][0]), end=self._end)
        else:
            closing: Chunk = {"text": ""}
            has_calls = any(move.holds("functionCall") for move in sent)
            signs = self._closes_apart and self._request.model.signatures_enforced
            if signs and not has_calls and not sent[-1].exact:
                closing["thoughtSignature"] = self._issued.new_signature()
            self._steps.append(self._chunk([closing], end=self._end))

    def _chunk(self, parts: Sequence[Part], end: End | None = None) -> Chunk:
        candidate: Chunk = {"content": {"parts": list(parts), "role": "model"}}
        if end is not None:
            if not parts:
                candidate = _nothing_said(end.reason)
            candidate["finishReason"] = end.reason
            if end.message is not None:
                candidate["finishMessage"] = end.message
            candidate |= self._fields
            if self._grounding is not None:
                candidate["groundingMetadata"] = _ground(self._grounding, self._text)
        part = parts[-1] if parts else None
        is_result = self._modern and part is not None and ("codeExecutionResult" in part or "toolResponse" in part)
        if self._profile == "google" and self._request.generation >= (2, 5) and not is_result:
            candidate["index"] = 0
        candidates = [candidate | {"index": n} if n else candidate for n in range(self._candidate_count)]
        return self.issue(self._with_frame({"candidates": candidates}, part, is_last=end is not None))

    @property
    def _candidate_count(self) -> int:
        """How many candidates were asked for; all of them say the same."""
        count: int = self._request.generation_config.get("candidateCount", 1)
        return count if self._request.model.many_candidates and 1 <= count <= _MOST_CANDIDATES else 1

    def _with_frame(self, chunk: Chunk, part: Part | None, *, is_last: bool) -> Chunk:
        chunk |= {
            "usageMetadata": self._meter.report(part, is_last=is_last, given=self._given),
            "modelVersion": self._request.model.id,
            "responseId": self._response_id,
        }
        if self._profile != "google":
            chunk["createTime"] = timestamp(datetime.now(UTC))
        return chunk

    def issue(self, chunk: Mapping[str, Any]) -> Chunk:
        """Remember what `chunk` hands out, and return it."""
        candidates = chunk.get("candidates")
        for candidate in _objects(candidates):
            for part in _objects(_content_of(candidate).get("parts")):
                if isinstance(part.get("thoughtSignature", ""), str):
                    self._issued.remember(part, model=self._request.model.id)
            if isinstance(token := candidate.get("continuationToken"), str):
                self._issued.remember_token(token, self._request.body)
        return dict(chunk)


_MOST_CANDIDATES: Final = 8
_WITH_IDS: Final = ("functionCall", "executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_SHARING_IDS: Final = frozenset({"codeExecutionResult", "toolResponse"})
_ALWAYS_SIGNED: Final = ("executableCode", "toolCall", "toolResponse", "inlineData")

_Wanted = TypeVar("_Wanted", Counts, Ground, End, Hop, OnCandidate, Without)


def _all(reply: Reply, kind: type[_Wanted]) -> list[_Wanted]:
    return [item for item in reply.items if isinstance(item, kind)]


def _moves_of(item: Item) -> Sequence[Said | Item]:
    if isinstance(item, Say):
        return [Said(dict(part), item.exact) for part in item.parts]
    return [] if isinstance(item, Split) else [item]


def _blocked(block: Block, profile: Profile) -> Chunk:
    feedback = {"blockReason": block.reason}
    if block.message is not None and profile != "google":
        feedback["blockReasonMessage"] = block.message
    return {"promptFeedback": feedback}


def _nothing_said(reason: str) -> Chunk:
    if reason in _NO_CONTENT:
        return {}
    return {"content": {"role": "model"} if reason in _ROLE_ONLY else {}}


def _ground(ground: Ground, text: str) -> Chunk:
    metadata = dict(ground.metadata)
    chunks: list[Any] = metadata.get("groundingChunks") or []
    if ground.supported and text and chunks:
        segment = {"endIndex": len(text.encode()), "text": text}  # in bytes; a start of 0 is left out
        metadata["groundingSupports"] = [{"segment": segment, "groundingChunkIndices": list(range(len(chunks)))}]
    return metadata


def _drop(chunk: Chunk, names: frozenset[str]) -> Chunk:
    kept = {key: value for key, value in chunk.items() if key not in names}
    if "candidates" in kept:
        candidates = _objects(kept["candidates"])
        kept["candidates"] = [{key: value for key, value in each.items() if key not in names} for each in candidates]
    return kept


def merge_chunks(chunks: Sequence[Mapping[str, Any]]) -> Chunk:
    """Return the chunks of one answer as the single answer that is sent when nothing is streamed."""
    if len(chunks) == 1:
        return dict(chunks[0])
    whole: Chunk = {}
    merged: list[Chunk] = []
    for chunk in chunks:
        whole |= {key: value for key, value in chunk.items() if key != "candidates"}
        for n, piece in enumerate(_objects(chunk.get("candidates"))):
            if n == len(merged):
                merged.append({})
            merged[n] = _merge_candidate(merged[n], piece)
    return {"candidates": merged, **whole} if merged else whole


def _merge_candidate(before: Chunk, piece: Chunk) -> Chunk:
    parts = _parts_of(before)
    for part in _parts_of(piece):
        _append_part(parts, part)
    return before | piece | {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}}


def _parts_of(candidate: Mapping[str, Any]) -> list[Chunk]:
    return _objects(_content_of(candidate).get("parts"))


def _content_of(candidate: Mapping[str, Any]) -> Mapping[str, Any]:
    content: object = candidate.get("content")
    return cast("Mapping[str, Any]", content) if isinstance(content, Mapping) else {}


def _objects(value: object) -> list[Chunk]:
    """Return the objects of a list; a script may hold anything."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Chunk", item) for item in items if isinstance(item, dict)]


def _append_part(parts: list[Chunk], part: Mapping[str, Any]) -> None:
    """Join texts; a signature on an empty text, which ends a stream, sits on the text itself in a whole answer."""
    before = parts[-1] if parts else None
    joins = (
        before is not None
        and "text" in part
        and "text" in before
        and "thoughtSignature" not in before
        and before.get("thought") == part.get("thought")
    )
    if joins and before is not None:
        parts[-1] = {**before, **part, "text": before["text"] + part["text"]}
    elif part.get("text") != "" or "thoughtSignature" in part:
        parts.append(dict(part))
