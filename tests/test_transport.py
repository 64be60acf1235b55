"""HTTP over real sockets: what the transport hands out, and how each fault of the network looks to its caller."""

import datetime
import gzip
import resource
import ssl
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit._unpack import PIECE_BYTES, DamagedBody, unpacker
from agentkit.errors import ConfigurationError, ConnectionFailed, DeadlineExceeded, GeminiError, ProtocolError
from agentkit.transport import HttpRequest, HttpxTransport, Timeouts
from tests.faultserver import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    answer,
    chunked,
    drip,
    head,
    http_chunk,
    raw,
    reset_after,
    silent,
    status,
    stream,
    then_drop,
)

pytestmark = pytest.mark.anyio

SHORT = Timeouts(connect_s=2, first_byte_s=0.3, between_chunks_s=0.3, total_s=0.6)


async def fetch(url: str, transport: HttpxTransport | None = None, **headers: str) -> tuple[int, bytes]:
    """Send one request and read the whole answer."""
    own = transport is None
    transport = transport or HttpxTransport(timeouts=SHORT)
    try:
        request = HttpRequest(method="POST", url=url, headers=headers, body=b'{"q":1}')
        async with transport.send(request) as response, aclosing(response.chunks()) as chunks:
            return response.status, b"".join([piece async for piece in chunks])
    finally:
        if own:
            await transport.aclose()


async def test_an_answer_has_status_headers_with_lower_case_names_and_a_body() -> None:
    with FaultServer(status(418, b"tea", X_Kind="Green")) as server:
        transport = HttpxTransport()
        request = HttpRequest(method="POST", url=server.url + "/a?b=c", headers={"x-one": "1"}, body=b"{}")
        async with transport.send(request) as response, aclosing(response.chunks()) as chunks:
            body = b"".join([piece async for piece in chunks])
        await transport.aclose()

    assert (response.status, response.headers["x-kind"], body) == (418, "Green", b"tea")
    [received] = server.requests
    assert (received.method, received.target, received.body) == ("POST", "/a?b=c", b"{}")
    assert received.headers["x-one"] == "1"


async def test_connections_are_kept_and_used_again() -> None:
    with FaultServer(answer({})) as server:
        transport = HttpxTransport()
        for _ in range(3):
            await fetch(server.url, transport)
        await transport.aclose()

    assert [request.connection for request in server.requests] == [0, 0, 0]


@pytest.mark.rows(1)
async def test_nothing_listening_names_host_and_port() -> None:
    """Fault matrix row 1."""
    with FaultServer() as server:
        port = server.port

    with pytest.raises(ConnectionFailed, match=f"Could not connect to 127.0.0.1:{port}") as caught:
        await fetch(f"http://127.0.0.1:{port}")

    assert caught.value.retryable
    assert "timed out" not in str(caught.value)


@pytest.mark.rows(2)
async def test_a_name_without_a_host_is_named_and_not_asked_again() -> None:
    """Fault matrix row 2: no label of a name may be longer than 63 characters, so no look-up leaves the machine."""
    with pytest.raises(
        ConnectionFailed, match=r"no-such-host.*no host of this name was found\. Check the address and the network\."
    ) as caught:
        await fetch(f"http://no-such-host.{'a' * 64}.invalid")

    assert not caught.value.retryable


@pytest.mark.rows(5, "R4")
async def test_no_answer_ends_in_a_deadline_and_a_closed_connection() -> None:
    """Fault matrix row 5."""
    with FaultServer(silent()) as server:
        with pytest.raises(DeadlineExceeded, match=r"0\.3 s, waiting for the first byte of the answer from 127.0.0.1"):
            await fetch(server.url)

        assert server.client_left()


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(drip(STREAM_HEAD, http_chunk(b"x")), id="a body byte by byte"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nx-slow: ", b"x"), id="a header byte by byte"),
        pytest.param(raw(STREAM_HEAD, http_chunk(b"x"), then=Peer.pause_long), id="a body that stops"),
    ],
)
@pytest.mark.rows(6, 7, "R4")
async def test_a_dripping_answer_ends_although_each_read_succeeds(scenario: object) -> None:
    """Fault matrix rows 6 and 7."""
    with FaultServer(scenario) as server:  # type: ignore[arg-type]
        with pytest.raises(DeadlineExceeded):
            await fetch(server.url)

        assert server.client_left()


async def test_the_time_of_a_slow_reader_does_not_count() -> None:
    with FaultServer(stream(*["x" * 60_000] * 10)) as server:
        transport = HttpxTransport(timeouts=Timeouts(connect_s=2, first_byte_s=0.3, between_chunks_s=0.3, total_s=0.3))
        request = HttpRequest(method="POST", url=server.url, headers={})
        async with transport.send(request) as response, aclosing(response.chunks()) as chunks:
            size = 0
            async for piece in chunks:
                await anyio.sleep(0.05)
                size += len(piece)
        await transport.aclose()

    assert size > 600_000


@pytest.mark.rows(8)
async def test_a_reset_before_the_answer_is_a_failed_connection() -> None:
    """Fault matrix row 8."""
    with FaultServer(reset_after(), answer(b"fine")) as server:
        transport = HttpxTransport(timeouts=SHORT)
        with pytest.raises(ConnectionFailed) as caught:
            await fetch(server.url, transport)
        again = await fetch(server.url, transport)
        await transport.aclose()

    assert caught.value.retryable
    assert again == (200, b"fine")
    assert [request.connection for request in server.requests] == [0, 1]


@pytest.mark.parametrize("drop", [Peer.finish, Peer.reset], ids=["closed", "reset"])
@pytest.mark.rows(9)
async def test_a_connection_dropped_while_idle_is_replaced_without_a_word(drop: object) -> None:
    """Fault matrix row 9: seen before the next request."""
    with FaultServer(then_drop(answer(b"one"), drop), answer(b"two")) as server:  # type: ignore[arg-type]
        transport = HttpxTransport(timeouts=SHORT)
        await fetch(server.url, transport)
        await anyio.sleep(0.05)
        again = await fetch(server.url, transport)
        await transport.aclose()

    assert again == (200, b"two")


@pytest.mark.parametrize("drop", [raw(then=Peer.finish), reset_after()], ids=["closed", "reset"])
@pytest.mark.rows(9)
async def test_a_connection_dropped_under_the_next_request_is_replaced_once(drop: object) -> None:
    """Fault matrix row 9: the request crosses the end of the connection on its way."""
    with FaultServer(answer(b"one"), drop, answer(b"two")) as server:  # type: ignore[arg-type]
        transport = HttpxTransport(timeouts=SHORT)
        await fetch(server.url, transport)
        again = await fetch(server.url, transport)
        await transport.aclose()

    assert again == (200, b"two")
    assert [request.connection for request in server.requests] == [0, 0, 1]


async def test_a_fresh_connection_that_drops_is_not_replaced() -> None:
    with FaultServer(raw(then=Peer.finish)) as server:
        with pytest.raises(ConnectionFailed):
            await fetch(server.url)

        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("scenario", "expected", "is_retryable"),
    [
        pytest.param(
            raw(head(200, {"content-length": "10"}), b"half", then=Peer.finish),
            ProtocolError,
            True,
            id="a body that is too short",
        ),
        pytest.param(
            raw(STREAM_HEAD, b"5\r\nhel", then=Peer.finish), ProtocolError, True, id="a chunk that is too short"
        ),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then=Peer.finish), ProtocolError, False, id="no HTTP at all"),
        pytest.param(reset_after(STREAM_HEAD, http_chunk(b"x")), ConnectionFailed, True, id="a reset in the body"),
    ],
)
@pytest.mark.rows(10, 11)
async def test_a_broken_answer_has_a_typed_error(
    scenario: object, expected: type[GeminiError], is_retryable: bool
) -> None:
    """Fault matrix rows 10 and 11."""
    with FaultServer(scenario) as server, pytest.raises(expected, match=r"127\.0\.0\.1") as caught:  # type: ignore[arg-type]
        await fetch(server.url)

    assert caught.value.retryable is is_retryable


@pytest.mark.rows(37)
async def test_interim_answers_trailers_and_chunk_extensions_are_ignored() -> None:
    """Fault matrix row 37."""
    packets = (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        STREAM_HEAD,
        b"5;ext=1\r\nhello\r\n",
        b"0\r\nx-trailer: 1\r\n\r\n",
    )
    with FaultServer(raw(*packets)) as server:
        assert await fetch(server.url) == (200, b"hello")


@pytest.mark.rows(38)
async def test_an_answer_before_the_request_was_read_is_the_answer() -> None:
    """Fault matrix row 38."""

    def impatient(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(head(413, {"content-length": "0", "connection": "close"}))
        peer.pause_long()

    with FaultServer(on_connect=impatient) as server:
        transport = HttpxTransport(timeouts=Timeouts(first_byte_s=5, total_s=5))
        request = HttpRequest(method="POST", url=server.url, headers={}, body=b"x" * 20_000_000)
        async with transport.send(request) as response:
            assert response.status == 413
        await transport.aclose()


@pytest.mark.rows(42)
async def test_cancelling_closes_the_connection_at_once() -> None:
    """Fault matrix row 42."""
    with FaultServer(raw(STREAM_HEAD, http_chunk(b"x"), then=Peer.pause_long)) as server:
        with anyio.move_on_after(0.1) as scope:
            await fetch(server.url, HttpxTransport())

        assert scope.cancelled_caught
        assert server.client_left(within_s=0.5)


@pytest.mark.rows(43)
async def test_leaving_a_stream_early_closes_the_connection_at_once() -> None:
    """Fault matrix row 43; warnings are errors here, and both event loops warn of generators left behind."""
    with FaultServer(drip(STREAM_HEAD, http_chunk(b"x" * 1000), 0.01)) as server:
        transport = HttpxTransport()
        request = HttpRequest(method="POST", url=server.url, headers={})
        async with transport.send(request) as response, aclosing(response.chunks()) as chunks:
            async for _ in chunks:
                break

        assert server.client_left(within_s=0.5)
        await transport.aclose()


@pytest.mark.rows(41)
async def test_cancelled_requests_leave_no_connection_taken() -> None:
    """Fault matrix row 41."""
    with FaultServer(*[silent()] * 30, answer(b"fine")) as server:
        transport = HttpxTransport()
        with anyio.move_on_after(0.3):
            async with anyio.create_task_group() as group:
                for _ in range(30):
                    group.start_soon(fetch, server.url, transport)
        for _ in range(5):
            assert await fetch(server.url, transport) == (200, b"fine")
        await transport.aclose()


def packed(encoding: str, data: bytes) -> bytes:
    match encoding:
        case "gzip":
            return gzip.compress(data)
        case "gzip in two members":
            return gzip.compress(data[:5]) + gzip.compress(data[5:])
        case "deflate":
            return zlib.compress(data)
        case _:
            raw_deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            return raw_deflate.compress(data) + raw_deflate.flush()


@pytest.mark.parametrize("encoding", ["gzip", "gzip in two members", "deflate", "deflate without header"])
@pytest.mark.rows(22)
async def test_packed_bodies_are_unpacked(encoding: str) -> None:
    """Fault matrix row 22."""
    text = "Grüße ".encode() * 100
    headers = {"content-encoding": encoding.split()[0]}
    with FaultServer(chunked(packed(encoding, text), headers=headers, size=7)) as server:
        assert await fetch(server.url) == (200, text)


@pytest.mark.rows(22)
async def test_each_event_of_a_packed_stream_comes_before_the_next_is_sent() -> None:
    """Fault matrix row 22."""
    squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    first = squeeze.compress(b"data: one\n\n") + squeeze.flush(zlib.Z_SYNC_FLUSH)
    packets = (head(200, {"content-encoding": "gzip", "transfer-encoding": "chunked"}), http_chunk(first))
    with FaultServer(raw(*packets, then=Peer.pause_long)) as server:
        transport = HttpxTransport()
        request = HttpRequest(method="POST", url=server.url, headers={})
        async with transport.send(request) as response, aclosing(response.chunks()) as chunks:
            with anyio.fail_after(5):
                assert await anext(chunks) == b"data: one\n\n"
        await transport.aclose()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", b"plain text", id="not packed at all"),
        pytest.param("gzip", gzip.compress(b"x" * 1000)[:-10], id="cut"),
        pytest.param("gzip", b"", id="nothing"),
        pytest.param("br", b"x", id="an encoding that was not asked for"),
    ],
)
@pytest.mark.rows(24)
async def test_a_body_that_is_not_what_its_encoding_says_is_a_protocol_error(encoding: str, body: bytes) -> None:
    """Fault matrix row 24."""
    with FaultServer(answer(body, headers={"content-encoding": encoding})) as server:
        with pytest.raises(ProtocolError, match=encoding) as caught:
            await fetch(server.url)

        assert caught.value.retryable


@given(
    st.binary(max_size=5000),
    st.lists(st.integers(0, 5000), max_size=6),
    st.sampled_from(["gzip", "gzip in two members", "deflate", "x"]),
)
@pytest.mark.rows(22)
def test_unpacking_does_not_depend_on_the_cuts(data: bytes, cuts: list[int], encoding: str) -> None:
    whole = packed(encoding, data)
    marks = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    unpack = unpacker(encoding.split()[0] if encoding != "x" else "deflate")

    found = [piece for begin, end in pairwise(marks) for piece in unpack.feed(whole[begin:end])]
    unpack.finish()

    assert b"".join(found) == data


@given(st.binary(max_size=200))
@pytest.mark.rows(24)
def test_unpacking_anything_gives_bytes_or_says_that_it_is_damaged(data: bytes) -> None:
    unpack = unpacker("deflate")
    try:
        list(unpack.feed(data))
        unpack.finish()
    except DamagedBody:
        pass


@pytest.mark.rows(23)
def test_a_small_body_that_unpacks_to_a_huge_one_comes_in_small_pieces() -> None:
    """Fault matrix row 23: the reader can stop at its limit, and memory does not grow with the whole."""
    bomb = gzip.compress(bytes(100 * 1024 * 1024), compresslevel=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    sizes = [len(piece) for piece in unpacker("gzip").feed(bomb)]

    assert sum(sizes) == 100 * 1024 * 1024
    assert max(sizes) <= PIECE_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


@pytest.mark.parametrize("name", ["connect_s", "first_byte_s", "between_chunks_s", "total_s"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "5", True, None], ids=repr)
@pytest.mark.rows("R4")
def test_no_wait_is_endless(name: str, value: object) -> None:
    """Fault matrix row 121 and rule R4."""
    with pytest.raises(ConfigurationError, match=f"{name}="):
        Timeouts(**{name: value})  # type: ignore[arg-type]


@pytest.mark.rows("R3")
def test_a_request_shows_neither_key_nor_body() -> None:
    shown = repr(HttpRequest(method="POST", url="https://host/x", headers={"x-goog-api-key": "sesame"}, body=b"prompt"))

    assert "sesame" not in shown
    assert "prompt" not in shown


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name `other.test`, signed by itself, with its key in the same file."""
    x509 = pytest.importorskip("cryptography.x509")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.test")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FaultServer(answer(b"secret"), tls=context) as server:
        yield server


@pytest.mark.rows(4)
async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: FaultServer) -> None:
    """Fault matrix row 4."""
    with pytest.raises(
        ConnectionFailed, match=r"certificate was refused \(self.signed certificate\).*SSL_CERT_FILE"
    ) as caught:
        await fetch(tls_server.url)

    assert not caught.value.retryable
    assert not tls_server.requests


@pytest.mark.rows(4)
async def test_a_certificate_for_another_name_is_refused(
    tls_server: FaultServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault matrix row 4; and the way to trust a company's own certificates works."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with pytest.raises(ConnectionFailed, match=r"certificate is not valid for '127.0.0.1'"):
        await fetch(tls_server.url)


@pytest.mark.rows(4)
async def test_plain_http_on_a_tls_port_is_explained() -> None:
    """Fault matrix row 4."""

    def plain(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(head(400, {"content-length": "0"}))
        peer.pause_long()

    with FaultServer(on_connect=plain) as server, pytest.raises(ConnectionFailed, match=r"TLS failed.*speak https"):
        await fetch(server.url.replace("http:", "https:"))


async def test_a_certificate_file_that_is_not_there_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")

    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE='/nowhere/ca\.pem'"):
        await fetch("https://127.0.0.1:1")


# -- Proxies -----------------------------------------------------------------------------------------------------------


@pytest.mark.rows(39)
async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault matrix row 39."""
    with FaultServer(answer(b"through")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert await fetch("http://far.test/x") == (200, b"through")

    assert proxy.requests[0].target == "http://far.test/x"


async def test_the_address_of_a_server_is_told_before_anything_is_sent_there() -> None:
    told: list[str] = []

    def refuse(address: str) -> None:
        told.append(address)
        raise ConfigurationError("Not there.")

    with FaultServer(answer(b"there")) as server:
        transport = HttpxTransport(timeouts=SHORT, on_connect=refuse)
        with pytest.raises(ConfigurationError, match="Not there"):
            await fetch(f"http://localhost:{server.port}", transport)
        await transport.aclose()

        assert told == ["127.0.0.1"]
        assert server.nothing_is_open()
        assert not server.requests


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://localhost:{port}"])
@pytest.mark.rows(39)
async def test_this_machine_is_never_asked_through_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault matrix row 39."""
    with FaultServer(answer(b"direct")) as server:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert await fetch(url.format(port=server.port)) == (200, b"direct")


@pytest.mark.rows(39)
async def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault matrix row 39."""
    with FaultServer(status(407)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:sesame@127.0.0.1:{proxy.port}")
        with pytest.raises(
            ConnectionFailed, match=f"The proxy http://127.0.0.1:{proxy.port} refused.*far.test:443.*407"
        ) as caught:
            await fetch("https://far.test/x")

    assert "sesame" not in repr(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["no_proxy", "trust_env"])
@pytest.mark.rows(39)
async def test_exceptions_from_proxies_are_respected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault matrix row 39. The name has no host, so nothing leaves the machine."""
    with FaultServer(answer(b"through")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        if name == "no_proxy":
            monkeypatch.setenv("no_proxy", "far.test")
        transport = HttpxTransport(timeouts=SHORT, trust_env=name == "no_proxy")
        with pytest.raises(GeminiError):
            await fetch(f"http://{'a' * 64}.far.test", transport)
        await transport.aclose()

    assert not proxy.requests


def test_importing_the_transport_loads_no_certificates() -> None:
    code = "import ssl; ssl.SSLContext.load_verify_locations = None; import agentkit.transport as t; t.HttpxTransport()"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
