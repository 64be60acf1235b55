"""A typed final answer: how it is asked for, and how it is read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar, cast, get_args

from agentkit import wire
from agentkit._arguments import try_parse, without_surrogates
from agentkit._checks import check_choice, is_whole
from agentkit._frozen import frozen
from agentkit._output_type import read_output_type
from agentkit.context import RunContext
from agentkit.errors import ConfigurationError, OutputInvalid, ToolError
from agentkit.media import Media
from agentkit.media_output import media_kind, read_output
from agentkit.models import facts
from agentkit.schema import ArgumentsInvalid, TypeReader, to_openapi

__all__ = ["FINAL_ANSWER", "OutputCheck", "OutputMode", "OutputSpec", "UsedMode"]

Out = TypeVar("Out")

FINAL_ANSWER = "final_answer"

OutputMode = Literal["auto", "native", "function", "enum"]
UsedMode = Literal["text", "native", "function", "enum"]
Dialect = Literal["json_schema", "openapi"]

OutputCheck = Callable[[RunContext[Any], Any], Any]
"""Takes the run's context and the answer; raises `ToolError` to ask again. What it returns replaces it, if not None."""


@frozen
class OutputSpec(Generic[Out]):
    """What the final answer must be.

    Attributes:
        reader: Reads the type; None for plain text.
        wrapped: Whether the schema had to be wrapped in `{"value": ...}`, because a function takes an object.
        media: What the answer is, if it is an image or speech.
        choices: The texts of an Enum or Literal that holds nothing else; empty for other types.
        mode: How the caller wants it to be asked for.
        retries: How often an answer that does not fit goes back to the model.
        check: The agent's own check of an answer that fits.
    """

    reader: TypeReader[Out] | None = None
    wrapped: bool = False
    media: type[Media] | None = None
    choices: tuple[str, ...] = ()
    mode: OutputMode = "auto"
    retries: int = 2
    check: OutputCheck | None = None

    @classmethod
    def of_type(
        cls,
        output: type[Out] | Any,
        *,
        mode: OutputMode = "auto",
        retries: int = 2,
        check: OutputCheck | None = None,
    ) -> OutputSpec[Out]:
        """Return the spec for `output`: `str` for text, `Image`, `Audio`, else any type that pydantic can describe.

        Raises:
            ConfigurationError: The type cannot be described to the model, or not asked for in this mode.
        """
        check_choice("output_mode", mode, get_args(OutputMode))
        if not is_whole(retries) or retries < 0:
            raise ConfigurationError(f"output_retries={retries!r} is no number of retries. Give 0 or more.")
        if check is not None:
            _refuse_what_cannot_check(check)
        if output is str:
            if mode != "auto":
                raise ConfigurationError(
                    f"output_mode={mode!r} needs a type in output=...; without one, answers are text."
                )
            return cls(retries=retries, check=check)
        if (media := media_kind(output)) is not None:
            if mode != "auto":
                raise ConfigurationError(
                    f"output_mode={mode!r} is about typed answers, and {output!r} is no such type."
                )
            return cls(media=media, retries=retries, check=check)
        reader: TypeReader[Out] = read_output_type(output)
        wrapped = reader.schema.get("type") != "object" and "properties" not in reader.schema
        choices = _choices(reader.schema)
        if mode == "enum" and not choices:
            raise ConfigurationError(
                f'output_mode="enum" needs an Enum or a Literal of texts that are not empty, not {output!r}. '
                'Use "native" or "auto".'
            )
        return cls(reader=reader, wrapped=wrapped, choices=choices, mode=mode, retries=retries, check=check)

    def mode_for(self, model: str, *, has_functions: bool, has_builtins: bool) -> UsedMode:
        """Return how the answer is asked for: as the caller wants, else JSON mode where the model has it beside tools.

        Source: protocol sheet, section 7.

        Raises:
            ConfigurationError: The caller wants what the model cannot do. The message says what works instead.
        """
        if self.reader is None:
            return "text"
        allowed = facts(model)
        if "TEXT" not in allowed.output or ("IMAGE" in allowed.output and not allowed.json_with_functions):
            made = " and ".join(kind.lower() for kind in allowed.output) or "embeddings"
            raise ConfigurationError(f"{model} makes {made}, and no typed answers. Use a text model for output=...")
        clash = [
            what
            for what, is_there, can_combine in (
                ("functions", has_functions, allowed.json_with_functions),
                ("built-in tools", has_builtins, allowed.json_with_builtins),
            )
            if is_there and not can_combine
        ]
        if self.mode in ("native", "enum") and clash:
            instead = "" if has_builtins else ' Use output_mode="function" or "auto", or'
            raise ConfigurationError(
                f"{model} cannot be held to a type (output_mode={self.mode!r}) beside {' and '.join(clash)}."
                f"{instead or ' Use'} a model of Gemini 3 or newer."
            )
        if self.mode != "auto":
            return self.mode
        if clash:
            return "function"
        return "enum" if self.choices and not has_functions and not has_builtins else "native"

    def generation_config(self, mode: UsedMode, dialect: Dialect) -> dict[str, Any]:
        """Return the fields of generationConfig that ask for an answer of this type; none in the other modes."""
        if self.reader is None or mode not in ("native", "enum"):
            return {}
        schema = self.reader.schema
        if mode == "enum":  # only this way is documented, whatever the dialect
            return {"response_mime_type": "text/x.enum", "response_schema": wire.Schema.parse(to_openapi(schema))}
        as_json: dict[str, Any] = {"response_mime_type": "application/json"}
        if not schema:  # any JSON
            return as_json
        if dialect == "json_schema":
            return {**as_json, "response_json_schema": schema}
        translated = to_openapi(schema)
        if translated.get("type") == "OBJECT" and not translated.get("properties"):
            return as_json  # this dialect cannot say "any keys", and the service refuses an object without keys
        return {**as_json, "response_schema": wire.Schema.parse(translated)}

    def declaration(self, dialect: Dialect) -> wire.FunctionDeclaration:
        """Return the function by which the model gives the answer, where JSON mode and functions exclude each other."""
        schema: dict[str, Any] = dict(self.reader.schema) if self.reader is not None else {}
        if self.wrapped:
            defs = schema.pop("$defs", None)
            schema = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
            if defs:
                schema["$defs"] = defs
        parameters = (
            {"parametersJsonSchema": schema} if dialect == "json_schema" else {"parameters": to_openapi(schema)}
        )
        description = "Give the final answer to the user. Call it once, alone, when everything else is done."
        return wire.FunctionDeclaration.parse({"name": FINAL_ANSWER, "description": description, **parameters})

    def refuse_second_format(self, config: Mapping[str, Any]) -> None:
        """Refuse settings that say by hand what the output type says.

        Raises:
            ConfigurationError: The message names them.
        """
        given = [name for name in _FORMAT_FIELDS if name in config] if self.reader is not None else []
        if given:
            raise ConfigurationError(
                f"The settings hold {', '.join(given)}, and output=... says the form of the answer, too. "
                "Leave one of them out."
            )

    def parse(self, content: wire.Content, final: Mapping[str, Any] | None = None) -> Out:
        """Read the answer from the model's last content, or from an accepted final-answer call.

        Raises:
            OutputInvalid: The answer does not fit; its `problem` is a sentence for the model.
        """
        if final is not None:
            return self.read_call(final)
        if self.media is not None:
            return cast(Out, read_output(content.parts or [], self.media))
        text = content.text
        if self.reader is None:
            return cast(Out, text)  # plain text: Out is str
        said = _unfence(text)
        if self.choices and not isinstance(try_parse(said), str):
            return self._read(json.dumps(text if text in self.choices else said), text)  # the bare word
        return self._read(said, text)

    def read_call(self, args: Mapping[str, Any]) -> Out:
        """Read the answer from the arguments of a final-answer call.

        Raises:
            OutputInvalid: The answer does not fit.
        """
        value = args.get("value") if self.wrapped else dict(args)
        text = json.dumps(value)
        return self._read(text, text)

    def _read(self, document: str, text: str) -> Out:
        """Read a JSON document; `text` is the answer as it came.

        Raises:
            OutputInvalid: It does not fit, or a validator of the type raised `ToolError`: its words are the problem.
        """
        if self.reader is None:
            raise OutputInvalid("no final answer by function was asked for", "")
        try:
            return self.reader.parse_json(document)
        except (ArgumentsInvalid, ToolError) as error:
            raise OutputInvalid(without_surrogates(str(error)), text) from error


_FORMAT_FIELDS = ("responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema", "responseFormat")


def _refuse_what_cannot_check(check: object) -> None:
    takes_two = callable(check)
    if callable(check):
        try:
            inspect.signature(check).bind("context", "answer")
        except TypeError:
            takes_two = False
        except ValueError:  # written in C, and does not tell
            pass
    if not takes_two or inspect.isgeneratorfunction(check) or inspect.isasyncgenfunction(check):
        name = getattr(check, "__name__", repr(check))
        raise ConfigurationError(
            f"output_check={name} must be a function of the run's context and the answer: def check(ctx, answer). "
            "It returns a replacement or None, or raises ToolError; it does not yield."
        )


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that a schema allows, if it allows nothing else. The service refuses empty ones."""
    values: list[object] = schema.get("enum", [])
    texts = tuple(value for value in values if isinstance(value, str) and value)
    return texts if schema.get("type") == "string" and len(texts) == len(values) else ()


def _unfence(text: str) -> str:
    """Strip a ```json fence: some models wrap their JSON in one, although asked for JSON alone."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and len(stripped) >= 6:
        return stripped[3:-3].removeprefix("json").removeprefix("JSON").strip()
    return stripped
