"""Lists that come in pages: models, files, batches and cached contents."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

from agentkit.errors import ProtocolError

__all__ = ["read_pages"]

Page = TypeVar("Page")

_MOST = 100


async def read_pages(
    ask: Callable[[str], Awaitable[Page]],
    path: str,
    token_of: Callable[[Page], object],
    *,
    size: int,
    what: str,
    where: str,
) -> list[Page]:
    """Return all pages of a list.

    Args:
        ask: Asks for one page, by its path and query.
        path: The list, for example `"models"`.
        token_of: Returns what asks for the page after this one; nothing on the last.
        size: How many entries a page may hold.
        what: What is listed, for messages.
        where: The root of the API, for messages.

    Raises:
        ProtocolError: There is always one more page.
    """
    pages: list[Page] = []
    query = f"{path}?pageSize={size}"
    for _ in range(_MOST):
        pages.append(await ask(query))
        token = token_of(pages[-1])
        if not token:
            return pages
        query = f"{path}?pageSize={size}&pageToken={quote(str(token), safe='')}"
    raise ProtocolError(f"The list of {what} at {where} has no end: {_MOST} pages were read.")
