"""What `agentkit check` finds behind a target, and what it says about the first request that follows from it."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentkit import ConfigurationError
from agentkit.cli.check_first import PROFILES, Profile
from agentkit.cli.check_report import Problem, Report, make_report
from agentkit.cli.check_target import open_target
from agentkit.cli.service import KEY_VARIABLES
from tests.cli.command import KEY

EXAMPLES = Path(__file__).parents[2] / "examples"

SHOP = '''
from pydantic import BaseModel

from agentkit import Agent, GoogleSearch, RunContext, tool


class Order(BaseModel):
    """An order."""

    number: int
    extra: dict[str, int] = {}


@tool(effects="read")
def get_user(number: int) -> str:
    """The user with a number."""
    return "Kim"


async def get_users(ctx: RunContext[None]) -> list[str]:
    """All customers of the shop."""
    return ["Kim"]


def place(order: Order) -> str:
    """Place an order."""
    return "placed"


users = Agent("gemini-3-flash-preview", tools=[get_user, get_users])
orders = Agent("gemini-3-flash-preview", tools=[place], output=Order)
mixed: Agent[None, str] = Agent("gemini-3-flash-preview", tools=[place, GoogleSearch()], combine="together")
tools = [place, get_users]
number = 7
'''


@pytest.fixture(autouse=True)
def imports_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A test stands in a folder of its own, and what it imports is gone after it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith((str(tmp_path), str(EXAMPLES))):
            del sys.modules[name]


@pytest.fixture
def shop() -> str:
    """A file with several agents, tools, and something that is neither."""
    Path("shop.py").write_text(SHOP)
    return "shop.py"


def report_on(target: str, *profiles: Profile, model: str | None = None, prompt: str = "Hello.") -> Report:
    return make_report(open_target(target, model=model, prompt=prompt), profiles or PROFILES, with_schemas=True)


def errors_in(report: Report) -> list[Problem]:
    return [problem for problem in report.problems if problem.severity == "error"]


def line_of(text: str, source: str = SHOP) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if line.startswith(text))


def sent(target: str, profile: Profile = "google", model: str | None = None, prompt: str = "Hello.") -> dict[str, Any]:
    body: Any = open_target(target, model=model, prompt=prompt).request(profile)
    return dict(body)


def declared(body: dict[str, Any]) -> list[str]:
    return [declaration["name"] for declaration in body["tools"][0]["functionDeclarations"]]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_there_is_nothing_to_say_about_our_own_examples(path: Path) -> None:
    assert report_on(str(path)).problems == ()


def test_there_is_nothing_to_say_about_our_own_tools() -> None:
    report = report_on("agentkit_tools.basics")

    assert report.problems == ()
    assert len(report.costs) == 4


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        pytest.param(":users", ["get_user", "get_users"], id="an-agent"),
        pytest.param(":tools", ["place", "get_users"], id="a-list"),
        pytest.param(":get_user", ["get_user"], id="a-tool"),
        pytest.param(":place", ["place"], id="a-function"),
    ],
)
def test_a_name_in_a_file_may_be_an_agent_or_tools(shop: str, name: str, functions: list[str]) -> None:
    assert declared(sent(shop + name)) == functions


def test_a_file_without_agents_is_looked_through_for_tools() -> None:
    Path("plain.py").write_text(
        "count = []\ncount.append(1)\n\ndef now(zone: str) -> str:\n    '''The time.'''\n    return ''\n"
    )

    assert declared(sent("plain.py")) == ["now"]
    assert sys.modules["plain"].count == [1]


def test_other_names_of_the_only_agent_do_not_make_it_two() -> None:
    Path("one.py").write_text(
        "from agentkit import Agent\nagent = Agent('gemini-2.5-pro')\nsame = agent\n_other = Agent('x')\n"
    )

    assert open_target("one.py", model=None, prompt="Hi").model == "gemini-2.5-pro"


def test_the_prompt_and_the_models_own_form_are_in_the_request(shop: str) -> None:
    modern, older = sent(f"{shop}:orders", prompt="Buy!"), sent(f"{shop}:orders", model="gemini-2.5-flash")

    assert modern["contents"] == [{"role": "user", "parts": [{"text": "Buy!"}]}]
    assert "responseJsonSchema" in modern["generationConfig"]
    assert declared(older) == ["place", "final_answer"]


def test_deps_are_stood_in_for_where_instructions_need_them() -> None:
    Path("deps.py").write_text(
        "from agentkit import Agent\n"
        "agent = Agent('gemini-2.5-pro', instructions=lambda c: f'{c.deps.user[0].name():>9} {len(list(c.deps))}')\n"
    )

    assert sent("deps.py")["systemInstruction"] == {"parts": [{"text": "(deps) 0"}]}


def test_deps_are_none_where_instructions_can_do_without() -> None:
    Path("deps.py").write_text("from agentkit import Agent\nagent = Agent('x', instructions=lambda c: f'{c.deps}')\n")

    assert sent("deps.py")["systemInstruction"] == {"parts": [{"text": "None"}]}


SERVICE = '''
import anyio

from agentkit import Agent, GeminiClient, Middleware


class Stubborn(Middleware):
    """Changes what is sent, and asks again whatever happens."""

    async def around_model(self, context, request, proceed):
        with anyio.CancelScope(shield=True):
            try:
                return await proceed(request.with_generation(max_output_tokens=7))
            except Exception:
                return await proceed(request)


def now(zone: str) -> str:
    """The time of a zone."""
    return "noon"


client = GeminiClient(base_url="https://generativelanguage.googleapis.com", schema_dialect="openapi")
agent = Agent("gemini-3.8-flash", tools=[now], client=client, middleware=[Stubborn()])
'''


def test_the_agents_middleware_and_the_dialect_of_its_client_take_part() -> None:
    Path("service.py").write_text(SERVICE)

    body = sent("service.py")

    assert body["generationConfig"] == {"maxOutputTokens": 7}
    assert body["tools"][0]["functionDeclarations"][0]["parameters"]["properties"] == {"zone": {"type": "STRING"}}


def test_the_endpoint_is_that_of_the_agents_client_and_none_without_a_key(shop: str) -> None:
    Path("service.py").write_text(SERVICE)

    assert open_target("service.py", model=None, prompt="Hi").endpoint == "google"
    assert open_target(f"{shop}:users", model=None, prompt="Hi").endpoint is None


def test_a_file_may_take_keys_out_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "hiding.py"
    file.write_text(
        "import os\nfrom agentkit import Agent\n"
        "agent = Agent('gemini-3-flash-preview')\nos.environ.pop('GEMINI_API_KEY', None)\n"
    )

    assert open_target(str(file), model=None, prompt="Hi").model == "gemini-3-flash-preview"
    assert "GEMINI_API_KEY" not in os.environ


@pytest.mark.parametrize(("variable", "endpoint"), [("COMETAPI_KEY", "comet"), ("GEMINI_API_KEY", "google")])
def test_a_key_in_the_environment_tells_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, shop: str, variable: str, endpoint: str
) -> None:
    monkeypatch.setenv(variable, KEY)

    assert open_target(f"{shop}:users", model=None, prompt="Hi").endpoint == endpoint


def test_what_one_endpoint_cannot_do_is_an_error_of_that_endpoint_at_the_line_of_the_agent(shop: str) -> None:
    [problem] = errors_in(report_on(f"{shop}:mixed"))

    assert (problem.code, problem.profiles) == ("AK200", ("vertex", "comet"))
    assert problem.place is not None
    assert problem.place.line == line_of("mixed: ")
    assert not errors_in(report_on(f"{shop}:mixed", "google"))


def test_a_problem_that_all_endpoints_have_is_told_once_at_the_line_of_the_function(shop: str) -> None:
    [problem] = report_on(f"{shop}:users").problems

    assert (problem.code, problem.function, problem.profiles) == ("AK204", "get_users", PROFILES)
    assert problem.place is not None
    assert (problem.place.file.name, problem.place.line) == ("shop.py", line_of("async def get_users"))


CHAINS = """
from agentkit import Agent, GoogleSearch

from shop import place


def get_stock() -> int:
    '''Get stock.'''
    return 7


chain = ["gemini-3-flash-preview", "gemini-3.8-flash", "gemini-2.0-flash"]
first = Agent(chain, tools=[get_stock], temperature=1.0)
apart = Agent(["gemini-3-flash-preview", "gemini-2.5-flash-lite"], tools=[get_stock, GoogleSearch()],
              combine="together")
gone = Agent("gemini-3-pro-preview", tools=[place])
late = Agent("gemini-3.7-flash", tools=[place])
vectors = Agent("gemini-embedding-001", tools=[place])
"""


@pytest.fixture
def chains(shop: str) -> str:
    """A file of agents with several models, or with ones that are no good."""
    path = Path(shop).with_name("chains.py")
    path.write_text(CHAINS)
    return str(path)


@pytest.mark.parametrize(
    ("agent", "code", "severity", "words"),
    [
        ("gone", "AK209", "warning", "gemini-3-pro-preview is off since 2026-03-09; gemini-3.1-pro-preview answers in"),
        ("late", "AK210", "warning", "gemini-3.7-flash is deprecated; gemini-3.8-flash answers in its place"),
        ("vectors", "AK211", "error", "gemini-embedding-001 makes vectors of texts, and answers no requests"),
    ],
)
def test_a_model_that_is_off_or_replaced_or_answers_nothing_is_told(
    chains: str, agent: str, code: str, severity: str, words: str
) -> None:
    [problem] = report_on(f"{chains}:{agent}").problems

    assert (problem.code, problem.severity, problem.profiles) == (code, severity, PROFILES)
    assert problem.message.startswith(words)
    assert problem.place is not None
    assert problem.place.line == line_of(f"{agent} = ", CHAINS)


def test_each_model_of_a_chain_is_judged_and_what_the_first_one_has_too_is_told_once(chains: str) -> None:
    problems = report_on(f"{chains}:first").problems

    by_code = {(problem.code, problem.fallback): problem.message for problem in problems}
    assert len(by_code) == len(problems)
    assert by_code.keys() == {("AK202", ""), ("AK126", "gemini-3.8-flash"), ("AK209", "gemini-2.0-flash")}
    ignored = by_code["AK126", "gemini-3.8-flash"]
    assert ignored == "gemini-3.8-flash: temperature are ignored by this model, and will be refused later."
    assert by_code["AK209", "gemini-2.0-flash"].startswith("gemini-2.0-flash is off since 2026-06-01.")


def test_a_chain_that_cannot_be_asked_is_told_once(chains: str) -> None:
    [problem] = report_on(f"{chains}:apart", "google", "vertex").problems

    assert (problem.code, problem.fallback) == ("AK200", "")
    assert problem.message.startswith("gemini-2.5-flash-lite cannot combine built-in tools (GoogleSearch)")


def test_another_model_is_judged_without_those_behind_it(chains: str) -> None:
    assert report_on(f"{chains}:first", model="gemini-3.8-flash").model == "gemini-3.8-flash"
    assert not [one for one in report_on(f"{chains}:first", model="gemini-3.8-flash").problems if one.fallback]


def test_two_problems_at_one_place_with_one_remedy_stay_two() -> None:
    name = saved({**HELLO, "foo": 1, "bar": 2})

    problems = report_on(name).problems

    assert {(problem.code, problem.path, problem.fix) for problem in problems} == {("AK101", "", "Leave it out.")}
    assert ["foo" in problem.message for problem in problems] == [True, False]
    assert [problem.profiles for problem in problems] == [PROFILES, PROFILES]


def test_costs_come_dearest_first_with_their_sum(shop: str) -> None:
    report = report_on(f"{shop}:orders")

    assert [cost.name for cost in report.costs] == ["place", "response schema"]
    assert [cost.tokens for cost in report.costs] == sorted((cost.tokens for cost in report.costs), reverse=True)
    assert report.tokens == sum(cost.tokens for cost in report.costs)


def test_what_schemas_lose_is_told_for_functions_and_answers(shop: str) -> None:
    schemas = report_on(f"{shop}:orders").schemas

    assert schemas is not None
    told = {schema.name: [(loss.path, loss.keyword) for loss in schema.losses] for schema in schemas}
    assert told["place"] == [("#/properties/order/properties/extra", "additionalProperties")]
    assert told["response schema"] == [("#/properties/extra", "additionalProperties")]


def saved(content: object, name: str = "request.json") -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return name


HELLO = {"contents": {"parts": {"text": "Hi"}}}


@pytest.mark.parametrize(
    ("content", "chosen", "model"),
    [
        pytest.param(HELLO, None, "gemini-3-flash-preview", id="a-bare-body"),
        pytest.param({"model": "models/gemini-2.5-pro", "body": HELLO}, None, "models/gemini-2.5-pro", id="with-model"),
        pytest.param({"model": "gemini-2.5-pro", **HELLO}, None, "gemini-2.5-pro", id="model-in-the-body"),
        pytest.param({"model": "gemini-2.5-pro", "body": HELLO}, "gemini-3.8-flash", "gemini-3.8-flash", id="chosen"),
    ],
)
def test_a_saved_request_may_name_its_model(content: object, chosen: str | None, model: str) -> None:
    assert report_on(saved(content), model=chosen).model == model


def test_the_functions_of_a_saved_request_are_found_in_any_spelling_and_at_their_lines() -> None:
    tools = {"function_declarations": [{"name": "now", "description": "Tells."}, {"name": "7 up", "description": "x."}]}
    name = saved({**HELLO, "tools": tools})

    [problem] = errors_in(report_on(name, "google"))

    assert (problem.code, problem.function) == ("AK115", "7 up")
    assert problem.place is not None
    assert problem.place.line == line_of('    "name": "7 up"', Path(name).read_text())


@pytest.mark.parametrize(
    "tools",
    [7, ["x"], [{"functionDeclarations": [1, {"name": 3}]}], [{"functionDeclarations": {"parametersJsonSchema": []}}]],
    ids=str,
)
def test_a_saved_request_may_be_wrong_in_any_way(tools: Sequence[object]) -> None:
    assert errors_in(report_on(saved({**HELLO, "tools": tools, "systemInstruction": 3, "generationConfig": []})))


REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("nowhere.py", lambda: None, "nowhere.py: there is no such file."),
    ("nowhere.at_all:agent", lambda: None, "nowhere.at_all does not import: ModuleNotFoundError"),
    ("broken.py", lambda: saved("raise KeyError('x')", "broken.py"), "broken.py does not import: KeyError: 'x'"),
    (
        "empty.py",
        lambda: saved("x = 1", "empty.py"),
        "empty.py: no agent and no tool in it. Write `agent =",
    ),
    ("shop.py", lambda: None, "shop.py has several agents: users, orders, mixed. Say which: shop.py:users."),
    ("shop.py:usr", lambda: None, "shop.py has no 'usr'. Agents in it: users, orders, mixed."),
    ("shop.py:number", lambda: None, "shop.py:number is of type int, neither an agent nor tools."),
    ("gone.json", lambda: None, "gone.json cannot be read: No such file or directory."),
    ("a.json", lambda: saved("{'a'", "a.json"), "a.json is no JSON: Expecting property name"),
    ("a.json", lambda: saved("[" * 100_000, "a.json"), "a.json is no JSON: RecursionError"),
    ("a.json", lambda: Path("a.json").write_bytes(b"\xff"), "a.json is no JSON: 'utf-8' codec"),
    ("a.json", lambda: saved([1], "a.json"), "a.json holds a list, no request. Give a body"),
    ("a.json", lambda: saved({"body": "x"}, "a.json"), "a.json holds a text, no request."),
    ("a.json", lambda: saved("null", "a.json"), "a.json holds null, no request."),
]


@pytest.mark.parametrize(("target", "prepare", "sentence"), REFUSED, ids=[sentence for *_, sentence in REFUSED])
@pytest.mark.usefixtures("shop")
def test_a_target_of_no_use_is_refused_in_one_sentence(
    target: str, prepare: Callable[[], object], sentence: str
) -> None:
    prepare()

    with pytest.raises(ConfigurationError) as refused:
        open_target(target, model=None, prompt="Hi")

    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        pytest.param(
            "agent = Agent('x', instructions=lambda c: 1 / 0)",
            "a.py does not get to its first request: ZeroDivisionError: division by zero",
            id="instructions-that-fail",
        ),
        pytest.param(
            "class Cached(Middleware):\n"
            "    async def around_model(self, context, request, proceed):\n"
            "        content = {'role': 'model', 'parts': [{'text': 'Yes.'}]}\n"
            "        candidates = [{'content': content, 'finishReason': 'STOP'}]\n"
            "        return GenerateContentResponse.parse({'candidates': candidates})\n"
            "agent = Agent('x', middleware=[Cached()])",
            "a.py sends no request: a middleware answers in place of the model.",
            id="middleware-that-answers",
        ),
    ],
)
def test_an_agent_that_does_not_get_to_a_request_is_refused(code: str, sentence: str) -> None:
    target = saved(f"from agentkit import Agent, Middleware\nfrom agentkit.wire import *\n{code}\n", "a.py")

    with pytest.raises(ConfigurationError) as refused:
        report_on(target)

    assert str(refused.value) == sentence
