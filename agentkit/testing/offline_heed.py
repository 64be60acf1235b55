"""Whether calls heed all that a task says: one that drops a day or a place answers another question than asked."""

import json
import re
from collections.abc import Mapping, Sequence

from agentkit.testing.offline_facts import read_facts
from agentkit.testing.offline_kinds import kinds_for
from agentkit.testing.offline_prompt import Answered
from agentkit.testing.offline_schema import Function
from agentkit.testing.offline_words import STOP_WORDS, is_common, name_words

_OTHER_DAY = re.compile(
    r"\b(?:tomorrow|yesterday|(?:next|last)\s+(?:week|month|year)|in\s+\d+\s+(?:minute|hour|day|week|month|year)s?)\b",
    re.I,
)
_PLACED = re.compile(r"\b(?:in|at|for|of)\s+(?:the\s+)?([^\W\d][\w'’-]*)", re.I)
_NOW = frozenset({"now", "moment", "today", "here", "present", "time", "date", "day", "right"})
_NEEDS_TODAY = re.compile(
    r"\b(?:today|tomorrow|yesterday|now|until|till|since|ago|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|in\s+\w+\s+(?:day|week)s?"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\s+\d{1,2}(?!\d|,?\s+\d{4}))\b",
    re.I,
)
_CLOCK_WORDS = frozenset({"current", "now", "today", "present", "clock"})
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}")


def find_ignored(text: str, calls: Sequence[tuple[Function, Sequence[Mapping[str, object]]]]) -> str:
    """Return a sentence about what the calls for a task leave out, or an empty string."""
    given = json.dumps([args for _, each in calls for args in each], ensure_ascii=False, default=str).casefold()
    names = " and ".join(dict.fromkeys(function.name for function, _ in calls))
    takes_dates = any({"date", "time"} & kinds_of(function) for function, _ in calls)
    left_out: list[str] = []
    facts = read_facts(text)
    for fact in facts:
        written = text[fact.start : fact.end]
        is_given = str(fact.value).casefold() in given or (written and written.casefold() in given)
        if fact.kind in ("date", "time") and not is_given:
            left_out.append(written or str(fact.value))
    left_out += [
        found[0] for found in _OTHER_DAY.finditer(text) if not takes_dates and found[0].casefold() not in given
    ]
    if all(not args for _, each in calls for args in each):
        left_out += [text[fact.start : fact.end] for fact in facts if fact.kind in ("name", "number", "money", "code")]
        placed = [found[1] for found in _PLACED.finditer(text)]
        left_out += [word for word in placed if word.lower() not in _NOW | STOP_WORDS and not is_common(word)]
    if not left_out:
        return ""
    shown = " and ".join(f'"{part}"' for part in dict.fromkeys(filter(None, left_out)))
    return f"{names} cannot take {shown} into account, so I did not call it."


def kinds_of(function: Function) -> set[str]:
    """Return the kind of fact that each parameter takes before any other."""
    return {kinds_for(name, shape)[0] for name, shape in function.parameters.properties.items()}


def is_date(function: Function, name: str) -> bool:
    """Whether a parameter is a date."""
    return kinds_for(name, function.parameters.properties[name])[0] == "date"


def is_clock(function: Function) -> bool:
    """Whether a function tells the present date when it is called without arguments."""
    name = set(name_words(function.name))
    words = name | set(re.findall(r"[a-z]+", function.description.lower()))
    tells_time = bool(name & {"now", "clock", "today"}) or bool(name & {"time", "date", "day"} and words & _CLOCK_WORDS)
    return tells_time and not function.parameters.required


def needs_today(text: str) -> bool:
    """Whether a text counts from the present day."""
    return bool(_NEEDS_TODAY.search(text))


def read_clock(functions: Sequence[Function], answered: Sequence[Answered]) -> str:
    """Return the date that a clock told when it was called without arguments; empty if none did."""
    clocks = {function.name for function in functions if is_clock(function)}
    for one in answered:
        if (
            one.name in clocks
            and not one.args
            and not one.failed
            and (found := _ISO_DATE.search(json.dumps(one.response, default=str)))
        ):
            return found[0]
    return ""
