"""Several packs as one, their pictures one pack after the other: what was prepared in parts, on many machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from anime2real.data.duplicates import HASH
from anime2real.data.index_lines import SPLITS
from anime2real.data.joined_copies import Copies
from anime2real.data.pack import Pack, PackError, PackOptionError
from anime2real.domain import DOMAINS, Domain

_ALIKE: Final = ("format_version", "size", "crop", "near", "classes", "crop_share", "generated")
"""What has to be the same in all of them."""

_LISTS: Final = ("bad", "sources")

_COUNTS: Final = ("dropped", "left_out", "unlike")

_TEXTS: Final = ("licence", "rights")


class JoinedPacks:
    """Packs, read as one.

    Attributes:
        packs: one or more.
        copies: what in them is left out; nothing at first.

    Args:
        packs: of pictures that go together.

    Raises:
        PackError: they do not.
    """

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = packs
        self.leave_out(Copies([np.ones(len(pack.index), bool) for pack in packs], {}))
        first = packs[0]
        folders = Counter(pack.folder.resolve() for pack in packs)
        if (twice := folders.most_common(1)[0])[1] > 1:
            raise PackOptionError(f"{twice[0]} is given twice: name each pack once")
        for other in packs[1:]:
            for key in _ALIKE:
                if first.meta.get(key) != other.meta.get(key):
                    raise PackError(
                        f"{first.folder} and {other.folder} do not go together: {key} is {first.meta.get(key)!r} and "
                        f"{other.meta.get(key)!r}"
                    )
            for key in ("hair", "labels"):
                if (key in first.meta) != (key in other.meta):
                    raise PackError(f"{first.folder} and {other.folder} do not go together: one has no {key}")
        if len(packs) > 1 and any(len(pack.pairs(split)) for pack in packs for split in ("train", "test")):
            raise PackError("packs of pairs are not joined: their names may be the same")

    def leave_out(self, copies: Copies) -> None:
        """Read them without these copies."""
        self.copies = copies
        self._ends = list(accumulate(int(np.count_nonzero(stays)) for stays in copies.stays))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def digest(self) -> str:
        """Of all of them."""
        return " ".join(pack.digest for pack in self.packs)

    def parts(self, rows: range) -> Iterator[tuple[Pack, NDArray[np.int64], int]]:
        """The packs that some rows lie in, their rows (R,) there, ascending, and which of all rows the first is."""
        begin = 0
        for pack, stays, end in zip(self.packs, self.copies.stays, self._ends, strict=True):
            first, last = max(rows.start, begin), min(rows.stop, end)
            if first < last:
                yield pack, np.flatnonzero(stays)[first - begin : last - begin], first
            begin = end

    def meta(self) -> dict[str, Any]:
        """meta.json of all; of one, its own."""
        metas = [pack.meta for pack in self.packs]
        if len(metas) == 1:
            return dict(metas[0])
        joined = dict(metas[0])
        joined.pop("sums", None)  # of its pixels; shards have sums of their own
        joined["counts"] = {domain: {split: self._count(domain, split) for split in SPLITS} for domain in DOMAINS}
        for key in _LISTS:
            joined[key] = [line for meta in metas for line in meta.get(key, [])]
        for key in _COUNTS:
            found = [meta.get(key, {}) for meta in metas] + [self.copies.dropped] * (key == "dropped")
            joined[key] = {name: sum(of.get(name, 0) for of in found) for name in sorted(set().union(*found))}
        for key in _TEXTS:
            joined[key] = "; ".join(dict.fromkeys(meta[key] for meta in metas if meta.get(key)))
        if "hair" in joined:  # the sums of its masks are of files that are not there
            joined["hair"] = {key: of for key, of in joined["hair"].items() if key not in ("sha256", "sums")}
        hashes = [*(meta.get("near_hash", "not recorded") for meta in metas), HASH]  # each pack's, and between them
        joined["near_hash"] = ", ".join(dict.fromkeys(hashes))
        joined["held_out"] = sum(meta.get("held_out", 0) for meta in metas)
        if "labels" in joined:
            joined["labels"] = _labels([meta["labels"] for meta in metas])
        return joined

    def _count(self, domain: Domain, split: Literal["train", "test"]) -> int:
        each = zip(self.packs, self.copies.stays, strict=True)
        return sum(int(np.count_nonzero(stays[pack.rows(domain, split)])) for pack, stays in each)


def _labels(of_each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`labels` of meta.json: ages that all of them have, and sums of what is counted."""
    joined = dict(of_each[0])
    for key in ("known", "left_out"):
        if all(isinstance(labels.get(key), int) for labels in of_each):
            joined[key] = sum(labels[key] for labels in of_each)
    ages = [labels["ages"] for labels in of_each]
    joined["ages"] = {
        domain: [max(a[domain][0] for a in ages), min(a[domain][1] for a in ages)]
        for domain in ages[0]
        if all(domain in a for a in ages)
    }
    return joined
