"""Faults of the process around a run: signals, forks, limits of the system, exits, damaged files, jumping clocks."""

import ast
import json
import os
import pickle
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import agentkit
from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    Limits,
    Retry,
    RunContext,
    RunState,
    StateInvalid,
    ToolFailed,
    approve,
    deny,
    tool,
)
from agentkit.testing import Emulator, call, error, stream, text
from tests.answered import told
from tests.faultserver import FaultServer, answer, chunk

MODEL = "gemini-3-flash-preview"
KEY = "test-key-0123456789"
LONGEST_S = 20.0

PREAMBLE = """
import os, signal, sys, threading, time
import anyio
from agentkit import Agent, GeminiClient, Retry, RunContext, RunState, TurnStarted, tool

URL = sys.argv[1]
client = GeminiClient(api_key="test-key-0123456789", base_url=URL, retry=Retry(attempts=1))

def say(*words):
    print(*words, flush=True)
"""


def begin(code: str, *args: str, options: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Start a program that has a client."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *options, "-c", PREAMBLE + code, *args], **pipes)


def ended(child: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for its end. Returns its exit code and what it wrote to stdout and stderr."""
    try:
        out, err = child.communicate(timeout=LONGEST_S)
    finally:
        child.kill()
    return child.returncode, out, err


def wait_for(child: "subprocess.Popen[str]", line: str) -> None:
    """Read until the program has written `line`."""
    assert child.stdout is not None
    while (read := child.stdout.readline()) != f"{line}\n":
        assert read, child.communicate()


# -- Signals -----------------------------------------------------------------------------------------------------------


SERVICE = """
@tool(effects="write")
async def work(ctx: RunContext[None]) -> str:
    "Work."
    say("begun")
    await anyio.sleep(0.2)
    return "worked"

@tool(needs_approval=True)
def pay(amount: int) -> str:
    "Pay."
    return "paid"

async def terminated(stopping):
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        say("ready")
        async for _ in signals:
            stopping.set()

async def main():
    stopping = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(terminated, stopping)
        async with Agent("gemini-3-flash-preview", tools=[work, pay], client=client).stream("Go.") as run:
            async for event in run:
                if stopping.is_set() and isinstance(event, TurnStarted):
                    break
        group.cancel_scope.cancel()
    with open(sys.argv[3], "wb") as file:
        file.write(run.state.dump_json())

anyio.run(main, backend=sys.argv[2])
"""


@pytest.mark.rows(99)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_service_that_is_terminated_ends_its_calls_and_begins_no_turn(
    backend: str, emulator: Emulator, client: GeminiClient, tmp_path: Path
) -> None:
    """The signal handling is the service's own. A run gives what it needs: an event before each turn, and a state."""
    saved = tmp_path / "run.json"
    emulator.reply(call("work"))
    child = begin(SERVICE, emulator.url, backend, str(saved))
    wait_for(child, "begun")

    child.send_signal(signal.SIGTERM)

    assert ended(child)[::2] == (0, "")
    assert len(emulator.requests) == 1
    emulator.reply(text("Done."))
    state = RunState.load_json(saved.read_bytes())
    assert Agent(MODEL, tools=[renamed("work")], client=client).resume_sync(state).output == "Done."
    assert told(emulator) == [{"output": "worked"}]


def renamed(name: str) -> Any:
    @tool(name=name)
    def again() -> str:
        raise AssertionError("made again")

    return again


@pytest.mark.rows(99)
def test_what_waits_for_a_person_waits_on_after_a_termination(emulator: Emulator, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    emulator.reply(call("work"), call("pay", amount=3))
    child = begin(SERVICE, emulator.url, "asyncio", str(saved))
    wait_for(child, "begun")

    child.send_signal(signal.SIGTERM)

    assert ended(child)[::2] == (0, "")
    [request] = RunState.load_json(saved.read_bytes()).waiting
    assert (request.tool, request.args) == ("pay", {"amount": 3})


INTERRUPTED = """
async def work() -> str:
    "Work."
    say("begun")
    with anyio.CancelScope(shield=len(sys.argv) > 2):
        await anyio.sleep(30)
    return "worked"

agent = Agent("gemini-3-flash-preview", tools=[work], client=client)
before = len(os.listdir("/proc/self/fd"))
try:
    agent.run_sync("Go.")
except KeyboardInterrupt:
    say("interrupted, open files left:", len(os.listdir("/proc/self/fd")) - before)
if len(sys.argv) == 2:
    say(agent.run_sync("Again.").output)
"""


@pytest.mark.rows(100, "R9")
def test_one_interrupt_ends_the_run_and_the_agent_serves_the_next(emulator: Emulator) -> None:
    emulator.reply(call("work"))
    emulator.reply(text("Here I am."))
    child = begin(INTERRUPTED, emulator.url)
    wait_for(child, "begun")

    child.send_signal(signal.SIGINT)

    assert ended(child) == (0, "interrupted, open files left: 0\nHere I am.\n", "")


@pytest.mark.rows(100)
def test_a_second_interrupt_ends_a_run_that_would_clean_up_for_long(emulator: Emulator) -> None:
    emulator.reply(call("work"))
    child = begin(INTERRUPTED, emulator.url, "shielded")
    wait_for(child, "begun")

    child.send_signal(signal.SIGINT)
    time.sleep(0.2)  # two signals at once would be one
    child.send_signal(signal.SIGINT)

    assert ended(child) == (0, "interrupted, open files left: 0\n", "")


@pytest.mark.rows(100)
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_at_a_terminal_ends_the_command_and_leaves_the_terminal_as_it_was(
    times: int, emulator: Emulator, tmp_path: Path
) -> None:
    tools = tmp_path / "naps.py"
    tools.write_text("import time\n\ndef nap() -> str:\n    time.sleep(30)\n    return 'rested'\n")
    emulator.reply(call("nap"))
    screen, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    child = subprocess.Popen(
        [sys.executable, "-c", AT_TERMINAL, "run", "Sleep.", "-t", str(tools)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "AGENTKIT_BASE_URL": emulator.url, "GEMINI_API_KEY": KEY},
        start_new_session=True,
    )
    written = b""
    while b"nap" not in written:
        written += os.read(screen, 4096)

    for _ in range(times):
        os.write(screen, b"\x03")
        time.sleep(0.05)

    try:
        assert child.wait(LONGEST_S) == 130
        assert termios.tcgetattr(terminal) == before
    finally:
        child.kill()
        os.close(screen)
        os.close(terminal)


AT_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C reaches only whose terminal it is
from agentkit.cli import main
main()
"""


@pytest.mark.rows(99)
def test_the_command_leaves_termination_to_the_system(emulator: Emulator, tmp_path: Path) -> None:
    """A command for one question has nothing to save: it ends at once, by the signal (a shell shows 143)."""
    tools = tmp_path / "naps.py"
    tools.write_text("import time\n\ndef nap() -> str:\n    print('asleep', flush=True)\n    time.sleep(30)\n")
    emulator.reply(call("nap"))
    child = subprocess.Popen(
        [sys.executable, "-m", "agentkit.cli", "run", "Sleep.", "-t", str(tools)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AGENTKIT_BASE_URL": emulator.url, "GEMINI_API_KEY": KEY},
    )
    assert child.stderr is not None
    while child.stderr.readline() != "asleep\n":
        assert child.poll() is None

    child.terminate()

    code, _out, err = ended(child)
    assert code == -signal.SIGTERM
    assert "Traceback" not in err
    assert len(emulator.requests) == 1


# -- Forks, limits and exits -------------------------------------------------------------------------------------------


FORKED = r"""
import random
agent = Agent("gemini-3-flash-preview", client=client)

async def twice():
    async with client:
        await agent.run("Before.")

anyio.run(twice)
child = os.fork()
who = "child" if child == 0 else "parent"
result = agent.run_sync(f"I am the {who}.")
os.write(1, f"{who} {result.state.run_id} {random.random()}\n".encode())  # in one piece, as two write
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.rows(109)
def test_a_forked_process_has_connections_and_random_numbers_of_its_own() -> None:
    with FaultServer(answer(chunk("Hi.", finish="STOP"))) as server:
        code, out, err = ended(begin(FORKED, server.url))

    assert (code, err) == (0, "")
    assert len({request.connection for request in server.requests}) == 3
    prompts = sorted(request.json["contents"][0]["parts"][0]["text"] for request in server.requests)
    assert prompts == ["Before.", "I am the child.", "I am the parent."]
    (_, first_id, first_number), (_, second_id, second_number) = (line.split() for line in out.splitlines())
    assert first_id != second_id
    assert first_number != second_number


FEW_FILES = """
import resource
from agentkit import AgentKitError
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
agent = Agent("gemini-3-flash-preview", client=client)

async def main():
    await agent.run("Load what is loaded late.")
    taken = []
    try:
        while True:
            taken.append(open("/dev/null"))
    except OSError:
        pass
    try:
        await agent.run("Go.")
    except AgentKitError as error:
        say(type(error).__name__, error)
        state = error.state
    for file in taken:
        file.close()
    say((await agent.resume(state)).output)

anyio.run(main, backend=sys.argv[2])
"""


@pytest.mark.rows(110, "R1", "R9")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_process_without_free_file_descriptors_gets_an_error_that_says_so(backend: str, emulator: Emulator) -> None:
    emulator.reply(text("Ready."))
    emulator.reply(text("Done."))

    code, out, err = ended(begin(FEW_FILES, emulator.url, backend))

    assert (code, err) == (0, "")
    failed, done = out.splitlines()
    assert failed.startswith("ConnectionFailed Could not connect to 127.0.0.1:")
    assert "Too many open files. Close some, or allow more (ulimit -n)." in failed
    assert done == "Done."


NO_THREADS = """
import resource

def look() -> str:
    "Look."
    return "seen"

async def main():
    threading.stack_size(1 << 30)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), used + (1 << 28)))
    result = await Agent("gemini-3-flash-preview", tools=[look], client=client).run("Go.")
    say(result.output, [(failure.tool, failure.text) for failure in result.tool_failures])

anyio.run(main)
"""


@pytest.mark.rows(110)
def test_a_process_without_threads_to_be_had_tells_which_call_failed_and_goes_on(emulator: Emulator) -> None:
    emulator.reply(call("look"))
    emulator.reply(text("Without looking."))

    code, out, err = ended(begin(NO_THREADS, emulator.url))

    assert (code, out) == (0, "Without looking. [('look', \"can't start new thread\")]\n"), err
    assert told(emulator) == [{"error": "look failed (RuntimeError)"}]


RUNNING = """
import asyncio
napping = threading.Semaphore(0)

async def nap() -> str:
    "Sleep."
    napping.release()
    await asyncio.sleep(30)
    return "rested"

agent = Agent("gemini-3-flash-preview", tools=[nap], client=client)

async def main():
    tasks = [asyncio.create_task(agent.run(f"Question {number}.")) for number in range(3)]
    for _ in tasks:
        await asyncio.to_thread(napping.acquire)
    if sys.argv[2] == "exit":
        sys.exit(3)

async def one():
    running.append(asyncio.create_task(agent.run("Question.")))
    await asyncio.to_thread(napping.acquire)

running = []
if sys.argv[2] == "thread":
    threading.Thread(target=agent.run_sync, args=("Question.",), daemon=True).start()
    napping.acquire()
elif sys.argv[2] == "unfinished loop":
    asyncio.new_event_loop().run_until_complete(one())
else:
    asyncio.run(main())
"""
EXITS = [
    pytest.param("return", 0, 0, id="main returns"),
    pytest.param("exit", 3, 0, id="sys.exit"),
    pytest.param("thread", 0, 0, id="a run in a thread that nobody waits for"),
    pytest.param("unfinished loop", 0, 2, id="a loop that is left with its task"),
]


@pytest.mark.rows(111)
@pytest.mark.parametrize(("way", "code", "lines"), EXITS)
def test_a_process_ends_although_runs_go_on(way: str, code: int, lines: int, emulator: Emulator) -> None:
    """asyncio itself says "Task was destroyed but it is pending!" and which, where a loop was left with a task."""
    for _ in range(3):
        emulator.reply(call("nap"))

    ended_with, _out, err = ended(begin(RUNNING, emulator.url, way))

    assert ended_with == code
    assert len(err.splitlines()) <= lines, err


# -- Saved runs --------------------------------------------------------------------------------------------------------


def paused_run(emulator: Emulator, client: GeminiClient) -> RunState:
    emulator.reply(call("pay", amount=3))
    return Agent(MODEL, tools=[pay], client=client).run_sync("Pay.").state


@tool(needs_approval=True, effects="write")
def pay(ctx: RunContext[list[str]], amount: int) -> str:
    """Pay."""
    ctx.deps.append(ctx.idempotency_key)
    return f"paid {amount}"


@pytest.mark.rows(103, "R1")
def test_a_saved_run_with_a_flipped_bit_is_refused_or_read_as_what_it_says(
    emulator: Emulator, client: GeminiClient
) -> None:
    """A letter that became another in a text cannot be seen; whoever stores runs adds a checksum. Nothing is dropped.

    The row wants the file to be named and kept aside: bytes come without a name, and the file is the caller's.
    """
    saved = paused_run(emulator, client).dump_json()

    for place in range(len(saved)):
        for bit in (1, 16, 128):
            flipped = saved[:place] + bytes([saved[place] ^ bit]) + saved[place + 1 :]
            with suppress(StateInvalid):
                loaded = RunState.load_json(flipped)
                assert json.loads(loaded.dump_json()) == json.loads(flipped), flipped[place - 30 : place + 30]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "loaded"))


@pytest.mark.rows(106)
def test_loading_a_run_never_runs_what_is_in_it(emulator: Emulator, client: GeminiClient, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bomb = pickle.dumps(Bomb(canary))
    stored = json.loads(paused_run(emulator, client).dump_json())
    texts = [bomb.decode("latin-1"), "!!python/object/apply:os.system ['touch x']", {"py/reduce": ["x"]}, "__import__"]

    for data in (bomb, json.dumps(stored["run_id"] + texts[0])):
        with pytest.raises(StateInvalid):
            RunState.load_json(data)
    for planted in texts:
        RunState.load_json(json.dumps({**stored, "final": {"value": planted}})).dump_json()

    pickle.loads(bomb)
    assert canary.read_text() == "loaded"  # the bomb is none that could not go off
    canary.unlink()
    RunState.load_json(json.dumps({**stored, "final": {"value": texts[0]}}))
    assert not canary.exists()


NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "yaml"}
NEVER_CALLED = {"eval", "exec", "compile", "__import__"}


@pytest.mark.rows(106)
def test_nothing_in_the_core_unpickles_or_evaluates() -> None:
    found: list[str] = []
    for path, tree in core():
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name in NEVER_IMPORTED]
            elif isinstance(node, ast.ImportFrom) and node.module in NEVER_IMPORTED:
                names = [node.module]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NEVER_CALLED:
                names = [node.func.id]
            found += [f"{path.name}:{node.lineno}: {name}" for name in names]  # type: ignore[attr-defined]

    assert not found


def core() -> list[tuple[Path, ast.Module]]:
    """Return the files of the core with their syntax trees."""
    root = Path(agentkit.__file__).parent
    paths = [*root.glob("*.py"), *root.glob("wire/*.py")]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


class Unstorable(Exception):
    """Cannot be pickled, copied or written down."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __str__(self) -> str:
        raise ValueError("not even this")


def broken() -> str:
    """Break."""
    raise Unstorable


@pytest.mark.rows(107)
def test_a_failure_that_cannot_be_stored_is_kept_as_type_and_text(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("broken"))
    emulator.reply(text("Done."))

    result = Agent(MODEL, tools=[broken], client=client).run_sync("Go.")

    loaded = RunState.load_json(result.state.dump_json())
    assert [(failure.error_type, failure.text) for failure in loaded.failures] == [("Unstorable", "")]


@pytest.mark.rows(107)
def test_a_run_that_ends_with_such_a_failure_is_stored_and_goes_on(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("broken"))
    with pytest.raises(ToolFailed) as caught:
        Agent(MODEL, tools=[broken], client=client, errors="raise").run_sync("Go.")
    emulator.reply(text("Done."))

    again = pickle.loads(pickle.dumps(caught.value))
    state = RunState.load_json(again.state.dump_json())

    assert str(again) == "Tool 'broken' failed: Unstorable: "
    assert Agent(MODEL, tools=[broken], client=client).resume_sync(state).output == "Done."


# -- Decisions ---------------------------------------------------------------------------------------------------------


@pytest.mark.rows(112)
def test_a_decision_about_another_run_is_refused(emulator: Emulator, client: GeminiClient) -> None:
    """Keys hold the run's id. What the arguments are is read from the run that is resumed, never from the decision."""
    mine, other = paused_run(emulator, client), paused_run(emulator, client)
    done: list[str] = []

    with pytest.raises(ConfigurationError, match="No call waits under the key"):
        Agent(MODEL, tools=[pay], client=client).resume_sync(
            mine, decisions={other.waiting[0].key: approve()}, deps=done
        )

    assert done == []


@pytest.mark.rows(112)
def test_a_decision_that_comes_late_is_refused_with_the_reason(emulator: Emulator, client: GeminiClient) -> None:
    paused, done = paused_run(emulator, client), list[str]()
    agent = Agent(MODEL, tools=[pay], client=client)
    emulator.reply(text("Not paid."))
    key = paused.waiting[0].key
    result = agent.resume_sync(paused, decisions={key: deny()}, deps=done)

    with pytest.raises(StateInvalid, match="has its answer already"):
        agent.resume_sync(result.state, decisions={key: approve()}, deps=done)

    assert done == []


@pytest.mark.rows(112, "R7")
def test_the_same_pause_resumed_twice_has_the_same_idempotency_key(emulator: Emulator, client: GeminiClient) -> None:
    """A saved run is a value: it cannot know that it was resumed elsewhere. The key lets the other side know."""
    paused, done = paused_run(emulator, client), list[str]()
    agent = Agent(MODEL, tools=[pay], client=client)
    decisions = {paused.waiting[0].key: approve()}

    for _ in range(2):
        emulator.reply(text("Paid."))
        agent.resume_sync(RunState.load_json(paused.dump_json()), decisions=decisions, deps=done)

    assert done == 2 * [paused.waiting[0].key]


# -- Clocks ------------------------------------------------------------------------------------------------------------


DAY_S = 86_400.0
JUMPS = [pytest.param(DAY_S, id="a day forth"), pytest.param(-DAY_S, id="a day back"), pytest.param(3600.0, id="1 h")]


@pytest.mark.anyio
@pytest.mark.rows(108)
@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_jump_of_the_wall_clock_changes_no_wait(
    jump_s: float, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s, true_time = time.monotonic(), time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + jump_s * (time.monotonic() - began_s) * 1000)
    emulator.reply(error(503))
    emulator.reply(error(429, retry_after_s=0.05))
    emulator.reply(call("broken"))
    emulator.reply(stream("Do", "ne."))
    client = GeminiClient(api_key=KEY, base_url=emulator.url, retry=Retry(first_delay_s=0.01, rate_limit_delay_s=0))

    async with Agent(MODEL, tools=[broken], client=client, limits=Limits(deadline_s=20)).stream("Go.") as run:
        result = await run.result()

    assert result.output == "Done."
    assert emulator.asked[2].at_s - emulator.asked[1].at_s >= 0.05


@pytest.mark.rows(108)
def test_the_core_reads_the_wall_clock_only_for_dates_of_the_service() -> None:
    """`Retry-After` may be a date, and prices change on a day: both mean nothing without the wall clock."""
    wall = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    found = {
        path.name
        for path, tree in core()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in wall
    }

    assert found <= {"_status.py", "prices.py"}


# -- The program around ------------------------------------------------------------------------------------------------


EMBEDDED = """
import logging

def look() -> str:
    "Look."
    return "seen"

def broken() -> str:
    "Break."
    raise ValueError("broken on purpose")

if len(sys.argv) > 2:
    logging.basicConfig(level=logging.ERROR)
say(Agent("gemini-3-flash-preview", tools=[look, broken], client=client).run_sync("Go.").output)
"""
SURROUNDINGS = [
    pytest.param(["-W", "error", "-O"], {"HOME": "/nonexistent"}, [], id="strict, optimized, a home that is not there"),
    pytest.param(["-I"], {"LC_ALL": "C", "PYTHONUTF8": "0"}, [], id="isolated, no home, an ASCII locale"),
    pytest.param([], {}, ["logging"], id="logging is configured"),
]


@pytest.mark.rows(129)
@pytest.mark.parametrize(("options", "variables", "args"), SURROUNDINGS)
def test_a_run_writes_nothing_of_its_own_anywhere(
    options: list[str], variables: dict[str, str], args: list[str], emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reply(call("look"), call("broken"))
    emulator.reply(text("Done."))

    done = subprocess.run(
        [sys.executable, *options, "-c", PREAMBLE + EMBEDDED, emulator.url, *args],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **variables},
        timeout=LONGEST_S,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "Done.\n", "")
    assert not list(tmp_path.iterdir())
