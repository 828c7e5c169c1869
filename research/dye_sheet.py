"""Draws a sheet of what dyeing does: photographs of a pack, their hair masks, and each dyed three times.

    python research/dye_sheet.py packs/aligned -o sheet.png --count 12

The colours are those of the pack's training drawings, as `galatea --hair-recolouring` draws them; the first of
the three is the most colourful of eight, so that every row shows one that photographs do not have.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError
from anime2real.train.hair_recolouring import recoloured
from anime2real.train.sample_grid import to_pixels


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--columns", type=int, default=2, help="photographs side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    try:
        pack = Pack(options.pack)
        if pack.hair is None:
            raise PackError(f"{options.pack} knows no hair: `anime2real pack add-hair` finds it")
    except UserError as error:
        sys.exit(f"error: {error}")
    random = np.random.default_rng(options.seed)
    rows = random.permutation(pack.rows("real", "train"))[: options.count]
    table = pack.hair_colours("anime", "train")
    drawn = table[random.integers(len(table), size=(len(rows), 10))]
    vivid = np.hypot(drawn[:, :8, 1], drawn[:, :8, 2]).argmax(1)
    colours = [drawn[np.arange(len(rows)), vivid], drawn[:, 8], drawn[:, 9]]
    image = torch.from_numpy(pack.images[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
    mask = torch.from_numpy(pack.hair[rows])[:, None].float() / 255
    full = torch.ones(len(rows))
    results = [to_pixels(recoloured(image, mask, torch.from_numpy(colour), full)) for colour in colours]
    strips = [pack.images[rows], np.repeat(pack.hair[rows][..., None], 3, -1), *results]
    rows_of = [np.concatenate([strip[i] for strip in strips], 1) for i in range(len(rows))]
    lines = [
        np.concatenate(rows_of[i : i + options.columns], 1)
        for i in range(0, len(rows_of) - options.columns + 1, options.columns)
    ]
    Image.fromarray(np.concatenate(lines)).save(options.output)


if __name__ == "__main__":
    main()
