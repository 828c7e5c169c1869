"""Hair recoloured in photographs, with its light, shadow and strands.

A discriminator of photographs calls pink hair fake, since no photograph shows it. Recoloured photographs do. Everything
here runs on the device, a batch at a time, without gradients and without a look by the host.
"""

from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.image.cielab import EPSILON, KAPPA, WHITE, XYZ
from anime2real.train.accelerated import functions_are_fused
from anime2real.train.matting import matte

VARIATION: Final = 0.4
"""Share of the hair's own differences in chroma that stays."""

LIFT: Final = 0.85
"""Share of the way to the colour's lightness that the hair's mean goes …"""

REACH: Final = 42.0
"""… and L* by which it moves at most: black hair turns pink, not pastel."""

CONTRAST: Final = (0.75, 1.25)
"""Least and greatest factor of differences in L*; between the two it grows with the root of the mean's own …"""

BRIGHTEST: Final = 30.0
"""… and L* above the new mean that highlights come near and never reach: dyed hair does not glow."""

PALE: Final = 0.35
"""Share of the chroma that the brightest highlights lose."""

MIN_SHARE: Final = 0.04
"""Share of the picture below which hair is not recoloured: it is a bald head's rim, or no hair."""

KNEE: Final = 0.8
"""Share of the way from grey to the gamut's border after which colours are pressed together, not cut off."""

# Python's numbers: tensors made of the host's cannot be captured in a graph.
_TO_XYZ: Final = XYZ.tolist()
_FROM_XYZ: Final = np.linalg.inv(XYZ).tolist()
_WHITE: Final = WHITE.tolist()


def rgb_to_lab(image: Tensor) -> Tensor:
    """CIELAB (N, 3, H, W), L* in [0, 100], white D65, of sRGB (N, 3, H, W) in [-1, 1]: IEC 61966-2-1, CIE 15:2004."""
    if functions_are_fused():
        from anime2real.train.accelerated import colours  # imports Triton

        return colours.rgb_to_lab(image)
    encoded = F.hardtanh((image.float() + 1) / 2, 0.0, 1.0)  # a clamp's gradient at the bounds is not every torch's
    linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    x, y, z = (_compressed(v / white) for v, white in zip(_mixed(_TO_XYZ, linear), _WHITE, strict=True))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [-1, 1] of CIELAB (N, 3, H, W); undoes `rgb_to_lab` for colours short of the gamut's border.

    Colours beyond the border, and those after `KNEE` of the way to it, are drawn towards the grey of their luminance.
    """
    if functions_are_fused() and not (torch.is_grad_enabled() and lab.requires_grad):
        from anime2real.train.accelerated import colours  # imports Triton

        return colours.lab_to_rgb(lab, KNEE)
    return _encoded(_inside(_linear(lab)))


def recoloured(image: Tensor, mask: Tensor, colour: Tensor, strength: Tensor) -> Tensor:
    """Photographs with their hair recoloured.

    The hair's mean chroma becomes the colour's, brighter strands taking more of it and highlights less; its own
    differences in chroma stay in part. Its mean lightness goes part of the way, and strands keep their distance from
    it: a power of each pixel's share of the mean tears dark hair into black and white, so that shadows follow it by
    half and highlights do not. Only the hair in a pixel changes, not the skin or wall that it shares it with
    (`matting.py`).

    Args:
        image: (N, 3, S, S) in [-1, 1], S a multiple of 16.
        mask: (N, 1, S, S) in [0, 1], 1 where there is hair.
        colour: (N, 3), CIELAB.
        strength: (N,) in [0, 1]; 0 leaves a picture as it is.

    Returns:
        (N, 3, S, S) in [-1, 1], bit-equal to `image` where mask or strength is 0, or hair covers less than `MIN_SHARE`.
    """
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        picture, mask, colour = image.float(), mask.float(), colour.float()[:, :, None, None]
        share, hair = matte(picture, mask)
        lab = rgb_to_lab(hair)
        light, chroma = lab[:, :1], lab[:, 1:]
        weight = share / share.sum((2, 3), keepdim=True).clamp_min(1e-6)
        mean_light = _mean(light, weight).clamp_min(4.0)
        wanted = mean_light + (LIFT * (colour[:, :1] - mean_light)).clamp(-REACH, REACH)
        new_light = _relit(light, mean_light, wanted)
        depth = (new_light / wanted).clamp(0.2, 1.0) - PALE * ((new_light - wanted) / BRIGHTEST).clamp(0, 1)
        depth = depth / _mean(depth, weight).clamp_min(1e-3)
        new_chroma = colour[:, 1:] * depth + VARIATION * (chroma - _mean(chroma, weight))
        changed = lab_to_rgb(torch.cat([new_light, new_chroma], 1))
        opacity = share * strength.float()[:, None, None, None]
        opacity = opacity * (mask.mean((2, 3), keepdim=True) >= MIN_SHARE)
        mixed = (picture + opacity * (changed - hair)).clamp(-1, 1)
        result = torch.where(opacity > 0, mixed, picture).to(image.dtype)
        if image.is_contiguous(memory_format=torch.channels_last):
            result = result.contiguous(memory_format=torch.channels_last)
        return result


def _relit(light: Tensor, mean: Tensor, wanted: Tensor) -> Tensor:
    """L* (N, 1, H, W) of hair of the given mean as that of hair of the mean `wanted`, (N, 1, 1, 1) both."""
    away = (light - mean) * (wanted / mean).sqrt().clamp(*CONTRAST)
    highlight = BRIGHTEST * torch.tanh(away.clamp_min(0) / BRIGHTEST)
    by_share = wanted * (light / mean).clamp(0.02, 1.0) ** (wanted / mean) ** -0.3
    shadow = (wanted + away + by_share) / 2
    return torch.where(away > 0, wanted + highlight, shadow).clamp(0, 97)


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
