"""The service on this machine: a strict ASGI app that judges each request and answers from a script or a brain.

It answers as the recorded service did: the same addresses, errors, framing of streams, ids and signatures. It is no
model: what it says is what it was told to say.
"""

import inspect
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentkit.models import facts
from agentkit.testing.answer import Torn, compose
from agentkit.testing.batches import Batches, read_inlined, status_of
from agentkit.testing.caches import Caches
from agentkit.testing.cripple import Cripple, Crippled
from agentkit.testing.door import ASKING, Address, check_key, read_address
from agentkit.testing.envelope import (
    Refused,
    error_of_failure,
    error_of_findings,
    missing_model,
    model_not_found,
    not_found_page,
    refusal,
)
from agentkit.testing.exchange import Exchange, Receive, Scope, Send
from agentkit.testing.faults import Faults
from agentkit.testing.files import Files
from agentkit.testing.finding import Finding, Profile, Request, backend_of
from agentkit.testing.issued import Issued
from agentkit.testing.items import (
    Abort,
    Asked,
    Begin,
    Brain,
    Comment,
    Fail,
    Item,
    Part,
    Raw,
    Reply,
    Say,
    Split,
    Wait,
)
from agentkit.testing.metering import CHARACTERS_PER_TOKEN, count_prompt, tokens_details
from agentkit.testing.resources import Resources, require_object
from agentkit.testing.rules import check_request
from agentkit.testing.rules_shape import read_body
from agentkit.testing.script import empty, reply

__all__ = ["Emulator"]

_REMEMBERED = 10_000  # signatures, by an emulator that does not keep everything


class Emulator:
    """A stand-in for the service, to be run by `serve` or any ASGI server.

    Args:
        profile: Whose rules, errors and habits: `"google"`, `"vertex"` or `"comet"`.
        brain: Answers when no reply is queued.
        strict: Whether requests that break a rule are refused as the service would; else the findings are only kept.
        models: The ids that exist; any id exists if not given.
        api_keys: The keys that are valid; any key is if not given.
        seed: Makes ids and signatures the same in every run.
        faults: What goes wrong by chance, in front of all answers.
        keep: How many requests `asked` and `unexpected` hold, the last ones; all of them if not given. With
            it, what was signed is compared with what comes back only among the newest 10,000 signatures.
        clock: Tells the time at which files and cached contents are made and expire.
        cripple: What it does badly, like a gateway that passes not everything on. `"drops_ids"`, `"drops_signatures"`
            lose them from answers; `"refuses_ids"` gives ids and does not know them when they come back;
            `"only_parameters"` does not know `parametersJsonSchema`, `"ignores_json_schema"` loses it silently;
            `"openai_errors"` words errors like OpenAI; `"only_bearer"` looks for the key in `Authorization` alone;
            `"no_files"` and `"no_caches"` have no such addresses.

    Attributes:
        asked: Every request for an answer or a count, refused ones too.
        unexpected: Those that nothing was prepared for; they were answered with status 501.
        files: The uploaded files.
        caches: The cached contents.
        batches: The batches of requests; each of their requests is in `asked`, too.

    Raises:
        ValueError: `keep` is negative, or a kind in `cripple` is unknown.
    """

    def __init__(
        self,
        *,
        profile: Profile = "google",
        brain: Brain | None = None,
        strict: bool = True,
        models: Iterable[str] | None = None,
        api_keys: set[str] | None = None,
        seed: int | None = None,
        faults: Faults | None = None,
        keep: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        cripple: Iterable[Cripple] = (),
    ) -> None:
        if keep is not None and keep < 0:
            raise ValueError(f"keep={keep}: give how many requests to keep, or None for all of them.")
        self.profile: Profile = profile
        self.asked: list[Asked] = []
        self.unexpected: list[Asked] = []
        self._brain, self._strict, self._keys = brain, strict, api_keys
        self._faults, self._keep = faults or Faults(), keep
        self._crippled = Crippled(cripple)
        ids = None if models is None else tuple(models)
        self._resources = Resources(profile=profile, models=ids, clock=clock, seed=seed)
        self.batches = Batches(clock=clock, seed=seed, answer=self._answer_in_batch)
        self._issued = Issued(seed=seed, keep=None if keep is None else _REMEMBERED)
        self._queue: deque[Reply] = deque()
        self._generated = 0
        self._began_s = time.monotonic()
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Where it is served, without a path.

        Raises:
            RuntimeError: If it is not being served.
        """
        if self._url is None:
            raise RuntimeError("The emulator is not being served. Use its address inside `with serve(emulator):`.")
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = url

    @property
    def files(self) -> Files:
        return self._resources.files

    @property
    def caches(self) -> Caches:
        return self._resources.caches

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        """The bodies of all generate requests, refused ones too, in the order they came."""
        return [asked.body for asked in self.asked if asked.method != "countTokens"]

    @property
    def findings(self) -> list[Finding]:
        """What the rules said about all requests so far."""
        return [finding for asked in self.asked for finding in asked.findings]

    @property
    def queued(self) -> int:
        """How many scripted replies are still waiting."""
        return len(self._queue)

    def reply(self, *items: Item | Reply) -> None:
        """Queue one answer made of `items`; each call of this method is the answer to one request."""
        self._queue.append(reply(*items))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            return
        exchange = await Exchange.read(scope, receive, send)
        try:
            await self._answer(exchange)
        except Refused as refused:
            await exchange.send_error(self._crippled.error(refused.error))

    async def _answer(self, exchange: Exchange) -> None:
        address = read_address(exchange.verb, exchange.path, self.profile)
        if address is None or self._crippled.hides(address):
            raise Refused(not_found_page(self.profile, exchange.path))
        exchange.streams = address.method == "streamGenerateContent"
        exchange.lists_errors = self.profile == "vertex"
        asked = self._record(exchange, address, exchange.body) if address.method in ASKING else None
        # The address of an upload that has begun is a credential itself.
        has_key = address.resource == "upload" and "upload_id" in exchange.query
        headers, query = self._crippled.credentials(exchange.headers, exchange.query)
        if not has_key and (error := check_key(headers, query, profile=self.profile, keys=self._keys)):
            raise Refused(error)
        if address.resource == "batches" or address.method == "batchGenerateContent":
            await exchange.send_json(200, await self._batch(exchange, address))
            return
        if asked is None:
            await self._resources.answer(exchange, address)
            return
        require_object(exchange, self.profile)
        if address.method == "countTokens":
            await exchange.send_json(200, self._count(asked, address))
        else:
            await self._generate(exchange, asked, address)

    async def _batch(self, exchange: Exchange, address: Address) -> Mapping[str, Any]:
        name = f"batches/{address.name}"
        match address.method:
            case "list":
                return self.batches.list(exchange.query)
            case "get":
                return await self.batches.get(name)
            case "cancel":
                return self.batches.cancel(name)
            case "delete":
                return self.batches.delete(name)
            case _:
                pass
        display_name, inlined = read_inlined(require_object(exchange, self.profile), len(exchange.content))
        if not self._resources.knows(address.name):
            method, version = address.method, address.version
            raise Refused(model_not_found(self.profile, address.name, method=method, version=version, place=""))
        asked = [(self._record(exchange, address, entry.request), entry.metadata) for entry in inlined]
        return self.batches.create(address.name, display_name, asked)

    async def _answer_in_batch(self, asked: Asked) -> Mapping[str, Any]:
        """Answer one request of a batch, when its time has come."""
        errors = [finding for finding in asked.findings if finding.severity == "error"] if self._strict else []
        try:
            if errors and errors[0].effect == "refuse":
                raise Refused(error_of_findings(errors, self.profile))
            request, cached = self._read(asked)
            self._check_length(request)
            said = reply(empty()) if errors else self._faults.strike(asked.index) or await self._next_reply(asked)
        except Refused as refused:
            return {"error": status_of(refused.error)}
        for step in compose(said, request, profile=self.profile, streamed=False, cached=cached):
            if isinstance(step, Fail):
                missing = missing_model("google", asked.model, method=asked.method, version="v1beta", place="")
                failure = error_of_failure(step, self.profile, asked.model, missing=missing)
                return {"error": status_of(failure)}
            if isinstance(step, dict):
                return {"response": step}
        return {"error": status_of(refusal(self.profile, 500))}

    def _record(self, exchange: Exchange, address: Address, body: Mapping[str, Any] | None) -> Asked:
        findings: list[Finding] = []
        generates = address.method != "countTokens"
        sent = self._crippled.body(body or {})
        if generates and body is not None:
            findings = self._crippled.findings(sent, backend_of(self.profile)) + check_request(
                sent,
                model=address.name,
                profile=self.profile,
                issued=self._issued,
                streamed=exchange.streams,
            )
        asked = Asked(
            index=self._generated,
            method=address.method,
            model=address.name,
            path=exchange.public_path,
            headers=exchange.public_headers,
            body=sent,
            findings=tuple(findings),
            at_s=time.monotonic() - self._began_s,
        )
        self._generated += generates
        self._remember(self.asked, asked)
        return asked

    def _remember(self, requests: list[Asked], asked: Asked) -> None:
        requests.append(asked)
        if self._keep is not None:
            del requests[: max(len(requests) - self._keep, 0)]

    async def _generate(self, exchange: Exchange, asked: Asked, address: Address) -> None:
        refused_softly = self._judge(asked, address)
        request, cached = self._read(asked)
        self._check_length(request)
        if self._faults.latency_s and await exchange.is_gone_within(self._faults.latency_s):
            return
        answer = refused_softly or self._faults.strike(asked.index) or await self._next_reply(asked)
        exchange.piece_bytes = next((item.bytes for item in answer.items if isinstance(item, Split)), None)
        steps = compose(answer, request, profile=self.profile, streamed=exchange.streams, cached=cached)
        for step in steps:
            match step:
                case Wait(seconds=seconds):
                    if await exchange.is_gone_within(seconds):
                        return
                case Begin():
                    await exchange.begin()
                case Comment(text=text):
                    await exchange.send_comment(text)
                case Fail():
                    missing = self._missing(asked, address)
                    failure = error_of_failure(step, self.profile, asked.model, missing=missing)
                    await exchange.send_error(self._crippled.error(failure))
                case Raw():
                    await exchange.send_raw(step)
                case Abort(resets=resets):
                    await exchange.abort(resets=resets)
                case Torn(chunk=chunk, bytes=only_bytes):
                    await exchange.send_chunk(self._passed_on(chunk), only_bytes=only_bytes)
                case chunk:
                    await exchange.send_chunk(self._passed_on(chunk))
        await exchange.end()

    def _passed_on(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        for part in self._crippled.judged_without_ids(chunk):
            self._issued.remember(part)
        return self._crippled.chunk(chunk)

    def _judge(self, asked: Asked, address: Address) -> Reply | None:
        """Refuse what the service refuses; return the empty answer where it would give one, and else `None`."""
        errors = [finding for finding in asked.findings if finding.severity == "error"] if self._strict else []
        # The shape of a request is judged before its model is looked up, everything else after.
        if errors and errors[0].is_of_shape:
            raise Refused(error_of_findings(errors, self.profile))
        self._require_model(asked, address)
        if not errors:
            return None
        if errors[0].effect == "refuse":
            raise Refused(error_of_findings(errors, self.profile))
        return reply(empty())

    def _require_model(self, asked: Asked, address: Address) -> None:
        if not self._resources.knows(asked.model):
            raise Refused(refusal(self.profile, 404, self._missing(asked, address)))

    def _missing(self, asked: Asked, address: Address) -> str:
        place, version = address.place, address.version
        return missing_model(self.profile, asked.model, method=asked.method, version=version, place=place)

    def _read(self, asked: Asked) -> tuple[Request, Mapping[str, int]]:
        """Return the request with the cached content that it names, and the tokens of that content."""
        backend = backend_of(self.profile)
        read, _ = read_body(asked.body, backend=backend)
        body, cached = self.caches.complete(read, facts(asked.model).id)
        request = Request(body=body, model=facts(asked.model), backend=backend, issued=self._issued)
        if self.profile == "google":
            self.files.check_used(request.contents)
        return request, cached

    def _check_length(self, request: Request) -> None:
        tokens = count_prompt(request.body, request.model).total()
        limit = request.model.input_token_limit
        if tokens > limit:
            message = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
            raise Refused(refusal(self.profile, 400, message))

    async def _next_reply(self, asked: Asked) -> Reply:
        if self._queue:
            return self._queue.popleft()
        if self._brain is None:
            what = f"request {asked.index} ({asked.method}, {asked.model}) was not expected"
            raise self._surprise(asked, f"{what}: no reply is queued and there is no brain. Queue one with reply(...).")
        try:
            answer = self._brain(asked)
            answer = await answer if inspect.isawaitable(answer) else answer
            return answer if isinstance(answer, Reply) else _reply_of_parts(answer)
        except Exception as error:  # the program under test must get an answer, and its author the reason
            reason = f"the brain failed on request {asked.index}: {type(error).__name__}: {error}"
            raise self._surprise(asked, reason) from error

    def _surprise(self, asked: Asked, text: str) -> Refused:
        self._remember(self.unexpected, asked)
        # 501 is no status of the service, and none that clients ask again after.
        return Refused(refusal(self.profile, 501, f"agentkit emulator: {text}"))

    def _count(self, asked: Asked, address: Address) -> Mapping[str, Any]:
        read, findings = read_body(asked.body, backend=backend_of(self.profile), message="CountTokensRequest")
        if findings:
            raise Refused(error_of_findings(findings, self.profile))
        if ("contents" in read) == ("generateContentRequest" in read):
            message = "* CountTokensRequest: exactly one of contents and generate_content_request must be set.\n"
            raise Refused(refusal(self.profile, 400, message))
        self._require_model(asked, address)
        model = facts(asked.model)
        body, cached = self.caches.complete(read.get("generateContentRequest") or read, model.id)
        counts = count_prompt(body, model)
        told: dict[str, Any] = {"totalTokens": counts.total(), "promptTokensDetails": tokens_details(counts)}
        if cached:
            told["cachedContentTokenCount"] = sum(cached.values())
        if self.profile != "google":
            told["totalBillableCharacters"] = counts["TEXT"] * CHARACTERS_PER_TOKEN
        return told


def _reply_of_parts(parts: Sequence[Part]) -> Reply:
    """Parts of a brain: plain texts and calls get ids and signatures, anything else goes out as it is."""
    plain = ({"text"}, {"text", "thought"}, {"functionCall"}, {"executableCode"}, {"codeExecutionResult"})
    return reply(*(Say((part,), exact=set(part) not in plain) for part in parts))
