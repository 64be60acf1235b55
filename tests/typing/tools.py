"""What `@tool` leaves of a function's types: all of them. Every line must type-check."""

from typing import Any, assert_type

from agentkit import RunContext, Tool, tool


@tool
def greet(name: str, times: int = 1) -> str:
    return name * times


@tool(timeout_s=5, effects="read", needs_approval=lambda ctx, args: bool(args) and ctx.deps is None)
async def look(ctx: RunContext[None], word: str) -> int:
    return len(word)


class Host:
    @tool
    def say(self, word: str) -> bytes:
        return word.encode()


async def call() -> None:
    assert_type(greet("Ada", times=2), str)
    assert_type(await look(RunContext(deps=None, run_id="r"), "w"), int)
    assert_type(Host().say("w"), bytes)


anything: Tool[..., Any] = greet
