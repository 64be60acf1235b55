"""What a judge of requests says: one finding for each thing that is wrong, and what it was told about the request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from agentkit.models import ModelFacts
from agentkit.testing.issued import Issued
from agentkit.testing.rules_texts import TEXTS, Backend

__all__ = [
    "Backend",
    "Finding",
    "Json",
    "Profile",
    "Request",
    "Severity",
    "backend_of",
    "code_of",
    "declarations_of",
    "make_finding",
]

Json = Mapping[str, Any]
"""A JSON object as `json.loads` makes it: its values may be anything."""

Profile = Literal["google", "vertex", "comet"]
"""Who answers: Google's own endpoint, Vertex AI, or CometAPI's gateway with Vertex AI behind it."""

Severity = Literal["error", "warning"]

_BUILTINS: Final = frozenset(
    {
        "googleSearch",
        "googleSearchRetrieval",
        "googleMaps",
        "codeExecution",
        "urlContext",
        "fileSearch",
        "retrieval",
        "enterpriseWebSearch",
        "parallelAiSearch",
        "exaAiSearch",
    }
)


def backend_of(profile: Profile) -> Backend:
    """Return whose rules apply; behind the gateway a request is safe only if Vertex AI takes it."""
    return "google" if profile == "google" else "vertex"


def code_of(rule: str) -> str:
    """Return the stable short name of a rule: `"AK108"` for rule E8."""
    return f"AK{100 + int(rule[1:])}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a request.

    Attributes:
        rule: The rule of the protocol sheet, section 14.2, for example `"E8"`; E29 and E30 go beyond its list.
        path: Where in the request, in the service's own notation: `contents[2].parts[0].function_call`.
        message: The text the service would answer with.
        fix: What to send instead.
        severity: `"error"`: the service refuses, or answers with nothing. `"warning"`: it answers, but the request is
            not portable or does not do what it seems to.
        status: HTTP status of the refusal.
        status_name: Its gRPC name.
        effect: `"refuse"`, or `"empty_stop"`: status 200 and an answer without content.
        mistake: Which mistake of the rule it is: the name of its text, for example `"turns.count"`.
    """

    rule: str
    path: str
    message: str
    fix: str
    severity: Severity = "error"
    status: int = 400
    status_name: str = "INVALID_ARGUMENT"
    effect: Literal["refuse", "empty_stop"] = "refuse"
    mistake: str = ""

    @property
    def code(self) -> str:
        """The stable short name of its rule, for example `"AK108"`."""
        return code_of(self.rule)

    @property
    def is_of_shape(self) -> bool:
        """Whether the service's parser finds it, before anything is looked up; such findings are told all at once."""
        return self.message.startswith(("Invalid JSON payload", "Invalid value"))

    def __str__(self) -> str:
        return f"{self.code} {self.severity} at {self.path or 'the request'}: {self.message.strip()} {self.fix}"


def make_finding(
    mistake: str, path: str, fix: str, *, backend: Backend, severity: Severity | None = None, **values: object
) -> Finding:
    """Return what the judge says about `mistake`, in the words of `backend`.

    Args:
        mistake: The name of a text in `TEXTS`.
        path: Where the mistake is.
        fix: What to send instead.
        backend: Who judges.
        severity: An error if not given, but a warning where the service itself says nothing.
        values: What the text names beside its path.
    """
    text = TEXTS[mistake]
    message = text.fill(backend, path=path, **values)
    if severity is None:
        severity = "warning" if text.source_on(backend) == "silent" else "error"
    return Finding(
        rule=text.rule,
        path=_printable(path),
        message=_printable(message),
        fix=_printable(fix),
        severity=severity,
        mistake=mistake,
    )


def _printable(text: str) -> str:
    """JSON may hold halves of surrogate pairs, which cannot be sent or printed."""
    return text.encode("utf-8", "replace").decode("utf-8")


def declarations_of(body: Json) -> list[tuple[str, Json]]:
    """Return every function declaration of a body in one spelling, with its path."""
    return [
        (f"tools[{t}].function_declarations[{d}]", declaration)
        for t, tool in enumerate(body.get("tools", []))
        for d, declaration in enumerate(tool.get("functionDeclarations", []))
    ]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request whose shape is right, as the rules read it.

    Attributes:
        body: The body in one spelling: camelCase keys, upper-case enums, lists where lists belong, no nulls.
        model: What the model allows.
        backend: Whose rules apply.
        issued: What the judging server itself handed out; `None` if nothing is known about that.
        streamed: Whether the answer is asked for as a stream.
    """

    body: Json
    model: ModelFacts
    backend: Backend
    issued: Issued | None = None
    streamed: bool = False

    @property
    def contents(self) -> Sequence[Json]:
        contents: Sequence[Json] = self.body.get("contents", [])
        return contents

    @property
    def tools(self) -> Sequence[Json]:
        tools: Sequence[Json] = self.body.get("tools", [])
        return tools

    @property
    def generation_config(self) -> Json:
        config: Json = self.body.get("generationConfig", {})
        return config

    @property
    def declarations(self) -> list[tuple[str, Json]]:
        """Every function declaration with its path."""
        return declarations_of(self.body)

    @property
    def builtins(self) -> list[str]:
        """The kinds of tools that Gemini runs itself. Computer use is none: its actions come as function calls."""
        return [kind for tool in self.tools for kind in tool if kind in _BUILTINS]

    @property
    def offers_actions(self) -> bool:
        """Whether the model may call functions that the service declares itself: those of computer use."""
        return any("computerUse" in tool for tool in self.tools)

    @property
    def generation(self) -> tuple[int, int]:
        """The model's generation for comparisons; an unknown one counts as the newest."""
        return self.model.generation or (99, 0)

    def find(self, mistake: str, path: str, fix: str, *, severity: Severity | None = None, **values: object) -> Finding:
        """Return what the judge says about `mistake`, as `make_finding` does."""
        return make_finding(mistake, path, fix, backend=self.backend, severity=severity, **values)
