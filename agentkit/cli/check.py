"""The command `agentkit check`: judges the first request of an agent, or a saved one, before it is sent."""

import difflib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agentkit import Capabilities, ConfigurationError
from agentkit.cli.check_first import PROFILES, Profile
from agentkit.cli.check_target import Target, open_target
from agentkit.cli.ends import exit_codes
from agentkit.cli.output import answer_output
from agentkit.cli.show import printable
from agentkit.models import AS_OF, facts, known_models

__all__ = ["CHECK_EXIT_CODES", "check"]

CHECK_EXIT_CODES = "Exit codes: 0 no errors, 1 errors (with --strict: warnings too), 2 wrong usage."
PROMPT = "Hello."


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class ProfileChoice(StrEnum):
    """Whose rules apply."""

    GOOGLE = "google"
    VERTEX = "vertex"
    COMET = "comet"
    ALL = "all"


def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="MODULE:AGENT, FILE.py[:AGENT] with an agent or tools, REQUEST.json, or - for stdin."
        ),
    ],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What an agent is asked.")] = PROMPT,
    profile: Annotated[
        ProfileChoice | None,
        typer.Option("--profile", help="Whose rules apply; else those of the agent's own endpoint, where it has one."),
    ] = None,
    capabilities: Annotated[
        Path | None,
        typer.Option("--capabilities", metavar="FILE", help="What 'agentkit doctor --save FILE' found out."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="ID", help="Judge for another model.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    schema: Annotated[bool, typer.Option("--schema", help="Show what schemas lose as 'parameters'.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks.")] = False,
) -> None:
    """Judge what TARGET would send, before it is sent.

    The service's rules and advice are applied to the first request; no key and no network are needed. Schemas are
    sent as 'parametersJsonSchema'; gateways that know only the older 'parameters' get less of them: see --schema.

    Where nothing says which endpoint is meant, no key and no client of the agent's, all are judged, and what only some
    refuse is a warning. With --profile all it is an error.
    """
    from agentkit.cli.check_machines import show_github, show_sarif
    from agentkit.cli.check_report import make_report
    from agentkit.cli.check_show import show_json, show_text

    shows = {Format.TEXT: show_text, Format.JSON: show_json, Format.SARIF: show_sarif, Format.GITHUB: show_github}
    with exit_codes(verbose=verbose), answer_output() as out:
        opened = open_target(target, model=model, prompt=prompt)
        for asked in (opened, *opened.fallbacks):
            _warn_of_unknown(asked.model)
        try:
            known = Capabilities.load(capabilities) if capabilities else opened.capabilities
            profiles = _profiles(profile, opened, known)
            is_open = profile is None and len(profiles) > 1
            report = make_report(opened, profiles, with_schemas=schema, is_open=is_open, known=known)
        except RecursionError as error:
            raise ConfigurationError(f"{target} is nested too deeply to be judged. Flatten it.") from error
        shows[output](report, out)
        if report.count("error") or (strict and report.count("warning")):
            raise typer.Exit(1)


def _profiles(choice: ProfileChoice | None, target: Target, known: Capabilities) -> tuple[Profile, ...]:
    wanted = choice.value if choice else known.endpoint or target.endpoint
    if wanted in (None, "other") and known.builtins_with_functions:
        wanted = "google"  # the only one of them that combines
    return tuple(profile for profile in PROFILES if profile == wanted) or PROFILES


def _warn_of_unknown(model: str) -> None:
    told = facts(model)
    if told.known:
        return
    close = difflib.get_close_matches(told.id, [one.id for one in known_models()], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    sys.stderr.write(
        f"Model {printable(model)!r} is not in the list of {AS_OF}: it is judged like others of its generation, or "
        f"like the newest.{hint}\n"
    )
