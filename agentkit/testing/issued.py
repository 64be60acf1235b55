"""What a server hands out, and knows again when it comes back: call ids, thought signatures, continuation tokens."""

import base64
import binascii
import hashlib
import json
import random
import string
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

__all__ = ["DUMMY_SIGNATURES", "TOOL_PARTS", "Issued", "decode_base64"]

DUMMY_SIGNATURES: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Values that Google documents for calls that no model made; sent as they are or in base64."""

TOOL_PARTS: Final = ("toolCall", "toolResponse")
"""What the service itself called, and what came back."""

_ID_LETTERS: Final = string.ascii_lowercase + string.digits
# Signatures prove themselves, so that a server started later takes those of one that is gone: runs are resumed.
_MARK: Final = b"agentkit-testing"
_SEAL_BYTES: Final = 16
_NONCE_BYTES: Final = 24
# A hop is asked for with the token itself, and may be given more tokens than the first one.
_FREE_TO_CHANGE: Final = frozenset({"continuationToken"})
_FREE_IN_CONFIG: Final = frozenset({"maxOutputTokens"})


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
    """The ids and signatures of one server: it mints them, and remembers which parts they were sent out with.

    Args:
        seed: Makes them the same in every run.
        keep: How many signatures are remembered, and how many tokens, the newest ones; all of them if not given. One
            that was minted here proves itself also when it is forgotten, though its part may then come back altered;
            one out of a recorded answer is foreign then.
    """

    def __init__(self, *, seed: int | None = None, keep: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - readable ids for tests, no secrets
        self._part_of = _Newest[bytes, Mapping[str, Any]](keep)
        self._maker_of = _Newest[bytes, str](keep)
        self._marks: list[str] = []
        self._tool_parts: dict[str, Mapping[str, Any]] = {}
        self._tool_parts_of = _Newest[str, dict[str, Mapping[str, Any]]](keep)
        self._request_of_token = _Newest[bytes, bytes](keep)

    def new_call_id(self) -> str:
        """Return an id in the form the service uses: eight lower-case letters and digits."""
        return "".join(self._random.choices(_ID_LETTERS, k=8))

    def new_signature(self) -> str:
        """Return a fresh thought signature in standard base64."""
        return self._sealed(b"")

    def new_response_id(self) -> str:
        """Return an id for an answer that begins now: the parts remembered from here on belong to it."""
        self._marks, self._tool_parts = [], {}
        return base64.urlsafe_b64encode(self._random.randbytes(16)).decode().rstrip("=")

    def new_continuation_token(self, body: Mapping[str, Any]) -> str:
        """Return a token for the next hop of the answer to `body`, in standard base64.

        It holds a digest of the request, so that any server of this kind can tell whether the same one comes back.

        Args:
            body: The request in one spelling, as `read_body` returns it.
        """
        token = self._sealed(_digest(body))
        self.remember_token(token, body)
        return token

    def remember_token(self, token: str, body: Mapping[str, Any]) -> None:
        """Note that `token` was sent out in the answer to `body`; for tokens of recorded answers."""
        self._request_of_token[decode_base64(token) or b""] = _digest(body)

    def _sealed(self, content: bytes) -> str:
        body = _MARK + content + self._random.randbytes(_NONCE_BYTES)
        return base64.b64encode(body + _seal(body)).decode()

    def remember(self, part: Mapping[str, Any], *, model: str | None = None) -> None:
        """Note that `part` was sent out in the present answer, if it can be known again: signed, or with an id.

        Args:
            part: As it went over the wire.
            model: Who made it; no matter if not given.
        """
        signature = decode_base64(part.get("thoughtSignature", ""))
        if signature:
            self._part_of[signature] = part
            if model is not None:
                self._maker_of[signature] = model
        for name in TOOL_PARTS:
            if isinstance(part.get(name), Mapping):
                self._tool_parts[f"{name} {part[name].get('id')}"] = part
        marks = list(_marks(part))
        self._marks += marks
        if self._tool_parts:
            for mark in self._marks:
                self._tool_parts_of[mark] = self._tool_parts
        else:  # an id may have been used before, in an answer that had some
            for mark in marks:
                self._tool_parts_of.pop(mark, None)

    def vouches_for(self, signature: str) -> bool:
        """Whether `signature` came from a server of this kind, or is one of the documented dummies."""
        value = decode_base64(signature)
        if value is None:
            return False
        return value in self._part_of or value in _DUMMIES or _is_sealed(value)

    def part_of(self, signature: str) -> Mapping[str, Any] | None:
        """Return the part that was sent out with `signature`, if this server sent it."""
        return self._part_of.get(decode_base64(signature) or b"")

    def maker_of(self, signature: str) -> str | None:
        """Return the model whose answer `signature` was sent out in, if that is known."""
        return self._maker_of.get(decode_base64(signature) or b"")

    def tool_parts_beside(self, parts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return every `toolCall` and `toolResponse` that was sent out in the answers that `parts` come from."""
        found = [self._tool_parts_of[mark] for part in parts for mark in _marks(part) if mark in self._tool_parts_of]
        answers = {id(answer): answer for answer in found}
        return [part for answer in answers.values() for part in answer.values()]

    @property
    def has_issued_tokens(self) -> bool:
        """Whether this server handed out any continuation token."""
        return bool(self._request_of_token)

    def vouches_for_token(self, token: str) -> bool:
        """Whether this server or one of this kind handed out the continuation `token`."""
        value = decode_base64(token) or b""
        return value in self._request_of_token or (_is_sealed(value) and len(value) == _TOKEN_BYTES)

    def continues(self, token: str, body: Mapping[str, Any]) -> bool:
        """Whether `token` was handed out for the request `body`, which may only ask for more tokens of output."""
        value = decode_base64(token) or b""
        return _digest(body) in self._request_of_token.get(value, value)


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Newest(OrderedDict[_Key, _Value]):
    """A dict that forgets the entry that was set longest ago when it has more than `most`."""

    def __init__(self, most: int | None) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _Key, value: _Value) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if self._most is not None and len(self) > self._most:
            self.popitem(last=False)


def _marks(part: Mapping[str, Any]) -> Iterator[str]:
    """What tells the answer that a part comes from: its signature, or an id that the service gave."""
    signature = decode_base64(part.get("thoughtSignature", ""))
    if signature and signature not in _DUMMIES:
        yield f"signature {signature.hex()}"
    for name in ("functionCall", *TOOL_PARTS):
        inner = part.get(name)
        if isinstance(inner, Mapping) and (number := cast("Mapping[str, Any]", inner).get("id")):
            yield f"{name} {number}"


def _digest(body: Mapping[str, Any]) -> bytes:
    rest = {key: value for key, value in body.items() if key not in _FREE_TO_CHANGE}
    config: Mapping[str, Any] = body.get("generationConfig") or {}
    rest["generationConfig"] = {key: value for key, value in config.items() if key not in _FREE_IN_CONFIG}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).digest()


_TOKEN_BYTES: Final = len(_MARK) + hashlib.sha256().digest_size + _NONCE_BYTES + _SEAL_BYTES


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_SEAL_BYTES]


def _is_sealed(value: bytes) -> bool:
    return value.startswith(_MARK) and _seal(value[:-_SEAL_BYTES]) == value[-_SEAL_BYTES:]
