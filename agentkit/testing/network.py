"""A guard for tests: nothing leaves this machine, and whoever tries is told what to use instead."""

import functools
import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast

from agentkit import ConfigurationError

__all__ = ["NetworkForbidden", "forbid_network"]

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class NetworkForbidden(ConfigurationError):
    """Something tried to reach another machine inside `forbid_network()`.

    It is no `OSError` on purpose: clients take those for trouble on the way, ask again, and put them in other words.
    """


@contextmanager
def forbid_network(*, allow: Iterable[str] = ()) -> Generator[None, None, None]:
    """Make connections and look-ups of names raise `NetworkForbidden` while the block runs, in all threads.

    Loopback and Unix sockets stay open. Blocks may nest and overlap: a host is let through only if every open block
    allows it. The variables that name proxies are hidden meanwhile: a proxy on loopback would be a way out.

    It replaces functions of Python's `socket`, through which httpx, anyio, asyncio and Trio go. Not stopped are uvloop
    (it connects inside libuv), asyncio on Windows when it is given an IP address, libraries in C that open sockets of
    their own, connections that are open already, and other processes.

    Args:
        allow: Hosts that may be reached, by name or IP address, without a port.
    """
    if isinstance(allow, str):
        raise TypeError(f"forbid_network(allow={allow!r}) takes a list of hosts: allow=[{allow!r}].")
    allowed = {_plain(host) for host in allow}
    _guard.open(allowed)
    try:
        yield
    finally:
        _guard.close(allowed)


class _Guard:
    """What is replaced while a block is open, and which hosts the open blocks allow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[set[str]] = []
        self._replaced = ExitStack()

    def open(self, allowed: set[str]) -> None:
        with self._lock:
            if not self._blocks:
                self._replace()
            self._blocks.append(allowed)

    def close(self, allowed: set[str]) -> None:
        with self._lock:
            self._blocks = [block for block in self._blocks if block is not allowed]
            if not self._blocks:
                self._replaced.close()

    def check(self, host: object, port: object = None) -> None:
        """Raise unless `host` is this machine, or allowed by every block."""
        name = _plain(host)
        if _is_local(name) or all(name in block for block in self._blocks):
            return
        shown = f"{name}:{port}" if port else name
        raise NetworkForbidden(
            f"forbid_network() let nothing out to {shown!r}. Ask FakeGemini (client=gemini.client) or a cassette "
            f"instead, or allow the host: forbid_network(allow=[{name!r}])."
        )

    def learn(self, host: object, addresses: Iterable[object]) -> None:
        """Let the addresses of an allowed name through: they are what is connected to."""
        found = set(map(_plain, addresses))
        for block in self._blocks:
            if _plain(host) in block:
                block.update(found)

    def _replace(self) -> None:
        for name, address_of in _ADDRESS_OF.items():
            if hasattr(socket.socket, name):  # Windows has no sendmsg
                self._patch(socket.socket, name, functools.partial(_guard_method, address_of))
        self._patch(socket, "getaddrinfo", _guard_getaddrinfo)
        self._patch(socket, "gethostbyname", _guard_gethostbyname)
        self._patch(socket, "gethostbyname_ex", _guard_gethostbyname)
        for name in _PROXIES:
            if name in os.environ:
                self._replaced.callback(os.environ.setdefault, name, os.environ.pop(name))

    def _patch(self, owner: Any, name: str, guard: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        original = getattr(owner, name)
        if name in vars(owner):
            self._replaced.callback(setattr, owner, name, original)
        else:  # `socket.socket` inherits its methods from a class in C
            self._replaced.callback(delattr, owner, name)
        setattr(owner, name, guard(original))


def _guard_method(address_of: Callable[..., object], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(self: socket.socket, *args: Any) -> Any:
        address: Any = address_of(*args) if args else None
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            _guard.check(*cast("tuple[object, ...]", address)[:2])
        return original(self, *args)

    return guarded


_ADDRESS_OF: Final[dict[str, Callable[..., object]]] = {
    "connect": lambda *args: args[0],
    "connect_ex": lambda *args: args[0],
    "sendto": lambda *args: args[-1],
    "sendmsg": lambda *args: args[3] if len(args) > 3 else None,
}


def _guard_getaddrinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        _guard.check(host, port)
        found = original(host, port, *args, **options)
        _guard.learn(host, [address[0] for *_, address in found])
        return found

    return guarded


def _guard_gethostbyname(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(host: Any) -> Any:
        _guard.check(host)
        found = original(host)
        _guard.learn(host, [found] if isinstance(found, str) else found[2])
        return found

    return guarded


def _plain(host: object) -> str:
    """Return a host in one spelling; no host at all means this machine, and is ""."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    name = name.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _is_local(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in ("", "localhost") or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


_guard: Final = _Guard()
