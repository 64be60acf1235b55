"""Logging: structlog in front of the standard "agentkit" logger. Silent until the application configures logging."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"(api[-_]?key|authorization|token|secret|password|cookie)$", re.IGNORECASE)
_SECRET_SHAPES = re.compile(
    r"AIza[0-9A-Za-z_\-]{20,}|\bsk-[0-9A-Za-z_\-]{16,}|\bya29\.[0-9A-Za-z_\-.]+"
    r"|(?<=Bearer )[^\s\"']+|(?<=[?&]key=)[^&\s\"']+"
)
REDACTED = "[redacted]"

logging.getLogger("agentkit").addHandler(logging.NullHandler())


def redact(text: str, *secrets: str) -> str:
    """Return `text` without the given secrets and without anything that has the shape of a key."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED)
    return _SECRET_SHAPES.sub(REDACTED, text)


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
        if _SECRET_NAMES.search(name):
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
