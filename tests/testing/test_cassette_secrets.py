"""No secret reaches the disk: a canary is put everywhere, and the written bytes are searched for it."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from agentkit import HttpRequest, HttpResponse
from agentkit.testing.cassette import Cassette
from tests.testing.canned import Canned, replaying, written

pytestmark = pytest.mark.anyio

CANARY = 'canary/0123+456"789=sesame'
PLAIN = "canary-0123456789-sesame"
URL = "https://gateway.invalid/v1beta/models/gemini-x:generateContent"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret.json"


async def exchange(
    cassette: Cassette, url: str = URL, body: bytes = b"{}", **headers: str
) -> tuple[HttpResponse, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with cassette.transport().send(HttpRequest(method="POST", url=url, headers=names, body=body)) as response:
        return response, b"".join([piece async for piece in response.chunks()])


def everything_written(path: Path) -> bytes:
    return b"\0".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())


def forms(secret: str) -> list[bytes]:
    """Every way in which a secret could be read from a file."""
    plain = secret.encode()
    in_json = json.dumps(secret)[1:-1].encode()
    return [plain, in_json, json.dumps(in_json.decode())[1:-1].encode(), quote(secret, safe="").encode()]


def assert_clean(path: Path, *secrets: str) -> None:
    data = everything_written(path)
    assert data
    assert [form for secret in secrets for form in forms(secret) if form in data] == []
    # What is base64 in the file is looked into as well.
    runs = [run for run in re.findall(rb"[\w+/]{20,}", data) if len(run) % 4 != 1]
    decoded = b"\0".join(base64.b64decode(run + b"=" * (-len(run) % 4)) for run in runs)
    assert [secret for secret in secrets if secret.encode() in decoded] == []


@pytest.mark.parametrize("secret", [PLAIN, CANARY], ids=["a plain key", "a key with characters that are escaped"])
@pytest.mark.parametrize(
    ("url", "headers"),
    [
        pytest.param(URL, {"x_goog_api_key": "{}"}, id="Google's header"),
        pytest.param(URL, {"authorization": "Bearer {}"}, id="a bearer token"),
        pytest.param(URL, {"x_gateway_token": "{}"}, id="a gateway's own header"),
        pytest.param(URL, {"cookie": "{}"}, id="a cookie"),
        pytest.param(URL + "?alt=sse&key={}", {}, id="the query"),
        pytest.param(URL + "?access_token={}&alt=sse", {}, id="the query, as a token"),
    ],
)
async def test_a_key_is_written_nowhere(path: Path, url: str, headers: dict[str, str], secret: str) -> None:
    url = url.format(quote(secret, safe=""))
    headers = {name: value.format(secret) for name, value in headers.items()}
    echoed = json.dumps(
        {
            "error": {"message": f"The key {secret} (Bearer {secret}) is not valid: ?key={quote(secret)}&x=1"},
            **{f"base64 {shift}": base64.b64encode(b"\0" * shift + secret.encode() * 3).decode() for shift in range(3)},
            "media": base64.b64encode(b"\0" * 1000 + secret.encode() + b"\0" * 1000).decode(),
            "twice": json.dumps(secret),
        }
    ).encode()
    answered = {"content-type": "application/json", "location": f"/?key={secret}", "set-cookie": secret}

    with Cassette(path, record_with=lambda: Canned([echoed], status=400, headers=answered)) as cassette:
        response, received = await exchange(cassette, url, echoed, **headers)

    assert (received, response.headers) == (echoed, answered)
    assert_clean(path, secret)


async def test_a_request_that_held_a_key_finds_its_recording_without_it(path: Path) -> None:
    with Cassette(path, record_with=Canned) as cassette:
        _, first = await exchange(cassette, body=b'{"x": "%s"}' % PLAIN.encode(), x_goog_api_key=PLAIN)

    with replaying(path) as cassette:
        _, again = await exchange(cassette, body=b'{"x": "another-key-0"}', x_goog_api_key="another-key-0")

    assert again == first


async def test_a_key_that_is_used_later_is_removed_from_what_came_before(path: Path) -> None:
    with Cassette(path, record_with=lambda: Canned([b'{"hint": "%s"}' % PLAIN.encode()])) as cassette:
        await exchange(cassette, body=b'"first"')
        await exchange(cassette, body=b'"second"', x_goog_api_key=PLAIN)

    assert_clean(path, PLAIN)


async def test_secrets_that_were_named_are_removed(path: Path) -> None:
    answer = b'{"said": "Ask anna@example.org or code 4711."}'

    with Cassette(path, secrets=["anna@example.org", "4711"], record_with=lambda: Canned([answer])) as cassette:
        await exchange(cassette, body=b'{"to": "anna@example.org"}')

    assert_clean(path, "anna@example.org", "4711")
    assert written(path)["exchanges"][0]["answer"]["json"] == {"said": "Ask REDACTED or code REDACTED."}


async def test_the_hook_changes_what_is_written_and_what_is_compared(path: Path) -> None:
    def scrub(words: str) -> str:
        return re.sub(r"\d{4}-\d\d-\d\d", "DAY", words)

    with Cassette(path, scrub=scrub, record_with=lambda: Canned([b'{"on": "2024-05-06"}'])) as cassette:
        await exchange(cassette, body=b'{"today": "2024-05-06"}')

    with replaying(path, scrub=scrub) as cassette:
        _, again = await exchange(cassette, body=b'{"today": "2031-12-24"}')

    assert again == b'{"on": "DAY"}'
    assert b"2024" not in everything_written(path)


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param("AIza" + "Sy0123456789-abcdefghijklmnopqrstu_", id="Google's shape"),
        pytest.param("sk-0123456789abcdefghij", id="the gateway's shape"),
        pytest.param("ya29.a0AfH6SMBx-0123456789", id="an OAuth token"),
    ],
)
async def test_what_looks_like_a_key_is_removed_though_nobody_sent_it(path: Path, leak: str) -> None:
    with Cassette(path, record_with=lambda: Canned([json.dumps({"said": f"use {leak}."}).encode()])) as cassette:
        await exchange(cassette)

    assert_clean(path, leak)


async def test_the_id_of_an_upload_and_a_key_in_an_address_are_removed(path: Path) -> None:
    body = rb'{"url": "/files?upload_id=AbC-123_x&upload_protocol=resumable", "x": "?a=1\u0026key=AbC-123&b"}'

    with Cassette(path, record_with=lambda: Canned([body])) as cassette:
        await exchange(cassette, "https://host.invalid/upload/v1beta/files?upload_id=AbC-123_x")

    data = everything_written(path)
    assert b"AbC-123" not in data
    assert b"upload_protocol=resumable" in data


async def test_base64_that_holds_the_shape_of_a_key_by_chance_is_left_alone(path: Path) -> None:
    signature = "Q" * 50 + "AIza" + "x" * 35
    answer = json.dumps({"thoughtSignature": signature}).encode()

    with Cassette(path, record_with=lambda: Canned([answer])) as cassette:
        await exchange(cassette, x_goog_api_key=PLAIN)
    with replaying(path) as cassette:
        _, again = await exchange(cassette)

    assert again == answer


async def test_base64_that_held_a_key_can_still_be_decoded(path: Path) -> None:
    data = b"\0" * 1000 + PLAIN.encode() + b"\0" * 1000
    answer = json.dumps({"data": base64.b64encode(data).decode()}).encode()

    with Cassette(path, record_with=lambda: Canned([answer])) as cassette:
        await exchange(cassette, x_goog_api_key=PLAIN)
    with replaying(path) as cassette:
        _, again = await exchange(cassette)

    decoded = base64.b64decode(json.loads(again)["data"], validate=True)
    assert len(decoded) == len(data)
    assert decoded[:999] == data[:999]
    assert PLAIN.encode() not in decoded


async def test_headers_of_requests_and_hosts_are_not_written(path: Path) -> None:
    with Cassette(path, record_with=Canned) as cassette:
        await exchange(cassette, x_goog_api_key=PLAIN, x_team="blue-team")

    assert b"blue-team" not in everything_written(path)
    assert b"gateway.invalid" not in everything_written(path)
