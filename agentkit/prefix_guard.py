"""Tells what changed in the beginning of requests: the service reads from its cache only what is as before."""

from __future__ import annotations

import hashlib
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agentkit import wire
from agentkit._aside import is_aside
from agentkit._checks import check_kind
from agentkit._frozen import frozen
from agentkit._log import get_logger
from agentkit._recent import Recent
from agentkit.context import RunContext
from agentkit.middleware import Middleware

__all__ = ["PrefixGuard", "PrefixReport"]

_RUNS = 256
_REPORTS = 1000
_LEAST_CACHED = 1024  # tokens; the least that any model caches (protocol sheet, section 11)

Proceed = Callable[["wire.GenerateContentRequest"], Awaitable["wire.GenerateContentResponse"]]

log = get_logger("prefix")


@frozen
class PrefixReport:
    """One request that did not begin as the one before it.

    Attributes:
        run_id: The run whose request it is.
        within_run: Whether the request before was of the same run.
        changed: What is not as before, in the order of the request: `"model"`, `"cachedContent"`, `"instructions"`,
            `"tools: weather changed"` (or added, removed, moved), and the first content: `"contents[3]"`.
        cached_before: Tokens of the request before that came from a cache, as the service counted them.
        cached_after: Those of this one.
        lost_tokens: How many were not read from a cache although they could have been.
        is_estimate: Whether `lost_tokens` is guessed: nothing of the request before came from a cache, so all of it is
            taken for what could have come from there now, if it is large enough to be cached. Else it is what the two
            counts differ by.
    """

    run_id: str
    within_run: bool
    changed: tuple[str, ...]
    cached_before: int = 0
    cached_after: int = 0
    lost_tokens: int = 0
    is_estimate: bool = False

    def __str__(self) -> str:
        where = "turns" if self.within_run else "runs"
        lost = f"{'about ' if self.is_estimate else ''}{self.lost_tokens:,}" if self.lost_tokens else "no"
        return f"Between two {where} the prefix changed ({', '.join(self.changed)}): {lost} cached tokens were lost."


class _Sent(NamedTuple):
    """What a request began with, as digests, and what the service counted."""

    run_id: str
    model: str
    cached: str
    instructions: bytes
    tools: Mapping[str, bytes]
    contents: Sequence[bytes]
    prompt_tokens: int = 0
    cached_tokens: int = 0


class PrefixGuard(Middleware):
    """Compares each request with the one before it, and reports what changed in what should have stayed.

    The service bills less for the beginning of a request that it has read lately: instructions, tools, contents, up to
    the first difference. Things that break it without notice: a time in the instructions, tools in another order, a
    history that is cut at its start. A request is compared with the last one of its run; the first of a run with the
    last one of the run whose conversation it goes on with. Runs of other conversations are compared by model,
    instructions and tools only. What a conversation is longer than before is no change.

    Reports go to the log (`prefix.changed`), to `reports` and to `on_change`. Stand it behind middlewares that change
    requests, such as `Compaction`, and before `AutoCache`. One guard watches one agent.

    Args:
        on_change: Called with each report, once the answer is there; async or not.

    Attributes:
        reports: The last 1,000, the newest at the end.
    """

    def __init__(self, on_change: Callable[[PrefixReport], Awaitable[None] | None] | None = None) -> None:
        check_kind("on_change", on_change, Callable | None, "a function of the report")
        self.reports: deque[PrefixReport] = deque(maxlen=_REPORTS)
        self._on_change = on_change
        self._sent: Recent[_Sent] = Recent(_RUNS)  # the last request of each run

    async def around_model(
        self, context: RunContext[Any], request: wire.GenerateContentRequest, proceed: Proceed
    ) -> wire.GenerateContentResponse:
        """Send the request as it is, and report what it did not have in common with the one before."""
        if is_aside() or context.tool:  # a question of another middleware or of a call: no part of the conversation
            return await proceed(request)
        now = _read(context, request)
        before = self._sent.get(context.run_id) or self._of_earlier_run(now)
        response = await proceed(request)
        usage = response.usage_metadata
        prompt = max(0, (usage.prompt_token_count if usage else None) or 0)
        cached = max(0, (usage.cached_content_token_count if usage else None) or 0)
        self._sent.put(context.run_id, now._replace(prompt_tokens=prompt, cached_tokens=cached))
        if before is not None and (changed := _changes(before, now)):
            await self._report(before, now, changed, cached)
        return response

    def _of_earlier_run(self, now: _Sent) -> _Sent | None:
        """Return the last request of the run that a new one goes on with, of several the newest; else the last one."""
        earlier = self._sent.values()
        related = [sent for sent in earlier if _is_same_conversation(sent, now)]
        if related:
            return max(reversed(related), key=lambda sent: _common(sent.contents, now.contents))
        return earlier[-1] if earlier else None

    async def _report(self, before: _Sent, now: _Sent, changed: tuple[str, ...], cached: int) -> None:
        is_estimate = before.cached_tokens == 0
        could_be = before.prompt_tokens if before.prompt_tokens >= _LEAST_CACHED else 0
        report = PrefixReport(
            run_id=now.run_id,
            within_run=before.run_id == now.run_id,
            changed=changed,
            cached_before=before.cached_tokens,
            cached_after=cached,
            lost_tokens=max(0, (could_be if is_estimate else before.cached_tokens) - cached),
            is_estimate=is_estimate,
        )
        self.reports.append(report)
        told = {"lost_tokens": report.lost_tokens, "is_estimate": is_estimate, "within_run": report.within_run}
        log.warning("prefix.changed", changed=list(changed), **told, run_id=now.run_id)
        if self._on_change is not None:
            done = self._on_change(report)
            if inspect.isawaitable(done):
                await done


def _read(context: RunContext[Any], request: wire.GenerateContentRequest) -> _Sent:
    return _Sent(
        run_id=context.run_id,
        model=context.model,
        cached=request.cached_content or "",
        instructions=_digest(request.system_instruction),
        tools={name: _digest(what) for tool in request.tools or [] for name, what in _named(tool)},
        contents=[_digest(content) for content in request.contents],
    )


def _named(tool: wire.Tool) -> list[tuple[str, wire.WireModel]]:
    """Return the functions of a tool by their names, and a tool that Gemini runs by its own."""
    functions = [(declared.name or "", declared) for declared in tool.function_declarations or []]
    others = [
        (name, wire.Tool.parse({name: value})) for name, value in tool.raw.items() if name != "functionDeclarations"
    ]
    return [*functions, *others]


def _digest(message: wire.WireModel | None) -> bytes:
    return hashlib.blake2b(message.encode(), digest_size=16).digest() if message is not None else b""


def _common(before: Sequence[bytes], now: Sequence[bytes]) -> int:
    """Return how many contents are the same at the beginning."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((index for index, (old, new) in pairs if old != new), min(len(before), len(now)))


def _is_same_conversation(before: _Sent, now: _Sent) -> bool:
    """Tell whether two requests of different runs have any content in common; prompts alone may be alike by chance."""
    return bool(set(before.contents) & set(now.contents[:-1])) if len(now.contents) > 1 else False


def _changes(before: _Sent, now: _Sent) -> tuple[str, ...]:
    """Return what is not as before. Contents that only one of two conversations has are none of them."""
    changed = [
        name
        for name, is_changed in (
            ("model", before.model != now.model),
            ("cachedContent", before.cached != now.cached),
            ("instructions", before.instructions != now.instructions),
        )
        if is_changed
    ]
    changed += [f"tools: {name} added" for name in now.tools if name not in before.tools]
    changed += [f"tools: {name} removed" for name in before.tools if name not in now.tools]
    both = [name for name in now.tools if name in before.tools]
    changed += [f"tools: {name} changed" for name in both if now.tools[name] != before.tools[name]]
    places = zip(both, (name for name in before.tools if name in now.tools), strict=True)
    changed += [f"tools: {name} moved" for name, other in places if name != other]
    same = _common(before.contents, now.contents)
    if same < len(before.contents) and _was_changed(before, now, same):
        changed.append(f"contents[{same}]")
    return tuple(changed)


def _was_changed(before: _Sent, now: _Sent, same: int) -> bool:
    """Tell whether the conversation was changed, and not only gone on with in another way from here.

    Within a run it never goes another way. Between runs it does, where the same history serves many prompts; then
    nothing behind the first difference is known from before.
    """
    return before.run_id == now.run_id or bool(set(before.contents[same:]) & set(now.contents[same:]))
