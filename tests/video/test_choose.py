"""Whose faces in a clip are replaced: by size where faces are seen together, one person from first frame to last."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from anime2real.cli.main import main
from anime2real.face.geometry import TEMPLATE
from anime2real.network import TranslatorError
from anime2real.video.choose import choose_tracks
from anime2real.video.tracks import Track

EXAMPLES = Path(__file__).parents[2] / "examples"


def track(first: int, frames: int, side: float) -> Track:
    return Track(first, np.repeat(TEMPLATE[None] * side, frames, axis=0), "anime")


def test_the_largest_is_so_where_faces_are_seen_together() -> None:
    large, small, alone, flash = track(0, 50, 200.0), track(10, 30, 90.0), track(60, 40, 50.0), track(30, 5, 400.0)
    tracks = [large, small, alone, flash]
    assert choose_tracks(tracks, "all") == choose_tracks(tracks, "left-to-right") == tracks
    # Whoever passes by in front for a moment takes no place from those behind.
    assert choose_tracks(tracks, "largest") == choose_tracks(tracks, 1) == [large, alone, flash]
    assert choose_tracks(tracks, 2) == [small]
    with pytest.raises(TranslatorError, match=r"^a\.mp4: there is no face 3, the faces seen at one time are 2"):
        choose_tracks(tracks, 3, where="a.mp4")


def test_one_face_of_a_clip_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.ship_only(monkeypatch, tmp_path / "shipped")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-anime-to-real", tiny.model(scale=-1.0))
    frame = Image.new("RGB", (420, 240), (200, 210, 220))
    for name, side, x in (("aoi", 220, 5), ("mika", 140, 260)):
        with Image.open(EXAMPLES / f"{name}.png") as picture:
            frame.paste(picture.convert("RGB").resize((side, side)), (x, 10))
    second = frame.copy()
    second.paste((0, 0, 0), (0, 236, 420, 240))
    frame.save(tmp_path / "two.webp", save_all=True, append_images=[second], duration=100, lossless=True)
    changed = {}
    for face in ("1", "2", "all"):
        out = tmp_path / face
        assert main(["translate", str(tmp_path / "two.webp"), "-o", str(out), "--face", face, "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["tracks"]) == (2 if face == "all" else 1)
        with Image.open(out / "two.webp") as made:
            away = abs(np.asarray(made.convert("RGB"), int) - np.asarray(frame)).mean(-1)
        changed[face] = [bool(away[60:160, part].mean() > 20) for part in (slice(60, 160), slice(300, 370))]
    assert changed == {"1": [True, False], "2": [False, True], "all": [True, True]}
    assert main(["translate", str(tmp_path / "two.webp"), "-o", str(tmp_path / "3"), "--face", "3"]) == 1
    assert "there is no face 3, the faces seen at one time are 2" in capsys.readouterr().err
