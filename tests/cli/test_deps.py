"""Who is warned that the command line gives no deps."""

from typing import Annotated, Any

import pytest

from agentkit import RunContext, tool
from agentkit.cli.deps import missing_deps


class Shop:
    """Deps of a tool."""


@tool
def wants_shop(ctx: RunContext[Shop]) -> str:
    """Counts on deps."""
    return ""


@tool
def wants_note(order: int, ctx: "Annotated[RunContext[dict[str, int]], 'a note'] | None" = None) -> str:
    """Counts on deps, and says so in a roundabout way."""
    return ""


@tool
def bare(ctx: RunContext) -> str:  # type: ignore[type-arg]  # users write this
    """Takes any."""
    return ""


@tool
def nothing(ctx: RunContext[None]) -> str:
    """Takes none."""
    return ""


@tool
def anything(ctx: RunContext[Any]) -> str:
    """Takes any."""
    return ""


@tool
def an_object(ctx: RunContext[object]) -> str:
    """Takes any."""
    return ""


@tool
def perhaps(ctx: RunContext[Shop | None]) -> str:
    """Does without."""
    return ""


@tool
def plain(order: int) -> str:
    """Takes no context."""
    return ""


@pytest.mark.parametrize("one", [bare, nothing, anything, an_object, perhaps, plain], ids=lambda one: one.name)
def test_a_tool_that_does_without_deps_is_not_mentioned(one: Any) -> None:
    assert missing_deps([one]) == ""


def test_tools_that_count_on_deps_are_named_in_one_sentence() -> None:
    assert missing_deps([wants_shop, plain, wants_note]).startswith(
        "wants_shop, wants_note take a RunContext with deps, and the command line gives no deps: "
    )
