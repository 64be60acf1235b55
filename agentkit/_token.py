"""Access tokens that the caller's function gives: kept while they are good, never shown.

Google's OAuth tokens live for an hour. Where they come from (google-auth, a metadata server) is the caller's business.
"""

import inspect
import math
import time
from collections.abc import Awaitable, Callable
from typing import cast
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token

from agentkit._checks import is_number
from agentkit._endpoint import SecretText, check_key, hidden
from agentkit._frozen import frozen
from agentkit._threads import run_in_thread
from agentkit.errors import AgentKitError, ConfigurationError, DeadlineExceeded
from agentkit.transport import HttpRequest

__all__ = ["TOKEN_SOURCE", "TokenFunction", "TokenSource"]

TokenFunction = Callable[[], str | tuple[str, float] | Awaitable[str | tuple[str, float]]]
"""Returns a token, or a token and for how many seconds it is good. May be async; else it is called in a thread."""

TOKEN_SOURCE = "the token function"  # noqa: S105  # a name, no token
_LONGEST_S = 60.0
_EARLY_S = 60.0  # a token that ends on the way is refused
_REMEMBERED = 8  # tokens that are still taken out of messages


class TokenSource:
    """The token of one client, shared by its event loops and threads."""

    def __init__(self, ask: TokenFunction, secrets: list[str]) -> None:
        """Take the caller's function; each token is added to `secrets`, which messages are cleaned of."""
        self._ask, self._secrets = ask, secrets
        self._told: list[SecretText] = []
        self._held: _Held | None = None
        self._locks = WeakKeyDictionary[object, anyio.Lock]()  # by event loop

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """Return `request` with a token that should be good.

        Raises:
            ConfigurationError: The caller's function failed, or returned no token.
            DeadlineExceeded: It takes too long.
        """
        held = self._good() or await self._renewed()
        headers = {**request.headers, "authorization": held.header}
        return HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body)

    def refused(self, request: HttpRequest) -> None:
        """Forget the token of a request that the service refused. One that came since then stays."""
        if self._held is not None and self._held.header == request.headers.get("authorization"):
            self._held = None

    def _good(self) -> "_Held | None":
        held = self._held
        return held if held is not None and time.monotonic() < held.until_s else None

    async def _renewed(self) -> "_Held":
        """Ask for a token. Of all requests in an event loop that need one, the first asks and the others wait."""
        async with self._locks.setdefault(current_token().native_token, anyio.Lock()):
            if (held := self._good()) is not None:
                return held
            held = self._held = _read(await self._answer())
            self._remember(held.header)
            return held

    async def _answer(self) -> object:
        with anyio.move_on_after(_LONGEST_S):
            try:
                if inspect.iscoroutinefunction(self._ask):
                    return _sealed(await self._ask())
                answer = await run_in_thread(self._ask)
                return _sealed(await answer if inspect.isawaitable(answer) else answer)
            except AgentKitError:
                raise
            except Exception as error:
                raise ConfigurationError(
                    f"The token function failed ({type(error).__name__}). Try it by itself: it returns an access token."
                ) from error
        raise DeadlineExceeded(TOKEN_SOURCE, _LONGEST_S)

    def _remember(self, header: SecretText) -> None:
        token = SecretText(header.removeprefix("Bearer "))
        if token in self._told:
            return
        self._told.append(token)
        self._secrets.append(token)
        if len(self._told) > _REMEMBERED:
            self._secrets.remove(self._told.pop(0))


@frozen
class _Held:
    """A token as it is sent, and until when it is good, on the monotonic clock."""

    header: SecretText
    until_s: float


def _sealed(answer: object) -> object:
    """Return an answer that no traceback shows."""
    if isinstance(answer, tuple):
        return tuple(hidden(piece) for piece in cast("tuple[object, ...]", answer))
    return hidden(answer)


def _read(answer: object) -> _Held:
    """Read what the caller's function returned.

    Raises:
        ConfigurationError: It is no token.
    """
    token, lifetime_s = answer, math.inf
    if isinstance(answer, tuple):
        pair = cast("tuple[object, ...]", answer)
        if len(pair) != 2 or not is_number(pair[1]):
            raise ConfigurationError(
                "The token function returned a tuple. Return the token, or (token, seconds for which it is good)."
            )
        token, lifetime_s = pair[0], pair[1]
    checked = check_key(token, TOKEN_SOURCE, "token", "It returns an OAuth access token, without 'Bearer'.")
    return _Held(header=SecretText(f"Bearer {checked}"), until_s=time.monotonic() + lifetime_s - _EARLY_S)
