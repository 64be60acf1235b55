"""What became of the steps and requests of a `FakeGemini`, in lines that are read in a few seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agentkit.testing.items import Asked, Fail, Item, Part, Reply, Say
from agentkit.testing.lenient import as_list, as_object, as_text
from agentkit.testing.steps import Answer, Slot, When, open_slots, place_of

__all__ = ["Outcome", "finding_lines", "problems_of", "report_of", "undeclared_calls"]

_SHOWN = 80


@dataclass(frozen=True)
class Outcome:
    """What became of a request that reached the steps.

    Attributes:
        slot: What it took.
        surprise: Why it was not answered as expected; empty if it was.
        error: What a function of the test raised.
    """

    slot: Slot | None
    surprise: str = ""
    error: Exception | None = None


def problems_of(slots: Sequence[Slot], outcomes: Iterable[Outcome]) -> list[str]:
    """Return what fails the test: steps that were left over, requests that were not expected."""
    missed = sum(slot.is_missed for slot in slots)
    surprises = [outcome for outcome in outcomes if outcome.surprise]
    unexpected = sum(outcome.slot is None for outcome in surprises)
    wrong = len(surprises) - unexpected
    return [
        *([f"{_count(missed, 'step')} not used"] if missed else []),
        *([f"{_count(unexpected, 'request')} not expected"] if unexpected else []),
        *([f"{_count(wrong, 'answer')} went wrong"] if wrong else []),
    ]


def undeclared_calls(said: Reply | Sequence[Part], body: Mapping[str, Any]) -> str:
    """Return what is wrong with the calls of an answer; empty if the request declares all their functions."""
    parts = (
        [part for item in said.items if isinstance(item, Say) for part in item.parts]
        if isinstance(said, Reply)
        else said
    )
    called = [as_text(as_object(part.get("functionCall")).get("name")) for part in parts if "functionCall" in part]
    tools = list(map(as_object, as_list(body.get("tools"))))
    if any("computerUse" in tool for tool in tools):  # the service declares its actions itself
        return ""
    declared = [
        as_text(as_object(declaration).get("name"))
        for tool in tools
        for declaration in as_list(tool.get("functionDeclarations"))
    ]
    stray = next((name for name in called if name not in declared), None)
    if stray is None:
        return ""
    return f"CALLS {stray!r}, which is not declared (declared: {', '.join(declared) or 'none'})"


def report_of(slots: Sequence[Slot], every: Iterable[Asked], outcomes: Mapping[int, Outcome]) -> str:
    """Return the whole report; `outcomes` by the numbers of the requests.

    ```text
    FakeGemini: 1 step not used.
    Steps:
       1    used         calls refund(order='7')
     ! 2    not used     says 'Done.'
    Requests:
       1    gemini-3-flash-preview  user says 'Refund order 7'  <- step 1
    Next: step 2, says 'Done.'
    ```
    """
    requests = [asked for asked in every if asked.method != "countTokens"]
    problems = problems_of(slots, outcomes.values())
    lines = [f"FakeGemini: {', '.join(problems) or 'every step used, every request expected'}."]
    lines += ["Steps:" if slots else "Steps: none.", *map(_step_line, slots)]
    lines += ["Requests:" if requests else "Requests: none."]
    lines += [_request_line(asked, outcomes.get(asked.index)) for asked in requests]
    if waiting := [f"step {slot.label}, {_describe(slot.step)}" for slot in open_slots(slots)]:
        lines.append(f"Next: {'; or '.join(waiting)}")
    findings = finding_lines(requests, warnings=True)
    return "\n".join(lines + (["Findings:", *findings] if findings else []))


def finding_lines(every: Iterable[Asked], *, warnings: bool) -> list[str]:
    """Return one line for each thing that is wrong with the requests."""
    return [
        f"   request {asked.index + 1}: {finding}"
        for asked in every
        for finding in asked.findings
        if warnings or finding.severity == "error"
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _step_line(slot: Slot) -> str:
    if slot.times == 1:
        state = "used" if slot.used else "not used"
    else:
        state = f"used {slot.used} of {slot.times}" if slot.times else f"used {_count(slot.used, 'time')}"
    return f" {'!' if slot.is_missed else ' '} {slot.label:<4} {state:<12} {_describe(slot.step)}"


def _request_line(asked: Asked, outcome: Outcome | None) -> str:
    if outcome is None:
        codes = [finding.code for finding in asked.findings if finding.severity == "error"]
        became = f"refused by the emulator: {', '.join(codes) or 'key, model or JSON'}"
    else:
        step = f"step {outcome.slot.label}" if outcome.slot else ""
        became = ": ".join(filter(None, (step, _short(outcome.surprise))))
    mark = "!" if outcome is not None and outcome.surprise else " "
    return f" {mark} {asked.index + 1:<4} {asked.model}  {_last_content(asked.body)}  <- {became}"


def _describe(step: Answer | When) -> str:
    if isinstance(step, When):
        condition = step.condition
        told = repr(condition) if isinstance(condition, str) else place_of(condition)
        return f"when {_short(told)}: {_describe(step.answer)}"
    if isinstance(step, Reply):
        return _short(", ".join(map(_describe_item, step.items)) or "says nothing")
    return _short(_describe_item(step)) if isinstance(step, Item) else place_of(step)


def _describe_item(item: Item) -> str:
    if isinstance(item, Say):
        return ", ".join(map(_describe_part, item.parts))
    return f"error {item.status}" if isinstance(item, Fail) else repr(item)


def _describe_part(part: object) -> str:
    """Return a part in a few words. Parts of requests are whatever the client sent."""
    if not isinstance(part, Mapping):
        return repr(part)
    match cast("Mapping[str, Any]", part):
        case {"functionCall": {"name": name, **rest}}:
            args: object = rest.get("args")
            pairs = cast("Mapping[str, object]", args).items() if isinstance(args, Mapping) else ()
            return f"calls {name}({', '.join(f'{key}={value!r}' for key, value in pairs)})"
        case {"functionResponse": {"name": name, "response": response}}:
            return f"{name} -> {response!r}"
        case {"text": words, **rest}:
            return f"{'thinks' if rest.get('thought') else 'says'} {words!r}"
        case other:
            return " and ".join(other)


def _last_content(body: Mapping[str, Any]) -> str:
    contents: object = body.get("contents")
    last: object = cast("list[object]", contents)[-1] if isinstance(contents, list) and contents else None
    if not isinstance(last, Mapping):
        return "no contents"
    content = cast("Mapping[str, object]", last)
    parts = content.get("parts")
    told = map(_describe_part, cast("list[object]", parts)) if isinstance(parts, list) else ()
    return _short(f"{content.get('role', 'user')}: {', '.join(told)}")


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
