"""Rules E17 and E18 for the older schema dialect: `parameters`, `response` and `responseSchema`, node by node."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from agentkit.testing.finding import Finding, Json, Request, Severity

__all__ = ["check_depth", "check_max_items", "check_parameter_names", "check_schemas"]

_FORMATS: Final = {
    "NUMBER": ("float", "double"),
    "INTEGER": ("int32", "int64"),
    "STRING": ("enum", "date-time"),
}
# Which keys say something about a value of which type; the service ignores them elsewhere.
_KEYS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "ARRAY": ("items", "minItems", "maxItems"),
    "OBJECT": ("required", "minProperties", "maxProperties", "propertyOrdering"),
    "STRING": ("minLength", "maxLength", "pattern"),
    "NUMBER": ("minimum", "maximum"),
    "INTEGER": ("minimum", "maximum"),
}
_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minItems", "maxItems"),
    ("minLength", "maxLength"),
    ("minProperties", "maxProperties"),
)
_MOST_ITEMS: Final = 960
# Refused on 2.5; no source names the limit. Nothing deeper than this was recorded as taken.
_DEEPEST: Final = 6
_LONGEST_NAME: Final = 64


@dataclass(frozen=True)
class _Node:
    """One node of a schema: where it is, whose it is, and where `ref` leads.

    Attributes:
        schema: The node itself.
        path: Its path in the request.
        place: Its path in the schema, as Vertex AI writes it: `parameters.city`.
        function: The name of the function it belongs to; empty for the schema of an answer.
        defs: What the root defines (Vertex AI).
    """

    schema: Json
    path: str
    place: str
    function: str
    defs: Json

    def inner(self, schema: Json, key: str, place: str) -> "_Node":
        return _Node(schema, f"{self.path}.{key}", self.place + place, self.function, self.defs)

    def children(self) -> Iterator["_Node"]:
        """Yield the nodes right below."""
        for name, child in self.schema.get("properties", {}).items():
            yield self.inner(child, f"properties[{name}]", f".{name}")
        for index, child in enumerate(self.schema.get("anyOf", [])):
            yield self.inner(child, f"any_of[{index}]", "")
        if "items" in self.schema:
            yield self.inner(self.schema["items"], "items", "")
        for name, child in self.schema.get("defs", {}).items():
            yield self.inner(child, f"defs[{name}]", f".{name}")


def check_schemas(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with each schema of the older dialect: E17."""
    for path, declaration in request.declarations:
        for key in ("parameters", "response"):
            if key in declaration:
                schema, name = declaration[key], declaration.get("name", "")
                root = _Node(schema, f"{path}.{key}", key, name, schema.get("defs", {}))
                yield from _check_node(request, root)
                yield from check_depth(request, root.path, _depth(root))
        yield from check_parameter_names(request, f"{path}.parameters", declaration.get("parameters", {}))
    if (schema := request.generation_config.get("responseSchema")) is not None:
        path = "generation_config.response_schema"
        yield from _check_node(request, _Node(schema, path, "", "", schema.get("defs", {})))


def check_depth(request: Request, path: str, depth: int) -> Iterator[Finding]:
    """Yield a warning if a function's schema has more levels than were ever recorded as taken before Gemini 3."""
    if depth > _DEEPEST and request.generation < (3, 0):
        fix = f"There are {depth} levels; make it at most {_DEEPEST}, or take a model from Gemini 3 on."
        yield request.find("schema.depth", path, fix, severity="warning")


def check_parameter_names(request: Request, path: str, schema: Json) -> Iterator[Finding]:
    """Yield parameters whose names are not plain: letters, digits and `_`, no digit first, at most 64."""
    properties: object = schema.get("properties")
    for name in cast("Mapping[str, object]", properties) if isinstance(properties, Mapping) else ():
        if not (name.isascii() and name.isidentifier() and len(name) <= _LONGEST_NAME):
            yield request.find("schema.parameter_name", path, f"Rename {name!r}.", name=name)


def _depth(node: _Node) -> int:
    return 1 + max(map(_depth, node.children()), default=0)


def _check_node(request: Request, node: _Node) -> Iterator[Finding]:
    yield from _check_reference(request, node)
    yield from _check_type(request, node)
    yield from _check_enum(request, node)
    yield from _check_format(request, node)
    yield from _check_object(request, node)
    yield from _check_bounds(request, node)
    for child in node.children():
        yield from _check_node(request, child)


def _check_reference(request: Request, node: _Node) -> Iterator[Finding]:
    target: str | None = node.schema.get("ref")
    if target is None:
        return
    if target.rpartition("/")[2] not in node.defs:
        fix = f"Define it at the root; there are: {', '.join(node.defs) or 'none'}."
        yield request.find("schema.reference", node.path, fix, name=target)
    if beside := sorted(node.schema.keys() - {"ref", "defs", "description", "default"}):
        fix = "Put the other keys into the definition."
        yield request.find("schema.reference_beside", node.path, fix, names=", ".join(beside))


def _check_type(request: Request, node: _Node) -> Iterator[Finding]:
    kind = node.schema.get("type", "TYPE_UNSPECIFIED")
    if kind == "TYPE_UNSPECIFIED":
        if not node.schema.get("anyOf") and "ref" not in node.schema:
            known = bool(node.function) or request.backend == "google"
            mistake = "schema.no_type" if known else "schema.no_type_of_answer"
            fix = "Give every node a type."
            yield request.find(mistake, f"{node.path}.type", fix, name=node.function, place=node.place)
        return
    if kind == "ARRAY" and "items" not in node.schema:
        yield request.find("schema.items", f"{node.path}.items", "Say what the array holds.")
    if node.schema.get("properties") and kind != "OBJECT":
        yield request.find("schema.properties_type", f"{node.path}.properties", "Set the type to OBJECT.")
    fitting = _KEYS_OF.get(kind, ())
    others = {key for keys in _KEYS_OF.values() for key in keys if key not in fitting}
    if misplaced := sorted(others & node.schema.keys()):
        fix = "Leave them out, or correct the type."
        yield request.find("schema.misplaced", node.path, fix, names=", ".join(misplaced), type=kind)


def _check_enum(request: Request, node: _Node) -> Iterator[Finding]:
    values: list[str] = node.schema.get("enum", [])
    path = f"{node.path}.enum"
    if values and node.schema.get("type") not in ("STRING", None):
        yield request.find("schema.enum_type", path, "Use strings, or parametersJsonSchema.")
    for index, value in enumerate(values):
        if value == "":
            yield request.find("schema.enum_value", f"{path}[{index}]", "Leave out the empty value.")
    if not values and node.schema.get("format") == "enum" and node.schema.get("type") == "STRING":
        severity: Severity = "error" if request.generation >= (3, 0) else "warning"  # older models were permissive
        yield request.find("schema.enum_missing", path, "Name the values, or leave the format out.", severity=severity)


def _check_format(request: Request, node: _Node) -> Iterator[Finding]:
    kind, given = str(node.schema.get("type")), node.schema.get("format")
    allowed = _FORMATS.get(kind)
    if given and allowed and given not in allowed:
        names = " and ".join(f"'{name}'" for name in allowed)
        severity: Severity = "error" if request.backend == "google" else "warning"
        fix = f"Leave {given!r} out, or say it in the description."
        yield request.find("schema.format", f"{node.path}.format", fix, severity=severity, allowed=names, type=kind)


def _check_object(request: Request, node: _Node) -> Iterator[Finding]:
    if node.schema.get("type") != "OBJECT":
        return
    properties: Json = node.schema.get("properties", {})
    if not properties and request.generation < (3, 0):
        # Reported as a 400 for 2.x in 2024; recorded later as accepted, on Google's endpoint and on Vertex AI.
        fix = "Leave the whole schema out for a function without parameters."
        yield request.find("schema.properties", f"{node.path}.properties", fix, severity="warning")
    for index, name in enumerate(node.schema.get("required", [])):
        if name not in properties:
            fix = f"Declare {name!r} under properties, or do not require it."
            yield request.find("schema.required", f"{node.path}.required[{index}]", fix)
    if unknown := [name for name in node.schema.get("propertyOrdering", []) if name not in properties]:
        fix = "Order the declared properties only."
        yield request.find("schema.ordering", f"{node.path}.property_ordering", fix, names=", ".join(unknown))


def _check_bounds(request: Request, node: _Node) -> Iterator[Finding]:
    for low, high in _BOUNDS:
        if low in node.schema and high in node.schema and node.schema[low] > node.schema[high]:
            yield request.find("schema.bounds", node.path, "Swap them.", low=low, high=high)


def check_max_items(request: Request) -> Iterator[Finding]:
    """Yield arrays whose limits make a request too large to serve: E18."""
    if request.generation < (3, 0):
        return
    total = sum(
        limit
        for _, declaration in request.declarations
        for key in ("parameters", "parametersJsonSchema")
        for limit in _limits(declaration.get(key))
    )
    if total > _MOST_ITEMS:
        fix = f"All maxItems together are {total}; above about {_MOST_ITEMS} the service refuses. Leave some out."
        yield request.find("schema.max_items", "tools", fix)
    config = request.generation_config
    schemas = [config.get(key) for key in ("responseSchema", "responseJsonSchema", "_responseJsonSchema")]
    if request.generation >= (3, 8) and sum(len(list(_limits(schema))) for schema in schemas) > 1:
        fix = "Leave maxItems out, or say the limits in the descriptions."
        yield request.find("schema.max_items_several", "generation_config", fix)


def _limits(schema: object) -> Iterator[int]:
    if isinstance(schema, list):
        for inner in cast("list[object]", schema):
            yield from _limits(inner)
    elif isinstance(schema, dict):
        node = cast("dict[str, object]", schema)
        own = node.get("maxItems")
        if isinstance(own, int) and own > 0:
            yield min(own, 2**31)
        for inner in node.values():
            yield from _limits(inner)
