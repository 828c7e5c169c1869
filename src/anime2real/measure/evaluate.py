"""One protocol for every bundle: the test pictures of a pack through it, measured, as JSON and as a table."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real import __version__
from anime2real.bundle.format import Bundle
from anime2real.bundle.redrawer import redrawer
from anime2real.data.pack import Pack
from anime2real.domain import Domain
from anime2real.measure.distances import FEWEST, Vectors, fid, kid
from anime2real.measure.faces import compare_faces
from anime2real.measure.features import Features, Maps
from anime2real.measure.figures import Figure, median, ratio, share
from anime2real.measure.foreign import MISSING, foreign_detector
from anime2real.measure.hair_figures import hair_figures
from anime2real.measure.rates import Inputs, Least, lattices, least, measure, rates
from anime2real.measure.sharpness import resized
from anime2real.measure.subjects import EvaluationError, Subjects, find_all, subjects_of
from anime2real.measure.variety import NOT_MEASURED, pair_distances, variety_figures
from anime2real.progress import tell
from anime2real.session import Pixels, available_cores
from anime2real.translator import Translator

TIMED: Final = 20

VARIED: Final = 200
"""Pictures of a source, or of men, that are paired at most for their variety."""


@dataclass(frozen=True)
class _Target:
    """What results are compared with: the pictures of their domain, cropped as results are.

    Attributes:
        vectors: (N, D), by features.
        pairs: distances (P,) of pairs of them, as `pair_distances`; None without maps.
        least: from what on results are as they are.
        own: for JSON, those rates of the pictures themselves that are no shares by definition.
    """

    vectors: dict[str, Vectors]
    pairs: Vectors | None
    least: Least
    own: dict[str, Any]


def evaluate(
    bundles: Sequence[Bundle],
    pack: Pack,
    features: Sequence[Features],
    *,
    images: int = 1000,
    turn_degrees: float = 0.0,
    px: int | None = None,
    min_scale: float = 0.0,
    quiet: bool = False,
) -> dict[str, Any]:
    """Measure bundles on the test split of a pack.

    Args:
        bundles: to measure.
        pack: whose pictures each bundle gets at its own size.
        features: for KID and FID, against the target domain's test pictures; those that have maps measure variety too.
        images: of each domain at most, the first by name.
        turn_degrees: turn every picture by so much, every second one the other way.
        px: pixels a side that pictures and results are brought to before they are measured, so that bundles of several
            sizes are compared by their pictures; the pack's if not given.
        min_scale: pixels of its file a side that a test picture must have for each of the pack's: so that sharp
            pictures alone are asked for and compared with. 0 asks for nothing.
        quiet: no progress on stderr.

    Returns:
        what `evaluate --json` writes: {"protocol": …, "results": [a mapping a bundle]}.

    Raises:
        EvaluationError: no test pictures.
        PackError: a scale is asked for that the pack does not know.
    """
    domains: set[Domain] = {domain for bundle in bundles for domain in (bundle.source, bundle.target)}
    subjects = {domain: subjects_of(pack, domain, images, turn_degrees, min_scale) for domain in sorted(domains)}
    px = px or pack.size
    maps, detector = _maps(features), foreign_detector()
    paired = min(len(s.pixels) for s in subjects.values())
    if detector is None and not quiet:
        tell(f"faces found elsewhere: {MISSING}")
    protocol = {
        "anime2real": __version__,
        "pack": pack.folder.name,
        "pack_sha256": pack.digest,
        "split": "test",
        "images": {domain: len(s.pixels) for domain, s in subjects.items()},
        "without_face": {domain: s.faceless for domain, s in subjects.items()},
        "turn_degrees": turn_degrees,
        "min_scale": min_scale,
        "pack_px": pack.size,
        "px": px,
        "features": [f.name for f in features],
        "kid": "unbiased squared MMD, kernel (x·y/D + 1)³, 100 subsets of up to 1,000",
        "hair": "CIEDE2000 of the hair's median CIELAB (D65), where both are found",
        "who": "bundles that are told are told what the label network reads off each input",
        "redrawn": "as `translate` does: results are drawn by what `redrawn_by` names, and translated once more",
        "crops": "as `translate` makes them: of the bundle's crop_share; what is compared with is cropped alike",
        "face_elsewhere": detector.name if detector else None,
        "variety": f"VGG maps, disjoint random pairs of {paired} pictures" if maps else None,
        "cpu_cores": available_cores(),
    }
    targets: dict[tuple[Domain, float], _Target] = {}
    results = []
    for bundle in bundles:
        if not quiet:
            tell(f"measuring {bundle.name}")
        way = bundle.target, bundle.crop_share
        if way not in targets:
            targets[way] = _target(subjects[bundle.target], features, bundle.crop_share, px, paired)
        results.append(_measure(bundle, subjects[bundle.source], features, targets[way], px, paired))
    return {"protocol": protocol, "results": results}


def _target(subjects: Subjects, features: Sequence[Features], crop_share: float, px: int, paired: int) -> _Target:
    pixels, shares = subjects.seen(crop_share, px)
    maps, detector, from_ = _maps(features), foreign_detector(), least(pixels, shares * px)
    return _Target(
        vectors={f.name: f(pixels) for f in features},
        pairs=pair_distances(pixels, maps, images=paired) if maps else None,
        least=from_,
        own={
            "images": len(pixels),
            "sharp_from": round(from_.detail, 3),
            "symmetric_from": round(from_.symmetry, 3),
            "face_elsewhere": share(detector.find(pixels)) if detector else None,
            "lattice": median(lattices(pixels)),
        },
    )


def _maps(features: Sequence[Features]) -> Maps | None:
    """What variety is measured by."""
    return next((f.maps for f in features if f.maps is not None), None)


def _variety(results: Pixels, maps: Maps | None, target: Vectors | None, rows: NDArray[np.int64]) -> Figure | None:
    """How far results of some rows are from one another, over how far pictures of the target are."""
    images = min(len(rows), VARIED)
    if maps is None or target is None or images < 2:
        return None
    return ratio(pair_distances(results[rows], maps, images=images), target, images)


def _measure(
    bundle: Bundle, chosen: Subjects, features: Sequence[Features], target: _Target, px: int, paired: int
) -> dict[str, Any]:
    translator = Translator(bundle)
    if bundle.classes and bundle.px != chosen.pixels.shape[1]:
        raise EvaluationError(f"{bundle.name} takes label maps of {bundle.px} px: prepare the pack of that size")
    pixels, shares = chosen.seen(bundle.crop_share, bundle.px)
    inputs = Inputs(pixels, shares, chosen.labels)
    drawn = translator.translate(pixels, shares, who=inputs.told(bundle))
    results, landmarks = resized(drawn, px), shares * px
    faces = find_all([Image.fromarray(result) for result in results])
    found = compare_faces(landmarks, faces, bundle.target)
    figures = found.as_record()
    record: dict[str, Any] = {
        "method": bundle.method,
        "to": bundle.target,
        "px": bundle.px,
        "crop_share": bundle.crop_share,
        "sha256": bundle.sha256,
        "redrawn_by": back.sha256 if (back := redrawer(bundle)) else None,
        "kid": {},
        "fid": {},
        "trained_against": {},
        "too_few_images": min(len(results), target.own["images"]) < FEWEST,
    }
    for feature in features:
        vectors, real = feature(results), target.vectors[feature.name]
        spread = kid(vectors, real)
        record["kid"][feature.name] = {"mean": spread.mean, "std": spread.std}
        record["fid"][feature.name] = fid(vectors, real)
        record["trained_against"][feature.name] = bundle.training.get("discriminator_features") == feature.name
    coloured = slice(0 if bundle.classes else None)  # label maps have no hair colours to keep
    before = chosen.seen(bundle.crop_share, px)[0]
    figures |= hair_figures(before[coloured], results[coloured], landmarks[coloured])
    measured, maps = measure(translator, inputs, drawn, found.found, px), _maps(features)
    variety = partial(_variety, results, maps, target.pairs)
    figures["rates"] = rates(measured, target.least, chosen.sources, variety) | {"target": target.own}
    figures |= NOT_MEASURED
    if maps is not None and target.pairs is not None:
        figures |= variety_figures(pair_distances(results, maps, images=paired), target.pairs)
    milliseconds = statistics.median(_times(translator, pixels[:1], shares[:1]))
    return (
        record | figures | {"cpu_ms_per_image": round(milliseconds, 2), "megabytes": round(bundle.size_bytes / 1e6, 2)}
    )


def _times(translator: Translator, pixels: Pixels, landmarks: NDArray[np.float64]) -> Iterator[float]:
    translator.translate(pixels, landmarks)
    for _ in range(TIMED):
        start = time.perf_counter()
        translator.translate(pixels, landmarks)
        yield 1000 * (time.perf_counter() - start)
