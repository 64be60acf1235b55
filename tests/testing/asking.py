"""Asking the emulator for anything: in memory, without a network."""

import json
from collections.abc import Mapping

import httpx

from agentkit.testing import Emulator

MODEL = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "a-key"}
BASE = "http://emulator.test:80"


async def send(
    emulator: Emulator,
    verb: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    key: Mapping[str, str] = KEY,
) -> httpx.Response:
    """Return the answer to one request; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url=BASE) as client:
        return await client.request(verb, path, content=content, headers={**key, **(headers or {})})


async def generate(emulator: Emulator, body: object, *, model: str = MODEL, streamed: bool = False) -> httpx.Response:
    """Return the answer to a generate request, as events if it is `streamed`."""
    method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    return await send(emulator, "POST", f"/v1beta/models/{model}:{method}", body)
