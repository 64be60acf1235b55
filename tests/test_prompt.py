"""Prompts of texts and media: what is sent, in every dialect, and what is refused before."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, Audio, ConfigurationError, File, Image, Pdf, Video
from agentkit.prompt import read_prompt
from agentkit.testing import FakeGemini, says
from agentkit.testing.finding import Profile
from agentkit.wire import Content, Part
from tests.media_files import HEADS, MP4, PDF, PNG, WAV, base64_of

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
IMAGE = Image.from_bytes(PNG)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", [MODEL, OLD])
async def test_every_kind_of_media_is_sent_in_its_place(profile: Profile, model: str) -> None:
    prompt = ["First", IMAGE, "then", Pdf.from_bytes(PDF), Audio.from_bytes(WAV), Video.from_bytes(MP4, fps=2)]

    async with FakeGemini(says("Seen."), profile=profile) as gemini:
        result = await Agent(model).run(prompt, client=gemini.client)
        gemini.assert_valid()
        [content] = gemini.requests[0]["contents"]

    assert result.output == "Seen."
    assert content == {
        "role": "user",
        "parts": [
            {"text": "First"},
            {"inlineData": {"mimeType": "image/png", "data": base64_of(PNG)}},
            {"text": "then"},
            {"inlineData": {"mimeType": "application/pdf", "data": base64_of(PDF)}},
            {"inlineData": {"mimeType": "audio/wav", "data": base64_of(WAV)}},
            {"inlineData": {"mimeType": "video/mp4", "data": base64_of(MP4)}, "videoMetadata": {"fps": 2}},
        ],
    }


async def test_a_file_from_disk_reaches_the_service(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Grüße", encoding="utf-8")

    async with FakeGemini(says("Seen.")) as gemini:
        await Agent(MODEL).run(["Sum up.", File.from_path(path)], client=gemini.client)
        sent = gemini.requests[0]["contents"][0]["parts"][1]

    assert sent == {"inlineData": {"mimeType": "text/markdown", "data": base64_of("# Grüße".encode())}}


async def test_media_of_earlier_prompts_stay_in_a_chat() -> None:
    async with FakeGemini(says("A dot."), says("Grey.")) as gemini:
        chat = Agent(MODEL).chat(client=gemini.client)
        await chat.run(["What is it?", IMAGE])
        await chat.run("Which colour?")
        gemini.assert_valid()
        parts = [part for content in gemini.requests[1]["contents"] for part in content["parts"]]

    assert [next(iter(part)) for part in parts][:3] == ["text", "inlineData", "text"]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("Hi", [{"text": "Hi"}]),
        (["Hi", "there"], [{"text": "Hi"}, {"text": "there"}]),
        (IMAGE, [IMAGE.part().to_wire()]),
        (Part(text="Hi"), [{"text": "Hi"}]),
        ((IMAGE, Part(text="Hi")), [IMAGE.part().to_wire(), {"text": "Hi"}]),
        (Content(role="user", parts=[Part(text="Hi")]), [{"text": "Hi"}]),
    ],
    ids=["text", "texts", "image", "part", "tuple", "content"],
)
def test_a_prompt_is_read_into_one_user_content(prompt: Any, parts: list[Any]) -> None:
    content = read_prompt(prompt, MODEL)

    assert content.to_wire() == {"role": "user", "parts": parts}


class Picture:
    def convert(self, mode: str) -> None: ...


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        pytest.param("", "prompt is empty", id="empty"),
        pytest.param([], "prompt is empty", id="nothing"),
        pytest.param([" ", ""], "prompt is empty", id="blanks"),
        pytest.param(["Hi", 7], r"prompt\[1\] is of type int", id="a-number-in-the-list"),
        pytest.param(7, "The prompt is of type int", id="a-number"),
        pytest.param(None, "The prompt is of type NoneType", id="none"),
        pytest.param(b"Hi", r"is of type bytes. .*Image.from_bytes", id="bytes"),
        pytest.param(["Hi", Path("a.png")], r"prompt\[1\] is of type PosixPath.*Image.from_path", id="a-path"),
        pytest.param([io.BytesIO(PNG)], r"prompt\[0\] is of type BytesIO.*Image.from_file", id="an-open-file"),
        pytest.param(["Hi", Picture()], r"Wrap it: Image.of\(...\)", id="a-picture-of-another-library"),
        pytest.param(["Hi", ["there", IMAGE]], r"prompt\[1\] is of type list", id="a-list-in-the-list"),
    ],
)
def test_what_is_no_prompt_is_refused_with_what_works(prompt: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_prompt(prompt, MODEL)


def large(size: int, name: str = "big.png") -> Image:
    return Image(PNG + bytes(size), "image/png", display_name=name)


def test_a_file_that_is_too_large_for_an_older_model_is_refused_by_its_name() -> None:
    prompt = ["What?", large(16_000_000)]

    with pytest.raises(ConfigurationError, match=r"'big.png' has 16,000,070 bytes, more than the 15,728,640"):
        read_prompt(prompt, OLD)
    assert read_prompt(prompt, MODEL).parts


def test_files_that_are_too_large_together_are_refused() -> None:
    prompt = [large(8_000_000, "a.png"), large(9_000_000, "b.png")]

    with pytest.raises(ConfigurationError, match=r"The 2 media have 17,000,140 bytes together.*'b.png'"):
        read_prompt(prompt, OLD)


def test_the_resolution_of_one_file_is_refused_where_the_model_knows_none() -> None:
    prompt = [Image.from_bytes(PNG, media_resolution="low")]

    with pytest.raises(ConfigurationError, match=r"gemini-2.5-flash knows no media_resolution.*media_resolution="):
        read_prompt(prompt, OLD)
    assert read_prompt(prompt, MODEL).parts


def test_an_image_of_a_kind_that_only_newer_models_read_is_refused_by_its_name() -> None:
    prompt = [Image.from_bytes(HEADS["image/gif"], display_name="party.gif")]

    with pytest.raises(ConfigurationError, match=r"'party.gif' is image/gif, which gemini-2.5-flash does not read.*P"):
        read_prompt(prompt, OLD)
    with pytest.raises(ConfigurationError, match=r"A file is image/gif, which gemini-2.5-flash does not read"):
        read_prompt(Image.from_bytes(HEADS["image/gif"]), MODEL, OLD)
    assert read_prompt(prompt, MODEL).parts


@pytest.mark.parametrize("prompt", [{"role": "user", "parts": [{"text": "Hi"}]}, {"Hi", "Ho"}], ids=["dict", "set"])
def test_what_would_lose_its_order_or_its_values_is_no_prompt(prompt: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"A prompt cannot be a (dict|set)"):
        read_prompt(prompt, MODEL)


@pytest.mark.parametrize("method", ["run", "stream_sync", "run_many", "run_batch_sync"])
def test_the_types_of_what_takes_prompts_can_be_read(method: str) -> None:
    code = f"import agentkit, typing; print('Part' in str(typing.get_type_hints(agentkit.Agent.{method})))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ("True", "")
