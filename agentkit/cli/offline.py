"""Run a Python script with the offline stand-in in place of the service."""

import runpy
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentkit import ConfigurationError
from agentkit.cli.service import STAND_IN_KEY, URL_VARIABLE, environment, stand_in

__all__ = ["run_script"]

OFFLINE = "Offline: the built-in stand-in answers (a rule-based planner, not an LLM)."


def run_script(script: str, args: Sequence[str]) -> None:
    """Run `script` as `python script args...` would, except for who answers. The environment is restored afterwards.

    Raises:
        ConfigurationError: There is no such file.
        SystemExit: The script ended so, or with an exception: its traceback is on stderr, the code is 1.
    """
    path = Path(script)
    if not path.is_file():
        raise ConfigurationError(f"There is no file {script!r}. Give a Python script: agentkit offline SCRIPT.py.")
    with stand_in() as url, environment({URL_VARIABLE: url, "GEMINI_API_KEY": STAND_IN_KEY}), _main_is(path, args):
        sys.stderr.write(OFFLINE + "\n")
        sys.stderr.flush()
        try:
            runpy.run_path(script, run_name="__main__")
        except BrokenPipeError:
            raise
        except Exception as error:
            _print_traceback(error, script)
            sys.exit(1)


@contextmanager
def _main_is(path: Path, args: Sequence[str]) -> Generator[None, None, None]:
    """Let the script find its arguments and its neighbours."""
    argv, search_path = sys.argv, sys.path
    sys.argv, sys.path = [str(path), *args], [str(path.resolve().parent), *search_path]
    try:
        yield
    finally:
        sys.argv, sys.path = argv, search_path


def _print_traceback(error: Exception, script: str) -> None:
    """Print what Python would print for the script alone: our own frames are left out."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != script:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)
