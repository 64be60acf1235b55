"""Turns a scripted reply into what the service sends: chunks with signatures, ids, counts and a finish reason.

The layout is the recorded one. From Gemini 3 on each part has a chunk of its own and the last chunk is an empty text
with the finish reason, signed if the answer is a text; before that, the finish reason stands in the last part's chunk.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

from agentkit.testing.finding import Profile, Request
from agentkit.testing.script import Block, Counts, Cut, End, Fail, Ground, Item, Part, Raw, Reply, Say, Verbatim, Wait

__all__ = ["Chunk", "Step", "compose", "count_tokens", "merge_chunks"]

Chunk = dict[str, Any]
Step = Chunk | Wait | Fail | Raw
"""What happens next in an answer: a chunk is sent, time passes, or it fails."""

_CHARACTERS_PER_TOKEN: Final = 4
_TOKENS_OF_MEDIA: Final = 258
# With nothing said, the content of a candidate is missing, `{}`, or has only a role: recorded for these reasons.
_NO_CONTENT: Final = frozenset({"MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "OTHER", "MALFORMED_RESPONSE"})
_ROLE_ONLY: Final = frozenset({"STOP", "MAX_TOKENS", "CONTINUATION"})


def compose(reply: Reply, request: Request, *, profile: Profile, streamed: bool) -> list[Step]:
    """Return the steps of the answer to `request`, in order; what is sent is remembered as issued.

    When nothing is streamed, there is at most one chunk, the last step: the whole answer.
    """
    composer = _Composer(reply, request, profile, streamed)
    steps = composer.steps()
    if streamed:
        return steps
    rest: list[Step] = [step for step in steps if not isinstance(step, dict)]
    if any(isinstance(step, Fail | Raw) for step in rest):
        return rest
    return [*rest, composer.issue(merge_chunks([step for step in steps if isinstance(step, dict)]))]


def count_tokens(value: object) -> int:
    """Return a plausible number of tokens for JSON of a request: four characters each, media by the piece."""
    return -(-_characters(value) // _CHARACTERS_PER_TOKEN)


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        node = cast("Mapping[str, object]", value)
        if "inlineData" in node or "fileData" in node:
            return _TOKENS_OF_MEDIA * _CHARACTERS_PER_TOKEN
        return sum(_characters(item) for key, item in node.items() if key != "thoughtSignature")
    if isinstance(value, list):
        return sum(map(_characters, cast("list[object]", value)))
    return 0 if value is None or isinstance(value, bool) else len(json.dumps(value))


@dataclass
class _Said:
    """A part on its way out. What is not `sent` is only counted."""

    part: Chunk
    exact: bool
    sent: bool = True

    def holds(self, key: str) -> bool:
        return key in self.part

    @property
    def is_text(self) -> bool:
        return self.holds("text") and not self.part.get("thought")


class _Composer:
    """One answer in the making."""

    def __init__(self, reply: Reply, request: Request, profile: Profile, streamed: bool) -> None:
        if request.issued is None:
            raise ValueError("An answer needs Issued to mint its ids and signatures; pass issued=Issued().")
        self._issued, self._request, self._profile, self._streamed = request.issued, request, profile, streamed
        self._modern = request.model.call_ids
        self._moves = [move for item in reply.items for move in _moves_of(item)]
        self._said = [move for move in self._moves if isinstance(move, _Said)]
        self._counts = _last(reply, Counts)
        self._grounding = _last(reply, Ground)
        self._end = _last(reply, End) or self._fitting_end()
        self._prompt = count_tokens([request.contents, request.tools, request.body.get("systemInstruction")])
        self._visible = self._thoughts = 0
        self._response_id = self._issued.new_response_id()
        self._steps: list[Step] = []

    def steps(self) -> list[Step]:
        """Return the steps of the streamed form."""
        self._hide_unasked_thoughts()
        self._give_ids()
        self._sign()
        is_open = not any(isinstance(move, Verbatim | Block) for move in self._moves)
        for move in self._moves:
            match move:
                case _Said():
                    self._say(move)
                case Verbatim(chunks=chunks):
                    self._steps += [self.issue(chunk) for chunk in chunks]
                case Block(reason=reason):
                    self._steps.append(self._with_frame({"promptFeedback": {"blockReason": reason}}))
                case Fail() | Raw():
                    return [*self._steps, move]
                case Cut():
                    return self._steps
                case Wait():
                    self._steps.append(move)
                case End() | Counts() | Ground() | Say():
                    pass
        if is_open:
            self._close()
        return self._steps

    def _fitting_end(self) -> End:
        """The finish reason when the script gives none; calls that may not be made end as they were recorded."""
        names = [move.part["functionCall"].get("name", "") for move in self._said if move.holds("functionCall")]
        config = self._request.body.get("toolConfig", {}).get("functionCallingConfig", {})
        if names and config.get("mode") == "NONE":
            for move in self._said:
                move.sent = not move.holds("functionCall")
            text = "Unexpected tool call: Model tried to call a function although calls are switched off: "
            return End("UNEXPECTED_TOOL_CALL", text + names[0])
        declared = {declaration.get("name") for _, declaration in self._request.declarations}
        unknown = [name for name in names if name not in declared]
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
        if not self._modern:
            return
        program_id = self._issued.new_call_id()
        for move in self._said:
            if move.exact:
                continue
            if call := move.part.get("functionCall"):
                move.part = {"functionCall": {**call, "id": call.get("id") or self._issued.new_call_id()}}
            for key in ("executableCode", "codeExecutionResult"):
                if key in move.part:
                    program_id = self._issued.new_call_id() if key == "executableCode" else program_id
                    move.part = {key: {**move.part[key], "id": program_id}}

    def _sign(self) -> None:
        """Sign the parts that the service signs; only the first of several calls carries a signature."""
        sent = [move for move in self._said if move.sent and not move.part.get("thought")]
        if self._request.model.signatures_enforced:
            to_sign = [move for move in sent if move.holds("executableCode")]
            to_sign += [move for move in sent if move.holds("functionCall")][:1]
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

    def _say(self, said: _Said) -> None:
        tokens = count_tokens(said.part)
        if said.part.get("thought"):
            self._thoughts += tokens
        else:
            self._visible += tokens
        if said.sent:
            self._steps.append(self._chunk([said.part]))

    def _close(self) -> None:
        """Add the finish reason, in a chunk of its own where the model does it so."""
        sent = [move for move in self._said if move.sent]
        last = self._steps[-1] if self._steps else None
        if sent and not self._modern and isinstance(last, dict):
            self._steps[-1] = self._chunk(last["candidates"][0]["content"]["parts"], end=self._end)
        elif sent:
            closing: Chunk = {"text": ""}
            has_calls = any(move.holds("functionCall") for move in sent)
            if sent[-1].is_text and not sent[-1].exact and not has_calls and self._request.model.signatures_enforced:
                closing["thoughtSignature"] = self._issued.new_signature()
            self._steps.append(self._chunk([closing], end=self._end))
        else:
            self._steps.append(self._chunk([], end=self._end))

    def _chunk(self, parts: Sequence[Part], end: End | None = None) -> Chunk:
        candidate: Chunk = {"content": {"parts": list(parts), "role": "model"}}
        if end is not None:
            if not parts:
                candidate = _nothing_said(end.reason)
            candidate["finishReason"] = end.reason
            if end.message is not None:
                candidate["finishMessage"] = end.message
            if self._grounding is not None:
                candidate["groundingMetadata"] = dict(self._grounding.metadata)
        if self._profile == "google":
            candidate["index"] = 0
        return self.issue(self._with_frame({"candidates": [candidate]}))

    def _with_frame(self, chunk: Chunk) -> Chunk:
        chunk |= {
            "usageMetadata": self._usage(),
            "modelVersion": self._request.model.id,
            "responseId": self._response_id,
        }
        if self._profile != "google":
            chunk["createTime"] = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return chunk

    def _usage(self) -> Chunk:
        counts: dict[str, Any] = {"promptTokenCount": self._prompt}
        counts |= {"candidatesTokenCount": self._visible} if self._visible else {}
        counts |= {"thoughtsTokenCount": self._thoughts} if self._thoughts else {}
        if self._counts is not None:
            counts |= self._counts.counts
        total = sum(counts.get(key) or 0 for key in _SUMMED)
        counts = {"totalTokenCount": total} | counts
        if "promptTokensDetails" not in counts and counts["promptTokenCount"] is not None:
            counts["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": counts["promptTokenCount"]}]
        counts |= {"serviceTier": "standard"} if self._profile == "google" else {"trafficType": "ON_DEMAND"}
        return {key: value for key, value in counts.items() if value is not None}

    def issue(self, chunk: Mapping[str, Any]) -> Chunk:
        """Remember what `chunk` hands out, and return it."""
        candidates: list[Chunk] = chunk.get("candidates") or []
        for part in (part for candidate in candidates for part in _parts_of(candidate)):
            self._issued.remember(part)
        return dict(chunk)


_SUMMED: Final = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")

_Wanted = TypeVar("_Wanted", Counts, Ground, End)


def _last(reply: Reply, kind: type[_Wanted]) -> _Wanted | None:
    return next((item for item in reversed(reply.items) if isinstance(item, kind)), None)


def _moves_of(item: Item) -> Sequence[_Said | Item]:
    if isinstance(item, Say):
        return [_Said(dict(part), item.exact) for part in item.parts]
    return [item]


def _nothing_said(reason: str) -> Chunk:
    if reason in _NO_CONTENT:
        return {}
    return {"content": {"role": "model"} if reason in _ROLE_ONLY else {}}


def merge_chunks(chunks: Sequence[Mapping[str, Any]]) -> Chunk:
    """Return the chunks of one answer as the single answer that is sent when nothing is streamed."""
    if len(chunks) == 1:
        return dict(chunks[0])
    whole: Chunk = {}
    candidate: Chunk = {}
    parts: list[Chunk] = []
    for chunk in chunks:
        whole |= {key: value for key, value in chunk.items() if key != "candidates"}
        pieces: list[Chunk] = chunk.get("candidates") or []
        for piece in pieces[:1]:
            candidate |= piece
            for part in _parts_of(piece):
                _append_part(parts, part)
    if candidate:
        content: Chunk = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        whole = {"candidates": [candidate | {"content": content}], **whole}
    return whole


def _parts_of(candidate: Chunk) -> list[Chunk]:
    content: Chunk = candidate.get("content") or {}
    return content.get("parts") or []


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
