"""When a failed request is asked again, and after how long: the policy RP of the fault matrix, as a pure function."""

import math
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiError,
    InvalidRequest,
    ProtocolError,
    RateLimited,
    ServerError,
)
from agentkit.retry import Retry, RetryBudget

PER_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
PER_MINUTE = {**PER_DAY, "violations": [{"quotaId": "GenerateContentPaidTierInputTokensPerModelPerMinute"}]}


def largest() -> float:
    return 1.0


def busy(retry_after_s: float | None = None, *details: dict[str, object]) -> RateLimited:
    return RateLimited(429, "RESOURCE_EXHAUSTED", "slow down", retry_after_s, details)


def delay_s(
    error: GeminiError, *, attempt: int = 1, remaining_s: float = math.inf, retry: Retry | None = None
) -> float | None:
    return (retry or Retry()).delay_s(attempt, error, remaining_s, largest)


@pytest.mark.parametrize(
    ("attempt", "error", "expected"),
    [
        pytest.param(1, ConnectionFailed("x"), 0.5, id="the first wait is at most half a second"),
        pytest.param(3, ConnectionFailed("x"), 2.0, id="each further wait may be twice as long"),
        pytest.param(9, ServerError(503, "", ""), 20.0, id="but never longer than the longest"),
        pytest.param(1, busy(), 1.0, id="after a 429 the first wait is at most one second"),
        pytest.param(1, busy(3.0), 4.0, id="a wait that was asked for is kept in full, the jitter comes on top"),
        pytest.param(1, busy(None, PER_MINUTE), 1.0, id="a quota per minute heals"),
        pytest.param(1, busy(60.0), 61.0, id="a minute is waited for"),
    ],
)
def test_the_wait(attempt: int, error: GeminiError, expected: float) -> None:
    assert delay_s(error, attempt=attempt, retry=Retry(attempts=20)) == expected


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        pytest.param(1, InvalidRequest(400, "INVALID_ARGUMENT", "no"), id="a wrong request stays wrong"),
        pytest.param(1, InvalidRequest(500, "invalid_request", "no"), id="also when the gateway says 500"),
        pytest.param(1, ProtocolError("HTML"), id="what is not the API stays so"),
        pytest.param(1, RateLimited(402, "RESOURCE_EXHAUSTED", "pay"), id="credit does not come back by waiting"),
        pytest.param(1, busy(3600.0), id="an hour is too long to wait"),
        pytest.param(1, busy(None, PER_DAY), id="a quota per day is used up until tomorrow"),
        pytest.param(4, ServerError(503, "", ""), id="four attempts are enough"),
        pytest.param(2, DeadlineExceeded("the answer", 5.0), id="a time-out is tried once more, not twice"),
    ],
)
@pytest.mark.rows(33)
def test_what_is_not_asked_again(attempt: int, error: GeminiError) -> None:
    assert delay_s(error, attempt=attempt) is None


@pytest.mark.parametrize(
    "details",
    [
        [{}],
        [{"@type": None}],
        [{"@type": "google.rpc.QuotaFailure", "violations": 5}],
        [{"@type": 7, "violations": [3]}],
    ],
    ids=str,
)
def test_details_in_any_shape_do_no_harm(details: list[dict[str, object]]) -> None:
    assert delay_s(busy(None, *details)) == 1.0


def test_a_time_out_is_asked_again_once() -> None:
    assert delay_s(DeadlineExceeded("the answer", 5.0)) == 0.5


def test_a_wait_that_would_outlast_the_deadline_is_not_begun() -> None:
    assert delay_s(busy(3.0), remaining_s=3.5) is None
    assert delay_s(busy(3.0), remaining_s=4.5) == 4.0


@given(
    attempt=st.integers(1, 2000),
    hint_s=st.none() | st.floats(0, 60),
    luck=st.floats(0, 1, exclude_max=True),
    remaining_s=st.floats(0, 1000) | st.just(math.inf),
)
@pytest.mark.rows(31, 33, "R4")
def test_no_wait_is_shorter_than_asked_for_or_longer_than_what_is_left(
    attempt: int, hint_s: float | None, luck: float, remaining_s: float
) -> None:
    found = Retry(attempts=10_000).delay_s(attempt, busy(hint_s), remaining_s, lambda: luck)

    if found is not None:
        assert (hint_s or 0) <= found <= (hint_s or 0) + 20
        assert found < remaining_s


@pytest.mark.parametrize("name", ["first_delay_s", "rate_limit_delay_s", "max_delay_s", "max_hint_s"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", None, True], ids=repr)
def test_seconds_that_make_no_sense_are_refused_at_once(name: str, value: object) -> None:
    """Fault matrix row 121."""
    with pytest.raises(ConfigurationError, match=f"{name}=.*number of seconds"):
        Retry(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"), [("attempts", 0), ("attempts", 1.5), ("attempts", "4"), ("budget", -1), ("budget", True)]
)
def test_counts_that_make_no_sense_are_refused_at_once(name: str, value: object) -> None:
    """Fault matrix row 121."""
    with pytest.raises(ConfigurationError, match=f"{name}=.*whole number"):
        Retry(**{name: value})  # type: ignore[arg-type]


@pytest.mark.rows(34)
def test_an_empty_budget_allows_no_retry_and_successes_fill_it_again() -> None:
    budget = RetryBudget(30)

    assert [budget.take(ServerError(503, "", "")) for _ in range(3)] == [14, 14, None]
    budget.give_back(14)
    assert budget.take(ServerError(503, "", "")) == 14


def test_a_retry_after_a_rate_limit_is_cheaper() -> None:
    assert RetryBudget(5).take(busy()) == 5


def test_the_budget_never_holds_more_than_at_first() -> None:
    budget = RetryBudget(20)

    for _ in range(50):
        budget.give_back(14)

    assert budget.tokens == 20


def test_threads_share_a_budget_without_losing_count() -> None:
    budget = RetryBudget(14 * 100)
    taken: list[int | None] = []

    def spend() -> None:
        taken.extend(budget.take(ConnectionFailed("x")) for _ in range(50))

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken.count(14) == 100


def test_a_retry_policy_is_a_value() -> None:
    assert pickle.loads(pickle.dumps(Retry(attempts=2))) == Retry(attempts=2)
