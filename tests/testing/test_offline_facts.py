"""What the offline stand-in reads from a prompt: moments, amounts and names, as they stand there."""

from typing import Any

import pytest

from tests.testing.offline_talk import CONVERT, WEATHER, Json, Talk, ask, calls_in, declare

REMIND = declare("set_reminder", "Set a reminder.", text="string", when={"type": "string", "format": "date-time"})
TIP = declare("tip", "Compute the tip for a bill.", amount="number", percent="number")

STATE = {"type": "string", "enum": ["on", "off"]}
LIGHT = declare(
    "set_light", "Switch a light on or off.", optional=["brightness"], room="string", state=STATE, brightness="integer"
)
FIND_USER = declare("find_user", "Find a user by name and return id and email.", name="string")
MAIL = declare("send_email", "Send an email.", to="string", subject="string")


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("for 2026-12-01T09:30", "2026-12-01T09:30:00Z"),
        ("for 2026-12-01T09:30:15Z", "2026-12-01T09:30:15Z"),
        ("for 2026-12-01T09:30:15.250Z", "2026-12-01T09:30:15Z"),
        ("for 2026-12-01T09:30+02:00", "2026-12-01T09:30:00+02:00"),
        ("for 2026-12-01 9:30", "2026-12-01T09:30:00Z"),
        ("at 9:30 on 2026-12-01", "2026-12-01T09:30:00Z"),
        ("for December 1, 2026 at 9:30 pm", "2026-12-01T21:30:00Z"),
        ("at 9:30 PM on 2026-12-01", "2026-12-01T21:30:00Z"),
        ("for December 1, 2026 at 12:15 a.m.", "2026-12-01T00:15:00Z"),
        ("at 5 a.m. on 2026-12-01", "2026-12-01T05:00:00Z"),
    ],
)
def test_a_moment_is_taken_as_it_is_written(said: str, when: str) -> None:
    assert calls_in(ask(f'Set a reminder "buy milk" {said}', [REMIND])) == [
        ("set_reminder", {"text": "buy milk", "when": when})
    ]


def test_a_time_that_is_none_is_not_made_up() -> None:
    assert "I still need when" in ask('Set a reminder "buy milk" for 2026-12-01 25:99', [REMIND])[0]["text"]


@pytest.mark.parametrize(
    ("prompt", "amount"),
    [
        ("Convert -5 USD to EUR", -5),
        ("Convert -$5 to EUR", -5),
        ("Convert USD -5 to EUR", -5),
        ("Convert 5 USD to EUR", 5),
        ("Convert a 4-5 USD to EUR", 5),  # from 4 to 5
    ],
)
def test_an_amount_keeps_its_sign(prompt: str, amount: Any) -> None:
    [(_, args)] = calls_in(ask(prompt, [CONVERT]))

    assert args["amount"] == amount


def test_a_percentage_keeps_its_sign() -> None:
    assert calls_in(ask("What is the tip of -12.5% on $80?", [TIP])) == [("tip", {"amount": 80, "percent": -12.5})]


@pytest.mark.parametrize(
    "prompt",
    [
        "Turn on the bedroom light at 40%",
        "Turn on the light in the bedroom at 40%",
        "Turn on the bedroom light at 40 percent brightness",
        "Set the bedroom light on to 40%",
    ],
)
def test_a_number_is_no_name_of_a_place(prompt: str) -> None:
    args = {"room": "bedroom", "state": "on", "brightness": 40}

    assert calls_in(ask(prompt, [LIGHT])) == [("set_light", args)]


def test_the_name_of_one_parameter_is_no_value_of_another() -> None:
    def respond(name: str, args: Json) -> Json:
        return {"id": 42, "email": "ann@example.com"} if name == "find_user" else {"output": "sent"}

    talk = Talk([FIND_USER, MAIL], respond)
    talk.say('Find the user Ann and send her an email with subject "Hi".')

    assert talk.rounds == [
        [("find_user", {"name": "Ann"})],
        [("send_email", {"to": "ann@example.com", "subject": "Hi"})],
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "Convert 10 USD to EUR and 20 GBP to NOK",
        "Convert 10 USD to EUR, and 20 GBP to NOK",
        "Convert 10 USD to EUR, 20 GBP to NOK",
    ],
)
def test_each_of_two_things_asked_with_one_verb_is_a_call(prompt: str) -> None:
    assert calls_in(ask(prompt, [CONVERT])) == [
        ("convert", {"amount": 10, "from_currency": "USD", "to_currency": "EUR"}),
        ("convert", {"amount": 20, "from_currency": "GBP", "to_currency": "NOK"}),
    ]


def test_what_is_asked_with_one_verb_may_differ_in_all_else() -> None:
    assert calls_in(ask("What is the weather in Oslo in celsius and in Rome in fahrenheit?", [WEATHER])) == [
        ("weather", {"city": "Oslo", "units": "C"}),
        ("weather", {"city": "Rome", "units": "F"}),
    ]


def test_an_and_within_quotes_separates_nothing() -> None:
    calls = calls_in(ask('Set a reminder "salt and pepper" for 2026-12-01 and "milk" for 2026-12-02', [REMIND]))

    assert [args["text"] for _, args in calls] == ["salt and pepper", "milk"]


def test_places_that_are_listed_with_their_prepositions_are_calls() -> None:
    calls = calls_in(ask("Turn off the lights in the kitchen and in the bedroom", [LIGHT]))

    assert [args["room"] for _, args in calls] == ["kitchen", "bedroom"]


def test_a_long_list_is_not_taken_apart_without_end() -> None:
    long = "Convert " + " and ".join(f"{number} USD to EUR" for number in range(1, 20))

    assert len(calls_in(ask(long, [CONVERT]))) == 12
