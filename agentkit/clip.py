"""Long results: the model gets head and tail, the run keeps the whole."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["MAX_RESULT_BYTES", "clipped"]

MAX_RESULT_BYTES = 64 * 1024
_HEAD = 3 / 4  # of what is shown; the rest is the tail


def clipped(response: Mapping[str, Any], max_bytes: int | None, key: str) -> Mapping[str, Any]:
    """Return `response` itself if it has at most `max_bytes` of UTF-8, else a short one: head, note, tail.

    Args:
        response: What a tool returned, as it would be sent.
        max_bytes: Of the text, or of the JSON if it is more than one text; None for no limit.
        key: Under which the run keeps the whole.
    """
    if max_bytes is None:
        return response
    field, text = _longest_form(response)
    if len(text) <= max_bytes and len(text.encode()) <= max_bytes:
        return response
    head = text[:max_bytes].encode()[: int(max_bytes * _HEAD)].decode(errors="ignore")
    tail = text[-max_bytes:].encode()
    tail_text = tail[len(tail) - (max_bytes - int(max_bytes * _HEAD)) :].decode(errors="ignore")
    left_out = len(text) - len(head) - len(tail_text)
    note = f"[... {left_out:,} of {len(text):,} characters left out; the whole result is kept as {key!r} ...]"
    return {field: f"{head}\n{note}\n{tail_text}"}


def _longest_form(response: Mapping[str, Any]) -> tuple[str, str]:
    """Return the field under which it is shown, and the text that is cut: one text as it is, anything else as JSON."""
    if len(response) == 1:
        [(field, value)] = response.items()
        if field in ("output", "error"):
            return field, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ("error" if "error" in response else "output"), json.dumps(response, ensure_ascii=False)
