"""What an agent's types say: of its answer, its deps, its stream and its chat. Every line must type-check."""

from dataclasses import dataclass
from typing import assert_type

from agentkit import Agent, Chat, RunContext, RunResult, RunStream


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
