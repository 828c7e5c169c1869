"""Frames a second of a translated clip, and how much it flickers: tracked and steadied against every frame alone.

    python benchmarks/video.py [--frames 75] [--width 640] [--height 360] [--face 240] [--rounds 2] [--threads 2]

The clip is made on the spot: a drawn face of `examples/` that sways, nods and breathes over a background, with film
grain, as H.264; once with another drawing in each frame, once "on twos", as animation is drawn, for two frames each.
Ours is `translate_clip`. The reference is what pictures get, frame by frame: the whole finder, each frame's faces
translated, pasted back; it decodes and encodes as ours does. They take turns; times are medians, of all from file to
file. Flicker is measured (`flicker.py`) with the landmarks that are known, not those found, over all
frames of the first clip: as the finder is, and with a finder made worse by one px of noise. The last line is JSON.
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
from flicker import change
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.finder import FaceFinder
from anime2real.face.geometry import Face, Points, Similarity, around
from anime2real.image.picture import Picture
from anime2real.pipeline import compose, crop_faces, translate_crops
from anime2real.translator import Translator
from anime2real.video.clip import ClipLimits, Frame
from anime2real.video.film import Film
from anime2real.video.follow import FollowingFinder
from anime2real.video.track import Finder
from anime2real.video.translate import ClipOptions, translate_clip

EXAMPLES = Path(__file__).parent.parent / "examples"
RATE = 25
Way = Callable[[Path, Finder], None]


class Noisy:
    """A finder whose landmarks are off by a Gaussian of `px` px, anew at each look."""

    def __init__(self, finder: Finder, px: float) -> None:
        self._finder, self._px = finder, px
        self._random = np.random.default_rng(0)

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        """The faces in a picture."""
        return self._moved(self._finder(image, coarse=coarse))

    def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame."""
        return self._moved(self._finder.follow(image, faces))

    def _moved(self, faces: list[Face]) -> list[Face]:
        return [replace(f, landmarks=f.landmarks + self._random.normal(0, self._px, (5, 2))) for f in faces]


def make(
    path: Path,
    frames: int,
    size: tuple[int, int],
    side: float,
    hold: int,
    finder: Finder,
    pictures: Sequence[Path] = (EXAMPLES / "aoi.png",),
) -> list[list[Points]]:
    """Write the clip, each drawing for `hold` frames; returns, of each face, its landmarks in each frame, px."""
    random = np.random.default_rng(0)
    noise = random.integers(60, 200, (6, 9, 3), np.uint8)
    base = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    drawings = [Image.open(picture).convert("RGB").resize((256, 256), Image.Resampling.BOX) for picture in pictures]
    found = [finder(drawing)[0].landmarks for drawing in drawings]
    known: list[list[Points]] = [[] for _ in pictures]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", RATE, {"crf": "20", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        grain = np.zeros((size[1], size[0], 3), np.uint8)
        for i in range(frames):
            if i % hold:
                container.mux(stream.encode(_as_frame(grain, i)))
                for places in known:
                    places.append(places[-1])
                continue
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
            grain = (np.asarray(image) + random.normal(0, 2, (size[1], size[0], 1))).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(_as_frame(grain, i)))
        container.mux(stream.encode())
    return known


def _as_frame(pixels: NDArray[np.uint8], number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _place(t: float, which: int, size: tuple[int, int], side: float) -> Similarity:
    """From px of a drawing of 256×256 px to the clip's, at time t, s."""
    x = size[0] * 0.5 + 0.06 * size[0] * np.sin(2.0 * t)
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
                crops = crop_faces(frame.image, faces, translator.bundle)
                made = compose(crops, translate_crops(translator, [crops])[0], "paste")[0]
                frame = replace(frame, picture=made)
            yield frame

    segment = target.with_suffix(".nut")
    film.write_segment(segment, results())
    film.join([segment], target)
    segment.unlink()


def timed(ways: dict[str, Way], folder: Path, finder: Finder, rounds: int) -> dict[str, float]:
    """Median seconds of ours and the reference, taking turns."""
    seconds: dict[str, list[float]] = {"ours": [], "alone": []}
    for _ in range(rounds):
        for name, values in seconds.items():
            start = time.perf_counter()
            ways[name](folder / f"{name}.mp4", finder)
            values.append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def changes(path: Path, known: list[list[Points]]) -> float:
    """Mean change of the faces from frame to frame, warped onto each other, grey levels."""
    values = []
    for i, (before, after) in enumerate(pairwise(Film(path, ClipLimits()).frames())):
        values += [change(before.image, after.image, face[i], face[i + 1]) for face in known]
    return statistics.fmean(values)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--face", type=float, default=240, help="side of a drawing, px")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="cyclegan")
    parser.add_argument("--keep", type=Path, help="a folder for the clips")
    options = parser.parse_args()

    translator = Translator.load(options.method, threads=options.threads)
    finder = FollowingFinder(FaceFinder(threads=options.threads))
    noisy = Noisy(finder, 1.0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "clip.mp4"
        size = options.width, options.height

        def ours(target: Path, finder: Finder, steadied: bool) -> None:
            settings = ClipOptions(to="real") if steadied else ClipOptions(to="real", smooth=None)
            translate_clip(source, target, lambda to: translator, settings, finder=finder)

        ways: dict[str, Way] = {
            "ours": lambda target, finder: ours(target, finder, True),
            "unsmoothed": lambda target, finder: ours(target, finder, False),
            "alone": lambda target, finder: alone(source, target, translator, finder),
        }
        known = make(source, options.frames, size, options.face, 2, finder)
        held = timed(ways, folder, finder, options.rounds)
        known = make(source, options.frames, size, options.face, 1, finder)
        seconds = timed(ways, folder, finder, options.rounds)
        ways["unsmoothed"](folder / "unsmoothed.mp4", finder)
        for name, way in ways.items():
            way(folder / f"{name}-noisy.mp4", noisy)
        fps, fps_held = ({name: options.frames / s for name, s in way.items()} for way in (seconds, held))
        itself = changes(source, known)
        levels = {
            f"{name}{which}": changes(folder / f"{name}{which}.mp4", known) - itself
            for which in ("", "-noisy")
            for name in ways
        }
    for what, rates in (("each frame another drawing", fps), ("each drawing for two frames", fps_held)):
        print(f"{what}: ours {rates['ours']:.2f} frames/s, every frame alone {rates['alone']:.2f}")
    print(f"change of the clip itself, {itself:.3f} grey levels; beyond that:")
    for name, value in levels.items():
        print(f"flicker, {name}: {value:.3f} grey levels")
    line = {"fps_ours": round(fps["ours"], 3), "fps_alone": round(fps["alone"], 3)}
    line |= {f"fps_{name}_on_twos": round(value, 3) for name, value in fps_held.items()}
    line |= {"ratio_on_twos": round(fps_held["ours"] / fps_held["alone"], 3)}
    line |= {"ratio": round(fps["ours"] / fps["alone"], 3)}
    line |= {f"flicker_{name.replace('-', '_')}": round(value, 3) for name, value in levels.items()}
    line["change_of_the_clip"] = round(itself, 3)
    settings = {k: getattr(options, k) for k in ("frames", "width", "height", "face", "threads", "method")}
    print(json.dumps(line | settings | {"cores": len(os.sched_getaffinity(0))}))


if __name__ == "__main__":
    main()
