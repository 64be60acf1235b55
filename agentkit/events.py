"""What happens in a run, as tagged values. `event.to_json()` is what `agentkit run --json` prints."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from agentkit._frozen import frozen
from agentkit.approval import ApprovalRequest
from agentkit.usage import Usage

__all__ = [
    "Event",
    "LoopFound",
    "ModelChanged",
    "PartialOutput",
    "Paused",
    "Retrying",
    "RunFinished",
    "RunStarted",
    "TextDelta",
    "ThoughtDelta",
    "ToolFinished",
    "ToolProgress",
    "ToolStarted",
    "TurnFinished",
    "TurnStarted",
]


class _Tagged:
    type: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain JSON with its `type` first."""
        return {"type": self.type, **{name: _plain(value) for name, value in vars(self).items()}}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Usage):
        return value.to_json()
    return dict(vars(value)) if isinstance(value, ApprovalRequest) else value


@frozen
class RunStarted(_Tagged):
    """A run begins, or goes on after a pause."""

    type = "run_started"
    run_id: str
    model: str


@frozen
class TurnStarted(_Tagged):
    """A request goes to the model. Turns count from 1."""

    type = "turn_started"
    turn: int


@frozen
class TextDelta(_Tagged):
    """A piece of text. Text before a call is shown as well, so deltas may hold more than the final answer."""

    type = "text_delta"
    text: str


@frozen
class PartialOutput(_Tagged):
    """A typed answer as far as it has come, while its JSON streams in.

    Within a turn each tells more than the one before. Nothing is checked yet: a later `Retrying` with `discard_text`
    takes it back, and a next turn begins anew. Answers by a final-answer function come whole, without this event.

    Attributes:
        value: Plain JSON. A text in it may be cut, a number is whole. Read-only: parts are shared with other events.
    """

    type = "partial_output"
    value: Any


@frozen
class ThoughtDelta(_Tagged):
    """A piece of the model's thought summary."""

    type = "thought_delta"
    text: str


@frozen
class TurnFinished(_Tagged):
    """A usable answer has arrived whole. `usage` is what this turn spent."""

    type = "turn_finished"
    turn: int
    finish_reason: str
    usage: Usage


@frozen
class ToolStarted(_Tagged):
    """A tool is about to run. `args` are the arguments as the model sent them."""

    type = "tool_started"
    key: str
    tool: str
    args: Mapping[str, Any]


@frozen
class ToolProgress(_Tagged):
    """A tool said how far it is. `fraction` is 0 to 1, where known."""

    type = "tool_progress"
    key: str
    tool: str
    message: str
    fraction: float | None = None


@frozen
class ToolFinished(_Tagged):
    """A call is answered.

    Attributes:
        response: The object that goes to the model: `{"output": ...}`, the tool's own object, or `{"error": ...}`.
        failed: Whether it is an error.
        error: The exception in full for whoever watches; the model may have been told less. Empty if none.
    """

    type = "tool_finished"
    key: str
    tool: str
    response: Mapping[str, Any]
    failed: bool
    elapsed_s: float
    error: str = ""


@frozen
class Retrying(_Tagged):
    """A request is sent again: the service was busy, or its answer was unusable.

    Attributes:
        discard_text: Whether text deltas of this turn came from the unusable answer and should be taken back.
    """

    type = "retrying"
    reason: str
    attempt: int
    delay_s: float
    discard_text: bool = False


@frozen
class ModelChanged(_Tagged):
    """The run goes on with the next model of its chain.

    Attributes:
        old: The model that failed.
        new: The model that is asked from now on.
        reason: `"overload"`, `"not_found"` or `"quota"`.
        error: What the old model failed with.
        discard_text: Whether text deltas of this turn, if there were any, came from the old model and should be taken
            back.
    """

    type = "model_changed"
    old: str
    new: str
    reason: str
    error: str
    discard_text: bool = False


@frozen
class LoopFound(_Tagged):
    """The model goes round in circles. The first time it is told so; the second time its next turn is the last.

    Attributes:
        pattern: `"call"`, `"cycle"` or `"error"`: what came again and again.
        tools: The functions of one round.
        times: How often it came.
        stopped: Whether it is the second time.
    """

    type = "loop_found"
    pattern: str
    tools: tuple[str, ...]
    times: int
    stopped: bool


@frozen
class Paused(_Tagged):
    """The run waits for people. The last event of a run that pauses."""

    type = "paused"
    requests: tuple[ApprovalRequest, ...]


@frozen
class RunFinished(_Tagged):
    """The run has its answer. `stop` is `"answer"`, `"limit"`, `"loop"` or `"truncated"`."""

    type = "run_finished"
    run_id: str
    stop: str
    usage: Usage


Event = (
    RunStarted
    | TurnStarted
    | TextDelta
    | PartialOutput
    | ThoughtDelta
    | TurnFinished
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | Retrying
    | ModelChanged
    | LoopFound
    | Paused
    | RunFinished
)
