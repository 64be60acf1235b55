"""What was said so far: the prompt, split into tasks, and the calls that have been answered since."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from agentkit.testing.lenient import as_list, as_object, as_text
from agentkit.testing.offline_words import QUESTION_WORDS, VERBS

_LONGEST_PROMPT = 4000  # what lies behind is pasted material, not a question
_MOST_TASKS = 12


@dataclass(frozen=True)
class Answered:
    """A call of this round with its response."""

    name: str
    args: Mapping[str, object]
    response: Mapping[str, object]

    @property
    def failed(self) -> bool:
        return "error" in self.response

    @property
    def output(self) -> object:
        """What the function returned: the value under `output` or `result` if the response is only that."""
        for key in ("output", "result"):
            if key in self.response and len(self.response) == 1:
                return self.response[key]
        return self.response


@dataclass
class Round:
    """From a prompt to its final answer."""

    prompt: str = ""
    answered: list[Answered] = field(default_factory=list[Answered])


@dataclass(frozen=True)
class Task:
    """One thing asked for."""

    text: str
    waits: bool = False  # "then ..." and "... its result": not before the earlier tasks are done


def read_rounds(request: Mapping[str, object]) -> list[Round]:
    """Return the rounds of a conversation; the last one is open, and its calls are those answered so far."""
    rounds = [Round()]
    calls: list[dict[str, object]] = []
    closed = False
    for content in map(as_object, as_list(request.get("contents"))):
        parts = [as_object(part) for part in as_list(content.get("parts"))]
        if content.get("role") == "model":
            calls = [as_object(part["functionCall"]) for part in parts if "functionCall" in part]
            closed = not calls
            continue
        responses = [as_object(part["functionResponse"]) for part in parts if "functionResponse" in part]
        if closed and not responses:
            rounds.append(Round())
        closed = False
        rounds[-1].answered += _match(calls, responses)
        rounds[-1].prompt = "\n".join(filter(None, [rounds[-1].prompt, _join_texts(parts)]))[:_LONGEST_PROMPT]
    return rounds


def _match(calls: list[dict[str, object]], responses: list[dict[str, object]]) -> list[Answered]:
    """Pair responses with calls, by id where there is one, else by name and order."""
    answered: list[Answered] = []
    left = list(calls)
    for response in responses:
        same_id = [call for call in left if call.get("id") is not None and call.get("id") == response.get("id")]
        same_name = [call for call in left if call.get("name") == response.get("name")]
        if call := next(iter(same_id + same_name), None):
            left.remove(call)
            name, args = as_text(call.get("name")), as_object(call.get("args"))
            answered.append(Answered(name, args, as_object(response.get("response"))))
    return answered


def _join_texts(parts: list[dict[str, object]]) -> str:
    return "\n".join(as_text(part["text"]) for part in parts if part.get("text") and not part.get("thought")).strip()


def read_background(request: Mapping[str, object]) -> str:
    """Return the text of the system instruction."""
    instruction = as_object(request.get("systemInstruction"))
    return _join_texts([as_object(part) for part in as_list(instruction.get("parts"))])[:_LONGEST_PROMPT]


def split_tasks(prompt: str, verbs: Collection[str] = (), nouns: Collection[str] = ()) -> list[Task]:
    """Cut a prompt into the things it asks for: at sentence ends, and where "and" or a comma begins a new request.

    Args:
        prompt: What the user wrote.
        verbs: Words that begin a request here, besides the usual ones: the first words of the declared functions.
        nouns: The other words of the functions, which begin one as "and the weather in Rome".
    """
    things = "|".join(map(re.escape, sorted(nouns, key=len, reverse=True))) or r"(?!)"
    begins = "|".join(map(re.escape, sorted(VERBS | QUESTION_WORDS | set(verbs), key=len, reverse=True)))
    orders = "|".join(
        map(re.escape, sorted((VERBS | set(verbs)) | {"what", "how", "tell", "give"}, key=len, reverse=True))
    )
    cut = re.compile(
        rf"(?P<stop>(?<=[.?!;])\s+|\s*\n+\s*)"
        rf"|(?P<then>[,;]?\s+(?:and\s+)?(?:then|after\s+that|afterwards|finally)\s*,?\s+)"
        rf"|[,;]?\s+(?:and|but|plus)\s+(?:also\s+)?(?=(?:{begins}|its|their)\b)"
        rf"|,\s+(?:also\s+)?(?=(?:{orders})\b)"
        rf"|,?\s+and\s+(?=(?:the\s+)?(?:{things})\s+(?:in|of|for|at)\b)",
        re.I,
    )
    quiet = re.sub(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)", lambda quoted: "\0" * len(quoted[0]), prompt)
    tasks: list[Task] = []
    start, waits = 0, False
    for found in cut.finditer(quiet):
        _add_task(tasks, prompt[start : found.start()], waits)
        start, waits = found.end(), found["then"] is not None
    _add_task(tasks, prompt[start:], waits)
    return tasks[:_MOST_TASKS]


def split_nested(task: Task, nouns: Collection[str]) -> list[Task]:
    """Return "the weather in the capital of Italy" as "the capital of Italy" and then "the weather in it"."""
    things = "|".join(map(re.escape, sorted(nouns, key=len, reverse=True))) or r"(?!)"
    nested = rf"(.*\b(?:{things})\b.*?\s(?:in|of|for|at))\s+(the\s+(?:{things})\s+of\s+.+)"
    if found := re.fullmatch(nested, task.text, re.I | re.S):
        return [Task(found[2], task.waits), Task(f"{found[1]} it", waits=True)]
    return [task]


def _add_task(tasks: list[Task], text: str, waits: bool) -> None:
    opening = re.match(
        r"\s*(?:(?:and\s+)?(?:then|after\s+that|afterwards|finally)\s*,?\s+|(?:and|also|please)\s+)*", text, re.I
    )
    began = opening[0].lower() if opening else ""
    text = text[len(began) :].strip(" \t,;")
    if re.search(r"\w", text):
        waits = waits or (bool(tasks) and any(word in began for word in ("then", "after", "finally")))
        tasks.append(Task(text, waits=waits or (bool(tasks) and refers_back(text))))


_SINGLE = (
    r"(?<!is )(?<!was )(?<!does )(?<!will )(?<!did )\bit\b(?! is| was| will|'s)"
    r"|\b(?:its|the|this|that) (?:result|answer|outcome|sum|total)\b"
    r"|(?<!are )(?<!is )\bthere\b(?=\s*(?:[?.!,]|$))"
    r"|\bthat(?= (?:number|amount|value|city|date|order)\b)|(?<=\b(?:to|by|of|in|on) )that\b(?! \w)|(?<=double )that\b"
)
_MANY = (
    r"\b(?:them|both|those|these|the (?:two|three|results|values|numbers|answers))\b"
    r"(?: (?:numbers|values|results|together|two))*"
)
_MORE = r"warm|hott|larg|bigg|great|high|tall|long|old|expensiv|pric|heavi|rich|fast|lat|far|wett"
_LESS = r"cold|cool|small|low|short|young|cheap|light|poor|slow|earli|near|clos|dri|few"
COMPARED = re.compile(
    rf"\b(?:the\s+)?(?:(?P<more>{_MORE})e?|(?P<less>{_LESS})e?)(?:r|st|er|est)\b(?:\s+(?:one|city|town|place|country))?"
    rf"(?:\s+of\s+(?:the\s+\w+|them|both|those|these))?",
    re.I,
)
SINGLE = re.compile(_SINGLE, re.I)
MANY = re.compile(_MANY, re.I)
POSSESSIVE = re.compile(r"\b(?:its|their)\s+((?:\w+\s?){1,3})", re.I)


def refers_back(text: str) -> bool:
    """Whether a task speaks of the results of earlier ones: "add them", "its population", "the warmer of the two"."""
    return any(pattern.search(text) for pattern in (SINGLE, MANY, POSSESSIVE)) or bool(
        re.search(r"\bthe\s+", text) and COMPARED.search(text) and not re.search(r"\bor\b", text)
    )
