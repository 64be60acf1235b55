"""Damaged requests for the emulator: it never fails, and always answers with a documented status in its own envelope.

The damage is the same in every run. Recorded requests take part where they are present.
"""

import functools
import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from google.genai import types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit import Agent, CodeExecution, GeminiClient, GoogleSearch, tool
from agentkit.testing import Asked, Emulator, Reply, call, check_request, code, reply, stream, text, thought
from agentkit.testing.finding import Profile
from agentkit.testing.offline import answer
from agentkit.testing.server import serve
from tests.testing.damage import cut_up, damaged_json, encoded, with_each_value_wrong
from tests.testing.google_clients import MODEL, google_client, weather
from tests.traffic import exchanges

same_every_time = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")
MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-image",
    "gemini-3-flash-preview",
    MODEL,
    "gemini-4-neon",
    "gemma-4",
    "x",
)


# -- Sound requests to begin with --------------------------------------------------------------------------------------


@functools.cache
def sound_requests() -> list[dict[str, Any]]:
    """Return requests of our client, of Google's, and recorded ones: those that break no rule."""
    return [*_made_by_us(), *_made_by_google(), *_recorded()]


def _made_by_us() -> list[dict[str, Any]]:
    @tool
    def find(name: str, limit: int = 3, tags: list[str] | None = None) -> dict[str, Any]:
        """Find something."""
        return {"found": [name] * limit}

    with serve(Emulator()) as emulator:
        emulator.reply(thought("Hm."), call("find", name="a"), call("find", name="b", limit=1))
        emulator.reply(code("print(1)", "1"), text("Done."))
        emulator.reply(text('{"a": 1}'))
        client = GeminiClient(api_key="a-key", base_url=emulator.url, endpoint="google")
        tools = [find, GoogleSearch(), CodeExecution()]
        agent = Agent(MODEL, instructions="Be brief.", tools=tools, client=client, thinking="low")
        agent.run_sync("Find a and b.")
        Agent("gemini-2.5-flash", output=dict[str, int], client=client, thinking=512).run_sync("Count.")
        return [dict(body) for body in emulator.requests]


def _made_by_google() -> list[dict[str, Any]]:
    with serve(Emulator(brain=lambda asked: [{"text": '{"a": 1}'}])) as emulator, google_client(emulator) as client:
        emulator.reply(call("weather", city="Oslo"), call("weather", city="Rome"))
        client.chats.create(model=MODEL, config={"tools": [weather]}).send_message("Weather?")
        config = types.GenerateContentConfig.model_validate(EVERYTHING)
        client.models.generate_content(model="gemini-2.5-flash", contents=[PICTURE, "What?"], config=config)
        return [dict(body) for body in emulator.requests]


PICTURE = types.Part(
    inline_data=types.Blob(data=b"\xff\xd8\xff", mime_type="image/jpeg"),
    video_metadata=types.VideoMetadata(fps=2, start_offset="1.5s"),
)
EVERYTHING: dict[str, Any] = {
    "response_mime_type": "application/json",
    "response_schema": {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "ARRAY", "items": {"type": "STRING", "enum": ["x", "y"]}, "maxItems": 3},
            "b": {"anyOf": [{"type": "INTEGER", "format": "int32"}, {"type": "BOOLEAN", "nullable": True}]},
        },
        "required": ["a"],
        "propertyOrdering": ["a", "b"],
    },
    "system_instruction": "Be brief.",
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "thinking_config": {"thinking_budget": 512, "include_thoughts": True},
    "labels": {"team": "weather"},
    "tool_config": {"retrieval_config": {"lat_lng": {"latitude": 60, "longitude": 11}}},
    "response_modalities": ["TEXT"],
    "candidate_count": 2,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 20,
    "seed": 1,
    "stop_sequences": ["END"],
    "max_output_tokens": 5,
    "media_resolution": types.MediaResolution.MEDIA_RESOLUTION_LOW,
    "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
}


def _recorded() -> list[dict[str, Any]]:
    """Return every 40th recorded request that is not too long."""
    bodies = [exchange["request"]["body"] for exchange in exchanges() if exchange["request"]]
    sound = [body for body in bodies if isinstance(body, dict) and "contents" in body]
    return [body for body in sound[::40] if len(json.dumps(body)) < 6000]


def test_the_requests_to_begin_with_are_sound() -> None:
    made = [*_made_by_us(), *_made_by_google()]

    findings = [finding for body in made for finding in check_request(body, model=MODEL) if finding.is_of_shape]

    assert len(made) == 6
    assert findings == []


# -- Damaged requests --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """One request, and how the emulator is set up for it."""

    profile: Profile
    strict: bool
    verb: str
    address: str
    query: str
    headers: Mapping[str, str]
    pieces: Sequence[bytes]


HEADERS = {"x-goog-api-key": "a-key"}
QUERIES = ("", "alt=sse", "alt=sse&key=%FF", "alt=json", "pageSize=-1&pageToken=x", "updateMask=a", "upload_id=a")
TYPES = ("application/json", "text/plain", "application/x-protobuf", "\xff")
STORED = {
    "model": f"models/{MODEL}",
    "contents": [{"role": "user", "parts": [{"text": "Oslo. " * 5000}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "ttl": "600s",
    "displayName": "Norway",
}
RESOURCES = (
    *(("POST", "/v1beta/cachedContents"), ("PATCH", "/v1beta/cachedContents/a"), ("GET", "/v1beta/cachedContents")),
    *(("POST", "/upload/v1beta/files"), ("GET", "/v1beta/files"), ("GET", "/v1beta/files/a:download")),
    *(("DELETE", "/v1beta/files/a"), ("GET", "/v1beta/models"), ("GET", "/v1beta/models/\xff"), ("PUT", "/nowhere")),
)


@st.composite
def questions(draw: st.DrawFn) -> Sent:
    """A request to generate or to count."""
    method = draw(st.sampled_from(("generateContent", "streamGenerateContent", "countTokens")))
    body = draw(encoded(draw(damaged_json(sound_requests()))))
    return Sent(
        profile=draw(st.sampled_from(PROFILES)),
        strict=draw(st.booleans()),
        verb="POST",
        address=f"/v1beta/models/{draw(st.sampled_from(MODELS))}:{method}",
        query=draw(st.sampled_from(QUERIES)),
        headers={**HEADERS, "content-type": draw(st.sampled_from(TYPES))},
        pieces=draw(cut_up(body, 3)),
    )


@st.composite
def errands(draw: st.DrawFn) -> Sent:
    """A request for anything else: cached contents, files, models, and what is not there."""
    verb, address = draw(st.sampled_from(RESOURCES))
    upload = {
        "x-goog-upload-protocol": st.sampled_from(("resumable", "raw")),
        "x-goog-upload-command": st.sampled_from(("start", "upload, finalize", "query", "")),
        "x-goog-upload-header-content-length": st.sampled_from(("3", "-1", "x", "9" * 30)),
    }
    return Sent(
        profile=draw(st.sampled_from(("google", "google", "vertex", "comet"))),
        strict=True,
        verb=verb,
        address=address,
        query=draw(st.sampled_from(QUERIES)),
        headers={**HEADERS, **draw(st.fixed_dictionaries({}, optional=upload))},
        pieces=[draw(encoded(draw(damaged_json([STORED, {"file": {"displayName": "a"}}]))))],
    )


@dataclass(frozen=True)
class Answered:
    status: int
    content_type: str
    body: bytes

    @property
    def payloads(self) -> list[Any]:
        """The JSON of the answer: of each event, of each element, or of the whole."""
        if self.content_type == "text/event-stream" and self.body.startswith(b"data: "):
            return [json.loads(event.removeprefix(b"data: ")) for event in self.body.split(b"\r\n\r\n") if event]
        whole = json.loads(self.body)
        return whole if isinstance(whole, list) else [whole]


async def send(emulator: Emulator, sent: Sent) -> Answered:
    """Give the request to the emulator as any server would; an error that it raises would be a status 500."""
    messages: list[Any] = [{"type": "http.request", "body": piece, "more_body": True} for piece in sent.pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    answered: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def keep(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "method": sent.verb,
        "path": sent.address,
        "query_string": sent.query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.headers.items()],
    }
    await emulator(scope, receive, keep)
    headers = dict(answered[0]["headers"])
    body = b"".join(message["body"] for message in answered[1:])
    assert not answered[-1]["more_body"]
    return Answered(answered[0]["status"], headers[b"content-type"].decode(), body)


def talk(asked: Asked) -> Reply:
    """Say a bit of everything."""
    return reply(thought("Hm."), code("1", "1"), stream("a", "b"), call("find", name="a"), call("weather", city="Oslo"))


def plan(asked: Asked) -> list[dict[str, Any]]:
    """Answer as the stand-in without a key does."""
    return answer(asked.body)


def is_envelope(profile: Profile, status: int, payload: Any) -> bool:
    error = payload["error"]
    if profile == "comet":
        return set(error) == {"message", "type", "param", "code"} and isinstance(error["message"], str)
    return error["code"] == status and isinstance(error["message"], str) and isinstance(error["status"], str)


async def check_answer(sent: Sent, brain: Any) -> None:
    """Send a request to an emulator of its own, and hold what comes back against what the service documents."""
    emulator = Emulator(profile=sent.profile, strict=sent.strict, brain=brain)

    answered = await send(emulator, sent)

    assert answered.status in (200, 400)
    assert not emulator.unexpected, answered.body
    if answered.status == 400:
        assert all(is_envelope(sent.profile, 400, payload) for payload in answered.payloads)
    else:
        assert all("candidates" in payload or "totalTokens" in payload for payload in answered.payloads)
    assert all(finding.message and finding.fix and finding.code in str(finding) for finding in emulator.findings)


@settings(same_every_time, max_examples=250)
@given(sent=questions(), brain=st.sampled_from((talk, plan)))
def test_any_request_gets_a_documented_status_and_envelope(sent: Sent, brain: Any) -> None:
    anyio.run(check_answer, sent, brain)


@settings(same_every_time, max_examples=150)
@given(sent=errands())
def test_any_request_for_what_is_stored_gets_a_documented_status_and_envelope(sent: Sent) -> None:
    answered = anyio.run(send, Emulator(profile=sent.profile), sent)

    if answered.content_type.startswith("text/html"):
        assert answered.status == (301 if sent.profile == "comet" else 404)
    elif answered.status == 200:
        assert all(isinstance(payload, dict) for payload in answered.payloads)
    else:
        assert answered.status in (400, 403, 404, 409)
        assert all(is_envelope(sent.profile, answered.status, payload) for payload in answered.payloads)


@pytest.mark.parametrize("made", [_made_by_us, _made_by_google], ids=["ours", "google's"])
def test_every_place_of_a_request_may_hold_anything(made: Callable[[], list[dict[str, Any]]]) -> None:
    bodies = made()
    history, settled = bodies[1], bodies[-1]
    body = {**history, **settled, "contents": [*history["contents"], *settled["contents"]]}

    async def check_each() -> None:
        for number, damaged in enumerate(with_each_value_wrong(body)):
            sent = Sent(
                profile=PROFILES[number % len(PROFILES)],
                strict=False,
                verb="POST",
                address=f"/v1beta/models/{MODEL}:streamGenerateContent",
                query="alt=sse",
                headers=HEADERS,
                pieces=[damaged.encode()],
            )
            await check_answer(sent, talk)

    anyio.run(check_each)


ODD: Mapping[str, tuple[bytes | Iterable[bytes], dict[str, str]]] = {
    "nothing": (b"", {}),
    "no JSON": (b"contents=Hi", {"content-type": "application/x-www-form-urlencoded"}),
    "broken UTF-8": (b'{"contents": "\xff"}', {}),
    "a lone surrogate": (b'{"\\ud800": "\\ud800"}', {}),
    "packed by gzip": (gzip.compress(b'{"contents": []}'), {"content-encoding": "gzip"}),
    "no list of contents": (b'{"contents": {"parts": []}}', {"content-type": "text/plain"}),
    "a number without end": (b'{"generationConfig": {"seed": ' + b"9" * 9000 + b"}}", {}),
    "brackets without end": (b"[" * 100_000, {}),
    "chunks": ([b'{"contents"', b": ", b"[]}"], {}),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_odd_bodies_are_refused_over_http_as_well(profile: Profile) -> None:
    with serve(Emulator(profile=profile, brain=talk)) as emulator, httpx.Client(headers=HEADERS) as client:
        url = f"{emulator.url}/v1beta/models/{MODEL}:generateContent"
        answers = {name: client.post(url, content=body, headers=headers) for name, (body, headers) in ODD.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(ODD, 400)
    assert all(is_envelope(profile, 400, answer.json()) for answer in answers.values())
