"""Batches, as Google's own client (`google-genai`) uses them."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from agentkit.testing import Emulator, error, text
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, google_client


@pytest.fixture
def served() -> Iterator[Emulator]:
    with serve(Emulator()) as emulator:
        yield emulator


@pytest.fixture
def google(served: Emulator) -> Iterator[genai.Client]:
    with google_client(served) as client:
        yield client


@pytest.fixture
def anyio_backend() -> str:
    """Google's client knows asyncio only."""
    return "asyncio"


def asking(prompt: str, **more: Any) -> types.InlinedRequest:
    return types.InlinedRequest(contents=[types.UserContent(prompt)], **more)


def ended(google: genai.Client, job: types.BatchJob) -> types.BatchJob:
    while not job.done:
        job = google.batches.get(name=job.name or "")
    return job


def test_a_batch_waits_runs_and_has_its_answers(served: Emulator, google: genai.Client) -> None:
    served.reply(text("4"))
    served.reply(text("Jupiter"))
    requests = [asking("2 + 2?", metadata={"key": "sum"}), asking("The largest planet?", metadata={"key": "planet"})]

    job = google.batches.create(model=MODEL, src=requests, config={"display_name": "Two questions"})
    states = [job.state, *(google.batches.get(name=job.name or "").state for _ in range(2))]
    job = ended(google, job)

    assert states == [
        types.JobState.JOB_STATE_PENDING,
        types.JobState.JOB_STATE_RUNNING,
        types.JobState.JOB_STATE_SUCCEEDED,
    ]
    assert (job.display_name, job.model) == ("Two questions", f"models/{MODEL}")
    assert job.dest is not None
    answers = job.dest.inlined_responses or []
    assert [(one.metadata, one.response.text) for one in answers if one.response] == [
        ({"key": "sum"}, "4"),
        ({"key": "planet"}, "Jupiter"),
    ]
    assert job.create_time is not None
    assert job.end_time is not None
    assert job.create_time <= job.end_time
    assert served.findings == []


def test_each_request_fails_by_itself(served: Emulator, google: genai.Client) -> None:
    served.reply(error(503))
    served.reply(text("fine"))
    wrong = types.InlinedRequest(contents=[types.ModelContent("I speak first.")])

    job = ended(google, google.batches.create(model=MODEL, src=[asking("one"), wrong, asking("two")]))

    assert job.dest is not None
    first, second, third = job.dest.inlined_responses or []
    assert first.error is not None
    assert first.error.code == 14
    assert second.error is not None
    assert second.error.code == 3
    assert third.response is not None
    assert third.response.text == "fine"
    assert [finding.severity for finding in served.findings] == ["error"]


def test_the_settings_of_a_request_arrive(served: Emulator, google: genai.Client) -> None:
    served.reply(text("ok"))
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=100)

    ended(google, google.batches.create(model=MODEL, src=[asking("hi", config=config)]))

    [request] = served.requests
    assert request["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert request["generationConfig"] == {"maxOutputTokens": 100}
    assert [asked.method for asked in served.asked] == ["batchGenerateContent"]


def test_a_batch_is_cancelled(google: genai.Client) -> None:
    job = google.batches.create(model=MODEL, src=[asking("hi")])

    google.batches.cancel(name=job.name or "")
    found = google.batches.get(name=job.name or "")

    assert found.state == types.JobState.JOB_STATE_CANCELLED
    assert found.dest is None
    with pytest.raises(errors.ClientError, match="has ended"):
        google.batches.cancel(name=job.name or "")


def test_a_batch_fails_as_a_whole(served: Emulator, google: genai.Client) -> None:
    served.batches.fail_next()

    job = ended(google, google.batches.create(model=MODEL, src=[asking("hi")]))

    assert job.state == types.JobState.JOB_STATE_FAILED


def test_batches_are_listed_and_deleted(google: genai.Client) -> None:
    names = [google.batches.create(model=MODEL, src=[asking("hi")]).name or "" for _ in range(3)]

    listed = [job.name for job in google.batches.list(config={"page_size": 2})]
    google.batches.delete(name=names[1])

    assert listed == names[::-1]
    assert [job.name for job in google.batches.list()] == [names[2], names[0]]
    with pytest.raises(errors.ClientError) as raised:
        google.batches.get(name=names[1])
    assert raised.value.code == 404


def test_an_empty_batch_is_refused(google: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="at least one request") as raised:
        google.batches.create(model=MODEL, src=types.BatchJobSource(inlined_requests=[]))

    assert raised.value.code == 400


def test_a_model_that_does_not_exist_is_refused() -> None:
    with (
        serve(Emulator(models=["gemini-2.5-flash"])) as emulator,
        google_client(emulator) as google,
        pytest.raises(errors.ClientError, match="is not found") as raised,
    ):
        google.batches.create(model=MODEL, src=[asking("hi")])

    assert raised.value.code == 404


@pytest.mark.anyio
async def test_the_asynchronous_client_hands_batches_in_too(served: Emulator) -> None:
    served.reply(text("4"))
    with google_client(served) as client:
        async with client.aio as google:
            job = await google.batches.create(model=MODEL, src=[asking("2 + 2?")])
            while not job.done:
                job = await google.batches.get(name=job.name or "")

    assert job.dest is not None
    [answer] = job.dest.inlined_responses or []
    assert answer.response is not None
    assert answer.response.text == "4"
