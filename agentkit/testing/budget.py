"""What happens to an answer that is longer than `maxOutputTokens`: thoughts and parts are cut where the budget ends."""

from dataclasses import dataclass
from typing import Any

from agentkit.testing.items import End
from agentkit.testing.metering import CHARACTERS_PER_TOKEN, count_tokens

__all__ = ["Said", "fit_budget"]


@dataclass(eq=False)
class Said:
    """A part on its way out. What is not `sent` is only counted; `exact` parts are not touched."""

    part: dict[str, Any]
    exact: bool
    sent: bool = True

    def holds(self, key: str) -> bool:
        return key in self.part

    @property
    def is_text(self) -> bool:
        return self.holds("text") and not self.part.get("thought")


def fit_budget(said: list[Said], budget: int | None) -> End | None:
    """Shorten `said` to `budget` tokens and return how such an answer ends; `None` if it fits.

    A text is cut. A call that is cut is none: the recorded answer has no content and tells the attempt.
    """
    if budget is None:
        return None
    left = budget
    for index, move in enumerate(said):
        tokens = count_tokens(move.part)
        if move.exact or tokens <= left:
            left -= tokens
            continue
        del said[index + 1 :]
        if isinstance(words := move.part.get("text"), str) and left > 0:
            move.part = {**move.part, "text": words[: left * CHARACTERS_PER_TOKEN]}
        else:
            said.pop()
        if move.holds("functionCall"):
            name = move.part["functionCall"].get("name", "")
            return End("MALFORMED_FUNCTION_CALL", f"Malformed function call: print(default_api.{name}(")
        return End("MAX_TOKENS")
    return None
