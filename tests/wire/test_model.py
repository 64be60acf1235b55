"""Messages: read tolerantly, kept verbatim, written as they came."""

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PrivateAttr, TypeAdapter, ValidationError, field_validator

import agentkit.wire
from agentkit.wire import (
    Blob,
    Content,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GenerateContentResponse,
    GenerationConfig,
    Part,
    Schema,
    Tool,
    ToolCodeExecution,
    UsageMetadata,
    WireError,
    WireModel,
)

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
known_keys = st.sampled_from(
    ["text", "thought", "functionCall", "inlineData", "args", "id", "parts", "role", "futureKind"]
)
messages = st.dictionaries(known_keys | texts, json_values, max_size=5)


@pytest.mark.rows(58)
@settings(deadline=None)
@given(messages)
def test_any_json_object_goes_back_as_it_came_whatever_the_kinds_of_its_values(wire: dict[str, Any]) -> None:
    for cls in (Part, Content, FunctionCall, GenerateContentResponse):
        from_text, from_object = cls.parse(json.dumps(wire)), cls.parse(wire)

        assert json.dumps(from_text.to_wire()) == json.dumps(from_object.to_wire()) == json.dumps(wire)
        assert json.loads(from_text.encode()) == wire


@settings(deadline=None)
@given(messages)
def test_every_attribute_of_any_message_can_be_read(wire: dict[str, Any]) -> None:
    for message in (Part.parse(wire), Content.parse(wire), GenerateContentResponse.parse({"candidates": [wire]})):
        for name in type(message).__annotations__:
            getattr(message, name)
        assert message == pickle.loads(pickle.dumps(message))


@pytest.mark.parametrize(
    ("wire", "attribute", "value"),
    [
        pytest.param({"promptTokenCount": 5}, "prompt_token_count", 5, id="an integer"),
        pytest.param(
            {"promptTokenCount": "5"}, "prompt_token_count", None, id="a string where an integer is documented"
        ),
        pytest.param(
            {"promptTokenCount": 5.0}, "prompt_token_count", None, id="a float where an integer is documented"
        ),
        pytest.param(
            {"promptTokenCount": True}, "prompt_token_count", None, id="a boolean where an integer is documented"
        ),
        pytest.param({"promptTokenCount": None}, "prompt_token_count", None, id="null"),
        pytest.param(
            {"promptTokensDetails": {"modality": 1}}, "prompt_tokens_details", None, id="an object for a list"
        ),
        pytest.param({"promptTokensDetails": [None]}, "prompt_tokens_details", None, id="null within a list"),
        pytest.param({"trafficType": "ON_MOONLIGHT"}, "traffic_type", "ON_MOONLIGHT", id="an enum value of next year"),
        pytest.param({"trafficType": 7}, "traffic_type", 7, id="an enum as a number"),
        pytest.param({"prompt_token_count": 5}, "prompt_token_count", 5, id="snake_case"),
    ],
)
def test_an_attribute_reads_the_documented_kind_or_none(wire: dict[str, Any], attribute: str, value: object) -> None:
    usage = UsageMetadata.parse(json.dumps(wire))

    assert getattr(usage, attribute) == value
    assert usage.to_wire() == wire


def test_only_set_fields_are_sent_and_a_set_null_is_sent() -> None:
    assert Part(text="Hi").to_wire() == {"text": "Hi"}
    assert Part(text="Hi", thought=None).to_wire() == {"text": "Hi", "thought": None}
    assert Tool(code_execution=ToolCodeExecution()).encode() == b'{"codeExecution":{}}'


def test_a_message_tells_what_is_set_and_what_is_unknown() -> None:
    part = Part.parse({"text": "Hi", "thought": None, "futureKind": {"x": 1}})

    assert part.model_fields_set == {"text", "thought"}
    assert part.model_extra == {"futureKind": {"x": 1}}


def test_numbers_keep_their_kind() -> None:
    assert FunctionCall.parse(b'{"args":{"a":5,"b":5.0,"c":1e400}}').encode() == b'{"args":{"a":5,"b":5.0,"c":null}}'
    assert GenerationConfig(temperature=1, top_p=0.5).encode() == b'{"temperature":1,"topP":0.5}'


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\ud800b", id="a lone surrogate"),
        pytest.param({"k\udfff": ["\ud83d"]}, id="surrogates within"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param([float("inf"), float("-inf")], id="infinity"),
        pytest.param({"deep": json.loads("[" * 240 + "]" * 240)}, id="240 levels"),
        pytest.param(("a", "tuple"), id="a tuple"),
    ],
)
def test_what_is_encoded_is_valid_json_in_utf_8(value: object) -> None:
    encoded = FunctionResponse(name="f", response={"output": value}).encode()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(encoded.decode("utf-8", "strict"), parse_constant=refuse)["name"] == "f"


def test_half_a_character_in_an_answer_is_replaced() -> None:
    content = Content.parse(rb'{"parts":[{"text":"a\ud800b \ud83d\ude00"}]}')

    assert content.text == "a\N{REPLACEMENT CHARACTER}b \N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b'{"text": "cut', "not JSON", id="cut"),
        pytest.param(b"<html>", "not JSON", id="HTML"),
        pytest.param(b'{"text": "\xff"}', "not JSON", id="latin-1"),
        pytest.param(b"null", "null", id="null"),
        pytest.param(b"[]", "a list", id="a list"),
        pytest.param('"text"', "str", id="a text"),
        pytest.param("[" * 100_000, "not JSON", id="nesting without end"),
    ],
)
def test_what_is_no_json_object_is_refused_with_one_sentence(data: bytes | str, said: str) -> None:
    with pytest.raises(WireError, match="Part expected") as caught:
        Part.parse(data)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_constructor_checks_names_and_kinds() -> None:
    with pytest.raises(TypeError, match="Part has no field 'txet'"):
        Part(txet="Hi")  # type: ignore[call-arg]  # the mistake under test
    with pytest.raises(WireError, match=r"Part\(text=\.\.\.\) cannot be of type int"):
        Part(text=5)  # type: ignore[arg-type]  # the mistake under test


def test_what_json_cannot_hold_is_refused_when_it_is_encoded() -> None:
    with pytest.raises(WireError, match="FunctionResponse holds what JSON cannot hold"):
        FunctionResponse(name="f", response={"output": object()}).encode()


def test_a_message_does_not_change_but_its_copies_differ() -> None:
    part = Part.parse({"text": "Hi", "futureKind": 1})

    changed = part.replace(text="Bye", thought=True)

    with pytest.raises(AttributeError, match=r"Part cannot be changed. Make a copy: \.replace\(text=\.\.\.\)"):
        part.text = "Bye"  # type: ignore[misc]  # the mistake under test
    assert part.to_wire() == {"text": "Hi", "futureKind": 1}
    assert changed.to_wire() == {"text": "Bye", "thought": True, "futureKind": 1}
    assert changed.text == "Bye"
    assert changed.without("text", "futureKind").to_wire() == {"thought": True}
    with pytest.raises(TypeError, match="Part has no field 'txet'"):
        part.replace(txet="Bye")


def test_replacing_a_field_of_an_odd_kind_leaves_one_value() -> None:
    usage = UsageMetadata.parse({"promptTokenCount": "5", "total_token_count": 7})

    assert (
        usage.replace(prompt_token_count=6, total_token_count=8).encode()
        == b'{"promptTokenCount":6,"totalTokenCount":8}'
    )


def test_what_is_handed_in_or_out_does_not_change_the_message() -> None:
    wire: dict[str, Any] = {"parts": [{"text": "Hi"}]}
    parts = [Part(text="Hi")]
    content, built = Content.parse(wire), Content(parts=parts)

    wire["parts"].clear()
    parts.clear()
    content.to_wire()["parts"].clear()

    assert content.to_wire() == built.to_wire() == {"parts": [{"text": "Hi"}]}


def test_messages_compare_copy_pickle_and_print_by_what_they_say() -> None:
    part = Part(inline_data=Blob(mime_type="image/png", data="AA=="))

    assert part == Part.parse(part.encode()) == copy.deepcopy(part) == pickle.loads(pickle.dumps(part))
    assert part != Part(text="")
    assert part != "Part"
    assert repr(part) == "Part.parse({'inlineData': {'mimeType': 'image/png', 'data': 'AA=='}})"


def test_a_message_may_be_built_from_plain_values() -> None:
    declaration = FunctionDeclaration(
        name="f", parameters=Schema(type="OBJECT", properties={"a": Schema(type="STRING")})
    )
    tool = Tool(function_declarations=[declaration])

    assert Tool.parse(tool.to_wire()) == tool
    assert declaration.parameters is not None
    assert declaration.parameters.properties is not None
    assert declaration.parameters.properties["a"].type == "STRING"
    assert Schema.parse({"items": {"items": {"type": "STRING"}}}).items == Schema(items=Schema(type="STRING"))


def every_message() -> list[type[WireModel]]:
    public = [getattr(agentkit.wire, name) for name in agentkit.wire.__all__]
    return [
        value for value in public if isinstance(value, type) and issubclass(value, WireModel) and value is not WireModel
    ]


@pytest.mark.parametrize("cls", every_message(), ids=lambda cls: cls.__name__)
def test_every_field_of_every_message_can_be_read(cls: type[WireModel]) -> None:
    odd: list[Any] = ["text", 5, 5.5, True, [], {}, [{}], {"a": {}}, None]
    for value in odd:
        camel = [name.replace("_", " ").title().replace(" ", "") for name in cls.__annotations__]
        message = cls.parse({name[:1].lower() + name[1:]: value for name in camel})

        for name in cls.__annotations__:
            getattr(message, name)
        assert message.model_fields_set == set(cls.__annotations__)
        assert not message.model_extra


@pytest.mark.parametrize("cls", every_message(), ids=lambda cls: cls.__name__)
def test_every_message_is_a_pydantic_model_that_describes_its_fields_as_they_are_on_the_wire(
    cls: type[WireModel],
) -> None:
    described = cls.model_json_schema()
    own = described.get("$defs", {}).get(cls.__name__, described)["properties"]

    assert issubclass(cls, BaseModel)
    assert len(own) == len(cls.model_fields) == len(cls.__annotations__)
    assert not [name for name in own if "_" in name]
    assert described == cls.model_json_schema(mode="serialization")
    assert cls.model_validate({}).model_dump() == {}


@settings(deadline=None)
@given(messages)
def test_pydantic_reads_and_writes_any_json_object_as_it_came(wire: dict[str, Any]) -> None:
    for cls in (Part, Content, FunctionCall, GenerateContentResponse):
        message = cls.model_validate(wire)

        assert message == cls.model_validate_json(json.dumps(wire)) == cls.parse(wire)
        assert json.dumps(message.model_dump()) == json.dumps(wire)
        assert json.loads(message.model_dump_json()) == wire


def test_a_message_stands_in_other_models() -> None:
    class Saved(BaseModel):
        content: Content
        parts: list[Part] = []

    saved = Saved.model_validate({"content": {"role": "user", "parts": [{"text": "hi"}], "new": 1}, "parts": [{}]})

    assert saved.content.text == "hi"
    assert saved.model_dump() == {"content": {"role": "user", "parts": [{"text": "hi"}], "new": 1}, "parts": [{}]}
    assert Saved.model_validate_json(saved.model_dump_json()) == saved == saved.model_copy(deep=True)
    assert Saved(content=saved.content).content is saved.content
    assert Saved.model_json_schema()["$defs"]["FunctionCall"]["properties"]["args"]
    with pytest.raises(ValidationError, match="a JSON object"):
        Saved.model_validate({"content": 3})


def test_pydantics_own_methods_work_on_messages() -> None:
    content = Content.parse({"role": "user", "parts": [{"text": "hi"}], "new": [1]})

    assert dict(content) == {"parts": [Part(text="hi")], "role": "user", "new": [1]}
    assert content.model_dump(exclude={"role"}) == {"parts": [{"text": "hi"}], "new": [1]}
    assert content.model_dump(include={"parts": {0: {"text"}}}) == {"parts": [{"text": "hi"}]}
    assert content.model_copy(update={"role": "model"}) == content.replace(role="model")
    assert content.model_copy(deep=True) == copy.copy(content) == content
    assert Content.model_construct(role="user") == Content(role="user")
    assert TypeAdapter(list[Content]).validate_json('[{"role": "user"}]') == [Content(role="user")]
    assert Part(text="a\ud800b").model_dump_json() == '{"text":"a\N{REPLACEMENT CHARACTER}b"}'
    assert str(content) == repr(content) == "Content.parse({'role': 'user', 'parts': [{'text': 'hi'}], 'new': [1]})"
    with pytest.raises(ValidationError, match="not JSON"):
        Content.model_validate("{")
    with pytest.raises(TypeError, match="unhashable"):
        hash(content)


@pytest.mark.parametrize("name", ["thought_signature", "thoughtSignature"])
def test_a_dump_keeps_and_leaves_out_fields_by_their_attributes_at_any_depth(name: str) -> None:
    content = Content.parse({"role": "model", "parts": [{"text": "a", "thoughtSignature": "QQ==", "new": {"x": 1}}]})
    [part] = content.parts or []
    call = Part.parse({"functionCall": {"name": "f", "args": {"a_b": 1, "c": [1.5]}}})

    assert part.model_dump(exclude={name}) == {"text": "a", "new": {"x": 1}}
    assert part.model_dump(include={name}) == {"thoughtSignature": "QQ=="}
    assert content.model_dump(include={"parts": {0: {name}}}) == {"parts": [{"thoughtSignature": "QQ=="}]}
    assert content.model_dump(exclude={"parts": {"__all__": {name, "new"}}}) == {
        "role": "model",
        "parts": [{"text": "a"}],
    }
    assert json.loads(content.model_dump_json(exclude={"role": True, "parts": {0: {name, "new"}}})) == {
        "parts": [{"text": "a"}]
    }
    assert Part.parse({"thought_signature": "QQ=="}).model_dump(exclude={name}) == {}
    assert call.model_dump(exclude={"function_call": {"args": {"a_b"}}}) == {
        "functionCall": {"name": "f", "args": {"c": [1.5]}}
    }
    assert TypeAdapter(list[Content]).dump_python([content], exclude={0: {"parts": {0: {name, "new", "text"}}}}) == [
        {"role": "model", "parts": [{}]}
    ]


def test_a_message_is_not_taken_for_one_of_another_kind() -> None:
    class Noted(Content):
        note: str | None = None

    either = TypeAdapter(Part | Content)
    noted = Noted(role="user", note="n")

    assert type(either.validate_python(Content(role="user"))) is Content
    assert TypeAdapter(Content).validate_python(noted) is noted
    assert Noted.model_validate(Content(role="user")) == Noted(role="user")
    with pytest.raises(ValidationError, match="Content expected, but this is Part"):
        Content.model_validate(Part(text="hi"))


def test_a_name_of_the_wire_in_the_constructor_is_told_its_attribute() -> None:
    with pytest.raises(TypeError, match=r"Part has no field 'thoughtSignature'\. Write thought_signature=\.\.\."):
        Part(thoughtSignature="QQ==")  # type: ignore[call-arg]  # the mistake under test


def test_a_subclass_that_would_not_do_what_it_says_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Strict\.must: a field of a message may be absent"):

        class Strict(Content):  # pyright: ignore[reportUnusedClass]
            must: int

    with pytest.raises(TypeError, match=r"Made\.tags: a field of a message may be absent"):

        class Made(Content):  # pyright: ignore[reportUnusedClass]
            tags: list[str] = Field(default_factory=list)

    with pytest.raises(TypeError, match=r"Private\._cache: a message is its JSON object"):

        class Private(Content):  # pyright: ignore[reportUnusedClass]
            _cache: int = PrivateAttr(default=3)

    with pytest.raises(TypeError, match=r"Checked\.user_only: a message is its JSON object"):

        class Checked(Content):  # pyright: ignore[reportUnusedClass]
            @field_validator("role")
            @classmethod
            def user_only(cls, role: str) -> str:
                return role


def test_the_names_of_the_messages_can_be_listed() -> None:
    assert {"Content", "Part", "merge"} <= set(dir(agentkit.wire)) == set(agentkit.wire.__all__)
    assert not hasattr(agentkit.wire, "Contents")


def test_what_a_message_was_read_from_stays_out_of_a_deep_copy() -> None:
    content = Content(role="user", parts=[Part(function_call=FunctionCall(name="f", args={"a": [1]}))])

    copied = copy.deepcopy(content)
    copied.function_calls[0].args["a"].append(2)

    assert content.function_calls[0].args == {"a": [1]}


def test_messages_are_loaded_when_one_is_first_used_also_by_many_threads_at_once() -> None:
    code = (
        "import sys, threading, agentkit; from agentkit import wire; "
        "assert 'agentkit.wire.messages' not in sys.modules; start = threading.Barrier(8); found = []; "
        "use = lambda: (start.wait(), found.append(wire.Content(role='user').encode())); "
        "threads = [threading.Thread(target=use) for _ in range(8)]; "
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]; print(set(found), len(found))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ('{b\'{"role":"user"}\'} 8', "")


@pytest.mark.rows(67)
@pytest.mark.parametrize(
    ("indices", "chosen"),
    [
        pytest.param([0], 0, id="the-usual-one"),
        pytest.param([None], 0, id="no-index-means-0"),
        pytest.param([1, 0], 1, id="index-0-wherever-it-stands"),
        pytest.param([3], 0, id="a-lone-one-with-another-index"),
    ],
)
def test_the_candidate_that_counts_is_index_0_or_else_the_first(indices: list[int | None], chosen: int) -> None:
    candidates = [{} if index is None else {"index": index} for index in indices]

    response = GenerateContentResponse.parse({"candidates": candidates})

    assert response.candidate is not None
    assert response.candidate.to_wire() == candidates[chosen]
    assert GenerateContentResponse.parse({"candidates": []}).candidate is None
