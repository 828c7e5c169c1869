"""face-api's network for age and sex, computed by torch from its file.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz package/model

MIT licence. `age_gender_model` is a "TinyXception" of 0.42 M weights. It sees a face of 112 px. TensorFlow's `same`
pads an even side after its end alone.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.data.pack import PackError

SIDE: Final = 112
"""Pixels a side that the networks see."""

MEAN: Final = (122.782, 117.001, 104.298)


class FaceApiNetwork:
    """Layers by name, from a manifest and its file.

    Args:
        folder: with NAME-weights_manifest.json and NAME.bin.
        name: of the model.
        what: it tells, for an error.

    Raises:
        PackError: they are not there, or do not fit each other.
    """

    def __init__(self, folder: Path, name: str, what: str) -> None:
        try:
            entries = json.loads((folder / f"{name}-weights_manifest.json").read_text())[0]["weights"]
            content = (folder / f"{name}.bin").read_bytes()
            self.weights, told = _weights(entries, content)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise PackError(f"{folder} holds no {what} network ({error}): see the head of face_api.py") from error
        if told != len(content):
            raise PackError(f"{folder}: {name}.bin has {len(content)} bytes, its manifest tells of {told}")

    def convolved(self, x: Tensor, name: str, stride: int) -> Tensor:
        """A convolution, dense, with its bias."""
        kernel = self.weights[f"{name}/filters"].permute(3, 2, 0, 1)
        x = F.pad(x, (0, 1, 0, 1)) if kernel.shape[-1] == 3 else x
        return F.conv2d(x, kernel, self.weights[f"{name}/bias"], stride)

    def separable(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """A convolution of each channel by itself, then one of 1×1."""
        depthwise = self.weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        if stride == 2:
            x = F.conv2d(F.pad(x, (0, 1, 0, 1)), depthwise, stride=2, groups=len(depthwise))
        else:
            x = F.conv2d(x, depthwise, padding=1, groups=len(depthwise))
        pointwise = self.weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
        return F.conv2d(x, pointwise, self.weights[f"{name}/bias"])

    def linear(self, x: Tensor, name: str) -> Tensor:
        """(N, K) of (N, C)."""
        return x @ self.weights[f"{name}/weights"] + self.weights[f"{name}/bias"]


class AgeNetwork(FaceApiNetwork):
    """Ages.

    Args:
        folder: with age_gender_model-weights_manifest.json and age_gender_model.bin.

    Raises:
        PackError: they are not there, or do not fit each other.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "age_gender_model", "age")

    def __call__(self, faces: Tensor) -> Tensor:
        """Ages (N,) in years of faces (N, 3, 112, 112), 0 to 255."""
        return self.linear(self.features(faces), "fc/age")[:, 0]

    def features(self, faces: Tensor) -> Tensor:
        """(N, 512) of faces (N, 3, 112, 112), 0 to 255."""
        x = torch.relu(self.convolved(normalised(faces), "entry_flow/conv_in", 2))
        x = self._reduced(x, "entry_flow/reduction_block_0", active=False)
        x = self._reduced(x, "entry_flow/reduction_block_1")
        for block in ("middle_flow/main_block_0", "middle_flow/main_block_1"):
            y = x
            for layer in range(3):
                y = self.separable(torch.relu(y), f"{block}/separable_conv{layer}")
            x = x + y
        x = self._reduced(x, "exit_flow/reduction_block")
        return torch.relu(self.separable(x, "exit_flow/separable_conv")).mean((2, 3))

    def _reduced(self, x: Tensor, name: str, active: bool = True) -> Tensor:
        y = self.separable(torch.relu(x) if active else x, f"{name}/separable_conv0")
        y = self.separable(torch.relu(y), f"{name}/separable_conv1")
        y = F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=-torch.inf), 3, 2)
        return y + self.convolved(x, f"{name}/expansion_conv", 2)


def normalised(faces: Tensor) -> Tensor:
    """What the networks see of faces, 0 to 255."""
    return (faces - torch.tensor(MEAN)[:, None, None]) / 255


def _weights(entries: list[dict[str, Any]], content: bytes) -> tuple[dict[str, Tensor], int]:
    """The tensors that a manifest's entries tell of, and the bytes that they take."""
    weights: dict[str, Tensor] = {}
    place = 0
    for entry in entries:
        count = int(np.prod(entry["shape"]))
        told = entry.get("quantization")
        kind = np.dtype(told["dtype"] if told else "<f4")
        values = np.frombuffer(content, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        if told:
            values = values * told["scale"] + told["min"]
        weights[entry["name"]] = torch.from_numpy(values).view(*entry["shape"])
    return weights, place
