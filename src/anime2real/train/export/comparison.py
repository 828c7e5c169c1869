"""Whether an exported file draws what its torch module draws: both run on the same pictures and conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.bundle.check import SHAPES
from anime2real.bundle.format import STYLE
from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.errors import UserError
from anime2real.face.geometry import TEMPLATE
from anime2real.train.export.rewrites import plain_copy

Weights = Literal["fp16", "fp32"]

INPUT: Final = "image"
OUTPUT: Final = "translated"  # ONNX keeps inputs and outputs in one namespace: it cannot be "image" too

LIMIT: Final = 4 / 255
"""The largest difference that may stay, in [-1, 1]: two of 255 grey levels."""

BATCHES: Final = (1, 3)


class ExportError(UserError):
    """A module that cannot be exported, or whose file makes another picture."""


@dataclass(frozen=True)
class ParityReport:
    """How far the file's pictures are from the module's.

    Attributes:
        difference: the largest over all pixels and `BATCHES`, in [-1, 1].
        limit: what was allowed, in the same unit.
        weights: how the large weights are stored.
        size_bytes: of the file.
    """

    difference: float
    limit: float
    weights: Weights
    size_bytes: int

    @property
    def holds(self) -> bool:
        """Whether the difference stays within the limit; NaN never does."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        levels = self.difference * 255 / 2
        return (
            f"{self.size_bytes / 1e6:.1f} MB, {self.weights} weights, differs from torch by at most "
            f"{self.difference:.1e} in [-1, 1] ({levels:.2f} of 255 grey levels)"
        )


def difference_from_torch(
    module: nn.Module, file: bytes, px: int, conditions: Sequence[str] = (), classes: int = 0
) -> float:
    """The largest difference between the module's and the file's pictures, in [-1, 1], over `BATCHES`.

    Both run on the CPU in fp32, so that neither tf32 nor fused kernels are measured along with the file.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    reference = plain_copy(module)
    differences = []
    for seed, count in enumerate(BATCHES):
        pictures = sample_pictures(count, px, seed)
        if classes:
            pictures = as_label_maps(pictures, classes)
        with torch.inference_mode():
            samples = sample_conditions(conditions, count, seed)
            expected = reference(pictures, *samples.values()).numpy()
        found = translated_by(session, pictures.numpy(), {name: value.numpy() for name, value in samples.items()})
        differences.append(float(np.abs(found - expected).max()))
    return float(np.max(differences))  # unlike max(), keeps a NaN


def translated_by(
    session: onnxruntime.InferenceSession,
    pictures: NDArray[np.float32],
    conditions: Mapping[str, NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Translate pictures: (N, 3, S, S) in [-1, 1]."""
    translated: NDArray[np.float32] = session.run([OUTPUT], {INPUT: pictures, **(conditions or {})})[0]
    return translated


def sample_conditions(names: Sequence[str], count: int, seed: int) -> dict[str, Tensor]:
    """Tilts of up to half a radian, landmarks near the template, as faces have them, styles from N(0, 1), and anybody.

    Raises:
        ExportError: for a condition that bundles do not know.
    """
    random = torch.Generator().manual_seed(seed)
    samples = {}
    for name in names:
        if name == "tilt":
            samples[name] = torch.rand(count, generator=random) - 0.5
        elif name == "landmarks":
            place = torch.from_numpy(TEMPLATE).float()
            samples[name] = place + 0.05 * torch.randn(count, 5, 2, generator=random)
        elif name == "style":
            samples[name] = torch.randn(count, STYLE, generator=random)
        elif name == "who":
            ages = torch.tensor([YOUNGEST, OLDEST]) / 100
            sex, age = torch.rand(2, count, generator=random)
            samples[name] = torch.stack([2 * sex - 1, ages[0] + age * (ages[1] - ages[0])], 1)
        else:
            raise ExportError(f"no condition {name!r}: bundles know {', '.join(SHAPES)}")
    return samples


def sample_pictures(count: int, px: int, seed: int) -> Tensor:
    """(count, 3, px, px) in [-1, 1] with detail at every scale, as pictures have: noise of 4, 8, 16 … px."""
    random = torch.Generator().manual_seed(seed)
    pictures = torch.zeros(count, 3, px, px)
    side = 4
    while side <= px:
        noise = torch.randn(count, 3, side, side, generator=random) * side**-0.5
        pictures += F.interpolate(noise, size=(px, px), mode="bilinear", align_corners=False)
        side *= 2
    return torch.tanh(2.0 * pictures)


def as_label_maps(pictures: Tensor, classes: int) -> Tensor:
    """Label maps (N, 3, S, S) in [-1, 1], see `networks/source.py`, with regions as large as the pictures' details."""
    values = ((pictures[:, :1] + 1) / 2 * classes).long().clamp(0, classes - 1)
    return (values / 127.5 - 1).expand(-1, 3, -1, -1).contiguous()
