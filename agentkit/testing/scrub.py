"""Takes secrets out of what is kept: keys wherever they stand, in clear, escaped or inside base64."""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

__all__ = ["REDACTED", "Scrubber"]

REDACTED: Final = "REDACTED"

_LEAST_CHARACTERS: Final = 8  # a shorter word is no key, and to cut it out of every text would spoil the recording
_LEAST_FRAGMENT: Final = 10  # of base64: what is shorter turns up in media by chance
_SECRET_HEADER: Final = re.compile(r"key|token|secret|password|cookie|auth", re.IGNORECASE)
_KEY_PARAMETERS: Final = frozenset({"key", "api_key", "access_token"})
_VERSIONED: Final = re.compile(r"/v\d+((alpha|beta)\d*)?/.*", re.DOTALL)
_END: Final = rb"(?![\w+/=-])"
# Each begins with plain letters: such a search costs a hundredth of one that begins with a condition. A long text in
# base64 holds any of these letters by chance, so what begins a key must not stand inside a longer word.
_SHAPES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rb"()AIza(?<![\w+/=-]AIza)[\w-]{35}" + _END,
        rb"()sk-(?<![\w+/=-]sk-)[\w-]{16,}" + _END,
        rb"()ya29\.(?<![\w+/=-]ya29\.)[\w.-]{16,}" + _END,
        rb"(Bearer )[\w.~+/-]{16,}=*",
        *(
            b"(" + name + b"=)" + rb"(?:(?<=[?&]%b=)|(?<=\\u0026%b=))[^&\s\"'<>\\]+" % (name, name)
            for name in (b"key", b"access_token", b"upload_id")
        ),
    )
)


class Scrubber:
    """Knows the secrets of one recording. It may be used from several threads.

    Args:
        secrets: Values to remove beside the keys of the requests.
        scrub: Called with each text that is kept or compared; returns what to keep instead.
    """

    def __init__(self, secrets: Iterable[str] = (), scrub: Callable[[str], str] | None = None) -> None:
        self._scrub = scrub
        self._lock = threading.Lock()
        self._secrets = set(secrets)
        self._replacements = _replacements(self._secrets)

    def learn(self, url: str, headers: Mapping[str, str]) -> None:
        """Note the keys that a request carries, to know them again in bodies and answers."""
        values = [value for name, value in headers.items() if _SECRET_HEADER.search(name)]
        values += [value for name, value in parse_qsl(urlsplit(url).query) if name.lower() in _KEY_PARAMETERS]
        found = {value.removeprefix("Bearer ").strip() for value in values}
        with self._lock:
            new = {value for value in found if len(value) >= _LEAST_CHARACTERS} - self._secrets
            if new:
                self._secrets |= new
                self._replacements = _replacements(self._secrets)

    def address(self, url: str) -> str:
        """Return path and query without keys. What stands before the API's version belongs to the gateway and goes."""
        parts = urlsplit(url)
        versioned = _VERSIONED.search(parts.path)
        pairs = [pair for pair in parts.query.split("&") if pair.partition("=")[0].lower() not in _KEY_PARAMETERS]
        query = "&".join(pair for pair in pairs if pair)
        return self.text((versioned[0] if versioned else parts.path) + (f"?{query}" if query else ""))

    def text(self, text: str) -> str:
        """Return `text` without secrets, as the hook leaves it."""
        return self.body(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def body(self, body: bytes) -> bytes:
        """Return `body` without secrets, as the hook leaves it; the hook sees only what is text in UTF-8."""
        cleaned = body
        for word, replacement in self._replacements:
            cleaned = cleaned.replace(word, replacement)
        for shape in _SHAPES:
            cleaned = shape.sub(rb"\1" + REDACTED.encode(), cleaned)
        if self._scrub is None:
            return cleaned
        try:
            return self._scrub(cleaned.decode()).encode()
        except UnicodeDecodeError:
            return cleaned


def _replacements(secrets: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Return what to replace by what, the longest first: a secret may be part of another."""
    mark = REDACTED.encode()
    words = {form: mark for secret in secrets for form in _spellings(secret)}
    for secret in secrets:
        for fragment in _base64_fragments(secret) - words.keys():
            # What surrounds a piece of base64 can be decoded only if its length stays.
            words[fragment] = (mark * len(fragment))[: len(fragment)]
    return sorted(words.items(), key=lambda pair: -len(pair[0]))


def _spellings(secret: str) -> set[bytes]:
    """Return how a secret may stand in plain text, in JSON, in JSON inside of JSON, and in a URL."""
    in_json = json.dumps(secret)[1:-1]
    escaped = "".join(f"\\u{ord(letter):04x}" if letter in "<>&'=" else letter for letter in in_json)
    forms = (secret, in_json, json.dumps(in_json)[1:-1], escaped, quote(secret, safe=""), quote(secret))
    return {form.encode() for form in forms}


def _base64_fragments(secret: str) -> set[bytes]:
    """Return what every text in base64 that holds the secret has in it: one form for each place within three bytes."""
    found: set[bytes] = set()
    for shift in range(3):
        data = b"\0" * shift + secret.encode()
        first, after_last = -(-shift * 8 // 6), len(data) * 8 // 6
        fragment = base64.b64encode(data)[first:after_last]
        if len(fragment) >= _LEAST_FRAGMENT:
            found |= {fragment, fragment.translate(bytes.maketrans(b"+/", b"-_"))}
    return found
