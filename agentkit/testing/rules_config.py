"""Rules E24, E25 and E26: thinking, cached contents, and the numbers of `generationConfig`."""

from collections.abc import Iterator
from typing import Final

from agentkit.testing.finding import Finding, Request, Severity

__all__ = ["check_cache", "check_generation_config", "check_thinking"]

_LEARN_MORE: Final = "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
_JSON_TYPES: Final = ("application/json", "text/x.enum")


def check_thinking(request: Request) -> Iterator[Finding]:
    """Yield thinking settings that the model does not take: E24."""
    config = request.generation_config.get("thinkingConfig", {})
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    path = "generation_config.thinking_config"
    if level is not None and budget is not None:
        text = "Unable to submit request because thinking_budget and thinking_level are not supported together."
        yield request.refuse("E24", path, text, "Send one of the two.")
    if level is not None:
        yield from _check_level(request, str(level), f"{path}.thinking_level")
    if budget is not None:
        yield from _check_budget(request, int(budget), f"{path}.thinking_budget")


def _check_level(request: Request, level: str, path: str) -> Iterator[Finding]:
    rule = request.model.thinking
    if rule.control in ("budget", "none"):
        text = "Thinking level is not supported for this model."
        yield request.refuse("E24", path, text, "Send a thinkingBudget, or nothing.")
    # Aliases and unknown ids stand for a model that is not named: what it refuses cannot be foretold.
    elif rule.control == "level" and request.model.generation and level.lower() not in rule.levels:
        text = f"Thinking level {level} is not supported for this model."
        if request.backend == "vertex":
            text = (
                f"Unable to submit request because thinking_level {level} is not supported by this model. {_LEARN_MORE}"
            )
        yield request.refuse("E24", path, text, f"{request.model.id!r} takes: {', '.join(rule.levels)}.")


def _check_budget(request: Request, budget: int, path: str) -> Iterator[Finding]:
    rule = request.model.thinking
    if rule.control == "level":
        fix = "Send a thinkingLevel; a budget is only accepted for compatibility."
        text = "Thinking budget is not supported for this model."
        severity: Severity = "error" if request.model.id.startswith("gemma-") else "warning"
        yield Finding(rule="E24", path=path, message=text, fix=fix, severity=severity)
    if rule.control != "budget" or budget == -1 or (budget == 0 and rule.can_disable):
        return
    if budget == 0:
        text = "Budget 0 is invalid. This model only works in thinking mode."
        yield request.refuse("E24", path, text, f"Send at least {rule.budget_min}.")
    elif not rule.budget_min <= budget <= rule.budget_max:
        text = (
            f"The thinking budget {budget} is invalid. Please choose a value between {rule.budget_min} and "
            f"{rule.budget_max}."
        )
        yield request.refuse("E24", path, text, "Send a value in this range, or -1 for dynamic thinking.")


def check_cache(request: Request) -> Iterator[Finding]:
    """Yield what may not stand beside `cachedContent`: E25."""
    beside = [key for key in ("systemInstruction", "tools", "toolConfig") if request.body.get(key)]
    if not request.body.get("cachedContent") or not beside:
        return
    text = (
        "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n"
        "\nProposed fix: move those values to CachedContent from GenerateContent request."
    )
    if request.backend == "vertex":
        text = "Tool config, tools and system instruction should not be set in the request when using cached content."
    yield request.refuse("E25", "cached_content", text, f"Leave out {', '.join(beside)}: they belong into the cache.")


def check_generation_config(request: Request) -> Iterator[Finding]:
    """Yield numbers out of range and settings that exclude each other: E26."""
    config = request.generation_config
    yield from _check_numbers(request)
    yield from _check_output(request)
    if "responseSchema" in config and ("responseJsonSchema" in config or "_responseJsonSchema" in config):
        yield _wrong(request, "response_schema", "excludes response_json_schema.", "Send 'responseJsonSchema' only.")
    has_schema = any(key in config for key in ("responseSchema", "responseJsonSchema", "_responseJsonSchema"))
    if has_schema and config.get("responseMimeType") not in _JSON_TYPES:
        fix = "Set responseMimeType to 'application/json'."
        yield _wrong(request, "response_mime_type", "a response schema needs the type application/json.", fix)
    if request.model.sampling_ignored and any(key in config for key in ("temperature", "topP", "topK")):
        text = "temperature, topP and topK are ignored by this model and will be refused later."
        yield Finding(rule="E26", path="generation_config", message=text, fix="Leave them out.", severity="warning")


def _check_numbers(request: Request) -> Iterator[Finding]:
    config = request.generation_config
    if config.get("maxOutputTokens", 1) < 1:
        yield _wrong(request, "max_output_tokens", "must be positive.", "Send at least 1, or nothing.")
    most = 8 if request.model.many_candidates else 1
    if not 1 <= config.get("candidateCount", 1) <= most:
        yield _wrong(request, "candidate_count", f"must be between 1 and {most} for this model.", "Leave it out.")
    if len(config.get("stopSequences", [])) > 5:
        yield _wrong(request, "stop_sequences", "at most 5 are allowed.", "Send the five most useful ones.")
    if "logprobs" in config and not config.get("responseLogprobs"):
        yield _wrong(request, "logprobs", "needs response_logprobs.", "Set responseLogprobs to true.")
    temperature = config.get("temperature", 1)
    if not 0 <= temperature <= 2:
        yield _bad_temperature(request, temperature)


def _check_output(request: Request) -> Iterator[Finding]:
    """What a model for speech or images was recorded to refuse."""
    model, config = f"models/{request.model.id}", request.generation_config
    output = set(request.model.output)
    asked = config.get("responseModalities") or ["TEXT"]
    if output and not output.intersection(asked):
        listed = "".join(f"* {kind}\n" for kind in sorted(output))
        text = (
            f"The requested combination of response modalities ({', '.join(asked)}) is not supported by the model. "
            f"{model} accepts the following combination of response modalities:\n{listed}"
        )
        fix = f"Set responseModalities to {sorted(output)}."
        yield request.refuse("E26", "generation_config.response_modalities", text, fix)
    if "IMAGE" in output and request.generation < (3, 0):
        if config.get("responseMimeType") == "application/json":
            yield request.refuse("E26", "generation_config", f"JSON mode is not enabled for {model}", "Ask for text.")
        if request.declarations:
            yield request.refuse("E26", "tools", f"Function calling is not enabled for {model}", "Send no functions.")


def _bad_temperature(request: Request, temperature: float) -> Finding:
    if request.backend == "google":
        return _wrong(request, "temperature", "must be in the range [0.0, 2.0].", "Send a value from 0 to 2.")
    text = (
        f"Unable to submit request because it has a temperature value of {temperature:g} but the supported range is "
        "from 0 (inclusive) to 2.0001 (exclusive). Update the value and try again."
    )
    return request.refuse("E26", "generation_config.temperature", text, "Send a value from 0 to 2.")


def _wrong(request: Request, key: str, reason: str, fix: str) -> Finding:
    path = f"generation_config.{key}"
    return request.refuse("E26", path, f"* GenerateContentRequest.{path}: {reason}\n", fix)
