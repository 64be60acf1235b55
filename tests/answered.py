"""What the model was told: the function responses in a request that the emulator received."""

from collections.abc import Mapping
from typing import Any

from agentkit.testing import Emulator


def answers(emulator: Emulator, request: int = -1) -> list[Mapping[str, Any]]:
    """Return the functionResponses in the last content of a request, which holds nothing else."""
    parts = emulator.requests[request]["contents"][-1]["parts"]
    assert all(set(part) == {"functionResponse"} for part in parts), parts
    return [part["functionResponse"] for part in parts]


def told(emulator: Emulator, request: int = -1) -> list[Mapping[str, Any]]:
    """Return only what the responses say, in the order of the calls."""
    return [answer["response"] for answer in answers(emulator, request)]
