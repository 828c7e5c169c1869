"""The colour of a face's hair, from the picture and its landmarks alone.

The picture is brought to the template by its landmarks. In an arch above the forehead and beside it lies hair,
background, and sometimes skin. The arch's pixels are clustered in CIELAB by k-means. Clusters near the skin's colour
(across nose and cheeks) are dropped, and clusters of the background, which are commoner at the picture's sides than in
the arch. The most populous of the rest is the hair, with what is near it. A bald head's scalp, a hat or a wall that
fills the arch is taken for hair. `scripts/evaluate_hair.py` compares the colour with that inside hair masks.
"""

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Points, align, scaling, to_template
from anime2real.image.cielab import Lab, to_lab

SIDE: Final = 64
CLUSTERS: Final = 6
ROUNDS: Final = 12

# Chosen on 458 photographs of CelebAMask-HQ; on 458 others the colour is as near to that inside the hair masks.
LIGHTNESS: Final = 0.7
"""Weight of L* in the distances that follow: light and shadow change it, and hair has both."""
SKIN_DISTANCE: Final = 10.0
BACKGROUND_DISTANCE: Final = 16.0
BACKGROUND_SHARE: Final = 0.6
"""A cluster is background if this share of the pixels near it at the sides is more than all those in the arch."""
SAME_DISTANCE: Final = 20.0
MIN_SHARE: Final = 0.45
"""Of the arch, below which what is left is too little to be called hair."""
MIN_VISIBLE: Final = 0.5
"""Of the arch, that must lie inside the picture."""

_CENTRES: Final = (np.arange(SIDE) + 0.5) / SIDE
_X, _Y = np.meshgrid(_CENTRES, _CENTRES)


def _ellipse(width: float, height: float) -> NDArray[np.bool_]:
    return np.asarray(((_X - 0.5) / width) ** 2 + ((_Y - 0.47) / height) ** 2 < 1)


ARCH: Final = _ellipse(0.40, 0.42) & ~_ellipse(0.24, 0.30) & (_Y < 0.4)
SIDES: Final = (abs(_X - 0.5) > 0.44) & (_Y < 0.7)
CHEEKS: Final = (abs(_X - 0.5) < 0.13) & (_Y > 0.53) & (_Y < 0.64)


def hair_colour(picture: Image.Image, landmarks: Points) -> Lab | None:
    """CIELAB (3,) of the hair, or None where too little of the arch is left.

    Args:
        picture: RGB.
        landmarks: (5, 2), px.

    Raises:
        ImportError: scipy is missing.
    """
    to_unit = to_template(landmarks)
    lab = to_lab(np.asarray(align(picture, to_unit, SIDE)))
    corners = to_unit.then(scaling(SIDE)).inverse(np.stack([_X, _Y], -1) * SIDE)
    inside = ((corners >= 0) & (corners <= picture.size)).all(-1)
    arch, sides = lab[ARCH & inside], lab[SIDES & inside]
    if len(arch) < MIN_VISIBLE * ARCH.sum():
        return None
    weights = np.array([LIGHTNESS, 1.0, 1.0])
    centres, labels = _clusters(arch * weights)
    sizes = np.bincount(labels, minlength=CLUSTERS)

    skin = np.median(lab[CHEEKS], 0) * weights
    is_skin = _distances(skin[None], centres)[0] < SKIN_DISTANCE
    in_arch, at_sides = (
        (_distances(pixels * weights, centres) < BACKGROUND_DISTANCE).sum(0) / max(1, len(pixels))
        for pixels in (arch, sides)
    )
    kept = (sizes > 0) & ~is_skin & (BACKGROUND_SHARE * at_sides <= in_arch)
    if not kept.any():
        return None
    first = centres[np.argmax(np.where(kept, sizes, 0))]
    hair = (kept & (_distances(first[None], centres)[0] < SAME_DISTANCE))[labels]
    return np.asarray(np.median(arch[hair], 0)) if hair.mean() >= MIN_SHARE else None


def _clusters(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """k-means from equal parts of the points by lightness: centres (CLUSTERS, 3) and labels (N,)."""
    from scipy.cluster.vq import kmeans2, vq  # of the extra `train`; `prepare` without hair does without

    parts = np.array_split(points[np.argsort(points[:, 0], kind="stable")], CLUSTERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a cluster may be empty, as in a picture of one colour
        centres, _ = kmeans2(points, np.stack([part.mean(0) for part in parts]), iter=ROUNDS, minit="matrix")
    labels, _ = vq(points, centres)
    return centres, labels


def _distances(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K) between points (N, 3) and centres (K, 3)."""
    return np.asarray(np.linalg.norm(points[:, None] - centres, axis=-1))
