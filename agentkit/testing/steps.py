"""The steps of a `FakeGemini`: what answers which request. See `fake.py` for what each kind means."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from agentkit.testing.items import Asked, Item, Part, Reply
from agentkit.testing.script import call_args, reply, text

__all__ = [
    "Answer",
    "Condition",
    "Repeat",
    "Said",
    "Slot",
    "Step",
    "Unordered",
    "When",
    "calls",
    "check_step",
    "open_slots",
    "place_of",
    "repeat",
    "says",
    "slots_of",
    "unordered",
    "when",
]

_NO_TEXTS: Final = frozenset({"id", "inlineData", "role", "thoughtSignature"})

Said = Item | Reply | Sequence[Part]
Answer = Item | Reply | Callable[[Asked], Said | Awaitable[Said]]
"""What answers a request: an answer, or a function that makes one. Async ones run on the server's own event loop."""

Condition = str | Callable[[Asked], bool]
"""A function of the request, or a text that its contents must hold somewhere: in a prompt, a call or a result."""


@dataclass(frozen=True)
class When:
    """See `when`."""

    condition: Condition
    answer: Answer


@dataclass(frozen=True)
class Repeat:
    """See `repeat`."""

    step: Answer | When
    times: int | None


@dataclass(frozen=True)
class Unordered:
    """See `unordered`."""

    steps: tuple[Answer | When, ...]


Step = Answer | When | Repeat | Unordered


def calls(name: str, /, **args: object) -> Reply:
    """Return the answer that calls one function. Arguments whose names are no Python names: `**{"order-id": 7}`."""
    return reply(call_args(name, args))


def says(words: str) -> Reply:
    """Return the answer that is this text."""
    return reply(text(words))


def when(condition: Condition, step: Answer) -> When:
    """Return a step for one request that meets `condition`; other requests are left to other steps."""
    if not isinstance(condition, str):
        _check_takes_request(condition, "The condition of when()")
        if inspect.iscoroutinefunction(condition):
            raise TypeError(f"The condition of when() is async: {place_of(condition)}. Give a plain function.")
    elif not condition:
        raise ValueError("when('') would fit every request. Give a text that only its requests hold.")
    check_step(step, "when()", When, Repeat, Unordered)
    return When(condition, step)


def repeat(step: Answer | When, times: int | None = None) -> Repeat:
    """Return a step that answers `times` requests; with None any number of them, also none."""
    if not isinstance(times, int | None) or isinstance(times, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise TypeError(f"repeat(times={times!r}): give a whole number, or nothing for any number of requests.")
    if times is not None and times < 1:
        raise ValueError(f"repeat(times={times}) would answer nothing. Give 1 or more, or leave the step out.")
    check_step(step, "repeat()", Repeat, Unordered)
    return Repeat(step, times)


def unordered(*steps: Answer | When) -> Unordered:
    """Return a step that is all of `steps` in any order, each once: for requests of runs that go side by side."""
    if not steps:
        raise ValueError("unordered() holds no steps. Give one for each request.")
    for step in steps:
        check_step(step, "unordered()", Repeat, Unordered)
    return Unordered(steps)


def check_step(step: object, inside: str, *refused: type) -> None:
    """Raise TypeError for what is no step, and for steps of the kinds that may not stand `inside` another."""
    if isinstance(step, refused):
        kind = type(step).__name__.lower()
        fix = "Write repeat(when(...))." if (inside, kind) == ("when()", "repeat") else "Give it a place of its own."
        raise TypeError(f"{kind}() cannot stand inside {inside}. {fix}")
    if isinstance(step, Item | Reply | When | Repeat | Unordered):
        return
    if not callable(step):
        shown = repr(step) if len(repr(step)) <= 60 else repr(step)[:60] + "..."
        hint = f" Did you mean says({shown})?" if isinstance(step, str) else ""
        raise TypeError(
            f"{shown} in {inside} is no step.{hint} Steps are calls(...), says(...), reply(...) and its items, "
            "functions of the request, when(...), repeat(...) and unordered(...)."
        )
    _check_takes_request(step, f"The function in {inside}")


def _check_takes_request(function: object, what: str) -> None:
    if not callable(function):
        raise TypeError(f"{what} is no function: {function!r}. Give a function of the request, or a text.")
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C do not tell
        return
    try:
        signature.bind(None)
    except TypeError as wrong:
        called = f"{what} is called with one argument, the request"
        raise TypeError(f"{called}, and {place_of(function)} cannot be: {wrong}.") from None


def place_of(function: object) -> str:
    """Return the name of a function and, if it is written in Python, where: `<lambda> (test_shop.py:12)`."""
    code = getattr(function, "__code__", None)
    where = f" ({code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{code.co_firstlineno})" if code else ""
    return getattr(function, "__name__", type(function).__name__) + where


@dataclass
class Slot:
    """One place in the list of steps that waits for requests.

    Attributes:
        label: Its number, for people.
        step: What it holds.
        group: The number of the `unordered` it belongs to.
        times: How many requests it answers; None for any number.
        used: How many it has answered.
    """

    label: str
    step: Answer | When
    group: int | None = None
    times: int | None = 1
    used: int = 0

    @property
    def answer(self) -> Answer:
        """What answers, whatever the condition."""
        return self.step.answer if isinstance(self.step, When) else self.step

    @property
    def is_missed(self) -> bool:
        """Whether requests are missing that should have come."""
        return self.times is not None and self.used < self.times

    @property
    def is_endless(self) -> bool:
        """Whether it keeps every request from what follows, for ever."""
        return self.times is None and not isinstance(self.step, When)

    def fits(self, asked: Asked) -> bool:
        """Whether it can answer this request; raises what a condition raises."""
        if not isinstance(self.step, When):
            return True
        condition = self.step.condition
        if isinstance(condition, str):
            return any(condition in words for words in _texts(asked.body.get("contents")))
        return bool(condition(asked))


def slots_of(step: Step, number: int) -> list[Slot]:
    """Return the slots of one step of the list."""
    if isinstance(step, Repeat):
        return [Slot(str(number), step.step, times=step.times)]
    if isinstance(step, Unordered):
        return [Slot(f"{number}.{place}", one, group=number) for place, one in enumerate(step.steps, 1)]
    return [Slot(str(number), step)]


def open_slots(slots: Sequence[Slot]) -> list[Slot]:
    """Return what the next request may take, in the order in which it is tried: conditions first."""
    found: list[Slot] = []
    for slot in slots:
        if slot.used == slot.times:
            continue
        # Only a `when` of its own lets requests pass by.
        if found and not _lets_pass(found[-1]) and (slot.group is None or slot.group != found[-1].group):
            break
        found.append(slot)
    return sorted(found, key=lambda slot: not isinstance(slot.step, When))


def _lets_pass(slot: Slot) -> bool:
    return slot.group is None and isinstance(slot.step, When)


def _texts(value: object, *, every: bool = False) -> Iterator[str]:
    """Yield the texts in JSON, but not what only looks like one: a signature may hold any letters."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, object]", value).items():
            if every or key not in _NO_TEXTS:
                yield from _texts(one, every=every or key in ("args", "response"))
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one, every=every)
