"""Commands that write into one folder: each result is made by one of them, and the others hear of it beforehand."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clips
import pytest
import tiny
from translating import draw, translating

from anime2real import atomic
from anime2real import translate_files as module
from anime2real.atomic import Claims
from anime2real.cli.ending import end_in_order
from anime2real.cli.main import main
from anime2real.image.decode import Decoded, decode
from anime2real.image.files import Search
from anime2real.network import Networks
from anime2real.outcome import Options
from anime2real.translate_files import AHEAD, translate_files

HOLDS = """
import sys, time
from pathlib import Path
from anime2real.atomic import Claims
with Claims() as claims:
    print(claims.take(Path(sys.argv[1])), flush=True)
    time.sleep(600)
"""


SLOWLY = """
import time
from anime2real import translate_files as module
from anime2real.cli.main import program
decode = module.decode
def slow(*arguments, **options):
    time.sleep(0.1)
    return decode(*arguments, **options)
module.decode = slow
program()
"""


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(tiny.write_bundle(tmp_path / "b").folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_command_hears_of_another_before_it_looks_at_a_picture(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        draw(tmp_path / "in" / "sub" / f"{name}.png", 50)
    looked_at: list[Path] = []

    def look(path: Path, **options: Any) -> Decoded:
        looked_at.append(path)
        return decode(path, **options)

    monkeypatch.setattr(module, "decode", look)
    command, out = translating(tmp_path / "in", tmp_path / "out", bundle), tmp_path / "out" / "sub"
    with Claims() as other:
        assert other.take(out / "a.png")
        for more in ([], ["--overwrite"], ["--skip-existing"]):
            assert main([*command, *more]) == 1
            assert f"{out / 'a.png'} is being made by another process: wait for it" in capsys.readouterr().err
        assert [path.name for path in looked_at] == ["b.png", "b.png"]  # with --skip-existing, b is there
    assert names(out) == ["b.png"]
    assert main([*command, "--skip-existing"]) == 0
    assert names(out) == ["a.png", "b.png"]


def test_two_commands_at_once_make_each_result_once(bundle: str, tmp_path: Path) -> None:
    count = AHEAD + 20
    for number in range(count):
        draw(tmp_path / "in" / f"{number:03}.png", number)

    out = tmp_path / "out"
    search = (Search([tmp_path / "in"], output=out) for _ in range(2))
    networks = Networks(None, tiny.write_bundle(tmp_path / "b"), threads=1)
    one, other = (translate_files(networks, each, out, Options(to="real", crop="none")) for each in search)
    first = next(one)
    all_of_other = list(other)
    all_of_one = [first, *one]
    assert len(all_of_one) == len(all_of_other) == count
    for ours, theirs in zip(all_of_one, all_of_other, strict=True):
        assert (ours.error is None) != (theirs.error is None)
    told = " ".join(str(outcome.error) for outcome in all_of_other)
    assert "being made by another process" in told
    assert "is already there" in " ".join(str(outcome.error) for outcome in all_of_one)
    assert all_of_other[-1].error is None
    assert len(names(out)) == count


def test_a_claim_of_a_killed_process_holds_nothing(bundle: str, tmp_path: Path) -> None:
    picture, out = draw(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(out / "a.png")], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        left = names(out)
        with Claims() as ours:
            assert not ours.take(out / "a.png")
            assert ours.take(out / "b.png")
        assert names(out) == left
        assert main(translating(picture, out, bundle)) == 1
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert names(out) == left
    assert len(left) == 1
    assert main(translating(picture, out, bundle)) == 0
    assert names(out) == ["a.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_asked_to_end_leaves_no_claim(bundle: str, tmp_path: Path, number: signal.Signals) -> None:
    for name in range(200):
        draw(tmp_path / "in" / f"{name:03}.png", name)
    out = tmp_path / "out"
    command = [sys.executable, "-c", SLOWLY, *translating(tmp_path / "in", out, bundle)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as made:
        deadline = time.monotonic() + 60
        while not list(out.glob("*.png")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(out.glob(".*.claim"))
        made.send_signal(number)
        _, said = made.communicate()
    told = "what is written stays; with --skip-existing the same command goes on"
    assert (made.returncode, said) == (128 + number, f"error: terminated: {told}\n")
    assert names(out) == sorted(path.name for path in out.glob("[0-9]*.png"))


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such signal")
def test_a_command_that_is_to_outlive_its_terminal_does() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        end_in_order()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_result_that_came_after_the_first_look(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = draw(tmp_path / "a.png"), tmp_path / "out"
    take = Claims.take

    def late(self: Claims, place: Path | None) -> bool:
        if place:
            draw(place, 7)
        return take(self, place)

    monkeypatch.setattr(Claims, "take", late)
    monkeypatch.setattr(module, "decode", None)
    assert main(translating(picture, out, bundle)) == 1
    assert "a.png is already there" in capsys.readouterr().err
    (out / "a.png").unlink()
    assert main([*translating(picture, out, bundle), "--skip-existing"]) == 0
    assert "1 there already" in capsys.readouterr().err


def test_parts_of_one_work_do_not_refuse_each_other(tmp_path: Path) -> None:
    with Claims("one") as gone, Claims("one") as again, Claims("other") as other, Claims() as plain:
        assert gone.take(tmp_path / "a.png")
        assert again.take(tmp_path / "a.png")
        assert not other.take(tmp_path / "a.png")
        assert not plain.take(tmp_path / "a.png")
        gone.let_go()
        assert other.take(tmp_path / "a.png")


@pytest.mark.parametrize("step", ["open", "fstat", "lock", "unlink", "close"])
@pytest.mark.parametrize("held", [False, True])
def test_an_interruption_at_any_step_leaves_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, held: bool
) -> None:
    """After each step of taking one and letting it go; a claim of another process stays."""
    where = {"lock": atomic, "unlink": Path}.get(step, os)
    function = getattr(where, step)
    calls: list[int] = []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return result

    with Claims() as other:
        if held:
            other.take(tmp_path / "a.png")
        there = names(tmp_path)
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt), Claims() as claims:
            patch.setattr(where, step, interrupted)
            claims.take(tmp_path / "a.png")
            claims.let_go()
        assert names(tmp_path) == there
    assert names(tmp_path) == []


def test_a_clip(bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames, _ = clips.moving(2)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=40)
    command = ["translate", str(tmp_path / "a.gif"), "-o", str(tmp_path / "out"), "--bundle", bundle]
    with Claims() as other:
        assert other.take(tmp_path / "out" / "a.gif")
        assert main(command) == 1
    assert "a.gif is being made by another process" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(command) == 0


def test_where_nothing_can_be_locked_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def without(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", without)
    with Claims() as one, Claims() as other:
        assert one.take(tmp_path / "a.png")
        assert other.take(tmp_path / "a.png")
        assert one.take(Path("/proc/none/a.png"))
