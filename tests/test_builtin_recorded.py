"""What recorded answers of Gemini's own tools become: citations, code, images, searches, and parts that are kept."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from agentkit import Agent, GeminiClient, ResponseBlocked, Retry, RunResult, RunState, Tool
from agentkit.testing import Asked, Emulator, Reply, recorded, reply
from agentkit.testing.server import serve
from tests.test_cited import Reader
from tests.traffic import answers, needs_traffic, payloads

FEATURES = (
    "grounding",
    "google-search",
    "google-maps",
    "url-context",
    "code-execution",
    "file-search",
    "server-tool-parts",
    "citations",
)


def chunks(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk for chunk in payloads(exchange["response"]) if isinstance(chunk, dict)]


def candidates(exchange: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the first candidate of each chunk."""
    for chunk in chunks(exchange):
        yield from (chunk.get("candidates") or [])[:1]


def parts(exchange: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    said = (candidate.get("content") or {} for candidate in candidates(exchange))
    return [part for content in said for part in content.get("parts") or [] if any(kind in part for kind in kinds)]


def groundings(exchange: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (candidate.get("groundingMetadata") or {} for candidate in candidates(exchange))


def agent_for(exchange: dict[str, Any], client: GeminiClient) -> Agent[Any, str]:
    """Return an agent that pauses where the recording calls a function."""
    names = {part["functionCall"]["name"]: None for part in parts(exchange, "functionCall")}
    tools = [Tool[..., Any].from_declaration({"name": name}, dict, needs_approval=True) for name in names]
    return Agent("gemini-3-flash-preview", tools=tools, client=client)


@pytest.fixture(scope="module")
def results() -> list[tuple[dict[str, Any], RunResult[str]]]:
    """Return the recorded answers with what an agent made of them."""
    current: list[dict[str, Any]] = []
    found: list[tuple[dict[str, Any], RunResult[str]]] = []
    blocked: list[dict[str, Any]] = []

    def repeat(asked: Asked) -> Reply:
        return reply(recorded(current))

    async def ask_all(url: str) -> None:
        async with GeminiClient(api_key="test-key", base_url=url, retry=Retry(attempts=1)) as client:
            for exchange in answers():
                if not set(FEATURES) & set(exchange["features"]):
                    continue
                current[:] = chunks(exchange)
                agent = agent_for(exchange, client)
                try:
                    if "sse" in exchange["response"]:
                        async with agent.stream("Go.") as run:
                            found.append((exchange, await run.result()))
                    else:
                        found.append((exchange, await agent.run("Go.")))
                except ResponseBlocked:
                    blocked.append(exchange)

    with serve(Emulator(strict=False, brain=repeat)) as service:
        anyio.run(ask_all, service.url)
    assert all("finish:RECITATION" in exchange["features"] for exchange in blocked)
    return found


Results = list[tuple[dict[str, Any], RunResult[str]]]


@needs_traffic
def test_recorded_answers_become_public_results(results: Results, show: Callable[[str], None]) -> None:
    table = {feature: Counter[str]() for feature in FEATURES}
    for exchange, result in results:
        for feature in set(FEATURES) & set(exchange["features"]):
            count = table[feature]
            count["answers"] += 1
            count["citations"] += len(result.citations)
            count["of them with a span"] += sum(citation.start is not None for citation in result.citations)
            count["code"] += len(result.code)
            count["images"] += len(result.images)
            count["searches"] += len(result.searches)
            count["search entries"] += bool(result.search_entry)

    assert all(count["answers"] for count in table.values())
    names = list(table["grounding"])
    lines = [f"{'recorded answers of':20}" + "".join(f"{name:>21}" for name in names)]
    lines += [f"{feature:20}" + "".join(f"{count[name]:21}" for name in names) for feature, count in table.items()]
    show("\n".join(lines))


@needs_traffic
def test_each_span_holds_the_words_that_the_service_says_it_does(results: Results) -> None:
    spans = [
        (result.text[citation.start : citation.end], citation.text)
        for _, result in results
        for citation in result.citations
        if citation.start is not None and citation.text
    ]

    assert len(spans) > 100
    assert [pair for pair in spans if pair[0] != pair[1]] == []


@needs_traffic
def test_no_recorded_source_and_no_piece_of_code_is_lost(results: Results) -> None:
    for exchange, result in results:
        webs = [
            chunk.get("web") or chunk.get("maps") or {}
            for g in groundings(exchange)
            for chunk in g.get("groundingChunks") or []
        ]
        urls = {web["uri"] for web in webs if web.get("uri")}
        queries = {query for g in groundings(exchange) for query in g.get("webSearchQueries") or []}
        sources = [part["executableCode"].get("code", "") for part in parts(exchange, "executableCode")]

        assert urls <= {citation.url for citation in result.citations}, exchange["id"]
        assert queries <= set(result.searches), exchange["id"]
        images = [part for part in parts(exchange, "inlineData") if part["inlineData"]["mimeType"].startswith("image/")]
        assert [code.source for code in result.code] == sources, exchange["id"]
        assert len(result.images) == len(images), exchange["id"]


@needs_traffic
def test_recorded_parts_of_servers_tools_are_kept_as_they_came_also_in_a_saved_run(results: Results) -> None:
    kinds = ("toolCall", "toolResponse", "executableCode", "codeExecutionResult")
    kept_ones = 0
    for exchange, result in results:
        came = parts(exchange, *kinds)
        saved = RunState.load_json(result.state.dump_json())
        said = [part.to_wire() for part in saved.contents[saved.start + 1].parts or []]

        assert [part for part in said if any(kind in part for kind in kinds)] == came, exchange["id"]
        kept_ones += len(came)

    assert kept_ones > 50


@needs_traffic
def test_every_form_of_recorded_citations_is_whole(results: Results) -> None:
    for _, result in results:
        reader = Reader()
        reader.feed(result.cited("html"))
        reader.close()

        numbers = {(citation.url or citation.title) for citation in result.citations}
        assert not reader.open
        assert result.cited("html").count("<li ") == len(numbers)
        assert result.cited("markdown").startswith(result.text[:1])
        assert len(result.cited().splitlines()) >= len(numbers)
