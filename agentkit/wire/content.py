"""What is said: contents, their parts, and the history that is sent with every request."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self, overload

from agentkit.wire._json import WireError, is_array, is_object, is_sequence, load_json
from agentkit.wire._model import Kind, Number, WireModel
from agentkit.wire.enums import (
    DocumentMetadataContentLayer,
    FunctionResponseScheduling,
    Language,
    MediaProcessing,
    Outcome,
    PartMediaResolutionLevel,
    SpreadsheetMetadataContentLayer,
    ToolType,
    VideoMetadataContentLayer,
)

__all__ = [
    "AudioMetadata",
    "Blob",
    "CodeExecutionResult",
    "Content",
    "DocumentMetadata",
    "ExecutableCode",
    "FileData",
    "FunctionCall",
    "FunctionResponse",
    "FunctionResponseBlob",
    "FunctionResponseFileData",
    "FunctionResponsePart",
    "History",
    "Part",
    "PartMediaResolution",
    "PartialArg",
    "SpeechMetadata",
    "SpreadsheetMetadata",
    "ToolCall",
    "ToolResponse",
    "Transcription",
    "VideoMetadata",
    "WordInfo",
    "user_text",
]


class PartMediaResolution(WireModel):
    level: PartMediaResolutionLevel | None = None
    num_tokens: int | None = None


class CodeExecutionResult(WireModel):
    outcome: Outcome | None = None
    output: str | None = None
    id: str | None = None


class ExecutableCode(WireModel):
    code: str | None = None
    language: Language | None = None
    id: str | None = None


class FileData(WireModel):
    """Media by address."""

    display_name: str | None = None
    file_uri: str | None = None
    mime_type: str | None = None


class PartialArg(WireModel):
    """A piece of a streamed argument (Vertex). `json_path` says where it belongs, for example `$.city`."""

    bool_value: bool | None = None
    json_path: str | None = None
    null_value: str | None = None
    number_value: Number | None = None
    string_value: str | None = None
    will_continue: bool | None = None


class FunctionCall(WireModel):
    """A call that the model asks for. Streamed calls (Vertex) come in pieces: `partial_args`, `will_continue`."""

    id: str | None = None
    args: Any = None
    name: str | None = None
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class FunctionResponseBlob(WireModel):
    mime_type: str | None = None
    data: str | None = None
    display_name: str | None = None


class FunctionResponseFileData(WireModel):
    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class VideoMetadata(WireModel):
    end_offset: str | None = None
    fps: Number | None = None
    start_offset: str | None = None
    content_layers: list[VideoMetadataContentLayer] | None = None


class DocumentMetadata(WireModel):
    start_page: int | None = None
    end_page: int | None = None
    content_layers: list[DocumentMetadataContentLayer] | None = None


class SpreadsheetMetadata(WireModel):
    visible_cells: str | None = None
    sheet_index: int | None = None
    content_layers: list[SpreadsheetMetadataContentLayer] | None = None


class AudioMetadata(WireModel):
    start_offset: str | None = None
    end_offset: str | None = None


class FunctionResponsePart(WireModel):
    inline_data: FunctionResponseBlob | None = None
    file_data: FunctionResponseFileData | None = None
    media_processing: MediaProcessing | None = None
    media_resolution: PartMediaResolution | None = None
    video_metadata: VideoMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None


class FunctionResponse(WireModel):
    """The answer to a call: its name, its id if it had one, and a JSON object."""

    will_continue: bool | None = None
    scheduling: FunctionResponseScheduling | None = None
    parts: list[FunctionResponsePart] | None = None
    id: str | None = None
    name: str | None = None
    response: Any = None


class Blob(WireModel):
    """Media as base64."""

    data: str | None = None
    display_name: str | None = None
    mime_type: str | None = None


class ToolCall(WireModel):
    """A call of a tool that Gemini runs itself. It goes back unchanged, like its response."""

    id: str | None = None
    tool_type: ToolType | None = None
    args: Any = None


class ToolResponse(WireModel):
    id: str | None = None
    tool_type: ToolType | None = None
    response: Any = None


class WordInfo(WireModel):
    word: str | None = None
    start_offset: str | None = None
    end_offset: str | None = None


class Transcription(WireModel):
    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None
    speaker_label: str | None = None
    words: list[WordInfo] | None = None
    start_offset: str | None = None
    end_offset: str | None = None


class SpeechMetadata(WireModel):
    speaker: str | None = None
    style: str | None = None


class Part(WireModel):
    """One piece of a content: exactly one data field, and annotations beside it.

    A signature belongs to its part: Gemini refuses (HTTP 400) a function call that comes back without it.
    """

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: ExecutableCode | None = None
    code_execution_result: CodeExecutionResult | None = None
    tool_call: ToolCall | None = None
    tool_response: ToolResponse | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: VideoMetadata | None = None
    media_resolution: PartMediaResolution | None = None
    media_processing: MediaProcessing | None = None
    part_metadata: Any = None
    audio_transcription: Transcription | None = None
    speech_metadata: SpeechMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None

    @classmethod
    def from_function_response(
        cls,
        *,
        name: str,
        response: Mapping[str, Any],
        id: str | None = None,  # noqa: A002  # the field's own name
        parts: Sequence[FunctionResponsePart] = (),
    ) -> Self:
        """Return the answer to a call. `id` is the call's own; without one, none is sent."""
        optional: dict[str, Any] = ({"id": id} if id is not None else {}) | ({"parts": list(parts)} if parts else {})
        return cls(function_response=FunctionResponse(name=name, response=dict(response), **optional))

    @property
    def kind(self) -> str | None:
        """The name of the data field that is set; for a kind not known here, its key on the wire; None if empty."""
        for name in _DATA_FIELDS:
            if getattr(self, name) is not None:
                return name
        return next(iter(self.model_extra), None)


_DATA_FIELDS = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)


class Content(WireModel):
    """What one side says in one go. An answer may lack `parts`, `role`, or both."""

    parts: list[Part] | None = None
    role: str | None = None

    @property
    def text(self) -> str:
        """The text of all parts, thought summaries left out."""
        return "".join(part.text for part in self.parts or [] if part.text and not part.thought)

    @property
    def function_calls(self) -> list[FunctionCall]:
        """The calls, in the order of the parts."""
        return [part.function_call for part in self.parts or [] if part.function_call is not None]


def user_text(text: str) -> Content:
    """Return what a user says."""
    return Content(role="user", parts=[Part(text=text)])


class History(Sequence[Content]):
    """An append-only sequence of contents that is cheap to send again and again.

    Each content is encoded when it is appended, and its bytes serve every later request: a turn costs what is new in
    it, not what came before. (A value in `args` that is changed afterwards changes the content, but not the bytes.)
    """

    __slots__ = ("_contents", "_encoded")
    __hash__ = None  # type: ignore[assignment]  # it grows

    def __init__(self, contents: Iterable[Content] = ()) -> None:
        self._contents: list[Content] = []
        self._encoded: list[bytes] = []
        if isinstance(contents, History):
            self._contents += contents._contents
            self._encoded += contents._encoded
        else:
            for content in contents:
                self.append(content)

    @classmethod
    def parse(cls, data: bytes | str | Iterable[Mapping[str, Any]]) -> Self:
        """Return the history that this JSON array holds.

        Raises:
            WireError: It is not an array of contents.
        """
        if not isinstance(data, bytes | str):
            return cls(map(Content.parse, data))
        contents = load_json("History", data)
        if not is_array(contents) or not all(map(is_object, contents)):
            raise WireError("History expected, which is a JSON array of contents, but this is something else.")
        return cls(map(Content.of_raw, contents))

    def append(self, content: Content) -> None:
        """Add a content at the end.

        Raises:
            WireError: It holds something that JSON cannot hold. The history is unchanged then.
        """
        encoded = content.encode()
        self._encoded.append(encoded)
        self._contents.append(content)

    def copy(self) -> Self:
        """Return an independent history of the same contents; nothing is encoded again."""
        return type(self)(self)

    def encode(self, before: bytes = b"", after: bytes = b"") -> bytes:
        """Return the contents as a JSON array, between `before` and `after`.

        One join over everything, so that a long conversation is copied once.
        """
        encoded = self._encoded
        if not encoded:
            return before + b"[]" + after
        pieces = encoded.copy()
        pieces[0] = before + b"[" + pieces[0]
        pieces[-1] = pieces[-1] + b"]" + after
        return b",".join(pieces)

    def to_wire(self) -> list[dict[str, Any]]:
        """Return the contents as JSON objects."""
        return [content.to_wire() for content in self._contents]

    @overload
    def __getitem__(self, index: int) -> Content: ...
    @overload
    def __getitem__(self, index: slice) -> "History": ...
    def __getitem__(self, index: int | slice) -> "Content | History":
        if isinstance(index, int):
            return self._contents[index]
        part = History()
        part._contents, part._encoded = self._contents[index], self._encoded[index]
        return part

    def __len__(self) -> int:
        return len(self._contents)

    def __iter__(self) -> Iterator[Content]:
        return iter(self._contents)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, History):
            return self._contents == other._contents
        return self._contents == list(other) if is_sequence(other) else NotImplemented

    def __repr__(self) -> str:
        return f"History({self._contents!r})"


def _read_history(value: Any) -> History | None:
    if isinstance(value, History):
        return value.copy()  # it goes on growing with its run, and the request must not
    contents = [_read_content(item) for item in value] if is_sequence(value) else [None]
    return None if None in contents else History(filter(None, contents))


def _read_content(value: Any) -> Content | None:
    if isinstance(value, Content):
        return value
    return Content.of_raw(value) if is_object(value) else None


# A request holds its contents as a `History`, whatever sequence it was given.
Contents = Annotated[Sequence[Content], Kind(_read_history)]
