"""What a request asks for that an endpoint does not have, by the capability file that `agentkit doctor` saved."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentkit import Capabilities
from agentkit.testing.advice import Advice
from agentkit.testing.finding import declarations_of
from agentkit.testing.lenient import as_list, as_object
from agentkit.testing.rules_shape import read_body

__all__ = ["CODE", "lacks"]

CODE = "AK208"
_BUILTINS = ("googleSearch", "codeExecution", "urlContext", "googleMaps")  # those that the doctor asks about


def lacks(known: Capabilities, body: object) -> Iterator[Advice]:
    """Yield what `body` needs and the endpoint is known not to have. What was not found out is no problem."""
    read, findings = read_body(body, backend="google")
    if findings:  # the rules tell what is wrong with it
        return
    for path, message, fix in _lacking(known, read):
        yield Advice(code=CODE, path=path, message=f"{known.base_url or 'The endpoint'} {message}", fix=fix)


def _lacking(known: Capabilities, body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    declared = declarations_of(body)
    modern = [path for path, declaration in declared if "parametersJsonSchema" in declaration]
    if known.schema_dialect == "openapi" and modern:
        fix = 'Give the client the file, GeminiClient(capabilities=...), or schema_dialect="openapi".'
        yield modern[0], "takes functions only with 'parameters', not 'parametersJsonSchema'.", fix
    tools = [(f"tools[{t}]", kind) for t, tool in enumerate(body.get("tools", [])) for kind in tool]
    builtins = [(path, kind) for path, kind in tools if kind in _BUILTINS]
    for path, kind in builtins:
        if known.builtins is not None and kind not in known.builtins:
            yield path, f"does not take {kind!r}.", "Leave it out, or use another endpoint."
    if known.builtins_with_functions is False and builtins and declared:
        fix = "Use two agents: one with the built-in tools, one with the functions."
        yield builtins[0][0], "takes built-in tools or functions, not both in one request.", fix
    if known.caches is False and "cachedContent" in body:
        yield "cached_content", "has no cached contents.", "Send the prompt itself."
    yield from _lacking_in_contents(known, body)


def _lacking_in_contents(known: Capabilities, body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for c, content in enumerate(as_list(body.get("contents"))):
        for p, part in enumerate(as_list(as_object(content).get("parts"))):
            path, written = f"contents[{c}].parts[{p}]", as_object(part)
            uri = str(as_object(written.get("fileData")).get("fileUri", ""))
            if known.files is False and "/files/" in uri:
                yield path, f"has no files: {json.dumps(uri[:80])} cannot be there.", "Send the media inline."
            named = [as_object(written.get(key)) for key in ("functionCall", "functionResponse")]
            if known.takes_call_ids is False and any("id" in one for one in named):
                fix = "Give the client the file, GeminiClient(capabilities=...): it then leaves ids out."
                yield path, "refuses calls and responses with an 'id'.", fix
