"""Reduces and splits the picture sets into parts that travel one at a time to the machine that trains.

    python research/new_pictures/split_for_upload.py SETS PARTS --part-mb 44

Each part is a zip of pictures named SOURCE.zip/SPLIT/NAME.webp. Pictures larger than `--px` are reduced to that width
and encoded again; the others travel as they are. Of the test pictures a few of each source come along, for sample
sheets. What is enlarged later comes first, so that it is enlarged while the rest travels. The last line is JSON.
"""

import argparse
import io
import json
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

SOURCES = (
    "anime-96.zip",
    "ffhq.zip",
    "anime-256.zip",
    "celebahq-men-512.zip",
    "generated-512.zip",
    "celebamask-256.zip",
)
"""In the order in which they travel."""

TESTS = 40
"""Test pictures of each source that come along."""


def reduced(content: bytes, px: int, quality: int) -> bytes:
    """The file of a picture no wider than `px`; as it is if it was not."""
    picture = Image.open(io.BytesIO(content))
    if picture.width <= px:
        return content
    small = picture.convert("RGB").resize((px, round(px * picture.height / picture.width)), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    small.save(held, "WEBP", quality=quality, method=5)
    return held.getvalue()


def _chosen(archive: Path, names: list[str], px: int, quality: int) -> list[bytes]:
    with zipfile.ZipFile(archive) as source:
        return [reduced(source.read(name), px, quality) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("parts", type=Path)
    parser.add_argument("--px", type=int, default=272)
    parser.add_argument("--quality", type=int, default=82)
    parser.add_argument("--part-mb", type=float, nargs="+", default=[44.0], help="of each part; the last for all more")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--toy", type=int, help="so many training pictures of each source alone")
    options = parser.parse_args()
    options.parts.mkdir(parents=True, exist_ok=True)
    part, size, number = None, 0, 0
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    with ProcessPoolExecutor(options.processes) as pool:
        for name in SOURCES:
            archive = options.sets / name
            with zipfile.ZipFile(archive) as source:
                there = sorted(n for n in source.namelist() if not n.endswith("/"))
            train = [n for n in there if n.startswith("train/")][: options.toy]
            chosen = train + [n for n in there if n.startswith("test/")][: min(TESTS, options.toy or TESTS)]
            chunks = [chosen[i : i + 100] for i in range(0, len(chosen), 100)]
            waiting = [pool.submit(_chosen, archive, chunk, options.px, options.quality) for chunk in chunks]
            for chunk, future in zip(chunks, waiting, strict=True):
                for label, content in zip(chunk, future.result(), strict=True):
                    limit = options.part_mb[min(max(number, 1), len(options.part_mb)) - 1]
                    if part is None or size + len(content) > limit * 1e6:
                        if part is not None:
                            part.close()
                        number += 1
                        folder = options.parts / f"part-{number}"
                        folder.mkdir(exist_ok=True)
                        part, size = zipfile.ZipFile(folder / "pictures.zip", "w"), 0
                    part.writestr(f"{name}/{label}", content)
                    size += len(content) + 2 * len(label) + 150
                    counts[name] += 1
                    sizes[name] += len(content)
    if part is not None:
        part.close()
    mb = {name: round(total / 1e6, 1) for name, total in sizes.items()}
    print(json.dumps({"parts": number, "pictures": dict(counts), "mb": mb}))


if __name__ == "__main__":
    main()
