"""Rule R3 (and row 145, as far as the core): secrets are in nothing that is shown, logged, stored or pickled.

Secrets are the key, a bearer token, headers whose names say so, the password of a proxy, and what pydantic's
`SecretStr` or `SecretBytes` marks. They are looked for as they are, in base64, in URLs and inside JSON.

What cannot be promised: that the answer of a model, which goes to the caller and back to the service as it came, or an
exception of the caller's own code, which is kept as the cause, does not hold a secret; nor what the HTTP library logs
at DEBUG of the headers that a service sends. A secret that is cut is found by its first 12 characters.
"""

import base64
import copy
import dataclasses
import json
import logging
import pickle
import ssl
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pydantic
import pytest
from pydantic import SecretBytes, SecretStr
from rich.pretty import pretty_repr

from agentkit import (
    Agent,
    AgentKitError,
    GeminiClient,
    Middleware,
    Retry,
    RunContext,
    RunFailed,
    RunState,
    ToolFailed,
    tool,
)
from agentkit.cli.service import open_client
from agentkit.connection import Connection
from agentkit.testing import Emulator, call, text
from agentkit.testing import error as service_error
from agentkit.wire import GenerateContentRequest, user_text
from tests.answered import told
from tests.cli.command import KEY as CLI_KEY
from tests.cli.command import agentkit
from tests.faultserver import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    Scenario,
    answer,
    chunk,
    google_error,
    head,
    http_chunk,
    raw,
    reset_after,
    silent,
    sse,
    status,
    stream,
)

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parent
MODEL = "gemini-3-flash-preview"
KEY = 'Canary/0123+"456"=789-Open'
HEADER = "Header-Canary/4711+0815"
PASSWORD = "Proxy-Canary-4711-0815"
MARKED = "Marked-Canary-4711-0815"
TOKEN = "Token-Canary-" + "0123456789abcdef" * 20  # longer than what rich shows of a string
QUESTION = GenerateContentRequest(contents=[user_text("Who is there?")])
FINE = answer(chunk("fine", finish="STOP"))
ONCE = Retry(attempts=1)


def written(secret: str) -> dict[str, str]:
    """Return how a service may write a secret."""
    data = secret.encode()
    return {
        "plain": secret,
        "base64": base64.b64encode(data).decode(),
        "base64-for-urls": base64.urlsafe_b64encode(data).decode(),
        "base64-behind-a-name": base64.b64encode(b"user:" + data).decode().rstrip("="),
        "quoted": quote(secret, safe=""),
        "in-json": json.dumps(secret)[1:-1],
    }


def assert_hidden(shown: str, *secrets: str) -> None:
    """Fail if a text shows a secret: in any form, or so much as its first half."""
    for secret in secrets or (KEY, HEADER, TOKEN, PASSWORD, MARKED):
        for form, looks in written(secret).items():
            assert looks not in shown, f"{form} in {shown[:2000]}"
        assert secret[: len(secret) // 2].lower() not in shown.lower(), shown[:2000]


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that hangs on it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            yield one


def all_of(error: BaseException) -> str:
    """Return whatever a tool can show of an exception, variables of frames included, but for frames of tests."""
    texts: list[str] = []
    for one in chain(error):
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        trace = one.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_code.co_filename.startswith(str(TESTS)):
                for name, value in trace.tb_frame.f_locals.items():
                    where = f"{trace.tb_frame.f_code.co_qualname}: {name}"
                    with suppress(AttributeError):  # an object that is not whole yet
                        texts.append(f"{where} = {value!r} {pretty_repr(value, max_string=80, max_length=10)}")
            trace = trace.tb_next
    if isinstance(error, AgentKitError):
        texts += [pickle.dumps(error).decode("latin-1"), repr(vars(copy.copy(error)))]
        texts += [error.state.dump_json().decode()] if error.state is not None else []
    return "\n".join(texts)


Way = Callable[[GeminiClient], Awaitable[object]]


async def generate(client: GeminiClient) -> object:
    return await client.generate(MODEL, QUESTION)


async def collect(client: GeminiClient) -> object:
    async with aclosing(client.stream(MODEL, QUESTION)) as chunks:
        return [chunk async for chunk in chunks]


async def run(client: GeminiClient) -> object:
    return await Agent(MODEL, client=client).run("Who is there?")


async def watch(client: GeminiClient) -> object:
    async with Agent(MODEL, client=client).stream("Who is there?") as running:
        assert_hidden(str([event.to_json() async for event in running]))
        return await running.result()


WAYS = [generate, collect, run, watch]


async def error_of(client: GeminiClient, way: Way) -> AgentKitError:
    with pytest.raises(AgentKitError) as caught:
        await way(client)
    return caught.value


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that any logger of the process says."""
    caplog.set_level(logging.DEBUG)
    for name in ("agentkit", "asyncio", "httpcore", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


# -- Failures of all groups --------------------------------------------------------------------------------------------

FAULTS = [
    pytest.param(reset_after(), id="a-reset"),
    pytest.param(silent(), id="silence"),
    pytest.param(status(400, google_error(400, "INVALID_ARGUMENT")), id="400"),
    pytest.param(status(401, google_error(401, "UNAUTHENTICATED")), id="401"),
    pytest.param(status(429, google_error(429, "RESOURCE_EXHAUSTED")), id="429"),
    pytest.param(status(503, b"<html>busy</html>"), id="503-with-a-page"),
    pytest.param(status(302, location="https://elsewhere.test/"), id="a-redirect"),
    pytest.param(answer(b"<html>hello</html>"), id="a-page"),
    pytest.param(answer(b""), id="nothing"),
    pytest.param(answer(b"x" * 2000), id="too-much"),
    pytest.param(raw(head(200, {"content-length": "99"}), b'{"candidates"', then=Peer.finish), id="a-cut-body"),
    pytest.param(answer(b"no gzip", headers={"content-encoding": "gzip"}), id="a-damaged-body"),
    pytest.param(raw(STREAM_HEAD, http_chunk(sse(chunk("Hel"))), then=Peer.finish), id="a-cut-stream"),
    pytest.param(stream(chunk("Hel"), google_error(500, "INTERNAL")), id="an-error-in-a-stream"),
    pytest.param(raw(b"\x16\x03 no HTTP at all\r\n\r\n", then=Peer.finish), id="no-http"),
]
KINDS: Mapping[str, Mapping[str, Any]] = {"key": {"api_key": KEY}, "token": {"api_key": TOKEN, "bearer": True}}


def client_for(url: str, **settings: Any) -> GeminiClient:
    given = {"api_key": KEY, "base_url": url, "headers": {"X-Secret": HEADER}, "retry": ONCE, "timeout_s": 0.2}
    return GeminiClient(**{**given, "max_response_bytes": 1000, **settings})


@pytest.mark.rows("R3")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_failure_shows_what_was_sent_as_a_secret(
    fault: Scenario, kind: str, logged: pytest.LogCaptureFixture
) -> None:
    with FaultServer(fault) as server:
        for way in WAYS:
            error = await error_of(client_for(server.url, **KINDS[kind]), way)

            assert_hidden(all_of(error))

    assert_hidden(logged.text)


@pytest.mark.rows("R3")
async def test_no_failure_to_connect_shows_what_would_have_been_sent(logged: pytest.LogCaptureFixture) -> None:
    for way in WAYS:
        assert_hidden(all_of(await error_of(client_for("http://127.0.0.1:9"), way)))

    assert_hidden(logged.text)


@pytest.mark.rows("R3")
async def test_no_failure_of_tls_shows_what_would_have_been_sent(logged: pytest.LogCaptureFixture) -> None:
    def plain(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(head(400, {"content-length": "0"}))

    with FaultServer(on_connect=plain) as server:
        error = await error_of(client_for(server.url.replace("http:", "https:"), timeout_s=5), generate)

    assert isinstance(next(one for one in chain(error) if isinstance(one, ssl.SSLError)), ssl.SSLError)
    assert_hidden(all_of(error) + logged.text)


@types.coroutine
def cancelled_at(step: int, scope: anyio.CancelScope, call: Any) -> Any:
    """Run `call`, and cancel `scope` when it waits for the n-th time."""
    go_on, given = call.send, None
    while True:
        try:
            wanted = go_on(given)
        except StopIteration as end:
            return end.value
        step -= 1
        if step == 0:
            scope.cancel()
        try:
            given = yield wanted
            go_on = call.send
        except BaseException as error:
            go_on, given = call.throw, error


@pytest.mark.rows("R3")
@pytest.mark.parametrize("way", [generate, run])
async def test_no_cancellation_shows_what_was_being_sent(way: Way, logged: pytest.LogCaptureFixture) -> None:
    """Cancelled at each await: in one of them the key stands in variables of the HTTP library."""
    shown: list[str] = []

    async def keep(client: GeminiClient) -> None:
        try:
            await way(client)
        except BaseException as error:
            shown.append(all_of(error))
            raise

    with FaultServer(FINE) as server:
        for step in range(1, 200):
            with anyio.CancelScope() as scope:
                await cancelled_at(step, scope, keep(client_for(server.url)))
            if not scope.cancel_called:
                break

    assert len(shown) > 5
    assert_hidden("\n".join(shown) + logged.text)


# -- A service that repeats the secrets --------------------------------------------------------------------------------


def everything(*secrets: str) -> str:
    return " ".join(looks for secret in secrets for looks in written(secret).values())


ALL = everything(KEY, HEADER)
ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY)

PIECES = [http_chunk(f"oops {KEY}"[at : at + 20].encode()) for at in (0, 20)]

ECHOES = [
    pytest.param(status(401, google_error(401, "UNAUTHENTICATED", ALL, {ALL: [{"k": ALL}]})), id="an-error"),
    pytest.param(status(401, f'{{"error": {{"code": 401, "message": "{ESCAPED}"}}}}'.encode()), id="as-escapes"),
    pytest.param(status(500, google_error(500, ALL, json.dumps(google_error(400, "X", ALL)))), id="an-error-in-one"),
    pytest.param(status(500, ALL.encode()), id="a-text"),
    pytest.param(status(400, {"detail": ALL}), id="another-envelope"),
    pytest.param(answer(f"<p>{ALL}".encode()), id="a-page"),
    pytest.param(answer(f'{{"a": "{KEY}'.encode()), id="damaged-json"),
    pytest.param(stream(google_error(500, "INTERNAL", ALL)), id="an-event"),
    pytest.param(stream(chunk("Hel"), google_error(500, "INTERNAL", ALL)), id="a-later-event"),
    pytest.param(raw(head(500, {"content-length": "99"}), f"oops {KEY[:20]}".encode(), then=Peer.finish), id="a-cut"),
    pytest.param(raw(STREAM_HEAD, *PIECES, b"0\r\n\r\n", pause_s=0.02), id="in-two-pieces"),
    pytest.param(status(401, google_error(401, "UNAUTHENTICATED"), x_request_id=KEY), id="the-id-of-the-request"),
    pytest.param(answer(b"<p>", kind=f"text/{HEADER}"), id="the-content-type"),
    pytest.param(status(302, location=f"https://{HEADER}/"), id="where-a-redirect-goes"),
    pytest.param(status(302, location=f"https://[{HEADER}/"), id="where-a-broken-redirect-goes"),
    pytest.param(answer(b"x", headers={"content-encoding": HEADER}), id="the-encoding"),
    pytest.param(raw(f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode(), then=Peer.finish), id="a-line-that-is-no-header"),
    pytest.param(raw(f"HTTP/1.1 {KEY}\r\n\r\n".encode(), then=Peer.finish), id="in-place-of-the-status"),
]


@pytest.mark.rows("R3", 35)
@pytest.mark.parametrize("echo", ECHOES)
async def test_no_failure_shows_a_secret_that_the_service_repeats(
    echo: Scenario, logged: pytest.LogCaptureFixture
) -> None:
    with FaultServer(echo) as server:
        for way in WAYS:
            error = await error_of(client_for(server.url, timeout_s=5, max_response_bytes=100_000), way)

            assert_hidden(all_of(error), KEY, HEADER)

    ours = [record.getMessage() for record in logged.records if record.name.startswith("agentkit")]
    assert_hidden("\n".join(ours), KEY, HEADER)


@pytest.mark.rows("R3")
async def test_a_token_longer_than_an_excerpt_is_removed_before_the_cut() -> None:
    with FaultServer(answer(b"<p>" + TOKEN.encode() * 9)) as server:
        error = await error_of(client_for(server.url, api_key=TOKEN, bearer=True, max_response_bytes=10_000), generate)

    assert "<p>[redacted]" in str(error)
    assert_hidden(all_of(error))


@pytest.mark.rows("R3")
async def test_what_is_no_secret_stays_readable() -> None:
    """A header is a secret if its name says so; others may hold words that errors need."""
    with FaultServer(status(400, google_error(400, "INVALID_ARGUMENT", "The blue team may not."))) as server:
        error = await error_of(client_for(server.url, headers={"x-team": "blue", "x-token": "may"}), generate)

    assert "The blue team [redacted] not." in str(error)


@pytest.mark.rows("R3")
async def test_what_was_being_handled_before_stays_as_it_was() -> None:
    """An error that hangs on ours only because ours was raised while it was handled is not ours to change."""
    before = ValueError(f"a text of the caller's with {KEY}")
    with FaultServer(status(401, google_error(401, "UNAUTHENTICATED"))) as server:
        try:
            raise before
        except ValueError:
            error = await error_of(client_for(server.url), generate)

    assert before.__traceback__ is not None
    assert before in chain(error)


# -- Settings and objects ----------------------------------------------------------------------------------------------

WRONG = [
    pytest.param({"timeout_s": 0}, id="a-time"),
    pytest.param({"bearer": True, "headers": {"x y": HEADER}}, id="the-name-of-a-header"),
    pytest.param({"headers": {"x": f"{HEADER}\n"}}, id="the-value-of-a-header"),
    pytest.param({"base_url": "http://far.test"}, id="an-unencrypted-host"),
    pytest.param({"api_version": "x"}, id="a-version"),
    pytest.param({"api_key": f"{KEY} and more"}, id="the-key"),
]


@pytest.mark.rows("R3", 114)
@pytest.mark.parametrize("settings", WRONG)
@pytest.mark.parametrize("place", ["argument", "variable"])
def test_no_setting_that_is_refused_shows_the_secrets(
    settings: dict[str, Any], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"api_key": KEY, **settings}
    if place == "variable":
        monkeypatch.setenv("COMETAPI_KEY", given.pop("api_key"))

    with pytest.raises(AgentKitError) as caught:
        GeminiClient(**given)

    assert_hidden(all_of(caught.value))


PROXIES = [
    pytest.param(f"http://user:{PASSWORD}@127.0.0.1:9", id="nobody-listens"),
    pytest.param(f"ftp://user:{PASSWORD}@127.0.0.1:9", id="an-unknown-scheme"),
    pytest.param(f"http://user:{PASSWORD}@127.0.0.1:x", id="no-port"),
    pytest.param(f"http://user:{PASSWORD}@[::1", id="no-address"),
]


@pytest.mark.rows("R1", "R3", 39)
@pytest.mark.parametrize("proxy", PROXIES)
async def test_no_failure_of_a_proxy_shows_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("https_proxy", proxy)

    error = await error_of(client_for("https://far.test", timeout_s=5), generate)

    assert_hidden(all_of(error) + logged.text)


@pytest.mark.rows("R3", 39)
async def test_a_proxy_that_refuses_does_not_show_its_password(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    with FaultServer(status(407)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        error = await error_of(client_for("https://far.test", timeout_s=5), generate)

    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert_hidden(all_of(error) + logged.text)


def look_at(*values: object) -> str:
    """Return what can be seen of objects: themselves, their variables, and what rich makes of both."""
    seen: list[str] = []
    for value in values:
        inside = vars(value) if hasattr(value, "__dict__") else {}
        seen += [str(value), repr(value), repr(inside), pretty_repr(inside, max_string=80), f"{value}"]
    return "\n".join(seen)


@pytest.mark.rows("R3")
async def test_no_object_of_a_run_shows_the_secrets(emulator: Emulator) -> None:
    seen: list[str] = []

    class Look(Middleware):
        async def around_run(self, context: RunContext[Any], proceed: Any) -> Any:
            seen.append(look_at(context))
            return await proceed()

        async def around_model(self, context: RunContext[Any], request: Any, proceed: Any) -> Any:
            response = await proceed(request)
            seen.append(look_at(context, request, response))
            return response

    @tool
    def peek(ctx: RunContext[Any]) -> str:
        seen.append(look_at(ctx))
        return "seen"

    client = client_for(emulator.url, timeout_s=5)
    agent = Agent(MODEL, tools=[peek], client=client, middleware=[Look()])
    emulator.reply(call("peek"))
    emulator.reply(text("Done."))
    async with client, client.connect() as connection, agent.stream("Hi.") as stream:
        seen += [look_at(event, event.to_json()) async for event in stream]
        result = await stream.result()
        seen.append(look_at(client, connection, vars(connection), agent, agent.tools, stream, result, result.state))

    loaded = RunState.load_json(result.state.dump_json())
    seen += [result.state.dump_json().decode(), pickle.dumps(loaded).decode("latin-1"), look_at(copy.deepcopy(loaded))]
    assert len(seen) > 10
    assert_hidden("\n".join(seen))


PICKLERS = [pickle.dumps, copy.copy, copy.deepcopy]


@pytest.mark.rows("R3")
@pytest.mark.parametrize("way", PICKLERS, ids=lambda way: way.__module__ + "." + way.__name__)
async def test_what_holds_the_key_is_not_pickled(way: Callable[[object], object]) -> None:
    async def refuse(connection: Connection) -> None:
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(connection)

    client = client_for("https://far.test")
    with pytest.raises(TypeError, match="holds an API key"):
        way(client)
    async with client.connect() as connection:
        await refuse(connection)


@pytest.mark.rows("R3")
async def test_headers_that_a_transport_gets_can_be_sent_and_copied_but_not_seen(emulator: Emulator) -> None:
    """Who wraps the transport needs the key to send it; printing, logging or pickling the request must not show it."""
    from agentkit.transport import HttpRequest, HttpxTransport

    asked: list[HttpRequest] = []

    class Watched(HttpxTransport):
        def send(self, request: HttpRequest) -> Any:
            asked.append(request)
            return super().send(copy.deepcopy(request))

    emulator.reply(text("fine"))
    await generate(client_for(emulator.url, timeout_s=5, transport=Watched))

    [request] = asked
    assert request.headers["x-goog-api-key"] == KEY
    assert_hidden(look_at(request, request.headers) + pretty_repr(request.headers, max_string=20))
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(request)


# -- What tools and middlewares raise ----------------------------------------------------------------------------------


@tool(name="leak")
def leaks() -> str:
    """Fail as a program does that asks the same service by itself."""
    raise OSError(f"GET https://far.test/x?key={quote(KEY)} with {KEY} and {HEADER} failed")


@pytest.mark.rows("R3")
async def test_what_a_tool_says_of_the_key_is_in_no_event_log_or_state(
    emulator: Emulator, logged: pytest.LogCaptureFixture
) -> None:
    emulator.reply(call("leak"))
    emulator.reply(text("Sorry."))
    agent = Agent(MODEL, tools=[leaks], client=client_for(emulator.url, timeout_s=5), errors="show")

    async with agent.stream("Hi.") as stream:
        events = [str(event.to_json()) async for event in stream]
        result = await stream.result()

    [failure] = result.tool_failures
    assert (failure.error_type, "[redacted]" in failure.text) == ("OSError", True)
    assert "[redacted]" in told(emulator)[0]["error"]
    assert_hidden("\n".join([*events, result.state.dump_json().decode(), logged.text, look_at(failure)]))


@pytest.mark.rows("R3")
async def test_a_log_keeps_the_exception_itself_where_it_holds_no_secret(
    emulator: Emulator, logged: pytest.LogCaptureFixture
) -> None:
    @tool
    def fail() -> str:
        raise OSError("no disk")

    emulator.reply(call("fail"))
    emulator.reply(text("Sorry."))
    await Agent(MODEL, tools=[fail], client=client_for(emulator.url, timeout_s=5)).run("Hi.")

    [record] = [record for record in logged.records if record.getMessage().startswith("tool.failed")]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OSError)


def ours(error: AgentKitError) -> str:
    """Return what is seen of an error of ours without its cause, which is the caller's exception and stays as it is."""
    return f"{error} {error!r} {error.args} {vars(error)} {pickle.dumps(error)!r} {error.state.dump_json()!r}"


@pytest.mark.rows("R3")
async def test_what_ends_a_run_does_not_say_the_key_of_a_tool_or_middleware(
    emulator: Emulator, logged: pytest.LogCaptureFixture
) -> None:
    class Leak(Middleware):
        async def around_model(self, context: RunContext[Any], request: Any, proceed: Any) -> Any:
            raise OSError(f"no {KEY} with {HEADER}")

    client = client_for(emulator.url, timeout_s=5)
    emulator.reply(call("leak"))

    with pytest.raises(ToolFailed) as by_tool:
        await Agent(MODEL, tools=[leaks], client=client, errors="raise").run("Hi.")
    with pytest.raises(RunFailed) as by_middleware:
        await Agent(MODEL, client=client, middleware=[Leak()]).run("Hi.")

    assert isinstance(by_tool.value.__cause__, OSError)
    assert_hidden(ours(by_tool.value) + ours(by_middleware.value) + logged.text)


# -- What is marked as secret ------------------------------------------------------------------------------------------


class Account(pydantic.BaseModel):
    name: str
    token: SecretStr


@dataclasses.dataclass
class Deps:
    token: SecretStr
    account: Account
    more: dict[str, SecretBytes]


DEPS = Deps(SecretStr(MARKED), Account(name="me", token=SecretStr(MARKED)), {"x": SecretBytes(MARKED.encode())})

RESULTS = [
    pytest.param(lambda deps: deps, id="deps"),
    pytest.param(lambda deps: deps.token, id="a-text"),
    pytest.param(lambda deps: deps.more["x"], id="bytes"),
    pytest.param(lambda deps: deps.account, id="a-field-of-a-model"),
    pytest.param(lambda deps: [{deps.token: (deps.token,)}], id="within-others"),
    pytest.param(lambda deps: f"{deps.token} {deps!r} {deps.account.model_dump_json()}", id="written-out"),
    pytest.param(lambda deps: ValueError(deps.token, deps), id="an-exception"),
]


@pytest.mark.rows("R3")
@pytest.mark.parametrize("result_of", RESULTS)
@pytest.mark.parametrize("raises", [False, True], ids=["returned", "raised"])
async def test_what_is_marked_as_secret_leaves_no_tool(
    emulator: Emulator, logged: pytest.LogCaptureFixture, result_of: Callable[[Deps], Any], raises: bool
) -> None:
    @tool
    def give(ctx: RunContext[Deps]) -> Any:
        given = result_of(ctx.deps)
        if raises:
            raise RuntimeError(given)
        return given

    emulator.reply(call("give"))
    emulator.reply(text("Done."))
    agent = Agent(MODEL, tools=[give], client=client_for(emulator.url, timeout_s=5), errors="show")

    async with agent.stream("Hi.", deps=DEPS) as stream:
        events = [str(event.to_json()) async for event in stream]
        result = await stream.result()

    assert "****" in str(told(emulator))
    shown = [*events, logged.text, look_at(result, result.state), result.state.dump_json().decode()]
    assert_hidden("\n".join([*shown, str(emulator.requests)]))


@pytest.mark.rows("R3")
async def test_an_argument_that_is_marked_as_secret_is_hidden_from_the_tool_on(
    emulator: Emulator, logged: pytest.LogCaptureFixture
) -> None:
    """The model wrote it, so it stands in the conversation, which goes back as it came; see `RunContext.deps`."""
    seen: list[str] = []

    @tool
    def log_in(password: SecretStr) -> str:
        seen.append(password.get_secret_value())
        raise OSError(f"no {password!r}")

    emulator.reply(call("log_in", password=MARKED))
    emulator.reply(text("Sorry."))
    agent = Agent(MODEL, tools=[log_in], client=client_for(emulator.url, timeout_s=5), errors="show")

    result = await agent.run("Hi.")

    assert seen == [MARKED]
    assert_hidden(str(told(emulator)) + logged.text + look_at(*result.tool_failures))
    assert MARKED in result.state.dump_json().decode()


@pytest.mark.rows("R3")
async def test_deps_are_in_no_failure_and_no_saved_run(logged: pytest.LogCaptureFixture) -> None:
    with FaultServer(status(500)) as server, pytest.raises(AgentKitError) as caught:
        await Agent(MODEL, client=client_for(server.url), deps_type=Deps).run("Hi.", deps=DEPS)

    assert_hidden(all_of(caught.value) + logged.text)


# -- The command -------------------------------------------------------------------------------------------------------

CLI_FORMS = everything(CLI_KEY)


@pytest.fixture
def leaking_tool(tmp_path: Path) -> str:
    path = tmp_path / "leaking.py"
    path.write_text(f'def leak() -> str:\n    """Leak."""\n    raise OSError({CLI_FORMS!r})\n', encoding="utf-8")
    return str(path)


COMMANDS = [
    pytest.param(("-v",), id="verbose"),
    pytest.param(("--json",), id="json"),
]


@pytest.mark.rows("R3")
@pytest.mark.parametrize("options", COMMANDS)
def test_the_command_prints_the_key_in_no_form(emulator: Emulator, leaking_tool: str, options: tuple[str, ...]) -> None:
    """A tool says it, then the service does in its error."""
    emulator.reply(call("leak"))
    emulator.reply(service_error(401, f"Not with {CLI_FORMS}."))

    ended = agentkit(
        "run", "Hello?", "-t", leaking_tool, *options, AGENTKIT_BASE_URL=emulator.url, COMETAPI_KEY=CLI_KEY
    )

    assert ended.code == 1
    assert "[redacted]" in ended.err
    assert_hidden(ended.out + ended.err, CLI_KEY)


@pytest.mark.rows("R3")
async def test_verbose_finds_the_key_over_the_borders_of_packets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is promised is what is printed of the traffic: a line is printed when it is whole."""
    body = sse(chunk(f"You sent {CLI_KEY}", finish="STOP"))
    cut = body.index(CLI_KEY.encode()) + 6
    packets = [STREAM_HEAD, http_chunk(body[:cut]), http_chunk(body[cut:]), b"0\r\n\r\n"]
    with FaultServer(raw(*packets, pause_s=0.05)) as server:
        monkeypatch.setenv("COMETAPI_KEY", CLI_KEY)
        with open_client(server.url, verbose=True) as client:
            await collect(client)

    printed = capsys.readouterr().err
    assert "You sent [redacted]" in printed
    assert_hidden(printed, CLI_KEY)
