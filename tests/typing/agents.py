"""What an agent's types say: of its answer, its deps, its stream and its chat. Every line must type-check."""

from dataclasses import dataclass
from typing import Any, Literal, assert_type

from agentkit import Agent, Chat, PartialOutput, RunContext, RunResult, RunStream, ToolError


@dataclass
class Plan:
    title: str


@dataclass
class Deps:
    user: str


def instructions(ctx: RunContext[Deps]) -> str:
    return ctx.deps.user


plain = Agent("gemini-3-flash-preview")
typed = Agent("gemini-3-flash-preview", output=Plan)
full = Agent("gemini-3-flash-preview", output=Plan, deps_type=Deps, instructions=instructions)
listed = Agent("gemini-3-flash-preview", output=list[int])


def check(ctx: RunContext[Deps], plan: Plan) -> None:
    if plan.title == ctx.deps.user:
        raise ToolError("Name the trip by its town.")


async def amend(_ctx: RunContext[Deps], plan: Plan) -> Plan:
    return plan


checked = Agent("gemini-3-flash-preview", output=Plan, deps_type=Deps, output_check=check, output_mode="function")
amended = Agent("gemini-3-flash-preview", output=Plan, deps_type=Deps, output_check=amend, output_retries=0)


async def ask() -> None:
    assert_type(await plain.run("Hi."), RunResult[str])
    assert_type((await typed.run("Hi.")).output, Plan)
    assert_type(await full.run("Hi.", deps=Deps("ada")), RunResult[Plan])
    assert_type((await listed.run("Hi.")).output, list[int])
    assert_type(full.run_sync("Hi.", deps=Deps("ada")).output.title, str)
    assert_type(full.chat(), Chat[Deps, Plan])
    async with full.stream("Hi.", deps=Deps("ada")) as run:
        assert_type(run, RunStream[Plan])
        assert_type(await run.result(), RunResult[Plan])
        assert_type([event.value async for event in run if isinstance(event, PartialOutput)], list[Any])
    assert_type((await checked.run("Hi.")).output, Plan)
    assert_type((await amended.run("Hi.")).output_mode, Literal["text", "native", "function", "enum"])
