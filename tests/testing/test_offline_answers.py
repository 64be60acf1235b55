"""The offline stand-in: from responses to an answer, in the form that was asked for."""

import json
from collections.abc import Callable

import pytest

from agentkit.testing.offline import answer
from tests.testing.offline_talk import (
    BASICS,
    DATE,
    POPULATION,
    REFUND,
    SHOP,
    WEATHER,
    Json,
    Talk,
    ask,
    calls_in,
    declare,
    mode,
    run_basics,
    run_shop,
    structured,
)


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
