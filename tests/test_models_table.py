"""Every fact about every known model, against the protocol sheet (12.1 to 12.3) and against recorded traffic.

The table below is written from the sheet, not from `models.py`: who changes one of them must change the other.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from agentkit.models import ModelFacts, ThinkingRule, facts, known_models, resolve_thinking
from tests.traffic import FOLDER, answers, exchanges, needs_traffic, payloads

IMAGE, AUDIO, VECTORS = ("TEXT", "IMAGE"), ("AUDIO",), ()
LOW, MINIMAL = ("low", "medium", "high"), ("minimal", "low", "medium", "high")
NOT_KNOWN, NEVER = ThinkingRule(control="unverified"), ThinkingRule(control="none")


def level(*levels: str, default: str | None = None) -> ThinkingRule:
    return ThinkingRule(control="level", levels=levels, default=default)


def budget(least: int, most: int, *, off: bool = True, default: int = -1) -> ThinkingRule:
    return ThinkingRule(control="budget", budget_min=least, budget_max=most, can_disable=off, default=default)


# Id, generation, state, thinking; what it answers with, where that is not text.
MODELS: list[tuple[str, tuple[int, int] | None, str | None, ThinkingRule, tuple[str, ...]]] = [
    ("gemini-4-neon", (4, 0), "ga", level(*LOW, "xhigh", default="high"), ("TEXT",)),
    ("gemini-4-hydrogen", (4, 0), "ga", level(*LOW, "xhigh", default="high"), ("TEXT",)),
    ("gemini-4-carbon", (4, 0), "ga", level(*LOW, default="medium"), ("TEXT",)),
    ("gemini-4-argon", (4, 0), "ga", level(*LOW, default="medium"), ("TEXT",)),
    ("gemini-3.8-flash", (3, 8), "ga", level(*LOW, default="medium"), ("TEXT",)),
    ("gemini-3.7-flash", (3, 7), "deprecated", level(*LOW, default="medium"), ("TEXT",)),
    ("gemini-3.6-flash", (3, 6), "ga", level(*MINIMAL, default="medium"), ("TEXT",)),
    ("gemini-3.5-flash-lite", (3, 5), "ga", level(*MINIMAL, default="minimal"), ("TEXT",)),
    ("gemini-3.5-flash", (3, 5), "deprecated", level(*MINIMAL, default="medium"), ("TEXT",)),
    ("gemini-3.1-pro-preview", (3, 1), "preview", level(*LOW, default="high"), ("TEXT",)),
    ("gemini-3.1-pro-preview-customtools", (3, 1), "preview", level(*LOW, default="high"), ("TEXT",)),
    ("gemini-3.1-flash-lite", (3, 1), "ga", level(*MINIMAL, default="minimal"), ("TEXT",)),
    ("gemini-3-flash-preview", (3, 0), "preview", level(*MINIMAL, default="high"), ("TEXT",)),
    ("gemini-3-pro-preview", (3, 0), "shutdown", level("low", "high", default="high"), ("TEXT",)),
    ("gemini-2.5-pro", (2, 5), "deprecated", budget(128, 32_768, off=False), ("TEXT",)),
    ("gemini-2.5-flash", (2, 5), "deprecated", budget(0, 24_576), ("TEXT",)),
    ("gemini-2.5-flash-lite", (2, 5), "ga", budget(512, 24_576, default=0), ("TEXT",)),
    ("gemini-2.0-flash", (2, 0), "shutdown", NEVER, ("TEXT",)),
    ("gemini-flash-latest", None, "ga", level(*LOW), ("TEXT",)),
    ("gemini-flash-lite-latest", None, "ga", level(*LOW), ("TEXT",)),
    ("gemini-pro-latest", None, "ga", level(*LOW), ("TEXT",)),
    ("gemini-nano-banana-2.1", None, "ga", NOT_KNOWN, IMAGE),
    ("gemini-3-pro-image", (3, 0), "ga", NOT_KNOWN, IMAGE),
    ("gemini-3.1-flash-image", (3, 1), "ga", NOT_KNOWN, IMAGE),
    ("gemini-3.1-flash-lite-image", (3, 1), "ga", NOT_KNOWN, IMAGE),
    ("gemini-2.5-flash-image", (2, 5), "ga", NEVER, IMAGE),
    ("gemini-3.8-flash-tts", (3, 8), None, NOT_KNOWN, AUDIO),
    ("gemini-3.8-flash-lite-tts", (3, 8), None, NOT_KNOWN, AUDIO),
    ("gemini-3.1-flash-tts-preview", (3, 1), "preview", NOT_KNOWN, AUDIO),
    ("gemini-3.5-transcribe", (3, 5), None, NOT_KNOWN, ("TEXT",)),
    ("gemini-robotics-er-1.6-preview", (2, 5), "preview", budget(0, 24_576), ("TEXT",)),
    ("gemma-4-26b-a4b-it", None, None, level("minimal", "high"), ("TEXT",)),
    ("gemma-4-31b-it", None, None, level("minimal", "high"), ("TEXT",)),
    ("gemini-embedding-001", None, None, NOT_KNOWN, VECTORS),
    ("gemini-embedding-2", None, None, NOT_KNOWN, VECTORS),
]

ALL_IDS = [row[0] for row in MODELS]

# From when on a model is off, and what answers in its place.
ENDS: dict[str, tuple[str | None, str | None]] = {
    "gemini-3.7-flash": (None, "gemini-3.8-flash"),
    "gemini-3.5-flash": (None, "gemini-3.6-flash"),
    "gemini-3-pro-preview": ("2026-03-09", "gemini-3.1-pro-preview"),
    "gemini-2.5-pro": ("2026-12-01", "gemini-3.8-flash"),
    "gemini-2.5-flash": ("2026-12-01", "gemini-3.5-flash-lite"),
    "gemini-2.0-flash": ("2026-06-01", None),
}

# Sheet 12.3 and the facts' `featureByGeneration`; the first generation for which it holds, or for which it ends.
SINCE_3 = ("json_with_functions", "json_with_builtins", "builtins_with_functions", "response_parts", "call_ids")
SINCE_3_SIGNED = ("signatures_enforced",)
BUILTINS_SINCE = {  # sheet 2.4
    "googleSearch": (2, 0),
    "codeExecution": (2, 0),
    "googleMaps": (2, 5),
    "urlContext": (2, 5),
    "fileSearch": (2, 5),
    "computerUse": (3, 0),
}
SINCE_2_5_SAID_OF_GEMINI = ("validated_calls",)  # sheet 2.5
SINCE_3_6_SIGNED = ("strict_turns", "sampling_ignored")
LIMITS = {"input_token_limit": 1_048_576, "output_token_limit": 65_536}


def features(model: str, generation: tuple[int, int] | None) -> dict[str, Any]:
    """What holds for a generation. One that an id does not tell counts as the newest, but may still take caches."""
    number: tuple[int, int] = generation or (99, 0)
    is_gemini = not model.startswith("gemma-")
    return {
        **dict.fromkeys(SINCE_3, number >= (3, 0)),
        **dict.fromkeys(SINCE_2_5_SAID_OF_GEMINI, number >= (2, 5) and is_gemini),
        **dict.fromkeys(SINCE_3_SIGNED, number >= (3, 0) and is_gemini),
        **dict.fromkeys(SINCE_3_6_SIGNED, number >= (3, 6) and is_gemini),
        "builtins": tuple(name for name, since in BUILTINS_SINCE.items() if number >= since),
        "many_candidates": number < (3, 0),
        "logprobs": number < (2, 5),
        "explicit_caching": generation is None or generation < (4, 0),
        "long_decode": number >= (4, 0),
        **LIMITS,
    }


@pytest.mark.parametrize(("model", "generation", "status", "thinking", "output"), MODELS, ids=ALL_IDS)
def test_every_fact_about_a_model_is_the_sheets(
    model: str,
    generation: tuple[int, int] | None,
    status: str | None,
    thinking: ThinkingRule,
    output: tuple[str, ...],
) -> None:
    expected = {
        "id": model,
        "generation": generation,
        "known": True,
        "status": status,
        "shutdown": ENDS.get(model, (None, None))[0],
        "successor": ENDS.get(model, (None, None))[1],
        "thinking": thinking,
        "output": output,
        **features(model, generation),
    }

    assert vars(facts(model)) == expected
    assert facts(f"models/{model}") == facts(f"publishers/google/models/{model}") == facts(model)


def test_the_table_holds_every_known_model_and_every_field(show: Callable[[str], None]) -> None:
    names = [field.name for field in fields(ModelFacts)]  # type: ignore[arg-type]  # made by @frozen

    assert [model.id for model in known_models()] == ALL_IDS
    own = {"id", "generation", "known", "status", "shutdown", "successor", "thinking", "output"}
    assert set(features("gemini-x", None)) | own == set(names)
    controls = Counter(row[3].control for row in MODELS)
    show(
        f"facts compared with the sheet: {len(MODELS)} models x {len(names)} fields = {len(MODELS) * len(names)}\n"
        f"thinking: {', '.join(f'{number} by {control}' for control, number in controls.items())}"
    )


SHEET = FOLDER.parent / "reference" / "gemini-schema-facts.json"
needs_sheet = pytest.mark.skipif(not SHEET.exists(), reason="the sheet's facts are not beside the recorded traffic")


@needs_sheet
def test_the_machine_readable_sheet_says_the_same(show: Callable[[str], None]) -> None:
    sheet = json.loads(SHEET.read_text("utf-8"))
    told = {model["id"]: model for model in sheet["models"]}
    differing: list[str] = []
    for row in MODELS:
        found = facts(row[0])
        said = told.get(row[0], {})
        if "status" in said and found.status != said["status"]:
            differing.append(f"{row[0]}: status")
        if found.shutdown != said.get("shutdown", found.shutdown):
            differing.append(f"{row[0]}: shutdown")
        if "output" in said and list(found.output) != said["output"]:
            differing.append(f"{row[0]}: output")
        rule = next(rule for rule in sheet["thinkingRules"]["rules"] if re.search(rule["pattern"], row[0]))
        if found.thinking != read_rule(rule):
            differing.append(f"{row[0]}: thinking")

    assert not differing
    assert {*told, *sheet["modelAliases"]} <= set(ALL_IDS)
    show(f"models of the machine-readable sheet: {len(told)} and {len(sheet['modelAliases'])} aliases, all agreed with")


def read_rule(rule: Mapping[str, Any]) -> ThinkingRule:
    amounts = rule.get("budget", {})
    return ThinkingRule(
        control=rule["control"],
        levels=tuple(rule.get("levels", ())),
        budget_min=amounts.get("min", 0),
        budget_max=amounts.get("max", 0),
        can_disable=rule.get("canDisable", False),
        default=amounts.get("default", rule.get("default")),
    )


def asked_and_answered() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield model, body and the generationConfig of every recorded request for an answer that got one."""
    for exchange in answers():
        request = exchange["request"]
        if request is not None and isinstance(request.get("body"), dict):
            body = request["body"]
            config = body.get("generationConfig") or body.get("generation_config") or {}
            yield model_of(request["url_path"]), body, config


def model_of(path: str) -> str:
    return path.rpartition("/")[2].partition(":")[0]


@needs_traffic
def test_every_model_that_answered_in_the_traffic_has_a_generation(show: Callable[[str], None]) -> None:
    found = Counter[str]()
    for exchange in answers():
        for answer in payloads(exchange["response"])[:1]:
            if version := answer.get("modelVersion"):
                found[version.removeprefix("models/")] += 1

    assert not [version for version in found if facts(version).generation is None]
    known = {version: number for version, number in found.items() if facts(version).known}
    show(
        f"modelVersions in the traffic: {len(known)} known ids ({sum(known.values()):,} answers), "
        f"{len(found) - len(known)} builds and older ones ({sum(found.values()) - sum(known.values()):,} answers), "
        "each with the rules of its generation"
    )


@needs_traffic
def test_what_recorded_models_took_as_thinking_is_never_ruled_out(show: Callable[[str], None]) -> None:
    kept, otherwise = Counter[str](), Counter[str]()
    for model, _, config in asked_and_answered():
        thinking = config.get("thinkingConfig") or config.get("thinking_config") or {}
        asked = thinking.get("thinkingLevel") or thinking.get("thinking_level")
        tokens = thinking.get("thinkingBudget", thinking.get("thinking_budget"))
        rule = facts(model).thinking
        if asked is None and tokens is None:
            continue
        if asked is not None and rule.control == "level":
            sent, note = resolve_thinking(asked.lower(), model)
            assert (sent, note) == ({"thinkingLevel": asked.upper()}, None)
            kept["level"] += 1
        elif tokens is not None and rule.control == "budget":
            sent, note = resolve_thinking(tokens, model)
            assert (sent, note) == ({"thinkingBudget": tokens}, None)
            kept["budget"] += 1
        else:  # a budget for a model of levels is taken for compatibility; one of 0 by a model that does not think
            assert tokens is not None
            assert rule.control in ("level", "none")
            otherwise[f"budget {tokens} by {model}"] += 1

    show(
        f"thinking that recorded models took, sent by us unchanged: {kept['level']} levels, {kept['budget']} budgets\n"
        f"taken for compatibility, and sent by us as a level or not at all: {sum(otherwise.values())}"
    )
    assert kept["level"] > 20
    assert kept["budget"] > 50


@needs_traffic
def test_what_recorded_models_took_is_never_denied_to_them(show: Callable[[str], None]) -> None:
    """The one exception: 2.0 Flash took JSON mode beside functions twice, which Google's text denies to all of 2.x."""
    seen = Counter[str]()
    for model, body, config in asked_and_answered():
        if any("functionResponse" in part and part["functionResponse"].get("parts") for part in parts_of(body)):
            assert facts(model).response_parts
            seen["media in responses to calls"] += 1
        tools = tools_of(body)
        functions = any(tool.get("functionDeclarations") for tool in tools)
        builtins = any(value is not None for tool in tools for name, value in tool.items() if name in BUILTINS)
        is_json = config.get("responseMimeType") == "application/json"
        if functions and is_json:
            assert facts(model).json_with_functions or model == "gemini-2.0-flash"
            seen["functions beside JSON mode"] += 1
        if builtins and is_json:
            assert facts(model).json_with_builtins
            seen["built-in tools beside JSON mode"] += 1
        if builtins and functions:
            assert facts(model).builtins_with_functions
            seen["built-in tools beside functions"] += 1
        if body.get("cachedContent"):
            assert facts(model).explicit_caching
            seen["cached contents"] += 1

    show("taken by recorded models, and allowed by our facts:\n" + "\n".join(f"  {n}: {c}" for n, c in seen.items()))
    assert len(seen) == 5


BUILTINS = ("googleSearch", "codeExecution", "urlContext", "googleMaps", "fileSearch")


def parts_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    contents = body.get("contents") or []
    found = [content.get("parts") or [] for content in (contents if isinstance(contents, list) else [contents])]
    return [part for parts in found for part in (parts if isinstance(parts, list) else [parts])]


def tools_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    return tools if isinstance(tools, list) else [tools]


@needs_traffic
def test_models_that_refused_log_probabilities_are_not_said_to_have_them(show: Callable[[str], None]) -> None:
    refused = Counter[str]()
    for exchange in exchanges():
        request, response = exchange["request"], exchange["response"]
        if request and response["status"] == 400 and "logprobs is not enabled" in str(response.get("body")).lower():
            refused[model_of(request["url_path"])] += 1

    assert refused
    assert not [model for model in refused if facts(model).known and facts(model).logprobs]
    show(f"log probabilities refused in the traffic: {dict(refused)}")
