"""Who answers: the service, where there is a key, else the offline stand-in on loopback."""

import codecs
import os
import sys
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager

from agentkit import ConfigurationError, GeminiClient, HttpxTransport, Transport
from agentkit._log import redact
from agentkit.cli.show import printable
from agentkit.models import known_models
from agentkit.transport import HttpRequest, HttpResponse

__all__ = [
    "DEFAULT_MODEL",
    "KEY_VARIABLES",
    "STAND_IN_KEY",
    "URL_VARIABLE",
    "environment",
    "is_service_set",
    "open_client",
    "stand_in",
]

DEFAULT_MODEL = "gemini-3-flash-preview"
KEY_VARIABLES = ("COMETAPI_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
URL_VARIABLE = "AGENTKIT_BASE_URL"
STAND_IN_KEY = "offline-stand-in"
SHOWN_BODY = 20_000  # characters


def is_service_set(base_url: str | None) -> bool:
    """Tell whether options or environment name a service; if not, the stand-in answers."""
    return bool(base_url) or any(os.environ.get(name) for name in (*KEY_VARIABLES, URL_VARIABLE))


@contextmanager
def environment(values: Mapping[str, str]) -> Generator[None, None, None]:
    """Let `values` alone say which service is asked, for the time of the block: other keys and addresses are hidden."""
    before = {name: os.environ.pop(name, None) for name in (*KEY_VARIABLES, URL_VARIABLE)}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def open_client(base_url: str | None, *, verbose: bool) -> Generator[GeminiClient, None, None]:
    """Give the client for this command. Without a service, the stand-in runs as long as the block.

    It then knows the listed models only, as a service knows its own: a misspelt name gets an error.
    """
    if is_service_set(base_url):
        yield _client(base_url=base_url, verbose=verbose)
        return
    with stand_in(models=[model.id for model in known_models()]) as url:
        yield _client(base_url=url, verbose=verbose, api_key=STAND_IN_KEY)


@contextmanager
def stand_in(models: Iterable[str] | None = None) -> Generator[str, None, None]:
    """Serve the emulator with the rule-based planner on loopback; gives its address. Any model exists by default."""
    from agentkit.testing.emulator import Emulator
    from agentkit.testing.offline import answer
    from agentkit.testing.server import serve

    with serve(Emulator(brain=lambda asked: answer(asked.body), models=models)) as emulator:
        yield emulator.url


def _client(*, base_url: str | None, verbose: bool, api_key: str | None = None) -> GeminiClient:
    try:
        return GeminiClient(api_key=api_key, base_url=base_url, transport=_verbose_transport if verbose else None)
    except ConfigurationError as error:
        if not str(error).startswith("No API key."):
            raise
        fitting = [name for name in KEY_VARIABLES if name in str(error)]  # which ones depends on the endpoint
        raise ConfigurationError(f"No API key. Set {' or '.join(fitting)} in the environment.") from error


def _verbose_transport() -> Transport:
    return _Watched(HttpxTransport())


class _Watched:
    """Writes each request and answer to stderr, keys left out."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        secrets = [value for name, value in request.headers.items() if _is_secret(name)]
        _tell(">", f"{request.method} {request.url}", secrets)
        _tell(">", _headers(request.headers), secrets)
        _tell(">", request.body.decode("utf-8", "replace"), secrets)
        async with self._inner.send(request) as response:
            _tell("<", f"{response.status}\n{_headers(response.headers)}", secrets)
            yield HttpResponse(
                status=response.status, headers=response.headers, chunks=lambda: _watched(response, secrets)
            )

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _watched(response: HttpResponse, secrets: list[str]) -> AsyncGenerator[bytes, None]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a chunk may end within a character
    rest = ""
    try:
        async for chunk in response.chunks():
            lines, end, rest = f"{rest}{decoder.decode(chunk)}".rpartition("\n")  # a chunk may end within a secret
            _tell("<", lines + end, secrets)
            yield chunk
    finally:
        _tell("<", rest, secrets)


def _is_secret(name: str) -> bool:
    return name.lower() in ("x-goog-api-key", "authorization", "cookie", "set-cookie", "proxy-authorization")


def _headers(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {'[redacted]' if _is_secret(name) else value}" for name, value in headers.items())


def _tell(mark: str, text: str, secrets: list[str]) -> None:
    shown = printable(redact(text, *secrets, *(value.removeprefix("Bearer ") for value in secrets)))
    if len(shown) > SHOWN_BODY:
        shown = f"{shown[:SHOWN_BODY]} ... ({len(shown):,} characters)"
    for line in filter(None, shown.split("\n")):
        sys.stderr.write(f"{mark} {line}\n")
