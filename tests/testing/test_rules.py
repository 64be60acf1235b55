"""What the judge takes, and how its findings read. What it refuses stands in `bad_requests.py`, mistake by mistake."""

from typing import Any

import pytest

from agentkit.models import known_models
from agentkit.testing import check_request
from tests.testing.bad_requests import config, declared, json_declared, media, property_of, response, thinking
from tests.testing.requests_made import WEATHER, Json, answered, ask, called, judge, model, rules_of, user

SEARCH: Json = {"googleSearch": {}}
FLAG: Json = {"includeServerSideToolInvocations": True}
JSON_MODE: Json = {"responseMimeType": "application/json"}
TREE: Json = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Tree"}}}
PNG: Json = {"mimeType": "image/png", "data": "AAAA"}


def test_a_plain_request_is_fine() -> None:
    assert judge(ask(user("Hi"), tools=[WEATHER])) == []


def test_a_whole_round_of_calls_is_fine() -> None:
    history = [
        user("Hi"),
        model(called(), called(call_id="b2", signed=False)),
        user(answered(), answered(call_id="b2")),
    ]

    assert judge(ask(*history, tools=[WEATHER])) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"contents": {"parts": {"text": "Hi"}}}, id="one-object-for-a-list"),
        pytest.param({"contents": [user("Hi")], "system_instruction": {"parts": [{"text": "x"}]}}, id="snake-case"),
        pytest.param(ask(tools=None, generationConfig={"seed": None}), id="null-is-absent"),
        pytest.param(thinking(thinking_level="low"), id="enums-in-lower-case"),
        pytest.param(ask(generationConfig={"maxOutputTokens": "40", "topK": 40.0}), id="numbers-as-strings-and-floats"),
        pytest.param(ask(model(called("f") | {"thoughtSignature": "-_-_"}), user(answered("f"))), id="base64url"),
    ],
)
def test_what_the_parser_tolerates_is_no_shape_error(body: Json) -> None:
    assert not {"E1", "E2", "E3"} & set(rules_of(judge(body, on="gemini-3.5-flash")))


@pytest.mark.parametrize(
    ("body", "on", "profile"),
    [
        pytest.param(ask(user("Hi"), model("Yes")), "gemini-3.5-flash", "google", id="prefill-before-3.6"),
        pytest.param(
            ask(user("Hi"), model(called()), user(answered(), "text")),
            "gemini-3.8-flash",
            "google",
            id="mixed",
        ),
        pytest.param(
            ask(user("Hi"), model(called()), user(answered()), user("text")), "gemini-3.8-flash", "vertex", id="split"
        ),
        pytest.param(
            ask(toolConfig={"functionCallingConfig": {"mode": "AUTO"}}), "gemini-3.8-flash", "vertex", id="config-alone"
        ),
        pytest.param(
            ask(tools=[WEATHER, SEARCH], toolConfig=FLAG), "gemini-3.8-flash", "google", id="built-in-and-functions"
        ),
        pytest.param(
            ask(tools=[WEATHER], generationConfig=JSON_MODE), "gemini-3.8-flash", "google", id="json-and-functions"
        ),
        pytest.param(
            ask(user("Hi"), model(called(call_id=None, signed=False)), user(answered(call_id=None))),
            "gemini-2.5-flash",
            "google",
            id="2.5-without-ids-and-signatures",
        ),
        pytest.param(
            ask(user("1"), model(called(signed=False)), user(answered()), model("Ok"), user("2")),
            "gemini-3.8-flash",
            "google",
            id="signatures-of-earlier-turns",
        ),
        pytest.param(
            ask(user("Hi"), model(called()), model(called(call_id="b")), user(answered(), answered(call_id="b"))),
            "gemini-3.8-flash",
            "google",
            id="two-model-contents-are-one-turn",
        ),
        pytest.param(
            ask(user("Hi"), model(called(), called(call_id="b")), user(answered(call_id="b"), answered())),
            "gemini-3.8-flash",
            "google",
            id="any-order-with-ids",
        ),
        pytest.param(
            declared(parameters={"type": "OBJECT", "additionalProperties": 1}),
            "gemini-3.8-flash",
            "vertex",
            id="additionalProperties-on-vertex",
        ),
        pytest.param(
            declared(
                parameters={"type": "OBJECT", "properties": {"x": {"ref": "#/defs/X"}}, "defs": {"X": {"type": "NULL"}}}
            ),
            "gemini-3.8-flash",
            "vertex",
            id="a-reference-to-a-definition-on-vertex",
        ),
        pytest.param(property_of(anyOf=[{"type": "STRING"}]), "gemini-3.8-flash", "google", id="anyOf-without-a-type"),
        pytest.param(property_of(type="ARRAY", items={"type": "STRING"}), "gemini-2.5-flash", "google", id="an-array"),
        pytest.param(property_of(type="STRING", format="uri"), "gemini-3.8-flash", "vertex", id="formats-on-vertex"),
        pytest.param(
            json_declared(properties={"x": {"$ref": "#/$defs/Tree"}}, **{"$defs": {"Tree": TREE}}),
            "gemini-3.8-flash",
            "google",
            id="a-cycle-through-an-optional-property",
        ),
        pytest.param(
            json_declared(properties={"x": {"$ref": "#tree"}}, **{"$defs": {"Tree": {**TREE, "$anchor": "tree"}}}),
            "gemini-3.8-flash",
            "google",
            id="a-reference-by-its-anchor",
        ),
        pytest.param(
            json_declared(properties={"x": {"$ref": "#/properties/y/prefixItems/0"}, "y": {"prefixItems": [{}]}}),
            "gemini-3.8-flash",
            "google",
            id="a-reference-into-a-list",
        ),
        pytest.param(
            json_declared(properties={"x": {"maxItems": 960}}), "gemini-3.8-flash", "google", id="960-items-at-most"
        ),
        pytest.param(
            json_declared(properties={"x": {"maxItems": 961}}), "gemini-2.5-flash", "google", id="more-items-on-2.5"
        ),
        pytest.param(response(response={}), "gemini-3.8-flash", "google", id="an-empty-response"),
        pytest.param(response(response={"a": {"$ref": "x"}}), "gemini-3.8-flash", "vertex", id="ref-on-vertex"),
        pytest.param(
            response(response={"a": {"$ref": "x"}}, parts=[{"inlineData": {**PNG, "displayName": "x"}}]),
            "gemini-3.8-flash",
            "google",
            id="a-reference-to-a-part",
        ),
        pytest.param(
            response(parts=[{"inlineData": {"mimeType": "application/vnd.ms-excel", "data": "AAAA"}}]),
            "gemini-4-hydrogen",
            "google",
            id="office-files-in-responses-on-gemini-4",
        ),
        pytest.param(media(inlineData={**PNG, "mimeType": "image/gif"}), "gemini-3.5-flash", "google", id="gif-on-3"),
        pytest.param(
            media(fileData={"fileUri": "https://youtu.be/x"}), "gemini-2.0-flash", "google", id="youtube-on-2.0"
        ),
        pytest.param(media(fileData={"fileUri": "https://a.example/b"}), "gemini-3.5-flash", "google", id="links-on-3"),
        pytest.param(config(responseLogprobs=True, logprobs=20), "gemini-2.5-pro", "vertex", id="logprobs-on-vertex"),
        pytest.param(config(responseModalities=["IMAGE"]), "gemini-3-pro-image", "google", id="images-of-image-models"),
        pytest.param(
            config(responseModalities=["VIDEO"]), "gemini-omni-1.2-flash", "google", id="unknown-models-make-more"
        ),
        pytest.param(config(maxOutputTokens=1_000_000), "gemini-4-neon", "google", id="long-answers-of-gemini-4"),
        pytest.param(
            config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]}),
            "gemini-3.8-flash",
            "google",
            id="an-enum-as-the-answer",
        ),
        pytest.param(ask(cachedContent="cachedContents/x"), "gemini-3.8-flash", "google", id="a-cache-alone"),
        pytest.param(
            ask(cachedContent="projects/p/locations/l/cachedContents/x"),
            "gemini-3.8-flash",
            "vertex",
            id="a-long-cache-name",
        ),
        pytest.param(ask(cachedContent="cachedContents/x"), "gemini-flash-latest", "google", id="caches-of-aliases"),
        pytest.param(ask(tools=[{"urlContext": {}}, SEARCH]), "gemini-2.5-flash", "google", id="several-built-ins"),
        pytest.param(ask(labels={"team-1": "a_b"}), "gemini-3.8-flash", "vertex", id="labels"),
        pytest.param(
            ask(safetySettings=[{"category": "HARM_CATEGORY_JAILBREAK"}]),
            "gemini-3.8-flash",
            "vertex",
            id="jailbreak-on-vertex",
        ),
    ],
)
def test_these_are_taken(body: Json, on: str, profile: Any) -> None:
    assert rules_of(judge(body, on, profile)) == []


def test_a_mismatch_on_google_is_an_empty_answer_and_on_vertex_a_refusal() -> None:
    body = ask(user("Hi"), model(called()), user(answered("other")))

    [google], [vertex] = judge(body), judge(body, profile="vertex")

    assert (google.effect, google.status) == ("empty_stop", 200)
    assert (vertex.effect, vertex.status) == ("refuse", 400)


def test_all_violations_of_the_shape_are_told_at_once() -> None:
    body = ask(user({"text": 1, "foo": 2}), bar=3)

    assert sorted(rules_of(judge(body))) == ["E1", "E1", "E2"]


def test_an_id_that_is_left_out_is_a_warning_because_googles_own_client_does_it() -> None:
    body = ask(user("Hi"), model(called()), user(answered(call_id=None)))

    assert rules_of(judge(body)) == []
    assert rules_of(judge(body), "warning") == ["E11"]


def test_what_only_another_backend_refuses_is_a_warning() -> None:
    body = ask(user("Hi"), model(called()), user(answered(), "text"))

    assert rules_of(judge(body), "warning") == ["E10"]


def test_what_is_said_about_a_stream_is_not_said_about_a_whole_answer() -> None:
    body = config(responseLogprobs=True)

    streamed, whole = (check_request(body, model="gemini-2.0-flash", streamed=streamed) for streamed in (True, False))

    assert [finding.mistake for finding in streamed] == ["config.logprobs_streamed"]
    assert whole == []


def test_of_a_long_chain_of_schemas_the_mistake_is_told_where_it_is() -> None:
    body = property_of(type="ARRAY", items={"type": "OBJECT", "properties": {"y": {"anyOf": [{"type": "ARRAY"}]}}})

    [finding] = judge(body)

    assert (
        finding.path == "tools[0].function_declarations[0].parameters.properties[x].items.properties[y].any_of[0].items"
    )


def test_a_finding_has_a_code_and_reads_as_a_sentence() -> None:
    [finding] = judge(ask(foo=1))

    assert finding.code == "AK101"
    assert str(finding).startswith("AK101 error at the request: Invalid JSON payload received.")


@pytest.mark.parametrize("on", [known.id for known in known_models() if "TEXT" in known.output])
def test_a_plain_question_is_taken_by_every_model(on: str) -> None:
    assert rules_of(judge(ask(), on)) == []
