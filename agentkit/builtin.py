"""Tools that Gemini runs itself. They stand in `tools=[...]` beside functions."""

from dataclasses import field
from typing import Any

from agentkit._frozen import frozen
from agentkit.wire import Tool as WireTool

__all__ = ["BuiltinTool", "CodeExecution", "GoogleMaps", "GoogleSearch", "UrlContext"]


@frozen
class BuiltinTool:
    """A tool that runs at the service. `wire_name` is its key in a Tool message."""

    wire_name: str = field(init=False, default="")

    def settings(self) -> dict[str, Any]:
        """Return the value of the tool's key, for example `{}` in `{"googleSearch": {}}`."""
        return {}

    def retrieval_config(self) -> dict[str, Any]:
        """Return what the tool adds to `toolConfig.retrievalConfig`."""
        return {}

    def to_wire(self) -> WireTool:
        """Return the tool as it stands in a request."""
        return WireTool.parse({self.wire_name: self.settings()})


@frozen
class GoogleSearch(BuiltinTool):
    """Ground answers in Google Search. Sources are in `result.citations`.

    Attributes:
        after: Only pages from this time on, as an RFC 3339 timestamp (`2026-01-01T00:00:00Z`).
        before: Only pages up to this time.
    """

    wire_name: str = field(init=False, default="googleSearch")
    after: str | None = None
    before: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return `{}` or a `timeRangeFilter`."""
        span = {name: time for name, time in (("startTime", self.after), ("endTime", self.before)) if time}
        return {"timeRangeFilter": span} if span else {}


@frozen
class CodeExecution(BuiltinTool):
    """Let Gemini write and run Python at the service. Source and output are in `result.code`."""

    wire_name: str = field(init=False, default="codeExecution")


@frozen
class UrlContext(BuiltinTool):
    """Let Gemini read the pages whose URLs stand in the prompt (up to 20)."""

    wire_name: str = field(init=False, default="urlContext")


@frozen
class GoogleMaps(BuiltinTool):
    """Ground answers in Google Maps.

    Attributes:
        latitude: Where the user is, in degrees; give both or none.
        longitude: Likewise.
        language: Language of the results, for example `"en"`.
    """

    wire_name: str = field(init=False, default="googleMaps")
    latitude: float | None = None
    longitude: float | None = None
    language: str | None = None

    def retrieval_config(self) -> dict[str, Any]:
        """Return the place and the language, as far as they are set."""
        config: dict[str, Any] = {}
        if self.latitude is not None and self.longitude is not None:
            config["latLng"] = {"latitude": self.latitude, "longitude": self.longitude}
        if self.language:
            config["languageCode"] = self.language
        return config
