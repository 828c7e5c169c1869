"""Trains the face detector on canvases made of labelled faces, measures it, and writes the ONNX file that ships.

    python scripts/train_detector.py --faces landmarks/faces.npz --empty coffee.png china.jpg … --minutes 20 -o detector

`faces.npz` is what `train_landmarks.py` leaves. A canvas is a grid of 1 to 16 tiles, each a face of either domain
turned by up to 50° and between 24 and 130 px wide, or nothing: a part of a picture beside its face, a part of a picture
without faces (`--empty`), noise, shapes, textures. Trains in plain fp32 on the CPU. The last line is JSON.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor
from train_landmarks import SIDE, SPREAD, frames

from anime2real.train.networks.face import DETECTOR_STRIDE, DetectorNetwork

CANVAS = 192
CELLS = CANVAS // DETECTOR_STRIDE
UNIT_SIDE = 3.0
"""Side of a face's square in its units (see `frames`): from the brows to the chin, about."""

REFERENCE = 32.0
"""Side whose logarithm is 0."""


def tiles(pictures: Tensor, view: dict[str, Tensor], side: int, backdrop: Tensor) -> Tensor:
    """(N, 3, side, side): what `view` (centre px, scale, angle, mirror, cut) shows, `backdrop` beyond the picture."""
    n = len(pictures)
    cos, sin = torch.cos(view["angle"]), torch.sin(view["angle"])
    flip = torch.where(view["mirror"], -1.0, 1.0)
    half = side / 2 / view["scale"]
    matrix = torch.stack(
        [
            torch.stack([half * cos * flip, -half * sin, view["centre"][:, 0]], 1),
            torch.stack([half * sin * flip, half * cos, view["centre"][:, 1]], 1),
        ],
        1,
    )
    theta = matrix * (2 / SIDE)
    theta[:, :, 2] -= 1
    grid = F.affine_grid(theta, [n, 3, side, side], align_corners=False)
    image = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    # What is shown much smaller than it is would alias: soften it first.
    soft = F.avg_pool2d(image, 3, 1, 1)
    image = torch.where((view["scale"] < 0.6)[:, None, None, None], soft, image)
    shown = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    outside = (grid.abs() > 1).any(3)[:, None]
    return torch.where(outside & view["cut"][:, None, None, None], backdrop, shown)


class Canvases:
    """Draws canvases and their targets."""

    def __init__(self, data: dict[str, Tensor], empty: list[Tensor], test: bool, seed: int) -> None:
        spread = torch.where(data["real"], SPREAD["real"], SPREAD["anime"])
        usable = (data["test"] == test) & (data["spread"] < spread)
        self.pools = [(usable & (data["real"] == real)).nonzero().flatten() for real in (False, True)]
        self.data, self.empty = data, empty
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        return torch.rand(n, generator=self.random) * (high - low) + low

    def nothing(self, n: int, side: int) -> Tensor:
        """(N, 3, side, side) without a face."""
        noise = torch.randn(n, 3, 5, 5, generator=self.random)
        result = F.interpolate(noise, size=(side, side), mode="bicubic", align_corners=False).clamp(-1, 1)
        result = result * self.uniform(n, 0, 1)[:, None, None, None] + self.uniform(n, -1, 1)[:, None, None, None]
        for i in range(n):
            kind = float(self.uniform(1, 0, 1))
            if kind < 0.2:
                result[i] = self.shapes(side)
            elif kind < 0.4:
                result[i] = self.texture(side)
            elif self.empty and kind < 0.8:
                source = self.empty[int(torch.randint(len(self.empty), (1,), generator=self.random))]
                share = float(self.uniform(1, 0.3, 1.0))
                height, width = (max(side // 4, round(share * s)) for s in source.shape[1:])
                top = int(self.uniform(1, 0, source.shape[1] - height + 1))
                left = int(self.uniform(1, 0, source.shape[2] - width + 1))
                part = source[None, :, top : top + height, left : left + width]
                part = part.rot90(int(torch.randint(4, (1,), generator=self.random)), (2, 3))
                result[i] = F.interpolate(part, size=(side, side), mode="bilinear", antialias=True)[0]
        return result.clamp(-1, 1)

    def texture(self, side: int) -> Tensor:
        """(3, side, side): noise at every scale, stretched one way, in two colours: fur, grass, rock, cloud."""
        image = torch.zeros(1, 3, side, side)
        slope, stretch = float(self.uniform(1, 0.0, 1.2)), float(self.uniform(1, 0.3, 1.0))
        grey = float(self.uniform(1, 0, 1)) < 0.6
        cells = 3
        while cells < side:
            noise = torch.randn(1, 1 if grey else 3, max(2, round(cells * stretch)), cells, generator=self.random)
            image += F.interpolate(noise, size=(side, side), mode="bicubic", align_corners=False) * cells**-slope
            cells *= 2
        low, high = (self.uniform(3, -1, 1)[:, None, None] for _ in range(2))
        share = torch.sigmoid(image[0] / image.std() * 2)
        part = low + (high - low) * share
        return part.rot90(int(torch.randint(4, (1,), generator=self.random)), (1, 2))

    def shapes(self, side: int) -> Tensor:
        """(3, side, side): discs, lines and boxes, which alone make no face."""
        random = np.random.default_rng(int(torch.randint(2**31, (1,), generator=self.random)))
        image = Image.new("RGB", (side, side), tuple(random.integers(0, 256, 3).tolist()))
        pen = ImageDraw.Draw(image)
        for _ in range(int(random.integers(3, 25))):
            colour = tuple(random.integers(0, 256, 3).tolist())
            x, y = random.integers(0, side, 2).tolist()
            w, h = (2 + random.integers(0, side // 2, 2)).tolist()
            shape = random.integers(3)
            if shape == 0:
                pen.ellipse((x, y, x + w, y + h), fill=colour)
            elif shape == 1:
                pen.rectangle((x, y, x + w, y + h), fill=colour)
            else:
                pen.line((x, y, *random.integers(0, side, 2).tolist()), fill=colour, width=1 + w // 8)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1

    def faces(self, n: int, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Tiles (N, 3, side, side), centres (N, 2) px, sides (N,) px, real (N,), shown (N,): whether it is there."""
        real = torch.rand(n, generator=self.random) < 0.5
        picks = [pool[torch.randint(len(pool), (n,), generator=self.random)] for pool in self.pools]
        rows = torch.where(real, picks[1], picks[0])
        pictures, points = self.data["pictures"][rows], self.data["points"][rows]
        centre, _, unit, _ = frames(points)
        largest = min(130.0, 1.0 * side)
        size = torch.exp(self.uniform(n, math.log(24.0), math.log(largest)))
        room = (side - 0.8 * size).clamp_min(0) / 2
        # Half show the picture around the face as it is; the others cut it off at its border.
        view = {
            "scale": size / (UNIT_SIDE * unit),
            "angle": self.uniform(n, -0.9, 0.9) * (self.uniform(n, 0, 1) < 0.7),
            "mirror": self.uniform(n, 0, 1) < 0.5,
            "cut": self.uniform(n, 0, 1) < 0.6,
        }
        offset = torch.stack([self.uniform(n, -1, 1) * room, self.uniform(n, -1, 1) * room], 1)
        kind = self.uniform(n, 0, 1)
        beside = kind < 0.12  # a part of a picture beside its face
        direction = self.uniform(n, 0, 2 * math.pi)
        away = torch.stack([torch.cos(direction), torch.sin(direction)], 1)
        size = torch.where(beside, torch.full_like(size, float(side) * 1.6), size)
        view["scale"] = size / (UNIT_SIDE * unit)
        flip = torch.where(view["mirror"], -1.0, 1.0)
        cos, sin = torch.cos(view["angle"]), torch.sin(view["angle"])
        # The tile's middle lies at centre - R · flip · offset / scale of the picture.
        dx, dy = offset[:, 0] / view["scale"] * flip, offset[:, 1] / view["scale"]
        turned = torch.stack([dx * cos - dy * sin, dx * sin + dy * cos], 1)
        shifted = centre - turned
        view["centre"] = torch.where(beside[:, None], centre + away * (UNIT_SIDE * unit)[:, None] * 1.05, shifted)
        view["cut"] = view["cut"] & ~beside
        shown = tiles(pictures, view, side, self.nothing(n, side))
        void = (kind > 0.7)[:, None, None, None]
        shown = torch.where(void, self.nothing(n, side), shown)
        return shown, offset + side / 2, size, real, ~beside & (kind <= 0.7)

    def draw(self, n: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Canvases (N, 3, CANVAS, CANVAS) and targets: heat (N, C, C), and where = 1 log size, offset, real."""
        grid = (1, 2, 3, 4)[int(torch.multinomial(torch.tensor([0.35, 0.3, 0.2, 0.15]), 1, generator=self.random))]
        side = CANVAS // grid
        shown, centre, size, real, there = self.faces(n * grid * grid, side)
        canvas = shown.view(n, grid, grid, 3, side, side).permute(0, 3, 1, 4, 2, 5).reshape(n, 3, CANVAS, CANVAS)
        place = torch.arange(grid * grid)
        corner = torch.stack([place % grid, place // grid], 1) * side
        centre = centre.view(n, -1, 2) + corner
        size, real, there = (t.view(n, -1) for t in (size, real, there))
        cells = centre / DETECTOR_STRIDE
        at = cells.long().clamp(0, CELLS - 1)
        heat = torch.zeros(n, CELLS, CELLS)
        middle = torch.arange(CELLS) + 0.5
        target = torch.zeros(n, 4, CELLS, CELLS)
        where = torch.zeros(n, CELLS, CELLS)
        for k in range(grid * grid):
            sigma = (size[:, k] / DETECTOR_STRIDE * 0.1).clamp_min(0.55)[:, None]
            gx = torch.exp(-((middle - cells[:, k, 0, None]) ** 2) / (2 * sigma**2))
            gy = torch.exp(-((middle - cells[:, k, 1, None]) ** 2) / (2 * sigma**2))
            blob = gy[:, :, None] * gx[:, None, :] * there[:, k, None, None]
            heat = torch.maximum(heat, blob)
            rows = there[:, k].nonzero().flatten()
            x, y = at[rows, k, 0], at[rows, k, 1]
            heat[rows, y, x] = 1.0
            where[rows, y, x] = 1.0
            target[rows, 0, y, x] = real[rows, k].float()
            target[rows, 1, y, x] = torch.log2(size[rows, k] / REFERENCE)
            target[rows, 2, y, x] = cells[rows, k, 0] - x - 0.5
            target[rows, 3, y, x] = cells[rows, k, 1] - y - 0.5
        return self.vary(canvas), {"heat": heat, "where": where, "target": target}

    def vary(self, x: Tensor) -> Tensor:
        """Light, colour, blur, noise."""
        n = len(x)
        grey = x.mean(1, keepdim=True)
        dull = self.uniform(n, 0, 1.5)[:, None, None, None]
        x = grey + (x - grey) * torch.where(self.uniform(n, 0, 1)[:, None, None, None] < 0.1, torch.zeros(()), dull)
        light = self.uniform(n * 3, -0.2, 0.2).view(n, 3, 1, 1) + self.uniform(n, -0.3, 0.3)[:, None, None, None]
        x = ((x + light) * self.uniform(n, 0.6, 1.3)[:, None, None, None]).clamp(-1, 1)
        if float(self.uniform(1, 0, 1)) < 0.25:
            x = F.avg_pool2d(x, 3, 1, 1)
        return x + torch.randn(x.shape, generator=self.random) * 0.03


def loss_of(output: Tensor, wanted: dict[str, Tensor]) -> Tensor:
    """Focal loss of the heat map (CornerNet's), and at the faces' cells the rest."""
    heat, where, target = wanted["heat"], wanted["where"], wanted["target"]
    logit = output[:, 0]
    p = torch.sigmoid(logit).clamp(1e-5, 1 - 1e-5)
    count = where.sum().clamp_min(1)
    positive = -((1 - p) ** 2 * torch.log(p) * where).sum()
    negative = -((1 - heat) ** 4 * p**2 * torch.log(1 - p) * (1 - where)).sum()
    domain = F.binary_cross_entropy_with_logits(output[:, 1], target[:, 0], reduction="none")
    rest = (output[:, 2:] - target[:, 1:]).abs().sum(1)
    return (positive + negative + ((0.5 * domain + rest) * where).sum()) / count


@torch.no_grad()
def measure(network: DetectorNetwork, canvases: Canvases, batches: int) -> dict[str, float]:
    """Recall, false faces a canvas, domain and size errors on canvases of test faces, at a score of 0.5."""
    network.eval()
    found = faces = false = right = total = 0
    sizes = []
    for _ in range(batches):
        canvas, wanted = canvases.draw(16)
        output = network(canvas)
        p = torch.sigmoid(output[:, 0])
        peaks = (p == F.max_pool2d(p[:, None], 3, 1, 1)[:, 0]) & (p > 0.5)
        near = F.max_pool2d(peaks[:, None].float(), 3, 1, 1)[:, 0] > 0
        where = wanted["where"] > 0
        found += int((near & where).sum())
        faces += int(where.sum())
        close = F.max_pool2d(wanted["where"][:, None], 5, 1, 2)[:, 0] > 0
        false += int((peaks & ~close).sum())
        right += int((((output[:, 1] > 0) == (wanted["target"][:, 0] > 0)) & where).sum())
        sizes.append((output[:, 2] - wanted["target"][:, 1])[where].abs())
        total += len(canvas)
    network.train()
    return {
        "recall": round(found / faces, 4),
        "false_a_canvas": round(false / total, 4),
        "domain_right": round(right / faces, 4),
        "median_size_error_octaves": round(float(torch.cat(sizes).median()), 3),
    }


def export(network: DetectorNetwork, path: Path) -> None:
    """`image` (N, 3, H, W) in [-1, 1] to `answers` (N, 5, H/8, W/8), its first two channels as probabilities."""
    from anime2real.train.export.to_onnx import small_onnx

    class Answer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            output = self.network(image)
            return torch.cat([torch.sigmoid(output[:, :2]), output[:, 2:]], 1)

    path.write_bytes(small_onnx(Answer().eval(), (2, 3, 128, 160), ["answers"], free=(0, 2, 3)))


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--empty", nargs="*", type=Path, default=[], help="pictures without faces")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    loaded = np.load(options.faces)
    data = {key: torch.from_numpy(loaded[key]) for key in ("pictures", "points", "real", "test", "spread")}
    empty = []
    for path in options.empty:
        image = Image.open(path).convert("RGB")
        image.thumbnail((512, 512))
        empty.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1)
    train, test = Canvases(data, empty, False, options.seed), Canvases(data, [], True, options.seed + 1)
    network = DetectorNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.start:
        network.load_state_dict(torch.load(options.start, weights_only=True))
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M weights", flush=True)
    torch.nn.init.constant_(cast(Tensor, network.head[-1].bias)[0], -4.0) if not options.start else None
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=1e-4)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    start = last = time.time()
    step = 0
    while (used := (time.time() - start) / 60 / options.minutes) < 1:
        rate = options.learning_rate * min(1.0, step / 200) * (0.5 + 0.5 * math.cos(math.pi * used))
        for group in optimizer.param_groups:
            group["lr"] = rate
        canvas, wanted = train.draw(options.batch_size)
        loss = loss_of(network(canvas.contiguous(memory_format=torch.channels_last)), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        average.update_parameters(network)
        step += 1
        if time.time() - last > 60:
            last = time.time()
            rate_now, left = step * options.batch_size / (last - start), options.minutes * (1 - used)
            print(f"{step} steps, {rate_now:.0f} canvases/s, loss {loss:.3f}, {left:.1f} min left", flush=True)
    best = cast(DetectorNetwork, average.module)
    torch.save(best.state_dict(), options.output / "detector.pt")
    best.eval()
    export(best, options.output / "detector.onnx")
    print(json.dumps(measure(best, test, 40)))


if __name__ == "__main__":
    main()
