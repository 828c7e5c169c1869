"""What it brings to try the detector's candidates under better ones where nothing was found (`face/finder.py`).

    python research/overlapped_candidates.py selfie-256.zip celebahq-men-512.zip anime-256.zip anime-96.zip

Of each zip archive the first `--pictures` of its training split, by name: how many have a face, and how many without
that second try. The last line is JSON.
"""

import argparse
import io
import json
import zipfile
from pathlib import Path

from PIL import Image

from anime2real.face import finder
from anime2real.face.finder import Candidate, FaceFinder
from anime2real.face.geometry import Face


class OneTry(FaceFinder):
    """The finder without the second try: of the candidates, those under better ones are never seen."""

    def faces_of(self, image: Image.Image, candidates: list[Candidate], score: float = finder.SCORE) -> list[Face]:
        return super().faces_of(image, finder.suppressed(candidates), score)


def main() -> None:
    """Find faces in each archive's pictures, both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=1000)
    options = parser.parse_args()
    both, once = FaceFinder(threads=1), OneTry(threads=1)
    found = {}
    for archive in options.archives:
        with zipfile.ZipFile(archive) as file:
            names = sorted(n for n in file.namelist() if n.startswith("train/") and not n.endswith("/"))
            names = names[: options.pictures]
            counts = {"pictures": len(names), "found": 0, "found_without": 0}
            for name in names:
                image = Image.open(io.BytesIO(file.read(name))).convert("RGB")
                candidates = both.candidates(image)
                counts["found"] += bool(both.faces_of(image, candidates))
                counts["found_without"] += bool(once.faces_of(image, candidates))
        print(archive.name, counts, flush=True)
        found[archive.name] = counts
    print(json.dumps(found))


if __name__ == "__main__":
    main()
