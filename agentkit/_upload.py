"""One resumable upload: a file read in pieces, each sent to the address that the service gave for it.

A piece that broke off is sent on from where the service says it stands. Source: protocol sheet, section 11, "files".
"""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self, TypeVar, cast
from urllib.parse import urlsplit

import anyio

from agentkit import wire
from agentkit._endpoint import is_loopback, shown_address, upload_root
from agentkit._frozen import frozen
from agentkit._intake import size_of_path, unreadable
from agentkit._log import get_logger
from agentkit._offered import offered
from agentkit.errors import ConfigurationError, ProtocolError
from agentkit.media import Media
from agentkit.transport import HttpRequest

__all__ = [
    "FILES",
    "INSTEAD_OF_FILES",
    "Answered",
    "FilesConnection",
    "OnProgress",
    "Reader",
    "Source",
    "Upload",
    "whole_number",
]

OnProgress = Callable[[int, int | None], object]
Message = TypeVar("Message", bound="wire.WireModel")
Source = str | os.PathLike[str] | bytes | IO[bytes] | Media

FILES = "Files API"
INSTEAD_OF_FILES = (
    "Send the file inline (Video.from_path and the like, up to 75 MiB; 15 MiB before Gemini 3), or link to it: "
    "https://... or, on Vertex AI, gs://... (from_url). Google's own endpoint takes uploads."
)

_MIB = 1024 * 1024
_PIECE_BYTES = 8 * _MIB
_LARGEST_PIECE_BYTES = 64 * _MIB

log = get_logger("files")


@frozen
class Answered:
    """The whole of a good answer.

    Attributes:
        headers: With lower-case names.
    """

    headers: Mapping[str, str]
    body: bytes


class FilesConnection(Protocol):
    """What is needed of a connection."""

    async def call(self, method: str, url: str, kind: type[Message]) -> Message:
        """Ask for what stands below the root of the API."""
        ...

    async def exchange(
        self, request: HttpRequest, *, again: Callable[[], Awaitable[HttpRequest]] | None = None
    ) -> Answered:
        """Send a request; the key goes along to the client's own host only. Failures that may heal are asked again.

        Args:
            request: Without the key.
            again: Makes the request for each further attempt; the same one is sent if it is not given.
        """
        ...


class Upload:
    """One upload on its way."""

    def __init__(self, connection: FilesConnection, session: str, file_url: str, granularity: int) -> None:
        self._connection, self._session, self._file_url = connection, session, file_url
        self._piece_bytes = granularity * max(_PIECE_BYTES // granularity, 1)

    @classmethod
    async def begin(
        cls, connection: FilesConnection, root: str, display_name: str, mime_type: str, size: int | None
    ) -> Self:
        """Tell the service of the file, and learn where its bytes go. The file's name is ours: it is found by it.

        Raises:
            NotOffered: Nobody is there who takes files.
            GeminiError: It could not be begun.
        """
        headers = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-type": mime_type,
        } | ({} if size is None else {"x-goog-upload-header-content-length": str(size)})
        name = ""

        async def start() -> HttpRequest:
            """Name it anew each time: the service may know a name already whose answer was lost."""
            nonlocal name
            name = f"files/{uuid.uuid4().hex}"
            described = {"name": name} | ({"displayName": display_name} if display_name else {})
            body = json.dumps({"file": described}).encode()
            return HttpRequest(method="POST", url=f"{upload_root(root)}/files", headers=headers, body=body)

        with offered(FILES, root, INSTEAD_OF_FILES):
            answered = await connection.exchange(await start(), again=start)
            session = answered.headers.get("x-goog-upload-url", "")
            if not session:
                raise ProtocolError("The service told no address for the bytes of the upload.")
        _check_session(session, root)
        granularity = whole_number(answered.headers.get("x-goog-upload-chunk-granularity")) or 1
        return cls(connection, session, f"{root}/{name}", min(granularity, _LARGEST_PIECE_BYTES))

    async def send(self, reader: Reader, first: bytes, on_progress: OnProgress | None) -> dict[str, Any]:
        """Send all pieces, and return what the service says of the file."""
        offset, piece = 0, first + await reader.read(self._piece_bytes - len(first))
        while True:
            following = await reader.read(self._piece_bytes)
            answered = await self._send_piece(piece, offset, is_last=not following)
            offset += len(piece)
            if on_progress is not None:
                on_progress(offset, reader.size)
            if not following:
                told = _read_object(answered.body)
                return cast("dict[str, Any]", told.get("file", told))
            piece = following

    async def _send_piece(self, piece: bytes, offset: int, *, is_last: bool) -> Answered:
        async def again() -> HttpRequest:
            """Ask how much has arrived of a piece that broke off, and return what is left to do."""
            stands = (await self._connection.exchange(self._command("query"))).headers
            if stands.get("x-goog-upload-status") == "final":
                return HttpRequest(method="GET", url=self._file_url, headers={})
            received = whole_number(stands.get("x-goog-upload-size-received"))
            arrived = -1 if received is None else received - offset
            if not 0 <= arrived <= len(piece):
                raise ProtocolError(f"The upload broke off at {offset:,}, and the service says it is at {received}.")
            log.info("upload.resumed", offset=offset + arrived)
            if arrived == len(piece) and not is_last:
                return self._command("query")
            return self._piece(piece[arrived:], offset + arrived, is_last=is_last)

        return await self._connection.exchange(self._piece(piece, offset, is_last=is_last), again=again)

    def _piece(self, piece: bytes, offset: int, *, is_last: bool) -> HttpRequest:
        command = self._command("upload, finalize" if is_last else "upload")
        headers = {**command.headers, "x-goog-upload-offset": str(offset), "content-type": "application/octet-stream"}
        return HttpRequest(method="POST", url=self._session, headers=headers, body=piece)

    def _command(self, command: str) -> HttpRequest:
        return HttpRequest(method="POST", url=self._session, headers={"x-goog-upload-command": command})


class Reader:
    """Reads a file in pieces, in a thread: disks are slow."""

    def __init__(self, file: IO[bytes], name: str, where: str, size: int | None) -> None:
        self._file, self.name, self.where, self.size = file, name, where, size

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Source) -> AsyncGenerator[Reader, None]:
        """Open what is to be uploaded. A path is closed again; a file of the caller's stays open.

        Raises:
            ConfigurationError: It cannot be opened.
        """
        if isinstance(source, Media):
            if source.url:
                raise ConfigurationError(f"{shown_address(source.url)!r} is a link already. Give it in the prompt.")
            name = source.display_name
            yield cls(io.BytesIO(source.data), name, name or "the medium", len(source.data))
        elif isinstance(source, bytes | bytearray):
            yield cls(io.BytesIO(source), "", "the data", len(source))
        elif isinstance(source, str | os.PathLike):
            path = Path(source)
            size = size_of_path(path)
            try:
                file = await anyio.to_thread.run_sync(path.open, "rb")
            except OSError as error:
                raise unreadable(path, error) from error
            with file:
                yield cls(file, path.name, str(path), size)
        elif hasattr(source, "read"):
            given = cast(object, getattr(source, "name", ""))
            name = os.path.basename(given) if isinstance(given, str) else ""
            yield cls(source, name, name or "the file", _size_left(source))
        else:
            raise ConfigurationError(
                f"{type(source).__name__} cannot be uploaded. Give a path, bytes, an open binary file, or a medium."
            )

    async def read(self, size: int) -> bytes:
        """Return so many bytes; fewer only at the end."""
        return await anyio.to_thread.run_sync(self._read, size)

    def _read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            try:
                piece = cast(object, self._file.read(size))
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"{self.where!r} cannot be read: {error}.") from error
            if not isinstance(piece, bytes):
                raise ConfigurationError(f'{self.where!r} is open as text. Open it with mode "rb".')
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer.

    Raises:
        ProtocolError: There is none.
    """
    try:
        told: object = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ProtocolError("The service answered about files with something that is no JSON object.")
    return cast("dict[str, Any]", told)


def whole_number(said: object) -> int | None:
    """Return a number of bytes that the service tells as a text; None if it is none."""
    text = str(said)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _check_session(url: str, root: str) -> None:
    """Refuse an address for the bytes at which they could be read by others on the way, unless it is the client's."""
    try:
        parts = urlsplit(url)
        is_here = parts[:2] == urlsplit(root)[:2] or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        is_safe = parts.scheme == "https" or is_here
    except ValueError:
        is_safe = False
    if not is_safe:
        raise ProtocolError(f"The service wants the file sent to {shown_address(url)!r}, which is no https address.")


def _size_left(file: IO[bytes]) -> int | None:
    """Return how many bytes are left of an open file; None for one that cannot tell, as a pipe."""
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return end - here
