"""One run with all its parts found: what the loop works on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar, overload

from anyio.lowlevel import current_token

from agentkit import wire
from agentkit._nesting import Nesting
from agentkit._settings import Settings
from agentkit.approval import Decision
from agentkit.builtin import BuiltinTool
from agentkit.choice import ToolChoice
from agentkit.client import GeminiClient
from agentkit.combination import Combine
from agentkit.context import RunContext
from agentkit.errors import ConfigurationError
from agentkit.events import Event
from agentkit.foreign import as_read_by
from agentkit.middleware import Middleware
from agentkit.models import facts
from agentkit.output import FINAL_ANSWER, OutputSpec, UsedMode
from agentkit.sources import untrusted_sources
from agentkit.state import PendingCall, RunState, meant_name
from agentkit.tool import ErrorMode
from agentkit.toolset import Toolbox
from agentkit.usage import Limits

Deps = TypeVar("Deps")
Out = TypeVar("Out")

Ask = Callable[[str, "wire.GenerateContentRequest"], Awaitable["wire.GenerateContentResponse"]]


class _Copies(Sequence["wire.Content"]):
    """A conversation for code of the user's, which may change what it gets: each content is copied when asked for."""

    def __init__(self, contents: Sequence[wire.Content]) -> None:
        self._contents = contents

    def __len__(self) -> int:
        return len(self._contents)

    @overload
    def __getitem__(self, index: int) -> wire.Content: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[wire.Content]: ...
    def __getitem__(self, index: int | slice) -> wire.Content | Sequence[wire.Content]:
        if isinstance(index, slice):
            return _Copies(self._contents[index])
        return wire.Content.parse(self._contents[index].raw)


@dataclass(kw_only=True, eq=False, repr=False)
class Run(Generic[Deps, Out]):
    """The state of a run together with everything that serves it. Two runs share none of it but settings.

    Attributes:
        settings: What the agent says about every request.
        choice: What the agent says about calling functions; None leaves it to the model.
        validates: Whether calls are asked to obey their schemas where the agent leaves the mode open.
        combine: What to do where built-in tools cannot stand beside functions.
        parted: Whether functions stand in the place of built-in tools, as they cannot stand beside others.
        decisions: What people said about waiting calls, by key.
        ask: Asks a model for a whole answer, where that is not a request of its own: through a batch.
        emit: Where events go; with a streamed run, it waits for the reader.
        streamed: Whether answers are asked for as streams.
        deadline: When the run's time is over, on the event loop's clock; infinite for no limit.
        nesting: What inner runs get from this one, and report to it.
        accepted: The answer of an accepted final-answer call, by itself in a tuple; empty if there is none yet.
        fallbacks: The models that may be asked when the one in use fails, in this order.
        failed_models: Those that were in use before, and failed.
    """

    state: RunState
    deps: Deps
    client: GeminiClient
    toolbox: Toolbox
    builtins: Sequence[BuiltinTool]
    output: OutputSpec[Out]
    instructions: str
    settings: Settings
    limits: Limits
    middleware: Sequence[Middleware]
    errors: ErrorMode
    tool_timeout_s: float
    parallel_calls: int
    emit: Callable[[Event], Awaitable[None]]
    choice: ToolChoice | None = None
    validates: bool = True
    streamed: bool = False
    combine: Combine = "auto"
    parted: bool = False
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    ask: Ask | None = None
    deadline: float = float("inf")
    nesting: Nesting = field(default_factory=Nesting)
    accepted: tuple[Out, ...] = ()
    fallbacks: Sequence[str] = ()
    failed_models: list[str] = field(default_factory=list[str])
    _templates: dict[str, wire.GenerateContentRequest] = field(
        init=False, default_factory=dict[str, "wire.GenerateContentRequest"]
    )
    _foreign: tuple[int, wire.History] | None = field(init=False, default=None)

    @property
    def next_model(self) -> str | None:
        """The model to ask when the one in use fails; None if there is none left."""
        used = self.state.model
        behind = self.fallbacks.index(used) + 1 if used in self.fallbacks else 0
        return next(iter(self.fallbacks[behind:]), None)

    def readable_contents(self) -> wire.History:
        """Return the conversation as the model in use may read it; the stored one stays as it came."""
        since = self.state.model_since
        if not since:
            return self.state.contents.copy()
        if self._foreign is None or self._foreign[0] != since:
            self._foreign = since, as_read_by(facts(self.state.model), self.state.contents[:since])
        contents = self._foreign[1].copy()
        for content in self.state.contents[since:]:
            contents.append(content)
        return contents

    @property
    def output_mode(self) -> UsedMode:
        """How the typed answer is asked for.

        Raises:
            ConfigurationError: The agent wants a way that the model does not have.
        """
        return self.output_mode_of(self.state.model)

    def output_mode_of(self, model: str) -> UsedMode:
        """Return how `model` is asked for a typed answer; raises as `output_mode` does."""
        has_functions, has_builtins = len(self.toolbox) > 0, len(self.sent_builtins) > 0
        return self.output.mode_for(model, has_functions=has_functions, has_builtins=has_builtins)

    @property
    def sent_builtins(self) -> Sequence[BuiltinTool]:
        """The built-in tools that stand in the run's own requests."""
        return [builtin for builtin in self.builtins if not (self.parted and builtin.runs_at_service)]

    @property
    def offers_functions(self) -> bool:
        """Whether functions are declared, by which the model may call one."""
        return bool(self.toolbox.declared) or self.output_mode == "function"

    @property
    def template(self) -> wire.GenerateContentRequest:
        """The request without contents and without the calling mode: the same in every turn of the model in use."""
        model = self.state.model
        if model not in self._templates:
            self._templates[model] = self._make_template()
        return self._templates[model]

    def check_fallbacks(self) -> None:
        """Refuse, before any request, what one of the models could not be asked later on.

        Raises:
            ConfigurationError: The message names the model and says what works instead.
        """
        for model in self.fallbacks:
            replace(self, state=replace(self.state, model=model)).calling()  # of the template

    def _make_template(self) -> wire.GenerateContentRequest:
        request = self.settings.request(self.state.model, self.client.endpoint)
        if self.instructions:
            request = request.replace(system_instruction=wire.Content(parts=[wire.Part(text=self.instructions)]))
        if form := self.output.generation_config(self.output_mode, self.client.schema_dialect):
            request = request.with_generation(**form)
        if request.cached_content is not None:
            check_cached(self)
            return self.settings.extended(request.replace(contents=[]))
        return self.settings.extended(request.replace(contents=[], **self._tool_fields()))

    def calling(self) -> dict[str, Any] | None:
        """Return `functionCallingConfig` for the next turn; None where nothing needs to be said."""
        if self.template.cached_content is not None:  # which holds the tools, and no request may say more of them
            return None
        declared = [str(one.name) for tool in self.template.tools or [] for one in tool.function_declarations or []]
        chosen = self.choice.config(declared, first=self.state.usage.turns == 0) if self.choice is not None else None
        if self.output_mode == "function":  # every answer is a call, the final one included
            names = [FINAL_ANSWER] if chosen == {"mode": "NONE"} else (chosen or {}).get("allowedFunctionNames", [])
            if names and chosen is not None and chosen["mode"] == "VALIDATED":  # which leaves the answer open
                names = [*names, FINAL_ANSWER]
            return {"mode": "ANY", **({"allowedFunctionNames": names} if names else {})}
        if not declared:  # Google's endpoint refuses a mode without functions
            if chosen is not None and chosen["mode"] == "ANY":
                raise ConfigurationError("tool_choice: a call is forced, but there are no functions. Give tools=[...].")
            return None
        allowed = facts(self.state.model)
        acts = not all(builtin.runs_at_service for builtin in self.builtins)  # by calls that are not declared
        if chosen is None and self.validates and allowed.validated_calls and not acts:
            return {"mode": "VALIDATED"}
        if chosen is not None and chosen["mode"] == "VALIDATED" and not allowed.validated_calls:
            raise ConfigurationError(
                f"{allowed.id} knows no validated calls. Use tool_choice='auto', or a newer model."
            )
        return chosen

    def _tool_fields(self) -> dict[str, Any]:
        declarations = self.toolbox.declarations(self.client.schema_dialect)
        if self.output_mode == "function":
            declarations.append(self.output.declaration(self.client.schema_dialect))
        builtins = self.sent_builtins
        tools = [wire.Tool(function_declarations=declarations)] if declarations else []
        tools += [builtin.to_wire() for builtin in builtins]
        config: dict[str, Any] = {}
        for builtin in builtins:
            config.setdefault("retrievalConfig", {}).update(builtin.retrieval_config())
        if not config.get("retrievalConfig"):
            config.pop("retrievalConfig", None)
        if declarations and any(builtin.runs_at_service for builtin in builtins):
            config["includeServerSideToolInvocations"] = True
        return ({"tools": tools} if tools else {}) | ({"tool_config": wire.ToolConfig.parse(config)} if config else {})

    def context(self, call: PendingCall | None = None) -> RunContext[Deps]:
        """Return what a tool or a policy may know now."""
        return RunContext(
            deps=self.deps,
            run_id=self.state.run_id,
            model=self.state.model,
            client=self.client,
            tool=meant_name(call.name) if call else "",
            call_key=call.key if call else "",
            usage=self.state.usage,
            deadline=None if self.deadline == float("inf") else self.deadline,
            contents=_Copies(self.state.contents.copy()),
            whole_results=MappingProxyType(self.state.whole_results),
            token=current_token(),
            emit=self.emit,
            find_untrusted=self.find_untrusted,
        )

    def find_untrusted(self) -> tuple[str, ...]:
        """Return whose words this run has read that strangers write; those of the runs around it count, too."""
        own = untrusted_sources(self.state, self.toolbox, self.builtins)
        return tuple(dict.fromkeys((*self.nesting.untrusted_around(), *own)))


def check_cached(run: Run[Any, Any]) -> None:
    """Refuse what a request that names a cached content would have to say about tools. Source: protocol sheet, 10.2.

    Raises:
        ConfigurationError: The message says what works instead.
    """
    if run.output_mode == "function":
        raise ConfigurationError(
            f"{run.state.model} gives a typed output beside tools only through the function {FINAL_ANSWER!r}, which a "
            "request with cached_content cannot declare. Use a model of Gemini 3 with output_mode='auto', or leave the "
            "tools or the cache out."
        )
    if run.choice is not None and run.choice.mode != "auto":
        raise ConfigurationError(
            f"tool_choice={run.choice.mode!r}: a request with cached_content cannot say it. Put it into the cache, "
            "client.caches.create(..., tool_config=...), and leave it out here."
        )


def check_prices_known(run: Run[Any, Any]) -> None:
    """Refuse a limit in USD where it cannot be kept.

    Raises:
        ConfigurationError: The message names the models and shows how to give their prices.
    """
    if run.limits.cost_usd is None:
        return
    if run.ask is not None:
        raise ConfigurationError(
            f"Limits(cost_usd={run.limits.cost_usd}) cannot be kept in batches, whose prices are not known. Give "
            "Limits(total_tokens=...), or use agent.run_many(...)."
        )
    models = dict.fromkeys((run.state.model, *run.fallbacks))
    if unknown := [model for model in models if run.client.price_of(model) is None]:
        raise ConfigurationError(
            f"Limits(cost_usd={run.limits.cost_usd}) needs prices, and those of {', '.join(map(repr, unknown))} at "
            f"{run.client.base_url} are not known. Give them, in USD per million tokens: "
            f"GeminiClient(prices={{{unknown[0]!r}: Price(input=..., output=...)}})."
        )
