"""Answers that must have a shape: JSON for a response schema, arguments for a function named like a final answer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from agentkit.testing.lenient import as_list, as_object
from agentkit.testing.offline_arithmetic import read_arithmetic
from agentkit.testing.offline_facts import read_facts
from agentkit.testing.offline_fill import Source, fill
from agentkit.testing.offline_kinds import choose_boolean, choose_enum, heads
from agentkit.testing.offline_numbers import read_number
from agentkit.testing.offline_prompt import Answered, Round
from agentkit.testing.offline_results import compare, known_values, main_value
from agentkit.testing.offline_schema import Shape
from agentkit.testing.offline_values import cut_text, fits, placeholder
from agentkit.testing.offline_words import name_words, word_set

_SPOKEN = word_set(
    """
    answer summary text reason reasoning message explanation result output conclusion comment description
    response content final reply
    """
)


def fill_shape(shape: Shape, rounds: Sequence[Round], text: str, background: str = "") -> object:
    """Return a value of `shape`: from the results by name, then from the prompts, else as little as is valid.

    Args:
        shape: What is asked for.
        rounds: The conversation.
        text: The answer as text, for properties such as `summary`.
        background: The system instruction.
    """
    answered = [one for each in rounds for one in each.answered if not one.failed]
    prompts = "\n".join(each.prompt for each in reversed(rounds))
    source = Source(prompts, read_facts(prompts, background=background), known_values(answered), is_strict=True)
    value = _fill(shape, source, answered, text)
    return value if fits(value, shape) else placeholder(shape, text if shape.kind in ("string", "any") else "")


def _fill(shape: Shape, source: Source, answered: Sequence[Answered], text: str) -> object:
    if shape.enum:
        return choose_enum(shape, f"{text}\n{source.text}")
    if shape.kind == "object":
        return _fill_object(shape, source, answered, text)
    if shape.kind == "array":
        return _fill_members("", shape, source, answered, text)
    if shape.kind in ("integer", "number"):
        numbers = [read_number(main_value(one.output)) for one in reversed(answered)]
        numbers += _sums(source)
        given = [read_number(fact.value) for fact in source.facts if fact.kind in ("number", "money", "percent")]
        numbers += given if len(given) == 1 and not numbers else []
        return next((number for number in numbers if fits(number, shape)), None)
    if shape.format:
        return fill(Shape(kind="object", properties={"value": shape}, required=("value",)), source).args[0].get("value")
    return cut_text(text, int(min(shape.longest, 10**6)))


def _sums(source: Source) -> list[int | float | None]:
    """Return the value of the one expression in the prompt, if it is simple arithmetic."""
    if not any(fact.kind == "expression" for fact in source.facts):
        return []
    values = read_arithmetic(source.text).values
    return [int(one) if one.denominator == 1 else float(one) for one in values if one is not None and len(values) == 1]


def _fill_object(shape: Shape, source: Source, answered: Sequence[Answered], text: str) -> dict[str, object]:
    everything = replace(shape, required=tuple(dict.fromkeys((*shape.required, *shape.properties))))
    found = fill(everything, source).args[0]
    value: dict[str, object] = {}
    for name, inner in shape.properties.items():
        one = _fill_property(name, inner, found, source, answered, text)
        if fits(one, inner) and one is not None:
            value[name] = one
        elif name in shape.required:
            spoken = set(name_words(name)) & _SPOKEN
            value[name] = placeholder(inner, text if spoken else "")
    return value


def _fill_property(
    name: str, shape: Shape, found: dict[str, object], source: Source, answered: Sequence[Answered], text: str
) -> object:
    if shape.kind == "array":
        return _fill_members(name, shape, source, answered, text) or found.get(name)
    if shape.kind == "object":
        return _fill_object(shape, source, answered, text)
    if shape.kind in ("string", "any") and not shape.enum and set(name_words(name)) & _SPOKEN:
        return cut_text(text, int(min(shape.longest, 10**6)))
    if shape.kind == "string" and (winner := compare(" ".join(name_words(name)), answered)):
        return winner
    if name in found:
        return found[name]
    if shape.enum:
        return choose_enum(shape, f"{text}\n{source.text}")
    if shape.kind == "boolean":
        return choose_boolean(name, source.text)
    if shape.kind in ("integer", "number") and len(sums := _sums(source)) == 1:
        return sums[0]
    same = [one for one in answered if heads(name) & heads(one.name)]
    return main_value(same[-1].output, name) if same else None


def _fill_members(
    name: str, shape: Shape, source: Source, answered: Sequence[Answered], text: str
) -> list[object] | None:
    """Return one member per result where members are objects, else a list found in the results or the prompt."""
    items = shape.items or Shape()
    for one in reversed(answered):
        listed = as_object(one.output).get(name, one.output)
        if isinstance(listed, list) and listed and fits(cast("object", listed), shape):
            return cast("list[object]", listed)
    if items.kind == "object":
        members: list[object] = []
        for one in answered:
            single = Source("", (), known_values([one]), is_strict=True)
            found = fill(replace(items, required=tuple(items.properties)), single).args[0]
            if found:
                members.append({**as_object(placeholder(items, "")), **found})
        return members or None
    wanted = Shape(kind="object", properties={name or "items": shape}, required=(name or "items",))
    found = fill(wanted, source).args[0]
    return as_list(found.get(name or "items")) or None
