"""Uploads to the Files API: in pieces, through faults, until they may be used; and endpoints that have none."""

import io
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentkit import (
    Agent,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiClient,
    HttpRequest,
    HttpResponse,
    HttpxTransport,
    Image,
    InvalidRequest,
    MediaFailed,
    NotFound,
    NotOffered,
    Pdf,
    ProtocolError,
    Retry,
    ServerError,
    UploadedFile,
    Video,
)
from agentkit.testing import Emulator, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.faultserver import FaultServer, answer, google_error, status
from tests.media_files import MP4, PDF, PNG

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
MIB = 1024 * 1024


async def test_an_uploaded_file_stands_in_a_prompt(emulator: Emulator, client: GeminiClient, tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(PDF)
    emulator.reply(text("A paper."))

    file = await client.files.upload(path)
    result = await Agent(MODEL, client=client).run(["Sum up.", file])

    assert result.output == "A paper."
    assert (file.mime_type, file.display_name, file.size_bytes, file.state) == (
        "application/pdf",
        "paper.pdf",
        len(PDF),
        "ACTIVE",
    )
    assert file.name.startswith("files/")
    assert file.expires_at is not None
    assert emulator.requests[0]["contents"][0]["parts"][1] == {
        "fileData": {"fileUri": f"{emulator.url}/v1beta/{file.name}", "mimeType": "application/pdf"}
    }
    assert not emulator.findings


@pytest.mark.parametrize(
    ("source", "mime_type", "name"),
    [
        pytest.param(lambda path: str(path), "image/png", "a.png", id="path-as-text"),
        pytest.param(lambda path: PNG, "image/png", "", id="bytes"),
        pytest.param(lambda path: io.BytesIO(PNG), "image/png", "", id="file-in-memory"),
        pytest.param(lambda path: path.open("rb"), "image/png", "a.png", id="open-file"),
        pytest.param(lambda path: Image.from_path(path), "image/png", "a.png", id="image"),
        pytest.param(lambda path: Video.from_bytes(MP4), "video/mp4", "", id="video"),
    ],
)
async def test_whatever_holds_bytes_can_be_uploaded(
    client: GeminiClient, source: Callable[[Path], Any], mime_type: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    given = source(path)
    file = await client.files.upload(given)

    assert (file.mime_type, file.display_name) == (mime_type, name)
    if isinstance(given, io.IOBase):
        assert not given.closed
        given.close()


async def test_a_large_file_goes_in_pieces_and_tells_how_far_it_is(
    emulator: Emulator, client: GeminiClient, tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(MP4 + os.urandom(20 * MIB))
    told: list[tuple[int, int | None]] = []

    file = await client.files.upload(path, on_progress=lambda sent, total: told.append((sent, total)))

    size = path.stat().st_size
    assert told == [(8 * MIB, size), (16 * MIB, size), (size, size)]
    assert (file.size_bytes, file.state) == (size, "ACTIVE")


async def test_a_file_that_ends_with_a_piece_has_no_other_after_it(emulator: Emulator, client: GeminiClient) -> None:
    emulator.files.granularity = 2 * MIB
    told: list[int] = []

    await client.files.upload(MP4 + bytes(16 * MIB - len(MP4)), on_progress=lambda sent, total: told.append(sent))

    assert told == [8 * MIB, 16 * MIB]


class Pipe(io.RawIOBase):
    """A source that cannot tell its size, and gives as much as it likes."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece, self._rest = self._rest[: min(len(buffer), 70_001)], self._rest[min(len(buffer), 70_001) :]
        buffer[: len(piece)] = piece
        return len(piece)


async def test_a_pipe_is_uploaded_without_its_size(client: GeminiClient) -> None:
    told: list[tuple[int, int | None]] = []
    data = PDF + bytes(9 * MIB)

    file = await client.files.upload(Pipe(data), on_progress=lambda sent, total: told.append((sent, total)))  # type: ignore[arg-type]

    assert file.size_bytes == len(data)
    assert told == [(8 * MIB, None), (len(data), None)]


class Breaking:
    """A transport on which some requests of an upload break: before they arrive, or when their answer is lost."""

    def __init__(self, *faults: tuple[str, int, str]) -> None:
        self.faults = list(faults)  # command, how often it passes before, and when it breaks
        self.sent: list[str] = []
        self._inner = HttpxTransport()

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        command = request.headers.get("x-goog-upload-command", request.method)
        number = self.sent.count(command)
        self.sent.append(command)
        when = next((when for name, count, when in self.faults if (name, count) == (command, number)), "")
        if when == "before":
            raise ConnectionFailed("it broke before")
        async with self._inner.send(request) as response:
            if when == "after":
                async for _ in response.chunks():
                    pass
                raise ConnectionFailed("it broke after")
            yield response

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.parametrize(
    ("faults", "commands"),
    [
        pytest.param(
            [("start", 0, "after"), ("start", 1, "before")],
            ["start", "start", "start", "upload", "upload", "upload, finalize"],
            id="an-upload-that-never-began-is-begun-again",
        ),
        pytest.param(
            [("upload", 1, "before")],
            ["start", "upload", "upload", "query", "upload", "upload, finalize"],
            id="a-piece-that-never-arrived-is-sent-again",
        ),
        pytest.param(
            [("upload", 1, "after")],
            ["start", "upload", "upload", "query", "query", "upload, finalize"],
            id="a-piece-whose-answer-was-lost-is-not",
        ),
        pytest.param(
            [("upload, finalize", 0, "before")],
            ["start", "upload", "upload", "upload, finalize", "query", "upload, finalize"],
            id="the-last-piece-is-sent-again",
        ),
        pytest.param(
            [("upload, finalize", 0, "after")],
            ["start", "upload", "upload", "upload, finalize", "query", "GET"],
            id="the-file-is-asked-for-when-the-last-answer-was-lost",
        ),
        pytest.param(
            [("upload", 0, "before"), ("query", 0, "before"), ("upload", 1, "after")],
            ["start", "upload", "query", "query", "upload", "query", "query", "upload", "upload, finalize"],
            id="several-faults-in-a-row",
        ),
    ],
)
async def test_an_upload_survives_connections_that_break(
    emulator: Emulator, faults: list[tuple[str, int, str]], commands: list[str]
) -> None:
    transport = Breaking(*faults)
    retry = Retry(first_delay_s=0.001)
    client = GeminiClient(api_key="k-123456789", base_url=emulator.url, transport=lambda: transport, retry=retry)
    data = PDF + os.urandom(17 * MIB)

    file = await client.files.upload(data)

    assert (transport.sent, file.size_bytes) == (commands, len(data))


async def test_an_upload_that_breaks_again_and_again_ends(emulator: Emulator) -> None:
    transport = Breaking(*[("upload, finalize", number, "before") for number in range(9)])
    client = GeminiClient(
        api_key="k-123456789",
        base_url=emulator.url,
        transport=lambda: transport,
        retry=Retry(attempts=3, first_delay_s=0.001),
    )

    with pytest.raises(ConnectionFailed, match="it broke before") as caught:
        await client.files.upload(PDF)

    assert caught.value.attempts == 3


async def test_a_video_is_waited_for_until_it_may_be_used(emulator: Emulator, client: GeminiClient) -> None:
    emulator.files.polls["video"] = 2

    file = await client.files.upload(MP4)

    assert file.state == "ACTIVE"


async def test_the_wait_ends(emulator: Emulator, client: GeminiClient) -> None:
    emulator.files.polls["video"] = 1_000_000

    with pytest.raises(DeadlineExceeded, match=r"files/\w+ to be processed"):
        await client.files.upload(MP4, wait_s=0.2)


async def test_a_file_that_cannot_be_processed_is_named_with_the_reason(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.files.fail_next()

    with pytest.raises(MediaFailed, match=r"'talk.mp4' cannot be used: The file failed to be processed."):
        await client.files.upload(MP4, display_name="talk.mp4")


async def test_files_are_listed_found_and_deleted(client: GeminiClient) -> None:
    async with client:
        files = [await client.files.upload(PDF, display_name=f"{number}.pdf") for number in range(3)]
        listed = await client.files.list()
        found = await client.files.get(files[1].name)
        await client.files.delete(files[0].name)
        left = await client.files.list()

    assert [file.display_name for file in listed] == ["2.pdf", "1.pdf", "0.pdf"]
    assert found == files[1]
    assert [file.name for file in left] == [files[2].name, files[1].name]
    assert isinstance(found, UploadedFile)


async def test_a_long_list_is_read_to_its_end(emulator: Emulator, client: GeminiClient) -> None:
    async with client:
        for _ in range(103):
            await client.files.upload(PDF)

        assert len({file.name for file in await client.files.list()}) == 103


async def test_a_file_that_is_not_there_is_told_as_the_service_tells_it(client: GeminiClient) -> None:
    with pytest.raises(AuthenticationFailed, match="access the File nowhere or it may not exist"):
        await client.files.get("files/nowhere")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("/nowhere/a.pdf", "'/nowhere/a.pdf' cannot be read: No such file", id="missing"),
        pytest.param(".", "is no file", id="a-folder"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(bytes(9), "known by its content. Give mime_type", id="unknown"),
        pytest.param(io.StringIO("text"), 'Open it with mode "rb"', id="open-as-text"),
        pytest.param(7, "int cannot be uploaded. Give a path", id="a-number"),
        pytest.param(Pdf.from_url("https://x.example/a.pdf"), "is a link already", id="a-link"),
    ],
)
async def test_what_cannot_be_uploaded_is_refused(
    emulator: Emulator, client: GeminiClient, source: Any, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await client.files.upload(source)

    assert await client.files.list() == []


async def test_a_file_larger_than_the_service_keeps_is_refused_unread(client: GeminiClient, tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.write(MP4)
        file.truncate(2 * 1024 * MIB + 1)

    with pytest.raises(ConfigurationError, match=r"has 2,147,483,649 bytes; an upload takes 2,147,483,648"):
        await client.files.upload(path)


@pytest.mark.parametrize("name", ["", "files/", "files/../models", "Files/A", "files/a?b", "models/x", 7])
async def test_a_name_that_no_file_has_is_refused(client: GeminiClient, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no name of an uploaded file"):
        await client.files.get(name)


@pytest.mark.parametrize("wait_s", [0, -1, float("inf"), "long"])
async def test_a_wait_that_is_none_is_refused(client: GeminiClient, wait_s: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a number of seconds above 0"):
        await client.files.upload(PDF, wait_s=wait_s)


@pytest.mark.parametrize("profile", ["vertex", "comet"])
async def test_an_endpoint_without_files_says_what_works(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="k-123456789", base_url=emulator.url, endpoint=profile)

        for ask in (client.files.upload(PDF), client.files.list(), client.files.get("files/a")):
            with pytest.raises(NotOffered, match=r"has no Files API.*\. Send the file inline .* or link to it"):
                await ask


PAGE = answer(b"<html>Welcome</html>", kind="text/html")


@pytest.mark.parametrize(
    "scenario",
    [status(404, b"<html>"), status(405), PAGE, status(301, Location="https://x.example/"), answer({"ok": True})],
    ids=["404", "405", "a-page", "a-redirect", "some-json"],
)
async def test_a_gateway_without_files_is_noticed_by_its_answer(scenario: Any) -> None:
    with FaultServer(scenario) as server:
        client = GeminiClient(api_key="k-123456789", base_url=server.url)

        with pytest.raises(NotOffered, match="has no Files API"):
            await client.files.upload(PDF)


async def test_a_service_that_is_down_has_files_all_the_same() -> None:
    with FaultServer(status(503)) as server:
        client = GeminiClient(api_key="k-123456789", base_url=server.url, retry=Retry(attempts=1))

        with pytest.raises(ServerError):
            await client.files.upload(PDF)
        with pytest.raises(ServerError):
            await client.files.list()


async def test_a_file_that_was_not_found_is_no_missing_api() -> None:
    gone = answer({"error": {"code": 404, "status": "NOT_FOUND", "message": "No."}}, 404)

    with FaultServer(gone) as server, pytest.raises(NotFound):
        await GeminiClient(api_key="k-123456789", base_url=server.url).files.get("files/a")


async def test_a_request_that_was_too_large_says_what_to_do() -> None:
    refused = google_error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.")

    with FaultServer(status(400, refused)) as server, pytest.raises(InvalidRequest, match=r"client.files.upload"):
        await Agent(MODEL).run("Hi.", client=GeminiClient(api_key="k-123456789", base_url=server.url))


SESSION = "http://127.0.0.1:{port}/upload/v1beta/files?upload_id=secret-upload-id"


async def test_the_key_goes_to_the_clients_own_host_only() -> None:
    told = {"file": {"name": "files/a", "uri": "https://x.example/v1beta/files/a", "state": "ACTIVE"}}
    with FaultServer(answer(told)) as elsewhere:
        session = SESSION.format(port=elsewhere.port)
        with FaultServer(status(200, x_goog_upload_url=session)) as server:
            file = await GeminiClient(api_key="k-123456789", base_url=server.url).files.upload(PDF)

    assert file.name == "files/a"
    assert server.requests[0].headers["x-goog-api-key"] == "k-123456789"
    assert not {"x-goog-api-key", "authorization"} & elsewhere.requests[0].headers.keys()
    assert elsewhere.requests[0].body == PDF


@pytest.mark.parametrize("session", ["http://x.example/upload", "ftp://x.example/", "https://[::1"])
async def test_bytes_are_not_sent_where_others_could_read_them(session: str) -> None:
    started = status(200, x_goog_upload_url=session)

    with FaultServer(started) as server, pytest.raises(ProtocolError, match="which is no https address"):
        await GeminiClient(api_key="k-123456789", base_url=server.url).files.upload(PDF)


async def test_the_address_of_an_upload_is_a_secret_and_stays_out_of_the_log(
    client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "agentkit"):
        await client.files.upload(PDF)

    assert "upload_id=[redacted]" in caplog.text


@pytest.mark.parametrize("stands", ["9999", "-1", "much", "9" * 5000])
async def test_a_service_that_has_lost_bytes_is_told_so(stands: str) -> None:
    with FaultServer() as server:
        session = SESSION.format(port=server.port)
        started = status(200, x_goog_upload_url=session, x_goog_upload_chunk_granularity="9" * 5000)
        server.scenarios = (started, status(503), status(200, x_goog_upload_size_received=stands))
        retry = Retry(first_delay_s=0.001)

        with pytest.raises(ProtocolError, match="broke off at 0"):
            await GeminiClient(api_key="k-123456789", base_url=server.url, retry=retry).files.upload(PDF)


@pytest.mark.parametrize("told", [{}, {"file": {}}, {"file": {"name": "files/a"}}, [], "files/a"])
async def test_a_service_that_describes_no_file_is_told_so(told: Any) -> None:
    with FaultServer() as server:
        session = SESSION.format(port=server.port)
        server.scenarios = (status(200, x_goog_upload_url=session), answer(told))

        with pytest.raises(ProtocolError):
            await GeminiClient(api_key="k-123456789", base_url=server.url).files.upload(PDF)
