"""The commands whose results must survive kills and full disks: what each is given, and what of it is seen."""

import hashlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import clips
import numpy as np
from PIL import Image
from soak.tally import Tally
from soak.warm import Warm, environment, line
from toys import Toy, smooth_picture

from anime2real.bundle.format import read
from anime2real.data.pack import Pack

TRACES: Final = ("Traceback (most recent call last)", "a fault of the program", "Exception ignored")
"""What no command may print."""

Seen = dict[str, str]
"""Finished results by name, each with a sum."""


@dataclass(frozen=True)
class Command:
    """A command line that resumes, or passes over what is done.

    Attributes:
        arguments: of it, for the folder of its results.
        seen: what is finished in that folder; raises if something there is half-written.
        begin: what lies in the folder before.
        once: whether it refuses to run again when it is done.
    """

    arguments: Callable[[Path], Sequence[str]]
    seen: Callable[[Path], Seen]
    begin: Callable[[Path], None] = lambda folder: None
    once: bool = False


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pack(folder: Path) -> Seen:
    """The pack, whose every sum is checked."""
    if not (folder / "pack").exists():
        return {}
    pack = Pack(folder / "pack")
    pack.check()
    return {"pack": pack.digest}


def _pictures(folder: Path) -> Seen:
    """Pictures, each decoded."""
    found = {}
    for path in sorted(folder.rglob("[!.]*.png")):
        with Image.open(path) as picture:
            found[path.name] = hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()
    return found


def _clip(folder: Path) -> Seen:
    return {path.name: _sum(path) for path in sorted(folder.glob("[!.]*.mp4"))}


def _bundles(folder: Path) -> Seen:
    """Bundles, each read with its sum."""
    found = (path.parent for path in sorted(folder.rglob("bundle.json")) if ".partial" not in str(path))
    return {bundle.name: hashlib.sha256(read(bundle).model()).hexdigest() for bundle in found}


def _run(folder: Path) -> Seen:
    """The run's bundles, and the last weights if it has ended."""
    bundles = _bundles(folder)
    if not bundles:
        return {}
    sums = max((folder / "run").glob("checkpoints/step-*/SHA256SUMS")).read_text(encoding="utf-8").splitlines()
    return bundles | {"weights": " ".join(line for line in sums if not line.endswith("state.json"))}


def commands(toy: Toy, root: Path, warm: Warm) -> dict[str, Command]:
    """All of them by name; what they are given is made below `root`."""
    pictures = root / "pictures"
    for place, name in enumerate(("aoi", "hana", "mika", "rin")):
        (pictures / str(place % 2)).mkdir(parents=True, exist_ok=True)
        with Image.open(clips.EXAMPLES / f"{name}.png") as picture:
            two = Image.new("RGB", (2 * picture.width, picture.height))
            for left in (0, picture.width):
                two.paste(picture, (left, 0))
        two.save(pictures / str(place % 2) / f"{name}.png")
    clip = clips.encode(root / "clip.mp4", clips.moving(20)[0])
    random = np.random.default_rng(7)
    for at in range(3):
        (root / "other").mkdir(exist_ok=True)
        smooth_picture(random, (90, 190, 90)).save(root / "other" / f"{at}.png")
    sizes = ("--size", "32", "--crop", "centre", "--near", "0", "--quiet")
    prepare = ("prepare", "--anime", str(toy.anime), "--real", str(toy.real), *sizes, "--processes", "2")
    other = ("prepare", "--anime", str(root / "other"), "--real", str(root / "other"), *sizes, "--processes", "1")
    nets = ("--width", "8", "--blocks", "1", "--discriminator-width", "8", "--batch-size", "2")
    train = ("train", "cyclegan", "--data", str(toy.pack), "--steps", "8", "--device", "cpu", *nets, "-o")
    short = ("train", "difference", "--data", str(toy.pack), "--steps", "4", "--device", "cpu", "-o")
    translate = ("translate", "--method", "difference", "--skip-existing", "--recursive", "-o")

    def once(arguments: Sequence[str], folder: Path) -> None:
        done = warm.run([*arguments, str(folder)])
        assert done.returncode == 0, done.stderr

    export = ("export", str(root / "run"), "-o")

    def exported(folder: Path) -> None:
        if not (root / "run").exists():
            once(short, root / "run")
        once(export, folder)

    return {
        "prepare": Command(lambda to: (*prepare, "-o", str(to / "pack")), _pack, once=True),
        "prepare --overwrite": Command(
            lambda to: (*prepare, "--overwrite", "-o", str(to / "pack")),
            _pack,
            lambda to: once((*other, "-o"), to / "pack"),
        ),
        "translate": Command(lambda to: (*translate, str(to), str(pictures)), _pictures),
        "video": Command(lambda to: (*translate, str(to), str(clip)), _clip),
        "train": Command(lambda to: (*train, str(to / "run")), _run),
        "export": Command(lambda to: (*export, str(to)), _bundles, exported),
    }


@dataclass(frozen=True)
class Straight:
    """A command, how long it takes, how much it writes, and what it gives when nothing is broken.

    Attributes:
        warm: runs it.
        before: what is seen before it runs.
        after: what is seen when it has run.
        seconds: from its start to its end.
        kilobytes: of all that lies in its folder then.
    """

    command: Command
    warm: Warm
    before: Seen
    after: Seen
    seconds: float
    kilobytes: int

    @classmethod
    def of(cls, command: Command, warm: Warm, folder: Path) -> "Straight":
        """Run a command in a process that begins with nothing, and again in one that has imported all, for its time."""
        alone, folder = folder / "alone", folder / "warm"
        for place in (alone, folder):
            place.mkdir(parents=True)
            command.begin(place)
        before = command.seen(folder)
        first = line(command.arguments(alone))
        subprocess.run(first, env=environment(), capture_output=True, check=True)
        start = time.monotonic()
        done = warm.run(command.arguments(folder))
        assert done.returncode == 0, done.stderr
        seconds = time.monotonic() - start
        assert command.seen(alone) == command.seen(folder)
        files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return cls(command, warm, before, command.seen(folder), seconds, files >> 10)

    def check(self, folder: Path, seen: Seen, tally: Tally, words: str) -> Seen:
        """Note what is lost or wrong of what was `seen` before in a folder; returns what is seen now."""
        try:
            now = self.command.seen(folder)
        except Exception as error:  # whatever a half-written file makes of its reader
            tally.find("lost", f"{words}: {error!r}")
            return seen
        for name, content in seen.items():
            if now.get(name) not in (content, self.after.get(name)):
                tally.find("lost", f"{words}: {name} is gone or changed")
        for name, content in now.items():
            if content not in (self.before.get(name), self.after.get(name)):
                tally.find("lost", f"{words}: {name} is not what it should be")
        return now

    def finish(self, folder: Path, tally: Tally, words: str) -> None:
        """Run it to its end: it must give what it gives when nothing is broken, and leave nothing else."""
        if self.command.once and self.command.seen(folder) == self.after:
            done = self.run(folder)  # it refuses, and clears up what was left
            check_words(done.stdout + done.stderr, tally, words)
        else:
            self._repeat(folder, tally, words)
        left = [path.name for path in folder.rglob(".*") if not path.name.endswith(".lock")]
        if left:
            tally.find("lost", f"{words}: left behind: {left[:3]}")

    def run(self, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Run it to its end; subprocess.TimeoutExpired if it does not come to one."""
        return self.warm.run(self.command.arguments(folder))

    def _repeat(self, folder: Path, tally: Tally, words: str) -> None:
        try:
            done = self.run(folder)
        except subprocess.TimeoutExpired:
            tally.find("hung", f"{words}, then the same command")
            return
        check_words(done.stdout + done.stderr, tally, words)
        if done.returncode:
            tally.find("lost", f"{words}: the same command ends with {done.returncode}: {done.stderr[-300:]}")
        elif (now := self.command.seen(folder)) != self.after:
            tally.find("lost", f"{words}: the end is {now}, not {self.after}")


def check_words(printed: str, tally: Tally, words: str) -> None:
    """Note a traceback among what a command printed."""
    if any(trace in printed for trace in TRACES):
        tally.find("tracebacks", f"{words}: {printed[-1500:]}")
