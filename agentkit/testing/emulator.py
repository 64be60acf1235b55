"""The service on this machine: a strict ASGI app that judges each request and answers from a script or a brain.

It answers as the recorded service did: the same addresses, errors, framing of streams, ids and signatures. It is no
model: what it says is what it was told to say.
"""

import inspect
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentkit.models import facts, known_models
from agentkit.testing.answer import compose, count_tokens
from agentkit.testing.door import Address, check_key, read_address
from agentkit.testing.envelope import HttpError, error_of_failure, error_of_findings, not_found_page, refusal
from agentkit.testing.exchange import Exchange, Receive, Scope, Send
from agentkit.testing.finding import Finding, Profile, Request, backend_of
from agentkit.testing.issued import Issued
from agentkit.testing.rules import check_request
from agentkit.testing.rules_shape import read_body
from agentkit.testing.script import Asked, Brain, Fail, Item, Part, Raw, Reply, Say, Wait, empty, reply

__all__ = ["Asked", "Brain", "Emulator"]


class _Refused(Exception):
    """Ends the handling of a request with an error answer."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(error)
        self.error = error


class Emulator:
    """A stand-in for the service, to be run by `serve` or any ASGI server.

    Args:
        profile: Whose rules, errors and habits: `"google"`, `"vertex"` or `"comet"`.
        brain: Answers when no reply is queued.
        strict: Whether requests that break a rule are refused as the service would; else the findings are only kept.
        models: The ids that exist; any id exists if not given.
        api_keys: The keys that are valid; any key is if not given.
        seed: Makes ids and signatures the same in every run.

    Attributes:
        asked: Every request for an answer or a count, refused ones too.
        unexpected: Those that nothing was prepared for; they were answered with status 501.
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
    ) -> None:
        self.profile: Profile = profile
        self.asked: list[Asked] = []
        self.unexpected: list[Asked] = []
        self._brain, self._strict, self._keys = brain, strict, api_keys
        self._models = None if models is None else tuple(models)
        self._issued = Issued(seed=seed)
        self._queue: deque[Reply] = deque()
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
        except _Refused as refused:
            await exchange.send_error(refused.error)

    async def _answer(self, exchange: Exchange) -> None:
        address = read_address(exchange.verb, exchange.path, self.profile)
        if address is None:
            raise _Refused(not_found_page(self.profile, exchange.path))
        exchange.streams = address.method == "streamGenerateContent"
        asked = self._record(exchange, address) if exchange.verb == "POST" else None
        if error := check_key(exchange.headers, exchange.query, profile=self.profile, keys=self._keys):
            raise _Refused(error)
        if asked is None:
            await exchange.send_json(200, self._describe_models(address, exchange.query))
            return
        self._require_object(exchange)
        if address.method == "countTokens":
            await exchange.send_json(200, self._count(asked))
            return
        await self._generate(exchange, asked)

    def _record(self, exchange: Exchange, address: Address) -> Asked:
        findings: list[Finding] = []
        if address.method != "countTokens" and exchange.body is not None:
            findings = check_request(exchange.body, model=address.model, profile=self.profile, issued=self._issued)
        asked = Asked(
            index=len(self.requests),
            method=address.method,
            model=address.model,
            path=exchange.public_path,
            headers=exchange.public_headers,
            body=exchange.body or {},
            findings=tuple(findings),
            at_s=time.monotonic() - self._began_s,
        )
        self.asked.append(asked)
        return asked

    def _require_object(self, exchange: Exchange) -> None:
        if exchange.body is None:
            message = "Invalid JSON payload received. Expected a JSON object."
            raise _Refused(refusal(self.profile, 400, message, code="INVALID_ARGUMENT"))

    async def _generate(self, exchange: Exchange, asked: Asked) -> None:
        answer = self._judge(asked) or await self._next_reply(asked)
        backend = backend_of(self.profile)
        body, _ = read_body(asked.body, backend=backend)
        request = Request(body=body, model=facts(asked.model), backend=backend, issued=self._issued)
        for step in compose(answer, request, profile=self.profile, streamed=exchange.streams):
            match step:
                case Wait(seconds=seconds):
                    if await exchange.is_gone_within(seconds):
                        return
                case Fail():
                    await exchange.send_error(error_of_failure(step, self.profile))
                case Raw():
                    await exchange.send_raw(step)
                case chunk if exchange.streams:
                    await exchange.send_chunk(chunk)
                case whole:
                    await exchange.send_json(200, whole)
        await exchange.end()

    def _judge(self, asked: Asked) -> Reply | None:
        """Refuse what the service refuses; return the empty answer where it would give one, and else `None`."""
        errors = [finding for finding in asked.findings if finding.severity == "error"] if self._strict else []
        # The shape of a request is judged before its model is looked up, everything else after.
        if errors and errors[0].is_of_shape:
            raise _Refused(error_of_findings(errors, self.profile))
        self._require_model(asked)
        if not errors:
            return None
        if errors[0].effect == "refuse":
            raise _Refused(error_of_findings(errors, self.profile))
        return reply(empty())

    async def _next_reply(self, asked: Asked) -> Reply:
        if self._queue:
            return self._queue.popleft()
        if self._brain is None:
            what = f"request {asked.index} ({asked.method}, {asked.model}) was not expected"
            raise self._surprise(asked, f"{what}: no reply is queued and there is no brain. Queue one with reply(...).")
        try:
            answer = self._brain(asked)
            answer = await answer if inspect.isawaitable(answer) else answer
        except Exception as error:  # the program under test must get an answer, and its author the reason
            reason = f"the brain failed on request {asked.index}: {type(error).__name__}: {error}"
            raise self._surprise(asked, reason) from error
        return answer if isinstance(answer, Reply) else _reply_of_parts(answer)

    def _surprise(self, asked: Asked, text: str) -> _Refused:
        self.unexpected.append(asked)
        # 501 is no status of the service, and none that clients ask again after.
        return _Refused(refusal(self.profile, 501, f"agentkit emulator: {text}"))

    def _require_model(self, asked: Asked) -> None:
        if self._models is None or asked.model in self._models:
            return
        method = "generateContent" if asked.method == "streamGenerateContent" else asked.method
        message = (
            f"models/{asked.model} is not found for API version v1beta, or is not supported for {method}. Call "
            "ModelService.ListModels to see the list of available models and their supported methods."
        )
        raise _Refused(refusal(self.profile, 404, message))

    def _count(self, asked: Asked) -> Mapping[str, Any]:
        read, findings = read_body(asked.body, backend=backend_of(self.profile), message="CountTokensRequest")
        if findings:
            raise _Refused(error_of_findings(findings, self.profile))
        if ("contents" in read) == ("generateContentRequest" in read):
            message = "* CountTokensRequest: exactly one of contents and generate_content_request must be set.\n"
            raise _Refused(refusal(self.profile, 400, message))
        self._require_model(asked)
        total = count_tokens(read)
        return {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}

    def _describe_models(self, address: Address, query: Mapping[str, str]) -> Mapping[str, Any]:
        ids = list(self._models) if self._models is not None else [model.id for model in known_models()]
        if address.method == "get":
            if self._models is not None and address.model not in ids:
                raise _Refused(refusal(self.profile, 404, f"Model is not found: models/{address.model}"))
            return _described(address.model)
        try:
            first, size = int(query.get("pageToken") or 0), min(int(query.get("pageSize") or 50), 1000)
        except ValueError:
            raise _Refused(refusal(self.profile, 400)) from None
        page: dict[str, Any] = {"models": [_described(model_id) for model_id in ids[first : first + size]]}
        if first + size < len(ids):
            page["nextPageToken"] = str(first + size)
        return page


def _reply_of_parts(parts: Sequence[Part]) -> Reply:
    """Parts of a brain: plain texts and calls get ids and signatures, anything else goes out as it is."""
    plain = ({"text"}, {"text", "thought"}, {"functionCall"}, {"executableCode"}, {"codeExecutionResult"})
    return reply(*(Say((part,), exact=set(part) not in plain) for part in parts))


def _described(model_id: str) -> dict[str, Any]:
    model = facts(model_id)
    return {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "version": "001",
        "displayName": model.id.replace("-", " ").title(),
        "inputTokenLimit": model.input_token_limit,
        "outputTokenLimit": model.output_token_limit,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": model.thinking.control in ("level", "budget"),
    }
