"""Picture files: found, and written whole, marked, and only where they may be."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import RED, noise, smooth, swapped_profile
from PIL import Image

from anime2real import __version__
from anime2real.image.decode import PictureError, decode
from anime2real.image.files import WRITABLE, collect, write
from anime2real.image.provenance import read_marks


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.PNG",
        "a.jpg",
        "notes.txt",
        ".hidden.png",
        "sub/c.webp",
        "sub/.d/e.png",
        "[x].png",
        "empty/f.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_searched_in_order(tree: Path) -> None:
    names = ["[x].png", "a.jpg", "b.PNG", "sub/c.webp"]
    assert collect([tree]) == [tree / name for name in names]
    assert collect(["."]) == [Path(name) for name in names]
    assert collect(["sub/.d"]) == [Path("sub/.d/e.png")]  # named, not found


def test_the_examples_are_eight_drawings_and_the_photographs_are_apart() -> None:
    examples = Path(__file__).parents[2] / "examples"
    drawings, photographs = collect([examples], recursive=False), collect([examples / "photographs"])
    assert len(drawings) == len(photographs) == 8
    assert all(isinstance(p, Path) and p.parent.name == "photographs" for p in photographs)
    assert sum(p.stat().st_size <= 40_000 for p in photographs if isinstance(p, Path)) == 8


def test_a_named_file_is_always_taken_and_taken_once(tree: Path) -> None:
    assert collect(["notes.txt", ".hidden.png"]) == [Path("notes.txt"), Path(".hidden.png")]
    assert collect(["sub/c.webp", tree / "sub", "sub/../sub/c.webp"]) == [Path("sub/c.webp")]


def test_globs_are_expanded_where_the_shell_did_not(tree: Path) -> None:
    assert collect(["*.jpg", "s*"]) == [Path("a.jpg"), Path("sub/c.webp")]
    assert collect(["**/*.webp"]) == [Path("sub/c.webp")]
    assert collect(["[x].png"]) == [Path("[x].png")]  # it is there: no pattern


def test_one_bad_argument_does_not_stop_the_rest(tree: Path) -> None:
    first, *bad, last = collect(["a.jpg", "none.png", "empty", "*.tiff", "a\0b", "b.PNG"])
    assert (first, last) == (Path("a.jpg"), Path("b.PNG"))
    said = [str(error) for error in bad if isinstance(error, PictureError)]
    assert [line.split(":")[0] for line in said] == [
        "none.png is not there",
        "empty holds no pictures (left out",
        "*.tiff matches no file",
        "a?b is not there",
    ]


def test_a_folder_that_cannot_be_searched(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def denied(path: str) -> Any:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    *found, error = collect(["."])
    assert found == [Path("[x].png"), Path("a.jpg"), Path("b.PNG")]
    assert str(error) == "./sub cannot be read (Permission denied): check its rights"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".avif", ".PNG"])
def test_the_suffix_decides_and_the_marks_are_read_back(suffix: str, tmp_path: Path) -> None:
    path = write(smooth(), tmp_path / f"face{suffix}")
    assert read_marks(path) == {
        "DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "Software": f"anime2real {__version__}",
    }
    decoded = decode(path)
    assert decoded.format == WRITABLE[suffix.lower()]
    assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(smooth())).mean() < 6
    assert os.listdir(tmp_path) == [path.name]


def test_no_suffix_is_png_and_folders_are_made(tmp_path: Path) -> None:
    path = write(smooth(), str(tmp_path / "new" / "face"))
    assert path == tmp_path / "new" / "face.png"
    assert np.array_equal(np.asarray(decode(path).image), np.asarray(smooth()))


def test_nothing_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = write(smooth(), tmp_path / "face.png")
    before = path.read_bytes()
    with pytest.raises(PictureError, match=r"face\.png is already there: "):
        write(noise(), path)
    assert path.read_bytes() == before
    write(noise(), path, overwrite=True)
    assert path.read_bytes() != before


def test_a_link_to_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / "face.png").symlink_to(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is already there"):
        write(smooth(), tmp_path / "face.png")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "face.gif", "end the name in one of .png"),
        (lambda folder: folder / "file.txt" / "face.png", "cannot be written"),
        (lambda folder: folder / ("a" * 300 + ".png"), "cannot be written"),
        (lambda folder: folder / "a\0b.png", "cannot be written"),
        (lambda folder: Path("/"), "is a folder: name a file"),
        (lambda folder: Path("."), "is a folder: name a file"),
    ],
)
def test_where_nothing_can_be_written(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(PictureError, match=said) as caught:
        write(smooth(), make(tmp_path), overwrite=True)
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_picture_too_large_for_the_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be written"):
        write(Image.new("RGB", (16_384, 1)), tmp_path / "wide.webp")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
def test_metadata_of_the_original_is_left_out(suffix: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), RED)
    image.info = {"icc_profile": swapped_profile(), "transparency": RED, "comment": b"home", "xmp": b"<x/>"}
    result = np.asarray(decode(write(image, tmp_path / f"face{suffix}")).image).astype(int)
    assert np.abs(result - RED).max() <= 4
