"""Judges a request as strictly as the service: a JSON body in, findings out. Pure; nothing is remembered.

Every rule has the number it has in the protocol sheet, section 14.2. Where the service's text is known it is given word
for word; the sheet says which texts are not verified.
"""

from typing import Final

from agentkit.models import facts
from agentkit.testing.finding import Finding, Profile, Request, backend_of
from agentkit.testing.issued import Issued
from agentkit.testing.rules_config import check_cache, check_generation_config, check_thinking
from agentkit.testing.rules_schema import check_schemas
from agentkit.testing.rules_shape import read_body
from agentkit.testing.rules_tools import check_declarations, check_tool_config, check_tools
from agentkit.testing.rules_turns import check_contents, check_signatures, check_turns

__all__ = ["Finding", "Issued", "Profile", "check_request"]

# The order in which the service is believed to judge; the first error is the one it tells.
_RULES: Final = (
    check_declarations,
    check_schemas,
    check_tools,
    check_tool_config,
    check_generation_config,
    check_thinking,
    check_cache,
    check_contents,
    check_turns,
    check_signatures,
)


def check_request(
    body: object, *, model: str, profile: Profile = "google", issued: Issued | None = None
) -> list[Finding]:
    """Return all that is wrong with a generate request, in the order in which the service would find it.

    A body that is no request at all (unknown keys, wrong types) gives only these findings: like the service, the judge
    reads no further.

    Args:
        body: The parsed JSON body.
        model: The model's id, from the address.
        profile: Whose rules apply.
        issued: What the judging server handed out; without it foreign signatures cannot be told.
    """
    backend = backend_of(profile)
    read, findings = read_body(body, backend=backend)
    if findings:
        return findings
    request = Request(body=read, model=facts(model), backend=backend, issued=issued)
    return [finding for rule in _RULES for finding in rule(request)]
