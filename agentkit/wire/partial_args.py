"""Streamed function arguments: the pieces of one call -> the call. Vertex sends them when it is asked to.

```text
{"name": "f", "willContinue": true}                                    the part's signature stands beside it
{"partialArgs": [{"jsonPath": "$.city", "stringValue": "Os", "willContinue": true}], "willContinue": true}
{"partialArgs": [{"jsonPath": "$.city", "stringValue": "lo"}], "willContinue": true}
{}                                                                     the end
```
"""

import re
from typing import Any, NoReturn

from agentkit.wire._json import WireError, is_object
from agentkit.wire.content import FunctionCall, Part, PartialArg

__all__ = ["StreamedCall"]

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""", re.DOTALL)


class StreamedCall:
    """A call whose arguments come in pieces. The first part's keys are kept, its signature above all.

    Attributes:
        is_open: Whether more pieces are announced. If the stream ends then, the call keeps `will_continue`.
    """

    def __init__(self, part: Part, call: FunctionCall) -> None:
        self.is_open = True
        self._part = part
        self._call = call.without("partial_args", "will_continue")
        self._args = _Branch()
        self._take(call)

    def add(self, part: Part, call: FunctionCall) -> None:
        """Take the next piece.

        Raises:
            WireError: It does not fit to the pieces before.
        """
        if part.thought_signature is not None and self._part.thought_signature is None:
            self._part = self._part.replace(thought_signature=part.thought_signature)
        if call.id is not None and self._call.id is None:
            self._call = self._call.replace(id=call.id)
        self._take(call)

    def build(self) -> Part:
        """Return the part with the whole call, as far as it has come."""
        call = self._call.replace(args=self._args.build())
        return self._part.replace(function_call=call.replace(will_continue=True) if self.is_open else call)

    def _take(self, call: FunctionCall) -> None:
        self.is_open = bool(call.will_continue)
        if is_object(call.args):
            self._args.children.update({name: _Leaf(value) for name, value in call.args.items()})
        for piece in call.partial_args or []:
            self._place(piece)

    def _place(self, piece: PartialArg) -> None:
        *way, last = self._read_path(piece)
        branch = self._args
        for step in way:
            child = branch.children.get(step)
            if child is None and branch.has_room(step):
                child = branch.children[step] = _Branch()
            if not isinstance(child, _Branch):
                self._refuse(piece)
            branch = child
        leaf = branch.children.get(last)
        value = _read_value(piece)
        if isinstance(leaf, _Leaf):
            leaf.add(value)
        elif leaf is None and branch.has_room(last):
            branch.children[last] = _Leaf(value)
        else:
            self._refuse(piece)

    def _read_path(self, piece: PartialArg) -> list[str | int]:
        path = piece.json_path or ""
        steps: list[str | int] = []
        position = 1
        while path.startswith("$") and (match := _STEP.match(path, position)):
            key, index, single, double = match.groups()
            quoted = single if single is not None else double
            steps.append(key or (int(index) if index else re.sub(r"\\(.)", r"\1", quoted)))
            position = match.end()
        if not steps or position != len(path):
            self._refuse(piece)
        return steps

    def _refuse(self, piece: PartialArg) -> NoReturn:
        name = self._call.name
        raise WireError(f"An argument of the streamed call of {name!r} has no place: {piece.json_path!r}. Ask again.")


class _Leaf:
    """A value. Strings come in pieces, which are joined once."""

    def __init__(self, value: Any) -> None:
        self._pieces = [value]

    def add(self, value: Any) -> None:
        if isinstance(value, str) and isinstance(self._pieces[0], str):
            self._pieces.append(value)
        else:
            self._pieces = [value]

    def build(self) -> Any:
        return "".join(self._pieces) if isinstance(self._pieces[0], str) else self._pieces[0]


class _Branch:
    """An object or an array that is being filled. The elements of an array come in their order."""

    def __init__(self) -> None:
        self.children: dict[str | int, _Branch | _Leaf] = {}

    def has_room(self, step: str | int) -> bool:
        """Tell whether a child may be made here: no index after a gap, and no mixture of names and indices."""
        if isinstance(step, int):
            return step == len(self.children) and (step == 0 or 0 in self.children)
        return 0 not in self.children

    def build(self) -> dict[str | int, Any] | list[Any]:
        children = {step: child.build() for step, child in self.children.items()}
        return list(children.values()) if 0 in children else children


def _read_value(piece: PartialArg) -> Any:
    for value in (piece.string_value, piece.number_value, piece.bool_value):
        if value is not None:
            return value
    return None  # null_value
