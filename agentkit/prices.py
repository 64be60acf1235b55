"""What tokens cost at Google's own endpoint: data with a date and sources. What has no source is not listed.

Prices are those of the Gemini Developer API, paid tier "standard", in USD per million tokens. Gateways and other clouds
charge by lists of their own: `GeminiClient(prices={...})` gives those. What is not known costs None, never a guess.

Sources, each read on or before `PRICES_AS_OF`. Theirs is https://ai.google.dev/gemini-api/docs/pricing:

```text
[latest]    https://ai.google.dev/gemini-api/docs/generate-content/latest-model (Google's page about Gemini 4 Argon)
[quoted]    github.com/api-evangelist/deepmind, plans/deepmind-plans-pricing.yml: quoted from Google's page 2026-10-07
[genai]     github.com/pydantic/genai-prices, prices/providers/google.yml, commit 47df840a (2026-08-21)
[litellm]   github.com/BerriAI/litellm/discussions: 46238 (Argon), 50970 (Carbon), 51436 (Hydrogen), 39357 (3.8 Flash)
[apidog]    apidog.com/blog/gemini-4-neon-api (2026-11-19)
[laozhang]  docs.laozhang.ai/announcements/gemini-4-hydrogen-2026-11.md: Google's prices beside its own (2026-11-14)
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, cast

from agentkit import wire
from agentkit._checks import is_number, is_whole
from agentkit._frozen import frozen
from agentkit.errors import ConfigurationError

__all__ = [
    "PRICES_AS_OF",
    "Amount",
    "Price",
    "check_prices",
    "cost_of_answer",
    "find_price",
    "known_prices",
    "model_id",
    "read_amount",
]

PRICES_AS_OF: Final = "2026-11-22"

Amount = Decimal | int | float | str
"""An amount of USD. A float is taken as it is written: 0.1 is a tenth."""

_MILLION: Final = Decimal(1_000_000)
_STANDARD: Final = ("standard", "on_demand")  # Google's `serviceTier`; `trafficType` of Vertex AI and gateways


@frozen
class Price:
    """What the tokens of one model cost, in USD per million. Thinking is billed as output.

    Attributes:
        input: Tokens of the prompt, and what built-in tools fed back.
        output: Tokens of the answer, thinking included.
        cached: Tokens of the prompt that came from a cache; None if not known.
        audio: Tokens of audio in the prompt; None: as `input`.
        cached_audio: Such tokens from a cache; None: not known where `audio` is given, else as `cached`.
        image: Tokens of images in the answer; None: as `output`.
        long: The price of a request whose prompt has more than `long_from` tokens; None: the same.
        long_from: Where a long prompt begins, in tokens.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None
    audio: Decimal | None
    cached_audio: Decimal | None
    image: Decimal | None
    long: Price | None
    long_from: int

    def __init__(
        self,
        *,
        input: Amount,  # noqa: A002  # the field's own word
        output: Amount,
        cached: Amount | None = None,
        audio: Amount | None = None,
        cached_audio: Amount | None = None,
        image: Amount | None = None,
        long: Price | None = None,
        long_from: int = 200_000,
    ) -> None:
        """Read the amounts.

        Raises:
            ConfigurationError: One of them is no amount of 0 or more.
        """
        amounts = {
            "input": input,
            "output": output,
            "cached": cached,
            "audio": audio,
            "cached_audio": cached_audio,
            "image": image,
        }
        fields: dict[str, object] = {
            name: None
            if amount is None and name not in ("input", "output")
            else read_amount(f"Price({name}=...)", amount)
            for name, amount in amounts.items()
        }
        if long is not None and not isinstance(long, Price):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped
            raise ConfigurationError(f"Price(long={long!r}): give the Price of long prompts, or leave it out.")
        if not is_whole(long_from) or long_from < 0:
            raise ConfigurationError(f"Price(long_from={long_from!r}): give a number of tokens.")
        vars(self).update(fields, long=long, long_from=long_from)


def read_amount(name: str, amount: object) -> Decimal:
    """Return an amount of USD.

    Raises:
        ConfigurationError: It is none of 0 or more; `name` says which.
    """
    try:
        read = Decimal(str(amount)) if isinstance(amount, Decimal | str) or is_number(amount) else None
    except InvalidOperation:
        read = None
    if read is None or not read.is_finite() or read < 0:
        raise ConfigurationError(f"{name}: {amount!r} is no amount of USD. Give a number of 0 or more.")
    return read


def known_prices(on: date | None = None) -> Mapping[str, Price]:
    """Return Google's prices by model, as known at `PRICES_AS_OF`, for one day (UTC); by default for today."""
    day = on or datetime.now(UTC).date()
    return MappingProxyType({model: _of_day(rows, day) for model, rows in _TABLE.items()})


def find_price(prices: Mapping[str, Price], model: str, version: str | None = None) -> Price | None:
    """Return the price of an answer, None if it is not known.

    A deprecated id may be answered, and billed, as its successor: `version` counts where the answer gives one, and
    `model` only for a dated build of it (`gemini-x-001`).

    Args:
        prices: By the model's id.
        model: What was asked for.
        version: The answer's `modelVersion`.
    """
    asked, answered = model_id(model), model_id(version or "")
    if not answered or answered == asked:
        return prices.get(asked)
    build = answered.removeprefix(f"{asked}-")
    return prices.get(answered) or (prices.get(asked) if build != answered and build.isdecimal() else None)


def model_id(name: str) -> str:
    """Return a model's id without `models/` and longer resource names."""
    return name.rpartition("/")[2]


def check_prices(prices: object) -> None:
    """Refuse what is no table of prices.

    Raises:
        ConfigurationError: The message shows how to give one.
    """
    if prices is None:
        return
    table = cast("Mapping[object, object]", prices) if isinstance(prices, Mapping) else {None: None}
    for model, price in table.items():
        if not isinstance(model, str) or not isinstance(price, Price):
            raise ConfigurationError('prices must be a dict: {"gemini-3.6-flash": Price(input="0.75", output="3.75")}.')


def cost_of_answer(price: Price | None, metadata: wire.UsageMetadata | None, *, tier: object = None) -> Decimal | None:
    """Return what the tokens of one answer cost, in USD; None where that is not known.

    Not in it: fees per search, and the storage of caches.

    Args:
        price: Of the model that answered.
        metadata: The answer's counts. Another service tier than the standard one has other prices.
        tier: The service tier that was asked for.
    """
    if price is None or metadata is None or not _is_standard(metadata, tier):
        return None
    prompt = _tokens(metadata.prompt_token_count)
    if not prompt:  # no answer is without a prompt: the service did not count it
        return None
    if price.long is not None and prompt > price.long_from:
        price = price.long
    cached = min(_tokens(metadata.cached_content_token_count), prompt)
    output = _tokens(metadata.candidates_token_count)
    audio = _of_kind("AUDIO", metadata.prompt_tokens_details, prompt) if price.audio is not None else 0
    cached_audio = _of_kind("AUDIO", metadata.cache_tokens_details, cached) if audio else 0
    images = _of_kind("IMAGE", metadata.candidates_tokens_details, output) if price.image is not None else 0
    if audio is None or cached_audio is None or images is None:
        return None
    cached_audio = min(cached_audio, audio)
    more = _tokens(metadata.tool_use_prompt_token_count)
    shares = (
        (max(prompt - cached - (audio - cached_audio), 0) + more, price.input),
        (audio - cached_audio, price.audio),
        (cached - cached_audio, price.cached),
        (cached_audio, price.cached_audio),
        (output - images + _tokens(metadata.thoughts_token_count), price.output),
        (images, price.image),
    )
    return _sum(shares)


def _sum(shares: Iterable[tuple[int, Decimal | None]]) -> Decimal | None:
    total = Decimal(0)
    for tokens, price in shares:
        if tokens and price is None:
            return None
        total += tokens * (price or Decimal(0))
    return total / _MILLION


def _is_standard(metadata: wire.UsageMetadata, tier: object) -> bool:
    told = [str(one).lower() for one in (metadata.service_tier, metadata.traffic_type) if one]
    return all(one in _STANDARD for one in told or [str(tier or "standard").lower()])


def _of_kind(kind: str, details: list[wire.ModalityTokenCount] | None, total: int) -> int | None:
    """Return how many of `total` tokens are of one kind; None if the answer does not tell."""
    if not total:
        return 0
    if not details:
        return None
    return min(sum(_tokens(one.token_count) for one in details if one.modality == kind), total)


def _tokens(value: object) -> int:
    """Read a count as it came over the wire."""
    return max(0, int(value)) if is_number(value) else 0


@frozen
class _Since:
    """A price and its first day; None: always until the next one."""

    price: Price
    day: date | None = None


def _of_day(rows: Price | tuple[_Since, ...], day: date) -> Price:
    if isinstance(rows, Price):
        return rows
    return next(row.price for row in reversed(rows) if row.day is None or row.day <= day)


def _until(day: date, before: Price, after: Price) -> tuple[_Since, ...]:
    return (_Since(price=before), _Since(price=after, day=day))


_DECEMBER, _NEW_YEAR = date(2026, 12, 1), date(2027, 1, 1)
_FLASH = _until(
    _NEW_YEAR,
    Price(input="0.75", output="3.75", cached="0.075"),
    Price(input="1.50", output="7.50", cached="0.15"),
)

_TABLE: Final[Mapping[str, Price | tuple[_Since, ...]]] = MappingProxyType(
    {
        "gemini-4-neon": Price(input="3", output="15", cached="0.15"),  # [apidog]
        "gemini-4-hydrogen": Price(input="1.50", output="7.50", cached="0.075"),  # [litellm] [laozhang]
        "gemini-4-carbon": _until(  # [litellm] [apidog]; no source for cached tokens
            _DECEMBER, Price(input="2", output="10"), Price(input="4", output="20")
        ),
        "gemini-4-argon": _until(  # [latest] [litellm]
            _DECEMBER, Price(input="2", output="10", cached="0.10"), Price(input="4", output="20", cached="0.20")
        ),
        "gemini-3.8-flash": _until(  # [quoted] [litellm]; no source for cached tokens from 2027 on
            _NEW_YEAR, Price(input="0.75", output="3.75", cached="0.075"), Price(input="1.50", output="7.50")
        ),
        "gemini-3.7-flash": _FLASH,  # [genai]
        "gemini-3.6-flash": _FLASH,  # [genai]
        "gemini-3.5-flash-lite": Price(input="0.30", output="2.50", cached="0.03"),  # [quoted] [genai]
        "gemini-3.5-flash": Price(input="1.50", output="9", cached="0.15"),  # [quoted] [genai]
        "gemini-3.1-pro-preview": Price(  # [quoted] [genai]
            input="2", output="12", cached="0.20", long=Price(input="4", output="18", cached="0.40")
        ),
        "gemini-3.1-flash-lite": Price(  # [genai]
            input="0.25", output="1.50", cached="0.025", audio="0.50", cached_audio="0.05"
        ),
        "gemini-3-flash-preview": Price(  # [genai]
            input="0.50", output="3", cached="0.05", audio="1", cached_audio="0.10"
        ),
        "gemini-2.5-pro": Price(  # [quoted] [genai]
            input="1.25", output="10", cached="0.125", long=Price(input="2.50", output="15", cached="0.25")
        ),
        "gemini-2.5-flash": Price(  # [quoted] [genai]
            input="0.30", output="2.50", cached="0.03", audio="1", cached_audio="0.10"
        ),
        "gemini-2.5-flash-lite": Price(  # [genai]
            input="0.10", output="0.40", cached="0.01", audio="0.30", cached_audio="0.03"
        ),
        "gemini-3-pro-image": Price(input="2", output="12", image="120"),  # [genai]
        "gemini-3.1-flash-image": Price(input="0.50", output="3", image="60"),  # [genai]
        "gemini-3.1-flash-lite-image": Price(input="0.25", output="1.50", image="30"),  # [genai]
        "gemini-2.5-flash-image": Price(input="0.30", output="2.50", image="30"),  # [genai]
    }
)
