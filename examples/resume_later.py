"""A paused run goes to a file, and on in another process."""

import sys
import tempfile
from pathlib import Path

from agentkit import Agent, RunState, approve, tool


@tool(effects="write", needs_approval=True)
def publish(title: str) -> str:
    """Publish an article.

    Args:
        title: The title of the article.
    """
    return f"published {title!r}"


agent = Agent("gemini-3-flash-preview", tools=[publish])


def ask(path: Path) -> None:
    """Start the run and save it at the pause."""
    result = agent.run_sync('Publish the article "Autumn in Oslo".')
    path.write_bytes(result.state.dump_json())
    print("waiting:", [(call.tool, dict(call.args)) for call in result.paused])


def decide(path: Path) -> None:
    """Load the run, allow what waits, and finish it."""
    state = RunState.load_json(path.read_bytes())
    result = agent.resume_sync(state, decisions={call.key: approve() for call in state.waiting})
    print(result.output)


if __name__ == "__main__":
    step = sys.argv[1] if len(sys.argv) > 1 else "ask"
    file = Path(sys.argv[2] if len(sys.argv) > 2 else Path(tempfile.gettempdir()) / "agentkit_run.json")
    {"ask": ask, "decide": decide}[step](file)
