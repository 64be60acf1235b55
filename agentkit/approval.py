"""Consent: a call that a person must allow, and what the person said."""

import hashlib
import json
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
        reason: Why it is asked about, where the policy says so.
    """

    key: str
    tool: str
    args: Mapping[str, Any]
    reason: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of call, tool and arguments, in hexadecimal: equal only where the same is asked."""
        asked = json.dumps([self.key, self.tool, self.args], sort_keys=True, default=dict)
        return hashlib.sha256(asked.encode()).hexdigest()


@frozen
class Decision:
    """What a person said to an `ApprovalRequest`. Made by `approve` and `deny`.

    Attributes:
        approved: Whether the call may run.
        reason: What the model is told if not.
        digest: Of the request that the person saw; empty if the decision is bound to the call's key alone.
    """

    approved: bool
    reason: str = ""
    digest: str = ""


def approve(request: ApprovalRequest | None = None) -> Decision:
    """Let the call run.

    Args:
        request: What the person saw. The decision is then good for these arguments only: if the saved run was changed
            since, or is another branch of the same run, `resume` refuses it.
    """
    return Decision(approved=True, digest=request.digest if request is not None else "")


def deny(reason: str = "") -> Decision:
    """Refuse the call. The model is told so, with the reason, and goes on."""
    return Decision(approved=False, reason=reason)
