"""A transport that gives the same answer to every request, and what the tests of cassettes ask."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from agentkit import GeminiError, HttpRequest, HttpResponse, Transport
from agentkit.testing.cassette import Cassette
from agentkit.wire import GenerateContentRequest, user_text

MODEL = "gemini-3.8-flash"
QUESTION = GenerateContentRequest(contents=[user_text("Who is there?")])
SAID = {"candidates": [{"content": {"parts": [{"text": "4 degrees."}], "role": "model"}, "finishReason": "STOP"}]}


class Canned:
    """Answers with these pieces, or fails, after a while."""

    def __init__(
        self,
        pieces: Sequence[bytes] = (json.dumps(SAID).encode(),),
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        failing: GeminiError | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self._pieces, self._status, self._failing = pieces, status, failing
        self._delay_s = delay_s
        self._headers = headers or {"content-type": "application/json"}

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        await anyio.sleep(self._delay_s)
        if self._failing is not None:
            raise self._failing
        yield HttpResponse(status=self._status, headers=self._headers, chunks=self._chunks)

    async def aclose(self) -> None:
        pass

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        for piece in self._pieces:
            yield piece


def no_network() -> Transport:
    raise AssertionError("a replay made a transport")


def replaying(path: Path, **settings: Any) -> Cassette:
    """A cassette that could not ask anybody if it wanted to."""
    return Cassette(path, **{"mode": "none", "record_with": no_network, **settings})


def written(path: Path) -> Any:
    return json.loads(path.read_bytes())


def event(text: str, finish: str | None = None) -> bytes:
    """One event of a stream as Google writes it."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}} | ({"finishReason": finish} if finish else {})
    line = json.dumps({"candidates": [candidate]}, separators=(",", ": "))
    return f"data: {line}\r\n\r\n".encode()
