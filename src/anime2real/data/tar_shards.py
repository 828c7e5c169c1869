"""Packs to shards: tar archives in WebDataset's layout, and where in them each picture lies (`tar_pixels.py`).

Each shard is on the disk as soon as it is whole, in a hidden folder beside the result; whoever is stopped goes on at
the next one. The same packs give the same bytes.
"""

import errno
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.atomic import atomic_file, made_folder
from anime2real.atomic_folder import move_into_place, remove_partial_folders
from anime2real.data.chunk_sums import file_sum
from anime2real.data.duplicates import HASH
from anime2real.data.index import Index
from anime2real.data.joined_copies import Copies, find_copies
from anime2real.data.joined_packs import JoinedPacks
from anime2real.data.pack import Pack, PackError, PackOptionError
from anime2real.data.pack_files import index_line, write_meta
from anime2real.data.tar_pixels import SAMPLE, shard_name
from anime2real.data.work_folder import KEY, begin, work_folder
from anime2real.data.workers import processes_here
from anime2real.locks import alone
from anime2real.progress import Progress

RAW_BYTES: Final = 2**30
"""Of a shard's pictures before they are compressed, at most, by default; as WebP a fifth of it."""

_SAMPLES_AT_ONCE: Final = 512

_FINGERPRINTS: Final = "fingerprints"
"""The folder of what copies are found by, in the work folder; removed when they are found."""


def usual_each(size: int) -> int:
    """Pictures of a shard, a power of two."""
    return 1 << ((RAW_BYTES // (size**2 * 3)).bit_length() - 1)


def shard_packs(
    folders: Sequence[Path], output: Path, *, each: int | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Write packs as one pack in shards, whose pictures come one pack after the other, without copies among them.

    Args:
        folders: of the packs; what was prepared in parts is joined here, and copies across them are left out.
        output: the folder of the shards, made here.
        each: pictures of a shard; about a gigabyte of pixels if not given.
        quiet: no progress on stderr.

    Returns:
        its meta.json.

    Raises:
        PackError: one is no whole pack, they do not go together, `output` is there or cannot be written to. The same
            call goes on.
    """
    packs = JoinedPacks([Pack(folder) for folder in folders])
    if each is not None and each < 1:
        raise PackOptionError(f"a shard has 1 picture or more, not {each}")
    several = len(packs.packs) > 1
    for pack in packs.packs:
        if pack.in_shards:
            raise PackError(f"{pack.folder} is in shards already")
    if output.exists():
        raise PackError(f"{output} is already there: name another folder")
    each = each or usual_each(packs.packs[0].size)
    output = Path(os.path.abspath(output))
    work = work_folder(output, "sharding")
    refusal = PackError(f"{output} is being written by another process: wait for it, or name another folder")
    lock = alone(work.with_suffix(".lock"), refusal)
    with _told(work), made_folder(output.parent), lock, Progress(quiet=quiet) as progress:
        remove_partial_folders(output)
        begin(work, f"{packs.digest} {each}" + (f" without copies, by {HASH}" if several else ""))
        if several:
            packs.leave_out(_copies(packs, work, progress))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, start in enumerate(range(0, len(packs), each)):
                rows = range(start, min(start + each, len(packs)))
                if not _facts(work, number).is_file():
                    _write_shard(packs, work, number, rows, pool)
                progress("writing shards", rows.stop, len(packs))
        meta = _finish(packs, work, each)
        move_into_place(work, output)
    return meta


@contextmanager
def _told(work: Path) -> Iterator[None]:
    """Say in one line what cannot be written."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room, and the same command goes on" if full else "allow writing there, or name another folder"
        raise PackError(f"{work} cannot be written: {error.strerror or error}; {advice}") from error


def _copies(packs: JoinedPacks, work: Path, progress: Progress) -> Copies:
    """The copies among packs, found once."""
    found = work / "copies.npz"
    if not found.is_file():
        with made_folder(work / _FINGERPRINTS):
            copies = find_copies(packs.packs, work / _FINGERPRINTS, progress)
        with atomic_file(found) as temporary:
            np.savez(temporary, stays=np.concatenate(copies.stays), dropped=np.array(json.dumps(copies.dropped)))
    shutil.rmtree(work / _FINGERPRINTS, ignore_errors=True)
    ends = np.cumsum([len(pack.index) for pack in packs.packs])
    with np.load(found, allow_pickle=False) as known:
        return Copies(np.split(known["stays"], ends[:-1]), json.loads(str(known["dropped"])))


def _facts(work: Path, number: int) -> Path:
    """The file of what is known of a finished shard, written after it."""
    return work / f"{number}.npz"


def _write_shard(packs: JoinedPacks, work: Path, number: int, rows: range, pool: ThreadPoolExecutor) -> None:
    samples = np.zeros(len(rows), SAMPLE)
    with atomic_file(work / shard_name(number)) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for pack, own, begin in packs.parts(rows):
                pack.check(own)
                for start in range(0, len(own), _SAMPLES_AT_ONCE):
                    part, first = own[start : start + _SAMPLES_AT_ONCE], begin + start
                    _write_samples(pack, tar, part, first, samples[first - rows.start :], pool)
        total = file_sum(temporary)
        length = temporary.stat().st_size
    with atomic_file(_facts(work, number)) as temporary:
        np.savez(temporary, samples=samples, sum=np.array(total), bytes=np.array(length))


def _write_samples(
    pack: Pack,
    tar: tarfile.TarFile,
    rows: NDArray[np.int64],
    first: int,
    samples: NDArray[Any],
    pool: ThreadPoolExecutor,
) -> None:
    """Some rows (R,) of a pack, the first of which gets the key `first`; `samples` take where they lie."""
    pictures = pool.map(_picture, pack.images[rows])
    masks = repeat(b"") if pack.hair is None else pool.map(_mask, pack.hair[rows])
    for place, (row, picture, mask) in enumerate(zip(rows.tolist(), pictures, masks, strict=False)):
        key = f"{first + place:09d}"
        _add(tar, f"{key}.webp", picture, samples[place], "picture")
        if mask:
            _add(tar, f"{key}.hair.png", mask, samples[place], "hair")
        _add(tar, f"{key}.json", json.dumps(pack.index[row], sort_keys=True).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes, sample: Any = None, kind: str = "") -> None:
    """Write a member, and note in `sample` where it lies."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    if sample is not None:
        sample[f"{kind}_start"] = tar.offset + tarfile.BLOCKSIZE
        sample[f"{kind}_bytes"], sample[f"{kind}_crc"] = len(content), zlib.crc32(content)
    tar.addfile(member, io.BytesIO(content))


def _picture(pixels: NDArray[np.uint8]) -> bytes:
    """(S, S, 3) as WebP without loss: smaller than PNG, and read in less time; more effort gains a tenth at most."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True, quality=0, method=0)
    return file.getvalue()


def _mask(pixels: NDArray[np.uint8]) -> bytes:
    """(S, S) as PNG; nothing where no hair is."""
    if not pixels.any():
        return b""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _finish(packs: JoinedPacks, work: Path, each: int) -> dict[str, Any]:
    """What makes shards a pack: samples.npy, index.jsonl and, last, meta.json."""
    parts, sums, lengths = [], [], []
    for number in range(len(range(0, len(packs), each))):
        with np.load(_facts(work, number), allow_pickle=False) as facts:
            parts.append(facts["samples"])
            sums.append(str(facts["sum"]))
            lengths.append(int(facts["bytes"]))
    np.save(work / "samples.npy", np.concatenate(parts))
    with (work / "index.jsonl").open("wb") as file:
        for pack, stays in zip(packs.packs, packs.copies.stays, strict=True):
            if stays.all():
                with pack.index_path.open("rb") as part:
                    shutil.copyfileobj(part, file)
            else:
                file.writelines(index_line(pack.index[row]).encode() for row in np.flatnonzero(stays).tolist())
    meta = packs.meta()
    if "sums" not in meta:
        index = Index(work / "index.jsonl", processes_here(None))  # of all parts together: large
        meta["sums"] = {"pictures": 1, "images": [], "files": index.files_sha256}
    files = {name: file_sum(work / name) for name in ("index.jsonl", "samples.npy")}
    meta["shards"] = {"each": each, "sums": sums, "bytes": lengths, "files": files}
    if len(packs.packs) > 1:
        meta["shards"]["copies"] = packs.copies.dropped
    write_meta(work, meta)
    for number in range(len(parts)):
        _facts(work, number).unlink()
    (work / "copies.npz").unlink(missing_ok=True)
    (work / KEY).unlink()
    return meta
