"""The command `agentkit check`: how it tells what it finds, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit.testing import Emulator, text
from tests.cli.command import KEY, agentkit, agentkit_at_terminal

EXAMPLES = Path(__file__).parents[2] / "examples"

SHOP = '''
from agentkit import Agent, GoogleSearch


def get_user(number: int) -> str:
    """Get user."""
    return "Kim"


def place(order: int, extra: dict[str, int]) -> str:
    """Place an order, with extra things and their numbers."""
    return "placed"


print("hello from the shop")
users = Agent("gemini-3-flash-preview", tools=[get_user, place], instructions="Be brief.")
mixed = Agent("gemini-3-flash-preview", tools=[place, GoogleSearch()], combine="together")
parted = Agent("gemini-3-flash-preview", tools=[place, GoogleSearch()])
ahead = Agent("gemini-3-flash-preview", tools=[place], extra={"generationConfig": {"newField": 1}})
tools = [place]
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `shop.py` lies."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    return folder


def saved(folder: Path, body: object, name: str = "request.json") -> str:
    (folder / name).write_text(json.dumps(body, indent=1))
    return name


def asking(*declarations: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": "Hi"}]}], "tools": [{"functionDeclarations": list(declarations)}]}


def test_an_agent_about_which_there_is_nothing_to_say_gets_one_line() -> None:
    ended = agentkit("check", "hello.py", "--strict", cwd=EXAMPLES)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "hello.py: nothing to say (gemini-3-flash-preview; google, vertex, comet)\n"


def test_a_pipe_gets_findings_a_summary_and_costs_and_warnings_fail_when_strict(shop: Path) -> None:
    ended = agentkit("check", "shop.py:users", "--schema", "--strict", cwd=shop)

    assert (ended.code, ended.err) == (1, "hello from the shop\n")
    findings = ended.out.partition("\n\nsent with")[0]
    assert findings.splitlines() == [
        "warning  AK202  The description of 'get_user' says no more than the name: 'Get user.'.",
        "                Fix: Say what the name does not say.",
        "                shop.py:5 · get_user() · description",
        "",
        "note     AK201  'get_user' does not describe its parameter 'number'.",
        "                Fix: Say what it is, in which form, with an example.",
        "                shop.py:5 · get_user() · parameters_json_schema.properties[number]",
        "shop.py:users: 1 warning, 1 note (gemini-3-flash-preview; google, vertex, comet)",
    ]
    names = [line.split("  ")[0] for line in ended.out.partition("sent with each turn")[2].splitlines()[1:5]]
    assert names == ["place", "get_user", "system instruction", "total"]
    assert "in words  additionalProperties  the type of other keys is told in the description\n" in ended.out
    assert "#/properties/extra\n" in ended.out
    assert ended.out.endswith("\nNothing is lost as 'parameters': get_user\n")


def test_what_is_judged_is_what_a_run_sends(emulator: Emulator, shop: Path) -> None:
    emulator.reply(text("Hi."))
    agentkit("run", "Hi", "-t", "shop.py:tools", "--base-url", emulator.url, GEMINI_API_KEY=KEY, cwd=shop)
    [request] = emulator.requests

    of_tools = agentkit("check", "shop.py:tools", "Hi", "--format", "json", "--schema", cwd=shop)
    of_request = agentkit("check", "-", "--format", "json", "--schema", typed=json.dumps(request), cwd=shop)

    ours, theirs = json.loads(of_tools.out), json.loads(of_request.out)
    assert (ours["tokens"], ours["schemas"]) == (theirs["tokens"], theirs["schemas"])
    assert [part["name"] for part in ours["tokens"]["parts"]] == ["place"]


def test_json_tells_everything_about_a_finding(shop: Path) -> None:
    ended = agentkit("check", "shop.py:mixed", "--profile", "vertex", "--format", "json", cwd=shop)

    report = json.loads(ended.out)
    [finding] = report["findings"]
    assert (ended.code, report["summary"]) == (1, {"errors": 1, "warnings": 0, "notes": 0})
    assert (finding["code"], finding["severity"], finding["profiles"]) == ("AK200", "error", ["vertex"])
    assert (finding["file"], finding["line"]) == ("shop.py", 17)
    assert finding["message"].startswith("The vertex endpoint cannot combine built-in tools (GoogleSearch)")


def test_the_costs_are_those_of_the_endpoint_that_gets_most(shop: Path) -> None:
    ended = agentkit("check", "shop.py:parted", cwd=shop)

    head, *rows = ended.out.partition("sent with each turn")[2].splitlines()
    assert head.startswith(" to vertex, comet  ")
    assert {row.split("  ")[0] for row in rows[:3]} == {"place", "search_web", "total"}


def test_functions_in_place_of_built_in_tools_are_judged_where_they_are_sent(shop: Path) -> None:
    names = {}
    for profile in ("google", "comet"):
        ended = agentkit("check", "shop.py:parted", "--profile", profile, "--format", "json", "--strict", cwd=shop)
        report = json.loads(ended.out)
        assert (ended.code, report["findings"]) == (0, [])
        names[profile] = {part["name"] for part in report["tokens"]["parts"]}

    assert names == {"google": {"place"}, "comet": {"place", "search_web"}}


def test_a_sarif_log_names_rules_levels_and_lines(tmp_path: Path) -> None:
    name = saved(tmp_path, asking({"name": "7 up", "description": "A drink."}, {"name": "up", "description": "Up."}))

    ended = agentkit("check", name, "--profile", "google", "--format", "sarif", cwd=tmp_path)

    log = json.loads(ended.out)
    [run] = log["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert (ended.code, log["version"], run["tool"]["driver"]["name"]) == (1, "2.1.0", "agentkit check")
    assert [rules[result["ruleIndex"]]["id"] for result in results] == ["AK115", "AK202"]
    assert [(result["ruleId"], result["level"]) for result in results] == [("AK115", "error"), ("AK202", "warning")]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    physical = [result["locations"][0]["physicalLocation"] for result in results]
    assert [place["artifactLocation"]["uri"] for place in physical] == [name, name]
    assert [place["region"]["startLine"] for place in physical] == [15, 19]
    assert results[1]["locations"][0]["logicalLocations"][0]["name"] == "up"


def test_a_github_command_is_escaped(tmp_path: Path) -> None:
    body = asking({"name": "a%\nb", "description": "Tells."}, {"name": "up", "description": "Up."})
    name = saved(tmp_path, body, "a,b:c.json")

    ended = agentkit("check", name, "--profile", "google", "--format", "github", cwd=tmp_path)

    [error, warning, summary] = ended.out.splitlines()
    assert error.startswith("::error file=a%2Cb%3Ac.json,line=1,title=AK115::Invalid function name. ")
    assert "Rename 'a%25\\nb'; " in error
    assert warning.startswith("::warning file=a%2Cb%3Ac.json,line=19,title=AK202::The description of 'up'")
    assert warning.endswith(" (tools[0].function_declarations[1].description)")
    assert summary == f"{name}: 1 error, 1 warning (gemini-3-flash-preview; google)"


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_warnings_do_not_fail(shop: Path, columns: int) -> None:
    ended = agentkit_at_terminal("check", f"{shop}/shop.py:users", "--schema", columns=columns, NO_COLOR="1")

    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= columns
    assert "AK202" in ended.out


def test_a_terminal_is_not_steered_by_what_a_request_says(tmp_path: Path) -> None:
    saved(tmp_path, asking({"name": "a\u001b[2Jb", "description": "A."}))

    ended = agentkit_at_terminal("check", str(tmp_path / "request.json"), NO_COLOR="1")

    assert "a\\x1b[2Jb" in ended.out
    assert "\x1b[2J" not in ended.out


def test_an_unknown_model_is_a_warning_on_stderr(tmp_path: Path) -> None:
    name = saved(tmp_path, {"contents": [{"parts": [{"text": "Hi"}]}]})

    ended = agentkit("check", name, "-m", "gemini-3.8-flsh", "--strict", cwd=tmp_path)

    assert ended.code == 0
    assert ended.err.startswith("Model 'gemini-3.8-flsh' is not in the list of ")
    assert ended.err.endswith("Did you mean 'gemini-3.8-flash'?\n")


def test_a_target_of_no_use_is_one_sentence_and_a_traceback_only_for_those_who_ask(shop: Path) -> None:
    brief, verbose = agentkit("check", "shop.py", cwd=shop), agentkit("check", "shop.py", "-v", cwd=shop)

    said = "shop.py has several agents: users, mixed, parted, ahead. Say which: shop.py:users.\n"
    assert (brief.code, brief.out, brief.err) == (2, "", f"hello from the shop\n{said}")
    assert verbose.code == 2
    assert "Traceback" in verbose.err


def test_a_request_that_is_nested_without_end_is_no_crash(tmp_path: Path) -> None:
    schema = '{"items":' * 970 + "{}" + "}" * 970  # near what Python's own parser still reads
    body = json.dumps(asking({"name": "f", "parametersJsonSchema": "here"})).replace('"here"', schema)
    (tmp_path / "deep.json").write_text(body)

    ended = agentkit("check", "deep.json", "--schema", cwd=tmp_path)

    told = ended.out.splitlines()[0] if ended.code == 1 else ended.err
    assert "Message too deep" in told or "is nested too deeply to be judged. Flatten it.\n" in told


def test_an_agent_with_a_chain_of_models_and_a_limit_in_usd_is_checked() -> None:
    chain, limited = agentkit("check", "fallback.py:agent", cwd=EXAMPLES), agentkit("check", "cost.py", cwd=EXAMPLES)

    assert (chain.code, chain.err, limited.code, limited.err) == (0, "", 0, "")
    assert chain.out.startswith("fallback.py:agent: nothing to say (gemini-4-hydrogen;")
    assert limited.out.startswith("cost.py: nothing to say (gemini-3.6-flash;")


def test_what_stands_in_extra_is_shown_and_is_no_error(shop: Path) -> None:
    """An agent may be ahead of the rules; who did not mean it sees it all the same."""
    ended = agentkit("check", "shop.py:ahead", cwd=shop)

    assert ended.code == 0
    assert 'warning  AK101  Invalid JSON payload received. Unknown name "newField" at' in ended.out
    assert "It stands in extra=...: leave it out unless the service knows it." in ended.out
