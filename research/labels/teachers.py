"""face-api's networks for age, sex and expression, computed by torch from their files.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz package/model

MIT licence. `age_gender_model` is a "TinyXception" of 0.42 M weights, `face_expression_model` a small dense network of
0.33 M. Both see a face of 112 px and subtract the same mean. TensorFlow's `same` pads an even side after its end alone.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 112
MEAN = (122.782, 117.001, 104.298)
HAPPY = 1
"""Where the expressions' network says how happy a face is."""


class _Network:
    """Convolutions by name, from a manifest and its file."""

    def __init__(self, folder: Path, name: str) -> None:
        entries = json.loads((folder / f"{name}-weights_manifest.json").read_text())[0]["weights"]
        content = (folder / f"{name}.bin").read_bytes()
        self.weights: dict[str, Tensor] = {}
        place = 0
        for entry in entries:
            quantized = entry.get("quantization")
            kind = np.dtype(quantized["dtype"] if quantized else "<f4")
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, kind, count, place).astype(np.float32)
            place += count * kind.itemsize
            if quantized:
                values = values * quantized["scale"] + quantized["min"]
            self.weights[entry["name"]] = torch.from_numpy(values.copy()).view(*entry["shape"])

    def _convolved(self, x: Tensor, name: str, stride: int) -> Tensor:
        kernel = self.weights[f"{name}/filters"].permute(3, 2, 0, 1)
        x = F.pad(x, (0, 1, 0, 1)) if kernel.shape[-1] == 3 else x
        return F.conv2d(x, kernel, self.weights[f"{name}/bias"], stride)

    def _separable(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        depthwise = self.weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        if stride == 2:
            x = F.conv2d(F.pad(x, (0, 1, 0, 1)), depthwise, stride=2, groups=len(depthwise))
        else:
            x = F.conv2d(x, depthwise, padding=1, groups=len(depthwise))
        pointwise = self.weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
        return F.conv2d(x, pointwise, self.weights[f"{name}/bias"])

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}/weights"] + self.weights[f"{name}/bias"]


class AgeAndSex(_Network):
    """Ages in years and the probability of a man."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "age_gender_model")

    def __call__(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """(N,) and (N,) of faces (N, 3, 112, 112), 0 to 255."""
        x = torch.relu(self._convolved(_normalized(faces), "entry_flow/conv_in", 2))
        x = self._reduced(x, "entry_flow/reduction_block_0", active=False)
        x = self._reduced(x, "entry_flow/reduction_block_1")
        for block in ("middle_flow/main_block_0", "middle_flow/main_block_1"):
            y = x
            for layer in range(3):
                y = self._separable(torch.relu(y), f"{block}/separable_conv{layer}")
            x = x + y
        x = self._reduced(x, "exit_flow/reduction_block")
        x = torch.relu(self._separable(x, "exit_flow/separable_conv")).mean((2, 3))
        return self._linear(x, "fc/age")[:, 0], self._linear(x, "fc/gender").softmax(1)[:, 0]

    def _reduced(self, x: Tensor, name: str, active: bool = True) -> Tensor:
        y = self._separable(torch.relu(x) if active else x, f"{name}/separable_conv0")
        y = self._separable(torch.relu(y), f"{name}/separable_conv1")
        y = F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=-torch.inf), 3, 2)
        return y + self._convolved(x, f"{name}/expansion_conv", 2)


class Expression(_Network):
    """Probabilities: neutral, happy, sad, angry, fearful, disgusted, surprised."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "face_expression_model")

    def __call__(self, faces: Tensor) -> Tensor:
        """(N, 7) of faces (N, 3, 112, 112), 0 to 255."""
        x = _normalized(faces)
        for block in range(4):
            name = f"dense{block}"
            first = f"{name}/conv0"
            y = self._convolved(x, first, 2) if block == 0 else self._separable(x, first, 2)
            total = torch.relu(y)
            y = total
            for layer in (1, 2, 3):
                y = self._separable(y, f"{name}/conv{layer}")
                total = total + y
                y = torch.relu(total)
            x = torch.relu(total)
        return self._linear(x.mean((2, 3)), "fc").softmax(1)


def _normalized(faces: Tensor) -> Tensor:
    return (faces - torch.tensor(MEAN)[:, None, None]) / 255
