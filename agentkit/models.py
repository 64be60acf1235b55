"""What each Gemini model allows: data with a date, nothing else. Unknown ids get the newest rules.

Source: the protocol sheet, sections 12.1 to 12.3, and its schema facts, as of `AS_OF`. Ids behind gateways carry dates
and suffixes, and a deprecated id may be answered by its successor: use these facts to build a good request, and read
the answer for what really happened.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from agentkit._frozen import frozen

__all__ = ["AS_OF", "ModelFacts", "ThinkingRule", "facts", "known_models", "resolve_thinking"]

AS_OF: Final = "2026-11-22"

Generation = tuple[int, int]


@frozen
class ThinkingRule:
    """How a model is told how much to think.

    Attributes:
        control: `"level"` (`thinkingLevel`), `"budget"` (`thinkingBudget`), `"none"`, or `"unverified"` (no source).
        levels: The levels the model takes, from least to most; empty unless `control` is `"level"`.
        budget_min: The smallest number of tokens; `-1` (dynamic) is always allowed beside the range.
        budget_max: The largest number of tokens.
        can_disable: Whether a budget of 0 switches thinking off.
        default: What the service uses when nothing is sent; `None` if no source says.
    """

    control: Literal["level", "budget", "none", "unverified"]
    levels: tuple[str, ...] = ()
    budget_min: int = 0
    budget_max: int = 0
    can_disable: bool = False
    default: str | int | None = None


@frozen
class ModelFacts:
    """What one model allows and demands.

    Attributes:
        id: The id without `models/`.
        generation: For example `(3, 6)`; `None` if the id does not tell it.
        known: Whether the id itself is listed; otherwise the facts follow from its generation, or are the newest.
        status: `"ga"`, `"preview"`, `"deprecated"` (being replaced) or `"shutdown"`; `None` if not known.
        shutdown: From when on it is off, as in `"2026-12-01"`; None where no source names a day.
        successor: Which model answers in its place, then or already now; None if none does, or no source says so.
        thinking: How thinking is controlled.
        output: What the model answers with: `"TEXT"`, `"IMAGE"`, `"AUDIO"`; empty for embeddings.
        json_with_functions: JSON output may be asked for beside functions.
        json_with_builtins: JSON output may be asked for beside Gemini's own tools.
        builtins: Gemini's own tools that the model takes, by their keys in a Tool message.
        builtins_with_functions: Gemini's own tools may stand beside functions, with the flag
            `toolConfig.includeServerSideToolInvocations`, on Google's endpoint.
        validated_calls: Calling mode `VALIDATED`: text or calls, and calls obey their schemas.
        response_parts: A function response may carry media in `parts`.
        call_ids: Function calls arrive with an `id`.
        signatures_enforced: A call of the current turn must come back with its thought signature, or the answer is 400.
        strict_turns: Role `function`, a closing model turn, and text after a function response are refused.
        sampling_ignored: `temperature`, `topP` and `topK` have no effect.
        many_candidates: `candidateCount` may be above 1.
        logprobs: Google's own endpoint gives log probabilities. Recorded refusals name 2.5 Flash-Lite and every alias.
        explicit_caching: The model takes `cachedContent`; not from Gemini 4 on.
        long_decode: A long answer comes in several hops, joined by a `continuationToken`.
        input_token_limit: Tokens of prompt.
        output_token_limit: Tokens of answer, thinking included.
    """

    id: str
    generation: Generation | None
    known: bool
    status: str | None
    shutdown: str | None
    successor: str | None
    thinking: ThinkingRule
    output: tuple[str, ...] = ("TEXT",)
    json_with_functions: bool
    json_with_builtins: bool
    builtins: tuple[str, ...]
    builtins_with_functions: bool
    validated_calls: bool
    response_parts: bool
    call_ids: bool
    signatures_enforced: bool
    strict_turns: bool
    sampling_ignored: bool
    many_candidates: bool
    logprobs: bool
    explicit_caching: bool
    long_decode: bool
    input_token_limit: int = 1_048_576
    output_token_limit: int = 65_536


@lru_cache(maxsize=1024)
def facts(model: str) -> ModelFacts:
    """Return what `model` allows; an unknown id gets the rules of its generation, or else the newest ones.

    `models/` and longer resource names in front of the id are ignored.
    """
    model_id = model.rpartition("/")[2]
    row = _ROWS.get(model_id)
    generation = _generation_of(model_id)
    modern, strict = _is_from((3, 0), generation), _is_from((3, 6), generation)
    # Gemma speaks the protocol but is no Gemini 3: no source says that it signs its calls.
    signs = modern and not model_id.startswith("gemma-")
    return ModelFacts(
        id=model_id,
        generation=generation,
        known=row is not None,
        status=row.status if row else None,
        shutdown=row.shutdown if row else None,
        successor=row.successor if row else None,
        thinking=_thinking_of(model_id),
        output=_output_of(model_id),
        json_with_functions=modern,
        json_with_builtins=modern,
        builtins=_builtins_of(model_id, generation),
        builtins_with_functions=modern,
        validated_calls=_is_from((2, 5), generation) and not model_id.startswith("gemma-"),
        response_parts=modern,
        call_ids=modern,
        signatures_enforced=signs,
        strict_turns=strict and signs,
        sampling_ignored=strict and signs,
        many_candidates=not modern,
        logprobs=not _is_from((2, 5), generation),
        explicit_caching=generation is None or generation < (4, 0),
        long_decode=_is_from((4, 0), generation),
    )


def known_models() -> tuple[ModelFacts, ...]:
    """Return the facts of every listed model and alias, newest first."""
    return tuple(facts(model_id) for model_id in _ROWS)


def resolve_thinking(thinking: str | int, model: str) -> tuple[dict[str, object], str | None]:
    """Return the `thinkingConfig` that comes closest to `thinking` on `model`, and a note if it is not quite that.

    The configuration is empty when nothing has to be sent: `"dynamic"` where the model decides by itself, or a model
    that takes no setting. A level goes to models of generation 3 and newer, a budget to 2.5, never both.

    Args:
        thinking: `"off"`, `"minimal"`, `"low"`, `"medium"`, `"high"`, `"xhigh"`, `"dynamic"`, or a number of tokens
            (`0` is off, `-1` is dynamic).
        model: The model's id.

    Raises:
        ValueError: If `thinking` is none of these.
    """
    wanted = _read_thinking(thinking)
    rule = facts(model).thinking
    match rule.control:
        case "level":
            config, sent = _as_level(wanted, rule)
        case "budget":
            config, sent = _as_budget(wanted, rule)
        case "none":
            return {}, None if wanted in ("off", 0) else f"{model!r} does not think: thinking={thinking!r} is not sent."
        case "unverified":
            return {}, f"It is not known how {model!r} is told to think: thinking={thinking!r} is not sent."
    return (
        config,
        None if sent == wanted else f"{model!r} does not take thinking={thinking!r}: {_described(sent)} instead.",
    )


# What each word means in tokens, for models controlled by a budget, and the other way round for budgets given to models
# controlled by a level. Source for low, medium and high: Google's own mapping of OpenAI's reasoning effort.
_BUDGET_OF: Final[Mapping[str, int]] = MappingProxyType(
    {"minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768}
)
_LADDER: Final = tuple(_BUDGET_OF)


def _read_thinking(thinking: str | int) -> str | int:
    words = ("off", *_LADDER, "dynamic")
    if isinstance(thinking, str):
        if thinking.lower() not in words:
            raise ValueError(f"thinking is one of {', '.join(words)}, or a number of tokens; got {thinking!r}.")
        return thinking.lower()
    if not isinstance(thinking, int) or isinstance(thinking, bool) or thinking < -1:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise ValueError(f"thinking as a number is a count of tokens, 0 (off) or -1 (dynamic); got {thinking!r}.")
    return {0: "off", -1: "dynamic"}.get(thinking, thinking)


def _as_level(wanted: str | int, rule: ThinkingRule) -> tuple[dict[str, object], str | int]:
    if wanted == "dynamic":
        return {}, wanted
    if isinstance(wanted, int):
        step = next((i for i, word in enumerate(_LADDER) if _BUDGET_OF[word] >= wanted), len(_LADDER) - 1)
    else:
        step = -1 if wanted == "off" else _LADDER.index(wanted)
    # Of two levels equally near the higher one is taken: thinking too little costs the answer, too much a few tokens.
    level = min(reversed(rule.levels), key=lambda word: abs(_LADDER.index(word) - step))
    return {"thinkingLevel": level.upper()}, level


def _as_budget(wanted: str | int, rule: ThinkingRule) -> tuple[dict[str, object], str | int]:
    if wanted == "dynamic":
        return {"thinkingBudget": -1}, wanted
    if wanted == "off" and rule.can_disable:
        return {"thinkingBudget": 0}, wanted
    tokens = 0 if wanted == "off" else wanted if isinstance(wanted, int) else _BUDGET_OF[wanted]
    allowed = min(max(tokens, rule.budget_min), rule.budget_max)
    return {"thinkingBudget": allowed}, wanted if allowed == tokens else allowed


def _described(sent: str | int) -> str:
    return f"level {sent!r}" if isinstance(sent, str) else f"a budget of {sent} tokens"


@frozen
class _Row:
    status: str | None = "ga"
    output: tuple[str, ...] = ("TEXT",)
    shutdown: str | None = None
    successor: str | None = None


_IMAGE: Final = ("TEXT", "IMAGE")
_AUDIO: Final = ("AUDIO",)

_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        "gemini-4-neon": _Row(),
        "gemini-4-hydrogen": _Row(),
        "gemini-4-carbon": _Row(),
        "gemini-4-argon": _Row(),
        "gemini-3.8-flash": _Row(),
        "gemini-3.7-flash": _Row(status="deprecated", successor="gemini-3.8-flash"),
        "gemini-3.6-flash": _Row(),
        "gemini-3.5-flash-lite": _Row(),
        "gemini-3.5-flash": _Row(status="deprecated", successor="gemini-3.6-flash"),
        "gemini-3.1-pro-preview": _Row(status="preview"),
        "gemini-3.1-pro-preview-customtools": _Row(status="preview"),
        "gemini-3.1-flash-lite": _Row(),
        "gemini-3-flash-preview": _Row(status="preview"),
        "gemini-3-pro-preview": _Row(status="shutdown", shutdown="2026-03-09", successor="gemini-3.1-pro-preview"),
        "gemini-2.5-pro": _Row(status="deprecated", shutdown="2026-12-01", successor="gemini-3.8-flash"),
        "gemini-2.5-flash": _Row(status="deprecated", shutdown="2026-12-01", successor="gemini-3.5-flash-lite"),
        "gemini-2.5-flash-lite": _Row(),
        "gemini-2.0-flash": _Row(status="shutdown", shutdown="2026-06-01"),
        "gemini-flash-latest": _Row(),
        "gemini-flash-lite-latest": _Row(),
        "gemini-pro-latest": _Row(),
        "gemini-nano-banana-2.1": _Row(output=_IMAGE),
        "gemini-3-pro-image": _Row(output=_IMAGE),
        "gemini-3.1-flash-image": _Row(output=_IMAGE),
        "gemini-3.1-flash-lite-image": _Row(output=_IMAGE),
        "gemini-2.5-flash-image": _Row(output=_IMAGE),
        "gemini-3.8-flash-tts": _Row(status=None, output=_AUDIO),
        "gemini-3.8-flash-lite-tts": _Row(status=None, output=_AUDIO),
        "gemini-3.1-flash-tts-preview": _Row(status="preview", output=_AUDIO),
        "gemini-3.5-transcribe": _Row(status=None),
        "gemini-robotics-er-1.6-preview": _Row(status="preview"),
        "gemma-4-26b-a4b-it": _Row(status=None),
        "gemma-4-31b-it": _Row(status=None),
        "gemini-embedding-001": _Row(status=None, output=()),
        "gemini-embedding-2": _Row(status=None, output=()),
    }
)


def _level(*levels: str, default: str | None = None) -> ThinkingRule:
    return ThinkingRule(control="level", levels=levels, default=default)


def _budget(low: int, high: int, *, can_disable: bool = True, default: int = -1) -> ThinkingRule:
    return ThinkingRule(control="budget", budget_min=low, budget_max=high, can_disable=can_disable, default=default)


_NO_THINKING: Final = ThinkingRule(control="none")
_UNVERIFIED: Final = ThinkingRule(control="unverified")
_TO_HIGH: Final = ("low", "medium", "high")

# The first pattern that matches wins, so suffixed ids (dates, "-preview") follow their family.
_THINKING: Final[tuple[tuple[str, ThinkingRule], ...]] = (
    (r"^gemini-2\.5-flash-image", _NO_THINKING),
    (r"^gemini-(2\.0|1)", _NO_THINKING),
    (r"-image|nano-banana|-tts|-transcribe|^gemini-embedding|-live", _UNVERIFIED),
    (r"^gemini-4-(hydrogen|neon)", _level(*_TO_HIGH, "xhigh", default="high")),
    (r"^gemini-4-(argon|carbon)", _level(*_TO_HIGH, default="medium")),
    (r"^gemini-3\.[78]-flash(?!-lite)", _level(*_TO_HIGH, default="medium")),
    (r"^gemini-3\.6-flash", _level("minimal", *_TO_HIGH, default="medium")),
    (r"^gemini-3\.5-flash-lite", _level("minimal", *_TO_HIGH, default="minimal")),
    (r"^gemini-3\.5-flash", _level("minimal", *_TO_HIGH, default="medium")),
    (r"^gemini-3\.1-pro", _level(*_TO_HIGH, default="high")),
    (r"^gemini-3\.1-flash-lite", _level("minimal", *_TO_HIGH, default="minimal")),
    (r"^gemini-3-pro", _level("low", "high", default="high")),
    (r"^gemini-3-flash", _level("minimal", *_TO_HIGH, default="high")),
    (r"^gemini-2\.5-pro", _budget(128, 32_768, can_disable=False)),
    (r"^gemini-2\.5-flash-lite", _budget(512, 24_576, default=0)),
    (r"^gemini-2\.5-flash", _budget(0, 24_576)),
    (r"^gemini-robotics-er-1\.[56]", _budget(0, 24_576)),
    (r"^gemma-4-", _level("minimal", "high")),
    # Never "minimal" or "xhigh" for ids that are not known: most of the newest models refuse them.
    (r"", _level(*_TO_HIGH)),
)


def _thinking_of(model_id: str) -> ThinkingRule:
    return next(rule for pattern, rule in _THINKING if re.search(pattern, model_id))


def _is_from(first: Generation, generation: Generation | None) -> bool:
    """Whether rules that began with `first` hold; they hold for a generation that is not known."""
    return generation is None or generation >= first


def _generation_of(model_id: str) -> Generation | None:
    if model_id.startswith("gemini-robotics-er-1"):
        return (2, 5)  # built on 2.5: its own number is no generation of Gemini
    found = re.match(r"gemini-(?:live-)?(\d+)(?:\.(\d+))?(?=-|$)", model_id)
    return (int(found[1]), int(found[2] or 0)) if found else None


# Since when there are Gemini's own tools: protocol sheet 2.4.
_BUILTINS_SINCE: Final[Mapping[str, Generation]] = MappingProxyType(
    {
        "googleSearch": (2, 0),
        "codeExecution": (2, 0),
        "googleMaps": (2, 5),
        "urlContext": (2, 5),
        "fileSearch": (2, 5),
        "computerUse": (3, 0),
    }
)


def _builtins_of(model_id: str, generation: Generation | None) -> tuple[str, ...]:
    """Before Gemini 3 computer use had a model of its own."""
    own = ("computerUse",) if "computer-use" in model_id else ()
    taken = (name for name, since in _BUILTINS_SINCE.items() if _is_from(since, generation))
    return tuple(dict.fromkeys((*taken, *own)))


def _output_of(model_id: str) -> tuple[str, ...]:
    if row := _ROWS.get(model_id):
        return row.output
    if "-image" in model_id or "banana" in model_id:
        return _IMAGE
    if "-tts" in model_id:
        return _AUDIO
    return () if "embedding" in model_id else ("TEXT",)
