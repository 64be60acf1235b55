"""Gateways that do not pass everything on: what an emulator leaves out or does not know, on purpose."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, cast, get_args

from agentkit.testing.door import Address, bearer_of
from agentkit.testing.envelope import HttpError
from agentkit.testing.finding import Backend, Finding, make_finding
from agentkit.testing.lenient import as_list, as_object

__all__ = ["Cripple", "Crippled"]

Cripple = Literal[
    "drops_ids",
    "drops_signatures",
    "refuses_ids",
    "only_parameters",
    "ignores_json_schema",
    "openai_errors",
    "only_bearer",
    "no_files",
    "no_caches",
]
"""What a gateway may do badly; see `Emulator`."""

_CALLS: Final = (("functionCall", "function_call"), ("functionResponse", "function_response"))
_JSON_SCHEMA: Final = ("parametersJsonSchema", "parameters_json_schema")
_HIDDEN: Final[Mapping[Cripple, tuple[str, ...]]] = {"no_files": ("files", "upload"), "no_caches": ("cachedContents",)}
_OPENAI_CODES: Final = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


class Crippled:
    """What is wrong with one emulator.

    Raises:
        ValueError: A kind is unknown.
    """

    def __init__(self, kinds: Iterable[Cripple]) -> None:
        self._kinds = frozenset([kinds] if isinstance(kinds, str) else kinds)
        if unknown := self._kinds - set(get_args(Cripple)):
            raise ValueError(f"cripple={sorted(unknown)}: unknown. Choose from: {', '.join(get_args(Cripple))}.")

    def hides(self, address: Address) -> bool:
        """Tell whether an address leads nowhere here."""
        return any(kind in self._kinds and address.resource in hidden for kind, hidden in _HIDDEN.items())

    def credentials(
        self, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the headers and the query that whoever judges the key is shown.

        A gateway that looks for it in `Authorization` alone hands it on as the service behind it wants it: Google's
        endpoint takes no key as bearer.
        """
        if "only_bearer" not in self._kinds:
            return headers, query
        bearer = bearer_of(headers)
        return {"x-goog-api-key": bearer} if bearer else {}, {}

    def body(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what arrives of a request."""
        if "ignores_json_schema" not in self._kinds or "tools" not in body:
            return body
        return {**body, "tools": [_without_json_schema(as_object(tool)) for tool in as_list(body["tools"])]}

    def findings(self, body: Mapping[str, Any], backend: Backend) -> list[Finding]:
        """Return the keys that are not known here, as the service's parser tells of them."""
        unknown: list[tuple[str, str]] = []
        if "only_parameters" in self._kinds:
            unknown += _json_schemas(body)
        if "refuses_ids" in self._kinds:
            unknown += _ids(body)
        return [
            make_finding(
                "parse.unknown_field",
                path,
                f"This gateway does not know {name!r}.",
                backend=backend,
                name=name,
                at=f" at '{path}'",
            )
            for path, name in unknown
        ]

    def chunk(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what arrives of an answer or of a piece of one."""
        if not self._kinds & {"drops_ids", "drops_signatures"}:
            return chunk
        return cast("Mapping[str, Any]", self._passed_on(chunk))

    def judged_without_ids(self, chunk: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield the signed calls of a chunk as whoever signed them knows them here: without their ids."""
        if not self._kinds & {"drops_ids", "refuses_ids"}:
            return
        for candidate in as_list(chunk.get("candidates")):
            for part in as_list(as_object(as_object(candidate).get("content")).get("parts")):
                if "functionCall" in as_object(part) and "thoughtSignature" in as_object(part):
                    yield _without_id(as_object(part))

    def error(self, error: HttpError) -> HttpError:
        """Return an error as it is told here."""
        if "openai_errors" not in self._kinds or error.envelope is None:
            return error
        said = as_object(error.envelope.get("error"))
        kind = "server_error" if error.status >= 500 else "invalid_request_error"
        code = _OPENAI_CODES.get(error.status)
        return replace(
            error, envelope={"error": {"message": said.get("message"), "type": kind, "param": None, "code": code}}
        )

    def _passed_on(self, value: object) -> object:
        if isinstance(value, list):
            return [self._passed_on(item) for item in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        node = cast("dict[str, object]", value)
        if "drops_signatures" in self._kinds:
            node = {name: item for name, item in node.items() if name != "thoughtSignature"}
        if "drops_ids" in self._kinds and "functionCall" in node:
            return _without_id(node)
        return {name: self._passed_on(item) for name, item in node.items()}


def _without_id(part: Mapping[str, object]) -> Mapping[str, object]:
    call = as_object(part["functionCall"])
    return {**part, "functionCall": {name: item for name, item in call.items() if name != "id"}}


def _json_schemas(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for t, tool in enumerate(as_list(body.get("tools"))):
        declared = as_object(tool).get("functionDeclarations", as_object(tool).get("function_declarations"))
        for d, declaration in enumerate(as_list(declared)):
            for name in _JSON_SCHEMA:
                if name in as_object(declaration):
                    yield f"tools[{t}].function_declarations[{d}]", name


def _ids(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for c, content in enumerate(as_list(body.get("contents"))):
        for p, part in enumerate(as_list(as_object(content).get("parts"))):
            for camel, snake in _CALLS:
                if "id" in as_object(as_object(part).get(camel, as_object(part).get(snake))):
                    yield f"contents[{c}].parts[{p}].{snake}", "id"


def _without_json_schema(tool: Mapping[str, object]) -> Mapping[str, object]:
    key = "function_declarations" if "function_declarations" in tool else "functionDeclarations"
    if key not in tool:
        return tool
    kept = [
        {name: item for name, item in as_object(declaration).items() if name not in _JSON_SCHEMA}
        for declaration in as_list(tool[key])
    ]
    return {**tool, key: kept}
