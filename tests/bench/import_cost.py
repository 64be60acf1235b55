"""What `import agentkit` costs, against importing its five core packages."""

import compileall
import os
import subprocess
import sys
from pathlib import Path

import agentkit

PACKAGES = "anyio, docstring_parser, httpx, pydantic, structlog"
PEER = "google.genai"
TIMED = "import time; begun = time.perf_counter(); import {}\nprint(time.perf_counter() - begun)"


PROGRAM = """agentkit
@agentkit.tool
def add(a: int, b: int) -> int: ...
agent = agentkit.Agent("gemini-3-flash-preview", client=agentkit.GeminiClient(api_key="key"), tools=[add])
agentkit.wire.user_text("Hi").encode()"""


def measure(rounds: int = 15) -> str:
    """Return the ratios of the least times: what else runs on the machine only adds.

    All are measured in turn, each in a fresh process, and compiled beforehand, as an installer does. The second figure
    is that of a whole program up to its first prompt: pydantic and the messages are loaded when they are first used.
    """
    compileall.compile_dir(Path(agentkit.__file__).parent, quiet=2)
    costs: dict[str, list[float]] = {PACKAGES: [], "agentkit": [], PROGRAM: [], PEER: []}
    for _ in range(rounds):
        for names, found in costs.items():
            found.append(_import_s(names))
    floor, ours, program, peer = map(min, costs.values())
    return (
        f"import agentkit takes {ours / floor:.2f}x of its core packages ({floor * 1000:.0f} ms), at most 1.5; "
        f"a program up to its first prompt takes {program / floor:.2f}x, and import {PEER} alone {peer / floor:.2f}x"
    )


def _import_s(names: str) -> float:
    command = [sys.executable, "-c", TIMED.format(names)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)
