"""Translate many files: decode and find ahead, run the network in batches, write each result in its place.

One bad picture never stops the rest. Files are opened as their turn comes, and few pictures are held at a time.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.atomic import Claims, removed_if_empty
from anime2real.bundle.limits import BATCH
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UserError
from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.geometry import Face
from anime2real.image.decode import decode, printable
from anime2real.image.files import Search, write_together
from anime2real.image.label_map import label_picture
from anime2real.image.provenance import Making
from anime2real.making import of_variant
from anime2real.network import Network, Networks, TranslatorError
from anime2real.outcome import ClipJob, Item, Options, Outcome, TakeClip
from anime2real.pipeline import (
    Crops,
    already_note,
    choose_faces,
    compose,
    crop_faces,
    direction,
    faces_in,
    translate_crops,
)
from anime2real.results import Places, make_folder
from anime2real.session import available_cores

LOADERS: Final = 4
"""Threads that decode pictures; in each, a picture of the largest allowed size takes some 200 MB."""

AHEAD: Final = 2 * BATCH
"""Pictures that are decoded, or waiting for it, at a time."""

AHEAD_PIXELS: Final = 80_000_000
"""Pixels of whole pictures, kept to be pasted into, from which on no further ones are decoded."""


_Waiting = deque[tuple[Item, "Future[_Loaded] | None"]]
"""Files in order; pictures with what is being loaded."""


@dataclass(frozen=True)
class _Loaded:
    """The crops of a picture; without the picture itself, unless it is pasted into."""

    crops: Crops
    to: Domain
    faces: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Work:
    """What all pictures of a command share."""

    networks: Networks
    places: Places
    options: Options


def translate_files(
    networks: Networks,
    search: Search,
    output: Path,
    options: Options,
    take_clip: TakeClip = lambda path, options: None,
    *,
    file: Path | None = None,
) -> Iterator[Outcome]:
    """Translate pictures and clips, in order.

    Args:
        networks: to run.
        search: finds the files.
        output: the folder of the results; it is made once there is something to translate, and removed where nothing
            came of it. What killed commands left half written in it and in its folders is removed.
        options: how results are made.
        take_clip: asked about each clip; by default every clip is treated as a picture.
        file: the result of the only picture, in `output`.

    Yields:
        An outcome for each file that is found, and for each argument that stands for none.

    Raises:
        PictureError: `output` cannot be made.
        BundleError: a network cannot be loaded.
    """
    places = Places(search, output, options, take_clip, file)
    yield from translate_items(networks, places, places)


def translate_items(networks: Networks, places: Places, items: Iterable[Item]) -> Iterator[Outcome]:
    """Translate some of the files that are looked for, as `translate_files` does."""
    work, output = _Work(networks, places, places.options), places.output
    loaders, writer = ThreadPoolExecutor(min(LOADERS, available_cores())), ThreadPoolExecutor(1)
    with removed_if_empty(output), Claims(str(places.begun_ns or "")) as claims:
        try:
            for outcome in _run(work, places.claimed(items, claims), loaders, writer):
                claims.let_go()
                gone = next((path for path in outcome.outputs if not os.path.lexists(path)), None)
                yield replace(outcome, outputs=(), error=f"{gone} was written, and removed since") if gone else outcome
        finally:
            for pool in (loaders, writer):
                pool.shutdown(cancel_futures=True)


def _run(
    work: _Work, items: Iterator[Item], loaders: ThreadPoolExecutor, writer: ThreadPoolExecutor
) -> Iterator[Outcome]:
    """Run the network on batches, while further pictures are decoded and those before are written."""
    waiting = _Waiting()
    _fill(waiting, work, items, loaders)
    for to in _likely(work.options, waiting):  # while the first picture is decoded
        loaders.submit(work.networks, to)  # a failure is told when it is asked for
        loaders.submit(_load_labeller, work, to)
    written: deque[Outcome | Future[Outcome]] = deque()
    while _fill(waiting, work, items, loaders):
        first = waiting[0][0]
        if first.clip:
            yield from map(_finished, written)
            written.clear()
            yield _run_clip(first, first.clip)
            waiting.popleft()
            continue
        batch = _batch(waiting)
        start = time.perf_counter()
        made = _translated(work, [loaded for _, loaded in batch if isinstance(loaded, _Loaded)])
        share = (time.perf_counter() - start) / max(1, len(made))
        results = iter(made)
        for item, loaded in batch:
            if isinstance(loaded, Outcome):
                written.append(loaded)
            elif isinstance(result := next(results), UserError):
                written.append(Outcome(item.source, error=str(result)))
            else:
                written.append(writer.submit(_write, work, item, loaded, result, share))
        while written and (len(written) > AHEAD or isinstance(written[0], Outcome) or written[0].done()):
            yield _finished(written.popleft())
    yield from map(_finished, written)


def _likely(options: Options, waiting: _Waiting) -> tuple[Domain, ...]:
    """The direction of the first picture, as far as its name tells: photographs are seldom anything but JPEG."""
    first = next((item.source for item, loading in waiting if loading), None)
    if first is None:
        return ()
    photograph = first.suffix.lower() in (".jpg", ".jpeg", ".heic", ".heif")
    return (options.to or ("anime" if photograph else "real"),)


def _load_labeller(work: _Work, to: Domain) -> None:
    """Load the network that reads off faces who is shown, if a direction's bundle wants to be told."""
    if work.networks.bundle(to).takes_who:
        default_labeller(1)


def _finished(outcome: "Outcome | Future[Outcome]") -> Outcome:
    return outcome if isinstance(outcome, Outcome) else outcome.result()


def _fill(waiting: _Waiting, work: _Work, items: Iterator[Item], pool: ThreadPoolExecutor) -> bool:
    """Have further pictures decoded; returns whether any are waiting."""
    while len(waiting) < AHEAD:
        ready = (one.result() for _, one in waiting if one and one.done() and not one.exception())
        if sum(loaded.crops.image.width * loaded.crops.image.height for loaded in ready) > AHEAD_PIXELS:
            break
        if (item := next(items, None)) is None:
            break
        is_picture = item.clip is None and item.outcome is None
        waiting.append((item, pool.submit(_load, work, item.source) if is_picture else None))
    return bool(waiting)


def _batch(waiting: _Waiting) -> list[tuple[Item, _Loaded | Outcome]]:
    """The next pictures up to a clip, at most `BATCH`, and fewer if they are large and kept."""
    batch: list[tuple[Item, _Loaded | Outcome]] = []
    pixels = 0
    while waiting and not waiting[0][0].clip and len(batch) < BATCH and pixels < AHEAD_PIXELS:
        item, loading = waiting.popleft()
        if loading is None:
            assert item.outcome is not None
            batch.append((item, item.outcome))
            continue
        try:
            loaded = loading.result()
            pixels += loaded.crops.image.width * loaded.crops.image.height
            batch.append((item, loaded))
        except UserError as error:
            batch.append((item, Outcome(item.source, error=str(error))))
    return batch


def _run_clip(item: Item, job: ClipJob) -> Outcome:
    with removed_if_empty(item.target.parent):
        try:
            make_folder(item.target.parent)
        except UserError as error:
            return Outcome(item.source, error=str(error))
        outcome = job.run(item.target)
    return outcome if outcome.error else replace(outcome, notes=(*outcome.notes, *item.notes))


def _load(work: _Work, source: Path) -> _Loaded:
    """Decode a picture, find its faces and cut them out, with one thread: several pictures are decoded at once."""
    start = time.perf_counter()
    options, where = work.options, printable(source)
    if options.to and (bundle := work.networks.bundle(options.to)).classes:
        crops = crop_faces(label_picture(source, bundle.classes), [], bundle)  # it shows no face to find
        return _Loaded(crops, options.to, crops.records(), (), time.perf_counter() - start)
    decoded = decode(source, background=options.background)
    faces: list[Face] = []
    if options.crop == "face":
        faces = faces_in(decoded.image, where=where, instead="give --crop none", threads=1)
        faces = choose_faces(faces, options.faces, where=where)
    if (to := options.to) is None:
        looked_at = faces or default_finder(1)(decoded.image)
        if not looked_at:
            raise TranslatorError(f"{where}: no telling whether it is a drawing or a photograph: give --to")
        to = direction(looked_at)
    crops = crop_faces(decoded.image, faces, work.networks.bundle(to), who=options.who)
    notes = (*decoded.notes, *already_note([face.domain for face in faces], to))
    records = crops.records()
    if options.layout == "paste":
        crops = replace(
            crops, cutout=decoded.cutout if options.format != "jpg" else None
        )  # JPEG is laid on `background`
    else:
        crops = replace(crops, image=Image.new("RGB", (1, 1)))  # a whole photograph takes 150 MB
    return _Loaded(crops, to, records, notes, time.perf_counter() - start)


def _translated(work: _Work, loaded: Sequence[_Loaded]) -> list[NDArray[np.uint8] | UserError]:
    """(variants, K, S, S, 3) of each picture, or why there is none."""
    results: dict[int, NDArray[np.uint8] | UserError] = {}
    for to in DOMAINS:
        places = [place for place, one in enumerate(loaded) if one.to == to]
        if not places:
            continue
        made = _by_network(work.networks(to), [loaded[place].crops for place in places], work.options.variants)
        results |= zip(places, made, strict=True)
    return [results[place] for place in range(len(loaded))]


def _by_network(network: Network, crops: Sequence[Crops], variants: int) -> list[NDArray[np.uint8] | UserError]:
    """As `_translated`. If the batch fails, each picture runs alone, so that only the bad ones fail."""
    try:
        by_variant = [translate_crops(network, crops, variant) for variant in range(variants)]
    except UserError as error:
        return [error] if len(crops) == 1 else [_by_network(network, [one], variants)[0] for one in crops]
    return [np.stack(results) for results in zip(*by_variant, strict=True)]


def _write(work: _Work, item: Item, loaded: _Loaded, results: NDArray[np.uint8], share: float) -> Outcome:
    """Write the results of a picture, (variants, K, S, S, 3), all or nothing; the first face's usual one comes last."""
    start = time.perf_counter()
    by_variant = [compose(loaded.crops, faces, work.options.layout) for faces in results]
    images = [image for variants in zip(*by_variant, strict=True) for image in variants]
    try:
        targets = work.places.of_all(item, len(by_variant[0]))
        # `of_all` has said what may be replaced.
        overwrite = work.options.overwrite or work.options.skip_existing or work.places.begun_ns is not None
        network = work.networks(loaded.to)
        asked = [work.options.asked]
        asked += [of_variant(asked[0], variant) for variant in range(1, len(by_variant))]
        makings = [Making(network.system, network.version, words) for words in asked] * len(by_variant[0])
        write_together(images, targets, overwrite=overwrite, quality=work.options.quality, makings=makings)
    except UserError as error:
        return Outcome(item.source, error=str(error))
    seconds = loaded.seconds + share + time.perf_counter() - start
    notes = (*loaded.notes, *item.notes)
    return Outcome(item.source, tuple(targets), loaded.to, network.bundle.method, loaded.faces, seconds, notes)
