"""What the table of models says, and how a portable thinking setting becomes the one that a model takes."""

import pytest

from agentkit.models import facts, known_models, resolve_thinking

WORDS = ("off", "minimal", "low", "medium", "high", "xhigh", "dynamic")
BUDGETS = (-1, 0, 1, 100, 512, 1_024, 5_000, 24_576, 32_768, 1_000_000)
ALL_IDS = [model.id for model in known_models()]
ALL_BUILTINS = {"googleSearch", "codeExecution", "googleMaps", "urlContext", "fileSearch", "computerUse"}


@pytest.mark.parametrize("model", ALL_IDS)
@pytest.mark.parametrize("thinking", [*WORDS, *BUDGETS])
def test_what_is_sent_is_always_something_the_model_takes(model: str, thinking: str | int) -> None:
    rule = facts(model).thinking

    config, _ = resolve_thinking(thinking, model)

    match rule.control:
        case "level":
            assert config.keys() <= {"thinkingLevel"}
            assert not config or str(config["thinkingLevel"]).lower() in rule.levels
        case "budget":
            budget = config["thinkingBudget"]
            assert config.keys() == {"thinkingBudget"}
            assert isinstance(budget, int)
            assert budget == -1 or (budget == 0 and rule.can_disable) or rule.budget_min <= budget <= rule.budget_max
        case _:
            assert config == {}


@pytest.mark.parametrize("model", ALL_IDS)
def test_what_the_model_takes_is_sent_without_a_note(model: str) -> None:
    rule = facts(model).thinking

    taken: list[str | int] = [*rule.levels, *([rule.budget_max] if rule.control == "budget" else [])]

    assert [resolve_thinking(thinking, model)[1] for thinking in taken] == [None] * len(taken)


@pytest.mark.parametrize(
    ("model", "thinking", "config", "is_noted"),
    [
        pytest.param("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW"}, True, id="minimal-is-raised-to-low"),
        pytest.param("gemini-3.8-flash", "xhigh", {"thinkingLevel": "HIGH"}, True, id="xhigh-is-lowered-to-high"),
        pytest.param("gemini-4-neon", "xhigh", {"thinkingLevel": "XHIGH"}, False, id="xhigh-where-it-exists"),
        pytest.param("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH"}, True, id="a-tie-goes-up"),
        pytest.param("gemini-3.6-flash", "off", {"thinkingLevel": "MINIMAL"}, True, id="off-becomes-the-least"),
        pytest.param("gemini-3.6-flash", "dynamic", {}, False, id="levels-are-dynamic-by-themselves"),
        pytest.param("gemini-3.6-flash", 4_000, {"thinkingLevel": "MEDIUM"}, True, id="a-budget-becomes-a-level"),
        pytest.param("gemini-2.5-pro", "off", {"thinkingBudget": 128}, True, id="2.5-pro-cannot-be-off"),
        pytest.param("gemini-2.5-pro", "high", {"thinkingBudget": 24_576}, False, id="a-level-becomes-a-budget"),
        pytest.param("gemini-2.5-flash", "off", {"thinkingBudget": 0}, False, id="2.5-flash-can-be-off"),
        pytest.param("gemini-2.5-flash", "dynamic", {"thinkingBudget": -1}, False, id="2.5-is-told-to-be-dynamic"),
        pytest.param("gemini-2.5-flash-lite", 100, {"thinkingBudget": 512}, True, id="a-small-budget-is-raised"),
        pytest.param("gemini-2.0-flash", "high", {}, True, id="2.0-does-not-think"),
        pytest.param("gemini-2.0-flash", "off", {}, False, id="2.0-is-off"),
        pytest.param("gemini-3-pro-image", "low", {}, True, id="image-models-are-not-told"),
        pytest.param("gemma-4-31b-it", "low", {"thinkingLevel": "MINIMAL"}, True, id="gemma-takes-two-levels"),
        pytest.param("gemini-9-zeta", "minimal", {"thinkingLevel": "LOW"}, True, id="unknown-ids-are-not-told-minimal"),
        pytest.param("models/gemini-3.5-flash", "LOW", {"thinkingLevel": "LOW"}, False, id="any-case-and-prefix"),
    ],
)
def test_a_portable_setting_becomes_the_nearest_that_the_model_takes(
    model: str, thinking: str | int, config: dict[str, object], is_noted: bool
) -> None:
    sent, note = resolve_thinking(thinking, model)

    assert sent == config
    assert (note is not None) == is_noted


def test_a_note_says_what_was_asked_and_what_is_sent() -> None:
    _, note = resolve_thinking("minimal", "gemini-3.8-flash")

    assert note == "'gemini-3.8-flash' does not take thinking='minimal': level 'low' instead."


@pytest.mark.parametrize("thinking", ["max", "", -2, True])
def test_an_unknown_setting_is_refused_with_the_choices(thinking: str | int) -> None:
    with pytest.raises(ValueError, match=r"tokens.*got"):
        resolve_thinking(thinking, "gemini-3.8-flash")


@pytest.mark.parametrize(
    ("model", "generation", "known"),
    [
        ("gemini-3.6-flash", (3, 6), True),
        ("models/gemini-3-flash-preview", (3, 0), True),
        ("publishers/google/models/gemini-4-argon", (4, 0), True),
        ("gemini-2.5-flash-preview-09-2025", (2, 5), False),
        ("gemini-flash-latest", None, True),
        ("gemma-4-31b-it", None, True),
        ("gemini-test", None, False),
    ],
)
def test_an_id_tells_its_generation(model: str, generation: tuple[int, int] | None, known: bool) -> None:
    found = facts(model)

    assert (found.generation, found.known) == (generation, known)


def test_the_rules_become_strict_with_generation_3_and_again_with_3_6() -> None:
    old, third, strict = facts("gemini-2.5-pro"), facts("gemini-3.5-flash"), facts("gemini-3.6-flash")

    assert [m.signatures_enforced for m in (old, third, strict)] == [False, True, True]
    assert [m.strict_turns for m in (old, third, strict)] == [False, False, True]
    assert [m.many_candidates for m in (old, third, strict)] == [True, False, False]


def test_an_unknown_id_gets_the_newest_rules() -> None:
    unknown, newest = facts("gemini-test"), facts("gemini-4-neon")

    assert unknown.strict_turns
    assert unknown.signatures_enforced == newest.signatures_enforced
    assert unknown.output_token_limit == 65_536


def test_a_model_that_makes_images_says_so() -> None:
    assert facts("gemini-3-pro-image-preview").output == ("TEXT", "IMAGE")


@pytest.mark.parametrize(
    ("model", "builtins"),
    [
        ("gemini-2.0-flash", {"googleSearch", "codeExecution"}),
        ("gemini-2.5-pro", {"googleSearch", "codeExecution", "googleMaps", "urlContext", "fileSearch"}),
        ("gemini-3-flash-preview", ALL_BUILTINS),
        ("gemini-flash-latest", ALL_BUILTINS),
        ("gemini-2.5-computer-use-preview-10-2025", ALL_BUILTINS),
    ],
)
def test_tools_of_geminis_own_came_with_generations(model: str, builtins: set[str]) -> None:
    assert set(facts(model).builtins) == builtins
