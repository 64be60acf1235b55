"""Does the model go round in circles? Pure: reads what it asked for and was told, newest first.

```text
call    the same calls with the same arguments and the same results, n rounds in a row
cycle   two or three such rounds in turn, n times over
error   nothing but errors, n rounds in a row, of the same functions or with the same texts
```
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from agentkit import wire
from agentkit._frozen import frozen
from agentkit._placing import digests, is_moved
from agentkit.state import PendingCall, RunState

__all__ = ["Repeat", "find_repeat"]

LONGEST_CYCLE = 3


@frozen
class Repeat:
    """What goes round.

    Attributes:
        kind: `"call"`, `"cycle"` or `"error"`.
        tools: The functions of one round.
        times: How often it came.
    """

    kind: Literal["call", "cycle", "error"]
    tools: tuple[str, ...]
    times: int

    @property
    def note(self) -> str:
        """What the model is told about it."""
        names = ", ".join(dict.fromkeys(self.tools))
        if self.kind == "error":
            return f"{names} failed {self.times} times in a row. Do something else, or answer with what you know."
        return (
            f"You have called {names} {self.times} times with the same arguments and the same results. "
            "Calling again will not change them. Do something else, or answer with what you know."
        )


@frozen
class _Round:
    """The calls of one answer, and what the model was told."""

    asked: str
    told: str
    tools: tuple[str, ...]
    errors: tuple[str, ...] | None

    @property
    def whole(self) -> tuple[str, str]:
        return self.asked, self.told


def find_repeat(state: RunState, times: int) -> Repeat | None:
    """Return what has come `times` over at the end of the run, the answered open calls included; None if nothing has.

    What came before `state.loop_start` is not counted.
    """
    rounds = list(itertools.islice(_rounds(state), LONGEST_CYCLE * times))
    for period in range(1, LONGEST_CYCLE + 1):
        newest = rounds[: period * times]
        if len(newest) == period * times and all(r.whole == newest[i % period].whole for i, r in enumerate(newest)):
            tools = tuple(name for r in reversed(newest[:period]) for name in r.tools)
            return Repeat(kind="call" if period == 1 else "cycle", tools=tools, times=times)
    newest = rounds[:times]
    if len(newest) == times and all(r.errors for r in newest):
        same_tools = len({r.tools for r in newest}) == 1
        if same_tools or len({r.errors for r in newest}) == 1:
            return Repeat(kind="error", tools=newest[0].tools, times=times)
    return None


def _rounds(state: RunState) -> Iterator[_Round]:
    """Yield the rounds, newest first, until one is no round of calls and answers."""
    if state.pending:
        yield _of_pending(state.pending)
    index = len(state.contents) - (2 if state.pending else 1)
    while index > max(state.loop_start, state.start):
        media: Sequence[wire.Part] = ()
        if is_moved(state.contents[index]):
            media, index = state.contents[index].parts or [], index - 1
        round_ = _of_contents(state.contents[index - 1], state.contents[index], media)
        if round_ is None:
            return
        yield round_
        index -= 2


def _of_pending(pending: Sequence[PendingCall]) -> _Round:
    return _round([one.call for one in pending], [one.response for one in pending if one.response is not None])


def _of_contents(asked: wire.Content, told: wire.Content, media: Sequence[wire.Part]) -> _Round | None:
    responses = [part.function_response for part in told.parts or [] if part.function_response is not None]
    return _round(asked.function_calls, responses, media) if asked.role == "model" and responses else None


def _round(
    calls: Sequence[wire.FunctionCall],
    responses: Sequence[wire.FunctionResponse],
    moved_media: Sequence[wire.Part] = (),
) -> _Round:
    held = [part for response in responses for part in response.parts or []]
    media = digests([*held, *(part for part in moved_media if part.text is None)])
    answers: list[Any] = [response.response for response in responses]
    failed = answers and all(isinstance(answer, dict) and "error" in answer for answer in answers)
    return _Round(
        asked=_written([(call.name, call.to_wire().get("args")) for call in calls]),
        told=_written([answers, media]),
        tools=tuple(call.name or "" for call in calls),
        errors=tuple(_written(answer["error"]) for answer in answers) if failed else None,
    )


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
