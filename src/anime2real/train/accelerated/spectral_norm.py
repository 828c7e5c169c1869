"""`SpectralConvolution.normed_weight` for kernels that lie channels last, in the precision of the convolution."""

import torch
from torch import Tensor

from anime2real.train.networks.spectral_norm import spectrally_normed
from anime2real.train.networks.ugatit_discriminator import SpectralConvolution


def normed_weight(convolution: SpectralConvolution) -> Tensor:
    """The kernel (D, C, 4, 4) over its largest singular value, already rounded to what autocast would round it to.

    The order of a row's entries changes no singular value, so the kernel is taken as it lies: no pass lays it out anew.
    """
    weight, kind = convolution.weight, convolution.weight.device.type
    rounds = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    precision = torch.get_autocast_dtype(kind) if rounds else weight.dtype
    if not weight.is_contiguous(memory_format=torch.channels_last):
        return spectrally_normed(weight, convolution.left, convolution.training, precision)
    as_it_lies = weight.permute(0, 2, 3, 1)
    return spectrally_normed(as_it_lies, convolution.left, convolution.training, precision).permute(0, 3, 1, 2)
