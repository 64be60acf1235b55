"""What is known about an endpoint: the file, what the client makes of it, and files that are none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import (
    Agent,
    Capabilities,
    CodeExecution,
    ConfigurationError,
    GeminiClient,
    GoogleSearch,
    InvalidRequest,
)
from agentkit.builtin import BuiltinTool
from agentkit.testing import Emulator, call, text
from agentkit.testing.server import serve

pytestmark = pytest.mark.anyio

MODEL = "gemini-3-flash-preview"
KEY = "test-key-0123456789"
ROOT = "https://gateway.example/v1beta"
WHOLE = Capabilities(
    base_url=ROOT,
    model=MODEL,
    probed_at="2026-11-22T10:00:00Z",
    endpoint="other",
    auth=("bearer",),
    stream=True,
    schema_dialect="openapi",
    call_ids=True,
    takes_call_ids=False,
    signatures=True,
    builtins=("googleSearch",),
    builtins_with_functions=False,
    errors="openai",
    files=False,
    caches=False,
    count_tokens=True,
    list_models=False,
)


def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    WHOLE.save(tmp_path / "found.json")

    assert Capabilities.load(tmp_path / "found.json") == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_the_sample_in_the_module_can_be_read() -> None:
    import agentkit.capabilities as module

    sample = (module.__doc__ or "").partition("```json\n")[2].partition("```")[0]

    assert Capabilities.from_json(json.loads(sample)).builtins == ("googleSearch", "codeExecution")
    assert json.loads(sample).keys() == WHOLE.to_json().keys()


def test_fields_of_a_later_version_of_the_same_format_are_passed_over() -> None:
    assert Capabilities.from_json({**WHOLE.to_json(), "batches": True}) == WHOLE


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param(b"", "is cut or damaged", id="empty"),
        pytest.param(json.dumps(WHOLE.to_json()).encode()[:-40], "is cut or damaged", id="cut"),
        pytest.param(b"[" * 100_000, "is cut or damaged", id="nested-without-end"),
        pytest.param(b"\xff\xfe\x00{", "no text in UTF-8", id="bytes"),
        pytest.param(b"{}", "is no capability file", id="another-object"),
        pytest.param(b"[1]", "is no capability file", id="a-list"),
        pytest.param(b" " * 1_000_001, "larger than a megabyte", id="huge"),
        pytest.param(b'{"agentkit_capabilities": 2}', "format 2; this agentkit reads format 1", id="newer"),
        pytest.param(b'{"agentkit_capabilities": "x"}', "format 'x'", id="a-version-that-is-none"),
        pytest.param(b'{"agentkit_capabilities": 1, "files": "no"}', "'files' must be true, false", id="no-truth"),
        pytest.param(b'{"agentkit_capabilities": 1, "auth": "bearer"}', "'auth' must be a list", id="no-list"),
        pytest.param(b'{"agentkit_capabilities": 1, "auth": [1]}', "must be a list of any of x-goog", id="numbers"),
        pytest.param(
            b'{"agentkit_capabilities": 1, "auth": ["bearer", "Basic"]}',
            "'auth' must be a list of any of x-goog-api-key, bearer, query, not \"['bearer', 'Basic']\"",
            id="an-unknown-place-for-keys",
        ),
        pytest.param(
            b'{"agentkit_capabilities": 1, "builtins": ["google_search"]}',
            "'builtins' must be a list of any of googleSearch, ",
            id="an-unknown-builtin",
        ),
        pytest.param(b'{"agentkit_capabilities": 1, "model": 7}', "'model' must be a text", id="no-text"),
        pytest.param(
            b'{"agentkit_capabilities": 1, "schema_dialect": []}', "one of json_schema, openapi", id="no-choice"
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name_and_what_to_do(
    tmp_path: Path, written: bytes, words: str
) -> None:
    file = tmp_path / "found.json"
    file.write_bytes(written)

    with pytest.raises(ConfigurationError) as caught:
        GeminiClient(api_key=KEY, capabilities=file)

    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "agentkit doctor" in str(caught.value)


@pytest.mark.parametrize("place", ["nowhere/found.json", "."])
def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Capabilities.load(tmp_path / place)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        WHOLE.save(tmp_path / place)


@pytest.mark.parametrize("kind", BuiltinTool.__subclasses__(), ids=lambda kind: kind.__name__)
def test_a_file_may_name_every_builtin_tool_that_there_is(kind: type[BuiltinTool]) -> None:
    name = kind.__dataclass_fields__["wire_name"].default

    assert Capabilities.from_json({"agentkit_capabilities": 1, "builtins": [name]}).builtins == (name,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(WHOLE.to_json())), JSON))
def test_any_json_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        read = Capabilities.from_json({**fields, "agentkit_capabilities": 1})
    except ConfigurationError:
        return

    assert Capabilities.from_json(read.to_json()) == read


def test_a_client_goes_by_what_is_known_unless_it_is_told_otherwise() -> None:
    known = GeminiClient(api_key=KEY, base_url=ROOT, capabilities=WHOLE)
    told = GeminiClient(api_key=KEY, base_url=ROOT, capabilities=WHOLE, schema_dialect="json_schema", bearer=False)

    assert (known.schema_dialect, told.schema_dialect) == ("openapi", "json_schema")
    assert known.capabilities == WHOLE
    assert not known.combines_builtins


def test_without_a_file_nothing_is_known() -> None:
    client = GeminiClient(api_key=KEY, base_url=ROOT)

    assert client.capabilities == Capabilities()
    assert client.combines_builtins


def test_a_file_about_another_endpoint_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"those of https://gateway\.example/v1beta, and requests go to"):
        GeminiClient(api_key=KEY, base_url="https://other.example", capabilities=WHOLE)
    with pytest.raises(ConfigurationError, match="requests go to"):
        GeminiClient(api_key=KEY, capabilities=WHOLE)


def test_a_variable_may_point_elsewhere_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AGENTKIT_BASE_URL", "http://127.0.0.1:9")

    plain = GeminiClient(api_key=KEY, capabilities=WHOLE)
    vertex = GeminiClient.vertex(project="p-1", token=lambda: KEY, capabilities=WHOLE)

    assert plain.base_url == "http://127.0.0.1:9/v1beta"
    assert vertex.base_url.startswith("http://127.0.0.1:9/v1/projects/p-1/")
    assert caplog.text.count("capabilities.elsewhere") == 2


def test_what_is_no_file_is_refused() -> None:
    wrong: Any = {"files": False}

    with pytest.raises(ConfigurationError, match="capabilities must be"):
        GeminiClient(api_key=KEY, capabilities=wrong)


async def test_a_key_goes_as_bearer_where_it_is_looked_for_there() -> None:
    with serve(Emulator(profile="comet", api_keys={KEY}, cripple=["only_bearer"])) as emulator:
        emulator.reply(text("Hi."))
        client = GeminiClient(api_key=KEY, base_url=emulator.url, capabilities=Capabilities(auth=("bearer",)))

        assert (await Agent(MODEL, client=client).run("Hi")).output == "Hi."


async def test_ids_stay_at_home_where_they_are_refused() -> None:
    with serve(Emulator(cripple=["refuses_ids"])) as emulator:
        plain = GeminiClient(api_key=KEY, base_url=emulator.url)
        knowing = GeminiClient(api_key=KEY, base_url=emulator.url, capabilities=Capabilities(takes_call_ids=False))
        for _ in range(2):
            emulator.reply(call("double", number=4))
        emulator.reply(text("8"))

        with pytest.raises(InvalidRequest, match='Unknown name "id"') as caught:
            await Agent(MODEL, tools=[double], client=plain).run("Double 4")
        result = await Agent(MODEL, tools=[double], client=knowing).run("Double 4")

        assert "agentkit doctor" in str(caught.value)
        assert result.output == "8"
        assert '"id"' not in json.dumps(emulator.requests[-1]["contents"])
        assert result.contents[1].function_calls[0].id


async def test_placeholders_go_out_at_once_where_signatures_get_lost() -> None:
    with serve(Emulator(cripple=["drops_signatures"])) as emulator:
        client = GeminiClient(api_key=KEY, base_url=emulator.url, capabilities=Capabilities(signatures=False))
        emulator.reply(call("double", number=4))
        emulator.reply(text("8"))

        result = await Agent(MODEL, tools=[double], client=client).run("Double 4")

        assert (result.output, len(emulator.requests), emulator.findings) == ("8", 2, [])


async def test_built_in_tools_beside_functions_go_by_what_was_found_out() -> None:
    tools = [double, GoogleSearch(), CodeExecution()]
    refusing = GeminiClient(api_key=KEY, base_url=ROOT, capabilities=Capabilities(builtins_with_functions=False))

    with pytest.raises(ConfigurationError, match="This endpoint cannot combine"):
        await Agent(MODEL, tools=tools, combine="together", client=refusing).run("Hi")
    with serve(Emulator()) as emulator:
        emulator.reply(text("Hi."))
        known = Capabilities(builtins_with_functions=True)
        client = GeminiClient(api_key=KEY, base_url=emulator.url, endpoint="comet", capabilities=known)

        assert (await Agent(MODEL, tools=tools, client=client).run("Hi")).output == "Hi."


async def test_vertex_takes_a_capability_file_too() -> None:
    client = GeminiClient.vertex(project="p-1", token=lambda: KEY, capabilities=Capabilities(schema_dialect="openapi"))

    assert client.schema_dialect == "openapi"
