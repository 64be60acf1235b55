"""What `-t` finds in a file or a module, and what it says when it finds nothing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError
from agentkit.cli.load import load_tools

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def imports_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a test imports from its own files is gone after it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the tools file and returns its path."""

    def write(source: str, name: str = "shop.py") -> str:
        (tmp_path / name).write_text(source)
        return str(tmp_path / name)

    return write


def names(source: str) -> list[str]:
    """The tools that an agent gets, by name."""
    return [tool.name for tool in Agent("gemini-3-flash-preview", tools=load_tools(source)).tools]


MIXED = '''
from pathlib import Path
from os.path import join

from agentkit import Toolset, tool


class Helper:
    """No tool."""


def plain(number: int) -> int:
    """Typed."""
    return number


@tool(name="renamed")
def decorated() -> int:
    """A tool."""
    return 1


def _private(number: int) -> int:
    return number


also_plain = plain
extra = Toolset(tool(decorated.function))
'''


def test_a_file_gives_its_tools_toolsets_and_public_typed_functions_each_once(write: Write) -> None:
    assert names(write(MIXED)) == ["plain", "renamed", "decorated"]


def test_what_all_lists_is_public_wherever_it_comes_from_and_nothing_else_is(write: Write, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_all.py").write_text("def found() -> int:\n    return 1\n")
    source = write(f"from neighbour_of_all import found\n{MIXED}\n__all__ = ['found', 'decorated', 'missing']\n")

    assert names(source) == ["found", "renamed"]
    with pytest.raises(ConfigurationError, match=r"It has: found, decorated\.$"):
        load_tools(source + ":nosuch")
    assert names(source + ":plain") == ["plain"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param(
            "agentkit_tools.basics",
            ["calculate", "current_time", "date_difference", "add_to_date"],
            id="a-module-gives-all",
        ),
        pytest.param("agentkit_tools.basics:calculate", ["calculate"], id="a-name-gives-one"),
        pytest.param(
            "agentkit_tools.basics:TOOLS",
            ["calculate", "current_time", "date_difference", "add_to_date"],
            id="a-list-gives-what-it-holds",
        ),
    ],
)
def test_a_module_is_named_with_dots_and_a_name_in_it_after_a_colon(source: str, found: list[str]) -> None:
    assert names(source) == found


def test_a_name_in_a_file_stands_after_a_colon(write: Write) -> None:
    assert names(write(MIXED) + ":plain") == ["plain"]


def test_a_name_that_is_not_there_is_answered_with_the_tools_of_the_file_alone(write: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"has no 'nosuch'\. It has: plain, decorated, also_plain, extra\.$"):
        load_tools(write(MIXED) + ":nosuch")


def test_a_file_may_import_its_neighbours_and_use_types_of_its_own(write: Write, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_shop.py").write_text("LIMIT = 3\n")
    source = write(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_shop import LIMIT\n\n"
        "@dataclass\n"
        "class Order:\n"
        "    number: int\n\n"
        "def ship(order: Order) -> int:\n"
        "    '''Ship an order.'''\n"
        "    return LIMIT\n"
    )

    assert names(source) == ["ship"]


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(write: Write) -> None:
    source = write("def one() -> int:\n    '''One.'''\n    return 1\n", "json.py")
    loaded: Any = sys.modules["json"]

    assert names(source) == ["one"]
    assert sys.modules["json"] is loaded


def test_a_function_that_cannot_be_a_tool_is_left_out_aloud(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(MIXED + "\n\ndef untyped(number):\n    return number\n")

    assert "untyped" not in names(source)
    assert capsys.readouterr().err.startswith("Left out: Tool 'untyped', parameter 'number': ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("x = 1\n", ": no tool in it. Write a public function with type hints, or use @tool.", id="empty"),
        pytest.param("def f(a):\n    return a\n", "Tool 'f', parameter 'a': ", id="without-types"),
        pytest.param("def f(:\n", " does not import: SyntaxError: ", id="no-python"),
        pytest.param("import nowhere_at_all\n", " does not import: ModuleNotFoundError: ", id="missing-import"),
        pytest.param("raise SystemExit(3)\n", " does not import: SystemExit: 3", id="leaves-the-process"),
    ],
)
def test_a_file_of_no_use_is_refused_in_one_sentence(write: Write, text: str, sentence: str) -> None:
    source = write(text)

    with pytest.raises(ConfigurationError) as refused:
        load_tools(source)

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param("nowhere.py", "-t nowhere.py: there is no such file.", id="file"),
        pytest.param("C:\\nowhere.py", "-t C:\\nowhere.py: there is no such file.", id="file-on-a-drive"),
        pytest.param("tools/shop", "-t tools/shop: there is no such file. Write FILE.py", id="path-without-suffix"),
        pytest.param(".", "-t .: there is no such file. Write FILE.py or package.module.", id="folder"),
        pytest.param("", "-t : there is no such file. Write FILE.py or package.module.", id="nothing"),
        pytest.param("nowhere.at_all", "-t nowhere.at_all does not import: ModuleNotFoundError", id="module"),
        pytest.param("agentkit_tools.basics:nothing", "'agentkit_tools.basics' has no 'nothing'. It has: ", id="name"),
    ],
)
def test_what_does_not_exist_is_named(source: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_tools(source)

    assert sentence in str(refused.value)
