"""Files and cached contents, as Google's own client (`google-genai`) uses them."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from agentkit.testing import Emulator, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, google_client, google_client_with_project, weather

LONG = "Oslo is the capital of Norway. " * 4000


@pytest.fixture
def served() -> Iterator[Emulator]:
    with serve(Emulator()) as emulator:
        yield emulator
        assert emulator.findings == []


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    with google_client(served) as client:
        yield client


@pytest.fixture
def anyio_backend() -> str:
    """Google's client knows asyncio only."""
    return "asyncio"


# -- Files -------------------------------------------------------------------------------------------------------------


def test_an_uploaded_file_is_described_and_used(served: Emulator, google: genai.Client, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("4 degrees", encoding="utf-8")
    served.reply(text("4."))

    uploaded = google.files.upload(file=path, config={"display_name": "A note"})
    answer = google.models.generate_content(model=MODEL, contents=[uploaded, "What does it say?"])

    assert answer.text == "4."
    assert (uploaded.display_name, uploaded.mime_type, uploaded.size_bytes) == ("A note", "text/plain", 9)
    assert uploaded.state == types.FileState.ACTIVE
    assert uploaded.create_time is not None
    assert uploaded.expiration_time == uploaded.create_time + timedelta(hours=48)
    [part, _] = served.requests[0]["contents"][0]["parts"]
    assert part["fileData"] == {"file_uri": uploaded.uri, "mime_type": "text/plain"}


def test_a_large_file_goes_up_in_pieces(google: genai.Client) -> None:
    uploaded = google.files.upload(file=io.BytesIO(b"x" * (9 * 1024**2)), config={"mime_type": "text/plain"})

    assert uploaded.size_bytes == 9 * 1024**2


def test_files_are_found_listed_and_deleted(google: genai.Client) -> None:
    for name in ("one", "two", "three"):
        google.files.upload(file=io.BytesIO(b"1"), config={"mime_type": "image/png", "name": name})

    found = google.files.get(name="two")
    listed = {file.name for file in google.files.list(config={"page_size": 2})}
    google.files.delete(name="two")

    assert found.name == "files/two"
    assert listed == {"files/one", "files/two", "files/three"}
    assert {file.name for file in google.files.list()} == {"files/one", "files/three"}
    with pytest.raises(errors.ClientError, match="may not exist") as raised:
        google.files.get(name="two")
    assert raised.value.code == 403


def test_a_video_is_ready_only_after_a_while(served: Emulator, google: genai.Client) -> None:
    served.reply(text("A cat."))
    uploaded = google.files.upload(file=io.BytesIO(b"1"), config={"mime_type": "video/mp4"})

    with pytest.raises(errors.ClientError, match="not in an ACTIVE state"):
        google.models.generate_content(model=MODEL, contents=[uploaded, "What?"])
    polled = [google.files.get(name=uploaded.name or "").state for _ in range(2)]
    answer = google.models.generate_content(model=MODEL, contents=[uploaded, "What?"])

    assert uploaded.state == types.FileState.PROCESSING
    assert polled[-1] == types.FileState.ACTIVE
    assert answer.text == "A cat."


def test_a_file_whose_name_is_taken_is_refused(google: genai.Client) -> None:
    google.files.upload(file=io.BytesIO(b"1"), config={"mime_type": "image/png", "name": "one"})

    with pytest.raises(errors.ClientError, match="already exists") as raised:
        google.files.upload(file=io.BytesIO(b"1"), config={"mime_type": "image/png", "name": "one"})

    assert raised.value.code == 409


@pytest.mark.anyio
async def test_the_asynchronous_client_uploads_too(served: Emulator) -> None:
    with google_client(served) as client:
        async with client.aio as google:
            uploaded = await google.files.upload(file=io.BytesIO(b"123"), config={"mime_type": "image/png"})
            found = await google.files.get(name=uploaded.name or "")
            await google.files.delete(name=uploaded.name or "")
            left = [file async for file in await google.files.list()]

    assert found.size_bytes == 3
    assert left == []


# -- Cached contents ---------------------------------------------------------------------------------------------------


def cached(**more: Any) -> types.CreateCachedContentConfig:
    return types.CreateCachedContentConfig(contents=[types.UserContent(LONG)], system_instruction="Be brief.", **more)


@pytest.fixture(params=["google", "vertex"])
def keeping(request: pytest.FixtureRequest) -> Iterator[tuple[Emulator, genai.Client]]:
    """An emulator that caches, and a client that asks it; on Vertex AI caches belong to a project."""
    profile: Profile = request.param
    with ExitStack() as stack:
        emulator = stack.enter_context(serve(Emulator(profile=profile)))
        connect = google_client if profile == "google" else google_client_with_project
        yield emulator, stack.enter_context(connect(emulator))


def test_a_cached_content_is_made_and_used(keeping: tuple[Emulator, genai.Client]) -> None:
    emulator, google = keeping
    emulator.reply(text("Oslo."))

    made = google.caches.create(model=MODEL, config=cached(display_name="Norway", ttl="600s"))
    answer = google.models.generate_content(
        model=MODEL, contents="Norway's capital?", config=types.GenerateContentConfig(cached_content=made.name)
    )

    assert made.display_name == "Norway"
    assert made.usage_metadata is not None
    assert made.usage_metadata.total_token_count
    assert made.create_time is not None
    assert made.expire_time == made.create_time + timedelta(seconds=600)
    assert answer.text == "Oslo."
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.cached_content_token_count == made.usage_metadata.total_token_count
    assert emulator.findings == []


def test_a_cached_content_lives_as_long_as_it_is_told(keeping: tuple[Emulator, genai.Client]) -> None:
    _, google = keeping
    made = google.caches.create(model=MODEL, config=cached())
    name = made.name or ""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    longer = google.caches.update(name=name, config=types.UpdateCachedContentConfig(ttl="7200s"))
    fixed = google.caches.update(name=name, config=types.UpdateCachedContentConfig(expire_time=until))

    assert made.expire_time is not None
    assert longer.expire_time is not None
    assert longer.expire_time > made.expire_time
    assert fixed.expire_time == until
    assert google.caches.get(name=name).expire_time == until


def test_cached_contents_are_listed_and_deleted(keeping: tuple[Emulator, genai.Client]) -> None:
    _, google = keeping
    names = [google.caches.create(model=MODEL, config=cached()).name or "" for _ in range(3)]

    listed = {one.name for one in google.caches.list(config={"page_size": 2})}
    google.caches.delete(name=names[0])

    assert listed == set(names)
    assert {one.name for one in google.caches.list()} == set(names[1:])
    with pytest.raises(errors.ClientError):
        google.caches.get(name=names[0])


def test_functions_belong_into_the_cache(keeping: tuple[Emulator, genai.Client]) -> None:
    emulator, google = keeping
    made = google.caches.create(model=MODEL, config=cached())

    with pytest.raises(errors.ClientError, match=r"(?i)cached ?content") as raised:
        google.models.generate_content(
            model=MODEL,
            contents="Weather?",
            config=types.GenerateContentConfig(cached_content=made.name, tools=[weather]),
        )

    assert raised.value.code == 400
    assert [finding.rule for finding in emulator.findings] == ["E25"]


def test_a_short_content_is_not_cached(keeping: tuple[Emulator, genai.Client]) -> None:
    _, google = keeping
    config = types.CreateCachedContentConfig(contents=[types.UserContent("Oslo.")])

    with pytest.raises(errors.ClientError, match=r"(?i)too small|minimum") as raised:
        google.caches.create(model=MODEL, config=config)

    assert raised.value.code == 400


def test_a_cached_content_of_another_model_is_refused(keeping: tuple[Emulator, genai.Client]) -> None:
    _, google = keeping
    made = google.caches.create(model=MODEL, config=cached())

    with pytest.raises(errors.ClientError) as raised:
        google.models.generate_content(
            model="gemini-3.6-flash", contents="Hi", config=types.GenerateContentConfig(cached_content=made.name)
        )

    assert raised.value.code == 400
