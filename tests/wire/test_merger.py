"""Merging: the chunks of a stream make the answer that would have come in one piece."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.wire import FinishReason, GenerateContentResponse, Merger, WireError, merge

Json = dict[str, Any]
Objects = st.SearchStrategy[Json]


def chunk(*parts: Json, finish: FinishReason | None = None, **candidate: Any) -> Json:
    """Return a chunk as it comes over the wire."""
    reason = {"finishReason": finish} if finish else {}
    return {"candidates": [{"content": {"parts": [*parts], "role": "model"}, **reason, **candidate}]}


def merged(*chunks: Json) -> Json:
    return merge(map(GenerateContentResponse.parse, chunks)).to_wire()


def parts_of(*chunks: Json) -> list[Json]:
    parts: list[Json] = merged(*chunks)["candidates"][0]["content"]["parts"]
    return parts


def call(name: str, **more: Any) -> Json:
    return {"functionCall": {"name": name, "args": {"x": 1}}, **more}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param([{"text": "a"}, {"text": "b"}], [{"text": "ab"}], id="texts are joined"),
        pytest.param(
            [
                {"text": "a", "thought": True},
                {"text": "b", "thought": True},
                {"text": "c"},
                {"text": "d", "thought": False},
            ],
            [{"text": "ab", "thought": True}, {"text": "cd"}],
            id="thoughts and answer stay apart",
        ),
        pytest.param(
            [{"text": "a"}, {"text": "b", "thoughtSignature": "S"}, {"text": "c"}],
            [{"text": "a"}, {"text": "b", "thoughtSignature": "S"}, {"text": "c"}],
            id="a signed text stays a part of its own",
        ),
        pytest.param(
            [{"text": "a"}, {"text": "", "thoughtSignature": "S"}],
            [{"text": "a"}, {"text": "", "thoughtSignature": "S"}],
            id="an empty signed text is content",
        ),
        pytest.param([{"text": ""}, {"text": "a"}, {"text": ""}], [{"text": "a"}], id="empty texts are dropped"),
        pytest.param([{"text": ""}], [], id="an empty text alone leaves no part"),
        pytest.param(
            [call("f", thoughtSignature="S"), {"text": ""}],
            [call("f", thoughtSignature="S")],
            id="an empty text behind a call is dropped",
        ),
        pytest.param(
            [call("f"), call("f"), call("g")], [call("f"), call("f"), call("g")], id="equal calls stay two calls"
        ),
        pytest.param(
            [{"text": "a", "new": 1}, {"text": "b", "new": 1}],
            [{"text": "a", "new": 1}, {"text": "b", "new": 1}],
            id="texts with keys of next year stay apart",
        ),
        pytest.param(
            [{"text": "a"}, {"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}, {"text": "b"}],
            [{"text": "a"}, {"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}, {"text": "b"}],
            id="code keeps its place",
        ),
        pytest.param(
            [{"inlineData": {"data": "A"}}, {"inlineData": {"data": "B"}}],
            [{"inlineData": {"data": "A"}}, {"inlineData": {"data": "B"}}],
            id="media is not joined",
        ),
        pytest.param([{"hologram": 1}, {}], [{"hologram": 1}, {}], id="unknown and empty parts are kept"),
    ],
)
def test_parts(sent: list[Json], kept: list[Json]) -> None:
    assert parts_of(chunk(*sent)) == kept
    assert parts_of(*map(chunk, sent)) == kept


@pytest.mark.rows(69)
def test_usage_is_the_last_count_that_says_something() -> None:
    chunks: list[Json] = [
        {"usageMetadata": {"promptTokenCount": 29, "thoughtsTokenCount": 5, "totalTokenCount": 34}},
        {"usageMetadata": {"promptTokenCount": 130, "candidatesTokenCount": 7, "totalTokenCount": 142}},
        {"usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": None, "trafficType": "ON_DEMAND"}},
        {},
    ]

    assert merged(*chunks)["usageMetadata"] == {
        "promptTokenCount": 130,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 142,
        "candidatesTokenCount": 7,
        "trafficType": "ON_DEMAND",
    }


def test_reading_goes_on_after_a_finish_reason_and_over_chunks_without_content() -> None:
    answer = merged(
        chunk({"text": "a"}, finish="STOP"),
        {"candidates": [{"index": 0}]},
        {"candidates": [{"content": {}}]},
        {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP", "finishMessage": "done"}]},
        chunk({"text": "b"}, index=0),
    )

    assert answer["candidates"] == [
        {
            "content": {"parts": [{"text": "ab"}], "role": "model"},
            "finishReason": "STOP",
            "finishMessage": "done",
            "index": 0,
        }
    ]


def test_full_metadata_wins_over_empty_and_citations_of_all_chunks_are_joined() -> None:
    answer = merged(
        chunk(
            citationMetadata={"citationSources": [{"uri": "a"}]},
            urlContextMetadata={"urlMetadata": [{"retrievedUrl": "u"}]},
        ),
        chunk(groundingMetadata={}, safetyRatings=[{"category": "A"}]),
        chunk(groundingMetadata={"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "w"}}]}),
        chunk(
            groundingMetadata={}, citationMetadata={"citationSources": [{"uri": "b"}, {"uri": "c"}], "citations": []}
        ),
        chunk(urlContextMetadata={}, safetyRatings=[{"category": "B"}]),
    )["candidates"][0]

    assert answer["groundingMetadata"] == {"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "w"}}]}
    assert answer["urlContextMetadata"] == {"urlMetadata": [{"retrievedUrl": "u"}]}
    assert answer["safetyRatings"] == [{"category": "B"}]
    assert answer["citationMetadata"] == {
        "citationSources": [{"uri": "a"}, {"uri": "b"}, {"uri": "c"}],
        "citations": [],
    }


@pytest.mark.rows(58)
def test_unknown_keys_are_kept_at_every_level_and_the_last_value_wins() -> None:
    first, second = chunk({"text": "a"}, score=1), chunk({"text": "b"}, score=2)
    first |= {"turnToken": "x", "modelVersion": "m"}
    second |= {"turnToken": "y", "flag": False}
    second["candidates"][0]["content"]["mood"] = "good"

    answer = merged(first, second)

    assert (answer["turnToken"], answer["modelVersion"], answer["flag"]) == ("y", "m", False)
    assert answer["candidates"][0]["score"] == 2
    assert answer["candidates"][0]["content"] == {"parts": [{"text": "ab"}], "role": "model", "mood": "good"}


@pytest.mark.rows(67, 70)
def test_candidates_are_told_apart_by_their_index() -> None:
    two = {"candidates": [{"content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]}

    answer = merge(map(GenerateContentResponse.parse, [two, {"candidates": two["candidates"][1:]}, two]))

    assert [candidate.content.text for candidate in answer.candidates or [] if candidate.content] == ["aa", "bbb"]
    assert answer.text == "aa"


def test_the_answer_may_be_asked_for_at_any_time() -> None:
    merger = Merger()
    assert merger.response().to_wire() == {}

    merger.add(GenerateContentResponse.parse(chunk({"text": "a"}, citationMetadata={"citations": [{"uri": "a"}]})))
    early = merger.response()
    merger.add(GenerateContentResponse.parse(chunk({"text": "b"}, citationMetadata={"citations": [{"uri": "b"}]})))

    assert (early.text, merger.response().text) == ("a", "ab")
    assert len(early.to_wire()["candidates"][0]["citationMetadata"]["citations"]) == 1


def pieces(*partial: Json, goes_on: bool = True) -> Json:
    return {"functionCall": {"partialArgs": [*partial], **({"willContinue": True} if goes_on else {})}}


def opener(name: str = "f") -> Json:
    return {"functionCall": {"name": name, "id": "x1", "willContinue": True}, "thoughtSignature": "S"}


END: Json = {"functionCall": {}}


@pytest.mark.parametrize(
    ("partial", "args"),
    [
        pytest.param([], {}, id="no arguments"),
        pytest.param(
            [{"jsonPath": "$.a", "stringValue": "Os"}, {"jsonPath": "$.a", "stringValue": "lo"}],
            {"a": "Oslo"},
            id="a string",
        ),
        pytest.param([{"jsonPath": "$.a", "stringValue": ""}], {"a": ""}, id="an empty string"),
        pytest.param([{"jsonPath": "$.a", "numberValue": 5}], {"a": 5}, id="a whole number"),
        pytest.param([{"jsonPath": "$.a", "numberValue": 0.5}], {"a": 0.5}, id="a number"),
        pytest.param([{"jsonPath": "$.a", "boolValue": False}], {"a": False}, id="a boolean"),
        pytest.param([{"jsonPath": "$.a", "nullValue": "NULL_VALUE"}], {"a": None}, id="null"),
        pytest.param(
            [
                {"jsonPath": "$.items[0].name", "stringValue": "a"},
                {"jsonPath": "$.items[0].price", "numberValue": 1},
                {"jsonPath": "$.items[1].name", "stringValue": "b"},
                {"jsonPath": "$.tags[0]", "stringValue": "x"},
                {"jsonPath": "$.tags[0]", "stringValue": "y"},
                {"jsonPath": "$.tags[1]", "stringValue": "z"},
            ],
            {"items": [{"name": "a", "price": 1}, {"name": "b"}], "tags": ["xy", "z"]},
            id="objects in lists",
        ),
        pytest.param([{"jsonPath": '$[\'a.b\']["c]\\""]', "numberValue": 1}], {"a.b": {'c]"': 1}}, id="quoted names"),
    ],
)
def test_streamed_arguments_become_a_call(partial: list[Json], args: Json) -> None:
    expected = [{"functionCall": {"name": "f", "id": "x1", "args": args}, "thoughtSignature": "S"}]

    one_by_one = [chunk(opener()), *(chunk(pieces(piece)) for piece in partial), chunk(END, finish="STOP")]
    without_end = [chunk(opener()), chunk(pieces(*partial, goes_on=False)), chunk({"text": ""}, finish="STOP")]

    assert parts_of(*one_by_one) == parts_of(*without_end) == expected


def test_streamed_calls_one_after_another_keep_their_order_and_neighbours() -> None:
    value = {"jsonPath": "$.a", "numberValue": 1}

    found = parts_of(
        chunk({"text": "first"}),
        chunk(opener("f")),
        chunk(pieces(value)),
        chunk(END),
        chunk(opener("g")),
        chunk(pieces(value), END),
        chunk(call("h")),
    )

    assert [part.get("text") or part["functionCall"]["name"] for part in found] == ["first", "f", "g", "h"]
    assert [part["functionCall"]["args"] for part in found[1:]] == [{"a": 1}, {"a": 1}, {"x": 1}]


@pytest.mark.rows(55)
def test_a_streamed_call_that_was_cut_says_that_it_is_not_whole() -> None:
    [part] = parts_of(chunk(opener()), chunk(pieces({"jsonPath": "$.a", "stringValue": "Os", "willContinue": True})))

    assert part["functionCall"] == {"name": "f", "id": "x1", "args": {"a": "Os"}, "willContinue": True}


@pytest.mark.parametrize(
    "path",
    ["", "a", "$", "$.", "$.a[", "$.a[1]", "$.s.b", "$.o", "$.o[0]", "$[0]", "$.l.a", "$.l[99999999999]", "$['a"],
)
def test_a_piece_that_has_no_place_is_refused(path: str) -> None:
    before: list[Json] = [
        {"jsonPath": "$.s", "stringValue": "x"},
        {"jsonPath": "$.o.a", "numberValue": 1},
        {"jsonPath": "$.l[0]", "numberValue": 1},
    ]

    with pytest.raises(WireError, match="An argument of the streamed call of 'f' has no place"):
        merged(chunk(opener()), chunk(pieces(*before, {"jsonPath": path, "numberValue": 1})))


signatures: Objects = st.sampled_from([{}, {}, {"thoughtSignature": "S1"}, {"thoughtSignature": "S2"}])
thoughts: Objects = st.sampled_from([{}, {"thought": True}])
call_ids: Objects = st.sampled_from([{}, {"id": "1"}, {"id": "2"}])
other_parts: Objects = st.sampled_from(
    [{"toolCall": {"id": "t"}, "thoughtSignature": "S3"}, {"executableCode": {"code": "1"}}, {"hologram": 1}]
)


def text_part(text: str, thought: Json, signature: Json) -> Json:
    return {"text": text, **thought, **signature}


def call_part(name: str, call_id: Json, signature: Json) -> Json:
    return {"functionCall": {"name": name, "args": {}, **call_id}, **signature}


text_parts = st.builds(text_part, st.text(max_size=4), thoughts, signatures)
call_parts = st.builds(call_part, st.sampled_from(["f", "g"]), call_ids, signatures)
part_lists = st.lists(text_parts | call_parts | other_parts, max_size=8)


def unjoined(parts: list[Json]) -> list[object]:
    """Return the parts with plain texts taken apart into characters, so that joining makes no difference."""
    found: list[object] = []
    for part in parts:
        is_plain = part.keys() <= {"text", "thought"}
        found += [(letter, part.get("thought")) for letter in part["text"]] if is_plain else [part]
    return found


@pytest.mark.rows(62)
@settings(deadline=None)
@given(part_lists, st.data())
def test_no_signature_call_id_text_or_place_is_lost_however_the_stream_is_cut(
    parts: list[Json], data: st.DataObject
) -> None:
    chunks: list[Json] = []
    for part in parts:
        is_plain = part.keys() <= {"text", "thought"}
        if data.draw(st.booleans(), label="cut") and is_plain:
            cut = data.draw(st.integers(0, len(part["text"])))
            chunks += [chunk({**part, "text": part["text"][:cut]}), chunk({**part, "text": part["text"][cut:]})]
        elif data.draw(st.booleans(), label="append") and chunks:
            chunks[-1]["candidates"][0]["content"]["parts"].append(part)
        else:
            chunks.append(chunk(part))
    before = copy.deepcopy(chunks)

    found = parts_of(*chunks, chunk())

    assert unjoined(found) == unjoined(parts)
    assert not any(part.keys() <= {"text", "thought"} and not part["text"] for part in found)
    assert chunks == before


@settings(deadline=None)
@given(part_lists)
def test_merging_in_two_steps_makes_no_difference(parts: list[Json]) -> None:
    chunks = [chunk(part) for part in parts] or [chunk()]
    middle = len(chunks) // 2

    assert merged(merged(*chunks[:middle]), merged(*chunks[middle:])) == merged(*chunks)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects in which each field may be absent, or be anything at all."""
    return st.fixed_dictionaries({}, optional={name: values | json_values for name, values in fields.items()})


contents = st.fixed_dictionaries(
    {}, optional={"role": json_values, "parts": st.none() | st.lists(call_parts | other_parts), "new": json_values}
)
candidates = some_of(
    content=st.nothing(),
    finishReason=st.just("STOP"),
    groundingMetadata=st.just({}),
    citationMetadata=some_of(citations=st.lists(st.just({"uri": "a"})), citationSources=st.nothing()),
    new=st.nothing(),
)
wholes = some_of(
    candidates=st.lists(candidates | st.fixed_dictionaries({"content": contents}), max_size=2),
    usageMetadata=some_of(promptTokenCount=st.integers(), trafficType=st.text()),
    promptFeedback=st.nothing(),
    new=st.nothing(),
)


@settings(deadline=None)
@given(wholes)
def test_merging_one_chunk_changes_nothing(wire: Json) -> None:
    assert merged(wire) == wire


@settings(deadline=None)
@given(st.lists(wholes, max_size=3))
def test_merging_any_json_never_fails(wires: list[Json]) -> None:
    merged(*wires)
