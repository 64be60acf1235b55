"""Answers that are images and speech: asked for, read, saved, edited turn by turn, and refused where none come."""

import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    Audio,
    ConfigurationError,
    EmptyResponse,
    GoogleSearch,
    Image,
    OutputInvalid,
    RunState,
    Speech,
    Video,
)
from agentkit.media_output import read_answer, read_speech
from agentkit.testing import FakeGemini, finish, media, part, reply, says, text
from agentkit.testing.finding import Profile
from agentkit.wire import Part
from tests.media_files import JPEG, PNG, RAW_SOUND, SAMPLES, base64_of

pytestmark = pytest.mark.anyio

PAINTER = "gemini-3-pro-image"
SPEAKER = "gemini-3.8-flash-tts"
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
DRAWN, PHOTO = media(PNG, "image/png"), media(JPEG, "image/jpeg")
SPOKEN = media(SAMPLES, RAW_SOUND)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", [PAINTER, "gemini-2.5-flash-image", "gemini-nano-banana-2.1"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_image_is_the_output(profile: Profile, model: str, streamed: bool, tmp_path: Path) -> None:
    agent = Agent(model, output=Image, aspect_ratio="16:9", image_size="2K")

    async with FakeGemini(reply(text("Here: "), DRAWN), profile=profile) as gemini:
        if streamed:
            async with agent.stream("A dot.", client=gemini.client) as run:
                result = await run.result()
        else:
            result = await agent.run("A dot.", client=gemini.client)
        gemini.assert_valid()
        [asked] = gemini.requests

    assert asked["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
    }
    assert result.output == Image(PNG, "image/png")
    assert result.output.save(tmp_path / "dot.png").read_bytes() == PNG
    assert (result.images, result.text) == ([result.output], "Here: ")


async def test_texts_and_images_keep_their_order() -> None:
    story = reply(text("Once."), DRAWN, text("Then"), text(" again."), PHOTO, text("End."))

    async with FakeGemini(story) as gemini:
        result = await Agent(PAINTER).run("A story with pictures.", client=gemini.client)

    shown = [Image(PNG, "image/png"), Image(JPEG, "image/jpeg")]
    assert result.interleaved == ["Once.", shown[0], "Then again.", shown[1], "End."]
    assert (result.images, result.output) == (shown, "Once.Then again.End.")


async def test_images_of_the_models_thoughts_are_no_answer() -> None:
    draft = part({"inlineData": {"mimeType": "image/jpeg", "data": base64_of(JPEG)}, "thought": True})

    async with FakeGemini(reply(draft, DRAWN)) as gemini:
        result = await Agent(PAINTER, output=Image).run("A dot.", client=gemini.client)

    assert (result.output.data, len(result.images), len(result.interleaved)) == (PNG, 1, 1)


@pytest.mark.parametrize("profile", PROFILES)
async def test_an_image_is_edited_turn_by_turn_with_its_signature(profile: Profile) -> None:
    async with FakeGemini(reply(text("Here."), DRAWN), reply(PHOTO), reply(DRAWN), profile=profile) as gemini:
        chat = Agent(PAINTER, output=Image).chat(client=gemini.client)
        first = await chat.run("Draw a dot.")
        await chat.run("Make it red.")
        last = await chat.run(["Like this one:", Image.from_bytes(JPEG)])
        gemini.assert_valid()
        requests = gemini.requests

    signed = [p for c in requests[2]["contents"] for p in c["parts"] if "inlineData" in p and c["role"] == "model"]
    assert [p["inlineData"]["mimeType"] for p in signed] == ["image/png", "image/jpeg"]
    assert all(p["thoughtSignature"] for p in signed)
    assert requests[2]["contents"][:3] == requests[1]["contents"]
    assert len(first.images) == len(last.images) == 1


async def test_an_answer_without_an_image_is_asked_for_again() -> None:
    async with FakeGemini(says("I cannot draw."), reply(DRAWN)) as gemini:
        result = await Agent(PAINTER, output=Image).run("A dot.", client=gemini.client)
        *_, repair = gemini.requests[1]["contents"]

    assert result.output.data == PNG
    assert repair["parts"][0]["text"].startswith("Your answer could not be used: it holds no image.")


async def test_a_model_that_never_draws_ends_the_run() -> None:
    async with FakeGemini(*[says("No.") for _ in range(3)]) as gemini:
        with pytest.raises(OutputInvalid, match="it holds no image") as caught:
            await Agent(PAINTER, output=Image).run("A dot.", client=gemini.client)

    assert caught.value.text == "No."


async def test_no_image_is_asked_for_once_more() -> None:
    async with FakeGemini(finish("NO_IMAGE"), finish("NO_IMAGE")) as gemini:
        with pytest.raises(EmptyResponse, match="NO_IMAGE"):
            await Agent(PAINTER, output=Image).run("A dot.", client=gemini.client)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_speech_is_the_output_and_is_saved_as_wav(profile: Profile, streamed: bool, tmp_path: Path) -> None:
    agent = Agent(SPEAKER, output=Audio, speech=Speech("Kore", language="en-US"))

    async with FakeGemini(reply(SPOKEN, SPOKEN), profile=profile) as gemini:
        if streamed:
            async with agent.stream("Say hello.", client=gemini.client) as run:
                result = await run.result()
        else:
            result = await agent.run("Say hello.", client=gemini.client)
        gemini.assert_valid()
        [asked] = gemini.requests

    assert asked["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"languageCode": "en-US", "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    with wave.open(str(result.output.save(tmp_path / "hello.wav"))) as sound:
        assert (sound.getframerate(), sound.readframes(99)) == (24000, SAMPLES * 2)
    assert (result.audio, result.interleaved) == (result.output, [result.output])


async def test_every_speaker_has_a_voice() -> None:
    speech = Speech(speakers={"Joe": "Kore", "Jane": "Puck"})

    async with FakeGemini(reply(SPOKEN)) as gemini:
        await Agent(SPEAKER, output=Audio, speech=speech).run("Joe: Hi! Jane: Hi!", client=gemini.client)
        gemini.assert_valid()
        sent = gemini.requests[0]["generationConfig"]["speechConfig"]

    assert sent == {
        "multiSpeakerVoiceConfig": {
            "speakerVoiceConfigs": [
                {"speaker": "Joe", "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                {"speaker": "Jane", "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}},
            ]
        }
    }


async def test_sound_files_cannot_be_put_together() -> None:
    wavs = [media(b"RIFF" + bytes([number]) * 8, "audio/wav") for number in (1, 2)]

    async with FakeGemini(reply(*wavs)) as gemini:
        result = await Agent(SPEAKER, output=Audio).run("Say hello.", client=gemini.client)

    assert result.output.data == b"RIFF" + b"\1" * 8
    assert len(result.interleaved) == 2


@given(st.lists(st.one_of(st.text(max_size=5), st.binary(min_size=2, max_size=8)), max_size=8))
def test_pieces_of_texts_and_sound_join_to_what_they_are(pieces: list[str | bytes]) -> None:
    parts = [Part(text=one) if isinstance(one, str) else Audio(one, RAW_SOUND).part() for one in pieces]

    joined, sound = read_answer(parts), read_speech(parts)

    assert "".join(one for one in joined if isinstance(one, str)) == "".join(p for p in pieces if isinstance(p, str))
    assert (sound.data if sound else b"") == b"".join(one for one in pieces if isinstance(one, bytes))
    assert all(type(one) is not type(two) for one, two in pairwise(joined))


async def test_an_answer_of_media_is_saved_with_its_run() -> None:
    async with FakeGemini(reply(text("Here."), DRAWN)) as gemini:
        result = await Agent(PAINTER, output=Image).run("A dot.", client=gemini.client)

    assert RunState.load_json(result.state.dump_json()).contents == result.state.contents


async def test_modalities_that_are_set_by_hand_are_kept() -> None:
    agent = Agent("gemini-3-flash-preview", output=Image, response_modalities=["IMAGE"])

    async with FakeGemini(reply(DRAWN), strict=False) as gemini:
        await agent.run("A dot.", client=gemini.client)
        assert gemini.requests[0]["generationConfig"] == {"responseModalities": ["IMAGE"]}


async def test_a_model_that_nobody_knows_may_draw() -> None:
    async with FakeGemini(reply(DRAWN)) as gemini:
        result = await Agent("gemini-5-brush", output=Image, image_size="4K").run("A dot.", client=gemini.client)

    assert result.output.data == PNG


def look() -> str:
    """Look."""
    return "seen"


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("gemini-3-flash-preview", {"output": Image}, r"answers with text only. For output=Image use gemini-nano"),
        ("gemini-3.8-flash", {"output": Audio}, r"text only. For output=Audio use gemini-3.8-flash-tts or"),
        (SPEAKER, {}, r"gemini-3.8-flash-tts answers with audio only. Pass output=Audio"),
        (SPEAKER, {"output": Image}, r"answers with audio only. For output=Image use"),
        (SPEAKER, {"output": list[str]}, r"answers with audio only. Pass output=Audio"),
        (PAINTER, {"output": Video}, r"No model answers with Video. Use output=Image"),
        (PAINTER, {"output": Image, "aspect_ratio": "5:3"}, r"aspect_ratio='5:3' is not known. Choose one of 1:1"),
        (PAINTER, {"output": Image, "image_size": "8K"}, r"image_size='8K' is not known. Choose one of 512, 1K"),
        (SPEAKER, {"output": Audio, "image_size": "1K"}, r"image_size=... is for models that make images"),
        (PAINTER, {"speech": Speech("Kore")}, r"speech=... is about spoken answers. Pass output=Audio"),
        (SPEAKER, {"output": Audio, "speech": "Kore"}, r'speech must be Speech\("Kore"\), not str'),
        ("gemini-2.5-flash-image", {"output": Image, "tools": [look]}, r"makes images and calls no functions"),
        (SPEAKER, {"output": Audio, "tools": [look]}, r"gemini-3.8-flash-tts speaks and calls no tools. Leave tools"),
        (SPEAKER, {"output": Audio, "tools": [GoogleSearch()]}, r"speaks and calls no tools"),
    ],
)
def test_what_a_model_cannot_answer_is_refused_with_what_works(model: str, options: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Agent(model, **options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Speech(), "Speech says nothing"),
        (lambda: Speech("Kore", speakers={"Joe": "Puck"}), "not both"),
        (lambda: Speech(speakers={"Joe": ""}), "texts that are not empty"),
        (lambda: Speech(7), "texts that are not empty"),  # type: ignore[arg-type]
    ],
)
def test_speech_that_says_nothing_or_too_much_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make()
