"""A JSON document while it comes in: what is known of it so far, as plain JSON. Not a check of the document.

Each character is looked at once, and what is closed is shared between the values that are handed out, so that a long
document costs linear time.
"""

import json
import re
from contextlib import suppress
from typing import Any

__all__ = ["PartialJson"]

MAX_DEPTH = 100  # deeper values break those who print them
_LONGEST_NUMBER = 400
# One character pays for so many items that are copied into a new value, or for 32 times as many characters of a text.
_ITEMS_PER_CHARACTER = 16
_CHARACTERS_PER_ITEM = 32

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_FENCE = re.compile(r"```(?:json|JSON)?(?=[^A-Za-z`])")
_FENCE_CHARACTERS = 8
_NUMBER_CHARACTERS = re.compile(r"[-+.0-9eE]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_HEX = re.compile(r"[0-9a-fA-F]{1,4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NOTHING: Any = object()


class _Broken(ValueError):
    """This is no JSON: nothing more is shown of it."""


class _Array:
    """An array that is not closed yet."""

    closes, first, member = "]", "first item", "value"

    def __init__(self) -> None:
        self.items: list[Any] = []

    def put(self, value: Any) -> None:
        self.items.append(value)

    def with_member(self, value: Any) -> list[Any]:
        return [*self.items, value]


class _Object:
    """An object that is not closed yet; `key` is where its next member belongs."""

    closes, first, member = "}", "first key", "key"

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.key = ""

    def put(self, value: Any) -> None:
        self.items[self.key] = value

    def with_member(self, value: Any) -> dict[str, Any]:
        return {**self.items, self.key: value}


class PartialJson:
    """Takes a JSON document in pieces, wherever they are cut.

    - A text is shown as far as it has come; a number, `true`, `false` and `null` only when they are whole.
    - A key is shown with its value; objects and arrays from their first bracket on.
    - What was shown stays: each value is the beginning of the next. Only of a key that comes twice the later counts.
    - A document that is only a number or a word is shown at its end.
    - A Markdown fence around the document is passed over. What is no JSON shows nothing more, and raises nothing.
    """

    def __init__(self) -> None:
        self._levels: list[_Array | _Object] = []
        self._width = 0  # members of all levels
        self._expects = "value"  # or "first item", "first key", "key", "colon", "next"
        self._in_text = False
        self._pieces: list[str] = []  # of the text that is not closed yet
        self._length = 0
        self._root = _NOTHING
        self._rest = ""  # the beginning of a token
        self._unpaid = 0
        self._is_new = False
        self._is_over = False

    def add(self, piece: str) -> bool:
        """Take the next piece. Return whether there is more to show than before, and enough to be worth a copy."""
        if self._is_over:
            return False
        self._unpaid += len(piece)
        text, at = self._rest + piece, 0
        try:
            while at < len(text) and not self._is_over:
                after = self._read_text(text, at) if self._in_text else self._read_token(text, at)
                if after == at:
                    break
                at = after
        except _Broken:
            self._is_over = True
        self._rest = "" if self._is_over else text[at:]
        cost = self._width + self._length // _CHARACTERS_PER_ITEM
        return self._is_new and self._unpaid * _ITEMS_PER_CHARACTER >= cost

    def finish(self) -> bool:
        """Say that nothing follows. Return whether there is something that was not shown yet."""
        if not self._levels and not self._in_text and _NUMBER.fullmatch(self._rest):
            with suppress(_Broken):
                self._put(_number(self._rest))
            self._rest = ""
        if not self._is_over and self._root is not _NOTHING and not isinstance(self._root, str | list | dict):
            self._is_new = self._is_over = True
        return self._is_new

    def snapshot(self) -> Any:
        """Return the document so far. Treat it as read-only: what is closed is shared with other snapshots."""
        self._is_new, self._unpaid = False, 0
        value = self._root
        if self._in_text and self._expects != "key":
            value = "".join(self._pieces)
            self._pieces = [value]
        for level in reversed(self._levels):
            value = level.items.copy() if value is _NOTHING else level.with_member(value)
        return value

    def _read_token(self, text: str, at: int) -> int:
        """Read one token outside of texts; return where the next begins, or `at` if it is not whole."""
        space = _SPACE.match(text, at)
        if space is not None and space.end() > at:
            return space.end()
        if self._root is not _NOTHING:
            raise _Broken  # a fence that closes, or text: "12 towns" is no number
        char = text[at]
        match self._expects:
            case "value":
                return self._begin_value(text, at)
            case "first item":
                return self._close(at) if char == "]" else self._begin_value(text, at)
            case "first key" | "key":
                if char == "}" and self._expects == "first key":
                    return self._close(at)
                return self._begin_text(char, at, "key")
            case "colon":
                return self._step(char == ":", at, "value")
            case _:
                if char == self._levels[-1].closes:
                    return self._close(at)
                return self._step(char == ",", at, self._levels[-1].member)

    def _step(self, is_right: bool, at: int, expects: str) -> int:
        if not is_right:
            raise _Broken
        self._expects = expects
        return at + 1

    def _begin_text(self, char: str, at: int, expects: str) -> int:
        after = self._step(char == '"', at, expects)
        self._in_text = True
        self._is_new |= expects != "key"
        return after

    def _begin_value(self, text: str, at: int) -> int:
        char = text[at]
        if char in "{[":
            if len(self._levels) >= MAX_DEPTH:
                raise _Broken
            level = _Array() if char == "[" else _Object()
            self._levels.append(level)
            self._expects = level.first
            self._is_new = True
            return at + 1
        if char == '"':
            return self._begin_text(char, at, "value")
        if char in "-0123456789":
            return self._read_number(text, at)
        if char == "`" and not self._levels:
            return self._pass_fence(text, at)
        for word, value in _WORDS.items():
            if text.startswith(word, at):
                self._put(value)
                return at + len(word)
            if word.startswith(text[at : at + 5]):
                return at
        raise _Broken

    def _pass_fence(self, text: str, at: int) -> int:
        if fence := _FENCE.match(text, at):
            return fence.end()
        if len(text) - at >= _FENCE_CHARACTERS:
            raise _Broken
        return at

    def _read_number(self, text: str, at: int) -> int:
        found = _NUMBER_CHARACTERS.match(text, at)
        end = found.end() if found is not None else at
        if end - at > _LONGEST_NUMBER:
            raise _Broken
        if end == len(text):
            return at  # more digits may follow
        self._put(_number(text[at:end]))
        return end

    def _read_text(self, text: str, at: int) -> int:
        """Read on in a text that has begun."""
        if plain := _PLAIN.match(text, at):
            self._grow(plain[0])
            return plain.end()
        char = text[at]
        if char == '"':
            whole = "".join(self._pieces)
            self._in_text, self._pieces, self._length = False, [], 0
            if self._expects == "key":
                self._take_key(whole)
            else:
                self._put(whole)
            return at + 1
        if char != "\\":
            raise _Broken  # a control character
        said, end = _escape(text, at)
        if said:
            self._grow(said)
        return end

    def _grow(self, said: str) -> None:
        self._pieces.append(said)
        self._length += len(said)
        self._is_new |= self._expects != "key"

    def _take_key(self, key: str) -> None:
        level = self._levels[-1]
        if isinstance(level, _Object):
            level.key, self._expects = key, "colon"

    def _put(self, value: Any) -> None:
        """Put a whole value in its place."""
        if not self._levels:
            self._root = value
            return
        self._levels[-1].put(value)
        self._width += 1
        self._expects = "next"
        self._is_new |= not isinstance(value, str | list | dict)  # those are shown already

    def _close(self, at: int) -> int:
        items = self._levels.pop().items
        self._width -= len(items)
        self._put(items)
        return at + 1


def _number(written: str) -> int | float:
    if not _NUMBER.fullmatch(written):
        raise _Broken
    number: int | float = json.loads(written)
    if number in (float("inf"), float("-inf")):
        raise _Broken
    return number


def _escape(text: str, at: int) -> tuple[str, int]:
    """Read the escape at `at`: what it says, and where it ends; nothing and `at` if it is not whole."""
    kind = text[at + 1 : at + 2]
    if kind != "u":
        if kind and kind not in _ESCAPES:
            raise _Broken
        return _ESCAPES.get(kind, ""), at + 2 if kind else at
    code = _hex(text[at + 2 : at + 6])
    if code is None:
        return "", at
    if 0xD800 <= code < 0xDC00:  # the first half of a character
        following = text[at + 6 : at + 8]
        if following == "\\u":
            low = _hex(text[at + 8 : at + 12])
            if low is None:
                return "", at
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), at + 12
        elif "\\u".startswith(following):
            return "", at
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code), at + 6


def _hex(digits: str) -> int | None:
    """Return the number that four digits write; None if some are missing."""
    if digits and not _HEX.fullmatch(digits):
        raise _Broken
    return int(digits, 16) if len(digits) == 4 else None
