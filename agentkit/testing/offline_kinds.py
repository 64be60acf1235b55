"""Which kinds of facts a parameter may take, judged by its type, its name and, at last, its description."""

import re

from agentkit.testing.offline_facts import Fact, zone_of
from agentkit.testing.offline_schema import Shape
from agentkit.testing.offline_values import fits
from agentkit.testing.offline_words import name_words, stem, word_set

# The first line that holds a word of the parameter's name decides, the last word of the name being asked first.
_STRINGS: list[tuple[str, tuple[str, ...]]] = [
    ("email mail", ("email",)),
    ("url uri link website webpage href", ("url",)),
    ("expression expr formula calculation equation arithmetic math", ("expression",)),
    ("currency currencies", ("currency",)),
    ("unit units", ("unit",)),
    ("sql", ("sql", "quoted")),
    ("ticker symbol", ("ticker", "quoted", "name")),
    ("zone timezone tz", ("zone", "town")),
    ("date day birthday deadline due when since until begin checkin checkout", ("date",)),
    ("time clock hour", ("time",)),
    ("start end", ("date", "time", "name")),
    ("recipient recipients attendee attendees cc bcc", ("email", "name", "quoted")),
    (
        "city town country place location destination origin capital region state address airport area station",
        ("name", "quoted", "phrase"),
    ),
    (
        "person customer author user username contact employee artist company team owner member player",
        ("name", "email", "quoted", "code", "phrase"),
    ),
    ("language lang", ("name", "phrase")),
    (
        "order invoice id ticket sku code number reference ref account isbn case booking",
        ("code", "number", "quoted", "email"),
    ),
    ("path file filename directory folder", ("path", "quoted", "phrase")),
    ("name label", ("quoted", "name", "subject")),
    ("message body content text note comment reason", ("quoted", "saying", "subject")),
    (
        "query q title topic question keyword term subject prompt search book song movie film product item task",
        ("quoted", "subject"),
    ),
]
_BY_STRING = [(frozenset(words.split()), kinds) for words, kinds in _STRINGS]
_ANY_STRING = ("quoted", "path", "code", "name", "email", "url", "phrase", "date")
_PERCENT = word_set("percent percentage pct rate tip discount vat tax interest brightness volume opacity humidity")
_MONEY = word_set("amount price cost total sum budget value money salary bill fee payment")
_STARTS = word_set(
    "from start since begin origin source first after departure checkin old a base left numerator dividend minuend"
)
_ENDS = word_set(
    "to end until till destination target last before due return checkout new b right into denominator divisor "
    "subtrahend exponent"
)
_MOST, _LEAST = word_set("max maximum most limit under"), word_set("min minimum least over")
_UP_TO, _FROM_ON = word_set("under below within most most maximum to"), word_set("over above least minimum from")
_COUNTS = word_set("count number quantity amount limit times n max results copies guests people passengers tickets")
_MARKS = {
    **dict.fromkeys(("title", "name", "label"), word_set("called titled named")),
    **dict.fromkeys(("artist", "author", "singer", "writer", "band", "director", "composer"), word_set("by")),
}
_OPPOSITES = {"on": "off", "enabled": "disabled", "enable": "disable", "open": "close", "opened": "closed",
              "locked": "unlock", "lock": "unlock", "muted": "unmute", "done": "undone"}  # fmt: skip
_SPECIFIC = frozenset({"email", "url", "expression", "currency", "unit", "sql", "zone", "date", "time"})
_UNITS = {
    "c": "celsius centigrade",
    "f": "fahrenheit",
    "k": "kelvin",
    "metric": "celsius kilometers",
    "imperial": "fahrenheit miles",
}
_EMPTY_WORDS = word_set("id ids number no nr code count num of name the value in is has with should include")


def kinds_for(name: str, shape: Shape) -> tuple[str, ...]:
    """Return the kinds of facts that a scalar parameter takes, the best first."""
    words = name_words(name)
    if shape.kind in ("integer", "number"):
        if set(words) & _PERCENT:
            return ("percent", "number")
        return ("money", "number", "code") if set(words) & _MONEY else ("number", "money", "code", "percent")
    if shape.format in ("date", "date-time", "time", "email", "uri"):
        return ({"date-time": "date", "uri": "url"}.get(shape.format, shape.format),)
    described = re.findall(r"[a-z]+", shape.description.lower())[:12]
    for word in [*reversed(words), *(described if shape.kind == "string" else ())]:
        for vocabulary, kinds in _BY_STRING:
            if word in vocabulary or word.removesuffix("s") in vocabulary:
                return kinds
    if words[-1:] in (("to",), ("from",)):
        return ("email", "name", "quoted", "currency", "unit", "code", "path", "phrase")
    return (*_ANY_STRING, "number", "money") if shape.kind == "any" else _ANY_STRING


def is_specific(kinds: tuple[str, ...]) -> bool:
    """Whether a fact of these kinds can hardly be meant for another parameter."""
    return kinds[0] in _SPECIFIC


def heads(name: str) -> set[str]:
    """Return the stems of the words that name the thing itself: "order" of `order_id`."""
    words = name_words(name)
    said = [word for word in words if word not in _EMPTY_WORDS | _STARTS | _ENDS]
    return {stem(word) for word in said or [word for word in words if word not in _EMPTY_WORDS] or words}


def may_mean(key: str, name: str) -> bool:
    """Whether a field of a result may be what a parameter asks for although the names differ: `total`, `amount`."""
    if set(name_words(key)) & _MONEY and set(name_words(name)) & _MONEY:
        return True
    return heads(key) < heads(name) or heads(key) > heads(name)


def is_marked(fact: Fact, name: str) -> bool:
    """Whether the word in front of a fact says that it is meant: "by Queen" for `artist`, "called Planning"."""
    return fact.before in _MARKS.get(name_words(name)[-1:][0] if name_words(name) else "", ())


def is_counted(fact: Fact, name: str, vocabulary: frozenset[str]) -> bool:
    """Whether a number counts what the function is about: "two dice" for `count` of `roll_dice`."""
    return fact.kind == "number" and fact.unit in vocabulary and bool(set(name_words(name)) & _COUNTS)


def is_meant(fact: Fact, name: str) -> bool:
    """Whether a number may go to an optional parameter: money to a price, "under 1000" to a maximum."""
    words = set(name_words(name))
    if (words & _MOST and fact.before in _FROM_ON) or (words & _LEAST and fact.before in _UP_TO):
        return False
    is_bound = (words & _MOST and fact.before in _UP_TO) or (words & _LEAST and fact.before in _FROM_ON)
    is_kind = (fact.kind == "money" and words & _MONEY) or (fact.kind == "percent" and words & _PERCENT)
    return bool(is_bound or is_kind)


def side(name: str) -> str:
    """Return "start" or "end" for one of a pair, such as `from_city` and `end`, else an empty string."""
    words = set(name_words(name))
    if words & _STARTS:
        return "start"
    return "end" if words & _ENDS else ""


def convert(fact: Fact, shape: Shape) -> object:
    """Return a fact as a value of this shape, or None if it cannot be one."""
    value: object = fact.value
    if shape.kind == "string" and not isinstance(value, str):
        value = f"{value:g}" if isinstance(value, float) else str(value)
    elif shape.kind in ("integer", "number") and isinstance(value, str):
        value = int(value) if re.fullmatch(r"-?\d{1,15}", value) else None
    if shape.format == "date-time" and fact.kind == "date":
        value = f"{value}T00:00:00Z"
    return value if value is not None and fits(value, shape) else None


def as_zone(fact: Fact) -> str | None:
    """Return the time zone of the town that a fact names."""
    return zone_of(str(fact.value))


def choose_enum(shape: Shape, text: str) -> object:
    """Return the choice that a text names, or None; a unit such as "C" is also named by its word."""
    for value in shape.enum:
        if not fits(value, shape) or isinstance(value, bool) or value is None:
            continue
        written = str(value).replace("_", " ")
        if re.search(rf"(?<![\w.]){re.escape(written)}(?![\w.]*\w)", text, 0 if len(written) < 3 else re.I):
            return value
        if any(re.search(rf"\b{word}\b", text, re.I) for word in _UNITS.get(written.lower(), "").split()):
            return value
    textual = [value for value in shape.enum if isinstance(value, str) and len(value) > 3 and fits(value, shape)]
    words = {stem(word) for word in re.findall(r"\w+", text)}
    return next((value for value in textual if stem(value) in words), None)


def choose_boolean(name: str, text: str) -> bool | None:
    """Return whether a text asks for what a boolean parameter is named after; None if it does not say."""
    wanted = heads(name)
    opposites = {_OPPOSITES[word] for word in name_words(name) if word in _OPPOSITES}
    if opposites & set(re.findall(r"\w+", text.lower())):
        return False
    for found in re.finditer(r"\w+", text):
        if stem(found[0]) in wanted:
            ahead = text[max(0, found.start() - 25) : found.start()]
            return not re.search(r"\b(?:not|no|never|without|don't|do not)\s+(?:\w+\s+)?$", ahead, re.I)
    return None
