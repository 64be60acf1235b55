"""Bytes of an event stream -> the payload of each event. Our own reader, because HTTP libraries split too much.

Only LF, CR and CRLF end a line: U+2028, U+2029 and U+0085 stand raw inside JSON strings. What is not an event but JSON
without `data:` is read too: the service reports errors so in the middle of a stream, pretty-printed, and sends whole
answers so when the client did not ask for events.
"""

import json
import re

from agentkit.wire._json import WireError

__all__ = ["EventTooLarge", "SseParser"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(WireError):
    """One event is larger than the parser may hold."""

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes)
        self.max_event_bytes = max_event_bytes

    def __str__(self) -> str:
        return (
            f"One event of the stream is larger than {self.max_event_bytes:,} bytes. Raise the limit if that is right."
        )


class SseParser:
    """Takes the bytes of one stream as they come, cut anywhere, and gives the payloads in between.

    Comments, `event:`, `id:`, `retry:`, empty events and `[DONE]` are passed over. The work is linear in the input,
    however small its pieces are.

    Attributes:
        incomplete: After `close()`: the start of an event that never ended, which means that the stream was cut.
    """

    def __init__(self, max_event_bytes: int = 64 * 1024 * 1024) -> None:
        self.incomplete = b""
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # the line that has not ended yet
        self._ended_by_cr = False  # an LF that comes next belongs to the line before
        self._is_first_line = True
        self._data: list[bytes] = []  # the data lines of the event that has not ended yet
        self._data_size = 0
        self._bare = _BareJson()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads of the events that end in `data`.

        Raises:
            EventTooLarge: An event is larger than the limit.
        """
        if not data:
            return []
        ended_by_cr, self._ended_by_cr = self._ended_by_cr, data.endswith(b"\r")
        if ended_by_cr and data.startswith(b"\n"):
            data = data[1:]
        lines = data.splitlines()  # of bytes, so at CR and LF only
        rest = lines.pop() if lines and not data.endswith((b"\n", b"\r")) else b""
        if lines and self._line:
            self._line += lines[0]
            lines[0] = bytes(self._line)
            self._line.clear()
        payloads: list[bytes] = []
        for line in lines:
            self._take_line(line, payloads)
        self._line += rest
        self._check_size(self._data_size + self._bare.size + len(self._line))
        return payloads

    def close(self) -> list[bytes]:
        """Return what the end of the stream completes: an event without its blank line, JSON without its end of line.

        What is left and is no whole JSON text goes to `incomplete`.
        """
        payloads: list[bytes] = []
        if self._line:
            line, self._line = bytes(self._line), bytearray()
            self._take_line(line, payloads)
        self._end_event(payloads)
        if payloads and not _is_json(payloads[-1]):
            self.incomplete = payloads.pop()
        if self._bare.is_open:
            self.incomplete = self._bare.rest()
        return payloads

    def _take_line(self, line: bytes, payloads: list[bytes]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if self._bare.is_open:
            payloads += self._bare.take_line(line)
            self._check_size(self._bare.size)
        elif not line:
            self._end_event(payloads)
        elif line.startswith(b"data:"):
            if len(self._data) == 1 and _is_json(self._data[0]):
                self._end_event(payloads)  # whole JSON, and more to come: a server that leaves the blank lines out
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            self._data_size += len(line) - 5
        elif line.lstrip()[:1] in (b"{", b"["):
            self._end_event(payloads)
            payloads += self._bare.take_line(line)

    def _end_event(self, payloads: list[bytes]) -> None:
        self._check_size(self._data_size)
        payload = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._data_size = 0
        if payload.strip() not in (b"", b"[DONE]"):
            payloads.append(payload)

    def _check_size(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise EventTooLarge(self._max_event_bytes)


# A whole string, so that braces in it do not count (it ends with its line: JSON escapes line ends), or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\]]', re.DOTALL)


class _BareJson:
    """Cuts a JSON text that stands outside of events into its objects: one object, or the elements of an array."""

    def __init__(self) -> None:
        self.size = 0  # of the object that has not ended yet
        self._pieces: list[bytes] = []
        self._depth = 0
        self._in_array = False

    @property
    def is_open(self) -> bool:
        """Whether the text goes on in the next line."""
        return self._in_array or self._depth > 0

    def take_line(self, line: bytes) -> list[bytes]:
        """Return the objects that end in this line."""
        objects: list[bytes] = []
        begin = 0
        if not self.is_open and line.lstrip().startswith(b"["):
            self._in_array = True
        for token in _TOKEN.finditer(line):
            match line[token.start() : token.start() + 1]:
                case b"{":
                    if self._depth == 0:
                        begin = token.start()
                    self._depth += 1
                case b"}" if self._depth > 0:
                    self._depth -= 1
                    if self._depth == 0:
                        objects.append(self._end_object(line[begin : token.end()]))
                case b"]" if self._depth == 0:
                    self._in_array = False
                case _:  # a string, or a bracket within an object
                    pass
        if self._depth > 0:
            self._pieces.append(line[begin:])
            self.size += len(line) - begin
        return objects

    def rest(self) -> bytes:
        """Return the object that has not ended, or the bracket of the array that has not."""
        return b"\n".join(self._pieces) or b"["

    def _end_object(self, last_piece: bytes) -> bytes:
        whole = b"\n".join([*self._pieces, last_piece])
        self._pieces.clear()
        self.size = 0
        return whole


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return True
