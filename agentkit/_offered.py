"""Whether an endpoint has a part of the API at all. Gateways often pass on answers of models, and nothing else."""

from collections.abc import Generator
from contextlib import contextmanager

from agentkit.errors import GeminiError, NotOffered, ProtocolError, StatusError

__all__ = ["offered"]


@contextmanager
def offered(what: str, base_url: str, instead: str) -> Generator[None, None, None]:
    """Say of a request in the block that is answered as if nobody were there that the endpoint has no such thing.

    Args:
        what: What is asked for, in the plural: `"cached contents"`.
        base_url: The endpoint.
        instead: What works there, as a sentence.

    Raises:
        NotOffered: There is nothing at this address.
    """
    try:
        yield
    except GeminiError as error:
        if not _is_nobody(error):
            raise
        answer = f"HTTP {error.status}" if isinstance(error, StatusError) else "a page, a redirect or another API"
        raise NotOffered(what, base_url, answer, instead) from error


def _is_nobody(error: GeminiError) -> bool:
    """Tell whether nothing is there: a page, a redirect, or a refusal that is not Google's.

    Google's `NOT_FOUND` is about one model, file or batch, at an address that is right.
    """
    if isinstance(error, StatusError):
        return error.status in (404, 405, 501) and error.code != "NOT_FOUND"
    return isinstance(error, ProtocolError) and not error.retryable
