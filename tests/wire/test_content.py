"""Contents and parts, and the history that is encoded once."""

import json
from typing import Any

import pytest

from agentkit.wire import (
    Blob,
    Content,
    CountTokensRequest,
    FunctionCall,
    GenerateContentRequest,
    GenerationConfig,
    History,
    Part,
    Tool,
    ToolCodeExecution,
    WireError,
    user_text,
)


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        pytest.param({"text": ""}, "text", id="empty text"),
        pytest.param({"functionCall": {}, "thoughtSignature": "AA=="}, "function_call", id="a signed call"),
        pytest.param({"inlineData": {"data": "AA=="}, "videoMetadata": {}}, "inline_data", id="media with annotations"),
        pytest.param({"thought": True, "hologram": {}}, "hologram", id="a kind of next year"),
        pytest.param({"thoughtSignature": "AA=="}, None, id="a lone signature"),
        pytest.param({}, None, id="an empty part"),
    ],
)
def test_the_kind_of_a_part_is_its_data_field(wire: dict[str, Any], kind: str | None) -> None:
    assert Part.parse(wire).kind == kind


def test_a_content_tells_its_text_without_thoughts_and_its_calls_in_order() -> None:
    content = Content(
        role="model",
        parts=[
            Part(text="Let me think.", thought=True),
            Part(text="It is "),
            Part(function_call=FunctionCall(name="a", id="1")),
            Part(text="warm."),
            Part(function_call=FunctionCall(name="b")),
        ],
    )

    assert content.text == "It is warm."
    assert [call.name for call in content.function_calls] == ["a", "b"]


@pytest.mark.parametrize("wire", [{}, {"role": "model"}, {"parts": None}, {"parts": []}, {"parts": "odd"}], ids=str)
def test_a_content_without_parts_has_no_text_and_no_calls(wire: dict[str, Any]) -> None:
    content = Content.parse(wire)

    assert (content.text, content.function_calls) == ("", [])
    assert content.to_wire() == wire


def test_a_function_response_echoes_an_id_only_if_there_is_one() -> None:
    named = Part.from_function_response(name="f", response={"output": 1})
    with_id = Part.from_function_response(name="f", response={"output": 1}, id="x1")

    assert named.to_wire() == {"functionResponse": {"name": "f", "response": {"output": 1}}}
    assert with_id.to_wire() == {"functionResponse": {"name": "f", "response": {"output": 1}, "id": "x1"}}


def test_a_history_is_its_contents_as_a_json_array() -> None:
    history = History([user_text("Hi")])
    history.append(Content.parse({"role": "model", "parts": [{"text": "Ho", "thoughtSignature": "AA=="}], "new": 5.0}))

    wire: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Ho", "thoughtSignature": "AA=="}], "new": 5.0},
    ]
    assert history.to_wire() == json.loads(history.encode()) == wire
    assert History.parse(wire) == History.parse(history.encode()) == history
    assert len(history) == 2
    assert history[-1].text == "Ho"
    assert [content.role for content in reversed(history)] == ["model", "user"]
    assert history == [history[0], history[1]]
    assert history != History()
    assert History().encode() == b"[]"


def test_copies_and_slices_of_a_history_go_their_own_way() -> None:
    history = History([user_text("1"), user_text("2"), user_text("3")])
    twin, tail = history.copy(), history[1:]

    history.append(user_text("4"))

    assert [content.text for content in twin] == ["1", "2", "3"]
    assert [content.text for content in tail] == ["2", "3"]
    assert json.loads(tail.encode()) == tail.to_wire()


def test_a_content_that_cannot_be_sent_does_not_enter_the_history() -> None:
    history = History([user_text("Hi")])

    with pytest.raises(WireError, match="Content holds what JSON cannot hold"):
        history.append(Content(parts=[Part.from_function_response(name="f", response={"output": object()})]))

    assert history == [user_text("Hi")]


@pytest.mark.parametrize("data", [b"{}", "[1]", b"[", "null"])
def test_only_an_array_of_contents_is_a_history(data: bytes | str) -> None:
    with pytest.raises(WireError, match="History expected"):
        History.parse(data)


def test_a_request_is_encoded_with_the_bytes_of_its_history() -> None:
    history = History([user_text("Hi")])
    request = GenerateContentRequest(
        contents=history,
        tools=[Tool(code_execution=ToolCodeExecution())],
        generation_config=GenerationConfig(temperature=0.5),
    )

    assert json.loads(request.encode()) == request.to_wire()
    assert request.to_wire() == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [{"codeExecution": {}}],
        "generationConfig": {"temperature": 0.5},
    }
    assert history.encode() in request.encode()


@pytest.mark.parametrize("kind", [list, tuple, History])
def test_a_request_takes_any_sequence_of_contents(kind: Any) -> None:
    contents = kind([user_text("Hi")])

    built = GenerateContentRequest(contents=contents)
    replaced = GenerateContentRequest(contents=[]).replace(contents=contents)

    assert built.encode() == replaced.encode() == b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}'
    assert GenerateContentRequest.parse(built.encode()).contents == built.contents


def test_a_request_does_not_grow_with_the_history_that_it_was_made_from() -> None:
    history = History([user_text("Hi")])
    request = GenerateContentRequest(contents=history)

    history.append(user_text("and more"))

    assert len(request.contents) == 1
    assert b"more" not in request.encode()


def test_requests_without_contents_and_copies_with_other_settings() -> None:
    request = GenerateContentRequest(contents=[user_text("Hi")], generation_config=GenerationConfig(seed=1))

    colder = request.with_generation(temperature=0)

    assert GenerateContentRequest(cached_content="cachedContents/x").encode() == b'{"cachedContent":"cachedContents/x"}'
    assert list(GenerateContentRequest().contents) == []
    assert colder.to_wire()["generationConfig"] == {"seed": 1, "temperature": 0}
    assert request.to_wire()["generationConfig"] == {"seed": 1}
    assert GenerateContentRequest().with_generation(seed=2).encode() == b'{"generationConfig":{"seed":2}}'


def test_a_token_count_may_be_asked_for_contents_or_for_a_whole_request() -> None:
    request = GenerateContentRequest(contents=[user_text("Hi")], model="models/m")

    assert json.loads(CountTokensRequest(contents=[user_text("Hi")]).encode()) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]
    }
    assert json.loads(CountTokensRequest(generate_content_request=request).encode()) == {
        "generateContentRequest": request.to_wire()
    }
    assert CountTokensRequest().encode() == b"{}"


def test_half_characters_in_a_history_are_replaced() -> None:
    history = History([Content(parts=[Part(text="a\ud800b"), Part(inline_data=Blob(data="AA=="))])])

    assert json.loads(history.encode().decode())[0]["parts"][0] == {"text": "a\N{REPLACEMENT CHARACTER}b"}
