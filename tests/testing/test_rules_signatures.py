"""Whose thought signatures the judge takes: its own, those of servers like it, and the documented dummies."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.testing.issued import DUMMY_SIGNATURES, Issued, decode_base64
from tests.testing.requests_made import answered, ask, called, judge, model, rules_of, user


def test_a_signature_that_was_never_issued_is_refused() -> None:
    foreign = called() | {"thoughtSignature": base64.b64encode(b"made up").decode()}
    body = ask(user("Hi"), model(foreign), user(answered()))

    assert rules_of(judge(body, issued=Issued())) == ["E14"]
    assert rules_of(judge(body)) == []


def test_a_documented_dummy_passes_as_a_signature() -> None:
    body = ask(user("Hi"), model(called()), user(answered()))

    assert judge(body, issued=Issued()) == []


def test_a_signature_of_another_server_of_this_kind_passes() -> None:
    signed = called() | {"thoughtSignature": Issued().new_signature()}

    assert judge(ask(user("Hi"), model(signed), user(answered())), issued=Issued()) == []


def test_a_signature_moved_to_another_call_is_refused() -> None:
    issued = Issued()
    sent = called("weather") | {"thoughtSignature": issued.new_signature()}
    issued.remember(sent)
    moved = called("other") | {"thoughtSignature": sent["thoughtSignature"]}

    findings = judge(ask(user("Hi"), model(moved), user(answered("other"))), issued=issued)

    assert [(finding.rule, finding.severity) for finding in findings] == [("E14", "error")]


@pytest.mark.parametrize("dummy", DUMMY_SIGNATURES)
def test_dummies_are_taken_as_they_are_and_in_base64(dummy: str) -> None:
    forms = [dummy, base64.b64encode(dummy.encode()).decode(), base64.urlsafe_b64encode(dummy.encode()).decode()]

    assert all(Issued().vouches_for(form) for form in forms)


@given(data=st.binary(max_size=40))
def test_base64_is_read_in_both_alphabets_and_without_padding(data: bytes) -> None:
    forms = [base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()]

    assert {decode_base64(form) for form in forms} | {decode_base64(form.rstrip("=")) for form in forms} == {data}


def test_a_shortened_signature_is_not_known() -> None:
    signature = Issued().new_signature()

    assert not Issued().vouches_for(signature[:-4])
