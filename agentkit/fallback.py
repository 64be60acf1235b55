"""Which failures another model may not have, so that a run goes on with the next one. Pure decisions.

```text
what came                                          why the next model is asked
503, 529, 500, 502, 504, 524, also after retries   "overload"
404 that names the model                           "not_found"
429 beyond retries, or a quota per day             "quota"
all else: bad requests, keys, credit (402),        never: the next model would fail alike, or the answer was
no connection, blocked and malformed answers       given, by the rules, and is not to be shopped for
```
"""

from typing import Literal

from agentkit.errors import GeminiError, NotFound, RateLimited, ServerError

__all__ = ["FallbackReason", "fallback_reason"]

FallbackReason = Literal["overload", "not_found", "quota"]


def fallback_reason(error: GeminiError) -> FallbackReason | None:
    """Return why another model should be asked after `error`, which ended all attempts at this one; None if not."""
    if isinstance(error, RateLimited):
        return "quota" if error.status == 429 else None
    if isinstance(error, NotFound):
        # A cached content that is gone, or a base URL that leads nowhere, are not found either.
        return "not_found" if "model" in error.message.lower() else None
    # 501 and such are answers to what was asked, not signs of an overload.
    return "overload" if isinstance(error, ServerError) and error.retryable else None
