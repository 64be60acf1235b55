"""A saved run that goes on: what people decided is checked against what waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from agentkit import wire
from agentkit._checks import check_kind
from agentkit.approval import Decision
from agentkit.errors import ConfigurationError, StateInvalid
from agentkit.state import RunState

__all__ = ["reopened"]


def reopened(state: RunState, decisions: Mapping[str, Decision] | None) -> RunState:
    """Return a copy of a saved run that can go on."""
    check_kind("state", state, RunState, "a RunState: result.state, error.state, or RunState.load_json(...)")
    if state.stop is not None:
        raise StateInvalid(f"Run {state.run_id} has its answer already (stop={state.stop!r}). Start a new run.")
    waiting = {request.key for request in state.waiting}
    _check_decisions(decisions)
    stray = [key for key in decisions or {} if key not in waiting]
    if stray:
        known = ", ".join(repr(key) for key in sorted(waiting)) or "none"
        raise ConfigurationError(f"No call waits under the key {stray[0]!r}. Waiting: {known}.")
    for request in state.waiting:
        decision = (decisions or {}).get(request.key)
        if decision is not None and decision.digest not in ("", request.digest):
            raise ConfigurationError(
                f"The decision about {request.key!r} was made about another call, or about other arguments than it "
                "has now. Show state.waiting again, and ask again."
            )
    again = state.copy()
    again.repairs = 0  # a person asks for more: the model may try again
    if not again.pending and again.contents[-1].role == "model":
        # Newer models refuse a conversation that ends with their own turn (protocol sheet 4.3, T8).
        again.contents.append(wire.Content(role="user", parts=[wire.Part(text="Go on.")]))
    return again


def _check_decisions(decisions: object) -> None:
    """Refuse what is no decision: True might be meant as consent, and might not."""
    given: object = {} if decisions is None else decisions
    if not isinstance(given, Mapping) or not all(
        isinstance(one, Decision) for one in cast("Mapping[object, object]", given).values()
    ):
        raise ConfigurationError(f"decisions={decisions!r}: give approve() or deny(...) by the keys of result.paused.")
