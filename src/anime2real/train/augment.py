"""What a discriminator sees, augmented differentiably.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020: colour, translation, cutout. Every
picture gets its own augmentation; gradients pass through to the generator. Kornia has all of it, but draws its random
numbers itself: here they are given, so that a step follows from its number alone.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.accelerated import functions_are_fused

SHIFT: Final = 0.125
"""Share of the height by which a picture is shifted at most."""

CUTOUT: Final = 0.5
"""Share of the side that a square which is put to zero has."""


def augmented(image: Tensor, numbers: Tensor) -> Tensor:
    """Augment pictures, each its own way.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        numbers: (N, AUGMENTATION) in [0, 1), see `random_numbers.py`.
    """
    if functions_are_fused() and image.shape[-1] == image.shape[-2]:
        from anime2real.train.accelerated import augment  # imports Triton

        return augment.augmented(image, numbers, SHIFT, CUTOUT)
    return cutout(shifted(coloured(image, numbers[:, :3]), numbers[:, 3:5]), numbers[:, 5:7])


def softened(image: Tensor, soft: Tensor | None) -> Tensor:
    """Some pictures reduced to half and enlarged again, so that none is sharper there than a picture enlarged by two.

    Args:
        image: (N, 3, S, S), S even.
        soft: (N,) bool, which; None for none.
    """
    if soft is None:
        return image
    reduced = F.interpolate(F.avg_pool2d(image, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(soft[:, None, None, None], reduced, image)


def coloured(image: Tensor, uniforms: Tensor) -> Tensor:
    """Brightness by up to ±0.5, saturation by up to 2, contrast from 0.5 to 1.5; uniforms: (N, 3)."""
    brightness, saturation, contrast = uniforms.T[:, :, None, None, None].to(image.dtype)
    image = image + (brightness - 0.5)
    grey = image.mean(1, keepdim=True)
    image = (image - grey) * (2 * saturation) + grey
    mean = image.mean((1, 2, 3), keepdim=True)
    changed: Tensor = (image - mean) * (contrast + 0.5) + mean
    return changed


def shifted(image: Tensor, uniforms: Tensor) -> Tensor:
    """Shifted by up to `SHIFT` of the height, zeros coming in; uniforms: (N, 2)."""
    reach = round(SHIFT * image.shape[2])
    shift = reach - (uniforms * (2 * reach + 1)).long()
    moved: Tensor = _Shift.apply(image, shift)  # type: ignore[no-untyped-call]
    return moved


class _Shift(torch.autograd.Function):
    """Each picture by its own (down, right) of shift, (N, 2). The gradient is the shift back: torch's own, of indices
    that might repeat, sorts them all."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(shift)
        return _shifted(image, shift)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (shift,) = ctx.saved_tensors
        return _shifted(grad, -shift), None


def _shifted(image: Tensor, shift: Tensor) -> Tensor:
    n, _, height, width = image.shape
    dy, dx = shift.T[:, :, None]
    rows = (torch.arange(height, device=image.device) - dy).clamp(-1, height) + 1
    columns = (torch.arange(width, device=image.device) - dx).clamp(-1, width) + 1
    padded = F.pad(image, (1, 1, 1, 1))
    index = torch.arange(n, device=image.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(image: Tensor, uniforms: Tensor) -> Tensor:
    """A square of `CUTOUT` of the side put to zero, at a place of its own in each picture; uniforms: (N, 2)."""
    _, _, height, width = image.shape
    half = round(CUTOUT * height / 2)
    cy = (uniforms[:, :1] * height).long()  # no tensor made of host numbers: that cannot be captured in a graph
    cx = (uniforms[:, 1:] * width).long()
    rows = (torch.arange(height, device=image.device) - cy).abs() < half
    columns = (torch.arange(width, device=image.device) - cx).abs() < half
    keep = ~(rows[:, :, None] & columns[:, None, :])
    kept: Tensor = image * keep[:, None].to(image.dtype)
    return kept
