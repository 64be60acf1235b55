"""What a person may answer when a call needs approval."""

import io
import sys

import pytest

from agentkit import AgentKitError, ApprovalRequest, Decision, approve, deny
from agentkit.cli.ask import ask_person, read_decision

REFUND = ApprovalRequest(key="r:1:0", tool="refund", args={"order": 7})


class Terminal(io.StringIO):
    """A person who has typed already."""

    def isatty(self) -> bool:
        """Whether it is a terminal: it is."""
        return True


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        pytest.param("y\n", approve(), id="y"),
        pytest.param(" YES \n", approve(), id="yes-in-any-case"),
        pytest.param("\n", deny(), id="nothing-is-no"),
        pytest.param("No\n", deny(), id="no"),
        pytest.param("n too much\n", deny("too much"), id="no-with-a-reason"),
        pytest.param("no, ask Kim first\n", deny("ask Kim first"), id="no-comma-reason"),
        pytest.param("nothing\n", None, id="a-word-that-begins-like-no"),
        pytest.param("y but less\n", None, id="a-yes-with-conditions"),
        pytest.param("ja\n", None, id="another-language"),
    ],
)
def test_an_answer_is_yes_or_no_or_neither(said: str, decision: Decision | None) -> None:
    assert read_decision(said) == decision


def test_after_three_answers_that_are_neither_it_is_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("maybe\nperhaps\nhm\ny\n"))

    decisions = ask_person([REFUND], may_ask=True)

    assert decisions == {"r:1:0": deny()}
    told = capsys.readouterr().err
    assert told.count("Allow refund? [y/N, or n REASON] ") == 3
    assert told.endswith("That was neither yes nor no, 3 times: refund is not allowed.\n")


def test_an_input_that_ends_is_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))

    with pytest.raises(AgentKitError, match="No decision about refund was made: the input has ended"):
        ask_person([REFUND], may_ask=True)
