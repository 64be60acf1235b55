"""The judge against recorded traffic: what the real service took must be taken. Skipped where no recordings are."""

from collections.abc import Iterator
from typing import Any

from agentkit.testing.finding import Profile
from agentkit.testing.rules import check_request
from tests.traffic import exchanges, needs_traffic, payloads

pytestmark = needs_traffic

Exchange = dict[str, Any]


def generate_requests(status: int) -> Iterator[Exchange]:
    for exchange in exchanges():
        request = exchange["request"] or {"url_path": ""}
        is_generate = request["url_path"].endswith((":generateContent", ":streamGenerateContent"))
        if is_generate and isinstance(request.get("body"), dict) and exchange["response"]["status"] == status:
            yield exchange


def errors_in(exchange: Exchange) -> list[str]:
    profile: Profile = "vertex" if "vertex" in exchange["features"] else "google"
    findings = check_request(exchange["request"]["body"], model=model_of(exchange), profile=profile)
    return [f"{finding.rule} at {finding.path}" for finding in findings if finding.severity == "error"]


def model_of(exchange: Exchange) -> str:
    """The model that answered: an alias stood for 2.5 in older recordings and for newer models in later ones."""
    asked = exchange["request"]["url_path"].rpartition("/")[2].partition(":")[0]
    answers = payloads(exchange["response"]) if asked.endswith("-latest") else []
    return str(next((answer["modelVersion"] for answer in answers if "modelVersion" in answer), asked))


def test_no_request_that_the_service_took_is_refused() -> None:
    judged = [(exchange["id"], errors_in(exchange)) for exchange in generate_requests(200)]

    print(f"{len(judged)} requests were answered with 200")
    assert [row for row in judged if row[1]] == []


def test_requests_that_the_service_refused_are_counted() -> None:
    judged = [bool(errors_in(exchange)) for exchange in generate_requests(400)]

    # Many refusals have reasons that no rule can see: a wrong key, a file that cannot be fetched.
    print(f"of {len(judged)} requests answered with 400 {sum(judged)} are flagged")
    assert any(judged)
