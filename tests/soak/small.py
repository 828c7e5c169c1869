"""The command line with work cut into small pieces, so that kills and full disks fall between and into them.

python tests/soak/small.py prepare …        one command
python tests/soak/small.py --wait           a command for each line of JSON on standard input, see `warm.py`
"""

import contextlib
import functools
import importlib
import io
import json
import os
import sys

HEAVY = (
    "PIL.Image", "av", "torch", "torch.utils.data", "onnx", "safetensors.torch", "scipy.ndimage",
    "anime2real.cli.main", "anime2real.train.method", "anime2real.train.step",
)  # fmt: skip
"""What the commands import that takes seconds; not ONNX Runtime, whose import starts a thread that forks would lack."""


def cut(command: str) -> None:
    """Checkpoints after every step, shards of 4 pictures, segments of 5 frames."""
    from anime2real.data import shards
    from anime2real.video import translate

    vars(shards)["SHARD"], vars(translate)["SEGMENT"] = 4, 5
    if command in ("train", "export"):
        import torch

        from anime2real.train import session

        torch.set_num_threads(1)
        defaults = session.Session.__init__.__defaults__ or ()
        session.Session.__init__.__defaults__ = tuple(0.0 if value in (120.0, 5.0) else value for value in defaults)


def warm_up() -> None:
    """Import what takes long, and export a network: torch reads its operators' translations then, for seconds."""
    for name in HEAVY:
        importlib.import_module(name)
    import torch
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    registry = staticmethod(functools.cache(ONNXRegistry.from_torchlib))
    ONNXRegistry.from_torchlib = registry  # type: ignore[assignment]
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(torch.nn.Conv2d(1, 1, 1).eval(), (torch.zeros(1, 1, 4, 4),), dynamo=True)


def wait() -> list[str]:
    """Fork for each command that is asked for, tell its number and how it ends; returns, in the child, what to run."""
    warm_up()
    for line in sys.stdin:
        asked = json.loads(line)
        if not (child := os.fork()):
            os.setsid()
            for number, name in enumerate((os.devnull, asked["stdout"], asked["stderr"])):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY), number)
            arguments: list[str] = asked["arguments"]
            return arguments
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    sys.argv[1:] = wait() if sys.argv[1] == "--wait" else sys.argv[1:]
    from anime2real.cli.main import main

    cut(sys.argv[1])
    sys.exit(main())
