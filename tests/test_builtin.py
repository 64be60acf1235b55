"""Tools that Gemini runs: how they are asked for, what they cannot be combined with, and what they bring back."""

import base64
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from agentkit import (
    Agent,
    Citation,
    CodeExecution,
    ComputerUse,
    ConfigurationError,
    ExecutedCode,
    FileSearch,
    GeminiClient,
    GoogleMaps,
    GoogleSearch,
    Image,
    Limits,
    RunResult,
    RunState,
    Taint,
    UrlContext,
    approve,
    tool,
)
from agentkit.models import known_models
from agentkit.testing import (
    Emulator,
    FakeGemini,
    call,
    calls,
    code,
    grounding,
    part,
    recorded,
    reply,
    says,
    search,
    server_tool,
    stream,
    text,
)
from agentkit.testing.server import serve
from tests.answered import told

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"cold in {city}"


TOOLS = [
    pytest.param(GoogleSearch(), {"googleSearch": {}}, id="search"),
    pytest.param(
        GoogleSearch(after="2026-01-01T00:00:00Z", before="2026-02-01T00:00:00Z"),
        {"googleSearch": {"timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T00:00:00Z"}}},
        id="search-of-a-month",
    ),
    pytest.param(
        GoogleSearch(after=date(2026, 1, 1), before=datetime(2026, 1, 31, 23, tzinfo=timezone(timedelta(hours=-2)))),
        {"googleSearch": {"timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T01:00:00Z"}}},
        id="search-between-dates",
    ),
    pytest.param(
        FileSearch(stores=["fileSearchStores/a"], top_k=3, filter='author = "Ada"'),
        {
            "fileSearch": {
                "fileSearchStoreNames": ["fileSearchStores/a"],
                "topK": 3,
                "metadataFilter": 'author = "Ada"',
            }
        },
        id="documents",
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
    assert emulator.requests[0]["toolConfig"] == {
        "includeServerSideToolInvocations": True,
        "functionCallingConfig": {"mode": "VALIDATED"},
    }
    assert (result.output, told(emulator)) == ("Cold.", [{"output": "cold in Oslo"}])


async def test_older_models_cannot_combine_and_nothing_is_sent(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"{OLD} cannot combine built-in tools \(GoogleSearch\) with functions"
    ):
        await Agent(OLD, tools=[weather, GoogleSearch()], combine="together", client=client).run("Go.")

    assert not emulator.requests


@pytest.mark.parametrize("endpoint", ["vertex", "comet"])
async def test_other_endpoints_cannot_combine_and_nothing_is_sent(emulator: Emulator, endpoint: Any) -> None:
    client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=endpoint)

    with pytest.raises(ConfigurationError, match=rf"The {endpoint} endpoint cannot combine .* two agents"):
        await Agent(NEW, tools=[weather, CodeExecution()], combine="together", client=client).run("Go.")

    assert not emulator.requests


@pytest.mark.parametrize("endpoint", ["vertex", "comet"])
async def test_other_endpoints_take_built_in_tools_alone(emulator: Emulator, endpoint: Any) -> None:
    emulator.reply(text("Hi."))
    client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=endpoint)

    assert (await Agent(NEW, tools=[CodeExecution()], client=client).run("Go.")).output == "Hi."


# -- Values, models and endpoints --------------------------------------------------------------------------------------

NAIVE = datetime(2026, 1, 1)
BAD: list[Any] = [
    pytest.param(lambda: GoogleSearch(after="2026-01-01T00:00:00Z"), "both ends of a span", id="half-a-span"),
    pytest.param(lambda: GoogleSearch(before=date(2026, 1, 1)), r"Give after=\.\.\. too", id="the-other-half"),
    pytest.param(lambda: GoogleSearch(after="yesterday", before="today"), "'yesterday'.* is no time", id="words"),
    pytest.param(lambda: GoogleSearch(after="2026-13-01T00:00:00Z", before=NAIVE), "is no time", id="month-13"),
    pytest.param(lambda: GoogleSearch(after=NAIVE, before=NAIVE), "has no time zone", id="no-zone"),
    pytest.param(lambda: GoogleSearch(after=2026, before=2027), "is no time", id="a-year"),  # type: ignore[arg-type]
    pytest.param(
        lambda: GoogleSearch(after=date(2026, 2, 1), before=date(2026, 1, 1)), "no time between", id="backwards"
    ),
    pytest.param(lambda: GoogleSearch(exclude_domains="a.example"), "a list of texts, not str", id="a-text-for-a-list"),
    pytest.param(lambda: GoogleSearch(exclude_domains=["https://a.example/x"]), "is no domain", id="an-address"),
    pytest.param(lambda: GoogleSearch(exclude_domains=["a.example"] * 2001), "has 2001 domains", id="too-many-domains"),
    pytest.param(lambda: GoogleMaps(latitude=91, longitude=0), "degrees from -90 to 90", id="beyond-the-pole"),
    pytest.param(lambda: GoogleMaps(latitude=float("nan"), longitude=0), "degrees", id="no-number"),
    pytest.param(lambda: GoogleMaps(latitude=59.9), "longitude=.* is missing", id="half-a-place"),
    pytest.param(lambda: GoogleMaps(language="Norwegian please"), "a code like 'en'", id="no-language"),
    pytest.param(lambda: FileSearch(stores=[]), "searches nothing", id="no-store"),
    pytest.param(lambda: FileSearch(stores=["my store"]), "is no store", id="no-name-of-a-store"),
    pytest.param(lambda: FileSearch(stores="fileSearchStores/a"), "a list of texts", id="one-store-without-a-list"),
    pytest.param(lambda: FileSearch(stores=["fileSearchStores/a"], top_k=0), "above 0", id="nothing-to-look-at"),
    pytest.param(lambda: ComputerUse(actions=[]), "nobody would do", id="no-actions"),
    pytest.param(lambda: ComputerUse(actions=[weather], environment="car"), "Choose one of", id="a-car"),  # type: ignore[arg-type]
    pytest.param(lambda: ComputerUse(actions=[weather], exclude="search"), "a list of texts", id="excluded-as-text"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_values_that_cannot_be_meant_are_refused_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


WITHOUT_SITES = GoogleSearch(exclude_domains=["a.example"])
SPAN = GoogleSearch(after=date(2026, 1, 1), before=date(2026, 2, 1))
REFUSED = [
    pytest.param("google", NEW, WITHOUT_SITES, "known to Vertex AI only, not to the google endpoint", id="exclusions"),
    pytest.param("other", NEW, WITHOUT_SITES, r"GeminiClient\(endpoint='vertex'\)", id="exclusions-elsewhere"),
    pytest.param("vertex", NEW, SPAN, "say them in the prompt, or use Google's endpoint", id="time-on-vertex"),
    pytest.param("google", NEW, GoogleSearch(images=True), "needs a model that answers with images", id="images"),
    pytest.param("vertex", NEW, FileSearch(stores=["fileSearchStores/a"]), "has no FileSearch", id="documents"),
    pytest.param("comet", NEW, FileSearch(stores=["fileSearchStores/a"]), "has no FileSearch", id="documents-2"),
    pytest.param("google", "gemini-2.0-flash", UrlContext(), "has no UrlContext. Use a model of Gemini 3", id="pages"),
    pytest.param("google", OLD, ComputerUse(actions=[weather]), f"{OLD} has no ComputerUse", id="computer-use"),
]


@pytest.mark.parametrize(("endpoint", "model", "builtin", "message"), REFUSED)
@pytest.mark.parametrize("combine", ["auto", "together"])
async def test_what_the_model_or_the_endpoint_does_not_have_is_refused_before_sending(
    emulator: Emulator, endpoint: Any, model: str, builtin: Any, message: str, combine: Any
) -> None:
    client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=endpoint)

    with pytest.raises(ConfigurationError, match=message):
        await Agent(model, tools=[builtin], combine=combine, client=client).run("Go.")

    assert not emulator.asked


async def test_excluded_sites_and_image_search_go_to_who_knows_them() -> None:
    with serve(Emulator(profile="vertex", brain=lambda asked: reply(text("Hi.")))) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url, endpoint="vertex")
        both = GoogleSearch(exclude_domains=["a.example"], images=True)

        await Agent("gemini-3-pro-image", tools=[both], client=client).run("Go.")

        kinds = {"webSearch": {}, "imageSearch": {}}
        sent = {"searchTypes": kinds, "excludeDomains": ["a.example"]}
        assert emulator.requests[0]["tools"] == [{"googleSearch": sent}]
        assert not emulator.findings


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
def test_on_every_known_model_the_judge_finds_nothing_in_what_is_sent(
    profile: Any, show: Callable[[str], None]
) -> None:
    def click_at(x: int, y: int) -> str:
        """Click."""
        return "clicked"

    one_by_one = [GoogleSearch(), GoogleMaps(), UrlContext(), CodeExecution(), ComputerUse(actions=[click_at])]
    search_files = FileSearch(stores=["fileSearchStores/a"])
    sets = [*([one] for one in (*one_by_one, search_files)), one_by_one[:4]]
    outcomes: Counter[str] = Counter()

    with serve(Emulator(profile=profile, brain=lambda asked: reply(text("Hi.")))) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=profile)
        for model in (known.id for known in known_models() if known.output == ("TEXT",)):
            for builtins in sets:
                for functions in ([], [weather]):
                    try:
                        Agent(model, tools=[*functions, *builtins], client=client).run_sync("Go.")
                    except ConfigurationError:
                        outcomes["refused before sending"] += 1
                        continue
                    sent = emulator.requests[-1]["tools"]
                    own = sum("functionDeclarations" not in entry for entry in sent)
                    outcomes["together" if own == len(builtins) else "by functions"] += 1

        assert not [finding for finding in emulator.findings if finding.mistake != "decl.undescribed"]
        assert len(emulator.requests) == outcomes["together"] + outcomes["by functions"]
    assert min(outcomes["together"], outcomes["by functions"], outcomes["refused before sending"]) > 0
    show(f"built-in tools on known models, {profile}: {', '.join(f'{n} {what}' for what, n in outcomes.most_common())}")


# -- Computer use ------------------------------------------------------------------------------------------------------


def click_at(x: int, y: int) -> dict[str, str]:
    """Click at a place of the screen."""
    return {"url": f"https://a.example/#{x},{y}"}


SCREEN = ComputerUse(actions=[click_at], exclude=["drag_and_drop"])
SCREEN_WIRE = {"environment": "ENVIRONMENT_BROWSER", "excludedPredefinedFunctions": ["drag_and_drop"]}


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
async def test_actions_go_to_functions_of_their_name_which_are_not_declared(profile: Any) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url, endpoint=profile)
        emulator.reply(call("click_at", x=5, y=7), call("weather", city="Oslo"))
        emulator.reply(text("Clicked."))

        result = await Agent(NEW, tools=[SCREEN, weather], client=client).run("Click.")

        functions, screen = emulator.requests[0]["tools"]
        assert screen == {"computerUse": SCREEN_WIRE}
        assert [declared["name"] for declared in functions["functionDeclarations"]] == ["weather"]
        assert "toolConfig" not in emulator.requests[0]
        assert told(emulator) == [{"url": "https://a.example/#5,7"}, {"output": "cold in Oslo"}]
        assert result.output == "Clicked."
        assert not [finding for finding in emulator.findings if finding.severity == "error"]


async def test_an_action_without_a_function_is_answered_with_those_there_are(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("hover_at", x=5, y=7))
    emulator.reply(text("I cannot."))

    await Agent(NEW, tools=[SCREEN], client=client).run("Hover.")

    assert told(emulator) == [{"error": "There is no function 'hover_at'. Available: click_at."}]


async def test_an_action_for_which_the_service_wants_consent_is_refused_by_a_function_that_does_not_take_it(
    emulator: Emulator, client: GeminiClient
) -> None:
    wanted = {"decision": "require_confirmation", "explanation": "It buys something."}
    emulator.reply(call("click_at", x=5, y=7, safety_decision=wanted))
    emulator.reply(text("I cannot."))

    await Agent(NEW, tools=[SCREEN], client=client).run("Buy.")

    assert "safety_decision" in told(emulator)[0]["error"]


async def test_computer_use_at_a_limit_sends_no_configuration_for_functions_that_are_not_declared(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("click_at", x=5, y=7))
    emulator.reply(text("That far I came."))

    result = await Agent(NEW, tools=[SCREEN], limits=Limits(turns=2), client=client).run("Click.")

    assert result.stop == "limit"
    assert "toolConfig" not in emulator.requests[-1]


def test_an_action_may_not_be_excluded_or_be_a_tool_besides() -> None:
    with pytest.raises(ConfigurationError, match=r"'click_at' stands in actions=\[...\] and in exclude"):
        Agent(NEW, tools=[ComputerUse(actions=[click_at], exclude=["click_at"])])
    with pytest.raises(ConfigurationError, match="Two tools are called 'click_at'"):
        Agent(NEW, tools=[click_at, SCREEN])


async def test_what_a_screen_shows_counts_as_strangers_words(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("click_at", x=1, y=2))
    emulator.reply(call("weather", city="Oslo"))

    result = await Agent(NEW, tools=[SCREEN, weather], middleware=[Taint()], client=client).run("Click.")

    assert [waiting.tool for waiting in result.paused] == ["weather"]
    assert "(click_at)" in result.paused[0].reason


def test_a_fake_that_plays_actions_takes_them_for_declared() -> None:
    with FakeGemini(calls("click_at", x=1, y=2), says("Clicked.")) as gemini:
        assert Agent(NEW, tools=[SCREEN]).run_sync("Click.", client=gemini.client).output == "Clicked."


# -- What Gemini called and answered itself ----------------------------------------------------------------------------

KINDS_SAID = ["toolCall", "toolResponse", "functionCall"]

SEARCHED = server_tool("GOOGLE_SEARCH_WEB", {"queries": ["oslo"]}, {"search_suggestions": "<div>oslo</div>"})


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "streamed"])
async def test_what_gemini_called_and_answered_itself_goes_back_as_it_came(
    emulator: Emulator, client: GeminiClient, streamed: bool
) -> None:
    emulator.reply(SEARCHED, call("weather", city="Oslo"))
    emulator.reply(text("Cold."))
    agent = Agent(NEW, tools=[weather, GoogleSearch()], client=client)

    if streamed:
        async with agent.stream("Go.") as run:
            await run.result()
    else:
        await agent.run("Go.")

    called, answered, asked = emulator.requests[1]["contents"][1]["parts"][:3]
    assert called["toolCall"]["args"] == {"queries": ["oslo"]}
    assert answered["toolResponse"]["response"] == {"search_suggestions": "<div>oslo</div>"}
    assert called["toolCall"]["id"] == answered["toolResponse"]["id"]
    assert all(said["thoughtSignature"] for said in (called, answered, asked))
    assert told(emulator) == [{"output": "cold in Oslo"}]  # none for the call that Gemini answered
    assert not emulator.findings  # the emulator knows what it has signed


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "streamed"])
async def test_what_gemini_called_survives_a_pause_in_another_process(
    emulator: Emulator, client: GeminiClient, streamed: bool
) -> None:
    @tool(needs_approval=True)
    def publish(title: str) -> str:
        """Publish an article."""
        return "published"

    emulator.reply(SEARCHED, call("publish", title="Oslo"), search("oslo", pages={"a.example": "https://a.example/1"}))
    emulator.reply(text("Published."))
    agent = Agent(NEW, tools=[publish, GoogleSearch()], client=client)
    if streamed:
        async with agent.stream("Go.") as first:
            paused = await first.result()
    else:
        paused = await agent.run("Go.")
    saved = RunState.load_json(paused.state.dump_json())
    decisions = {saved.waiting[0].key: approve()}

    if streamed:
        async with agent.resume_stream(saved, decisions=decisions) as run:
            result = await run.result()
    else:
        result = await agent.resume(saved, decisions=decisions)

    assert emulator.requests[1]["contents"][1] == paused.state.contents[1].to_wire()
    assert [next(iter(said)) for said in emulator.requests[1]["contents"][1]["parts"][:3]] == KINDS_SAID
    assert result.citations[0].title == "a.example"
    assert not emulator.findings


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
