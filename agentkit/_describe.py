"""Python types as the JSON Schema that Gemini reads in `parametersJsonSchema` and `responseJsonSchema`.

Pydantic describes; what Gemini does not read is then taken out, or said in a way that it does read:

- `const` becomes an `enum` of one value; an `enum` holds texts and numbers only, null and booleans stand beside it;
- a `$ref` stands alone; a definition used once is put in its place; `$defs` keeps shared and recursive ones;
- a reference that closes a circle is followed only from properties that are not required, so those are not; where no
  property stands between, as in an alias for lists of itself, it is left out, and anything is declared there;
- `oneOf` is read as `anyOf`, so it is written so; titles that only repeat a name are left out.

Source: the documentation of `FunctionDeclaration.parametersJsonSchema` and `GenerationConfig.responseJsonSchema`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

import pydantic
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import SchemaError

from agentkit.errors import ConfigurationError

Schema = dict[str, Any]

# Whatever pydantic, or the code of the type it asks, raises about a type it cannot describe.
TYPE_ERRORS = (
    *(PydanticUserError, PydanticUndefinedAnnotation, SchemaError),
    *(TypeError, ValueError, NameError, AttributeError, RecursionError),
)

# In the order in which they are written. `default` and what follows is not enforced by the service, only tolerated.
_KEPT_KEYS = (
    *("$ref", "type", "title", "description", "format", "enum", "anyOf"),
    *("properties", "required", "additionalProperties", "propertyOrdering", "items", "prefixItems"),
    *("minItems", "maxItems", "minimum", "maximum"),
    *("default", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern"),
    *("minProperties", "maxProperties", "uniqueItems", "contains", "minContains", "maxContains", "$defs"),
)
_DEFS = "#/$defs/"

# How arguments and answers are read: bytes travel as base64, and JSON has no NaN.
CONFIG: "pydantic.ConfigDict" = {"val_json_bytes": "base64", "ser_json_bytes": "base64", "allow_inf_nan": False}


def generator() -> type[Any]:
    """Return pydantic's generator of JSON Schema, in Gemini's sense."""
    from agentkit._json_schema import GeminiJsonSchema  # late: pydantic's takes 10 ms to load

    return GeminiJsonSchema


def describe_type(tp: object, *, mode: Literal["validation", "serialization"]) -> Schema:
    """Return the JSON Schema of a type as Gemini reads it: of what it accepts, or of what it is written as.

    Raises:
        ConfigurationError: The type cannot be described as JSON.
    """
    return describe_adapter(make_adapter(tp), tp, mode)


def make_adapter(tp: object) -> "pydantic.TypeAdapter[Any]":
    """Return pydantic's reader and writer of a type: bytes as base64, and no NaN, unless the type says otherwise.

    Raises:
        ConfigurationError: Pydantic does not know the type.
    """
    try:
        try:
            return pydantic.TypeAdapter(cast(Any, tp), config=CONFIG)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":  # models bring a configuration of their own
                raise
            return pydantic.TypeAdapter(cast(Any, tp))
    except TYPE_ERRORS as error:
        raise _not_json(tp, error) from error


def describe_adapter(
    adapter: "pydantic.TypeAdapter[Any]", tp: object, mode: Literal["validation", "serialization"]
) -> Schema:
    """Return the JSON Schema of an adapter; `tp` is what the error names.

    Raises:
        ConfigurationError: The type can be read, but not described as JSON.
    """
    try:
        return tidy(adapter.json_schema(mode=mode, schema_generator=generator()))
    except TYPE_ERRORS as error:
        raise _not_json(tp, error) from error


def _not_json(tp: object, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The type {type_name(tp)} cannot be described as JSON ({first_line(error)}). {fix_for(error)}"
    )


def fix_for(error: Exception) -> str:
    """Return what to do about a type that pydantic refused."""
    if isinstance(error, PydanticUserError) and error.code == "typed-dict-version":
        return "Import TypedDict from typing_extensions (needed before Python 3.12)."
    usual = "Use texts, numbers, booleans, lists, dicts, enums, dates, dataclasses or pydantic models."
    return str(getattr(error, "fix", usual))  # our generator's own errors bring theirs


def tidy(schema: Schema) -> Schema:
    """Return a JSON Schema written by pydantic in the form that the head of this file describes; a new object."""
    definitions = {name: _node(node) for name, node in schema.get("$defs", {}).items()}
    root = _node({key: value for key, value in schema.items() if key != "$defs"})

    for name in definitions:
        definitions[name] = _cut(definitions[name], name, definitions)
    reachable = {name: _reachable(name, definitions) for name in definitions}
    recursive = {name for name in definitions if name in reachable[name]}
    for name in recursive:
        _open_circles(definitions[name], {other for other in recursive if name in reachable[other]})

    start = _referred(root)
    if set(root) == {"$ref"} and start[0] in definitions:  # the root says what it is, as the service expects
        root = definitions[start[0]]
    used = {other for name in start if name in definitions for other in (name, *reachable[name])}
    times = Counter(_referred(root) + [ref for name in used for ref in _referred(definitions[name])])
    once = {name: definitions[name] for name in used - recursive if times[name] == 1}

    root = _inlined(root, once)
    shared = {name: _inlined(definitions[name], once) for name in definitions if name in used and name not in once}
    return {**root, "$defs": shared} if any(_referred(node) for node in (root, *shared.values())) else root


def type_name(tp: object) -> str:
    """Return how a type is called in a message: `Plan` for a class, `list[Plan]` and the like as they are written."""
    return tp.__qualname__ if isinstance(tp, type) else str(tp).removeprefix("typing.")


def first_line(error: BaseException) -> str:
    """Return what an error says, without pydantic's further lines of advice about its own settings."""
    said = getattr(error, "message", None) or str(error)
    return said.strip().split("\n")[0].split(". Set `")[0].rstrip(".") or type(error).__name__


def _node(node: Any) -> Any:
    """One schema with all schemas inside, in the keys Gemini knows. References stay as they are."""
    if not isinstance(node, dict):
        return node  # `true` and `false` are schemas too
    found = dict(cast("Schema", node))
    if "oneOf" in found:
        found["anyOf"] = [*found.get("anyOf", ()), *found.pop("oneOf")]
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "enum" in found:
        found = _plain_enum(found)
    for key in ("properties", "$defs"):
        if key in found:
            found[key] = {name: _node(inner) for name, inner in found[key].items()}
    for key in ("anyOf", "prefixItems"):
        if key in found:
            found[key] = [_node(inner) for inner in found[key]]
    for key in ("items", "additionalProperties", "contains"):
        if key in found:
            found[key] = _node(found[key])
    return {key: found[key] for key in _KEPT_KEYS if key in found}


def _plain_enum(node: Schema) -> Schema:
    values: list[Any] = node["enum"]
    rest = {key: value for key, value in node.items() if key not in ("enum", "type", "title")}
    if any(isinstance(value, list | dict) for value in values):
        said = f"One of: {', '.join(map(str, values))}."
        return {**rest, "type": "array", "description": f"{rest.get('description', '')} {said}".strip()}

    plain = [value for value in values if not isinstance(value, bool) and value is not None]
    types = list(dict.fromkeys({str: "string", int: "integer", float: "number"}[type(value)] for value in plain))
    forms: list[Schema] = [{"type": types[0] if len(types) == 1 else types, "enum": plain}] if plain else []
    truths = {value for value in values if isinstance(value, bool)}
    if truths:
        always = {"description": f"Always {str(*truths).lower()}."} if len(truths) == 1 else {}
        forms.append({"type": "boolean", **always})
    if None in values:
        forms.append({"type": "null"})
    return {**forms[0], **rest} if len(forms) == 1 else {"anyOf": forms, **rest}


def _inner(node: Any) -> Iterator[Any]:
    """All schemas directly inside `node`."""
    yield from node.get("properties", {}).values()
    for key in ("anyOf", "prefixItems"):
        yield from node.get(key, ())
    yield from (node[key] for key in ("items", "additionalProperties", "contains") if key in node)


def _items(node: Any) -> Iterator[Any]:
    """The schemas directly inside `node` that stand for it, or for its items: not those of its properties."""
    for key in ("anyOf", "prefixItems"):
        yield from node.get(key, ())
    yield from (node[key] for key in ("items", "contains") if key in node)


def _referred(node: Any, inside: Callable[[Any], Iterator[Any]] = _inner) -> list[str]:
    """The names of the definitions that `node` refers to, as often as it does."""
    if not isinstance(node, dict):
        return []
    own = [str(cast("Schema", node)["$ref"]).removeprefix(_DEFS)] if "$ref" in node else []
    return own + [name for inner in inside(node) for name in _referred(inner, inside)]


def _reachable(name: str, definitions: dict[str, Schema], inside: Callable[[Any], Iterator[Any]] = _inner) -> set[str]:
    """The definitions that one comes to from `name`; holds `name` itself if it is recursive."""
    found: set[str] = set()
    ahead = _referred(definitions[name], inside)
    while ahead:
        other = ahead.pop()
        if other in definitions and other not in found:
            found.add(other)
            ahead += _referred(definitions[other], inside)
    return found


def _open_circles(node: Schema, circle: set[str]) -> None:
    """Take those properties off `required` that lead back; the validator still asks for them."""
    properties = node.get("properties", {})
    required = [key for key in node.get("required", ()) if not circle.intersection(_referred(properties.get(key)))]
    if len(required) < len(node.get("required", ())):
        node["required"] = required
    if not node.get("required", True):
        del node["required"]


def _cut(node: Any, start: str, definitions: dict[str, Schema]) -> Any:
    """`node`, which belongs to `start`, without the references that lead back to it past all properties."""
    if not isinstance(node, dict):
        return node
    found = dict(cast("Schema", node))
    if "$ref" in found:
        name = found["$ref"].removeprefix(_DEFS)
        return {} if name == start or start in _reachable(name, definitions, _items) else found
    for key in ("anyOf", "prefixItems"):
        if key in found:
            found[key] = [_cut(inner, start, definitions) for inner in found[key]]
    for key in ("items", "contains"):
        if key in found:
            found[key] = _cut(found[key], start, definitions)
    return found


def _inlined(node: Any, once: dict[str, Schema]) -> Any:
    """`node` with the definitions `once` in the places that refer to them, and every other `$ref` on its own."""
    if not isinstance(node, dict):
        return node
    found = dict(cast("Schema", node))
    if "$ref" in found:
        beside = {key: value for key, value in found.items() if key != "$ref"}
        target = once.get(found["$ref"].removeprefix(_DEFS))
        if target is not None:
            return _in_order({**_inlined(target, once), **beside})
        return {"anyOf": [{"$ref": found["$ref"]}], **beside} if beside else found
    if "properties" in found:
        found["properties"] = {name: _inlined(inner, once) for name, inner in found["properties"].items()}
    for key in ("anyOf", "prefixItems"):
        if key in found:
            found[key] = [_inlined(inner, once) for inner in found[key]]
    for key in ("items", "additionalProperties", "contains"):
        if key in found:
            found[key] = _inlined(found[key], once)
    return found


def _in_order(node: Schema) -> Schema:
    return {key: node[key] for key in _KEPT_KEYS if key in node}
