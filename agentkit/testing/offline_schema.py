"""The declarations of a request as shapes: what a value must look like, whether one does, and a stand-in for it.

Reads both dialects, JSON Schema and Gemini's older Schema, and any JSON that only resembles them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, cast

Kind = Literal["string", "number", "integer", "boolean", "array", "object", "null", "any"]

_KINDS: dict[str, Kind] = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
    "null": "null",
}
_DEEPEST = 8  # schemas may refer to themselves


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a value must look like; of alternatives (`anyOf`) only the first that is not null is kept."""

    kind: Kind = "any"
    enum: tuple[object, ...] = ()
    format: str = ""
    description: str = ""
    items: "Shape | None" = None
    properties: Mapping[str, "Shape"] = field(default_factory=dict[str, "Shape"])
    required: tuple[str, ...] = ()
    lowest: float = -math.inf
    highest: float = math.inf
    shortest: int = 0
    longest: float = math.inf

    def ordered(self) -> Iterator[tuple[str, "Shape"]]:
        """Yield the properties, the required ones first: they get the first choice of what the prompt gives."""
        yield from ((name, self.properties[name]) for name in self.required)
        yield from ((name, shape) for name, shape in self.properties.items() if name not in self.required)


@dataclass(frozen=True)
class Function:
    """One declared function."""

    name: str
    description: str
    parameters: Shape


def as_object(value: object) -> dict[str, object]:
    """Return `value` if it is a JSON object, else an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """Return `value` if it is a JSON list; an object becomes a list of one, as the service reads it."""
    if isinstance(value, dict):
        return [cast("object", value)]
    return cast("list[object]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return `value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def read_functions(request: Mapping[str, object]) -> list[Function]:
    """Return the functions that a request declares, each name once."""
    functions: dict[str, Function] = {}
    for tool in as_list(request.get("tools")):
        for declared in map(as_object, as_list(as_object(tool).get("functionDeclarations"))):
            if name := as_text(declared.get("name")):
                schema = declared.get("parametersJsonSchema") or declared.get("parameters")
                functions[name] = Function(name, as_text(declared.get("description")), _read_parameters(schema))
    return list(functions.values())


def _read_parameters(schema: object) -> Shape:
    shape = read_shape(schema)
    return shape if shape.kind == "object" else Shape(kind="object")


def read_shape(schema: object, root: object = None, depth: int = 0) -> Shape:
    """Return the shape that a schema describes; what is not understood is left open."""
    root = schema if root is None else root
    node = _resolve(as_object(schema), as_object(root))
    if depth > _DEEPEST or not node:
        return Shape()
    kind = _read_kind(node)
    properties = {name: read_shape(value, root, depth + 1) for name, value in as_object(node.get("properties")).items()}
    required = [name for name in as_list(node.get("required")) if isinstance(name, str)]
    return Shape(
        kind=kind,
        enum=tuple(as_list(node.get("enum"))) or ((node["const"],) if "const" in node else ()),
        format=as_text(node.get("format")),
        description=as_text(node.get("description")),
        items=read_shape(node.get("items"), root, depth + 1) if kind == "array" else None,
        properties={**properties, **{name: Shape() for name in required if name not in properties}},
        required=tuple(dict.fromkeys(required)),
        lowest=_limit(node, "minimum", -math.inf),
        highest=_limit(node, "maximum", math.inf),
        shortest=int(max(_limit(node, "minItems", 0), _limit(node, "minLength", 0))),
        longest=min(_limit(node, "maxItems", math.inf), _limit(node, "maxLength", math.inf)),
    )


def _limit(node: Mapping[str, object], key: str, otherwise: float) -> float:
    """Return a bound of a schema; the service also takes, and some clients send, whole numbers as strings."""
    value = node.get(key)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _resolve(node: dict[str, object], root: dict[str, object]) -> dict[str, object]:
    """Follow `$ref` and take the first alternative that is not null; the outer keys win over the inner ones."""
    for _ in range(_DEEPEST):
        alternatives = [as_object(one) for key in ("anyOf", "oneOf", "allOf") for one in as_list(node.get(key))]
        outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "oneOf", "allOf")}
        if reference := as_text(node.get("$ref")):
            target: object = root
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = as_object(target).get(step) if step else target
            node = {**as_object(target), **outer}
        elif alternatives:
            node = {**next((one for one in alternatives if one.get("type") != "null"), alternatives[0]), **outer}
        else:
            break
    return node


def _read_kind(node: Mapping[str, object]) -> Kind:
    named = node.get("type")
    names = [as_text(one).lower() for one in as_list(named) or [named]]
    for name in sorted(names, key=lambda name: name == "null"):
        if name in _KINDS:
            return _KINDS[name]
    if "properties" in node:
        return "object"
    return "array" if "items" in node else "any"


def fits(value: object, shape: Shape) -> bool:
    """Whether `value` has the JSON type, the choices and the bounds of `shape`."""
    if shape.enum and not any(type(value) is type(one) and value == one for one in shape.enum):
        return False
    match shape.kind:
        case "string":
            return (
                isinstance(value, str) and shape.shortest <= len(value) <= shape.longest and _is_in_format(value, shape)
            )
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and shape.lowest <= value <= shape.highest
        case "number":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and shape.lowest <= cast("float", value) <= shape.highest
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            if not isinstance(value, list):
                return False
            members = cast("list[object]", value)
            return shape.shortest <= len(members) <= shape.longest and all(
                fits(one, shape.items or Shape()) for one in members
            )
        case "object":
            if not isinstance(value, dict):
                return False
            given = cast("dict[str, object]", value)
            return all(name in given for name in shape.required) and all(
                fits(given[name], inner) for name, inner in shape.properties.items() if name in given
            )
        case "any":
            return True


def _is_in_format(value: str, shape: Shape) -> bool:
    """Whether a text has the form of a date or time that its schema asks for; other formats are not judged."""
    try:
        match shape.format:
            case "date":
                return len(value) == 10 and bool(date.fromisoformat(value))
            case "date-time":
                return "T" in value and bool(datetime.fromisoformat(value))
            case _:
                return True
    except ValueError:
        return False


def placeholder(shape: Shape, text: str, depth: int = 0) -> object:
    """Return a value of this shape that claims as little as possible; strings repeat `text`."""
    if shape.enum:
        return shape.enum[0]
    match shape.kind:
        case "string" | "any":
            return _placeholder_text(shape, text)
        case "integer" | "number":
            nearest = max(shape.lowest, min(0, shape.highest))
            return math.ceil(nearest) if nearest == math.ceil(nearest) or shape.kind == "integer" else nearest
        case "boolean":
            return False
        case "null":
            return None
        case "array":
            if depth > _DEEPEST:
                return []
            return [placeholder(shape.items or Shape(), text, depth + 1) for _ in range(min(shape.shortest, 20))]
        case "object":
            if depth > _DEEPEST:
                return {}
            return {name: placeholder(shape.properties[name], text, depth + 1) for name in shape.required}


def cut_text(text: str, longest: int) -> str:
    """Return the beginning of a text, cut at a word where there is one."""
    if len(text) <= longest:
        return text
    whole_words = re.match(rf".{{1,{longest}}}(?=\s)", text, re.S) if longest else None
    return whole_words[0].rstrip(" ,;:") if whole_words else text[:longest]


def _placeholder_text(shape: Shape, text: str) -> str:
    if shape.format in ("date", "date-time"):
        return "1970-01-01" if shape.format == "date" else "1970-01-01T00:00:00Z"
    value = cut_text(text, int(min(shape.longest, 2000)))
    return value.ljust(min(shape.shortest, 2000), ".")
