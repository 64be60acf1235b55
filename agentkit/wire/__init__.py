"""The protocol as values: Gemini's own names and shapes, read tolerantly, kept verbatim, written as they came.

The messages are pydantic models, more than a hundred, and take 40 ms to define: they are loaded when one is first used.
So the core imports this module, `from agentkit import wire`, and says `wire.Content` where it needs one.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `__getattr__` gives
    from agentkit.wire.messages import *  # noqa: F403  # all of them, by their own names
    from agentkit.wire.messages import __all__ as __all__
else:

    def __getattr__(name: str) -> Any:
        import agentkit.wire.messages as messages  # threads that come here at the same time wait for it

        value = globals()[name] = getattr(messages, name)
        return value

    def __dir__() -> list[str]:
        return __getattr__("__all__")
