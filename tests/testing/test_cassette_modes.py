"""When a cassette records, which recorded request answers which, and what a request that was not recorded is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, GeminiClient, GeminiError, HttpRequest, Retry
from agentkit.testing.cassette import Cassette, CassetteError, CassetteMiss, CassetteMode
from tests.testing.canned import SAID, Canned, no_network, replaying, written

pytestmark = pytest.mark.anyio

URL = "https://gateway.invalid/v1beta/models/gemini-x:generateContent"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modes.json"


def numbered() -> Callable[[], Canned]:
    """Make transports that answer 1, 2, 3, ...: one for each pool."""
    numbers: Iterator[int] = iter(range(1, 100))
    return lambda: Canned([str(next(numbers)).encode()])


async def ask(cassette: Cassette, body: object = "a", url: str = URL, **headers: str) -> str:
    """Send one request over a pool of its own, and return the answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = cassette.transport()
    async with transport.send(HttpRequest(method="POST", url=url, headers=headers, body=raw)) as response:
        pieces = [piece async for piece in response.chunks()]
    await transport.aclose()
    return b"".join(pieces).decode()


async def record(path: Path, *bodies: object, mode: CassetteMode = "once", **settings: Any) -> list[str]:
    with Cassette(path, **{"mode": mode, "record_with": numbered(), **settings}) as cassette:
        return [await ask(cassette, body) for body in bodies]


# -- Modes -------------------------------------------------------------------------------------------------------------


async def test_once_records_where_there_is_no_file_and_else_replays(path: Path) -> None:
    assert await record(path, "a", "b") == ["1", "2"]

    with Cassette(path, record_with=no_network) as cassette:
        assert not cassette.is_recording
        assert [await ask(cassette, "b"), await ask(cassette, "a")] == ["2", "1"]
        with pytest.raises(CassetteMiss):
            await ask(cassette, "c")


def test_none_wants_a_file(path: Path) -> None:
    with pytest.raises(CassetteError, match=r"no cassette 'modes.json'.*Use 'once'"), Cassette(path, mode="none"):
        pass


async def test_new_replays_what_is_there_and_records_what_is_not(path: Path) -> None:
    await record(path, "a", "b")

    with Cassette(path, mode="new", record_with=lambda: Canned([b"late"])) as cassette:
        answers = [await ask(cassette, body) for body in ("b", "c", "b")]

    assert answers == ["2", "late", "late"]
    with replaying(path) as cassette:
        assert [await ask(cassette, body) for body in ("a", "b", "b", "c")] == ["1", "2", "late", "late"]


async def test_all_takes_the_place_of_the_file(path: Path) -> None:
    await record(path, "a", "b")

    with Cassette(path, mode="all", record_with=lambda: Canned([b"anew"])) as cassette:
        await ask(cassette, "a")

    with replaying(path) as cassette:
        assert await ask(cassette, "a") == "anew"
        assert cassette.unused == []


@pytest.mark.parametrize("mode", ["once", "new", "all"])
async def test_nothing_is_written_where_nothing_was_recorded(path: Path, mode: CassetteMode) -> None:
    await record(path, "a")
    before = path.read_bytes(), path.stat().st_mtime_ns

    with Cassette(path, mode=mode, record_with=no_network):
        pass

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


async def test_no_file_is_made_by_a_block_that_asks_nothing(path: Path) -> None:
    with Cassette(path):
        pass

    assert list(path.parent.iterdir()) == []


async def test_what_was_recorded_is_kept_when_the_block_raises(path: Path) -> None:
    with suppress(ZeroDivisionError), Cassette(path, record_with=numbered()) as cassette:
        await ask(cassette, "a")
        raise ZeroDivisionError

    with replaying(path) as cassette:
        assert await ask(cassette, "a") == "1"


async def test_only_the_cassette_is_left_in_its_folder(path: Path) -> None:
    await record(path, "a")

    assert [found.name for found in path.parent.iterdir()] == ["modes.json"]


async def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CassetteError, match=r"'x\.json' cannot be written: "):
        await record(tmp_path / "file" / "x.json", "a")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"mode": "sometimes"}, "once, none, new, all", id="a mode that is none"),
        pytest.param({"secrets": "one-text"}, "give a list of texts", id="secrets that are one text"),
        pytest.param({"secrets": ["abc"]}, "at least 4 characters", id="a secret too short to be cut out"),
    ],
)
def test_a_wrong_setting_is_told_at_once(path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Cassette(path, **settings)


async def test_a_cassette_answers_only_inside_its_block(path: Path) -> None:
    with Cassette(path, record_with=numbered()) as cassette:
        transport = cassette.transport()
        await ask(cassette)

    with pytest.raises(CassetteError, match="is not open"):
        cassette.transport()
    with pytest.raises(CassetteError, match="is not open"):
        async with transport.send(HttpRequest(method="POST", url=URL, headers={}, body=b'"a"')):
            pass


# -- Repeats and what is left over -------------------------------------------------------------------------------------


async def test_equal_requests_are_answered_in_the_order_of_recording_and_then_miss(path: Path) -> None:
    await record(path, "a", "b", "a")

    with replaying(path) as cassette:
        assert [await ask(cassette, "a"), await ask(cassette, "a")] == ["1", "3"]
        with pytest.raises(CassetteMiss, match=r"recorded 2 times and is now asked once more"):
            await ask(cassette, "a")


async def test_the_last_answer_is_repeated_where_that_is_asked_for(path: Path) -> None:
    await record(path, "a", "a")

    with replaying(path, repeat=True) as cassette:
        assert [await ask(cassette, "a") for _ in range(4)] == ["1", "2", "2", "2"]


async def test_what_was_not_asked_for_is_told(path: Path) -> None:
    await record(path, "a", "b")

    with replaying(path) as cassette:
        await ask(cassette, "a")
        assert cassette.unused == ["2: POST /v1beta/models/gemini-x:generateContent"]


async def test_what_was_not_asked_for_fails_the_block_where_that_is_wanted(path: Path) -> None:
    await record(path, "a", "b")

    wanted = pytest.raises(CassetteError, match=r"not asked for: 2: POST /v1beta")
    with wanted, replaying(path, fail_on_unused=True) as cassette:
        await ask(cassette, "a")
    with pytest.raises(ZeroDivisionError), replaying(path, fail_on_unused=True):
        raise ZeroDivisionError


# -- What counts as the same request -----------------------------------------------------------------------------------


def turns(call_id: str, response_id: str | None = None, args: object = None) -> dict[str, Any]:
    call = {"functionCall": {"name": "f", "args": args or {}, "id": call_id}}
    response = {"functionResponse": {"name": "f", "response": {"output": 1}, "id": response_id or call_id}}
    return {"contents": [{"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}]}


SAME = [
    pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="the order of keys"),
    pytest.param({"topK": 1.0}, {"topK": 1}, id="the spelling of a whole number"),
    pytest.param({"a": 1, "tools": None, "x": []}, {"a": 1}, id="null and an empty list in the protocol's fields"),
    pytest.param(turns("local-1"), turns("local-2"), id="the text of an id that ties a call to its response"),
]
OTHER = [
    pytest.param({"text": "Oslo"}, {"text": "Rome"}, id="a text"),
    pytest.param({"tools": [{"googleSearch": {}}]}, {"tools": [{}]}, id="an empty object, which switches a tool on"),
    pytest.param({"a": 1}, {"a": True}, id="true for 1"),
    pytest.param({"parts": [1, 2]}, {"parts": [2, 1]}, id="the order of a list"),
    pytest.param(turns("a", args={"x": None}), turns("a"), id="null in arguments"),
    pytest.param(turns("a"), turns("a", "b"), id="a response that belongs to another call"),
    pytest.param({"thoughtSignature": "AAAA"}, {"thoughtSignature": "AAAB"}, id="a thought signature"),
    pytest.param(b"not { json", b"not } json", id="a body that is no JSON"),
]


@pytest.mark.parametrize(("recorded", "asked"), SAME)
async def test_it_makes_no_difference(path: Path, recorded: object, asked: object) -> None:
    await record(path, recorded)

    with replaying(path) as cassette:
        assert await ask(cassette, asked) == "1"


@pytest.mark.parametrize(("recorded", "asked"), OTHER)
async def test_it_makes_another_request(path: Path, recorded: object, asked: object) -> None:
    await record(path, recorded)

    with replaying(path) as cassette:
        with pytest.raises(CassetteMiss):
            await ask(cassette, asked)
        assert await ask(cassette, recorded) == "1"


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        pytest.param("https://other.invalid/v1beta/models/gemini-x:generateContent?a=1&b=2", True, id="another host"),
        pytest.param(
            "http://h.invalid:8080/gw/v1beta/models/gemini-x:generateContent?a=1&b=2", True, id="a gateway's prefix"
        ),
        pytest.param(f"{URL}?a=1&b=2&key=some-other-key-0123", True, id="a key in the query"),
        pytest.param(f"{URL}?b=2&a=1", True, id="the order of parameters"),
        pytest.param("https://gateway.invalid/v1/models/gemini-x:generateContent?a=1&b=2", False, id="another version"),
        pytest.param(
            "https://gateway.invalid/v1beta/models/gemini-y:generateContent?a=1&b=2", False, id="another model"
        ),
        pytest.param(f"{URL}?a=1&b=3", False, id="another value"),
    ],
)
async def test_path_and_query_count_and_the_host_does_not(path: Path, url: str, is_same: bool) -> None:
    with Cassette(path, record_with=numbered()) as cassette:
        await ask(cassette, "a", f"{URL}?a=1&b=2")

    with replaying(path) as cassette:
        if is_same:
            assert await ask(cassette, "a", url) == "1"
        else:
            with pytest.raises(CassetteMiss):
                await ask(cassette, "a", url)


async def test_a_body_arrives_in_the_pieces_in_which_it_was_received(path: Path) -> None:
    pieces = [b'{"a"', b":", b"1}"]
    request = HttpRequest(method="POST", url=URL, headers={}, body=b"{}")

    for record_with in (lambda: Canned(pieces), no_network):
        with Cassette(path, record_with=record_with) as cassette:
            async with cassette.transport().send(request) as response:
                assert [piece async for piece in response.chunks()] == pieces


# -- Misses ------------------------------------------------------------------------------------------------------------


async def miss(path: Path, body: object, url: str = URL) -> str:
    with replaying(path) as cassette, pytest.raises(CassetteMiss) as caught:
        await ask(cassette, body, url)
    return str(caught.value)


async def test_a_miss_shows_the_difference_to_the_nearest_request_and_what_to_do(path: Path) -> None:
    await record(path, {"x": 1, "y": 2, "city": "Oslo"}, {"other": "thing"})

    said = await miss(path, {"x": 1, "y": 2, "city": "Rome"})

    assert "POST /v1beta/models/gemini-x:generateContent is not in the cassette 'modes.json'." in said
    assert '- "city": "Oslo",' in said
    assert '+ "city": "Rome",' in said
    assert "--cassette=new" in said
    assert "other" not in said


async def test_a_miss_compares_with_a_request_to_the_same_address_first(path: Path) -> None:
    elsewhere = "https://gateway.invalid/v1beta/models/gemini-x:countTokens"
    with Cassette(path, record_with=numbered()) as cassette:
        await ask(cassette, {"x": 1, "y": 2, "city": "Oslo"})
        await ask(cassette, {"z": 3}, elsewhere)

    assert '- "z": 3' in await miss(path, {"x": 1, "y": 2, "city": "Oslo"}, elsewhere)


async def test_a_miss_cuts_long_values_to_where_they_differ(path: Path) -> None:
    await record(path, {"text": "a" * 5000 + " Oslo " + "b" * 5000})

    said = await miss(path, {"text": "a" * 5000 + " Rome " + "b" * 5000})

    assert " Oslo " in said
    assert " Rome " in said
    assert "10,0" in said
    assert len(said) < 1000


async def test_a_miss_shows_the_beginning_of_a_long_difference(path: Path) -> None:
    await record(path, {"list": list(range(0, 400, 2))})

    said = await miss(path, {"list": list(range(1, 400, 2))})

    assert said.count("\n") < 40
    assert "more lines" in said


async def test_a_miss_in_an_empty_cassette_says_so(path: Path) -> None:
    path.write_text('{"agentkit_cassette": 1, "exchanges": []}')

    assert "Nothing was recorded" in await miss(path, "a")


async def test_a_miss_is_not_asked_again_and_ends_the_run_with_what_it_had(path: Path) -> None:
    said = json.dumps(SAID).encode()
    with Cassette(path, record_with=lambda: Canned([said])) as cassette:
        client = GeminiClient(api_key="a-long-enough-key", transport=cassette.transport)
        await Agent("gemini-x", client=client).run("Weather in Oslo?")

    with replaying(path) as cassette:
        client = GeminiClient(api_key="a-key", transport=cassette.transport, retry=Retry(first_delay_s=3600))
        with pytest.raises(CassetteMiss, match="Weather in Rome") as caught:
            await Agent("gemini-x", client=client).run("Weather in Rome?")

    assert not isinstance(caught.value, GeminiError)
    assert caught.value.state.contents[0].text == "Weather in Rome?"


async def test_requests_are_written_in_the_order_they_were_sent(path: Path) -> None:
    await record(path, "b", "a", "c")

    assert [exchange["request"]["lines"] for exchange in written(path)["exchanges"]] == [['"b"'], ['"a"'], ['"c"']]
