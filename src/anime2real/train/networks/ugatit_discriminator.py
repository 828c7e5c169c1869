"""U-GAT-IT's discriminators: one that sees patches, one that sees nearly everything, both with attention.

Kim et al., ICLR 2020, appendix; layers as in the authors' code: five in the local one (70×70 patches), seven in the
global one, spectral norm on all but the 1×1 convolution, reflection padding, leaky ReLU of slope 0.2, no other norm.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.ugatit import Attention, draw_weights

SLOPE: Final = 0.2

SETTLING: Final = 15
"""Power iterations at the start, so that the first scores are of about the right size."""


class SpectralConvolution(nn.Conv2d):
    """A 4×4 convolution, reflection-padded by 1, its kernel divided by its largest singular value.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, algorithm 1: one power iteration
    a call, on the kernel as a matrix of D rows. Its vector is a buffer, changed in place: checkpoints hold it, and a
    captured CUDA graph moves it. Computed in fp32 also under mixed precision, unlike torch's parametrization.

    Args:
        in_channels, out_channels: C and D.
        stride: of the convolution.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 4, stride=stride, bias=bias)
        draw_weights(self)
        self.register_buffer("left", F.normalize(torch.randn(out_channels), dim=0))
        self.left: Tensor
        with torch.no_grad():
            for _ in range(SETTLING):
                self.normed_weight()

    def normed_weight(self) -> Tensor:
        """The kernel (D, C, 4, 4) over its largest singular value; while training, moves the vector.

        In the precision that autocast would round it to for the convolution, else fp32; what is rounded is the result.
        """
        kind = self.weight.device.type
        rounds = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        precision = torch.get_autocast_dtype(kind) if rounds else self.weight.dtype
        with torch.autocast(kind, enabled=False):
            with torch.no_grad():
                matrix = _rows(self.weight)
                right = F.normalize(matrix.T @ self.left, dim=0)
                image = matrix @ right
                left = F.normalize(image, dim=0)
                largest = image.norm()  # left · matrix · right
                if self.training:
                    self.left.copy_(left)
            normed: Tensor = _Normed.apply(self.weight, left, right, largest, precision)  # type: ignore[no-untyped-call]
            return normed

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x: (N, C, H, W)."""
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.normed_weight(), self.bias, self.stride)


class _Normed(torch.autograd.Function):
    """W / σ in a given precision, σ = uᵀWv with constant u and v, in eleven passes over W both ways, where torch's own
    steps take twice as many: two domains' kernels are half a gigabyte.

    Its gradient is (G - (G·W / σ) uvᵀ) / σ, the dot being the sum over all entries.
    """

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, left: Tensor, right: Tensor, largest: Tensor, precision: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(weight, left, right, largest)
        return torch.mul(weight, largest.reciprocal(), out=torch.empty_like(weight, dtype=precision))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, left, right, largest = ctx.saved_tensors
        inverse = largest.reciprocal()
        rows = _rows(_laid_as(grad.to(weight.dtype), weight))
        along = rows.flatten().dot(_rows(weight).flatten()) * inverse
        rows = rows.addcmul((left * -along)[:, None], right[None]).mul_(inverse)
        if not _is_channels_last(weight):
            return rows.view_as(weight), None, None, None, None
        outputs, channels, height, width = weight.shape
        return rows.view(outputs, height, width, channels).permute(0, 3, 1, 2), None, None, None, None


def _is_channels_last(kernel: Tensor) -> bool:
    return kernel.is_contiguous(memory_format=torch.channels_last)


def _laid_as(kernel: Tensor, like: Tensor) -> Tensor:
    layout = torch.channels_last if _is_channels_last(like) else torch.contiguous_format
    return kernel.contiguous(memory_format=layout)


def _rows(kernel: Tensor) -> Tensor:
    """A kernel (D, C, k, k) as a matrix of D rows, entries as they lie: their order changes no singular value."""
    return (kernel.permute(0, 2, 3, 1) if _is_channels_last(kernel) else kernel).flatten(1)


class CAMDiscriminator(nn.Module):
    """Scores patches, and the whole picture by its attention's classifiers.

    Args:
        width: channels of the first layer.
        layers: convolutions, the scoring one included, the attention's not; all but two halve the picture.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        channels = [3, *(width * 2**i for i in range(layers - 1))]
        self.convolutions = nn.ModuleList(
            SpectralConvolution(channels[i], channels[i + 1], stride=1 if i == layers - 2 else 2)
            for i in range(layers - 1)
        )
        self.attention = Attention(channels[-1], SLOPE, spectral=True)
        draw_weights(self.attention)
        self.score = SpectralConvolution(channels[-1], 1, stride=1, bias=False)
        self.fused = False  # whether to compute by `fast.py`: the same function, for a GPU

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Score image: (N, 3, H, W) in [-1, 1]: (N, 1, h, w) of its patches, (N, 2) of the whole, both unbounded."""
        if self.fused:
            from anime2real.train.accelerated.forms import cam_discriminated  # needs Triton

            return cam_discriminated(self, image)
        x = image
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), SLOPE)
        attended, logits = self.attention(x)
        return self.score(attended), logits


class DiscriminatorPair(nn.Module):
    """The local and the global discriminator of a domain.

    Args:
        width: channels of their first layers.
        local_layers, global_layers: of each (5 and 7 in the authors' code).
    """

    def __init__(self, width: int = 64, local_layers: int = 5, global_layers: int = 7) -> None:
        super().__init__()
        self.local_discriminator = CAMDiscriminator(width, local_layers)
        self.global_discriminator = CAMDiscriminator(width, global_layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The four judgements of image, (N, 3, H, W) in [-1, 1]: local scores and logits, global scores and logits."""
        return [*self.local_discriminator(image), *self.global_discriminator(image)]

    def compile_parts(self) -> None:
        """Compile both."""
        for discriminator in (self.local_discriminator, self.global_discriminator):
            if not discriminator.fused:
                discriminator.compile(dynamic=False)


def least_side(layers: int) -> int:
    """The least S that a discriminator of so many layers takes: two pixels are left to pad by reflection at its end."""
    return int(3 * 2 ** (layers - 2))
