"""What a model sent: measured, mended where its meaning is plain, and judged in sentences that the model can act on."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, cast

import pydantic
from pydantic_core import ValidationError

MAX_DEPTH = 100
MAX_BYTES = 1 << 20
REST = "**"  # the key under which the arguments of a `**kwargs` parameter are read; never shown
_MOST_PROBLEMS = 5
_LONGEST_VALUE = 80
_LONGEST_EXPECTATION = 300
_SURROGATES = re.compile("[\ud800-\udfff]")
_REASON = re.compile(r", (unable to parse|got) .*")  # the value itself is shown behind
_STRUCTURES = (
    *("model", "model_attributes", "dataclass", "dict", "mapping", "arguments", "named_tuple"),
    *("list", "tuple", "set", "frozen_set", "iterable"),
)
_WANTS_STRUCTURE = frozenset(f"{structure}_type" for structure in _STRUCTURES)

Read = TypeVar("Read")


class ArgumentsInvalid(ValueError):
    """What a model sent does not fit. The text is for the model: which field, what was expected, what came."""


def detached(args: object) -> dict[str, Any]:
    """Return the arguments of a call as plain JSON data of their own. None counts as none; JSON text is read.

    Raises:
        ArgumentsInvalid: They are no JSON object, hold NaN or Infinity, or are too deep or too large.
    """
    if args is None:
        return {}
    if isinstance(args, str):
        args = _read_object(args)
    if not isinstance(args, Mapping):
        raise ArgumentsInvalid(f"The arguments must be a JSON object, got {shown(args)}.")
    _refuse_depth(cast(object, args))
    return cast("dict[str, Any]", json.loads(_write(dict(cast("Mapping[str, Any]", args)))))


def read_mended(args: dict[str, Any], optional: Collection[str], read: Callable[[str], Read]) -> Read:
    """Return what `read` makes of `args` as JSON text. What it refuses is mended once more where the meaning is plain:

    - null for an optional argument counts as left out;
    - an object or array sent as JSON text, where a structure is expected, is unpacked.

    Raises:
        ValidationError: It does not fit, also when mended. `args` holds what was read last.
    """
    while True:
        try:
            return read(json.dumps(args))
        except ValidationError as error:
            mended = [_mend(args, optional, problem["type"], problem["loc"]) for problem in error.errors()]
            if not any(mended):
                raise


def problems(error: ValidationError, data: object = None, known: Sequence[str] = ()) -> str:
    """Return what is wrong, for the model: at most five fields, each with what was expected and what came.

    Args:
        data: What was read. With it, the names of union members vanish from the paths.
        known: The names that are allowed at the top, told when another one came.
    """
    found: dict[str, tuple[list[str], str]] = {}
    for problem in error.errors(include_url=False, include_context=False):
        kind, received = problem["type"], f", got {shown(problem['input'])}"
        if kind == "missing":
            expectation, received = "is required, but was left out", ""
        elif kind == "extra_forbidden":
            expectation = "is not known here"
            received = f"; known are: {', '.join(known)}" if known and len(problem["loc"]) == 1 else ""
        else:
            expectation = _expectation(problem["msg"])
        expectations, _ = found.setdefault(_path(problem["loc"], data, kind == "missing"), ([], received))
        if expectation not in expectations:
            expectations.append(expectation)
    lines = [
        (f"'{path}': " if path else "") + f"{', or '.join(expectations)[:_LONGEST_EXPECTATION]}{received}."
        for path, (expectations, received) in found.items()
    ]
    more = [f"And {len(lines) - _MOST_PROBLEMS} more."] if len(lines) > _MOST_PROBLEMS else []
    return " ".join(lines[:_MOST_PROBLEMS] + more)


def refuse_other_numbers(given: object, taken: object, path: str = "") -> None:
    """Refuse a number that is not the one that was sent.

    - True and false are 1 and 0 to Python, and a model never means that.
    - An integer above 2**53 may change when it is taken as a float.

    Raises:
        ArgumentsInvalid: Somewhere `given` has something else than the number in `taken`, which was read from it.
    """
    where = f"'{path}': " if path else ""
    if isinstance(given, bool):
        if isinstance(taken, int | float) and not isinstance(taken, bool):
            raise ArgumentsInvalid(f"{where}expected a number, got {shown(given)}.")
    elif isinstance(given, int):
        if isinstance(taken, float) and float(taken) != int(given):
            raise ArgumentsInvalid(f"{where}{shown(given)} has more digits than a float can hold. Send it rounded.")
    elif isinstance(given, dict):
        for key, value in cast("dict[str, object]", given).items():
            refuse_other_numbers(value, _taken_for(key, taken), f"{path}.{key}" if path else key)
    elif isinstance(given, list):
        values = cast("list[object]", given)
        for index, (value, other) in enumerate(zip(values, _taken_for_items(taken, len(values)), strict=False)):
            refuse_other_numbers(value, other, f"{path}[{index}]")


def shown(value: object) -> str:
    """Return a value as JSON for a message, cut to 80 characters."""
    try:
        text = json.dumps(value, default=repr, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def without_surrogates(text: str) -> str:
    """Return `text` with lone surrogates, which no encoding takes, replaced by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def try_parse(text: str) -> object:
    """Return the JSON value of a text, or None if it is no JSON."""
    try:
        return _parse(text)
    except (ValueError, RecursionError):
        return None


def _read_object(text: str) -> object:
    try:
        return _parse(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentsInvalid(f"The arguments must be a JSON object, got the text {shown(text)}.") from error


def _parse(text: str) -> object:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _refuse_depth(args: object) -> None:
    level = [args]
    for _ in range(MAX_DEPTH):
        level = [item for node in level for item in _inside(node)]
        if not level:
            return
    if any(isinstance(node, Mapping | list | tuple) for node in level):
        raise ArgumentsInvalid(f"The arguments are nested deeper than {MAX_DEPTH} levels. Send a flatter value.")


def _inside(node: object) -> list[object]:
    if isinstance(node, Mapping):
        return list(cast("Mapping[object, object]", node).values())
    return list(cast("Sequence[object]", node)) if isinstance(node, list | tuple) else []


def _write(args: dict[str, Any]) -> str:
    try:
        text = without_surrogates(json.dumps(args, allow_nan=False, ensure_ascii=False))
    except (ValueError, TypeError) as error:
        blamed = next((name for name, value in args.items() if not _is_writable(value)), "arguments")
        raise ArgumentsInvalid(
            f"'{blamed}': expected JSON with finite numbers, got {shown(args.get(blamed))}."
        ) from error
    if (size := len(text.encode())) > MAX_BYTES:
        raise ArgumentsInvalid(f"The arguments have {size:,} bytes; at most {MAX_BYTES:,} are taken. Send less.")
    return text


def _is_writable(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError):
        return False
    return True


def _mend(args: dict[str, Any], optional: Collection[str], kind: str, loc: tuple[int | str, ...]) -> bool:
    """Mend the place in `args` that one problem points to; False if there is nothing to mend."""
    if loc and loc[0] in optional and args.get(str(loc[0]), ...) is None:
        del args[str(loc[0])]
        return True
    holder: Any = args
    for step in loc if kind in _WANTS_STRUCTURE else ():
        if not _has(holder, step):
            continue  # the name of a union's member, not a place
        if isinstance(holder[step], str):
            return _unpack(holder, step)
        holder = holder[step]
    return False


def _unpack(holder: Any, step: int | str) -> bool:
    unpacked = try_parse(holder[step])
    if isinstance(unpacked, dict | list):
        holder[step] = unpacked
        return True
    return False


def _has(holder: object, step: int | str) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(cast("list[object]", holder))


def _path(loc: tuple[int | str, ...], data: object, is_missing: bool) -> str:
    """Write a place as `items[3].name`, without the steps that are no places in `data`."""
    path, holder = "", data
    for number, step in enumerate(loc, 1):
        is_place = data is None or _has(holder, step) or (is_missing and number == len(loc))
        if is_place and step != REST:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        holder = cast(Any, holder)[step] if _has(holder, step) else holder
    return path


def _expectation(message: str) -> str:
    """Turn pydantic's "Input should be a valid integer, unable to parse ..." into "expected a valid integer"."""
    said = _REASON.sub("", message)
    return f"expected {said.removeprefix('Input should be ')}" if said.startswith("Input should be ") else said


def _taken_for_items(taken: object, length: int) -> Sequence[object]:
    """What stands in `taken` for the items of the JSON array it was read from."""
    if isinstance(taken, set | frozenset):  # no places: if it holds a boolean at all, booleans were meant
        members = cast("set[object]", taken)
        return [next((item for item in members if isinstance(item, bool)), 0)] * length
    return cast("Sequence[object]", taken) if isinstance(taken, list | tuple) else ()


def _taken_for(key: str, taken: object) -> object:
    """What stands in `taken` for the member `key` of the JSON object it was read from."""
    if isinstance(taken, Mapping):
        members = cast("Mapping[object, object]", taken)
        return next((value for name, value in members.items() if str(name) == key), None)
    if isinstance(taken, pydantic.BaseModel):
        fields = type(taken).model_fields.items()
        key = next((name for name, field in fields if key in (field.alias, field.validation_alias)), key)
    return getattr(taken, key, None)
