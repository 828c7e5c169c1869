"""The fixed pictures through bundles, as `translate` does it, and what the networks saw, to look at.

    python research/people/translate_fixed.py FIXED RESULTS NAME=BUNDLES ... [--who "man, 25"]

FIXED holds `drawings/` and `photographs/` (research/fixed_sheets/make.py); BUNDLES a folder of bundles, or one bundle.
RESULTS/NAME-real/ and RESULTS/NAME-anime/ get a picture each, and RESULTS/inputs-DOMAIN-SHARE what the networks saw, in
crops of that share of the usual side. A bundle that is told whom to show gets what the label network reads off the
face, or `--who` for all. A picture in which no face is found is named and left out.
"""

import argparse
from pathlib import Path

from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.bundle.save import load
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.who import Who, parse_who
from anime2real.pipeline import crop_faces, translate_crops
from anime2real.translator import Translator, find_faces

FOLDERS: dict[Domain, str] = {"anime": "drawings", "real": "photographs"}
ENDINGS = (".png", ".webp", ".jpg")


def bundles_of(given: str) -> tuple[str, list[Bundle]]:
    """The name before the equals sign, and the bundles in the folder behind it; one each way at most."""
    name, _, place = given.partition("=")
    folder = Path(place)
    ways = [folder / "galatea-anime-to-real", folder / "galatea-real-to-anime"]
    folders = [folder] if (folder / "bundle.json").is_file() else [way for way in ways if way.is_dir()]
    if not place or not folders:
        raise UserError(f"{given}: give NAME=FOLDER, with galatea-anime-to-real, galatea-real-to-anime or both in it")
    return name, [load(one) for one in folders]


def translate_fixed(fixed: Path, results: Path, name: str, bundle: Bundle, who: Who) -> tuple[Path, Path]:
    """Translate one half of the fixed pictures.

    Returns:
        the folder of what the network saw, and that of its results: pictures of the same names, as PNG.
    """
    inputs = results / f"inputs-{FOLDERS[bundle.source]}-{bundle.crop_share:g}"
    output = results / f"{name}-{bundle.target}"
    for folder in (inputs, output):
        folder.mkdir(parents=True, exist_ok=True)
    translator = Translator(bundle)
    paths = sorted(p for p in (fixed / FOLDERS[bundle.source]).iterdir() if p.suffix.lower() in ENDINGS)
    if not paths:
        raise UserError(f"{fixed / FOLDERS[bundle.source]} has no pictures: research/fixed_sheets/make.py makes them")
    missed = []
    for path in paths:
        picture = Image.open(path).convert("RGB")
        faces = find_faces(picture)[:1]
        if not faces:
            missed.append(path.stem)
            continue
        crops = crop_faces(picture, faces, bundle, who=who)
        Image.fromarray(crops.pixels[0]).save(inputs / f"{path.stem}.png")
        Image.fromarray(translate_crops(translator, [crops])[0][0]).save(output / f"{path.stem}.png")
    none = f"; no face in {', '.join(missed)}" if missed else ""
    print(f"{output}: {len(paths) - len(missed)}{none}", flush=True)
    return inputs, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("bundles", nargs="+", help="NAME=FOLDER")
    parser.add_argument("--who", default="auto")
    options = parser.parse_args()
    for given in options.bundles:
        name, bundles = bundles_of(given)
        for bundle in bundles:
            translate_fixed(options.fixed, options.results, name, bundle, parse_who(options.who))


if __name__ == "__main__":
    main()
