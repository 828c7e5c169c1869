"""A file is whole or absent."""

import os
import stat
from pathlib import Path

import pytest

from anime2real.atomic import atomic_path


def test_nothing_is_there_before_the_end_and_all_of_it_after(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    with atomic_path(path) as temporary:
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
        with atomic_path(path) as temporary:
            temporary.write_text("new, and not fini")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_what_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_the_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".png")
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"x")
    assert path.exists()


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
def test_the_rights_are_those_of_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with atomic_path(tmp_path / "atomic") as temporary:
        temporary.write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "none" / "result.png"):
        pass
