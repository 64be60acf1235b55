"""Whether the model may, must or must not call functions: `tool_choice=`, and the mode that a turn is sent with."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError

__all__ = ["ToolChoice", "read_choice"]

Mode = Literal["auto", "any", "none", "validated"]
_MODES = ("auto", "any", "none", "validated")


@frozen
class ToolChoice:
    """Which functions the model may or must call.

    Attributes:
        mode: `"auto"`: text or calls. `"validated"`: the same, and calls obey their schemas. `"any"`: at least one
            call. `"none"`: no calls.
        names: With `"any"` or `"validated"`, the only functions that may be called; empty for all.
        every_turn: Whether a forced call (`"any"`) is forced in every turn. By default it is forced in the first turn
            of a run only, for a model that must call never comes to an answer.
    """

    mode: Mode = "any"
    names: tuple[str, ...] = ()
    every_turn: bool = False

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ConfigurationError(
                f"tool_choice={self.mode!r} is unknown. Use {', '.join(map(repr, _MODES))}, or a list of names."
            )
        names: object = self.names
        if isinstance(names, str) or not all(isinstance(name, str) for name in cast("Iterable[object]", names)):
            raise ConfigurationError(f"tool_choice: names={names!r} must be a list of names.")
        if self.names and self.mode not in ("any", "validated"):
            raise ConfigurationError(f"tool_choice: names go with 'any' or 'validated', not with {self.mode!r}.")

    def config(self, declared: Sequence[str], *, first: bool) -> dict[str, Any] | None:
        """Return `functionCallingConfig` for a turn; None where the choice says nothing about it.

        Args:
            declared: The names of the functions that stand in the request.
            first: Whether it is the first turn of the run.

        Raises:
            ConfigurationError: A name is not declared.
        """
        if strange := [name for name in self.names if name not in declared]:
            known = ", ".join(declared) or "none"
            raise ConfigurationError(f"tool_choice: there is no function {strange[0]!r}. Known: {known}.")
        if self.mode == "any" and not (first or self.every_turn):
            return None
        named = {"allowedFunctionNames": list(self.names)} if self.names else {}
        return {"mode": self.mode.upper(), **named}


def read_choice(given: object) -> ToolChoice | None:
    """Return what `tool_choice=` says: a word, a list of names of which one must be called, or a ToolChoice.

    Raises:
        ConfigurationError: It is none of them.
    """
    if given is None or isinstance(given, ToolChoice):
        return given
    if isinstance(given, str):
        return ToolChoice(mode=cast(Mode, given))
    if isinstance(given, Sequence) and given:
        return ToolChoice(mode="any", names=tuple(cast("Sequence[str]", given)))
    raise ConfigurationError(
        f"tool_choice={given!r}: give {', '.join(map(repr, _MODES))}, a list of names, or ToolChoice(...)."
    )
