"""Whether the model may, must or must not call: what each turn is sent with."""

from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    InvalidRequest,
    Limits,
    MalformedCall,
    Retrying,
    ToolChoice,
)
from agentkit.models import facts, known_models
from agentkit.testing import Emulator, call, error, finish, text
from agentkit.testing.server import serve

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
OLD = "gemini-2.5-flash"
OLDEST = "gemini-2.0-flash"


def look(word: str = "") -> str:
    """Look it up."""
    return word


def listen() -> str:
    """Listen."""
    return "heard"


def modes(emulator: Emulator) -> list[Any]:
    """Return the calling configuration of each request."""
    return [body.get("toolConfig", {}).get("functionCallingConfig") for body in emulator.requests]


LEFT_OPEN = {"mode": "VALIDATED"}
CHOICES = [
    pytest.param(None, LEFT_OPEN, LEFT_OPEN, id="nothing-said"),
    pytest.param("auto", {"mode": "AUTO"}, {"mode": "AUTO"}, id="auto"),
    pytest.param("validated", LEFT_OPEN, LEFT_OPEN, id="validated"),
    pytest.param("any", {"mode": "ANY"}, LEFT_OPEN, id="any-is-for-the-first-turn"),
    pytest.param(
        ["look"], {"mode": "ANY", "allowedFunctionNames": ["look"]}, LEFT_OPEN, id="a-name-is-for-the-first-turn"
    ),
    pytest.param(
        ToolChoice(mode="validated", names=("look",)),
        {"mode": "VALIDATED", "allowedFunctionNames": ["look"]},
        {"mode": "VALIDATED", "allowedFunctionNames": ["look"]},
        id="some-names-may-be-called",
    ),
]


@pytest.mark.parametrize("profile", ["google", "vertex", "comet"])
@pytest.mark.parametrize(("choice", "first", "second"), CHOICES)
async def test_each_turn_says_what_was_chosen(choice: Any, first: object, second: object, profile: Any) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        emulator.reply(call("look", word="a"))
        emulator.reply(text("Done."))
        client = GeminiClient(api_key="test-key", base_url=emulator.url, endpoint=profile, bearer=profile == "vertex")

        await Agent(MODEL, tools=[look, listen], tool_choice=choice, client=client).run("Go.")

        assert modes(emulator) == [first, second]
        assert not emulator.findings


async def test_none_means_no_calls_and_the_functions_stay_declared(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("No need."))

    result = await Agent(MODEL, tools=[look], tool_choice="none", client=client).run("Go.")

    assert (result.output, modes(emulator)) == ("No need.", [{"mode": "NONE"}])
    assert emulator.requests[0]["tools"][0]["functionDeclarations"][0]["name"] == "look"


async def test_a_call_can_be_forced_in_every_turn_until_a_limit_ends_it(
    emulator: Emulator, client: GeminiClient
) -> None:
    for word in "ab":
        emulator.reply(call("look", word=word))
    emulator.reply(text("Enough."))
    choice = ToolChoice(every_turn=True)

    result = await Agent(MODEL, tools=[look], tool_choice=choice, client=client, limits=Limits(turns=3)).run("Go.")

    assert (result.output, modes(emulator)) == ("Enough.", [{"mode": "ANY"}, {"mode": "ANY"}, {"mode": "NONE"}])


async def test_a_choice_holds_for_the_first_turn_of_each_run(emulator: Emulator, client: GeminiClient) -> None:
    agent = Agent(MODEL, tools=[look], tool_choice="any", client=client)
    for _ in range(2):
        emulator.reply(call("look"))
        emulator.reply(text("Done."))

    first = await agent.run("Go.")
    await agent.run("Again.", history=first.contents)

    assert modes(emulator) == [{"mode": "ANY"}, LEFT_OPEN] * 2


@pytest.mark.parametrize("model", [one.id for one in known_models() if one.output == ("TEXT",)])
async def test_calls_are_validated_by_default_where_the_model_can(
    emulator: Emulator, client: GeminiClient, model: str
) -> None:
    emulator.reply(text("Done."))

    await Agent(model, tools=[look], client=client).run("Go.")

    assert modes(emulator) == [LEFT_OPEN if facts(model).validated_calls else None]
    assert not [one for one in emulator.findings if one.rule in ("E19", "E20")]


async def test_without_functions_nothing_is_said(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(text("Done."))

    await Agent(MODEL, client=client, tool_choice="auto").run("Go.")

    assert "toolConfig" not in emulator.requests[0]


TOO_LARGE = "The specified schema produces a constraint that has too many states for serving."
UNKNOWN_MODE = (
    "Invalid value at 'tool_config.function_calling_config.mode' (type.googleapis.com/...Mode), \"VALIDATED\""
)


@pytest.mark.parametrize("said", [TOO_LARGE, UNKNOWN_MODE], ids=["too-many-states", "an-older-gateway"])
async def test_a_service_that_cannot_validate_is_asked_without(
    emulator: Emulator, client: GeminiClient, said: str
) -> None:
    emulator.reply(error(400, said))
    emulator.reply(call("look"))
    emulator.reply(text("Done."))

    async with Agent(MODEL, tools=[look], client=client).stream("Go.") as run:
        events = [event async for event in run]
        assert (await run.result()).output == "Done."

    assert modes(emulator) == [LEFT_OPEN, None, None]  # and it is not tried again in this run
    assert [event.reason for event in events if isinstance(event, Retrying)] == [
        "the service does not validate these functions; asking without"
    ]


async def test_what_a_person_chose_is_not_given_up(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(error(400, TOO_LARGE))

    with pytest.raises(InvalidRequest, match="too many states"):
        await Agent(MODEL, tools=[look], tool_choice="validated", client=client).run("Go.")


async def test_a_typed_answer_by_function_leaves_only_that_function(emulator: Emulator, client: GeminiClient) -> None:
    emulator.reply(call("final_answer", value=7))

    result = await Agent(OLD, tools=[look], output=int, tool_choice="none", client=client).run("Go.")

    assert result.output == 7
    assert modes(emulator) == [{"mode": "ANY", "allowedFunctionNames": ["final_answer"]}]


async def test_malformed_calls_are_not_forced_where_calls_were_forbidden(
    emulator: Emulator, client: GeminiClient
) -> None:
    for _ in range(2):
        emulator.reply(finish("MALFORMED_FUNCTION_CALL", "Malformed function call: print("))

    with pytest.raises(MalformedCall):
        await Agent(MODEL, tools=[look], tool_choice="none", client=client).run("Go.")

    assert modes(emulator) == [{"mode": "NONE"}] * 2


REFUSED = [
    pytest.param("always", "'always' is unknown", id="an-unknown-word"),
    pytest.param([], "give 'auto'", id="an-empty-list"),
    pytest.param(7, "give 'auto'", id="a-number"),
    pytest.param([7], "must be a list of names", id="a-list-of-numbers"),
]


@pytest.mark.parametrize(("choice", "sentence"), REFUSED)
def test_what_is_no_choice_is_refused_at_construction(choice: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Agent(MODEL, tools=[look], tool_choice=choice)


def test_names_go_with_modes_that_allow_calls() -> None:
    with pytest.raises(ConfigurationError, match="not with 'auto'"):
        ToolChoice(mode="auto", names=("look",))


async def test_a_name_that_is_not_declared_is_refused_before_any_request(
    emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(ConfigurationError, match=r"no function 'lok'\. Known: look"):
        await Agent(MODEL, tools=[look], tool_choice=["lok"], client=client).run("Go.")

    assert not emulator.asked


async def test_a_forced_call_without_functions_is_refused_before_any_request(
    emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(ConfigurationError, match="there are no functions"):
        await Agent(MODEL, tool_choice="any", client=client).run("Go.")

    assert not emulator.asked


async def test_validated_is_refused_for_models_that_do_not_know_it(emulator: Emulator, client: GeminiClient) -> None:
    with pytest.raises(ConfigurationError, match="knows no validated calls"):
        await Agent(OLDEST, tools=[look], tool_choice="validated", client=client).run("Go.")

    assert not emulator.asked


async def test_validated_is_refused_before_any_request_for_a_model_later_in_the_chain(
    emulator: Emulator, client: GeminiClient
) -> None:
    with pytest.raises(ConfigurationError, match=f"{OLDEST} knows no validated calls"):
        await Agent([MODEL, OLDEST], tools=[look], tool_choice="validated", client=client).run("Go.")

    assert not emulator.requests


async def test_names_that_may_be_called_leave_a_typed_answer_by_function_open(
    emulator: Emulator, client: GeminiClient
) -> None:
    emulator.reply(call("look", word="a"))
    emulator.reply(call("final_answer", value=3))
    choice = ToolChoice(mode="validated", names=("look",))

    await Agent(OLD, output=int, tools=[look, listen], tool_choice=choice, client=client).run("Go.")

    assert modes(emulator) == [{"mode": "ANY", "allowedFunctionNames": ["look", "final_answer"]}] * 2


async def test_a_call_that_is_forced_after_malformed_ones_is_one_of_the_names_that_may_be_called(
    emulator: Emulator, client: GeminiClient
) -> None:
    for _ in range(2):
        emulator.reply(finish("MALFORMED_FUNCTION_CALL", "Malformed function call: look("))
    emulator.reply(call("look", word="a"))
    emulator.reply(text("Done."))
    choice = ToolChoice(mode="validated", names=("look",))

    await Agent(MODEL, tools=[look, listen], tool_choice=choice, client=client).run("Go.")

    assert modes(emulator)[2] == {"mode": "ANY", "allowedFunctionNames": ["look"]}
