"""What earlier calls returned, as values for later ones: by name, in place of "it", and compared."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import cast

from agentkit.testing.offline_numbers import format_number, read_number
from agentkit.testing.offline_prompt import COMPARED, MANY, POSSESSIVE, SINGLE, Answered
from agentkit.testing.offline_words import name_words, stems

_RESULT_KEYS = ("result", "output", "value", "answer", "approximately", "id", "name")
_CARRIERS = ("body", "message", "content", "text", "note", "result")
_SUMS = re.compile(r"\b(?:add|sum|total|together|combined|altogether)\b", re.I)
_WORDS = re.compile(r"[^\W\d_][\w/-]*")
_NAMES = re.compile(rf"{_WORDS.pattern}(?: [A-Z0-9][\w/-]*)+")
_DIFFERENCES = re.compile(r"\b(?:difference|subtract)\b", re.I)


def main_value(output: object, hint: str = "") -> object:
    """Return the one value that an output is about: what `hint` speaks of, else its result, number or first field."""
    if isinstance(output, list):
        members = cast("list[object]", output)
        return main_value(members[0], hint) if members else None
    if not isinstance(output, dict):
        return output
    fields = cast("dict[str, object]", output)
    spoken = set(stems(hint))
    asked = [value for key, value in fields.items() if spoken & set(stems(" ".join(name_words(key))))]
    named = [fields[key] for key in _RESULT_KEYS if key in fields]
    numbers = [value for value in fields.values() if read_number(value) is not None]
    for value in asked + named + numbers + list(fields.values()):
        if not isinstance(value, dict | list) and value is not None:
            return value
    return None


def carried_values(results: Sequence[Answered], text: str) -> list[tuple[str, object]]:
    """Return the last result under the names of parameters that carry any text: "mail her the result"."""
    return [(carrier, _as_text(main_value(results[-1].output, text))) for carrier in _CARRIERS] if results else []


def known_values(results: Sequence[Answered]) -> list[tuple[str, object]]:
    """Return what later arguments may be filled from by name: fields of the results, then the arguments given."""
    found: list[tuple[str, object]] = []
    for one in reversed(results):
        if one.failed:
            continue
        nouns = name_words(one.name)[1:] or name_words(one.name)
        for key, value in _fields(one.output):
            found += [(noun, value) for noun in nouns if key in ("", "id")] + [(key, value)] * bool(key)
    for one in reversed(results):
        found += list(one.args.items())
    return found


def _as_text(value: object) -> object:
    return format_number(value) if read_number(value) is not None else value


def _fields(output: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield the fields of an object, of objects inside, and of the first member of lists; a scalar has no name."""
    if depth > 3:
        return
    if isinstance(output, dict):
        for key, value in cast("dict[str, object]", output).items():
            if isinstance(value, dict | list):
                yield from _fields(cast("object", value), depth + 1)
            yield key, value
    elif isinstance(output, list):
        members = cast("list[object]", output)
        yield from _fields(members[0], depth + 1) if members else ()
    elif depth == 0:
        yield "", output


def compare(text: str, results: Sequence[Answered]) -> str:
    """Return the argument that tells the winner of a comparison apart: "Rome" for "the warmer of the two"."""
    asked = COMPARED.search(text)
    if not asked or not results:
        return ""
    rivals = [one for one in results if one.name == results[-1].name]
    if any(one.failed for one in rivals):
        return ""  # the best of the rest may not be the best
    scored = [(number, one) for one in rivals if (number := read_number(main_value(one.output, text))) is not None]
    differing = [key for key in rivals[-1].args if len({repr(one.args.get(key)) for one in rivals}) > 1]
    if len(scored) < 2 or not differing:
        return ""
    best = (max if asked["more"] else min)(scored, key=lambda pair: pair[0])
    if sum(number == best[0] for number, _ in scored) > 1:
        return ""
    return str(best[1].args.get(differing[0], ""))


def correct(failed: Answered) -> dict[str, object] | None:
    """Return the arguments of a failed call with the one name replaced that its error offers a like of, else None.

    For `city="oslo"` the error "Unknown city 'oslo'. Known cities: Oslo, Rome." offers "Oslo".
    """
    if not failed.failed:
        return None
    told = json.dumps(failed.response, ensure_ascii=False, default=str)
    offered = [*_NAMES.findall(told), *_WORDS.findall(told)]
    for key, value in failed.args.items():
        if not isinstance(value, str) or len(value) < 3:
            continue
        by_folded = {name.casefold(): name for name in offered if name != value}
        likes = difflib.get_close_matches(value.casefold(), by_folded, n=1, cutoff=0.8)
        ends = [name for name in by_folded if name.endswith(f"/{value.casefold()}")]
        if found := next(iter(likes + ends), None):
            return {**failed.args, key: by_folded[found]}
    return None


def replace_references(text: str, results: Sequence[Answered]) -> str:
    """Return a text with "it", "them", "its ..." and "the warmer one" replaced by what they stand for."""
    if not results:
        return text
    if winner := compare(text, results):
        return COMPARED.sub(lambda _: f" {_quote(winner)}", text, count=1)
    values = [_quote(main_value(one.output, text)) for one in results]
    text = POSSESSIVE.sub(lambda found: f"{found[1].strip()} of {values[-1]}", text, count=1)
    text = MANY.sub(lambda _: " and ".join(values), text, count=1)
    return SINGLE.sub(lambda _: values[-1], text, count=1)


def _quote(value: object) -> str:
    """Write a value so that it is read back as what it is."""
    number = read_number(value)
    if number is not None:
        return f"{number:.15g}" if isinstance(number, float) else str(number)
    text = str(value).replace('"', "'")
    return text if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else f'"{text}"'


def reckon(text: str, results: Sequence[Answered]) -> str:
    """Add or subtract results when no function does; empty if the text asks for neither."""
    if any(one.failed for one in results):
        return ""
    numbers = [number for one in results if (number := read_number(main_value(one.output, text))) is not None]
    if len(numbers) < 2:
        return ""
    if _SUMS.search(text):
        return f"Together that is {format_number(sum(numbers))}."
    if _DIFFERENCES.search(text) and len(numbers) == 2:
        return f"The difference is {format_number(abs(numbers[0] - numbers[1]))}."
    return ""
