"""Hair recoloured in photographs, with its light, shadow and strands.

A discriminator of photographs calls pink hair fake, since no photograph shows it. Recoloured photographs do. Everything
here runs on the device, a batch at a time, without gradients and without a look by the host.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from anime2real.image.cielab import EPSILON, KAPPA, WHITE, XYZ

VARIATION: Final = 0.4
"""Share of the hair's own differences in chroma that stays."""

LIFT: Final = 0.85
"""Share of the way to the colour's lightness that the hair's mean goes …"""

REACH: Final = 42.0
"""… and L* by which it moves at most: black hair turns pink, not pastel."""

SHINE: Final = 1.45
"""Shares of the new mean lightness that a highlight has at most, unless it was as light before: what is not hair at the
edge of a mask, as skin beside black hair, does not light up."""

MIN_SHARE: Final = 0.04
"""Share of the picture below which hair is not recoloured: it is a bald head's rim, or no hair."""

DOUBT: Final = 30.0
"""L* by which a pixel differs from the hair's mean for its half mask to be squared."""

KNEE: Final = 0.8
"""Share of the way from grey to the gamut's border after which colours are pressed together, not cut off."""

# Python's numbers: tensors made of the host's cannot be captured in a graph.
_TO_XYZ: Final = XYZ.tolist()
_FROM_XYZ: Final = np.linalg.inv(XYZ).tolist()
_WHITE: Final = WHITE.tolist()


def rgb_to_lab(image: Tensor) -> Tensor:
    """CIELAB (N, 3, H, W), L* in [0, 100], white D65, of sRGB (N, 3, H, W) in [-1, 1]: IEC 61966-2-1, CIE 15:2004."""
    encoded = ((image.float() + 1) / 2).clamp(0, 1)
    linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    x, y, z = (_compressed(v / white) for v, white in zip(_mixed(_TO_XYZ, linear), _WHITE, strict=True))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [-1, 1] of CIELAB (N, 3, H, W); undoes `rgb_to_lab` for colours short of the gamut's border.

    Colours beyond the border, and those after `KNEE` of the way to it, are drawn towards the grey of their luminance.
    """
    return _encoded(_inside(_linear(lab)))


def recoloured(image: Tensor, mask: Tensor, colour: Tensor, strength: Tensor) -> Tensor:
    """Photographs with their hair recoloured.

    The hair's mean chroma becomes the colour's, brighter strands taking more of it; its own differences in chroma stay
    in part. Its mean lightness goes part of the way, by a power of each pixel's share of the mean, which keeps black
    black and, since dark hair has little contrast in L*, does not tear it apart.

    Args:
        image: (N, 3, H, W) in [-1, 1].
        mask: (N, 1, H, W) in [0, 1], 1 where there is hair.
        colour: (N, 3), CIELAB.
        strength: (N,) in [0, 1]; 0 leaves a picture as it is.

    Returns:
        (N, 3, H, W) in [-1, 1], bit-equal to `image` where mask or strength is 0, or hair covers less than `MIN_SHARE`.
    """
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        picture, mask, colour = image.float(), mask.float(), colour.float()[:, :, None, None]
        lab = rgb_to_lab(picture)
        light, chroma = lab[:, :1], lab[:, 1:]
        weight = mask / mask.sum((2, 3), keepdim=True).clamp_min(1e-6)
        mean_light = _mean(light, weight).clamp_min(4.0)
        wanted = mean_light + (LIFT * (colour[:, :1] - mean_light)).clamp(-REACH, REACH)
        share = (light / mean_light).clamp(1e-3, 4.0)
        curve = wanted * share ** (wanted / mean_light) ** -0.25
        knee = (1.1 * wanted).clamp_max(88.0)
        brightest = torch.maximum(torch.maximum(light, SHINE * wanted).clamp_max(97.0), knee + 1.0)
        new_light = _pressed(curve, knee, brightest)
        depth = (new_light / wanted).clamp(0.2, 1.3)
        depth = depth / _mean(depth, weight).clamp_min(1e-3)
        new_chroma = colour[:, 1:] * depth + VARIATION * (chroma - _mean(chroma, weight))
        changed = lab_to_rgb(torch.cat([new_light, new_chroma], 1))
        # Where the mask is unsure, a pixel of another lightness than the hair's is less likely hair.
        doubt = 1 + ((light - mean_light).abs() / DOUBT).clamp_max(1.0)
        opacity = mask.clamp_min(1e-6) ** doubt * (mask > 0) * strength.float()[:, None, None, None]
        opacity = opacity * (mask.mean((2, 3), keepdim=True) >= MIN_SHARE)
        result = torch.where(opacity > 0, picture + opacity * (changed - picture), picture).to(image.dtype)
        if image.is_contiguous(memory_format=torch.channels_last):
            result = result.contiguous(memory_format=torch.channels_last)
        return result


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum((2, 3), keepdim=True)


def _pressed(values: Tensor, knee: Tensor, limit: Tensor) -> Tensor:
    """Values above `knee` brought below `limit`, which is above it, smoothly."""
    room = limit - knee
    return torch.where(values > knee, limit - room * torch.exp(-(values - knee) / room), values)


def _compressed(share: Tensor) -> Tensor:
    return torch.where(share > EPSILON, share.clamp_min(EPSILON) ** (1 / 3), (KAPPA * share + 16) / 116)


def _linear(lab: Tensor) -> Tensor:
    """Linear sRGB (N, 3, H, W), beyond [0, 1] too."""
    light, a, b = lab.unbind(1)
    fy = (light + 16) / 116
    xyz = [
        white * torch.where(f**3 > EPSILON, f**3, (116 * f - 16) / KAPPA)
        for f, white in zip((fy + a / 500, fy, fy - b / 200), _WHITE, strict=True)
    ]
    return torch.stack(_mixed(_FROM_XYZ, torch.stack(xyz, 1)), 1)


def _mixed(matrix: list[list[float]], planes: Tensor) -> list[Tensor]:
    """The rows of a (3, 3) matrix times planes (N, 3, H, W): (N, H, W) each."""
    one, two, three = planes.unbind(1)
    return [a * one + b * two + c * three for a, b, c in matrix]


def _inside(linear: Tensor) -> Tensor:
    """Linear sRGB brought into [0, 1] at the same luminance: nearer to grey, the hue kept."""
    grey = _mixed(_TO_XYZ, linear)[1].clamp(0, 1)[:, None]
    away = linear - grey
    # How far each channel goes, in shares of its way to 0 or 1; the farthest decides.
    room = torch.where(away > 0, 1 - grey, grey).clamp_min(1e-6)
    far = (away.abs() / room).amax(1, keepdim=True)
    near = _pressed(far, torch.full_like(far, KNEE), torch.ones_like(far))
    return (grey + away * torch.where(far > KNEE, near / far.clamp_min(KNEE), torch.ones_like(far))).clamp(0, 1)


def _encoded(linear: Tensor) -> Tensor:
    encoded = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055)
    return (2 * encoded - 1).clamp(-1, 1)


def chosen_colours(colours: Tensor, uniforms: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """A colour of the table for each picture, and whether it is recoloured at all, out of one number each.

    Args:
        colours: (K, 3).
        uniforms: (N,) in [0, 1).
        share: of the pictures to recolour, in (0, 1].

    Returns:
        colours (N, 3); strengths (N,), 1 or 0.
    """
    place = (uniforms / share * len(colours)).long().clamp_max(len(colours) - 1)
    return colours[place], (uniforms < share).float()
