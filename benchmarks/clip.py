"""Processor time of a clip beside the network: decoding, following the face, outlines, pasting, encoding.

    python benchmarks/clip.py [--frames 75] [--width 1280] [--height 720] [--face 480] [--method galatea]
    python benchmarks/clip.py --clock 3

The clip is that of `video.py`, one face that sways, another drawing in each frame. The method's network is taken out:
its crops come back as they are, so that what is left is the program's own. Decoding and following are measured alone,
too. Milliseconds of processor time a frame, of all cores together, since a machine may be busy; the last line is JSON.

`--clock ROUNDS`, for a quiet machine, runs the network: milliseconds a frame by the clock, from file to file, less
those that the network takes alone, in the same batches on the same threads. They take turns, and best rounds count.
The face hardly changes in its crop, so that most frames get the head of one before; with `--every`, none does, as where
somebody talks.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from video import make

from anime2real.face.finder import FaceFinder
from anime2real.network import Network
from anime2real.translator import Translator
from anime2real.video import frames
from anime2real.video.clip import ClipLimits
from anime2real.video.film import Film
from anime2real.video.follow import FollowingFinder
from anime2real.video.track import Tracker
from anime2real.video.translate import ClipOptions, translate_clip


class Recorded(Network):
    """A bundle's network that keeps what it is asked."""

    asked: list[tuple[Any, ...]]

    def translate(self, *asked: Any, **more: Any) -> NDArray[np.uint8]:
        """As `Network.translate`."""
        self.asked.append(asked)
        return super().translate(*asked, **more)


class Unchanged(Network):
    """A bundle's network that is not run."""

    def translate(self, pixels: NDArray[np.uint8], *_: Any) -> NDArray[np.uint8]:
        """The same pixels."""
        return pixels


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--face", type=float, default=480, help="side of a drawing, px")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="galatea")
    parser.add_argument("--clock", type=int, metavar="ROUNDS", help="by the clock, with the network")
    parser.add_argument("--once", action="store_true", help="with --clock: results are not drawn again")
    parser.add_argument("--every", action="store_true", help="each frame is translated, however alike its crop")
    options = parser.parse_args()
    if options.every:
        vars(frames)["UNCHANGED"] = -1.0
    bundle = Translator.load(options.method).bundle
    unchanged = Unchanged(bundle, threads=options.threads, redraws=False)
    finder = FollowingFinder(FaceFinder(threads=options.threads))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "clip.mp4"
        make(source, options.frames, (options.width, options.height), options.face, 1, finder)

        def decode() -> None:
            for _ in Film(source, ClipLimits()).frames():
                pass

        def follow() -> None:
            tracker = Tracker(finder)
            for frame in Film(source, ClipLimits()).frames():
                tracker(frame)

        def translate(network: Network = unchanged) -> None:
            result = Path(folder) / "result.mp4"
            translate_clip(source, result, lambda to: network, ClipOptions(to="real"), finder=finder)

        def milliseconds(work: Callable[[], None], clock: Callable[[], float] = time.process_time) -> float:
            begun = clock()
            work()
            return round(1000 * (clock() - begun) / options.frames, 1)

        if options.clock:
            network = Recorded(bundle, threads=options.threads, redraws=not options.once)
            line = by_the_clock(options.clock, network, translate, milliseconds)
        else:
            translate()  # what is loaded once
            decoding, followed, all_of_it = map(milliseconds, (decode, follow, translate))
            line = {"cpu_ms_a_frame": all_of_it, "of_that_decoding_once": decoding}
            line |= {"of_that_following": round(followed - decoding, 1)}
    settings = {k: getattr(options, k) for k in ("frames", "width", "height", "face", "threads", "method", "every")}
    print(json.dumps(line | settings | {"cores": len(os.sched_getaffinity(0))}))


def by_the_clock(rounds: int, network: Recorded, translate: Callable[..., None], timed: Callable[..., float]) -> Any:
    """What a frame takes with the network, what the network takes of it alone, and the difference, ms."""
    network.asked = []
    translate(network)  # what is loaded once
    asked = list(network.asked)

    def alone() -> None:
        for each in asked:
            network.translate(*each)

    ways = {"ms_a_frame": lambda: translate(network), "ms_of_the_network_a_frame": alone}
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            before, begun = taken_by_others(), time.perf_counter()
            took = timed(way, time.perf_counter)
            others = (taken_by_others() - before) / (time.perf_counter() - begun)
            best[name] = min((took, others), best.get(name, (took, others)))
            print(f"{name}: {took} ms, while others took {others:.0%} of a core", flush=True)
    (whole, others), (alone_ms, others_alone) = best.values()
    line = {name: took for name, (took, _) in best.items()}
    line["ms_beside_the_network_a_frame"] = round(whole - alone_ms, 1)
    line["faces_translated"] = sum(len(pixels) for pixels, *_ in asked)
    return line | {"cores_taken_by_others": round(max(others, others_alone), 2)}


def taken_by_others() -> float:
    """Seconds of all cores that other processes have taken since the machine was started; 0 where nobody says."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    user, nice, system, _, _, interrupts, soft, *_ = map(int, stat.read_text().split()[1:11])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK") - time.process_time()


if __name__ == "__main__":
    main()
