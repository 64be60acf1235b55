"""Rules E4 to E7, E12 and E29: what is wrong with single contents and parts, media included."""

import re
from collections.abc import Iterator
from typing import Final, cast

from agentkit.testing.finding import Finding, Json, Request, Severity
from agentkit.testing.rules_shape import DATA_FIELDS

__all__ = ["check_contents", "check_media", "check_responses", "is_by_model", "parts_of"]

_MADE_BY_MODEL: Final = ("functionCall", "toolCall", "toolResponse")
_MEDIA_IN_RESPONSES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
# Who may say `user` or `model`; older models know one name more, and newer ones answer with a longer list.
_ROLES: Final = frozenset({"user", "model"})
_FASTEST_FRAMES: Final = 24.0
_LIVE_ONLY: Final = ("scheduling", "willContinue")
_OWN_HOSTS: Final = re.compile(
    r"https?://([\w-]+\.)*(googleapis\.com|youtube\.com|youtu\.be)/.*|gs://.*|files/.*", re.IGNORECASE
)


def is_by_model(content: Json) -> bool:
    """Whether `content` belongs to the model's side of the conversation."""
    return str(content.get("role", "user")).lower() == "model"


def parts_of(index: int, content: Json) -> list[tuple[str, Json]]:
    """Return the parts of the content at `index`, each with its path."""
    return [(f"contents[{index}].parts[{number}]", part) for number, part in enumerate(content.get("parts", []))]


def _all_parts(request: Request) -> Iterator[tuple[str, Json]]:
    for index, content in enumerate(request.contents):
        yield from parts_of(index, content)


def check_contents(request: Request) -> Iterator[Finding]:
    """Yield contents that are empty, by nobody, or hold what their author cannot say: E4, E5, E6, E7."""
    if not request.contents:
        yield request.find("contents.none", "contents", "Send at least one content.")
    for index, content in enumerate(request.contents):
        if not content.get("parts"):
            yield request.find("contents.empty_parts", f"contents[{index}].parts", "Leave out contents without parts.")
        yield from _check_role(request, index, content)
        for path, part in parts_of(index, content):
            yield from _check_data(request, path, part)
            yield from _check_author(request, path, part, by_model=is_by_model(content))
    for number, part in enumerate(request.body.get("systemInstruction", {}).get("parts", [])):
        yield from _check_system_part(request, f"system_instruction.parts[{number}]", part)


def _check_role(request: Request, index: int, content: Json) -> Iterator[Finding]:
    role, path = content.get("role"), f"contents[{index}].role"
    if not role:
        if len(request.contents) > 1:
            yield request.find("contents.no_role", path, "Send role 'user' or 'model'.")
    elif role not in _ROLES and (role != "function" or request.model.strict_turns):
        mistake = "contents.bad_role_new" if request.model.strict_turns else "contents.bad_role"
        yield request.find(mistake, path, f"Send role 'user' or 'model', not {role!r}.", role=role)


def _check_data(request: Request, path: str, part: Json) -> Iterator[Finding]:
    # Recorded as accepted: a part with only a signature (an empty text left out), or only video metadata.
    if request.backend == "google" and not part.keys() - {"thought"}:
        yield request.find("contents.empty_part", path, "Leave out parts that hold nothing.")


def _check_author(request: Request, path: str, part: Json, *, by_model: bool) -> Iterator[Finding]:
    # MCP servers are called by the service itself: calls and responses then stand together in the model's content.
    run_by_service = any("mcpServers" in tool for tool in request.tools)
    for name in _MADE_BY_MODEL:
        if name in part and not by_model:
            yield request.find("contents.wrong_side", path, f"A {name!r} belongs into a content of role 'model'.")
    for name in ("executableCode", "codeExecutionResult"):
        if name in part and not by_model:
            yield request.find("contents.code_by_user", path, "Send the model's content back as it came.", name=name)
    if "functionResponse" in part and by_model and not run_by_service:
        fix = "A 'functionResponse' belongs into a content of role 'user'."
        yield request.find("contents.wrong_side", path, fix)


def _check_system_part(request: Request, path: str, part: Json) -> Iterator[Finding]:
    yield from _check_data(request, path, part)
    for name in DATA_FIELDS:
        if name in part and name != "text":
            yield request.find("contents.system_media", path, "Send it as a user content.", name=name)


def check_responses(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with the inside of a function response: E11 (its name), E12."""
    for path, part in _all_parts(request):
        response: Json | None = part.get("functionResponse")
        if response is None:
            continue
        inner = f"{path}.function_response"
        if not response.get("name"):
            yield request.find("response.no_name", f"{inner}.name", "Send the name of the call back.")
        if "response" not in response:
            yield request.find("response.missing", inner, "Send a JSON object, {} if there is nothing to tell.")
        for name in _LIVE_ONLY:
            if name in response:
                yield request.find("response.live_only", inner, f"Leave {name!r} out.", name=name)
        yield from _check_response_parts(request, inner, response)
        yield from _check_references(request, inner, response)


def _check_response_parts(request: Request, path: str, response: Json) -> Iterator[Finding]:
    parts: list[Json] = response.get("parts", [])
    if parts and not request.model.response_parts:
        fix = "Send media as a user content, or take a model from Gemini 3 on."
        yield request.find("response.parts", f"{path}.parts", fix)
        return
    for number, part in enumerate(parts):
        inner = f"{path}.parts[{number}]"
        yield from _check_blob(request, inner, part)
        media: Json = part.get("inlineData") or part.get("fileData") or {}
        kind = media.get("mimeType")
        # Gemini 4 takes office documents as well; their list is not published.
        if kind and kind not in _MEDIA_IN_RESPONSES and request.generation < (4, 0):
            fix = f"Send one of: {', '.join(sorted(_MEDIA_IN_RESPONSES))}."
            yield request.find("response.part_type", inner, fix, value=kind)


def _check_references(request: Request, path: str, response: Json) -> Iterator[Finding]:
    """`{"$ref": name}` points to the `displayName` of a part; on 3.5 and 3.6 even right ones were refused."""
    names = {
        media.get("displayName")
        for part in response.get("parts", [])
        for media in (part.get("inlineData"), part.get("fileData"))
        if media
    }
    for name in _references(response.get("response", {})):
        broken = name not in names or (3, 5) <= request.generation < (3, 7)
        severity: Severity = "error" if broken and request.backend == "google" else "warning"
        fix = f"Leave '$ref' out of the response: {name!r} is refused, and parts need no reference."
        yield request.find("response.reference", path, fix, severity=severity, name=name)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        node = cast("dict[str, object]", value)
        if isinstance(target := node.get("$ref"), str):
            yield target
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _references(inner)


def check_media(request: Request) -> Iterator[Finding]:
    """Yield what is wrong with media and links in contents: E29."""
    for path, part in _all_parts(request):
        yield from _check_blob(request, path, part)
        yield from _check_type(request, path, part)
        if "fileData" in part:
            yield from _check_address(request, f"{path}.file_data", part["fileData"])
        rate = part.get("videoMetadata", {}).get("fps")
        if rate is not None and not 0 < rate <= _FASTEST_FRAMES:
            fix = f"Send more than 0 and at most {_FASTEST_FRAMES:g} frames per second."
            yield request.find("media.frame_rate", f"{path}.video_metadata.fps", fix)
        if "mediaResolution" in part and request.generation < (3, 0):
            yield request.find("media.resolution", path, "Set generationConfig.mediaResolution.")


def _check_blob(request: Request, path: str, part: Json) -> Iterator[Finding]:
    if (blob := part.get("inlineData")) is None:
        return
    if not blob.get("data"):
        yield request.find("media.no_data", f"{path}.inline_data.data", "Send the bytes in base64.")
    if not blob.get("mimeType"):
        yield request.find("media.no_type", f"{path}.inline_data.mime_type", "Say what it is, for example 'image/png'.")


def _check_type(request: Request, path: str, part: Json) -> Iterator[Finding]:
    """Recorded on Google's endpoint: GIF images are taken from Gemini 3 on, and 2.x takes no type with parameters."""
    kind: str = part.get("inlineData", {}).get("mimeType", "")
    if kind != "image/gif" and ";" not in kind:
        return
    refused = request.backend == "google" and request.generation < (3, 0)
    mistake = "media.type" if refused else "media.type_unsure"
    fix = "Send the type without parameters." if ";" in kind else "Send a PNG, JPEG or WebP image."
    if refused or ";" in kind or request.backend == "vertex":
        yield request.find(mistake, f"{path}.inline_data.mime_type", fix, value=kind)


def _check_address(request: Request, path: str, file: Json) -> Iterator[Finding]:
    address: str = file.get("fileUri", "")
    if not address:
        yield request.find("media.no_data", f"{path}.file_uri", "Send the address of the file.")
    elif request.backend == "google" and request.generation < (3, 0) and not _OWN_HOSTS.fullmatch(address):
        mistake = "media.address" if request.generation < (2, 5) else "media.link"
        fix = "Upload the file, or send its bytes as inlineData."
        yield request.find(mistake, f"{path}.file_uri", fix, value=address)
