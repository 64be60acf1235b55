"""Media as values: what they are by their content, where they come from, and what is refused before any request."""

import io
import pickle
import struct
import wave
import zlib
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Audio, ConfigurationError, File, Image, Media, Pdf, Video
from agentkit._mime import content_types
from agentkit._pictures import png_of_array
from agentkit.wire import Part
from tests.media_files import DOCX, HEADS, JPEG, MP4, PDF, PNG, RAW_SOUND, SAMPLES, WAV, base64_of

KINDS: dict[str, type[Media]] = {"image": Image, "audio": Audio, "video": Video, "application": Pdf, "text": File}


@pytest.mark.parametrize(("mime_type", "head"), HEADS.items(), ids=HEADS)
def test_a_file_is_known_by_its_first_bytes_whatever_it_is_called(mime_type: str, head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "misleading.dat"
    path.write_bytes(head)

    medium = KINDS[mime_type.partition("/")[0]].from_path(path)

    assert (medium.data, medium.mime_type, medium.display_name) == (head, mime_type, "misleading.dat")
    assert File.from_bytes(head).mime_type == mime_type


@pytest.mark.parametrize(
    ("data", "name", "mime_type"),
    [
        pytest.param(HEADS["audio/ogg"], "film.ogv", "video/ogg", id="ogg-with-pictures"),
        pytest.param(MP4, "voice.m4a", "audio/mp4", id="mp4-with-sound-only"),
        pytest.param(DOCX, "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", id="office"),
        pytest.param(b"a,b\n1,2\n", "table.csv", "text/csv", id="csv"),
        pytest.param(b'{"a": 1}', "data.json", "application/json", id="json"),
        pytest.param(b"# Title", "notes.MD", "text/markdown", id="markdown"),
        pytest.param(b"GIF is a format", "about.txt", "text/plain", id="text-that-begins-almost-like-an-image"),
    ],
)
def test_a_name_decides_what_the_bytes_leave_open(data: bytes, name: str, mime_type: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    assert File.from_path(path).mime_type == mime_type


def test_one_container_is_sound_or_video_as_it_is_meant() -> None:
    ogg = HEADS["audio/ogg"]

    assert (Audio.from_bytes(ogg).mime_type, Video.from_bytes(ogg).mime_type) == ("audio/ogg", "video/ogg")
    assert Audio.from_bytes(MP4).mime_type == "audio/mp4"


@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_bytes_have_a_type_or_none(head: bytes, name: str) -> None:
    types = content_types(head, name)

    assert len(set(types)) == len(types)
    assert all(one.count("/") == 1 for one in types)


@given(st.text(alphabet=st.characters(min_codepoint=32, codec="utf-8"), min_size=2000, max_size=5000))
def test_a_long_text_is_one_wherever_its_head_is_cut(text: str) -> None:
    assert content_types(("x" + text).encode()[:4096])[-1] == "text/plain"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: Image.from_path("/nowhere/a"), "'/nowhere/a' cannot be read: No such", id="missing"),
        pytest.param(lambda: Image.from_path("a\0b"), "cannot be read", id="an-impossible-path"),
        pytest.param(lambda: Image.from_path("."), "is no file", id="a-folder"),
        pytest.param(lambda: Image.from_bytes(b""), "is empty", id="empty"),
        pytest.param(lambda: Image.from_bytes("text"), "must be bytes, not str", id="text-for-bytes"),  # type: ignore[arg-type]
        pytest.param(lambda: Image.from_bytes(bytes(9)), "known by its content. Give mime_type", id="unknown"),
        pytest.param(lambda: Image.from_bytes(PDF), "holds application/pdf, which is not an image. Use Pdf", id="pdf"),
        pytest.param(lambda: Pdf.from_bytes(PNG), "holds image/png, which is not a PDF. Use Image", id="image"),
        pytest.param(lambda: Audio.from_bytes(b"words"), "holds text/plain, which is not sound. Use File", id="words"),
        pytest.param(lambda: Image.from_bytes(PNG, "image/jpeg"), "but its content is image/png", id="lie"),
        pytest.param(lambda: Image.from_bytes(PNG, "audio/wav"), "no type of an image", id="another-kind"),
        pytest.param(lambda: Image.from_bytes(b"BM" + bytes(20)), "image/bmp, which Gemini does not read", id="bmp"),
        pytest.param(lambda: Image(b"", "image/png"), "either bytes or a url", id="nothing-at-all"),
        pytest.param(lambda: Image(PNG, "image/png", url="https://x.example/a"), "either bytes or a url", id="both"),
        pytest.param(
            lambda: Image.from_bytes(PNG, media_resolution="max"),  # type: ignore[arg-type]
            "media_resolution='max' is not known. Choose one of 'low'",
            id="an-unknown-resolution",
        ),
        pytest.param(lambda: Image.from_file(io.StringIO("x")), 'Open it with mode "rb"', id="open-as-text"),  # type: ignore[arg-type]
        pytest.param(lambda: Image.from_url("ftp://x.example/a.png"), "the service reaches https", id="ftp"),
        pytest.param(lambda: Image.from_url("http://x.example/a.png"), "the service reaches https", id="plain-http"),
        pytest.param(lambda: Image.from_url("/home/a.png"), "the service reaches https", id="a-path-for-a-link"),
        pytest.param(lambda: Image.from_url("https://x.example/a"), "does not tell its type", id="link-of-no-type"),
        pytest.param(lambda: Image.from_url("https://x.example/a.mp3"), "audio/mpeg, which is no type", id="mp3-link"),
        pytest.param(lambda: Image.from_url("https://youtu.be/a"), "is video/mp4, which is no", id="youtube-image"),
        pytest.param(lambda: Image.from_url("https://[::1"), "is no address", id="no-address"),
        pytest.param(lambda: Image.from_url(7), "url must be a text: https", id="a-number"),  # type: ignore[arg-type]
        pytest.param(lambda: Video.from_bytes(MP4, start_s=-1), "start_s=-1 is no place", id="before-the-beginning"),
        pytest.param(lambda: Video.from_bytes(MP4, start_s=5, end_s=5), "end_s=5 is not behind", id="no-length"),
        pytest.param(lambda: Video.from_bytes(MP4, fps=25), "fps=25: give more than 0 and at most 24", id="too-fast"),
        pytest.param(lambda: Video.from_bytes(MP4, fps=0), "fps=0: give more than 0", id="no-frames"),
        pytest.param(lambda: Image.of("a.png"), "not builtins.str. For a file use Image.from_path", id="no-picture"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_works(make: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make()


@pytest.mark.parametrize("kind", [Image, Audio, Video, Pdf, File], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("from_path", None, r"path must be a text or a Path \(from_bytes takes bytes.*not NoneType"),
        ("from_path", b"a.png", "not bytes"),
        ("from_file", None, "file must be an open binary file, not NoneType"),
        ("from_file", "a.png", "not str. .*or use from_path"),
        ("from_bytes", None, "must be bytes, not NoneType"),
        ("from_url", None, "url must be a text.*not NoneType"),
    ],
)
def test_what_is_no_file_at_all_is_refused_in_a_sentence(kind: Any, name: str, value: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        getattr(kind, name)(value)


@pytest.mark.parametrize("take", [partial(Image.from_bytes, PNG), partial(Image.from_url, "https://x.example/a")])
def test_a_type_that_is_no_text_is_refused_in_a_sentence(take: Any) -> None:
    with pytest.raises(ConfigurationError, match='mime_type must be a text: "image/png", not int'):
        take(mime_type=3)


def test_a_file_that_no_request_can_hold_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.truncate(80 * 1024 * 1024)

    with pytest.raises(ConfigurationError, match=r"long.mp4' has 83,886,080 bytes.*client.files.upload"):
        Video.from_path(path)


def test_a_type_may_have_several_names() -> None:
    assert Audio.from_bytes(WAV, "audio/x-wav").mime_type == "audio/x-wav"
    assert File.from_bytes(b"fn main() {}", "text/x-rust").mime_type == "text/x-rust"
    assert Image.from_bytes(bytes(9), "image/x-new").mime_type == "image/x-new"  # the caller knows better


def test_an_open_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"head" + PNG)
    with path.open("rb") as file:
        file.seek(4)

        image = Image.from_file(file)

    assert (image.data, image.mime_type, image.display_name) == (PNG, "image/png", "a.png")


def test_an_open_file_that_fails_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        pass

    with pytest.raises(ConfigurationError, match=r"'a.png' cannot be read: .*closed"):
        Image.from_file(file)


def test_a_medium_is_a_part_of_a_content_in_the_words_of_the_wire() -> None:
    parts = [
        Image.from_bytes(PNG, media_resolution="ultra_high"),
        Video.from_url("https://youtu.be/abc", start_s=2, end_s=10.5, fps=0.2),
        Pdf.from_url("gs://bucket/a.pdf"),
        Video.from_bytes(MP4),
    ]

    assert [one.part().to_wire() for one in parts] == [
        {
            "inlineData": {"mimeType": "image/png", "data": base64_of(PNG)},
            "mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"},
        },
        {
            "fileData": {"fileUri": "https://youtu.be/abc", "mimeType": "video/mp4"},
            "videoMetadata": {"startOffset": "2s", "endOffset": "10.5s", "fps": 0.2},
        },
        {"fileData": {"fileUri": "gs://bucket/a.pdf", "mimeType": "application/pdf"}},
        {"inlineData": {"mimeType": "video/mp4", "data": base64_of(MP4)}},
    ]


def test_an_uploaded_files_address_needs_no_type() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/files/abc"

    assert File.from_url(url).part().to_wire() == {"fileData": {"fileUri": url}}


@given(st.binary(min_size=1), st.sampled_from(["image/png", "image/x-y"]))
def test_a_part_gives_the_medium_back(data: bytes, mime_type: str) -> None:
    image = Image(data, mime_type)

    assert Image.from_part(image.part()) == image
    assert Audio.from_part(image.part()) is None


@pytest.mark.parametrize("data", ["", "!!", "abcde", 7, None])
def test_a_part_that_cannot_be_decoded_is_no_medium(data: Any) -> None:
    assert Image.from_part(Part.parse({"inlineData": {"mimeType": "image/png", "data": data}})) is None


def test_media_are_values() -> None:
    first, second = Image.from_bytes(PNG), Image.from_bytes(PNG)

    assert (first == second, hash(first) == hash(second), first == File.from_bytes(PNG)) == (True, True, False)
    assert pickle.loads(pickle.dumps(first)) == first
    shown = repr(Image.from_bytes(PNG, display_name="a.png"))
    assert shown == "Image(mime_type='image/png', display_name='a.png', media_resolution=None)"
    with pytest.raises(AttributeError):
        first.data = b""  # type: ignore[misc]


def test_an_image_is_saved_and_shown_by_notebooks(tmp_path: Path) -> None:
    png, jpeg = Image.from_bytes(PNG), Image.from_bytes(JPEG)

    path = png.save(tmp_path / "a.png")

    assert path.read_bytes() == PNG
    assert (png._repr_png_(), png._repr_jpeg_()) == (PNG, None)  # pyright: ignore[reportPrivateUsage]  # IPython asks
    assert (jpeg._repr_png_(), jpeg._repr_jpeg_()) == (None, JPEG)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ConfigurationError, match=r"An image at 'https://x.example/a.png' is a link"):
        Image.from_url("https://x.example/a.png?sig=secret").save(tmp_path / "b.png")


NAMED = [
    pytest.param(Image.from_bytes(PNG), "a.jpg", "name for image/jpeg.*image/png. End it with '.png'", id="a-png"),
    pytest.param(Image.from_bytes(JPEG), "a.PNG", "hold image/jpeg. End it with '.jpg'", id="a-large-ending"),
    pytest.param(Image(PNG, "image/jpeg"), "a.jpg", "hold image/png", id="by-its-content"),
    pytest.param(Image(bytes(9), "image/png"), "a.jpg", "hold image/png", id="by-its-type-where-the-content-says-none"),
    pytest.param(Audio(SAMPLES, RAW_SOUND), "a.mp3", "hold audio/wav. End it with '.wav'", id="speech"),
    pytest.param(File.from_bytes(b"words"), "a.pdf", "hold text/plain. End it with '.txt'", id="words"),
]


@pytest.mark.parametrize(("medium", "name", "words"), NAMED)
def test_a_file_is_not_saved_under_a_name_that_lies(medium: Media, name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=words):
        medium.save(tmp_path / name)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("medium", "name"),
    [
        (Image.from_bytes(JPEG), "a.jpeg"),
        (Image.from_bytes(PNG), "a"),
        (Image.from_bytes(PNG), "a.v2"),
        (Image(PNG, "image/jpeg"), "a.png"),
        (File.from_bytes(b"a,b", "text/csv"), "a.csv"),
        (File.from_bytes(b"x = 1"), "a.py"),
        (File.from_bytes(DOCX), "a.docx"),
        (Video.from_bytes(MP4), "a.mp4"),
        (Audio.from_bytes(WAV), "a.wav"),
    ],
)
def test_a_name_that_says_the_right_type_or_none_may_be_chosen(medium: Media, name: str, tmp_path: Path) -> None:
    path = medium.save(tmp_path / name)

    assert path == tmp_path / name
    assert path.read_bytes() == medium.data


@pytest.mark.parametrize(("mime_type", "head"), HEADS.items(), ids=HEADS)
def test_every_medium_can_be_saved_under_the_ending_that_it_tells(mime_type: str, head: bytes, tmp_path: Path) -> None:
    medium = File(head, mime_type)

    path = medium.save(tmp_path / f"a{medium.suffix}")

    assert medium.suffix
    assert File.from_path(path).mime_type == mime_type


def test_a_medium_tells_its_ending() -> None:
    link, unknown = Image.from_url("https://x.example/a.png"), Image(bytes(9), "image/x-new")

    assert (Image.from_bytes(PNG).suffix, Audio(SAMPLES, RAW_SOUND).suffix) == (".png", ".wav")
    assert (link.suffix, unknown.suffix) == ("", "")


@pytest.mark.parametrize("path", [None, 3, b"a.png"], ids=repr)
def test_what_is_no_path_is_refused_in_a_sentence(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="path must be a text or a Path, not"):
        Image.from_bytes(PNG).save(path)


@pytest.mark.parametrize(
    ("mime_type", "rate", "channels"),
    [(RAW_SOUND, 24000, 1), ("audio/L16;rate=16000;channels=2", 16000, 2), ("audio/pcm", 24000, 1)],
)
def test_raw_sound_becomes_a_wav_file(mime_type: str, rate: int, channels: int, tmp_path: Path) -> None:
    path = Audio(SAMPLES + b"\x01", mime_type).save(tmp_path / "a.wav")

    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (rate, channels, 2)
        assert sound.readframes(99) == SAMPLES
    assert path.stat().st_size == 44 + len(SAMPLES)
    assert Audio.from_path(path).mime_type == "audio/wav"


def test_sound_that_is_a_file_already_stays_as_it_is() -> None:
    assert Audio.from_bytes(WAV).wav() == WAV


# Pictures of other libraries, in the shape in which these have them.


def fake_array(pixels: Any, shape: tuple[int, ...], dtype: str) -> Any:
    return SimpleNamespace(
        shape=shape, dtype=dtype, tobytes=lambda: bytes(pixels), astype=lambda kind: fake_array(pixels, shape, kind)
    )


def unpacked(png: bytes) -> tuple[int, int, int, bytes]:
    """Return width, height, colour type and pixels of a PNG file, each check sum verified."""
    at, data, header = 8, b"", b""
    while at < len(png):
        [size] = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + body)
        header, data = (body, data) if kind == b"IHDR" else (header, data + body if kind == b"IDAT" else data)
        at += size + 12
    width, height, _, colour = struct.unpack_from(">IIBB", header)
    lines = zlib.decompress(data)
    step = len(lines) // height
    assert {lines[row * step] for row in range(height)} == {0}
    return width, height, colour, b"".join(lines[row * step + 1 : (row + 1) * step] for row in range(height))


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.data())
def test_pixels_become_a_png_that_holds_them(width: int, height: int, channels: int, data: Any) -> None:
    size = width * height * channels
    pixels = data.draw(st.binary(min_size=size, max_size=size))

    png = png_of_array(pixels, width, height, channels)

    assert unpacked(png) == (width, height, {1: 0, 3: 2, 4: 6}[channels], pixels)
    assert Image.from_bytes(png).mime_type == "image/png"


def test_an_array_of_pixels_is_an_image() -> None:
    image = Image.of(fake_array([1, 2, 3, 4, 5, 6], (1, 2, 3), "uint8"), display_name="dots.png")

    assert unpacked(image.data) == (2, 1, 2, bytes([1, 2, 3, 4, 5, 6]))
    assert image.display_name == "dots.png"


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (fake_array([], (3,), "uint8"), r"shape \(3,\) is no image"),
        (fake_array([], (2, 2, 2), "uint8"), "is no image. Give"),
        (fake_array([], (0, 2), "uint8"), "is no image"),
        (fake_array([1] * 4, (2, 2), "int64"), "int64 is no image. Give uint8"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Image.of(array)


class FakePicture:
    """A PIL image, as far as it is asked for anything."""

    def __init__(self, written: str | None = None, mode: str = "RGB") -> None:
        self.format, self.mode, self.size = written, mode, (1, 1)

    def convert(self, mode: str) -> "FakePicture":
        return FakePicture(None, mode)

    def save(self, file: io.BytesIO, format: str, quality: int = 75) -> None:  # noqa: A002  # PIL's own name
        assert self.mode in ("RGB", "RGBA", "L") or format == "JPEG"
        assert quality > 90 or format != "JPEG"
        file.write({"PNG": PNG, "JPEG": JPEG}[format])


@pytest.mark.parametrize(
    ("picture", "mime_type"),
    [
        (FakePicture(), "image/png"),
        (FakePicture("JPEG", "CMYK"), "image/jpeg"),
        (FakePicture("TIFF"), "image/png"),
        (FakePicture(mode="CMYK"), "image/png"),
    ],
    ids=["made", "read-from-jpeg", "read-from-tiff", "in-colours-that-png-has-not"],
)
def test_a_picture_of_pil_keeps_a_format_that_gemini_takes(picture: FakePicture, mime_type: str) -> None:
    assert Image.of(picture).mime_type == mime_type


def test_a_figure_is_drawn_as_png_also_by_its_axes() -> None:
    figure = SimpleNamespace(savefig=lambda file, format: file.write({"png": PNG}[format]))  # noqa: A006

    assert Image.of(figure).data == PNG
    assert Image.of(SimpleNamespace(figure=figure)).data == PNG


def test_a_library_that_fails_is_named() -> None:
    def fail(file: object, format: str) -> None:  # noqa: A002
        raise OSError("no font")

    with pytest.raises(ConfigurationError, match="SimpleNamespace cannot be written as an image: no font"):
        Image.of(SimpleNamespace(savefig=fail))


@pytest.mark.parametrize("kind", ["uint8", "float64", "bool"])
def test_real_arrays_are_images(kind: str) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.array([[0, 1]], dtype=kind)

    assert unpacked(Image.of(array).data)[3] == bytes([0, 1] if kind == "uint8" else [0, 255])


def test_real_pictures_and_figures_are_images() -> None:
    pil = pytest.importorskip("PIL.Image")

    assert Image.of(pil.new("RGB", (2, 3))).data.startswith(b"\x89PNG")
