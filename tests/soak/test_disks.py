"""Commands on a disk that is full, or that cannot be written to: one line, nothing half-written, and then they go on.

    pytest -m soak tests/soak/test_disks.py --minutes 10

A full disk is a small tmpfs, which only root can mount; for others these tests are left out, and the last line says so.
"""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from soak.commands import Straight, check_words
from soak.tally import Tally
from soak.test_kills import NAMES

SHARE = 0.15 / 6
"""Of the soak's time, for each command."""

SMALLEST = 4
"""Kilobytes, the page of a tmpfs."""


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs; skips the test where none can be mounted."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, left: int) -> Path:
    """A file that leaves so many kilobytes."""
    ballast = place / "ballast"
    size = max(0, shutil.disk_usage(place).free - (left << 10))
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
    return ballast


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(name: str, straight: dict[str, Straight], tally: Tally, seconds: float, tmp_path: Path) -> None:
    one, choose, end, tried = straight[name], random.Random(time.time_ns()), time.monotonic() + SHARE * seconds, 0
    if os.geteuid():
        tally.add("left_out", "full disks: only root can mount one")
        pytest.skip("only root can mount a small disk")
    while tried == 0 or time.monotonic() < end:
        with disk(tmp_path / "disk", 16 * one.kilobytes + 65_536) as place:
            folder = place / "out"
            folder.mkdir()
            one.command.begin(folder)
            left = SMALLEST * round(choose.uniform(0, 1) ** 2 * 1.2 * one.kilobytes / SMALLEST)
            words = f"{name}, {left} kB left"
            ballast = fill(place, left)
            failed(one, folder, tally, words)
            ballast.unlink()
            one.finish(folder, tally, words)
        tally.add("full_disks", name)
        tried += 1


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_cannot_be_written_to(
    name: str, straight: dict[str, Straight], tally: Tally, tmp_path: Path
) -> None:
    one = straight[name]
    if os.geteuid():  # rights hold
        folder = tmp_path / "out"
        folder.mkdir()
        one.command.begin(folder)
        folder.chmod(0o555)
        failed(one, folder, tally, f"{name}, without rights", must=True)
        folder.chmod(0o755)
        one.finish(folder, tally, f"{name}, without rights")
    else:
        with disk(tmp_path / "disk", 16 * one.kilobytes + 65_536) as place:
            folder = place / "out"
            folder.mkdir()
            one.command.begin(folder)
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            failed(one, folder, tally, f"{name}, read-only", must=True)
            subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
            one.finish(folder, tally, f"{name}, read-only")
    tally.add("read_only", name)


def failed(one: Straight, folder: Path, tally: Tally, words: str, *, must: bool = False) -> None:
    """A command that fails says so in one line; what is seen is what was, or what should be."""
    try:
        done = one.run(folder)
    except subprocess.TimeoutExpired:
        tally.find("hung", words)
        return
    check_words(done.stdout + done.stderr, tally, words)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    if done.returncode == 1 and len(errors) >= 1:
        if len(errors) > 1 and "translate" not in one.command.arguments(folder):  # which says it for each picture
            tally.find("escaped", f"{words}: {errors}")
    elif done.returncode or must:
        tally.find("escaped", f"{words}: it ends with {done.returncode}: {done.stderr[-300:]}")
    one.check(folder, one.before, tally, words)
