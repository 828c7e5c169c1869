"""How near photographs drawn of face parts are to genuine ones, and whether their hair is where it was asked for.

    python research/asked_parts.py packs/parts-256 small=RUNS/pix2pixhd-small/bundles/pix2pixhd-anime-to-real \
      paper=RESULTS/paper --sheet sheet.png

Of the pack's held-out pairs. A name stands for a bundle, or for a folder with a picture for each pair, named as its
label map. KID is between results and the pairs' photographs, mean and standard deviation over 100 subsets of half of
each. Hair is read off each result by the network of `prepare --hair`, and compared with the class `hair` of its label
map: intersection over union, of all pixels together and, in the median, of the pictures that ask for hair. `genuine`
are the photographs themselves, `others` as many of the training split: what a perfect translator would come to; `parts`
are the label maps, shown in colours. The sheet shows the first pairs: label map, photograph, results. The last line is
JSON.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real import Translator
from anime2real.bundle.format import MANIFEST
from anime2real.bundle.registry import open_bundle
from anime2real.data.hair_masks import MIN_SHARE, hair_mask
from anime2real.data.members import Split
from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError
from anime2real.image.label_map import coloured
from anime2real.measure.distances import kid
from anime2real.measure.features import Features
from anime2real.progress import Progress

Pictures = NDArray[np.uint8]


def results_of(source: Path, maps: Pictures, landmarks: NDArray[np.float64], names: list[str]) -> Pictures:
    """What a bundle makes of label maps, or what a folder holds under their names."""
    if (source / MANIFEST).is_file():
        return Translator(open_bundle(source)).translate(maps, landmarks)
    found = {path.stem: path for path in source.iterdir()}
    if missing := [name for name in names if name not in found]:
        raise UserError(f"{source} has no results of {len(missing)} pairs, the first {missing[0]}")
    return np.stack([np.asarray(Image.open(found[name]).convert("RGB")) for name in names])


def overlap(pictures: Pictures, asked: NDArray[np.bool_]) -> dict[str, float]:
    """Intersection over union of the hair that is found and asked for: of all pixels, and in the median."""
    found = np.stack([hair_mask(Image.fromarray(picture)) >= 128 for picture in pictures])
    both, either = (found & asked).sum((1, 2)), (found | asked).sum((1, 2))
    wanted = asked.mean((1, 2)) >= MIN_SHARE
    return {"iou": both.sum() / either.sum(), "median_iou": float(np.median(both[wanted] / either[wanted]))}


def rows_of(pack: Pack, split: Split) -> NDArray[np.int64]:
    """The photographs of the pairs of a split, in the order of their label maps."""
    place = {pack.index[row]["pair"]: row for row in pack.rows("real", split)}
    return np.array([place[pack.index[row]["pair"]] for row in pack.rows("anime", split)])


def sheet(columns: list[Pictures], count: int, path: Path) -> None:
    """A row for each of the first pairs."""
    Image.fromarray(np.concatenate([np.concatenate(column[:count]) for column in columns], axis=1)).save(path)


def main() -> None:
    """Measure, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("results", nargs="*", help="NAME=BUNDLE or NAME=FOLDER")
    parser.add_argument("--features", nargs="+", default=["VGG", "Lite0"])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--shown", type=int, default=12, help="pairs on the sheet")
    options = parser.parse_args()
    try:
        pack = Pack(options.pack)
        if "hair" not in pack.classes:
            raise PackError(f"{options.pack} has no label maps with a class called hair")
        rows, real = pack.rows("anime", "test"), rows_of(pack, "test")
        maps, genuine = pack.images[rows], pack.images[real]
        asked = maps[..., 0] == pack.classes.index("hair")
        entries = [pack.index[row] for row in rows]
        landmarks = np.array([entry["landmarks"] for entry in entries]) / pack.size
        names = [Path(entry["file"]).stem for entry in entries]
        others = np.random.default_rng(0).permutation(rows_of(pack, "train"))[: len(rows)]
        shown = coloured(maps, len(pack.classes))
        measured = {"genuine": genuine, "others": pack.images[np.sort(others)], "parts": shown}
        for text in options.results:
            name, _, source = text.partition("=")
            measured[name] = results_of(Path(source), maps, landmarks, names)
        networks = {name: Features(name) for name in options.features}
        vectors = {name: network(genuine) for name, network in networks.items()}
        figures = {}
        with Progress(quiet=False) as progress:
            for place, (name, pictures) in enumerate(measured.items()):
                figures[name] = {} if name in ("others", "parts") else overlap(pictures, asked)
                for feature, network in networks.items():
                    if name != "genuine":
                        spread = kid(network(pictures), vectors[feature], size=len(rows) // 2)
                        figures[name] |= {feature: 1000 * spread.mean, f"{feature}_std": 1000 * spread.std}
                progress("measuring", place + 1, len(measured))
    except (UserError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    for name, found in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
    if options.sheet:
        columns = [shown, genuine, *(measured[name] for name in list(measured)[3:])]
        sheet(columns, options.shown, options.sheet)
    print(json.dumps({"pack": pack.folder.name, "pairs": len(rows), "figures": figures}))


if __name__ == "__main__":
    main()
