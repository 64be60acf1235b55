"""What Google's own client (`google-genai`) is refused: scripted failures, and its own requests that break a rule."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from agentkit.testing import Emulator, call, cut, error, reply_raw, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, google_client, weather

Config = types.GenerateContentConfig
SEARCH = types.Tool(google_search=types.GoogleSearch())


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with serve(Emulator(profile=getattr(request, "param", "google"))) as emulator:
        yield emulator
        assert not emulator.unexpected


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    with google_client(served) as client:
        yield client


# -- Failures of the service -------------------------------------------------------------------------------------------

FAILURES = [
    (400, errors.ClientError, "INVALID_ARGUMENT"),
    (401, errors.ClientError, "UNAUTHENTICATED"),
    (403, errors.ClientError, "PERMISSION_DENIED"),
    (404, errors.ClientError, "NOT_FOUND"),
    (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
    (500, errors.ServerError, "INTERNAL"),
    (503, errors.ServerError, "UNAVAILABLE"),
    (504, errors.ServerError, "DEADLINE_EXCEEDED"),
]


def ask(google: genai.Client, *, is_streamed: bool) -> None:
    if is_streamed:
        list(google.models.generate_content_stream(model=MODEL, contents="Weather?"))
    else:
        google.models.generate_content(model=MODEL, contents="Weather?")


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("status", "kind", "name"), FAILURES, ids=[name for _, _, name in FAILURES])
def test_a_failure_is_raised_with_its_status_and_text(
    served: Emulator, google: genai.Client, status: int, kind: type[errors.APIError], name: str, is_streamed: bool
) -> None:
    served.reply(error(status, "Something is wrong.", retry_after_s=3))

    with pytest.raises(kind) as raised:
        ask(google, is_streamed=is_streamed)

    assert (raised.value.code, raised.value.status, raised.value.message) == (status, name, "Something is wrong.")
    details: Any = raised.value.details
    assert details["error"]["details"][0]["retryDelay"] == "3s"


def test_the_client_asks_again_if_it_is_told_to(served: Emulator) -> None:
    served.reply(error(503))
    served.reply(error(429, retry_after_s=0.01))
    served.reply(text("4 degrees."))

    with google_client(served) as google:
        options = types.HttpOptions(
            retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.01)
        )
        answer = google.models.generate_content(model=MODEL, contents="Weather?", config=Config(http_options=options))

    assert answer.text == "4 degrees."
    assert len(served.requests) == 3


def test_an_error_in_the_middle_of_a_stream_is_raised_after_what_was_said(
    served: Emulator, google: genai.Client
) -> None:
    served.reply(text("4 "), error(503, "Overloaded."))
    said: list[str] = []

    with pytest.raises(errors.ServerError, match="Overloaded"):
        said.extend(c.text or "" for c in google.models.generate_content_stream(model=MODEL, contents="Weather?"))

    assert said == ["4 "]


def test_a_stream_that_is_cut_ends_without_a_reason(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4 "), cut())

    [chunk] = google.models.generate_content_stream(model=MODEL, contents="Weather?")

    assert chunk.candidates is not None
    assert chunk.candidates[0].finish_reason is None


def test_a_page_in_place_of_json_is_raised_with_its_status(served: Emulator, google: genai.Client) -> None:
    served.reply(reply_raw(b"<html>Bad gateway</html>", status=502, content_type="text/html"))

    with pytest.raises(errors.ServerError, match="Bad gateway") as raised:
        google.models.generate_content(model=MODEL, contents="Weather?")

    assert raised.value.code == 502


@pytest.mark.parametrize(
    ("profile", "status", "words"),
    [("google", 400, "API key not valid"), ("vertex", 401, "authentication"), ("comet", 401, "invalid token")],
)
def test_a_wrong_key_is_refused(profile: Profile, status: int, words: str) -> None:
    emulator = Emulator(profile=profile, api_keys={"another"})
    with serve(emulator), google_client(emulator) as google, pytest.raises(errors.ClientError, match=words) as raised:
        google.models.generate_content(model=MODEL, contents="Weather?")

    assert raised.value.code == status


def test_a_model_that_does_not_exist_is_refused() -> None:
    with ExitStack() as stack:
        google = stack.enter_context(google_client(stack.enter_context(serve(Emulator(models=["gemini-4-neon"])))))

        with pytest.raises(errors.ClientError, match="is not found for API version") as asked:
            google.models.generate_content(model=MODEL, contents="Weather?")
        with pytest.raises(errors.ClientError) as described:
            google.models.get(model=MODEL)

    assert (asked.value.code, described.value.code) == (404, 404)
    assert asked.value.status == "NOT_FOUND"


# -- Requests of the client that break a rule --------------------------------------------------------------------------


def declared(schema: dict[str, Any], name: str = "find") -> Config:
    return Config(tools=[types.Tool.model_validate({"functionDeclarations": [{"name": name, "parameters": schema}]})])


def calling(mode: str, **more: Any) -> types.ToolConfig:
    return types.ToolConfig.model_validate({"functionCallingConfig": {"mode": mode, **more}})


CLOSED = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "additionalProperties": False}
MAIL = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "format": "email"}}}

REFUSED: dict[str, tuple[str, Profile, Config, str]] = {
    "a closed schema for an answer": (
        MODEL,
        "google",
        Config(response_mime_type="application/json", response_schema=CLOSED),
        "Unknown name \"additional_properties\" at 'generation_config.response_schema'",
    ),
    "a closed schema for a function": (MODEL, "google", declared(CLOSED), 'Unknown name "additional_properties"'),
    "a format for a function": (MODEL, "google", declared(MAIL), "only 'enum' and 'date-time' are supported"),
    "a schema for an answer in plain text": (MODEL, "google", Config(response_schema=str), "response_mime_type"),
    "a name that begins with a digit": (MODEL, "google", declared({"type": "OBJECT"}, "1st"), "Invalid function name"),
    "the same function twice": (MODEL, "google", Config(tools=[weather, weather]), "Duplicate function declaration"),
    "a minimal level where there is none": (
        MODEL,
        "google",
        Config(thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL)),
        "Thinking level MINIMAL is not supported for this model",
    ),
    "a level on 2.5": (
        "gemini-2.5-flash",
        "google",
        Config(thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW)),
        "Thinking level is not supported",
    ),
    "no thinking on 2.5 Pro": (
        "gemini-2.5-pro",
        "google",
        Config(thinking_config=types.ThinkingConfig(thinking_budget=0)),
        "only works in thinking mode",
    ),
    "a level and a budget": (
        MODEL,
        "vertex",
        Config(thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, thinking_budget=1)),
        "are not supported together",
    ),
    "two candidates on Gemini 3": (MODEL, "google", Config(candidate_count=2), "candidate_count"),
    "six stop sequences": (MODEL, "google", Config(stop_sequences=list("abcdef")), "stop_sequences"),
    "logprobs alone": (MODEL, "google", Config(logprobs=3), "logprobs"),
    "names of functions with mode AUTO": (
        MODEL,
        "google",
        Config(tools=[weather], tool_config=calling("AUTO", allowedFunctionNames=["weather"])),
        "only when the function calling mode is ANY",
    ),
    "names of functions that are not declared": (
        MODEL,
        "google",
        Config(tools=[weather], tool_config=calling("ANY", allowedFunctionNames=["other"])),
        "not declared: other",
    ),
    "a mode without functions": (MODEL, "google", Config(tool_config=calling("ANY")), "without function_declarations"),
    "search and functions without the flag": (
        MODEL,
        "google",
        Config(tools=[SEARCH, weather]),
        "include_server_side_tool_invocations",
    ),
    "search and functions on 2.5": ("gemini-2.5-flash", "google", Config(tools=[SEARCH, weather]), "is unsupported"),
    "search and functions on Vertex AI": (MODEL, "vertex", Config(tools=[SEARCH, weather]), "all search tools"),
    "search and functions at the gateway": (
        MODEL,
        "comet",
        Config(
            tools=[SEARCH, weather],
            tool_config=types.ToolConfig(include_server_side_tool_invocations=True),
        ),
        'Unknown name "includeServerSideToolInvocations"',
    ),
    "JSON beside functions on 2.5": (
        "gemini-2.5-flash",
        "google",
        Config(tools=[weather], response_mime_type="application/json"),
        "Function calling with a response mime type",
    ),
    "a key that nobody knows": (
        MODEL,
        "google",
        Config(http_options=types.HttpOptions(extra_body={"foo": 1})),
        'Unknown name "foo"',
    ),
}


@pytest.mark.parametrize(
    ("on", "served", "config", "words"),
    REFUSED.values(),
    ids=REFUSED,
    indirect=["served"],
)
def test_a_setting_that_the_client_sends_is_refused(
    served: Emulator, google: genai.Client, on: str, config: Config, words: str
) -> None:
    """The client lets all of these pass, the sheet (14.2) says that the service does not."""
    with pytest.raises(errors.ClientError) as raised:
        google.models.generate_content(model=on, contents="Hello", config=config)

    assert raised.value.code == 400
    assert words in (raised.value.message or "")


CALLED = types.Part.from_function_call(name="weather", args={"city": "Oslo"})
ANSWERED = types.Part.from_function_response(name="weather", response={"output": 4})
SIGNED = types.Part(function_call=CALLED.function_call, thought_signature=b"somebody else's")

HISTORIES: dict[str, tuple[list[Any], str]] = {
    "a call without a signature": (
        [types.UserContent("Hi"), types.ModelContent([CALLED]), types.UserContent([ANSWERED])],
        "missing a thought_signature",
    ),
    "a call with a foreign signature": (
        [types.UserContent("Hi"), types.ModelContent([SIGNED]), types.UserContent([ANSWERED])],
        "Thought signature is not valid",
    ),
    "a call that is not answered": (
        [types.UserContent("Hi"), types.ModelContent([CALLED]), types.UserContent("And?")],
        "number of function response parts",
    ),
    "an answer without a call": ([types.UserContent("Hi"), types.UserContent([ANSWERED])], "function response turn"),
    "a call at the beginning": ([types.ModelContent([CALLED]), types.UserContent([ANSWERED])], "function call turn"),
    "the model at the end": ([types.UserContent("Hi"), types.ModelContent("Hello")], "ending with a model turn"),
    "a content without parts": ([types.Content(role="user", parts=[])], "contents.parts must not be empty"),
    "a part without anything": ([types.Content(role="user", parts=[types.Part()])], "required oneof field 'data'"),
    "two things in one part": (
        [types.UserContent([types.Part(text="Hi", inline_data=types.Blob(data=b"1", mime_type="image/png"))])],
        "oneof field 'data' is already set",
    ),
    "a system's content": ([types.Content(role="system", parts=[types.Part(text="Hi")])], "Role 'system'"),
    "the role function": (
        [types.UserContent("Hi"), types.ModelContent([SIGNED]), types.Content(role="function", parts=[ANSWERED])],
        "Role 'function'",
    ),
}


@pytest.mark.parametrize(("contents", "words"), HISTORIES.values(), ids=HISTORIES)
def test_a_history_that_the_client_sends_is_refused(
    served: Emulator, google: genai.Client, contents: list[Any], words: str
) -> None:
    with pytest.raises(errors.ClientError) as raised:
        google.models.generate_content(model=MODEL, contents=contents, config=Config(tools=[weather]))

    assert raised.value.code == 400
    assert words in (raised.value.message or "")


def test_a_history_without_signatures_is_taken_before_gemini_3(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4 degrees."))
    contents: list[Any] = [types.UserContent("Hi"), types.ModelContent([CALLED]), types.UserContent([ANSWERED])]

    google.models.generate_content(model="gemini-2.5-flash", contents=contents, config=Config(tools=[weather]))

    assert served.findings == []


def test_a_signature_that_was_lost_on_the_way_is_refused(served: Emulator, google: genai.Client) -> None:
    """The client keeps signatures; a program that stores a chat as texts and calls loses them."""
    served.reply(call("weather", city="Oslo"))
    chat = google.chats.create(
        model=MODEL,
        config=Config(tools=[weather], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)),
    )
    chat.send_message("Weather?")
    kept = [content.model_copy(deep=True) for content in chat.get_history()]
    for part in kept[1].parts or []:
        part.thought_signature = None

    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        google.models.generate_content(
            model=MODEL, contents=[*kept, types.UserContent([ANSWERED])], config=Config(tools=[weather])
        )
