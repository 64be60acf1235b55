"""The messages of a Gemini request: which keys each one knows, of which type. Data only.

Taken once from the schema facts that go with the protocol sheet (as of 2026-11-22; google-genai 3.4.0 and the v1beta
protos). One entry is `key:type`. Types are `string`, `bool`, `int`, `int64`, `number`, `bytes` (base64), `duration`
(`"1.5s"`), `any`, `struct` (a free JSON object), the name of a message or of an enum, and `map:type`; `[]` marks a
list. `@google` and `@vertex` mark keys that only that backend knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ENUMS", "MESSAGES", "Field"]


@dataclass(frozen=True)
class Field:
    """One key of a message.

    Attributes:
        type: As in the sheet above, without its marks; of one value, if the field is a list or a map.
        repeated: Whether the value is a list.
        mapped: Whether the value is an object with free keys and values of `type`.
        only: The one backend that knows the key; `None` for all.
    """

    type: str
    repeated: bool = False
    mapped: bool = False
    only: Literal["google", "vertex"] | None = None


def _read_fields(sheet: str) -> dict[str, Field]:
    return {name: _read_field(rest) for name, _, rest in (entry.partition(":") for entry in sheet.split())}


def _read_field(text: str) -> Field:
    kind, _, only = text.partition("@")
    plain = kind.removeprefix("map:").removesuffix("[]")
    return Field(
        plain,
        repeated=kind.endswith("[]"),
        mapped=kind.startswith("map:"),
        only="google" if only == "google" else "vertex" if only == "vertex" else None,
    )


MESSAGES: Final[Mapping[str, Mapping[str, Field]]] = {
    name: _read_fields(sheet)
    for name, sheet in {
        "GenerateContentRequest": (
            "model:string contents:Content[] systemInstruction:Content tools:Tool[] toolConfig:ToolConfig "
            "safetySettings:SafetySetting[] generationConfig:GenerationConfig cachedContent:string "
            "serviceTier:ServiceTier store:bool@google labels:map:string continuationToken:bytes "
            "modelArmorConfig:struct@vertex outputConfig:struct@vertex"
        ),
        "BatchGenerateContentRequest": "batch:GenerateContentBatch@google",
        "GenerateContentBatch": (
            "model:string name:string displayName:string inputConfig:InputConfig priority:int64 webhookConfig:struct"
        ),
        "InputConfig": "requests:InlinedRequests fileName:string",
        "InlinedRequests": "requests:InlinedRequest[]",
        "InlinedRequest": "request:GenerateContentRequest metadata:struct",
        "CountTokensRequest": (
            "contents:Content[] generateContentRequest:GenerateContentRequest@google tools:Tool[]@vertex "
            "systemInstruction:Content@vertex generationConfig:GenerationConfig@vertex"
        ),
        "Content": "parts:Part[] role:string",
        "Tool": (
            "retrieval:struct@vertex computerUse:ComputerUse fileSearch:FileSearch@google "
            "googleSearch:GoogleSearch googleMaps:GoogleMaps codeExecution:ToolCodeExecution "
            "enterpriseWebSearch:struct@vertex functionDeclarations:FunctionDeclaration[] "
            "googleSearchRetrieval:GoogleSearchRetrieval parallelAiSearch:struct@vertex urlContext:UrlContext "
            "mcpServers:McpServer[]@google exaAiSearch:struct@vertex"
        ),
        "ToolConfig": (
            "retrievalConfig:RetrievalConfig functionCallingConfig:FunctionCallingConfig "
            "includeServerSideToolInvocations:bool@google"
        ),
        "SafetySetting": "category:HarmCategory method:string@vertex threshold:HarmBlockThreshold",
        "GenerationConfig": (
            "candidateCount:int stopSequences:string[] maxOutputTokens:int temperature:number topP:number "
            "topK:number seed:int presencePenalty:number frequencyPenalty:number responseMimeType:string "
            "responseSchema:Schema responseJsonSchema:any _responseJsonSchema:any "
            "responseFormat:ResponseFormat[] responseLogprobs:bool logprobs:int "
            "enableEnhancedCivicAnswers:bool@google responseModalities:Modality[] speechConfig:SpeechConfig "
            "thinkingConfig:ThinkingConfig imageConfig:ImageConfig mediaResolution:MediaResolution "
            "audioTranscriptionConfig:AudioTranscriptionConfig translationConfig:TranslationConfig "
            "enableAffectiveDialog:bool audioTimestamp:bool@vertex routingConfig:struct@vertex "
            "modelSelectionConfig:struct@vertex modelConfig:struct@vertex"
        ),
        "Part": (
            "mediaResolution:PartMediaResolution codeExecutionResult:CodeExecutionResult "
            "executableCode:ExecutableCode fileData:FileData functionCall:FunctionCall "
            "functionResponse:FunctionResponse inlineData:Blob text:string thought:bool thoughtSignature:bytes "
            "videoMetadata:VideoMetadata toolCall:ToolCall@google toolResponse:ToolResponse@google "
            "partMetadata:struct@google audioTranscription:Transcription mediaProcessing:MediaProcessing "
            "speechMetadata:SpeechMetadata documentMetadata:DocumentMetadata "
            "spreadsheetMetadata:SpreadsheetMetadata audioMetadata:AudioMetadata"
        ),
        "ComputerUse": (
            "environment:Environment excludedPredefinedFunctions:string[] enablePromptInjectionDetection:bool "
            "disabledSafetyPolicies:SafetyPolicy[]"
        ),
        "FileSearch": "fileSearchStoreNames:string[] topK:int metadataFilter:string",
        "GoogleSearch": (
            "searchTypes:SearchTypes blockingConfidence:string@vertex excludeDomains:string[]@vertex "
            "timeRangeFilter:Interval"
        ),
        "GoogleMaps": "authConfig:AuthConfig enableWidget:bool groundingTypes:struct@vertex",
        "ToolCodeExecution": "",
        "FunctionDeclaration": (
            "description:string name:string parameters:Schema parametersJsonSchema:any response:Schema "
            "responseJsonSchema:any behavior:Behavior"
        ),
        "GoogleSearchRetrieval": "dynamicRetrievalConfig:DynamicRetrievalConfig",
        "UrlContext": "",
        "McpServer": "name:string@google streamableHttpTransport:StreamableHttpTransport@google",
        "RetrievalConfig": "latLng:LatLng languageCode:string",
        "FunctionCallingConfig": (
            "allowedFunctionNames:string[] mode:FunctionCallingConfigMode streamFunctionCallArguments:bool@vertex"
        ),
        "Schema": (
            "additionalProperties:any@vertex defs:map:Schema@vertex ref:string@vertex anyOf:Schema[] default:any "
            "description:string enum:string[] example:any format:string items:Schema maxItems:int64 maxLength:int64 "
            "maxProperties:int64 maximum:number minItems:int64 minLength:int64 minProperties:int64 minimum:number "
            "nullable:bool pattern:string properties:map:Schema propertyOrdering:string[] required:string[] "
            "title:string type:Type"
        ),
        "ResponseFormat": (
            "audio:AudioResponseFormat image:ImageResponseFormat text:TextResponseFormat video:VideoResponseFormat"
        ),
        "SpeechConfig": "voiceConfig:VoiceConfig languageCode:string multiSpeakerVoiceConfig:MultiSpeakerVoiceConfig",
        "ThinkingConfig": "includeThoughts:bool thinkingBudget:int thinkingLevel:ThinkingLevel",
        "ImageConfig": (
            "aspectRatio:string imageSize:string personGeneration:string@vertex prominentPeople:string@vertex "
            "outputMimeType:string@vertex outputCompressionQuality:int@vertex imageOutputOptions:struct@vertex"
        ),
        "AudioTranscriptionConfig": (
            "languageCodes:string[] languageAuto:LanguageAuto languageHints:LanguageHints "
            "customVocabulary:string[] adaptationPhrases:string[] wordTimestamp:bool diarization:bool "
            "mode:AudioTranscriptionConfigMode sourceText:string"
        ),
        "TranslationConfig": "echoTargetLanguage:bool targetLanguageCode:string",
        "PartMediaResolution": "level:PartMediaResolutionLevel numTokens:int",
        "CodeExecutionResult": "outcome:Outcome output:string id:string",
        "ExecutableCode": "code:string language:Language id:string",
        "FileData": "displayName:string fileUri:string mimeType:string",
        "FunctionCall": "id:string args:struct name:string partialArgs:PartialArg[]@vertex willContinue:bool@vertex",
        "FunctionResponse": (
            "willContinue:bool@google scheduling:FunctionResponseScheduling parts:FunctionResponsePart[] "
            "id:string name:string response:struct"
        ),
        "Blob": "data:bytes displayName:string mimeType:string",
        "VideoMetadata": "endOffset:duration fps:number startOffset:duration contentLayers:VideoMetadataContentLayer[]",
        "ToolCall": "id:string toolType:ToolType args:struct",
        "ToolResponse": "id:string toolType:ToolType response:struct",
        "Transcription": (
            "text:string finished:bool languageCode:string speakerLabel:string words:WordInfo[] "
            "startOffset:string endOffset:string"
        ),
        "SpeechMetadata": "speaker:string style:string",
        "DocumentMetadata": "startPage:int endPage:int contentLayers:DocumentMetadataContentLayer[]",
        "SpreadsheetMetadata": "visibleCells:string sheetIndex:int contentLayers:SpreadsheetMetadataContentLayer[]",
        "AudioMetadata": "startOffset:string endOffset:string",
        "SearchTypes": "webSearch:WebSearch imageSearch:ImageSearch",
        "Interval": "endTime:string startTime:string",
        "AuthConfig": (
            "apiKey:string apiKeyConfig:struct@vertex authType:string@vertex "
            "googleServiceAccountConfig:struct@vertex httpBasicAuthConfig:struct@vertex "
            "oauthConfig:struct@vertex oidcConfig:struct@vertex"
        ),
        "DynamicRetrievalConfig": "dynamicThreshold:number mode:DynamicRetrievalConfigMode",
        "StreamableHttpTransport": (
            "headers:map:string sseReadTimeout:string terminateOnClose:bool timeout:string url:string"
        ),
        "LatLng": "latitude:number longitude:number",
        "AudioResponseFormat": "bitRate:int delivery:Delivery mimeType:string sampleRate:int",
        "ImageResponseFormat": "aspectRatio:AspectRatio delivery:Delivery imageSize:ImageSize mimeType:string",
        "TextResponseFormat": "mimeType:string jsonSchema:any",
        "VideoResponseFormat": (
            "aspectRatio:AspectRatio delivery:Delivery duration:string gcsUri:string resolution:string"
        ),
        "VoiceConfig": (
            "replicatedVoiceConfig:ReplicatedVoiceConfig prebuiltVoiceConfig:PrebuiltVoiceConfig voice:string"
        ),
        "MultiSpeakerVoiceConfig": "speakerVoiceConfigs:SpeakerVoiceConfig[]",
        "LanguageAuto": "",
        "LanguageHints": "languageCodes:string[]",
        "PartialArg": (
            "boolValue:bool jsonPath:string nullValue:string numberValue:number stringValue:string willContinue:bool"
        ),
        "FunctionResponsePart": (
            "inlineData:FunctionResponseBlob fileData:FunctionResponseFileData "
            "mediaProcessing:MediaProcessing@google mediaResolution:PartMediaResolution "
            "videoMetadata:VideoMetadata documentMetadata:DocumentMetadata "
            "spreadsheetMetadata:SpreadsheetMetadata audioMetadata:AudioMetadata"
        ),
        "WordInfo": "word:string startOffset:string endOffset:string",
        "WebSearch": "",
        "ImageSearch": "",
        "ReplicatedVoiceConfig": (
            "mimeType:string voiceSampleAudio:bytes consentAudio:bytes@google "
            "voiceConsentSignature:VoiceConsentSignature@google"
        ),
        "PrebuiltVoiceConfig": "voiceName:string",
        "SpeakerVoiceConfig": "speaker:string voiceConfig:VoiceConfig",
        "FunctionResponseBlob": "mimeType:string data:bytes displayName:string",
        "FunctionResponseFileData": "fileUri:string mimeType:string displayName:string",
        "VoiceConsentSignature": "signature:string",
    }.items()
}

ENUMS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(values.split())
    for name, values in {
        "AspectRatio": (
            "ASPECT_RATIO_UNSPECIFIED ASPECT_RATIO_ONE_BY_ONE ASPECT_RATIO_TWO_BY_THREE "
            "ASPECT_RATIO_THREE_BY_TWO ASPECT_RATIO_THREE_BY_FOUR ASPECT_RATIO_FOUR_BY_THREE "
            "ASPECT_RATIO_FOUR_BY_FIVE ASPECT_RATIO_FIVE_BY_FOUR ASPECT_RATIO_NINE_BY_SIXTEEN "
            "ASPECT_RATIO_SIXTEEN_BY_NINE ASPECT_RATIO_TWENTY_ONE_BY_NINE ASPECT_RATIO_ONE_BY_EIGHT "
            "ASPECT_RATIO_EIGHT_BY_ONE ASPECT_RATIO_ONE_BY_FOUR ASPECT_RATIO_FOUR_BY_ONE"
        ),
        "AudioTranscriptionConfigMode": "MODE_UNSPECIFIED VERBATIM SMART",
        "Behavior": "UNSPECIFIED BLOCKING NON_BLOCKING",
        "Delivery": "DELIVERY_UNSPECIFIED INLINE URI",
        "DocumentMetadataContentLayer": "CONTENT_LAYER_UNSPECIFIED PAGE_IMAGE PAGE_TEXT",
        "DynamicRetrievalConfigMode": "MODE_UNSPECIFIED MODE_DYNAMIC",
        "Environment": "ENVIRONMENT_UNSPECIFIED ENVIRONMENT_BROWSER ENVIRONMENT_MOBILE ENVIRONMENT_DESKTOP",
        "FunctionCallingConfigMode": "MODE_UNSPECIFIED AUTO ANY NONE VALIDATED",
        "FunctionResponseScheduling": "SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT",
        "HarmBlockThreshold": (
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH BLOCK_NONE OFF"
        ),
        "HarmCategory": (
            "HARM_CATEGORY_UNSPECIFIED HARM_CATEGORY_HARASSMENT HARM_CATEGORY_HATE_SPEECH "
            "HARM_CATEGORY_SEXUALLY_EXPLICIT HARM_CATEGORY_DANGEROUS_CONTENT HARM_CATEGORY_CIVIC_INTEGRITY "
            "HARM_CATEGORY_JAILBREAK HARM_CATEGORY_IMAGE_HATE HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT "
            "HARM_CATEGORY_IMAGE_HARASSMENT HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT"
        ),
        "ImageSize": (
            "IMAGE_SIZE_UNSPECIFIED IMAGE_SIZE_FIVE_TWELVE IMAGE_SIZE_ONE_K IMAGE_SIZE_TWO_K IMAGE_SIZE_FOUR_K"
        ),
        "Language": "LANGUAGE_UNSPECIFIED PYTHON",
        "MediaProcessing": "MEDIA_PROCESSING_UNSPECIFIED STATIC AGENTIC",
        "MediaResolution": (
            "MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH"
        ),
        "Modality": "MODALITY_UNSPECIFIED TEXT IMAGE AUDIO VIDEO",
        "Outcome": "OUTCOME_UNSPECIFIED OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED",
        "PartMediaResolutionLevel": (
            "MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH "
            "MEDIA_RESOLUTION_ULTRA_HIGH"
        ),
        "SafetyPolicy": (
            "SAFETY_POLICY_UNSPECIFIED FINANCIAL_TRANSACTIONS SENSITIVE_DATA_MODIFICATION COMMUNICATION_TOOL "
            "ACCOUNT_CREATION DATA_MODIFICATION USER_CONSENT_MANAGEMENT LEGAL_TERMS_AND_AGREEMENTS"
        ),
        "ServiceTier": "unspecified flex standard priority",
        "SpreadsheetMetadataContentLayer": "CONTENT_LAYER_UNSPECIFIED DATA FORMULAS VISUAL",
        "ThinkingLevel": "THINKING_LEVEL_UNSPECIFIED MINIMAL LOW MEDIUM HIGH XHIGH",
        "ToolType": (
            "TOOL_TYPE_UNSPECIFIED GOOGLE_SEARCH_WEB GOOGLE_SEARCH_IMAGE URL_CONTEXT GOOGLE_MAPS FILE_SEARCH "
            "MEDIA_PROCESSING"
        ),
        "Type": "TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL",
        "VideoMetadataContentLayer": "CONTENT_LAYER_UNSPECIFIED FRAMES AUDIO TRANSCRIPT",
    }.items()
}
