"""`agentkit tools` prints what would be sent, to the letter."""

import json
from pathlib import Path

import pytest

from agentkit.testing import Emulator, text
from tests.cli.command import KEY, agentkit

NOTES = '''
from dataclasses import dataclass

from agentkit import RunContext, tool

print("hello from the file")


@dataclass
class Note:
    """A note."""

    title: str
    größe: int = 1


@tool(name="keep", effects="write")
def keep_note(ctx: RunContext[None], note: Note, tags: list[str] | None = None) -> str:
    """Keep a note — för ever.

    Args:
        note: What to keep.
    """
    return "kept"


def broken(what) -> str:
    """Has no types."""
    return ""
'''


@pytest.fixture
def notes(tmp_path: Path) -> str:
    """A file with one good tool, one function without types, and a line that prints."""
    (tmp_path / "notes.py").write_text(NOTES)
    return str(tmp_path / "notes.py")


def test_the_declarations_are_those_that_a_run_sends(emulator: Emulator, notes: str) -> None:
    emulator.reply(text("Hi."))

    printed = agentkit("tools", "-t", notes, "-t", "agentkit_tools.basics")
    agentkit("run", "Hi", "-t", notes, "-t", "agentkit_tools.basics", "--base-url", emulator.url, GEMINI_API_KEY=KEY)

    assert printed.code == 0
    [sent] = emulator.requests[0]["tools"]
    assert json.loads(printed.out) == sent["functionDeclarations"]
    assert "för ever" in printed.out
    assert "hello from the file\n" in printed.err
    assert "Left out: Tool 'broken', parameter 'what': " in printed.err


def test_without_a_choice_the_default_toolset_is_printed() -> None:
    printed = agentkit("tools")

    names = [declaration["name"] for declaration in json.loads(printed.out)]
    assert (printed.code, printed.err) == (0, "")
    assert names == ["calculate", "current_time", "date_difference", "add_to_date"]


def test_a_module_of_the_current_folder_is_found_and_its_mistake_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def one() -> int:\n    '''One.'''\n    return 1\n\n\nraise KeyError('x')\n")

    printed = agentkit("tools", "-t", "mine", cwd=tmp_path)

    assert (printed.code, printed.out) == (2, "")
    assert printed.err == "-t mine does not import: KeyError: 'x'\n"
