"""What a user asks: a text, media, or a list of both, read into one content of the conversation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Union, cast

from agentkit import wire
from agentkit._intake import too_large
from agentkit._kinds import read_instead
from agentkit.errors import ConfigurationError
from agentkit.media import Media
from agentkit.models import facts

__all__ = ["Prompt", "check_media", "inline_limit_bytes", "read_prompt"]

# In quotes, for a message is loaded when it is first used.
Prompt = Union[str, "wire.Content", "wire.Part", Media, Sequence[Union[str, "wire.Part", Media]]]

_MIB = 1024 * 1024


def read_prompt(prompt: Prompt, *models: str) -> wire.Content:
    """Return the prompt as a user content.

    Raises:
        ConfigurationError: It is empty, or holds what is no prompt or what one of the models does not take.
    """
    if isinstance(prompt, wire.Content):
        return prompt
    if isinstance(prompt, str) and not prompt.strip():
        raise ConfigurationError("The prompt is empty. Say what the agent should do.")
    pieces = _pieces(prompt)
    for model in models:
        check_media([piece for piece in pieces if isinstance(piece, Media)], model)
    return wire.Content(role="user", parts=[_part(piece) for piece in pieces])


def inline_limit_bytes(model: str) -> int:
    """Return how many bytes of media one request to `model` may hold, before base64 makes them a third more.

    Source: protocol sheet 2.3: requests of 100 MB since January 2026, 20 MB for older models; those before Gemini 3
    are taken for older ones.
    """
    generation = facts(model).generation
    request_bytes = 20 * _MIB if generation is not None and generation < (3, 0) else 100 * _MIB
    return request_bytes // 4 * 3


def check_media(media: Sequence[Media], model: str) -> None:
    """Refuse what the model does not take.

    Raises:
        ConfigurationError: The message names the file, and says what works.
    """
    if not media:
        return
    most, generation = inline_limit_bytes(model), facts(model).generation
    if sum(len(one.data) for one in media) > most:
        largest = max(media, key=lambda one: len(one.data))
        name = largest.display_name or f"data of type {largest.mime_type}"
        if len(largest.data) > most or len(media) == 1:
            raise too_large(name, len(largest.data), most)
        total = sum(len(one.data) for one in media)
        raise ConfigurationError(
            f"The {len(media)} media have {total:,} bytes together, more than the {most:,} that {model} takes inline. "
            f"Upload the largest, {name!r}: await client.files.upload(path)."
        )
    for one in media:
        if instead := read_instead(one.mime_type, model):
            name = repr(one.display_name) if one.display_name else "A file"
            raise ConfigurationError(
                f"{name} is {one.mime_type}, which {model} does not read; it reads {instead}. Convert it, or use a "
                "model of Gemini 3 or newer."
            )
    if generation is not None and generation < (3, 0) and any(one.media_resolution is not None for one in media):
        raise ConfigurationError(
            f"{model} knows no media_resolution of a single file; Gemini 3 and newer do. Set it for all of them: "
            'Agent(..., media_resolution="MEDIA_RESOLUTION_LOW").'
        )


def _pieces(prompt: object) -> list[str | wire.Part | Media]:
    if isinstance(prompt, str | wire.Part | Media):
        return [prompt]
    if isinstance(prompt, Mapping | Set):
        kind = type(cast("object", prompt)).__name__
        raise ConfigurationError(f"A prompt cannot be a {kind}. Give a text, a list, or a Content: Content.parse(...).")
    is_list = isinstance(prompt, Iterable) and not isinstance(prompt, bytes | bytearray)
    candidates: list[object] = list(cast("Iterable[object]", prompt)) if is_list else [prompt]
    pieces = list(_checked(candidates, is_list=is_list))
    if not any(not isinstance(piece, str) or piece.strip() for piece in pieces):
        raise ConfigurationError("The prompt is empty. Say what the agent should do.")
    return pieces


def _checked(candidates: Sequence[object], *, is_list: bool) -> Iterator[str | wire.Part | Media]:
    for index, candidate in enumerate(candidates):
        if not isinstance(candidate, str | wire.Part | Media):
            where = f"prompt[{index}]" if is_list else "The prompt"
            raise ConfigurationError(f"{where} is of type {type(candidate).__qualname__}. {_fix(candidate)}")
        yield candidate


def _fix(candidate: object) -> str:
    if isinstance(candidate, os.PathLike):
        return "Say what the file is: Image.from_path(...), Pdf.from_path(...), File.from_path(...)."
    if isinstance(candidate, bytes | bytearray):
        return "Say what the bytes are: Image.from_bytes(...), File.from_bytes(...)."
    if hasattr(candidate, "read"):
        return "Say what the file is: Image.from_file(...), File.from_file(...)."
    if any(hasattr(candidate, name) for name in ("savefig", "dtype")) or hasattr(candidate, "convert"):
        return "Wrap it: Image.of(...)."
    return "A prompt is a text, a Content, or a list of texts, Parts and media (Image, Audio, Video, Pdf, File)."


def _part(piece: str | wire.Part | Media) -> wire.Part:
    if isinstance(piece, str):
        return wire.Part(text=piece)
    return piece.part() if isinstance(piece, Media) else piece
