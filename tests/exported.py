"""Networks exported for tests of what starts from bundles, and what they draw."""

from pathlib import Path

import torch

from anime2real.bundle.format import Bundle, read
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.networks.resnet import ResNetGenerator, initialise

WIDTH, PX = 32, 32

Exported = tuple[ResNetGenerator, Bundle]


def drawn(network: torch.nn.Module, px: int = PX, *more: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(sample_pictures(2, px, 5), *more)


def generator(width: int = WIDTH, blocks: int = 2, **kinds: int) -> ResNetGenerator:
    """One with weights that do something."""
    torch.manual_seed(3)
    network = ResNetGenerator(width, blocks, **kinds)
    initialise(network, 0.05)
    for name, value in network.named_parameters():
        if name == "decoder.head.convolution.bias" or "modulate" in name:
            torch.nn.init.normal_(value, 0.0, 0.3)
    return network


def written(network: ResNetGenerator, folder: Path) -> Bundle:
    """Its bundle to real."""
    styled = any("modulate" in name for name in network.state_dict())
    export_bundle(
        network, folder, method="galatea", source="anime", target="real", px=PX * network.unshuffle,
        conditions=("style",) if styled else (), licence="none", rights="of its makers",
        training={"pairs": 7, "minutes": 1.5}, say=lambda line: None,
    )  # fmt: skip
    return read(folder)
