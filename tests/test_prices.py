"""What answers cost: by the price of the model that answered, and None where that is not known."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    ConfigurationError,
    GeminiClient,
    HttpRequest,
    HttpResponse,
    HttpxTransport,
    LimitExceeded,
    Limits,
    Price,
    RunState,
    Usage,
    known_prices,
)
from agentkit.models import AS_OF, facts
from agentkit.prices import PRICES_AS_OF, cost_of_answer, find_price
from agentkit.testing import FakeGemini, calls, error, recorded, reply, says, stream, usage, when
from agentkit.testing.finding import Profile
from agentkit.wire import Content, GenerateContentResponse, Part, UsageMetadata, merge
from tests.traffic import answers, needs_traffic, payloads

MODEL = "gemini-3.6-flash"
PRICE = Price(input="1", cached="0.25", output="10")
AUDIO = [{"modality": "TEXT", "tokenCount": 60}, {"modality": "AUDIO", "tokenCount": 40}]


def counts(**fields: Any) -> UsageMetadata:
    return UsageMetadata.parse(fields)


COSTS = [
    pytest.param(PRICE, counts(promptTokenCount=100), "0.0001", id="input"),
    pytest.param(PRICE, counts(promptTokenCount=100, candidatesTokenCount=10), "0.0002", id="output"),
    pytest.param(
        PRICE, counts(promptTokenCount=100, candidatesTokenCount=10, thoughtsTokenCount=10), "0.0003", id="thinking"
    ),
    pytest.param(PRICE, counts(promptTokenCount=100, cachedContentTokenCount=40), "0.00007", id="a-part-from-a-cache"),
    pytest.param(PRICE, counts(promptTokenCount=10, toolUsePromptTokenCount=90), "0.0001", id="what-tools-fed-back"),
    pytest.param(PRICE, counts(candidatesTokenCount=10), None, id="a-prompt-that-nobody-counted"),
    pytest.param(PRICE, counts(promptTokenCount=-5, candidatesTokenCount="many"), None, id="counts-that-are-none"),
    pytest.param(PRICE, None, None, id="no-usage"),
    pytest.param(None, counts(promptTokenCount=100), None, id="no-price"),
    pytest.param(
        Price(input=1, output=1), counts(promptTokenCount=9, cachedContentTokenCount=1), None, id="no-price-of-caches"
    ),
    pytest.param(Price(input=1, output=1), counts(promptTokenCount=100), "0.0001", id="no-cache-was-used"),
    pytest.param(
        Price(input=1, output=1, audio=2),
        counts(promptTokenCount=100, promptTokensDetails=AUDIO),
        "0.00014",
        id="audio",
    ),
    pytest.param(
        Price(input=1, output=1, audio=2), counts(promptTokenCount=100), None, id="audio-that-is-not-told-apart"
    ),
    pytest.param(
        Price(input=1, output=1, cached="0.5", audio=2, cached_audio=1),
        counts(
            promptTokenCount=100,
            promptTokensDetails=AUDIO,
            cachedContentTokenCount=50,
            cacheTokensDetails=[{"modality": "AUDIO", "tokenCount": 30}],
        ),
        "0.0001",  # 40 of text and 10 of audio; from the cache 20 of text and 30 of audio
        id="audio-from-a-cache",
    ),
    pytest.param(
        Price(input=1, output=1, image=30),
        counts(
            promptTokenCount=90,
            candidatesTokenCount=110,
            candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 100}],
        ),
        "0.0031",
        id="images-in-the-answer",
    ),
    pytest.param(PRICE, counts(promptTokenCount=100, serviceTier="standard"), "0.0001", id="the-standard-tier"),
    pytest.param(PRICE, counts(promptTokenCount=100, trafficType="ON_DEMAND"), "0.0001", id="on-demand"),
    pytest.param(PRICE, counts(promptTokenCount=100, serviceTier="flex"), None, id="flex"),
    pytest.param(PRICE, counts(promptTokenCount=100, trafficType="ON_DEMAND_PRIORITY"), None, id="priority-at-vertex"),
    pytest.param(PRICE, counts(promptTokenCount=100, trafficType="PROVISIONED_THROUGHPUT"), None, id="paid-otherwise"),
]


@pytest.mark.parametrize(("price", "metadata", "cost"), COSTS)
def test_an_answer_costs_what_its_tokens_cost(
    price: Price | None, metadata: UsageMetadata | None, cost: str | None
) -> None:
    assert cost_of_answer(price, metadata) == (None if cost is None else Decimal(cost))


def test_a_tier_that_was_asked_for_counts_where_the_answer_names_none() -> None:
    metadata = counts(promptTokenCount=100)

    assert cost_of_answer(PRICE, metadata, tier="flex") is None
    assert cost_of_answer(PRICE, metadata, tier="standard") == Decimal("0.0001")
    assert cost_of_answer(PRICE, counts(promptTokenCount=100, serviceTier="standard"), tier="flex") == Decimal("0.0001")


@pytest.mark.parametrize(("prompt", "cost"), [(200_000, "0.25"), (200_001, "0.5000025")])
def test_a_long_prompt_has_the_price_of_long_prompts_as_a_whole(prompt: int, cost: str) -> None:
    price = known_prices()["gemini-2.5-pro"]

    assert cost_of_answer(price, counts(promptTokenCount=prompt)) == Decimal(cost)


@given(st.lists(st.integers(1, 10**7), min_size=4, max_size=4), st.lists(st.integers(1, 10**7), min_size=4, max_size=4))
def test_costs_add_up_without_rounding(one: list[int], other: list[int]) -> None:
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")
    both = [a + b for a, b in zip(one, other, strict=True)]

    apart = [cost_of_answer(PRICE, counts(**dict(zip(names, values, strict=True)))) for values in (one, other)]
    together = cost_of_answer(PRICE, counts(**dict(zip(names, both, strict=True))))

    assert None not in apart
    assert sum(cost for cost in apart if cost is not None) == together


VERSIONS = [
    pytest.param("a", None, "a", id="no-version"),
    pytest.param("models/a", "models/a", "a", id="the-same"),
    pytest.param("a", "b", "b", id="a-successor-answered"),
    pytest.param("alias", "b", "b", id="an-alias"),
    pytest.param("a", "a-001", "a", id="a-build-of-it"),
    pytest.param("a", "a-lite", None, id="another-model-with-a-longer-name"),
    pytest.param("a", "c", None, id="an-unknown-successor"),
    pytest.param("c", None, None, id="an-unknown-model"),
]


@pytest.mark.parametrize(("model", "version", "found"), VERSIONS)
def test_the_model_that_answered_is_paid(model: str, version: str | None, found: str | None) -> None:
    prices = {"a": Price(input=1, output=1), "b": Price(input=2, output=2)}

    assert find_price(prices, model, version) == (prices[found] if found else None)


def test_prices_are_those_of_the_day() -> None:
    argon = [known_prices(day)["gemini-4-argon"] for day in (date(2026, 11, 30), date(2026, 12, 1))]
    flash = [known_prices(day)["gemini-3.8-flash"] for day in (date(2026, 12, 31), date(2027, 1, 1))]

    assert [(price.input, price.cached, price.output) for price in argon] == [
        (Decimal(2), Decimal("0.10"), Decimal(10)),
        (Decimal(4), Decimal("0.20"), Decimal(20)),
    ]
    assert [(price.input, price.output) for price in flash] == [
        (Decimal("0.75"), Decimal("3.75")),
        (Decimal("1.50"), Decimal("7.50")),
    ]


@pytest.mark.parametrize("model", known_prices())
def test_a_listed_price_is_of_a_known_model_and_in_proportion(model: str) -> None:
    price = known_prices()[model]

    assert facts(model).known
    assert date.fromisoformat(PRICES_AS_OF) <= date.fromisoformat(AS_OF)
    assert price.output > price.input > (price.cached or 0)
    assert price.long is None or price.long.input > price.input
    assert (price.image is not None) == ("IMAGE" in facts(model).output)


WRONG = ["much", "", "-1", -1, True, None, float("nan"), float("inf"), [1], Decimal("NaN")]


@pytest.mark.parametrize("amount", WRONG, ids=repr)
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Price\(input=\.\.\.\): .* is no amount of USD"):
        Price(input=amount, output=1)
    if amount is not None:
        with pytest.raises(ConfigurationError, match=r"cost_usd.*is no amount of USD"):
            Limits(cost_usd=amount)


def test_a_float_is_taken_as_it_is_written() -> None:
    assert Price(input=0.1, output=2) == Price(input="0.1", output=Decimal(2))


@pytest.mark.parametrize("prices", [[], "cheap", {"a": 1}, {"a": {"input": 1}}, {1: PRICE}], ids=repr)
def test_what_is_no_table_of_prices_is_refused(prices: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"prices must be a dict: .*Price\("):
        GeminiClient(api_key="key", prices=prices)


def recorded_answer(version: str, *, tier: str = "standard", calls_nothing: bool = False) -> Any:
    """An answer to a million tokens."""
    part: dict[str, Any] = {"functionCall": {"name": "nothing", "args": {}}} if calls_nothing else {"text": "Hi."}
    said = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    spent = {"promptTokenCount": 1_000_000, "totalTokenCount": 1_000_000, "serviceTier": tier}
    return reply(recorded([{"candidates": [said], "usageMetadata": spent, "modelVersion": version}]))


def nothing() -> str:
    """Do nothing."""
    return "done"


PROFILES: tuple[Profile, ...] = ("google", "vertex", "comet")


def client_of(gemini: FakeGemini, prices: dict[str, Price]) -> GeminiClient:
    return GeminiClient(api_key="key", base_url=gemini.url, endpoint=gemini.client.endpoint, prices=prices)


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
async def test_turns_of_a_run_and_models_of_a_chain_are_summed_up(profile: Profile) -> None:
    def look() -> str:
        """Look."""
        return "seen"

    other = "gemini-3.5-flash"
    spent = usage(promptTokenCount=100, candidatesTokenCount=10, totalTokenCount=110)
    gone = error(404, f"models/{MODEL} is not found")
    with FakeGemini(
        when(lambda asked: asked.model == MODEL, reply(calls("look"), spent)),
        when(lambda asked: asked.model == MODEL, gone),
        when(lambda asked: asked.model == other, reply(says("Done."), spent)),
        profile=profile,
    ) as gemini:
        client = client_of(gemini, {MODEL: PRICE, other: Price(input=2, output=20)})
        result = await Agent([MODEL, other], tools=[look], client=client).run("Go.")

    assert result.usage.cost == Decimal("0.0002") + Decimal("0.0004")
    assert result.usage.to_json()["cost"] == "0.0006"


@pytest.mark.anyio
async def test_a_stream_is_paid_once() -> None:
    spent = usage(promptTokenCount=100, candidatesTokenCount=10)

    with FakeGemini(reply(stream("a", "b", "c"), spent)) as gemini:
        async with Agent(MODEL, client=client_of(gemini, {MODEL: PRICE})).stream("Go.") as run:
            result = await run.result()

    assert result.usage.cost == Decimal("0.0002")


@pytest.mark.anyio
async def test_one_answer_of_unknown_cost_makes_the_sum_unknown() -> None:
    with FakeGemini(recorded_answer(MODEL, calls_nothing=True), recorded_answer(MODEL, tier="flex")) as gemini:
        result = await Agent(MODEL, tools=[nothing], client=client_of(gemini, {MODEL: PRICE})).run("Go.")

    assert (result.usage.requests, result.usage.input_tokens, result.usage.cost) == (2, 2_000_000, None)


@pytest.mark.anyio
async def test_a_price_of_ones_own_holds_for_whoever_answers_in_the_name_of_the_model() -> None:
    with FakeGemini(recorded_answer("gemini-nobody-knows")) as gemini:
        result = await Agent(MODEL, client=client_of(gemini, {MODEL: PRICE})).run("Go.")

    assert (result.usage.cost, result.model_version) == (Decimal(1), "gemini-nobody-knows")


class ToLoopback:
    """Carries what is meant for Google's host to an emulator."""

    def __init__(self, url: str) -> None:
        self._inner, self._url = HttpxTransport(trust_env=False), url

    def send(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        path = request.url.removeprefix("https://generativelanguage.googleapis.com")
        return self._inner.send(
            HttpRequest(method=request.method, url=self._url + path, headers=request.headers, body=request.body)
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def at_google(url: str, **options: Any) -> GeminiClient:
    client = GeminiClient(api_key="AIza-test", transport=lambda: ToLoopback(url), **options)
    assert client.endpoint == "google"
    return client


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("version", "cost"),
    [
        pytest.param(MODEL, "input", id="the-model-itself"),
        pytest.param("gemini-3.5-flash", "1.50", id="a-successor"),
        pytest.param("gemini-nobody-knows", None, id="a-successor-without-a-price"),
    ],
)
async def test_at_googles_own_host_googles_prices_are_known(version: str, cost: str | None) -> None:
    with FakeGemini(recorded_answer(version)) as gemini:
        result = await Agent(MODEL, client=at_google(gemini.url)).run("Go.")

    own = known_prices()[MODEL].input
    assert result.usage.cost == (None if cost is None else own if cost == "input" else Decimal(cost))


@pytest.mark.anyio
async def test_own_prices_go_before_googles() -> None:
    with FakeGemini(recorded_answer(MODEL)) as gemini:
        client = at_google(gemini.url, prices={f"models/{MODEL}": Price(input="0.01", output=1)})
        result = await Agent(MODEL, client=client).run("Go.")

    assert result.usage.cost == Decimal("0.01")


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
async def test_another_host_has_no_known_prices_even_if_it_speaks_googles_dialect(profile: Profile) -> None:
    with FakeGemini(says("Hi."), profile=profile) as gemini:
        client = client_of(gemini, {})
        result = await Agent(MODEL, client=client).run("Go.")
        price = client.price_of(MODEL)

    assert (price, result.usage.cost) == (None, None)


@pytest.mark.anyio
async def test_a_gateway_that_charges_what_google_charges_is_given_googles_prices() -> None:
    with FakeGemini(recorded_answer(MODEL)) as gemini:
        result = await Agent(MODEL, client=client_of(gemini, dict(known_prices()))).run("Go.")

    assert result.usage.cost == known_prices()[MODEL].input


@pytest.mark.anyio
async def test_what_inner_runs_cost_counts_for_the_outer_one() -> None:
    spent = usage(promptTokenCount=100, candidatesTokenCount=0, totalTokenCount=100)
    with FakeGemini(reply(calls("ask"), spent), reply(says("Inner."), spent), reply(says("Outer."), spent)) as gemini:
        client = client_of(gemini, {MODEL: PRICE})
        inner = Agent(MODEL, client=client)

        async def ask() -> str:
            """Ask another agent."""
            return (await inner.run("Go.")).output

        result = await Agent(MODEL, tools=[ask], client=client).run("Go.")

    assert result.usage.cost == Decimal("0.0003")


def test_a_fake_gemini_charges_what_google_does_so_that_limits_can_be_tested() -> None:
    with FakeGemini(says("Hi.")) as gemini:
        result = Agent(MODEL, limits=Limits(cost_usd=1), client=gemini.client).run_sync("Hello.")

    assert result.usage.cost is not None
    assert result.usage.cost > 0


@pytest.mark.anyio
async def test_an_inner_run_of_unknown_cost_makes_the_outer_one_unknown() -> None:
    with FakeGemini(calls("ask"), says("Inner."), says("Outer.")) as gemini:
        inner = Agent(MODEL, client=client_of(gemini, {}))

        async def ask() -> str:
            """Ask another agent."""
            return (await inner.run("Go.")).output

        result = await Agent(MODEL, tools=[ask], client=client_of(gemini, {MODEL: PRICE})).run("Go.")

    assert result.usage.cost is None


@pytest.mark.anyio
async def test_a_run_at_its_limit_of_money_gives_its_best_answer() -> None:
    spent = usage(promptTokenCount=100_000, candidatesTokenCount=0, totalTokenCount=100_000)
    with FakeGemini(reply(calls("nothing"), spent), reply(says("As far as I got."), spent)) as gemini:
        client = client_of(gemini, {MODEL: PRICE})
        result = await Agent(MODEL, tools=[nothing], client=client, limits=Limits(cost_usd=0.1)).run("Go.")

    assert (result.stop, result.output, result.usage.cost) == ("limit", "As far as I got.", Decimal("0.2"))
    assert gemini.requests[1]["toolConfig"]["functionCallingConfig"] == {"mode": "NONE"}


@pytest.mark.anyio
async def test_a_run_at_its_limit_of_money_raises_where_limits_raise() -> None:
    spent = usage(promptTokenCount=100_000, candidatesTokenCount=0, totalTokenCount=100_000)
    limits = Limits(cost_usd="0.05", on_limit="raise")
    with FakeGemini(reply(calls("nothing"), spent)) as gemini:
        client = client_of(gemini, {MODEL: PRICE})
        with pytest.raises(LimitExceeded, match=r"used 0.1 of 0.05 cost_usd. Raise `Limits\(cost_usd=...\)`"):
            await Agent(MODEL, tools=[nothing], client=client, limits=limits).run("Go.")


@pytest.mark.anyio
async def test_a_limit_of_money_without_a_price_is_refused_before_any_request() -> None:
    with FakeGemini() as gemini:
        chain = Agent([MODEL, "other"], client=client_of(gemini, {MODEL: PRICE}), limits=Limits(cost_usd=1))
        with pytest.raises(ConfigurationError) as caught:
            await chain.run("Go.")

    assert "Limits(cost_usd=1) needs prices, and those of 'other' at " in str(caught.value)
    assert "GeminiClient(prices={'other': Price(input=..., output=...)})" in str(caught.value)
    assert not gemini.asked


@pytest.mark.anyio
async def test_an_answer_of_unknown_cost_brings_a_run_to_its_limit_of_money() -> None:
    limits = Limits(cost_usd=1, on_limit="raise")
    with FakeGemini(recorded_answer(MODEL, tier="flex", calls_nothing=True)) as gemini:
        client = client_of(gemini, {MODEL: PRICE})
        with pytest.raises(LimitExceeded, match="It is no longer known what the run costs") as caught:
            await Agent(MODEL, tools=[nothing], client=client, limits=limits).run("Go.")

    assert "GeminiClient(prices={...})" in str(caught.value)


def test_a_saved_run_keeps_what_it_cost() -> None:
    state = RunState.begin(MODEL, Content(role="user", parts=[Part(text="Hi.")]))
    state.usage += Usage(cost=Decimal("0.00000012"))

    assert RunState.load_json(state.dump_json()).usage.cost == Decimal("0.00000012")


odd_counts = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount"),
            st.integers(-5, 10**6),
        ),
        **dict.fromkeys(
            ("promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails"),
            st.lists(
                st.fixed_dictionaries(
                    {"modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE"]), "tokenCount": st.integers(-5, 10**6)}
                ),
                max_size=3,
            ),
        ),
    },
)


@given(odd_counts)
def test_no_counts_however_odd_cost_less_than_nothing(fields: dict[str, Any]) -> None:
    price = Price(input=3, output=5, cached=1, audio=2, cached_audio=1, image=7)

    cost = cost_of_answer(price, UsageMetadata.parse(fields))

    assert cost is None or cost >= 0


@needs_traffic
def test_recorded_answers_are_priced_where_their_model_has_a_price(show: Callable[[str], None]) -> None:
    prices, priced, unknown = known_prices(), Counter[str](), Counter[str]()
    for exchange in answers():
        answer = merge([GenerateContentResponse.parse(one) for one in payloads(exchange["response"])])
        version = (answer.model_version or "none").removeprefix("models/")
        price = find_price(prices, version)
        cost = cost_of_answer(price, answer.usage_metadata)
        (priced if cost is not None else unknown)[version] += 1
        assert cost is None or cost >= 0

    show(
        f"recorded answers with a cost: {sum(priced.values()):,} of {sum((priced + unknown).values()):,}\n"
        + "\n".join(f"  {version}: {number:,}" for version, number in priced.most_common())
        + "\nwithout a price, or of another tier:\n"
        + "\n".join(f"  {version}: {number:,}" for version, number in unknown.most_common(12))
    )
    assert sum(priced.values()) > 900
