"""An answer with its sources, as text, Markdown and HTML: no title and no address breaks what it stands in."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agentkit import Citation, ConfigurationError
from agentkit.cited import CitedForm, cited

ANSWER = "Spain won! It was in **Berlin**."
UEFA = Citation(title="uefa.example", url="https://uefa.example/euro", text="Spain won!", start=0, end=10)
NEWS = Citation(title="News", url="https://news.example/a?b=1&c=2", text=ANSWER, start=0, end=len(ANSWER))
TEXT = "Spain won![1] It was in **Berlin**.[2]\n\n[1] uefa.example: https://uefa.example/euro\n[2] News: https://news.example/a?b=1&c=2"
MARKDOWN = (
    "Spain won! [\\[1\\]](https://uefa.example/euro) It was in **Berlin**.[\\[2\\]](https://news.example/a?b=1&c=2)\n\n"
    "\\[1\\] [uefa.example](https://uefa.example/euro)  \n\\[2\\] [News](https://news.example/a?b=1&c=2)"
)
LINK = '<a href="{}" rel="nofollow noopener">{}</a>'
FIRST, SECOND = "https://uefa.example/euro", "https://news.example/a?b=1&amp;c=2"
HTML = (
    f"<p>Spain won!<sup>{LINK.format(FIRST, '[1]')}</sup> It was in **Berlin**."
    f"<sup>{LINK.format(SECOND, '[2]')}</sup></p>\n"
    f'<ol>\n<li value="1">{LINK.format(FIRST, "uefa.example")}</li>\n'
    f'<li value="2">{LINK.format(SECOND, "News")}</li>\n</ol>'
)


@pytest.mark.parametrize(("form", "shown"), [("text", TEXT), ("markdown", MARKDOWN), ("html", HTML)])
def test_each_form_has_marks_and_sources(form: CitedForm, shown: str) -> None:
    assert cited(ANSWER, [NEWS, UEFA], form) == shown


@pytest.mark.parametrize(("form", "shown"), [("text", "a < b"), ("markdown", "a < b"), ("html", "<p>a &lt; b</p>")])
def test_an_answer_without_sources_is_itself(form: CitedForm, shown: str) -> None:
    assert cited("a < b", [], form) == shown


def test_an_unknown_form_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigurationError, match=r"form='pdf' is not known. Choose one of 'text', 'markdown', 'html'"):
        cited("Hi.", [], "pdf")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://a.example", "https://", "//a", ""])
def test_only_http_and_https_become_links(url: str) -> None:
    source = Citation(title="Odd", url=url, end=5)

    assert "<a " not in cited("Hello", [source], "html")
    assert links_of(cited("Hello", [source], "markdown")) == []


def test_what_looks_like_an_entity_in_an_address_stays_as_it_is() -> None:
    url = "https://a.example/?q=1&copy;2&lt=3"

    assert links_of(cited("Hi.", [Citation(title="a", url=url)], "markdown")) == [(url, "a")]
    assert 'href="https://a.example/?q=1&amp;copy;2&amp;lt=3"' in cited("Hi.", [Citation(title="a", url=url)], "html")


def test_sources_without_an_address_are_told_apart_by_their_titles() -> None:
    sources = [Citation(title="a.pdf", url="", end=2), Citation(title="b.pdf", url="", end=5)]

    assert cited("A. B.", sources, "text") == "A.[1] B.[2]\n\n[1] a.pdf\n[2] b.pdf"


def test_what_a_terminal_would_obey_and_line_breaks_are_taken_out_of_titles() -> None:
    source = Citation(title="\x1b[2JNews\r\n[9] forged: https://evil.example", url="https://a.example")

    assert cited("Hi.", [source], "text").splitlines()[2:] == [
        "[1] [2JNews [9] forged: https://evil.example: https://a.example"
    ]


def test_a_mark_stands_behind_the_last_word_and_not_on_the_next_line() -> None:
    said = "One.\n\n- Two."

    assert cited(said, [Citation(title="a", url="https://a.example", end=6)], "text").startswith("One.[1]\n\n- Two.")


WHERE = [
    pytest.param("```py\nx = 1\n```\nDone.", "x =", "```py\nx = 1\n```\n\n{}\n\nDone.", id="a-code-block"),
    pytest.param("See `a.b()` there.", "a.b", "See `a.b()`{} there.", id="code"),
    pytest.param(
        "See [the page](https://b.example/x) there.", "the", "See [the page](https://b.example/x){} there.", id="a-link"
    ),
    pytest.param("See https://b.example/x there.", "b.example", "See https://b.example/x{} there.", id="an-address"),
    pytest.param("It won! Yes.", "won!", "It won! {} Yes.", id="before-it-would-be-an-image"),
]


@pytest.mark.parametrize(("said", "words", "shown"), WHERE)
def test_a_mark_in_markdown_stands_outside_of(said: str, words: str, shown: str) -> None:
    source = Citation(title="a", url="https://a.example", end=said.index(words) + len(words))

    assert cited(said, [source], "markdown").startswith(shown.format("[\\[1\\]](https://a.example)"))


def test_a_code_block_that_was_cut_does_not_swallow_the_sources() -> None:
    shown = cited("Look:\n~~~py\nx = 1", [Citation(title="a", url="https://a.example")], "markdown")

    assert shown.startswith("Look:\n~~~py\nx = 1\n~~~\n\n")
    assert links_of(shown) == [("https://a.example", "a")]


# -- Whatever pages are called -----------------------------------------------------------------------------------------

ODD = "ab1 \\`*_[]()<>#+-.!|~&;$\"'{}:/=?@\n\t\x00\x1b\u2028é🌞"
nasty = st.text(st.sampled_from(ODD) | st.characters(), max_size=24)
urls = nasty.map("https://a.example/{}".format) | nasty.map("http://{}".format) | nasty | st.just("javascript:alert(1)")
found = st.builds(lambda title, url, end: Citation(title=title, url=url, end=end), nasty, urls, st.integers(-1, 60))
several = st.lists(found.map(lambda one: one if one.end != -1 else Citation(title=one.title, url=one.url)), max_size=5)
answers = st.text(st.sampled_from("ab. \n`~!\\[]()*_<>#-|\té🌞&\"'"), max_size=60)


def plain(words: str) -> list[str]:
    """Return the words that a person sees, whatever separates them."""
    return "".join(letter if letter.isprintable() else " " for letter in words).split()


def expected(citations: list[Citation]) -> list[tuple[list[str], str]]:
    """Return the words of each line of the list, and its address: each source once, in the order of need."""
    lines: dict[str, tuple[list[str], str]] = {}
    for one in sorted(citations, key=lambda c: (c.end is None, c.end or 0)):
        title, url = plain(one.title) or plain(one.url), plain(one.url)
        number = [f"[{len(lines) + 1}]"]
        words = [*title[:-1], title[-1] + ":", *url] if url and title != url else title
        lines.setdefault(" ".join(url or title), (number + words, " ".join(url)))
    return list(lines.values())


def read(markdown: str) -> list[tuple[str, list[str]]]:
    """Return what a Markdown reader shows of the last paragraph, line by line, with the addresses of links."""
    inline = [token for token in MarkdownIt("commonmark", {"html": False}).parse(markdown) if token.type == "inline"]
    lines: list[tuple[str, list[str]]] = [("", [])]
    for token in inline[-1].children or []:
        assert token.type in ("text", "hardbreak", "softbreak", "link_open", "link_close"), token.type
        if token.type.endswith("break"):
            lines.append(("", []))
        hrefs = [str(token.attrs["href"])] if token.type == "link_open" else []
        lines[-1] = (lines[-1][0] + token.content, [*lines[-1][1], *hrefs])
    return lines


def links_of(markdown: str) -> list[tuple[str, str]]:
    """Return the links of the list of sources, with what stands behind the number."""
    return [(href, shown.partition(" ")[2]) for shown, hrefs in read(markdown) for href in hrefs]


@given(answers, several.filter(bool))
def test_whatever_pages_are_called_each_is_one_line_of_the_list_in_markdown(
    said: str, citations: list[Citation]
) -> None:
    lines = read(cited(said, citations, "markdown"))

    wanted = expected(citations)
    assert len(lines) == len(wanted)
    for (shown, hrefs), (words, url) in zip(lines, wanted, strict=True):
        assert hrefs == [] or unquote(hrefs[0]).replace(" ", "") == unquote(url).replace(" ", "")
        assert plain(shown) == words if not hrefs else words[: len(plain(shown))]
        assert len(hrefs) <= 1
        assert all(href.startswith(("http://", "https://")) for href in hrefs)


@given(answers, several)
def test_marks_in_markdown_make_no_images(said: str, citations: list[Citation]) -> None:
    def images(markdown: str) -> int:
        blocks = MarkdownIt("commonmark", {"html": False}).parse(markdown)
        return sum(token.type == "image" for block in blocks for token in block.children or [])

    assert images(cited(said, citations, "markdown")) <= images(said)


@given(answers, several)
def test_without_its_marks_and_list_the_text_is_the_answer(said: str, citations: list[Citation]) -> None:
    wanted = expected(citations)
    below = 1 + len(wanted) if wanted else 0
    lines = cited(said, citations, "text").split("\n")
    body, listed = lines[: len(lines) - below], lines[len(lines) - below + 1 :]

    assert re.sub(r"\[\d+\]", "", "\n".join(body)) == said
    assert [plain(line) for line in listed] == [words for words, _ in wanted]


class Reader(HTMLParser):
    """Reads HTML, and refuses what should not be there. Notes addresses, and the text outside of marks and list."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.hrefs: list[str] = []
        self.seen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("p", "sup", "a", "ol", "li", "br")
        assert {name for name, _ in attrs} <= {"href", "rel", "value"}
        self.hrefs += [str(value) for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"sup", "ol"} & set(self.open):
            self.seen += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"neither a tag nor text: {data!r}")

    handle_decl = handle_pi = unknown_decl = handle_comment


@given(nasty | answers, several)
def test_whatever_pages_are_called_and_the_answer_says_the_html_is_whole(said: str, citations: list[Citation]) -> None:
    reader = Reader()
    reader.feed(cited(said, citations, "html"))
    reader.close()

    kept = "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in said
    )
    assert not reader.open
    assert "".join(reader.seen.split()) == "".join(kept.split())
    assert all(re.fullmatch(r"https?://[^\s<>\"]+", href) for href in reader.hrefs)
