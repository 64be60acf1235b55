"""The fixtures for pytest, in a project of its own that has no configuration."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentkit.testing import FakeGemini, says

ROOT = Path(__file__).parents[2]

TESTS = """
import socket
import pytest
from agentkit import Agent, ServerError
from agentkit.testing import NetworkForbidden, calls, says

agent = Agent("gemini-3-flash-preview")

def test_passes(gemini):
    gemini.add(says("Hello."))
    assert agent.run_sync("Hi", client=gemini.client).output == "Hello."

@pytest.mark.anyio
async def test_passes_async(gemini):
    gemini.add(says("Hello."))
    assert (await agent.run("Hi", client=gemini.client)).output == "Hello."

def test_leaves_a_step(gemini):
    gemini.add(says("Hello."), says("Bye."))
    agent.run_sync("Hi", client=gemini.client)

def test_asks_too_often(gemini):
    with pytest.raises(ServerError):
        agent.run_sync("Hi", client=gemini.client)

def test_fails_by_itself(gemini):
    gemini.add(says("Hello."), says("Bye."))
    assert agent.run_sync("Hi", client=gemini.client).output == "Good evening."

def test_skips_itself(gemini):
    gemini.add(says("Hello."))
    pytest.skip("not today")

def test_stays_at_home(no_network):
    with pytest.raises(NetworkForbidden):
        socket.create_connection(("example.com", 443))
"""

CASSETTES = """
import pytest
from agentkit import Agent

@pytest.mark.parametrize("name", ["Ada", "a/b: c"])
def test_greets(name, cassette):
    assert Agent("gemini-3-flash-preview", client=cassette.client).run_sync(f"Hi, {name}").output == "Hello."

class TestShop:
    def test_greets(self, cassette):
        assert Agent("gemini-3-flash-preview", client=cassette.client).run_sync("Hi").output == "Hello."
"""


MISSING = """
def test_new(cassette):
    raise AssertionError("it is never called")
"""

WITHOUT_THE_EXTRA = """
def test_needs_nothing(cassette):
    assert cassette.is_recording

def test_needs_the_extra(gemini):
    raise AssertionError("it is never called")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an installer writes about the entry points of this repository."""
    folder = tmp_path_factory.mktemp("site")
    facts = folder / "agentkit_installed-0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: agentkit-installed\nVersion: 0\n")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    (facts / "entry_points.txt").write_text("\n".join(["[pytest11]", *(f"{k} = {v}" for k, v in points.items())]))
    return folder


def run_pytest(site: Path, project: Path, tests: str, *options: str, **variables: str) -> str:
    """Return what pytest prints about `tests`, in a project that is nothing but them."""
    (project / "test_shop.py").write_text(tests)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    places = os.pathsep.join(map(str, (site, ROOT, ROOT / "tools")))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-W", "error", "-p", "no:hypothesispytest", *options],
        cwd=project,
        env=environment | {"PYTHONPATH": places, "COLUMNS": "200"} | variables,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def printed(site: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return run_pytest(site, tmp_path_factory.mktemp("project"), TESTS)


RESULTS = {
    "a used script passes": r"PASSED test_shop.py::test_passes$",
    "an async test passes on asyncio": r"PASSED test_shop.py::test_passes_async\[asyncio\]",
    "an async test passes on Trio": r"PASSED test_shop.py::test_passes_async\[trio\]",
    "a step left over fails the test": r"FAILED test_shop.py::test_leaves_a_step - Failed: FakeGemini: 1 step not",
    "a request too many fails the test": r"FAILED test_shop.py::test_asks_too_often - Failed: FakeGemini: 1 request",
    "a test that fails by itself fails": r"FAILED test_shop.py::test_fails_by_itself - AssertionError: assert 'Hello.'",
    "a test may skip itself": r"SKIPPED .*not today",
    "the guard stops a connection": r"PASSED test_shop.py::test_stays_at_home",
    "and nothing else happens": r"3 failed, 4 passed, 1 skipped",
}  # fmt: skip


@pytest.mark.parametrize("line", RESULTS.values(), ids=RESULTS)
def test_a_test_ends_as_its_author_expects(printed: str, line: str) -> None:
    assert re.search(line, printed, re.MULTILINE), printed


def test_a_failed_test_has_the_report_with_its_own_error(printed: str) -> None:
    failure = printed.partition("_ test_fails_by_itself _")[2].partition("= PASSES =")[0]

    assert re.search(r"^E +! 2 +not used +says 'Bye\.'$", failure, re.MULTILINE), failure


def test_a_skipped_test_has_no_report(printed: str) -> None:
    assert re.search(r"^SKIPPED .*: not today$\n[A-Z=]", printed, re.MULTILINE), printed
    assert printed.count("FakeGemini: ") == printed.count("FakeGemini: 1 ")


def test_cassettes_are_recorded_once_and_only_replayed_in_ci(site: Path, tmp_path: Path) -> None:
    with FakeGemini(*[says("Hello.")] * 3) as gemini:
        variables = {"AGENTKIT_BASE_URL": gemini.url, "GEMINI_API_KEY": "any-key"}
        recorded = run_pytest(site, tmp_path, CASSETTES, **variables)
        replayed = run_pytest(site, tmp_path, CASSETTES + MISSING, CI="true", **variables)

    first, second, third = sorted(path.name for path in (tmp_path / "cassettes" / "test_shop").glob("*.json"))
    assert "= 3 passed in" in recorded, recorded
    assert "= 3 passed, 1 error in" in replayed, replayed
    assert "There is no cassette 'test_new.json'" in replayed
    assert (first, second) == ("TestShop.test_greets.json", "test_greets[Ada].json")
    assert re.fullmatch(r"test_greets\[a-b-c\]-[0-9a-f]{8}\.json", third)


def test_without_the_extra_pytest_runs_and_the_fixture_names_the_command(site: Path, tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ImportError('uvicorn is not here')\n")

    printed = run_pytest(site, tmp_path, WITHOUT_THE_EXTRA, "--cassette=all", CI="true")

    assert "= 1 passed, 1 error in" in printed, printed
    assert "MissingExtra: 'uvicorn' is not installed. Run: pip install 'agentkit[testing]'" in printed
