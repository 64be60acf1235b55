"""Which of Gemini's own tools a request may hold, and beside what. Pure rules; source: protocol sheet 2.4 and 6."""

from collections.abc import Sequence
from typing import Literal

from agentkit._endpoint import EndpointKind
from agentkit.builtin import BuiltinTool
from agentkit.errors import ConfigurationError
from agentkit.models import facts

__all__ = ["Combine", "check_builtins", "find_clash"]

Combine = Literal["auto", "together"]

_SEARCHES = ("googleSearch", "googleMaps")


def check_builtins(builtins: Sequence[BuiltinTool], model: str, endpoint: EndpointKind) -> None:
    """Refuse, before any request, a tool that the model or the endpoint does not have at all.

    Raises:
        ConfigurationError: The message says what works instead.
    """
    for builtin in builtins:
        if refusal := builtin.refusal(facts(model), endpoint):
            raise ConfigurationError(refusal)


def find_clash(
    builtins: Sequence[BuiltinTool], model: str, endpoint: EndpointKind, *, beside: str, combines: bool
) -> ConfigurationError | None:
    """Return why these tools cannot stand together in one request, with what works instead; None if they can.

    Args:
        builtins: Tools that Gemini runs.
        model: The model's id.
        endpoint: Whose dialect is spoken.
        combines: Whether the endpoint takes built-in tools beside functions, for models that do.
        beside: What is declared beside them, for the message, `"with functions"`; empty if nothing is.
    """
    names = ", ".join(type(builtin).__name__ for builtin in builtins)
    if builtins and beside and not facts(model).builtins_with_functions:
        return ConfigurationError(
            f"{model} cannot combine built-in tools ({names}) {beside}. Use a model of Gemini 3 or newer, "
            'combine="auto", or two agents: one with the built-in tools, one with the functions.'
        )
    if builtins and beside and not combines:
        where = "This endpoint" if endpoint == "other" else f"The {endpoint} endpoint"
        return ConfigurationError(
            f"{where} cannot combine built-in tools ({names}) {beside}. Use Google's endpoint (set "
            'GEMINI_API_KEY), combine="auto", or two agents: one with the built-in tools, one with the functions.'
        )
    several = len(builtins) > 1 and any(builtin.wire_name not in _SEARCHES for builtin in builtins)
    if several and endpoint in ("vertex", "comet") and not facts(model).builtins_with_functions:
        return ConfigurationError(
            f"The {endpoint} endpoint takes several built-in tools ({names}) on {model} only if all of them search. "
            'Use a model of Gemini 3 or newer, combine="auto", or one of them.'
        )
    return None
