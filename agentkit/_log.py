"""Logging: structlog in front of the standard "agentkit" logger. Silent until the application configures logging."""

import base64
import itertools
import json
import logging
import re
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

import structlog

SECRET_NAMES = re.compile(r"(api[-_]?key|[-_]key|authorization|token|secret|password|cookie)$", re.IGNORECASE)
_SECRET_SHAPES = re.compile(
    r"AIza[0-9A-Za-z_\-]{20,}|\bsk-[0-9A-Za-z_\-]{16,}|\bya29\.[0-9A-Za-z_\-.]+"
    r"|(?<=Bearer )[^\s\"']+|(?<=[?&]key=)[^&\s\"']+"
    r"|(?<=[?&]upload_id=)[^&\s\"']+"
)
REDACTED = "[redacted]"
_SHORT = 8
_TELLING = 12  # so many first characters of a secret are taken for it: what shows them may have been cut after them

logging.getLogger("agentkit").addHandler(logging.NullHandler())


def redact(text: str, *secrets: str) -> str:
    """Return `text` without the given secrets and without anything that has the shape of a key.

    A secret is found as it is, inside JSON, in a URL and in base64, also where only its beginning is left.
    """
    for secret in filter(None, secrets):
        text = _without(text, _forms(secret)) if len(secret) >= _SHORT else _without_word(text, secret)
    return _SECRET_SHAPES.sub(REDACTED, text)


def redact_all(value: object, *secrets: str) -> Any:
    """Return `value` with every text in it redacted; texts may stand in lists, tuples and dicts."""
    if isinstance(value, str):
        return redact(value, *secrets)
    if isinstance(value, list | tuple):
        items = [redact_all(item, *secrets) for item in cast("list[object]", value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, dict):
        facts = cast("dict[object, object]", value)
        return {redact_all(name, *secrets): redact_all(item, *secrets) for name, item in facts.items()}
    return value


def conceal(error: BaseException, outer: BaseException | None, *secrets: str) -> None:
    """Take secrets out of an error of ours before it leaves: of its texts, its causes and the variables of its frames.

    Args:
        error: Its frames are forgotten, so that tools which print variables do not find the service's answer there,
            which may repeat a secret. Causes that show one are dropped.
        outer: What was being handled before; it may hang at the end of the chain, is not ours and stays as it is.
        secrets: What must not be seen.
    """
    for name, value in vars(error).items():
        vars(error)[name] = redact_all(value, *secrets)
    error.args = redact_all(error.args, *secrets)
    forget_frames(error, outer)
    if any(redact(shown, *secrets) != shown for shown in map(_shown, _chain(error, outer))):
        error.__cause__ = error.__context__ = None


def forget_frames(error: BaseException, outer: BaseException | None) -> None:
    """Drop the tracebacks of an exception and its causes: tools that print the variables of frames see none."""
    for one in _chain(error, outer):
        one.__traceback__ = None


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that hangs on it, each once, but `outer` and what hangs on that."""
    seen = {id(outer)}
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", one).exceptions


def _shown(error: BaseException) -> str:
    with suppress(Exception):  # an exception may fail to show itself; then it shows nothing
        return f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return ""


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written."""
    data = secret.encode("utf-8", "surrogatepass")
    in_json = json.dumps(secret)[1:-1]
    forms = {secret, in_json, json.dumps(in_json)[1:-1], repr(str(secret))[1:-1], quote(data), quote(data, safe="")}
    for lead, first in enumerate((0, 2, 3)):  # base64 depends on what stands before; the rest is the secret's alone
        encoded = base64.b64encode(bytes(lead) + data).decode()[first : (lead + len(data)) * 8 // 6]
        if len(encoded) >= _TELLING:
            forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return forms


def _without(text: str, forms: set[str]) -> str:
    """Return `text` without `forms` and without their beginnings."""
    beginning = re.compile("|".join(re.escape(form[:_TELLING]) for form in forms))
    longest = max(map(len, forms))
    pieces: list[str] = []
    end = 0
    while (found := beginning.search(text, end)) is not None:
        start = found.start()
        pieces += [text[end:start], REDACTED]
        end = start + max(_equal_characters(text[start : start + longest], form) for form in forms)
    return "".join([*pieces, text[end:]])


def _without_word(text: str, secret: str) -> str:
    """Return `text` without a secret so short that it may be a piece of any word, where it stands by itself."""
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)


def _equal_characters(text: str, form: str) -> int:
    """Return how many first characters are the same."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(text, form, strict=False)))


def get_logger(area: str) -> structlog.stdlib.BoundLogger:
    """Return the logger `agentkit.<area>`. Events are short names, facts are keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(f"agentkit.{area}"),
        processors=[structlog.stdlib.filter_by_level, _redact_facts, _as_message],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return logger


def _redact_facts(_logger: Any, _method: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in facts.items():
        if SECRET_NAMES.search(name):
            facts[name] = REDACTED
        elif isinstance(value, str):
            facts[name] = redact(value)
    return facts


def _as_message(_logger: Any, _method: str, facts: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Hand the standard logger one line and the facts as `record.facts`, for those who format by themselves."""
    event = str(facts.pop("event", ""))
    exc_info = facts.pop("exc_info", None)
    line = " ".join([event, *(f"{name}={value!r}" for name, value in facts.items())])
    return (line,), {"extra": {"event": event, "facts": dict(facts)}, "exc_info": exc_info}
