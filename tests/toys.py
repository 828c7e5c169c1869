"""Pictures and methods small enough to train in a second."""

import hashlib
import itertools
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from anime2real.data.index_lines import SPLITS
from anime2real.data.pack import Pack
from anime2real.data.pack_files import note_hair, sums_of, write_both
from anime2real.domain import DOMAINS, Domain
from anime2real.train.batch import Batch
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.options import (
    AutoencoderConfig,
    CycleGANConfig,
    DifferenceConfig,
    Pix2PixConfig,
    Pix2PixHDConfig,
    UGATITConfig,
)
from anime2real.train.methods.student_options import StudentConfig
from anime2real.train.random_numbers import RandomNumbers
from anime2real.train.recipes import PRESETS
from anime2real.train.step import TrainingStep

SIZE = 32
SHARD = 12
"""Pictures in a shard."""

QUICK: dict[str, Any] = {**PRESETS["galatea"]["quick"].options, "batch_size": 2}
"""Galatea without its generators and discriminators that take long."""

UNTOLD: dict[str, Any] = {
    **{"who": False, "expressions": False, "label_weight": 0.0, "mirror_weight": 1.0, "hard_inputs": 0.0},
    **{"decoder": "shuffle", "mask_margins": False, "min_scale": 0.0},
    **{"cut_close": 0.0, "hidden_eyes": 0.0},
}
"""A student of pictures of which nothing is known."""

TINY: dict[str, Any] = {
    "difference": DifferenceConfig(learning_rate=0.1, snapshot_every=3, snapshots=2, batch_size=4),
    "autoencoder": AutoencoderConfig(width=8, batch_size=4),
    "cyclegan": CycleGANConfig(width=8, blocks=1, discriminator_width=8, pool_size=3, batch_size=2),
    "galatea": GalateaConfig(**QUICK, width=8, blocks=1, projection_width=8, patch_width=8),
    "student": StudentConfig(**QUICK | UNTOLD, width=8, blocks=1, projection_width=8, patch_width=8),
    "ugatit": UGATITConfig(width=8, blocks=1, discriminator_width=8, local_layers=4, global_layers=5, batch_size=2),
    "pix2pix": Pix2PixConfig(width=8, blocks=1, discriminator_width=8, batch_size=2),
    "pix2pixhd": Pix2PixHDConfig(
        width=8,
        downsamplings=2,
        blocks=1,
        enhancer_blocks=1,
        discriminators=2,
        discriminator_width=4,
        vgg_weight=0.0,
        global_share=0.3,
        enhancer_share=0.3,
        batch_size=2,
    ),
}


@dataclass(frozen=True)
class Toy:
    """A pack, the same pictures as pairs, and what they were made from."""

    pack: Path
    anime: Path
    real: Path
    pairs: Path


def smooth_picture(random: np.random.Generator, tint: tuple[int, int, int], side: int = 40) -> Image.Image:
    """Coarse noise around a colour, as no two pictures are alike."""
    noise = random.integers(-60, 60, (6, 6, 3)) + np.array(tint)
    small = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def batch(count: int, seed: int = 0) -> Batch:
    """Noise, as a step takes it."""
    generator = torch.Generator().manual_seed(seed)
    anime, real = (torch.rand(count, 3, SIZE, SIZE, generator=generator) * 2 - 1 for _ in range(2))
    return Batch(anime, real, RandomNumbers.random(count, generator))


def with_hair(pack: Path, output: Path) -> Path:
    """A copy of a pack in which the upper half of every picture is hair, and drawn hair is red or blue by turns."""
    shutil.copytree(pack, output)
    index = [json.loads(line) for line in (output / "index.jsonl").read_text().splitlines()]
    masks = np.zeros((len(index), SIZE, SIZE), np.uint8)
    drawn = itertools.cycle([[40.0, 60.0, 40.0], [40.0, 10.0, -50.0]])
    for row, entry in enumerate(index):
        masks[row, : SIZE // 2] = 255
        masks[row, SIZE // 2] = 100
        entry["hair"] = next(drawn) if entry["domain"] == "anime" else None
    np.save(output / "hair.npy", masks)
    (output / "index.jsonl").write_text("".join(json.dumps(entry, sort_keys=True) + "\n" for entry in index))
    note_hair(output, Pack(pack).meta, hashlib.sha256(masks.tobytes()).hexdigest(), {})
    return output


def stop_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Ask the process to end as a training begins its step of that number, counted from 1."""
    step, count = TrainingStep.step, itertools.count(1)

    def interrupted(self: TrainingStep, *arguments: Any) -> Any:
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments)

    patch.setattr(TrainingStep, "step", interrupted)


def with_pairs(pack: Path, output: Path, classes: tuple[str, ...] = ()) -> Path:
    """A copy of a pack whose pictures are pairs; with `classes`, label maps take the place of the drawings."""
    shutil.copytree(pack, output)
    opened = Pack(output)
    pairs = {row: name for domain in DOMAINS for name, row in enumerate(_by_split(opened, domain))}
    index = [{**entry, "pair": f"{pairs[row]:02d}"} for row, entry in enumerate(opened.index)]
    splits = {entry["pair"]: entry["split"] for entry in index if entry["domain"] == "real"}
    index = [{**entry, "split": splits[entry["pair"]]} for entry in index]
    counts = {d: {s: sum((e["domain"], e["split"]) == (d, s) for e in index) for s in SPLITS} for d in DOMAINS}
    meta = {**opened.meta, "counts": counts}
    if classes:
        images = np.array(opened.images)
        for row in np.flatnonzero(opened.index.domains == DOMAINS.index("anime")):
            images[row] = (images[row, :, :, :1] // 32) % len(classes)
        np.save(output / "images.npy", images)
        meta |= {"classes": list(classes), "sums": sums_of(output)}
    write_both(output, index, meta)
    return output


def _by_split(pack: Pack, domain: Domain) -> list[int]:
    return [*pack.rows(domain, "train").tolist(), *pack.rows(domain, "test").tolist()]
