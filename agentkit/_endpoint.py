"""Where requests go and with which key: base URL, model paths, credentials and headers, checked before any request.

Nothing here touches the network, and no message here shows a key.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, Self, SupportsIndex
from urllib.parse import SplitResult, quote, urlsplit

from agentkit._frozen import frozen
from agentkit._log import REDACTED, get_logger
from agentkit.errors import ConfigurationError

__all__ = [
    "Credential",
    "EndpointKind",
    "SecretText",
    "check_headers",
    "check_key",
    "endpoint_kind",
    "find_credential",
    "hidden",
    "hidden_values",
    "model_path",
    "shown_address",
    "upload_root",
]

EndpointKind = Literal["google", "vertex", "comet", "other"]

COMET_URL = "https://api.cometapi.com"
GOOGLE_URL = "https://generativelanguage.googleapis.com"
_COMET_VARIABLES = ("COMETAPI_KEY",)
_GOOGLE_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

_PLACEHOLDER = re.compile(r"[<>{}$]|^\*+$|^\.+$|^(your|insert|paste)[-_ ].*key|^x{3,}$|^changeme$", re.IGNORECASE)
_VERSION = re.compile(r"v\d+((alpha|beta)\d*)?")
_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_OWN_HEADERS = {"x-goog-api-key", "authorization", "content-type", "content-length", "accept-encoding", "host"}
_FRAMING_HEADERS = {"connection", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"}
_TUNED = ("tunedModels/", "dynamic/")
_COPY_AGAIN = "Copy the key again from the console of your provider."

log = get_logger("client")


class SecretText(str):
    """A string that does not show in a `repr`, so not in tracebacks that print variables either; nor in a pickle."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the mark of a removed secret."""
        return REDACTED

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        """Return a piece, as secret as the whole: rich shows long strings by their first characters."""
        return SecretText(super().__getitem__(key))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the secret would be in the bytes."""
        raise TypeError("This holds a secret and cannot be pickled. Make it where it is needed.")


@frozen
class Credential:
    """A key and where it belongs.

    Attributes:
        key: The key itself.
        source: Where it was found, for messages: "the COMETAPI_KEY variable".
        base_url: Where requests go, if the caller did not say.
    """

    key: SecretText
    source: str
    base_url: str


def find_credential(api_key: str | None, base_url: str | None, endpoint: EndpointKind | None = None) -> Credential:
    """Return the key to use: the argument, else the variables that fit the endpoint, or the host of the base URL.

    A key of Google's is never sent to the gateway or the other way round unless the caller writes both down.

    Raises:
        ConfigurationError: There is no key, or it cannot be one.
    """
    if api_key is not None:
        key = check_key(api_key, "the api_key argument")
        default = GOOGLE_URL if key.startswith("AIza") else COMET_URL
        return Credential(key=key, source="the api_key argument", base_url=base_url or default)
    variables = _variables_for(endpoint or (endpoint_kind(base_url) if base_url else "other"))
    for name in variables:
        if name in os.environ:
            value = SecretText(os.environ[name])
            source = f"the {name} variable"
            default = COMET_URL if name in _COMET_VARIABLES else GOOGLE_URL
            return Credential(key=check_key(value, source), source=source, base_url=base_url or default)
    raise ConfigurationError(
        f"No API key. Looked at: the api_key argument, {', '.join(variables)}. Set one of these variables, or pass "
        "GeminiClient(api_key=...). To try a script without a key: agentkit offline script.py"
    )


def _variables_for(kind: EndpointKind) -> tuple[str, ...]:
    if kind == "comet":
        return _COMET_VARIABLES
    return _GOOGLE_VARIABLES if kind in ("google", "vertex") else _COMET_VARIABLES + _GOOGLE_VARIABLES


def check_key(key: object, source: str, what: str = "API key", fix: str = _COPY_AGAIN) -> SecretText:
    """Return a key or token without the blanks around it.

    Raises:
        ConfigurationError: It cannot be one. The message does not show it.
    """
    if not isinstance(key, str):
        raise ConfigurationError(f"The {what} from {source} must be a string, not {type(key).__name__}.")
    stripped = SecretText(key.strip())
    if not stripped:
        raise ConfigurationError(f"The {what} from {source} is empty. {fix}")
    if not all("!" <= character <= "~" for character in stripped):
        raise ConfigurationError(f"The {what} from {source} holds blanks, control or non-ASCII characters. {fix}")
    if _PLACEHOLDER.search(stripped):
        raise ConfigurationError(f"The {what} from {source} is a placeholder, not a key. {fix}")
    if stripped != key:
        log.warning("key.stripped", source=source)
    return stripped


def endpoint_kind(base_url: str) -> EndpointKind:
    """Return whose API answers at `base_url`, by its host. The dialects differ in details of requests.

    Raises:
        ConfigurationError: The URL is not one that a key may be sent to.
    """
    host = (_split(base_url).hostname or "").rstrip(".")
    if host == "generativelanguage.googleapis.com":
        return "google"
    if host == "aiplatform.googleapis.com" or host.endswith(("-aiplatform.googleapis.com", ".rep.googleapis.com")):
        return "vertex"
    return "comet" if host == "cometapi.com" or host.endswith(".cometapi.com") else "other"


def api_root(base_url: str, api_version: str, *, allow_insecure_http: bool) -> str:
    """Return the URL under which `models/...` stands, without a slash at the end.

    The version is added unless the path of `base_url` already holds one, so that
    `https://host`, `https://host/` and `https://host/v1beta` mean the same.

    Raises:
        ConfigurationError: The URL is not one that a key may be sent to.
    """
    parts = _split(base_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        raise ConfigurationError(
            f"base_url would send the API key unencrypted to {host!r}. Use https, or pass allow_insecure_http=True."
        )
    segments = [segment for segment in parts.path.split("/") if segment]
    if not any(_VERSION.fullmatch(segment) for segment in segments):
        segments.append(_checked_version(api_version))
    shown_host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    return "/".join([f"{parts.scheme}://{shown_host}{port}", *segments])


def upload_root(root: str) -> str:
    """Return the URL under which files are uploaded: `https://host/v1beta` -> `https://host/upload/v1beta`."""
    segments = root.split("/")
    at = next((index for index, segment in enumerate(segments) if _VERSION.fullmatch(segment)), len(segments))
    return "/".join([*segments[:at], "upload", *segments[at:]])


def _split(base_url: object) -> SplitResult:
    """Split and check. Messages show the URL only where it can hold no secret."""
    if not isinstance(base_url, str):
        raise ConfigurationError(f"base_url must be a string, not {type(base_url).__name__}.")
    if not all("!" <= character <= "~" for character in base_url) or "\\" in base_url:
        raise ConfigurationError("base_url holds blanks, backslashes, control or non-ASCII characters. Remove them.")
    try:
        parts = urlsplit(base_url)
        _ = parts.port  # checked only when it is read
    except ValueError as error:
        raise ConfigurationError(f"base_url is not a URL: {error}. Write it like {COMET_URL!r}.") from None
    if "@" in parts.netloc:
        raise ConfigurationError("base_url holds a user name or password. Remove it and pass api_key=... instead.")
    if "?" in base_url or "#" in base_url:
        raise ConfigurationError("base_url must end before '?' and '#'. Pass keys as api_key=..., not in the URL.")
    if parts.scheme not in ("https", "http") or not parts.hostname or not _is_host(parts.hostname):
        raise ConfigurationError(f"base_url {base_url!r} is not an http(s) URL. Write it like {COMET_URL!r}.")
    plain = parts.path.lower().replace("%2e", ".")
    if not _PATH.fullmatch(parts.path) or "%2f" in plain or {".", ".."} & set(plain.split("/")):
        raise ConfigurationError(f"base_url has a path that could be misread: {parts.path!r}. Write it out plainly.")
    return parts


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return bool(ipaddress.ip_address(host))
        except ValueError:
            return False
    return all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in host.rstrip(".").split("."))


def _checked_version(api_version: str) -> str:
    if not isinstance(api_version, str) or not _VERSION.fullmatch(api_version):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"api_version {api_version!r} is not a version. Write it like 'v1beta'.")
    return api_version


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its spelling: no look-up is made."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def shown_address(url: str) -> str:
    """Return an address without its query, which may hold a signature, and without a password."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]
    except ValueError:
        return "this address"


def model_path(model: str) -> str:
    """Return the path of a model below the API root: `models/gemini-x`, `tunedModels/x`.

    Accepts the name with and without `models/`. What comes back can never change host, path prefix or query.

    Raises:
        ConfigurationError: The name cannot be one of a model.
    """
    if not isinstance(model, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigurationError(f"A model is named by a string, not {type(model).__name__}: 'gemini-3-flash-preview'.")
    prefix = next((prefix for prefix in _TUNED if model.startswith(prefix)), "models/")
    name = model.removeprefix(prefix)
    if not name or len(name) > 256 or not name.isprintable() or re.search(r"[\s/\\?#%]", name) or set(name) == {"."}:
        raise ConfigurationError(
            f"{model[:100]!r} is not a model name. Write it like 'gemini-3-flash-preview', with or without 'models/'."
        )
    try:
        return prefix + quote(name, safe="@")
    except UnicodeEncodeError:
        raise ConfigurationError(f"{model[:100]!r} is not a model name: it holds half a surrogate pair.") from None


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the caller's extra headers with lower-case names, and values that do not show.

    Raises:
        ConfigurationError: A name or value that no header can have, or a header that the client sets itself.
    """
    checked: dict[str, str] = {}
    for name, value in hidden_values(headers).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"headers: {name!r} is not a header name. Use letters, digits and '-'.")
        if not isinstance(value, str) or value != value.strip() or not _HEADER_VALUE.fullmatch(value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"headers: the value of {name!r} must be printable ASCII text on one line.")
        if name.lower() in _OWN_HEADERS | _FRAMING_HEADERS:
            advice = (
                "pass api_key=... (and bearer=True)" if "auth" in name.lower() or "key" in name.lower() else "drop it"
            )
            raise ConfigurationError(f"headers: {name!r} is set by the client itself; {advice}.")
        checked[name.lower()] = value
    return checked


def hidden(value: Any) -> Any:
    """Return a text as one that does not show; anything else as it is."""
    return SecretText(value) if isinstance(value, str) else value


def hidden_values(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers whose values do not show: gateways take secrets in headers of their own."""
    return {name: hidden(value) for name, value in (headers or {}).items()}
