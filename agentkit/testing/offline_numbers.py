"""Numbers in results: read from what functions return, written for people."""

import re

_LARGEST = 10**300
_PLAIN = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,300})(?:\.\d{1,300})?")
_WITH_UNIT = re.compile(rf"({_PLAIN.pattern})\s*(?:°\s*[CF]?|%|[^\W\d_]{{1,12}})(?:\b\D*)?")


def read_number(value: object) -> int | float | None:
    """Return the number that a value is, also as text and with a unit ("12 °C"); None if it is not one number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if abs(value) < _LARGEST else None  # neither infinite nor too long to be written
    if isinstance(value, str) and (found := _PLAIN.fullmatch(value.strip()) or _WITH_UNIT.fullmatch(value.strip())):
        text = (found[1] if found.re is _WITH_UNIT else found[0]).replace(",", "")
        return float(text) if "." in text else int(text)
    return None


def format_number(value: object) -> str:
    """Write a number with separators from 1,000 up and without superfluous digits; anything else as text."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not re.match(r"-?0\d", value):
        whole, point, decimals = value.replace(",", "").partition(".")
        return ("-0" if whole == "-0" else f"{int(whole):,}") + point + decimals
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < _LARGEST else "a number with more than 300 digits"
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.10g}"


_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL_VALUES = {
    "zero": 0,
    **{word: number for number, word in enumerate([*_UNITS, *_TEENS], 1)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_UNITS)}))?|{'|'.join(_TEENS)}|{'|'.join(_UNITS)}|zero)\b"
_HUNDREDS = rf"{_SMALL}(?:\s+hundred\b(?:\s+(?:and\s+)?{_SMALL})?)?"
_IN_WORDS = re.compile(
    rf"\b{_HUNDREDS}(?:\s+(?:thousand|million|billion)\b(?:\s+(?:and\s+)?{_HUNDREDS})?)*(?![\w-])", re.I
)
_IN_DIGITS = re.compile(r"(?<![\w.,])(\d{1,15}(?:\.\d{1,9})?)\s+(hundred|thousand|million|billion)\b", re.I)
_CALCULATED_AHEAD = re.compile(r"(?:[-+*/×(]|\b(?:plus|minus|times|by|over|of|is))\s*$", re.I)
_CALCULATED_BEHIND = re.compile(r"\s*(?:[-+*/×%]|\b(?:plus|minus|times|divided|multiplied|over|percent|mod)\b)", re.I)


def write_number_words(text: str) -> str:
    """Return a text with "twelve" and "three hundred and five" in digits; not "the two", and "one" only in a sum."""

    def scale(found: re.Match[str]) -> str:
        whole, _, decimals = found[1].partition(".")
        number = int(whole + decimals) * _SCALES[found[2].lower()]
        return str(number // 10 ** len(decimals)) if number % 10 ** len(decimals) == 0 else found[0]

    def spell(found: re.Match[str]) -> str:
        ahead, behind = text[: found.start()], text[found.end() :]
        is_sum = _CALCULATED_AHEAD.search(ahead[-20:]) or _CALCULATED_BEHIND.match(behind)
        is_plain = re.search(r"\bthe\s+$", ahead[-8:], re.I) or found[0].lower() == "one"
        return found[0] if is_plain and not is_sum else str(_value_of_words(found[0]))

    text = _IN_DIGITS.sub(scale, text)
    return _IN_WORDS.sub(spell, text)


def _value_of_words(words: str) -> int:
    total, group = 0, 0
    for word in re.split(r"[\s-]+", words.lower()):
        if word == "hundred":
            group *= 100
        elif word in _SCALES:
            total, group = total + group * _SCALES[word], 0
        else:
            group += _SMALL_VALUES.get(word, 0)
    return total + group
