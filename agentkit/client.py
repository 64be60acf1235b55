"""The client of the Gemini native API: `GeminiClient` holds settings and opens connections."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Literal, NoReturn, Self, TypeVar, Unpack, get_args

from anyio.lowlevel import current_token

from agentkit import wire
from agentkit._attempts import OnRetry
from agentkit._checks import check_choice, check_kind, is_number, is_whole
from agentkit._endpoint import (
    GOOGLE_URL,
    Credential,
    EndpointKind,
    SecretText,
    api_root,
    check_headers,
    endpoint_kind,
    find_credential,
    hidden,
    hidden_values,
)
from agentkit._log import SECRET_NAMES, get_logger, redact
from agentkit._token import TOKEN_SOURCE, TokenFunction, TokenSource
from agentkit._vertex import VertexOptions, vertex_url
from agentkit.batches import Batches
from agentkit.caches import Caches
from agentkit.capabilities import Capabilities
from agentkit.connection import ClientSettings, Connection
from agentkit.errors import (
    ConfigurationError,
)
from agentkit.files import Files
from agentkit.prices import Price, check_prices, find_price, known_prices, model_id
from agentkit.retry import Retry, RetryBudget, RetryNotice
from agentkit.transport import HttpxTransport, Timeouts, Transport

__all__ = ["GeminiClient", "OnRetry", "RetryNotice", "SchemaDialect"]

SchemaDialect = Literal["json_schema", "openapi"]
Message = TypeVar("Message", bound="wire.WireModel")

_MIB = 1024 * 1024
_BETWEEN_CHUNKS_S = 120.0  # thinking models are silent for long, but not that long

log = get_logger("client")


class GeminiClient:
    """Settings for asking the Gemini native API: which endpoint, which key, how patiently.

    Nothing is opened here and nothing belongs to an event loop, so one client serves many runs, threads and loops.
    Each run opens a pool of connections of its own; inside `async with client:` runs share one.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        token: TokenFunction | None = None,
        base_url: str | None = None,
        api_version: str = "v1beta",
        bearer: bool | None = None,
        headers: Mapping[str, str] | None = None,
        retry: Retry | None = None,
        timeout_s: float = 300.0,
        connect_timeout_s: float = 5.0,
        max_response_bytes: int = 64 * _MIB,
        max_stream_bytes: int = 256 * _MIB,
        transport: Callable[[], Transport] | None = None,
        schema_dialect: SchemaDialect | None = None,
        endpoint: EndpointKind | None = None,
        capabilities: Capabilities | str | os.PathLike[str] | None = None,
        allow_insecure_http: bool = False,
        trust_env: bool = True,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        """Find the key and check everything.

        Args:
            api_key: Else the variable COMETAPI_KEY, then GEMINI_API_KEY and GOOGLE_API_KEY, is read.
            token: In place of a key: a function, async or not, that returns an OAuth access token, or the token and
                for how many seconds it is good. It is asked again a minute before that, and once after an HTTP 401.
            base_url: Else the variable AGENTKIT_BASE_URL, else CometAPI for its key and Google for Google's.
            api_version: Added to the base URL unless its path holds a version.
            bearer: Send the key as `Authorization: Bearer`, for gateways.
            headers: Sent along with each request.
            retry: When to ask again.
            timeout_s: For one request, from connecting to its last byte. A run's own deadline is shorter or longer.
            connect_timeout_s: For one connection.
            max_response_bytes: The largest answer, and the largest event of a stream.
            max_stream_bytes: The largest stream.
            transport: Makes the transport of each pool, in place of httpx.
            schema_dialect: How functions and typed answers are described: "json_schema" or, for older gateways,
                "openapi".
            endpoint: Whose dialect the endpoint speaks, where its host does not tell.
            capabilities: What `agentkit doctor --save FILE` found, or the file. It decides about call ids, signatures,
                built-in tools beside functions, and, where they are not given, `bearer` and `schema_dialect`.
            allow_insecure_http: Send the key unencrypted to hosts other than this one.
            trust_env: Use proxies and certificates that the environment names.
            prices: What tokens cost there, by model. Google's own prices are known for Google's host only; what is
                given here goes before them.

        Raises:
            ConfigurationError: No usable key, or a setting that cannot be right.
        """
        check_kind("headers", headers, Mapping | None, "a dict")
        api_key, headers = hidden(api_key), hidden_values(headers)  # also in what a traceback shows of this frame
        _check_seconds(timeout_s=timeout_s, connect_timeout_s=connect_timeout_s)
        timeouts = Timeouts(
            connect_s=connect_timeout_s,
            first_byte_s=timeout_s,
            between_chunks_s=min(timeout_s, _BETWEEN_CHUNKS_S),
            total_s=timeout_s,
        )
        _check_bytes(max_response_bytes=max_response_bytes, max_stream_bytes=max_stream_bytes)
        if schema_dialect is not None:
            check_choice("schema_dialect", schema_dialect, get_args(SchemaDialect))
        check_kind("retry", retry, Retry | None, "Retry(...)")
        check_kind("transport", transport, Callable | None, "a function that makes a transport")
        check_prices(prices)
        if endpoint is not None:
            check_choice("endpoint", endpoint, get_args(EndpointKind))
        known = _read_capabilities(capabilities)
        base_url = base_url or os.environ.get("AGENTKIT_BASE_URL") or None
        credential = _credential(api_key, token, base_url, endpoint)
        root = api_root(credential.base_url, api_version, allow_insecure_http=allow_insecure_http)
        _check_place(known, root)
        bearer = known.bearer if bearer is None else bearer
        bearer_key = SecretText(f"Bearer {credential.key}")
        own = {"authorization": bearer_key} if bearer else {"x-goog-api-key": credential.key}
        extra = check_headers(headers)
        more_secrets = [value for name, value in extra.items() if SECRET_NAMES.search(name)]
        retry = retry or Retry()
        self._settings = ClientSettings(
            root=root,
            key=credential.key,
            key_source=credential.source,
            endpoint=endpoint or known.endpoint or endpoint_kind(root),
            headers={
                "content-type": "application/json",
                "user-agent": "agentkit",
                **extra,
                **(own if token is None else {}),
            },
            more_secrets=more_secrets,
            token=None if token is None else TokenSource(token, more_secrets),
            retry=retry,
            budget=RetryBudget(retry.budget),
            max_response_bytes=max_response_bytes,
            max_stream_bytes=max_stream_bytes,
        )
        self._schema_dialect: SchemaDialect = schema_dialect or known.schema_dialect or "json_schema"
        self._capabilities = known
        self._prices = {model_id(model): price for model, price in (prices or {}).items()}
        self._new_transport = transport or (lambda: HttpxTransport(timeouts=timeouts, trust_env=trust_env))
        self._shared: dict[object, _Shared] = {}

    @classmethod
    def vertex(
        cls,
        *,
        project: str | None = None,
        location: str = "global",
        token: TokenFunction | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        api_version: str = "v1",
        **options: Unpack[VertexOptions],
    ) -> Self:
        """Return a client of Vertex AI: `vertex(project=..., token=...)`, or in express mode `vertex(api_key=...)`.

        Args:
            project: The project's id; it goes with `token`.
            location: A region like `"us-central1"`, a multi-region (`"us"`, `"eu"`) or `"global"`.
            token: Gives OAuth access tokens, as for the constructor.
            api_key: An express key; else the variable GEMINI_API_KEY or GOOGLE_API_KEY.
            base_url: A proxy in front of it; else the variable AGENTKIT_BASE_URL, else Google's host of the location.
            api_version: Of the path.
            options: The other settings of a client.

        Raises:
            ConfigurationError: A project without a token, a token without a project, or a setting that cannot be right.
        """
        api_key = hidden(api_key)
        if (project is None) != (token is None) or (token is not None and api_key is not None):
            raise ConfigurationError(
                "Vertex AI is asked with a project and a token, vertex(project=..., token=...), or in express mode "
                "with an API key alone, vertex(api_key=...)."
            )
        insecure = options.get("allow_insecure_http", False)
        url = vertex_url(project, location, base_url=base_url, api_version=api_version, allow_insecure_http=insecure)
        return cls(api_key=api_key, token=token, base_url=url, endpoint="vertex", **options)

    @property
    def base_url(self) -> str:
        """Where requests go, with the version: `https://api.cometapi.com/v1beta`."""
        return self._settings.root

    @property
    def endpoint(self) -> EndpointKind:
        """Whose dialect is spoken there. Google's own takes some requests that no other does."""
        return self._settings.endpoint

    @property
    def key_source(self) -> str:
        """Where the key was found, for messages: "the COMETAPI_KEY variable"."""
        return self._settings.key_source

    @property
    def retry(self) -> Retry:
        """When to ask again."""
        return self._settings.retry

    @property
    def schema_dialect(self) -> SchemaDialect:
        """How functions are declared."""
        return self._schema_dialect

    @property
    def files(self) -> Files:
        """Uploaded files, where the endpoint takes them."""
        return Files(self.connect, self._settings.root, self._settings.endpoint)

    @property
    def caches(self) -> Caches:
        """The cached contents of this key: `await client.caches.create(model, contents, ttl_s=300)`."""
        return Caches(self._ask, self.base_url, self._schema_dialect)

    @property
    def batches(self) -> Batches:
        """The service's batch endpoint: `await client.batches.create(model, requests)`."""
        return Batches(self)

    @property
    def prices(self) -> Mapping[str, Price]:
        """What tokens cost there by model, as far as it was given."""
        return MappingProxyType(self._prices)

    def price_of(self, model: str, version: str | None = None) -> Price | None:
        """Return what the tokens of an answer cost here today; None if that is not known.

        Args:
            model: The model that was asked.
            version: The model that answered, as the service names it.
        """
        own = find_price(self._prices, model, version) or self._prices.get(model_id(model))
        if own is not None or endpoint_kind(self.base_url) != "google":
            return own
        return find_price(known_prices(), model, version)

    @property
    def capabilities(self) -> Capabilities:
        """What is known about the endpoint; without a capability file, nothing."""
        return self._capabilities

    @property
    def combines_builtins(self) -> bool:
        """Whether the endpoint takes built-in tools beside functions, for models that do."""
        known = self._capabilities.builtins_with_functions
        return self.endpoint not in ("vertex", "comet") if known is None else known

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Connection, None]:
        """Open a pool of connections, or share the one of the `async with client:` around, if it is of this loop."""
        shared = self._shared.get(current_token())
        if shared is not None:
            yield Connection(self._settings, shared.transport)
            return
        transport = self._new_transport()
        try:
            yield Connection(self._settings, transport)
        finally:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        """Open one pool for all runs inside the block, in this event loop."""
        shared = self._shared.setdefault(current_token(), _Shared(transport=self._new_transport()))
        shared.users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pool when the last block of this event loop ends."""
        token = current_token()
        shared = self._shared[token]
        shared.users -= 1
        if not shared.users:
            del self._shared[token]
            await shared.transport.aclose()

    def redact(self, text: str) -> str:
        """Return `text` without the key and without the values of headers whose names say that they are secret.

        They are found as they are, inside JSON, in URLs and in base64.
        """
        return redact(text, self._settings.key, *self._settings.more_secrets)

    async def generate(
        self, model: str, request: wire.GenerateContentRequest, *, on_retry: OnRetry | None = None
    ) -> wire.GenerateContentResponse:
        """Ask once, over a connection of its own; see `Connection.generate`."""
        async with self.connect() as connection:
            return await connection.generate(model, request, on_retry=on_retry)

    async def stream(
        self, model: str, request: wire.GenerateContentRequest, *, on_retry: OnRetry | None = None
    ) -> AsyncGenerator[wire.GenerateContentResponse, None]:
        """Stream one answer, over a connection of its own; see `Connection.stream`."""
        async with (
            self.connect() as connection,
            aclosing(connection.stream(model, request, on_retry=on_retry)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, model: str, request: wire.GenerateContentRequest) -> wire.CountTokensResponse:
        """Count the tokens of a request; see `Connection.count_tokens`."""
        async with self.connect() as connection:
            return await connection.count_tokens(model, request)

    async def list_models(self) -> list[wire.Model]:
        """Return the models that the key may use; see `Connection.list_models`."""
        async with self.connect() as connection:
            return await connection.list_models()

    async def _ask(self, method: str, url: str, kind: type[Message], body: bytes = b"", *, model: str = "") -> Message:
        async with self.connect() as connection:
            return await connection.call(method, url, kind, body, model=model)

    def __repr__(self) -> str:
        """Show where requests go and where the key came from, never the key."""
        if "_settings" not in vars(self):  # refused while it was made; tools show it in the traceback
            return "GeminiClient(not made)"
        return f"GeminiClient(base_url={self.base_url!r}, key from {self.key_source})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the key would be in the bytes."""
        raise TypeError("A GeminiClient holds an API key and cannot be pickled. Make one where it is needed.")


@dataclass(kw_only=True)
class _Shared:
    """The pool of an `async with client:`, in one event loop."""

    transport: Transport
    users: int = 0


def _credential(
    api_key: str | None, token: TokenFunction | None, base_url: str | None, endpoint: EndpointKind | None
) -> Credential:
    if token is None:
        return find_credential(api_key, base_url, endpoint)
    if not callable(token):  # pyright: ignore[reportUnnecessaryComparison]  # callers without a type checker
        raise ConfigurationError(
            "token must be a function that returns the token. A fixed one is given as api_key=..., bearer=True."
        )
    if api_key is not None:
        raise ConfigurationError("Give api_key=... or token=..., not both: a request has one credential.")
    return Credential(key=SecretText(""), source=TOKEN_SOURCE, base_url=base_url or GOOGLE_URL)


def _read_capabilities(given: Capabilities | str | os.PathLike[str] | None) -> Capabilities:
    check_kind("capabilities", given, Capabilities | str | os.PathLike | None, "the file of `agentkit doctor --save`")
    if given is None:
        return Capabilities()
    return given if isinstance(given, Capabilities) else Capabilities.load(given)


def _check_place(known: Capabilities, root: str) -> None:
    """Refuse a file about another endpoint. A variable may point elsewhere for a while: to the stand-in, to a test."""
    if not known.base_url or known.base_url == root:
        return
    variable = os.environ.get("AGENTKIT_BASE_URL", "").rstrip("/")
    if not variable or not root.startswith(variable):
        raise ConfigurationError(
            f"The capabilities are those of {known.base_url}, and requests go to {root}. "
            f"Make a file for it: agentkit doctor --base-url {root} --save FILE."
        )
    log.warning("capabilities.elsewhere", made_for=known.base_url, base_url=root)


def _check_seconds(**limits: object) -> None:
    for name, value in limits.items():
        if not is_number(value) or value <= 0:
            raise ConfigurationError(f"{name}={value!r}: give a number of seconds above 0; no wait is endless.")


def _check_bytes(**limits: object) -> None:
    for name, value in limits.items():
        if not is_whole(value) or value < 1:
            raise ConfigurationError(f"{name}={value!r}: give a whole number of bytes above 0.")
