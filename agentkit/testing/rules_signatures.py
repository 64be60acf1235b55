"""Rules E13, E14 and E27: thought signatures, and what must come back of an answer exactly as it was sent out."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agentkit.models import facts
from agentkit.testing.finding import Finding, Json, Request, Severity
from agentkit.testing.issued import DUMMY_SIGNATURES, TOOL_PARTS, decode_base64
from agentkit.testing.rules_shape import DATA_FIELDS
from agentkit.testing.rules_turns import Turn, turns_of

__all__ = ["check_signatures", "check_tool_parts"]


def check_signatures(request: Request) -> Iterator[Finding]:
    """Yield missing and foreign thought signatures: E13, E14."""
    if not request.model.signatures_enforced:
        return
    for turn, is_current in _model_turns(request):
        yield from _check_origin(request, turn, is_current=is_current)
        if is_current:
            yield from _check_first_call(request, turn)


def _model_turns(request: Request) -> Iterator[tuple[Turn, bool]]:
    """Yield the model's turns, and whether each belongs to the current turn of the conversation.

    That begins with the last of the user's that holds something else than responses; earlier ones are not validated.
    """
    turns = turns_of(request.contents)
    current = max((i for i, turn in enumerate(turns) if not turn.by_model and _says_something(turn)), default=0)
    for number, turn in enumerate(turns):
        if turn.by_model:
            yield turn, number > current


def _says_something(turn: Turn) -> bool:
    return any("functionResponse" not in part for _, part in turn.parts)


def _check_first_call(request: Request, turn: Turn) -> Iterator[Finding]:
    calls = turn.having("functionCall")
    if not calls or calls[0][1].get("thoughtSignature"):
        return
    path, part = calls[0]
    # Image models are documented as strict on Google's endpoint only.
    tolerated = request.backend == "vertex" and "IMAGE" in request.model.output
    yield request.find(
        "signature.missing",
        path,
        "Send the model's content back exactly as it came.",
        severity="warning" if tolerated else "error",
        name=part["functionCall"].get("name"),
        position=_content_number(path),
    )


def _content_number(path: str) -> int:
    return int(path[len("contents[") : path.index("]")]) + 1


def _check_origin(request: Request, turn: Turn, *, is_current: bool) -> Iterator[Finding]:
    if request.issued is None:
        return
    # Only the steps of the current turn are validated; an earlier turn merely loses its thoughts.
    severity: Severity = "error" if is_current else "warning"
    for path, part in turn.parts:
        signature = part.get("thoughtSignature")
        if not signature:
            continue
        sent = request.issued.part_of(signature)
        if not request.issued.vouches_for(signature):
            fix = "This server did not issue this signature; send it back unchanged."
            yield request.find("signature.invalid", path, fix, severity=severity)
        elif sent and not _is_tool_part(sent) and (reason := _difference(sent, part)):
            # A text that was altered or joined loses its thoughts; a call that was altered is refused.
            weight: Severity = severity if "functionCall" in sent else "warning"
            yield request.find("signature.invalid", path, reason, severity=weight)
        elif sent and not _is_tool_part(sent) and (maker := _other_maker(request, signature)):
            fix = "After a change of the model send the documented dummy, in base64, on first calls and no other."
            yield request.find("signature.foreign", path, fix, maker=maker, model=request.model.id)
        elif signature in DUMMY_SIGNATURES and request.backend == "vertex":
            yield request.find("signature.plain_dummy", path, "Send the dummy signature in base64.")


def _other_maker(request: Request, signature: str) -> str | None:
    """Return who made a signature, if that is a model of another generation than the one that is asked."""
    maker = request.issued.maker_of(signature) if request.issued is not None else None
    made, asked = facts(maker).generation if maker is not None else None, request.model.generation
    return None if made is None or asked is None or made == asked else maker


def _is_tool_part(part: Mapping[str, Any]) -> bool:
    return any(name in part for name in TOOL_PARTS)


def _difference(sent: Mapping[str, Any], back: Json) -> str | None:
    """Say how a signed part that came back differs from the one that was sent out; a signature belongs to its part."""
    for name in DATA_FIELDS:
        if name not in sent and name in back:
            return f"The signature was moved: it was issued on a part with {_kind(sent)!r}, not {name!r}."
        if name in sent and not _is_same(name, sent[name], back.get(name)):
            return f"The signed part was changed: {name!r} is not what was sent out."
    return None


def _is_same(name: str, sent: Any, back: Any) -> bool:
    if name == "inlineData" and isinstance(sent, Mapping) and isinstance(back, Mapping):
        # Google's own client writes the same bytes in the other alphabet of base64.
        return _plain(cast("Mapping[str, Any]", sent)) == _plain(cast("Mapping[str, Any]", back))
    return bool(sent == back)


def _plain(blob: Mapping[str, Any]) -> tuple[object, object]:
    return blob.get("mimeType"), decode_base64(str(blob.get("data", "")))


def _kind(part: Mapping[str, Any]) -> str:
    return next((name for name in DATA_FIELDS if name in part), "nothing")


def check_tool_parts(request: Request) -> Iterator[Finding]:
    """Yield what was lost or changed of the service's own tool calls and their responses: E27."""
    for turn, is_current in _model_turns(request):
        yield from _check_pairs(request, turn)
        if request.issued is not None:
            yield from _check_kept(request, turn, severity="error" if is_current else "warning")


def _check_pairs(request: Request, turn: Turn) -> Iterator[Finding]:
    ids = {name: {part[name].get("id") for _, part in turn.having(name)} for name in TOOL_PARTS}
    for name, other in (TOOL_PARTS, TOOL_PARTS[::-1]):
        for path, part in turn.having(name):
            if part[name].get("id") not in ids[other]:
                fix = f"Send the {other!r} of the same id back with it: the whole content, as it came."
                yield request.find("combination.unpaired", path, fix, name=name)
            if not part.get("thoughtSignature"):
                fix = "Send the part back with its signature, as it came."
                yield request.find("combination.unsigned", path, fix, name=name)


def _check_kept(request: Request, turn: Turn, *, severity: Severity) -> Iterator[Finding]:
    """Compare with what was sent out in the answers that this turn holds something of."""
    if request.issued is None:
        return
    back = {_identity(part): (path, part) for path, part in turn.parts if _is_tool_part(part)}
    for sent in request.issued.tool_parts_beside([part for _, part in turn.parts]):
        name, number = _identity(sent)
        path, part = back.get((name, number), (f"contents[{turn.first}]", None))
        if part is None:
            fix = f"The {name!r} {number!r} of this answer is missing: send back every part of it."
            yield request.find("combination.missing", path, fix, severity=severity)
        elif part[name] != sent[name] or _signature_of(part) != _signature_of(sent):
            fix = f"The {name!r} {number!r} was changed: send it back exactly as it came, with its signature."
            yield request.find("combination.changed", path, fix, severity=severity)


def _identity(part: Mapping[str, Any]) -> tuple[str, str]:
    name = "toolCall" if "toolCall" in part else "toolResponse"
    return name, str(part[name].get("id"))


def _signature_of(part: Mapping[str, Any]) -> bytes | None:
    return decode_base64(part.get("thoughtSignature", ""))
