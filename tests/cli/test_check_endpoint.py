"""Whose rules `agentkit check` applies: those of the agent's endpoint, of a capability file, or of all of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit import Capabilities
from agentkit.cli.check_capabilities import lacks
from agentkit.testing.advice import ADVICE
from tests.cli.command import KEY, Ended, agentkit

SHOP = """
from agentkit import Agent, GeminiClient, GoogleSearch


def place(order: int) -> str:
    \"\"\"Place an order.\"\"\"
    return "placed"


mixed = Agent("gemini-3-flash-preview", tools=[place, GoogleSearch()], combine="together")
plain = Agent("gemini-3-flash-preview", tools=[place])
wrong = Agent("gemini-2.5-flash-lite", tools=[place, GoogleSearch()], combine="together")
"""
OWN = """
mixed = Agent("gemini-3-flash-preview", tools=[place, GoogleSearch()], combine="together", client=GeminiClient(CLIENT))
plain = Agent("gemini-3-flash-preview", tools=[place], client=GeminiClient(CLIENT))
"""
URL = "https://gateway.example/v1beta"
PLACE = {"name": "place", "description": "Places.", "parametersJsonSchema": {"type": "object"}}
HELLO = {"role": "user", "parts": [{"text": "Hi"}]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `shop.py` lies."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    return folder


def check(shop: Path, *args: str, **variables: str) -> tuple[int, dict[str, Any]]:
    ended: Ended = agentkit("check", *args, "--format", "json", cwd=shop, **variables)
    return ended.code, json.loads(ended.out)


def found(report: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(one["code"], one["severity"], one["profiles"]) for one in report["findings"]]


def test_without_a_key_what_only_some_endpoints_refuse_is_a_warning(shop: Path) -> None:
    code, report = check(shop, "shop.py:mixed")

    assert (code, found(report)) == (0, [("AK200", "warning", ["vertex", "comet"])])
    assert report["profiles"] == ["google", "vertex", "comet"]


def test_a_warning_fails_when_strict(shop: Path) -> None:
    assert check(shop, "shop.py:mixed", "--strict")[0] == 1


def test_with_profile_all_it_is_an_error(shop: Path) -> None:
    code, report = check(shop, "shop.py:mixed", "--profile", "all")

    assert (code, found(report)) == (1, [("AK200", "error", ["vertex", "comet"])])


@pytest.mark.parametrize(
    ("variable", "code", "profile"), [("GEMINI_API_KEY", 0, "google"), ("COMETAPI_KEY", 1, "comet")]
)
def test_a_key_says_which_endpoint_is_judged(shop: Path, variable: str, code: int, profile: str) -> None:
    ended, report = check(shop, "shop.py:mixed", **{variable: KEY})

    assert (ended, report["profiles"]) == (code, [profile])


def with_client(shop: Path, arguments: str) -> str:
    (shop / "own.py").write_text(SHOP + OWN.replace("CLIENT", arguments))
    return "own.py"


def test_the_agents_own_client_says_it_without_a_key(shop: Path) -> None:
    own = with_client(shop, 'base_url="https://api.cometapi.com"')

    code, report = check(shop, f"{own}:mixed")

    assert (code, found(report)) == (1, [("AK200", "error", ["comet"])])


def test_what_no_endpoint_takes_stays_an_error(shop: Path) -> None:
    code, report = check(shop, "shop.py:wrong")

    assert (code, {severity for _, severity, _ in found(report)}) == (1, {"error"})


def test_what_each_endpoint_refuses_in_its_own_way_stays_an_error(shop: Path) -> None:
    tools = [{"functionDeclarations": [PLACE]}, {"googleSearch": {}}]
    (shop / "both.json").write_text(json.dumps({"contents": [HELLO], "tools": tools}))

    code, report = check(shop, "both.json")

    assert code == 1
    assert len({tuple(profiles) for _, _, profiles in found(report)}) > 1


def saved(shop: Path, **known: Any) -> str:
    Capabilities(base_url=URL, endpoint="other", **known).save(shop / "found.json")
    return "found.json"


def test_a_capability_file_tells_what_the_endpoint_does_not_take(shop: Path) -> None:
    file = saved(shop, schema_dialect="openapi")

    code, report = check(shop, "shop.py:plain", "--capabilities", file)

    [finding] = report["findings"]
    assert (code, finding["code"], finding["function"]) == (1, "AK208", "place")
    assert finding["message"] == f"{URL} takes functions only with 'parameters', not 'parametersJsonSchema'."


def test_a_client_with_the_file_sends_what_the_endpoint_takes(shop: Path) -> None:
    file = saved(shop, schema_dialect="openapi")
    own = with_client(shop, f'base_url="{URL}", capabilities="{file}"')

    code, report = check(shop, f"{own}:plain", "--profile", "google")

    assert (code, found(report)) == (0, [])


def test_an_endpoint_that_combines_is_judged_like_the_one_that_does(shop: Path) -> None:
    file = saved(shop, builtins_with_functions=True, builtins=("googleSearch",))

    code, report = check(shop, "shop.py:mixed", "--capabilities", file)

    assert (code, found(report), report["profiles"]) == (0, [], ["google"])


def test_a_file_that_is_none_is_wrong_usage(shop: Path) -> None:
    (shop / "other.json").write_text("{}")

    ended = agentkit("check", "shop.py:plain", "--capabilities", "other.json", cwd=shop)

    assert (ended.code, "is no capability file" in ended.err) == (2, True)


CALL = {"role": "model", "parts": [{"functionCall": {"name": "place", "args": {}, "id": "a"}}]}
IMAGE = {"fileData": {"mimeType": "image/png", "fileUri": "https://x/v1beta/files/abc"}}


@pytest.mark.parametrize(
    ("known", "body", "words"),
    [
        pytest.param({"builtins": ()}, {"tools": [{"googleSearch": {}}]}, "does not take 'googleSearch'", id="builtin"),
        pytest.param(
            {"builtins_with_functions": False},
            {"tools": [{"google_search": {}}, {"function_declarations": [PLACE]}]},
            "built-in tools or functions",
            id="combination",
        ),
        pytest.param({"caches": False}, {"cachedContent": "cachedContents/x"}, "no cached contents", id="cache"),
        pytest.param({"files": False}, {"contents": [{"parts": [IMAGE]}]}, "has no files", id="file"),
        pytest.param({"takes_call_ids": False}, {"contents": [HELLO, CALL]}, "with an 'id'", id="ids"),
    ],
)
def test_what_an_endpoint_lacks_is_told_and_only_if_that_was_found_out(
    known: dict[str, Any], body: dict[str, Any], words: str
) -> None:
    [piece] = lacks(Capabilities(base_url=URL, **known), {"contents": [HELLO], **body})

    assert (piece.severity, words in piece.message) == ("error", True)
    assert piece.code in ADVICE
    assert not list(lacks(Capabilities(base_url=URL), {"contents": [HELLO], **body}))


@pytest.mark.parametrize("body", [None, [], "x", {"contents": 7}, {"tools": [{"functionDeclarations": [1]}]}])
def test_what_is_no_request_lacks_nothing(body: object) -> None:
    assert not list(lacks(Capabilities(schema_dialect="openapi", files=False, builtins=()), body))
