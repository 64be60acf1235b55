"""Chooses functions for a task: by the words of their names and descriptions, and by what arguments are there."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentkit.testing.offline_fill import Filling
from agentkit.testing.offline_kinds import heads, kinds_for
from agentkit.testing.offline_schema import Function
from agentkit.testing.offline_words import STOP_WORDS, is_alike, name_words, stem, stems

_MOST_FILLED = 16  # of hundreds of functions only those nearest by their words are looked at closely
_ENOUGH = 1.5  # one word of the name, or two words of the description
_NAME, _NAME_ALIKE, _PARAMETER, _DESCRIBED, _DESCRIBED_ALIKE = 3.0, 2.0, 1.0, 1.0, 0.5
_HINTS = [
    (r"\d\s*\+\s*\d", "add"),
    (r"\d\s*[*×]\s*\d", "multiply"),
    (r"\d\s*[/÷]\s*\d", "divide"),
    (r"\d - \d", "subtract"),
    (r"(?i)^(?:what|which) \w+s\b", "list"),
    (r"(?i)\bwhat (?:day|date|time) is it\b|\btoday's date\b", "current"),
]

Fill = Callable[[Function], Filling]


@dataclass(frozen=True)
class Choice:
    """A function that may serve a task, with its arguments."""

    function: Function
    filling: Filling
    words: float
    score: float
    named: frozenset[str]

    @property
    def is_fit(self) -> bool:
        return self.words >= _ENOUGH


@dataclass(frozen=True)
class _Vocabulary:
    verb: str
    fits_by_kind: bool  # it may be chosen for its arguments alone
    name: frozenset[str]
    parameters: frozenset[str]
    description: frozenset[str]


def own_words(function: Function) -> frozenset[str]:
    """Return the stems of a function's name."""
    return frozenset(stem(word) for word in name_words(function.name) if word not in STOP_WORDS and len(word) > 1)


class Chooser:
    """The declared functions with their words, and how many of them share each word."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._functions = [(function, _read_vocabulary(function)) for function in functions]
        self._names = Counter(word for _, own in self._functions for word in own.name)
        self._descriptions = Counter(word for _, own in self._functions for word in own.description)

    def rank(self, text: str, fill: Fill) -> list[Choice]:
        """Return all functions, the best for this text first; only the nearest are filled."""
        spoken = stems(re.sub(r"\b[Tt]imes\b", "multiply", text)) + [
            stem(word) for sign, word in _HINTS if re.search(sign, text)
        ]
        weighed = [(self._weigh(spoken, own), function, own) for function, own in self._functions]
        weighed.sort(key=lambda one: -one[0])
        choices = [
            _judge(
                words, function, own, set(spoken), fill if place < _MOST_FILLED or own.fits_by_kind else _fill_nothing
            )
            for place, (words, function, own) in enumerate(weighed)
        ]
        return sorted(choices, key=lambda choice: -choice.score)

    def choose(self, text: str, fill: Fill) -> list[Choice]:
        """Return the functions to call: none, one, or several if each is named ("weather and population")."""
        choices = [choice for choice in self.rank(text, fill) if choice.is_fit]
        if not choices:
            return []
        chosen, explained = [choices[0]], choices[0].named | _labels(choices[0].function)
        for choice in choices[1:]:
            new = choice.named - explained
            if new and new == own_words(choice.function) and not choice.filling.missing and choice.filling.found:
                chosen.append(choice)
                explained = explained | new | _labels(choice.function)
        return chosen

    def _weigh(self, spoken: Sequence[str], own: _Vocabulary) -> float:
        """Weigh what was said against a function's words; a word that many functions share says little."""
        opens = own.verb == spoken[0] if spoken else False  # "Refund ..."
        words = 2.0 if opens else 1.0 if spoken and is_alike(spoken[0], [own.verb]) else 0.0
        for word in spoken:
            if word in own.name:
                words += _NAME / math.sqrt(self._names[word])
            elif is_alike(word, own.name):
                words += _NAME_ALIKE
            elif word in own.description:
                words += _DESCRIBED / math.sqrt(self._descriptions[word])
            elif word in own.parameters:
                words += _PARAMETER
            elif is_alike(word, own.description):
                words += _DESCRIBED_ALIKE
        return words + (1.0 if own.name and own.name <= set(spoken) else 0.0)


def _judge(words: float, function: Function, own: _Vocabulary, spoken: set[str], fill: Fill) -> Choice:
    filling = fill(function)
    words += _fitting_kinds(function, filling)
    score = words + 0.5 * filling.found - 0.5 * len(filling.missing) - bool(filling.missing) - 0.4 * filling.unused
    return Choice(function, filling, words, score, own.name & spoken)


def _fill_nothing(function: Function) -> Filling:
    return Filling([{}], list(function.parameters.required))


def _labels(function: Function) -> set[str]:
    """Return the stems that may stand beside its arguments: "order 7" given to `refund` is no call of `get_order`."""
    return {word for name in function.parameters.properties for word in heads(name)}


def _read_vocabulary(function: Function) -> _Vocabulary:
    inner = function.parameters.properties
    kinds = {kinds_for(name, shape)[0] for name, shape in inner.items()}
    choices = " ".join(str(value) for shape in inner.values() for value in shape.enum)
    return _Vocabulary(
        verb=stem(next(iter(name_words(function.name)), "")),
        fits_by_kind=bool(kinds & {"expression", "date", "currency", "unit"}),
        name=own_words(function),
        parameters=frozenset(stems(" ".join([" ".join(name_words(name)) for name in inner] + [choices]))),
        description=frozenset(stems(function.description[:600])),
    )


def _fitting_kinds(function: Function, filling: Filling) -> float:
    """Reward a function whose parameters are made for what the text holds: a sum to work out, a pair of dates."""
    if filling.missing:
        return 0.0
    given = filling.args[0]
    filled = {name: shape for name, shape in function.parameters.properties.items() if name in given}
    kinds = [kind for kind, _ in {(kinds_for(name, filled[name])[0], repr(given[name])) for name in filled}]
    converts = max(kinds.count("currency"), kinds.count("unit")) >= 2
    return 4.0 * ("expression" in kinds) + 3.0 * (kinds.count("date") >= 2) + 1.5 * converts
