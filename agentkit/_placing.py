"""Where media of tools go in a request: into the function response, or into a user content of their own behind it.

Sources: protocol sheet 4.2 (which models and types a function response takes) and 4.3, T7 (the content with the
responses holds nothing else). In a content of their own each medium stands behind a text that names it:

```json
{"role": "user", "parts": [{"text": "'plot.png', returned by chart:"}, {"inlineData": {...}}]}
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentkit import wire
from agentkit.models import facts

__all__ = ["digests", "is_moved", "moved_media", "place_again", "place_media"]

_TAKEN = ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
_OFFICE = ("application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument.")
_NAMED = re.compile(r"'(?P<name>.*)', returned by (?P<tool>\S+):", re.DOTALL)


def place_media(responses: Sequence[wire.FunctionResponse], model: str) -> list[wire.Content]:
    """Return the contents that answer a turn: the responses, and behind them what they cannot hold, if there is any."""
    kept: list[wire.Part] = []
    moved: list[wire.Part] = []
    for response in responses:
        parts = response.parts or []
        staying = [part for part in parts if _is_taken(part, model)]
        going = [part for part in parts if not _is_taken(part, model)]
        if going:
            response = response.replace(parts=staying) if staying else response.without("parts")
        kept.append(wire.Part(function_response=response))
        for part in going:
            moved += _as_parts(part, response.name or "")
    contents = [wire.Content(role="user", parts=kept)]
    return [*contents, wire.Content(role="user", parts=moved)] if moved else contents


def place_again(content: wire.Content, model: str) -> list[wire.Content]:
    """Return a content of another model's conversation, and behind it the media that `model` does not take there."""
    if content.role == "model":
        return [content]
    responses = [part.function_response for part in content.parts or [] if part.function_response is not None]
    placed = place_media(responses, model) if any(response.parts for response in responses) else []
    if len(placed) < 2:
        return [content]
    bare = iter(placed[0].parts or [])
    parts = [part if part.function_response is None else next(bare) for part in content.parts or []]
    return [content.replace(parts=parts), *placed[1:]]


def is_moved(content: wire.Content) -> bool:
    """Tell whether a content is one of media behind function responses."""
    first = content.parts[0] if content.parts else None
    return content.role == "user" and first is not None and _NAMED.fullmatch(first.text or "") is not None


def moved_media(content: wire.Content) -> Iterator[tuple[str, str, wire.Part]]:
    """Yield the tool, the name and the part of each medium in such a content."""
    named: re.Match[str] | None = None
    for part in content.parts or []:
        if part.text is not None:
            named = _NAMED.fullmatch(part.text)
        elif named is not None:
            yield named["tool"], named["name"], part


def digests(parts: Sequence[wire.FunctionResponsePart | wire.Part]) -> list[int]:
    """Return a number for each medium, by which equal ones are found, in an order of its own."""
    found = [(part.inline_data.data if part.inline_data else None, part.file_data) for part in parts]
    return sorted(hash(data or (link.file_uri if link else None)) for data, link in found)


def _is_taken(part: wire.FunctionResponsePart, model: str) -> bool:
    allowed = facts(model)
    kind = (part.inline_data.mime_type if part.inline_data else part.file_data and part.file_data.mime_type) or ""
    takes_office = allowed.generation is None or allowed.generation >= (4, 0)
    return allowed.response_parts and (kind in _TAKEN or (takes_office and kind.startswith(_OFFICE)))


def _as_parts(part: wire.FunctionResponsePart, tool: str) -> Iterator[wire.Part]:
    """Yield a medium as a user says it, without its name in it: Google's endpoint knows no names there."""
    blob, link = part.inline_data, part.file_data
    name = (blob.display_name if blob else link.display_name if link else None) or "a file"
    yield wire.Part(text=f"'{name}', returned by {tool}:")
    rest = part.without("inline_data", "file_data").raw
    if blob is not None:
        holder = wire.Part(inline_data=wire.Blob.of_raw(dict(blob.without("display_name").raw)))
    else:
        holder = wire.Part(file_data=wire.FileData.of_raw(dict(link.without("display_name").raw) if link else {}))
    yield wire.Part.of_raw({**holder.raw, **rest})
