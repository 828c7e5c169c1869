"""Draws faces by a small unconditional generator of our own: trains it on drawings, then draws from it.

    python research/draw_examples.py train --data PACK --output drawn --minutes 8
    python research/draw_examples.py draw drawn/generator.safetensors --seeds 3 17 42 --output faces

The first writes `generator.safetensors` and `candidates.png`, 64 numbered faces to choose from; the second draws the
chosen ones. The pictures are the generator's own, so the project may publish them; the generator does not ship. The
faces in `examples/` are not from here: `scripts/draw_faces.py` draws them by code.
"""

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastgan import LATENT, FastGenerator
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from torch import Tensor

from anime2real.data.pack import Pack
from anime2real.image.files import write
from anime2real.train.augment import augmented
from anime2real.train.networks.projected import ProjectedDiscriminator, discriminator_loss, generator_loss
from anime2real.train.random_numbers import AUGMENTATION
from anime2real.train.sample_grid import to_pixels

CANDIDATES = 64
HALF_LIFE = 20_000  # pictures, of the running average


def freely_augmented(image: Tensor) -> Tensor:
    """Augmented by numbers of torch's own."""
    return augmented(image, torch.rand(len(image), AUGMENTATION, device=image.device))


def train(options: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    pack = Pack(options.data)
    rows = [r for r in pack.rows("anime", "train") if options.match in pack.index[r]["file"]]
    if not rows:
        sys.exit(f"no anime picture of {options.data} has {options.match!r} in its name")
    pictures = torch.from_numpy(np.ascontiguousarray(pack.images[rows])).to(device)
    print(f"{len(rows):,} drawings on {device}", flush=True)
    generator = FastGenerator(options.width).to(device)
    generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(generator).requires_grad_(False).eval()
    discriminator = ProjectedDiscriminator().to(device)
    discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    heads = [p for p in discriminator.parameters() if p.requires_grad]
    adam: dict[str, Any] = {"lr": 2e-4, "betas": (0.0, 0.99), "fused": True}
    generator_adam, discriminator_adam = (
        torch.optim.Adam(generator.parameters(), **adam),
        torch.optim.Adam(heads, **adam),
    )
    beta = 0.5 ** (options.batch / HALF_LIFE)
    options.output.mkdir(parents=True, exist_ok=True)
    start = last = time.perf_counter()
    step = 0
    while (used := (time.perf_counter() - start) / 60 / options.minutes) < 1:
        for group in (*generator_adam.param_groups, *discriminator_adam.param_groups):
            group["lr"] = 2e-4 * min(1.0, 3 * (1 - used))
        index = torch.randint(len(pictures), (options.batch,), device=device)
        real = pictures[index].permute(0, 3, 1, 2).float() / 127.5 - 1
        real = torch.where(torch.rand(len(real), 1, 1, 1, device=device) < 0.5, real.flip(3), real)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            fake = generator(torch.randn(options.batch, LATENT, device=device))
            for p in heads:
                p.requires_grad_(False)
            loss = generator_loss(discriminator(freely_augmented(fake)))
        generator_adam.zero_grad()
        loss.backward()
        generator_adam.step()
        for p in heads:
            p.requires_grad_(True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores = [discriminator(freely_augmented(picture)) for picture in (real, fake.detach())]
            told_apart = discriminator_loss(*scores)
        discriminator_adam.zero_grad()
        told_apart.backward()
        discriminator_adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1 - beta)
            for own, other in zip(average.buffers(), generator.buffers(), strict=True):
                own.copy_(other)
        step += 1
        if time.perf_counter() - last > 20 or step == 100:
            last = time.perf_counter()
            if not torch.isfinite(loss + told_apart):
                sys.exit(f"the losses are no numbers after {step} steps")
            seen, seconds = step * options.batch, last - start
            print(
                f"{used:5.1%}  {seen:,} pictures, {seen / seconds:,.0f} a second, generator {loss.item():.3f}, "
                f"discriminator {told_apart.item():.3f}, {options.minutes - seconds / 60:.1f} min left",
                flush=True,
            )
            sheet(average, device, options.output / "candidates.png")
    state = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in average.state_dict().items()}
    save_file(state, options.output / "generator.safetensors")
    sheet(average, device, options.output / "candidates.png")


def drawn(generator: FastGenerator, seeds: list[int], device: torch.device) -> Tensor:
    """One face a seed, latents pulled a little towards the mean: fewer odd ones."""
    torch.manual_seed(0)
    latents = torch.stack([torch.randn(LATENT, generator=torch.Generator().manual_seed(s)) for s in seeds]) * 0.8
    with torch.no_grad():
        return generator(latents.to(device))


def sheet(generator: FastGenerator, device: torch.device, path: Path) -> None:
    faces = to_pixels(drawn(generator, list(range(CANDIDATES)), device))
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in faces.reshape(-1, 8, *faces.shape[1:])], axis=0)
    image = Image.fromarray(grid)
    pen = ImageDraw.Draw(image)
    for seed in range(CANDIDATES):
        pen.text(
            (seed % 8 * 128 + 3, seed // 8 * 128 + 1), str(seed), fill="white", stroke_width=1, stroke_fill="black"
        )
    image.save(path)


def draw(options: argparse.Namespace) -> None:
    state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(options.generator).items()}
    generator = FastGenerator(state["head.weight"].shape[1])
    generator.load_state_dict(state)
    faces = to_pixels(drawn(generator.eval(), options.seeds, torch.device("cpu")))
    options.output.mkdir(parents=True, exist_ok=True)
    for seed, face in zip(options.seeds, faces, strict=True):
        print(write(Image.fromarray(face), options.output / f"drawing-{seed:02d}.png", overwrite=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train")
    command.add_argument("--data", type=Path, required=True, help="the pack")
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--minutes", type=float, default=8.0)
    command.add_argument("--match", default="anime-256", help="only drawings with this in their name: the sharp ones")
    command.add_argument("--batch", type=int, default=64)
    command.add_argument("--width", type=int, default=64)
    command.set_defaults(run=train)
    command = commands.add_parser("draw")
    command.add_argument("generator", type=Path)
    command.add_argument("--seeds", type=int, nargs="+", required=True)
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=draw)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
