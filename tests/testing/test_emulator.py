"""The emulator as a client sees it: addresses, keys, errors, streams, memory. In memory, without a network."""

import json
from collections.abc import Sequence

import httpx
import pytest

from agentkit.testing import (
    Asked,
    Emulator,
    Reply,
    call,
    cut,
    delay,
    error,
    recorded,
    reply,
    reply_raw,
    stream,
    text,
    usage,
)
from agentkit.testing.finding import Profile
from tests.testing.requests_made import WEATHER, Json, answered, ask, called, model, user

pytestmark = pytest.mark.anyio

MODEL = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "a-key"}


async def post(
    emulator: Emulator,
    body: object,
    method: str = "generateContent",
    on: str = MODEL,
    query: str = "",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    transport = httpx.ASGITransport(emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"/v1beta/models/{on}:{method}{query}"
        return await client.post(path, content=content, headers=KEY if headers is None else headers)


async def get(emulator: Emulator, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=KEY) as client:
        return await client.get(path)


async def test_a_queued_reply_answers_one_request() -> None:
    emulator = Emulator()
    emulator.reply(text("One."))
    emulator.reply(text("Two."))

    answers = [(await post(emulator, ask())).json() for _ in range(2)]

    assert [answer["candidates"][0]["content"]["parts"][0]["text"] for answer in answers] == ["One.", "Two."]
    assert emulator.requests == [ask(), ask()]


async def test_a_brain_answers_when_nothing_is_queued() -> None:
    def brain(asked: Asked) -> Sequence[Json]:
        return [{"functionCall": {"name": "weather", "args": {}}}] if asked.index == 0 else [{"text": asked.model}]

    emulator = Emulator(brain=brain)

    first = (await post(emulator, ask(tools=[WEATHER]))).json()["candidates"][0]["content"]
    call_made = first["parts"][0]
    answer = answered(call_id=call_made["functionCall"]["id"])
    second = await post(emulator, ask(user("Hi"), first, user(answer), tools=[WEATHER]))

    assert call_made["thoughtSignature"]
    assert second.json()["candidates"][0]["content"]["parts"][0]["text"] == MODEL
    assert emulator.findings == []


async def test_a_brain_may_be_asynchronous_and_give_a_whole_reply() -> None:
    async def brain(asked: Asked) -> Reply:
        return reply(error(503))

    assert (await post(Emulator(brain=brain), ask())).status_code == 503


async def test_a_request_that_nothing_was_prepared_for_is_kept_and_told() -> None:
    emulator = Emulator()

    answer = await post(emulator, ask())

    assert answer.status_code == 501  # which no client asks again after
    assert "request 0 (generateContent, gemini-3.8-flash) was not expected" in answer.json()["error"]["message"]
    assert [asked.body for asked in emulator.unexpected] == [ask()]


async def test_a_brain_that_fails_is_told_by_name() -> None:
    def brain(asked: Asked) -> Reply:
        raise KeyError("city")

    answer = await post(Emulator(brain=brain), ask())

    assert "the brain failed on request 0: KeyError: 'city'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("profile", "error_keys"),
    [("google", {"code", "message", "status", "details"}), ("comet", {"message", "type", "param", "code"})],
)
async def test_a_broken_rule_is_refused_in_the_shape_of_the_service(profile: Profile, error_keys: set[str]) -> None:
    emulator = Emulator(profile=profile)
    emulator.reply(text("not used"))

    answer = await post(emulator, ask(foo=1))

    assert answer.status_code == 400
    assert answer.json()["error"].keys() == error_keys
    assert emulator.queued == 1
    assert [finding.rule for finding in emulator.findings] == ["E1"]


async def test_when_it_is_not_strict_findings_are_only_kept() -> None:
    emulator = Emulator(strict=False)
    emulator.reply(text("Hi."))

    answer = await post(emulator, ask(foo=1))

    assert answer.status_code == 200
    assert [finding.code for finding in emulator.findings] == ["AK101"]


async def test_a_mismatched_response_is_answered_with_nothing() -> None:
    emulator = Emulator()
    emulator.reply(text("not used"))

    answer = await post(emulator, ask(user("Hi"), model(called()), user(answered("other"))))

    assert answer.status_code == 200
    assert answer.json()["candidates"][0]["content"] == {"role": "model"}
    assert emulator.queued == 1


@pytest.mark.parametrize(
    ("profile", "headers", "query", "status", "reason"),
    [
        pytest.param("google", {}, "", 403, "unregistered callers", id="google-no-key"),
        pytest.param("google", {"x-goog-api-key": "bad"}, "", 400, "API_KEY_INVALID", id="google-bad-key"),
        pytest.param("google", {"authorization": "Bearer good"}, "", 401, "ACCESS_TOKEN_TYPE", id="google-bearer"),
        pytest.param("google", {"authorization": "Bearer x", "x-goog-api-key": "good"}, "", 401, "", id="google-both"),
        pytest.param("google", {"x-goog-api-key": "good"}, "", 200, "", id="google-header"),
        pytest.param("google", {}, "?key=good", 200, "", id="google-query"),
        pytest.param("comet", {}, "", 401, "comet_api_error", id="comet-no-key"),
        pytest.param("comet", {"authorization": "Bearer bad"}, "", 401, "invalid token", id="comet-bad-key"),
        pytest.param("comet", {"authorization": "Bearer good"}, "", 200, "", id="comet-bearer"),
        pytest.param("comet", {"x-goog-api-key": "good"}, "", 200, "", id="comet-header"),
    ],
)
async def test_keys_are_judged_as_the_service_does(
    profile: Profile, headers: dict[str, str], query: str, status: int, reason: str
) -> None:
    emulator = Emulator(profile=profile, api_keys={"good"}, brain=lambda asked: [{"text": "Hi."}])

    answer = await post(emulator, ask(), query=query, headers=headers)

    assert (answer.status_code, reason in answer.text) == (status, True)
    assert "bad" not in answer.text


async def test_keys_are_never_recorded() -> None:
    emulator = Emulator(brain=lambda asked: [{"text": "Hi."}])

    await post(emulator, ask(), query="?key=secret&alt=sse", headers={"x-goog-api-key": "secret", "x-more": "1"})

    assert "secret" not in repr(emulator.asked)
    assert emulator.asked[0].path == f"/v1beta/models/{MODEL}:generateContent?alt=sse"
    assert emulator.asked[0].headers["x-more"] == "1"


async def test_a_stream_is_framed_as_recorded() -> None:
    emulator = Emulator()
    emulator.reply(stream("é", "ü"))

    answer = await post(emulator, ask(), "streamGenerateContent", query="?alt=sse")

    events = answer.content.split(b"\r\n\r\n")
    assert answer.headers["content-type"] == "text/event-stream"
    assert events.pop() == b""
    assert all(event.startswith(b"data: {") and b"\n" not in event for event in events)
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    assert [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks] == ["é", "ü", ""]
    assert len({chunk["responseId"] for chunk in chunks}) == 1


async def test_without_alt_sse_a_stream_is_one_json_array() -> None:
    emulator = Emulator()
    emulator.reply(stream("a", "b"))

    answer = await post(emulator, ask(), "streamGenerateContent")

    assert len(answer.json()) == 3
    assert answer.headers["content-type"].startswith("application/json")


async def test_an_error_in_a_stream_is_bare_json_after_the_events() -> None:
    emulator = Emulator()
    emulator.reply(text("a"), error(499))

    answer = await post(emulator, ask(), "streamGenerateContent", query="?alt=sse")

    events, _, rest = answer.text.rpartition("\r\n\r\n")
    assert answer.status_code == 200
    assert events.startswith("data: ")
    assert json.loads(rest)["error"]["status"] == "CANCELLED"


async def test_an_error_before_a_stream_has_its_status_and_is_bare_json() -> None:
    emulator = Emulator()
    emulator.reply(error(429, retry_after_s=3.5))

    answer = await post(emulator, ask(), "streamGenerateContent", query="?alt=sse")

    assert (answer.status_code, answer.headers["content-type"]) == (429, "text/event-stream")
    assert answer.json()["error"]["details"][-1]["retryDelay"] == "3.5s"


async def test_the_gateways_own_errors_look_like_openais() -> None:
    emulator = Emulator(profile="comet")
    emulator.reply(error(500, "no channel", code="invalid_request", retry_after_s=2, gateway=True))

    answer = await post(emulator, ask())

    assert answer.headers["retry-after"] == "2"
    assert answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
async def test_a_404_without_words_says_what_is_said_of_an_unknown_model(profile: Profile, method: str) -> None:
    scripted, strange = Emulator(profile=profile), Emulator(profile=profile, models=["gemini-x"])
    scripted.reply(error(404))

    answers = [await post(emulator, ask(), method, query="?alt=sse") for emulator in (scripted, strange)]
    told, meant = [answer.json()["error"] for answer in answers]

    assert told["message"] == meant["message"]
    assert told["message"].startswith(f"models/{MODEL} is not found for API version v1beta, or is not supported for ")


async def test_any_answer_at_all_can_be_scripted() -> None:
    emulator = Emulator()
    emulator.reply(reply_raw(b"<html>", status=502, content_type="text/html", headers={"X-More": "1"}))

    answer = await post(emulator, ask())

    assert (answer.status_code, answer.content, answer.headers["x-more"]) == (502, b"<html>", "1")


async def test_a_cut_stream_just_ends() -> None:
    emulator = Emulator()
    emulator.reply(text("a"), delay(0), cut())

    answer = await post(emulator, ask(), "streamGenerateContent", query="?alt=sse")

    assert "finishReason" not in answer.text


@pytest.mark.parametrize(
    ("profile", "status", "content_type"),
    [("google", 404, "text/html; charset=UTF-8"), ("comet", 301, "text/html; charset=UTF-8")],
)
async def test_an_address_that_leads_nowhere_is_no_json(profile: Profile, status: int, content_type: str) -> None:
    answer = await get(Emulator(profile=profile), "/v2/models/x")

    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)


async def test_vertex_has_longer_addresses() -> None:
    emulator = Emulator(profile="vertex", brain=lambda asked: [{"text": "Hi."}])
    path = f"/v1beta1/projects/p/locations/global/publishers/google/models/{MODEL}:generateContent"

    transport = httpx.ASGITransport(emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=KEY) as client:
        answer = await client.post(path, json=ask())

    assert answer.status_code == 200


async def test_only_listed_models_exist() -> None:
    emulator = Emulator(models=["gemini-3-flash-preview"])

    refused = await post(emulator, ask())
    listed = (await get(emulator, "/v1beta/models")).json()

    assert refused.status_code == 404
    assert "models/gemini-3.8-flash is not found for API version v1beta" in refused.json()["error"]["message"]
    assert [model["name"] for model in listed["models"]] == ["models/gemini-3-flash-preview"]
    assert (await get(emulator, "/v1beta/models/gemini-3-flash-preview")).json()["inputTokenLimit"] == 1_048_576


async def test_models_come_in_pages() -> None:
    emulator = Emulator(models=["a", "b", "c"])

    first = (await get(emulator, "/v1beta/models?pageSize=2")).json()
    rest = (await get(emulator, f"/v1beta/models?pageSize=2&pageToken={first['nextPageToken']}")).json()

    assert [model["name"] for model in first["models"] + rest["models"]] == ["models/a", "models/b", "models/c"]
    assert "nextPageToken" not in rest


async def test_tokens_are_counted_alone_or_for_a_whole_request() -> None:
    emulator = Emulator()
    whole = {"generateContentRequest": {"model": f"models/{MODEL}", **ask(tools=[WEATHER])}}

    alone = (await post(emulator, ask(user("x" * 40)), "countTokens")).json()
    counted = (await post(emulator, whole, "countTokens")).json()
    refused = await post(emulator, {}, "countTokens")

    assert alone["totalTokens"] in range(10, 13)
    assert counted["totalTokens"] > 5
    assert refused.status_code == 400
    assert emulator.requests == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
async def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    answer = await post(Emulator(), body)

    assert answer.status_code == 400
    assert "Invalid JSON payload" in answer.json()["error"]["message"]


async def test_signatures_of_recorded_answers_are_known_again() -> None:
    emulator = Emulator()
    signed = {"functionCall": {"name": "weather", "args": {}, "id": "r1"}, "thoughtSignature": "UmVjb3JkZWQ="}
    emulator.reply(recorded([{"candidates": [{"content": {"role": "model", "parts": [signed]}}]}]))
    emulator.reply(text("Four."))

    await post(emulator, ask(tools=[WEATHER]))
    answer = await post(emulator, ask(user("Hi"), model(signed), user(answered(call_id="r1")), tools=[WEATHER]))

    assert answer.status_code == 200


async def test_a_lost_signature_is_refused_with_the_services_words() -> None:
    emulator = Emulator()
    emulator.reply(call("weather", city="Oslo"))

    first = (await post(emulator, ask(tools=[WEATHER]))).json()["candidates"][0]["content"]
    made = first["parts"][0]
    lost = {"functionCall": made["functionCall"]}
    again = ask(user("Hi"), model(lost), user(answered(call_id=made["functionCall"]["id"])), tools=[WEATHER])

    answer = await post(emulator, again)

    assert answer.status_code == 400
    assert "Function call is missing a thought_signature" in answer.json()["error"]["message"]


async def test_counts_are_part_of_each_answer() -> None:
    emulator = Emulator()
    emulator.reply(text("Hi."), usage(cachedContentTokenCount=3))

    counts = (await post(emulator, ask())).json()["usageMetadata"]

    assert counts["cachedContentTokenCount"] == 3
    assert counts["totalTokenCount"] == counts["promptTokenCount"] + counts["candidatesTokenCount"]


async def test_it_has_no_address_before_it_is_served() -> None:
    with pytest.raises(RuntimeError, match=r"with serve\(emulator\)"):
        _ = Emulator().url


async def test_replies_may_be_made_beforehand() -> None:
    emulator = Emulator()
    prepared = reply(text("Hi."))
    emulator.reply(prepared)

    assert (await post(emulator, ask())).status_code == 200
