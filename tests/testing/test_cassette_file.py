"""The file of a cassette: exact to the byte, readable, and clear about what is wrong with it."""

import base64
import hashlib
import json
import re
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import ConfigurationError, HttpRequest
from agentkit.testing.cassette import Cassette, CassetteError
from agentkit.testing.cassette_body import Media, body_of, form_of
from agentkit.testing.cassette_file import Answer, Recorded, Recording, SentRequest, load, save
from tests.testing.canned import Canned, event, replaying, written
from tests.traffic import exchanges, needs_traffic

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def record(path: Path, *pieces: bytes, body: bytes = b"") -> Any:
    """Write a cassette of one exchange and return its answer as it stands in the file."""
    request = SentRequest(method="POST", address="/v1beta/models/m:generateContent", body=body)
    answer = Answer(status=200, headers={"content-type": "application/json"}, pieces=pieces)
    save(path, Recording(exchanges=[Recorded(request=request, answer=answer)]))
    return written(path)["exchanges"][0]["answer"]


def pieces_of(path: Path) -> list[bytes]:
    [recorded] = load(path).exchanges
    return list(recorded.answer.pieces)


# -- Exact -------------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
spellings = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"separators": (",", ": ")}])
json_texts = st.builds(
    lambda value, spelling, ascii_only: json.dumps(value, ensure_ascii=ascii_only, **spelling),
    json_values,
    spellings,
    st.booleans(),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
framing = st.sampled_from([b"data: ", b"data:", b": ping", b"\r\n\r\n", b"\n\n", b"\n", b"{}", b'{"a": 1}', b"\xff"])
stream_texts = st.lists(framing | json_texts).map(b"".join)
marked = st.sampled_from([b'{"$media": "x.png"}', b'{"$media": {"$media": 1}}', b'"' + b"QUJD" * 400 + b'"', b""])
bodies = st.binary() | json_texts | stream_texts | st.tuples(stream_texts, marked, st.binary(max_size=3)).map(b"".join)


@settings(max_examples=40)
@given(st.lists(bodies, max_size=4), st.lists(st.integers(min_value=0, max_value=30), max_size=6))
def test_any_bytes_in_any_pieces_come_back_exactly(bodies: list[bytes], sizes: list[int]) -> None:
    body = b"".join(bodies)
    pieces = bodies + [body[begin : begin + size] for begin, size in pairwise(sizes)]

    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder) / "x.json", *pieces)

        assert pieces_of(Path(folder) / "x.json") == pieces


@given(bodies)
def test_any_body_comes_back_exactly(body: bytes) -> None:
    media = Media()

    assert body_of(json.loads(json.dumps(form_of(body, media))), media) == body


@needs_traffic
def test_recorded_streams_are_kept_as_json_and_come_back_exactly() -> None:
    as_received = [e["response"] for e in exchanges() if e["source"]["fidelity"] == "raw" and "raw" in e["response"]]
    raw = [response["raw"].encode() for response in as_received]
    media = Media()

    forms = [form_of(body, media) for body in raw]

    assert [body_of(form, media) for form in forms] == raw
    readable = [form for form in forms if "json" in form or any(isinstance(e, dict) for e in form.get("events", []))]
    assert len(readable) > 0.9 * len(raw) > 200


# -- Readable ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "form"),
    [
        pytest.param(
            b'{\n  "a": 1\n}\n', {"json": {"a": 1}, "layout": "{indented}\n"}, id="a whole answer of Google's"
        ),
        pytest.param(b'{"a":[1,2.0]}', {"json": {"a": [1, 2.0]}, "layout": "{compact}"}, id="compact JSON"),
        pytest.param(
            b'data: {"a": "\\u003cb\\u003e"}\r\n\r\ndata: {"a": 2,"b": 3}\r\n\r\n',
            {"events": [{"a": "<b>"}, {"a": 2, "b": 3}], "layout": "data: {google-<}\r\n\r\n"},
            id="a stream of Google's",
        ),
        pytest.param(
            b'data: {"a":1,"b":2}\n\ndata: [DONE]\n\n',
            {"events": [{"a": 1, "b": 2}, "data: [DONE]\n\n"], "layout": "data: {compact}\n\n"},
            id="a stream with an end mark",
        ),
        pytest.param(
            b'data: {"a": 1}\r\n\r\n{\n  "error": {}\n}\n',
            {"events": [{"a": 1}, '{\n  "error": {}\n}\n'], "layout": "data: {google}\r\n\r\n"},
            id="a stream that ends in a bare error",
        ),
        pytest.param("<p>\nß".encode(), {"lines": ["<p>\n", "ß"]}, id="a page"),
        pytest.param(b'{"a" : 1}', {"lines": ['{"a" : 1}']}, id="JSON in a spelling of its own"),
        pytest.param(b'{"a": 1, "a": 2}', {"lines": ['{"a": 1, "a": 2}']}, id="JSON that says a thing twice"),
        pytest.param(b"\xff\x00", {"base64": "/wA="}, id="bytes"),
    ],
)
def test_a_body_is_kept_in_the_most_readable_form(body: bytes, form: dict[str, Any]) -> None:
    media = Media()

    assert form_of(body, media) == form
    assert body_of(form, media) == body


def test_sizes_are_written_only_for_unusual_pieces(path: Path) -> None:
    events = [event("4 "), event("degrees.", "STOP")]

    assert "sizes" not in record(path, *events)
    assert record(path, b"".join(events))["sizes"] == str(len(b"".join(events)))
    assert record(path, b'{"a"', b":1}")["sizes"] == "4 3"
    assert pieces_of(path) == [b'{"a"', b":1}"]


def test_text_stays_readable_and_the_file_is_utf_8_all_the_same(path: Path) -> None:
    record(path, '{"a": "Łódź \\ud800"}'.encode())

    assert "Łódź" in path.read_text("utf-8")
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    ("edited", "pieces"),
    [
        pytest.param(["12345678"], [b"123", b"45", b"678"], id="a longer body"),
        pytest.param(["1234"], [b"123", b"4"], id="a shorter body"),
        pytest.param(["1"], [b"1"], id="a much shorter body"),
    ],
)
def test_a_body_edited_by_hand_is_taken_as_it_stands(path: Path, edited: list[str], pieces: list[bytes]) -> None:
    answer = record(path, b"abc", b"de")
    content = written(path)
    content["exchanges"][0]["answer"] = {**answer, "lines": edited}
    path.write_text(json.dumps(content))

    assert pieces_of(path) == pieces


# -- Media -------------------------------------------------------------------------------------------------------------


def inline(data: bytes, mime_type: str = "image/png", *, encode: Any = base64.b64encode) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": encode(data).decode()}}


def test_media_stands_in_a_file_of_its_own_once(path: Path) -> None:
    body = json.dumps({"parts": [inline(PNG), inline(PNG)]}).encode()

    answer = record(path, body, body=body)

    name = hashlib.sha256(PNG).hexdigest() + ".png"
    assert [(file.name, file.read_bytes()) for file in (path.parent / "media").iterdir()] == [(name, PNG)]
    assert answer["json"]["parts"][1]["inlineData"]["data"] == {"$media": name}
    assert path.stat().st_size < 2000
    assert pieces_of(path) == [body]
    assert json.loads(load(path).exchanges[0].request.body) == json.loads(body)


def test_media_inside_a_stream_cut_anywhere_comes_back(path: Path) -> None:
    line = json.dumps({"parts": [inline(PNG)]}, separators=(",", ": "))
    body = f"data: {line}\r\n\r\n".encode() + event("That is all.", "STOP")
    pieces = [body[begin : begin + 700] for begin in range(0, len(body), 700)]

    answer = record(path, *pieces)

    assert "$media" in json.dumps(answer["events"][0])
    assert pieces_of(path) == pieces


@pytest.mark.parametrize(
    ("part", "is_media"),
    [
        pytest.param(inline(PNG), True, id="an image"),
        pytest.param(
            inline(b"\xfb\xff" * 600, "audio/x-wav", encode=base64.urlsafe_b64encode), True, id="the URL alphabet"
        ),
        pytest.param({"inlineData": {"data": base64.b64encode(PNG).decode()}}, True, id="data without a type"),
        pytest.param(inline(b"short"), False, id="a short one"),
        pytest.param({"text": "abcdefg " * 300}, False, id="a long text"),
        pytest.param({"data": base64.b64encode(PNG).decode() + "A"}, False, id="bad base64"),
        pytest.param({"data": base64.b64encode(PNG).decode()[:-3] + "B=="}, False, id="base64 with stray bits"),
        pytest.param({"thoughtSignature": base64.b64encode(PNG).decode()}, False, id="a thought signature"),
        pytest.param({"$media": "x.png", "data": base64.b64encode(PNG).decode()}, False, id="an object like a marker"),
    ],
)
def test_only_media_leaves_the_file_and_all_of_it_comes_back(path: Path, part: dict[str, Any], is_media: bool) -> None:
    body = json.dumps(part).encode()

    answer = record(path, body)

    assert (path.parent / "media").exists() is is_media
    assert ("json" in answer) is ("$media" not in part)
    assert pieces_of(path) == [body]


def test_cassettes_of_one_folder_share_their_media(tmp_path: Path) -> None:
    body = json.dumps(inline(PNG)).encode()

    record(tmp_path / "a.json", body)
    record(tmp_path / "b.json", body)

    assert len(list((tmp_path / "media").iterdir())) == 1
    assert pieces_of(tmp_path / "a.json") == pieces_of(tmp_path / "b.json") == [body]


# -- Bad files ---------------------------------------------------------------------------------------------------------


def opening(path: Path) -> str:
    with pytest.raises(CassetteError) as caught, replaying(path):
        pass
    return str(caught.value)


GOOD = {"request": {"method": "POST", "address": "/v1"}, "answer": {"status": 200, "headers": {}}}


def with_exchange(**changes: Any) -> str:
    exchange = {part: {**GOOD[part], **changes.get(part, {})} for part in GOOD}
    return json.dumps({"agentkit_cassette": 1, "exchanges": [GOOD, exchange]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param('{"agentkit_cassette": 1, "exch', "'file.json' is cut or no JSON", id="cut"),
        pytest.param("", "is cut or no JSON", id="empty"),
        pytest.param("\x00\xff", "is cut or no JSON", id="bytes"),
        pytest.param("[1]", "is no cassette", id="a list"),
        pytest.param('{"interactions": []}', "is no cassette", id="the file of another tool"),
        pytest.param('{"agentkit_cassette": 2}', "has version 2; this agentkit reads up to 1. Update", id="newer"),
        pytest.param('{"agentkit_cassette": "1"}', "version '1', which never was", id="a version that is text"),
        pytest.param('{"agentkit_cassette": 1}', "no list of exchanges", id="no exchanges"),
        pytest.param('{"agentkit_cassette": 1, "exchanges": [7]}', "Exchange 1 of .* is no object", id="a number"),
        pytest.param('{"agentkit_cassette": 1, "exchanges": [{}]}', "has no 'request'", id="no request"),
        pytest.param(with_exchange(request={"method": 1}), "Exchange 2 .* has no 'method'", id="no method"),
        pytest.param(with_exchange(answer={"status": "200"}), "neither a 'status' nor 'failed'", id="no status"),
        pytest.param(with_exchange(answer={"base64": "?"}), "none of 'json', 'events', 'lines'", id="bad base64"),
        pytest.param(with_exchange(answer={"lines": [1]}), "something else than text in 'lines'", id="bad lines"),
        pytest.param(with_exchange(answer={"events": {}}), "no list in 'events'", id="bad events"),
        pytest.param(with_exchange(answer={"json": 1, "layout": "{odd}"}), "has the layout '{odd}'", id="a bad layout"),
        pytest.param(with_exchange(answer={"sizes": "1 x"}), "something else than numbers in 'sizes'", id="bad sizes"),
        pytest.param(
            with_exchange(answer={"failed": {"error": "Odd"}}), "failed with 'Odd'; known are", id="an odd error"
        ),
        pytest.param(
            with_exchange(answer={"json": {"$media": "../x.png"}}), "not in the folder 'media'", id="a way out"
        ),
        pytest.param(
            with_exchange(answer={"json": {"$media": "x.png"}}),
            "'x.png' in 'media', which cannot be read",
            id="no media",
        ),
    ],
)
def test_a_bad_file_is_told_in_a_sentence(path: Path, content: str, said: str) -> None:
    path.write_bytes(content.encode("latin-1"))

    message = opening(path)

    assert re.search(said, message)
    assert "\n" not in message


def test_media_that_was_changed_is_told(path: Path) -> None:
    record(path, json.dumps(inline(PNG)).encode())
    [file] = (path.parent / "media").iterdir()
    file.write_bytes(PNG[:-1])

    assert f"needs the media file '{file.name}', whose bytes have changed since" in opening(path)


def test_a_folder_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir()

    assert "'file.json' cannot be read: Is a directory" in opening(path)


def test_an_endpoint_that_nobody_knows_is_refused(path: Path) -> None:
    path.write_text('{"agentkit_cassette": 1, "endpoint": "mars", "exchanges": []}')

    with replaying(path) as cassette, pytest.raises(ConfigurationError, match="'mars'"):
        _ = cassette.client


@pytest.mark.anyio
async def test_a_request_that_was_given_up_before_its_answer_is_not_written(path: Path) -> None:
    request = HttpRequest(method="POST", url="https://host.invalid/v1/x", headers={})

    with Cassette(path, record_with=lambda: Canned(delay_s=60)) as cassette:
        with anyio.move_on_after(0.01):
            async with cassette.transport().send(request):
                pass

    assert not path.exists()
