"""Values that are plain words: a noun after a preposition, what is said, and what a sentence is about."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agentkit.testing.offline_facts import Fact
from agentkit.testing.offline_kinds import heads
from agentkit.testing.offline_words import QUESTION_WORDS, STOP_WORDS, VERBS, is_alike, stem, stems, word_set

_IS = re.compile(r"\s+(?:is|are|was|were|has|have|than|to|at|on|with|from)\b", re.I)
_TOLD = re.compile(r"(?:\bsaying(?: that)?|\bsays?(?: that)?|\bthat says|\bbecause|:)\s+(.+)$", re.I | re.S)
_DANGLING = re.compile(
    r"(?:(?:^|\s+)(?:at|on|by|for|in|under|over|below|above|with|to|from|of|and|called)\b\W*)+$", re.I
)
_ABOUT = re.compile(
    r"\b(?:remind (?:me|us)(?:\s+\0+)? to|about|called|titled|named|for|on|by)\s+(?:the\s+|a\s+|an\s+)?([^\s\0].*)$",
    re.I | re.S,
)
_TAIL = re.compile(r"(.+?)\s+(?:to|on|in|from|at|for)\s+((?:(?:my|the|our|your|a)\s+)?[^,.]+)", re.I | re.S)
_LIST = re.compile(r"(?:[\w' -]+, )+[\w' -]+,? and [\w' -]+")
_ONE_BY_ONE = frozenset(map(stem, ("add", "create", "delete", "remove", "buy")))
_EMPTY = STOP_WORDS | VERBS | word_set("today tomorrow yesterday now moment right week month year tonight detail short")


@dataclass(frozen=True)
class Phrases:
    """A text, read for one function.

    Attributes:
        text: What was asked.
        vocabulary: Stems of the function's own words, which are never values ("books" of `search_books`).
        described: Stems of its description, which are no values beside its own words ("to my todo list").
        parameters: Stems of its parameters' names: what begins with one is another one's ("with subject Hi").
    """

    text: str
    vocabulary: frozenset[str]
    described: frozenset[str]
    parameters: frozenset[str]

    def find(self, kind: str, name: str, taken: Collection[Fact]) -> list[str]:
        """Return what may be meant for a parameter.

        Args:
            kind: `"phrase"`: plain nouns; `"saying"`: what is told or given as a reason; `"subject"`: what is left.
            name: The parameter.
            taken: The facts that other parameters have taken.
        """
        match kind:
            case "saying":
                told = _TOLD.search(self._rest(taken))
                return [_DANGLING.sub("", told[1].partition("\0")[0])] if told else []
            case "subject":
                subject = self._subject(self._rest(taken))
                is_list = self.vocabulary & _ONE_BY_ONE and _LIST.fullmatch(subject)
                return re.split(r",? and |, ", subject) if is_list else [subject] if subject else []
            case _:
                return self._nouns(name)

    def beside_own_words(self, name: str, facts: Iterable[Fact]) -> str:
        """Return the one run of plain words beside a noun of the function's name: "bedroom" of "the bedroom light"."""
        verbs = {stem(verb) for verb in VERBS}
        given = [range(fact.start, fact.end) for fact in facts]
        words = list(re.finditer(r"[^\W\d_][\w'’-]*|[^\w\s]", self.text))

        def sort(word: re.Match[str]) -> str:
            if stem(word[0]) in self.vocabulary - verbs:
                return "n"
            is_empty = word[0].lower() in _EMPTY | QUESTION_WORDS or self._is_own(word[0]) or not word[0][0].isalpha()
            return "x" if is_empty or any(word.start() in span for span in given) else "p"

        runs = list(re.finditer(r"(?<=n)p{1,3}(?!p)|(?<!p)p{1,3}(?=n)", "".join(map(sort, words))))
        if len(runs) != 1:
            return ""
        found = self.text[words[runs[0].start()].start() : words[runs[0].end() - 1].end()]
        return found if set(stems(found)) - heads(name) else ""

    def _nouns(self, name: str) -> list[str]:
        text = self.text.strip().rstrip(".?! ")
        last = re.findall(r"\b(?:in|of|for|at|about|on|to|from|with|by)\s+(?:the\s+)?([^\W\d][\w' ,-]*)", text, re.I)
        listed = re.sub(r"\s+(and|or)\s+(?:in|of|for|at)\s+", r" \1 ", last[-1]) if last else ""
        parts = re.split(r"\b(?:in|of|for|at)\s+", listed)
        words = [part for part in parts if not part[:1].isdigit()]
        listed = _IS.split(words[-1])[0] if words else ""
        pieces = re.split(r"\s*,\s*|\s+(?:and|or)\s+(?:in\s+|of\s+|for\s+)?", listed)
        nouns = [re.sub(r"^(?:the|a|an)\s+", "", self._without_last_words(piece, name)) for piece in pieces]
        return [noun for noun in nouns if self._is_value(noun, name)]

    def _without_last_words(self, phrase: str, name: str) -> str:
        """Return "kitchen" for "kitchen light" where the function is about lights."""
        words = phrase.split()
        while len(words) > 1 and stem(words[-1]) in (self.vocabulary | self.described) - heads(name):
            words.pop()
        return " ".join(words)

    def _is_value(self, phrase: str, name: str) -> bool:
        words = re.findall(r"\w+", phrase.lower())
        own = self.vocabulary | heads(name)
        if words and stem(words[0]) in self.parameters - heads(name):
            return False
        empty = [word for word in words if word in _EMPTY or word.isdigit() or stem(word) in own]
        return len(empty) < len(words) <= 4

    def _rest(self, taken: Collection[Fact]) -> str:
        """Return the text with a NUL in place of each fact that was taken."""
        text = self.text
        for fact in sorted(taken, key=lambda fact: -fact.start):
            text = f"{text[: fact.start]}\0{text[fact.end :]}" if fact.end else text
        return text.strip().rstrip(".?! ")

    def _subject(self, rest: str) -> str:
        """Return what the sentence is about, without the words that only name the function."""
        text = re.split(r"\s(?:saying|because)\s", rest)[0]
        about = _ABOUT.search(text)
        about = None if about and self._says_nothing(about[1]) else about  # "on my todo list"
        phrase = (about[1] if about else self._without_own_words(text.split())).lstrip("\0 ").partition("\0")[0]
        phrase = _DANGLING.sub("", phrase).strip(" ,;:")
        tail = _TAIL.fullmatch(phrase)
        phrase = tail[1] if tail and self._says_nothing(tail[2]) else phrase
        return phrase if re.search(r"\w", phrase) else ""

    def _says_nothing(self, text: str) -> bool:
        """Whether a text only names the function's own thing: "my todo list", "the web"."""
        words = stems(text)
        return bool(self.vocabulary.intersection(words)) and (self.vocabulary | self.described).issuperset(words)

    def _without_own_words(self, words: Sequence[str]) -> str:
        for place, word in enumerate(words):
            plain = word.strip(",.:").lower()
            if plain not in VERBS | STOP_WORDS | QUESTION_WORDS and not self._is_own(plain):
                return " ".join(words[place:])
            if word.endswith(":"):  # "Add a todo: call the dentist"
                return " ".join(words[place + 1 :])
        return ""

    def _is_own(self, word: str) -> bool:
        return stem(word) in self.vocabulary or is_alike(stem(word), self.vocabulary)
