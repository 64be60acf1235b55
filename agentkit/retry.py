"""When to ask again, and after how long. Pure decisions; the client does the waiting."""

import threading
from collections.abc import Callable

from agentkit._checks import is_number, is_whole
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError, DeadlineExceeded, GeminiError, RateLimited, StatusError

__all__ = ["Retry", "RetryBudget", "RetryNotice"]

_FAULT_COST = 14
_RATE_LIMIT_COST = 5  # cheaper: the service is alive and said when to come back
_SUCCESS_GAIN = 1


@frozen
class Retry:
    """How often and how patiently a failed request is asked again.

    The wait before the next attempt is random between 0 and a bound that doubles with every attempt ("full jitter").
    A wait that the service asks for is added in full and never shortened.

    Attributes:
        attempts: Requests in all; 1 means never ask again.
        first_delay_s: The bound of the first wait.
        rate_limit_delay_s: The bound of the first wait after a 429.
        max_delay_s: The bound stops growing here.
        max_hint_s: If the service asks for a longer wait than this, the error is raised at once.
        budget: Tokens for retries that all runs of one client share. A retry costs 14, after a 429 only 5; a success
            gives back. An empty budget means: fail at once, the service is down.
    """

    attempts: int = 4
    first_delay_s: float = 0.5
    rate_limit_delay_s: float = 1.0
    max_delay_s: float = 20.0
    max_hint_s: float = 60.0
    budget: int = 500

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values that make no sense."""
        _check_count("attempts", self.attempts, least=1)
        _check_count("budget", self.budget, least=0)
        for name in ("first_delay_s", "rate_limit_delay_s", "max_delay_s", "max_hint_s"):
            _check_seconds(name, getattr(self, name))

    def delay_s(
        self, attempt: int, error: GeminiError, remaining_s: float, random: Callable[[], float]
    ) -> float | None:
        """Return how long to wait before the next attempt, or None if `error` should be raised now.

        Args:
            attempt: The attempt that just failed; the first is 1.
            error: What it failed with.
            remaining_s: Time left until the caller's deadline; `math.inf` without one.
            random: Returns a number from 0 up to 1.
        """
        if attempt >= self.attempts or not error.retryable or _heals_tomorrow(error):
            return None
        # A service that let us wait in vain once will most likely do it again, and each time costs a whole time-out.
        if isinstance(error, DeadlineExceeded) and attempt > 1:
            return None
        hint_s = error.retry_after_s if isinstance(error, StatusError) else None
        if hint_s is not None and hint_s > self.max_hint_s:
            return None
        delay_s = random() * self._bound_s(attempt, error) + (hint_s or 0.0)
        return delay_s if delay_s < remaining_s else None

    def _bound_s(self, attempt: int, error: GeminiError) -> float:
        first_s = self.rate_limit_delay_s if isinstance(error, RateLimited) else self.first_delay_s
        return min(first_s * 2.0 ** min(attempt - 1, 64), self.max_delay_s)


@frozen
class RetryNotice:
    """A request failed and will be asked again.

    Attributes:
        attempt: The attempt that failed; the first is 1.
        delay_s: The wait before the next one.
        error: What it failed with.
    """

    attempt: int
    delay_s: float
    error: GeminiError


class RetryBudget:
    """Tokens for retries, shared by all runs of one client, also across threads.

    While a service is down, many runs at once would each spend their attempts on it. The budget bounds their sum.
    """

    def __init__(self, tokens: int) -> None:
        self._size = tokens
        self._tokens = tokens
        self._lock = threading.Lock()

    def take(self, error: GeminiError) -> int | None:
        """Pay for a retry after `error`. Returns what it cost, or None if the budget does not suffice."""
        cost = _RATE_LIMIT_COST if isinstance(error, RateLimited) else _FAULT_COST
        with self._lock:
            if self._tokens < cost:
                return None
            self._tokens -= cost
            return cost

    def give_back(self, cost: int) -> None:
        """Note a success whose retries have cost `cost`; a success without retries refills a little, too."""
        with self._lock:
            self._tokens = min(self._size, self._tokens + max(cost, _SUCCESS_GAIN))

    @property
    def tokens(self) -> int:
        """What is left."""
        return self._tokens


def _heals_tomorrow(error: GeminiError) -> bool:
    """Whether a quota per day is used up: `{"@type": ".../google.rpc.QuotaFailure", "violations": [...PerDay...]}`."""
    if not isinstance(error, RateLimited):
        return False
    failures = (detail for detail in error.details if "QuotaFailure" in str(detail.get("@type")))
    return any("PerDay" in str(failure) for failure in failures)


def _check_count(name: str, value: object, *, least: int) -> None:
    if not is_whole(value) or value < least:
        raise ConfigurationError(f"Retry({name}={value!r}): give a whole number of at least {least}.")


def _check_seconds(name: str, value: object) -> None:
    if not is_number(value) or value < 0:
        raise ConfigurationError(f"Retry({name}={value!r}): give a number of seconds, 0 or more.")
