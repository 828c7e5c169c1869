"""Translate many files on a cluster: names are given in one process, and parts of the files translated in others."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from anime2real.atomic import remove_partial_files, removed_if_empty
from anime2real.data.workers import Workers
from anime2real.image.decode import PictureError, reason
from anime2real.image.files import Search
from anime2real.image.folders import LeftOut
from anime2real.network import Networks
from anime2real.outcome import Named, Options, Outcome, TakeClip
from anime2real.results import Places, make_folder
from anime2real.translate_files import translate_items

PART: Final = 64
"""Files that are translated in one go: some seconds' work of a core, and what a killed process loses."""

_Part = list[Named | PictureError]


def translate_parts(
    spread: Workers, networks: Networks, search: Search, output: Path, options: Options, take_clip: TakeClip
) -> Iterator[Outcome]:
    """As `translate_files`, by processes that `spread` works in; they must see all files at the same paths.

    A part whose process was killed is translated again, by another one, and its results replaced.

    Args:
        spread: does the work.
        networks, take_clip: can be pickled; each process loads its own networks.
        search, output, options: as of `translate_files`.

    Raises:
        PictureError: `output` cannot be made.
        UserError: the processes cannot do it.
    """
    with removed_if_empty(output):
        make_folder(output)
        places = Places(search, output, options, take_clip, begun_ns=_now(output))
        folders: set[Path] = set()
        try:
            for outcomes, left_out in spread(_Translate(networks, places), _Parts(places), sys.maxsize):
                search.left_out = left_out
                for outcome in outcomes:
                    folders.update(path.parent for path in outcome.outputs)
                    yield outcome
        finally:
            for folder in folders:  # what killed processes left half written
                remove_partial_files(folder)


def _now(folder: Path) -> int:
    """A time after that of all files in a folder, as its disk counts: ns.

    Raises:
        PictureError: nothing can be written there.
    """
    try:
        before = now = _written(folder)
        while now == before:  # disks count in steps of some ms, or of a second
            time.sleep(0.001)
            now = _written(folder)
        return now
    except OSError as error:
        raise PictureError(f"{folder} cannot be written ({reason(error)}): choose another folder") from error


def _written(folder: Path) -> int:
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime_ns


@dataclass(frozen=True)
class _Parts:
    """The files in parts, each with what the search has passed over before; an empty one at the end."""

    places: Places

    def __iter__(self) -> Iterator[tuple[_Part, LeftOut]]:
        search, named = self.places.search, self.places.named({})
        part = None
        while part is None or part:
            part = list(islice(named, PART))
            yield part, deepcopy(search.left_out)


@dataclass(frozen=True)
class _Translate:
    """Translates parts."""

    networks: Networks
    places: Places

    def __call__(self, part: _Part, left_out: LeftOut) -> tuple[list[Outcome], LeftOut]:
        items = (self.places.planned(named, {}) for named in part)
        return list(translate_items(self.networks, self.places, items)), left_out
