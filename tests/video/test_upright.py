"""FFmpeg's frames as pictures: each column."""

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
