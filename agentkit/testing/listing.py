"""What the lists of models, cached contents and files share: pages and times; and what a model looks like in one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from agentkit.models import facts
from agentkit.testing.envelope import Refused, refusal
from agentkit.testing.finding import Profile

__all__ = ["describe_model", "page_of", "timestamp"]

_Thing = TypeVar("_Thing")


def page_of(
    things: Sequence[_Thing], query: Mapping[str, str], *, usual: int, most: int, profile: Profile
) -> tuple[Sequence[_Thing], dict[str, str]]:
    """Return the page of `things` that `query` asks for, and what tells the way to the next one.

    Args:
        things: All of them.
        query: May hold `pageSize` and `pageToken`.
        usual: How many are on a page if nothing is said.
        most: How many can be on a page; a larger `pageSize` means this many.
        profile: Who refuses.

    Raises:
        Refused: `pageSize` or `pageToken` is no number, or out of range.
    """
    try:
        first, size = int(query.get("pageToken") or 0), int(query.get("pageSize") or usual)
    except ValueError:
        raise Refused(refusal(profile, 400)) from None
    if size < 0 or not 0 <= first <= len(things):
        raise Refused(refusal(profile, 400))
    end = first + (min(size, most) or usual)
    return things[first:end], {"nextPageToken": str(end)} if end < len(things) else {}


def timestamp(moment: datetime) -> str:
    """Return a moment of UTC as the service writes it: `2026-11-22T10:00:00.000000Z`."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def describe_model(model_id: str) -> dict[str, Any]:
    """Return what `models.get` says about a model."""
    model = facts(model_id)
    return {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "version": "001",
        "displayName": model.id.replace("-", " ").title(),
        "inputTokenLimit": model.input_token_limit,
        "outputTokenLimit": model.output_token_limit,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": model.thinking.control in ("level", "budget"),
    }
