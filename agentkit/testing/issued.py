"""What a server hands out: call ids, and thought signatures that it knows again when they come back."""

import base64
import binascii
import hashlib
import random
import string
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["DUMMY_SIGNATURES", "Issued", "decode_base64"]

DUMMY_SIGNATURES: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Values that Google documents for calls that no model made; sent as they are or in base64."""

_ID_LETTERS: Final = string.ascii_lowercase + string.digits
# Signatures prove themselves, so that a server started later takes those of one that is gone: runs are resumed.
_MARK: Final = b"agentkit-testing"
_SEAL_BYTES: Final = 16


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of `text`, or `None` if it is no base64. Either alphabet will do, padded or not."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1 or len(text) - len(plain) > 2:
        return None
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_DUMMIES: Final = frozenset(
    value for word in DUMMY_SIGNATURES for value in (word.encode(), decode_base64(word)) if value is not None
)


class Issued:
    """The ids and signatures of one server: it mints them, and remembers which part a signature belongs to."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - readable ids for tests, no secrets
        self._part_of: dict[bytes, Mapping[str, Any]] = {}

    def new_call_id(self) -> str:
        """Return an id in the form the service uses: eight lower-case letters and digits."""
        return "".join(self._random.choices(_ID_LETTERS, k=8))

    def new_signature(self) -> str:
        """Return a fresh thought signature in standard base64."""
        body = _MARK + self._random.randbytes(24)
        return base64.b64encode(body + _seal(body)).decode()

    def new_response_id(self) -> str:
        """Return an id for an answer."""
        return base64.urlsafe_b64encode(self._random.randbytes(16)).decode().rstrip("=")

    def remember(self, part: Mapping[str, Any]) -> None:
        """Note that `part` was sent out, if it is signed."""
        signature = decode_base64(part.get("thoughtSignature", ""))
        if signature:
            self._part_of[signature] = part

    def vouches_for(self, signature: str) -> bool:
        """Whether `signature` came from a server of this kind, or is one of the documented dummies."""
        value = decode_base64(signature)
        if value is None:
            return False
        return value in self._part_of or value in _DUMMIES or _is_sealed(value)

    def part_of(self, signature: str) -> Mapping[str, Any] | None:
        """Return the part that was sent out with `signature`, if this server sent it."""
        return self._part_of.get(decode_base64(signature) or b"")


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_SEAL_BYTES]


def _is_sealed(value: bytes) -> bool:
    return value.startswith(_MARK) and _seal(value[:-_SEAL_BYTES]) == value[-_SEAL_BYTES:]
