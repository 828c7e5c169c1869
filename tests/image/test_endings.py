"""A result that was cut short is told from a whole one, in every format that results have, at every length."""

import io
from collections.abc import Callable
from pathlib import Path

import clips
import pytest
from pictures import smooth
from PIL import Image

from anime2real.image.endings import is_cut_short
from anime2real.image.files import encode
from anime2real.image.provenance import in_gif
from anime2real.video.clip import ClipLimits
from anime2real.video.film import Film


def animated(kind: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (grey, 0, 0)) for grey in (0, 90, 200)]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=40)
    return in_gif(buffer.getvalue()) if kind == "GIF" else buffer.getvalue()


def film(suffix: str, folder: Path) -> bytes:
    """As results are joined, of one part."""
    sound = {"mp4": "aac", "mkv": "tta"}[suffix]
    frames = [Image.new("RGB", (32, 32), (grey, 0, 0)) for grey in (0, 90, 200)]
    clip = Film(clips.encode(folder / f"given.{suffix}", frames, sound=sound), ClipLimits())
    with (folder / "part").open("wb") as part:
        part.write((clips.encode(folder / "part.mp4", frames, sound=None)).read_bytes())
    clip.join([folder / "part"], folder / f"made.{clip.suffix}")
    return (folder / f"made.{suffix}").read_bytes()


MADE: dict[str, Callable[[Path], bytes]] = {
    **{kind: lambda _, kind=kind: encode(smooth(), kind) for kind in ("PNG", "JPEG", "WEBP", "AVIF")},  # type: ignore[misc]
    **{f"{kind} moving": lambda _, kind=kind: animated(kind) for kind in ("PNG", "WEBP", "GIF")},  # type: ignore[misc]
    **{suffix: lambda folder, suffix=suffix: film(suffix, folder) for suffix in ("mp4", "mkv")},  # type: ignore[misc]
}


@pytest.mark.parametrize("kind", MADE)
def test_whole_ones_are_told_from_those_cut_at_any_place(kind: str, tmp_path: Path) -> None:
    whole, path = MADE[kind](tmp_path), tmp_path / "result"
    path.write_bytes(whole)
    assert not is_cut_short(path)
    path.write_bytes(whole + b"\n")  # as some programs append something
    assert not is_cut_short(path)
    end = whole.rindex(b"uuid") - 4 if kind == "mp4" else len(whole)  # without the mark, the last box, it is whole
    for length in {*range(min(end, 300)), *range(0, end, max(1, end // 300)), end - 2, end - 1}:
        path.write_bytes(whole[:length])
        assert is_cut_short(path), length
    path.write_bytes(whole[: end // 2] + bytes(4096))  # as a disk without power leaves it
    assert is_cut_short(path)


@pytest.mark.parametrize("content", [b"no picture", b"GIF, but in words", b"{}", b"\x89"[:0] + b"x"])
def test_what_is_no_result_is_none_that_was_cut_short(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert not is_cut_short(path)
    assert not is_cut_short(tmp_path)
    assert not is_cut_short(tmp_path / "none")
