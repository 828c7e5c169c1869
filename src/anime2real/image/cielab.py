"""CIELAB of sRGB, and how far two colours are apart to the eye.

scikit-image has both, and would bring SciPy and five more packages into the first world for two formulas.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float64]
"""(…, 3): L* in [0, 100], a*, b*; of the white D65."""

XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to XYZ, IEC 61966-2-1."""

WHITE: Final = XYZ.sum(1)
"""D65."""

EPSILON: Final = 216 / 24389
KAPPA: Final = 24389 / 27
"""Where the cube root gives way to a line, and its slope: CIE 15:2004."""


def to_lab(rgb: NDArray[Any]) -> Lab:
    """CIELAB of sRGB (…, 3), 0-255, both of the white D65: IEC 61966-2-1 and CIE 15:2004."""
    encoded = np.asarray(rgb, np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    xyz = linear @ XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(xyz > EPSILON, np.cbrt(xyz), (KAPPA * xyz + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def from_lab(lab: Lab) -> NDArray[np.float64]:
    """sRGB (…, 3), 0-255, of CIELAB; what no screen shows is clipped, channel by channel. Undoes `to_lab`."""
    y = (lab[..., 0] + 16) / 116
    roots = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(roots**3 > EPSILON, roots**3, (116 * roots - 16) / KAPPA) * WHITE
    linear = (xyz @ np.linalg.inv(XYZ).T).clip(0, 1)
    return np.asarray(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def ciede2000(one: Lab, two: Lab) -> NDArray[np.float64]:
    """The colour difference ΔE₀₀ (…) of colours (…, 3): about 1 is just seen, 100 lies between black and white.

    Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary Test Data, and
    Mathematical Observations", 2005, equations 2 to 22, with all parametric factors 1.
    """
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(two, -1, 0)
    seventh = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(seventh / (seventh + 25.0**7)))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    apart = h2 - h1
    turn = np.where(grey, 0.0, np.where(abs(apart) <= 180, apart, apart - 360 * np.sign(apart)))
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)

    c, total = (c1 + c2) / 2, h1 + h2
    across = np.where(total < 360, total + 360, total - 360)
    h = np.where(grey, total, np.where(abs(apart) <= 180, total, across) / 2)
    t = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6) - 0.20 * _cos(4 * h - 63)
    from_middle = ((l1 + l2) / 2 - 50) ** 2
    sl = 1 + 0.015 * from_middle / np.sqrt(20 + from_middle)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    rotation = np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(rotation)
    squared = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)
    return np.asarray(np.sqrt(squared))


def _cos(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cos(np.radians(degrees)))
