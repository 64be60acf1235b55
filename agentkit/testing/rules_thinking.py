"""Rule E24: how the model is told to think."""

from collections.abc import Iterator

from agentkit.testing.finding import Finding, Request

__all__ = ["check_thinking"]

_PATH = "generation_config.thinking_config"


def check_thinking(request: Request) -> Iterator[Finding]:
    """Yield thinking settings that the model does not take, or that hurt: E24."""
    config = request.generation_config.get("thinkingConfig", {})
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if level is not None and budget is not None:
        yield request.find("thinking.both", _PATH, "Send one of the two.")
    if level is not None:
        yield from _check_level(request, str(level))
    if budget is not None:
        yield from _check_budget(request, budget)
    if config and request.model.thinking.control == "none" and level is None:
        # A budget of 0 was recorded as accepted on 2.0; whether others are is not known.
        yield request.find("thinking.none", _PATH, "Leave thinkingConfig out.")


def _check_level(request: Request, level: str) -> Iterator[Finding]:
    rule, path = request.model.thinking, f"{_PATH}.thinking_level"
    if rule.control in ("budget", "none"):
        yield request.find("thinking.level_unsupported", path, "Send a thinkingBudget, or nothing.")
    # Aliases and unknown ids stand for a model that is not named: what it refuses cannot be foretold.
    elif rule.control == "level" and request.model.generation and level.lower() not in rule.levels:
        fix = f"{request.model.id!r} takes: {', '.join(rule.levels)}."
        yield request.find("thinking.level", path, fix, value=level)


def _check_budget(request: Request, budget: int) -> Iterator[Finding]:
    rule, path = request.model.thinking, f"{_PATH}.thinking_budget"
    if rule.control == "level":
        refused = request.model.id.startswith("gemma-")
        mistake = "thinking.budget_unsupported" if refused else "thinking.budget_discouraged"
        yield request.find(mistake, path, f"Send a thinkingLevel: {', '.join(rule.levels)}.")
    if budget >= (most := request.generation_config.get("maxOutputTokens", budget + 1)):
        fix = "Ask for more tokens of output: thinking counts against them."
        yield request.find("thinking.eats_output", path, fix, value=budget, most=most)
    if rule.control != "budget" or budget == -1 or (budget == 0 and rule.can_disable):
        return
    if budget == 0:
        yield request.find("thinking.budget_zero", path, f"Send at least {rule.budget_min}.")
    elif not rule.budget_min <= budget <= rule.budget_max:
        fix = "Send a value in this range, or -1 for dynamic thinking."
        least, most = rule.budget_min, rule.budget_max
        yield request.find("thinking.budget", path, fix, value=budget, least=least, most=most)
