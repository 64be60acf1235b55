"""Where a JSON Schema loses meaning on its way to the older dialect of `parameters`; `agentkit check --schema`.

It tells about the conversion in `_openapi`, and does not convert: a key is kept, said in another way, or lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

__all__ = ["Loss", "losses_of"]

Fate = Literal["rewritten", "in words", "lost"]
Node = Mapping[str, Any]
_Found = tuple[str, Fate, str]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One keyword that the older dialect does not have.

    Attributes:
        path: JSON pointer to the node: `#/properties/city`.
        keyword: The keyword there.
        fate: `"rewritten"`: the same is said with other keys. `"in words"`: it stands in the description, where nothing
            enforces it. `"lost"`: the model is not told.
        text: What becomes of it.
    """

    path: str
    keyword: str
    fate: Fate
    text: str


_REWRITTEN = {
    "oneOf": "read as anyOf",
    "allOf": "joined into one schema; of two values for one key the later stays",
}
_LOST = {
    "not": "what is excluded is not told",
    "if": "conditions (if, then, else) are not told",
    "contains": "what a list must contain is not told",
    "uniqueItems": "that items must differ is not told",
    "multipleOf": "the step between values is not told",
    "patternProperties": "keys by pattern are not told",
    "propertyNames": "the form of the keys is not told",
    "dependentRequired": "which keys need each other is not told",
    "dependentSchemas": "which keys change the schema is not told",
    "unevaluatedProperties": "that other keys are refused is not told",
    "examples": "the examples are not told",
    "contentEncoding": "the encoding is not told",
    "contentMediaType": "the media type is not told",
}
_BOUNDS = {
    "minLength": ("string",),
    "maxLength": ("string",),
    "pattern": ("string",),
    "minimum": ("number", "integer"),
    "maximum": ("number", "integer"),
    "minItems": ("array",),
    "maxItems": ("array",),
    "minProperties": ("object",),
    "maxProperties": ("object",),
}
_FORMATS = {"string": ("date-time", "enum"), "number": ("float", "double"), "integer": ("int32", "int64")}
_KEPT = frozenset(
    {"type", "enum", "const", "format", "items", "properties", "required", "anyOf", "title", "description"}
)
_SILENT = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "default", "deprecated"})
_TOLD = frozenset(
    {"$ref", "prefixItems", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum", "then", "else"}
)
_KNOWN = _KEPT | _SILENT | _TOLD | {*_BOUNDS, *_REWRITTEN, *_LOST}
_NOT_BESIDE_ANY_OF = _KNOWN - _SILENT - {"anyOf", "$ref", "title", "description", *_REWRITTEN, *_LOST}
_MOST_LEVELS = 24
_OF_NAMES = ("properties", "$defs", "definitions")
_OF_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def losses_of(schema: Node) -> list[Loss]:
    """Return what a schema loses, node by node. A definition is looked at once, where it is written."""
    levels = {path: (level, node) for path, level, node in _nodes(schema, "#", 0)}
    nodes = {path: node for path, (_, node) in levels.items()}
    recursive = _recursive(nodes)
    told = [
        Loss(path=path, keyword=keyword, fate=fate, text=text)
        for path, node in nodes.items()
        for keyword, fate, text in _losses(node, nodes, recursive)
    ]
    cut = next((path for path, (level, _) in levels.items() if level > _MOST_LEVELS), None)
    text = f"below {_MOST_LEVELS} levels only the type is told"
    return told if cut is None else [*told, Loss(path=cut, keyword="(levels)", fate="lost", text=text)]


def _losses(node: Node, nodes: Mapping[str, Node], recursive: frozenset[str]) -> Iterator[_Found]:
    if isinstance(node.get("$ref"), str):
        yield _of_reference(node["$ref"], nodes, recursive)
    for key in node:
        if key in _REWRITTEN:
            yield key, "rewritten", _REWRITTEN[key]
        elif key in _LOST or key not in _KNOWN:
            yield key, "lost", _LOST.get(key, "the older dialect has no such key")
    if node.get("anyOf") or node.get("oneOf"):
        for key in sorted(_NOT_BESIDE_ANY_OF & node.keys()):
            yield key, "lost", "it stands beside anyOf, which alone is kept"
        return
    types = _types(node)
    yield from _of_values(node) if "const" in node or node.get("enum") else _of_type(node, types)
    yield from _of_structure(node, types)
    yield from _of_bounds(node, types or ["string", "number", "boolean"])


def _of_reference(reference: str, nodes: Mapping[str, Node], recursive: frozenset[str]) -> _Found:
    if reference in recursive:
        return "$ref", "lost", f"{reference} holds itself: written out twice, then cut"
    if reference not in nodes:
        return "$ref", "lost", f"{reference} is not there: only a name is told"
    return "$ref", "rewritten", f"{reference} is written out here"


def _of_structure(node: Node, types: list[str]) -> Iterator[_Found]:
    if "array" in types and node.get("prefixItems"):
        yield "prefixItems", "lost", "which item stands at which place is not told"
    elif "array" in types and not isinstance(node.get("items"), Mapping):
        yield "items", "lost", "what the list holds is not said: text, number or boolean is assumed"
    if "object" in types and "additionalProperties" in node:
        fate, text = _of_additional(node["additionalProperties"])
        yield "additionalProperties", fate, text


def _of_type(node: Node, types: list[str]) -> Iterator[_Found]:
    if isinstance(node.get("type"), list) and len(types) > 1:
        others = [kind for kind in types if kind != "null"]
        how = "nullable" if len(others) == 1 and "null" in types else "anyOf"
        yield "type", "rewritten", f"a list of types becomes {how}"
    if not types and "$ref" not in node and "allOf" not in node:
        yield "type", "lost", "anything is allowed here: only text, number or boolean is told"


def _of_values(node: Node) -> Iterator[_Found]:
    if "const" in node:
        fate, text = _fate_of_values([node["const"]])
        yield "const", fate, text or "becomes an enum of one value"
    else:
        fate, text = _fate_of_values(node["enum"])
        if text:
            yield "enum", fate, text


def _fate_of_values(values: list[object]) -> tuple[Fate, str]:
    if any(not isinstance(value, str | bool | None) for value in values):
        return "in words", "only texts may be listed: other values are told in the description"
    if "" in values:
        return "in words", "an empty text may not be listed: it is told in the description"
    if any(isinstance(value, bool) for value in values):
        return (
            ("in words", "a truth value is told in the description") if len(values) == 1 else ("rewritten", "BOOLEAN")
        )
    return "rewritten", "null becomes nullable" if None in values else ""


def _of_additional(more: object) -> tuple[Fate, str]:
    if isinstance(more, Mapping) and more:
        return "in words", "the type of other keys is told in the description"
    if more is False:
        return "lost", "that other keys are refused is not told"
    return "lost", "that other keys are welcome is not told"


def _of_bounds(node: Node, types: list[str]) -> Iterator[_Found]:
    for keyword, kinds in _BOUNDS.items():
        if keyword in node and not set(kinds) & set(types):
            yield keyword, "lost", f"it bounds {' or '.join(kinds)}, and no type here is one"
    for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if keyword not in node:
            continue
        if "integer" in types and isinstance(node[keyword], int) and bound not in node:
            yield keyword, "rewritten", f"becomes {bound}, one further"
        else:
            yield keyword, "in words", "told in the description"
    form = node.get("format")
    if isinstance(form, str) and not any(form in _FORMATS.get(kind, ()) for kind in types):
        yield "format", "in words", f"{form!r} is told in the description"


def _types(node: Node) -> list[str]:
    given = node.get("type")
    if isinstance(given, list):
        return [str(kind).lower() for kind in cast("list[object]", given)]
    if isinstance(given, str):
        return [given.lower()]
    if isinstance(node.get("properties"), Mapping) or isinstance(node.get("additionalProperties"), Mapping):
        return ["object"]
    return ["array"] if "items" in node or "prefixItems" in node else []


def _nodes(node: Node, path: str, level: int) -> Iterator[tuple[str, int, Node]]:
    yield path, level, node
    for step, child in _children(node):
        yield from _nodes(child, f"{path}/{step}", level + 1)


def _children(node: Node) -> Iterator[tuple[str, Node]]:
    for key in _OF_NAMES:
        for name, child in _members(node.get(key)).items():
            if isinstance(child, Mapping):
                yield f"{key}/{name.replace('~', '~0').replace('/', '~1')}", cast("Node", child)
    for key in _OF_LISTS:
        listed: object = node.get(key)
        for index, child in enumerate(cast("list[object]", listed) if isinstance(listed, list) else []):
            if isinstance(child, Mapping):
                yield f"{key}/{index}", cast("Node", child)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), Mapping):
            yield key, cast("Node", node[key])


def _members(value: object) -> Node:
    return cast("Node", value) if isinstance(value, Mapping) else {}


def _recursive(nodes: Mapping[str, Node]) -> frozenset[str]:
    """Return the references that lead back to themselves."""
    targets = {str(node["$ref"]) for node in nodes.values() if "$ref" in node}
    leads_to = {
        target: {str(inner["$ref"]) for _, _, inner in _nodes(nodes[target], target, 0) if "$ref" in inner}
        for target in targets & nodes.keys()
    }
    return frozenset(target for target in leads_to if target in _reached(target, leads_to))


def _reached(start: str, leads_to: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = set(leads_to[start])
    while ahead:
        reference = ahead.pop()
        if reference not in reached:
            reached.add(reference)
            ahead |= leads_to.get(reference, set())
    return reached
