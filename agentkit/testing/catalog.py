"""The catalog of the judge's rules: what each code means, where it applies, and what to do about it.

`python -m agentkit.testing.catalog` prints it as the Markdown that is kept in `RULES.md`, beside this file.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from agentkit.testing.finding import Backend, Profile, code_of
from agentkit.testing.rules_texts import TEXTS, Text

__all__ = ["CATALOG", "Entry", "to_markdown"]

_ALL: Final[tuple[Profile, ...]] = get_args(Profile)
_GOOGLE: Final[tuple[Profile, ...]] = ("google",)

Weight = Literal["error", "warning", "both"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One rule.

    Attributes:
        rule: Its number in the protocol sheet, section 14.2; E29 and E30 go beyond its list.
        title: What it demands, in a few words.
        weight: Whether it finds errors, warnings, or both.
        profiles: Who can break it.
        generations: Whose models it holds for.
        fix: What to do, in one sentence; a finding says it with the values at hand.
    """

    rule: str
    title: str
    weight: Weight
    profiles: tuple[Profile, ...]
    generations: str
    fix: str

    @property
    def code(self) -> str:
        """The code of its findings, for example `"AK108"`."""
        return code_of(self.rule)


def _entry(
    rule: str,
    title: str,
    fix: str,
    *,
    weight: Weight = "error",
    profiles: tuple[Profile, ...] = _ALL,
    generations: str = "all",
) -> Entry:
    return Entry(rule=rule, title=title, weight=weight, profiles=profiles, generations=generations, fix=fix)


_ENTRIES: Final[Sequence[Entry]] = (
    _entry("E1", "Only known keys", "Leave the key out, or send it where the backend knows it."),
    _entry("E2", "Right JSON types", "Send a value of the type that is named; one value where no list belongs."),
    _entry("E3", "One kind of data in a part", "Send the kinds as parts of their own."),
    _entry("E4", "No part without data", "Leave out parts that hold nothing.", profiles=_GOOGLE),
    _entry("E5", "Contents with parts", "Send at least one content, and none without parts."),
    _entry(
        "E6",
        "Role user or model",
        "Send 'user' or 'model' with every content.",
        weight="both",
        generations="all; 'function' until 3.5",
    ),
    _entry("E7", "Parts on the right side", "Calls belong to the model, responses to the user.", weight="both"),
    _entry(
        "E8",
        "Calls and responses follow each other",
        "Answer every call exactly once, in the user content right after it.",
        weight="both",
    ),
    _entry("E9", "The user has the last word", "End with a user content.", generations="3.6+"),
    _entry(
        "E10",
        "Nothing after a response",
        "Put texts and media into a user content of their own, after the responses.",
        weight="both",
        generations="error from 3.6 on behind Vertex AI, else a warning",
    ),
    _entry(
        "E11",
        "Responses match their calls",
        "Send the id and the name of the call back.",
        weight="both",
        generations="error on Google's endpoint from 3.5 on (an empty answer), on Vertex AI from 3.7 on",
    ),
    _entry(
        "E12",
        "A response is a JSON object",
        "Send an object, with media in `parts` from Gemini 3 on, without `$ref`.",
        weight="both",
    ),
    _entry(
        "E13",
        "The first call of a step is signed",
        "Send the model's content back exactly as it came.",
        weight="both",
        generations="3+",
    ),
    _entry(
        "E14",
        "Signatures come back unchanged",
        "Send each signature back on its own part; for foreign calls send the documented dummy in base64.",
        weight="both",
        generations="3+",
    ),
    _entry(
        "E15",
        "Function names",
        "Use letters, digits and '_', at most 64, each name once, with a description.",
        weight="both",
    ),
    _entry("E16", "One schema for an object", "Send parametersJsonSchema only, and let it describe an object."),
    _entry(
        "E17",
        "Schemas the service reads",
        "Give every node a type that fits its keywords, or send JSON Schema.",
        weight="both",
    ),
    _entry(
        "E18",
        "Not too many array limits",
        "Leave maxItems out, or say the limits in the descriptions.",
        weight="both",
        generations="3+",
    ),
    _entry(
        "E19",
        "A calling mode needs functions",
        "Send functionCallingConfig only together with functions.",
        weight="both",
        profiles=_GOOGLE,
    ),
    _entry("E20", "Allowed names fit the mode", "Send declared names, with ANY or VALIDATED.", weight="both"),
    _entry(
        "E21",
        "Gemini's own tools beside functions",
        "From Gemini 3 on set the flag, on Google's endpoint; elsewhere make two requests.",
        weight="both",
    ),
    _entry(
        "E22",
        "The flag for server-side tools",
        "Set includeServerSideToolInvocations for Gemini 3 and newer on Google's endpoint only.",
        generations="<3; all behind Vertex AI",
    ),
    _entry(
        "E23",
        "JSON output beside tools",
        "Ask for JSON in a last request without tools, or take a newer model.",
        weight="both",
        generations="<3",
    ),
    _entry("E24", "Thinking settings", "Send a level from Gemini 3 on, a budget before, never both.", weight="both"),
    _entry("E25", "Cached contents", "Put instructions and tools into the cache, and send its name alone."),
    _entry(
        "E26", "Numbers and formats of the output", "Keep to the ranges, and ask for what the model has.", weight="both"
    ),
    _entry(
        "E27",
        "The service's tool parts come back",
        "Send every toolCall and toolResponse of an answer back, unchanged.",
        weight="both",
        profiles=_GOOGLE,
    ),
    _entry(
        "E28",
        "Continuation tokens",
        "Send the last answer's token with the very same request.",
        weight="both",
        generations="4",
    ),
    _entry(
        "E29", "Media and links", "Send plain MIME types, bytes or files that the service can reach.", weight="both"
    ),
    _entry(
        "E30", "Safety settings and labels", "Send one setting per known category, and plain labels.", weight="both"
    ),
)

CATALOG: Final = {entry.code: entry for entry in _ENTRIES}
"""Every rule by its code."""


def to_markdown() -> str:
    """Return the catalog as Markdown: a table of the rules, and a table of what each of them says."""
    return "\n".join([*_head(), *_rules(), "", *_head_of_texts(), *_texts()]) + "\n"


def _head() -> Iterator[str]:
    yield "# The rules of the judge"
    yield ""
    yield "Made by `python -m agentkit.testing.catalog`; change `catalog.py` and `rules_texts.py` instead of this file."
    yield ""
    yield "| code | rule | what it demands | finds | profiles | models | what to do |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"


def _rules() -> Iterator[str]:
    for entry in _ENTRIES:
        weight = "errors and warnings" if entry.weight == "both" else f"{entry.weight}s"
        yield _row(entry.code, entry.rule, entry.title, weight, _who(entry), entry.generations, entry.fix)


def _head_of_texts() -> Iterator[str]:
    yield "## What they say"
    yield ""
    yield "Names in braces stand for values. *Unverified*: no source has the service's words, these are in its manner."
    yield "*Silent*: the service takes the request and says nothing; these are the judge's words, as a warning."
    yield ""
    yield "| code | mistake | who | words | known |"
    yield "| --- | --- | --- | --- | --- |"


def _texts() -> Iterator[str]:
    for entry in _ENTRIES:
        for mistake, text in TEXTS.items():
            if text.rule == entry.rule:
                yield from _rows_of_text(entry, mistake, text)


def _rows_of_text(entry: Entry, mistake: str, text: Text) -> Iterator[str]:
    backends: tuple[Backend, ...] = ("google",) if text.vertex is None else ("google", "vertex")
    for backend in backends:
        who = _who(entry) if text.vertex is None else backend
        yield _row(entry.code, mistake, who, _quoted(text.template_on(backend)), text.source_on(backend))


def _who(entry: Entry) -> str:
    return "all" if entry.profiles == _ALL else ", ".join(entry.profiles)


def _quoted(words: str) -> str:
    """Words as code; line ends shown, and a fence that is longer than the backticks inside."""
    shown = words.replace("\n", "\\n")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(to_markdown())
