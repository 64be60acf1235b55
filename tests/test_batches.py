"""`client.batches`: requests handed in together, waited for, and read one by one."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Batch,
    BatchAnswer,
    BatchFailed,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiClient,
    InvalidRequest,
    NotFound,
    NotOffered,
    ProtocolError,
    RateLimited,
    Retry,
    ServerError,
)
from agentkit.testing import Asked, Emulator, Reply, error, reply, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import BatchStats, GenerateContentRequest, user_text
from tests.faultserver import FaultServer, Scenario, answer, reset_after, status

MODEL = "gemini-3-flash-preview"

pytestmark = pytest.mark.anyio


def echo(asked: Asked) -> Reply:
    said: str = asked.body["contents"][-1]["parts"][0]["text"]
    return reply(error(429, retry_after_s=3)) if said == "too much" else reply(text(said.upper()))


@pytest.fixture
def echoing() -> Iterator[Emulator]:
    with serve(Emulator(brain=echo)) as emulator:
        yield emulator


def client_of(served: Emulator | FaultServer, **options: Any) -> GeminiClient:
    settings: dict[str, Any] = {"api_key": "test-key", "base_url": served.url, "endpoint": "google", **options}
    return GeminiClient(**{"retry": Retry(first_delay_s=0, rate_limit_delay_s=0), **settings})


async def ended(client: GeminiClient, requests: Any) -> Batch:
    made = await client.batches.create(MODEL, requests)
    return await client.batches.wait(made, poll_s=0.001)


# -- As it should be ---------------------------------------------------------------------------------------------------


async def test_requests_are_answered_in_their_order(echoing: Emulator) -> None:
    client = client_of(echoing)
    request = GenerateContentRequest(contents=[user_text("two")]).with_generation(max_output_tokens=100)

    made = await client.batches.create(f"models/{MODEL}", ["one", request], display_name="mine")
    seen: list[Batch] = []

    async def look(batch: Batch) -> None:
        seen.append(batch)

    batch = await client.batches.wait(made.name, poll_s=0.001, on_poll=look)
    answers = await client.batches.results(batch)

    assert [one.state for one in (made, *seen)] == [
        "BATCH_STATE_PENDING",
        "BATCH_STATE_RUNNING",
        "BATCH_STATE_SUCCEEDED",
    ]
    assert (made.is_ended, made.ended, made.pending) == (False, None, 2)
    assert (batch.is_ended, batch.requests, batch.succeeded, batch.failed, batch.pending) == (True, 2, 2, 0, 0)
    assert (batch.model, batch.display_name) == (f"models/{MODEL}", "mine")
    assert batch.created is not None
    assert batch.ended is not None
    assert batch.ended >= batch.created
    assert [(one.key, one.response.text, one.error) for one in answers if one.response] == [
        ("0", "ONE", None),
        ("1", "TWO", None),
    ]
    assert not echoing.findings
    assert [asked.body["model"] for asked in echoing.asked] == [f"models/{MODEL}"] * 2


async def test_keys_of_ones_own_come_back_in_the_order_that_is_wanted(echoing: Emulator) -> None:
    client = client_of(echoing)

    batch = await ended(client, {"b": "one", "a": "two"})
    plain = await client.batches.results(batch.name)
    sorted_ = await client.batches.results(batch, keys=["a", "b", "c"])

    assert [one.key for one in plain] == ["b", "a"]
    assert [one.response.text if one.response else None for one in sorted_] == ["TWO", "ONE", None]
    assert isinstance(sorted_[2].error, ProtocolError)
    assert "'c'" in str(sorted_[2].error)


async def test_a_request_that_failed_has_an_error_of_the_usual_kind(echoing: Emulator) -> None:
    client = client_of(echoing)
    wrong = GenerateContentRequest(contents=[])

    batch = await ended(client, ["fine", "too much", wrong])
    first, second, third = await client.batches.results(batch)

    assert first.error is None
    assert isinstance(second.error, RateLimited)
    assert (second.error.status, second.error.code, second.error.retry_after_s) == (429, "RESOURCE_EXHAUSTED", 3)
    assert second.response is None
    assert isinstance(third.error, InvalidRequest)
    assert (batch.succeeded, batch.failed) == (1, 2)


async def test_batches_are_listed_cancelled_and_deleted(echoing: Emulator) -> None:
    client = client_of(echoing)
    async with client:
        made = [await client.batches.create(MODEL, ["hi"]) for _ in range(120)]
        await client.batches.cancel(made[0].name)
        await client.batches.delete(made[1].name)
        listed = await client.batches.list()

    assert len(listed) == 119
    assert listed[-1].state == "BATCH_STATE_CANCELLED"
    with pytest.raises(NotFound):
        await client.batches.get(made[1].name)


@pytest.mark.parametrize("how", ["FAILED", "CANCELLED"])
async def test_a_batch_that_ends_badly_has_a_typed_error_for_each_request(echoing: Emulator, how: str) -> None:
    client = client_of(echoing)
    if how == "FAILED":
        echoing.batches.fail_next()
    made = await client.batches.create(MODEL, ["hi"])
    if how == "CANCELLED":
        await client.batches.cancel(made.name)

    batch = await client.batches.wait(made, poll_s=0.001)
    [answer] = await client.batches.results(batch, keys=["0"])

    assert batch.state == f"BATCH_STATE_{how}"
    assert how.lower() in batch.message
    assert isinstance(answer.error, BatchFailed)
    assert answer.error.batch_state == batch.state
    with pytest.raises(BatchFailed, match=rf"{batch.name} ended with BATCH_STATE_{how}"):
        await client.batches.results(batch)


# -- Bad input: refused before anything is sent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "at least one"),
        ({}, "at least one"),
        ("hi", "list of at least one"),
        (None, "requests must be"),
        ([3], "requests must be"),
        ([None], "requests must be"),
        ({3: "hi"}, "the key of a request must be a text"),
        (["x" * 20_000_000], "takes 20,000,000"),
        ([GenerateContentRequest(contents=[user_text("x")]).replace(labels={"a": object()})], "JSON"),
    ],
    ids=["none", "no keys", "one text", "null", "number", "null inside", "key", "too large", "no JSON"],
)
async def test_what_is_no_batch_is_refused_before_sending(echoing: Emulator, requests: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await client_of(echoing).batches.create(MODEL, requests)

    assert not await client_of(echoing).batches.list()


@pytest.mark.parametrize("name", ["", "batches/", "models/x", "batches/../models", "batches/a?b", "a/b", 3, None])
async def test_a_name_that_is_none_is_refused_before_sending(echoing: Emulator, name: Any) -> None:
    batches = client_of(echoing).batches

    for ask in (batches.get, batches.cancel, batches.delete, batches.wait, batches.results):
        with pytest.raises(ConfigurationError, match="no name of a batch"):
            await ask(name)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), True, "3", None], ids=repr)
async def test_a_time_that_is_none_is_refused(echoing: Emulator, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="poll_s="):
        await client_of(echoing).batches.wait("batches/x", poll_s=seconds)
    with pytest.raises(ConfigurationError, match="deadline_s="):
        await client_of(echoing).batches.wait("batches/x", deadline_s=seconds)


async def test_the_answers_of_a_batch_that_runs_cannot_be_read(echoing: Emulator) -> None:
    client = client_of(echoing)
    made = await client.batches.create(MODEL, ["hi"])

    with pytest.raises(ConfigurationError, match=r"BATCH_STATE_PENDING.*client\.batches\.wait"):
        await client.batches.results(made)


@pytest.mark.parametrize("profile", ["vertex", "comet"])
@pytest.mark.parametrize("endpoint", ["own", "other"])
async def test_an_endpoint_without_batches_says_what_works(profile: Profile, endpoint: str) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = client_of(emulator, endpoint=profile if endpoint == "own" else "other")

        with pytest.raises(NotOffered, match=r"no batches.*run_many"):
            await client.batches.create(MODEL, ["hi"])
        with pytest.raises(NotOffered, match=r"no batches.*run_many"):
            await client.batches.list()


async def test_a_front_page_in_place_of_an_answer_is_no_batch_endpoint() -> None:
    page = answer(b"<html>Welcome</html>", kind="text/html")
    with FaultServer(page) as server, pytest.raises(NotOffered, match="no batches"):
        await client_of(server).batches.create(MODEL, ["hi"])


async def test_a_model_that_does_not_exist_is_another_matter() -> None:
    with serve(Emulator(models=["gemini-2.5-flash"])) as emulator, pytest.raises(NotFound, match=MODEL):
        await client_of(emulator).batches.create(MODEL, ["hi"])


# -- What may come over the wire ---------------------------------------------------------------------------------------


def operation(state: str = "BATCH_STATE_SUCCEEDED", *inlined: Any, **fields: Any) -> dict[str, Any]:
    output = {"inlinedResponses": {"inlinedResponses": list(inlined)}}
    return {"name": "batches/x", "done": True, "metadata": {"state": state}, "response": output, **fields}


SAID = {"candidates": [{"content": {"parts": [{"text": "ok"}], "role": "model"}, "finishReason": "STOP"}]}


async def results(body: object) -> list[BatchAnswer]:
    with FaultServer(answer(body)) as server:
        return await client_of(server).batches.results("x")


async def test_a_state_that_is_not_documented_is_kept() -> None:
    with FaultServer(answer(operation("BATCH_STATE_PAUSED", done=False))) as server:
        batch = await client_of(server).batches.get("batches/x")

    assert (batch.state, batch.is_ended) == ("BATCH_STATE_PAUSED", False)


async def test_a_batch_that_is_done_has_ended_whatever_its_state_says() -> None:
    with FaultServer(answer(operation("BATCH_STATE_NEW"))) as server:
        assert (await client_of(server).batches.wait("x", poll_s=0.001)).is_ended


async def test_answers_come_in_the_order_of_their_numbers_and_are_found_in_either_place() -> None:
    inlined = [{"response": SAID, "metadata": {"key": key}} for key in ("10", "9", "0")]
    in_metadata = operation("BATCH_STATE_SUCCEEDED", *inlined)
    in_metadata["metadata"]["output"] = in_metadata.pop("response")

    for body in (operation("BATCH_STATE_SUCCEEDED", *inlined), in_metadata):
        assert [one.key for one in await results(body)] == ["0", "9", "10"]


async def test_keys_that_other_programs_chose_are_read() -> None:
    read = await results(
        operation(
            "BATCH_STATE_SUCCEEDED",
            {"response": SAID, "metadata": {"custom_id": "a"}},
            {"response": SAID},
            {"response": SAID, "metadata": {"one": "x", "two": "y"}},
        )
    )

    assert [one.key for one in read] == ["a", "1", "2"]
    assert read[2].metadata == {"one": "x", "two": "y"}


async def test_an_entry_without_anything_is_an_error_of_its_own() -> None:
    [first, second] = await results(operation("BATCH_STATE_SUCCEEDED", {}, {"response": SAID}))

    assert isinstance(first.error, ProtocolError)
    assert second.response is not None


@pytest.mark.parametrize(
    ("status_", "kind", "retryable"),
    [
        ({"code": 3, "message": "no"}, InvalidRequest, False),
        ({"code": 14, "message": "busy"}, ServerError, True),
        ({"code": 5}, NotFound, False),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, RateLimited, True),
        ({"message": "only words"}, ServerError, True),
        ({"code": "3", "message": ["odd"]}, ServerError, True),
        ({"code": 99, "details": "odd"}, ServerError, True),
    ],
    ids=["grpc", "grpc 14", "no message", "http", "no code", "wrong types", "unknown code"],
)
async def test_the_error_of_a_request_becomes_one_of_the_usual_ones(
    status_: object, kind: type[Exception], retryable: bool
) -> None:
    [one] = await results(operation("BATCH_STATE_SUCCEEDED", {"error": status_}))

    assert type(one.error) is kind
    assert one.error.retryable is retryable


async def test_answers_in_a_file_are_said_to_be_there() -> None:
    body = operation(metadata={"state": "BATCH_STATE_SUCCEEDED"}, response={"responsesFile": "files/out"})

    with pytest.raises(ConfigurationError, match="'files/out'"):
        await results(body)


async def test_a_batch_that_ended_well_and_holds_nothing_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="holds no answers"):
        await results(operation())


@pytest.mark.parametrize("body", [{}, {"metadata": {}}, {"done": True}, {"name": 3}], ids=repr)
async def test_a_batch_without_a_name_is_a_protocol_error(body: object) -> None:
    with pytest.raises(ProtocolError, match="no name"):
        await results(body)


async def test_an_error_with_a_good_status_is_still_an_error() -> None:
    with pytest.raises(RateLimited):
        await results({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow"}})


async def test_the_error_of_a_request_shows_no_key() -> None:
    [one] = await results(operation("BATCH_STATE_SUCCEEDED", {"error": {"code": 3, "message": "key test-key is bad"}}))

    assert "test-key" not in str(one.error)


@given(st.one_of(st.integers(-5, 10**30), st.text(), st.none(), st.booleans(), st.floats(), st.lists(st.integers())))
def test_a_count_is_a_number_or_nothing(value: Any) -> None:
    count = BatchStats.of_raw({"requestCount": value}).request_count

    assert count is None or type(count) is int


# -- The network -------------------------------------------------------------------------------------------------------


async def test_a_batch_is_not_handed_in_twice_when_its_answer_is_lost() -> None:
    with FaultServer(reset_after(b"HTTP/1.1 200")) as server, pytest.raises(ConnectionFailed):
        await client_of(server).batches.create(MODEL, ["hi"])

    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 503])
async def test_a_batch_that_was_refused_is_handed_in_again(code: int) -> None:
    with FaultServer(status(code), answer({"name": "batches/x"})) as server:
        made = await client_of(server).batches.create(MODEL, ["hi"])

    assert made.name == "batches/x"
    assert len(server.requests) == 2


async def test_waiting_outlives_a_service_that_is_away_for_a_while() -> None:
    scenarios: list[Scenario] = [status(500)] * 10
    with FaultServer(*scenarios, answer(operation())) as server:
        batch = await client_of(server, retry=Retry(attempts=1)).batches.wait("x", poll_s=0.001)

    assert batch.is_ended


async def test_waiting_ends_when_the_service_stays_away() -> None:
    with FaultServer(status(500)) as server, pytest.raises(ServerError):
        await client_of(server, retry=Retry(attempts=1)).batches.wait("x", poll_s=0.001)

    assert len(server.requests) == 11


async def test_waiting_ends_at_its_deadline_and_says_what_is_still_going_on(echoing: Emulator) -> None:
    echoing.batches.polls = 10**9
    client = client_of(echoing)
    made = await client.batches.create(MODEL, ["hi"])

    with pytest.raises(DeadlineExceeded, match=rf"{made.name} \(its state is .*; it goes on"):
        await client.batches.wait(made, poll_s=0.01, deadline_s=0.5)


async def test_a_wait_that_is_cancelled_leaves_the_batch_alone(echoing: Emulator) -> None:
    echoing.batches.polls = 10**9
    client = client_of(echoing)
    made = await client.batches.create(MODEL, ["hi"])
    with anyio.CancelScope() as scope:

        async def stop(_batch: Batch) -> None:
            scope.cancel()

        await client.batches.wait(made, on_poll=stop)

    assert scope.cancelled_caught
    assert (await client.batches.get(made.name)).state == "BATCH_STATE_RUNNING"
