"""The command `agentkit models`: what models can do and cost, and what an endpoint offers."""

import io
import json
from typing import Any

import pytest

from agentkit.cli.models_list import list_models
from agentkit.cli.models_show import show_list, show_one
from agentkit.models import AS_OF, known_models
from agentkit.prices import PRICES_AS_OF
from agentkit.testing import Emulator
from agentkit.testing.server import serve
from agentkit.wire import Model
from tests.cli.command import KEY, Ended, agentkit, agentkit_at_terminal

ALL_IDS = [model.id for model in known_models()]


def lines_of(ended: Ended) -> dict[str, str]:
    """The lines of the table, by their first word."""
    return {line.split()[0]: line for line in ended.out.splitlines() if line.strip()}


def test_without_a_key_all_known_models_are_listed_with_prices_and_dates() -> None:
    ended = agentkit("models")

    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[0] for line in ended.out.splitlines()[1 : len(ALL_IDS) + 1]] == ALL_IDS
    assert (
        f"Models as of {AS_OF}.\nPrices as of {PRICES_AS_OF}: USD per million tokens at Google's endpoint" in ended.out
    )
    told = " ".join(lines_of(ended)["gemini-2.5-pro"].split())
    assert told == "gemini-2.5-pro deprecated 128 to 32,768 tokens text - 1.25* 0.125 10.00*"
    assert "offered" not in ended.out


def test_a_narrow_terminal_gets_a_narrow_table() -> None:
    ended = agentkit_at_terminal("models", columns=80, NO_COLOR="1")

    table = ended.out.split("\n\n")[0]
    assert ended.code == 0
    assert max(map(len, table.splitlines())) <= 80
    assert " ".join(lines_of(ended)["gemini-4-hydrogen"].split()) == "gemini-4-hydrogen low to xhigh 1.50 0.075 7.50"


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
def test_what_the_endpoint_offers_stands_beside_what_is_known(profile: Any) -> None:
    with serve(Emulator(profile=profile, models=["gemini-3.6-flash", "gemini-9-zeta"])) as emulator:
        ended = agentkit("models", "--base-url", emulator.url, GEMINI_API_KEY=KEY)

        lines = lines_of(ended)
        assert (ended.code, ended.err) == (0, "")
        assert lines["gemini-3.6-flash"].endswith("  yes")
        assert lines["gemini-2.5-pro"].endswith("  no")
        assert lines["gemini-9-zeta"].endswith("  yes")
        assert "not listed here" in lines["gemini-9-zeta"]
        assert f"{emulator.url}/v1beta offers 1 of these {len(ALL_IDS)} models, and 1 others." in ended.out
        assert KEY not in ended.out


def test_programs_get_everything_as_json() -> None:
    with serve(Emulator(models=["gemini-2.5-pro", "gemini-9-zeta"])) as emulator:
        ended = agentkit("models", "--json", "--base-url", emulator.url, GEMINI_API_KEY=KEY)
        root = f"{emulator.url}/v1beta"

    told = json.loads(ended.out)
    models = {model["id"]: model for model in told["models"]}
    assert (told["as_of"], told["prices_as_of"], told["endpoint"]) == (AS_OF, PRICES_AS_OF, root)
    assert list(models) == [*ALL_IDS, "gemini-9-zeta"]
    assert models["gemini-2.5-pro"]["price"]["long"]["output"] == "15"
    assert (models["gemini-2.5-pro"]["offered"], models["gemini-3.6-flash"]["offered"]) == (True, False)
    assert models["gemini-9-zeta"]["endpoint"]["displayName"] == "Gemini 9 Zeta"
    assert models["gemini-3.6-flash"]["thinking"]["levels"] == ["minimal", "low", "medium", "high"]


def test_one_model_is_told_fact_by_fact() -> None:
    ended = agentkit("models", "-m", "models/gemini-3.1-pro-preview")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("gemini-3.1-pro-preview\n\nknown ")
    assert "low to high; by default high\n" in ended.out
    assert "input $2.00, cached $0.20, output $12.00 per million tokens" in ended.out
    assert "above 200,000 tokens     input $4.00, cached $0.40, output $18.00" in ended.out


def test_an_id_that_nobody_knows_is_told_as_what_it_is_taken_for() -> None:
    ended = agentkit("models", "-m", "gemini-9-zeta")

    assert ended.code == 0
    assert "not listed here: taken for one of its generation" in ended.out
    assert "not known: give it with GeminiClient(prices={...})" in ended.out


def test_a_model_that_the_endpoint_does_not_offer_is_exit_code_1() -> None:
    with serve(Emulator(models=["gemini-3.6-flash"])) as emulator:
        found = agentkit("models", "-m", "gemini-3.6-flash", "--base-url", emulator.url, GEMINI_API_KEY=KEY)
        missing = agentkit("models", "-m", "gemini-4-neon", "--base-url", emulator.url, GEMINI_API_KEY=KEY)

    assert (found.code, missing.code) == (0, 1)
    assert "Gemini 3.6 Flash, version 001, 1,048,576 tokens in" in found.out
    assert "not offered" in missing.out


def test_a_dead_endpoint_is_one_sentence_and_exit_code_1() -> None:
    ended = agentkit("models", "--base-url", "http://127.0.0.1:9", GEMINI_API_KEY=KEY)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("Could not connect to 127.0.0.1:9")


def test_an_endpoint_without_a_key_is_wrong_usage() -> None:
    ended = agentkit("models", "--base-url", "http://127.0.0.1:9")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("No API key. Set ")


def test_offline_asks_nobody() -> None:
    ended = agentkit("models", "--offline", AGENTKIT_BASE_URL="http://127.0.0.1:9", GEMINI_API_KEY=KEY)

    assert (ended.code, ended.err) == (0, "")
    assert "offered" not in ended.out


def test_an_odd_list_of_an_endpoint_is_read_for_what_it_says() -> None:
    offered = [
        {},
        {"name": "models/gemini-3.6-flash", "displayName": "One"},
        {"name": "gemini-3.6-flash", "displayName": "Two"},
        {"name": "models/\x1b[31mred"},
        {"name": "models/veo-3", "supportedGenerationMethods": ["predictLongRunning"]},
        {"name": 7, "inputTokenLimit": "many"},
    ]
    out = io.StringIO()

    listing = list_models("https://gateway.example/v1beta", [Model.parse(one) for one in offered])
    show_list(listing, out)
    show_one(listing, "gemini-3.6-flash", out)

    assert [row.facts.id for row in listing.rows][len(ALL_IDS) :] == ["\x1b[31mred", "veo-3"]
    assert "\x1b" not in out.getvalue()
    assert "gateway.example/v1beta offers 1 of these 35 models, and 2 others." in out.getvalue()
    assert "1 that do not answer generateContent are left out" in out.getvalue()
    assert "Two" in out.getvalue()
