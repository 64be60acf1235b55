"""What `agentkit check` is given: an agent, tools, or a saved request."""

import ast
import copy
import functools
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MethodType
from typing import Any, cast

from agentkit import Agent, Capabilities, ConfigurationError, Tool, Toolset
from agentkit.cli.check_first import NOWHERE, Profile, first_request
from agentkit.cli.load import import_target, load_tools, split_target
from agentkit.cli.service import DEFAULT_MODEL, KEY_VARIABLES, STAND_IN_KEY, URL_VARIABLE, environment
from agentkit.testing.lenient import as_object

__all__ = ["Place", "Target", "open_target"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line of a file, counted from 1."""

    file: Path
    line: int = 1


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is judged.

    Attributes:
        name: As it was given.
        model: Whose rules apply.
        endpoint: What the agent's own client speaks to, if that is one of the profiles.
        request: Returns the body that is sent to an endpoint. Raises ConfigurationError if the agent cannot.
        place: Where the target is written; None for standard input.
        functions: Where the functions are written, by their names.
        capabilities: What the agent's own client knows about its endpoint.
        extra: What the agent sends beyond what is known here.
        fallbacks: The same for each of the models that are asked when the first one fails.
    """

    name: str
    model: str
    endpoint: Profile | None
    request: Callable[[Profile], object]
    place: Place | None
    functions: Mapping[str, Place] = field(default_factory=dict[str, Place])
    capabilities: Capabilities = field(default_factory=Capabilities)
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fallbacks: tuple["Target", ...] = ()


def open_target(target: str, *, model: str | None, prompt: str) -> Target:
    """Return what `target` names.

    Raises:
        ConfigurationError: There is no such thing, it does not import, or it is not clear which agent is meant.
    """
    if target == "-":
        return _saved(target, _read_stdin(), None, model)
    path = Path(target)
    if path.suffix == ".json" or (path.is_file() and path.suffix != ".py"):
        return _saved(target, _read_file(path), path, model)
    return _of_python(target, model, prompt)


def _read_stdin() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin else b""


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from error


def _saved(name: str, raw: bytes, path: Path | None, model: str | None) -> Target:
    """Read a body, or `{"model": ..., "body": ...}`."""
    shown = "Standard input" if path is None else name
    try:
        text = raw.decode("utf-8-sig")
        saved: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"{shown} is no JSON: {said}. Give a request body as JSON.") from error
    given = as_object(saved)
    body: object = given.get("body", saved)
    if not isinstance(body, dict):
        raise ConfigurationError(
            f"{shown} holds {_kind_of(body)}, no request. "
            'Give a body {"contents": [...]}, or {"model": "...", "body": {...}}.'
        )
    named = given.get("model")
    return Target(
        name=name,
        model=model or (named if isinstance(named, str) and named else DEFAULT_MODEL),
        endpoint=None,
        request=lambda _: cast("object", body),
        place=None if path is None else Place(file=path),
        functions={} if path is None else _lines_of_names(path, text),
    )


def _kind_of(value: object) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return "a text"
        case bool() | None:
            return json.dumps(value)
        case _:
            return "a number"


def _lines_of_names(path: Path, text: str) -> dict[str, Place]:
    """Return where each `"name": "..."` first stands."""
    found: dict[str, Place] = {}
    for match in re.finditer(r'"name"\s*:\s*"([^"\\]*)"', text):
        found.setdefault(match[1], Place(file=path, line=text.count("\n", 0, match.start()) + 1))
    return found


def _of_python(target: str, model: str | None, prompt: str) -> Target:
    where, name = split_target(target)
    with _some_key():
        names = vars(import_target(where))
        name, agent = _choose(target, where, name, names, model or DEFAULT_MODEL)
        endpoint, known = agent.client.endpoint, agent.client.capabilities
    if model:
        agent = _asking(agent, model)
    first = Target(
        name=target,
        model=agent.model,
        endpoint=None if endpoint == "other" else endpoint,
        request=functools.partial(first_request, agent, target, prompt),
        place=_place_of_name(names, name),
        functions={tool.name: place for tool in agent.tools if (place := _place_of(tool)) is not None},
        capabilities=known,
        extra=agent.extra,
    )
    fallbacks = [
        replace(first, model=one, request=functools.partial(first_request, _asking(agent, one), target, prompt))
        for one in agent.fallbacks
    ]
    return replace(first, fallbacks=tuple(fallbacks))


def _asking(agent: Agent[Any, Any], model: str) -> Agent[Any, Any]:
    """Return an agent that asks `model` and no other."""
    agent = copy.copy(agent)
    agent.model, agent.fallbacks = model, ()
    return agent


@contextmanager
def _some_key() -> Generator[None, None, None]:
    """Let clients be made without a key; nothing is sent with what stands in for it."""
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        yield
        return
    url = os.environ.get(URL_VARIABLE) or NOWHERE
    with environment({**dict.fromkeys(KEY_VARIABLES, STAND_IN_KEY), URL_VARIABLE: url}):
        yield


def _choose(target: str, where: str, name: str, names: Mapping[str, Any], model: str) -> tuple[str, Agent[Any, Any]]:
    """Return the agent that is meant and its name; tools get an agent of their own."""
    agents = _agents_in(names)
    if not name and len(set(map(id, agents.values()))) == 1:
        return next(iter(agents.items()))
    if not name and agents:
        listed = ", ".join(agents)
        raise ConfigurationError(f"{target} has several agents: {listed}. Say which: {where}:{next(iter(agents))}.")
    if not name:
        return "", Agent(model, tools=_tools_in(target, names))
    if name not in names:
        choices = ", ".join(agents)
        raise ConfigurationError(
            f"{where} has no {name!r}. {f'Agents in it: {choices}.' if choices else 'There is no agent in it.'}"
        )
    chosen = names[name]
    if isinstance(chosen, Agent):
        return name, agents[name]
    if isinstance(chosen, list | tuple | Tool | Toolset) or inspect.isroutine(chosen):
        tools = list(cast("list[object]", chosen)) if isinstance(chosen, list | tuple) else [cast("object", chosen)]
        return name, Agent(model, tools=tools)
    kind = type(cast("object", chosen)).__name__
    raise ConfigurationError(
        f"{target} is of type {kind}, neither an agent nor tools. Name an Agent, a tool, or a list of tools."
    )


def _agents_in(names: Mapping[str, Any]) -> dict[str, Agent[Any, Any]]:
    found: dict[str, Any] = {key: value for key, value in names.items() if isinstance(value, Agent)}
    return {key: agent for key, agent in found.items() if not key.startswith("_")}


def _tools_in(target: str, names: Mapping[str, Any]) -> list[object]:
    try:
        return load_tools(str(names["__name__"]))  # imported already: this only looks through it
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{target}: no agent and no tool in it. Write `agent = Agent(...)`, or a public function with type hints. "
            f"({str(error).removeprefix('-t ')})"
        ) from error


def _place_of(tool: Tool[..., Any]) -> Place | None:
    function: Any = tool.function
    while isinstance(function, functools.partial | MethodType):
        function = cast("Any", function.func if isinstance(function, functools.partial) else function.__func__)
    function = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    try:
        function = inspect.unwrap(function)
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function)
    except (OSError, TypeError, ValueError):  # built in, or typed at a prompt
        return None
    below = next((i for i, line in enumerate(lines) if line.lstrip().startswith(("def ", "async def "))), 0)
    return Place(file=Path(file), line=first + below) if file else None


def _place_of_name(names: Mapping[str, Any], name: str) -> Place | None:
    """Return where a module gives `name` its value, else its first line."""
    file = names.get("__file__")
    if not file:
        return None
    path = Path(str(file))
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return Place(file=path)
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return Place(file=path, line=statement.lineno)
    return Place(file=path)
