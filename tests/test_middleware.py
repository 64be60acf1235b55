"""The one seam: middleware around runs, requests and calls."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    Middleware,
    RunContext,
    RunFailed,
    ToolCall,
    ToolFinished,
)
from agentkit.testing import Emulator, call, text
from agentkit.wire import Content, GenerateContentRequest, GenerateContentResponse, Part
from tests.answered import told

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"

ProceedModel = Callable[[GenerateContentRequest], Awaitable[GenerateContentResponse]]
ProceedTool = Callable[[ToolCall], Awaitable[Mapping[str, Any]]]


def echo(word: str) -> str:
    return word


class Trace(Middleware):
    """Writes down when it is entered and left."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    async def around_run(self, context: RunContext[Any], proceed: Callable[[], Awaitable[Any]]) -> Any:
        return await self._noted("run", proceed())

    async def around_model(
        self, context: RunContext[Any], request: GenerateContentRequest, proceed: ProceedModel
    ) -> GenerateContentResponse:
        return await self._noted("model", proceed(request))

    async def around_tool(self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool) -> Mapping[str, Any]:
        return await self._noted(f"tool {call.tool}", proceed(call))

    async def _noted(self, what: str, rest: Awaitable[Any]) -> Any:
        self.log.append(f"{self.name} > {what}")
        result = await rest
        self.log.append(f"{self.name} < {what}")
        return result


def nested(what: str) -> list[str]:
    return [f"a > {what}", f"b > {what}", f"b < {what}", f"a < {what}"]


async def test_the_first_middleware_is_the_outermost(emulator: Emulator, client: GeminiClient) -> None:
    log: list[str] = []
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[echo], client=client, middleware=[Trace("a", log), Trace("b", log)]).run("Go.")

    inside = [*nested("model"), *nested("tool echo"), *nested("model")]
    assert log == ["a > run", "b > run", *inside, "b < run", "a < run"]


async def test_a_middleware_without_methods_changes_nothing(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, middleware=[Middleware()]).run("Go.")

    assert (result.output, told(emulator)) == ("Done.", [{"output": "x"}])


class Colder(Middleware):
    """Changes each request and each answer."""

    async def around_model(
        self, context: RunContext[Any], request: GenerateContentRequest, proceed: ProceedModel
    ) -> GenerateContentResponse:
        response = await proceed(request.with_generation(temperature=0))
        assert response.candidate is not None
        shout = Content(role="model", parts=[Part(text=response.candidate.content.text.upper())])  # type: ignore[union-attr]
        return response.replace(candidates=[response.candidate.replace(content=shout)])


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
async def test_a_request_and_its_answer_can_be_changed(
    emulator: Emulator, client: GeminiClient, streamed: bool
) -> None:
    emulator.reply(text("Done."))
    agent = Agent(MODEL, client=client, middleware=[Colder()])

    if streamed:
        async with agent.stream("Go.") as run:
            result = await run.result()
    else:
        result = await agent.run("Go.")

    assert result.output == "DONE."
    assert emulator.requests[0]["generationConfig"] == {"temperature": 0}


class Offline(Middleware):
    """Answers without asking."""

    async def around_model(
        self, context: RunContext[Any], request: GenerateContentRequest, proceed: ProceedModel
    ) -> GenerateContentResponse:
        content = {"role": "model", "parts": [{"text": f"{len(request.contents)} contents"}]}
        return GenerateContentResponse.parse({"candidates": [{"content": content, "finishReason": "STOP"}]})


async def test_a_request_can_be_answered_without_sending_it(emulator: Emulator, client: GeminiClient) -> None:
    result = await Agent(MODEL, client=client, middleware=[Offline()]).run("Go.")

    assert (result.output, emulator.requests) == ("1 contents", [])


class Cache(Middleware):
    """Remembers what tools that only read have answered."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}

    async def around_tool(self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool) -> Mapping[str, Any]:
        key = f"{call.tool} {call.args}"
        if key not in self.kept:
            self.kept[key] = await proceed(call)
        return self.kept[key]


async def test_a_cache_saves_calls(emulator: Emulator, client: GeminiClient) -> None:
    ran: list[str] = []

    def look(word: str) -> list[str]:
        ran.append(word)
        return [word]

    for word in ("a", "a", "b"):
        emulator.reply(call("look", word=word))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[look], client=client, middleware=[Cache()]).run("Go.")

    assert ran == ["a", "b"]
    assert [told(emulator, request) for request in (1, 2, 3)] == [[{"output": [word]}] for word in "aab"]


class Guard(Middleware):
    """Changes arguments, refuses calls, and answers what it likes."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    async def around_tool(self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool) -> Mapping[str, Any]:
        if self.answer is not None:
            return self.answer  # type: ignore[no-any-return]
        call.args["word"] = "changed"  # type: ignore[index]  # a copy, so nothing else changes
        return await proceed(call)


async def test_arguments_can_be_changed_without_changing_the_conversation(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, middleware=[Guard()]).run("Go.")

    assert told(emulator) == [{"output": "changed"}]
    assert result.contents[1].function_calls[0].args == {"word": "x"}


async def test_a_call_can_be_answered_without_running_it(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[echo], client=client, middleware=[Guard({"error": "Not today."})]).run("Go.")

    assert told(emulator) == [{"error": "Not today."}]


@pytest.mark.parametrize(
    ("answer", "response"),
    [({"when": {2, 1}}, {"when": [1, 2]}), ("plain", {"output": "plain"})],
    ids=["python-values", "no-object"],
)
async def test_an_answer_of_a_middleware_becomes_json(
    emulator: Emulator, client: GeminiClient, answer: Any, response: Any
) -> None:
    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    await Agent(MODEL, tools=[echo], client=client, middleware=[Guard(answer)]).run("Go.")

    assert told(emulator) == [response]


@pytest.mark.rows(128)
async def test_an_answer_of_a_middleware_that_cannot_be_sent_is_an_error_of_the_program(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("echo", word="x"))

    with pytest.raises(ConfigurationError, match="A middleware answered a call with something that cannot be sent"):
        await Agent(MODEL, tools=[echo], client=client, middleware=[Guard({"x": object()})]).run("Go.")


@pytest.mark.rows(128)
async def test_what_a_middleware_raises_ends_the_run_and_loses_nothing(
    emulator: Emulator, client: GeminiClient
) -> None:
    class Picky(Middleware):
        async def around_tool(
            self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool
        ) -> Mapping[str, Any]:
            raise PermissionError("not this one")

    emulator.reply(call("echo", word="x"))

    with pytest.raises(RunFailed, match="PermissionError: not this one") as caught:
        await Agent(MODEL, tools=[echo], client=client, middleware=[Picky()]).run("Go.")

    assert isinstance(caught.value.__cause__, PermissionError)
    emulator.reply(text("Done."))
    result = await Agent(MODEL, tools=[echo], client=client).resume(caught.value.state)
    assert (result.output, told(emulator)) == ("Done.", [{"output": "x"}])


async def test_a_middleware_sees_what_a_failing_tool_answers(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[Mapping[str, Any]] = []

    class Watch(Middleware):
        async def around_tool(
            self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool
        ) -> Mapping[str, Any]:
            seen.append(await proceed(call))
            return seen[-1]

    def broken() -> None:
        raise ValueError("secret")

    emulator.reply(call("broken"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[broken], client=client, middleware=[Watch()]).stream("Go.") as run:
        [finished] = [event async for event in run if isinstance(event, ToolFinished)]

    assert seen == [{"error": "broken failed (ValueError)"}]
    assert (finished.failed, finished.error) == (True, "ValueError: secret")


async def test_a_middleware_knows_the_run(emulator: Emulator, client: GeminiClient) -> None:
    seen: list[tuple[str, str, str]] = []

    class Watch(Middleware):
        async def around_run(self, context: RunContext[Any], proceed: Callable[[], Awaitable[Any]]) -> Any:
            seen.append((context.deps, context.run_id, context.call_key))
            return await proceed()

        async def around_tool(
            self, context: RunContext[Any], call: ToolCall, proceed: ProceedTool
        ) -> Mapping[str, Any]:
            seen.append((context.deps, context.run_id, context.call_key))
            assert (context.tool, call.key, call.effects) == ("echo", context.call_key, None)
            return await proceed(call)

    emulator.reply(call("echo", word="x"))
    emulator.reply(text("Done."))

    result = await Agent(MODEL, tools=[echo], client=client, middleware=[Watch()]).run("Go.", deps="deps")

    run_id = result.state.run_id
    assert seen == [("deps", run_id, ""), ("deps", run_id, f"{run_id}:0:0")]
