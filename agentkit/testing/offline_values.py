"""Values for shapes: whether one fits, and a stand-in that claims as little as possible."""

import math
import re
from datetime import date, datetime, time
from fractions import Fraction
from typing import cast

from agentkit.testing.offline_schema import Shape

_LONGEST_TEXT = 2000
_MOST_MEMBERS = 100
_DEEPEST = 40
_FORMATS = {
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "nobody@example.com"),
    "uri": (r"[a-z][a-z0-9+.-]*://\S+", "https://example.com/"),
    "uuid": (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "00000000-0000-0000-0000-000000000000"),
    "duration": (r"P(?=.)(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?", "PT0S"),
    "ipv4": (r"\d{1,3}(?:\.\d{1,3}){3}", "127.0.0.1"),
    "date": (r"\d{4}-\d{2}-\d{2}", "1970-01-01"),
    "time": (r"\d{2}:\d{2}.*", "00:00:00Z"),
    "date-time": (r"\d{4}-\d{2}-\d{2}T.*", "1970-01-01T00:00:00Z"),
}
_DATED = {"date": date.fromisoformat, "time": time.fromisoformat, "date-time": datetime.fromisoformat}


def fits(value: object, shape: Shape) -> bool:
    """Whether `value` has the JSON type, the choices and the bounds of `shape`."""
    if shape.enum and not any(type(value) is type(one) and value == one for one in shape.enum):
        return False
    match shape.kind:
        case "string":
            return (
                isinstance(value, str) and shape.shortest <= len(value) <= shape.longest and _is_written(value, shape)
            )
        case "integer" | "number":
            kinds = int if shape.kind == "integer" else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool):
                return False
            return shape.lowest <= value <= shape.highest and _is_multiple(value, shape.multiple)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list) and _holds(cast("list[object]", value), shape)
        case "object":
            given = cast("dict[str, object]", value) if isinstance(value, dict) else None
            return given is not None and all(
                fits(given[name], inner) if name in given else name not in shape.required
                for name, inner in shape.properties.items()
            )
        case "any":
            return True


def _holds(members: list[object], shape: Shape) -> bool:
    if not shape.shortest <= len(members) <= shape.longest:
        return False
    if shape.is_unique and len({repr(one) for one in members}) < len(members):
        return False
    return all(fits(one, _member(shape, place)) for place, one in enumerate(members))


def _member(shape: Shape, place: int) -> Shape:
    return shape.prefix[place] if place < len(shape.prefix) else shape.items or Shape()


def _is_multiple(value: float, of: float) -> bool:
    return not of or (math.isfinite(value) and Fraction(str(value)) % Fraction(str(of)) == 0)


def _is_written(value: str, shape: Shape) -> bool:
    """Whether a text has the form that its schema asks for; formats that are not known are not judged."""
    pattern, _ = _FORMATS.get(shape.format, (".*", ""))
    if not re.fullmatch(pattern, value, re.S):
        return False
    try:
        if read := _DATED.get(shape.format):
            read(value)
        return not shape.pattern or bool(re.search(shape.pattern, value))
    except ValueError:
        return False
    except re.error:  # a dialect that Python does not read
        return True


def placeholder(shape: Shape, text: str, depth: int = 0) -> object:
    """Return a value of this shape that claims as little as possible; strings repeat `text`."""
    if shape.enum:
        return shape.enum[0]
    match shape.kind:
        case "string" | "any":
            return _placeholder_text(shape, text)
        case "integer" | "number":
            return _placeholder_number(shape)
        case "boolean":
            return False
        case "null":
            return None
        case "array":
            count = min(shape.shortest, _MOST_MEMBERS) if depth < _DEEPEST else 0
            members = [placeholder(_member(shape, place), text, depth + 1) for place in range(count)]
            return _tell_apart(members, shape) if shape.is_unique else members
        case "object":
            required = shape.required if depth < _DEEPEST else ()
            return {name: placeholder(shape.properties[name], text, depth + 1) for name in required}


def _placeholder_number(shape: Shape) -> int | float:
    nearest = max(shape.lowest, min(0, shape.highest))
    if shape.multiple:
        of = Fraction(str(shape.multiple))
        value = math.ceil(Fraction(str(nearest)) / of) * of
        return int(value) if value.denominator == 1 else float(value)
    return int(nearest) if nearest == math.floor(nearest) else nearest


def _tell_apart(members: list[object], shape: Shape) -> list[object]:
    """Make equal members differ: the next choice, the next number, a longer text."""
    different: list[object] = []
    for place, one in enumerate(members):
        choices = _member(shape, place).enum
        if choices:
            different.append(choices[min(place, len(choices) - 1)])
        elif isinstance(one, str):
            different.append(f"{one} {place + 1}" if place else one)
        else:
            different.append(one + place if isinstance(one, int | float) and not isinstance(one, bool) else one)
    return different


def cut_text(text: str, longest: int) -> str:
    """Return the beginning of a text, cut at a word where there is one."""
    if len(text) <= longest:
        return text
    whole_words = re.match(rf".{{1,{longest}}}(?=\s)", text, re.S) if longest else None
    return whole_words[0].rstrip(" ,;:") if whole_words else text[:longest]


def _placeholder_text(shape: Shape, text: str) -> str:
    if shape.format in _FORMATS:
        return _FORMATS[shape.format][1]
    value = cut_text(text, int(min(shape.longest, _LONGEST_TEXT)))
    value = value.ljust(min(shape.shortest, _LONGEST_TEXT), ".")
    try:
        return value if fits(value, shape) else _match(shape.pattern) or value
    except re.error:  # a dialect that Python does not read
        return value


_PIECE = re.compile(r"(\[\^?[^\]]+\]|\\[dws]|\\?[^()|\[\]{}*+?])(?:\{(\d+)(?:,\d*)?\}|([*+?]))?")


def _match(pattern: str) -> str:
    """Return a text that matches a plain pattern such as `^[A-Z]{3}-\\d+$`; empty if it has groups or alternatives."""
    written, place = "", 0
    inner = pattern.removeprefix("^").removesuffix("$")
    while found := _PIECE.match(inner, place):
        count = int(found[2]) if found[2] else 0 if found[3] in ("*", "?") else 1
        letter = next((one for one in map(chr, range(126, 31, -1)) if re.fullmatch(found[1], one)), "")
        written, place = written + letter * count, found.end()
    return written if place == len(inner) and re.search(pattern, written) else ""
