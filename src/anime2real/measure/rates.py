"""Rates that say more of single results than a distance between sets: sharp, alike when mirrored, as asked, kept.

Each is over all results and over each source of the inputs apart, with a 95 % interval: Wilson's for shares (1927), a
bootstrap for means and medians, Fisher's for the correlation. Sex, age, mouth, eyes, smile and glasses are read by the
package's own label network, of inputs and of results alike: its errors are in these figures, and a translator that
was trained with it looks better by them than it is.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest, pearsonr

from anime2real.bundle.format import Bundle
from anime2real.face.geometry import Face, Points, mirror
from anime2real.face.labeller import default_labeller
from anime2real.face.who import AS_SEEN, Who
from anime2real.measure.distances import Vectors, interval
from anime2real.measure.sharpness import detail, lattice, resized
from anime2real.network import available_cores
from anime2real.pipeline import who_input
from anime2real.translator import Translator

Pixels = NDArray[np.uint8]
Figure = dict[str, Any]
"""`value`, its 95 % `interval`, and the `images` that it is of; None where there is nothing to measure."""

SHARP: Final = 5
"""The percentile of real pictures' detail from which a result is sharp: 95 % of them are."""

SEX, AGE = 0, 1
"""Places of sex (-1 to 1) and age (years) in a row of labels."""

TRAITS: Final = {
    "man": (SEX, 0.0), "mouth_open": (2, 0.5), "eyes_open": (4, 0.5), "smile": (3, 0.5), "glasses": (5, 0.5)
}  # fmt: skip
"""What may be kept: its place in a row of labels, and the value above which it is there."""

HEADER: Final = (
    "method", "to", "of", "images", "face", "sharp", "mirror r", "mirror distance", "lattice", "sex as asked",
    "age error", "man / woman", "mouth open / closed", "eyes open / closed", "smile / none", "glasses / none",
)  # fmt: skip


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
        details: (N, 2), of the result, and of the result of the mirrored input.
        mirror_distance: (N,), mean absolute difference of these two, of 255, the second mirrored back.
        lattice: (N,).
        before, after: (N, 6), labels of inputs, NaN of label maps, and of results.
        asked: (N, 2), sex and age in years that were asked for whatever the input shows; None of bundles that are not
            told.
        answered: (N, 6), labels of what came of that; None likewise.
    """

    found: NDArray[np.bool_]
    details: Vectors
    mirror_distance: Vectors
    lattice: Vectors
    before: Vectors
    after: Vectors
    asked: Vectors | None = None
    answered: Vectors | None = None


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
    flipped = np.stack([mirror(points, 1.0) for points in shares])
    back = translator.translate(pixels[:, :, ::-1], flipped, who=inputs.told(bundle))[:, :, ::-1]
    one, two = resized(drawn, px), resized(np.ascontiguousarray(back), px)
    asked = inputs.told(bundle, people(len(pixels), bundle.ages))
    answered = None
    if asked is not None:
        answered = read_labels(translator.translate(pixels, shares, who=asked), shares * bundle.px)
    return Measured(
        found=found,
        details=np.stack([detail(one), detail(two)], 1),
        mirror_distance=np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(one, two, strict=True)]),
        lattice=lattices(drawn),
        before=inputs.labels,
        after=read_labels(drawn, shares * bundle.px),
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


def sharp_from(pictures: Pixels) -> float:
    """The detail from which results are sharp that are compared with these pictures (N, S, S, 3)."""
    return float(np.percentile(detail(pictures), SHARP))


def rates(measured: Measured, threshold: float, sources: Sequence[str]) -> dict[str, Any]:
    """For JSON: every rate over all results, and `sources` with the same over each source of the inputs.

    Args:
        measured: of N results.
        threshold: the detail from which they are sharp, `sharp_from` of the target domain's pictures.
        sources: N names.
    """
    names = np.array(sources)
    record = _rates_of(measured, threshold, np.ones(len(names), bool))
    apart = {str(name): _rates_of(measured, threshold, names == name) for name in sorted(set(sources))}
    return record | {"sources": apart}


def _rates_of(measured: Measured, threshold: float, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Every rate over the rows (N,) that are chosen."""
    readable = rows & ~np.isnan(measured.before).any(1)
    before, after = measured.before[readable], measured.after[readable]
    record: dict[str, Any] = {
        "images": int(rows.sum()),
        "face": share(measured.found[rows]),
        "sharp": share(measured.details[rows, 0] >= threshold),
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
    record["kept"] = {name: _kept(before[:, at] > least, after[:, at] > least) for name, (at, least) in TRAITS.items()}
    return record


def _kept(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> dict[str, Figure | None]:
    """How often something is there still where inputs (N,) show it, and absent still where they do not."""
    return {"there": share(after[before]), "absent": share(~after[~before])}


def share(met: NDArray[np.bool_]) -> Figure | None:
    """The share of N that met something, with Wilson's score interval."""
    if not len(met):
        return None
    found = binomtest(int(met.sum()), len(met)).proportion_ci(method="wilson")
    return _figure(float(met.mean()), (found.low, found.high), len(met))


def mean(values: Vectors) -> Figure | None:
    """The mean of values (N,), with a bootstrap interval."""
    return _figure(float(values.mean()), interval(values), len(values)) if len(values) else None


def median(values: Vectors) -> Figure | None:
    """The median of values (N,), with a bootstrap interval."""
    return _figure(float(np.median(values)), interval(values, of=np.median), len(values)) if len(values) else None


def correlation(one: Vectors, two: Vectors) -> Figure | None:
    """Pearson's, of values (N,) and (N,), with Fisher's interval; None of fewer than four, or where all are one."""
    if len(one) < 4 or min(np.ptp(one), np.ptp(two)) == 0:
        return None
    found = pearsonr(one, two)
    return _figure(float(found.statistic), tuple(found.confidence_interval()), len(one))


def _figure(value: float, between: tuple[float, float], images: int) -> Figure:
    return {"value": round(value, 4), "interval": [round(float(v), 4) for v in between], "images": images}


def rates_table(report: Mapping[str, Any]) -> str:
    """The rates of all results of `evaluate` as a Markdown table: a row a bundle, and one for each of its sources."""
    rows: list[Sequence[str]] = [HEADER, ["---"] * len(HEADER)]
    for result in report["results"]:
        whole = result["rates"]
        apart = whole["sources"] if len(whole["sources"]) > 1 else {}
        for name, record in {"all": whole, **apart}.items():
            rows.append([result["method"], result["to"], name, str(record["images"]), *_cells(record)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(record: Mapping[str, Any]) -> list[str]:
    kept = [
        f"{_cell(sides['there'], 100, '')} / {_cell(sides['absent'], 100, ' %')}"
        for sides in (record["kept"][name] for name in TRAITS)
    ]
    return [
        _cell(record["face"], 100, " %"),
        _cell(record["sharp"], 100, " %"),
        _cell(record["mirror_correlation"], 1, "", 2),
        _cell(record["mirror_distance"], 1, "", 1),
        _cell(record["lattice"], 1, "", 2),
        _cell(record["sex_as_asked"], 100, " %"),
        _cell(record["age_error_years"], 1, " y", 1),
        *kept,
    ]


def _cell(figure: Figure | None, factor: float, unit: str, digits: int = 0) -> str:
    return "–" if figure is None else f"{factor * figure['value']:.{digits}f}{unit}"
