"""The attempts at one answer: counts them, waits between them, ends them. `retry.py` decides, this waits."""

import random
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from agentkit._log import get_logger
from agentkit._status import Asked
from agentkit.errors import AuthenticationFailed, GeminiError
from agentkit.retry import Retry, RetryBudget, RetryNotice

__all__ = ["Attempts", "OnRetry"]

OnRetry = Callable[[RetryNotice], Awaitable[None]]

log = get_logger("client")


class Attempts:
    """Made before the first attempt. Runs of one client share the `budget`. No error leaves with a secret in it."""

    def __init__(
        self, retry: Retry, budget: RetryBudget, on_retry: OnRetry | None, asked: Asked, *, renews: bool = False
    ) -> None:
        self._retry, self._budget, self._on_retry, self._asked = retry, budget, on_retry, asked
        self._renewals_allowed = int(renews)  # a token may have run out; a new one is worth one more attempt, at once
        self._renewals = 0
        self._outer = sys.exception()
        self._begun = anyio.current_time()
        self._attempt = 1
        self._cost = 0

    async def failed(self, error: GeminiError) -> None:
        """Wait until the next attempt, or raise `error` if there is none."""
        self._asked.conceal(error, self._outer)
        await checkpoint_if_cancelled()  # there is no time left then, which is no reason to raise `error`
        refused = isinstance(error, AuthenticationFailed) and error.status == HTTPStatus.UNAUTHORIZED
        if refused and self._renewals < self._renewals_allowed:
            self._renewals += 1
            log.warning("token.refused", attempt=self._attempt)
            return
        remaining_s = anyio.current_effective_deadline() - anyio.current_time()
        delay_s = self._retry.delay_s(self._attempt, error, remaining_s, random.random)
        cost = None if delay_s is None else self._budget.take(error)
        if delay_s is None or cost is None:
            raise self.over(error)
        self._cost += cost
        log.warning("request.retry", attempt=self._attempt, delay_s=round(delay_s, 3), error=type(error).__name__)
        if self._on_retry is not None:
            await self._on_retry(RetryNotice(attempt=self._attempt, delay_s=delay_s, error=error))
        await anyio.sleep(delay_s)
        self._attempt += 1

    def succeeded(self) -> None:
        """Pay back what the attempts have cost."""
        self._budget.give_back(self._cost)

    def over(self, error: GeminiError) -> GeminiError:
        """Return `error` with what the attempts came to."""
        self._asked.conceal(error, self._outer)
        error.attempts = self._attempt + self._renewals
        error.elapsed_s = anyio.current_time() - self._begun
        return error
