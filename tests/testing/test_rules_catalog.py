"""The catalog of rules: complete, up to date as a table, and each of its sentences is said about some request."""

from pathlib import Path

import pytest

from agentkit.testing import Finding, catalog, check_request
from agentkit.testing.catalog import CATALOG, to_markdown
from agentkit.testing.finding import backend_of
from agentkit.testing.rules_texts import TEXTS
from tests.testing.bad_requests import BAD_REQUESTS, BadRequest


def judge(bad: BadRequest) -> list[Finding]:
    return check_request(bad.body, model=bad.on, profile=bad.profile, issued=bad.issued, streamed=bad.streamed)


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=str)
def test_the_mistake_is_found_and_told_in_these_words(bad: BadRequest) -> None:
    is_silent = TEXTS[bad.mistake].source_on(backend_of(bad.profile)) == "silent"
    severity = bad.severity or ("warning" if is_silent else "error")

    found = [finding for finding in judge(bad) if (finding.mistake, finding.severity) == (bad.mistake, severity)]

    assert any(bad.text in finding.message for finding in found), judge(bad)


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=str)
def test_every_finding_is_what_the_catalog_says_of_its_code(bad: BadRequest) -> None:
    for finding in judge(bad):
        entry = CATALOG[finding.code]

        assert entry.rule == finding.rule
        assert bad.profile in entry.profiles
        assert entry.weight in (finding.severity, "both")
        assert finding.fix


def test_every_code_has_a_bad_request_that_produces_it() -> None:
    assert {finding.code for bad in BAD_REQUESTS for finding in judge(bad)} == CATALOG.keys()


def test_every_sentence_is_said_about_some_request_by_each_who_has_words_of_its_own() -> None:
    sentences = {(mistake, "google") for mistake in TEXTS}
    sentences |= {(mistake, "vertex") for mistake, text in TEXTS.items() if text.vertex is not None}
    only_vertex = {("signature.plain_dummy", "google"), ("tools.flag_unknown", "google"), ("tools.several", "google")}
    only_vertex |= {("schema.no_type_of_answer", "google")}

    said = {(bad.mistake, backend_of(bad.profile)) for bad in BAD_REQUESTS}

    assert not sentences - only_vertex - said


@pytest.mark.parametrize("weight", ["error", "warning"])
def test_a_rule_of_both_kinds_finds_both(weight: str) -> None:
    found = {finding.code for bad in BAD_REQUESTS for finding in judge(bad) if finding.severity == weight}

    assert found == {code for code, entry in CATALOG.items() if entry.weight in (weight, "both")}


def test_the_codes_are_the_rules_numbers_without_a_gap() -> None:
    assert list(CATALOG) == [f"AK{100 + number}" for number in range(1, 31)]


def test_the_table_beside_the_catalog_is_up_to_date() -> None:
    kept = Path(catalog.__file__).with_name("RULES.md").read_text("utf-8")

    assert kept == to_markdown(), "run: python -m agentkit.testing.catalog > agentkit/testing/RULES.md"
