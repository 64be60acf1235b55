"""What a sentence gives: dates, numbers, money, names, quotations and the like, with their places in the text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import available_timezones

from agentkit.testing.offline_arithmetic import read_arithmetic
from agentkit.testing.offline_words import STOP_WORDS, is_common, stem, word_set


@dataclass(frozen=True)
class Fact:
    """One thing that a text gives. `before` is the nearest word in front of it, `label` and `unit` stems beside it."""

    kind: str
    value: str | int | float
    start: int = 0
    end: int = 0
    before: str = ""
    label: str = ""
    unit: str = ""


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATES = [
    r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:\b|(?=T\d))",
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?\s+(?P<year>\d{{4}})\b",
    rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})\b",
    r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b",
    r"\b(?P<day>1[3-9]|2\d|3[01])/(?P<month>\d{1,2})/(?P<year>\d{4})\b",  # with a slash only where it is not ambiguous
    r"\b(?P<month>\d{1,2})/(?P<day>1[3-9]|2\d|3[01])/(?P<year>\d{4})\b",
    r"\b(?P<month>\d{1,2})/(?P<day>(?P=month))/(?P<year>\d{4})\b",
]
_AFTER_TIME = r"(?:\.\d+)?(?P<zone>Z\b|[+-]\d{2}:\d{2}\b)?(?:\s?(?P<half>[ap])\.?m\b\.?)?"
_CLOCK_OF_DATE = rf"[T ,]+(?:at\s+)?(?P<time>\d{{1,2}}:\d{{2}}(?::\d{{2}})?){_AFTER_TIME}"
_CLOCK = rf"\b(?P<time>(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)\b{_AFTER_TIME}"
_NO_YEAR = [
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?=\W|$)",
    rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)",
]
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LIKE_A_DATE = re.compile(r"\b(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}([/.])\d{1,2}\1\d{2,4}|\d{1,2}-\d{1,2}-\d{4})\b")
_FEASTS = [(r"christmas(?: day)?", 12, 25), (r"new year(?:['’]s)?(?: day)?", 1, 1)]
_TODAY = re.compile(r"\b(?:today|current date|the date)(?: is|:|'s)\s*(?:\w+day,?\s+)?", re.I)
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_CODES = (
    "USD|EUR|GBP|JPY|CHF|NOK|SEK|DKK|PLN|CZK|HUF|CAD|AUD|NZD|CNY|INR|BRL|MXN|ZAR|KRW|SGD|HKD|TRY|ILS|AED|THB|BTC|ETH"
)
_CURRENCIES = {
    "dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR", "pound": "GBP", "pounds": "GBP", "yen": "JPY",
    "yuan": "CNY", "rupees": "INR", "francs": "CHF", "bitcoin": "BTC",
}  # fmt: skip
_COUNTRIES = word_set(
    """
    argentina australia austria belgium brazil bulgaria canada chile china colombia croatia czechia denmark
    egypt england estonia finland france germany greece hungary iceland india indonesia ireland israel italy
    japan kenya latvia lithuania luxembourg malaysia mexico morocco netherlands nigeria norway peru poland
    portugal romania russia scotland serbia singapore slovakia slovenia spain sweden switzerland thailand turkey
    uk ukraine usa vietnam wales
    """
)
_WORD_NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12,
}  # fmt: skip
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_MINUS = r"(?P<minus>(?<![\w.])-)?"
_SCALE = "thousand|million|billion|k"
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "k": 1000}
_UNITS = (
    r"miles?|kilomet(?:er|re)s?|km|met(?:er|re)s?|centimet(?:er|re)s?|cm|millimet(?:er|re)s?|mm|feet|foot|ft|inch(?:es)?"
    r"|yards?|kilograms?|kilos?|kg|grams?|pounds?|lbs?|ounces?|oz|stones?|lit(?:er|re)s?|gallons?|pints?|cups?|ml"
    r"|(?:degrees\s+)?(?:celsius|fahrenheit)|kelvin|mph|km/h|knots?|hours?|minutes?|seconds?|bytes|[kmgt]b"
)
_SQL = r"\b(?:SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+TABLE)\s[^\0]+?(?=[;.?!]?\s*$)"
_LISTED = re.compile(
    r"\s*(?:,|,?\s*(?:and|or|&|vs\.?|versus|(?:\w+er\s+)?than)\b)\s*"
    r"(?:(?:in|of|for|to|at|from|with|order|the|#|\$|€|£)\s*)*",
    re.I,
)
_EARLIER = re.compile(r"\s+(?:day|week|month|year|hour|minute)s?\s+(?:before|earlier|ago)\b", re.I)
_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’.-]*\w|[^\W\d_a-zß-öø-ÿ]"
_NAME = re.compile(
    rf"(?<![\w@/.])(?:{_CAPITAL})(?:\s+(?:(?:de|da|do|del|la|van|von|der|of)\s+)?(?:{_CAPITAL}))*(?![\w@])"
)
_LABEL_FILLERS = r"(?:(?:number|no|nr|id|is|of|to|by|for|equals|the|a|an)\b|[.:=#$€£])"
_FACT_NOUN = r"([^\W\d_][\w'-]*)"


class _Reader:
    """Takes facts out of a text; what was taken is blanked, so that "2026-11-22" is a date and not three numbers."""

    def __init__(self, text: str, today: date | None) -> None:
        self.text = text
        self.rest = text
        self.today = today
        self.facts: list[Fact] = []

    def take(self, kind: str, start: int, end: int, value: str | float, *, blank: bool = True) -> None:
        before = re.search(r"([^\W\d_]+)\W*(?:the\s+)?$", self.text[max(0, start - 30) : start])
        ahead = self.text[max(0, start - 60) : start]
        label = re.search(rf"{_FACT_NOUN}\s*(?:{_LABEL_FILLERS}\s*)*$", ahead, re.I)
        unit = re.match(rf"\s*-?{_FACT_NOUN}", self.text[end:])
        self.facts.append(
            Fact(
                kind, value, start, end,
                before=before[1].lower() if before else "",
                label=stem(label[1]) if label else "",
                unit=stem(unit[1]) if unit else "",
            )
        )  # fmt: skip
        if blank:
            self.rest = self.rest[:start] + "\0" * (end - start) + self.rest[end:]

    def take_all(self, kind: str, pattern: str, flags: int = 0) -> None:
        """Take every match; its value is the first group that took part, else the whole."""
        for found in re.finditer(pattern, self.rest, flags):
            self.take(kind, *found.span(), next((group for group in found.groups() if group is not None), found[0]))


def read_facts(text: str, *, background: str = "") -> list[Fact]:
    """Return the facts of a text in the order in which they stand; `background` may say what day it is."""
    reader = _Reader(text, _read_today(f"{text}\n{background}"))
    reader.take_all("quoted", r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|(?<!\w)'([^']+)'(?!\w)|`([^`]+)`")
    reader.take_all("sql", _SQL)
    reader.take_all("url", r"\bhttps?://[^\s<>\"')\]\0]*[^\s<>\"')\].,;:!?\0]")
    reader.take_all("email", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
    reader.take_all(
        "path",
        r"(?<![\w/.])(?![ap]\.m\b)(?:~?\.{0,2}/)?(?:[\w-]+/)*[\w-]+\.(?:[a-z]\w{0,4})(?![\w/])|(?<![\w)\s])~?/(?=[^\s\d])[\w./-]*\w|(?<!\S)~?/(?=[^\s\d])[\w./-]*\w",
    )
    _take_dates(reader)
    for found in re.finditer(rf"(?<![^\W\d_])(?:{_UNITS})\b", reader.rest, re.I):
        reader.take("unit", *found.span(), found[0], blank=False)
    _take_arithmetic(reader)
    _take_money(reader)
    reader.take_all("zone", r"\b(?:[A-Z]\w+/[A-Z]\w+(?:/[A-Z]\w+)?|UTC|GMT)\b")
    _take_codes(reader)
    _take_numbers(reader)
    _take_names(reader)
    for found in re.finditer(r"\b[A-Z]{2,5}\b", text):
        reader.take("ticker", *found.span(), found[0], blank=False)
    return sorted(reader.facts, key=lambda fact: fact.start)


def group_facts(facts: Iterable[Fact], text: str) -> list[list[Fact]]:
    """Return facts of one kind that are listed together, as in "Oslo, Rome and in Paris"; single facts stand alone."""
    groups: list[list[Fact]] = []
    for fact in facts:
        last = groups[-1][-1] if groups else None
        between = text[last.end : fact.start] if last else ""
        if last and last.kind == fact.kind and last.end <= fact.start and _LISTED.fullmatch(between):
            groups[-1].append(fact)
        else:
            groups.append([fact])
    return groups


def _read_today(text: str) -> date | None:
    if told := _TODAY.search(text):
        for pattern in _DATES:
            if found := re.match(pattern, text[told.end() :], re.I):
                return _make_date(found)
    return None


def _make_date(found: re.Match[str]) -> date | None:
    month = found["month"].lower().rstrip(".")
    number = int(month) if month.isdigit() else 1 + next(i for i, name in enumerate(_MONTHS) if name == month[:3])
    try:
        return date(int(found["year"]), number, int(found["day"]))
    except ValueError:
        return None


def _make_time(found: re.Match[str]) -> str:
    """Return "09:30", "21:30:00" for "9:30:00 pm", or "09:30:00+02:00"; what is in UTC has no offset."""
    hours, _, rest = found["time"].partition(":")
    if half := found["half"]:
        hours = str(int(hours) % 12 + (12 if half in "pP" else 0))
    offset = found["zone"] if found["zone"] and found["zone"] not in "zZ" else ""
    seconds = ":00" if offset and ":" not in rest else ""
    return f"{hours:0>2}:{rest}{seconds}{offset}"


def _take_dates(reader: _Reader) -> None:
    for pattern in _DATES:
        for found in re.finditer(pattern, reader.rest, re.I):
            if day := _make_date(found):
                clock = re.match(_CLOCK_OF_DATE, reader.rest[found.end() :], re.I)
                reader.take("date", *found.span(), day.isoformat())
                if clock:
                    start, end = found.end() + clock.start("time"), found.end() + clock.end()
                    reader.take("time", start, end, _make_time(clock))
    _take_unread_dates(reader)
    _take_days_ahead(reader)
    for word, offset in (("today", 0), ("tomorrow", 1), ("yesterday", -1)):
        for found in re.finditer(rf"\b{word}\b(?!\s+is|'s|:)", reader.rest, re.I):
            if reader.today:
                reader.take("date", *found.span(), (reader.today + timedelta(days=offset)).isoformat())
    _take_feasts(reader)
    for found in re.finditer(_CLOCK, reader.rest, re.I):
        reader.take("time", *found.span(), _make_time(found))
    for found in re.finditer(r"\b(1[0-2]|[1-9])\s*([ap])\.?m\b\.?", reader.rest, re.I):
        reader.take("time", *found.span(), f"{int(found[1]) % 12 + (12 if found[2] in 'pP' else 0):02}:00")


def _take_days_ahead(reader: _Reader) -> None:
    """Take the next 1 December, the next Friday and "in 3 days"; without today's date they are not taken."""
    if (today := reader.today) is None:
        return
    for pattern in _NO_YEAR:
        for found in re.finditer(pattern, reader.rest, re.I):
            month = 1 + _MONTHS.index(found["month"].lower()[:3])
            years = (year for year in range(today.year, today.year + 9) if _is_day(year, month, int(found["day"])))
            days = (date(year, month, int(found["day"])) for year in years)
            if day := next((day for day in days if day >= today), None):
                reader.take("date", *found.span(), day.isoformat())
    for found in re.finditer(rf"\b(?:(?:next|this|coming)\s+)?({'|'.join(_WEEKDAYS)})\b", reader.rest, re.I):
        ahead = (_WEEKDAYS.index(found[1].lower()) - today.weekday() - 1) % 7 + 1
        reader.take("date", *found.span(), (today + timedelta(days=ahead)).isoformat())
    for found in re.finditer(r"\bin\s+(\d{1,4}|a|two|three)\s+(day|week)s?\b", reader.rest, re.I):
        count = {"a": 1, "two": 2, "three": 3}.get(found[1].lower()) or int(found[1])
        ahead = count * (7 if found[2].lower() == "week" else 1)
        reader.take("date", *found.span(), (today + timedelta(days=ahead)).isoformat())


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _take_feasts(reader: _Reader) -> None:
    """Take the next Christmas and the like, and today where only the other end of a time is told: "until Friday"."""
    if reader.today is None:
        return
    for pattern, month, number in _FEASTS:
        for found in re.finditer(rf"\b{pattern}\b(?! eve)", reader.rest, re.I):
            day = date(reader.today.year, month, number)
            day = day if day >= reader.today else day.replace(year=day.year + 1)
            reader.take("date", *found.span(), day.isoformat())
    told = [fact for fact in reader.facts if fact.kind == "date"]
    since = re.search(r"\bsince\b", reader.text, re.I)
    if len(told) == 1 and told[0].before in ("until", "till", "since"):
        reader.facts.append(Fact("date", reader.today.isoformat(), before="until" if since else "from"))


def _take_unread_dates(reader: _Reader) -> None:
    """Take what looks like a date and is none, or one of two: it must not be read as a sum or as three numbers."""
    for found in _LIKE_A_DATE.finditer(reader.rest):
        is_iso = re.fullmatch(r"\d{4}-\d{2}-\d{2}", found[0])
        why = (
            f"{found[0]} is no date." if is_iso else f"I cannot tell which day {found[0]} is: write it like 2026-11-22."
        )
        reader.take("unread date", *found.span(), why)


def _take_arithmetic(reader: _Reader) -> None:
    arithmetic = read_arithmetic(re.sub(r"[$€£¥₹](?=\d)", " ", reader.rest))
    for expression in arithmetic.expressions:
        reader.take("expression", 0, 0, expression)
    if arithmetic.is_unread:
        shown = " ".join(reader.text.split())[:200].rstrip(".?! ")
        reader.take("unread sum", 0, 0, f'I could not read all of the arithmetic in "{shown}".')


def _take_money(reader: _Reader) -> None:
    words = "|".join(_CURRENCIES)
    patterns = [
        rf"{_MINUS}(?P<sign>[$€£¥₹])\s?(?P<amount>{_NUMBER})(?:\s*(?P<scale>{_SCALE})\b)?",
        rf"{_MINUS}\b(?P<amount>{_NUMBER})\s?(?P<scale>{_SCALE})?\s?(?P<sign>{_CODES}|[€£]|\b(?:{words})\b)",
        rf"\b(?P<sign>{_CODES})\s?(?P<minus>-)?(?P<amount>{_NUMBER})(?P<scale>)\b",
    ]
    for pattern in patterns:
        for found in re.finditer(pattern, reader.rest):
            sign = found["sign"]
            amount = _scaled(found["amount"], found["scale"])
            reader.take("money", *found.span(), -amount if found["minus"] else amount)
            reader.take("currency", *found.span("sign"), _SIGNS.get(sign) or _CURRENCIES.get(sign, sign))
    for found in re.finditer(rf"\b(?:{_CODES})\b|\b(?i:{words})\b", reader.rest):
        reader.take("currency", *found.span(), _CURRENCIES.get(found[0].lower(), found[0]))


def _take_codes(reader: _Reader) -> None:
    """Take what is a name although it has digits: #7, INV-22, A12, 4711-b."""
    reader.take_all("code", r"#\s?([A-Za-z]*-?\d[\w-]*)")
    reader.take_all("code", r"\b[A-Za-z]+[-_]?\d[\w-]*\b")
    reader.take_all("code", r"\b\d+(?:[-_][A-Za-z]\w*|[A-Za-jl-z]\w*(?<!\dst)(?<!\dnd)(?<!\drd)(?<!\dth))\b(?!%)")


def _take_numbers(reader: _Reader) -> None:
    for found in re.finditer(rf"(?<![\w.])(-?{_NUMBER})\s?(?:%|percent\b|per cent\b)", reader.rest):
        reader.take("percent", *found.span(), _scaled(found[1], None))
    pattern = rf"(?<![\w.])(-?{_NUMBER})(?:\s?(hundred|thousand|million|billion|k)\b)?(?:(?<=\d)(?:st|nd|rd|th)\b)?"
    for found in re.finditer(pattern, reader.rest):
        earlier = _EARLIER.match(reader.rest, found.end())
        reader.take("number", *found.span(), -_scaled(found[1], found[2]) if earlier else _scaled(found[1], found[2]))
    for found in re.finditer(rf"\b(?<!the )(?:{'|'.join(_WORD_NUMBERS)})\b", reader.rest, re.I):
        reader.take("number", *found.span(), _WORD_NUMBERS[found[0].lower()])


def _scaled(amount: str, scale: str | None) -> int | float:
    text = amount.replace(",", "")
    number = float(text) if "." in text else int(text[:300])
    number = number * _SCALES[scale.lower()] if scale else number
    return int(number) if number == number // 1 and abs(number) < 1e15 else number


def _take_names(reader: _Reader) -> None:
    """Take capitalised words, without the common word that a sentence happens to begin with."""
    spans: list[tuple[int, int]] = []
    for found in _NAME.finditer(reader.rest):
        start, end = found.span()
        end -= len(found[0]) - len(found[0].rstrip(".'’-"))
        opens = not reader.rest[:start].strip() or bool(re.search(r"[.?!:;\n]\s*$", reader.rest[:start]))
        while opens and start < end and is_common(word := re.split(r"\s", reader.rest[start:end])[0].rstrip(".,'’")):
            after = re.compile(r"\s+(?:(?:of|the|de|la)\s+)*").match(reader.rest, start + len(word))
            start = after.end() if after else end
        if start < end and reader.rest[start:end].lower()[:3] not in _MONTHS and reader.rest[start:end] != "I":
            spans.append((start, end))
    for index, (start, end) in enumerate(spans):
        follower = spans[index + 1] if index + 1 < len(spans) else None
        if follower and reader.text[end : follower[0]] == ", ":  # "Oslo, Norway" is one place, "Oslo, Rome" are two
            country = reader.text[slice(*follower)].lower()
            if country in _COUNTRIES and reader.text[start:end].lower() not in _COUNTRIES:
                spans[index + 1] = (start, follower[1])
                continue
        owns = re.match(r"\s+([^\W\d_]+)", reader.rest[end:])  # "Oslo's population", but "at Luigi's for two"
        name = reader.text[start:end]
        whose = name.removesuffix("'s").removesuffix("’s")
        reader.take("name", start, end, whose if owns and owns[1].lower() not in STOP_WORDS else name)


@cache
def _zones_by_town() -> dict[str, str]:
    return {zone.rpartition("/")[2].replace("_", " ").casefold(): zone for zone in sorted(available_timezones())}


def zone_of(place: str) -> str | None:
    """Return the IANA time zone that is named after a place, such as "Europe/Oslo" for "Oslo"."""
    return _zones_by_town().get(place.partition(",")[0].strip().casefold())
