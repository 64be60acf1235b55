"""How the list of models looks: a table for a person, JSON for a program."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from agentkit import Price
from agentkit.cli.models_list import Listing, Row
from agentkit.cli.output import write_out
from agentkit.cli.show import printable
from agentkit.models import AS_OF, ThinkingRule
from agentkit.prices import PRICES_AS_OF

__all__ = ["show_json", "show_list", "show_one"]

PIPE_WIDTH = 10_000  # columns; a pipe has no edge at which a line would have to break
_WIDE = 120  # columns that the whole table needs; a narrower one leaves out what -m tells
_LADDER = ["minimal", "low", "medium", "high", "xhigh"]
_STATES = {"deprecated": "yellow", "shutdown": "red"}
_CAPABILITIES = (
    "json_with_functions",
    "json_with_builtins",
    "builtins_with_functions",
    "response_parts",
    "call_ids",
    "signatures_enforced",
    "strict_turns",
    "sampling_ignored",
    "many_candidates",
    "logprobs",
    "explicit_caching",
    "long_decode",
)


def show_list(listing: Listing, out: TextIO) -> None:
    """Print a table of all models, and what it stands on."""
    console = _console(out)
    table = _table_of(listing, is_wide=console.width >= _WIDE)
    _print(console, out, [table, Text("\n".join(_notes(listing)), style="dim")])


def show_one(listing: Listing, model: str, out: TextIO) -> None:
    """Print all about one model, one fact per line."""
    row = listing.row_of(model)
    table = _table("", "", show_header=False)
    for name, value in _facts_of(row, listing):
        table.add_row(Text(name, style="cyan"), Text(printable(value)))
    _print(_console(out), out, [Text(printable(row.facts.id), style="bold"), table])


def show_json(listing: Listing, model: str | None, out: TextIO) -> None:
    """Print the list, or one model of it, as one JSON object."""
    rows = listing.rows if model is None else [listing.row_of(model)]
    shown = {
        "as_of": AS_OF,
        "prices_as_of": PRICES_AS_OF,
        "prices_of": "Google's endpoint, standard tier, USD per million tokens",
        "endpoint": listing.base_url or None,
        "models": [_as_json(row, listing) for row in rows],
    }
    write_out(out, json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


def _console(out: TextIO) -> Console:
    return Console(
        file=out,
        width=None if out.isatty() else PIPE_WIDTH,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") or not out.isatty() else "auto",
    )


def _print(console: Console, out: TextIO, blocks: Sequence[RenderableType]) -> None:
    with console.capture() as captured:
        for number, block in enumerate(blocks):
            if number:
                console.print()
            console.print(block)
    lines = captured.get().split("\n")
    write_out(out, "\n".join(lines if out.isatty() else [line.rstrip() for line in lines]))


def _table_of(listing: Listing, *, is_wide: bool) -> Table:
    """Return the table; a narrow one has the columns that tell the models apart."""
    shown = [column for column in _COLUMNS if is_wide or column[1]]
    table = _table(*(header for header, _, _ in shown), *(["offered"] if listing.base_url else []))
    for column, (header, _, _) in zip(table.columns, shown, strict=False):
        if header in ("$ in", "cached", "out"):
            column.justify, column.no_wrap = "right", True
    for row in listing.rows:
        if row.answers:
            offer = Text("yes", style="green") if row.is_offered else Text("no", style="red")
            table.add_row(*(cell(row) for _, _, cell in shown), *([offer] if listing.base_url else []))
    return table


def _name(row: Row) -> Text:
    return Text(printable(row.facts.id), style="" if row.facts.known else "italic")


def _state(row: Row) -> Text:
    state = row.facts.status or ("-" if row.facts.known else "not listed here")
    return Text(state, style=_STATES.get(state, ""))


def _beside_functions(row: Row) -> str:
    model = row.facts
    words = ("json" if model.json_with_functions else "", "built-ins" if model.builtins_with_functions else "")
    return (", ".join(filter(None, words)) if model.output else "") or "-"


def _answers_with(row: Row) -> str:
    return ", ".join(row.facts.output).lower() or "vectors"


# Header, whether a narrow table has it, and what stands in it.
_COLUMNS: Sequence[tuple[str, bool, Callable[[Row], Text | str]]] = (
    ("model", True, _name),
    ("state", False, _state),
    ("thinking", True, lambda row: _thinking(row.facts.thinking)),
    ("answers with", False, _answers_with),
    ("beside functions", False, _beside_functions),
    ("$ in", True, lambda row: _money(row.price)[0]),
    ("cached", True, lambda row: _money(row.price)[1]),
    ("out", True, lambda row: _money(row.price)[2]),
)


def _notes(listing: Listing) -> Iterator[str]:
    yield f"Models as of {AS_OF}."
    yield f"Prices as of {PRICES_AS_OF}: USD per million tokens at Google's endpoint, standard tier; ? is not known."
    yield "* another price for long prompts, audio or images: agentkit models -m ID"
    if not listing.base_url:
        yield "With a key (or --base-url) the models that the endpoint offers stand beside these."
        return
    known = [row.is_offered for row in listing.rows if row.facts.known]
    others = len(listing.rows) - len(known)
    yield f"{printable(listing.base_url)} offers {sum(known)} of these {len(known)} models, and {others} others."
    if silent := sum(not row.answers for row in listing.rows):
        yield f"{silent} that do not answer generateContent are left out: --json has them."


def _thinking(rule: ThinkingRule) -> str:
    match rule.control:
        case "level":
            return _levels(list(rule.levels))
        case "budget":
            off = "0, " if rule.can_disable and rule.budget_min else ""
            return f"{off}{rule.budget_min:,} to {rule.budget_max:,} tokens"
        case "none":
            return "no"
        case "unverified":
            return "?"


def _levels(levels: list[str]) -> str:
    first, last = levels[0], levels[-1]
    is_gapless = len(levels) > 2 and levels == _LADDER[_LADDER.index(first) : _LADDER.index(last) + 1]
    return f"{first} to {last}" if is_gapless else ", ".join(levels)


def _default(default: str | int) -> str:
    return {-1: "dynamic", 0: "off"}.get(default, str(default)) if isinstance(default, int) else default


def _money(price: Price | None) -> tuple[str, str, str]:
    if price is None:
        return "?", "?", "?"
    more_in, more_out = price.long or price.audio, price.long or price.image
    return (
        f"{_usd(price.input)}{'*' if more_in else ''}",
        _usd(price.cached),
        f"{_usd(price.output)}{'*' if more_out else ''}",
    )


def _usd(amount: Decimal | None) -> str:
    """Return an amount with at least two digits behind the point."""
    if amount is None:
        return "?"
    return f"{amount:.2f}" if amount == amount.quantize(Decimal("0.01")) else f"{amount.normalize():f}"


def _facts_of(row: Row, listing: Listing) -> Iterator[tuple[str, str]]:
    model = row.facts
    known = f"listed as of {AS_OF}"
    taken = (
        "not listed here: taken for one of its generation" if model.generation else "not listed here: the newest rules"
    )
    yield "known", known if model.known else taken
    if model.status:
        off = f"off from {model.shutdown} on" if model.shutdown else ""
        instead = f"{model.successor} answers in its place" if model.successor else ""
        yield "state", "; ".join(piece for piece in (model.status, off, instead) if piece)
    default = model.thinking.default
    yield "thinking", _thinking(model.thinking) + ("" if default is None else f"; by default {_default(default)}")
    yield "answers with", _answers_with(row)
    yield "input limit", f"{model.input_token_limit:,} tokens"
    yield "output limit", f"{model.output_token_limit:,} tokens"
    for name in _CAPABILITIES:
        yield name.replace("_", " "), "yes" if getattr(model, name) else "no"
    yield "price", _described(row.price)
    if row.price is not None and row.price.long is not None:
        yield f"above {row.price.long_from:,} tokens", _described(row.price.long)
    if listing.base_url:
        yield f"at {listing.base_url}", _offer(row)


def _described(price: Price | None) -> str:
    if price is None:
        return "not known: give it with GeminiClient(prices={...})"
    named = {
        "input": price.input,
        "cached": price.cached,
        "output": price.output,
        "audio input": price.audio,
        "cached audio": price.cached_audio,
        "image output": price.image,
    }
    told = ", ".join(f"{name} ${_usd(amount)}" for name, amount in named.items() if amount is not None)
    return f"{told} per million tokens at Google's endpoint, as of {PRICES_AS_OF}"


def _offer(row: Row) -> str:
    if row.offered is None:
        return "not offered"
    offer = row.offered
    pieces = [
        offer.display_name or "offered",
        f"version {offer.version}" if offer.version else "",
        f"{offer.input_token_limit:,} tokens in" if offer.input_token_limit else "",
        f"{offer.output_token_limit:,} out" if offer.output_token_limit else "",
        " ".join(offer.supported_generation_methods or []),
    ]
    return ", ".join(piece for piece in pieces if piece)


def _as_json(row: Row, listing: Listing) -> dict[str, Any]:
    model = row.facts
    shown: dict[str, Any] = {
        "id": model.id,
        "known": model.known,
        "status": model.status,
        "shutdown": model.shutdown,
        "successor": model.successor,
        "generation": ".".join(map(str, model.generation)) if model.generation else None,
        "thinking": {**vars(model.thinking), "levels": list(model.thinking.levels)},
        "output": list(model.output),
        "input_token_limit": model.input_token_limit,
        "output_token_limit": model.output_token_limit,
        **{name: getattr(model, name) for name in _CAPABILITIES},
        "price": _price_as_json(row.price),
    }
    if listing.base_url:
        shown |= {"offered": row.is_offered, "endpoint": row.offered.to_wire() if row.offered else None}
    return shown


def _price_as_json(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    plain = {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in vars(price).items()}
    return {**plain, "long": _price_as_json(price.long)}


def _table(*headers: str, show_header: bool = True) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_header=show_header)
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    return table
