"""What tells copies apart, of all pictures of several packs: on disk, as it takes kilobytes a picture.

It is written in the order in which pictures are compared: those of one domain, first the test pictures of every pack,
then those to train on. It only grows at its end, so whoever is stopped goes on behind the last picture that is whole.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.duplicates import COARSE, FEATURES, coarse_of, perceptual_hash, thumbnail
from anime2real.data.pack import Pack
from anime2real.domain import Domain
from anime2real.progress import Progress

Run = tuple[int, Literal["test", "train"], NDArray[np.int64]]
"""The place of a pack among the packs, a split, and the rows (R,) of both."""

COLUMNS: Final = {
    "sum": np.dtype(("<u8", (4,))), "hash": np.dtype("<u8"), "coarse": np.dtype(("<f2", (COARSE,))),
    "thumbnail": np.dtype(("<f4", (FEATURES,))),
}  # fmt: skip
"""SHA-256 of the picture's file, 0 where it is not known; see `perceptual_hash`, `coarse_of`, `thumbnail`."""

_AT_ONCE: Final = 256
"""Pictures that are read before what is known of them is written."""


def runs_of(packs: Sequence[Pack], domain: Domain) -> Iterator[Run]:
    """The pictures of a domain in the order in which they are compared."""
    splits: tuple[Literal["test", "train"], ...] = ("test", "train")
    for split in splits:
        for number, pack in enumerate(packs):
            yield number, split, pack.rows(domain, split)


def write_fingerprints(
    packs: Sequence[Pack], domain: Domain, folder: Path, progress: Progress, done: int, total: int
) -> int:
    """Have the fingerprints of a domain in a folder, a file a column.

    Args:
        done, total: pictures of all domains, those that are done before and all, for the progress.

    Returns:
        how many pictures there are.

    Raises:
        PackError: a picture is not what was written.
        OSError: the folder cannot be written to; the same call goes on.
    """
    count, begun = 0, _begun(folder, domain)
    with ThreadPoolExecutor() as pool:
        for number, _, rows in runs_of(packs, domain):
            for start in range(max(0, begun - count), len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                _append(folder, domain, _fingerprints(packs[number], part, pool))
                progress("reading pictures", done + count + start + len(part), total)
            count += len(rows)
    return count


def fingerprints(folder: Path, domain: Domain, count: int) -> dict[str, NDArray[Any]]:
    """The columns (N, …), mapped."""
    if not count:
        return {name: np.zeros(0, kind) for name, kind in COLUMNS.items()}
    return {
        name: np.memmap(_file(folder, domain, name), kind.base, "r", shape=(count, *kind.shape))
        for name, kind in COLUMNS.items()
    }


def _file(folder: Path, domain: Domain, column: str) -> Path:
    return folder / f"{domain}.{column}"


def _begun(folder: Path, domain: Domain) -> int:
    """Pictures whose fingerprints are whole; what is there of others is cut off."""
    files = {name: _file(folder, domain, name) for name in COLUMNS}
    for path in files.values():
        path.touch()
    done = min(path.stat().st_size // COLUMNS[name].itemsize for name, path in files.items())
    for name, path in files.items():
        with path.open("r+b") as file:
            file.truncate(done * COLUMNS[name].itemsize)
    return int(done)


def _fingerprints(pack: Pack, rows: NDArray[np.int64], pool: ThreadPoolExecutor) -> dict[str, NDArray[Any]]:
    """The columns of some rows (R,) of a pack."""
    pack.check(rows)
    found = list(pool.map(_fingerprint, pack.images[rows]))
    thumbnails = np.stack([small for _, small in found])
    sums = b"".join(bytes.fromhex(pack.index[row].get("sha256") or "0" * 64) for row in rows.tolist())
    return {
        "sum": np.frombuffer(sums, "<u8").reshape(-1, 4),
        "hash": np.array([value for value, _ in found], "<u8"),
        "coarse": coarse_of(thumbnails),
        "thumbnail": thumbnails,
    }


def _fingerprint(pixels: NDArray[np.uint8]) -> tuple[int, NDArray[np.float32]]:
    return perceptual_hash(Image.fromarray(pixels)), thumbnail(pixels)


def _append(folder: Path, domain: Domain, columns: dict[str, NDArray[Any]]) -> None:
    for name, column in columns.items():
        with _file(folder, domain, name).open("ab") as file:
            _write(file, column)


def _write(file: BinaryIO, column: NDArray[Any]) -> None:
    file.write(np.ascontiguousarray(column).tobytes())
