"""Media in answers, as plain values."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.wire import Part

__all__ = ["Image"]


@dataclass(frozen=True)
class Image:
    """An image that came with an answer.

    Attributes:
        data: The bytes of the file.
        mime_type: For example `"image/png"`.
    """

    data: bytes = field(repr=False)
    mime_type: str

    def save(self, path: str | Path) -> Path:
        """Write the file and return where it is. An existing file is replaced."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


def read_images(parts: Iterable[Part]) -> Iterator[Image]:
    """Yield the inline images among `parts`. One whose data cannot be decoded is left out."""
    for part in parts:
        blob = part.inline_data
        if blob is None or not isinstance(blob.data, str) or not str(blob.mime_type).startswith("image/"):
            continue
        try:
            data = base64.b64decode(
                blob.data + "=" * (-len(blob.data) % 4),
                altchars=b"-_" if _is_url_safe(blob.data) else None,
                validate=True,
            )
        except binascii.Error:
            continue
        yield Image(data, str(blob.mime_type))


def _is_url_safe(data: str) -> bool:
    """Tell which base64 alphabet `data` uses: the service answers in the standard one, SDKs send the other."""
    return "-" in data or "_" in data
