"""The command `agentkit doctor`: what it finds out about good endpoints and about crippled ones, and what it keeps."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest

from agentkit import Agent, Capabilities, GeminiClient
from agentkit._endpoint import api_root, find_credential
from agentkit.cli.doctor_exam import Examination, cost_of, examine_at, steps_for
from agentkit.cli.emulate import CrippleChoice
from agentkit.testing import Asked, Cripple, Emulator, code, error, grounding, read_urls, reply, text
from agentkit.testing.cripple import Crippled
from agentkit.testing.finding import Profile
from agentkit.testing.items import Part, Reply
from agentkit.testing.offline import answer
from agentkit.testing.server import serve
from tests.cli.command import KEY, agentkit, agentkit_at_terminal

MODEL = "gemini-3-flash-preview"
SEARCHED = grounding({"webSearchQueries": ["moon"]})
WORKS = {
    "key as x-goog-api-key": "yes",
    "key as bearer": "yes",
    "plain answer": "yes",
    "list of models": "yes",
    "stream": "yes",
    "count of tokens": "yes",
    "parametersJsonSchema": "yes",
    "parameters": "yes",
    "round trip of a call": "yes",
    "Google Search": "yes",
    "code execution": "yes",
    "URL context": "yes",
    "Google Maps": "yes",
    "search beside functions": "yes",
    "error: unknown model": "yes",
    "error: unknown field": "yes",
    "files": "yes",
    "cached contents": "yes",
}
GOOGLE = WORKS | {"key as bearer": "no"}
VERTEX = WORKS | {"search beside functions": "no", "files": "no"}
COMET = VERTEX | {"error: unknown model": "limited", "error: unknown field": "limited", "cached contents": "no"}
PROFILES: dict[Profile, Mapping[str, str]] = {"google": GOOGLE, "vertex": VERTEX, "comet": COMET}


def good_brain(asked: Asked) -> Reply | Sequence[Part]:
    """Uses the built-in tools that it is given; else the planner answers."""
    match sorted(kind for tool in asked.body.get("tools", ()) for kind in tool):
        case ["googleSearch"] | ["googleMaps"]:
            return reply(text("On Friday."), SEARCHED)
        case ["codeExecution"]:
            return reply(code("print(2**10)", "1024\n"), text("1024"))
        case ["urlContext"]:
            return reply(text("Example Domain"), read_urls("https://example.com"))
        case _:
            return answer(asked.body)


@contextmanager
def endpoint(profile: Profile = "google", **options: Any) -> Iterator[Emulator]:
    options = {"brain": good_brain, "models": (MODEL, "gemini-2.5-flash"), "api_keys": {KEY}, **options}
    with serve(Emulator(profile=profile, **options)) as emulator:
        yield emulator


def address(emulator: Emulator) -> str:
    place = "/v1/projects/shop-1/locations/us-central1/publishers/google" if emulator.profile == "vertex" else ""
    return emulator.url + place


def examined(emulator: Emulator, *, model: str = MODEL, key: str = KEY, key_in_url: bool = False) -> Examination:
    """Examine it in this process."""
    url = address(emulator)
    root = api_root(url, "v1beta", allow_insecure_http=False)
    credential = find_credential(key, url)
    return anyio.run(examine_at, root, credential, model, steps_for(key_in_url=key_in_url), lambda _: None)


def verdicts(exam: Examination) -> dict[str, str]:
    return {result.step.name: result.found.verdict for result in exam.results}


def means(exam: Examination, step: str) -> str:
    [found] = [result.found.means for result in exam.results if result.step.name == step]
    return found


def doctor(emulator: Emulator, *args: str, key: str = KEY, cwd: Path | None = None) -> Any:
    return agentkit("doctor", "--base-url", address(emulator), "--yes", *args, GEMINI_API_KEY=key, cwd=cwd)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_three_services_are_told_apart_and_agents_can_work_at_all_of_them(profile: Profile) -> None:
    with endpoint(profile) as emulator:
        exam = examined(emulator)

    assert verdicts(exam) == PROFILES[profile]
    assert not exam.lacking
    assert exam.capabilities.builtins_with_functions is (profile == "google")
    assert exam.capabilities.errors == ("openai" if profile == "comet" else "google")
    assert exam.tokens > 0
    assert not emulator.unexpected


@pytest.mark.parametrize(
    ("cripple", "changed", "words", "known"),
    [
        pytest.param(
            ["drops_ids"],
            {"parametersJsonSchema": "limited"},
            ("parametersJsonSchema", "Calls have no ids"),
            {"call_ids": False},
            id="ids-get-lost",
        ),
        pytest.param(
            ["drops_signatures"],
            {"parametersJsonSchema": "limited", "round trip of a call": "limited"},
            ("round trip of a call", "Google's placeholder"),
            {"signatures": False},
            id="signatures-get-lost",
        ),
        pytest.param(
            ["refuses_ids"],
            {"round trip of a call": "limited"},
            ("round trip of a call", "Ids are refused when they come back"),
            {"takes_call_ids": False, "call_ids": True},
            id="ids-are-refused",
        ),
        pytest.param(
            ["refuses_ids", "drops_signatures"],
            {"parametersJsonSchema": "limited", "round trip of a call": "limited"},
            ("round trip of a call", "Ids are refused when they come back"),
            {"takes_call_ids": False, "signatures": False},
            id="two-faults-at-once",
        ),
        pytest.param(
            ["only_parameters"],
            {"parametersJsonSchema": "no"},
            ("parametersJsonSchema", 'Unknown name "parametersJsonSchema"'),
            {"schema_dialect": "openapi"},
            id="only-the-older-schemas",
        ),
        pytest.param(
            ["ignores_json_schema"],
            {"parametersJsonSchema": "no"},
            ("parametersJsonSchema", "the schema gets lost"),
            {"schema_dialect": "openapi"},
            id="schemas-get-lost-silently",
        ),
        pytest.param(
            ["openai_errors"],
            {"error: unknown model": "limited", "error: unknown field": "limited"},
            ("error: unknown field", "in the shape of OpenAI's errors"),
            {"errors": "openai"},
            id="errors-like-openai",
        ),
        pytest.param(
            ["no_files"],
            {"files": "no"},
            ("files", "must be sent inline"),
            {"files": False, "caches": True},
            id="no-files",
        ),
        pytest.param(
            ["no_caches"], {"cached contents": "no"}, ("cached contents", "HTTP 404"), {"caches": False}, id="no-caches"
        ),
    ],
)
def test_a_fault_of_a_gateway_is_told_and_learned_and_nothing_else_is(
    cripple: list[Cripple], changed: dict[str, str], words: tuple[str, str], known: dict[str, object]
) -> None:
    with endpoint(cripple=cripple) as emulator:
        exam = examined(emulator)

    assert verdicts(exam) == GOOGLE | changed
    assert words[1] in means(exam, words[0])
    assert {name: getattr(exam.capabilities, name) for name in known} == known
    assert not exam.lacking


@pytest.mark.parametrize("profile", PROFILES)
def test_a_gateway_that_takes_keys_only_as_bearer_is_examined_that_way(profile: Profile) -> None:
    with endpoint(profile, cripple=["only_bearer"]) as emulator:
        exam = examined(emulator)

    assert verdicts(exam) == PROFILES[profile] | {"key as x-goog-api-key": "no", "key as bearer": "yes"}
    assert exam.capabilities.auth == ("bearer",)
    assert exam.capabilities.bearer


def test_a_key_goes_into_an_address_only_if_asked_for() -> None:
    with endpoint() as emulator:
        plain = examined(emulator)
        asked_for = examined(emulator, key_in_url=True)

    assert plain.capabilities.auth == ("x-goog-api-key",)
    assert asked_for.capabilities.auth == ("x-goog-api-key", "query")


def test_after_a_refused_key_nothing_more_is_tried() -> None:
    with endpoint() as emulator:
        exam = examined(emulator, key="wrong-key-0123456789")

    assert len(emulator.asked) == exam.requests == 2
    assert set(list(verdicts(exam).values())[2:]) == {"not tried"}
    assert exam.key_refused


def test_after_a_silent_model_only_what_needs_none_is_tried() -> None:
    with endpoint() as emulator:
        exam = examined(emulator, model="gemini-9-none")

    found = verdicts(exam)
    tried = [step for step, verdict in found.items() if verdict != "not tried"]
    keys = ["key as x-goog-api-key", "key as bearer"]
    assert tried == [*keys, "plain answer", "list of models", "error: unknown model", "files", "cached contents"]
    assert found["plain answer"] == "failed"
    assert "gemini-9-none is not among them" in means(exam, "list of models")


def test_a_model_of_an_older_generation_lacks_nothing_that_it_never_had() -> None:
    with endpoint() as emulator:
        exam = examined(emulator, model="gemini-2.5-flash")

    assert verdicts(exam) == GOOGLE | {"search beside functions": "not tried"}
    assert (exam.capabilities.builtins_with_functions, exam.capabilities.call_ids) == (None, None)


def test_a_busy_service_is_asked_again_and_not_taken_for_a_lacking_one() -> None:
    busy: list[str] = []

    def brain(asked: Asked) -> Reply | Sequence[Part]:
        """Busy when it is asked for a search: once for Google Search, always for Maps."""
        kind = next(iter(asked.body.get("tools", [{}])[0]), "")
        busy.append(kind)
        if (kind, busy.count(kind)) == ("googleSearch", 1) or kind == "googleMaps":
            return reply(error(503, retry_after_s=0.0))
        return good_brain(asked)

    with endpoint(brain=brain) as emulator:
        exam = examined(emulator)

    assert verdicts(exam) == GOOGLE | {"Google Maps": "failed"}
    assert "run the doctor again" in means(exam, "Google Maps")
    assert "googleMaps" not in (exam.capabilities.builtins or ())


def test_a_built_in_tool_that_leaves_no_trace_may_be_ignored() -> None:
    with endpoint(brain=lambda asked: answer(asked.body)) as emulator:
        exam = examined(emulator)

    assert verdicts(exam)["Google Search"] == "limited"
    assert "may be ignored" in means(exam, "Google Search")


def test_the_announced_requests_are_those_of_a_good_endpoint() -> None:
    with endpoint() as emulator:
        exam = examined(emulator)

    requests, tokens = cost_of(steps_for(key_in_url=False))
    assert exam.requests == requests
    assert tokens > exam.tokens


def test_the_table_is_readable_on_a_hundred_columns_and_says_how_it_ends() -> None:
    with endpoint(cripple=["only_parameters", "openai_errors", "no_files", "drops_ids"]) as emulator:
        ended = doctor(emulator)

    lines = ended.out.splitlines()
    assert ended.code == 0
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["step", "result", "what", "it", "means"]
    assert next(line for line in lines if line.startswith("files")).split()[1] == "no"
    assert re.search(r"\nAgents can work at http://127\.0\.0\.1:\d+/v1beta \(17 requests, \d+ tokens\)\.\n$", ended.out)
    assert re.match(r"The doctor asks gemini-3-flash-preview at http://\S+/v1beta: about 17 requests and ", ended.err)


def test_what_was_found_is_kept_in_a_file(tmp_path: Path) -> None:
    with endpoint(cripple=["only_parameters"]) as emulator:
        ended = doctor(emulator, "--save", ".", "--json", cwd=tmp_path)

    kept = Capabilities.load(tmp_path / "agentkit-capabilities.json")
    told = json.loads(ended.out)
    assert kept.schema_dialect == "openapi"
    assert told["capabilities"] == kept.to_json()
    assert [step["result"] for step in told["steps"] if step["step"] == "parametersJsonSchema"] == ["no"]
    assert "GeminiClient(capabilities='agentkit-capabilities.json')" in ended.err
    assert KEY not in ended.out + ended.err + (tmp_path / "agentkit-capabilities.json").read_text()


def test_a_folder_that_is_not_there_is_told_before_anything_is_spent(tmp_path: Path) -> None:
    with endpoint() as emulator:
        ended = doctor(emulator, "--save", "nowhere/found.json", cwd=tmp_path)

    assert (ended.code, ended.out, emulator.asked) == (2, "", [])
    assert "there is no folder 'nowhere'" in ended.err


def test_nothing_is_kept_unless_asked_for(tmp_path: Path) -> None:
    with endpoint() as emulator:
        doctor(emulator, cwd=tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_refused_key_ends_with_1_and_the_key_is_not_shown() -> None:
    with endpoint() as emulator:
        ended = doctor(emulator, key="wrong-key-0123456789")

    assert ended.code == 1
    assert "does not take the key in any form" in " ".join(ended.out.split())
    assert "wrong-key-0123456789" not in ended.out + ended.err


def test_a_dead_endpoint_is_one_sentence() -> None:
    with endpoint() as emulator:
        url = emulator.url
    ended = agentkit("doctor", "--base-url", url, "--yes", GEMINI_API_KEY=KEY)

    assert (ended.code, ended.out) == (1, "")
    [_, _, said] = ended.err.splitlines()
    assert said.startswith("Could not connect to 127.0.0.1:")


def test_something_that_does_not_speak_gemini_is_told() -> None:
    with endpoint() as emulator:
        ended = agentkit("doctor", "--base-url", f"{emulator.url}/other/v1", "--yes", GEMINI_API_KEY=KEY)

    assert ended.code == 1
    assert "it lacks an answer, a stream, functions, a round trip" in " ".join(ended.out.split())


def test_without_a_key_there_is_nothing_to_examine() -> None:
    ended = agentkit("doctor", "--yes")

    assert ended.code == 2
    assert "No API key" in ended.err


def test_nothing_is_spent_where_nobody_can_be_asked() -> None:
    with endpoint() as emulator:
        ended = agentkit("doctor", "--base-url", emulator.url, GEMINI_API_KEY=KEY)

    assert (ended.code, ended.out, emulator.asked) == (2, "", [])
    assert "Add --yes" in ended.err


@pytest.mark.parametrize(("typed", "code", "requests"), [("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 17)])
def test_a_person_at_the_terminal_is_asked(typed: str, code: int, requests: int) -> None:
    with endpoint() as emulator:
        ended = agentkit_at_terminal("doctor", "--base-url", emulator.url, typed=typed, columns=100, GEMINI_API_KEY=KEY)

    assert "Go on? [y/N] " in ended.out
    assert ended.code == code
    assert bool(emulator.asked) is bool(requests)


@pytest.mark.parametrize(
    "cripple",
    [["only_parameters"], ["refuses_ids"], ["drops_ids"], ["drops_signatures"], ["refuses_ids", "drops_signatures"]],
)
def test_an_agent_that_goes_by_the_file_is_refused_nothing(cripple: Sequence[Cripple], tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    with endpoint(cripple=cripple) as emulator:
        examined(emulator).capabilities.save(file)
        before = len(emulator.findings)
        client = GeminiClient(api_key=KEY, base_url=emulator.url, capabilities=file)

        result = Agent(MODEL, tools=[population], client=client).run_sync("What is the population of Oslo?")

        errors = [finding for finding in emulator.findings[before:] if finding.severity == "error"]
        assert (result.output, errors) == ("Population of Oslo: 717,710.", [])


def population(city: str) -> int:
    """How many people live in a town."""
    return {"Oslo": 717710}[city]


def test_an_unknown_way_to_cripple_is_refused_with_those_that_there_are() -> None:
    unknown: Iterable[Any] = ["drops_everything"]

    with pytest.raises(ValueError, match=r"drops_everything.*drops_ids, drops_signatures"):
        Crippled(unknown)


def test_the_command_line_knows_every_way_to_cripple() -> None:
    assert [choice.value for choice in CrippleChoice] == list(get_args(Cripple))
