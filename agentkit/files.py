"""The Files API: files that are too large to be sent inline are uploaded once, and named in prompts for two days.

Source: protocol sheet, section 11, "files". The upload itself is in `_upload.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, cast

import anyio

from agentkit import wire
from agentkit._checks import is_number
from agentkit._endpoint import EndpointKind
from agentkit._frozen import frozen
from agentkit._kinds import checked_type
from agentkit._mime import HEAD_BYTES
from agentkit._offered import offered
from agentkit._pages import read_pages
from agentkit._upload import (
    FILES,
    INSTEAD_OF_FILES,
    FilesConnection,
    OnProgress,
    Reader,
    Source,
    Upload,
    whole_number,
)
from agentkit.errors import ConfigurationError, DeadlineExceeded, MediaFailed, NotOffered, ProtocolError
from agentkit.media import File, Media

__all__ = ["Files", "UploadedFile"]

_LARGEST_BYTES = 2 * 1024 * 1024 * 1024
_FIRST_POLL_S, _LONGEST_POLL_S = 0.5, 5.0
_NAME = re.compile(r"(?:files/)?([a-z0-9][a-z0-9-]{0,39})")


@frozen
class UploadedFile(File):
    """A file at the service. It may stand in prompts, as any other file, until it expires.

    Attributes:
        name: Its name there: `"files/abc"`.
        size_bytes: Its size.
        state: `"ACTIVE"` when it may be used; before that `"PROCESSING"`, or `"FAILED"`.
        expires_at: When the service deletes it, two days after the upload.
        problem: Why it failed; empty if it did not.
    """

    name: str = ""
    size_bytes: int = 0
    state: str = ""
    expires_at: datetime | None = None
    problem: str = ""

    @classmethod
    def from_wire(cls, told: Mapping[str, Any]) -> UploadedFile:
        """Read what the service says of a file.

        Raises:
            ProtocolError: It says no name or no address.
        """
        name, uri, problem = told.get("name"), told.get("uri"), told.get("error")
        if not (isinstance(name, str) and isinstance(uri, str) and name and uri):
            raise ProtocolError("The service described a file without its name or its address. Is base_url right?")
        return cls(
            b"",
            str(told.get("mimeType") or ""),
            url=uri,
            display_name=str(told.get("displayName") or ""),
            name=name,
            size_bytes=whole_number(told.get("sizeBytes")) or 0,
            state=str(told.get("state") or "ACTIVE"),
            expires_at=_moment(told.get("expirationTime")),
            problem=str(cast("dict[str, object]", problem).get("message", "")) if isinstance(problem, dict) else "",
        )


class Files:
    """The files at an endpoint: `client.files`.

    All methods raise `NotOffered` where the endpoint has no Files API, and other `GeminiError`s as every request.
    """

    def __init__(
        self, connect: Callable[[], AbstractAsyncContextManager[FilesConnection]], root: str, endpoint: EndpointKind
    ) -> None:
        self._connect, self._root, self._endpoint = connect, root, endpoint

    async def upload(
        self,
        source: Source,
        *,
        mime_type: str | None = None,
        display_name: str | None = None,
        on_progress: OnProgress | None = None,
        wait_s: float = 300.0,
    ) -> UploadedFile:
        """Upload a file in pieces, wait until it may be used, and return it: `agent.run(["Sum up.", file])`.

        Args:
            source: A path, bytes, an open binary file, or a medium. A file is read piece by piece.
            mime_type: Where the content does not tell it.
            display_name: Its name for people; else that of the file.
            on_progress: Called with the bytes that have arrived, and those in all (None if that is not known).
            wait_s: How long to wait for the service to process it: videos take a while.

        Raises:
            ConfigurationError: The file is missing, empty, too large or unknown.
            MediaFailed: The service could not process it.
            DeadlineExceeded: It was not processed within `wait_s`; `files.get(name)` tells later.
            GeminiError: It could not be uploaded.
        """
        if not is_number(wait_s) or wait_s <= 0:
            raise ConfigurationError(f"wait_s={wait_s!r}: give a number of seconds above 0; no wait is endless.")
        self._check_endpoint()
        async with Reader.open(source) as reader:
            first = await reader.read(HEAD_BYTES)
            where = reader.where
            if not first:
                raise ConfigurationError(f"{where!r} is empty. Give a file that holds something.")
            if reader.size is not None and reader.size > _LARGEST_BYTES:
                raise ConfigurationError(
                    f"{where!r} has {reader.size:,} bytes; an upload takes {_LARGEST_BYTES:,}. Split it, or link to it."
                )
            given = mime_type or (source.mime_type if isinstance(source, Media) else None)
            mime_type = checked_type(first, given, reader.name, where=where, wanted=("",), kind="a file")
            named = display_name or reader.name
            async with self._connect() as connection:
                upload = await Upload.begin(connection, self._root, named, mime_type, reader.size)
                told = await upload.send(reader, first, on_progress)
                return await self._until_active(connection, UploadedFile.from_wire(told), wait_s)

    async def get(self, name: str) -> UploadedFile:
        """Return what the service says of a file.

        Args:
            name: `"files/abc"`, or `file.name`.

        Raises:
            AuthenticationFailed: There is no such file (any more), or it belongs to somebody else.
        """
        async with self._connect() as connection:
            return await self._get(connection, name)

    async def list(self) -> list[UploadedFile]:
        """Return all files of this key's project, the newest first."""
        async with self._connect() as connection:
            pages = await read_pages(
                lambda query: self._ask(connection, "GET", query),
                "files",
                lambda page: page.get("nextPageToken"),
                size=100,
                what="files",
                where=self._root,
            )
        listed = [cast("list[dict[str, Any]]", page.get("files") or []) for page in pages]
        return [UploadedFile.from_wire(one) for page in listed for one in page]

    async def delete(self, name: str) -> None:
        """Delete a file before its time. Raises as `get` does."""
        async with self._connect() as connection:
            await self._ask(connection, "DELETE", _checked_name(name))

    async def _get(self, connection: FilesConnection, name: str) -> UploadedFile:
        return UploadedFile.from_wire(await self._ask(connection, "GET", _checked_name(name)))

    async def _ask(self, connection: FilesConnection, method: str, path: str) -> Mapping[str, Any]:
        self._check_endpoint()
        with offered(FILES, self._root, INSTEAD_OF_FILES):
            return (await connection.call(method, path, wire.WireModel)).raw

    async def _until_active(self, connection: FilesConnection, file: UploadedFile, wait_s: float) -> UploadedFile:
        delay_s = 0.0
        with anyio.move_on_after(wait_s):
            while file.state == "PROCESSING":
                await anyio.sleep(delay_s)
                delay_s = min(delay_s * 1.5 or _FIRST_POLL_S, _LONGEST_POLL_S)
                file = await self._get(connection, file.name)
        if file.state == "PROCESSING":
            raise DeadlineExceeded(f"{file.name} to be processed", wait_s)
        if file.state == "FAILED":
            raise MediaFailed(file.display_name or file.name, file.problem or "the service could not process it")
        return file

    def _check_endpoint(self) -> None:
        if self._endpoint == "vertex":
            raise NotOffered(FILES, self._root, "", INSTEAD_OF_FILES)


def _checked_name(name: str) -> str:
    """Return the path of a file below the API root.

    Raises:
        ConfigurationError: No file can have this name.
    """
    found = _NAME.fullmatch(name) if isinstance(name, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
    if found is None:
        raise ConfigurationError(f"{name!r} is no name of an uploaded file. Give file.name, for example 'files/abc'.")
    return f"files/{found[1]}"


def _moment(said: object) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
