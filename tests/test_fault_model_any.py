"""Any model at all (rules R5 and R6 of the fault matrix): scripts of good and bad answers against tools of each kind.

A run is saved and loaded wherever it stops, and goes on: with decisions about a pause, after an error, or with the next
prompt. Whatever the script says, each run ends in an answer, a pause, or an error that holds the run.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import (
    Agent,
    AgentKitError,
    Decision,
    GeminiClient,
    LimitExceeded,
    Limits,
    Retry,
    RunResult,
    RunState,
    ToolError,
    approve,
    deny,
    tool,
)
from agentkit.testing import (
    Asked,
    Emulator,
    Reply,
    blocked,
    call,
    check_request,
    close,
    continuation,
    cut,
    empty,
    error,
    finish,
    reply,
    text,
    thought,
    without,
)
from agentkit.testing.items import Item
from agentkit.testing.server import serve
from agentkit.wire import Content, user_text

Json = dict[str, Any]

MODELS = ["gemini-4-argon", "gemini-3-flash-preview", "gemini-2.5-flash"]  # the last gives its calls no ids
NAMES = ["note", "fail", "refuse", "hang", "pay", "wait", "unknown", "default_api.note"]


# -- What the model says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One answer: how many calls of which functions, and what it ends with."""

    kind: str
    names: tuple[str, ...] = ()
    fits: bool = True

    @property
    def ends_well(self) -> bool:
        """Whether its calls may run."""
        return self.kind in ("calls", "text and calls", "thoughts and calls")


BARE: dict[str, Reply] = {
    "text": reply(text("Here it is.")),
    "white space": reply(text(" ")),
    "thoughts": reply(thought("Hm.")),
    "nothing": reply(empty()),
    "an empty content": reply(empty(), without("content")),
    "a cut text": reply(text("Half"), finish("MAX_TOKENS")),
    "a cut thought": reply(thought("Hm."), finish("MAX_TOKENS")),
    "a blocked text": reply(text("Half"), finish("SAFETY")),
    "a recitation": reply(finish("RECITATION")),
    "a blocked prompt": reply(blocked("PROHIBITED_CONTENT")),
    "no readable call": reply(finish("MALFORMED_FUNCTION_CALL", "print(")),
    "no readable answer": reply(finish("MALFORMED_RESPONSE")),
    "too many calls": reply(finish("TOO_MANY_TOOL_CALLS")),
    "an unexpected call": reply(finish("UNEXPECTED_TOOL_CALL")),
    "an unknown end": reply(text("Here."), finish("NEXT_YEAR")),
    "a busy service": reply(error(503)),
    "a refusal": reply(error(400)),
    "an error in a stream": reply(text("Half"), error(500)),
    "a torn answer": reply(text("Half"), cut(after_bytes=20)),
    "a closed connection": reply(text("Half"), close()),
}
BAD_ENDS = (
    *("MAX_TOKENS", "OTHER", "NEXT_YEAR", "SAFETY", "RECITATION"),
    *("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
    *("cut", "close"),
)

names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)
good_calls = st.builds(Said, st.sampled_from(["calls", "text and calls", "thoughts and calls"]), names, st.just(True))
misfits = st.builds(Said, st.just("calls"), names, st.just(False))
bad_calls = st.builds(Said, st.sampled_from(BAD_ENDS), names)
hops = st.just(Said("a hop"))
bare = st.sampled_from(list(BARE)).map(Said)
scripts = st.lists(st.one_of(good_calls, good_calls, misfits, bad_calls, hops, bare), min_size=1, max_size=9)


@dataclass
class Model:
    """Says what the script says, then a text. It numbers its calls and knows which of them may run."""

    script: Iterator[Said]
    may_run: set[int] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __call__(self, asked: Asked) -> Reply:
        said = next(self.script, Said("text"))
        if said.kind == "a hop":
            long_decode = asked.model.startswith("gemini-4")
            return reply(text("First, "), continuation()) if long_decode else BARE["text"]
        return reply(*self._calls(said), *_end(said)) if said.names else BARE[said.kind]

    def _calls(self, said: Said) -> Iterator[Item]:
        yield from {"text and calls": [text("Let me see.")], "thoughts and calls": [thought("Hm.")]}.get(said.kind, [])
        for name in said.names:
            number = next(self.numbers)
            yield call(name, number=number) if said.fits else call(name, nummer=number)
            if said.ends_well:
                self.may_run.add(number)


def _end(said: Said) -> list[Item]:
    if said.kind in BAD_ENDS:
        return [cut() if said.kind == "cut" else close() if said.kind == "close" else finish(said.kind)]
    return []


# -- What the tools do -------------------------------------------------------------------------------------------------


class Tools:
    """One that works, and one for each way not to. They note the numbers of the calls that ran."""

    def __init__(self) -> None:
        self.ran: list[int] = []

    async def note(self, number: int) -> str:
        """Take note."""
        self.ran.append(number)
        return f"noted {number}"

    async def fail(self, number: int) -> None:
        """Fail."""
        self.ran.append(number)
        raise ValueError("not known to the model")

    async def refuse(self, number: int) -> None:
        """Say no."""
        self.ran.append(number)
        raise ToolError("Not today.")

    @tool(timeout_s=0.001)
    async def hang(self, number: int) -> None:
        """Never come back."""
        self.ran.append(number)
        await anyio.sleep_forever()

    @tool(needs_approval=True, effects="write")
    async def pay(self, number: int) -> str:
        """Pay."""
        self.ran.append(number)
        return "paid"

    @tool(needs_approval=lambda context, args: args["number"] % 2 == 0)
    async def wait(self, number: int) -> str:
        """Wait for a person, at times."""
        self.ran.append(number)
        return "waited"

    def all(self) -> list[object]:
        return [self.note, self.fail, self.refuse, self.hang, self.pay, self.wait]


# -- What a program does with it ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How a program runs the script."""

    model: str
    script: Sequence[Said]
    limits: Limits
    errors: Any
    streamed: Sequence[bool]  # each start and each resume
    decided: Sequence[bool | None]  # approved, denied, or left open; in turn


limits = st.builds(
    Limits,
    turns=st.integers(1, 8),
    tool_calls=st.none() | st.integers(1, 5),
    repeats=st.none() | st.integers(2, 3),
    on_limit=st.sampled_from(["answer", "raise"]),
)
plans = st.builds(
    Plan,
    st.sampled_from(MODELS),
    scripts,
    limits,
    st.sampled_from(["hide", "raise"]),
    st.lists(st.booleans(), min_size=1, max_size=3),
    st.lists(st.sampled_from([True, True, False, None]), min_size=1, max_size=4),
)

Outcome = RunResult[str] | AgentKitError
LONGEST = 12  # starts and resumes of one plan


async def play(plan: Plan, agent: Agent[Any, str], script_ended: Any) -> list[Outcome]:
    """Go through the script, from stop to stop; return how each one came."""
    streamed, decided = itertools.cycle(plan.streamed), itertools.cycle(plan.decided)
    outcomes: list[Outcome] = []
    state: RunState | None = None
    history: Sequence[Content] = ()
    while len(outcomes) < LONGEST and not (outcomes and script_ended()):
        decisions = decide(state, decided)
        outcome = await step(agent, state, decisions, history, is_streamed=next(streamed))
        outcomes.append(outcome)
        kept = RunState.load_json(outcome.state.dump_json())
        assert kept == outcome.state
        is_over = kept.stop is not None or isinstance(outcome, LimitExceeded)  # there, to go on would change nothing
        state = None if is_over else kept
        history = kept.contents if state is None else ()
    return outcomes


def decide(state: RunState | None, decided: Iterator[bool | None]) -> dict[str, Decision]:
    if state is None:
        return {}
    said = {request.key: next(decided) for request in state.waiting}
    return {key: approve() if yes else deny("no") for key, yes in said.items() if yes is not None}


async def step(
    agent: Agent[Any, str],
    state: RunState | None,
    decisions: dict[str, Decision],
    history: Sequence[Content],
    *,
    is_streamed: bool,
) -> Outcome:
    """Start or go on; return where that stops."""
    try:
        if not is_streamed:
            return await (
                agent.run("Go.", history=history) if state is None else agent.resume(state, decisions=decisions)
            )
        streaming = (
            agent.stream("Go.", history=history) if state is None else agent.resume_stream(state, decisions=decisions)
        )
        async with streaming as run:
            return await run.result()
    except AgentKitError as failure:
        return failure


# -- What must hold ----------------------------------------------------------------------------------------------------


def check_outcome(outcome: Outcome, model: str) -> None:
    """R5: a stop leaves a history that the service takes, in which each call is answered or open."""
    state: RunState = outcome.state
    if isinstance(outcome, RunResult):
        assert bool(outcome.paused) == (outcome.stop == "paused")
        assert outcome.paused or isinstance(outcome.output, str)
    wire = state.contents.to_wire()
    for asked, answered in itertools.pairwise(wire):
        assert calls_in(asked) == answers_in(answered), "each call has one answer, in its place"
    assert calls_in(wire[-1]) == [(call.call.name, call.call.id) for call in state.pending]
    following = RunState.begin(model, user_text("And now?"), state.contents).contents.to_wire()
    findings = check_request({"contents": following}, model=model)
    assert not [str(finding) for finding in findings if finding.severity == "error"]


def calls_in(content: Json) -> list[tuple[object, object]]:
    found = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    return [(call["name"], call.get("id")) for call in found]


def answers_in(content: Json) -> list[tuple[object, object]]:
    found = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    return [(answer["name"], answer.get("id")) for answer in found]


@pytest.mark.rows("R5", "R6", "R7", "R9")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_whatever_a_model_says_a_run_ends_well_or_can_go_on(backend: str) -> None:
    """All plans share one emulator, which refuses whatever the service would refuse.

    R6: what ran was asked for in an answer that ended well. R7: nothing ran twice, unless a tool of the same answer
    ended the run while it was under way (`errors="raise"`): what has no answer is called again.
    """

    @settings(max_examples=30, deadline=None)
    @given(plans)
    def holds(plan: Plan) -> None:
        model, tools = Model(iter(plan.script)), Tools()
        asked_before = len(emulator.asked)
        brain.append(model)
        agent: Agent[Any, str] = Agent(
            plan.model, tools=tools.all(), client=client, limits=plan.limits, errors=plan.errors
        )

        outcomes = anyio.run(play, plan, agent, lambda: model.script.__length_hint__() == 0, backend=backend)  # type: ignore[attr-defined]

        for outcome in outcomes:
            check_outcome(outcome, plan.model)
        assert set(tools.ran) <= model.may_run
        assert plan.errors == "raise" or len(set(tools.ran)) == len(tools.ran)
        findings = [finding for asked in emulator.asked[asked_before:] for finding in asked.findings]
        assert not [str(finding) for finding in findings if finding.severity == "error"]

    brain: list[Model] = []
    with serve(Emulator(brain=lambda asked: brain[-1](asked))) as emulator:
        client = GeminiClient(
            api_key="test-key", base_url=emulator.url, retry=Retry(attempts=2, first_delay_s=0.001, max_delay_s=0.001)
        )
        holds()
        assert not emulator.unexpected
