"""Chats of Google's own client (`google-genai`): what was said, called and signed goes back as it came."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from agentkit.testing import Emulator, call, stream, text, thought
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, errors_of, google_client, rules_of, weather

on_google_only = pytest.mark.parametrize("served", ["google"], indirect=True)
MODELS = ["gemini-2.5-flash", "gemini-3-flash-preview", MODEL, "gemini-4-neon"]


@pytest.fixture(params=["google", "vertex", "comet"])
def served(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with serve(Emulator(profile=request.param)) as emulator:
        yield emulator
        assert not emulator.unexpected


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    with google_client(served) as client:
        yield client


# -- Conversations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", MODELS)
def test_a_chat_sends_back_what_it_was_given(served: Emulator, google: genai.Client, on: str) -> None:
    served.reply(text("4 degrees."))
    served.reply(text("Yes."))
    chat = google.chats.create(model=on)

    chat.send_message("Weather?")
    answer = chat.send_message("Sure?")

    assert answer.text == "Yes."
    assert [content["role"] for content in served.requests[1]["contents"]] == ["user", "model", "user"]
    assert served.findings == []


@pytest.mark.parametrize("on", MODELS)
def test_a_streamed_chat_sends_back_every_piece(served: Emulator, google: genai.Client, on: str) -> None:
    """The client keeps each chunk as a content of its own, the signed empty text at the end as well."""
    served.reply(stream("4 ", "degrees."))
    served.reply(stream("Yes", "."))
    chat = google.chats.create(model=on)

    list(chat.send_message_stream("Weather?"))
    answer = "".join(chunk.text or "" for chunk in chat.send_message_stream("Sure?"))

    assert answer == "Yes."
    assert [content["role"] for content in served.requests[1]["contents"]][:3] == ["user", "model", "model"]
    assert served.findings == []


# -- Functions ---------------------------------------------------------------------------------------------------------


def signatures_in(body: Any) -> list[tuple[str, bool]]:
    """Return which calls of a request are signed."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [(p["functionCall"]["args"]["city"], "thoughtSignature" in p) for p in parts if "functionCall" in p]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("on", MODELS)
def test_functions_run_by_the_client_itself_keep_their_signatures(
    served: Emulator, google: genai.Client, on: str, is_streamed: bool
) -> None:
    """Two parallel calls, then one more.

    The client leaves out the ids of its own results, which the sheet knows (4.2): on models that give ids it is a
    warning and no refusal.
    """
    served.reply(thought("Two towns."), call("weather", city="Oslo"), call("weather", city="Rome"))
    served.reply(call("weather", city="Bergen", days=2))
    served.reply(stream("Rome ", "is warmer."))
    chat = google.chats.create(model=on, config=types.GenerateContentConfig(tools=[weather]))

    if is_streamed:
        answer = "".join(chunk.text or "" for chunk in chat.send_message_stream("Where is it warmer?"))
    else:
        answer = chat.send_message("Where is it warmer?").text or ""

    assert answer == "Rome is warmer."
    assert len(served.requests) == 3
    assert signatures_in(served.requests[2]) == [("Oslo", True), ("Rome", False), ("Bergen", True)]
    results = [part["functionResponse"] for part in served.requests[1]["contents"][-1]["parts"]]
    assert [result["response"]["result"]["city"] for result in results] == ["Oslo", "Rome"]
    assert errors_of(served) == []
    assert rules_of(served) == (set() if on == "gemini-2.5-flash" else {"E11"})


def test_a_chat_goes_on_after_functions_were_run(served: Emulator, google: genai.Client) -> None:
    served.reply(call("weather", city="Oslo"))
    served.reply(text("4 degrees."))
    served.reply(text("Celsius."))
    chat = google.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[weather]))

    chat.send_message("Weather?")
    answer = chat.send_message("In what unit?")

    assert answer.text == "Celsius."
    assert errors_of(served) == []


def test_a_function_that_fails_is_told_to_the_model(served: Emulator, google: genai.Client) -> None:
    def population(town: str) -> int:
        """People in a town."""
        raise ValueError(f"no town {town}")

    served.reply(call("population", town="Atlantis"))
    served.reply(text("Unknown."))

    answer = google.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[population])).send_message(
        "How many?"
    )

    assert answer.text == "Unknown."
    [result] = served.requests[1]["contents"][-1]["parts"]
    assert result["functionResponse"]["response"]["error"].endswith("no town Atlantis")


@pytest.mark.parametrize("on", MODELS)
def test_results_with_their_ids_break_no_rule(served: Emulator, google: genai.Client, on: str) -> None:
    served.reply(text("Let me see."), call("weather", city="Oslo"), call("weather", city="Rome"))
    served.reply(text("Rome."))
    config = types.GenerateContentConfig(
        tools=[weather], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    history: list[Any] = [types.UserContent("Where is it warmer?")]

    first = google.models.generate_content(model=on, contents=history, config=config)
    assert first.candidates is not None
    made = first.function_calls or []
    results = [
        types.Part(function_response=types.FunctionResponse(id=one.id, name=one.name, response={"output": 4}))
        for one in made
    ]
    history += [first.candidates[0].content, types.UserContent(results)]
    second = google.models.generate_content(model=on, contents=history, config=config)

    assert second.text == "Rome."
    assert [bool(one.id) for one in made] == [on != "gemini-2.5-flash"] * 2
    assert served.findings == []


@pytest.mark.parametrize("mode", ["ANY", "VALIDATED"])
def test_a_function_may_be_demanded_by_name(served: Emulator, google: genai.Client, mode: str) -> None:
    served.reply(call("weather", city="Oslo"))
    config = types.GenerateContentConfig(
        tools=[weather],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode(mode), allowed_function_names=["weather"]
            )
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )

    answer = google.models.generate_content(model=MODEL, contents="Weather?", config=config)

    assert [made.name for made in answer.function_calls or []] == ["weather"]
    assert served.findings == []


@on_google_only
def test_search_and_functions_go_together_with_the_flag(served: Emulator, google: genai.Client) -> None:
    served.reply(call("weather", city="Oslo"))
    served.reply(text("4 degrees."))
    config = types.GenerateContentConfig(
        tools=[types.Tool(google_search=types.GoogleSearch()), weather],
        tool_config=types.ToolConfig(include_server_side_tool_invocations=True),
    )

    answer = google.chats.create(model=MODEL, config=config).send_message("Weather?")

    assert answer.text == "4 degrees."
    assert errors_of(served) == []
