"""Where a step's time goes: pairs a second and kernels of the recipes that ship, whole, on one GPU.

    python benchmarks/step_time.py
    python benchmarks/step_time.py --cases shipped-2026-11:32 student:16:fused --seconds 5
    python benchmarks/step_time.py --cases people:8:best:profile --folder research/profiles

`train_step.py` leaves out what a pack decides. Here the pictures have hair, landmarks, labels and frames, and a real
set of their own, made up, so that a step is that of a run. A case is PRESET:BATCH[:VARIANT[:profile][:parity]], of
`galatea`'s presets and `student`. Variants are `best`, everything that `train` uses; `fused`, without streams; `plain`,
neither streams nor kernels of our own; `before`, EfficientNet's blocks, the discriminators' spectral norm, colours and
augmentation as torch computes them. Each case ends in a line of JSON as soon as it is measured; `profile` adds the
kernels by kind, of three replays, in a file of `--folder`; `parity` the check that each run begins with. No case begins
after `--deadline` seconds. `--toy` rehearses all of it on a CPU; its figures say nothing.
"""

import argparse
import gc
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.parametrizations import _SpectralNorm
from train_step import rate, stepping, synchronise

from anime2real.face.geometry import TEMPLATE
from anime2real.train import step as steps
from anime2real.train.accelerated.parity import preflight
from anime2real.train.method import Method
from anime2real.train.methods.galatea_options import DETAIL_WEIGHT, HAIR_DEFAULTS, WORST_PATCH_WEIGHT
from anime2real.train.recipes import options_of
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep

CASES: Final = [
    *("shipped-2026-11:32", "shipped-2026-11:8:best:profile", "people:8:best:profile", "student:16:best:profile"),
    *("shipped-2026-11:32:before", "people:8:before", "shipped-2026-11:8:best:parity", "people:8:best:parity"),
    *("shipped-2026-11:16", "people:16", "shipped-2026-11:32:fused", "people:32", "student:32"),
]
VARIANTS: Final = ("best", "fused", "plain", "before")
PX, TOY_PX, PICTURES, OLDEST = 256, 64, 512, 45.0
TOY: Final[dict[str, Any]] = {"width": 8, "blocks": 2, "projection_width": 8, "patch_width": 8}
KINDS: Final = {
    "messages to other GPUs": r"nccl",
    "depthwise convolutions": r"depthwise|grouped_direct|^filtered|^returned",
    "norms and what surrounds them": r"^(forward|backward|layer_affine|layer_gradient|activate|deactivate)(\b|_|$)",
    "convolutions and matrix products": (
        r"gemm|cutlass|xmma|conv|wgrad|dgrad|fprop|cudnn|splitK|gemv|nvjet|cublas|nchwToNhwc|nhwcToNchw"
    ),
    "optimizers and averages": r"multi_tensor_apply|foreach|adam",
    "pooling and resampling": r"pool|upsample|grid_sampl|reflection_pad|interpolate",
    "reductions": r"reduce|norm_kernel|softmax|welford|cumsum",
    "indexing, joining and padding": r"index|gather|scatter|CatArray|flip|roll|arange",
    "copies and fills": r"copy|Memcpy|Memset|fill",
    "other elementwise": r"elementwise|triton_",
}
"""Kernels by name, the first that fits."""


def options(preset: str, batch: int, *, toy: bool) -> tuple[str, Any]:
    """A method and its options as a pack that knows everything decides them."""
    method, name = ("student", "default") if preset == "student" else ("galatea", preset)
    config: Any = options_of(method, name, batch_size=batch, **(TOY if toy else {}))
    decided: dict[str, Any] = {"worst_patch_weight": WORST_PATCH_WEIGHT, "detail_weight": DETAIL_WEIGHT, "unshuffle": 2}
    decided |= HAIR_DEFAULTS
    decided["oldest_drawing"] = OLDEST if config.label_weight else 0.0
    given = {key: value for key, value in decided.items() if getattr(config, key) is None}
    return method, replace(config, **given)


class Case:
    """One recipe at one batch, with pictures of its own."""

    def __init__(self, preset: str, batch: int, device: torch.device, *, toy: bool) -> None:
        self.px = TOY_PX if toy else PX
        self.batch, self.device = batch, device
        self.name, self.config = options(preset, batch, toy=toy)
        generator = torch.Generator().manual_seed(0)
        count = 16 if toy else PICTURES
        numbers = torch.randint(0, 256, (count, self.px, self.px, 3), dtype=torch.uint8, generator=generator)
        hair = torch.zeros(count, self.px, self.px, dtype=torch.uint8)
        hair[:, : self.px // 3] = 255
        who = torch.rand(count, 6, generator=generator) * 2 - 1
        who[:, 1] = 0.18 + 0.3 * who[:, 1].abs()
        points = torch.from_numpy(TEMPLATE * 2 - 1).float().expand(count, 5, 2)
        frames = torch.eye(2, 3).expand(count, 2, 3).contiguous()
        self.pictures = numbers.to(device)
        self.known: list[Tensor | None] = [points.to(device), hair.to(device), None, who.to(device), frames.to(device)]
        half = np.arange(count // 2)
        real_set = (half, half + len(half)) if self.build().wants_real_set else ()
        self.sampler = Sampler(half, half + len(half), batch, 0, real_set)

    def build(self) -> Method:
        """The method as training builds it."""
        torch.manual_seed(0)
        method: Method = build(self.name, self.config, self.px).to(self.device)
        method.set_hair_colours(np.random.default_rng(0).uniform((20, -40, -40), (90, 40, 40), (999, 3)).astype("f4"))
        method.make_optimizers(self.config.learning_rate)
        method.start_average()
        return method

    def step(self, speed: Speed) -> TrainingStep:
        """A step of a method of its own."""
        return TrainingStep(self.build(), self.pictures, self.batch, speed, *self.known)

    def parity(self, speed: Speed) -> dict[str, Any]:
        """What `train` checks before each run."""
        found = preflight(self.build(), self.pictures, self.sampler.draw(0), speed, *self.known)
        return {"holds": found.holds, **vars(found)}


@contextmanager
def variant_of(name: str, device: torch.device) -> Iterator[Speed]:
    """What a variant computes by, while it is measured."""
    speed = Speed.best(device)
    with ExitStack() as undone:
        if name in ("fused", "plain"):
            speed = replace(speed, streams=False, fused=speed.fused and name == "fused")
        elif name == "before" and speed.fused:
            from anime2real.train.accelerated import forms
            from anime2real.train.networks.efficientnet import FoldedConvolution, InvertedResidual

            late = (FoldedConvolution, InvertedResidual, _SpectralNorm)
            kept = {key: form for key, form in forms.FORMS.items() if key not in late}
            undone.enter_context(mock.patch.object(forms, "FORMS", kept))
            undone.enter_context(mock.patch.object(steps, "fused_functions", return_value=nullcontext()))
        yield speed


def kind_of(kernel: str) -> str:
    """The kind of a kernel, by its name."""
    found = (kind for kind, pattern in KINDS.items() if re.search(pattern, kernel, re.IGNORECASE))
    return next(found, "others")


def profiled(step: Callable[[], object], device: torch.device, replays: int = 3) -> dict[str, Any]:
    """A step's kernels, by kind and by name: ms and how many."""
    on_gpu = device.type == "cuda"
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CPU, activity.CUDA] if on_gpu else [activity.CPU]) as result:
        for _ in range(replays):
            step()
        synchronise(device)
    wanted = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
    spans: list[tuple[float, float]] = []
    kinds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    names: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in result.events():
        if event.device_type == wanted and not event.name.startswith("Optimizer."):  # which only brackets kernels
            start, end = event.time_range.start, event.time_range.end
            spans.append((start, end))
            for found in (kinds[kind_of(event.name)], names[event.name]):
                found[0] += (end - start) / replays / 1000
                found[1] += 1 / replays
    busy, until = 0.0, 0.0
    for start, end in sorted(spans):
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return {"busy_ms": busy / replays / 1000, "kernels": len(spans) // replays, "kinds": kinds, "names": names}


def written(found: Mapping[str, Any], head: str, path: Path) -> None:
    """The profile as a small text."""
    kinds, names = (sorted(found[of].items(), key=lambda each: -each[1][0]) for of in ("kinds", "names"))
    whole = sum(ms for _, (ms, _) in kinds)
    lines = [head, f"{found['kernels']} kernels, {whole:.2f} ms one by one, {found['busy_ms']:.2f} ms side by side", ""]
    lines += [f"{ms:8.3f} ms {ms / whole:6.1%} {count:7.0f}  {kind}" for kind, (ms, count) in kinds]
    lines += ["", *(f"{ms:8.3f} ms {count:7.0f}  {name[:150]}" for name, (ms, count) in names[:70])]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(text: str, given: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """One case."""
    preset, batch, *more = text.split(":")
    variant = next((word for word in more if word in VARIANTS), "best")
    if unknown := set(more) - {variant, "profile", "parity"}:
        raise ValueError(f"{', '.join(sorted(unknown))}: variants are {', '.join(VARIANTS)}")
    begun = time.perf_counter()
    told: dict[str, Any] = {"preset": preset, "batch": int(batch), "variant": variant}
    case = Case(preset, 2 if given.toy else int(batch), device, toy=given.toy)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with variant_of(variant, device) as speed:
        training_step = case.step(speed)
        step = stepping(training_step, case.sampler)
        losses = training_step.step(case.sampler.draw(0), 0.0, [0.0])
        told["losses"] = {key: round(float(value), 4) for key, value in losses.items()}
        told["ready_s"] = round(time.perf_counter() - begun, 1)
        pairs = rate(step, case.batch, given.seconds, device)
        told |= {"pairs_per_second": round(pairs, 1), "ms": round(1000 * case.batch / pairs, 2)}
        if device.type == "cuda":
            told["peak_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 1)
        print(json.dumps(told), flush=True)
        if "profile" in more:
            found = profiled(step, device)
            told |= {"busy_ms": round(found["busy_ms"], 2), "kernels": found["kernels"]}
            told["kinds"] = {kind: round(ms, 2) for kind, (ms, _) in found["kinds"].items()}
            path = given.folder / f"{preset}-{batch}-{variant}.txt"
            written(found, f"{preset}, {batch} pairs a step, {variant}: {told['ms']} ms a step", path)
        if "parity" in more:
            training_step.renew()
            told["parity"] = case.parity(speed)
    return told | {"seconds": round(time.perf_counter() - begun, 1)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES, help="PRESET:BATCH[:VARIANT[:profile][:parity]]")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement, after its warm-up")
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds after which no case begins")
    parser.add_argument("--folder", type=Path, default=Path("profiles"), help="for what `profile` finds")
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures on the CPU: a rehearsal")
    given = parser.parse_args(arguments)
    begun = time.perf_counter()
    device = torch.device("cpu" if given.toy or not torch.cuda.is_available() else "cuda")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(json.dumps({"torch": torch.__version__, "device": where}), flush=True)
    for text in given.cases:
        if time.perf_counter() - begun > given.deadline:
            print(json.dumps({"not_measured": text}), flush=True)
            continue
        try:
            told = measured(text, given, device)
        except Exception as error:  # the next case may do
            told = {"case": text, "failed": f"{type(error).__name__}: {error}"[:600]}
        print(json.dumps(told | {"at_s": round(time.perf_counter() - begun, 1)}), flush=True)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
