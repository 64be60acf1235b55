"""`agentkit offline` runs a script as Python would, with the stand-in in place of the service."""

import os
import sys
from pathlib import Path

import pytest

from agentkit import ConfigurationError
from agentkit.cli.offline import run_script
from tests.cli.command import KEY, agentkit

SCRIPT = '''
import sys

from agentkit import Agent
from neighbour_of_script import POPULATION


def population(city: str) -> int:
    """Number of people living in a city."""
    return POPULATION[city]


if __name__ == "__main__":
    print(sys.argv[1:])
    print(Agent("gemini-3-flash-preview", tools=[population]).run_sync("What is the population of Oslo?").output)
'''


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A script that asks its agent."""
    (tmp_path / "neighbour_of_script.py").write_text("POPULATION = {'Oslo': 717_710}\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    return str(tmp_path / "script.py")


def test_a_script_runs_with_its_arguments_against_the_stand_in(script: str) -> None:
    ended = agentkit("offline", script, "--verbose", "-x", "1", COMETAPI_KEY=KEY)

    assert (ended.code, ended.out) == (0, "['--verbose', '-x', '1']\nPopulation of Oslo: 717,710.\n"), ended.err
    assert ended.err == "Offline: the built-in stand-in answers (a rule-based planner, not an LLM).\n"


def test_a_script_that_fails_shows_its_own_traceback_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def fail():\n    raise KeyError('x')\n\nfail()\n")

    ended = agentkit("offline", str(tmp_path / "broken.py"))

    _who, head, *lines = ended.err.splitlines()
    assert (ended.code, ended.out) == (1, "")
    assert head == "Traceback (most recent call last):"
    assert [line.split(",")[1] for line in lines if line.startswith("  File ")] == [" line 4", " line 2"]
    assert lines[-1] == "KeyError: 'x'"


def test_the_environment_is_as_before_when_the_script_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaves.py").write_text(
        "import os, sys\nprint(os.environ['GEMINI_API_KEY'], 'COMETAPI_KEY' in os.environ)\nsys.exit(3)\n"
    )
    monkeypatch.setenv("COMETAPI_KEY", KEY)
    before = (dict(os.environ), sys.argv, sys.path)

    with pytest.raises(SystemExit, match="3"):
        run_script(str(tmp_path / "leaves.py"), [])

    assert capsys.readouterr().out == "offline-stand-in False\n"
    assert (dict(os.environ), sys.argv, sys.path) == before


def test_a_script_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"There is no file 'nowhere\.py'"):
        run_script("nowhere.py", [])
