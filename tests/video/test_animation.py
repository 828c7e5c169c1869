"""Animated GIF, WebP and PNG: durations and rounds kept, faces replaced, marked; no PyAV needed."""

import os
import subprocess
import sys
from pathlib import Path

import clips
import numpy as np
import pytest
import tiny
from PIL import Image

from anime2real.image import provenance as marks
from anime2real.image.decode import Limits
from anime2real.image.files import clip_kind
from anime2real.image.provenance import read_marks
from anime2real.translator import Translator
from anime2real.video.animation import Animation
from anime2real.video.clip import ClipError, ClipLimits
from anime2real.video.translate import ClipOptions, translate_clip

DURATIONS = [40, 120, 40, 200, 80, 40]


@pytest.fixture(scope="module")
def frames() -> list[Image.Image]:
    return clips.moving(len(DURATIONS), size=(200, 200), side=170)[0]


def save(path: Path, frames: list[Image.Image], **options: object) -> Path:
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=DURATIONS, **options)  # type: ignore[arg-type]
    return path


def durations(path: Path) -> list[int]:
    with Image.open(path) as picture:
        shown = []
        for number in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(number)
            picture.load()
            shown.append(round(picture.info["duration"]))
        return shown


@pytest.mark.parametrize(("suffix", "loop"), [("gif", 0), ("gif", 3), ("webp", 2), ("png", 4)])
def test_an_animated_picture_stays_one(tmp_path: Path, frames: list[Image.Image], suffix: str, loop: int) -> None:
    source = save(tmp_path / f"in.{suffix}", frames, loop=loop)
    assert clip_kind(source) == "animation"
    translator = Translator(tiny.write_bundle(tmp_path / "b", tiny.model(scale=-1.0)), threads=1)
    target = tmp_path / f"out.{suffix}"
    result = translate_clip(source, target, lambda to: translator)
    assert durations(target) == durations(source) == DURATIONS
    assert result.frames == len(DURATIONS)
    with Image.open(source) as before, Image.open(target) as after:
        assert after.info.get("loop") == before.info.get("loop")
        assert after.format == before.format
        one, two = (np.asarray(p.convert("RGB")).astype(float) for p in (before, after))
    assert abs(one[100:130, 90:110].mean() + two[100:130, 90:110].mean() - 255) < 20
    assert np.abs(one[:20, :20] - two[:20, :20]).mean() < 8
    assert read_marks(target)["DigitalSourceType"] == marks.GENERATED
    assert "DigitalSourceType" not in read_marks(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", f"in.{suffix}", f"out.{suffix}"]


def test_a_gif_that_plays_once_goes_on_playing_once(tmp_path: Path, frames: list[Image.Image]) -> None:
    source = save(tmp_path / "in.gif", frames)
    translator = Translator(tiny.write_bundle(tmp_path / "b"), threads=1)
    translate_clip(source, tmp_path / "out.gif", lambda to: translator)
    with Image.open(tmp_path / "out.gif") as picture:
        assert "loop" not in picture.info


def test_the_cover_of_a_png_is_no_frame(tmp_path: Path, frames: list[Image.Image]) -> None:
    source = tmp_path / "in.png"
    cover = clips.background((200, 200), 9)
    cover.save(source, save_all=True, append_images=frames, duration=DURATIONS, default_image=True, loop=0)
    assert len(list(Animation(source, ClipLimits(), (255, 255, 255)).frames())) == len(DURATIONS)


def test_what_is_transparent_lies_on_the_background(tmp_path: Path) -> None:
    clear = [Image.new("RGBA", (30, 30), (255, 0, 0, 128 * i)) for i in range(2)]
    clear[0].save(tmp_path / "in.png", save_all=True, append_images=clear[1:], duration=100)
    first, second = Animation(tmp_path / "in.png", ClipLimits(), (0, 0, 255)).frames()
    assert first.image.getpixel((5, 5)) == (0, 0, 255)
    assert np.abs(np.asarray(second.image)[5, 5] - np.array([128, 0, 127])).max() < 3
    assert first.cutout is not None
    assert first.cutout.getpixel((5, 5)) == (255, 0, 0, 0)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_what_is_transparent_stays_so(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGBA", (30, 30), (0, 0, 0, 0)) for _ in range(3)]
    for place, frame in enumerate(frames):
        frame.paste((200, 50, 50, 255), (5 * place, 5, 5 * place + 10, 15))
    frames[0].save(tmp_path / f"in.{suffix}", save_all=True, append_images=frames[1:], duration=100, disposal=2)
    clip = Animation(tmp_path / f"in.{suffix}", ClipLimits(), (255, 255, 255))
    clip.write_segment(tmp_path / "segment.npy", clip.frames())
    clip.join([tmp_path / "segment.npy"], tmp_path / f"out.{suffix}")
    with Image.open(tmp_path / f"out.{suffix}") as made:
        for place in range(3):
            made.seek(place)
            alpha = np.asarray(made.convert("RGBA"))[..., 3]
            assert (alpha[10, 5 * place + 5], alpha[10, (5 * place + 20) % 30]) == (255, 0)


def test_frames_are_set_upright(tmp_path: Path, frames: list[Image.Image]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    first, *rest = (frame.crop((0, 0, 40, 20)) for frame in frames[:3])
    first.save(tmp_path / "in.webp", save_all=True, append_images=rest, exif=exif.tobytes(), lossless=True)
    made = next(Animation(tmp_path / "in.webp", ClipLimits(), (255, 255, 255)).frames()).image
    assert np.array_equal(np.asarray(made), np.asarray(first.transpose(Image.Transpose.ROTATE_270)))


@pytest.mark.parametrize(
    "limits",
    [ClipLimits(max_frames=5), ClipLimits(max_animation_pixels=200_000), ClipLimits(picture=Limits(max_pixels=10_000))],
)
def test_limits(tmp_path: Path, frames: list[Image.Image], limits: ClipLimits) -> None:
    source = save(tmp_path / "in.gif", frames)
    with pytest.raises(ClipError, match="more than the"):
        Animation(source, limits, (255, 255, 255))


def test_a_gif_cut_short_is_one_line_and_leaves_nothing(tmp_path: Path, frames: list[Image.Image]) -> None:
    source = save(tmp_path / "in.png", frames)
    source.write_bytes(source.read_bytes()[:-2000])
    translator = Translator(tiny.write_bundle(tmp_path / "b"), threads=1)
    with pytest.raises(ClipError, match="damaged or cut off"):
        translate_clip(source, tmp_path / "out.png", lambda to: translator)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "in.png"]


def test_still_pictures_are_no_clips(tmp_path: Path, frames: list[Image.Image]) -> None:
    for suffix in ("gif", "webp", "png", "jpg", "avif"):
        frames[0].save(tmp_path / f"still.{suffix}")
        assert clip_kind(tmp_path / f"still.{suffix}") is None
    (tmp_path / "text.png").write_text("no")
    (tmp_path / "cut.gif").write_bytes(b"GIF89a")
    for name in ("text.png", "cut.gif", "missing.gif"):
        assert clip_kind(tmp_path / name) is None
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert clip_kind(tmp_path / "empty.mp4") is None
    (tmp_path / "odd.mp4").write_bytes(b"whatever this is")
    assert clip_kind(tmp_path / "odd.mp4") == "film"  # told as a video's error


def test_marks_are_found_where_they_are_put(tmp_path: Path) -> None:
    gif = b"GIF89a" + bytes(7) + b";"
    assert marks.stated_in(marks.of_gif(marks.in_gif(gif))) == {"DigitalSourceType": marks.GENERATED}
    assert marks.of_gif(b"GIF89a" + bytes(7) + b";") == b""
    box = (12).to_bytes(4, "big") + b"ftyp" + b"isom"
    large = (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"data"
    for content, wanted in (
        (box + large + marks.mp4_box(), marks.GENERATED),
        (box + large, None),
        (bytes(100), None),  # a box that ends never
        (b"", None),
    ):
        (tmp_path / "a.mp4").write_bytes(content)
        assert marks.stated_in(marks.of_mp4(tmp_path / "a.mp4")).get("DigitalSourceType") == wanted


def test_no_pyav_is_needed(tmp_path: Path, frames: list[Image.Image]) -> None:
    """Where PyAV is missing, a GIF is translated, and a video is one line that says what to install."""
    save(tmp_path / "in.gif", frames)
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    bundle = str(tiny.write_bundle(tmp_path / "b").folder)
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from anime2real.cli.main import main\n"
        f"sys.exit(main(['translate', {str(tmp_path / 'in.gif')!r}, {str(tmp_path / 'film.mp4')!r}, "
        f"'-o', {str(tmp_path / 'out')!r}, '--bundle', {bundle!r}]))"
    )
    source = Path(__file__).parent.parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = f'error: {tmp_path / "film.mp4"} is a video, which needs PyAV: pip install "anime2real[video]"\n'
    assert done.stderr.startswith(said)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in.gif"]


def test_options_are_kept_apart(tmp_path: Path, frames: list[Image.Image]) -> None:
    """A run with another background does not take up what one with this began."""
    source = save(tmp_path / "in.webp", frames)
    bundle = tiny.write_bundle(tmp_path / "b")

    class Stops(Translator):
        def translate(self, pixels, landmarks=None, variant=0, who=None):  # type: ignore[no-untyped-def]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate_clip(source, tmp_path / "out.webp", lambda to: Stops(bundle, threads=1))
    looked: list[str] = []
    for background in ((255, 255, 255), (0, 0, 0)):
        with pytest.raises(KeyboardInterrupt):
            translate_clip(
                source, tmp_path / "out.webp", lambda to: Stops(bundle, threads=1), ClipOptions(background=background),
                progress=lambda doing, done, total: looked.append(doing),
            )  # fmt: skip
        assert bool(looked) == (background == (0, 0, 0))
