"""Uploaded files: the resumable protocol, what a file says about itself, and prompts that name one."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from agentkit.testing import Emulator, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.testing.asking import MODEL, generate, send
from tests.testing.requests_made import ask, user

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


async def start(emulator: Emulator, body: Json | None = None, **headers: str) -> httpx.Response:
    given = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Type": "image/png",
        **{f"X-Goog-Upload-{name.replace('_', '-')}": value for name, value in headers.items()},
    }
    return await send(emulator, "POST", "/upload/v1beta/files", body, headers=given)


async def push(
    started: httpx.Response, emulator: Emulator, content: bytes, command: str, at: int = 0
) -> httpx.Response:
    headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(at)}
    return await send(emulator, "POST", started.headers["x-goog-upload-url"], content, headers=headers, key={})


async def upload(emulator: Emulator, content: bytes = b"data", kind: str = "image/png") -> Json:
    started = await start(emulator, {"file": {"displayName": "x"}}, Header_Content_Type=kind)
    file: Json = (await push(started, emulator, content, "upload, finalize")).json()["file"]
    return file


def prompt(uri: str, kind: str = "image/png") -> Json:
    return ask(user("What is it?", {"fileData": {"fileUri": uri, "mimeType": kind}}))


async def test_an_upload_begins_with_an_address_for_the_bytes() -> None:
    started = await start(Emulator(), {"file": {"displayName": "x"}})

    assert (started.status_code, started.content) == (200, b"")
    assert started.headers["x-goog-upload-status"] == "active"
    assert started.headers["x-goog-upload-chunk-granularity"] == "8388608"
    assert started.headers["x-goog-upload-url"].startswith("http://emulator.test/upload/v1beta/files?upload_id=")


async def test_a_file_says_what_was_uploaded() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    file = await upload(Emulator(clock=lambda: now), b"data")

    hexdigest = hashlib.sha256(b"data").hexdigest()
    assert file == {
        "name": file["name"],
        "displayName": "x",
        "mimeType": "image/png",
        "sizeBytes": "4",
        "createTime": "2026-11-22T12:00:00.000000Z",
        "updateTime": "2026-11-22T12:00:00.000000Z",
        "expirationTime": "2026-11-24T12:00:00.000000Z",
        "sha256Hash": base64.b64encode(hexdigest.encode()).decode(),
        "uri": f"http://emulator.test/v1beta/{file['name']}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }


async def test_pieces_follow_each_other_and_a_query_tells_how_many_bytes_came() -> None:
    emulator = Emulator()
    emulator.files.granularity = 4
    started = await start(emulator, Header_Content_Length="6")

    first = await push(started, emulator, b"abcd", "upload")
    asked = await push(started, emulator, b"", "query")
    last = await push(started, emulator, b"ef", "upload, finalize", at=4)

    assert (first.headers["x-goog-upload-status"], first.content) == ("active", b"")
    assert asked.headers["x-goog-upload-size-received"] == "4"
    assert last.headers["x-goog-upload-status"] == "final"
    assert last.json()["file"]["sizeBytes"] == "6"


@pytest.mark.parametrize(
    ("content", "command", "at", "words"),
    [
        pytest.param(b"abcd", "upload", 4, "X-Goog-Upload-Offset is 4, but 0 bytes", id="a-wrong-offset"),
        pytest.param(b"abc", "upload", 0, "multiples of 4 bytes, not 3", id="a-piece-of-no-multiple"),
        pytest.param(b"abcdefgh", "upload", 0, "More bytes came than were declared", id="more-than-declared"),
        pytest.param(b"abc", "upload, finalize", 0, "3 bytes came, but 6 were declared", id="less-than-declared"),
        pytest.param(b"", "sing", 0, "X-Goog-Upload-Command", id="an-unknown-command"),
    ],
)
async def test_a_piece_that_does_not_fit_is_refused_and_the_upload_goes_on(
    content: bytes, command: str, at: int, words: str
) -> None:
    emulator = Emulator()
    emulator.files.granularity = 4
    started = await start(emulator, Header_Content_Length="6")

    refused = await push(started, emulator, content, command, at)

    assert refused.status_code == 400
    assert words in refused.json()["error"]["message"]
    assert refused.headers["x-goog-upload-status"] == "active"


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        pytest.param(None, {"Protocol": "multipart"}, "X-Goog-Upload-Protocol", id="another-protocol"),
        pytest.param({"file": {"name": "files/No Good"}}, {}, "invalid file name", id="a-wrong-name"),
        pytest.param({"file": {"colour": "red"}}, {}, "Unknown name \"colour\" at 'file'", id="an-unknown-field"),
        pytest.param({"files": {}}, {}, 'Unknown name "files"', id="an-unknown-key"),
        pytest.param({"file": [1]}, {}, "Invalid value at 'file'", id="no-object"),
        pytest.param(None, {"Header_Content_Length": "3000000000"}, "exceeds the maximum size", id="too-large"),
        pytest.param(None, {"Header_Content_Length": "many"}, "'many', which is no number", id="no-number"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused(body: Json | None, headers: dict[str, str], words: str) -> None:
    refused = await start(Emulator(), body, **headers)

    assert refused.status_code == 400
    assert words in refused.json()["error"]["message"]


async def test_an_upload_that_was_cancelled_is_gone() -> None:
    emulator = Emulator()
    started = await start(emulator)

    cancelled = await push(started, emulator, b"", "cancel")
    after = await push(started, emulator, b"data", "upload, finalize")

    assert cancelled.headers["x-goog-upload-status"] == "cancelled"
    assert after.status_code == 404


async def test_a_name_can_be_chosen_once() -> None:
    emulator = Emulator()
    started = await start(emulator, {"file": {"name": "files/my-file"}})
    file = (await push(started, emulator, b"", "upload, finalize")).json()["file"]

    again = await start(emulator, {"file": {"name": "files/my-file"}})

    assert file["name"] == "files/my-file"
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")


async def test_files_are_listed_in_pages_the_newest_first() -> None:
    emulator = Emulator()
    names = [(await upload(emulator))["name"] for _ in range(3)]

    first = (await send(emulator, "GET", "/v1beta/files?pageSize=2")).json()
    rest = (await send(emulator, "GET", f"/v1beta/files?pageSize=2&pageToken={first['nextPageToken']}")).json()

    assert [file["name"] for file in first["files"] + rest["files"]] == names[::-1]
    assert "nextPageToken" not in rest


async def test_a_video_is_processed_before_it_can_be_used() -> None:
    emulator = Emulator()
    emulator.files.polls["video"] = 2
    file = await upload(emulator, kind="video/mp4")
    refused = await generate(emulator, prompt(file["uri"], "video/mp4"))

    states = [(await send(emulator, "GET", f"/v1beta/{file['name']}")).json()["state"] for _ in range(3)]
    emulator.reply(text("A cat."))
    answered = await generate(emulator, prompt(file["uri"], "video/mp4"))

    assert file["state"] == "PROCESSING"
    assert refused.json()["error"]["status"] == "FAILED_PRECONDITION"
    assert "is not in an ACTIVE state and usage is not allowed." in refused.json()["error"]["message"]
    assert states == ["PROCESSING", "ACTIVE", "ACTIVE"]
    assert answered.status_code == 200


async def test_processing_can_fail() -> None:
    emulator = Emulator()
    emulator.files.fail_next()

    failed, good = await upload(emulator), await upload(emulator)

    assert (failed["state"], failed["error"]["code"], good["state"]) == ("FAILED", 13, "ACTIVE")
    assert (await generate(emulator, prompt(failed["uri"]))).status_code == 400


async def test_a_file_is_gone_after_two_days_or_when_it_is_deleted() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    emulator = Emulator(clock=lambda: now)
    old = await upload(emulator)
    now += timedelta(hours=48)
    deleted = await upload(emulator)

    done = await send(emulator, "DELETE", f"/v1beta/{deleted['name']}")
    answers = [await send(emulator, "GET", f"/v1beta/{file['name']}") for file in (old, deleted)]

    assert (done.status_code, done.json()) == (200, {})
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "You do not have permission to access the File" in answers[0].json()["error"]["message"]
    assert (await send(emulator, "GET", "/v1beta/files")).json() == {}


@pytest.mark.parametrize(
    "part",
    [
        {"fileData": {"fileUri": "http://emulator.test/v1beta/files/unknown"}},
        {"fileData": {"fileUri": "files/unknown"}},
        {"functionResponse": {"name": "f", "response": {}, "parts": [{"fileData": {"fileUri": "files/unknown"}}]}},
    ],
    ids=["by-address", "by-name", "in-a-tool-result"],
)
async def test_a_prompt_that_names_an_unknown_file_is_refused(part: Json) -> None:
    refused = await generate(Emulator(strict=False), ask(user(part)))

    assert refused.status_code == 403
    assert "You do not have permission to access the File unknown" in refused.json()["error"]["message"]


async def test_other_links_are_no_uploaded_files() -> None:
    emulator = Emulator()
    emulator.reply(text("A song."))

    answer = await generate(emulator, prompt("https://www.youtube.com/watch?v=x", "video/mp4"))

    assert answer.status_code == 200


async def test_an_uploaded_file_cannot_be_downloaded() -> None:
    emulator = Emulator()
    file = await upload(emulator)

    assert (await send(emulator, "GET", f"/v1beta/{file['name']}:download?alt=media")).status_code == 400


@pytest.mark.parametrize(("profile", "status"), [("vertex", 404), ("comet", 301)])
async def test_only_googles_own_endpoint_has_files(profile: Profile, status: int) -> None:
    emulator = Emulator(profile=profile)

    assert (await start(emulator)).status_code == status
    assert (await send(emulator, "GET", "/v1beta/files")).status_code == status


async def test_bytes_need_no_key_but_all_else_does() -> None:
    emulator = Emulator()

    listed = await send(emulator, "GET", "/v1beta/files", key={})
    started = await send(emulator, "POST", "/upload/v1beta/files", key={})

    assert (listed.status_code, started.status_code) == (403, 403)


def test_googles_client_uploads_waits_and_asks() -> None:
    with serve(Emulator()) as emulator:
        emulator.reply(text("A cat."))
        options = types.HttpOptions(base_url=emulator.url, api_version="v1beta")
        with genai.Client(api_key="a-key", http_options=options) as client:
            file = client.files.upload(file=__file__, config={"mime_type": "text/plain", "display_name": "this"})
            assert file.name is not None
            found = client.files.get(name=file.name)
            answer = client.models.generate_content(model=MODEL, contents=["What is it?", file])
            listed = [each.name for each in client.files.list()]
            client.files.delete(name=file.name)

    assert found.state == types.FileState.ACTIVE
    assert (answer.text, listed) == ("A cat.", [file.name])
    assert emulator.findings == []
