"""The emulator as Google's own client (`google-genai`) sees it: everyday use, in every profile, is taken and answered.

Chats and functions are in `test_google_genai_chats`, files and caches in `test_google_genai_files`, and what the client
itself gets wrong in `test_google_genai_refused`.
"""

import base64
import enum
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from agentkit.testing import Emulator, blocked, call, code, finish, grounding, reply_raw, stream, text, thought, usage
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, errors_of, google_client, google_client_with_project, weather

on_google_only = pytest.mark.parametrize("served", ["google"], indirect=True)


@pytest.fixture(params=["google", "vertex", "comet"])
def served(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with serve(Emulator(profile=request.param)) as emulator:
        yield emulator
        assert not emulator.unexpected


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    with google_client(served) as client:
        yield client


@pytest.fixture
def anyio_backend() -> str:
    """Google's client knows asyncio only."""
    return "asyncio"


class City(BaseModel):
    name: str
    population: int | None = None


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


# -- Answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_read_in_full(served: Emulator, google: genai.Client) -> None:
    served.reply(thought("Oslo is north."), text("4 degrees."), usage(cachedContentTokenCount=3))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))

    answer = google.models.generate_content(model=MODEL, contents="Weather?", config=config)

    assert answer.text == "4 degrees."
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert [(part.text, part.thought) for part in answer.parts or []] == [
        ("Oslo is north.", True),
        ("4 degrees.", None),
    ]
    assert answer.model_version == MODEL
    assert answer.response_id
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.cached_content_token_count == 3
    assert answer.usage_metadata.thoughts_token_count
    assert served.findings == []


def test_the_pieces_of_a_stream_are_one_answer(served: Emulator, google: genai.Client) -> None:
    served.reply(thought("North."), stream("4 ", "degrees", " é"))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))

    chunks = list(google.models.generate_content_stream(model=MODEL, contents="Weather?", config=config))

    assert "".join(chunk.text or "" for chunk in chunks) == "4 degrees é"
    assert [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates][-1] == types.FinishReason.STOP
    assert len({chunk.response_id for chunk in chunks}) == 1
    assert served.findings == []


@pytest.mark.parametrize(
    "reason", ["MAX_TOKENS", "SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "LANGUAGE"]
)
@on_google_only
def test_a_finish_reason_without_words_is_read(served: Emulator, google: genai.Client, reason: str) -> None:
    served.reply(finish(reason))

    answer = google.models.generate_content(model=MODEL, contents="Weather?")

    assert answer.text is None
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason(reason)


def test_a_refused_prompt_has_no_candidates(served: Emulator, google: genai.Client) -> None:
    served.reply(blocked("PROHIBITED_CONTENT"))

    answer = google.models.generate_content(model=MODEL, contents="Weather?")

    assert answer.candidates is None
    assert answer.prompt_feedback is not None
    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


@on_google_only
def test_a_stream_in_one_piece_is_read(served: Emulator, google: genai.Client) -> None:
    served.reply(
        reply_raw(
            b'data: {"candidates": [{"content": {"parts": [{"text": "4"}]}}]}\r\n\r\n', content_type="text/event-stream"
        )
    )

    [chunk] = google.models.generate_content_stream(model=MODEL, contents="Weather?")

    assert chunk.text == "4"


# -- Settings ----------------------------------------------------------------------------------------------------------

SETTINGS: dict[str, tuple[str, types.GenerateContentConfigDict]] = {
    "a level of thinking": (MODEL, {"thinking_config": {"thinking_level": types.ThinkingLevel.LOW}}),
    "a budget of thinking": ("gemini-2.5-flash", {"thinking_config": {"thinking_budget": 1024}}),
    "no thinking": ("gemini-2.5-flash", {"thinking_config": {"thinking_budget": 0}}),
    "dynamic thinking": ("gemini-2.5-pro", {"thinking_config": {"thinking_budget": -1, "include_thoughts": True}}),
    "an instruction": (MODEL, {"system_instruction": "Be brief."}),
    "instructions as parts": (MODEL, {"system_instruction": [types.Part(text="Be brief."), types.Part(text="Rhyme.")]}),
    "safety settings": (
        MODEL,
        {
            "safety_settings": [
                {"category": category, "threshold": types.HarmBlockThreshold.BLOCK_NONE}
                for category in (
                    types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                    types.HarmCategory.HARM_CATEGORY_HATE_SPEECH,
                )
            ]
        },
    ),
    "sampling": (
        "gemini-2.5-flash",
        {"temperature": 0.4, "top_p": 0.9, "top_k": 40, "seed": 7, "presence_penalty": 0.1, "frequency_penalty": 0.2},
    ),
    "two candidates": ("gemini-2.5-flash", {"candidate_count": 2, "stop_sequences": ["END"]}),
    "lengths": (MODEL, {"max_output_tokens": 100, "stop_sequences": ["END"]}),
    "labels": (MODEL, {"labels": {"team": "weather"}}),
    "media resolution": (MODEL, {"media_resolution": types.MediaResolution.MEDIA_RESOLUTION_LOW}),
    "speech": (
        "gemini-3.1-flash-tts-preview",
        {
            "response_modalities": ["AUDIO"],
            "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
        },
    ),
    "images": (
        "gemini-3-pro-image",
        {"response_modalities": ["TEXT", "IMAGE"], "image_config": {"aspect_ratio": "1:1"}},
    ),
}


@pytest.mark.parametrize(("on", "config"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_taken(
    served: Emulator, google: genai.Client, on: str, config: types.GenerateContentConfigDict
) -> None:
    served.reply(text("Hi."))

    answer = google.models.generate_content(model=on, contents="Hello", config=config)

    assert answer.text == "Hi."
    assert served.findings == []


def test_a_pydantic_class_comes_back_as_an_object(served: Emulator, google: genai.Client) -> None:
    served.reply(text('{"name": "Oslo", "population": 700000}'))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)

    answer = google.models.generate_content(model=MODEL, contents="Norway's capital?", config=config)

    assert answer.parsed == City(name="Oslo", population=700_000)
    schema = served.requests[0]["generationConfig"]["responseSchema"]
    assert schema["properties"]["population"] == {"type": "INTEGER", "nullable": True, "title": "Population"}
    assert served.findings == []


@pytest.mark.parametrize(
    "schema", [list[City], {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}}], ids=["list", "dict"]
)
def test_other_schemas_of_the_older_dialect_are_taken(served: Emulator, google: genai.Client, schema: Any) -> None:
    served.reply(text("[]"))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)

    google.models.generate_content(model=MODEL, contents="Capitals?", config=config)

    assert served.findings == []


def test_a_json_schema_is_taken_as_it_is(served: Emulator, google: genai.Client) -> None:
    class Towns(BaseModel):
        by_country: dict[str, City]

    served.reply(text('{"by_country": {"Norway": {"name": "Oslo"}}}'))
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=Towns.model_json_schema()
    )

    answer = google.models.generate_content(model=MODEL, contents="Capitals?", config=config)

    assert answer.parsed == {"by_country": {"Norway": {"name": "Oslo"}}}
    assert "$defs" in served.requests[0]["generationConfig"]["responseJsonSchema"]
    assert served.findings == []


def test_one_of_several_words_comes_back_as_an_enum(served: Emulator, google: genai.Client) -> None:
    served.reply(text("left"))
    config = types.GenerateContentConfig(response_mime_type="text/x.enum", response_schema=Side)

    answer = google.models.generate_content(model=MODEL, contents="Heart?", config=config)

    assert answer.parsed == Side.LEFT
    assert served.findings == []


# -- Media and Gemini's own tools --------------------------------------------------------------------------------------


def test_media_stand_in_the_prompt(served: Emulator, google: genai.Client) -> None:
    """The client writes bytes in base64url, which the service takes as well."""
    served.reply(text("A cat."))
    picture = types.Part.from_bytes(data=b"\xff\xd8\xff", mime_type="image/jpeg")
    film = types.Part(
        file_data=types.FileData(file_uri="https://example.com/cat.mp4", mime_type="video/mp4"),
        video_metadata=types.VideoMetadata(fps=2, start_offset="1.5s", end_offset="3s"),
    )

    google.models.generate_content(model=MODEL, contents=[picture, film, "What is this?"])

    sent = served.requests[0]["contents"][0]["parts"][0]["inlineData"]["data"]
    assert base64.urlsafe_b64decode(sent) == b"\xff\xd8\xff"
    assert served.findings == []


def test_grounding_is_read(served: Emulator, google: genai.Client) -> None:
    source = {"web": {"uri": "https://example.com/oslo", "title": "Oslo"}}
    support = {"segment": {"endIndex": 3, "text": "Four"}, "groundingChunkIndices": [0]}
    found = {"webSearchQueries": ["Oslo"], "groundingChunks": [source], "groundingSupports": [support]}
    served.reply(text("Four degrees."), grounding(found))
    config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])

    answer = google.models.generate_content(model=MODEL, contents="Weather?", config=config)

    assert answer.candidates is not None
    metadata = answer.candidates[0].grounding_metadata
    assert metadata is not None
    assert metadata.web_search_queries == ["Oslo"]
    assert [chunk.web.uri for chunk in metadata.grounding_chunks or [] if chunk.web] == ["https://example.com/oslo"]
    assert served.findings == []


@pytest.mark.parametrize("on", ["gemini-2.5-flash", MODEL])
def test_a_program_that_gemini_ran_goes_back_in_a_chat(served: Emulator, google: genai.Client, on: str) -> None:
    served.reply(code("print(2 ** 10)", "1024\n"), text("1024."))
    served.reply(text("Sure."))
    config = types.GenerateContentConfig(tools=[types.Tool(code_execution=types.ToolCodeExecution())])
    chat = google.chats.create(model=on, config=config)

    first = chat.send_message("2 to the power of 10?")
    second = chat.send_message("Sure?")

    assert (first.executable_code, first.code_execution_result) == ("print(2 ** 10)", "1024\n")
    assert second.text == "Sure."
    assert served.findings == []


@on_google_only
def test_several_of_geminis_tools_stand_side_by_side(served: Emulator, google: genai.Client) -> None:
    served.reply(text("Four degrees."))
    tools: list[Any] = [
        types.Tool(google_search=types.GoogleSearch()),
        types.Tool(url_context=types.UrlContext()),
        types.Tool(code_execution=types.ToolCodeExecution()),
        types.Tool(google_maps=types.GoogleMaps()),
    ]

    google.models.generate_content(model=MODEL, contents="Weather?", config=types.GenerateContentConfig(tools=tools))

    assert served.findings == []


# -- Models and tokens -------------------------------------------------------------------------------------------------


def test_tokens_are_counted(served: Emulator, google: genai.Client) -> None:
    counted = google.models.count_tokens(
        model=MODEL, contents=["x" * 40, types.Part.from_bytes(data=b"1", mime_type="image/png")]
    )

    assert counted.total_tokens is not None
    assert counted.total_tokens > 10
    assert served.findings == []


def test_models_are_listed_page_by_page(served: Emulator, google: genai.Client) -> None:
    names = [(model.name or "").rpartition("/")[2] for model in google.models.list(config={"page_size": 5})]

    assert MODEL in names
    assert len(names) == len(set(names))
    assert len(names) > 5


@on_google_only
def test_a_model_is_described(served: Emulator, google: genai.Client) -> None:
    described = google.models.get(model=MODEL)

    assert described.name == f"models/{MODEL}"
    assert described.input_token_limit == 1_048_576
    assert "generateContent" in (described.supported_actions or [])


# -- Other ways in -----------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_asynchronous_client_is_answered_too(served: Emulator) -> None:
    served.reply(call("weather", city="Oslo"), call("weather", city="Rome"))
    served.reply(stream("Ro", "me."))
    served.reply(text("Sure."))
    served.reply(text("4 degrees."))
    with google_client(served) as client:
        async with client.aio as google:
            chat = google.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[weather]))

            streamed = [chunk.text or "" async for chunk in await chat.send_message_stream("Where is it warmer?")]
            said = (await chat.send_message("Sure?")).text
            alone = (await google.models.generate_content(model=MODEL, contents="Weather?")).text
            counted = await google.models.count_tokens(model=MODEL, contents="Weather?")

    assert ("".join(streamed), said, alone) == ("Rome.", "Sure.", "4 degrees.")
    assert counted.total_tokens
    assert errors_of(served) == []


def test_vertex_takes_a_token_and_a_place() -> None:
    with serve(Emulator(profile="vertex", api_keys={"a-token"})) as emulator:
        emulator.reply(text("4 degrees."))
        with google_client_with_project(emulator) as client:
            answer = client.models.generate_content(model=MODEL, contents="Weather?")

    assert answer.text == "4 degrees."
    [asked] = emulator.asked
    assert asked.path.startswith("/v1beta1/projects/a-project/locations/europe-north1/publishers/google/models/")
