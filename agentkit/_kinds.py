"""Whether a file is of the kind that was meant, by its content and by what the caller says of it, and is read."""

from collections.abc import Mapping

from agentkit._checks import check_kind
from agentkit._mime import HEAD_BYTES, content_types, extension_of, is_same_type, named_type
from agentkit.errors import ConfigurationError
from agentkit.models import facts

__all__ = ["check_ending", "checked_type", "read_instead", "usual_ending"]

_CLASS_OF: Mapping[str, str] = {"image/": "Image", "audio/": "Audio", "video/": "Video", "application/pdf": "Pdf"}
_IMAGES = "PNG, JPEG, WebP, HEIC and HEIF"
# Known by their content, but not to Gemini. Whoever knows better gives mime_type=...
_NOT_TAKEN: Mapping[str, str] = {
    **dict.fromkeys(("image/bmp", "image/tiff", "image/avif"), _IMAGES),
    **dict.fromkeys(("audio/amr", "audio/x-ms-wma"), "WAV, MP3, AIFF, AAC, OGG and FLAC"),
    "video/x-matroska": "MP4, MOV, WebM, MPEG, AVI, FLV, WMV and 3GPP",
}


def checked_type(head: bytes, given: str | None, name: str, *, where: str, wanted: tuple[str, ...], kind: str) -> str:
    """Return the type under which a file is sent.

    Args:
        head: Its first bytes.
        given: The type that the caller gives, if any.
        name: Its name, whose extension may decide what the bytes leave open.
        where: What messages call it.
        wanted: Beginnings of the types of the kind that is meant.
        kind: The kind, as in "an image".

    Raises:
        ConfigurationError: The type is not known, not that of the content, or not of this kind.
    """
    check_kind("mime_type", given, str | None, 'a text: "image/png"')
    known = content_types(head, name)
    if given is not None:
        if not given.startswith(wanted):
            raise ConfigurationError(f"{where!r} is given as {given!r}, which is no type of {kind}.")
        if known and not any(is_same_type(given, one) for one in known) and not _may_be_text(given, known):
            raise ConfigurationError(
                f"{where!r} is given as {given!r}, but its content is {known[0]}. Leave mime_type out."
            )
        return given
    fitting = next((one for one in known if one.startswith(wanted)), "")
    if fitting in _NOT_TAKEN:
        raise ConfigurationError(
            f"{where!r} is {fitting}, which Gemini does not read. Convert it; it reads {_NOT_TAKEN[fitting]}."
        )
    if fitting:
        return fitting
    if known:
        better = next((cls for start, cls in _CLASS_OF.items() if known[0].startswith(start)), "File")
        raise ConfigurationError(f"{where!r} holds {known[0]}, which is not {kind}. Use {better}.")
    raise ConfigurationError(
        f"{where!r} is of no type that is known by its content. Give mime_type=..., or convert the file."
    )


def usual_ending(data: bytes, mime_type: str) -> str:
    """Return the usual ending for the name of a file, with its dot: by its content, else its type; "" if not known."""
    known = content_types(data[:HEAD_BYTES], f"x{extension_of(mime_type)}")
    return extension_of(known[0] if known else mime_type)


def check_ending(name: str, data: bytes, mime_type: str) -> None:
    """Refuse a file's name that says another type than its content is. Endings that are not known say nothing.

    Raises:
        ConfigurationError: The message says what the ending should be.
    """
    said, held = named_type(name), content_types(data[:HEAD_BYTES], name) or (mime_type,)
    if said and not any(is_same_type(said, one) for one in held):
        ending = usual_ending(data, mime_type)
        raise ConfigurationError(
            f"{name!r} is a name for {said}, but the file would hold {held[0]}. End it with {ending or held[0]!r}; "
            "`.suffix` of the medium tells its ending: save(f'name{medium.suffix}')."
        )


def read_instead(mime_type: str | None, model: str) -> str:
    """Return what `model` reads in place of a type that it alone does not read, in words; empty if it reads it.

    Recorded: Gemini 3 reads GIF, and 2.5 answers "Unsupported MIME type: image/gif" (400).
    """
    generation = facts(model).generation
    is_old = generation is not None and generation < (3, 0)
    return _IMAGES if is_old and mime_type == "image/gif" else ""


def _may_be_text(given: str, known: tuple[str, ...]) -> bool:
    """Tell whether a text may be what it is given as: source code, say, of a language that has no row here."""
    return known[-1] == "text/plain" and not given.startswith(tuple(_CLASS_OF))
