"""The offline stand-in: from a prompt and declarations to calls, from responses to an answer, never an invention."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit import ToolError
from agentkit.testing.offline import answer
from agentkit_tools import basics

Json = dict[str, Any]
DATE = {"type": "string", "format": "date"}


def declare(function: str, description: str = "", /, *, optional: Sequence[str] = (), **parameters: Any) -> Json:
    """Declare a function; a parameter is a type name or a schema."""
    properties = {name: {"type": one} if isinstance(one, str) else one for name, one in parameters.items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return {"name": function, "description": description, "parametersJsonSchema": schema}


CALCULATE = declare("calculate", "Evaluate an arithmetic expression exactly.", expression="string")
DIFFERENCE = declare("date_difference", "Count the days from one date to another.", start=DATE, end=DATE)
NOW = declare("current_time", "Tell the present date and time in a time zone.", optional=["zone"], zone="string")
ADD_TO_DATE = declare(
    "add_to_date", "Find the date a time after a given date.", optional=["days"], start=DATE, days="integer"
)
BASICS = [CALCULATE, NOW, DIFFERENCE, ADD_TO_DATE]
UNITS = {"type": "string", "enum": ["C", "F"]}
WEATHER = declare("weather", "Current weather of a town.", optional=["units"], city="string", units=UNITS)
POPULATION = declare("population", "How many people live in a city.", city="string")
REFUND = declare("refund", "Refund an order.", order="string", amount="number")
BOOKS = declare("search_books", "Find books by title.", title="string")
CONVERT = declare("convert", "Convert money.", amount="number", from_currency="string", to_currency="string")
MAIL = declare("send_email", "Send an email.", to="string", body="string")
GET_ORDER = declare("get_order", "Look up an order.", order_id="string")
CAPITAL = declare("capital", "Capital of a country.", country="string")
SHOP = [WEATHER, POPULATION, REFUND, BOOKS, CONVERT, MAIL, GET_ORDER, CAPITAL]


def ask(prompt: str, functions: Sequence[Json], **more: Any) -> list[Json]:
    request = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
    return answer({**request, "tools": [{"functionDeclarations": list(functions)}]} if functions else request)


def calls_in(parts: Sequence[Json]) -> list[tuple[str, Json]]:
    return [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part]


class Talk:
    """A conversation with the stand-in: answers its calls until it speaks."""

    def __init__(self, functions: Sequence[Json], respond: Callable[[str, Json], Json], **more: Any) -> None:
        self.functions, self.respond, self.more = list(functions), respond, more
        self.contents: list[Json] = []
        self.rounds: list[list[tuple[str, Json]]] = []

    def say(self, prompt: str, *, turns: int = 8) -> str:
        self.contents.append({"role": "user", "parts": [{"text": prompt}]})
        for _ in range(turns):
            tools = [{"functionDeclarations": self.functions}]
            parts = answer({"contents": self.contents, "tools": tools, **self.more})
            self.contents.append({"role": "model", "parts": parts})
            calls = calls_in(parts)
            if not calls:
                return parts[0]["text"]
            self.rounds.append(calls)
            responses = [{"functionResponse": {"name": n, "response": self.respond(n, a)}} for n, a in calls]
            self.contents.append({"role": "user", "parts": responses})
        raise AssertionError(f"no answer within {turns} turns: {self.rounds}")


def run_basics(name: str, args: Json) -> Json:
    typed = {key: date.fromisoformat(value) if key in ("start", "end") else value for key, value in args.items()}
    try:
        return dict(getattr(basics, name)(**typed))
    except ToolError as refusal:
        return {"error": str(refusal)}


def run_shop(name: str, args: Json) -> Json:
    people = {"Oslo": 709037, "Rome": 2748109}
    match name:
        case "weather":
            return {"temperature": {"Oslo": 4, "Rome": 15}[args["city"]], "condition": "rain"}
        case "population":
            known = args["city"] in people
            return {"output": people[args["city"]]} if known else {"error": "No such city. Ask for a city that exists."}
        case "get_order":
            return {"id": 7, "status": "paid", "total": 20.5}
        case "capital":
            return {"output": "Oslo"}
        case "add":
            return {"output": args["a"] + args["b"]}
        case _:
            return {"output": "done"}


@pytest.mark.parametrize(
    ("prompt", "functions", "calls"),
    [
        pytest.param(
            "What is 17% of 2,480, and how many days is it from 2026-11-22 to 2027-01-01?",
            BASICS,
            [
                ("calculate", {"expression": "17% of 2480"}),
                ("date_difference", {"start": "2026-11-22", "end": "2027-01-01"}),
            ],
            id="two-questions-are-two-parallel-calls",
        ),
        pytest.param("(4+5)/3", BASICS, [("calculate", {"expression": "(4 + 5) / 3"})], id="division-of-a-parenthesis"),
        pytest.param("factorial(5)/4", BASICS, [("calculate", {"expression": "factorial(5) / 4"})], id="of-a-function"),
        pytest.param("1e3 * 2.5e-2", BASICS, [("calculate", {"expression": "1e3 * 2.5e-2"})], id="scientific"),
        pytest.param(
            "square root of 2 to the power 10",
            BASICS,
            [("calculate", {"expression": "sqrt(2) ** 10"})],
            id="two-phrases",
        ),
        pytest.param("10 mod 3", BASICS, [("calculate", {"expression": "10 % 3"})], id="remainder"),
        pytest.param("pi * 2", BASICS, [("calculate", {"expression": "pi * 2"})], id="a-constant"),
        pytest.param("10 / twice 5", BASICS, [("calculate", {"expression": "10 / (2 * 5)"})], id="phrase-as-operand"),
        pytest.param(
            "what is twelve times eleven?", BASICS, [("calculate", {"expression": "12 * 11"})], id="numbers-in-words"
        ),
        pytest.param(
            "50 is what percent of 200?", BASICS, [("calculate", {"expression": "50 / 200 * 100"})], id="what-percent"
        ),
        pytest.param(
            "Split 250 euros between 4 people", BASICS, [("calculate", {"expression": "250 / 4"})], id="split"
        ),
        pytest.param(
            "what time is it in oslo?", BASICS, [("current_time", {"zone": "Europe/Oslo"})], id="zone-in-lower-case"
        ),
        pytest.param(
            "how many days from 11/22/2026 to 01/01/2027",
            BASICS,
            [("date_difference", {"start": "2026-11-22", "end": "2027-01-01"})],
            id="slashes-that-can-mean-one-day-only",
        ),
        pytest.param(
            "Add 21 days to 2027-03-01",
            BASICS,
            [("add_to_date", {"start": "2027-03-01", "days": 21})],
            id="what-is-added-to-is-the-start",
        ),
        pytest.param("12 times 7?", BASICS, [("calculate", {"expression": "12 * 7"})], id="times"),
        pytest.param("the square root of 2", BASICS, [("calculate", {"expression": "sqrt(2)"})], id="root"),
        pytest.param("What is (3 + 4) * 12?", BASICS, [("calculate", {"expression": "(3 + 4) * 12"})], id="signs"),
        pytest.param(
            "What's 12.5% of $80?", BASICS, [("calculate", {"expression": "12.5% of 80"})], id="money-percent"
        ),
        pytest.param(
            "average of 3, 4 and 5", BASICS, [("calculate", {"expression": "(3 + 4 + 5) / 3"})], id="average-of-a-list"
        ),
        pytest.param(
            "What time is it in Oslo?", BASICS, [("current_time", {"zone": "Europe/Oslo"})], id="zone-of-a-town"
        ),
        pytest.param(
            "17% of 2480 and 12% of 900",
            BASICS,
            [("calculate", {"expression": "17% of 2480"}), ("calculate", {"expression": "12% of 900"})],
            id="two-expressions-are-two-calls",
        ),
        pytest.param("15% tip on $82.40", BASICS, [("calculate", {"expression": "15% of 82.40"})], id="tip"),
        pytest.param("20% off 50", BASICS, [("calculate", {"expression": "50 - 20% of 50"})], id="rebate"),
        pytest.param("What day is it today?", BASICS, [("current_time", {})], id="the-clock-knows-the-day"),
        pytest.param(
            "What date is 14 days before 2026-11-22?",
            BASICS,
            [("add_to_date", {"start": "2026-11-22", "days": -14})],
            id="before-is-negative",
        ),
        pytest.param(
            "Is Oslo colder than Rome?",
            SHOP,
            [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})],
            id="than-lists-two-things",
        ),
        pytest.param("What time is it?", BASICS, [("current_time", {})], id="optional-stays-out"),
        pytest.param(
            "Which date is 90 days after 22 November 2026?",
            BASICS,
            [("add_to_date", {"start": "2026-11-22", "days": 90})],
            id="date-in-words-and-a-number-with-its-unit",
        ),
        pytest.param(
            "Today is 2026-11-22. How many days until Jan 1, 2027?",
            BASICS,
            [("date_difference", {"start": "2026-11-22", "end": "2027-01-01"})],
            id="today-given-by-the-prompt",
        ),
        pytest.param(
            "Is it warmer in Oslo or in Rome?",
            SHOP,
            [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})],
            id="alternatives-are-parallel-calls",
        ),
        pytest.param(
            "Weather in Oslo, Norway and Rome, Italy in Fahrenheit",
            SHOP,
            [("weather", {"city": "Oslo, Norway", "units": "F"}), ("weather", {"city": "Rome, Italy", "units": "F"})],
            id="countries-belong-to-their-towns",
        ),
        pytest.param("what's the weather in oslo?", SHOP, [("weather", {"city": "oslo"})], id="lower-case-town"),
        pytest.param("How many people live in New York?", SHOP, [("population", {"city": "New York"})], id="synonyms"),
        pytest.param(
            "Compare the weather and the population of Oslo",
            SHOP,
            [("weather", {"city": "Oslo"}), ("population", {"city": "Oslo"})],
            id="two-functions-named-in-one-sentence",
        ),
        pytest.param("Refund order 7 for $20", SHOP, [("refund", {"order": "7", "amount": 20})], id="labelled-id"),
        pytest.param("refund #A-17 with 15.50 euros", SHOP, [("refund", {"order": "A-17", "amount": 15.5})], id="code"),
        pytest.param('Find the book "Dune"', SHOP, [("search_books", {"title": "Dune"})], id="quotation"),
        pytest.param("search books about cats", SHOP, [("search_books", {"title": "cats"})], id="subject"),
        pytest.param(
            "Convert 100 USD to EUR",
            SHOP,
            [("convert", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})],
            id="currencies-by-position",
        ),
        pytest.param(
            "How much is €50 in dollars?",
            SHOP,
            [("convert", {"amount": 50, "from_currency": "EUR", "to_currency": "USD"})],
            id="currencies-by-sign-and-word",
        ),
        pytest.param(
            "Send an email to ada@example.com saying hello there",
            SHOP,
            [("send_email", {"to": "ada@example.com", "body": "hello there"})],
            id="address-and-message",
        ),
        pytest.param(
            "How far is it to Rome from Oslo?",
            [declare("distance", "Distance between places.", origin="string", destination="string")],
            [("distance", {"origin": "Oslo", "destination": "Rome"})],
            id="prepositions-decide-the-side",
        ),
        pytest.param(
            "Weather in Oslo, Rome and Paris",
            [declare("weather", cities={"type": "array", "items": {"type": "string"}})],
            [("weather", {"cities": ["Oslo", "Rome", "Paris"]})],
            id="a-list-parameter-takes-the-list",
        ),
        pytest.param(
            "Book a table for 4 at Luigi on 2026-12-24 at 7 pm",
            [declare("book_table", "Book a table.", restaurant="string", guests="integer", date=DATE, time="string")],
            [("book_table", {"restaurant": "Luigi", "guests": 4, "date": "2026-12-24", "time": "19:00"})],
            id="kinds-find-their-parameters",
        ),
        pytest.param(
            "Turn on the lights in the kitchen",
            [declare("set_lights", room="string", state={"type": "string", "enum": ["on", "off"]})],
            [("set_lights", {"room": "kitchen", "state": "on"})],
            id="choice-and-plain-noun",
        ),
        pytest.param(
            "Delete the report for 2026-01-02 but don't notify anybody",
            [declare("delete_report", optional=["notify"], day=DATE, notify="boolean")],
            [("delete_report", {"day": "2026-01-02", "notify": False})],
            id="negated-boolean",
        ),
        pytest.param(
            "Delete the files a.txt and b.txt",
            [declare("delete_file", path="string")],
            [("delete_file", {"path": "a.txt"}), ("delete_file", {"path": "b.txt"})],
            id="paths",
        ),
        pytest.param(
            "what is 100/2",
            [declare("divide", denominator="number", numerator="number")],
            [("divide", {"denominator": 2, "numerator": 100})],
            id="numerator-first-whatever-the-order",
        ),
        pytest.param(
            "Weather for Oslo please",
            [
                {
                    "name": "getWeather",
                    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
                }
            ],
            [("getWeather", {"city": "Oslo"})],
            id="the-older-dialect",
        ),
        pytest.param(
            "Ship order 7 to Oslo, Norway",
            [
                declare(
                    "ship",
                    order="integer",
                    address={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
                )
            ],
            [("ship", {"order": 7, "address": {"city": "Oslo, Norway"}})],
            id="an-object-inside",
        ),
    ],
)
def test_a_prompt_becomes_calls(prompt: str, functions: list[Json], calls: list[tuple[str, Json]]) -> None:
    assert calls_in(ask(prompt, functions)) == calls


@pytest.mark.parametrize(
    ("prompt", "functions", "says"),
    [
        pytest.param("What is the weather?", SHOP, "city", id="no-town"),
        pytest.param("Refund order A-17", SHOP, "amount (number)", id="no-amount"),
        pytest.param("How many days until 2027-01-01?", [DIFFERENCE], "start", id="one-of-two-dates"),
        pytest.param("How many days from 1/2/2026 to 2026-12-01?", [DIFFERENCE], "start", id="an-ambiguous-date"),
        pytest.param("How many days from today to 2027-01-01?", [DIFFERENCE], "start", id="today-unknown"),
    ],
)
def test_what_is_missing_is_asked_for_and_never_invented(prompt: str, functions: list[Json], says: str) -> None:
    [part] = ask(prompt, functions)

    assert "I still need" in part["text"]
    assert says in part["text"]


@pytest.mark.parametrize(
    ("prompt", "functions", "says"),
    [
        pytest.param("12 - 30 - 2026-11-22", BASICS, "could not read all", id="a-date-among-numbers"),
        pytest.param("a third of 9 + 3", BASICS, "could not read all", id="a-word-left-over"),
        pytest.param("What is 2+2 and 3 apples?", BASICS, "could not read all", id="a-number-left-over"),
        pytest.param("sin(30) * 2", BASICS, "could not read all", id="an-unknown-function"),
        pytest.param("2*x + 3*4", BASICS, "could not read all", id="an-unknown"),
        pytest.param("minus five plus 3", BASICS, "could not read all", id="a-sign-left-over"),
        pytest.param("12 choose 5", BASICS, "None of the declared functions fits", id="an-unknown-operation"),
        pytest.param("What time is it in Atlantis?", BASICS, '"Atlantis"', id="an-unknown-place"),
        pytest.param("what time is it in atlantis?", BASICS, '"atlantis"', id="an-unknown-place-in-lower-case"),
        pytest.param("15:00 in Berlin is what time in Tokyo?", BASICS, '"15:00"', id="a-given-time"),
        pytest.param("12 o'clock", BASICS, '"12"', id="an-hour"),
        pytest.param("Is 2028 a leap year?", BASICS, "None of the declared functions fits", id="a-year"),
        pytest.param("how many days from 11/12/2026 to 01/02/2027", BASICS, "like 2026-11-22", id="ambiguous-dates"),
        pytest.param("days between 2026-02-30 and 2026-03-01", BASICS, "2026-02-30 is no date", id="no-date"),
        pytest.param("Weather in Oslo tomorrow", SHOP, '"tomorrow"', id="another-day"),
        pytest.param("Weather in Oslo on 2026-12-24", SHOP, '"2026-12-24"', id="a-day-that-has-no-place"),
        pytest.param("Which of the two is larger?", SHOP, "city", id="two-that-nobody-named"),
        pytest.param("Which of the cities is biggest?", SHOP, "city", id="cities-that-nobody-named"),
    ],
)
def test_what_is_not_understood_is_said_and_nothing_is_called(prompt: str, functions: list[Json], says: str) -> None:
    [part] = ask(prompt, functions)

    assert says in part.get("text", "")


@pytest.mark.parametrize(
    ("prompt", "functions"),
    [("Hello!", SHOP), ("Who wrote Dune?", BASICS), ("thanks", []), ("What is 2 + 2?", []), ("", SHOP)],
    ids=["greeting", "nothing-fits", "thanks", "no-functions", "no-prompt"],
)
def test_it_says_who_is_speaking_and_how_to_get_a_model(prompt: str, functions: list[Json]) -> None:
    [part] = ask(prompt, functions)

    assert "offline stand-in" in part["text"]
    assert "COMETAPI_KEY or GEMINI_API_KEY" in part["text"]


def test_it_says_what_the_declared_functions_allow() -> None:
    [part] = ask("Who wrote Dune?", [WEATHER])

    assert "weather(city, units?)" in part["text"]


@pytest.mark.parametrize(
    ("prompt", "functions", "respond", "rounds", "text"),
    [
        pytest.param(
            "What is 17% of 2,480, and how many days is it from 2026-11-22 to 2027-01-01?",
            BASICS,
            run_basics,
            1,
            "17% of 2,480 is 421.6. From 2026-11-22 to 2027-01-01 it is 40 days.",
            id="sum-and-dates",
        ),
        pytest.param(
            "How many weeks are there between 2026-11-22 and 2027-01-01?",
            BASICS,
            run_basics,
            1,
            "From 2026-11-22 to 2027-01-01 it is 5 weeks and 5 days.",
            id="the-field-asked-for",
        ),
        pytest.param(
            "What is 17% of 2480? Then add 10 to it.",
            BASICS,
            run_basics,
            2,
            "17% of 2,480 is 421.6. 421.6 + 10 is 431.6.",
            id="it-is-the-result",
        ),
        pytest.param("What is 2/3?", BASICS, run_basics, 1, "2 / 3 is 2/3, about 0.666666666666667.", id="fraction"),
        pytest.param(
            "What is 100 divided by 0?",
            BASICS,
            run_basics,
            1,
            "I could not calculate 100 / 0: '100 / 0' divides by zero. Change the divisor.",
            id="an-error-is-told-and-not-tried-again",
        ),
        pytest.param(
            "Is it warmer in Oslo or in Rome?",
            SHOP,
            run_shop,
            1,
            "Weather in Oslo: temperature 4, condition rain. Weather in Rome: temperature 15, condition rain. "
            "Rome is the warmer one.",
            id="comparison",
        ),
        pytest.param(
            "What is the weather in Oslo and Rome, and what is the population of the warmer one?",
            SHOP,
            run_shop,
            2,
            "Weather in Oslo: temperature 4, condition rain. Weather in Rome: temperature 15, condition rain. "
            "Population of Rome: 2,748,109.",
            id="the-winner-is-an-argument",
        ),
        pytest.param(
            "Find the population of Oslo and of Rome, then add them.",
            SHOP,
            run_shop,
            1,
            "Population of Oslo: 709,037. Population of Rome: 2,748,109. Together that is 3,457,146.",
            id="a-sum-without-a-function-for-it",
        ),
        pytest.param(
            "Find the population of Oslo and of Rome, then add them.",
            [*SHOP, declare("add", "Add two numbers.", a="number", b="number")],
            run_shop,
            2,
            "Population of Oslo: 709,037. Population of Rome: 2,748,109. Add (a 709,037, b 2,748,109): 3,457,146.",
            id="results-are-arguments",
        ),
        pytest.param(
            "Find the capital of Norway and its population",
            SHOP,
            run_shop,
            2,
            "Capital of Norway: Oslo. Population of Oslo: 709,037.",
            id="its-is-the-result",
        ),
        pytest.param(
            "Look up order 7 and refund it",
            SHOP,
            run_shop,
            2,
            "Order (7): id 7, status paid, total 20.5. Refund (order 7, amount 20.5): done.",
            id="fields-of-a-result-by-name",
        ),
        pytest.param(
            "Population of Atlantis, then email ada@example.com the result",
            SHOP,
            run_shop,
            1,
            "Population of Atlantis failed: No such city. Ask for a city that exists. "
            'So I did not go on with "email ada@example.com the result".',
            id="nothing-follows-from-an-error",
        ),
        pytest.param(
            "Which of Oslo and Atlantis is larger?",
            SHOP,
            run_shop,
            1,
            "Population of Oslo: 709,037. Population of Atlantis failed: No such city. Ask for a city that exists. "
            "So I cannot compare them.",
            id="no-winner-where-one-is-unknown",
        ),
        pytest.param(
            "Which of Atlantis and Utopia is larger?",
            SHOP,
            run_shop,
            1,
            "Population of Atlantis failed: No such city. Ask for a city that exists. "
            "Population of Utopia failed: No such city. Ask for a city that exists. So I cannot compare them.",
            id="no-winner-where-all-are-unknown",
        ),
        pytest.param(
            "How many days until Christmas?",
            BASICS,
            lambda name, args: (
                {"time": "2026-11-22T19:41:29+00:00"} if name == "current_time" else run_basics(name, args)
            ),
            2,
            "It is 2026-11-22 19:41:29. From 2026-11-22 to 2026-12-25 it is 33 days.",
            id="the-clock-is-asked-first",
        ),
        pytest.param(
            "What time is it in Tokyo?",
            BASICS,
            lambda _name, args: {"time": "2026-11-23T04:30:12+09:00", "weekday": "Monday", "zone": args["zone"]},
            1,
            "In Asia/Tokyo it is Monday, 2026-11-23 04:30:12.",
            id="a-time-is-readable",
        ),
        pytest.param(
            "Which weekday is 2027-03-01?",
            BASICS,
            run_basics,
            1,
            "Add to date (2027-03-01): Monday, 2027-03-01.",
            id="a-date-that-was-given-is-still-an-answer",
        ),
        pytest.param(
            "How many weeks between 2026-11-22 and 2027-11-21?",
            BASICS,
            run_basics,
            1,
            "From 2026-11-22 to 2027-11-21 it is 52 weeks.",
            id="the-unit-is-said-once",
        ),
        pytest.param(
            "What is 2 + 2, and who wrote Dune?",
            BASICS,
            run_basics,
            1,
            '2 + 2 is 4. I could not do this part: "who wrote Dune". '
            "For real answers set COMETAPI_KEY or GEMINI_API_KEY.",
            id="the-part-that-no-function-serves",
        ),
    ],
)
def test_responses_become_an_answer(
    prompt: str, functions: list[Json], respond: Callable[[str, Json], Json], rounds: int, text: str
) -> None:
    talk = Talk(functions, respond)

    assert talk.say(prompt) == text
    assert len(talk.rounds) == rounds


def test_a_follow_up_asks_the_same_for_something_else() -> None:
    talk = Talk(SHOP, run_shop)
    talk.say("What is the weather in Oslo?")

    talk.say("And in Rome?")

    assert talk.rounds[-1] == [("weather", {"city": "Rome"})]


def test_the_missing_piece_may_come_in_the_next_message() -> None:
    talk = Talk(SHOP, run_shop)
    talk.say("Refund order 7")

    talk.say("20 euros")

    assert talk.rounds == [[("refund", {"order": "7", "amount": 20})]]


def test_the_last_result_is_known_in_the_next_message() -> None:
    talk = Talk(BASICS, run_basics)
    talk.say("What is 17% of 2480?")

    assert talk.say("Double that") == "2 * 421.6 is 843.2."


@pytest.mark.parametrize(
    ("response", "text"),
    [
        pytest.param({"output": 1234567}, "Population of Oslo: 1,234,567.", id="number"),
        pytest.param({"output": "about a million."}, "Population of Oslo: about a million.", id="sentence"),
        pytest.param({"result": True}, "Population of Oslo: yes.", id="boolean"),
        pytest.param({"output": None}, "Population of Oslo: done.", id="null"),
        pytest.param({}, "Population of Oslo: done.", id="empty"),
        pytest.param({"output": []}, "Population of Oslo: nothing found.", id="empty-list"),
        pytest.param({"output": [1, 2, 3000]}, "Population of Oslo: 1, 2, 3,000.", id="list"),
        pytest.param({"people": 5, "year": 2026}, "Population of Oslo: 5 people.", id="the-field-asked-for"),
        pytest.param({"count": 5, "year": 2026}, "Population of Oslo: count 5, year 2026.", id="years-have-no-commas"),
        pytest.param({"error": {"code": 3}}, "Population of Oslo failed: code 3.", id="error-object"),
    ],
)
def test_any_response_is_told(response: Json, text: str) -> None:
    assert Talk([POPULATION], lambda _name, _args: response).say("How many people live in Oslo?") == text


def mode(name: str, *allowed: str) -> Json:
    config: Json = {"mode": name}
    return {"functionCallingConfig": {**config, "allowedFunctionNames": list(allowed)} if allowed else config}


def test_mode_none_forbids_calls() -> None:
    assert calls_in(ask("Weather in Oslo", SHOP, toolConfig=mode("NONE"))) == []


def test_mode_none_tells_what_is_known_and_what_is_not_finished() -> None:
    talk = Talk(SHOP, run_shop)
    talk.say("Weather in Oslo, then the population of Oslo")
    asked_again = {"contents": talk.contents[:3], "tools": [{"functionDeclarations": SHOP}], "toolConfig": mode("NONE")}

    assert answer(asked_again) == [
        {
            "text": "Weather in Oslo: temperature 4, condition rain. "
            'I may call no more functions, so this is not finished: "the population of Oslo".'
        }
    ]


def test_mode_any_forces_a_call_with_what_there_is() -> None:
    [(name, args)] = calls_in(ask("Tell me a joke", [REFUND], toolConfig=mode("ANY")))

    assert (name, args) == ("refund", {"order": "Tell me a joke", "amount": 0})


def test_mode_any_forces_a_call_of_an_allowed_function() -> None:
    [(name, _)] = calls_in(ask("Weather in Oslo", SHOP, toolConfig=mode("ANY", "refund", "population")))

    assert name == "population"


def test_without_tools_the_answer_is_made_from_what_is_known() -> None:
    talk = Talk([WEATHER], run_shop)
    talk.say("Weather in Oslo")
    asked_again = {"contents": [*talk.contents[:3], {"role": "user", "parts": [{"text": "Answer now, please."}]}]}

    assert answer(asked_again) == [{"text": "Weather in Oslo: temperature 4, condition rain."}]


TRIP = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "day": DATE,
        "people": {"type": "integer"},
        "budget": {"type": "number"},
        "summary": {"type": "string"},
        "pets": {"type": "boolean"},
    },
    "required": ["city", "day", "people", "budget", "summary"],
}


def structured(schema: Json, key: str = "responseJsonSchema", mime_type: str = "application/json") -> Json:
    return {"responseMimeType": mime_type, key: schema}


def test_a_structured_answer_is_filled_from_the_prompt() -> None:
    prompt = "Plan a trip to Oslo on 2026-12-24 for 3 people with a budget of 500 euros"

    [part] = ask(prompt, [], generationConfig=structured(TRIP))

    trip = json.loads(part["text"])
    assert isinstance(trip.pop("summary"), str)
    assert trip == {"city": "Oslo", "day": "2026-12-24", "people": 3, "budget": 500}


def test_a_structured_answer_is_filled_from_the_results() -> None:
    city = {"type": "object", "properties": {"city": {"type": "string"}, "temperature_c": {"type": "number"}}}
    report = {
        "type": "object",
        "properties": {"cities": {"type": "array", "items": city}, "warmest": {"type": "string"}},
        "required": ["cities", "warmest"],
    }
    talk = Talk([WEATHER], run_shop, generationConfig=structured(report))

    assert json.loads(talk.say("Is it warmer in Oslo or in Rome?")) == {
        "cities": [{"city": "Oslo", "temperature_c": 4}, {"city": "Rome", "temperature_c": 15}],
        "warmest": "Rome",
    }


LABEL = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "color": {"type": "string"}, "tags": {"type": "array"}, "day": DATE},
    "required": ["title", "color", "tags", "day"],
}


@pytest.mark.parametrize(
    ("prompt", "schema", "value"),
    [
        pytest.param(
            "Write a haiku about the sea",
            LABEL,
            {"title": "", "color": "", "tags": [], "day": "1970-01-01"},
            id="nothing-is-invented",
        ),
        pytest.param("Born 5 May 2020", DATE, "2020-05-05", id="a-date-of-the-prompt"),
        pytest.param("hi", DATE, "1970-01-01", id="a-valid-date-in-any-case"),
        pytest.param("2+2", {"type": "integer"}, 4, id="simple-arithmetic"),
        pytest.param("1/4", {"type": "number"}, 0.25, id="a-fraction"),
        pytest.param("2+2 and 3 x", {"type": "integer"}, 0, id="arithmetic-not-understood"),
        pytest.param("hi", {"type": "string", "maxLength": 12}, "I am", id="cut-at-a-word"),
    ],
)
def test_a_structured_answer_is_neutral_where_the_prompt_says_nothing(prompt: str, schema: Json, value: object) -> None:
    [part] = ask(prompt, [], generationConfig=structured(schema))

    assert json.loads(part["text"]) == value


def test_a_choice_is_answered_as_a_bare_word() -> None:
    config = structured({"type": "STRING", "enum": ["cat", "dog"]}, "responseSchema", "text/x.enum")

    assert ask("Is Rex a dog?", [], generationConfig=config) == [{"text": "dog"}]


def test_a_function_named_like_a_final_answer_takes_the_answer() -> None:
    final = declare("final_answer", "Give the final answer.", city="string", temperature="number", summary="string")
    talk = Talk([WEATHER, final], run_shop)

    talk.say("What is the weather in Rome?")

    summary = "Weather in Rome: temperature 15, condition rain."
    assert talk.rounds == [
        [("weather", {"city": "Rome"})],
        [("final_answer", {"city": "Rome", "temperature": 15, "summary": summary})],
    ]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"contents": None, "tools": None},
        {"contents": {"role": "user", "parts": {"text": "12 * 3"}}, "tools": {"functionDeclarations": CALCULATE}},
        {"contents": ["?", {"parts": [{"inlineData": {}}]}], "tools": ["?", {"googleSearch": {}}]},
        {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "x", "response": {}}}]}]},
        {"tools": [{"functionDeclarations": [{"name": "x", "parameters": {"$ref": "#"}}, {"name": 5}]}]},
    ],
    ids=["empty", "nulls", "objects-for-lists", "strange-parts", "response-without-call", "cyclic-schema"],
)
def test_malformed_requests_are_answered(request_: Json) -> None:
    assert answer(request_)


# Whatever is asked and declared: the calls are legal and the conversation ends.

TOWNS = ["Oslo", "Rome", "order 7", "$20", "17% of 2480", "2026-11-22", "ada@example.com", '"Dune"', "Paris and Rome"]
WORDS = [
    "find",
    "the",
    "weather",
    "in",
    "and",
    "then",
    "add them",
    "its population",
    "of",
    "how many",
    "days",
    "it",
    "which",
    "is larger",
    "the warmest",
    "of the two",
    "until",
    "today",
    "( 3 +",
    "* 4 )",
    "twelve times",
    "?",
]
PROMPTS = st.one_of(
    st.lists(st.sampled_from(WORDS + TOWNS), max_size=14).map(" ".join),
    st.text(max_size=60),
)
SCALARS = st.one_of(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, DATE]),
    st.just({"type": "string", "enum": ["red", "green"]}),
    st.just({"type": "integer", "minimum": 3, "maximum": 9}),
    st.just({"anyOf": [{"type": "null"}, {"type": "number"}]}),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        st.dictionaries(st.sampled_from(["city", "amount"]), inner, min_size=1).map(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)}
        ),
    ),
    max_leaves=4,
)
PARAMETERS = ["city", "order_id", "amount", "expression", "start", "end", "query", "notify", "to", "a", "count"]


@st.composite
def declarations(draw: st.DrawFn) -> Json:
    name = draw(
        st.sampled_from(["weather", "population", "refund", "addThings", "calculate", "days", "x", "final_answer"])
    )
    properties = draw(st.dictionaries(st.sampled_from(PARAMETERS), SCHEMAS, max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    key = draw(st.sampled_from(["parameters", "parametersJsonSchema"]))
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": draw(st.sampled_from(["", "Weather of a city."])), key: schema}


RESPONSES = st.one_of(
    st.builds(lambda value: {"output": value}, st.one_of(st.integers(), st.floats(), st.text(max_size=10), st.none())),
    st.just({"error": "No."}),
    st.dictionaries(st.sampled_from(PARAMETERS), st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
)


def is_valid(value: object, schema: Mapping[str, Any]) -> bool:
    """Judge a value by its JSON type, apart from the code under test."""
    if "anyOf" in schema:
        return any(is_valid(value, one) for one in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    match schema.get("type"):
        case "object":
            inner = schema["properties"]
            return (
                isinstance(value, dict)
                and set(schema["required"]) <= set(value) <= set(inner)
                and all(is_valid(one, inner[name]) for name, one in value.items())
            )
        case "array":
            return isinstance(value, list) and all(is_valid(one, schema["items"]) for one in value)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return type(value) is int and schema.get("minimum", value) <= value <= schema.get("maximum", value)
        case "number":
            return type(value) in (int, float)
        case "null":
            return value is None
        case _:
            return isinstance(value, str)


def assert_legal(calls: Sequence[tuple[str, Json]], functions: Sequence[Json]) -> None:
    declared = {one["name"]: one.get("parameters") or one["parametersJsonSchema"] for one in functions}
    for name, args in calls:
        assert name in declared
        assert is_valid(args, declared[name]), (name, args)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    PROMPTS,
    st.lists(st.one_of(declarations(), st.sampled_from(BASICS)), max_size=4, unique_by=lambda one: one["name"]),
    st.lists(RESPONSES, min_size=1, max_size=4),
)
def test_every_call_is_legal_and_every_conversation_ends(
    prompt: str, functions: list[Json], responses: list[Json]
) -> None:
    """Some calls may fail while others succeed."""
    turn = itertools.cycle(responses)
    talk = Talk(functions, lambda _name, _args: next(turn))

    talk.say(prompt, turns=len(prompt.split()) + 4)

    assert_legal([call for calls in talk.rounds for call in calls], functions)
    made = [json.dumps(call, sort_keys=True) for calls in talk.rounds for call in calls]
    assert len(made) == len(set(made))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PROMPTS, st.lists(declarations(), min_size=1, max_size=4, unique_by=lambda one: one["name"]))
def test_a_forced_call_is_always_made_and_legal(prompt: str, functions: list[Json]) -> None:
    calls = calls_in(ask(prompt, functions, toolConfig=mode("ANY")))

    assert calls
    assert_legal(calls, functions)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PROMPTS, SCHEMAS)
def test_a_structured_answer_is_always_valid(prompt: str, schema: Json) -> None:
    [part] = ask(prompt, [], generationConfig=structured(schema))

    assert is_valid(json.loads(part["text"]), schema)


@given(PROMPTS, st.lists(declarations(), max_size=3, unique_by=lambda one: one["name"]))
def test_the_same_request_has_the_same_answer(prompt: str, functions: list[Json]) -> None:
    assert ask(prompt, functions) == ask(prompt, functions)
