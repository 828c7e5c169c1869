"""The command line with work cut into small pieces, so that kills and full disks fall between and into them.

python tests/soak/small.py prepare …
"""

import sys


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


if __name__ == "__main__":
    from anime2real.cli.main import main

    cut(sys.argv[1])
    sys.exit(main())
