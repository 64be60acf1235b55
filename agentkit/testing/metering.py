"""Counts tokens, plausibly and always alike: four characters are a token, media count by the piece and its kind."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, cast

from agentkit.models import ModelFacts
from agentkit.testing.finding import Profile, Request

__all__ = ["CHARACTERS_PER_TOKEN", "Meter", "count_by_modality", "count_prompt", "count_tokens", "tokens_details"]

CHARACTERS_PER_TOKEN: Final = 4
# One piece each, as recorded: an image or a page of 2.x has 258 tokens, an image of 3+ about 1,088, a short clip 264.
_TOKENS_OF: Final = {"IMAGE": 258, "DOCUMENT": 258, "AUDIO": 113, "VIDEO": 264}
_TOKENS_OF_MODERN_IMAGE: Final = 1088
_MODALITIES: Final = ("TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT")
_OPAQUE: Final = frozenset({"thoughtSignature"})


def count_tokens(value: object) -> int:
    """Return a plausible number of tokens for JSON of a request or an answer."""
    return sum(count_by_modality(value).values())


def count_by_modality(value: object, *, is_modern: bool = False) -> Counter[str]:
    """Return tokens by modality (`"TEXT"`, `"IMAGE"` ...); an image costs more on models of generation 3 and newer."""
    counts = Counter[str]()
    characters = _walk(value, counts)
    if is_modern:
        counts["IMAGE"] = counts["IMAGE"] // _TOKENS_OF["IMAGE"] * _TOKENS_OF_MODERN_IMAGE
    counts["TEXT"] = -(-characters // CHARACTERS_PER_TOKEN)
    return +counts


def count_prompt(body: Mapping[str, Any], model: ModelFacts) -> Counter[str]:
    """Return the tokens of a request in one spelling, by modality: of its contents, instruction and tools."""
    whole = [body.get(key) for key in ("contents", "systemInstruction", "tools")]
    return count_by_modality(whole, is_modern=model.call_ids)


def _walk(value: object, counts: Counter[str]) -> int:
    """Count the media in `value` into `counts` and return the number of its characters."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        node = cast("Mapping[str, object]", value)
        if blob := node.get("inlineData") or node.get("fileData"):
            modality = _modality_of(blob)
            if modality != "TEXT":
                counts[modality] += _TOKENS_OF[modality]
                return 0
        return sum(_walk(item, counts) for key, item in node.items() if key not in _OPAQUE)
    if isinstance(value, list | tuple):
        return sum(_walk(item, counts) for item in cast("list[object]", value))
    return 0 if value is None or isinstance(value, bool) else len(json.dumps(value, default=str))


def _modality_of(blob: object) -> str:
    kind = str(cast("Mapping[str, object]", blob).get("mimeType") or "") if isinstance(blob, Mapping) else ""
    family = kind.partition("/")[0].upper()
    if family in ("IMAGE", "AUDIO", "VIDEO", "TEXT"):
        return family
    return "DOCUMENT" if family else "VIDEO"  # a link without a type leads to a video


def tokens_details(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return `counts` as the service lists them."""
    return [{"modality": name, "tokenCount": counts[name]} for name in _MODALITIES if counts.get(name)]


class Meter:
    """The counts of one answer while it is said.

    Running totals look different on each backend: Vertex AI tells nothing before the last chunk, and on Google's own
    endpoint a chunk of thoughts (3 and newer) or any but the last one (before 2.5) tells the prompt only.
    """

    def __init__(self, request: Request, profile: Profile, cached: Mapping[str, int]) -> None:
        self._is_modern = request.model.call_ids
        self._prompt = count_prompt(request.body, request.model)
        self._cached = cached
        self._profile: Profile = profile
        self._generation = request.generation
        self._visible, self._thoughts, self._tool_use = Counter[str](), 0, Counter[str]()

    def add(self, part: Mapping[str, Any]) -> None:
        """Count a part of the answer; what Gemini's own tools gave back is counted as prompt of a tool's use, too."""
        counts = count_by_modality(part)
        if part.get("thought"):
            self._thoughts += counts.total()
        else:
            self._visible += counts
        if "codeExecutionResult" in part or "toolResponse" in part:
            self._tool_use += counts

    def report(
        self, part: Mapping[str, Any] | None, *, is_last: bool, given: Mapping[str, int | None]
    ) -> dict[str, Any]:
        """Return `usageMetadata` for a chunk that holds `part`; `given` counts replace the estimated ones."""
        counts: dict[str, Any] = self._counts(part, is_last=is_last)
        if counts or is_last:
            counts |= given
            if "promptTokenCount" in given and "promptTokensDetails" not in given:
                counts["promptTokensDetails"] = tokens_details({"TEXT": given["promptTokenCount"] or 0})
            total = sum(counts.get(key) or 0 for key in _SUMMED)
            counts = {"totalTokenCount": total} | counts
        counts |= {"serviceTier": "standard"} if self._profile == "google" else {"trafficType": "ON_DEMAND"}
        return {key: value for key, value in counts.items() if value is not None and value != []}

    def _counts(self, part: Mapping[str, Any] | None, *, is_last: bool) -> dict[str, Any]:
        if self._profile != "google" and not is_last:
            return {}
        counts: dict[str, Any] = {"promptTokenCount": self._prompt.total()}
        counts["promptTokensDetails"] = tokens_details(self._prompt)
        if self._cached:
            counts["cachedContentTokenCount"] = sum(self._cached.values())
            counts["cacheTokensDetails"] = tokens_details(self._cached)
        if not is_last and (self._generation < (2, 5) or (self._is_modern and _is_aside(part))):
            return counts
        if visible := self._visible.total():
            counts["candidatesTokenCount"] = visible
            if self._profile != "google" or self._generation < (2, 5):
                counts["candidatesTokensDetails"] = tokens_details(self._visible)
        if self._thoughts:
            counts["thoughtsTokenCount"] = self._thoughts
        if self._tool_use and is_last:
            counts["toolUsePromptTokenCount"] = self._tool_use.total()
            counts["toolUsePromptTokensDetails"] = tokens_details(self._tool_use)
        return counts


_SUMMED: Final = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")


def _is_aside(part: Mapping[str, Any] | None) -> bool:
    """Whether a chunk with `part` tells no counts of the answer on models of generation 3 and newer."""
    return part is not None and any(key in part for key in ("thought", "codeExecutionResult", "toolResponse"))
