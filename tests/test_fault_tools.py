"""Tools that fail in every way of the fault matrix, section 3, and what the run makes of it.

What becomes of results is shown in `test_fault_results.py`, what cannot be declared in `test_fault_declarations.py`.
"""

import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    GeminiClient,
    LoopDetected,
    RunContext,
    RunState,
    ToolDefinitionError,
    ToolError,
    ToolFailed,
    ToolFinished,
    ToolProgress,
    approve,
    tool,
)
from agentkit.testing import Emulator, call, check_request, text
from agentkit.usage import Limits
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
SECRET = "sk-very-secret"

Ask = Callable[..., Any]


@pytest.fixture
def ask(emulator: Emulator, client: GeminiClient) -> Ask:
    """Let the model make calls and then say "Done."; return what it was told about them."""

    async def ask(tools: list[object], *calls: Any, **options: Any) -> list[Mapping[str, Any]]:
        emulator.reply(*calls)
        emulator.reply(text("Done."))
        await Agent(MODEL, tools=tools, client=client, **options).run("Go.")
        return told(emulator)

    return ask


def run_script(script: str, *args: str, within_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", script, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)


def is_valid(contents: Any) -> bool:
    """Whether the service would take this history, with one more question behind it."""
    asked = {"contents": [*contents, {"role": "user", "parts": [{"text": "And now?"}]}]}
    return not [finding for finding in check_request(asked, model=MODEL) if finding.severity == "error"]


# -- 73, 74: what a tool raises ----------------------------------------------------------------------------------------


@pytest.mark.rows(73)
async def test_a_tool_that_only_fails_is_given_up_and_its_text_is_told_to_nobody(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is warned after three failures in a row; after three more the run ends, here with an error."""

    def read(number: int) -> str:
        raise PermissionError(f"/home/ada/.netrc: {SECRET} {number}")

    for number in range(6):
        emulator.reply(call("read", number=number))
    agent = Agent(MODEL, tools=[read], client=client, limits=Limits(repeats=3, on_limit="raise"))

    with caplog.at_level(logging.WARNING, "agentkit"), pytest.raises(LoopDetected) as caught:
        await agent.run("Go.")

    assert caught.value.pattern == "error"
    assert len(emulator.requests) == 6
    assert not [secret for secret in (SECRET, "/home/ada", "Traceback") if secret in json.dumps(emulator.requests)]
    assert {failure.text for failure in caught.value.state.failures} == {
        f"/home/ada/.netrc: {SECRET} {number}" for number in range(6)
    }
    assert [record.exc_info is not None for record in caplog.records if "tool.failed" in record.message] == [True] * 6


@pytest.mark.rows(74)
async def test_what_a_task_group_of_a_tool_wraps_is_unfolded(ask: Ask) -> None:
    """A tool that uses tasks of its own cannot but raise groups: its sentences for the model must not be lost."""

    async def look(city: str) -> None:
        raise ToolError(f"No city {city!r}.")

    async def look_up(cities: list[str]) -> None:
        async with anyio.create_task_group() as group:
            for city in cities:
                group.start_soon(look, city)

    def mixed() -> None:
        raise ExceptionGroup("a", [ExceptionGroup("b", [ToolError("Not this.")]), KeyError(SECRET), KeyError(SECRET)])

    responses = await ask([look_up, mixed], call("look_up", cities=["Oz"]), call("mixed"))

    assert responses == [{"error": "No city 'Oz'."}, {"error": "Not this.\nmixed failed (KeyError)"}]


@pytest.mark.rows(74)
async def test_a_group_ends_the_run_with_its_first_failure_where_failures_do(
    emulator: Emulator, client: GeminiClient
) -> None:
    def fail() -> None:
        raise ExceptionGroup("both", [ToolError("a sentence"), ValueError("b")])

    emulator.reply(call("fail"))

    with pytest.raises(ToolFailed, match="'fail' failed: ValueError: b") as caught:
        await Agent(MODEL, tools=[fail], client=client, errors="raise").run("Go.")

    assert isinstance(caught.value.__cause__, ValueError)


class Leave(BaseException):
    """No exception that a program means to handle."""


def raise_group() -> None:
    raise BaseExceptionGroup("both", [ValueError("a"), Leave("b")])


def raise_exit() -> None:
    raise GeneratorExit


def raise_other() -> None:
    raise Leave


ENDS = [
    pytest.param(raise_group, Leave, id="a-group-that-holds-one"),
    pytest.param(raise_exit, GeneratorExit, id="GeneratorExit"),
    pytest.param(raise_other, Leave, id="one-of-the-programs-own"),
]


@pytest.mark.rows(74)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(("leave", "kind"), ENDS)
async def test_what_is_no_exception_is_not_swallowed_and_cancels_the_others(
    emulator: Emulator, client: GeminiClient, leave: Callable[[], None], kind: type[BaseException], is_async: bool
) -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("wait")

    async def leave_async() -> None:
        leave()

    emulator.reply(call("wait"), call("leave"))
    tools = [wait, tool(name="leave")(leave_async if is_async else leave)]

    with pytest.raises(kind):
        async with Agent(MODEL, tools=tools, client=client).stream("Go.") as run:
            await run.result()

    assert ended == ["wait"]
    emulator.reply(text("Fine."))
    assert (await Agent(MODEL, client=client).run("Go.")).output == "Fine."


INTERRUPTED = """
import sys
import anyio
from agentkit import Agent, GeminiClient, RunState

async def wait() -> str:
    try:
        await anyio.sleep_forever()
    finally:
        print("wait was cancelled")

async def fine() -> str:
    return "fine"

async def leave_async() -> None:
    await anyio.sleep(0.1)
    raise {kind}

def leave_sync() -> None:
    raise {kind}

leave = leave_{way}
leave.__name__ = "leave"
client = GeminiClient(api_key="test-key", base_url={url!r})
agent = Agent("gemini-3-flash-preview", tools=[wait, fine, leave], client=client)

async def main() -> None:
    async with agent.stream("Go.") as run:
        try:
            await run.result()
        finally:
            sys.stdout.write(run.state.dump_json().decode() + "\\n")

anyio.run(main, backend={backend!r})
"""


@pytest.mark.rows(74, "R5")
@pytest.mark.parametrize(
    ("kind", "code", "way"),
    [("KeyboardInterrupt", -2, "async"), ("SystemExit(7)", 7, "sync")],
    ids=["interrupt-in-an-async-tool", "exit-in-a-sync-tool"],
)
async def test_an_interrupt_in_a_tool_ends_the_program_at_once_and_the_run_can_go_on(
    emulator: Emulator, client: GeminiClient, anyio_backend: str, kind: str, code: int, way: str
) -> None:
    emulator.reply(call("wait"), call("fine"), call("leave"))
    script = INTERRUPTED.format(kind=kind, way=way, url=emulator.url, backend=anyio_backend)

    ended = await anyio.to_thread.run_sync(run_script, script)

    assert ended.returncode == code, ended.stderr
    assert "wait was cancelled" in ended.stdout
    [saved] = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    state = RunState.load_json(saved)
    assert is_valid(state.contents.to_wire()[:-1])
    assert [pending.name for pending in state.pending if pending.response is None] in (
        ["wait", "leave"],
        ["wait", "fine", "leave"],
    )

    ready = [tool(name=name)(say_done) for name in ("wait", "fine", "leave")]
    emulator.reply(text("Done."))
    assert (await Agent(MODEL, tools=ready, client=client).resume(state)).output == "Done."


def say_done() -> str:
    return "done"


# -- 75: cancellations that are swallowed ------------------------------------------------------------------------------


class Stubborn:
    """A tool that swallows whatever is thrown at it, until it is released at last."""

    def __init__(self) -> None:
        self.released = False
        self.steps = 0

    async def spin(self) -> str:
        while not self.released:
            with suppress(BaseException):
                await anyio.sleep(0.01)
            self.steps += 1
        return "released"

    async def spin_in_scopes(self) -> str:
        while not self.released:
            with suppress(BaseException), anyio.move_on_after(5), anyio.CancelScope():
                await anyio.sleep_forever()
            self.steps += 1
        return "released"

    async def spin_with_tasks(self) -> str:
        while not self.released:
            with suppress(BaseException):
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep_forever)
                    await anyio.sleep_forever()
            self.steps += 1
        return "released"


@pytest.mark.rows(75, 88, "R4", "R9")
async def test_tools_that_swallow_their_cancellation_are_left_where_they_stand_and_named(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = Stubborn()
    tools = [stubborn.spin, stubborn.spin_in_scopes, stubborn.spin_with_tasks]
    names = [function.__name__ for function in tools]
    before = len(anyio.get_running_tasks())
    emulator.reply(*map(call, names), call("say_done"))
    emulator.reply(text("Done."))
    agent = Agent(MODEL, tools=[*tools, say_done], client=client, tool_timeout_s=0.05)

    with anyio.fail_after(20), caplog.at_level(logging.WARNING, "agentkit"):
        async with agent.stream("Go.") as run:
            finished = [event async for event in run if isinstance(event, ToolFinished)]
            result = await run.result()

    assert result.output == "Done."
    assert told(emulator) == [*({"error": f"{name} timed out after 0.05 s."} for name in names), {"output": "done"}]
    for name in names:
        assert f"tool.not_cancellable tool='{name}'" in caplog.text
        [error] = [event.error for event in finished if event.tool == name]
        assert error == "timed out after 0.05 s; it swallowed its cancellation and was left where it stood"
    steps = stubborn.steps
    await anyio.sleep(0.05)
    assert stubborn.steps == steps, "they go on no more"
    assert len(anyio.get_running_tasks()) <= before


@pytest.mark.rows(75, "R4", "R9")
async def test_a_run_that_is_cancelled_ends_though_a_tool_swallows_that(
    emulator: Emulator, client: GeminiClient, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = Stubborn()
    emulator.reply(call("spin"))

    with anyio.fail_after(20), caplog.at_level(logging.WARNING, "agentkit"), anyio.move_on_after(0.2) as scope:
        await Agent(MODEL, tools=[stubborn.spin], client=client).run("Go.")

    assert scope.cancelled_caught
    assert "tool.not_cancellable tool='spin'" in caplog.text


@pytest.mark.rows(75)
async def test_a_tool_may_catch_cancellations_of_its_own_as_long_as_it_likes(ask: Ask) -> None:
    """Only what swallows the cancellation that the run asks for is left behind."""

    async def poll() -> int:
        for _ in range(50):
            with anyio.move_on_after(0.001):
                await anyio.sleep_forever()
        return 50

    assert await ask([poll], call("poll")) == [{"output": 50}]


@pytest.mark.rows(75)
async def test_a_tool_may_take_its_time_to_clean_up(ask: Ask) -> None:
    """Clean-up that is shielded is nothing swallowed. It is waited for, however long it takes: it is the tool's own."""
    cleaned: list[str] = []

    @tool(timeout_s=0.05)
    async def write() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.2)
                cleaned.append("up")

    assert await ask([write], call("write")) == [{"error": "write timed out after 0.05 s."}]
    assert cleaned == ["up"]


STUBBORN = """
import anyio
from agentkit import Agent, GeminiClient

async def spin() -> str:
    while True:
        try:
            await anyio.sleep(0.01)
        except BaseException:
            continue

client = GeminiClient(api_key="test-key", base_url={url!r})
agent = Agent("gemini-3-flash-preview", tools=[spin], client=client, tool_timeout_s=0.05)

async def main() -> str:
    return (await agent.run("Go.")).output

print(anyio.run(main, backend={backend!r}))
"""


@pytest.mark.rows(75, 111)
async def test_a_tool_that_swallows_everything_does_not_keep_the_program_from_ending(
    emulator: Emulator, anyio_backend: str
) -> None:
    """Python closes coroutines at its exit; this one would swallow that and run for ever."""
    emulator.reply(call("spin"))
    emulator.reply(text("Done."))
    script = STUBBORN.format(url=emulator.url, backend=anyio_backend)

    ended = await anyio.to_thread.run_sync(run_script, script)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Done.\n", "")


# -- 77: blocking tools that never return ------------------------------------------------------------------------------


NEVER_RETURNS = """
import threading
from agentkit import Agent, GeminiClient

def hang() -> str:
    threading.Event().wait()
    return "never"

client = GeminiClient(api_key="test-key", base_url={url!r})
agent = Agent("gemini-3-flash-preview", tools=[hang], client=client, tool_timeout_s=0.1)
print(agent.run_sync("Go.").output, flush=True)
"""


@pytest.mark.rows(77)
def test_a_tool_that_never_returns_does_not_keep_the_program_from_ending(emulator: Emulator) -> None:
    emulator.reply(call("hang"))
    emulator.reply(text("Done."))
    script = NEVER_RETURNS.format(url=emulator.url)

    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "Done.\n"
        assert program.wait(timeout=2) == 0


# -- 84, 85: what a tool does to everything around it ------------------------------------------------------------------


@pytest.mark.rows(84)
async def test_a_tool_that_changes_all_it_can_reach_changes_nothing_of_the_run(
    emulator: Emulator, client: GeminiClient
) -> None:
    """`deps` are the caller's own, and so is the default of a parameter, as in any Python function: not copied."""
    seen: list[list[str]] = []

    def change(target: Callable[[], object]) -> None:
        with suppress(Exception):  # what cannot be changed says so
            target()

    def meddle(ctx: RunContext[None], items: list[str]) -> str:
        question, answer = ctx.contents
        for target in (
            items.clear,
            lambda: question.parts.clear(),
            lambda: question.raw.update(role="model"),
            lambda: answer.raw["parts"].pop(),
            lambda: answer.function_calls[1].args.update(items=["changed"]),
            lambda: answer.parts[0].raw.clear(),
            lambda: ctx.contents.clear(),
            lambda: setattr(ctx, "run_id", "changed"),
            lambda: setattr(ctx.usage, "turns", 99),
            lambda: ctx.whole_results.update(a=1),
            lambda: vars(ctx).clear(),
        ):
            change(target)
        return "done"

    @tool(parallel=False)
    def look(items: list[str]) -> None:
        seen.append(items)

    emulator.reply(call("meddle", items=["a"]), call("look", items=["b"]))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[meddle, look], client=client).run("Go.")

    assert seen == [["b"]]
    sent = emulator.requests[1]["contents"]
    assert result.state.contents.to_wire()[:3] == sent
    assert [(content["role"], len(content["parts"])) for content in sent] == [("user", 1), ("model", 2), ("user", 2)]
    assert [part["functionCall"]["args"] for part in sent[1]["parts"]] == [{"items": ["a"]}, {"items": ["b"]}]
    assert (result.usage.turns, result.whole_results) == (2, {})


@pytest.mark.rows(84, "R8")
async def test_who_shows_a_question_may_change_it_without_changing_the_call(
    emulator: Emulator, client: GeminiClient
) -> None:
    paid: list[int] = []

    @tool(needs_approval=True)
    def pay(amount: int, to: dict[str, str]) -> None:
        paid.append(amount)
        assert to == {"iban": "NO93"}

    emulator.reply(call("pay", amount=5, to={"iban": "NO93"}))
    agent = Agent(MODEL, tools=[pay], client=client)
    paused = await agent.run("Pay.")
    [asked] = paused.paused
    asked.args["amount"] = 1  # type: ignore[index]  # a Mapping, on purpose
    asked.args["to"]["iban"] = "***"
    emulator.reply(text("Done."))

    await agent.resume(paused.state, decisions={asked.key: approve()})

    assert paid == [5]
    assert "error" not in told(emulator)[0]


MESSY = """
import locale, logging, os, resource, signal, subprocess, sys

def mess_up(city: str) -> str:
    print("printed", flush=True)
    sys.stderr.write("to stderr\\n")
    logging.basicConfig(level=logging.DEBUG)
    logging.warning("logged")
    os.chdir("/")
    os.environ["COMETAPI_KEY"] = "another"
    os.environ["HTTPS_PROXY"] = os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
    locale.setlocale(locale.LC_ALL, "C")
    sys.setrecursionlimit(400)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:
        print("only in the main thread", flush=True)
    return city
"""


@pytest.mark.rows(85)
def test_what_a_tool_does_to_its_process_does_not_corrupt_the_protocol_on_stdout(
    emulator: Emulator, tmp_path: Path
) -> None:
    tools = tmp_path / "messy.py"
    tools.write_text(MESSY)
    for _ in range(2):
        emulator.reply(call("mess_up", city="Oslo"))
    emulator.reply(text("Done."))
    options = ["--json", "--tools", str(tools), "--base-url", emulator.url]

    ended = subprocess.run(
        [sys.executable, "-m", "agentkit.cli", "run", *options, "Go."],
        capture_output=True,
        text=True,
        timeout=30,
        env={"COMETAPI_KEY": "test-key-0123456789", "PATH": "", "HOME": str(tmp_path)},
        cwd=tmp_path,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [event["type"] for event in events].count("tool_finished") == 2
    assert (events[-1]["type"], events[-1]["output"]) == ("result", "Done.")
    for line in ("printed\n", "to stderr\n", "logged\n"):
        assert ended.stderr.count(line) == 2
    assert told(emulator) == [{"output": "Oslo"}]


# -- 87: background tasks ----------------------------------------------------------------------------------------------


BACKGROUND = """
import asyncio, threading, time
from agentkit import Agent, GeminiClient

done = []
tasks = set()

async def start(seconds: float) -> str:
    async def work() -> None:
        await asyncio.sleep(seconds)
        done.append(seconds)
    task = asyncio.create_task(work())
    tasks.add(task)
    return "started"

def start_thread() -> str:
    threading.Thread(target=time.sleep, args=(0.2,)).start()
    return "started"

async def main() -> None:
    client = GeminiClient(api_key="test-key", base_url={url!r})
    print((await Agent("gemini-3-flash-preview", tools=[start, start_thread], client=client).run("Go.")).output, done)
    await asyncio.sleep(0.1)
    print(done)

asyncio.run(main())
print([task.cancelled() for task in tasks])
"""


@pytest.mark.rows(87, 111)
def test_what_a_tool_leaves_running_in_the_background_is_left_alone(emulator: Emulator) -> None:
    """A tool gets no way of its own to start tasks that outlive its call: a task lives in a task group (house rule).

    So nothing is tracked. What it starts past the framework is the program's: the run does not wait for it, does not
    stop it, and neither the end of the run nor that of the event loop minds it.
    """
    emulator.reply(call("start", seconds=0.05), call("start", seconds=60), call("start_thread"))
    emulator.reply(text("Done."))

    ended = run_script(BACKGROUND.format(url=emulator.url))

    assert (ended.returncode, ended.stderr) == (0, "")
    first, *rest = ended.stdout.splitlines()
    assert first.startswith("Done. ")
    assert (rest[0], sorted(json.loads(rest[1].lower()))) == ("[0.05]", [False, True])


@pytest.mark.rows(87)
async def test_a_task_that_a_tool_starts_in_a_group_of_the_caller_outlives_the_run(
    emulator: Emulator, client: GeminiClient
) -> None:
    done = anyio.Event()

    async def work() -> None:
        await anyio.sleep(0.02)
        done.set()

    async def start(ctx: RunContext[Any]) -> str:
        ctx.deps.start_soon(work)
        return "started"

    emulator.reply(call("start"))
    emulator.reply(text("Done."))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            result = await Agent(MODEL, tools=[start], client=client).run("Go.", deps=group)

    assert result.output == "Done."
    assert done.is_set()


# -- 91: generators ----------------------------------------------------------------------------------------------------


def yields() -> Iterator[str]:
    yield "half"


async def yields_async() -> AsyncIterator[str]:
    yield "half"


class Yields:
    """Yield."""

    def __call__(self) -> Iterator[str]:
        yield "half"


@pytest.mark.rows(91)
@pytest.mark.parametrize("function", [yields, yields_async, Yields()], ids=["function", "async-function", "object"])
def test_a_generator_is_refused_when_the_agent_is_built(function: Any) -> None:
    """Generator tools are not supported: `ctx.progress(...)` says the same with a fraction, from plain and from async
    functions, and leaves `return` to mean the result. With generators the result would be the last value, or the list
    of all, or what `return` gives; an async one has no `return` at all, and must be closed when it is cancelled.
    """
    with pytest.raises(ToolDefinitionError, match="it is a generator function"):
        Agent(MODEL, tools=[tool(name="yields")(function)])


@pytest.mark.rows(91)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_the_progress_of_a_tool_is_handed_on_before_it_fails(
    emulator: Emulator, client: GeminiClient, is_async: bool
) -> None:
    async def copy_async(ctx: RunContext[None]) -> None:
        await ctx.progress("half", fraction=0.5)
        raise OSError(SECRET)

    def copy_sync(ctx: RunContext[None]) -> None:
        ctx.progress_sync("half", fraction=0.5)
        raise OSError(SECRET)

    emulator.reply(call("copy"))
    emulator.reply(text("Done."))
    copy = tool(name="copy")(copy_async if is_async else copy_sync)

    async with Agent(MODEL, tools=[copy], client=client).stream("Go.") as run:
        seen = [event async for event in run if isinstance(event, ToolProgress | ToolFinished)]

    assert [type(event) for event in seen] == [ToolProgress, ToolFinished]
    assert told(emulator) == [{"error": "copy failed (OSError)"}]


# -- 92: tools that change between save and resume ---------------------------------------------------------------------


def changed(**tools: Callable[..., str]) -> list[object]:
    """Tools under other names than their functions have."""
    return [tool(name=name)(function) for name, function in tools.items()]


def pay(amount: int) -> str:
    return f"paid {amount}"


def pay_from(amount: int, account: str) -> str:
    return f"paid {amount} from {account}"


def pay_text(amount: list[str]) -> str:
    return f"paid {amount}"


def pay_more(amount: int, account: str = "main") -> str:
    return f"paid {amount} from {account}"


def erase(amount: int) -> str:
    raise AssertionError("another function was run")


def unknown(sentence: str) -> Mapping[str, Any]:
    return {"error": f"There is no function 'pay'{sentence}"}


LACKING = {"error": "'account': is required, but was left out."}
MISFIT = {"error": "'amount': expected a valid array, got 3."}

CHANGES = [
    pytest.param(changed(), unknown("; no functions are available. Answer in text."), id="removed"),
    pytest.param(changed(erase=erase), unknown(". Available: erase."), id="another-in-its-place"),
    pytest.param(changed(pay_now=pay), unknown(". Did you mean 'pay_now'? Available: pay_now."), id="renamed"),
    pytest.param(changed(erase=erase, pay=pay), {"output": "paid 3"}, id="another-order"),
    pytest.param(changed(pay=pay_from), LACKING, id="a-new-required-argument"),
    pytest.param(changed(pay=pay_text), MISFIT, id="another-type"),
    pytest.param(changed(pay=pay_more), {"output": "paid 3 from main"}, id="a-new-optional-argument"),
]


@pytest.mark.rows(92)
@pytest.mark.parametrize(("tools", "response"), CHANGES)
async def test_a_call_that_waited_while_its_tool_changed_is_run_by_name_or_explained(
    emulator: Emulator, client: GeminiClient, tools: list[object], response: Mapping[str, Any]
) -> None:
    """A saved run knows calls by name and arguments. There is no version of a tool set to compare, so nothing strict:
    what does not fit any more is told to the model, and nothing else is run in its place."""
    emulator.reply(call("pay", amount=3))
    before = Agent(MODEL, tools=[tool(needs_approval=True)(pay)], client=client)
    paused = await before.run("Pay.")
    saved = paused.state.dump_json()
    emulator.reply(text("Done."))

    after = Agent(MODEL, tools=tools, client=client)
    result = await after.resume(RunState.load_json(saved), decisions={paused.paused[0].key: approve()})

    assert result.output == "Done."
    assert told(emulator) == [response]


@pytest.mark.rows(92, "R8")
async def test_a_call_that_waited_is_still_asked_about_when_its_tool_became_harmless(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("pay", amount=3))
    paused = await Agent(MODEL, tools=[tool(needs_approval=True)(pay)], client=client).run("Pay.")

    again = await Agent(MODEL, tools=[pay], client=client).resume(paused.state)

    assert [request.key for request in again.paused] == [request.key for request in paused.paused]
