"""A run as data: JSON in, JSON out. It changes only through the loop; `Agent` holds none."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Literal, Self, cast, get_args

from agentkit import wire
from agentkit._frozen import frozen
from agentkit._placing import place_again, place_media
from agentkit.approval import ApprovalRequest
from agentkit.errors import OutputInvalid, StateInvalid
from agentkit.history import mended, open_calls
from agentkit.usage import Usage
from agentkit.verdict import CUT_ENDS, end_of

__all__ = ["PendingCall", "RunState", "ToolFailure", "meant_name"]

STATE_VERSION = 3

Stop = Literal["answer", "limit", "truncated", "loop"]
Kind = type | tuple[type, ...]


@dataclass(kw_only=True)
class PendingCall:
    """A call that the model asked for and that is not closed yet.

    Attributes:
        key: `{run_id}:{turn}:{index}`; the same in every repetition.
        call: What the model sent.
        response: What it will be told; None while the call is open.
        waiting: Whether a person must decide first.
        refused: Why it must not run, although it was asked for; empty if it may.
        reason: Why a person is asked, where the policy says so.
    """

    key: str
    call: wire.FunctionCall
    response: wire.FunctionResponse | None = None
    waiting: bool = False
    refused: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The name the model wrote; it need not exist."""
        return self.call.name or ""

    @property
    def request(self) -> ApprovalRequest:
        """The call as a question to a person."""
        args: dict[str, Any] = self.call.to_wire().get("args") or {}  # a copy: who shows it may change it
        return ApprovalRequest(key=self.key, tool=meant_name(self.name), args=args, reason=self.reason)


def meant_name(name: str) -> str:
    """Return the name of the function that the model means, which decides what a person is asked about.

    Models write `default_api.name` at times, the form in which Gemini shows them the functions.
    """
    return name.strip().removeprefix("default_api.")


@frozen
class ToolFailure:
    """A call that raised something unexpected. The model may have been told less.

    Attributes:
        key: The call.
        tool: The tool.
        error_type: The exception's class name.
        text: The exception's text.
    """

    key: str
    tool: str
    error_type: str
    text: str


@dataclass(kw_only=True)
class RunState:
    """One run, as far as it has come. `dump_json` and `RunState.load_json` carry it to another process.

    Attributes:
        run_id: Unique; part of each call's key.
        model: The model in use. A resumed run stays with it.
        model_since: Where in `contents` it came into use: what stands before, other models may have said.
        contents: The conversation, append-only, as it goes over the wire.
        start: Where this run begins in `contents`; what stands before is history.
        pending: The calls of the last answer, until all are closed.
        usage: Spent so far.
        stop: Why the run ended; None while it goes on.
        final: The arguments of an accepted final-answer call; None if the answer is text.
        closing: Whether the turn under way is the last one that the limits allow.
        repairs: How often the output was sent back as invalid.
        cut: Whether the last answer was cut at the output limit.
        cut_calls: How often calls came that were not run, because their answer did not end well.
        failures: Tools that raised.
        grounding: For each answer that carried sources: its candidate, without logprobs.
        model_version: The model that answered, as the service names it.
        loops: How often the model went round in circles.
        loop_start: Where in `contents` to begin to look for the next circle.
        whole_results: By call key, what tools returned where the model got only head and tail.
        placeholders: Whether calls without a thought signature are sent with the documented placeholder.
        asides: By call key, the candidates of side requests: what a built-in tool said, found, ran and drew.
    """

    run_id: str
    model: str
    contents: wire.History
    start: int = 0
    pending: list[PendingCall] = field(default_factory=list[PendingCall])
    usage: Usage = field(default_factory=Usage)
    stop: Stop | None = None
    final: dict[str, Any] | None = None
    closing: bool = False
    repairs: int = 0
    cut: bool = False
    cut_calls: int = 0
    failures: list[ToolFailure] = field(default_factory=list[ToolFailure])
    grounding: list[wire.Candidate] = field(default_factory=list["wire.Candidate"])
    model_version: str = ""
    loops: int = 0
    loop_start: int = 0
    whole_results: dict[str, Any] = field(default_factory=dict[str, Any])
    placeholders: bool = False
    asides: dict[str, wire.Candidate] = field(default_factory=dict[str, "wire.Candidate"])
    model_since: int = 0

    @classmethod
    def begin(cls, model: str, prompt: wire.Content, history: Sequence[wire.Content] = ()) -> Self:
        """Return the state of a run that has asked nothing yet. A history that the service would refuse is mended.

        Media in its function responses that `model` does not take there (a newer one does) follow in a content of their
        own.

        Raises:
            ConfigurationError: `history` is beyond mending; the message names the content by its index.
        """
        placed = [one for content in history for one in place_again(content, model)]
        contents, start = mended(placed if len(placed) > len(history) else history, prompt)
        return cls(run_id=uuid.uuid4().hex, model=model, contents=contents, start=start)

    @property
    def waiting(self) -> list[ApprovalRequest]:
        """The calls that a person must decide about before the run can go on."""
        return [call.request for call in self.pending if call.waiting and call.response is None]

    def accept(self, response: wire.GenerateContentResponse, *, refused: str = "") -> None:
        """Take a usable answer: its content verbatim, its calls as open.

        `refused` says why the calls must not run, if so; they are then answered with that sentence.
        """
        candidate, content = response.candidate, response.content
        if candidate is None or content is None:
            raise ValueError("accept() takes answers with a content only")
        # Verbatim: Gemini refuses (HTTP 400) a function call that comes back without its thought signature.
        # But a content without the role it was said in would go back as the user's.
        self.contents.append(content if content.role == "model" else content.replace(role="model"))
        turn = self.usage.turns
        self.usage += Usage(turns=1)
        self.model_version = response.model_version or self.model_version
        self.cut = end_of(candidate) in CUT_ENDS
        self.cut_calls += bool(refused) and end_of(candidate) != "UNEXPECTED_TOOL_CALL"
        self.pending = [
            PendingCall(key=f"{self.run_id}:{turn}:{index}", call=call, refused=refused)
            for index, call in enumerate(open_calls(content))
        ]
        if candidate.grounding_metadata or candidate.url_context_metadata or candidate.citation_metadata:
            self.grounding.append(candidate.replace(logprobs_result=None))

    def close_calls(self, note: str = "") -> None:
        """Append the one user content that answers every call, in the order asked.

        `note` is told to the model in the last response: the content must hold nothing but responses. Media that the
        model does not take there follow in a content of their own.
        """
        if note and (last := self.pending[-1].response) is not None:
            self.pending[-1].response = last.replace(response={**last.response, "note": note})
        responses = [call.response for call in self.pending if call.response is not None]
        if len(responses) != len(self.pending):
            raise ValueError("close_calls() needs a response for every pending call")
        for content in place_media(responses, self.model):
            self.contents.append(content)
        self.usage += Usage(tool_calls=len(responses))
        self.pending = []

    def change_model(self, model: str) -> None:
        """Go on with another model. What was said stays as it is."""
        self.model, self.model_since = model, len(self.contents)

    def end(self) -> None:
        """Note why the run ended, now that it has its answer."""
        at_limit: Stop = "loop" if self.loops > 1 else "limit"
        self.stop = "truncated" if self.cut else at_limit if self.closing else "answer"

    def repair(self, error: OutputInvalid, *, most: int) -> None:
        """Ask for the answer again, telling what is wrong with it, at most `most` times in a run.

        Raises:
            OutputInvalid: `error` itself, when it was asked often enough.
        """
        self.count_repair(error, most=most)
        self.final = None
        text = f"Your answer could not be used: {error.problem}\nAnswer again, in the form that was asked for."
        self.contents.append(wire.Content(role="user", parts=[wire.Part(text=text)]))

    def count_repair(self, error: OutputInvalid, *, most: int) -> None:
        """Count one more try; raise `error` when there were `most`, or when no turn is left."""
        if self.repairs >= most or self.closing:
            raise error
        self.repairs += 1

    def copy(self) -> Self:
        """Return an independent state; contents are shared as values."""
        return replace(
            self,
            contents=self.contents.copy(),
            pending=[replace(call) for call in self.pending],
            failures=list(self.failures),
            grounding=list(self.grounding),
            whole_results=dict(self.whole_results),
            asides=dict(self.asides),
        )

    def dump_json(self) -> bytes:
        """Return the state as UTF-8 JSON."""
        head = {
            "version": STATE_VERSION,
            "run_id": self.run_id,
            "model": self.model,
            "start": self.start,
            "pending": [_dump_call(call) for call in self.pending],
            "usage": self.usage.to_json(),
            "stop": self.stop,
            "final": self.final,
            "closing": self.closing,
            "repairs": self.repairs,
            "cut": self.cut,
            "cut_calls": self.cut_calls,
            "failures": [asdict(failure) for failure in self.failures],
            "grounding": [candidate.to_wire() for candidate in self.grounding],
            "model_version": self.model_version,
            "loops": self.loops,
            "loop_start": self.loop_start,
            "whole_results": self.whole_results,
            "placeholders": self.placeholders,
            "asides": {key: candidate.to_wire() for key, candidate in self.asides.items()},
            "model_since": self.model_since,
        }
        return json.dumps(head).encode()[:-1] + b', "contents": ' + self.contents.encode() + b"}"

    @classmethod
    def load_json(cls, data: bytes | str) -> Self:
        """Return the state that `dump_json` wrote.

        Raises:
            StateInvalid: The data is damaged, of another program, or of a newer version.
        """
        try:
            raw: object = json.loads(data)
            _refuse_newer(raw)
            stored = _checked(_of_this_version(raw), _STORED)
            if not 0 <= stored["start"] < len(stored["contents"]):
                raise ValueError("its own contents are missing")
            if not 0 <= stored["model_since"] <= len(stored["contents"]):
                raise ValueError(f"model_since {stored['model_since']}")
            if stored["version"] != STATE_VERSION or stored["stop"] not in (None, *get_args(Stop)):
                raise ValueError(f"version {stored['version']!r}, stop {stored['stop']!r}")
            return cls(
                **{name: stored[name] for name in _PLAIN},
                contents=wire.History.parse(stored["contents"]),
                pending=[_load_call(_checked(call, _STORED_CALL)) for call in stored["pending"]],
                usage=_load_usage(_checked(stored["usage"], _STORED_USAGE)),
                failures=[ToolFailure(**_checked(failure, _STORED_FAILURE)) for failure in stored["failures"]],
                grounding=[wire.Candidate.parse(candidate) for candidate in stored["grounding"]],
                asides={key: wire.Candidate.parse(candidate) for key, candidate in stored["asides"].items()},
            )
        except (ValueError, TypeError, RecursionError) as error:
            first = str(error).splitlines()[0][:200]
            raise StateInvalid(
                f"This is not a whole saved run ({first}). Load the bytes that dump_json() gave."
            ) from error


_PLAIN = (
    *("run_id", "model", "start", "stop", "final", "closing", "repairs", "cut", "cut_calls", "model_version"),
    *("loops", "loop_start", "whole_results", "placeholders", "model_since"),
)


# The stored form. Checked strictly, so that a damaged file is refused and never loaded in part.
_STORED: Mapping[str, Kind] = {
    **dict.fromkeys(("version", "start", "repairs", "cut_calls", "loops", "loop_start", "model_since"), int),
    **dict.fromkeys(("run_id", "model", "model_version"), str),
    **dict.fromkeys(("closing", "cut", "placeholders"), bool),
    **dict.fromkeys(("pending", "failures", "grounding", "contents"), list),
    **dict.fromkeys(("usage", "whole_results", "asides"), dict),
    "stop": (str, NoneType),
    "final": (dict, NoneType),
}
_STORED_CALL: Mapping[str, Kind] = {
    "key": str,
    "call": dict,
    "response": (dict, NoneType),
    "waiting": bool,
    "refused": str,
    "reason": str,
}
_STORED_USAGE: Mapping[str, Kind] = {**dict.fromkeys(asdict(Usage()), int), "cost": (str, NoneType)}
_ADDED_IN_2: Mapping[str, object] = {"loops": 0, "loop_start": 0, "whole_results": {}, "placeholders": False}
_ADDED_IN_3: Mapping[str, object] = {"asides": {}, "model_since": 0}
_STORED_FAILURE: Mapping[str, Kind] = dict.fromkeys(("key", "tool", "error_type", "text"), str)


def _refuse_newer(raw: object) -> None:
    version = cast("dict[str, object]", raw).get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > STATE_VERSION:
        raise StateInvalid(
            f"The saved run has version {version}; this agentkit reads up to {STATE_VERSION}. Update agentkit."
        )


def _of_this_version(raw: object) -> object:
    """Return what an older version stored as this one would have stored it; with a newer field it is no older one."""
    if not isinstance(raw, dict):
        return raw
    stored: dict[str, Any] = cast("dict[str, Any]", raw)
    if stored.get("version") == 1 and isinstance(stored.get("pending"), list) and not stored.keys() & _ADDED_IN_2:
        pending = [_with_reason(call) for call in cast("list[object]", stored["pending"])]
        stored = {**stored, **deepcopy(_ADDED_IN_2), "version": 2, "pending": pending}
    if stored.get("version") == 2 and isinstance(stored.get("usage"), dict) and not stored.keys() & _ADDED_IN_3:
        usage = {"cost": None, **cast("dict[str, Any]", stored["usage"])}  # nobody counted it
        stored = {**stored, **deepcopy(_ADDED_IN_3), "version": 3, "usage": usage}
    return stored


def _with_reason(call: object) -> object:
    return {"reason": "", **cast("dict[str, Any]", call)} if isinstance(call, dict) else call


def _checked(stored: object, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return `stored`, an object that has exactly these fields, each of its kind. ValueError if it has not."""
    if not isinstance(stored, dict):
        raise ValueError(f"an object was expected, not {type(stored).__name__}")
    found = cast("dict[str, Any]", stored)
    if found.keys() != kinds.keys():
        wrong = sorted(map(str, found.keys() ^ kinds.keys()))
        raise ValueError(f"missing or unknown fields: {', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}")
    for name, kind in kinds.items():
        if not isinstance(found[name], kind) or (isinstance(found[name], bool) and kind is not bool):
            raise ValueError(f"{name!r} is of type {type(found[name]).__name__}")
    return found


def _dump_call(call: PendingCall) -> dict[str, Any]:
    return {
        "key": call.key,
        "call": call.call.to_wire(),
        "response": call.response.to_wire() if call.response else None,
        "waiting": call.waiting,
        "refused": call.refused,
        "reason": call.reason,
    }


def _load_usage(stored: dict[str, Any]) -> Usage:
    cost = stored["cost"]
    try:
        stored["cost"] = None if cost is None else Decimal(cost)
    except InvalidOperation:
        raise ValueError(f"a cost of {cost!r}") from None
    return Usage(**stored)


def _load_call(stored: dict[str, Any]) -> PendingCall:
    response = stored.pop("response")
    return PendingCall(
        call=wire.FunctionCall.parse(stored.pop("call")),
        response=None if response is None else wire.FunctionResponse.parse(response),
        **stored,
    )
