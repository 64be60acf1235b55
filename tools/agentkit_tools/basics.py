"""Exact arithmetic, the clock and the calendar: what every assistant is asked and no model should guess."""

import calendar
import difflib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from agentkit import Tool, ToolError, tool
from agentkit_tools._arithmetic import evaluate


@tool(effects="read")
def calculate(expression: str) -> dict[str, str]:
    """Evaluate an arithmetic expression exactly.

    Knows + - * / // ** and parentheses, % as percent ("17% of 2,480", "2480 * 17%") and as remainder ("17 % 5"),
    sqrt, abs, round, min, max, factorial, pi and e.

    Args:
        expression: Numbers and signs only, for example "17% of 2,480" or "(3 + 4) * sqrt(2)".

    Returns:
        `result` as an integer, a decimal or a fraction; `approximately` as a decimal where `result` is a fraction,
        or alone where no exact form exists.
    """
    return evaluate(expression)


@tool(effects="read")
def current_time(zone: str = "UTC") -> dict[str, str]:
    """Tell the present date and time in a time zone.

    Args:
        zone: IANA name of the time zone, for example "Europe/Oslo".
    """
    try:
        now = datetime.now(UTC if zone == "UTC" else ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # what zoneinfo raises for unknown, malformed and half names
        raise ToolError(f"No time zone is named {zone!r}. {_similar_zones(zone)}") from None
    return {"time": now.isoformat(timespec="seconds"), "weekday": f"{now:%A}", "zone": zone}


@tool(effects="read")
def date_difference(start: date, end: date) -> dict[str, int | str]:
    """Count the days from one date to another, also as weeks and as years, months and days.

    Args:
        start: The day to count from.
        end: The day to count to; not counted itself. All values are negative if it lies before `start`.
    """
    first, last = min(start, end), max(start, end)
    sign = "minus " if end < start else ""
    days = (end - start).days
    weeks, rest = divmod(abs(days), 7)
    months = (last.year - first.year) * 12 + last.month - first.month
    if months and _move_months(first, months) > last:
        months -= 1
    left_over = (last - _move_months(first, months)).days
    years, months = divmod(months, 12)
    return {
        "days": days,
        "weeks": sign + _amounts([(weeks, "week"), (rest, "day")]),
        "calendar": sign + _amounts([(years, "year"), (months, "month"), (left_over, "day")]),
    }


@tool(effects="read")
def add_to_date(start: date, days: int = 0, weeks: int = 0, months: int = 0, years: int = 0) -> dict[str, str]:
    """Find the date that lies a time after (or, with negative numbers, before) a given date.

    Args:
        start: The day to count from.
        days: Days to add.
        weeks: Weeks to add.
        months: Months to add; the day is lowered where the month is too short (31 January + 1 month: 28 February).
        years: Years to add.
    """
    try:
        result = _move_months(start, 12 * years + months) + timedelta(days=days, weeks=weeks)
    except (OverflowError, ValueError):
        raise ToolError("The date lies outside the years 1 to 9999. Add or take away less.") from None
    return {"date": result.isoformat(), "weekday": f"{result:%A}"}


TOOLS: list[Tool[..., Any]] = [calculate, current_time, date_difference, add_to_date]


def _move_months(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"year {year}")
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def _amounts(amounts: Iterable[tuple[int, str]]) -> str:
    """Write `[(1, "week"), (5, "day")]` as "1 week and 5 days"; nothing at all is "0 days"."""
    told = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in amounts if count]
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]])) or "0 days"


def _similar_zones(zone: str) -> str:
    wanted = zone.strip().replace(" ", "_").casefold()
    known = {name.casefold(): name for name in sorted(available_timezones())}
    same_town = [name for folded, name in known.items() if folded.rpartition("/")[2] == wanted.rpartition("/")[2]]
    close = [known[folded] for folded in difflib.get_close_matches(wanted, known, n=3, cutoff=0.7)]
    if names := list(dict.fromkeys(same_town + close)):
        return f"Similar names: {', '.join(names[:5])}."
    return 'Use an IANA name such as "Europe/Oslo", or "UTC".'
