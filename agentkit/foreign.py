"""A conversation that another model has begun, as the model in use may read it.

What a run has stored is never changed: this is how it is sent. The same conversation always gives the same bytes.

```text
in the contents of another model            what is sent instead (protocol sheet, sections 4.2, 5 and 6)
a thought signature                         nothing: it is bound to the model that made it
... on the first call of a content          Google's placeholder, which every model takes (recorded for 2.0 and 3)
... on a tool call of the service itself    itself: such parts go back unchanged, or not at all
media within the response to a call         a user content of their own behind it, where the model does not take them,
                                            as `_placing.py` tells
```

Which ids share their signatures is not documented, so each other id counts as another model.
"""

from __future__ import annotations

from agentkit import wire
from agentkit._placing import place_again
from agentkit.history import PLACEHOLDER
from agentkit.models import ModelFacts

__all__ = ["as_read_by"]


def as_read_by(model: ModelFacts, contents: wire.History) -> wire.History:
    """Return contents of other models as `model` may read them."""
    read = wire.History()
    for content in contents:
        if content.role == "model":
            read.append(_unsigned(content))
        else:
            for one in place_again(content, model.id):
                read.append(one)
    return read


def _unsigned(content: wire.Content) -> wire.Content:
    parts = list(content.parts or [])
    first_call = next((at for at, part in enumerate(parts) if part.function_call is not None), None)
    for at, part in enumerate(parts):
        if at == first_call:
            parts[at] = part.replace(thought_signature=PLACEHOLDER)
        elif part.thought_signature is not None and part.tool_call is None and part.tool_response is None:
            parts[at] = part.without("thought_signature")
    return content.replace(parts=parts)
