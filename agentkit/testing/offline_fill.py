"""Fills the parameters of a function from a text. What the text does not give stays missing: nothing is invented."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentkit.testing.offline_facts import Fact, group_facts
from agentkit.testing.offline_kinds import (
    as_zone,
    choose_boolean,
    choose_enum,
    convert,
    heads,
    is_counted,
    is_marked,
    is_meant,
    is_specific,
    kinds_for,
    may_mean,
    side,
)
from agentkit.testing.offline_phrases import Phrases
from agentkit.testing.offline_schema import Shape
from agentkit.testing.offline_values import fits
from agentkit.testing.offline_words import STOP_WORDS, stem, stems

_MOST_CALLS = 12
_BEFORE_START = frozenset({"from", "since", "between", "starting", "after"})
_BEFORE_END = frozenset({"to", "until", "till", "and", "into", "in", "before", "by"})
_NEVER_START = frozenset({"to", "until", "till", "into"})
_NEVER_END = frozenset({"from", "since"})


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


def fill(shape: Shape, source: Source, vocabulary: Sequence[str] = (), described: Sequence[str] = ()) -> Filling:
    """Fill the properties of an object from a source.

    Args:
        shape: The object.
        source: What to take the values from.
        vocabulary: Stems of the function's own words, which are never values ("books" of `search_books`).
        described: Stems of its description, which are no values beside its own words ("to my todo list").
    """
    parameters = frozenset(stem(name) for name in shape.properties)
    filler = _Filler(source, frozenset(vocabulary), frozenset(described), parameters, takes_freely=not shape.required)
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

    def __init__(
        self,
        source: Source,
        vocabulary: frozenset[str],
        described: frozenset[str],
        parameters: frozenset[str],
        *,
        takes_freely: bool,
    ) -> None:
        self.source = source
        self.vocabulary = vocabulary
        self.phrases = Phrases(source.text, vocabulary, described, parameters)
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
        return {name: args[name] for name in shape.properties if name in args and not _is_mixed_up(name, shape, args)}

    def _labelled(self, name: str, shape: Shape) -> object:
        """Take what stands beside the parameter's own name: "order 7", "5 days", "colour: red"."""
        if shape.kind in ("array", "object", "boolean") or shape.enum:
            return None
        wanted = heads(name)
        allowed = set(kinds_for(name, shape)) | {"quoted"}
        for fact in self.pool:
            beside = fact.label in wanted or (fact.unit in wanted and fact.unit not in STOP_WORDS)
            marked = shape.kind == "string" and (is_marked(fact, name) or fact.label in wanted)
            marked = marked and fact.kind in ("name", "quoted") and not is_specific(kinds_for(name, shape))
            beside = beside or is_counted(fact, name, self.vocabulary)
            if (marked or (beside and fact.kind in allowed)) and (value := self._converted(fact, shape)) is not None:
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
        if required and not self._is_said(kinds[0], name) and (value := self._known(name, shape)) is not None:
            self.pool = [fact for fact in self.pool if str(fact.value) != str(value)]
            return value
        if self.source.is_strict and self._is_doubtful(shape, kinds):
            return None
        for kind in kinds:
            for fact in self._candidates(kind, name, freely=required or self.takes_freely):
                if not (required or is_specific(kinds) or self._may_take(fact, name, shape)):
                    continue
                if (value := self._converted(fact, shape, kind)) is not None:
                    return self._take(name, fact, value)
        if required and "phrase" in kinds and not self.source.is_strict:
            words = self.phrases.beside_own_words(name, self.source.facts)
            return self._take(name, Fact("word", words), words) if words else None
        return None

    def _may_take(self, fact: Fact, name: str, shape: Shape) -> bool:
        """Whether an optional parameter may take a fact that no label ties to it."""
        if shape.kind in ("integer", "number") and not self.takes_freely:
            return is_meant(fact, name)
        return fact.kind == "saying" or self._stands_apart(fact)

    def _is_said(self, kind: str, name: str) -> bool:
        """Whether the text itself gives one of a pair: "convert it to EUR" for `to_currency`."""
        mine = {"start": _BEFORE_START, "end": _BEFORE_END}.get(side(name), frozenset[str]())
        return any(fact.kind == kind and fact.before in mine for fact in self.pool)

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
        if kinds_for(name, shape)[0] == "email":
            said = [fact.value for fact in self.pool if fact.kind == "email"]
            near += said or [value for key, value in self.source.known if stem(key) == "email" and value]
        for value in same + alike + near:
            if fits(value, shape):
                return value
            if isinstance(value, str | int | float) and (converted := convert(Fact("known", value), shape)) is not None:
                return converted
        return None

    def _candidates(self, kind: str, name: str, *, freely: bool) -> list[Fact]:
        if kind == "town" and not any(fact.kind == "name" for fact in self.pool):
            return [Fact("name", text) for text in self.phrases.find("phrase", name, self.taken.values())]
        if kind in ("phrase", "subject", "saying") and self.source.is_strict:
            return []
        if kind in ("phrase", "subject", "saying"):
            found = self.phrases.find(kind, name, self.taken.values()) if freely or kind == "saying" else []
            self.listed[name] = [Fact(kind, text) for text in found]
            return self.listed[name]
        facts = [fact for fact in self.pool if fact.kind == ("name" if kind == "town" else kind)]
        if not (asked := side(name)):
            return facts
        if re.search(r"\badd\b.*\bto\b", self.source.text, re.I) and kind == "date" and len(facts) == 1:
            return facts  # "add 3 weeks to 2027-03-01"
        mine, others = (_BEFORE_START, _NEVER_START) if asked == "start" else (_BEFORE_END, _NEVER_END)
        if kind in ("unit", "currency"):  # "How many yen are 20 dollars?": what has a number is converted
            return sorted(facts, key=lambda fact: self._has_number(fact) != (asked == "start"))
        return sorted((fact for fact in facts if fact.before not in others), key=lambda fact: fact.before not in mine)

    def _has_number(self, fact: Fact) -> bool:
        ahead, behind = self.source.text[: fact.start], self.source.text[fact.end :]
        return bool(re.search(r"\d\s*(?:thousand|million|billion|k)?\s*$", ahead) or re.match(r"\s?\d", behind))

    def _converted(self, fact: Fact, shape: Shape, kind: str = "") -> object:
        if kind == "town":
            zone = as_zone(fact)
            return zone if zone is None or fits(zone, shape) else None
        value = convert(fact, shape)
        if shape.format == "date-time" and isinstance(value, str):
            clock = next((other for other in self.pool if other.kind == "time"), None)
            return _at_time(value, str(clock.value)) if clock else value
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
            if counted := self._counted_things(items):
                return counted
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

    def _counted_things(self, items: Shape) -> list[object]:
        """Return "2 pizzas and 3 colas" as objects, where members are made of one text and one number."""
        kinds = {inner.kind: name for name, inner in items.ordered() if name in items.required}
        if len(items.required) != 2 or "string" not in kinds or not kinds.keys() & {"integer", "number"}:
            return []
        members: list[object] = []
        for fact in [one for one in self.pool if one.kind == "number"]:
            thing = re.match(r"\s+([^\W\d_][\w'’-]*)", self.source.text[fact.end :])
            number = kinds.get("integer") or kinds["number"]
            member = {kinds["string"]: thing[1], number: fact.value} if thing else {}
            if thing and thing[1].lower() not in STOP_WORDS and fits(member, items):
                self.pool.remove(fact)
                members.append(member)
        return members

    def _inner_object(self, shape: Shape) -> dict[str, object] | None:
        args = self.fill_object(shape)
        return args if args and all(name in args for name in shape.required) else None

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
        if fact.kind in ("phrase", "subject"):
            return [other for other in self.listed.get(name, []) if other != fact]
        if fact.kind == "expression":
            return [other for other in self.pool if other.kind == "expression"]
        if fact.kind == "currency":
            return []
        group: list[Fact] = []
        for one in group_facts([one for one in self.source.facts if one.kind == fact.kind], self.source.text):
            group = [other for other in one if other != fact] if fact in one else group
        return group if all(other in self.pool for other in group) else []


def _at_time(midnight: str, clock: str) -> str:
    """Return a day, written as its midnight in UTC, at another time: "09:30", "09:30:00" or "09:30:00+02:00"."""
    told = clock if clock.count(":") > 1 else f"{clock}:00"
    return midnight.replace("00:00:00Z" if len(told) > len("00:00:00") else "00:00:00", told)


def _turn(name: str, shape: Shape) -> tuple[bool, bool, bool]:
    """Return when a parameter takes its pick: free texts last, required ones first, the first of a pair before."""
    inner = shape.properties[name]
    is_required = name in shape.required
    return (
        _is_free_text(name, shape) or (inner.kind == "array" and not is_required),
        not is_required,
        side(name) == "end",
    )


def _is_free_text(name: str, shape: Shape) -> bool:
    inner = shape.properties[name]
    return inner.kind == "string" and not inner.enum and bool({"subject", "saying"} & set(kinds_for(name, inner)))


def _is_mixed_up(name: str, shape: Shape, args: Mapping[str, object]) -> bool:
    """Whether a text is surely another parameter's: a word of its enum, or the other end of a pair."""
    value = args[name]
    if not isinstance(value, str) or shape.properties[name].enum:
        return False
    words = {str(choice).lower() for inner in shape.properties.values() for choice in inner.enum}
    is_pair = bool(side(name)) and any(side(other) and other != name and args[other] == value for other in args)
    return is_pair or (value.lower() in words and not _is_free_text(name, shape))


def _as_asked(fact: Fact, kinds: tuple[str, ...]) -> str:
    return "town" if fact.kind == "name" and "town" in kinds else fact.kind
