"""The public face: explicit, complete, small at import."""

import importlib.metadata
import pickle
import subprocess
import sys

import pytest

import agentkit
from agentkit import errors


def test_all_names_are_there_and_sorted() -> None:
    names = [name for name in agentkit.__all__ if not name.startswith("__")]

    assert all(hasattr(agentkit, name) for name in agentkit.__all__)
    assert len(set(agentkit.__all__)) == len(agentkit.__all__)
    assert names == sorted(names, key=lambda name: (not name[0].isupper(), name))


def test_every_error_is_on_the_face() -> None:
    missing = set(errors.__all__) - set(agentkit.__all__)

    assert not missing


def test_import_loads_no_extra() -> None:
    code = (
        "import sys, anyio, docstring_parser, httpx, pydantic, structlog; before = set(sys.modules); import agentkit; "
        "extras = {'typer', 'rich', 'uvicorn', 'trio', 'click', 'pytest', 'hypothesis', 'google'}; "
        "print(sorted(extras & {name.partition('.')[0] for name in set(sys.modules) - before}))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"


def test_import_prints_nothing_and_configures_no_logging() -> None:
    code = "import logging, agentkit; assert not logging.getLogger().handlers"

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_version_is_that_of_the_distribution() -> None:
    assert importlib.metadata.version("agentkit") == agentkit.__version__


ERRORS = [
    errors.ConfigurationError("wrong"),
    errors.ToolDefinitionError("t", "no type.", "Add one.", "x"),
    errors.MissingExtra("typer", "cli"),
    errors.StateInvalid("damaged"),
    errors.MediaFailed("https://x.example/a.png", "it is not there"),
    errors.ConnectionFailed("no host"),
    errors.ProtocolError("html"),
    errors.ResponseTooLarge("event", 10),
    errors.StreamInterrupted("reset", "half"),
    errors.DeadlineExceeded("the run", 3.0),
    errors.BatchFailed("batches/x", "BATCH_STATE_EXPIRED", "too\nlate"),
    errors.NotOffered("cached contents", "https://x", "HTTP 404", "Leave them out."),
    errors.InvalidRequest(400, "INVALID_ARGUMENT", "no", None, [{"@type": "x"}], "hint", "id"),
    errors.AuthenticationFailed(401, "", "no"),
    errors.NotFound(404, "NOT_FOUND", "no"),
    errors.RateLimited(429, "RESOURCE_EXHAUSTED", "slow down", 3.5),
    errors.ServerError(503, "UNAVAILABLE", "busy"),
    errors.ResponseBlocked("SAFETY", "answer", "why", "half"),
    errors.ResponseTruncated("json", "half"),
    errors.EmptyResponse("STOP", 2),
    errors.MalformedCall("MALFORMED_FUNCTION_CALL", "print(", 3),
    errors.OutputInvalid("no number", "abc"),
    errors.LimitExceeded("turns", 3, 3),
    errors.LoopDetected("call", ("t",), 3),
    errors.RunFailed("OSError", "no disk"),
    errors.ToolFailed("t", "ValueError: x"),
    errors.ToolError("try another city"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_with_what_was_learned_later(error: errors.AgentKitError) -> None:
    error.state = {"run": 1}

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert (str(copy), copy.args, copy.state, copy.retryable) == (str(error), error.args, error.state, error.retryable)
    assert "\n" not in str(copy)


def test_every_error_class_is_in_the_pickle_table() -> None:
    abstract = {"AgentKitError", "GeminiError", "StatusError", "RunError"}

    assert {type(error).__name__ for error in ERRORS} == set(errors.__all__) - abstract
