"""Translate many pictures: found, decoded ahead, run in batches, written under their own names."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from anime2real.bundle import DEFAULT_METHOD, BundleError
from anime2real.domain import Domain
from anime2real.picture import Decoded, PictureError, centre_box, collect, decode, square, write
from anime2real.translator import BATCH, Translator


@dataclass(frozen=True)
class Job:
    """What `anime2real translate` was asked; its arguments are documented there."""

    pictures: list[str]
    output: Path
    to: Domain = "real"
    method: str = DEFAULT_METHOD
    bundle: Path | None = None
    layout: Literal["face", "pair"] = "face"
    format: str = "png"
    background: tuple[int, int, int] = (255, 255, 255)
    overwrite: bool = False
    threads: int = 0
    json_lines: bool = False


@dataclass(frozen=True)
class _Item:
    source: Path
    target: Path
    decoded: Future[Decoded]


def translate_all(job: Job) -> int:
    """Translate and report each picture; returns how many failed. One bad picture never stops the rest.

    Raises:
        BundleError: the translator cannot be loaded, or goes the other way.
        PictureError: the output folder cannot be made.
    """
    translator = (
        Translator.open(job.bundle, threads=job.threads)
        if job.bundle
        else Translator.load(job.method, job.to, threads=job.threads)
    )
    if translator.bundle.target != job.to:
        raise BundleError(f"{job.bundle} translates to {translator.bundle.target}: give --to {translator.bundle.target}")
    try:
        job.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{job.output} cannot be made: {error.strerror or error}") from error
    report = _Report(job)
    found = list(collect(job.pictures))
    with ThreadPoolExecutor(2) as pool:
        batch: list[tuple[_Item, Decoded]] = []
        for item in _items(job, found, report, pool):
            try:
                batch.append((item, item.decoded.result()))
            except PictureError as error:
                report.failed(item.source, error)
            if len(batch) == BATCH:
                _run(job, translator, batch, report, len(found))
                batch = []
        _run(job, translator, batch, report, len(found))
    report.close()
    return report.failures


def _items(
    job: Job, found: list[Path | PictureError], report: "_Report", pool: ThreadPoolExecutor
) -> Iterator[_Item]:
    """The pictures in order, each decoding from a while before it is wanted."""
    taken: dict[Path, Path] = {}
    waiting: deque[_Item] = deque()
    for source in found:
        if isinstance(source, PictureError):
            report.failed(None, source)
            continue
        target = job.output / f"{source.stem}.{job.format}"
        if target in taken:
            report.failed(source, PictureError(f"{source} would be written to {target}, as {taken[target]} is: rename one"))
            continue
        taken[target] = source
        waiting.append(_Item(source, target, pool.submit(decode, source, background=job.background)))
        if len(waiting) > BATCH:
            yield waiting.popleft()
    yield from waiting


def _run(
    job: Job, translator: Translator, batch: list[tuple[_Item, Decoded]], report: "_Report", total: int
) -> None:
    if not batch:
        return
    start = time.perf_counter()
    px = translator.bundle.px
    crops = [square(decoded.image, px) for _, decoded in batch]
    results = translator.run(np.stack([np.asarray(crop) for crop in crops]))
    seconds = (time.perf_counter() - start) / len(batch)
    for (item, decoded), crop, result in zip(batch, crops, results, strict=True):
        picture = Image.fromarray(result)
        if job.layout == "pair":
            pair = Image.new("RGB", (2 * px, px))
            pair.paste(crop, (0, 0))
            pair.paste(picture, (px, 0))
            picture = pair
        try:
            write(picture, item.target, overwrite=job.overwrite)
        except PictureError as error:
            report.failed(item.source, error)
        else:
            report.done(item, decoded, translator.bundle.method, seconds, total)


class _Report:
    """A line a picture on stdout, failures on stderr, progress on a terminal."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._start = time.perf_counter()
        self._written = 0
        self.failures = 0

    def failed(self, source: Path | None, error: PictureError) -> None:
        """A picture without a result."""
        self.failures += 1
        if self._job.json_lines:
            print(json.dumps({"input": str(source) if source else None, "error": str(error)}), flush=True)
        else:
            print(f"error: {error}", file=sys.stderr, flush=True)

    def done(self, item: _Item, decoded: Decoded, method: str, seconds: float, total: int) -> None:
        """A picture with one."""
        self._written += 1
        left, top, side = centre_box(*decoded.image.size)
        if self._job.json_lines:
            # The face is not looked for: the box is the square that was taken, and nothing more is claimed.
            face = {"box": [left, top, left + side, top + side], "landmarks": None, "tilt_degrees": None}
            line = {
                "input": str(item.source), "output": str(item.target), "to": self._job.to, "method": method,
                "faces": [face], "seconds": round(seconds, 4), "notes": list(decoded.notes),
            }  # fmt: skip
            print(json.dumps(line), flush=True)
            return
        notes = f" ({'; '.join(decoded.notes)})" if decoded.notes else ""
        print(f"{item.source} -> {item.target}{notes}", flush=True)
        if sys.stderr.isatty() and not sys.stdout.isatty():
            seen = self._written + self.failures
            remaining = (time.perf_counter() - self._start) / seen * (total - seen)
            print(f"\r{seen} of {total}, {remaining:.0f} s left\x1b[K", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The last line."""
        if not self._job.json_lines:
            elapsed = time.perf_counter() - self._start
            failed = f", {self.failures} failed" if self.failures else ""
            print(f"{self._written} written{failed}, {elapsed:.1f} s", file=sys.stderr)
