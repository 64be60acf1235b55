"""What an agent says about every request: it arrives as it should, or is refused with what works instead."""

from typing import Any

import pytest

from agentkit import Agent, Audio, ConfigurationError, GeminiClient, Image, Speech
from agentkit.models import known_models
from agentkit.testing import Emulator, text
from agentkit.testing.rules import check_request
from agentkit.testing.server import serve
from agentkit.wire import SafetySetting

MODEL = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"

ARRIVE = [
    pytest.param({"temperature": 0}, {"temperature": 0}, id="an-integer-stays-one"),
    pytest.param({"max_output_tokens": 50, "seed": 7}, {"maxOutputTokens": 50, "seed": 7}, id="several"),
    pytest.param({"stop_sequences": ("END",)}, {"stopSequences": ["END"]}, id="a-tuple"),
    pytest.param({"top_p": 0.5, "top_k": 20}, {"topP": 0.5, "topK": 20}, id="sampling"),
    pytest.param(
        {"media_resolution": "MEDIA_RESOLUTION_LOW"}, {"mediaResolution": "MEDIA_RESOLUTION_LOW"}, id="a-word"
    ),
    pytest.param(
        {"thinking_config": {"thinking_level": "LOW", "includeThoughts": True}},
        {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}},
        id="thinking-by-hand-in-either-way-of-writing",
    ),
    pytest.param({"temperature": None}, None, id="none-leaves-it-out"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("settings", "config"), ARRIVE)
async def test_generation_settings_arrive_by_the_names_of_the_wire(
    emulator: Emulator, client: GeminiClient, settings: Any, config: object
) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, **settings).run("Hi.")

    assert emulator.requests[0].get("generationConfig") == config
    assert not emulator.findings


REFUSED = [
    pytest.param({"temperature": "hot"}, "temperature='hot': the value is of the wrong kind", id="of-the-wrong-kind"),
    pytest.param({"temperature": 3}, "temperature=3: give 0 to 2", id="too-hot"),
    pytest.param({"max_output_tokens": 0}, "give 1 or more", id="no-output"),
    pytest.param({"stop_sequences": list("abcdef")}, "holds 6 texts; at most 5", id="too-many-stops"),
    pytest.param({"logprobs": 3}, "needs response_logprobs=True", id="logprobs-alone"),
    pytest.param({"candidate_count": 2}, "gives one candidate", id="candidates-of-a-new-model"),
    pytest.param({"max_output_tokens": 10**6}, "gives at most 65536", id="more-than-there-is"),
    pytest.param({"service_tier": "cheap"}, "service_tier='cheap' is not known", id="an-unknown-tier"),
    pytest.param({"labels": {"Team": "a"}}, "'Team' is no label", id="a-capital-in-a-label"),
    pytest.param({"safety": "strict"}, "safety of harassment='strict' is not known", id="an-unknown-word"),
    pytest.param({"extra": {"contents": []}}, "the contents belong to the run", id="contents-as-extra"),
    pytest.param({"extra": {"generation_config": {}}}, "no name of the wire", id="pythons-name-as-extra"),
    pytest.param({"thinking": "low", "thinking_config": {}}, "not both", id="thinking-twice"),
]


@pytest.mark.parametrize(("settings", "sentence"), REFUSED)
def test_a_setting_that_cannot_be_right_is_refused_at_construction(settings: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(MODEL, **settings)


WRONG_PAIRS = [
    pytest.param(MODEL, {"thinking_level": "LOW", "thinking_budget": 5}, "Give one", id="both"),
    pytest.param(OLD, {"thinking_level": "LOW"}, r"'thinking_budget': ...} \(0 to 24576", id="a-level-for-2.5"),
    pytest.param("gemini-3.8-flash", {"thinking_level": "MINIMAL"}, "but low, medium, high", id="a-level-too-low"),
    pytest.param("gemini-2.5-pro", {"thinking_budget": 0}, "128 to 32768 tokens, or -1", id="thinking-cannot-be-off"),
    pytest.param(OLD, {"thinking_budget": 99_999}, "0 to 24576 tokens", id="a-budget-too-large"),
    pytest.param("gemma-4-31b-it", {"thinking_budget": 5}, r"...} \(minimal", id="a-budget-for-gemma"),
    pytest.param("gemini-2.0-flash", {"thinking_level": "LOW"}, "does not think", id="a-model-that-does-not-think"),
]


@pytest.mark.rows(117)
@pytest.mark.parametrize(("model", "config", "sentence"), WRONG_PAIRS)
def test_a_wrong_pair_by_hand_is_refused_with_the_right_parameter(
    model: str, config: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(model, thinking_config=config)


@pytest.mark.parametrize("model", [one.id for one in known_models() if "TEXT" in one.output])
@pytest.mark.parametrize(
    "config",
    [
        {"thinkingLevel": "MINIMAL"},
        {"thinkingLevel": "LOW"},
        {"thinkingLevel": "HIGH"},
        {"thinkingLevel": "XHIGH"},
        {"thinkingBudget": 0},
        {"thinkingBudget": -1},
        {"thinkingBudget": 100},
        {"thinkingBudget": 30_000},
    ],
)
def test_what_is_refused_by_hand_is_what_the_rules_refuse(model: str, config: dict[str, Any]) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}], "generationConfig": {"thinkingConfig": config}}
    findings = check_request(body, model=model, profile="google")
    is_wrong = any(one.severity == "error" and one.rule == "E24" for one in findings)

    try:
        Agent(model, thinking_config=config)
    except ConfigurationError:
        assert is_wrong
    else:
        assert not is_wrong


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
@pytest.mark.parametrize("thinking", ["off", "minimal", "low", "medium", "high", "xhigh", "dynamic", 0, 700, -1])
async def test_every_way_to_say_thinking_is_taken_by_every_kind_of_model(profile: Any, thinking: Any) -> None:
    models = [MODEL, OLD, "gemini-2.5-pro", "gemini-3.8-flash", "gemini-4-neon", "gemini-9-nova"]
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=profile, bearer=profile == "vertex")
        for model in models:
            emulator.reply(text("Hello.", thoughts="They say hi."))
            agent = Agent(model, client=client, thinking=thinking, include_thoughts=True)
            result = await agent.run("Hi.")
            assert result.thoughts == "They say hi."
            assert result.usage.thought_tokens > 0

        assert not [one for one in emulator.findings if one.rule == "E24"]


def test_a_clamped_setting_is_noted() -> None:
    agent = Agent("gemini-3.8-flash", thinking="minimal", temperature=0)

    assert agent.notes == [
        "'gemini-3.8-flash' does not take thinking='minimal': level 'low' instead.",
        "'gemini-3.8-flash' takes no notice of temperature.",
    ]
    assert Agent(MODEL, thinking="low", temperature=0).notes == []


HARASSMENT = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
SAFETY = [
    pytest.param({"harassment": "high"}, [HARASSMENT], id="words-by-category"),
    pytest.param([HARASSMENT], [HARASSMENT], id="settings-of-the-wire"),
    pytest.param([SafetySetting.parse(HARASSMENT)], [HARASSMENT], id="messages-of-the-wire"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("safety", "sent"), SAFETY)
async def test_safety_is_said_by_words(emulator: Emulator, client: GeminiClient, safety: Any, sent: object) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, safety=safety).run("Hi.")

    assert emulator.requests[0]["safetySettings"] == sent
    assert not emulator.findings


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("word", "threshold"),
    [("off", "OFF"), ("none", "BLOCK_NONE"), ("medium", "BLOCK_MEDIUM_AND_ABOVE"), ("low", "BLOCK_LOW_AND_ABOVE")],
)
async def test_one_word_is_for_all_categories(
    emulator: Emulator, client: GeminiClient, word: Any, threshold: str
) -> None:
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, safety=word).run("Hi.")

    sent = emulator.requests[0]["safetySettings"]
    assert {one["threshold"] for one in sent} == {threshold}
    assert len({one["category"] for one in sent}) == 4
    assert not emulator.findings


@pytest.mark.anyio
async def test_fields_beside_the_generation_config_arrive(emulator: Emulator) -> None:
    client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint="google")
    emulator.reply(text("Hello."))

    await Agent(MODEL, client=client, service_tier="flex", labels={"team": "a-1"}, store=False).run("Hi.")

    sent = emulator.requests[0]
    assert (sent["serviceTier"], sent["labels"], sent["store"]) == ("flex", {"team": "a-1"}, False)
    assert not emulator.findings


STRANGERS = [
    pytest.param("vertex", {"service_tier": "flex"}, "only Google's own endpoint", id="a-tier-on-vertex"),
    pytest.param("comet", {"store": True}, "the comet endpoint would refuse", id="store-on-comet"),
    pytest.param("vertex", {"enable_enhanced_civic_answers": True}, "Google's own", id="civic-answers-on-vertex"),
    pytest.param("google", {"audio_timestamp": True}, "only Vertex knows this", id="timestamps-on-google"),
    pytest.param("google", {"safety": [{**HARASSMENT, "method": "PROBABILITY"}]}, "'method'", id="method-on-google"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("endpoint", "settings", "sentence"), STRANGERS)
async def test_what_an_endpoint_does_not_know_is_refused_before_sending(
    endpoint: Any, settings: Any, sentence: str
) -> None:
    with serve(Emulator()) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=endpoint)

        with pytest.raises(ConfigurationError, match=sentence):
            await Agent(MODEL, client=client, **settings).run("Hi.")

        assert not emulator.asked


@pytest.mark.anyio
async def test_extra_is_merged_into_every_request(emulator: Emulator, client: GeminiClient) -> None:
    for _ in range(2):
        emulator.reply(text("Hello."))
    extra = {"generationConfig": {"seed": 7, "topP": 0.1}, "cachedContent": None}
    agent = Agent(MODEL, client=client, temperature=0, instructions="Be brief.", extra=extra)

    result = await agent.run("Hi.")
    await agent.run("Again.", history=result.contents)

    first, second = emulator.requests
    assert first["generationConfig"] == {"temperature": 0, "topP": 0.1, "seed": 7}
    assert first["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert {name: second[name] for name in second if name != "contents"} == {
        name: first[name] for name in first if name != "contents"
    }
    assert len(second["contents"]) == 3


@pytest.mark.anyio
async def test_an_unknown_field_in_extra_reaches_the_service(emulator: Emulator, client: GeminiClient) -> None:
    """The emulator knows today's fields only, and says so in the service's words."""
    with pytest.raises(Exception, match='Unknown name "newField"'):
        await Agent(MODEL, client=client, extra={"generationConfig": {"newField": 1}}).run("Hi.")

    assert emulator.requests[0]["generationConfig"] == {"newField": 1}


def place() -> str:
    """Where we are."""
    return "Oslo"


SAID_TWICE = [
    pytest.param({"tool_choice": "any"}, "toolConfig.functionCallingConfig", {"mode": "NONE"}, id="a-mode"),
    pytest.param({"tool_choice": ["place"]}, "toolConfig.functionCallingConfig", {"newField": 1}, id="beside-a-mode"),
    pytest.param({"temperature": 0}, "generationConfig.temperature", 1, id="a-setting-that-is-0"),
    pytest.param({"top_p": 0.9}, "generationConfig.topP", 0.9, id="a-setting-in-equal-words"),
    pytest.param({"thinking": "low"}, "generationConfig.thinkingConfig.thinkingLevel", "HIGH", id="thinking"),
    pytest.param({"thinking": 0}, "generationConfig.thinkingConfig.thinkingBudget", 5, id="a-budget"),
    pytest.param(
        {"include_thoughts": True}, "generationConfig.thinkingConfig.includeThoughts", False, id="thoughts-shown"
    ),
    pytest.param(
        {"thinking_config": {"thinking_level": "LOW"}},
        "generationConfig.thinkingConfig.thinkingLevel",
        "HIGH",
        id="within-an-object",
    ),
    pytest.param({"thinking_config": {"thinking_level": "LOW"}}, "generationConfig", 5, id="around-an-object"),
    pytest.param({"safety": "high"}, "safetySettings", [], id="safety"),
    pytest.param({"service_tier": "flex"}, "serviceTier", "standard", id="a-tier"),
    pytest.param({"labels": {"team": "a"}}, "labels.team", "b", id="a-label"),
    pytest.param({"store": False}, "store", True, id="no-to-logs"),
    pytest.param({"cached_content": "cachedContents/a"}, "cachedContent", "cachedContents/b", id="a-cache"),
    pytest.param({"instructions": "Be brief."}, "systemInstruction", {"parts": []}, id="instructions"),
    pytest.param({"tools": [place]}, "tools", [{"newTool": {}}], id="tools"),
    pytest.param({"output": int}, "generationConfig.responseMimeType", "text/plain", id="a-type"),
    pytest.param({"output": Audio, "speech": Speech("Kore")}, "generationConfig.speechConfig", {}, id="a-voice"),
    pytest.param(
        {"output": Image, "aspect_ratio": "1:1"}, "generationConfig.imageConfig.aspectRatio", "16:9", id="a-ratio"
    ),
    pytest.param({"output": Image, "image_size": "1K"}, "generationConfig.imageConfig.imageSize", "2K", id="a-size"),
    pytest.param({}, "model", "gemini-9-nova", id="another-model"),
]


@pytest.mark.parametrize(("options", "path", "value"), SAID_TWICE)
def test_what_a_parameter_and_extra_both_say_is_refused_with_both_names(options: Any, path: str, value: object) -> None:
    model = {Audio: "gemini-2.5-flash-preview-tts", Image: "gemini-3.1-flash-image-preview"}.get(
        options.get("output"), MODEL
    )
    extra: Any = value
    for name in reversed(path.split(".")):
        extra = {name: extra}

    with pytest.raises(ConfigurationError, match=f"^extra: '{path}' is said by {list(options or ['model'])[-1]}="):
        Agent(model, **options, extra=extra)


SAID_ONCE = [
    pytest.param({"tool_choice": "any"}, {"toolConfig": {"retrievalConfig": {"languageCode": "no"}}}, id="no-mode"),
    pytest.param({"thinking": "low"}, {"generationConfig": {"thinkingConfig": {"newField": 1}}}, id="a-new-field"),
    pytest.param({"thinking_config": {"new_field": 1}}, {"generationConfig": {"thinkingConfig": {}}}, id="nothing"),
    pytest.param({"labels": {"team": "a"}}, {"labels": {"app": "b"}}, id="another-label"),
    pytest.param({"temperature": 0}, {"generationConfig": {"topK": 40}}, id="another-setting"),
    pytest.param({"include_thoughts": False}, {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}),
    pytest.param({"safety": ()}, {"safetySettings": []}, id="no-safety"),
    pytest.param({"output": str}, {"generationConfig": {"responseMimeType": "text/plain"}}, id="plain-text"),
]


@pytest.mark.parametrize(("options", "extra"), SAID_ONCE)
def test_what_extra_alone_says_may_stay(options: Any, extra: Any) -> None:
    assert Agent(MODEL, **options, extra=extra).extra == extra


@pytest.mark.anyio
async def test_a_calling_mode_in_extra_alone_takes_the_place_of_the_usual_one(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(text("Hello."))

    await Agent(
        MODEL, client=client, tools=[place], extra={"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}
    ).run("Hi.")

    assert emulator.requests[0]["toolConfig"] == {"functionCallingConfig": {"mode": "NONE"}}


WRONG_KINDS = [
    pytest.param({"thinking": 1.5}, r"thinking=1\.5: thinking as a number is a count of tokens", id="half-a-token"),
    pytest.param({"temperature": float("nan")}, "give a finite number", id="no-number"),
    pytest.param({"seed": 2**40}, "seed=1099511627776: give -2147483648 to 2147483647", id="more-than-32-bits"),
    pytest.param({"include_thoughts": "yes"}, "include_thoughts must be True or False", id="a-yes"),
    pytest.param({"seed": "x"}, "Give one of type int", id="text-for-a-number"),
    pytest.param({"model": [MODEL, MODEL]}, "names a model twice", id="a-model-twice"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG_KINDS)
def test_what_is_wrong_is_said_in_words(options: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(**{"model": MODEL, **options})


@pytest.mark.parametrize(("name", "meant"), [("temprature", "temperature"), ("maxOutputTokens", "max_output_tokens")])
def test_a_misspelt_setting_is_told_with_the_nearest_name(name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{name}'\. Did you mean '{meant}'"):
        Agent(MODEL, **{name: 1})  # type: ignore[call-overload]
