"""A figure, its 95 % interval and how many pictures it is of: shares, means, medians, ratios and correlations.

Shares have Wilson's score interval (1927), means, medians and ratios a bootstrap (Efron, 1979), correlations Fisher's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, pearsonr

from anime2real.measure.distances import Vectors, interval, ratio_interval

Figure = dict[str, Any]
"""`value`, its 95 % `interval`, and the `images` that it is of; None where there is nothing to measure."""


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


def ratio(above: Vectors, below: Vectors, images: int) -> Figure | None:
    """mean(above) / mean(below), of values (N,) and (M,), all below positive; None where there are none."""
    if not len(above) or not len(below) or below.min() <= 0:
        return None
    return _figure(float(above.mean() / below.mean()), ratio_interval(above, below), images)


def correlation(one: Vectors, two: Vectors) -> Figure | None:
    """Pearson's, of values (N,) and (N,), with Fisher's interval; None of fewer than four, or where all are one."""
    if len(one) < 4 or min(np.ptp(one), np.ptp(two)) == 0:
        return None
    found = pearsonr(one, two)
    return _figure(float(found.statistic), tuple(found.confidence_interval()), len(one))


def _figure(value: float, between: tuple[float, float], images: int) -> Figure:
    return {"value": round(value, 4), "interval": [round(float(v), 4) for v in between], "images": images}
