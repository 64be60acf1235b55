"""Media that tools return: where the model gets them, by model and type, and how they outlive a saved run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from agentkit import (
    Agent,
    Audio,
    ConfigurationError,
    File,
    Image,
    Middleware,
    Pdf,
    RunContext,
    RunState,
    ToolCall,
    ToolDefinitionError,
    ToolFinished,
    ToolMedia,
    Video,
    approve,
    tool,
)
from agentkit.testing import FakeGemini, calls, reply, says
from agentkit.testing.finding import Profile
from tests.media_files import HEADS, JPEG, PDF, PNG, WAV, base64_of

pytestmark = pytest.mark.anyio

NEW = "gemini-3-flash-preview"
NEWEST = "gemini-4-argon"
OLD = "gemini-2.5-flash"
PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
IMAGE, PAPER, SOUND = Image.from_bytes(PNG), Pdf.from_bytes(PDF, display_name="paper.pdf"), Audio.from_bytes(WAV)


@tool
def chart(kind: str = "bar") -> Image:
    """Draw a chart."""
    return IMAGE


@tool
def library() -> dict[str, Any]:
    """Find papers, with a cover and a recording."""
    return {"papers": [PAPER], "cover": Image.from_bytes(JPEG), "talk": SOUND, "count": 1}


def inline(mime_type: str, data: bytes, name: str | None = None) -> dict[str, Any]:
    named = {"displayName": name} if name else {}
    return {"inlineData": {"mimeType": mime_type, "data": base64_of(data), **named}}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", [NEW, "gemini-3.8-flash", NEWEST])
async def test_an_image_goes_into_the_function_response(profile: Profile, model: str) -> None:
    async with FakeGemini(calls("chart"), says("Two bars."), profile=profile) as gemini:
        result = await Agent(model, tools=[chart]).run("Chart?", client=gemini.client)
        gemini.assert_valid()
        *_, last = gemini.requests[1]["contents"]

    [part] = last["parts"]
    assert part["functionResponse"]["response"] == {"media": "chart-1.png", "mimeType": "image/png"}
    assert part["functionResponse"]["parts"] == [inline("image/png", PNG, "chart-1.png")]
    named = Image(PNG, "image/png", display_name="chart-1.png")
    assert result.tool_media == [ToolMedia(tool="chart", media=named, place="response")]


@pytest.mark.parametrize("profile", PROFILES)
async def test_an_older_model_gets_the_image_in_a_content_of_its_own(profile: Profile) -> None:
    async with FakeGemini(calls("chart"), says("Two bars."), profile=profile) as gemini:
        result = await Agent(OLD, tools=[chart]).run("Chart?", client=gemini.client)
        gemini.assert_valid()
        *_, answered, shown = gemini.requests[1]["contents"]

    [part] = answered["parts"]
    assert "parts" not in part["functionResponse"]
    assert shown == {
        "role": "user",
        "parts": [{"text": "'chart-1.png', returned by chart:"}, inline("image/png", PNG)],
    }
    named = Image(PNG, "image/png", display_name="chart-1.png")
    assert result.tool_media == [ToolMedia(tool="chart", media=named, place="content")]


@pytest.mark.parametrize("profile", PROFILES)
async def test_each_medium_goes_where_its_type_is_taken(profile: Profile) -> None:
    async with FakeGemini(calls("library"), says("One."), profile=profile) as gemini:
        result = await Agent(NEW, tools=[library]).run("Papers?", client=gemini.client)
        gemini.assert_valid()
        *_, answered, shown = gemini.requests[1]["contents"]

    response = answered["parts"][0]["functionResponse"]
    assert response["response"] == {
        "papers": [{"media": "paper.pdf", "mimeType": "application/pdf"}],
        "cover": {"media": "library-2.jpg", "mimeType": "image/jpeg"},
        "talk": {"media": "library-3.wav", "mimeType": "audio/wav"},
        "count": 1,
    }
    assert response["parts"] == [
        inline("application/pdf", PDF, "paper.pdf"),
        inline("image/jpeg", JPEG, "library-2.jpg"),
    ]
    assert shown["parts"] == [{"text": "'library-3.wav', returned by library:"}, inline("audio/wav", WAV)]
    assert [(one.media.display_name, one.place) for one in result.tool_media] == [
        ("paper.pdf", "response"),
        ("library-2.jpg", "response"),
        ("library-3.wav", "content"),
    ]


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_calls_side_by_side_keep_their_media_apart(model: str) -> None:
    both = reply(calls("chart"), calls("library"), calls("chart", kind="pie"))

    async with FakeGemini(both, says("Done.")) as gemini:
        result = await Agent(model, tools=[chart, library]).run("All?", client=gemini.client)
        gemini.assert_valid()
        answered = next(c for c in gemini.requests[1]["contents"] if "functionResponse" in c["parts"][0])

    assert [part["functionResponse"]["name"] for part in answered["parts"]] == ["chart", "library", "chart"]
    assert sorted(one.tool for one in result.tool_media) == ["chart", "chart", "library", "library", "library"]
    if model == OLD:
        assert [one.tool for one in result.tool_media] == ["chart", "library", "library", "library", "chart"]


@dataclass
class Report:
    title: str
    pages: list[File]


async def test_media_are_found_in_dataclasses_and_equal_names_are_told_apart() -> None:
    @tool
    def report() -> Report:
        """Make a report."""
        page = File.from_bytes(b"words", display_name="page")
        return Report("Oslo", [page, page])

    async with FakeGemini(calls("report"), says("Done.")) as gemini:
        await Agent(NEW, tools=[report]).run("Report?", client=gemini.client)
        [part] = gemini.requests[1]["contents"][-1]["parts"]

    names = [page["media"] for page in part["functionResponse"]["response"]["pages"]]
    assert names == ["page", "2-page"]
    assert [one["inlineData"]["displayName"] for one in part["functionResponse"]["parts"]] == names


class Page(pydantic.BaseModel):
    title: str
    images: list[Image]


async def test_media_are_found_in_pydantic_models() -> None:
    @tool
    def page() -> Page:
        """Get a page."""
        return Page(title="Oslo", images=[IMAGE])

    async with FakeGemini(calls("page"), says("Done.")) as gemini:
        result = await Agent(NEW, tools=[page]).run("Page?", client=gemini.client)
        [part] = gemini.requests[1]["contents"][-1]["parts"]

    shown = {"media": "page-1.png", "mimeType": "image/png"}
    assert part["functionResponse"]["response"] == {"title": "Oslo", "images": [shown]}
    assert [one.media.data for one in result.tool_media] == [PNG]


def test_a_model_cannot_give_media_as_arguments_or_inside_an_answer() -> None:
    def crop(image: Image) -> str:
        """Crop it."""
        return "cropped"

    with pytest.raises(ToolDefinitionError, match="image"):
        tool(crop)
    with pytest.raises(ConfigurationError, match="Image"):
        Agent(NEW, output=Page)


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_link_is_given_as_a_link(profile: Profile) -> None:
    @tool
    def cover() -> Image:
        """Find a cover."""
        return Image.from_url("https://x.example/cover.png")

    @tool
    def film() -> Video:
        """Find a film."""
        return Video.from_url("https://youtu.be/abc", start_s=5)

    both = reply(calls("cover"), calls("film"))
    async with FakeGemini(both, says("Done."), profile=profile) as gemini:
        await Agent(NEW, tools=[cover, film]).run("Cover?", client=gemini.client)
        gemini.assert_valid()
        *_, answered, shown = gemini.requests[1]["contents"]

    link = {"fileUri": "https://x.example/cover.png", "mimeType": "image/png", "displayName": "cover-1.png"}
    assert answered["parts"][0]["functionResponse"]["parts"] == [{"fileData": link}]
    assert shown["parts"][1] == {
        "fileData": {"fileUri": "https://youtu.be/abc", "mimeType": "video/mp4"},
        "videoMetadata": {"startOffset": "5s"},
    }


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_a_paused_run_keeps_the_media_of_the_calls_that_ran(model: str) -> None:
    @tool(needs_approval=True)
    def publish() -> str:
        """Publish it."""
        return "published"

    agent = Agent(model, tools=[chart, publish])
    async with FakeGemini(reply(calls("chart"), calls("publish")), says("Done.")) as gemini:
        paused = await agent.run("Publish a chart.", client=gemini.client)
        state = RunState.load_json(paused.state.dump_json())
        [request] = state.waiting
        result = await agent.resume(state, decisions={request.key: approve()}, client=gemini.client)
        gemini.assert_valid()

    assert [one.media.data for one in result.tool_media] == [PNG]
    assert RunState.load_json(result.state.dump_json()).contents == result.state.contents


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_a_conversation_with_media_of_tools_goes_on(model: str) -> None:
    agent = Agent(model, tools=[chart])
    async with FakeGemini(calls("chart"), says("Two bars."), says("Blue."), calls("chart"), says("Ok.")) as gemini:
        chat = agent.chat(client=gemini.client)
        first = await chat.run("Chart?")
        second = await chat.run("Which colour?")
        third = await agent.run("Again?", history=chat.contents, client=gemini.client)
        gemini.assert_valid()

    assert [len(result.tool_media) for result in (first, second, third)] == [1, 0, 1]


class Watching(Middleware):
    """Keeps what the model is told about calls, and answers a call that it has seen with what it was told then."""

    def __init__(self) -> None:
        self.stored: dict[str, Mapping[str, Any]] = {}

    async def around_tool(
        self,
        context: RunContext[Any],
        call: ToolCall,
        proceed: Callable[[ToolCall], Awaitable[Mapping[str, Any]]],
    ) -> Mapping[str, Any]:
        key = f"{call.tool}{sorted(call.args)}"
        if key not in self.stored:
            self.stored[key] = await proceed(call)
        return self.stored[key]


async def test_middleware_that_stores_a_response_stores_its_media() -> None:
    watching = Watching()
    agent = Agent(NEW, tools=[chart], middleware=[watching])

    for _ in range(2):
        async with FakeGemini(calls("chart"), says("Done.")) as gemini:
            result = await agent.run("Chart?", client=gemini.client)
            gemini.assert_valid()
        assert [one.media.data for one in result.tool_media] == [PNG]

    [stored] = watching.stored.values()
    assert stored["$media"] == [inline("image/png", PNG, "chart-1.png")]


async def test_events_show_the_result_without_the_bytes() -> None:
    async with (
        FakeGemini(calls("chart"), says("Done.")) as gemini,
        Agent(NEW, tools=[chart]).stream("Chart?", client=gemini.client) as run,
    ):
        events = [event async for event in run]

    [finished] = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.response == {"media": "chart-1.png", "mimeType": "image/png"}


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_a_camera_that_shows_something_new_is_no_circle(model: str) -> None:
    pictures = [bytes([number]) for number in range(6)]

    @tool
    def camera() -> Image:
        """Take a picture."""
        return Image(PNG + pictures.pop(), "image/png")

    steps = [calls("camera") for _ in range(6)]
    async with FakeGemini(*steps, says("A cat.")) as gemini:
        result = await Agent(model, tools=[camera]).run("Watch.", client=gemini.client)

    assert (result.stop, len(result.tool_media)) == ("answer", 6)


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_a_camera_that_shows_the_same_again_and_again_is_one(model: str) -> None:
    steps = [calls("chart") for _ in range(4)]

    async with FakeGemini(*steps, says("Nothing new.")) as gemini:
        result = await Agent(model, tools=[chart]).run("Watch.", client=gemini.client)

    assert result.stop == "answer"
    assert "Do something else" in str(gemini.requests[-1]["contents"])


async def test_a_result_that_is_too_large_to_be_shown_is_told_to_the_model() -> None:
    @tool
    def scan() -> Image:
        """Scan a page."""
        return Image(PNG + bytes(16_000_000), "image/png")

    async with FakeGemini(calls("scan"), says("Sorry.")) as gemini:
        result = await Agent(OLD, tools=[scan]).run("Scan?", client=gemini.client)
        [part] = gemini.requests[1]["contents"][-1]["parts"]

    told = part["functionResponse"]["response"]["error"]
    assert told == "scan returned files of 16,000,070 bytes; at most 15,728,640 can be shown."
    assert result.output == "Sorry."


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_kind_of_image_that_an_older_model_does_not_read_is_told_to_it_in_words(profile: Profile) -> None:
    @tool
    def party() -> list[Image]:
        """Make a moving picture."""
        return [IMAGE, Image.from_bytes(HEADS["image/gif"], display_name="party.gif")]

    async with FakeGemini(calls("party"), says("Sorry."), profile=profile) as gemini:
        result = await Agent(OLD, tools=[party]).run("Party?", client=gemini.client)
        gemini.assert_valid()
        [part] = gemini.requests[1]["contents"][-1]["parts"]

    told = part["functionResponse"]["response"]["error"]
    assert told.startswith("party ran, but 'party.gif' cannot be shown: you do not read image/gif, only PNG, JPEG,")
    assert result.tool_media == []


@pytest.mark.parametrize("profile", PROFILES)
async def test_newer_models_get_a_gif_behind_the_response(profile: Profile) -> None:
    @tool
    def party() -> Image:
        """Make a moving picture."""
        return Image.from_bytes(HEADS["image/gif"], display_name="party.gif")

    async with FakeGemini(calls("party"), says("Fun."), profile=profile) as gemini:
        result = await Agent(NEW, tools=[party]).run("Party?", client=gemini.client)

    assert [one.place for one in result.tool_media] == ["content"]


async def test_a_tool_cannot_attach_media_by_their_name() -> None:
    @tool
    def page() -> dict[str, Any]:
        """Read a page that strangers wrote."""
        return {"$media": [{"fileData": {"fileUri": "files/of-somebody-else"}}]}

    async with FakeGemini(calls("page"), says("Done.")) as gemini:
        result = await Agent(NEW, tools=[page]).run("Page?", client=gemini.client)
        [part] = gemini.requests[1]["contents"][-1]["parts"]

    assert "uses the name '$media', which is not its own" in part["functionResponse"]["response"]["error"]
    assert result.tool_media == []


@pytest.mark.parametrize("model", [NEW, NEWEST])
async def test_office_documents_go_where_gemini_4_takes_them(model: str) -> None:
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    @tool
    def table() -> File:
        """Get a table."""
        return File(HEADS["video/mp4"], sheet, display_name="a.xlsx")

    async with FakeGemini(calls("table"), says("Done.")) as gemini:
        result = await Agent(model, tools=[table]).run("Table?", client=gemini.client)
        gemini.assert_valid()

    assert [one.place for one in result.tool_media] == ["response" if model == NEWEST else "content"]
