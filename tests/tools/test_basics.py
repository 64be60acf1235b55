"""The default tools: exact numbers, honest refusals, and the calendar."""

import math
import re
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import ToolError
from agentkit_tools.basics import TOOLS, add_to_date, calculate, current_time, date_difference

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        pytest.param("17% of 2,480", "421.6", id="percent-of"),
        pytest.param("2480 * 17%", "421.6", id="percent-as-a-factor"),
        pytest.param("17 % 5", "2", id="remainder-between-numbers"),
        pytest.param("-7 % 3", "2", id="remainder-as-in-python"),
        pytest.param("5% - 3", "-2.95", id="percent-before-a-sign"),
        pytest.param("10% of 50% of 200", "10", id="percent-of-percent"),
        pytest.param("1,234,567 + 1", "1234568", id="thousands-separators"),
        pytest.param("max(1,200)", "200", id="a-comma-in-arguments-separates"),
        pytest.param("max((1,200), 3)", "1200", id="thousands-in-inner-parentheses"),
        pytest.param("0.1 + 0.2", "0.3", id="decimals-are-exact"),
        pytest.param("-2 ** 2", "-4", id="power-before-minus"),
        pytest.param("2 ** -2", "0.25", id="negative-exponent"),
        pytest.param("2 ** 3 ** 2", "512", id="power-from-the-right"),
        pytest.param("(3 + 4) × 12 ÷ 2", "42", id="printed-signs"),
        pytest.param("17 // 5", "3", id="floor-division"),
        pytest.param("sqrt(2.25)", "1.5", id="rational-root-is-exact"),
        pytest.param("round(2.5)", "3", id="halves-go-up"),
        pytest.param("round(-2.345, 2)", "-2.35", id="halves-go-away-from-zero"),
        pytest.param("factorial(20)", "2432902008176640000", id="factorial"),
        pytest.param("abs(-3) + min(4, 5)", "7", id="functions"),
        pytest.param("1.5e3", "1500", id="scientific-notation"),
    ],
)
def test_arithmetic_has_an_exact_result(expression: str, result: str) -> None:
    assert calculate(expression) == {"result": result}


def test_a_fraction_without_a_decimal_form_comes_with_an_approximation() -> None:
    assert calculate("2 / 3") == {"result": "2/3", "approximately": "0.666666666666667"}


@pytest.mark.parametrize("expression", ["sqrt(2)", "pi * 2", "e", "2 ** 0.3", "10 ** 900 ** 0.3"])
def test_an_irrational_value_is_only_approximate(expression: str) -> None:
    assert list(calculate(expression)) == ["approximately"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        pytest.param("1 / 0", "divides by zero", id="division"),
        pytest.param("5 % (2 - 2)", "divides by zero", id="remainder"),
        pytest.param("0 ** -1", "no negative power", id="zero-to-a-negative-power"),
        pytest.param("9**9**9", "more than 1000 digits", id="tower"),
        pytest.param("1e999999999", "more than 1000 digits", id="exponent"),
        pytest.param("factorial(1000)", "from 0 to 450", id="factorial"),
        pytest.param("sqrt(-1)", "no real square root", id="root-of-a-negative"),
        pytest.param("(-8) ** 0.3", "no real power", id="fractional-power-of-a-negative"),
        pytest.param("(" * 100 + "1" + ")" * 100, "nested deeper", id="depth"),
        pytest.param("-" * 100 + "1", "nested deeper", id="signs"),
        pytest.param("1+" * 400 + "1", "at most 500", id="length"),
        pytest.param("", "a number should stand", id="nothing"),
        pytest.param("2 3", "a sign such as", id="two-numbers"),
        pytest.param("(1 + 2", "closing parenthesis", id="open-parenthesis"),
        pytest.param("__import__('os')", "not arithmetic", id="python"),
        pytest.param("eval(1)", "Known names: sqrt", id="unknown-function"),
        pytest.param("sqrt(1, 2)", "takes one argument", id="too-many-arguments"),
        pytest.param("sqrt 2", "sqrt(2)", id="no-parentheses"),
        pytest.param("round(1, 1e9)", "number of places", id="silly-places"),
    ],
)
def test_a_refusal_says_what_would_work(expression: str, says: str) -> None:
    with pytest.raises(ToolError, match=re.escape(says)):
        calculate(expression)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction]:
    """Draw an expression together with its value by Python's own fractions."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.decimals(0, 10**6, places=draw(st.integers(0, 4))))
        return f"{number:,}", Fraction(number)
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    sign = draw(st.sampled_from(["+", "-", "*", "/", "//"]))
    if sign in ("/", "//") and not right[1]:
        sign = "+"
    values = {
        "+": lambda: left[1] + right[1],
        "-": lambda: left[1] - right[1],
        "*": lambda: left[1] * right[1],
        "/": lambda: left[1] / right[1],
        "//": lambda: Fraction(left[1] // right[1]),
    }
    return f"({left[0]} {sign} {right[0]})", values[sign]()


@given(expressions())
def test_results_agree_with_pythons_fractions(drawn: tuple[str, Fraction]) -> None:
    expression, value = drawn

    assert Fraction(calculate(expression)["result"]) == value


@given(st.text("0123456789.,+-*/%^()e sqrtminofpa", max_size=60))
def test_any_text_is_calculated_or_refused(expression: str) -> None:
    try:
        told = calculate(expression)
    except ToolError:
        return
    assert told
    assert set(told) <= {"result", "approximately"}


@given(st.integers(0, 10**9))
def test_roots_are_as_close_as_they_look(number: int) -> None:
    told = calculate(f"sqrt({number})")

    assert math.isclose(float(Fraction(next(iter(told.values())))), math.sqrt(number), rel_tol=1e-13)


def test_the_time_is_told_in_the_zone_asked_for() -> None:
    told = current_time("Asia/Kolkata")

    assert datetime.fromisoformat(told["time"]).utcoffset() == timedelta(hours=5, minutes=30)


def test_the_time_is_utc_when_no_zone_is_named() -> None:
    assert current_time()["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("Oslo", "Europe/Oslo"),
        ("new york", "America/New_York"),
        ("Eurpe/Oslo", "Europe/Oslo"),
        ("../etc", "IANA"),
        ("", "IANA"),
    ],
)
def test_an_unknown_zone_is_answered_with_similar_ones(zone: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        current_time(zone)


@pytest.mark.parametrize(
    ("start", "end", "difference"),
    [
        pytest.param(
            "2026-11-22",
            "2027-01-01",
            {"days": 40, "weeks": "5 weeks and 5 days", "calendar": "1 month and 10 days"},
            id="over-new-year",
        ),
        pytest.param(
            "2027-01-01",
            "2026-11-22",
            {"days": -40, "weeks": "minus 5 weeks and 5 days", "calendar": "minus 1 month and 10 days"},
            id="backwards",
        ),
        pytest.param("2026-01-01", "2026-01-01", {"days": 0, "weeks": "0 days", "calendar": "0 days"}, id="same-day"),
        pytest.param(
            "2024-02-29",
            "2026-03-01",
            {"days": 731, "weeks": "104 weeks and 3 days", "calendar": "2 years and 1 day"},
            id="from-a-leap-day",
        ),
    ],
)
def test_the_difference_of_two_dates(start: str, end: str, difference: dict[str, object]) -> None:
    assert date_difference(date.fromisoformat(start), date.fromisoformat(end)) == difference


@given(DAYS, DAYS)
def test_adding_the_days_between_leads_to_the_end(start: date, end: date) -> None:
    days = date_difference(start, end)["days"]

    assert isinstance(days, int)
    assert add_to_date(start, days=days)["date"] == end.isoformat()


def test_a_month_is_added_to_the_last_day_of_a_long_one() -> None:
    assert add_to_date(date(2026, 1, 31), months=1) == {"date": "2026-02-28", "weekday": "Saturday"}


@pytest.mark.parametrize("years", [9000, -3000, 10**12])
def test_dates_outside_the_calendar_are_refused(years: int) -> None:
    with pytest.raises(ToolError, match="1 to 9999"):
        add_to_date(date(2026, 1, 1), years=years)


def test_every_tool_is_documented_for_the_model() -> None:
    assert all(tool.__doc__ for tool in TOOLS)
