"""Fills the parameters of a function from a text. What the text does not give stays missing: nothing is invented."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentkit.testing.offline_facts import Fact, group_facts
from agentkit.testing.offline_kinds import (
    as_zone,
    choose_boolean,
    choose_enum,
    convert,
    heads,
    is_specific,
    kinds_for,
    may_mean,
    side,
)
from agentkit.testing.offline_schema import Shape, fits
from agentkit.testing.offline_words import STOP_WORDS, VERBS, stem, stems, word_set

_MOST_CALLS = 12
_BEFORE_START = frozenset({"from", "since", "between", "starting", "after"})
_BEFORE_END = frozenset({"to", "until", "till", "and", "into", "in", "before", "by"})
_NEVER_START = frozenset({"to", "until", "till", "into"})
_NEVER_END = frozenset({"from", "since"})
_IS = re.compile(r"\s+(?:is|are|was|were|has|have|than)\b", re.I)
_TIME_WORDS = word_set("today tomorrow yesterday now moment right week month year tonight detail short")


@dataclass(frozen=True)
class Source:
    """Where values may come from: a text, its facts, and what earlier calls were given and returned."""

    text: str
    facts: Sequence[Fact]
    known: Sequence[tuple[str, object]] = ()
    is_strict: bool = False  # take what is surely meant, never a fragment of the sentence or a number among others


@dataclass
class Filling:
    """The arguments for one call, or for several when the text lists several things; and what is still missing."""

    args: list[dict[str, object]]
    missing: list[str] = field(default_factory=list[str])
    unused: int = 0
    found: int = 0


def fill(shape: Shape, source: Source, vocabulary: Sequence[str] = ()) -> Filling:
    """Fill the properties of an object from a source.

    Args:
        shape: The object.
        source: What to take the values from.
        vocabulary: Stems of the function's own words, which are never values ("books" of `search_books`).
    """
    filler = _Filler(source, frozenset(vocabulary), takes_freely=not shape.required)
    args = filler.fill_object(shape)
    missing = [name for name in shape.required if name not in args]
    unused = sum(
        1 for fact in filler.pool if fact.kind in ("date", "number", "name", "quoted", "email", "code", "money", "path")
    )
    spread = filler.spread(shape, args) if not missing else None
    if spread is None:
        return Filling([args], missing, unused, len(filler.taken) + filler.chosen)
    return Filling(spread, missing, max(0, unused - len(spread) + 1), len(filler.taken))


class _Filler:
    """Takes facts out of a pool, so that no two parameters get the same one."""

    def __init__(self, source: Source, vocabulary: frozenset[str], *, takes_freely: bool) -> None:
        self.source = source
        self.vocabulary = vocabulary
        self.takes_freely = takes_freely
        self.pool = [
            fact for fact in source.facts if not (fact.kind == "name" and set(stems(str(fact.value))) & vocabulary)
        ]
        self.taken: dict[str, Fact] = {}
        self.chosen = 0
        self.listed: dict[str, list[Fact]] = {}

    def fill_object(self, shape: Shape) -> dict[str, object]:
        args: dict[str, object] = {}
        for labelled_only in (True, False):
            for name, inner in sorted(shape.ordered(), key=lambda one: _turn(one[0], shape)):
                if name in args:
                    continue
                value = (
                    self._labelled(name, inner)
                    if labelled_only
                    else self._value(name, inner, required=name in shape.required)
                )
                if value is not None and fits(value, inner):
                    args[name] = value
        return {name: args[name] for name in shape.properties if name in args}

    def _labelled(self, name: str, shape: Shape) -> object:
        """Take what stands beside the parameter's own name: "order 7", "5 days", "colour: red"."""
        if shape.kind in ("array", "object", "boolean") or shape.enum:
            return None
        wanted = heads(name)
        allowed = set(kinds_for(name, shape)) | {"quoted"}
        for fact in self.pool:
            beside = fact.label in wanted or (fact.unit in wanted and fact.unit not in STOP_WORDS)
            if fact.kind in allowed and beside and (value := self._converted(fact, shape)) is not None:
                return self._take(name, fact, value)
        written = re.escape(name).replace("_", "[ _-]")
        explicit = re.search(
            rf"\b{written}\s*[:=]\s*(.+?)(?=[.?!]?(?:\s*[,;\n]|\s+and\s|\s*$))", self.source.text, re.I
        )
        return convert(Fact("word", explicit[1]), shape) if explicit else None

    def _value(self, name: str, shape: Shape, *, required: bool) -> object:
        if shape.enum:
            return self._count(choose_enum(shape, self.source.text))
        match shape.kind:
            case "boolean":
                return self._count(choose_boolean(name, self.source.text))
            case "array":
                return self._array(name, shape.items or Shape(), required=required) or None
            case "object":
                return self._inner_object(shape)
            case "null":
                return None
            case _:
                return self._scalar(name, shape, required=required)

    def _count(self, value: object) -> object:
        self.chosen += value is not None
        return value

    def _scalar(self, name: str, shape: Shape, *, required: bool) -> object:
        kinds = kinds_for(name, shape)
        if required and (value := self._known(name, shape)) is not None:
            self.pool = [fact for fact in self.pool if str(fact.value) != str(value)]
            return value
        if shape.kind in ("integer", "number") and not (required or self.takes_freely):
            return None
        if self.source.is_strict and self._is_doubtful(shape, kinds):
            return None
        for kind in kinds:
            for fact in self._candidates(kind, name, freely=required or self.takes_freely):
                if not (required or is_specific(kinds) or self._stands_apart(fact)):
                    continue
                if (value := self._converted(fact, shape, kind)) is not None:
                    return self._take(name, fact, value)
        return None

    def _is_doubtful(self, shape: Shape, kinds: tuple[str, ...]) -> bool:
        """Whether a fact that no label ties to the parameter may well be meant for something else."""
        if shape.kind in ("integer", "number"):
            return len([fact for fact in self.source.facts if fact.kind in ("number", "money", "percent")]) > 1
        return not shape.format and kinds[-2:] == ("phrase", "date")

    def _known(self, name: str, shape: Shape) -> object:
        """Take what an earlier call returned or was given under this name."""
        same = [value for key, value in self.source.known if key == name]
        mine = heads(name)
        alike = [value for key, value in self.source.known if key != name and heads(key) == mine]
        near = [value for key, value in self.source.known if may_mean(key, name)]
        for value in same + alike + near:
            if fits(value, shape):
                return value
            if isinstance(value, str | int | float) and (converted := convert(Fact("known", value), shape)) is not None:
                return converted
        return None

    def _candidates(self, kind: str, name: str, *, freely: bool) -> list[Fact]:
        if kind == "town" and not any(fact.kind == "name" for fact in self.pool):
            return [Fact("name", text) for text in self._phrases("phrase", name)]
        if kind in ("phrase", "subject", "saying") and self.source.is_strict:
            return []
        if kind in ("phrase", "subject", "saying"):
            phrases = [Fact(kind, text) for text in self._phrases(kind, name)] if freely else []
            self.listed[name] = phrases
            return phrases
        facts = [fact for fact in self.pool if fact.kind == ("name" if kind == "town" else kind)]
        if not (asked := side(name)):
            return facts
        if re.search(r"\badd\b.*\bto\b", self.source.text, re.I) and kind == "date" and len(facts) == 1:
            return facts  # "add 3 weeks to 2027-03-01"
        mine, others = (_BEFORE_START, _NEVER_START) if asked == "start" else (_BEFORE_END, _NEVER_END)
        return sorted((fact for fact in facts if fact.before not in others), key=lambda fact: fact.before not in mine)

    def _converted(self, fact: Fact, shape: Shape, kind: str = "") -> object:
        if kind == "town":
            zone = as_zone(fact)
            return zone if zone is None or fits(zone, shape) else None
        value = convert(fact, shape)
        if shape.format == "date-time" and isinstance(value, str):
            clock = next((other for other in self.pool if other.kind == "time"), None)
            return value.replace("00:00:00", f"{clock.value}:00"[:8]) if clock else value
        return value

    def _stands_apart(self, fact: Fact) -> bool:
        """Whether an optional parameter may take a fact: not one out of a list that another parameter began."""
        if fact.kind not in ("name", "quoted", "code", "email", "path", "number", "money"):
            return False
        groups = group_facts([one for one in self.source.facts if one.kind == fact.kind], self.source.text)
        return next(len(group) == 1 for group in groups if fact in group)

    def _take(self, name: str, fact: Fact, value: object) -> object:
        self.taken[name] = fact
        if fact in self.pool:
            self.pool.remove(fact)
        if fact.kind == "expression":
            self.pool = [other for other in self.pool if other.kind not in ("number", "percent", "money")]
        return value

    def _array(self, name: str, items: Shape, *, required: bool) -> list[object]:
        if items.kind == "object":
            inner = self._inner_object(items)
            return [] if inner is None else [inner]
        if items.enum:
            singles = [Shape(kind=items.kind, enum=(choice,)) for choice in items.enum]
            return [one.enum[0] for one in singles if choose_enum(one, self.source.text) is not None]
        for kind in kinds_for(name, items):
            facts = self._candidates(kind, name, freely=required)
            groups = group_facts(sorted(facts, key=lambda fact: fact.start), self.source.text)
            members = facts if kind in ("phrase", "subject") else max(groups, key=len, default=list[Fact]())
            values = [(fact, self._converted(fact, items, kind)) for fact in members]
            if found := [self._take(name, fact, value) for fact, value in values if value is not None]:
                self.listed.pop(name, None)
                return found
        return []

    def _inner_object(self, shape: Shape) -> dict[str, object] | None:
        args = self.fill_object(shape)
        return args if args and all(name in args for name in shape.required) else None

    def _phrases(self, kind: str, name: str) -> list[str]:
        """Return lower-case words that may be meant: those after a preposition, or what is left of the sentence."""
        text = self.source.text
        if kind == "subject":  # what other parameters took is not part of it
            for fact in sorted(self.taken.values(), key=lambda fact: -fact.start):
                text = text[: fact.start] + text[fact.end :] if fact.end else text
        text = text.strip().rstrip(".?! ")
        if kind == "saying":
            found = re.search(r"(?:\bsaying(?: that)?|\bsays?(?: that)?|\bthat says|:)\s+(.+)$", text, re.I | re.S)
            return [found[1]] if found else []
        if kind == "subject":
            found = re.search(
                r"\b(?:remind (?:me|us) to|about|called|titled|named|for|on|by)\s+(?:the\s+|a\s+|an\s+)?(.+)$",
                text,
                re.I | re.S,
            )
            phrase = self._without_own_words(found[1] if found else text)
            return [phrase] if re.search(r"\w", phrase) else []
        last = re.findall(r"\b(?:in|of|for|at|about|on|to|from|with|by)\s+(?:the\s+)?([^\W\d][\w' ,-]*)", text, re.I)
        pieces = re.split(
            r"\s*,\s*|\s+(?:and|or)\s+(?:in\s+|of\s+|for\s+)?",
            _IS.split(re.split(r"\b(?:in|of|for|at)\s+", last[-1])[-1])[0] if last else "",
        )
        return [re.sub(r"^(?:the|a|an)\s+", "", piece) for piece in pieces if self._is_value(piece, name)]

    def _is_value(self, phrase: str, name: str) -> bool:
        words = re.findall(r"\w+", phrase.lower())
        empty = STOP_WORDS | _TIME_WORDS | VERBS
        own = self.vocabulary | heads(name)
        return 0 < len(words) <= 4 and not all(word in empty or stem(word) in own for word in words)

    def _without_own_words(self, text: str) -> str:
        words = text.split()
        while words and ((word := words[0].strip(",.").lower()) in VERBS | STOP_WORDS or stem(word) in self.vocabulary):
            words.pop(0)
        return " ".join(words)

    def spread(self, shape: Shape, args: dict[str, object]) -> list[dict[str, object]] | None:
        """Return one set of arguments per listed thing ("Oslo, Rome and Paris"), or None if there is no list."""
        for name, inner in shape.ordered():
            if name not in args or inner.kind in ("array", "object"):
                continue
            kinds = kinds_for(name, inner)
            values = [self._converted(fact, inner, _as_asked(fact, kinds)) for fact in self._others(name)]
            if values and all(value is not None for value in values):
                every = list(dict.fromkeys(repr(value) for value in values))
                distinct = [next(value for value in values if repr(value) == text) for text in every]
                return [args, *({**args, name: value} for value in distinct if value != args[name])][:_MOST_CALLS]
        return None

    def _others(self, name: str) -> list[Fact]:
        """Return what is listed together with the fact that a parameter took, if all of it is still free."""
        fact = self.taken.get(name)
        if fact is None:
            return []
        if fact.kind == "phrase":
            return [other for other in self.listed.get(name, []) if other != fact]
        if fact.kind == "expression":
            return [other for other in self.pool if other.kind == "expression"]
        if fact.kind == "currency":
            return []
        group: list[Fact] = []
        for one in group_facts([one for one in self.source.facts if one.kind == fact.kind], self.source.text):
            group = [other for other in one if other != fact] if fact in one else group
        return group if all(other in self.pool for other in group) else []


def _turn(name: str, shape: Shape) -> tuple[bool, bool]:
    """Return when a parameter takes its pick: required ones first, and the first of a pair before the second."""
    return name not in shape.required, side(name) == "end"


def _as_asked(fact: Fact, kinds: tuple[str, ...]) -> str:
    return "town" if fact.kind == "name" and "town" in kinds else fact.kind
