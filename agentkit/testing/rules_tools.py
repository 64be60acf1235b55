"""Rules E15, E16 and E19 to E22: function declarations, tool configuration, and Gemini's own tools."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from agentkit.testing.finding import Finding, Json, Request, Severity

__all__ = ["check_declarations", "check_tool_config", "check_tools"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,63}")
_PORTABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_DECLARATIONS: Final = 512
_ADVISED_DECLARATIONS: Final = 20
_NAMES_OF_BUILTINS: Final = frozenset(
    {"google_search", "google_maps", "code_execution", "url_context", "file_search", "computer_use"}
)
_NO_SEARCH: Final = frozenset({"codeExecution", "urlContext"})
_SINCE: Final[Mapping[str, tuple[int, int]]] = {
    "googleSearch": (2, 0),
    "codeExecution": (2, 0),
    "googleMaps": (2, 5),
    "urlContext": (2, 5),
    "fileSearch": (2, 5),
    "computerUse": (2, 5),
}


def check_declarations(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with function declarations: E15, E16."""
    declarations = request.declarations
    count = len(declarations)
    if count > _MOST_DECLARATIONS:
        path = declarations[0][0].rpartition("[")[0]
        yield request.find("decl.too_many", path, f"There are {count}; select the ones that this run needs.")
    elif count > _ADVISED_DECLARATIONS:
        yield request.find("decl.many", "tools", "Select the ones that this run needs.", count=count)
    seen: set[str] = set()
    for path, declaration in declarations:
        name = declaration.get("name", "")
        yield from _check_name(request, f"{path}.name", name)
        if name in seen:
            yield request.find("decl.duplicate", f"{path}.name", "Give each function a name of its own.", name=name)
        seen.add(name)
        if not declaration.get("description"):
            yield request.find("decl.undescribed", path, "Say what it does and when to call it.", name=name)
        if declaration.get("behavior") == "NON_BLOCKING":
            yield request.find("decl.behavior", path, "Leave 'behavior' out.")
        yield from _check_one_schema(request, path, declaration)
        yield from _check_root(request, path, declaration)


def _check_name(request: Request, path: str, name: str) -> Iterator[Finding]:
    if not _NAME.fullmatch(name):
        yield request.find("decl.name", path, f"Rename {name!r}; letters, digits and '_' are portable.")
    elif not _PORTABLE_NAME.fullmatch(name):
        yield request.find("decl.unportable_name", path, "Use letters, digits and '_'.", name=name)
    elif name in _NAMES_OF_BUILTINS:
        yield request.find("decl.builtin_name", path, "Choose another name.", name=name)


def _check_one_schema(request: Request, path: str, declaration: Json) -> Iterator[Finding]:
    for old, new in (("parameters", "parametersJsonSchema"), ("response", "responseJsonSchema")):
        if old in declaration and new in declaration:
            yield request.find("decl.two_schemas", path, f"Send {new!r} only.", old=old, new=new)


def _check_root(request: Request, path: str, declaration: Json) -> Iterator[Finding]:
    """Parameters are a JSON object; where an older schema has no type at all, rule E17 says so."""
    name, fix = declaration.get("name", ""), "Wrap the parameters into an object schema."
    if declaration.get("parameters", {}).get("type", "OBJECT") not in ("OBJECT", "TYPE_UNSPECIFIED"):
        yield request.find("decl.no_object", f"{path}.parameters", fix, name=name)
    schema: object = declaration.get("parametersJsonSchema", {})
    is_object = isinstance(schema, dict) and cast("Json", schema).get("type", "object") in ("object", ["object"])
    if not is_object:
        yield request.find("decl.no_object", f"{path}.parameters_json_schema", fix, name=name)


def check_tool_config(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with `toolConfig.functionCallingConfig`: E19, E20."""
    config = request.body.get("toolConfig", {}).get("functionCallingConfig")
    if config is None:
        return
    path, mode = "tool_config.function_calling_config", config.get("mode")
    if not request.declarations and request.backend == "google":
        # Recorded as accepted on Gemini 3 beside Gemini's own tools, even with mode ANY.
        severity: Severity = "warning" if request.tools and request.generation >= (3, 0) else "error"
        fix = "Send functionCallingConfig only together with functions."
        yield request.find("toolconfig.no_declarations", path, fix, severity=severity)
    yield from _check_allowed_names(request, config)
    if mode == "VALIDATED" and request.generation < (2, 5):
        yield request.find("toolconfig.validated", f"{path}.mode", "Send AUTO or ANY.")
    last: Json = request.contents[-1] if request.contents else {}
    if mode == "ANY" and any("functionResponse" in part for part in last.get("parts", [])):
        fix = "Send AUTO once a call was made, and bound the number of turns."
        yield request.find("toolconfig.forced_again", f"{path}.mode", fix)


def _check_allowed_names(request: Request, config: Json) -> Iterator[Finding]:
    allowed, path = config.get("allowedFunctionNames"), "tool_config.function_calling_config.allowed_function_names"
    if not allowed:
        return
    names = {declaration.get("name") for _, declaration in request.declarations}
    if config.get("mode") not in ("ANY", "VALIDATED"):
        yield request.find("toolconfig.names_mode", path, "Set mode ANY or VALIDATED, or send no names.")
    if unknown := [name for name in allowed if name not in names]:
        fix = f"Declared are: {', '.join(sorted(map(str, names)))}."
        yield request.find("toolconfig.names_unknown", path, fix, names=", ".join(unknown))


def check_tools(request: Request) -> Iterator[Finding]:
    """Yield tools and combinations that the model or the backend does not have: E21, E22."""
    flag = request.body.get("toolConfig", {}).get("includeServerSideToolInvocations", False)
    if flag and not request.model.builtins_with_functions:
        fix = "Leave out includeServerSideToolInvocations; it exists from Gemini 3 on."
        yield request.find("tools.circulation", "tool_config", fix, model=request.model.id)
    if request.builtins and request.declarations:
        yield from _check_combination(request, flag=bool(flag))
    yield from _check_several(request)
    for number, tool in enumerate(request.tools):
        yield from _check_kinds(request, f"tools[{number}]", tool)


def _check_combination(request: Request, *, flag: bool) -> Iterator[Finding]:
    tools = ", ".join(request.builtins)
    if request.backend == "vertex":
        fix = f"Vertex AI takes {tools} or functions, not both: make two requests, or use Google's endpoint."
        yield request.find("tools.several", "tools", fix)
    elif not request.model.builtins_with_functions:
        fix = f"Take {tools} or functions, not both, or a model from Gemini 3 on."
        yield request.find("tools.function_unsupported", "tools", fix)
    elif not flag:
        fix = "Set toolConfig.includeServerSideToolInvocations to true."
        yield request.find("tools.combine_without_flag", "tool_config", fix)


def _check_several(request: Request) -> Iterator[Finding]:
    """Several objects with declarations, or several tools that do not search, are fine on Google's endpoint."""
    if request.backend != "vertex":
        return
    severity: Severity = "error" if request.generation < (3, 0) else "warning"
    if sum(bool(tool.get("functionDeclarations")) for tool in request.tools) > 1:
        yield request.find("tools.several", "tools", "Put all declarations into one tool object.", severity=severity)
    if len(request.builtins) > 1 and not _NO_SEARCH.isdisjoint(request.builtins) and request.generation < (3, 0):
        yield request.find("tools.several", "tools", "Send one of them, or search tools only.")


def _check_kinds(request: Request, path: str, tool: Json) -> Iterator[Finding]:
    if "googleSearchRetrieval" in tool and request.generation >= (2, 0):
        yield request.find("tools.legacy_search", path, "Send googleSearch.")
    for name, since in _SINCE.items():
        if name in tool and request.generation < since:
            generation = f"{since[0]}.{since[1]}"
            fix = f"Leave {name!r} out, or take a newer model."
            yield request.find("tools.too_new", path, fix, name=name, generation=generation)
    if tool.get("googleMaps", {}).get("enableWidget"):
        yield request.find("tools.widget", f"{path}.google_maps", "Leave 'enableWidget' out.")
