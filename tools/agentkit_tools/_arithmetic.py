"""Exact arithmetic on text: tokens, then a parser that computes as it reads. Nothing reaches Python's own `eval`."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from agentkit import ToolError

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_DIGITS = 1000

_DIGITS_OF_ROOTS = 50  # irrational values are kept this precise, far beyond the digits shown
_SHOWN_DIGITS = 15
_LONGEST_DECIMAL = 40  # a terminating decimal with more places is shown as a fraction

_TOKEN = re.compile(
    r"(?P<number>(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]+)"
    r"|(?P<sign>\*\*|//|[-+*/%^(),])"
    r"|(?P<space>\s+)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?")
_OTHER_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "∕": "/"})


def evaluate(expression: str) -> dict[str, str]:
    """Return the value of `expression` as text, in the shape that `basics.calculate` documents.

    Raises:
        ToolError: If it is not arithmetic, divides by zero, or is too long, too deep or too large. The sentence says
            what would work.
    """
    if len(expression) > MAX_LENGTH:
        raise ToolError(
            f"The expression has {len(expression)} characters, at most {MAX_LENGTH} are read. Calculate it in steps."
        )
    return _show(_Parser(_read_tokens(expression), expression).whole())


@dataclass(frozen=True)
class _Value:
    """A number, and whether it is the exact result; an inexact one is a fraction close to it."""

    number: Fraction
    exact: bool = True


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


_END = _Token("end", "the end")


def _read_tokens(expression: str) -> list[_Token]:
    text = expression.translate(_OTHER_SIGNS)
    tokens: list[_Token] = []
    parentheses: list[bool] = []  # True for the argument list of a function: a comma there separates arguments
    place = 0
    while place < len(text):
        if not (parentheses and parentheses[-1]) and (thousands := _THOUSANDS.match(text, place)):
            tokens.append(_Token("number", thousands[0].replace(",", "")))
            place = thousands.end()
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise ToolError(
                f"{text[place]!r} in {expression!r} is not arithmetic. Use numbers, + - * / // % **, parentheses "
                f"and the functions {', '.join(_FUNCTIONS)}."
            )
        place = match.end()
        token = _Token(match.lastgroup or "", match[0])
        if token.text == "(":
            parentheses.append(bool(tokens) and tokens[-1].kind == "name" and tokens[-1].text.lower() != "of")
        elif token.text == ")" and parentheses:
            parentheses.pop()
        if token.kind != "space":
            tokens.append(token)
    return tokens


class _Parser:
    """Reads tokens from left to right; each method takes one level of precedence and returns its value."""

    def __init__(self, tokens: list[_Token], expression: str) -> None:
        self._tokens = tokens
        self._expression = expression
        self._place = 0
        self._depth = 0

    def whole(self) -> _Value:
        value = self._sum()
        if self._next is not _END:
            raise self._unexpected()
        return value

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _END

    def _take(self, *texts: str) -> str | None:
        if self._next.kind != "number" and (text := self._next.text.lower()) in texts:
            self._place += 1
            return text
        return None

    def _unexpected(self) -> ToolError:
        wanted = (
            "a sign such as + or *" if self._place and self._tokens[self._place - 1].kind == "number" else "a number"
        )
        return ToolError(
            f"Found {self._next.text!r} in {self._expression!r} where {wanted} should stand. "
            'Write it like "17% of 2480" or "(3 + 4) * 12".'
        )

    def _sum(self) -> _Value:
        value = self._product()
        while sign := self._take("+", "-"):
            value = self._combine(sign, value, self._product())
        return value

    def _product(self) -> _Value:
        value = self._signed()
        while True:
            if sign := self._take("*", "/", "//", "of"):
                value = self._combine(sign, value, self._signed())
            elif self._percent_is_remainder():
                self._place += 1
                value = self._combine("%", value, self._signed())
            else:
                return value

    def _percent_is_remainder(self) -> bool:
        """Whether the next sign is the remainder of "17 % 5", not the percent of "17%", "17% of 5" or "17% + 5"."""
        if self._next.text != "%":
            return False
        after = self._tokens[self._place + 1] if self._place + 1 < len(self._tokens) else _END
        return after.kind == "number" or after.text == "(" or (after.kind == "name" and after.text.lower() != "of")

    def _signed(self) -> _Value:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ToolError(f"The expression is nested deeper than {MAX_DEPTH} levels. Calculate it in steps.")
        sign = self._take("-", "+")
        value = self._signed() if sign else self._power()
        self._depth -= 1
        return _Value(-value.number, value.exact) if sign == "-" else value

    def _power(self) -> _Value:
        value = self._operand()
        while self._next.text == "%" and not self._percent_is_remainder():
            self._place += 1
            value = _Value(value.number / 100, value.exact)
        if self._take("**", "^"):
            return self._combine("**", value, self._signed())
        return value

    def _operand(self) -> _Value:
        token = self._next
        if token.kind == "number":
            self._place += 1
            return _read_number(token.text)
        if self._take("("):
            value = self._sum()
            self._close()
            return value
        if token.kind == "name" and token.text.lower() in _CONSTANTS:
            self._place += 1
            return _CONSTANTS[token.text.lower()]
        if token.kind == "name" and token.text.lower() in _FUNCTIONS:
            return self._call(token.text.lower())
        if token.kind == "name":
            known = ", ".join([*_FUNCTIONS, *_CONSTANTS])
            raise ToolError(f"{token.text!r} in {self._expression!r} is not known here. Known names: {known}.")
        raise self._unexpected()

    def _call(self, name: str) -> _Value:
        self._place += 1
        if not self._take("("):
            raise ToolError(f"{name} needs its argument in parentheses: {name}(2).")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._close()
        fewest, most, function = _FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            takes = "one argument" if most == 1 else f"at least {fewest} and at most {most} arguments"
            raise ToolError(f"{name} takes {takes}, got {len(arguments)} in {self._expression!r}.")
        return _bounded(function(arguments))

    def _close(self) -> None:
        if not self._take(")"):
            raise ToolError(f"A closing parenthesis is missing in {self._expression!r} before {self._next.text!r}.")

    def _combine(self, sign: str, left: _Value, right: _Value) -> _Value:
        if sign in ("/", "//", "%") and not right.number:
            raise ToolError(f"{self._expression!r} divides by zero. Change the divisor.")
        if sign == "**":
            return _bounded(_raise(left, right))
        return _bounded(_Value(_SIGNS[sign](left.number, right.number), left.exact and right.exact))


def _divide_down(left: Fraction, right: Fraction) -> Fraction:
    return Fraction(left // right)


_SIGNS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": Fraction.__add__,
    "-": Fraction.__sub__,
    "*": Fraction.__mul__,
    "of": Fraction.__mul__,
    "/": Fraction.__truediv__,
    "//": _divide_down,
    "%": Fraction.__mod__,
}


def _read_number(text: str) -> _Value:
    exponent = re.search(r"[eE]([+-]?\d+)$", text)
    if exponent and (len(exponent[1]) > 5 or abs(int(exponent[1])) > MAX_DIGITS):
        raise _too_large()
    return _bounded(_Value(Fraction(text.replace("_", ""))))


def _too_large() -> ToolError:
    return ToolError(f"A number here has more than {MAX_DIGITS} digits. Ask for something smaller.")


def _digits(number: Fraction) -> float:
    """Return about how many decimal digits the larger of numerator and denominator has, without writing it out."""
    return max(abs(number.numerator).bit_length(), number.denominator.bit_length()) * math.log10(2)


def _bounded(value: _Value) -> _Value:
    if _digits(value.number) > MAX_DIGITS + 1:
        raise _too_large()
    return value


def _raise(base: _Value, exponent: _Value) -> _Value:
    if not base.number and exponent.number < 0:
        raise ToolError("Zero has no negative power: that would divide by zero.")
    if exponent.number.denominator == 1:
        if base.number not in (0, 1, -1) and _digits(base.number) * abs(exponent.number) > 2 * MAX_DIGITS:
            raise _too_large()
        return _Value(Fraction(base.number**exponent.number.numerator), base.exact and exponent.exact)
    if exponent.number == Fraction(1, 2):
        return _root([base])
    if base.number < 0:
        raise ToolError("A negative number has no real power with a fractional exponent. Use a whole exponent.")
    if _digits(base.number) * abs(exponent.number) > 2 * MAX_DIGITS:
        raise _too_large()
    with localcontext(prec=_DIGITS_OF_ROOTS):
        return _Value(Fraction(_decimal(base.number) ** _decimal(exponent.number)), exact=base.number in (0, 1))


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def _root(arguments: list[_Value]) -> _Value:
    [value] = arguments
    number = value.number
    if number < 0:
        raise ToolError("A negative number has no real square root. Use a number from 0 up.")
    above, below = math.isqrt(number.numerator), math.isqrt(number.denominator)
    if above * above == number.numerator and below * below == number.denominator:
        return _Value(Fraction(above, below), value.exact)
    with localcontext(prec=_DIGITS_OF_ROOTS):
        return _Value(Fraction(_decimal(number).sqrt()), exact=False)


def _round(arguments: list[_Value]) -> _Value:
    """Round to whole numbers or to a number of places; halves away from zero, as people are taught."""
    places = arguments[1].number if len(arguments) == 2 else Fraction(0)
    if places.denominator != 1 or abs(places) > 100:
        raise ToolError("round takes a whole number of places from -100 to 100, for example round(2.345, 2).")
    unit = Fraction(10) ** -places.numerator
    number = arguments[0].number
    nearest = math.floor(abs(number) / unit + Fraction(1, 2)) * unit
    return _Value(-nearest if number < 0 else nearest)


def _factorial(arguments: list[_Value]) -> _Value:
    [value] = arguments
    if value.number.denominator != 1 or not 0 <= value.number <= 450:
        raise ToolError("factorial takes a whole number from 0 to 450.")
    return _Value(Fraction(math.factorial(value.number.numerator)))


def _absolute(arguments: list[_Value]) -> _Value:
    [value] = arguments
    return _Value(abs(value.number), value.exact)


def _smallest(arguments: list[_Value]) -> _Value:
    return min(arguments, key=lambda value: value.number)


def _largest(arguments: list[_Value]) -> _Value:
    return max(arguments, key=lambda value: value.number)


# name: fewest arguments, most arguments, what it does
_FUNCTIONS: dict[str, tuple[int, int, Callable[[list[_Value]], _Value]]] = {
    "sqrt": (1, 1, _root),
    "abs": (1, 1, _absolute),
    "round": (1, 2, _round),
    "min": (1, 100, _smallest),
    "max": (1, 100, _largest),
    "factorial": (1, 1, _factorial),
}
_CONSTANTS = {
    "pi": _Value(Fraction("3.14159265358979323846264338327950288419716939937510"), exact=False),
    "e": _Value(Fraction("2.71828182845904523536028747135266249775724709369995"), exact=False),
}


def _show(value: _Value) -> dict[str, str]:
    number = value.number
    if not value.exact:
        return {"approximately": _approximate(number)}
    if number.denominator == 1:
        return {"result": str(number.numerator)}
    if (places := _decimal_places(number.denominator)) is not None:
        whole, rest = divmod(abs(number.numerator) * 10**places // number.denominator, 10**places)
        return {"result": f"{'-' if number < 0 else ''}{whole}.{rest:0{places}d}"}
    return {"result": f"{number.numerator}/{number.denominator}", "approximately": _approximate(number)}


def _decimal_places(denominator: int) -> int | None:
    """Return how many decimal places a fraction with this denominator needs; None if no short decimal is exact."""
    for places in range(_LONGEST_DECIMAL + 1):
        if 10**places % denominator == 0:
            return places
    return None


def _approximate(number: Fraction) -> str:
    with localcontext(prec=_SHOWN_DIGITS):
        rounded = (+_decimal(number)).normalize()
    return f"{rounded:f}" if -6 <= rounded.adjusted() < 20 else f"{rounded:e}"
