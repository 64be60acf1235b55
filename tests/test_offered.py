"""Parts of the API that an endpoint may not have: cached contents, files and batches. All find it out in one way."""

import traceback
from collections.abc import Awaitable, Callable

import pytest

from agentkit import AuthenticationFailed, GeminiClient, GeminiError, NotFound, NotOffered, ProtocolError, Retry
from agentkit.testing import Emulator
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.faultserver import FaultServer, Scenario, answer, status

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
PARTS: dict[str, Callable[[GeminiClient], Awaitable[object]]] = {
    "cached contents": lambda client: client.caches.create(MODEL, "A long book."),
    "Files API": lambda client: client.files.list(),
    "batches": lambda client: client.batches.create(MODEL, ["Hi."]),
}
GATEWAY = {"error": {"code": "invalid_request", "message": "Invalid URL (POST /v1beta/x)", "type": "x"}}
DIFFERENT = {"error": {"code": 404, "status": "NOT_FOUND", "message": "models/x is not supported for this."}}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        pytest.param(answer(b"<html>Welcome</html>", kind="text/html"), NotOffered, id="a-page"),
        pytest.param(status(404, b"<html>Not here</html>"), NotOffered, id="a-page-not-found"),
        pytest.param(status(404, GATEWAY), NotOffered, id="an-error-of-the-gateway"),
        pytest.param(status(405), NotOffered, id="wrong-verb"),
        pytest.param(status(501, GATEWAY), NotOffered, id="not-implemented"),
        pytest.param(status(302, location="https://elsewhere.example/"), NotOffered, id="a-redirect"),
        pytest.param(answer([1, 2]), NotOffered, id="another-api"),
        pytest.param(status(404, DIFFERENT), NotFound, id="not-this-one"),
        pytest.param(status(401, GATEWAY), AuthenticationFailed, id="a-wrong-key"),
        pytest.param(answer(b'{"name": "a'), ProtocolError, id="cut"),
    ],
)
async def test_what_gateways_answer_is_told_apart(part: str, scenario: Scenario, kind: type[GeminiError]) -> None:
    with FaultServer(scenario) as server:
        client = GeminiClient(api_key="a-secret-key", base_url=server.url, retry=Retry(attempts=1))

        with pytest.raises(kind) as caught:
            await PARTS[part](client)

    assert type(caught.value) is kind
    assert not isinstance(caught.value, NotOffered) or caught.value.what == part
    assert "a-secret-key" not in "".join(traceback.format_exception(caught.value))
    assert len(server.requests) == 1


@pytest.mark.parametrize("part", ["Files API", "batches"])
async def test_what_vertex_is_known_not_to_have_is_not_asked_for(part: str) -> None:
    with FaultServer(status(500)) as server:
        client = GeminiClient(api_key="test-key", base_url=server.url, endpoint="vertex")

        with pytest.raises(NotOffered, match=rf"/v1beta1?(/publishers/google)? has no {part}\. [A-Z]"):
            await PARTS[part](client)

    assert not server.requests


@pytest.mark.parametrize("profile", ["vertex", "comet"])
async def test_one_error_is_caught_for_all_that_an_endpoint_may_lack(profile: Profile) -> None:
    with serve(Emulator(profile=profile)) as emulator:
        client = GeminiClient(api_key="test-key", base_url=emulator.url)

        for ask in PARTS.values():
            with pytest.raises(NotOffered) as caught:
                await ask(client)
            assert caught.value.base_url == client.base_url
