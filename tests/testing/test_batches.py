"""Batches at the emulator: made, judged, answered after a while, each request by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentkit.testing import Asked, Emulator, Faults, Reply, delay, empty, reply, text
from agentkit.testing.finding import Profile
from tests.testing.asking import MODEL, send
from tests.testing.requests_made import ask, user

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def batch_of(*requests: Json, **fields: Any) -> Json:
    entries = [{"request": request, "metadata": {"key": str(n)}} for n, request in enumerate(requests)]
    return {"batch": {"displayName": "mine", "inputConfig": {"requests": {"requests": entries}}, **fields}}


async def create(emulator: Emulator, body: object) -> httpx.Response:
    return await send(emulator, "POST", f"/v1beta/models/{MODEL}:batchGenerateContent", body)


async def get(emulator: Emulator, name: str) -> Json:
    found: Json = (await send(emulator, "GET", f"/v1beta/{name}")).json()
    return found


async def test_a_batch_says_what_was_recorded() -> None:
    emulator = Emulator(clock=lambda: NOW)
    emulator.reply(text("4"))

    made: Json = (await create(emulator, batch_of(ask(user("2 + 2?"))))).json()
    name = made["name"]
    running = await get(emulator, name)
    ended = await get(emulator, name)

    assert made == {
        "name": name,
        "metadata": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{MODEL}",
            "displayName": "mine",
            "createTime": "2026-11-22T12:00:00.000000Z",
            "updateTime": "2026-11-22T12:00:00.000000Z",
            "batchStats": {"requestCount": "1", "pendingRequestCount": "1"},
            "state": "BATCH_STATE_PENDING",
            "name": name,
        },
    }
    assert running == {**made, "metadata": {**made["metadata"], "state": "BATCH_STATE_RUNNING"}}
    assert (ended["done"], ended["metadata"]["state"]) == (True, "BATCH_STATE_SUCCEEDED")
    assert ended["metadata"]["batchStats"] == {"requestCount": "1", "successfulRequestCount": "1"}
    assert ended["response"]["inlinedResponses"] == ended["metadata"]["output"]["inlinedResponses"]
    [answer] = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert answer["metadata"] == {"key": "0"}
    assert answer["response"]["candidates"][0]["content"]["parts"][0]["text"] == "4"
    assert await get(emulator, name) == ended


async def test_a_key_that_is_unknown_refuses_the_whole_batch() -> None:
    emulator = Emulator()

    answer = await create(emulator, batch_of(ask(user("hi")), {**ask(user("ho")), "tempo": 1}))

    assert answer.status_code == 400
    assert "'batch.input_config.requests.requests[1].request'" in answer.json()["error"]["message"]
    assert not emulator.asked


async def test_a_request_that_breaks_a_rule_fails_by_itself() -> None:
    emulator = Emulator(brain=lambda _: reply(text("fine")))

    made = (await create(emulator, batch_of(ask(user("hi")), {"contents": []}, ask(user("ho"))))).json()
    await get(emulator, made["name"])
    ended = await get(emulator, made["name"])

    first, second, third = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert "response" in first
    assert (second["error"]["code"], second["metadata"]) == (3, {"key": "1"})
    assert "response" in third
    assert ended["metadata"]["batchStats"] == {
        "requestCount": "3",
        "successfulRequestCount": "2",
        "failedRequestCount": "1",
    }


@pytest.mark.parametrize(
    "said",
    [reply(empty()), reply(delay(60), text("late"))],
    ids=["an empty answer is an answer", "nobody waits for a delay"],
)
async def test_what_is_no_failure_is_answered(said: Reply) -> None:
    emulator = Emulator(brain=lambda _: said)

    made = (await create(emulator, batch_of(ask(user("hi"))))).json()
    await get(emulator, made["name"])
    ended = await get(emulator, made["name"])

    [answer] = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert "response" in answer


async def test_faults_strike_inside_a_batch_too() -> None:
    emulator = Emulator(faults=Faults(rate=1, kinds=("reset", "overloaded"), seed=3))

    made = (await create(emulator, batch_of(*[ask(user("hi"))] * 20))).json()
    await get(emulator, made["name"])
    ended = await get(emulator, made["name"])

    codes = {answer["error"]["code"] for answer in ended["response"]["inlinedResponses"]["inlinedResponses"]}
    assert codes == {13, 14}


async def test_a_request_that_nothing_was_prepared_for_is_told() -> None:
    emulator = Emulator()

    made = (await create(emulator, batch_of(ask(user("hi"))))).json()
    await get(emulator, made["name"])
    ended = await get(emulator, made["name"])

    [answer] = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert answer["error"]["code"] == 12
    assert len(emulator.unexpected) == 1


async def test_who_asks_while_requests_are_answered_hears_that_it_runs() -> None:
    seen: list[str] = []

    async def brain(asked: Asked) -> Reply:
        for _ in range(3):
            seen.append((await get(emulator, name))["metadata"]["state"])
        return reply(text("ok"))

    emulator = Emulator(brain=brain)
    name = (await create(emulator, batch_of(ask(user("hi")), ask(user("ho"))))).json()["name"]
    await get(emulator, name)
    ended = await get(emulator, name)

    assert seen == ["BATCH_STATE_RUNNING"] * 6
    assert len(ended["response"]["inlinedResponses"]["inlinedResponses"]) == 2


async def test_a_batch_that_is_cancelled_while_it_is_answered_stays_cancelled() -> None:
    async def brain(asked: Asked) -> Reply:
        await send(emulator, "POST", f"/v1beta/{name}:cancel", {})
        return reply(text("ok"))

    emulator = Emulator(brain=brain)
    name = (await create(emulator, batch_of(ask(user("hi"))))).json()["name"]
    await get(emulator, name)
    ended = await get(emulator, name)

    assert ended["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert ended["error"]["code"] == 1
    assert "response" not in ended


async def test_a_batch_expires_after_two_days() -> None:
    now = NOW
    emulator = Emulator(clock=lambda: now)
    name = (await create(emulator, batch_of(ask(user("hi"))))).json()["name"]

    now += timedelta(hours=48)
    ended = await get(emulator, name)

    assert (ended["done"], ended["metadata"]["state"]) == (True, "BATCH_STATE_EXPIRED")


async def test_it_runs_as_long_as_a_test_wants() -> None:
    emulator = Emulator(brain=lambda _: reply(text("ok")))
    emulator.batches.polls = 3
    name = (await create(emulator, batch_of(ask(user("hi"))))).json()["name"]

    states = [(await get(emulator, name))["metadata"]["state"] for _ in range(4)]

    assert states == ["BATCH_STATE_RUNNING"] * 3 + ["BATCH_STATE_SUCCEEDED"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"batch": {}},
        {"batch": {"inputConfig": {"requests": {"requests": []}}}},
        {"batch": {"inputConfig": {"requests": {"requests": [{"metadata": {"key": "1"}}]}}}},
        {"batch": {"inputConfig": {"requests": [ask(user("hi"))]}}},
        {"batch": {"inputConfig": {"requests": {"requests": [ask(user("hi"))]}}}},
        {"batch": 3},
        b"[]",
    ],
    ids=repr,
)
async def test_what_is_no_batch_is_refused(body: object) -> None:
    assert (await create(Emulator(), body)).status_code == 400


async def test_a_batch_above_twenty_megabytes_is_refused() -> None:
    answer = await create(Emulator(), batch_of(ask(user("x" * 21 * 1024**2))))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Request payload size exceeds the limit: 20971520 bytes."


async def test_a_batch_of_a_file_is_not_emulated_and_says_so() -> None:
    answer = await create(Emulator(), {"batch": {"inputConfig": {"fileName": "files/x"}}})

    assert (answer.status_code, "not emulated" in answer.text) == (501, True)


@pytest.mark.parametrize(("profile", "status"), [("google", 200), ("vertex", 404), ("comet", 301)])
async def test_only_google_has_batches(profile: Profile, status: int) -> None:
    emulator = Emulator(profile=profile)

    assert (await create(emulator, batch_of(ask(user("hi"))))).status_code == status
    assert (await send(emulator, "GET", "/v1beta/batches")).status_code == status


async def test_asking_for_a_batch_that_is_not_there_is_a_404() -> None:
    emulator = Emulator()
    answers = [
        await send(emulator, "GET", "/v1beta/batches/x"),
        await send(emulator, "DELETE", "/v1beta/batches/x"),
        await send(emulator, "POST", "/v1beta/batches/x:cancel", {}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert {answer.json()["error"]["status"] for answer in answers} == {"NOT_FOUND"}
