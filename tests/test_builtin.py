"""Tools that Gemini runs: how they are asked for, what they cannot be combined with, and what they bring back."""

import base64
from typing import Any

import pytest

from agentkit import (
    Agent,
    Citation,
    CodeExecution,
    ConfigurationError,
    ExecutedCode,
    GeminiClient,
    GoogleMaps,
    GoogleSearch,
    Image,
    RunResult,
    UrlContext,
)
from agentkit.testing import Emulator, call, code, grounding, part, recorded, stream, text
from tests.answered import told

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


def weather(city: str) -> str:
    return f"cold in {city}"


TOOLS = [
    pytest.param(GoogleSearch(), {"googleSearch": {}}, id="search"),
    pytest.param(
        GoogleSearch(after="2026-01-01T00:00:00Z", before="2026-02-01T00:00:00Z"),
        {"googleSearch": {"timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T00:00:00Z"}}},
        id="search-of-a-month",
    ),
    pytest.param(CodeExecution(), {"codeExecution": {}}, id="code"),
    pytest.param(UrlContext(), {"urlContext": {}}, id="pages"),
    pytest.param(GoogleMaps(), {"googleMaps": {}}, id="maps"),
]


@pytest.mark.parametrize(("builtin", "wire"), TOOLS)
@pytest.mark.parametrize("model", [NEW, OLD])
async def test_a_built_in_tool_is_asked_for(
    emulator: Emulator, client: GeminiClient, model: str, builtin: Any, wire: dict[str, Any]
) -> None:
    emulator.reply(text("Hi."))

    await Agent(model, tools=[builtin], client=client).run("Go.")

    assert emulator.requests[0]["tools"] == [wire]
    assert "toolConfig" not in emulator.requests[0]


async def test_a_place_goes_to_the_tool_configuration(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hi."))

    await Agent(NEW, tools=[GoogleMaps(latitude=59.9, longitude=10.7, language="nb")], client=client).run("Go.")

    retrieval = {"latLng": {"latitude": 59.9, "longitude": 10.7}, "languageCode": "nb"}
    assert emulator.requests[0]["toolConfig"] == {"retrievalConfig": retrieval}


async def test_search_stands_beside_functions_with_the_flag(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("weather", city="Oslo"))
    emulator.reply(text("Cold."))

    result = await Agent(NEW, tools=[weather, GoogleSearch()], client=client).run("Go.")

    tools = emulator.requests[0]["tools"]
    assert [list(entry) for entry in tools] == [["functionDeclarations"], ["googleSearch"]]
    assert emulator.requests[0]["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert (result.output, told(emulator)) == ("Cold.", [{"output": "cold in Oslo"}])


async def test_older_models_cannot_combine_and_nothing_is_sent(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"{OLD} cannot combine built-in tools \(GoogleSearch\) with functions"
    ):
        await Agent(OLD, tools=[weather, GoogleSearch()], client=client).run("Go.")

    assert not emulator.requests


@pytest.mark.parametrize("endpoint", ["vertex", "comet"])
async def test_other_endpoints_cannot_combine_and_nothing_is_sent(emulator: Emulator, endpoint: Any) -> None:
    client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=endpoint)

    with pytest.raises(ConfigurationError, match=rf"The {endpoint} endpoint cannot combine .* two agents"):
        await Agent(NEW, tools=[weather, CodeExecution()], client=client).run("Go.")

    assert not emulator.requests


@pytest.mark.parametrize("endpoint", ["vertex", "comet"])
async def test_other_endpoints_take_built_in_tools_alone(emulator: Emulator, endpoint: Any) -> None:
    emulator.reply(text("Hi."))
    client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=endpoint)

    assert (await Agent(NEW, tools=[CodeExecution()], client=client).run("Go.")).output == "Hi."


# -- Code and images ---------------------------------------------------------------------------------------------------

PNG = base64.b64encode(b"\x89PNG").decode()


async def test_code_that_was_run_is_told(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(
        code("print(6 * 7)", "42\n"),
        part({"inlineData": {"mimeType": "image/png", "data": PNG}}),
        code("1 / 0", "ZeroDivisionError", "OUTCOME_FAILED"),
        text("It is 42."),
    )

    result = await Agent(NEW, tools=[CodeExecution()], client=client).run("What is 6 * 7?")

    plot = Image(b"\x89PNG", "image/png")
    assert result.output == "It is 42."
    assert result.images == [plot]
    assert result.code == [
        ExecutedCode(source="print(6 * 7)", language="PYTHON", outcome="OUTCOME_OK", output="42\n", images=(plot,)),
        ExecutedCode(source="1 / 0", language="PYTHON", outcome="OUTCOME_FAILED", output="ZeroDivisionError"),
    ]


async def test_code_is_kept_and_not_run_here(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(code("import os", ""), call("weather", city="Oslo"))
    emulator.reply(text("Cold."))

    await Agent(NEW, tools=[weather, CodeExecution()], client=client).run("Go.")

    kept = emulator.requests[1]["contents"][1]["parts"]
    assert [next(iter(said.keys() - {"thoughtSignature"})) for said in kept] == [
        *("executableCode", "codeExecutionResult", "functionCall")
    ]


async def test_an_image_that_cannot_be_decoded_is_left_out(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(part({"inlineData": {"mimeType": "image/png", "data": "!"}}), text("Here."))

    assert (await Agent(NEW, client=client).run("Draw.")).images == []


# -- Citations ---------------------------------------------------------------------------------------------------------

ANSWER = "Grüße! Oslo hat 0°C. Rom 🌞 ist warm."
OSLO = "Oslo hat 0°C."
ROME = "Rom 🌞 ist warm."


def span(words: str) -> dict[str, Any]:
    """A segment as the service writes it: in UTF-8 bytes, a start of 0 left out."""
    start = ANSWER.encode().index(words.encode())
    segment: dict[str, Any] = {"startIndex": start, "endIndex": start + len(words.encode()), "text": words}
    return segment if start else {key: value for key, value in segment.items() if key != "startIndex"}


def support(words: str, *indices: int) -> dict[str, Any]:
    return {"segment": span(words), "groundingChunkIndices": list(indices)}


WEB = [
    {"web": {"uri": "https://a.example/1", "title": "a.example"}},
    {"web": {"uri": "https://b.example/2", "title": "b.example"}},
]


async def grounded(emulator: Emulator, client: GeminiClient, *supports: Any, chunks: Any = WEB) -> RunResult[str]:
    emulator.reply(text(ANSWER), grounding({"groundingChunks": chunks, "groundingSupports": list(supports)}))
    return await Agent(NEW, tools=[GoogleSearch()], client=client).run("Wetter?")


async def test_citations_point_into_the_text(emulator: Emulator, client: GeminiClient) -> None:
    result = await grounded(emulator, client, support(OSLO, 0), support(ROME, 0, 1))

    cited = [(citation.url[-1], ANSWER[citation.start : citation.end]) for citation in result.citations]
    assert cited == [("1", OSLO), ("1", ROME), ("2", ROME)]
    assert [citation.text for citation in result.citations] == [OSLO, ROME, ROME]


async def test_cited_text_has_marks_and_sources(emulator: Emulator, client: GeminiClient) -> None:
    result = await grounded(emulator, client, support(OSLO, 0), support(ROME, 1, 0))

    assert result.cited() == (
        "Grüße! Oslo hat 0°C.[1] Rom 🌞 ist warm.[1][2]\n\n"
        "[1] a.example: https://a.example/1\n[2] b.example: https://b.example/2"
    )


async def test_a_start_that_is_left_out_is_0(emulator: Emulator, client: GeminiClient) -> None:
    [first, _] = (await grounded(emulator, client, support("Grüße!", 0))).citations

    assert (first.start, first.end, first.text) == (0, 6, "Grüße!")


async def test_an_index_past_the_list_is_passed_over(emulator: Emulator, client: GeminiClient) -> None:
    result = await grounded(emulator, client, support(OSLO, 7, 1, -1))

    assert [(citation.url, citation.text) for citation in result.citations] == [
        ("https://b.example/2", OSLO),
        ("https://a.example/1", ""),
    ]


ODD = [
    pytest.param(
        {"segment": {"endIndex": 9_999, "text": OSLO}, "groundingChunkIndices": [0]}, 7, id="an-end-past-the-text"
    ),
    pytest.param(
        {"segment": {"startIndex": 7, "endIndex": 20, "text": OSLO}, "groundingChunkIndices": [0]},
        7,
        id="characters-for-bytes",
    ),
    pytest.param({"segment": {"text": OSLO}, "groundingChunkIndices": [0]}, 7, id="no-indices"),
    pytest.param(
        {"segment": {"endIndex": 3, "text": "not said"}, "groundingChunkIndices": [0]}, None, id="a-text-not-said"
    ),
    pytest.param({"groundingChunkIndices": [0]}, None, id="no-segment"),
]


@pytest.mark.parametrize(("odd", "start"), ODD)
async def test_a_span_is_found_by_its_text_or_not_claimed(
    emulator: Emulator, client: GeminiClient, odd: dict[str, Any], start: int | None
) -> None:
    citation = (await grounded(emulator, client, odd)).citations[0]

    assert (citation.url, citation.start) == ("https://a.example/1", start)


async def test_sources_that_support_nothing_are_listed_without_a_span(emulator: Emulator, client: GeminiClient) -> None:
    result = await grounded(emulator, client)

    assert result.citations == [
        Citation(title="a.example", url="https://a.example/1"),
        Citation(title="b.example", url="https://b.example/2"),
    ]


@pytest.mark.parametrize("chunks", [[{}], [{"web": {}}], []], ids=["empty", "without-an-address", "none"])
async def test_grounding_without_sources_gives_no_citations(
    emulator: Emulator, client: GeminiClient, chunks: Any
) -> None:
    result = await grounded(emulator, client, support(OSLO, 0), chunks=chunks)

    assert (result.citations, result.cited()) == ([], ANSWER)


async def test_a_streamed_answer_is_cited_alike(emulator: Emulator, client: GeminiClient) -> None:
    metadata = {"groundingChunks": WEB, "groundingSupports": [support(ROME, 1)]}
    emulator.reply(stream(ANSWER[:9], ANSWER[9:25], ANSWER[25:]), grounding(metadata))

    async with Agent(NEW, tools=[GoogleSearch()], client=client).stream("Wetter?") as run:
        citation = (await run.result()).citations[0]

    assert ANSWER[citation.start : citation.end] == ROME


async def test_pages_that_were_read_are_cited(emulator: Emulator, client: GeminiClient) -> None:
    read = {"retrievedUrl": "https://a.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}
    failed = {"retrievedUrl": "https://b.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"}
    said = {"content": {"role": "model", "parts": [{"text": "Read."}]}, "finishReason": "STOP"}
    emulator.reply(recorded([{"candidates": [{**said, "urlContextMetadata": {"urlMetadata": [read, failed]}}]}]))

    result = await Agent(NEW, tools=[UrlContext()], client=client).run("Read https://a.example and https://b.example")

    assert [citation.url for citation in result.citations] == ["https://a.example"]


@pytest.mark.parametrize("key", ["citationSources", "citations"], ids=["google", "vertex"])
async def test_quotations_are_cited(emulator: Emulator, client: GeminiClient, key: str) -> None:
    quoted = {"startIndex": 7, "endIndex": 11, "uri": "https://q.example"}
    said = {"content": {"role": "model", "parts": [{"text": "To be, or not."}]}, "finishReason": "STOP"}
    emulator.reply(recorded([{"candidates": [{**said, "citationMetadata": {key: [quoted]}}]}]))

    [citation] = (await Agent(NEW, client=client).run("Go.")).citations

    assert (citation.url, citation.text) == ("https://q.example", "or n")


async def test_citations_survive_a_saved_run(emulator: Emulator, client: GeminiClient) -> None:
    result = await grounded(emulator, client, support(OSLO, 0))

    loaded = type(result.state).load_json(result.state.dump_json())

    assert RunResult(state=loaded, answer=result.answer).citations == result.citations


async def test_sources_of_an_earlier_turn_are_kept_without_a_span(emulator: Emulator, client: GeminiClient) -> None:
    metadata = {"groundingChunks": WEB[:1], "groundingSupports": [support(OSLO, 0)]}
    emulator.reply(text(ANSWER), call("weather", city="Oslo"), grounding(metadata))
    emulator.reply(text("Cold."))

    result = await Agent(NEW, tools=[weather, GoogleSearch()], client=client).run("Wetter?")

    assert [(c.url, c.start, c.text) for c in result.citations] == [("https://a.example/1", None, OSLO)]
    assert result.cited() == "Cold.\n\n[1] a.example: https://a.example/1"
