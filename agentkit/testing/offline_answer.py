"""Writes the answer: what the functions returned, what failed, what is missing, and who is speaking."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from agentkit.testing.lenient import as_object
from agentkit.testing.offline_heed import is_date, needs_today
from agentkit.testing.offline_numbers import format_number, read_number
from agentkit.testing.offline_plan import Plan, Step
from agentkit.testing.offline_prompt import COMPARED, Answered
from agentkit.testing.offline_results import compare, main_value, reckon
from agentkit.testing.offline_schema import Function
from agentkit.testing.offline_words import QUESTION_WORDS, VERBS, name_words, stems, word_set

HOW_TO_GET_A_MODEL = "For real answers set COMETAPI_KEY or GEMINI_API_KEY."
_WHO = "I am agentkit's offline stand-in: a few rules, not a language model."
_GREETING = re.compile(r"\W*(?:hi|hello|hey|good (?:morning|evening|day)|thanks?|thank you|bye|ok|okay)\b[^?]*$", re.I)
_SILENT_VERBS = frozenset({"get", "fetch", "find", "lookup", "look", "read", "compute", "current"})
_PLAIN_NUMBERS = word_set("year id order code zip postcode phone number ticket invoice isbn")
_IN_PLACES = word_set("weather forecast temperature time news hotels restaurants events")
_UNIT = re.compile(r"\b(days?|weeks?|months?|years?|hours?|minutes?)\b", re.I)
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?)?")
_MOST_FUNCTIONS = 8
_LONGEST_VALUE = 600


def write_answer(plan: Plan, functions: Sequence[Function], prompt: str, *, may_call: bool = True) -> str:
    """Return the answer to a round as a few sentences."""
    sentences: list[str] = []
    for step in plan.steps:
        sentences += _write_step(step)
    sentences += _write_results(plan.others, prompt)
    if not sentences:
        return introduce(functions if may_call else [], brief=bool(_GREETING.match(prompt)))
    sentences += [_write_unserved(step) for step in plan.steps if functions and _is_unserved(step)]
    sentences += [_write_open(step) for step in plan.steps if functions and step.is_open]
    return " ".join(dict.fromkeys(sentences))


def introduce(functions: Sequence[Function], *, brief: bool = False) -> str:
    """Return who is speaking, what the declared functions allow, and how to get a model's answer."""
    if brief:
        return f"{_WHO} {HOW_TO_GET_A_MODEL}"
    if not functions:
        return f"{_WHO} I can only call functions, and may call none here. {HOW_TO_GET_A_MODEL}"
    told = ", ".join(_signature(function) for function in functions[:_MOST_FUNCTIONS])
    more = f" and {len(functions) - _MOST_FUNCTIONS} more" if len(functions) > _MOST_FUNCTIONS else ""
    return f"{_WHO} None of the declared functions fits this. I can call {told}{more}. {HOW_TO_GET_A_MODEL}"


def _signature(function: Function) -> str:
    shape = function.parameters
    parameters = [name if name in shape.required else f"{name}?" for name, _ in shape.ordered()]
    return f"{function.name}({', '.join(parameters)})"


def _write_step(step: Step) -> list[str]:
    sentences = [*_write_results(step.answered, step.task.text), *step.refusals]
    sentences += [_ask(function, missing) for function, missing in step.asks]
    if needs_today(step.task.text) and any(is_date(function, name) for function, names in step.asks for name in names):
        sentences.append("I do not know what day it is today.")
    return [*sentences, step.reckoned] if step.reckoned else sentences


def _write_results(results: Sequence[Answered], text: str) -> list[str]:
    """Tell the results one by one, then what the text wants to know of all of them: the warmest, the sum."""
    sentences = [_write_result(one, text) for one in results]
    asked = COMPARED.search(text)
    if asked and (winner := compare(text, results)):
        word = re.sub(r"^the\s+", "", asked[0], flags=re.I).split()[0].lower()
        sentences.append(f"{winner} is the {word} one.")
    elif asked and len(results) > 1 and any(one.failed for one in results):
        sentences.append("So I cannot compare them.")
    elif len(results) > 1 and (together := reckon(text, results)):
        sentences.append(together)
    return sentences


def _ask(function: Function, missing: Sequence[str]) -> str:
    wanted: list[str] = []
    for name in missing:
        shape = function.parameters.properties[name]
        one_of = f"one of {', '.join(map(str, shape.enum[:8]))}" if shape.enum else ""
        about = one_of or _first_sentence(shape.description) or shape.kind
        wanted.append(f"{name} ({about})" if about != "any" else name)
    return f"To call {function.name} I still need {' and '.join(wanted)}. Please tell me."


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[^.]{2})[.!?](?:\s|$)|\n\s*\n", " ".join(text.split()), maxsplit=1)[0].strip(" .")


def _is_unserved(step: Step) -> bool:
    if step.calls or step.asks or step.reckoned or step.refusals:
        return False
    words = step.task.text.lower().split()
    return step.task.waits or step.task.text.endswith("?") or words[0] in VERBS | QUESTION_WORDS


def _write_open(step: Step) -> str:
    """Tell what could not be finished because no more calls are allowed."""
    return f'I may call no more functions, so this is not finished: "{step.task.text.rstrip(".?! ")}".'


def _write_unserved(step: Step) -> str:
    part = step.task.text.rstrip(".?! ")
    if step.task.waits:
        return f'So I did not go on with "{part}".'
    return f'I could not do this part: "{part}". {HOW_TO_GET_A_MODEL}'


def _write_result(one: Answered, text: str) -> str:
    if one.failed:
        reason = _write_value(one.response["error"]).rstrip(".")
        if len(one.args) == 1 and name_words(one.name)[:1] and name_words(one.name)[0] in VERBS:
            asked = " ".join([" ".join(name_words(one.name)), *map(_write_value, one.args.values())])
            return f"I could not {asked}: {reason}."
        return f"{_subject(one)} failed: {reason}."
    args = list(one.args.items())
    expression = args[0][1] if len(args) == 1 else None
    is_arithmetic = isinstance(expression, str) and re.search(r"\d\D*[-+*/%(]|[a-z]\(|\b(?:pi|e) [-+*/]", expression)
    if is_arithmetic and (result := _write_sum(str(expression), one.output)):
        return result
    dates = [value for _, value in args if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}$", value)]
    if len(dates) == 2 == len(args):
        return f"From {dates[0]} to {dates[1]} it is {_write_duration(one.output, text)}."
    told = _write_output(one, text).rstrip(".")
    if len(one.args) <= 1 and set(name_words(one.name)) & {"time", "now", "clock"} and re.search(r"\d:\d\d", told):
        place = "".join(f"In {_write_value(value)} it is " for value in one.args.values())
        return f"{place or 'It is '}{told}."
    return f"{_subject(one)}: {told}."


def _write_sum(expression: str, output: object) -> str:
    """Return "17% of 2,480 is 421.6.", or nothing if the output is not a number."""
    fields = as_object(output)
    result = fields.get("result", main_value({**fields, "expression": None})) if fields else output
    is_fraction = isinstance(result, str) and re.fullmatch(r"-?\d+/\d+", result)
    if read_number(result) is None and not is_fraction:
        return ""
    written = re.sub(r"(?<![\d.])\d{4,}(?![\d-])", lambda number: format_number(number[0]), expression)
    about = fields.get("approximately")
    if about is not None and "result" in fields:
        return f"{written} is {result}, about {format_number(about)}."
    return f"{written} is {'about ' if about is not None else ''}{format_number(result)}."


def _write_duration(output: object, text: str) -> str:
    if isinstance(output, dict):
        fields = cast("dict[str, object]", output)
        spoken = set(stems(text))
        asked = [key for key in fields if spoken & set(stems(key))] or [next(iter(fields), "")]
        if asked[0] in fields and (isinstance(fields[asked[0]], str) or read_number(fields[asked[0]]) is None):
            return _write_value(fields[asked[0]])
        return f"{format_number(fields[asked[0]])} {asked[0]}" if asked[0] in fields else "unknown"
    unit = _UNIT.search(text)
    return (
        f"{format_number(output)} {unit[0].lower()}"
        if unit and isinstance(output, int | float)
        else _write_value(output)
    )


def _subject(one: Answered) -> str:
    """Return what a call was about: "Population of Oslo", "Refund (order 7, amount 20)"."""
    words = list(name_words(one.name)) or [one.name]
    if len(words) > 1 and words[0] in _SILENT_VERBS:
        words = words[1:]
    label = " ".join(words).capitalize()
    values = {key.replace("_", " "): _write_value(value, key) for key, value in one.args.items()}
    if not values:
        return label
    if len(values) == 1 and words[0] not in VERBS:
        between = "in" if set(words) & _IN_PLACES else "of"
        return f"{label} {between} {next(iter(values.values()))}"
    if len(values) == 1:
        return f"{label} ({next(iter(values.values()))})"
    return f"{label} ({', '.join(f'{key} {value}' for key, value in values.items())})"


def _write_output(one: Answered, text: str) -> str:
    output: object = one.output
    if output in (None, "", {}):
        return "done"
    if output == []:
        return "nothing found"
    if isinstance(output, dict):
        fields = as_object(cast("object", output))
        fields = {
            key: value for key, value in fields.items() if key not in one.args or one.args[key] != value
        } or fields
        asked = re.search(r"\bhow (?:many|much|long|old|far|tall|high) (\w+)", text, re.I)
        keys = [key for key in fields if asked and set(stems(asked[1])) & set(stems(" ".join(name_words(key))))]
        if len(keys) == 1:
            return f"{_write_value(fields[keys[0]], keys[0])} {keys[0].replace('_', ' ')}"
        noun = re.search(r"\b(?:what|which)(?:'s| is)?(?: the)? (\w+)", text, re.I)
        first = set(stems(noun[1])) if noun else set[str]()
        order = sorted(fields, key=lambda key: not first & set(stems(" ".join(name_words(key)))))
        return _write_day({key: fields[key] for key in order})
    return _write_value(output, one.name)


def _write_day(fields: Mapping[str, object]) -> str:
    """Write fields with a day of the week and its date as "Monday, 2026-11-23 04:30:12", others as they are."""
    days = [key for key in fields if set(name_words(key)) & {"weekday"} and isinstance(fields[key], str)]
    dates = [key for key in fields if isinstance(fields[key], str) and _ISO.fullmatch(str(fields[key]))]
    if len(dates) != 1 or len(days) > 1:
        return _write_value(fields)
    day = ", ".join(_write_value(fields[key]) for key in days + dates)
    others = {key: value for key, value in fields.items() if key not in days + dates}
    if not days and others:
        return _write_value(fields)
    return f"{day}, {_write_value(others)}" if others else day


def _write_value(value: object, key: str = "") -> str:
    """Write any JSON value for people, cut when it is long."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if set(name_words(key)) & _PLAIN_NUMBERS and abs(value) < 1e6 else format_number(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        text = ", ".join(f"{name.replace('_', ' ')} {_write_inner(inner, name)}" for name, inner in pairs)
    elif isinstance(value, list):
        members = cast("list[object]", value)
        separator = "; " if any(isinstance(one, dict) for one in members) else ", "
        text = separator.join(_write_value(one, key) for one in members[:20])
    else:
        text = "nothing" if value is None else str(value).strip()
        if found := _ISO.fullmatch(text):
            text = " ".join(filter(None, [found[1], found[2]]))
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + " ..."


def _write_inner(value: object, key: str) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return _write_value(value, key)
