"""`AutoCache`: what many requests begin with is cached, used, extended, made again and deleted by itself."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from agentkit import Agent, AutoCache, ConfigurationError, GeminiClient, InvalidRequest, Limits, Middleware, Retry, tool
from agentkit.testing import Asked, Emulator, call, error, reply, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.wire import Content, Part

pytestmark = pytest.mark.anyio

MODEL = "gemini-2.5-flash"
RULES = "Be kind, and say where you know it from. " * 150  # 1,538 tokens
PATHS: dict[Profile, str] = {
    "google": "",
    "vertex": "/v1beta1/projects/p/locations/global/publishers/google",
    "comet": "",
}
HAVING: list[Profile] = ["google", "vertex"]


class Clock:
    """The service's time, which tests move on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@tool(effects="read")
def population(city: str) -> int:
    """How many live in a city."""
    return 717_710


def client_of(emulator: Emulator, profile: Profile = "google") -> GeminiClient:
    url = emulator.url + PATHS[profile]
    return GeminiClient(api_key="test-key", base_url=url, endpoint=profile, retry=Retry(first_delay_s=0.01))


@contextmanager
def service(profile: Profile = "google", **options: Any) -> Iterator[Emulator]:
    with serve(Emulator(profile=profile, **options)) as emulator:
        yield emulator
        assert not emulator.unexpected


def named(emulator: Emulator) -> list[bool]:
    """Which of the requests named a cache."""
    return ["cachedContent" in request for request in emulator.requests]


def made(emulator: Emulator, profile: Profile = "google") -> list[Mapping[str, Any]]:
    place = "" if profile == "google" else "projects/p/locations/global/"
    found: list[Mapping[str, Any]] = emulator.caches.list(place, {}).get("cachedContents", [])
    return found


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("profile", HAVING)
async def test_a_beginning_is_cached_when_it_comes_again_and_used_in_later_turns_and_runs(
    profile: Profile, streamed: bool
) -> None:
    with service(profile) as emulator:
        cache = AutoCache(min_tokens=1024)
        client = client_of(emulator, profile)
        agent = Agent(MODEL, instructions=RULES, tools=[population], client=client, middleware=[cache])
        for _ in range(2):
            emulator.reply(call("population", city="Oslo"))
            emulator.reply(text("717,710."))

        first = await agent.run("How many in Oslo?")
        if streamed:
            async with agent.stream("How many in Oslo?") as run:
                second = await run.result()
        else:
            second = await agent.run("How many in Oslo?")

        [kept] = cache.caches
        assert [one["name"] for one in made(emulator, profile)] == [kept.name]
    assert (first.output, second.output) == ("717,710.", "717,710.")
    assert named(emulator) == [False, True, True, True]
    assert all(set(request) == {"cachedContent", "contents"} for request in emulator.requests[1:])
    assert cache.saved_tokens == 3 * kept.tokens == first.usage.cached_tokens + second.usage.cached_tokens
    assert second.usage.cached_tokens == 2 * kept.tokens > 3000
    assert not emulator.findings


async def test_finished_turns_of_a_conversation_join_the_cache_once_they_are_worth_one() -> None:
    with service() as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions="Be brief.", client=client_of(emulator), middleware=[cache])
        chat = agent.chat()
        for number in range(5):
            emulator.reply(text(f"Answer {number}. " + "It was a long story. " * 150))
            await chat.run(f"Question {number}?")

        sent = [len(request["contents"]) for request in emulator.requests]

    # 800 tokens in a turn: two are worth a cache, known from the turn before; then two more.
    assert named(emulator) == [False, False, False, True, True]
    assert sent == [1, 3, 5, 3, 5]
    assert len(chat.contents) == 10
    assert not emulator.findings


async def test_a_cached_beginning_ends_before_a_prompt_so_that_calls_stay_with_their_responses() -> None:
    with service() as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions=RULES, tools=[population], client=client_of(emulator), middleware=[cache])
        history: tuple[Content, ...] = ()
        for number in range(3):
            emulator.reply(call("population", city="Oslo"))
            emulator.reply(text("It was a long story. " * 400))
            result = await agent.run(f"Question {number}?", history=tuple(history))
            history = tuple(result.contents)

        caches = [emulator.caches.use(one["name"], MODEL).body for one in made(emulator)]

    assert [len(one.get("contents", [])) for one in caches] == [8, 4, 0]
    assert [request["contents"][0]["parts"][0].get("text") for request in emulator.requests[1:]] == [
        *["Question 0?"] * 1,
        *["Question 0?", "Question 1?"],
        *["Question 1?", "Question 2?"],
    ]
    assert not emulator.findings


async def test_small_beginnings_are_not_cached() -> None:
    with service() as emulator:
        cache = AutoCache()
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
            await agent.run("Hi.")

        assert made(emulator) == []
    assert named(emulator) == [False] * 3
    assert cache.saved_tokens == 0


@pytest.mark.parametrize("model", ["gemini-4-neon"])
async def test_models_without_explicit_caching_are_asked_plainly(model: str) -> None:
    with service() as emulator:
        agent = Agent(model, instructions=RULES, client=client_of(emulator), middleware=[AutoCache(min_tokens=1024)])
        for _ in range(3):
            emulator.reply(text("Hi."))
            await agent.run("Hi.")

        assert made(emulator) == []
    assert [asked.method for asked in emulator.asked] == ["generateContent"] * 3


async def test_an_endpoint_without_caches_is_asked_plainly_and_only_once_for_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with service("comet") as emulator, caplog.at_level("WARNING", "agentkit"):
        client = client_of(emulator, "comet")
        agent = Agent(MODEL, instructions=RULES, client=client, middleware=[AutoCache(min_tokens=1024)])
        for _ in range(4):
            emulator.reply(text("Hi."))
            assert (await agent.run("Hi.")).output == "Hi."

    assert named(emulator) == [False] * 4
    assert [record.event for record in caplog.records] == ["cache.not_offered"]  # type: ignore[attr-defined]


async def test_what_the_service_finds_too_small_is_asked_plainly(caplog: pytest.LogCaptureFixture) -> None:
    with service() as emulator, caplog.at_level("WARNING", "agentkit"):
        cache = AutoCache(min_tokens=100)
        agent = Agent(MODEL, instructions=RULES[:2000], client=client_of(emulator), middleware=[cache])
        for _ in range(4):
            emulator.reply(text("Hi."))
            assert (await agent.run("Hi.")).output == "Hi."

    assert named(emulator) == [False] * 4
    assert [record.event for record in caplog.records] == ["cache.refused"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["deleted", "expired"])
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("profile", HAVING)
async def test_a_cache_that_the_service_has_lost_is_made_again(profile: Profile, streamed: bool, how: str) -> None:
    clock = Clock()
    with service(profile, clock=clock) as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator, profile), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
        await agent.run("Hi.")
        await agent.run("Hi.")
        [lost] = made(emulator, profile)
        if how == "deleted":
            emulator.caches.delete(lost["name"])
        else:
            clock.move(301)

        if streamed:
            async with agent.stream("Hi.") as run:
                assert (await run.result()).output == "Hi."
        else:
            assert (await agent.run("Hi.")).output == "Hi."

        assert [one["name"] for one in made(emulator, profile)] == [cache.caches[0].name] != [lost["name"]]
    assert named(emulator) == [False, True, True, True]  # the third was refused: it named what was gone
    assert emulator.requests[3]["cachedContent"] == cache.caches[0].name


async def test_a_cache_that_is_refused_again_and_again_is_given_up_for_a_while() -> None:
    gone = error(403, "CachedContent not found (or permission denied)")

    def brain(asked: Asked) -> Any:
        return reply(gone if "cachedContent" in asked.body else text("Hi."))

    with service(brain=brain) as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(4):
            assert (await agent.run("Hi.")).output == "Hi."

    assert named(emulator) == [False, True, True, False, False, False]
    assert cache.caches == []


async def test_other_refusals_reach_the_caller() -> None:
    with service() as emulator:
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[AutoCache(min_tokens=1024)])
        emulator.reply(text("Hi."))
        emulator.reply(error(400, "Something else is wrong."))
        await agent.run("Hi.")

        with pytest.raises(InvalidRequest, match="Something else"):
            await agent.run("Hi.")


async def test_a_cache_is_extended_before_it_expires() -> None:
    clock = Clock()
    with service(clock=clock) as emulator:
        cache = AutoCache(min_tokens=1024, ttl_s=300, clock=lambda: clock.now.timestamp())
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
        await agent.run("Hi.")
        await agent.run("Hi.")
        [before] = cache.caches
        clock.move(151)

        await agent.run("Hi.")

    [after] = cache.caches
    assert after.name == before.name
    assert named(emulator) == [False, True, True]
    assert after.expires == before.expires + timedelta(seconds=151)


async def test_a_cache_that_has_expired_here_is_made_again_without_asking_with_it() -> None:
    clock = Clock()
    with service(clock=clock) as emulator:
        cache = AutoCache(min_tokens=1024, clock=lambda: clock.now.timestamp())
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
            await agent.run("Hi.")
            clock.move(300)

    assert named(emulator) == [False, True, True]
    assert emulator.requests[1]["cachedContent"] != emulator.requests[2]["cachedContent"]


async def test_a_cache_that_was_deleted_before_it_could_be_extended_is_made_again() -> None:
    clock = Clock()
    with service(clock=clock) as emulator:
        cache = AutoCache(min_tokens=1024, clock=lambda: clock.now.timestamp())
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
        await agent.run("Hi.")
        await agent.run("Hi.")
        [lost] = cache.caches
        emulator.caches.delete(lost.name)
        clock.move(200)

        await agent.run("Hi.")

    assert named(emulator) == [False, True, True]
    assert cache.caches[0].name != lost.name


@pytest.mark.parametrize("leaves", ["async with", "aclose"])
async def test_what_was_made_is_deleted_when_told(leaves: str) -> None:
    with service() as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        for _ in range(3):
            emulator.reply(text("Hi."))
        if leaves == "async with":
            async with cache:
                await agent.run("Hi.")
                await agent.run("Hi.")
                assert len(made(emulator)) == 1
        else:
            await agent.run("Hi.")
            await agent.run("Hi.")
            await cache.aclose()

        assert made(emulator) == []
        assert cache.caches == []
        await cache.aclose()
        await agent.run("Hi.")  # it goes on working
        assert len(made(emulator)) == 1


async def test_one_that_is_gone_already_does_not_disturb_the_deletion_of_others() -> None:
    with service() as emulator:
        cache = AutoCache(min_tokens=1024)
        for instructions in (RULES, RULES + "Now."):
            agent = Agent(MODEL, instructions=instructions, client=client_of(emulator), middleware=[cache])
            for _ in range(2):
                emulator.reply(text("Hi."))
                await agent.run("Hi.")
        emulator.caches.delete(cache.caches[1].name)

        await cache.aclose()

        assert made(emulator) == []


async def test_runs_side_by_side_make_one_cache() -> None:
    with service(brain=lambda asked: reply(text("Hi."))) as emulator:
        cache = AutoCache(min_tokens=1024)
        agent = Agent(MODEL, instructions=RULES, client=client_of(emulator), middleware=[cache])
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(agent.run, "Hi.")

        assert len(made(emulator)) == len(cache.caches) == 1


async def test_keys_do_not_share_caches_and_other_instructions_have_their_own() -> None:
    with service(brain=lambda asked: reply(text("Hi."))) as emulator:
        cache = AutoCache(min_tokens=1024)
        for instructions in (RULES, RULES + "Now."):
            for client in (client_of(emulator), client_of(emulator)):
                agent = Agent(MODEL, instructions=instructions, client=client, middleware=[cache])
                await agent.run("Hi.")
                await agent.run("Hi.")

        assert len(made(emulator)) == 4


async def test_the_last_turn_at_a_limit_says_what_it_has_to_say() -> None:
    """Its instructions and settings are others than the cached ones, so that it goes out whole."""
    with service() as emulator:
        agent = Agent(
            MODEL,
            instructions=RULES,
            tools=[population],
            client=client_of(emulator),
            limits=Limits(turns=3),
            middleware=[AutoCache(min_tokens=1024)],
        )
        for city in ("Oslo", "Rome"):
            emulator.reply(call("population", city=city))
        emulator.reply(text("About 700,000."))

        result = await agent.run("How many in Oslo?")

    assert (result.output, result.stop) == ("About 700,000.", "limit")
    assert named(emulator) == [False, True, False]
    assert "This is the last turn" in emulator.requests[-1]["systemInstruction"]["parts"][0]["text"]


async def test_media_are_counted_by_the_service_and_not_by_their_bytes() -> None:
    """An address of a video is short, and the video is not."""
    video = Part.parse({"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}})
    history = [Content(role="user", parts=[video] * 5), Content(role="model", parts=[Part(text="Seen.")])]
    with service() as emulator:
        agent = Agent(MODEL, client=client_of(emulator), middleware=[AutoCache(min_tokens=1300)])
        for _ in range(2):
            emulator.reply(text("Hi."))
            await agent.run("Hi.", history=history)

        assert len(made(emulator)) == 1


async def test_an_agent_that_names_a_cache_itself_is_left_alone() -> None:
    with service() as emulator:
        client = client_of(emulator)
        own = await client.caches.create(MODEL, instructions=RULES)
        agent = Agent(MODEL, cached_content=own, client=client, middleware=[AutoCache(min_tokens=1024)])
        for _ in range(3):
            emulator.reply(text("Hi."))
            await agent.run("Hi.")

        assert [one["name"] for one in made(emulator)] == [own.name]


@pytest.mark.parametrize("options", [{"min_tokens": 0}, {"min_tokens": 1.5}, {"ttl_s": 0}, {"ttl_s": "300"}], ids=str)
def test_settings_that_cannot_be_right_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"AutoCache\("):
        AutoCache(**options)


async def test_a_middleware_finds_the_client_and_the_model_of_its_run(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[tuple[str, GeminiClient | None]] = []

    class Look(Middleware):
        async def around_run(self, context: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
            seen.append((context.model, context.client))
            assert "test-key" not in f"{context!r} {context.client!r}"
            assert context.client.redact("test-key") == "[redacted]"
            return await proceed()

    emulator.reply(text("Hi."))
    await Agent(MODEL, client=client, middleware=[Look()]).run("Hi.")

    assert seen == [(MODEL, client)]
