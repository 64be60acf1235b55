"""Google's own client, pointed at an emulator on loopback: a second, independent user of it."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from agentkit.testing import Emulator, Finding

MODEL = "gemini-3.8-flash"

# Nothing is encrypted on loopback; each client would read the machine's certificates, which takes longer than a test.
_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def google_client(emulator: Emulator) -> Generator[genai.Client]:
    """Yield a client that asks `emulator`, in the dialect of its profile; keys and addresses of the machine are unused.

    CometAPI is asked as Google's own endpoint is: with another base URL.
    """
    with genai.Client(
        vertexai=emulator.profile == "vertex", api_key="a-key", http_options=_options(emulator)
    ) as client:
        yield client


@contextmanager
def google_client_with_project(emulator: Emulator) -> Generator[genai.Client]:
    """Yield a client for Vertex AI with a project, a location and a token, which needs no network to be had."""
    with genai.Client(
        vertexai=True,
        project="a-project",
        location="europe-north1",
        credentials=Credentials(token="a-token"),
        http_options=_options(emulator),
    ) as client:
        yield client


def _options(emulator: Emulator) -> types.HttpOptions:
    return types.HttpOptions(
        base_url=emulator.url,
        client_args={"verify": _UNUSED},
        async_client_args={"verify": _UNUSED, "ssl": _UNUSED},
    )


def weather(city: str, days: int = 1) -> dict[str, object]:
    """Weather of a town.

    Args:
        city: The town.
        days: How many days.
    """
    return {"city": city, "days": days, "celsius": 4}


def errors_of(emulator: Emulator) -> list[Finding]:
    """Return the findings that the service would not have answered."""
    return [finding for finding in emulator.findings if finding.severity == "error"]


def rules_of(emulator: Emulator) -> set[str]:
    """Return the rules that were broken, gravely or not."""
    return {finding.rule for finding in emulator.findings}
