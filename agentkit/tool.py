"""A typed function as a tool: the `@tool` decorator and the value it makes."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MethodType
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, cast, overload

from agentkit import wire
from agentkit._arguments import detached
from agentkit._checks import check_kind, is_number, is_whole
from agentkit._declaration import read_schema
from agentkit._threads import call_function
from agentkit.clip import MAX_RESULT_BYTES
from agentkit.context import RunContext
from agentkit.errors import ConfigurationError, ToolDefinitionError
from agentkit.schema import ArgumentsInvalid, Signature, read_signature, to_openapi

__all__ = ["Effects", "ErrorMode", "Tool", "as_tool", "tool"]

P = ParamSpec("P")
R = TypeVar("R")

Effects = Literal["read", "idempotent", "write"]
ErrorMode = Literal["hide", "show", "raise"]
Consent = bool | Callable[[RunContext[Any], dict[str, Any]], bool | str]
Lock = str | Callable[[dict[str, Any]], object]

# What the service takes (protocol sheet 3.2); functions of ours keep to the portable form, without dots and dashes.
_SERVICE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,63}")


class ToolOptions(TypedDict, total=False):
    """The options of a tool, however it is made. `Tool` describes them."""

    timeout_s: float | None
    effects: Effects | None
    parallel: bool
    lock: Lock | None
    needs_approval: Consent
    errors: ErrorMode | None
    untrusted: bool
    unknown_args: Literal["refuse", "drop"]
    max_result_bytes: int | None


class Invoke(Protocol):
    """How a tool is called: the arguments of the model and the context in, the tool's result out."""

    def __call__(self, args: Mapping[str, Any], context: RunContext[Any], /) -> Awaitable[object]:
        """Run the tool. Raises `ArgumentsInvalid` before anything ran if the arguments do not fit."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool(Generic[P, R]):
    """A function that the model may call. Calling the tool calls the function, as if it were not decorated.

    Attributes:
        name: What the model calls it.
        description: What the model reads about it.
        parameters: JSON Schema of the arguments, an object; None if there are none.
        function: The callable behind it.
        timeout_s: Seconds one call may take; None takes the agent's setting.
        effects: `"read"`, `"idempotent"`, `"write"`; None counts as a write where it matters. A declared `"write"`
            runs alone: what was asked before it ends first, what was asked after it waits.
        parallel: False makes the tool run alone, too.
        lock: What a call needs for itself: of the calls of one answer, those with an equal lock run one after the
            other, whatever their tools. A text, or a function of the arguments: `lock=lambda args: args["account"]`.
        needs_approval: Whether a person must allow a call; or a function of the context and the arguments that tells,
            with True or with the reason.
        errors: What the model is told when the tool raises: `"hide"` the type, `"show"` the text too, `"raise"` ends
            the run with `ToolFailed`; None takes the agent's setting.
        untrusted: Whether results hold what strangers wrote: web pages, mails. See `Taint`.
        unknown_args: What happens to arguments that the function does not have: `"refuse"` the call and tell the
            model, or `"drop"` them.
        max_result_bytes: The longest result that the model gets whole; of a longer one it gets head and tail, and the
            run keeps the whole (`RunResult.whole_results`). None for no limit. Media in a result do not count.
    """

    name: str
    description: str
    parameters: Mapping[str, Any] | None
    function: Callable[P, R]
    invoke: Invoke = field(repr=False)
    timeout_s: float | None = None
    effects: Effects | None = None
    parallel: bool = True
    lock: Lock | None = None
    needs_approval: Consent = False
    errors: ErrorMode | None = None
    untrusted: bool = False
    unknown_args: Literal["refuse", "drop"] = "refuse"
    max_result_bytes: int | None = MAX_RESULT_BYTES
    signature: Signature | None = field(default=None, repr=False)
    wraps_method: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.timeout_s is not None and not _is_time(self.timeout_s):
            raise ToolDefinitionError(self.name, f"timeout_s={self.timeout_s!r} is no time.", "Give seconds above 0.")
        if self.effects not in (None, "read", "idempotent", "write"):
            raise ToolDefinitionError(
                self.name, f"effects={self.effects!r} is unknown.", 'Use "read", "idempotent" or "write".'
            )
        if self.errors not in (None, "hide", "show", "raise"):
            raise ToolDefinitionError(
                self.name, f"errors={self.errors!r} is unknown.", 'Use "hide", "show" or "raise".'
            )
        if self.unknown_args not in ("refuse", "drop"):
            raise ToolDefinitionError(
                self.name, f"unknown_args={self.unknown_args!r} is unknown.", 'Use "refuse" or "drop".'
            )
        if self.lock is not None and not isinstance(self.lock, str) and not callable(self.lock):  # pyright: ignore[reportUnnecessaryComparison]  # callers without types
            raise ToolDefinitionError(
                self.name, f"lock={self.lock!r} is no lock.", "Give a text, or a function of the arguments."
            )
        if self.max_result_bytes is not None and not _is_size(self.max_result_bytes):
            raise ToolDefinitionError(
                self.name, f"max_result_bytes={self.max_result_bytes!r} is no size.", "Give 1024 or more, or None."
            )
        if not isinstance(self.needs_approval, bool) and (  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
            not callable(self.needs_approval) or inspect.iscoroutinefunction(self.needs_approval)
        ):
            raise ToolDefinitionError(
                self.name,
                f"needs_approval={self.needs_approval!r} cannot be asked.",
                "Give True, False, or a plain function of the context and the arguments.",
            )
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            self.__dict__[name] = getattr(self.function, name, None)  # past the frozen __setattr__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Tool[..., R]:
        """Bind a decorated method to its object, as Python does for plain functions."""
        return self if instance is None or not self.wraps_method else self.bound_to(instance)

    @functools.cached_property
    def declaration(self) -> dict[str, Any]:
        """The exact functionDeclaration that is sent."""
        return self.declare("json_schema").to_wire()

    def declare(self, dialect: Literal["json_schema", "openapi"]) -> wire.FunctionDeclaration:
        """Return the declaration in one of the two schema dialects; `openapi` is for gateways that know no other."""
        declared: dict[str, Any] = {"name": self.name, "description": self.description}
        if self.parameters is not None and dialect == "json_schema":
            declared["parametersJsonSchema"] = self.parameters
        elif self.parameters is not None:
            declared["parameters"] = to_openapi(self.parameters)
        return wire.FunctionDeclaration.parse(declared)

    def bound_to(self, instance: object) -> Tool[..., R]:
        """Return the tool with the first argument of its function given."""
        function = cast("Callable[..., R]", MethodType(self.function, instance))
        signature = cast(Signature, self.signature)  # a method's tool is always made from a function
        return cast(
            "Tool[..., R]",
            dataclasses.replace(
                self,
                function=function,
                invoke=_invoke_function(function, signature, drop_unknown=self.unknown_args == "drop"),
                wraps_method=False,
            ),
        )

    @staticmethod
    def from_function(
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        **options: Unpack[ToolOptions],
    ) -> Tool[P, R]:
        """Make a tool from a callable with type hints.

        Raises:
            ToolDefinitionError: The callable cannot be declared; the message names the parameter and the fix.
        """
        is_method = _is_method_in_class_body(function)
        loose = cast("Callable[..., object]", function)
        source = functools.partial(loose, None) if is_method else loose  # None stands in for self
        if is_method and name is None:
            name = function.__name__
        signature = read_signature(source, context_type=RunContext, name=name, description=description)
        return Tool(
            name=signature.name,
            description=signature.description,
            parameters=signature.parameters,
            function=function,
            invoke=_invoke_function(function, signature, drop_unknown=options.get("unknown_args") == "drop"),
            signature=signature,
            wraps_method=is_method,
            **options,
        )

    @staticmethod
    def from_declaration(
        declaration: Mapping[str, Any],
        invoke: Callable[[dict[str, Any]], object],
        **options: Unpack[ToolOptions],
    ) -> Tool[[dict[str, Any]], object]:
        """Make a tool from a functionDeclaration. `invoke` gets the arguments as one dict; it may be async.

        The schema is `parametersJsonSchema` (or `parameters_json_schema`), else `parameters` in the older dialect (sent
        as `parametersJsonSchema` all the same, as a JSON Schema with lower-case types). The arguments are a JSON object
        with all that is required; no more is checked here.

        Raises:
            ConfigurationError: It is no declaration, or its schema does not describe an object.
        """
        check_kind("declaration", declaration, Mapping, 'a dict: {"name": ..., "parametersJsonSchema": {...}}')
        check_kind("invoke", invoke, Callable, "a function of the arguments")
        name = str(declaration.get("name") or "")
        schema = read_schema(declaration, name)
        required: list[str] = (schema or {}).get("required") or []
        return Tool(
            name=name,
            description=str(declaration.get("description", "")),
            parameters=schema,
            function=invoke,
            invoke=_invoke_with_dict(invoke, required),
            **options,
        )


@overload
def tool(
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    **options: Unpack[ToolOptions],
) -> Tool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    **options: Unpack[ToolOptions],
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a function to the model: `@tool`, `@tool(timeout_s=10, effects="read")`, `tool(function, timeout_s=10)`.

    See `Tool` for the options.

    Raises:
        ToolDefinitionError: The function cannot be declared; the message names the parameter and the fix.
    """
    if function is None:
        return functools.partial(Tool[..., Any].from_function, **options)
    return Tool[..., Any].from_function(function, **options)


def as_tool(candidate: object) -> Tool[..., Any]:
    """Return `candidate` as a tool: a `Tool`, or any callable with type hints.

    Raises:
        ConfigurationError: It is neither.
    """
    if isinstance(candidate, Tool):
        return _with_its_object(cast("Tool[..., Any]", candidate))
    if isinstance(candidate, MethodType):
        method: object = candidate.__func__
        if isinstance(method, Tool):  # @classmethod above @tool
            return cast("Tool[..., Any]", method).bound_to(candidate.__self__)
    if isinstance(candidate, classmethod | staticmethod):
        raise ConfigurationError(f"{candidate!r} is not bound yet. Pass it as `YourClass.method`.")
    if callable(candidate) and not inspect.isclass(candidate):
        return _with_its_object(Tool[..., Any].from_function(candidate))
    raise ConfigurationError(f"tools=[...] takes tools, toolsets, built-in tools and functions, not {candidate!r}.")


def _with_its_object(made: Tool[..., Any]) -> Tool[..., Any]:
    """Return the tool, unless it is a method that nobody could call."""
    if made.wraps_method:
        raise ToolDefinitionError(
            made.name, "it is a method without its object.", f"Pass the bound method: `your_object.{made.name}`."
        )
    return made


def _check_name(name: str) -> None:
    if not _SERVICE_NAME.fullmatch(name):
        raise ToolDefinitionError(
            name, "the name is not allowed.", "Use a letter or _ first, then letters, digits, _ . : -, at most 64."
        )


def _is_time(value: object) -> bool:
    return is_number(value) and 0 < value < 1e9


def _is_size(value: object) -> bool:
    return is_whole(value) and value >= 1024


def _is_method_in_class_body(function: object) -> bool:
    """Tell whether a class body is decorating one of its methods: `self` is not there yet."""
    if not inspect.isfunction(function):
        return False
    outer = function.__qualname__.rpartition(".")[0]
    try:
        first = next(iter(inspect.signature(function).parameters), "")
    except (ValueError, TypeError):  # told with its fix when the parameters are read
        return False
    return bool(outer) and not outer.endswith("<locals>") and first in ("self", "cls")


def _invoke_function(function: Callable[..., object], signature: Signature, *, drop_unknown: bool) -> Invoke:
    async def invoke(args: Mapping[str, Any], context: RunContext[Any], /) -> object:
        positional, named = signature.bind(args, context, drop_unknown=drop_unknown)
        return await call_function(functools.partial(function, *positional, **named), signature.is_async)

    return invoke


def _invoke_with_dict(function: Callable[[dict[str, Any]], object], required: list[str]) -> Invoke:
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # the method, not callability

    async def invoke(args: Mapping[str, Any], context: RunContext[Any], /) -> object:
        given = detached(args)
        missing = [name for name in required if name not in given]
        if missing:
            raise ArgumentsInvalid(f"Missing required arguments: {', '.join(missing)}.")
        return await call_function(functools.partial(function, given), is_async)

    return invoke
