"""Rules E25 and E28: cached contents and continuation tokens, which stand for something that was sent before."""

import re
from collections.abc import Iterator
from typing import Final

from agentkit.testing.finding import Finding, Request, Severity

__all__ = ["check_cache", "check_continuation"]

_NAME: Final = re.compile(r"cachedContents/[^/\s]+")
_VERTEX_NAME: Final = re.compile(r"(projects/[^/]+/locations/[^/]+/)?cachedContents/[^/\s]+")


def check_cache(request: Request) -> Iterator[Finding]:
    """Yield caches that the model or their name does not allow, and what may not stand beside one: E25."""
    name = request.body.get("cachedContent")
    if not name:
        return
    beside = [key for key in ("systemInstruction", "tools", "toolConfig") if request.body.get(key)]
    if beside:
        fix = f"Leave out {', '.join(beside)}: they belong into the cache."
        yield request.find("cache.excludes", "cached_content", fix)
    if not (_VERTEX_NAME if request.backend == "vertex" else _NAME).fullmatch(name):
        fix = "Send the name that the cache was created with: 'cachedContents/' and its id."
        yield request.find("cache.name", "cached_content", fix, value=name)
    if not request.model.explicit_caching:
        fix = f"Send the contents themselves: {request.model.id!r} caches them by itself."
        yield request.find("cache.model", "cached_content", fix, model=request.model.id)


def check_continuation(request: Request) -> Iterator[Finding]:
    """Yield continuation tokens that this server did not issue, or not for this request: E28."""
    token = request.body.get("continuationToken")
    if not token:
        return
    path = "continuation_token"
    if not request.model.long_decode:
        yield request.find("continuation.model", path, "Leave it out, or take a model from Gemini 4 on.")
    if request.issued is None:
        return
    if not request.issued.vouches_for_token(token):
        # A server that issued none may still have sent one out, in an answer that somebody else recorded.
        severity: Severity = "error" if request.issued.has_issued_tokens else "warning"
        fix = "Send the token of the last answer back, unchanged."
        yield request.find("continuation.unknown", path, fix, severity=severity)
    elif not request.issued.continues(token, request.body):
        fix = "Send the same request again with the token; only 'maxOutputTokens' may change, and no answer is added."
        yield request.find("continuation.changed", path, fix)
