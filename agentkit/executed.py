"""Code that Gemini wrote and ran at the service, read from the parts of its answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agentkit import wire
from agentkit._frozen import frozen
from agentkit.media import Image, read_media

__all__ = ["ExecutedCode"]


@frozen
class ExecutedCode:
    """One piece of code and what came of it.

    Attributes:
        source: The code.
        language: For example `"PYTHON"`.
        outcome: `"OUTCOME_OK"`, `"OUTCOME_FAILED"`, `"OUTCOME_DEADLINE_EXCEEDED"`; empty if no result came.
        output: What it printed, or the traceback.
        images: Plots that it made.
    """

    source: str
    language: str
    outcome: str = ""
    output: str = ""
    images: tuple[Image, ...] = ()


def read_code(parts: Iterable[wire.Part]) -> list[ExecutedCode]:
    """Return the code among `parts`; results and images belong to the code before them."""
    found: list[ExecutedCode] = []
    for part in parts:
        if part.executable_code is not None:
            code = part.executable_code
            found.append(ExecutedCode(source=code.code or "", language=str(code.language or "")))
        elif part.code_execution_result is not None and found:
            result = part.code_execution_result
            outcome, output = str(result.outcome or ""), found[-1].output + (result.output or "")
            found[-1] = replace(found[-1], outcome=outcome, output=output)
        elif found:
            found[-1] = replace(found[-1], images=(*found[-1].images, *read_media([part], Image)))
    return found
