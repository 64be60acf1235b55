"""Faults that need a process of their own: what it may take of memory, and what its environment says of proxies."""

import os
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fault_runs import FINE, KEY, MODEL
from tests.faultserver import FaultServer, answer, status

ROOT = Path(__file__).parents[1]

ASK = """
import sys
from agentkit import Agent, AgentKitError, GeminiClient
client = GeminiClient(api_key={key!r}, base_url=sys.argv[1], allow_insecure_http=True, {more})
try:
    print(Agent({model!r}, client=client).run_sync("Go.").output)
except AgentKitError as error:
    print(type(error).__name__, error)
"""

MEASURE = """
import anyio, resource, sys
from contextlib import aclosing
from agentkit import AgentKitError, GeminiClient, Retry
from agentkit.wire import GenerateContentRequest, user_text

async def ask(limit):
    client = GeminiClient(
        api_key={key!r}, base_url=sys.argv[1], retry=Retry(attempts=1), max_response_bytes=limit, max_stream_bytes=limit
    )
    request = GenerateContentRequest(contents=[user_text("Go.")])
    try:
        if sys.argv[2] == "whole":
            await client.generate({model!r}, request)
        else:
            async with aclosing(client.stream({model!r}, request)) as chunks:
                [chunk async for chunk in chunks]
    except AgentKitError as error:
        return type(error).__name__

anyio.run(ask, 16 * 1024 * 1024)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
outcome = anyio.run(ask, 16 * 1024 * 1024)
print(outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def child(code: str, *arguments: str, more: str = "", **variables: str) -> str:
    """Run `code` in a fresh interpreter; return what it prints."""
    inherited: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.format(key=KEY, model=MODEL, more=more), *arguments],
        cwd=ROOT, env={**inherited, **variables}, capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    assert not done.stderr
    return done.stdout.strip()


# -- Memory ------------------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    """Return 300 KB of gzip that unpack to the beginning of an event, and 300 MiB of zeros in it."""
    squeeze = zlib.compressobj(wbits=31)
    start = squeeze.compress(b'data: {"text": "') + squeeze.flush(zlib.Z_FULL_FLUSH)
    ten_mebibytes = squeeze.compress(bytes(10 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + ten_mebibytes * 30


@pytest.mark.rows(20, 23)
@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_a_small_body_that_unpacks_to_a_huge_one_takes_less_than_twice_the_limit(way: str) -> None:
    with FaultServer(FINE, answer(bomb(), headers={"content-encoding": "gzip"})) as server:
        outcome, _, grown_kib = child(MEASURE, server.url, way).partition(" ")

        assert server.nothing_is_open()
    assert outcome == "ResponseTooLarge"
    assert int(grown_kib) < 2 * 16 * 1024


# -- Proxies -----------------------------------------------------------------------------------------------------------

FAR = "http://far.test"
FAR_TLS = "https://far.test"
NOBODY = "http://name:sesame@127.0.0.1:1"


@pytest.mark.rows(39)
def test_the_proxy_of_the_environment_is_asked() -> None:
    with FaultServer(FINE) as proxy:
        assert child(ASK, FAR, HTTP_PROXY=proxy.url.replace("//", "//name:sesame@")) == "fine"

    [asked] = proxy.requests
    assert asked.target == f"http://far.test/v1beta/models/{MODEL}:generateContent"
    assert asked.headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.rows(39)
@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        pytest.param(FAR, 407, "refused to connect to far.test:80: 407", id="asks for credentials"),
        pytest.param(FAR_TLS, 407, "refused to connect to far.test:443: 407", id="asks for them, with TLS"),
        pytest.param(FAR_TLS, 403, "refused to connect to far.test:443: 403", id="forbids it"),
    ],
)
def test_a_proxy_that_refuses_is_asked_once_and_named_without_its_password(url: str, code: int, said: str) -> None:
    with FaultServer(status(code)) as proxy:
        variables = {f"{kind}_PROXY": proxy.url.replace("//", "//name:sesame@") for kind in ("HTTP", "HTTPS")}
        printed = child(ASK, url, **variables)

        assert printed.startswith(f"ConnectionFailed The proxy {proxy.url} {said}")
        assert "sesame" not in printed
        assert len(proxy.requests) == 1


@pytest.mark.rows(39)
def test_a_proxy_that_is_not_there_is_named_without_its_password() -> None:
    printed = child(ASK, FAR_TLS, ALL_PROXY=NOBODY)

    assert printed.startswith("ConnectionFailed Could not connect to far.test:443 through the proxy http://127.0.0.1:1")
    assert "sesame" not in printed


@pytest.mark.rows(39)
def test_loopback_is_asked_directly() -> None:
    with FaultServer(FINE) as server:
        assert child(ASK, server.url, HTTP_PROXY=NOBODY, ALL_PROXY=NOBODY) == "fine"


@pytest.mark.rows(39)
@pytest.mark.parametrize(
    ("more", "exceptions"),
    [
        pytest.param("trust_env=False", {}, id="trust_env=False"),
        pytest.param("", {"NO_PROXY": "other.test,.test"}, id="NO_PROXY"),
    ],
)
def test_what_is_excepted_from_the_proxy_is_not_asked_through_it(more: str, exceptions: dict[str, str]) -> None:
    """The name is too long to be one, so that no look-up leaves the machine."""
    with FaultServer(FINE) as proxy:
        printed = child(ASK, f"http://{'a' * 60}.{'b.' * 100}test", more=more, HTTP_PROXY=proxy.url, **exceptions)

    assert printed.startswith("ConnectionFailed")
    assert "proxy " not in printed
    assert not proxy.requests
