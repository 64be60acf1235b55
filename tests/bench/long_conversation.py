"""What the request of turn 300 costs, against the request of turn 3: contents are encoded once."""

import time
from collections.abc import Callable

from agentkit import Agent, GeminiClient, Limits
from agentkit.approval import Decision
from agentkit.run import Run
from agentkit.state import RunState
from agentkit.turn import build_request
from agentkit.wire import Content, FunctionCall, FunctionResponse, Part

RESULT = {"rows": [{"id": number, "name": f"row {number}", "score": number / 7} for number in range(20)]}


def lookup(city: str, units: str = "C") -> str:
    """Look something up.

    Args:
        city: The city.
        units: The units.
    """
    return city + units


def measure(repeats: int = 2_000) -> str:
    """Return the ratio of building and encoding, the copying of the bytes taken off on both sides."""
    early, late = _build_s(3, repeats), _build_s(300, repeats)
    ratio = late / early
    return (
        f"building request 300 costs {ratio:.2f}x of request 3 ({early * 1e6:.0f} us) beyond copying bytes; at most 3"
    )


def _build_s(turn: int, repeats: int) -> float:
    run = _run_at(turn)
    body = build_request(run).encode()
    pieces = [body[at : at + 2048] for at in range(0, len(body), 2048)]
    return _best_s(lambda: build_request(run).encode(), repeats) - _best_s(lambda: b"".join(pieces), repeats)


def _run_at(turn: int) -> Run[None, str]:
    agent = Agent(
        "gemini-3-flash-preview",
        tools=[lookup],
        instructions="Be brief.",
        client=GeminiClient(api_key="bench", base_url="http://127.0.0.1:9"),
        limits=Limits(turns=1_000),
    )
    state = RunState.begin(agent.model, Content(role="user", parts=[Part(text="Look up a lot of cities.")]))
    for number in range(turn - 1):
        call = FunctionCall(name="lookup", args={"city": f"city {number}"}, id=f"id{number}")
        answer = FunctionResponse(name="lookup", response=RESULT, id=f"id{number}")
        state.contents.append(Content(role="model", parts=[Part(function_call=call, thought_signature="c2ln" * 200)]))
        state.contents.append(Content(role="user", parts=[Part(function_response=answer)]))
    return agent._start(state, None, decisions=dict[str, Decision]())


def _best_s(action: Callable[[], object], repeats: int) -> float:
    """Return the best of five rounds, per call: noise only ever adds."""
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(repeats):
            action()
        rounds.append((time.perf_counter() - begun) / repeats)
    return min(rounds)
