"""The chunks of a stream -> one answer, as if it had not been streamed. Source: protocol sheet, sections 5, 8.6 and 9.

Parts are never moved, and none with a signature is merged or dropped: the merged content goes into the history, and
Gemini refuses it otherwise. Texts are gathered in pieces and joined once, so that long streams cost linear time.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from agentkit.wire._json import is_array, is_object
from agentkit.wire._model import WireModel
from agentkit.wire.content import Content, Part
from agentkit.wire.partial_args import StreamedCall
from agentkit.wire.response import (
    Candidate,
    CitationMetadata,
    GenerateContentResponse,
    GroundingMetadata,
    UsageMetadata,
)

__all__ = ["Merger", "merge"]

Message = TypeVar("Message", bound=WireModel)


def merge(chunks: Iterable[GenerateContentResponse]) -> GenerateContentResponse:
    """Return the answer that these chunks make.

    Raises:
        WireError: The pieces of a streamed call do not fit together.
    """
    merger = Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.response()


class Merger:
    """Gathers the chunks of one answer. `response()` may be asked for at any time; the chunks stay as they are.

    Of a field that comes more than once, the last value counts, but an empty one (null, 0, `{}` ...) never replaces a
    fuller one: gateways drop counts from later chunks, and grounding metadata is `{}` in the middle of a stream.
    """

    def __init__(self) -> None:
        self._fields = _LastValues()
        self._usage = _LastValues()
        self._candidates: dict[int, _CandidateMerger] = {}

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take the next chunk, also after one with a finish reason: more may follow.

        Raises:
            WireError: A piece of a streamed call does not fit to those before.
        """
        # Chunks are read raw, here and below: making a message of everything in them would cost thrice as much.
        self._fields.take(chunk.raw)
        self._usage.take(chunk.raw.get("usageMetadata"))
        seen: set[int] = set()
        for candidate in _objects(chunk.raw.get("candidates")):
            index = candidate.get("index")
            index = index if isinstance(index, int) else 0  # missing means 0
            while index in seen:
                index += 1
            seen.add(index)
            if index not in self._candidates:
                self._candidates[index] = _CandidateMerger()
            self._candidates[index].add(candidate)

    def response(self) -> GenerateContentResponse:
        """Return what the chunks so far make."""
        parts: dict[str, Any] = {"usage_metadata": self._usage.build(UsageMetadata)}
        if self._candidates:
            parts["candidates"] = [candidate.build() for candidate in self._candidates.values()]
        return self._fields.build(GenerateContentResponse, **parts)


def _objects(value: object) -> Iterable[dict[str, Any]]:
    """Return the objects in what should be a list of objects."""
    return filter(is_object, value) if is_array(value) else ()


class _LastValues:
    """The last value of each key of an object; what says nothing replaces nothing."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def take(self, raw: object) -> None:
        if is_object(raw):
            values = self._values
            for key, value in raw.items():
                if value or value is False or key not in values:
                    values[key] = value

    def build(self, cls: type[Message], **merged: WireModel | list[Any]) -> Message:
        """Return the message, with `merged` in place of those fields that were seen."""
        message = cls.of_raw(dict(self._values))
        return message.replace(**{name: value for name, value in merged.items() if getattr(message, name) is not None})


class _CandidateMerger:
    """Gathers what the chunks say about one candidate."""

    def __init__(self) -> None:
        self._fields = _LastValues()
        self._content = _LastValues()
        self._grounding = _LastValues()
        self._citations = _Citations()
        self._parts = _PartMerger()

    def add(self, candidate: dict[str, Any]) -> None:
        self._fields.take(candidate)
        content = candidate.get("content")
        if is_object(content):
            self._content.take(content)
            for part in _objects(content.get("parts")):
                self._parts.add(part)
        if "groundingMetadata" in candidate:
            self._grounding.take(candidate["groundingMetadata"])
        if is_object(citations := candidate.get("citationMetadata")):
            self._citations.take(citations)

    def build(self) -> Candidate:
        return self._fields.build(
            Candidate,
            content=self._content.build(Content, parts=self._parts.build()),
            grounding_metadata=self._grounding.build(GroundingMetadata),
            citation_metadata=self._citations.build(),
        )


class _Citations:
    """Joins the citations of all chunks: each chunk brings its own, with indices into the whole answer."""

    _LISTS = ("citations", "citationSources")

    def __init__(self) -> None:
        self._fields = _LastValues()
        self._lists: dict[str, list[Any]] = {}

    def take(self, metadata: dict[str, Any]) -> None:
        self._fields.take(metadata)
        for name in self._LISTS:
            if is_array(found := metadata.get(name)):
                self._lists.setdefault(name, []).extend(found)

    def build(self) -> CitationMetadata:
        merged = self._fields.build(CitationMetadata)
        return CitationMetadata.of_raw({**merged.raw, **{name: list(found) for name, found in self._lists.items()}})


class _Text:
    """Neighbouring text parts without signatures, of one kind: thoughts, or the answer."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.is_thought = bool(first.get("thought"))
        self.pieces: list[str] = [first["text"]]
        self._first = first

    def build(self) -> Part:
        return Part.of_raw({**self._first, "text": "".join(self.pieces)})


class _PartMerger:
    """Gathers parts in order. Plain texts and the pieces of a streamed call are joined; the rest stays as it is."""

    _PLAIN_TEXT = frozenset({"text", "thought"})

    def __init__(self) -> None:
        self._merged: list[Part | _Text | StreamedCall] = []
        self._call: StreamedCall | None = None  # the streamed call that has not ended yet

    def add(self, raw: dict[str, Any]) -> None:
        if raw.keys() <= self._PLAIN_TEXT and isinstance(raw.get("text"), str):
            self._add_text(raw)
        else:
            self._add_part(Part.of_raw(raw))

    def build(self) -> list[Part]:
        return [entry if isinstance(entry, Part) else entry.build() for entry in self._merged]

    def _add_text(self, raw: dict[str, Any]) -> None:
        if not raw["text"]:
            return
        last = self._merged[-1] if self._merged else None
        if isinstance(last, _Text) and last.is_thought == bool(raw.get("thought")):
            last.pieces.append(raw["text"])
        else:
            self._merged.append(_Text(raw))

    def _add_part(self, part: Part) -> None:
        call = part.function_call
        if call is None:
            self._merged.append(part)
        elif self._call is not None and call.name is None:
            self._call.add(part, call)
        elif call.will_continue or call.partial_args:
            self._call = StreamedCall(part, call)
            self._merged.append(self._call)
        else:
            self._call = None
            self._merged.append(part)
        if self._call is not None and not self._call.is_open:
            self._call = None
