"""Rule E17: what the older schema dialect (`parameters`, `response`, `responseSchema`) demands of each node."""

from collections.abc import Iterator
from typing import Final

from agentkit.testing.finding import Finding, Json, Request

__all__ = ["check_schemas"]

_FORMATS: Final = {
    "NUMBER": ("float", "double"),
    "INTEGER": ("int32", "int64"),
    "STRING": ("enum", "date-time"),
}


def check_schemas(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with each schema of the older dialect, node by node."""
    for path, declaration in request.declarations:
        for key in ("parameters", "response"):
            if key in declaration:
                yield from _check_node(request, declaration[key], f"{path}.{key}")
    if schema := request.generation_config.get("responseSchema"):
        yield from _check_node(request, schema, "generation_config.response_schema")


def _check_node(request: Request, node: Json, path: str) -> Iterator[Finding]:
    kind = node.get("type")
    if kind in (None, "TYPE_UNSPECIFIED") and not node.get("anyOf") and "ref" not in node:
        yield _wrong(
            request,
            f"{path}.type",
            "must be specified when not using one_of, any_of or all_of fields",
            "Give every node a type.",
        )
    if node.get("enum"):
        yield from _check_enum(request, node, path)
    if kind == "ARRAY" and "items" not in node:
        yield _wrong(request, f"{path}.items", "missing field.", "Say what the array holds.")
    if kind == "OBJECT":
        yield from _check_object(request, node, path)
    elif node.get("properties") and kind is not None:
        yield _wrong(request, f"{path}.properties", "only allowed for OBJECT type", "Set the type to OBJECT.")
    yield from _check_format(request, node, path)
    yield from _check_children(request, node, path)


def _check_enum(request: Request, node: Json, path: str) -> Iterator[Finding]:
    if node.get("type") not in ("STRING", None):
        fix = "Use strings, or parametersJsonSchema."
        yield _wrong(request, f"{path}.enum", "only allowed for STRING type", fix)
    for index, value in enumerate(node["enum"]):
        if value == "":
            yield _wrong(request, f"{path}.enum[{index}]", "cannot be empty", "Leave out the empty value.")


def _check_object(request: Request, node: Json, path: str) -> Iterator[Finding]:
    properties: Json = node.get("properties", {})
    if not properties and request.generation < (3, 0):
        # Reported as a 400 for 2.x in 2024; recorded later as accepted, on Google's endpoint and on Vertex AI.
        text = f"* GenerateContentRequest.{path}.properties: should be non-empty for OBJECT type\n"
        fix = "Leave the whole schema out for a function without parameters."
        yield Finding(rule="E17", path=f"{path}.properties", message=text, fix=fix, severity="warning")
    for index, name in enumerate(node.get("required", [])):
        if name not in properties:
            yield _wrong(
                request,
                f"{path}.required[{index}]",
                "property is not defined",
                f"Declare {name!r} under properties, or do not require it.",
            )


def _check_format(request: Request, node: Json, path: str) -> Iterator[Finding]:
    kind, given = node.get("type"), node.get("format")
    allowed = _FORMATS.get(str(kind))
    if given and allowed and given not in allowed and request.backend == "google":
        listed = " and ".join(f"'{name}'" for name in allowed)
        yield _wrong(request, f"{path}.format", f"only {listed} are supported for {kind} type", "Leave the format out.")


def _check_children(request: Request, node: Json, path: str) -> Iterator[Finding]:
    properties: Json = node.get("properties", {})
    children = [(f"{path}.properties[{name}]", child) for name, child in properties.items()]
    children += [(f"{path}.any_of[{index}]", child) for index, child in enumerate(node.get("anyOf", []))]
    if "items" in node:
        children.append((f"{path}.items", node["items"]))
    for inner, child in children:
        yield from _check_node(request, child, inner)


def _wrong(request: Request, path: str, reason: str, fix: str) -> Finding:
    return request.refuse("E17", path, f"* GenerateContentRequest.{path}: {reason}\n", fix)
