"""Cached contents: the beginning of requests, kept by the service under a name."""

from agentkit.wire._model import WireModel
from agentkit.wire.content import Content
from agentkit.wire.response import UsageMetadata
from agentkit.wire.tools import Tool, ToolConfig

__all__ = ["CachedContent", "ListCachedContentsResponse"]


class CachedContent(WireModel):
    """What is asked for with `cachedContents.create`, and how the service describes it: without what it keeps.

    Times are RFC 3339 with up to nine decimals; `ttl` is a duration, `"300s"`, and stands in requests only.
    """

    name: str | None = None
    model: str | None = None
    display_name: str | None = None
    contents: list[Content] | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    ttl: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    expire_time: str | None = None
    usage_metadata: UsageMetadata | None = None


class ListCachedContentsResponse(WireModel):
    """One page of `cachedContents.list`."""

    cached_contents: list[CachedContent] | None = None
    next_page_token: str | None = None
