"""Media as values: images, sound, video, PDFs and other files, on their way to the model or from it."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import IO, Any, Literal, Self, TypedDict, TypeVar, Unpack, get_args

from pydantic_core import CoreSchema, core_schema

from agentkit import wire
from agentkit._checks import check_choice, check_kind, is_number
from agentkit._download import download
from agentkit._endpoint import shown_address
from agentkit._frozen import frozen
from agentkit._intake import checked_bytes, checked_link, read_file, read_path
from agentkit._kinds import check_ending, checked_type, usual_ending
from agentkit._mime import HEAD_BYTES, content_types
from agentkit._pictures import picture_bytes
from agentkit._sound import is_raw_sound, wav_of
from agentkit.errors import ConfigurationError

__all__ = ["Audio", "File", "Image", "Media", "MediaResolution", "Pdf", "Video", "read_media"]

MediaResolution = Literal["low", "medium", "high", "ultra_high"]

_FETCHED_BYTES = 20 * 1024 * 1024
_MOST_FRAMES = 24

M = TypeVar("M", bound="Media")


class MediaOptions(TypedDict, total=False):
    """Options of any medium. `Media` describes them."""

    display_name: str
    media_resolution: MediaResolution | None


class VideoOptions(MediaOptions, total=False):
    """Options of a video. `Video` describes them."""

    start_s: float | None
    end_s: float | None
    fps: float | None


@frozen
class Media:
    """A medium: its bytes, or a link to it. Use one of its kinds: Image, Audio, Video, Pdf, or File for any other.

    Attributes:
        data: The bytes of the file; empty for a link.
        mime_type: For example `"image/png"`; may be empty for a link whose type the service knows.
        url: Where the file is, for a link: https, `gs://`, or an uploaded file's own address.
        display_name: Its name for people and in error messages. A tool's media are told to the model by it.
        media_resolution: How closely the model looks (Gemini 3 and newer); None leaves it to the service.
    """

    data: bytes = field(kw_only=False, repr=False)
    mime_type: str = field(kw_only=False)
    url: str = field(default="", repr=False)
    display_name: str = ""
    media_resolution: MediaResolution | None = None

    _kind = "a medium"
    _types = ("",)  # beginnings of the types that this kind may have; without annotations: these are no fields

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Let media stand in pydantic models that tools return, as they are. No model of text can fill one in."""
        return core_schema.is_instance_schema(cls)

    def __post_init__(self) -> None:
        """Raise ConfigurationError unless all fits together."""
        check_kind("data", self.data, bytes, "bytes")
        if bool(self.data) == bool(self.url):
            raise ConfigurationError(f"{self._kind.capitalize()} is either bytes or a url=..., and not empty.")
        if self.media_resolution is not None:
            check_choice("media_resolution", self.media_resolution, get_args(MediaResolution))

    @classmethod
    def from_path(
        cls, path: str | os.PathLike[str], *, mime_type: str | None = None, **options: Unpack[MediaOptions]
    ) -> Self:
        """Read a file. Its type is told by its content; give `mime_type` where that is not known.

        Raises:
            ConfigurationError: It is missing, empty, too large to be sent inline, of another kind or an unknown type.
        """
        return cls._of_path(path, mime_type, options)

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **options: Unpack[MediaOptions]) -> Self:
        """Take the bytes of a file. Raises as `from_path` does."""
        return cls._of_bytes(data, mime_type, "", options)

    @classmethod
    def from_file(cls, file: IO[bytes], *, mime_type: str | None = None, **options: Unpack[MediaOptions]) -> Self:
        """Read an open binary file from where it stands to its end. Raises as `from_path` does."""
        return cls._of_file(file, mime_type, options)

    @classmethod
    def from_url(cls, url: str, *, mime_type: str | None = None, **options: Unpack[MediaOptions]) -> Self:
        """Link to a file that the service itself fetches: https, `gs://`, a video on YouTube, an uploaded file.

        Older models take links of Google's own only (protocol sheet 2.3). `fetch` downloads instead.

        Raises:
            ConfigurationError: The service cannot reach it, or its name does not tell its type.
        """
        return cls._of_url(url, mime_type, options)

    @classmethod
    async def fetch(
        cls,
        url: str,
        *,
        mime_type: str | None = None,
        max_bytes: int = _FETCHED_BYTES,
        timeout_s: float = 30.0,
        **options: Unpack[MediaOptions],
    ) -> Self:
        """Download a file over https, to send its bytes. No key goes along.

        Args:
            url: An https address (http on this machine only). Redirects to anything else are not followed, nor from
                elsewhere to this machine, nor from the public net into a private one (through a proxy, the proxy
                decides). The address itself may be in either: check one that a stranger or a model wrote before.
            mime_type: Where the content does not tell it.
            max_bytes: The largest file; above 75 MiB none can be sent.
            timeout_s: For all of it.
            options: As for `from_path`.

        Raises:
            MediaFailed: It cannot be had, or not within the limits.
            ConfigurationError: The address is none to be asked, or the file is of another kind or an unknown type.
        """
        return await cls._of_download(url, mime_type, max_bytes, timeout_s, options)

    @classmethod
    def from_part(cls, part: wire.Part) -> Self | None:
        """Return what a part of a content holds, if it is of this kind; None if not, or if it cannot be decoded."""
        blob, link = part.inline_data, part.file_data
        said = str((blob.mime_type if blob else link.mime_type if link else None) or "")
        if blob is not None and isinstance(blob.data, str) and said.startswith(cls._types):
            data = _decoded(blob.data)
            return cls(data, said, display_name=blob.display_name or "") if data else None
        if link is not None and link.file_uri and said.startswith(cls._types):
            return cls(b"", said, url=link.file_uri, display_name=link.display_name or "")
        return None

    def part(self) -> wire.Part:
        """Return it as a part of a content."""
        holder: dict[str, Any] = {"inline_data": wire.Blob(mime_type=self.mime_type, data=self.base64())}
        if self.url:
            typed = {"mime_type": self.mime_type} if self.mime_type else {}
            holder = {"file_data": wire.FileData(file_uri=self.url, **typed)}
        if self.media_resolution is not None:
            level = f"MEDIA_RESOLUTION_{self.media_resolution.upper()}"
            holder["media_resolution"] = wire.PartMediaResolution(level=level)
        return wire.Part(**holder)

    def base64(self) -> str:
        """Return the bytes as base64, as they are sent."""
        return base64.b64encode(self.data).decode("ascii")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return where it is. An existing file is replaced.

        A model chooses the type of the images that it makes: `image.save(f"harbour{image.suffix}")`.

        Raises:
            ConfigurationError: It is a link, or the name's ending says another type, `.jpg` for a PNG.
            OSError: The file cannot be written.
        """
        check_kind("path", path, str | os.PathLike, "a text or a Path")
        target, data = Path(path), self._file_bytes()
        check_ending(target.name, data, self.mime_type)
        target.write_bytes(data)
        return target

    @property
    def suffix(self) -> str:
        """The ending of the file that `save` writes, with its dot: ".png"; empty if none is known, and for links."""
        return "" if self.url else usual_ending(self._file_bytes(), self.mime_type)

    def _file_bytes(self) -> bytes:
        if self.url:
            raise ConfigurationError(f"{self._kind.capitalize()} at {shown_address(self.url)!r} is a link. Fetch it.")
        return self.data

    @classmethod
    def _of_path(cls, path: str | os.PathLike[str], mime_type: str | None, options: MediaOptions) -> Self:
        data, name = read_path(path)
        return cls._of_bytes(data, mime_type, name, options, where=os.fspath(path))

    @classmethod
    def _of_file(cls, file: IO[bytes], mime_type: str | None, options: MediaOptions) -> Self:
        data, name = read_file(file)
        return cls._of_bytes(data, mime_type, name, options)

    @classmethod
    def _of_bytes(
        cls, data: bytes, mime_type: str | None, name: str, options: MediaOptions, *, where: str = ""
    ) -> Self:
        where = where or options.get("display_name") or name or f"data for {cls._kind}"
        data = checked_bytes(data, where)
        checked = checked_type(data[:HEAD_BYTES], mime_type, name, where=where, wanted=cls._types, kind=cls._kind)
        named: dict[str, Any] = {"display_name": name, **options}
        return cls(data, checked, **named)

    @classmethod
    def _of_url(cls, url: str, mime_type: str | None, options: MediaOptions) -> Self:
        said = checked_link(url, mime_type, wanted=cls._types, kind=cls._kind)
        named: dict[str, Any] = dict(options)
        return cls(b"", said, url=url, **named)

    @classmethod
    async def _of_download(
        cls, url: str, mime_type: str | None, max_bytes: int, timeout_s: float, options: MediaOptions
    ) -> Self:
        came = await download(url, max_bytes=max_bytes, timeout_s=timeout_s)
        known = content_types(came.data[:HEAD_BYTES], came.name)
        # What the server says counts where the content tells nothing: it is wrong too often to count against it.
        given = mime_type or (None if known or not came.content_type else came.content_type)
        return cls._of_bytes(came.data, given, came.name, options, where=shown_address(url))


class Image(Media):
    """An image: PNG, JPEG, WebP, HEIC, HEIF; GIF from Gemini 3 on. Notebooks show it."""

    _kind = "an image"
    _types = ("image/",)

    @classmethod
    def of(cls, picture: object, **options: Unpack[MediaOptions]) -> Self:
        """Take a PIL image, a matplotlib figure, or a NumPy array of pixels: uint8, floats from 0 to 1, or bool.

        Raises:
            ConfigurationError: It is none of these.
        """
        return cls._of_bytes(picture_bytes(picture), None, "", options)

    def _repr_png_(self) -> bytes | None:
        return self.data if self.mime_type == "image/png" and self.data else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.data if self.mime_type == "image/jpeg" and self.data else None


class Audio(Media):
    """Sound: WAV, MP3, AIFF, AAC, OGG, FLAC; from the model, raw samples (`audio/L16;rate=24000`)."""

    _kind = "sound"
    _types = ("audio/",)

    def wav(self) -> bytes:
        """Return raw samples as a WAV file; any other file as it is.

        Raises:
            ConfigurationError: It is a link.
        """
        return self._file_bytes()

    def _file_bytes(self) -> bytes:
        data = super()._file_bytes()
        return wav_of(data, self.mime_type) if is_raw_sound(self.mime_type) else data


@frozen
class Video(Media):
    """A video: MP4, MOV, WebM, MPEG, AVI, FLV, WMV, 3GPP, or a link to YouTube.

    Attributes:
        start_s: Where to begin to look, in seconds; None for the beginning.
        end_s: Where to end; None for the end.
        fps: Frames that are looked at in a second, above 0 and up to 24; None leaves it to the service (1).
    """

    start_s: float | None = None
    end_s: float | None = None
    fps: float | None = None

    _kind = "a video"
    _types = ("video/",)

    def __post_init__(self) -> None:
        """Raise ConfigurationError unless all fits together."""
        super().__post_init__()
        for name, value in (("start_s", self.start_s), ("end_s", self.end_s)):
            if value is not None and (not is_number(value) or value < 0):
                raise ConfigurationError(f"{name}={value!r} is no place in a video. Give seconds from 0 on.")
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise ConfigurationError(f"end_s={self.end_s:g} is not behind start_s={self.start_s or 0:g}.")
        if self.fps is not None and (not is_number(self.fps) or not 0 < self.fps <= _MOST_FRAMES):
            raise ConfigurationError(f"fps={self.fps!r}: give more than 0 and at most {_MOST_FRAMES}.")

    @classmethod
    def from_path(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more
        cls, path: str | os.PathLike[str], *, mime_type: str | None = None, **options: Unpack[VideoOptions]
    ) -> Self:
        """Do what `Media.from_path` does."""
        return cls._of_path(path, mime_type, options)

    @classmethod
    def from_bytes(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more
        cls, data: bytes, mime_type: str | None = None, **options: Unpack[VideoOptions]
    ) -> Self:
        """Do what `Media.from_bytes` does."""
        return cls._of_bytes(data, mime_type, "", options)

    @classmethod
    def from_file(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more
        cls, file: IO[bytes], *, mime_type: str | None = None, **options: Unpack[VideoOptions]
    ) -> Self:
        """Do what `Media.from_file` does."""
        return cls._of_file(file, mime_type, options)

    @classmethod
    def from_url(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more
        cls, url: str, *, mime_type: str | None = None, **options: Unpack[VideoOptions]
    ) -> Self:
        """Do what `Media.from_url` does."""
        return cls._of_url(url, mime_type, options)

    @classmethod
    async def fetch(  # pyright: ignore[reportIncompatibleMethodOverride]  # takes more
        cls,
        url: str,
        *,
        mime_type: str | None = None,
        max_bytes: int = _FETCHED_BYTES,
        timeout_s: float = 30.0,
        **options: Unpack[VideoOptions],
    ) -> Self:
        """Do what `Media.fetch` does."""
        return await cls._of_download(url, mime_type, max_bytes, timeout_s, options)

    def part(self) -> wire.Part:
        """Return it as a part of a content."""
        looked: dict[str, Any] = {}
        if self.start_s is not None:
            looked["start_offset"] = f"{self.start_s:g}s"
        if self.end_s is not None:
            looked["end_offset"] = f"{self.end_s:g}s"
        if self.fps is not None:
            looked["fps"] = self.fps
        part = super().part()
        return part.replace(video_metadata=wire.VideoMetadata(**looked)) if looked else part


class Pdf(Media):
    """A PDF document."""

    _kind = "a PDF"
    _types = ("application/pdf",)


class File(Media):
    """Any file that Gemini reads: text, CSV, HTML, JSON, code, office documents (Gemini 4), and all of the above."""

    _kind = "a file"


def read_media(parts: Iterable[wire.Part], kind: type[M]) -> Iterator[M]:
    """Yield the inline media of a kind among `parts`. One whose data cannot be decoded is left out."""
    for part in parts:
        found = kind.from_part(part) if part.inline_data is not None else None
        if found is not None:
            yield found


def _decoded(data: str) -> bytes:
    """Return the bytes behind base64, of which answers use the standard alphabet and SDKs the other; b"" if none."""
    try:
        padded = data + "=" * (-len(data) % 4)
        return base64.b64decode(padded, altchars=b"-_" if "-" in data or "_" in data else None, validate=True)
    except (binascii.Error, ValueError):
        return b""
