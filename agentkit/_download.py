"""Downloads one file over HTTP, within limits. No key and no header of the caller's ever goes along."""

import ipaddress
from collections.abc import Mapping
from contextlib import aclosing
from urllib.parse import urljoin, urlsplit

from agentkit._checks import check_kind, is_number, is_whole
from agentkit._endpoint import is_loopback, shown_address
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError, GeminiError, MediaFailed
from agentkit.transport import HttpRequest, HttpResponse, HttpxTransport, Timeouts

__all__ = ["Downloaded", "download", "nearness"]

_NEAREST = 2
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address stands in the last four bytes (RFC 6052)
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_HEADERS: Mapping[str, str] = {"user-agent": "agentkit", "accept": "*/*"}


@frozen
class Downloaded:
    """What came.

    Attributes:
        content_type: As the server says; it may be wrong, or empty.
        name: The last piece of the address's path.
    """

    data: bytes
    content_type: str
    name: str


async def download(url: str, *, max_bytes: int, timeout_s: float) -> Downloaded:
    """Return the file at an https address; plain http is taken on this machine only.

    At most five redirects are followed, none of them to plain http, and none that leads nearer: from elsewhere to this
    machine, or from the public net into a private one, where services trust whoever can reach them. What counts is the
    address that is connected to, whatever the names said; through a proxy, the proxy decides.

    Raises:
        ConfigurationError: The address is none that may be asked, or a limit is none.
        MediaFailed: There is no file, it is larger than `max_bytes`, or it did not come within `timeout_s` seconds.
    """
    _check(url)
    if not is_whole(max_bytes) or max_bytes < 1 or not is_number(timeout_s) or timeout_s <= 0:
        raise ConfigurationError(f"max_bytes={max_bytes!r}, timeout_s={timeout_s!r}: give numbers above 0.")
    timeouts = Timeouts(first_byte_s=timeout_s, between_chunks_s=timeout_s, total_s=timeout_s)
    allowed = _NEAREST
    try:
        for _ in range(_REDIRECTS + 1):
            visit = _Visit(url, allowed)
            # A pool for each: a connection that is kept from before would not be judged again.
            async with (
                aclosing(HttpxTransport(timeouts=timeouts, on_connect=visit.judge)) as transport,
                transport.send(HttpRequest(method="GET", url=url, headers=_HEADERS)) as response,
            ):
                if response.status not in _MOVED:
                    data = await _read(response, url, max_bytes)
                    return Downloaded(data=data, content_type=_type_of(response), name=_name_of(url))
                url, allowed = _next_address(url, response.headers.get("location", "")), visit.nearness
        raise MediaFailed(shown_address(url), f"it was redirected more than {_REDIRECTS} times")
    except GeminiError as error:
        failed = MediaFailed(shown_address(url), str(error))
        failed.retryable = error.retryable
        raise failed from error


class _Visit:
    """One server on the way, which may be as near as the one before, and no nearer."""

    def __init__(self, url: str, allowed: int) -> None:
        self._url, self._allowed = url, allowed
        self.nearness = 0  # as long as nothing is known, which it never is of servers behind a proxy

    def judge(self, address: str) -> None:
        """Learn where the server is.

        Raises:
            MediaFailed: Nearer than is allowed.
        """
        self.nearness = nearness(address)
        if self.nearness > self._allowed:
            where = "is this machine" if self.nearness == _NEAREST else "is not of the public net"
            reason = f"a redirect from elsewhere led here, which is not followed: {address} {where}"
            raise MediaFailed(shown_address(self._url), reason)


def nearness(address: str) -> int:
    """Return how near an IP address is: 2 for this machine, 1 for what is not of the public net, 0 for all others."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _TRANSLATED else None
        found = translated or found.ipv4_mapped or found.sixtofour or found
    if found.is_loopback or found.is_unspecified:
        return _NEAREST
    return 0 if found.is_global else 1


def _check(url: str) -> None:
    check_kind("url", url, str, "a text: https://...")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigurationError(f"{shown_address(url)!r} is no address: {error}.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigurationError(
            f"{shown_address(url)!r} cannot be fetched: give an https address (http only for this machine)."
        )
    if not host or "@" in parts.netloc or not all("!" <= one <= "~" for one in url):
        raise ConfigurationError(
            f"{shown_address(url)!r} cannot be fetched: an address has a host, no password, and no blanks; "
            "write other characters as %XX."
        )


def _next_address(url: str, location: str) -> str:
    """Return where a redirect leads.

    Raises:
        MediaFailed: To what may not be asked.
    """
    refusal = MediaFailed(shown_address(url), "it redirects to an address that is not followed")
    try:
        target = urljoin(url, location)
        _check(target)
    except (ValueError, ConfigurationError):
        raise refusal from None
    if not location:
        raise refusal
    return target


async def _read(response: HttpResponse, url: str, max_bytes: int) -> bytes:
    if response.status != 200:
        failed = MediaFailed(shown_address(url), f"the server answered with HTTP {response.status}")
        failed.retryable = response.status in (408, 429) or response.status >= 500
        raise failed
    said = response.headers.get("content-length", "")[:18]  # longer ones are no numbers that Python would read
    body = bytearray()
    if not said.isdecimal() or int(said) <= max_bytes:
        async with aclosing(response.chunks()) as chunks:
            async for piece in chunks:
                body += piece
                if len(body) > max_bytes:
                    break
            else:
                return bytes(body)
    raise MediaFailed(shown_address(url), f"it is larger than max_bytes={max_bytes:,}")


def _type_of(response: HttpResponse) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _name_of(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2][:100]
