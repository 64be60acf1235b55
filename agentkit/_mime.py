"""What a file is: by its first bytes, and by its name where they leave it open. Small tables of our own."""

import re
from collections.abc import Mapping, Sequence

__all__ = ["HEAD_BYTES", "content_types", "extension_of", "is_same_type", "named_type"]

HEAD_BYTES = 4096  # as many of the first bytes as `content_types` looks at

# Offset, magic bytes, and what the file may be; the first type is the usual one. Sources: the formats' specifications.
_MAGIC: Sequence[tuple[int, bytes, tuple[str, ...]]] = (
    (0, b"\x89PNG\r\n\x1a\n", ("image/png",)),
    (0, b"\xff\xd8\xff", ("image/jpeg",)),
    (0, b"GIF87a", ("image/gif",)),
    (0, b"GIF89a", ("image/gif",)),
    (0, b"BM", ("image/bmp",)),
    (0, b"II*\x00", ("image/tiff",)),
    (0, b"MM\x00*", ("image/tiff",)),
    (0, b"%PDF-", ("application/pdf",)),
    (0, b"ID3", ("audio/mpeg",)),
    (0, b"fLaC", ("audio/flac",)),
    (0, b"OggS", ("audio/ogg", "video/ogg")),
    (0, b"#!AMR", ("audio/amr",)),
    (0, b"FLV\x01", ("video/x-flv",)),
    (0, b"0&\xb2u\x8ef\xcf\x11", ("video/wmv", "audio/x-ms-wma")),
    (0, b"\x00\x00\x01\xba", ("video/mpeg",)),
    (0, b"\x00\x00\x01\xb3", ("video/mpeg",)),
    (0, b"{\\rtf", ("text/rtf",)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ("application/msword", "application/vnd.ms-excel")),
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
_ZIPPED = (
    f"{_OFFICE}wordprocessingml.document",
    f"{_OFFICE}spreadsheetml.sheet",
    f"{_OFFICE}presentationml.presentation",
    f"{_OPEN}text",
    f"{_OPEN}spreadsheet",
    f"{_OPEN}presentation",
)
_IN_RIFF: Mapping[bytes, tuple[str, ...]] = {
    b"WEBP": ("image/webp",),
    b"WAVE": ("audio/wav",),
    b"AVI ": ("video/avi",),
}
_BRANDS: Sequence[tuple[tuple[bytes, ...], tuple[str, ...]]] = (  # of ISO base media files: MP4 and its relatives
    ((b"M4A ", b"M4B "), ("audio/mp4",)),
    ((b"qt  ",), ("video/quicktime",)),
    ((b"heic", b"heix", b"hevc", b"heim", b"heis"), ("image/heic", "image/heif")),
    ((b"mif1", b"msf1"), ("image/heif", "image/heic")),
    ((b"avif", b"avis"), ("image/avif",)),
    ((b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3g2a"), ("video/3gpp",)),
)
_BY_EXTENSION: Mapping[str, str] = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
    "pdf": "application/pdf",
    "mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "aac": "audio/aac", "ogg": "audio/ogg",
    "oga": "audio/ogg", "opus": "audio/ogg", "m4a": "audio/mp4", "aiff": "audio/aiff", "aif": "audio/aiff",
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "avi": "video/avi",
    "mpeg": "video/mpeg", "mpg": "video/mpeg", "flv": "video/x-flv", "wmv": "video/wmv", "3gp": "video/3gpp",
    "ogv": "video/ogg", "mkv": "video/x-matroska",
    "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html", "htm": "text/html",
    "xml": "text/xml", "css": "text/css", "js": "text/javascript", "py": "text/x-python", "json": "application/json",
    "rtf": "text/rtf", "docx": _ZIPPED[0], "xlsx": _ZIPPED[1], "pptx": _ZIPPED[2], "odt": _ZIPPED[3],
    "ods": _ZIPPED[4], "odp": _ZIPPED[5], "doc": "application/msword", "xls": "application/vnd.ms-excel",
}  # fmt: skip
_TEXTS = ("text/", "application/json", "application/xml")
# Names of one and the same type; recordings hold both of each pair, and the service took them.
_SAME: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "video/mov": "video/quicktime",
    "video/mpg": "video/mpeg",
    "video/mpegps": "video/mpeg",
    "video/x-msvideo": "video/avi",
    "video/x-ms-wmv": "video/wmv",
    "application/rtf": "text/rtf",
    "application/xml": "text/xml",
}
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def content_types(head: bytes, name: str = "") -> tuple[str, ...]:
    """Return the types that a file with these first bytes may have, the likeliest first; empty if none is known.

    Args:
        head: The first `HEAD_BYTES` of the file, or all of a shorter one.
        name: Its name: the extension chooses among the types that have the same first bytes, and among texts.
    """
    found = _by_magic(head) or _by_container(head) or _by_frame(head)
    if not found and _is_text(head):
        said = named_type(name)
        return (said, "text/plain") if said.startswith(_TEXTS) and said != "text/plain" else ("text/plain",)
    wished = named_type(name)
    return (wished, *(one for one in found if one != wished)) if wished in found else found


def named_type(name: str) -> str:
    """Return the type that the extension of a name or of an address's path says; empty if it says none."""
    return _BY_EXTENSION.get(name.rpartition(".")[2].lower(), "")


def extension_of(mime_type: str) -> str:
    """Return the usual extension for a type, with its dot; empty if none is known."""
    bare = _bare(mime_type)
    return next((f".{extension}" for extension, found in _BY_EXTENSION.items() if found == bare), "")


def is_same_type(first: str, second: str) -> bool:
    """Tell whether two names mean one type; parameters (`; rate=24000`) do not count."""
    return _bare(first) == _bare(second)


def _bare(mime_type: str) -> str:
    bare = mime_type.partition(";")[0].strip().lower()
    return _SAME.get(bare, bare)


def _by_magic(head: bytes) -> tuple[str, ...]:
    return next((types for at, magic, types in _MAGIC if head.startswith(magic, at)), ())


def _by_container(head: bytes) -> tuple[str, ...]:
    """What stands in a container that many formats share."""
    if head.startswith(b"RIFF"):
        return _IN_RIFF.get(head[8:12], ())
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return ("audio/aiff",)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return ("video/webm", "audio/webm") if b"webm" in head[:64] else ("video/x-matroska",)
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return next((types for brands, types in _BRANDS if brand in brands), ("video/mp4", "audio/mp4"))
    if head.startswith(b"PK\x03\x04"):
        return _ZIPPED if b"[Content_Types].xml" in head or b"mimetypeapplication/vnd.oasis" in head else ()
    return ("application/pdf",) if b"%PDF-" in head[:1024] else ()  # some have a few bytes in front


def _by_frame(head: bytes) -> tuple[str, ...]:
    """MP3 and AAC without a header begin with a frame: eleven or twelve bits set, then its layer."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return ()
    if head[1] & 0xF6 == 0xF0:
        return ("audio/aac",)
    has_rates = head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C
    return ("audio/mpeg",) if head[1] & 0x06 in (0x02, 0x04) and has_rates else ()


def _is_text(head: bytes) -> bool:
    """Tell whether this is UTF-8 without control characters; the last character may be cut."""
    if not head or _CONTROLS.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) >= HEAD_BYTES and error.start >= len(head) - 3
    return True
