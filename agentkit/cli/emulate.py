"""`agentkit emulate`: the service on this machine, for clients in any language, until Ctrl-C."""

import re
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from agentkit import ConfigurationError
from agentkit.cli.check_first import PROFILES
from agentkit.cli.ends import exit_codes
from agentkit.cli.show import printable

__all__ = ["emulate"]

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)")


class ProfileChoice(StrEnum):
    """Who is played. An enum: typer knows no `Literal` before 0.19."""

    GOOGLE = "google"
    VERTEX = "vertex"
    COMET = "comet"


class CrippleChoice(StrEnum):
    """What a gateway may do badly."""

    DROPS_IDS = "drops_ids"
    DROPS_SIGNATURES = "drops_signatures"
    REFUSES_IDS = "refuses_ids"
    ONLY_PARAMETERS = "only_parameters"
    IGNORES_JSON_SCHEMA = "ignores_json_schema"
    OPENAI_ERRORS = "openai_errors"
    ONLY_BEARER = "only_bearer"
    NO_FILES = "no_files"
    NO_CACHES = "no_caches"


def emulate(
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option("--host", metavar="127.0.0.1", help="The emulator is for this machine only.")
    ] = "127.0.0.1",
    profile: Annotated[
        ProfileChoice, typer.Option("--profile", help="Whose rules, errors and habits.")
    ] = ProfileChoice.GOOGLE,
    script: Annotated[
        Path | None,
        typer.Option("--script", "-s", metavar="FILE", help="What to answer: .json, .jsonl or .py."),
    ] = None,
    latency: Annotated[
        str, typer.Option("--latency", metavar="TIME", help="How long to wait before each answer: 200ms, 1.5s.")
    ] = "0s",
    fail_rate: Annotated[
        float,
        typer.Option("--fail-rate", min=0, max=1, metavar="SHARE", help="How many requests fail: 0.1 is one in ten."),
    ] = 0.0,
    cripple: Annotated[
        list[CrippleChoice] | None,
        typer.Option(
            "--cripple",
            metavar="FAULT",
            help=f"What it does badly, like some gateways: {', '.join(CrippleChoice)}. May be given several times.",
        ),
    ] = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Answer requests that break a rule, too.")] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="The same ids, signatures and failures in every run.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell only the address and the summary.")] = False,
) -> None:
    """Serve the Gemini API on this machine, and tell what is wrong with each request.

    Without a script a rule-based planner answers; it is not an LLM. Ctrl-C ends it with a summary.
    """
    with exit_codes():
        from agentkit.cli.watched import WatchedEmulator, read_brain, serve_until_interrupted
        from agentkit.testing.cripple import Cripple
        from agentkit.testing.faults import Faults

        if host not in ("127.0.0.1", "localhost"):
            raise ConfigurationError(f"--host {host}: the emulator lets anybody in, so it serves 127.0.0.1 only.")
        emulator = WatchedEmulator(
            (lambda _line: None) if quiet else _tell,
            profile=next(name for name in PROFILES if name == profile),
            brain=read_brain(script),
            strict=not lenient,
            seed=seed,
            cripple=[name for name in get_args(Cripple) if name in (cripple or ())],
            faults=Faults(rate=fail_rate, seed=seed or 0, latency_s=_seconds(latency)),
        )
        serve_until_interrupted(emulator, port=port, tell=_tell, is_brief=quiet)


def _seconds(latency: str) -> float:
    found = _DURATION.fullmatch(latency.strip())
    if found is None:
        raise ConfigurationError(f"--latency {latency!r} is no time. Write it like 200ms or 1.5s.")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def _tell(line: str) -> None:
    """Print a line at once; whoever reads may have gone, and the requests are answered all the same."""
    with suppress(OSError, ValueError):
        sys.stdout.write(printable(line) + "\n")
        sys.stdout.flush()
