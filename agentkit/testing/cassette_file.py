"""A cassette on disk: one readable JSON file, with its media in the folder `media` beside it.

    {
      "agentkit_cassette": 1,
      "endpoint": "google",
      "exchanges": [
        {
          "request": {"method": "POST", "address": "/v1beta/models/gemini-x:generateContent", "json": {...}},
          "answer": {"status": 200, "headers": {...}, "json": {...}, "layout": "{indented}\\n"}
        }
      ]
    }

Indented JSON, not one line for each exchange: a change in a prompt is then one changed line in a diff. Forms of bodies
are in `cassette_body.py`. Further members of an answer, where they are needed:

- `sizes`: the bytes of each piece, where pieces did not arrive event by event or the body not as a whole;
- `failed`: the error that the connection ended with; without `status` there was no answer at all;
- `left`: true if the reader went away before the end.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast, get_args

from agentkit.testing.cassette_body import BadForm, Media, body_of, form_of, natural_pieces, to_json

__all__ = ["Answer", "BadCassette", "Failure", "Recorded", "Recording", "SentRequest", "load", "save"]

VERSION: Final = 1
_MARK: Final = "agentkit_cassette"

T = TypeVar("T")
FailureName = Literal["ConnectionFailed", "DeadlineExceeded", "ProtocolError"]


class BadCassette(Exception):
    """A file that is no readable cassette. The message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class SentRequest:
    """A request without what is secret or belongs to the gateway: no host, no headers, no keys.

    Attributes:
        method: `"POST"`.
        address: The path from the API's version on, with its query.
        body: The body as it was sent, or the same JSON in another spelling.
    """

    method: str
    address: str
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a connection ended with.

    Attributes:
        error: The name of the error class.
        said: Its message; of a time limit, what was waited for.
        limit_s: The time limit, in seconds.
        retryable: Whether another attempt may do better.
    """

    error: FailureName
    said: str
    limit_s: float = 0.0
    retryable: bool = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 if the connection failed before, or nothing has come yet.
        headers: The few that are kept.
        pieces: The body as it arrived.
        failed: How the connection broke.
        left: Whether the reader went away before the end.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: Sequence[bytes] = ()
    failed: Failure | None = None
    left: bool = False


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One exchange."""

    request: SentRequest
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a file holds.

    Attributes:
        exchanges: In the order in which the requests were sent.
        endpoint: Whose dialect was spoken, as `GeminiClient(endpoint=...)` takes it; `None` if that is not known.
    """

    exchanges: Sequence[Recorded]
    endpoint: str | None = None


def load(path: Path) -> Recording:
    """Read a cassette with its media.

    Raises:
        BadCassette: It cannot be read, or is damaged, newer than this version, or no cassette.
    """
    try:
        content: object = json.loads(path.read_bytes())
    except OSError as error:
        raise BadCassette(f"The cassette {path.name!r} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise BadCassette(f"The cassette {path.name!r} is cut or no JSON: {error}. {_AGAIN}") from None
    if not isinstance(content, dict) or _MARK not in content:
        raise BadCassette(f"{path.name!r} is no cassette: it has no {_MARK!r}. Give the path of a recording.")
    file = cast("dict[str, Any]", content)
    version = file[_MARK]
    if not isinstance(version, int) or version < 1:
        raise BadCassette(f"The cassette {path.name!r} has the version {version!r}, which never was. {_AGAIN}")
    if version > VERSION:
        raise BadCassette(
            f"The cassette {path.name!r} has version {version}; this agentkit reads up to {VERSION}. Update agentkit."
        )
    exchanges = file.get("exchanges")
    if not isinstance(exchanges, list):
        raise BadCassette(f"The cassette {path.name!r} has no list of exchanges. {_AGAIN}")
    media = Media()
    endpoint = file.get("endpoint")
    return Recording(
        exchanges=[_numbered(path, n, record, media) for n, record in enumerate(cast("list[object]", exchanges), 1)],
        endpoint=endpoint if isinstance(endpoint, str) else None,
    )


def save(path: Path, recording: Recording) -> None:
    """Write a cassette with its media; whoever reads meanwhile sees the old file or the new one.

    Raises:
        OSError: It cannot be written.
    """
    media = Media()
    content: dict[str, Any] = {_MARK: VERSION}
    if recording.endpoint is not None:
        content["endpoint"] = recording.endpoint
    content["exchanges"] = [_written(recorded, media) for recorded in recording.exchanges]
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = _media_folder(path)
    for name, data in media.files.items():
        if not (folder / name).exists():
            folder.mkdir(exist_ok=True)
            _write(folder / name, data)
    _write(path, (to_json(content, indent=2) + "\n").encode())


_AGAIN: Final = "Delete it and record it again."


def _media_folder(path: Path) -> Path:
    """All cassettes of a folder share their media, so that an image that many tests send is stored once."""
    return path.parent / "media"


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _written(recorded: Recorded, media: Media) -> dict[str, Any]:
    request, answer = recorded.request, recorded.answer
    asked: dict[str, Any] = {"method": request.method, "address": request.address}
    if request.body:
        form = form_of(_respelled(request.body), media)
        form.pop("layout", None)  # a request is compared by what it says: no layout means compact
        asked |= form
    came: dict[str, Any] = {}
    if answer.status:
        came = {"status": answer.status, "headers": dict(answer.headers)}
        body = b"".join(answer.pieces)
        if body:
            came |= form_of(body, media)
        if list(answer.pieces) != natural_pieces(body):
            came["sizes"] = " ".join(str(len(piece)) for piece in answer.pieces)  # one line instead of many
    if (failed := answer.failed) is not None:
        came["failed"] = asdict(failed)
    if answer.left:
        came["left"] = True
    return {"request": asked, "answer": came}


def _respelled(body: bytes) -> bytes:
    """Return JSON in the compact spelling, anything else as it is."""
    try:
        return to_json(json.loads(body), separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def _numbered(path: Path, number: int, record: object, media: Media) -> Recorded:
    try:
        exchange = _object(record, "is no object")
        request = _object(exchange.get("request"), "has no 'request'")
        answer = _object(exchange.get("answer"), "has no 'answer'")
        _load_media([request, answer], _media_folder(path), media)
        return Recorded(request=_read_request(request, media), answer=_read_answer(answer, media))
    except (BadForm, RecursionError) as error:
        raise BadCassette(f"Exchange {number} of the cassette {path.name!r} {error}. {_AGAIN}") from None


def _read_request(record: Mapping[str, Any], media: Media) -> SentRequest:
    return SentRequest(
        method=_checked(record.get("method"), str, "has no 'method' in its request"),
        address=_checked(record.get("address"), str, "has no 'address' in its request"),
        body=body_of(record, media) if _has_body(record) else b"",
    )


def _read_answer(record: Mapping[str, Any], media: Media) -> Answer:
    failed = _read_failure(record["failed"]) if "failed" in record else None
    if "status" not in record and failed is not None:
        return Answer(failed=failed)
    headers = _object(record.get("headers", {}), "has no object in 'headers'")
    body = body_of(record, media) if _has_body(record) else b""
    return Answer(
        status=_checked(record.get("status"), int, "has neither a 'status' nor 'failed' in its answer"),
        headers={str(name): str(value) for name, value in headers.items()},
        pieces=_cut(body, record["sizes"]) if "sizes" in record else natural_pieces(body),
        failed=failed,
        left=record.get("left") is True,
    )


def _read_failure(record: object) -> Failure:
    fields = _object(record, "has no object in 'failed'")
    name, limit_s = fields.get("error"), fields.get("limit_s", 0.0)
    if name not in get_args(FailureName):
        raise BadForm(f"failed with {name!r}; known are {', '.join(get_args(FailureName))}")
    if not isinstance(limit_s, int | float):
        raise BadForm("has no number in 'limit_s' of 'failed'")
    return Failure(
        error=cast(FailureName, name),
        said=_checked(fields.get("said"), str, "has no text in 'said' of 'failed'"),
        limit_s=limit_s,
        retryable=fields.get("retryable") is True,
    )


def _cut(body: bytes, sizes: object) -> list[bytes]:
    """Cut `body` into its pieces. A body that was edited may be longer or shorter: the last pieces bear it."""
    words = _checked(sizes, str, "has no text in 'sizes'").split()
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise BadForm("has something else than numbers in 'sizes'")
    pieces: list[bytes] = []
    begin = 0
    for size in map(int, words):
        if size and begin >= len(body):
            break
        pieces.append(body[begin : begin + size])
        begin += size
    return [*pieces, body[begin:]] if body[begin:] else pieces


def _has_body(record: Mapping[str, Any]) -> bool:
    return not {"json", "events", "lines", "base64"}.isdisjoint(record)


def _load_media(value: object, folder: Path, media: Media) -> None:
    """Read every media file that is named in `value`, and check that it is the one that was recorded."""
    if isinstance(value, list):
        for element in cast("list[object]", value):
            _load_media(element, folder, media)
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for element in members.values():
            _load_media(element, folder, media)
        name = members.get("$media")
        if isinstance(name, str) and name not in media.files:
            media.files[name] = _read_media(folder, name)


def _read_media(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise BadForm(f"names the media file {name!r}, which is not in the folder {folder.name!r}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise BadForm(f"needs the file {name!r} in {folder.name!r}, which cannot be read: {reason}") from error
    if hashlib.sha256(data).hexdigest() != name.partition(".")[0]:
        raise BadForm(f"needs the media file {name!r}, whose bytes have changed since")
    return data


def _checked(value: object, kind: type[T], complaint: str) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadForm(complaint)
    return value


def _object(value: object, complaint: str) -> dict[str, Any]:
    return cast("dict[str, Any]", _checked(value, dict, complaint))
