"""Damage for JSON and bytes, as hypothesis strategies: what breaks on the way, or was never right.

Damaged JSON is a text, because much of what can be wrong with it (numbers without end, keys twice, brackets without
end) no Python value can hold.
"""

import copy
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

_WRITTEN = {
    "@too deep@": "[" * 3000 + "]" * 3000,
    "@deep lists@": "[" * 400 + "]" * 400,
    "@deep items@": '{"type": "ARRAY", "items":' * 400 + "{}" + "}" * 400,
    "@long@": "9" * 5000,
}
"""Stand-ins in a value for what is written into its text."""

_TELLING: Sequence[Any] = (
    *(None, True, 0, 3.5, 10**400, float("nan"), "", "x", "1e999", "\ud800"),
    *([], [None], ["a", 1, {}], {}, {"": None}, {"a": {"b": [{}]}}, {"text": 1}),
)
_WRONG: Sequence[Any] = (
    *_TELLING,
    *(False, -1, 1e308, float("inf"), "-1", "NaN", "STOP", "\x00\u2028\N{SNOWMAN}", "=" * 5, "x" * 3000),
    *([[]], {"type": "OBJECT", "items": {"items": {}}}, {"$ref": "#"}),
    *_WRITTEN,
)
_NAMES = (
    "",
    "x",
    "name",
    "text",
    "parts",
    "id",
    "type",
    "error",
    "thoughtSignature",
    "functionCall",
    "additionalProperties",
)
_BYTES = (b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n\r\n", b"data: ", b"}", b"[", b'"', b"\\u00")

_Place = tuple[Any, Any]  # a container, and the key or index in it


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def _places(value: Any) -> Iterator[_Place]:
    """Yield every place of `value` that can be changed."""
    for key in _keys(value):
        yield value, key
        yield from _places(value[key])


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every place of `value`."""
    for key in _keys(value):
        yield (*path, key)
        yield from _paths(value[key], (*path, key))


def with_each_value_wrong(sound: Any) -> Iterator[str]:
    """Yield the text of `sound` with every place of it holding each telling value, one at a time.

    Places in a list stand for each other: one of them is changed.
    """
    seen: set[tuple[Any, ...]] = set()
    for path in _paths(sound):
        kind = tuple(0 if isinstance(step, int) else step for step in path)
        if kind in seen:
            continue
        seen.add(kind)
        changed = copy.deepcopy(sound)
        container = changed
        for step in path[:-1]:
            container = container[step]
        for wrong in _TELLING:
            container[path[-1]] = wrong
            yield _written(changed)


def _written(value: Any) -> str:
    text = json.dumps(value)
    for stand_in, written in _WRITTEN.items():
        text = text.replace(f'"{stand_in}"', written)
    return text


@st.composite
def damaged_json(draw: st.DrawFn, sound: Sequence[Any], most: int = 3) -> str:
    """Return the text of one of the `sound` values, changed at up to `most` places; at times at none."""
    root = [copy.deepcopy(draw(st.sampled_from(sound)))]
    for _ in range(draw(st.integers(0, most))):
        places = list(_places(root))
        if not places:
            break
        _damage(draw, places)
    return _written(root[0] if root else None)


def _damage(draw: st.DrawFn, places: list[_Place]) -> None:
    """Change one place: leave it out, put something else there, or put something beside it."""
    container, key = places[draw(st.integers(0, len(places) - 1))]
    wrong = copy.deepcopy(draw(st.sampled_from(_WRONG)))
    match draw(st.sampled_from(("delete", "replace", "graft", "insert", "repeat", "wrap"))):
        case "delete":
            del container[key]
        case "replace":
            container[key] = wrong
        case "graft":
            other, at = places[draw(st.integers(0, len(places) - 1))]
            container[key] = copy.deepcopy(other[at])
        case "insert" | "repeat" if isinstance(container, dict):
            container[draw(st.sampled_from(_NAMES))] = wrong
        case "insert":
            container.insert(key, wrong)
        case "repeat":
            container.insert(key, copy.deepcopy(container[key]))
        case _:
            container[key] = [container[key]]


@st.composite
def damaged_bytes(draw: st.DrawFn, sound: bytes, most: int = 2) -> bytes:
    """Return `sound`, broken at up to `most` places; at times at none."""
    data = sound
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("cut", "drop", "insert", "overwrite", "repeat"))):
            case "cut":
                data = data[:at]
            case "drop":
                data = data[:at] + data[at + draw(st.integers(1, 20)) :]
            case "insert":
                data = data[:at] + draw(st.sampled_from(_BYTES)) + data[at:]
            case "overwrite":
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
            case _:
                data = data[:at] + data[max(0, at - 40) :]
    return data


def encoded(text: str) -> st.SearchStrategy[bytes]:
    """Return the bytes of a JSON text: mostly as they should be, else broken, packed or in another encoding."""
    data = text.encode()
    twice = data.replace(b"{", b'{"contents": [], "contents": {}, ', 1)
    odd = [gzip.compress(data, 1), text.encode("utf-16"), b"\xef\xbb\xbf" + data, twice, b"", b" \n"]
    return st.one_of(st.just(data), st.just(data), st.just(data), damaged_bytes(data), st.sampled_from(odd))


def cut_up(data: bytes, most: int = 8) -> st.SearchStrategy[list[bytes]]:
    """Return `data` in pieces, cut anywhere."""
    return st.lists(st.integers(0, len(data)), max_size=most).map(lambda cuts: _cut(data, sorted(cuts)))


def _cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
