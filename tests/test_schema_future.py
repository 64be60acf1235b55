"""With `from __future__ import annotations` all types are texts; nothing else changes."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Generic, TypeVar

import pytest
import typing_extensions as te
from pydantic import BaseModel, Field

from agentkit.errors import ToolDefinitionError
from agentkit.schema import read_signature

Deps = TypeVar("Deps")


class Context(Generic[Deps]):
    pass


class Options(te.TypedDict):
    size: te.Required[int]
    tag: te.NotRequired[str]


class Town(BaseModel):
    name: str
    twin: Town | None = None


def plan(ctx: Context[int], town: Town, *days: int, note: Annotated[str, Field(max_length=9)] = "") -> object:
    return ctx, town, days, note


def pack(**options: te.Unpack[Options]) -> object:
    return options


def test_types_written_as_text_are_resolved() -> None:
    signature = read_signature(plan, context_type=Context)

    assert signature.parameters is not None
    assert list(signature.parameters["properties"]) == ["town", "days", "note"]
    positional, named = signature.bind({"town": {"name": "A", "twin": {"name": "B"}}, "days": [1]}, "context")
    assert plan(*positional, **named) == ("context", Town(name="A", twin=Town(name="B")), (1,), "")


def test_an_unpacked_typed_dict_keeps_what_is_required() -> None:
    signature = read_signature(pack, context_type=Context)

    assert signature.parameters is not None
    assert signature.parameters["required"] == ["size"]
    assert signature.bind({"size": 1}, None) == ([], {"size": 1})


def test_names_of_the_enclosing_functions_are_found() -> None:
    def make() -> Any:
        @dataclasses.dataclass
        class Near:
            x: int

        def tool(near: Near, far: list[Far]) -> object:
            return near, far

        return read_signature(tool, context_type=Context)

    @dataclasses.dataclass
    class Far:
        y: int

    _, named = make().bind({"near": {"x": 1}, "far": [{"y": 2}]}, None)
    assert (named["near"].x, named["far"]) == (1, [Far(2)])


def test_a_local_name_that_is_gone_is_named() -> None:
    def make() -> Any:
        class Gone(BaseModel):
            x: int

        def tool(value: Gone) -> None: ...

        return tool

    with pytest.raises(ToolDefinitionError, match="the name 'Gone' in its type is unknown"):
        read_signature(make(), context_type=Context)
