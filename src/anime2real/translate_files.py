"""Translate many pictures: decoded and searched for faces ahead, run in batches, written under their own names.

One bad picture never stops the rest.
"""

import os
import time
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.image.open import printable
from anime2real.image.picture import SUFFIXES, PictureError, centre_box, collect, decode, write
from anime2real.pipeline import Crops, centre, line_up, put_back
from anime2real.translator import BATCH, Crop, Translator, available_cores
from anime2real.video.kinds import FILM_SUFFIXES

if TYPE_CHECKING:
    from anime2real.video.clip import Clip, ClipError
    from anime2real.video.files import Clips

Layout = Literal["face", "pair", "paste"]
Format = Literal["png", "jpg", "webp", "avif"]

DECODERS: Final = 4
"""Threads that decode; a picture of the largest size allowed takes some 200 MB in each."""


@dataclass(frozen=True)
class Options:
    """How results are made.

    Attributes:
        layout: each face alone, beside the crop that went in, or all pasted back into the picture.
        crop: find the faces, or take the centre square for one.
        format: the suffix of the results.
        background: what shows through transparent pictures, RGB, 0-255.
        overwrite: whether files that are there may be replaced. Inputs never are.
        variants: results of each face of a picture, the usual one first, 1 or more; of clips there is the usual one.
    """

    layout: Layout = "face"
    crop: Crop = "face"
    format: Format = "png"
    background: tuple[int, int, int] = (255, 255, 255)
    overwrite: bool = False
    variants: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: `outputs` or `error`, never both.

    Attributes:
        source: the picture, or None where an argument stood for none.
        outputs: the results, the largest face's first, the variants of a face one after the other.
        faces: for JSON: box, landmarks and tilt_degrees of each face, in px of the upright picture.
        seconds: of decoding and finding, its share of the batch, and writing.
        notes: what the user should know.
        error: one line.
        record: of a clip: what stands in a line of JSON in place of `faces`.
    """

    source: Path | None
    outputs: tuple[Path, ...] = ()
    faces: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str | None = None
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Loaded:
    """A decoded picture and its faces."""

    image: Image.Image
    crops: Crops
    faces: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    seconds: float


_Waiting = tuple[Path | None, Path | None, "Future[_Loaded] | UserError"]
_Clip = tuple[Path, Path, "Clip"]


def find_pictures(arguments: Sequence[str | Path], output: Path) -> list[Path | PictureError]:
    """As `collect`, videos included, but what lies in `output` is no input where only a folder around it was named.

    So `anime2real translate . -o out` can be repeated without translating its own results.
    """
    top = Path(os.path.abspath(output))
    around = [argument for argument in arguments if Path(os.path.abspath(argument)) in top.parents]
    suffixes = SUFFIXES | FILM_SUFFIXES
    found = collect(arguments, suffixes)
    if not around:
        return found
    asked = collect((argument for argument in arguments if argument not in around), suffixes)
    named = {os.path.abspath(item) for item in asked if isinstance(item, Path)}
    return [
        item
        for item in found
        if isinstance(item, PictureError)
        or os.path.abspath(item) in named
        or top not in Path(os.path.abspath(item)).parents
    ]


def name_results(sources: Sequence[Path], output: Path, suffix: str) -> list[Path]:
    """Where each result goes: the source's stem with `suffix`, numbered `-2`, `-3` … where inputs share one.

    Names that differ only in case or in Unicode form count as shared: file systems disagree about them.
    """
    own = {_key(source.stem) for source in sources}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    results = []
    for source in sources:
        name = source.stem
        if _key(name) in taken:
            number = numbers.get(_key(name), 1)
            while _key(name) in taken or _key(name) in own:
                number += 1
                name = f"{source.stem}-{number}"
            numbers[_key(source.stem)] = number
        taken.add(_key(name))
        results.append(output / f"{name}.{suffix}")
    return results


def translate_files(
    translator: Translator,
    found: Sequence[Path | PictureError],
    output: Path,
    options: Options,
    clips: "Clips | None" = None,
) -> Iterator[Outcome]:
    """Translate pictures one after the other, in order, `BATCH` at a time, and clips between them.

    Args:
        translator: to run.
        found: the pictures, with an error in the place of what could not be found.
        output: the folder of the results, made here.
        options: how they are made.
        clips: what deals with clips; without it, they are pictures or errors.

    Yields:
        An outcome for each of `found`.

    Raises:
        PictureError: `output` cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{output} cannot be made ({error.strerror or error}): choose another folder") from error
    sources = [item for item in found if isinstance(item, Path)]
    inputs = {os.path.realpath(source) for source in sources}
    taken = {source: clips.take(source, options) for source in sources} if clips else {}
    targets = _targets(sources, taken, output, options)
    reserved = inputs | {os.path.realpath(target) for target in targets.values()}
    pool = ThreadPoolExecutor(min(DECODERS, available_cores()))

    def queue() -> Iterator[_Waiting | _Clip]:
        for item in found:
            if isinstance(item, PictureError):
                yield None, None, item
                continue
            target, clip = targets[item], taken.get(item)
            refusal = clip if isinstance(clip, UserError) else _refusal(target, inputs, options.overwrite)
            if clip is not None and not isinstance(clip, UserError) and refusal is None:
                yield item, target, clip
            else:
                yield item, target, refusal or pool.submit(_load, item, translator.bundle, options)

    try:
        ahead: deque[_Waiting] = deque()

        def rest() -> Iterator[Outcome]:
            while ahead:
                batch = [ahead.popleft() for _ in range(min(BATCH, len(ahead)))]
                yield from _run(translator, batch, options, reserved)

        for source, target, waiting in queue():
            if isinstance(waiting, (Future, UserError)):
                ahead.append((source, target, waiting))
                if len(ahead) == 3 * BATCH:  # one batch to run while two are decoded
                    yield from _run(translator, [ahead.popleft() for _ in range(BATCH)], options, reserved)
                continue
            yield from rest()
            assert clips is not None
            assert source is not None
            assert target is not None
            outcome = clips.run(waiting, source, target, options)
            renamed = () if outcome.error else _renamed(source, target)
            yield replace(outcome, notes=(*outcome.notes, *renamed))
        yield from rest()
    finally:
        pool.shutdown(cancel_futures=True)


def _targets(
    sources: Sequence[Path], clips: "dict[Path, Clip | ClipError | None]", output: Path, options: Options
) -> dict[Path, Path]:
    """Where each result goes: names are shared only among results of one suffix."""

    def suffix(source: Path) -> str:
        clip = clips.get(source)
        return options.format if clip is None or isinstance(clip, UserError) else clip.suffix

    alike: dict[str, list[Path]] = {}
    for source in sources:
        alike.setdefault(suffix(source), []).append(source)
    return {s: t for end, group in alike.items() for s, t in zip(group, name_results(group, output, end), strict=True)}


def _run(translator: Translator, batch: list[_Waiting], options: Options, reserved: set[str]) -> Iterator[Outcome]:
    """Translate and write a batch: an outcome for each, in order."""
    loaded: dict[int, _Loaded] = {}
    errors: dict[int, UserError] = {}
    for place, (_, _, waiting) in enumerate(batch):
        try:
            if isinstance(waiting, UserError):
                raise waiting
            loaded[place] = waiting.result()
        except UserError as error:
            errors[place] = error
    start = time.perf_counter()
    translated = [_translate(translator, loaded, variant) for variant in range(options.variants)]
    share = (time.perf_counter() - start) / max(1, len(loaded))
    for place, (source, target, _) in enumerate(batch):
        start = time.perf_counter()
        try:
            if place in errors:
                raise errors[place]
            results = []
            for of_variant in (every[place] for every in translated):
                if isinstance(of_variant, UserError):
                    raise of_variant
                results.append(of_variant)
            assert source is not None
            assert target is not None
            written = _write(loaded[place], np.stack(results), target, options, reserved)
        except UserError as error:
            yield Outcome(source, error=str(error))
            continue
        picture = loaded[place]
        seconds = picture.seconds + share + time.perf_counter() - start
        yield Outcome(source, written, picture.faces, seconds, (*picture.notes, *_renamed(source, target)))


def _translate(
    translator: Translator, loaded: dict[int, _Loaded], variant: int
) -> dict[int, NDArray[np.uint8] | UserError]:
    """All in one go; where that fails, one by one, so that a picture fails for itself alone."""
    if not loaded:
        return {}
    crops = np.concatenate([item.crops.pixels for item in loaded.values()])
    landmarks = np.concatenate([item.crops.landmarks for item in loaded.values()])
    try:
        parts = [
            translator.translate(crops[i : i + BATCH], landmarks[i : i + BATCH], variant)
            for i in range(0, len(crops), BATCH)
        ]
    except UserError as error:
        if len(loaded) == 1:
            return dict.fromkeys(loaded, error)
        return {place: _translate(translator, {place: item}, variant)[place] for place, item in loaded.items()}
    ends = np.cumsum([len(item.crops.pixels) for item in loaded.values()])[:-1]
    return dict(zip(loaded, np.split(np.concatenate(parts), ends), strict=True))


def _load(source: Path, bundle: Bundle, options: Options) -> _Loaded:
    start = time.perf_counter()
    decoded = decode(source, background=options.background)
    image = decoded.image
    if options.crop == "none":
        crops = centre(image, bundle.px)
        left, top, side = centre_box(*image.size)
        ready = 0
        records: tuple[dict[str, Any], ...] = (
            {"box": (left, top, left + side, top + side), "landmarks": None, "tilt_degrees": None},
        )
    else:
        faces = default_finder(1)(image)  # the decoding threads are the parallelism
        if not faces:
            raise PictureError(
                f"{printable(source)}: no face found; if it is one face and nothing else, give --crop none"
            )
        crops = line_up(image, faces, bundle)
        records = tuple({key: face.as_record()[key] for key in ("box", "landmarks", "tilt_degrees")} for face in faces)
        ready = sum(face.domain == bundle.target for face in faces)
    notes = decoded.notes
    if ready:
        kind = "photographed" if bundle.target == "real" else "drawn"
        notes = (*notes, f"{ready} of {len(records)} faces look {kind} already: is --to {bundle.target} meant?")
    return _Loaded(image, crops, records, notes, time.perf_counter() - start)


def _write(
    loaded: _Loaded, results: NDArray[np.uint8], target: Path, options: Options, reserved: set[str]
) -> tuple[Path, ...]:
    """Write what `options.layout` asks for of results (variants, faces, S, S, 3), all or nothing; returns the files."""
    if options.layout == "paste":
        made = [put_back(loaded.image, loaded.crops.frames, faces) for faces in results]
        targets = [target, *_further(target, "variant", len(made) - 1, reserved)]
    else:
        made, targets = [], []
        firsts = [target, *_further(target, "face", results.shape[1] - 1, reserved)]
        for first, before, variants in zip(firsts, loaded.crops.pixels, results.swapaxes(0, 1), strict=True):
            targets += [first, *_further(first, "variant", len(variants) - 1, reserved)]
            for after in variants:
                shown_ = after if options.layout == "face" else np.concatenate([before, after], axis=1)
                made.append(Image.fromarray(shown_))
    for path in targets[1:]:
        refusal = _refusal(path, set(), options.overwrite)
        if refusal:
            raise refusal
    for path, image in zip(targets, made, strict=True):
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
    """Why nothing may be written there, told before any work is done."""
    if os.path.realpath(target) in inputs:
        return PictureError(f"{target} is one of the pictures to translate: choose another folder")
    if os.path.lexists(target) and not overwrite:
        return PictureError(f"{target} is already there: give --overwrite, or choose another folder")
    return None


def _renamed(source: Path, target: Path) -> tuple[str, ...]:
    if source.stem == target.stem:
        return ()
    return (f"written as {target.name}: another picture is called {source.stem}",)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
