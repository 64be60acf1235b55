"""A script of answers as a file: JSON or JSON Lines for any language, or Python where answers depend on requests.

One step is one answer. A step is an object with one item, or a list of such objects, which together are one answer:

    {"text": "It is 4 degrees."}
    [{"thought": "Oslo first."}, {"call": {"name": "weather", "args": {"city": "Oslo"}}}]
    {"error": {"status": 429, "retry_after_s": 2}, "repeat": 3}
    {"answer": [{"delay": 0.2}, {"stream": ["It is ", "4 degrees."]}], "repeat": true}

`repeat` gives the same answer so many times, or with `true` for ever. A `.jsonl` file has one step per line, any other
name means one JSON list of steps. A `.py` file defines `brain(asked)`, or `steps`: a list of steps, each written as
above or made by the functions of `agentkit.testing`.
"""

import json
import runpy
from collections.abc import Callable, Mapping
from itertools import chain, repeat
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, ValidationError, validate_call

from agentkit.testing import script
from agentkit.testing.items import Asked, Brain, Item, Reply
from agentkit.testing.lenient import as_object

__all__ = ["ScriptFileError", "read_script"]

_REPEATED_MOST = 1_000_000


class ScriptFileError(ValueError):
    """A script file cannot be read, or a step of it is wrong; one sentence says where and what would be right."""


def read_script(path: Path) -> Brain:
    """Return a brain that gives the answers of a file in their order, and status 501 after the last one.

    Raises:
        ScriptFileError: The file cannot be read, or a step of it is wrong.
    """
    try:
        if path.suffix == ".py":
            return _read_python(path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScriptFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ScriptFileError(f"{path} is no UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    return _play(_read_lines(text, path) if path.suffix == ".jsonl" else _read_list(text, path), path)


def _read_python(path: Path) -> Brain:
    with path.open("rb"):  # else a file that is not there looks like an error of the script's own
        pass
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        told = " ".join(str(error).split())
        raise ScriptFileError(f"{path} does not run: {type(error).__name__}: {told}") from error
    if callable(brain := names.get("brain")):
        return cast("Brain", brain)
    if isinstance(steps := names.get("steps"), list):
        return _play({f"steps[{n}]": step for n, step in enumerate(cast("list[object]", steps))}, path)
    raise ScriptFileError(f"{path} defines neither a function `brain(asked)` nor a list `steps`. Add one of them.")


def _read_lines(text: str, path: Path) -> dict[str, object]:
    lines = {f"line {number}": line for number, line in enumerate(text.split("\n"), 1) if line.strip()}
    return {place: _parse(line, f"{path}, {place}") for place, line in lines.items()}


def _read_list(text: str, path: Path) -> dict[str, object]:
    steps = _parse(text, f"{path} (one JSON list of steps; one step per line is for files named .jsonl)")
    if not isinstance(steps, list):
        raise ScriptFileError(f"{path} is no JSON list of steps. Put [ and ] around the steps.")
    return {f"step {number}": step for number, step in enumerate(cast("list[object]", steps), 1)}


def _parse(text: str, place: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ScriptFileError(f"{place}: this is no JSON: {error}.") from error


def _play(steps: Mapping[str, object], path: Path) -> Brain:
    """Return a brain that gives one step after the other."""
    if not steps:
        raise ScriptFileError(f'{path} has no steps. Write one, such as {{"text": "Hello"}}.')
    read = {place: _read_step(step, f"{path}, {place}") for place, step in steps.items()}
    endless = [place for place, (_, times) in read.items() if times is None]
    if endless and endless[0] != list(read)[-1]:
        raise ScriptFileError(f"{path}, {endless[0]}: it repeats for ever, so the steps after it are never reached.")
    replies = chain.from_iterable(
        repeat(reply) if times is None else repeat(reply, times) for reply, times in read.values()
    )
    ended = script.error(
        501, f'agentkit emulator: {path.name} has no more steps. Add one, or "repeat": true to the last.'
    )

    def brain(_: Asked) -> Reply:
        return next(replies, script.reply(ended))

    return brain


def _read_step(step: object, place: str) -> tuple[Reply, int | None]:
    """Return an answer and how many times it is given; `None` is for ever."""
    fields = as_object(step)
    times = _read_times(fields["repeat"], place) if "repeat" in fields else 1
    item: object = {name: value for name, value in fields.items() if name != "repeat"} or step
    if list(fields.keys() - {"repeat"}) == ["answer"]:
        item = fields["answer"]
    members = cast("list[object]", item) if isinstance(item, list) else [item]
    if not members:
        raise ScriptFileError(f'{place}: the answer is empty. Write {{"empty": true}} if that is meant.')
    return script.reply(*(_read_item(member, place) for member in members)), times


def _read_times(value: object, place: str) -> int | None:
    if value is True:
        return None
    if type(value) is int and 1 <= value <= _REPEATED_MOST:
        return value
    raise ScriptFileError(f'{place}: "repeat" is {value!r}. Give how many times (1, 2, 3, ...), or true for ever.')


def _read_item(written: object, place: str) -> Item | Reply:
    if isinstance(written, Reply | Item):
        return written
    if not isinstance(written, dict) or len(fields := cast("dict[str, object]", written)) != 1:
        shown = json.dumps(written, default=repr)[:80]
        raise ScriptFileError(
            f'{place}: {shown} is no item: an item is an object with one name, such as {{"text": "Hello"}}; several of '
            f"them in a list are one answer."
        )
    [(name, value)] = fields.items()
    if name not in _ITEMS:
        raise ScriptFileError(f"{place}: unknown item {name!r}. Known items: {', '.join(_ITEMS)}.")
    by_fields = name in _BY_FIELDS and isinstance(value, dict)
    try:
        return _ITEMS[name](**cast("dict[str, Any]", value)) if by_fields else _ITEMS[name](value)
    except ValidationError as error:
        raise ScriptFileError(f"{place}: {name!r} is not right: {_told(error)}.") from error


def _told(error: ValidationError) -> str:
    """Return what is wrong first: 'status: Input should be a valid integer, got "x"'."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"] if step != 0)
    got = "" if "argument" in first["type"] else f", got {json.dumps(first['input'], default=repr)[:80]}"
    return f"{where}: {first['msg']}{got}" if where else f"{first['msg']}{got}"


Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1)]
Object = dict[str, Any]


def _text(words: str) -> Item:
    return script.text(words)


def _stream(pieces: list[str]) -> Item:
    return script.stream(*pieces)


def _call(name: str, args: Object | None = None) -> Item:
    return script.call_args(name, args or {})


def _search(queries: list[str], pages: dict[str, str]) -> Item:
    return script.search(*queries, pages=pages)


def _media(data: str, mime_type: str) -> Item:
    return script.media(data, mime_type)


def _error(
    status: Annotated[int, Field(ge=400, le=599)],
    message: str | None = None,
    code: str | None = None,
    retry_after_s: Seconds | None = None,
    details: list[Object] | None = None,
    gateway: bool = False,
    quota: str | None = None,
) -> Item:
    return script.error(
        status, message, code=code, retry_after_s=retry_after_s, details=details, gateway=gateway, quota=quota
    )


def _delay(seconds: Seconds) -> Item:
    return script.delay(seconds)


def _split(size: Size) -> Item:
    return script.split(size)


def _usage(counts: dict[str, int | None]) -> Item:
    return script.usage(**counts)


def _recorded(chunks: Annotated[list[Object], Field(min_length=1)]) -> Item:
    return script.recorded(chunks)


def _cut(after_bytes: Size | Literal[True]) -> Item:
    return script.cut(None if after_bytes is True else after_bytes)


def _raw(
    body: str,
    status: Annotated[int, Field(ge=200, le=599)] = 200,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> Item:
    return script.reply_raw(body.encode(), status=status, content_type=content_type, headers=headers)


def _bare(maker: Callable[[], Item]) -> Callable[[Literal[True]], Item]:
    """Return a maker for an item that has no value of its own, and is written as `true`."""

    def make(_: Literal[True]) -> Item:
        return maker()

    return make


# Each item is made of one value. Those of `_BY_FIELDS` may also be an object, whose members are the arguments by name.
_MAKERS: dict[str, Callable[..., Item]] = {
    "text": _text,
    "stream": _stream,
    "thought": script.thought,
    "call": _call,
    "code": script.code,
    "media": _media,
    "part": script.part,
    "search": _search,
    "grounding": script.grounding,
    "error": _error,
    "delay": _delay,
    "finish": script.finish,
    "blocked": script.blocked,
    "empty": _bare(script.empty),
    "continuation": _bare(script.continuation),
    "usage": _usage,
    "recorded": _recorded,
    "raw": _raw,
    "begin": _bare(script.begin),
    "keep_alive": script.keep_alive,
    "split": _split,
    "cut": _cut,
    "close": _bare(script.close),
    "reset": _bare(script.reset),
}
_ITEMS = {name: validate_call(config=ConfigDict(strict=True))(maker) for name, maker in _MAKERS.items()}
_BY_FIELDS = frozenset({"call", "code", "media", "search", "error", "finish", "blocked", "raw"})
