"""Pictures that are refused: too large, cut off, damaged, of other kinds."""

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import LOSSLESS, LOSSY, noise, png, refusal, saved, smooth
from PIL import Image, ImageFile

from anime2real.image.decode import Limits, PictureError, decode, reader_of

# What is refused


def test_a_65000_by_65000_header_is_refused_before_decoding() -> None:
    content = png(65_000, 65_000, 8, 2, b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own would be a second line
        message = refusal(content, name="bomb.png")
    assert message.startswith("bomb.png has 65000×65000 = 4,225,000,000 pixels, more than the 52,000,000 allowed")


@pytest.mark.parametrize("kind", [*LOSSY, *LOSSLESS, "GIF"])
def test_the_limit_on_pixels_is_exact_and_comes_before_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(smooth(10, 10), kind)
    assert decode(content, limits=Limits(max_pixels=100)).size == (10, 10)

    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(reader_of(kind, "a picture"), "load", decoded)
    assert "99 allowed" in refusal(content, limits=Limits(max_pixels=99))


def test_a_gif_frame_beyond_its_screen_is_refused() -> None:
    content = bytearray(saved(Image.new("P", (8, 8)), "GIF"))
    frame = content.index(b"\x2c")
    content[frame + 5 : frame + 9] = struct.pack("<HH", 65_000, 65_000)
    assert "52,000,000 allowed" in refusal(bytes(content))


def test_the_limit_on_bytes(tmp_path: Path) -> None:
    content = saved(smooth(), "PNG")
    path = tmp_path / "large.png"
    path.write_bytes(content)
    for source in (content, path):
        assert decode(source, limits=Limits(max_bytes=len(content)))
        assert f"more bytes than the {len(content) - 1:,} allowed" in refusal(
            source, limits=Limits(max_bytes=len(content) - 1)
        )


@pytest.mark.parametrize("lenient", [False, True], ids=["", "LOAD_TRUNCATED_IMAGES"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", [*LOSSY, *LOSSLESS, "GIF"])
def test_cut_off(kind: str, share: float, lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    content = saved(noise(), kind)
    assert "damaged or cut off" in refusal(content[: int(len(content) * share)], name="cut")


def test_a_header_alone_ends_early() -> None:
    header = saved(Image.new("RGB", (9, 9)), "PNG")[:33]
    assert "(the file ends early)" in refusal(header, name="header")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"just some notes", "not a picture of a known kind"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"GIF89a", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"RIFF\x04\0\0\0WEBP", "damaged"),
        (b"\0\0\0\x1cftypavif" + bytes(16), "damaged"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(4), "is HEIC"),
        (b"\0\0\0\x1cftypisom\0\0\0\0isomavc1" + bytes(4), "a video"),
        (b"%PDF-1.7", "is PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture of a known kind"),
    ],
)
def test_false_files(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path} ")
    assert said in message


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA"])
def test_formats_that_are_not_on_the_list(kind: str) -> None:
    assert "convert it to one of JPEG, PNG" in refusal(saved(smooth(), kind))


def test_the_name_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "face.txt"
    path.write_bytes(saved(smooth(), "WEBP"))
    assert decode(str(path)).format == "WEBP"


def test_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not there" in refusal(tmp_path / "none.png")
    assert "is a folder" in refusal(tmp_path)
    assert "cannot be read" in refusal("a\0b.png")
    path = tmp_path / "locked.png"
    path.write_bytes(saved(smooth(), "PNG"))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # as root, no file is unreadable
    assert "cannot be read (Permission denied)" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in refusal(tmp_path / "pipe.png")


def test_a_name_stays_on_its_line() -> None:
    assert refusal("two\nlines\x1b[31m\udcff.png").startswith("two?lines?[31m?.png is not there")


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from([*LOSSY, *LOSSLESS, "GIF"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4),
    share=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_damaged_file_is_a_picture_or_one_line(kind: str, changes: list[tuple[float, bytes]], share: float) -> None:
    content = bytearray(saved(smooth(), kind, **({} if kind == "GIF" else (LOSSY | LOSSLESS)[kind])))
    for place, data in changes:
        start = int(place * len(content))
        content[start : start + len(data)] = data
    try:
        result = decode(bytes(content[: int(len(content) * share)]), limits=Limits(max_pixels=1_000_000)).image.mode
    except PictureError as error:
        result = str(error)
    assert result == "RGB" or (result.isprintable() and ": " in result)


@pytest.mark.parametrize("value", [True, 0, 1.5, "7"])
@pytest.mark.parametrize("name", ["max_bytes", "max_pixels"])
def test_limits_are_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(PictureError, match=f"^{name} is a whole number from 1, not {value!r}$"):
        Limits(**{name: value})


def test_true_is_no_level_of_a_background() -> None:
    with pytest.raises(PictureError, match="background is three whole numbers from 0 to 255"):
        decode(saved(smooth(), "PNG"), background=(True, 0, 0))
