"""Reads one arithmetic expression: whether it is one as a whole, how it is written, and its value if that is simple."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_LONGEST = 120  # tokens; this also bounds how deep parentheses go
_LARGEST = 10**15
_CONSTANTS = frozenset({"pi", "e"})

Sum = tuple[str, Fraction | None]


@dataclass(frozen=True)
class Token:
    """A number, a name or a sign of a text, and whether there is space in front of it."""

    kind: str
    text: str
    spaced: bool = False


def read_sum(tokens: Sequence[Token]) -> Sum | None:
    """Return an expression as it is written for a calculator, with its value; None if it is not one as a whole.

    The value is None where it is not rational, not defined, or large.
    """
    if len(tokens) > _LONGEST or tokens[0].text == "+" or (tokens[0].text == "-" and tokens[1].spaced):
        return None
    reader = _Reader(tokens)
    try:
        read = reader.sum()
    except ValueError:
        return None
    return read if reader.is_done else None


class _Reader:
    """Takes tokens from left to right; each method reads one level of precedence. ValueError: not arithmetic."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def is_done(self) -> bool:
        return self._place == len(self._tokens)

    def sum(self) -> Sum:
        read = self._product()
        while sign := self._take("+", "-"):
            read = _combine(sign, read, self._product())
        return read

    def _product(self) -> Sum:
        read = self._signed()
        while sign := self._take("*", "/", "//", "of") or (self._take("%") if self._is_remainder() else ""):
            read = _combine(sign, read, self._signed())
        return read

    def _signed(self) -> Sum:
        if self._take("-"):
            text, value = self._signed()
            return f"-{text}", None if value is None else -value
        return self._power()

    def _power(self) -> Sum:
        text, value = self._operand()
        while not self._is_remainder() and self._take("%"):
            text, value = f"{text}%", None if value is None else value / 100
        return _combine("**", (text, value), self._signed()) if self._take("**") else (text, value)

    def _operand(self) -> Sum:
        if self._take("("):
            text, value = self.sum()
            self._close()
            return f"({text})", value
        if self.is_done or self._tokens[self._place].kind == "sign":
            raise ValueError
        token = self._tokens[self._place]
        self._place += 1
        if token.kind == "number":
            return token.text, Fraction(token.text) if len(token.text) < 20 and "e" not in token.text.lower() else None
        return (token.text, None) if token.text in _CONSTANTS else (f"{token.text}({self._arguments()})", None)

    def _arguments(self) -> str:
        if not self._take("("):
            raise ValueError
        texts = [self.sum()[0]]
        while self._take(","):
            texts.append(self.sum()[0])
        self._close()
        return ", ".join(texts)

    def _close(self) -> None:
        if not self._take(")"):
            raise ValueError

    def _take(self, *texts: str) -> str:
        if not self.is_done and self._tokens[self._place].text in texts:
            self._place += 1
            return self._tokens[self._place - 1].text
        return ""

    def _is_remainder(self) -> bool:
        """Whether the next sign is the remainder of "17 % 5", not the percent of "17%"."""
        following = self._tokens[self._place : self._place + 2]
        return (
            len(following) == 2
            and following[0].text == "%"
            and (following[1].kind != "sign" or following[1].text == "(")
        )


def _combine(sign: str, left: Sum, right: Sum) -> Sum:
    return f"{left[0]} {sign} {right[0]}", _calculate(sign, left[1], right[1])


def _calculate(sign: str, left: Fraction | None, right: Fraction | None) -> Fraction | None:
    if left is None or right is None or (not right and sign in ("/", "//", "%")):
        return None
    match sign:
        case "+":
            value = left + right
        case "-":
            value = left - right
        case "/":
            value = left / right
        case "//":
            value = Fraction(left // right)
        case "%":
            value = left % right
        case "**":
            if right.denominator != 1 or not 0 <= right <= 64 or abs(left) > _LARGEST:
                return None
            value = Fraction(left**right.numerator)
        case _:
            value = left * right
    return value if abs(value) < _LARGEST and value.denominator < _LARGEST else None
