"""The loop: calls side by side and in stages, their responses in order, and the limits that end a run."""

import threading
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    DeadlineExceeded,
    GeminiClient,
    LimitExceeded,
    Limits,
    RunResult,
    tool,
)
from agentkit.testing import Asked, Emulator, call, delay, finish, reply, text, usage
from agentkit.testing.server import serve
from tests.answered import answers, told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
WITHOUT_IDS = "gemini-2.5-flash"


class Meeting:
    """Tools that can end only if they run side by side."""

    def __init__(self, guests: int) -> None:
        self._guests, self._here = guests, 0
        self._all_here = anyio.Event()

    async def meet(self, name: str) -> str:
        self._here += 1
        if self._here == self._guests:
            self._all_here.set()
        with anyio.fail_after(5):
            await self._all_here.wait()
        return name


async def test_the_calls_of_one_answer_run_side_by_side(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(*(call("meet", name=name) for name in "abc"))
    emulator.reply(text("Met."))

    result = await Agent(MODEL, tools=[Meeting(3).meet], client=client).run("Go.")

    assert told(emulator) == [{"output": name} for name in "abc"]
    assert (result.usage.tool_calls, result.usage.turns) == (3, 2)


async def test_sync_tools_run_side_by_side_in_threads(emulator: Emulator, client: GeminiClient) -> None:
    barrier = threading.Barrier(2, timeout=5)

    def meet() -> int:
        return min(barrier.wait(), 0)

    emulator.reply(call("meet"), call("meet"))
    emulator.reply(text("Met."))

    await Agent(MODEL, tools=[meet], client=client).run("Go.")

    assert told(emulator) == [{"output": 0}, {"output": 0}]


async def test_no_more_calls_run_at_once_than_the_agent_allows(emulator: Emulator, client: GeminiClient) -> None:
    here: list[int] = []
    most = 0

    async def work() -> None:
        nonlocal most
        here.append(1)
        most = max(most, len(here))
        await anyio.sleep(0.005)
        here.pop()

    emulator.reply(*(call("work") for _ in range(5)))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[work], client=client, parallel_calls=2).run("Go.")

    assert most == 2


@pytest.mark.rows(63)
async def test_responses_come_in_the_order_of_the_calls(emulator: Emulator, client: GeminiClient) -> None:
    later = anyio.Event()

    async def first() -> str:
        await later.wait()
        return "first"

    async def second() -> str:
        later.set()
        return "second"

    emulator.reply(call("first"), call("second"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[first, second], client=client).run("Go.")

    assert [answer["name"] for answer in answers(emulator)] == ["first", "second"]


def echo(word: str) -> str:
    return word


@pytest.mark.rows(63)
async def test_ids_are_echoed_where_the_model_gives_them(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("echo", word="a"), call("echo", word="b"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[echo], client=client).run("Go.")

    asked = [said["functionCall"]["id"] for said in emulator.requests[1]["contents"][1]["parts"]]
    assert [answer["id"] for answer in answers(emulator)] == asked


@pytest.mark.rows(63)
async def test_no_ids_are_made_up_where_the_model_gives_none(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("echo", word="a"), call("echo", word="b"))
    emulator.reply(text("Done."))

    await Agent(WITHOUT_IDS, tools=[echo], client=client).run("Go.")

    assert [answer.keys() for answer in answers(emulator)] == [{"name", "response"}] * 2
    assert told(emulator) == [{"output": "a"}, {"output": "b"}]


async def test_responses_stand_alone_in_one_user_content(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Let me see."), call("echo", word="a"), call("nothing"), call("echo"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[echo], client=client).run("Go.")

    assert emulator.requests[1]["contents"][-1]["role"] == "user"
    assert [answer["name"] for answer in answers(emulator)] == ["echo", "nothing", "echo"]


BARRIERS = [pytest.param({"effects": "write"}, id="a-write"), pytest.param({"parallel": False}, id="not-parallel")]


@pytest.mark.parametrize("options", BARRIERS)
async def test_a_barrier_runs_after_what_was_asked_before_and_before_what_was_asked_after(
    emulator: Emulator, client: GeminiClient, options: dict[str, Any]
) -> None:
    log: list[str] = []

    async def look(name: str) -> None:
        log.append(f"{name} begins")
        await anyio.sleep(0.01)
        log.append(f"{name} ends")

    alone = tool(name="change", **options)(look)
    emulator.reply(call("look", name="a"), call("change", name="b"), call("change", name="c"), call("look", name="d"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[look, alone], client=client).run("Go.")

    assert log == [f"{name} {does}" for name in "abcd" for does in ("begins", "ends")]


@pytest.mark.parametrize("effects", ["read", "idempotent", None])
async def test_calls_with_other_effects_are_no_barrier(emulator: Emulator, client: GeminiClient, effects: Any) -> None:
    emulator.reply(call("meet", name="a"), call("meet", name="b"))
    emulator.reply(text("Met."))

    await Agent(MODEL, tools=[tool(effects=effects)(Meeting(2).meet)], client=client).run("Go.")

    assert told(emulator) == [{"output": "a"}, {"output": "b"}]


def calling_mode(body: Any) -> object:
    return body.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode")


@pytest.mark.rows(61)
async def test_the_last_turn_is_kept_for_an_answer_without_functions(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("echo", word="a"))
    emulator.reply(call("echo", word="b"))
    emulator.reply(text("The best I know."))
    agent = Agent(MODEL, tools=[echo], client=client, instructions="Be brief.", limits=Limits(turns=3))

    result = await agent.run("Go.")

    assert (result.output, result.stop, result.usage.turns) == ("The best I know.", "limit", 3)
    assert [calling_mode(body) for body in emulator.requests] == ["VALIDATED", "VALIDATED", "NONE"]
    told_last = emulator.requests[2]["systemInstruction"]["parts"][0]["text"]
    assert told_last.startswith("Be brief.\n\nThis is the last turn")
    assert emulator.requests[2]["tools"] == emulator.requests[0]["tools"]


LIMITS = [
    pytest.param(Limits(turns=3), id="turns"),
    pytest.param(Limits(tool_calls=2), id="tool-calls"),
    pytest.param(Limits(total_tokens=20), id="tokens"),
]


@pytest.mark.rows(60)
@pytest.mark.parametrize("limits", LIMITS)
async def test_each_limit_leads_to_a_last_turn(emulator: Emulator, client: GeminiClient, limits: Limits) -> None:
    for _ in range(2):
        emulator.reply(call("echo", word="a"), usage(totalTokenCount=10))
    emulator.reply(text("Enough."))

    result = await Agent(MODEL, tools=[echo], client=client, limits=limits).run("Go.")

    assert (result.output, result.stop) == ("Enough.", "limit")


RAISING = [
    pytest.param(Limits(turns=2, on_limit="raise"), "turns", id="turns"),
    pytest.param(Limits(tool_calls=2, on_limit="raise"), "tool_calls", id="tool-calls"),
    pytest.param(Limits(total_tokens=20, on_limit="raise"), "total_tokens", id="tokens"),
]


@pytest.mark.rows(60)
@pytest.mark.parametrize(("limits", "name"), RAISING)
async def test_a_limit_can_end_the_run(emulator: Emulator, client: GeminiClient, limits: Limits, name: str) -> None:
    for _ in range(2):
        emulator.reply(call("echo", word="a"), usage(totalTokenCount=10))

    with pytest.raises(LimitExceeded) as caught:
        await Agent(MODEL, tools=[echo], client=client, limits=limits).run("Go.")

    assert caught.value.limit == name
    assert len(emulator.requests) == 2


@pytest.mark.rows(61, 66)
async def test_a_call_in_the_last_turn_is_not_run(emulator: Emulator, client: GeminiClient) -> None:
    ran: list[str] = []

    def work() -> None:
        ran.append("work")

    for _ in range(2):
        emulator.reply(call("work"))

    with pytest.raises(LimitExceeded, match=r"1 of 1 turns.*Raise `Limits\(turns=...\)`"):
        await Agent(MODEL, tools=[work], client=client, limits=Limits(turns=1)).run("Go.")

    assert not ran


@pytest.mark.rows(61)
async def test_a_call_in_the_last_turn_of_a_typed_answer_is_not_run(emulator: Emulator, client: GeminiClient) -> None:
    ran: list[str] = []

    def work() -> None:
        ran.append("work")

    emulator.reply(call("work"))
    agent: Agent[Any, int] = Agent(WITHOUT_IDS, output=int, tools=[work], client=client, limits=Limits(turns=1))

    with pytest.raises(LimitExceeded):
        await agent.run("Go.")

    assert not ran


@pytest.mark.rows(59)
async def test_a_model_that_calls_for_ever_is_stopped(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(5):
        emulator.reply(reply(call("echo", word="again")))

    with pytest.raises(LimitExceeded, match=r"used 5 of 5 turns. Raise `Limits\(turns=...\)`"):
        await Agent(MODEL, tools=[echo], client=client, limits=Limits(turns=5, on_limit="raise")).run("Go.")


async def test_a_deadline_ends_a_run_that_waits_for_the_model(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(delay(5), text("Late."))

    with pytest.raises(DeadlineExceeded, match=r"after 0.1 s, waiting for the whole run") as caught:
        await Agent(MODEL, client=client, limits=Limits(deadline_s=0.1)).run("Go.")

    assert len(caught.value.state.contents) == 1


async def test_a_deadline_ends_a_run_that_waits_for_a_tool(emulator: Emulator, client: GeminiClient) -> None:
    async def quick() -> str:
        return "here"

    async def slow() -> None:
        await anyio.sleep_forever()

    emulator.reply(call("quick"), call("slow"))

    with pytest.raises(DeadlineExceeded) as caught:
        await Agent(MODEL, tools=[quick, slow], client=client, limits=Limits(deadline_s=0.2)).run("Go.")

    assert [open_call.response is None for open_call in caught.value.state.pending] == [False, True]


async def test_two_runs_of_one_agent_never_meet() -> None:
    def brain(asked: Asked) -> list[dict[str, Any]]:
        first, *more = asked.body["contents"]
        word = first["parts"][0]["text"]
        return [{"text": word.upper()}] if more else [{"functionCall": {"name": "meet", "args": {"name": word}}}]

    with serve(Emulator(brain=brain)) as emulator:
        client = GeminiClient(api_key="key", base_url=emulator.url)
        agent: Agent[Any, str] = Agent(MODEL, tools=[Meeting(8).meet], client=client)
        results: dict[str, RunResult[str]] = {}

        async def run(word: str) -> None:
            results[word] = await agent.run(word)

        async with anyio.create_task_group() as group:
            for word in "abcdefgh":
                group.start_soon(run, word)

    assert {word: result.output for word, result in results.items()} == {word: word.upper() for word in "abcdefgh"}
    assert {len(result.contents) for result in results.values()} == {4}


async def test_a_run_ends_with_an_answer_that_was_not_stopped(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Hi."), finish("STOP"))

    result = await Agent(MODEL, client=client).run("Hello.")

    assert (result.output, result.stop, result.paused) == ("Hi.", "answer", [])
