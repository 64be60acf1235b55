"""Recorded batches: what the service really sent, polled and read through the public client."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

import pytest

from agentkit import Batch, GeminiClient
from agentkit.testing import Emulator, text
from tests.faultserver import FaultServer, answer
from tests.testing.asking import send
from tests.traffic import exchanges, needs_traffic

pytestmark = [needs_traffic, pytest.mark.anyio]

Json = dict[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    """The recordings are read alike on every event loop."""
    return "asyncio"


def conversations() -> dict[str, list[Json]]:
    """Return the recorded exchanges about batches, by the recording that they are from."""
    groups: dict[str, list[Json]] = {}
    for exchange in exchanges():
        if "batch" in exchange["features"]:
            groups.setdefault(exchange["group"], []).append(exchange)
    return groups


async def test_recorded_batches_are_handed_in_polled_and_read(show: Callable[[str], None]) -> None:
    seen: Counter[str] = Counter()
    read: list[str] = []

    async def look(batch: Batch) -> None:
        seen[str(batch.state)] += 1

    for group in conversations().values():
        asked = group[0]["request"]["body"]["batch"]
        entries: list[Json] = asked["inputConfig"]["requests"]["requests"]
        requests = {e["metadata"]["custom_id"]: e["request"]["contents"][0]["parts"][0]["text"] for e in entries}
        with FaultServer(*[answer(exchange["response"]["body"]) for exchange in group]) as server:
            batches = GeminiClient(api_key="test-key", base_url=server.url).batches
            made = await batches.create(entries[0]["request"]["model"], requests, display_name=asked["displayName"])
            batch = await batches.wait(made, poll_s=0.0001, on_poll=look)
            answers = await batches.results(made.name, keys=list(requests))
        seen[str(made.state)] += 1
        seen[str(batch.state)] += 1

        assert server.requests[0].json == {"batch": {**asked, **as_we_write(entries)}}
        assert len(server.requests) == len(group)
        assert {one.target for one in server.requests[1:]} == {f"/v1beta/{made.name}"}
        assert (batch.requests, batch.succeeded, batch.failed, batch.pending) == (2, 2, 0, 0)
        assert batch.created is not None
        assert batch.ended is not None
        assert timedelta() < batch.ended - batch.created < timedelta(hours=1)
        assert [one.metadata for one in answers] == [entry["metadata"] for entry in entries]
        assert all(one.response and one.response.usage_metadata for one in answers)
        read += [one.response.text for one in answers if one.response]

    assert read == ["4", "Jupiter"] * 2
    total = sum(seen.values())
    states = ", ".join(f"{state} {count}" for state, count in sorted(seen.items()))
    show(f"{total} recorded batch exchanges parse into `Batch` ({states}); {len(read)} answers read: {read}")
    assert total == 51


async def test_the_emulator_answers_in_the_recorded_shapes() -> None:
    group = next(iter(conversations().values()))
    emulator = Emulator()
    for said in ("4", "Jupiter"):
        emulator.reply(text(said))

    made = (await send(emulator, "POST", group[0]["request"]["url_path"], group[0]["request"]["body"])).json()
    running = (await send(emulator, "GET", f"/v1beta/{made['name']}")).json()
    ended = (await send(emulator, "GET", f"/v1beta/{made['name']}")).json()

    assert not emulator.findings
    for ours, recorded in zip((made, running, ended), (group[0], group[1], group[-1]), strict=True):
        theirs = shape_of(recorded["response"]["body"])
        assert shape_of(ours) == theirs - {key for key in theirs if ".thoughtsTokenCount" in key}


def as_we_write(entries: list[Json]) -> Json:
    """Return recorded requests with the key under our name, and without settings that are empty."""
    ours = [
        {
            "request": {key: value for key, value in entry["request"].items() if value != {}},
            "metadata": {"key": entry["metadata"]["custom_id"]},
        }
        for entry in entries
    ]
    return {"inputConfig": {"requests": {"requests": ours}}}


def shape_of(value: object, path: str = "") -> set[str]:
    """Return the paths of all keys."""
    if isinstance(value, list):
        return {key for item in cast("list[object]", value) for key in shape_of(item, f"{path}[]")}
    if not isinstance(value, Mapping):
        return {f"{path} {type(value).__name__}"}
    found = cast("Mapping[str, object]", value)
    return {key for name, item in found.items() for key in shape_of(item, f"{path}.{name}")}
