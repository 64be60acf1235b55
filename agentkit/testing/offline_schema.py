"""The declarations of a request as shapes: what a value must look like.

Reads both dialects, JSON Schema and Gemini's older Schema, and any JSON that only resembles them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agentkit.testing.lenient import as_list, as_object, as_text

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
_DEEPEST = 8  # schemas may refer to themselves: what is optional is left out below
_DEEPEST_REQUIRED = 40


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a value must look like; of alternatives (`anyOf`) only the first that is not null is kept."""

    kind: Kind = "any"
    enum: tuple[object, ...] = ()
    format: str = ""
    description: str = ""
    items: "Shape | None" = None
    prefix: "tuple[Shape, ...]" = ()
    is_unique: bool = False
    multiple: float = 0
    pattern: str = ""
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
    if depth > _DEEPEST_REQUIRED or not node:
        return Shape()
    kind = _read_kind(node)
    required = list(dict.fromkeys(name for name in as_list(node.get("required")) if isinstance(name, str)))
    declared = as_object(node.get("properties"))
    others = node.get("additionalProperties")
    named = {name: declared.get(name, others) for name in [*declared, *required]}
    prefix = as_list(node.get("prefixItems"))
    fewest, most = _limit(node, "minItems", 0), _limit(node, "maxItems", math.inf)
    if depth >= _DEEPEST:
        named, most = {name: named[name] for name in required}, fewest
    return Shape(
        kind=kind,
        enum=tuple(as_list(node.get("enum"))) or ((node["const"],) if "const" in node else ()),
        format=as_text(node.get("format")),
        description=as_text(node.get("description")),
        items=read_shape(node.get("items"), root, depth + 1) if kind == "array" else None,
        prefix=tuple(read_shape(one, root, depth + 1) for one in prefix) if kind == "array" else (),
        is_unique=node.get("uniqueItems") is True,
        multiple=abs(_limit(node, "multipleOf", 0)),
        pattern=as_text(node.get("pattern")),
        properties={name: read_shape(inner, root, depth + 1) for name, inner in named.items()},
        required=tuple(required),
        lowest=_lowest(node, kind),
        highest=-_lowest(node, kind, "maximum", "exclusiveMaximum", sign=-1),
        shortest=int(max(fewest, _limit(node, "minLength", 0))),
        longest=min(most, _limit(node, "maxLength", math.inf)),
    )


def _lowest(
    node: Mapping[str, object], kind: Kind, key: str = "minimum", exclusive: str = "exclusiveMinimum", sign: int = 1
) -> float:
    """Return the lowest allowed number; with sign -1 the highest, with its sign turned."""
    lowest = sign * _limit(node, key, -math.inf * sign)
    above = sign * _limit(node, exclusive, -math.inf * sign)
    if math.isfinite(above):
        lowest = max(lowest, math.floor(above) + 1 if kind == "integer" else math.nextafter(above, math.inf))
    return math.ceil(lowest) if kind == "integer" and math.isfinite(lowest) else lowest


def _limit(node: Mapping[str, object], key: str, otherwise: float) -> float:
    """Return a bound of a schema; the service also takes, and some clients send, whole numbers as strings."""
    value = node.get(key)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _resolve(node: dict[str, object], root: dict[str, object]) -> dict[str, object]:
    """Follow `$ref`, join `allOf`, and take the first alternative that is not null; outer keys win over inner ones."""
    for _ in range(_DEEPEST):
        outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "oneOf", "allOf")}
        choices = [as_object(one) for key in ("anyOf", "oneOf") for one in as_list(node.get(key))]
        inner = [as_object(one) for one in as_list(node.get("allOf"))]
        if choices:
            inner.append(next((one for one in choices if one.get("type") != "null"), choices[0]))
        if reference := as_text(node.get("$ref")):
            target: object = root
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = as_object(target).get(step) if step else target
            inner.append(as_object(target))
        if not inner:
            break
        node = outer
        for one in inner:
            node = _join(one, node)
    return node


def _join(inner: Mapping[str, object], outer: Mapping[str, object]) -> dict[str, object]:
    properties = {**as_object(inner.get("properties")), **as_object(outer.get("properties"))}
    required = [*as_list(outer.get("required")), *as_list(inner.get("required"))]
    joined: dict[str, object] = {**inner, **outer}
    return joined | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})


def _read_kind(node: Mapping[str, object]) -> Kind:
    named = node.get("type")
    names = [as_text(one).lower() for one in as_list(named) or [named]]
    for name in sorted(names, key=lambda name: name == "null"):
        if name in _KINDS:
            return _KINDS[name]
    if "properties" in node:
        return "object"
    return "array" if "items" in node else "any"
