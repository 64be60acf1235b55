"""The enums of the protocol: the values that are documented. Others survive, and so do numbers (see `ENUM`)."""

from typing import Annotated, Literal

from agentkit.wire._model import ENUM

__all__ = [
    "AspectRatio",
    "AudioTranscriptionConfigMode",
    "BatchState",
    "Behavior",
    "BlockedReason",
    "Delivery",
    "DocumentMetadataContentLayer",
    "DynamicRetrievalConfigMode",
    "Environment",
    "FinishReason",
    "FunctionCallingConfigMode",
    "FunctionResponseScheduling",
    "HarmBlockThreshold",
    "HarmCategory",
    "HarmProbability",
    "HarmSeverity",
    "ImageSize",
    "Language",
    "MediaModality",
    "MediaProcessing",
    "MediaResolution",
    "Modality",
    "ModelStage",
    "Outcome",
    "PartMediaResolutionLevel",
    "SafetyPolicy",
    "ServiceTier",
    "SpreadsheetMetadataContentLayer",
    "ThinkingLevel",
    "ToolType",
    "TrafficType",
    "Type",
    "UrlRetrievalStatus",
    "VideoMetadataContentLayer",
]

AspectRatio = Annotated[
    Literal[
        "ASPECT_RATIO_UNSPECIFIED",
        "ASPECT_RATIO_ONE_BY_ONE",
        "ASPECT_RATIO_TWO_BY_THREE",
        "ASPECT_RATIO_THREE_BY_TWO",
        "ASPECT_RATIO_THREE_BY_FOUR",
        "ASPECT_RATIO_FOUR_BY_THREE",
        "ASPECT_RATIO_FOUR_BY_FIVE",
        "ASPECT_RATIO_FIVE_BY_FOUR",
        "ASPECT_RATIO_NINE_BY_SIXTEEN",
        "ASPECT_RATIO_SIXTEEN_BY_NINE",
        "ASPECT_RATIO_TWENTY_ONE_BY_NINE",
        "ASPECT_RATIO_ONE_BY_EIGHT",
        "ASPECT_RATIO_EIGHT_BY_ONE",
        "ASPECT_RATIO_ONE_BY_FOUR",
        "ASPECT_RATIO_FOUR_BY_ONE",
    ]
    | str
    | int,
    ENUM,
]
AudioTranscriptionConfigMode = Annotated[Literal["MODE_UNSPECIFIED", "VERBATIM", "SMART"] | str | int, ENUM]
BatchState = Annotated[
    Literal[
        "BATCH_STATE_UNSPECIFIED",
        "BATCH_STATE_PENDING",
        "BATCH_STATE_RUNNING",
        "BATCH_STATE_SUCCEEDED",
        "BATCH_STATE_FAILED",
        "BATCH_STATE_CANCELLED",
        "BATCH_STATE_EXPIRED",
    ]
    | str
    | int,
    ENUM,
]
Behavior = Annotated[Literal["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"] | str | int, ENUM]
BlockedReason = Annotated[
    Literal[
        "BLOCKED_REASON_UNSPECIFIED",
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
        "JAILBREAK",
    ]
    | str
    | int,
    ENUM,
]
Delivery = Annotated[Literal["DELIVERY_UNSPECIFIED", "INLINE", "URI"] | str | int, ENUM]
DocumentMetadataContentLayer = Annotated[
    Literal["CONTENT_LAYER_UNSPECIFIED", "PAGE_IMAGE", "PAGE_TEXT"] | str | int, ENUM
]
DynamicRetrievalConfigMode = Annotated[Literal["MODE_UNSPECIFIED", "MODE_DYNAMIC"] | str | int, ENUM]
Environment = Annotated[
    Literal["ENVIRONMENT_UNSPECIFIED", "ENVIRONMENT_BROWSER", "ENVIRONMENT_MOBILE", "ENVIRONMENT_DESKTOP"] | str | int,
    ENUM,
]
FinishReason = Annotated[
    Literal[
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "IMAGE_RECITATION",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "CONTINUATION",
        "MODEL_ARMOR",
    ]
    | str
    | int,
    ENUM,
]
FunctionCallingConfigMode = Annotated[Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] | str | int, ENUM]
FunctionResponseScheduling = Annotated[
    Literal["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"] | str | int, ENUM
]
HarmBlockThreshold = Annotated[
    Literal[
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        "BLOCK_LOW_AND_ABOVE",
        "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_ONLY_HIGH",
        "BLOCK_NONE",
        "OFF",
    ]
    | str
    | int,
    ENUM,
]
HarmCategory = Annotated[
    Literal[
        "HARM_CATEGORY_UNSPECIFIED",
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_CIVIC_INTEGRITY",
        "HARM_CATEGORY_JAILBREAK",
        "HARM_CATEGORY_IMAGE_HATE",
        "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT",
        "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ]
    | str
    | int,
    ENUM,
]
HarmProbability = Annotated[
    Literal["HARM_PROBABILITY_UNSPECIFIED", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"] | str | int, ENUM
]
HarmSeverity = Annotated[
    Literal[
        "HARM_SEVERITY_UNSPECIFIED",
        "HARM_SEVERITY_NEGLIGIBLE",
        "HARM_SEVERITY_LOW",
        "HARM_SEVERITY_MEDIUM",
        "HARM_SEVERITY_HIGH",
    ]
    | str
    | int,
    ENUM,
]
ImageSize = Annotated[
    Literal[
        "IMAGE_SIZE_UNSPECIFIED", "IMAGE_SIZE_FIVE_TWELVE", "IMAGE_SIZE_ONE_K", "IMAGE_SIZE_TWO_K", "IMAGE_SIZE_FOUR_K"
    ]
    | str
    | int,
    ENUM,
]
Language = Annotated[Literal["LANGUAGE_UNSPECIFIED", "PYTHON"] | str | int, ENUM]
MediaModality = Annotated[
    Literal["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"] | str | int, ENUM
]
MediaProcessing = Annotated[Literal["MEDIA_PROCESSING_UNSPECIFIED", "STATIC", "AGENTIC"] | str | int, ENUM]
MediaResolution = Annotated[
    Literal["MEDIA_RESOLUTION_UNSPECIFIED", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"]
    | str
    | int,
    ENUM,
]
Modality = Annotated[Literal["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"] | str | int, ENUM]
ModelStage = Annotated[
    Literal[
        "MODEL_STAGE_UNSPECIFIED",
        "UNSTABLE_EXPERIMENTAL",
        "EXPERIMENTAL",
        "PREVIEW",
        "STABLE",
        "LEGACY",
        "DEPRECATED",
        "RETIRED",
    ]
    | str
    | int,
    ENUM,
]
Outcome = Annotated[
    Literal["OUTCOME_UNSPECIFIED", "OUTCOME_OK", "OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED"] | str | int, ENUM
]
PartMediaResolutionLevel = Annotated[
    Literal[
        "MEDIA_RESOLUTION_UNSPECIFIED",
        "MEDIA_RESOLUTION_LOW",
        "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH",
        "MEDIA_RESOLUTION_ULTRA_HIGH",
    ]
    | str
    | int,
    ENUM,
]
SafetyPolicy = Annotated[
    Literal[
        "SAFETY_POLICY_UNSPECIFIED",
        "FINANCIAL_TRANSACTIONS",
        "SENSITIVE_DATA_MODIFICATION",
        "COMMUNICATION_TOOL",
        "ACCOUNT_CREATION",
        "DATA_MODIFICATION",
        "USER_CONSENT_MANAGEMENT",
        "LEGAL_TERMS_AND_AGREEMENTS",
    ]
    | str
    | int,
    ENUM,
]
ServiceTier = Annotated[Literal["unspecified", "flex", "standard", "priority"] | str | int, ENUM]
SpreadsheetMetadataContentLayer = Annotated[
    Literal["CONTENT_LAYER_UNSPECIFIED", "DATA", "FORMULAS", "VISUAL"] | str | int, ENUM
]
ThinkingLevel = Annotated[
    Literal["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | str | int, ENUM
]
ToolType = Annotated[
    Literal[
        "TOOL_TYPE_UNSPECIFIED",
        "GOOGLE_SEARCH_WEB",
        "GOOGLE_SEARCH_IMAGE",
        "URL_CONTEXT",
        "GOOGLE_MAPS",
        "FILE_SEARCH",
        "MEDIA_PROCESSING",
    ]
    | str
    | int,
    ENUM,
]
TrafficType = Annotated[
    Literal[
        "TRAFFIC_TYPE_UNSPECIFIED",
        "ON_DEMAND",
        "ON_DEMAND_PRIORITY",
        "ON_DEMAND_FLEX",
        "ON_DEMAND_OFFPEAK",
        "PROVISIONED_THROUGHPUT",
    ]
    | str
    | int,
    ENUM,
]
Type = Annotated[
    Literal["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"] | str | int, ENUM
]
UrlRetrievalStatus = Annotated[
    Literal[
        "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        "URL_RETRIEVAL_STATUS_SUCCESS",
        "URL_RETRIEVAL_STATUS_ERROR",
        "URL_RETRIEVAL_STATUS_PAYWALL",
        "URL_RETRIEVAL_STATUS_UNSAFE",
    ]
    | str
    | int,
    ENUM,
]
VideoMetadataContentLayer = Annotated[
    Literal["CONTENT_LAYER_UNSPECIFIED", "FRAMES", "AUDIO", "TRANSCRIPT"] | str | int, ENUM
]
