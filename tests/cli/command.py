"""The `agentkit` command in a child process: at pipes, or at a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KEY", "Ended", "agentkit", "agentkit_at_terminal", "agentkit_in_shell", "begin"]

KEY = "test-key-0123456789"
LONGEST_S = 30.0
_LOOKS = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TERM", "COLUMNS", "LINES", "PYTHONIOENCODING")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str = ""


def begin(*args: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the command at pipes."""
    return subprocess.Popen(
        _command(args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=_environment(variables),
    )


def agentkit(*args: str, typed: str = "", cwd: Path | None = None, **variables: str) -> Ended:
    """Run the command at pipes, with `typed` as its standard input."""
    done = subprocess.run(
        _command(args),
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=_environment(variables),
        cwd=cwd,
        timeout=LONGEST_S,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def agentkit_in_shell(line: str, *args: str, **variables: str) -> Ended:
    """Run the command where `"$@"` stands in a line of shell, which may redirect its output."""
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *_command(args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=_environment(variables),
        timeout=LONGEST_S,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def agentkit_at_terminal(*args: str, typed: str = "", columns: int = 80, **variables: str) -> Ended:
    """Run the command at a terminal of its own; `out` is all that it wrote there, with `\\n` as the line end."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(screen, typed.encode())
    child = subprocess.Popen(
        _command(args),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=_environment({"TERM": "xterm-256color", **variables}),
        start_new_session=True,
    )
    os.close(terminal)
    written = _read_all(screen)
    return Ended(code=child.wait(LONGEST_S), out=written.decode().replace("\r\n", "\n"))


def _read_all(screen: int) -> bytes:
    written = b""
    with open(screen, "rb", buffering=0) as stream:
        try:
            while chunk := stream.read(4096):
                written += chunk
        except OSError:  # how Linux says that nobody holds the terminal any more
            pass
    return written


def _command(args: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "agentkit.cli", *args]


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _LOOKS} | dict(variables)
