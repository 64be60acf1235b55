"""What is answered: candidates, where they come from, what they cost; models; errors."""

from functools import cached_property
from typing import Any

from agentkit.wire._model import Number, WireModel
from agentkit.wire.content import Content
from agentkit.wire.enums import (
    BlockedReason,
    FinishReason,
    HarmBlockThreshold,
    HarmCategory,
    HarmProbability,
    HarmSeverity,
    MediaModality,
    ModelStage,
    TrafficType,
    UrlRetrievalStatus,
)

__all__ = [
    "Candidate",
    "Citation",
    "CitationMetadata",
    "CountTokensResponse",
    "ErrorEnvelope",
    "GatewayError",
    "GatewayErrorEnvelope",
    "GenerateContentResponse",
    "GoogleTypeDate",
    "GroundingChunk",
    "GroundingChunkCustomMetadata",
    "GroundingChunkImage",
    "GroundingChunkMaps",
    "GroundingChunkMapsPlaceAnswerSources",
    "GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution",
    "GroundingChunkMapsPlaceAnswerSourcesReviewSnippet",
    "GroundingChunkMapsRoute",
    "GroundingChunkRetrievedContext",
    "GroundingChunkStringList",
    "GroundingChunkWeb",
    "GroundingMetadata",
    "GroundingMetadataSourceFlaggingUri",
    "GroundingSupport",
    "ListModelsResponse",
    "LogprobsResult",
    "LogprobsResultCandidate",
    "LogprobsResultTopCandidates",
    "ModalityTokenCount",
    "Model",
    "ModelStatus",
    "PromptFeedback",
    "RagChunk",
    "RagChunkPageSpan",
    "RetrievalMetadata",
    "SafetyRating",
    "SearchEntryPoint",
    "Segment",
    "Status",
    "UrlContextMetadata",
    "UrlMetadata",
    "UsageMetadata",
]


class GoogleTypeDate(WireModel):
    day: int | None = None
    month: int | None = None
    year: int | None = None


class Citation(WireModel):
    end_index: int | None = None
    license: str | None = None
    publication_date: GoogleTypeDate | None = None
    start_index: int | None = None
    title: str | None = None
    uri: str | None = None


class CitationMetadata(WireModel):
    """`citation_sources` is the name on the Gemini API, `citations` the name on Vertex."""

    citation_sources: list[Citation] | None = None
    citations: list[Citation] | None = None


class GroundingChunkImage(WireModel):
    source_uri: str | None = None
    image_uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution(WireModel):
    display_name: str | None = None
    photo_uri: str | None = None
    uri: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesReviewSnippet(WireModel):
    author_attribution: GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution | None = None
    flag_content_uri: str | None = None
    google_maps_uri: str | None = None
    relative_publish_time_description: str | None = None
    review: str | None = None
    review_id: str | None = None
    title: str | None = None


class GroundingChunkMapsPlaceAnswerSources(WireModel):
    review_snippet: list[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet] | None = None
    flag_content_uri: str | None = None
    review_snippets: list[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet] | None = None


class GroundingChunkMapsRoute(WireModel):
    distance_meters: int | None = None
    duration: str | None = None
    encoded_polyline: str | None = None


class GroundingChunkMaps(WireModel):
    place_answer_sources: GroundingChunkMapsPlaceAnswerSources | None = None
    place_id: str | None = None
    text: str | None = None
    title: str | None = None
    uri: str | None = None
    route: GroundingChunkMapsRoute | None = None


class RagChunkPageSpan(WireModel):
    first_page: int | None = None
    last_page: int | None = None


class RagChunk(WireModel):
    page_span: RagChunkPageSpan | None = None
    text: str | None = None
    chunk_id: str | None = None
    file_id: str | None = None


class GroundingChunkStringList(WireModel):
    values: list[str] | None = None


class GroundingChunkCustomMetadata(WireModel):
    key: str | None = None
    numeric_value: Number | None = None
    string_list_value: GroundingChunkStringList | None = None
    string_value: str | None = None


class GroundingChunkRetrievedContext(WireModel):
    document_name: str | None = None
    rag_chunk: RagChunk | None = None
    text: str | None = None
    title: str | None = None
    uri: str | None = None
    custom_metadata: list[GroundingChunkCustomMetadata] | None = None
    file_search_store: str | None = None
    page_number: int | None = None
    media_id: str | None = None


class GroundingChunkWeb(WireModel):
    domain: str | None = None
    title: str | None = None
    uri: str | None = None


class GroundingChunk(WireModel):
    """One source; exactly one kind is set, or none."""

    image: GroundingChunkImage | None = None
    maps: GroundingChunkMaps | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    web: GroundingChunkWeb | None = None


class Segment(WireModel):
    """A piece of the answer. Indices count UTF-8 bytes within the part; `start_index` is missing when 0."""

    start_index: int | None = None
    end_index: int | None = None
    part_index: int | None = None
    text: str | None = None


class GroundingSupport(WireModel):
    confidence_scores: list[Number] | None = None
    grounding_chunk_indices: list[int] | None = None
    segment: Segment | None = None
    rendered_parts: list[int] | None = None


class RetrievalMetadata(WireModel):
    google_search_dynamic_retrieval_score: Number | None = None


class SearchEntryPoint(WireModel):
    """HTML that must be shown where search results are displayed."""

    rendered_content: str | None = None
    sdk_blob: str | None = None


class GroundingMetadataSourceFlaggingUri(WireModel):
    flag_content_uri: str | None = None
    source_id: str | None = None


class GroundingMetadata(WireModel):
    """Where an answer comes from. Indices of supports may point past the list of chunks."""

    image_search_queries: list[str] | None = None
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    search_entry_point: SearchEntryPoint | None = None
    web_search_queries: list[str] | None = None
    google_maps_widget_context_token: str | None = None
    retrieval_queries: list[str] | None = None
    source_flagging_uris: list[GroundingMetadataSourceFlaggingUri] | None = None


class LogprobsResultCandidate(WireModel):
    log_probability: Number | None = None
    token: str | None = None
    token_id: int | None = None


class LogprobsResultTopCandidates(WireModel):
    candidates: list[LogprobsResultCandidate] | None = None


class LogprobsResult(WireModel):
    chosen_candidates: list[LogprobsResultCandidate] | None = None
    top_candidates: list[LogprobsResultTopCandidates] | None = None
    log_probability_sum: Number | None = None


class SafetyRating(WireModel):
    blocked: bool | None = None
    category: HarmCategory | None = None
    overwritten_threshold: HarmBlockThreshold | None = None
    probability: HarmProbability | None = None
    probability_score: Number | None = None
    severity: HarmSeverity | None = None
    severity_score: Number | None = None


class UrlMetadata(WireModel):
    retrieved_url: str | None = None
    url_retrieval_status: UrlRetrievalStatus | None = None


class UrlContextMetadata(WireModel):
    url_metadata: list[UrlMetadata] | None = None


class Candidate(WireModel):
    """One answer. `index` may be missing and means 0; `finish_message` may be set on good answers too."""

    content: Content | None = None
    citation_metadata: CitationMetadata | None = None
    finish_message: str | None = None
    token_count: int | None = None
    finish_reason: FinishReason | None = None
    grounding_metadata: GroundingMetadata | None = None
    avg_logprobs: Number | None = None
    index: int | None = None
    logprobs_result: LogprobsResult | None = None
    safety_ratings: list[SafetyRating] | None = None
    url_context_metadata: UrlContextMetadata | None = None
    continuation_token: str | None = None


class PromptFeedback(WireModel):
    """Set when the prompt was blocked; there are no candidates then."""

    block_reason: BlockedReason | None = None
    safety_ratings: list[SafetyRating] | None = None
    block_reason_message: str | None = None


class ModalityTokenCount(WireModel):
    modality: MediaModality | None = None
    token_count: int | None = None


class UsageMetadata(WireModel):
    """Token counts of one answer; running totals in a stream, so the last value counts."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    cache_tokens_details: list[ModalityTokenCount] | None = None
    candidates_tokens_details: list[ModalityTokenCount] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokenCount] | None = None
    service_tier: str | None = None
    traffic_type: TrafficType | None = None


class ModelStatus(WireModel):
    """Set for models near their end."""

    message: str | None = None
    model_stage: ModelStage | None = None
    retirement_time: str | None = None


class GenerateContentResponse(WireModel):
    """An answer, or one chunk of it. Blocked prompts have `prompt_feedback` and no candidates."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    model_status: ModelStatus | None = None
    create_time: str | None = None

    @cached_property
    def candidate(self) -> Candidate | None:
        """The candidate that counts: index 0, else the first; None if there is none."""
        first = None
        for candidate in self.candidates or ():
            if not candidate.index:
                return candidate
            first = candidate if first is None else first
        return first

    @cached_property
    def content(self) -> Content | None:
        """The content of `candidate`."""
        candidate = self.candidate
        return candidate.content if candidate is not None else None

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why `candidate` ended. `STOP` with calls is normal: decide by the parts."""
        candidate = self.candidate
        return candidate.finish_reason if candidate is not None else None

    @property
    def text(self) -> str:
        """The text of `content`; empty if there is none."""
        content = self.content
        return content.text if content is not None else ""


class CountTokensResponse(WireModel):
    total_tokens: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    cache_tokens_details: list[ModalityTokenCount] | None = None


class Model(WireModel):
    """A model, as `models.get` and `models.list` describe it."""

    name: str | None = None
    base_model_id: str | None = None
    version: str | None = None
    display_name: str | None = None
    description: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None
    temperature: Number | None = None
    max_temperature: Number | None = None
    top_p: Number | None = None
    top_k: int | None = None
    thinking: bool | None = None


class ListModelsResponse(WireModel):
    """One page of `models.list`."""

    models: list[Model] | None = None
    next_page_token: str | None = None


class Status(WireModel):
    """Google's error: `code` is the HTTP status, `status` the gRPC name."""

    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[Any] | None = None


class ErrorEnvelope(WireModel):
    error: Status | None = None


class GatewayError(WireModel):
    """The error of an OpenAI-like gateway."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: Any = None


class GatewayErrorEnvelope(WireModel):
    error: GatewayError | None = None
