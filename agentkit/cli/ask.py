"""Asking a person at the terminal whether a call may run."""

import re
import sys
from collections.abc import Sequence

from agentkit import AgentKitError, ApprovalRequest, Decision, approve, deny

__all__ = ["ask_person", "read_decision"]

QUESTIONS = 3  # how often one call is asked about
_NO = re.compile(r"no?(?:[\s,:;.!]+(?P<reason>.*))?", re.IGNORECASE | re.DOTALL)


def ask_person(requests: Sequence[ApprovalRequest], *, may_ask: bool) -> dict[str, Decision]:
    """Return what the person at the terminal says about each call, by its key.

    Raises:
        AgentKitError: Nobody can be asked, or the input has ended.
    """
    if may_ask and sys.stdin and sys.stdin.isatty():
        return {request.key: _ask_about(request) for request in requests}
    names = ", ".join(dict.fromkeys(request.tool for request in requests))
    raise AgentKitError(
        f"A person must allow {names}, and there is nobody to ask. Run it at a terminal, without --json."
    )


def read_decision(said: str) -> Decision | None:
    """Return the decision in an answer to `[y/N, or n REASON]`, or None if it is neither yes nor no."""
    said = said.strip()
    if said.lower() in ("y", "yes"):
        return approve()
    no = _NO.fullmatch(said)
    if said and no is None:
        return None
    return deny((no and no["reason"]) or "")


def _ask_about(request: ApprovalRequest) -> Decision:
    for _ in range(QUESTIONS):
        sys.stderr.write(f"Allow {request.tool}? [y/N, or n REASON] ")
        sys.stderr.flush()
        said = sys.stdin.readline()
        if not said:
            raise AgentKitError(f"No decision about {request.tool} was made: the input has ended.")
        decision = read_decision(said)
        if decision is not None:
            return decision
    sys.stderr.write(f"That was neither yes nor no, {QUESTIONS} times: {request.tool} is not allowed.\n")
    return deny()
