"""The commands `agentkit run`, `agentkit tools` and `agentkit offline`."""

import functools
import json
import sys
import time
from typing import Annotated, Any

import anyio
import typer

from agentkit import (
    Agent,
    CodeExecution,
    ConfigurationError,
    Decision,
    GoogleMaps,
    GoogleSearch,
    Limits,
    RunResult,
    RunState,
    UrlContext,
    __version__,
)
from agentkit.builtin import BuiltinTool
from agentkit.cli.ask import ask_person
from agentkit.cli.check import CHECK_EXIT_CODES, check
from agentkit.cli.deps import missing_deps
from agentkit.cli.doctor import DOCTOR_EXIT_CODES, doctor
from agentkit.cli.emulate import emulate
from agentkit.cli.ends import exit_codes, interrupted_within
from agentkit.cli.load import load_tools
from agentkit.cli.models import MODELS_EXIT_CODES, models
from agentkit.cli.offline import run_script
from agentkit.cli.output import answer_output, write_out
from agentkit.cli.service import DEFAULT_MODEL, is_service_set, open_client
from agentkit.cli.show import JsonShow, Show, TerminalShow

__all__ = ["app"]

DEFAULT_TOOLS = "agentkit_tools.basics"
CLEAN_UP_S = 0.7  # what a run has for leaving after Ctrl-C
NO_KEY = (
    "No key found: the built-in offline stand-in answers (a rule-based planner, not an LLM). "
    "For real answers set COMETAPI_KEY, or GEMINI_API_KEY for Google's endpoint."
)
EXIT_CODES = "Exit codes: 0 an answer, 1 the run ended without one, 2 wrong usage, 130 interrupted."

app = typer.Typer(
    name="agentkit",
    help="Function-calling agents on the Gemini native API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", "-t", metavar="FILE.py|MODULE[:NAME]", help="Tools to offer; may be given several times."),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show requests, answers and tracebacks; no keys.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Function-calling agents on the Gemini native API."""
    if version:
        typer.echo(f"agentkit {__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def run(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to do; - reads it from standard input.")],
    tools: ToolsOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="ID", help="The model's id; of several the next is asked when one is overloaded."
        ),
    ] = None,
    instructions: Annotated[
        str, typer.Option("--instructions", "-i", metavar="TEXT", help="The system instruction.")
    ] = "",
    search: Annotated[bool, typer.Option("--search", help="Let Gemini use Google Search.")] = False,
    code: Annotated[bool, typer.Option("--code", help="Let Gemini run Python at the service.")] = False,
    maps: Annotated[bool, typer.Option("--maps", help="Let Gemini use Google Maps.")] = False,
    url_context: Annotated[bool, typer.Option("--url-context", help="Let Gemini read URLs in the prompt.")] = False,
    thinking: Annotated[
        str | None,
        typer.Option(
            "--thinking",
            metavar="LEVEL|BUDGET",
            help="minimal, low, medium, high, xhigh, off, dynamic, or a number of tokens.",
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Another endpoint.")] = None,
    max_turns: Annotated[int, typer.Option("--max-turns", min=1, metavar="N", help="Turns at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event per line, for programs.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Answer PROMPT, calling tools on the way.

    The answer goes to standard output, everything else to standard error.
    """
    with exit_codes(verbose=verbose, as_json=as_json), answer_output() as out:
        text, models = _read_prompt(prompt), model or [DEFAULT_MODEL]
        switched = {GoogleSearch: search, CodeExecution: code, GoogleMaps: maps, UrlContext: url_context}
        builtins: list[BuiltinTool] = [kind() for kind, wanted in switched.items() if wanted]
        with open_client(base_url, verbose=verbose) as client:
            agent = Agent(
                models,
                tools=[*_load_all(tools or [DEFAULT_TOOLS]), *builtins],
                instructions=instructions,
                client=client,
                thinking=_number_or_text(thinking),
                limits=Limits(turns=max_turns),
            )
            if not is_service_set(base_url):
                sys.stderr.write(NO_KEY + "\n")
            for note in agent.notes:
                sys.stderr.write(f"{note}\n")
            if warning := missing_deps(agent.tools):
                sys.stderr.write(warning + "\n")
            show: Show = JsonShow(out) if as_json else TerminalShow(out, streams=out.isatty() and not verbose)
            _answer(agent, text, show, may_ask=not as_json)


app.command(epilog=CHECK_EXIT_CODES)(check)
app.command(epilog=DOCTOR_EXIT_CODES)(doctor)


@app.command()
def tools(tools: ToolsOption = None, verbose: VerboseOption = False) -> None:
    """Print the declarations that would be sent, as JSON."""
    with exit_codes(verbose=verbose), answer_output() as out:
        agent = Agent(DEFAULT_MODEL, tools=_load_all(tools or [DEFAULT_TOOLS]))
        declared = [tool.declaration for tool in agent.tools]
        write_out(out, json.dumps(declared, indent=2, ensure_ascii=False) + "\n")


app.command()(emulate)
app.command(epilog=MODELS_EXIT_CODES)(models)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def offline(
    script: Annotated[str, typer.Argument(metavar="SCRIPT.py", help="A Python script.")],
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What the script finds in argv.")
    ] = None,
) -> None:
    """Run a script without key and network: the stand-in answers.

    The offline stand-in is a rule-based planner, not an LLM; it takes the place of the service.
    """
    with exit_codes():
        run_script(script, args or [])


def _read_prompt(prompt: str) -> str:
    if prompt == "-":
        prompt = sys.stdin.buffer.read().decode("utf-8", "replace") if sys.stdin else ""
    if not prompt.strip():
        raise ConfigurationError("The prompt is empty. Say what the agent should do.")
    return prompt


def _number_or_text(value: str | None) -> int | str | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return value


def _load_all(sources: list[str]) -> list[object]:
    return [tool for source in sources for tool in load_tools(source)]


def _answer(agent: Agent[Any, str], prompt: str, show: Show, *, may_ask: bool) -> None:
    """Run to the answer; at a pause, ask the person and go on."""
    started = time.monotonic()
    result = anyio.run(functools.partial(_watch, agent, prompt, show))
    while result.paused:
        decisions = ask_person(result.paused, may_ask=may_ask)
        result = anyio.run(functools.partial(_watch, agent, result.state, show, decisions))
    show.result(result, time.monotonic() - started)


async def _watch(
    agent: Agent[Any, str], start: str | RunState, show: Show, decisions: dict[str, Decision] | None = None
) -> RunResult[str]:
    opening = agent.stream(start) if isinstance(start, str) else agent.resume_stream(start, decisions=decisions)
    with interrupted_within(CLEAN_UP_S):
        async with opening as run:
            async for event in run:
                show.event(event)
            return await run.result()
