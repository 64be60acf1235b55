"""Random faults in front of whatever answers, for soak tests: always the same ones for the same seed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from agentkit.testing.items import Reply
from agentkit.testing.script import cut, delay, empty, error, finish, reply, reply_raw, reset, text

__all__ = ["Fault", "Faults"]

Fault = Literal[
    "busy", "overloaded", "internal", "page", "reset", "cut", "error_in_stream", "empty", "malformed", "stall"
]
"""What can go wrong; see `Faults`."""

_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
_REPLIES: Final[Mapping[Fault, Callable[["Faults"], Reply]]] = MappingProxyType(
    {
        "busy": lambda _: reply(error(429, retry_after_s=0.01)),
        "overloaded": lambda _: reply(error(503)),
        "internal": lambda _: reply(error(500)),
        "page": lambda _: reply(reply_raw(_PAGE, status=502, content_type="text/html")),
        "reset": lambda _: reply(reset()),
        "cut": lambda _: reply(text("The answer begins"), cut()),
        "error_in_stream": lambda _: reply(text("The answer begins"), error(503)),
        "empty": lambda _: reply(empty()),
        "malformed": lambda _: reply(finish("MALFORMED_FUNCTION_CALL", "Malformed function call: print(default_api.")),
        "stall": lambda faults: reply(delay(faults.stall_s), error(503)),
    }
)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which share of the requests fails, and how. A request that fails uses up no queued reply.

    Attributes:
        rate: From 0 (none) to 1 (all of them).
        seed: The same seed lets the same requests fail in the same way, whatever they ask.
        kinds: What can go wrong: `"busy"` is status 429 with a hint to come back soon, `"overloaded"` 503, `"internal"`
            500, `"page"` a 502 with HTML, `"reset"` a reset connection, `"cut"` an answer that breaks off without a
            finish reason, `"error_in_stream"` one that breaks off with an error, `"empty"` and `"malformed"` answers of
            the model that hold nothing to use, `"stall"` silence for `stall_s` and then a 503.
        latency_s: How long every answer takes at least, faults included.
        stall_s: How long a stall takes.

    Raises:
        ValueError: A rate is no share, a time is negative, or a kind is unknown.
    """

    rate: float = 0.0
    seed: int = 0
    kinds: tuple[Fault, ...] = ("busy", "overloaded", "internal")
    latency_s: float = 0.0
    stall_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate={self.rate} is no share of the requests. Give a number from 0 to 1.")
        if self.latency_s < 0 or self.stall_s < 0:
            raise ValueError(f"latency_s={self.latency_s} and stall_s={self.stall_s} must not be negative.")
        unknown = [kind for kind in self.kinds if kind not in _REPLIES]
        if unknown or not self.kinds:
            known = ", ".join(get_args(Fault))
            raise ValueError(f"kinds={self.kinds!r}: unknown or none at all. Choose from: {known}.")

    def strike(self, index: int) -> Reply | None:
        """Return what goes wrong with request `index`; `None` if nothing does."""
        dice = random.Random(f"{self.seed}:{index}")  # noqa: S311 - no secret
        return _REPLIES[dice.choice(self.kinds)](self) if dice.random() < self.rate else None
