"""Trains the hair network on part maps of photographs, measures it, and writes the ONNX file that ships.

    python scripts/train_hair.py celebamask-256.zip celebamask-parts-256.zip --minutes 12 -o hair

Needs the extra `train`. The first archive holds photographs, the second maps of face parts as palette PNGs of the same
names, in which 13 is hair. Photographs are lined up by their own landmarks, as those of a pack are; 100, chosen by
the hash of their names, are kept for testing. Mirror, place, size, turn, colour, sharpness and noise are drawn anew
each time. The last line is JSON: IoU on the test pictures at 128 px, over all pixels and a picture, of the network's
answer enlarged, and of the file that is written with the guided filter behind it, as packs have it.
"""

import argparse
import hashlib
import io
import json
import math
import time
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from anime2real.data.hair_masks import hair_mask, hair_session
from anime2real.face.finder import FaceFinder
from anime2real.face.geometry import Similarity, align
from anime2real.train.networks.hair_segmentation import HAIR_SIDE, HairNetwork

HAIR = 13
TESTED = 100

WIDE = 160
"""Pixels a side that the pictures are kept at: a crop of `HAIR_SIDE` with room to move in."""


def contents(archive: Path) -> dict[str, bytes]:
    """The files of an archive by their names without folder and ending."""
    with zipfile.ZipFile(archive) as file:
        return {Path(name).stem: file.read(name) for name in file.namelist() if not name.endswith("/")}


def load(photographs: Path, parts: Path, cache: Path) -> dict[str, NDArray[Any]]:
    """Pictures (P, 160, 160, 3) uint8, hair (P, 160, 160) uint8 in 0-255, test (P,) bool."""
    if cache.exists():
        return dict(np.load(cache))
    finder = FaceFinder(threads=1)
    pictures, maps = contents(photographs), contents(parts)
    names = sorted(pictures.keys() & maps.keys())
    tested = set(sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:TESTED])
    rows: list[tuple[NDArray[np.uint8], NDArray[np.uint8], bool]] = []
    share = HAIR_SIDE / WIDE
    for name in names:
        image = Image.open(io.BytesIO(pictures[name])).convert("RGB")
        faces = finder(image)
        if not faces:
            continue
        wide = faces[0].crop.then(Similarity(complex(share), complex(1 - share, 1 - share) / 2))
        hair = (np.asarray(Image.open(io.BytesIO(maps[name]))) == HAIR) * np.uint8(255)
        mask = align(Image.fromarray(hair).convert("RGB").resize(image.size), wide, WIDE, beyond="mirror")
        rows.append((np.asarray(align(image, wide, WIDE, beyond="mirror")), np.asarray(mask)[:, :, 0], name in tested))
    result = {
        "pictures": np.stack([row[0] for row in rows]),
        "hair": np.stack([row[1] for row in rows]),
        "test": np.array([row[2] for row in rows]),
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, **result)  # type: ignore[arg-type]  # numpy takes a name for allow_pickle
    return result


def middle(pixels: Tensor) -> Tensor:
    """The crop (…, 128, 128) that a pack holds, out of the wide one (…, 160, 160)."""
    margin = (WIDE - HAIR_SIDE) // 2
    return pixels[..., margin : WIDE - margin, margin : WIDE - margin]


def sample(pictures: Tensor, hair: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Crops (N, 3, 128, 128) in [-1, 1] and their hair (N, 1, 128, 128) in [0, 1], moved alike.

    Args:
        pictures: (N, 160, 160, 3) uint8.
        hair: (N, 160, 160) uint8.
        random: what decides.
    """
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=random) * (high - low) + low

    scale = HAIR_SIDE / WIDE * torch.exp(uniform(-0.2, 0.15))
    angle = uniform(-0.1, 0.1) + uniform(-0.4, 0.4) * (uniform(0, 1) < 0.3)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [torch.stack([cos * mirror, -sin, uniform(-0.08, 0.08)], 1)]
    rows.append(torch.stack([sin * mirror, cos, uniform(-0.08, 0.08)], 1))
    grid = F.affine_grid(torch.stack(rows, 1), [n, 4, HAIR_SIDE, HAIR_SIDE], align_corners=False)
    both = torch.cat([pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, hair[:, None].float() / 255], 1)
    moved = F.grid_sample(both, grid, padding_mode="reflection", align_corners=False)
    return moved[:, :3], moved[:, 3:]


def vary(crops: Tensor, random: torch.Generator) -> Tensor:
    """Light, colour, sharpness, noise."""
    n = len(crops)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.rand(n, channels, 1, 1, generator=random) * (high - low) + low

    grey = crops.mean(1, keepdim=True)
    x = torch.where(uniform(0, 1) < 0.08, grey.expand_as(crops), grey + (crops - grey) * uniform(0.5, 1.5))
    x = ((x + uniform(-0.1, 0.1, 3) + uniform(-0.25, 0.25)) * uniform(0.7, 1.3)).clamp(-1, 1)
    for side in (48, 64, 88):
        small = F.interpolate(x, size=(side, side), mode="area")
        blurred = F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
        x = torch.where(uniform(0, 1) < 0.15, blurred, x)
    return x + torch.randn(x.shape, generator=random) * uniform(0, 0.06) * (uniform(0, 1) < 0.3)


def loss_of(logits: Tensor, hair: Tensor) -> Tensor:
    """Cross-entropy, and one minus the soft Dice coefficient (Milletari et al., 2016); both (N, 1, 64, 64)."""
    probability = torch.sigmoid(logits)
    shared = (probability * hair).sum((1, 2, 3))
    dice = (2 * shared + 32) / (probability.sum((1, 2, 3)) + hair.sum((1, 2, 3)) + 32)
    return F.binary_cross_entropy_with_logits(logits, hair) + 0.5 * (1 - dice).mean()


def overlap(masks: NDArray[Any], hair: NDArray[Any]) -> dict[str, float]:
    """Intersection over union of masks (N, H, W) in [0, 1], cut at a half: over all pixels, and a picture."""
    one, two = masks > 0.5, hair > 0.5
    shared, either = (one & two).sum((1, 2)), (one | two).sum((1, 2))
    there = two.mean((1, 2)) > 0.01
    return {
        "iou": round(float(shared.sum() / either.sum()), 4),
        "iou_a_picture": round(float((shared[there] / either[there]).mean()), 4),
        "iou_worst_tenth": round(float(np.quantile(shared[there] / either[there], 0.1)), 4),
    }


@torch.no_grad()
def predict(network: HairNetwork, crops: Tensor) -> NDArray[np.float32]:
    """Masks (N, 128, 128) in [0, 1] of crops (N, 3, 128, 128)."""
    network.eval()
    logits = torch.cat([network(part) for part in crops.split(20)])
    network.train()
    masks = F.interpolate(torch.sigmoid(logits), scale_factor=2.0, mode="bilinear", align_corners=False)
    return np.asarray(masks[:, 0].numpy())


def export(network: HairNetwork, path: Path) -> None:
    """`image` (N, 3, 128, 128) in [-1, 1] to `hair` (N, 1, 64, 64), probabilities."""
    from anime2real.train.export.to_onnx import small_onnx

    answer = torch.nn.Sequential(network, torch.nn.Sigmoid()).eval()
    path.write_bytes(small_onnx(answer, (2, 3, HAIR_SIDE, HAIR_SIDE), ["hair"], free=(0,)))


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("parts", type=Path)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    data = {
        k: torch.from_numpy(v) for k, v in load(options.photographs, options.parts, options.output / "hair.npz").items()
    }
    learned, tested = ((data["test"] == test).nonzero().flatten() for test in (False, True))
    crops = middle(data["pictures"][tested].permute(0, 3, 1, 2).float() / 127.5 - 1)
    truth = middle(data["hair"][tested]).numpy() / 255
    network = HairNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"{len(learned)} to learn from, {len(tested)} to test on, "
          f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M weights", flush=True)  # fmt: skip
    # What was learned elsewhere moves slowly.
    groups = [(network.encoder(), 0.2), (network.decoder(), 1.0)]
    optimizer = torch.optim.AdamW([{"params": p} for p, _ in groups], lr=options.learning_rate, weight_decay=1e-3)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    random = torch.Generator().manual_seed(options.seed)
    start = last = time.time()
    step = 0
    while (used := (time.time() - start) / 60 / options.minutes) < 1:
        rate = options.learning_rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * used))
        for group, (_, share) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] = rate * share
        rows = learned[torch.randint(len(learned), (options.batch_size,), generator=random)]
        views, hair = sample(data["pictures"][rows], data["hair"][rows], random)
        logits = network(vary(views, random).contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits, F.avg_pool2d(hair, 2))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update_parameters(network)
        step += 1
        if time.time() - last > 90:
            last = time.time()
            print(f"{step} steps, {step * options.batch_size / (last - start):.0f} crops/s, loss {loss:.3f}, "
                  f"{overlap(predict(cast(HairNetwork, average.module), crops), truth)}", flush=True)  # fmt: skip
    best = cast(HairNetwork, average.module)
    export(best, options.output / "hair.onnx")
    session = hair_session(options.output / "hair.onnx")
    shown = middle(data["pictures"][tested].permute(0, 3, 1, 2)).permute(0, 2, 3, 1).contiguous().numpy()
    refined = np.stack([hair_mask(Image.fromarray(view), session) for view in shown]) / 255
    figures = {"network": overlap(predict(best, crops), truth), "refined": overlap(refined, truth)}
    print(json.dumps({"steps": step, "pictures": len(tested), **figures}))


if __name__ == "__main__":
    main()
