"""What `agentkit check` finds out about a target: problems, what declarations cost, and what their schemas lose."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from agentkit import Capabilities, ConfigurationError
from agentkit.cli.check_capabilities import lacks
from agentkit.cli.check_first import CannotStart, Profile
from agentkit.cli.check_loss import Loss, losses_of
from agentkit.cli.check_models import about_model
from agentkit.cli.check_target import Place, Target
from agentkit.models import facts
from agentkit.testing.advice import ADVICE, Advice, AdviceSeverity, advise
from agentkit.testing.finding import Finding
from agentkit.testing.lenient import as_list, as_object
from agentkit.testing.rules import check_request

__all__ = ["ESTIMATE", "Cost", "Problem", "Report", "SchemaLosses", "make_report"]

# The median of 156 recorded requests with functions (2.5 to 3.5); for three of four, it is within a quarter of
# what the service counted.
_BYTES_PER_TOKEN: Final = 4.5
ESTIMATE: Final = f"estimated, {_BYTES_PER_TOKEN:g} bytes of compact JSON to a token; mostly right within a quarter"
_FUNCTION: Final = re.compile(r"tools\[\d+\]\.function_declarations\[\d+\]")
_ORDER: Final[tuple[AdviceSeverity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A finding of the rules, or a piece of advice.

    Attributes:
        code: `AK1nn` for a rule of the protocol, `AK2nn` for advice.
        path: Where in the request; empty for the whole of it.
        function: The name of the function that it is about, or "".
        profiles: Whose rules say so.
        place: Where to mend it, if that is known.
        fallback: The model that it is about, where the first model of a chain has no such problem.
    """

    code: str
    severity: AdviceSeverity
    path: str
    message: str
    fix: str
    function: str
    profiles: tuple[Profile, ...]
    place: Place | None
    fallback: str = ""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one part of the request costs with each turn, in tokens; an estimate. `kind` is "function" or its like."""

    name: str
    kind: str
    tokens: int


@dataclass(frozen=True, kw_only=True)
class SchemaLosses:
    """What one schema loses on its way to the older dialect."""

    name: str
    losses: tuple[Loss, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that there is to say about a target.

    Attributes:
        profiles: Whose rules were applied.
        costs: What is sent to the endpoint to which most is sent; the dearest first.
        costs_at: The profiles whose requests cost that; others get less.
        schemas: None if nobody asked.
    """

    target: str
    model: str
    profiles: tuple[Profile, ...]
    problems: tuple[Problem, ...]
    costs: tuple[Cost, ...]
    costs_at: tuple[Profile, ...]
    schemas: tuple[SchemaLosses, ...] | None

    def count(self, severity: AdviceSeverity) -> int:
        """Return how many problems are that severe."""
        return sum(problem.severity == severity for problem in self.problems)

    @property
    def tokens(self) -> int:
        """What all parts cost together."""
        return sum(cost.tokens for cost in self.costs)

    @property
    def input_limit(self) -> int:
        """How many tokens of input the model takes."""
        return facts(self.model).input_token_limit


def make_report(
    target: Target,
    profiles: Sequence[Profile],
    *,
    with_schemas: bool,
    is_open: bool = False,
    known: Capabilities | None = None,
) -> Report:
    """Judge the target's request for each profile.

    Args:
        target: What is judged.
        profiles: Whose rules apply.
        with_schemas: Whether to tell what schemas lose.
        is_open: Nobody has said which endpoint it is for. Then it is in order if one of them takes it: what the others
            refuse is a warning.
        known: What is known about the endpoint.

    Raises:
        CannotStart: The agent's own code fails before there is a request.
    """
    problems, bodies = _judged(target, profiles, known or Capabilities())
    for fallback in target.fallbacks:
        more, _ = _judged(fallback, profiles, known or Capabilities())
        told = {_what(problem) for problem in problems}
        problems += [_of_fallback(one, fallback.model) for one in more if _what(one) not in told]
    # Where built-in tools cannot stand beside functions, more functions are declared.
    body = max(bodies.values(), key=lambda one: sum(cost.tokens for cost in _costs(one)), default=None)
    costs = list(_costs(body))
    strange = [f'"{name}"' for name in _names_in(target.extra)]
    problems = [_as_meant(one) if any(name in one.message for name in strange) else one for one in problems]
    if is_open:
        problems = _softened(problems, profiles)
    return Report(
        target=target.name,
        model=target.model,
        profiles=tuple(profiles),
        problems=tuple(sorted(_joined(problems), key=lambda problem: _ORDER.index(problem.severity))),
        costs=tuple(sorted(costs, key=lambda cost: -cost.tokens)),
        costs_at=tuple(profile for profile, one in bodies.items() if list(_costs(one)) == costs),
        schemas=tuple(_schemas(body)) if with_schemas else None,
    )


def _judged(
    target: Target, profiles: Sequence[Profile], known: Capabilities
) -> tuple[list[Problem], dict[Profile, object]]:
    """Return what is wrong with what one model is sent, and the bodies that can be sent to it."""
    problems = list(_problems(target, tuple(profiles), {}, tuple(about_model(target.model))))
    bodies: dict[Profile, object] = {}
    for profile in profiles:
        try:
            body = target.request(profile)
        except CannotStart:
            raise
        except ConfigurationError as error:
            problems.append(_cannot_be_sent(target, profile, error))
            continue
        bodies[profile] = body
        findings = check_request(body, model=target.model, profile=profile)
        problems += _problems(target, (profile,), body, findings)
    if bodies:
        first = next(iter(bodies.values()))
        problems += _problems(target, tuple(profiles), first, advise(first))
        problems += _problems(target, tuple(profiles), first, tuple(lacks(known, first)))
    return problems, bodies


def _what(problem: Problem) -> object:
    # A run that begins refuses the whole chain, in words about the first model that cannot be asked.
    told = "" if problem.code == "AK200" else problem.message
    return problem.code, problem.path, told, problem.profiles


def _of_fallback(problem: Problem, model: str) -> Problem:
    about = "" if model in problem.message else f"{model}: "
    return replace(problem, message=f"{about}{problem.message}", fallback=model)


def _names_in(extra: object) -> Iterator[str]:
    for name, value in as_object(extra).items():
        yield name
        yield from _names_in(value)


def _as_meant(problem: Problem) -> Problem:
    """Return an unknown name as a warning: it was written into `extra=`, for a service that may know it by now."""
    if problem.code != "AK101":
        return problem
    return replace(problem, severity="warning", fix="It stands in extra=...: leave it out unless the service knows it.")


def _softened(problems: Sequence[Problem], profiles: Sequence[Profile]) -> list[Problem]:
    """Return errors as warnings, if there is a profile that has none."""
    refusing = {profile for problem in problems if problem.severity == "error" for profile in problem.profiles}
    if refusing.issuperset(profiles):
        return list(problems)
    return [replace(one, severity="warning") if one.severity == "error" else one for one in problems]


def _cannot_be_sent(target: Target, profile: Profile, error: ConfigurationError) -> Problem:
    return Problem(
        code="AK200",
        severity="error",
        path="",
        message=str(error),
        fix=ADVICE["AK200"].fix,
        function="",
        profiles=(profile,),
        place=target.place,
    )


def _problems(
    target: Target, profiles: tuple[Profile, ...], body: object, told: Sequence[Finding | Advice]
) -> Iterator[Problem]:
    functions = {path: str(_field(declaration, "name") or "") for path, declaration in _declarations(body)}
    for one in told:
        at = _FUNCTION.match(one.path)
        function = functions.get(at[0], "") if at else ""
        yield Problem(
            code=one.code,
            severity=one.severity,
            path=one.path,
            message=_one_line(one.message),
            fix=one.fix,
            function=function,
            profiles=profiles,
            place=target.functions.get(function, target.place),
        )


def _one_line(message: str) -> str:
    """Return the service's text without the list mark and the path, which stand beside it."""
    text = " ".join(message.split())
    return re.sub(r"^\* GenerateContentRequest\.\S+: ", "", text)


def _joined(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems with those that several profiles share told once."""
    joined: dict[tuple[str, str, str, str, str, int], Problem] = {}
    told = Counter[tuple[str, str, str, str, str, tuple[Profile, ...]]]()
    for problem in problems:
        # Each backend words its refusals in its own way; where only the words differ it is one problem.
        same = (problem.code, problem.severity, problem.path, problem.fix, problem.fallback)
        told[*same, problem.profiles] += 1
        key = (*same, told[*same, problem.profiles])
        before = joined.get(key)
        joined[key] = replace(before, profiles=(*before.profiles, *problem.profiles)) if before else problem
    return list(joined.values())


def _costs(body: object) -> Iterator[Cost]:
    for _, declaration in _declarations(body):
        yield Cost(name=str(_field(declaration, "name")), kind="function", tokens=_estimated(declaration))
    for _, schema in _response_schemas(body):
        yield Cost(name="response schema", kind="response_schema", tokens=_estimated(schema))
    parts = as_list(_field(_field(body, "systemInstruction"), "parts"))
    if text := "".join(str(_field(part, "text") or "") for part in parts):
        yield Cost(name="system instruction", kind="system_instruction", tokens=_estimated(text))


def _estimated(value: object) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return round(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) or 1


def _schemas(body: object) -> Iterator[SchemaLosses]:
    for _, declaration in _declarations(body):
        for key, suffix in (("parametersJsonSchema", ""), ("responseJsonSchema", " (response)")):
            if isinstance(schema := _field(declaration, key), dict):
                losses = losses_of(cast("Mapping[str, Any]", schema))
                yield SchemaLosses(name=f"{_field(declaration, 'name')}{suffix}", losses=tuple(losses))
    for key, schema in _response_schemas(body):
        if key != "responseSchema" and isinstance(schema, dict):
            losses = losses_of(cast("Mapping[str, Any]", schema))
            yield SchemaLosses(name="response schema", losses=tuple(losses))


# A saved request may be wrong in any way, and is shown as it is: what follows reads it in either spelling.


def _declarations(body: object) -> Iterator[tuple[str, object]]:
    """Yield each declaration with its path, as findings write it."""
    for t, tool in enumerate(as_list(_field(body, "tools"))):
        for d, declaration in enumerate(as_list(_field(tool, "functionDeclarations"))):
            yield f"tools[{t}].function_declarations[{d}]", declaration


def _response_schemas(body: object) -> list[tuple[str, object]]:
    config = _field(body, "generationConfig")
    keys = ("responseSchema", "responseJsonSchema", "_responseJsonSchema")
    return [(key, schema) for key in keys if (schema := _field(config, key))]


def _field(node: object, name: str) -> object:
    if not isinstance(node, Mapping):
        return None
    members = cast("Mapping[str, object]", node)
    return members.get(name, members.get(re.sub("([A-Z])", r"_\1", name).lower()))
