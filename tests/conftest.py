"""What all tests share: the event loops they run on, and an environment without keys."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from agentkit import GeminiClient
from agentkit.testing import Emulator
from agentkit.testing.server import serve

# Every run tries the same examples, so that what passed here passes elsewhere, and none is too slow on a busy machine.
# `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


# What takes long and does not depend on the version of Python: `pytest --short` leaves these files out.
LONG = {
    *("test_soak.py", "test_fault_cuts.py", "test_many.py"),
    *(
        "test_recorded_answers.py",
        "test_recorded_conversations.py",
        "test_recorded_json.py",
        "test_recorded_thoughts.py",
    ),
    *("testing/test_fuzz.py", "testing/test_fuzz_answers.py", "testing/test_offline_legal.py"),
    *("cli/test_check.py", "cli/test_check_endpoint.py", "cli/test_check_target.py", "cli/test_doctor.py"),
    *("cli/test_emulate.py", "cli/test_models.py"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--short` and `--backend`."""
    parser.addoption("--short", action="store_true", help="leave out what takes long on every version of Python")
    parser.addoption("--backend", choices=["asyncio", "trio"], help="run asynchronous tests on this one only")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the long files, if asked."""
    name = collection_path.relative_to(Path(__file__).parent).as_posix()
    return True if config.getoption("--short") and name in LONG else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other backend, if one was named."""
    only = config.getoption("--backend")
    if only:
        items[:] = [item for item in items if _backend_of(item) in (None, only)]


def _backend_of(item: pytest.Item) -> object:
    spec = getattr(item, "callspec", None)
    return None if spec is None else spec.params.get("anyio_backend")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every asynchronous test runs on both."""
    backend: str = request.param
    return backend


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a text at the end of the run: a table of what was found. Also from another process."""
    return lambda text: record_property("shown", text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what a test logged go from one process to another: half a character cannot."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "replace").decode()) for name, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests had to show."""
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, text in report.user_properties if report.when == "call" else []:
            if name == "shown":
                terminalreporter.write_line(f"\n{text}")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and proxies of the person who runs the tests are not for the tests."""
    for name in (
        "COMETAPI_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "AGENTKIT_BASE_URL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The strict emulator on loopback. A request that nothing was queued for fails the test."""
    with serve(Emulator()) as emulator:
        yield emulator
        assert not emulator.unexpected, f"not expected: {[asked.body for asked in emulator.unexpected]}"


@pytest.fixture
def client(emulator: Emulator) -> GeminiClient:
    """A client that asks the emulator."""
    return GeminiClient(api_key="test-key", base_url=emulator.url)
