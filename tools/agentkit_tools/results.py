"""Reading on in what was too long: the whole of a result of which the model got only head and tail."""

import json
from typing import Any

from agentkit import RunContext, Tool, ToolError, tool

MOST_CHARACTERS = 50_000


@tool(effects="read", max_result_bytes=None)
def read_result(ctx: RunContext[Any], key: str, offset: int = 0, length: int = 20_000) -> dict[str, Any]:
    """Read on in a result that was shown only in part.

    Args:
        key: The key that the note in the shortened result names.
        offset: The first character to read, counted from 0.
        length: How many characters to read, at most 50000.

    Returns:
        `text`; `total`, the characters of the whole result; `next_offset` where there is more.
    """
    if key not in ctx.whole_results:
        known = ", ".join(repr(one) for one in ctx.whole_results)
        raise ToolError(f"No result is kept as {key!r}. " + (f"Kept are: {known}." if known else "None was shortened."))
    whole = _written(ctx.whole_results[key])
    if not 0 <= offset < len(whole):
        raise ToolError(f"offset={offset} lies outside the result. Give 0 to {len(whole) - 1:d}.")
    if not 0 < length <= MOST_CHARACTERS:
        raise ToolError(f"length={length} cannot be read at once. Give 1 to {MOST_CHARACTERS}.")
    end = offset + length
    read: dict[str, Any] = {"text": whole[offset:end], "total": len(whole)}
    return read if end >= len(whole) else {**read, "next_offset": end}


TOOLS: list[Tool[..., Any]] = [read_result]


def _written(result: dict[str, Any]) -> str:
    """Return the text that was shortened: a text as it is, anything else as the same JSON."""
    value: Any = result
    if len(result) == 1:
        value = result.get("output", result.get("error", result))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
