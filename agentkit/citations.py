"""Where an answer comes from: grounding, URL metadata and quotations -> citations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agentkit import wire
from agentkit._frozen import frozen

__all__ = ["Citation", "read_citations"]


@frozen
class Citation:
    """One source of an answer, and what it supports.

    Attributes:
        title: The source's title, or its domain or URL if it has none.
        url: Where it is. Google Search gives redirect links.
        text: The piece of the answer that it supports; empty if the service named none.
        start: Where the piece begins in the answer's text, in characters; None if it is not known.
        end: Where it ends.
    """

    title: str
    url: str
    text: str = ""
    start: int | None = None
    end: int | None = None


def read_citations(candidate: wire.Candidate) -> list[Citation]:
    """Return the citations of one answer: what grounding supports, then sources without a span, then quotations."""
    content = candidate.content or wire.Content(role="model", parts=[])
    found = [*_grounded(candidate, content), *_read_pages(candidate), *_quoted(candidate, content.text)]
    spans = {(citation.title, citation.url) for citation in found if citation.text}
    seen: set[Citation] = set()
    unique: list[Citation] = []
    for citation in found:
        if citation in seen or (not citation.text and (citation.title, citation.url) in spans):
            continue
        seen.add(citation)
        unique.append(citation)
    return unique


def _grounded(candidate: wire.Candidate, content: wire.Content) -> Iterator[Citation]:
    metadata = candidate.grounding_metadata
    if metadata is None:
        return
    chunks = metadata.grounding_chunks or []
    for support in metadata.grounding_supports or []:
        span = _find_span(content, support.segment) if support.segment else None
        for index in support.grounding_chunk_indices or []:
            source = _source(chunks[index]) if 0 <= index < len(chunks) else None  # the list can be shorter
            if source is not None:
                text = (support.segment.text or "") if support.segment else ""
                start, end = span or (None, None)
                yield Citation(title=source[0], url=source[1], text=text, start=start, end=end)
    for source in filter(None, map(_source, chunks)):
        yield Citation(title=source[0], url=source[1])


def _source(chunk: wire.GroundingChunk) -> tuple[str, str] | None:
    """Return the title and URL of a grounding chunk of any kind; None for an empty one."""
    if chunk.image is not None:
        url, title = chunk.image.source_uri or chunk.image.image_uri, chunk.image.title or chunk.image.domain
    elif chunk.web is not None:
        url, title = chunk.web.uri, chunk.web.title or chunk.web.domain
    elif chunk.maps is not None:
        url, title = chunk.maps.uri, chunk.maps.title
    elif chunk.retrieved_context is not None:
        context = chunk.retrieved_context
        url, title = context.uri or context.document_name or context.file_search_store, context.title
    else:
        return None
    return (title or url or "", url or "") if url or title else None


def _read_pages(candidate: wire.Candidate) -> Iterator[Citation]:
    metadata = candidate.url_context_metadata
    for page in (metadata.url_metadata or []) if metadata is not None else []:
        if page.retrieved_url and page.url_retrieval_status == "URL_RETRIEVAL_STATUS_SUCCESS":
            yield Citation(title=page.retrieved_url, url=page.retrieved_url)


def _quoted(candidate: wire.Candidate, text: str) -> Iterator[Citation]:
    """Yield the recitations of `citationMetadata`: Google says `citationSources`, Vertex says `citations`."""
    metadata = candidate.citation_metadata
    if metadata is None:
        return
    for source in [*(metadata.citation_sources or []), *(metadata.citations or [])]:
        span = _byte_span(text, source.start_index or 0, source.end_index or 0)
        start, end = span or (None, None)
        quoted = text[start:end] if span else ""
        url = source.uri or ""
        yield Citation(title=source.title or url, url=url, text=quoted, start=start, end=end)


def _find_span(content: wire.Content, segment: wire.Segment) -> tuple[int, int] | None:
    """Return the characters of `content.text` that `segment` means.

    Its indices count UTF-8 bytes within one part, but streams are joined and thoughts are dropped on the way, so the
    segment's own text decides between the readings.
    """
    wanted = segment.text
    first, last = segment.start_index or 0, segment.end_index or 0
    readings = [*_part_span(content.parts or [], segment.part_index or 0, first, last)]
    whole = _byte_span(content.text, first, last)
    for span in [*readings, *([whole] if whole else [])]:
        if wanted is None or content.text[span[0] : span[1]] == wanted:
            return span
    at = content.text.find(wanted) if wanted else -1
    return (at, at + len(wanted)) if wanted and at >= 0 else None


def _part_span(parts: Iterable[object], wanted_index: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    before = 0
    for index, part in enumerate(parts):
        text = getattr(part, "text", None)
        if not text or getattr(part, "thought", None):
            continue
        if index == wanted_index and (span := _byte_span(text, first, last)):
            yield before + span[0], before + span[1]
        before += len(text)


def _byte_span(text: str, first: int, last: int) -> tuple[int, int] | None:
    """Turn UTF-8 byte offsets into character offsets; None if they do not lie in `text`."""
    data = text.encode("utf-8", "replace")
    if not 0 <= first < last <= len(data):
        return None
    return len(data[:first].decode("utf-8", "ignore")), len(data[:last].decode("utf-8", "ignore"))
