"""Arithmetic in words, such as "the square root of 2", as an expression for a calculator.

What is not understood as a whole is not taken at all: half of an expression is the answer to another question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from agentkit.testing.offline_numbers import write_number_words
from agentkit.testing.offline_sums import Token, read_sum

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?"
_LIST = rf"{_NUMBER}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){_NUMBER})+"

# Longer phrases first: each is rewritten in place. ⟨ and ⟩ become parentheses where a sign stands beside them.
_PHRASES: list[tuple[str, str]] = [
    (rf"(?:the\s+)?square\s+root\s+of\s+({_NUMBER})", r"sqrt(\1)"),
    (rf"(?:the\s+)?factorial\s+of\s+({_NUMBER})", r"factorial(\1)"),
    (rf"({_NUMBER})\s+factorial\b", r"factorial(\1)"),
    (r"(?:the\s+)?square\s+root\s+of\s+\(", "sqrt("),
    (rf"({_NUMBER})\s+choose\s+({_NUMBER})", r"⟨factorial(\1) / (factorial(\2) * factorial(\1 - \2))⟩"),
    (r"\s+(?:raised\s+)?to\s+the\s+power(?:\s+of)?\s+|\s+raised\s+to\s+", " ** "),
    (r"\s+squared\b", " ** 2"),
    (r"\s+cubed\b", " ** 3"),
    (rf"({_NUMBER})\s+is\s+what\s+(?:percent|percentage|%)\s+of\s+({_NUMBER})", r"⟨\1 / \2 * 100⟩"),
    (rf"what\s+(?:percent|percentage|%)\s+of\s+({_NUMBER})\s+is\s+({_NUMBER})", r"⟨\2 / \1 * 100⟩"),
    (rf"\bsplit\s+({_NUMBER})\s+(?:\w+\s+)?(?:between|among)\s+({_NUMBER})", r"⟨\1 / \2⟩"),
    (rf"(?:the\s+)?square\s+of\s+({_NUMBER})", r"\1 ** 2"),
    (rf"(?:the\s+)?cube\s+of\s+({_NUMBER})", r"\1 ** 3"),
    (rf"\bhalf\s+(?:of\s+)?({_NUMBER})", r"⟨\1 / 2⟩"),
    (rf"\bhalve\s+({_NUMBER})", r"⟨\1 / 2⟩"),
    (rf"\b(?:twice|double)\s+({_NUMBER})", r"⟨2 * \1⟩"),
    (rf"\btriple\s+({_NUMBER})", r"⟨3 * \1⟩"),
    (rf"({_NUMBER})\s*(?:percent|per\s+cent)\b", r"\1%"),
    (rf"({_NUMBER}%)\s+(?:tip|tax|vat|interest|discount)?\s*on\s+({_NUMBER})", r"\1 of \2"),
    (rf"({_NUMBER}%)\s+off\s+({_NUMBER})", r"⟨\2 - \1 of \2⟩"),
    (rf"\badd\s+({_NUMBER})\s+to\s+({_NUMBER})", r"⟨\2 + \1⟩"),
    (rf"\bsubtract\s+({_NUMBER})\s+from\s+({_NUMBER})", r"⟨\2 - \1⟩"),
    (rf"\bmultiply\s+({_NUMBER})\s+(?:by|with)\s+({_NUMBER})", r"⟨\1 * \2⟩"),
    (rf"\bdivide\s+({_NUMBER})\s+by\s+({_NUMBER})", r"⟨\1 / \2⟩"),
    (rf"\bdifference\s+(?:between|of)\s+({_NUMBER})\s+and\s+({_NUMBER})", r"⟨\1 - \2⟩"),
    (r"\s+(?:multiplied\s+by|times)\s+", " * "),
    (r"\s+(?:divided\s+by|over)\s+", " / "),
    (r"\s+mod(?:ulo)?\s+", " % "),
    (r"\s+plus\s+", " + "),
    (r"\s+minus\s+", " - "),
    (rf"(?<![\w.])(?!0x)({_NUMBER})\s*[x×·]\s*(?=[\d(])", r"\1 * "),
    (r"÷", "/"),
    (r"[−–]", "-"),
    (r"\^", "**"),
]
_GATHERED = [
    (rf"\b(?:sum|total)\s+of\s+({_LIST})", " + ", ""),
    (rf"\b(?:add|sum(?:\s+up)?)\s+(?:up\s+|together\s+)?({_LIST})", " + ", ""),
    (rf"\b(?:product\s+of|multiply)\s+({_LIST})", " * ", ""),
    (rf"\b(?:average|mean)\s+(?:of\s+|between\s+)?({_LIST})", " + ", " / "),
]
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)|\.\d+)"
    r"|(?P<name>\b(?:(?:sqrt|abs|round|min|max|factorial)(?=\s*\()|(?:pi|e)\b))"
    r"|(?P<sign>\*\*|//|[-+*/%,()!=<>]|\bof\b))",
    re.I,
)
_GROUP = re.compile(r"(?P<ahead>[-+*/%(]\s*|\bof\s+)?⟨(?P<inner>[^⟨⟩]*)⟩(?P<behind>(?=\s*[-+*/%)]))?")
# What calculates. Where any is left beside an expression, the expression is not the whole question.
_LEFT_OVER = re.compile(
    r"\d|\b(?:half|thirds?|quarters?|dozen|percent|root|power|choose|mod|modulo|factorial|log|ln|sin|cos|tan|exp|point"
    r"|thrice|twice|double|triple|hundred|thousand|million|billion|negative|remainder|plus|minus|times|divided)\b",
    re.I,
)


@dataclass(frozen=True)
class Arithmetic:
    """The arithmetic of a text: what was understood as a whole, with values where they are simple."""

    expressions: Sequence[str] = ()
    values: Sequence[Fraction | None] = ()
    is_unread: bool = False  # there is arithmetic that was not understood


def read_arithmetic(text: str) -> Arithmetic:
    """Return the arithmetic expressions in a text, each once, without thousands separators.

    Dates and other numbers that are not operands must have been blanked out before.
    """
    text = _write_signs(text)
    found: dict[str, Fraction | None] = {}
    rest, place, is_unread = "", 0, False
    while place < len(text):
        tokens, end = ([], place) if text[place].isspace() else _read_stretch(text, place)
        if not tokens:
            rest, place = rest + text[place], place + 1
            continue
        is_glued = bool(re.search(r"\w$", text[:place]) or re.match(r"\w", text[end:]))
        for part in _split(tokens):
            if not _calculates(part):
                rest += " ".join(token.text for token in part)
            elif (read := None if is_glued else read_sum(part)) is None:
                is_unread = True
            else:
                found[read[0]] = read[1]
        rest, place = rest + " ", end
    if is_unread or (found and _LEFT_OVER.search(rest)):
        return Arithmetic(is_unread=True)
    return Arithmetic(list(found), list(found.values()))


def _write_signs(text: str) -> str:
    """Return a text with arithmetic in words written with signs and digits."""
    text = re.sub(r"[⟨⟩]", " ", write_number_words(text))
    for pattern, sign, share in _GATHERED:
        while found := re.search(pattern, text, re.I):
            text = text[: found.start()] + _gather(found[1], sign, share) + text[found.end() :]
    for pattern, written in _PHRASES:
        text = re.sub(pattern, written, text, flags=re.I)
    while found := _GROUP.search(text):
        opened, closed = ("(", ")") if found["ahead"] or found["behind"] is not None else ("", "")
        group = f"{found['ahead'] or ''}{opened}{found['inner']}{closed}"
        text = text[: found.start()] + group + text[found.end() :]
    return text


def _gather(numbers: str, sign: str, share: str) -> str:
    """Write "1, 2 and 3" as "1 + 2 + 3", or as a mean if `share` is a division."""
    listed = re.findall(_NUMBER, numbers)
    joined = sign.join(listed)
    return f"⟨({joined}){share}{len(listed)}⟩" if share else f"⟨{joined}⟩"


def _read_stretch(text: str, place: int) -> tuple[list[Token], int]:
    """Return the numbers, signs and names that follow each other from a place on, and where they end."""
    tokens: list[Token] = []
    if place and text[place].isalnum() and text[place - 1].isalnum():
        return tokens, place
    while found := _TOKEN.match(text, place):
        kind = found.lastgroup or ""
        if kind == "number" and "," in found["number"] and [token.text for token in tokens[-1:]] == ["("]:
            found = re.compile(r"\s*(\d+)").match(text, place) or found  # max(1,200): a comma between arguments
        written = found[0].strip()
        tokens.append(
            Token(kind, written.replace(",", "") if kind == "number" else written.lower(), found[0][0] == " ")
        )
        place = found.end()
    return tokens, place


def _split(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut a stretch at the commas of the sentence, and take off what belongs to the sentence around."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth <= 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [_trim(part) for part in parts if part]


def _trim(part: list[Token]) -> list[Token]:
    def excess() -> int:
        texts = [token.text for token in part]
        return texts.count("(") - texts.count(")")

    while part and (part[0].text in (",", "of", ")") or (part[0].text == "(" and excess() > 0)):
        part = part[1:]
    while part and (part[-1].text in (",", "of", "(", "=") or (part[-1].text == ")" and excess() < 0)):
        part = part[:-1]
    return part


def _calculates(part: Sequence[Token]) -> bool:
    """Whether something is calculated: not a lone number, a range such as "3-4", a list, or "3 of 4"."""
    for index, token in enumerate(part):
        if token.kind == "name" and token.text not in ("pi", "e"):
            return True
        left = part[index - 1] if index else None
        right = part[index + 1] if index + 1 < len(part) else None
        if left is None or right is None or token.kind != "sign":
            continue
        begins = right.kind != "sign" or right.text in ("(", "-")
        if not begins or not (left.kind != "sign" or left.text in (")", "%")):
            continue
        if token.text in ("+", "*", "/", "**", "//") or (token.text == "of" and left.text == "%"):
            return True
        if token.text == "%" and right.kind != "sign":
            return True
        if token.text == "-" and ((token.spaced and right.spaced) or ")" in left.text or "(" in right.text):
            return True
    return False
