"""What `run_many` costs with 1,000 prompts, against a bare loop of `agent.run` with a semaphore."""

import json
import socketserver
import threading
import time

import anyio

from agentkit import Agent, GeminiClient, RunResult

PROMPTS = 1_000
LIMIT = 50
MODEL = "gemini-3-flash-preview"


def measure(rounds: int = 5) -> str:
    """Return the ratio of the best rounds: noise only ever adds."""
    with _Server(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        bare, ours = anyio.run(_measure, url, rounds)
        server.shutdown()
    return (
        f"{PROMPTS:,} prompts, {LIMIT} at once, take {ours / bare:.2f}x of a bare loop of agent.run "
        f"({PROMPTS / bare:,.0f} runs a second); at most 1.2"
    )


async def _measure(url: str, rounds: int) -> tuple[float, float]:
    bare, ours = [], []
    client = GeminiClient(api_key="bench", base_url=url)
    agent = Agent(MODEL, client=client)
    prompts = [f"Prompt {number}" for number in range(PROMPTS)]
    for _ in range(rounds):
        begun = time.perf_counter()
        async with client:
            assert len(await _run_bare(agent, prompts)) == PROMPTS
        bare.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        assert [outcome.output for outcome in await agent.run_many(prompts, limit=LIMIT)] == ["Done."] * PROMPTS
        ours.append(time.perf_counter() - begun)
    return min(bare), min(ours)


async def _run_bare(agent: Agent[None, str], prompts: list[str]) -> dict[int, RunResult[str]]:
    free = anyio.Semaphore(LIMIT)
    results: dict[int, RunResult[str]] = {}

    async def run(number: int, prompt: str) -> None:
        async with free:
            results[number] = await agent.run(prompt)

    async with anyio.create_task_group() as group:
        for number, prompt in enumerate(prompts):
            group.start_soon(run, number, prompt)
    return results


def _answer() -> bytes:
    candidate = {"content": {"parts": [{"text": "Done."}], "role": "model"}, "finishReason": "STOP", "index": 0}
    body = json.dumps({"candidates": [candidate], "modelVersion": MODEL}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


ANSWER = _answer()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 2 * LIMIT


class _Answers(socketserver.StreamRequestHandler):
    """Answers each request alike, over a connection that stays."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while self.rfile.readline():
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.rfile.read(length)
            self.wfile.write(ANSWER)
