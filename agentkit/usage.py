"""What a run has spent, and what it may spend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from decimal import Decimal
from operator import add, sub
from typing import Any, Literal, Self, cast

from agentkit import wire
from agentkit._checks import is_number, is_whole
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError, LimitExceeded
from agentkit.prices import Amount, read_amount

__all__ = ["Limits", "Usage"]


@frozen
class Usage:
    """What was spent. Token counts are the service's own; a count it did not give is 0.

    Attributes:
        turns: Answers of the model that the run used.
        requests: Requests for an answer, those included whose answer was unusable and asked for again, and side
            requests (`Agent(combine=...)`).
        tool_calls: Calls that were answered, refused and failed ones included.
        input_tokens: The prompt, cached part included, plus what built-in tools fed back.
        output_tokens: Visible output.
        thought_tokens: Thinking, billed as output.
        cached_tokens: The part of `input_tokens` that came from a cache.
        total_tokens: As the service counts them.
        cost: What the tokens cost, in USD; None if that is not known of all of them, as in batches. Fees per search and
            the storage of caches are not in it.
    """

    turns: int = 0
    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thought_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0
    cost: Decimal | None = Decimal(0)

    def __add__(self, other: Self) -> Self:
        """Return the sum, field by field; None plus anything is None."""
        return self._with(other, add)

    def __sub__(self, other: Self) -> Self:
        """Return what was spent since `other`, field by field."""
        return self._with(other, sub)

    def _with(self, other: Self, combine: Callable[[Any, Any], Any]) -> Self:
        combined: dict[str, Any] = {}
        for one in fields(self):
            mine, others = getattr(self, one.name), getattr(other, one.name)
            combined[one.name] = None if mine is None or others is None else combine(mine, others)
        return type(self)(**combined)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON; `cost` is a decimal text, which loses nothing."""
        return asdict(self) | {"cost": None if self.cost is None else f"{self.cost:f}"}

    @classmethod
    def of_answer(cls, metadata: wire.UsageMetadata | None, cost: Decimal | None = None) -> Self:
        """Return the tokens of one answer, with `requests` 1. Counts that are absent or negative are 0."""
        if metadata is None:
            return cls(requests=1, cost=cost)
        prompt, tool_use = _count(metadata.prompt_token_count), _count(metadata.tool_use_prompt_token_count)
        output, thoughts = _count(metadata.candidates_token_count), _count(metadata.thoughts_token_count)
        return cls(
            requests=1,
            input_tokens=prompt + tool_use,
            output_tokens=output,
            thought_tokens=thoughts,
            cached_tokens=_count(metadata.cached_content_token_count),
            total_tokens=_count(metadata.total_token_count) or prompt + tool_use + output + thoughts,
            cost=cost,
        )


def _count(value: object) -> int:
    """Read a token count as it came over the wire."""
    return max(0, int(value)) if is_number(value) else 0


@frozen
class Limits:
    """What a run may spend. `None` means no limit.

    Attributes:
        turns: Answers of the model. With `on_limit="answer"` the last of them is reserved for the answer, so 2 is the
            least with which a function can be called.
        tool_calls: Calls of functions. Checked before each request, so the calls of one answer may overrun it.
        total_tokens: Tokens of all requests together. Checked before each request, so one answer may overrun it.
        cost_usd: USD for the tokens of all requests together, checked like `total_tokens`. The prices of all models
            must be known when a run starts; an answer whose cost is not known all the same brings the run to its limit.
        input_tokens: Tokens of one request. Each is counted by the service before it is sent, at one question more.
            A larger request is not sent, also as the last turn: `LimitExceeded`, whatever `on_limit` says.
        deadline_s: Seconds for the whole run. When they are over, `DeadlineExceeded` is raised.
        depth: Runs inside runs, where a tool runs an agent; this run counts.
        repeats: How often the model may do the same in vain before it is warned: the same calls with the same results,
            a cycle of them, or nothing but errors. After as many again the next turn is the last. None: not watched.
        on_limit: `"answer"`: one last turn without functions asks for the best answer, and `result.stop` is
            `"limit"` or `"loop"`. `"raise"`: `LimitExceeded` or `LoopDetected`.
    """

    turns: int = 20
    tool_calls: int | None = None
    total_tokens: int | None = None
    cost_usd: Amount | None = None
    input_tokens: int | None = None
    deadline_s: float | None = None
    depth: int = 5
    repeats: int | None = 3
    on_limit: Literal["answer", "raise"] = "answer"

    def __post_init__(self) -> None:
        for name in ("turns", "tool_calls", "total_tokens", "input_tokens", "deadline_s", "depth", "repeats"):
            required = name in ("turns", "depth")
            _check_limit(name, getattr(self, name), whole=name != "deadline_s", required=required)
        if self.cost_usd is not None and not read_amount("Limits(cost_usd=...)", self.cost_usd):
            raise ConfigurationError("Limits(cost_usd=0): must be an amount of USD above 0, or None.")
        if self.repeats == 1:
            raise ConfigurationError("Limits(repeats=1): once is no repeat. Give 2 or more, or None.")
        if self.on_limit not in ("answer", "raise"):
            raise ConfigurationError(f'Limits(on_limit={self.on_limit!r}): must be "answer" or "raise".')

    def check(self, usage: Usage) -> bool:
        """Decide about the next turn: False for an ordinary one, True if it must be the last, with an answer.

        Raises:
            LimitExceeded: Not even a last answer is allowed.
        """
        reached = self.reached(usage)
        if reached is not None and (self.on_limit == "raise" or usage.turns >= self.turns):
            raise reached
        return reached is not None

    def reached(self, usage: Usage) -> LimitExceeded | None:
        """Return the limit that `usage` has come to, as an error; None if there is none."""
        reserved = 1 if self.on_limit == "answer" else 0
        for name, used, allowed in (
            ("turns", usage.turns + reserved, self.turns),
            ("tool_calls", usage.tool_calls, self.tool_calls),
            ("total_tokens", usage.total_tokens, self.total_tokens),
        ):
            if allowed is not None and used >= allowed:
                return LimitExceeded(name, allowed if name == "turns" else used, allowed)
        if self.cost_usd is not None:
            allowed_usd = read_amount("cost_usd", self.cost_usd)
            if usage.cost is None or usage.cost >= allowed_usd:
                used_usd = float("nan") if usage.cost is None else float(usage.cost)
                return LimitExceeded("cost_usd", used_usd, float(allowed_usd))
        return None


def _check_limit(name: str, value: object, *, whole: bool, required: bool) -> None:
    if value is None and not required:
        return
    is_right = is_whole(value) if whole else is_number(value)
    if not is_right or cast(float, value) <= 0:
        kind = "a whole number above 0" if whole else "a number of seconds above 0"
        raise ConfigurationError(f"Limits({name}={value!r}): must be {kind}" + ("." if required else ", or None."))
