"""Advice on function declarations: what breaks no rule, and is still likely to be misread. Pure, over plain JSON.

The rules tell what the service refuses or ignores, and what Google advises against; what they tell is not told here
again. Each piece has a code from AK201 on. Numbers of which no source knows are ours, and the text says "about".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from agentkit.testing.finding import Backend, Json, declarations_of
from agentkit.testing.lenient import as_object
from agentkit.testing.rules_json_schema import walk_schema
from agentkit.testing.rules_shape import read_body

__all__ = ["ADVICE", "Advice", "AdviceRule", "AdviceSeverity", "advise"]

AdviceSeverity = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True)
class AdviceRule:
    """What stands behind a code: a title, how much it matters, and what to do in general."""

    title: str
    severity: AdviceSeverity
    fix: str


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing that could be better.

    Attributes:
        code: A key of `ADVICE`.
        path: Where in the request, in the service's own notation, as in a `Finding`.
        message: What is so, with the values.
        fix: What to do about it.
    """

    code: str
    path: str
    message: str
    fix: str

    @property
    def severity(self) -> AdviceSeverity:
        """`"warning"`: calls are likely to go wrong. `"note"`: worth knowing. `"error"`: there is no request."""
        return ADVICE[self.code].severity

    def __str__(self) -> str:
        return f"{self.code} {self.severity} at {self.path or 'the request'}: {self.message} {self.fix}"


_LONGEST: Final = 2_000  # characters of a description
_LARGEST: Final = 100  # nodes of a schema
_LONGEST_ENUM: Final = 100
_FILLERS: Final = frozenset({"a", "an", "the", "this", "function", "tool", "of", "to", "for", "s"})


def _rule(title: str, severity: AdviceSeverity, fix: str) -> AdviceRule:
    return AdviceRule(title=title, severity=severity, fix=fix)


ADVICE: Final[Mapping[str, AdviceRule]] = MappingProxyType(
    {
        "AK200": _rule(
            "The agent cannot make its first request", "error", "Do what the message says; nothing can be sent before."
        ),
        "AK201": _rule("Parameter without description", "note", "Say what it is, in which form, with an example."),
        "AK202": _rule("Description repeats the name", "warning", "Say what the name does not say."),
        "AK203": _rule(
            "Very long description", "note", "Keep what the model needs for calling; the rest costs tokens each turn."
        ),
        "AK204": _rule("Names that look alike", "warning", "Rename one, or make them one function with a parameter."),
        "AK205": _rule("Same description twice", "warning", "Say in each what only this function does."),
        "AK206": _rule("One parameter in two spellings", "note", "Use one spelling in all functions."),
        "AK207": _rule("Very large schema", "warning", "Split the function, or take a text where a long list stands."),
        "AK208": _rule("The endpoint does not have this", "error", "Leave it out, or use another endpoint."),
        "AK209": _rule("The model is off", "warning", "Use another model: `agentkit models` lists them."),
        "AK210": _rule("The model is being replaced", "warning", "Use the model that replaces it."),
        "AK211": _rule("The model gives no answers", "error", "Use a model that generates: `agentkit models`."),
    }
)
"""What each code stands for. `agentkit check` tells AK200, where there is no request to judge, AK208, by what
`agentkit doctor` found out about an endpoint, and AK209 to AK211, by what is known about the model."""


def advise(body: object) -> list[Advice]:
    """Return what could be better about the functions of a generate request, function by function.

    A body that is no request gives no advice: `check_request` tells what is wrong with it.
    """
    functions = [_Function(path, declaration) for path, declaration in declarations_of(_read(body))]
    advice = [piece for function in functions for check in _CHECKS for piece in check(function)]
    return [*advice, *_on_all(functions)]


def _read(body: object) -> Json:
    """Return `body` in one spelling if either backend can read it, else an empty request."""
    for backend in get_args(Backend):
        read, findings = read_body(body, backend=backend)
        if not findings:
            return read
    return {}


class _Function:
    """One declaration, as the checks read it."""

    def __init__(self, path: str, declaration: Json) -> None:
        self.path = path
        self.name = str(declaration.get("name", ""))
        self.words = sorted(map(_singular, _words(self.name)))
        self.description = str(declaration.get("description", "")).strip()
        is_new = "parametersJsonSchema" in declaration
        self.schema = as_object(declaration.get("parametersJsonSchema" if is_new else "parameters"))
        self.schema_path = f"{path}.{'parameters_json_schema' if is_new else 'parameters'}"
        self.parameters = {name: as_object(node) for name, node in as_object(self.schema.get("properties")).items()}

    def path_of(self, parameter: str) -> str:
        return f"{self.schema_path}.properties[{parameter}]"


def _piece(code: str, path: str, message: str, fix: str = "") -> Advice:
    return Advice(code=code, path=path, message=message, fix=fix or ADVICE[code].fix)


def _check_description(function: _Function) -> Iterator[Advice]:
    path, name, told = f"{function.path}.description", function.name, function.description
    if told and not set(_words(told)) - set(_words(name)) - _FILLERS:
        yield _piece("AK202", path, f"The description of {name!r} says no more than the name: {told!r}.")
    if len(told) > _LONGEST:
        length = f"{len(told):,} characters"
        yield _piece("AK203", path, f"The description of {name!r} has {length}, about {_LONGEST:,} are plenty.")


def _check_parameters(function: _Function) -> Iterator[Advice]:
    told = set(_words(function.description))
    for name, node in function.parameters.items():
        # A name that the function's own description speaks of, or a list of values, describes itself.
        if not (node.get("description") or "enum" in node or "$ref" in node or set(_words(name)) & told):
            message = f"{function.name!r} does not describe its parameter {name!r}."
            yield _piece("AK201", function.path_of(name), message)


def _check_schema(function: _Function) -> Iterator[Advice]:
    nodes = list(_nodes(function.schema))
    longest = max((len(node["enum"]) for node in nodes if isinstance(node.get("enum"), list)), default=0)
    if len(nodes) > _LARGEST or longest > _LONGEST_ENUM:
        size = f"has {len(nodes)} nodes" if len(nodes) > _LARGEST else f"lists {longest} values"
        message = f"The schema of {function.name!r} {size}; where a call is forced, large ones have 'too many states'."
        yield _piece("AK207", function.schema_path, message)


def _nodes(schema: Json) -> Iterator[Json]:
    """Yield every node of either dialect; what references name is counted where it is defined."""
    for root in (schema, *map(as_object, as_object(schema.get("defs")).values())):
        yield from (node for _, node in walk_schema("", root))


_CHECKS: Final = (_check_description, _check_parameters, _check_schema)


def _on_all(functions: Sequence[_Function]) -> Iterator[Advice]:
    """Yield what shows only when the functions stand side by side; each is compared with those before it."""
    for number, function in enumerate(functions):
        others = [other for other in functions[:number] if other.name != function.name]
        alike = next((other for other in others if _look_alike(other.words, function.words)), None)
        if alike:
            message = f"{function.name!r} looks like {alike.name!r}: the model may take one for the other."
            yield _piece("AK204", f"{function.path}.name", message)
        same = next((other for other in others if other.description == function.description), None)
        if same and same.description:
            message = f"{function.name!r} is described exactly like {same.name!r}: the model can only guess."
            yield _piece("AK205", f"{function.path}.description", message)
    yield from _spellings(functions)


def _spellings(functions: Sequence[_Function]) -> Iterator[Advice]:
    """Yield parameters that another function spells in another way: `orderId` beside `order_id`."""
    first_with: dict[tuple[str, ...], tuple[str, str]] = {}
    for function in functions:
        for name in function.parameters:
            spelled, user = first_with.setdefault(tuple(_words(name)), (name, function.name))
            if spelled != name and _words(name):
                message = f"{function.name!r} calls {name!r} what {user!r} calls {spelled!r}."
                yield _piece("AK206", function.path_of(name), message, f"Call it {spelled!r} in both.")


def _look_alike(ones: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two names have the same words in any order, number or spelling, or differ by one letter of a long word.

    Short words may differ by one letter and mean the opposite: `get_user` and `set_user` are well told apart.
    """
    if ones == others:
        return True
    left, right = [word for word in ones if word not in others], [word for word in others if word not in ones]
    return len(left) == len(right) == 1 and min(len(left[0]), len(right[0])) >= 5 and _is_one_edit(left[0], right[0])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _is_one_edit(first: str, second: str) -> bool:
    """Whether one letter added, left out or changed makes one word the other; numbers count as told apart."""
    short, long = sorted((first, second), key=len)
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    same_length = len(short) == len(long)
    changed = long[at : at + 1]
    return not changed.isdigit() and short[at + 1 if same_length else at :] == long[at + 1 :]


def _words(name: str) -> list[str]:
    """Return the words of an identifier or a sentence in lower case: `getUserID2` is get, user, id, 2."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+", name)]
