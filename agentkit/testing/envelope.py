"""Errors as each kind of service words and wraps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agentkit.testing.finding import Finding, Profile
from agentkit.testing.items import Fail

__all__ = [
    "HttpError",
    "Refused",
    "error_of_failure",
    "error_of_findings",
    "missing_model",
    "model_not_found",
    "not_found_page",
    "refusal",
]


@dataclass(frozen=True, kw_only=True)
class HttpError:
    """An answer that is an error.

    Attributes:
        status: The HTTP status.
        envelope: The JSON object `{"error": ...}`; `None` if the body is `page`.
        page: A body that is no JSON.
        headers: Headers beyond the content type.
    """

    status: int
    envelope: Mapping[str, Any] | None = None
    page: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Refused(Exception):
    """Ends the handling of a request with an error answer."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(error)
        self.error = error


_GATEWAY_CODES: Final = {400: "invalid_request", 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit"}

_STATUS_NAMES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_USUAL_TEXTS: Final[Mapping[int, str]] = {
    400: "Request contains an invalid argument.",
    401: (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    ),
    402: "Your prepayment credits are depleted.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    429: (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
    ),
    499: "The operation was cancelled.",
    500: (
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting"
    ),
    503: (
        "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again "
        "later."
    ),
    504: "The request timed out. Please try again.",
}
_VERTEX_TEXTS: Final[Mapping[int, str]] = {
    401: (
        "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that "
        "assert a principal. See https://cloud.google.com/docs/authentication"
    ),
    429: (
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
    ),
}
_METRIC: Final = "generativelanguage.googleapis.com/generate_requests_per_model"
_HELP: Final[Mapping[str, Any]] = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [
        {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
    ],
}


def refusal(
    profile: Profile,
    status: int,
    message: str | None = None,
    *,
    code: str | None = None,
    details: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpError:
    """Return an error in the shape of `profile`; the gateway's looks like OpenAI's."""
    text = _usual_text(status, profile) if message is None else message
    if profile == "comet":
        gateway_code = _GATEWAY_CODES.get(status, "") if code is None else code
        body: dict[str, Any] = {"message": text, "type": "comet_api_error", "param": "", "code": gateway_code}
    else:
        body = {"code": status, "message": text, "status": code or _STATUS_NAMES.get(status, "UNKNOWN")}
        if details:
            body["details"] = list(details)
    return HttpError(status=status, envelope={"error": body}, headers=headers or {})


def _usual_text(status: int, profile: Profile) -> str:
    own = _VERTEX_TEXTS.get(status) if profile == "vertex" else None
    return own or _USUAL_TEXTS.get(status, f"The service answered with status {status}.")


def error_of_failure(failure: Fail, profile: Profile, model: str, *, missing: str) -> HttpError:
    """Return the error that a script asks for, in answer to a request to `model`.

    A 404 says `missing` if the script does not say anything: what the service says if there is no such model.
    """
    shape: Profile = "comet" if failure.gateway else "google" if profile == "comet" else profile
    details, message, headers = list(failure.details), failure.message, dict[str, str]()
    if failure.status == 404 and message is None:
        message = missing
    if failure.quota is not None:
        dimensions = {"location": "global", "model": model}
        violation = {"quotaMetric": _METRIC, "quotaId": failure.quota, "quotaDimensions": dimensions}
        quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
        details += [_HELP, quota]
    if failure.retry_after_s is not None and failure.gateway:
        headers["retry-after"] = f"{failure.retry_after_s:g}"
    elif failure.retry_after_s is not None:
        wait = f"{failure.retry_after_s:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait})
        if message is None:
            message = f"{_usual_text(failure.status, shape)}\nPlease retry in {wait}."
    return refusal(shape, failure.status, message, code=failure.code, details=details, headers=headers)


def error_of_findings(findings: Sequence[Finding], profile: Profile) -> HttpError:
    """Return what the service answers: violations of the request's shape all at once, and all lines of one list.

    Where neither the parser nor a list of lines tells, only the first error is told.

    Behind the gateway Vertex AI judges, and its text comes wrapped as an upstream error.
    """
    first = findings[0]
    if not first.is_of_shape:
        findings = [f for f in findings if f is first or (_is_line(first) and _is_line(f) and f.severity == "error")]
    text = ("" if _is_line(first) else "\n").join(finding.message for finding in findings)
    if profile == "comet":
        body = {"message": text, "type": "upstream_error", "param": "", "code": first.status}
        return HttpError(status=first.status, envelope={"error": body})
    details: list[Mapping[str, Any]] = []
    if first.is_of_shape:
        violations = [{"field": finding.path, "description": finding.message} for finding in findings]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    return refusal(profile, first.status, text, code=first.status_name, details=details)


def _is_line(finding: Finding) -> bool:
    """Whether it is a line of Google's list of field errors, which end in line breaks."""
    return finding.message.startswith("* ") and finding.message.endswith("\n")


def model_not_found(profile: Profile, model: str, *, method: str, version: str, place: str) -> HttpError:
    """Return the answer to a request for a model that does not exist; `missing_model` tells of the arguments."""
    message = missing_model(profile, model, method=method, version=version, place=place)
    return refusal(profile, 404, message)


def missing_model(profile: Profile, model: str, *, method: str, version: str, place: str) -> str:
    """Return what is said of a model that does not exist, or not for `method`.

    Args:
        profile: Who answers.
        model: The model's id.
        method: What was asked of it.
        version: The API's version.
        place: On Vertex AI where the model was looked for: `projects/p/locations/l/`.
    """
    if profile == "vertex" and place:
        return f"Publisher Model `{place}publishers/google/models/{model}` not found."
    method = "generateContent" if method == "streamGenerateContent" else method
    return (
        f"models/{model} is not found for API version {version}, or is not supported for {method}. Call "
        "ModelService.ListModels to see the list of available models and their supported methods."
    )


def not_found_page(profile: Profile, path: str) -> HttpError:
    """Return the answer to an address that leads nowhere: a page, or from the gateway a redirect to its front page."""
    if profile == "comet":
        return HttpError(status=301, page="", headers={"location": "/"})
    shown = json.dumps(path)[1:-1].replace("&", "&amp;").replace("<", "&lt;")
    page = (
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n"
        f"  <p><b>404.</b> <ins>That's an error.</ins>\n  <p>The requested URL <code>{shown}</code> was not found on "
        "this server. <ins>That's all we know.</ins>\n"
    )
    return HttpError(status=404, page=page)
