"""Functions in place of Gemini's own tools, where these cannot stand beside others: each call is a request of its own.

A side request holds the built-in tool alone and what the model asked for, nothing of the conversation. Its text goes
back to the model; its sources, code and images are kept with the run (`RunState.asides`).
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping
from dataclasses import field
from typing import Any, cast

from agentkit import wire
from agentkit._frozen import frozen
from agentkit._log import get_logger
from agentkit.builtin import BuiltinTool
from agentkit.combination import check_builtins, find_clash
from agentkit.connection import Connection
from agentkit.context import RunContext
from agentkit.errors import ToolError
from agentkit.executed import read_code
from agentkit.output import FINAL_ANSWER
from agentkit.run import Run
from agentkit.schema import ArgumentsInvalid
from agentkit.tool import Tool
from agentkit.turn import ask_aside
from agentkit.verdict import judge

__all__ = ["part_builtins"]

log = get_logger("run")

TIMEOUT_S = 300.0  # of a call; the client's own limits hold for each request
MOST_URLS = 20  # protocol sheet 2.4

# What a side request takes from the agent's settings: how to think and what is safe, not the form of the answer.
_KEPT = ("safety_settings", "service_tier", "labels")
_KEPT_GENERATION = ("temperature", "topP", "topK", "seed", "thinkingConfig")

_TEXT: Mapping[str, Any] = {"type": "string"}


@frozen
class _Form:
    """How a built-in tool looks as a function.

    Attributes:
        arguments: Descriptions by name; all are required.
        instruction: The system instruction of the side request.
        untrusted: Whether strangers write what is read.
        urls: The argument that is a list of URLs, if there is one.
    """

    name: str
    description: str
    arguments: Mapping[str, str]
    instruction: str
    untrusted: bool = True
    urls: str = field(default="")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON Schema of the arguments."""
        kinds = {name: {"type": "array", "items": _TEXT} if name == self.urls else _TEXT for name in self.arguments}
        properties = {name: {**kinds[name], "description": text} for name, text in self.arguments.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}


_ALONE = "It sees nothing of this conversation: say all that matters."

# None of these is the name of a built-in tool (`google_search`): such names confuse the model.
_FORMS: Mapping[str, _Form] = {
    "googleSearch": _Form(
        name="search_web",
        description="Search the web with Google; returns an answer made from the pages found.",
        arguments={"query": f"What to find out. {_ALONE}"},
        instruction="Answer with Google Search. Give the facts with their numbers, names and dates, and say what you "
        "did not find.",
    ),
    "googleMaps": _Form(
        name="search_maps",
        description="Ask Google Maps about places, routes and opening hours; returns an answer.",
        arguments={"query": f"What to find out, and where. {_ALONE}"},
        instruction="Answer with Google Maps. Give names and addresses of places, and say what you did not find.",
    ),
    "urlContext": _Form(
        name="read_urls",
        description="Read pages of the web and answer a question about them.",
        arguments={
            "urls": f"Addresses that begin with https:// or http://, at most {MOST_URLS}.",
            "question": f"What to find out from the pages. {_ALONE}",
        },
        instruction="Answer from the pages at the given URLs only. Say which of them could not be read.",
        urls="urls",
    ),
    "codeExecution": _Form(
        name="run_code",
        description="Have Python written and run for a computation or a plot; returns what came out.",
        arguments={"task": f"What to compute, with all data. {_ALONE}"},
        instruction="Write Python for the task, run it, and tell what came out, with exact numbers.",
        untrusted=False,  # it has no network
    ),
    "fileSearch": _Form(
        name="search_files",
        description="Search the stored documents; returns an answer made from the pieces found.",
        arguments={"query": f"What to find out. {_ALONE}"},
        instruction="Answer from the documents that file search finds, and say what you did not find.",
    ),
}


def part_builtins(run: Run[Any, Any], connection: Connection) -> None:
    """Put functions in the place of built-in tools that cannot stand beside what else the run declares.

    It is so for the whole run if it is so for one of its models.

    Raises:
        ConfigurationError: The model or the endpoint does not have a tool, or the run wants them together.
    """
    models, endpoint = dict.fromkeys((run.state.model, *run.fallbacks)), run.client.endpoint
    for model in models:
        check_builtins(run.builtins, model, endpoint)
    served = [builtin for builtin in run.builtins if builtin.runs_at_service]
    combines = run.client.combines_builtins
    clashes = (find_clash(served, model, endpoint, beside=_beside(run, model), combines=combines) for model in models)
    clash = next(filter(None, clashes), None)
    if clash is None:
        return
    if run.combine == "together":
        raise clash
    taken = {FINAL_ANSWER, *run.toolbox.names}
    tools: list[Tool[..., Any]] = []
    for builtin in served:
        form = _FORMS.get(builtin.wire_name)
        if form is None:
            raise clash
        name = _free_name(form.name, taken)
        taken.add(name)
        tools.append(_tool(run, connection, builtin, form, name))
    run.toolbox.add(tools)
    run.parted = True
    log.debug("builtins.parted", tools=[tool.name for tool in tools], run_id=run.state.run_id)


def _beside(run: Run[Any, Any], model: str) -> str:
    if run.toolbox.declared:
        return "with functions"
    if run.output_mode_of(model) == "function":
        return f"with a typed output (it needs the function {FINAL_ANSWER!r})"
    return ""


def _free_name(name: str, taken: Container[str]) -> str:
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain((name,), numbered) if free not in taken)


def _tool(run: Run[Any, Any], connection: Connection, builtin: BuiltinTool, form: _Form, name: str) -> Tool[..., Any]:
    async def invoke(args: Mapping[str, Any], context: RunContext[Any], /) -> object:
        prompt = _read_prompt(form, args)
        return await _ask(run, connection, _request(run, builtin, form, prompt), context, name)

    return Tool(
        name=name,
        description=form.description,
        parameters=form.parameters,
        function=invoke,
        invoke=invoke,
        timeout_s=TIMEOUT_S,
        effects="read",
        untrusted=form.untrusted,
    )


def _read_prompt(form: _Form, args: Mapping[str, Any]) -> str:
    """Return what is asked: the texts, then the URLs.

    Raises:
        ArgumentsInvalid: An argument is missing, unknown or of the wrong kind.
    """
    if args.keys() != form.arguments.keys():
        raise ArgumentsInvalid(f"Give exactly these arguments: {', '.join(form.arguments)}.")
    names = sorted(form.arguments, key=lambda name: name == form.urls)
    return "\n\n".join((_read_urls if name == form.urls else _read_text)(name, args[name]) for name in names)


def _read_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ArgumentsInvalid(f"{name}: must be a text that is not empty.")
    return value


def _read_urls(name: str, value: object) -> str:
    urls = cast("list[object]", value) if isinstance(value, list) else []
    if not 0 < len(urls) <= MOST_URLS or not all(_is_url(url) for url in urls):
        raise ArgumentsInvalid(f"{name}: must be 1 to {MOST_URLS} addresses that begin with https:// or http://.")
    return "\n".join(map(str, urls))


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://")) and not any(map(str.isspace, value))


def _request(run: Run[Any, Any], builtin: BuiltinTool, form: _Form, prompt: str) -> wire.GenerateContentRequest:
    settings = run.settings.request(run.state.model, run.client.endpoint)
    fields: dict[str, Any] = {name: getattr(settings, name) for name in _KEPT if name in settings.model_fields_set}
    set_here = settings.generation_config.to_wire() if settings.generation_config is not None else {}
    if generation := {name: set_here[name] for name in _KEPT_GENERATION if name in set_here}:
        fields["generation_config"] = wire.GenerationConfig.parse(generation)
    if place := builtin.retrieval_config():
        fields["tool_config"] = wire.ToolConfig.parse({"retrievalConfig": place})
    return wire.GenerateContentRequest(
        contents=[wire.Content(role="user", parts=[wire.Part(text=prompt)])],
        system_instruction=wire.Content(parts=[wire.Part(text=form.instruction)]),
        tools=[builtin.to_wire()],
        **fields,
    )


async def _ask(
    run: Run[Any, Any],
    connection: Connection,
    request: wire.GenerateContentRequest,
    context: RunContext[Any],
    name: str,
) -> str:
    """Ask once, keep what came, and return its text.

    Raises:
        ToolError: The answer cannot be used; a sentence for the model.
        GeminiError: The API could not be asked.
    """
    response = await ask_aside(run, connection, context, request)
    candidate = response.candidate
    verdict = judge(response, calls_allowed=False)
    if verdict.error is not None or candidate is None:
        log.warning("side_request.unusable", tool=name, reason=str(verdict.error), run_id=run.state.run_id)
        raise ToolError(f"{name} got no usable answer ({type(verdict.error).__name__}). Ask differently, or go on.")
    run.state.asides[context.call_key] = candidate.replace(logprobs_result=None)
    return _told(candidate)


def _told(candidate: wire.Candidate) -> str:
    """Return the text of an answer; of one that only ran code, what came out."""
    content = candidate.content or wire.Content(parts=[])
    if content.text.strip():
        return content.text
    printed = [code.output for code in read_code(content.parts or [])]
    return "\n".join(filter(None, printed)) or "It was done; nothing was said about it."
