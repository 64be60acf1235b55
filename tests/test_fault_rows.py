"""The table of faults: every row that concerns the core has a test that can fail, or a reason here.

A test says which rows it shows with `@pytest.mark.rows(11, 12)`; the rules that hold in every row are the rows "R1" to
"R9". The rows are numbered as in the fault matrix, sections 0 to 5.
"""

import ast
import functools
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

ROWS: list[int | str] = [*(f"R{number}" for number in range(1, 10)), *range(1, 130)]

_DURABLE = "about runs that a store keeps: there is no store yet; a saved state is the caller's file"
EXCUSED: dict[int | str, str] = {
    93: _DURABLE,
    94: _DURABLE,
    95: _DURABLE,
    96: _DURABLE,
    97: _DURABLE,
    98: _DURABLE,
    101: _DURABLE,
    102: _DURABLE,
    105: _DURABLE,
    113: _DURABLE,
}


@functools.cache
def claims() -> dict[int | str, list[str]]:
    """Return the tests that claim each row. A mark on anything that is no test counts for nothing."""
    found: dict[int | str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for mark in node.decorator_list:
                    for row in _rows(mark):
                        found.setdefault(row, []).append(f"{path.name}::{node.name}")
    return found


def _rows(mark: ast.expr) -> list[int | str]:
    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rows":
        return [ast.literal_eval(argument) for argument in mark.args]
    return []


@pytest.mark.parametrize("row", [row for row in ROWS if row not in EXCUSED])
def test_a_row_of_the_fault_matrix_has_a_test(row: int | str) -> None:
    assert claims().get(row)


def test_no_row_is_excused_that_has_a_test() -> None:
    assert not claims().keys() & EXCUSED.keys()


def test_no_test_claims_a_row_that_does_not_exist() -> None:
    assert claims().keys() <= set(ROWS)
