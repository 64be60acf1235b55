"""A fake Gemini for tests of agents: real HTTP on loopback, answers from a list of steps, a check at the end.

    with FakeGemini(calls("refund", order="7"), says("Done.")) as gemini:
        result = agent.run_sync("Refund order 7", client=gemini.client)

Each request takes one step: the first of the list that is not used up and fits.

| step | fits | used up after | left over at the end |
|---|---|---|---|
| `calls(...)`, `says(...)`, `reply(...)`, its items | any request | 1 request | fails the test |
| a function of the request, sync or async | any request | 1 request | fails the test |
| `when(condition, step)` | if the condition holds; else the request passes by | 1 request | fails the test |
| `repeat(step, times=3)` | as `step` does | 3 requests | fails the test |
| `repeat(step)` | as `step` does | never: only after a `when` others may follow | is fine |
| `unordered(step, ...)` | as one of them does, conditions first; none passes by | 1 request each | fails the test |

Several calls in one answer are `reply(calls(...), calls(...))`. What breaks the protocol is refused by the emulator and
reaches no step; a count of tokens is answered without one.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self, cast

from agentkit import GeminiClient, MissingExtra, Retry, StatusError, known_prices
from agentkit.testing.emulator import Emulator
from agentkit.testing.finding import Finding, Profile
from agentkit.testing.items import Asked, Item, Part, Reply
from agentkit.testing.report import Outcome, finding_lines, problems_of, report_of, undeclared_calls
from agentkit.testing.script import error, reply
from agentkit.testing.steps import Slot, Step, check_step, open_slots, place_of, slots_of

_missing: ImportError | None = None
try:
    from agentkit.testing.server import serve
except ImportError as _error:  # the rest of agentkit.testing works without the extra
    _missing = _error

__all__ = ["FakeGemini"]

_REFUSED = 501  # no status of the service, and none that clients ask again after


class FakeGemini:
    """Serves the strict emulator on loopback for the time of a `with` or `async with` block.

    Leaving the block fails with an AssertionError if steps are left over, a request was not expected, or a step calls a
    function that was not declared. If the block itself raised something else, that stays, with the report as a note.

    Args:
        steps: What it answers; see the table of this module. `add` takes more.
        profile: Whose rules, errors and habits: `"google"`, `"vertex"` or `"comet"`. `client` speaks that dialect.
        strict: Whether requests that break a rule are refused as the service would; else see `assert_valid`.
        models: The ids that exist; any id exists if not given.
        seed: Makes ids and signatures the same in every run.
        undeclared: Whether steps may call functions that the request does not declare, as models do at times.

    Raises:
        MissingExtra: The extra "testing" is not installed.
        TypeError: Something among the steps is none.
        ValueError: A step could never be used.
    """

    def __init__(
        self,
        *steps: Step,
        profile: Profile = "google",
        strict: bool = True,
        models: Iterable[str] | None = None,
        seed: int | None = None,
        undeclared: bool = False,
    ) -> None:
        if _missing is not None:
            raise MissingExtra("uvicorn", "testing") from _missing
        self._emulator = Emulator(profile=profile, brain=self._answer, strict=strict, models=models, seed=seed)
        self._allows_undeclared = undeclared
        self._slots: list[Slot] = []
        self._steps = 0
        self._outcomes: dict[int, Outcome] = {}  # by the numbers of the requests
        self._serving: AbstractContextManager[Emulator] | None = None
        self._client: GeminiClient | None = None
        self.add(*steps)

    def add(self, *steps: Step) -> None:
        """Put more steps at the end of the list. Raises as the constructor does."""
        for step in steps:
            check_step(step, "FakeGemini")
            if self._slots and self._slots[-1].is_endless:
                raise ValueError(
                    f"Step {self._slots[-1].label} answers every request for ever: what follows would never be used. "
                    "Give repeat(..., times=...), or put it at the end."
                )
            self._steps += 1
            self._slots += slots_of(step, self._steps)

    @property
    def client(self) -> GeminiClient:
        """A client that asks here. Between attempts it waits only as long as an answer asks it to.

        Tokens cost what Google charges for them, so that limits in USD can be tested.

        Raises:
            RuntimeError: Outside the block.
        """
        if self._client is None:
            raise RuntimeError("FakeGemini is not running here. Use it inside `with FakeGemini(...) as gemini:`.")
        return self._client

    @property
    def url(self) -> str:
        """Where it is served, without a path, for other clients. Any key will do.

        Raises:
            RuntimeError: Outside the block.
        """
        return self.client.base_url.rpartition("/")[0]

    @property
    def asked(self) -> Sequence[Asked]:
        """Every request, refused ones and counts of tokens too: its headers (but no keys), body and findings."""
        return tuple(self._emulator.asked)

    @property
    def requests(self) -> Sequence[Mapping[str, Any]]:
        """The bodies of the requests for an answer, refused ones too, in the order they came."""
        return self._emulator.requests

    @property
    def findings(self) -> Sequence[Finding]:
        """What the protocol's rules said about all requests so far."""
        return self._emulator.findings

    def assert_valid(self, *, warnings: bool = False) -> None:
        """Fail if a request broke a rule of the protocol; with `warnings` also if one is not portable.

        Raises:
            AssertionError: One line for each finding: the request, the rule, the place and the fix.
        """
        __tracebackhide__ = True
        if lines := finding_lines(self.asked, warnings=warnings):
            raise AssertionError("\n".join(["FakeGemini: requests break rules of the protocol:", *lines]))

    def failure(self, error: BaseException | None = None) -> AssertionError | None:
        """Return what leaving the block raises now, if anything; `error` is what the block raised.

        An error that only tells of a request that was not expected gives way to the report.
        """
        surprised = any(outcome.surprise for outcome in self._outcomes.values())
        is_told_here = isinstance(error, StatusError) and error.status == _REFUSED and surprised
        if (error is None or is_told_here) and problems_of(self._slots, self._outcomes.values()):
            return AssertionError(self.report())
        return None

    def report(self) -> str:
        """Return what became of each step and each request, for people."""
        return report_of(self._slots, self.asked, self._outcomes)

    def __enter__(self) -> Self:
        serving = serve(self._emulator)  # pyright: ignore[reportPossiblyUnboundVariable]  # without it __init__ has raised
        url = serving.__enter__().url
        retry = Retry(first_delay_s=0, rate_limit_delay_s=0)
        self._serving = serving
        self._client = GeminiClient(
            api_key="fake-key",
            base_url=url,
            retry=retry,
            endpoint=self._emulator.profile,
            trust_env=False,
            prices=known_prices(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        serving, self._serving, self._client = self._serving, None, None
        if serving is not None:
            serving.__exit__(None, None, None)
        if (failure := self.failure(error)) is not None:
            raise failure from next((outcome.error for outcome in self._outcomes.values() if outcome.error), None)
        if error is not None:
            error.add_note(self.report())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        self.__exit__(kind, error, traceback)

    async def _answer(self, asked: Asked) -> Reply | Sequence[Part]:
        """Answer one request: the brain of the emulator. What the test's own functions raise is kept for the report."""
        slot: Slot | None = None
        try:
            slot = next((slot for slot in open_slots(self._slots) if slot.fits(asked)), None)
            if slot is None:
                return self._refuse(asked, Outcome(None, self._why_none_fits()))
            slot.used += 1  # before anything is awaited: other requests come meanwhile
            self._outcomes[asked.index] = Outcome(slot)
            said = await _said_by(slot, asked)
            if not self._allows_undeclared:
                self._outcomes[asked.index] = Outcome(slot, undeclared_calls(said, self._whole(asked)))
            return said
        except Exception as failure:
            return self._refuse(asked, Outcome(slot, f"raised {type(failure).__name__}: {failure}", failure))

    def _whole(self, asked: Asked) -> Mapping[str, Any]:
        """The body of a request with the cached content that it names, where its functions may be declared."""
        body, _ = self._emulator.caches.complete(asked.body, asked.model)
        return body

    def _why_none_fits(self) -> str:
        waiting = ", ".join(slot.label for slot in open_slots(self._slots))
        return "NOT EXPECTED: " + (f"no step fits (open: {waiting})" if waiting else "no step is left")

    def _refuse(self, asked: Asked, outcome: Outcome) -> Reply:
        self._outcomes[asked.index] = outcome
        return reply(error(_REFUSED, f"FakeGemini, request {asked.index + 1}: {outcome.surprise}."))


async def _said_by(slot: Slot, asked: Asked) -> Reply | Sequence[Part]:
    answer = slot.answer
    said: object = answer(asked) if callable(answer) else answer
    said = await said if inspect.isawaitable(said) else said
    if isinstance(said, Item | Reply):
        return reply(said)
    if isinstance(said, list | tuple):
        return cast("Sequence[Part]", said)
    raise TypeError(
        f"{place_of(answer)} returned {said!r}. Return says(...), calls(...), reply(...) or a list of parts"
    )
