"""How small a face a clip's finder sees, by how often its frame is halved: whole runs, half of the size, and a quarter.

    python research/small_faces_in_clips.py [--rounds 3]

The faces of `examples/`, drawn and photographed, are laid into backgrounds of 1280×720 px at several sizes (the side of
the landmark network's square), with grain of 4 levels, as JPEG of quality 80. Printed is the share that is found.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import FaceFinder, square_of
from anime2real.video.follow import FollowingFinder

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZE = 1280, 720
SIDES = (40, 48, 56, 64, 72, 80, 100, 120, 160)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    whole = FaceFinder(threads=1)
    finder, random = FollowingFinder(whole), np.random.default_rng(0)
    pictures = [Image.open(p).convert("RGB") for p in sorted([*EXAMPLES.glob("*.png"), *EXAMPLES.glob("*/*.webp")])]
    squares = [square_of(whole(picture)[0].landmarks) for picture in pictures]
    noise = random.integers(60, 200, (6, 9, 3), np.uint8)
    background = Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)
    for side in SIDES:
        found = []
        for picture, (x, y, own, _) in list(zip(pictures, squares, strict=True)) * rounds:
            share = side / own
            laid = picture.resize([round(s * share) for s in picture.size], Image.Resampling.LANCZOS)
            left, top = (int(random.integers(0, max(1, s - own_))) for s, own_ in zip(SIZE, laid.size, strict=True))
            frame = background.copy()
            frame.paste(laid, (left, top))
            grain = np.asarray(frame) + random.normal(0, 4, (SIZE[1], SIZE[0], 1))
            Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(coded := io.BytesIO(), "JPEG", quality=80)
            frame, middle = Image.open(coded).convert("RGB"), np.array([left + x * share, top + y * share])
            for coarse in range(3):
                seen = [square_of(face.landmarks)[:2] for face in finder(frame, coarse=coarse)]
                found.append(any(np.hypot(*(middle - one)) < 0.3 * side for one in seen))
        shares = np.reshape(found, (-1, 3)).mean(0)
        print(
            f"{side} px, of {len(found) // 3}: " + "whole {:.0%}, half {:.0%}, quarter {:.0%}".format(*shares),
            flush=True,
        )


if __name__ == "__main__":
    main()
