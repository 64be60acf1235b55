"""Words: cut to their stems, grouped by what they are about. The stand-in's whole knowledge of English."""

import re
from collections.abc import Iterable
from functools import cache


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


STOP_WORDS = word_set(
    """
    a about all also an and any are as at be been but by can could did do does each for from get give given had
    has have hello help hey hi how i if in into is it its just kindly let like many may me much my need no not
    of off on one or our out please query returns return show so some tell than thanks that the their them then
    there these they this those to today tool up two us use used using value want was we were what when where which
    who whose why will with would yes you your example optional default string number integer function
    """
)
QUESTION_WORDS = word_set(
    """
    what what's whats how who who's when where which why is are was were does do did can could will would should
    whats's tell give
    """
)
VERBS = word_set(
    """
    add book buy calculate call cancel change check close compare compute convert count create delete divide
    double draft email fetch find get halve list look lookup make message mail move multiply notify open order
    pay play post print publish read refund remind remove report reserve run save schedule search send set show
    split start stop subtract sum summarise summarize switch dim mark complete roll put tell transfer translate turn
    update upload use write
    """
)
_ALIKE = """
weather forecast temperature outside warm hot cold cool rain rainy sunny snow wind windy umbrella degrees climate humid
calculate compute calculator arithmetic math maths evaluate calc plus minus times divided percent root squared
add sum plus total together addition
multiply times product multiplied
subtract minus less
divide divided quotient
date day days week weeks month months year years calendar weekday
difference between until till since
time clock now hour hours o'clock
population people inhabitants residents live citizens large big
search find look lookup seek locate
find lookup look get fetch retrieve read show
refund reimburse repay
convert conversion exchange change
price cost costs worth expensive cheap charge
email mail e-mail
send mail notify forward message text
send transfer pay
add put
todo task
event appointment meeting calendar schedule agenda
delete remove erase drop
create make new schedule add arrange
list show all
translate translation say
news headlines
distance far
stock share ticker
buy purchase order
flight fly plane
hotel room accommodation
restaurant eat dinner lunch
update modify edit change set
city town place
country nation
currency money
picture image photo draw
remind reminder
customer client
"""
_ENDINGS = ("ations", "ation", "ators", "ator", "ings", "ing", "ions", "ion", "ies", "ied", "ors", "or", "ers", "est",
            "er", "ed", "es", "ly", "s", "y", "e")  # fmt: skip


@cache
def stem(word: str) -> str:
    """Return a word without its ending, so that "cities", "city" and "calculation", "calculate" meet."""
    word = word.lower().removesuffix("'s").removesuffix("’s")
    if word.endswith("ss"):
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if ending.startswith("at"):
                word += "at"
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioulsd":
        word = word[:-1]
    return word


@cache
def _concepts() -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for number, line in enumerate(_ALIKE.strip().splitlines()):
        for word in line.split():
            found[stem(word)] = found.get(stem(word), frozenset()) | {number}
    return found


def is_alike(word: str, others: Iterable[str]) -> bool:
    """Whether a stem is about the same thing as one of others, such as that of "warm" and of "weather"."""
    concepts = _concepts()
    mine = concepts.get(word)
    return mine is not None and any(not mine.isdisjoint(concepts.get(other, ())) for other in others)


def is_common(word: str) -> bool:
    """Whether a word is everyday vocabulary, so that a capital at the start of a sentence says nothing."""
    lower = word.lower()
    return lower in STOP_WORDS | QUESTION_WORDS | VERBS or stem(lower) in _concepts()


@cache
def name_words(name: str) -> tuple[str, ...]:
    """Return the lower-case words of an identifier: `fromCurrency` and `from_currency` alike."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def stems(text: str) -> list[str]:
    """Return the stems of the meaningful words of a text, each once, in order."""
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.replace("_", " "))
    return list(dict.fromkeys(stem(word) for word in words if len(word) > 1 and word.lower() not in STOP_WORDS))
