"""Recorded exchanges with the real service, for tests that compare us with it. They are not part of this repository.

The folder is `AGENTKIT_TRAFFIC`, else `../shared/traffic` beside the repository. A test that needs it is marked
`@needs_traffic`, and is skipped without it.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FOLDER", "answers", "exchanges", "needs_traffic", "payloads"]

FOLDER = Path(os.environ.get("AGENTKIT_TRAFFIC") or Path(__file__).parents[2] / "shared" / "traffic")

needs_traffic = pytest.mark.skipif(
    not any(FOLDER.glob("*.jsonl")),
    reason="no recorded traffic here: set AGENTKIT_TRAFFIC to the folder that holds its .jsonl files",
)


@functools.cache
def exchanges() -> list[dict[str, Any]]:
    """Return every recorded exchange, in the order of the files. They are shared: do not change them."""
    lines = (line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text("utf-8").split("\n"))
    return [json.loads(line) for line in lines if line]


def payloads(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON objects of one answer: its events if it was streamed, else its body or the elements of it."""
    if "sse" in response:
        return [event for event in response["sse"] if "_unparsed" not in event]
    if isinstance(response.get("body"), list):
        return response["body"]  # type: ignore[no-any-return]  # a stream that came as one JSON array
    return [response["body"]] if response.get("body") else []


def answers() -> list[dict[str, Any]]:
    """Return the exchanges in which generateContent or streamGenerateContent answered with status 200."""
    return [exchange for exchange in exchanges() if exchange["response"]["status"] == 200 and _generates(exchange)]


def _generates(exchange: dict[str, Any]) -> bool:
    request = exchange["request"]
    # Where only the answer was kept, all of them are answers to one of the two.
    return request is None or request["url_path"].endswith((":generateContent", ":streamGenerateContent"))
