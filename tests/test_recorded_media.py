"""Recorded exchanges with media: what was sent and what came, in the public values."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from agentkit import Agent, AgentKitError, Audio, File, GeminiClient, Image, Media, Pdf, Retry, RunResult, Tool, Video
from agentkit._mime import content_types, is_same_type
from agentkit.testing import Asked, Emulator, FakeGemini, Reply, calls, recorded, reply, says
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from agentkit.tool_media import read_tool_media
from agentkit.wire import Content, Part
from tests.recorded import as_list, camel_case
from tests.traffic import answers, exchanges, needs_traffic, payloads

KINDS: dict[str, type[Media]] = {"image-input": Image, "pdf": Pdf, "video": Video, "audio": Audio}


def with_feature(feature: str) -> list[dict[str, Any]]:
    return [exchange for exchange in exchanges() if feature in exchange["features"]]


def contents_of(exchange: dict[str, Any]) -> list[Content]:
    body = (exchange["request"] or {}).get("body") or {}
    said = [camel_case(content) for content in as_list(body.get("contents"))]
    return [Content.parse({**content, "parts": as_list(content.get("parts"))}) for content in said]


def sent_parts(exchange: dict[str, Any]) -> Iterator[Part]:
    for content in contents_of(exchange):
        yield from content.parts or []


def of_media(part: Part) -> dict[str, Any]:
    """Return what a part says about its medium, base64 in the standard alphabet."""
    wire = {key: part.to_wire()[key] for key in ("inlineData", "fileData") if key in part.raw}
    if "inlineData" in wire:
        data = wire["inlineData"]["data"].translate(str.maketrans("-_", "+/"))
        wire["inlineData"]["data"] = base64.b64encode(base64.b64decode(data)).decode()
    return wire


@needs_traffic
@pytest.mark.parametrize("feature", KINDS)
def test_recorded_media_in_prompts_are_the_public_values(feature: str, show: Callable[[str], None]) -> None:
    kind, seen, types = KINDS[feature], 0, Counter[str]()
    for exchange in with_feature(feature):
        for part in sent_parts(exchange):
            found = kind.from_part(part)
            if found is None:
                continue
            seen += 1
            types[found.mime_type] += 1
            assert of_media(found.part()) == of_media(part)

    assert seen
    listed = ", ".join(f"{count} {mime_type}" for mime_type, count in types.most_common())
    show(f"{feature}: {len(with_feature(feature))} exchanges, {seen} media as {kind.__name__}: {listed}")


@needs_traffic
def test_the_content_of_recorded_files_says_the_type_that_was_sent(show: Callable[[str], None]) -> None:
    agreeing: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for exchange in exchanges():
        for part in sent_parts(exchange):
            file = File.from_part(part)
            if file is None or not file.data or "media-truncated" in exchange["features"]:
                continue
            known = content_types(file.data[:4096])
            if any(is_same_type(file.mime_type, one) for one in known):
                agreeing[file.mime_type] += 1
            else:
                other[f"{file.mime_type} is {known[0] if known else 'unknown'}"] += 1

    show(f"types by content: {agreeing.total()} recorded files as they were sent, {dict(other)} otherwise")
    assert agreeing.total() > 10 * other.total()


@needs_traffic
def test_recorded_media_of_tools_are_found_with_their_tool(show: Callable[[str], None]) -> None:
    found = [
        one for exchange in with_feature("multimodal-tool-result") for one in read_tool_media(contents_of(exchange))
    ]

    tools = Counter(one.tool for one in found)
    assert found
    assert all(one.place == "response" and one.tool for one in found)
    show(f"multimodal-tool-result: {len(with_feature('multimodal-tool-result'))} exchanges, {dict(tools)}")


def tool_returning(name: str, media: list[Media]) -> Tool[..., Any]:
    return Tool[..., Any].from_declaration({"name": name, "description": "Get it."}, lambda args: media)


@needs_traffic
def test_a_tool_that_returns_the_recorded_media_makes_the_recorded_parts(show: Callable[[str], None]) -> None:
    equal = 0
    for exchange in with_feature("multimodal-tool-result"):
        [last] = [part.function_response for part in contents_of(exchange)[-1].parts or [] if part.function_response]
        sent = [Part.of_raw(dict(held.raw)) for held in last.parts or []]
        media = [one for part in sent if (one := Image.from_part(part)) is not None]
        name, model = last.name or "", exchange["request"]["url_path"].rpartition("/")[2].partition(":")[0]
        # A file that was uploaded in the recording is not in the emulator, whose Vertex AI has no files to look for.
        is_elsewhere = "vertex" in exchange["features"] or any(part.file_data for part in sent)
        profile: Profile = "vertex" if is_elsewhere else "google"

        with FakeGemini(calls(name), says("Seen."), profile=profile, strict=False) as gemini:
            agent = Agent(model, tools=[tool_returning(name, media)], client=gemini.client)
            agent.run_sync("Look.")
            [answered] = gemini.requests[1]["contents"][-1]["parts"]
            gemini.assert_valid()

        made = [Part.parse(part) for part in answered["functionResponse"]["parts"]]
        assert [without_name(part) for part in made] == [of_media(part) for part in sent]
        equal += 1

    show(f"multimodal-tool-result: {equal} conversations carry the recorded parts")
    assert equal


def without_name(part: Part) -> dict[str, Any]:
    return {key: {k: v for k, v in value.items() if k != "displayName"} for key, value in of_media(part).items()}


async def ask_all(
    url: str, feature: str, current: list[dict[str, Any]], results: list[RunResult[str]], errors: Counter[str]
) -> None:
    """Take every recorded answer with a feature through the client and the loop."""
    async with GeminiClient(api_key="test-key", base_url=url, retry=Retry(attempts=1)) as client:
        agent = Agent("gemini-3-flash-preview", client=client)
        for exchange in answers():
            current[:] = payloads(exchange["response"])
            if feature not in exchange["features"] or not current:
                continue
            try:
                if "sse" in exchange["response"]:
                    async with agent.stream("Go.") as run:
                        results.append(await run.result())
                else:
                    results.append(await agent.run("Go."))
            except AgentKitError as error:  # anything else fails the test
                errors[type(error).__name__] += 1


@needs_traffic
@pytest.mark.parametrize("feature", ["image-output", "audio-output", *KINDS, "multimodal-tool-result"])
def test_recorded_answers_about_media_are_results(feature: str, show: Callable[[str], None]) -> None:
    current: list[dict[str, Any]] = []

    def repeat(asked: Asked) -> Reply:
        return reply(recorded(current))

    results: list[RunResult[str]] = []
    errors: Counter[str] = Counter()
    with serve(Emulator(strict=False, brain=repeat)) as service:
        anyio.run(ask_all, service.url, feature, current, results, errors)

    images = sum(len(result.images) for result in results)
    spoken = sum(result.audio is not None for result in results)
    mixed = sum(len(result.interleaved) > 1 for result in results)
    texts = sum(bool(result.text) for result in results)
    seen = f"{texts} with text, {images} images, {spoken} spoken, {mixed} of several kinds"
    show(f"answers with {feature}: {len(results)} results ({seen}), errors: {dict(errors)}")
    assert len(results) > 10 * errors.total()
    assert (images >= len(results)) == (feature == "image-output")
    assert bool(spoken) == (feature == "audio-output")
