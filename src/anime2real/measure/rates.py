"""Rates that say more of single results than a distance between sets: found, sharp, symmetric, as asked, kept, varied.

Each is over all results, over each source of the inputs and over those that show men, with an interval (`figures.py`).
Sex, age, mouth, eyes, smile and glasses are read by the package's own label network, of inputs and of results alike:
its errors are in these figures, and a translator that was trained with it looks better by them than it is.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.face.finder import default_labeller
from anime2real.face.geometry import Face, Points, mirror
from anime2real.face.who import AS_SEEN, Who
from anime2real.image.cielab import ciede2000
from anime2real.measure.colours import colour_pairs
from anime2real.measure.distances import Vectors
from anime2real.measure.figures import Figure, correlation, mean, median, ratio, share
from anime2real.measure.foreign import foreign_detector
from anime2real.measure.sharpness import fine_detail, lattice, resized
from anime2real.measure.symmetry import symmetry
from anime2real.network import who_input
from anime2real.session import available_cores
from anime2real.translator import Translator

Pixels = NDArray[np.uint8]
SHARP: Final = 5
"""The percentile of real pictures' detail from which a result is sharp: 95 % of them are."""

SYMMETRIC: Final = 25
"""The percentile of real pictures' symmetry from which a result is symmetric: three quarters of them are."""

SEX, AGE, EYES_OPEN = 0, 1, 4
"""Places of sex (-1 to 1), age (years) and how sure open eyes are in a row of labels."""

TRAITS: Final = {
    "man": (SEX, 0.0), "mouth_open": (2, 0.5), "eyes_open": (EYES_OPEN, 0.5), "smile": (3, 0.5), "glasses": (5, 0.5)
}  # fmt: skip
"""What may be kept: its place in a row of labels, and the value above which it is there."""


@dataclass(frozen=True)
class Inputs:
    """N inputs of a bundle.

    Attributes:
        pixels: (N, S, S, 3), of the network's size.
        shares: (N, 5, 2), landmarks in shares of the side.
        labels: (N, 6), as `read_labels`; NaN of label maps, which show nobody's.
    """

    pixels: Pixels
    shares: Points
    labels: Vectors

    def told(self, bundle: Bundle, who: Sequence[Who] | None = None) -> Vectors | None:
        """(N, 2), what a bundle is told of whom to show: as they look if None is asked for; None if it is not told."""
        seen = [(float(sex), float(age)) for sex, age in self.labels[:, :2]]
        return who_input(who or [AS_SEEN] * len(seen), seen, bundle.ages) if bundle.takes_who else None


@dataclass(frozen=True)
class Measured:
    """N results of a bundle, and what they came from.

    Attributes:
        found: (N,) of bool: a face of the target domain is there.
        elsewhere: (N,) of bool: a detector that is not ours finds a face; None where it is not installed.
        details: (N, 2), of the result, and of the result of the mirrored input.
        mirror_distance: (N,), mean absolute difference of these two, of 255, the second mirrored back.
        symmetry: (N,), as `symmetry`.
        lattice: (N,).
        before, after: (N, 6), labels of inputs, NaN of label maps, and of results.
        eyes, skins: (N, 2, 3), CIELAB of irises and of skin, of input and result; NaN where they are not found.
        asked: (N, 2), sex and age in years that were asked for whatever the input shows; None of bundles that are not
            told.
        answered: (N, 6), labels of what came of that; None likewise.
    """

    found: NDArray[np.bool_]
    elsewhere: NDArray[np.bool_] | None
    details: Vectors
    mirror_distance: Vectors
    symmetry: Vectors
    lattice: Vectors
    before: Vectors
    after: Vectors
    eyes: Vectors
    skins: Vectors
    asked: Vectors | None = None
    answered: Vectors | None = None


@dataclass(frozen=True)
class Least:
    """From what on a result is as a picture of the target domain: its detail when sharp, its symmetry."""

    detail: float
    symmetry: float


def measure(translator: Translator, inputs: Inputs, drawn: Pixels, found: NDArray[np.bool_], px: int) -> Measured:
    """Translate the inputs mirrored, and to other people, and measure what came of them.

    Args:
        translator: of the bundle.
        inputs: N pictures.
        drawn: (N, S, S, 3), its results for them, told as they look.
        found: (N,), whether a face of the target domain is in each.
        px: pixels a side at which sharpness is measured.
    """
    bundle, pixels, shares = translator.bundle, inputs.pixels, inputs.shares
    points = shares * bundle.px
    flipped = np.stack([mirror(points, 1.0) for points in shares])
    back = translator.translate(pixels[:, :, ::-1], flipped, who=inputs.told(bundle))[:, :, ::-1]
    one, two = resized(drawn, px), resized(np.ascontiguousarray(back), px)
    asked = inputs.told(bundle, people(len(pixels), bundle.ages))
    answered = None
    if asked is not None:
        answered = read_labels(translator.translate(pixels, shares, who=asked), shares * bundle.px)
    foreign = foreign_detector()
    no_colours = np.full((2, len(drawn), 2, 3), np.nan)  # of label maps
    eyes, skins = no_colours if bundle.classes else colour_pairs(pixels, drawn, points, bundle.target)
    return Measured(
        found=found,
        elsewhere=None if foreign is None else foreign.find(drawn),
        details=np.stack([fine_detail(one), fine_detail(two)], 1),
        mirror_distance=np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(one, two, strict=True)]),
        symmetry=symmetry(drawn, points),
        lattice=lattices(drawn),
        before=inputs.labels,
        after=read_labels(drawn, points),
        eyes=eyes,
        skins=skins,
        asked=None if asked is None else asked * (1, 100),
        answered=answered,
    )


def read_labels(pictures: Pixels, landmarks: Points) -> Vectors:
    """(N, 6): sex, age, and how sure an open mouth, a smile, open eyes and glasses are.

    Args:
        pictures: (N, S, S, 3).
        landmarks: (N, 5, 2) px; of a result, those of its input, so that no failure of the finder decides.
    """
    labeller = default_labeller(1)

    def read(picture: Pixels, points: Points) -> tuple[float, ...]:
        return astuple(labeller(Image.fromarray(picture), [Face(points, "real", 1.0)])[0])

    with ThreadPoolExecutor(available_cores()) as pool:
        return np.array(list(pool.map(read, pictures, landmarks)))


def people(count: int, ages: tuple[float, float], seed: int = 0) -> list[Who]:
    """People to ask for, men and women of ages (years) between the two, whatever the inputs show."""
    random = np.random.default_rng(seed)
    return [Who(float(random.choice((-1, 1))), float(random.uniform(*ages))) for _ in range(count)]


def lattices(pictures: Pixels) -> Vectors:
    """(N,), of pictures (N, S, S, 3) of the size that a network drew."""
    return np.array([lattice(np.asarray(Image.fromarray(p).convert("L"), np.float64)) for p in pictures])


def least(pictures: Pixels, landmarks: Points) -> Least:
    """From what on results are as these pictures (N, S, S, 3) with landmarks (N, 5, 2) in px, the target's."""
    return Least(
        float(np.percentile(fine_detail(pictures), SHARP)),
        float(np.percentile(symmetry(pictures, landmarks), SYMMETRIC)),
    )


def rates(
    measured: Measured, least: Least, sources: Sequence[str], variety: Callable[[NDArray[np.int64]], Figure | None]
) -> dict[str, Any]:
    """For JSON: every rate over all results, in `sources` over each source of the inputs, in `men` over men alone.

    Args:
        measured: of N results.
        least: from what on they are as the target domain's pictures.
        sources: N names.
        variety: of the results of some rows, or None.
    """
    names = np.array(sources)
    record = _rates_of(measured, least, np.ones(len(names), bool), variety)
    apart = {str(name): _rates_of(measured, least, names == name, variety) for name in sorted(set(sources))}
    return record | {"sources": apart, "men": _rates_of(measured, least, measured.before[:, SEX] > 0, variety)}


def _rates_of(
    measured: Measured,
    least: Least,
    rows: NDArray[np.bool_],
    variety: Callable[[NDArray[np.int64]], Figure | None],
) -> dict[str, Any]:
    """Every rate over the rows (N,) that are chosen."""
    readable = rows & ~np.isnan(measured.before).any(1)
    before, after = measured.before[readable], measured.after[readable]
    record: dict[str, Any] = {
        "images": int(rows.sum()),
        "face": share(measured.found[rows]),
        "face_elsewhere": None if measured.elsewhere is None else share(measured.elsewhere[rows]),
        "sharp": share(measured.details[rows, 0] >= least.detail),
        "symmetric": share(measured.symmetry[rows] >= least.symmetry),
        "mirror_correlation": correlation(*measured.details[rows].T),
        "mirror_distance": mean(measured.mirror_distance[rows]),
        "lattice": median(measured.lattice[rows]),
        "sex_as_asked": None,
        "age_error_years": None,
    }
    if measured.asked is not None and measured.answered is not None:
        asked, answered = measured.asked[rows], measured.answered[rows]
        record["sex_as_asked"] = share((asked[:, SEX] > 0) == (answered[:, SEX] > 0))
        record["age_error_years"] = mean(abs(asked[:, AGE] - answered[:, AGE]))
    record["kept"] = {name: _kept(before[:, at] > over, after[:, at] > over) for name, (at, over) in TRAITS.items()}
    record |= _colours_kept(measured, rows)
    return record | {"variety": variety(np.flatnonzero(rows))}


def _colours_kept(measured: Measured, rows: NDArray[np.bool_]) -> dict[str, Figure | None]:
    """How far eyes and skin are from those of the input, CIEDE2000; eyes over how far they are from others' as well."""
    skins = measured.skins[rows & ~np.isnan(measured.skins).any((1, 2))]
    eyes = measured.eyes[rows & ~np.isnan(measured.eyes).any((1, 2)) & (measured.before[:, EYES_OPEN] > 0.5)]
    apart = ciede2000(eyes[:, None, 0], eyes[None, :, 1])  # (K, K), from the eyes of each input to those of each result
    own = np.diagonal(apart)
    others = (apart.sum(0) - own) / max(len(own) - 1, 1)  # of each result to the inputs of all others
    return {
        "eye_delta_e": mean(own),
        "eye_ratio": ratio(own, others, len(own)),
        "skin_delta_e": mean(ciede2000(skins[:, 0], skins[:, 1])),
    }


def _kept(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> dict[str, Figure | None]:
    """How often something is there still where inputs (N,) show it, and absent still where they do not."""
    return {"there": share(after[before]), "absent": share(~after[~before])}
