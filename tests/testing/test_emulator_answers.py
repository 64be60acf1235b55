"""What can be scripted, as an answer: odd candidates, Gemini's own tools, and the counts of tokens."""

import base64
from typing import Any

import pytest

from agentkit.testing import Emulator, call, code, empty, finish, part, reply, stream, text, thought
from agentkit.testing.finding import Profile
from agentkit.testing.items import Item
from agentkit.testing.script import (
    blocked,
    candidate,
    continuation,
    media,
    places,
    read_urls,
    search,
    server_tool,
    without,
)
from tests.testing.asking import generate, send
from tests.testing.requests_made import WEATHER, ask, user

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
IMAGE = "iVBORw0KGgo="

Json = dict[str, Any]


async def candidate_of(*items: Item, model: str = MODEL, profile: Profile = "google", **body: Any) -> Json:
    emulator = Emulator(profile=profile, seed=1)
    emulator.reply(*items)
    answer = await generate(emulator, ask(**body), model=model)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["candidates"][0]
    return found


async def usage_of(*items: Item, model: str = MODEL, contents: list[Json] | None = None, **body: Any) -> Json:
    emulator = Emulator(seed=1)
    emulator.reply(*items)
    answer = await generate(emulator, ask(*(contents or []), **body), model=model)
    found: Json = answer.json()["usageMetadata"]
    return found


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([empty()], {"content": {"role": "model"}, "finishReason": "STOP"}, id="nothing-said"),
        pytest.param([finish("SAFETY")], {"content": {}, "finishReason": "SAFETY"}, id="safety"),
        pytest.param([finish("RECITATION")], {"finishReason": "RECITATION"}, id="recitation"),
        pytest.param([finish("BRAND_NEW")], {"content": {}, "finishReason": "BRAND_NEW"}, id="unknown-reason"),
        pytest.param(
            [finish("MALFORMED_FUNCTION_CALL", "Malformed function call: print(")],
            {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed function call: print("},
            id="malformed",
        ),
        pytest.param(
            [part({"text": ""}), finish("STOP")],
            {"content": {"role": "model"}, "finishReason": "STOP"},
            id="empty-text-is-dropped-from-a-whole-answer",
        ),
        pytest.param(
            [part({"functionCall": {"name": "f"}}), part({"functionCall": {"name": "f"}})],
            {
                "content": {"parts": [{"functionCall": {"name": "f"}}] * 2, "role": "model"},
                "finishReason": "STOP",
                "finishMessage": "Model generated function call(s).",
            },
            id="calls-without-args-and-ids",
        ),
        pytest.param(
            [part({"newKind": {"n": 5.0}})],
            {"content": {"parts": [{"newKind": {"n": 5.0}}], "role": "model"}, "finishReason": "STOP"},
            id="unknown-part",
        ),
        pytest.param(
            [text("Hi."), without("content", "finishReason"), candidate(avgLogprobs=-0.5)],
            {"avgLogprobs": -0.5},
            id="fields-more-and-fewer",
        ),
    ],
)
async def test_an_odd_candidate_has_the_recorded_shape(items: list[Item], expected: Json) -> None:
    assert await candidate_of(*items) == expected | {"index": 0}


async def test_an_integer_may_come_as_a_float() -> None:
    emulator = Emulator()
    emulator.reply(call("weather", day=5.0))

    assert '"day": 5.0' in (await generate(emulator, ask())).text


async def test_any_field_can_be_missing() -> None:
    emulator = Emulator()
    emulator.reply(text("Hi."), without("usageMetadata", "responseId", "index"))

    answer = (await generate(emulator, ask())).json()

    assert set(answer) == {"candidates", "modelVersion"}
    assert set(answer["candidates"][0]) == {"content", "finishReason"}


async def test_only_vertex_says_why_a_prompt_is_blocked() -> None:
    feedback = []
    for profile in ("google", "vertex"):
        emulator = Emulator(profile=profile)  # type: ignore[arg-type]  # the loop widens the type
        emulator.reply(blocked("PROHIBITED_CONTENT", "Reasons"))
        feedback.append((await generate(emulator, ask())).json()["promptFeedback"])

    assert feedback == [
        {"blockReason": "PROHIBITED_CONTENT"},
        {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "Reasons"},
    ]


async def test_an_answer_in_hops_goes_on_with_its_token_and_only_for_the_same_request() -> None:
    emulator = Emulator()
    emulator.reply(text("One, "), continuation())
    emulator.reply(text("two."))

    first = (await generate(emulator, ask(), model="gemini-4-neon")).json()["candidates"][0]
    token = first["continuationToken"]
    other = await generate(emulator, ask(user("Else"), continuationToken=token), model="gemini-4-neon")
    second = await generate(emulator, ask(continuationToken=token), model="gemini-4-neon")

    assert first["finishReason"] == "CONTINUATION"
    assert (other.status_code, second.status_code) == (400, 200)
    assert second.json()["candidates"][0]["content"]["parts"][0]["text"] == "two."


async def test_a_search_supports_the_text_in_bytes() -> None:
    metadata = (await candidate_of(text("Größe"), search("size", pages={"A page": "https://example.com/a"})))[
        "groundingMetadata"
    ]

    assert metadata["webSearchQueries"] == ["size"]
    assert metadata["groundingChunks"] == [{"web": {"uri": "https://example.com/a", "title": "A page"}}]
    [support] = metadata["groundingSupports"]
    assert support == {"segment": {"endIndex": 7, "text": "Größe"}, "groundingChunkIndices": [0]}


async def test_places_and_pages_are_told_on_the_candidate() -> None:
    found = await candidate_of(text("Here."), places("pizza", {"Joe's": "https://maps.example.com/1"}))
    read = await candidate_of(text("Read."), read_urls("https://example.com/a"))

    assert found["groundingMetadata"]["groundingChunks"][0]["maps"]["placeId"] == "places/1"
    assert read["urlContextMetadata"]["urlMetadata"] == [
        {"retrievedUrl": "https://example.com/a", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}
    ]


async def test_code_may_draw_a_picture() -> None:
    parts = (await candidate_of(code("plot()", "done"), media(IMAGE, "image/png"), text("Look.")))["content"]["parts"]

    assert [next(iter(part)) for part in parts] == ["executableCode", "codeExecutionResult", "inlineData", "text"]
    assert parts[0]["executableCode"]["id"] == parts[1]["codeExecutionResult"]["id"]
    assert [("thoughtSignature" in part) for part in parts] == [True, False, True, True]


async def test_media_are_given_as_bytes_or_as_base64() -> None:
    given = await candidate_of(media(base64.b64decode(IMAGE), "image/png"), media(IMAGE, "image/png"))

    sent = [part["inlineData"]["data"] for part in given["content"]["parts"] if "inlineData" in part]
    assert sent == [IMAGE, IMAGE]


@pytest.mark.parametrize("data", [None, 3, {}], ids=lambda data: type(data).__name__)
def test_media_that_are_neither_are_refused_in_words(data: Any) -> None:
    with pytest.raises(TypeError, match="takes the bytes of a file, or its base64, not"):
        media(data, "image/png")


async def test_the_services_own_tools_come_back_as_they_were() -> None:
    emulator = Emulator()
    emulator.reply(server_tool("GOOGLE_SEARCH_WEB", {"queries": ["x"]}, {"search_suggestions": "y"}), call("weather"))
    emulator.reply(text("Done."))
    flag = {"toolConfig": {"includeServerSideToolInvocations": True}, "tools": [WEATHER, {"googleSearch": {}}]}

    said = (await generate(emulator, ask(**flag))).json()["candidates"][0]["content"]
    called, answered, asked = said["parts"]
    response = {"functionResponse": {"id": asked["functionCall"]["id"], "name": "weather", "response": {}}}
    second = await generate(emulator, ask(user("Hi"), said, user(response), **flag))

    assert called["toolCall"]["id"] == answered["toolResponse"]["id"]
    assert "thoughtSignature" in called
    assert "thoughtSignature" in answered
    assert second.status_code == 200, second.text


async def test_the_prompt_counts_contents_instructions_and_tools() -> None:
    alone = await usage_of(text("Hi."))
    instructed = await usage_of(text("Hi."), systemInstruction={"parts": [{"text": "x" * 400}]})
    with_tools = await usage_of(text("Hi."), tools=[WEATHER])

    assert instructed["promptTokenCount"] - alone["promptTokenCount"] == 100
    assert with_tools["promptTokenCount"] > alone["promptTokenCount"]


async def test_media_are_counted_by_their_kind() -> None:
    blobs = [
        {"inlineData": {"mimeType": kind, "data": IMAGE}} for kind in ("image/png", "audio/wav", "application/pdf")
    ]

    old = await usage_of(text("Hi."), model="gemini-2.5-flash", contents=[user("x" * 40, *blobs)])
    new = await usage_of(text("Hi."), contents=[user("x" * 40, *blobs)])

    counted = {detail["modality"]: detail["tokenCount"] for detail in old["promptTokensDetails"]}
    assert counted == {"TEXT": counted["TEXT"], "IMAGE": 258, "AUDIO": 113, "DOCUMENT": 258}
    assert sum(counted.values()) == old["promptTokenCount"]
    assert new["promptTokenCount"] - old["promptTokenCount"] == 1088 - 258


async def test_the_total_holds_the_tools_own_tokens() -> None:
    usage = await usage_of(thought("Hm, hm."), code("print(4)", "4" * 40), text("Four."))

    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")
    assert all(usage[name] > 0 for name in parts)
    assert usage["totalTokenCount"] == sum(usage[name] for name in parts)


@pytest.mark.parametrize(
    ("items", "budget", "words", "reason"),
    [
        pytest.param([text("a" * 40)], 10, "a" * 40, "STOP", id="it-fits"),
        pytest.param([text("a" * 40)], 4, "a" * 16, "MAX_TOKENS", id="the-text-is-cut"),
        pytest.param([thought("b" * 40), text("a" * 40)], 12, "a" * 8, "MAX_TOKENS", id="thoughts-count"),
        pytest.param([thought("b" * 40), text("a" * 40)], 5, None, "MAX_TOKENS", id="thoughts-eat-it-all"),
        pytest.param([call("weather", city="O" * 400)], 10, None, "MALFORMED_FUNCTION_CALL", id="a-call-is-none"),
        pytest.param([text("a" * 40), finish("STOP")], 4, "a" * 40, "STOP", id="the-script-decides"),
    ],
)
async def test_a_small_budget_cuts_the_answer(items: list[Item], budget: int, words: str | None, reason: str) -> None:
    answer = await candidate_of(*items, tools=[WEATHER], generationConfig={"maxOutputTokens": budget})

    assert answer["finishReason"] == reason
    parts = answer.get("content", {}).get("parts", [])
    assert [part["text"] for part in parts] == ([] if words is None else [words])


async def test_a_prompt_above_the_limit_is_refused() -> None:
    refused = await generate(Emulator(), ask(user("x" * (1_048_576 * 4 + 1))))

    assert refused.status_code == 400
    assert refused.json()["error"]["message"].endswith("exceeds the maximum number of tokens allowed (1048576).")


async def test_older_models_give_as_many_candidates_as_asked_for() -> None:
    emulator = Emulator()
    emulator.reply(stream("a", "b"))

    answer = await generate(emulator, ask(generationConfig={"candidateCount": 3}), model="gemini-2.5-flash")

    candidates = answer.json()["candidates"]
    assert [candidate["index"] for candidate in candidates] == [0, 1, 2]
    assert [candidate["content"]["parts"][0]["text"] for candidate in candidates] == ["ab"] * 3


async def test_a_brain_that_gives_no_answer_is_told() -> None:
    answer = await generate(Emulator(brain=lambda asked: None), ask())  # type: ignore[arg-type, return-value]

    assert answer.status_code == 501
    assert "the brain failed on request 0" in answer.json()["error"]["message"]


async def test_vertex_counts_what_google_refuses_at_the_top() -> None:
    body = {**ask(), "systemInstruction": {"parts": [{"text": "x" * 400}]}}
    path = f"/v1beta1/publishers/google/models/{MODEL}:countTokens"

    counted = await send(Emulator(profile="vertex"), "POST", path, body)
    refused = await send(Emulator(), "POST", f"/v1beta/models/{MODEL}:countTokens", body)

    assert counted.json()["totalTokens"] > 100
    assert counted.json()["totalBillableCharacters"] >= 400
    assert refused.status_code == 400


async def test_replies_are_taken_apart() -> None:
    assert reply(reply(text("a")), text("b")).items == (text("a"), text("b"))
