"""After strangers' words nothing is changed without consent: a rule against injected instructions."""

from collections.abc import Callable, Iterable
from typing import Any

from agentkit.context import RunContext
from agentkit.errors import ConfigurationError
from agentkit.middleware import Middleware, ToolCall

__all__ = ["Taint"]


class Taint(Middleware):
    """Once untrusted content has entered a run, every tool that is not declared `effects="read"` needs a person.

    Untrusted is what Gemini searched or fetched (Google Search, URL context, Maps), and what tools marked
    `untrusted=True` returned, also in a run whose tool started this one. A tool that runs an agent which reads such
    things is such a tool. The rule looks at the run only, never at what the words say, so it cannot be talked
    out of. The reason is in `ApprovalRequest.reason`.

    Args:
        allow: What may run all the same: names of tools, or functions of the call.
    """

    def __init__(self, *, allow: Iterable[str | Callable[[ToolCall], bool]] = ()) -> None:
        if isinstance(allow, str):
            raise ConfigurationError(f"Taint(allow={allow!r}) must be a list: allow=[{allow!r}].")
        self._allow = tuple(allow)

    def consent(self, context: RunContext[Any], call: ToolCall) -> str | None:
        """Return why a person must be asked; None if nothing untrusted was read, or a rule allows the call."""
        if call.effects == "read":
            return None
        sources = context.untrusted
        if not sources or any(rule == call.tool if isinstance(rule, str) else rule(call) for rule in self._allow):
            return None
        effects = "declares a write" if call.effects == "write" else "may change something"
        return (
            f"{call.tool} {effects}, and this run has read what strangers may have written ({', '.join(sources)}): "
            "the call may follow their instructions, not yours."
        )
