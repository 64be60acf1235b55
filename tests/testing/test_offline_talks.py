"""Talks of several steps and messages with the stand-in: what one call returns is what the next one takes."""

from collections.abc import Sequence

import pytest

from tests.testing.offline_talk import BASICS, POPULATION, Json, Talk, declare
from tests.testing.tutorial_tools import (
    CAPITAL,
    CLOCK,
    CUR,
    EVENTS,
    LIGHT,
    MAIL,
    MATH,
    SEARCH,
    STOCK,
    TABLE,
    TODO,
    WEATHER,
)

FIND_USER = declare("find_user", "Find a user by name.", name="string")
FETCH = declare("fetch_page", "Fetch a web page.", url="string")
CITIES = {"Oslo": 4, "Rome": 15}


def respond(name: str, args: Json) -> Json:
    match name:
        case "find_user":
            return {"id": 7, "email": "ada@example.com", "city": "Oslo"}
        case "get_weather" if args["city"] not in CITIES:
            return {"error": f"Unknown city {args['city']!r}. Known cities: Oslo, Rome."}
        case "get_weather":
            return {"temperature": CITIES[args["city"]]}
        case "get_capital":
            return {"output": {"Norway": "Oslo", "Italy": "Rome"}[args["country"]]}
        case "get_stock_price":
            return {"price": 190.5, "currency": "USD"}
        case "add":
            return {"output": args["a"] + args["b"]}
        case "web_search":
            return {"results": [{"title": "Llamas", "url": "https://example.org/llamas"}]}
        case "current_time":
            return {"time": "2026-11-22T10:00:00+00:00"}
        case _:
            return {"output": "done"}


@pytest.mark.parametrize(
    ("messages", "functions", "calls"),
    [
        pytest.param(
            ["Find the user Ada and send her an email saying hi"],
            [FIND_USER, MAIL],
            [("find_user", {"name": "Ada"}), ("send_email", {"to": "ada@example.com", "body": "hi"})],
            id="her-address-is-the-one-that-was-found",
        ),
        pytest.param(
            ["Look up the user Ada, then get the weather in her city"],
            [FIND_USER, WEATHER],
            [("find_user", {"name": "Ada"}), ("get_weather", {"city": "Oslo"})],
            id="a-field-of-the-result-by-name",
        ),
        pytest.param(
            ["What is the capital of Norway, and what is the weather there?"],
            [CAPITAL, WEATHER],
            [("get_capital", {"country": "Norway"}), ("get_weather", {"city": "Oslo"})],
            id="there-is-the-town-that-was-found",
        ),
        pytest.param(
            ["What's the weather in the capital of Italy?"],
            [CAPITAL, WEATHER],
            [("get_capital", {"country": "Italy"}), ("get_weather", {"city": "Rome"})],
            id="a-question-inside-a-question-comes-first",
        ),
        pytest.param(
            ["Get the price of AAPL and convert it to EUR"],
            [STOCK, CUR],
            [
                ("get_stock_price", {"ticker": "AAPL"}),
                ("convert_currency", {"amount": 190.5, "from_currency": "USD", "to_currency": "EUR"}),
            ],
            id="what-is-said-goes-before-what-was-found",
        ),
        pytest.param(
            ["Add 3 and 4, then multiply the result by 10"],
            MATH,
            [("add", {"a": 3, "b": 4}), ("multiply", {"a": 7, "b": 10})],
            id="the-result-is-an-operand",
        ),
        pytest.param(
            ["Search the web for llamas, then fetch the first result"],
            [SEARCH, FETCH],
            [("web_search", {"query": "llamas"}), ("fetch_page", {"url": "https://example.org/llamas"})],
            id="a-field-deep-in-a-list",
        ),
        pytest.param(
            ["What events do I have next Friday?"],
            [EVENTS, CLOCK],
            [("current_time", {}), ("list_events", {"date": "2026-11-27"})],
            id="the-clock-tells-which-friday",
        ),
        pytest.param(
            ["What events do I have in 3 days?"],
            [EVENTS, CLOCK],
            [("current_time", {}), ("list_events", {"date": "2026-11-25"})],
            id="the-clock-tells-the-day-to-count-from",
        ),
        pytest.param(
            ["Oslo weather and population"],
            [WEATHER, POPULATION],
            [("get_weather", {"city": "Oslo"}), ("population", {"city": "Oslo"})],
            id="two-functions-share-a-town",
        ),
        pytest.param(
            ["Add milk, eggs and bread to my todo list"],
            TODO,
            [("add_todo", {"title": "milk"}), ("add_todo", {"title": "eggs"}), ("add_todo", {"title": "bread"})],
            id="things-are-added-one-by-one",
        ),
        pytest.param(
            ["Book a table for 4 at Luigi", "2026-12-01 at 19:00"],
            [TABLE],
            [("book_table", {"restaurant": "Luigi", "people": 4, "date": "2026-12-01", "time": "19:00"})],
            id="the-missing-pieces-come-later",
        ),
        pytest.param(
            ["Turn on the kitchen light", "Now turn it off", "and the bedroom light?"],
            [LIGHT],
            [
                ("set_light", {"room": "kitchen", "on": True}),
                ("set_light", {"room": "kitchen", "on": False}),
                ("set_light", {"room": "bedroom", "on": False}),
            ],
            id="a-follow-up-keeps-what-it-does-not-change",
        ),
        pytest.param(
            ["What is the weather in oslo?"],
            [WEATHER],
            [("get_weather", {"city": "oslo"}), ("get_weather", {"city": "Oslo"})],
            id="a-name-that-the-error-corrects-is-tried-again",
        ),
        pytest.param(
            ["What is the weather in Atlantis?"],
            [WEATHER],
            [("get_weather", {"city": "Atlantis"})],
            id="a-name-that-is-like-no-other-is-not-tried-again",
        ),
    ],
)
def test_a_talk_makes_its_calls_in_order(
    messages: Sequence[str], functions: Sequence[Json], calls: Sequence[tuple[str, Json]]
) -> None:
    talk = Talk(functions, respond)

    for message in messages:
        talk.say(message)

    assert [call for made in talk.rounds for call in made] == list(calls)


@pytest.mark.parametrize(
    ("message", "functions", "says"),
    [
        ("What is the weather in oslo?", [WEATHER], "Weather in Oslo: temperature 4."),
        (
            "What is the weather in Atlantis?",
            [WEATHER],
            "I could not get weather Atlantis: Unknown city 'Atlantis'. Known cities: Oslo, Rome.",
        ),
        (
            "What events do I have tomorrow?",
            [EVENTS],
            "To call list_events I still need date (string). Please tell me. I do not know what day it is today.",
        ),
        (
            "convert 15:00 from Europe/Berlin to Asia/Tokyo",
            BASICS,
            "I am agentkit's offline stand-in: a few rules, not a language model. None of the declared functions fits",
        ),
    ],
    ids=["corrected", "an-error", "an-unknown-day", "a-time-between-zones"],
)
def test_a_talk_ends_with_what_is_known(message: str, functions: Sequence[Json], says: str) -> None:
    assert Talk(functions, respond).say(message).startswith(says)


def test_a_second_failure_ends_the_attempts_and_both_are_told() -> None:
    talk = Talk([WEATHER], lambda _name, _args: {"error": "No data. Try Oslo or Rome."})

    told = talk.say("Weather in oslo")

    assert [args["city"] for [(_, args)] in talk.rounds] == ["oslo", "Oslo"]
    assert told.count("No data") == 2
