"""How a typed answer is asked for: chosen for the model, forced by the caller, refused where the model cannot."""

import enum
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from agentkit import (
    Agent,
    CodeExecution,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    ResponseTruncated,
    approve,
    tool,
)
from agentkit.models import known_models
from agentkit.testing import Emulator, call, error, finish, text
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve

NEW = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"


class Colour(enum.Enum):
    RED = "red"
    LIGHT_BLUE = "light blue"


def look(word: str = "") -> str:
    return "seen"


def yielding(_ctx: object, _answer: object) -> Iterator[None]:
    yield


@tool(needs_approval=True)
def pay(euros: int) -> str:
    return "paid"


CHOSEN = [
    pytest.param(NEW, str, [], "auto", "text", id="text"),
    pytest.param(NEW, int, [], "auto", "native", id="newer-alone"),
    pytest.param(NEW, int, [look], "auto", "native", id="newer-with-functions"),
    pytest.param(NEW, int, [CodeExecution()], "auto", "native", id="newer-with-built-ins"),
    pytest.param(OLD, int, [], "auto", "native", id="older-alone"),
    pytest.param(OLD, int, [look], "auto", "function", id="older-with-functions"),
    pytest.param(NEW, Colour, [], "auto", "enum", id="enum-alone"),
    pytest.param(OLD, Literal["a", "b"], [], "auto", "enum", id="literal-alone-on-an-older-model"),
    pytest.param(NEW, Colour, [look], "auto", "native", id="enum-with-functions"),
    pytest.param(OLD, Colour, [look], "auto", "function", id="enum-with-functions-on-an-older-model"),
    pytest.param(NEW, Literal["a", 1], [], "auto", "native", id="literal-with-a-number"),
    pytest.param(NEW, Literal["a", ""], [], "auto", "native", id="literal-with-an-empty-text"),
    pytest.param(NEW, Colour | None, [], "auto", "native", id="optional-enum"),
    pytest.param(NEW, int, [], "function", "function", id="forced-function-alone"),
    pytest.param(NEW, int, [look], "function", "function", id="forced-function"),
    pytest.param(NEW, Colour, [], "native", "native", id="forced-json-of-an-enum"),
    pytest.param(NEW, Colour, [look], "enum", "enum", id="forced-enum-with-functions"),
]
ANSWERS: dict[Any, tuple[str, object]] = {int: ("7", 7), str: ("7", "7"), Colour: ("light blue", "light blue")}
ANSWERS[Colour | None] = ANSWERS[Colour]


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
@pytest.mark.parametrize(("model", "output", "tools", "asked", "used"), CHOSEN)
async def test_the_way_is_chosen_for_the_model_and_told_in_the_result(
    profile: Profile, model: str, output: Any, tools: list[Any], asked: Any, used: str
) -> None:
    said, value = ANSWERS.get(output, ("a", "a"))
    settings = {} if output is str else {"output_mode": asked}
    with serve(Emulator(profile=profile)) as emulator:
        emulator.reply(
            call("final_answer", value=value)
            if used == "function"
            else text(f'"{said}"' if used == "native" and isinstance(value, str) else said)
        )
        agent = Agent(model, output=output, tools=tools, **settings)

        result = await agent.run("Go.", client=GeminiClient(api_key="k", base_url=emulator.url, endpoint=profile))

        assert getattr(result.output, "value", result.output) == value
        assert (result.output_mode, result.stop) == (used, "answer")
        assert not [finding for finding in emulator.findings if finding.severity == "error"]
        config = emulator.requests[0].get("generationConfig", {})
        assert config.get("responseMimeType") == {"native": "application/json", "enum": "text/x.enum"}.get(used)


@pytest.mark.anyio
async def test_a_pause_tells_the_way_too(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("pay", euros=7))
    emulator.reply(call("final_answer", value=7))
    agent: Agent[Any, int] = Agent(OLD, output=int, tools=[pay], client=client)

    paused = await agent.run("Pay.")
    result = await agent.resume(paused.state, decisions={paused.paused[0].key: approve()})

    assert (paused.output_mode, result.output_mode, result.output) == ("function", "function", 7)


ENUM_ANSWERS = [
    pytest.param("light blue", Colour.LIGHT_BLUE, id="bare"),
    pytest.param('"light blue"', Colour.LIGHT_BLUE, id="quoted"),
    pytest.param(" red\n", Colour.RED, id="with-blanks"),
    pytest.param("```\nred\n```", Colour.RED, id="fenced"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("said", "answer"), ENUM_ANSWERS)
async def test_one_word_of_an_enum_is_read(emulator: Emulator, client: GeminiClient, said: str, answer: Colour) -> None:
    emulator.reply(text(said))

    result = await Agent(NEW, output=Colour, client=client).run("Which?")

    assert result.output is answer
    schema = emulator.requests[0]["generationConfig"]["responseSchema"]
    assert (schema["type"], schema["enum"]) == ("STRING", ["red", "light blue"])


@pytest.mark.anyio
async def test_choices_that_look_like_json_are_still_words(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("12"))

    result = await Agent(NEW, output=Literal["12", "true"], client=client).run("Which?")

    assert result.output == "12"


@pytest.mark.anyio
async def test_another_word_is_asked_for_again_with_the_choices(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("purple"))
    emulator.reply(text("red"))

    result = await Agent(NEW, output=Colour, client=client).run("Which?")

    assert result.output is Colour.RED
    told = emulator.requests[1]["contents"][-1]["parts"][0]["text"]
    assert "expected 'red' or 'light blue', got \"purple\"" in told


@pytest.mark.anyio
async def test_a_word_that_was_cut_is_no_answer(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("red"), finish("MAX_TOKENS"))

    with pytest.raises(ResponseTruncated):
        await Agent(NEW, output=Literal["red", "reddish"], client=client).run("Which?")


REFUSED = [
    pytest.param(OLD, int, [look], "native", r"beside functions\. Use output_mode=\"function\" or \"auto\"", id="json"),
    pytest.param(OLD, Colour, [look], "enum", r"beside functions\. Use output_mode=\"function\"", id="enum"),
    pytest.param(
        *(OLD, int, [CodeExecution()], "native"), r"beside built-in tools\. Use a model of Gemini 3", id="built-ins"
    ),
    pytest.param("gemini-2.5-flash-image", int, [], "auto", "makes .*image, and no typed answers", id="image-model"),
    pytest.param("gemini-2.5-flash-preview-tts", int, [], "native", "makes audio, and no typed", id="speech-model"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("model", "output", "tools", "mode", "said"), REFUSED)
async def test_what_the_model_cannot_do_is_refused_before_sending(
    emulator: Emulator, client: GeminiClient, model: str, output: Any, tools: list[Any], mode: Any, said: str
) -> None:
    agent: Agent[Any, Any] = Agent(model, output=output, tools=tools, output_mode=mode, client=client)

    with pytest.raises(ConfigurationError, match=said):
        await agent.run("Go.")

    assert not emulator.requests


WRONG = [
    pytest.param({"output": int, "output_mode": "json"}, "output_mode='json' is not known", id="mode"),
    pytest.param({"output_mode": "native"}, "output_mode='native' needs a type", id="mode-without-a-type"),
    pytest.param({"output": int, "output_mode": "enum"}, 'output_mode="enum" needs an Enum', id="enum-of-no-words"),
    pytest.param(
        {"output": Literal["a", ""], "output_mode": "enum"}, "texts that are not empty", id="enum-with-an-empty-word"
    ),
    pytest.param({"output": int, "output_retries": -1}, "output_retries=-1", id="retries"),
    pytest.param({"output": int, "output_retries": True}, "output_retries=True", id="retries-that-are-no-number"),
    pytest.param({"output": int, "output_check": 7}, "output_check=7 must be a function", id="check"),
    pytest.param({"output": int, "output_check": look}, "output_check=look must be .* def check", id="check-of-one"),
    pytest.param({"output": int, "output_check": yielding}, "it does not yield", id="check-that-yields"),
    pytest.param(
        {"output": int, "response_mime_type": "application/json"},
        "hold responseMimeType, and output=",
        id="a-format-by-hand",
    ),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_wrong_settings_are_refused_at_construction(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Agent(NEW, **settings)


@pytest.mark.anyio
async def test_a_format_by_hand_is_sent_for_text(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("[1]"))

    result = await Agent(NEW, response_mime_type="application/json", client=client).run("Go.")

    assert (result.output, result.output_mode) == ("[1]", "text")


@pytest.mark.anyio
@pytest.mark.parametrize("field", ["responseJsonSchema", "response_json_schema"])
async def test_an_endpoint_that_knows_no_json_schema_is_told_of_with_the_setting_for_it(
    emulator: Emulator, client: GeminiClient, field: str
) -> None:
    emulator.reply(error(400, f"Invalid JSON payload received. Unknown name \"{field}\" at 'generation_config'."))

    with pytest.raises(InvalidRequest, match=r'use GeminiClient\(schema_dialect="openapi"\)'):
        await Agent(NEW, output=int, client=client).run("Go.")


@pytest.mark.parametrize("tools", [[], [look]], ids=["alone", "with-functions"])
@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
def test_every_known_model_that_answers_in_text_gets_a_request_it_takes(profile: Profile, tools: list[Any]) -> None:
    texts = [model.id for model in known_models() if model.output == ("TEXT",)]
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="k", base_url=emulator.url, endpoint=profile)
        used = {}
        for model in texts:
            agent: Agent[Any, int] = Agent(model, output=int, tools=tools, client=client)
            is_modern = next(known for known in known_models() if known.id == model).json_with_functions
            emulator.reply(call("final_answer", value=7) if tools and not is_modern else text("7"))
            used[model] = agent.run_sync("Go.").output_mode

        assert not [finding for finding in emulator.findings if finding.severity == "error"]
        assert set(used.values()) == ({"native", "function"} if tools else {"native"})
        assert len(used) > 15
