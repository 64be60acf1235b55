"""What a run with ten tool calls costs, against a bare loop of httpx and json that sends and calls the same."""

import json
import socketserver
import threading
import time
from typing import Any

import anyio
import httpx

from agentkit import Agent, GeminiClient

CALLS = 10
MODEL = "gemini-3-flash-preview"


def measure(rounds: int = 60) -> str:
    """Return the ratio of the best rounds: noise only ever adds. The tool is async: a thread would be the cost."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        bare, ours = anyio.run(_measure, url, rounds)
        server.shutdown()
    return (
        f"a run with {CALLS} tool calls takes {ours / bare:.2f}x of bare httpx and json ({bare * 1000:.1f} ms, "
        f"{1 / ours:.0f} such runs a second against {1 / bare:.0f}); at most 2.5"
    )


async def _measure(url: str, rounds: int) -> tuple[float, float]:
    bare, ours = [], []
    client = GeminiClient(api_key="bench", base_url=url)
    agent = Agent(MODEL, tools=[population], client=client)
    async with client, httpx.AsyncClient() as http:
        for _ in range(rounds):
            begun = time.perf_counter()
            await _run_bare(http, url)
            bare.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            assert (await agent.run("Add them up.")).output == "Done."
            ours.append(time.perf_counter() - begun)
    return min(bare), min(ours)


async def population(town: str) -> dict[str, Any]:
    """Look up how many people live in a town.

    Args:
        town: The town.
    """
    return {"town": town, "people": len(town) * 1000}


async def _run_bare(http: httpx.AsyncClient, url: str) -> None:
    contents: list[Any] = [{"role": "user", "parts": [{"text": "Add them up."}]}]
    schema = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    tools = [{"functionDeclarations": [{"name": "population", "description": "", "parametersJsonSchema": schema}]}]
    while True:
        path = f"{url}/v1beta/models/{MODEL}:generateContent"
        response = await http.post(path, json={"contents": contents, "tools": tools})
        content = json.loads(response.content)["candidates"][0]["content"]
        contents.append(content)
        call = content["parts"][0].get("functionCall")
        if call is None:
            return
        told = {"id": call["id"], "name": call["name"], "response": await population(**call["args"])}
        contents.append({"role": "user", "parts": [{"functionResponse": told}]})


def _answer(turn: int) -> bytes:
    call = {"name": "population", "args": {"town": f"Town {turn}"}, "id": f"id{turn}"}
    part = {"functionCall": call, "thoughtSignature": "c2ln" * 100} if turn < CALLS else {"text": "Done."}
    candidate = {"content": {"parts": [part], "role": "model"}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 5, "totalTokenCount": 13}
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": f"R{turn}"}
    body = json.dumps(whole).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


ANSWERS = [_answer(turn) for turn in range(CALLS + 1)]


class _Answers(socketserver.StreamRequestHandler):
    """Answers each request by how many results it holds, over a connection that stays."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while request_line := self.rfile.readline():
            assert request_line.startswith(b"POST")
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = self.rfile.read(length)
            self.wfile.write(ANSWERS[body.count(b'"functionResponse"')])
