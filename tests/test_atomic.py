"""A file is whole or absent."""

import os
import stat
from pathlib import Path

import pytest

from anime2real.atomic import atomic_file
from anime2real.atomic_folder import atomic_folder, remove_partial_folders


def test_nothing_is_there_before_the_end_and_all_of_it_after(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems is not atomic
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(".")
    assert path.read_bytes() == b"half"
    assert os.listdir(tmp_path) == ["result.png"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_keeps_what_was_there(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("new, and not fini")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_what_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with atomic_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_the_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".png")
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"x")
    assert path.exists()


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
def test_the_rights_are_those_of_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with atomic_file(tmp_path / "atomic") as temporary:
        temporary.write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "none" / "result.png"):
        pass


def filled(path: Path, text: str) -> None:
    with atomic_folder(path) as temporary:
        (temporary / "inside").mkdir()
        (temporary / "inside" / "file").write_text(text)


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "above" / "pack[1]"
    with atomic_folder(path) as temporary:
        (temporary / "file").write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert (path / "file").read_text() == "half"
    assert os.listdir(path.parent) == ["pack[1]"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_keeps_the_folder_that_was_there(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "bundle"
    filled(path, "old")

    def interrupted() -> None:
        with atomic_folder(path) as temporary:
            (temporary / "file").write_text("new, and not fini")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert (path / "inside" / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_folder_is_replaced(tmp_path: Path) -> None:
    filled(tmp_path / "bundle", "old")
    filled(tmp_path / "bundle", "new")
    assert (tmp_path / "bundle" / "inside" / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["bundle"]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_writer_left_is_tidied(tmp_path: Path, there: bool) -> None:
    """A kill between moving the old folder aside and putting the new one in its place brings the old one back."""
    if there:
        filled(tmp_path / "bundle", "new")
    filled(tmp_path / ".bundle.0123456789abcdef.old", "old")
    filled(tmp_path / ".bundle.0123456789abcdef.partial", "half")
    filled(tmp_path / ".bundle-2.0123456789abcdef.partial", "of another")
    remove_partial_folders(tmp_path / "bundle")
    assert (tmp_path / "bundle" / "inside" / "file").read_text() == ("new" if there else "old")
    assert sorted(os.listdir(tmp_path)) == [".bundle-2.0123456789abcdef.partial", "bundle"]


def test_an_error_that_names_no_file_gets_the_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full") as failed, atomic_file(tmp_path / "page.html"):
        raise OSError(28, "full")
    assert failed.value.filename == str(tmp_path / "page.html")


@pytest.mark.skipif(os.name != "posix", reason="other systems cannot lock a folder")
def test_a_writer_leaves_the_unfinished_folder_of_another_alone(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "pack") as one, atomic_folder(tmp_path / "pack") as other:
        (one / "a").write_text("1")
        (other / "a").write_text("2")
    assert (tmp_path / "pack" / "a").read_text() == "1"  # the last one to end
    assert os.listdir(tmp_path) == ["pack"]


def test_what_cannot_be_written_is_called_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught, atomic_file(tmp_path / "none" / "result.png"):
        pass
    assert caught.value.filename == str(tmp_path / "none" / "result.png")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file") as caught, atomic_folder(tmp_path / "file" / "result"):
        pass
    assert ".partial" not in str(caught.value)
