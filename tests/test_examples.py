"""Every file in examples/ runs against the emulator, without a key, and prints what it promises."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agentkit.testing import Emulator, call, code, error, grounding, media, part, places, search, stream, text
from agentkit.testing.offline import answer
from agentkit.testing.server import serve
from tests.answered import told
from tests.media_files import MP4, PNG, RAW_SOUND, SAMPLES, base64_of

EXAMPLES = Path(__file__).parent.parent / "examples"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PLANNED = {
    "hello": ["I am agentkit's offline stand-in", " tokens\n"],
    "tools": [
        "{'city': 'Oslo', 'temperature': 4.0, 'units': 'C'}\n{'name': 'weather', ",
        "Weather in Oslo: temperature 4, units C. Weather in Rome: temperature 17.5, units C.\n",
    ],
    "deps": ["Order status (7): shipped on Monday.\n"],
    "streaming": [
        "-> population({'city': 'Oslo'})\n",
        "<- population: {'output': 2754719} in ",
        "Population of Oslo: 717,710. Population of Rome: 2,754,719.\n2 turns, 2 calls\n",
    ],
    "approval": ["May refund run with {'order': 7, 'amount': 250}?\n", "refunded 250 euros for order 7"],
    "typed_output": ["Ticket high 7\n", '"order": 7\n}\n'],
    "output_check": ["day='2026-12-11' guests=4\nasked 2 times, as native\n"],
    "fake_gemini": ["passed\n"],
    "settings": ["Oslo: 4 degrees, rain"],
    "many_prompts": [
        "4 of 4 done, 1 failed, ",
        "Population of Rome: 2,754,719.\nThe prompt is empty. Say what the agent should do.\nPopulation of Kyiv: ",
    ],
    "cost": [
        "Population of Oslo: 717,710.\n",
        " tokens of gemini-3.6-flash for $0.00",
        "within the limit\n",
    ],
    "chat": ["Population of Oslo: 717,710.\nPopulation of Rome: 2,754,719.\n8 contents in the history\n"],
}
SCRIPTED = (
    *("thinking", "search", "code_execution", "resume_later", "structured_stream", "taint", "batch"),
    *("combine", "citations", "maps", "fallback", "vertex", "caching", "compaction"),
    *("image_input", "upload_file", "image_output", "speech", "tool_returns_image"),
)


@pytest.fixture
def planner() -> Iterator[Emulator]:
    """The emulator with the rule-based planner behind it; whatever was asked must have been right."""
    with serve(Emulator(brain=lambda asked: answer(asked.body))) as emulator:
        yield emulator
        assert not [finding for finding in emulator.findings if finding.severity == "error"]
        assert not emulator.unexpected


def run_example(name: str, emulator: Emulator, folder: Path, args: Sequence[str] = (), **variables: str) -> str:
    """Run an example in `folder` and return what it printed; anything on stderr fails the test."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *args],
        cwd=folder,
        env={**os.environ, "AGENTKIT_BASE_URL": emulator.url, "GEMINI_API_KEY": "test-key", **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_example_is_covered_short_and_described() -> None:
    sources = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}

    assert set(sources) == {*PLANNED, *SCRIPTED}
    assert not [name for name, source in sources.items() if len(source.splitlines()) > 50]
    assert not [name for name, source in sources.items() if not source.startswith('"""')]


@pytest.mark.parametrize("name", PLANNED)
def test_an_example_prints_what_it_promises(name: str, planner: Emulator, tmp_path: Path) -> None:
    printed = run_example(name, planner, tmp_path)

    assert [line for line in PLANNED[name] if line not in printed] == []


def test_thinking_prints_the_thoughts_before_the_answer(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reply(text("9.9 is larger.", thoughts="Compare the tenths: 1 and 9."))

    printed = run_example("thinking", emulator, tmp_path)

    assert printed.startswith("(thinks) Compare the tenths: 1 and 9.\n9.9 is larger.\n")
    assert "tokens of thoughts: 'Compare the tenths: 1 and 9.'" in printed
    assert printed.endswith("'gemini-3.8-flash' does not take thinking='minimal': level 'low' instead.\n")
    assert emulator.requests[0]["generationConfig"]["thinkingConfig"] == {
        "thinkingLevel": "LOW",
        "includeThoughts": True,
    }
    assert not emulator.findings


def test_search_prints_the_cited_answer_and_its_sources(emulator: Emulator, tmp_path: Path) -> None:
    said = "Spain won the final. It was played in Berlin."
    webs = [{"uri": f"https://{title}/euro", "title": title} for title in ("uefa.example", "news.example")]
    supports = [
        {"segment": {"startIndex": 0, "endIndex": 20, "text": said[:20]}, "groundingChunkIndices": [0, 1]},
        {"segment": {"startIndex": 21, "endIndex": 45, "text": said[21:]}, "groundingChunkIndices": [1]},
    ]
    chunks = [{"web": web} for web in webs]
    emulator.reply(text(said), grounding({"groundingChunks": chunks, "groundingSupports": supports}))

    printed = run_example("search", emulator, tmp_path)

    assert "Spain won the final.[1][2] It was played in Berlin.[2]\n" in printed
    assert "uefa.example: 'Spain won the final.'\n" in printed
    assert "https://news.example/euro" in printed
    assert emulator.requests[0]["tools"] == [{"googleSearch": {}}]
    assert not emulator.findings


def test_a_search_by_function_prints_its_sources(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reply(call("search_web", query="When was the final of the Euro 2024?"))
    emulator.reply(
        text("On 14 July 2024."), search("euro 2024 final", pages={"uefa.example": "https://uefa.example/euro"})
    )
    emulator.reply(call("days_since", day="2024-07-14"))
    emulator.reply(text("It was 536 days before 2026."))

    printed = run_example("combine", emulator, tmp_path)

    assert printed.splitlines() == [
        "-> search_web({'query': 'When was the final of the Euro 2024?'})",
        "-> days_since({'day': '2024-07-14'})",
        "It was 536 days before 2026.",
        "",
        "[1] uefa.example: https://uefa.example/euro",
        "searched for ['euro 2024 final']; 4 requests, 3 turns",
    ]
    assert told(emulator) == [{"output": 536}]
    assert not emulator.findings


def test_citations_are_shown_in_three_forms(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reply(text("Spain won."), search("euro 2024", pages={"<b>uefa</b>": "https://uefa.example/euro"}))

    printed = run_example("citations", emulator, tmp_path)

    assert printed.splitlines() == [
        "0-10: <b>uefa</b> https://uefa.example/euro",
        "Spain won.[1]",
        "",
        "[1] <b>uefa</b>: https://uefa.example/euro",
        "Spain won.[\\[1\\]](https://uefa.example/euro)",
        "",
        "\\[1\\] [\\<b\\>uefa\\</b\\>](https://uefa.example/euro)",
    ]
    page = (tmp_path / "answer.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;uefa&lt;/b&gt;</a>" in page
    assert page.endswith("\n<div>euro 2024</div>")
    assert not emulator.findings


def test_maps_prints_places_around_the_user(emulator: Emulator, tmp_path: Path) -> None:
    found = {"Tim Wendelboe": "https://maps.google.com/?cid=1", "Fuglen": "https://maps.google.com/?cid=2"}
    emulator.reply(text("Tim Wendelboe, or Fuglen."), places("coffee", found))

    printed = run_example("maps", emulator, tmp_path)

    assert printed.splitlines() == [
        "Tim Wendelboe, or Fuglen.",
        "1. Tim Wendelboe https://maps.google.com/?cid=1",
        "2. Fuglen https://maps.google.com/?cid=2",
    ]
    retrieval = {"latLng": {"latitude": 59.9139, "longitude": 10.7522}, "languageCode": "en"}
    assert emulator.requests[0]["toolConfig"] == {"retrievalConfig": retrieval}
    assert not emulator.findings


def test_code_execution_prints_program_and_outcome_and_saves_the_plot(emulator: Emulator, tmp_path: Path) -> None:
    plot = part({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
    emulator.reply(code("print(sum(primes(50)))", "5117\n"), plot, text("The sum is 5117."))

    printed = run_example("code_execution", emulator, tmp_path)

    assert "print(sum(primes(50)))\nOUTCOME_OK: 5117\n" in printed
    assert "plot saved as plot0.png\nThe sum is 5117.\n" in printed
    assert (tmp_path / "plot0.png").read_bytes().startswith(b"\x89PNG")
    assert emulator.requests[0]["tools"] == [{"codeExecution": {}}]
    assert not emulator.findings


def test_a_typed_answer_is_printed_as_far_as_it_has_come(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reply(stream('{"title": "By the fj', 'ords", "days": 7, "sto', 'ps": ["Oslo", "Ber', 'gen"]}'))

    printed = run_example("structured_stream", emulator, tmp_path)

    assert printed.splitlines() == [
        "so far: {'title': 'By the fj'}",
        "so far: {'title': 'By the fjords', 'days': 7}",
        "so far: {'title': 'By the fjords', 'days': 7, 'stops': ['Oslo', 'Ber']}",
        "so far: {'title': 'By the fjords', 'days': 7, 'stops': ['Oslo', 'Bergen']}",
        "By the fjords: 7 days, 2 stops",
    ]
    assert not emulator.findings


def test_a_refund_that_a_mail_ordered_waits_for_a_person(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reply(call("read_mail", number=2))
    emulator.reply(call("refund", order=7))
    emulator.reply(text("I did not refund anything."))

    printed = run_example("taint", emulator, tmp_path)

    assert "refund{'order': 7} waits: refund declares a write, and this run has read what strangers may have" in printed
    assert "(read_mail)" in printed
    assert printed.endswith("I did not refund anything.\n")
    assert told(emulator) == [{"error": "A person denied this call: A mail cannot order a refund."}]


def test_a_batch_is_handed_in_for_each_turn(planner: Emulator, tmp_path: Path) -> None:
    planner.batches.polls = 0  # else the example waits half a minute for each

    printed = run_example("batch", planner, tmp_path)

    assert printed.count("BATCH_STATE_SUCCEEDED: 2 of 2 answered\n") == 2
    assert printed.endswith("Population of Oslo: 717,710.\nPopulation of Rome: 2,754,719.\n")
    assert {asked.method for asked in planner.asked} == {"batchGenerateContent"}


def test_the_fallback_example_goes_on_with_the_next_model_and_settings_in_its_way(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reply(call("population", city="Oslo"))
    emulator.reply(error(429, quota="GenerateRequestsPerDayPerProjectPerModel"))
    emulator.reply(error(404, "models/gemini-3.6-flash is not found for API version v1beta."))
    emulator.reply(text("717,710 people."))

    printed = run_example("fallback", emulator, tmp_path)

    assert printed == (
        "gemini-4-hydrogen: quota; going on with gemini-3.6-flash\n"
        "gemini-3.6-flash: not_found; going on with gemini-2.5-flash-lite\n"
        "717,710 people.\nanswered by gemini-2.5-flash-lite\n"
    )
    settings = [body["generationConfig"]["thinkingConfig"] for body in emulator.requests]
    assert settings == [*[{"thinkingLevel": "LOW"}] * 3, {"thinkingBudget": 1024}]
    assert not emulator.findings


def test_the_handbook_is_kept_once_by_hand_and_once_by_itself(emulator: Emulator, tmp_path: Path) -> None:
    for said in ("2 days.", "9 days.", "20 days."):
        emulator.reply(text(said))
    emulator.reply(call("parcel", number=7))
    emulator.reply(text("It goes back: section 3."))

    printed = run_example("caching", emulator, tmp_path).splitlines()

    assert printed[:3] == ["2 days.", "9 days.", "20 days."]
    assert re.fullmatch(r"12,\d{3} tokens came from the cache", printed[3])
    assert re.fullmatch(r"kept 6,\d{3} tokens until \d\d:\d\d", printed[4])
    assert printed[5].startswith("It goes back: section 3. (12,")
    assert ["cachedContent" in asked for asked in emulator.requests] == [False, True, True, True, True]
    assert emulator.caches.list("", {}) == {}
    assert not emulator.findings


def test_a_long_chat_goes_out_with_a_summary(emulator: Emulator, tmp_path: Path) -> None:
    for topic in ("Water between rocks. ", "Deep. ", "A summary. ", "Fishermen. ", "Old. "):
        emulator.reply(text(topic * (80 if topic != "A summary. " else 1)))

    printed = run_example("compaction", emulator, tmp_path)

    assert "What is a fjord? Water between rocks." in printed
    assert "Who lives there? Fishermen. Fishermen. Fishermen. Fisherm... (2 requests)\n" in printed
    assert "8 contents in the history\n" in printed
    assert printed.endswith("Between two runs the prefix changed (contents[1]): no cached tokens were lost.\n")
    assert not emulator.findings


def test_a_run_paused_in_one_process_is_finished_by_another(planner: Emulator, tmp_path: Path) -> None:
    waiting = run_example("resume_later", planner, tmp_path, ["ask", "run.json"])
    finished = run_example("resume_later", planner, tmp_path, ["decide", "run.json"])

    assert waiting == "waiting: [('publish', {'title': 'Autumn in Oslo'})]\n"
    assert "published 'Autumn in Oslo'" in finished
    assert len(planner.requests) == 2


def test_the_user_of_the_deps_example_reaches_the_instructions_and_not_the_schema(
    planner: Emulator, tmp_path: Path
) -> None:
    run_example("deps", planner, tmp_path)

    asked = planner.requests[0]
    [declared] = asked["tools"][0]["functionDeclarations"]
    assert asked["systemInstruction"]["parts"] == [{"text": "You help Kim."}]
    assert list(declared["parametersJsonSchema"]["properties"]) == ["order"]


def test_vertex_is_asked_with_the_token_over_the_path_of_the_project(tmp_path: Path) -> None:
    vertex = Emulator(profile="vertex", api_keys={"ya29.good"}, brain=lambda asked: answer(asked.body))
    with serve(vertex) as emulator:
        printed = run_example("vertex", emulator, tmp_path, VERTEX_TOKEN="ya29.good", GOOGLE_CLOUD_PROJECT="shop-1")

    place = "/v1/projects/shop-1/locations/europe-west4/publishers/google"
    assert f"{place}', key from the token function)\n" in printed
    assert printed.endswith("\nStock of lamp: 4.\n")
    assert {asked.path for asked in vertex.asked} == {f"{place}/models/gemini-3-flash-preview:generateContent"}
    assert not vertex.findings


def test_an_image_is_asked_about(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    emulator.reply(text("A dot."))

    printed = run_example("image_input", emulator, tmp_path, ["dot.png"])

    assert printed == "image/png\nA dot.\n"
    assert emulator.requests[0]["contents"][0]["parts"][1]["inlineData"]["data"] == base64_of(PNG)
    assert not emulator.findings


def test_a_large_file_is_uploaded_asked_about_and_deleted(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(MP4 + bytes(9_000_000))
    emulator.reply(text("About Oslo."))
    emulator.reply(text("For tourists."))

    printed = run_example("upload_file", emulator, tmp_path, ["talk.mp4"])

    assert printed == (
        "8,388,608 of 9,000,040 bytes\n9,000,040 of 9,000,040 bytes\nvideo/mp4 ACTIVE\nAbout Oslo.\nFor tourists.\n"
    )
    assert emulator.files.list({}, "") == {}
    assert not emulator.findings


def test_an_image_is_drawn_and_changed(emulator: Emulator, tmp_path: Path) -> None:
    drawn = media(PNG, "image/png")
    emulator.reply(drawn)
    emulator.reply(text("I made it dark."), drawn)

    printed = run_example("image_output", emulator, tmp_path)

    assert printed == "saved as harbour.png\nI made it dark.\nimage/png\nsaved as night.png\n"
    assert (tmp_path / "night.png").read_bytes() == PNG
    [sent_back] = emulator.requests[1]["contents"][1]["parts"][:1]
    assert sent_back["thoughtSignature"]
    assert not emulator.findings


def test_speech_is_saved_as_wav(emulator: Emulator, tmp_path: Path) -> None:
    for _ in range(2):
        emulator.reply(media(SAMPLES, RAW_SOUND))

    printed = run_example("speech", emulator, tmp_path)

    assert printed == f"{RAW_SOUND} saved as welcome.wav\n{RAW_SOUND} saved as dialogue.wav\n"
    assert (tmp_path / "welcome.wav").read_bytes().startswith(b"RIFF")
    assert not emulator.findings


def test_a_tool_shows_a_picture(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    emulator.reply(call("pictures"))
    emulator.reply(call("look", name="cat.png"))
    emulator.reply(text("cat.png does."))

    printed = run_example("tool_returns_image", emulator, tmp_path)

    assert printed == "look cat.png in the response\ncat.png does.\n"
    assert not emulator.findings
