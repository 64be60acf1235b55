"""The stand-in that answers when there is no key: a small planner made of rules. Not a language model, and it says so.

It reads a prompt, calls the declared functions that the prompt's words point to, and tells what they returned. It works
on plain JSON, keeps nothing between calls and gives the same answer to the same request.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentkit.testing.lenient import as_list, as_object, as_text
from agentkit.testing.offline_answer import write_answer
from agentkit.testing.offline_plan import Call, Plan, force_call, make_plan
from agentkit.testing.offline_prompt import Round, read_background, read_rounds
from agentkit.testing.offline_schema import Function, Shape, read_functions, read_shape
from agentkit.testing.offline_structured import fill_shape
from agentkit.testing.offline_words import name_words, word_set
from agentkit.testing.rules_shape import read_body

_FINAL_NAMES = word_set(
    """
    answer final_answer final_result final_output final_response final respond submit_answer give_answer
    give_final_answer return_answer return_result return_output submit_result structured_output output_answer
    finish
    """
)


def answer(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of the model's next content: function calls, or one text.

    Calls have a name and arguments, neither ids nor signatures. Arguments come from the prompt and from earlier results
    only; what is required and missing is asked for in text. A call that has been answered is not made again.

    Args:
        request: A GenerateContentRequest as plain JSON, in any spelling that the service takes. What is missing or
            malformed is read as absent; then only camelCase is understood.
    """
    body, findings = read_body(request, backend="google")
    turn = _read_turn(request if findings else body)  # what is wrong is left out of `body`
    if turn.mode == "NONE":
        return [_text(_shaped(turn, _write(turn, make_plan(turn.usable, turn.rounds, turn.background))))]
    plan = make_plan(turn.usable, turn.rounds, turn.background)
    if plan.calls:
        return [_call(call) for call in plan.calls]
    text = _write(turn, plan)
    if final := _final_call(turn, text):
        return [_call(final)]
    if turn.mode == "ANY" and turn.allowed:
        return [_call(force_call(turn.allowed, turn.rounds, turn.background))]
    return [_text(_shaped(turn, text))]


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """A request as the planner needs it."""

    mode: str
    allowed: Sequence[Function]
    rounds: Sequence[Round]
    background: str
    config: Mapping[str, object]

    @property
    def finals(self) -> list[Function]:
        """The functions that take the final answer instead of doing something."""
        return [function for function in self.allowed if "_".join(name_words(function.name)) in _FINAL_NAMES]

    @property
    def usable(self) -> list[Function]:
        """The functions that do something."""
        return [function for function in self.allowed if function not in self.finals]


def _read_turn(request: Mapping[str, object]) -> _Turn:
    calling = as_object(as_object(request.get("toolConfig")).get("functionCallingConfig"))
    names = {as_text(name) for name in as_list(calling.get("allowedFunctionNames"))}
    functions = read_functions(request)
    return _Turn(
        mode=as_text(calling.get("mode")).upper() or "AUTO",
        allowed=[function for function in functions if not names or function.name in names],
        rounds=read_rounds(request),
        background=read_background(request),
        config=as_object(request.get("generationConfig")),
    )


def _text(text: str) -> dict[str, Any]:
    return {"text": text}


def _call(call: Call) -> dict[str, Any]:
    return {"functionCall": {"name": call.name, "args": dict(call.args)}}


def _write(turn: _Turn, plan: Plan) -> str:
    finals = {function.name for function in turn.finals}
    told = replace(plan, others=[one for one in plan.others if one.name not in finals])
    return write_answer(told, turn.usable, turn.rounds[-1].prompt, may_call=turn.mode != "NONE")


def _final_call(turn: _Turn, text: str) -> Call | None:
    """Return the call that hands over the final answer, unless none is declared or it has been made."""
    finals = turn.finals
    if not finals or any(one.name == finals[0].name for one in turn.rounds[-1].answered):
        return None
    args = as_object(fill_shape(finals[0].parameters, turn.rounds, text, turn.background))
    return Call(finals[0].name, args)


def _shaped(turn: _Turn, text: str) -> str:
    """Return the text in the form that the request asks for: JSON, one word of an enum, or as it is."""
    mime_type = as_text(turn.config.get("responseMimeType"))
    schema = turn.config.get("responseJsonSchema") or turn.config.get("responseSchema")
    if mime_type == "text/x.enum":
        return str(fill_shape(read_shape(schema), turn.rounds, text, turn.background))
    if mime_type != "application/json":
        return text
    shape = read_shape(schema) if schema else Shape(kind="object", properties={"answer": Shape(kind="string")})
    return json.dumps(fill_shape(shape, turn.rounds, text, turn.background), ensure_ascii=False)
