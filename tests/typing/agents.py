"""What an agent's types say: of its answer, its deps, its stream and its chat. Every line must type-check."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, assert_type

from agentkit import (
    Agent,
    Chat,
    GeminiClient,
    Image,
    Job,
    Limits,
    Outcome,
    Outcomes,
    PartialOutput,
    Price,
    Progress,
    RunContext,
    RunResult,
    RunState,
    RunStream,
    ToolError,
)


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
painter = Agent("gemini-3-pro-image", output=Image)
listed = Agent("gemini-3-flash-preview", output=list[int])
chained = Agent(["gemini-3.6-flash", "gemini-3-flash-preview"], output=Plan, limits=Limits(cost_usd=0.5))
priced = GeminiClient(prices={"gemini-3.6-flash": Price(input=0.75, cached="0.075", output=Decimal("3.75"))})


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
    assert_type((await chained.run("Hi.", client=priced)).usage.cost, Decimal | None)
    assert_type(full.run_sync("Hi.", deps=Deps("ada")).output.title, str)
    assert_type(full.chat(), Chat[Deps, Plan])
    assert_type((await painter.run(["Like this:", Image.from_path("a.png")])).output, Image)
    async with full.stream("Hi.", deps=Deps("ada")) as run:
        assert_type(run, RunStream[Plan])
        assert_type(await run.result(), RunResult[Plan])
        assert_type([event.value async for event in run if isinstance(event, PartialOutput)], list[Any])
    assert_type((await checked.run("Hi.")).output, Plan)
    assert_type((await amended.run("Hi.")).output_mode, Literal["text", "native", "function", "enum"])


def prompts() -> Iterator[str | Job | RunState]:
    yield "Hi."


async def prompts_later() -> AsyncIterator[str]:
    yield "Hi."


def tell(progress: Progress[Plan]) -> None:
    assert_type(progress.outcome, Outcome[Plan] | None)


async def ask_many() -> None:
    assert_type(await plain.run_many(["Hi."]), list[Outcome[str]])
    assert_type((await typed.run_many(prompts(), on_progress=tell))[0].output, Plan)
    assert_type(await full.run_batch(prompts_later(), deps=Deps("ada")), list[Outcome[Plan]])
    assert_type(full.run_many_sync([Job("Hi.")])[0].result, RunResult[Plan] | None)
    async with full.run_each(prompts_later(), deps=Deps("ada")) as outcomes:
        assert_type(outcomes, Outcomes[Plan])
        async for outcome in outcomes:
            assert_type(outcome, Outcome[Plan])
