"""Rules E8 to E11: how calls and responses follow each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from agentkit.testing.finding import Finding, Json, Request, Severity
from agentkit.testing.rules_contents import is_by_model, parts_of

__all__ = ["Turn", "check_turns", "turns_of"]


@dataclass
class Turn:
    """Neighbouring contents of one side: the service judges them as one.

    Attributes:
        by_model: Whose side it is.
        first: The index of its first content.
        parts: The parts of all its contents, each with its path.
    """

    by_model: bool
    first: int
    parts: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    def having(self, key: str) -> list[tuple[str, Json]]:
        """Return the parts that have `key`."""
        return [(path, part) for path, part in self.parts if key in part]


def turns_of(contents: Sequence[Json]) -> list[Turn]:
    """Return `contents` with neighbours of one side joined."""
    turns: list[Turn] = []
    for index, content in enumerate(contents):
        if not turns or turns[-1].by_model != is_by_model(content):
            turns.append(Turn(is_by_model(content), index))
        turns[-1].parts.extend(parts_of(index, content))
    return turns


def check_turns(request: Request) -> Iterator[Finding]:
    """Yield what is wrong between contents: E8, E9, E10, E11."""
    turns = turns_of(request.contents)
    for before, turn in zip([None, *turns], turns, strict=False):
        if turn.by_model:
            if before is None and turn.having("functionCall"):
                fix = "Begin with a user content; one empty text part will do."
                yield request.find("turns.call_position", "contents[0]", fix)
        else:
            yield from _check_answers(request, before, turn)
    yield from _check_last_turn(request, turns)


def _check_answers(request: Request, before: Turn | None, turn: Turn) -> Iterator[Finding]:
    calls = _open_calls(before)
    responses = turn.having("functionResponse")
    if responses and not calls:
        fix = "Send a functionResponse only right after the model's content with the call."
        yield request.find("turns.response_position", responses[0][0], fix)
    elif len(responses) != len(calls):
        fix = f"There are {len(calls)} calls and {len(responses)} responses: answer every call exactly once."
        # Recorded as accepted on 2.x: a user who goes on talking and answers no call at all.
        severity: Severity = "warning" if request.generation < (3, 0) and not responses else "error"
        yield request.find("turns.count", f"contents[{turn.first}]", fix, severity=severity)
    else:
        yield from _check_matches(request, [part for _, part in calls], responses)
        if responses and not responses[0][0].startswith(f"contents[{turn.first}]."):
            fix = "Send the responses first, and everything else in a user content after them."
            yield request.find("turns.content_between", f"contents[{turn.first}]", fix)


def _open_calls(turn: Turn | None) -> list[tuple[str, Json]]:
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
        elif name and name != expected:
            yield _mismatch(request, path, f"Send the name of the call back: {expected!r}, not {name!r}.")
        elif response_id in answered:
            yield _mismatch(request, path, f"The call {response_id!r} is answered more than once.")
        elif names and not response_id:
            # Google's own client leaves the id out when it answers calls by itself; position then decides.
            yield request.find("response.no_id", path, f"Send the id of the call back: {sorted(names)}.")
        answered.add(response_id or "")


def _mismatch(request: Request, path: str, fix: str) -> Finding:
    """Google's endpoint answers with nothing, Vertex AI refuses; both only on newer models."""
    is_vertex = request.backend == "vertex"
    refused = request.generation >= ((3, 7) if is_vertex else (3, 5))
    found = request.find("response.mismatch", path, fix, severity="error" if refused else "warning")
    return found if is_vertex else replace(found, status=200, status_name="OK", effect="empty_stop")


def _check_last_turn(request: Request, turns: Sequence[Turn]) -> Iterator[Finding]:
    if not turns:
        return
    last = f"contents[{len(request.contents) - 1}]"
    if turns[-1].by_model and turns[-1].parts and request.model.strict_turns:
        yield request.find("turns.ends_with_model", last, "End with a user content.")
    kinds = ["functionResponse" in part for part in request.contents[-1].get("parts", [])]
    if True in kinds and False in kinds[kinds.index(True) :]:
        severity: Severity = "error" if request.model.strict_turns and request.backend == "vertex" else "warning"
        fix = "Put what is no functionResponse into a user content of its own; on Vertex AI this is a 400 from 3.6 on."
        yield request.find("turns.mixed_content", last, fix, severity=severity)
