"""A typed final answer: how it is asked for, and how it is read."""

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from agentkit._frozen import frozen
from agentkit.errors import OutputInvalid
from agentkit.schema import ArgumentsInvalid, TypeReader
from agentkit.wire import Content, FunctionDeclaration

__all__ = ["FINAL_ANSWER", "OutputSpec"]

Out = TypeVar("Out")

FINAL_ANSWER = "final_answer"


@frozen
class OutputSpec(Generic[Out]):
    """What the final answer must be.

    Attributes:
        reader: Reads the type; None for plain text.
        wrapped: Whether the schema had to be wrapped in `{"value": ...}`, because a function takes an object.
    """

    reader: TypeReader[Out] | None = None
    wrapped: bool = False

    @classmethod
    def of_type(cls, output: type[Out] | Any) -> "OutputSpec[Out]":
        """Return the spec for `output`: `str` for text, else any type that pydantic can describe.

        Raises:
            ConfigurationError: The type cannot be described to the model.
        """
        if output is str:
            return cls()
        reader: TypeReader[Out] = TypeReader(output)
        return cls(reader=reader, wrapped=reader.schema.get("type") != "object" and "properties" not in reader.schema)

    def generation_config(self) -> dict[str, Any]:
        """Return the fields of generationConfig that ask for JSON of this type."""
        if self.reader is None:
            return {}
        return {"response_mime_type": "application/json", "response_json_schema": self.reader.schema}

    def declaration(self) -> FunctionDeclaration:
        """Return the function by which the model gives the answer, where JSON mode and functions exclude each other."""
        schema: dict[str, Any] = dict(self.reader.schema) if self.reader is not None else {}
        if self.wrapped:
            defs = schema.pop("$defs", None)
            schema = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
            if defs:
                schema["$defs"] = defs
        return FunctionDeclaration(
            name=FINAL_ANSWER,
            description="Give the final answer to the user. Call it once, alone, when everything else is done.",
            parameters_json_schema=schema,
        )

    def parse(self, content: Content, final: Mapping[str, Any] | None = None) -> Out:
        """Read the answer from the model's last content, or from an accepted final-answer call.

        Raises:
            OutputInvalid: The answer does not fit; its `problem` is a sentence for the model.
        """
        if final is not None:
            return self.read_call(final)
        text = content.text
        if self.reader is None:
            return cast(Out, text)  # plain text: Out is str
        try:
            return self.reader.parse_json(_unfence(text))
        except ArgumentsInvalid as error:
            raise OutputInvalid(str(error), text) from error

    def read_call(self, args: Mapping[str, Any]) -> Out:
        """Read the answer from the arguments of a final-answer call.

        Raises:
            OutputInvalid: The answer does not fit.
        """
        if self.reader is None:
            raise OutputInvalid("no final answer by function was asked for", "")
        value = args.get("value") if self.wrapped else dict(args)
        text = json.dumps(value)
        try:
            return self.reader.parse_json(text)
        except ArgumentsInvalid as error:
            raise OutputInvalid(str(error), text) from error


def _unfence(text: str) -> str:
    """Strip a ```json fence: some models wrap their JSON in one, although asked for JSON alone."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and len(stripped) >= 6:
        return stripped[3:-3].removeprefix("json").removeprefix("JSON").strip()
    return stripped
