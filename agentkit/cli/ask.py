"""Asking a person at the terminal whether a call may run."""

import re
import sys
from collections.abc import Sequence

from agentkit import AgentKitError, ApprovalRequest, Decision, approve, deny
from agentkit.cli.show import asked_args, unmistakable

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
    names = ", ".join(dict.fromkeys(unmistakable(request.tool) for request in requests))
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
    tool, whole = unmistakable(request.tool), asked_args(request, None)
    more = ", or a to see all" if whole != asked_args(request) else ""
    asked = 0
    while asked < QUESTIONS:
        sys.stderr.write(f"Allow {tool}? [y/N, or n REASON{more}] ")
        sys.stderr.flush()
        said = sys.stdin.readline()
        if not said:
            raise AgentKitError(f"No decision about {tool} was made: the input has ended.")
        if more and said.strip().lower() in ("a", "all"):
            sys.stderr.write(f"{tool}({whole})\n")
            more = ""
            continue
        decision = read_decision(said)
        if decision is not None:
            return approve(request) if decision.approved else decision
        asked += 1
    sys.stderr.write(f"That was neither yes nor no, {QUESTIONS} times: {tool} is not allowed.\n")
    return deny()
