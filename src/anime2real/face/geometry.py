"""A face and where it lies: similarity transforms between a picture and a crop, pure functions of numbers.

Points are (…, 2), x then y, y down, in px with pixel centres at whole numbers + 0.5, or in shares of a crop's side.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.fill import fill_quietly
from anime2real.image.picture import Picture
from anime2real.image.warp import warped_picture

Points = NDArray[np.float64]
Size = tuple[int, int]
Beyond = Literal["quiet", "mirror", "edge"]
"""How a picture is continued beyond its edge, as `align` says."""

TEMPLATE: Final[Points] = np.array([[0.352, 0.476], [0.648, 0.476], [0.5, 0.621], [0.413, 0.723], [0.587, 0.723]])
"""Where the five landmarks lie in an aligned crop, in shares of its side.

The mean of the mean face in FFHQ's framing and of the mean drawn face, fitted to it. Both domains share it, because a
translator learns to zoom if their crops differ.
"""

UNIT_SQUARE: Final[Points] = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
"""Its corners."""

LONG: Final = 2.5
"""A picture that is longer than so many times its shorter side is searched for faces in windows, too."""

SWAPPED: Final = (1, 0, 2, 4, 3)
"""The order of the landmarks in the mirrored picture."""


@dataclass(frozen=True)
class Similarity:
    """p ↦ linear · p + shift, with points taken as complex numbers x + iy: it turns, scales and moves.

    Attributes:
        linear: its modulus is the scale, its argument the turn (radians, clockwise on screen).
        shift: where the origin goes.
    """

    linear: complex
    shift: complex

    def __call__(self, points: Points) -> Points:
        """Move points (…, 2)."""
        moved = (points[..., 0] + 1j * points[..., 1]) * self.linear + self.shift
        return np.stack([moved.real, moved.imag], axis=-1)

    @property
    def inverse(self) -> "Similarity":
        """The similarity that undoes it."""
        return Similarity(1 / self.linear, -self.shift / self.linear)

    @property
    def scale(self) -> float:
        """The factor by which it scales lengths."""
        return abs(self.linear)

    @property
    def angle(self) -> float:
        """Radians in (-π, π], positive clockwise on screen."""
        return math.atan2(self.linear.imag, self.linear.real)

    def then(self, other: "Similarity") -> "Similarity":
        """This one first, then `other`."""
        return Similarity(other.linear * self.linear, other.linear * self.shift + other.shift)

    def matrix(self) -> NDArray[np.float64]:
        """(2, 3), for points as columns (x, y, 1)."""
        a, b = self.linear.real, self.linear.imag
        return np.array([[a, -b, self.shift.real], [b, a, self.shift.imag]])


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        landmarks: (5, 2), px of the picture, x then y, pixel centres at whole numbers + 0.5: the eye on the left of the
            face when it is upright, the other eye, the nose, the mouth corner on the left, the other one.
        domain: drawn or photographed.
        score: in [0, 1], how sure it is that this is a face.
    """

    landmarks: NDArray[np.float64]
    domain: Domain
    score: float

    @property
    def tilt(self) -> float:
        """Radians, the eye line against the horizontal, positive clockwise on screen."""
        return tilt_of(self.landmarks)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in px, of the upright square that its crop covers if it is not tilted."""
        crop = self.crop
        x, y = crop.inverse(np.array([[0.5, 0.5]]))[0]
        half = 0.5 / crop.scale
        return float(x - half), float(y - half), float(x + half), float(y + half)

    @property
    def crop(self) -> Similarity:
        """From px of the picture to the unit square of the aligned crop."""
        return to_template(self.landmarks)

    def as_record(self) -> dict[str, Any]:
        """For JSON: box, landmarks, tilt_degrees, domain, score."""
        return {
            "box": [round(v, 1) for v in self.box],
            "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in self.landmarks],
            "tilt_degrees": round(float(np.degrees(self.tilt)), 2),
            "domain": self.domain,
            "score": round(self.score, 4),
        }


def scaling(factor: float) -> Similarity:
    """p ↦ factor · p."""
    return Similarity(complex(factor), 0j)


def around(centre: tuple[float, float], side: float, angle: float = 0.0) -> Similarity:
    """To the unit square of a crop: `centre` to its middle, `side` to 1; what is tilted by `angle` becomes upright."""
    linear = complex(math.cos(-angle), math.sin(-angle)) / side
    return Similarity(linear, complex(0.5, 0.5) - linear * complex(*centre))


def closer(to_unit: Similarity, share: float) -> Similarity:
    """To the unit square of the crop with the same middle whose side is `share` of the other's."""
    middle = complex(0.5, 0.5)
    return Similarity(to_unit.linear / share, (to_unit.shift - middle) / share + middle)


def fit(source: Points, target: Points) -> Similarity:
    """The similarity, without mirroring, that takes (K, 2) points nearest to others in the least-squares sense.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991; in the plane and
    without reflections it is one division of complex numbers.

    Raises:
        ValueError: if all source points are one.
    """
    p, q = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    p_mean, q_mean = p.mean(), q.mean()
    spread = float((abs(p - p_mean) ** 2).sum())
    if spread <= 0:
        raise ValueError("the points to fit lie all in one place")
    linear = complex(((q - q_mean) * np.conj(p - p_mean)).sum() / spread)
    return Similarity(linear, complex(q_mean - linear * p_mean))


def to_template(landmarks: Points) -> Similarity:
    """From px of a picture to the unit square of the aligned crop, in which landmarks (5, 2) lie near `TEMPLATE`.

    The turn is that of the eye line exactly, so that the crop's tilt is zero; place and scale fit all five points.
    """
    upright = around((0.0, 0.0), 1.0, tilt_of(landmarks))
    turned = upright(landmarks)
    centred, wanted = turned - turned.mean(0), TEMPLATE - TEMPLATE.mean(0)
    scale = float((centred * wanted).sum() / (centred**2).sum())
    shift = TEMPLATE.mean(0) - scale * turned.mean(0)
    return upright.then(Similarity(complex(scale), complex(*shift)))


def upright(to_unit: Similarity) -> Similarity:
    """The crop with the same middle and side that is not turned, so that it keeps the tilt of the face."""
    x, y = to_unit.inverse(np.array([0.5, 0.5]))
    return around((float(x), float(y)), 1 / to_unit.scale)


def tilt_of(landmarks: Points) -> float:
    """Radians in (-π, π]: the eye line of landmarks (5, 2) against the horizontal, positive clockwise on screen."""
    across = landmarks[1] - landmarks[0]
    return math.atan2(float(across[1]), float(across[0]))


def mirror(landmarks: Points, width: float) -> Points:
    """Landmarks (5, 2) in the mirrored picture of a width, left and right exchanged."""
    mirrored = landmarks[list(SWAPPED)].copy()
    mirrored[:, 0] = width - mirrored[:, 0]
    return mirrored


def align(
    image: Picture, to_unit: Similarity, side: int, *, beyond: Beyond = "quiet", linear: bool = False
) -> Image.Image:
    """The crop (side, side) that a similarity from px to the unit square cuts out.

    A crop much smaller than what it shows is taken from a reduced picture, so that nothing aliases.

    Args:
        image: RGB.
        to_unit: from px of the picture to the unit square.
        side: px.
        beyond: how the picture is continued beyond its edge: `quiet`, by its mirror image, which soon fades into soft
            colours (`fill_quietly`), so that a translator sees no second face and no streaks; `mirror`, by that image
            alone; or `edge`, by repeating the edge, which is how the networks that find and label faces have learned.
        linear: resample by `image.warp`, in half of the time; crops of packs, and of pictures, are cubic.
    """
    place = to_unit.then(scaling(side))  # px of the picture to px of the crop
    left, top, right, bottom = extent(place.inverse, (side, side), image.size, margin=4.0 / min(1.0, place.scale))
    part = image.crop((left, top, right, bottom))
    back = place.inverse.then(Similarity(1 + 0j, complex(-left, -top)))
    factor = int(1.0 / place.scale)
    if factor > 1:
        part = part.reduce(factor)
        back = back.then(scaling(1 / factor))
    padded, offset = _continued(part, back, side, beyond)
    matrix, size = back.then(Similarity(1 + 0j, complex(*offset))).matrix(), (side, side)
    how = Image.Transform.AFFINE, tuple(matrix.flatten()), Image.Resampling.BICUBIC
    crop = warped_picture(padded, matrix, size) if linear else padded.transform(size, *how)
    corners = to_unit.inverse(UNIT_SQUARE)
    inside = (corners >= 0).all() and (corners <= image.size).all()
    return crop if beyond != "quiet" or inside else fill_quietly(crop, lambda n: _beyond(to_unit, image.size, n))


def square(image: Image.Image, px: int, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """The centre square of a picture in RGB, resampled to px by px, with Lanczos if not told otherwise."""
    left, top, side = centre_box(*image.size)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb.resize((px, px), resample, box=(left, top, left + side, top + side))


def centre_box(width: int, height: int) -> tuple[int, int, int]:
    """Left, top and side, in pixels, of the largest square in the middle."""
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side


def extent(to_picture: Similarity, crop: Size, size: Size, margin: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, whole px, of what a crop covers of a picture, with a margin; at least one px."""
    corners = to_picture(UNIT_SQUARE * crop)
    low, high = corners.min(0) - margin, corners.max(0) + margin
    left, top = (min(max(0, math.floor(v)), s - 1) for v, s in zip(low, size, strict=True))
    right, bottom = (max(min(s, math.ceil(v)), o + 1) for v, s, o in zip(high, size, (left, top), strict=True))
    return left, top, right, bottom


def windows(size: Size, least: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the windows, px, in which a long picture is searched beside the whole of it.

    Strips and panoramas are reduced so far that small faces are lost. Windows are `LONG` times as long as wide and
    overlap by half the width; what is larger than that is large enough in the whole picture.
    """
    shorter, longer = sorted(size)
    length = max(round(LONG * shorter), least)
    if longer <= length:
        return
    count = -(-(longer - length) // max(1, length - shorter // 2)) + 1
    for k in range(count):
        start = round(k * (longer - length) / (count - 1))
        yield (start, 0, start + length, shorter) if size[0] == longer else (0, start, shorter, start + length)


def _beyond(to_unit: Similarity, size: tuple[int, int], n: int) -> NDArray[np.float32]:
    """How far each of (n, n) places of a crop lies beyond its picture, shares of the crop's side; at most 0 inside."""
    back = to_unit.inverse
    places = (np.arange(n) + 0.5) / n
    a, b = back.linear.real * places, back.linear.imag * places
    x = (a + back.shift.real)[None, :] - b[:, None]
    y = (b + back.shift.imag)[None, :] + a[:, None]
    outside = np.maximum(np.maximum(-x, x - size[0]), np.maximum(-y, y - size[1]))
    return (outside * to_unit.scale).astype(np.float32)


def _continued(part: Image.Image, back: Similarity, side: int, beyond: Beyond) -> tuple[Image.Image, tuple[int, int]]:
    """The part of a picture continued as far as the crop reaches beyond it, and by how much that moved it, px."""
    corners = back(side * UNIT_SQUARE)
    before = np.ceil(np.maximum(0, 3 - corners.min(0))).astype(int)
    after = np.ceil(np.maximum(0, corners.max(0) + 3 - np.array(part.size))).astype(int)
    if not before.any() and not after.any():
        return part, (0, 0)
    widths = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    pixels = np.pad(np.asarray(part), widths, "edge" if beyond == "edge" else "symmetric")
    return Image.fromarray(pixels), (int(before[0]), int(before[1]))
