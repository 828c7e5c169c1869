"""face-api's networks for age, sex and expression, as scripts/face_api.py computes them.

`face_expression_model` is a small dense network of 0.33 M weights, under the MIT licence as the other.
"""

from pathlib import Path

import torch
from face_api import SIDE, AgeNetwork, FaceApiNetwork, normalised
from torch import Tensor

__all__ = ["HAPPY", "SIDE", "AgeAndSex", "Expression"]

HAPPY = 1
"""Where the expressions' network says how happy a face is."""


class AgeAndSex:
    """Ages in years and the probability of a man.

    Args:
        folder: as of `AgeNetwork`.
    """

    def __init__(self, folder: Path) -> None:
        self._network = AgeNetwork(folder)

    def __call__(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """(N,) and (N,) of faces (N, 3, 112, 112), 0 to 255."""
        x = self._network.features(faces)
        return self._network.linear(x, "fc/age")[:, 0], self._network.linear(x, "fc/gender").softmax(1)[:, 0]


class Expression(FaceApiNetwork):
    """Probabilities: neutral, happy, sad, angry, fearful, disgusted, surprised.

    Args:
        folder: with face_expression_model-weights_manifest.json and face_expression_model.bin.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "face_expression_model", "expression")

    def __call__(self, faces: Tensor) -> Tensor:
        """(N, 7) of faces (N, 3, 112, 112), 0 to 255."""
        x = normalised(faces)
        for block in range(4):
            name = f"dense{block}"
            first = f"{name}/conv0"
            y = self.convolved(x, first, 2) if block == 0 else self.separable(x, first, 2)
            total = torch.relu(y)
            y = total
            for layer in (1, 2, 3):
                y = self.separable(y, f"{name}/conv{layer}")
                total = total + y
                y = torch.relu(total)
            x = torch.relu(total)
        return self.linear(x.mean((2, 3)), "fc").softmax(1)
