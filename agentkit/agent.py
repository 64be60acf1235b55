"""`Agent`: configuration, and the ways to start, watch and wait for a run. It holds no run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar, Unpack, cast, get_args, overload

from agentkit import wire
from agentkit._checks import check_choice, check_kind, check_kinds, is_number, is_whole
from agentkit._extra import refuse_said_twice
from agentkit._log import get_logger
from agentkit._settings import GenerationSettings, Safety, ServiceTier, read_settings
from agentkit.approval import Decision
from agentkit.caches import Cache, cached_name
from agentkit.chat import Chat
from agentkit.choice import ToolChoice, read_choice
from agentkit.client import GeminiClient
from agentkit.combination import Combine
from agentkit.context import RunContext, emit_nowhere
from agentkit.errors import AgentKitError, ConfigurationError, RunFailed
from agentkit.loop import drive
from agentkit.many import Job
from agentkit.media_output import Speech, media_config
from agentkit.middleware import Middleware
from agentkit.output import OutputCheck, OutputMode, OutputSpec
from agentkit.prompt import Prompt, read_prompt
from agentkit.reopen import reopened
from agentkit.result import RunResult
from agentkit.run import Ask, Run, check_prices_known
from agentkit.runs_many import RunsMany
from agentkit.side_request import part_builtins
from agentkit.state import RunState
from agentkit.stream import Emit, RunStream, open_stream
from agentkit.sync import SyncRunStream, open_stream_sync, run_sync
from agentkit.tool import ErrorMode, Tool
from agentkit.tool_list import read_actions, sort_tools
from agentkit.toolset import Toolbox
from agentkit.turn import build_request, count_input
from agentkit.usage import Limits

__all__ = ["Agent", "AgentOptions", "Prompt"]

Deps = TypeVar("Deps")
Out = TypeVar("Out")
D = TypeVar("D")  # what the constructor's overloads make of `deps_type`
O = TypeVar("O")  # noqa: E741  # and of `output`

Models = str | Sequence[str]
Instructions = str | Callable[[RunContext[Any]], str]

log = get_logger("agent")


class AgentOptions(GenerationSettings, total=False):
    """The options of an agent that do not change its type. `Agent` describes them."""

    instructions: Instructions
    tools: Sequence[object]
    client: GeminiClient | None
    tool_choice: ToolChoice | str | Sequence[str] | None
    thinking: str | int | None
    include_thoughts: bool
    safety: Safety
    service_tier: ServiceTier | None
    labels: Mapping[str, str] | None
    store: bool | None
    extra: Mapping[str, Any] | None
    combine: Combine
    cached_content: Cache | str | None
    limits: Limits
    middleware: Sequence[Middleware]
    errors: ErrorMode
    tool_timeout_s: float
    parallel_calls: int
    output_mode: OutputMode
    output_retries: int
    output_check: OutputCheck | None
    speech: Speech | None
    aspect_ratio: str | None
    image_size: str | None


class Agent(RunsMany[Deps, Out]):
    """A model with instructions, tools and an output type.

    Args:
        model: The model's id, for example `"gemini-3-flash-preview"`; or several: when one is overloaded, unknown or
            out of quota, also after retries, the run goes on with the next one (`ModelChanged`).
        output: The type of the answer: `str`, any type that pydantic can describe, or `Image` or `Audio`.
        deps_type: The type of `deps`, for type checkers only.
        instructions: The system instruction, or a function of the run's context that returns it.
        tools: Functions, tools, toolsets, and tools that Gemini runs (`GoogleSearch()`).
        client: Where to ask; by default `GeminiClient()`, made when the first run starts.
        tool_choice: `"auto"`, `"any"`, `"none"`, `"validated"`, or a list of names of which one must be called. A call
            is forced in the first turn of a run only; `ToolChoice(..., every_turn=True)` says otherwise. None: text or
            calls, and calls obey their schemas where the model can do that.
        thinking: `"minimal"`, `"low"`, `"medium"`, `"high"`, `"xhigh"`, `"off"`, `"dynamic"`, or a budget in tokens.
            What the model does not allow is clamped, and `agent.notes` says so. None leaves it to the model.
        include_thoughts: Ask for thought summaries: `ThoughtDelta` events and `result.thoughts`.
        safety: What to block, by how probable the harm must be: `"low"`, `"medium"`, `"high"`, `"none"` or `"off"`, for
            all categories or by category: `{"harassment": "high"}`. Also `safetySettings` of the wire.
        service_tier: `"standard"`, `"flex"` or `"priority"`; Google's endpoint only.
        labels: For the bill: at most 63 lower-case letters, digits, `_` and `-` each.
        store: Whether the service may log the request; Google's endpoint only.
        extra: Merged into each request as it stands, for fields that are not known here yet:
            `{"generationConfig": {"newField": 1}}`. What another parameter says, too, is refused.
        combine: Where the model or the endpoint cannot combine Gemini's own tools with functions: `"auto"` declares a
            function for each (`search_web`, `run_code`, ...) that makes a side request with the tool alone and keeps
            its sources, code and images; `"together"` raises `ConfigurationError` instead.
        cached_content: What every request begins with, made by `client.caches.create(...)`, or its name. It holds the
            instructions and the declarations of the tools: requests do not repeat them, and `instructions` is refused.
        limits: What one run may spend.
        middleware: Wrapped around runs, requests and calls; the first is the outermost.
        errors: What the model is told when a tool raises something unexpected: `"hide"` its text (it may hold
            secrets), `"show"` it, or `"raise"` `ToolFailed`.
        tool_timeout_s: Seconds that one call may take, where the tool does not say otherwise.
        parallel_calls: How many calls of one answer run at once.
        output_mode: How a typed answer is asked for: `"native"` (JSON mode), `"function"` (a call of `final_answer`),
            `"enum"` (one word of an Enum or Literal), or `"auto"`: JSON mode where the model has it beside the tools,
            else the function; one word where no tools stand beside it. `result.output_mode` tells what it was.
        output_retries: How often an answer that does not fit goes back to the model, with what is wrong with it.
        output_check: A function, async or not, of the run's context and an answer that fits the type. It may raise
            `ToolError`, whose words go to the model, which answers again; what it returns, if not None, replaces the
            answer. Validators of the type may raise `ToolError`, too. A run that is resumed may check an answer again.
        speech: How spoken answers sound: `Speech("Kore")`.
        aspect_ratio: Of images in answers, for example `"16:9"`.
        image_size: Of images in answers: `"1K"`, `"2K"` or `"4K"`.
        **generation: Fields of `generationConfig` by name: `temperature=0`, `seed=7`, `max_output_tokens=500`,
            `stop_sequences=[...]`, `top_p`, `media_resolution` and the others of `GenerationSettings`.

    Raises:
        ConfigurationError: Something does not fit together; the message says what and how to mend it.
    """

    @overload
    def __init__(self: Agent[Any, str], model: Models, **options: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(
        self: Agent[D, str], model: Models, *, deps_type: type[D], **options: Unpack[AgentOptions]
    ) -> None: ...
    @overload
    def __init__(self: Agent[Any, O], model: Models, *, output: type[O], **options: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(
        self: Agent[D, O], model: Models, *, output: type[O], deps_type: type[D], **options: Unpack[AgentOptions]
    ) -> None: ...
    @overload
    def __init__(self: Agent[Any, Any], model: Models, *, output: Any, **options: Unpack[AgentOptions]) -> None: ...

    def __init__(
        self,
        model: Models,
        *,
        output: Any = str,
        deps_type: Any = None,
        instructions: Instructions = "",
        tools: Sequence[object] = (),
        client: GeminiClient | None = None,
        tool_choice: ToolChoice | str | Sequence[str] | None = None,
        thinking: str | int | None = None,
        include_thoughts: bool = False,
        safety: Safety = (),
        service_tier: ServiceTier | None = None,
        labels: Mapping[str, str] | None = None,
        store: bool | None = None,
        extra: Mapping[str, Any] | None = None,
        combine: Combine = "auto",
        cached_content: Cache | str | None = None,
        limits: Limits | None = None,
        middleware: Sequence[Middleware] = (),
        errors: ErrorMode = "hide",
        tool_timeout_s: float = 60.0,
        parallel_calls: int = 16,
        output_mode: OutputMode = "auto",
        output_retries: int = 2,
        output_check: OutputCheck | None = None,
        speech: Speech | None = None,
        aspect_ratio: str | None = None,
        image_size: str | None = None,
        **generation: Unpack[GenerationSettings],
    ) -> None:
        models = _read_models(model)
        if errors not in ("hide", "show", "raise"):
            raise ConfigurationError(f'errors={errors!r} is unknown. Use "hide", "show" or "raise".')
        if not is_number(tool_timeout_s) or not 0 < tool_timeout_s < 1e9:
            raise ConfigurationError(f"tool_timeout_s={tool_timeout_s!r} is no time. Give seconds above 0.")
        if not is_whole(parallel_calls) or parallel_calls < 1:
            raise ConfigurationError(f"parallel_calls={parallel_calls!r} is no number of calls. Give 1 or more.")
        check_kind("instructions", instructions, str | Callable, "a text or a function")
        check_kind("client", client, GeminiClient | None, "a GeminiClient")
        check_choice("combine", combine, get_args(Combine))
        check_kind("limits", limits, Limits | None, "Limits(...)")
        check_kinds("middleware", middleware, Middleware, "a Middleware")
        check_kind("speech", speech, Speech | None, 'Speech("Kore")')
        self.model, *fallbacks = models
        self.fallbacks = tuple(fallbacks)
        self.instructions = instructions
        self.combine: Combine = combine
        self.limits = limits if limits is not None else Limits()
        self.middleware = tuple(middleware)
        self.errors: ErrorMode = errors
        self.tool_timeout_s, self.parallel_calls = tool_timeout_s, parallel_calls
        self.output: OutputSpec[Out] = OutputSpec[Out].of_type(
            output, mode=output_mode, retries=output_retries, check=output_check
        )
        self._tools, self._toolsets, self._builtins = sort_tools(tools, self.output)
        self._actions = read_actions(self._builtins, self.tools)
        self._client = client
        self.tool_choice = read_choice(tool_choice)
        settings = read_settings(
            generation=cast("Mapping[str, Any]", generation),
            thinking=thinking,
            include_thoughts=include_thoughts,
            safety=safety,
            service_tier=service_tier,
            labels=labels,
            store=store,
            cached_content=cached_name(cached_content, models, instructions),
            extra=extra,
            options=("output", *AgentOptions.__annotations__),
        )
        self.output.refuse_second_format(settings.generation)
        refuse_said_twice(
            settings,
            model=model,
            instructions=instructions or None,
            tools=tools or None,
            tool_choice=tool_choice,
            output=self.output.reader,
            speech=speech,
            aspect_ratio=aspect_ratio,
            image_size=image_size,
        )
        config = media_config(
            models,
            self.output.media,
            settings.generation,
            speech=speech,
            aspect_ratio=aspect_ratio,
            image_size=image_size,
            has_functions=bool(self._tools or self._toolsets),
            has_builtins=bool(self._builtins),
        )
        self._settings = replace(settings, generation=config)
        for one in models:
            self._settings.check(one)
        for note in self.notes:
            log.warning("agent.note", note=note)

    def __repr__(self) -> str:
        names = [*(t.name for t in self._tools), *(type(t).__name__ for t in (*self._toolsets, *self._builtins))]
        return f"Agent({self.model!r}, tools=[{', '.join(names)}])"

    @property
    def client(self) -> GeminiClient:
        """Where this agent asks. Made from the environment at first use, if none was given."""
        if self._client is None:
            self._client = GeminiClient()
        return self._client

    @property
    def extra(self) -> Mapping[str, Any]:
        """What is merged into each request, by the names of the wire."""
        return self._settings.extra

    @property
    def notes(self) -> list[str]:
        """Where the model gets something else than was asked for, in sentences: a clamped `thinking=`, for example."""
        return [note for model in (self.model, *self.fallbacks) for note in self._settings.notes(model)]

    @property
    def tools(self) -> Sequence[Tool[..., Any]]:
        """The tools that are known before a run: those of toolsets that open nothing included."""
        return (*self._tools, *(tool for toolset in self._toolsets for tool in toolset.tools))

    async def run(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> RunResult[Out]:
        """Run until there is an answer, or a call that a person must decide about (`result.paused`).

        Args:
            prompt: A text, a Content, or a list of texts, parts and media: `["What is it?", Image.from_path("a.png")]`.
            deps: What tools find in `RunContext.deps`.
            history: What was said before, for example `result.contents` of an earlier run.
            client: Where to ask in this run, instead of the agent's own client: another key, or a test's.

        Raises:
            AgentKitError: No answer could be had. `error.state` is the run so far. A cancelled run has no such error:
                what shall survive a cancellation is started with `stream`, whose `run.state` stays.
        """
        return await drive(self._start(self._begin(prompt, history), deps, client=client))

    def stream(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> AbstractAsyncContextManager[RunStream[Out]]:
        """Run and watch: `async with agent.stream(...) as run: async for event in run: ...`.

        Leaving the block early cancels the run. Also then, and when it is cancelled from outside, `run.state` is the
        run so far, which `resume` continues. The arguments are those of `run`.
        """
        state = self._begin(prompt, history)
        return open_stream(state, lambda emit: drive(self._start(state, deps, emit=emit, client=client)))

    async def resume(
        self,
        state: RunState,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
    ) -> RunResult[Out]:
        """Go on with a paused or failed run. `state` itself is not changed, and may be resumed again.

        Args:
            state: `result.state` or `error.state`, also from another process (`RunState.load_json`).
            decisions: What people said, by `request.key`. Calls without a decision keep waiting.
            deps: As for `run`; they are not part of the state.
            client: As for `run`.

        Raises:
            StateInvalid: The run has its answer already.
            ConfigurationError: A decision is about a call that does not wait, or that was shown with other arguments.
        """
        return await drive(self._start(reopened(state, decisions), deps, decisions=decisions, client=client))

    def resume_stream(
        self,
        state: RunState,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
    ) -> AbstractAsyncContextManager[RunStream[Out]]:
        """Do what `resume` does, and watch it as with `stream`."""
        again = reopened(state, decisions)
        return open_stream(
            again, lambda emit: drive(self._start(again, deps, emit=emit, decisions=decisions, client=client))
        )

    def run_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> RunResult[Out]:
        """Do what `run` does, and block until it is done."""
        return run_sync(
            lambda: self.run(prompt, deps=deps, history=history, client=client), instead="await agent.run(...)"
        )

    def stream_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> AbstractContextManager[SyncRunStream[Out]]:
        """Do what `stream` does, for code that is not async: `with agent.stream_sync(...) as run:`."""
        opening = self.stream(prompt, deps=deps, history=history, client=client)
        return open_stream_sync(opening, instead="async with agent.stream(...)")

    def resume_sync(
        self,
        state: RunState,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
    ) -> RunResult[Out]:
        """Do what `resume` does, and block until it is done."""
        return run_sync(
            lambda: self.resume(state, decisions=decisions, deps=deps, client=client),
            instead="await agent.resume(...)",
        )

    def resume_stream_sync(
        self,
        state: RunState,
        *,
        decisions: Mapping[str, Decision] | None = None,
        deps: Deps | None = None,
        client: GeminiClient | None = None,
    ) -> AbstractContextManager[SyncRunStream[Out]]:
        """Do what `resume_stream` does, for code that is not async."""
        opening = self.resume_stream(state, decisions=decisions, deps=deps, client=client)
        return open_stream_sync(opening, instead="async with agent.resume_stream(...)")

    async def count_tokens(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> int:
        """Return how many tokens of input the first request of `run` would have, as the service counts them.

        Instructions, tools and a cached content are in it; what middlewares would change is not. Toolsets are opened.
        The arguments are those of `run`.

        Raises:
            GeminiError: The service could not be asked.
        """
        run = self._start(self._begin(prompt, history), deps, client=client)
        async with run.client.connect() as connection, run.toolbox:
            part_builtins(run, connection)
            return await count_input(connection, run.state.model, build_request(run))

    def count_tokens_sync(
        self,
        prompt: Prompt,
        *,
        deps: Deps | None = None,
        history: Sequence[wire.Content] = (),
        client: GeminiClient | None = None,
    ) -> int:
        """Do what `count_tokens` does, and block until it is done."""
        return run_sync(
            lambda: self.count_tokens(prompt, deps=deps, history=history, client=client),
            instead="await agent.count_tokens(...)",
        )

    def chat(self, history: Sequence[wire.Content] = (), *, client: GeminiClient | None = None) -> Chat[Deps, Out]:
        """Begin a conversation that keeps its history over several prompts. `client` is as for `run`."""
        return Chat(self, history, client)

    def _begin(self, prompt: Prompt, history: Sequence[wire.Content]) -> RunState:
        if not isinstance(history, wire.History):  # that one holds nothing else
            check_kinds("history", history, wire.Content, "a Content; Content.parse(...) reads JSON")
        return RunState.begin(self.model, read_prompt(prompt, self.model, *self.fallbacks), history)

    def _chosen(self, client: GeminiClient | None) -> GeminiClient:
        check_kind("client", client, GeminiClient | None, "a GeminiClient")
        return self.client if client is None else client

    def _start_job(self, job: Job, deps: Deps | None, client: GeminiClient | None, ask: Ask | None) -> Run[Deps, Out]:
        resumes = isinstance(job.prompt, RunState)
        if resumes and job.history:
            raise ConfigurationError("Job(history=...): a saved run has its history already. Leave it out.")
        if job.decisions and not resumes:
            raise ConfigurationError("Job(decisions=...) are about a saved run: give its RunState as the prompt.")
        state = reopened(job.prompt, job.decisions) if resumes else self._begin(job.prompt, job.history)
        own = deps if job.deps is None else job.deps
        return self._start(state, own, decisions=job.decisions, client=client, ask=ask)

    def _start(
        self,
        state: RunState,
        deps: Deps | None,
        *,
        emit: Emit | None = None,
        decisions: Mapping[str, Decision] | None = None,
        client: GeminiClient | None = None,
        ask: Ask | None = None,
    ) -> Run[Deps, Out]:
        run = Run[Deps, Out](
            state=state,
            deps=cast(Deps, deps),  # None where the agent's tools ask for none
            client=self._chosen(client),
            toolbox=Toolbox(self._tools, self._toolsets, self._actions),
            builtins=self._builtins,
            combine=self.combine,
            output=self.output,
            instructions="",
            settings=self._settings,
            choice=self.tool_choice,
            fallbacks=self.fallbacks,
            limits=self.limits,
            middleware=self.middleware,
            errors=self.errors,
            tool_timeout_s=self.tool_timeout_s,
            parallel_calls=self.parallel_calls,
            emit=emit or emit_nowhere,
            streamed=emit is not None,
            decisions=decisions or {},
            ask=ask,
        )
        check_prices_known(run)
        run.instructions = _read_instructions(self.instructions, run)
        return run


def _read_models(model: object) -> list[str]:
    """Return the ids of a model or a chain, the first one first."""
    several = tuple(cast("Iterable[object]", model)) if isinstance(model, Iterable) else ()
    given = (model,) if isinstance(model, str) else several
    ids = [one for one in given if isinstance(one, str) and one.strip()]
    if ids and len(set(ids)) == len(given):
        return ids
    if len(ids) == len(given) > 1:
        raise ConfigurationError(f"model={model!r} names a model twice. Name each once, in the order to be asked.")
    raise ConfigurationError(
        f'model={model!r} is no model id. Give one, for example "gemini-3-flash-preview", or a list of different ones.'
    )


def _read_instructions(instructions: Instructions, run: Run[Any, Any]) -> str:
    """Return the instructions as text.

    Raises:
        ConfigurationError: They are none.
        RunFailed: The function that makes them raised.
    """
    try:
        made: object = instructions if isinstance(instructions, str) else instructions(run.context())
    except AgentKitError:
        raise
    except Exception as error:  # the user's code
        failure = RunFailed(type(error).__name__, str(error))
        failure.state = run.state
        raise failure from error
    if not isinstance(made, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        said = f"instructions=... must be a text, or a plain function that returns one, not {made!r}."
        raise ConfigurationError(said)
    return made
