"""What the model may use: declared functions, and tools that Gemini runs itself."""

from typing import Any

from agentkit.wire._model import Number, WireModel
from agentkit.wire.enums import (
    Behavior,
    DynamicRetrievalConfigMode,
    Environment,
    FunctionCallingConfigMode,
    SafetyPolicy,
    Type,
)

__all__ = [
    "AuthConfig",
    "ComputerUse",
    "DynamicRetrievalConfig",
    "FileSearch",
    "FunctionCallingConfig",
    "FunctionDeclaration",
    "GoogleMaps",
    "GoogleSearch",
    "GoogleSearchRetrieval",
    "ImageSearch",
    "Interval",
    "LatLng",
    "McpServer",
    "RetrievalConfig",
    "Schema",
    "SearchTypes",
    "StreamableHttpTransport",
    "Tool",
    "ToolCodeExecution",
    "ToolConfig",
    "UrlContext",
    "WebSearch",
]


class ComputerUse(WireModel):
    environment: Environment | None = None
    excluded_predefined_functions: list[str] | None = None
    enable_prompt_injection_detection: bool | None = None
    disabled_safety_policies: list[SafetyPolicy] | None = None


class FileSearch(WireModel):
    file_search_store_names: list[str] | None = None
    top_k: int | None = None
    metadata_filter: str | None = None


class WebSearch(WireModel):
    pass


class ImageSearch(WireModel):
    pass


class SearchTypes(WireModel):
    web_search: WebSearch | None = None
    image_search: ImageSearch | None = None


class Interval(WireModel):
    """A span of time; RFC 3339 timestamps."""

    end_time: str | None = None
    start_time: str | None = None


class GoogleSearch(WireModel):
    search_types: SearchTypes | None = None
    blocking_confidence: str | None = None
    exclude_domains: list[str] | None = None
    time_range_filter: Interval | None = None


class AuthConfig(WireModel):
    """Only `api_key` outside Vertex."""

    api_key: str | None = None
    api_key_config: Any = None
    auth_type: str | None = None
    google_service_account_config: Any = None
    http_basic_auth_config: Any = None
    oauth_config: Any = None
    oidc_config: Any = None


class GoogleMaps(WireModel):
    auth_config: AuthConfig | None = None
    enable_widget: bool | None = None
    grounding_types: Any = None


class ToolCodeExecution(WireModel):
    pass


class Schema(WireModel):
    """The OpenAPI subset of `parameters` and `responseSchema`. Vertex only: `additional_properties`, `defs`, `ref`."""

    additional_properties: Any = None
    defs: dict[str, "Schema"] | None = None
    ref: str | None = None
    any_of: list["Schema"] | None = None
    default: Any = None
    description: str | None = None
    enum: list[str] | None = None
    example: Any = None
    format: str | None = None
    items: "Schema | None" = None
    max_items: int | None = None
    max_length: int | None = None
    max_properties: int | None = None
    maximum: Number | None = None
    min_items: int | None = None
    min_length: int | None = None
    min_properties: int | None = None
    minimum: Number | None = None
    nullable: bool | None = None
    pattern: str | None = None
    properties: dict[str, "Schema"] | None = None
    property_ordering: list[str] | None = None
    required: list[str] | None = None
    title: str | None = None
    type: Type | None = None


class FunctionDeclaration(WireModel):
    """`parameters` and `parameters_json_schema` exclude each other, as do the two forms of the response."""

    description: str | None = None
    name: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Any = None
    response: Schema | None = None
    response_json_schema: Any = None
    behavior: Behavior | None = None


class DynamicRetrievalConfig(WireModel):
    dynamic_threshold: Number | None = None
    mode: DynamicRetrievalConfigMode | None = None


class GoogleSearchRetrieval(WireModel):
    """The search tool of Gemini 1.5."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class UrlContext(WireModel):
    pass


class StreamableHttpTransport(WireModel):
    headers: dict[str, str] | None = None
    sse_read_timeout: str | None = None
    terminate_on_close: bool | None = None
    timeout: str | None = None
    url: str | None = None


class McpServer(WireModel):
    """A tool server that Gemini itself connects to."""

    name: str | None = None
    streamable_http_transport: StreamableHttpTransport | None = None


class Tool(WireModel):
    """One kind of tool, or the functions. Untyped kinds exist on Vertex only."""

    retrieval: Any = None
    computer_use: ComputerUse | None = None
    file_search: FileSearch | None = None
    google_search: GoogleSearch | None = None
    google_maps: GoogleMaps | None = None
    code_execution: ToolCodeExecution | None = None
    enterprise_web_search: Any = None
    function_declarations: list[FunctionDeclaration] | None = None
    google_search_retrieval: GoogleSearchRetrieval | None = None
    parallel_ai_search: Any = None
    url_context: UrlContext | None = None
    mcp_servers: list[McpServer] | None = None
    exa_ai_search: Any = None


class LatLng(WireModel):
    latitude: Number | None = None
    longitude: Number | None = None


class RetrievalConfig(WireModel):
    lat_lng: LatLng | None = None
    language_code: str | None = None


class FunctionCallingConfig(WireModel):
    allowed_function_names: list[str] | None = None
    mode: FunctionCallingConfigMode | None = None
    stream_function_call_arguments: bool | None = None


class ToolConfig(WireModel):
    """`include_server_side_tool_invocations`: needed to combine built-in tools with functions on Gemini 3+."""

    retrieval_config: RetrievalConfig | None = None
    function_calling_config: FunctionCallingConfig | None = None
    include_server_side_tool_invocations: bool | None = None
