"""Drawings through several translators, mirrored too, and what is measured of each result: the work of one process."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.atomic import atomic_file
from anime2real.bundle.format import Bundle
from anime2real.bundle.redrawer import networks_sum
from anime2real.data.duplicates import perceptual_hash
from anime2real.data.members import Member
from anime2real.data.sources import Rejected, frame_of, read_member, sha256_of
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Points, Similarity, align, closer, mirror, scaling
from anime2real.face.who import AS_SEEN
from anime2real.image.decode import PictureError, decode
from anime2real.measure.distances import Vectors
from anime2real.measure.foreign import foreign_detector
from anime2real.measure.rates import AGE, SEX, read_labels
from anime2real.measure.sharpness import fine_detail, resized
from anime2real.measure.subjects import find_all
from anime2real.measure.symmetry import steadiness, symmetry
from anime2real.network import who_input
from anime2real.session import Pixels
from anime2real.translator import Translator

SHARD: Final = 16
"""Drawings that are translated together, whoever does it: batches decide the last bit of results."""

_LOADED: Final[dict[str, Translator]] = {}


@dataclass(frozen=True)
class Shard:
    """K drawings that show a face, C results of each, and those that were left out.

    Attributes:
        places: (K,) of the drawings in the shard.
        drawings: (K, S, S, 3).
        results: (K, C, S, S, 3): of each bundle, then of each bundle with the drawing mirrored, mirrored back.
        hashes: (K,), perceptual, of the drawings.
        sums: (K,), hex SHA-256 of their files, as bytes.
        scales: (K,), px of the file for each px of the crop.
        landmarks: (K, 5, 2) px of the crop.
        frames: (K, 2, 3), from places of the crop to places of the file, both in [-1, 1].
        photographed: (K,), whether our finder takes the drawing's face for a photographed one.
        faces, details, symmetry, steadiness, told, after: as of `Measurements`.
        reasons, lines: of those left out, as `Rejected`.
    """

    places: NDArray[np.int64]
    drawings: Pixels
    results: Pixels
    hashes: NDArray[np.uint64]
    sums: NDArray[np.bytes_]
    scales: Vectors
    landmarks: Points
    frames: Vectors
    photographed: NDArray[np.bool_]
    faces: Vectors
    details: Vectors
    symmetry: Vectors
    steadiness: Vectors
    told: Vectors
    after: Vectors
    reasons: NDArray[np.str_]
    lines: NDArray[np.str_]


@dataclass(frozen=True)
class _Found:
    image: Image.Image
    sha256: str
    place: Similarity
    landmarks: Points
    photographed: bool


def translate_shard(path: Path, members: Sequence[Member], bundles: Sequence[Bundle], size: int) -> int:
    """Translate and measure the drawings of a shard, and write it. Returns how many there are.

    Raises:
        OSError: it cannot be written; nothing of it is left.
        BundleError, TranslatorError: a bundle is damaged, or its network fails.
    """
    shard = make_shard(members, bundles, size)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{field.name: getattr(shard, field.name) for field in fields(Shard)})
    return len(members)


def make_shard(members: Sequence[Member], bundles: Sequence[Bundle], size: int) -> Shard:
    """Read, crop, translate and measure drawings.

    Args:
        members: the drawings.
        bundles: to translate them with; the crops are those of the one that crops closest.
        size: S, pixels a side of drawings and results.
    """
    read = [_read(member) for member in members]
    places = [place for place, one in enumerate(read) if isinstance(one, _Found)]
    found = [one for one in read if isinstance(one, _Found)]
    rejected = [one for one in read if isinstance(one, Rejected)]
    share = pack_share(bundles)
    frames = [_closer(one.place, share) for one in found]
    drawings = _stack([np.asarray(align(one.image, f, size)) for one, f in zip(found, frames, strict=True)], size)
    points = np.array([f(one.landmarks) * size for one, f in zip(found, frames, strict=True)]).reshape(-1, 5, 2)
    labels = read_labels(drawings, points).reshape(-1, 6)
    return Shard(
        places=np.array(places, np.int64),
        drawings=drawings,
        hashes=np.array([perceptual_hash(Image.fromarray(d)) for d in drawings], np.uint64),
        sums=np.array([one.sha256 for one in found], "S64"),
        scales=np.array([1 / (f.scale * size) for f in frames]),
        landmarks=points,
        frames=np.array([frame_of(f, one.image.size) for one, f in zip(found, frames, strict=True)]).reshape(-1, 2, 3),
        photographed=np.array([one.photographed for one in found], np.bool_),
        reasons=np.array([one.reason for one in rejected], np.str_),
        lines=np.array([one.line for one in rejected], np.str_),
        **_measured(found, bundles, labels, points, share, size),
    )


def _measured(
    found: Sequence[_Found], bundles: Sequence[Bundle], labels: Vectors, points: Points, share: float, size: int
) -> dict[str, Any]:
    """The results of drawings and what is measured of them, as a `Shard` has them."""
    each = [_translated(bundle, found, labels, share, size) for bundle in bundles] if found else []
    ways = [result for mirrored in range(2) for result in (both[mirrored] for both in each)]
    count = len(ways) or 2 * len(bundles)

    def of_each(values: Sequence[Any], *shape: int) -> Any:
        return np.stack(list(values), 1) if found else np.zeros((0, count, *shape))

    return {
        "results": of_each(ways, size, size, 3).astype(np.uint8),
        "faces": of_each([_faces(way) for way in ways]),
        "details": of_each([fine_detail(way) for way in ways]),
        "symmetry": of_each([symmetry(way, points) for way in ways]),
        "steadiness": of_each([steadiness(*both, points) for both in each] * 2),
        "told": of_each([_told(bundle, labels)[0] for bundle in bundles] * 2, 6),
        "after": of_each([read_labels(way, points) for way in ways], 6),
    }


def read_shard(path: Path, *names: str) -> dict[str, Any]:
    """Some of the arrays of a shard that was written, by name.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: it is damaged.
    """
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in names}


def pack_share(bundles: Sequence[Bundle]) -> float:
    """The share of a face's crop that all the bundles' results show."""
    return min(bundle.crop_share for bundle in bundles)


def _read(member: Member) -> _Found | Rejected:
    """A drawing and where its largest face lies, as `prepare` takes it."""
    content, name = read_member(member), member.shown_as
    if isinstance(content, Rejected):
        return content
    try:
        image = decode(content, name=name).image
    except PictureError as error:
        return Rejected("unreadable", str(error) if str(error).startswith(name) else f"{name} {error}")
    if not (faces := default_finder(1)(image)):
        return Rejected("no face", f"{name} shows no face")
    face = faces[0]
    return _Found(image, sha256_of(content), face.crop, face.landmarks, face.domain == "real")


def _closer(place: Similarity, share: float) -> Similarity:
    return place if share == 1 else closer(place, share)


def _stack(pictures: Sequence[NDArray[np.uint8]], size: int) -> Pixels:
    return np.stack(pictures) if pictures else np.zeros((0, size, size, 3), np.uint8)


def _told(bundle: Bundle, labels: Vectors) -> tuple[Vectors, Vectors]:
    """Labels (K, 6) with the sex and the age that a bundle can show, and these two as its network takes them."""
    seen = [(float(sex), float(age)) for sex, age in labels[:, :2]]
    who = who_input([AS_SEEN] * len(seen), seen, bundle.ages) if seen else np.zeros((0, 2))
    told = labels.copy()
    told[:, SEX], told[:, AGE] = who[:, 0], who[:, 1] * 100
    return told, who


def _translated(
    bundle: Bundle, found: Sequence[_Found], labels: Vectors, share: float, size: int
) -> tuple[Pixels, Pixels]:
    """The results (K, S, S, 3) of a bundle, in the pack's crop, and those of the drawings mirrored, mirrored back."""
    key = networks_sum(bundle)
    translator = _LOADED.get(key) or _LOADED.setdefault(key, Translator(bundle, threads=1))
    frames = [_closer(one.place, bundle.crop_share) for one in found]
    pixels = np.stack([np.asarray(align(one.image, f, bundle.px)) for one, f in zip(found, frames, strict=True)])
    landmarks = np.stack([f(one.landmarks) for one, f in zip(found, frames, strict=True)])
    flipped = np.stack([mirror(points, 1.0) for points in landmarks])
    who = _told(bundle, labels)[1] if bundle.takes_who else None
    straight = translator.translate(pixels, landmarks, who=who)
    mirrored = translator.translate(np.ascontiguousarray(pixels[:, :, ::-1]), flipped, who=who)[:, :, ::-1]
    inner = share / bundle.crop_share
    return _inner(straight, inner, size), _inner(np.ascontiguousarray(mirrored), inner, size)


def _inner(results: Pixels, share: float, size: int) -> Pixels:
    """The middle of results, a share of their side, at S px."""
    if share == 1:
        return resized(results, size)
    frame = closer(scaling(1 / results.shape[1]), share)
    return np.stack([np.asarray(align(Image.fromarray(result), frame, size)) for result in results])


def _faces(results: Pixels) -> Vectors:
    """(K,), the share of the detectors that find a photographed face."""
    found = [[any(face.domain == "real" for face in faces) for faces in find_all([*map(Image.fromarray, results)])]]
    if (foreign := foreign_detector()) is not None:
        found.append(foreign.find(results).tolist())
    return np.asarray(np.mean(found, 0), np.float64)
