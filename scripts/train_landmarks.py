"""Trains the landmark network on the labels of `label_faces.py`, measures it, and writes its ONNX file.

    python scripts/train_landmarks.py --labels real.jsonl anime.jsonl --archives DATA --minutes 25 -o landmarks

Needs the extra `train`. Rotation, scale, shift, blur, low resolution and occlusion are drawn anew for every picture, so
that the network goes on where its teachers stop. Half of the crops are nearly upright and centred, as those of a second
look are. The last line is JSON: errors on test pictures, upright and turned by ±45°. What ships learned afterwards what
is no face (`research/false_faces/train_verdict.py`).
"""

import argparse
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

from anime2real.train.networks.face import LANDMARK_SIDE, LandmarkNetwork

SIDE = 128
"""Pixels a side that the pictures are kept at."""

SPREAD = {"anime": 0.25, "real": 0.07}
"""Teachers' disagreement, in eye distances, up to which a picture is learned from."""

NEGATIVES = 0.15
SWAP = [1, 0, 2, 4, 3]


def load(labels: list[Path], archives: Path, cache: Path) -> dict[str, NDArray[Any]]:
    """Pictures (P, 128, 128, 3) uint8, points (P, 5, 2) in px of them, real (P,), test (P,), spread (P,)."""
    if cache.exists():
        return dict(np.load(cache))
    entries = [json.loads(line) for path in labels for line in path.read_text().splitlines()]
    entries = [e for e in entries if e["landmarks"] is not None]
    files = {name: zipfile.ZipFile(archives / name) for name in {e["archive"] for e in entries}}
    pictures = np.zeros((len(entries), SIDE, SIDE, 3), np.uint8)
    points = np.zeros((len(entries), 5, 2), np.float32)
    for i, entry in enumerate(entries):
        image = Image.open(io.BytesIO(files[entry["archive"]].read(entry["file"]))).convert("RGB")
        scale = SIDE / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
        padding = ((top, SIDE - size[1] - top), (left, SIDE - size[0] - left), (0, 0))
        pictures[i] = np.pad(pixels, padding, "edge")
        points[i] = np.array(entry["landmarks"]) * scale + (left, top)
    result: dict[str, NDArray[Any]] = {
        "pictures": pictures,
        "points": points,
        "real": np.array([e["domain"] == "real" for e in entries]),
        "test": np.array([e["split"] == "test" for e in entries]),
        "spread": np.array([e["spread"] for e in entries], np.float32),
        "archive": np.array([e["archive"] for e in entries]),
    }
    np.savez(cache, **result)  # type: ignore[arg-type]  # numpy takes a name for allow_pickle
    return result


def frames(points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre (N, 2), tilt (N,), unit (N,) and half of the eye distance's vector of faces with points (N, 5, 2).

    The unit is the mean of the eye distance and 1.1 times the distance from the eyes to the mouth, so that a face seen
    from the side does not shrink.
    """
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    across = points[:, 1] - points[:, 0]
    unit = (across.norm(dim=1) + 1.1 * (mouth - eyes).norm(dim=1)) / 2
    return (eyes + mouth) / 2, torch.atan2(across[:, 1], across[:, 0]), unit, across


def sample(pictures: Tensor, points: Tensor, view: dict[str, Tensor], fill: str) -> tuple[Tensor, Tensor]:
    """Crops (N, 3, 64, 64) in [-1, 1] and their points (N, 5, 2) in shares of the side.

    Args:
        pictures: (N, 128, 128, 3) uint8.
        points: (N, 5, 2) px.
        view: centre (N, 2) px, side (N,) px, angle (N,) of the crop in the picture, mirror (N,) bool.
        fill: padding mode of `grid_sample`.
    """
    n = len(pictures)
    cos, sin = torch.cos(view["angle"]), torch.sin(view["angle"])
    flip = torch.where(view["mirror"], -1.0, 1.0)
    half = view["side"] / 2
    # Crop coordinates in [-1, 1] to picture px, then to grid_sample's [-1, 1].
    matrix = torch.stack(
        [
            torch.stack([half * cos * flip, -half * sin, view["centre"][:, 0]], 1),
            torch.stack([half * sin * flip, half * cos, view["centre"][:, 1]], 1),
        ],
        1,
    )
    theta = matrix * (2 / SIDE)
    theta[:, :, 2] -= 1
    grid = F.affine_grid(theta, [n, 3, LANDMARK_SIDE, LANDMARK_SIDE], align_corners=False)
    image = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    crops = F.grid_sample(image, grid, mode="bilinear", padding_mode=fill, align_corners=False)
    inverse = torch.linalg.inv(matrix[:, :, :2])
    local = torch.einsum("nij,nkj->nki", inverse, points - matrix[:, None, :, 2])
    mirrored = local[:, SWAP]
    return crops, torch.where(view["mirror"][:, None, None], mirrored, local) / 2 + 0.5


def draw_views(points: Tensor, near: Tensor, random: torch.Generator) -> dict[str, Tensor]:
    """Views of faces: `near` (N,) bool ones nearly upright and centred, the others up to 60° off."""
    n = len(points)
    centre, tilt, unit, _ = frames(points)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=random) * (high - low) + low

    side = unit * torch.where(
        near, 3.0 * torch.exp(uniform(-0.12, 0.12)), torch.exp(uniform(math.log(2.1), math.log(5.2)))
    )
    angle = torch.where(near, uniform(-0.16, 0.16), uniform(-1.05, 1.05))
    reach = torch.where(near, 0.05, 0.16)
    shift = torch.stack([uniform(-1, 1), uniform(-1, 1)], 1) * (reach * side)[:, None]
    # The angle is measured from the face's own upright, except for half of the far ones, so that both are seen.
    angle = angle + torch.where(near | (uniform(0, 1) < 0.5), tilt, torch.zeros(n))
    return {"centre": centre + shift, "side": side, "angle": angle, "mirror": uniform(0, 1) < 0.5}


def vary(crops: Tensor, points: Tensor, random: torch.Generator) -> Tensor:
    """Light, colour, noise, low resolution, occlusion."""
    n = len(crops)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*(shape or (n, 1, 1, 1)), generator=random) * (high - low) + low

    def some(share: float) -> Tensor:
        return torch.rand(n, 1, 1, 1, generator=random) < share

    x = crops
    grey = x.mean(1, keepdim=True)
    x = torch.where(some(0.1), grey.expand_as(x), grey + (x - grey) * uniform(0.4, 1.6))
    x = x + uniform(-0.15, 0.15, n, 3, 1, 1)
    x = ((x + uniform(-0.35, 0.35)) * uniform(0.6, 1.4)).clamp(-1, 1)
    for side in (14, 20, 28, 40):
        small = F.interpolate(x, size=(side, side), mode="area")
        blurred = F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
        x = torch.where(some(0.03 if side < 20 else 0.07), blurred, x)
    x = x + torch.randn(x.shape, generator=random) * uniform(0, 0.08) * some(0.3)
    # Something in front: a rotated box of one colour, or, for every third, a mask over nose and mouth.
    ys, xs = torch.meshgrid(*(torch.linspace(0, 1, LANDMARK_SIDE),) * 2, indexing="ij")
    mouth = points[:, 2:].mean(1)[:, :, None, None]
    anywhere = torch.rand(n, 2, 1, 1, generator=random)
    middle = torch.where(some(0.33), mouth, anywhere)
    angle = uniform(-3, 3, n, 1, 1)
    dx, dy = xs - middle[:, 0], ys - middle[:, 1]
    u, v = dx * torch.cos(angle) + dy * torch.sin(angle), dy * torch.cos(angle) - dx * torch.sin(angle)
    inside = (u.abs() < uniform(0.03, 0.2, n, 1, 1)) & (v.abs() < uniform(0.03, 0.14, n, 1, 1))
    covered = inside[:, None] & some(0.35)
    return torch.where(covered, uniform(-1, 1, n, 3, 1, 1), x)


def negatives(crops: Tensor, views: dict[str, Tensor], pictures: Tensor, random: torch.Generator) -> Tensor:
    """Crops without a face: far beside it, deep inside it, or noise."""
    n = len(pictures)
    kind = torch.rand(n, generator=random)
    direction = torch.rand(n, generator=random) * 2 * math.pi
    away = torch.stack([torch.cos(direction), torch.sin(direction)], 1) * (views["side"] * 0.75)[:, None]
    side = torch.where(kind < 0.4, views["side"] * 0.22, views["side"])
    view = {**views, "side": side, "centre": views["centre"] + torch.where(kind < 0.4, 0.4, 1.0)[:, None] * away}
    crops, _ = sample(pictures, torch.zeros(n, 5, 2), view, "reflection")
    coarse = torch.randn(n, 3, 6, 6, generator=random)
    noise = F.interpolate(coarse, size=crops.shape[2:], mode="bicubic", align_corners=False).clamp(-1, 1)
    return torch.where((kind > 0.85)[:, None, None, None], noise, crops)


def loss_of(
    network: LandmarkNetwork, crops: Tensor, points: Tensor, real: Tensor, face: Tensor, unit: Tensor
) -> Tensor:
    """Cross-entropy of the maps with a narrow Gaussian, distance in units of the face, and the two verdicts."""
    predicted, verdict, maps = network(crops)
    side = LANDMARK_SIDE // 2
    places = (torch.arange(side) + 0.5) / side
    seen = ((points > 0) & (points < 1)).all(2) & face[:, None]
    sharp = 0.5 / (1.0 / side) ** 2
    gx = torch.exp(-sharp * (points[:, :, 0, None] - places) ** 2)
    gy = torch.exp(-sharp * (points[:, :, 1, None] - places) ** 2)
    target = (gy[:, :, :, None] * gx[:, :, None, :]).flatten(2)
    target = target / target.sum(2, keepdim=True).clamp_min(1e-6)
    count = seen.sum().clamp_min(1)
    entropy = -((target * maps).sum(2) * seen).sum() / count
    distance = (((predicted - points).norm(dim=2) / unit[:, None]) * seen).sum() / count
    scored = F.binary_cross_entropy_with_logits(verdict[:, 0], face.float())
    domain = (F.binary_cross_entropy_with_logits(verdict[:, 1], real.float(), reduction="none") * face).sum()
    return 0.2 * entropy + 5.0 * distance + 0.5 * scored + 0.5 * domain / face.sum().clamp_min(1)


@torch.no_grad()
def predict(network: LandmarkNetwork, pictures: Tensor, view: dict[str, Tensor], looks: int) -> tuple[Tensor, Tensor]:
    """Points (N, 5, 2) in px after so many looks, and the last verdict (N, 2)."""
    for look in range(looks):
        crops, _ = sample(pictures, torch.zeros(len(pictures), 5, 2), view, "border")
        local, verdict, _ = network(crops)
        offset = (local - 0.5) * view["side"][:, None, None]
        cos, sin = torch.cos(view["angle"])[:, None], torch.sin(view["angle"])[:, None]
        points = torch.stack(
            [offset[..., 0] * cos - offset[..., 1] * sin, offset[..., 0] * sin + offset[..., 1] * cos], 2
        )
        points = points + view["centre"][:, None]
        if look + 1 < looks:
            centre, tilt, unit, _ = frames(points)
            view = {
                "centre": centre,
                "angle": tilt,
                "side": 3.0 * unit,
                "mirror": torch.zeros(len(pictures), dtype=torch.bool),
            }
    return points, verdict


def measure(
    network: LandmarkNetwork, data: dict[str, Tensor], turned: float, looks: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Median errors on test pictures, against the teachers, from rough crops turned by ±`turned` degrees."""
    network.eval()
    result = {}
    for name, real in (("real", True), ("anime", False)):
        rows = ((data["real"] == real) & data["test"] & (data["spread"] < SPREAD[name])).nonzero().flatten()[:1000]
        points, pictures = data["points"][rows], data["pictures"][rows]
        random = torch.Generator().manual_seed(seed)
        n = len(rows)
        centre, tilt, unit, across = frames(points)
        jitter = torch.rand(n, 3, generator=random) * 2 - 1
        sign = torch.where(torch.arange(n) % 2 == 0, 1.0, -1.0)
        view = {
            "centre": centre + 0.08 * jitter[:, :2] * 3.6 * unit[:, None],
            "side": 3.6 * unit * torch.exp(0.15 * jitter[:, 2]),
            "angle": sign * math.radians(turned) + torch.zeros(n),
            "mirror": torch.zeros(n, dtype=torch.bool),
        }
        found, verdict = predict(network, pictures, view, looks)
        distance = across.norm(dim=1)
        eye = (found[:, :2] - points[:, :2]).norm(dim=2).mean(1) / distance
        every = (found - points).norm(dim=2).mean(1) / distance
        _, tilt_found, _, _ = frames(found)
        difference = (tilt_found - tilt + math.pi) % (2 * math.pi) - math.pi
        result[name] = {
            "pictures": n,
            "eye_error_percent": round(float(eye.median()) * 100, 2),
            "all_points_error_percent": round(float(every.median()) * 100, 2),
            "tilt_error_degrees": round(float(difference.abs().median()) * 180 / math.pi, 2),
            "domain_right": round(float(((verdict[:, 1] > 0) == real).float().mean()), 4),
            "face_accepted": round(float((verdict[:, 0] > 0).float().mean()), 4),
        }
    network.train()
    return result


def export(network: LandmarkNetwork, path: Path) -> None:
    """`image` (N, 3, 64, 64) in [-1, 1] to `points` (N, 5, 2) and `verdict` (N, 2), probabilities."""
    from anime2real.train.export.to_onnx import small_onnx

    class Answer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            points, verdict, _ = self.network(image)
            return points, torch.sigmoid(verdict)

    path.write_bytes(
        small_onnx(Answer().eval(), (2, 3, LANDMARK_SIDE, LANDMARK_SIDE), ["points", "verdict"], free=(0,))
    )


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", nargs="+", type=Path, required=True)
    parser.add_argument("--archives", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--batch-size", type=int, default=96)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    loaded = load(options.labels, options.archives, options.output / "faces.npz")
    data = {key: torch.from_numpy(value) for key, value in loaded.items() if value.dtype.kind != "U"}
    usable = ~data["test"] & (data["spread"] < torch.where(data["real"], SPREAD["real"], SPREAD["anime"]))
    pools = [(usable & (data["real"] == real)).nonzero().flatten() for real in (False, True)]
    print(f"{len(pools[0])} drawings, {len(pools[1])} photographs to learn from", flush=True)

    network = LandmarkNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M weights", flush=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=1e-4)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    random = torch.Generator().manual_seed(options.seed)
    start = last = time.time()
    step, count = 0, options.batch_size
    while (used := (time.time() - start) / 60 / options.minutes) < 1:
        rate = options.learning_rate * min(1.0, step / 200) * (0.5 + 0.5 * math.cos(math.pi * used))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.cat([pool[torch.randint(len(pool), (count // 2,), generator=random)] for pool in pools])
        pictures, points = data["pictures"][rows], data["points"][rows]
        near = torch.rand(count, generator=random) < 0.5
        views = draw_views(points, near, random)
        fill = ("border", "reflection", "zeros")[step % 3]
        crops, local = sample(pictures, points, views, fill)
        face = torch.rand(count, generator=random) >= NEGATIVES
        crops = torch.where(face[:, None, None, None], crops, negatives(crops, views, pictures, random))
        crops = vary(crops, local, random).contiguous(memory_format=torch.channels_last)
        _, _, unit, _ = frames(points)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=False):
            loss = loss_of(network, crops, local, data["real"][rows], face, unit / views["side"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update_parameters(network)
        step += 1
        if time.time() - last > 60:
            last = time.time()
            left = options.minutes * (1 - used)
            print(
                f"{step} steps, {step * count / (last - start):.0f} crops/s, loss {loss:.3f}, {left:.1f} min left",
                flush=True,
            )
            if step % 3 == 0:
                print(json.dumps(measure(cast(LandmarkNetwork, average.module), data, 0.0, 2, 0)), flush=True)
    best = cast(LandmarkNetwork, average.module)
    torch.save(best.state_dict(), options.output / "landmarks.pt")
    best.eval()
    export(best, options.output / "landmarks.onnx")
    line = {
        f"{looks} look{'s' * (looks > 1)}, turned {turned}°": measure(best, data, turned, looks, 1)
        for looks in (1, 2)
        for turned in (0, 45)
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
