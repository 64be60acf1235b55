"""The bytes of a body in a form that people can read, compare and edit; taken back, they are the same bytes.

A JSON body is kept as JSON, a stream of events as a list of JSON objects, other text in lines, the rest in base64:

    {"json": {...}, "layout": "{indented}\n"}
    {"events": [{...}, {...}], "layout": "data: {google}\r\n\r\n"}
    {"lines": ["<!DOCTYPE html>\n", ...]}
    {"base64": "..."}

The layout says what stands around each JSON value, and in braces how it is spelled.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

__all__ = ["BadForm", "Media", "body_of", "form_of", "natural_pieces", "to_json"]

_MEDIA: Final = "$media"
_LEAST_MEDIA: Final = 1024
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_EVENT: Final = re.compile(r".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", re.DOTALL)
_AROUND: Final = re.compile(r"((?:data:)?[ \t]*)([\[{].*[\]}])(\s*)", re.DOTALL)
_LAYOUT: Final = re.compile(r"(.*?)\{([a-z<-]+)\}(.*)", re.DOTALL)


class BadForm(ValueError):
    """A form that no body can be made of. The message is the end of a sentence: "has no 'layout'"."""


@dataclass
class Media:
    """Files that stand beside a recording, by name: `<sha256>.<kind>`."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def put(self, data: bytes, mime_type: str) -> str:
        """Keep `data`, once however often it comes, and return its name."""
        subtype = re.sub(r"[^a-z0-9]", "", mime_type.partition(";")[0].rpartition("/")[2].lower())
        name = f"{hashlib.sha256(data).hexdigest()}.{subtype or 'bin'}"
        self.files[name] = data
        return name


def to_json(
    value: object,
    *,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    ensure_ascii: bool = False,
) -> str:
    """Return `value` as JSON that UTF-8 can carry: halves of surrogate pairs stay escaped, other text is plain."""
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ensure_ascii)
    return text if text.isascii() else _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


_PLAIN: Final[Mapping[str, Callable[[object], str]]] = {
    "google": lambda value: to_json(value, separators=(",", ": ")),  # its streams
    "indented": lambda value: to_json(value, indent=2),  # its whole answers
    "compact": lambda value: to_json(value, separators=(",", ":")),
    "spaced": to_json,
    "compact-ascii": lambda value: to_json(value, separators=(",", ":"), ensure_ascii=True),
    "spaced-ascii": lambda value: to_json(value, ensure_ascii=True),
}


def _escape_angles(spell: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: spell(value).replace("<", "\\u003c").replace(">", "\\u003e")


# Google escapes the two characters that could end a script in a page.
_STYLES: Final = {**_PLAIN, **{f"{name}-<": _escape_angles(spell) for name, spell in _PLAIN.items()}}


def form_of(body: bytes, media: Media) -> dict[str, Any]:
    """Return the most readable form that gives back exactly `body`. Long base64 in JSON goes into `media`."""
    for make in (_events_form, _json_form, _lines_form):
        found = Media()
        try:
            form = make(body.decode(), found)
            if form is not None and body_of(form, found) == body:
                media.files |= found.files
                return form
        except (ValueError, RecursionError):
            continue
    return {"base64": base64.b64encode(body).decode()}


def body_of(form: Mapping[str, Any], media: Media) -> bytes:
    """Return the bytes that a form stands for.

    Raises:
        BadForm: It is none of the four forms, or a media file is not there.
    """
    if "json" in form:
        return _render(_unpack(form["json"], media), _layout(form)).encode()
    if "events" in form:
        events, layout = _items(form, "events"), _layout(form)
        return "".join(e if isinstance(e, str) else _render(_unpack(e, media), layout) for e in events).encode()
    if "lines" in form:
        lines = _items(form, "lines")
        if not all(isinstance(line, str) for line in lines):
            raise BadForm("has something else than text in 'lines'")
        return "".join(cast("list[str]", lines)).encode()
    try:
        return base64.b64decode(form["base64"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise BadForm("has none of 'json', 'events', 'lines' and a valid 'base64'") from error


def natural_pieces(body: bytes) -> list[bytes]:
    """Return the pieces in which a body usually arrives: event by event if it is a stream, else whole."""
    if not body.startswith(b"data:"):
        return [body] if body else []
    # Every byte has a character in this encoding, so that it cannot fail and the lengths stay.
    return [event.encode("latin-1") for event in _EVENT.findall(body.decode("latin-1"))]


def _json_form(text: str, media: Media) -> dict[str, Any] | None:
    found = _AROUND.fullmatch(text)
    if found is None or found[1]:
        return None
    value = json.loads(found[2])
    style = _style_of([(value, found[2])])
    return {"json": _pack(value, media), "layout": f"{{{style}}}{found[3]}"} if style else None


def _events_form(text: str, media: Media) -> dict[str, Any] | None:
    """Read a stream; events in another layout than the first one's stay text."""
    if not text.startswith("data:"):
        return None
    pieces: list[str] = _EVENT.findall(text)
    first = next((found for found in map(_AROUND.fullmatch, pieces) if found), None)
    if first is None:
        return None
    before, after = first[1], first[3]
    objects = {index: value for index, piece in enumerate(pieces) for value in _objects(piece, before, after)}
    inner = [(value, pieces[index][len(before) : len(pieces[index]) - len(after)]) for index, value in objects.items()]
    layout = f"{before}{{{_style_of(inner) or _style_of(inner[:1]) or 'google'}}}{after}"
    events = [
        _pack(objects[index], media) if index in objects and _render(objects[index], layout) == piece else piece
        for index, piece in enumerate(pieces)
    ]
    return {"events": events, "layout": layout}


def _objects(piece: str, before: str, after: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of one event, if it has one."""
    if len(piece) > len(before) + len(after) and piece.startswith(before) and piece.endswith(after):
        try:
            value: object = json.loads(piece[len(before) : len(piece) - len(after)])
        except ValueError:
            return
        if isinstance(value, dict):
            yield cast("dict[str, Any]", value)


def _lines_form(text: str, _media: Media) -> dict[str, Any]:
    return {"lines": text.splitlines(keepends=True)}


def _style_of(spelled: list[tuple[Any, str]]) -> str | None:
    """Return the style in which all these values are spelled."""
    for name, spell in _STYLES.items():
        if all(spell(value) == text for value, text in spelled):
            return name
    return None


def _layout(form: Mapping[str, Any]) -> str:
    layout = form.get("layout", "{compact}")
    found = _LAYOUT.fullmatch(layout) if isinstance(layout, str) else None
    if found is None or found[2] not in _STYLES:
        raise BadForm(f"has the layout {layout!r}; one looks like '{{compact}}', in a style of {', '.join(_STYLES)}")
    return cast(str, layout)


def _render(value: object, layout: str) -> str:
    found = cast("re.Match[str]", _LAYOUT.fullmatch(layout))
    return found[1] + _STYLES[found[2]](value) + found[3]


def _items(form: Mapping[str, Any], name: str) -> list[object]:
    items: object = form[name]
    if not isinstance(items, list):
        raise BadForm(f"has no list in {name!r}")
    return cast("list[object]", items)


def _pack(value: object, media: Media, name: str = "", mime_type: str = "") -> Any:
    """Return a JSON value with its media replaced by `{"$media": "<sha256>.png"}`."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        kind = members.get("mimeType") or members.get("mime_type")
        mime_type = kind if isinstance(kind, str) else ""
        return {key: _pack(member, media, key, mime_type) for key, member in members.items()}
    if isinstance(value, list):
        return [_pack(element, media) for element in cast("list[object]", value)]
    # A signature is base64 too, but no media: it belongs to the conversation.
    if not isinstance(value, str) or len(value) < _LEAST_MEDIA or name == "thoughtSignature":
        return value
    for alphabet, decode, encode in _ALPHABETS:
        try:
            data = decode(value)
        except (binascii.Error, ValueError):
            continue
        if encode(data).decode() == value:
            return {_MEDIA: media.put(data, mime_type), **alphabet}
    return value


def _decode_standard(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _decode_urlsafe(text: str) -> bytes:
    return base64.b64decode(text, altchars=b"-_", validate=True)


_ALPHABETS: Final[tuple[tuple[dict[str, str], Callable[[str], bytes], Callable[[bytes], bytes]], ...]] = (
    ({}, _decode_standard, base64.b64encode),
    ({"alphabet": "urlsafe"}, _decode_urlsafe, base64.urlsafe_b64encode),
)


def _unpack(value: object, media: Media) -> Any:
    if isinstance(value, list):
        return [_unpack(element, media) for element in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    name = members.get(_MEDIA)
    if name is None:
        return {key: _unpack(member, media) for key, member in members.items()}
    if not isinstance(name, str) or name not in media.files:
        raise BadForm(f"names the media file {name!r}, which is not there")
    encode = base64.urlsafe_b64encode if members.get("alphabet") == "urlsafe" else base64.b64encode
    return encode(media.files[name]).decode()
