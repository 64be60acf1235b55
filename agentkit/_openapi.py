"""JSON Schema in the older dialect that `parameters` and `responseSchema` take, for gateways that know no other.

It has few keys, one upper-case type per node, texts only in `enum`, and no references; any other key is an HTTP 400.
What there is no key for is told in the description. Source: https://ai.google.dev/api/caching#Schema
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote

from agentkit._checks import is_number

Node = dict[str, Any]

_TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_FORMATS = {"STRING": ("date-time", "enum"), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
_BOUNDS = {  # keys that are copied, by type
    "STRING": ("minLength", "maxLength"),
    "NUMBER": ("minimum", "maximum"),
    "INTEGER": ("minimum", "maximum"),
    "ARRAY": ("minItems", "maxItems"),
    "OBJECT": ("minProperties", "maxProperties"),
}
_ABOUT = ("title", "description", "default")
_MOST_UNROLLED = 2  # how often a recursive definition is written out before it is cut
_MOST_LEVELS = 24
_MOST_NODES = 2000
_MOST_LISTED = 50


def to_openapi(schema: Mapping[str, Any]) -> Node:
    """Return a JSON Schema in the older dialect. References are written out; recursion is cut after two rounds.

    Whatever `schema` accepts fits what comes back, except for what is nested deeper than the cut.
    """
    return _Translation(schema).node(schema, ())


class _Translation:
    """One schema on its way: knows the definitions, and how much has been written."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._written = 0

    def node(self, schema: object, way: tuple[str, ...], level: int = 0) -> Node:
        """Translate one schema; `way` holds the references that led here."""
        self._written += 1
        if not isinstance(schema, Mapping):
            return _anything({})  # `true`, and `false`, which nobody means
        node = dict(cast("Mapping[str, Any]", schema))
        reference = node.pop("$ref", None)
        if level > _MOST_LEVELS or self._written > _MOST_NODES:
            return _cut(node, "This")
        if isinstance(reference, str):
            target = self._find(reference)
            if target is None or way.count(reference) >= _MOST_UNROLLED:
                return _cut({**(target or {}), **node}, reference.rpartition("/")[2])
            return self.node({**target, **node}, (*way, reference), level + 1)
        if parts := _schemas(node.pop("allOf", None)):
            return self.node(self._merged([node, *parts]), way, level + 1)
        options = [*_schemas(node.pop("anyOf", None)), *_schemas(node.pop("oneOf", None))]
        if options:
            return _union(node, [self.node(option, way, level + 1) for option in options])
        return self._plain(node, way, level)

    def _find(self, reference: str) -> Node | None:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            found = cast("Node", found).get(step) if isinstance(found, Mapping) else None
        return _members(found) or None

    def _merged(self, parts: list[Node]) -> Node:
        """One schema in place of several that hold at once; of two values for one key the later wins."""
        merged: Node = {}
        for part in parts:
            reference = part.get("$ref")
            resolved = self._find(reference) if isinstance(reference, str) else None
            for key, value in {**part, **(resolved or {})}.items():
                if key == "properties":
                    merged[key] = {**_members(merged.get(key)), **_members(value)}
                elif key == "required":
                    merged[key] = _listed(merged.get(key)) + _listed(value)
                elif key != "$ref":
                    merged[key] = value
        return merged

    def _plain(self, node: Node, way: tuple[str, ...], level: int) -> Node:
        values = [node["const"]] if "const" in node else _listed(node.get("enum"))
        if values:
            return _enum(node, values)
        types = _types(node)
        if len(types) != 1:
            bare = {key: value for key, value in node.items() if key not in _ABOUT}
            return _union(node, [self._typed(bare, kind, way, level) for kind in types])
        return self._typed(node, types[0], way, level)

    def _typed(self, node: Node, kind: str, way: tuple[str, ...], level: int) -> Node:
        made: Node = {"type": kind}
        made |= {key: node[key] for key in _BOUNDS.get(kind, ()) if is_number(node.get(key))}
        if kind == "STRING" and isinstance(node.get("pattern"), str):
            made["pattern"] = node["pattern"]
        notes = _exclusive_bounds(node, kind, made)
        if isinstance(form := node.get("format"), str):
            if form in _FORMATS.get(kind, ()):
                made["format"] = form
            else:
                notes.append(f"Format: {form}.")
        if kind == "ARRAY":
            made |= self._items(node, way, level)
        if kind == "OBJECT":
            made |= self._properties(node, way, level, notes)
        return _described(made, node, notes)

    def _items(self, node: Node, way: tuple[str, ...], level: int) -> Node:
        places = _schemas(node.get("prefixItems"))
        if not places:
            return {"items": self.node(node.get("items"), way, level + 1)}
        made = [self.node(place, way, level + 1) for place in places]
        bounds = {key: node.get(key) if is_number(node.get(key)) else len(places) for key in ("minItems", "maxItems")}
        return {"items": _union({}, made), **bounds}

    def _properties(self, node: Node, way: tuple[str, ...], level: int, notes: list[str]) -> Node:
        made: Node = {}
        if properties := _members(node.get("properties")):
            made["properties"] = {str(name): self.node(inner, way, level + 1) for name, inner in properties.items()}
            required = dict.fromkeys(map(str, _listed(node.get("required"))))
            if names := [name for name in required if name in made["properties"]]:
                made["required"] = names
            order = [str(name) for name in _listed(node.get("propertyOrdering"))]
            if order and set(order) <= made["properties"].keys():
                made["propertyOrdering"] = order
        if more := _members(node.get("additionalProperties")):
            each = self.node(more, way, level + 1)
            notes.append(f"{'Other' if made else 'All'} keys are free; each value is {_in_words(each)}.")
        return made


def _union(node: Node, options: list[Node]) -> Node:
    """Several forms as one node: the null form becomes `nullable`, a single form stands for itself."""
    nullable = any(option.get("type") == "NULL" for option in options)
    forms: list[Node] = []
    for option in options:
        if option.get("type") != "NULL" and option not in forms:
            forms.append(option)
    made: Node = {"type": "NULL"} if not forms else dict(forms[0]) if len(forms) == 1 else {"anyOf": forms}
    if nullable and forms:
        made["nullable"] = True
    return _described(made, node, [])


def _enum(node: Node, values: list[object]) -> Node:
    """Texts stay an `enum`; numbers and structures are told in words, as only texts may be listed."""
    texts = [value for value in values if isinstance(value, str) and value]
    truths = [value for value in values if isinstance(value, bool)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    others: list[object] = [value for value in values if isinstance(value, list | dict)]
    forms: list[Node] = []
    if texts:
        forms.append({"type": "STRING", "format": "enum", "enum": list(dict.fromkeys(texts))})
    if "" in values:
        forms.append({"type": "STRING", "description": "May be an empty text."})
    if numbers:
        kind = "INTEGER" if all(isinstance(number, int) for number in numbers) else "NUMBER"
        forms.append({"type": kind, "description": _one_of(numbers)})
    if truths:
        forms.append({"type": "BOOLEAN", **({} if len(set(truths)) == 2 else {"description": _one_of(truths[:1])})})
    if others:
        forms.append(_anything({"description": _one_of(others)}))
    if None in values:
        forms.append({"type": "NULL"})
    return _union(node, forms)


def _one_of(values: Sequence[object]) -> str:
    listed = ", ".join(json.dumps(value, default=str) for value in values[:_MOST_LISTED])
    return f"One of: {listed}{', ...' if len(values) > _MOST_LISTED else ''}."


def _types(node: Node) -> list[str]:
    given = node.get("type")
    named = [str(kind).upper() for kind in (_listed(given) or [given])]
    types = list(dict.fromkeys(kind for kind in named if kind in _TYPES))
    if types:
        return types
    if isinstance(node.get("properties"), Mapping) or isinstance(node.get("additionalProperties"), Mapping):
        return ["OBJECT"]
    return ["ARRAY"] if "items" in node or "prefixItems" in node else ["STRING", "NUMBER", "BOOLEAN"]


def _anything(node: Node) -> Node:
    return _described({"anyOf": [{"type": kind} for kind in ("STRING", "NUMBER", "BOOLEAN")]}, node, [])


def _cut(node: Node, name: str) -> Node:
    """The end of a recursion: the type without what is inside."""
    is_object = _types(node) == ["OBJECT"]
    note = f"{name} again, not described further; may be left out."
    return _described({"type": "OBJECT" if is_object else "STRING"}, node, [note])


def _exclusive_bounds(node: Node, kind: str, made: Node) -> list[str]:
    """Whole numbers above 3 start at 4; for others the dialect has no key, so they are told."""
    notes: list[str] = []
    for key, bound, step, words in (
        ("exclusiveMinimum", "minimum", 1, "Greater than"),
        ("exclusiveMaximum", "maximum", -1, "Less than"),
    ):
        limit = node.get(key)
        if kind not in ("INTEGER", "NUMBER") or not is_number(limit):
            continue
        if kind == "INTEGER" and isinstance(limit, int) and bound not in made:
            made[bound] = limit + step
        else:
            notes.append(f"{words} {limit}.")
    return notes


def _described(made: Node, node: Node, notes: list[str]) -> Node:
    """`made` with the title, default and description of `node`, and the notes at the end of the description."""
    for key in _ABOUT:
        if key in node and (key == "default" or (isinstance(node[key], str) and node[key])):
            made[key] = node[key]
    if notes:
        made["description"] = " ".join([made.get("description", ""), *notes]).strip()
    return made


def _in_words(node: Node) -> str:
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_in_words(option) for option in node["anyOf"]))
    kind = str(node["type"]).lower()
    inner = f" with {', '.join(node['properties'])}" if node.get("properties") else ""
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}{inner}"


def _schemas(value: object) -> list[Node]:
    return [members for item in _listed(value) if (members := _members(item))]


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _members(value: object) -> Node:
    return dict(cast("Node", value)) if isinstance(value, Mapping) else {}
