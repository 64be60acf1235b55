"""The way in: which address means what, and whether the key opens it."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from agentkit.testing.envelope import HttpError, refusal
from agentkit.testing.finding import Profile

__all__ = ["KEY_HEADERS", "Address", "check_key", "read_address"]

KEY_HEADERS: Final = frozenset({"x-goog-api-key", "authorization", "cookie"})
"""Headers that are never recorded."""


@dataclass(frozen=True)
class Address:
    """What a path asks for.

    Attributes:
        method: `"generateContent"`, `"streamGenerateContent"`, `"countTokens"`, `"list"` or `"get"`.
        model: The model's id; empty for the list.
        version: `"v1beta"`, as in the path.
    """

    method: str
    model: str
    version: str


_CALL: Final = re.compile(r"/(?P<version>v1\w*)/(?P<where>.*?)models/(?P<model>[^/:]+):(?P<method>\w+)")
_MODELS: Final = re.compile(r"/(?P<version>v1\w*)/models(?:/(?P<model>[^/:]+))?")
_VERSIONS: Final = frozenset({"v1", "v1beta", "v1alpha", "v1beta1"})
_VERTEX_PLACE: Final = re.compile(r"(projects/[^/]+/locations/[^/]+/)?publishers/google/")
_METHODS: Final = frozenset({"generateContent", "streamGenerateContent", "countTokens"})


def read_address(verb: str, path: str, profile: Profile) -> Address | None:
    """Return what `verb` and `path` ask for, or `None` if the address leads nowhere."""
    if verb == "POST" and (found := _CALL.fullmatch(path)):
        place_is_right = not found["where"] or (profile == "vertex" and _VERTEX_PLACE.fullmatch(found["where"]))
        if found["method"] in _METHODS and place_is_right and found["version"] in _VERSIONS:
            return Address(found["method"], found["model"], found["version"])
    if verb == "GET" and (found := _MODELS.fullmatch(path)) and found["version"] in _VERSIONS:
        return Address("get" if found["model"] else "list", found["model"] or "", found["version"])
    return None


def check_key(
    headers: Mapping[str, str], query: Mapping[str, str], *, profile: Profile, keys: Set[str] | None
) -> HttpError | None:
    """Return the refusal of a request whose credential is missing, misplaced or wrong; `None` lets it in.

    Args:
        headers: In lower case.
        query: The query's parameters.
        profile: Who judges.
        keys: The keys that exist; `None` takes any.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    key = headers.get("x-goog-api-key") or query.get("key") or ""
    if profile == "google":
        return _check_google_key(key, bearer, keys)
    given = key or bearer
    if not given:
        message = "Request is missing required authentication credential." if profile == "vertex" else _NO_TOKEN
        return refusal(profile, 401, message)
    if keys is not None and given not in keys:
        return refusal(profile, 401, None if profile == "vertex" else _NO_TOKEN)
    return None


_NO_TOKEN: Final = "invalid token (request id: 20261122000000000000000000)"  # noqa: S105 - a text of the gateway


def _check_google_key(key: str, bearer: str, keys: Set[str] | None) -> HttpError | None:
    if bearer:  # the bearer value is judged even beside a good key, and an API key is no OAuth token
        info = _error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED")
        return refusal("google", 401, details=[info])
    if not key:
        message = (
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
            "other form of API consumer identity to call this API."
        )
        return refusal("google", 403, message)
    if keys is not None and key not in keys:
        message = "API key not valid. Please pass a valid API key."
        localized = {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message}
        return refusal("google", 400, message, details=[_error_info("API_KEY_INVALID"), localized])
    return None


def _error_info(reason: str) -> dict[str, object]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
