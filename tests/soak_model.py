"""What the model and the network do in a soak: a plan for each conversation, drawn from a seed, played as it asks."""

import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from agentkit.models import facts
from agentkit.testing import (
    Asked,
    Reply,
    begin,
    blocked,
    call,
    call_args,
    close,
    continuation,
    cut,
    delay,
    empty,
    error,
    finish,
    keep_alive,
    part,
    recorded,
    reply,
    reply_raw,
    reset,
    split,
    stream,
    text,
    thought,
)

__all__ = ["SCRIPTED", "STALL_S", "Model", "tag_of"]

SCRIPTED: Final = "scripted refusal"
STALL_S: Final = 0.5
_HALF: Final = stream("The answer ", "begins")
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
_IN_BODY: Final = b'{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}'
_PER_DAY: Final = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_CALL: Final = call("add", a=1, b=2)

# What goes wrong in place of an answer. What comes after it in a plan is played when the client asks again.
FAULTS: Final[Mapping[str, Reply]] = MappingProxyType(
    {
        "429 with a hint": reply(error(429, retry_after_s=0.005)),
        "429 for today": reply(error(429, quota=_PER_DAY)),
        "500": reply(error(500)),
        "502 with a page": reply(reply_raw(_PAGE, status=502, content_type="text/html")),
        "503": reply(error(503)),
        "503 of a gateway": reply(error(503, gateway=True)),
        "504": reply(error(504)),
        "400": reply(error(400, SCRIPTED)),
        "401": reply(error(401, SCRIPTED)),
        "404": reply(error(404, SCRIPTED)),
        "413": reply(error(413, SCRIPTED)),
        "redirect": reply(reply_raw(b"", status=307, headers={"location": "http://example.invalid/"})),
        "page with status 200": reply(reply_raw(_PAGE, content_type="text/html")),
        "empty body": reply(reply_raw(b"")),
        "null": reply(reply_raw(b"null")),
        "half of a body": reply(reply_raw(b'{"candidates": [{"content"')),
        "error with status 200": reply(reply_raw(_IN_BODY)),
        "reset": reply(reset()),
        "close": reply(close()),
        "reset in the answer": reply(_HALF, reset()),
        "close in the answer": reply(_HALF, close()),
        "cut": reply(_HALF, cut()),
        "torn": reply(_HALF, cut(after_bytes=20)),
        "error in the answer": reply(_HALF, error(503)),
        "stall": reply(delay(STALL_S), error(503)),
        "stall after the headers": reply(begin(), delay(STALL_S), text("Too late.")),
        "stall in the answer": reply(_HALF, delay(STALL_S), text(" and ends too late.")),
        "malformed": reply(finish("MALFORMED_FUNCTION_CALL", "Malformed function call: print(default_api.")),
        "malformed beside a call": reply(_CALL, finish("MALFORMED_FUNCTION_CALL")),
        "malformed response": reply(finish("MALFORMED_RESPONSE")),
        "unexpected call": reply(_CALL, finish("UNEXPECTED_TOOL_CALL")),
        "too many calls": reply(finish("TOO_MANY_TOOL_CALLS")),
        "empty": reply(empty()),
        "no candidates": reply(recorded([{"candidates": []}])),
        "an empty object": reply(recorded([{}])),
        "thoughts only": reply(thought("Hm."), finish("STOP")),
        "MAX_TOKENS in thoughts": reply(finish("MAX_TOKENS")),
        "MAX_TOKENS in a call": reply(_CALL, finish("MAX_TOKENS")),
        "MAX_TOKENS in a text": reply(text("The answer is lo"), finish("MAX_TOKENS")),
        "blocked prompt": reply(blocked()),
        "SAFETY": reply(text("Well, "), finish("SAFETY")),
        "RECITATION": reply(finish("RECITATION")),
        "OTHER": reply(finish("OTHER")),
        "an unknown reason": reply(_CALL, finish("FULL_MOON")),
        "an unknown function": reply(call("nope", a=1)),
        "a prefix": reply(call("default_api.add", a=1, b=2)),
        "wrong arguments": reply(call("add", a="one")),
        "too many arguments": reply(call("add", a=1, b=2, c=3)),
        "arguments as text": reply(part({"functionCall": {"name": "add", "args": "[1"}})),
        "a call without a signature": reply(part({"functionCall": {"name": "add", "args": {"a": 1, "b": 2}}})),
        "a hop": reply(text("First half, "), continuation()),
    }
)

# What is odd, but a whole answer.
_ODD: Final[Mapping[str, Reply]] = MappingProxyType(
    {
        "a few bytes at a time": reply(split(5), stream("Grüße, ", "🙂")),
        "a keep-alive": reply(stream("All "), keep_alive(), stream("done.")),
        "a pause": reply(stream("All "), delay(0.01), stream("done.")),
        "white space": reply(text(" ")),
        "a thought and a text": reply(thought("Hm."), stream("All ", "done.")),
    }
)

_ODD_KINDS: Final = ("object", "nan", "cycle", "generator", "surrogate", "bytes", "none", "set")
_CALLS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = MappingProxyType(
    {
        "add": [{"a": 1, "b": 2}, {"a": 2, "b": 3}, {"a": 5, "b": -5}],
        "look": [{"town": "Oslo"}, {"town": "Rome"}, {"town": "nowhere"}],
        "fail": [{}],
        "hang": [{}],
        "block": [{}],
        "swallow": [{}],
        "give_up": [{}],
        "tell": [{}],
        "tell_late": [{}],
        "long": [{}],
        "odd": [{"kind": kind} for kind in _ODD_KINDS],
        "pay": [{"amount": 5}, {"amount": 500}],
        "ask": [{}],
        "ask_blocking": [{}],
    }
)
_INNER_CALLS: Final = ("add", "look", "fail")


def tag_of(asked: Asked) -> str:
    """Return which conversation a request belongs to: its first text begins with the tag and a colon."""
    contents = asked.body.get("contents") or [{"parts": [{"text": "?"}]}]
    return str(contents[0]["parts"][0]["text"]).partition(":")[0]


class Model:
    """The emulator's brain: plays the plan of each conversation, and a plain answer when the plan is at its end.

    A tag with a slash is that of an inner run: it calls no further runs and waits for nobody.

    Attributes:
        played: How often each fault and each tool came.
        of: The names of what came in one conversation.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._plans: dict[str, deque[str]] = {}
        self.played: Counter[str] = Counter()
        self.of: dict[str, set[str]] = {}

    def plan(self, tag: str) -> deque[str]:
        """Return the plan of a conversation; it is drawn when it is first asked for."""
        if tag not in self._plans:
            self._plans[tag] = deque(_draw(random.Random(f"{self._seed}:{tag}"), is_inner="/" in tag))
        return self._plans[tag]

    def __call__(self, asked: Asked) -> Reply:
        tag = tag_of(asked)
        plan = self.plan(tag)
        step = plan.popleft() if plan else "answer"
        if step == "a hop" and not facts(asked.model).long_decode:
            step = "answer"
        if step in FAULTS or step in _ODD:
            self._note(tag, step)
            return FAULTS.get(step) or _ODD[step]
        if step == "answer" or not _may_call(asked):
            return _answer(asked)
        names = step.split()
        for name in names:
            self._note(tag, name)
        dice = random.Random(f"{self._seed}:{tag}:{len(plan)}")
        return reply(*(call_args(name, dice.choice(_CALLS[name])) for name in names))

    def _note(self, tag: str, name: str) -> None:
        self.played[name] += 1
        self.of.setdefault(tag, set()).add(name)


def _draw(dice: random.Random, *, is_inner: bool) -> list[str]:
    """Return the names of faults, of sets of calls and of answers, in the order in which they are played."""
    faults = [name for name in FAULTS if not (is_inner and name.startswith("stall"))]
    tools = _INNER_CALLS if is_inner else tuple(_CALLS)
    plan: list[str] = []
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        plan += _trouble(dice, faults)
        calls = " ".join(dice.choices(tools, k=dice.choice((1, 1, 2, 3))))
        plan += [calls] * (7 if dice.random() < 0.02 else 1)  # seven times is a loop, told and stopped
    return [*plan, *_trouble(dice, faults), dice.choice(("answer", "answer", *_ODD))]


def _trouble(dice: random.Random, faults: Sequence[str]) -> list[str]:
    """Return nothing mostly, or a fault; one in six stays for longer than anyone asks again."""
    return [dice.choice(faults)] * dice.choice((1, 1, 1, 2, 3, 6)) if dice.random() < 0.35 else []


def _may_call(asked: Asked) -> bool:
    config = (asked.body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    return config.get("mode") != "NONE"


def _answer(asked: Asked) -> Reply:
    """Return an answer in the form that was asked for."""
    declared = [one["name"] for tool in asked.body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    if "final_answer" in declared:
        return reply(call("final_answer", total=7))
    if "responseMimeType" in (asked.body.get("generationConfig") or {}):
        return reply(text('{"total": 7}'))
    return reply(stream("All ", "done."))
