"""Where the result of each file goes, whether it is there already, and what may be replaced.

A result has its picture's name, below the folder that was named. No name depends on what else lies there: pictures
that would share one get longer names, all of them, so that none is ever given to another picture.
"""

import os
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, groupby
from pathlib import Path

from anime2real.atomic import Claims, remove_partial_files
from anime2real.errors import UserError
from anime2real.existing import done_or_cut_short, may_be_replaced
from anime2real.image.decode import PictureError, printable, reason
from anime2real.image.files import Search, clip_kind
from anime2real.image.folders import Found
from anime2real.making import of_clip
from anime2real.outcome import ClipJob, Item, Named, Options, Outcome, TakeClip

_Jobs = dict[Path, ClipJob | UserError | None]


@dataclass(frozen=True)
class Places:
    """The files of a command, each with the place of its result.

    Of one argument, the names of one folder are held at a time; of several, all of them. No file is opened before its
    turn comes, except a clip or an animated picture whose name another file shares.

    Attributes:
        search: finds the files.
        output: the folder of the results; it is made once there is something to translate.
        options: how results are made.
        take_clip: asked about each clip.
        file: the result of the only picture, in `output`.
        begun_ns: when work began that goes on elsewhere if it is cut off, by the clock of the folder's disk. Results
            that are no older are those of an attempt that was cut off: they may be replaced.
    """

    search: Search
    output: Path
    options: Options
    take_clip: TakeClip
    file: Path | None = None
    begun_ns: int | None = None

    def __iter__(self) -> Iterator[Item]:
        """The files in order, each with its place, after `named`."""
        jobs: _Jobs = {}
        return (self.planned(named, jobs) for named in self.named(jobs))

    def named(self, jobs: _Jobs) -> Iterator[Named | PictureError]:
        """The files in order. What killed commands left half written in the folders of the results is removed.

        Args:
            jobs: gets those of the clips that had to be opened.

        Raises:
            PictureError: `output` cannot be made.
        """
        swept: set[Path] = set()
        for group in [list(self.search)] if self.search.several else _by_folder(self.search):
            found = [item for item in group if isinstance(item, Found)]
            suffix = partial(self._suffix, jobs)
            names = dict(zip(found, result_names(found, suffix), strict=True))
            taken = sorted(map(_key, names.values()))
            for item in group:
                if isinstance(item, PictureError):
                    yield item
                    continue
                name = names[item]
                folder = (self.output / name).parent
                if folder not in swept:
                    swept.add(folder)
                    make_folder(self.output)
                    remove_partial_files(folder)
                yield Named(item.path, name, _beginning(f"{_key(name)}-", taken))

    def claimed(self, items: Iterable[Item], claims: Claims) -> Iterator[Item]:
        """Files whose places no other process writes to; in the place of each of the others, why it cannot be had.

        Args:
            items: the files, in the order in which they are finished.
            claims: gets one for each.
        """
        for item in items:
            outcome = item.outcome
            if not claims.take(None if outcome else item.target):
                made = printable(f"{item.target} is being made by another process")
                outcome = Outcome(item.source, error=f"{made}: wait for it, or choose another folder")
            elif item.is_new and not outcome and os.path.lexists(item.target):
                outcome = self._came_meanwhile(item)
            yield item if outcome is None else replace(item, clip=None, outcome=outcome)

    def _came_meanwhile(self, item: Item) -> Outcome | None:
        """What becomes of a file whose result another process has just made."""
        if self.options.skip_existing and not os.path.isdir(item.target):
            return Outcome(item.source, (item.target,), skipped=True)
        refusal = self._refusal(item.target)
        return Outcome(item.source, error=refusal) if refusal else None

    def of_all(self, item: Item, faces: int) -> list[Path]:
        """The places of all results of a picture: the variants of its first face, then those of the next one.

        Raises:
            PictureError: one of them is there, and must not be replaced.
        """
        targets = [item.target]
        for face in range(faces):
            first = self._further(item, item.target, "face", targets) if face else item.target
            targets += [first] if face else []
            for _ in range(1, self.options.variants):
                targets.append(self._further(item, first, "variant", targets))
        for path in targets[1:]:
            refusal = self._refusal(path)
            # A set without its first file was never finished: the rest of it may be replaced, by what made it.
            if refusal and not (self.options.skip_existing and may_be_replaced(path, self.options.systems)):
                raise PictureError(refusal)
        return targets

    def _suffix(self, jobs: _Jobs, source: Path) -> str:
        """The suffix of a file's result, without the dot; its job is kept in `jobs`."""
        if source not in jobs:
            jobs[source] = self.take_clip(source, self.options) if clip_kind(source) else None
        job = jobs[source]
        return job.suffix if isinstance(job, ClipJob) else self.options.format

    def planned(self, named: Named | PictureError, jobs: _Jobs) -> Item:
        """A file with its place, after a look at what is there; `jobs` are those of clips that are open already."""
        if isinstance(named, PictureError):
            return Item(Path(), outcome=Outcome(None, error=str(named)))
        source = named.source
        suffix = self._suffix(jobs, source)
        job = jobs.pop(source)
        target = self.file or self.output / f"{named.name}.{suffix}"
        is_new = not os.path.lexists(target)
        there = self._there(named, target, job) if self.options.skip_existing else ()
        if isinstance(there, Outcome):
            return Item(source, target, outcome=there)
        lacks = "without all of its variants"
        refusal = str(job) if isinstance(job, UserError) else None if there else self._refusal(target, lacks)
        if isinstance(job, ClipJob) and target.suffix.lower() != f".{suffix}":
            refusal = f"{source} becomes a .{suffix}: end the name of the result in that"
        if refusal is not None:
            return Item(source, target, outcome=Outcome(source, error=refusal))
        told = f"written as {target.relative_to(self.output)}: another picture is called {source.stem}"
        notes: tuple[str, ...] = () if self.file or target.stem == source.stem else (told,)
        notes += tuple(f"{path} was there, but cut short" for path in there)
        clip = job if isinstance(job, ClipJob) else None
        return Item(source, target, named.taken, clip, notes=notes, is_new=is_new)

    def _there(self, named: Named, target: Path, job: ClipJob | UserError | None) -> Outcome | tuple[Path, ...]:
        """Of a file's results that are there: what became of it, if they are done; else those that are cut short."""
        if self.search.holds(target) or not os.path.lexists(target) or os.path.isdir(target) or self._is_own(target):
            return ()
        asked = of_clip(self.options.asked) if isinstance(job, ClipJob) else self.options.asked
        variants = 1 if job else self.options.variants  # of clips, the usual one alone is made
        further = () if job else self._faces_there(named, target)
        return done_or_cut_short(named.source, target, variants, further, self.options.systems, asked)

    def _faces_there(self, named: Named, target: Path) -> Iterator[Path]:
        """The results of further faces of a picture that are there, with their variants."""
        if self.options.layout == "paste" or self.options.faces not in ("all", "left-to-right"):
            return
        for number in count(2):
            face = target.with_stem(f"{target.stem}-face-{number}")
            if not os.path.lexists(face):
                return
            if _key_of(face, self.output) not in named.taken and not self.search.holds(face):
                yield face
                yield from (face.with_stem(f"{face.stem}-variant-{n}") for n in range(2, self.options.variants + 1))

    def _is_own(self, target: Path) -> bool:
        """Whether a result was written since `begun_ns`."""
        return self.begun_ns is not None and os.lstat(target).st_mtime_ns >= self.begun_ns

    def _refusal(self, target: Path, lacks: str = "") -> str | None:
        """Why nothing may be written to a path; asked before any work is done.

        Args:
            target: the path.
            lacks: why what is there is not passed over, where that is asked for.
        """
        if not os.path.lexists(target):
            return None
        if os.path.isdir(target):
            return f"{target} is a folder, where a result belongs: move it away, or choose another folder"
        if self.search.holds(target):
            return f"{target} is one of the pictures to translate: choose another folder"
        if self.options.overwrite or self._is_own(target):
            return None
        if self.options.skip_existing:
            there = f"{target} is already there {lacks}".rstrip()
            return f"{there}: give --overwrite in place of --skip-existing, or choose another folder"
        return f"{target} is already there: give --overwrite or --skip-existing, or choose another folder"

    def _further(self, item: Item, first: Path, kind: str, targets: Sequence[Path]) -> Path:
        """The next free name for a further face or variant: none is an input or another result."""
        number = 2
        while True:
            path = first.with_stem(f"{first.stem}-{kind}-{number}")
            if path not in targets and _key_of(path, self.output) not in item.taken and not self.search.holds(path):
                return path
            number += 1


def result_names(found: Sequence[Found], suffix: Callable[[Path], str]) -> list[Path]:
    """What the result of each file is called below the folder of the results, without the suffix that `suffix` tells.

    The name of the file without its own suffix; of files that share that, and the suffix of their results, the name
    with it; of those that share that too, the path below the folder around them. Names that differ only in case or in
    Unicode form count as shared, because some file systems take them for one.
    """
    names = [one.relative.parent / one.relative.stem for one in found]
    alike: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        alike.setdefault(_key(name), []).append(place)
    shared: list[list[int]] = []
    for places in alike.values():
        by_suffix: dict[str, list[int]] = {}
        for place in places if len(places) > 1 else ():
            by_suffix.setdefault(suffix(found[place].path), []).append(place)
        shared += [same for same in by_suffix.values() if len(same) > 1]
    apart = {place for same in shared for place in same}
    taken = {_key(name) for place, name in enumerate(names) if place not in apart}
    for same in shared:
        for place, name in zip(same, _told_apart([found[place] for place in same]), strict=True):
            names[place] = _free(name, taken)
            taken.add(_key(names[place]))
    return names


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it.

    Raises:
        PictureError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise PictureError(f"{folder} cannot be made ({reason(error)}): choose another folder") from error


def _told_apart(found: Sequence[Found]) -> list[Path]:
    """Names for the results of files that share the usual one, each different."""
    whole = [one.relative for one in found]
    places = [os.path.abspath(one.path) for one in found]
    try:
        around = os.path.commonpath([os.path.dirname(place) for place in places])
        below = [Path(os.path.relpath(place, around)) for place in places]
    except ValueError:  # on two drives of Windows
        return whole
    for names in (whole, [path.parent / path.stem for path in below]):
        if len(set(map(_key, names))) == len(names):
            return names
    return below


def _free(name: Path, taken: Iterable[str]) -> Path:
    """The name, with a number if it is taken by a picture that is really called so."""
    number, free = 2, name
    while _key(free) in taken:
        free, number = name.with_name(f"{name.name}-{number}"), number + 1
    return free


def _by_folder(search: Search) -> Iterator[list[Found | PictureError]]:
    folders = groupby(search, key=lambda item: item.path.parent if isinstance(item, Found) else None)
    return (list(items) for _, items in folders)


def _beginning(start: str, names: Sequence[str]) -> frozenset[str]:
    """Those of sorted names that begin so."""
    return frozenset(names[bisect_left(names, start) : bisect_left(names, start + chr(sys.maxunicode))])


def _key(name: Path) -> str:
    return unicodedata.normalize("NFC", name.as_posix()).casefold()


def _key_of(result: Path, output: Path) -> str:
    below = Path(os.path.relpath(result, output))
    return _key(below.parent / below.stem)
