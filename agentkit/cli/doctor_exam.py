"""The examination: all steps in order, what is left out when one fails, and what they come to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from agentkit import Capabilities, GeminiError
from agentkit._endpoint import Credential, endpoint_kind
from agentkit.cli.doctor_probe import Probe, open_probe
from agentkit.cli.doctor_steps import STEPS, Found, Patient, Step

__all__ = ["Examination", "Result", "cost_of", "examine_at", "steps_for"]

_GOOD: Final = ("yes", "limited")
_REFUSED: Final = "The key was refused."
_SILENT: Final = "The model does not answer."


@dataclass(frozen=True, kw_only=True)
class Result:
    """A step and what it found."""

    step: Step
    found: Found


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What came of it.

    Attributes:
        root: The URL that was asked, with the version.
        model: The model's id.
        results: One for each step, in order.
        requests: How many were sent.
        tokens: What the answers said they cost together.
    """

    root: str
    model: str
    results: Sequence[Result]
    requests: int
    tokens: int

    @property
    def lacking(self) -> list[str]:
        """The essentials that do not work."""
        words = dict.fromkeys(result.step.essential for result in self.results if result.step.essential)
        return [word for word in words if not self._works(word)]

    def _works(self, word: str) -> bool:
        return any(result.found.verdict in _GOOD for result in self.results if result.step.essential == word)

    @property
    def key_refused(self) -> bool:
        """Whether no form of the key was taken."""
        return "a key" in self.lacking

    @property
    def capabilities(self) -> Capabilities:
        """What was learned, for the client and for `agentkit check`."""
        learned: dict[str, Any] = {}
        for result in self.results:
            for name, value in result.found.learned.items():
                learned[name] = (*learned.get(name, ()), *value) if name == "builtins" else value
        return Capabilities(
            base_url=self.root,
            model=self.model,
            probed_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            endpoint=endpoint_kind(self.root),
            **learned,
        )


def steps_for(*, key_in_url: bool) -> list[Step]:
    """Return the steps that will be tried; a key goes into a URL only if someone asks for that."""
    return [step for step in STEPS if key_in_url or step.name != "key in the URL"]


def cost_of(steps: Sequence[Step]) -> tuple[int, int]:
    """Return about how many requests and tokens the steps will cost."""
    return sum(step.requests for step in steps), sum(step.tokens for step in steps)


async def examine_at(
    root: str, credential: Credential, model: str, steps: Sequence[Step], tell: Callable[[str], None]
) -> Examination:
    """Take the steps one after the other.

    Each fails by itself, but after a refused key nothing is tried, and after a silent model nothing that asks it.

    Args:
        root: The URL below which `models/...` stands.
        credential: The key.
        model: The model's id.
        steps: What to try.
        tell: Hears the name of each step as it begins.

    Raises:
        GeminiError: The endpoint cannot be reached at all.
    """
    async with open_probe(root, credential, model) as probe:
        return await _examine(probe, steps, tell)


async def _examine(probe: Probe, steps: Sequence[Step], tell: Callable[[str], None]) -> Examination:
    patient = Patient(probe=probe)
    results: list[Result] = []
    for step in steps:
        if not patient.forms and step.kind != "key":
            found = Found(verdict="not tried", means=_REFUSED)
        elif patient.is_silent and step.kind == "model":
            found = Found(verdict="not tried", means=_SILENT)
        else:
            tell(step.name)
            found = await _take(step, patient, is_first=not results)
        results.append(Result(step=step, found=found))
    return Examination(
        root=probe.root, model=probe.model, results=tuple(results), requests=probe.requests, tokens=probe.tokens
    )


async def _take(step: Step, patient: Patient, *, is_first: bool) -> Found:
    try:
        return await step.ask(patient)
    except GeminiError as error:
        if is_first:
            raise
        return Found(verdict="failed", means=str(error))
