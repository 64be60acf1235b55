"""How a report looks: tables for a person, JSON for a program."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from agentkit.cli.check_report import ESTIMATE, Problem, Report, SchemaLosses
from agentkit.cli.check_target import Place
from agentkit.cli.output import write_out
from agentkit.cli.show import printable

__all__ = ["file_of", "show_json", "show_text", "summary"]

PIPE_WIDTH = 10_000  # columns; a pipe has no edge at which a line would have to break
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_FATES = {"rewritten": "dim", "in words": "yellow", "lost": "red"}


def show_text(report: Report, out: TextIO) -> None:
    """Print what was found as tables, and a line that sums it up."""
    is_terminal = out.isatty()
    console = Console(
        file=out,
        width=None if is_terminal else PIPE_WIDTH,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") or not is_terminal else "auto",
    )
    sections = [section for section in (_problems(report), _costs(report), *_schemas(report)) if section]
    with console.capture() as captured:
        for number, section in enumerate(sections):
            if number:
                console.print()
            for block in section:
                console.print(block)
    lines = captured.get().split("\n")
    write_out(out, "\n".join(lines if is_terminal else [line.rstrip() for line in lines]))


def show_json(report: Report, out: TextIO) -> None:
    """Print the report as one JSON object."""
    shown: dict[str, Any] = {
        "target": report.target,
        "model": report.model,
        "profiles": report.profiles,
        "findings": [_as_json(problem) for problem in report.problems],
        "summary": {f"{severity}s": report.count(severity) for severity in ("error", "warning", "note")},
        "tokens": {
            "method": ESTIMATE,
            "parts": [vars(cost) for cost in report.costs],
            "profiles": report.costs_at,
            "total": report.tokens,
            "input_limit": report.input_limit,
        },
    }
    if report.schemas is not None:
        shown["schemas"] = [
            {"name": schema.name, "losses": [vars(loss) for loss in schema.losses]} for schema in report.schemas
        ]
    write_out(out, json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


def summary(report: Report) -> str:
    """Return one line: the target, whose rules were applied, and how much was found."""
    found = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if (number := report.count(severity))
    ]
    what = ", ".join(found) or "nothing to say"
    return f"{printable(report.target)}: {what} ({printable(report.model)}; {', '.join(report.profiles)})"


def file_of(place: Place) -> str:
    """Return the file of a place: from here if it lies below, else from the root."""
    path = place.file.resolve()
    here = Path.cwd().resolve()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _as_json(problem: Problem) -> dict[str, Any]:
    place = problem.place
    at = {"file": file_of(place), "line": place.line} if place else {"file": None, "line": None}
    return {key: value for key, value in vars(problem).items() if key != "place"} | at


def _problems(report: Report) -> list[RenderableType]:
    if not report.problems:
        return [Text(summary(report), style="green")]
    table = _table("", "", "", show_header=False)
    for number, problem in enumerate(report.problems):
        if number:
            table.add_row()
        told = [Text(printable(problem.message)), Text(f"Fix: {printable(problem.fix)}", style="green")]
        told.append(Text(_where(problem, report), style="dim"))
        style = _STYLES[problem.severity]
        table.add_row(Text(problem.severity, style=style), Text(problem.code, style=style), Text("\n").join(told))
    return [table, Text(summary(report), style="bold")]


def _where(problem: Problem, report: Report) -> str:
    path = problem.path or "the whole request"
    if problem.function:
        path = path.partition(".function_declarations[")[2].partition("].")[2]
    pieces = (
        f"{file_of(problem.place)}:{problem.place.line}" if problem.place else "",
        f"{problem.function}()" if problem.function else "",
        path,
        "" if problem.profiles == report.profiles else "only " + ", ".join(problem.profiles),
    )
    return printable(" · ".join(piece for piece in pieces if piece))


def _costs(report: Report) -> list[RenderableType]:
    if all(cost.kind == "system_instruction" for cost in report.costs):
        return []
    where = "" if len(report.costs_at) in (0, len(report.profiles)) else f" to {', '.join(report.costs_at)}"
    table = _table(f"sent with each turn{where}", "~tokens", "of the input limit")
    for column in table.columns[1:]:
        column.justify = "right"
    for cost in report.costs:
        name = Text(printable(cost.name), style="" if cost.kind == "function" else "italic")
        table.add_row(name, f"{cost.tokens:,}", _share(cost.tokens, report.input_limit))
    if len(report.costs) > 1:
        table.add_row("total", f"{report.tokens:,}", _share(report.tokens, report.input_limit), style="bold")
    return [table, Text(f"~ {ESTIMATE}", style="dim")]


def _share(tokens: int, limit: int) -> str:
    share = tokens / limit
    return f"{share:.2%}" if share >= 0.0001 else "<0.01%"


def _schemas(report: Report) -> list[list[RenderableType]]:
    if report.schemas is None:
        return []
    if not report.schemas:
        return [[Text("No JSON Schema is sent, so none can lose anything.")]]
    lossless = [schema.name for schema in report.schemas if not schema.losses]
    sections = [_losses(schema) for schema in report.schemas if schema.losses]
    if lossless:
        sections.append([Text(f"Nothing is lost as 'parameters': {printable(', '.join(lossless))}", style="green")])
    return sections


def _losses(schema: SchemaLosses) -> list[RenderableType]:
    table = _table("", "", "", show_header=False)
    for loss in schema.losses:
        told = Text("\n").join([Text(printable(loss.text)), Text(printable(loss.path), style="dim")])
        table.add_row(Text(loss.fate, style=_FATES[loss.fate]), Text(printable(loss.keyword)), told)
    return [Text(f"{printable(schema.name)} as 'parameters':", style="bold"), table]


def _table(*headers: str, show_header: bool = True) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_header=show_header)
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    return table
