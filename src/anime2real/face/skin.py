"""Skin: its colour, read off a face by its landmarks, and a drawing's skin in the colour that is photographed.

Skin is what is near the median of patches on the cheeks and the bridge of the nose, which are looked up in the face's
own frame: from the middle between the eyes, x along the eye line, both in eye distances. Networks learn paper-white
skin of drawings; so it gets the photograph's tone, pixel by pixel, and keeps its shading, highlights and lines.
docs/try/colours.js and kept-colours.js do the same; `train/face_colours.py` reads the colour in torch.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Points
from anime2real.face.heads import face_and_hair
from anime2real.image.cielab import Lab, ciede2000, from_lab, to_lab
from anime2real.image.guided_filter import along_edges

Picture = NDArray[np.uint8]
"""(S, S, 3), sRGB."""

Plane = NDArray[np.float64]

SKIN_GRID: Final = 9
"""Places a side that are looked at in each patch of skin."""

PATCHES: Final = ((-0.42, 0.5), (0.42, 0.5), (0.0, 0.22))
"""Middles of the patches of skin: cheeks and the bridge of the nose."""

PATCH: Final = 0.1
"""Half the side of a patch."""

SKIN_DISTANCE: Final = 10.0
"""ΔE by which a pixel differs from the skin to count half as something else."""

MIN_DISTANCE: Final = 0.18
"""Shares of the picture's side that the eyes are apart at least: below it the face is small or in profile."""

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


def skin_tone(picture: Picture, landmarks: Points) -> Lab | None:
    """CIELAB (3,) of the skin; None for a face that is small or in profile.

    Args:
        picture: (S, S, 3) sRGB.
        landmarks: (5, 2), px.
    """
    if np.linalg.norm(landmarks[1] - landmarks[0]) < MIN_DISTANCE * picture.shape[1]:
        return None
    offsets = np.linspace(-PATCH, PATCH, SKIN_GRID)
    across, down = np.meshgrid(offsets, offsets)
    patch = np.stack([across, down], -1).reshape(-1, 2)
    lab = to_lab(colours_at(picture, landmarks, np.concatenate([patch + middle for middle in PATCHES])))
    near = np.exp(-(((lab - np.median(lab, 0)) / SKIN_DISTANCE) ** 2).sum(1))[:, None]
    return np.asarray((lab * near).sum(0) / near.sum())


def keep_skin(photograph: Picture, points: Points, drawing: Picture, there: Points) -> Picture:
    """A drawing with its skin in the photograph's tone; as it is where either is not found, or need not be skin's.

    Args:
        photograph, points: it and its landmarks, (5, 2), px.
        drawing, there: what was drawn of it, and its landmarks.
    """
    tone = skin_tone(photograph, points)
    if tone is None or (known := _known(photograph, tone)) == 0:
        return drawing
    drawn = skin_tone(drawing, there)
    if drawn is None or drawn[0] >= PAPER:
        return drawing
    way = drawn + np.linspace(0, 1, 33)[:, None] * (_as_drawn(tone) - drawn)
    near = ciede2000(np.broadcast_to(tone, way.shape), way) <= NEAR
    own, wanted = from_lab(np.stack([drawn, way[near.argmax() if near.any() else -1]])).clip(5, 255)
    skin = along_edges(_skin(drawing, own / 255, there), drawing, 1, 1e-3)
    changed = np.rint(drawing * (1 + known * skin[..., None] * (wanted / own - 1))).clip(0, 255)
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
    x, y = places_in_face(points * len(face) / len(drawing), (0, 0), *face.shape)
    x = abs(x)
    eyes = (1 - ((x - 0.5) / 0.34) ** 2 - ((y - 0.02) / 0.28) ** 2) / 0.3
    mouth = (1 - (x / 0.42) ** 2 - ((y - 0.9) / 0.22) ** 2) / 0.3
    near = ((1.15 - (x / 1.6) ** 2 - ((y - 0.6) / 2.0) ** 2) / 0.3).clip(0, 1) * (y > -0.9)
    inside = np.exp(-((off / 0.2) ** 4)) * (1 - np.maximum(eyes, mouth).clip(0, 1) * white)
    off = off / (1 + NECK * ((y - 1.1) / 0.3).clip(0, 1) * ((1.1 - x) / 0.3).clip(0, 1))
    alike = np.exp(-((off / 0.05) ** 2)) * ((light - 0.35) / 0.2).clip(0, 1) * (light < 1.04)
    return np.asarray(np.maximum(inside * face, alike * near * (1 - hair) * (1 - face)), np.float32)


def colours_at(picture: Picture, landmarks: Points, places: Points) -> NDArray[np.float64]:
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


def places_in_face(points: Points, corner: tuple[int, int], width: int, height: int) -> tuple[Plane, Plane]:
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
