"""Recorded function-calling conversations, in the form in which agentkit should have held them.

A recording shows what the service said and what some client made of it. Clients differ in shape (key style, roles, one
content for each tool result) and in habits (ids of their own, signatures left out). Shapes are normalised and habits
undone here, in what was recorded only; what agentkit sends must then hold the same contents. A recording in which more
than that differs is left out, with a reason that is true of the recording. Nothing here uses agentkit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.traffic import payloads

Json = dict[str, Any]

FREE_FORM = frozenset({"args", "response", "partMetadata"})  # the keys inside are the user's own


class Excluded(Exception):
    """The recording cannot be played; the text says why, and is true of the recording."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A call as the service sent it, and what the recorded tool returned."""

    call: Json
    response: Json


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request and its answer.

    Attributes:
        contents: What the request must hold.
        chunks: The answer as it came: one for a whole answer, several for a stream.
        results: What the recorded tools returned for the calls of the answer; empty if there are none.
        tools: The `tools` of the request.
    """

    model: str
    is_stream: bool
    contents: list[Json]
    chunks: list[Json]
    results: list[Result]
    tools: list[Json]

    @property
    def declarations(self) -> list[Json]:
        """The functions that the request declares."""
        return [declaration for tool in self.tools for declaration in as_list(tool.get("functionDeclarations"))]


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """The steps of one chat.

    Attributes:
        text: The text of the last answer.
        open_calls: The calls of the last answer; nothing in the recording answers them.
        habits: What the recording client did to answers and results, and how often.
    """

    name: str
    steps: list[Step]
    text: str
    open_calls: list[Json]
    habits: Counter[str]


# Shapes.


def camel_case(value: Any) -> Any:
    """`function_call` -> `functionCall`, but not inside arguments and results."""
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {_camel(key): item for key, item in value.items()}
    return {key: item if key in FREE_FORM else camel_case(item) for key, item in named.items()}


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def as_list(value: Any) -> list[Any]:
    """A single object in place of a list is a list of one; nothing is an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def with_user_role(content: Json) -> Json:
    """Role `function`, and no role at all, mean `user`."""
    return content if content.get("role") in ("user", "model") else {**content, "role": "user"}


def with_joined_turns(contents: Iterable[Json]) -> list[Json]:
    """Neighbouring contents of the model are one content, and neighbouring ones that hold tool results only."""
    joined: list[Json] = []
    for content in contents:
        if joined and _is_one_turn(joined[-1], content):
            joined[-1] = {**content, "parts": [*joined[-1]["parts"], *content["parts"]]}
        else:
            joined.append(content)
    return joined


def _is_one_turn(first: Json, second: Json) -> bool:
    if first["role"] == "model":
        return bool(second["role"] == "model")
    return _holds_results_only(first) and _holds_results_only(second)


def _holds_results_only(content: Json) -> bool:
    return content["role"] == "user" and all("functionResponse" in part for part in content["parts"])


# What either side may have or not: protocol sheet 9.3, rules 2, 4 and 7. For the model's contents only.


def without_thoughts(parts: Iterable[Json]) -> list[Json]:
    """Unsigned thought summaries may be kept or dropped; `thought: false` says nothing."""
    kept = [part for part in parts if not part.get("thought") or "thoughtSignature" in part]
    return [{key: value for key, value in part.items() if key != "thought" or value} for part in kept]


def without_empty_texts(parts: Iterable[Json]) -> list[Json]:
    """An empty text without a signature is nothing."""
    return [part for part in parts if part != {"text": ""}]


def with_joined_texts(parts: Iterable[Json]) -> list[Json]:
    """Neighbouring texts without signatures are one text."""
    joined: list[Json] = []
    for part in parts:
        if joined and part.keys() == {"text"} == joined[-1].keys():
            joined[-1] = {"text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return joined


def bare_parts(parts: Iterable[Json]) -> list[Json]:
    """The parts without what either side may have or not."""
    return with_joined_texts(without_empty_texts(without_thoughts(parts)))


def bare(contents: Iterable[Json]) -> list[Json]:
    """The contents, those of the model bare; the user's stay as they are."""
    return [
        {**content, "parts": bare_parts(content["parts"])} if content.get("role") == "model" else content
        for content in contents
    ]


# Habits. Each function takes a part as the client sent it back, and as the service had said it, and undoes one habit.


def undo_own_id(part: Json, said: Json) -> Json:
    """An id where the service gave none is the client's own, and goes (protocol sheet 4.2)."""
    if "functionCall" not in part or "id" in said.get("functionCall", {"id": ""}):
        return part
    return {**part, "functionCall": {key: value for key, value in part["functionCall"].items() if key != "id"}}


def undo_lost_id(part: Json, said: Json) -> Json:
    """An id that the service gave comes back (4.2)."""
    if "id" in part.get("functionCall", {"id": ""}) or "id" not in said.get("functionCall", {}):
        return part
    return {**part, "functionCall": {**part["functionCall"], "id": said["functionCall"]["id"]}}


def undo_lost_arguments(part: Json, said: Json) -> Json:
    """Arguments that were left out because they are `{}` come back (4.1)."""
    if "args" in part.get("functionCall", {"args": ""}) or said.get("functionCall", {}).get("args") != {}:
        return part
    return {**part, "functionCall": {**part["functionCall"], "args": {}}}


def undo_lost_empty_text(part: Json, said: Json) -> Json:
    """The empty text beside a signature comes back (5, rule 4)."""
    return {"text": "", **part} if said.get("text") == "" and part.keys() == {"thoughtSignature"} else part


def undo_other_alphabet(part: Json, said: Json) -> Json:
    """A signature in base64url is the same signature (5, rule 6)."""
    sent, given = part.get("thoughtSignature", ""), said.get("thoughtSignature", "")
    is_same = sent != given and _standard_base64(sent) == _standard_base64(given)
    return {**part, "thoughtSignature": given} if is_same else part


def _standard_base64(text: str) -> str:
    return text.translate(str.maketrans("-_", "+/")).rstrip("=")


def undo_lost_signature(part: Json, said: Json) -> Json:
    """A signature that the service gave comes back (5, "Return")."""
    is_lost = "thoughtSignature" in said and "thoughtSignature" not in part
    return {**part, "thoughtSignature": said["thoughtSignature"]} if is_lost else part


def undo_added_signature(part: Json, said: Json) -> Json:
    """A signature where the service gave none (of another part, or a stand-in) goes (5, rule 3)."""
    if "thoughtSignature" in said:
        return part
    return {key: value for key, value in part.items() if key != "thoughtSignature"}


HABITS: Mapping[str, Callable[[Json, Json], Json]] = {
    "own ids": undo_own_id,
    "ids left out": undo_lost_id,
    "empty arguments left out": undo_lost_arguments,
    "empty texts left out": undo_lost_empty_text,
    "signatures in base64url": undo_other_alphabet,
    "signatures left out": undo_lost_signature,
    "signatures added": undo_added_signature,
}


def find_habits(parts: Sequence[Json], said: Sequence[Json]) -> Counter[str]:
    """Return which habits made `parts` of what the service `said`, and how often.

    Raises:
        Excluded: More than that is different.
    """
    habits: Counter[str] = Counter()
    if len(parts) == len(said) - 1 and said[-1].get("text") == "":  # nothing but the signature stood there
        habits["signatures left out"] += 1
        said = said[:-1]
    if len(parts) != len(said):
        raise Excluded("the client added, left out or joined parts of an answer")
    for part, original in zip(parts, said, strict=True):
        for name, undo in HABITS.items():
            undone = undo(part, original)
            habits[name] += undone != part
            part = undone
        if part != original:
            raise Excluded("a request holds another answer than the recorded one")
    return +habits


def in_call_order(responses: Sequence[Json], calls: Sequence[Json]) -> list[Json]:
    """Results that ids or names tell apart may come in any order (4.3, T5): return them in that of the calls."""
    for key in ("id", "name"):
        asked = [call.get(key) for call in calls]
        if len(set(asked)) == len(asked) and {response.get(key) for response in responses} == set(asked):
            return sorted(responses, key=lambda response: asked.index(response.get(key)))
    return list(responses)


# Reading a recording.


def find_chats(exchanges: Iterable[Json]) -> dict[str, list[Json]]:
    """Return the exchanges of each chat that declares functions, in their order, by the name of the chat."""
    chats: dict[str, list[Json]] = {}
    for exchange in exchanges:
        if exchange["thread"] is not None:
            chats.setdefault(f"{exchange['group']}/{exchange['thread']}", []).append(exchange)
    return {
        name: sorted(chat, key=lambda exchange: exchange["seq"])
        for name, chat in chats.items()
        if any("functionDeclarations" in tool for exchange in chat for tool in _tools(exchange))
    }


def _tools(exchange: Json) -> list[Json]:
    body = (exchange["request"] or {}).get("body") or {}
    return [
        {_camel(key): value for key, value in tool.items() if value is not None} for tool in as_list(body.get("tools"))
    ]


def read_conversation(name: str, exchanges: Sequence[Json]) -> Conversation:
    """Return the conversation as agentkit should hold it.

    Raises:
        Excluded: It cannot be played.
    """
    for exchange in exchanges:
        _check_exchange(exchange)
    contents = bare(_contents(exchanges[0]))
    steps: list[Step] = []
    habits: Counter[str] = Counter()
    for exchange, following in pairwise(exchanges):
        said = said_parts(exchange)
        sent_back, *added = _added(exchange, following)
        habits += find_habits(bare_parts(sent_back["parts"]), said)
        results: list[Result] = []
        if calls := open_calls(said):
            results, found = _results(calls, open_calls(sent_back["parts"]), added)
            habits += found
        steps.append(_step(exchange, contents, results))
        contents = [*contents, {"role": "model", "parts": said}, _user_content(results) if results else _prompt(added)]
    steps.append(_step(exchanges[-1], contents, []))
    last = said_parts(exchanges[-1])
    text = "".join(part.get("text", "") for part in last if not part.get("thought"))
    return Conversation(name=name, steps=steps, text=text, open_calls=open_calls(last), habits=habits)


def _check_exchange(exchange: Json) -> None:
    """Refuse what is no ordinary exchange with an ordinary answer."""
    if exchange["request"] is None or exchange["source"]["provenance"] != "http":
        raise Excluded("only answers were kept, or they were edited by hand")
    if "enerateContent" not in exchange["request"]["url_path"]:
        raise Excluded("another endpoint is part of the conversation")
    if exchange["response"]["status"] != 200:
        raise Excluded("an answer is an error")
    chunks = [as_list(chunk.get("candidates")) for chunk in payloads(exchange["response"])]
    if any(len(candidates) > 1 for candidates in chunks):
        raise Excluded("an answer has several candidates")
    if not any(candidate.get("finishReason") for candidates in chunks for candidate in candidates):
        raise Excluded("an answer breaks off, or its prompt was blocked")
    said = said_parts(exchange)
    if any("name" not in call or "partialArgs" in call for call in open_calls(said)):
        raise Excluded("an answer streams the arguments of its calls in pieces")
    if not any(part.get("text") or part.keys() - {"text", "thoughtSignature"} for part in said):
        raise Excluded("an answer says nothing")


def _step(exchange: Json, contents: list[Json], results: list[Result]) -> Step:
    path = exchange["request"]["url_path"]
    return Step(
        model=path.rpartition("/")[2].partition(":")[0],
        is_stream="stream" in path,
        contents=contents,
        chunks=payloads(exchange["response"]),
        results=results,
        tools=_tools(exchange),
    )


def _contents(exchange: Json) -> list[Json]:
    contents = [camel_case(content) for content in as_list(exchange["request"]["body"].get("contents"))]
    return with_joined_turns(
        with_user_role({**content, "parts": as_list(content.get("parts"))}) for content in contents
    )


def said_parts(exchange: Json) -> list[Json]:
    """Return what the model said, bare."""
    candidates = [entry for chunk in payloads(exchange["response"]) for entry in as_list(chunk.get("candidates"))]
    return bare_parts(part for entry in candidates for part in as_list((entry.get("content") or {}).get("parts")))


def open_calls(parts: Iterable[Json]) -> list[Json]:
    """Return the calls that the client must answer. Tools that the service runs are answered beside their call."""
    parts = list(parts)
    answered = Counter(part["functionResponse"]["name"] for part in parts if "functionResponse" in part)
    calls: list[Json] = []
    for call in (part["functionCall"] for part in parts if "functionCall" in part):
        if answered[call.get("name")]:
            answered[call.get("name")] -= 1
        else:
            calls.append(call)
    return calls


def _added(exchange: Json, following: Json) -> list[Json]:
    """Return what the next request holds more: the model's content, as the client sent it back, and what follows."""
    before, after = _contents(exchange), _contents(following)
    if after[: len(before)] != before:
        raise Excluded("the client changed earlier turns")
    added = after[len(before) :]
    if not added or added[0]["role"] != "model":
        raise Excluded("the client left out an answer of the model")
    return added


def _prompt(added: list[Json]) -> Json:
    if len(added) != 1 or added[0]["role"] != "user":
        raise Excluded("the client added more than one prompt")
    return added[0]


def _results(calls: list[Json], sent_back: list[Json], added: list[Json]) -> tuple[list[Result], Counter[str]]:
    """Return the recorded results, in the order of the calls, and the client's habits.

    Results refer to the calls as the client sent them back: under its own ids, if it made some.
    """
    found = [part["functionResponse"] for content in added for part in content["parts"] if "functionResponse" in part]
    if not found:
        raise Excluded("the client did not answer the calls")
    if len(added) != 1 or not _holds_results_only(added[0]):
        raise Excluded("the client added words or media of its own to the tools' results")
    if any("parts" in response for response in found):
        raise Excluded("a tool's result carries media")
    if len(found) != len(calls):
        raise Excluded("the client answered more or fewer calls than were asked")
    ordered = in_call_order(found, sent_back)
    names = [response["name"] for response in ordered]
    habits = Counter(
        {
            "results in another order": ordered != found,
            "results under other names": names != [call["name"] for call in calls],
        }
    )
    pairs = zip(calls, ordered, strict=True)
    return [Result(call=call, response=response["response"]) for call, response in pairs], +habits


def _user_content(results: Iterable[Result]) -> Json:
    """Return one part for each call, under its name, and under its id if the service gave one."""
    parts: list[Json] = []
    for result in results:
        named = {key: result.call[key] for key in ("id", "name") if key in result.call}
        parts.append({"functionResponse": {**named, "response": result.response}})
    return {"role": "user", "parts": parts}
