"""The house: imports run downward only, and each external package has one door."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "agentkit"

FLOORS = (
    ("_frozen",),
    (
        *("errors", "approval", "models", "wire"),
        *("_arguments", "_docstrings", "_json_schema", "_jsonable", "_lanes", "_log"),
        *("_steps", "_tasks", "_threads", "_unpack"),
        *("clip", "_aside", "_mime", "_partial_json", "_recent", "_sound"),
    ),
    ("_blocks", "_checks", "_offered", "_pages", "_pictures"),
    ("prices", "_kinds"),
    (
        *("usage", "retry", "capabilities", "citations", "history", "verdict"),
        *("choice", "_declaration", "_describe", "_endpoint", "_openapi", "_placing", "_status"),
    ),
    (
        *("batches", "builtin", "cited", "events", "fallback", "foreign", "state", "transport"),
        *("_attempts", "_intake", "_nesting", "_settings", "_signature"),
    ),
    ("caches", "combination", "repeats", "schema", "_answer", "_download", "_extra", "_token", "_vertex"),
    ("media",),
    ("executed", "media_output", "prompt", "_upload"),
    ("files", "tool_media"),
    ("connection", "result"),
    ("client",),
    ("context",),
    ("middleware", "stream", "tool", "_output_type"),
    ("autocache", "compaction", "many", "output", "prefix_guard", "sync", "taint", "toolset"),
    ("chat", "reopen", "sources", "tool_list"),
    ("run",),
    ("consent", "final", "invoke", "rounds"),
    ("turn",),
    ("calls", "side_request"),
    ("loop",),
    ("runs_many",),
    ("agent",),
    ("__init__",),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS, 1) for name in names}

WIRE = (
    *("_json", "_model", "enums", "content", "tools", "request", "response", "batches", "caches"),
    *("partial_args", "merger", "sse", "messages", "__init__"),
)

PLUGIN = "tools/agentkit_tools/pytest_plugin.py"

DOORS = {
    "httpx": {"agentkit/transport.py"},
    "docstring_parser": {"agentkit/_docstrings.py"},
    "structlog": {"agentkit/_log.py"},
    "uvicorn": {"agentkit/testing/server.py"},
    "pytest": {PLUGIN},
    "typer": {"agentkit/cli"},
    "rich": {"agentkit/cli"},
}

BESIDE_THE_JUDGE = ("cassette", "fake", "network")  # in agentkit/testing; they may import the face
LATE_NAMES = "agentkit/wire/__init__.py"  # loads the messages when one is first used; type checkers must see them
# They start quickly: pytest loads the plugin each time, and what describes types is loaded with the first type.
LATE_IMPORTS = ("agentkit/cli", PLUGIN, LATE_NAMES, "agentkit/_describe.py")

FORBIDDEN_NAMES = ("utils", "helpers", "common", "base", "manager")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported, wherever the import stands, as dotted names; relative imports keep their dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def house_imports(path: Path) -> set[str]:
    """Return what a file imports of agentkit: `agentkit` for the face, else the module."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            is_wire = node.module == "agentkit" and [alias.name for alias in node.names] == ["wire"]
            found.add("agentkit.wire" if is_wire else node.module or "")
    return {name for name in found if name == "agentkit" or name.startswith("agentkit.")}


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_file_of_the_core_stands_on_a_floor() -> None:
    files = {path.stem for path in CORE.glob("*.py")}

    assert files | {"wire"} == set(FLOOR_OF)


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_a_file_of_the_core_imports_from_lower_floors_only(path: Path) -> None:
    imports = {name.split(".")[1] if "." in name else "__init__" for name in house_imports(path)}

    upward = {name for name in imports if FLOOR_OF.get(name, len(FLOORS)) >= FLOOR_OF[path.stem]}

    assert not upward


@pytest.mark.parametrize("path", sorted((CORE / "wire").glob("*.py")), ids=lambda path: path.stem)
def test_a_file_of_the_wire_imports_its_lower_neighbours_only(path: Path) -> None:
    lower = {f"agentkit.wire.{name}" for name in WIRE[: WIRE.index(path.stem)]}

    assert house_imports(path) <= lower


@pytest.mark.parametrize("path", python_files("agentkit/testing"), ids=lambda path: path.stem)
def test_the_judge_shares_only_facts_about_models_with_the_accused(path: Path) -> None:
    foreign = {name for name in house_imports(path) if not name.startswith("agentkit.testing")}

    assert foreign <= {"agentkit.models"} | ({"agentkit"} if path.stem in BESIDE_THE_JUDGE else set())


@pytest.mark.parametrize("path", python_files("agentkit/testing"), ids=lambda path: path.stem)
def test_the_judge_knows_nothing_of_what_stands_beside_it(path: Path) -> None:
    beside = {f"agentkit.testing.{stem}" for stem in BESIDE_THE_JUDGE}

    assert path.stem in ("__init__", *BESIDE_THE_JUDGE) or not house_imports(path) & beside


@pytest.mark.parametrize(
    "path", [path for path in python_files("agentkit/ext", "tools/agentkit_tools") if named(path) != PLUGIN], ids=named
)
def test_an_extra_or_a_toolset_imports_the_face_only(path: Path) -> None:
    own = named(path.parent).removeprefix("tools/").replace("/", ".")

    assert {name for name in house_imports(path) if not name.startswith(own)} <= {"agentkit"}


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_knows_nothing_of_testing_cli_and_extras(path: Path) -> None:
    assert not {"testing", "cli", "ext"} & {name.partition(".")[2].partition(".")[0] for name in house_imports(path)}


ALL = python_files("agentkit", "tools/agentkit_tools")


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_file_has_no_imports_for_type_checkers_only(path: Path) -> None:
    guarded = [n for n in ast.walk(parse(path)) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]

    assert not [name for branch in guarded for name in imported(branch)] or named(path) == LATE_NAMES


@pytest.mark.parametrize("path", [path for path in ALL if not named(path).startswith(LATE_IMPORTS)], ids=named)
def test_a_file_imports_nothing_inside_functions(path: Path) -> None:
    functions = [n for n in ast.walk(parse(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    assert not [name for function in functions for name in imported(function)]


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_file_uses_absolute_imports(path: Path) -> None:
    assert not [name for name in imported(parse(path)) if name.startswith(".")]


@pytest.mark.parametrize(("package", "doors"), DOORS.items(), ids=DOORS)
def test_an_external_package_has_one_door(package: str, doors: set[str]) -> None:
    users = {path for path in ALL if package in {name.partition(".")[0] for name in imported(parse(path))}}

    strangers = [named(path) for path in users if not {named(path), named(path.parent)} & doors]

    assert users
    assert not strangers


def test_no_file_has_a_name_that_says_nothing() -> None:
    silent = [
        named(path) for path in python_files("agentkit", "tools", "tests") if path.stem.strip("_") in FORBIDDEN_NAMES
    ]

    assert not silent
