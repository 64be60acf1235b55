"""Pictures of other libraries as the bytes of a file. They are known by their methods: no library is imported here."""

import io
import struct
import zlib
from typing import Any, cast

from agentkit.errors import ConfigurationError

__all__ = ["picture_bytes", "png_of_array"]

_COLOURS = {1: 0, 3: 2, 4: 6}  # channels -> colour type of PNG: grey, RGB, RGBA
_KEPT = ("PNG", "JPEG", "WEBP")  # formats that Gemini takes: a picture that was read from one is written as one


def picture_bytes(picture: object) -> bytes:
    """Return a PIL image, a matplotlib figure (or its axes) or a NumPy array of pixels as the bytes of an image file.

    Raises:
        ConfigurationError: It is none of these, or cannot be written.
    """
    thing: Any = picture
    figure = getattr(thing, "figure", None)
    if not hasattr(thing, "savefig") and hasattr(figure, "savefig"):
        thing = figure
    try:
        if hasattr(thing, "savefig"):
            return _written(thing.savefig, "png")
        if hasattr(thing, "save") and hasattr(thing, "mode") and hasattr(thing, "size"):
            return _of_pil(thing)
        if hasattr(thing, "dtype") and hasattr(thing, "tobytes"):
            return _of_array(thing)
    except ConfigurationError:
        raise
    except Exception as error:  # of the other library
        raise ConfigurationError(f"This {_kind(picture)} cannot be written as an image: {error}") from error
    raise ConfigurationError(
        f"Image.of takes a PIL image, a matplotlib figure or a NumPy array, not {_kind(picture)}. "
        "For a file use Image.from_path, for bytes Image.from_bytes."
    )


def png_of_array(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return rows of 8-bit pixels as a PNG file. Source: the PNG specification, sections 5 and 11."""
    row = width * channels
    lines = b"".join(b"\x00" + pixels[at : at + row] for at in range(0, row * height, row))  # filter 0: as they are
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _written(save: Any, form: str, **more: int) -> bytes:
    file = io.BytesIO()
    save(file, format=form, **more)
    return file.getvalue()


def _of_pil(image: Any) -> bytes:
    form = getattr(image, "format", None)
    if form not in _KEPT:
        form = "PNG"
        image = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")
    return _written(image.save, form, **({"quality": 95} if form == "JPEG" else {}))


def _of_array(array: Any) -> bytes:
    shape: tuple[int, ...] = tuple(array.shape)
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _COLOURS or not all(shape):
        raise ConfigurationError(
            f"An array of shape {shape} is no image. Give (height, width), or (height, width, 3 or 4) for colours."
        )
    kind = str(array.dtype)
    if kind.startswith("float"):
        if not (float(array.min()) >= 0 and float(array.max()) <= 1):  # also false for NaN
            raise ConfigurationError("An array of floats is an image if its values are from 0 to 1. Scale it.")
        array = (array * 255).round().astype("uint8")
    elif kind == "bool":
        array = array.astype("uint8") * 255
    elif kind != "uint8":
        raise ConfigurationError(f"An array of {kind} is no image. Give uint8 (0 to 255), floats (0 to 1) or bool.")
    return png_of_array(cast(bytes, array.astype("uint8").tobytes()), shape[1], shape[0], channels)


def _kind(picture: object) -> str:
    return f"{type(picture).__module__}.{type(picture).__qualname__}"
