"""Rules E23, E26 and E30: the numbers and formats of `generationConfig`, and the settings beside it."""

import re
from collections.abc import Iterator
from typing import Final

from agentkit.testing.finding import Finding, Request, Severity

__all__ = ["check_generation_config", "check_json_mode", "check_settings"]

_CONFIG: Final = "generation_config"
_SCHEMAS: Final = ("responseSchema", "responseJsonSchema", "_responseJsonSchema")
_JSON_TYPES: Final = ("application/json", "text/x.enum")
_RESPONSE_TYPES: Final = ("text/plain", *_JSON_TYPES)
_SAMPLING: Final = ("temperature", "topP", "topK")
_LABEL: Final = re.compile(r"[a-z0-9_-]{0,63}")
_CATEGORIES: Final = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
)


def check_json_mode(request: Request) -> Iterator[Finding]:
    """Yield JSON output beside tools, where the model has one or the other: E23."""
    if request.generation_config.get("responseMimeType") != "application/json":
        return
    path = f"{_CONFIG}.response_mime_type"
    fix = "Ask for JSON in the last request, without tools, or take a model from Gemini 3 on."
    if request.declarations and not request.model.json_with_functions:
        # Recorded as accepted on 2.0 and refused on 2.5.
        severity: Severity = "error" if request.generation >= (2, 5) else "warning"
        yield request.find("json.with_functions", path, fix, severity=severity)
    if request.builtins and not request.model.json_with_builtins:
        yield request.find("json.with_tools", path, fix)


def check_generation_config(request: Request) -> Iterator[Finding]:
    """Yield numbers out of range, settings that exclude each other, and output the model does not have: E26."""
    yield from _check_numbers(request)
    yield from _check_logprobs(request)
    yield from _check_response_type(request)
    yield from _check_modalities(request)
    yield from _check_speech_model(request)
    yield from _check_image_model(request)
    config = request.generation_config
    if "voiceConfig" in (speech := config.get("speechConfig", {})) and "multiSpeakerVoiceConfig" in speech:
        reason = "voice_config and multi_speaker_voice_config are mutually exclusive."
        yield _wrong(request, "speech_config", reason, "Send one voice, or one for each speaker.")
    if "imageConfig" in config and "IMAGE" not in request.model.output and request.model.known:
        yield request.find("config.image", f"{_CONFIG}.image_config", "Leave it out, or take an image model.")
    if "responseFormat" in config:
        fix = "Send responseMimeType and responseJsonSchema."
        yield request.find("config.format", f"{_CONFIG}.response_format", fix)
    if ignored := [key for key in _SAMPLING if key in config and request.model.sampling_ignored]:
        yield request.find("config.sampling", _CONFIG, "Leave them out.", names=", ".join(ignored))


def _wrong(request: Request, key: str, reason: str, fix: str) -> Finding:
    return request.find("config.value", f"{_CONFIG}.{key}", fix, reason=reason)


def _check_numbers(request: Request) -> Iterator[Finding]:
    config = request.generation_config
    tokens, limit = config.get("maxOutputTokens", 1), request.model.output_token_limit
    if tokens < 1:
        yield _wrong(request, "max_output_tokens", "must be positive.", "Send at least 1, or nothing.")
    # From Gemini 4 on a long answer comes in hops, and the limit is the whole window.
    elif tokens > (request.model.input_token_limit if request.model.long_decode else limit):
        yield request.find(
            "config.output_limit", f"{_CONFIG}.max_output_tokens", f"Send at most {limit}.", value=tokens
        )
    most = 8 if request.model.many_candidates else 1
    if not 1 <= config.get("candidateCount", 1) <= most:
        yield _wrong(request, "candidate_count", f"must be between 1 and {most} for this model.", "Leave it out.")
    if len(config.get("stopSequences", [])) > 5:
        yield _wrong(request, "stop_sequences", "at most 5 are allowed.", "Send the five most useful ones.")
    temperature = config.get("temperature", 1)
    if not 0 <= temperature <= 2:
        fix = "Send a value from 0 to 2."
        yield request.find("config.temperature", f"{_CONFIG}.temperature", fix, value=temperature)


def _check_logprobs(request: Request) -> Iterator[Finding]:
    config, model = request.generation_config, request.model
    path = f"{_CONFIG}.logprobs"
    if "logprobs" in config and not config.get("responseLogprobs"):
        yield _wrong(request, "logprobs", "needs response_logprobs.", "Set responseLogprobs to true.")
    elif not 0 <= config.get("logprobs", 0) <= 20:
        yield _wrong(request, "logprobs", "must be between 0 and 20.", "Send at most 20.")
    if not config.get("responseLogprobs") or request.backend != "google":
        return
    fix = f"Leave responseLogprobs out: {model.id!r} does not give them on Google's endpoint."
    if request.streamed:
        yield request.find("config.logprobs_streamed", path, "Ask with generateContent, or leave responseLogprobs out.")
    elif not model.logprobs:
        mistake = "config.logprobs" if request.generation < (3, 0) else "config.logprobs_new"
        yield request.find(mistake, path, fix, model=model.id)


def _check_response_type(request: Request) -> Iterator[Finding]:
    config = request.generation_config
    schemas = [key for key in _SCHEMAS if key in config]
    kind = config.get("responseMimeType")
    if kind and kind not in _RESPONSE_TYPES:
        fix = f"Send one of: {', '.join(_RESPONSE_TYPES)}."
        yield _wrong(request, "response_mime_type", f"'{kind}' is not supported.", fix)
    elif schemas and kind not in _JSON_TYPES:
        fix = "Set responseMimeType to 'application/json'."
        yield _wrong(request, "response_mime_type", "a response schema needs the type application/json.", fix)
    if "responseSchema" in schemas and len(schemas) > 1:
        yield _wrong(request, "response_schema", "excludes response_json_schema.", "Send 'responseJsonSchema' only.")
    if kind == "text/x.enum" and not config.get("responseSchema", {}).get("enum"):
        fix = "Send responseSchema with type STRING and the values as enum."
        yield _wrong(request, "response_schema", "the type text/x.enum needs an enum.", fix)


def _check_modalities(request: Request) -> Iterator[Finding]:
    """What a model for speech or images was recorded to refuse, and what others cannot make."""
    output, asked = request.model.output, request.generation_config.get("responseModalities") or ["TEXT"]
    # A model that is not listed may make more than its name tells.
    if not output or (output == ("TEXT",) and not request.model.known):
        return
    if all(kind in output for kind in asked):
        return
    listed = "".join(f"* {kind}\n" for kind in sorted(output))
    yield request.find(
        "config.modalities_new" if request.generation >= (3, 0) else "config.modalities",
        f"{_CONFIG}.response_modalities",
        f"Set responseModalities to {sorted(output)}.",
        asked=", ".join(map(str, asked)),
        model=request.model.id,
        listed=listed,
    )


def _check_speech_model(request: Request) -> Iterator[Finding]:
    """Google's page of gemini-3.1-flash-tts-preview: function calling is not supported."""
    if request.model.output == ("AUDIO",) and request.declarations:
        yield request.find("config.functions_audio", "tools", "Send no functions.", model=request.model.id)


def _check_image_model(request: Request) -> Iterator[Finding]:
    model = request.model
    if "IMAGE" not in model.output or request.generation >= (3, 0):
        return
    if request.generation_config.get("responseMimeType") == "application/json":
        yield request.find("config.json", _CONFIG, "Ask for text.", model=model.id)
    if request.declarations:
        yield request.find("config.functions", "tools", "Send no functions.", model=model.id)


def check_settings(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with safety settings and labels: E30."""
    seen: set[object] = set()
    for number, setting in enumerate(request.body.get("safetySettings", [])):
        category, path = setting.get("category"), f"safety_settings[{number}]"
        if isinstance(category, str) and category not in _CATEGORIES and request.backend == "google":
            names = ", ".join(f"HarmCategory.{name}" for name in _CATEGORIES)
            yield request.find("safety.category", path, f"Leave {category} out.", names=names)
        if category == "HARM_CATEGORY_CIVIC_INTEGRITY":
            yield request.find("safety.deprecated", path, "Leave it out.", name=category)
        if category in seen:
            yield request.find("safety.twice", path, f"Send one setting for {category}.")
        seen.add(category)
    for name, value in request.body.get("labels", {}).items():
        for text in (name, value):
            if not _LABEL.fullmatch(text):
                fix = "Use at most 63 lower-case letters, digits, '_' and '-'."
                yield request.find("labels.form", "labels", fix, name=text)
