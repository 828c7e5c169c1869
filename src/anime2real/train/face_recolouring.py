"""Irises recoloured in photographs and skin in drawings, for discriminators to take such for real.

No photograph has purple eyes and few drawings have dark skin, so a result that keeps them would be called fake. As
with hair (`hair_recolouring.py`) the real set shows them: irises in colours of drawn ones, texture, pupil and
highlights kept; drawn skin in tones of photographed skin, shading and lines kept. Everything runs on the device,
without gradients and without a look by the host.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.face.irises import LID, OPENING, RADIUS, SOFT, UNLIKE
from anime2real.face.skin import PAPER
from anime2real.train.face_colours import EYES, Irises, iris_colours, iris_weight, skin_colour
from anime2real.train.face_frame import places_of
from anime2real.train.hair_recolouring import lab_to_rgb, rgb_to_lab

VIVID: Final = 42.0
"""Chroma that a recoloured iris has at most."""

TEXTURE: Final = 0.5
"""Share of the iris's own differences in chroma that stays."""

LIFT: Final = 0.7
"""Share of the way to the colour's lightness that an iris's mean goes …"""

REACH: Final = 14.0
"""… and L* by which it moves at most."""

LIKE_SKIN: Final = 9.0
"""Distance in a*, b* and half of L* at which a drawing's pixel is skin by a third."""

FACE: Final = (1.5, 1.9)
"""Half the width and half the height, in eye distances, of where a drawing's skin is looked for."""

FLAT: Final = 0.75
"""Share of the inner face that is of the skin's colour, below which a drawing is painted rather than filled: recoloured
it would be patchy."""

SHADED: Final = 26.0
"""Distance, as above, at which blush, shadow and highlights inside the face are skin by a third."""

GREY: Final = 5.0
"""Chroma below which a tone is that of a grey photograph: the darkest skin has 13."""


def recoloured_irises(image: Tensor, landmarks: Tensor, colours: Irises, strength: Tensor) -> Tensor:
    """Photographs with their irises in the colours of others.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1].
        colours: those of N drawings; of each the mean of the irises that show is taken.
        strength: (N,) in [0, 1]; 0 leaves a picture as it is.

    Returns:
        (N, 3, S, S) in [-1, 1], bit-equal to `image` outside irises, where one of the two is hidden or in
        shadow, since a face with one blue eye would be taken for a real one, and where the drawing's are hidden.
    """
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        picture = image.float()
        own = iris_colours(picture, landmarks, "real")
        shown = colours.seen.sum(1)
        wanted = (colours.colour * colours.seen[..., None]).sum(1) / shown.clamp_min(1)[:, None]
        skin, _ = skin_colour(picture, landmarks)
        places, lab = places_of(landmarks, image.shape[-1]), rgb_to_lab(picture)
        # Pixel by pixel it is speckled; an iris has no holes.
        weight = F.avg_pool2d(iris_weight(lab, skin) * (1 - _lid(lab, skin)), 3, 1, 1)
        unlike = torch.linalg.vector_norm(own.colour[:, 0] - own.colour[:, 1], dim=1)
        strength = strength * own.seen.amin(1) * (unlike < UNLIKE) * (shown > 0)
        opacity, changed = torch.zeros_like(weight), torch.zeros_like(lab)
        for eye in range(len(EYES)):
            disc = _disc(places, own.middle[:, eye])
            one = disc * weight.clamp_max(0.8) / 0.8 * strength[:, None, None, None]
            changed = torch.where(disc > 0, _iris(lab, own.colour[:, eye], wanted), changed)
            opacity = torch.maximum(opacity, one)
        return _blended(image, picture, lab_to_rgb(changed), opacity)


def recoloured_skin(image: Tensor, hair: Tensor | None, landmarks: Tensor, tone: Tensor, strength: Tensor) -> Tensor:
    """Drawings with their skin in other tones.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        hair: (N, 1, S, S) in [0, 1], which is left as it is.
        landmarks: (N, 5, 2) in [-1, 1].
        tone: (N, 3), CIELAB, that the skin's mean becomes.
        strength: (N,) in [0, 1]; 0 leaves a picture as it is.

    Returns:
        (N, 3, S, S) in [-1, 1], bit-equal to `image` far from the face, and where no skin was found or it is white.
    """
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        picture = image.float()
        skin, found = skin_colour(picture, landmarks)
        lab, places = rgb_to_lab(picture), places_of(landmarks, image.shape[-1])
        apart = lab - skin[:, :, None, None]
        far = (0.5 * apart[:, :1]).square() + apart[:, 1:].square().sum(1, keepdim=True)
        x, y = places[:, :1], places[:, 1:] - 0.35
        region = ((1.1 - ((x / FACE[0]).square() + (y / FACE[1]).square())) / 0.2).clamp(0, 1)
        like = torch.exp(-far / LIKE_SKIN**2)
        inner = _inner_face(places)
        flat = (like * inner).sum((1, 2, 3)) / inner.sum((1, 2, 3)).clamp_min(1) >= FLAT
        colourful = tone[:, 1:].square().sum(1) >= GREY**2
        strength = found * (skin[:, 0] < PAPER) * flat * colourful * strength
        inner = inner * torch.exp(-((far.sqrt() / SHADED) ** 4)) * ((apart[:, :1] + 14) / 6).clamp(0, 1)
        opacity = torch.maximum(like * region, inner) * strength[:, None, None, None]
        opacity = ((opacity - 0.05) / 0.6).clamp(0, 1)
        if hair is not None:
            opacity = opacity * (1 - hair.float())
        light = lab[:, :1] * (tone[:, :1] / skin[:, :1].clamp_min(1))[:, :, None, None]
        chroma = tone[:, 1:, None, None] + apart[:, 1:]
        return _blended(image, picture, lab_to_rgb(torch.cat([light.clamp(0, 100), chroma], 1)), opacity)


def _inner_face(places: Tensor) -> Tensor:
    """Where a face shows skin and nothing else but lines: inside its outline, outside eyes and mouth; (N, 1, S, S)."""
    x, y = places[:, :1].abs(), places[:, 1:]
    face = 1 - (x / 0.62).square() - ((y - 0.5) / 0.5).square()
    eyes = ((x - 0.5) / 0.27).square() + ((y + 0.02) / 0.24).square() - 1
    mouth = (x / 0.3).square() + ((y - 0.83) / 0.14).square() - 1
    return (torch.minimum(torch.minimum(face, eyes), mouth) / 0.3).clamp(0, 1)


def _disc(places: Tensor, middle: Tensor) -> Tensor:
    """Where an iris lies between its lids, fading out: (N, 1, S, S)."""
    x, y = places[:, :1] - middle[:, None, None, None], places[:, 1:]
    round_ = (1 - (x.square() + y.square()).sqrt() / RADIUS) / SOFT
    between = (1 - y.abs() / OPENING) / SOFT
    return torch.minimum(round_, between).clamp(0, 1)


def _lid(lab: Tensor, skin: Tensor) -> Tensor:
    """Where pictures in CIELAB show skin in the shadow of a brow, (N, 1, S, S): as coloured as skin, half as light."""
    shade = torch.sigmoid((lab[:, :1] / skin[:, :1, None, None].clamp_min(1) - 0.5) / 0.04)
    apart = (lab[:, 1:] - skin[:, 1:, None, None]).square().sum(1, keepdim=True)
    return shade * torch.exp(-apart / LID**2)


def _iris(lab: Tensor, own: Tensor, wanted: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) in CIELAB as if what has the colour `own` (N, 3) had the colour `wanted`."""
    own, wanted = own[:, :, None, None], wanted[:, :, None, None]
    mean = own[:, :1].clamp_min(4)
    new_mean = mean + (LIFT * (wanted[:, :1] - mean)).clamp(-REACH, REACH)
    light = lab[:, :1] * new_mean / mean
    # In less light a colour is less vivid.
    colour = wanted[:, 1:] * (new_mean / wanted[:, :1].clamp_min(4)).clamp_max(1.0)
    colour = colour * (VIVID / colour.square().sum(1, keepdim=True).sqrt().clamp_min(1)).clamp_max(1.0)
    # A pupil stays black and a highlight white: colour belongs to what is as light as the iris.
    depth = (lab[:, :1] / mean).clamp(0.0, 1.0) * ((95 - lab[:, :1]) / 30).clamp(0, 1)
    chroma = colour * depth + TEXTURE * (lab[:, 1:] - own[:, 1:])
    return torch.cat([torch.where(lab[:, :1] > 65, lab[:, :1], light.clamp(0, 97)), chroma], 1)


def _blended(image: Tensor, picture: Tensor, changed: Tensor, opacity: Tensor) -> Tensor:
    """The picture, where opacity is more than 0 mixed with the changed one, laid out as `image` is."""
    result = torch.where(opacity > 0, picture + opacity * (changed - picture), picture).to(image.dtype)
    if image.is_contiguous(memory_format=torch.channels_last):
        result = result.contiguous(memory_format=torch.channels_last)
    return result
