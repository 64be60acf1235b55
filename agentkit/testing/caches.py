"""Cached contents: a prefix of prompts that is kept, counted once and named in later requests."""

import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agentkit.models import facts
from agentkit.testing.envelope import Refused, error_of_findings, model_not_found, refusal
from agentkit.testing.finding import Finding, Profile, backend_of
from agentkit.testing.listing import page_of, timestamp
from agentkit.testing.metering import count_by_modality
from agentkit.testing.rules import check_request
from agentkit.testing.rules_shape import read_body

__all__ = ["Cached", "Caches"]

_USUAL_TTL: Final = timedelta(hours=1)
_LONGEST_NAME: Final = 128
_DURATION: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?s")
_LETTERS: Final = string.ascii_lowercase + string.digits
_KEPT: Final = ("contents", "systemInstruction", "tools", "toolConfig")
_OWN_KEYS: Final = {
    "ttl": "ttl",
    "expireTime": "expireTime",
    "expire_time": "expireTime",
    "displayName": "displayName",
    "display_name": "displayName",
    "name": "name",
}
_SCHEMA_RULES: Final = frozenset({"E15", "E16", "E17", "E18", "E21", "E22"})


@dataclass(frozen=True, kw_only=True)
class Cached:
    """One cached content.

    Attributes:
        name: Its whole name, `cachedContents/...`, on Vertex AI with the project in front.
        model: Its model as it was written.
        display_name: Its name for people; `None` if it was given none.
        body: What is kept, in one spelling: `contents`, `systemInstruction`, `tools`, `toolConfig`.
        tokens: How much that is, by modality.
        created: When it was made.
        updated: When its expiry was last set.
        expires: When it is gone.
    """

    name: str
    model: str
    display_name: str | None
    body: Mapping[str, Any]
    tokens: Mapping[str, int]
    created: datetime
    updated: datetime
    expires: datetime


class Caches:
    """The cached contents of one emulator."""

    def __init__(self, *, profile: Profile, clock: Callable[[], datetime], seed: int | None) -> None:
        self._profile: Profile = profile
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - readable ids for tests, no secrets
        self._caches: dict[str, Cached] = {}

    def create(self, body: Mapping[str, Any], *, place: str, knows: Callable[[str], bool]) -> dict[str, Any]:
        """Keep what `body` holds and return its description.

        Args:
            body: The request.
            place: The project and location in front of the name; empty on Google's endpoint.
            knows: Whether a model exists.

        Raises:
            Refused: The service would not make it.
        """
        own, kept = self._read(body)
        model, model_id = str(kept.pop("model", "")), facts(str(body.get("model") or "")).id
        if not model:
            raise self._wrong("* CreateCachedContentRequest.cached_content.model: model is required.\n")
        if not knows(model_id) or not facts(model_id).explicit_caching:
            method = "createCachedContent"
            raise Refused(model_not_found(self._profile, model_id, method=method, version="v1beta", place=place))
        self._check_kept(kept, model_id)
        tokens = count_by_modality(list(kept.values()), is_modern=facts(model_id).call_ids)
        self._check_size(tokens.total(), model_id)
        now = self._clock()
        made = Cached(
            name=self._new_name(place),
            model=model,
            display_name=own.get("displayName"),
            body=kept,
            tokens=tokens,
            created=now,
            updated=now,
            expires=self._read_expiry(own, now) or now + _USUAL_TTL,
        )
        self._caches[made.name] = made
        return self._describe(made)

    def get(self, name: str) -> dict[str, Any]:
        """Return the description of a cached content.

        Raises:
            Refused: There is none, or no more.
        """
        return self._describe(self._find(name))

    def update(self, name: str, body: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
        """Set a new expiry, which is all that can be changed, and return the description.

        Raises:
            Refused: There is none, or something else shall be changed.
        """
        found = self._find(name)
        masked = [field for field in re.split(r"[,\s]+", query.get("updateMask", "")) if field]
        if any(_OWN_KEYS.get(field) not in ("ttl", "expireTime") for field in masked):
            raise self._wrong(f"Only ttl and expire_time can be updated, not {query['updateMask']!r}.")
        own, _ = self._read(body)
        now = self._clock()
        expires = self._read_expiry(own, now)
        if expires is None:
            raise self._wrong("* UpdateCachedContentRequest.cached_content: ttl or expire_time is required.\n")
        self._caches[found.name] = replace(found, updated=now, expires=expires)
        return self.get(name)

    def delete(self, name: str) -> dict[str, Any]:
        """Delete a cached content and return the empty answer.

        Raises:
            Refused: There is none, or no more.
        """
        del self._caches[self._find(name).name]
        return {}

    def list(self, place: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of descriptions, newest first."""
        there = [made for made in reversed(self._caches.values()) if made.expires > self._clock()]
        mine = [made for made in there if made.name.startswith(f"{place}cachedContents/")]
        page, following = page_of(mine, query, usual=100, most=1000, profile=self._profile)
        return ({"cachedContents": [self._describe(made) for made in page]} if page else {}) | following

    def complete(self, body: Mapping[str, Any], model_id: str) -> tuple[Mapping[str, Any], Mapping[str, int]]:
        """Return a request for a model with the cached content that it names, and the tokens of that content.

        Raises:
            Refused: It names one that it cannot have.
        """
        name = body.get("cachedContent")
        if not name:
            return body, {}
        made = self.use(name, model_id)
        contents = [*made.body.get("contents", []), *body.get("contents", [])]
        return {**body, **made.body, "contents": contents}, made.tokens

    def use(self, name: str, model_id: str) -> Cached:
        """Return what a generate request for a model names as its `cachedContent`.

        Raises:
            Refused: There is no such content, it has expired, or it was made for another model.
        """
        made = self._caches.get(name)
        if made and self._profile == "vertex" and made.expires <= self._clock():
            raise self._wrong(f"Cache content {name.rpartition('/')[2]} is expired.")
        made = self._find(name)
        if facts(made.model).id != model_id:
            text = "Cached content model does not match the model in the request."
            if self._profile == "google":
                text = (
                    f"Model used by GenerateContent request (models/{model_id}) and CachedContent "
                    f"(models/{facts(made.model).id}) has to be the same."
                )
            raise self._wrong(text)
        return made

    def _find(self, name: str) -> Cached:
        made = self._caches.get(name)
        if made is not None and made.expires > self._clock():
            return made
        if self._profile == "google":
            raise Refused(refusal("google", 403, "CachedContent not found (or permission denied)"))
        message = f"Not found: cached content metadata for {name.rpartition('/')[2]}."
        raise Refused(refusal(self._profile, 404, message))

    def _read(self, body: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the fields of a cached content itself, and the part of a generate request that it keeps."""
        own: dict[str, str] = {}
        for key, name in _OWN_KEYS.items():
            value = body.get(key)
            if value is not None and not isinstance(value, str):
                raise self._wrong(f"Invalid value at 'cached_content.{key}' (TYPE_STRING), {value}")
            if value is not None:
                own[name] = value
        if len(own.get("displayName", "")) > _LONGEST_NAME:
            raise self._wrong(f"Display name must be at most {_LONGEST_NAME} characters.")
        rest = {key: value for key, value in body.items() if key not in _OWN_KEYS}
        kept, findings = read_body(rest, backend=backend_of(self._profile))
        if findings:
            raise Refused(error_of_findings(_renamed(findings), self._profile))
        if foreign := [key for key in kept if key not in (*_KEPT, "model")]:
            text = (
                f"Invalid JSON payload received. Unknown name \"{foreign[0]}\" at 'cached_content': Cannot find field."
            )
            raise self._wrong(text)
        return own, kept

    def _check_kept(self, kept: Mapping[str, Any], model_id: str) -> None:
        """Functions are judged as in a generate request; turns are not: a cached content is a beginning."""
        asked = {"contents": [{"role": "user", "parts": [{"text": ""}]}], **kept}
        findings = check_request(asked, model=model_id, profile=self._profile)
        wrong = [found for found in findings if found.severity == "error" and found.rule in _SCHEMA_RULES]
        if wrong:
            raise Refused(error_of_findings(_renamed(wrong), self._profile))

    def _check_size(self, tokens: int, model_id: str) -> None:
        least = _least_tokens(model_id)
        if tokens >= least:
            return
        if self._profile == "google":
            raise self._wrong(f"Cached content is too small. total_token_count={tokens}, min_total_token_count={least}")
        text = f"The cached content is of {tokens} tokens. The minimum token count to start caching is {least}."
        raise self._wrong(text)

    def _read_expiry(self, own: Mapping[str, str], now: datetime) -> datetime | None:
        """Return when it shall expire; `None` if nothing is said."""
        if "ttl" in own and "expireTime" in own:
            text = "Invalid value at 'cached_content' (oneof), oneof field 'expiration' is already set. Cannot set "
            raise self._wrong(text + "'expireTime'")
        if "ttl" in own:
            read = _DURATION.fullmatch(own["ttl"])
            if read is None:
                raise self._wrong(_bad_value("ttl", "Duration", own["ttl"]))
            expires = now + timedelta(seconds=float(own["ttl"][:-1]))
        elif "expireTime" in own:
            expires = self._read_timestamp(own["expireTime"])
        else:
            return None
        if expires <= now:
            raise self._wrong("* CreateCachedContentRequest.cached_content: expire_time must be in the future.\n")
        return expires

    def _read_timestamp(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self._wrong(_bad_value("expire_time", "Timestamp", text)) from None

    def _describe(self, made: Cached) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": made.name,
            "model": made.model,
            "createTime": timestamp(made.created),
            "updateTime": timestamp(made.updated),
            "expireTime": timestamp(made.expires),
        }
        if made.display_name or self._profile == "google":  # recorded: Google's endpoint tells an empty one
            told["displayName"] = made.display_name or ""
        return told | {"usageMetadata": {"totalTokenCount": sum(made.tokens.values())}}

    def _new_name(self, place: str) -> str:
        letters, length = (string.digits[1:], 19) if place else (_LETTERS, 40)
        return f"{place}cachedContents/{''.join(self._random.choices(letters, k=length))}"

    def _wrong(self, message: str) -> Refused:
        return Refused(refusal(self._profile, 400, message))


def _least_tokens(model_id: str) -> int:
    """The smallest cached content: 1,024 tokens for small and older models, 4,096 for Pro and from 3.5 Flash on."""
    generation = facts(model_id).generation
    is_new = generation is None or generation >= (3, 5)
    is_large = "-pro" in model_id or (is_new and "-lite" not in model_id)
    return 4096 if is_large else 1024


def _renamed(findings: list[Finding]) -> list[Finding]:
    """Let findings about a generate request speak of a cached content."""
    own = "CreateCachedContentRequest.cached_content"
    return [replace(found, message=found.message.replace("GenerateContentRequest", own)) for found in findings]


def _bad_value(field: str, kind: str, value: str) -> str:
    return f"Invalid value at 'cached_content.{field}' (type.googleapis.com/google.protobuf.{kind}), \"{value}\""
