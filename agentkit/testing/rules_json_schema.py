"""Rule E17 for `parametersJsonSchema` and `responseJsonSchema`: any JSON may stand there, and little is refused."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from agentkit.testing.finding import Finding, Json, Request
from agentkit.testing.rules_schema import check_depth, check_parameter_names

__all__ = ["check_json_schemas", "walk_schema"]

_MAPS: Final = ("properties", "$defs", "definitions", "patternProperties")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else")
# Keywords that promise something which the model is not held to; plain notes such as `default` are no promise.
_IGNORED: Final = frozenset(
    {
        *("minLength", "maxLength", "pattern", "minProperties", "maxProperties", "uniqueItems", "multipleOf"),
        *("contains", "minContains", "maxContains", "exclusiveMinimum", "exclusiveMaximum", "const", "nullable"),
        *("not", "allOf", "if", "then", "else", "patternProperties", "propertyNames", "additionalItems"),
        *("dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties"),
    }
)
_DEFINITIONS: Final = ("$defs[", "definitions[")
_OPTIONAL: Final = ("properties[", "patternProperties[", "additionalProperties", *_DEFINITIONS)

_Nodes = list[tuple[str, Json]]


def check_json_schemas(request: Request) -> Iterator[Finding]:
    """Yield what the service refuses or ignores in a JSON Schema: E17."""
    for path, declaration in request.declarations:
        for key, snake in (
            ("parametersJsonSchema", "parameters_json_schema"),
            ("responseJsonSchema", "response_json_schema"),
        ):
            if isinstance(declaration.get(key), dict):
                yield from _check_schema(request, f"{path}.{snake}", declaration[key])
        schema: object = declaration.get("parametersJsonSchema")
        if isinstance(schema, dict):
            root, where = cast("Json", schema), f"{path}.parameters_json_schema"
            yield from check_parameter_names(request, where, root)
            yield from check_depth(request, where, _depth(root))
    for key in ("responseJsonSchema", "_responseJsonSchema"):
        if isinstance(request.generation_config.get(key), dict):
            yield from _check_schema(request, "generation_config.response_json_schema", request.generation_config[key])


def _check_schema(request: Request, path: str, root: Json) -> Iterator[Finding]:
    nodes = list(walk_schema(path, root))
    targets = {id(node): _resolve(root, nodes, node["$ref"]) for _, node in nodes if isinstance(node.get("$ref"), str)}
    for where, node in nodes:
        yield from _check_reference(request, where, node, targets)
        yield from _check_enum(request, where, node)
        yield from _check_required(request, where, node)
    if name := _first_cycle(nodes, targets):
        fix = f"Make one of the properties on the way back to {name!r} optional; nullable is not enough."
        yield request.find("schema.cycle", path, fix, name=name)
    if ignored := sorted({key for _, node in nodes for key in node if key in _IGNORED}):
        fix = "Say it in the descriptions too, and check the answer."
        yield request.find("schema.ignored", path, fix, names=", ".join(ignored))


def walk_schema(path: str, node: Json) -> Iterator[tuple[str, Json]]:
    """Yield every schema in `node` with its path, `node` first."""
    yield path, node
    for place, child in _children(node):
        yield from walk_schema(f"{path}.{place}", child)


def _children(node: Json) -> Iterator[tuple[str, Json]]:
    for key in _MAPS:
        if isinstance(held := node.get(key), dict):
            yield from _schemas((f"{key}[{name}]", child) for name, child in cast("dict[str, object]", held).items())
    for key in (*_LISTS, *_SINGLE):
        held = node.get(key)
        several = cast("list[object]", held) if isinstance(held, list) else [held]
        yield from _schemas(
            (f"{key}[{index}]" if isinstance(held, list) else key, each) for index, each in enumerate(several)
        )


def _schemas(children: Iterator[tuple[str, object]]) -> Iterator[tuple[str, Json]]:
    return ((place, cast("Json", child)) for place, child in children if isinstance(child, dict))


def _depth(node: Json) -> int:
    return 1 + max((_depth(child) for place, child in _children(node) if not place.startswith(_DEFINITIONS)), default=0)


def _resolve(root: Json, nodes: _Nodes, target: str) -> Json | None:
    """Return the schema that a `$ref` leads to, or `None`."""
    if target == "#":
        return root
    if not target.startswith("#/"):
        return next((node for _, node in nodes if target in (node.get("$id"), f"#{node.get('$anchor')}")), None)
    found: object = root
    for step in target[2:].split("/"):
        found = _below(found, step.replace("~1", "/").replace("~0", "~"))
    return cast("Json", found) if isinstance(found, dict) else None


def _below(value: object, key: str) -> object:
    if isinstance(value, dict):
        return cast("Json", value).get(key)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return next((item for index, item in enumerate(items) if str(index) == key), None)
    return None


def _check_reference(request: Request, path: str, node: Json, targets: Mapping[int, Json | None]) -> Iterator[Finding]:
    if id(node) not in targets:
        return
    if targets[id(node)] is None:
        fix = "Define it under '$defs' of the root, and point to it as '#/$defs/name'."
        yield request.find("schema.reference", path, fix, name=node["$ref"])
    if beside := sorted(key for key in node if not key.startswith("$")):
        fix = "Put the other keys into the definition, or write the schema out in place."
        yield request.find("schema.reference_beside", path, fix, names=", ".join(beside))


def _check_enum(request: Request, path: str, node: Json) -> Iterator[Finding]:
    values: object = node.get("enum")
    if not isinstance(values, list):
        return
    kinds = {_kind(value) for value in cast("list[object]", values)} - {"string", "number"}
    if kinds:
        yield request.find("schema.enum_json", path, "Use texts or numbers.", names=", ".join(sorted(kinds)))


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, str | int | float):
        return "string" if isinstance(value, str) else "number"
    return "array" if isinstance(value, list) else "object"


def _check_required(request: Request, path: str, node: Json) -> Iterator[Finding]:
    properties, required = node.get("properties"), node.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return
    for index, name in enumerate(cast("list[object]", required)):
        if name not in list(cast("Json", properties)):
            # Refused in the older dialect; of this one no source tells.
            fix = f"Declare {name!r} under properties, or do not require it."
            yield request.find("schema.required", f"{path}.required[{index}]", fix, severity="warning")


def _first_cycle(nodes: _Nodes, targets: Mapping[int, Json | None]) -> str | None:
    """Return a reference that leads back to itself without passing an optional property, if there is one.

    The service unrolls references to a limited depth: only an optional property lets it stop.
    """
    ids = {id(node) for _, node in nodes}
    needs = {id(node): _needed(node, targets) & ids for _, node in nodes}
    needed_by: dict[int, list[int]] = {number: [] for number in ids}
    for number, others in needs.items():
        for other in others:
            needed_by[other].append(number)
    finished = [number for number, others in needs.items() if not others]
    for number in finished:  # grows while it is walked
        for other in needed_by[number]:
            needs[other].discard(number)
            if not needs[other]:
                finished.append(other)
    return next((node["$ref"] for _, node in nodes if needs[id(node)] and id(node) in targets), None)


def _needed(node: Json, targets: Mapping[int, Json | None]) -> set[int]:
    """What cannot be unrolled without unrolling these too."""
    if (target := targets.get(id(node))) is not None:
        return {id(target)}
    required: object = node.get("required")
    names = cast("list[object]", required) if isinstance(required, list) else []
    places = {f"properties[{name}]" for name in names}
    return {id(child) for place, child in _children(node) if place in places or not place.startswith(_OPTIONAL)}
