"""Train on a Ray cluster: the command `anime2real train`, once in each worker of Ray Train.

    python integrations/ray/train.py --workers 2 --gpu galatea --data pack -o run --minutes 20 --batch-size 16

Ray starts the workers and forms their process group, in which anime2real trains as it does under torchrun
(docs/scale.md). The workers see the pack and the run folder at the same path. `--address` is of the cluster; without
it Ray starts one on this machine.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer


def work(told: dict[str, Any]) -> None:
    """Train in a worker.

    Raises:
        RuntimeError: the training failed, and has said why.
    """
    from anime2real.cli.main import main

    code = main(["train", *told["arguments"]])
    if code:
        raise RuntimeError(f"anime2real train ended with the exit code {code}")


def absolute(arguments: Sequence[str]) -> list[str]:
    """The command's arguments, for workers in folders of their own."""
    before = ["", *arguments[:-1]]
    folders = ("--data", "-o", "--output")
    return [str(Path(a).resolve()) if b in folders else a for b, a in zip(before, arguments, strict=True)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the workers and wait for them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="a GPU for each worker")
    parser.add_argument("--address", help="of the cluster")
    parser.add_argument("train", nargs=argparse.REMAINDER, help="METHOD and options, as of anime2real train")
    options = parser.parse_args(arguments)
    ray.init(address=options.address)
    scaling = ScalingConfig(num_workers=options.workers, use_gpu=options.gpu)
    TorchTrainer(work, train_loop_config={"arguments": absolute(options.train)}, scaling_config=scaling).fit()


if __name__ == "__main__":
    main(sys.argv[1:])
