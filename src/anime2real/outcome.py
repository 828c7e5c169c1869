"""What is asked of many files, where each one's result goes, and what became of it: the words between `translate`, its
parts, clips and the report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.who import AS_SEEN, Who
from anime2real.making import USUAL
from anime2real.pipeline import Crop, FaceChoice, Layout

Format = Literal["png", "jpg", "webp", "avif"]


@dataclass(frozen=True)
class Options:
    """How results are made.

    Attributes:
        to: the domain; if None, each picture goes to the one that most of its faces are not of.
        layout: each face alone, beside the crop that went in, or all pasted back into the picture.
        crop: find the faces, or take the centre square for one.
        faces: which faces of a picture.
        format: the suffix of the results.
        quality: 1 to 100, of formats other than PNG.
        background: the colour behind transparent pictures, RGB, 0-255.
        overwrite: whether existing files may be replaced. Inputs never are.
        skip_existing: whether a picture whose results are there, and whole, is passed over.
        variants: results for each face of a picture, at least 1, the usual one first; clips get the usual one only.
        who: who the results should show, for bundles that take it.
        asked: these in words, as results tell them (`making.in_words`).
        systems: by what results may be made (`making.systems`): those that are there and tell of another are not
            passed over.
    """

    to: Domain | None = None
    layout: Layout = "face"
    crop: Crop = "face"
    faces: FaceChoice = "all"
    format: Format = "png"
    quality: int = 92
    background: tuple[int, int, int] = (255, 255, 255)
    overwrite: bool = False
    skip_existing: bool = False
    variants: int = 1
    who: Who = AS_SEEN
    asked: str = USUAL
    systems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a file: `outputs` or `error`, never both.

    Attributes:
        source: the file, or None if an argument matched no file.
        outputs: the results, the first face's first, the variants of a face one after the other.
        to, method: the domain that a picture was translated to, and the method that did it.
        faces: for JSON: box, landmarks and tilt_degrees of each face, in px of the upright picture.
        seconds: for decoding and finding faces, its share of the batch, and writing.
        notes: what the user should know.
        error: one line.
        skipped: whether the results were there already and nothing was done.
        record: for a clip: what its line of JSON has in place of `faces`.
    """

    source: Path | None
    outputs: tuple[Path, ...] = ()
    to: Domain | None = None
    method: str | None = None
    faces: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str | None = None
    skipped: bool = False
    record: dict[str, Any] | None = None

    def as_record(self) -> dict[str, Any]:
        """For JSON: its line, as docs/formats.md describes it."""
        source = None if self.source is None else str(self.source)
        if self.error is not None:
            return {"input": source, "error": self.error}
        record: dict[str, Any] = {"input": source, "output": str(self.outputs[0])}
        if self.skipped:
            return record | {"skipped": True}
        if self.record is not None:
            return record | self.record | ({"notes": self.notes} if self.notes else {})
        record |= {"to": self.to, "method": self.method, "faces": self.faces, "seconds": round(self.seconds, 4)}
        if len(self.outputs) > 1:
            record["outputs"] = [str(path) for path in self.outputs]
        return record | ({"notes": self.notes} if self.notes else {})


@dataclass(frozen=True)
class ClipJob:
    """A clip to translate: the suffix of its result, without the dot, and a function that writes it to a path."""

    suffix: str
    run: Callable[[Path], Outcome]


TakeClip = Callable[[Path, Options], ClipJob | UserError | None]
"""Gives the job for a clip, or why it cannot be translated; None to treat it as a picture."""


@dataclass(frozen=True)
class Named:
    """One file and what its usual result is called.

    Attributes:
        source: the file.
        name: below the folder of the results, without a suffix.
        taken: of the other results, the names that begin with this one and a hyphen, as further results of this file
            do: they must not get them.
    """

    source: Path
    name: Path
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Item:
    """One file and its place.

    Attributes:
        source: the file.
        target: where its usual result goes.
        taken: names of other results, which further results of this file must not get.
        clip: its job, if it is a clip.
        outcome: what became of it, if that is known before it is looked at.
        notes: what the user should know of the place.
        is_new: whether nothing was there when it was looked at.
    """

    source: Path
    target: Path = Path()
    taken: frozenset[str] = frozenset()
    clip: ClipJob | None = None
    outcome: Outcome | None = None
    notes: tuple[str, ...] = ()
    is_new: bool = False
