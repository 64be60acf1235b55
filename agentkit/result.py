"""What a run gives back: an answer, or a pause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Generic, Literal, TypeVar

from agentkit import wire
from agentkit._frozen import frozen
from agentkit.approval import ApprovalRequest
from agentkit.citations import Citation, read_citations
from agentkit.cited import CitedForm, cited
from agentkit.errors import RunError
from agentkit.executed import ExecutedCode, read_code
from agentkit.media import Audio, Image, Media, read_media
from agentkit.media_output import read_answer, read_speech
from agentkit.state import RunState, ToolFailure
from agentkit.tool_media import ToolMedia, read_tool_media
from agentkit.usage import Usage

__all__ = ["RunResult"]

Out = TypeVar("Out")


class _NoAnswer:
    def __repr__(self) -> str:
        return "<none yet: paused>"


_NO_ANSWER: Any = _NoAnswer()


@frozen
class RunResult(Generic[Out]):
    """The answer of a run, or a pause (`result.paused`).

    Attributes:
        state: The run as data: `state.dump_json()` saves it, `agent.resume(state, ...)` goes on from a pause.
        output_mode: How the answer was asked for: as text, in JSON mode (`"native"`), by a final-answer `"function"`,
            or as one word of an `"enum"`.
    """

    state: RunState = field(repr=False)
    answer: Out = field(default=_NO_ANSWER)
    output_mode: Literal["text", "native", "function", "enum"] = "text"

    @property
    def output(self) -> Out:
        """The answer: text, or a value of the type asked for with `output=...`.

        Raises:
            RunError: The run is paused and has no answer yet.
        """
        if self.answer is _NO_ANSWER:
            keys = ", ".join(repr(request.key) for request in self.paused)
            raise RunError(f"The run is paused for decisions about {keys}. Go on with agent.resume(result.state, ...).")
        return self.answer

    @property
    def paused(self) -> list[ApprovalRequest]:
        """The calls that a person must decide about; empty if the run has its answer."""
        return self.state.waiting

    @property
    def stop(self) -> Literal["answer", "limit", "loop", "truncated", "paused"]:
        """Why the run ended: an answer, the best answer at a limit, an answer cut by the output limit, or a pause.

        "loop" is the best answer of a model that went round in circles.
        """
        return self.state.stop or "paused"

    @property
    def text(self) -> str:
        """The text of the last answer, whatever the output type."""
        return wire.Content(parts=self._last_parts()).text

    @property
    def thoughts(self) -> str:
        """The thought summaries of the run, where they were asked for."""
        return "\n".join(part.text for part in self._parts() if part.thought and part.text)

    @property
    def usage(self) -> Usage:
        """What the run has spent."""
        return self.state.usage

    @property
    def model(self) -> str:
        """The model in use at the end: another than the agent's first one after a fallback."""
        return self.state.model

    @property
    def model_version(self) -> str:
        """The model that gave the last answer, as the service names it; empty if it did not say."""
        return self.state.model_version

    @property
    def contents(self) -> Sequence[wire.Content]:
        """The whole conversation: the history for a next run."""
        return self.state.contents

    @property
    def citations(self) -> list[Citation]:
        """The sources of the last answer; spans count characters of `text`."""
        return self._citations(self.text)

    def cited(self, form: CitedForm = "text") -> str:
        """Return `text` with [1] marks behind what is supported, and a list of the sources.

        Args:
            form: `"text"`; `"markdown"`, in which the answer's own Markdown is kept; or `"html"`, in which everything
                is escaped. Only http and https addresses become links.

        Raises:
            ConfigurationError: There is no such form.
        """
        return cited(self.text, self.citations, form)

    @property
    def searches(self) -> list[str]:
        """What Gemini searched for in this run, each query once."""
        queries = (
            query
            for metadata in self._groundings()
            for found in (metadata.web_search_queries, metadata.image_search_queries, metadata.retrieval_queries)
            for query in found or []
        )
        return list(dict.fromkeys(queries))

    @property
    def search_entry(self) -> str:
        """The HTML of Google's search suggestions; empty if there was no search.

        Google wants it shown, as it is, wherever an answer from its search is shown (protocol sheet 8.4). It comes from
        the service: show it in a frame of its own.
        """
        entries = (metadata.search_entry_point for metadata in self._groundings())
        shown = (entry.rendered_content for entry in entries if entry is not None and entry.rendered_content)
        return "\n".join(dict.fromkeys(shown))

    @property
    def code(self) -> list[ExecutedCode]:
        """The code that Gemini ran at the service in this run, that of side requests last."""
        return [*read_code(self._parts()), *(code for parts in self._aside_parts() for code in read_code(parts))]

    @property
    def images(self) -> list[Image]:
        """The images that came in this run's answers, those of side requests last."""
        parts = [*self._parts(), *(part for aside in self._aside_parts() for part in aside)]
        return list(read_media((part for part in parts if not part.thought), Image))

    @property
    def audio(self) -> Audio | None:
        """The speech of the last answer; None if it says nothing."""
        return read_speech(self._last_parts())

    @property
    def interleaved(self) -> list[str | Media]:
        """The last answer in its order: texts, images and sound."""
        return read_answer(self._last_parts())

    @property
    def tool_media(self) -> list[ToolMedia]:
        """The media that tools returned in this run, and where the model got each."""
        return list(read_tool_media(self.state.contents[self.state.start + 1 :]))

    @property
    def whole_results(self) -> Mapping[str, Any]:
        """By call key, what tools returned where the model got only head and tail."""
        return self.state.whole_results

    @property
    def tool_failures(self) -> list[ToolFailure]:
        """The calls in which a tool raised something other than `ToolError`."""
        return list(self.state.failures)

    def _answers(self, *, newest_first: bool = False) -> Iterator[wire.Content]:
        contents = self.state.contents[self.state.start :]
        return (content for content in (reversed(contents) if newest_first else contents) if content.role == "model")

    def _last_parts(self) -> list[wire.Part]:
        last = next(self._answers(newest_first=True), None)
        return list(last.parts or []) if last else []

    def _parts(self) -> Iterator[wire.Part]:
        return (part for content in self._answers() for part in content.parts or [])

    def _asides(self) -> list[wire.Candidate]:
        """The answers of side requests in the order of their calls, whichever came first."""
        ordered = sorted(self.state.asides, key=lambda key: [part.rjust(8, "0") for part in key.split(":")])
        return [self.state.asides[key] for key in ordered]

    def _aside_parts(self) -> Iterator[Sequence[wire.Part]]:
        return (aside.content.parts or [] for aside in self._asides() if aside.content is not None)

    def _groundings(self) -> Iterator[wire.GroundingMetadata]:
        candidates = (*self.state.grounding, *self._asides())
        return (candidate.grounding_metadata for candidate in candidates if candidate.grounding_metadata is not None)

    def _citations(self, text: str) -> list[Citation]:
        """Citations of the answer with this text; sources of earlier turns and of side requests have no span."""
        found: list[Citation] = []
        for candidate in (*self.state.grounding, *self._asides()):
            for citation in read_citations(candidate):
                same_answer = candidate.content is not None and candidate.content.text == text
                if not same_answer:
                    citation = Citation(title=citation.title, url=citation.url, text=citation.text)
                if citation not in found:
                    found.append(citation)
        return found
