"""How old, and whether a man, an age and sex network takes results for.

    python research/people/asked_and_met.py MODEL FOLDER...

MODEL holds face-api's age_gender_model files (see scripts/leave_out_children.py, whose crops and network these are). Of
each folder of lined-up faces: the share taken for men, the median age and its tenth and ninetieth percentile.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from leave_out_children import CROPS, SIDE, AgeNetwork


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--starting", nargs="*", default=[""], help="only names that start with one of these")
    options = parser.parse_args()
    network = AgeNetwork(options.model)
    parts = network.weights
    weights = torch.cat([parts["fc/age/weights"], parts["fc/gender/weights"]], 1)
    bias = torch.cat([parts["fc/age/bias"], parts["fc/gender/bias"]])  # sex: a man's first

    for folder in options.folders:
        paths = [p for p in sorted(folder.glob("*.png")) if p.name.startswith(tuple(options.starting))]
        ages, men = [], []
        for path in paths:
            image = torch.from_numpy(np.asarray(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].float()
            looks = []
            for x, y, side in CROPS:
                theta = torch.tensor([[[side, 0, 2 * x - 1], [0, side, 2 * y - 1]]])
                grid = F.affine_grid(theta, [1, 3, SIDE, SIDE], align_corners=False)
                face = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
                looks += [face, face.flip(3)]
            with torch.inference_mode():
                told = network.features(torch.cat(looks)) @ weights + bias
            ages.append(float(told[:, 0].mean()))
            men.append(float(torch.softmax(told[:, 1:], 1)[:, 0].mean()))
        low, middle, high = np.percentile(ages, [10, 50, 90])
        share = np.mean(np.array(men) > 0.5)
        print(f"{folder.name}: {len(paths)}, men {share:.2f}, years {middle:.0f}, {low:.0f} to {high:.0f}", flush=True)


if __name__ == "__main__":
    main()
