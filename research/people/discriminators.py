"""A run's discriminators in fp16, in a file that travels: `--set discriminators_from=FILE` goes on with them.

    python research/people/discriminators.py RUN FILE.safetensors

The networks that a pretrained one is read by are theirs as well; that one itself, the generators and all moments stay
behind. The last line is JSON.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from anime2real.train.import_discriminators import discriminators_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    state = discriminators_in(options.run)
    halved = {name: value.half() if value.dtype == torch.float32 else value for name, value in state.items()}
    lost = max((value.float() - halved[name].float()).abs().max().item() for name, value in state.items())
    save_file(halved, options.file)
    numbers = {"tensors": len(halved), "megabytes": round(options.file.stat().st_size / 1e6, 1), "lost": lost}
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
