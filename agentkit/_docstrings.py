"""What a docstring says about a function: what it does, what each parameter means, what comes back.

The style (Google, NumPy, Sphinx/reST, Epydoc) is found by itself. This is the only file that imports docstring_parser.
"""

import re
from dataclasses import dataclass, field

import docstring_parser

# A docstring that begins with a section has no summary, and the parser would take the heading for one.
_BEGINS_WITH_SECTION = re.compile(
    r"\s*(?:(?:args|arguments|parameters|params|returns?|raises|yields)\s*:\s*$|\w+\s*\n\s*-{3,}\s*$|[:@]\w+)",
    re.IGNORECASE | re.MULTILINE,
)
_STAND_IN = "Summary."


@dataclass(frozen=True)
class Docstring:
    """A docstring taken apart. Texts are empty where nothing is said; `parameters` has one line of text per name."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    returns: str = ""


def read_docstring(text: str | None) -> Docstring:
    """Return the parts of a docstring. Never fails: a text that no style fits is a description as a whole."""
    if not text or not text.strip():
        return Docstring()
    has_summary = not _BEGINS_WITH_SECTION.match(text)
    try:
        parsed = docstring_parser.parse(text if has_summary else f"{_STAND_IN}\n\n{text}")
    except (docstring_parser.ParseError, IndexError):  # the latter for a field without a name, ": :"
        return Docstring(description=text.strip())

    parameters: dict[str, str] = {}
    for parameter in parsed.params:
        for name in parameter.arg_name.split(","):  # NumPy: "x, y : float"
            parameters.setdefault(name.strip(" \\*"), _one_line(parameter.description))
    returned = _one_line(parsed.returns.description) if parsed.returns else ""
    return Docstring(_description(parsed) if has_summary else "", parameters, returned)


def _description(parsed: docstring_parser.Docstring) -> str:
    gap = "\n\n" if parsed.blank_after_short_description else "\n"
    return gap.join(part.strip() for part in (parsed.short_description, parsed.long_description) if part)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
