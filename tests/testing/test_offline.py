"""The offline stand-in: from a prompt and declarations to calls, never an invention."""

import pytest

from agentkit.testing.offline import answer
from tests.testing.offline_talk import (
    ADD_TO_DATE,
    BASICS,
    CALCULATE,
    DATE,
    DIFFERENCE,
    SHOP,
    WEATHER,
    Json,
    ask,
    calls_in,
    declare,
)


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
        pytest.param(
            "12 choose 5",
            BASICS,
            [("calculate", {"expression": "factorial(12) / (factorial(5) * factorial(12 - 5))"})],
            id="a-binomial",
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
        pytest.param("What day is a week after next Friday?", [ADD_TO_DATE], "what day it is today", id="a-weekday"),
        pytest.param("Find the date 3 days after December 5", [ADD_TO_DATE], "what day it is today", id="no-year"),
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
        pytest.param("What time is it in Atlantis?", BASICS, '"Atlantis"', id="an-unknown-place"),
        pytest.param("what time is it in atlantis?", BASICS, '"atlantis"', id="an-unknown-place-in-lower-case"),
        pytest.param("15:00 in Berlin is what time in Tokyo?", BASICS, '"15:00"', id="a-given-time"),
        pytest.param("12 o'clock", BASICS, '"12"', id="an-hour"),
        pytest.param("Is 2028 a leap year?", BASICS, "None of the declared functions fits", id="a-year"),
        pytest.param("What time is 3pm Oslo time in New York?", BASICS, '"3pm"', id="a-given-hour"),
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
