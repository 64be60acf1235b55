"""A script of answers as a file: what each step becomes, and what is said about a file that is wrong."""

from pathlib import Path

import pytest

from agentkit.testing.items import Asked, Item
from agentkit.testing.script import (
    blocked,
    call,
    code,
    cut,
    delay,
    empty,
    error,
    finish,
    keep_alive,
    media,
    part,
    recorded,
    reply,
    reply_raw,
    reset,
    search,
    split,
    stream,
    text,
    thought,
    usage,
)
from agentkit.testing.script_file import ScriptFileError, read_script

ASKED = Asked(index=0, method="generateContent", model="m", path="/", headers={}, body={}, findings=(), at_s=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, content: str, name: str = "script.json") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def answers(path: Path, count: int = 1) -> list[object]:
    brain = read_script(path)
    return [brain(ASKED) for _ in range(count)]


@pytest.mark.parametrize(
    ("step", "items"),
    [
        ('{"text": "Hello"}', [text("Hello")]),
        ('{"stream": ["a", "b"]}', [stream("a", "b")]),
        ('{"thought": "Hm."}', [thought("Hm.")]),
        ('{"call": {"name": "weather", "args": {"city": "Oslo"}}}', [call("weather", city="Oslo")]),
        ('{"call": "now"}', [call("now")]),
        ('{"code": {"source": "1+1", "output": "2"}}', [code("1+1", "2")]),
        ('{"media": {"data": "aGk=", "mime_type": "image/png"}}', [media("aGk=", "image/png")]),
        ('{"part": {"text": "x", "new": 1}}', [part({"text": "x", "new": 1})]),
        (
            '{"search": {"queries": ["q"], "pages": {"t": "https://e.org"}}}',
            [search("q", pages={"t": "https://e.org"})],
        ),
        ('{"error": 503}', [error(503)]),
        ('{"error": {"status": 429, "retry_after_s": 2}}', [error(429, retry_after_s=2)]),
        ('{"delay": 0.2}', [delay(0.2)]),
        ('{"finish": "MAX_TOKENS"}', [finish("MAX_TOKENS")]),
        ('{"finish": {"reason": "OTHER", "message": "m"}}', [finish("OTHER", "m")]),
        ('{"blocked": "SAFETY"}', [blocked("SAFETY")]),
        ('{"empty": true}', [empty()]),
        ('{"usage": {"promptTokenCount": 7}}', [usage(promptTokenCount=7)]),
        ('{"recorded": [{"candidates": []}]}', [recorded([{"candidates": []}])]),
        ('{"raw": "oops"}', [reply_raw(b"oops")]),
        (
            '{"raw": {"body": "", "status": 301, "headers": {"location": "/"}}}',
            [reply_raw(b"", status=301, headers={"location": "/"})],
        ),
        ('{"keep_alive": "ping"}', [keep_alive("ping")]),
        ('{"split": 3}', [split(3)]),
        ('{"cut": true}', [cut()]),
        ('{"cut": 10}', [cut(10)]),
        ('{"reset": true}', [reset()]),
        ('[{"thought": "Oslo."}, {"call": "now"}]', [thought("Oslo."), call("now")]),
        ('{"answer": [{"delay": 1}, {"text": "late"}]}', [delay(1), text("late")]),
    ],
)
def test_a_step_is_one_answer(folder: Path, step: str, items: list[Item]) -> None:
    assert answers(write(folder, f"[{step}]")) == [reply(*items)]
    assert answers(write(folder, step, "script.jsonl")) == [reply(*items)]


def test_an_answer_is_repeated_as_often_as_the_step_says(folder: Path) -> None:
    path = write(folder, '{"error": 503, "repeat": 2}\n\n{"answer": [{"text": "x"}], "repeat": true}\n', "s.jsonl")

    assert answers(path, 4) == [reply(error(503)), reply(error(503)), reply(text("x")), reply(text("x"))]


def test_after_the_last_step_the_answer_says_how_to_go_on(folder: Path) -> None:
    [_, last] = answers(write(folder, '[{"text": "x"}]'), 2)

    message = 'agentkit emulator: script.json has no more steps. Add one, or "repeat": true to the last.'
    assert last == reply(error(501, message))


def test_a_python_file_may_list_steps_of_both_kinds(folder: Path) -> None:
    path = write(
        folder,
        "from agentkit.testing import reply, text\nsteps = [text('a'), [text('b'), {'text': 'c'}], reply(text('d'))]",
        "s.py",
    )

    assert answers(path, 3) == [reply(text("a")), reply(text("b"), text("c")), reply(text("d"))]


def test_a_python_file_may_define_a_brain(folder: Path) -> None:
    path = write(folder, "def brain(asked):\n    return [{'text': asked.model}]", "s.py")

    assert answers(path) == [[{"text": "m"}]]


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ('[{"txt": 1}]', "s.json", r"step 1: unknown item 'txt'\. Known items: text, stream, thought, call, "),
        ('{"text": "a"}\n\n{"text": 1}', "s.jsonl", r"line 3: 'text' is not right: .*valid string, got 1\."),
        ('{"text": "a"}\n{', "s.jsonl", r"line 2: this is no JSON: "),
        (
            '{"text": "a"}\n{"text": "b"}',
            "s.json",
            r"one step per line is for files named \.jsonl.*no JSON: Extra data: line 2",
        ),
        ('{"text": "a"}', "s.json", r"is no JSON list of steps\. Put \[ and \] around"),
        ("[]", "s.json", r"has no steps\. Write one"),
        ("", "s.jsonl", r"has no steps\. Write one"),
        ("[[]]", "s.json", r"step 1: the answer is empty\."),
        ('["hi"]', "s.json", r'step 1: "hi" is no item: '),
        ('[{"text": "a", "thought": "b"}]', "s.json", r"step 1: .* is no item: .* several of them in a list"),
        ('[{"error": 200}]', "s.json", r"step 1: 'error' is not right: .*greater than or equal to 400, got 200\."),
        ('[{"error": {"status": 503, "retry": 1}}]', "s.json", r"'error' is not right: retry: Unexpected keyword"),
        ('[{"call": {"args": {}}}]', "s.json", r"'call' is not right: name: Missing required argument\."),
        ('[{"delay": -1}]', "s.json", r"'delay' is not right: .*got -1\."),
        ('[{"delay": NaN}]', "s.json", r"'delay' is not right: .*finite"),
        ('[{"empty": false}]', "s.json", r"'empty' is not right: .*True, got false\."),
        ('[{"text": "a", "repeat": 0}]', "s.json", r'step 1: "repeat" is 0\. Give how many times'),
        ('[{"text": "a", "repeat": true}, {"text": "b"}]', "s.json", r"step 1: it repeats for ever"),
        ("x = 1", "s.py", r"defines neither a function `brain\(asked\)` nor a list `steps`"),
        ("1 / 0", "s.py", r"does not run: ZeroDivisionError: division by zero"),
        ("steps = [3]", "s.py", r"steps\[0\]: 3 is no item"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(folder: Path, content: str, name: str, says: str) -> None:
    path = write(folder, content, name)

    with pytest.raises(ScriptFileError, match=says) as raised:
        read_script(path)

    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(ScriptFileError, match=r"nowhere\.json cannot be read: No such file"):
        read_script(folder / "nowhere.json")
    with pytest.raises(ScriptFileError, match=r"nowhere\.py cannot be read: No such file"):
        read_script(folder / "nowhere.py")


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / "s.json").write_bytes(b"[\xff]")

    with pytest.raises(ScriptFileError, match=r"is no UTF-8 text \(byte 1\)"):
        read_script(folder / "s.json")
