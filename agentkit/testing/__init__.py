"""Tools for testing agents without the service: a strict emulator, scripted answers, and the rules it judges by.

The judge stands apart from the rest of agentkit on purpose: if it shared code with the client, it would share its
mistakes. What puts the two together in a test (`FakeGemini`, `forbid_network`) imports the public face only.
"""

from agentkit.testing.cassette import Cassette, CassetteError, CassetteMiss, CassetteMode
from agentkit.testing.cripple import Cripple
from agentkit.testing.emulator import Emulator
from agentkit.testing.fake import FakeGemini
from agentkit.testing.faults import Faults
from agentkit.testing.finding import Finding
from agentkit.testing.items import Asked, Brain, Reply
from agentkit.testing.network import NetworkForbidden, forbid_network
from agentkit.testing.rules import check_request
from agentkit.testing.script import (
    begin,
    blocked,
    call,
    call_args,
    candidate,
    close,
    code,
    continuation,
    cut,
    delay,
    empty,
    error,
    finish,
    grounding,
    keep_alive,
    media,
    part,
    places,
    read_urls,
    recorded,
    reply,
    reply_raw,
    reset,
    search,
    server_tool,
    split,
    stream,
    text,
    thought,
    usage,
    without,
)
from agentkit.testing.steps import calls, repeat, says, unordered, when

__all__ = [
    "Asked",
    "Brain",
    "Cassette",
    "CassetteError",
    "CassetteMiss",
    "CassetteMode",
    "Cripple",
    "Emulator",
    "FakeGemini",
    "Faults",
    "Finding",
    "NetworkForbidden",
    "Reply",
    "begin",
    "blocked",
    "call",
    "call_args",
    "calls",
    "candidate",
    "check_request",
    "close",
    "code",
    "continuation",
    "cut",
    "delay",
    "empty",
    "error",
    "finish",
    "forbid_network",
    "grounding",
    "keep_alive",
    "media",
    "part",
    "places",
    "read_urls",
    "recorded",
    "repeat",
    "reply",
    "reply_raw",
    "reset",
    "says",
    "search",
    "server_tool",
    "split",
    "stream",
    "text",
    "thought",
    "unordered",
    "usage",
    "when",
    "without",
]
