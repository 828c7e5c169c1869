"""What a discriminator sees, varied differentiably.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020: colour, translation, cutout. Every
picture gets its own variation; gradients pass through to the generator.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def varied(image: Tensor) -> Tensor:
    """Vary image: (N, 3, S, S) in [-1, 1]; drawn from torch's global generator."""
    return cutout(translated(coloured(image)))


def coloured(image: Tensor) -> Tensor:
    """Brightness by up to ±0.5, saturation by up to 2, contrast from 0.5 to 1.5."""
    brightness, saturation, contrast = torch.rand(3, len(image), 1, 1, 1, device=image.device, dtype=image.dtype)
    image = image + (brightness - 0.5)
    grey = image.mean(1, keepdim=True)
    image = (image - grey) * (2 * saturation) + grey
    mean = image.mean((1, 2, 3), keepdim=True)
    changed: Tensor = (image - mean) * (contrast + 0.5) + mean
    return changed


def translated(image: Tensor, share: float = 0.125) -> Tensor:
    """Shifted by up to `share` of the side, zeros coming in."""
    n, _, height, width = image.shape
    reach = round(share * height)
    dy, dx = torch.randint(-reach, reach + 1, (2, n, 1), device=image.device)
    rows = (torch.arange(height, device=image.device) + dy).clamp(-1, height) + 1
    columns = (torch.arange(width, device=image.device) + dx).clamp(-1, width) + 1
    padded = F.pad(image, (1, 1, 1, 1))
    index = torch.arange(n, device=image.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(image: Tensor, share: float = 0.5) -> Tensor:
    """A square of `share` of the side put to zero, at a place of its own in each picture."""
    n, _, height, width = image.shape
    half = round(share * height / 2)
    cy, cx = torch.randint(0, height, (2, n, 1), device=image.device)
    rows = (torch.arange(height, device=image.device) - cy).abs() < half
    columns = (torch.arange(width, device=image.device) - cx).abs() < half
    keep = ~(rows[:, :, None] & columns[:, None, :])
    kept: Tensor = image * keep[:, None].to(image.dtype)
    return kept
