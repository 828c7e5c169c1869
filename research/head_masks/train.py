"""Trains the network that marks face and hair in crops of both domains, and writes the ONNX file that ships.

    python research/head_masks/train.py head --minutes 6 -o src/anime2real/face/models/head.onnx

Reads `data.npz` of `make_data.py`, and starts from the network that finds the hair of photographs, whose norms stay as
they are. Photographs and their drawings share a mask. At a third of the time, the network so
far marks the drawings that nobody labelled: it looks at each drawing and at the person made of it, and where both
answers agree, their mean is learned from as well. Hair is dyed and crops are moved, lit and blurred anew each time. The
last line is JSON: IoU of face, hair and both together at 128 px, on 100 test photographs and on their drawings.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.data.hair_masks import MODEL
from anime2real.train.export.to_onnx import small_onnx
from anime2real.train.networks.hair_segmentation import HAIR_SIDE, HairNetwork

AGREE = 0.8
"""Least IoU of what is seen in a drawing and in the person made of it."""

LABELLED_AT = 0.35
"""Share of the time after which drawings are labelled."""


def uniform(shape: tuple[int, ...], low: float, high: float, random: torch.Generator) -> Tensor:
    """Numbers in [low, high)."""
    return torch.rand(shape, generator=random) * (high - low) + low


def moved(crops: Tensor, masks: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Crops (N, 3, S, S) and masks (N, 2, S, S), mirrored, turned, scaled and shifted alike."""
    n = len(crops)
    scale = torch.exp(uniform((n,), -0.35, 0.15, random))
    angle = uniform((n,), -0.15, 0.15, random) + uniform((n,), -0.5, 0.5, random) * (uniform((n,), 0, 1, random) < 0.3)
    mirror = torch.where(uniform((n,), 0, 1, random) < 0.5, -1.0, 1.0)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [torch.stack([cos * mirror, -sin, uniform((n,), -0.12, 0.12, random)], 1)]
    rows.append(torch.stack([sin * mirror, cos, uniform((n,), -0.12, 0.12, random)], 1))
    grid = F.affine_grid(torch.stack(rows, 1), [n, 5, HAIR_SIDE, HAIR_SIDE], align_corners=False)
    both = F.grid_sample(torch.cat([crops, masks], 1), grid, padding_mode="reflection", align_corners=False)
    return both[:, :3], both[:, 3:]


def lit(crops: Tensor, masks: Tensor, random: torch.Generator) -> Tensor:
    """Hair dyed, light, colour, sharpness, noise; some are grey."""
    n = len(crops)
    dye = uniform((n, 3, 1, 1), -0.5, 0.5, random) * (uniform((n, 1, 1, 1), 0, 1, random) < 0.4)
    x = crops + dye * masks[:, 1:]
    grey = x.mean(1, keepdim=True)
    few = uniform((n, 1, 1, 1), 0, 1, random) < 0.1
    x = torch.where(few, grey.expand_as(x), grey + (x - grey) * uniform((n, 1, 1, 1), 0.5, 1.5, random))
    x = x + uniform((n, 3, 1, 1), -0.1, 0.1, random) + uniform((n, 1, 1, 1), -0.25, 0.25, random)
    x = (x * uniform((n, 1, 1, 1), 0.7, 1.3, random)).clamp(-1, 1)
    for side in (48, 64, 88):
        small = F.interpolate(x, size=(side, side), mode="area")
        blurred = F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
        x = torch.where(uniform((n, 1, 1, 1), 0, 1, random) < 0.12, blurred, x)
    noisy = uniform((n, 1, 1, 1), 0, 0.06, random) * (uniform((n, 1, 1, 1), 0, 1, random) < 0.3)
    return x + torch.randn(x.shape, generator=random) * noisy


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy, and one minus the soft Dice coefficient (Milletari et al., 2016); both (N, 2, 64, 64)."""
    probability = torch.sigmoid(logits)
    shared = (probability * masks).sum((2, 3))
    dice = (2 * shared + 32) / (probability.sum((2, 3)) + masks.sum((2, 3)) + 32)
    return F.binary_cross_entropy_with_logits(logits, masks) + 0.5 * (1 - dice).mean()


def from_hair() -> HairNetwork:
    """The network with two answers, face and hair, and the weights of the one that has learned hair alone."""
    known = {
        weights.name.removeprefix("0.").removesuffix(".fp16"): torch.from_numpy(
            onnx.numpy_helper.to_array(weights).astype(np.float32)
        )
        for weights in onnx.load(MODEL).graph.initializer
    }
    network = HairNetwork(answers=2)
    own = network.state_dict()
    for name, value in known.items():
        if name in own and own[name].shape == value.shape:
            own[name].copy_(value)
    for index, up in enumerate(network.up):
        for number, layer in enumerate(cast(torch.nn.Sequential, up)):
            cast(Any, layer)[0].weight.data.copy_(
                known[f"up.{index}.{number}.0.weight"]
            )  # with the norm behind it folded in
            cast(Any, layer)[1].bias.data.copy_(known[f"up.{index}.{number}.0.weight_bias"])
    network.answer.weight.data[1].copy_(known["answer.weight"][0])
    network.answer.bias.data[1].copy_(known["answer.bias"][0])
    return network


@torch.no_grad()
def predict(network: torch.nn.Module, crops: Tensor) -> Tensor:
    """Masks (N, 2, 128, 128) in [0, 1] of crops (N, 3, 128, 128) in [-1, 1]."""
    logits = torch.cat([network(part) for part in crops.split(20)])
    return F.interpolate(torch.sigmoid(logits), scale_factor=2.0, mode="bilinear", align_corners=False)


def overlap(one: Tensor, two: Tensor) -> Tensor:
    """IoU a picture of masks (N, H, W), cut at a half."""
    a, b = one > 0.5, two > 0.5
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp(min=1)


def figures(masks: Tensor, truth: Tensor) -> dict[str, float]:
    """Mean IoU of face, hair and their union."""
    pairs = {
        "face": (masks[:, 0], truth[:, 0]),
        "hair": (masks[:, 1], truth[:, 1]),
        "head": (masks.amax(1), truth.amax(1)),
    }
    return {name: round(float(overlap(*pair)[pair[1].mean((1, 2)) > 0.01].mean()), 4) for name, pair in pairs.items()}


def labelled(network: torch.nn.Module, drawings: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
    """The drawings whose masks the network is sure of, and these masks, (M, 2, 128, 128)."""
    seen, meant = predict(network, drawings), predict(network, people)
    kept = overlap(seen.amax(1), meant.amax(1)) > AGREE
    return drawings[kept], ((seen + meant) / 2)[kept]


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of data.npz")
    parser.add_argument("--minutes", type=float, default=6.0, help="of one core's time")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data = {key: torch.from_numpy(value) for key, value in np.load(options.data / "data.npz").items()}
    test = data["test"]
    crops = {
        key: data[key].permute(0, 3, 1, 2).float() / 127.5 - 1 for key in ("photographs", "drawn", "drawings", "people")
    }
    masks = data["masks"].permute(0, 3, 1, 2).float() / 255
    pools = [(crops["photographs"][~test], masks[~test]), (crops["drawn"][~test], masks[~test])]
    network = from_hair().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [(network.encoder(), 0.2), (network.decoder(), 1.0)]  # what was learned elsewhere moves slowly
    optimizer = torch.optim.AdamW([{"params": p} for p, _ in groups], lr=options.learning_rate, weight_decay=1e-3)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    random = torch.Generator().manual_seed(0)
    start, step = time.process_time(), 0
    while (used := (time.process_time() - start) / 60 / options.minutes) < 1:
        if used > LABELLED_AT and len(pools) == 2:
            pools += [labelled(average.module, crops["drawings"], crops["people"])] * 2
            print(f"{step} steps; {len(pools[2][0])} of {len(crops['drawings'])} drawings labelled", flush=True)
        rate = options.learning_rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * used))
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] = rate * share
        parts = []
        for pictures, truth in pools:
            rows = torch.randint(len(pictures), (options.batch_size // len(pools),), generator=random)
            parts.append((pictures[rows], truth[rows]))
        chosen, drawn = zip(*parts, strict=True)
        views, wanted = moved(torch.cat(chosen), torch.cat(drawn), random)
        logits = network(lit(views, wanted, random).contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits, F.avg_pool2d(wanted, 2))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update_parameters(network)
        step += 1
        if step % 50 == 0:
            print(f"{step} steps, {used:.0%}, loss {loss:.3f}", flush=True)
    best = cast(HairNetwork, average.module)
    answer = torch.nn.Sequential(best, torch.nn.Sigmoid()).eval()
    options.output.write_bytes(small_onnx(answer, (2, 3, HAIR_SIDE, HAIR_SIDE), ["masks"], free=(0,)))
    told = {key: figures(predict(best, crops[key][test]), masks[test]) for key in ("photographs", "drawn")}
    print(json.dumps({"steps": step, "bytes": options.output.stat().st_size, **told}))


if __name__ == "__main__":
    main()
