"""Frames as they are coded are cut and pasted into as pictures are, and nothing else of them changes."""

from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageFilter

from anime2real.face.paste_back import grain
from anime2real.image.picture import light
from anime2real.video.clip import ClipLimits
from anime2real.video.coded import Coded
from anime2real.video.film import Film
from anime2real.video.upright import coded_space, upright, usual_space

SIZE = (336, 192)


def frame_of(size: tuple[int, int] = SIZE, kind: str = "yuv420p") -> Any:
    """Colours that change slowly, coded."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    colours = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    rgb = av.VideoFrame.from_ndarray(np.asarray(colours), format="rgb24")
    return VideoReformatter().reformat(rgb, format=kind, dst_colorspace=usual_space(rgb), dst_color_range=1)


def planes(picture: Coded) -> list[np.ndarray[Any, Any]]:
    frame = picture.encodable()
    return [np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[:, : p.width].copy() for p in frame.planes]


def test_a_part_is_as_in_the_whole() -> None:
    frame = frame_of()
    coded, whole = Coded(frame, usual_space(frame)), upright(frame, VideoReformatter(), SIZE)
    np.testing.assert_array_equal(np.asarray(coded.whole), np.asarray(whole))
    for box in ((0, 0, 64, 64), (33, 17, 150, 120), (201, 99, 336, 192), (7, 0, 8, 192)):
        np.testing.assert_array_equal(np.asarray(coded.crop(box)), np.asarray(whole.crop(box)))
    narrow = frame_of((90, 50))
    wide = VideoReformatter().reformat(narrow, format="rgb24", src_colorspace=usual_space(narrow)).to_ndarray()
    assert np.abs(np.asarray(Coded(narrow, usual_space(narrow)).whole).astype(int) - wide).max() <= 2


def test_what_is_pasted_is_there_and_nothing_else_changes() -> None:
    frame = frame_of()
    coded = Coded(frame, usual_space(frame))
    before = planes(coded)
    part = Image.new("RGB", (101, 75), (200, 120, 60))
    mask = Image.new("L", part.size)
    mask.paste(255, (20, 20, 80, 55))
    mask = mask.filter(ImageFilter.GaussianBlur(4))
    wanted, pasted = coded.whole.copy(), coded.copy()
    wanted.paste(part, (57, 41), mask)
    pasted.paste(part, (57, 41), mask)
    apart = np.abs(np.asarray(pasted.whole).astype(int) - np.asarray(wanted))
    assert np.quantile(apart, 0.999) <= 10  # a place of colour is two by two pixels
    assert apart.mean() < 1
    for plane, (old, new), share in zip("yuv", zip(before, planes(pasted), strict=True), (1, 2, 2), strict=True):
        outside = np.ones(old.shape, bool)
        outside[41 // share : -(-116 // share), 57 // share : -(-158 // share)] = False
        assert (old == new)[outside].all(), plane
        assert not (old == new).all(), plane
    for old, new in zip(before, planes(coded), strict=True):  # what was copied stays
        np.testing.assert_array_equal(old, new)


def test_its_light_is_that_of_the_picture() -> None:
    frame = frame_of()
    grey = np.asarray(Coded(frame, usual_space(frame)).grey((32, 18)), float)
    red, green, blue = (
        np.asarray(c.resize((32, 18), Image.Resampling.BOX), float)
        for c in Coded(frame, usual_space(frame)).whole.split()
    )
    assert abs(grey - (0.299 * red + 0.587 * green + 0.114 * blue)).mean() < 3  # BT.601, since it is no HD


def test_its_grain_is_that_of_the_picture() -> None:
    noise = np.random.default_rng(0).normal(128, 5, (SIZE[1], SIZE[0], 1)).repeat(3, -1)
    rgb = av.VideoFrame.from_ndarray(np.rint(noise).astype(np.uint8), format="rgb24")
    coded = Coded(VideoReformatter().reformat(rgb, format="yuv420p", dst_color_range=1), usual_space(rgb))
    box, everywhere = (33, 17, 150, 120), (0, 0, *SIZE)
    np.testing.assert_allclose(light(coded, box), light(coded.whole, box), atol=3)
    np.testing.assert_array_equal(light(coded, everywhere)[17:120, 33:150], light(coded, box))
    of_light, of_picture = (grain(light(p, everywhere), np.ones(SIZE[::-1], bool)) for p in (coded, coded.whole))
    assert of_light == pytest.approx(of_picture, rel=0.02)
    assert of_light == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(
    ("kind", "size", "changed"),
    [
        ("yuv420p", SIZE, {}),
        ("yuv444p", SIZE, {}),
        ("yuvj420p", SIZE, {}),
        ("yuv420p", (335, 191), {}),
        ("yuv420p", SIZE, {"colorspace": 1}),
        ("yuv420p", SIZE, {"colorspace": 6}),
        ("yuv420p", SIZE, {"color_trc": 16}),
        ("yuv420p", SIZE, {"color_range": 2}),
    ],
)
def test_what_is_coded_otherwise_than_results_becomes_rgb(kind: str, size: tuple[int, int], changed: Any) -> None:
    frame = frame_of(size, kind)
    for name, value in changed.items():
        setattr(frame, name, value)
    as_results = kind == "yuv420p" and size == SIZE and changed in ({}, {"colorspace": 6})
    assert (coded_space(frame, size) is not None) == as_results
    assert coded_space(frame, (672, 192)) is None  # its pixels are not square


def test_frames_of_a_film_are_encoded_as_they_are(tmp_path: Path) -> None:
    """Without a face, what is between decoder and encoder changes nothing."""
    pictures, _ = clips.moving(4)
    clips.encode(tmp_path / "clip.mp4", pictures)
    film = Film(tmp_path / "clip.mp4", ClipLimits())
    frames = list(film.frames())
    assert all(isinstance(frame.picture, Coded) for frame in frames)
    film.write_segment(tmp_path / "part.nut", iter(frames))
    with av.open(str(tmp_path / "part.nut")) as made, av.open(str(tmp_path / "clip.mp4")) as source:
        for one, other in zip(made.decode(video=0), source.decode(video=0), strict=True):
            light = [f.to_ndarray().astype(int) for f in (one, other)]
            assert np.abs(light[0] - light[1]).mean() < 2
