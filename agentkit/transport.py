"""The one door to HTTP: the `Transport` protocol, and httpx behind it. No type or exception of httpx leaves this file.

A transport sends one request and hands out the answer, whatever its status. It does not judge: no retries, no
redirects, no JSON. To watch the traffic, wrap one transport in another:

```python
class Watched:
    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        print(request.method, request.url, len(request.body))
        async with self._inner.send(request) as response:
            print(response.status)
            yield response

    async def aclose(self) -> None:
        await self._inner.aclose()
```
"""

import errno
import functools
import os
import socket
import ssl
import sys
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import field, fields
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import urlsplit

import anyio
import httpx

from agentkit._checks import is_number
from agentkit._endpoint import SecretText, is_loopback
from agentkit._frozen import frozen
from agentkit._lanes import Lanes
from agentkit._log import forget_frames, get_logger
from agentkit._unpack import DamagedBody, unpacker
from agentkit.errors import ConfigurationError, ConnectionFailed, DeadlineExceeded, GeminiError, ProtocolError

__all__ = ["HttpRequest", "HttpResponse", "HttpxTransport", "Timeouts", "Transport"]

_CLOSE_S = 1.0
_IDLE_S = 30.0
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)  # the last two slip past httpx at times
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}  # the latter is not on Windows
_LARGE_BODY = 1024 * 1024
_DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

log = get_logger("transport")


@frozen
class HttpRequest:
    """One request. Its repr shows neither headers (the key is one) nor body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@frozen
class HttpResponse:
    """One answer, its body still on the way. Its repr shows no headers: a gateway may repeat the key there.

    Attributes:
        status: The HTTP status.
        headers: With lower-case names; a name that came twice has both values, with a comma between.
        chunks: Call it once: the decoded body as it arrives, in pieces of at most 64 KiB. Iterate inside `aclosing`.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: Callable[[], AsyncGenerator[bytes, None]]


class Transport(Protocol):
    """Sends requests. Belongs to the event loop in which it first sends.

    It bounds its own waits, and raises only `ConnectionFailed`, `DeadlineExceeded` and `ProtocolError`.
    """

    def send(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        """Send `request`; inside the block the answer can be read, at its end the connection is given back."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""


@frozen
class Timeouts:
    """How long a transport waits, in seconds. Only waiting counts: a slow reader of a stream does not use it up.

    Attributes:
        connect_s: For a connection, TLS included.
        first_byte_s: For the headers of the answer.
        between_chunks_s: For the next piece of the body.
        total_s: For all of one request together.
    """

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    between_chunks_s: float = 120.0
    total_s: float = 300.0

    def __post_init__(self) -> None:
        """Raise ConfigurationError unless all are finite and above zero."""
        for one in fields(self):
            value: object = getattr(self, one.name)
            if not is_number(value) or value <= 0:
                raise ConfigurationError(f"{one.name}={value!r}: give a number of seconds above 0; no wait is endless.")


class HttpxTransport:
    """A pool of HTTP/1.1 connections. Redirects are not followed.

    Args:
        timeouts: How long it waits.
        trust_env: Whether proxies and `SSL_CERT_FILE` are taken from the environment; loopback is never asked through
            a proxy.
        on_connect: Called with the IP address of a server that was connected to, before anything is sent there; what
            it raises ends the request. Proxies connect by themselves, and are not told of.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        trust_env: bool = True,
        on_connect: Callable[[str], object] | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._trust_env = trust_env
        self._on_connect = on_connect
        self._routes: dict[tuple[str, str], _Route] = {}

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        """Send `request`; see `Transport.send`."""
        route = self._route(request.url)
        patience = _Patience(self._timeouts, route.peer)
        async with route.lanes.take(patience.wait(self._timeouts.first_byte_s, "a free connection")) as lane:
            response = await self._ask(lane, route, request, patience)
            body = cast(httpx.AsyncByteStream, response.stream)
            raw = cast(AsyncGenerator[bytes, None], aiter(body))
            headers = dict(response.headers)

            def chunks() -> AsyncGenerator[bytes, None]:
                received = _received(raw, route, patience, self._timeouts.between_chunks_s)
                return _decoded(received, headers.get("content-encoding", ""), route.peer)

            try:
                if route.proxy and response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                    raise route.refusal("407 Proxy Authentication Required")
                yield HttpResponse(status=response.status_code, headers=headers, chunks=chunks)
            finally:
                with anyio.move_on_after(_CLOSE_S, shield=True):
                    await _close(body, raw)

    async def aclose(self) -> None:
        """Close all connections."""
        routes = list(self._routes.values())
        self._routes.clear()
        with anyio.move_on_after(_CLOSE_S, shield=True):
            for route in routes:
                await route.lanes.aclose()

    async def _ask(
        self, lane: httpx.AsyncHTTPTransport, route: "_Route", request: HttpRequest, patience: "_Patience"
    ) -> httpx.Response:
        """Send and wait for the headers.

        A kept connection may have been closed by the other side just now; then the request goes out once more, over a
        new connection, which is tried only once.
        """
        outer = sys.exception()
        while True:
            is_new = False

            async def trace(event: str, facts: Mapping[str, object]) -> None:
                nonlocal is_new
                is_new = is_new or event.endswith("connect_tcp.started")
                if event.endswith("connect_tcp.complete") and self._on_connect is not None and not route.proxy:
                    await _tell_address(cast(_Stream, facts["return_value"]), self._on_connect)

            waits = {"connect": self._timeouts.connect_s}
            outgoing = httpx.Request(
                request.method,
                request.url,
                headers={"accept-encoding": "gzip, deflate", **request.headers},
                content=request.body if request.body or request.method == "POST" else None,
                extensions={"timeout": waits, "trace": trace},
            )
            outgoing.stream = _Body(request.body)
            try:
                with patience.wait(self._timeouts.first_byte_s, "the first byte of the answer"):
                    return await lane.handle_async_request(outgoing)
            except _FAILURES as error:
                if is_new or not isinstance(error, _DROPPED):
                    cause = _root_cause(error, outer)
                    raise route.failure(error, cause, self._timeouts.connect_s, len(request.body)) from error
                log.debug("connection.reopened", peer=route.peer)
            except BaseException as error:  # cancelled, while the key stands in variables of httpx, say
                forget_frames(error, outer)
                raise

    def _route(self, url: str) -> "_Route":
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._routes:
            self._routes[key] = _open_route(parts.scheme, parts.hostname or "", parts.port, self._trust_env)
        return self._routes[key]


@frozen
class _Route:
    """The way to one server. `proxy` is shown in messages and holds no password."""

    lanes: Lanes[httpx.AsyncHTTPTransport]
    peer: str
    proxy: str

    def failure(
        self, error: Exception, cause: BaseException, connect_s: float = 0.0, sent_bytes: int = 0
    ) -> GeminiError:
        """Translate what httpx raised. The class and `retryable` say whether asking again makes sense."""
        via = f" through the proxy {self.proxy}" if self.proxy else ""
        said = " ".join(str(error).split())
        if isinstance(error, httpx.ProxyError):
            return self.refusal(said)
        if isinstance(error, httpx.ConnectTimeout):
            return ConnectionFailed(f"Could not connect to {self.peer}{via} within {connect_s:g} s. Is it reachable?")
        if isinstance(error, httpx.ConnectError | ssl.SSLError | UnicodeError):
            return _connect_failure(cause, f"Could not connect to {self.peer}{via}")
        if isinstance(error, httpx.RemoteProtocolError) and not said.startswith("Server disconnected"):
            broken = ProtocolError(f"{self.peer}{via} broke off or does not speak HTTP: {said}.")
            broken.retryable = "without sending complete message" in said
            return broken
        reason = said or str(cause) or type(cause).__name__
        # A server that refuses a large body unread may reset the connection, and on asyncio its answer is lost then.
        size = f" The request has {sent_bytes:,} bytes; is that too many?" if sent_bytes > _LARGE_BODY else ""
        return ConnectionFailed(f"The connection to {self.peer}{via} broke: {reason}.{size}")

    def refusal(self, said: str) -> ConnectionFailed:
        """Return the error of a proxy that does not want to; asking again does not help."""
        failed = ConnectionFailed(f"The proxy {self.proxy} refused to connect to {self.peer}: {said}.")
        failed.retryable = False
        return failed


def _open_route(scheme: str, host: str, port: int | None, trust_env: bool) -> _Route:
    peer = f"{host}:{port or (443 if scheme == 'https' else 80)}"
    proxy = SecretText(_proxy_for(scheme, host, peer) if trust_env and not is_loopback(host) else "")
    # Plain HTTP needs no certificates, and loading them costs 20 ms: this context trusts nobody.
    context = _tls_context(trust_env) if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=_IDLE_S)
    shown = _without_password(proxy)
    try:
        lanes = Lanes(
            lambda: httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy or None),
            idle_s=_IDLE_S,
        )
        return _Route(lanes=lanes, peer=peer, proxy=shown)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        reason = type(error).__name__
    raise ConfigurationError(  # not from within: the password stands in variables of httpx
        f"The proxy {shown} from the environment cannot be used ({reason}). Correct the proxy variables, or pass "
        "trust_env=False."
    )


def _without_password(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
    except ValueError:
        return "address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if proxy else ""


def _proxy_for(scheme: str, host: str, peer: str) -> str:
    """Return the proxy that the environment names for a server, or "". `NO_PROXY` is respected."""
    if urllib.request.proxy_bypass(host) or urllib.request.proxy_bypass(peer):
        return ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all") or ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _tls_context(trust_env: bool) -> ssl.SSLContext:
    places = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")) if trust_env else (None, None)
    try:
        return _cached_tls_context(trust_env, *places)
    except OSError as error:
        raise ConfigurationError(
            f"SSL_CERT_FILE={places[0]!r} / SSL_CERT_DIR={places[1]!r} cannot be read: {error.strerror or error}."
        ) from None


@functools.cache
def _cached_tls_context(trust_env: bool, _file: str | None, _directory: str | None) -> ssl.SSLContext:
    """Loading the certificates costs 20 ms, so a process does it once for each setting."""
    return httpx.create_ssl_context(trust_env=trust_env)


class _Patience:
    """What is left of the time of one request."""

    def __init__(self, timeouts: Timeouts, peer: str) -> None:
        self._total_s = self._left_s = timeouts.total_s
        self._peer = peer

    @contextmanager
    def wait(self, limit_s: float, what: str) -> Generator[None, None, None]:
        """Bound the waiting inside the block by `limit_s` and by what is left of the whole request.

        Raises:
            DeadlineExceeded: The time ran out. Cancellation from outside passes through.
        """
        begun = anyio.current_time()
        with anyio.move_on_after(min(limit_s, self._left_s)) as scope:
            yield
        if scope.cancelled_caught:
            if self._left_s <= limit_s:
                raise DeadlineExceeded(f"the whole answer from {self._peer}", self._total_s)
            raise DeadlineExceeded(f"{what} from {self._peer}", limit_s)
        self._left_s -= anyio.current_time() - begun


class _Body(httpx.AsyncByteStream):
    """Hands out the body of a request. Not a generator: Trio warns of one that a failed write leaves half-read."""

    def __init__(self, body: bytes) -> None:
        self._pieces = iter([body] if body else [])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


class _Stream(Protocol):
    """A connection as httpx has it."""

    def get_extra_info(self, info: str) -> object: ...
    async def aclose(self) -> None: ...


async def _tell_address(stream: _Stream, on_connect: Callable[[str], object]) -> None:
    """Call `on_connect`. If it raises, nobody else closes the connection: httpx does not have it yet."""
    try:
        server = cast(tuple[str, ...] | None, stream.get_extra_info("server_addr"))
        if server is None:
            raise ConnectionAbortedError("it was closed as soon as it was there")
        on_connect(server[0])
    except BaseException:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await stream.aclose()
        raise


async def _received(
    raw: AsyncGenerator[bytes, None], route: _Route, patience: _Patience, between_s: float
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes from the network, with its waits bounded and its errors translated."""
    while True:
        outer = sys.exception()
        try:
            with patience.wait(between_s, "the next piece of the answer"):
                data = await anext(raw)
        except StopAsyncIteration:
            return
        except _FAILURES as error:
            raise route.failure(error, _root_cause(error, outer)) from error
        except BaseException as error:
            forget_frames(error, outer)
            raise
        yield data


async def _close(body: httpx.AsyncByteStream, raw: AsyncGenerator[bytes, None]) -> None:
    """Give the connection back to the pool, or close it if the answer was not read to its end.

    Reading on after that ends the generators inside the pool: left half-read they would be finished by the garbage
    collector, which on Trio is a warning and on asyncio a stray task.
    """
    await body.aclose()
    with suppress(*_FAILURES):
        async for _ in raw:
            pass


async def _decoded(received: AsyncGenerator[bytes, None], encoding: str, peer: str) -> AsyncGenerator[bytes, None]:
    """Yield the body unpacked, in bounded pieces, each event of a stream as soon as it is there."""
    async with aclosing(received):
        try:
            unpack = unpacker(encoding)
            async for data in received:
                for piece in unpack.feed(data):
                    yield piece
            unpack.finish()
        except DamagedBody as error:
            failed = ProtocolError(f"{peer} sent a body that cannot be read: {error}.")
            failed.retryable = True
            raise failed from error


def _connect_failure(cause: BaseException, could_not: str) -> ConnectionFailed:
    """Say which step of connecting failed, and what helps."""
    failed: ConnectionFailed
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "If it belongs to your company, set SSL_CERT_FILE to a file with its CA certificates."
        failed = ConnectionFailed(f"{could_not}: its certificate was refused ({cause.verify_message}). {advice}")
    elif isinstance(cause, ssl.SSLError):
        reason = (cause.reason or str(cause)).replace("_", " ").lower()
        failed = ConnectionFailed(f"{could_not}: TLS failed ({reason}). Does the port speak https?")
    elif isinstance(cause, UnicodeError) or (isinstance(cause, socket.gaierror) and cause.errno in _NO_SUCH_HOST):
        failed = ConnectionFailed(f"{could_not}: no host of this name was found. Check the address and the network.")
    elif isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
        return ConnectionFailed(f"{could_not}: {cause.strerror}. Close some, or allow more (ulimit -n).")
    else:
        reason = (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__
        return ConnectionFailed(f"{could_not}: {reason}. Check the address, the network and the proxy settings.")
    failed.retryable = False
    return failed


def _root_cause(error: BaseException, outer: BaseException | None) -> BaseException:
    """Return the innermost cause: httpx wraps httpcore wraps anyio wraps the socket's own error.

    Drops the tracebacks on the way: tools that print the variables of each frame would show the key there.

    Args:
        error: What was caught.
        outer: What was being handled before; it may hang at the end of the chain and is not ours.
    """
    error.__traceback__ = None
    inner = error.__cause__ or error.__context__
    wrapped: object = error
    if isinstance(wrapped, BaseExceptionGroup):  # one failure for each address of the host
        inner = cast(BaseExceptionGroup[BaseException], wrapped).exceptions[0]
    return error if inner is None or inner is outer else _root_cause(inner, outer)
