"""Tools that Gemini runs itself. They stand in `tools=[...]` beside functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, date, datetime, time
from typing import Any, Literal, cast, get_args

from agentkit import wire
from agentkit._checks import check_choice, check_kind, is_number, is_whole
from agentkit._endpoint import EndpointKind
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError
from agentkit.models import ModelFacts

__all__ = ["BuiltinTool", "CodeExecution", "ComputerUse", "FileSearch", "GoogleMaps", "GoogleSearch", "UrlContext"]

Moment = str | date
# Patterns are compiled when they are first needed: a run without these tools does not pay for them.
_TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
_DOMAIN = r"(?i)(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}"
_STORE = r"fileSearchStores/[A-Za-z0-9_-]+"
_MOST_DOMAINS = 2000  # google-genai 3.4.0, types.py


@frozen
class BuiltinTool:
    """A tool that runs at the service. `wire_name` is its key in a Tool message."""

    wire_name: str = field(init=False, default="")

    @property
    def runs_at_service(self) -> bool:
        """Whether Gemini runs it alone; else it asks for calls of functions here."""
        return True

    def settings(self) -> dict[str, Any]:
        """Return the value of the tool's key, for example `{}` in `{"googleSearch": {}}`."""
        return {}

    def retrieval_config(self) -> dict[str, Any]:
        """Return what the tool adds to `toolConfig.retrievalConfig`."""
        return {}

    def to_wire(self) -> wire.Tool:
        """Return the tool as it stands in a request."""
        return wire.Tool.parse({self.wire_name: self.settings()})

    def refusal(self, model: ModelFacts, endpoint: EndpointKind) -> str:
        """Return why the model or the endpoint does not take the tool, and what works; empty if they do.

        Source: the protocol sheet, sections 2.4 and 14.3.
        """
        if self.wire_name not in model.builtins:
            works = "a model of Gemini 3 or newer" if model.generation else "another model"
            return f"{model.id} has no {type(self).__name__}. Use {works}, for example 'gemini-3-flash-preview'."
        return ""


@frozen
class GoogleSearch(BuiltinTool):
    """Ground answers in Google Search. Sources are in `result.citations`.

    Attributes:
        after: Only pages from this time on: a date (its first moment, UTC), a datetime with a time zone, or an
            RFC 3339 timestamp (`2026-01-01T00:00:00Z`). The service takes a span: give `before`, too. Not on Vertex AI.
        before: Only pages before this time.
        exclude_domains: Sites to leave out, for example `["example.com"]`, at most 2000. Vertex AI and the gateway
            only.
        images: Search for images, too. Image models only.

    Raises:
        ConfigurationError: A value cannot be meant.
    """

    wire_name: str = field(init=False, default="googleSearch")
    after: Moment | None = None
    before: Moment | None = None
    exclude_domains: Sequence[str] = ()
    images: bool = False

    def __post_init__(self) -> None:
        start, end = _read_moment("after", self.after), _read_moment("before", self.before)
        if (start is None) is not (end is None):
            given, missing = ("before", "after") if start is None else ("after", "before")
            raise ConfigurationError(
                f"GoogleSearch({given}=...): the service takes both ends of a span or none. Give {missing}=... too."
            )
        if start is not None and end is not None and start >= end:
            raise ConfigurationError(
                f"GoogleSearch(after={self.after!r}, before={self.before!r}): there is no time between them."
            )
        domains = _read_texts("GoogleSearch(exclude_domains=...)", self.exclude_domains)
        for domain in domains:
            if not re.fullmatch(_DOMAIN, domain):
                raise ConfigurationError(
                    f"GoogleSearch(exclude_domains=[{domain!r}]): this is no domain. Write it like 'example.com'."
                )
        if len(domains) > _MOST_DOMAINS:
            raise ConfigurationError(
                f"GoogleSearch(exclude_domains=...) has {len(domains)} domains; the service takes {_MOST_DOMAINS}."
            )

    def settings(self) -> dict[str, Any]:
        """Return the span of time, the excluded sites and the kinds of search, as far as they are set."""
        start, end = _read_moment("after", self.after), _read_moment("before", self.before)
        settings: dict[str, Any] = {}
        if self.images:
            settings["searchTypes"] = {"webSearch": {}, "imageSearch": {}}
        if start is not None and end is not None:
            settings["timeRangeFilter"] = {"startTime": _timestamp(start), "endTime": _timestamp(end)}
        if self.exclude_domains:
            settings["excludeDomains"] = list(self.exclude_domains)
        return settings

    def refusal(self, model: ModelFacts, endpoint: EndpointKind) -> str:
        """Tell also where a setting is not known."""
        if self.exclude_domains and endpoint not in ("vertex", "comet"):
            return (
                f"GoogleSearch(exclude_domains=...) is known to Vertex AI only, not to the {endpoint} endpoint. Leave "
                "it out and name the sites in the instructions, or use GeminiClient(endpoint='vertex') if it is one."
            )
        if self.after is not None and endpoint == "vertex":  # google-genai 3.4.0, types.py: timeRangeFilter
            return (
                "GoogleSearch(after=..., before=...) is not known to Vertex AI. Leave the times out and say them in "
                "the prompt, or use Google's endpoint (set GEMINI_API_KEY)."
            )
        if self.images and "IMAGE" not in model.output:
            return (
                f"GoogleSearch(images=True) needs a model that answers with images, and {model.id} does not. Leave it "
                "out, or use an image model, for example 'gemini-3.1-flash-image'."
            )
        return super().refusal(model, endpoint)


@frozen
class CodeExecution(BuiltinTool):
    """Let Gemini write and run Python at the service. Source, output and plots are in `result.code`."""

    wire_name: str = field(init=False, default="codeExecution")


@frozen
class UrlContext(BuiltinTool):
    """Let Gemini read the pages whose URLs stand in the prompt (up to 20)."""

    wire_name: str = field(init=False, default="urlContext")


@frozen
class GoogleMaps(BuiltinTool):
    """Ground answers in Google Maps.

    Attributes:
        latitude: Where the user is, in degrees from -90 to 90; give both or none.
        longitude: Likewise, from -180 to 180.
        language: Language of the results, for example `"en"`.

    Raises:
        ConfigurationError: A value cannot be meant.
    """

    wire_name: str = field(init=False, default="googleMaps")
    latitude: float | None = None
    longitude: float | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        for name, value, most in (("latitude", self.latitude, 90), ("longitude", self.longitude, 180)):
            if value is not None and (not is_number(value) or not -most <= value <= most):
                raise ConfigurationError(f"GoogleMaps({name}={value!r}) must be degrees from -{most} to {most}.")
        if (self.latitude is None) is not (self.longitude is None):
            missing = "latitude" if self.latitude is None else "longitude"
            raise ConfigurationError(f"GoogleMaps({missing}=...) is missing: a place needs both, or give none.")
        if self.language is not None and not re.fullmatch(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", self.language):
            raise ConfigurationError(f"GoogleMaps(language={self.language!r}) must be a code like 'en' or 'pt-BR'.")

    def retrieval_config(self) -> dict[str, Any]:
        """Return the place and the language, as far as they are set."""
        config: dict[str, Any] = {}
        if self.latitude is not None and self.longitude is not None:
            config["latLng"] = {"latitude": self.latitude, "longitude": self.longitude}
        if self.language:
            config["languageCode"] = self.language
        return config


@frozen
class FileSearch(BuiltinTool):
    """Ground answers in documents of yours, kept in file search stores. Google's endpoint only.

    Attributes:
        stores: The names of the stores: `["fileSearchStores/my-store"]`.
        top_k: How many pieces of documents are looked at; the service decides if not given.
        filter: Which documents, by their metadata, for example `'author = "Ada"'`.

    Raises:
        ConfigurationError: A value cannot be meant.
    """

    wire_name: str = field(init=False, default="fileSearch")
    stores: Sequence[str]
    top_k: int | None = None
    filter: str | None = None

    def __post_init__(self) -> None:
        stores = _read_texts("FileSearch(stores=...)", self.stores)
        if not stores:
            raise ConfigurationError("FileSearch(stores=[]) searches nothing. Name at least one store.")
        for store in stores:
            if not re.fullmatch(_STORE, store):
                raise ConfigurationError(
                    f"FileSearch(stores=[{store!r}]): this is no store. Write it like 'fileSearchStores/my-store'."
                )
        if self.top_k is not None and (not is_whole(self.top_k) or self.top_k < 1):
            raise ConfigurationError(f"FileSearch(top_k={self.top_k!r}) must be a whole number above 0.")
        check_kind("FileSearch(filter=...)", self.filter, str | None, "a text")

    def settings(self) -> dict[str, Any]:
        """Return the stores, and what narrows the search."""
        more = {"topK": self.top_k, "metadataFilter": self.filter}
        return {"fileSearchStoreNames": list(self.stores)} | {name: value for name, value in more.items() if value}

    def refusal(self, model: ModelFacts, endpoint: EndpointKind) -> str:
        """Tell also that only Google's endpoint has file search."""
        if endpoint in ("vertex", "comet"):
            return (
                f"The {endpoint} endpoint has no FileSearch. Use Google's endpoint (set GEMINI_API_KEY), or a function "
                "of yours that searches."
            )
        return super().refusal(model, endpoint)


Environment = Literal["browser", "mobile", "desktop"]


@frozen
class ComputerUse(BuiltinTool):
    """Let Gemini operate a screen through functions of yours.

    The service declares the actions itself; which there are depends on the model (`click_at`, `navigate`, ...). They
    arrive as ordinary calls and go to the function in `actions` with the same name. An action without a function is
    answered with the names that there are; better exclude it. Where the service wants a person's consent, it sends an
    argument `safety_decision`: a function that does not take it refuses the call. Results count as untrusted (`Taint`).

    Attributes:
        actions: The functions or tools that do it; they are not declared a second time.
        environment: What is operated: `"browser"`, `"mobile"` or `"desktop"`.
        exclude: Actions that the model must not ask for.

    Raises:
        ConfigurationError: A value cannot be meant.
    """

    wire_name: str = field(init=False, default="computerUse")
    actions: Sequence[object]
    environment: Environment = "browser"
    exclude: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_choice("ComputerUse(environment=...)", self.environment, get_args(Environment))
        check_kind("ComputerUse(actions=...)", self.actions, list | tuple, "a list of functions")
        if not self.actions:
            raise ConfigurationError(
                "ComputerUse(actions=[]): nobody would do what the model asks for. Give functions named like the "
                "actions, for example click_at(x: int, y: int)."
            )
        _read_texts("ComputerUse(exclude=...)", self.exclude)

    @property
    def runs_at_service(self) -> bool:
        """Tell that it does not."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return the environment and the excluded actions."""
        excluded = {"excludedPredefinedFunctions": list(self.exclude)} if self.exclude else {}
        return {"environment": f"ENVIRONMENT_{self.environment.upper()}", **excluded}


def _read_moment(name: str, value: object) -> datetime | None:
    """Return a moment with its time zone. A timestamp may be finer than a datetime: it is compared, not sent."""
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigurationError(
                f"GoogleSearch({name}={value!r}) has no time zone. Add one: datetime(..., tzinfo=UTC)."
            )
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if isinstance(value, str) and re.fullmatch(_TIMESTAMP, value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ConfigurationError(
        f"GoogleSearch({name}={value!r}) is no time. Give a date, a datetime with a time zone, or a timestamp like "
        "'2026-01-01T00:00:00Z'."
    )


def _timestamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _read_texts(name: str, values: object) -> Sequence[str]:
    check_kind(name, values, list | tuple, "a list of texts")
    texts = cast("Sequence[object]", values)
    for index, text in enumerate(texts):
        check_kind(f"{name}[{index}]", text, str, "a text")
    return cast("Sequence[str]", texts)
