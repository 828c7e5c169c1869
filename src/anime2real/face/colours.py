"""The colours of a face's irises and skin, in CIELAB, by its landmarks.

Pixels are looked up in the face's own frame: from the middle between the eyes, x along the eye line, both in eye
distances. What lies in an iris's place counts as iris by how far it is from the skin's colour, unless it is as white
as the eyeball or a highlight, or as black as a pupil or an outline. Skin is what is near the median of patches on the
cheeks and the bridge of the nose. `train/face_colours.py` does the same in torch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.geometry import Points
from anime2real.image.cielab import Lab, to_lab

IRIS: Final[dict[Domain, tuple[float, float]]] = {"anime": (0.115, 0.15), "real": (0.085, 0.065)}
"""Half the width and half the height of the visible iris, in eye distances."""

SIGHT: Final = 0.08
"""Eye distances to either side of the landmark within which the middle of an iris is looked for."""

GRID: Final = 25
"""Places a side that are looked at around an eye …"""

SKIN_GRID: Final = 9
"""… and in each patch of skin."""

PATCHES: Final = ((-0.42, 0.5), (0.42, 0.5), (0.0, 0.22))
"""Middles of the patches of skin: cheeks and the bridge of the nose."""

PATCH: Final = 0.1
"""Half the side of a patch."""

SKIN_DISTANCE: Final = 10.0
"""ΔE by which a pixel differs from the skin to count half as something else."""

MIN_DISTANCE: Final = 0.18
"""Shares of the picture's side that the eyes are apart at least: below it the face is small or in profile."""

MIN_IRIS: Final = 0.15
"""Share of an iris's place below which it is hidden."""


@dataclass(frozen=True)
class Iris:
    """An iris that shows.

    Attributes:
        colour: CIELAB (3,), its mean.
        middle: x of its middle in the face's frame, from the middle between the eyes, in eye distances.
    """

    colour: Lab
    middle: float


def skin_tone(picture: NDArray[np.uint8], landmarks: Points) -> Lab | None:
    """CIELAB (3,) of the skin; None for a face that is small or in profile.

    Args:
        picture: (S, S, 3) sRGB.
        landmarks: (5, 2), px.
    """
    if not _frontal(picture, landmarks):
        return None
    offsets = np.linspace(-PATCH, PATCH, SKIN_GRID)
    across, down = np.meshgrid(offsets, offsets)
    patch = np.stack([across, down], -1).reshape(-1, 2)
    return _usual(to_lab(_at(picture, landmarks, np.concatenate([patch + middle for middle in PATCHES]))))


def eye_colour(picture: NDArray[np.uint8], landmarks: Points, domain: Domain) -> Lab | None:
    """CIELAB (3,) of the irises, the mean of those that show; None where none does, or skin is not found.

    Closed eyes are the caller's to leave out: their lids are of the skin's colour, their lashes are not.

    Args:
        picture: (S, S, 3) sRGB.
        landmarks: (5, 2), px.
        domain: drawn or photographed, which have irises of different sizes.
    """
    colours = [iris.colour for iris in irises(picture, landmarks, domain) if iris]
    return np.mean(colours, 0) if colours else None


def irises(picture: NDArray[np.uint8], landmarks: Points, domain: Domain) -> tuple[Iris | None, Iris | None]:
    """The irises at the landmarks of the eyes, None where one does not show; arguments as of `eye_colour`."""
    skin = skin_tone(picture, landmarks)
    if skin is None:
        return None, None
    return _iris(picture, landmarks, -0.5, IRIS[domain], skin), _iris(picture, landmarks, 0.5, IRIS[domain], skin)


def _frontal(picture: NDArray[np.uint8], landmarks: Points) -> bool:
    apart = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    return bool(apart >= MIN_DISTANCE * picture.shape[1])


def _at(picture: NDArray[np.uint8], landmarks: Points, places: Points) -> NDArray[np.float64]:
    """sRGB (K, 3) at places (K, 2) of the face's frame, between pixels; beyond the edge as on it."""
    along = landmarks[1] - landmarks[0]
    frame = np.array([along, [-along[1], along[0]]])
    points = (landmarks[0] + landmarks[1]) / 2 + places @ frame - 0.5
    height, width = picture.shape[:2]
    x, y = points[:, 0].clip(0, width - 1), points[:, 1].clip(0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    right, low = (x - left)[:, None], (y - top)[:, None]
    upper = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    lower = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    return np.asarray(upper * (1 - low) + lower * low)


def _usual(lab: Lab) -> Lab:
    """The mean (3,) of colours (K, 3) that are near their median."""
    near = np.exp(-(((lab - np.median(lab, 0)) / SKIN_DISTANCE) ** 2).sum(1))[:, None]
    return np.asarray((lab * near).sum(0) / near.sum())


def _iris(
    picture: NDArray[np.uint8], landmarks: Points, eye: float, half: tuple[float, float], skin: Lab
) -> Iris | None:
    """An iris whose landmark lies at x = `eye` of the face's frame."""
    width, height = half
    across, down = np.meshgrid(np.linspace(-1, 1, GRID), np.linspace(-1, 1, GRID))
    reach = width + SIGHT
    wide = np.stack([eye + reach * across, height * down], -1).reshape(-1, 2)
    # Its middle is that of what is dark.
    dark = (skin[0] - to_lab(_at(picture, landmarks, wide))[:, 0]).clip(0) + 1.0
    middle = float(np.clip((dark**2 * wide[:, 0]).sum() / (dark**2).sum(), eye - SIGHT, eye + SIGHT))
    inside = (across**2 + down**2 <= 1).reshape(-1)
    places = np.stack([middle + width * across, height * down], -1).reshape(-1, 2)[inside]
    lab = to_lab(_at(picture, landmarks, places))
    weight = iris_weight(lab, skin)
    return Iris((lab * weight[:, None]).sum(0) / weight.sum(), middle) if weight.mean() >= MIN_IRIS else None


def iris_weight(lab: Lab, skin: Lab) -> NDArray[np.float64]:
    """How much each colour (…, 3) may be an iris's, (…) in [0, 1]: not skin, not white, less so if black."""
    apart = (((lab - skin) / SKIN_DISTANCE) ** 2).sum(-1)
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    white = _above(light, 65, 4) * _above(15 - chroma, 0, 3)
    black = _above(16 - light, 0, 3) * _above(12 - chroma, 0, 3)
    return np.asarray(apart / (apart + 1) * (1 - white) * (1 - 0.8 * black))


def _above(values: NDArray[np.float64], threshold: float, spread: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-(values - threshold) / spread)))
