"""Raw samples, as Gemini speaks, as a WAV file.

Answers hold 16-bit samples without a header (`audio/L16;codec=pcm;rate=24000`), which no player opens. The header is
44 bytes, written here: importing `wave` from the standard library would cost more than this whole file.
"""

import re
import struct

__all__ = ["is_raw_sound", "wav_of"]

_USUAL_RATE = 24_000  # what Gemini speaks with
_BYTES = 2  # of one sample


def is_raw_sound(mime_type: str) -> bool:
    """Tell whether data of this type are samples without a header."""
    return mime_type.partition(";")[0].strip().lower() in ("audio/l16", "audio/pcm")


def wav_of(samples: bytes, mime_type: str) -> bytes:
    """Return samples of a raw type as a WAV file; the type's parameters `rate` and `channels` are heeded."""
    rate, channels = _parameter(mime_type, "rate", _USUAL_RATE), _parameter(mime_type, "channels", 1)
    samples = samples[: len(samples) // (_BYTES * channels) * _BYTES * channels]
    step = channels * _BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * step, step, 8 * _BYTES)
    body = form + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def _parameter(mime_type: str, name: str, usual: int) -> int:
    found = re.search(rf";\s*{name}=(\d{{1,6}})\b", mime_type, re.IGNORECASE)
    return int(found[1]) if found and int(found[1]) else usual
