"""Long conversations made short on their way to the service: old turns are left out, or summarised."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from agentkit import wire
from agentkit._aside import aside
from agentkit._checks import check_choice, is_whole
from agentkit._log import get_logger
from agentkit._recent import Recent
from agentkit.context import RunContext
from agentkit.errors import ConfigurationError, GeminiError
from agentkit.history import starts_turn
from agentkit.middleware import Middleware

__all__ = ["Compaction"]

Proceed = Callable[["wire.GenerateContentRequest"], Awaitable["wire.GenerateContentResponse"]]
How = Literal["drop", "summarise"] | Callable[[Sequence["wire.Content"]], str | Awaitable[str]]

_REMEMBERED = 1000  # conversations
_BYTES_PER_TOKEN = 4
_TOKENS_PER_FILE = 300  # a picture; the service's own counts put right what is more

DROPPED = "[{count} contents of this conversation stood here and were left out, because it has become long.]"
SUMMARISED = "[What was said here, in short, because the conversation has become long:]\n\n{summary}"
SUMMARISE = (
    "The conversation so far has become long and will be replaced by a summary, which you write now. Keep what will be "
    "needed to go on: what was asked for, what was decided and why, facts, names, numbers and identifiers exactly as "
    "they stand, results of functions, and what is still open. Write only the summary."
)

log = get_logger("compaction")


class _Short(NamedTuple):
    """The short form of the first `length` contents of a conversation."""

    length: int
    contents: Sequence[wire.Content]


class Compaction(Middleware):
    """Sends a conversation that has `at_tokens` without its old turns. The state keeps all of it.

    A turn is a prompt of the user's and everything up to the next one: calls, their responses and the answer. Whole
    turns only are left out, so that no call is parted from its response and no signature is lost that the service asks
    for (protocol sheet, section 5). What stays: the first content of the user's, then a sentence or a summary in place
    of the old turns, then the last `keep_turns` turns as they are. The short form is remembered by this object: later
    requests of the conversation begin with the same bytes, and nothing is summarised twice, until what is sent has
    `at_tokens` again. The turn under way is never shortened, however long it is.

    How long a conversation is, is guessed by its bytes and put right by what the service counted in its last answer.

    Args:
        at_tokens: From how many tokens of input on.
        keep_turns: How many of the last turns stay, the one under way included.
        how: `"drop"` leaves the old turns out. `"summarise"` asks the model of the run for a summary, in a request that
            counts in `result.usage`; where that fails, the whole conversation is sent, and the log has a warning.
            Or a function, async or not, that gets the old contents and returns the text that stands for them; an
            empty text for none.
    """

    def __init__(self, *, at_tokens: int = 100_000, keep_turns: int = 4, how: How = "drop") -> None:
        for name, value in (("at_tokens", at_tokens), ("keep_turns", keep_turns)):
            if not is_whole(value) or value < 1:
                raise ConfigurationError(f"Compaction({name}={value!r}): give a whole number above 0.")
        if not callable(how):
            check_choice("how", how, ("drop", "summarise"))
        self._at_tokens, self._keep_turns = at_tokens, keep_turns
        self._how: How = how
        self._shorts: Recent[_Short] = Recent(_REMEMBERED)  # by the digest of what they stand for
        self._ratios: Recent[float] = Recent(_REMEMBERED)  # counted to guessed, by the digest of the first content

    async def around_model(
        self, context: RunContext[Any], request: wire.GenerateContentRequest, proceed: Proceed
    ) -> wire.GenerateContentResponse:
        """Send the request, its contents in their short form where there is one or it is time for one."""
        digests = list(_digests(request.contents))
        known = next((short for digest in reversed(digests) if (short := self._shorts.get(digest)) is not None), None)
        sent = _shortened(request, known) if known is not None else request
        guess = _guess(sent)
        conversation = digests[0] if digests else b""
        ratio = self._ratios.get(conversation) or 1.0
        if guess * ratio >= self._at_tokens:
            short = await self._shorten(context, request, known, proceed)
            if short is not None:
                self._shorts.put(digests[short.length - 1], short)
                before, sent = guess, _shortened(request, short)
                guess = _guess(sent)
                told = {"from_tokens": round(before * ratio), "to_tokens": round(guess * ratio)}
                log.info("compaction.done", left_out=short.length - 1, **told, run_id=context.run_id)
                if guess * ratio >= self._at_tokens:
                    log.warning("compaction.still_long", keep_turns=self._keep_turns, **told, run_id=context.run_id)
        response = await proceed(sent)
        usage = response.usage_metadata
        counted = (usage.prompt_token_count if usage else None) or 0
        if sent.cached_content is not None and usage is not None:  # which is not among the contents
            counted -= usage.cached_content_token_count or 0
        if counted > 0:
            self._ratios.put(conversation, counted / guess)
        return response

    async def _shorten(
        self, context: RunContext[Any], request: wire.GenerateContentRequest, known: _Short | None, proceed: Proceed
    ) -> _Short | None:
        """Return a new short form; None if there is nothing to leave out, or no summary could be had."""
        contents = request.contents
        starts = [index for index in range(len(contents)) if starts_turn(contents, index)]
        length = starts[-self._keep_turns] if len(starts) > self._keep_turns else 0
        if not length or (known is not None and length <= known.length):
            log.debug("compaction.nothing_to_leave_out", turns=len(starts), run_id=context.run_id)
            return None
        first = contents[starts[0]]
        old = [*known.contents, *contents[known.length : length]] if known is not None else list(contents[:length])
        if self._how == "drop":
            note = DROPPED.format(count=length - 1)
        elif self._how == "summarise":
            summary = await self._summarise(context, request, old, proceed)
            if not summary:
                return None
            note = SUMMARISED.format(summary=summary)
        else:
            note = await _told_by(self._how, old)
        return _Short(length=length, contents=[first, *([_said(note)] if note else [])])

    async def _summarise(
        self,
        context: RunContext[Any],
        request: wire.GenerateContentRequest,
        old: Sequence[wire.Content],
        proceed: Proceed,
    ) -> str:
        """Ask the model. The request begins as those before it, so that the service has read most of it already."""
        asked = request.without("generation_config").replace(contents=[*old, _said(SUMMARISE)])
        if any(tool.function_declarations for tool in request.tools or []):
            config = request.tool_config if request.tool_config is not None else wire.ToolConfig()
            no_calls = wire.FunctionCallingConfig(mode="NONE")
            asked = asked.replace(tool_config=config.replace(function_calling_config=no_calls))
        try:
            with aside():
                answer = await proceed(asked)
        except GeminiError as error:
            log.warning("compaction.no_summary", error=type(error).__name__, run_id=context.run_id)
            return ""
        summary = answer.text.strip() if answer.finish_reason == "STOP" else ""
        if not summary:
            log.warning("compaction.no_summary", finish_reason=str(answer.finish_reason), run_id=context.run_id)
        return summary


async def _told_by(how: Callable[[Sequence[wire.Content]], str | Awaitable[str]], old: Sequence[wire.Content]) -> str:
    made = how(old)
    text = await made if inspect.isawaitable(made) else made
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise ConfigurationError(f"Compaction(how=...): the function returned {type(text).__name__}. Return a text.")
    return text


def _shortened(request: wire.GenerateContentRequest, short: _Short) -> wire.GenerateContentRequest:
    return request.replace(contents=[*short.contents, *request.contents[short.length :]])


def _said(text: str) -> wire.Content:
    return wire.Content(role="user", parts=[wire.Part(text=text)])


def _digests(contents: Sequence[wire.Content]) -> Iterator[bytes]:
    """Yield the digests of the first content, of the first two, and so on."""
    hashed = hashlib.blake2b(digest_size=16)
    for content in contents:
        encoded = content.encode()
        hashed.update(b"%d:" % len(encoded) + encoded)
        yield hashed.digest()


def _guess(request: wire.GenerateContentRequest) -> int:
    """Return about how many tokens a request has; at least 1."""
    tokens, size = 1, 0
    for message in (request.system_instruction, *(request.tools or []), *request.contents):
        size += len(message.encode()) if message is not None else 0
    for content in request.contents:
        for part in content.parts or []:
            holders: list[wire.Part | wire.FunctionResponsePart] = [part]
            if part.function_response is not None:
                holders += part.function_response.parts or []
            for holder in holders:
                if holder.inline_data is not None:
                    size -= len(holder.inline_data.data or "")
                if holder.inline_data is not None or holder.file_data is not None:
                    tokens += _TOKENS_PER_FILE
    return tokens + max(size, 0) // _BYTES_PER_TOKEN
