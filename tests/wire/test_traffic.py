"""What the real service sent, read and written back."""

import json
from collections.abc import Callable
from typing import Any

from agentkit.wire import Content, GenerateContentRequest, GenerateContentResponse, Part, SseParser, WireError, merge
from tests.traffic import answers, exchanges, needs_traffic, payloads

pytestmark = needs_traffic

Record = Callable[[str, object], None]


def same(left: object, right: object) -> bool:
    """Compare as JSON text does: 5 is not 5.0, and true is not 1."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def parts_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of the first candidate, over all events, as they were sent."""
    contents: list[Any] = [event["candidates"][0].get("content") for event in events if event.get("candidates")]
    found: list[list[dict[str, Any]]] = [content["parts"] for content in contents if content and content.get("parts")]
    return [part for parts in found for part in parts]


def test_every_recorded_answer_goes_back_as_it_came(record_property: Record) -> None:
    checked = 0
    refused: list[dict[str, Any]] = []

    for exchange in answers():
        for payload in payloads(exchange["response"]):
            try:
                message = GenerateContentResponse.parse(json.dumps(payload).encode())
            except WireError:
                refused.append(exchange)
                continue
            checked += 1
            assert same(message.to_wire(), payload), exchange["id"]
            assert same(json.loads(message.encode()), payload), exchange["id"]

    assert {exchange["source"]["provenance"] for exchange in refused} <= {"curated"}
    report(record_property, f"{checked} recorded messages go back as they came; {len(refused)} refused")
    assert checked > 2000


def test_every_recorded_stream_gives_its_events(record_property: Record) -> None:
    streams = [exchange for exchange in answers() if "sse" in exchange["response"]]

    for exchange in streams:
        parser = SseParser()
        raw = exchange["response"]["raw"].encode()
        found = [payload for start in range(0, len(raw), 1000) for payload in parser.feed(raw[start : start + 1000])]
        found += parser.close()
        assert same([json.loads(payload) for payload in found], payloads(exchange["response"])), exchange["id"]
        assert not parser.incomplete, exchange["id"]

    report(record_property, f"{len(streams)} recorded streams give their events")
    assert len(streams) > 400


def test_a_recorded_error_body_comes_out_of_the_event_parser_whole() -> None:
    bare = [exchange["response"] for exchange in exchanges() if {"raw", "body"} <= exchange["response"].keys()]
    assert len(bare) > 20

    for response in bare:
        parser = SseParser()
        [payload] = [*parser.feed(response["raw"].encode()), *parser.close()]
        assert json.loads(payload) == response["body"]


def test_merging_a_recorded_stream_keeps_texts_calls_ids_and_signatures(record_property: Record) -> None:
    streams = [exchange for exchange in answers() if len(payloads(exchange["response"])) > 1]

    for exchange in streams:
        sent = parts_of(payloads(exchange["response"]))
        merged = merge(GenerateContentResponse.parse(payload) for payload in payloads(exchange["response"]))
        kept = merged.content.parts or [] if merged.content is not None else []
        for name, of_sent, of_kept in KEPT:
            if "partial-args" not in exchange["features"] or name != "call":
                before = [value for part in sent if (value := of_sent(part))]
                after = [value for part in kept if (value := of_kept(part))]
                joined = "".join if name.endswith("text") else list
                assert joined(after) == joined(before), (exchange["id"], name)

    report(record_property, f"{len(streams)} recorded streams merge without a loss")
    assert len(streams) > 300


KEPT: list[tuple[str, Callable[[dict[str, Any]], Any], Callable[[Part], Any]]] = [
    ("text", lambda sent: not sent.get("thought") and sent.get("text"), lambda kept: not kept.thought and kept.text),
    ("thought text", lambda sent: sent.get("thought") and sent.get("text"), lambda kept: kept.thought and kept.text),
    ("signature", lambda sent: sent.get("thoughtSignature"), lambda kept: kept.thought_signature),
    ("call", lambda sent: sent.get("functionCall"), lambda kept: kept.function_call and kept.function_call.to_wire()),
    (
        "code",
        lambda sent: sent.get("executableCode"),
        lambda kept: kept.executable_code and kept.to_wire()["executableCode"],
    ),
    ("server call", lambda sent: sent.get("toolCall"), lambda kept: kept.tool_call and kept.tool_call.to_wire()),
]


def test_recorded_streams_of_arguments_become_whole_calls() -> None:
    streams = [exchange["response"] for exchange in answers() if "partial-args" in exchange["features"]]
    assert streams

    for response in streams:
        merged = merge(map(GenerateContentResponse.parse, payloads(response)))
        calls = [
            call for candidate in merged.candidates or [] for call in (candidate.content or Content()).function_calls
        ]
        assert calls
        for call in calls:
            assert call.name
            assert call.args
            assert call.will_continue is None
            assert call.partial_args is None


def test_usage_of_a_merged_stream_is_that_of_its_last_chunk() -> None:
    for exchange in answers():
        chunks = [chunk for chunk in payloads(exchange["response"]) if chunk.get("usageMetadata")]
        if chunks and exchange["source"]["provenance"] == "http":
            usage = merge(map(GenerateContentResponse.parse, chunks)).usage_metadata
            last = {key: value for key, value in chunks[-1]["usageMetadata"].items() if value}
            assert usage is not None
            assert {key: usage.to_wire()[key] for key in last} == last, exchange["id"]


def test_every_recorded_request_keeps_its_contents(record_property: Record) -> None:
    checked = 0

    for exchange in exchanges():
        body = exchange["request"] and exchange["request"].get("body")
        if body and "contents" in body and isinstance(body["contents"], list):
            checked += 1
            request = GenerateContentRequest.parse(body)
            assert same(json.loads(request.encode()), body), exchange["id"]
            assert [content.to_wire() for content in request.contents] == body["contents"], exchange["id"]

    report(record_property, f"{checked} recorded requests go out as they were")
    assert checked > 1500


def report(record_property: Record, sentence: str) -> None:
    record_property("traffic", sentence)
    print(f"traffic: {sentence}")
