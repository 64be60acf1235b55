"""What makes a history that the service accepts, and how a foreign one becomes such a history.

```text
found in a history                                   what happens (protocol sheet, section 4.3)
calls that nobody answered, or only some of them     answered with {"error": "... no result was kept"}, in their place
answers in another order than the calls              put in the order of the calls
answers in neighbouring contents                     put into one
an answer's id, where its call has none              left out
text or media behind an answer, in one content       moved into a user content of its own, behind the answers
a call before anything of the user's                 an empty user text is put first
a content without parts                              left out
the role "function"                                  becomes "user"
another role, a call of the user's, an answer that   refused; the message names the index
no call asked for
```

Nothing else is touched, and a history of agentkit's own passes unchanged. Every repair is logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from operator import is_

from agentkit import wire
from agentkit._log import get_logger
from agentkit.errors import ConfigurationError

__all__ = ["first_unsigned", "mended", "open_calls", "starts_turn", "with_placeholders", "without_call_ids"]

NOT_KEPT = "This call was interrupted: no result was kept."
# "skip_thought_signature_validator" in base64, the form that Google's endpoint and Vertex AI both take (sheet, 5).
PLACEHOLDER = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

log = get_logger("history")


def open_calls(content: wire.Content) -> list[wire.FunctionCall]:
    """Return the calls that the client must answer: tools that the service runs (MCP) come with their response."""
    answered = _responses(content)
    ids = {response.id for response in answered if response.id is not None}
    names = [response.name for response in answered if response.id is None]
    calls: list[wire.FunctionCall] = []
    for call in content.function_calls:
        if call.id is not None and call.id in ids:
            continue
        if call.name in names:
            names.remove(call.name)
            continue
        calls.append(call)
    return calls


def mended(history: Sequence[wire.Content], prompt: wire.Content) -> tuple[wire.History, int]:
    """Return `history` and `prompt` in a form that the service accepts, and where the prompt begins in it.

    The head of this file says what is changed.

    Raises:
        ConfigurationError: It cannot be told what was meant; the message names the content by its index.
    """
    contents: list[wire.Content] = []
    calls: list[wire.FunctionCall] = []  # of the model's last content, not answered yet
    start = 0
    for where, content in _gathered(history, prompt):
        start = len(contents) + (bool(calls) and not _responses(content))  # of the last one: the prompt
        contents += _of_model(content, calls, where) if content.role == "model" else _of_user(content, calls, where)
        calls = open_calls(content) if content.role == "model" else []
    if any(content.function_calls for content in itertools.takewhile(_is_of_model, contents)):
        log.warning("history.mended", where="history[0]", what="an empty user text was put before the first call")
        contents.insert(0, wire.Content(role="user", parts=[wire.Part(text="")]))
        start += 1
    unchanged = len(contents) == len(history) + 1 and all(map(is_, contents, history))
    if unchanged and isinstance(history, wire.History):  # its contents are encoded already
        whole = history.copy()
        whole.append(contents[-1])
        return whole, start
    return wire.History(contents), start


def first_unsigned(contents: Sequence[wire.Content]) -> int | None:
    """Return the index of the first content whose first call has no thought signature; None if there is none."""
    return next((index for index, content in enumerate(contents) if _unsigned_part(content) is not None), None)


def with_placeholders(contents: Sequence[wire.Content]) -> wire.History:
    """Return the contents with Google's documented placeholder where a first call has no thought signature.

    Only such calls pass that the model of another family, or no model at all, has made (protocol sheet, section 5).
    """
    signed = wire.History()
    for content in contents:
        at = _unsigned_part(content)
        parts = list(content.parts or [])
        if at is not None:
            parts[at] = parts[at].replace(thought_signature=PLACEHOLDER)
        signed.append(content if at is None else content.replace(parts=parts))
    return signed


def without_call_ids(contents: Sequence[wire.Content]) -> wire.History:
    """Return the contents without the ids of calls and responses, for gateways that do not know them."""
    plain = wire.History()
    for content in contents:
        parts = [_without_id(part) for part in content.parts or []]
        changed = any(new is not old for new, old in zip(parts, content.parts or [], strict=True))
        plain.append(content.replace(parts=parts) if changed else content)
    return plain


def _without_id(part: wire.Part) -> wire.Part:
    if part.function_call is not None and part.function_call.id is not None:
        return part.replace(function_call=part.function_call.without("id"))
    if part.function_response is not None and part.function_response.id is not None:
        return part.replace(function_response=part.function_response.without("id"))
    return part


def starts_turn(contents: Sequence[wire.Content], index: int) -> bool:
    """Tell whether a turn of the user's starts here: with the first of neighbouring contents, if it is no response.

    A conversation can be cut here: no call is parted from its response, and the steps of a turn, whose signatures are
    judged together, stay together.
    """
    after_user = index > 0 and contents[index - 1].role != "model"
    return contents[index].role != "model" and not after_user and not _responses(contents[index])


def _unsigned_part(content: wire.Content) -> int | None:
    """Return which part is the content's first call, if that has no signature."""
    if content.role != "model":
        return None
    for at, part in enumerate(content.parts or []):
        if part.function_call is not None:
            return None if part.thought_signature else at
    return None


def _gathered(history: Sequence[wire.Content], prompt: wire.Content) -> list[tuple[str, wire.Content]]:
    """Return what says something, the prompt last, each content with its place. Neighbouring answers become one."""
    gathered: list[tuple[str, wire.Content]] = []
    for index, content in enumerate((*history, prompt)):
        is_prompt = index == len(history)
        where = "The prompt" if is_prompt else f"history[{index}]"
        content = _with_known_role(content, where)
        if content.role == "model" and is_prompt:
            raise ConfigurationError('The prompt is of role "model". Give a text, or a Content of role "user".')
        if not content.parts:
            if is_prompt:
                raise ConfigurationError("The prompt is empty. Say what the agent should do.")
            log.warning("history.mended", where=where, what="a content without parts was left out")
            continue
        before = gathered[-1][1] if gathered else None
        if before is not None and all(_responses(one) and not _is_of_model(one) for one in (before, content)):
            log.warning("history.mended", where=where, what="answers in neighbouring contents were put into one")
            content = content.replace(parts=[*(before.parts or []), *content.parts])
            gathered.pop()
        gathered.append((where, content))
    return gathered


def _is_of_model(content: wire.Content) -> bool:
    return content.role == "model"


def _with_known_role(content: wire.Content, where: str) -> wire.Content:
    if content.role == "function":
        log.warning("history.mended", where=where, what='the role "function" became "user"')
        return content.replace(role="user")
    if content.role not in (None, "user", "model"):
        raise ConfigurationError(f'{where} has the role {content.role!r}. Roles are "user" and "model".')
    return content


def _of_model(content: wire.Content, calls: list[wire.FunctionCall], where: str) -> Iterator[wire.Content]:
    yield from _not_kept(calls, where)
    yield content


def _of_user(content: wire.Content, calls: list[wire.FunctionCall], where: str) -> Iterator[wire.Content]:
    """Yield what the user said, its answers to `calls` first and complete."""
    if content.function_calls:
        raise ConfigurationError(f'{where} holds a call, but is of role {content.role!r}. Calls are of role "model".')
    responses = _responses(content)
    if not responses:
        yield from _not_kept(calls, where)
        yield content
        return
    ordered = _in_order(calls, responses, where)
    answers = [part.function_response is not None for part in content.parts or []]
    if ordered == responses and all(answers[answers.index(True) :]):  # a text before them may stay
        yield content
        return
    log.warning("history.mended", where=where, what="the answers to calls were completed, ordered or set apart")
    yield _answers(ordered)
    rest = [part for part in content.parts or [] if part.function_response is None]
    if rest:
        yield content.replace(parts=rest)


def _not_kept(calls: list[wire.FunctionCall], where: str) -> Iterator[wire.Content]:
    if calls:
        log.warning("history.mended", where=where, what=f"{len(calls)} calls before it had no answer")
        yield _answers([_interrupted(call) for call in calls])


def _in_order(
    calls: list[wire.FunctionCall], responses: list[wire.FunctionResponse], where: str
) -> list[wire.FunctionResponse]:
    """Return one response for each call, in the order of the calls: by id where both have one, else by name."""
    left = list(responses)
    found: dict[int, wire.FunctionResponse] = {}
    for answers_to in (_has_its_id, _has_its_name):
        for number, call in enumerate(calls):
            response = next((one for one in left if number not in found and answers_to(one, call)), None)
            if response is not None:
                left.remove(response)
                found[number] = response.without("id") if call.id is None and response.id is not None else response
    if left:
        raise ConfigurationError(
            f"{where} answers {left[0].name!r}, but the content before it does not ask for that. "
            "Answers stand directly behind the model's calls, one for each."
        )
    return [found[at] if at in found else _interrupted(call) for at, call in enumerate(calls)]


def _has_its_id(response: wire.FunctionResponse, call: wire.FunctionCall) -> bool:
    return response.name == call.name and response.id is not None and response.id == call.id


def _has_its_name(response: wire.FunctionResponse, call: wire.FunctionCall) -> bool:
    return response.name == call.name and (response.id is None or call.id is None)


def _interrupted(call: wire.FunctionCall) -> wire.FunctionResponse:
    answer = wire.FunctionResponse(name=call.name, response={"error": NOT_KEPT})
    return answer if call.id is None else answer.replace(id=call.id)


def _answers(responses: list[wire.FunctionResponse]) -> wire.Content:
    return wire.Content(role="user", parts=[wire.Part(function_response=response) for response in responses])


def _responses(content: wire.Content) -> list[wire.FunctionResponse]:
    return [part.function_response for part in content.parts or [] if part.function_response is not None]
