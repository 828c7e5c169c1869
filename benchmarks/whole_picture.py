"""What a request for a whole picture of 24 megapixels costs `serve`, step by step.

    python benchmarks/whole_picture.py [--method galatea] [--height 2000] [--rounds 3]

A portrait in a picture of 6,000 × 4,000 px, under a camera's noise, goes through the service as POST /v1/translate with
`layout=paste` takes it. Each step's seconds of the clock and of the CPU, medians over the rounds.
"""

import argparse
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from anime2real.bundle.registry import find
from anime2real.web.request import TranslateRequest
from anime2real.web.service import TranslationService
from anime2real.web.settings import Settings

PHOTOGRAPH: Final = Path(__file__).parents[1] / "docs" / "pictures" / "astronaut.jpg"
SIZE: Final = (6000, 4000)
NOISE: Final = 4
"""Standard deviation, grey levels."""


def photograph(height: int) -> bytes:
    """A JPEG of 24 megapixels, in which the portrait is so many px high."""
    with Image.open(PHOTOGRAPH) as image:
        portrait = image.convert("RGB")
    canvas = portrait.resize((60, 40)).resize(SIZE, Image.Resampling.BICUBIC)
    width = round(portrait.width * height / portrait.height)
    place = ((SIZE[0] - width) // 2, (SIZE[1] - height) // 2)
    canvas.paste(portrait.resize((width, height), Image.Resampling.BICUBIC), place)
    pixels = np.asarray(canvas).astype(np.int16)
    noise = np.random.default_rng(0).normal(0, NOISE, (*SIZE[::-1], 1)).astype(np.int16)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", help="the best one if not given")
    parser.add_argument("--height", type=int, default=2000, help="px, of the portrait (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    content = photograph(options.height)
    service = TranslationService([find(options.method, "anime")], Settings())
    request = TranslateRequest("anime", (), 0, "paste")
    took: dict[str, list[tuple[float, float]]] = {}

    def timed(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        clock, cpu = time.monotonic(), time.process_time()
        result = step(*arguments)
        took.setdefault(name, []).append((time.monotonic() - clock, time.process_time() - cpu))
        return result

    for _ in range(options.rounds):
        prepared = timed("decode, find, crop", service.prepare, content, request)
        outputs = [
            timed("network", service.translators[job.key], job.crops.pixels,
                  job.crops.landmarks, [job.variant], job.crops.who)
            for job in prepared.jobs
        ]  # fmt: skip
        timed("paste, encode", service.finish, prepared, outputs)
    service.close()
    total = [0.0, 0.0]
    left, _, right, _ = prepared.jobs[0].crops.records()[0]["box"]
    print(f"a face in a frame of {right - left:,.0f} px")
    for name, rows in took.items():
        clock, cpu = (statistics.median(row[k] for row in rows) for k in (0, 1))
        total = [total[0] + clock, total[1] + cpu]
        print(f"{name}: {clock:.2f} s, CPU {cpu:.2f} s")
    print(f"all: {total[0]:.2f} s, CPU {total[1]:.2f} s")


if __name__ == "__main__":
    main()
