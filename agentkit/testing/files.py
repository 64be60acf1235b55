"""Uploaded files: the resumable upload, and what became of it. Google's own endpoint only.

An upload starts with a request that names the file and gets an address back; the bytes go there, in one piece or in
several, each telling its offset; the last one finalizes. Bytes are counted and hashed, never kept.
"""

import base64
import hashlib
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from agentkit.testing.envelope import Refused, refusal
from agentkit.testing.finding import Json
from agentkit.testing.listing import page_of, timestamp

__all__ = ["Files", "Uploaded"]

_LIVES: Final = timedelta(hours=48)
_LARGEST: Final = 2 * 1024**3
_GRANULARITY: Final = 8 * 1024**2
_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_URI: Final = re.compile(r"(?:https?://[^/]+/v1(?:beta|alpha)?/)?files/(?P<id>[^/?#]+)")
_FILE_KEYS: Final = frozenset({"name", "displayName", "mimeType", "sizeBytes"})
_LETTERS: Final = string.ascii_lowercase + string.digits


@dataclass(kw_only=True)
class Uploaded:
    """One file, on its way or there.

    Attributes:
        file_id: Its id, without `files/`.
        mime_type: Its type.
        display_name: Its name for people; empty for none.
        declared: The size that the first request told, in bytes; `None` if it told none.
        fails: Whether its processing fails.
        size: How many bytes came.
        polls: How many more times it says `PROCESSING` when it is asked for.
        made: When it was complete; `None` before.
    """

    file_id: str
    mime_type: str
    display_name: str
    declared: int | None
    fails: bool = False
    size: int = 0
    polls: int = 0
    made: datetime | None = None
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def state(self) -> str:
        if self.polls > 0:
            return "PROCESSING"
        return "FAILED" if self.fails else "ACTIVE"


class Files:
    """The files of one emulator.

    Attributes:
        polls: How many times a file of a kind (`"video"`, `"image"`: the first half of its type) says `PROCESSING`
            when it is asked for, before it is `ACTIVE`. Change it to test waiting; other kinds are active at once.
        granularity: Pieces of an upload but the last one must be multiples of this many bytes.
    """

    def __init__(self, *, clock: Callable[[], datetime], seed: int | None) -> None:
        self.polls = {"video": 1}
        self.granularity = _GRANULARITY
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - readable ids for tests, no secrets
        self._uploads: dict[str, Uploaded] = {}
        self._files: dict[str, Uploaded] = {}
        self._fails_next = False

    def fail_next(self) -> None:
        """Let the processing of the next upload fail."""
        self._fails_next = True

    def start(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """Begin an upload and return its id.

        Raises:
            Refused: The request is no start of a resumable upload, or describes a file that cannot be.
        """
        if headers.get("x-goog-upload-protocol") != "resumable" or headers.get("x-goog-upload-command") != "start":
            raise _wrong("An upload starts with X-Goog-Upload-Protocol: resumable and X-Goog-Upload-Command: start.")
        described = _described(body)
        declared = _number(headers.get("x-goog-upload-header-content-length"), "X-Goog-Upload-Header-Content-Length")
        if declared is not None and declared > _LARGEST:
            raise _wrong(f"The file size ({declared}) exceeds the maximum size of {_LARGEST} bytes.")
        file_id = described.get("name", "").removeprefix("files/") or self._new_id(12)
        if _ID.fullmatch(file_id) is None:
            raise _wrong(f"* CreateFileRequest.file.name: invalid file name: {file_id}\n")
        if file_id in self._files:
            raise Refused(refusal("google", 409, f"File {file_id} already exists.", code="ALREADY_EXISTS"))
        kind = described.get("mimeType") or headers.get("x-goog-upload-header-content-type")
        upload_id = self._new_id(24)
        self._uploads[upload_id] = Uploaded(
            file_id=file_id,
            mime_type=kind or "application/octet-stream",
            display_name=described.get("displayName", ""),
            declared=declared,
        )
        return upload_id

    def take(
        self, upload_id: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[Uploaded | None, dict[str, str]]:
        """Do what a later request of an upload commands; return the file once it is complete, and the headers.

        Raises:
            Refused: There is no such upload, or the piece does not fit to what has come so far.
        """
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise Refused(refusal("google", 404, "Upload not found: it has ended, or it never began."))
        commands = {word.strip() for word in headers.get("x-goog-upload-command", "").lower().split(",")}
        if commands == {"query"}:
            return None, _status_of(upload)
        if commands == {"cancel"} and upload.made is None:
            del self._uploads[upload_id]
            return None, {"x-goog-upload-status": "cancelled"}
        if not commands or not commands <= {"upload", "finalize"} or upload.made is not None:
            raise _wrong("Unknown or untimely X-Goog-Upload-Command.", _status_of(upload))
        if "upload" in commands:
            self._append(upload, content, headers, is_last="finalize" in commands)
        if "finalize" in commands:
            self._complete(upload)
            return upload, _status_of(upload)
        return None, _status_of(upload)

    def _append(self, upload: Uploaded, content: bytes, headers: Mapping[str, str], *, is_last: bool) -> None:
        offset = _number(headers.get("x-goog-upload-offset"), "X-Goog-Upload-Offset")
        status = _status_of(upload)
        if offset != upload.size:
            raise _wrong(f"X-Goog-Upload-Offset is {offset}, but {upload.size} bytes were received.", status)
        if not is_last and len(content) % self.granularity:
            raise _wrong(
                f"Pieces but the last must be multiples of {self.granularity} bytes, not {len(content)}.", status
            )
        if upload.size + len(content) > (_LARGEST if upload.declared is None else upload.declared):
            raise _wrong(f"More bytes came than were declared ({upload.declared}).", status)
        upload.digest.update(content)
        upload.size += len(content)

    def _complete(self, upload: Uploaded) -> None:
        if upload.declared is not None and upload.size != upload.declared:
            raise _wrong(f"{upload.size} bytes came, but {upload.declared} were declared.", _status_of(upload))
        upload.made = self._clock()
        upload.polls = self.polls.get(upload.mime_type.partition("/")[0], 0)
        upload.fails, self._fails_next = self._fails_next, False
        self._files[upload.file_id] = upload

    def get(self, file_id: str) -> Uploaded:
        """Return a file, and count that it was asked for.

        Raises:
            Refused: There is none, or no more.
        """
        found = self._find(file_id)
        found.polls = max(found.polls - 1, -1)
        return found

    def delete(self, file_id: str) -> None:
        """Delete a file.

        Raises:
            Refused: There is none, or no more.
        """
        del self._files[self._find(file_id).file_id]

    def list(self, query: Mapping[str, str], url: str) -> dict[str, Any]:
        """Return a page of the files, newest first."""
        there = [found for found in reversed(self._files.values()) if not self._is_gone(found)]
        page, following = page_of(there, query, usual=10, most=100, profile="google")
        return ({"files": [self.describe(found, url) for found in page]} if page else {}) | following

    def check_used(self, contents: Sequence[Json]) -> None:
        """Check the uploaded files that a prompt names; other links are none of them.

        Raises:
            Refused: One of them is not there, or not active (yet).
        """
        for uri in _uris(contents):
            uploaded = _URI.fullmatch(uri)
            if uploaded is not None and self._find(uploaded["id"]).state != "ACTIVE":
                message = f"The File {uploaded['id']} is not in an ACTIVE state and usage is not allowed."
                raise Refused(refusal("google", 400, message, code="FAILED_PRECONDITION"))

    def describe(self, found: Uploaded, url: str) -> dict[str, Any]:
        """Return a file as the service tells it; `url` is the service's own address with the version."""
        made = found.made or self._clock()
        told: dict[str, Any] = {"name": f"files/{found.file_id}"}
        told |= {"displayName": found.display_name} if found.display_name else {}
        told |= {
            "mimeType": found.mime_type,
            "sizeBytes": str(found.size),
            "createTime": timestamp(made),
            "updateTime": timestamp(made),
            "expirationTime": timestamp(made + _LIVES),
            "sha256Hash": base64.b64encode(found.digest.hexdigest().encode()).decode(),  # recorded: base64 of the hex
            "uri": f"{url}/files/{found.file_id}",
            "state": found.state,
            "source": "UPLOADED",
        }
        if found.state == "FAILED":
            told["error"] = {"code": 13, "message": "The file failed to be processed."}
        return told

    def _find(self, file_id: str) -> Uploaded:
        found = self._files.get(file_id)
        if found is None or self._is_gone(found):
            message = f"You do not have permission to access the File {file_id} or it may not exist."
            raise Refused(refusal("google", 403, message))
        return found

    def _is_gone(self, found: Uploaded) -> bool:
        return found.made is not None and self._clock() >= found.made + _LIVES

    def _new_id(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))


def _uris(contents: Sequence[Json]) -> Iterator[str]:
    for content in contents:
        for part in content.get("parts", []):
            for holder in (part, *part.get("functionResponse", {}).get("parts", [])):
                yield holder.get("fileData", {}).get("fileUri", "")


def _described(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what the first request says about the file, its keys in camelCase."""
    if unknown := [key for key in body if key != "file"]:
        raise _wrong(f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
    file: object = body.get("file") or {}
    if not isinstance(file, Mapping):
        raise _wrong("Invalid value at 'file' (type.googleapis.com/google.ai.generativelanguage.v1beta.File)")
    described: dict[str, str] = {}
    for key, value in cast("Mapping[str, object]", file).items():
        name = re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
        if name not in _FILE_KEYS:
            raise _wrong(f"Invalid JSON payload received. Unknown name \"{key}\" at 'file': Cannot find field.")
        if not isinstance(value, str) and name != "sizeBytes":
            raise _wrong(f"Invalid value at 'file.{key}' (TYPE_STRING), {value}")
        described[name] = str(value)
    return described


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise _wrong(f"{name} is {text[:40]!r}, which is no number of bytes.")
    return int(text)


def _status_of(upload: Uploaded) -> dict[str, str]:
    if upload.made is not None:
        return {"x-goog-upload-status": "final"}
    return {"x-goog-upload-status": "active", "x-goog-upload-size-received": str(upload.size)}


def _wrong(message: str, headers: Mapping[str, str] | None = None) -> Refused:
    return Refused(refusal("google", 400, message, headers=headers))
