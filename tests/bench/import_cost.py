"""What `import agentkit` costs, against importing its five core packages."""

import compileall
import os
import statistics
import subprocess
import sys
from pathlib import Path

import agentkit

PACKAGES = "anyio, docstring_parser, httpx, pydantic, structlog"
TIMED = "import time; begun = time.perf_counter(); import {}; print(time.perf_counter() - begun)"


def measure(rounds: int = 15) -> str:
    """Return the ratio of the medians; the two are measured in turn, each in a fresh process.

    Both are compiled beforehand, as an installer does.
    """
    compileall.compile_dir(Path(agentkit.__file__).parent, quiet=2)
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(_import_s(PACKAGES))
        ours.append(_import_s("agentkit"))
    floor, cost = statistics.median(bare), statistics.median(ours)
    return (
        f"import agentkit takes {cost / floor:.2f}x of importing its core packages ({floor * 1000:.0f} ms); at most 1.5"
    )


def _import_s(names: str) -> float:
    command = [sys.executable, "-c", TIMED.format(names)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)
