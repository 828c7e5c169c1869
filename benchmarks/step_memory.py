"""Memory and arithmetic of a training step of every method, counted on the CPU: what `train --dry-run` tells.

    python benchmarks/step_memory.py
    python benchmarks/step_memory.py --subjects cyclegan "galatea quick"
    python benchmarks/step_memory.py --toy

Counted is one step with one pair of pictures and one with two, in fp32 and in bf16: the bytes of all that the backward
passes keep, at their most; of networks, averages, gradients and Adam's moments; and, of one pair in fp32, the
multiplications and additions. What grows with the batch is told by the pair, what does not is fixed. Pictures are not
counted, nor VGG's features; for torch and the libraries of a GPU the table adds 1.5 GB. A line of JSON follows each
subject, and the table of docs/train.md, in bf16, at the end; `COSTS` in `train/need.py` holds the figures. `--toy`
counts tiny networks: a rehearsal.
"""

import argparse
import json
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from train_step import SHIPS, TOY_SIZE, TOYS, Subject

from anime2real.train.method import Method
from anime2real.train.need import RUNTIME_GIGABYTES, TOLD_BATCHES, folded_size
from anime2real.train.recipes import options_of
from anime2real.train.run.checkpoint import moments_of
from anime2real.train.step import Speed, TrainingStep

SUBJECTS: Final[dict[str, tuple[str, str, int]]] = {
    "difference": ("difference", "default", 128),
    "autoencoder": ("autoencoder", "default", 128),
    "cyclegan": ("cyclegan", "default", 128),
    "ugatit": ("ugatit", "default", 128),
    "galatea quick": ("galatea", "quick", 128),
    "galatea": ("galatea", "default", 256),
    "student": ("student", "default", 256),
    "pix2pix": ("pix2pix", "default", 256),
    "pix2pixhd": ("pix2pixhd", "default", 128),
}
"""Method, preset and pixels a side, by the name in `COSTS`."""


@dataclass
class Kept:
    """Bytes that backward passes keep.

    Attributes:
        now, most: at this moment, and at any.
    """

    now: int = 0
    most: int = 0
    _users: Counter[int] = field(default_factory=Counter)

    def take(self, tensor: Tensor) -> "_Holder":
        """Count a tensor until nobody needs it any more; views of one storage are one."""
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if not self._users[place]:
            self.now += size
            self.most = max(self.most, self.now)
        self._users[place] += 1
        holder = _Holder(tensor)
        weakref.finalize(holder, self._leave, place, size)
        return holder

    def _leave(self, place: int, size: int) -> None:
        self._users[place] -= 1
        if not self._users[place]:
            self.now -= size


@dataclass(eq=False)
class _Holder:
    tensor: Tensor


@contextmanager
def counted(method: Method) -> Iterator[Kept]:
    """Count what is kept for backward passes inside; weights are left to `fixed_bytes`."""
    kept, weights = Kept(), {p.untyped_storage().data_ptr() for p in method.parameters()}

    def pack(tensor: Tensor) -> Any:
        return tensor if tensor.untyped_storage().data_ptr() in weights else kept.take(tensor)

    def unpack(held: Any) -> Tensor:
        return held.tensor if isinstance(held, _Holder) else held

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield kept


def fixed_bytes(method: Method) -> int:
    """Of networks, averages, gradients and moments, which last from step to step."""
    tensors = [*method.state_dict().values(), *moments_of(method).values()]
    tensors += [p.grad for p in method.parameters() if p.grad is not None]
    tensors += [tensor for module in method.modules() for tensor in (*module.parameters(False), *module.buffers(False))]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


def one_step(subject: Subject, batch_size: int, bf16: bool) -> tuple[int, int]:
    """Bytes that last, and bytes that the backward passes keep at their most."""
    method = subject.build(batch_size)
    step = TrainingStep(method, subject.pictures, batch_size, Speed(bf16=bf16), subject.landmarks)
    with counted(method) as kept:
        step.step(subject.sampler(batch_size).draw(0), 2e-4, [0.001])
    return fixed_bytes(method), kept.most


def costs(subject: Subject) -> dict[str, Any]:
    """The fields of a `Cost`."""
    px = folded_size(subject.name, subject.config, subject.size)
    told: dict[str, Any] = {"px": px, "width": getattr(subject.config, "width", 1)}
    for name, bf16 in (("pair", False), ("pair_bf16", True)):
        (lasting, one), (_, two) = (one_step(subject, batch_size, bf16) for batch_size in (1, 2))
        told |= {"fixed": max(told.get("fixed", 0.0), (lasting + 2 * one - two) / 1e9), name: (two - one) / 1e9}
    step = TrainingStep(subject.build(1), subject.pictures, 1, Speed(), subject.landmarks)
    draw = subject.sampler(1).draw(0)
    with FlopCounterMode(display=False) as counter:
        step.step(draw, 2e-4, [0.001])
    told["gigaflops"] = counter.get_total_flops() / 1e9
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in told.items()}


def row(subject: Subject, name: str, cost: dict[str, Any]) -> str:
    """A line of the table: gigabytes by the batch, in bf16."""
    total = [RUNTIME_GIGABYTES["gpu"] + cost["fixed"] + batch * cost["pair_bf16"] for batch in TOLD_BATCHES]
    return f"| {name}, {subject.size} px | " + " | ".join(f"{gigabytes:.1f}" for gigabytes in total) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures: a rehearsal")
    options = parser.parse_args(arguments)
    batches = " | ".join(map(str, TOLD_BATCHES))
    rows = [f"| GB by pairs a step | {batches} |", "|---" * (1 + len(TOLD_BATCHES)) + "|"]
    found: dict[str, Any] = {}
    for name in options.subjects:
        method, preset, size = SUBJECTS[name]
        given: dict[str, Any] = dict(TOYS.get(method, {"width": 8})) if options.toy else {}
        if name == "galatea" and not options.toy:
            given |= SHIPS  # which training takes from the pack
        if name == "student":
            given |= {"who": False, "expressions": False, "label_weight": 0.0, "mask_margins": False, "min_scale": 0.0}
        if name == "pix2pixhd":
            given["vgg_weight"] = 0.0  # its features are a package of their own
        size = TOY_SIZE if options.toy else size
        pictures = torch.randint(0, 256, (8, size, size, 3), dtype=torch.uint8)
        subject = Subject(method, options_of(method, preset, **given), size, pictures)
        found[name] = costs(subject)
        rows.append(row(subject, name, found[name]))
        print(json.dumps({name: found[name]}), flush=True)
    print("\n".join(rows))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
