"""Python types and signatures <-> Gemini's JSON Schema: what is declared to the model, and how its answers are read.

```text
_signature   what a callable takes           _describe   types as JSON Schema        _docstrings   descriptions
_arguments   what a model sent, judged       _openapi    the older schema dialect
```
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import GenericAlias
from typing import Any, Generic, TypeVar, cast

import pydantic
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import ValidationError

from agentkit._arguments import (
    REST,
    ArgumentsInvalid,
    detached,
    problems,
    read_mended,
    refuse_other_numbers,
    try_parse,
    without_surrogates,
)
from agentkit._describe import (
    CONFIG,
    TYPE_ERRORS,
    describe_adapter,
    describe_type,
    first_line,
    fix_for,
    generator,
    make_adapter,
    tidy,
    type_name,
)
from agentkit._docstrings import Docstring, read_docstring
from agentkit._log import get_logger
from agentkit._openapi import to_openapi
from agentkit._signature import (
    Kind,
    Parameter,
    is_async,
    read_at_once,
    read_docs,
    read_name,
    read_parameters,
    refuse_what_is_no_function,
)
from agentkit.errors import ToolDefinitionError

__all__ = ["ArgumentsInvalid", "Signature", "TypeReader", "describe_type", "problems", "read_signature", "to_openapi"]

T = TypeVar("T")

log = get_logger("schema")
_CONFIG: "pydantic.ConfigDict" = {**CONFIG, "extra": "forbid", "protected_namespaces": ()}


@dataclass(frozen=True, eq=False)
class Signature:
    """A callable as a model sees it, and the way from a model's arguments to a call.

    Attributes:
        name: What the model calls it.
        description: What the model reads about it; empty if nothing is said.
        parameters: JSON Schema of the arguments, an object; None if there is nothing to declare.
        returns: What the docstring says about the result.
        is_async: Whether calling it gives a coroutine.
    """

    name: str
    description: str
    parameters: dict[str, Any] | None
    returns: str
    is_async: bool
    _taken: tuple[Parameter, ...] = field(repr=False)
    _hidden: frozenset[str] = field(repr=False)
    _optional: frozenset[str] = field(repr=False)
    _reader: "type[pydantic.BaseModel]" = field(repr=False)

    def bind(
        self, args: Mapping[str, Any] | str | None, context: object, *, drop_unknown: bool = False
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the named arguments for a call, checked, converted and sharing nothing with `args`.

        Args:
            args: What the model sent: an object, the JSON text of one, or None for no arguments.
            context: Given to every parameter of the context type.
            drop_unknown: Leave out, and log, what the callable does not know, instead of refusing it.

        Raises:
            ArgumentsInvalid: They do not fit. The text tells the model what to send.
        """
        data = detached(args)
        declared = [parameter for parameter in self._taken if not parameter.is_context]
        names = [parameter.name for parameter in declared if parameter.kind is not Kind.VAR_KEYWORD]
        if REST in (_alias(parameter) for parameter in declared):
            data = self._split(data, names)
        elif drop_unknown and (unknown := data.keys() - set(names)):
            log.warning("arguments.dropped", tool=self.name, names=sorted(unknown)[:20])
            data = {name: value for name, value in data.items() if name not in unknown}
        try:
            read = read_mended(data, self._optional, self._reader.model_validate_json)
        except ValidationError as error:
            raise ArgumentsInvalid(problems(error, data, names)) from error

        values: dict[str, Any] = {}
        for number, parameter in enumerate(self._taken):
            if parameter.is_context:
                values[parameter.name] = context
            elif _field(number) in read.model_fields_set or not parameter.may_be_absent:
                values[parameter.name] = getattr(read, _field(number))
                refuse_other_numbers(data.get(_alias(parameter)), values[parameter.name], parameter.name)
        return _arranged(self._taken, values)

    def _split(self, data: dict[str, Any], names: list[str]) -> dict[str, Any]:
        """Move what only `**kwargs` takes under a key of its own, but nothing that would overwrite a hidden one."""
        rest = {name: value for name, value in data.items() if name not in names}
        if taken := self._hidden.intersection(rest):
            raise ArgumentsInvalid(f"'{min(taken)}': cannot be given here. Leave it out.")
        return {**{name: data[name] for name in names if name in data}, REST: rest}


def read_signature(
    function: Callable[..., object],
    *,
    context_type: type,
    name: str | None = None,
    description: str | None = None,
) -> Signature:
    """Return what a callable takes, as it is declared to the model, and how a call's arguments are read.

    Descriptions come from `Annotated[..., Field(description=...)]`, else from the docstring. Parameters of
    `context_type` are given by the framework and not declared.

    Raises:
        ToolDefinitionError: The callable cannot be declared. It names the parameter and the fix.
    """
    tool = read_name(function, name)
    refuse_what_is_no_function(function, tool)
    taken = read_parameters(function, tool, context_type)
    docs = read_docstring(read_docs(function))
    reader, schema = _make_reader(taken.parameters, taken.local_names, tool)
    return Signature(
        name=tool,
        description=docs.description if description is None else description,
        parameters=_declared(schema, taken.parameters, docs),
        returns=docs.returns,
        is_async=is_async(function),
        _taken=tuple(taken.parameters),
        _hidden=taken.hidden,
        _optional=frozenset(str(field.alias) for field in reader.model_fields.values() if not field.is_required()),
        _reader=reader,
    )


class TypeReader(Generic[T]):
    """Reads JSON text as a value of one type, and says what is wrong with it in words for the model.

    Attributes:
        schema: What is accepted, as JSON Schema for the model.
        core_schema: The same as pydantic has it.
    """

    def __init__(self, tp: object) -> None:
        """Prepare to read `tp`.

        Raises:
            ConfigurationError: The type cannot be described as JSON.
        """
        self._adapter = make_adapter(tp)
        self.schema = describe_adapter(self._adapter, tp, "validation")
        self.core_schema: Mapping[str, Any] = self._adapter.core_schema

    def parse_json(self, text: str) -> T:
        """Return the value.

        Raises:
            ArgumentsInvalid: It is no JSON, or does not fit the type.
        """
        data = try_parse(text)
        try:
            value = self._adapter.validate_json(without_surrogates(text))
        except ValidationError as error:
            raise ArgumentsInvalid(problems(error, data)) from error
        refuse_other_numbers(data, value)
        return cast(T, value)


def _field(number: int) -> str:
    """The reader's name for a parameter. Its own name is the alias: it may be one that pydantic keeps for itself."""
    return f"p{number}"


def _alias(parameter: Parameter) -> str:
    return REST if parameter.kind is Kind.VAR_KEYWORD else parameter.name


def _make_reader(
    parameters: list[Parameter], local_names: dict[str, Any], tool: str
) -> "tuple[type[pydantic.BaseModel], dict[str, Any]]":
    """Return the one validator of a signature, and its raw schema."""
    fields = {_field(i): _as_field(parameter) for i, parameter in enumerate(parameters) if not parameter.is_context}
    try:
        return _build(fields, local_names)
    except TYPE_ERRORS as error:
        for parameter in parameters:
            _refuse_undescribable(parameter, local_names, tool)
        said = first_line(error)
        raise ToolDefinitionError(tool, f"its types do not fit together ({said}).", fix_for(error)) from error


def _as_field(parameter: Parameter) -> Any:
    hint, alias = read_at_once(parameter.hint), _alias(parameter)
    if parameter.kind is Kind.VAR_POSITIONAL:
        hint = GenericAlias(list, hint)
    elif parameter.kind is Kind.VAR_KEYWORD:
        hint = GenericAlias(dict, (str, hint))
    if parameter.may_be_absent:  # the default itself stays with the function: what is left out is not passed
        return (hint, pydantic.Field(default=None, alias=alias, validation_alias=alias))
    return (hint, pydantic.Field(alias=alias, validation_alias=alias))


def _build(fields: dict[str, Any], local_names: dict[str, Any]) -> "tuple[type[pydantic.BaseModel], dict[str, Any]]":
    reader: type[pydantic.BaseModel] = pydantic.create_model("Arguments", __config__=_CONFIG, **fields)
    if not reader.__pydantic_complete__:
        reader.model_rebuild(_types_namespace=local_names)
    return reader, reader.model_json_schema(schema_generator=generator())


def _refuse_undescribable(parameter: Parameter, local_names: dict[str, Any], tool: str) -> None:
    if parameter.is_context:
        return
    try:
        _build({_field(0): _as_field(parameter)}, local_names)
    except PydanticUndefinedAnnotation as error:
        problem = f"the name {error.name!r} inside {type_name(parameter.hint)} is unknown."
        fix = "Define it before the function, or at the top of the module."
        raise ToolDefinitionError(tool, problem, fix, parameter.name) from error
    except TYPE_ERRORS as error:
        problem = f"the type {type_name(parameter.hint)} cannot be described as JSON ({first_line(error)})."
        raise ToolDefinitionError(tool, problem, fix_for(error), parameter.name) from error


def _declared(schema: dict[str, Any], parameters: list[Parameter], docs: Docstring) -> dict[str, Any] | None:
    """Return the raw schema as it is declared: with descriptions and defaults, and tidied for Gemini."""
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    for parameter in parameters:
        node = properties.get(_alias(parameter), {})
        if parameter.may_be_absent:
            node.pop("default", None)
            node |= _plain_default(parameter.default)
        if (said := docs.parameters.get(parameter.name)) and not parameter.is_context:
            node.setdefault("description", said)
    rest = properties.pop(REST, None)
    if not properties and rest is None:
        return None
    declared: dict[str, Any] = {**schema, "type": "object", "properties": properties}
    declared.pop("additionalProperties", None)  # closed by our own check; saying so only costs tokens
    if rest is not None:
        each = rest.get("additionalProperties", True)
        about = {"description": rest["description"]} if "description" in rest else {}
        declared["additionalProperties"] = {**about, **each} if isinstance(each, dict) else each
    return tidy(declared)


def _plain_default(value: object) -> dict[str, Any]:
    """`{"default": ...}` if the default is plain JSON, or an enum member with a plain value; else nothing."""
    plain = value.value if isinstance(value, Enum) else value
    try:
        written = json.loads(json.dumps(plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return {}
    return {"default": written} if written == plain else {}


def _arranged(taken: tuple[Parameter, ...], values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Sort values into positional and named ones. What `*args` follows has to stand in front of it."""
    rest = next((values.get(p.name) or () for p in taken if p.kind is Kind.VAR_POSITIONAL), ())
    given = [p.kind is Kind.POSITIONAL_ONLY and p.name in values for p in taken]
    last_given = max((i for i, is_given in enumerate(given) if is_given), default=-1)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for number, parameter in enumerate(taken):
        kind, name = parameter.kind, parameter.name
        before_rest = kind in (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD) and rest
        if before_rest or (kind is Kind.POSITIONAL_ONLY and number <= last_given):
            positional.append(values.get(name, parameter.default))
        elif kind is Kind.VAR_POSITIONAL:
            positional.extend(rest)
        elif kind is Kind.VAR_KEYWORD:
            named.update(values.get(name) or {})
        elif name in values:
            named[name] = values[name]
    return positional, named
