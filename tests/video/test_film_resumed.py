"""Clips that were stopped or damaged on the way are taken up again, or leave nothing behind."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import clips
import numpy as np
import pytest
import tiny
from filming import COUNT, Counting, Interrupted, levels, run
from PIL import Image

from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face
from anime2real.translator import Translator
from anime2real.video.clip import ClipError
from anime2real.video.constants import PACKAGE, code_sum
from anime2real.video.follow import FollowingFinder
from anime2real.video.translate import translate_clip


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_second_run_goes_on_where_the_first_was_stopped(
    tmp_path: Path, film: Path, negative: Translator, kind: type[BaseException]
) -> None:
    straight = run(film, tmp_path / "straight.mp4", negative, segment=10)
    stopped, finder = Interrupted(negative.bundle, threads=1), Counting()
    stopped.stop_at, stopped.kind = 12, kind
    with pytest.raises(kind):
        run(film, tmp_path / "out.mp4", stopped, segment=10, finder=finder)
    assert finder.calls > 0
    assert not (tmp_path / "out.mp4").exists()
    again, untouched = Interrupted(negative.bundle, threads=1), Counting()
    result = run(film, tmp_path / "out.mp4", again, segment=10, finder=untouched)
    assert (result.resumed, again.faces, untouched.calls) == (10, COUNT - 10, 0)
    assert digest(result.path) == digest(straight.path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "straight.mp4"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_other_settings_do_not_go_on_with_what_was_begun(tmp_path: Path, film: Path, negative: Translator) -> None:
    stopped = Interrupted(negative.bundle, threads=1)
    stopped.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", stopped, segment=10)
    other = Translator(tiny.write_bundle(tmp_path / "same", tiny.model()), threads=1)
    result = run(film, tmp_path / "out.mp4", other, segment=10)
    assert result.resumed == 0
    assert np.abs(levels(clips.decode(film)[0][3]) - levels(clips.decode(result.path)[0][3])).mean() < 8


def test_what_another_redraws_does_not_go_on_with_what_was_begun(tmp_path: Path, film: Path) -> None:
    tiny.write_bundle(tmp_path / "back", source="real", target="anime")
    there = tiny.write_bundle(tmp_path / "there", redrawn_by="back")
    stopped = Interrupted(there, threads=1)
    stopped.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", stopped, segment=10)
    tiny.write_bundle(tmp_path / "back", tiny.model(scale=0.5), source="real", target="anime")
    assert run(film, tmp_path / "out.mp4", Translator(there, threads=1), segment=10).resumed == 0
    again = Interrupted(there, threads=1)
    again.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", again, segment=10)
    assert run(film, tmp_path / "out.mp4", Translator(there, threads=1, redraws=False), segment=10).resumed == 0


def test_what_keeps_colours_does_not_go_on_with_what_was_begun_without(tmp_path: Path, film: Path) -> None:
    keeps = tiny.write_bundle(tmp_path / "keeps", keeps_colours=True)
    stopped = Interrupted(keeps, threads=1, keeps_colours=False)
    stopped.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", stopped, segment=10)
    assert run(film, tmp_path / "out.mp4", Translator(keeps, threads=1), segment=10).resumed == 0


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("encode.ENCODERS", {"libx264": {"crf": "30", "bf": "0"}, "mpeg4": {"qscale": "9", "bf": "0"}}),
        ("encode.PIXELS", "yuv444p"), ("encode.LIBRARIES", "0"), ("upright.HD_HEIGHT", 100),
        ("outlines.LOOK_SECONDS", 0.05), ("frames.UNCHANGED", 1.0), ("track.EVERY", 4),
        ("translate.code_sum", lambda: "of other code"),
    ],
)  # fmt: skip
def test_other_code_does_not_go_on_with_what_was_begun(
    tmp_path: Path, film: Path, negative: Translator, monkeypatch: pytest.MonkeyPatch, constant: str, value: object
) -> None:
    stopped = Interrupted(negative.bundle, threads=1)
    stopped.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", stopped, segment=10)
    monkeypatch.setattr(f"anime2real.video.{constant}", value)
    assert run(film, tmp_path / "out.mp4", negative, segment=10).resumed == 0


@pytest.mark.parametrize("room", [".", "bundle", "face", "image", "video"])
def test_code_is_told_from_what_it_was_before_a_change(tmp_path: Path, room: str) -> None:
    copies = [shutil.copytree(PACKAGE, tmp_path / name, ignore=_all_but_code) for name in ("one", "two", "other")]
    changed = sorted((copies[1] / room).glob("*.py"))[-1]
    changed.write_text(changed.read_text().replace("return", "return not", 1))
    (copies[2] / "web" / "server.py").write_text("")  # no clip goes through it
    assert code_sum() == code_sum(copies[0]) == code_sum(copies[2]) != code_sum(copies[1])


def _all_but_code(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not Path(folder, name).is_dir()]


def test_an_error_leaves_nothing_behind(tmp_path: Path, film: Path, negative: Translator) -> None:
    failing = Interrupted(negative.bundle, threads=1)
    failing.stop_at, failing.kind = 12, UserError
    with pytest.raises(UserError):
        run(film, tmp_path / "out.mp4", failing, segment=10)
    assert list(tmp_path.iterdir()) == []


def test_another_process_that_makes_the_same_result_is_refused(
    tmp_path: Path, film: Path, negative: Translator
) -> None:
    def second(doing: str, done: int, total: int | None) -> None:
        if done == 1:
            with pytest.raises(ClipError, match="is being made by another process"):
                run(film, tmp_path / "out.mp4", negative)

    usual = FollowingFinder(default_finder(1))
    translate_clip(film, tmp_path / "out.mp4", lambda to: negative, finder=usual, progress=second)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(("file", "resumed"), [("*.nut", 0), ("sums.json", 0), ("tracks.json", 10)])
def test_what_is_damaged_of_a_clip_that_was_begun_is_made_again(
    tmp_path: Path, film: Path, negative: Translator, file: str, resumed: int
) -> None:
    straight = run(film, tmp_path / "straight.mp4", negative, segment=10)
    stopped = Interrupted(negative.bundle, threads=1)
    stopped.stop_at = 12
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mp4", stopped, segment=10)
    (kept,) = tmp_path.glob(f".*.partial/{file}")
    content = bytearray(kept.read_bytes())
    place = content.rindex(b"1")
    content[place : place + 1] = b"2"
    kept.write_bytes(content)
    result = run(film, tmp_path / "out.mp4", negative, segment=10)
    assert result.resumed == resumed
    assert digest(result.path) == digest(straight.path)


def test_the_search_for_faces_goes_on_where_it_was_stopped(
    tmp_path: Path, film: Path, negative: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anime2real.video.search.SEGMENT", 5)
    monkeypatch.setattr("anime2real.video.track.WHOLE", 1)  # state is kept at whole runs of the finder
    straight, whole = Counting(), Counting()
    expected = run(film, tmp_path / "straight.mp4", negative, segment=10, finder=straight)

    class Stopping(Counting):
        def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
            if self.calls > straight.calls - 4:
                raise KeyboardInterrupt
            return super().follow(image, faces)

    told = r"clip.mp4: stopped looking for faces at frame \d+ of 24, \d+ of them kept; the same command resumes$"
    with pytest.raises(KeyboardInterrupt, match=told):
        run(film, tmp_path / "out.mp4", negative, segment=10, finder=Stopping())
    result = run(film, tmp_path / "out.mp4", negative, segment=10, finder=whole)
    assert 0 < whole.calls < straight.calls
    assert digest(result.path) == digest(expected.path)
