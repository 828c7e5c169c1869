"""The page sees which pictures move, as Python does, and says that it takes the first frame alone."""

import io
from collections.abc import Iterator
from typing import Any

import build_try
import javascript
import numpy as np
import pytest
from PIL import Image

from anime2real.image.decode import decode


@pytest.fixture(scope="module")
def page() -> Iterator[javascript.Modules]:
    with javascript.modules(build_try.SHARED) as modules:
        yield modules


def saved(kind: str, frames: int, mode: str = "RGB") -> bytes:
    """A picture of so many frames; GIF's have colours of their own."""
    random = np.random.default_rng(0)
    images = [Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).convert(mode) for _ in range(frames)]
    several: dict[str, Any] = {"save_all": True, "append_images": images[1:], "duration": 50} if frames > 1 else {}
    images[0].save(buffer := io.BytesIO(), kind, **several)
    return buffer.getvalue()


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize(("kind", "mode"), [("GIF", "RGB"), ("GIF", "L"), ("PNG", "RGB"), ("WEBP", "RGB")])
def test_which_pictures_move(page: javascript.Modules, kind: str, mode: str, frames: int) -> None:
    content = saved(kind, frames, mode)
    assert page("moving.js", "isAnimated", np.frombuffer(content, np.uint8)) is (frames > 1)
    assert bool(decode(content).notes) is (frames > 1)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF", b"\xff\xd8\xff" + bytes(40)])
def test_what_is_cut_short_or_something_else_does_not(page: javascript.Modules, content: bytes) -> None:
    assert page("moving.js", "isAnimated", np.frombuffer(content, np.uint8)) is False
    for kind in ("GIF", "PNG", "WEBP"):
        whole = saved(kind, 3)
        for length in range(0, len(whole), 97):
            page("moving.js", "isAnimated", np.frombuffer(whole[:length], np.uint8))  # ends, without an error


def test_page_and_server_say_it_in_the_same_words() -> None:
    """So that it stands there once."""
    (note,) = decode(saved("GIF", 2)).notes
    assert f'"{note}"' in (build_try.SHARED / "moving.js").read_text(encoding="utf-8")
