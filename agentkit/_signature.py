"""What a callable takes: its name, its docstring and its parameters with their types. Nothing about schemas.

Callables are functions, methods, `functools.partial`s, wrapped functions and objects with `__call__`. A wrapper is
called itself, but described by what it wraps, as `inspect.signature` does.
"""

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, cast, get_args, get_origin

from agentkit._describe import first_line
from agentkit.errors import ToolDefinitionError

NO_DEFAULT = inspect.Parameter.empty

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NAME_RULE = "Use a letter or _ first, then letters, digits and _, at most 64"
# Gemini's own tools, and the names under which the model is shown its functions: it mixes them up.
_RESERVED = frozenset(
    (
        *("code_execution", "computer_use", "enterprise_web_search", "file_search", "google_maps", "google_search"),
        *("google_search_retrieval", "url_context", "default_api", "tool_code", "tool_outputs"),
    )
)
_MOST_LAYERS = 100


class Kind(Enum):
    """How a parameter takes its value; the names are those of `inspect`."""

    POSITIONAL_ONLY = "f(x, /)"
    POSITIONAL_OR_KEYWORD = "f(x)"
    VAR_POSITIONAL = "f(*x)"
    KEYWORD_ONLY = "f(*, x)"
    VAR_KEYWORD = "f(**x)"


@dataclass(frozen=True)
class Parameter:
    """One parameter that is not bound yet.

    Attributes:
        hint: Its type, with all names resolved. Of `*args` and `**kwargs`: the type of each.
        default: The default of the function, or `NO_DEFAULT`.
        may_be_absent: Whether the function can be called without it.
        is_context: Whether the framework gives it, not the model.
    """

    name: str
    kind: Kind
    hint: Any
    default: Any = NO_DEFAULT
    may_be_absent: bool = False
    is_context: bool = False


@dataclass(frozen=True)
class Taken:
    """What a callable takes.

    Attributes:
        parameters: In the order of the signature.
        hidden: Names that a call must not give although `**kwargs` would take them: they are bound or injected.
        local_names: What the names in its types may mean besides the names of its module.
    """

    parameters: list[Parameter]
    hidden: frozenset[str]
    local_names: dict[str, Any]


def read_name(function: Callable[..., object], name: str | None) -> str:
    """Return the name the model calls the function by.

    Raises:
        ToolDefinitionError: There is none, or the service or the model would trip over it.
    """
    entry = _without_partials(function)
    found = name if name is not None else str(getattr(entry, "__name__", type(entry).__name__))
    if found == "<lambda>":
        raise ToolDefinitionError(found, "a lambda has no name that the model could call.", 'Add `name="..."`.')
    if not _NAME.fullmatch(found):
        raise ToolDefinitionError(found, "the name is not allowed.", f'{_NAME_RULE}: add `name="..."`.')
    if found in _RESERVED:
        raise ToolDefinitionError(found, "the name belongs to Gemini itself.", 'Choose another: add `name="..."`.')
    return found


def read_docs(function: Callable[..., object]) -> str | None:
    """Return the docstring of a callable, as it is written; of an object: of its `__call__`, else of its class."""
    entry = _without_partials(function)
    if inspect.isroutine(entry) or hasattr(entry, "__wrapped__"):
        return inspect.getdoc(entry)
    kind = type(entry)
    written = kind.__call__.__doc__ or kind.__doc__
    is_generated = bool(written) and str(written).startswith(f"{kind.__name__}(")  # what @dataclass writes
    return None if is_generated else written


def is_async(function: Callable[..., object]) -> bool:
    """Tell whether calling it gives a coroutine. A plain function may still return an awaitable."""
    return inspect.iscoroutinefunction(_code(function))


def refuse_what_is_no_function(function: object, tool: str) -> None:
    """Refuse classes, generators and what cannot be called.

    Raises:
        ToolDefinitionError: It is one of these.
    """
    if isinstance(function, type):
        raise ToolDefinitionError(tool, "it is a class.", "Pass a function that makes the object and uses it.")
    if not callable(function):
        raise ToolDefinitionError(tool, f"{function!r} cannot be called.", "Pass a function or a bound method.")
    code = _code(function)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ToolDefinitionError(tool, "it is a generator function.", "Collect what it yields and return a list.")


def read_parameters(function: Callable[..., object], tool: str, context_type: type) -> Taken:
    """Return what has to be given when `function` is called.

    Raises:
        ToolDefinitionError: There is no signature, or a parameter has no type, an unknown one, or a wrong name.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError, NameError) as error:
        raise ToolDefinitionError(
            tool, f"its signature cannot be read ({first_line(error)}).", "Wrap it in a `def` with type hints."
        ) from error
    inner = _innermost(function)
    names_around = _names_around(inner)
    bound = _bound_keywords(function)
    parameters: list[Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name in bound:
            continue
        hint = _hint(parameter, getattr(inner, "__globals__", {}), names_around, tool)
        parameters += _read_parameter(parameter, hint, tool, context_type)
    shown = {parameter.name for parameter in parameters if not parameter.is_context}
    taken = {parameter.name for parameter in parameters if parameter.kind is not Kind.VAR_KEYWORD}
    return Taken(parameters, frozenset((taken | bound | _written_names(inner)) - shown), names_around)


def _read_parameter(parameter: inspect.Parameter, hint: Any, tool: str, context_type: type) -> Iterator[Parameter]:
    kind = Kind[parameter.kind.name]
    if _is_context(hint, context_type):
        if kind in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD):
            raise ToolDefinitionError(tool, "the context comes once.", "Take it without a star.", parameter.name)
        yield Parameter(parameter.name, kind, hint, is_context=True)
        return
    if kind is Kind.VAR_KEYWORD and _form(hint) == "Unpack":
        yield from _unpacked(get_args(hint)[0], tool, parameter.name, context_type)
        return
    if kind is not Kind.VAR_KEYWORD and not _NAME.fullmatch(parameter.name):
        raise ToolDefinitionError(tool, "the name is not allowed.", f"{_NAME_RULE}.", parameter.name)
    if _is_field(parameter.default):  # `days: int = Field(3, ge=1)`, as in a pydantic model
        yield Parameter(parameter.name, kind, Annotated[hint, parameter.default])
        return
    is_variadic = kind in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD)
    may_be_absent = is_variadic or parameter.default is not NO_DEFAULT
    yield Parameter(parameter.name, kind, hint, parameter.default, may_be_absent)


def _is_field(default: object) -> bool:
    # By its name: importing what `Field` makes costs as much as the rest of this package.
    return type(default).__module__ == "pydantic.fields"


def _unpacked(options: Any, tool: str, parameter: str, context_type: type) -> Iterator[Parameter]:
    """The members of `**options: Unpack[Options]` as parameters of their own."""
    try:
        hints = typing.get_type_hints(options, include_extras=True)
        required = cast("frozenset[str]", options.__required_keys__)
    except (NameError, TypeError, AttributeError) as error:
        raise ToolDefinitionError(
            tool, f"Unpack[{options}] cannot be read ({first_line(error)}).", "Unpack a TypedDict.", parameter
        ) from error
    for name, hint in hints.items():
        is_required = name in required
        while (form := _form(hint)) in ("Required", "NotRequired", "ReadOnly"):
            is_required = form == "Required" if form != "ReadOnly" else is_required
            hint = get_args(hint)[0]
        if not _NAME.fullmatch(name):
            raise ToolDefinitionError(tool, f"the key {name!r} is not allowed.", f"{_NAME_RULE}.", parameter)
        is_context = _is_context(hint, context_type)
        yield Parameter(name, Kind.KEYWORD_ONLY, hint, may_be_absent=not is_required, is_context=is_context)


def _hint(parameter: inspect.Parameter, module: dict[str, Any], names_around: dict[str, Any], tool: str) -> Any:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        stars = {Kind.VAR_POSITIONAL: "*", Kind.VAR_KEYWORD: "**"}.get(Kind[parameter.kind.name], "")
        fix = f"Write `{stars}{parameter.name}: str`, or `: Any` for any JSON value."
        if parameter.name in ("self", "cls"):
            fix = "Pass the bound method, `your_object.method`."
        raise ToolDefinitionError(tool, "it has no type.", fix, parameter.name)
    if type(annotation) is type:
        return annotation
    try:
        carrier = types.SimpleNamespace(__annotations__={"hint": annotation})
        return typing.get_type_hints(carrier, module, names_around, include_extras=True)["hint"]
    except NameError as error:
        fix = "Import or define it at the top of the module (not under TYPE_CHECKING), before the function."
        raise ToolDefinitionError(
            tool, f"the name {error.name!r} in its type is unknown.", fix, parameter.name
        ) from error
    except (SyntaxError, TypeError, AttributeError) as error:
        fix = "Write a type that Python can evaluate."
        raise ToolDefinitionError(
            tool, f"its type {annotation!r} cannot be read ({first_line(error)}).", fix, parameter.name
        ) from error


def read_at_once(hint: Any) -> Any:
    """Return the type with `list` in place of `Iterable`, whose items pydantic reads only when the function asks."""
    origin = get_origin(hint)
    if Iterable in (hint, origin):
        return types.GenericAlias(list, get_args(hint) or (Any,))
    if origin is Annotated:
        return Annotated[read_at_once(get_args(hint)[0]), *hint.__metadata__]
    if origin is typing.Union or origin is types.UnionType:
        members = tuple(map(read_at_once, get_args(hint)))
        return hint if members == get_args(hint) else typing.Union[members]  # noqa: UP007  # of a tuple
    return hint


def _is_context(hint: Any, context_type: type) -> bool:
    hint = getattr(hint, "__value__", hint)  # `type Ctx = RunContext[Deps]`
    origin = get_origin(hint)
    if origin is Annotated:
        return _is_context(get_args(hint)[0], context_type)
    if origin is typing.Union or origin is types.UnionType:
        return any(_is_context(member, context_type) for member in get_args(hint))
    kind = origin or hint
    return isinstance(kind, type) and issubclass(kind, context_type)


def _form(hint: Any) -> str:
    """The name of a special form (`Unpack`, `Required`), be it of typing or of typing_extensions."""
    return str(getattr(get_origin(hint), "_name", ""))


def _without_partials(function: object) -> object:
    while isinstance(function, functools.partial):
        function = cast("functools.partial[object]", function).func
    return function


def _bound_keywords(function: object) -> set[str]:
    bound: set[str] = set()
    while isinstance(function, functools.partial):
        partial = cast("functools.partial[object]", function)
        bound |= set(partial.keywords)
        function = partial.func
    return bound


def _code(function: object) -> Any:
    """The function that runs when `function` is called."""
    entry = _without_partials(function)
    if isinstance(entry, staticmethod):
        return cast("staticmethod[..., object]", entry).__func__
    return entry if inspect.isroutine(entry) else type(entry).__call__


def _innermost(function: object) -> object:
    """The function that was written down: below partials, methods, wrappers and callable objects."""
    for _ in range(_MOST_LAYERS):  # an object may claim to wrap for ever
        function = _without_partials(function)
        if isinstance(function, types.MethodType):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = cast(Any, function).__wrapped__
        elif inspect.isroutine(function) or not callable(function):
            break
        else:
            function = type(function).__call__
    return function


def _written_names(inner: object) -> set[str]:
    """The parameters of the written function, also those that a method or a partial has given already."""
    code = getattr(inner, "__code__", None)
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else set()


def _names_around(inner: Any) -> dict[str, Any]:
    """The names that a function's types may use besides those of its module: type parameters, and the local names of
    the functions around it, as far as these are running or the function has closed over them.
    """
    names: dict[str, Any] = {}
    scope, _, _ = getattr(inner, "__qualname__", "").rpartition(".<locals>.")
    frame = inspect.currentframe() if scope else None
    while frame is not None:
        enclosing = frame.f_code.co_qualname
        if frame.f_globals is inner.__globals__ and (scope == enclosing or scope.startswith(f"{enclosing}.<locals>.")):
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    code = getattr(inner, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), getattr(inner, "__closure__", None) or (), strict=False):
        names.setdefault(name, getattr(cell, "cell_contents", None))
    return {**names, **{parameter.__name__: parameter for parameter in getattr(inner, "__type_params__", ())}}
