"""Fixtures for pytest: `gemini`, `cassette` and `no_network`. pytest finds them by itself where agentkit is installed.

    def test_a_refund_is_told(gemini):
        gemini.add(calls("refund", order="7"), says("Done."))
        assert agent.run_sync("Refund order 7", client=gemini.client).output == "Done."

pytest loads this file at every start. So it stands outside of `agentkit`, whose import takes longer than pytest's own,
and what the fixtures need is imported when a test asks for them.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

__all__ = ["cassette", "gemini", "no_network"]

_MODES = ("none", "once", "new", "all")
_LONGEST_NAME = 100

_fake = pytest.StashKey[Any]()
_has_ended = pytest.StashKey[bool]()


class _TestEnded(Exception):
    """Leaves the block of `gemini` after a test that failed or was skipped: left-over steps are no second failure."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--cassette`."""
    parser.getgroup("agentkit").addoption(
        "--cassette",
        choices=_MODES,
        help="what the fixture `cassette` does: only replay (none; the default where CI is set), record if there is no "
        "file (once; else the default), record what is missing (new), record everything anew (all)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Let a test fail with the report of `gemini`, or add the report to what it raised."""
    fake = item.stash.get(_fake, None)
    if fake is None or call.when != "call":
        return
    failure = fake.failure(call.excinfo.value if call.excinfo else None)
    item.stash[_has_ended] = bool(failure or call.excinfo)
    if failure is not None:
        try:
            pytest.fail(str(failure), pytrace=False)
        except pytest.fail.Exception as failed:
            call.excinfo = pytest.ExceptionInfo[BaseException].from_exception(failed)
    elif call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        call.excinfo.value.add_note(fake.report())


@pytest.fixture
def gemini(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A running `FakeGemini`; `gemini.add(...)` gives it steps. What is left over at the end fails the test."""
    from agentkit.testing.fake import FakeGemini

    item: pytest.Item = request.node
    with suppress(_TestEnded), FakeGemini() as fake:
        item.stash[_fake] = fake
        yield fake
        if item.stash.get(_has_ended, False):
            raise _TestEnded


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An open `Cassette` in `cassettes/<test module>/<test>.json` beside the test's file; see `--cassette`."""
    from agentkit.testing.cassette import Cassette

    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    mode: Any = request.config.getoption("--cassette") or ("none" if in_ci else "once")
    item: pytest.Item = request.node
    name = _file_name(item.nodeid.partition("::")[2].replace("::", "."))
    with Cassette(item.path.parent / "cassettes" / item.path.stem / f"{name}.json", mode=mode) as opened:
        yield opened


@pytest.fixture
def no_network() -> Iterator[None]:
    """Nothing leaves this machine: `forbid_network()` around the test. For all tests: `usefixtures = no_network`."""
    from agentkit.testing.network import forbid_network

    with forbid_network():
        yield


def _file_name(test: str) -> str:
    """Return a name that every file system takes; different tests keep different names."""
    name = re.sub(r"[^\w.\[\]-]+", "-", test)
    if name == test and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
