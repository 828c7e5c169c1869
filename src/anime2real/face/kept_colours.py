"""Colours that a result keeps of its input: a person's irises those of the drawing, drawn skin that of the photograph.

Networks learn what is usual: brown eyes of people, paper-white skin of drawings. So the colours are read off the input
(`colours.py`) and given to the result, pixel by pixel: an iris is drawn anew under its highlights, skin keeps its
shading, highlights and lines stay. Where a colour is not found, on either side, the result stays as it is.
docs/try/kept-colours.js does the same.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.colours import Iris, eye_colour, iris_weight, irises, skin_tone
from anime2real.face.finder import default_finder, square_of
from anime2real.face.geometry import Points
from anime2real.face.heads import along_edges, face_and_hair
from anime2real.image.cielab import Lab, ciede2000, from_lab, to_lab
from anime2real.image.guided_filter import Plane, box_mean
from anime2real.session import Pixels

Picture = NDArray[np.uint8]
"""(S, S, 3), sRGB."""

SURE: Final = 0.5
"""Score of the landmark network below which a result is no face, whose eyes and skin are left alone."""

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

GREY: Final = (3.0, 7.0)
"""Chroma of photographed skin from which on a picture is not grey, and from which on it is surely not …"""

TINTED: Final = (45.0, 55.0)
"""… that up to which it is not of the colour of a lamp, and from which on it surely is …"""

REDDISH: Final = (-0.26, -0.09)
"""… and its b*, as a share of the chroma, below which it is a cloth's or a lamp's, and above which it is skin's."""

DARK: Final = (50.0, 60.0)
"""L* of a photograph's brightest places up to which its skin's is not known, and from which on it is."""

PLACES: Final = 32
"""Of a photograph, a side, that are looked at."""

PAPER: Final = 96.5
"""L* of drawn skin from which on it is not told from paper and the white of eyes."""

LIGHTER: Final = 6.0
"""L* by which drawn skin is lighter than the same skin photographed …"""

VIVIDER: Final = (1.1, 1.0, 34.0)
"""… and the factor and the addend by which its chroma is higher (on paper it would be grey), and the most of it …"""

WARM: Final = (55.0, 1 / 3)
"""… and the hue in degrees that it goes towards, and by which share of the way."""

NECK: Final = 2.0
"""Times as far, and one more, that the neck's colour may be from the face's, since it lies in its shadow."""

NEAR: Final = 7.5
"""ΔE₀₀ from the photographed skin at which drawn skin, on its way to that colour, may stay."""


def keep_colours(
    inputs: Pixels, results: Pixels, landmarks: NDArray[np.float64], to: Domain, *, threads: int = 1
) -> Pixels:
    """The results with the colours of their inputs: to `real` those of the irises, to `anime` that of the skin.

    Args:
        inputs: (N, S, S, 3), as the network saw them.
        results: (N, S, S, 3), what it made of them.
        landmarks: (N, 5, 2), of the faces in the inputs, in shares of the side.
        to: the results' domain.
        threads: results at a time.
    """
    keep = _with_irises if to == "real" else _with_skin

    def one(source: Picture, result: Picture, points: Points) -> Picture:
        return keep(source, result, points, located(result, points))

    each = inputs, results, landmarks * inputs.shape[1]
    if min(threads, len(results)) < 2:
        return np.array(list(map(one, *each)), np.uint8).reshape(results.shape)
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(one, *each)))


def located(result: Picture, points: Points) -> Points | None:
    """The landmarks (5, 2), px, of a result's face, None if there is none; those of its input are not the same.

    A person's eyes lie closer together than drawn ones.

    Args:
        result: of a picture with landmarks.
        points: these, (5, 2), px.
    """
    found, scores = default_finder(1).look(Image.fromarray(result), [square_of(points)])
    return found[0] if scores[0, 0] >= SURE else None


def _with_irises(drawing: Picture, result: Picture, points: Points, there: Points | None) -> Picture:
    if there is None or (skin := skin_tone(result, there)) is None:
        return result
    wanted, (left, right) = eye_colour(drawing, points, "anime"), irises(result, there, "real")
    if wanted is None or left is None or right is None or np.linalg.norm(left.colour - right.colour) > UNLIKE:
        return result  # a face with one eye of another colour would be taken for a real one
    changed = result.copy()
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
    across, below = _in_face(points, corner, width, height)
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


def _with_skin(photograph: Picture, result: Picture, points: Points, there: Points | None) -> Picture:
    tone = skin_tone(photograph, points)
    if there is None or tone is None or (known := _known(photograph, tone)) == 0:
        return result
    drawn = skin_tone(result, there)
    if drawn is None or drawn[0] >= PAPER:
        return result
    way = drawn + np.linspace(0, 1, 33)[:, None] * (_as_drawn(tone) - drawn)
    near = ciede2000(np.broadcast_to(tone, way.shape), way) <= NEAR
    own, wanted = from_lab(np.stack([drawn, way[near.argmax() if near.any() else -1]])).clip(5, 255)
    skin = along_edges(_skin(result, own / 255, there), result, 1, 1e-3)
    changed = np.rint(result * (1 + known * skin[..., None] * (wanted / own - 1))).clip(0, 255)
    return np.asarray(changed, np.uint8)


def _as_drawn(tone: Lab) -> Lab:
    """CIELAB (3,) of photographed skin as drawn skin has it."""
    factor, addend, most = VIVIDER
    chroma = min(factor * float(np.hypot(*tone[1:])) + addend, most)
    hue = np.degrees(np.arctan2(tone[2], tone[1]))
    hue = np.radians(hue + WARM[1] * (WARM[0] - hue))
    return np.array([tone[0] + LIGHTER, chroma * np.cos(hue), chroma * np.sin(hue)])


def _known(photograph: Picture, tone: Lab) -> float:
    """How surely a tone is that of skin, in [0, 1]: not in the dark, nor under a coloured lamp, nor that of a cloth."""
    places = to_lab(np.asarray(Image.fromarray(photograph).resize((PLACES, PLACES), Image.Resampling.BOX)))
    chroma = float(np.hypot(*tone[1:]))
    colourful, plain = _rising(chroma, GREY), 1 - _rising(chroma, TINTED)
    return colourful * plain * _rising(tone[2] / max(chroma, 1.0), REDDISH) * _rising(places[..., 0].max(), DARK)


def _rising(value: float, ends: tuple[float, float]) -> float:
    """From 0 at the first end to 1 at the second."""
    return float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1))


def _skin(drawing: Picture, colour: NDArray[np.float64], points: Points) -> NDArray[np.float32]:
    """Where a drawing shows skin, (64, 64) in [0, 1].

    Skin in shadow, and where it runs into a line, lies between its colour and black: what is near that ray is skin
    anywhere near the face. Inside the face blush and highlights are, too; white of eyes and teeth are not.

    Args:
        drawing: (S, S, 3) sRGB.
        colour: (3,), of its skin, sRGB in [0, 1].
        points: (5, 2), landmarks, px.
    """
    ((face, hair),) = ((face_and_hair(drawing[None]) - 0.3) / 0.4).clip(0, 1)
    small = Image.fromarray(drawing).resize(face.shape, Image.Resampling.BOX)
    rgb = np.asarray(small, np.float32) / 255
    light = rgb @ (colour / (colour @ colour)).astype(np.float32)
    off = np.linalg.norm(rgb - light[..., None] * colour, axis=-1)
    saturation = np.ptp(rgb, -1) / rgb.max(-1).clip(0.05)
    white = ((0.5 - saturation / max(np.ptp(colour) / colour.max(), 0.04)) / 0.3).clip(0, 1)
    x, y = _in_face(points * len(face) / len(drawing), (0, 0), *face.shape)
    x = abs(x)
    eyes = (1 - ((x - 0.5) / 0.34) ** 2 - ((y - 0.02) / 0.28) ** 2) / 0.3
    mouth = (1 - (x / 0.42) ** 2 - ((y - 0.9) / 0.22) ** 2) / 0.3
    near = ((1.15 - (x / 1.6) ** 2 - ((y - 0.6) / 2.0) ** 2) / 0.3).clip(0, 1) * (y > -0.9)
    inside = np.exp(-((off / 0.2) ** 4)) * (1 - np.maximum(eyes, mouth).clip(0, 1) * white)
    off = off / (1 + NECK * ((y - 1.1) / 0.3).clip(0, 1) * ((1.1 - x) / 0.3).clip(0, 1))
    alike = np.exp(-((off / 0.05) ** 2)) * ((light - 0.35) / 0.2).clip(0, 1) * (light < 1.04)
    return np.asarray(np.maximum(inside * face, alike * near * (1 - hair) * (1 - face)), np.float32)


def _in_face(points: Points, corner: tuple[int, int], width: int, height: int) -> tuple[Plane, Plane]:
    """Where the pixels of a part of a picture lie in its face's frame, x and y, (height, width), in eye distances.

    Args:
        points: (5, 2), landmarks, px of the picture.
        corner: x and y of the part's first pixel.
        width, height: of the part, px.
    """
    along = points[1] - points[0]
    x, y = corner - points[:2].mean(0) + 0.5
    dx, dy = x + np.arange(width)[None], y + np.arange(height)[:, None]
    length = along @ along
    return (dx * along[0] + dy * along[1]) / length, (dy * along[0] - dx * along[1]) / length
