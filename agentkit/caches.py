"""Cached contents: the beginning of requests, kept by the service, billed less and named in later requests.

What is in a cache is not sent again: instructions, tools and their settings, contents. Sources of what is said here:
protocol sheet, sections 10.2 and 11, and recorded exchanges.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, Self, TypeVar, cast, runtime_checkable

from agentkit import wire
from agentkit._checks import check_kind, check_kinds, is_number
from agentkit._endpoint import model_path
from agentkit._frozen import frozen
from agentkit._offered import offered
from agentkit._pages import read_pages
from agentkit.builtin import BuiltinTool
from agentkit.errors import (
    AuthenticationFailed,
    ConfigurationError,
    GeminiError,
    NotFound,
    ProtocolError,
    StatusError,
)
from agentkit.models import facts

__all__ = ["Cache", "Caches", "cached_name", "is_about_a_cache"]

Message = TypeVar("Message", bound="wire.WireModel")
Dialect = Literal["json_schema", "openapi"]

_INSTEAD = "Send the contents themselves: most models cache repeated beginnings without being told."
_ID = r"[A-Za-z0-9_.-]+"
_NAME = r"(projects/[^/\s]+/locations/[^/\s]+/)?cachedContents/[A-Za-z0-9_.-]+"
_ROOT = r"(?P<root>.*/v\d\w*?)(?:/(?P<place>projects/[^/]+/locations/[^/]+))?(?:/publishers/google)?"


@frozen
class Cache:
    """One cached content, as the service describes it.

    Attributes:
        name: What requests name it by: `cachedContents/...`; on Vertex AI with project and location in front.
        model: The only model that can use it.
        expires: When it will be gone; `extend` sets another time.
        tokens: How much it holds; 0 if the service did not say.
        created: When it was made.
        display_name: Its name for people.
    """

    name: str
    model: str
    expires: datetime
    tokens: int = 0
    created: datetime | None = None
    display_name: str = ""

    @classmethod
    def of_answer(cls, answer: wire.CachedContent) -> Self:
        """Return what the service told about a cached content.

        Raises:
            ProtocolError: There is no name or no time in it.
        """
        expires = _read_time(answer.expire_time)
        if not answer.name or expires is None:
            told = ", ".join(sorted(answer.raw)) or "nothing"
            raise ProtocolError(f"The service described a cached content without its name or expiry, but with: {told}.")
        usage = answer.usage_metadata
        return cls(
            name=answer.name,
            model=answer.model or "",
            expires=expires,
            tokens=max(0, (usage.total_token_count if usage else None) or 0),
            created=_read_time(answer.create_time),
            display_name=answer.display_name or "",
        )


@runtime_checkable
class Declares(Protocol):
    """A function tool: what `@tool` makes."""

    def declare(self, dialect: Dialect) -> wire.FunctionDeclaration: ...


class Ask(Protocol):
    """How a client asks a neighbour endpoint: a verb, an absolute address, a body, and what the answer is."""

    async def __call__(
        self, method: str, url: str, kind: type[Message], body: bytes = b"", *, model: str = ""
    ) -> Message: ...


class Caches:
    """The cached contents that a key can see: `client.caches`.

    All methods raise `NotOffered` where the endpoint has no cached contents, and other `GeminiError`s as every request.
    """

    def __init__(self, ask: Ask, base_url: str, dialect: Dialect) -> None:
        self._ask, self._base_url = ask, base_url
        self._dialect: Dialect = dialect
        found = re.fullmatch(_ROOT, base_url)
        self._root = found["root"] if found else base_url
        self._place = f"{found['place']}/" if found and found["place"] else ""

    async def create(
        self,
        model: str,
        contents: str | wire.Content | Sequence[wire.Content] = (),
        *,
        instructions: str | wire.Content = "",
        tools: Sequence[Declares | BuiltinTool | wire.Tool] = (),
        tool_config: wire.ToolConfig | None = None,
        ttl_s: float = 3600.0,
        display_name: str = "",
    ) -> Cache:
        """Keep the beginning of requests at the service. It is billed by the hour until it expires or is deleted.

        Args:
            model: Only this model can use it; none from Gemini 4 on has cached contents.
            contents: The beginning of the conversation. Together with the rest at least 1,024 tokens, for Pro and
                large models 4,096: less is refused (400).
            instructions: The system instruction.
            tools: Functions made by `@tool`, tools that Gemini runs, or tools as they stand on the wire.
            tool_config: How tools are used. Requests that name the cache cannot say it.
            ttl_s: For how many seconds.
            display_name: A name for people, up to 128 characters.

        Raises:
            ConfigurationError: Something that cannot be cached, found before asking.
            InvalidRequest: The service does not take it, for example because it is too small.
        """
        if not facts(model).explicit_caching:
            raise ConfigurationError(f"{_not_cached(model)} Send the contents themselves.")
        fields: dict[str, Any] = {"model": self._model_name(model), "ttl": _duration(ttl_s)}
        if read := _read_contents(contents):
            fields["contents"] = read
        if instructions:
            said = wire.Content(parts=[wire.Part(text=instructions)]) if isinstance(instructions, str) else instructions
            fields["system_instruction"] = said
        if declared := _declared(tools, self._dialect):
            fields["tools"] = declared
            if tool_config is None and len(declared) > 1 and declared[0].function_declarations:
                tool_config = wire.ToolConfig.parse({"includeServerSideToolInvocations": True})
        if tool_config is not None:
            fields["tool_config"] = tool_config
        if not fields.keys() & {"contents", "system_instruction", "tools"}:
            raise ConfigurationError("There is nothing to cache. Give contents, instructions or tools.")
        if display_name:
            fields["display_name"] = display_name
        body = wire.CachedContent(**fields).encode()
        return Cache.of_answer(await self._call("POST", "cachedContents", wire.CachedContent, body, model=model))

    async def get(self, name: str | Cache) -> Cache:
        """Return what is known about a cached content.

        Raises:
            NotFound: It has expired, was deleted, or was made with another key.
        """
        return Cache.of_answer(await self._call("GET", self._path(name), wire.CachedContent))

    async def list(self) -> list[Cache]:
        """Return all that there are, the newest first."""
        pages = await read_pages(
            lambda query: self._call("GET", query, wire.ListCachedContentsResponse),
            "cachedContents",
            lambda page: page.next_page_token,
            size=100,
            what="cached contents",
            where=self._base_url,
        )
        return [Cache.of_answer(one) for page in pages for one in page.cached_contents or []]

    async def extend(self, name: str | Cache, ttl_s: float) -> Cache:
        """Let it live for `ttl_s` seconds from now on, more or less than before, and return it with its new time.

        Raises:
            NotFound: It is gone already; see `get`.
        """
        body = wire.CachedContent(ttl=_duration(ttl_s)).encode()
        return Cache.of_answer(
            await self._call("PATCH", f"{self._path(name)}?updateMask=ttl", wire.CachedContent, body)
        )

    async def delete(self, name: str | Cache) -> None:
        """Delete it, which ends what it costs.

        Raises:
            NotFound: It is gone already; see `get`.
        """
        await self._call("DELETE", self._path(name), wire.WireModel)

    async def _call(
        self, method: str, path: str, kind: type[Message], body: bytes = b"", *, model: str = ""
    ) -> Message:
        """Ask, and say what a failure means here."""
        place = "" if path.startswith("projects/") else self._place
        try:
            with offered("cached contents", self._base_url, _INSTEAD):
                return await self._ask(method, f"{self._root}/{place}{path}", kind, body, model=model)
        except AuthenticationFailed as error:
            # Recorded: Google's endpoint answers 403 for what is gone, and cannot tell it from another key's.
            if is_about_a_cache(error):
                raise NotFound(*error.args) from error
            raise

    def _model_name(self, model: str) -> str:
        """Return the model as a cached content names it: on Vertex AI with all that stands in front of it."""
        path = model_path(model)
        return f"{self._place}publishers/google/{path}" if self._place else path

    def _path(self, name: str | Cache) -> str:
        written = name.name if isinstance(name, Cache) else str(name)
        if re.fullmatch(_ID, written):
            written = f"cachedContents/{written}"
        if not re.fullmatch(_NAME, written):
            raise ConfigurationError(f"{name!r} names no cached content. Give a Cache, or a name 'cachedContents/...'.")
        return written


def cached_name(cached: str | Cache | None, models: Sequence[str], instructions: object) -> str | None:
    """Return the name that an agent's requests carry.

    Raises:
        ConfigurationError: The agent cannot use it.
    """
    if cached is None:
        return None
    check_kind("cached_content", cached, str | Cache, 'a Cache or its name, "cachedContents/..."')
    name = cached.name if isinstance(cached, Cache) else cached
    if not re.fullmatch(_NAME, name):
        raise ConfigurationError(f'cached_content={name!r} is no name of a cached content: "cachedContents/...".')
    asked = list(dict.fromkeys(facts(model).id for model in models))
    if len(asked) > 1:
        raise ConfigurationError(
            f"cached_content serves the one model that it was made for, and the agent asks {', '.join(asked)}. "
            "Give one model, or let middleware=[AutoCache()] make a cache for each."
        )
    for model in models:
        if not facts(model).explicit_caching:
            raise ConfigurationError(f"{_not_cached(model)} Leave out cached_content.")
        if isinstance(cached, Cache) and facts(cached.model).id != facts(model).id:
            raise ConfigurationError(
                f"cached_content was made for {facts(cached.model).id!r} and serves no other model, and the agent asks "
                f"{facts(model).id!r}. Make one with client.caches.create({model!r}, ...)."
            )
    if instructions:
        raise ConfigurationError(
            "A request that names a cached content cannot have instructions (HTTP 400). Put them into the cache, "
            "client.caches.create(..., instructions=...), and leave them out here."
        )
    return name


def is_about_a_cache(error: GeminiError) -> bool:
    """Tell whether the service refused a request because of the cached content in it: gone, or not fit for it.

    Recorded texts: "CachedContent not found (or permission denied)" (403), "Not found: cached content metadata for 1."
    (404), "Cache content 1 is expired." (400), "Cached content model does not match the model in the request." (400).
    """
    if not isinstance(error, StatusError) or error.status not in (400, 403, 404):
        return False
    return re.search(r"cached? ?content", error.message, re.IGNORECASE) is not None


def _not_cached(model: str) -> str:
    return f"{facts(model).id} has no cached contents: models of Gemini 4 and newer cache by themselves."


def _read_contents(contents: object) -> list[wire.Content]:
    if isinstance(contents, str):
        return [wire.Content(role="user", parts=[wire.Part(text=contents)])] if contents else []
    if isinstance(contents, wire.Content):
        return [contents]
    check_kinds("contents", contents, wire.Content, "a Content; Content.parse(...) reads JSON")
    return list(cast("Sequence[wire.Content]", contents))


def _declared(tools: object, dialect: Dialect) -> list[wire.Tool]:
    """Return tools as they stand on the wire, the functions first."""
    functions: list[wire.FunctionDeclaration] = []
    others: list[wire.Tool] = []
    check_kind("tools", tools, Sequence, "a list")
    for index, tool in enumerate(cast("Sequence[object]", tools)):
        if isinstance(tool, wire.Tool | BuiltinTool):
            others.append(tool if isinstance(tool, wire.Tool) else tool.to_wire())
        elif isinstance(tool, Declares):
            functions.append(tool.declare(dialect))
        else:
            raise ConfigurationError(f"tools[{index}]={tool!r} is no tool. Decorate a function with @tool first.")
    return [*([wire.Tool(function_declarations=functions)] if functions else []), *others]


def _duration(ttl_s: object) -> str:
    if not is_number(ttl_s) or not 0 < ttl_s < 1e9:
        raise ConfigurationError(f"ttl_s={ttl_s!r} is no time to live. Give seconds above 0.")
    return f"{round(ttl_s, 3):g}s" if ttl_s < 1e5 else f"{round(ttl_s)}s"


def _read_time(text: str | None) -> datetime | None:
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
