"""Rules E4 to E14 and E27: contents, roles, turns, call ids and thought signatures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agentkit.testing.finding import Finding, Json, Request, Severity
from agentkit.testing.issued import DUMMY_SIGNATURES
from agentkit.testing.rules_shape import DATA_FIELDS

__all__ = ["check_contents", "check_signatures", "check_turns"]

_GENERIC: Final = "Request contains an invalid argument."
_ROLES: Final = "SYSTEM, SYSTEM_1, USER, ASSISTANT, DEVELOPER, CONTEXT, USER_CONTEXT, MODEL, USER"
_CALL_POSITION: Final = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
_RESPONSE_POSITION: Final = "Please ensure that function response turn comes immediately after a function call turn."
_COUNT: Final = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
_ENDS_WITH_MODEL: Final = "Requests ending with a model turn are not supported."


@dataclass
class _Turn:
    """Neighbouring contents of one side: the service judges them as one."""

    by_model: bool
    first: int
    parts: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    def having(self, key: str) -> list[tuple[str, Json]]:
        return [(path, part) for path, part in self.parts if key in part]


def _is_model(content: Json) -> bool:
    return str(content.get("role", "user")).lower() == "model"


def _parts(index: int, content: Json) -> Iterator[tuple[str, Json]]:
    for number, part in enumerate(content.get("parts", [])):
        yield f"contents[{index}].parts[{number}]", part


def _turns(contents: Sequence[Json]) -> list[_Turn]:
    turns: list[_Turn] = []
    for index, content in enumerate(contents):
        if not turns or turns[-1].by_model != _is_model(content):
            turns.append(_Turn(_is_model(content), index))
        turns[-1].parts.extend(_parts(index, content))
    return turns


def check_contents(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with single contents: E4, E5, E6, E7."""
    if not request.contents:
        text = "* GenerateContentRequest.contents: contents is not specified\n"
        yield request.refuse("E5", "contents", text, "Send at least one content.")
    for index, content in enumerate(request.contents):
        if not content.get("parts"):
            yield _no_parts(request, index)
        yield from _check_role(request, index, content)
        yield from _check_parts(request, index, content)


def _no_parts(request: Request, index: int) -> Finding:
    text = f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n"
    if request.backend == "vertex":
        text = (
            "Unable to submit request because it must include at least one parts field, which describes the prompt "
            "input. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
        )
    return request.refuse("E5", f"contents[{index}].parts", text, "Leave out contents without parts.")


def _check_role(request: Request, index: int, content: Json) -> Iterator[Finding]:
    role = str(content.get("role") or "user")
    if role in ("user", "model") or (role == "function" and not request.model.strict_turns):
        return
    text = "Please use a valid role: user, model."
    if request.model.strict_turns:
        text = f"Role '{role}' is not supported. Please use a valid role: {_ROLES}."
    yield request.refuse("E6", f"contents[{index}].role", text, "Send role 'user' or 'model'.")


def _check_parts(request: Request, index: int, content: Json) -> Iterator[Finding]:
    # MCP servers are called by the service itself: calls and responses then stand together in the model's content.
    run_by_service = any("mcpServers" in tool for tool in request.tools)
    by_model = _is_model(content)
    for path, part in _parts(index, content):
        # Recorded as accepted: a part with only a signature (an empty text left out), or only video metadata.
        if request.backend == "google" and not part.keys() - {"thought"}:
            text = (
                f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
            )
            yield request.refuse("E4", path, text, "Leave out parts that hold nothing.")
        if "functionCall" in part and not by_model:
            yield request.refuse("E7", path, _GENERIC, "A functionCall belongs into a content of role 'model'.")
        if "functionResponse" in part and by_model and not run_by_service:
            yield request.refuse("E7", path, _GENERIC, "A functionResponse belongs into a content of role 'user'.")
        if part.get("functionResponse", {}).get("parts") and not request.model.response_parts:
            text = "Unable to submit request because `function_response.parts` is not supported for this model."
            yield request.refuse("E12", path, text, "Send media as a user content, or take a model from Gemini 3 on.")


def check_turns(request: Request) -> Iterator[Finding]:
    """Yield what is wrong between contents: E8, E9, E10, E11."""
    turns = _turns(request.contents)
    for before, turn in zip([None, *turns], turns, strict=False):
        if turn.by_model:
            if before is None and turn.having("functionCall"):
                fix = "Begin with a user content; one empty text part will do."
                yield request.refuse("E8", "contents[0]", _CALL_POSITION, fix)
        else:
            yield from _check_answers(request, before, turn)
    yield from _check_last_turn(request, turns)


def _check_answers(request: Request, before: _Turn | None, turn: _Turn) -> Iterator[Finding]:
    calls = _open_calls(before)
    responses = turn.having("functionResponse")
    if responses and not calls:
        fix = "Send a functionResponse only right after the model's content with the call."
        yield request.refuse("E8", responses[0][0], _RESPONSE_POSITION, fix)
    elif len(responses) != len(calls):
        fix = f"There are {len(calls)} calls and {len(responses)} responses: answer every call exactly once."
        # Recorded as accepted on 2.x: a user who goes on talking and answers no call at all.
        severity: Severity = "warning" if request.generation < (3, 0) and not responses else "error"
        yield Finding(rule="E8", path=f"contents[{turn.first}]", message=_COUNT, fix=fix, severity=severity)
    else:
        yield from _check_matches(request, [part for _, part in calls], responses)


def _open_calls(turn: _Turn | None) -> list[tuple[str, Json]]:
    """The calls of a model's turn that the client has to answer."""
    if turn is None:
        return []
    # Pieces of streamed arguments (Vertex AI) end with an empty call and are one call together.
    calls = [(path, part) for path, part in turn.having("functionCall") if part["functionCall"].get("name")]
    return [] if turn.having("functionResponse") else calls


def _check_matches(request: Request, calls: Sequence[Json], responses: Sequence[tuple[str, Json]]) -> Iterator[Finding]:
    made = [call["functionCall"] for call in calls]
    names = {call["id"]: call["name"] for call in made if call.get("id")}
    answered: set[str] = set()
    for (path, part), call in zip(responses, made, strict=True):
        response_id, name = part["functionResponse"].get("id"), part["functionResponse"].get("name")
        expected = names.get(response_id, call["name"])
        if response_id and response_id not in names:
            hint = f"Send the id of the call back: {sorted(names)}" if names else "The call has no id: send none back"
            yield _mismatch(request, path, f"{hint}, not {response_id!r}.")
        elif name != expected:
            yield _mismatch(request, path, f"Send the name of the call back: {expected!r}, not {name!r}.")
        elif response_id in answered:
            yield _mismatch(request, path, f"The call {response_id!r} is answered more than once.")
        elif names and not response_id:
            # Google's own client leaves the id out when it answers calls by itself; position then decides.
            fix = f"Send the id of the call back: {sorted(names)}."
            yield replace(_mismatch(request, path, fix), severity="warning")
        answered.add(response_id or "")


def _mismatch(request: Request, path: str, fix: str) -> Finding:
    """Google's endpoint answers with nothing, Vertex AI refuses; both only on newer models."""
    is_vertex = request.backend == "vertex"
    refused = request.generation >= ((3, 7) if is_vertex else (3, 5))
    return Finding(
        rule="E11",
        path=path,
        message=_GENERIC if is_vertex else "The answer is empty: a function response does not match its call.",
        fix=fix,
        severity="error" if refused else "warning",
        status=400 if is_vertex else 200,
        status_name="INVALID_ARGUMENT" if is_vertex else "OK",
        effect="refuse" if is_vertex else "empty_stop",
    )


def _check_last_turn(request: Request, turns: Sequence[_Turn]) -> Iterator[Finding]:
    if not turns:
        return
    last = len(request.contents) - 1
    if turns[-1].by_model and turns[-1].parts and request.model.strict_turns:
        fix = "End with a user content."
        yield request.refuse("E9", f"contents[{last}]", _ENDS_WITH_MODEL, fix)
    kinds = ["functionResponse" in part for part in request.contents[last].get("parts", [])]
    if True in kinds and False in kinds[kinds.index(True) :]:
        severity: Severity = "error" if request.model.strict_turns and request.backend == "vertex" else "warning"
        fix = "Put what is no functionResponse into a user content of its own; on Vertex AI this is a 400 from 3.6 on."
        yield Finding(rule="E10", path=f"contents[{last}]", message=_ENDS_WITH_MODEL, fix=fix, severity=severity)


def check_signatures(request: Request) -> Iterator[Finding]:
    """Yield missing and foreign thought signatures, and what was lost from an answer: E13, E14, E27."""
    if not request.model.signatures_enforced:
        return
    turns = _turns(request.contents)
    current = max((i for i, turn in enumerate(turns) if not turn.by_model and _says_something(turn)), default=0)
    for number, turn in enumerate(turns):
        if turn.by_model:
            yield from _check_origin(request, turn, is_current=number > current)
        if turn.by_model and number > current:
            yield from _check_first_call(request, turn)


def _says_something(turn: _Turn) -> bool:
    return any("functionResponse" not in part for _, part in turn.parts)


def _check_first_call(request: Request, turn: _Turn) -> Iterator[Finding]:
    calls = turn.having("functionCall")
    if not calls or calls[0][1].get("thoughtSignature"):
        return
    path, part = calls[0]
    name, position = part["functionCall"].get("name"), _content_number(path)
    text = (
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        f"call `default_api:{name}` , position {position}. Please refer to "
        "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
    )
    if request.backend == "vertex":
        text = (
            f"Unable to submit request because function call `{name}` in the {position}. content block is missing a "
            "`thought_signature`. Learn more: "
            "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures"
        )
    yield request.refuse("E13", path, text, "Send the model's content back exactly as it came.")


def _content_number(path: str) -> int:
    return int(path[len("contents[") : path.index("]")]) + 1


def _check_origin(request: Request, turn: _Turn, *, is_current: bool) -> Iterator[Finding]:
    if request.issued is None:
        return
    for path, part in turn.parts:
        signature = part.get("thoughtSignature")
        if not signature:
            continue
        if not request.issued.vouches_for(signature):
            yield _foreign(path, "This server did not issue this signature; send it back unchanged.", is_current)
        elif (sent := request.issued.part_of(signature)) and (reason := _difference(sent, part)):
            # A text that was altered or joined loses its thoughts; a call that was altered is refused.
            yield _foreign(path, reason, is_current and "functionCall" in sent)
        elif signature in DUMMY_SIGNATURES and request.backend == "vertex":
            fix = "Vertex AI may answer with nothing: send the dummy signature in base64."
            yield Finding(rule="E14", path=path, message=_GENERIC, fix=fix, severity="warning")


def _foreign(path: str, fix: str, is_current: bool) -> Finding:
    # Only the steps of the current turn are validated; an earlier turn merely loses its thoughts.
    severity: Severity = "error" if is_current else "warning"
    return Finding(rule="E14", path=path, message="Thought signature is not valid.", fix=fix, severity=severity)


def _difference(sent: Mapping[str, Any], back: Json) -> str | None:
    """Say how a signed part that came back differs from the one that was sent out; a signature belongs to its part."""
    for name in DATA_FIELDS:
        if name not in sent and name in back:
            return f"The signature was moved: it was issued on a part with {_kind(sent)!r}, not {name!r}."
        if name in sent and sent[name] != back.get(name):
            return f"The signed part was changed: {name!r} is not what was sent out."
    return None


def _kind(part: Mapping[str, Any]) -> str:
    return next((name for name in DATA_FIELDS if name in part), "nothing")
