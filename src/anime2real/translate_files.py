"""Translate many files: decode pictures ahead, run them in batches, write each result under its picture's name.

One bad picture never stops the rest.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.face.who import AS_SEEN, Who
from anime2real.image.decode import PictureError, decode, printable
from anime2real.image.files import clip_kind, name_results, write
from anime2real.network import Network, available_cores, batches
from anime2real.pipeline import Crop, Crops, Layout, already_note, compose, crop_faces, faces_in, translate_crops

Format = Literal["png", "jpg", "webp", "avif"]

DECODERS: Final = 4
"""Threads that decode pictures; in each, a picture of the largest allowed size takes some 200 MB."""


@dataclass(frozen=True)
class Options:
    """How results are made.

    Attributes:
        layout: each face alone, beside the crop that went in, or all pasted back into the picture.
        crop: find the faces, or take the centre square for one.
        format: the suffix of the results.
        background: the colour behind transparent pictures, RGB, 0-255.
        overwrite: whether existing files may be replaced. Inputs never are.
        variants: results for each face of a picture, at least 1, the usual one first; clips get the usual one only.
        who: who the results should show, for bundles that take it.
    """

    layout: Layout = "face"
    crop: Crop = "face"
    format: Format = "png"
    background: tuple[int, int, int] = (255, 255, 255)
    overwrite: bool = False
    variants: int = 1
    who: Who = AS_SEEN


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: `outputs` or `error`, never both.

    Attributes:
        source: the file, or None if an argument matched no file.
        outputs: the results, the largest face's first, the variants of a face one after the other.
        faces: for JSON: box, landmarks and tilt_degrees of each face, in px of the upright picture.
        seconds: for decoding and finding faces, its share of the batch, and writing.
        notes: what the user should know.
        error: one line.
        record: for a clip: what its line of JSON has in place of `faces`.
    """

    source: Path | None
    outputs: tuple[Path, ...] = ()
    faces: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str | None = None
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class ClipJob:
    """A clip to translate: the suffix of its result, without the dot, and a function that writes it to a path."""

    suffix: str
    run: Callable[[Path], Outcome]


TakeClip = Callable[[Path, Options], ClipJob | UserError | None]
"""Gives the job for a clip, or why it cannot be translated; None to treat it as a picture."""


@dataclass(frozen=True)
class _Loaded:
    """A decoded picture and its crops."""

    crops: Crops
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Item:
    """One file: where its result goes and, for a clip, its job; or why there will be no result."""

    source: Path | None
    target: Path | None = None
    error: UserError | None = None
    clip: ClipJob | None = None


def translate_files(
    network: Network,
    found: Sequence[Path | PictureError],
    output: Path,
    options: Options,
    take_clip: TakeClip = lambda path, options: None,
) -> Iterator[Outcome]:
    """Translate pictures and clips, in order.

    Args:
        network: to run.
        found: the files; an error stands for an argument that matched none.
        output: the folder of the results; it is made here, unless there is nothing to translate.
        options: how results are made.
        take_clip: asked about each clip; by default every clip is treated as a picture.

    Yields:
        An outcome for each of `found`.

    Raises:
        PictureError: `output` cannot be made.
    """
    try:
        if any(isinstance(item, Path) for item in found):  # of names that match nothing, no empty folder is left
            output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{output} cannot be made ({error.strerror or error}): choose another folder") from error
    items = _items(found, output, options, take_clip)
    reserved = {os.path.realpath(path) for item in items for path in (item.source, item.target) if path is not None}
    pool = ThreadPoolExecutor(min(DECODERS, available_cores()))
    try:
        for are_clips, group in groupby(items, key=lambda item: item.clip is not None):
            alike = list(group)
            yield from map(_run_clip, alike) if are_clips else _run(network, alike, pool, options, reserved)
    finally:
        pool.shutdown(cancel_futures=True)


def _items(found: Sequence[Path | PictureError], output: Path, options: Options, take_clip: TakeClip) -> list[_Item]:
    sources = [item for item in found if isinstance(item, Path)]
    taken = {source: take_clip(source, options) if clip_kind(source) else None for source in sources}
    clips = {source: job for source, job in taken.items() if isinstance(job, ClipJob)}
    targets: dict[Path, Path] = {}
    by_suffix: dict[str, list[Path]] = {}  # only results with the same suffix can get the same name
    for source in sources:
        by_suffix.setdefault(clips[source].suffix if source in clips else options.format, []).append(source)
    for suffix, alike in by_suffix.items():
        targets |= zip(alike, name_results(alike, output, suffix), strict=True)
    inputs = {os.path.realpath(source) for source in sources}
    items = []
    for item in found:
        if isinstance(item, PictureError):
            items.append(_Item(None, error=item))
            continue
        answer = taken[item]
        error = answer if isinstance(answer, UserError) else _refusal(targets[item], inputs, options.overwrite)
        items.append(_Item(item, targets[item], error, None if error else clips.get(item)))
    return items


def _run_clip(item: _Item) -> Outcome:
    assert item.clip is not None
    assert item.source is not None
    assert item.target is not None
    outcome = item.clip.run(item.target)
    return outcome if outcome.error else replace(outcome, notes=(*outcome.notes, *_renamed(item.source, item.target)))


def _run(
    network: Network, items: Sequence[_Item], pool: ThreadPoolExecutor, options: Options, reserved: set[str]
) -> Iterator[Outcome]:
    """Translate pictures in batches; while one runs, the next two are decoded."""
    parts = [items[part] for part in batches(len(items))]
    decoding: dict[int, list[Future[_Loaded] | UserError]] = {}
    for number, part in enumerate(parts):
        for ahead in range(number, min(number + 3, len(parts))):
            if ahead not in decoding:
                decoding[ahead] = [
                    item.error or pool.submit(_load, item, network.bundle, options) for item in parts[ahead]
                ]
        yield from _run_batch(network, part, [_result(one) for one in decoding.pop(number)], options, reserved)


def _result(decoding: "Future[_Loaded] | UserError") -> _Loaded | UserError:
    try:
        return decoding if isinstance(decoding, UserError) else decoding.result()
    except UserError as error:
        return error


def _load(item: _Item, bundle: Bundle, options: Options) -> _Loaded:
    assert item.source is not None
    start = time.perf_counter()
    decoded = decode(item.source, background=options.background)
    faces = []
    if options.crop == "face":  # with one thread: several pictures are decoded at once
        faces = faces_in(decoded.image, where=printable(item.source), instead="give --crop none", threads=1)
    crops = crop_faces(decoded.image, faces, bundle, who=options.who)
    notes = (*decoded.notes, *already_note([face.domain for face in faces], bundle.target))
    return _Loaded(crops, notes, time.perf_counter() - start)


def _run_batch(
    network: Network,
    items: Sequence[_Item],
    pictures: Sequence[_Loaded | UserError],
    options: Options,
    reserved: set[str],
) -> Iterator[Outcome]:
    """Translate and write a batch: an outcome for each, in order."""
    start = time.perf_counter()
    crops = [picture.crops for picture in pictures if isinstance(picture, _Loaded)]
    translated = iter(_translate(network, crops, options.variants))
    share = (time.perf_counter() - start) / max(1, len(crops))
    for item, picture in zip(items, pictures, strict=True):
        start = time.perf_counter()
        try:
            if isinstance(picture, UserError):
                raise picture
            results = next(translated)
            if isinstance(results, UserError):
                raise results
            assert item.source is not None
            assert item.target is not None
            written = _write(picture.crops, results, item.target, options, reserved)
        except UserError as error:
            yield Outcome(item.source, error=str(error))
            continue
        seconds = picture.seconds + share + time.perf_counter() - start
        notes = (*picture.notes, *_renamed(item.source, item.target))
        yield Outcome(item.source, written, picture.crops.records(), seconds, notes)


def _translate(network: Network, crops: Sequence[Crops], variants: int) -> list[NDArray[np.uint8] | UserError]:
    """(variants, K, S, S, 3) of each picture. If the batch fails, each runs alone, so that only the bad ones fail."""
    try:
        by_variant = [translate_crops(network, crops, variant) for variant in range(variants)]
    except UserError as error:
        return [error] if len(crops) == 1 else [_translate(network, [one], variants)[0] for one in crops]
    return [np.stack(results) for results in zip(*by_variant, strict=True)]


def _write(
    crops: Crops, results: NDArray[np.uint8], target: Path, options: Options, reserved: set[str]
) -> tuple[Path, ...]:
    """Write the results of a picture, all or nothing; returns the files.

    Args:
        results: (variants, K, S, S, 3).
        target: where the usual result of the largest face goes.
        reserved: paths that further results must not use; theirs are added.
    """
    by_variant = [compose(crops, faces, options.layout) for faces in results]
    images: list[Image.Image] = []
    targets: list[Path] = []
    count = len(by_variant[0])
    for first, variants in zip(
        [target, *_further(target, "face", count - 1, reserved)], zip(*by_variant, strict=True), strict=True
    ):
        images += variants
        targets += [first, *_further(first, "variant", len(variants) - 1, reserved)]
    for path in targets[1:]:
        if refusal := _refusal(path, set(), options.overwrite):
            raise refusal
    for path, image in zip(targets, images, strict=True):
        write(image, path, overwrite=options.overwrite)
    return tuple(targets)


def _further(target: Path, kind: str, count: int, reserved: set[str]) -> list[Path]:
    """Names for further faces or variants, none of which is an input or another result; they are reserved too."""
    names: list[Path] = []
    number = 2
    while len(names) < count:
        path = target.with_stem(f"{target.stem}-{kind}-{number}")
        if os.path.realpath(path) not in reserved:
            reserved.add(os.path.realpath(path))
            names.append(path)
        number += 1
    return names


def _refusal(target: Path, inputs: set[str], overwrite: bool) -> PictureError | None:
    """Why nothing may be written to a path; asked before any work is done."""
    if os.path.realpath(target) in inputs:
        return PictureError(f"{target} is one of the pictures to translate: choose another folder")
    if os.path.lexists(target) and not overwrite:
        return PictureError(f"{target} is already there: give --overwrite, or choose another folder")
    return None


def _renamed(source: Path, target: Path) -> tuple[str, ...]:
    if source.stem == target.stem:
        return ()
    return (f"written as {target.name}: another picture is called {source.stem}",)
