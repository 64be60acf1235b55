"""What is asked: the request and its settings."""

from typing import Any, Self

from agentkit.wire._model import Number, WireModel
from agentkit.wire.content import Content, Contents, History
from agentkit.wire.enums import (
    AspectRatio,
    AudioTranscriptionConfigMode,
    Delivery,
    HarmBlockThreshold,
    HarmCategory,
    ImageSize,
    MediaResolution,
    Modality,
    ServiceTier,
    ThinkingLevel,
)
from agentkit.wire.tools import Schema, Tool, ToolConfig

__all__ = [
    "AudioResponseFormat",
    "AudioTranscriptionConfig",
    "CountTokensRequest",
    "GenerateContentRequest",
    "GenerationConfig",
    "ImageConfig",
    "ImageResponseFormat",
    "LanguageAuto",
    "LanguageHints",
    "MultiSpeakerVoiceConfig",
    "PrebuiltVoiceConfig",
    "ReplicatedVoiceConfig",
    "ResponseFormat",
    "SafetySetting",
    "SpeakerVoiceConfig",
    "SpeechConfig",
    "TextResponseFormat",
    "ThinkingConfig",
    "TranslationConfig",
    "VideoResponseFormat",
    "VoiceConfig",
    "VoiceConsentSignature",
]


class SafetySetting(WireModel):
    category: HarmCategory | None = None
    method: str | None = None
    threshold: HarmBlockThreshold | None = None


class AudioResponseFormat(WireModel):
    bit_rate: int | None = None
    delivery: Delivery | None = None
    mime_type: str | None = None
    sample_rate: int | None = None


class ImageResponseFormat(WireModel):
    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    image_size: ImageSize | None = None
    mime_type: str | None = None


class TextResponseFormat(WireModel):
    mime_type: str | None = None
    json_schema: Any = None


class VideoResponseFormat(WireModel):
    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    duration: str | None = None
    gcs_uri: str | None = None
    resolution: str | None = None


class ResponseFormat(WireModel):
    audio: AudioResponseFormat | None = None
    image: ImageResponseFormat | None = None
    text: TextResponseFormat | None = None
    video: VideoResponseFormat | None = None


class VoiceConsentSignature(WireModel):
    signature: str | None = None


class ReplicatedVoiceConfig(WireModel):
    mime_type: str | None = None
    voice_sample_audio: str | None = None
    consent_audio: str | None = None
    voice_consent_signature: VoiceConsentSignature | None = None


class PrebuiltVoiceConfig(WireModel):
    voice_name: str | None = None


class VoiceConfig(WireModel):
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    voice: str | None = None


class SpeakerVoiceConfig(WireModel):
    speaker: str | None = None
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(WireModel):
    speaker_voice_configs: list[SpeakerVoiceConfig] | None = None


class SpeechConfig(WireModel):
    voice_config: VoiceConfig | None = None
    language_code: str | None = None
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None


class ThinkingConfig(WireModel):
    """A level for Gemini 3+, a budget in tokens for 2.5; never both."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: ThinkingLevel | None = None


class ImageConfig(WireModel):
    aspect_ratio: str | None = None
    image_size: str | None = None
    person_generation: str | None = None
    prominent_people: str | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    image_output_options: Any = None


class LanguageAuto(WireModel):
    pass


class LanguageHints(WireModel):
    language_codes: list[str] | None = None


class AudioTranscriptionConfig(WireModel):
    language_codes: list[str] | None = None
    language_auto: LanguageAuto | None = None
    language_hints: LanguageHints | None = None
    custom_vocabulary: list[str] | None = None
    adaptation_phrases: list[str] | None = None
    word_timestamp: bool | None = None
    diarization: bool | None = None
    mode: AudioTranscriptionConfigMode | None = None
    source_text: str | None = None


class TranslationConfig(WireModel):
    echo_target_language: bool | None = None
    target_language_code: str | None = None


class GenerationConfig(WireModel):
    """How to generate. `max_output_tokens` includes thinking; the two response schemas exclude each other."""

    candidate_count: int | None = None
    stop_sequences: list[str] | None = None
    max_output_tokens: int | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Number | None = None
    seed: int | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    response_mime_type: str | None = None
    response_schema: Schema | None = None
    response_json_schema: Any = None
    response_format: Any = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    enable_enhanced_civic_answers: bool | None = None
    response_modalities: list[Modality] | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
    media_resolution: MediaResolution | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None
    translation_config: TranslationConfig | None = None
    enable_affective_dialog: bool | None = None
    audio_timestamp: bool | None = None
    routing_config: Any = None
    model_selection_config: Any = None


class GenerateContentRequest(WireModel):
    """One request for an answer. `contents` is kept as a `History`, so that sending it again costs almost nothing."""

    model: str | None = None
    contents: Contents = ()
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    labels: dict[str, str] | None = None
    continuation_token: str | None = None
    model_armor_config: Any = None

    def with_generation(self, **changes: Any) -> Self:
        """Return a copy with these fields of `generation_config` changed: `request.with_generation(temperature=0)`."""
        config = self.generation_config if self.generation_config is not None else GenerationConfig()
        return self.replace(generation_config=config.replace(**changes))

    def encode(self) -> bytes:
        """Return the request as JSON. The bytes of the history are used as they are."""
        return _encode(self)


class CountTokensRequest(WireModel):
    """`contents`, or a whole `generate_content_request` with its model; not both."""

    contents: Contents = ()
    generate_content_request: GenerateContentRequest | None = None

    def encode(self) -> bytes:
        """Return the request as JSON. The bytes of the history are used as they are."""
        if self.generate_content_request is None:
            return _encode(self)
        rest = self.without("generate_content_request").encode()
        return b"".join([b'{"generateContentRequest":', self.generate_content_request.encode(), _tail(rest)])


def _encode(request: GenerateContentRequest | CountTokensRequest) -> bytes:
    """Return the JSON of a request, its contents first."""
    if "contents" not in request.raw:
        return WireModel.encode(request)
    contents = request.contents if isinstance(request.contents, History) else History(request.contents)
    rest = request.without("contents").encode()
    return contents.encode(b'{"contents":', _tail(rest))


def _tail(others: bytes) -> bytes:
    """Return what follows the first field of an object: the fields of the object `others`, and the brace."""
    return b"}" if others == b"{}" else b"," + others[1:]
