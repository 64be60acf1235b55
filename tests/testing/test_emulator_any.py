"""Whatever comes, the emulator answers as a service does: never with an error of its own."""

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.testing import Emulator
from agentkit.testing.finding import Profile
from tests.testing.requests_made import WEATHER, ask, user

Json = Any
PROFILES: st.SearchStrategy[Profile] = st.sampled_from(("google", "vertex", "comet"))
STATUSES = {200, 301, 400, 401, 403, 404, 409, 501}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("\ud800")
names = st.sampled_from(
    (
        "contents",
        "parts",
        "text",
        "tools",
        "fileData",
        "fileUri",
        "cachedContent",
        "model",
        "ttl",
        "file",
        "generationConfig",
    )
) | st.text(max_size=6)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
words = st.sampled_from(
    (
        *("v1beta", "v1", "upload", "models", "files", "cachedContents", "x", "gemini-2.5-flash", "..", "%", "é"),
        *("x:generateContent", "x:streamGenerateContent", "x:countTokens", "x:download", "projects", "locations", ""),
    )
)
paths = st.lists(words, max_size=7).map(lambda parts: "/" + "/".join(parts)) | st.text(max_size=20)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *(b"host", b"x-goog-api-key", b"authorization", b"x-goog-upload-command", b"x-goog-upload-protocol"),
                *(b"x-goog-upload-offset", b"x-goog-upload-header-content-length", b"\xff"),
            )
        ),
        st.sampled_from((b"resumable", b"start", b"upload, finalize", b"query", b"0", b"Bearer x", b"a:b:c", b"-1"))
        | st.binary(max_size=10),
    ),
    max_size=5,
)
queries = st.sampled_from(
    (
        b"",
        b"alt=sse",
        b"pageSize=-1",
        b"pageToken=x",
        b"pageSize=9&pageToken=0",
        b"upload_id=x",
        b"updateMask=,",
        b"key=\xff",
    )
)


async def status_of(emulator: Emulator, verb: str, path: str, query: bytes, given: Json, content: bytes) -> int:
    """Return the status of the answer to a request, straight through ASGI: no client could send all of them."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": verb, "path": path, "query_string": query, "headers": given}
    await emulator(scope, receive, send)
    assert sent[-1]["type"] == "http.response.body"
    assert not sent[-1].get("more_body")
    status: int = sent[0]["status"]
    return status


@settings(max_examples=300, deadline=None)
@given(
    profile=PROFILES,
    verb=st.sampled_from(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "")),
    path=paths,
    query=queries,
    given_headers=headers,
    content=st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode()),
)
def test_any_request_gets_an_answer_of_the_service(
    profile: Profile, verb: str, path: str, query: bytes, given_headers: Json, content: bytes
) -> None:
    emulator = Emulator(profile=profile, brain=lambda asked: [{"text": "Hi."}])

    async def ask_once() -> int:
        return await status_of(emulator, verb, path, query, given_headers, content)

    assert anyio.run(ask_once) in STATUSES


@settings(max_examples=300, deadline=None)
@given(
    profile=PROFILES,
    strict=st.booleans(),
    method=st.sampled_from(("generateContent", "streamGenerateContent", "countTokens")),
    model=st.sampled_from(("gemini-2.5-flash", "gemini-3-flash-preview", "gemini-4-neon", "x")),
    key=st.sampled_from(
        tuple(ask(tools=[], generationConfig={}, toolConfig={}, cachedContent="", systemInstruction={}))
    ),
    value=values,
)
def test_any_value_in_a_request_gets_an_answer_of_the_service(
    profile: Profile, strict: bool, method: str, model: str, key: str, value: Json
) -> None:
    emulator = Emulator(profile=profile, strict=strict, brain=lambda asked: [{"text": "Hi."}, {"functionCall": {}}])
    content = json.dumps({**ask(user("Hi"), tools=[WEATHER]), key: value}).encode()

    async def ask_once() -> int:
        path = f"/v1beta/models/{model}:{method}"
        return await status_of(emulator, "POST", path, b"alt=sse", [(b"x-goog-api-key", b"k")], content)

    assert anyio.run(ask_once) in STATUSES


@settings(max_examples=150, deadline=None)
@given(value=values, key=names)
def test_any_cached_content_or_file_gets_an_answer_of_the_service(value: Json, key: str) -> None:
    emulator = Emulator()
    content = json.dumps({"model": "x", "file": {}, key: value}).encode()
    start = [(b"x-goog-upload-protocol", b"resumable"), (b"x-goog-upload-command", b"start")]

    async def ask_both() -> set[int]:
        return {
            await status_of(emulator, "POST", path, b"", [(b"x-goog-api-key", b"k"), *start], content)
            for path in ("/v1beta/cachedContents", "/upload/v1beta/files")
        }

    assert anyio.run(ask_both) <= STATUSES


@pytest.mark.anyio
@pytest.mark.parametrize("depth", [90, 500, 100_000])
async def test_a_body_of_any_depth_gets_an_answer_of_the_service(depth: int) -> None:
    content = b'{"contents": ' + b"[" * depth + b"]" * depth + b"}"
    path = "/v1beta/models/gemini-2.5-flash:generateContent"

    assert await status_of(Emulator(), "POST", path, b"", [(b"x-goog-api-key", b"k")], content) == 400
