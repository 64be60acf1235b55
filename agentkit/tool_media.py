"""Media that tools return: taken out of their results, and found again in a conversation.

In the result, a small object stands in the place of each medium: `{"media": "plot.png", "mimeType": "image/png"}`.
Middleware sees the media in the response, under `"$media"`, so that whoever stores a response stores them, too:

```json
{"output": {"media": "plot.png", "mimeType": "image/png"},
 "$media": [{"inlineData": {"mimeType": "image/png", "data": "iVBOR...", "displayName": "plot.png"}}]}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from agentkit import wire
from agentkit._frozen import frozen
from agentkit._kinds import read_instead
from agentkit._mime import extension_of
from agentkit._placing import is_moved, moved_media
from agentkit.errors import ConfigurationError, ToolError
from agentkit.media import Audio, File, Image, Media, Pdf, Video
from agentkit.prompt import inline_limit_bytes

__all__ = ["MEDIA_KEY", "MediaTaker", "ToolMedia", "read_tool_media", "split_media"]

MEDIA_KEY = "$media"
_KINDS: Sequence[type[Media]] = (Image, Audio, Video, Pdf, File)


@frozen
class ToolMedia:
    """A medium that a tool returned, and where the model got it.

    Attributes:
        tool: The name of the tool.
        media: The medium.
        place: `"response"`: in the function response itself. `"content"`: in a user content behind it, where the model
            or the type of the file does not allow the former.
    """

    tool: str
    media: Media
    place: Literal["response", "content"]


class MediaTaker:
    """Takes media out of one result while it becomes JSON."""

    def __init__(self, tool: str, model: str) -> None:
        self._tool, self._model = tool, model
        self._taken: dict[str, Media] = {}

    def takes(self, value: object) -> bool:
        """Tell whether this is a medium."""
        return isinstance(value, Media)

    def __call__(self, value: object) -> dict[str, str]:
        """Take a medium, and return what the result says in its place."""
        if not isinstance(value, Media):
            raise TypeError(f"A medium is taken out of a result, not {type(value).__name__}.")
        name = self._name_for(value)
        self._taken[name] = value
        return {"media": name} | ({"mimeType": value.mime_type} if value.mime_type else {})

    def attach(self, response: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the response with the media that were taken out of it.

        Raises:
            ToolError: The tool itself has used the name under which they are attached, they are larger than a request
                may be, or the model does not read one of them.
        """
        if MEDIA_KEY in response:
            raise ToolError(f"{self._tool} ran, but its result uses the name {MEDIA_KEY!r}, which is not its own.")
        size, most = sum(len(one.data) for one in self._taken.values()), inline_limit_bytes(self._model)
        if size > most:
            raise ToolError(f"{self._tool} returned files of {size:,} bytes; at most {most:,} can be shown.")
        for name, one in self._taken.items():
            if instead := read_instead(one.mime_type, self._model):
                raise ToolError(
                    f"{self._tool} ran, but {name!r} cannot be shown: you do not read {one.mime_type}, only {instead}."
                )
        attached = [_wire_part(name, one) for name, one in self._taken.items()]
        return {**response, MEDIA_KEY: attached} if attached else response

    def _name_for(self, media: Media) -> str:
        """Return a name that no other medium of this result has."""
        number = len(self._taken) + 1
        name = media.display_name or f"{self._tool}-{number}{extension_of(media.mime_type)}"
        return f"{number}-{name}" if name in self._taken else name


def _wire_part(name: str, media: Media) -> dict[str, Any]:
    """Return a medium as a part of a function response, with its name."""
    found = media.part().to_wire()
    for holder in ("inlineData", "fileData"):
        if holder in found:
            found[holder]["displayName"] = name
    return found


def split_media(response: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[wire.FunctionResponsePart]]:
    """Return what a tool and its middlewares answered, without its media, and the media.

    Raises:
        ConfigurationError: A middleware put something else in their place.
    """
    if MEDIA_KEY not in response:
        return response, []
    attached: object = response[MEDIA_KEY]
    parts = cast("list[object]", attached) if isinstance(attached, list) else [None]
    if not all(isinstance(part, dict) and ("inlineData" in part or "fileData" in part) for part in parts):
        raise ConfigurationError(f"A middleware changed {MEDIA_KEY!r} in the answer of a call. Leave it, or drop it.")
    rest = {key: value for key, value in response.items() if key != MEDIA_KEY}
    return rest, [wire.FunctionResponsePart.of_raw(cast("dict[str, Any]", part)) for part in parts]


def read_tool_media(contents: Sequence[wire.Content]) -> Iterator[ToolMedia]:
    """Yield the media of tools in a conversation, in the order in which the model got them."""
    for content in contents:
        if content.role == "model":
            continue
        for response in [part.function_response for part in content.parts or [] if part.function_response is not None]:
            for held in response.parts or []:
                media = _medium(wire.Part.of_raw(dict(held.raw)))
                if media is not None:
                    yield ToolMedia(tool=response.name or "", media=media, place="response")
        for tool, name, part in moved_media(content) if is_moved(content) else ():
            media = _medium(part, name)
            if media is not None:
                yield ToolMedia(tool=tool, media=media, place="content")


def _medium(part: wire.Part, name: str = "") -> Media | None:
    found = next((one for kind in _KINDS if (one := kind.from_part(part)) is not None), None)
    if found is None or not name:
        return found
    return type(found)(found.data, found.mime_type, url=found.url, display_name=name)
