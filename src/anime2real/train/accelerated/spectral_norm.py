"""Spectral norms of kernels that lie channels last, in the precision of the convolution: `SpectralConvolution`'s, and
torch's parametrization, which copies its kernel and takes its products in half precision under autocast."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.parametrizations import _SpectralNorm

from anime2real.train.networks.spectral_norm import divided, spectrally_normed
from anime2real.train.networks.ugatit_discriminator import SpectralConvolution


def normed_weight(convolution: SpectralConvolution) -> Tensor:
    """The kernel (D, C, 4, 4) over its largest singular value, already rounded to what autocast would round it to.

    The order of a row's entries changes no singular value, so the kernel is taken as it lies: no pass lays it out anew.
    """
    weight, precision = convolution.weight, _precision(convolution.weight)
    if not weight.is_contiguous(memory_format=torch.channels_last):
        return spectrally_normed(weight, convolution.left, convolution.training, precision)
    as_it_lies = weight.permute(0, 2, 3, 1)
    return spectrally_normed(as_it_lies, convolution.left, convolution.training, precision).permute(0, 3, 1, 2)


def parametrized_weight(norm: _SpectralNorm, weight: Tensor) -> Tensor:
    """`_SpectralNorm.forward` with one power iteration: the weight (D, …) over its largest singular value.

    In fp32 whatever autocast says, without a copy of the kernel, and rounded at the end, once.
    """
    precision = _precision(weight)
    turned = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    with torch.autocast(weight.device.type, enabled=False):
        lies = weight.permute(0, 2, 3, 1) if turned else weight
        with torch.no_grad():
            matrix = lies.flatten(1)
            stored = norm._v.view(weight.shape[1:]).permute(1, 2, 0) if turned else norm._v
            left, right = norm._u, stored.flatten()
            if norm.training:
                left = F.normalize(matrix @ right, dim=0, eps=norm.eps)
                image = matrix.T @ left
                sigma = image.norm()
                right = image / sigma.clamp_min(norm.eps)
                norm._u.copy_(left)
                stored.copy_(right.view(stored.shape))
            else:
                left = left.clone()
                sigma = left.dot(matrix @ right)
        normed = divided(lies, left, right, sigma, precision)
        return normed.permute(0, 3, 1, 2) if turned else normed


def _precision(weight: Tensor) -> torch.dtype:
    """What a convolution by the weight is computed in."""
    kind = weight.device.type
    rounds = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if rounds else weight.dtype
