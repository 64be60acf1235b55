"""The emulator as `agentkit emulate` serves it: each exchange is told in one line, with its findings below."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agentkit import ConfigurationError
from agentkit.testing import Asked, Brain, Cripple, Emulator
from agentkit.testing.exchange import Message, Receive, Scope, Send
from agentkit.testing.faults import Faults
from agentkit.testing.finding import Profile
from agentkit.testing.lenient import as_list, as_object
from agentkit.testing.offline import answer
from agentkit.testing.script_file import ScriptFileError, read_script
from agentkit.testing.server import serve

__all__ = ["WatchedEmulator", "read_brain", "serve_until_interrupted"]

Tell = Callable[[str], None]
"""Takes a line for the person at the terminal; never raises."""

_MARK = "x-agentkit-exchange"  # tells which entry of `Emulator.asked` belongs to an exchange
_TOTAL = re.compile(rb'"total(?:TokenCount|Tokens)":\s*(\d+)')
_TAIL = 4096  # bytes; the last count of an answer stands near its end
_KEPT = 256  # requests that are held at most; more than are answered at once
_DECLARED = ("functionDeclarations", "function_declarations")
_MODEL = "gemini-3-flash-preview"
_GREETING = """\
Any key is right. Try it, or point a client at it:

  curl {url}/v1beta/models/{model}:generateContent \\
    -H 'x-goog-api-key: any' -H 'content-type: application/json' \\
    -d '{{"contents": [{{"role": "user", "parts": [{{"text": "Hello"}}]}}]}}'

  client = genai.Client({vertex}api_key="any", http_options={{"base_url": "{url}"}})    # google-genai

  AGENTKIT_BASE_URL={url} GEMINI_API_KEY=any-key python program.py    # agentkit
"""


class WatchedEmulator(Emulator):
    """An emulator that tells about each exchange, and counts."""

    def __init__(
        self,
        tell: Tell,
        *,
        profile: Profile,
        brain: Brain,
        strict: bool,
        seed: int | None,
        faults: Faults,
        cripple: Sequence[Cripple],
    ) -> None:
        super().__init__(
            profile=profile, brain=brain, strict=strict, seed=seed, faults=faults, keep=_KEPT, cripple=cripple
        )
        self._tell = tell
        self._exchanges = self._refused = 0
        self._codes = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI), and tell about it."""
        if scope["type"] != "http":
            return
        self._exchanges += 1
        mark, began_s = str(self._exchanges), time.monotonic()
        status, tail = 0, b""

        async def watch(message: Message) -> None:
            nonlocal status, tail
            status = message.get("status", status)
            tail = (tail + message.get("body", b""))[-_TAIL:]
            await send(message)

        try:
            marked = {**scope, "headers": [*scope["headers"], (_MARK.encode(), mark.encode())]}
            await super().__call__(marked, receive, watch)
        finally:
            self._refused += status >= 400
            asked = next((one for one in reversed(self.asked) if one.headers.get(_MARK) == mark), None)
            took = f"{(time.monotonic() - began_s) * 1000:.0f} ms"
            tokens = [f"{int(total)} tokens" for total in _TOTAL.findall(tail)[-1:]]
            self._report(asked, [*_what(scope, asked), str(status or "no answer"), took, *tokens])

    def _report(self, asked: Asked | None, facts: Sequence[str]) -> None:
        self._tell("  ".join([time.strftime("%H:%M:%S"), *facts]))
        for finding in asked.findings if asked else ():
            self._codes[finding.code] += 1
            self._tell(f"          {' '.join(str(finding).split())}")

    def summary(self) -> str:
        """Return how many requests came, how many were answered with an error, and the findings by code."""
        found = ", ".join(f"{code} x{count}" for code, count in sorted(self._codes.items())) or "none"
        return f"{_count(self._exchanges, 'request')}, {self._refused} refused. Findings: {found}."


def _what(scope: Scope, asked: Asked | None) -> list[str]:
    """Return what was asked for: method, model, turn and tools of a request, or else its verb and path."""
    if asked is None:
        return [f"{scope['method']} {scope['path']}"]
    turn = 1 + sum(as_object(content).get("role") == "model" for content in as_list(asked.body.get("contents")))
    tools = 0
    for tool in map(as_object, as_list(asked.body.get("tools"))):
        tools += sum(len(as_list(value)) if name in _DECLARED else 1 for name, value in tool.items())
    return [asked.method, asked.model, f"turn {turn}", _count(tools, "tool")]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def read_brain(script: Path | None) -> Brain:
    """Return what answers: the file's script, or without one the rule-based planner.

    Raises:
        ConfigurationError: The file is wrong.
    """
    if script is None:
        return lambda asked: answer(asked.body)
    try:
        return read_script(script)
    except ScriptFileError as error:
        raise ConfigurationError(str(error)) from error


def serve_until_interrupted(emulator: WatchedEmulator, *, port: int, tell: Tell, is_brief: bool) -> None:
    """Serve on loopback until Ctrl-C or a signal to terminate, then tell the summary.

    Raises:
        ConfigurationError: The port cannot be opened.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with serve(emulator, port=port), suppress(KeyboardInterrupt):
            opening = f"Emulator ({emulator.profile}) at {emulator.url}. Ctrl-C ends it."
            vertex = "vertexai=True, " if emulator.profile == "vertex" else ""
            lines = _GREETING.format(url=emulator.url, model=_MODEL, vertex=vertex)
            tell(opening if is_brief else f"{opening}\n{lines}")
            while True:
                time.sleep(3600)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # `strerror` repeats the address
        raise ConfigurationError(
            f"Port {port} of 127.0.0.1 cannot be opened: {reason}. Choose another one, or --port 0 for a free one."
        ) from error
    tell(emulator.summary())
