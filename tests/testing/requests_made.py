"""Requests for the tests of the judge, and what it says about them."""

from typing import Any

from agentkit.testing.finding import Finding, Profile
from agentkit.testing.issued import Issued
from agentkit.testing.rules import check_request

Json = dict[str, Any]

SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
WEATHER: Json = {
    "functionDeclarations": [
        {
            "name": "weather",
            "description": "Weather of a town.",
            "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
        }
    ]
}


def user(*parts: Json | str) -> Json:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def model(*parts: Json | str) -> Json:
    return {"role": "model", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def called(name: str = "weather", call_id: str | None = "a1", *, signed: bool = True) -> Json:
    call = {"name": name, "args": {}} | ({"id": call_id} if call_id else {})
    return {"functionCall": call} | ({"thoughtSignature": SIGNATURE} if signed else {})


def answered(name: str = "weather", call_id: str | None = "a1") -> Json:
    response = {"name": name, "response": {"output": 4}} | ({"id": call_id} if call_id else {})
    return {"functionResponse": response}


def ask(*contents: Json, **rest: Any) -> Json:
    return {"contents": list(contents) or [user("Hi")], **rest}


def judge(
    body: object, on: str = "gemini-3.8-flash", profile: Profile = "google", issued: Issued | None = None
) -> list[Finding]:
    return check_request(body, model=on, profile=profile, issued=issued)


def rules_of(findings: list[Finding], severity: str = "error") -> list[str]:
    return [finding.rule for finding in findings if finding.severity == severity]
