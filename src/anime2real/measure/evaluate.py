"""One protocol for every bundle: the test pictures of a pack through it, measured, as JSON and as a table."""

import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real import __version__
from anime2real.bundle.format import Bundle
from anime2real.data.pack import Pack
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face, Similarity, align, scaling
from anime2real.measure.distances import Vectors, fid, kid
from anime2real.measure.faces import compare_faces
from anime2real.measure.features import Features, Maps
from anime2real.measure.hair_figures import hair_figures
from anime2real.measure.rates import Inputs, measure, rates, read_labels, sharp_from
from anime2real.measure.sharpness import resized
from anime2real.measure.variety import NOT_MEASURED, pair_distances, variety_figures
from anime2real.network import Pixels, available_cores
from anime2real.translator import Translator

TIMED: Final = 20
FOOTNOTE: Final = "*: trained against these features, so too low; compare by other features."


class EvaluationError(UserError):
    """A pack that the bundles cannot be measured on."""


@dataclass(frozen=True)
class _Subjects:
    """Test pictures of one domain with their faces.

    Attributes:
        pixels: (N, S, S, 3).
        landmarks: (N, 5, 2) px.
        labels: (N, 6), as `read_labels`; NaN of label maps.
        sources: N names, of the archive or folder that each came from.
        faceless: how many had no face, and are left out.
    """

    pixels: Pixels
    landmarks: NDArray[np.float64]
    labels: Vectors
    sources: list[str]
    faceless: int


@dataclass(frozen=True)
class _Real:
    """What results are compared with.

    Attributes:
        vectors: (N, D) of the pictures of a domain, by features.
        maps: what variety is measured by, or None.
        paired: pictures that are paired for it, alike for results and for either domain.
        pairs: their distances (P,), by domain; empty without `maps`.
        sharp_from: the detail from which results are sharp, by domain.
    """

    vectors: dict[tuple[str, Domain], Vectors]
    maps: Maps | None
    paired: int
    pairs: dict[Domain, Vectors]
    sharp_from: dict[Domain, float]


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
    subjects = {domain: _subjects(pack, domain, images, turn_degrees, min_scale) for domain in sorted(domains)}
    px = px or pack.size
    real = _real(subjects, features, {bundle.target for bundle in bundles}, px)
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
        "sharp": {domain: round(least, 3) for domain, least in real.sharp_from.items()},
        "variety": f"VGG maps, disjoint random pairs of {real.paired} pictures" if real.maps else None,
        "cpu_cores": available_cores(),
    }
    results = []
    for bundle in bundles:
        if not quiet:
            print(f"measuring {bundle.name}", file=sys.stderr, flush=True)
        results.append(_measure(bundle, subjects, features, real, px))
    return {"protocol": protocol, "results": results}


def table(report: dict[str, Any]) -> str:
    """The results as a Markdown table; an asterisk marks distances by features that the training saw."""
    names = report["protocol"]["features"]
    header = ["method", "to", "px", "images", *(f"KID-{n} ×10³" for n in names), *(f"FID-{n}" for n in names)]
    header += ["face rate", "tilt error", "arrangement", "hair ΔE", "variety", "ms"]
    rows = [header, ["---"] * len(header)]
    for result in report["results"]:
        row = [result["method"], result["to"], result["px"], result["images"]]
        marks = {n: "*" if result["trained_against"][n] else "" for n in names}
        kids = {n: result["kid"][n] for n in names}
        row += [f"{1000 * kids[n]['mean']:.1f} ± {1000 * kids[n]['std']:.1f}{marks[n]}" for n in names]
        row += [f"{result['fid'][n]:.2f}{marks[n]}" for n in names]
        row += [_cell(result["face_rate"], 100, " %"), _cell(result["tilt_mae_degrees"], 1, "°")]
        row += [_cell(result["arrangement_nme"], 100, " %"), _cell(result["hair_delta_e"], 1, "")]
        row += [_cell(result["variety_ratio"], 100, " %"), f"{result['cpu_ms_per_image']:.1f}"]
        rows.append(row)
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    if any(any(result["trained_against"].values()) for result in report["results"]):
        lines += ["", FOOTNOTE]
    return "\n".join(lines)


def _cell(value: float | None, factor: float, unit: str) -> str:
    return "–" if value is None else f"{factor * value:.1f}{unit}"


def _subjects(pack: Pack, domain: Domain, images: int, turn_degrees: float, min_scale: float) -> _Subjects:
    rows = pack.of_scale(pack.rows(domain, "test"), min_scale)[:images]
    if len(rows) < 2:
        asked = f", of a scale of at least {min_scale:g}" if min_scale else ""
        raise EvaluationError(f"{pack.folder} has {len(rows)} {domain} test pictures: at least two are needed{asked}")
    pack.check(rows)
    if pack.classes and domain == "anime":
        return _label_maps(pack, rows, turn_degrees)
    pictures = [Image.fromarray(pack.images[row]) for row in rows]
    if turn_degrees:
        angle = math.radians(turn_degrees)
        pictures = [turned(picture, angle if i % 2 == 0 else -angle) for i, picture in enumerate(pictures)]
    faces = _find(pictures)
    with_face = [i for i, found in enumerate(faces) if found]
    if len(with_face) < 2:
        raise EvaluationError(f"no faces are found in the {domain} test pictures of {pack.folder}")
    pixels = np.stack([np.asarray(pictures[i]) for i in with_face])
    landmarks = np.stack([faces[i][0].landmarks for i in with_face])
    sources = pack.sources(rows[with_face])
    return _Subjects(pixels, landmarks, read_labels(pixels, landmarks), sources, len(rows) - len(with_face))


def _label_maps(pack: Pack, rows: NDArray[np.int64], turn_degrees: float) -> _Subjects:
    """Label maps show no face to find: theirs are where those of their photographs are."""
    if pack.landmarks is None or turn_degrees:
        raise EvaluationError(f"{pack.folder} has label maps: prepare it with --crop face, and leave turned faces out")
    landmarks = (pack.landmarks[rows].astype(np.float64) + 1) / 2 * pack.size
    return _Subjects(pack.images[rows], landmarks, np.full((len(rows), 6), np.nan), pack.sources(rows), 0)


def _find(pictures: Sequence[Image.Image]) -> list[list[Face]]:
    """The faces in each; a thread a core, since one network on so small a picture gains little by more."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(default_finder(1), pictures))


def turned(picture: Image.Image, angle: float) -> Image.Image:
    """A square picture turned clockwise about its middle; its border is continued."""
    side = picture.width
    linear = complex(math.cos(angle), math.sin(angle))
    middle = complex(side / 2, side / 2)
    return align(picture, Similarity(linear, middle - linear * middle).then(scaling(1 / side)), side, beyond="mirror")


def _real(subjects: dict[Domain, _Subjects], features: Sequence[Features], targets: set[Domain], px: int) -> _Real:
    maps = next((f.maps for f in features if f.maps is not None), None)
    paired = min(len(s.pixels) for s in subjects.values())
    shown = {domain: resized(subjects[domain].pixels, px) for domain in sorted(targets)}
    return _Real(
        vectors={(f.name, domain): f(pixels) for f in features for domain, pixels in shown.items()},
        maps=maps,
        paired=paired,
        pairs={d: pair_distances(pixels, maps, images=paired) for d, pixels in shown.items()} if maps else {},
        sharp_from={domain: sharp_from(pixels) for domain, pixels in shown.items()},
    )


def _measure(
    bundle: Bundle,
    subjects: dict[Domain, _Subjects],
    features: Sequence[Features],
    real: _Real,
    px: int,
) -> dict[str, Any]:
    translator = Translator(bundle)
    chosen = subjects[bundle.source]
    if bundle.classes and bundle.px != chosen.pixels.shape[1]:
        raise EvaluationError(f"{bundle.name} takes label maps of {bundle.px} px: prepare the pack of that size")
    shares = chosen.landmarks / chosen.pixels.shape[1]
    inputs = Inputs(resized(chosen.pixels, bundle.px), shares, chosen.labels)
    drawn = translator.translate(inputs.pixels, shares, who=inputs.told(bundle))
    results = resized(drawn, px)
    before, landmarks = resized(chosen.pixels, px), shares * px
    faces = _find([Image.fromarray(result) for result in results])
    found = compare_faces(landmarks, faces, bundle.target)
    figures = found.as_record()
    record: dict[str, Any] = {
        "method": bundle.method,
        "to": bundle.target,
        "px": bundle.px,
        "sha256": bundle.sha256,
        "kid": {},
        "fid": {},
        "trained_against": {},
    }
    for feature in features:
        vectors, target = feature(results), real.vectors[feature.name, bundle.target]
        spread = kid(vectors, target)
        record["kid"][feature.name] = {"mean": spread.mean, "std": spread.std}
        record["fid"][feature.name] = fid(vectors, target)
        record["trained_against"][feature.name] = bundle.training.get("discriminator_features") == feature.name
    coloured = slice(0 if bundle.classes else None)  # label maps have no hair colours to keep
    figures |= hair_figures(before[coloured], results[coloured], landmarks[coloured])
    measured = measure(translator, inputs, drawn, found.found, px)
    figures["rates"] = rates(measured, real.sharp_from[bundle.target], chosen.sources)
    if real.maps is None:
        figures |= NOT_MEASURED
    else:
        pairs = pair_distances(results, real.maps, images=real.paired)
        figures |= variety_figures(pairs, real.pairs[bundle.target])
    milliseconds = statistics.median(_times(translator, inputs.pixels[:1], shares[:1]))
    return (
        record | figures | {"cpu_ms_per_image": round(milliseconds, 2), "megabytes": round(bundle.size_bytes / 1e6, 2)}
    )


def _times(translator: Translator, pixels: Pixels, landmarks: NDArray[np.float64]) -> Iterator[float]:
    translator.translate(pixels, landmarks)
    for _ in range(TIMED):
        start = time.perf_counter()
        translator.translate(pixels, landmarks)
        yield 1000 * (time.perf_counter() - start)
