"""Crippled emulators: each loses or refuses what its name says, in whole answers and in streams, and nothing else."""

from typing import Any, get_args

import httpx
import pytest

from agentkit.testing import Cripple, Emulator, call, error, text
from agentkit.testing.finding import Profile
from tests.testing.asking import generate, send
from tests.testing.requests_made import WEATHER, ask, user

pytestmark = pytest.mark.anyio

OLDER = {**WEATHER["functionDeclarations"][0], "parameters": {"type": "OBJECT", "properties": {}}}
del OLDER["parametersJsonSchema"]


async def called(*cripple: Cripple, streamed: bool = False) -> tuple[Emulator, httpx.Response]:
    """Return an emulator that has answered with a call, and the answer."""
    emulator = Emulator(cripple=cripple)
    emulator.reply(call("weather", city="Oslo"))
    answer = await generate(emulator, ask(user("Weather?"), tools=[WEATHER]), streamed=streamed)
    assert answer.status_code == 200
    return emulator, answer


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("kind", "lost"), [("drops_ids", '"id"'), ("drops_signatures", '"thoughtSignature"')])
async def test_what_is_dropped_is_in_no_answer_and_the_rest_is(kind: Cripple, lost: str, streamed: bool) -> None:
    whole = (await called(streamed=streamed))[1].text
    crippled = (await called(kind, streamed=streamed))[1].text

    kept = {'"id"', '"thoughtSignature"', '"functionCall"', '"finishReason"'} - {lost}
    assert lost in whole
    assert lost not in crippled
    assert all(name in crippled for name in kept)


@pytest.mark.parametrize(
    ("cripple", "with_id", "status"),
    [
        pytest.param(["drops_ids"], False, 200, id="a-dropped-id-is-not-missed"),
        pytest.param(["refuses_ids"], True, 400, id="an-id-is-refused"),
        pytest.param(["refuses_ids"], False, 200, id="without-the-id-it-goes"),
        pytest.param([], False, 400, id="elsewhere-a-signed-call-is-not-to-be-changed"),
        pytest.param(["drops_signatures"], True, 400, id="a-dropped-signature-is-missed"),
    ],
)
async def test_a_call_that_comes_back(cripple: list[Cripple], with_id: bool, status: int) -> None:
    emulator, answer = await called(*cripple)
    content = answer.json()["candidates"][0]["content"]
    back = next(part["functionCall"] for part in content["parts"] if "functionCall" in part)
    if not with_id:
        back.pop("id", None)
    response = {"name": "weather", "response": {"output": 4}} | ({"id": back["id"]} if with_id else {})
    emulator.reply(text("4 degrees."))

    turn = ask(user("Weather?"), content, user({"functionResponse": response}), tools=[WEATHER])
    after = await generate(emulator, turn)

    assert after.status_code == status


@pytest.mark.parametrize(("declared", "status"), [(WEATHER["functionDeclarations"][0], 400), (OLDER, 200)])
async def test_only_the_older_schemas_are_known(declared: dict[str, Any], status: int) -> None:
    emulator = Emulator(cripple=["only_parameters"], brain=lambda _: [{"text": "Hi."}])

    answer = await generate(emulator, ask(tools={"function_declarations": declared}))

    assert answer.status_code == status
    assert ('Unknown name \\"parametersJsonSchema\\"' in answer.text) is (status == 400)


async def test_schemas_that_get_lost_are_not_seen_behind_the_gateway() -> None:
    emulator = Emulator(cripple=["ignores_json_schema"], brain=lambda _: [{"text": "Hi."}])

    await generate(emulator, ask(tools=[WEATHER]))

    [declared] = emulator.requests[0]["tools"][0]["functionDeclarations"]
    assert declared == {"name": "weather", "description": "Weather of a town."}


@pytest.mark.parametrize("streamed", [False, True])
async def test_errors_look_like_openais_whoever_makes_them(streamed: bool) -> None:
    emulator = Emulator(cripple=["openai_errors"], models=["gemini-3.8-flash"])
    emulator.reply(error(503))

    failed = await generate(emulator, ask(), streamed=streamed)
    refused = await generate(emulator, ask(foo=1), streamed=streamed)
    missing = await generate(emulator, ask(), model="gemini-0")

    assert [one.status_code for one in (failed, refused, missing)] == [503, 400, 404]
    for one in (failed, refused, missing):
        assert one.json()["error"].keys() == {"message", "type", "param", "code"}
    assert "foo" in refused.json()["error"]["message"]
    assert missing.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        pytest.param("no_files", "/v1beta/files", id="files"),
        pytest.param("no_files", "/upload/v1beta/files", id="uploads"),
        pytest.param("no_caches", "/v1beta/cachedContents", id="caches"),
    ],
)
async def test_an_address_that_is_not_there_leads_to_a_page(kind: Cripple, path: str) -> None:
    verb = "POST" if path.startswith("/upload") else "GET"
    start = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}

    here = await send(Emulator(), verb, path, {} if verb == "POST" else None, headers=start)
    there = await send(Emulator(cripple=[kind]), verb, path, {} if verb == "POST" else None, headers=start)

    assert here.status_code != 404
    assert (there.status_code, there.text.startswith("<!DOCTYPE html>")) == (404, True)


@pytest.mark.parametrize(("profile", "refusal"), [("google", 403), ("vertex", 401), ("comet", 401)])
async def test_only_bearer_takes_the_key_there_and_nowhere_else(profile: Profile, refusal: int) -> None:
    emulator = Emulator(profile=profile, api_keys={"k"}, cripple=["only_bearer"], brain=lambda _: [{"text": "Hi."}])
    path = ("/v1/publishers/google" if profile == "vertex" else "/v1beta") + "/models/gemini-3.8-flash:generateContent"

    bearer = await send(emulator, "POST", path, ask(), key={"authorization": "Bearer k"})
    both = await send(emulator, "POST", path, ask(), key={"authorization": "Bearer k", "x-goog-api-key": "other"})
    header = await send(emulator, "POST", path, ask(), key={"x-goog-api-key": "k"})
    query = await send(emulator, "POST", f"{path}?key=k", ask(), key={})
    wrong = await send(emulator, "POST", path, ask(), key={"authorization": "Bearer wrong"})

    assert (bearer.status_code, both.status_code) == (200, 200)
    assert (header.status_code, query.status_code) == (refusal, refusal)
    assert wrong.status_code in (400, 401)


async def test_every_way_to_cripple_is_described() -> None:
    assert all(f'`"{kind}"`' in (Emulator.__doc__ or "") for kind in get_args(Cripple))
