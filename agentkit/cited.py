"""An answer with marks such as [1] behind what is supported, and its sources: as text, Markdown or HTML.

Titles and addresses come from pages that strangers write. They are made harmless here: on one line, escaped, and a link
only if the address is http or https.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from agentkit._checks import check_choice
from agentkit._frozen import frozen
from agentkit.citations import Citation

__all__ = ["CitedForm", "cited"]

CitedForm = Literal["text", "markdown", "html"]

Marks = Mapping[int, Sequence["_Source"]]


@frozen
class _Source:
    """A source in the list. `link` is an address that is safe in Markdown and HTML; empty if it is no link."""

    number: int
    title: str
    url: str
    link: str = field(default="")


def cited(text: str, citations: Sequence[Citation], form: CitedForm) -> str:
    """Return `text` in this form, with marks and sources; without citations there are none.

    Raises:
        ConfigurationError: There is no such form.
    """
    check_choice("form", form, get_args(CitedForm))
    sources, marks = _numbered(text, citations)
    if form == "html":
        return _as_html(text, sources, marks)
    if not sources:
        return text
    return _as_markdown(text, sources, marks) if form == "markdown" else _as_text(text, sources, marks)


def _numbered(text: str, citations: Sequence[Citation]) -> tuple[list[_Source], Marks]:
    """Number the sources in the order in which the text needs them, and find the places of the marks."""
    sources: dict[str, _Source] = {}
    marks: dict[int, list[_Source]] = {}
    for citation in sorted(citations, key=lambda c: (c.end is None, c.end or 0)):
        title, url = _one_line(citation.title), _one_line(citation.url)
        source = _Source(number=len(sources) + 1, title=title or url, url=url, link=_link(citation.url))
        source = sources.setdefault(url or title, source)
        if citation.end is None:
            continue
        here = marks.setdefault(len(text[: citation.end].rstrip()), [])
        here += [source] if source not in here else []
    placed = {end: sorted(here, key=lambda source: source.number) for end, here in sorted(marks.items()) if end > 0}
    return list(sources.values()), placed


def _one_line(words: str) -> str:
    """Return words without line breaks and control characters, which a terminal would obey."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())


def _link(url: str) -> str:
    """Return an http or https address in a form that neither Markdown nor HTML can misread, else nothing."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        is_link = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return quote(url, safe="%/:=&?~#+$,;@[]!'*-._", errors="replace") if is_link and url.isprintable() else ""


def _woven(text: str, marks: Marks, of_text: Callable[[str], str], of_mark: Callable[[_Source], str]) -> str:
    pieces: list[str] = []
    position = 0
    for end, sources in marks.items():
        pieces += [of_text(text[position:end]), *map(of_mark, sources)]
        position = end
    return "".join([*pieces, of_text(text[position:])])


# -- Text --------------------------------------------------------------------------------------------------------------


def _as_text(text: str, sources: Sequence[_Source], marks: Marks) -> str:
    said = _woven(text, marks, str, lambda source: f"[{source.number}]")
    listed = (f"[{source.number}] {_titled(source)}" for source in sources)
    return f"{said}\n\n" + "\n".join(listed)


def _titled(source: _Source) -> str:
    return f"{source.title}: {source.url}" if source.url and source.url != source.title else source.title


# -- HTML --------------------------------------------------------------------------------------------------------------


def _as_html(text: str, sources: Sequence[_Source], marks: Marks) -> str:
    """Return paragraphs and a list. The text is shown as it is: its Markdown, if it has any, is not read."""
    said = _woven(text, marks, _escaped, lambda source: f"<sup>{_anchor(source, f'[{source.number}]')}</sup>")
    blocks = [block.strip("\n") for block in re.split(r"\n{2,}", said)]
    pieces = ["<p>" + block.replace("\n", "<br>\n") + "</p>" for block in blocks if block]
    if sources:
        listed = (f'<li value="{source.number}">{_anchor(source, _titled_html(source))}</li>' for source in sources)
        pieces.append("<ol>\n" + "\n".join(listed) + "\n</ol>")
    return "\n".join(pieces)


def _escaped(words: str) -> str:
    kept = (letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in words)
    return html.escape("".join(kept))


def _titled_html(source: _Source) -> str:
    return source.title if source.link else _titled(source)


def _anchor(source: _Source, words: str) -> str:
    shown = _escaped(words)
    return f'<a href="{html.escape(source.link)}" rel="nofollow noopener">{shown}</a>' if source.link else shown


# -- Markdown ----------------------------------------------------------------------------------------------------------

# Compiled when they are first needed.
_SPECIAL = r"([\\`*_\[\]<>|~&$!#])"
_PUNCTUATION = r"([!-/:-@\[-`{-~])"
_FENCE = r"(?m)^([ \t>]*)(`{3,}|~{3,})([^\n]*)$"
# Within these a mark would be shown as it is, or break what stands there.
_INLINE = r"(?s)(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)|!?\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>|https?://\S+"


def _as_markdown(text: str, sources: Sequence[_Source], marks: Marks) -> str:
    """Return the answer's own Markdown with marks, and sources below. A code fence that is left open is closed."""
    fences = list(_fences(text))
    places: dict[int, list[_Source]] = {}
    for end, here in marks.items():
        place = places.setdefault(_outside(text, end, fences), [])
        place += [source for source in here if source not in place]
    pieces: list[str] = []
    position = 0
    for end, here in sorted(places.items()):
        before = text[position:end]
        after_fence = any(end == fence.stop for fence in fences)
        gap = "\n\n" if after_fence else " " if before.endswith(("!", "\\")) else ""  # `![` begins an image
        pieces += [before, gap, *map(_mark, sorted(here, key=lambda source: source.number)), "\n" * after_fence]
        position = end
    said = "".join([*pieces, text[position:], _closing_fence(text)])
    listed = "  \n".join(f"\\[{source.number}\\] {_entry(source)}" for source in sources)
    return f"{said}\n\n{listed}"


def _mark(source: _Source) -> str:
    shown = f"\\[{source.number}\\]"
    return f"[{shown}]({_destination(source)})" if source.link else shown


def _entry(source: _Source) -> str:
    if source.link:
        title = re.sub(_SPECIAL, r"\\\1", source.title)
        return f"[{title}]({_destination(source)})"
    return re.sub(_PUNCTUATION, r"\\\1", _titled(source))


def _destination(source: _Source) -> str:
    """Return the link as Markdown reads it: an entity in it would be decoded."""
    return re.sub(r"&(?=#?\w+;)", "&amp;", source.link)


def _fences(text: str) -> Iterator[range]:
    """Yield where code fences stand, from the first backtick to the end of the closing line, or of the text."""
    opened: re.Match[str] | None = None
    for line in re.finditer(_FENCE, text):
        if opened is None:
            opened = line if line[2][0] == "~" or "`" not in line[3] else None
        elif _closes(opened, line):
            yield range(opened.start(2), line.end())
            opened = None
    if opened is not None:
        yield range(opened.start(2), len(text) + 1)


def _closes(opened: re.Match[str], line: re.Match[str]) -> bool:
    return line[2].startswith(opened[2]) and not line[3].strip()


def _closing_fence(text: str) -> str:
    last = next((fence for fence in _fences(text) if fence.stop > len(text)), None)
    if last is None:
        return ""
    line = next(line for line in re.finditer(_FENCE, text) if line.start(2) == last.start)
    return ("" if text.endswith("\n") else "\n") + line[1] + line[2]


def _outside(text: str, end: int, fences: Iterable[range]) -> int:
    """Return `end`, or the end of the code, link or address that it stands in."""
    for fence in fences:
        if fence.start < end < fence.stop:
            return min(fence.stop, len(text))
    for span in re.finditer(_INLINE, text):
        if span.start() < end < span.end():
            return span.end()
    return end
