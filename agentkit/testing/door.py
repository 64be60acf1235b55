"""The way in: which address means what, and whether the key opens it."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, cast

from agentkit.testing.envelope import HttpError, refusal
from agentkit.testing.finding import Profile

__all__ = ["ASKING", "KEY_HEADERS", "Address", "bearer_of", "check_key", "read_address"]

ASKING: Final = frozenset({"generateContent", "streamGenerateContent", "countTokens"})
"""The methods that are asked of a model."""

KEY_HEADERS: Final = frozenset({"x-goog-api-key", "authorization", "cookie"})
"""Headers that are never recorded."""

Resource = Literal["models", "cachedContents", "files", "batches", "upload"]


@dataclass(frozen=True, kw_only=True)
class Address:
    """What a verb and a path ask for.

    Attributes:
        resource: What it is about.
        method: `"generateContent"`, `"streamGenerateContent"`, `"countTokens"`, `"batchGenerateContent"`, or `"list"`,
            `"get"`, `"create"`, `"update"`, `"delete"`, `"cancel"`, `"download"`, `"upload"`.
        name: The id of the model, cached content, file or batch; empty for none.
        version: `"v1beta"`, as in the path.
        place: `projects/p/locations/l/`, as in the path; empty for none.
    """

    resource: Resource
    method: str
    name: str
    version: str
    place: str


_PATH: Final = re.compile(
    r"/(?P<version>v1|v1beta|v1alpha|v1beta1)/"
    r"(?P<place>projects/[^/]+/locations/[^/]+/)?(?P<publisher>publishers/google/)?"
    r"(?P<resource>models|cachedContents|files|batches)(?:/(?P<name>[^/:]+))?(?::(?P<method>\w+))?"
)
_UPLOAD: Final = re.compile(r"/upload/(?P<version>v1|v1beta|v1alpha)/files")
# What can be done with one thing, and with the list of them.
_OF_ONE: Final[Mapping[str, Mapping[str, str]]] = {
    "models": {"GET": "get"},
    "cachedContents": {"GET": "get", "PATCH": "update", "DELETE": "delete"},
    "files": {"GET": "get", "DELETE": "delete"},
    "batches": {"GET": "get", "DELETE": "delete"},
}
_OF_ALL: Final[Mapping[str, Mapping[str, str]]] = {
    "models": {"GET": "list"},
    "cachedContents": {"GET": "list", "POST": "create"},
    "files": {"GET": "list"},
    "batches": {"GET": "list"},
}
# Whether the gateway knows cached contents, files and batches is not verified. Vertex AI has no files, other batches.
_KNOWN_TO: Final[Mapping[str, tuple[Profile, ...]]] = {
    "models": ("google", "vertex", "comet"),
    "cachedContents": ("google", "vertex"),
    "files": ("google",),
    "batches": ("google",),
}


def read_address(verb: str, path: str, profile: Profile) -> Address | None:
    """Return what `verb` and `path` ask for, or `None` if the address leads nowhere."""
    if upload := _UPLOAD.fullmatch(path):
        is_known = profile == "google" and verb in ("POST", "PUT")
        address = Address(resource="upload", method="upload", name="", version=upload["version"], place="")
        return address if is_known else None
    found = _PATH.fullmatch(path)
    if found is None or profile not in _KNOWN_TO[found["resource"]] or not _place_is_right(found, profile):
        return None
    method = _method(verb, found)
    if method is None or (method == "batchGenerateContent" and profile != "google"):
        return None
    resource = cast("Resource", found["resource"])  # the pattern lets no other through
    name, place = found["name"] or "", found["place"] or ""
    return Address(resource=resource, method=method, name=name, version=found["version"], place=place)


def _place_is_right(found: re.Match[str], profile: Profile) -> bool:
    """Only Vertex AI has places; its models belong to a publisher, its cached contents to a project."""
    if found["resource"] == "models":
        return profile == "vertex" or not (found["place"] or found["publisher"])
    return not found["publisher"] and bool(found["place"]) == (profile == "vertex")


def _method(verb: str, found: re.Match[str]) -> str | None:
    resource, name, method = found["resource"], found["name"], found["method"]
    if method is None:
        return (_OF_ONE if name else _OF_ALL)[resource].get(verb)
    if name and resource == "models" and verb == "POST" and method in (*ASKING, "batchGenerateContent"):
        return method
    if name and resource == "batches" and verb == "POST" and method == "cancel":
        return method
    if name and resource == "files" and verb == "GET" and method == "download":
        return method
    return None


def bearer_of(headers: Mapping[str, str]) -> str:
    """Return what stands in `Authorization: Bearer ...`; empty for nothing."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


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
    bearer = bearer_of(headers)
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
