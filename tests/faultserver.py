"""A server on loopback that answers wrongly on purpose: any bytes, in any pieces, with any end.

It speaks through plain sockets in threads of its own, so it knows nothing of the code under test, serves tests on every
event loop, and can send what no HTTP library would send. Each request is answered by the next scenario, the last one
again and again:

```python
with FaultServer(status(503), stream(chunk("Hel"), chunk("lo", finish="STOP"))) as server:
    ...
    assert len(server.requests) == 2
```

A scenario is a function that gets the `Peer` after its request was read. Adding a fault is adding one function.
"""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at_s: float

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Peer:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.socket = connection
        self.number = number
        self.is_open = True
        self.gone = threading.Event()
        self._unread = b""

    def send(self, data: bytes) -> None:
        """Send `data`; a client that has left is not our problem."""
        with suppress(OSError):
            self.socket.sendall(data)

    def pause(self, seconds: float) -> None:
        """Wait, or return early when the client leaves."""
        self.socket.settimeout(seconds)
        try:
            self._unread += (more := self.socket.recv(65536))
            if not more:
                self.gone.set()
        except OSError as error:
            if not isinstance(error, TimeoutError):
                self.gone.set()

    def pause_long(self) -> None:
        """Say nothing more until the client leaves."""
        while self.is_open and not self.gone.is_set():
            self.pause(1.0)

    def finish(self) -> None:
        """End the connection in the polite way (FIN)."""
        self.is_open = False
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reset(self) -> None:
        """End the connection in the rude way (RST)."""
        self.is_open = False
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read_request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """Return method, target, headers and body, or None if the client left."""
        self.socket.settimeout(None)
        while b"\r\n\r\n" not in self._unread:
            if not self._read_more():
                return None
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        self._unread = rest
        while len(self._unread) < length:
            if not self._read_more():
                return None
        body, self._unread = self._unread[:length], self._unread[length:]
        method, target, _ = first.split(" ")
        return method, target, headers, body

    def _read_more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        self._unread += data
        if not data:
            self.gone.set()
        return bool(data)


Scenario = Callable[[Peer], None]


@dataclass
class FaultServer:
    """Listens on 127.0.0.1 while its block runs.

    Attributes:
        scenarios: What answers the first, second, ... request; the last one answers all further ones.
        requests: What came, in order.
        peers: The connections, in order.
    """

    scenarios: tuple[Scenario, ...]
    requests: list[Received] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    def __init__(
        self, *scenarios: Scenario, tls: ssl.SSLContext | None = None, on_connect: Scenario | None = None
    ) -> None:
        self.scenarios = scenarios or (status(500),)
        self.requests, self.peers = [], []
        self._tls = tls
        self._on_connect = on_connect  # in place of reading requests
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

    @property
    def port(self) -> int:
        """The port that the system chose."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self.peers):
            peer.finish()
        for thread in self._threads:
            thread.join(5)

    def client_left(self, connection: int = 0, within_s: float = 2.0) -> bool:
        """Whether the client closes (or has closed) a connection within some seconds."""
        return self.peers[connection].gone.wait(within_s)

    def nothing_is_open(self, within_s: float = 10.0) -> bool:
        """Whether every connection is closed, or is closed by the client within some seconds."""
        return all(not peer.is_open or peer.gone.wait(within_s) for peer in list(self.peers))

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(connection, len(self.peers))
            self.peers.append(peer)
            self._start(self._serve, peer)

    def _serve(self, peer: Peer) -> None:
        with suppress(OSError):  # the client left, or the test is over
            if self._tls is not None:
                peer.socket = self._tls.wrap_socket(peer.socket, server_side=True)
            if self._on_connect is not None:
                self._on_connect(peer)
            while peer.is_open and (read := peer.read_request()) is not None:
                self._record(peer, *read)(peer)
        peer.finish()

    def _record(self, peer: Peer, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Scenario:
        """Note a request; return the scenario that answers it."""
        received = Received(
            method=method,
            target=target,
            headers=headers,
            body=body,
            connection=peer.number,
            at_s=time.monotonic(),
        )
        with self._lock:
            self.requests.append(received)
            return self.scenarios[min(len(self.requests), len(self.scenarios)) - 1]


# -- Answers that the protocol documents -------------------------------------------------------------------------------


def chunk(text: str = "", *, finish: str | None = None, **more: object) -> dict[str, Any]:
    """A GenerateContentResponse with one text part."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-test", **more}


def google_error(code: int, name: str, message: str = "Something is wrong.", *details: object) -> dict[str, Any]:
    """An error in Google's envelope."""
    return {"error": {"code": code, "status": name, "message": message, "details": list(details)}}


def answer(
    body: bytes | object, code: int = 200, headers: Mapping[str, str] | None = None, kind: str = "application/json"
) -> Scenario:
    """A whole answer; anything but bytes becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return raw(head(code, {"content-type": kind, "content-length": str(len(data)), **(headers or {})}) + data)


def status(code: int, body: bytes | object = b"", **headers: str) -> Scenario:
    """An answer with this status; headers are written with `_` for `-`."""
    return answer(body, code, {name.replace("_", "-"): value for name, value in headers.items()})


def stream(*events: object) -> Scenario:
    """A stream of server-sent events that ends well."""
    return chunked(b"".join(map(sse, events)))


def sse(event: object) -> bytes:
    """One event as Google writes it."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\r\n\r\n"


def head(code: int, headers: Mapping[str, str]) -> bytes:
    """The status line and the headers."""
    lines = [f"HTTP/1.1 {code} Some Reason", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


STREAM_HEAD = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})


def chunked(body: bytes, *, headers: Mapping[str, str] | None = None, size: int | None = None) -> Scenario:
    """A body in HTTP chunks of `size` bytes, each in a packet of its own; else in one chunk."""
    size = size or max(len(body), 1)
    framed = [http_chunk(body[start : start + size]) for start in range(0, len(body), size)]
    begin = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})})
    return raw(begin, *framed, b"0\r\n\r\n")


def http_chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


# -- Faults ------------------------------------------------------------------------------------------------------------


def raw(*packets: bytes, pause_s: float = 0.0, then: Callable[[Peer], None] | None = None) -> Scenario:
    """Exactly these bytes, each in a packet of its own; then, say, `Peer.finish` or `Peer.reset`."""

    def scenario(peer: Peer) -> None:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for packet in packets:
            peer.send(packet)
            if pause_s:
                peer.pause(pause_s)
        if then is not None:
            then(peer)

    return scenario


def silent() -> Scenario:
    """Never answers, until the client leaves."""
    return raw(then=Peer.pause_long)


def drip(start: bytes, piece: bytes, every_s: float = 0.02) -> Scenario:
    """`start`, then `piece` again and again until the client leaves."""

    def scenario(peer: Peer) -> None:
        peer.send(start)
        while not peer.gone.is_set() and peer.is_open:
            peer.send(piece)
            peer.pause(every_s)

    return scenario


def reset_after(*packets: bytes) -> Scenario:
    """These bytes; once they have surely been read, a reset."""

    def scenario(peer: Peer) -> None:
        for packet in packets:
            peer.send(packet)
        peer.pause(0.05)  # a reset makes the other side drop what it has not read yet
        peer.reset()

    return scenario


def tunnel(context: ssl.SSLContext) -> Scenario:
    """What a proxy answers to CONNECT; the rest of the connection is TLS, to be answered by the scenarios after it."""

    def scenario(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer.socket = context.wrap_socket(peer.socket, server_side=True)

    return scenario


def then_drop(scenario: Scenario, drop: Callable[[Peer], None]) -> Scenario:
    """A good answer, and the connection, kept by the client, is dropped after it."""

    def both(peer: Peer) -> None:
        scenario(peer)
        drop(peer)

    return both


def refuse_early(refusal: Scenario, *, reads_on: bool = True) -> Scenario:
    """As `on_connect`: answers once the headers are there, and closes. A polite server then reads what still comes."""

    def scenario(peer: Peer) -> None:
        seen = b""
        while b"\r\n\r\n" not in seen:
            if not (data := peer.socket.recv(1024)):
                return
            seen += data
        refusal(peer)
        if reads_on:
            peer.socket.shutdown(socket.SHUT_WR)
            while peer.socket.recv(1 << 20):
                pass
        peer.finish()

    return scenario


@contextmanager
def full_listener() -> Generator[int, None, None]:
    """Yield a port whose queue is full: who connects there is neither accepted nor refused (Linux)."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            idle = stack.enter_context(socket.socket())
            idle.setblocking(False)
            idle.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
