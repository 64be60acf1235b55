"""Unpacks bodies, piece by piece: a small body may unpack to a huge one, and a stream must not wait for its end."""

import zlib
from collections.abc import Iterator
from typing import Protocol

__all__ = ["DamagedBody", "Unpacker", "unpacker"]

PIECE_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16


class DamagedBody(ValueError):
    """The bytes are not what their encoding says."""


class Unpacker(Protocol):
    """Takes packed bytes in, in any cut."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to, in pieces of at most 64 KiB. Raises DamagedBody."""
        ...

    def finish(self) -> None:
        """Raise DamagedBody if the end is missing."""
        ...


def unpacker(encoding: str) -> Unpacker:
    """Return what reverses a `content-encoding`; an unknown one is a DamagedBody."""
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Inflate("gzip", _GZIP)
        case "deflate":
            return _Inflate("deflate", None)
        case _:
            raise DamagedBody(f"its encoding {encoding[:40]!r} was not asked for")


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE_BYTES):
            yield data[start : start + PIECE_BYTES]

    def finish(self) -> None:
        """Nothing can be missing."""


class _Inflate:
    def __init__(self, name: str, wbits: int | None) -> None:
        self._name = name
        self._wbits = wbits  # None: not known before the first two bytes
        self._unzip = zlib.decompressobj(wbits or zlib.MAX_WBITS)
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._wbits is None:
            data = self._head = self._head + data
            if len(self._head) < 2:
                return
            self._wbits = _deflate_wbits(self._head)
            self._unzip = zlib.decompressobj(self._wbits)
        has_more = True
        while data or has_more:
            if self._unzip.eof:
                if not data:
                    return
                self._unzip = zlib.decompressobj(self._wbits)  # gzip may consist of several members
            try:
                piece = self._unzip.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise DamagedBody(f"it is not valid {self._name} ({error})") from error
            data = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail
            has_more = len(piece) == PIECE_BYTES  # zlib itself may hold more than it gave
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._unzip.eof:
            raise DamagedBody(f"its {self._name} ends too early")


def _deflate_wbits(head: bytes) -> int:
    """Servers send deflate with the zlib header, as the standard says, or without it."""
    has_header = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
