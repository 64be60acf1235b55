"""The steps of `agentkit doctor`: each asks one thing of an endpoint, and says what the answer means."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agentkit._status import excerpt
from agentkit.cli.doctor_probe import Answer, AuthForm, Probe
from agentkit.models import facts
from agentkit.testing.lenient import as_list, as_object

__all__ = ["STEPS", "Found", "Patient", "Step", "Verdict"]

Verdict = Literal["yes", "limited", "no", "failed", "not tried"]
"""`limited` works with a loss; `no` is an answer, too; `failed` is none."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one step found.

    Attributes:
        verdict: In one word.
        means: What follows for a program.
        learned: Fields of `Capabilities`.
    """

    verdict: Verdict
    means: str
    learned: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(kw_only=True)
class Patient:
    """The endpoint under examination, and what later steps need of earlier ones."""

    probe: Probe
    plain: Answer | None = None
    is_silent: bool = False
    forms: list[AuthForm] = field(default_factory=list[AuthForm])
    call: dict[str, object] = field(default_factory=dict[str, object])
    declared: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Step:
    """One question.

    Attributes:
        name: As it is shown.
        kind: `"key"` finds out how to send the key, `"model"` asks the model, `"address"` only looks for something.
        essential: Steps of which nothing works without; of those with the same word, one is enough.
        requests: About how many.
        tokens: About how many.
    """

    name: str
    kind: Literal["key", "model", "address"]
    ask: Callable[[Patient], Awaitable[Found]]
    essential: str = ""
    requests: int = 1
    tokens: int = 0


_ONCE_MORE: Final = "Nothing is known about this: run the doctor again later."
_QUESTION: Final = "What is the temperature in Oslo now? Call get_temperature."
_PROPERTY: Final = "A town, for example Oslo."
_JSON_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": _PROPERTY}},
    "required": ["city"],
    "additionalProperties": False,
}
_OPENAPI: Final[Mapping[str, Any]] = {
    "type": "OBJECT",
    "properties": {"city": {"type": "STRING", "description": _PROPERTY}},
    "required": ["city"],
}
_PLACEHOLDER: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # documented: protocol sheet, section 5


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text}]}


def _asking(text: str, **fields: Any) -> dict[str, Any]:
    return {"contents": [_user(text)], **fields}


def _declaring(key: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    declaration = {"name": "get_temperature", "description": "The temperature of a town now, in degrees Celsius."}
    return {"functionDeclarations": [{**declaration, key: schema}]}


def _not_good(answer: Answer, **learned: Any) -> Found:
    """Say that a request was refused: `learned` holds only if it would be again."""
    if answer.may_pass:
        return Found(verdict="failed", means=f"{answer.said} {_ONCE_MORE}")
    return Found(verdict="no", means=answer.said, learned=learned)


def _with_key(form: AuthForm) -> Callable[[Patient], Awaitable[Found]]:
    async def ask(patient: Patient) -> Found:
        answer = await patient.probe.generate(_asking("Say OK."), form=form)
        if answer.refuses_key and patient.forms:
            return Found(verdict="no", means=f"Not taken ({answer.short}), and not needed.")
        if answer.refuses_key:
            return Found(verdict="no", means=answer.said)
        is_first = not patient.forms
        if is_first:
            patient.probe.form, patient.plain = form, answer
        patient.forms.append(form)
        if not answer.good:
            return Found(verdict="limited", means=f"Not refused, but nothing better came: {answer.said}")
        means = "The key is taken; all that follows sends it so." if is_first else "Taken, too."
        return Found(verdict="yes", means=means, learned={"auth": tuple(patient.forms)})

    return ask


async def _plain(patient: Patient) -> Found:
    answer = patient.plain or await patient.probe.generate(_asking("Say OK."))
    patient.is_silent = not answer.good or not answer.candidate
    if not answer.good:
        return Found(verdict="failed", means=answer.said)
    if not answer.candidate:
        return Found(verdict="failed", means="A JSON object without candidates: this does not speak Gemini's protocol.")
    if not as_object(answer.json).get("usageMetadata"):
        return Found(verdict="limited", means="No usageMetadata: tokens, costs and their limits cannot be counted.")
    return Found(verdict="yes", means=f"{as_object(answer.json).get('modelVersion', 'The model')} answers.")


async def _stream(patient: Patient) -> Found:
    answer = await patient.probe.post("streamGenerateContent?alt=sse", _asking("Count from 1 to 20, in words."))
    if answer.error is not None or answer.status != 200:
        return _not_good(answer, stream=False)
    if failed := next((as_object(event["error"]) for event in answer.events if "error" in event), None):
        return Found(verdict="failed", means=f"An error in the stream: {excerpt(str(failed.get('message')), 130)}")
    last = [as_object(one) for event in answer.events for one in as_list(event.get("candidates"))]
    if not last:
        means = f"No events came, but {answer.kind or 'no content type'}: use run(), not stream()."
        return Found(verdict="no", means=means, learned={"stream": False})
    lacks = [
        what
        for what, there in (
            ("the content type text/event-stream", answer.kind.startswith("text/event-stream")),
            ("a finish reason", any(one.get("finishReason") for one in last)),
            ("usageMetadata", any(event.get("usageMetadata") for event in answer.events)),
        )
        if not there
    ]
    if "a finish reason" in lacks:
        means = "The stream ends without a finish reason, so it cannot be told from one that was cut."
        return Found(verdict="no", means=means, learned={"stream": False})
    if lacks:
        return Found(verdict="limited", means=f"Lacks {' and '.join(lacks)}.", learned={"stream": True})
    count = len(answer.events)
    means = f"{count} event{'' if count == 1 else 's'}, with an end and with usage."
    return Found(verdict="yes", means=means, learned={"stream": True})


async def _json_schema(patient: Patient) -> Found:
    return await _calling(patient, _declaring("parametersJsonSchema", _JSON_SCHEMA), "json_schema")


async def _openapi(patient: Patient) -> Found:
    return await _calling(patient, _declaring("parameters", _OPENAPI), "openapi")


async def _calling(patient: Patient, tool: Mapping[str, Any], dialect: str) -> Found:
    """Have the model call the function; the first dialect that works is used from then on."""
    config = {"functionCallingConfig": {"mode": "ANY"}}
    answer = await patient.probe.generate(_asking(_QUESTION, tools=[tool], toolConfig=config))
    if not answer.good:
        return _not_good(answer)
    call = next((as_object(part["functionCall"]) for part in answer.parts if "functionCall" in part), None)
    if call is None:
        return Found(verdict="no", means="It answers without a call, though a call was demanded: functions get lost.")
    if not as_object(call.get("args")).get("city"):
        return Found(verdict="no", means="The call lacks the argument that the schema requires: the schema gets lost.")
    is_first = not patient.call
    if not is_first:
        return Found(verdict="yes", means="Works, too.")
    patient.call, patient.declared = answer.content, tool
    model, lost = facts(patient.probe.model), list[str]()
    has_id, has_signature = bool(call.get("id")), any(part.get("thoughtSignature") for part in answer.parts)
    learned: dict[str, Any] = {"schema_dialect": dialect}
    if model.call_ids or has_id:
        learned["call_ids"] = has_id
    if model.signatures_enforced or has_signature:
        learned["signatures"] = has_signature
    if model.call_ids and not has_id:
        lost.append("Calls have no ids: agentkit tells them apart by their order.")
    if model.signatures_enforced and not has_signature:
        lost.append("Thought signatures are lost: the model forgets why it called; see the round trip.")
    if lost:
        return Found(verdict="limited", means=" ".join(lost), learned=learned)
    what = [name for name, there in (("an id", has_id), ("a signature", has_signature)) if there]
    means = f"The call has {' and '.join(what)}." if what else "The call has no id and no signature, as is usual here."
    return Found(verdict="yes", means=means, learned=learned)


async def _round_trip(patient: Patient) -> Found:
    """Send the call back with its result; where that is refused, look for what must be left out or put in."""
    if not patient.call:
        return Found(verdict="not tried", means="There is no call that could be answered.")
    has_id = any(as_object(part.get("functionCall")).get("id") for part in map(as_object, _parts(patient.call)))
    has_signature = any(as_object(part).get("thoughtSignature") for part in _parts(patient.call))
    first: Answer | None = None
    for with_id in (True, False) if has_id else (False,):
        for signed in (has_signature,) if has_signature else (False, True):
            answer = await patient.probe.generate(_answered(patient, with_id=with_id, signed=signed))
            first = first or answer
            if answer.good:
                return _came_back(answer, has_id, with_id, has_signature, signed)
            if answer.may_pass:
                return _not_good(answer)
    return Found(verdict="no", means=first.said if first else "")


def _came_back(answer: Answer, has_id: bool, with_id: bool, has_signature: bool, signed: bool) -> Found:
    learned: dict[str, Any] = {"takes_call_ids": with_id} if has_id else {}
    losses: list[str] = []
    if has_id and not with_id:
        losses.append("Ids are refused when they come back: agentkit leaves them out with this capability file.")
    if signed and not has_signature:
        losses.append("Refused without signatures; goes with Google's placeholder, which agentkit then sends.")
    if not answer.text:
        losses.append("The result was taken, but no text came back.")
    if losses:
        return Found(verdict="limited", means=" ".join(losses), learned=learned)
    return Found(verdict="yes", means="The call went back with its result, and the model answered.", learned=learned)


def _parts(content: Mapping[str, object]) -> list[dict[str, object]]:
    return [as_object(part) for part in as_list(content.get("parts"))]


def _answered(patient: Patient, *, with_id: bool, signed: bool) -> dict[str, Any]:
    """Return the request with the call and its response; `signed` puts in a placeholder where a signature lacks."""
    said: list[dict[str, object]] = []
    responses: list[dict[str, object]] = []
    for part in _parts(patient.call):
        call = as_object(part.get("functionCall"))
        if call:
            kept = {name: value for name, value in call.items() if name != "id" or with_id}
            part = {**part, "functionCall": kept}
            if signed and not responses and not part.get("thoughtSignature"):
                part["thoughtSignature"] = _PLACEHOLDER
            response = {"name": call.get("name"), "response": {"output": {"celsius": 4}}}
            responses.append({"functionResponse": response | ({"id": kept["id"]} if "id" in kept else {})})
        said.append(part)
    contents = [_user(_QUESTION), {**patient.call, "parts": said}, {"role": "user", "parts": responses}]
    return {"contents": contents, "tools": [patient.declared]}


def _builtin(kind: str, prompt: str, evidence: Callable[[Answer], object]) -> Callable[[Patient], Awaitable[Found]]:
    async def ask(patient: Patient) -> Found:
        answer = await patient.probe.generate(_asking(prompt, tools=[{kind: {}}]))
        if not answer.good:
            return _not_good(answer, builtins=())
        used = bool(evidence(answer))
        means = "The model used it." if used else "Taken, but the model did not use it: it may be ignored."
        return Found(verdict="yes" if used else "limited", means=means, learned={"builtins": (kind,)})

    return ask


def _is_grounded(answer: Answer) -> object:
    return answer.candidate.get("groundingMetadata")


def _ran_code(answer: Answer) -> object:
    return any("executableCode" in part for part in answer.parts)


def _read_url(answer: Answer) -> object:
    return answer.candidate.get("urlContextMetadata")


async def _combination(patient: Patient) -> Found:
    if not facts(patient.probe.model).builtins_with_functions:
        return Found(verdict="not tried", means=f"{patient.probe.model} cannot: it takes a model of Gemini 3 or newer.")
    tools: list[dict[str, Any]] = [_declaring("parameters", _OPENAPI), {"googleSearch": {}}]
    config = {"includeServerSideToolInvocations": True}
    answer = await patient.probe.generate(_asking("Say OK.", tools=tools, toolConfig=config))
    if not answer.good:
        return _not_good(answer, builtins_with_functions=False)
    return Found(verdict="yes", means="Taken in one request.", learned={"builtins_with_functions": True})


async def _bad_model(patient: Patient) -> Found:
    answer = await patient.probe.generate(_asking("Say OK."), model="agentkit-doctor-no-such-model")
    return _shape(answer, 404, "A model that does not exist is answered all the same: by which one?")


async def _bad_field(patient: Patient) -> Found:
    answer = await patient.probe.generate(_asking("Say OK.", agentkitDoctor=1))
    return _shape(answer, 400, "Unknown fields are ignored: a misspelt setting goes unnoticed.")


def _shape(answer: Answer, usual: int, if_good: str) -> Found:
    if answer.good:
        return Found(verdict="limited", means=if_good)
    if answer.may_pass and answer.status in (429, 503):
        return _not_good(answer)
    told = as_object(as_object(answer.json).get("error"))
    if isinstance(told.get("code"), int) and isinstance(told.get("status"), str):
        shape, what = "google", "Google's shape"
    elif told.get("message") and "type" in told:
        shape, what = "openai", "the shape of OpenAI's errors"
    else:
        shape, what = "other", f"no error object ({answer.kind or 'no content type'})"
    wrong = "" if answer.status == usual else f", where Google says {usual}"
    verdict: Verdict = "yes" if shape == "google" and not wrong else "limited"
    hint = "" if shape == "google" else " Details (quota, field, retry delay) may be lost."
    return Found(verdict=verdict, means=f"{answer.short}{wrong}, in {what}.{hint}", learned={"errors": shape})


async def _count(patient: Patient) -> Found:
    answer = await patient.probe.post("countTokens", _asking("Say OK."))
    count = as_object(answer.json).get("totalTokens")
    if not answer.good or not isinstance(count, int):
        return _not_good(answer, count_tokens=False)
    return Found(verdict="yes", means="Works.", learned={"count_tokens": True})


async def _models(patient: Patient) -> Found:
    answer = await patient.probe.get(f"{patient.probe.root}/models?pageSize=1000")
    listed = [as_object(one) for one in as_list(as_object(answer.json).get("models"))]
    if not answer.good or not listed:
        return _not_good(answer, list_models=False)
    names = {str(one.get("name", "")).rpartition("/")[2] for one in listed}
    there = "is" if patient.probe.model.rpartition("/")[2] in names else "is not"
    means = f"{len(listed)} models; {patient.probe.model} {there} among them."
    return Found(verdict="yes", means=means, learned={"list_models": True})


def _listing(path: str, name: str, without: str) -> Callable[[Patient], Awaitable[Found]]:
    async def ask(patient: Patient) -> Found:
        answer = await patient.probe.get(f"{patient.probe.resources}/{path}?pageSize=1")
        if answer.good:
            return Found(verdict="yes", means="Can be listed.", learned={name: True})
        found = _not_good(answer, **{name: False})
        return Found(verdict=found.verdict, means=f"{without} ({found.means})", learned=found.learned)

    return ask


STEPS: Final = (
    Step(name="key as x-goog-api-key", kind="key", ask=_with_key("x-goog-api-key"), essential="a key", tokens=80),
    Step(name="key as bearer", kind="key", ask=_with_key("bearer"), essential="a key", tokens=80),
    Step(name="key in the URL", kind="key", ask=_with_key("query"), essential="a key", tokens=80),
    Step(name="plain answer", kind="address", ask=_plain, essential="an answer", requests=0),
    Step(name="list of models", kind="address", ask=_models),
    Step(name="stream", kind="model", ask=_stream, essential="a stream", tokens=200),
    Step(name="count of tokens", kind="model", ask=_count),
    Step(name="parametersJsonSchema", kind="model", ask=_json_schema, essential="functions", tokens=250),
    Step(name="parameters", kind="model", ask=_openapi, essential="functions", tokens=250),
    Step(name="round trip of a call", kind="model", ask=_round_trip, essential="a round trip", tokens=300),
    Step(
        name="Google Search",
        kind="model",
        ask=_builtin("googleSearch", "What is the date of the next full moon? Search.", _is_grounded),
        tokens=500,
    ),
    Step(
        name="code execution",
        kind="model",
        ask=_builtin("codeExecution", "Run Python: print(2**10).", _ran_code),
        tokens=500,
    ),
    Step(
        name="URL context",
        kind="model",
        ask=_builtin("urlContext", "What is the title of https://example.com?", _read_url),
        tokens=600,
    ),
    Step(
        name="Google Maps",
        kind="model",
        ask=_builtin("googleMaps", "Name one cafe near the Oslo Opera House.", _is_grounded),
        tokens=500,
    ),
    Step(name="search beside functions", kind="model", ask=_combination, tokens=300),
    Step(name="error: unknown model", kind="address", ask=_bad_model),
    Step(name="error: unknown field", kind="model", ask=_bad_field),
    Step(name="files", kind="address", ask=_listing("files", "files", "Large media must be sent inline.")),
    Step(
        name="cached contents",
        kind="address",
        ask=_listing("cachedContents", "caches", "Long prompts cannot be kept there."),
    ),
)
