"""How a run looks: for a person at a terminal, for a pipe, for a program (`--json`)."""

import json
import os
import unicodedata
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.text import Text

from agentkit import (
    ApprovalRequest,
    Event,
    ModelChanged,
    Paused,
    Retrying,
    RunResult,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)
from agentkit.cli.output import write_out

__all__ = ["JsonShow", "Show", "TerminalShow", "asked_args", "printable", "unmistakable", "usage_line"]

LONGEST = 160  # characters of a value that are shown
LONGEST_ASKED = 4000  # of arguments that a person is asked about
# Shown as nothing or as a blank, though Unicode counts them as letters, marks and symbols.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"

Piece = str | tuple[str, str]
"""A text, or a text and its style."""


class Show(Protocol):
    """What the command does with a run's events and result."""

    def event(self, event: Event) -> None:
        """Take one event."""
        ...

    def result(self, result: RunResult[Any], elapsed_s: float) -> None:
        """Take the end."""
        ...


class JsonShow:
    """One JSON object per line: the events, then `{"type": "result", ...}`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def event(self, event: Event) -> None:
        """Print one event."""
        self._print(event.to_json())

    def result(self, result: RunResult[Any], elapsed_s: float) -> None:
        """Print the answer with its sources and usage."""
        line = {"type": "result", "output": result.output, "stop": result.stop, "elapsed_s": round(elapsed_s, 3)}
        sources = [{"title": c.title, "url": c.url, "text": c.text} for c in result.citations]
        self._print(line | {"citations": sources, "usage": result.usage.to_json()})

    def _print(self, line: Mapping[str, Any]) -> None:
        write_out(self._out, json.dumps(line, default=vars) + "\n")


class TerminalShow:
    """The answer on `out`, all else on stderr. Text is streamed only where a person reads along."""

    def __init__(self, out: TextIO, *, streams: bool) -> None:
        self._out = out
        self._streams = streams
        self._notes = Console(
            stderr=True, highlight=False, soft_wrap=True, color_system=None if os.environ.get("NO_COLOR") else "auto"
        )
        self._longest = min(LONGEST, max(40, 2 * self._notes.width))
        self._line_is_open = False
        self._shown = ""
        self._last_reason = ""

    def event(self, event: Event) -> None:
        """Show what a person wants to see of one event."""
        match event:
            case TextDelta(text=text) if self._streams:
                self._write(text)
                self._shown += text
            case ToolStarted(tool=tool, args=args):
                self._note((f"→ {tool}", "cyan"), f"({self._arguments(args, self._longest)})")
            case ToolProgress(tool=tool, message=message):
                self._note((f"  {tool}: {message}", "dim"))
            case ToolFinished(tool=tool, response=response, failed=failed, elapsed_s=elapsed_s, error=error):
                value = response["output"] if set(response) == {"output"} else response
                color = "red" if failed else "green"
                self._note(
                    (f"← {tool}", color), f" {_json(value, self._longest)} ", (f"({_duration(elapsed_s)})", "dim")
                )
                if error not in str(response.get("error", error)):  # the model was told less than happened
                    self._note((f"  {_clipped(' '.join(error.split()), self._longest)}", "red"))
            case Retrying(reason=reason, delay_s=delay_s):
                wait = f" in {delay_s:.1f} s" if delay_s else ""
                why = "" if reason == self._last_reason else f": {reason}"
                self._last_reason = reason
                self._note((f"… asking again{wait}{why}", "yellow"))
            case ModelChanged(old=old, new=new, error=error):
                self._note((f"… going on with {new}: {old} failed: {error}", "yellow"))
            case Paused(requests=requests):
                for request in requests:
                    self._note(
                        (f"? {unmistakable(request.tool)}", "yellow"), f"({asked_args(request)}) needs your approval"
                    )
                    if request.reason:
                        self._note(f"  {unmistakable(request.reason)}")
            case _:
                pass

    def result(self, result: RunResult[Any], elapsed_s: float) -> None:
        """Print what was not streamed, the sources, and the line of usage."""
        answer = str(result.output)
        if not self._streams or not self._shown.rstrip().endswith(answer.strip()):
            self._close_line()
            self._write(answer)
        self._close_line()
        titles = {citation.url: citation.title for citation in reversed(result.citations)}
        for number, url in enumerate(dict.fromkeys(citation.url for citation in result.citations), 1):
            self._note((f"[{number}] {titles[url]}: {url}", "dim"))
        if result.stop == "limit":
            self._note(("A limit of the run was reached; this is the best answer so far.", "yellow"))
        elif result.stop == "truncated":
            self._note(("The answer was cut at the output limit.", "yellow"))
        self._note((usage_line(result, elapsed_s), "dim"))

    def _write(self, text: str) -> None:
        """Write a piece of the answer: as it is to a file, without control characters to a terminal."""
        if text:
            write_out(self._out, printable(text) if self._out.isatty() else text)
            self._line_is_open = not text.endswith("\n")

    def _note(self, *pieces: Piece) -> None:
        self._close_line()
        plain = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
        self._notes.print(Text.assemble(*((printable(text), style) for text, style in plain)))

    def _close_line(self) -> None:
        if self._line_is_open:
            self._write("\n")

    @staticmethod
    def _arguments(args: Mapping[str, Any], longest: int | None = None) -> str:
        return ", ".join(f"{name}={_json(value, longest)}" for name, value in args.items())


def usage_line(result: RunResult[Any], elapsed_s: float) -> str:
    """Return turns, tool calls, tokens and seconds in one line."""
    usage = result.usage
    turns, calls = _count(usage.turns, "turn"), _count(usage.tool_calls, "tool call")
    tokens = f"{usage.total_tokens:,} tokens ({usage.input_tokens:,} in, {usage.output_tokens:,} out"
    thoughts = f", {usage.thought_tokens:,} thinking)" if usage.thought_tokens else ")"
    cost = f", ${usage.cost:.6f}" if usage.cost is not None else ""
    return f"{turns}, {calls}, {tokens}{thoughts}{cost}, {elapsed_s:.1f} s"


def printable(text: str) -> str:
    """Escape what would steer a terminal: what a model or a tool wrote is shown, not obeyed.

    That is control characters but line ends and tabs, odd line ends, lone surrogates, and marks that turn the direction
    of writing around. Joiners and unusual blanks stay: emoji and many languages need them.
    """
    return "".join(one if _is_harmless(one) else ascii(one)[1:-1] for one in text.replace("\r\n", "\n"))


def asked_args(request: ApprovalRequest, longest: int | None = LONGEST_ASKED) -> str:
    """Return the arguments that a person is asked about; of very long ones head and tail, and the request's digest."""
    items = ((name if name.isidentifier() else _json(name), value) for name, value in request.args.items())
    text = unmistakable(", ".join(f"{name}={_json(value)}" for name, value in items))
    if longest is None or len(text) <= longest:
        return text
    left_out = len(text) - longest // 3 * 3
    middle = f" [... {left_out:,} characters left out; digest {request.digest[:16]} ...] "
    return f"{text[: longest // 3 * 2]}{middle}{text[-(longest // 3) :]}"


def unmistakable(text: str) -> str:
    """Return `text` for somebody who must judge it: what is not seen, or moves what is seen, is written out.

    More than `printable` does: also line ends, joiners, unusual blanks and all else that has no look of its own.
    """
    return "".join(one if _has_a_look(one) else ascii(one)[1:-1] for one in text)


def _has_a_look(character: str) -> bool:
    if " " <= character <= "~":
        return True
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return not is_selector and character not in _UNSEEN and unicodedata.category(character)[0] not in "CZ"


def _is_harmless(character: str) -> bool:
    if character in "\n\t" or " " <= character <= "~":
        return True
    turns = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return not turns and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _json(value: object, longest: int | None = None) -> str:
    return _clipped(json.dumps(value, ensure_ascii=False, default=str), longest)


def _clipped(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    return f"{text[: longest * 2 // 3]} … {text[-longest // 3 :]}"
