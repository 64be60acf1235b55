"""Types are behaviour: programs that must, and must not, type-check."""

import re
import shutil
from pathlib import Path

import pytest
from mypy import api

PROGRAMS = Path(__file__).parent / "typing"
CACHE = Path(__file__).parent.parent / ".mypy_cache"


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[int]]:
    """Return the lines with errors in each program, checked on copies outside the project, without its plugins."""
    folder = tmp_path_factory.mktemp("typing")
    copies = [shutil.copy(program, folder) for program in sorted(PROGRAMS.glob("*.py"))]
    options = ["--strict", "--config-file=", "--cache-dir", str(CACHE / "typing"), "--no-error-summary"]
    report, trouble, _ = api.run([*options, *copies])
    assert not trouble
    found: dict[str, set[int]] = {Path(copy).name: set() for copy in copies}
    for path, line in re.findall(r"^(.+?):(\d+): error:", report, re.MULTILINE):
        assert Path(path).name in found, report
        found[Path(path).name].add(int(line))
    return found


@pytest.mark.parametrize("program", ["agents.py", "tools.py"])
def test_a_good_program_type_checks(program: str, errors: dict[str, set[int]]) -> None:
    assert errors[program] == set()


def test_each_wrong_line_is_an_error_and_no_other(errors: dict[str, set[int]]) -> None:
    lines = (PROGRAMS / "wrong.py").read_text(encoding="utf-8").splitlines()

    assert errors["wrong.py"] == {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
