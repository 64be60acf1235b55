"""Consent: a call that a person must allow, and what the person said."""

from collections.abc import Mapping
from typing import Any

from agentkit._frozen import frozen

__all__ = ["ApprovalRequest", "Decision", "approve", "deny"]


@frozen
class ApprovalRequest:
    """A tool call that waits for a person.

    Attributes:
        key: The call's key, unique in all runs: `decisions={request.key: approve()}`.
        tool: The name of the tool.
        args: The arguments as the model sent them.
    """

    key: str
    tool: str
    args: Mapping[str, Any]


@frozen
class Decision:
    """What a person said to an `ApprovalRequest`. Made by `approve` and `deny`."""

    approved: bool
    reason: str = ""


def approve() -> Decision:
    """Let the call run with the arguments that were shown."""
    return Decision(approved=True)


def deny(reason: str = "") -> Decision:
    """Refuse the call. The model is told so, with the reason, and goes on."""
    return Decision(approved=False, reason=reason)
