"""Many runs at once against a server that is down, slow or silent, and what they leave behind."""

import os

import anyio
import pytest

from agentkit import Agent, DeadlineExceeded, GeminiError, Limits, Retry
from tests.fault_runs import FINE, MODEL, ONCE, agent_for, error_of, whole
from tests.faultserver import FaultServer, Peer, Scenario, raw, silent, status

pytestmark = pytest.mark.anyio


@pytest.mark.rows(34)
async def test_two_hundred_runs_ask_a_server_that_is_down_hardly_more_than_once_each() -> None:
    """The 500 tokens of the budget pay for 35 retries of 14 tokens; without it there would be 800 requests."""
    errors: list[GeminiError] = []

    async def run(agent: Agent[None, str]) -> None:
        errors.append(await error_of(agent))

    with FaultServer(status(500)) as server:
        agent = agent_for(server, retry=Retry(first_delay_s=0.001), timeout_s=50)
        async with agent.client, anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(run, agent)

    assert len(server.requests) == sum(error.attempts for error in errors) == 200 + 500 // 14


@pytest.mark.rows(34)
async def test_a_server_that_comes_back_is_asked_again_as_before() -> None:
    with FaultServer(*[status(500)] * 4, FINE) as server:
        agent = agent_for(server, retry=Retry(first_delay_s=0.001, budget=42))
        await error_of(agent)
        for _ in range(14):
            await whole(agent)
        server.scenarios = (*[FINE] * len(server.requests), status(500), FINE)
        asked = len(server.requests)

        assert await whole(agent) == "fine"
    assert len(server.requests) == asked + 2


def slow(pause_s: float) -> Scenario:
    """A good answer after a while."""

    def scenario(peer: Peer) -> None:
        peer.pause(pause_s)
        FINE(peer)

    return scenario


@pytest.mark.rows(41, "R4", "R9")
async def test_a_thousand_runs_of_which_half_are_cancelled_leave_a_pool_that_serves_the_next() -> None:
    """There are 256 connections: most of the runs wait for one, and the wait counts."""
    answers: list[str] = []

    async def run(agent: Agent[None, str]) -> None:
        answers.append(await whole(agent))

    with FaultServer(slow(0.02)) as server:
        agent = agent_for(server, retry=ONCE, timeout_s=50)
        async with agent.client:
            async with anyio.create_task_group() as kept, anyio.create_task_group() as cancelled:
                for number in range(1000):
                    (kept if number % 2 else cancelled).start_soon(run, agent)
                while len(server.requests) < 100:
                    await anyio.sleep(0.01)
                cancelled.cancel_scope.cancel()
            assert len(answers) >= 500

            server.scenarios = (FINE,)
            answers.clear()
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(run, agent)

        assert answers == ["fine"] * 50
        assert len(server.peers) <= 1000
        assert server.nothing_is_open()


@pytest.mark.rows(41, "R4")
async def test_waiting_for_a_free_connection_ends_with_the_deadline_and_then_takes_none() -> None:
    with FaultServer(silent()) as server:
        agent = agent_for(server, timeout_s=50)
        hurried = Agent(MODEL, client=agent.client, limits=Limits(deadline_s=0.1))
        async with agent.client:
            async with anyio.create_task_group() as group:
                for _ in range(256):
                    group.start_soon(whole, agent)
                while len(server.requests) < 256:
                    await anyio.sleep(0.01)
                with anyio.fail_after(10):
                    error = await error_of(hurried)
                asked = len(server.requests)
                group.cancel_scope.cancel()
            server.scenarios = (FINE,)

            assert await whole(agent) == "fine"
    assert isinstance(error, DeadlineExceeded)
    assert asked == 256


@pytest.mark.rows("R9")
async def test_failing_runs_leave_no_open_file() -> None:
    faults = [status(500), raw(b"HTTP/1.1 200 OK\r\n", then=Peer.reset), raw(b"SSH", then=Peer.finish)]
    with FaultServer(FINE) as server:
        agent = agent_for(server, retry=ONCE)
        await whole(agent)
        before = len(os.listdir("/proc/self/fd"))
        for fault in faults * 3:
            server.scenarios = (fault,)
            await error_of(agent)
            server.scenarios = (FINE,)
            assert await whole(agent) == "fine"
        assert server.nothing_is_open()

        with anyio.fail_after(5):
            while len(os.listdir("/proc/self/fd")) > before:  # the server closes its ends in threads
                await anyio.sleep(0.01)
