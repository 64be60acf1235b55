"""Where the bytes of a medium come from: a path, an open file, or a link that only the service follows."""

import os
from pathlib import Path
from stat import S_ISREG
from typing import IO, cast
from urllib.parse import urlsplit

from agentkit._checks import check_kind
from agentkit._endpoint import is_loopback, shown_address
from agentkit._mime import named_type
from agentkit.errors import ConfigurationError

__all__ = [
    "MAX_INLINE_BYTES",
    "checked_bytes",
    "checked_link",
    "read_file",
    "read_path",
    "size_of_path",
    "too_large",
    "unreadable",
]

MAX_INLINE_BYTES = 75 * 1024 * 1024  # in base64 that makes 100 MiB, the most that any request holds (sheet 2.3)
_YOUTUBE = ("youtube.com", "youtu.be")  # recorded requests name its videos as MP4, whatever they are


def read_path(path: str | os.PathLike[str]) -> tuple[bytes, str]:
    """Return the bytes of a file and its name.

    Raises:
        ConfigurationError: It is no path, missing, no ordinary file, or too large to be sent inline.
    """
    check_kind("path", path, str | os.PathLike, "a text or a Path (from_bytes takes bytes, from_file an open file)")
    source = Path(path)
    size = size_of_path(source)
    if size > MAX_INLINE_BYTES:
        raise too_large(str(source), size, MAX_INLINE_BYTES)
    try:
        return source.read_bytes(), source.name
    except OSError as error:
        raise unreadable(source, error) from error


def size_of_path(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        ConfigurationError: It is missing, or no ordinary file: a folder, or a device that never ends.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not S_ISREG(found.st_mode):
        raise ConfigurationError(f"{str(path)!r} is no file.")
    return found.st_size


def unreadable(path: Path | str, error: OSError | ValueError) -> ConfigurationError:
    """Return the error about a file that cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return ConfigurationError(f"{str(path)!r} cannot be read: {reason}.")


def read_file(file: IO[bytes]) -> tuple[bytes, str]:
    """Return what is left of an open file, and its name; empty if it has none.

    Raises:
        ConfigurationError: It is none, open as text, or cannot be read.
    """
    if not hasattr(file, "read"):
        said = f'file must be an open binary file, not {type(file).__name__}. Give open(path, "rb"), or use from_path.'
        raise ConfigurationError(said)
    given: object = getattr(file, "name", "")  # a number, for some
    name = os.path.basename(given) if isinstance(given, str) else ""
    try:
        data = cast(object, file.read(MAX_INLINE_BYTES + 1))
    except (OSError, ValueError) as error:
        raise unreadable(name or "the file", error) from error
    if not isinstance(data, bytes):
        raise ConfigurationError(f'{name or "The file"!r} is open as text. Open it with mode "rb".')
    return data, name


def checked_bytes(data: object, where: str) -> bytes:
    """Return `data` as bytes that can be sent inline.

    Raises:
        ConfigurationError: They are no bytes, none at all, or too many.
    """
    if not isinstance(data, bytes | bytearray):
        raise ConfigurationError(f"{where!r} must be bytes, not {type(data).__name__}.")
    if not data:
        raise ConfigurationError(f"{where!r} is empty. Give a file that holds something.")
    if len(data) > MAX_INLINE_BYTES:
        raise too_large(where, len(data), MAX_INLINE_BYTES)
    return bytes(data)


def checked_link(url: str, mime_type: str | None, *, wanted: tuple[str, ...], kind: str) -> str:
    """Return the type of what an address leads to; empty where the service knows it by itself.

    Raises:
        ConfigurationError: The service cannot reach it, or it does not tell its type, or that of another kind.
    """
    check_kind("url", url, str, "a text: https://... or gs://...")
    check_kind("mime_type", mime_type, str | None, 'a text: "image/png"')
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ConfigurationError(f"{url!r} is no address. Give https://... or gs://...") from None
    if not (parts.scheme in ("https", "gs") or (parts.scheme == "http" and is_loopback(host))) or not host:
        raise ConfigurationError(
            f"{shown_address(url)!r} cannot be linked to: the service reaches https://... and gs://... "
            "To send the bytes use from_path(...), or await fetch(...)."
        )
    said = mime_type or ("video/mp4" if _is_at(host, *_YOUTUBE) else named_type(parts.path))
    if not said and not _is_at(host, "googleapis.com") and not is_loopback(host):  # uploaded files: it is known there
        raise ConfigurationError(f"The address {shown_address(url)!r} does not tell its type. Give mime_type=...")
    if said and not said.startswith(wanted):
        raise ConfigurationError(f"{shown_address(url)!r} is {said}, which is no type of {kind}.")
    return said


def _is_at(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def too_large(name: str, size: int, most: int) -> ConfigurationError:
    """Return the error about a file that cannot be sent inline."""
    return ConfigurationError(
        f"{name!r} has {size:,} bytes, more than the {most:,} that can be sent inline. Upload it "
        "(await client.files.upload(path)) and give what comes back, or link to it (from_url)."
    )
