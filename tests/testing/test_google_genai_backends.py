"""A second opinion on what only one backend knows: Google's own client refuses it for the other, and so must the judge.

The client builds each request for the backend that knows it; the judge must take that, and refuse the same body for
the backend for which the client raises an error before sending.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from google.genai import types
from pydantic import BaseModel

from agentkit.testing import Emulator, check_request
from agentkit.testing.finding import Profile
from agentkit.testing.server import serve
from tests.testing.google_clients import MODEL, google_client

ON_GEMINI_2_5 = "gemini-2.5-flash"


class Towns(BaseModel):
    by_country: dict[str, str]


def tool(**kinds: Any) -> dict[str, Any]:
    return {"tools": [types.Tool.model_validate(kinds)]}


def parts(*said: Any, role: str = "user") -> list[types.Content]:
    return [types.Content(role=role, parts=[types.Part.model_validate(part) for part in said])]


def after_question(*said: Any) -> list[types.Content]:
    return [types.UserContent("Hi"), *parts(*said, role="model"), types.UserContent("And?")]


CALLED = {"functionCall": {"name": "find", "args": {}}}
GOES_ON = {"functionResponse": {"name": "find", "response": {}, "willContinue": True}}
SEARCHED = {"id": "a", "tool_type": types.ToolType.GOOGLE_SEARCH_WEB}

GOOGLE_ONLY: Mapping[str, dict[str, Any]] = {
    "store": {"config": {"store": True}},
    "enable_enhanced_civic_answers": {"config": {"enable_enhanced_civic_answers": True}},
    "include_server_side_tool_invocations": {
        "config": {**tool(google_search={}), "tool_config": {"include_server_side_tool_invocations": True}}
    },
    "file_search": {"config": tool(file_search={"file_search_store_names": ["fileSearchStores/a"]})},
    "mcp_servers": {
        "config": tool(mcp_servers=[{"name": "a", "streamable_http_transport": {"url": "https://example.com"}}])
    },
    "part_metadata": {"contents": parts({"text": "Hi", "part_metadata": {"a": 1}})},
    "tool_call": {"contents": after_question({"tool_call": SEARCHED}, {"tool_response": SEARCHED})},
    "will_continue of a response": {
        "model": ON_GEMINI_2_5,
        "contents": [types.UserContent("Hi"), *parts(CALLED, role="model"), *parts(GOES_ON)],
    },
}

VERTEX_ONLY: Mapping[str, dict[str, Any]] = {
    "audio_timestamp": {"config": {"audio_timestamp": True}},
    "routing_config": {"config": {"routing_config": {"manual_mode": {"model_name": "a"}}}},
    "model_armor_config": {"config": {"model_armor_config": {"prompt_template_name": "a"}}},
    "method of a safety setting": {
        "config": {
            "safety_settings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE", "method": "SEVERITY"}
            ]
        }
    },
    "exclude_domains": {"config": tool(google_search={"exclude_domains": ["example.com"]})},
    "blocking_confidence": {"config": tool(google_search={"blocking_confidence": "BLOCK_LOW_AND_ABOVE"})},
    "retrieval": {"config": tool(retrieval={"vertex_ai_search": {"datastore": "a"}})},
    "enterprise_web_search": {"config": tool(enterprise_web_search={})},
    "parallel_ai_search": {"config": tool(parallel_ai_search={"api_key": "a"})},
    "exa_ai_search": {"config": tool(exa_ai_search={"api_key": "a"})},
    "authentication for maps": {"config": tool(google_maps={"auth_config": {"auth_type": "NO_AUTH"}})},
    "person_generation": {"config": {"image_config": {"person_generation": "ALLOW_ALL"}}},
    "prominent_people": {"config": {"image_config": {"prominent_people": "BLOCK_PROMINENT_PEOPLE"}}},
    "stream_function_call_arguments": {
        "config": {
            **tool(function_declarations=[{"name": "find"}]),
            "tool_config": {"function_calling_config": {"stream_function_call_arguments": True}},
        }
    },
    "additional_properties": {"config": {"response_mime_type": "application/json", "response_schema": Towns}},
    "a compression of images": {"config": {"image_config": {"output_compression_quality": 80}}},
    "a type of images": {"config": {"image_config": {"output_mime_type": "image/jpeg"}}},
    "model_selection_config": {"config": {"model_selection_config": {"feature_selection_preference": "BALANCED"}}},
    "generation_output_config": {"config": {"generation_output_config": {"output_uri_prefix": "gs://a/b"}}},
}


def ask(profile: Profile, asked: Mapping[str, Any]) -> Emulator:
    """Let the client ask an emulator of `profile`; return the emulator.

    Raises:
        ValueError: The client says that this backend does not know it.
    """
    emulator = Emulator(profile=profile, strict=False, brain=lambda asked: [{"text": "{}"}])
    with serve(emulator), google_client(emulator) as client:
        settled: dict[str, Any] = {"model": MODEL, "contents": "Hi", **asked}
        client.models.generate_content(**settled)
    return emulator


CASES = [
    *(pytest.param("google", "vertex", asked, id=f"google: {name}") for name, asked in GOOGLE_ONLY.items()),
    *(pytest.param("vertex", "google", asked, id=f"vertex: {name}") for name, asked in VERTEX_ONLY.items()),
]


@pytest.mark.parametrize(("knows", "other", "asked"), CASES)
def test_the_judge_and_googles_client_agree_on_what_one_backend_knows(
    knows: Profile, other: Profile, asked: Mapping[str, Any]
) -> None:
    with pytest.raises(ValueError, match="is only supported in Gemini"):
        ask(other, asked)

    emulator = ask(knows, asked)

    [body] = emulator.requests
    refused = check_request(body, model=asked.get("model", MODEL), profile=other)
    assert [finding for finding in emulator.findings if finding.severity == "error"] == []
    assert "Cannot find field" in refused[0].message
