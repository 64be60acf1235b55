"""Downloads of media: within limits, never with a key, never to where nobody meant to go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit import ConfigurationError, Image, MediaFailed, Pdf
from agentkit._download import nearness
from tests.certificates import make_certificate, server_context
from tests.faultserver import FaultServer, answer, chunked, head, raw, silent, status, tunnel
from tests.media_files import PNG

pytestmark = pytest.mark.anyio

PIXEL = answer(PNG, kind="image/png")


@pytest.fixture
def key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GEMINI_API_KEY", "a-secret-key")
    return "a-secret-key"


async def test_a_file_is_downloaded_and_no_key_goes_along(key_in_the_environment: str) -> None:
    with FaultServer(PIXEL) as server:
        image = await Image.fetch(f"{server.url}/dots/a.png?size=1")

        [asked] = server.requests
    assert (image.data, image.mime_type, image.display_name, image.url) == (PNG, "image/png", "a.png", "")
    assert (asked.method, asked.target) == ("GET", "/dots/a.png?size=1")
    assert set(asked.headers) <= {"host", "user-agent", "accept", "accept-encoding"}


async def test_https_is_checked_against_the_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path / "own.pem")
    with FaultServer(PIXEL, tls=server_context(certificate)) as server:
        with pytest.raises(MediaFailed, match="certificate was refused"):
            await Image.fetch(f"{server.url}/a.png")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

        assert (await Image.fetch(f"{server.url}/a.png")).data == PNG


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/html", ""])
async def test_the_content_tells_the_type_not_the_server(kind: str) -> None:
    with FaultServer(answer(PNG, kind=kind)) as server:
        assert (await Image.fetch(f"{server.url}/a")).mime_type == "image/png"
        with pytest.raises(ConfigurationError, match=r"127.0.0.1/a' holds image/png, which is not a PDF"):
            await Pdf.fetch(f"{server.url}/a")


async def test_what_the_server_says_counts_where_the_content_tells_nothing() -> None:
    with FaultServer(answer(bytes(9), kind="image/x-new; q=1")) as server:
        assert (await Image.fetch(f"{server.url}/a")).mime_type == "image/x-new"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(code: int) -> None:
    with FaultServer(status(code, Location="/b.png"), PIXEL) as server:
        image = await Image.fetch(f"{server.url}/a")

        assert [asked.target for asked in server.requests] == ["/a", "/b.png"]
    assert image.display_name == "b.png"


@pytest.mark.parametrize(
    "location",
    ["http://x.example/a.png", "ftp://x.example/a.png", "file:///etc/passwd", "https://u:p@x.example/", ""],
)
async def test_a_redirect_to_another_place_is_not_followed(location: str) -> None:
    with FaultServer(status(302, Location=location), PIXEL) as server:
        with pytest.raises(MediaFailed, match="redirects to an address that is not followed"):
            await Image.fetch(f"{server.url}/a")

        assert len(server.requests) == 1


async def test_redirects_end() -> None:
    with FaultServer(status(302, Location="/again")) as server:
        with pytest.raises(MediaFailed, match="redirected more than 5 times"):
            await Image.fetch(f"{server.url}/a")

        assert len(server.requests) == 6


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(answer(bytes(2000)), id="with-its-length-told"),
        pytest.param(chunked(bytes(2000)), id="with-its-length-not-told"),
        pytest.param(raw(head(200, {"content-length": "2000"})), id="told-and-never-sent"),
    ],
)
async def test_a_file_that_is_too_large_is_given_up(scenario: object) -> None:
    with FaultServer(scenario) as server, pytest.raises(MediaFailed, match="it is larger than max_bytes=1,000"):  # type: ignore[arg-type]
        await Image.fetch(f"{server.url}/a", max_bytes=1000)


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with FaultServer(silent()) as server, pytest.raises(MediaFailed, match=r"0.2 s") as caught:
        await Image.fetch(f"{server.url}/a?token=secret", timeout_s=0.2)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("code", "retryable"), [(404, False), (403, False), (429, True), (503, True)])
async def test_a_failure_says_what_the_server_said(code: int, retryable: bool) -> None:
    with FaultServer(status(code, b"<html>")) as server, pytest.raises(MediaFailed, match=f"HTTP {code}") as caught:
        await Image.fetch(f"{server.url}/a")

    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/a.png",
        "ftp://x.example/a",
        "file:///etc/passwd",
        "gs://b/a",
        "/a.png",
        "",
        "https://",
        "https://user:password@x.example/a",
        "https://x.example/a b",
        "https://x.example:99999/a",
        "https://[::1/a",
    ],
)
async def test_an_address_that_may_not_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await Image.fetch(url)

    assert "user:password" not in str(caught.value)


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_bytes": 1.5}, {"timeout_s": 0}, {"timeout_s": "1"}])
async def test_a_limit_that_is_none_is_refused(limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="give numbers above 0"):
        await Image.fetch("https://x.example/a", **limits)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param(
            "http://127.0.0.1:1/a",
            r"Could not connect.*Check the address, the network and the",
            id="closed",
        ),
        pytest.param(f"https://{'a' * 64}.test/a", r"no host of this name was found\. Check the address", id="no-host"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_told_without_words_about_settings(url: str, said: str) -> None:
    with pytest.raises(MediaFailed, match=said) as caught:
        await Image.fetch(url)

    assert "base_url" not in str(caught.value)


# -- Redirects from elsewhere ------------------------------------------------------------------------------------------

FAR = "https://192.0.2.1"  # an address for documentation: only the proxy on this machine is asked


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A server in the public net, behind a proxy; its answers are appended to its scenarios."""
    certificate = make_certificate(tmp_path / "far.pem", address="192.0.2.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FaultServer(tunnel(server_context(certificate))) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        yield proxy


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("http://127.0.0.1:{}/secrets", id="its-address"),
        pytest.param("http://localhost:{}/secrets", id="its-name"),
        pytest.param("https://127.1:{}/secrets", id="a-name-that-resolves-to-it"),
        pytest.param("https://0:{}/secrets", id="the-unspecified-address"),
    ],
)
async def test_a_server_elsewhere_cannot_send_us_to_this_machine(
    far: FaultServer, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.1,0")
    with FaultServer(PIXEL) as here:
        far.scenarios += (status(302, Location=target.format(here.port)),)

        with pytest.raises(MediaFailed, match=r"which is not followed: (127\.0\.0\.1|0\.0\.0\.0) is this machine\.$"):
            await Image.fetch(f"{FAR}/a.png")

        assert not here.requests
        assert here.nothing_is_open()


async def test_nor_by_way_of_a_server_on_this_machine_that_was_asked_before(far: FaultServer) -> None:
    with FaultServer(status(302, Location=f"{FAR}/a.png"), PIXEL) as here:
        far.scenarios += (status(302, Location=f"{here.url}/secrets"),)

        with pytest.raises(MediaFailed, match=r"127\.0\.0\.1 is this machine"):
            await Image.fetch(f"{here.url}/start")

        assert [asked.target for asked in here.requests] == ["/start"]


async def test_a_server_on_this_machine_may_send_us_elsewhere(far: FaultServer) -> None:
    far.scenarios += (PIXEL,)

    with FaultServer(status(302, Location=f"{FAR}/a.png")) as here:
        image = await Image.fetch(f"{here.url}/start")

    assert (image.data, image.display_name) == (PNG, "a.png")


@pytest.mark.parametrize(
    ("address", "near"),
    [
        *((one, 2) for one in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::")),
        *((one, 1) for one in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1")),
        *((one, 1) for one in ("fe80::1%eth0", "fd00::1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1")),
        *((one, 0) for one in ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8")),
    ],
)
async def test_an_address_tells_how_near_it_is(address: str, near: int) -> None:
    assert nearness(address) == near


async def test_an_address_that_is_no_text_is_refused_in_a_sentence() -> None:
    address: Any = None

    with pytest.raises(ConfigurationError, match=r"url must be a text: https://\.\.\., not NoneType"):
        await Image.fetch(address)
