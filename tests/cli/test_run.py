"""`agentkit run`, as a person at a terminal and as a program behind a pipe see it."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.models import resolve_thinking
from agentkit.testing import Emulator, blocked, call, error, grounding, places, stream, text
from agentkit.testing.server import serve
from tests.cli.command import KEY, agentkit, agentkit_at_terminal, agentkit_in_shell, begin

EXAMPLES = Path(__file__).parents[2] / "examples"

TOOLS = '''
"""Tools of a shop."""

import os
import sys
import time

from agentkit import ToolError, tool


@tool(effects="write", needs_approval=True)
def refund(order: int, reason: str = "") -> str:
    """Refund an order."""
    return f"refunded {order}"


def population(city: str) -> int:
    """Number of people living in a city."""
    print("looking up", city)
    if city != "Oslo":
        raise ToolError("Only Oslo is known.")
    return 717_710


def nap() -> str:
    """Sleep in a thread."""
    print("asleep", flush=True)
    time.sleep(30)
    return "rested"


@tool(timeout_s=0.05)
def short_nap() -> str:
    """Sleep in a thread, longer than allowed."""
    time.sleep(30)
    return "rested"


def chatter() -> str:
    """Print by all means there are."""
    print("by print", file=sys.__stdout__)
    os.system("echo by a child")
    return "told"


def broken() -> str:
    """Fail in a way that nobody foresaw."""
    raise LookupError(f"no shelf\\nfor {os.environ['GEMINI_API_KEY']}")


async def stuck() -> str:
    """Block the event loop."""
    print("asleep", flush=True)
    time.sleep(30)
    return "free"
'''

USAGE = r"{turns}, {calls}, [\d,]+ tokens \([\d,]+ in, [\d,]+ out\), \d+\.\d s\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of tools."""
    path = tmp_path_factory.mktemp("tools") / "shop.py"
    path.write_text(TOOLS)
    return str(path)


@pytest.fixture
def service(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator in the place of Google's endpoint, with a key in the environment."""
    monkeypatch.setenv("AGENTKIT_BASE_URL", emulator.url)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    return emulator


@pytest.fixture
def picky_service() -> Iterator[Emulator]:
    """A service that knows one key and one model."""
    with serve(Emulator(api_keys={KEY}, models=["gemini-2.5-flash"])) as emulator:
        yield emulator


def test_without_a_key_the_stand_in_says_who_it_is_and_answers_with_real_tools() -> None:
    ended = agentkit("run", "What is 17% of 2,480?")

    assert (ended.code, ended.out) == (0, "17% of 2,480 is 421.6.\n")
    who, asked, answered, usage = ended.err.splitlines(keepends=True)
    assert re.fullmatch(
        r"No key found: .*offline stand-in.*rule-based.*not an LLM.*COMETAPI_KEY.*GEMINI_API_KEY.*\n", who
    )
    assert asked == '→ calculate(expression="17% of 2480")\n'
    assert re.fullmatch(r'← calculate {"result": "421\.6"} \(\d+ ms\)\n', answered)
    assert re.fullmatch(USAGE.format(turns="2 turns", calls="1 tool call"), usage)


def test_options_reach_the_request_and_the_service_is_asked_without_a_word_about_the_stand_in(
    emulator: Emulator, shop: str
) -> None:
    emulator.reply(call("population", city="Oslo"))
    emulator.reply(stream("Oslo has ", "717,710 people."))

    ended = agentkit(
        *("run", "How many live in Oslo?", "--tools", shop, "-t", "agentkit_tools.basics:calculate"),
        *("-m", "gemini-2.5-flash", "-i", "Be brief.", "--thinking", "512", "--base-url", emulator.url),
        COMETAPI_KEY=KEY,
    )

    assert (ended.code, ended.out) == (0, "Oslo has 717,710 people.\n"), ended.err
    assert "looking up Oslo\n" in ended.err  # what a tool prints does not mix with the answer
    assert "stand-in" not in ended.err
    [first, second] = emulator.asked
    assert (first.model, first.method) == ("gemini-2.5-flash", "streamGenerateContent")
    assert first.body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert first.body["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 512}}
    declared = [function["name"] for function in first.body["tools"][0]["functionDeclarations"]]
    assert declared == ["refund", "population", "nap", "short_nap", "chatter", "broken", "stuck", "calculate"]
    assert second.body["contents"][-1]["parts"][0]["functionResponse"]["response"] == {"output": 717_710}


def test_built_in_tools_are_switched_on_and_sources_are_listed_below_the_answer(service: Emulator) -> None:
    web = {"uri": "https://example.org/euro", "title": "example.org"}
    support = {"segment": {"startIndex": 0, "endIndex": 10, "text": "Spain won."}, "groundingChunkIndices": [0]}
    service.reply(text("Spain won."), grounding({"groundingChunks": [{"web": web}], "groundingSupports": [support]}))

    ended = agentkit("run", "Who won?", "--search", "--code", "--url-context")

    assert (ended.code, ended.out) == (0, "Spain won.\n"), ended.err
    assert "[1] example.org: https://example.org/euro\n" in ended.err
    switched = {name for tool in service.requests[0]["tools"] for name in tool}
    assert switched == {"functionDeclarations", "googleSearch", "codeExecution", "urlContext"}
    assert not service.findings


def test_where_built_in_tools_must_stand_alone_they_are_functions_beside_the_default_tools(service: Emulator) -> None:
    service.reply(call("search_maps", query="Where is the Alexanderplatz?"))
    service.reply(text("In Berlin."), places("Alexanderplatz", {"Alexanderplatz": "https://maps.example/1"}))
    service.reply(text("Here."))

    ended = agentkit("run", "Where?", "--maps", "-m", "gemini-2.5-flash")

    assert (ended.code, ended.out) == (0, "Here.\n"), ended.err
    assert "search_maps" in ended.err
    assert "[1] Alexanderplatz: https://maps.example/1\n" in ended.err
    own, aside, _ = service.requests
    assert {"calculate", "search_maps"} <= {declared["name"] for declared in own["tools"][0]["functionDeclarations"]}
    assert aside["tools"] == [{"googleMaps": {}}]
    assert not service.findings


def test_a_dash_reads_the_prompt_from_standard_input(service: Emulator) -> None:
    service.reply(text("Hei."))

    ended = agentkit("run", "-", typed="Hvor er Ålesund?\nSvar kort.\n")

    assert (ended.code, ended.out) == (0, "Hei.\n")
    assert service.requests[0]["contents"][0]["parts"] == [{"text": "Hvor er Ålesund?\nSvar kort.\n"}]


def test_json_prints_one_event_per_line_and_the_result_last(service: Emulator, shop: str) -> None:
    service.reply(text("Let me see."), call("population", city="Ålesund"))
    service.reply(stream("Nobody ", "knows. 🙈"))

    ended = agentkit("run", "How many?", "-t", shop, "--json", PYTHONIOENCODING="ascii")

    events: list[dict[str, Any]] = [json.loads(line) for line in ended.out.splitlines()]
    kinds = [event["type"] for event in events]
    assert (ended.code, kinds[0], kinds[-2], kinds[-1]) == (0, "run_started", "run_finished", "result")
    by_kind = dict(zip(kinds, events, strict=True))
    assert by_kind["tool_started"]["args"] == {"city": "Ålesund"}
    assert by_kind["tool_finished"]["response"] == {"error": "Only Oslo is known."}
    assert by_kind["tool_finished"]["failed"] is True
    assert events[-1]["output"] == "Nobody knows. 🙈"
    assert (events[-1]["stop"], events[-1]["usage"]["turns"], events[-1]["usage"]["tool_calls"]) == ("answer", 2, 1)
    assert "→" not in ended.err


@pytest.mark.rows("R3")
def test_verbose_shows_requests_and_answers_but_never_the_key(service: Emulator) -> None:
    service.reply(text(f"You sent {KEY} and \x9b2J."))

    ended = agentkit("run", "Hello?", "-v")

    assert ended.code == 0
    assert f"> POST {service.url}/v1beta/models/gemini-3-flash-preview:streamGenerateContent" in ended.err
    assert '"text":"Hello?"' in ended.err.replace('": ', '":')
    assert "< 200" in ended.err
    assert "You sent [redacted]" in ended.err
    assert KEY not in ended.err
    assert "\x9b" not in ended.err
    assert "\\r" not in ended.err  # the service ends its lines with CR LF


def test_a_terminal_shows_text_as_it_comes_in_colours_and_never_obeys_the_model(service: Emulator) -> None:
    service.reply(call("calculate", expression="\x1b[2J\u202e1 + 1"), call("po\x1b[31mp", x=1))
    service.reply(stream("Title: \x1b]0;owned\x07\r\n", "family 👩\u200d👧, blank\u00a0kept"))

    ended = agentkit_at_terminal("run", "How many?")

    assert ended.code == 0
    assert '\x1b[36m→ calculate\x1b[0m(expression="\\u001b[2J\\u202e1 + 1")\n' in ended.out
    assert "po\\x1b[31mp" in ended.out
    assert "Title: \\x1b]0;owned\\x07\nfamily 👩\u200d👧, blank\u00a0kept\n" in ended.out
    styles = {"\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[36m"}
    assert set(re.findall(r"\x1b\[\d+m|\x1b.?", ended.out)) <= styles  # ours alone
    assert ended.out.count("Title:") == 1  # streamed once, not printed again at the end


def test_a_narrow_terminal_without_colours_gets_plain_short_lines(service: Emulator, shop: str) -> None:
    service.reply(call("population", city="Å" * 500))
    service.reply(text("Done."))

    ended = agentkit_at_terminal("run", "How many?", "-t", shop, columns=40, NO_COLOR="1")

    assert ended.code == 0
    assert "\x1b" not in ended.out
    [asked] = [line for line in ended.out.splitlines() if line.startswith("→")]
    assert " … " in asked
    assert len(asked) < 120


@pytest.mark.parametrize(
    ("typed", "response"),
    [
        pytest.param("y\n", {"output": "refunded 7"}, id="yes-runs-the-call"),
        pytest.param("\n", {"error": "A person denied this call."}, id="the-default-is-no"),
        pytest.param(
            "sure\nn too much\n",
            {"error": "A person denied this call: too much"},
            id="what-is-neither-is-asked-again-and-no-may-have-a-reason",
        ),
    ],
)
def test_a_call_that_needs_approval_is_asked_about_at_a_terminal(
    service: Emulator, shop: str, typed: str, response: dict[str, str]
) -> None:
    reason = "broken " * 100
    service.reply(call("refund", order=7, reason=reason))
    service.reply(text("As you say."))

    ended = agentkit_at_terminal("run", "Refund order 7", "-t", shop, typed=typed)

    assert ended.code == 0
    assert f'(order=7, reason="{reason}") needs your approval\n' in ended.out  # in full: it is what is allowed
    assert "Allow refund? [y/N, or n REASON] " in ended.out
    assert "As you say.\n" in ended.out
    assert service.requests[1]["contents"][-1]["parts"][0]["functionResponse"]["response"] == response


def test_what_went_wrong_in_a_tool_is_shown_to_the_person_though_not_to_the_model(service: Emulator, shop: str) -> None:
    service.reply(call("broken"))
    service.reply(call("population", city="Rome"))
    service.reply(text("Sorry."))

    ended = agentkit("run", "Restock.", "-t", shop)

    assert (ended.code, ended.out) == (0, "Sorry.\n")
    after_broken = ended.err.partition('← broken {"error": "broken failed (LookupError)"} (')[2].splitlines()
    assert after_broken[1] == "  LookupError: no shelf for [redacted]"
    assert ended.err.count("Only Oslo is known.") == 1  # the model was told the same
    assert "shelf" not in json.dumps(service.requests)


def test_a_call_that_needs_approval_ends_the_run_where_nobody_can_be_asked(service: Emulator, shop: str) -> None:
    service.reply(call("refund", order=7))

    ended = agentkit("run", "Refund order 7", "-t", shop, typed="y\n")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(
        "A person must allow refund, and there is nobody to ask. Run it at a terminal, without --json.\n"
    )


def test_json_ends_with_the_error_where_a_person_had_to_be_asked(service: Emulator, shop: str) -> None:
    service.reply(call("refund", order=7))

    ended = agentkit("run", "Refund order 7", "-t", shop, "--json")

    events = [json.loads(line) for line in ended.out.splitlines()]
    sentence = "A person must allow refund, and there is nobody to ask. Run it at a terminal, without --json."
    assert (ended.code, ended.err) == (1, sentence + "\n")
    assert events[-1] == {"type": "error", "error": "AgentKitError", "message": sentence}
    assert "paused" in [event["type"] for event in events]


@pytest.mark.rows("R3")
def test_json_ends_with_the_error_of_a_failed_run_without_the_key(service: Emulator) -> None:
    service.reply(error(400, f"Not with {KEY}."))

    ended = agentkit("run", "Hello?", "--json")

    last = json.loads(ended.out.splitlines()[-1])
    assert (ended.code, last["type"], last["error"]) == (1, "error", "InvalidRequest")
    assert "Not with [redacted]." in last["message"]
    assert ended.err == last["message"] + "\n"


def test_a_tool_that_counts_on_deps_is_offered_with_a_warning(service: Emulator) -> None:
    service.reply(text("Hi."))

    ended = agentkit("run", "Hello?", "-t", str(EXAMPLES / "deps.py"))

    warning, _usage = ended.err.splitlines()
    assert warning.startswith("order_status takes a RunContext with deps, and the command line gives no deps")
    [declared] = service.requests[0]["tools"][0]["functionDeclarations"]
    assert declared["name"] == "order_status"


@pytest.mark.rows(100)
@pytest.mark.parametrize(
    "tool",
    [
        pytest.param("nap", id="while-a-tool-sleeps-in-its-thread"),
        pytest.param("stuck", id="while-a-tool-blocks-the-event-loop"),
    ],
)
def test_ctrl_c_ends_the_command_with_130(service: Emulator, shop: str, tool: str) -> None:
    service.reply(call(tool))

    with begin("run", "Sleep", "-t", shop) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        while child.stderr.readline() != "asleep\n":
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        code = child.wait(5)

        assert code == 130
        assert child.stdout.read() == ""
        assert child.stderr.read().endswith("\nInterrupted.\n")


def test_a_thread_that_outlived_its_time_limit_does_not_keep_the_command(service: Emulator, shop: str) -> None:
    service.reply(call("short_nap"))
    service.reply(text("Too slow."))

    ended = agentkit("run", "Sleep", "-t", shop)

    assert (ended.code, ended.out) == (0, "Too slow.\n")
    assert "← short_nap" in ended.err
    assert "timed out after 0.05 s" in ended.err


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
def test_what_tools_and_their_children_print_does_not_mix_with_the_answer(
    service: Emulator, shop: str, tmp_path: Path, terminal: bool
) -> None:
    service.reply(call("chatter"))
    service.reply(text("Done."))

    ended = (agentkit_at_terminal if terminal else agentkit)("run", "Tell", "-t", shop)

    assert ended.code == 0, ended.err
    assert ended.out == "Done.\n" or terminal
    shown = ended.out if terminal else ended.err
    assert "by a child\n" in shown
    assert "by print\n" in shown


def test_a_reader_that_leaves_early_is_no_reason_for_a_traceback(service: Emulator) -> None:
    service.reply(text("One.\n" * 50_000))

    with begin("run", "Count") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        err = child.stderr.read()

    assert child.returncode == 1
    assert err == ""


def test_a_closed_standard_output_is_refused_before_the_run(service: Emulator) -> None:
    ended = agentkit_in_shell('"$@" >&-', "run", "Hello?")

    assert ended.code == 2
    assert ended.err == "Standard output is closed, so there is no place for the answer. Leave it open.\n"
    assert not service.requests


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_an_answer_that_cannot_be_written_is_one_sentence_and_exit_code_1(service: Emulator) -> None:
    service.reply(text("Hi."))

    ended = agentkit_in_shell('"$@" >/dev/full', "run", "Hello?")

    assert ended.code == 1
    assert ended.err == "The output could not be written: No space left on device.\n"


def test_an_encoding_that_lacks_a_character_does_not_end_the_command(service: Emulator) -> None:
    service.reply(text("Blåbær 🫐"))

    ended = agentkit("run", "Berries?", PYTHONIOENCODING="ascii")

    assert (ended.code, ended.out) == (0, "Bl\\xe5b\\xe6r \\U0001fad0\n")


def test_a_reached_limit_gives_the_best_answer_and_says_so(service: Emulator, shop: str) -> None:
    service.reply(text("My best guess."))

    ended = agentkit("run", "How many?", "-t", shop, "--max-turns", "1")

    assert (ended.code, ended.out) == (0, "My best guess.\n")
    assert "A limit of the run was reached; this is the best answer so far.\n" in ended.err
    assert re.search(USAGE.format(turns="1 turn", calls="0 tool calls") + r"\Z", ended.err)


def test_a_retry_is_told_and_the_reason_only_once(service: Emulator) -> None:
    for _ in range(2):
        service.reply(error(503, "The model is overloaded."))
    service.reply(text("Here."))

    ended = agentkit("run", "Hello?")

    assert (ended.code, ended.out) == (0, "Here.\n")
    first, second, _usage = ended.err.splitlines()
    assert re.fullmatch(r"… asking again in \d\.\d s: HTTP 503 .*overloaded\..*", first)
    assert re.fullmatch(r"… asking again in \d\.\d s", second)


def test_a_run_without_an_answer_exits_with_1_and_says_why(service: Emulator) -> None:
    service.reply(blocked("SAFETY"))

    ended = agentkit("run", "Hello?")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Gemini blocked the prompt: SAFETY. Change the prompt or the safety settings.\n"


@pytest.mark.parametrize(
    ("args", "variables", "sentence"),
    [
        pytest.param(["-m", "gemini-2.5-flash"], {"GEMINI_API_KEY": "wrong-key"}, "API key not valid", id="wrong-key"),
        pytest.param(["-m", "gemini-9"], {}, "models/gemini-9 is not found", id="unknown-model"),
        pytest.param(["--base-url", "{url}/elsewhere"], {}, "HTTP 404", id="wrong-path-of-the-base-url"),
    ],
)
def test_what_the_service_refuses_is_one_sentence_and_exit_code_1(
    picky_service: Emulator, args: list[str], variables: dict[str, str], sentence: str
) -> None:
    filled = [arg.format(url=picky_service.url) for arg in args]

    ended = agentkit(
        "run", "Hello?", *filled, **{"GEMINI_API_KEY": KEY, "AGENTKIT_BASE_URL": picky_service.url, **variables}
    )

    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert "wrong-key" not in ended.err


def test_the_stand_in_knows_the_listed_models_only() -> None:
    unknown, known = agentkit("run", "5 * 7", "-m", "gemini-3-flsh"), agentkit("run", "5 * 7", "-m", "gemini-2.5-flash")

    assert (unknown.code, unknown.out) == (1, "")
    _who, sentence = unknown.err.splitlines()
    assert "models/gemini-3-flsh is not found" in sentence
    assert (known.code, known.out) == (0, "5 * 7 is 35.\n")


def test_no_network_is_one_sentence_and_a_traceback_only_with_verbose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    ended = agentkit("run", "Hello?", "-v", "--base-url", f"http://127.0.0.1:{port}", GEMINI_API_KEY=KEY)

    assert (ended.code, ended.out) == (1, "")
    assert "Traceback (most recent call last)" in ended.err
    assert f"Could not connect to 127.0.0.1:{port}" in ended.err.splitlines()[-1]
    assert KEY not in ended.err


def test_without_a_key_for_a_named_endpoint_only_the_variables_to_set_are_told() -> None:
    ended = agentkit("run", "Hello?", "--base-url", "http://127.0.0.1:9")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "No API key. Set COMETAPI_KEY or GEMINI_API_KEY or GOOGLE_API_KEY in the environment.\n"


def test_the_help_names_every_word_for_thinking_and_the_exit_codes() -> None:
    with pytest.raises(ValueError, match="thinking is one of") as refused:
        resolve_thinking("?", "gemini-3-flash-preview")
    words = str(refused.value).partition(" one of ")[2].partition(", or ")[0].split(", ")

    told = " ".join(agentkit("run", "--help").out.split())

    assert "high" in words
    assert not [word for word in words if f"{word}, " not in told]
    assert told.endswith("Exit codes: 0 an answer, 1 the run ended without one, 2 wrong usage, 130 interrupted.")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        pytest.param([" \n"], "The prompt is empty.", id="empty-prompt"),
        pytest.param(["-"], "The prompt is empty.", id="empty-standard-input"),
        pytest.param(["Hi", "-t", "nowhere.py"], "-t nowhere.py: there is no such file.", id="no-such-tools-file"),
        pytest.param(["Hi", "--thinking", "--5"], "thinking='--5'", id="no-such-thinking-level"),
        pytest.param(["Hi", "--base-url", "htp:/x"], "base_url 'htp:/x' is not an http(s) URL.", id="no-url"),
        pytest.param([], "Missing argument 'PROMPT'", id="no-prompt"),
        pytest.param(["Hi", "--max-turns", "0"], "Invalid value for '--max-turns'", id="no-turns"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked_and_exits_with_2(args: list[str], sentence: str) -> None:
    ended = agentkit("run", *args, COMETAPI_KEY=KEY)

    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_a_chain_of_models_is_told_when_the_next_one_is_asked(service: Emulator) -> None:
    service.reply(error(404, "models/gemini-gone is not found for API version v1beta."))
    service.reply(text("Hi."))

    ended = agentkit("run", "-m", "gemini-gone", "-m", "gemini-3.6-flash", "Hello.")

    assert (ended.code, ended.out) == (0, "Hi.\n")
    assert "… going on with gemini-3.6-flash: gemini-gone failed: HTTP 404 NOT_FOUND: models/gemini-gone" in ended.err
    assert [asked.model for asked in service.asked] == ["gemini-gone", "gemini-3.6-flash"]
