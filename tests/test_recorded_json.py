"""Recorded answers under a JSON setting, through an agent whose output type is made from the recorded schema."""

import functools
import json
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import anyio
import pydantic
import pytest

from agentkit import Agent, GeminiClient, PartialOutput, RunResult, Tool
from agentkit.testing import Asked, Emulator, Reply, recorded, reply
from agentkit.testing.server import serve
from agentkit.wire import GenerateContentResponse, merge
from tests.traffic import answers, needs_traffic, payloads

FEATURES = {"json-mode", "response-schema", "tools+json", "int-enums"}
NAMES = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}


def tagged() -> list[dict[str, Any]]:
    return [exchange for exchange in answers() if FEATURES & set(exchange["features"])]


def merged(exchange: dict[str, Any]) -> GenerateContentResponse:
    return merge([GenerateContentResponse.parse(chunk) for chunk in payloads(exchange["response"])])


def schema_of(exchange: dict[str, Any]) -> dict[str, Any] | None:
    body = exchange["request"]["body"]
    config = body.get("generationConfig") or body.get("generation_config") or {}
    return config.get("responseJsonSchema") or config.get("responseSchema") or config.get("response_schema")


def is_json(exchange: dict[str, Any]) -> bool:
    return bool({"json-mode", "response-schema"} & set(exchange["features"]))


def type_of(node: Mapping[str, Any], root: Mapping[str, Any], way: tuple[str, ...] = ()) -> Any:
    """Make a Python type of a recorded schema, of either dialect. Where one is inside itself, anything is taken."""
    if "$ref" in node:
        target = node["$ref"].rpartition("/")[2]
        return Any if target in way else type_of(root["$defs"][target], root, (*way, target))
    if options := node.get("anyOf") or node.get("oneOf"):
        return functools.reduce(operator.or_, [type_of(option, root, way) for option in options])
    if "enum" in node:
        return Literal[tuple(node["enum"])]
    made = typed(str(node["type"]).lower(), node, root, way)
    return made | None if node.get("nullable") else made


def typed(kind: str, node: Mapping[str, Any], root: Mapping[str, Any], way: tuple[str, ...]) -> Any:
    if kind == "array":
        return list[type_of(node["items"], root, way)] if "items" in node else list[Any]  # type: ignore[misc]
    if kind != "object":
        return NAMES[kind]
    if not node.get("properties"):
        more = node.get("additionalProperties")
        return dict[str, type_of(more, root, way) if isinstance(more, dict) else Any]  # type: ignore[misc]
    fields: dict[str, Any] = {}
    for number, (name, inner) in enumerate(node["properties"].items()):
        needed = name in node.get("required", ())
        hint = type_of(inner, root, way) if needed else type_of(inner, root, way) | None
        fields[f"field{number}"] = (hint, pydantic.Field(alias=name, default=... if needed else None))
    return pydantic.create_model("Recorded", **fields)


@contextmanager
def replayed(
    exchange: dict[str, Any], dialect: Literal["json_schema", "openapi"] = "json_schema"
) -> Iterator[GeminiClient]:
    """The strict emulator with one recorded answer: what is asked must be right, too."""
    chunks = payloads(exchange["response"])

    def repeat(_asked: Asked) -> Reply:
        return reply(recorded(chunks))

    with serve(Emulator(brain=repeat)) as service:
        yield GeminiClient(api_key="test-key", base_url=service.url, schema_dialect=dialect)


async def watch(agent: Agent[Any, Any], client: GeminiClient) -> tuple[RunResult[Any], list[Any]]:
    async with agent.stream("Go.", client=client) as run:
        partials = [event.value async for event in run if isinstance(event, PartialOutput)]
        return await run.result(), partials


@needs_traffic
@pytest.mark.parametrize("dialect", ["json_schema", "openapi"])
def test_recorded_json_fits_the_type_that_its_schema_makes(
    show: Callable[[str], None], dialect: Literal["json_schema", "openapi"]
) -> None:
    counted: Counter[str] = Counter()
    for exchange in tagged():
        answer, schema = merged(exchange), schema_of(exchange)
        if not is_json(exchange) or answer.content is None or answer.content.function_calls:
            continue
        output = type_of(schema, schema) if schema else Any
        agent: Agent[Any, Any] = Agent("gemini-3-flash-preview", output=output, output_mode="native", output_retries=0)

        with replayed(exchange, dialect) as client:
            result, partials = anyio.run(watch, agent, client)

        said = json.loads(answer.text)
        written = pydantic.TypeAdapter(output).dump_python(
            result.output, mode="json", by_alias=True, exclude_unset=True
        )
        assert written == said, exchange["id"]
        assert partials[-1] == said, exchange["id"]
        counted["with a schema" if schema else "without a schema"] += 1
        counted["partial objects"] += len(partials)

    assert counted["with a schema"] > 80
    found = ", ".join(f"{count} {what}" for what, count in counted.items())
    show(f"Recorded JSON answers read as their type ({dialect}): {found}")


@needs_traffic
def test_calls_beside_a_recorded_json_setting_are_calls(show: Callable[[str], None]) -> None:
    counted: Counter[str] = Counter()
    for exchange in tagged():
        content = merged(exchange).content
        if content is None or not (names := [str(call.name) for call in content.function_calls]):
            continue
        tools = [
            Tool.from_declaration({"name": name}, lambda args: None, needs_approval=True)
            for name in dict.fromkeys(names)
        ]
        agent: Agent[Any, Any] = Agent("gemini-3-flash-preview", output=Any, tools=tools)

        with replayed(exchange) as client:
            result, partials = anyio.run(watch, agent, client)

        assert [request.tool for request in result.paused] == names
        assert (result.output_mode, partials) == ("native", [])
        counted["answers"] += 1
        counted["calls"] += len(names)

    assert counted["answers"] >= 5
    show(f"Recorded calls under a JSON setting, or with numbers for enums: {dict(counted)}")


@needs_traffic
def test_recorded_answers_with_numbers_for_enums_are_read(show: Callable[[str], None]) -> None:
    texts = 0
    for exchange in tagged():
        answer = merged(exchange)
        if is_json(exchange) or answer.content is None or answer.content.function_calls:
            continue

        with replayed(exchange) as client:
            result = Agent("gemini-3-flash-preview").run_sync("Go.", client=client)

        assert (result.output, result.stop) == (answer.text, "answer")
        texts += 1

    assert texts > 5
    show(f"Recorded texts with numbers for enums: {texts}")
