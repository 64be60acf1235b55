"""Rules E15, E16, E18 to E23: declarations, tool configuration, Gemini's own tools, JSON output beside tools."""

import re
from collections.abc import Iterator
from typing import Final, cast

from agentkit.testing.finding import Finding, Json, Request, Severity

__all__ = ["check_declarations", "check_tool_config", "check_tools"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,63}")
_PORTABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_DECLARATIONS: Final = 512
_MOST_ITEMS: Final = 960

_BUILTINS: Final = frozenset(
    {
        "googleSearch",
        "googleSearchRetrieval",
        "googleMaps",
        "codeExecution",
        "urlContext",
        "fileSearch",
        "retrieval",
        "enterpriseWebSearch",
        "parallelAiSearch",
        "exaAiSearch",
    }
)
_GENERIC: Final = "Request contains an invalid argument."


def check_declarations(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with function declarations: E15, E16, E18."""
    declarations = request.declarations
    if len(declarations) > _MOST_DECLARATIONS:
        path = declarations[0][0].rpartition("[")[0]
        text = (
            f"The GenerateContentRequest proto is invalid:\n  * {path}: [FIELD_INVALID] At most {_MOST_DECLARATIONS} "
            "function declarations can be specified."
        )
        fix = f"There are {len(declarations)}; select the ones that this run needs."
        yield request.refuse("E15", path, text, fix)
    seen: set[str] = set()
    for path, declaration in declarations:
        name = declaration.get("name", "")
        yield from _check_name(request, path, name)
        if name in seen:
            text = f"Duplicate function declaration found: {name}"
            yield request.refuse("E15", f"{path}.name", text, "Give each function a name of its own.")
        seen.add(name)
        yield from _check_one_schema(request, path, declaration)
    yield from _check_sum_of_max_items(request)


def _check_name(request: Request, path: str, name: str) -> Iterator[Finding]:
    if not _NAME.fullmatch(name):
        detail = (
            "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "
            "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
        )
        text = f"* GenerateContentRequest.{path}.name: {detail}\n"
        if request.backend == "vertex":
            text = f"The GenerateContentRequest proto is invalid:\n  * {path}.name: [FIELD_INVALID] {detail}"
        yield request.refuse("E15", f"{path}.name", text, f"Rename {name!r}; letters, digits and '_' are portable.")
    elif not _PORTABLE_NAME.fullmatch(name):
        text = f"The function name {name!r} holds dots, colons or dashes, which makes malformed calls more frequent."
        yield Finding(
            rule="E15", path=f"{path}.name", message=text, fix="Use letters, digits and '_'.", severity="warning"
        )


def _check_one_schema(request: Request, path: str, declaration: Json) -> Iterator[Finding]:
    for old, new in (("parameters", "parametersJsonSchema"), ("response", "responseJsonSchema")):
        if old in declaration and new in declaration:
            text = f"* GenerateContentRequest.{path}: {old} and {new} are mutually exclusive.\n"
            yield request.refuse("E16", path, text, f"Send {new!r} only.")
    schema: object = declaration.get("parametersJsonSchema")
    node = cast("dict[str, object]", schema) if isinstance(schema, dict) else {}
    if node.get("type", "object") != "object" and "$ref" not in node:
        text = f"* GenerateContentRequest.{path}.parameters_json_schema: must describe an object.\n"
        yield request.refuse("E16", path, text, "Wrap the parameters into an object schema.")


def _check_sum_of_max_items(request: Request) -> Iterator[Finding]:
    if request.generation < (3, 0):
        return
    schemas = (d.get(key) for _, d in request.declarations for key in ("parameters", "parametersJsonSchema"))
    total = sum(_sum_of_max_items(schema) for schema in schemas)
    if total > _MOST_ITEMS:
        fix = f"All maxItems together are {total}; above about {_MOST_ITEMS} the service refuses. Leave some out."
        yield request.refuse("E18", "tools", _GENERIC, fix)


def _sum_of_max_items(schema: object) -> int:
    if isinstance(schema, list):
        return sum(map(_sum_of_max_items, cast("list[object]", schema)))
    if not isinstance(schema, dict):
        return 0
    node = cast("dict[str, object]", schema)
    own = node.get("maxItems")
    return (own if isinstance(own, int) else 0) + sum(map(_sum_of_max_items, node.values()))


def check_tool_config(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with `toolConfig.functionCallingConfig`: E19, E20."""
    config = request.body.get("toolConfig", {}).get("functionCallingConfig")
    if config is None:
        return
    names = {declaration.get("name") for _, declaration in request.declarations}
    if not names and request.backend == "google":
        # Recorded as accepted on Gemini 3 beside Gemini's own tools, even with mode ANY.
        accepted = bool(request.tools) and request.generation >= (3, 0)
        yield Finding(
            rule="E19",
            path="tool_config.function_calling_config",
            message="Function calling config is set without function_declarations.",
            fix="Send functionCallingConfig only together with functions.",
            severity="warning" if accepted else "error",
        )
    allowed = config.get("allowedFunctionNames")
    if not allowed:
        return
    path = "tool_config.function_calling_config.allowed_function_names"
    if config.get("mode") not in ("ANY", "VALIDATED"):
        text = f"* GenerateContentRequest.{path}: may be set only when the function calling mode is ANY or VALIDATED.\n"
        yield request.refuse("E20", path, text, "Set mode ANY or VALIDATED, or send no names.")
    if unknown := [name for name in allowed if name not in names]:
        text = f"* GenerateContentRequest.{path}: contains names that are not declared: {', '.join(unknown)}.\n"
        yield request.refuse("E20", path, text, f"Declared are: {', '.join(sorted(map(str, names)))}.")


def check_tools(request: Request) -> Iterator[Finding]:
    """Yield combinations that the model or the backend does not allow: E21, E22, E23."""
    builtins = [kind for tool in request.tools for kind in tool if kind in _BUILTINS]
    has_functions = bool(request.declarations)
    flag = request.body.get("toolConfig", {}).get("includeServerSideToolInvocations", False)
    if flag and not request.model.builtins_with_functions:
        text = f"Tool call context circulation is not enabled for models/{request.model.id}"
        fix = "Leave out includeServerSideToolInvocations; it exists from Gemini 3 on."
        yield request.refuse("E22", "tool_config", text, fix)
    if builtins and has_functions:
        yield from _check_combination(request, builtins, bool(flag))
    yield from _check_json_beside_tools(request, bool(builtins), has_functions)


def _check_combination(request: Request, builtins: list[str], flag: bool) -> Iterator[Finding]:
    tools = ", ".join(builtins)
    if request.backend == "vertex":
        text = "Multiple tools are supported only when they are all search tools."
        fix = f"Vertex AI takes {tools} or functions, not both: make two requests, or use Google's endpoint."
        yield request.refuse("E21", "tools", text, fix)
    elif not request.model.builtins_with_functions:
        fix = f"Take {tools} or functions, not both, or a model from Gemini 3 on."
        yield request.refuse("E21", "tools", "Tool use with function calling is unsupported", fix)
    elif not flag:
        flag_name = "tool_config.include_server_side_tool_invocations"
        text = f"Please enable {flag_name} to use Built-in tools with Function calling."
        yield request.refuse("E21", "tool_config", text, "Set toolConfig.includeServerSideToolInvocations to true.")


def _check_json_beside_tools(request: Request, has_builtins: bool, has_functions: bool) -> Iterator[Finding]:
    if request.generation_config.get("responseMimeType") != "application/json":
        return
    path = "generation_config.response_mime_type"
    unsupported = "with a response mime type: 'application/json' is unsupported"
    fix = "Ask for JSON in the last request, without tools, or take a model from Gemini 3 on."
    if has_functions and not request.model.json_with_functions:
        # Recorded as accepted on 2.0 and refused on 2.5.
        severity: Severity = "error" if request.generation >= (2, 5) else "warning"
        text = f"Function calling {unsupported}"
        yield Finding(rule="E23", path=path, message=text, fix=fix, severity=severity)
    if has_builtins and not request.model.json_with_builtins:
        yield request.refuse("E23", path, f"Tool use {unsupported}", fix)
