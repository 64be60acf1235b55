"""A report for machines that show findings beside the code: SARIF 2.1.0, and the commands of GitHub's workflows."""

import json
from collections.abc import Mapping
from typing import Any, TextIO
from urllib.parse import quote

from agentkit import __version__
from agentkit.cli.check_report import Problem, Report
from agentkit.cli.check_show import file_of, summary
from agentkit.cli.check_target import Place
from agentkit.cli.output import write_out
from agentkit.testing.advice import ADVICE
from agentkit.testing.catalog import CATALOG

__all__ = ["show_github", "show_sarif"]

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def show_github(report: Report, out: TextIO) -> None:
    """Print one workflow command per problem, `::error file=a.py,line=3,title=AK121::What. Fix.`, and a summary."""
    lines = [_command(problem) for problem in report.problems]
    write_out(out, "\n".join([*lines, summary(report)]) + "\n")


def _command(problem: Problem) -> str:
    at = {"file": file_of(problem.place), "line": str(problem.place.line)} if problem.place else {}
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**at, "title": problem.code}.items())
    where = f" ({problem.path})" if problem.path else ""
    return f"::{_COMMANDS[problem.severity]} {properties}::{_data(_told(problem) + where)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def show_sarif(report: Report, out: TextIO) -> None:
    """Print the report as a SARIF log with one run."""
    codes = sorted({problem.code for problem in report.problems})
    driver = {"name": "agentkit check", "version": __version__, "rules": [_rule(code) for code in codes]}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, codes.index(problem.code)) for problem in report.problems],
            }
        ],
    }
    write_out(out, json.dumps(log, indent=2, ensure_ascii=False) + "\n")


def _rule(code: str) -> Mapping[str, Any]:
    entry = ADVICE.get(code) or CATALOG[code]
    return {"id": code, "shortDescription": {"text": entry.title}, "help": {"text": entry.fix}}


def _result(problem: Problem, index: int) -> Mapping[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": problem.path or "request", "name": problem.function or "request"}]
    }
    if problem.place:
        location["physicalLocation"] = _physical(problem.place)
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity,
        "message": {"text": _told(problem)},
        "locations": [location],
        "properties": {"profiles": problem.profiles},
    }


def _physical(place: Place) -> Mapping[str, Any]:
    file = file_of(place)
    uri = quote(file) if not file.startswith("/") else place.file.resolve().as_uri()
    return {"artifactLocation": {"uri": uri}, "region": {"startLine": place.line}}


def _told(problem: Problem) -> str:
    return f"{problem.message} {problem.fix}"
