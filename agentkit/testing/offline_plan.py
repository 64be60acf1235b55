"""From a prompt to steps: for each task the calls to make, the arguments to ask for, or what it waits for.

Nothing is remembered between turns: the plan is made anew from the whole conversation, and comes out the same.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentkit.testing.lenient import as_object
from agentkit.testing.offline_choose import Choice, Chooser, own_words
from agentkit.testing.offline_facts import read_facts
from agentkit.testing.offline_fill import Filling, Source, fill
from agentkit.testing.offline_heed import find_ignored, is_clock, is_date, kinds_of, needs_today, read_clock
from agentkit.testing.offline_prompt import (
    COMPARED,
    MANY,
    Answered,
    Round,
    Task,
    refers_back,
    split_nested,
    split_tasks,
)
from agentkit.testing.offline_results import (
    carried_values,
    compare,
    correct,
    known_values,
    reckon,
    replace_references,
)
from agentkit.testing.offline_schema import Function
from agentkit.testing.offline_values import fits, placeholder
from agentkit.testing.offline_words import STOP_WORDS, name_words, stems

_MOST_CALLS = 24
_MOST_REPEATED = 12  # calls that one verb asks for, in a text that somebody wrote and did not paste
_LONGEST_REPEATED = 500
_UNREAD = {"unread date": {"date", "expression"}, "unread sum": {"expression"}}  # and what would have taken it
_SHARED = ("name", "code", "email", "date", "quoted")  # what one task may give to another; never its numbers


@dataclass(frozen=True)
class Call:
    """A function call, to be made or already answered."""

    name: str
    args: Mapping[str, object]

    @property
    def key(self) -> str:
        return json.dumps([self.name, self.args], sort_keys=True, default=str)


@dataclass
class Step:
    """What becomes of one task."""

    task: Task
    calls: list[Call] = field(default_factory=list[Call])
    answered: list[Answered] = field(default_factory=list[Answered])
    asks: list[tuple[Function, list[str]]] = field(default_factory=list[tuple[Function, list[str]]])
    waits: bool = False
    reckoned: str = ""  # said without a call: "Together: 12"
    refusals: list[str] = field(default_factory=list[str])  # why nothing is called
    corrected: list[Answered] = field(default_factory=list[Answered])  # failures that a second try made good

    @property
    def is_open(self) -> bool:
        """Whether calls of this step are still to be made or answered."""
        return self.waits or len(self.answered) < len(self.calls)


@dataclass(frozen=True)
class Plan:
    """The steps of the open round, and the answers that belong to none of them."""

    steps: list[Step]
    others: list[Answered]

    @property
    def calls(self) -> list[Call]:
        """The calls to make now: those not answered yet, each once."""
        done = {Call(one.name, one.args).key for step in self.steps for one in step.answered}
        new = {call.key: call for step in self.steps for call in step.calls if call.key not in done}
        return list(new.values())[:_MOST_CALLS]


def make_plan(functions: Sequence[Function], rounds: Sequence[Round], background: str) -> Plan:
    """Plan the last round; an incomplete prompt is read together with the round before it."""
    current = rounds[-1]
    before = rounds[-2] if len(rounds) > 1 else Round()
    planner = _Planner(functions, current, before, background)
    steps = planner.plan(current.prompt)
    if not any(step.calls or step.refusals for step in steps) and before.prompt:
        continued = planner.continue_round(before, current.prompt)
        asks = any(step.asks for step in steps)
        steps = continued if continued and (not asks or any(step.calls for step in continued)) else steps
    used = [id(one) for step in steps for one in step.answered + step.corrected]
    return Plan(steps, [one for one in current.answered if id(one) not in used])


def force_call(functions: Sequence[Function], rounds: Sequence[Round], background: str) -> Call:
    """Return a call although nothing asks for one: of the function nearest to the prompt, all it requires filled."""
    prompt = rounds[-1].prompt
    source = Source(prompt, read_facts(prompt, background=background), known_values(rounds[-1].answered))
    done = {Call(one.name, one.args).key for one in rounds[-1].answered}
    calls: list[Call] = []

    def read(function: Function) -> Filling:
        return fill(function.parameters, source, tuple(own_words(function)))

    for choice in Chooser(functions).rank(prompt, read):
        stand_in = as_object(placeholder(choice.function.parameters, prompt))
        calls += [Call(choice.function.name, {**stand_in, **args}) for args in read(choice.function).args]
    return next((call for call in calls if call.key not in done), calls[0])


class _Planner:
    def __init__(self, functions: Sequence[Function], current: Round, before: Round, background: str) -> None:
        self.functions = functions
        self.chooser = Chooser(functions)
        self.answered = {Call(one.name, one.args).key: one for one in current.answered}
        self.earlier_round = before.answered
        self.background = background
        if today := read_clock(functions, current.answered):
            self.background = f"Today is {today}.\n{background}"

    def plan(self, prompt: str) -> list[Step]:
        names = [name_words(function.name) for function in self.functions]
        verbs = {words[0] for words in names if len(words) > 1}
        nouns = {word for words in names for word in words} - verbs - STOP_WORDS
        tasks = [one for task in split_tasks(prompt, verbs, nouns) for one in split_nested(task, nouns)]
        tasks = [one for task in tasks for one in self._split_repeated(task)]
        fitting = [bool(self._choose(task.text, self._read(task.text))) for task in tasks]
        unfit = [task.text for task, fits in zip(tasks, fitting, strict=True) if not fits and not task.waits]
        if unfit and not any(fitting):
            tasks, unfit = [Task(prompt), *(task for task in tasks if task.waits)], []
        steps: list[Step] = []
        for task in tasks:
            others = [other.text for other in tasks if other is not task]
            context = "\n".join(text for text in unfit if text != task.text)
            steps.append(self._plan_task(task, steps, context, others))
        return steps

    def _split_repeated(self, task: Task, most: int = _MOST_REPEATED) -> list[Task]:
        """Return "convert 10 USD to EUR and 20 GBP to NOK" as two tasks, where one call would leave half of it out."""
        if most == 1 or len(task.text) > _LONGEST_REPEATED:
            return [task]
        source = self._read(task.text)
        choices = [] if task.waits else self._choose(task.text, source)
        if len(choices) != 1 or choices[0].filling.missing or len(choices[0].filling.args) > 1:
            return [task]
        function, unused = choices[0].function, choices[0].filling.unused
        first = min((fact.start for fact in source.facts if fact.end), default=0)
        joints = re.finditer(r",?\s+and\s+|,\s+", task.text, re.I) if unused else ()
        for found in itertools.islice(joints, _MOST_REPEATED):
            if any(fact.start < found.start() < fact.end for fact in source.facts):
                continue
            for opening in (task.text.split()[0], task.text[:first].strip()):
                pieces = [task.text[: found.start()], f"{opening} {task.text[found.end() :]}"]
                if self._left_out(function, pieces) < unused:
                    return [Task(pieces[0]), *self._split_repeated(Task(pieces[1]), most - 1)]
        return [task]

    def _left_out(self, function: Function, texts: Sequence[str]) -> float:
        """Return how much calls of a function leave out of texts; infinity unless each text is one whole call of it."""
        left_out = 0.0
        for text in texts:
            choices = self._choose(text, self._read(text))
            fits = len(choices) == 1 and choices[0].function is function and not choices[0].filling.missing
            left_out += choices[0].filling.unused if fits else float("inf")
        return left_out

    def continue_round(self, before: Round, prompt: str) -> list[Step]:
        """Read a prompt that fits nothing alone: as the missing piece of the last one, or as "and in Rome?"."""
        if before.answered:
            same = [function for function in self.functions if function.name == before.answered[-1].name]
            asks_more = re.search(r"\?|^\W*(?:and|what about|how about)\b", prompt, re.I) or refers_back(prompt)
            is_short = len(prompt.split()) <= 8 and asks_more
            filling = self._fill(same[0], self._read(prompt)) if same and is_short else Filling([{}])
            if not filling.found or any(name not in before.answered[-1].args for name in filling.missing):
                return []
            calls = [Call(same[0].name, {**before.answered[-1].args, **args}) for args in filling.args]
            return [self._finish(Step(Task(prompt), calls))]
        steps = self.plan(f"{before.prompt}\n{prompt}")
        return [step for step in steps if step.calls or step.asks]

    def _plan_task(self, task: Task, earlier: Sequence[Step], context: str, others: Sequence[str]) -> Step:
        working = [step for step in earlier if step.calls or step.waits]
        is_waiting = any(step.is_open for step in working)
        if task.waits and is_waiting:
            return Step(task, waits=True)
        results = [one for step in working for one in step.answered] or self.earlier_round
        if any(one.failed for one in results) and (MANY.search(task.text) or COMPARED.search(task.text)) and task.waits:
            return Step(task)  # of "them", some are not known
        results = [one for one in results if not one.failed]
        if task.waits or (results and refers_back(task.text)):
            return self._plan_dependent(task, results, context)
        own = self._read(task.text)
        step = self._attempt(task, [own, self._read(f"{task.text}\n{context}")] if context else [own])
        if step.asks and is_waiting:
            return Step(task, waits=True)
        if step.asks and not step.refusals:
            elsewhere = [fact for text in others for fact in self._read(text).facts if fact.kind in _SHARED]
            shared = Source(task.text, [*own.facts, *elsewhere])
            step = self._attempt(task, [replace(own, known=known_values(results)), shared])
        return self._ask_the_clock(step)

    def _ask_the_clock(self, step: Step) -> Step:
        """Call a clock first where a date is missing or was reckoned from today's."""
        clocks = [function for function in self.functions if is_clock(function)]
        if not clocks or not needs_today(step.task.text) or not (step.asks or step.calls):
            return step
        clock = Call(clocks[0].name, {})
        asks_date = any(is_date(function, name) for function, missing in step.asks for name in missing)
        if asks_date and clock.key not in self.answered:
            return Step(step.task, [clock])
        if clock.key in self.answered and all(call.name != clock.name for call in step.calls):
            return self._finish(replace(step, calls=[clock, *step.calls]))
        return step

    def _plan_dependent(self, task: Task, results: Sequence[Answered], context: str) -> Step:
        """Plan a task that speaks of earlier results: put them into its text, or take its arguments by name."""
        if not results and refers_back(task.text):
            return Step(task)
        text = replace_references(task.text, results)
        written = self._read(text, carried_values(results, task.text))
        is_plain = bool(results) and (not isinstance(results[-1].output, dict) or bool(compare(task.text, results)))
        step = self._attempt(task, [written] if is_plain and text != task.text else [])
        if not step.calls:
            known = known_values(results) + carried_values(results, task.text)
            texts = [task.text, text, f"{task.text}\n{context}"]
            step = self._attempt(task, [*(self._read(each, known) for each in dict.fromkeys(texts)), written])
        if not step.calls:
            step.reckoned = reckon(task.text, results)
            step.asks = [] if step.reckoned else step.asks
        return step

    def _read(self, text: str, known: Sequence[tuple[str, object]] = ()) -> Source:
        return Source(text, read_facts(text, background=self.background), known)

    def _attempt(self, task: Task, sources: Sequence[Source]) -> Step:
        """Try one source after the other until all required arguments are found; the first says what is missing."""
        step = Step(task)
        for source in sources:
            choices = self._choose(task.text, source)
            if refusals := self._refuse(source):
                asked = [(choice.function, choice.filling.missing) for choice in choices[:1] if choice.filling.missing]
                is_date_only = not any(fact.kind == "unread sum" for fact in source.facts)
                return Step(task, refusals=refusals, asks=asked if is_date_only else [])
            if complete := [choice for choice in choices if not choice.filling.missing]:
                ignored = find_ignored(task.text, [(choice.function, choice.filling.args) for choice in complete])
                if ignored:
                    return Step(task, refusals=[ignored])
                calls = [Call(choice.function.name, args) for choice in complete for args in choice.filling.args]
                return self._finish(Step(task, calls))
            fits_at_all = choices and (
                choices[0].filling.found or not choices[0].filling.unused or needs_today(task.text)
            )
            if fits_at_all and not step.asks:
                step = Step(task, asks=[(choices[0].function, choices[0].filling.missing)])
        return step

    def _refuse(self, source: Source) -> list[str]:
        """Return why a text is not understood well enough to call what would take the part that is not."""
        unread = [fact for fact in source.facts if fact.kind in _UNREAD]
        kinds = {one for function in self.functions for one in kinds_of(function)} if unread else set[str]()
        best = self._choose(source.text, source)[:1] if unread else []
        is_of_no_matter = best and best[0].filling.found and not kinds_of(best[0].function) & {"date", "expression"}
        if is_of_no_matter and not best[0].filling.missing:
            return []
        return list(dict.fromkeys(str(fact.value) for fact in unread if _UNREAD[fact.kind] & kinds))

    def _finish(self, step: Step) -> Step:
        """Add what was answered. A call whose error names what would be right is made once more, corrected so."""
        for call in list(step.calls):
            failed = self.answered.get(call.key)
            args = correct(failed) if failed else None
            better = Call(call.name, args) if args and self._is_allowed(call.name, args) else None
            if failed and better:
                step.calls = [one for one in step.calls if one.key not in (call.key, better.key)]
                step.calls.append(better)
                again = self.answered.get(better.key)
                step.corrected += [failed] if again and not again.failed else []
        step.answered = [self.answered[call.key] for call in step.calls if call.key in self.answered]
        return step

    def _is_allowed(self, name: str, args: Mapping[str, object]) -> bool:
        return any(function.name == name and fits(args, function.parameters) for function in self.functions)

    def _choose(self, text: str, source: Source) -> list[Choice]:
        return self.chooser.choose(text, lambda function: self._fill(function, source))

    def _fill(self, function: Function, source: Source) -> Filling:
        return fill(function.parameters, source, tuple(own_words(function)), stems(function.description))
