"""Frames a second of a translated clip, and how much it flickers: tracked and steadied against every frame alone.

    python benchmarks/video.py [--frames 150] [--width 640] [--height 360] [--face 240] [--rounds 3] [--threads 2]

The clip is made on the spot: drawn faces of `examples/` that sway, nod and breathe over a background, with film grain,
as H.264. Ours is `translate_clip`. The reference is what pictures get, frame by frame: the whole finder, each frame's
faces translated, pasted back; it decodes and encodes as ours does. They take turns; times are medians, of all from file
to file. Flicker is measured (`anime2real.video.flicker`) with the landmarks that are known, not those found, over all
frames: as the finder is, and with a finder made worse by one px of noise. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from anime2real.crops import line_up, put_back
from anime2real.face.face import Face
from anime2real.face.finder import FaceFinder
from anime2real.face.geometry import Points, Similarity, around
from anime2real.translator import Translator
from anime2real.video.clip import ClipLimits
from anime2real.video.film import Film
from anime2real.video.flicker import flicker
from anime2real.video.track import Finder, Frame
from anime2real.video.translate import ClipOptions, translate_clip

EXAMPLES = Path(__file__).parent.parent / "examples"
RATE = 25


class Noisy:
    """A finder whose landmarks are off by a Gaussian of `px` px, anew at each look."""

    def __init__(self, finder: FaceFinder, px: float) -> None:
        self._finder, self._px = finder, px
        self._random = np.random.default_rng(0)

    def __call__(self, image: Image.Image) -> list[Face]:
        """The faces in a picture."""
        return self._moved(self._finder(image))

    def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame."""
        return self._moved(self._finder.follow(image, faces))

    def _moved(self, faces: list[Face]) -> list[Face]:
        return [replace(f, landmarks=f.landmarks + self._random.normal(0, self._px, (5, 2))) for f in faces]


def make(path: Path, frames: int, size: tuple[int, int], side: float, finder: FaceFinder) -> list[list[Points]]:
    """Write the clip; returns, of each face, its landmarks in each frame, px."""
    random = np.random.default_rng(0)
    noise = random.integers(60, 200, (6, 9, 3), np.uint8)
    base = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    names = ("aoi", "mika")
    drawings = [Image.open(EXAMPLES / f"{name}.png").convert("RGB") for name in names]
    found = [finder(drawing)[0].landmarks for drawing in drawings]
    known: list[list[Points]] = [[] for _ in names]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", RATE, {"crf": "20", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            image = base.copy()
            for which, (drawing, landmarks) in enumerate(zip(drawings, found, strict=True)):
                place = _place(i / RATE + which, which, size, side)
                known[which].append(place(landmarks))
                inverse = tuple(place.inverse.matrix().flatten())
                moved, mask = (
                    layer.transform(size, Image.Transform.AFFINE, inverse, resample=Image.Resampling.BICUBIC)
                    for layer in (drawing, Image.new("L", drawing.size, 255))
                )
                image.paste(moved, (0, 0), mask)
            grain = np.asarray(image) + random.normal(0, 4, (size[1], size[0], 1))
            frame = av.VideoFrame.from_ndarray(grain.clip(0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return known


def _place(t: float, which: int, size: tuple[int, int], side: float) -> Similarity:
    """From px of a drawing of 256×256 px to the clip's, at time t, s."""
    x = size[0] * (0.27 + 0.46 * which) + 0.06 * size[0] * np.sin(2.0 * t)
    y, angle = size[1] / 2 + 0.04 * size[1] * np.sin(3.1 * t), 0.12 * np.sin(1.5 * t)
    grown = side * (1 + 0.05 * np.sin(1.1 * t))
    return around((128.0, 128.0), 256.0).then(around((float(x), float(y)), float(grown), float(angle)).inverse)


def alone(source: Path, target: Path, translator: Translator, finder: Finder) -> None:
    """The reference: every frame found and translated for itself."""
    film = Film(source, ClipLimits())

    def results() -> Iterator[Frame]:
        for frame in film.frames():
            faces = finder(frame.image)
            if faces:
                crops = line_up(frame.image, faces, translator.bundle)
                made = translator.translate(crops.pixels, crops.landmarks)
                frame = replace(frame, image=put_back(frame.image, crops.frames, made))
            yield frame

    segment = target.with_suffix(".nut")
    film.write_segment(segment, results())
    film.join([segment], target)
    segment.unlink()


def flickers(source: Path, target: Path, known: list[list[Points]]) -> float:
    """Mean over frames and faces, grey levels."""
    pairs = zip(Film(source, ClipLimits()).frames(), Film(target, ClipLimits()).frames(), strict=True)
    values = []
    for i, ((before, made), (after, remade)) in enumerate(pairwise(pairs)):
        for face in known:
            pictures = (before.image, after.image), (made.image, remade.image)
            values.append(flicker(*pictures, (face[i], face[i + 1])))
    return statistics.fmean(values)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--face", type=float, default=240, help="side of a drawing, px")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="cyclegan")
    parser.add_argument("--keep", type=Path, help="a folder for the clips")
    options = parser.parse_args()

    translator = Translator.load(options.method, threads=options.threads)
    finder = FaceFinder(threads=options.threads)
    noisy = Noisy(finder, 1.0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "clip.mp4"
        known = make(source, options.frames, (options.width, options.height), options.face, finder)

        def ours(target: Path, finder: Finder, steadied: bool) -> None:
            settings = ClipOptions(to="real") if steadied else ClipOptions(to="real", smooth=None)
            translate_clip(source, target, lambda to: translator, settings, finder=finder)

        ways: dict[str, Callable[[Path, Finder], None]] = {
            "ours": lambda target, finder: ours(target, finder, True),
            "unsmoothed": lambda target, finder: ours(target, finder, False),
            "alone": lambda target, finder: alone(source, target, translator, finder),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name in ("ours", "alone"):
                start = time.perf_counter()
                ways[name](folder / f"{name}.mp4", finder)
                seconds[name].append(time.perf_counter() - start)
        ways["unsmoothed"](folder / "unsmoothed.mp4", finder)
        for name, way in ways.items():
            way(folder / f"{name}-noisy.mp4", noisy)
        fps = {name: options.frames / statistics.median(values) for name, values in seconds.items() if values}
        levels = {
            f"{name}{which}": flickers(source, folder / f"{name}{which}.mp4", known)
            for which in ("", "-noisy")
            for name in ways
        }
    print(f"ours {fps['ours']:.2f} frames/s, every frame alone {fps['alone']:.2f}")
    for name, value in levels.items():
        print(f"flicker, {name}: {value:.3f} grey levels")
    line = {"fps_ours": round(fps["ours"], 3), "fps_alone": round(fps["alone"], 3)}
    line |= {"ratio": round(fps["ours"] / fps["alone"], 3)}
    line |= {f"flicker_{name.replace('-', '_')}": round(value, 3) for name, value in levels.items()}
    line["flicker_ratio_noisy"] = round(levels["ours-noisy"] / levels["alone-noisy"], 3)
    settings = {k: getattr(options, k) for k in ("frames", "width", "height", "face", "threads", "method")}
    print(json.dumps(line | settings | {"cores": len(os.sched_getaffinity(0))}))


if __name__ == "__main__":
    main()
