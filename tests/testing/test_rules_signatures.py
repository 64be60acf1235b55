"""What must come back as it was handed out: signatures, parts of the service's own tools, continuation tokens."""

import base64
import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.testing.issued import DUMMY_SIGNATURES, Issued, decode_base64
from tests.testing.bad_requests import having_searched
from tests.testing.requests_made import SIGNATURE, Json, answered, ask, called, judge, model, rules_of, user


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


@pytest.mark.parametrize(
    ("maker", "asked"),
    [
        pytest.param("gemini-3.8-flash", "gemini-3.8-flash", id="the-same-model"),
        pytest.param("gemini-3.5-flash-lite", "gemini-3.5-flash", id="the-same-generation"),
        pytest.param("gemini-flash-latest", "gemini-3.8-flash", id="an-alias-of-whatever"),
        pytest.param(None, "gemini-3.8-flash", id="nobody-knows-whose"),
    ],
)
def test_only_a_signature_of_another_generation_is_told_to_be_foreign(maker: str | None, asked: str) -> None:
    issued = Issued()
    sent = called() | {"thoughtSignature": issued.new_signature()}
    issued.remember(sent, model=maker)

    assert judge(ask(user("Hi"), model(sent), user(answered())), on=asked, issued=issued) == []


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


def send(issued: Issued, name: str, signature: str = "") -> Json:
    issued.new_response_id()
    sent = called(name) | {"thoughtSignature": signature or issued.new_signature()}
    issued.remember(sent)
    return sent


def test_a_signature_that_is_forgotten_proves_itself_but_not_its_part() -> None:
    issued = Issued(keep=2)
    sent = [send(issued, name) for name in ("first", "second", "third")]
    moved = [called("other") | {"thoughtSignature": part["thoughtSignature"]} for part in sent]

    judged = [judge(ask(user("Hi"), model(part), user(answered("other"))), issued=issued) for part in moved]

    assert [rules_of(findings) for findings in judged] == [[], ["E14"], ["E14"]]


def test_a_signature_that_is_sent_out_again_is_not_forgotten() -> None:
    issued = Issued(keep=2)
    recorded = base64.b64encode(b"recorded elsewhere").decode()
    send(issued, "weather", recorded)
    send(issued, "second")
    send(issued, "weather", recorded)
    send(issued, "third")

    assert issued.vouches_for(recorded)
    assert issued.part_of(recorded) == called("weather") | {"thoughtSignature": recorded}


def test_a_token_that_is_forgotten_still_belongs_to_its_request() -> None:
    issued = Issued(keep=1)
    first, other = ask(user("Write a book.")), ask(user("Write another."))
    token = issued.new_continuation_token(first)
    issued.new_continuation_token(other)

    assert issued.vouches_for_token(token)
    assert issued.continues(token, first)
    assert not issued.continues(token, other)


def test_what_is_remembered_takes_no_more_room_with_every_answer() -> None:
    issued = Issued(keep=50)
    held: list[int] = []
    tracemalloc.start()
    try:
        for answers in (200, 2000):
            for _ in range(answers):
                having_searched(issued)
                send(issued, "weather")
                issued.new_continuation_token(ask(user("Hi")))
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

    assert held[1] < held[0] * 1.1


def mistakes_of(body: Json, issued: Issued, on: str = "gemini-3.8-flash") -> list[tuple[str, str]]:
    return [(finding.mistake, finding.severity) for finding in judge(body, on, issued=issued)]


def test_an_answer_with_a_search_that_comes_back_whole_is_fine() -> None:
    issued = Issued()
    parts = having_searched(issued)

    assert mistakes_of(ask(user("Hi"), model(*parts), user(answered())), issued) == []


def test_a_signature_may_come_back_in_the_other_alphabet_of_base64() -> None:
    issued = Issued()
    parts = having_searched(issued)
    back = [
        {**part, "thoughtSignature": part["thoughtSignature"].translate(str.maketrans("+/", "-_"))} for part in parts
    ]

    assert mistakes_of(ask(user("Hi"), model(*back), user(answered())), issued) == []


def test_a_signed_image_may_come_back_in_the_other_alphabet_of_base64() -> None:
    issued = Issued()
    sent = {"inlineData": {"mimeType": "image/png", "data": "+/+/"}, "thoughtSignature": issued.new_signature()}
    issued.remember(sent)
    back = {**sent, "inlineData": {"mimeType": "image/png", "data": "-_-_"}}

    assert mistakes_of(ask(user("Hi"), model(back), user("And?")), issued, "gemini-3-pro-image") == []


def test_a_search_that_is_missing_in_the_current_turn_is_an_error_and_in_an_earlier_one_a_warning() -> None:
    issued = Issued()
    *_, call = having_searched(issued)
    step = [user("Hi"), model(call), user(answered())]

    current, earlier = mistakes_of(ask(*step), issued), mistakes_of(ask(*step, model("4"), user("Ok")), issued)

    assert current == [("combination.missing", "error")] * 2
    assert earlier == [("combination.missing", "warning")] * 2


def test_of_an_answer_without_a_search_no_search_is_asked_back() -> None:
    issued = Issued()
    having_searched(issued)
    issued.new_response_id()
    call = {**called(call_id="other"), "thoughtSignature": issued.new_signature()}
    issued.remember(call)

    assert mistakes_of(ask(user("Hi"), model(call), user(answered(call_id="other"))), issued) == []


def test_a_dummy_signature_ties_no_content_to_an_answer() -> None:
    issued = Issued()
    issued.new_response_id()
    issued.remember({"toolCall": {"id": "t"}, "thoughtSignature": SIGNATURE})

    assert mistakes_of(ask(user("Hi"), model(called()), user(answered())), issued) == []


def test_a_continuation_token_is_taken_by_any_server_of_this_kind_for_the_same_request_with_a_larger_budget() -> None:
    body = ask(user("Write."), generationConfig={"maxOutputTokens": 9, "topK": 1})
    token = Issued(seed=1).new_continuation_token(body)
    again = {**body, "generationConfig": {"maxOutputTokens": 99, "topK": 1}, "continuationToken": token}

    findings = judge(again, "gemini-4-neon", issued=Issued(seed=2))

    assert rules_of(findings) == []


def test_a_signature_is_no_continuation_token() -> None:
    issued = Issued()
    issued.new_continuation_token(ask())
    body = ask(continuationToken=issued.new_signature())

    assert mistakes_of(body, issued, "gemini-4-neon") == [("continuation.unknown", "error")]


def test_a_token_is_doubted_only_by_a_server_that_issued_none() -> None:
    assert mistakes_of(ask(continuationToken="AAAA"), Issued(), "gemini-4-neon") == [
        ("continuation.unknown", "warning")
    ]


def test_the_token_of_a_recorded_answer_belongs_to_the_request_it_answered() -> None:
    issued, body = Issued(), ask(user("Write."))
    issued.remember_token("AAAA", body)

    same, other = ({**asked, "continuationToken": "AAAA"} for asked in (body, ask(user("Sing."))))

    assert mistakes_of(same, issued, "gemini-4-neon") == []
    assert mistakes_of(other, issued, "gemini-4-neon") == [("continuation.changed", "error")]
