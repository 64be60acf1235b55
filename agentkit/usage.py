"""What a run has spent, and what it may spend."""

from dataclasses import dataclass, fields
from typing import Literal, Self, cast

from agentkit._checks import is_number, is_whole
from agentkit.errors import ConfigurationError, LimitExceeded
from agentkit.wire import UsageMetadata

__all__ = ["Limits", "Usage"]


@dataclass(frozen=True, kw_only=True)
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
    """

    turns: int = 0
    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thought_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: Self) -> Self:
        """Return the sum, field by field."""
        return type(self)(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __sub__(self, other: Self) -> Self:
        """Return what was spent since `other`, field by field."""
        return type(self)(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})

    @classmethod
    def of_answer(cls, metadata: UsageMetadata | None) -> Self:
        """Return the tokens of one answer, with `requests` 1. Counts that are absent or negative are 0."""
        if metadata is None:
            return cls(requests=1)
        prompt, tool_use = _count(metadata.prompt_token_count), _count(metadata.tool_use_prompt_token_count)
        output, thoughts = _count(metadata.candidates_token_count), _count(metadata.thoughts_token_count)
        return cls(
            requests=1,
            input_tokens=prompt + tool_use,
            output_tokens=output,
            thought_tokens=thoughts,
            cached_tokens=_count(metadata.cached_content_token_count),
            total_tokens=_count(metadata.total_token_count) or prompt + tool_use + output + thoughts,
        )


def _count(value: object) -> int:
    """Read a token count as it came over the wire."""
    return max(0, int(value)) if is_number(value) else 0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a run may spend. `None` means no limit.

    Attributes:
        turns: Answers of the model. With `on_limit="answer"` the last of them is reserved for the answer, so 2 is the
            least with which a function can be called.
        tool_calls: Calls of functions. Checked before each request, so the calls of one answer may overrun it.
        total_tokens: Tokens of all requests together. Checked before each request, so one answer may overrun it.
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
    deadline_s: float | None = None
    depth: int = 5
    repeats: int | None = 3
    on_limit: Literal["answer", "raise"] = "answer"

    def __post_init__(self) -> None:
        for name in ("turns", "tool_calls", "total_tokens", "deadline_s", "depth", "repeats"):
            required = name in ("turns", "depth")
            _check_limit(name, getattr(self, name), whole=name != "deadline_s", required=required)
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
        return None


def _check_limit(name: str, value: object, *, whole: bool, required: bool) -> None:
    if value is None and not required:
        return
    is_right = is_whole(value) if whole else is_number(value)
    if not is_right or cast(float, value) <= 0:
        kind = "a whole number above 0" if whole else "a number of seconds above 0"
        raise ConfigurationError(f"Limits({name}={value!r}): must be {kind}" + ("." if required else ", or None."))
