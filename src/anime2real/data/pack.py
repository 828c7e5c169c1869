"""Packs: prepared crops on disk, ready to train on. `prepare.py` makes them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from anime2real.atomic import atomic_file
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UserError

FORMAT_VERSION = 1

UNKNOWN: Final = (0.0, 0.3)
"""Who a picture without a label is taken for: neither man nor woman, 30 years old."""


class PackError(UserError):
    """A pack that is missing, damaged or of another format."""


class Pack:
    """A pack, opened.

    Attributes:
        meta: meta.json.
        size: S, pixels a side.
        images: (P, S, S, 3) uint8, memory-mapped.
        index: one mapping a picture: file, domain, split, and what is known of the face.
        hair: (P, S, S) uint8, memory-mapped, 255 where a picture shows hair, all 0 where none was found;
            None where the pack was prepared without looking for hair.

    Args:
        folder: with images.npy, index.jsonl, meta.json and, where meta.json says so, hair.npy.

    Raises:
        PackError: if it is no whole pack.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "meta.json").is_file():
            raise PackError(f"{folder} is not a pack (no meta.json): make one with `anime2real prepare`")
        try:
            self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
            self.index: list[dict[str, Any]] = [json.loads(line) for line in lines]
            # Copy-on-write: torch wants writable memory, the file stays as it is.
            self.images: NDArray[np.uint8] = np.load(folder / "images.npy", mmap_mode="c")
            self.size = int(self.meta["size"])
            version = self.meta["format_version"]
            self.hair: NDArray[np.uint8] | None = None
            if "hair" in self.meta:
                self.hair = np.load(folder / "hair.npy", mmap_mode="c")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PackError(f"{folder} is a damaged pack ({error}): prepare it again") from error
        if version != FORMAT_VERSION:
            raise PackError(
                f"{folder} has pack format {version}, this program reads {FORMAT_VERSION}: prepare it again"
            )
        if self.images.shape != (len(self.index), self.size, self.size, 3) or self.images.dtype != np.uint8:
            raise PackError(f"{folder} is a damaged pack (images.npy does not fit index.jsonl): prepare it again")
        if self.hair is not None and (self.hair.shape != self.images.shape[:3] or self.hair.dtype != np.uint8):
            raise PackError(f"{folder} is a damaged pack (hair.npy does not fit images.npy): add its hair again")

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of meta.json and index.jsonl, which hold the sums of everything that went in."""
        total = hashlib.sha256()
        for name in ("meta.json", "index.jsonl"):
            total.update((self.folder / name).read_bytes())
        return total.hexdigest()

    @cached_property
    def landmarks(self) -> NDArray[np.float32] | None:
        """(P, 5, 2) in [-1, 1], x then y, or None where the pack was prepared without looking for faces."""
        if any(entry.get("landmarks") is None for entry in self.index):
            return None
        return np.array([entry["landmarks"] for entry in self.index], np.float32) * (2 / self.size) - 1

    @cached_property
    def scales(self) -> NDArray[np.float64] | None:
        """(P,), pixels of the file for each pixel of the crop: below 1 for pictures that were enlarged.

        None where the pack was prepared before this was written down.
        """
        if any(entry.get("scale") is None for entry in self.index):
            return None
        return np.array([entry["scale"] for entry in self.index], np.float64)

    @cached_property
    def who(self) -> NDArray[np.float32] | None:
        """(P, 2), sex from -1 (woman) to 1 (man) and age / 100, `UNKNOWN` where nobody knows; None without labels."""
        if not any(entry.get("who") for entry in self.index):
            return None
        return np.array([entry.get("who") or UNKNOWN for entry in self.index], np.float32)

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """(P,), how often pictures are drawn beside others of their domain; None without labels."""
        if not any(entry.get("weight") for entry in self.index):
            return None
        return np.array([entry.get("weight") or 1.0 for entry in self.index], np.float64)

    @cached_property
    def frames(self) -> NDArray[np.float32] | None:
        """(P, 2, 3), from places (x, y, 1) of the crop to places of its file, both in [-1, 1].

        None where not all are known.
        """
        if any(entry.get("frame") is None for entry in self.index):
            return None
        return np.array([entry["frame"] for entry in self.index], np.float32)

    def of_scale(self, rows: NDArray[np.int64], min_scale: float) -> NDArray[np.int64]:
        """Those of the rows (R,) whose scale is at least so much; all of them for 0.

        Raises:
            PackError: if the pack does not know scales.
        """
        if not min_scale:
            return rows
        if self.scales is None:
            raise PackError(
                f"{self.folder} does not know its pictures' scale, which --min-scale needs: prepare it again"
            )
        return rows[self.scales[rows] >= min_scale]

    def sources(self, rows: NDArray[np.int64]) -> list[str]:
        """The archive or folder that each of the rows (R,) came from, as `prepare` was given it."""
        return [str(self.index[row]["file"]).split("/", 1)[0] for row in rows]

    def hair_colours(self, domain: Domain, split: Literal["train", "test"]) -> NDArray[np.float32]:
        """(K, 3), CIELAB of the hair of a domain's and a split's pictures, those without a known colour left out."""
        entries = (self.index[row] for row in self.rows(domain, split))
        known = [entry["hair"] for entry in entries if entry.get("hair") is not None]
        return np.array(known, np.float32).reshape(-1, 3)

    @cached_property
    def marks_drawn_hair(self) -> bool:
        """Whether its masks show drawn hair, too, which those of early packs do not."""
        known = [row for row in self.rows("anime", "train") if self.index[row].get("hair") is not None]
        return self.hair is not None and any(self.hair[row].any() for row in known[:64])

    @property
    def classes(self) -> tuple[str, ...]:
        """What the values of its label maps stand for, in the order of their numbers; () where it has drawings."""
        return tuple(self.meta.get("classes", ()))

    def pairs(self, split: Literal["train", "test"]) -> NDArray[np.int64]:
        """(K, 2), rows of the drawings or label maps and of the photographs of a split's pairs; (0, 2) without any."""
        sides = [{self.index[row].get("pair"): row for row in self.rows(domain, split)} for domain in DOMAINS]
        names = sorted((sides[0].keys() & sides[1].keys()) - {None})
        return np.array([[side[name] for side in sides] for name in names], np.int64).reshape(-1, 2)

    def rows(self, domain: Domain, split: Literal["train", "test"]) -> NDArray[np.int64]:
        """The rows of a domain and a split, ascending."""
        chosen = [i for i, entry in enumerate(self.index) if (entry["domain"], entry["split"]) == (domain, split)]
        return np.array(chosen, np.int64)


def write_index(folder: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Replace index.jsonl of a pack by these entries, one for each picture."""
    with atomic_file(folder / "index.jsonl") as temporary:
        lines = (json.dumps(entry, sort_keys=True) + "\n" for entry in entries)
        temporary.write_text("".join(lines), encoding="utf-8")


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Replace meta.json of a pack."""
    with atomic_file(folder / "meta.json") as temporary:
        temporary.write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def note_hair(folder: Path, meta: Mapping[str, Any], sha256: str, facts: Mapping[str, Any]) -> None:
    """Say in meta.json that a pack knows hair, whose masks have this sum."""
    write_meta(folder, {**meta, "hair": {**facts, "sha256": sha256}})
