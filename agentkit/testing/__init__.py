"""Tools for testing agents without the service: a strict emulator, scripted answers, and the rules it judges by.

It stands apart from the rest of agentkit on purpose: a judge that shared code with the client would share its mistakes.
"""

from agentkit.testing.emulator import Emulator
from agentkit.testing.finding import Finding
from agentkit.testing.rules import check_request
from agentkit.testing.script import (
    Asked,
    Brain,
    Reply,
    blocked,
    call,
    call_args,
    code,
    cut,
    delay,
    empty,
    error,
    finish,
    grounding,
    part,
    recorded,
    reply,
    reply_raw,
    stream,
    text,
    thought,
    usage,
)

__all__ = [
    "Asked",
    "Brain",
    "Emulator",
    "Finding",
    "Reply",
    "blocked",
    "call",
    "call_args",
    "check_request",
    "code",
    "cut",
    "delay",
    "empty",
    "error",
    "finish",
    "grounding",
    "part",
    "recorded",
    "reply",
    "reply_raw",
    "stream",
    "text",
    "thought",
    "usage",
]
