"""FFmpeg's frames as pictures: each column, and those frames alone that are asked for."""

from pathlib import Path

import clips
import numpy as np
import pytest
from PIL import Image

from anime2real.video.clip import ClipLimits
from anime2real.video.film import Film


@pytest.mark.parametrize("width", [48, 36, 34])
def test_frames_have_their_colours_to_the_last_column(tmp_path: Path, width: int) -> None:
    """FFmpeg makes frames of four bytes a pixel wrong there, at widths that are no multiple of 16."""
    slope = np.linspace(200, 0, width * 32).reshape(32, width)
    picture = Image.fromarray(np.repeat(slope[..., None], 3, axis=2).astype(np.uint8))
    path = clips.encode(tmp_path / "in.mp4", [picture] * 2, sound=None)
    (frame, _) = Film(path, ClipLimits()).frames()
    assert np.abs(np.asarray(frame.image).astype(int) - np.asarray(picture)).max() < 12


def test_only_the_frames_that_are_asked_for_are_made(tmp_path: Path) -> None:
    shades = [Image.new("RGB", (48, 32), (50 * i, 50 * i, 50 * i)) for i in range(4)]
    path = clips.encode(tmp_path / "in.mp4", shades, sound=None)
    first, second = Film(path, ClipLimits()).frames(only={1, 3})
    assert [round(float(np.asarray(frame.image).mean()), -1) for frame in (first, second)] == [50, 150]
