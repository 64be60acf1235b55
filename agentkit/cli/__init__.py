"""The `agentkit` command. Its packages (typer, rich, uvicorn) come with the extra "cli"."""

import io
import os
import sys
from typing import cast

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit the process with its code."""
    if not sys.stderr:  # what Python makes of `2>&-`
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process
    try:
        from agentkit.cli.app import app
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error.name!r} is not installed. Run: pip install 'agentkit[cli]'\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    if hasattr(sys.stdout, "reconfigure"):
        cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")  # as stderr does
    try:
        app(prog_name="agentkit")
    except OSError as error:  # commands tell of their own errors: this is about the help or the version
        sys.stderr.write(f"The output could not be written: {error.strerror or error}.\n")
        sys.exit(1)
