"""Training speed: this project's step against a plain one, in one run.

    python benchmarks/train_step.py --seconds 8
    python benchmarks/train_step.py --method galatea --batches 32

Both train the paper's CycleGAN (ResNet-9, 70×70 PatchGAN, LSGAN, cycle 10, identity 0.5, Adam) at 128 px on pictures
that lie on the device, or Galatea. The reference is what one writes first: eager, tf32, doubling before a convolution,
`nn.InstanceNorm2d`, six generator passes, at batch 1 (the paper's) and 16; for Galatea the features as their package
has them. Ours runs at each of `--batches` under each of `--speeds`, and counts only if it passes the parity check that
every training run makes. TFLOP/s count the convolutions that ours really does (its folded resize-convolution does fewer
than the reference). The last line is JSON.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from anime2real.train.method import Method
from anime2real.train.methods import METHODS
from anime2real.train.networks.augment import varied
from anime2real.train.networks.lite import pretrained
from anime2real.train.networks.projected import ProjectedDiscriminator, discriminator_loss, generator_loss
from anime2real.train.networks.resnet import initialise
from anime2real.train.parity import preflight
from anime2real.train.sampler import Sampler
from anime2real.train.stepper import Speed, Stepper

SIZE = 128
SPEEDS = {
    "eager": Speed(channels_last=True),
    "bf16": Speed(bf16=True, channels_last=True),
    "graph": Speed(bf16=True, channels_last=True, graph=True),
    "compiled": Speed(bf16=True, channels_last=True, compile=True, graph=True),
    "compiled+streams": Speed(bf16=True, channels_last=True, compile=True, graph=True, streams=True),
    "fused": Speed(bf16=True, channels_last=True, fused=True, graph=True),
    "fused+streams": Speed(bf16=True, channels_last=True, fused=True, graph=True, streams=True),
}


class PlainBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        convolution = lambda: (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels))  # noqa: E731
        self.body = nn.Sequential(*convolution(), nn.ReLU(), *convolution())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def plain_generator(width: int = 64, blocks: int = 9) -> nn.Sequential:
    w = width
    up = lambda a, b: (nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), nn.InstanceNorm2d(b), nn.ReLU())  # noqa: E731
    return nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU(),
        nn.Conv2d(w, 2 * w, 3, 2, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(),
        nn.Conv2d(2 * w, 4 * w, 3, 2, 1), nn.InstanceNorm2d(4 * w), nn.ReLU(),
        *(PlainBlock(4 * w) for _ in range(blocks)),
        *up(4 * w, 2 * w), *up(2 * w, w),
        nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh(),
    )  # fmt: skip


def plain_discriminator(width: int = 64) -> nn.Sequential:
    w = width
    layer = lambda a, b, s: (nn.Conv2d(a, b, 4, s, 1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2))  # noqa: E731
    return nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(0.2),
        *layer(w, 2 * w, 2), *layer(2 * w, 4 * w, 2), *layer(4 * w, 8 * w, 1), nn.Conv2d(8 * w, 1, 4, 1, 1),
    )  # fmt: skip


class PlainCycleGAN:
    """The reference: one iteration as the paper's code has it."""

    def __init__(self, device: torch.device, batch_size: int) -> None:
        networks = [plain_generator(), plain_generator(), plain_discriminator(), plain_discriminator()]
        self.to_real, self.to_anime, self.judge_real, self.judge_anime = (n.to(device) for n in networks)
        for network in networks:
            initialise(network)
        generators = [*self.to_real.parameters(), *self.to_anime.parameters()]
        self.judges = [*self.judge_real.parameters(), *self.judge_anime.parameters()]
        self.generator_adam = torch.optim.Adam(generators, lr=2e-4, betas=(0.5, 0.999))
        self.judge_adam = torch.optim.Adam(self.judges, lr=2e-4, betas=(0.5, 0.999))
        self.pools: list[list[Tensor]] = [[], []]

    def pooled(self, pool: list[Tensor], fakes: Tensor) -> Tensor:
        chosen = []
        for fake in fakes.detach():
            if len(pool) < 50:
                pool.append(fake)
                chosen.append(fake)
            elif np.random.rand() < 0.5:
                slot = np.random.randint(50)
                chosen.append(pool[slot])
                pool[slot] = fake
            else:
                chosen.append(fake)
        return torch.stack(chosen)

    def step(self, anime: Tensor, real: Tensor) -> None:
        for p in self.judges:
            p.requires_grad_(False)
        fake_real, fake_anime = self.to_real(anime), self.to_anime(real)
        cycled_anime, cycled_real = self.to_anime(fake_real), self.to_real(fake_anime)
        same_real, same_anime = self.to_real(real), self.to_anime(anime)
        adversarial = (self.judge_real(fake_real) - 1).square().mean() + (
            self.judge_anime(fake_anime) - 1
        ).square().mean()
        cycle = F.l1_loss(cycled_anime, anime) + F.l1_loss(cycled_real, real)
        identity = F.l1_loss(same_real, real) + F.l1_loss(same_anime, anime)
        self.generator_adam.zero_grad()
        (adversarial + 10 * cycle + 5 * identity).backward()
        self.generator_adam.step()
        for p in self.judges:
            p.requires_grad_(True)
        self.judge_adam.zero_grad()
        for judge, picture, fake, pool in (
            (self.judge_real, real, fake_real, self.pools[0]),
            (self.judge_anime, anime, fake_anime, self.pools[1]),
        ):
            loss = (judge(picture) - 1).square().mean() + judge(self.pooled(pool, fake)).square().mean()
            (0.5 * loss).backward()
        self.judge_adam.step()


class PackageFeatures(nn.Module):
    """EfficientNet-lite0 as its package has it, batch norms and all."""

    def __init__(self) -> None:
        super().__init__()
        self.network = pretrained()

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.network._swish(self.network._bn0(self.network._conv_stem(image)))
        features: list[Tensor] = []
        for block in self.network._blocks:
            y = block(x)
            if y.shape[2] < x.shape[2]:
                features.append(x)
            x = y
        return [*features[1:], x]


class PlainGalatea(PlainCycleGAN):
    """The reference for Galatea: projected discriminators, and the PatchGANs beside them at half the weight."""

    def __init__(self, device: torch.device, batch_size: int) -> None:
        super().__init__(device, batch_size)
        features = PackageFeatures()
        self.projected = [ProjectedDiscriminator(64, features).to(device) for _ in range(2)]  # type: ignore[arg-type]
        heads = [p for judge in self.projected for p in judge.parameters() if p.requires_grad]
        self.judges += heads
        generators = self.generator_adam.param_groups[0]["params"]
        self.generator_adam = torch.optim.Adam(generators, lr=2e-4, betas=(0.0, 0.99))
        self.judge_adam = torch.optim.Adam(self.judges, lr=2e-4, betas=(0.0, 0.99))

    def step(self, anime: Tensor, real: Tensor) -> None:
        for p in self.judges:
            p.requires_grad_(False)
        fake_real, fake_anime = self.to_real(anime), self.to_anime(real)
        cycled_anime, cycled_real = self.to_anime(fake_real), self.to_real(fake_anime)
        same_real, same_anime = self.to_real(real), self.to_anime(anime)
        cycle = F.l1_loss(cycled_anime, anime) + F.l1_loss(cycled_real, real)
        identity = F.l1_loss(same_real, real) + F.l1_loss(same_anime, anime)
        loss = 10 * cycle + 5 * identity
        fakes = ((self.projected[0], self.judge_real, fake_real), (self.projected[1], self.judge_anime, fake_anime))
        for projected, patch, fake in fakes:
            loss = loss + generator_loss(projected(varied(fake))) + 0.5 * (patch(fake) - 1).square().mean()
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        for p in self.judges:
            p.requires_grad_(True)
        self.judge_adam.zero_grad()
        for (projected, patch, fake), picture in zip(fakes, (real, anime), strict=True):
            seen = fake.detach()
            loss = discriminator_loss(projected(varied(picture)), projected(varied(seen)))
            (loss + 0.5 * ((patch(picture) - 1).square().mean() + patch(seen).square().mean())).backward()
        self.judge_adam.step()


REFERENCES = {"cyclegan": PlainCycleGAN, "galatea": PlainGalatea}


def rate(step: Callable[[], object], pairs: int, seconds: float, device: torch.device) -> float:
    """Pairs a second over about `seconds`, after warm-up, the device waited for at both ends."""
    for _ in range(3):
        step()
    synchronise(device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        for _ in range(4):
            step()
        synchronise(device)
        steps += 4
    return pairs * steps / (time.perf_counter() - start)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def build(name: str, batch_size: int, device: torch.device) -> Method:
    torch.manual_seed(0)
    kind, network = METHODS[name]
    config = kind(batch_size=batch_size)
    method: Method = network(config, SIZE).to(device)  # type: ignore[call-arg]
    method.make_optimizers(config.learning_rate)
    method.start_average()
    return method


def stepping(stepper: Stepper, sampler: Sampler) -> Callable[[], object]:
    """A step a call, each with its own pictures."""
    steps = itertools.count(1)
    return lambda: stepper.step(sampler.draw(next(steps)), 2e-4, 0.001)


def profile(step: Callable[[], object], pairs: int, device: torch.device, rows: int = 40) -> None:
    """Print which kernels a step's time goes to, in µs a pair."""
    steps = 3
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as result:
        for _ in range(steps):
            step()
        synchronise(device)
    kernels = [e for e in result.key_averages() if e.device_type == torch.autograd.DeviceType.CUDA]
    kernels.sort(key=lambda e: -e.self_device_time_total)
    whole = sum(e.self_device_time_total for e in kernels)
    print(f"  kernels, {whole / steps / pairs:.1f} µs a pair; the {rows} that take longest:")
    for e in kernels[:rows]:
        time_a_pair = e.self_device_time_total / steps / pairs
        share = e.self_device_time_total / whole
        print(f"  {share:6.1%} {time_a_pair:8.2f} µs {e.count // steps:5d} times  {e.key[:110]}")


def tflop_a_pair(name: str, device: torch.device, pictures: Tensor) -> float:
    """Convolution arithmetic of one of our iterations, forward and backward, counted by torch."""
    method = build(name, 1, device)
    stepper = Stepper(method, pictures, 1, Speed())
    draw = Sampler(np.arange(4), np.arange(4, 8), 1, 0).draw(0)
    with FlopCounterMode(display=False) as counter:
        stepper.step(draw, 2e-4, 0.0)
    return counter.get_total_flops() / 1e12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each measurement")
    parser.add_argument("--method", choices=list(REFERENCES), default="cyclegan")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 96])
    parser.add_argument("--speeds", nargs="+", choices=list(SPEEDS), default=["fused"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--profile", action="store_true", help="which kernels the time goes to; CUDA only")
    parser.add_argument("--no-reference", action="store_true", help="ours alone, for tuning; no ratios then")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True  # for both: shapes never change
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(f"torch {torch.__version__} on {name}, {SIZE} px")
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (512, SIZE, SIZE, 3), dtype=torch.uint8, device=device)
    anime_rows, real_rows = np.arange(256), np.arange(256, 512)
    tflop = tflop_a_pair(options.method, device, pictures)
    print(f"{tflop:.3f} TFLOP a pair in ours (the paper's CycleGAN with transposed convolution: 0.469)")

    reference: dict[int, float] = {}
    for batch_size in () if options.no_reference else (1, 16):
        plain = REFERENCES[options.method](device, batch_size)
        anime, real = (torch.rand(batch_size, 3, SIZE, SIZE, device=device) * 2 - 1 for _ in range(2))
        reference[batch_size] = rate(lambda: plain.step(anime, real), batch_size, options.seconds, device)  # noqa: B023
        print(f"reference, eager tf32, batch {batch_size:3d}: {reference[batch_size]:8.1f} pairs/s")

    best: dict[str, float | int | str] = {"pairs_per_second": 0.0}
    for batch_size in options.batches:
        sampler = Sampler(anime_rows, real_rows, batch_size, 0)
        for speed_name in options.speeds:
            speed = SPEEDS[speed_name]
            torch.compiler.reset()
            begin = time.perf_counter()
            try:
                parity = preflight(build(options.method, batch_size, device), pictures, sampler.draw(0), speed)
                method = build(options.method, batch_size, device)
                stepper = Stepper(method, pictures, batch_size, speed)
                stepper.step(sampler.draw(0), 2e-4, 0.001)
                synchronise(device)
                ready = time.perf_counter() - begin
                pairs = rate(stepping(stepper, sampler), batch_size, options.seconds, device)
            except torch.OutOfMemoryError:
                print(f"ours, {speed_name:16s} batch {batch_size:3d}: more memory than the device has")
                continue
            verdict = "holds" if parity.holds else "FAILS, not counted"
            print(
                f"ours, {speed_name:16s} batch {batch_size:3d}: {pairs:8.1f} pairs/s  {pairs * tflop:6.1f} TFLOP/s  "
                f"ready in {ready:5.1f} s  parity {verdict}: {asdict(parity)}",
                flush=True,
            )
            if options.profile:
                profile(stepping(stepper, sampler), batch_size, device)
            if parity.holds and pairs > float(best["pairs_per_second"]):
                best = {"pairs_per_second": pairs, "tflops": pairs * tflop, "batch": batch_size, "speed": speed_name}
            del stepper, method
    for batch_size, pairs in reference.items():
        best[f"reference_batch{batch_size}"] = pairs
        best[f"ratio_batch{batch_size}"] = float(best["pairs_per_second"]) / pairs
    print(json.dumps({"method": options.method, "device": name, "torch": torch.__version__, **best}))


if __name__ == "__main__":
    main()
