"""The work of `make_pairs` in a hidden folder beside the pack, by shards, where a call that was stopped goes on."""

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real import __version__
from anime2real.bundle.format import Bundle
from anime2real.bundle.redrawer import networks_sum
from anime2real.bundle.save import manifest_of
from anime2real.data.duplicates import FEATURES, thumbnail
from anime2real.data.members import Member
from anime2real.data.pack import PackError
from anime2real.data.shards import in_bytes
from anime2real.data.work_folder import begin, remove, work_folder
from anime2real.data.workers import in_order
from anime2real.face import finder
from anime2real.measure.candidates import SHARD, read_shard, translate_shard
from anime2real.measure.foreign import foreign_detector
from anime2real.progress import Progress

SEEN: Final = ("faces", "details", "symmetry", "steadiness", "told", "after")
"""What a shard has of a `Measurements`."""

_FACTS: Final = ("places", "hashes", "sums", "scales", "landmarks", "frames", "photographed", *SEEN)


def pairing_folder(output: Path) -> Path:
    """Where the work on a pack of made pairs lies."""
    return work_folder(output, "pairing")


@dataclass(frozen=True)
class Work:
    """The hidden folder, and all that decides what is in it."""

    output: Path
    members: list[Member]
    bundles: list[Bundle]
    size: int
    stamps: list[str]

    @property
    def folder(self) -> Path:
        return pairing_folder(self.output)

    @property
    def numbers(self) -> range:
        """Of the shards."""
        return range(-(-len(self.members) // SHARD))

    def path(self, number: int) -> Path:
        """A shard's file."""
        return self.folder / f"{number}.npz"

    def translate(self, processes: int | None, progress: Progress) -> None:
        """Translate the shards that are not there yet."""
        begin(self.folder, self._key())
        undone = [number for number in self.numbers if not self.path(number).is_file()]
        self._need_room(len(undone))
        tasks = [(self.path(n), self.members[n * SHARD :][:SHARD], self.bundles, self.size) for n in undone]
        done = len(self.members) - sum(len(task[1]) for task in tasks)
        progress("translating", done, len(self.members))
        for finished in in_order(translate_shard, tasks, len(tasks), processes, finishing=True):
            done += finished
            progress("translating", done, len(self.members))

    def told(self) -> str:
        """What is translated, in words."""
        done = sum(len(self.members[n * SHARD :][:SHARD]) for n in self.numbers if self.path(n).is_file())
        return f"{done:,} of {len(self.members):,} drawings are translated"

    def _need_room(self, shards: int) -> None:
        pictures = shards * SHARD * (1 + 2 * len(self.bundles)) + 2 * len(self.members)
        need, free = pictures * self.size**2 * 3, shutil.disk_usage(self.folder).free
        if need > free:
            if shards == len(self.numbers):
                self.remove()
            room = f"up to {in_bytes(need)} of the {in_bytes(free)} free at {self.output.absolute().parent}"
            place = "make room, or name a folder on another disk"
            raise PackError(f"{self.output} may take {room}, which is too little: {place}")

    def _key(self) -> str:
        detector = foreign_detector()
        total = hashlib.sha256(
            json.dumps([
                __version__, self.size, SHARD, _FACTS, self.stamps, detector and detector.name,
                [(manifest_of(bundle), networks_sum(bundle)) for bundle in self.bundles],
                [member.shown_as for member in self.members],
                [str(member.container.resolve()) for member in self.members],
            ]).encode()
        )  # fmt: skip
        for path in sorted((Path(finder.__file__).parent / "models").glob("*.onnx")):
            total.update(path.read_bytes())
        return total.hexdigest()

    def remove(self) -> None:
        """Remove the folder."""
        remove(self.folder)

    def read(self, number: int, *names: str) -> dict[str, Any]:
        """Some arrays of a shard."""
        try:
            return read_shard(self.path(number), *names)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise PackError(
                f"{self.path(number)} is damaged: remove {self.folder}, and run the same command again"
            ) from error


@dataclass(frozen=True)
class Drawings:
    """The N drawings that show a face, without their pixels.

    Attributes:
        members: (N) of them.
        at: (N, 2), the shard and the row in it.
        facts: columns of all, by name.
        thumbnails: (N, FEATURES).
        rejected: reason and line of each of the others.
        sums: hex SHA-256 of every member's file that was read, by its place.
    """

    members: list[Member]
    at: NDArray[np.int64]
    facts: dict[str, Any]
    thumbnails: NDArray[np.float32]
    rejected: list[tuple[str, str]]
    sums: dict[int, str]


def read_all(work: Work) -> Drawings:
    """What is known of the drawings of all shards."""
    columns: dict[str, list[Any]] = {name: [] for name in _FACTS}
    at, places, small = [], [], [np.zeros((0, FEATURES), np.float32)]
    rejected: list[tuple[str, str]] = []
    for number in work.numbers:
        shard = work.read(number, *_FACTS, "drawings", "reasons", "lines")
        for name, column in columns.items():
            column.append(shard[name])
        small += [thumbnail(drawing)[None] for drawing in shard["drawings"]]
        at += [(number, row) for row in range(len(shard["places"]))]
        places += (number * SHARD + shard["places"]).tolist()
        rejected += zip(shard["reasons"].tolist(), shard["lines"].tolist(), strict=True)
    facts = {name: np.concatenate(column) for name, column in columns.items()}
    sums = {place: content.decode() for place, content in zip(places, facts["sums"].tolist(), strict=True)}
    members = [work.members[place] for place in places]
    return Drawings(members, np.array(at, np.int64).reshape(-1, 2), facts, np.concatenate(small), rejected, sums)
