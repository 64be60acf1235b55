"""Function-calling agents on the Gemini native API: typed functions in, a real answer out."""

from agentkit.agent import Agent
from agentkit.approval import ApprovalRequest, Decision, approve, deny
from agentkit.autocache import AutoCache
from agentkit.batches import Batch, BatchAnswer, Batches
from agentkit.builtin import CodeExecution, ComputerUse, FileSearch, GoogleMaps, GoogleSearch, UrlContext
from agentkit.caches import Cache
from agentkit.capabilities import Capabilities
from agentkit.chat import Chat
from agentkit.choice import ToolChoice
from agentkit.citations import Citation
from agentkit.client import GeminiClient
from agentkit.compaction import Compaction
from agentkit.context import RunContext
from agentkit.errors import (
    AgentKitError,
    AuthenticationFailed,
    BatchFailed,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    EmptyResponse,
    GeminiError,
    InvalidRequest,
    LimitExceeded,
    LoopDetected,
    MalformedCall,
    MediaFailed,
    MissingExtra,
    NotFound,
    NotOffered,
    OutputInvalid,
    ProtocolError,
    RateLimited,
    ResponseBlocked,
    ResponseTooLarge,
    ResponseTruncated,
    RunError,
    RunFailed,
    ServerError,
    StateInvalid,
    StatusError,
    StreamInterrupted,
    ToolDefinitionError,
    ToolError,
    ToolFailed,
)
from agentkit.events import (
    Event,
    LoopFound,
    ModelChanged,
    PartialOutput,
    Paused,
    Retrying,
    RunFinished,
    RunStarted,
    TextDelta,
    ThoughtDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agentkit.executed import ExecutedCode
from agentkit.files import UploadedFile
from agentkit.many import Job, Outcome, Outcomes, Progress
from agentkit.media import Audio, File, Image, Media, Pdf, Video
from agentkit.media_output import Speech
from agentkit.middleware import Middleware, ToolCall
from agentkit.prefix_guard import PrefixGuard, PrefixReport
from agentkit.prices import Price, known_prices
from agentkit.result import RunResult
from agentkit.retry import Retry
from agentkit.state import RunState
from agentkit.stream import RunStream
from agentkit.taint import Taint
from agentkit.tool import Tool, tool
from agentkit.tool_media import ToolMedia
from agentkit.toolset import Toolset, filtered, prefixed
from agentkit.transport import HttpRequest, HttpResponse, HttpxTransport, Transport
from agentkit.usage import Limits, Usage

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AgentKitError",
    "ApprovalRequest",
    "Audio",
    "AuthenticationFailed",
    "AutoCache",
    "Batch",
    "BatchAnswer",
    "BatchFailed",
    "Batches",
    "Cache",
    "Capabilities",
    "Chat",
    "Citation",
    "CodeExecution",
    "Compaction",
    "ComputerUse",
    "ConfigurationError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Decision",
    "EmptyResponse",
    "Event",
    "ExecutedCode",
    "File",
    "FileSearch",
    "GeminiClient",
    "GeminiError",
    "GoogleMaps",
    "GoogleSearch",
    "HttpRequest",
    "HttpResponse",
    "HttpxTransport",
    "Image",
    "InvalidRequest",
    "Job",
    "LimitExceeded",
    "Limits",
    "LoopDetected",
    "LoopFound",
    "MalformedCall",
    "Media",
    "MediaFailed",
    "Middleware",
    "MissingExtra",
    "ModelChanged",
    "NotFound",
    "NotOffered",
    "Outcome",
    "Outcomes",
    "OutputInvalid",
    "PartialOutput",
    "Paused",
    "Pdf",
    "PrefixGuard",
    "PrefixReport",
    "Price",
    "Progress",
    "ProtocolError",
    "RateLimited",
    "ResponseBlocked",
    "ResponseTooLarge",
    "ResponseTruncated",
    "Retry",
    "Retrying",
    "RunContext",
    "RunError",
    "RunFailed",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "RunState",
    "RunStream",
    "ServerError",
    "Speech",
    "StateInvalid",
    "StatusError",
    "StreamInterrupted",
    "Taint",
    "TextDelta",
    "ThoughtDelta",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolDefinitionError",
    "ToolError",
    "ToolFailed",
    "ToolFinished",
    "ToolMedia",
    "ToolProgress",
    "ToolStarted",
    "Toolset",
    "Transport",
    "TurnFinished",
    "TurnStarted",
    "UploadedFile",
    "UrlContext",
    "Usage",
    "Video",
    "__version__",
    "approve",
    "deny",
    "filtered",
    "known_prices",
    "prefixed",
    "tool",
]
