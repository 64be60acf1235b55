"""How fast a streamed answer of 2,000 chunks is read, against a bare loop of httpx and json on the same bytes."""

import json
import socketserver
import statistics
import threading
import time
from contextlib import aclosing

import anyio
import httpx

from agentkit import Agent, GeminiClient
from agentkit.wire import GenerateContentRequest, Merger, user_text

CHUNKS = 2_000
MODEL = "gemini-3-flash-preview"


def measure(rounds: int = 9) -> str:
    """Return our speed as a share of the bare loop's: for the client with merging, and for a whole streamed run."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Streams) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        bare, client, run = anyio.run(_measure, url, rounds)
        server.shutdown()
    rate = CHUNKS / bare
    return (
        f"{CHUNKS:,} chunks are read and merged at {bare / client:.2f} of the speed of bare httpx and json "
        f"({rate:,.0f}/s), and watched as the events of a run at {bare / run:.2f}; at least 0.5"
    )


async def _measure(url: str, rounds: int) -> tuple[float, float, float]:
    times: dict[str, list[float]] = {"bare": [], "client": [], "run": []}
    for _ in range(rounds):
        for name, read in (("bare", _read_bare), ("client", _read_with_client), ("run", _read_as_events)):
            begun = time.perf_counter()
            await read(url)
            times[name].append(time.perf_counter() - begun)
    bare, client, run = (statistics.median(times[name]) for name in ("bare", "client", "run"))
    return bare, client, run


async def _read_bare(url: str) -> None:
    path = f"{url}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    pieces = []
    async with httpx.AsyncClient() as client, client.stream("POST", path, json={"contents": []}) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                pieces.append(json.loads(line[6:])["candidates"][0]["content"]["parts"][0]["text"])
    assert len("".join(pieces)) > CHUNKS


async def _read_with_client(url: str) -> None:
    merger = Merger()
    async with GeminiClient(api_key="bench", base_url=url).connect() as connection:
        request = GenerateContentRequest(contents=[user_text("go")])
        async with aclosing(connection.stream(MODEL, request)) as chunks:
            async for chunk in chunks:
                merger.add(chunk)
    assert len(merger.response().text) > CHUNKS


async def _read_as_events(url: str) -> None:
    agent = Agent(MODEL, client=GeminiClient(api_key="bench", base_url=url))
    async with agent.stream("go") as run:
        async for _event in run:
            pass
        assert len((await run.result()).output) > CHUNKS


def _body() -> bytes:
    usage = {
        "promptTokenCount": 8,
        "totalTokenCount": 99,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    }
    events = []
    for number in range(CHUNKS):
        candidate: dict[str, object] = {
            "content": {"parts": [{"text": f"word {number} and some more of it "}], "role": "model"},
            "index": 0,
        }
        if number == CHUNKS - 1:
            candidate["finishReason"] = "STOP"
        chunk = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "R1"}
        events.append(f"data: {json.dumps(chunk)}\r\n\r\n".encode())
    return b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
BODY = _body()


class _Streams(socketserver.StreamRequestHandler):
    """Answers any request with the same stream, one HTTP chunk an event, and closes."""

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        self.wfile.write(HEAD)
        self.wfile.write(BODY)
