"""The smallest files of each kind that tests send and get, and an answer of the service with media in it."""

import base64
from collections.abc import Mapping

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(20) + b"\xff\xd9"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" + bytes(16)
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(16)
DOCX = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + bytes(16) + b"[Content_Types].xml" + bytes(16)
SAMPLES = b"\x01\x00\xff\x7f\x00\x80\x02\x00"
RAW_SOUND = "audio/L16;codec=pcm;rate=24000"

# First bytes, and the type that they say.
HEADS: Mapping[str, bytes] = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": b"GIF89a\x01\x00\x01\x00" + bytes(10),
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(10),
    "image/heic": b"\x00\x00\x00\x18ftypheic" + bytes(16),
    "image/heif": b"\x00\x00\x00\x18ftypmif1" + bytes(16),
    "application/pdf": PDF,
    "audio/wav": WAV,
    "audio/mpeg": b"\xff\xfb\x90\x64" + bytes(20),
    "audio/aac": b"\xff\xf1\x50\x80" + bytes(20),
    "audio/flac": b"fLaC\x00\x00\x00\x22" + bytes(20),
    "audio/ogg": b"OggS\x00\x02" + bytes(20),
    "audio/aiff": b"FORM\x00\x00\x00\x20AIFFCOMM" + bytes(20),
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A " + bytes(16),
    "video/mp4": MP4,
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  " + bytes(16),
    "video/3gpp": b"\x00\x00\x00\x14ftyp3gp5" + bytes(16),
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(9),
    "video/avi": b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(10),
    "video/mpeg": b"\x00\x00\x01\xba" + bytes(20),
    "video/x-flv": b"FLV\x01\x05" + bytes(20),
    "video/wmv": b"0&\xb2u\x8ef\xcf\x11\xa6\xd9" + bytes(20),
    "text/plain": "Grüße aus Oslo\n".encode(),
}


def base64_of(data: bytes) -> str:
    """Return bytes as the service sends them."""
    return base64.b64encode(data).decode()
