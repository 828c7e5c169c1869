"""`prepare`, stopped anywhere, loses no finished shard, leaves nothing half-written, and ends with the same bytes."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from toys import Toy

from anime2real import atomic_folder
from anime2real.data import assemble, shards, workers
from anime2real.data import prepare as module
from anime2real.data.pack import Pack, PackError
from anime2real.data.prepare import prepare
from anime2real.data.shards import Shards, preparing_folder
from anime2real.data.work_folder import KEY

FILES = ("images.npy", "index.jsonl", "meta.json")


class Stopped(BaseException):
    """Stands for a kill: nothing in the package catches it."""


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD", 8)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the shards that are decoded, as they come."""
    numbers: list[int] = []

    def noting(folder: Path, number: int, *arguments: Any) -> int:
        numbers.append(number)
        return shards.decode_shard(folder, number, *arguments)

    monkeypatch.setattr(module, "decode_shard", noting)
    return numbers


def make(toy: Toy, output: Path, **options: Any) -> Pack:
    arguments = {"size": 32, "crop": "auto", "test_share": 0.2, "near": 4, "processes": 1, "quiet": True, **options}
    prepare([toy.anime], [toy.real], output, **arguments)
    return Pack(output)


def same(one: Path, other: Path) -> bool:
    assert sorted(os.listdir(one)) == sorted(FILES)
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in FILES)


def failing(at: int, error: BaseException) -> Any:
    """A function that raises when it is called for the `at`-th time, and else calls the one given."""
    calls: list[int] = []

    def around(function: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == at:
                raise error
            return function(*arguments, **options)

        return called

    return around


def stopped(
    monkeypatch: pytest.MonkeyPatch, steps: Sequence[tuple[Any, str]], at: int, work: Callable[[], object]
) -> None:
    """Do some work, which is stopped at the `at`-th of these steps."""
    around = failing(at, Stopped())
    with monkeypatch.context() as patch:
        for where, name in steps:
            patch.setattr(where, name, around(getattr(where, name)))
        with pytest.raises(Stopped):
            work()


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_killed_while_it_reads_it_goes_on_at_the_next_shard(
    toy: Toy, tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from anime2real.data import prepare as module, shards
        shards.SHARD = 8
        decode = module.decode_shard
        def dying(folder, number, *arguments):
            if number == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return decode(folder, number, *arguments)
        module.decode_shard = dying
        module.prepare([Path({str(toy.anime)!r})], [Path({str(toy.real)!r})], Path({str(tmp_path / "pack")!r}),
                       size=32, crop="auto", test_share=0.2, near=4, processes=1, quiet=True)
    """)
    source = str(Path(__file__).parent.parent.parent / "src")
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "pack").exists()
    make(toy, tmp_path / "pack")
    assert decoded == [4, 5]
    assert os.listdir(tmp_path) == ["pack"]
    make(toy, tmp_path / "straight")
    assert same(tmp_path / "pack", tmp_path / "straight")


@pytest.mark.parametrize(
    ("where", "step", "at", "told"),
    [
        (module, "decode_shard", 5, "32 of 48 pictures are read and kept in {work}; the same command resumes"),
        (module, "move_into_place", 1, "48 of 48 pictures are read and kept in {work}; the same command resumes"),
        (Shards, "remove", 1, None),
    ],
)
def test_an_interruption_tells_what_is_kept(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, step: str, at: int, told: str | None
) -> None:
    output = tmp_path / "pack"
    monkeypatch.setattr(where, step, failing(at, KeyboardInterrupt())(getattr(where, step)))
    with pytest.raises(KeyboardInterrupt) as caught:
        make(toy, output)
    said = f"{output}: {told.format(work=preparing_folder(output))}" if told else f"{output} is whole"
    assert caught.value.args == (said,)


def test_an_interruption_waits_for_what_is_read_and_kept(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/data/test_workers.py shows how."""
    asked: list[bool] = []
    in_order = workers.in_order

    def noting(*arguments: Any, **options: Any) -> Any:
        asked.append(options["finishing"])
        return in_order(*arguments, **options)

    monkeypatch.setattr(workers, "in_order", noting)
    make(toy, tmp_path / "pack")
    assert asked == [True]


@pytest.mark.parametrize("at", [1, 4, 6])
def test_stopped_while_it_writes_it_reads_nothing_again(
    toy: Toy, tmp_path: Path, decoded: list[int], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch, [(Shards, "let_go")], at, lambda: make(toy, tmp_path / "pack"))
    assert len(decoded) == 6
    assert not (tmp_path / "pack").exists()
    make(toy, tmp_path / "pack")
    assert len(decoded) == 6
    make(toy, tmp_path / "straight")
    assert same(tmp_path / "pack", tmp_path / "straight")


def test_another_recipe_or_picture_is_begun_anew(
    toy: Toy, tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    anime = Path(shutil.copytree(toy.anime, tmp_path / "anime"))
    own = replace(toy, anime=anime)
    stopped(monkeypatch, [(Shards, "let_go")], 3, lambda: make(own, tmp_path / "pack"))
    # Two shards have gone into a pack of another recipe.
    stopped(monkeypatch, [(Shards, "let_go")], 3, lambda: make(own, tmp_path / "pack", test_share=0.5))
    assert decoded == [*range(6), 0, 1]
    shutil.copy(anime / "01.png", anime / "00.png")
    make(own, tmp_path / "pack", test_share=0.5)
    assert decoded == [*range(6), 0, 1, *range(6)]
    make(own, tmp_path / "straight", test_share=0.5)
    assert same(tmp_path / "pack", tmp_path / "straight")


@pytest.mark.parametrize("where", ["pixels", "facts", "pack"])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    toy: Toy, tmp_path: Path, decoded: list[int], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        if where == "pack":
            patch.setattr(assemble, "_write_all", failing(3, full())(assemble._write_all))
        else:
            name = "save" if where == "pixels" else "savez"
            patch.setattr(np, name, failing(3, full())(getattr(np, name)))
        with pytest.raises(PackError, match=r"No space left on device; make room and run the same command") as caught:
            make(toy, tmp_path / "pack")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == [".pack.preparing"]
    left = sorted(path.name for path in (tmp_path / ".pack.preparing").rglob("*") if "partial" in path.name)
    assert left == []
    make(toy, tmp_path / "pack")
    assert decoded == ([*range(6)] if where == "pack" else [0, 1, 2, 2, 3, 4, 5])
    make(toy, tmp_path / "straight")
    assert same(tmp_path / "pack", tmp_path / "straight")


def test_too_little_room_is_said_before_anything_is_read(
    toy: Toy, tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
        with pytest.raises(PackError, match=r"may take up to 0\.\d MB of the 0\.1 MB free at .*, which is too little"):
            make(toy, tmp_path / "pack")
    assert not os.listdir(tmp_path)
    assert not decoded
    make(toy, tmp_path / "pack", quiet=False)
    assert capsys.readouterr().err.startswith("48 pictures, up to 0.")


def test_twice_the_pack_is_never_needed(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels leave their shard as they enter the pack."""
    sizes: list[int] = []
    let_go = Shards.let_go

    def measured(self: Shards, *arguments: Any) -> None:
        files = [*self.folder.glob("*.npy"), self.pack / "images.npy"]
        sizes.append(sum(file.stat().st_size for file in files))
        let_go(self, *arguments)

    monkeypatch.setattr(Shards, "let_go", measured)
    pack = make(toy, tmp_path / "pack", near=0)
    assert len(sizes) == 6
    assert max(sizes) < pack.images.nbytes * 7 / 6 + 2000


@pytest.fixture(params=["exchanged", "renamed"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a folder takes another's place: at once, or by two renames where the system knows no better."""
    if request.param == "renamed":
        monkeypatch.setattr(atomic_folder, "_exchange", lambda *_: False)
    elif sys.platform != "linux":
        pytest.skip("this system cannot exchange names")
    return str(request.param)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_overwriting_leaves_the_old_pack_or_the_new_one(
    toy: Toy, tmp_path: Path, decoded: list[int], way: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at each step from the finished pack on."""
    make(toy, tmp_path / "old")
    make(toy, tmp_path / "new", test_share=0.5)
    make(toy, tmp_path / "pack")
    decoded.clear()
    exchange = (atomic_folder, "_exchange") if way == "exchanged" else (Path, "rename")
    steps = [(module, "move_into_place"), exchange, (atomic_folder, "_flush_entries")]
    stopped(monkeypatch, steps, at, lambda: make(toy, tmp_path / "pack", test_share=0.5, overwrite=True))
    there = tmp_path / "pack"
    assert there.exists() or way == "renamed"
    if there.exists():
        assert same(there, tmp_path / ("new" if at == 3 and way == "exchanged" else "old"))
    if way == "exchanged" and at == 3:
        with pytest.raises(PackError, match="already there"):
            make(toy, there, test_share=0.5)
    make(toy, there, test_share=0.5, overwrite=True)
    assert same(there, tmp_path / "new")
    assert sorted(os.listdir(tmp_path)) == ["new", "old", "pack"]


def test_two_do_not_prepare_one_pack(toy: Toy, tmp_path: Path) -> None:
    lock = FileLock(preparing_folder(tmp_path / "pack").with_suffix(".lock"))
    with lock, pytest.raises(PackError, match="is being prepared by another process"):
        make(toy, tmp_path / "pack")
    make(toy, tmp_path / "pack")


def test_a_folder_that_cannot_be_written_to_is_one_line(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(PackError, match=r"cannot be written: (Not a directory|File exists)"):
        make(toy, tmp_path / "file" / "pack")
    monkeypatch.setattr(Path, "mkdir", failing(2, PermissionError(errno.EACCES, "Permission denied"))(Path.mkdir))
    with pytest.raises(PackError, match="cannot be written: Permission denied"):
        make(toy, tmp_path / "pack")


@pytest.mark.parametrize("name", ["3.npz", "2.npy"])
def test_damaged_work_is_one_line(toy: Toy, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(monkeypatch, [(Shards, "let_go")], 1, lambda: make(toy, tmp_path / "pack"))
    (preparing_folder(tmp_path / "pack") / name).write_bytes(b"PK")
    with pytest.raises(PackError, match=rf"{name} is damaged: remove .*\.pack\.preparing, and run the same"):
        make(toy, tmp_path / "pack")


def test_killed_after_its_last_step_it_leaves_nothing_for_ever(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pack is there, so that the same command refuses; what was left of the work goes then, and not before."""
    output, work = tmp_path / "pack", preparing_folder(tmp_path / "pack")
    stopped(monkeypatch, [(Shards, "remove")], 1, lambda: make(toy, output))
    Pack(output).check()
    assert work.is_dir()
    with pytest.raises(PackError, match="is already there"):
        make(toy, output)
    assert os.listdir(tmp_path) == ["pack"]
    stopped(monkeypatch, [(module, "assemble")], 1, lambda: make(toy, output, near=0, overwrite=True))
    with pytest.raises(PackError, match="is already there"):
        make(toy, output)
    assert work.is_dir()  # of another pack, which the same command finishes
    (work / KEY).unlink()  # removing it has begun
    with pytest.raises(PackError, match="is already there"):
        make(toy, output)
    assert os.listdir(tmp_path) == ["pack"]
