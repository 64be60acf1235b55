"""The judge against recorded traffic: what the real service took is taken, what it refused is refused in its words.

Skipped where no recordings are. `pytest -s` shows the tables.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from agentkit.models import facts
from agentkit.testing.finding import Finding, Profile
from agentkit.testing.rules import check_request
from tests.traffic import exchanges, needs_traffic, payloads

pytestmark = needs_traffic

Exchange = dict[str, Any]

# Why requests were refused that are fine in themselves, by what the service said.
REASONS = {
    r"API key not valid\.": "the key is wrong",
    r"Cannot fetch content from the provided URL\.": "a file behind a link cannot be fetched",
    r"Unsupported file uri: https://": "links were refused before January 2026 and are taken since (a warning today)",
}
# What names and numbers are in the service's texts; two texts are the same that differ in these only.
NAMES = (
    (r"models/[\w.-]+|this model", "<model>"),
    (r"https?://\S+", "<address>"),
    (r"'[^']*'|\"[^\"]*\"|`[^`]*`", "<name>"),
    (r"\d+(\.\d+)?", "<number>"),
)
COLLECTIONS = ("cachedContents", "files", "fileSearchStores", "batches", "models")


@dataclass(frozen=True)
class Judged:
    """A generate request that was recorded, where it came from, and what the judge says about it."""

    exchange: Exchange
    endpoint: str
    model: str
    profile: Profile
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def status(self) -> int:
        return int(self.exchange["response"]["status"])

    @property
    def refusal(self) -> str:
        """What the service said."""
        [body] = payloads(self.exchange["response"])
        return str(body["error"]["message"])


@functools.cache
def judged() -> list[Judged]:
    """Return every recorded generate request, whichever endpoint carried it, with what the judge says."""
    return [
        judge(exchange, endpoint, body) for exchange in exchanges() for endpoint, body in generate_requests(exchange)
    ]


def endpoint_of(exchange: Exchange) -> str:
    request = exchange["request"]
    if request is None:
        return "only the answer was kept"
    place, _, method = request["url_path"].partition(":")
    return method or f"{request['method']} {next(kind for kind in COLLECTIONS if kind in place.split('/'))}"


def generate_requests(exchange: Exchange) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the generate requests that the body of `exchange` is, or holds."""
    endpoint, body = endpoint_of(exchange), (exchange["request"] or {}).get("body")
    if not isinstance(body, dict):
        return
    match endpoint:
        case "generateContent" | "streamGenerateContent":
            yield endpoint, body
        case "countTokens":
            yield endpoint, body.get("generateContentRequest", body)
        case "batchGenerateContent":
            for item in body["batch"]["inputConfig"]["requests"]["requests"]:
                yield endpoint, item["request"]
        case "POST cachedContents":
            # What is kept in a cache is the beginning of a request; how it goes on is up to the request that uses it.
            yield (
                endpoint,
                {key: body[key] for key in ("systemInstruction", "tools", "toolConfig") if key in body}
                | {"contents": [*body.get("contents", []), {"role": "user", "parts": [{"text": "Go on."}]}]},
            )


def judge(exchange: Exchange, endpoint: str, body: Mapping[str, Any]) -> Judged:
    profile: Profile = "vertex" if "vertex" in exchange["features"] else "google"
    model = model_of(exchange)
    findings = check_request(body, model=model, profile=profile, streamed=endpoint == "streamGenerateContent")
    return Judged(exchange, endpoint, model, profile, tuple(findings))


def model_of(exchange: Exchange) -> str:
    """The model that answered: an alias stood for 2.5 in older recordings and for newer models in later ones."""
    path, body = exchange["request"]["url_path"], exchange["request"]["body"]
    asked = str(body["model"] if path.endswith("/cachedContents") else path).rpartition("/")[2].partition(":")[0]
    answers = payloads(exchange["response"]) if asked.endswith("-latest") else []
    return str(next((answer["modelVersion"] for answer in answers if "modelVersion" in answer), asked))


def plain(text: str) -> str:
    """Return `text` without the names and numbers in it."""
    for pattern, name in NAMES:
        text = re.sub(pattern, name, text)
    return " ".join(text.split())


def reason_of(refusal: str) -> str | None:
    return next((reason for pattern, reason in REASONS.items() if re.match(pattern, refusal)), None)


def refused() -> list[Judged]:
    return [row for row in judged() if row.status == 400]


def test_no_request_that_the_service_took_is_refused(show: Callable[[str], None]) -> None:
    taken = [row for row in judged() if row.status == 200]
    table: dict[tuple[str, ...], Counter[str]] = {}
    for row in taken:
        generation = ".".join(map(str, facts(row.model).generation or ("?",)))
        counts = table.setdefault((generation, row.profile), Counter())
        counts.update({"judged": 1, **Counter(f"{finding.severity}s" for finding in row.findings)})

    lines = [f"{len(taken)} recorded requests that the service took, judged again"]
    lines += [f"   {'model':6} {'profile':8} {'judged':>6} {'errors':>6} {'warnings':>8}"]
    for (generation, profile), counts in sorted(table.items()):
        cells = f"{counts['judged']:6} {counts['errors']:6} {counts['warnings']:8}"
        lines.append(f"   {generation:6} {profile:8} {cells}")
    by_endpoint = Counter(row.endpoint for row in taken)
    show("\n".join([*lines, *(f"   {count:5} {endpoint}" for endpoint, count in by_endpoint.most_common())]))
    assert [(row.exchange["id"], str(row.errors[0])) for row in taken if row.errors] == []


def test_requests_were_taken_at_every_endpoint_that_carries_one() -> None:
    endpoints = {row.endpoint for row in judged() if row.status == 200}

    assert endpoints == {
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "batchGenerateContent",
        "POST cachedContents",
    }


def test_what_the_service_refused_is_refused_in_its_words_or_for_a_reason_outside_the_request(
    show: Callable[[str], None],
) -> None:
    same = Counter(plain(row.refusal) for row in refused() if is_said_alike(row))
    others = Counter(reason_of(row.refusal) for row in refused() if not is_said_alike(row))

    lines = [f"{len(refused())} recorded requests that were refused with 400, judged again"]
    lines += [f"   {same.total()} are refused in the same words"]
    lines += [f"   {count:5} {said[:100]}" for said, count in same.most_common()]
    lines += [f"   {others.total()} are not: it cannot be seen in the request"]
    show("\n".join([*lines, *(f"   {count:5} {reason}" for reason, count in others.most_common())]))
    assert None not in others
    assert same.total() > others.total()


def is_said_alike(row: Judged) -> bool:
    return bool(row.errors) and plain(row.errors[0].message) == plain(row.refusal)


@pytest.mark.parametrize("pattern", REASONS)
def test_a_request_refused_for_a_reason_outside_of_it_breaks_no_rule(pattern: str) -> None:
    rows = [row for row in refused() if re.match(pattern, row.refusal)]

    assert rows
    assert [str(row.errors[0]) for row in rows if row.errors] == []


def test_what_is_not_judged_carries_no_generate_request_or_was_not_refused_for_what_it_says(
    show: Callable[[str], None],
) -> None:
    ids = {row.exchange["id"] for row in judged() if row.status in (200, 400)}
    left_out = [exchange for exchange in exchanges() if exchange["id"] not in ids]
    counts = Counter((endpoint_of(exchange), exchange["response"]["status"]) for exchange in left_out)

    lines = [f"{len(left_out)} exchanges are not judged: they carry no generate request, or have another status"]
    show(
        "\n".join(
            [*lines, *(f"   {count:5} {endpoint}: {status}" for (endpoint, status), count in sorted(counts.items()))]
        )
    )
    assert not [
        exchange["id"]
        for exchange in left_out
        if exchange["response"]["status"] == 400 and list(generate_requests(exchange))
    ]
