"""What the judge says, sentence by sentence: the one place where the service's texts are written down. Data only.

A text is a template for `str.format`; `{path}` is always there. Its name is its rule's subject and its mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["TEXTS", "Backend", "Source", "Text"]

Backend = Literal["google", "vertex"]

Source = Literal["verbatim", "unverified", "silent"]
"""How a text is known: recorded or reported word for word; made up in the service's manner, because no source has it;
or the judge's own words, because the service takes the request and says nothing."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """One sentence about one mistake.

    Attributes:
        rule: The rule that says it.
        google: The words of Google's own endpoint.
        vertex: The words of Vertex AI; `None` if they are the same, or not known.
        source: How Google's words are known.
        vertex_source: How the words of Vertex AI are known, if it has its own.
    """

    rule: str
    google: str
    vertex: str | None = None
    source: Source = "verbatim"
    vertex_source: Source = "verbatim"

    def template_on(self, backend: Backend) -> str:
        """Return the template in the words of `backend`."""
        return self.vertex if backend == "vertex" and self.vertex is not None else self.google

    def source_on(self, backend: Backend) -> Source:
        """Return how the words are known that `backend` says."""
        return self.vertex_source if backend == "vertex" and self.vertex is not None else self.source

    def fill(self, backend: Backend, **values: object) -> str:
        """Return the sentence as `backend` says it, with `values` in their places."""
        return self.template_on(backend).format(**values)


_JSON: Final = "Invalid JSON payload received. "
_GENERIC: Final = "Request contains an invalid argument."
_FIELD: Final = "* GenerateContentRequest.{path}: "
_UNABLE: Final = "Unable to submit request because "
_DOCS: Final = "https://cloud.google.com/vertex-ai/generative-ai/docs"
_ROLES: Final = "SYSTEM, SYSTEM_1, USER, ASSISTANT, DEVELOPER, CONTEXT, USER_CONTEXT, MODEL, USER"
_ENDS_WITH_MODEL: Final = "Requests ending with a model turn are not supported."
_UNSUPPORTED_JSON: Final = "with a response mime type: 'application/json' is unsupported"


def _said(rule: str, google: str, vertex: str | None = None) -> Text:
    return Text(rule=rule, google=google, vertex=vertex)


def _guessed(rule: str, google: str, vertex: str | None = None) -> Text:
    """Google's words are made up; those of Vertex AI, where it has its own, are known."""
    return Text(rule=rule, google=google, vertex=vertex, source="unverified")


def _noted(rule: str, words: str, vertex: str | None = None) -> Text:
    """The judge's own words; those of Vertex AI, where it does answer, are known."""
    return Text(rule=rule, google=words, vertex=vertex, source="silent")


_SHAPE: Final = {
    "parse.unknown_field": _said("E1", _JSON + 'Unknown name "{name}"{at}: Cannot find field.'),
    "parse.list_for_scalar": _said(
        "E2", _JSON + "Unknown name \"{name}\" at '{path}': Proto field is not repeating, cannot start list."
    ),
    "parse.value": _said("E2", "Invalid value at '{path}' ({expected}), {value}"),
    "parse.base64": _said("E2", "Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for {value}"),
    "parse.root": _guessed("E2", _JSON + "Root element must be a message, got {value}"),
    "parse.depth": _guessed("E2", _JSON + "Message too deep. Max recursion depth reached for key '{name}'"),
    "parse.oneof": _said(
        "E3", "Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{name}'"
    ),
    "response.no_object": _said("E12", "Invalid value at '{path}' ({expected}), {value}"),
    "response.list": _said(
        "E12", _JSON + "Unknown name \"{name}\" at '{path}': Proto field is not repeating, cannot start list."
    ),
    "tools.flag_unknown": _said("E22", _JSON + 'Unknown name "{name}"{at}: Cannot find field.'),
}

_CONTENTS: Final = {
    "contents.empty_part": _said(
        "E4", "* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
    ),
    "contents.none": _guessed("E5", _FIELD + "contents is not specified\n"),
    "contents.empty_parts": Text(
        rule="E5",
        google=_FIELD + "contents.parts must not be empty.\n",
        vertex=_UNABLE + "it must include at least one parts field, which describes the prompt input. Learn more: "
        f"{_DOCS}/model-reference/gemini",
        vertex_source="unverified",
    ),
    "contents.bad_role": _said("E6", "Please use a valid role: user, model."),
    "contents.bad_role_new": _said("E6", f"Role '{{role}}' is not supported. Please use a valid role: {_ROLES}."),
    "contents.no_role": _noted("E6", "A content without a role counts as one of the user's."),
    "contents.wrong_side": _guessed("E7", _GENERIC),
    "contents.code_by_user": _noted(
        "E7", "A part with {name!r} is written by the model, and stands in a user content."
    ),
    "contents.system_media": _noted(
        "E7", "The system instruction holds {name!r}: only its texts are documented to count."
    ),
    "turns.call_position": _said(
        "E8",
        "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
    ),
    "turns.response_position": _said(
        "E8", "Please ensure that function response turn comes immediately after a function call turn."
    ),
    "turns.count": _said(
        "E8",
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn.",
    ),
    "turns.content_between": _noted("E8", "A content of its own stands between the calls and their responses."),
    "turns.ends_with_model": _said("E9", _ENDS_WITH_MODEL),
    "turns.mixed_content": _said("E10", _ENDS_WITH_MODEL),
    "response.mismatch": _noted("E11", "The answer is empty: a function response does not match its call.", _GENERIC),
    "response.no_name": _said("E11", _FIELD + "Name cannot be empty.\n"),
    "response.no_id": _noted("E11", "The call has an id and its response has none: their order alone decides."),
    "response.missing": _guessed("E12", _FIELD + "required field 'response' must be set.\n"),
    "response.parts": _said(
        "E12",
        _UNABLE + "`function_response.parts` is not supported for this model. Learn more: "
        f"{_DOCS}/multimodal/function-calling",
    ),
    "response.part_type": _guessed("E12", "Unsupported MIME type: {value}"),
    "response.reference": _said(
        "E12",
        "The referenced name `{name}` in function_response.response does not match to a display_name in the "
        "function_response.parts.",
    ),
    "response.live_only": _noted("E12", "{name!r} has an effect only for NON_BLOCKING functions of the Live API."),
    "media.type": _said("E29", "Unsupported MIME type: {value}"),
    "media.type_unsure": _noted("E29", "The MIME type {value!r} is refused by other backends or models."),
    "media.no_type": _guessed("E29", _FIELD + "must be set.\n"),
    "media.no_data": _guessed("E29", _FIELD + "must not be empty.\n"),
    "media.address": _said("E29", "Invalid or unsupported file uri: {value}"),
    "media.link": _noted(
        "E29", "Links to files outside of Google were refused by this generation before January 2026."
    ),
    "media.frame_rate": _guessed("E29", _FIELD + "must be in the range (0.0, 24.0].\n"),
    "media.resolution": _noted("E29", "'mediaResolution' of a single part exists from Gemini 3 on."),
}

_SIGNATURES: Final = {
    "signature.missing": _said(
        "E13",
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        "call `default_api:{name}` , position {position}. Please refer to "
        "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
        _UNABLE + "function call `{name}` in the {position}. content block is missing a `thought_signature`. Learn "
        "more: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures",
    ),
    "signature.invalid": _said("E14", "Thought signature is not valid."),
    "signature.foreign": _noted(
        "E14",
        "A thought signature of {maker!r} is sent to {model!r}: signatures are bound to the model family.",
    ),
    "signature.plain_dummy": _noted(
        "E14", "Vertex AI may answer with nothing to a dummy signature that is not in base64."
    ),
    "combination.missing": _guessed("E27", _GENERIC),
    "combination.changed": _guessed("E27", _GENERIC),
    "combination.unpaired": _noted("E27", "A {name!r} part came back without the part it belongs to."),
    "combination.unsigned": _noted("E27", "A {name!r} part came back without its thought signature."),
    "continuation.unknown": _guessed("E28", "* GenerateContentRequest.continuation_token: is not valid.\n"),
    "continuation.changed": _guessed(
        "E28", "* GenerateContentRequest.continuation_token: does not match the request it was issued for.\n"
    ),
    "continuation.model": _noted("E28", "Only Gemini 4 and newer hand out continuation tokens."),
}

_TOOLS: Final = {
    "decl.name": _said(
        "E15",
        "* GenerateContentRequest.{path}: Invalid function name. Must start with a letter or an underscore. Must be "
        "alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of "
        "64.\n",
        "The GenerateContentRequest proto is invalid:\n  * {path}: [FIELD_INVALID] Invalid function name. Must start "
        "with a letter or an underscore. Must be a-z, A-Z, 0-9, or contain underscores (_), dots (.), colons (:), or "
        "dashes (-), with a maximum length of 64.",
    ),
    "decl.duplicate": _said("E15", "Duplicate function declaration found: {name}"),
    "decl.too_many": _said(
        "E15",
        "The GenerateContentRequest proto is invalid:\n  * {path}: [FIELD_INVALID] At most 512 function declarations "
        "can be specified.",
    ),
    "decl.unportable_name": _noted(
        "E15", "{name!r} holds dots, colons or dashes: malformed calls become more frequent."
    ),
    "decl.builtin_name": _noted("E15", "{name!r} is the name of one of Gemini's own tools, which confuses the model."),
    "decl.undescribed": _noted("E15", "{name!r} has no description: the model understands it by its name only."),
    "decl.many": _noted("E15", "{count} functions are declared; Google advises 10 to 20 at a time."),
    "decl.behavior": _noted("E15", "'behavior' has an effect in the Live API only."),
    "decl.two_schemas": _guessed("E16", _FIELD + "{old} and {new} are mutually exclusive.\n"),
    "decl.no_object": _guessed(
        "E16",
        "* GenerateContentRequest.{path}: must be of type OBJECT.\n",
        _UNABLE + "`{name}` functionDeclaration parameters schema should be of type OBJECT. Learn more: "
        f"{_DOCS}/multimodal/function-calling",
    ),
    "toolconfig.no_declarations": _said("E19", "Function calling config is set without function_declarations."),
    "toolconfig.names_mode": _guessed(
        "E20", _FIELD + "may be set only when the function calling mode is ANY or VALIDATED.\n"
    ),
    "toolconfig.names_unknown": _guessed("E20", _FIELD + "contains names that are not declared: {names}.\n"),
    "toolconfig.forced_again": _noted(
        "E20", "Mode ANY forces yet another call after the responses: left so, it never ends."
    ),
    "toolconfig.validated": _noted("E20", "Mode VALIDATED exists from Gemini 2.5 on."),
    "tools.function_unsupported": _said("E21", "Tool use with function calling is unsupported"),
    "tools.combine_without_flag": _said(
        "E21",
        "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.",
    ),
    "tools.several": _said("E21", "Multiple tools are supported only when they are all search tools."),
    "tools.legacy_search": _noted("E21", "'googleSearchRetrieval' belongs to Gemini 1.5."),
    "tools.too_new": _noted("E21", "'{name}' exists from Gemini {generation} on."),
    "tools.widget": _noted("E21", "'enableWidget' of Google Maps is being withdrawn."),
    "tools.circulation": _said("E22", "Tool call context circulation is not enabled for models/{model}"),
    "json.with_functions": _said("E23", f"Function calling {_UNSUPPORTED_JSON}"),
    "json.with_tools": _said("E23", f"Tool use {_UNSUPPORTED_JSON}"),
}

_SCHEMAS: Final = {
    "schema.no_type": _said(
        "E17",
        _FIELD + "must be specified when not using one_of, any_of or all_of fields\n",
        _UNABLE + "`{name}` functionDeclaration `{place}` schema didn't specify the schema type field. Learn more: "
        f"{_DOCS}/multimodal/function-calling",
    ),
    "schema.no_type_of_answer": _guessed(
        "E17", _FIELD + "must be specified when not using one_of, any_of or all_of fields\n"
    ),
    "schema.enum_type": _said("E17", _FIELD + "only allowed for STRING type\n"),
    "schema.enum_value": _guessed("E17", _FIELD + "cannot be empty\n"),
    "schema.enum_missing": _said("E17", _FIELD + "should be non-empty for STRING type with enum format\n"),
    "schema.items": _said("E17", _FIELD + "missing field.\n"),
    "schema.properties_type": _said("E17", _FIELD + "only allowed for OBJECT type\n"),
    "schema.properties": _said("E17", _FIELD + "should be non-empty for OBJECT type\n"),
    "schema.required": _said("E17", _FIELD + "property is not defined\n"),
    "schema.format": _said("E17", _FIELD + "only {allowed} are supported for {type} type\n"),
    "schema.depth": _said("E17", "A FunctionDeclaration in the request exceeds the maximum allowed nesting depth."),
    "schema.misplaced": _noted("E17", "{names} say nothing about a value of type {type}."),
    "schema.bounds": _noted("E17", "{low} is above {high}: no value fits."),
    "schema.ordering": _noted("E17", "propertyOrdering names {names}, which are not declared."),
    "schema.parameter_name": _noted(
        "E17", "The parameter {name!r} is no plain name of at most 64 letters, digits and '_'."
    ),
    "schema.reference": _guessed("E17", _FIELD + "reference to undefined schema {name}\n"),
    "schema.reference_beside": _noted(
        "E17", "Beside a reference stand {names}: the service documents that it takes none."
    ),
    "schema.cycle": _guessed("E17", _FIELD + "cyclic reference through required properties: {name}\n"),
    "schema.enum_json": _noted("E17", "An enum holds {names}; texts and numbers are documented to work."),
    "schema.ignored": _noted("E17", "The model is not held to {names}: the service ignores these keywords."),
    "schema.max_items": _said("E18", _GENERIC),
    "schema.max_items_several": _noted("E18", "Several maxItems in a response schema were refused with a bare 400."),
}

_SETTINGS: Final = {
    "thinking.both": _said("E24", _UNABLE + "thinking_budget and thinking_level are not supported together."),
    "thinking.level_unsupported": _said("E24", "Thinking level is not supported for this model."),
    "thinking.level": _said(
        "E24",
        "Thinking level {value} is not supported for this model.",
        _UNABLE
        + f"thinking_level {{value}} is not supported by this model. Learn more: {_DOCS}/model-reference/gemini",
    ),
    "thinking.budget_zero": _said("E24", "Budget 0 is invalid. This model only works in thinking mode."),
    "thinking.budget": _guessed(
        "E24", "The thinking budget {value} is invalid. Please choose a value between {least} and {most}."
    ),
    "thinking.budget_unsupported": _guessed("E24", "Thinking budget is not supported for this model."),
    "thinking.budget_discouraged": _noted("E24", "A thinking budget is taken for compatibility only."),
    "thinking.none": _noted("E24", "This model does not think."),
    "thinking.eats_output": _noted("E24", "The thinking budget {value} leaves nothing of {most} tokens of output."),
    "cache.excludes": _said(
        "E25",
        "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n"
        "\nProposed fix: move those values to CachedContent from GenerateContent request.",
        "Tool config, tools and system instruction should not be set in the request when using cached content.",
    ),
    "cache.name": _said("E25", "Invalid CachedContent name: {value}."),
    "cache.model": _guessed("E25", "Explicit caching is not supported for models/{model}."),
    "config.value": _guessed("E26", _FIELD + "{reason}\n"),
    "config.temperature": _guessed(
        "E26",
        _FIELD + "must be in the range [0.0, 2.0].\n",
        _UNABLE + "it has a temperature value of {value} but the supported range is from 0 (inclusive) to 2.0001 "
        "(exclusive). Update the value and try again.",
    ),
    "config.logprobs": _said("E26", "Logprobs is not enabled for models/{model}"),
    "config.logprobs_new": _said("E26", "Logprobs is not enabled for this model"),
    "config.logprobs_streamed": _said("E26", "LogProbs is not supported in streaming mode"),
    "config.modalities": _said(
        "E26",
        "The requested combination of response modalities ({asked}) is not supported by the model. models/{model} "
        "accepts the following combination of response modalities:\n{listed}",
    ),
    "config.modalities_new": _said("E26", _GENERIC),
    "config.json": _said("E26", "JSON mode is not enabled for models/{model}"),
    "config.functions": _said("E26", "Function calling is not enabled for models/{model}"),
    "config.functions_audio": _guessed("E26", "Function calling is not enabled for models/{model}"),
    "config.sampling": _noted("E26", "{names} are ignored by this model, and will be refused later."),
    "config.output_limit": _noted("E26", "{value} tokens are more than this model can answer with."),
    "config.image": _noted("E26", "'imageConfig' has an effect on image models only."),
    "config.format": _noted("E26", "The shape of 'responseFormat' differs between Google's own documents."),
    "safety.category": _said("E30", _FIELD + "element predicate failed: $.category in ({names})\n"),
    "safety.twice": _guessed("E30", _FIELD + "only one setting per category is allowed.\n"),
    "safety.deprecated": _noted("E30", "{name} is deprecated."),
    "labels.form": _noted(
        "E30", "The label {name!r} is not made of at most 63 lower-case letters, digits, '_' and '-'."
    ),
}

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(_SHAPE | _CONTENTS | _SIGNATURES | _TOOLS | _SCHEMAS | _SETTINGS)
