"""Cached contents: made, listed, changed, expired, and named in prompts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from agentkit.testing import Emulator, call, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.testing.asking import generate, send
from tests.testing.requests_made import WEATHER, ask, user

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
MODEL = "gemini-2.5-flash"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = "projects/p/locations/global/"
BOOK = user("Once upon a time. " * 250)  # 1,125 tokens


def body(**fields: Any) -> Json:
    return {"model": f"models/{MODEL}", "contents": [BOOK], **fields}


async def create(emulator: Emulator, asked: Json | None = None) -> httpx.Response:
    return await send(emulator, "POST", "/v1beta/cachedContents", body() if asked is None else asked)


async def created(emulator: Emulator, asked: Json | None = None) -> Json:
    answer = await create(emulator, asked)
    assert answer.status_code == 200, answer.text
    made: Json = answer.json()
    return made


async def test_a_cached_content_says_what_was_made() -> None:
    made = await created(Emulator(clock=lambda: NOW), body(ttl="300.5s", displayName="book"))

    assert made.pop("name").startswith("cachedContents/")
    assert made == {
        "model": "models/gemini-2.5-flash",
        "createTime": "2026-11-22T12:00:00.000000Z",
        "updateTime": "2026-11-22T12:00:00.000000Z",
        "expireTime": "2026-11-22T12:05:00.500000Z",
        "displayName": "book",
        "usageMetadata": {"totalTokenCount": made["usageMetadata"]["totalTokenCount"]},
    }
    assert made["usageMetadata"]["totalTokenCount"] in range(1100, 1150)


async def test_it_lives_an_hour_if_nothing_is_said() -> None:
    assert (await created(Emulator(clock=lambda: NOW)))["expireTime"] == "2026-11-22T13:00:00.000000Z"


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        pytest.param(body(model=None), 400, "model is required", id="no-model"),
        pytest.param(body(contents=[user("Hi")]), 400, "Cached content is too small. total_token_count=", id="small"),
        pytest.param(body(ttl="soon"), 400, "google.protobuf.Duration", id="no-duration"),
        pytest.param(body(ttl="0s"), 400, "must be in the future", id="no-time"),
        pytest.param(body(expireTime="2020-01-01T00:00:00Z"), 400, "must be in the future", id="past"),
        pytest.param(body(expireTime="tomorrow"), 400, "google.protobuf.Timestamp", id="no-timestamp"),
        pytest.param(body(expireTime="9999-12-31T23:59:59-23:00"), 400, "Timestamp", id="after-all-time"),
        pytest.param(body(ttl="9s", expireTime="2030-01-01T00:00:00Z"), 400, "'expiration' is already set", id="both"),
        pytest.param(body(displayName="x" * 129), 400, "at most 128", id="long-name"),
        pytest.param(body(displayName=5), 400, "TYPE_STRING", id="no-text"),
        pytest.param(body(colour="red"), 400, 'Unknown name "colour"', id="unknown-key"),
        pytest.param(body(safetySettings=[]), 400, 'Unknown name "safetySettings"', id="key-of-another-request"),
        pytest.param(
            body(tools=[{"functionDeclarations": [{"name": "9"}]}]),
            400,
            "CreateCachedContentRequest.cached_content.tools[0].function_declarations[0].name: Invalid function name",
            id="wrong-function",
        ),
        pytest.param(body(model="models/gemini-4-neon"), 404, "createCachedContent", id="a-model-without-caching"),
    ],
)
async def test_what_cannot_be_cached_is_refused(asked: Json, status: int, words: str) -> None:
    refused = await create(Emulator(clock=lambda: NOW), asked)

    assert (refused.status_code, words in refused.json()["error"]["message"]) == (status, True), refused.text


async def test_vertex_words_it_differently_and_names_the_project() -> None:
    emulator = Emulator(profile="vertex")
    model = f"{PLACE}publishers/google/models/{MODEL}"

    small = await send(emulator, "POST", f"/v1beta1/{PLACE}cachedContents", {"model": model, "contents": [user("Hi")]})
    made = await send(emulator, "POST", f"/v1beta1/{PLACE}cachedContents", {"model": model, "contents": [BOOK]})

    assert "The minimum token count to start caching is 1024." in small.json()["error"]["message"]
    assert made.json()["name"].startswith(f"{PLACE}cachedContents/")
    assert made.json()["model"] == model
    assert "displayName" not in made.json()


async def test_only_the_expiry_can_be_changed() -> None:
    emulator = Emulator(clock=lambda: NOW)
    name = (await created(emulator))["name"]

    changed = await send(emulator, "PATCH", f"/v1beta/{name}?updateMask=ttl", {"ttl": "600s"})
    until = await send(emulator, "PATCH", f"/v1beta/{name}", {"expireTime": "2026-11-23T00:00:00Z"})
    masked = await send(emulator, "PATCH", f"/v1beta/{name}?updateMask=displayName", {"displayName": "x"})
    nothing = await send(emulator, "PATCH", f"/v1beta/{name}", {})

    assert changed.json()["expireTime"] == "2026-11-22T12:10:00.000000Z"
    assert until.json()["expireTime"] == "2026-11-23T00:00:00.000000Z"
    assert (masked.status_code, nothing.status_code) == (400, 400)


async def test_they_are_listed_in_pages_the_newest_first() -> None:
    emulator = Emulator()
    names = [(await created(emulator))["name"] for _ in range(3)]

    first = (await send(emulator, "GET", "/v1beta/cachedContents?pageSize=2")).json()
    rest = (await send(emulator, "GET", f"/v1beta/cachedContents?pageToken={first['nextPageToken']}")).json()

    assert [made["name"] for made in first["cachedContents"] + rest["cachedContents"]] == names[::-1]
    assert "nextPageToken" not in rest


async def test_one_that_was_deleted_is_gone() -> None:
    emulator = Emulator()
    name = (await created(emulator))["name"]

    done = await send(emulator, "DELETE", f"/v1beta/{name}")
    after = await send(emulator, "GET", f"/v1beta/{name}")

    assert (done.status_code, done.json()) == (200, {})
    assert (after.status_code, after.json()["error"]["message"]) == (
        403,
        "CachedContent not found (or permission denied)",
    )
    assert (await send(emulator, "GET", "/v1beta/cachedContents")).json() == {}


async def test_a_prompt_counts_the_cached_tokens_as_its_own() -> None:
    emulator = Emulator()
    made = await created(emulator)
    emulator.reply(text("A tale."))

    usage = (await generate(emulator, ask(cachedContent=made["name"]), model=MODEL)).json()["usageMetadata"]

    cached = made["usageMetadata"]["totalTokenCount"]
    assert usage["cachedContentTokenCount"] == cached
    assert usage["cacheTokensDetails"] == [{"modality": "TEXT", "tokenCount": cached}]
    assert usage["promptTokenCount"] in range(cached + 1, cached + 5)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert emulator.findings == []


async def test_cached_functions_can_be_called() -> None:
    emulator = Emulator(profile="vertex")
    asked = {"model": MODEL, "contents": [BOOK], "tools": [WEATHER]}
    name = (await send(emulator, "POST", f"/v1beta1/{PLACE}cachedContents", asked)).json()["name"]
    emulator.reply(call("weather", city="Oslo"))

    answer = await generate(emulator, ask(cachedContent=name), model=MODEL)

    assert answer.json()["candidates"][0]["finishReason"] == "STOP"  # an undeclared one would be unexpected


@pytest.mark.parametrize(
    ("profile", "status", "words"),
    [
        ("google", 400, "(models/gemini-2.5-pro) and CachedContent (models/gemini-2.5-flash) has to be the same."),
        ("vertex", 400, "Cached content model does not match the model in the request."),
    ],
)
async def test_it_serves_its_own_model_only(profile: Profile, status: int, words: str) -> None:
    emulator = Emulator(profile=profile)
    place = "/v1beta/" if profile == "google" else f"/v1beta1/{PLACE}"
    name = (await send(emulator, "POST", f"{place}cachedContents", body())).json()["name"]

    refused = await generate(emulator, ask(cachedContent=name), model="gemini-2.5-pro")

    assert (refused.status_code, words in refused.json()["error"]["message"]) == (status, True), refused.text


@pytest.mark.parametrize(
    ("profile", "status", "words"),
    [
        ("google", 403, "CachedContent not found (or permission denied)"),
        ("vertex", 400, "is expired."),
    ],
)
async def test_one_that_has_expired_is_refused(profile: Profile, status: int, words: str) -> None:
    now = NOW
    emulator = Emulator(profile=profile, clock=lambda: now)
    place = "/v1beta/" if profile == "google" else f"/v1beta1/{PLACE}"
    name = (await send(emulator, "POST", f"{place}cachedContents", body(ttl="60s"))).json()["name"]
    now += timedelta(seconds=60)

    refused = await generate(emulator, ask(cachedContent=name), model=MODEL)

    assert (refused.status_code, words in refused.json()["error"]["message"]) == (status, True), refused.text


async def test_an_unknown_one_is_refused() -> None:
    google = await generate(Emulator(), ask(cachedContent="cachedContents/x"), model=MODEL)
    vertex = await generate(Emulator(profile="vertex"), ask(cachedContent=f"{PLACE}cachedContents/1"), model=MODEL)

    assert (google.status_code, vertex.status_code) == (403, 404)
    assert "Not found: cached content metadata for 1" in vertex.json()["error"]["message"]


async def test_the_gateway_is_not_known_to_have_them() -> None:
    assert (await send(Emulator(profile="comet"), "GET", "/v1beta/cachedContents")).status_code == 301


def test_googles_client_makes_uses_changes_and_deletes_one() -> None:
    with serve(Emulator()) as emulator:
        emulator.reply(text("A tale."))
        options = types.HttpOptions(base_url=emulator.url, api_version="v1beta")
        with genai.Client(api_key="a-key", http_options=options) as client:
            content = types.UserContent(BOOK["parts"][0]["text"])
            config = types.CreateCachedContentConfig(contents=[content], ttl="60s", display_name="book")
            made = client.caches.create(model=MODEL, config=config)
            assert made.name is not None
            named = types.GenerateContentConfig(cached_content=made.name)
            answer = client.models.generate_content(model=MODEL, contents="What is it?", config=named)
            changed = client.caches.update(name=made.name, config=types.UpdateCachedContentConfig(ttl="600s"))
            listed = [each.name for each in client.caches.list()]
            client.caches.delete(name=made.name)

    assert answer.usage_metadata is not None
    assert answer.usage_metadata.cached_content_token_count
    assert made.expire_time is not None
    assert changed.expire_time is not None
    assert changed.expire_time > made.expire_time
    assert listed == [made.name]
    assert emulator.findings == []
