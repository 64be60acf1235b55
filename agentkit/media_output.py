"""Answers that are images or speech: how they are asked for, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import groupby
from typing import Any

from agentkit import wire
from agentkit._checks import check_kind
from agentkit._frozen import frozen
from agentkit._sound import is_raw_sound
from agentkit.errors import ConfigurationError, OutputInvalid
from agentkit.media import Audio, Image, Media
from agentkit.models import facts, known_models

__all__ = ["Speech", "media_config", "media_kind", "read_answer", "read_output", "read_speech"]

_MODALITY: Mapping[type[Media], str] = {Image: "IMAGE", Audio: "AUDIO"}
# Source: the ratios and sizes in Google's discovery document, in the form in which `imageConfig` takes them.
_RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "1:8", "8:1", "1:4", "4:1"]
_SIZES = ["512", "1K", "2K", "4K"]


@frozen
class Speech:
    """How an answer sounds: `Speech("Kore")`, or `Speech(speakers={"Joe": "Kore", "Jane": "Puck"})` for a dialogue.

    Attributes:
        voice: The name of a voice of Gemini's, for all of it.
        speakers: Voices by the names that the prompt gives to who speaks; in place of `voice`.
        language: For example `"en-US"`; empty leaves it to the model.
    """

    voice: str = field(default="", kw_only=False)
    speakers: Mapping[str, str] = field(default_factory=dict[str, str])
    language: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigurationError unless it says something, and only one thing."""
        if self.voice and self.speakers:
            raise ConfigurationError("Speech takes a voice or speakers={...}, not both: the service refuses that.")
        if not (self.voice or self.speakers or self.language):
            raise ConfigurationError('Speech says nothing. Give a voice, Speech("Kore"), or speakers={"Joe": "Kore"}.')
        check_kind("Speech(speakers)", self.speakers, Mapping, 'a dict of voices: {"Joe": "Kore", "Jane": "Puck"}')
        names: list[object] = [self.voice, self.language, *self.speakers, *self.speakers.values()]
        if not all(isinstance(name, str) for name in names) or not all(names[2:]):
            raise ConfigurationError("Voices, speakers and languages are names: texts that are not empty.")

    def to_wire(self) -> wire.SpeechConfig:
        """Return it as the request holds it."""
        fields: dict[str, Any] = {"language_code": self.language} if self.language else {}
        if self.voice:
            fields["voice_config"] = _voice(self.voice)
        if self.speakers:
            speakers = [
                wire.SpeakerVoiceConfig(speaker=name, voice_config=_voice(voice))
                for name, voice in self.speakers.items()
            ]
            fields["multi_speaker_voice_config"] = wire.MultiSpeakerVoiceConfig(speaker_voice_configs=speakers)
        return wire.SpeechConfig(**fields)


def _voice(name: str) -> wire.VoiceConfig:
    return wire.VoiceConfig(prebuilt_voice_config=wire.PrebuiltVoiceConfig(voice_name=name))


def media_kind(output: object) -> type[Media] | None:
    """Return `output` if it is a kind of media that a model can answer with; None if it is no medium at all.

    Raises:
        ConfigurationError: It is one, but no model answers with it.
    """
    if not (isinstance(output, type) and issubclass(output, Media)):
        return None
    if output not in _MODALITY:
        raise ConfigurationError(f"No model answers with {output.__name__}. Use output=Image, output=Audio, or text.")
    return output


def media_config(
    models: Sequence[str],
    kind: type[Media] | None,
    generation: Mapping[str, Any],
    *,
    speech: Speech | None,
    aspect_ratio: str | None,
    image_size: str | None,
    has_functions: bool,
    has_builtins: bool,
) -> Mapping[str, Any]:
    """Return `generationConfig` with what asks for answers of this kind. Modalities that are set by hand are kept.

    Raises:
        ConfigurationError: One of the models does not answer so, or a setting does not fit to the answer.
    """
    config = wire.GenerationConfig.parse(generation)
    is_by_hand = config.response_modalities is not None
    for model in () if is_by_hand else models:
        _check_model(model, kind, has_functions=has_functions, has_builtins=has_builtins)
    fields: dict[str, Any] = {}
    if kind is not None and not is_by_hand:
        fields["response_modalities"] = ["TEXT", "IMAGE"] if kind is Image else ["AUDIO"]
    if speech is not None:
        if kind is not Audio and not is_by_hand:
            raise ConfigurationError("speech=... is about spoken answers. Pass output=Audio, too.")
        fields["speech_config"] = speech.to_wire()
    image = _image_fields(models, aspect_ratio, image_size)
    if image:
        before = config.image_config if config.image_config is not None else wire.ImageConfig()
        fields["image_config"] = before.replace(**image)
    return config.replace(**fields).to_wire()


def read_output(parts: Sequence[wire.Part], kind: type[Media]) -> Media:
    """Return the answer: its first image, or all of its speech in one.

    Raises:
        OutputInvalid: There is none; the problem is a sentence for the model.
    """
    pieces = read_answer(parts)
    found = read_speech(parts) if kind is Audio else next((one for one in pieces if isinstance(one, kind)), None)
    if found is None:
        said = "".join(piece for piece in pieces if isinstance(piece, str))
        raise OutputInvalid(f"it holds no {'speech' if kind is Audio else 'image'}.", said)
    return found


def read_answer(parts: Iterable[wire.Part]) -> list[str | Media]:
    """Return what an answer says and shows, in its order, without thoughts. Neighbouring texts, and sounds, are one."""
    return [_joined(list(group)) for _, group in groupby(_pieces(parts), _joins_with)]


def read_speech(parts: Iterable[wire.Part]) -> Audio | None:
    """Return all speech of an answer in one, which a stream brings in pieces; None if there is none.

    Where the pieces are files of their own, which cannot be put together, it is the first.
    """
    heard = [piece for piece in _pieces(parts) if isinstance(piece, Audio)]
    if not heard or not is_raw_sound(heard[0].mime_type):
        return heard[0] if heard else None
    return _joined_sound([piece for piece in heard if piece.mime_type == heard[0].mime_type])


def _pieces(parts: Iterable[wire.Part]) -> Iterator[str | Media]:
    for part in parts:
        if part.thought:  # also images that the model made on its way
            continue
        if part.text:
            yield part.text
        elif (found := Image.from_part(part) or Audio.from_part(part)) is not None:
            yield found


def _joins_with(piece: str | Media) -> object:
    """Return what is equal for neighbours that are one: for texts, and for raw sound of one type."""
    if isinstance(piece, str):
        return str
    return piece.mime_type if is_raw_sound(piece.mime_type) else object()


def _joined(group: Sequence[str | Media]) -> str | Media:
    sounds = [piece for piece in group if isinstance(piece, Audio)]
    if len(sounds) > 1:
        return _joined_sound(sounds)
    return group[0] if isinstance(group[0], Media) else "".join(piece for piece in group if isinstance(piece, str))


def _joined_sound(pieces: Sequence[Audio]) -> Audio:
    return Audio(b"".join(piece.data for piece in pieces), pieces[0].mime_type)


def _check_model(model: str, kind: type[Media] | None, *, has_functions: bool, has_builtins: bool) -> None:
    """Refuse what is known not to work; a model that is not listed may do more than its name tells."""
    allowed = facts(model)
    if not (allowed.known and allowed.output):
        return
    if kind is not None and _MODALITY[kind] not in allowed.output:
        able = [one.id for one in known_models() if _MODALITY[kind] in one.output and one.status != "shutdown"]
        raise ConfigurationError(
            f"{model} answers with {_words(allowed.output)} only. "
            f"For output={kind.__name__} use {' or '.join(able[:3])}."
        )
    if kind is None and "TEXT" not in allowed.output:
        raise ConfigurationError(f"{model} answers with {_words(allowed.output)} only. Pass output=Audio.")
    # Source: Google's page of gemini-3.1-flash-tts-preview, where each kind of tool is "Not supported".
    if "TEXT" not in allowed.output and (has_functions or has_builtins):
        raise ConfigurationError(
            f"{model} speaks and calls no tools. Leave tools out: let another agent find the words, and this one say "
            "them."
        )
    is_old = allowed.generation is not None and allowed.generation < (3, 0)
    if "IMAGE" in allowed.output and is_old and has_functions:
        raise ConfigurationError(
            f"{model} makes images and calls no functions. Leave tools out, or use an image model of Gemini 3."
        )


def _words(modalities: Sequence[str]) -> str:
    return " and ".join(modality.lower() for modality in modalities)


def _image_fields(models: Sequence[str], aspect_ratio: str | None, image_size: str | None) -> dict[str, str]:
    given = {"aspect_ratio": aspect_ratio, "image_size": image_size}
    fields = {name: value for name, value in given.items() if value is not None}
    for allowed in map(facts, models if fields else ()):
        if allowed.known and "IMAGE" not in allowed.output:
            name = next(iter(fields))
            raise ConfigurationError(f"{name}=... is for models that make images; {allowed.id} makes none.")
    for name, choices in (("aspect_ratio", _RATIOS), ("image_size", _SIZES)):
        if name in fields and fields[name] not in choices:
            raise ConfigurationError(f"{name}={fields[name]!r} is not known. Choose one of {', '.join(choices)}.")
    return fields
