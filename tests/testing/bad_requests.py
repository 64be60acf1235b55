"""Minimal bad requests: at least one for every mistake that the judge knows, and one for each of its wordings."""

from dataclasses import dataclass
from typing import Any

from agentkit.testing.finding import Profile, Severity
from agentkit.testing.issued import Issued
from tests.testing.requests_made import SIGNATURE, WEATHER, Json, answered, ask, called, model, user

__all__ = ["BAD_REQUESTS", "BadRequest", "declared", "json_declared", "property_of", "thinking"]


@dataclass(frozen=True)
class BadRequest:
    """A request with one mistake, and a piece of what shall be said about it.

    It is an error, but a warning where the service itself is silent; `severity` says where it is otherwise.
    """

    mistake: str
    body: object
    text: str
    on: str = "gemini-3.8-flash"
    profile: Profile = "google"
    issued: Issued | None = None
    streamed: bool = False
    severity: Severity | None = None

    def __str__(self) -> str:
        return f"{self.mistake}-{self.profile}-{self.on}"


def declared(**declaration: Any) -> Json:
    """A request with one function."""
    return ask(tools=[{"functionDeclarations": [{"name": "f", "description": "Does.", **declaration}]}])


def property_of(**schema: Any) -> Json:
    """A request with one function, whose parameter `x` has `schema` in the older dialect."""
    return declared(parameters={"type": "OBJECT", "properties": {"x": schema}})


def json_declared(**schema: Any) -> Json:
    """A request with one function, whose parameters have `schema` as JSON Schema."""
    return declared(parametersJsonSchema={"type": "object", **schema})


def thinking(**config: Any) -> Json:
    """A request with settings for thinking."""
    return ask(generationConfig={"thinkingConfig": config})


def config(**settings: Any) -> Json:
    """A request with settings for the output."""
    return ask(generationConfig=settings)


def calling(**settings: Any) -> Json:
    """A request with a function and settings for calling it."""
    return ask(tools=[WEATHER], toolConfig={"functionCallingConfig": settings})


def round_of(*answers: Json | str, calls: int = 1) -> Json:
    """A request with calls and `answers`."""
    made = [called(call_id=f"a{number}", signed=number == 1) for number in range(1, calls + 1)]
    return ask(user("Hi"), model(*made), user(*answers))


def response(**fields: Any) -> Json:
    """A request that answers a call with a response of `fields`."""
    return round_of({"functionResponse": {**answered()["functionResponse"], **fields}})


def media(**part: Any) -> Json:
    """A request with one part of media."""
    return ask(user("What is this?", part))


def nested(levels: int) -> Json:
    schema: Json = {"type": "STRING"}
    for _ in range(levels - 1):
        schema = {"type": "OBJECT", "properties": {"x": schema}}
    return schema


def deep(levels: int) -> Json:
    value: Json = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def combination(*parts: Json) -> Json:
    """A request that sends back an answer in which the service itself had searched."""
    return ask(user("Hi"), model(*parts, called()), user(answered()), tools=[WEATHER])


CALL = {"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["Oslo"]}}}
RESPONSE = {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"search_suggestions": "x"}}}
SIGNED = {"thoughtSignature": SIGNATURE}
SEARCH: Json = {"googleSearch": {}}
FLAG: Json = {"includeServerSideToolInvocations": True}
JSON_MODE: Json = {"responseMimeType": "application/json"}
PNG: Json = {"mimeType": "image/png", "data": "AAAA"}
MANY = [{"name": f"f{n}", "description": "Does."} for n in range(513)]
ITEMS = {"type": "array", "items": {"type": "string"}, "maxItems": 500}


def having_searched(issued: Issued) -> tuple[Json, Json, Json]:
    """A call, a search and its outcome, as `issued` remembers to have sent them out in one answer."""
    issued.new_response_id()
    sent = tuple({**part, "thoughtSignature": issued.new_signature()} for part in (CALL, RESPONSE, called()))
    for part in sent:
        issued.remember(part)
    return sent  # type: ignore[return-value]  # three in, three out


def _combinations() -> list[BadRequest]:
    issued = Issued(seed=1)
    call, outcome, function = having_searched(issued)
    changed = {**outcome, "toolResponse": {**RESPONSE["toolResponse"], "response": {}}}

    def back(*parts: Json) -> Json:
        return ask(user("Hi"), model(*parts, function), user(answered()), tools=[WEATHER])

    return [
        BadRequest("combination.missing", back(call), "invalid argument", issued=issued),
        BadRequest("combination.changed", back(call, changed), "invalid argument", issued=issued),
        BadRequest("combination.unpaired", back(call), "without the part it belongs to"),
        BadRequest("combination.unsigned", back(CALL, RESPONSE), "without its thought signature"),
    ]


def _continuations() -> list[BadRequest]:
    issued, on = Issued(seed=2), "gemini-4-hydrogen"
    token = issued.new_continuation_token(ask(user("Hi")))
    return [
        BadRequest("continuation.unknown", ask(continuationToken="AAAA"), "is not valid", on, issued=issued),
        BadRequest("continuation.changed", ask(user("Ho"), continuationToken=token), "not match", on, issued=issued),
        BadRequest("continuation.model", ask(continuationToken=token), "Only Gemini 4", issued=issued),
    ]


def _of_another_model() -> BadRequest:
    issued = Issued(seed=3)
    sent = called(signed=False) | {"thoughtSignature": issued.new_signature()}
    issued.remember(sent, model="gemini-3-flash-preview")
    body = ask(user("Hi"), model(sent), user(answered()))
    return BadRequest("signature.foreign", body, "of 'gemini-3-flash-preview' is sent to 'gemini-3.8", issued=issued)


SHAPE = [
    BadRequest("parse.unknown_field", ask(foo=1), 'Unknown name "foo": Cannot find field.'),
    BadRequest(
        "parse.unknown_field",
        property_of(type="STRING", const=1),
        "Unknown name \"const\" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot",
    ),
    BadRequest(
        "parse.unknown_field", ask(user({"text": "a", "id": "1"})), "Unknown name \"id\" at 'contents[0].parts[0]'"
    ),
    BadRequest("parse.unknown_field", ask(store=True), 'Unknown name "store"', profile="vertex"),
    BadRequest("parse.unknown_field", combination(CALL), 'Unknown name "toolCall"', profile="comet"),
    BadRequest(
        "parse.list_for_scalar",
        declared(parameters={"type": ["STRING", "NULL"]}),
        "Unknown name \"type\" at 'tools[0].function_declarations[0].parameters': Proto field is not repeating",
    ),
    BadRequest("parse.value", property_of(type="STRING", enum=[6]), "properties[0].value.enum[0]' (TYPE_STRING), 6"),
    BadRequest("parse.value", calling(mode="MAYBE"), '"MAYBE"'),
    BadRequest("parse.value", config(seed=2**31), "'generation_config.seed' (TYPE_INT32), 2147483648"),
    BadRequest("parse.value", media(videoMetadata={"startOffset": "2"}), "google.protobuf.Duration"),
    BadRequest("parse.value", ask(generationConfig="warm"), 'v1beta.GenerationConfig), "warm"'),
    BadRequest("parse.value", ask(generationConfig="warm"), "cloud.aiplatform", profile="vertex"),
    BadRequest("parse.base64", ask(model({**called(), "thoughtSignature": "%%"})), "Base64 decoding failed"),
    BadRequest("parse.root", ["contents"], "Root element"),
    BadRequest("parse.depth", ask(labels=deep(100)), "recursion depth reached for key 'a'"),
    BadRequest("parse.oneof", ask(user({"text": "a", **called()})), "oneof field 'data'"),
    BadRequest("response.no_object", response(response="4"), "google.protobuf.Struct"),
    BadRequest("response.list", response(response=[4]), 'Unknown name "response"'),
    BadRequest(
        "tools.flag_unknown",
        ask(tools=[WEATHER, SEARCH], toolConfig=FLAG),
        "Unknown name \"includeServerSideToolInvocations\" at 'tool_config': Cannot find field.",
        profile="vertex",
    ),
]

CONTENTS = [
    BadRequest("contents.empty_part", ask(user("Hi", {})), "contents[0].parts[1].data: required oneof"),
    BadRequest(
        "contents.empty_part", ask(systemInstruction={"parts": [{}]}), "system_instruction.parts[0].data: required"
    ),
    BadRequest("contents.none", {"contents": []}, "contents is not specified"),
    BadRequest(
        "contents.empty_parts", ask(user("Hi"), model(), user("x")), "contents[1].parts: contents.parts must not"
    ),
    BadRequest("contents.empty_parts", ask(user()), "at least one parts field", profile="vertex"),
    BadRequest("contents.bad_role", ask({**user("x"), "role": "tool"}), "role: user, model.", "gemini-3.5-flash"),
    BadRequest("contents.bad_role_new", ask({**user("x"), "role": "function"}), "Role 'function' is not supported."),
    BadRequest("contents.no_role", ask(user("Hi"), model("Yes"), {"parts": [{"text": "x"}]}), "without a role"),
    BadRequest("contents.wrong_side", ask(user(called())), "invalid argument"),
    BadRequest("contents.wrong_side", ask(user("Hi"), model(answered()), user("x")), "invalid argument"),
    BadRequest("contents.code_by_user", ask(user({"executableCode": {"code": "1"}})), "written by the model"),
    BadRequest("contents.system_media", ask(systemInstruction={"parts": [{"inlineData": PNG}]}), "only its texts"),
    BadRequest("turns.call_position", ask(model(called()), user(answered())), "function call turn comes"),
    BadRequest("turns.response_position", ask(user("Hi"), model("Yes"), user(answered())), "function response turn"),
    BadRequest("turns.count", round_of(answered(call_id="a1"), calls=2), "the number of function response parts"),
    BadRequest("turns.count", round_of("And?"), "the number of function response parts"),
    BadRequest(
        "turns.content_between", ask(user("Hi"), model(called()), user("So:"), user(answered())), "stands between"
    ),
    BadRequest("turns.ends_with_model", ask(user("Hi"), model("Yes")), "Requests ending with a model turn"),
    BadRequest("turns.mixed_content", round_of(answered(), "text"), "Requests ending with", severity="warning"),
    BadRequest("turns.mixed_content", round_of(answered(), "text"), "Requests ending", "gemini-3.6-flash", "vertex"),
    BadRequest("response.mismatch", round_of(answered("other")), "The answer is empty", severity="error"),
    BadRequest(
        "response.mismatch",
        round_of(answered("other")),
        "invalid argument",
        "gemini-3.6-flash",
        "vertex",
        severity="warning",
    ),
    BadRequest("response.mismatch", round_of(answered(call_id="zz")), "invalid argument", profile="vertex"),
    BadRequest("response.mismatch", round_of(answered(), answered(), calls=2), "The answer is empty", severity="error"),
    BadRequest("response.no_name", response(name=""), "function_response.name: Name cannot be empty."),
    BadRequest("response.no_id", round_of(answered(call_id=None)), "their order alone"),
    BadRequest("response.missing", response(response=None), "function_response: required field"),
    BadRequest(
        "response.parts", response(parts=[{"inlineData": PNG}]), "`function_response.parts`", "gemini-2.5-flash"
    ),
    BadRequest(
        "response.part_type",
        response(parts=[{"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}]),
        "Unsupported MIME type: audio/mp3",
    ),
    BadRequest("response.reference", response(response={"image": {"$ref": "x"}}), "The referenced name `x`"),
    BadRequest("response.live_only", response(scheduling="SILENT"), "Live API"),
]

MEDIA = [
    BadRequest("media.type", media(inlineData={**PNG, "mimeType": "image/gif"}), "image/gif", "gemini-2.5-flash"),
    BadRequest(
        "media.type_unsure", media(inlineData={**PNG, "mimeType": "text/plain; charset=utf-8"}), "text/plain; ch"
    ),
    BadRequest("media.no_type", media(inlineData={"data": "AAAA"}), "inline_data.mime_type: must be set."),
    BadRequest("media.no_data", media(inlineData={"mimeType": "image/png"}), "inline_data.data: must not be empty."),
    BadRequest("media.no_data", media(fileData={"mimeType": "image/png"}), "file_data.file_uri: must not be empty."),
    BadRequest("media.address", media(fileData={"fileUri": "https://example.com/a"}), "file uri", "gemini-2.0-flash"),
    BadRequest("media.link", media(fileData={"fileUri": "https://example.com/a"}), "before", "gemini-2.5-flash"),
    BadRequest("media.frame_rate", media(inlineData=PNG, videoMetadata={"fps": 25}), "video_metadata.fps: must be in"),
    BadRequest("media.resolution", media(inlineData=PNG, mediaResolution={}), "from Gemini 3 on", "gemini-2.5-flash"),
]

SIGNATURES = [
    BadRequest(
        "signature.missing",
        ask(user("Hi"), model(called(signed=False)), user(answered())),
        "function call `default_api:weather` , position 2.",
    ),
    BadRequest(
        "signature.missing",
        ask(user("Hi"), model(called(signed=False)), user(answered())),
        "function call `weather` in the 2. content block is missing a `thought_signature`",
        "gemini-3-flash-preview",
        "vertex",
    ),
    BadRequest(
        "signature.missing",
        ask(user("Hi"), model(called(signed=False)), user(answered())),
        "is missing a `thought_signature`",
        "gemini-3.1-flash-image",
        "vertex",
        severity="warning",
    ),
    BadRequest(
        "signature.invalid",
        ask(user("Hi"), model({**called(), "thoughtSignature": "AAAA"}), user(answered())),
        "Thought signature is not valid.",
        issued=Issued(),
    ),
    _of_another_model(),
    BadRequest(
        "signature.plain_dummy",
        ask(user("Hi"), model({**called(), "thoughtSignature": "skip_thought_signature_validator"}), user(answered())),
        "not in base64",
        profile="vertex",
        issued=Issued(),
    ),
    *_combinations(),
    *_continuations(),
]

TOOLS = [
    BadRequest("decl.name", declared(name="7 up"), "name: Invalid function name. Must start"),
    BadRequest("decl.name", declared(name="x" * 65), "[FIELD_INVALID] Invalid function name.", profile="vertex"),
    BadRequest("decl.duplicate", ask(tools=[WEATHER, WEATHER]), "Duplicate function declaration found: weather"),
    BadRequest("decl.too_many", ask(tools=[{"functionDeclarations": MANY}]), "At most 512 function declarations"),
    BadRequest("decl.unportable_name", declared(name="a.b"), "malformed calls"),
    BadRequest("decl.builtin_name", declared(name="google_search"), "one of Gemini's own tools"),
    BadRequest("decl.undescribed", declared(description=""), "has no description"),
    BadRequest("decl.many", ask(tools=[{"functionDeclarations": MANY[:21]}]), "21 functions"),
    BadRequest("decl.behavior", declared(behavior="NON_BLOCKING"), "Live API"),
    BadRequest(
        "decl.two_schemas", declared(parameters={"type": "OBJECT"}, parametersJsonSchema={}), "mutually exclusive"
    ),
    BadRequest("decl.no_object", declared(parametersJsonSchema={"type": "string"}), "must be of type OBJECT"),
    BadRequest("decl.no_object", declared(parameters={"type": "STRING"}), "`f` functionDeclaration", profile="comet"),
    BadRequest(
        "toolconfig.no_declarations", ask(toolConfig={"functionCallingConfig": {}}), "without function_declarations"
    ),
    BadRequest(
        "toolconfig.no_declarations",
        ask(tools=[SEARCH], toolConfig={"functionCallingConfig": {}}),
        "without function_declarations",
        severity="warning",
    ),
    BadRequest("toolconfig.names_mode", calling(allowedFunctionNames=["weather"]), "ANY or VALIDATED"),
    BadRequest("toolconfig.names_unknown", calling(mode="ANY", allowedFunctionNames=["nope"]), "nope"),
    BadRequest(
        "toolconfig.forced_again",
        {**calling(mode="ANY"), "contents": round_of(answered())["contents"]},
        "yet another call",
    ),
    BadRequest("toolconfig.validated", calling(mode="VALIDATED"), "from Gemini 2.5 on", "gemini-2.0-flash"),
    BadRequest("tools.function_unsupported", ask(tools=[WEATHER, SEARCH]), "Tool use with", "gemini-2.5-flash"),
    BadRequest("tools.combine_without_flag", ask(tools=[WEATHER, SEARCH]), "Please enable tool_config.include"),
    BadRequest("tools.several", ask(tools=[WEATHER, SEARCH]), "only when they are all search", profile="comet"),
    BadRequest(
        "tools.several",
        ask(tools=[WEATHER, {"functionDeclarations": MANY[:1]}]),
        "only when they are all search",
        "gemini-2.5-flash",
        "vertex",
    ),
    BadRequest("tools.several", ask(tools=[{"urlContext": {}}, SEARCH]), "all search", "gemini-2.5-flash", "vertex"),
    BadRequest("tools.legacy_search", ask(tools=[{"googleSearchRetrieval": {}}]), "Gemini 1.5"),
    BadRequest("tools.too_new", ask(tools=[{"urlContext": {}}]), "exists from Gemini 2.5 on", "gemini-2.0-flash"),
    BadRequest("tools.widget", ask(tools=[{"googleMaps": {"enableWidget": True}}]), "withdrawn"),
    BadRequest(
        "tools.circulation",
        ask(tools=[WEATHER, SEARCH], toolConfig=FLAG),
        "Tool call context circulation is not enabled for models/gemini-2.5-flash",
        "gemini-2.5-flash",
    ),
    BadRequest(
        "json.with_functions",
        ask(tools=[WEATHER], generationConfig=JSON_MODE),
        "Function calling with a response mime type: 'application/json' is unsupported",
        "gemini-2.5-flash",
    ),
    BadRequest(
        "json.with_functions",
        ask(tools=[WEATHER], generationConfig=JSON_MODE),
        "Function calling with a response mime type",
        "gemini-2.0-flash",
        severity="warning",
    ),
    BadRequest("json.with_tools", ask(tools=[SEARCH], generationConfig=JSON_MODE), "Tool use with", "gemini-2.5-flash"),
]

SCHEMAS = [
    BadRequest("schema.no_type", property_of(), "parameters.properties[x].type: must be specified"),
    BadRequest(
        "schema.no_type", property_of(), "`f` functionDeclaration `parameters.x` schema didn't", profile="vertex"
    ),
    BadRequest(
        "schema.no_type_of_answer", config(responseSchema={}, **JSON_MODE), "must be specified", profile="vertex"
    ),
    BadRequest("schema.enum_type", property_of(type="NUMBER", enum=["1"]), "enum: only allowed for STRING type"),
    BadRequest("schema.enum_value", property_of(type="STRING", enum=["a", ""]), "enum[1]: cannot be empty"),
    BadRequest(
        "schema.enum_missing", property_of(type="STRING", format="enum"), "enum: should be non-empty for STRING"
    ),
    BadRequest("schema.items", property_of(type="ARRAY"), "properties[x].items: missing field."),
    BadRequest(
        "schema.properties_type", property_of(type="STRING", properties={"y": {"type": "STRING"}}), "for OBJECT"
    ),
    BadRequest(
        "schema.properties", property_of(type="OBJECT"), "non-empty for OBJECT", "gemini-2.5-flash", severity="warning"
    ),
    BadRequest("schema.required", property_of(type="OBJECT", required=["y"]), "required[0]: property is not defined"),
    BadRequest("schema.required", json_declared(properties={}, required=["y"]), "property is not", severity="warning"),
    BadRequest(
        "schema.format", property_of(type="STRING", format="uri"), "only 'enum' and 'date-time' are supported for"
    ),
    BadRequest("schema.depth", declared(parameters=nested(7)), "nesting depth", "gemini-2.5-flash", severity="warning"),
    BadRequest("schema.misplaced", property_of(type="STRING", maximum=3), "maximum say nothing about"),
    BadRequest("schema.bounds", property_of(type="INTEGER", minimum=2, maximum=1), "minimum is above maximum"),
    BadRequest("schema.ordering", property_of(type="OBJECT", propertyOrdering=["y"]), "propertyOrdering names y"),
    BadRequest("schema.parameter_name", json_declared(properties={"a b": {}}), "'a b' is no plain name"),
    BadRequest(
        "schema.reference", json_declared(properties={"x": {"$ref": "#/$defs/X"}}), "undefined schema #/$defs/X"
    ),
    BadRequest("schema.reference", property_of(ref="#/defs/X"), "undefined schema #/defs/X", profile="vertex"),
    BadRequest(
        "schema.reference_beside",
        json_declared(properties={"x": {"$ref": "#/$defs/X", "title": "X"}}, **{"$defs": {"X": {}}}),
        "Beside a reference stand title",
    ),
    BadRequest(
        "schema.cycle",
        json_declared(
            **{"$ref": "#/$defs/X", "$defs": {"X": {"properties": {"x": {"$ref": "#/$defs/X"}}, "required": ["x"]}}}
        ),
        "cyclic reference through required properties: #/$defs/X",
    ),
    BadRequest(
        "schema.cycle",
        json_declared(
            required=["x"],
            properties={"x": {"anyOf": [{"$ref": "#/$defs/Y"}, {"type": "null"}]}},
            **{"$defs": {"Y": {"items": {"$ref": "#/$defs/Z"}}, "Z": {"$ref": "#/$defs/Y"}}},
        ),
        "cyclic reference through required properties",
    ),
    BadRequest("schema.enum_json", json_declared(properties={"x": {"enum": [None, True]}}), "boolean, null"),
    BadRequest("schema.ignored", json_declared(properties={"x": {"pattern": "a"}}), "not held to pattern"),
    BadRequest("schema.max_items", json_declared(properties={"x": ITEMS, "y": {"items": ITEMS}}), "invalid argument"),
    BadRequest(
        "schema.max_items_several",
        config(responseJsonSchema={"properties": {"x": ITEMS, "y": ITEMS}}, **JSON_MODE),
        "Several maxItems",
    ),
]

SETTINGS = [
    BadRequest("thinking.both", thinking(thinkingLevel="LOW", thinkingBudget=5), "not supported together"),
    BadRequest(
        "thinking.level_unsupported", thinking(thinkingLevel="LOW"), "Thinking level is not", "gemini-2.5-flash"
    ),
    BadRequest("thinking.level", thinking(thinkingLevel="MINIMAL"), "Thinking level MINIMAL is not supported"),
    BadRequest("thinking.level", thinking(thinkingLevel="MINIMAL"), "thinking_level MINIMAL is not", profile="vertex"),
    BadRequest("thinking.budget_zero", thinking(thinkingBudget=0), "only works in thinking mode", "gemini-2.5-pro"),
    BadRequest("thinking.budget", thinking(thinkingBudget=9), "budget 9 is invalid", "gemini-2.5-pro"),
    BadRequest("thinking.budget_unsupported", thinking(thinkingBudget=9), "Thinking budget is not", "gemma-4-31b-it"),
    BadRequest("thinking.budget_discouraged", thinking(thinkingBudget=9), "compatibility only"),
    BadRequest("thinking.none", thinking(thinkingBudget=0), "does not think", "gemini-2.0-flash"),
    BadRequest(
        "thinking.eats_output",
        config(maxOutputTokens=512, thinkingConfig={"thinkingBudget": 512}),
        "leaves nothing of 512",
        "gemini-2.5-flash",
    ),
    BadRequest("cache.excludes", ask(tools=[WEATHER], cachedContent="cachedContents/x"), "CachedContent can not"),
    BadRequest(
        "cache.excludes",
        ask(tools=[WEATHER], cachedContent="cachedContents/x"),
        "Tool config, tools and system instruction should not be set",
        profile="vertex",
    ),
    BadRequest("cache.name", ask(cachedContent="123"), "Invalid CachedContent name: 123."),
    BadRequest("cache.model", ask(cachedContent="cachedContents/x"), "Explicit caching", "gemini-4-neon"),
    BadRequest("config.value", config(maxOutputTokens=0), "max_output_tokens: must be positive"),
    BadRequest("config.value", config(candidateCount=2), "candidate_count: must be between 1 and 1"),
    BadRequest("config.value", config(candidateCount=9), "between 1 and 8", "gemini-2.5-flash"),
    BadRequest("config.value", config(stopSequences=list("abcdef")), "stop_sequences: at most 5"),
    BadRequest("config.value", config(logprobs=2), "logprobs: needs response_logprobs"),
    BadRequest("config.value", config(responseLogprobs=True, logprobs=21), "between 0 and 20", profile="vertex"),
    BadRequest("config.value", config(responseJsonSchema={}), "needs the type application/json"),
    BadRequest("config.value", config(responseMimeType="text/html"), "'text/html' is not supported"),
    BadRequest("config.value", config(responseMimeType="text/x.enum"), "text/x.enum needs an enum"),
    BadRequest(
        "config.value",
        config(responseSchema={"type": "STRING"}, responseJsonSchema={}, **JSON_MODE),
        "response_schema: excludes response_json_schema",
    ),
    BadRequest(
        "config.value", config(speechConfig={"voiceConfig": {}, "multiSpeakerVoiceConfig": {}}), "mutually exclusive"
    ),
    BadRequest("config.temperature", config(temperature=3), "temperature: must be in the range"),
    BadRequest("config.temperature", config(temperature=1000), "a temperature value of 1000 but", profile="vertex"),
    BadRequest(
        "config.logprobs", config(responseLogprobs=True), "for models/gemini-2.5-flash", "gemini-2.5-flash-lite"
    ),
    BadRequest("config.logprobs_new", config(responseLogprobs=True), "Logprobs is not enabled for this model"),
    BadRequest("config.logprobs_streamed", config(responseLogprobs=True), "streaming mode", streamed=True),
    BadRequest("config.modalities", ask(), "modalities (TEXT) is not supported", "gemini-2.5-flash-preview-tts"),
    BadRequest("config.modalities_new", config(responseModalities=["AUDIO"]), "invalid argument"),
    BadRequest("config.json", config(**JSON_MODE), "JSON mode is not enabled for", "gemini-2.5-flash-image"),
    BadRequest("config.functions", ask(tools=[WEATHER]), "Function calling is not enabled", "gemini-2.5-flash-image"),
    BadRequest(
        "config.functions_audio",
        {**config(responseModalities=["AUDIO"]), "tools": [WEATHER]},
        "Function calling is not enabled",
        "gemini-3.1-flash-tts-preview",
    ),
    BadRequest("config.sampling", config(temperature=1, topP=1), "temperature, topP are ignored"),
    BadRequest("config.output_limit", config(maxOutputTokens=70_000), "70000 tokens"),
    BadRequest("config.image", config(imageConfig={}), "image models only"),
    BadRequest("config.format", config(responseFormat={"text": {}}), "The shape of"),
    BadRequest(
        "safety.category",
        ask(safetySettings=[{"category": "HARM_CATEGORY_JAILBREAK", "threshold": "OFF"}]),
        "safety_settings[0]: element predicate failed: $.category in (HarmCategory.HARM_CATEGORY_HATE_SPEECH, ",
    ),
    BadRequest("safety.twice", ask(safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT"}] * 2), "one setting per"),
    BadRequest("safety.deprecated", ask(safetySettings=[{"category": "HARM_CATEGORY_CIVIC_INTEGRITY"}]), "deprecated"),
    BadRequest("labels.form", ask(labels={"Team": "a"}), "'Team' is not made of"),
]

BAD_REQUESTS = [*SHAPE, *CONTENTS, *MEDIA, *SIGNATURES, *TOOLS, *SCHEMAS, *SETTINGS]
