"""Judges a request as strictly as the service: a JSON body in, findings out. Pure; nothing is remembered.

Every rule has the number it has in the protocol sheet, section 14.2. Where the service's text is known it is given word
for word; the sheet says which texts are not verified.
"""

from typing import Final

from agentkit.models import facts
from agentkit.testing.finding import Finding, Profile, Request, backend_of
from agentkit.testing.issued import Issued
from agentkit.testing.rules_cache import check_cache, check_continuation
from agentkit.testing.rules_config import check_generation_config, check_json_mode, check_settings
from agentkit.testing.rules_contents import check_contents, check_media, check_responses
from agentkit.testing.rules_json_schema import check_json_schemas
from agentkit.testing.rules_schema import check_max_items, check_schemas
from agentkit.testing.rules_shape import read_body
from agentkit.testing.rules_signatures import check_signatures, check_tool_parts
from agentkit.testing.rules_thinking import check_thinking
from agentkit.testing.rules_tools import check_declarations, check_tool_config, check_tools
from agentkit.testing.rules_turns import check_turns

__all__ = ["check_request"]

# The order in which the service is believed to judge; the first error is the one it tells.
_RULES: Final = (
    check_declarations,
    check_schemas,
    check_json_schemas,
    check_max_items,
    check_tools,
    check_tool_config,
    check_json_mode,
    check_generation_config,
    check_thinking,
    check_settings,
    check_cache,
    check_continuation,
    check_contents,
    check_responses,
    check_media,
    check_turns,
    check_signatures,
    check_tool_parts,
)


def check_request(
    body: object, *, model: str, profile: Profile = "google", issued: Issued | None = None, streamed: bool = False
) -> list[Finding]:
    """Return all that is wrong with a generate request, in the order in which the service would find it.

    A body that is no request at all (unknown keys, wrong types) gives only these findings: like the service, the judge
    reads no further.

    Args:
        body: The parsed JSON body.
        model: The model's id, from the address.
        profile: Whose rules apply.
        issued: What the judging server handed out; without it foreign signatures cannot be told.
        streamed: Whether the address is that of a stream.
    """
    backend = backend_of(profile)
    read, findings = read_body(body, backend=backend)
    if findings:
        return findings
    request = Request(body=read, model=facts(model), backend=backend, issued=issued, streamed=streamed)
    return [finding for rule in _RULES for finding in rule(request)]
