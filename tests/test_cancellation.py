"""A run is cancelled at each place where it waits, one after the other. After each: nothing is lost, nothing is left.

The places are steps: what a task does between two waits. The first pass cancels after the first step of any task of the
run, the next pass after the second, and so on, until a run comes to its end before that.
"""

import asyncio
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

from agentkit import (
    Agent,
    DeadlineExceeded,
    GeminiClient,
    Limits,
    Middleware,
    Retry,
    RunContext,
    RunFailed,
    RunResult,
    RunState,
    RunStream,
    ServerError,
    ToolFinished,
    ToolStarted,
    approve,
    tool,
)
from agentkit.testing import Asked, Emulator, Reply, call, delay, error, reply, stream, text
from agentkit.testing.script import begin
from agentkit.testing.server import serve
from agentkit.wire import GenerateContentResponse

MODEL = "gemini-3-flash-preview"
ESTABLISHED, CLOSE_WAIT = "01", "08"  # in /proc/net/tcp


class Town:
    """A model and its tools: four calls in one answer, one of which a person decides; a busy service; a long answer.

    Attributes:
        is_busy: Whether the second turn is answered with a 503 first.
        begun: The idempotency keys of the calls whose tools began.
        done: Those of the asynchronous tools that came to their end.
    """

    def __init__(self) -> None:
        self.is_busy = True
        self.begun: list[str] = []
        self.done: list[str] = []

    def model(self, asked: Asked) -> Reply:
        """Answer by what was said so far."""
        if len(asked.body["contents"]) == 1:
            looks = (call("look", place=place) for place in ("Oslo", "Rome"))
            return reply(*looks, call("read", place="Kyiv"), call("pay", amount=3))
        if self.is_busy:
            self.is_busy = False
            return reply(error(503))
        return reply(stream("All ", "done."))

    async def look(self, ctx: RunContext[Any], place: str) -> str:
        """Look at a place."""
        return await self._work(ctx, f"{place} is fine")

    def read(self, ctx: RunContext[Any], place: str) -> str:
        """Read about a place."""
        self.begun.append(ctx.idempotency_key)
        return f"{place} is old"

    @tool(needs_approval=True, effects="write")
    async def pay(self, ctx: RunContext[Any], amount: int) -> str:
        """Pay."""
        return await self._work(ctx, f"paid {amount}")

    async def _work(self, ctx: RunContext[Any], result: str) -> str:
        self.begun.append(ctx.idempotency_key)
        await anyio.sleep(0)
        self.done.append(ctx.idempotency_key)
        return result


Runs = list[RunStream[str]]


def allow(state: RunState) -> dict[str, Any]:
    return {request.key: approve() for request in state.waiting}


async def watch(agent: Agent[Any, str], runs: Runs) -> RunResult[str]:
    """Stream to the answer, allowing what is asked; `runs` keeps what was watched."""
    async with agent.stream("Go.") as run:
        runs.append(run)
        result = await run.result()
    async with agent.resume_stream(result.state, decisions=allow(result.state)) as run:
        runs.append(run)
        return await run.result()


async def wait(agent: Agent[Any, str], _runs: Runs) -> RunResult[str]:
    """Do the same without watching."""
    paused = await agent.run("Go.")
    return await agent.resume(paused.state, decisions=allow(paused.state))


async def finish(agent: Agent[Any, str], state: RunState) -> RunResult[str]:
    """Go on with a run until its answer, as another process would."""
    while state.stop is None:
        saved = RunState.load_json(state.dump_json())
        result = await agent.resume(saved, decisions=allow(saved))
        state = result.state
    return result


# -- The instrument ----------------------------------------------------------------------------------------------------


@types.coroutine
def _counted(coroutine: Coroutine[Any, Any, Any], stepped: Callable[[], None]) -> Generator[Any, Any, Any]:
    """Run `coroutine` as it is, and tell of each of its steps."""
    go_on: Callable[[Any], Any] = coroutine.send
    given: Any = None
    while True:
        try:
            wanted = go_on(given)
        except StopIteration as end:
            return end.value
        stepped()
        try:
            go_on, given = coroutine.send, (yield wanted)
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as thrown:
            go_on, given = coroutine.throw, thrown


class _TrioSteps(trio.abc.Instrument):
    def __init__(self, stepped: Callable[[], None]) -> None:
        self._stepped, self._own = stepped, trio.lowlevel.current_task()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is not self._own:
            self._stepped()


@contextmanager
def each_step(backend: str, stepped: Callable[[], None]) -> Generator[None, None, None]:
    """Call `stepped` after each step of the tasks that are begun inside the block."""
    with _each_trio_step(stepped) if backend == "trio" else _each_asyncio_step(stepped):
        yield


@contextmanager
def _each_trio_step(stepped: Callable[[], None]) -> Generator[None, None, None]:
    instrument = _TrioSteps(stepped)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(instrument)


@contextmanager
def _each_asyncio_step(stepped: Callable[[], None]) -> Generator[None, None, None]:
    async def watched(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await _counted(coroutine, stepped)

    def started(loop: Any, coroutine: Any, **options: Any) -> Any:
        return asyncio.Task(watched(coroutine), loop=loop, **options)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(started)
    try:
        yield
    finally:
        loop.set_task_factory(None)


class Cut:
    """One run that is cancelled after some steps.

    The ways: by its cancel scope, which asks again at each wait; or by its asyncio task, which is asked once, or once
    more at the next step, when it is cleaning up.

    Attributes:
        outcome: What the run returned or raised.
        was_in_time: Whether the run was still going on when it was cancelled.
    """

    def __init__(self, way: str, step: int) -> None:
        self.outcome: object = None
        self.was_in_time = False
        self._way, self._left = way, step
        self._scope = anyio.CancelScope()
        self._task: asyncio.Task[Any] | None = None
        self._is_over = False

    async def run(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` to its end, whatever that is."""
        with self._scope:
            if self._way != "scope":
                self._task = asyncio.current_task()
            try:
                self.outcome = await work()
            except BaseException as failure:
                self.outcome = failure
                raise
            finally:
                self._is_over = True

    def stepped(self) -> None:
        """Count a step of any task."""
        self._left -= 1
        if not self._is_over and (self._left == 0 or (self._left == -1 and self._way == "task, twice")):
            self.was_in_time = True
            (self._task or self._scope).cancel()


def tasks(backend: str) -> int:
    """Count the tasks of this event loop. Trio has none that could be left: its nurseries wait for theirs."""
    return len(asyncio.all_tasks()) if backend == "asyncio" else 0


def connections(url: str) -> int:
    """Count the ends of connections to a server on this machine that nobody has closed."""
    port = f":{int(url.rpartition(':')[2]):04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (line.split()[1:4] for line in lines)
    return sum(state in (ESTABLISHED, CLOSE_WAIT) and port in (near[-5:], far[-5:]) for near, far, state in fields)


async def are_closed(url: str) -> bool:
    """Whether all connections are closed, within some seconds: the server closes its ends a little later."""
    for _ in range(300):
        if not connections(url):
            return True
        await anyio.sleep(0.01)
    return False


# -- Cancelled everywhere ----------------------------------------------------------------------------------------------


WAYS = [
    pytest.param("asyncio", "scope", id="a scope on asyncio"),
    pytest.param("asyncio", "task", id="a task on asyncio"),
    pytest.param("asyncio", "task, twice", id="a task on asyncio, again in its clean-up"),
    pytest.param("trio", "scope", id="a scope on trio"),
]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def gemini(town: Town) -> Generator[Emulator, None, None]:
    with serve(Emulator(brain=town.model)) as emulator:
        yield emulator


@pytest.fixture
def agent(town: Town, gemini: Emulator) -> Agent[Any, str]:
    retry = Retry(first_delay_s=0.001, budget=1_000_000)  # cancelled runs never give back what their retries cost
    client = GeminiClient(api_key="test-key", base_url=gemini.url, retry=retry)
    return Agent(MODEL, tools=[town.look, town.read, town.pay], client=client)


async def cut_everywhere(
    backend: str, way: str, town: Town, work: Callable[[], Awaitable[object]]
) -> AsyncGenerator[Cut, None]:
    """Cancel `work` after one step, two steps, ... Yields after each; the last one came to its end."""
    cut, step = Cut(way, 1), 1
    while True:
        town.is_busy = True
        with each_step(backend, cut.stepped):
            async with anyio.create_task_group() as group:
                group.start_soon(cut.run, work)
        yield cut
        if not cut.was_in_time:
            return
        step += 1
        cut = Cut(way, step)


def is_answer_or_cancellation(outcome: object) -> bool:
    """Whether nothing else came out. Trio itself puts the cancellations of several tasks into a group."""
    cancelled = anyio.get_cancelled_exc_class()
    if isinstance(outcome, BaseExceptionGroup):
        return outcome.split(cancelled)[1] is None
    return isinstance(outcome, RunResult | cancelled)


def progress(state: RunState) -> tuple[object, ...]:
    """What makes a state another one: how much was said, and which calls are answered or wait."""
    return len(state.contents), *((call.response is None, call.waiting) for call in state.pending)


@pytest.mark.anyio
@pytest.mark.rows(126, "R5", "R7", "R9")
@pytest.mark.parametrize(("anyio_backend", "way"), WAYS)
async def test_a_watched_run_that_is_cancelled_anywhere_is_kept_and_goes_on_later(
    anyio_backend: str, way: str, town: Town, gemini: Emulator, agent: Agent[Any, str]
) -> None:
    """All passes share one agent and one pool of connections: each is the next run after a cancelled one."""
    others, kept = tasks(anyio_backend), dict[object, RunState]()
    runs: Runs = []

    async with agent.client:
        async for cut in cut_everywhere(anyio_backend, way, town, lambda: watch(agent, runs)):
            assert is_answer_or_cancellation(cut.outcome), repr(cut.outcome)
            if runs:
                kept.setdefault(progress(runs[-1].state), runs[-1].state)
            assert tasks(anyio_backend) == others

        assert isinstance(cut.outcome, RunResult)
        for state in kept.values():
            town.is_busy = True
            assert state.stop or (await finish(agent, state)).output == "All done."
            await agent.run("And now?", history=state.contents)

    assert len(kept) > 5
    assert not gemini.findings
    assert len(set(town.done)) == len(town.done), "what was done is not done again"
    assert await are_closed(gemini.url)


@pytest.mark.anyio
@pytest.mark.rows(126, "R9")
@pytest.mark.parametrize(("anyio_backend", "way"), WAYS)
async def test_a_run_that_is_cancelled_anywhere_leaves_nothing_behind(
    anyio_backend: str, way: str, town: Town, gemini: Emulator, agent: Agent[Any, str]
) -> None:
    """Here each run has connections of its own."""
    others = tasks(anyio_backend)

    async for cut in cut_everywhere(anyio_backend, way, town, lambda: wait(agent, [])):
        assert is_answer_or_cancellation(cut.outcome), repr(cut.outcome)
        assert tasks(anyio_backend) == others

    assert isinstance(cut.outcome, RunResult)
    assert cut.outcome.output == "All done."
    assert await are_closed(gemini.url)


# -- What a caller sees ------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.rows(42, 126)
async def test_a_cancelled_run_can_be_saved_and_goes_on(emulator: Emulator, client: GeminiClient) -> None:
    done: list[str] = []

    @tool(effects="write")
    async def quick(ctx: RunContext[Any]) -> str:
        done.append("quick")
        return "done"

    @tool(effects="write")
    async def slow(ctx: RunContext[Any]) -> str:
        done.append(ctx.idempotency_key)
        if len(done) == 2:
            await anyio.sleep_forever()
        return "done at last"

    emulator.reply(call("quick"), call("slow"))
    agent = Agent(MODEL, tools=[quick, slow], client=client)

    with anyio.CancelScope() as scope:
        async with agent.stream("Go.") as run:
            async for event in run:
                if isinstance(event, ToolStarted) and event.tool == "slow":
                    scope.cancel()
    emulator.reply(text("Done."))
    result = await agent.resume(RunState.load_json(run.state.dump_json()))

    assert result.output == "Done."
    assert done in (["quick", run.state.pending[1].key], ["quick", *2 * [run.state.pending[1].key]])
    assert [call.response is not None for call in run.state.pending] == [True, False]


@pytest.mark.anyio
async def test_the_state_of_a_watched_run_is_a_copy_of_now(emulator: Emulator, client: GeminiClient) -> None:
    def look() -> str:
        return "seen"

    emulator.reply(call("look"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[look], client=client).stream("Go.") as run:
        before = run.state
        async for event in run:
            if isinstance(event, ToolFinished):
                amid = run.state

    assert [len(state.contents) for state in (before, amid, run.state)] == [1, 2, 4]
    assert (amid.stop, run.state.stop) == (None, "answer")


def test_a_blocking_stream_that_was_left_early_keeps_its_state(emulator: Emulator, client: GeminiClient) -> None:
    tries: list[str] = []

    async def look() -> str:
        tries.append("look")
        if len(tries) == 1:
            await anyio.sleep_forever()
        return "seen"

    emulator.reply(call("look"))
    agent = Agent(MODEL, tools=[look], client=client)
    with agent.stream_sync("Go.") as run:
        next(event for event in run if isinstance(event, ToolStarted))
        amid = run.state
    emulator.reply(text("Done."))

    assert amid == run.state
    assert agent.resume_sync(run.state).output == "Done."


@pytest.mark.anyio
@pytest.mark.rows(126)
async def test_a_run_that_is_cancelled_while_it_tells_of_a_circle_warns_the_model_later(
    emulator: Emulator, client: GeminiClient
) -> None:
    def look() -> str:
        return "seen"

    for _ in range(3):
        emulator.reply(call("look"))
    agent = Agent(MODEL, tools=[look], client=client, limits=Limits(repeats=3))
    async with agent.stream("Go.") as run:
        for _ in range(3):
            while not isinstance(await anext(run), ToolFinished):
                continue
        await anyio.wait_all_tasks_blocked()  # nobody reads what it tells now
    emulator.reply(text("Done."))

    result = await agent.resume(run.state)

    assert result.stop == "answer"
    assert "note" in emulator.requests[-1]["contents"][-1]["parts"][-1]["functionResponse"]["response"]


class Forgetful(Middleware):
    """Awaits something that somebody else cancels."""

    async def around_model(self, context: Any, request: Any, proceed: Any) -> GenerateContentResponse:
        other = asyncio.get_running_loop().create_future()
        other.cancel()
        await other
        raise AssertionError("never comes so far")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # Trio has no such cancellations
@pytest.mark.parametrize("reads", [True, False], ids=["who reads", "who waits for the result"])
async def test_a_cancellation_that_nobody_asked_for_is_a_failure_of_the_run(
    reads: bool, emulator: Emulator, client: GeminiClient
) -> None:
    async with Agent(MODEL, client=client, middleware=[Forgetful()]).stream("Go.") as run:
        with pytest.raises(RunFailed, match="CancelledError") as caught:
            _ = [event async for event in run] if reads else await run.result()

    emulator.reply(text("Done."))
    assert (await Agent(MODEL, client=client).resume(caught.value.state)).output == "Done."


@pytest.mark.anyio
@pytest.mark.rows(126)
async def test_a_run_that_is_cancelled_before_its_first_wait_sends_nothing(
    emulator: Emulator, client: GeminiClient
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await Agent(MODEL, client=client).run("Go.")

    assert scope.cancelled_caught
    assert not emulator.asked


@pytest.mark.anyio
@pytest.mark.rows(126)
@pytest.mark.parametrize("deadline_s", [1e-9, 1e-300])
async def test_a_deadline_that_is_over_sends_nothing(
    deadline_s: float, emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        await Agent(MODEL, client=client, limits=Limits(deadline_s=deadline_s)).run("Go.")

    assert not emulator.asked
    assert len(caught.value.state.contents) == 1


# -- Deadlines ---------------------------------------------------------------------------------------------------------


async def sleep() -> None:
    """Sleep for ever."""
    await anyio.sleep_forever()


class Slow(Middleware):
    """Takes for ever to save the run."""

    async def around_tool(self, context: Any, call: Any, proceed: Any) -> Any:
        await proceed(call)
        await anyio.sleep_forever()


def quick() -> str:
    """Be quick."""
    return "done"


LATE = [
    pytest.param([], [call("sleep")], id="during-a-tool"),
    pytest.param([], [delay(5), text("Late.")], id="during-a-request"),
    pytest.param([], [begin(), delay(5), text("Late.")], id="between-headers-and-body"),
    pytest.param([Slow()], [call("quick")], id="during-a-save-of-a-middleware"),
]


@pytest.mark.anyio
@pytest.mark.rows(127, "R4", "R5")
@pytest.mark.parametrize(("middleware", "answer"), LATE)
async def test_a_deadline_ends_whatever_the_run_waits_for_and_the_run_can_go_on(
    middleware: list[Middleware], answer: list[Any], emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(*answer)
    agent = Agent(MODEL, tools=[sleep, quick], client=client, middleware=middleware, limits=Limits(deadline_s=0.15))

    with pytest.raises(DeadlineExceeded, match=r"0\.15 s, waiting for the whole run") as caught:
        await agent.run("Go.")
    emulator.reply(text("Done."))
    patient = Agent(MODEL, tools=[quick_sleep, quick], client=client)

    assert (await patient.resume(caught.value.state)).output == "Done."


@tool(name="sleep")
def quick_sleep() -> str:
    """Sleep less."""
    return "slept"


@pytest.mark.anyio
@pytest.mark.rows(127)
async def test_no_wait_is_begun_that_the_deadline_would_cut(emulator: Emulator, client: GeminiClient) -> None:
    """The row asks for DeadlineExceeded in a back-off. The service's own error, at once, says more and costs less."""
    emulator.reply(error(503, retry_after_s=5))

    with pytest.raises(ServerError) as caught:
        await Agent(MODEL, client=client, limits=Limits(deadline_s=2)).run("Go.")

    assert len(emulator.requests) == 1
    assert caught.value.state is not None


@pytest.mark.anyio
@pytest.mark.rows(127)
async def test_a_person_may_take_longer_than_the_deadline_of_a_run(emulator: Emulator, client: GeminiClient) -> None:
    """A pause ends the run, and its time with it: the time of a person is not the run's."""

    @tool(needs_approval=True)
    def pay() -> str:
        return "paid"

    emulator.reply(call("pay"))
    emulator.reply(text("Done."))
    agent = Agent(MODEL, tools=[pay], client=client, limits=Limits(deadline_s=0.5))
    paused = await agent.run("Pay.")
    await anyio.sleep(0.5)

    assert (await agent.resume(paused.state, decisions=allow(paused.state))).output == "Done."
