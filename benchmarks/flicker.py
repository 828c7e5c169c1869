"""How much a translated clip flickers: the change from frame to frame that neither motion nor the input explains.

    python benchmarks/flicker.py examples/photographs/*.webp [--to anime] [--method galatea] [--frames 40] [--keep DIR]

Lai et al., "Learning Blind Video Temporal Consistency", 2018, warp a result onto the next by the input's optical flow
and take the difference. Here the warp is the similarity between the landmarks of a face. Whoever compares results
subtracts the change of the input under the same warp, or divides by it: it contains what the warp cannot follow, such
as a blink, and grain.

Of each square picture of one face a clip is made as `video.py` makes it, of 1280×720 px, the face 480 px large, and
translated, results not drawn again. Printed are the changes of clip and result, in grey levels, and their ratio; the
last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from anime2real.face.finder import FaceFinder
from anime2real.face.geometry import Points, align, around, fit, to_template
from anime2real.network import Network
from anime2real.translator import Translator
from anime2real.video.follow import FollowingFinder
from anime2real.video.translate import ClipOptions, translate_clip

SIDE: Final = 128
"""Pixels a side at which faces are compared."""

INSIDE: Final = 0.8
"""Share of a face's crop that is compared; outside it, results fade out."""


def change(before: Image.Image, after: Image.Image, landmarks_before: Points, landmarks_after: Points) -> float:
    """Mean absolute difference, in grey levels of 0-255, of a face and the same face in the next frame, warped onto it.

    Args:
        before, after: successive frames, RGB.
        landmarks_before, landmarks_after: (5, 2), px, of the face in them.
    """
    crop = to_template(landmarks_after)
    x, y = crop.inverse(np.array([0.5, 0.5]))
    frame = around((float(x), float(y)), INSIDE / crop.scale, -crop.angle)
    moved = fit(landmarks_before, landmarks_after).then(frame)
    one, two = (np.asarray(align(i, f, SIDE)).astype(np.float64) for i, f in ((before, moved), (after, frame)))
    return float(np.abs(one - two).mean())


def main() -> None:
    """Measure and print."""
    from video import changes, make  # which takes `change` from here

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--to", choices=("anime", "real"), default="anime")
    parser.add_argument("--method", default="galatea")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder for the clips")
    options = parser.parse_args()
    bundle = Translator.load(options.method, to=options.to).bundle
    network = Network(bundle, threads=options.threads, redraws=False)
    finder = FollowingFinder(FaceFinder(threads=options.threads))
    ratios = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for picture in options.pictures:
            source, result = (folder / f"{picture.stem}{which}.mp4" for which in ("", f"-{options.to}"))
            known = make(source, options.frames, (1280, 720), 480, 1, finder, [picture])
            translate_clip(source, result, lambda to: network, ClipOptions(to=options.to), finder=finder)
            clip, made = changes(source, known), changes(result, known)
            ratios[picture.stem] = round(made / clip, 2)
            print(f"{picture.stem}: clip {clip:.2f}, result {made:.2f}, ratio {made / clip:.2f}", flush=True)
    mean = round(statistics.fmean(ratios.values()), 2)
    print(json.dumps({"mean_ratio": mean, "worst": max(ratios.values()), "to": options.to, "ratios": ratios}))


if __name__ == "__main__":
    main()
