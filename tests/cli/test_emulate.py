"""`agentkit emulate` serves the emulator for any client, tells each request, and ends with a summary."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest
from google import genai
from google.genai import types
from typer.testing import CliRunner

from agentkit import Agent, GeminiClient
from agentkit.cli.app import app
from agentkit.testing.faults import Faults
from tests.cli.command import LONGEST_S, agentkit, begin

MODEL = "gemini-3-flash-preview"
WEATHER = {
    "name": "weather",
    "description": "Weather in a city.",
    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@dataclass
class Running:
    """The command while it serves, and what it wrote when it has ended."""

    process: "subprocess.Popen[str]"
    url: str
    opening: str
    told: str = ""
    code: int | None = None

    def ask(self, text: str = "Hello", *, method: str = "generateContent", **body: Any) -> httpx.Response:
        content = {"contents": [{"role": "user", "parts": [{"text": text}]}], **body}
        return self.post(json.dumps(content), method=method)

    def post(self, body: str, *, method: str = "generateContent") -> httpx.Response:
        return httpx.post(
            f"{self.url}/v1beta/models/{MODEL}:{method}", content=body, headers={"x-goog-api-key": "any-key"}
        )

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.told, err = self.process.communicate(timeout=LONGEST_S)
        self.code = self.process.returncode
        assert not err


@contextmanager
def emulate(*options: str) -> Iterator[Running]:
    """Run the command on a free port until the block ends."""
    process = begin("emulate", "--port", "0", *options)
    try:
        assert process.stdout is not None
        opening = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", opening)
        assert found, opening or process.communicate()[1]
        while "# agentkit" not in opening and not {"-q", "--quiet"} & set(options):
            opening += process.stdout.readline()
        yield Running(process, found[0], opening)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="module")
def planner() -> Iterator[Running]:
    """The command as it is without options, for tests that only ask."""
    with emulate() as running:
        yield running


def test_each_request_is_told_in_a_line_with_what_is_wrong_below_and_counted_at_the_end() -> None:
    with emulate() as running:
        running.ask("Weather in Oslo", tools=[{"functionDeclarations": [WEATHER]}])
        running.ask(unknown=1)
        httpx.get(f"{running.url}/nowhere")
        running.end()

    lines = running.told.strip().splitlines()[-5:]
    clock = r"\d\d:\d\d:\d\d  "
    assert re.fullmatch(rf"{clock}generateContent  {MODEL}  turn 1  1 tool  200  \d+ ms  \d+ tokens", lines[0])
    assert re.fullmatch(rf"{clock}generateContent  {MODEL}  turn 1  0 tools  400  \d+ ms", lines[1])
    assert re.fullmatch(r"          AK101 error at .*unknown.* Leave it out\.", lines[2])
    assert re.fullmatch(rf"{clock}GET /nowhere  404  \d+ ms", lines[3])
    assert lines[4] == "3 requests, 2 refused. Findings: AK101 x1."
    assert running.code == 0


def test_the_lines_to_copy_show_the_address(planner: Running) -> None:
    [curl] = re.findall(r"curl (\S+)", planner.opening)

    assert curl == f"{planner.url}/v1beta/models/{MODEL}:generateContent"
    assert f'client = genai.Client(api_key="any", http_options={{"base_url": "{planner.url}"}})' in planner.opening
    assert f"AGENTKIT_BASE_URL={planner.url} GEMINI_API_KEY=any-key python program.py" in planner.opening


def test_a_signal_to_terminate_ends_it_as_ctrl_c_does() -> None:
    with emulate("--quiet") as running:
        running.ask()
        running.end(signal.SIGTERM)

    assert (running.code, running.told) == (0, "1 request, 0 refused. Findings: none.\n")


def test_google_genai_gets_a_call_and_an_answer(planner: Running) -> None:
    def weather(city: str) -> str:
        """Weather in a city."""
        return f"rain in {city}"

    with genai.Client(api_key="any", http_options={"base_url": planner.url}) as client:
        config = types.GenerateContentConfig(tools=[weather])
        answer = client.models.generate_content(model=MODEL, contents="What is the weather in Oslo?", config=config)

    assert answer.text == "Weather in Oslo: rain in Oslo."


def test_google_genai_streams(planner: Running) -> None:
    with genai.Client(api_key="any", http_options={"base_url": planner.url}) as client:
        chunks = [chunk.text or "" for chunk in client.models.generate_content_stream(model=MODEL, contents="Hello")]

    assert "offline stand-in" in "".join(chunks)


def test_google_genai_speaks_to_the_vertex_profile() -> None:
    with emulate("--profile", "vertex") as running:
        options = types.HttpOptions(base_url=running.url)
        with genai.Client(vertexai=True, api_key="any", http_options=options) as client:
            answer = client.models.generate_content(model=MODEL, contents="Hello")

    assert "offline stand-in" in (answer.text or "")
    assert 'genai.Client(vertexai=True, api_key="any"' in running.opening


def test_an_agent_runs_against_it(planner: Running) -> None:
    def population(city: str) -> int:
        """Number of people living in a city."""
        return {"Oslo": 717_710}[city]

    client = GeminiClient(api_key="any-key", base_url=planner.url)

    assert Agent(MODEL, tools=[population], client=client).run_sync("Population of Oslo?").output == (
        "Population of Oslo: 717,710."
    )


def test_a_script_gives_the_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"text": "One."}\n{"error": 503}\n{"stream": ["T", "wo."]}\n')

    with emulate("--script", str(path)) as running:
        answers = [running.ask() for _ in range(4)]
        running.end()

    said = [[part["text"] for part in one.json()["candidates"][0]["content"]["parts"]] for one in answers[::2]]
    assert said == [["One."], ["Two."]]
    assert [one.status_code for one in answers] == [200, 503, 200, 501]
    assert "answers.jsonl has no more steps" in answers[3].json()["error"]["message"]


def test_a_lenient_and_slow_emulator_takes_its_time_and_answers_what_it_finds_fault_with() -> None:
    with emulate("--lenient", "--latency", "80ms") as running:
        status = running.ask(unknown=1).status_code
        running.end()

    [took] = re.findall(r"(\d+) ms", running.told)
    assert status == 200
    assert int(took) >= 80
    assert "1 request, 0 refused. Findings: AK101 x1." in running.told


def test_requests_fail_at_the_rate_and_by_the_seed_that_were_asked_for() -> None:
    faults = Faults(rate=0.5, seed=7)

    with emulate("-q", "--fail-rate", "0.5", "--seed", "7") as running:
        failed = [running.ask().status_code != 200 for _ in range(8)]

    assert failed == [faults.strike(index) is not None for index in range(8)]
    assert set(failed) == {True, False}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: the emulator lets anybody in, so it serves 127.0.0.1 only.\n"),
        (["--latency", "5"], "--latency '5' is no time. Write it like 200ms or 1.5s.\n"),
        (["--script", "nowhere.json"], "nowhere.json cannot be read: No such file or directory.\n"),
    ],
    ids=["another-host", "a-time-without-unit", "no-script"],
)
def test_a_wrong_option_is_one_sentence(options: list[str], says: str) -> None:
    ended = CliRunner().invoke(app, ["emulate", *options])

    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, "", says)


def test_a_broken_script_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('[{"txt": 1}]')

    ended = agentkit("emulate", "--script", "s.json", cwd=tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("s.json, step 1: unknown item 'txt'. Known items: text, ")
    assert ended.err.count("\n") == 1


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = agentkit("emulate", "--port", str(port))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"Port {port} of 127.0.0.1 cannot be opened: Address already in use. Choose another one, or --port 0 for a "
        "free one.\n"
    )


def test_a_reader_that_has_gone_does_not_end_it() -> None:
    with emulate() as running:
        assert running.process.stdout is not None
        running.process.stdout.close()

        assert [running.ask().status_code for _ in range(3)] == [200, 200, 200]


def test_every_option_is_of_a_type_that_the_oldest_typer_knows() -> None:
    """Typer 0.15 is allowed, which knows no `Literal`; one such option ends every command."""
    commands = [command.callback for command in app.registered_commands if command.callback]

    options = [str(hint) for command in commands for hint in get_type_hints(command).values()]

    assert [option for option in options if "Literal" in option] == []


def test_the_emulator_can_be_crippled_in_several_ways_at_once() -> None:
    with emulate("-q", "--cripple", "no_files", "--cripple", "openai_errors") as running:
        files = httpx.get(f"{running.url}/v1beta/files", headers={"x-goog-api-key": "any-key"})
        refused = running.ask(foo=1)

    assert files.status_code == 404
    assert refused.json()["error"]["type"] == "invalid_request_error"
