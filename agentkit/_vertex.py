"""Where Vertex AI answers: the host of a location, and the path of a project in it.

```text
https://aiplatform.googleapis.com/v1/projects/{project}/locations/global/publishers/google/models/...
https://us-central1-aiplatform.googleapis.com/v1/projects/{project}/locations/us-central1/publishers/google/models/...
https://aiplatform.eu.rep.googleapis.com/v1/projects/{project}/locations/eu/publishers/google/models/...
https://aiplatform.googleapis.com/v1/publishers/google/models/...            express mode: an API key, no project
```

Source: google-genai 3.4, `_api_client.py`; https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import TypedDict

from agentkit._checks import check_kind
from agentkit._endpoint import api_root
from agentkit.capabilities import Capabilities
from agentkit.errors import ConfigurationError
from agentkit.prices import Price
from agentkit.retry import Retry
from agentkit.transport import Transport

__all__ = ["VertexOptions", "vertex_url"]

_MULTI_REGIONS = ("us", "eu")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,62}")


class VertexOptions(TypedDict, total=False):
    """The settings of a client that have nothing to do with where it asks. `GeminiClient` describes them."""

    headers: Mapping[str, str] | None
    retry: Retry | None
    timeout_s: float
    connect_timeout_s: float
    max_response_bytes: int
    max_stream_bytes: int
    transport: Callable[[], Transport] | None
    capabilities: Capabilities | str | os.PathLike[str] | None
    prices: Mapping[str, Price] | None
    allow_insecure_http: bool
    trust_env: bool


def vertex_url(
    project: str | None, location: str, *, base_url: str | None, api_version: str, allow_insecure_http: bool
) -> str:
    """Return the URL below which `models/...` stands.

    Args:
        project: The project's id or number; None for express mode.
        location: A region, a multi-region or `"global"`.
        base_url: What stands in front of the path; else AGENTKIT_BASE_URL, else the location's own host.
        api_version: Of the path.
        allow_insecure_http: As for the client.

    Raises:
        ConfigurationError: The project or the location cannot be one, or the URL is not one to send a key to.
    """
    check_kind("project", project, str | None, "the id of a Google Cloud project")
    check_kind("location", location, str, "'global', or a region like 'us-central1'")
    if project is not None and not _PROJECT.fullmatch(project):
        raise ConfigurationError(f"project={project!r} is not the id of a Google Cloud project, like 'my-project-123'.")
    if not _LOCATION.fullmatch(location):
        raise ConfigurationError(f"location={location!r} is not a location: use 'global', or one like 'us-central1'.")
    if project is None and location != "global":
        raise ConfigurationError(f"location={location!r} needs project=...; express mode (an API key) is global.")
    base = base_url or os.environ.get("AGENTKIT_BASE_URL") or f"https://{_host(location)}"
    root = api_root(base, api_version, allow_insecure_http=allow_insecure_http)
    place = "" if project is None else f"/projects/{project}/locations/{location}"
    return f"{root}{place}/publishers/google"


def _host(location: str) -> str:
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
