"""Packs: prepared crops on disk, ready to train on. `prepare.py` makes them."""

import contextlib
import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from anime2real.data.arrays import mapped
from anime2real.data.chunk_sums import file_sum, first_changed
from anime2real.data.index import Index
from anime2real.data.index_lines import SPLITS
from anime2real.data.meta import read_meta
from anime2real.data.remote import ADDRESS, address_of, fetched
from anime2real.data.tar_pixels import TarPixels
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError, UserError, first_line

FORMAT_VERSION = 1

NEXT: Final = ".index.next.jsonl"
"""The index that fits the new meta.json, while both are replaced."""

_AT_ONCE: Final = 2**24

UNKNOWN: Final = (0.0, 0.3)
"""Who a picture without a label is taken for: neither man nor woman, 30 years old."""

EXPRESSION: Final = ("mouth_open", "smile", "eyes_open", "glasses")
"""What is known of an expression, in this order."""


class PackError(UserError):
    """A pack that is missing, damaged or of another format."""


class PackOptionError(PackError, UsageError):
    """A value that no pack can be made with."""


class Pack:
    """A pack, opened.

    Attributes:
        meta: meta.json.
        size: S, pixels a side.
        images: (P, S, S, 3) uint8, memory-mapped; of a pack in shards, `TarPixels`, which reads what it is asked for.
        index: one mapping a picture: file, domain, split, and what is known of the face; columns of all.
        hair: (P, S, S) uint8, read as `images`, 255 where a picture shows hair, all 0 where none was found;
            None where the pack was prepared without looking for hair.

    Args:
        folder: with images.npy, index.jsonl, meta.json and, where meta.json says so, hair.npy; or with shards; or the
            address of a folder of shards.

    Raises:
        PackError: if it is no whole pack.
    """

    def __init__(self, folder: Path) -> None:
        address = address_of(folder)
        self.folder = folder = folder if address is None else fetched(address)
        self._whole: dict[str, set[int]] = {}
        self.meta: dict[str, Any] = {}
        if not (folder / "meta.json").is_file():
            raise PackError(f"{folder} is not a pack (no meta.json): make one with `anime2real prepare`")
        try:
            self.meta = read_meta(folder / "meta.json")
            self.index_path = folder / "index.jsonl"
            self.index = Index(self.index_path)
            self.size: int = self.meta["size"]
            self.images = self._pixels("picture", "images.npy")
            self.hair = self._pixels("hair", "hair.npy") if "hair" in self.meta else None
            version = self.meta["format_version"]
            sums: Mapping[str, Any] = self.meta.get("sums", {})
            self._sums = {"images": sums.get("images", []), "hair": sums and self.meta.get("hair", {}).get("sums", [])}
            self._chunk: int = sums.get("pictures", 1)
        except OSError as error:
            why = f"{Path(error.filename or folder).name}: {error.strerror or first_line(error)}"
            if isinstance(error, FileNotFoundError):
                raise self._damaged(why) from error
            raise PackError(f"{folder} cannot be read ({why}): allow reading it, or copy it elsewhere") from error
        except (ValueError, RecursionError) as error:
            raise self._damaged(first_line(error)) from error
        if version != FORMAT_VERSION:
            raise PackError(
                f"{folder} has pack format {version}, this program reads {FORMAT_VERSION}: prepare it again"
            )
        if self.images.shape != (len(self.index), self.size, self.size, 3) or self.images.dtype != np.uint8:
            raise self._damaged(f"{'samples' if self.in_shards else 'images'}.npy does not fit index.jsonl")
        if self.hair is not None and (self.hair.shape != self.images.shape[:3] or self.hair.dtype != np.uint8):
            raise PackError(f"{folder} is a damaged pack (hair.npy does not fit images.npy): add its hair again")
        if sums:
            self._check_index(sums)

    def _pixels(self, kind: Literal["picture", "hair"], name: str) -> NDArray[np.uint8]:
        """All pictures or masks, mapped or, of shards, as what reads them."""
        if not self.in_shards:
            return mapped(self.folder / name)
        shards = self.meta["shards"]
        read = TarPixels(self.folder, kind, self.size, shards["each"])
        if len(shards["sums"]) != len(range(0, len(read), shards["each"])):
            raise ValueError("meta.json names more or fewer shards than samples.npy")
        return cast(NDArray[np.uint8], read)  # as far as anybody here uses an array

    def _damaged(self, why: str) -> PackError:
        """The error that says what is wrong with it, and how to get a whole one."""
        again = "make the shards again" if self.in_shards else "prepare it again"
        if (self.folder / ADDRESS).is_file():
            again = "delete that folder, and it is fetched again"
        return PackError(f"{self.folder} is a damaged pack ({why}): {again}")

    @property
    def in_shards(self) -> bool:
        """Whether its pictures lie in tar archives, where they are read but not changed."""
        return "shards" in self.meta

    def _check_index(self, sums: Mapping[str, Any]) -> None:
        """Whether the lines of the index are those of the pictures, in their order, and as many as meta.json says."""
        if self._misfit(sums) and (self.folder / NEXT).is_file():  # a change was stopped before its last step
            self.index_path = self.folder / NEXT
            with contextlib.suppress(OSError, ValueError):
                self.index = Index(self.index_path)
        if why := self._misfit(sums):
            raise self._damaged(why)

    def _misfit(self, sums: Mapping[str, Any]) -> str:
        if sums.get("files") != self.index.files_sha256:
            return "index.jsonl names other pictures"
        for domain in DOMAINS:
            for split in SPLITS:
                told, found = self.meta["counts"].get(domain, {}).get(split, 0), len(self.rows(domain, split))
                if told != found:
                    return f"meta.json counts {told} {domain} pictures to {split}, index.jsonl has {found}"
        return ""

    @property
    def has_sums(self) -> bool:
        """Whether the sums of its pictures are known; packs made before they were written have none."""
        return self.in_shards or bool(self._sums["images"])

    def check(self, rows: NDArray[np.int64] | None = None) -> None:
        """Compare pictures, and masks of hair, with their sums, by chunks; what was found whole is not read again.

        Those of shards are compared when they are read; here all shards and what lies beside them are, where no rows
        are given.

        Args:
            rows: (R,) that will be read; all if not given.

        Raises:
            PackError: some are not what was written.
        """
        if isinstance(self.images, TarPixels):
            if rows is None:
                shards = self.meta["shards"]
                for name, wanted in shards["files"].items():
                    if file_sum(self.folder / name) != wanted:
                        raise self._damaged(f"{name} is not what was written")
                self.images.check(shards["sums"], shards["bytes"])
            return
        for name, pixels in (("images", self.images), ("hair", self.hair)):
            sums, known = self._sums[name], self._whole.setdefault(name, set())
            if pixels is None or not sums:
                continue
            if len(sums) != len(range(0, len(pixels), self._chunk)):
                raise self._damaged("too few sums in meta.json")
            chunks = range(len(sums)) if rows is None else np.unique(rows // self._chunk).tolist()
            changed = first_changed(pixels, sums, self._chunk, chunks, known)
            if changed is not None:
                last = min(len(pixels), (changed + 1) * self._chunk) - 1
                raise self._damaged(f"{name}.npy, pictures {changed * self._chunk} to {last}, is not what was written")

    def need_one_piece(self, to: str) -> None:
        """Refuse, with a PackError, to change what is in shards."""
        if self.in_shards:
            raise PackError(f"{self.folder} is in shards: {to} the pack that they were made of, and make them again")

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of meta.json and index.jsonl, which hold the sums of what went in and of all pixels."""
        total = hashlib.sha256()
        for path in (self.folder / "meta.json", self.index_path):
            with path.open("rb") as file:
                while part := file.read(_AT_ONCE):
                    total.update(part)
        return total.hexdigest()

    @cached_property
    def landmarks(self) -> NDArray[np.float32] | None:
        """(P, 5, 2) in [-1, 1], x then y, or None where the pack was prepared without looking for faces."""
        points = self.index.column("landmarks").reshape(-1, 5, 2)
        return None if np.isnan(points).any() else np.asarray(points * (2 / self.size) - 1, np.float32)

    @cached_property
    def scales(self) -> NDArray[np.float64] | None:
        """(P,), pixels of the file for each pixel of the crop: below 1 for pictures that were enlarged.

        None where the pack was prepared before this was written down.
        """
        scales = self.index.column("scale")[:, 0]
        return None if np.isnan(scales).any() else scales

    @cached_property
    def who(self) -> NDArray[np.float32] | None:
        """(P, 2), sex from -1 (woman) to 1 (man) and age / 100, `UNKNOWN` where nobody knows; None without labels."""
        who: NDArray[np.float32] = self.index.column("who")
        unknown = np.isnan(who)
        return None if unknown.all() else np.asarray(np.where(unknown, UNKNOWN, who), np.float32)

    @cached_property
    def expressions(self) -> NDArray[np.float32] | None:
        """(P, 4), mouth open, smile, eyes open and glasses, from -1 (no) to 1 (yes), 0 where nobody knows.

        None where none is known.
        """
        expressions = self.index.column("expression")
        return None if np.isnan(expressions).all() else np.asarray(np.nan_to_num(expressions), np.float32)

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """(P,), how often pictures are drawn beside others of their domain, 0 for never; None without labels."""
        weights = self.index.column("weight")[:, 0]
        return np.where(np.isnan(weights), 1.0, weights) if np.nansum(weights) > 0 else None

    @cached_property
    def frames(self) -> NDArray[np.float32] | None:
        """(P, 2, 3), from places (x, y, 1) of the crop to places of its file, both in [-1, 1].

        None where not all are known.
        """
        frames = self.index.column("frame").reshape(-1, 2, 3)
        return None if np.isnan(frames).any() else frames

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
        return [self.index.source_names[source] for source in self.index.sources[rows]]

    def hair_colours(self, domain: Domain, split: Literal["train", "test"]) -> NDArray[np.float32]:
        """(K, 3), CIELAB of the hair of a domain's and a split's pictures, those without a known colour left out."""
        colours: NDArray[np.float32] = self.index.column("hair")[self.rows(domain, split)]
        return colours[~np.isnan(colours).any(1)]

    @cached_property
    def marks_drawn_hair(self) -> bool:
        """Whether its masks show drawn hair, too, which those of early packs do not."""
        rows = self.rows("anime", "train")
        known = rows[~np.isnan(self.index.column("hair")[rows]).any(1)]
        return self.hair is not None and any(self.hair[row].any() for row in known[:64])

    @property
    def classes(self) -> tuple[str, ...]:
        """What the values of its label maps stand for, in the order of their numbers; () where it has drawings."""
        return tuple(self.meta.get("classes", ()))

    def need_pictures(self, what: str) -> None:
        """Refuse, with a PackError, to look for what label maps do not show."""
        if self.classes:
            raise PackError(f"{self.folder} has label maps, which show no {what}: prepare a pack of pictures")

    def pairs(self, split: Literal["train", "test"]) -> NDArray[np.int64]:
        """(K, 2), rows of the drawings or label maps and of the photographs of a split's pairs; (0, 2) without any."""
        sides = [{self.index[row].get("pair"): row for row in self.rows(domain, split)} for domain in DOMAINS]
        names = sorted((sides[0].keys() & sides[1].keys()) - {None})
        return np.array([[side[name] for side in sides] for name in names], np.int64).reshape(-1, 2)

    def rows(self, domain: Domain, split: Literal["train", "test"]) -> NDArray[np.int64]:
        """The rows of a domain and a split, ascending."""
        of_both = (self.index.domains == DOMAINS.index(domain)) & (self.index.splits == SPLITS.index(split))
        return np.flatnonzero(of_both)
