"""What the judge says about requests: one table row for each thing that the service refuses, and for each it takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.models import known_models
from agentkit.testing.finding import Finding
from tests.testing.requests_made import (
    WEATHER,
    Json,
    answered,
    ask,
    called,
    judge,
    model,
    rules_of,
    user,
)

SEARCH: Json = {"googleSearch": {}}
FLAG: Json = {"includeServerSideToolInvocations": True}
JSON_MODE: Json = {"responseMimeType": "application/json"}


def declared(**declaration: Any) -> Json:
    return ask(tools=[{"functionDeclarations": [{"name": "f", **declaration}]}])


def thinking(**config: Any) -> Json:
    return ask(generationConfig={"thinkingConfig": config})


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


REFUSED = [
    ("E1-at-the-top", ask(foo=1), "E1", 'Unknown name "foo": Cannot find field.'),
    (
        "E1-inside",
        declared(parameters={"type": "OBJECT", "properties": {"x": {"type": "STRING", "const": 1}}}),
        "E1",
        "Unknown name \"const\" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot",
    ),
    ("E1-private-part-key", ask(user({"text": "a", "id": "1"})), "E1", "Unknown name \"id\" at 'contents[0].parts[0]'"),
    (
        "E2-list-for-a-scalar",
        declared(parameters={"type": ["STRING", "NULL"]}),
        "E2",
        "Unknown name \"type\" at 'tools[0].function_declarations[0].parameters': Proto field is not repeating",
    ),
    (
        "E2-number-in-enum",
        declared(parameters={"type": "OBJECT", "properties": {"x": {"type": "STRING", "enum": [6]}}}),
        "E2",
        "properties[0].value.enum[0]' (TYPE_STRING), 6",
    ),
    ("E2-unknown-enum", ask(toolConfig={"functionCallingConfig": {"mode": "MAYBE"}}), "E2", '"MAYBE"'),
    ("E2-bad-base64", ask(model(called() | {"thoughtSignature": "%%"}), user("x")), "E2", "Base64 decoding failed"),
    ("E2-text-for-a-message", ask(generationConfig="warm"), "E2", 'GenerationConfig), "warm"'),
    ("E2-no-object", ["contents"], "E2", "Root element"),
    ("E3-two-data-fields", ask(user({"text": "a", "functionCall": {"name": "f"}})), "E3", "oneof field 'data'"),
    ("E4-empty-part", ask(user("Hi", {})), "E4", "contents[0].parts[1].data: required oneof"),
    ("E5-no-contents", {"contents": []}, "E5", "contents is not specified"),
    ("E5-no-parts", ask(user("Hi"), model(), user("x")), "E5", "contents[1].parts: contents.parts must not be empty."),
    (
        "E6-role-function",
        ask({"role": "function", "parts": [{"text": "x"}]}),
        "E6",
        "Role 'function' is not supported.",
    ),
    ("E7-call-by-the-user", ask(user(called())), "E7", "invalid argument"),
    (
        "E8-history-begins-with-a-call",
        ask(model(called()), user(answered())),
        "E8",
        "function call turn comes",
    ),
    (
        "E8-response-without-a-call",
        ask(user("Hi"), model("Yes"), user(answered())),
        "E8",
        "function response turn",
    ),
    (
        "E8-one-answer-for-two-calls",
        ask(user("Hi"), model(called(), called()), user(answered())),
        "E8",
        "the number of",
    ),
    (
        "E8-unanswered-call",
        ask(user("Hi"), model(called()), user("And?")),
        "E8",
        "the number of function response parts",
    ),
    ("E9-ends-with-the-model", ask(user("Hi"), model("Yes")), "E9", "Requests ending with a model turn"),
    ("E11-wrong-name", ask(user("Hi"), model(called()), user(answered("other"))), "E11", "does not match"),
    ("E11-wrong-id", ask(user("Hi"), model(called()), user(answered(call_id="zz"))), "E11", "does not match"),
    (
        "E11-answered-twice",
        ask(user("Hi"), model(called(), called(call_id="b")), user(answered(), answered())),
        "E11",
        "does not match",
    ),
    (
        "E12-response-is-a-text",
        ask(user("Hi"), model(called()), user({"functionResponse": {"name": "weather", "response": "4"}})),
        "E12",
        "google.protobuf.Struct",
    ),
    (
        "E13-no-signature",
        ask(user("Hi"), model(called(signed=False)), user(answered())),
        "E13",
        "function call `default_api:weather` , position 2.",
    ),
    ("E15-bad-name", ask(tools=[{"functionDeclarations": [{"name": "7 up"}]}]), "E15", "Invalid function name."),
    ("E15-long-name", ask(tools=[{"functionDeclarations": [{"name": "x" * 65}]}]), "E15", "maximum length of 64"),
    ("E15-same-name-twice", ask(tools=[WEATHER, WEATHER]), "E15", "Duplicate function declaration found: weather"),
    (
        "E15-too-many",
        ask(tools=[{"functionDeclarations": [{"name": f"f{n}"} for n in range(513)]}]),
        "E15",
        "At most 512 function declarations",
    ),
    ("E16-two-schemas", declared(parameters={"type": "OBJECT"}, parametersJsonSchema={}), "E16", "mutually exclusive"),
    ("E16-no-object", declared(parametersJsonSchema={"type": "string"}), "E16", "must describe an object"),
    (
        "E17-no-type",
        declared(parameters={"type": "OBJECT", "properties": {"x": {}}}),
        "E17",
        "[x].type: must be",
    ),
    (
        "E17-enum-on-a-number",
        declared(parameters={"type": "OBJECT", "properties": {"x": {"type": "NUMBER", "enum": ["1"]}}}),
        "E17",
        "only allowed for STRING type",
    ),
    ("E17-array-of-what", declared(parameters={"type": "ARRAY"}), "E17", "items: missing field"),
    (
        "E17-requires-unknown",
        declared(parameters={"type": "OBJECT", "required": ["x"]}),
        "E17",
        "is not defined",
    ),
    (
        "E18-sum-of-max-items",
        declared(parametersJsonSchema={"properties": {"x": {"maxItems": 500}, "y": {"items": {"maxItems": 461}}}}),
        "E18",
        "invalid argument",
    ),
    (
        "E19-config-alone",
        ask(toolConfig={"functionCallingConfig": {"mode": "AUTO"}}),
        "E19",
        "without function_declarations",
    ),
    (
        "E20-names-in-auto",
        ask(tools=[WEATHER], toolConfig={"functionCallingConfig": {"allowedFunctionNames": ["weather"]}}),
        "E20",
        "ANY or VALIDATED",
    ),
    (
        "E20-unknown-names",
        ask(tools=[WEATHER], toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["nope"]}}),
        "E20",
        "nope",
    ),
    (
        "E21-no-flag",
        ask(tools=[WEATHER, SEARCH]),
        "E21",
        "Please enable tool_config.include",
    ),
    ("E24-level-not-taken", thinking(thinkingLevel="MINIMAL"), "E24", "Thinking level MINIMAL is not supported"),
    ("E24-both", thinking(thinkingLevel="LOW", thinkingBudget=5), "E24", "not supported together"),
    (
        "E25-cache-and-tools",
        ask(tools=[WEATHER], cachedContent="cachedContents/x"),
        "E25",
        "CachedContent can not",
    ),
    ("E26-no-output", ask(generationConfig={"maxOutputTokens": 0}), "E26", "max_output_tokens"),
    ("E26-two-candidates", ask(generationConfig={"candidateCount": 2}), "E26", "candidate_count"),
    ("E26-six-stops", ask(generationConfig={"stopSequences": list("abcdef")}), "E26", "stop_sequences"),
    ("E26-hot", ask(generationConfig={"temperature": 3}), "E26", "temperature"),
    ("E26-schema-without-json", ask(generationConfig={"responseJsonSchema": {}}), "E26", "application/json"),
]


@pytest.mark.parametrize(("body", "rule", "text"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_googles_newest_models_refuse(body: object, rule: str, text: str) -> None:
    errors = [finding for finding in judge(body) if finding.severity == "error"]

    assert rule in rules_of(errors)
    assert any(text in finding.message for finding in errors)
    assert all(finding.fix for finding in errors)


@pytest.mark.parametrize(
    ("body", "on", "profile", "text"),
    [
        pytest.param(
            ask(user("Hi"), model(called()), user(answered(), "and text")),
            "gemini-3.6-flash",
            "vertex",
            "Requests ending with a model turn are not supported.",
            id="E10-text-after-a-response-on-vertex",
        ),
        pytest.param(
            ask(user("Hi"), model(called(signed=False)), user(answered())),
            "gemini-3-flash-preview",
            "vertex",
            "function call `weather` in the 2. content block is missing a `thought_signature`",
            id="E13-in-the-words-of-vertex",
        ),
        pytest.param(
            ask(tools=[WEATHER, SEARCH]), "gemini-3.8-flash", "comet", "only when they are all search", id="E21-gateway"
        ),
        pytest.param(
            ask(tools=[WEATHER, SEARCH], toolConfig=FLAG),
            "gemini-3.8-flash",
            "vertex",
            "Unknown name \"includeServerSideToolInvocations\" at 'tool_config': Cannot find field.",
            id="E22-vertex-does-not-know-the-flag",
        ),
        pytest.param(
            ask(tools=[WEATHER, SEARCH], toolConfig=FLAG),
            "gemini-2.5-flash",
            "google",
            "Tool call context circulation is not enabled for models/gemini-2.5-flash",
            id="E22-flag-on-2.5",
        ),
        pytest.param(
            ask(tools=[WEATHER, SEARCH]),
            "gemini-2.5-flash",
            "google",
            "Tool use with function calling",
            id="E21-on-2.5",
        ),
        pytest.param(
            ask(tools=[WEATHER], generationConfig=JSON_MODE),
            "gemini-2.5-flash",
            "google",
            "Function calling with a response mime type: 'application/json' is unsupported",
            id="E23-json-and-functions-on-2.5",
        ),
        pytest.param(
            thinking(thinkingLevel="LOW"),
            "gemini-2.5-flash",
            "google",
            "Thinking level is not supported",
            id="E24-on-2.5",
        ),
        pytest.param(
            thinking(thinkingBudget=0), "gemini-2.5-pro", "google", "only works in thinking mode", id="E24-2.5-pro-off"
        ),
        pytest.param(
            ask(
                user("Hi"),
                model(called()),
                user({"functionResponse": {**answered()["functionResponse"], "parts": [{}]}}),
            ),
            "gemini-2.5-flash",
            "vertex",
            "`function_response.parts` is not supported",
            id="E12-media-in-a-response-on-2.5",
        ),
        pytest.param(ask(store=True), "gemini-3.8-flash", "vertex", 'Unknown name "store"', id="E1-google-only-key"),
        pytest.param(
            ask({"role": "tool", "parts": [{"text": "x"}]}),
            "gemini-3.5-flash",
            "google",
            "Please use a valid role: user, model.",
            id="E6-in-the-older-words",
        ),
    ],
)
def test_it_depends_on_model_and_backend(body: Json, on: str, profile: Any, text: str) -> None:
    assert any(text in finding.message for finding in judge(body, on, profile) if finding.severity == "error")


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
            ask(
                tools=[
                    {
                        "functionDeclarations": [
                            {"name": "f", "parameters": {"type": "OBJECT", "additionalProperties": 1}}
                        ]
                    }
                ]
            ),
            "gemini-3.8-flash",
            "vertex",
            id="additionalProperties-on-vertex",
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


def test_a_finding_has_a_code_and_reads_as_a_sentence() -> None:
    [finding] = judge(ask(foo=1))

    assert finding.code == "AK101"
    assert str(finding).startswith("AK101 error at the request: Invalid JSON payload received.")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KEYS = ["contents", "parts", "role", "text", "functionCall", "functionResponse", "name", "args", "tools", "parameters"]
near_requests = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(body=near_requests)
def test_any_json_is_judged_without_a_crash(body: object) -> None:
    findings = judge(body)

    assert all(isinstance(finding, Finding) and finding.message and finding.fix for finding in findings)


@given(body=near_requests)
def test_judging_changes_nothing(body: object) -> None:
    before = json.dumps(body)

    judge(body)

    assert json.dumps(body) == before


@pytest.mark.parametrize("on", [known.id for known in known_models() if "TEXT" in known.output])
def test_a_plain_question_is_taken_by_every_model(on: str) -> None:
    assert rules_of(judge(ask(), on)) == []
