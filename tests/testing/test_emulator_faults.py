"""Random faults in front of the answers: always the same for one seed, at the rate that was asked for."""

from collections import Counter

import pytest

from agentkit.testing import Asked, Emulator, error, reply, text
from agentkit.testing.faults import Fault, Faults
from tests.testing.asking import generate
from tests.testing.requests_made import ask

pytestmark = pytest.mark.anyio


def hello(asked: Asked) -> list[dict[str, str]]:
    return [{"text": "Hi."}]


async def statuses(faults: Faults, requests: int) -> list[int]:
    emulator = Emulator(brain=hello, faults=faults)
    return [(await generate(emulator, ask())).status_code for _ in range(requests)]


async def test_the_same_seed_lets_the_same_requests_fail() -> None:
    first = await statuses(Faults(rate=0.3, seed=7), 40)

    assert first == await statuses(Faults(rate=0.3, seed=7), 40)
    assert first != await statuses(Faults(rate=0.3, seed=8), 40)
    assert set(first) == {200, 429, 500, 503}


def test_the_rate_is_the_share_of_requests_that_fail() -> None:
    struck = Counter(Faults(rate=0.1, seed=1).strike(index) is not None for index in range(5000))

    assert struck[True] in range(400, 600)


def test_nothing_fails_unless_asked_for() -> None:
    assert [Faults().strike(index) for index in range(100)] == [None] * 100


async def test_a_request_that_fails_uses_up_no_reply() -> None:
    emulator = Emulator(faults=Faults(rate=1, kinds=("overloaded",)))
    emulator.reply(text("Hi."))

    answer = await generate(emulator, ask())

    assert (answer.status_code, emulator.queued) == (503, 1)


async def test_a_request_that_breaks_a_rule_is_refused_before_it_can_fail() -> None:
    assert (await generate(Emulator(faults=Faults(rate=1)), ask(foo=1))).status_code == 400


@pytest.mark.parametrize(
    ("kind", "status", "words", "missing"),
    [
        pytest.param("busy", 429, "retryDelay", "", id="busy"),
        pytest.param("page", 502, "<html>", "", id="page"),
        pytest.param("cut", 200, "The answer begins", "finishReason", id="cut"),
        pytest.param("error_in_stream", 200, "UNAVAILABLE", "finishReason", id="error-in-stream"),
        pytest.param("empty", 200, "STOP", "text", id="empty"),
        pytest.param("malformed", 200, "MALFORMED_FUNCTION_CALL", "text", id="malformed"),
        pytest.param("stall", 503, "UNAVAILABLE", "", id="stall"),
    ],
)
async def test_each_kind_of_fault_can_be_seen(kind: Fault, status: int, words: str, missing: str) -> None:
    emulator = Emulator(faults=Faults(rate=1, kinds=(kind,), stall_s=0.01))

    answer = await generate(emulator, ask(), streamed=True)

    assert (answer.status_code, words in answer.text) == (status, True)
    assert not missing or missing not in answer.text


async def test_a_fault_may_wait_as_any_answer() -> None:
    assert await statuses(Faults(rate=0.5, seed=3, latency_s=0.001), 4) == await statuses(Faults(rate=0.5, seed=3), 4)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 1.5}, "from 0 to 1"),
        ({"latency_s": -1}, "must not be negative"),
        ({"kinds": ()}, "Choose from: busy"),
        ({"kinds": ("nonsense",)}, "'nonsense'"),
    ],
    ids=["rate", "time", "no-kind", "unknown-kind"],
)
def test_faults_that_cannot_be_are_told_at_once(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Faults(**wrong)  # type: ignore[arg-type]


async def test_only_the_last_requests_are_kept_if_so_wished() -> None:
    emulator = Emulator(brain=lambda asked: reply(error(503)), keep=2)

    for number in range(5):
        await generate(emulator, ask(labels={"n": str(number)}))

    assert [asked.index for asked in emulator.asked] == [3, 4]
    assert [request["labels"]["n"] for request in emulator.requests] == ["3", "4"]


async def test_unexpected_requests_are_kept_alike() -> None:
    emulator = Emulator(keep=0)

    await generate(emulator, ask())

    assert (emulator.asked, emulator.unexpected) == ([], [])


def test_a_negative_number_to_keep_is_told() -> None:
    with pytest.raises(ValueError, match="keep=-1"):
        Emulator(keep=-1)
