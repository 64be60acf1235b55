"""The command `agentkit models`: what models can do and cost, and which of them an endpoint offers."""

import functools
from typing import Annotated

import anyio
import typer

from agentkit import GeminiClient
from agentkit.cli.ends import exit_codes
from agentkit.cli.output import answer_output
from agentkit.cli.service import is_service_set, open_client
from agentkit.wire import Model

__all__ = ["MODELS_EXIT_CODES", "models"]

MODELS_EXIT_CODES = (
    "Exit codes: 0 as asked, 1 the endpoint did not answer, or does not offer what -m names, 2 wrong usage, "
    "130 interrupted."
)


def models(
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="ID", help="Tell all about one model.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Another endpoint.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no endpoint, although there is a key.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show requests, answers and tracebacks.")] = False,
) -> None:
    """List models: what they can do, what Google charges, and, with a key, what the endpoint offers.

    Listing models at an endpoint costs no tokens.
    """
    from agentkit.cli.models_list import Listing, list_models
    from agentkit.cli.models_show import show_json, show_list, show_one

    with exit_codes(verbose=verbose, as_json=as_json), answer_output() as out:
        listing: Listing = list_models()
        if is_service_set(base_url) and not offline:
            with open_client(base_url, verbose=verbose) as client:
                listing = list_models(client.base_url, anyio.run(functools.partial(_ask, client)))
        if as_json:
            show_json(listing, model, out)
        elif model is None:
            show_list(listing, out)
        else:
            show_one(listing, model, out)
        if model is not None and not listing.row_of(model).is_offered and listing.base_url:
            raise typer.Exit(1)


async def _ask(client: GeminiClient) -> list[Model]:
    return await client.list_models()
