"""Milliseconds a picture on CPU cores: a bundle through `Translator` against the same network in eager torch.

    python benchmarks/translate.py [--px 128] [--width 64] [--unshuffle 1] [--threads 2] [--rounds 8]
    python benchmarks/translate.py --bundle galatea-anime-to-real

The network is CycleGAN's ResNet-9 with random weights; with another `--width` or `--unshuffle` ours is leaner, the
reference is not, and the two draw different pictures; and with `--bundle`, a bundle that ships or the folder of one,
which is then measured at its own size. The reference is how a user of torch writes it: reflection padding,
`nn.InstanceNorm2d`, nearest `F.interpolate` before a convolution, fp32, `torch.inference_mode`. Both take and give (N,
S, S, 3) uint8. They take turns, in rounds of several calls after a pause and an untimed call: the waiting threads of
one library would disturb the other. The last line is JSON; times are medians.
"""

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.bundle.format import BundleError
from anime2real.bundle.registry import find_bundles
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.translator import Translator

Pixels = NDArray[np.uint8]

BATCHES = (1, 8)
CALLS = 4
"""Timed calls in a round."""

PAUSE_SECONDS = 0.2
"""Before each round, until the other library's threads sleep."""


class Block(nn.Module):
    """The reference's residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x + self.layers(x)


class Up(nn.Module):
    """The reference's resize-convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, D, 2H, 2W)."""
        return self.convolution(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def reference(width: int = 64, blocks: int = 9) -> nn.Sequential:
    """CycleGAN's generator, plainly."""

    def normalised(layer: nn.Module, channels: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(channels), nn.ReLU()]

    return nn.Sequential(
        *normalised(nn.Conv2d(3, width, 7, padding=3, padding_mode="reflect"), width),
        *normalised(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), 2 * width),
        *normalised(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), 4 * width),
        *(Block(4 * width) for _ in range(blocks)),
        *normalised(Up(4 * width, 2 * width), 2 * width),
        *normalised(Up(2 * width, width), width),
        nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"),
        nn.Tanh(),
    )


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the convolutions of `source`, which are in the same order; missing biases are zero."""
    pairs = zip(
        (m for m in source.modules() if isinstance(m, nn.Conv2d)),
        (m for m in target.modules() if isinstance(m, nn.Conv2d)),
        strict=True,
    )
    with torch.no_grad():
        for given, taken in pairs:
            taken.weight.copy_(given.weight)
            assert taken.bias is not None
            taken.bias.zero_() if given.bias is None else taken.bias.copy_(given.bias)


def eager(network: nn.Module) -> Callable[[Pixels], Pixels]:
    """A network as a function of pictures."""

    @torch.inference_mode()
    def run(pixels: Pixels) -> Pixels:
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        levels = ((network(images) + 1) * 127.5).round().clamp(0, 255)
        result: Pixels = levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        return result

    return run


def smooth_pictures(count: int, px: int) -> Pixels:
    """(count, px, px, 3): coarse noise, doubled smoothly."""
    noise = torch.rand(count, 3, px // 8, px // 8, generator=torch.Generator().manual_seed(0))
    pictures = F.interpolate(noise, size=(px, px), mode="bicubic").clamp(0, 1)
    result: Pixels = (pictures * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return result


def compare(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            time.sleep(PAUSE_SECONDS)
            way()
            for _ in range(CALLS):
                start = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--px", type=int, default=128)
    parser.add_argument("--width", type=int, default=64, help="of our network; the reference's is 64")
    parser.add_argument("--unshuffle", type=int, default=1, help="our network works at so small a part of the size")
    parser.add_argument("--bundle", help="measured in place of a network of ours: one that ships, or a folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = ResNetGenerator(options.width, unshuffle=options.unshuffle).eval()
    initialise(network)
    plain = reference().eval()
    same = options.bundle is None and (options.width, options.unshuffle) == (64, 1)
    if same:
        copy_weights(network, plain)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "cyclegan-anime-to-real"
        if options.bundle:
            folder = find_bundles(options.bundle)[0].folder
        else:
            export_bundle(network, folder, method="cyclegan", source="anime", target="real", px=options.px)
        start = time.perf_counter()
        try:
            translator = Translator.open(folder, threads=options.threads)
        except BundleError as error:
            sys.exit(f"error: {error}")
        loading = time.perf_counter() - start
        size = (folder / "model.onnx").stat().st_size
    options.px = translator.bundle.px
    torch_translate = eager(plain)

    told = ("px", "bundle", "threads") if options.bundle else ("px", "width", "unshuffle", "threads")
    line: dict[str, float | int | str] = {key: vars(options)[key] for key in told}
    for batch in BATCHES:
        pictures = smooth_pictures(batch, options.px)
        ours, theirs = translator.translate(pictures), torch_translate(pictures)
        levels = int(np.abs(ours.astype(int) - theirs.astype(int)).max()) if same else None
        medians = compare(
            {
                "ours": functools.partial(translator.translate, pictures),
                "torch": functools.partial(torch_translate, pictures),
            },
            max(1, options.rounds // batch) if batch > 1 else options.rounds,
        )
        ours_ms, torch_ms = (1000 * medians[name] / batch for name in ("ours", "torch"))
        print(
            f"batch {batch}: ours {ours_ms:.1f} ms a picture, torch {torch_ms:.1f}, "
            f"{torch_ms / ours_ms:.2f}× faster"
            + ("" if levels is None else f"; largest difference {levels} of 255 levels")
        )
        line[f"ms_ours_batch{batch}"] = round(ours_ms, 2)
        line[f"ms_torch_batch{batch}"] = round(torch_ms, 2)
        line[f"ratio_batch{batch}"] = round(torch_ms / ours_ms, 3)
        if levels is not None:
            line[f"max_difference_levels_batch{batch}"] = levels
    line |= {"megabytes": round(size / 1e6, 2), "seconds_to_load": round(loading, 2)}
    line["torch"] = torch.__version__
    print(json.dumps(line))


if __name__ == "__main__":
    main()
