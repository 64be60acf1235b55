"""Faults of the caller: wrong options, odd prompts, many tasks at once, hooks that raise, block, change or re-enter."""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    AgentKitError,
    ConfigurationError,
    GeminiClient,
    GoogleSearch,
    Limits,
    Middleware,
    Retry,
    RunContext,
    RunFailed,
    RunStream,
    TextDelta,
    ToolDefinitionError,
    TurnFinished,
    tool,
)
from agentkit.testing import Asked, Emulator, Reply, call, reply, stream, text
from agentkit.testing.server import serve
from agentkit.wire import Content, GenerateContentResponse, Part
from tests.answered import told
from tests.faultserver import FaultServer, answer, chunk

MODEL = "gemini-3-flash-preview"
KEY = "test-key-0123456789"


def echo(word: str) -> str:
    """Say it again."""
    return word


# -- Options -----------------------------------------------------------------------------------------------------------


KINDS = [
    pytest.param({"limits": {"turns": 3}}, r"limits must be Limits\(...\), not dict", id="limits-as-a-dict"),
    pytest.param({"middleware": Middleware()}, "middleware must be a list", id="a-middleware-without-a-list"),
    pytest.param({"middleware": [Middleware]}, r"middleware\[0\] must be a Middleware, not type", id="a-class"),
    pytest.param({"instructions": 5}, "instructions must be a text or a function", id="instructions-as-a-number"),
    pytest.param({"instructions": None}, "instructions must be a text or a function", id="instructions-of-none"),
    pytest.param({"client": KEY}, "client must be a GeminiClient, not str", id="the-key-as-client"),
    pytest.param({"extra": "cold"}, "extra must be a dict", id="extra-as-text"),
    pytest.param({"labels": ["a"]}, "labels must be a dict", id="labels-as-a-list"),
    pytest.param({"safety": {"category": "x"}}, "safety category='category' is not known", id="an-unknown-category"),
    pytest.param({"safety": ["x"]}, r"safety\[0\] must be a SafetySetting", id="safety-of-texts"),
]


@pytest.mark.rows(121, "R3")
@pytest.mark.parametrize(("options", "sentence"), KINDS)
def test_an_option_of_the_wrong_kind_is_refused_at_construction(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        Agent(MODEL, **options)

    assert KEY not in str(caught.value)


CLIENT_KINDS = [
    pytest.param({"retry": 3}, id="retry-as-a-number"),
    pytest.param({"headers": [("x", "y")]}, id="headers-as-a-list"),
    pytest.param({"transport": "httpx"}, id="a-transport-by-name"),
    pytest.param({"timeout_s": float("nan")}, id="time-that-is-no-number"),
    pytest.param({"timeout_s": "5"}, id="time-as-text"),
    pytest.param({"connect_timeout_s": 0}, id="no-time"),
    pytest.param({"max_response_bytes": -1}, id="fewer-than-no-bytes"),
]


@pytest.mark.rows(121)
@pytest.mark.parametrize("options", CLIENT_KINDS)
def test_an_option_of_a_client_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        GeminiClient(api_key=KEY, **options)


TOOL_KINDS = [
    pytest.param({"timeout_s": value}, id=f"timeout_s={value!r}") for value in (0, -1, "5", float("nan"), float("inf"))
] + [
    pytest.param({"effects": "writ"}, id="effects"),
    pytest.param({"errors": "tell"}, id="errors"),
    pytest.param({"needs_approval": "yes"}, id="needs_approval"),
    pytest.param({"unknown_args": "keep"}, id="unknown_args"),
    pytest.param({"max_result_bytes": -1}, id="max_result_bytes"),
]


@pytest.mark.rows(121)
@pytest.mark.parametrize("options", TOOL_KINDS)
def test_an_option_of_a_tool_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ToolDefinitionError, match=next(iter(options))):
        tool(**options)(echo)


MISSPELT: list[Any] = [
    pytest.param(lambda: Agent(MODEL, tolls=[]), "tolls", id="agent"),  # type: ignore[call-overload]
    pytest.param(lambda: GeminiClient(api_key=KEY, timeout=5), "timeout", id="client"),  # type: ignore[call-arg]
    pytest.param(lambda: Limits(turn=5), "turn", id="limits"),  # type: ignore[call-arg]
    pytest.param(lambda: Retry(attempt=5), "attempt", id="retry"),  # type: ignore[call-arg]
    pytest.param(lambda: tool(timeout=5)(echo), "timeout", id="tool"),  # type: ignore[call-overload]
]


@pytest.mark.rows(121)
@pytest.mark.parametrize(("construct", "name"), MISSPELT)
def test_a_misspelt_option_is_named_before_anything_runs(construct: Callable[[], object], name: str) -> None:
    """The row wants our own error with the nearest name. Python's own is what every reader knows, and editors and type
    checkers show the nearest name before the program runs: taking `**options` to say it later would blind them."""
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        construct()


COMBINATIONS = [
    pytest.param("gemini-2.5-flash", {"tools": [echo, GoogleSearch()]}, id="search-and-functions-on-an-older-model"),
    pytest.param("gemini-2.5-flash", {"tools": [GoogleSearch()], "output": int}, id="search-and-a-typed-output"),
]


@pytest.mark.anyio
@pytest.mark.rows(118)
@pytest.mark.parametrize(("model", "options"), COMBINATIONS)
async def test_what_a_model_cannot_combine_is_refused_before_any_request(
    model: str, options: dict[str, Any], emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(ConfigurationError, match="cannot combine"):
        await Agent(model, client=client, combine="together", **options).run("Go.")

    assert not emulator.asked


# -- Prompts and histories ---------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.rows(120)
async def test_half_characters_are_replaced_wherever_the_caller_puts_them(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(text("Done."))
    history = [Content(role=role, parts=[Part(text="h\udfff")]) for role in ("user", "model")]

    await Agent(MODEL, client=client, instructions="i\ud800").run("p\ud83d", history=history)

    said = [part["text"] for content in emulator.requests[0]["contents"] for part in content["parts"]]
    assert (said, emulator.requests[0]["systemInstruction"]) == (["h�", "h�", "p�"], {"parts": [{"text": "i�"}]})


@pytest.mark.anyio
@pytest.mark.rows(120)
@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        pytest.param("x" * 5_000_000, 0, id="5 MB of text"),
        pytest.param("Go.", 20_000, id="20,000 turns"),
    ],
)
async def test_what_is_large_goes_out_whole(prompt: str, turns: int) -> None:
    """How much is too much, only the service knows."""
    history = [Content(role=("user", "model")[index % 2], parts=[Part(text="x")]) for index in range(turns)]
    with FaultServer(answer(chunk("Hi.", finish="STOP"))) as server:
        client = GeminiClient(api_key=KEY, base_url=server.url)

        result = await Agent(MODEL, client=client).run(prompt, history=history)

    assert result.output == "Hi."
    contents = server.requests[0].json["contents"]
    assert (len(contents), contents[-1]["parts"][0]["text"]) == (turns + 1, prompt)


HISTORIES = [
    pytest.param([{"role": "user", "parts": [{"text": "Hi."}]}], r"history\[0\] must be a Content", id="dicts"),
    pytest.param(["Hi."], r"history\[0\] must be a Content", id="texts"),
    pytest.param("Hi.", r"history\[0\] must be a Content", id="a-text"),
    pytest.param(5, "history must be a list", id="a-number"),
    pytest.param(None, "history must be a list", id="none"),
]


@pytest.mark.rows(120, "R1")
@pytest.mark.parametrize(("history", "sentence"), HISTORIES)
def test_a_history_of_anything_but_contents_is_refused(
    history: Any, sentence: str, emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(MODEL, client=client).run_sync("Go.", history=history)

    assert not emulator.asked


@pytest.mark.anyio
@pytest.mark.rows("R1")
async def test_what_is_no_state_cannot_be_resumed(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Done."))
    agent = Agent(MODEL, client=client)
    result = await agent.run("Go.")

    for mistaken in (result, result.state.dump_json(), None):
        with pytest.raises(ConfigurationError, match=r"state must be a RunState: result.state"):
            await agent.resume(mistaken)  # type: ignore[arg-type]


@pytest.mark.rows(119)
@pytest.mark.parametrize("way", [lambda path: path, lambda path: [path]], ids=["path", "list"])
def test_no_file_is_read_for_a_prompt(
    way: Callable[[Path], Any], tmp_path: Path, emulator: Emulator, client: GeminiClient
) -> None:
    """Media go in as parts that the caller made: what cannot be read, is too large or blocks is never opened here."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)

    with pytest.raises(ConfigurationError, match=r"Say what the file is: Image\.from_path"):
        Agent(MODEL, client=client).run_sync(way(pipe))

    assert not emulator.asked


# -- Many at once ------------------------------------------------------------------------------------------------------


def marked(asked: Asked) -> Reply:
    """Answer with the mark that a tool was called with, and call it first."""
    contents = asked.body["contents"]
    mark = contents[0]["parts"][0]["text"]
    if len(contents) == 1:
        return reply(call("whose", mark=mark))
    seen = contents[-1]["parts"][0]["functionResponse"]["response"]["output"]
    return reply(stream(f"{mark} got ", seen))


def whose(ctx: RunContext[str], mark: str) -> str:
    """Tell whose run this is."""
    return f"{mark} of {ctx.deps}"


@pytest.mark.anyio
@pytest.mark.rows(122, 125, "R9")
async def test_a_hundred_tasks_share_an_agent_and_never_meet() -> None:
    answers: dict[str, str] = {}

    with serve(Emulator(brain=marked)) as emulator:
        agent = Agent[str, str](MODEL, tools=[whose], client=GeminiClient(api_key=KEY, base_url=emulator.url))

        async def ask(number: int) -> None:
            mark, deps = f"m{number}", f"d{number}"
            if number % 2:
                answers[mark] = (await agent.run(mark, deps=deps)).output
                return
            async with agent.stream(mark, deps=deps) as run:
                answers[mark] = "".join([event.text async for event in run if isinstance(event, TextDelta)])

        async with agent.client, anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(ask, number)

    assert answers == {f"m{number}": f"m{number} got m{number} of d{number}" for number in range(100)}


@pytest.mark.rows(124)
def test_one_agent_runs_in_loop_after_loop_of_any_kind(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, tools=[echo], client=client)
    outputs: list[str] = []

    async def main() -> None:
        async with client:
            outputs.append((await agent.run("Go.")).output)
        outputs.append((await agent.run("Go.")).output)

    def run(start: Callable[[], object]) -> None:
        for number in range(2):
            emulator.reply(call("echo", word="x"))
            emulator.reply(text(str(number)))
        start()

    run(lambda: asyncio.run(main()))
    run(lambda: asyncio.run(main()))
    run(lambda: anyio.run(main, backend="trio"))
    run(lambda: anyio.run(main))
    thread = threading.Thread(target=run, args=(lambda: asyncio.run(main()),))
    thread.start()
    thread.join()
    run(lambda: outputs.extend(agent.run_sync("Go.").output for _ in range(2)))

    assert outputs == 6 * ["0", "1"]


@pytest.mark.anyio
@pytest.mark.rows(124, 125)
async def test_a_blocking_tool_may_use_the_blocking_methods_and_an_async_one_is_told_what_to_use(
    emulator: Emulator, client: GeminiClient
) -> None:
    inner = Agent(MODEL, client=client)

    def blocking() -> str:
        """Ask."""
        return inner.run_sync("Who?").output

    async def awaiting() -> str:
        """Ask."""
        return inner.run_sync("Who?").output

    emulator.reply(call("blocking"))
    emulator.reply(text("Kim."))
    emulator.reply(call("awaiting"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[blocking, awaiting], client=client, errors="show").run("Go.")

    assert told(emulator, 2) == [{"output": "Kim."}]
    assert "Use `await agent.run(...)` here" in told(emulator)[0]["error"]


async def outcome(agent: Agent[Any, str], *, streamed: bool) -> str:
    """Run in either way."""
    if not streamed:
        return (await agent.run("Go.")).output
    async with agent.stream("Go.") as run:
        return (await run.result()).output


# -- Hooks -------------------------------------------------------------------------------------------------------------


class Wrong(Middleware):
    """Behaves wrongly in one place."""

    def __init__(self, place: str, act: Callable[[], Any]) -> None:
        self.place, self.act = place, act

    async def _wrap(self, place: str, proceed: Callable[..., Any], *args: Any) -> Any:
        return self.act() if place == self.place else await proceed(*args)

    async def around_run(self, context: Any, proceed: Any) -> Any:
        return await self._wrap("run", proceed)

    async def around_model(self, context: Any, request: Any, proceed: Any) -> GenerateContentResponse:
        answer: GenerateContentResponse = await self._wrap("model", proceed, request)
        return answer

    async def around_tool(self, context: Any, call: Any, proceed: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await self._wrap("tool", proceed, call)
        return answer


def fail() -> Any:
    raise KeyError("hook")


def answer_nothing() -> Any:
    return None


PLACES = ["run", "model", "tool"]


@pytest.mark.anyio
@pytest.mark.rows(128, "R1", "R5")
@pytest.mark.parametrize("place", PLACES)
async def test_a_middleware_that_raises_ends_the_run_with_a_typed_error_and_its_state(
    place: str, emulator: Emulator, client: GeminiClient
) -> None:
    if place == "tool":
        emulator.reply(call("echo", word="x"))
    agent = Agent(MODEL, tools=[echo], client=client, middleware=[Wrong(place, fail)])

    with pytest.raises(RunFailed, match="KeyError: 'hook'") as caught:
        await agent.run("Go.")
    emulator.reply(text("Done."))

    assert isinstance(caught.value.__cause__, KeyError)
    assert (await Agent(MODEL, tools=[echo], client=client).resume(caught.value.state)).output == "Done."


@pytest.mark.anyio
@pytest.mark.rows(128, "R1")
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("place", ["run", "model"])
async def test_a_middleware_that_answers_nothing_is_an_error_of_the_program(
    place: str, streamed: bool, client: GeminiClient
) -> None:
    agent = Agent(MODEL, tools=[echo], client=client, middleware=[Wrong(place, answer_nothing)])

    with pytest.raises(AgentKitError, match=rf"around_{place}"):
        await outcome(agent, streamed=streamed)


@pytest.mark.anyio
@pytest.mark.rows(128)
async def test_a_middleware_may_proceed_twice(emulator: Emulator, client: GeminiClient) -> None:
    class Twice(Middleware):
        async def around_tool(self, context: Any, call: Any, proceed: Any) -> Mapping[str, Any]:
            first, second = await proceed(call), await proceed(call)
            return {"output": [first["output"], second["output"]]}

        async def around_model(self, context: Any, request: Any, proceed: Any) -> GenerateContentResponse:
            await proceed(request)
            answer: GenerateContentResponse = await proceed(request)
            return answer

    for _ in range(2):
        emulator.reply(call("echo", word="x"))
    for _ in range(2):
        emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, middleware=[Twice()]).run("Go.")

    assert told(emulator) == [{"output": ["x", "x"]}]
    assert (result.output, result.usage.requests, result.usage.turns) == ("Done.", 4, 2)


@pytest.mark.anyio
@pytest.mark.rows(128)
async def test_what_a_hook_changes_changes_nothing_but_what_it_hands_on(
    emulator: Emulator, client: GeminiClient
) -> None:
    class Vandal(Middleware):
        def consent(self, context: RunContext[Any], call: Any) -> None:
            self._break(context, call)

        async def around_tool(self, context: RunContext[Any], call: Any, proceed: Any) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = await proceed(call)
            self._break(context, call)
            return answer

        def _break(self, context: RunContext[Any], call: Any) -> None:
            for target in (context.contents, call.args):
                for change in ("clear", "pop", "reverse"):
                    try:
                        getattr(target, change)()
                    except (AttributeError, TypeError, IndexError, KeyError):
                        continue

    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, middleware=[Vandal()]).run("Go.")

    assert told(emulator) == [{"output": "x"}]
    assert [content.role for content in result.contents] == ["user", "model", "user", "model"]


@pytest.mark.anyio
@pytest.mark.rows(128)
async def test_a_hook_may_use_the_agent_it_serves(emulator: Emulator, client: GeminiClient) -> None:
    class Reviewer(Middleware):
        async def around_tool(self, context: Any, call: Any, proceed: Any) -> Mapping[str, Any]:
            verdict = await agent.run("May it run?")
            return {"error": verdict.output}

    agent = Agent(MODEL, tools=[echo], client=client, middleware=[Reviewer()])
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("No."))
    emulator.reply(text("Done."))

    result = await agent.run("Go.")

    assert (result.output, told(emulator)) == ("Done.", [{"error": "No."}])
    assert result.usage.requests == 3


def refuse_to_say(ctx: RunContext[Any]) -> str:
    raise LookupError("no instructions today")


@pytest.mark.anyio
@pytest.mark.rows(128, "R1")
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
async def test_instructions_that_raise_end_the_run_before_any_request(
    streamed: bool, emulator: Emulator, client: GeminiClient
) -> None:
    agent = Agent(MODEL, client=client, instructions=refuse_to_say)

    with pytest.raises(RunFailed, match="LookupError: no instructions today"):
        await outcome(agent, streamed=streamed)

    assert not emulator.asked


@pytest.mark.anyio
@pytest.mark.rows(128, "R8")
@pytest.mark.parametrize("guard", ["needs_approval", "consent"])
async def test_a_guard_that_fails_is_a_no(guard: str, emulator: Emulator, client: GeminiClient) -> None:
    class Guard(Middleware):
        def consent(self, context: Any, call: Any) -> str | None:
            raise ConnectionError("the rules are out of reach")

    def policy(ctx: RunContext[Any], args: dict[str, Any]) -> bool:
        raise ConnectionError("the rules are out of reach")

    guarded = tool(needs_approval=policy if guard == "needs_approval" else False)(echo)
    middleware = [Guard()] if guard == "consent" else []
    emulator.reply(call("echo", word="x"))

    result = await Agent(MODEL, tools=[guarded], client=client, middleware=middleware).run("Go.")

    assert [request.tool for request in result.paused] == ["echo"]
    assert result.state.pending[0].response is None


@pytest.mark.anyio
@pytest.mark.rows(128)
async def test_a_reader_that_raises_gets_its_own_error_and_the_run_is_kept(
    emulator: Emulator, client: GeminiClient
) -> None:
    runs: list[RunStream[str]] = []

    async def show(agent: Agent[Any, str]) -> None:
        async with agent.stream("Go.") as run:
            runs.append(run)
            async for event in run:
                if isinstance(event, TurnFinished):
                    raise BufferError("the screen is gone")

    emulator.reply(call("echo", word="x"))
    agent = Agent(MODEL, tools=[echo], client=client)
    with pytest.raises(BufferError, match="the screen is gone"):
        await show(agent)
    emulator.reply(text("Done."))

    assert (await agent.resume(runs[0].state)).output == "Done."


@pytest.mark.anyio
@pytest.mark.rows(128)
@pytest.mark.parametrize(
    "deps", [None, 0, object(), {}, ValueError("as deps")], ids=["none", "zero", "object", "dict", "error"]
)
async def test_deps_may_be_anything_and_are_neither_read_nor_stored(
    deps: Any, emulator: Emulator, client: GeminiClient
) -> None:
    found: list[object] = []

    def look(ctx: RunContext[Any]) -> str:
        """Look."""
        found.append(ctx.deps)
        return "seen"

    emulator.reply(call("look"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[look], client=client).run("Go.", deps=deps)

    assert found[0] is deps
    assert b"deps" not in result.state.dump_json()
