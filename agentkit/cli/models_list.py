"""Models side by side: what is known here, and what an endpoint says that it offers. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit import Price, known_prices
from agentkit.models import ModelFacts, facts, known_models
from agentkit.prices import model_id
from agentkit.wire import Model

__all__ = ["Listing", "Row", "list_models"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        facts: What it can do; for an id that is not listed here, what its generation can do.
        price: What Google charges today; None if that is not known.
        offered: What the endpoint says about it; None if it does not offer it, or was not asked.
    """

    facts: ModelFacts
    price: Price | None
    offered: Model | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the endpoint offers it."""
        return self.offered is not None

    @property
    def answers(self) -> bool:
        """Whether `generateContent` works with it, as far as the endpoint tells."""
        methods = self.offered.supported_generation_methods if self.offered is not None else None
        return not methods or "generateContent" in methods


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All models that are known here or offered there, the known ones first.

    Attributes:
        rows: Each id once.
        base_url: The endpoint that was asked; empty if none was.
    """

    rows: Sequence[Row]
    base_url: str = ""

    def row_of(self, model: str) -> Row:
        """Return the row of one model; for an id that nobody knows, what it would be taken for."""
        wanted = model_id(model)
        found = next((row for row in self.rows if row.facts.id == wanted), None)
        return found or Row(facts=facts(wanted), price=known_prices().get(wanted))


def list_models(base_url: str = "", offered: Sequence[Model] = ()) -> Listing:
    """Return the models that are known, beside what the endpoint at `base_url` offers."""
    there = {model_id(model.name): model for model in offered if model.name}
    prices = known_prices()
    known = known_models()
    others = sorted(there.keys() - {model.id for model in known})
    rows = [
        Row(facts=model, price=prices.get(model.id), offered=there.get(model.id))
        for model in (*known, *map(facts, others))
    ]
    return Listing(rows=rows, base_url=base_url)
