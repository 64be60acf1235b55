"""Whether a request is the one that was recorded, and how it differs from the one that comes nearest.

Two requests are the same if they agree in method, path, query and body. The body is compared by what it says:

- the order of keys and the spelling of numbers (`1`, `1.0`) do not count;
- a null or an empty list in a field of the protocol counts as not there; inside arguments, results and schemas, which
  belong to the user, it counts;
- ids of calls are compared by which call they tie to which response, not by their text: it is the service's or the
  client's, and new each time;
- everything else counts to the letter, thought signatures too: they come out of the cassette itself.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Final, cast

from agentkit.testing.cassette_file import SentRequest

__all__ = ["canonical", "difference", "nearest"]

_USERS_OWN: Final = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}
)
_NAMED_BY_ID: Final = frozenset({"functionCall", "functionResponse", "toolCall", "toolResponse"})
_LINE_CHARACTERS: Final = 110
_BEFORE_CHANGE: Final = 30
_DIFF_LINES: Final = 24


def canonical(request: SentRequest) -> str:
    """Return a text that is the same for requests that are the same; a diff of two shows what differs."""
    path, _, query = request.address.partition("?")
    head = f"{request.method} {path}\n" + "".join(f"?{pair}\n" for pair in sorted(query.split("&")) if pair)
    try:
        value: object = json.loads(request.body) if request.body else None
        plain = _plain(value, {}, is_users=False)
        return head + json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return head + request.body.decode("latin-1")


def nearest(wanted: str, recorded: Iterable[str]) -> str | None:
    """Return the canonical request that `wanted` most looks like: the address first, then the most lines in common."""
    lines = set(wanted.splitlines())
    first = wanted.partition("\n")[0]

    def likeness(other: str) -> tuple[bool, float]:
        others = set(other.splitlines())
        return other.partition("\n")[0] == first, len(lines & others) / max(len(lines), len(others))

    return max(recorded, key=likeness, default=None)


def difference(recorded: str, wanted: str) -> str:
    """Return a short unified diff of two canonical requests, long values cut to where they differ."""
    # Diffs of lines of a megabyte are slow only if the lines are compared inside, which unified_diff does not do.
    lines = list(
        difflib.unified_diff(recorded.splitlines(), wanted.splitlines(), "recorded", "asked", lineterm="", n=1)
    )
    shown = list(_cut_lines(lines[:_DIFF_LINES]))
    more = len(lines) - len(shown)
    return "\n".join(shown) + (f"\n... and {more} more lines" if more > 0 else "")


def _plain(value: object, ids: dict[str, str], *, is_users: bool) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(element, ids, is_users=is_users) for element in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {}
    for name, member in cast("dict[str, Any]", value).items():
        if not is_users and (member is None or member == []):
            continue
        if not is_users and name in _NAMED_BY_ID and isinstance(member, dict):
            member = _with_plain_id(cast("dict[str, Any]", member), ids)
        plain[name] = _plain(member, ids, is_users=is_users or name in _USERS_OWN)
    return plain


def _with_plain_id(call: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """Return a call or response whose id is replaced by its number in the order of first appearance."""
    given = call.get("id")
    if not isinstance(given, str):
        return call
    return {**call, "id": ids.setdefault(given, f"call {len(ids) + 1}")}


def _cut_lines(lines: Sequence[str]) -> Iterator[str]:
    """Shorten long lines; a changed line and the one it became are cut around their first difference."""
    for index, line in enumerate(lines):
        other = ""
        if line.startswith("-"):
            other = next((later for later in lines[index + 1 :] if later.startswith("+")), "")
        elif line.startswith("+"):
            other = next((earlier for earlier in reversed(lines[:index]) if earlier.startswith("-")), "")
        yield _cut_line(line, other)


def _cut_line(line: str, other: str) -> str:
    if len(line) <= _LINE_CHARACTERS:
        return line
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(line[1:], other[1:], strict=False)))
    begin = 1 if alike <= _LINE_CHARACTERS - _BEFORE_CHANGE else 1 + alike - _BEFORE_CHANGE
    end = begin + _LINE_CHARACTERS
    left_out = f"... ({len(line) - 1:,} characters)" if end < len(line) else ""
    return line[0] + ("..." if begin > 1 else "") + line[begin:end] + left_out
