"""Commands killed at random moments, again and again: they end as if nothing had happened, and lose nothing.

pytest -m soak tests/soak/test_kills.py --minutes 10
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from soak.commands import Straight, check_words
from soak.tally import Tally
from soak.warm import HANGS

SHARE = 0.35 / 6
"""Of the soak's time, for each command."""

IN_ONE_FOLDER = 8
"""Kills, before the command may end."""

NAMES = ("prepare", "prepare --overwrite", "translate", "video", "train", "export")


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_command_that_is_killed_loses_nothing(
    name: str, straight: dict[str, Straight], tally: Tally, seconds: float, tmp_path: Path
) -> None:
    one, choose = straight[name], random.Random(time.time_ns())
    end, kills, rounds, whole = time.monotonic() + SHARE * seconds, 0, 0, one.seconds
    while kills == 0 or time.monotonic() < end:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        one.command.begin(folder)
        seen, before = one.command.seen(folder), kills
        while kills < before + IN_ONE_FOLDER and (kills == 0 or time.monotonic() < end):
            words = f"{name}, killed {kills - before + 1} times"
            took = run_or_kill(one, folder, choose.uniform(0.0, 1.0) * whole, tally, words)
            if took is not None:
                whole = min(took, whole)  # the machine may have more time for it now
                break
            kills += 1
            tally.add("kills", name)
            seen = one.check(folder, seen, tally, words)
            if one.command.once and seen == one.after:  # killed between its last step and its end
                break
        one.finish(folder, tally, f"{name}, killed {kills - before} times")
        rounds += 1


def run_or_kill(one: Straight, folder: Path, after: float, tally: Tally, words: str) -> float | None:
    """Run a command and kill it after so many seconds; how many it took if it had ended before."""
    start = time.monotonic()
    running = one.warm.start(one.command.arguments(folder))
    code = running.wait(after)
    if code is None:
        running.kill()
        code = running.wait(HANGS)
        if not ended(running.number):
            tally.find("hung", f"{words}: it left processes behind")
            os.killpg(running.number, signal.SIGKILL)
    said = "".join(running.said())
    check_words(said, tally, words)
    if code not in (0, -signal.SIGKILL):
        tally.find("lost", f"{words}: it ends with {code}: {said[-300:]}")
    return None if code == -signal.SIGKILL else time.monotonic() - start


def ended(group: int, seconds: float = 10.0) -> bool:
    """Whether all processes of a group end; where the system does not tell, they are taken to."""
    end = time.monotonic() + seconds
    while sys.platform == "linux" and alive(group):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def alive(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        state, _, its_group = rest.split()[:3]
        if int(its_group) == group and state not in ("Z", "X"):
            return True
    return False
