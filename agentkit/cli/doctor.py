"""The command `agentkit doctor`: examines an endpoint step by step, and keeps what it found in a file."""

import functools
import os
import sys
from pathlib import Path
from typing import Annotated

import anyio
import typer

from agentkit import AgentKitError, ConfigurationError
from agentkit._endpoint import api_root, find_credential
from agentkit.cli.ends import exit_codes
from agentkit.cli.output import answer_output
from agentkit.cli.service import DEFAULT_MODEL, URL_VARIABLE
from agentkit.cli.show import printable

__all__ = ["DOCTOR_EXIT_CODES", "doctor"]

DOCTOR_EXIT_CODES = (
    "Exit codes: 0 agents can work there, 1 something essential fails or nothing answers, 2 wrong usage, "
    "130 interrupted."
)
FILE_NAME = "agentkit-capabilities.json"


def doctor(
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="The endpoint; else the one of the key.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", metavar="ID", help="The model that is asked.")] = DEFAULT_MODEL,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help=f"Keep what was found; in a folder, as {FILE_NAME}."),
    ] = None,
    key_in_url: Annotated[
        bool, typer.Option("--key-in-url", help="Try the key as ?key=, too; addresses end in logs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before spending tokens.")] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-insecure-http", help="Send the key unencrypted to another machine.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks.")] = False,
) -> None:
    """Find out what an endpoint can do: keys, streams, functions, built-in tools, errors, files, caches.

    The key is read from COMETAPI_KEY, GEMINI_API_KEY or GOOGLE_API_KEY; an OAuth token may stand there, too. What was
    saved is for GeminiClient(capabilities=FILE) and 'agentkit check --capabilities FILE'. The URL of Vertex AI ends in
    /v1/projects/PROJECT/locations/LOCATION/publishers/google.
    """
    from agentkit.cli.doctor_exam import cost_of, examine_at, steps_for
    from agentkit.cli.doctor_show import show_json, show_text

    with exit_codes(verbose=verbose, as_json=as_json), answer_output() as out:
        url = base_url or os.environ.get(URL_VARIABLE) or None
        credential = find_credential(None, url)
        root = api_root(credential.base_url, "v1beta", allow_insecure_http=allow_http)
        file = _file(save)
        steps = steps_for(key_in_url=key_in_url)
        requests, tokens = cost_of(steps)
        _announce(root, model, requests=requests, tokens=tokens)
        if not yes:
            _ask_leave()

        exam = anyio.run(functools.partial(examine_at, root, credential, model, steps, _tell_step))
        _tell_step("")
        (show_json if as_json else show_text)(exam, out)
        if file is not None and exam.lacking:
            sys.stderr.write("Nothing is saved: agents cannot work there.\n")
        elif file is not None:
            exam.capabilities.save(file)
            sys.stderr.write(printable(f"Saved as {file}: GeminiClient(capabilities={str(file)!r})\n"))
        if exam.lacking:
            raise typer.Exit(1)


def _announce(root: str, model: str, *, requests: int, tokens: int) -> None:
    sys.stderr.write(
        printable(
            f"The doctor asks {model} at {root}: about {requests} requests and {tokens:,} tokens.\n"
            "Some providers bill Google Search and Maps by the request.\n"
        )
    )


def _ask_leave() -> None:
    """Ask the person at the terminal.

    Raises:
        ConfigurationError: There is nobody to ask.
        AgentKitError: The person said no.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigurationError("Nobody can be asked whether to spend that. Add --yes, or run it at a terminal.")
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise AgentKitError("Nothing was sent.")


def _tell_step(name: str) -> None:
    """Show at a terminal what is being tried, on one line that is overwritten; an empty name wipes it out."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{name and f'{name} ...'}")
        sys.stderr.flush()


def _file(save: Path | None) -> Path | None:
    """Return where to save, before anything is spent.

    Raises:
        ConfigurationError: There is no such folder.
    """
    if save is None:
        return None
    file = save / FILE_NAME if save.is_dir() else save
    if not file.parent.is_dir():
        raise ConfigurationError(f"--save {save}: there is no folder {str(file.parent)!r}. Make it first.")
    return file
