"""README.md is code: its programs run, its commands exist, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from agentkit.cli.app import app
from agentkit.testing import Emulator
from agentkit.testing.offline import answer
from agentkit.testing.server import serve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_group(app).commands
SKETCH = "# sketch"  # as the first line of a block: not a whole program


def blocks(language: str) -> list[str]:
    """The fenced blocks in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def programs() -> list[str]:
    """The Python blocks that are meant to run."""
    return [block for block in blocks("python") if block.split("\n", 1)[0].strip() != SKETCH]


def commands() -> Iterator[list[str]]:
    """Each `agentkit ...` command shown, in blocks and in the text, as its arguments."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks("(?:sh|bash|shell|console)") for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`(agentkit [^`]+)`", prose)]:
        for words in split_at_operators(shlex.split(line.removeprefix("$ "), comments=True)):
            if words and words[0].rpartition("/")[2] == "agentkit":
                yield words[1:]


def split_at_operators(words: list[str]) -> Iterator[list[str]]:
    """Split `a && b | c` into its commands."""
    command: list[str] = []
    for word in words:
        if word in ("&&", "||", "|", ";"):
            yield command
            command = []
        else:
            command.append(word)
    yield command


def links() -> list[str]:
    """The files that the text links to."""
    targets = re.findall(r"\]\(([^)\s]+)\)", README)
    return [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


def test_it_is_at_most_150_lines() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.strip().splitlines()[0][:40])
def test_a_program_runs_as_it_stands(program: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    with serve(Emulator(brain=lambda asked: answer(asked.body))) as emulator:
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env={**os.environ, "AGENTKIT_BASE_URL": emulator.url, "GEMINI_API_KEY": "test-key"},
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert not [finding for finding in emulator.findings if finding.severity == "error"]


def test_every_command_and_option_shown_exists() -> None:
    unknown = [f"agentkit {shlex.join(words)}: {word}" for words in commands() for word in unknown_words(words)]

    assert unknown == []


def unknown_words(words: list[str]) -> list[str]:
    """What the command line does not know; what follows a script belongs to the script."""
    name, *rest = words or [""]
    known = {command: {opt for param in made.params for opt in param.opts} for command, made in COMMANDS.items()}
    if name.startswith("-") or not name:
        known, rest = {name: {"--version"}}, words
    own = [] if name == "offline" else [word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [name] if name not in known else [word for word in own if word not in known[name] | {"--help"}]


def test_scripts_that_commands_name_are_there() -> None:
    scripts = {words[1] for words in commands() if words[:1] == ["offline"]} - {"SCRIPT.py"}

    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_links_to_files_lead_somewhere() -> None:
    assert [link for link in links() if not (ROOT / link).exists()] == []
