"""What lies in a source is a member of it, or counted among what was left out."""

import os
import zipfile
from pathlib import Path

import pytest

from anime2real.data.members import left_out_words, list_source, members_of
from anime2real.data.pack import PackError

NAMES = (
    "a.png", "deep/b.JPG", "deep/c.dds", "d.SVG", "deep/more.zip", "e.tar", ".f.png", "__MACOSX/g.png", "notes.txt",
    "README",
)  # fmt: skip
LEFT_OUT = {".dds": 1, ".svg": 1, "inner archive": 2, "hidden file": 2, ".txt": 1, "no suffix": 1}


@pytest.mark.parametrize("name", [".0123456789abcdef.partial.claim", ".0123456789abcdef.partial.png"])
def test_what_a_killed_command_left_half_written_is_no_member_and_not_counted(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for one in ("a.png", name):
            (folder / one).write_bytes(b"x")
            archive.writestr(one, b"x")
    for source in (folder, tmp_path / "archive.zip"):
        listing = list_source(source, "anime", None)
        assert ([member.label for member in listing.members], listing.left_out) == (["a.png"], {})


def test_what_is_no_member_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for name in NAMES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"x")
            archive.writestr(name, b"x")
    for source in (folder, tmp_path / "archive.zip"):
        listing = list_source(source, "anime", None)
        assert [member.label for member in listing.members] == ["a.png", "deep/b.JPG"]
        assert dict(listing.left_out) | {"repeated name": 0} == LEFT_OUT | {"repeated name": 0}
    assert left_out_words(list_source(folder, "anime", None).left_out) == (
        "8 left out: 1 .dds, 1 .svg: convert them; 2 hidden files; 2 inner archives: unpack; 1 .txt, 1 no suffix: no"
        " pictures"
    )
    assert left_out_words({}) == left_out_words({".bmp": 0}) == ""


@pytest.mark.skipif(os.name != "posix", reason="Windows asks for rights to make links")
def test_linked_folders_and_broken_links_are_counted_and_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "a.png").write_bytes(b"x")
    (folder / "round").symlink_to(folder)
    (folder / "b.png").symlink_to(folder / "own" / "a.png")
    (folder / "c.png").symlink_to(folder / "gone.png")
    listing = list_source(folder, "real", None)
    assert [member.label for member in listing.members] == ["b.png", "own/a.png"]
    assert listing.left_out == {"linked folder": 1, "broken link": 1}
    assert left_out_words(listing.left_out) == "2 left out: 1 broken link; 1 linked folder: name as a source"


def test_archives_with_backslashes_have_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        for name in ("train\\real\\1.png", "val\\anime\\2.png", "3.png", "__MACOSX\\4.png"):
            information = zipfile.ZipInfo("placeholder")
            information.filename = name
            archive.writestr(information, b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(information, b"y")
    listing = list_source(tmp_path / "windows.zip", None, {})
    assert [(m.label, m.domain, m.split) for m in listing.members] == [
        ("train/real/1.png", "real", "train"),
        ("val/anime/2.png", "anime", "test"),
    ]
    assert listing.members[0].name == "train\\real\\1.png"
    assert listing.left_out == {"unplaced picture": 1, "hidden file": 1, "repeated name": 1}


def test_a_listing_has_another_stamp_when_a_picture_is_another(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    before = list_source(tmp_path, "anime", None).stamp
    assert list_source(tmp_path, "anime", None).stamp == before
    (tmp_path / "notes.txt").write_bytes(b"x")
    assert list_source(tmp_path, "anime", None).stamp == before
    (tmp_path / "a.png").write_bytes(b"xy")
    assert list_source(tmp_path, "anime", None).stamp != before


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="nowhere is not there"):
        list(members_of(tmp_path / "nowhere", "anime", None))
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(PackError, match="round is neither a folder nor an archive"):
        list(members_of(tmp_path / "round", "anime", None))
    (tmp_path / "a.zip").write_bytes(b"PK\x05\x06")
    with pytest.raises(PackError, match=r"a\.zip is a zip archive that is damaged or cut off .*: get it again"):
        list_source(tmp_path / "a.zip", "anime", None)
    (tmp_path / "a.png").write_bytes(b"a picture")
    with pytest.raises(
        PackError, match=r"a\.png is neither a folder nor a zip archive .*: name the folder or the archive"
    ):
        list_source(tmp_path / "a.png", "anime", None)
