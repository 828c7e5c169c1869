"""The label network of the core in torch: what a face shows, differentiable by the picture.

`face/models/labels.onnx` holds EfficientNet-lite0 up to stride 16 and two heads (`research/labels/train_labels.py`).
The frozen trunk is the one that discriminators see through (`networks/efficientnet.py`), so the heads alone are loaded.
"""

from typing import Final

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.face.who import LABELS
from anime2real.train.networks.efficientnet import LiteFeatures

HEADS: Final = 2

_BLOCKS: Final = 11
"""Of the trunk that the heads see through; the last ones that they see of `_MIDDLE` channels are at stride 8."""
_MIDDLE: Final = 40


class LabelNetwork(nn.Module):
    """Raw answers of lined-up faces; nothing in it learns, and none of it is kept in checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        weights = _weights()
        for head in range(HEADS):
            of = {name: weights[f"heads.{head}.{name}"] for name in _NAMES}
            scale = of["norm.weight"] / (of["norm.running_var"] + 1e-5).sqrt()
            shift = of["norm.bias"] - of["norm.running_mean"] * scale
            mix = of["mix.weight"][:, :, 0, 0]
            folded = {
                "mix": (mix * scale)[:, :, None, None],
                "mix_bias": of["mix.bias"] + mix @ shift,
                **{name.replace(".weight", "").replace(".", "_"): of[name] for name in _NAMES[6:]},
            }
            for name, value in folded.items():
                self.register_buffer(f"{name}_{head}", value, persistent=False)

    def forward(self, features: LiteFeatures, image: Tensor) -> Tensor:
        """What both heads say in the mean.

        Args:
            features: the frozen trunk.
            image: (N, 3, 112, 112) in [-1, 1], lined up as `train.face_parts.lined_up` does.

        Returns:
            (N, 6) in the order of `Labels`, as log-odds: of a man, of the age's place from 18 to 80 years, and of an
            open mouth, a smile, open eyes and glasses.
        """
        x = features.stem(image)
        middle = x
        for block in features.blocks[:_BLOCKS]:
            x = block(x)
            if x.shape[1] == _MIDDLE:
                middle = x
        with torch.autocast(image.device.type, enabled=False):
            seen = torch.cat([F.avg_pool2d(middle, 2), x], 1).float()
            return torch.stack([self._answers(seen, head) for head in range(HEADS)]).mean(0)

    def _answers(self, seen: Tensor, head: int) -> Tensor:
        def of(name: str) -> Tensor:
            return self.get_buffer(f"{name}_{head}")

        x = F.relu(F.conv2d(seen, of("mix"), of("mix_bias")))
        x = F.relu(F.linear(x.flatten(1), of("hidden"), of("hidden_bias")))
        return F.linear(x, of("out"), of("out_bias"))


_NAMES: Final = (
    *("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "mix.weight", "mix.bias"),
    *("hidden.weight", "hidden.bias", "out.weight", "out.bias"),
)


def _weights() -> dict[str, Tensor]:
    """The heads' weights by name, in fp32."""
    model = onnx.load(LABELS)
    arrays = {i.name.removesuffix(".fp16"): onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    return {name: torch.from_numpy(np.array(value, np.float32)) for name, value in arrays.items() if "heads." in name}
