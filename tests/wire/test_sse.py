"""The event parser: any bytes, cut anywhere."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.wire import EventTooLarge, SseParser, WireError
from tests.traffic import answers, needs_traffic

ERROR = b'{\n  "error": {\n    "code": 499,\n    "message": "a } and a \\" and {",\n    "status": "CANCELLED"\n  }\n}\n'
ARRAY = b'[{\n  "a": [1, {"b": "]"}]\n}\n,\r\n{\n  "c": {}\n}\n]\n'

CORPUS: dict[str, tuple[bytes, list[bytes]]] = {
    "as Google sends it": (b'data: {"a": 1}\r\n\r\ndata: {"a": 2}\r\n\r\n', [b'{"a": 1}', b'{"a": 2}']),
    "LF": (b'data: {"a": 1}\n\ndata: {"a": 2}\n\n', [b'{"a": 1}', b'{"a": 2}']),
    "CR": (b'data: {"a": 1}\r\rdata: {"a": 2}\r\r', [b'{"a": 1}', b'{"a": 2}']),
    "mixed line ends": (
        b'data: {"a": 1}\r\n\ndata: {"a": 2}\n\r\ndata: {"a": 3}\r\r\n',
        [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}'],
    ),
    "no space": (b'data:{"a": 1}\n\ndata:  {"a": 2}\n\n', [b'{"a": 1}', b' {"a": 2}']),
    "several data lines": (b'data: {\ndata:   "a": 1\ndata: }\n\n', [b'{\n  "a": 1\n}']),
    "no blank lines between": (
        b'data: {"a": 1}\ndata: {"a": 2}\ndata: {"a": 3}\n',
        [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}'],
    ),
    "comments and other fields": (
        b': keep-alive\n\nevent: x\nid: 7\nretry: 10\ndata: {"a": 1}\nid: 8\n\nid: 9\n\n:\n\ndatax: 1\ndata\n\n',
        [b'{"a": 1}'],
    ),
    "empty events": (b'\n\n\r\n\r\ndata:\n\ndata: \n\ndata: {"a": 1}\n\n', [b'{"a": 1}']),
    "byte order mark": (b'\xef\xbb\xbfdata: {"a": 1}\n\n', [b'{"a": 1}']),
    "done": (b'data: {"a": 1}\n\ndata: [DONE]\n\n', [b'{"a": 1}']),
    "done without data": (b'data: {"a": 1}\n\n[DONE]\n\n', [b'{"a": 1}']),
    "no end": (b'data: {"a": 1}\n\ndata: {"a": 2}', [b'{"a": 1}', b'{"a": 2}']),
    "end after one line end": (b'data: {"a": 1}\n\ndata: {"a": 2}\n', [b'{"a": 1}', b'{"a": 2}']),
    "Unicode line ends": (
        'data: {"a": "1\u20282\u20293\u00854"}\n\n'.encode(),
        ['{"a": "1\u20282\u20293\u00854"}'.encode()],
    ),
    "vertical tabs and form feeds": (b'data: {"a":\x0b\x0c\x1c1}\n\n', [b'{"a":\x0b\x0c\x1c1}']),
    "characters of one to four bytes": ('data: {"a": "aé€😀"}\r\n\r\n'.encode(), ['{"a": "aé€😀"}'.encode()]),
    "error in mid-stream": (b'data: {"a": 1}\r\n\r\n' + ERROR, [b'{"a": 1}', ERROR.strip()]),
    "error in one line": (b'data: {"a": 1}\n\n{"error": {}}', [b'{"a": 1}', b'{"error": {}}']),
    "events after an error": (b'{"error": {}}\n\ndata: {"a": 1}\n\n', [b'{"error": {}}', b'{"a": 1}']),
    "an array in place of events": (ARRAY, [b'{\n  "a": [1, {"b": "]"}]\n}', b'{\n  "c": {}\n}']),
    "an array of one error": (b'[{"error": {"code": 400}}]', [b'{"error": {"code": 400}}']),
    "nothing": (b"", []),
    "HTML": (b"<html>\n<p>no</p>\n</html>\n", []),
}
IN_CORPUS = [pytest.param(*case, id=name) for name, case in CORPUS.items()]


def read(stream: bytes, cuts: list[int]) -> tuple[list[bytes], bytes]:
    """Feed `stream`, cut at these positions; return the events, and what is incomplete."""
    parser = SseParser()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [event for begin, end in itertools.pairwise(edges) for event in parser.feed(stream[begin:end])]
    return events + parser.close(), parser.incomplete


@pytest.mark.parametrize(("stream", "events"), IN_CORPUS)
def test_a_stream_gives_its_events(stream: bytes, events: list[bytes]) -> None:
    assert read(stream, []) == (events, b"")


@pytest.mark.parametrize(("stream", "events"), IN_CORPUS)
@pytest.mark.rows(15, 16, 17, 18, 19)
def test_a_stream_may_be_cut_at_any_one_place_or_at_all(stream: bytes, events: list[bytes]) -> None:
    for cut in range(len(stream)):
        assert read(stream, [cut]) == (events, b""), cut
    assert read(stream, list(range(len(stream)))) == (events, b"")


@settings(deadline=None)
@given(st.sampled_from(sorted(CORPUS)), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_stream_may_be_cut_anywhere(name: str, cuts: list[int]) -> None:
    stream, events = CORPUS[name]

    assert read(stream, cuts) == (events, b"")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"data:", b" ", b"{", b"}", b"[", b"]", b'"', b"\\", b"1", b",", b":", b"\xef\xbb\xbf"]
        )
    ),
    st.data(),
)
@pytest.mark.rows(17)
def test_any_bytes_are_read_the_same_however_they_are_cut(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)

    assert read(stream, data.draw(st.lists(st.integers(0, len(stream))))) == read(stream, [])


@needs_traffic
@settings(deadline=None, max_examples=30)
@given(st.data())
@pytest.mark.rows(17)
def test_a_recorded_stream_may_be_cut_anywhere(data: st.DataObject) -> None:
    streams = [exchange["response"] for exchange in answers() if "sse" in exchange["response"]]
    response = data.draw(st.sampled_from(streams))
    raw = response["raw"].encode()

    events, incomplete = read(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))

    assert [json.loads(event) for event in events] == response["sse"]
    assert not incomplete


@pytest.mark.parametrize(
    ("stream", "events", "rest"),
    [
        pytest.param(b'data: {"a": 1}\n\ndata: {"a"', [b'{"a": 1}'], b'{"a"', id="in an event"),
        pytest.param(b'data: {\ndata: "a": 1\n', [], b'{\n"a": 1', id="between the lines of an event"),
        pytest.param(b'data: {"a": 1}\n\n{"error": {\n', [b'{"a": 1}'], b'{"error": {', id="in an error"),
        pytest.param(b'[{"a": 1}\n,', [b'{"a": 1}'], b"[", id="between the elements of an array"),
        pytest.param(b'[{"a": 1},\n{"a', [b'{"a": 1}'], b'{"a', id="in an element of an array"),
    ],
)
def test_a_cut_stream_is_told_from_an_ended_one(stream: bytes, events: list[bytes], rest: bytes) -> None:
    assert read(stream, []) == (events, rest)


def test_an_event_is_given_as_soon_as_it_has_ended() -> None:
    parser = SseParser()

    assert parser.feed(b'data: {"a": 1}\r') == []
    assert parser.feed(b"\n\r") == [b'{"a": 1}']
    assert parser.feed(b'\n{"error": {}}\n') == [b'{"error": {}}']
    assert parser.feed(b'[{"a": 2}\n') == [b'{"a": 2}']


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * 200, id="a line without end"),
        pytest.param(b"data: " + b"x" * 200 + b"\n\n", id="a line"),
        pytest.param(b"data: x\n" * 200, id="many lines"),
        pytest.param(b'{"a":\n' + b'"b",\n' * 100, id="a JSON text"),
        pytest.param(b"[" + b'{"a":' * 100, id="a JSON text without line ends"),
        pytest.param(b":" + b"x" * 200, id="a comment"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.rows(20)
def test_an_event_above_the_limit_is_refused(stream: bytes, size: int) -> None:
    parser = SseParser(max_event_bytes=100)

    with pytest.raises(EventTooLarge, match="larger than 100 bytes") as caught:
        [parser.feed(stream[begin : begin + size]) for begin in range(0, len(stream), size)]

    assert isinstance(caught.value, WireError)
    assert caught.value.max_event_bytes == 100


def test_many_events_together_may_be_larger_than_the_limit_of_one() -> None:
    assert len(SseParser(max_event_bytes=100).feed(b"data: {}\n\n" * 1000)) == 1000


def test_an_event_of_eight_mebibytes_passes() -> None:
    payload = b'{"text": "' + b"x" * (8 << 20) + b'"}'
    stream = b"data: " + payload + b"\r\n\r\n"
    parser = SseParser()

    events = [
        event for begin in range(0, len(stream), 1 << 16) for event in parser.feed(stream[begin : begin + (1 << 16)])
    ]

    assert events == [payload]
