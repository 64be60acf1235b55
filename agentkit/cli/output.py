"""Standard output, which belongs to the answer: what else is printed goes to stderr."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from agentkit import AgentKitError, ConfigurationError

__all__ = ["OutputFailed", "answer_output", "write_out"]


class OutputFailed(AgentKitError):
    """The answer could not be written: a full disk, for example."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The output could not be written: {self.reason}."


@contextmanager
def answer_output() -> Generator[TextIO, None, None]:
    """Give standard output; what tools and modules print in this block goes to stderr instead.

    Raises:
        ConfigurationError: Standard output is closed.
    """
    out = sys.stdout
    if not out:  # what Python makes of `>&-`
        raise ConfigurationError("Standard output is closed, so there is no place for the answer. Leave it open.")
    with redirect_stdout(sys.stderr):
        yield out


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
