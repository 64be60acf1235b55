"""How a command ends. Exit codes: 0 an answer, 1 the run ended without one, 2 wrong usage, 130 interrupted."""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import typer

from agentkit import AgentKitError, ConfigurationError
from agentkit._log import redact
from agentkit.cli.output import OutputFailed
from agentkit.cli.service import KEY_VARIABLES
from agentkit.cli.show import printable

__all__ = ["exit_codes", "interrupted_within"]

INTERRUPTED = 130
SHORTEST_KEY = 8  # characters; what is shorter is no key, and may stand in any sentence


@contextmanager
def exit_codes(*, verbose: bool = False, as_json: bool = False) -> Generator[None, None, None]:
    """Turn what ends a command into one sentence on stderr (a traceback with `verbose`) and the exit code.

    With `as_json` a failure is also the last line of standard output, for the program that reads there:
    `{"type": "error", "error": "ResponseBlocked", "message": "Gemini blocked the prompt: SAFETY. ..."}`
    """
    code = 0
    try:
        yield
    except typer.Exit:
        raise
    except BrokenPipeError:
        _leave(1)  # the reader of our output has gone; there is nobody to tell
    except KeyboardInterrupt:
        _leave(INTERRUPTED, "Interrupted.")
    except Exception as error:
        code = 2 if isinstance(error, ConfigurationError) else 1
        _tell(error, verbose=verbose)
        if isinstance(error, OutputFailed) or (as_json and not _tell_program(error)):
            _leave(code)  # Python would try once more to write what is left, and complain
    if code:
        raise typer.Exit(code) from None


@contextmanager
def interrupted_within(seconds: float) -> Generator[None, None, None]:
    """Let Ctrl-C cancel the run in this block as usual, and end the process if that takes longer than `seconds`.

    An async tool that blocks the event loop, or a toolset that hangs while closing, would keep Ctrl-C waiting.
    """
    cancel = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(seconds, _leave, (INTERRUPTED, "Interrupted."))
        timer.daemon = True
        timer.start()
        if callable(cancel):
            cancel(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, cancel)


def _tell(error: Exception, *, verbose: bool) -> None:
    told = "".join(traceback.format_exception(error)) if verbose else _sentence(error) + "\n"
    sys.stderr.write(printable(_without_keys(told)))


def _tell_program(error: Exception) -> bool:
    """Write the error as a line of JSON, and tell whether that went well."""
    line = {"type": "error", "error": type(error).__name__, "message": _without_keys(_sentence(error))}
    try:
        if sys.stdout:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    except OSError:
        return False
    return True


def _sentence(error: Exception) -> str:
    sentence = str(error)
    if not isinstance(error, AgentKitError):
        sentence = f"Something unexpected went wrong (-v shows where): {type(error).__name__}: {error}"
    return " ".join(sentence.split())


def _without_keys(text: str) -> str:
    keys = (os.environ.get(name, "").strip() for name in KEY_VARIABLES)
    return redact(text, *(key for key in keys if len(key) >= SHORTEST_KEY))


def _leave(code: int, last_words: str = "") -> None:
    """End the process now, whatever threads are doing."""
    steps: list[Callable[[], object]] = [
        lambda: sys.stdout and sys.stdout.flush(),
        lambda: sys.stderr.write(last_words and f"\n{last_words}\n"),
        sys.stderr.flush,
    ]
    for step in steps:
        try:
            step()
        except OSError:
            continue
    os._exit(code)
