"""Irises: their colours, read off a face by its landmarks, and a person's irises in the colours that are drawn.

What lies in an iris's place counts as iris by how far it is from the skin's colour, unless it is as white as the
eyeball or a highlight, or as black as a pupil or an outline. Networks learn brown eyes of people; so a person's irises
are drawn anew in the colour of the drawing's, under their highlights. docs/try/colours.js and kept-colours.js do the
same; `train/face_colours.py` reads the colours in torch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.geometry import Points
from anime2real.face.skin import SKIN_DISTANCE, Picture, colours_at, places_in_face, skin_tone
from anime2real.image.cielab import Lab, from_lab, to_lab
from anime2real.image.guided_filter import box_mean

IRIS: Final[dict[Domain, tuple[float, float]]] = {"anime": (0.115, 0.15), "real": (0.085, 0.065)}
"""Half the width and half the height of the visible iris, in eye distances."""

SIGHT: Final = 0.08
"""Eye distances to either side of the landmark within which the middle of an iris is looked for."""

GRID: Final = 25
"""Places a side that are looked at around an eye."""

MIN_IRIS: Final = 0.15
"""Share of an iris's place below which it is hidden."""


RADIUS: Final = 0.092
"""Of a photographed iris, in eye distances …"""

OPENING: Final = 0.065
"""… and half of how far lids are apart."""

SOFT: Final = 0.15
"""Share of these over which a recoloured iris fades out."""

LID: Final = 12.0
"""Distance in a* and b* at which skin in shadow is skin by a third."""

UNLIKE: Final = 14.0
"""Distance between both irises' colours from which on one of them is taken for something else: both stay."""

VIVID: Final = 36.0
"""Chroma that a redrawn iris has at most …"""

DEEP: Final = 1.0
"""… and as a share of its L*."""

TEXTURE: Final = 0.15
"""Share of the iris's own differences in chroma that stays …"""

PATTERN: Final = 0.2
"""… and of those in light: networks draw crosses and second pupils there."""

HIGHLIGHT: Final = 65.0
"""L* from which on what lies on an iris is a highlight, which stays."""

PUPIL: Final = 0.42 * RADIUS
"""Radius of a pupil, in eye distances …"""

BLACK: Final = 0.3
"""… and its light, as a share of the iris's."""

RING: Final = 0.25
"""Share by which an iris is darker at its rim."""

LIFT: Final = 1.3
"""Share of the way to the drawn iris's lightness that a person's goes: more than all of it, for pupil and rim …"""

REACH: Final = 34.0
"""… and L* by which it moves at most."""


@dataclass(frozen=True)
class Iris:
    """An iris that shows.

    Attributes:
        colour: CIELAB (3,), its mean.
        middle: x of its middle in the face's frame, from the middle between the eyes, in eye distances.
    """

    colour: Lab
    middle: float


def eye_colour(picture: Picture, landmarks: Points, domain: Domain) -> Lab | None:
    """CIELAB (3,) of the irises, the mean of those that show; None where none does, or skin is not found.

    Closed eyes are the caller's to leave out: their lids are of the skin's colour, their lashes are not.

    Args:
        picture: (S, S, 3) sRGB.
        landmarks: (5, 2), px.
        domain: drawn or photographed, which have irises of different sizes.
    """
    colours = [iris.colour for iris in irises(picture, landmarks, domain) if iris]
    return np.mean(colours, 0) if colours else None


def irises(picture: Picture, landmarks: Points, domain: Domain) -> tuple[Iris | None, Iris | None]:
    """The irises at the landmarks of the eyes, None where one does not show; arguments as of `eye_colour`."""
    skin = skin_tone(picture, landmarks)
    if skin is None:
        return None, None
    return _iris(picture, landmarks, -0.5, IRIS[domain], skin), _iris(picture, landmarks, 0.5, IRIS[domain], skin)


def _iris(picture: Picture, landmarks: Points, eye: float, half: tuple[float, float], skin: Lab) -> Iris | None:
    """An iris whose landmark lies at x = `eye` of the face's frame."""
    width, height = half
    across, down = np.meshgrid(np.linspace(-1, 1, GRID), np.linspace(-1, 1, GRID))
    reach = width + SIGHT
    wide = np.stack([eye + reach * across, height * down], -1).reshape(-1, 2)
    # Its middle is that of what is dark.
    dark = (skin[0] - to_lab(colours_at(picture, landmarks, wide))[:, 0]).clip(0) + 1.0
    middle = float(np.clip((dark**2 * wide[:, 0]).sum() / (dark**2).sum(), eye - SIGHT, eye + SIGHT))
    inside = (across**2 + down**2 <= 1).reshape(-1)
    places = np.stack([middle + width * across, height * down], -1).reshape(-1, 2)[inside]
    lab = to_lab(colours_at(picture, landmarks, places))
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


def keep_irises(drawing: Picture, points: Points, person: Picture, there: Points) -> Picture:
    """A person with irises in the colour of the drawing's; as it is where either are not found.

    Args:
        drawing, points: it and its landmarks, (5, 2), px.
        person, there: what was made of it, and its landmarks.
    """
    if (skin := skin_tone(person, there)) is None:
        return person
    wanted, (left, right) = eye_colour(drawing, points, "anime"), irises(person, there, "real")
    if wanted is None or left is None or right is None or np.linalg.norm(left.colour - right.colour) > UNLIKE:
        return person  # a face with one eye of another colour would be taken for a real one
    changed = person.copy()
    for iris in (left, right):
        _redraw(changed, iris, wanted, skin, there)
    return changed


def _redraw(picture: Picture, iris: Iris, wanted: Lab, skin: Lab, points: Points) -> None:
    """Draw an iris in another colour, in place: evenly, with one round pupil, under the light that falls on it."""
    along = points[1] - points[0]
    apart = float(np.linalg.norm(along))
    x, y = points[:2].mean(0) + iris.middle * along
    reach = RADIUS * apart + 2
    rows, columns = (slice(max(0, int(at - reach)), max(0, int(at + reach) + 2)) for at in (y, x))
    window = picture[rows, columns].astype(np.float64)
    if not window.size:
        return
    lab = to_lab(window)
    corner, (height, width) = (columns.start, rows.start), window.shape[:2]
    across, below = places_in_face(points, corner, width, height)
    across = across - iris.middle
    away = np.hypot(across, below) / RADIUS
    # Pixel by pixel it is speckled; an iris has no holes.
    weight = box_mean(iris_weight(lab, skin) * (1 - _lid(lab, skin)), 1)
    middle = weight * (away < 1.1) * (abs(across) < 0.6 * RADIUS) * (lab[..., 0] < HIGHLIGHT)
    off = [float((middle * at).sum() / max(middle.sum(), 1e-6)) for at in (across, below)]
    pupil = (1 - np.hypot(across - np.clip(off[0], -0.02, 0.02), below - np.clip(off[1], -0.03, 0.03)) / PUPIL) / 0.5
    drawn = from_lab(_as_iris(lab, iris.colour, wanted, away, pupil.clip(0, 1)[..., None]))
    disc = np.minimum(1 - away, 1 - abs(below) / OPENING) / SOFT
    opacity = disc.clip(0, 1) * weight.clip(0, 0.8) / 0.8
    picture[rows, columns] = np.rint(window + opacity[..., None] * (drawn - window))


def _lid(lab: Lab, skin: Lab) -> NDArray[np.float64]:
    """Where colours are skin in the shadow of a brow: as coloured as skin, half as light."""
    shade = 1 / (1 + np.exp(-(lab[..., 0] / max(skin[0], 1.0) - 0.5) / 0.04))
    return np.asarray(shade * np.exp(-((lab[..., 1:] - skin[1:]) ** 2).sum(-1) / LID**2))


def _as_iris(lab: Lab, own: Lab, wanted: Lab, away: NDArray[np.float64], pupil: NDArray[np.float64]) -> Lab:
    """Colours (H, W, 3) as if what has the colour `own` (3,) were an iris of the colour `wanted`.

    Args:
        lab: CIELAB.
        own, wanted: (3,), CIELAB.
        away: (H, W), how far pixels are from the middle, in radii.
        pupil: (H, W, 1), how far they lie in the pupil, in [0, 1].
    """
    mean = max(own[0], 4.0)
    new_mean = mean + np.clip(LIFT * (wanted[0] - mean), -REACH, REACH)
    # In less light a colour is less vivid.
    vivid = float(np.hypot(*wanted[1:]))
    most = min(VIVID, DEEP * new_mean, vivid * new_mean / max(wanted[0], 4.0))
    colour = wanted[1:] * min(most / max(vivid, 1.0), 1.0)
    light = lab[..., :1]
    even = box_mean(box_mean(light[..., 0], 1), 1)[..., None]
    drawn = even * new_mean / mean + PATTERN * min(new_mean / mean, 1.0) * (light - even)
    drawn = drawn * (1 - RING * ((away[..., None] - 0.75) / 0.2).clip(0, 1)) * (1 - (1 - BLACK) * pupil)
    # Colour belongs to what is as light as the iris; a highlight stays white.
    depth = (even / mean).clip(0, 1) * ((95 - light) / 30).clip(0, 1)
    chroma = (colour * depth + TEXTURE * (lab[..., 1:] - own[1:])) * (1 - 0.7 * pupil)
    return np.concatenate([np.where(light > HIGHLIGHT, light, drawn.clip(0, 97)), chroma], -1)
