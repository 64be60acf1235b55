"""The final answer of a run: read as its type, then checked by the agent's own function."""

import functools
import json
from typing import Any, TypeVar

import anyio

from agentkit._arguments import without_surrogates
from agentkit._log import get_logger
from agentkit._signature import is_async
from agentkit._threads import call_function
from agentkit.errors import ConfigurationError, OutputInvalid, RunFailed, ToolError
from agentkit.events import Retrying
from agentkit.run import Run

__all__ = ["ask_again", "final_answer", "take_final_call"]

Out = TypeVar("Out")

log = get_logger("output")


async def final_answer(run: Run[Any, Out]) -> Out:
    """Return the answer that the model's last content gives, or the final-answer call that was accepted.

    Raises:
        OutputInvalid: It does not fit the type, or the check refused it; `problem` is told to the model.
        RunFailed: The check itself failed.
    """
    if run.accepted:
        return run.accepted[0]
    content = run.state.contents[-1]
    return await _checked(run, run.output.parse(content, run.state.final), content.text)


async def ask_again(run: Run[Any, Any], error: OutputInvalid) -> None:
    """Send an answer back to the model with what is wrong with it, and tell who watches to forget it.

    Raises:
        OutputInvalid: `error`, when that was done often enough.
    """
    state = run.state
    state.repair(error, most=run.output.retries)
    log.warning("output.refused", repair=state.repairs, most=run.output.retries, run_id=state.run_id)
    await run.emit(Retrying(reason=str(error), attempt=state.repairs, delay_s=0.0, discard_text=True))


async def take_final_call(run: Run[Any, Any], args: dict[str, Any]) -> None:
    """Accept a final-answer call. What it gives is kept, so that validators and the check see it once.

    Raises:
        OutputInvalid, RunFailed: As `final_answer`.
    """
    answer = await _checked(run, run.output.read_call(args), json.dumps(args))
    run.accepted, run.state.final = (answer,), args


def _is_yes_or_no(value: object) -> bool:
    return isinstance(value, bool)


async def _checked(run: Run[Any, Out], answer: Out, said: str) -> Out:
    """Return what the agent's check makes of an answer. `said` is the answer as it came."""
    check = run.output.check
    if check is None:
        return answer
    try:
        with anyio.move_on_after(run.tool_timeout_s):
            call = functools.partial(check, run.context(), answer)
            found = await call_function(call, is_async(check))
            if _is_yes_or_no(found) and not _is_yes_or_no(answer):  # it would replace the answer
                raise ConfigurationError(
                    f"output_check returned {found}. Return None to take the answer, raise ToolError to refuse it."
                )
            return answer if found is None else found
    except ToolError as error:
        raise OutputInvalid(without_surrogates(str(error)), said) from error
    except OutputInvalid as error:  # of a run inside the check: not about this answer
        raise RunFailed(type(error).__name__, str(error)) from error
    raise RunFailed("TimeoutError", f"output_check did not end within {run.tool_timeout_s:g} s (tool_timeout_s)")
