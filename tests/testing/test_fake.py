"""`FakeGemini`: which step answers which request, and what a failed test is told."""

import string
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import anyio
import httpx
import pytest

from agentkit import Agent, CodeExecution, GeminiClient, ServerError, TextDelta
from agentkit.testing import (
    Asked,
    FakeGemini,
    Reply,
    call_args,
    calls,
    error,
    repeat,
    reply,
    says,
    stream,
    text,
    thought,
    unordered,
    when,
)
from agentkit.testing.finding import Profile
from agentkit.testing.steps import Step

MODEL = "gemini-3-flash-preview"


def refund(order: str) -> str:
    """Refund an order."""
    return f"refunded {order}"


agent = Agent(MODEL, tools=[refund])


def ask(gemini: FakeGemini, prompt: str) -> str:
    return agent.run_sync(prompt, client=gemini.client).output


def test_a_run_is_answered_step_by_step() -> None:
    with FakeGemini(calls("refund", order="7"), says("Done.")) as gemini:
        result = agent.run_sync("Refund order 7", client=gemini.client)
        gemini.assert_valid(warnings=True)

    assert result.output == "Done."
    [response] = gemini.requests[1]["contents"][-1]["parts"]
    assert response["functionResponse"]["response"] == {"output": "refunded 7"}
    assert gemini.findings == []


@pytest.mark.anyio
async def test_it_serves_in_an_async_block_too() -> None:
    async with (
        FakeGemini(stream("Do", "ne.")) as gemini,
        agent.stream("Refund order 7", client=gemini.client) as run,
    ):
        texts = [event.text async for event in run if isinstance(event, TextDelta)]

    assert "".join(texts) == "Done."


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
def test_its_client_speaks_the_dialect_of_the_profile(profile: Profile) -> None:
    with FakeGemini(calls("refund", order="7"), says("Done."), profile=profile) as gemini:
        assert ask(gemini, "Refund order 7") == "Done."
        assert gemini.client.endpoint == profile
        gemini.assert_valid()


def test_what_only_googles_endpoint_can_do_works_by_default() -> None:
    with FakeGemini(says("Done.")) as gemini:
        both = Agent(MODEL, tools=[refund, CodeExecution()])

        assert both.run_sync("Refund order 7", client=gemini.client).output == "Done."


def echo(asked: Asked) -> Reply:
    return says(asked.body["contents"][-1]["parts"][0]["text"].upper())


async def echo_later(asked: Asked) -> Reply:
    await anyio.lowlevel.checkpoint()
    return echo(asked)


def is_first(asked: Asked) -> bool:
    return asked.index == 0


SEMANTICS: dict[str, tuple[list[Step], list[str], list[str]]] = {
    "steps answer in their order": ([says("1"), says("2")], ["a", "b"], ["1", "2"]),
    "an item is a step": ([text("1"), stream("2", "3")], ["a", "b"], ["1", "23"]),
    "several items are one answer": ([reply(thought("hm"), says("1"))], ["a"], ["1"]),
    "a function answers from the request": ([echo], ["a"], ["A"]),
    "an async function does, too": ([echo_later], ["a"], ["A"]),
    "a function may return an item": ([lambda _: text("1")], ["a"], ["1"]),
    "a function may return parts": ([lambda _: [{"text": "1"}]], ["a"], ["1"]),
    "a failure is asked again": ([error(503), error(429), says("1")], ["a"], ["1"]),
    "a when waits for its request": ([when("b", says("2")), says("1"), says("3")], ["a", "b", "c"], ["1", "2", "3"]),
    "a text is looked for in results": ([calls("refund", order="7"), when("refunded 7", says("1"))], ["a"], ["1"]),
    "a when answers once": ([when("a", says("1")), says("2")], ["a", "a"], ["1", "2"]),
    "the first when that fits answers": ([when("a", says("1")), when("b", says("2"))], ["ab", "b"], ["1", "2"]),
    "a plain step takes what a later when fits": ([says("1"), when("a", says("2"))], ["a", "a"], ["1", "2"]),
    "a condition may be a function": ([when(is_first, says("1")), says("2")], ["a", "b"], ["1", "2"]),
    "a when may hold a function": ([when("b", echo), says("1")], ["a", "b"], ["1", "B"]),
    "a repeat answers so many times": ([repeat(says("1"), 2), says("2")], ["a", "b", "c"], ["1", "1", "2"]),
    "an endless repeat answers the rest": ([says("1"), repeat(says("2"))], ["a", "b", "c"], ["1", "2", "2"]),
    "an endless repeat may never be needed": ([says("1"), repeat(says("2"))], ["a"], ["1"]),
    "an endless when leaves others alone": ([repeat(when("b", echo)), says("1")], ["b", "a", "b"], ["B", "1", "B"]),
    "a repeated when counts its own": ([repeat(when("b", echo), 2), says("1")], ["b", "a", "b"], ["B", "1", "B"]),
    "unordered prefers conditions": ([unordered(says("1"), when("b", says("2")))], ["b", "a"], ["2", "1"]),
    "unordered falls back to its order": ([unordered(says("1"), says("2"))], ["a", "b"], ["1", "2"]),
    "unordered comes after what stands before": ([says("1"), unordered(when("a", echo))], ["a", "a"], ["1", "A"]),
    "a when before unordered stays open": ([when("c", echo), unordered(says("1"))], ["a", "c"], ["1", "C"]),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "prompts", "answers"), SEMANTICS.values(), ids=SEMANTICS)
def test_which_step_answers(steps: list[Step], prompts: list[str], answers: list[str]) -> None:
    with FakeGemini(*steps) as gemini:
        assert [ask(gemini, prompt) for prompt in prompts] == answers


FAILURES: dict[str, tuple[list[Step], list[str], str]] = {
    "a step is left over": ([says("1"), says("2")], ["a"], "1 step not used."),
    "a when is left over": ([when("b", says("2")), says("1")], ["a"], "1 step not used."),
    "a repeat is not used up": ([repeat(says("1"), 3)], ["a"], "1 step not used."),
    "unordered is not used up": ([unordered(says("1"), says("2"), says("3"))], ["a"], "2 steps not used."),
    "no step is left": ([says("1")], ["a", "b"], "1 request not expected."),
    "no when fits": ([when("b", says("2"))], ["a"], "1 step not used, 1 request not expected."),
    "unordered lets nothing pass by": (
        [unordered(when("b", says("2"))), says("1")], ["a"], "2 steps not used, 1 request not expected.",
    ),
    "a step calls a function that is not declared": (
        [calls("refnd", order="7"), says("2")], ["a"], "1 answer went wrong.",
    ),
    "there are no steps": ([], ["a"], "1 request not expected."),
    "a condition raises": ([when(lambda asked: asked.body["no"], says("1"))], ["a"], "1 step not used, 1 request not"),
    "a function returns no answer": ([lambda _: None], ["a"], "1 answer went wrong."),  # type: ignore[list-item, return-value]
}  # fmt: skip


@pytest.mark.parametrize(("steps", "prompts", "sentence"), FAILURES.values(), ids=FAILURES)
def test_the_block_fails_at_its_end(steps: list[Step], prompts: list[str], sentence: str) -> None:
    with pytest.raises(AssertionError) as raised:
        play(FakeGemini(*steps), prompts)

    assert str(raised.value).startswith(f"FakeGemini: {sentence}")


def play(fake: FakeGemini, prompts: list[str]) -> None:
    """Run a program that swallows the errors of its runs."""
    with fake as gemini:
        for prompt in prompts:
            with suppress(ServerError):
                ask(gemini, prompt)


def test_the_report_says_what_became_of_each_step_and_request() -> None:
    steps: list[Step] = [
        calls("refund", order="7"), when("Rome", says("Warm.")), repeat(error(503), 2), repeat(when("x", says("y")))
    ]  # fmt: skip

    with pytest.raises(AssertionError) as raised:
        play(FakeGemini(*steps), ["Refund order 7"])

    answered = "gemini-3-flash-preview  user: refund -> {'output': 'refunded 7'}"
    assert str(raised.value).splitlines() == [
        "FakeGemini: 1 step not used, 1 request not expected.",
        "Steps:",
        "   1    used         calls refund(order='7')",
        " ! 2    not used     when 'Rome': says 'Warm.'",
        "   3    used 2 of 2  error 503",
        "   4    used 0 times when 'x': says 'y'",
        "Requests:",
        "   1    gemini-3-flash-preview  user: says 'Refund order 7'  <- step 1",
        f"   2    {answered}  <- step 3",
        f"   3    {answered}  <- step 3",
        f" ! 4    {answered}  <- NOT EXPECTED: no step fits (open: 2, 4)",
        "Next: step 2, when 'Rome': says 'Warm.'; or step 4, when 'x': says 'y'",
    ]


def test_an_unexpected_request_stops_the_client_at_once() -> None:
    gemini = FakeGemini()

    with pytest.raises(AssertionError, match="user: says 'a'  <- NOT EXPECTED: no step is left"), gemini:
        ask(gemini, "a")

    assert len(gemini.requests) == 1


def test_a_step_may_call_a_function_that_is_not_declared_where_that_is_meant() -> None:
    with FakeGemini(calls("refnd", order="7"), says("Sorry."), undeclared=True) as gemini:
        assert ask(gemini, "Refund order 7") == "Sorry."

    assert "There is no function 'refnd'" in str(gemini.requests[1]["contents"][-1])


@pytest.mark.parametrize("wrong", [Decimal("1.5"), date(2026, 1, 2), {1, 2}, b"x", float("nan")], ids=repr)
def test_arguments_that_no_model_sends_are_refused_where_they_are_written(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"order=.* is no JSON\. Give what a model would send"):
        calls("refund", order=wrong)


def test_what_the_block_raises_stays_and_has_the_report_as_a_note() -> None:
    with pytest.raises(KeyError, match="mine") as raised, FakeGemini(says("1")):
        raise KeyError("mine")

    [note] = raised.value.__notes__
    assert note.startswith("FakeGemini: 1 step not used.")


def test_an_assertion_in_a_function_of_the_test_is_the_cause_of_the_failure() -> None:
    def answer(asked: Asked) -> Reply:
        assert "tools" not in asked.body, "no tools, please"
        return says("1")

    with pytest.raises(AssertionError, match="step 1: raised AssertionError: no tools, please") as raised:
        play(FakeGemini(answer), ["a"])

    assert "no tools, please" in str(raised.value.__cause__)


def test_a_refused_request_takes_no_step_and_is_told_with_its_rule() -> None:
    with FakeGemini(says("1")) as gemini:
        refused = post(gemini, {"contents": [{"role": "user", "parts": [{"text": "a"}]}], "contentz": []})
        report = gemini.report()
        ask(gemini, "b")

    assert refused.status_code == 400
    assert "<- refused by the emulator: AK" in report
    assert "Findings:\n   request 1: AK" in report
    assert "contentz" in report


def test_assert_valid_tells_what_a_lenient_emulator_let_through() -> None:
    with FakeGemini(says("1"), strict=False) as gemini:
        assert post(gemini, {"contents": [{"role": "user", "parts": [{"text": "a"}]}], "contentz": []}).is_success
        with pytest.raises(AssertionError, match=r"request 1: AK\d+ error .*contentz"):
            gemini.assert_valid()


def post(gemini: FakeGemini, body: dict[str, Any], key: str = "any-key") -> httpx.Response:
    url = f"{gemini.url}/v1beta/models/{MODEL}:generateContent"
    return httpx.post(url, json=body, headers={"x-goog-api-key": key})


@pytest.mark.parametrize("body", [{}, {"contents": 5}, {"contents": ["a"]}, {"contents": [{"parts": [7]}]}], ids=str)
def test_a_body_of_any_shape_can_be_reported(body: dict[str, Any]) -> None:
    with FakeGemini() as gemini:
        post(gemini, body)

    assert "refused by the emulator" in gemini.report()


def test_a_key_is_nowhere_in_the_report() -> None:
    secret = "AIzaSy-very-secret"
    with FakeGemini(says("1")) as gemini:
        other = GeminiClient(api_key=secret, base_url=gemini.url)
        agent.run_sync("a", client=other)
        httpx.post(f"{gemini.url}/v1beta/models/{MODEL}:generateContent?key={secret}", json={})

    assert secret not in gemini.report()
    assert secret not in str(gemini.asked)


def test_counting_tokens_takes_no_step() -> None:
    with FakeGemini() as gemini:
        url = f"{gemini.url}/v1beta/models/{MODEL}:countTokens"
        counted = httpx.post(url, json={"contents": [{"parts": [{"text": "a"}]}]}, headers={"x-goog-api-key": "k"})

    assert counted.json()["totalTokens"] > 0
    assert len(gemini.asked) == 1
    assert gemini.requests == []


@pytest.mark.anyio
async def test_runs_side_by_side_find_their_own_steps() -> None:
    answers: dict[str, str] = {}

    async def run(gemini: FakeGemini, order: str) -> None:
        answers[order] = (await agent.run(f"Refund order {order}", client=gemini.client)).output

    steps = [when(f"order {n}", step) for n in "123" for step in (calls("refund", order=n), says(f"{n} is refunded."))]
    async with FakeGemini(unordered(*steps)) as gemini, anyio.create_task_group() as group:
        for order in "321":
            group.start_soon(run, gemini, order)

    assert answers == {n: f"{n} is refunded." for n in "123"}


def test_a_text_is_not_found_in_roles_ids_and_signatures() -> None:
    spoken = set(f"{MODEL} Refund order 7 refund order 7 output refunded 7")
    silent = sorted(set(string.ascii_letters + string.digits + "+/=") - spoken)

    with FakeGemini(
        calls("refund", order="7"), *[repeat(when(one, says("found"))) for one in silent], says("Done.")
    ) as gemini:
        assert ask(gemini, "Refund order 7") == "Done."

    assert any(one in str(gemini.requests[1]["contents"]) for one in silent)


def test_arguments_may_have_any_name() -> None:
    assert calls("f", **{"order-id": 7, "name": "x"}) == reply(call_args("f", {"order-id": 7, "name": "x"}))


def test_steps_can_be_added_on_the_way() -> None:
    with FakeGemini() as gemini:
        gemini.add(says("1"))
        assert ask(gemini, "a") == "1"
        gemini.add(says("2"), says("3"))
        assert [ask(gemini, "b"), ask(gemini, "c")] == ["2", "3"]


def test_a_seed_makes_ids_and_signatures_the_same() -> None:
    contents = []
    for _ in range(2):
        with FakeGemini(calls("refund", order="7"), says("Done."), seed=1) as gemini:
            ask(gemini, "Refund order 7")
        contents.append(gemini.requests[1]["contents"])

    assert contents[0] == contents[1]
    assert "thoughtSignature" in contents[0][1]["parts"][0]


@pytest.mark.parametrize("name", ["client", "url"])
def test_outside_the_block_there_is_nobody_to_ask(name: str) -> None:
    gemini = FakeGemini()

    with pytest.raises(RuntimeError, match="Use it inside"):
        getattr(gemini, name)


async def never(asked: Asked) -> bool:
    return False


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a bare text": (lambda: FakeGemini("Hi"), TypeError, r"'Hi' in FakeGemini is no step. Did you mean says\('Hi'\)"),
    "a part": (lambda: FakeGemini({"text": "Hi"}), TypeError, "is no step"),
    "a function without a parameter": (lambda: FakeGemini(lambda: says("1")), TypeError, "one argument, the request"),
    "a part in a when": (lambda: when("a", {"text": "1"}), TypeError, r"in when\(\) is no step"),
    "a repeat in a when": (lambda: when("a", repeat(says("1"))), TypeError, r"Write repeat\(when"),
    "unordered in a repeat": (lambda: repeat(unordered(says("1"))), TypeError, r"cannot stand inside repeat\(\)"),
    "a repeat in unordered": (lambda: unordered(repeat(says("1"))), TypeError, r"cannot stand inside unordered\(\)"),
    "a condition that is a dict": (lambda: when({}, says("1")), TypeError, "is no function"),
    "a condition that is async": (lambda: when(never, says("1")), TypeError, r"is async: never \(test_fake.py:\d+\)"),
    "a condition that is empty": (lambda: when("", says("1")), ValueError, "fit every request"),
    "a repeat of none": (lambda: repeat(says("1"), 0), ValueError, "answer nothing"),
    "a repeat of half": (lambda: repeat(says("1"), 0.5), TypeError, "whole number"),
    "a repeat of True": (lambda: repeat(says("1"), True), TypeError, "whole number"),
    "unordered without steps": (lambda: unordered(), ValueError, "holds no steps"),
    "a step after an endless one": (lambda: FakeGemini(repeat(says("1")), says("2")), ValueError, "never be used"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told_at_construction(make: Callable[[], object], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        make()


def test_without_the_extra_only_the_server_is_missing_and_the_message_names_the_command() -> None:
    program = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from agentkit.testing import Emulator, FakeGemini\n"
        "try: FakeGemini()\n"
        "except ImportError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "'uvicorn' is not installed. Run: pip install 'agentkit[testing]'\n"
