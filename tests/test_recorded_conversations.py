"""Recorded function-calling conversations, played again: the service says what it said, and agentkit is the client.

`tests/recorded.py` says what is normalised in a recording, what is undone, and which recordings cannot be played.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from agentkit import Agent, GeminiClient, Limits, Retry, RunResult, Tool
from agentkit.builtin import BuiltinTool, CodeExecution, GoogleMaps, GoogleSearch, UrlContext
from agentkit.testing import Asked, Emulator, Reply, error, recorded, reply
from agentkit.testing.server import serve
from agentkit.wire import Content
from tests.recorded import (
    HABITS,
    Conversation,
    Excluded,
    Json,
    Result,
    Step,
    as_list,
    bare,
    camel_case,
    find_chats,
    find_habits,
    in_call_order,
    open_calls,
    read_conversation,
    with_joined_texts,
    with_joined_turns,
    with_user_role,
    without_empty_texts,
    without_thoughts,
)
from tests.traffic import exchanges, needs_traffic

BUILTINS: dict[str, type[BuiltinTool]] = {
    "codeExecution": CodeExecution,
    "googleMaps": GoogleMaps,
    "googleSearch": GoogleSearch,
    "urlContext": UrlContext,
}
EXPLAINED = "a call without its required arguments is answered by agentkit, not by the tool (protocol sheet 4.1)"


@dataclass(frozen=True, kw_only=True)
class Played:
    """What agentkit made of a conversation: the contents of each request, and the text or the calls of its end."""

    conversation: Conversation
    sent: list[list[Json]]
    text: str = ""
    paused: list[tuple[str, Json]]
    trouble: str = ""


# Playing.


class Tape:
    """What is still to come of a conversation: the service's answers, and the tools' results."""

    def __init__(self) -> None:
        self.answers: deque[list[Json]] = deque()
        self.results: list[Result] = []

    def answer(self, _asked: Asked) -> Reply:
        """Give the next recorded answer; the brain of the emulator."""
        return reply(recorded(self.answers.popleft()) if self.answers else error(400, "The recording is over."))

    def tool(self, declaration: Json) -> Tool[..., object]:
        """Return a tool that gives the recorded results. Calls of the last answer have none: they need approval."""
        name = declaration["name"]

        async def invoke(args: Json) -> object:
            return self._take(name, args)

        return Tool.from_declaration(declaration, invoke, needs_approval=lambda _context, _args: not self.answers)

    def _take(self, name: str, args: Json) -> Json:
        for index, result in enumerate(self.results):
            if result.call["name"] == name and _arguments(result.call) == args:
                return self.results.pop(index).response
        raise LookupError(f"{name}({args}) was not called in the recording")


def _arguments(call: Json) -> Json:
    return call.get("args") or {}


async def play(conversation: Conversation, tape: Tape, emulator: Emulator) -> Played:
    """Go through the conversation with agents: one run for each prompt, each with the history of the run before."""
    client = GeminiClient(
        api_key="test-key", base_url=emulator.url, endpoint="google", retry=Retry(attempts=1), trust_env=False
    )
    begun = len(emulator.requests)
    tape.answers = deque(step.chunks for step in conversation.steps)
    history: Sequence[Content] = [Content.parse(content) for content in conversation.steps[0].contents[:-1]]
    result: RunResult[str] | None = None
    trouble = ""
    try:
        for steps in runs(conversation.steps):
            tape.results = [played for step in steps for played in step.results]
            result = await run(agent_of(steps, tape, client), steps, history)
            history = result.contents
    except Exception as raised:  # whatever it is, it is told with its conversation
        result, trouble = None, f"{type(raised).__name__}: {raised}"
    return Played(
        conversation=conversation,
        sent=[bare(request["contents"]) for request in emulator.requests[begun:]],
        text=result.output if result and not result.paused else "",
        paused=[(request.tool, dict(request.args)) for request in result.paused] if result else [],
        trouble=trouble,
    )


def runs(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Split a chat into runs: an answer without results ends one."""
    run: list[Step] = []
    for step in steps:
        run.append(step)
        if not step.results:
            yield run
            run = []


def agent_of(steps: Sequence[Step], tape: Tape, client: GeminiClient) -> Agent[Any, str]:
    declarations = {declaration["name"]: declaration for step in steps for declaration in step.declarations}
    builtins = {BUILTINS[name] for step in steps for tool in step.tools for name in tool if name in BUILTINS}
    tools = [*map(tape.tool, declarations.values()), *(builtin() for builtin in builtins)]
    return Agent(steps[0].model, tools=tools, client=client, limits=Limits(turns=100), errors="raise")


async def run(agent: Agent[Any, str], steps: Sequence[Step], history: Sequence[Content]) -> RunResult[str]:
    prompt = Content.parse(steps[0].contents[-1])
    if not any(step.is_stream for step in steps):
        return await agent.run(prompt, history=history)
    async with agent.stream(prompt, history=history) as events:
        return await events.result()


# Judging.


def judge(played: Played) -> str:
    """Return "equal", `EXPLAINED`, or what differs."""
    conversation = played.conversation
    expected = [step.contents for step in conversation.steps]
    calls = [(call["name"], _arguments(call)) for call in conversation.open_calls]
    if played.trouble:
        return played.trouble
    if not calls and played.text != conversation.text:
        return f"the text is {played.text!r}, not {conversation.text!r}"
    if not same_json(played.paused, calls):
        return f"the run waits for {played.paused}, not {calls}"
    if same_json(played.sent, expected):
        return "equal"
    declarations = {entry["name"]: entry for step in conversation.steps for entry in step.declarations}
    masked = [[mask_answers_to_bad_calls(sent, declarations) for sent in side] for side in (played.sent, expected)]
    return EXPLAINED if same_json(*masked) else describe_difference(played.sent, expected)


def same_json(one: object, other: object) -> bool:
    """Compare as JSON: key order does not count, and 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def mask_answers_to_bad_calls(contents: Sequence[Json], declarations: dict[str, Json]) -> list[Json]:
    """Return the contents without the results of calls that lack a required argument."""
    masked = list(contents[:1])
    for asked, answered in pairwise(contents):
        calls = open_calls(asked["parts"])
        parts = answered["parts"]
        if len(calls) == len(parts):
            bad = [lacks_arguments(call, declarations.get(call["name"], {})) for call in calls]
            parts = [_mask(part) if is_bad else part for part, is_bad in zip(parts, bad, strict=True)]
        masked.append({**answered, "parts": parts})
    return masked


def lacks_arguments(call: Json, declaration: Json) -> bool:
    schema = declaration.get("parametersJsonSchema") or declaration.get("parameters") or {}
    return not _arguments(call).keys() >= set(schema.get("required") or [])


def _mask(part: Json) -> Json:
    return {**part, "functionResponse": {**part.get("functionResponse", {}), "response": "masked"}}


def describe_difference(sent: Sequence[Sequence[Json]], expected: Sequence[Sequence[Json]]) -> str:
    if len(sent) != len(expected):
        return f"{len(sent)} requests, not {len(expected)}"
    for number, (one, other) in enumerate(zip(sent, expected, strict=True)):
        for index, (content, wanted) in enumerate(zip(one, other, strict=False)):
            if not same_json(content, wanted):
                return f"request {number}, contents[{index}]: {content}, not {wanted}"[:1000]
    return "a request holds more or fewer contents"


# The recordings.


@pytest.mark.rows(71)
@needs_traffic
@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend", ["asyncio"]
)  # Trio starts equal calls in any order, and only it tells them apart
async def test_agentkit_goes_through_recorded_conversations_as_their_clients_did(
    show: Callable[[str], None],
) -> None:
    chats = find_chats(exchanges())
    conversations, excluded = read_all(chats)
    tape = Tape()

    with serve(Emulator(strict=False, brain=tape.answer)) as emulator:
        played = [await play(conversation, tape, emulator) for conversation in conversations]

    verdicts = [(entry.conversation, judge(entry)) for entry in played]
    ended = Counter(verdict for conversation, verdict in verdicts if not conversation.open_calls)
    paused = Counter(verdict for conversation, verdict in verdicts if conversation.open_calls)
    show(table(len(chats), conversations, ended, paused, excluded))
    wrong = {conversation.name: verdict for conversation, verdict in verdicts if verdict not in ("equal", EXPLAINED)}
    assert not wrong
    assert ended["equal"] >= 0.95 * ended.total() > 0
    assert paused["equal"] >= 0.95 * paused.total() > 0


def read_all(chats: dict[str, list[Json]]) -> tuple[list[Conversation], Counter[str]]:
    """Return the conversations that can be played, and how many others there are for each reason."""
    conversations: list[Conversation] = []
    excluded: Counter[str] = Counter()
    for name, chat in chats.items():
        try:
            conversations.append(read_conversation(name, chat))
        except Excluded as reason:
            excluded[str(reason)] += 1
    return conversations, excluded


def table(
    found: int, conversations: Sequence[Conversation], ended: Counter[str], paused: Counter[str], excluded: Counter[str]
) -> str:
    steps = [len(conversation.steps) for conversation in conversations]
    habits = sum((conversation.habits for conversation in conversations), Counter[str]())
    tidied = sum(bool(conversation.habits) for conversation in conversations)
    lines = [
        f"{found:6} recorded conversations declare functions",
        f"{ended.total():6} of them are eligible: they end in a text",
        *(f"{count:12} {verdict[:100]}" for verdict, count in ended.most_common()),
        f"{paused.total():6} end in open calls: played until agentkit waits for a person",
        *(f"{count:12} {verdict[:100]}" for verdict, count in paused.most_common()),
        f"{excluded.total():6} cannot be played",
        *(f"{count:12} {reason}" for reason, count in excluded.most_common()),
        f"{sum(steps):6} requests were compared; habits of recording clients were undone in {tidied} conversations",
        *(f"{count:12} {habit}" for habit, count in habits.most_common()),
    ]
    return "\n" + "\n".join(lines)


# The normalisations.


@pytest.mark.parametrize(
    ("normalise", "before", "after"),
    [
        pytest.param(
            camel_case,
            [{"function_call": {"name": "a_b", "args": {"to_city": {"zip_code": 1}}}, "thought_signature": "x_y"}],
            [{"functionCall": {"name": "a_b", "args": {"to_city": {"zip_code": 1}}}, "thoughtSignature": "x_y"}],
            id="snake case becomes camel case outside of arguments",
        ),
        pytest.param(as_list, {"text": "a"}, [{"text": "a"}], id="an object is a list of one"),
        pytest.param(as_list, None, [], id="nothing is an empty list"),
        pytest.param(as_list, [1, 2], [1, 2], id="a list is itself"),
        pytest.param(with_user_role, {"role": "function"}, {"role": "user"}, id="the role function is user"),
        pytest.param(with_user_role, {"parts": []}, {"parts": [], "role": "user"}, id="no role is user"),
        pytest.param(with_user_role, {"role": "model"}, {"role": "model"}, id="the model stays the model"),
        pytest.param(
            with_joined_turns,
            [
                {"role": "user", "parts": [{"text": "q"}]},
                {"role": "user", "parts": [{"functionResponse": 1}]},
                {"role": "user", "parts": [{"functionResponse": 2}]},
                {"role": "model", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "b"}]},
                {"role": "user", "parts": [{"text": "q"}]},
            ],
            [
                {"role": "user", "parts": [{"text": "q"}]},
                {"role": "user", "parts": [{"functionResponse": 1}, {"functionResponse": 2}]},
                {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
                {"role": "user", "parts": [{"text": "q"}]},
            ],
            id="results in a row are one content, answers in a row too, and texts of the user are not",
        ),
        pytest.param(
            without_thoughts,
            [
                {"text": "hm", "thought": True},
                {"text": "hm", "thought": True, "thoughtSignature": "s"},
                {"text": "so", "thought": False},
            ],
            [{"text": "hm", "thought": True, "thoughtSignature": "s"}, {"text": "so"}],
            id="unsigned thoughts go and signed ones stay",
        ),
        pytest.param(
            without_empty_texts,
            [{"text": ""}, {"text": "", "thoughtSignature": "s"}, {"text": " "}],
            [{"text": "", "thoughtSignature": "s"}, {"text": " "}],
            id="empty texts go unless they are signed",
        ),
        pytest.param(
            with_joined_texts,
            [{"text": "a"}, {"text": "b"}, {"text": "c", "thoughtSignature": "s"}, {"text": "d"}, {"text": "e"}],
            [{"text": "ab"}, {"text": "c", "thoughtSignature": "s"}, {"text": "de"}],
            id="unsigned texts are joined and signed ones are not",
        ),
        pytest.param(
            bare,
            [{"role": "user", "parts": [{"text": ""}, {"text": "a"}]}, {"role": "model", "parts": [{"text": ""}]}],
            [{"role": "user", "parts": [{"text": ""}, {"text": "a"}]}, {"role": "model", "parts": []}],
            id="only what the model said is made bare",
        ),
        pytest.param(
            open_calls,
            [{"functionCall": {"name": "a"}}, {"functionResponse": {"name": "a"}}, {"functionCall": {"name": "b"}}],
            [{"name": "b"}],
            id="a call that the service answered itself is not open",
        ),
    ],
)
def test_a_shape_is_normalised(normalise: Callable[[Any], Any], before: Any, after: Any) -> None:
    assert normalise(before) == after


@pytest.mark.parametrize(
    ("habit", "sent_back", "said"),
    [
        pytest.param(
            "own ids",
            {"functionCall": {"name": "a", "id": "mine"}},
            {"functionCall": {"name": "a"}},
            id="an id of the client goes",
        ),
        pytest.param(
            "ids left out",
            {"functionCall": {"name": "a"}},
            {"functionCall": {"name": "a", "id": "x1"}},
            id="an id of the service comes back",
        ),
        pytest.param(
            "empty arguments left out",
            {"functionCall": {"name": "a"}},
            {"functionCall": {"name": "a", "args": {}}},
            id="empty arguments come back",
        ),
        pytest.param(
            "empty texts left out",
            {"thoughtSignature": "s"},
            {"text": "", "thoughtSignature": "s"},
            id="the empty text of a signature comes back",
        ),
        pytest.param(
            "signatures in base64url",
            {"text": "a", "thoughtSignature": "a-_b"},
            {"text": "a", "thoughtSignature": "a+/b=="},
            id="a signature has one alphabet",
        ),
        pytest.param(
            "signatures left out",
            {"text": "a"},
            {"text": "a", "thoughtSignature": "s"},
            id="a lost signature comes back",
        ),
        pytest.param(
            "signatures added",
            {"text": "a", "thoughtSignature": "s"},
            {"text": "a"},
            id="a stand-in signature goes",
        ),
    ],
)
def test_a_habit_is_undone_and_named(habit: str, sent_back: Json, said: Json) -> None:
    assert HABITS[habit](sent_back, said) == said
    assert HABITS[habit](said, said) == said
    assert find_habits([sent_back], [said]) == {habit: 1}


@pytest.mark.parametrize(
    ("sent_back", "said"),
    [
        pytest.param([{"text": "a"}], [{"text": "b"}], id="other words"),
        pytest.param(
            [{"functionCall": {"name": "a", "args": {"x": 1}}}],
            [{"functionCall": {"name": "a", "args": {"x": 2}}}],
            id="other arguments",
        ),
        pytest.param(
            [{"functionCall": {"name": "a", "id": "1"}}],
            [{"functionCall": {"name": "a", "id": "2"}}],
            id="another id",
        ),
        pytest.param(
            [{"text": "a", "thoughtSignature": "s"}], [{"text": "a", "thoughtSignature": "t"}], id="signature"
        ),
        pytest.param([], [{"text": "a"}], id="a part left out"),
        pytest.param([{"text": "a"}, {"functionCall": {"name": "a"}}], [{"text": "a"}], id="a part added"),
    ],
)
def test_more_than_a_habit_excludes_the_recording(sent_back: list[Json], said: list[Json]) -> None:
    with pytest.raises(Excluded):
        find_habits(sent_back, said)


def test_an_answer_may_lose_its_last_part_if_that_holds_nothing_but_the_signature() -> None:
    said = [{"text": "a"}, {"text": "", "thoughtSignature": "s"}]

    assert find_habits([{"text": "a"}], said) == {"signatures left out": 1}


@pytest.mark.parametrize(
    ("responses", "calls"),
    [
        pytest.param(
            [{"name": "a", "id": "2"}, {"name": "a", "id": "1"}],
            [{"name": "a", "id": "1"}, {"name": "a", "id": "2"}],
            id="ids tell results apart",
        ),
        pytest.param([{"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}], id="names tell results apart"),
    ],
)
def test_results_are_put_in_the_order_of_their_calls(responses: list[Json], calls: list[Json]) -> None:
    assert in_call_order(responses, calls) == calls


def test_results_that_nothing_tells_apart_keep_their_order() -> None:
    responses = [{"name": "a", "response": {"n": 1}}, {"name": "a", "response": {"n": 2}}]

    assert in_call_order(responses, [{"name": "a"}, {"name": "a"}]) == responses


# The judge.

DECLARED = [{"functionDeclarations": [{"name": "add", "parameters": {"type": "OBJECT", "required": ["x"]}}]}]
ASKED: Json = {"role": "user", "parts": [{"text": "2 + 2?"}]}
CALLED: Json = {
    "role": "model",
    "parts": [{"functionCall": {"name": "add", "args": {"x": 2}}, "thoughtSignature": "s"}],
}
ANSWERED: Json = {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 4}}}]}


def played(*second_request: Json, text: str = "4", trouble: str = "", call: Json = CALLED) -> Played:
    """A conversation with one call, and what was sent in its second request."""
    step = Step(model="m", is_stream=False, contents=[ASKED], chunks=[], results=[], tools=DECLARED)
    steps = [step, replace(step, contents=[ASKED, call, ANSWERED])]
    conversation = Conversation(name="chat", steps=steps, text="4", open_calls=[], habits=Counter())
    return Played(
        conversation=conversation, sent=[[ASKED], list(second_request)], text=text, paused=[], trouble=trouble
    )


def test_the_same_contents_and_text_are_equal() -> None:
    [part] = ANSWERED["parts"]
    in_other_order = {"parts": [part], "role": "user"}

    assert judge(played(ASKED, CALLED, in_other_order)) == "equal"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(played(ASKED, CALLED), id="a content is missing"),
        pytest.param(played(ASKED, CALLED, ANSWERED, ASKED), id="a content is added"),
        pytest.param(played(ASKED, CALLED, {**ANSWERED, "role": "function"}), id="the role is another"),
        pytest.param(
            played(ASKED, {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"x": 2}}}]}, ANSWERED),
            id="a signature is lost",
        ),
        pytest.param(
            played(
                ASKED,
                CALLED,
                {"role": "user", "parts": [{"functionResponse": {"name": "add", "id": "1", "response": {"sum": 4}}}]},
            ),
            id="an id is made up",
        ),
        pytest.param(
            played(
                ASKED,
                CALLED,
                {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 4.0}}}]},
            ),
            id="an integer became a float",
        ),
        pytest.param(played(ASKED, CALLED, ANSWERED, text="five"), id="the text is another"),
        pytest.param(played(ASKED, CALLED, ANSWERED, trouble="EmptyResponse: ..."), id="the run failed"),
        pytest.param(replace(played(ASKED, CALLED, ANSWERED), paused=[("add", {})]), id="the run waits for a person"),
    ],
)
def test_a_difference_is_neither_equal_nor_explained(wrong: Played) -> None:
    assert judge(wrong) not in ("equal", EXPLAINED)


def test_an_answer_of_agentkit_to_a_call_without_its_arguments_is_explained() -> None:
    called = {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {}}}]}
    refused = {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"error": "Missing ..."}}}]}

    assert judge(played(ASKED, called, refused, call=called)) == EXPLAINED
