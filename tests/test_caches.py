"""`client.caches` and `Agent(cached_content=...)`: made, used, extended, deleted, on every kind of endpoint."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentkit import (
    Agent,
    Cache,
    CodeExecution,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    Limits,
    NotFound,
    NotOffered,
    ProtocolError,
    Retry,
    StatusError,
    Usage,
    tool,
)
from agentkit.testing import Emulator, FakeGemini, call, calls, says, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import (
    CachedContent,
    Content,
    CountTokensResponse,
    ListCachedContentsResponse,
    Part,
    Tool,
    UsageMetadata,
)
from tests.faultserver import FaultServer, answer
from tests.traffic import answers, exchanges, needs_traffic, payloads

pytestmark = pytest.mark.anyio

MODEL = "gemini-2.5-flash"
BOOK = "Once upon a time there was a house. " * 200
PATHS = {"google": "", "vertex": "/v1beta1/projects/p/locations/global/publishers/google", "comet": ""}
HAVING: list[Profile] = ["google", "vertex"]


@tool(effects="read")
def population(city: str) -> int:
    """How many live in a city."""
    return {"Oslo": 717_710}[city]


def client_of(emulator: Emulator) -> GeminiClient:
    url = emulator.url + PATHS[emulator.profile]
    return GeminiClient(api_key="test-key", base_url=url, endpoint=emulator.profile, retry=Retry(first_delay_s=0.01))


@pytest.mark.parametrize("profile", HAVING)
async def test_a_cache_is_made_read_listed_extended_and_deleted(profile: Profile) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with serve(Emulator(profile=profile, clock=lambda: now)) as emulator:
        caches = client_of(emulator).caches

        made = await caches.create(MODEL, BOOK, instructions="Be brief.", tools=[population], ttl_s=300)
        extended = await caches.extend(made, 600)
        listed = await caches.list()
        again = await caches.get(made.name.rpartition("/")[2])
        same = await caches.get(made)
        await caches.delete(made)
        left = await caches.list()

    assert made.expires == now + timedelta(minutes=5)
    assert (made.model.rpartition("/")[2], made.created, made.tokens > 1024) == (MODEL, now, True)
    assert extended == Cache(**{**vars(made), "expires": now + timedelta(minutes=10)})
    assert (listed, again, same, left) == ([extended], extended, extended, [])


@pytest.mark.parametrize("profile", HAVING)
@pytest.mark.parametrize("what", ["get", "extend", "delete"])
async def test_a_cache_that_is_gone_is_not_found_and_the_key_is_not_blamed(profile: Profile, what: str) -> None:
    asking: dict[str, Callable[[Any], Awaitable[object]]] = {}
    with serve(Emulator(profile=profile)) as emulator:
        caches = client_of(emulator).caches
        asking = {"get": caches.get, "delete": caches.delete, "extend": lambda name: caches.extend(name, 60)}

        with pytest.raises(NotFound) as caught:
            await asking[what]("cachedContents/1234")

    assert caught.value.status == (403 if profile == "google" else 404)
    assert "Do they belong together" not in str(caught.value)
    assert "It has expired, was deleted, or was made with another key: make it anew" in str(caught.value)


@pytest.mark.parametrize("profile", HAVING)
async def test_a_run_with_a_cache_that_is_gone_says_so_and_does_not_blame_the_key(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = client_of(emulator)
        cache = await client.caches.create(MODEL, BOOK)
        await client.caches.delete(cache)

        with pytest.raises(StatusError, match=r"make it anew with client\.caches\.create"):
            await Agent(MODEL, cached_content=cache, client=client).run("What is it?")


@pytest.mark.parametrize("profile", HAVING)
async def test_a_cache_of_another_model_is_refused_with_the_reason(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = client_of(emulator)
        cache = await client.caches.create(MODEL, BOOK)

        with pytest.raises(InvalidRequest, match="serves only the model that it was made for"):
            await Agent("gemini-2.5-pro", cached_content=cache.name, client=client).run("What is it?")


@pytest.mark.parametrize(
    ("profile", "path"), [("comet", ""), ("vertex", "/v1/publishers/google")], ids=["redirects", "page-not-found"]
)
async def test_an_endpoint_without_caches_says_what_works_instead(profile: Profile, path: str) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url + path)

        with pytest.raises(NotOffered, match=r"has no cached contents .* Send the contents themselves") as caught:
            await client.caches.create(MODEL, BOOK)

    assert caught.value.base_url == client.base_url


async def test_half_a_description_is_no_cache() -> None:
    with FaultServer(answer({"name": "cachedContents/x"})) as server, pytest.raises(ProtocolError, match="expiry"):
        await GeminiClient(api_key="test-key", base_url=server.url).caches.create(MODEL, BOOK)


async def test_a_deletion_that_is_answered_with_nothing_is_done() -> None:
    with FaultServer(answer(b"")) as server:
        await GeminiClient(api_key="test-key", base_url=server.url).caches.delete("cachedContents/x")

    [request] = server.requests
    assert (request.method, request.target) == ("DELETE", "/v1beta/cachedContents/x")


async def test_a_list_without_an_end_is_given_up() -> None:
    with FaultServer(answer({"cachedContents": [], "nextPageToken": "a/b"})) as server:
        with pytest.raises(ProtocolError, match="has no end"):
            await GeminiClient(api_key="test-key", base_url=server.url).caches.list()

        assert server.requests[-1].target == "/v1beta/cachedContents?pageSize=100&pageToken=a%2Fb"


async def test_lists_are_read_to_their_end(emulator: Emulator, client: GeminiClient) -> None:
    made = [await client.caches.create(MODEL, BOOK, display_name=f"book {number}") for number in range(3)]

    assert await client.caches.list() == made[::-1]


async def test_what_the_service_finds_too_small_is_an_invalid_request(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(InvalidRequest, match="too small"):
        await client.caches.create(MODEL, "Hi.")


BAD: dict[str, tuple[Callable[[Any], Awaitable[object]], str]] = {
    "a-model-of-gemini-4": (lambda c: c.create("gemini-4-neon", BOOK), "no cached contents: models of Gemini 4"),
    "nothing": (lambda c: c.create(MODEL), "nothing to cache"),
    "no-time": (lambda c: c.create(MODEL, BOOK, ttl_s=0), "ttl_s=0 is no time"),
    "not-a-number": (lambda c: c.extend("cachedContents/x", float("nan")), "ttl_s=nan is no time"),
    "a-plain-function": (lambda c: c.create(MODEL, BOOK, tools=[len]), "Decorate a function with @tool"),
    "a-text-for-tools": (lambda c: c.create(MODEL, BOOK, tools=3), "tools must be a list"),
    "no-contents": (lambda c: c.create(MODEL, [3]), r"contents\[0\] must be a Content"),
    "no-name": (lambda c: c.get("../models"), "names no cached content"),
    "no-text": (lambda c: c.delete(3 + 4j), "names no cached content"),
    "no-model": (lambda c: c.create("a b", BOOK), "is not a model name"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_right_is_refused_before_asking(
    emulator: Emulator, client: GeminiClient, name: str
) -> None:
    ask, said = BAD[name]

    with pytest.raises(ConfigurationError, match=said):
        await ask(client.caches)


@pytest.mark.parametrize("profile", HAVING)
async def test_an_agent_names_its_cache_and_repeats_nothing_of_it(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = client_of(emulator)
        cache = await client.caches.create(MODEL, BOOK, instructions="Be brief.", tools=[population])
        emulator.reply(call("population", city="Oslo"))
        emulator.reply(text("717,710."))

        result = await Agent(MODEL, tools=[population], cached_content=cache, client=client).run("How many in Oslo?")

    assert result.output == "717,710."
    assert result.usage.cached_tokens == 2 * cache.tokens
    assert [set(request) for request in emulator.requests] == [{"contents", "cachedContent"}] * 2
    assert {request["cachedContent"] for request in emulator.requests} == {cache.name}
    assert not emulator.findings


async def test_functions_of_a_cache_are_declared_for_the_fake_too() -> None:
    with FakeGemini(calls("population", city="Oslo"), says("717,710.")) as gemini:
        cache = await gemini.client.caches.create(MODEL, BOOK, tools=[population])
        agent = Agent(MODEL, tools=[population], cached_content=cache.name)

        assert (await agent.run("How many in Oslo?", client=gemini.client)).output == "717,710."


async def test_the_last_turn_at_a_limit_is_asked_for_in_the_contents(emulator: Emulator, client: GeminiClient) -> None:
    cache = await client.caches.create(MODEL, BOOK, tools=[population])
    emulator.reply(call("population", city="Oslo"))
    emulator.reply(text("About 700,000."))

    agent = Agent(MODEL, tools=[population], cached_content=cache, client=client, limits=Limits(turns=2))
    result = await agent.run("How many in Oslo?")

    assert (result.output, result.stop) == ("About 700,000.", "limit")
    assert set(emulator.requests[1]) == {"contents", "cachedContent"}
    assert "This is the last turn" in emulator.requests[1]["contents"][-1]["parts"][0]["text"]
    assert len(result.contents) == 4  # the conversation itself does not hold that sentence
    assert not emulator.findings


async def test_built_in_tools_beside_functions_are_cached_with_their_flag(
    emulator: Emulator, client: GeminiClient
) -> None:
    code = Tool.parse({"codeExecution": {}})

    for tools in ([population, CodeExecution()], [code, population]):
        made = await client.caches.create("gemini-3-flash-preview", BOOK, tools=tools)
        kept = emulator.caches.use(made.name, "gemini-3-flash-preview").body
        assert kept["toolConfig"] == {"includeServerSideToolInvocations": True}
        assert [list(tool) for tool in kept["tools"]] == [["functionDeclarations"], ["codeExecution"]]


CACHE = Cache(name="cachedContents/x", model=f"models/{MODEL}", expires=datetime.now(UTC))


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        pytest.param("gemini-4-neon", {"cached_content": "cachedContents/x"}, "Leave out cached_content", id="model"),
        pytest.param("gemini-2.5-pro", {"cached_content": CACHE}, "serves no other model", id="another-model"),
        pytest.param(
            [MODEL, "gemini-2.5-pro"], {"cached_content": "cachedContents/x"}, "serves the one model", id="a-chain"
        ),
        pytest.param(MODEL, {"cached_content": "x y"}, "is no name of a cached content", id="name"),
        pytest.param(MODEL, {"cached_content": 3}, "must be a Cache or its name", id="kind"),
        pytest.param(
            MODEL,
            {"cached_content": CACHE, "instructions": "Be brief."},
            "cannot have instructions .* Put them into the cache",
            id="instructions",
        ),
    ],
)
def test_an_agent_refuses_a_cache_that_it_cannot_use(model: Any, options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Agent(model, **options)


async def test_a_typed_output_that_needs_a_function_is_refused_beside_a_cache(
    emulator: Emulator, client: GeminiClient
) -> None:
    agent = Agent(MODEL, output=int, tools=[population], cached_content=CACHE, client=client)

    with pytest.raises(ConfigurationError, match="which a request with cached_content cannot declare"):
        await agent.run("How many?")
    assert emulator.asked == []


async def test_a_tool_choice_that_a_request_with_a_cache_cannot_say_is_refused(
    emulator: Emulator, client: GeminiClient
) -> None:
    agent = Agent(MODEL, tools=[population], tool_choice="any", cached_content=CACHE, client=client)

    with pytest.raises(ConfigurationError, match=r"tool_choice='any': a request with cached_content cannot say it"):
        await agent.run("How many?")
    assert emulator.asked == []


async def test_a_typed_output_in_json_mode_stands_beside_a_cache(emulator: Emulator, client: GeminiClient) -> None:
    cache = await client.caches.create(MODEL, BOOK)
    emulator.reply(text("7"))

    assert (await Agent(MODEL, output=int, cached_content=cache, client=client).run("How many?")).output == 7


@needs_traffic
def test_recorded_caches_and_counts_become_values(show: Callable[[str], None]) -> None:
    kinds = {"cached-content": 0, "its lists": 0, "its errors": 0, "its deletions": 0, "count-tokens": 0}
    kinds["answers with cached tokens"] = 0
    for exchange in exchanges():
        response, request = exchange["response"], exchange["request"] or {}
        path, body = request.get("url_path", ""), response.get("body")
        if "count-tokens" in exchange["features"] and response["status"] == 200:
            assert (CountTokensResponse.parse(body).total_tokens or 0) > 0
            kinds["count-tokens"] += 1
        elif "cachedContents" in path and response["status"] >= 400:
            assert response["status"] == 403
            kinds["its errors"] += 1
        elif "cachedContents" in path and request["method"] == "DELETE":
            assert not body
            kinds["its deletions"] += 1
        elif path.endswith("cachedContents") and request["method"] == "GET":
            assert all(one.expire_time for one in ListCachedContentsResponse.parse(body or {}).cached_contents or [])
            kinds["its lists"] += 1
        elif "cachedContents" in path:
            cache = Cache.of_answer(CachedContent.parse(body))
            assert (cache.tokens > 1000, cache.expires > (cache.created or cache.expires)) == (True, True)
            kinds["cached-content"] += 1

    for exchange in answers():
        for payload in payloads(exchange["response"])[-1:]:
            counts = payload.get("usageMetadata") or {}
            spent = Usage.of_answer(UsageMetadata.parse(counts))
            assert spent.cached_tokens == counts.get("cachedContentTokenCount", 0) <= spent.input_tokens
            kinds["answers with cached tokens"] += spent.cached_tokens > 0

    assert kinds["cached-content"] >= 20
    assert kinds["answers with cached tokens"] >= 50
    show("recorded caches and counts that are public values:\n" + "\n".join(f"  {n:4} {k}" for k, n in kinds.items()))


@pytest.mark.parametrize(
    "answer", [{}, {"name": "cachedContents/x"}, {"name": "cachedContents/x", "expireTime": "soon"}], ids=str
)
def test_a_description_without_name_or_time_is_no_cache(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="without its name or expiry"):
        Cache.of_answer(CachedContent.parse(answer))


def test_times_with_nine_decimals_are_read() -> None:
    """As Google's endpoint sends them."""
    told = {"name": "cachedContents/x", "expireTime": "2026-05-29T19:08:09.540082346Z", "usageMetadata": {}}

    cache = Cache.of_answer(CachedContent.parse(told))

    assert (cache.expires, cache.tokens) == (datetime(2026, 5, 29, 19, 8, 9, 540082, tzinfo=UTC), 0)


def test_a_cached_content_of_contents_and_media_is_one_json_object() -> None:
    made = CachedContent(contents=[Content(role="user", parts=[Part(text="Hi.")])], ttl="60s")

    assert made.encode() == b'{"contents":[{"role":"user","parts":[{"text":"Hi."}]}],"ttl":"60s"}'
