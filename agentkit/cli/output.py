"""Standard output, which belongs to the answer: what else is printed goes to stderr."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from agentkit import AgentKitError, ConfigurationError

__all__ = ["OutputFailed", "answer_output", "write_out"]

_STDOUT = 1  # the descriptor that child processes write to


class OutputFailed(AgentKitError):
    """The answer could not be written: a full disk, for example."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The output could not be written: {self.reason}."


@contextmanager
def answer_output() -> Generator[TextIO, None, None]:
    """Give standard output; what tools, modules and their child processes print in this block goes to stderr instead.

    Raises:
        ConfigurationError: Standard output is closed.
    """
    out = sys.stdout
    if not out:  # what Python makes of `>&-`
        raise ConfigurationError("Standard output is closed, so there is no place for the answer. Leave it open.")
    with _set_apart(out) as kept, redirect_stdout(sys.stderr):
        yield kept


@contextmanager
def _set_apart(out: TextIO) -> Generator[TextIO, None, None]:
    """Give another way to where `out` leads, and let its descriptor, which child processes inherit, lead to stderr."""
    if _descriptor(out) != _STDOUT or _descriptor(sys.stderr) < 0:  # a program that catches what commands print
        yield out
        return
    kept = open(os.dup(_STDOUT), "w", encoding=out.encoding, errors=out.errors)  # noqa: SIM115  # closed below
    os.dup2(_descriptor(sys.stderr), _STDOUT)
    try:
        yield kept
    finally:
        with suppress(OSError):
            out.flush()  # what was written to `sys.__stdout__`
        os.dup2(kept.fileno(), _STDOUT)
        with suppress(OSError):  # `write_out` has told of it
            kept.close()


def _descriptor(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return -1


def write_out(out: TextIO, text: str) -> None:
    """Write `text` now.

    Raises:
        OutputFailed: It could not be written.
        BrokenPipeError: The reader has gone.
    """
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(error.strerror or str(error)) from error
