"""How an examination looks: a table for a person, one JSON object for a program."""

import json
import os
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentkit.cli.doctor_exam import Examination, Result
from agentkit.cli.doctor_steps import Verdict
from agentkit.cli.output import write_out
from agentkit.cli.show import printable

__all__ = ["show_json", "show_text", "verdict_line"]

WIDTH: Final = 100  # columns at a pipe; the lines are sentences
_STYLES: Final[dict[Verdict, str]] = {
    "yes": "green",
    "limited": "yellow",
    "no": "yellow",
    "failed": "bold red",
    "not tried": "dim",
}


def show_text(exam: Examination, out: TextIO) -> None:
    """Print the table, and a line that sums it up."""
    is_terminal = out.isatty()
    console = Console(
        file=out,
        width=None if is_terminal else WIDTH,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") or not is_terminal else "auto",
    )
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("what it means", overflow="fold")
    for result in exam.results:
        verdict = result.found.verdict
        style = "bold red" if _is_fatal(result, exam) else _STYLES[verdict]
        table.add_row(result.step.name, Text(verdict, style=style), Text(printable(result.found.means)))
    with console.capture() as captured:
        console.print(table)
        console.print()
        console.print(Text(verdict_line(exam), style="bold red" if exam.lacking else "bold green"))
    lines = captured.get().split("\n")
    write_out(out, "\n".join(lines if is_terminal else [line.rstrip() for line in lines]))


def show_json(exam: Examination, out: TextIO) -> None:
    """Print all of it as one JSON object."""
    shown = {
        "base_url": exam.root,
        "model": exam.model,
        "steps": [
            {
                "step": result.step.name,
                "result": result.found.verdict,
                "means": result.found.means,
                "essential": bool(result.step.essential),
            }
            for result in exam.results
        ],
        "lacking": exam.lacking,
        "requests": exam.requests,
        "tokens": exam.tokens,
        "capabilities": exam.capabilities.to_json(),
    }
    write_out(out, json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


def verdict_line(exam: Examination) -> str:
    """Return one line: whether agents can work there, and what the examination cost."""
    cost = f"({exam.requests} requests, {exam.tokens:,} tokens)"
    if exam.key_refused:
        return printable(f"{exam.root} does not take the key in any form, so nothing else was tried {cost}.")
    if exam.lacking:
        return printable(f"Agents cannot work at {exam.root}: it lacks {', '.join(exam.lacking)} {cost}.")
    return printable(f"Agents can work at {exam.root} {cost}.")


def _is_fatal(result: Result, exam: Examination) -> bool:
    return result.step.essential in exam.lacking and result.found.verdict != "not tried"
