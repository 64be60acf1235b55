"""What the service keeps beside answering: its models, cached contents and uploaded files, over HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from agentkit.models import known_models
from agentkit.testing.caches import Caches
from agentkit.testing.door import Address
from agentkit.testing.envelope import Refused, refusal
from agentkit.testing.exchange import Exchange
from agentkit.testing.files import Files
from agentkit.testing.finding import Profile
from agentkit.testing.items import Raw
from agentkit.testing.listing import describe_model, page_of

__all__ = ["Resources", "require_object"]

_HOST: Final = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", re.ASCII)


class Resources:
    """The resources of one emulator.

    Attributes:
        files: The uploaded files.
        caches: The cached contents.
    """

    def __init__(
        self, *, profile: Profile, models: Sequence[str] | None, clock: Callable[[], datetime], seed: int | None
    ) -> None:
        self._profile: Profile = profile
        self._models = models
        self.files = Files(clock=clock, seed=seed)
        self.caches = Caches(profile=profile, clock=clock, seed=seed)

    def knows(self, model: str) -> bool:
        """Whether a model exists."""
        return self._models is None or model in self._models

    async def answer(self, exchange: Exchange, address: Address) -> None:
        """Answer a request that is not for a model's answer.

        Raises:
            Refused: The service would not do it.
        """
        if address.resource == "upload":
            await self._upload(exchange, address)
            return
        if address.resource == "cachedContents":
            told = self._cached_content(exchange, address)
        elif address.resource == "files":
            told = self._file(exchange, address)
        else:
            told = self._model(exchange, address)
        await exchange.send_json(200, told)

    def _model(self, exchange: Exchange, address: Address) -> Mapping[str, Any]:
        if address.method == "get":
            if not self.knows(address.name):
                raise Refused(refusal(self._profile, 404, f"Model is not found: models/{address.name}"))
            return describe_model(address.name)
        ids = [model.id for model in known_models()] if self._models is None else self._models
        page, following = page_of(ids, exchange.query, usual=50, most=1000, profile=self._profile)
        return {"models": [describe_model(model_id) for model_id in page]} | following

    def _cached_content(self, exchange: Exchange, address: Address) -> Mapping[str, Any]:
        name = f"{address.place}cachedContents/{address.name}"
        if address.method == "list":
            return self.caches.list(address.place, exchange.query)
        if address.method == "get":
            return self.caches.get(name)
        if address.method == "delete":
            return self.caches.delete(name)
        body = require_object(exchange, self._profile)
        if address.method == "create":
            return self.caches.create(body, place=address.place, knows=self.knows)
        return self.caches.update(name, body, exchange.query)

    def _file(self, exchange: Exchange, address: Address) -> Mapping[str, Any]:
        url = _url_of(exchange, address)
        if address.method == "list":
            return self.files.list(exchange.query, url)
        if address.method == "delete":
            self.files.delete(address.name)
            return {}
        found = self.files.get(address.name)
        if address.method == "download":
            raise Refused(refusal("google", 400, "Only generated files can be downloaded, not uploaded ones."))
        return self.files.describe(found, url)

    async def _upload(self, exchange: Exchange, address: Address) -> None:
        url = _url_of(exchange, address)
        if "upload_id" in exchange.query:
            file, headers = self.files.take(exchange.query["upload_id"], exchange.content, exchange.headers)
            if file is not None:
                await exchange.send_json(200, {"file": self.files.describe(file, url)}, headers)
                return
        else:
            body: Mapping[str, Any] = require_object(exchange, self._profile) if exchange.content else {}
            upload_id = self.files.start(body, exchange.headers)
            place = url.removesuffix(address.version) + f"upload/{address.version}/files"
            headers = {
                "x-goog-upload-status": "active",
                "x-goog-upload-chunk-granularity": str(self.files.granularity),
                "x-goog-upload-url": f"{place}?upload_id={upload_id}&upload_protocol=resumable",
            }
        await exchange.send_raw(Raw(b"", content_type="text/plain; charset=utf-8", headers=headers))


def require_object(exchange: Exchange, profile: Profile) -> Mapping[str, Any]:
    """Return the body of a request.

    Raises:
        Refused: It is no JSON object.
    """
    if exchange.body is None:
        message = f"Invalid JSON payload received. {exchange.fault}"
        raise Refused(refusal(profile, 400, message, code="INVALID_ARGUMENT"))
    return exchange.body


def _url_of(exchange: Exchange, address: Address) -> str:
    """Return the service's own address with the version, as the client knows it."""
    host = exchange.headers.get("host", "")
    return f"http://{host if _HOST.fullmatch(host) else 'localhost'}/{address.version}"
