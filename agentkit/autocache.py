"""Cached contents that are made, used, extended and deleted by themselves, for what many requests begin with."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import anyio

from agentkit import wire
from agentkit._checks import is_number, is_whole
from agentkit._log import get_logger
from agentkit._recent import Recent
from agentkit.caches import Cache, is_about_a_cache
from agentkit.client import GeminiClient
from agentkit.context import RunContext
from agentkit.errors import AgentKitError, ConfigurationError, GeminiError, NotFound, NotOffered
from agentkit.history import starts_turn
from agentkit.middleware import Middleware
from agentkit.models import facts

__all__ = ["AutoCache"]

_REMEMBERED = 10_000  # beginnings that were seen once
_BYTES_PER_TOKEN = 4  # of JSON, as a first guess
_DELETE_S = 10.0

Proceed = Callable[["wire.GenerateContentRequest"], Awaitable["wire.GenerateContentResponse"]]

log = get_logger("cache")


class _Beginning(NamedTuple):
    """What a request begins with: its instructions, tools and first contents. `size` is in bytes of JSON."""

    digest: bytes
    contents: int
    size: int


class _Kept:
    """A cached content that was made here, for one beginning and the key of one client."""

    def __init__(self, client: GeminiClient, cache: Cache, beginning: _Beginning, ends_s: float) -> None:
        self.client, self.cache, self.ends_s = client, cache, ends_s
        self.digest, self.contents = beginning.digest, beginning.contents


class AutoCache(Middleware):
    """Keeps what requests begin with in a cached content: instructions, tools, and the finished turns of the history.

    A beginning is cached when it comes for the second time, in a later turn or run, and has `min_tokens` more than what
    is cached of it already. Requests then name the cache and send only what follows. It is extended while it is used,
    made again when the service has lost it, and deleted by `await cache.aclose()`, or at the end of `async with`; else
    it expires by itself. Nothing fails because of it: with models without explicit caching, at endpoints without cached
    contents, and after a refusal, the plain request is sent, and the log has a warning. `result.usage.cached_tokens`
    and `saved_tokens` tell what it brought. Making one costs its tokens once, and storage by the hour: it pays where
    much comes often. What is cached stays at the service until it is deleted or expires.

    Stand it last in `middleware=[...]`, so that it sees what is sent in the end. One serves many agents and runs.

    Args:
        min_tokens: What is worth a cache. The service wants 1,024 to 4,096, depending on the model.
        ttl_s: How long a cache lives after its last use, in seconds; after half of it, a use extends it.
        clock: Tells the time in seconds.

    Attributes:
        saved_tokens: Tokens that came from the caches made here, and were billed less, as the service counted them.
    """

    def __init__(
        self, *, min_tokens: int = 4096, ttl_s: float = 300.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not is_whole(min_tokens) or min_tokens < 1:
            raise ConfigurationError(f"AutoCache(min_tokens={min_tokens!r}): give a whole number above 0.")
        if not is_number(ttl_s) or not 1 <= ttl_s < 1e9:
            raise ConfigurationError(f"AutoCache(ttl_s={ttl_s!r}): give seconds, 1 or more.")
        self.saved_tokens = 0
        self._min_tokens, self._ttl_s, self._clock = min_tokens, ttl_s, clock
        self._kept: list[_Kept] = []
        self._seen: Recent[None] = Recent(_REMEMBERED)
        self._tokens: Recent[int] = Recent(_REMEMBERED)
        self._being_made: set[bytes] = set()
        self._refused: dict[bytes, float] = {}  # until when, on the monotonic clock
        self._without: set[str] = set()  # addresses of endpoints that have no cached contents

    @property
    def caches(self) -> list[Cache]:
        """The cached contents that were made here and are still in use."""
        return [kept.cache for kept in self._kept]

    async def around_model(
        self, context: RunContext[Any], request: wire.GenerateContentRequest, proceed: Proceed
    ) -> wire.GenerateContentResponse:
        """Send the request with a cache in place of its beginning, where there is one."""
        client = context.client
        if client is None or not self._can_cache(context.model, client, request):
            return await proceed(request)
        for is_again in (False, True):  # a cache that is gone is made again, once
            kept = await self._find(context, client, request)
            if kept is None:
                break
            try:
                response = await proceed(_naming(request, kept))
            except GeminiError as error:
                if not is_about_a_cache(error):
                    raise
                self._forget(kept, "gone", run_id=context.run_id)
                if is_again:
                    self._refuse(kept.digest)
            else:
                self._saved(kept, response, context.run_id)
                return response
        return await proceed(request)

    async def aclose(self) -> None:
        """Delete all caches that were made here. What cannot be deleted expires by itself."""
        with anyio.move_on_after(_DELETE_S, shield=True):
            while self._kept:
                kept = self._kept.pop()
                try:
                    await kept.client.caches.delete(kept.cache)
                except NotFound:
                    pass
                except GeminiError as error:
                    log.warning("cache.not_deleted", cache=kept.cache.name, error=type(error).__name__)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete all caches that were made here."""
        await self.aclose()

    def _can_cache(self, model: str, client: GeminiClient, request: wire.GenerateContentRequest) -> bool:
        is_free = request.cached_content is None and client.base_url not in self._without
        return is_free and facts(model).explicit_caching

    async def _find(
        self, context: RunContext[Any], client: GeminiClient, request: wire.GenerateContentRequest
    ) -> _Kept | None:
        """Return the cache for the longest beginning of a request, made or extended where that is due."""
        beginnings = list(_beginnings(context.model, request))
        known = [one for one in beginnings if one.digest in self._seen]
        for one in beginnings:
            self._seen.put(one.digest, None)
        best = await self._living(client, beginnings)
        longest = known[-1] if known else None
        if longest is None or (best is not None and longest.contents <= best.contents):
            return best
        if longest.digest in self._being_made or self._refused.get(longest.digest, 0.0) > self._clock():
            return best
        self._being_made.add(longest.digest)  # others send what they have meanwhile
        try:
            return await self._make(context, client, request, longest, best)
        finally:
            self._being_made.discard(longest.digest)

    async def _living(self, client: GeminiClient, beginnings: list[_Beginning]) -> _Kept | None:
        """Return the longest cache that fits and is still there."""
        digests = {one.digest for one in beginnings}
        fitting = [kept for kept in self._kept if kept.client is client and kept.digest in digests]
        for kept in sorted(fitting, key=lambda kept: kept.contents, reverse=True):
            left_s = kept.ends_s - self._clock()
            if left_s <= 0:
                self._forget(kept, "expired")
            elif left_s > self._ttl_s / 2 or await self._extend(kept):
                return kept
        return None

    async def _extend(self, kept: _Kept) -> bool:
        begun_s = self._clock()
        try:
            kept.cache = await kept.client.caches.extend(kept.cache, self._ttl_s)
        except NotFound:
            self._forget(kept, "gone")
            return False
        except GeminiError as error:  # it lives for a while yet
            log.warning("cache.not_extended", cache=kept.cache.name, error=type(error).__name__)
        else:
            kept.ends_s = begun_s + self._ttl_s
        return True

    async def _make(
        self,
        context: RunContext[Any],
        client: GeminiClient,
        request: wire.GenerateContentRequest,
        beginning: _Beginning,
        best: _Kept | None,
    ) -> _Kept | None:
        """Return a cache for a beginning; `best`, the one that there is, where it is not worth one or not possible."""
        tokens = await self._count(context.model, client, request, beginning)
        if tokens - (best.cache.tokens if best else 0) < self._min_tokens:
            return best
        begun_s = self._clock()
        try:
            cache = await client.caches.create(
                context.model,
                request.contents[: beginning.contents],
                instructions=request.system_instruction or "",
                tools=request.tools or (),
                tool_config=request.tool_config,
                ttl_s=self._ttl_s,
                display_name="agentkit AutoCache",
            )
        except NotOffered as error:
            self._without.add(client.base_url)
            log.warning("cache.not_offered", base_url=client.base_url, answer=error.answer)
            return best
        except AgentKitError as error:
            self._refuse(beginning.digest)
            log.warning("cache.refused", tokens=tokens, error=client.redact(str(error)), run_id=context.run_id)
            return best
        log.info("cache.made", cache=cache.name, cached_tokens=cache.tokens, run_id=context.run_id)
        kept = _Kept(client, cache, beginning, begun_s + self._ttl_s)
        self._kept.append(kept)
        return kept

    async def _count(
        self, model: str, client: GeminiClient, request: wire.GenerateContentRequest, beginning: _Beginning
    ) -> int:
        """Return how many tokens a beginning has: by the service if it may be enough, else guessed by its size."""
        if (known := self._tokens.get(beginning.digest)) is not None:
            return known
        tokens = beginning.size // _BYTES_PER_TOKEN
        contents = request.contents[: beginning.contents]
        if tokens * 2 >= self._min_tokens or any(_has_file(content) for content in contents):
            filler = [wire.Content.parse({"role": "user", "parts": [{"text": "."}]})]  # contents must not be empty
            try:
                counted = await client.count_tokens(model, request.replace(contents=[*contents, *filler]))
                tokens = (counted.total_tokens or 1) - 1
            except GeminiError as error:
                log.warning("cache.not_counted", error=type(error).__name__)
        self._tokens.put(beginning.digest, tokens)
        return tokens

    def _saved(self, kept: _Kept, response: wire.GenerateContentResponse, run_id: str) -> None:
        usage = response.usage_metadata
        cached = max(0, (usage.cached_content_token_count if usage else None) or 0)
        self.saved_tokens += cached
        log.debug("cache.used", cache=kept.cache.name, cached_tokens=cached, run_id=run_id)

    def _forget(self, kept: _Kept, why: str, run_id: str = "") -> None:
        log.warning("cache.forgotten", cache=kept.cache.name, why=why, run_id=run_id)
        if kept in self._kept:  # two runs may find out at once
            self._kept.remove(kept)

    def _refuse(self, digest: bytes) -> None:
        """Do not try again with this beginning for a while."""
        now = self._clock()
        self._refused = {one: until for one, until in self._refused.items() if until > now}
        self._refused[digest] = now + self._ttl_s


def _naming(request: wire.GenerateContentRequest, kept: _Kept) -> wire.GenerateContentRequest:
    """Return the request with a cache in place of its beginning, which must not be repeated (protocol sheet, Q24)."""
    rest = request.without("system_instruction", "tools", "tool_config")
    return rest.replace(cached_content=kept.cache.name, contents=request.contents[kept.contents :])


def _beginnings(model: str, request: wire.GenerateContentRequest) -> Iterator[_Beginning]:
    """Yield what a request begins with, the shortest first. Each ends before a turn; the last one is outside."""
    hashed = hashlib.blake2b(digest_size=16)
    hashed.update(facts(model).id.encode())
    size = 0
    for part in (request.system_instruction, *(request.tools or ()), request.tool_config):
        encoded = part.encode() if part is not None else b"-"
        hashed.update(b"%d:" % len(encoded) + encoded)
        size += len(encoded)
    has_head = bool(request.system_instruction or request.tools)
    for index, content in enumerate(request.contents):
        if starts_turn(request.contents, index) and (index or has_head):
            yield _Beginning(digest=hashed.digest(), contents=index, size=size)
        encoded = content.encode()
        hashed.update(encoded)
        size += len(encoded)


def _has_file(content: wire.Content) -> bool:
    return any(part.file_data is not None or part.inline_data is not None for part in content.parts or [])
