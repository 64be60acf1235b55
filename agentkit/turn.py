"""One request to the model and a usable answer to it."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from agentkit import wire
from agentkit._aside import is_aside
from agentkit._log import get_logger
from agentkit._partial_json import PartialJson
from agentkit.client import GeminiClient, RetryNotice
from agentkit.connection import Connection
from agentkit.context import RunContext
from agentkit.errors import (
    ConfigurationError,
    GeminiError,
    InvalidRequest,
    LimitExceeded,
    MalformedCall,
    ProtocolError,
)
from agentkit.events import ModelChanged, PartialOutput, Retrying, TextDelta, ThoughtDelta, TurnFinished, TurnStarted
from agentkit.fallback import fallback_reason
from agentkit.history import first_unsigned, with_placeholders, without_call_ids
from agentkit.middleware import Middleware
from agentkit.output import FINAL_ANSWER
from agentkit.prices import cost_of_answer
from agentkit.run import Run
from agentkit.usage import Usage
from agentkit.verdict import Verdict, judge

__all__ = ["ask_aside", "ask_model", "build_request", "count_input"]

log = get_logger("turn")

CLOSING = (
    "This is the last turn: a limit of this run is reached and no more functions can be called. "
    "Give the best answer you can from what is known, and say what is missing."
)
MAX_HOPS = 64  # of one long answer; a hop holds up to 65,536 tokens

# What services say that cannot hold calls to their schemas: large schemas (sheet 3.5), and gateways of older make.
_VALIDATION = r"VALIDATED|too many states|function_?calling_?config"

Send = Callable[["wire.GenerateContentRequest"], Awaitable["wire.GenerateContentResponse"]]


def build_request(run: Run[Any, Any]) -> wire.GenerateContentRequest:
    """Return the request for the next turn. Pure: the same state gives the same bytes."""
    contents, known = run.readable_contents(), run.client.capabilities
    if run.state.placeholders or known.signatures is False:
        contents = with_placeholders(contents)
    if known.takes_call_ids is False:
        contents = without_call_ids(contents)
    request = run.template.replace(contents=contents)
    if run.state.closing:
        return _closing(run, request)
    mode = run.calling()
    return request if mode is None or _mode_of(request) is not None else _calling(request, **mode)


def _closing(run: Run[Any, Any], request: wire.GenerateContentRequest) -> wire.GenerateContentRequest:
    """Ask for an answer without functions. They stay declared: the calls in the history refer to them."""
    if request.cached_content is not None:  # nothing can be said beside it but contents
        return request.replace(contents=[*request.contents, wire.Content(role="user", parts=[wire.Part(text=CLOSING)])])
    text = f"{run.instructions}\n\n{CLOSING}" if run.instructions else CLOSING
    request = request.replace(system_instruction=wire.Content(parts=[wire.Part(text=text)]))
    if run.output_mode == "function":
        return _calling(request, mode="ANY", allowedFunctionNames=[FINAL_ANSWER])
    return _calling(request, mode="NONE") if run.offers_functions else request


def _calling(request: wire.GenerateContentRequest, **config: Any) -> wire.GenerateContentRequest:
    before = request.tool_config if request.tool_config is not None else wire.ToolConfig()
    return request.replace(tool_config=before.replace(function_calling_config=wire.FunctionCallingConfig.parse(config)))


def _mode_of(request: wire.GenerateContentRequest) -> wire.FunctionCallingConfig | None:
    return request.tool_config.function_calling_config if request.tool_config is not None else None


async def ask_model(run: Run[Any, Any], connection: Connection) -> tuple[wire.GenerateContentResponse, str]:
    """Ask until there is a usable answer, within a small budget of its own.

    Returns:
        The answer, and why its calls must not run (empty if they may).

    Raises:
        RunError: The answer was blocked, cut, empty or malformed, also when asked again.
        GeminiError: The API could not be asked.
    """
    state = run.state
    await run.emit(TurnStarted(turn=state.usage.turns + 1))
    send = _through_middleware(run, functools.partial(_send_turn, run, connection), run.context)
    first = request = build_request(run)
    before = state.usage
    attempt = 1
    while True:
        try:
            response = await send(request)
        except InvalidRequest as error:
            first = request = await _mended(run, request, error)
            continue
        except GeminiError as error:
            first = request = await _with_next_model(run, error)
            attempt = 1
            continue
        verdict = judge(
            response,
            attempt=attempt,
            structured=run.output_mode in ("native", "enum"),
            cut_before=state.cut_calls > 0,
            calls_allowed=_may_call(run, request),
        )
        if verdict.error is None:
            break
        if isinstance(verdict.error, MalformedCall) and verdict.error.reason == "MISSING_THOUGHT_SIGNATURE":
            first = request = await _with_placeholders(run, verdict.error)
            continue
        if attempt >= verdict.tries:
            limit = run.limits.reached(state.usage) if state.closing else None
            if limit is not None and isinstance(verdict.error, MalformedCall):  # it wants to go on, and may not
                raise limit from verdict.error
            raise verdict.error
        request = _changed(first, verdict, attempt)
        reason = type(verdict.error).__name__
        log.warning("answer.retry", reason=reason, attempt=attempt, run_id=state.run_id)
        await run.emit(Retrying(reason=str(verdict.error), attempt=attempt, delay_s=0.0, discard_text=True))
        attempt += 1
    reason = str(response.finish_reason or "")
    await run.emit(TurnFinished(turn=state.usage.turns + 1, finish_reason=reason, usage=state.usage - before))
    return response, verdict.refused


def _may_call(run: Run[Any, Any], request: wire.GenerateContentRequest) -> bool:
    if run.output_mode == "function":
        return True
    mode = _mode_of(request)
    return len(run.toolbox) > 0 and not run.state.closing and (mode is None or mode.mode != "NONE")


async def _mended(
    run: Run[Any, Any], request: wire.GenerateContentRequest, error: InvalidRequest
) -> wire.GenerateContentRequest:
    """Return the request to send in place of one that was refused for what it need not hold.

    Raises:
        InvalidRequest: `error`, if there is nothing to leave out.
    """
    mode = _mode_of(request)
    by_itself = run.choice is None or run.choice.mode != "validated"
    if (
        by_itself
        and run.validates
        and mode
        and mode.mode == "VALIDATED"
        and re.search(_VALIDATION, error.message, re.IGNORECASE)
    ):
        run.validates = False
        log.warning("calls.not_validated", said=error.message[:200], run_id=run.state.run_id)
        reason = "the service does not validate these functions; asking without"
        await run.emit(Retrying(reason=reason, attempt=1, delay_s=0.0, discard_text=True))
        return build_request(run)
    return await _with_placeholders(run, error)


async def _with_placeholders(run: Run[Any, Any], error: InvalidRequest | MalformedCall) -> wire.GenerateContentRequest:
    """Return the request to send when the service misses a thought signature, once in a run.

    Raises:
        InvalidRequest, MalformedCall: `error`, if it is about something else or this does not help.
    """
    state = run.state
    lacking = first_unsigned(state.contents)
    about_signatures = isinstance(error, MalformedCall) or "thought_signature" in error.message.lower()
    if not about_signatures or lacking is None:
        raise error
    where = f"contents[{lacking}] holds a call without its thoughtSignature"
    if state.placeholders:
        if isinstance(error, MalformedCall):
            raise MalformedCall(error.reason, f"{error.message}; {where}", 2) from error
        hint = f"{where}, and the documented placeholder does not help: {error.hint}"
        told = (error.status, error.code, error.message, error.retry_after_s, error.details, hint, error.request_id)
        raise InvalidRequest(*told) from error
    state.placeholders = True
    log.warning("signature.placeholder", index=lacking, run_id=state.run_id)
    reason = f"{where}; asking with the placeholder"
    await run.emit(Retrying(reason=reason, attempt=1, delay_s=0.0, discard_text=True))
    return build_request(run)


async def _with_next_model(run: Run[Any, Any], error: GeminiError) -> wire.GenerateContentRequest:
    """Return the request for the next model of the chain, which is in use from now on.

    Raises:
        GeminiError: `error`, if another model would not help, or there is none left; with all that were tried.
    """
    old, new, reason = run.state.model, run.next_model, fallback_reason(error)
    if reason is None or new is None:
        error.tried = (*run.failed_models, old) if run.failed_models else ()
        raise error
    run.failed_models.append(old)
    run.state.change_model(new)
    log.warning("model.changed", old=old, new=new, reason=reason, run_id=run.state.run_id)
    await run.emit(ModelChanged(old=old, new=new, reason=reason, error=str(error), discard_text=run.streamed))
    return build_request(run)


def _changed(first: wire.GenerateContentRequest, verdict: Verdict, attempt: int) -> wire.GenerateContentRequest:
    """Return the request for the next attempt: unchanged, colder, then with a call forced."""
    if verdict.change == "nothing":
        return first
    request = first.with_generation(temperature=0)
    offers_functions = any(tool.function_declarations for tool in first.tools or [])
    mode = _mode_of(first)
    if attempt >= 2 and offers_functions and (mode is None or mode.mode in ("AUTO", "VALIDATED")):
        names = (mode.allowed_function_names if mode is not None else None) or []
        request = _calling(request, mode="ANY", **({"allowedFunctionNames": names} if names else {}))
    return request


async def ask_aside(
    run: Run[Any, Any], connection: Connection, context: RunContext[Any], request: wire.GenerateContentRequest
) -> wire.GenerateContentResponse:
    """Send a request that is no turn of the run, for a tool call: once, unstreamed, through the middlewares.

    What it costs is the run's. `context` is that of the call: in a turn of the run, `context.tool` is empty. It is
    asked directly, also where turns are asked in batches: a call does not wait for a day.
    """
    ask = functools.partial(_ask_directly, run, connection)
    send = functools.partial(_send, run, connection, ask, is_direct=True)
    return await _through_middleware(run, send, lambda: context)(request)


def _through_middleware(run: Run[Any, Any], send: Send, context: Callable[[], RunContext[Any]]) -> Send:
    def wrap(middleware: Middleware, proceed: Send) -> Send:
        return lambda request: middleware.around_model(context(), request, proceed)

    for middleware in reversed(run.middleware):
        send = wrap(middleware, send)
    return functools.partial(_checked, send)


async def _checked(send: Send, request: wire.GenerateContentRequest) -> wire.GenerateContentResponse:
    """Return what came through the middlewares, if it is an answer."""
    response = await send(request)
    if not isinstance(response, wire.GenerateContentResponse):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped
        kind = type(response).__name__
        raise ConfigurationError(f"A middleware's around_model returned {kind}, not a GenerateContentResponse.")
    return response


async def _send_turn(
    run: Run[Any, Any], connection: Connection, request: wire.GenerateContentRequest
) -> wire.GenerateContentResponse:
    """Ask for the answer of a turn, and tell it as it comes if somebody watches."""
    if not run.streamed or is_aside():
        return await _send(run, connection, functools.partial(_generate, run, connection), request)
    partial = PartialJson() if run.output_mode == "native" else None
    response = await _send(run, connection, functools.partial(_stream, run, connection, partial=partial), request)
    if partial is not None and partial.finish():
        await run.emit(PartialOutput(value=partial.snapshot()))
    return response


async def _send(
    run: Run[Any, Any],
    connection: Connection,
    ask: Send,
    request: wire.GenerateContentRequest,
    *,
    is_direct: bool = False,
) -> wire.GenerateContentResponse:
    """Ask once; go on while a long answer comes in hops (protocol sheet 8.7), and join them."""
    if run.limits.input_tokens is not None:
        await _check_input(connection, run.state.model, request, run.limits.input_tokens)
    hops: list[wire.GenerateContentResponse] = []
    while len(hops) < MAX_HOPS:
        hop = await ask(request)
        hops.append(hop)
        run.state.usage += _usage_of(run, request, hop, is_direct=is_direct)  # each hop is billed by itself
        token = hop.candidate.continuation_token if hop.candidate is not None else None
        if hop.finish_reason != "CONTINUATION" or not token:
            break
        request = request.replace(continuation_token=token)
    return wire.merge(hops) if len(hops) > 1 else hops[0]


def _usage_of(
    run: Run[Any, Any], request: wire.GenerateContentRequest, answer: wire.GenerateContentResponse, *, is_direct: bool
) -> Usage:
    metadata = answer.usage_metadata
    if run.ask is not None and not is_direct:  # the prices are those of single requests; batches have others
        return Usage.of_answer(metadata)
    price = run.client.price_of(run.state.model, answer.model_version)
    return Usage.of_answer(metadata, cost_of_answer(price, metadata, tier=request.service_tier))


async def count_input(where: Connection | GeminiClient, model: str, request: wire.GenerateContentRequest) -> int:
    """Return how many tokens of input a request has, as the service counts them.

    Raises:
        ProtocolError: The service answered without a number.
        GeminiError: It could not be asked.
    """
    tokens = (await where.count_tokens(model, request)).total_tokens
    if tokens is None:
        raise ProtocolError(f"A count of tokens for {model} came without a number. Does this endpoint count tokens?")
    return tokens


async def _check_input(connection: Connection, model: str, request: wire.GenerateContentRequest, allowed: int) -> None:
    """Let a request pass that is not larger than allowed.

    Raises:
        LimitExceeded: It is larger; it was not sent.
    """
    tokens = await count_input(connection, model, request)
    if tokens > allowed:
        raise LimitExceeded("input_tokens", tokens, allowed)


async def _generate(
    run: Run[Any, Any], connection: Connection, request: wire.GenerateContentRequest
) -> wire.GenerateContentResponse:
    if run.ask is not None:
        return await run.ask(run.state.model, request)
    return await _ask_directly(run, connection, request)


async def _ask_directly(
    run: Run[Any, Any], connection: Connection, request: wire.GenerateContentRequest
) -> wire.GenerateContentResponse:
    return await connection.generate(run.state.model, request, on_retry=functools.partial(_tell_retry, run))


async def _stream(
    run: Run[Any, Any], connection: Connection, request: wire.GenerateContentRequest, *, partial: PartialJson | None
) -> wire.GenerateContentResponse:
    """Read a stream to its end, telling its text as it comes, and what `partial` makes of it."""
    merger = wire.Merger()
    index: int | None = None  # of the candidate that counts; the others go on beside it
    chunks = connection.stream(run.state.model, request, on_retry=functools.partial(_tell_retry, run))
    async with aclosing(chunks):
        async for chunk in chunks:
            merger.add(chunk)
            if chunk.candidate is None:
                continue
            here = chunk.candidate.index or 0
            index = here if index is None else index
            for part in (chunk.content.parts or []) if chunk.content and here == index else []:
                if part.text:
                    await run.emit(ThoughtDelta(text=part.text) if part.thought else TextDelta(text=part.text))
                    if partial is not None and not part.thought and partial.add(part.text):
                        await run.emit(PartialOutput(value=partial.snapshot()))
    return merger.response()


async def _tell_retry(run: Run[Any, Any], notice: RetryNotice) -> None:
    await run.emit(Retrying(reason=str(notice.error), attempt=notice.attempt, delay_s=notice.delay_s))
