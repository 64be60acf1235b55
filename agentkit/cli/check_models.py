"""What is known about the model itself that is asked: whether it is still there, and whether it answers at all."""

from collections.abc import Iterator

from agentkit.models import AS_OF, facts
from agentkit.testing.advice import ADVICE, Advice

__all__ = ["about_model"]


def about_model(model: str) -> Iterator[Advice]:
    """Yield what speaks against asking `model`, whatever the request is."""
    told = facts(model)
    if not told.output:
        yield _advice("AK211", f"{told.id} makes vectors of texts, and answers no requests like this one.")
    if told.status == "shutdown":
        since = f" since {told.shutdown}" if told.shutdown else ""
        yield _advice("AK209", f"{told.id} is off{since}{_instead(told.successor)}.", told.successor)
    elif told.status == "deprecated":
        when = f", and off from {told.shutdown} on" if told.shutdown else ""
        yield _advice("AK210", f"{told.id} is deprecated{when}{_instead(told.successor)}.", told.successor)


def _instead(successor: str | None) -> str:
    return f"; {successor} answers in its place" if successor else ""


def _advice(code: str, message: str, successor: str | None = None) -> Advice:
    fix = f"Use {successor}, or another model." if successor else ADVICE[code].fix
    return Advice(code=code, path="", message=f"{message} (As of {AS_OF}.)", fix=fix)
