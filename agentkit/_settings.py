"""What an agent says about every request, checked, and in the form of the wire for one model at one endpoint."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, TypedDict, cast, get_args

from agentkit import wire
from agentkit._checks import check_choice, check_kind, check_kinds, is_number
from agentkit._endpoint import EndpointKind
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError
from agentkit.models import ModelFacts, facts, resolve_thinking

__all__ = ["GenerationSettings", "Safety", "ServiceTier", "Settings", "python_name", "read_settings"]

SafetyLevel = Literal["off", "none", "high", "medium", "low"]
ServiceTier = Literal["standard", "flex", "priority"]
Safety = SafetyLevel | Mapping[str, SafetyLevel] | Sequence["wire.SafetySetting | Mapping[str, Any]"]


class GenerationSettings(TypedDict, total=False):
    """The fields of `generationConfig` that an agent takes by name. Source: protocol sheet, section 2.6.

    `thinking=` and `output=` say the rest in the words of any model. `thinking_config` is for who wants to write it
    down by hand; what the model does not take is then refused and not clamped.
    """

    temperature: float
    top_p: float
    top_k: float
    max_output_tokens: int
    stop_sequences: Sequence[str]
    seed: int
    candidate_count: int
    presence_penalty: float
    frequency_penalty: float
    response_logprobs: bool
    logprobs: int
    response_mime_type: str
    response_modalities: Sequence[str]
    media_resolution: str
    thinking_config: Mapping[str, Any]
    speech_config: Mapping[str, Any]
    image_config: Mapping[str, Any]
    audio_transcription_config: Mapping[str, Any]
    translation_config: Mapping[str, Any]
    enable_affective_dialog: bool
    enable_enhanced_civic_answers: bool
    audio_timestamp: bool
    routing_config: Mapping[str, Any]
    model_selection_config: Mapping[str, Any]


@frozen
class Settings:
    """What every request of an agent says, whichever model answers it.

    Attributes:
        generation: Fields of `generationConfig`, by their names on the wire.
        thinking: As given to the agent.
        include_thoughts: Whether thought summaries are asked for.
        others: Other fields of the request, by their names on the wire.
        extra: What is merged into the request at last, by the names of the wire.
    """

    generation: Mapping[str, Any] = field(default_factory=dict[str, Any])
    thinking: str | int | None = None
    include_thoughts: bool = False
    others: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def request(self, model: str, endpoint: EndpointKind) -> "wire.GenerateContentRequest":
        """Return a request that holds the settings and nothing else; what stands in `extra` is not in it.

        Raises:
            ConfigurationError: The model or the endpoint does not take one of them; the message says what works.
        """
        _check_endpoint(self, endpoint)
        config = self._generation_config(model)
        return wire.GenerateContentRequest.parse({**self.others, **({"generationConfig": config} if config else {})})

    def notes(self, model: str) -> list[str]:
        """Return, in sentences, where `model` gets something else than was asked for."""
        notes = [self._thinking(model)[1]]
        ignored = [python_name(name) for name in ("temperature", "topP", "topK") if name in self.generation]
        if ignored and facts(model).sampling_ignored:
            notes.append(f"{model!r} takes no notice of {', '.join(ignored)}.")
        budget = self.generation.get("thinkingConfig", {}).get("thinkingBudget")
        if budget is not None and facts(model).thinking.control == "level":
            notes.append(f"{model!r} takes a thinkingBudget only for old times' sake. Use thinking=...")
        return [note for note in notes if note]

    def extended(self, request: "wire.GenerateContentRequest") -> "wire.GenerateContentRequest":
        """Return `request` with `extra` merged into it: objects field by field, anything else in place of what was."""
        return wire.GenerateContentRequest.parse(_merged(request.to_wire(), self.extra)) if self.extra else request

    def check(self, model: str) -> None:
        """Raise ConfigurationError if `model` does not take the settings, wherever it is asked."""
        self._generation_config(model)

    def _generation_config(self, model: str) -> dict[str, Any]:
        allowed = facts(model)
        config = dict(self.generation)
        _check_for_model(config, allowed)
        thoughts = self._thinking(model)[0]
        if self.include_thoughts:
            thoughts["includeThoughts"] = True
        return config | ({"thinkingConfig": thoughts} if thoughts else {})

    def _thinking(self, model: str) -> tuple[dict[str, object], str | None]:
        if self.thinking is None:
            return {}, None
        try:
            return resolve_thinking(self.thinking, model)
        except ValueError as error:
            raise ConfigurationError(f"thinking={self.thinking!r}: {error}") from error


def read_settings(
    *,
    generation: Mapping[str, Any],
    thinking: str | int | None,
    include_thoughts: bool,
    safety: Safety,
    service_tier: ServiceTier | None,
    labels: Mapping[str, str] | None,
    store: bool | None,
    cached_content: str | None,
    extra: Mapping[str, Any] | None,
    options: Iterable[str],
) -> Settings:
    """Check what an agent was given, as far as it does not depend on the model.

    `options` are the names of all that an agent takes, for who misspells one.

    Raises:
        TypeError: A name in `generation` is no setting.
        ConfigurationError: A value cannot be right.
    """
    check_kind("include_thoughts", include_thoughts, bool, "True or False")
    config = _read_generation({name: value for name, value in generation.items() if value is not None}, options)
    if "thinkingConfig" in config and (thinking is not None or include_thoughts):
        raise ConfigurationError("Give thinking=... (and include_thoughts=...), or thinking_config by hand, not both.")
    others: dict[str, Any] = {}
    if settings := _read_safety(safety):
        others["safetySettings"] = settings
    if service_tier is not None:
        check_choice("service_tier", service_tier, get_args(ServiceTier))
        others["serviceTier"] = service_tier
    if labels is not None:
        others["labels"] = _read_labels(labels)
    if store is not None:
        check_kind("store", store, bool, "True or False")
        others["store"] = store
    if cached_content is not None:
        others["cachedContent"] = cached_content
    return Settings(
        generation=config,
        thinking=thinking,
        include_thoughts=include_thoughts,
        others=others,
        extra=_read_extra(extra),
    )


# Numbers that no model takes outside of these bounds. Source: protocol sheet, section 2.6.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "max_output_tokens": (1, float("inf")),
    "candidate_count": (1, 8),
    "logprobs": (0, 20),
    "seed": (-(2**31), 2**31 - 1),  # an int32
}
_MOST_STOP_SEQUENCES = 5
_SNAKE = re.compile(r"_([a-z0-9])")


def _read_generation(given: Mapping[str, Any], options: Iterable[str]) -> dict[str, Any]:
    """Return `generationConfig` by the names of the wire."""
    names = GenerationSettings.__annotations__
    for name, value in given.items():
        if name not in names:  # what Python itself says, and row 121 of the fault matrix asks for
            near = difflib.get_close_matches(python_name(name), options, n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"Agent.__init__() got an unexpected keyword argument {name!r}{hint}")
        if getattr(wire.GenerationConfig.parse({name: value}), name) is None:
            kind = getattr(names[name], "__name__", names[name])
            raise ConfigurationError(f"{name}={value!r}: the value is of the wrong kind. Give one of type {kind}.")
        low, high = _BOUNDS.get(name, (float("-inf"), float("inf")))
        if is_number(value) and not low <= value <= high:
            most = f" to {high:.0f}" if high != float("inf") else " or more"
            raise ConfigurationError(f"{name}={value!r}: give {low:.0f}{most}.")
        if isinstance(value, float) and not is_number(value):
            raise ConfigurationError(f"{name}={value!r}: give a finite number.")
    if len(given.get("stop_sequences", ())) > _MOST_STOP_SEQUENCES:
        raise ConfigurationError(f"stop_sequences holds {len(given['stop_sequences'])} texts; at most 5 are taken.")
    if "logprobs" in given and not given.get("response_logprobs"):
        raise ConfigurationError(f"logprobs={given['logprobs']!r} needs response_logprobs=True beside it.")
    return {_wire_name(name): _camel(value) for name, value in given.items()}


def _check_for_model(config: Mapping[str, Any], allowed: ModelFacts) -> None:
    """Refuse what the service would answer with an error. Source: protocol sheet, section 12."""
    if config.get("candidateCount", 1) > 1 and not allowed.many_candidates:
        raise ConfigurationError(
            f"candidate_count={config['candidateCount']}: {allowed.id} gives one candidate. Leave it out, and run the "
            "agent as often as you want answers."
        )
    most = allowed.input_token_limit if allowed.long_decode else allowed.output_token_limit
    if config.get("maxOutputTokens", 1) > most:
        raise ConfigurationError(
            f"max_output_tokens={config['maxOutputTokens']}: {allowed.id} gives at most {most}, thinking included."
        )
    _check_thinking(config.get("thinkingConfig", {}), allowed)


def _check_thinking(config: Mapping[str, Any], allowed: ModelFacts) -> None:
    """Refuse a thinking configuration written by hand that the model does not take."""
    rule, level, budget = allowed.thinking, config.get("thinkingLevel"), config.get("thinkingBudget")
    portable = "or thinking=..., which says it as the model takes it"
    if level is not None and budget is not None:
        raise ConfigurationError(f"No model takes a thinkingLevel and a thinkingBudget together. Give one, {portable}.")
    if level is not None and rule.control == "budget":
        raise ConfigurationError(
            f"{allowed.id} takes no thinkingLevel. Give thinking_config={{'thinking_budget': ...}} "
            f"({rule.budget_min} to {rule.budget_max} tokens), {portable}."
        )
    if level is not None and rule.control == "level" and allowed.generation and str(level).lower() not in rule.levels:
        raise ConfigurationError(f"{allowed.id} takes no thinkingLevel {level!r}, but {', '.join(rule.levels)}.")
    if budget is not None and rule.control == "level" and allowed.id.startswith("gemma-"):
        raise ConfigurationError(
            f"{allowed.id} takes no thinkingBudget. Give thinking_config={{'thinking_level': ...}} "
            f"({', '.join(rule.levels)}), {portable}."
        )
    if level is not None and rule.control == "none":
        raise ConfigurationError(f"{allowed.id} does not think. Leave thinking_config out.")
    if budget is None or rule.control != "budget" or budget == -1 or (budget == 0 and rule.can_disable):
        return
    if not max(1, rule.budget_min) <= budget <= rule.budget_max:
        raise ConfigurationError(
            f"{allowed.id} takes a thinkingBudget of {rule.budget_min} to {rule.budget_max} tokens, or -1 (dynamic), "
            f"not {budget}. Give one of these, {portable}."
        )


# What only some endpoints know; elsewhere the request would be refused. Source: protocol sheet, sections 2.1 and 14.3.
_GOOGLE_ONLY = ("service_tier", "store", "enable_enhanced_civic_answers")
_VERTEX_ONLY = ("audio_timestamp", "routing_config", "model_selection_config")


def _check_endpoint(settings: Settings, endpoint: EndpointKind) -> None:
    given = {*map(python_name, settings.generation), *map(python_name, settings.others)}
    strangers = {"google": _VERTEX_ONLY, "vertex": _GOOGLE_ONLY, "comet": _GOOGLE_ONLY, "other": ()}[endpoint]
    if wrong := sorted(given.intersection(strangers)):
        where = "Vertex" if endpoint == "google" else "Google's own endpoint"
        raise ConfigurationError(
            f"{', '.join(wrong)}: only {where} knows this; the {endpoint} endpoint would refuse the request. "
            "Leave it out, or send it all the same by extra={...}."
        )
    if endpoint == "google" and any("method" in setting for setting in settings.others.get("safetySettings", ())):
        raise ConfigurationError("safety: only Vertex knows a 'method'. Leave it out.")


# Block what is harmful with at least this probability. "off" and "none" block nothing; "off" does not even look.
_THRESHOLDS: Mapping[str, str] = {
    "off": "OFF",
    "none": "BLOCK_NONE",
    "high": "BLOCK_ONLY_HIGH",
    "medium": "BLOCK_MEDIUM_AND_ABOVE",
    "low": "BLOCK_LOW_AND_ABOVE",
}
_CATEGORIES = ("harassment", "hate_speech", "sexually_explicit", "dangerous_content")


def _read_safety(safety: object) -> list[dict[str, Any]]:
    """Return `safetySettings`: from one word for all four categories, words by category, or settings of the wire."""
    if isinstance(safety, str):
        return [_safety_setting(category, safety) for category in _CATEGORIES]
    if isinstance(safety, Mapping):
        words = cast("Mapping[str, str]", safety)
        return [_safety_setting(category, word) for category, word in words.items()]
    wanted = 'a SafetySetting or a dict; simpler: safety="high", safety={"harassment": "off"}'
    check_kinds("safety", safety, wire.SafetySetting | Mapping, wanted)
    given = cast("Sequence[wire.SafetySetting | Mapping[str, Any]]", safety)
    settings = [one if isinstance(one, wire.SafetySetting) else wire.SafetySetting.parse(one) for one in given]
    return [setting.to_wire() for setting in settings]


def _safety_setting(category: str, word: str) -> dict[str, Any]:
    check_choice("safety category", category, _CATEGORIES)
    check_choice(f"safety of {category}", word, tuple(_THRESHOLDS))
    return {"category": f"HARM_CATEGORY_{category.upper()}", "threshold": _THRESHOLDS[word]}


_LABEL = re.compile(r"[a-z0-9_-]{0,63}")


def _read_labels(labels: object) -> dict[str, str]:
    check_kind("labels", labels, Mapping, "a dict of texts")
    given = cast("Mapping[object, object]", labels)
    for text in (*given, *given.values()):
        if not isinstance(text, str) or not _LABEL.fullmatch(text):
            raise ConfigurationError(
                f"labels: {text!r} is no label. Use at most 63 lower-case letters, digits, '_' and '-'."
            )
    return cast("dict[str, str]", dict(given))


def _read_extra(extra: object) -> dict[str, Any]:
    """Return what is merged into each request: names of the wire, and nothing that belongs to the run."""
    check_kind("extra", extra, Mapping | None, 'a dict of fields of the request: extra={"generationConfig": {...}}')
    given = cast("Mapping[str, Any]", extra or {})
    if "contents" in given:
        raise ConfigurationError("extra: the contents belong to the run. Give a prompt and history=...")
    for name in given:
        if not isinstance(name, str) or "_" in name:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
            raise ConfigurationError(f"extra: {name!r} is no name of the wire. Write it like 'generationConfig'.")
    return wire.GenerateContentRequest.parse(given).to_wire()


def _merged(into: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(into)
    for name, value in more.items():
        before = merged.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(cast("Mapping[str, Any]", before), cast("Mapping[str, Any]", value)) if both else value
    return merged


def _camel(value: Any) -> Any:
    """Write names inside a setting as the wire does; Python's names are taken as well."""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        return {_wire_name(name): _camel(one) for name, one in named.items()}
    return [_camel(one) for one in cast("Sequence[object]", value)] if isinstance(value, list | tuple) else value


def _wire_name(name: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), name)


def python_name(name: str) -> str:
    """Return a name of the wire as a parameter has it: `temperature`, `top_p`."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
